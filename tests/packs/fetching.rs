//! Packs out of git: from a bare repository and over git's daemon; nothing that a repository, a server or a
//! configuration says is run; moved tags, odd trees and interrupted fetches are refused.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::bench::{Bench, CEILING, write_pack};
use crate::program::Ran;
use crate::repository::{Daemon, Repository, Web, git};

fn add<'a>(url: &'a str, revision: &'a str) -> [&'a str; 8] {
    ["pack", "add", "acme/base", "--from", url, "--rev", revision, "--trust-source"]
}

fn published() -> (Bench, Repository) {
    let bench = Bench::new();
    let repository = Repository::new(bench.work.outside());
    repository.release("1.0.0", CEILING);
    (bench, repository)
}

#[test]
fn from_a_bare_repository_and_over_the_daemon_it_is_the_same_pack() {
    let (bench, repository) = published();
    let commit = repository.release("1.1.0", CEILING);
    let daemon = Daemon::before(&repository);
    bench.lgflow(&add(repository.bare.to_str().unwrap(), "v1.1.0")).ended(0);
    let from_path = bench.work.read(".lg/lg.lock");
    assert!(from_path.contains(&format!("\"commit\": \"{commit}\"")), "{from_path}");
    assert!(
        from_path.contains("\"name\": \"refs/tags/v1.1.0\"") && from_path.contains("\"url\": \"file:///")
    );
    bench.lgflow(&add(&daemon.url(), "v1.1.0")).ended(0);
    let over_the_wire = bench.work.read(".lg/lg.lock");
    let tree = |lock: &str| lock.split("sha256:").nth(1).unwrap()[..64].to_owned();
    assert_eq!(tree(&from_path), tree(&over_the_wire));
    // the folder itself, as its author has it, is the same tree as well
    let tested =
        bench.lgflow(&["pack", "test", repository.tree().join("base").to_str().unwrap(), "--format", "json"]);
    assert_eq!(tested.ended(0).json()["tree"], format!("sha256:{}", tree(&from_path)));
    drop(daemon);
    // offline from here on
    bench.read_file("secret.txt").ended(4);
    bench.lgflow(&["run"]).ended(0);
}

#[test]
fn a_repository_of_sha_256_publishes_packs_as_well() {
    let bench = Bench::new();
    let repository = Repository::of(bench.work.outside(), "sha256");
    let commit = repository.release("1.0.0", CEILING);
    assert_eq!(commit.len(), 64);
    let daemon = Daemon::before(&repository);
    for (from, revision) in [(repository.bare.to_str().unwrap(), "v1.0.0"), (&daemon.url(), &commit)] {
        bench.lgflow(&add(from, revision)).ended(0);
        let lock = bench.work.read(".lg/lg.lock");
        assert!(lock.contains(&format!("\"commit\": \"{commit}\"")), "{lock}");
    }
    drop(daemon);
    bench.read_file("secret.txt").ended(4);
    bench.lgflow(&["run"]).ended(0);
}

#[test]
fn over_http_nothing_is_followed_and_nobody_is_asked() {
    let (bench, repository) = published();
    let web = Web::before(&repository);
    bench.refused(1, &add(&web.url("moved"), "v1.0.0")).says("git could not fetch");
    bench.refused(1, &add(&web.url("closed"), "v1.0.0")).says("terminal prompts disabled");
    bench.lgflow(&add(&web.url("packs.git"), "v1.0.0")).ended(0);
    bench.lgflow(&["pack", "verify"]).ended(0);
}

#[test]
fn after_a_clone_the_lock_is_installed_and_updates_follow_the_tags() {
    let (bench, repository) = published();
    let daemon = Daemon::before(&repository);
    // without a revision: the highest finished version
    repository.release("1.1.0-rc.1", CEILING);
    bench.lgflow(&["pack", "add", "acme/base", "--from", &daemon.url(), "--trust-source"]).ended(0);
    assert!(bench.work.read(".lg/lg.lock").contains("refs/tags/v1.0.0"));
    // another machine: the same workspace, nothing in the state
    fs::remove_dir_all(bench.work.state()).unwrap();
    bench.refused(4, &["pack", "add"]).says("`--trust-source`");
    let lock = bench.work.read(".lg/lg.lock");
    bench.lgflow(&["pack", "add", "--trust-source"]).ended(0);
    assert_eq!(bench.work.read(".lg/lg.lock"), lock);
    bench.lgflow(&["pack", "verify"]).ended(0);
    repository.release("1.1.0", CEILING);
    bench.lgflow(&["pack", "update"]).ended(0);
    assert!(bench.work.read(".lg/lg.lock").contains("refs/tags/v1.1.0"));
    // a branch is followed where a branch was asked for
    bench.lgflow(&["pack", "update", "acme/base", "--rev", "main"]).ended(0);
    assert!(bench.work.read(".lg/lg.lock").contains("refs/heads/main"));
    let commit = repository.release("1.2.0", CEILING);
    bench.lgflow(&["pack", "update"]).ended(0);
    let lock = bench.work.read(".lg/lg.lock");
    assert!(lock.contains("refs/heads/main") && lock.contains(&commit), "{lock}");
}

