//! A recorded run decided again: what came from outside is taken from the record, everything else is asked of the
//! interpreter and held against what was recorded. A function of the plan and of the lines: it does nothing, and asks nobody.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::plan::Plan;
use crate::trace::{Appended, Chain, Envelope, EventBody, Phase, Redaction, RunState, apply, read_event};

use super::deciding::Deciding;

/// The most places that are told of two events that differ.
const MOST_PLACES: usize = 10;

/// What came of deciding a run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Events that are as they were recorded, up to the first difference.
    pub events: u64,
    /// Of these, those that the interpreter decided. The others came from outside.
    pub decided: u64,
    /// Is `run.finished` among them? Without it the run was interrupted, goes on, or its end was cut.
    pub finished: bool,
    /// How many things a redaction pattern took out of these events. What followed from them cannot be decided again.
    pub redacted: u64,
    /// The first event that is not as it was recorded.
    pub difference: Option<Difference>,
}

/// The first event that is not as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its number, by its place.
    pub seq: u64,
    /// What kind of event was recorded; nothing where the line is no event.
    pub kind: Option<String>,
    /// The node that it is about.
    pub node: Option<String>,
    /// What is the matter.
    pub what: Differs,
    /// What was recorded; null where the line is no event.
    pub recorded: Value,
    /// What is decided now; null where nothing is.
    pub decided: Value,
    /// Where the two are not the same.
    pub places: Vec<Place>,
}

/// Where two events are not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `data.output.text`
    pub at: String,
    /// What was recorded there, if anything was.
    pub recorded: Option<Value>,
    /// What is decided now, if anything is.
    pub decided: Option<Value>,
}

/// Why an event is not the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Differs {
    /// The line is no event.
    Unreadable,
    /// A payload is not there, or another one is kept under its name.
    Payload,
    /// It does not fit the graph, or what happened before.
    Unfit,
    /// Its line is not the one that was hashed.
    Edited,
    /// Something else is decided.
    OtherDecision,
    /// Nothing is to be decided.
    NothingToDecide,
    /// Something is decided before anything can come from outside.
    DecisionLeftOut,
}

impl Differs {
    /// All of them.
    pub const ALL: [Differs; 7] = [
        Differs::Unreadable,
        Differs::Payload,
        Differs::Unfit,
        Differs::Edited,
        Differs::OtherDecision,
        Differs::NothingToDecide,
        Differs::DecisionLeftOut,
    ];

    /// The word of the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Differs::Unreadable => "unreadable",
            Differs::Payload => "payload",
            Differs::Unfit => "unfit",
            Differs::Edited => "edited",
            Differs::OtherDecision => "other_decision",
            Differs::NothingToDecide => "nothing_to_decide",
            Differs::DecisionLeftOut => "decision_left_out",
        }
    }

    /// For people.
    pub fn sentence(self) -> &'static str {
        match self {
            Differs::Unreadable => "the line is no event",
            Differs::Payload => "a payload of it is not there, or another one is kept under its name",
            Differs::Unfit => "it does not fit the graph and the events before it",
            Differs::Edited => "its line is not the one that was hashed",
            Differs::OtherDecision => "something else is decided than was recorded",
            Differs::NothingToDecide => "it is recorded as decided, and nothing is to be decided here",
            Differs::DecisionLeftOut => {
                "it came from outside, and something is to be decided first that is not recorded"
            }
        }
    }
}

/// Decides the run behind `lines` again, as far as they go. `blob` gives payloads by digest; `redaction` is what was kept
/// out of the trace when it was written.
pub fn replay<'a>(
    plan: &Arc<Plan>,
    lines: impl IntoIterator<Item = &'a str>,
    blob: &dyn Fn(&Digest) -> Option<Vec<u8>>,
    redaction: Redaction,
) -> Replay {
    let mut lines = lines.into_iter().peekable();
    let run = lines.peek().and_then(|line| Envelope::parse(line)).map(|(first, _)| first.run);
    let run = run.unwrap_or_default();
    let mut again = Again {
        state: RunState::new(run.as_str(), plan),
        chain: Chain::new(run, redaction),
        deciding: Deciding::default(),
        blob,
        replay: Replay { events: 0, decided: 0, finished: false, redacted: 0, difference: None },
    };
    for line in lines {
        if let Err(difference) = again.follow(line) {
            again.replay.difference = Some(*difference);
            break;
        }
    }
    again.replay.finished = matches!(again.state.phase(), Phase::Finished { .. });
    again.replay
}

struct Again<'a> {
    state: RunState,
    chain: Chain,
    deciding: Deciding,
    blob: &'a dyn Fn(&Digest) -> Option<Vec<u8>>,
    replay: Replay,
}

type Followed = Result<(), Box<Difference>>;

