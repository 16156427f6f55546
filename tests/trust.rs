//! Trust: what a workspace asks for, what a person's record keeps, and the layers that follow.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::fs;
use std::path::{Path, PathBuf};

use lgflow::diag::Diagnostics;
use lgflow::document::Syntax;
use lgflow::effect::{FrozenLayer, LayerRole, ToolCall};
use lgflow::files::private::PrivateError;
use lgflow::policy::{
    CONTAINED, Decision, Gate, Machine, Packs, PolicySet, PolicyText, freeze, requests_beyond_contained,
    widenings,
};
use lgflow::source::Sources;
use lgflow::trust::{
    GraphOrigin, LayerSources, Standing, TrustError, TrustNow, forget, layers_for_run, machine_layers,
    record, standing, user_layer, what_decides,
};
use serde_json::json;

const GREEDY: &str = "\
schema: lgflow.policy/v1
name: greedy
include: ['builtin:rust']
tools: { read_file: allow, exec: allow, http: allow }
paths: { read: { allow: ['**'] } }
commands:
  - name: leak
    program: printenv
    args: [['...']]
    sandbox: { workspace: direct, network: allow, env: { pass: [AWS_SECRET_ACCESS_KEY] } }
network: [{ origin: 'http://127.0.0.1:8080' }]
secrets: { KEY: allow }
approvals: { approvers: ['ed25519:MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='] }
sandbox: { mode: best_effort }
";

const MODEST: &str = "\
schema: lgflow.policy/v1
name: modest
include: ['builtin:rust']
tools: { read_file: allow, apply_patch: allow, exec: allow }
paths: { read: { allow: ['**'], deny: ['**/*.pem'] }, write: { allow: ['src/**'] } }
";

fn frozen(text: &str) -> Vec<FrozenLayer> {
    let mut diagnostics = Diagnostics::default();
    let file = PolicyText { name: ".lg/policy.yaml".into(), text: text.into(), syntax: Syntax::Yaml };
    let mut read = |_: &str, name: &str| Err(format!("{name} does not exist"));
    let layers = freeze(
        file,
        LayerRole::Grant,
        &Packs::default(),
        &mut Sources::default(),
        &mut read,
        &mut diagnostics,
    );
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    layers
}

struct Place {
    _held: tempfile::TempDir,
    state: PathBuf,
    workspace: PathBuf,
}

fn place(policy: &str) -> Place {
    let held = tempfile::tempdir().unwrap();
    let workspace = held.path().join("ws");
    fs::create_dir_all(workspace.join(".lg")).unwrap();
    fs::write(workspace.join(".lg/policy.yaml"), policy).unwrap();
    Place { state: held.path().join("state"), workspace, _held: held }
}

fn stands_by(place: &Place, layers: &[FrozenLayer], now: TrustNow) -> Result<Standing, TrustError> {
    let deciding = what_decides(&place.workspace).unwrap();
    standing(&place.state, &place.workspace, &deciding, layers, now)
}

fn stands(place: &Place, policy: &str) -> Standing {
    fs::write(place.workspace.join(".lg/policy.yaml"), policy).unwrap();
    stands_by(place, &frozen(policy), TrustNow::AsRecorded).unwrap()
}

fn trust(place: &Place, policy: &str) {
    fs::write(place.workspace.join(".lg/policy.yaml"), policy).unwrap();
    let deciding = what_decides(&place.workspace).unwrap();
    record(&place.state, &place.workspace, &deciding, &frozen(policy)).unwrap();
}

#[test]
fn every_greedy_line_is_named_with_its_place() {
    let requests = requests_beyond_contained(&frozen(GREEDY)).unwrap();
    let found: Vec<String> =
        requests.iter().map(|r| format!("{}:{}:{} {}", r.file, r.line, r.column, r.what)).collect();
    assert_eq!(
        found,
        [
            ".lg/policy.yaml:4:41 the tool `http`, which uses a network",
            ".lg/policy.yaml:10:27 changing the workspace directly, for the command `leak`",
            ".lg/policy.yaml:10:44 the machine's network, for the command `leak`",
            ".lg/policy.yaml:10:65 the variable `AWS_SECRET_ACCESS_KEY` of your environment, for the command `leak`",
            ".lg/policy.yaml:11:21 the network origin `http://127.0.0.1:8080`",
            ".lg/policy.yaml:12:12 the secret `KEY`",
            ".lg/policy.yaml:13:26 the approver `ed25519:MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=`",
            ".lg/policy.yaml:14:18 running without the strict sandbox, for all commands",
        ]
    );
    assert!(requests_beyond_contained(&frozen(MODEST)).unwrap().is_empty());
}

