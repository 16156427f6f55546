//! Where a call is decided, counted, done and remembered. The policy, the counters and the answers are the runner's
//! own: a call carries none of them.
#![expect(clippy::disallowed_methods, reason = "a deadline is a time on the clock")]

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::diag::Diagnostics;
use crate::digest::{Digest, MacKey};
use crate::effect::{
    Capabilities, ErrorKind, ReplyBody, RequestBody, RunnerStart, SandboxLayer, ToolCall, ToolError,
    ToolInfo, ToolResult, WorkTree, is_unrepeated, refused_whole, session_of,
};
use crate::files::{RelPath, Root};
use crate::ledger::Cache;
use crate::model::Uses;
use crate::policy::{Decision, Gate, GateDecision, Granted, Machine, PolicySet, Verdict};
use crate::receipt::{Counters, Used};
use crate::redact::{Redaction, Values};
use crate::runner::clean::Cleaner;
use crate::runner::revision::revision;
use crate::runner::tools::{look_ahead, question};
use crate::runner::work_tree::work_tree;
use crate::runner::{
    Cancel, CommandMemory, Hearing, Inside, Keyring, Outside, Room, Teller, ToolWorld, Traffic, call_unfit,
    recover_workspace, redaction,
};
use crate::sandbox::walls;
use crate::schema;
use crate::source::Sources;

use super::answered::Answers;
use super::approvals::Approvals;
use super::held::Held;
use super::known::Known;
use super::machine::machine_without_walls;
use super::receipts::Receipts;
use super::reused::Reused;
use super::said;

/// How long a cancellation waits for the end of its call.
const CANCEL_WAIT: Duration = Duration::from_secs(30);

/// One session's desk.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) gate: Gate,
    pub(super) world: ToolWorld,
    pub(super) approvals: Option<Approvals>,
    pub(super) cleaner: Cleaner,
    pub(super) receipts: Arc<Receipts>,
    pub(super) run: String,
    /// Results of earlier calls; none where nothing may be kept.
    pub(super) cache: Option<Cache>,
    /// Results of the run that this one was forked from.
    pub(super) reused: Reused,
    /// Nobody waits for answers any more.
    ending: AtomicBool,
    running: Running,
    /// Who hears the output of what is answered on a thread: a request has a thread of its own until it is answered.
    hearing: Mutex<Vec<(ThreadId, Hearing)>>,
    answered: Mutex<Answers>,
    pub(super) counters: Counters,
    pub(super) held: Held,
}

/// The calls that are being made.
#[derive(Debug, Default)]
struct Running {
    calls: Mutex<RunningCalls>,
    /// One of them has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct RunningCalls {
    last: u64,
    /// With their keys, which may be empty.
    by_number: BTreeMap<u64, (String, Cancel)>,
}

