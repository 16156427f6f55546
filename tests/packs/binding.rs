//! What a locked pack does: it binds, it needs neither its source nor a network, it is verified before it is used, and
//! it grants nothing to a workspace that nobody trusts.

use std::fs;
use std::net::TcpListener;

use crate::bench::{Bench, CEILING};

#[test]
fn a_locked_pack_binds_without_its_source() {
    let bench = Bench::new();
    let missing = bench.refused(3, &["validate"]);
    assert!(missing.stdout.contains("`lgflow pack add acme/base --from SOURCE`"), "{}", missing.stdout);
    bench.refused(3, &["run"]);
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    bench.add("acme/base", &source).ended(0);
    fs::remove_dir_all(&source).unwrap();

    bench.lgflow(&["validate"]).ended(0);
    bench.lgflow(&["run"]).ended(0);
    bench.read_file("open.txt").ended(0);
    let denied = bench.read_file("secret.txt").ended(4).json();
    assert_eq!(denied["error"]["rule"]["file"], "pack:acme/base/policy.yaml", "{denied}");
    let plan = bench.lgflow(&["plan", "--format", "json"]).ended(0).stdout;
    assert!(plan.contains("pack:acme/base/policy.yaml"), "{plan}");
}

#[test]
fn a_pack_of_the_user_is_a_ceiling_of_every_run() {
    let bench = Bench::new();
    bench.work.write(".lg/policy.yaml", "schema: lgflow.policy/v1\nname: work\ntools: { read_file: allow }\npaths: { read: { allow: [\"**\"] } }\n");
    let config = bench.beside("home/.config/lgflow");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("policy.yaml"),
        "schema: lgflow.policy/v1\nname: me\nceilings: ['pack:acme/base']\n",
    )
    .unwrap();
    bench.read_file("open.txt").ended(1).says("`lgflow pack add acme/base --from SOURCE --user`");
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    let source = source.to_str().unwrap();
    bench.lgflow(&["pack", "add", "acme/base", "--from", source, "--user", "--trust-source"]).ended(0);
    assert!(config.join("lg.lock").is_file() && !bench.work.path().join(".lg/lg.lock").exists());
    bench.read_file("open.txt").ended(0);
    bench.read_file("secret.txt").ended(4);
}

#[test]
fn a_tampered_byte_stops_everything_until_it_is_installed_again() {
    let bench = Bench::new();
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    bench.add("acme/base", &source).ended(0);
    let [tree] = &bench.trees()[..] else { panic!("one tree") };
    let policy = tree.join("policy.yaml");
    fs::remove_file(&policy).unwrap();
    fs::write(&policy, CEILING.replace("secret.txt", "secret.txT")).unwrap();
    for command in [&["run"][..], &["plan"], &["validate"], &["trust"], &["pack", "verify"]] {
        let ran = bench.refused(7, command);
        let said = ran.stderr + &ran.stdout;
        assert!(
            said.contains("`lgflow pack add`") && said.contains("is not what was locked"),
            "{command:?}: {said}"
        );
    }
    bench.lgflow(&["pack", "add"]).ended(0);
    bench.lgflow(&["pack", "verify"]).ended(0);
    bench.read_file("secret.txt").ended(4);

    // compared before it is parsed: what is no manifest at all is a wrong digest, and not a wrong manifest
    let manifest = tree.join("pack.yaml");
    let was = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    fs::write(&manifest, "\t{{{").unwrap();
    let ran = bench.refused(7, &["run"]).says("is not what was locked");
    assert!(!ran.stderr.contains("pack.yaml"), "{}", ran.stderr);
    fs::write(&manifest, was).unwrap();

    // what is no file at all is not followed
    fs::remove_file(&policy).unwrap();
    std::os::unix::fs::symlink(source.join("policy.yaml"), &policy).unwrap();
    bench.refused(7, &["run"]).says("symbolic link");
}

#[test]
fn a_lock_that_names_another_tree_or_version_is_not_believed() {
    let bench = Bench::new();
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    bench.add("acme/base", &source).ended(0);
    let lock = bench.work.read(".lg/lg.lock");
    bench.work.write(".lg/lg.lock", lock.replace("\"1.0.0\"", "\"9.0.0\""));
    bench.refused(3, &["run"]).says("that tree is `acme/base` 1.0.0");
    let digit = if lock.contains("sha256:0") { "1" } else { "0" };
    let at = lock.find("sha256:").unwrap() + "sha256:".len();
    bench.work.write(".lg/lg.lock", format!("{}{digit}{}", &lock[..at], &lock[at + 1..]));
    let missing = bench.refused(3, &["validate", "--format", "json"]).json();
    assert_eq!(missing["diagnostics"][0]["code"], "missing-pack");
    bench.refused(7, &["pack", "add"]).says("when it was first seen");
    fs::remove_dir_all(bench.work.state()).unwrap();
    let ran = bench.lgflow(&["pack", "add", "--trust-source"]).ended(7);
    ran.says("is not what was locked").says("lgflow pack update acme/base");
    assert!(bench.trees().is_empty());
    bench.work.write(".lg/lg.lock", &lock);
    bench.lgflow(&["pack", "add", "--trust-source"]).ended(0);
    bench.work.write(".lg/lg.lock", "<<<<<<< ours\n");
    bench.refused(3, &["run"]).says("is no lock that can be used");
    bench.work.write(".lg/lg.lock", lock.replace("\"packs\"", "\"signatures\": [], \"packs\""));
    bench.refused(3, &["run"]).says("unknown field `signatures`");
}

