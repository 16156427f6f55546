//! A run without a world: what comes from outside is drawn, fitting or not, and the trace is kept in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use lgflow::digest::Digest;
use lgflow::effect::{ErrorKind, ToolError, ToolResult};
use lgflow::interpret::{Effect, bind_inputs, next};
use lgflow::plan::Plan;
use lgflow::session::{fold, open_questions, replay};
use lgflow::trace::{
    Answer, Blob, CallId, CallOrder, CallOutcome, Cancel, Chain, EventBody, Phase, QuestionId, Redaction,
    RunStarted, RunState, WaitFor, WaitId, apply, verify,
};
use serde_json::{Map, Value, json};

use super::draws::Draws;
use super::generate::Draw;

/// The time of every event.
const NOW: &str = "2026-01-01T00:00:00Z";
/// Events, at most: a graph may turn for very long, and that is no fault of it.
const MOST_EVENTS: usize = 3_000;
const RUN: &str = "run";

/// What has been asked of the world and not been answered.
enum Open {
    Call(CallId, Arc<CallOrder>),
    Wait(WaitId, WaitFor),
}

/// A run, and what of it is kept.
pub struct Run<'b> {
    plan: Arc<Plan>,
    state: RunState,
    chain: Chain,
    lines: Vec<String>,
    blobs: BTreeMap<String, Vec<u8>>,
    open: Vec<Open>,
    draws: Draws<'b>,
}

impl<'b> Run<'b> {
    /// Begins a run of a plan whose inputs all have a default.
    pub fn begin(plan: &Arc<Plan>, draws: Draws<'b>) -> Option<Self> {
        let inputs = bind_inputs(plan, Map::new()).ok()?;
        let mut run = Self {
            plan: Arc::clone(plan),
            state: RunState::new(RUN, plan),
            chain: Chain::new(RUN, Redaction::default()),
            lines: Vec::new(),
            blobs: BTreeMap::new(),
            open: Vec::new(),
            draws,
        };
        let started = RunStarted { inputs: Arc::new(inputs), revision: None, facts: Arc::new(json!({})) };
        run.record(&EventBody::RunStarted(Box::new(started)));
        Some(run)
    }

    /// Until it is over, waits for nothing that comes, or has taken `steps` steps.
    pub fn go_on(&mut self, steps: usize) {
        for _ in 0..steps {
            self.decide();
            if matches!(self.state.phase(), Phase::Finished { .. }) || self.lines.len() > MOST_EVENTS {
                return;
            }
            self.step();
        }
    }

    /// The lines of the trace.
    #[allow(dead_code, reason = "the corpus test makes no traces")]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The trace is whole, the same is decided again, and somebody could go on with it.
    pub fn hold(&self) {
        let blob = |digest: &Digest| self.blobs.get(&digest.to_string()).cloned();
        let lines = || self.lines.iter().map(String::as_str);
        let verified = verify(lines(), Some(&blob));
        assert_eq!((verified.fault, verified.events), (None, self.lines.len() as u64));
        let again = replay(&self.plan, lines(), &blob, Redaction::default());
        assert_eq!(again.difference, None, "decided again");
        assert_eq!(again.events, self.lines.len() as u64);
        let log: String = self.lines.iter().flat_map(|line| [line, "\n"]).collect();
        let stored = fold(RUN, &self.plan, &log, &blob, NOW).expect("it was written so");
        let (read, reached) = (told(&stored.state), told(&self.state));
        if read != reached {
            let same = read.bytes().zip(reached.bytes()).take_while(|(a, b)| a == b).count();
            let behind =
                |text: &str| text.chars().skip(same.saturating_sub(200)).take(400).collect::<String>();
            panic!("out of the log:\n{}\nas it was reached:\n{}", behind(&read), behind(&reached));
        }
        let asked = open_questions(&log, &blob).len();
        if matches!(self.state.phase(), Phase::Suspended) {
            assert_eq!(asked, self.state.open_questions().count(), "questions out of the log");
        }
        self.state.summary();
    }

