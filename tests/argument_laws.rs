//! The grammar of arguments, attacked: whatever command line a rule lets through is made of what the rule lists, and of
//! plain values. Lists of forbidden flags lose, so nothing here is a list of forbidden flags.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use std::sync::OnceLock;

use lgflow::effect::{FrozenLayer, LayerRole, ToolCall};
use lgflow::policy::{BUILTINS, Decision, Gate, Machine, PolicySet, builtin};
use lgflow::source::Sources;
use proptest::collection::vec;
use proptest::sample::select;
use proptest::strategy::{BoxedStrategy, Strategy};
use proptest::test_runner::Config;
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

/// Flags of the rule under attack, with what each takes.
const FLAGS: [(&str, &str); 7] = [
    ("-v", "none"),
    ("-q", "none"),
    ("-j", "int"),
    ("--offline", "none"),
    ("--package", "string"),
    ("--manifest", "path"),
    ("--color", "auto|never"),
];
/// What a hostile caller puts between honest words.
const WORDS: [&str; 44] = [
    "test",
    "build",
    "name",
    "a/b",
    "4",
    "auto",
    "x=y",
    "",
    "-",
    "--",
    "---",
    "-v",
    "-q",
    "-vq",
    "-qv",
    "-vqj4",
    "-j",
    "-j4",
    "-j=4",
    "-vx",
    "-xv",
    "-e",
    "-ve",
    "-c",
    "-V",
    "--offline",
    "--offline=yes",
    "--OFFLINE",
    "--off",
    "--package",
    "--package=x",
    "--package=-x",
    "--package=@x",
    "--manifest",
    "--manifest=a/b",
    "--manifest=/etc/x",
    "--manifest=../x",
    "--color=never",
    "--color=always",
    "--config",
    "--config=x",
    "@file",
    "../x",
    "/etc/passwd",
];

fn gate(layers: &[FrozenLayer]) -> Gate {
    Gate::new(PolicySet::compile(layers, &mut Sources::default()).unwrap(), Machine::complete())
}

fn layer(name: &str, policy: &Value) -> FrozenLayer {
    let (name, text, syntax) = (name.to_owned(), policy.to_string(), "json".to_owned());
    FrozenLayer {
        name,
        role: LayerRole::Grant,
        text,
        syntax,
        includes: Vec::new(),
        within: std::collections::BTreeSet::new(),
    }
}

/// A rule with these patterns and all flags; `passthrough` lists one flag.
fn rule(args: &Value) -> Gate {
    let flags: serde_json::Map<String, Value> = FLAGS
        .iter()
        .map(|(flag, kind)| {
            let kind =
                if kind.contains('|') { json!(kind.split('|').collect::<Vec<_>>()) } else { json!(kind) };
            ((*flag).to_owned(), kind)
        })
        .collect();
    let command = json!({
        "name": "c", "program": "tool", "args": args, "flags": flags, "passthrough": { "--nocapture": "none" },
    });
    let policy = json!({
        "schema": "lgflow.policy/v1", "name": "p", "tools": { "exec": "allow" },
        "paths": { "read": { "allow": ["**"] } }, "commands": [command],
    });
    gate(&[layer("p", &policy)])
}

/// The rule under attack; compiled once, since nothing of it changes from case to case.
fn usual() -> &'static Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    GATE.get_or_init(|| rule(&json!([["test", "..."], ["build"]])))
}

