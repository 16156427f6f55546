//! The laws of composition, over random layers: a further ceiling never widens a verdict or an obligation, the order
//! of lines and of ceilings means nothing, and widening is found wherever it changes a verdict.

use std::collections::BTreeSet;
use std::time::Duration;

use lgflow::effect::{
    Declared, FrozenLayer, LayerRole, Provenance, SandboxLayer, SecretDeclaration, SecretSource, SecretUse,
    Source, ToolCall,
};
use lgflow::policy::{
    Alteration, Decision, ExecGrant, Gate, GateDecision, Granted, Machine, PolicySet, STRICT_WALLS, explain,
    widenings,
};
use lgflow::source::Sources;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::any;
use proptest::sample::{Index, select, subsequence};
use proptest::strategy::{BoxedStrategy, Just, Strategy};
use proptest::test_runner::Config;
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Map, Value, json};

const GLOBS: [&str; 6] = ["**", "src/**", "**/*.pem", "Cargo.toml", "tests/*", "src/secret"];
const PATHS: [&str; 7] =
    ["src/a.rs", "src/k.pem", "Cargo.toml", "tests/a/b", "README.md", "src/secret/x", ".git/config"];
const KEY: &str = "ed25519:MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const VERDICTS: [&str; 3] = ["allow", "ask", "deny"];

fn object(fields: Vec<(&'static str, Option<Value>)>) -> Value {
    let entries = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(entries.collect::<Map<_, _>>())
}

fn globs() -> BoxedStrategy<Value> {
    subsequence(GLOBS.to_vec(), 0..=4).prop_map(|globs| json!(globs)).boxed()
}

fn access() -> BoxedStrategy<Value> {
    (of(globs()), of(globs()), of(globs()))
        .prop_map(|(allow, ask, deny)| object(vec![("allow", allow), ("ask", ask), ("deny", deny)]))
        .boxed()
}

fn word(words: &'static [&'static str]) -> BoxedStrategy<Option<Value>> {
    of(select(words)).prop_map(|word| word.map(Value::from)).boxed()
}

fn names(all: &'static [&'static str]) -> BoxedStrategy<Option<Value>> {
    of(subsequence(all.to_vec(), 0..=all.len())).prop_map(|names| names.map(|names| json!(names))).boxed()
}

/// What a command or a layer may say of the sandbox.
fn sandbox() -> BoxedStrategy<Vec<(&'static str, Option<Value>)>> {
    let cache = (names(&["target", "out"]), word(&["seed", "run", "shared"]))
        .prop_map(|(folders, mode)| object(vec![("folders", folders), ("mode", mode)]));
    let env = (names(&["A", "B", "C"]), of(select(vec!["1", "2"]))).prop_map(|(pass, set)| {
        object(vec![("pass", pass), ("set", set.map(|value| json!({ "C": value })))])
    });
    let limits = (of(1_u64..5), of(1_u64..5)).prop_map(|(wall, output)| {
        object(vec![("wall", wall.map(|m| json!(format!("{m}m")))), ("output", output.map(Value::from))])
    });
    (
        word(&["overlay", "copy", "direct"]),
        of(cache),
        names(&["dist", "out"]),
        word(&["deny", "allow"]),
        word(&["hidden", "read"]),
        of(env),
        of(limits),
    )
        .prop_map(|(workspace, cache, unsafe_write, network, git, env, limits)| {
            vec![
                ("workspace", workspace),
                ("cache", cache),
                ("unsafe_write", unsafe_write),
                ("network", network),
                ("git", git),
                ("env", env),
                ("limits", limits),
            ]
        })
        .boxed()
}

