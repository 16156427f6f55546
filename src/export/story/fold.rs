//! Events, in order, to the pieces of time that they begin and end. Total: events that do not fit each other, as a trace
//! from elsewhere may have them, leave pieces open or out and break nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::effect::ToolCall;
use crate::export::{Moment, Recorded};
use crate::trace::Envelope;

use super::{CallTold, Decided, EdgeTold, End, NodeTold, Piece, QuestionTold, Story, Used, What, planned};

pub(super) fn story(recorded: &Recorded) -> Story {
    let mut fold = Fold::new(recorded);
    for recording in &recorded.events {
        fold.hear(&recording.event);
    }
    fold.finish()
}

/// What is known so far.
struct Fold {
    story: Story,
    now: Moment,
    /// When the event before happened.
    before: Moment,
    seq: u64,
    /// Open pieces by their key.
    open: BTreeMap<String, usize>,
    calls: BTreeMap<u64, usize>,
    waits: BTreeMap<u64, usize>,
    questions: BTreeMap<u64, usize>,
    /// The kind of the event before.
    last: String,
}

impl Fold {
    fn new(recorded: &Recorded) -> Self {
        let first = recorded.events.first().map(|recording| &recording.event);
        let from = first.and_then(|event| Moment::parse(&event.ts)).unwrap_or_default();
        let run = Piece {
            key: String::new(),
            parent: None,
            what: What::Run,
            from,
            to: from,
            end: End::Open,
            seq: first.map_or(1, |event| event.seq),
        };
        let story = Story {
            run: first.map(|event| event.run.clone()).unwrap_or_default(),
            graph: String::new(),
            status: String::new(),
            taken_back: None,
            complete: false,
            revision: None,
            facts: Value::Null,
            inputs: Value::Null,
            outputs: None,
            error: None,
            failed_node: None,
            pieces: vec![run],
            decided: Vec::new(),
            edges: Vec::new(),
            redacted: 0,
            used: Used::default(),
        };
        let open = BTreeMap::from([(String::new(), 0)]);
        let (calls, waits, questions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { story, now: from, before: from, seq: 0, open, calls, waits, questions, last: String::new() }
    }

    fn hear(&mut self, event: &Envelope) {
        self.before = self.now;
        // a clock that was set back has not turned time
        self.now = Moment::parse(&event.ts).unwrap_or(self.now).max(self.now);
        self.seq = event.seq;
        let redacted = number(event, "redacted").unwrap_or_default();
        self.story.redacted = self.story.redacted.saturating_add(redacted);
        match event.kind.as_str() {
            "run.started" => self.begin(event),
            "run.suspended" => self.suspend(),
            "run.resumed" => self.resume(),
            "run.finished" => self.end_run(event),
            "node.started" => self.start_node(event),
            "node.finished" => self.end_node(event),
            "node.decided" => self.decide(event),
            "node.retried" => self.retry(event),
            "item.started" => self.start_item(event),
            "item.finished" => self.end_unit(event),
            "graph.started" => drop(self.attempt(event)),
            "call.started" => self.start_call(event),
            "call.finished" => self.end_call(event),
            "approval.requested" => self.ask(event),
            "approval.granted" | "approval.rejected" => self.answer(event),
            "approval.withdrawn" => self.withdraw(event),
            "wait.started" => self.start_wait(event),
            "wait.finished" => self.end_wait(event),
            "edge.taken" | "edge.dead" => self.edge(event),
            _ => {}
        }
        self.last.clone_from(&event.kind);
    }

    fn begin(&mut self, event: &Envelope) {
        let data = |name: &str| event.data.get(name).cloned().unwrap_or_default();
        self.story.inputs = data("inputs");
        self.story.facts = data("facts");
        self.story.revision = text(event, "revision");
        let graph = self.story.facts.get("graph").and_then(Value::as_str);
        self.story.graph = graph.unwrap_or_default().to_owned();
    }

    /// One who goes on with a run that still waits has not ended the waiting.
    fn suspend(&mut self) {
        let before = self.story.pieces.iter().rposition(|piece| matches!(piece.what, What::Suspended));
        if let Some(at) = before.filter(|_| self.last == "run.resumed") {
            self.story.pieces[at].end = End::Open;
            self.open.insert("suspended".to_owned(), at);
            return;
        }
        let at = self.start(format!("suspended{}", self.seq), 0, What::Suspended);
        self.open.insert("suspended".to_owned(), at);
    }

    /// Somebody goes on with it: it had waited for a person, or a process of it had died. Calls that were open then are asked
    /// for again under their numbers.
    fn resume(&mut self) {
        if !self.open.contains_key("suspended") {
            let at = self.start(format!("interrupted{}", self.seq), 0, What::Interrupted);
            self.story.pieces[at].from = self.before;
            let key = self.story.pieces[at].key.clone();
            return self.end(&key, End::Done);
        }
        self.end("suspended", End::Done);
    }

    fn end_run(&mut self, event: &Envelope) {
        self.story.complete = true;
        self.story.status = text(event, "status").unwrap_or_default();
        self.story.outputs = event.data.get("outputs").cloned();
        self.story.error = event.data.get("error").cloned();
        self.story.failed_node = text(event, "failed_node");
        let end = match self.story.status.as_str() {
            "succeeded" => End::Done,
            "cancelled" => End::Cancelled,
            _ => failure(event.data.get("error")),
        };
        // nobody is asked any more
        for at in std::mem::take(&mut self.questions).into_values() {
            let key = self.story.pieces[at].key.clone();
            self.end(&key, End::Cancelled);
        }
        self.end("", end);
    }

    fn start_node(&mut self, event: &Envelope) {
        let path = event.path.clone().unwrap_or_default();
        let id = event.node.clone().unwrap_or_default();
        let plan = self.story.facts.get("plan");
        let uses = plan.and_then(|plan| planned::uses(plan, &path, &id)).unwrap_or_default();
        let iteration = event.iteration.clone();
        let parent = self.open.get(&path).copied().unwrap_or_default();
        self.start(node_key(event), parent, What::Node(NodeTold { id, path, iteration, uses, output: None }));
    }

    fn end_node(&mut self, event: &Envelope) {
        let key = node_key(event);
        if let Some(What::Node(node)) = self.open.get(&key).map(|at| &mut self.story.pieces[*at].what) {
            node.output = event.data.get("output").cloned();
        }
        self.end_unit(event);
    }

    /// A node or an item is over, and with it what is open of it.
    fn end_unit(&mut self, event: &Envelope) {
        let key = unit_key(event);
        let end = match text(event, "status").as_deref() {
            Some("succeeded") => End::Done,
            Some("cancelled") => End::Cancelled,
            _ => failure(event.data.get("error")),
        };
        self.end_with(&key, &end);
    }

    /// Ends a node or an item, and what is open of it.
    fn end_with(&mut self, key: &str, end: &End) {
        let within: Vec<String> = [format!("{key}!"), format!("{key}[")]
            .iter()
            .flat_map(|prefix| {
                let behind = self.open.range(prefix.clone()..).map(|(key, _)| key);
                behind.take_while(move |key| key.starts_with(prefix)).cloned().collect::<Vec<_>>()
            })
            .collect();
        for open in within {
            // its last attempt has come to what it came to; all else was ended with it
            let is_attempt = open[key.len()..].starts_with('!') && !open[key.len()..].contains('/');
            self.end(&open, if is_attempt { end.clone() } else { End::Cancelled });
        }
        self.end(key, end.clone());
    }

    fn decide(&mut self, event: &Envelope) {
        self.story.decided.push(Decided {
            path: event.path.clone().unwrap_or_default(),
            id: event.node.clone().unwrap_or_default(),
            status: text(event, "status").unwrap_or_default(),
            reason: text(event, "reason").unwrap_or_default(),
            at: self.now,
        });
    }

    fn retry(&mut self, event: &Envelope) {
        let failed = u64::from(event.attempt.unwrap_or(2)).saturating_sub(1);
        let key = self.attempt_of(&unit_key(event), failed);
        self.end(&key, failure(event.data.get("error")));
    }

    fn start_item(&mut self, event: &Envelope) {
        let parent = self.open.get(&node_key(event)).copied().unwrap_or_default();
        let index = number(event, "index").unwrap_or_default();
        self.start(unit_key(event), parent, What::Item { index });
    }

    /// The attempt that an event is of.
    fn attempt(&mut self, event: &Envelope) -> usize {
        let unit = unit_key(event);
        let number = event.attempt.map_or_else(|| self.latest_attempt(&unit), u64::from);
        let key = self.attempt_of(&unit, number);
        self.open.get(&key).copied().unwrap_or_default()
    }

    /// The key of an attempt, which has begun by then: the first with its node, a later one now.
    fn attempt_of(&mut self, unit: &str, number: u64) -> String {
        let key = format!("{unit}!{number}");
        if !self.open.contains_key(&key) {
            let parent = self.open.get(unit).copied().unwrap_or_default();
            let at = self.start(key.clone(), parent, What::Attempt { number });
            if number == 1 && parent != 0 {
                self.story.pieces[at].from = self.story.pieces[parent].from;
            }
        }
        key
    }

    fn latest_attempt(&self, unit: &str) -> u64 {
        let prefix = format!("{unit}!");
        let open = self.open.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        open.filter_map(|(key, _)| key[prefix.len()..].parse().ok()).max().unwrap_or(1)
    }

    fn start_call(&mut self, event: &Envelope) {
        let call = number(event, "call").unwrap_or_default();
        let attempt = self.attempt(event);
        let told = CallTold {
            number: call,
            tool: text(event, "tool").unwrap_or_default(),
            key: text(event, "key").unwrap_or_default(),
            input: event.data.get("input").or_else(|| event.data.get("calls")).cloned().unwrap_or_default(),
            result: Value::Null,
            prepared: event.data.get("prepare") == Some(&Value::Bool(true)),
        };
        let key = format!("{}/call{call}", self.story.pieces[attempt].key);
        let at = self.start(key, attempt, What::Call(Box::new(told)));
        self.calls.insert(call, at);
    }

    fn end_call(&mut self, event: &Envelope) {
        let Some(at) = number(event, "call").and_then(|call| self.calls.remove(&call)) else { return };
        let result = event.data.get("result").cloned().unwrap_or_default();
        let results = event.data.get("results").and_then(Value::as_array);
        let decided = results.map_or(&result, |all| all.last().unwrap_or(&Value::Null));
        let end = if decided.get("ok") == Some(&Value::Bool(true)) || results.is_some_and(Vec::is_empty) {
            End::Done
        } else {
            failure(decided.get("error"))
        };
        if let Some(results) = results {
            self.calls_of_a_list(at, results);
        }
        let key = self.story.pieces[at].key.clone();
        if let What::Call(call) = &mut self.story.pieces[at].what {
            call.result = result;
        }
        self.end(&key, end);
    }

    /// The calls of a list, one behind the other: each took what its result says.
    fn calls_of_a_list(&mut self, list: usize, results: &[Value]) {
        let Piece { key, from, what: What::Call(told), .. } = self.story.pieces[list].clone() else { return };
        let calls = told.input.as_array().cloned().unwrap_or_default();
        let mut from = from;
        for (at, (call, result)) in calls.iter().zip(results).enumerate() {
            let part = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let took = result.get("timing_ms").and_then(Value::as_u64).unwrap_or_default();
            let to = from.after(Duration::from_millis(took)).min(self.now);
            let end = match result.get("ok") {
                Some(Value::Bool(true)) => End::Done,
                _ => failure(result.get("error")),
            };
            let one = CallTold {
                number: told.number,
                tool: part("tool"),
                key: part("idempotency_key"),
                input: call.get("input").cloned().unwrap_or_default(),
                result: result.clone(),
                prepared: false,
            };
            self.story.pieces.push(Piece {
                key: format!("{key}/{at}"),
                parent: Some(list),
                what: What::Call(Box::new(one)),
                from,
                to,
                end,
                seq: self.seq,
            });
            from = to;
        }
    }

    fn ask(&mut self, event: &Envelope) {
        let question = number(event, "question").unwrap_or_default();
        let parent = self.attempt(event);
        let told = QuestionTold {
            number: question,
            show: event.data.get("show").cloned().unwrap_or_default(),
            policy: event.data.get("policy") == Some(&Value::Bool(true)),
            ..QuestionTold::default()
        };
        let key = format!("{}/question{question}", self.story.pieces[parent].key);
        let at = self.start(key, parent, What::Question(Box::new(told)));
        self.questions.insert(question, at);
    }

    fn answer(&mut self, event: &Envelope) {
        let Some(at) = number(event, "question").and_then(|question| self.questions.remove(&question)) else {
            return;
        };
        self.end("suspended", End::Done);
        let granted = event.kind == "approval.granted";
        if let What::Question(told) = &mut self.story.pieces[at].what {
            told.granted = Some(granted);
            told.by = text(event, "by").unwrap_or_default();
            told.choice = text(event, "choice").unwrap_or_default();
            told.comment = text(event, "comment").unwrap_or_default();
            told.approval = event.data.get("approval").cloned().unwrap_or_default();
        }
        let key = self.story.pieces[at].key.clone();
        self.end(&key, End::Done);
    }

    /// Nobody is asked any more: the node ends, with the executions inside of it, and nothing else is told of that.
    fn withdraw(&mut self, event: &Envelope) {
        if let Some(at) = number(event, "question").and_then(|question| self.questions.remove(&question)) {
            let key = self.story.pieces[at].key.clone();
            self.end(&key, End::Cancelled);
        }
        self.end_with(&unit_key(event), &End::Cancelled);
    }

    /// Timers are no time that has to pass: they end only what lasts too long.
    fn start_wait(&mut self, event: &Envelope) {
        let reason = text(event, "for").unwrap_or_default();
        let wait = number(event, "wait").unwrap_or_default();
        let parent = match reason.as_str() {
            "backoff" => self.open.get(&unit_key(event)).copied().unwrap_or_default(),
            "delay" => {
                let path = event.path.as_deref().unwrap_or_default();
                self.open.get(path).copied().unwrap_or_default()
            }
            _ => return,
        };
        let key = format!("{}/wait{wait}", self.story.pieces[parent].key);
        let at = self.start(key, parent, What::Wait { reason });
        self.waits.insert(wait, at);
    }

    fn end_wait(&mut self, event: &Envelope) {
        if let Some(at) = number(event, "wait").and_then(|wait| self.waits.remove(&wait)) {
            let key = self.story.pieces[at].key.clone();
            self.end(&key, End::Done);
        }
    }

    fn edge(&mut self, event: &Envelope) {
        self.story.edges.push(EdgeTold {
            path: event.path.clone().unwrap_or_default(),
            edge: number(event, "edge").unwrap_or_default(),
            from: text(event, "from").unwrap_or_default(),
            to: text(event, "to").unwrap_or_default(),
            dead: (event.kind == "edge.dead").then(|| text(event, "why").unwrap_or_default()),
        });
    }

    fn start(&mut self, key: String, parent: usize, what: What) -> usize {
        let at = self.story.pieces.len();
        let (from, to, seq) = (self.now, self.now, self.seq);
        self.story.pieces.push(Piece {
            key: key.clone(),
            parent: Some(parent),
            what,
            from,
            to,
            end: End::Open,
            seq,
        });
        self.open.insert(key, at);
        at
    }

    fn end(&mut self, key: &str, end: End) {
        if let Some(at) = self.open.remove(key) {
            (self.story.pieces[at].to, self.story.pieces[at].end) = (self.now, end);
        }
    }

    fn finish(mut self) -> Story {
        for at in 0..self.story.pieces.len() {
            let around = self.story.pieces[at].parent.map(|parent| &self.story.pieces[parent]);
            let bounds = around.map(|around| (around.from, around.to));
            let piece = &mut self.story.pieces[at];
            if piece.end == End::Open {
                piece.to = self.now;
            }
            // whatever the events say, nothing lasts longer than what it is within
            if let Some((from, to)) = bounds {
                (piece.from, piece.to) = (piece.from.clamp(from, to), piece.to.clamp(from, to));
            }
        }
        self.story.used = used(&self.story);
        if !self.story.complete {
            let word = if self.last == "run.suspended" { "suspended" } else { "interrupted" };
            word.clone_into(&mut self.story.status);
        }
        self.story
    }
}

/// What calls cost, by the rule of the budgets: those that were answered count, those that were only asked about do not.
fn used(story: &Story) -> Used {
    let made = story.calls().filter(|(_, call)| !call.prepared && !call.result.is_null());
    made.fold(Used::default(), |sum, (_, call)| {
        let tokens = call.result.get("llm_tokens").and_then(Value::as_u64).unwrap_or_default();
        let applied = call.result.get("ok") == Some(&Value::Bool(true));
        let patch = ToolCall::new(call.tool.as_str(), call.input.clone()).patch_bytes();
        Used {
            tool_calls: sum.tool_calls + 1,
            llm_tokens: sum.llm_tokens.saturating_add(tokens),
            patch_bytes: sum.patch_bytes.saturating_add(if applied { patch } else { 0 }),
        }
    })
}

fn node_key(event: &Envelope) -> String {
    use std::fmt::Write as _;
    let mut key = event.path.clone().unwrap_or_default();
    if !key.is_empty() {
        key.push('/');
    }
    key.push_str(event.node.as_deref().unwrap_or_default());
    for (at, iteration) in event.iteration.iter().enumerate() {
        // writing to a String cannot fail
        let _ = write!(key, "{}{iteration}", if at == 0 { '#' } else { '.' });
    }
    key
}

fn unit_key(event: &Envelope) -> String {
    let node = node_key(event);
    number(event, "index").map_or(node.clone(), |index| format!("{node}[{index}]"))
}

fn number(event: &Envelope, name: &str) -> Option<u64> {
    event.data.get(name)?.as_u64()
}

fn text(event: &Envelope, name: &str) -> Option<String> {
    event.data.get(name)?.as_str().map(str::to_owned)
}

fn failure(error: Option<&Value>) -> End {
    let part = |name: &str| error.and_then(|error| error.get(name)).and_then(Value::as_str);
    match part("kind") {
        Some("cancelled") => End::Cancelled,
        kind => {
            End::Failed(kind.unwrap_or("failed").to_owned(), part("message").unwrap_or_default().to_owned())
        }
    }
}