#[test]
fn an_untrusted_workspace_grants_itself_no_pack() {
    let bench = Bench::new();
    let grants = "schema: lgflow.policy/v1\nname: grants\ntools: { read_file: allow }\npaths: { read: { allow: ['**'] } }\n";
    let source = bench.pack("packs/base", "1.0.0", "", grants);
    bench.add("acme/base", &source).ended(0);
    bench
        .work
        .write(".lg/policy.yaml", "schema: lgflow.policy/v1\nname: work\ninclude: ['pack:acme/base']\n");
    bench.refused(4, &["run"]).says("it asks for the pack `pack:acme/base`");
    bench.lgflow(&["trust"]).ended(0);
    bench.lgflow(&["run"]).ended(0);
    bench.read_file("secret.txt").ended(0);

    // a later version that allows more is asked about twice: by the update, and by trust
    bench.pack(
        "packs/base",
        "1.1.0",
        "",
        &grants.replace("read_file: allow", "read_file: allow, exec: allow"),
    );
    let refused = bench.refused(4, &["pack", "update"]);
    let accept = refused.stderr.split("--accept ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    bench.lgflow(&["pack", "update", "--accept", &accept]).ended(0);
    bench.refused(4, &["run"]);
    bench.lgflow(&["trust"]).ended(0);
    bench.lgflow(&["run"]).ended(0);
}

#[test]
fn a_pack_that_the_user_has_locked_as_well_needs_no_trust() {
    let bench = Bench::new();
    let grants = "schema: lgflow.policy/v1\nname: grants\ntools: { read_file: allow }\npaths: { read: { allow: ['**'] } }\n";
    let source = bench.pack("packs/base", "1.0.0", "", grants);
    bench.add("acme/base", &source).ended(0);
    bench
        .work
        .write(".lg/policy.yaml", "schema: lgflow.policy/v1\nname: work\ninclude: ['pack:acme/base']\n");
    bench.refused(4, &["run"]).says("it asks for the pack `pack:acme/base`");
    fs::create_dir_all(bench.beside("home/.config")).unwrap();
    let from = source.to_str().unwrap();
    bench.lgflow(&["pack", "add", "acme/base", "--from", from, "--user"]).ended(0);
    bench.lgflow(&["run"]).ended(0);
    bench.read_file("open.txt").ended(0);
    // another content than the user's is another pack, and what a pack asks for is still asked for
    bench.pack("packs/base", "1.1.0", "", &format!("{grants}# more\n"));
    bench.lgflow(&["pack", "update"]).ended(0);
    bench.refused(4, &["run"]).says("it asks for the pack `pack:acme/base`");
    bench.pack(
        "packs/base",
        "1.2.0",
        "",
        &format!("{grants}network: [{{ origin: 'https://example.com:443' }}]\n"),
    );
    let refused = bench.refused(4, &["pack", "update"]);
    let accept = refused.stderr.split("--accept ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    bench.lgflow(&["pack", "update", "--accept", &accept]).ended(0);
    bench.lgflow(&["pack", "update", "--accept", &accept, "--user"]).ended(0);
    let refused = bench.refused(4, &["run"]).says("it asks for the network origin `https://example.com:443`");
    assert!(!refused.stderr.contains("it asks for the pack"), "{}", refused.stderr);
}

#[test]
fn validate_plan_and_run_reach_no_network() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/packs.git", listener.local_addr().unwrap());
    bench.work.write(
        ".lg/lg.lock",
        format!(
            "{{\"schema\": \"lgflow.lock/v1\", \"packs\": {{\"acme/base\": {{\"version\": \"1.0.0\", \"source\": {{\"kind\": \"git\", \"url\": \"{url}\", \"folder\": \".\"}}, \"revision\": {{\"name\": \"refs/tags/v1.0.0\", \"commit\": \"{}\"}}, \"tree\": \"sha256:{}\"}}}}}}",
            "a".repeat(40),
            "b".repeat(64)
        ),
    );
    for command in [&["validate"][..], &["plan"], &["run"], &["pack", "list"]] {
        let ran = bench.lgflow(command);
        assert_eq!(ran.code, Some(if command[0] == "pack" { 0 } else { 3 }), "{command:?}: {}", ran.stderr);
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains("not installed") && said.contains("`lgflow pack add`"), "{command:?}: {said}");
    }
    bench.refused(7, &["pack", "verify"]);
    // and an install asks before it reaches for a source that only a workspace names
    bench.refused(4, &["pack", "add"]).says("`acme` is not known to publish at");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody connected");
}