fn command(name: &'static str) -> BoxedStrategy<Value> {
    let args = subsequence(vec![json!(["test", "..."]), json!(["build"]), json!(["test"])], 1..=3);
    let flags = subsequence(vec!["--offline", "-v", "--out"], 0..=3);
    (args, flags, of(sandbox()))
        .prop_map(move |(args, flags, sandbox)| {
            let flags: Map<String, Value> = flags
                .into_iter()
                .map(|flag| (flag.to_owned(), json!(if flag == "--out" { "path" } else { "none" })))
                .collect();
            object(vec![
                ("name", Some(json!(name))),
                ("program", Some(json!("cargo"))),
                ("args", Some(json!(args))),
                ("flags", Some(Value::Object(flags))),
                ("sandbox", sandbox.map(object)),
            ])
        })
        .boxed()
}

fn policy() -> BoxedStrategy<Value> {
    let tool = |name: &'static str| {
        of(select(VERDICTS.to_vec())).prop_map(move |verdict| (name, verdict.map(Value::from)))
    };
    let tools =
        (tool("read_file"), tool("apply_patch"), tool("exec"), tool("llm"), tool("http"), tool("mcp"))
            .prop_map(|(a, b, c, d, e, f)| object(vec![a, b, c, d, e, f]));
    let paths = (of(access()), of(access()), of(access()))
        .prop_map(|(read, write, binary)| object(vec![("read", read), ("write", write), ("binary", binary)]));
    let commands = (of(command("one")), of(command("two")))
        .prop_map(|(one, two)| Value::Array(one.into_iter().chain(two).collect()));
    let whole = (word(&["strict", "best_effort"]), names(&["memory_cgroup"]), sandbox()).prop_map(
        |(mode, require, rest)| {
            object(rest.into_iter().chain([("mode", mode), ("require", require)]).collect())
        },
    );
    let limits = (of(1_u64..9), of(1_u64..9)).prop_map(|(calls, bytes)| {
        object(vec![("tool_calls", calls.map(Value::from)), ("patch_bytes", bytes.map(Value::from))])
    });
    let complete = of(select(vec![true, false])).prop_map(|complete| complete.map(Value::from));
    (
        of(tools),
        of(paths),
        of(commands),
        of(whole),
        of(limits),
        complete,
        names(&["rust", "go"]),
        of(approvals()),
        outward(),
    )
        .prop_map(|(tools, paths, commands, sandbox, limits, complete, toolchains, approvals, outward)| {
            let inward = vec![
                ("schema", Some(json!("lgflow.policy/v1"))),
                ("name", Some(json!("x"))),
                ("complete", complete),
                ("tools", tools),
                ("paths", paths),
                ("toolchains", toolchains),
                ("commands", commands),
                ("limits", limits),
                ("sandbox", sandbox),
                ("approvals", approvals),
            ];
            object(inward.into_iter().chain(outward).collect())
        })
        .boxed()
}

fn some_of(all: Vec<Value>) -> BoxedStrategy<Option<Value>> {
    let most = all.len();
    of(subsequence(all, 0..=most)).prop_map(|some| some.map(Value::Array)).boxed()
}

/// What a layer may say of what leaves the machine.
fn outward() -> BoxedStrategy<Vec<(&'static str, Option<Value>)>> {
    let network = some_of(vec![
        json!({ "origin": "https://a.example:443", "methods": ["GET"] }),
        json!({ "origin": "https://a.example:443", "paths": ["/v1/**"] }),
        json!({ "origin": "https://b.example:443" }),
    ]);
    let redact = some_of(vec![
        json!({ "name": "a", "pattern": "AKIA[0-9A-Z]{16}" }),
        json!({ "name": "b", "pattern": "card-[0-9]+" }),
    ]);
    let flows = some_of(vec![
        json!({ "from": "llm", "to": "exec.argv", "verdict": "ask" }),
        json!({ "from": "llm", "to": "code", "verdict": "allow" }),
        json!({ "from": "workspace:src/**", "to": "network", "verdict": "deny" }),
        json!({ "from": "any", "to": "mcp.input", "verdict": "ask" }),
    ]);
    let secrets = select(VERDICTS.to_vec()).prop_map(|verdict| json!({ "KEY": verdict }));
    let mcp = names(&["search", "fetch"]).prop_map(
        |tools| json!({ "servers": ["docs"], "tools": { "docs": tools.unwrap_or_else(|| json!([])) } }),
    );
    (network, redact, flows, of(secrets), of(mcp))
        .prop_map(|(network, redact, flows, secrets, mcp)| {
            vec![
                ("network", network),
                ("redact", redact),
                ("flows", flows),
                ("secrets", secrets),
                ("mcp", mcp),
            ]
        })
        .boxed()
}