    fn record(&mut self, event: &EventBody) {
        let appended = self.chain.append(&self.state, event, NOW);
        self.lines.push(appended.line);
        for Blob { digest, bytes } in appended.blobs {
            self.blobs.insert(digest.to_string(), bytes);
        }
        if let Err(illegal) = apply(&mut self.state, event) {
            panic!("{illegal}\n{event:#?}");
        }
    }

    /// Everything that can be decided without the world.
    fn decide(&mut self) {
        while self.lines.len() <= MOST_EVENTS {
            let requests = next(&self.state);
            if requests.is_empty() {
                break;
            }
            for request in requests {
                self.record(&request.record);
                match (request.effect, request.record) {
                    (Some(Effect::Call(call, order)), _) => {
                        self.state.provenance(call);
                        self.open.push(Open::Call(call, order));
                    }
                    (Some(Effect::Wait(wait, _)), EventBody::WaitStarted { reason, .. }) => {
                        self.open.push(Open::Wait(wait, reason));
                    }
                    _ => {}
                }
            }
        }
        let state = &self.state;
        self.open.retain(|open| match open {
            Open::Call(call, _) => state.awaits_call(*call),
            Open::Wait(wait, _) => state.awaits(*wait),
        });
    }

    /// Something comes from outside.
    fn step(&mut self) {
        let asked: Vec<(QuestionId, Vec<String>)> =
            self.state.open_questions().map(|question| (question.id, question.options.clone())).collect();
        match self.draws.below(24) {
            0 => return self.intrude(),
            1 if self.draws.chance(20) => {
                let how = if self.draws.chance(50) { Cancel::InOrder } else { Cancel::AtOnce };
                return self.offer(&EventBody::RunCancelled { how });
            }
            2 => return self.offer(&EventBody::RunResumed),
            3..=5 if !asked.is_empty() => return self.answer(&asked),
            _ => {}
        }
        let ready: Vec<usize> = (0..self.open.len())
            .filter(|at| matches!(self.open[*at], Open::Call(..)) || self.ticks(*at))
            .collect();
        if let Some(at) = self.one_of(ready.len()).map(|drawn| ready[drawn]) {
            return self.end(at);
        }
        if !asked.is_empty() {
            return self.answer(&asked);
        }
        // clocks alone are left: one of them rings
        if let Some(at) = self.one_of(self.open.len()) {
            self.end(at);
        }
    }

    fn one_of(&mut self, count: usize) -> Option<usize> {
        (count > 0).then(|| self.draws.below(count as u64) as usize)
    }

    /// Does this wait only put something off?
    fn ticks(&self, at: usize) -> bool {
        matches!(&self.open[at], Open::Wait(_, WaitFor::Backoff(_) | WaitFor::Delay(..)))
    }

    fn end(&mut self, at: usize) {
        let event = match self.open.remove(at) {
            Open::Wait(wait, _) => EventBody::WaitFinished { wait },
            Open::Call(call, order) => {
                EventBody::CallFinished { call, outcome: Arc::new(self.outcome(&order)) }
            }
        };
        self.record(&event);
    }

    fn answer(&mut self, asked: &[(QuestionId, Vec<String>)]) {
        let at = self.one_of(asked.len()).expect("something is asked");
        let (question, options) = (asked[at].0, &asked[at].1);
        let choice = self.one_of(options.len()).map(|at| options[at].clone());
        let answer = Box::new(Answer { choice, by: "somebody".into(), ..Answer::default() });
        if matches!(self.state.phase(), Phase::Suspended) {
            self.record(&EventBody::RunResumed);
            self.decide();
        }
        let rejects = options.is_empty() && self.draws.chance(40);
        self.offer(&if rejects {
            EventBody::ApprovalRejected { question, answer }
        } else {
            EventBody::ApprovalGranted { question, answer }
        });
    }

    /// Takes what fits, and only that.
    fn offer(&mut self, event: &EventBody) {
        let mut tried = self.state.clone();
        if apply(&mut tried, event).is_ok() {
            self.record(event);
        }
    }