#[test]
fn several_packs_of_one_repository() {
    let (bench, repository) = published();
    write_pack(&repository.tree().join("core"), "acme/core", "2.0.0", "", CEILING);
    repository.release("1.1.0", CEILING);
    write_pack(
        &repository.tree().join("base"),
        "acme/base",
        "1.2.0",
        "requires: { acme/core: 2.0.0 }\n",
        CEILING,
    );
    repository.commit("requires");
    repository.tag("v1.2.0", "HEAD");
    let url = repository.bare.to_str().unwrap();
    // what lies beside it and is required comes along, out of the same commit
    bench.lgflow(&add(url, "v1.2.0")).ended(0);
    let lock = bench.work.read(".lg/lg.lock");
    assert!(lock.contains("acme/core") && lock.contains("\"folder\": \"core\""), "{lock}");
    fs::remove_dir_all(bench.work.state()).unwrap();
    bench.lgflow(&["pack", "add", "--trust-source"]).ended(0);
    assert_eq!(bench.trees().len(), 2);
    bench.lgflow(&["pack", "update"]).ended(0);
    bench.lgflow(&["pack", "verify"]).ended(0);
    assert_eq!(bench.work.read(".lg/lg.lock"), lock);
    // and moves along, where only both together fit
    write_pack(&repository.tree().join("core"), "acme/core", "3.0.0", "", CEILING);
    write_pack(
        &repository.tree().join("base"),
        "acme/base",
        "2.0.0",
        "requires: { acme/core: 3.0.0 }\n",
        CEILING,
    );
    repository.commit("both");
    repository.tag("v2.0.0", "HEAD");
    bench.refused(3, &["pack", "update", "acme/core"]).says("`acme/base` requires `acme/core` 2.0.0");
    bench.lgflow(&["pack", "update", "acme/base"]).ended(0);
    let lock = bench.work.read(".lg/lg.lock");
    assert!(lock.contains("3.0.0") && lock.contains("\"2.0.0\"") && !lock.contains("1.2.0"), "{lock}");
}

#[test]
fn a_moved_tag_is_refused() {
    let (bench, repository) = published();
    let daemon = Daemon::before(&repository);
    bench.lgflow(&add(&daemon.url(), "v1.0.0")).ended(0);
    fs::write(repository.tree().join("base/policy.yaml"), "schema: lgflow.policy/v1\nname: evil\n").unwrap();
    repository.commit("evil");
    repository.tag("v1.0.0", "HEAD");
    // on the machine that has seen it, the version has another content
    bench.refused(7, &add(&daemon.url(), "v1.0.0")).says("its tag was moved");
    bench.refused(7, &["pack", "update"]).says("its tag was moved");
    // on another machine, the lock names another commit
    fs::remove_dir_all(bench.work.state()).unwrap();
    let before = bench.work.read(".lg/lg.lock");
    let ran = bench.lgflow(&["pack", "add", "--trust-source"]).ended(7);
    ran.says("`refs/tags/v1.0.0` now means the commit").says("lgflow pack update acme/base");
    assert_eq!(bench.work.read(".lg/lg.lock"), before);
    assert!(bench.trees().is_empty());
    // and a tag that is gone
    git(repository.tree(), &["tag", "-d", "v1.0.0"]);
    repository.publish();
    bench.lgflow(&["pack", "add", "--trust-source"]).ended(2).says("no tag or branch");
}

