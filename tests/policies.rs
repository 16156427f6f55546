//! The shipped policies: each compiles, and each says of the calls in `policies/tests/` what is expected there.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::fs;
use std::path::{Path, PathBuf};

use lgflow::diag::Diagnostics;
use lgflow::document::{Limits, Syntax, parse};
use lgflow::effect::{FrozenLayer, LayerRole, ToolCall};
use lgflow::model::policy::{PolicyTests, decode_policy_tests};
use lgflow::policy::{
    BUILTINS, CONTAINED, Decision, Gate, Machine, PolicySet, SECRET_NAMES, builtin, try_case,
};
use lgflow::source::Sources;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/tests")
}

fn shown(sources: &Sources, diagnostics: &Diagnostics) -> String {
    let line = |found: &lgflow::diag::Diagnostic| {
        let file = sources.get(found.span().file);
        let at = file.position(found.span().start);
        format!("{}:{}:{}: {}", file.name(), at.line, at.column, found.message)
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn compile(layers: &[FrozenLayer]) -> PolicySet {
    let mut sources = Sources::default();
    PolicySet::compile(layers, &mut sources)
        .unwrap_or_else(|diagnostics| panic!("{}", shown(&sources, &diagnostics)))
}

fn tests_in(path: &Path) -> (PolicyTests, Sources) {
    let mut sources = Sources::default();
    let file = sources.add(path.display().to_string(), fs::read_to_string(path).unwrap());
    let mut diagnostics = Diagnostics::default();
    let parsed = parse(&sources, file, Syntax::Yaml, &Limits::default(), &mut diagnostics).unwrap();
    let tests = decode_policy_tests(&parsed.tree, &parsed.damage, &mut diagnostics).unwrap();
    assert!(diagnostics.is_empty(), "{}", shown(&sources, &diagnostics));
    (tests, sources)
}

fn layer(name: &str, role: LayerRole) -> FrozenLayer {
    if let Some(layer) = builtin(name, role) {
        return layer;
    }
    let text = fs::read_to_string(folder().join(name)).unwrap();
    let includes = text.lines().find_map(|line| line.strip_prefix("include: [")).map(|rest| {
        rest.trim_end_matches(']').split(", ").map(|name| layer(name, LayerRole::Include)).collect()
    });
    FrozenLayer {
        name: name.to_owned(),
        role,
        text,
        syntax: "yaml".to_owned(),
        includes: includes.unwrap_or_default(),
        within: std::collections::BTreeSet::new(),
    }
}

#[test]
fn every_builtin_compiles_in_every_role_and_its_examples_hold() {
    for name in BUILTINS {
        let role = |role| builtin(name, role).unwrap();
        compile(&[role(LayerRole::Grant)]);
        compile(&[role(LayerRole::Grant), role(LayerRole::Ceiling)]);
    }
}

#[test]
fn shipped_policies_say_what_their_tests_expect() {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "yaml"));
    files.sort();
    let names: Vec<String> =
        files.iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["ask_mutations", "contained", "contained_ceiling", "go", "node", "python", "rust"]);
    let mut failures = Vec::new();
    for path in files {
        let (tests, sources) = tests_in(&path);
        assert!(tests.cases.len() >= 20, "{} has {} cases", path.display(), tests.cases.len());
        let role = |at| if at == 0 { LayerRole::Grant } else { LayerRole::Ceiling };
        let layers: Vec<FrozenLayer> =
            tests.policy.iter().enumerate().map(|(at, name)| layer(&name.value, role(at))).collect();
        let gate = Gate::new(compile(&layers), Machine::default());
        for case in &tests.cases {
            if let Err(failure) = try_case(&gate, case) {
                let line = sources.get(case.span.file).position(case.span.start).line;
                failures.push(format!("{}:{line}: {failure:#?}", path.display()));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn contained_denies_to_read_exactly_the_secret_names_in_both_roles() {
    for role in [LayerRole::Grant, LayerRole::Ceiling] {
        let text = builtin(CONTAINED, role).unwrap().text;
        let listed: Vec<&str> = text
            .split("write:")
            .next()
            .unwrap()
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- \"")?.strip_suffix('"'))
            .collect();
        assert_eq!(listed, SECRET_NAMES);
    }
}

#[test]
fn a_binary_patch_needs_the_word_of_every_layer_that_speaks_of_paths_that_are_no_text() {
    let layer = |name: &str, role, rest: &str| FrozenLayer {
        name: name.to_owned(),
        role,
        text: format!("schema: lgflow.policy/v1\nname: x\n{rest}\n"),
        syntax: "yaml".to_owned(),
        includes: Vec::new(),
        within: std::collections::BTreeSet::new(),
    };
    let grant = |binary: &str| {
        let paths = format!("paths: {{ read: {{ allow: [\"**\"] }}, write: {{ allow: [\"**\"] }}{binary} }}");
        layer("grant", LayerRole::Grant, &format!("tools: {{ apply_patch: allow }}\n{paths}"))
    };
    let ceiling = |rest: &str| vec![layer("ceiling", LayerRole::Ceiling, rest)];
    let words = |verdict: &str| format!(", binary: {{ {verdict}: [\"art/**\"] }}");
    let patch = |path: &str| {
        let (old, new) = ("1".repeat(40), "2".repeat(40));
        format!(
            "diff --git a/{path} b/{path}\nindex {old}..{new} 100644\nGIT binary patch\nliteral 0\nHcmV?d00001\n\n"
        )
    };
    let text = "--- a/art/a\n+++ b/art/a\n@@ -1 +1 @@\n-a\n+b\n".to_owned();
    let said = |grant: &FrozenLayer, ceilings: &[FrozenLayer], patch: String| {
        let set = compile(&[std::slice::from_ref(grant), ceilings].concat());
        let call = ToolCall::new("apply_patch", serde_json::json!({ "patch": patch }));
        let verdict = Gate::new(set, Machine::complete()).explain(&call);
        let deciding = verdict.deciding().unwrap();
        (verdict.decision, deciding.rule.rule.clone(), deciding.message.clone())
    };
    let (silent, open) = (grant(""), grant(&words("allow")));
    // by itself nothing is open, and a text patch needs nothing of it
    let (decision, rule, message) = said(&silent, &[], patch("art/a"));
    assert_eq!((decision, rule.as_str()), (Decision::Deny, "paths.binary"));
    assert!(message.contains("add it to `paths.binary.allow`"), "{message}");
    assert_eq!(said(&silent, &[], text).0, Decision::Allow);
    let contained = vec![builtin(CONTAINED, LayerRole::Ceiling).unwrap()];
    for (grant, ceilings, path, expected) in [
        (&open, vec![], "art/a", Decision::Allow),
        (&open, vec![], "src/a", Decision::Deny),
        (&silent, ceiling("paths: { binary: { allow: [\"**\"] } }"), "art/a", Decision::Deny),
        (&open, ceiling("paths: { binary: { allow: [] } }"), "art/a", Decision::Deny),
        (&open, ceiling("paths: { binary: { allow: [\"doc/**\"] } }"), "art/a", Decision::Deny),
        (&open, ceiling("paths: { binary: { deny: [\"art/a\"] } }"), "art/a", Decision::Deny),
        (&open, ceiling("paths: { binary: { ask: [\"art/a\"] } }"), "art/a", Decision::Ask),
        (&open, ceiling("paths: { binary: { allow: [\"art/*\"] } }"), "art/a", Decision::Allow),
        (
            &open,
            ceiling("complete: true\ntools: { apply_patch: allow }\npaths: { write: { allow: [\"**\"] } }"),
            "art/a",
            Decision::Deny,
        ),
        (&open, ceiling("paths: { write: { allow: [\"src/**\"] } }"), "art/a", Decision::Deny),
        (&open, ceiling("limits: { tool_calls: 3 }"), "art/a", Decision::Allow),
        (&open, contained, "art/a", Decision::Deny),
        (&grant(&words("ask")), vec![], "art/a", Decision::Ask),
        (&grant(&words("deny")), vec![], "art/a", Decision::Deny),
    ] {
        let found = said(grant, &ceilings, patch(path));
        assert_eq!(found.0, expected, "{found:?} {ceilings:#?}");
    }
}

#[test]
fn every_example_of_the_reference_is_sound() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policy.md")).unwrap();
    let examples: Vec<&str> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let mut policies = 0;
    for example in &examples {
        if example.contains("lgflow.policy_test/v1") {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), example).unwrap();
            let (tests, _) = tests_in(file.path());
            let gate =
                Gate::new(compile(&[layer(&tests.policy[0].value, LayerRole::Grant)]), Machine::default());
            let failed: Vec<_> = tests.cases.iter().filter_map(|case| try_case(&gate, case).err()).collect();
            assert!(failed.is_empty() && tests.cases.len() == 3, "{failed:#?}");
            continue;
        }
        policies += 1;
        let includes = if example.contains("include: [builtin:rust]") {
            vec![builtin("builtin:rust", LayerRole::Include).unwrap()]
        } else {
            Vec::new()
        };
        let (name, text, syntax) = ("docs/policy.md".to_owned(), (*example).to_owned(), "yaml".to_owned());
        compile(&[FrozenLayer {
            name,
            role: LayerRole::Grant,
            text,
            syntax,
            includes,
            within: std::collections::BTreeSet::new(),
        }]);
    }
    assert_eq!((policies, examples.len()), (7, 8));
}