/// Each builtin beneath a grant that lets all programs of its rules run.
fn builtins() -> &'static [(&'static str, Gate)] {
    static GATES: OnceLock<Vec<(&'static str, Gate)>> = OnceLock::new();
    GATES.get_or_init(|| {
        let gate = |name: &str| {
            let own = json!({
                "schema": "lgflow.policy/v1", "name": "p", "include": [name], "tools": { "exec": "allow" },
                "paths": { "read": { "allow": ["**"] } },
            });
            let includes = vec![builtin(name, LayerRole::Include).unwrap()];
            gate(&[FrozenLayer { includes, ..layer("p", &own) }])
        };
        BUILTINS.iter().map(|name| (*name, gate(name))).collect()
    })
}

fn allows(gate: &Gate, words: &[String]) -> bool {
    let argv: Vec<&str> = std::iter::once("tool").chain(words.iter().map(String::as_str)).collect();
    gate.explain(&ToolCall::new("exec", json!({ "argv": argv }))).decision == Decision::Allow
}

fn line() -> BoxedStrategy<Vec<String>> {
    vec(select(WORDS.to_vec()), 0..7).prop_map(|words| words.into_iter().map(str::to_owned).collect()).boxed()
}

/// Reads a line that was allowed as the program itself would, and refuses whatever the rule does not list. An
/// independent reading: no part of it is the grammar's.
fn justify(words: &[String]) -> Result<(), String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            let flags = words.clone().filter(|word| word.starts_with('-'));
            let foreign = flags.clone().find(|word| *word != "--nocapture");
            return foreign.map_or(Ok(()), |word| Err(format!("`{word}` behind `--`")));
        }
        if !word.starts_with('-') {
            plain(word)?;
            continue;
        }
        let (name, joined) =
            word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        if let Some((_, kind)) = FLAGS.iter().find(|(flag, _)| *flag == name) {
            match (*kind, joined) {
                ("none", None) => {}
                ("none", Some(_)) => return Err(format!("`{word}` gives a value to a flag without one")),
                (kind, Some(value)) => fits(kind, value)?,
                (kind, None) => fits(kind, words.next().ok_or("a value is missing")?)?,
            }
            continue;
        }
        let letters = word.strip_prefix('-').filter(|rest| !rest.is_empty() && !rest.starts_with('-'));
        let Some(letters) = letters else { return Err(format!("`{word}` is not listed")) };
        for (at, letter) in letters.char_indices() {
            match FLAGS.iter().find(|(flag, _)| *flag == format!("-{letter}")) {
                None => return Err(format!("`-{letter}` in `{word}` is not listed")),
                Some((_, "none")) => {}
                Some((_, kind)) => {
                    let rest = letters[at + 1..].trim_start_matches('=');
                    let next = if rest.is_empty() { words.next().map(String::as_str) } else { Some(rest) };
                    fits(kind, next.ok_or("a value is missing")?)?;
                    break;
                }
            }
        }
    }
    Ok(())
}

fn plain(value: &str) -> Result<(), String> {
    let outside = value.starts_with(['/', '~', '@', '-']) || value.split('/').any(|part| part == "..");
    if outside { Err(format!("the value `{value}`")) } else { Ok(()) }
}

fn fits(kind: &str, value: &str) -> Result<(), String> {
    let sound = match kind {
        "int" => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()),
        "path" => !value.is_empty() && plain(value).is_ok(),
        "string" => !value.starts_with(['-', '@']),
        words => words.split('|').any(|word| word == value),
    };
    if sound { Ok(()) } else { Err(format!("`{value}` for {kind}")) }
}

proptest! {
    #![proptest_config(Config { cases: 4000, ..Config::default() })]

    #[test]
    fn what_is_let_through_is_listed_word_for_word(words in line()) {
        if allows(usual(), &words) {
            prop_assert_eq!(justify(&words), Ok(()), "{:?}", words);
        }
    }

    #[test]
    fn a_word_that_no_rule_lists_is_refused_wherever_it_stands(words in line(), at in 0_usize..8, bad in select(vec!["-e", "--config", "--config=x", "-xv", "-vx", "@file", "--exec", "-C"])) {
        let at = at.min(words.len());
        let before = words[..at].last().map(String::as_str);
        // behind a flag that takes text, a word is its value: then it is refused for what it is
        let mut with = words.clone();
        with.insert(at, bad.to_owned());
        prop_assert!(!allows(usual(), &with), "{with:?} (behind {before:?})");
    }

    #[test]
    fn no_builtin_lets_a_program_that_runs_programs_through(words in vec(select(vec!["-c", "ls", "x", "--", "-exec", "status", "-m", "--version", "a.py"]), 0..4), program in select(vec![
        "sh", "bash", "dash", "zsh", "busybox", "git", "find", "env", "xargs", "tar", "sed", "awk", "perl", "ruby", "ssh", "sudo", "nice", "timeout", "make", "curl", "docker", "./cargo", "/bin/sh", "cargo/../sh", "", "-", "~/x",
    ])) {
        for (name, gate) in builtins() {
            let argv: Vec<&str> = std::iter::once(program).chain(words.iter().copied()).collect();
            let verdict = gate.explain(&ToolCall::new("exec", json!({ "argv": argv })));
            prop_assert_eq!(verdict.decision, Decision::Deny, "{} lets {:?} through", name, argv);
        }
    }
}

#[test]
fn honest_lines_go_through() {
    for line in [
        "test",
        "test name a/b",
        "test -vq",
        "test -vqj4",
        "test -j 4",
        "test -j=4",
        "test --package x",
        "test --package=x name",
        "--offline test",
        "test --manifest a/b",
        "test --color=never",
        "test -- name --nocapture",
        "build",
        "build -v",
        "-q build",
    ] {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert!(allows(usual(), &words), "{line}");
    }
}