impl Desk {
    /// Opens the workspace and freezes the policy; the message says why it can't.
    pub(super) fn open(start: &RunnerStart, root: OwnedFd, front: UnixStream) -> Result<Self, String> {
        let mut sources = Sources::default();
        let policy = PolicySet::compile(&start.layers, &mut sources)
            .map_err(|findings| first_finding(&findings, &sources))?;
        let redaction = redaction(&start.declared.secrets, policy.redact_patterns())
            .map_err(|error| error.to_string())?;
        let redaction = Arc::new(redaction);
        let front = Arc::new(Mutex::new(front));
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| error.to_string())?;
        let mut world = world(start, root, &policy, &redaction, &front)?;
        recover_workspace(&world).map_err(|error| error.message)?;
        let protected = start.protected.clone();
        let machine = Machine { declared: start.declared.clone(), ..machine_without_walls(protected) };
        let reused = Reused::of(start.reuse.clone(), &start.run, &world)?;
        let mut gate = Gate::new(policy, machine);
        if may_run_commands(&gate) {
            gate.found_walls(walls());
        }
        let cleaner = Cleaner::new(redaction, MacKey::new(key));
        let approvals = Approvals::open(start, &world.root, front)?;
        let policy = gate.policy();
        let records = approvals.as_ref().filter(|_| start.keeps_records);
        let (receipts, used) = Receipts::open(
            &start.run,
            records.map(Approvals::ledger),
            (policy.digest(), &gate.machine().walls),
            Redaction::new(Values::default(), policy.redact_patterns().to_vec()),
        )?;
        let receipts = Arc::new(receipts);
        let of_sent = Arc::clone(&receipts);
        world.outside.traffic =
            Traffic::after(used.sent.clone(), move |rules, bytes| of_sent.sent(rules, bytes));
        let used = Used { calls: used.calls + start.counted_calls, ..used };
        let counters = Counters::new(start.limits, used);
        let (running, answered) = (Running::default(), Mutex::default());
        let held = Held::to(start.plan.clone());
        let cache = start.ledger.as_ref().filter(|_| start.keeps_records);
        let cache = cache.and_then(|place| Cache::of(Path::new(&place.state), &place.workspace).ok());
        Ok(Self {
            gate,
            world,
            approvals,
            cleaner,
            receipts,
            run: start.run.clone(),
            cache,
            reused,
            ending: AtomicBool::new(false),
            running,
            hearing: Mutex::default(),
            answered,
            counters,
            held,
        })
    }

    /// Looks through the workspace, where a command may come.
    pub(super) fn look_ahead(&self) {
        if may_run_commands(&self.gate) {
            look_ahead(&self.world, self.gate.read());
        }
    }

    /// Do answers on record count for calls that carry none?
    fn answers_on_record(&self) -> bool {
        self.approvals.as_ref().is_some_and(Approvals::counts_on_record)
    }

    /// Counts a call, where the run is still allowed one.
    pub(super) fn count(&self, call: &ToolCall) -> Result<(), ToolError> {
        self.counters.begin(call, self.gate.at(&call.node).policy().tool_calls())
    }

    /// The digest of the layers in force.
    pub(super) fn policy_digest(&self) -> Digest {
        self.gate.policy().digest()
    }

    /// The commit that the workspace stands on.
    pub(super) fn revision(&self) -> Option<String> {
        revision(&self.world.root_path)
    }

    /// How the workspace differs from that commit.
    pub(super) fn work_tree(&self) -> Option<WorkTree> {
        work_tree(&self.world)
    }

    /// The walls around commands, in force or not; none where no command can come.
    pub(super) fn walls(&self) -> Vec<SandboxLayer> {
        self.gate.machine().walls.clone()
    }

    /// Answers one request, with nothing that must not leave.
    pub(super) fn answer(&self, request: RequestBody) -> ReplyBody {
        let answers = !matches!(
            request,
            RequestBody::Capabilities | RequestBody::Explain { .. } | RequestBody::Cancel { .. }
        );
        let reply = self.decide(request);
        let stopped = self.reused.stopped().filter(|_| answers);
        self.cleaner.reply(match stopped {
            // no result of the call: nothing of the graph may go on from it
            Some(why) => ReplyBody::Problem { message: why.to_owned() },
            None => reply,
        })
    }

    /// The same; `hearing` hears the output of its call while it comes, as the command wrote it.
    pub(super) fn answer_heard(&self, request: RequestBody, hearing: Hearing) -> ReplyBody {
        let here = thread::current().id();
        locked(&self.hearing).push((here, hearing));
        let reply = self.answer(request);
        locked(&self.hearing).retain(|(thread, _)| *thread != here);
        reply
    }

    /// What is read for a request on this thread is counted until its answer was sent.
    pub(super) fn make_room(&self, body: &RequestBody) -> Inside<'_> {
        self.world.room.enter(matches!(body, RequestBody::Batch { .. }))
    }

    /// What must not leave.
    pub(super) fn redaction(&self) -> &Redaction {
        &self.world.redaction
    }

    fn decide(&self, request: RequestBody) -> ReplyBody {
        match request {
            RequestBody::Capabilities => ReplyBody::Capabilities { capabilities: self.capabilities() },
            RequestBody::Execute { call } | RequestBody::Stream { call } => {
                ReplyBody::Result { result: Box::new(self.once(&call)) }
            }
            RequestBody::Batch { calls } => ReplyBody::Results { results: self.batch(&calls) },
            RequestBody::Explain { call } => ReplyBody::Result { result: Box::new(self.explain(&call)) },
            RequestBody::Prepare { call } => ReplyBody::Result { result: Box::new(self.ask_ahead(&call)) },
            RequestBody::Cancel { key } => ReplyBody::Cancelled { found: self.cancel(&key) },
        }
    }

    /// Asks the call with this key to end, and waits until it has, with every process that it started.
    pub(super) fn cancel(&self, key: &str) -> bool {
        let with_key = |calls: &RunningCalls| calls.by_number.values().any(|(of, _)| of == key);
        let calls = locked(&self.running.calls);
        if key.is_empty() || !with_key(&calls) {
            return false;
        }
        calls.by_number.values().filter(|(of, _)| of == key).for_each(|(_, cancel)| cancel.cancel());
        // a tool that looks at its end nowhere is waited for, and no longer than a helper is
        let waited = self.running.ended.wait_timeout_while(calls, CANCEL_WAIT, |calls| with_key(calls));
        drop(waited);
        true
    }

    /// Asks every call to end.
    pub(super) fn cancel_all(&self) {
        self.ending.store(true, Ordering::SeqCst);
        locked(&self.running.calls).by_number.values().for_each(|(_, cancel)| cancel.cancel());
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            schema: "lgflow.capabilities/v1".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            protocols: vec!["lgflow.tool_call/v1".into()],
            tools: schema::tool_names().filter(|name| is_there(name)).filter_map(tool_info).collect(),
            sandbox: self.walls(),
            policy_digest: self.policy_digest(),
        }
    }

    /// A repeated key gets the first result; the same key with another body is a conflict.
    pub(super) fn once(&self, call: &ToolCall) -> ToolResult {
        self.once_with(call, || self.decide_and_do(call))
    }

    pub(super) fn once_with(&self, call: &ToolCall, work: impl FnOnce() -> ToolResult) -> ToolResult {
        let _said = said::of_call(call);
        if let Some(refusal) = self.of_another_run(call) {
            // before its key is looked up: what that was used for is not this call's to know
            return refusal;
        }
        let key = &call.idempotency_key;
        if key.is_empty() || is_unrepeated(key) {
            return work();
        }
        let body = serde_json::json!([call.tool, call.input, call.run, call.node]);
        let digest = Digest::of_json(&body);
        // looked up and taken under one lock: of two that come at once, one is the first
        let mut answered = locked(&self.answered);
        if let Some(known) = answered.known(call, digest) {
            return known;
        }
        answered.take(key, digest);
        drop(answered);
        let result = match self.recalled(call) {
            Some(made_before) => {
                self.reused.made(call, &made_before, &self.world);
                made_before
            }
            None => work(),
        };
        let mut answered = locked(&self.answered);
        if self.answers_on_record() && result.wants_approval() {
            // nothing was done, and once it is answered the same call comes again
            answered.forget(key);
        } else {
            answered.keep(key, &result);
        }
        result
    }

    fn decide_and_do(&self, call: &ToolCall) -> ToolResult {
        if let Some(refusal) = self.out_of_bounds(call) {
            return refusal;
        }
        let decision = self.gate.decide(call);
        said::decided(&decision);
        let denied = matches!(decision, GateDecision::Denied(_));
        if !denied && let Some(stopped) = self.stopped_before(call) {
            return stopped;
        }
        let asked = match decision {
            GateDecision::Denied(verdict) => return denial(call, &verdict),
            GateDecision::Ask(asked) => match self.reused.answer_to(call, &self.world.root) {
                Some(known) => return self.recall_unasked(&asked, known),
                None => *asked,
            },
            GateDecision::Granted(granted) => match self.met_question(&granted) {
                Ok(asked) => asked,
                Err(result) => return result,
            },
        };
        let (asked, binding, refused) = match self.with_approval(asked) {
            Ok(result) => return result,
            Err(open) => open,
        };
        self.put_question(&[asked], 0, binding, refused.as_ref())
    }

    /// A call that would look at what its run has not come to is not made.
    fn stopped_before(&self, call: &ToolCall) -> Option<ToolResult> {
        if self.reused.answer_to(call, &self.world.root).is_some() {
            return None;
        }
        let why = self.reused.stops(call, &self.world)?;
        Some(ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Internal, why)))
    }

    /// Does a call, or answers it with what is known of it; `approval` is what was spent for it.
    pub(super) fn execute(&self, granted: &Granted<ToolCall>, approval: Option<String>) -> ToolResult {
        let (call, start) = (granted.request(), Instant::now());
        let cancel = Cancel::at(call.deadline_ms.map(|millis| start + Duration::from_millis(millis)))
            .heard_by(self.hearing());
        let number = self.running.begin(&call.idempotency_key, &cancel);
        let result = match self.known(granted, &cancel) {
            Known::Result(known) => {
                let timing_ms = start.elapsed().as_millis() as u64;
                self.recall(granted, ToolResult { timing_ms, ..*known })
            }
            Known::PassedOver(why) => {
                ToolResult { passed_over: Some(why), ..self.make(granted, approval, &cancel) }
            }
            Known::Nothing => self.make(granted, approval, &cancel),
        };
        self.running.end(number);
        said::ended(&result);
        result
    }

    /// Who hears what is done on this thread.
    fn hearing(&self) -> Option<Hearing> {
        let here = thread::current().id();
        locked(&self.hearing).iter().find(|(thread, _)| *thread == here).map(|(_, hearing)| hearing.clone())
    }

    /// Makes a call, once it is on record that it is about to be.
    fn make(&self, granted: &Granted<ToolCall>, approval: Option<String>, cancel: &Cancel) -> ToolResult {
        let call = granted.request();
        if let Some(stopped) = self.stopped_before(call) {
            return stopped;
        }
        if let Err(why) = self.receipts.begun(call, approval) {
            return unrecorded(call, &why);
        }
        said::begun();
        let result = self.act(granted, cancel);
        self.took_effect(granted, &result);
        self.reused.made(call, &result, &self.world);
        let cancelled = result.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Cancelled);
        if cancelled && self.ending.load(Ordering::SeqCst) {
            // whoever asked is gone: this is no end that a later session should be told
            return result;
        }
        match self.receipts.ended(call, &self.cleaner.result(result.clone())) {
            Ok(()) => result,
            Err(why) => unrecorded(call, &why),
        }
    }

    /// What later calls of the session depend on.
    pub(super) fn took_effect(&self, granted: &Granted<ToolCall>, result: &ToolResult) {
        self.gate.note(granted, result);
        self.held.note(granted.request(), result);
        self.counters.charge(granted.request(), result);
    }

    /// All are decided before the first is done; then in order, up to the first failure.
    fn batch(&self, calls: &[ToolCall]) -> Vec<ToolResult> {
        let refusal = |call| call_unfit(call).or_else(|| self.refusal_of(call));
        let refusals: Vec<Option<ToolResult>> = calls.iter().map(refusal).collect();
        let asks = |refusal: &Option<ToolResult>| {
            let error = refusal.as_ref().and_then(|result| result.error.as_ref());
            error.is_some_and(|error| error.kind == ErrorKind::ApprovalRequired)
        };
        let denied = |refusal: &Option<ToolResult>| refusal.is_some() && !asks(refusal);
        if refusals.iter().any(denied) {
            // where the plan was left by one of them, it was by all
            let with_plan = refusals.into_iter().zip(calls);
            let with_plan = with_plan.map(|(refusal, call)| refusal.or_else(|| self.held.refuses(call)));
            return refused_whole(calls, with_plan.collect());
        }
        match refusals.iter().position(asks) {
            Some(first) => self.batch_with_approval(calls, &refusals, first),
            None => in_order(calls.iter(), |_, call| self.once(call)),
        }
    }

    /// What stands in the way of a call before anything is done.
    fn refusal_of(&self, call: &ToolCall) -> Option<ToolResult> {
        if let Some(refusal) = self.out_of_bounds(call) {
            return Some(refusal);
        }
        match self.gate.decide(call) {
            // nothing is done for it, so nothing can ask
            GateDecision::Granted(_) | GateDecision::Ask(_)
                if self.reused.answer_to(call, &self.world.root).is_some() =>
            {
                None
            }
            GateDecision::Granted(granted) => {
                let met = question(&granted, &self.world)
                    .filter(|met| matches!(met.kind, ErrorKind::ApprovalRequired | ErrorKind::Denied));
                met.map(|met| ToolResult::failure(&call.tool, met))
            }
            GateDecision::Ask(asked) => Some(refusal(call, ErrorKind::ApprovalRequired, asked.verdict())),
            GateDecision::Denied(verdict) => Some(refusal(call, ErrorKind::Denied, &verdict)),
        }
    }

    fn explain(&self, call: &ToolCall) -> ToolResult {
        self.refusal_of(call).unwrap_or_else(|| ToolResult::success(&call.tool, Value::Null))
    }

    /// The refusal of a call, whatever the policy says of it: it is another run's, was made for another policy, or no plan
    /// showed it.
    pub(super) fn out_of_bounds(&self, call: &ToolCall) -> Option<ToolResult> {
        self.of_another_run(call)
            .or_else(|| self.under_another_policy(call))
            .or_else(|| self.held.refuses(call))
    }

    /// A session serves the run that the front has named, and its changes are all that a call sees and takes back. Which
    /// other one's it may take back the front says as well, and no call.
    fn of_another_run(&self, call: &ToolCall) -> Option<ToolResult> {
        // a session of single calls has parts
        let part = || session_of(&call.run) == Some(&self.run);
        if call.run == self.run || self.answers_on_record() && part() {
            return None;
        }
        let message = format!(
            "the call names the run `{}`, and this session serves `{}` alone; what another run has changed is taken back by \
             `lgflow runs undo`",
            call.run, self.run
        );
        Some(ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Denied, message)))
    }

    /// The policy is the runner's. A call may say which one it was made for, and is refused where that is another.
    fn under_another_policy(&self, call: &ToolCall) -> Option<ToolResult> {
        let named = call.policy_digest.filter(|named| *named != self.policy_digest())?;
        let message =
            format!("the call names the policy {named}; the one in force is {}", self.policy_digest());
        Some(ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Denied, message)))
    }
}

