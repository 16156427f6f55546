//! `pack update`: the change of verdicts is shown; what widens needs a person.

use crate::bench::{Bench, CEILING};

#[test]
fn what_narrows_is_taken_and_what_widens_is_asked_about() {
    let bench = Bench::new();
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    bench.add("acme/base", &source).ended(0);
    let ran = bench.lgflow(&["pack", "update"]).ended(0);
    assert!(ran.stdout.contains("nothing to do"), "{}", ran.stdout);

    bench.pack("packs/base", "1.1.0", "", &CEILING.replace("secret.txt", "secret.txt, open.txt"));
    let ran = bench.lgflow(&["pack", "update", "--format", "json"]).ended(0);
    let pack = &ran.json()["packs"][0];
    assert_eq!((&pack["name"], &pack["version"]), (&"acme/base".into(), &"1.1.0".into()));
    assert_eq!(pack["change"]["widens"], serde_json::json!([]));
    assert!(pack["change"]["narrows"].to_string().contains("open.txt"), "{pack}");
    assert_eq!(pack["change"]["files"], serde_json::json!(["pack.yaml", "policy.yaml"]));
    bench.read_file("open.txt").ended(4);

    // the denial goes, and with it the safety: refused where nobody is there to say yes
    bench.pack("packs/base", "1.2.0", "", "schema: lgflow.policy/v1\nname: base\n");
    let refused = bench.refused(4, &["pack", "update"]);
    for fact in ["paths.read[secret.txt]", "limits.patch_files without a bound", "--accept sha256:"] {
        assert!(refused.stderr.contains(fact), "`{fact}`: {}", refused.stderr);
    }
    assert_eq!(refused.stderr.matches("limits.patch_files without a bound").count(), 1, "{}", refused.stderr);
    bench.refused(4, &["pack", "update", "--accept", &format!("sha256:{}", "0".repeat(64))]);
    let accept = refused.stderr.split("--accept ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    // a further change after it was read is not what was accepted
    bench.pack("packs/base", "1.2.0", "", "schema: lgflow.policy/v1\nname: other\n");
    bench.refused(4, &["pack", "update", "--accept", &accept]);
    bench.pack("packs/base", "1.2.0", "", "schema: lgflow.policy/v1\nname: base\n");
    bench.lgflow(&["pack", "update", "--accept", &accept]).ended(0);
    bench.read_file("secret.txt").ended(0);
}

#[test]
fn adding_a_locked_pack_again_is_an_update() {
    let bench = Bench::new();
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    bench.add("acme/base", &source).ended(0);
    bench.pack("packs/base", "1.1.0", "", "schema: lgflow.policy/v1\nname: base\n");
    let from = source.to_str().unwrap();
    bench
        .refused(4, &["pack", "add", "acme/base", "--from", from])
        .says("allows more than the locked version");
    bench.refused(2, &["pack", "update", "acme/none"]).says("is not in `.lg/lg.lock`");
}

#[test]
fn what_an_included_pack_allows_counts() {
    let bench = Bench::new();
    let grants = |tools: &str| format!("schema: lgflow.policy/v1\nname: x\ntools: {{ {tools} }}\n");
    let core = bench.pack("packs/core", "1.0.0", "", &grants("read_file: allow"));
    bench.add("acme/core", &core).ended(0);
    let base = bench.pack(
        "base",
        "1.0.0",
        "requires: { acme/core: 1.0.0 }\n",
        "schema: lgflow.policy/v1\nname: y\ninclude: ['pack:acme/core']\n",
    );
    bench.add("acme/base", &base).ended(0);
    bench.pack("packs/core", "1.1.0", "", &grants("read_file: allow, exec: allow"));
    bench.refused(4, &["pack", "update", "acme/core"]).says("tools.exec: allow");
}

/// The program at a terminal of its own, with an answer typed when it asks; gives the exit code and what was shown.
fn at_a_terminal(bench: &Bench, answer: &str, arguments: &[&str]) -> (i32, String) {
    const DRIVER: &str = "
import os, pty, sys
answer, words = sys.argv[1], sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(words[0], words)
shown = b''
answered = 0
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    shown += more
    if shown.count(b'[y/N] ') > answered:
        answered += 1
        os.write(terminal, answer.encode() + b'\\n')
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";
    let template = bench.work.command(arguments);
    let output = std::process::Command::new("python3")
        .args(["-c", DRIVER, answer])
        .arg(template.get_program())
        .args(arguments)
        .current_dir(bench.work.path())
        .envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .expect("python3 is needed for this test");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn at_a_terminal_both_questions_are_asked() {
    let bench = Bench::new();
    let source = bench.pack("packs/base", "1.0.0", "", CEILING);
    let add = ["pack", "add", "acme/base", "--from", source.to_str().unwrap()];
    for no in ["n", "", "yes please"] {
        let before = bench.everything();
        let (code, shown) = at_a_terminal(&bench, no, &add);
        assert_eq!((code, before), (4, bench.everything()), "{no}: {shown}");
        assert!(shown.contains("Does `acme` publish at"), "{shown}");
    }
    let (code, shown) = at_a_terminal(&bench, "y", &add);
    assert_eq!(code, 0, "{shown}");
    bench.pack("packs/base", "1.1.0", "", "schema: lgflow.policy/v1\nname: base\n");
    let (code, shown) = at_a_terminal(&bench, "n", &["pack", "update"]);
    assert_eq!(code, 4, "{shown}");
    assert!(
        shown.contains("`acme/base` 1.1.0 allows more. Take it?") && shown.contains("paths.read[secret.txt]")
    );
    let (code, shown) = at_a_terminal(&bench, "yes", &["pack", "update"]);
    assert_eq!(code, 0, "{shown}");
    assert!(bench.work.read(".lg/lg.lock").contains("1.1.0"));
}