impl Again<'_> {
    fn follow(&mut self, line: &str) -> Followed {
        let Some((recorded, _)) = Envelope::parse(line) else {
            return Err(self.differs(Differs::Unreadable, None, None));
        };
        let from_outside = EventBody::FROM_OUTSIDE.contains(&recorded.kind.as_str());
        let event = if from_outside { self.heard(line, &recorded)? } else { self.decided(&recorded)? };
        let appended = self.chain.append_again(&self.state, &event, &recorded);
        if appended.line != line {
            return Err(self.compared(from_outside, &recorded, &appended));
        }
        if apply(&mut self.state, &event).is_err() {
            return Err(self.differs(Differs::Unfit, Some(&recorded), None));
        }
        self.replay.events += 1;
        self.replay.decided += u64::from(!from_outside);
        self.replay.redacted += recorded.data.get("redacted").and_then(Value::as_u64).unwrap_or_default();
        Ok(())
    }

    /// The event that comes next by the interpreter's word.
    fn decided(&mut self, recorded: &Envelope) -> Result<EventBody, Box<Difference>> {
        let next = self.deciding.next(&self.state);
        next.ok_or_else(|| self.differs(Differs::NothingToDecide, Some(recorded), None))
    }

    /// The recorded event, where something may come from outside: when nothing is left to decide, or where a process died
    /// over its decisions and another goes on.
    fn heard(&mut self, line: &str, recorded: &Envelope) -> Result<EventBody, Box<Difference>> {
        if let Some(next) = self.deciding.left_out(&self.state, &recorded.kind) {
            let appended = self.chain.append_again(&self.state, next, recorded);
            return Err(self.differs(Differs::DecisionLeftOut, Some(recorded), Some(&appended)));
        }
        read_event(&self.state, line, self.blob).map_err(|error| {
            let what = match error {
                crate::trace::ReadError::NoBlob(..) => Differs::Payload,
                _ => Differs::Unfit,
            };
            self.differs(what, Some(recorded), None)
        })
    }

    /// Two lines that are not the same. Where they tell the same, one of them is not as it was hashed.
    fn compared(&self, from_outside: bool, recorded: &Envelope, decided: &Appended) -> Box<Difference> {
        let mut difference = self.differs(Differs::OtherDecision, Some(recorded), Some(decided));
        if from_outside || difference.places.is_empty() {
            difference.what = Differs::Edited;
            difference.decided = Value::Null;
            difference.places.clear();
        }
        difference
    }

    fn differs(
        &self,
        what: Differs,
        recorded: Option<&Envelope>,
        decided: Option<&Appended>,
    ) -> Box<Difference> {
        let stored = |digest: &Digest| (self.blob)(digest);
        let of_line = |appended: &Appended| {
            let (envelope, _) = Envelope::parse(&appended.line)?;
            let own = |digest: &Digest| {
                let blob = appended.blobs.iter().find(|blob| blob.digest == *digest)?;
                Some(blob.bytes.clone())
            };
            Some(told(envelope, own))
        };
        let decided = decided.and_then(of_line).unwrap_or_default();
        let kind = recorded.map(|envelope| envelope.kind.clone());
        let node = recorded.and_then(|envelope| envelope.node.clone());
        let recorded = recorded.map_or(Value::Null, |envelope| told(envelope.clone(), stored));
        let mut places = Vec::new();
        if what == Differs::OtherDecision {
            compare("", Some(&recorded), Some(&decided), &mut places);
        }
        Box::new(Difference { seq: self.replay.events + 1, kind, node, what, recorded, decided, places })
    }
}

/// What an event tells, with its payloads in their places where they are at hand.
fn told(mut envelope: Envelope, blob: impl Fn(&Digest) -> Option<Vec<u8>>) -> Value {
    // a payload that is gone stays named by its digest
    let _ = envelope.move_in(blob);
    let mut told = json!({ "kind": envelope.kind, "data": envelope.data });
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            told[name] = value;
        }
    };
    put("node", envelope.node.map(Value::from));
    put("path", envelope.path.map(Value::from));
    put("iteration", (!envelope.iteration.is_empty()).then(|| json!(envelope.iteration)));
    put("attempt", envelope.attempt.map(Value::from));
    told
}

fn compare(at: &str, recorded: Option<&Value>, decided: Option<&Value>, places: &mut Vec<Place>) {
    if recorded == decided || places.len() >= MOST_PLACES {
        return;
    }
    match (recorded, decided) {
        (Some(Value::Object(then)), Some(Value::Object(now))) => {
            let names: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
            for name in names {
                let inner = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                compare(&inner, then.get(name), now.get(name), places);
            }
        }
        (Some(Value::Array(then)), Some(Value::Array(now))) if then.len() == now.len() => {
            for (index, (then, now)) in then.iter().zip(now).enumerate() {
                compare(&format!("{at}[{index}]"), Some(then), Some(now), places);
            }
        }
        _ => places.push(Place { at: at.to_owned(), recorded: recorded.cloned(), decided: decided.cloned() }),
    }
}
