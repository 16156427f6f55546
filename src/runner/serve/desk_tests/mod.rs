//! Approvals at the desk: asked, signed by a front, spent before the effect; and everything that must be refused.

#![expect(clippy::disallowed_methods, reason = "tests build the workspace that they need")]

mod asking;
mod binding;
mod held;
mod lists;
mod on_record;
mod spending;

use std::fs;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::approval::{Signer, add_signature};
use crate::effect::{
    ApprovalRequest, ControlFrame, Declared, ErrorKind, FrameBuffer, FrozenLayer, HeldPlan, LayerRole,
    LedgerPlace, ReplyBody, RequestBody, RunLimits, RunnerStart, ToolCall, ToolResult,
};
use crate::ledger::{installation_key, moment};

use super::desk::Desk;

const PATCH: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";
const ASKS: &str = "schema: lgflow.policy/v1\nname: t\ntools: {apply_patch: ask, read_file: allow, rollback: ask}\n\
                    paths: {read: {allow: ['**'], ask: ['private/**']}, write: {allow: ['**']}}\n";
const ASKS_FOR_A_PATH: &str = "schema: lgflow.policy/v1\nname: t\ntools: {apply_patch: allow, read_file: allow}\n\
                               paths: {read: {allow: ['**']}, write: {allow: ['**'], ask: ['*.txt']}}\n";
const ALLOWS: &str = "schema: lgflow.policy/v1\nname: t\ntools: {apply_patch: allow, read_file: allow}\npaths: \
                      {read: {allow: ['**']}, write: {allow: ['**']}}\n";

struct Bench {
    folder: tempfile::TempDir,
}

/// A runner's desk, and the front's end of its control channel.
struct Seat {
    desk: Desk,
    front: UnixStream,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["work/private", "state", "journals"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("work/a.txt"), "one\ntwo\nthree\n").unwrap();
        fs::write(folder.path().join("work/private/p.txt"), "hush\n").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn seat(&self, policy: &str) -> Seat {
        self.seat_held_to(policy, None)
    }

    fn seat_held_to(&self, policy: &str, plan: Option<&HeldPlan>) -> Seat {
        // a program that another test starts has the lock of a seat that was left, until it is the program
        let mut tries = 0;
        loop {
            match self.open(policy, plan.cloned()) {
                Err(problem) if problem.contains("another process") && tries < 200 => {
                    tries += 1;
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                seat => return seat.unwrap(),
            }
        }
    }

    fn open(&self, policy: &str, plan: Option<HeldPlan>) -> Result<Seat, String> {
        self.open_with(policy, plan, false)
    }

    fn open_with(&self, policy: &str, plan: Option<HeldPlan>, on_record: bool) -> Result<Seat, String> {
        let (front, theirs) = UnixStream::pair().unwrap();
        let layer = FrozenLayer {
            name: "t".into(),
            role: LayerRole::Grant,
            text: policy.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
            within: std::collections::BTreeSet::new(),
        };
        let place = |name: &str| self.path(name).display().to_string();
        let start = RunnerStart {
            schema: "lgflow.runner_start/v1".into(),
            run: "run".into(),
            root: place("work"),
            state: place("journals"),
            layers: vec![layer],
            protected: Vec::new(),
            starter: None,
            declared: Declared::default(),
            live: false,
            limits: RunLimits::default(),
            plan,
            undoes: None,
            reuse: None,
            counted_calls: 0,
            answers_on_record: on_record,
            keeps_records: true,
            ledger: Some(LedgerPlace { state: place("state"), workspace: "w".into() }),
        };
        let root = OwnedFd::from(fs::File::open(self.path("work")).unwrap());
        Ok(Seat { desk: Desk::open(&start, root, theirs)?, front })
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path("work/a.txt")).unwrap()
    }

    fn untouched(&self) -> bool {
        self.text() == "one\ntwo\nthree\n"
    }

    fn refusals(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("state/ledger/w/refused.jsonl")).unwrap_or_default();
        let kind =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned();
        text.lines().map(kind).collect()
    }

    fn signer(&self) -> Signer {
        Signer::Local(installation_key(&self.path("state")).unwrap())
    }

    fn agree(&self, request: &ApprovalRequest) -> Value {
        let signature = self.signer().sign(request, &moment()).unwrap();
        serde_json::to_value(add_signature(None, request, signature).unwrap()).unwrap()
    }
}

impl Seat {
    fn do_it(&self, call: &ToolCall) -> ToolResult {
        match self.desk.answer(RequestBody::Execute { call: call.clone() }) {
            ReplyBody::Result { result } => *result,
            other => panic!("{other:?}"),
        }
    }

    fn do_all(&self, calls: &[ToolCall]) -> Vec<ToolResult> {
        match self.desk.answer(RequestBody::Batch { calls: calls.to_vec() }) {
            ReplyBody::Results { results } => results,
            other => panic!("{other:?}"),
        }
    }

    /// What the front is asked next.
    fn asked(&mut self) -> ApprovalRequest {
        let mut arrived = FrameBuffer::default();
        let mut byte = [0];
        loop {
            match arrived.take().unwrap() {
                Some(ControlFrame::Ask(request)) => return *request,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            assert_eq!(self.front.read(&mut byte).unwrap(), 1);
            arrived.push(&byte);
        }
    }
}

fn patch(key: &str, text: &str) -> ToolCall {
    ToolCall {
        run: "run".into(),
        node: "apply".into(),
        idempotency_key: format!("run/{key}"),
        ..ToolCall::new("apply_patch", json!({ "patch": text }))
    }
}

fn with(call: &ToolCall, key: &str, approval: &Value) -> ToolCall {
    ToolCall { idempotency_key: format!("run/{key}"), approval: Some(approval.clone()), ..call.clone() }
}

fn kind(result: &ToolResult) -> ErrorKind {
    kind_of(result).unwrap()
}

fn kind_of(result: &ToolResult) -> Option<ErrorKind> {
    result.error.as_ref().map(|error| error.kind.clone())
}