    /// What nobody has asked for, or not in this way.
    fn intrude(&mut self) {
        let strange = self.draws.below(40) as u32;
        let event = match self.draws.below(6) {
            0 => EventBody::WaitFinished { wait: WaitId(strange) },
            1 => {
                let (question, answer) = (QuestionId(strange), Box::default());
                EventBody::ApprovalRejected { question, answer }
            }
            2 => {
                let outcome = Arc::new(CallOutcome::Batch(Vec::new()));
                EventBody::CallFinished { call: CallId(strange), outcome }
            }
            3 => {
                let (question, answer) = (QuestionId(strange), Box::new(self.drawn_answer()));
                EventBody::ApprovalGranted { question, answer }
            }
            4 => {
                let outcome = Arc::new(CallOutcome::Single(self.result()));
                EventBody::CallFinished { call: CallId(strange), outcome }
            }
            _ => EventBody::CallFinished {
                call: CallId(strange),
                outcome: Arc::new(CallOutcome::Batch(vec![self.result(), self.result(), self.result()])),
            },
        };
        self.offer(&event);
    }

    fn drawn_answer(&mut self) -> Answer {
        Answer { choice: Some("no such choice".into()), response: Some(self.value(2)), ..Answer::default() }
    }

    /// What a call comes to, in the form that it has to have.
    fn outcome(&mut self, order: &CallOrder) -> CallOutcome {
        match order {
            CallOrder::Single(_) | CallOrder::Prepare(_) => CallOutcome::Single(self.result()),
            CallOrder::Batch(calls) => {
                let mut results = Vec::new();
                for _ in calls {
                    results.push(self.result());
                    if results.last().is_some_and(|result| !result.ok) {
                        break;
                    }
                }
                CallOutcome::Batch(results)
            }
        }
    }

    /// A result as it arrives: what is sent of it and read again.
    fn result(&mut self) -> ToolResult {
        let sent = serde_json::to_value(self.drawn_result()).expect("it can be sent");
        serde_json::from_value(sent).expect("it can be read")
    }

    fn drawn_result(&mut self) -> ToolResult {
        const KINDS: [&str; 19] = [
            "exit",
            "timeout",
            "not_found",
            "conflict",
            "invalid_input",
            "invalid_output",
            "rate_limited",
            "upstream",
            "limit",
            "denied",
            "rejected",
            "exhausted",
            "expression",
            "cancelled",
            "budget",
            "internal",
            "unplanned",
            "approval_required",
            "of_its_own",
        ];
        if self.draws.chance(70) {
            let output = match self.draws.below(3) {
                0 => self.value(3),
                _ => {
                    let text = self.draws.below(40).to_string();
                    json!({ "exit_code": self.draws.below(6), "stdout": text, "stderr": "" })
                }
            };
            return ToolResult {
                timing_ms: self.draws.below(3),
                llm_tokens: Some(self.draws.below(200)),
                ..ToolResult::success("exec", output)
            };
        }
        let kind = KINDS[self.draws.below(KINDS.len() as u64) as usize];
        let mut error = ToolError::new(ErrorKind::parse(kind), "drawn");
        error.output = self.draws.chance(30).then(|| self.value(2));
        ToolResult { output: self.value(1), ..ToolResult::failure("exec", error) }
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.draws.below(if depth == 0 { 7 } else { 10 }) {
            0 => Value::Null,
            1 => json!(self.draws.chance(50)),
            2 => json!(self.draws.next().cast_signed()),
            // with a fraction: the trace writes a whole one without it
            3 => json!(f64::from(self.draws.next() as i32) + 0.5),
            4 => json!("x".repeat(self.draws.below(9_000) as usize)),
            5 => json!("\u{0}ä\"\\\u{202e}"),
            6 => json!(self.draws.below(4)),
            7 => json!({ "$blob": "sha256:00", "bytes": 1 }),
            8 => (0..self.draws.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let names = ["stdout", "exit_code", "results", "", "status"];
                let some =
                    (0..self.draws.below(4)).map(|at| (names[at as usize].to_owned(), self.value(depth - 1)));
                Value::Object(some.collect())
            }
        }
    }
}

/// All of a state. A number of the engine's own that has a fraction of zero is written without it in a trace.
fn told(state: &RunState) -> String {
    format!("{state:?}").replace(".0)", ")").replace("Number(-0)", "Number(0)")
}