/// A secret that the user declares for one origin.
fn declared() -> Declared {
    let (tool, origin) = ("http".to_owned(), "https://a.example:443".to_owned());
    let secret = SecretDeclaration {
        name: "KEY".to_owned(),
        source: SecretSource::Env("KEY".to_owned()),
        uses: vec![SecretUse { tool, origin, header: "authorization".to_owned() }],
    };
    Declared { secrets: vec![secret], ..Declared::default() }
}

fn from(source: &str, call: ToolCall) -> ToolCall {
    let sources = BTreeSet::from([Source::read(source)]);
    ToolCall { provenance: Some(Box::new(Provenance::of_all(sources))), ..call }
}

/// What a layer may say of approvals.
fn approvals() -> BoxedStrategy<Value> {
    let separate = of(select(vec![true, false])).prop_map(|separate| separate.map(Value::from));
    (of(1_u64..5), of(1_u64..4), separate, names(&["local", KEY]))
        .prop_map(|(ttl, quorum, separate, approvers)| {
            object(vec![
                ("ttl", ttl.map(|m| json!(format!("{m}h")))),
                ("quorum", quorum.map(Value::from)),
                ("separate", separate),
                ("approvers", approvers),
            ])
        })
        .boxed()
}

/// A grant that lets much through, so that the laws are about something.
fn grant() -> BoxedStrategy<Value> {
    let open = json!({
        "read_file": "allow", "apply_patch": "allow", "exec": "allow", "llm": "allow", "http": "allow", "mcp": "allow",
    });
    (policy(), Just(open)).prop_map(|(mut policy, tools)| {
        policy["tools"] = tools;
        if policy.get("paths").is_none() {
            policy["paths"] = json!({"read": {"allow": ["**"]}, "write": {"allow": ["**"], "ask": ["Cargo.toml"]}});
        }
        if policy.get("commands").is_none() {
            policy["commands"] = json!([{"name": "c", "program": "cargo", "args": [["test", "..."]], "flags": {"-v": "none"}}]);
        }
        policy
    }).boxed()
}

fn layer(name: &str, role: LayerRole, policy: &Value) -> FrozenLayer {
    let (name, text, syntax) = (name.to_owned(), policy.to_string(), "json".to_owned());
    FrozenLayer { name, role, text, syntax, includes: Vec::new(), within: std::collections::BTreeSet::new() }
}

fn layers(grant: &Value, ceilings: &[Value]) -> Vec<FrozenLayer> {
    let ceilings = ceilings.iter().enumerate();
    let ceilings = ceilings.map(|(at, policy)| layer(&format!("ceiling {at}"), LayerRole::Ceiling, policy));
    std::iter::once(layer("grant", LayerRole::Grant, grant)).chain(ceilings).collect()
}

fn gate(layers: &[FrozenLayer]) -> Gate {
    let walls = STRICT_WALLS.iter().map(|wall| SandboxLayer { name: (*wall).to_owned(), in_force: true });
    let machine = Machine { walls: walls.collect(), declared: declared(), ..Machine::default() };
    let set = PolicySet::compile(layers, &mut Sources::default());
    Gate::new(set.unwrap_or_else(|found| panic!("{found:#?}\n{layers:#?}")), machine)
}

fn binary_patch(path: &str) -> String {
    let (old, new) = ("1".repeat(40), "2".repeat(40));
    format!(
        "diff --git a/{path} b/{path}\nindex {old}..{new} 100644\nGIT binary patch\nliteral 0\nHcmV?d00001\n\n"
    )
}

