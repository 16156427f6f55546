//! Every pack that is refused, with what to do about it; nothing is changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::bench::{Bench, CEILING};

fn add<'a>(name: &'a str, from: &'a str) -> [&'a str; 6] {
    ["pack", "add", name, "--from", from, "--trust-source"]
}

#[test]
fn a_publisher_is_learnt_from_a_person_and_from_nobody_else() {
    let bench = Bench::new();
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    let from = source.to_str().unwrap();
    bench.refused(4, &["pack", "add", "acme/base", "--from", from]).says("`--trust-source`");
    bench.work.write(".lg/config.toml", format!("[packs]\nacme = \"{from}\"\n"));
    bench.refused(4, &["pack", "add", "acme/base", "--from", from]);
    fs::remove_file(bench.work.path().join(".lg/config.toml")).unwrap();
    bench.lgflow(&add("acme/base", from)).ended(0);
    // known from now on, and only there
    bench.lgflow(&["pack", "add", "acme/base", "--from", from]).ended(0);
    let elsewhere = bench.pack("other/base", "1.1.0", "", CEILING);
    let ran = bench.refused(4, &["pack", "add", "acme/base", "--from", elsewhere.to_str().unwrap()]);
    ran.says(&format!("it publishes at directory {}", source.canonicalize().unwrap().display()));
}

#[test]
fn a_tree_holds_plain_files_under_plain_names() {
    let bench = Bench::new();
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    let from = source.to_str().unwrap();
    let odd = |name: &str| source.join(name);
    let refuse = |words: &str| {
        bench.refused(7, &add("acme/base", from)).says(words);
        assert!(bench.trees().is_empty());
    };
    symlink("/etc/passwd", odd("link.md")).unwrap();
    refuse("is a symbolic link; put the file itself there");
    fs::remove_file(odd("link.md")).unwrap();
    symlink("..", odd("above")).unwrap();
    refuse("symbolic link");
    fs::remove_file(odd("above")).unwrap();
    assert!(Command::new("mkfifo").arg(odd("pipe")).status().unwrap().success());
    refuse("is a named pipe; a pack holds regular files alone");
    fs::remove_file(odd("pipe")).unwrap();
    fs::write(bench.beside("outside.txt"), "x").unwrap();
    fs::hard_link(bench.beside("outside.txt"), odd("twin.md")).unwrap();
    refuse("hard links");
    fs::remove_file(odd("twin.md")).unwrap();
    for name in ["Policy.yaml", "caf\u{e9}.md", "a b.md", "dot.", "back\\slash"] {
        fs::write(odd(name), "x").unwrap();
        refuse(if name == "Policy.yaml" {
            "are one name where letters have no case"
        } else {
            "cannot be a name in such a folder"
        });
        fs::remove_file(odd(name)).unwrap();
    }
    fs::create_dir_all(odd("sub/.git")).unwrap();
    fs::write(odd("sub/.git/config"), "x").unwrap();
    refuse("`sub/.git/config` cannot be a name in such a folder");
    fs::remove_dir_all(odd("sub")).unwrap();
    fs::write(odd("large.md"), vec![b'x'; (4 << 20) + 1]).unwrap();
    refuse("has more than 4194304 bytes");
    fs::remove_file(odd("large.md")).unwrap();
    bench.lgflow(&add("acme/base", from)).ended(0);
}

#[test]
fn what_is_no_pack_or_another_one() {
    let bench = Bench::new();
    let empty = bench.beside("empty");
    fs::create_dir_all(&empty).unwrap();
    bench.refused(2, &add("acme/base", empty.to_str().unwrap())).says("has no `pack.yaml`");
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    let from = source.to_str().unwrap();
    bench.refused(2, &add("acme/core", from)).says("is the pack `acme/base`, not `acme/core`");
    bench.refused(2, &add("Acme/base", from)).says("is no name of a pack");
    bench.refused(2, &add("acme/base", "http://example.com/x.git")).says("use `https://` or `ssh://`");
    bench.refused(2, &["pack", "add", "acme/base"]).says("`--from SOURCE`");
    bench.pack("packs/base", "1.0.0.1", "", CEILING);
    bench.refused(3, &add("acme/base", from)).says("pack.yaml:3:10: `1.0.0.1` is no version of a pack");
    bench.pack("packs/base", "1.0.0", "", "schema: lgflow.policy/v1\nname: x\npathes: {}\n");
    bench.refused(3, &add("acme/base", from)).says("pack:acme/base/policy.yaml:3:1: unknown key `pathes`");
    let other = bench.work.outside().join("none");
    bench.refused(2, &add("acme/base", other.to_str().unwrap())).says("is no folder that can be opened");
}

#[test]
fn a_lower_version_than_seen_and_another_content_of_one_version() {
    let bench = Bench::new();
    let source = bench.pack("packs/base", "1.2.0", "", CEILING);
    let from = source.to_str().unwrap();
    bench.lgflow(&add("acme/base", from)).ended(0);
    bench.pack("packs/base", "1.1.0", "", CEILING);
    for command in [&["pack", "update"][..], &add("acme/base", from)] {
        bench.refused(4, command).says("`acme/base` 1.1.0 is lower than 1.2.0");
    }
    // the lock is the repository's, what was seen is the user's: another workspace is held to it as well
    let lock = bench.work.path().join(".lg/lg.lock");
    let locked = fs::read(&lock).unwrap();
    fs::remove_file(&lock).unwrap();
    bench.refused(4, &add("acme/base", from)).says("is lower than 1.2.0");
    fs::write(&lock, locked).unwrap();
    bench.pack("packs/base", "1.2.0", "", &CEILING.replace("secret", "sesame"));
    bench.refused(7, &["pack", "update"]).says("ask its publisher for a new version");
    // and knowingly back
    bench.pack("packs/base", "1.1.0", "", CEILING);
    bench.lgflow(&["pack", "update", "--allow-lower"]).ended(0);
    for command in ["run", "plan"] {
        bench.lgflow(&[command]).ended(0).says("`acme/base` is locked at 1.1.0, and 1.2.0 was seen");
    }
    let listed = bench.lgflow(&["pack", "list", "--format", "json"]).ended(0).json();
    assert_eq!(
        (&listed["packs"][0]["version"], &listed["packs"][0]["highest_seen"]),
        (&"1.1.0".into(), &"1.2.0".into())
    );
}