/// What tools work with; of the network nothing has been used yet.
fn world(
    start: &RunnerStart,
    root: OwnedFd,
    policy: &PolicySet,
    redaction: &Arc<Redaction>,
    front: &Arc<Mutex<UnixStream>>,
) -> Result<ToolWorld, String> {
    let protected = start.protected.iter().map(|path| RelPath::parse(path)).collect::<Result<_, _>>();
    Ok(ToolWorld {
        root: Root::from_fd(root).map_err(|error| error.to_string())?,
        root_path: PathBuf::from(&start.root),
        state: Root::open(Path::new(&start.state)).map_err(|error| error.to_string())?,
        protected: protected.map_err(|error| error.to_string())?,
        memory: CommandMemory::of(policy.digest()).held_to(start.plan.as_ref()).undoing(start.undoes.clone()),
        redaction: Arc::clone(redaction),
        outside: Outside {
            declared: start.declared.clone(),
            keys: Keyring::of(&start.declared.secrets).map_err(|error| error.to_string())?,
            traffic: Traffic::default(),
            teller: start.live.then(|| Teller::new(Arc::clone(front))),
        },
        room: Room::default(),
    })
}

/// One after the other, up to the first failure.
pub(super) fn in_order<T>(
    items: impl Iterator<Item = T>,
    mut work: impl FnMut(usize, T) -> ToolResult,
) -> Vec<ToolResult> {
    let mut results = Vec::new();
    for (at, item) in items.enumerate() {
        let result = work(at, item);
        let failed = !result.ok;
        results.push(result);
        if failed {
            break;
        }
    }
    results
}