fn calls() -> Vec<ToolCall> {
    let exec = |line: &str| {
        let argv: Vec<&str> = line.split(' ').collect();
        ToolCall::new("exec", json!({ "argv": argv }))
    };
    let mut calls: Vec<ToolCall> = PATHS
        .iter()
        .flat_map(|path| {
            let change = json!({"changes": [{"op": "put", "path": path, "content": ""}]});
            [
                ToolCall::new("read_file", json!({ "path": path })),
                ToolCall::new("apply_patch", change),
                ToolCall::new("apply_patch", json!({ "patch": binary_patch(path) })),
            ]
        })
        .collect();
    calls.extend(
        ["cargo test", "cargo test -v x", "cargo build --offline", "cargo test --out src", "cargo x"]
            .map(exec),
    );
    for env in [json!({"A": "x"}), json!({"A": "1"}), json!({"C": "1"}), json!({"C": "2"})] {
        calls.push(ToolCall::new("exec", json!({"argv": ["cargo", "test"], "env": env})));
    }
    calls.push(ToolCall::new("llm", json!({"model": "deterministic"})));
    for url in ["https://a.example/", "https://a.example/v1/x", "https://b.example/v1/x"] {
        calls.push(ToolCall::new("http", json!({ "url": url })));
        calls.push(from("user", ToolCall::new("http", json!({ "url": url, "method": "POST" }))));
        calls.push(from("workspace:src/a.rs", ToolCall::new("http", json!({ "url": url }))));
    }
    let headers = json!({ "Authorization": { "$secret": "KEY" } });
    let with_secret = json!({ "url": "https://a.example/v1/x", "headers": headers });
    calls.push(from("user", ToolCall::new("http", with_secret)));
    for tool in ["search", "write"] {
        let input = json!({ "server": "docs", "tool": tool, "input": {} });
        calls.push(from("llm:x", ToolCall::new("mcp", input)));
    }
    let told: Vec<ToolCall> = calls.iter().filter(|call| call.tool == "exec").cloned().collect();
    calls.extend(told.into_iter().flat_map(|call| [from("user", call.clone()), from("llm:x", call)]));
    calls
}

fn decision(decision: &GateDecision) -> Decision {
    match decision {
        GateDecision::Granted(_) => Decision::Allow,
        GateDecision::Ask(_) => Decision::Ask,
        GateDecision::Denied(_) => Decision::Deny,
    }
}

/// What of the obligations got wider; none must.
fn wider(before: &Granted<ToolCall>, after: &Granted<ToolCall>) -> Vec<&'static str> {
    let (old, new) = (before.obligations(), after.obligations());
    let mut wider = Vec::new();
    let mut law = |holds: bool, what| {
        if !holds {
            wider.push(what);
        }
    };
    law(PATHS.iter().all(|path| new.read.decision(path) >= old.read.decision(path)), "read");
    law(PATHS.iter().all(|path| new.write.decision(path) >= old.write.decision(path)), "write");
    law(PATHS.iter().all(|path| new.binary.decision(path) >= old.binary.decision(path)), "binary");
    law(new.limits.patch_bytes <= old.limits.patch_bytes, "patch_bytes");
    law(new.limits.patch_files <= old.limits.patch_files, "patch_files");
    law(new.limits.read_bytes <= old.limits.read_bytes, "read_bytes");
    if let (Some(old), Some(new)) = (&old.exec, &new.exec) {
        exec_laws(old, new, &mut law);
    }
    wider
}

