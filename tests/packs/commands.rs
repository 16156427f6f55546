//! `pack new` and `pack test`, and the documents of all pack commands.

use std::fs;

use crate::bench::{Bench, CEILING};

#[test]
fn a_new_pack_passes_its_own_test_and_can_be_added() {
    let bench = Bench::new();
    let ran = bench.lgflow(&["pack", "new", "acme/base", "--in", "packs"]).ended(0);
    assert!(ran.stdout.contains("wrote packs/base/pack.yaml"), "{}", ran.stdout);
    bench.refused(1, &["pack", "new", "acme/base", "--in", "packs"]).says("nothing is overwritten");
    let tested = bench.lgflow(&["pack", "test", "packs/base", "--format", "json"]).ended(0).json();
    assert_eq!((&tested["schema"], &tested["passed"]), (&"lgflow.pack_tested/v1".into(), &2.into()));
    assert_eq!(tested["failures"], serde_json::json!([]));
    bench.add("acme/base", "packs/base".as_ref()).ended(0);
    assert!(
        bench.work.read(".lg/lg.lock").contains("\"path\": \"packs/base\""),
        "a path of the workspace is relative"
    );
    let listed = bench.lgflow(&["pack", "list", "--format", "json"]).ended(0).json();
    assert_eq!(listed["packs"][0]["tree"], tested["tree"]);
    assert_eq!(listed["packs"][0]["installed"], true);
    let verified = bench.lgflow(&["pack", "verify", "--format", "json"]).ended(0).json();
    assert_eq!(verified["packs"][0]["status"], "verified");
}

#[test]
fn a_packs_test_finds_errors_failing_cases_and_bad_trees() {
    let bench = Bench::new();
    let pack = bench.pack("base", "1.0.0", "", CEILING);
    let from = pack.to_str().unwrap();
    fs::create_dir(pack.join("tests")).unwrap();
    let cases = |expect: &str| {
        format!(
            "schema: lgflow.policy_test/v1\npolicy: ['builtin:contained', ../policy.yaml]\ncases:\n  - {{ tool: read_file, input: {{ path: secret.txt }}, expect: {expect} }}\n"
        )
    };
    fs::write(pack.join("tests/read.yaml"), cases("deny")).unwrap();
    bench.lgflow(&["pack", "test", from]).ended(0);
    fs::write(pack.join("tests/read.yaml"), cases("allow")).unwrap();
    let failed = bench.lgflow(&["pack", "test", from]).ended(1);
    assert!(
        failed.stdout.contains("FAILED") && failed.stdout.contains("tests/read.yaml:4:5"),
        "{}",
        failed.stdout
    );
    fs::write(pack.join("graph.yaml"), "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: exce } }\n")
        .unwrap();
    let invalid = bench.lgflow(&["pack", "test", from, "--format", "json"]).ended(3).json();
    assert!(invalid["diagnostics"].to_string().contains("unknown-uses"), "{invalid}");
    fs::remove_file(pack.join("graph.yaml")).unwrap();
    std::os::unix::fs::symlink("policy.yaml", pack.join("twin.yaml")).unwrap();
    bench.lgflow(&["pack", "test", from]).ended(7).says("symbolic link");
}
