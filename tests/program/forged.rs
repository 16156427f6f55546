//! Runs whose events somebody writes anew who can write the store, and has no key: hashes, numbers and all that is told agree. Of
//! each it is known that it is refused, and that it goes on once what was recorded stands there again.
#![allow(dead_code, reason = "each test program uses its part")]

use std::process::Command;

use lgflow::digest::canonical_json;
use serde_json::{Value, json};

use super::holding::{NAMED, begun, let_go};
use super::kept::anew;
use super::processes::{all_gone, children, signal};
use super::{Ran, Workspace};

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: deploys
inputs: { where: { type: string } }
nodes:
  sure: { uses: approval, with: { show: \"deploy?\", options: [\"yes\", \"no\"] } }
  hold: { uses: exec, with: { argv: [sh, hold.sh] }, on_crash: retry }
  deploy:
    uses: apply_patch
    with: { changes: [{ op: put, path: made/deployed, content: \"WHAT\\n\" }] }
edges: [EDGES]
";

const POLICY: &str = "\
schema: lgflow.policy/v1
name: deploys
tools: { apply_patch: allow, exec: allow }
paths: { read: { allow: [\"**\"] }, write: { allow: [\"made/**\"] } }
commands:
  - { name: hold, program: sh, args: [[\"hold.sh\"]], sandbox: { unsafe_write: [\"made\"] } }
sandbox: { mode: best_effort }
";

const HOLD: &str = "echo hold >> made/hold\nuntil [ -e made/go ]; do sleep 0.05; done\n";

/// A workspace with a run in some store, and how that is altered.
pub struct Forging<'a> {
    pub workspace: &'a Workspace,
    /// The program, asked for something.
    pub command: &'a dyn Fn(&[&str]) -> Command,
    /// Puts other lines in the place of those of a run.
    pub rewrite: &'a dyn Fn(&str, &str),
}

impl Forging<'_> {
    fn asks(&self, question: bool) {
        let (edges, what) = if question {
            ("sure -> hold -> deploy", "{{ nodes.sure.output.choice }}: {{ nodes.sure.output.by }}")
        } else {
            ("hold -> deploy", "{{ inputs.where }}")
        };
        let graph = GRAPH.replace("EDGES", edges).replace("WHAT", what);
        let graph = if question {
            graph
        } else {
            graph.split_inclusive('\n').filter(|line| !line.contains("sure:")).collect()
        };
        let workspace = self.workspace;
        workspace.write("graph.yaml", graph).write("policy.yaml", POLICY).write("hold.sh", HOLD);
        workspace.write("made/.keep", "");
        for left in ["made/go", "made/hold", "made/deployed"] {
            let _ = std::fs::remove_file(workspace.path().join(left));
        }
    }

    pub fn ran(&self, arguments: &[&str]) -> Ran {
        Ran::from((self.command)(arguments).output().unwrap())
    }

    /// Begins something that executes a run, and ends its process in the middle of that run's command.
    fn dies(&self, arguments: &[&str]) {
        let mut front = begun(self.workspace, (self.command)(arguments));
        let others = children(front.id());
        signal(front.id(), "KILL");
        front.wait().unwrap();
        all_gone(&others);
        let_go(self.workspace);
    }

    fn last_run(&self) -> String {
        let list = self.ran(&["runs", "list", "--format", "json"]).ended(0).json();
        list["runs"][0]["run"].as_str().unwrap().to_owned()
    }

    /// The lines of a run, as they are told.
    pub fn log(&self, run: &str) -> String {
        let told = self.ran(&["trace", "show", run, "--format", "json"]).ended(0).json();
        told["events"].as_array().unwrap().iter().map(|event| canonical_json(event) + "\n").collect()
    }

    /// A run that died in the middle of its only command, with the input `here`.
    pub fn dead(&self) -> String {
        self.asks(false);
        self.dies(&[&["run", "-i", "where=here"][..], &NAMED].concat());
        self.last_run()
    }

    /// A run that waits for an answer, sealed.
    fn asking(&self) -> String {
        self.asks(true);
        self.ran(&[&["run", "-i", "where=here"][..], &NAMED].concat()).ended(5);
        self.last_run()
    }

    fn deployed(&self) -> Option<String> {
        std::fs::read_to_string(self.workspace.path().join("made/deployed")).ok()
    }

    /// What the store has of a run is refused by whatever would believe it, and shown by whatever shows it.
    #[track_caller]
    fn is_refused(&self, run: &str) {
        let said = "by somebody else";
        for allowed in [&[][..], &["--allow", "incomplete"]] {
            let verify = [&["trace", "verify", run][..], allowed].concat();
            self.ran(&verify).ended(7).says(said);
            let found = self.ran(&[&verify[..], &["--format", "json"]].concat()).ended(7).json();
            assert_eq!((&found["ok"], &found["as_recorded"]), (&json!(false), &json!(false)), "{found:#}");
            assert_eq!((&found["verdicts"], &found["fault"]), (&json!([]), &Value::Null), "{found:#}");
        }
        self.ran(&["trace", "verify", "--all", "--allow", "incomplete"]).ended(7);
        self.ran(&["runs", "resume", run]).ended(7).says(said);
        self.ran(&["runs", "fork", run, "--from", "deploy"]).ended(7).says(said);
        self.ran(&["runs", "undo", run]).ended(7).says(said);
        self.ran(&["runs", "show", run]).ended(7).says(said);
        self.ran(&["trace", "show", run]).ended(0);
        self.ran(&["trace", "export", run, "--to", "json"]).ended(0);
        self.ran(&["replay", run]).ended(0);
        assert_eq!(self.deployed(), None, "nothing is done by it");
        assert_eq!(self.last_run(), run, "and no run is begun");
    }

    /// Once it is again what was recorded, it holds, goes on to its end, and holds.
    #[track_caller]
    fn goes_on(&self, run: &str, comes_to: &str) {
        self.ran(&["trace", "verify", run, "--allow", "incomplete"]).ended(0);
        self.ran(&["runs", "resume", run]).ended(0);
        let deployed = self.deployed().unwrap();
        assert!(deployed.starts_with(comes_to), "{deployed}");
        let said = self.ran(&["trace", "verify", run]).ended(0).stdout;
        assert!(said.contains("consistent, signed by local:"), "{said}");
        self.ran(&["trace", "verify", "--all"]).ended(0);
    }
}

/// Other inputs in a run that died before anything of it was sealed.
pub fn other_inputs_are_refused(forging: &Forging<'_>) {
    let run = forging.dead();
    let recorded = forging.log(&run);
    let forged = anew(&recorded, |events| events[0]["data"]["inputs"] = json!({ "where": "there" }));
    (forging.rewrite)(&run, &forged);
    forging.is_refused(&run);
    (forging.rewrite)(&run, &recorded);
    forging.goes_on(&run, "here");
}

/// A person's no, made a yes in a run that went on and died.
pub fn another_answer_is_refused(forging: &Forging<'_>) {
    let run = forging.asking();
    forging.ran(&["approve", &run, "sure", "--choice", "no"]).ended(0);
    forging.dies(&["runs", "resume", &run]);
    let recorded = forging.log(&run);
    let forged = anew(&recorded, |events| {
        let mut altered = 0;
        for event in events {
            if event["kind"] == "approval.granted" {
                event["data"]["choice"] = json!("yes");
                altered += 1;
            } else if event["kind"] == "node.finished" && event["node"] == "sure" {
                event["data"]["output"]["choice"] = json!("yes");
                altered += 1;
            }
        }
        assert_eq!(altered, 2);
    });
    (forging.rewrite)(&run, &forged);
    forging.is_refused(&run);
    (forging.rewrite)(&run, &recorded);
    forging.goes_on(&run, "no: local:");
}

/// An answer that nobody gave, behind the seal of a run that waits.
pub fn an_answer_that_nobody_gave_is_refused(forging: &Forging<'_>) {
    let run = forging.asking();
    let recorded = forging.log(&run);
    let signed = forging.ran(&["trace", "verify", &run, "--allow", "incomplete"]).ended(0).stdout;
    let by = signed.split("signed by ").nth(1).unwrap().split([',', ':', ' ']).take(2);
    let by = by.collect::<Vec<_>>().join(":");
    let forged = anew(&recorded, |events| {
        let last = events.last().unwrap().clone();
        for (kind, data) in [
            ("run.resumed", json!({})),
            ("run.suspended", last["data"].clone()),
            ("approval.granted", json!({ "by": by, "choice": "yes", "comment": "", "question": 1 })),
        ] {
            let mut event = last.clone();
            (event["kind"], event["data"]) = (json!(kind), data);
            events.push(event);
        }
    });
    assert!(forged.starts_with(&recorded), "what was sealed stands");
    (forging.rewrite)(&run, &forged);
    forging.is_refused(&run);
    forging.ran(&["reject", &run, "sure"]).ended(7).says("by somebody else");
    (forging.rewrite)(&run, &recorded);
    forging.ran(&["approve", &run, "sure", "--choice", "no"]).ended(0);
    let_go(forging.workspace);
    forging.goes_on(&run, "no: local:");
}