impl Running {
    fn begin(&self, key: &str, cancel: &Cancel) -> u64 {
        let mut calls = locked(&self.calls);
        calls.last += 1;
        let number = calls.last;
        calls.by_number.insert(number, (key.to_owned(), cancel.clone()));
        number
    }

    fn end(&self, number: u64) {
        locked(&self.calls).by_number.remove(&number);
        self.ended.notify_all();
    }
}

/// Can it be called here? Nodes that only the interpreter knows are no tools, and other servers of tools are not reached.
fn is_there(name: &str) -> bool {
    Uses::parse(name).is_some_and(|uses| uses.is_tool() && uses != Uses::Mcp)
}

/// A tool with the schemas of a call.
fn tool_info(name: &str) -> Option<ToolInfo> {
    let read = |text: Option<&str>| serde_json::from_str::<Value>(text?).ok();
    let input_schema = read(schema::call_input(name))?;
    let description = input_schema["description"].as_str().unwrap_or_default().to_owned();
    Some(ToolInfo {
        name: name.to_owned(),
        description,
        output_schema: read(schema::tool_output(name))?,
        input_schema,
    })
}

/// Can a command come at all? Then it is worth knowing what it would meet.
fn may_run_commands(gate: &Gate) -> bool {
    gate.explain_tool("exec").decision != Decision::Deny
}

