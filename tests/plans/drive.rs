//! A session without a world: records, applies, and answers from a function; what ends first is drawn.

use std::collections::BTreeMap;
use std::sync::Arc;

use lgflow::digest::Digest;
use lgflow::effect::{ToolCall, ToolResult};
use lgflow::interpret::{Effect, next};
use lgflow::plan::Plan;
use lgflow::session::{Replay, replay};
use lgflow::trace::{
    Blob, CallId, CallOrder, CallOutcome, Chain, EventBody, Redaction, RunStarted, RunState, WaitId, apply,
};
use serde_json::{Value, json};

/// A small generator of our own, so that a seed means the same for ever (`SplitMix64`).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What has been asked of the world and not been answered.
#[derive(Clone)]
pub enum Open {
    Call(CallId, Arc<CallOrder>),
    Wait(WaitId),
}

/// A run that is driven by hand.
pub struct Drive<'w> {
    pub state: RunState,
    pub events: Vec<EventBody>,
    pub lines: Vec<String>,
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub open: Vec<Open>,
    /// Are the events kept?
    pub keep: bool,
    plan: Arc<Plan>,
    chain: Option<Chain>,
    world: &'w dyn Fn(&ToolCall) -> ToolResult,
}

impl<'w> Drive<'w> {
    pub fn new(plan: &Arc<Plan>, world: &'w dyn Fn(&ToolCall) -> ToolResult) -> Self {
        Self {
            state: RunState::new("run", plan),
            events: Vec::new(),
            lines: Vec::new(),
            blobs: BTreeMap::new(),
            open: Vec::new(),
            keep: true,
            plan: Arc::clone(plan),
            chain: None,
            world,
        }
    }

    /// Keeps the lines of the trace as well.
    pub fn traced(mut self) -> Self {
        self.chain = Some(Chain::new("run", Redaction::default()));
        self
    }

    pub fn start(&mut self, inputs: Value) {
        self.record(EventBody::RunStarted(Box::new(RunStarted {
            inputs: Arc::new(inputs),
            revision: None,
            facts: Arc::new(json!({})),
        })));
        self.decide();
    }

    /// Records and applies an event.
    pub fn record(&mut self, event: EventBody) {
        if let Some(chain) = &mut self.chain {
            let appended = chain.append(&self.state, &event, "2026-01-01T00:00:00Z");
            self.lines.push(appended.line);
            for Blob { digest, bytes } in appended.blobs {
                self.blobs.insert(digest.to_string(), bytes);
            }
        }
        if let Err(illegal) = apply(&mut self.state, &event) {
            panic!("{illegal}\n{event:#?}");
        }
        if self.keep {
            self.events.push(event);
        }
    }

    /// What came of deciding its trace again.
    pub fn replayed(&self, lines: &[String]) -> Replay {
        let plan = Arc::clone(&self.plan);
        let blob = |digest: &Digest| self.blobs.get(&digest.to_string()).cloned();
        replay(&plan, lines.iter().map(String::as_str), &blob, Redaction::default())
    }

    /// Everything that can be decided without the world.
    pub fn decide(&mut self) {
        loop {
            let requests = next(&self.state);
            if requests.is_empty() {
                break;
            }
            for request in requests {
                self.record(request.record);
                match request.effect {
                    Some(Effect::Call(call, order)) => self.open.push(Open::Call(call, order)),
                    Some(Effect::Wait(wait, _)) => self.open.push(Open::Wait(wait)),
                    Some(Effect::Cancel(_)) | None => {}
                }
            }
        }
        let state = &self.state;
        self.open.retain(|open| match open {
            Open::Call(call, _) => state.awaits_call(*call),
            Open::Wait(wait) => state.awaits(*wait),
        });
    }

    /// The world answers one of the open questions.
    pub fn answer(&mut self, at: usize) {
        let event = match self.open.remove(at) {
            Open::Wait(wait) => EventBody::WaitFinished { wait },
            Open::Call(call, order) => {
                let outcome = match &*order {
                    CallOrder::Single(asked) => CallOutcome::Single((self.world)(asked)),
                    CallOrder::Prepare(asked) => CallOutcome::Single(lgflow::effect::ToolResult::success(
                        &asked.tool,
                        serde_json::Value::Null,
                    )),
                    CallOrder::Batch(calls) => {
                        let mut results = Vec::new();
                        for asked in calls {
                            results.push((self.world)(asked));
                            if results.last().is_some_and(|result| !result.ok) {
                                break;
                            }
                        }
                        CallOutcome::Batch(results)
                    }
                };
                EventBody::CallFinished { call, outcome: Arc::new(outcome) }
            }
        };
        self.record(event);
        self.decide();
    }

    /// Goes on until the run is over or nothing can go on; the world answers in an order that is drawn. Clocks that
    /// end things (`wall`, `grace`, timeouts) do not ring.
    pub fn finish(&mut self, random: &mut Random) {
        self.decide();
        loop {
            let answerable: Vec<usize> =
                (0..self.open.len()).filter(|at| self.is_answered(&self.open[*at])).collect();
            if answerable.is_empty() {
                return;
            }
            let drawn = answerable[random.below(answerable.len() as u64) as usize];
            self.answer(drawn);
        }
    }

    fn is_answered(&self, open: &Open) -> bool {
        use lgflow::trace::WaitFor;
        match open {
            Open::Call(..) => true,
            Open::Wait(wait) => self.state.open_waits().any(|(id, reason, _)| {
                id == *wait && matches!(reason, WaitFor::Backoff(_) | WaitFor::Delay(..))
            }),
        }
    }
}