#[test]
fn an_untrusted_workspace_is_refused_or_contained_and_a_trusted_one_is_neither() {
    let from = |text: &str, standing| LayerSources {
        graph: frozen(text),
        origin: GraphOrigin::File,
        standing,
        flags: Vec::new(),
        always: Vec::new(),
    };
    let untrusted = || Standing::Untrusted { reason: String::new(), widened: Vec::new() };
    let greedy_run = layers_for_run(from(GREEDY, untrusted())).unwrap();
    let refusal = greedy_run.refusal().unwrap();
    assert!(refusal.contains(".lg/policy.yaml:14:18") && refusal.contains("`lgflow trust`"), "{refusal}");
    assert_eq!(greedy_run.layers.last().map(|layer| layer.name.as_str()), Some(CONTAINED));

    let modest = layers_for_run(from(MODEST, untrusted())).unwrap();
    assert_eq!(modest.refusal(), None);
    let gate = |layers: &[FrozenLayer]| {
        Gate::new(PolicySet::compile(layers, &mut Sources::default()).unwrap(), Machine::default())
    };
    let read = |path: &str| ToolCall::new("read_file", json!({ "path": path }));
    assert_eq!(gate(&modest.layers).explain(&read("src/a.rs")).decision, Decision::Allow);
    assert_eq!(gate(&modest.layers).explain(&read(".env")).decision, Decision::Deny);

    let trusted = layers_for_run(from(GREEDY, Standing::Trusted)).unwrap();
    assert_eq!((trusted.layers.len(), trusted.refusal()), (1, None));
    assert_eq!(gate(&trusted.layers).explain(&read(".env")).decision, Decision::Allow);
}

#[test]
fn without_any_policy_the_grant_is_contained() {
    let from = LayerSources {
        graph: Vec::new(),
        origin: GraphOrigin::Shipped,
        standing: Standing::Trusted,
        flags: Vec::new(),
        always: Vec::new(),
    };
    let run = layers_for_run(from).unwrap();
    assert_eq!(run.layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(), [CONTAINED]);
    assert_eq!(run.layers[0].role, LayerRole::Grant);
}

#[test]
fn a_named_policy_replaces_the_grant_and_no_ceiling() {
    let ceiling =
        |name: &str| FrozenLayer { name: name.into(), role: LayerRole::Ceiling, ..frozen(MODEST).remove(0) };
    let mut graph = frozen(GREEDY);
    graph.push(ceiling("graph-ceiling"));
    let named = FrozenLayer { name: "named".into(), ..frozen(MODEST).remove(0) };
    let run = layers_for_run(LayerSources {
        graph,
        origin: GraphOrigin::File,
        standing: Standing::Untrusted { reason: String::new(), widened: Vec::new() },
        flags: vec![named, ceiling("flag-ceiling")],
        always: vec![ceiling("machine")],
    })
    .unwrap();
    let names: Vec<_> = run.layers.iter().map(|layer| (layer.name.as_str(), layer.role)).collect();
    let c = LayerRole::Ceiling;
    assert_eq!(
        names,
        [("named", LayerRole::Grant), ("graph-ceiling", c), ("flag-ceiling", c), ("machine", c)]
    );
    assert_eq!(run.refusal(), None);
}

#[test]
fn trust_survives_a_comment_and_ends_with_one_byte_that_widens() {
    let place = place(MODEST);
    assert!(!stands(&place, MODEST).is_trusted());
    trust(&place, MODEST);
    for same in [
        MODEST.to_owned(),
        format!("# a comment\n{MODEST}"),
        MODEST.replace("name: modest", "name: renamed"),
        MODEST.replace("apply_patch: allow", "apply_patch: ask"),
        MODEST.replace("deny: ['**/*.pem']", "deny: ['**/*.pem', '**/*.key']"),
        format!("{MODEST}limits: {{ tool_calls: 5 }}\n"),
    ] {
        assert_eq!(stands(&place, &same), Standing::Trusted, "{same}");
    }
    for wider in [
        MODEST.replace("src/**", "**"),
        MODEST.replace(", deny: ['**/*.pem']", ""),
        MODEST.replace("read_file: allow", "read_file: allow, http: allow"),
        format!("{MODEST}sandbox: {{ mode: best_effort }}\n"),
        format!("{MODEST}commands: [{{ name: sh, program: sh, args: [['...']] }}]\n"),
        GREEDY.to_owned(),
    ] {
        let Standing::Untrusted { widened, .. } = stands(&place, &wider) else {
            panic!("still trusted: {wider}")
        };
        assert!(!widened.is_empty(), "{wider}");
    }
    assert!(forget(&place.state, &place.workspace).unwrap());
    assert!(!stands(&place, MODEST).is_trusted());
}