/// The front has validated the layers before, so one sentence is enough.
fn first_finding(findings: &Diagnostics, sources: &Sources) -> String {
    findings.iter().next().map_or_else(String::new, |finding| {
        let file = sources.get(finding.span().file);
        let place = file.position(finding.span().start);
        format!("{}:{}:{}: {}", file.name(), place.line, place.column, finding.message)
    })
}

/// The policy cannot read what is no call of its tool, and denies it: that is not why it fails.
pub(super) fn denial(call: &ToolCall, verdict: &Verdict) -> ToolResult {
    call_unfit(call).unwrap_or_else(|| refusal(call, ErrorKind::Denied, verdict))
}

pub(super) fn refusal(call: &ToolCall, kind: ErrorKind, verdict: &Verdict) -> ToolResult {
    let deciding = verdict.deciding();
    let message = deciding.map_or_else(|| "no rule allows it".to_owned(), |reason| reason.message.clone());
    let rule = deciding.map(|reason| reason.rule.clone());
    let rules = verdict.reasons.iter().map(|reason| reason.rule.clone()).collect();
    let error = ToolError { rule, ..ToolError::new(kind, message) };
    ToolResult { rules, ..ToolResult::failure(&call.tool, error) }
}

/// What is not on record is not done, or not said to be.
pub(super) fn unrecorded(call: &ToolCall, why: &str) -> ToolResult {
    let message = format!("the runner could not write its receipt: {why}");
    ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Internal, message))
}

/// A thread that panicked while it held a lock leaves counters that are still sound.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