fn exec_laws(old: &ExecGrant, new: &ExecGrant, law: &mut impl FnMut(bool, &'static str)) {
    let within = |new: &[String], old: &[String]| new.iter().all(|name| old.contains(name));
    law(new.mode >= old.mode, "mode");
    law(new.workspace >= old.workspace, "workspace");
    law(new.network >= old.network, "network");
    law(new.git >= old.git, "git");
    law(within(&old.require, &new.require), "require");
    law(within(&new.unsafe_write, &old.unsafe_write), "unsafe_write");
    law(within(&new.cache_folders, &old.cache_folders), "cache_folders");
    law(within(&new.env_pass, &old.env_pass), "env_pass");
    // what a ceiling sets further is its own constant; what a rule or the call set stays (a toolchain's variables go
    // with it)
    let stays = |name: &str| old.env_set.get(name).is_none_or(|value| new.env_set.get(name) == Some(value));
    law(["A", "B", "C"].into_iter().all(stays), "env_set");
    law(within(&new.toolchains, &old.toolchains), "toolchains");
    law(new.visible.iter().all(|path| old.visible.contains(path)), "visible");
    law(new.search.iter().all(|folder| old.search.contains(folder)), "search");
    law(new.cache.is_none() || new.cache >= old.cache, "cache");
    law(new.limits.wall <= old.limits.wall, "wall");
    law(new.limits.output <= old.limits.output, "output");
    law(new.limits.wall > Duration::ZERO, "a bound that is nothing");
    law(old.runs_workspace_code <= new.runs_workspace_code, "runs_workspace_code");
}

fn reversed(value: &Value) -> Value {
    match value {
        // what stands in a pattern has an order
        Value::Array(items)
            if items.iter().all(|item| item.is_string() || item.is_object() || item.is_array()) =>
        {
            let pattern = items.iter().all(Value::is_string);
            let inner = items.iter().map(reversed);
            if pattern { Value::Array(items.clone()) } else { Value::Array(inner.rev().collect()) }
        }
        Value::Object(entries) => {
            let glob_list = |key: &str, value: &Value| match (key, value) {
                (
                    "allow" | "ask" | "deny" | "pass" | "folders" | "unsafe_write" | "toolchains",
                    Value::Array(items),
                ) => Value::Array(items.iter().rev().cloned().collect()),
                _ => reversed(value),
            };
            Value::Object(
                entries.iter().rev().map(|(key, value)| (key.clone(), glob_list(key, value))).collect(),
            )
        }
        other => other.clone(),
    }
}

/// What is left of a decision when names of rules are taken away.
fn essence(decision: &GateDecision) -> (Decision, Option<ExecGrant>) {
    let grant = match decision {
        GateDecision::Granted(granted) => granted.obligations().exec.clone(),
        _ => None,
    };
    let plain = grant.map(|mut grant| {
        grant.rule.rule = String::new();
        grant.rule.line = 0;
        grant.rule.column = 0;
        grant.rule.layer = String::new();
        grant.rule.file = String::new();
        grant
    });
    (self::decision(decision), plain)
}

proptest! {
    #![proptest_config(Config { cases: 64, ..Config::default() })]

    #[test]
    fn a_further_ceiling_never_widens_anything(grant in grant(), ceilings in vec(policy(), 0..3), more in policy()) {
        let fewer = gate(&layers(&grant, &ceilings));
        let with_more: Vec<Value> = ceilings.iter().cloned().chain([more]).collect();
        let narrower = gate(&layers(&grant, &with_more));
        prop_assert!(narrower.policy().tool_calls().unwrap_or(u64::MAX) <= fewer.policy().tool_calls().unwrap_or(u64::MAX));
        let patterns = |gate: &Gate| -> BTreeSet<(String, String)> {
            let all = gate.policy().redact_patterns().iter();
            all.map(|(name, pattern)| (name.clone(), pattern.as_str().to_owned())).collect()
        };
        prop_assert!(patterns(&fewer).is_subset(&patterns(&narrower)));
        let (before, after) = (fewer.policy().approval_terms(), narrower.policy().approval_terms());
        prop_assert!(after.ttl <= before.ttl && after.quorum >= before.quorum && after.separate >= before.separate);
        prop_assert!(after.approvers.is_subset(&before.approvers), "{before:?}\n{after:?}");
        for call in calls() {
            let (before, after) = (fewer.decide(&call), narrower.decide(&call));
            prop_assert!(decision(&after) >= decision(&before), "{call:?}\n{before:#?}\n{after:#?}");
            if let (GateDecision::Granted(before), GateDecision::Granted(after)) = (&before, &after) {
                let wider = wider(before, after);
                prop_assert!(wider.is_empty(), "{wider:?}\n{before:#?}\n{after:#?}");
            }
        }
    }

    #[test]
    fn the_order_of_lines_and_of_ceilings_means_nothing(grant in grant(), ceilings in vec(policy(), 0..3)) {
        let one = gate(&layers(&grant, &ceilings));
        let backwards: Vec<Value> = ceilings.iter().rev().map(reversed).collect();
        let other = gate(&layers(&reversed(&grant), &backwards));
        for call in calls() {
            prop_assert_eq!(essence(&one.decide(&call)), essence(&other.decide(&call)), "{:?}", call);
        }
    }

    #[test]
    fn no_decision_is_without_its_reason(grant in policy(), ceilings in vec(policy(), 0..2)) {
        let gate = gate(&layers(&grant, &ceilings));
        for call in calls() {
            let verdict = gate.explain(&call);
            prop_assert_eq!(verdict.decision, decision(&gate.decide(&call)));
            if verdict.decision != Decision::Allow {
                let reason = verdict.deciding().expect("a reason");
                prop_assert_eq!(reason.decision, verdict.decision);
                prop_assert!(!reason.rule.rule.is_empty() && !reason.rule.file.is_empty() && !reason.message.is_empty());
            }
        }
    }

    #[test]
    fn a_change_that_is_advised_alters_the_verdict_and_one_is_known_for_all_but_the_invariants(
        grant in policy(), ceilings in vec(policy(), 0..3), chosen in vec(any::<Index>(), 12)
    ) {
        let layers = layers(&grant, &ceilings);
        let machine = Machine { declared: declared(), ..Machine::complete() };
        let calls = calls();
        // each advice is found by trying edits, so a case takes some of the calls
        for call in chosen.iter().map(|at| at.get(&calls)) {
            let found = explain(&layers, &machine, call, &mut Sources::default()).expect("valid");
            let before = found.verdict.decision;
            let opinions = found.layers.iter().filter_map(|layer| layer.decision).max();
            let invariants = found.invariants.iter().map(|reason| reason.decision).max();
            prop_assert_eq!(opinions.max(invariants).unwrap_or(Decision::Deny), before, "{:#?}", found);
            prop_assert_eq!(found.obligations.is_some(), before != Decision::Deny);
            match found.alteration {
                Alteration::Edits(edits, after) if before == Decision::Allow => {
                    prop_assert!(after > before && !edits.is_empty(), "{call:?} {edits:?}");
                }
                Alteration::Edits(edits, after) => {
                    prop_assert!(after < before && !edits.is_empty(), "{call:?} {edits:?}");
                }
                Alteration::Impossible(why) => prop_assert!(!found.invariants.is_empty(), "{call:?}: {why}"),
                Alteration::Elsewhere(what) => {
                    let known = |one: &String| one.contains("agree") || one.contains("out of the call");
                    prop_assert!(what.iter().any(known), "{call:?}: {what:?}\n{layers:#?}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_found_to_widen_allows_nothing_new(old in grant(), new in grant()) {
        let (old, new) = (layers(&old, &[]), layers(&new, &[]));
        if !widenings(&old, &new).expect("both are valid").is_empty() {
            return Ok(());
        }
        let (before, after) = (gate(&old), gate(&new));
        for call in calls() {
            prop_assert!(decision(&after.decide(&call)) >= decision(&before.decide(&call)), "{call:?}");
        }
    }

    #[test]
    fn a_layer_does_not_widen_itself(grant in grant(), ceilings in vec(policy(), 0..3)) {
        let same = layers(&grant, &ceilings);
        prop_assert_eq!(widenings(&same, &same).expect("valid"), Vec::<String>::new());
        let narrower = layers(&grant, &ceilings[..ceilings.len().min(1)]);
        prop_assert_eq!(widenings(&narrower, &same).expect("valid"), Vec::<String>::new());
    }
}
