//! Calls and what the policy said, and says, of each. A call is told by its node and its tool.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::effect::RuleRef;
use crate::model::Uses;

use super::parts::Change;

/// What a plan tells of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// `allow`, `ask` or `deny`.
    pub decision: String,
    /// What else decides.
    pub depends_on: Vec<String>,
    /// Folders of the workspace that it really writes.
    pub writes: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// The rule: file, line and name.
    pub place: Option<String>,
    /// What is known of its parameters.
    input: Value,
}

/// Why it can't be told that a call whose verdict depends on values may do no more than it might.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// A layer says something else.
    Policy,
    /// It has other parameters.
    Parameters,
    /// What its values are made from is something else.
    Values,
}

impl Untold {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Untold::Policy => "policy",
            Untold::Parameters => "parameters",
            Untold::Values => "values",
        }
    }
}

/// A call that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct CallChange {
    /// The node.
    pub node: String,
    /// The tool.
    pub tool: String,
    /// As it was.
    pub before: Option<Told>,
    /// As it is.
    pub after: Option<Told>,
    /// It may do more with some values, or it can't be told.
    pub untold: Option<Untold>,
    /// Is something else sent by it, whatever its parameters are?
    pub sends_other: bool,
}

/// By node, tool, and which of them.
type Calls = BTreeMap<(String, String, usize), Told>;

/// The calls that differ, those that may do more first. `untold` says of a call of both plans why it may, for all that
/// can be told; `sends_other`, of a node that calls a model, that what is sent is other.
pub(super) fn calls(
    before: &Value,
    after: &Value,
    untold: &dyn Fn(&str, &Told, &Told) -> Option<Untold>,
    sends_other: &dyn Fn(&str) -> bool,
) -> Vec<CallChange> {
    let (mut before, after) = (told(before), told(after));
    let mut found = Vec::new();
    for ((node, tool, nth), after) in after {
        let before = before.remove(&(node.clone(), tool.clone(), nth));
        let untold = before.as_ref().and_then(|before| untold(&node, before, &after));
        let sends_other = before.is_some() && tool == Uses::Llm.as_str() && sends_other(&node);
        if untold.is_some() || sends_other || before.as_ref() != Some(&after) {
            found.push(CallChange { node, tool, before, after: Some(after), untold, sends_other });
        }
    }
    let gone = before.into_iter();
    found.extend(gone.map(|((node, tool, _), before)| CallChange {
        node,
        tool,
        before: Some(before),
        after: None,
        untold: None,
        sends_other: false,
    }));
    // what only says another thing of itself, or stands in another line, is no difference
    found.retain(CallChange::matters);
    found.sort_by_key(|call| (call.rank(), call.node.clone(), call.tool.clone()));
    found
}

fn told(plan: &Value) -> Calls {
    let mut calls = Calls::new();
    for call in plan["verdicts"].as_array().into_iter().flatten() {
        let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
        let list = |name: &str| {
            let list = call[name].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let rule: Option<RuleRef> = serde_json::from_value(call["rule"].clone()).ok();
        let told = Told {
            decision: text("decision"),
            depends_on: list("depends_on"),
            writes: list("writes"),
            reason: call["reason"].as_str().map(str::to_owned),
            place: rule.map(|rule| rule.place()),
            input: call["input"].clone(),
        };
        let (node, tool) = (text("node"), text("tool"));
        let nth =
            calls.range((node.clone(), tool.clone(), 0)..=(node.clone(), tool.clone(), usize::MAX)).count();
        calls.insert((node, tool, nth), told);
    }
    calls
}

impl Told {
    /// How much it may: 2 where it is allowed, 1 where a person is asked, 0 where it is denied.
    pub(super) fn may(&self) -> u8 {
        match self.decision.as_str() {
            "allow" => 2,
            "ask" => 1,
            _ => 0,
        }
    }

    /// Is nothing known of its parameters?
    pub(super) fn may_be_any_call(&self) -> bool {
        self.input == "any"
    }

    /// Is it another call, or does something else decide about it?
    pub(super) fn differs_from(&self, other: &Told) -> bool {
        self.input != other.input || self.depends_on != other.depends_on
    }
}

impl CallChange {
    /// May it do what it might not before? A call that was not there might not do anything; where it can't be told, it may.
    pub fn widens(&self) -> bool {
        let may = |told: &Option<Told>| told.as_ref().map_or(0, Told::may);
        let more = may(&self.after) > may(&self.before) || (may(&self.after) > 0 && self.writes_more());
        more || self.untold.is_some()
    }

    /// May it do more for the only reason that nobody can tell?
    pub fn may_widen(&self) -> bool {
        self.untold.is_some() && !CallChange { untold: None, ..self.clone() }.widens()
    }

    /// May it do less than before? A call that is gone is not meant.
    pub fn narrows(&self) -> bool {
        matches!((&self.before, &self.after), (Some(before), Some(after)) if after.may() < before.may())
    }

    /// Does it really write a folder that it did not?
    pub fn writes_more(&self) -> bool {
        let before = self.before.as_ref().map(|told| &told.writes[..]).unwrap_or_default();
        self.after.as_ref().is_some_and(|after| after.writes.iter().any(|folder| !before.contains(folder)))
    }

    /// Is it another call under the same name?
    pub fn has_other_parameters(&self) -> bool {
        matches!((&self.before, &self.after), (Some(before), Some(after)) if before.input != after.input)
    }

    /// Does something else decide than did?
    pub fn depends_on_other(&self) -> bool {
        matches!((&self.before, &self.after), (Some(before), Some(after)) if before.depends_on != after.depends_on)
    }

    fn matters(&self) -> bool {
        self.before.is_none()
            || self.after.is_none()
            || self.widens()
            || self.narrows()
            || self.has_other_parameters()
            || self.depends_on_other()
            || self.sends_other
            || self.before.as_ref().map(|told| &told.writes) != self.after.as_ref().map(|told| &told.writes)
    }

    /// How it differs.
    pub fn change(&self) -> Change {
        Change::of(self.before.as_ref(), self.after.as_ref())
    }

    /// The most telling ones first.
    fn rank(&self) -> u8 {
        match (self.widens(), self.change()) {
            (true, _) => 0,
            (false, _) if self.narrows() => 2,
            (false, Change::Changed) => 1,
            (false, Change::Added) => 3,
            (false, Change::Removed) => 4,
        }
    }
}