#[test]
fn odd_trees_are_refused_out_of_the_objects() {
    let (bench, repository) = published();
    let url = repository.bare.to_str().unwrap().to_owned();
    let base = repository.tree().join("base");
    let refuse = |revision: &str, words: &str| {
        bench.refused(7, &add(&url, revision)).says(words);
    };
    symlink("/etc/passwd", base.join("link.md")).unwrap();
    repository.commit("link");
    repository.tag("link", "HEAD");
    refuse("link", "`link.md` is a symbolic link");
    fs::remove_file(base.join("link.md")).unwrap();
    // a submodule
    repository.commit("no link");
    let head = git(repository.tree(), &["rev-parse", "HEAD"]);
    git(repository.tree(), &["update-index", "--add", "--cacheinfo", &format!("160000,{head},base/sub")]);
    git(repository.tree(), &["commit", "-q", "-m", "submodule"]);
    repository.tag("submodule", "HEAD");
    refuse("submodule", "`sub` is a submodule");
    // what git itself would never write: names that lead elsewhere, one name twice
    let manifest = repository.id_bytes("v1.0.0:base/pack.yaml");
    let folder = repository.id_bytes("v1.0.0:base");
    let entry = |mode: &str, name: &str, id: &[u8]| [format!("{mode} {name}\0").as_bytes(), id].concat();
    let pack = entry("100644", "pack.yaml", &manifest);
    for (tag, odd) in [
        ("parent", entry("100644", "..", &manifest)),
        ("parent-folder", entry("40000", "..", &folder)),
        ("slash", entry("100644", "../../x", &manifest)),
        ("absolute", entry("100644", "/etc/x", &manifest)),
        ("git", entry("40000", ".GIT", &folder)),
        ("latin", entry("100644", "x\u{301}", &manifest)),
    ] {
        repository.raw_tree(&[&odd[..], &pack].concat(), tag);
        refuse(tag, "cannot be a name in such a folder");
    }
    repository.raw_tree(&[&entry("100644", "Pack.yaml", &manifest)[..], &pack].concat(), "case");
    refuse("case", "are one name where letters have no case");
    repository.raw_tree(&[&pack[..], &pack].concat(), "twice");
    refuse("twice", "are one name");
    repository.raw_tree(&[&entry("20000", "device", &manifest)[..], &pack].concat(), "device");
    let ran = bench.lgflow(&add(&url, "device"));
    assert!(matches!(ran.code, Some(1 | 7)), "{}", ran.stderr);
    assert!(bench.trees().is_empty());
}