#[test]
fn trust_for_one_run_goes_by_flag_or_by_the_exact_digest() {
    let place = place(GREEDY);
    let layers = frozen(GREEDY);
    let now = |now| stands_by(&place, &layers, now).unwrap();
    let digest = what_decides(&place.workspace).unwrap().digest();
    assert!(now(TrustNow::Yes).is_trusted());
    assert!(now(TrustNow::IfDigest(digest)).is_trusted());
    fs::write(place.workspace.join(".lg/prompt.md"), "new").unwrap();
    assert!(!now(TrustNow::IfDigest(digest)).is_trusted());
    assert!(!now(TrustNow::AsRecorded).is_trusted());
    assert!(!place.state.exists(), "asking writes nothing");
}

#[test]
fn the_record_is_private_and_a_foreign_one_is_not_believed() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place(MODEST);
    trust(&place, MODEST);
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = place.state.join("trust");
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let error = stands_by(&place, &frozen(MODEST), TrustNow::AsRecorded).unwrap_err();
    assert!(matches!(error, TrustError::Private(PrivateError::Unsafe { .. })), "{error}");

    // a record that was made for another workspace says nothing about this one
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let text = fs::read_to_string(&file).unwrap().replace("/ws\"", "/other\"");
    fs::write(&file, text).unwrap();
    let error = stands_by(&place, &frozen(MODEST), TrustNow::AsRecorded).unwrap_err();
    assert!(matches!(error, TrustError::Record { .. }), "{error}");
}

#[test]
fn machine_and_user_policies_are_ceilings_and_must_be_safe() {
    use std::os::unix::fs::PermissionsExt as _;
    let held = tempfile::tempdir().unwrap();
    let folder = held.path().join("policy.d");
    assert!(machine_layers(&folder).unwrap().is_empty());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("20-b.yaml"), MODEST).unwrap();
    fs::write(folder.join("10-a.yaml"), MODEST).unwrap();
    fs::write(folder.join("notes.txt"), "no policy").unwrap();
    let user = held.path().join("policy.yaml");
    assert!(user_layer(&user, &Packs::default()).unwrap().is_empty());
    fs::write(&user, MODEST).unwrap();
    assert_eq!(user_layer(&user, &Packs::default()).unwrap()[0].role, LayerRole::Ceiling);
    fs::set_permissions(&user, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(
        user_layer(&user, &Packs::default()),
        Err(TrustError::Private(PrivateError::Unsafe { .. }))
    ));
    let as_root = fs::metadata("/proc/self").unwrap();
    if std::os::unix::fs::MetadataExt::uid(&as_root) == 0 {
        let layers = machine_layers(&folder).unwrap();
        let names: Vec<_> = layers.iter().map(|layer| layer.name.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["10-a.yaml", "20-b.yaml"]);
        fs::write(folder.join("30-bad.yaml"), "schema: lgflow.policy/v1\nname: x\ntoolz: {}\n").unwrap();
        let error = machine_layers(&folder).unwrap_err().to_string();
        assert!(error.contains("30-bad.yaml:3:1") && error.contains("toolz"), "{error}");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    }
    // others may write it, or it is not root's: either way nothing of it is believed, and nothing is skipped
    assert!(matches!(machine_layers(&folder), Err(TrustError::Private(PrivateError::Unsafe { .. }))));
}

#[test]
fn taking_a_ceiling_away_or_opening_it_widens() {
    let with = |ceiling: &str| {
        let mut layers = frozen(MODEST);
        let text = format!("schema: lgflow.policy/v1\nname: c\n{ceiling}");
        let layer = frozen(&text).remove(0);
        layers.push(FrozenLayer { name: "c".into(), role: LayerRole::Ceiling, ..layer });
        layers
    };
    let narrow = with("tools: { read_file: allow }\n");
    assert!(!widenings(&narrow, &frozen(MODEST)).unwrap().is_empty());
    assert!(!widenings(&narrow, &with("tools: { read_file: allow, exec: allow }\n")).unwrap().is_empty());
    assert!(!widenings(&narrow, &with("")).unwrap().is_empty());
    assert!(widenings(&narrow, &with("tools: { read_file: ask }\n")).unwrap().is_empty());
    assert!(widenings(&with(""), &narrow).unwrap().is_empty());
    assert!(widenings(&frozen(MODEST), &narrow).unwrap().is_empty());
}