#[test]
fn cycles_conflicts_and_what_is_missing() {
    let bench = Bench::new();
    // two packs of one source that require each other
    let cyclic = bench.beside("cyclic");
    bench.pack("cyclic/base", "1.0.0", "requires: { acme/core: 1.0.0 }\n", CEILING);
    bench.pack("cyclic/core", "1.0.0", "requires: { acme/base: 1.0.0 }\n", CEILING);
    bench.refused(3, &add("acme/base", cyclic.to_str().unwrap())).says("acme/base -> acme/core -> acme/base");
    // a version conflict: base needs core 1, and what is locked is core 2
    let core = bench.pack("two/core", "2.0.0", "", CEILING);
    bench.lgflow(&add("acme/core", core.to_str().unwrap())).ended(0);
    let base = bench.pack("one/base", "1.0.0", "requires: { acme/core: 1.2.0 }\n", CEILING);
    let refused = bench.refused(3, &add("acme/base", base.to_str().unwrap()));
    refused
        .says("`acme/base` requires `acme/core` 1.2.0 or a compatible higher version, and it would be 2.0.0");
    // and the other way: base is locked, and core moves away from it
    bench.pack("one/base", "1.0.0", "requires: { acme/core: 2.0.0 }\n", CEILING);
    bench.lgflow(&add("acme/base", base.to_str().unwrap())).ended(0);
    bench.pack("two/core", "3.0.0", "", CEILING);
    bench.refused(3, &["pack", "update", "acme/core"]).says("it would be 3.0.0");
    let lonely = bench.pack("lonely", "1.0.0", "requires: { acme/nowhere: 1.0.0 }\n", CEILING);
    let refused = bench.refused(3, &add("acme/lonely", lonely.to_str().unwrap()));
    refused.says("`lgflow pack add acme/nowhere --from SOURCE` first");
}

#[test]
fn policies_of_packs_that_lead_back_to_themselves() {
    let bench = Bench::new();
    let itself = "schema: lgflow.policy/v1\nname: x\ninclude: [more.yaml]\n";
    let source = bench.pack("packs/base", "1.0.0", "", itself);
    fs::write(source.join("more.yaml"), "schema: lgflow.policy/v1\nname: y\ninclude: [policy.yaml]\n")
        .unwrap();
    bench.refused(3, &add("acme/base", source.to_str().unwrap())).says("leads back to itself");
    // a policy of a pack names no file of the workspace, and no pack that its manifest does not bound
    bench.pack(
        "packs/base",
        "1.0.0",
        "",
        "schema: lgflow.policy/v1\nname: x\ninclude: [../../.lg/policy.yaml]\n",
    );
    bench.refused(3, &add("acme/base", source.to_str().unwrap())).says("leads out of the folder");
    fs::remove_file(source.join("more.yaml")).unwrap();
    let core = bench.pack("packs/core", "1.0.0", "", CEILING);
    bench.lgflow(&add("acme/core", core.to_str().unwrap())).ended(0);
    bench.pack("packs/base", "1.0.0", "", "schema: lgflow.policy/v1\nname: x\ninclude: ['pack:acme/core']\n");
    bench.refused(3, &add("acme/base", source.to_str().unwrap())).says("does not require it");
    bench.pack(
        "packs/base",
        "1.0.0",
        "requires: { acme/core: 1.0.0 }\n",
        "schema: lgflow.policy/v1\nname: x\nceilings: ['pack:acme/core']\n",
    );
    bench.lgflow(&add("acme/base", source.to_str().unwrap())).ended(0);
    bench.read_file("secret.txt").ended(4);
}

#[test]
fn a_name_that_is_one_slip_away_is_warned_about() {
    let bench = Bench::new();
    let base = bench.pack("packs/base", "1.0.0", "", CEILING);
    bench.lgflow(&add("acme/base", base.to_str().unwrap())).ended(0);
    let bass = bench.pack("packs/basse", "1.0.0", "", CEILING);
    let ran = bench.lgflow(&[
        "pack",
        "add",
        "acme/basse",
        "--from",
        bass.to_str().unwrap(),
        "--trust-source",
        "--format",
        "json",
    ]);
    let ran = ran.ended(0).says("one letter away from `acme/base`");
    assert!(ran.json()["warnings"][0].as_str().unwrap().contains("acme/base"));
}

#[test]
fn a_lock_behind_a_link_is_neither_read_nor_written() {
    let bench = Bench::new();
    let base = bench.pack("packs/base", "1.0.0", "", CEILING);
    fs::write(bench.beside("elsewhere"), "secret words").unwrap();
    symlink(bench.beside("elsewhere"), bench.work.path().join(".lg/lg.lock")).unwrap();
    let ran = bench.refused(1, &add("acme/base", base.to_str().unwrap()));
    assert!(ran.stderr.contains("symbolic link") && !ran.stderr.contains("secret words"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(bench.beside("elsewhere")).unwrap(), "secret words");
}