#[test]
fn nothing_that_a_repository_or_a_configuration_says_is_run() {
    let (bench, repository) = published();
    let canary = bench.beside("canary");
    let script = bench.beside("script.sh");
    fs::write(&script, format!("#!/bin/sh\necho \"$0 $*\" >> {}\nexit 0\n", canary.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap().to_owned();
    // hooks and settings of the published repository
    for hook in ["pre-receive", "post-checkout", "post-update", "reference-transaction", "post-merge"] {
        fs::copy(&script, repository.bare.join("hooks").join(hook)).unwrap();
        fs::copy(&script, repository.tree().join(".git/hooks").join(hook)).unwrap();
    }
    // attributes with filters, and a submodule file
    fs::write(repository.tree().join("base/.gitattributes"), "* filter=evil diff=evil\n").unwrap();
    fs::write(
        repository.tree().join("base/.gitmodules"),
        "[submodule \"x\"]\npath = x\nurl = ext::sh -c evil\n",
    )
    .unwrap();
    fs::create_dir_all(repository.tree().join("base/prompts")).unwrap();
    fs::write(repository.tree().join("base/prompts/p.md"), "as it was written").unwrap();
    let quiet = ["-c", "core.hooksPath=/dev/null"];
    for words in [&["add", "-A"][..], &["commit", "-q", "-m", "1.1.0"], &["tag", "v1.1.0"]] {
        git(repository.tree(), &[&quiet[..], words].concat());
    }
    git(
        repository.tree(),
        &[&quiet[..], &["push", "-q", "-f", "--mirror", repository.bare.to_str().unwrap()]].concat(),
    );
    for (key, value) in [("uploadpack.packObjectsHook", script.as_str()), ("core.fsmonitor", &script)] {
        git(&repository.bare, &["config", key, value]);
    }
    let _ = fs::remove_file(&canary);
    // settings of the workspace and of the user
    let evil = format!(
        "[core]\n\tfsmonitor = {script}\n\tsshCommand = {script}\n\thooksPath = {}\n\tgitProxy = {script}\n[filter \"evil\"]\n\tsmudge = {script}\n\tclean = {script}\n\tprocess = {script}\n[uploadpack]\n\tpackObjectsHook = {script}\n[credential]\n\thelper = {script}\n[url \"ext::{script}\"]\n\tinsteadOf = file://\n[protocol]\n\tallow = always\n[init]\n\ttemplateDir = {}\n",
        bench.beside("hooks").display(),
        repository.bare.display(),
    );
    fs::write(bench.beside("home/.gitconfig"), &evil).unwrap();
    fs::write(bench.work.path().join(".git/config"), &evil).unwrap();
    // a git of the workspace's own on the search path
    fs::create_dir(bench.work.path().join("bin")).unwrap();
    fs::copy(&script, bench.work.path().join("bin/git")).unwrap();
    let path = format!("{}:{}", bench.work.path().join("bin").display(), std::env::var("PATH").unwrap());
    let url = repository.bare.to_str().unwrap();
    let ran = bench
        .work
        .command(&add(url, "v1.1.0"))
        .env("PATH", path)
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.fsmonitor")
        .env("GIT_CONFIG_VALUE_0", &script)
        .env("GIT_EXTERNAL_DIFF", &script)
        .env("GIT_SSH_COMMAND", &script)
        .env("GIT_PROXY_COMMAND", &script)
        .env("GIT_EXEC_PATH", bench.work.path().join("bin"))
        .env("GIT_DIR", &repository.bare)
        .output()
        .unwrap();
    Ran::from(ran).ended(0);
    let said = fs::read_to_string(&canary).unwrap_or_default();
    assert_eq!(said, "", "something was run");
    let [tree] = &bench.trees()[..] else { panic!("one tree") };
    assert_eq!(fs::read_to_string(tree.join("prompts/p.md")).unwrap(), "as it was written");
    assert!(!tree.join(".git").exists());
}

/// What git is started behind, with a shell in git's place that does what a broken git might.
#[test]
fn what_fetches_writes_in_its_folder_and_reads_no_home() {
    let bench = Bench::new();
    for folder in ["scratch", "home"] {
        fs::create_dir_all(bench.beside(folder)).unwrap();
    }
    fs::write(bench.beside("home/secret"), "a secret").unwrap();
    fs::write(bench.beside("given"), "given").unwrap();
    let script = "echo in > \"$1/scratch/new\" && cat \"$1/given\"; cat \"$1/home/secret\"; echo out > \"$1/out\"; echo out > \"$1/given\"; cp /bin/true \"$1/scratch/t\"; chmod +x \"$1/scratch/t\"; \"$1/scratch/t\" && echo executed; echo end";
    let outside = bench.work.outside().to_str().unwrap();
    let order = serde_json::json!({
        "program": "/bin/sh", "arguments": ["-c", script, "sh", outside],
        "reads": [bench.beside("given")], "writes": bench.beside("scratch"), "file_bytes": 1 << 20,
    });
    let ran = bench.lgflow(&["__fetcher", &order.to_string()]).ended(0);
    assert_eq!(ran.stdout, "given\nend\n".replacen('\n', "", 1), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(bench.beside("scratch/new")).unwrap(), "in\n");
    assert_eq!(fs::read_to_string(bench.beside("given")).unwrap(), "given");
    assert!(!bench.beside("out").exists());
    bench.lgflow(&["__fetcher", "{}"]).ended(1).says("nothing can be fetched");
}

#[test]
fn an_interrupted_fetch_leaves_nothing() {
    let (bench, repository) = published();
    // a server that says something and hangs up
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/packs.git", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"000eversion 2\n001eagent=git/test\n").unwrap();
    });
    bench.refused(1, &add(&url, "v1.0.0")).says("git could not fetch").says("run the command again");
    server.join().unwrap();
    // a server that never answers, and a person who has seen enough
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/packs.git", listener.local_addr().unwrap());
    let before = bench.everything();
    let mut waiting = bench.work.command(&add(&url, "v1.0.0"));
    let mut waiting = waiting.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    // meanwhile no other command works on the packs of this user
    bench.lgflow(&["pack", "add"]).ended(1).says("another `lgflow pack` command is at work");
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    // git ends with who started it, and so does the connection
    stream.read_to_end(&mut Vec::new()).unwrap();
    let kept: Vec<_> =
        bench.everything().into_keys().filter(|path| !path.to_string_lossy().contains("/scratch/")).collect();
    assert_eq!(kept, before.into_keys().collect::<Vec<_>>());
    // and the next one clears away and succeeds
    bench.lgflow(&add(repository.bare.to_str().unwrap(), "v1.0.0")).ended(0);
    assert!(!bench.work.state().join("packs/scratch").exists());
    bench.lgflow(&["pack", "verify"]).ended(0);
}

#[test]
fn a_revision_that_is_none() {
    let (bench, repository) = published();
    let url = repository.bare.to_str().unwrap();
    for revision in ["v9.9.9", "v1.0.0^{tree}", "--upload-pack=x", "main:x"] {
        let option = format!("--rev={revision}");
        let ran = bench.refused(2, &["pack", "add", "acme/base", "--from", url, &option, "--trust-source"]);
        ran.says("no tag or branch");
    }
    // a blob is no commit
    git(repository.tree(), &["tag", "blob", "HEAD:base/pack.yaml"]);
    repository.publish();
    bench.refused(1, &add(url, "blob")).says("no commit");
}
