//! Where a declared secret may go: the tool, the origin and the header of its declaration, and nowhere else, whatever a
//! workspace's policy lists.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use lgflow::effect::{
    Declared, FrozenLayer, LayerRole, SecretDeclaration, SecretSource, SecretUse, ToolCall,
};
use lgflow::policy::{Decision, Gate, Machine, PolicySet};
use lgflow::source::Sources;
use serde_json::{Value, json};

const POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { http: allow, read_file: allow }
paths: { read: { allow: ['**'] } }
network: [{ origin: 'https://api.example:443' }, { origin: 'https://attacker.example:443' }]
secrets: { KEY: allow, UNDECLARED: allow }
";

fn gate(policy: &str, ceilings: &[&str]) -> Gate {
    let layer = |at: usize, text: &str| FrozenLayer {
        name: format!("{at}.yaml"),
        role: if at == 0 { LayerRole::Grant } else { LayerRole::Ceiling },
        text: text.to_owned(),
        syntax: "yaml".to_owned(),
        includes: Vec::new(),
        within: std::collections::BTreeSet::new(),
    };
    let texts = std::iter::once(policy).chain(ceilings.iter().copied());
    let layers: Vec<FrozenLayer> = texts.enumerate().map(|(at, text)| layer(at, text)).collect();
    let declared = |name: &str| SecretDeclaration {
        name: name.to_owned(),
        source: SecretSource::Env(name.to_owned()),
        uses: vec![SecretUse {
            tool: "http".to_owned(),
            origin: "https://api.example:443".to_owned(),
            header: "authorization".to_owned(),
        }],
    };
    let declared = Declared { secrets: vec![declared("KEY"), declared("UNLISTED")], ..Declared::default() };
    let machine = Machine { declared, ..Machine::complete() };
    Gate::new(PolicySet::compile(&layers, &mut Sources::default()).unwrap(), machine)
}

fn http(url: &str, header: &str, secret: &str) -> Value {
    json!({ "url": url, "headers": { header: { "$secret": secret, "prefix": "Bearer " } } })
}

#[test]
fn a_secret_goes_where_its_declaration_says_and_nowhere_else() {
    let gate = gate(POLICY, &[]);
    let body = json!({ "url": "https://api.example/", "body": { "$secret": "KEY" } });
    let cases = [
        (http("https://api.example/v1", "Authorization", "KEY"), Decision::Allow),
        (http("https://API.example:443/v1", "AUTHORIZATION", "KEY"), Decision::Allow),
        (http("https://attacker.example/v1", "Authorization", "KEY"), Decision::Deny),
        (http("http://api.example/v1", "Authorization", "KEY"), Decision::Deny),
        (http("https://api.example:8443/v1", "Authorization", "KEY"), Decision::Deny),
        (http("https://api.example@attacker.example/", "Authorization", "KEY"), Decision::Deny),
        (http("https://api.example/v1", "X-Other", "KEY"), Decision::Deny),
        (http("https://api.example/v1", "Authorization", "UNDECLARED"), Decision::Deny),
        (http("https://api.example/v1", "Authorization", "UNLISTED"), Decision::Deny),
        (body, Decision::Deny),
    ];
    for (input, expected) in cases {
        let verdict = gate.explain(&ToolCall::new("http", input.clone()));
        assert_eq!(verdict.decision, expected, "{input}: {verdict:#?}");
    }
    // another tool with the same parameters
    let input = http("https://api.example/v1", "Authorization", "KEY");
    let verdict = gate.explain(&ToolCall::new("read_file", input));
    assert_eq!(verdict.decision, Decision::Deny, "{verdict:#?}");
}

#[test]
fn a_ceiling_narrows_the_use_of_a_secret_and_opens_none() {
    let ceiling = |more: &str| format!("schema: lgflow.policy/v1\nname: c\n{more}\n");
    let call = ToolCall::new("http", http("https://api.example/v1", "Authorization", "KEY"));
    let with = |more: &str| gate(POLICY, &[&ceiling(more)]).explain(&call).decision;
    assert_eq!(with("tools: { http: allow }"), Decision::Allow);
    assert_eq!(with("secrets: {}"), Decision::Deny);
    assert_eq!(with("secrets: { KEY: ask }"), Decision::Ask);
    assert_eq!(with("secrets: { KEY: allow }"), Decision::Allow);
    let silent = POLICY.replace("secrets: { KEY: allow, UNDECLARED: allow }\n", "");
    let verdict = gate(&silent, &[&ceiling("secrets: { KEY: allow }")]).explain(&call);
    assert_eq!(verdict.decision, Decision::Deny, "what the grant does not list no ceiling opens");
}
