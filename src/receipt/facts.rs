//! What a receipt says of a call and of a result. Both are taken from the members of an event's data, so that the runner
//! and a reader of the trace come to the same: the runner makes these members of what it was asked and what it answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::effect::{ErrorKind, RuleRef};
use crate::trace::is_told_rightly;

/// Members of `call.started` that are the interpreter's own: its numbers, and what it took out.
const BESIDE: [&str; 3] = ["call", "index", "redacted"];

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFact {
    /// Its idempotency key: the run, and behind it the path, the iterations, the item and the attempt.
    pub key: String,
    /// The node.
    pub node: String,
    /// The tool.
    pub tool: String,
    /// Of all that the trace tells of the call.
    pub digest: Digest,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFact {
    /// Of the whole result.
    pub digest: Digest,
    /// Did it do what it was asked?
    pub ok: bool,
    /// What was decided of the call.
    pub verdict: Decided,
    /// Of the layers around the command, in force or not; where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Digest>,
    /// Was it one of an earlier call, and nothing done for this one?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recalled: bool,
}

/// What was decided of a call, as its result tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// `allow`, `ask`, `deny`, `budget`; `none` where nothing was decided, because the call was not come to.
    pub decision: String,
    /// The rule that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleRef>,
}

/// The calls in the data of a `call.started`.
pub fn calls_of(mut data: Map<String, Value>) -> Vec<CallFact> {
    if let Some(Value::Array(calls)) = data.get("calls") {
        return calls.iter().map(|call| fact(call, "idempotency_key", "node")).collect();
    }
    for name in BESIDE {
        data.remove(name);
    }
    vec![fact(&Value::Object(data), "key", "call_node")]
}

fn fact(call: &Value, key: &str, node: &str) -> CallFact {
    let text = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    CallFact { key: text(key), node: text(node), tool: text("tool"), digest: Digest::of_json(call) }
}

/// The results in the data of a `call.finished`.
pub fn results_of(data: &Map<String, Value>) -> Vec<ResultFact> {
    match (data.get("result"), data.get("results")) {
        // what stands beside a result is no word of the runner's, unless it is the result's own
        (Some(result), _) if is_told_rightly(data) => vec![result_fact(result)],
        (Some(result), _) => {
            vec![ResultFact { digest: Digest::of_json(&Value::Object(data.clone())), ..result_fact(result) }]
        }
        (None, Some(Value::Array(results))) => results.iter().map(result_fact).collect(),
        _ => Vec::new(),
    }
}

fn result_fact(result: &Value) -> ResultFact {
    let ok = result.get("ok") == Some(&Value::Bool(true));
    let layers = result.get("sandbox").filter(|layers| layers.as_array().is_some_and(|all| !all.is_empty()));
    ResultFact {
        digest: Digest::of_json(result),
        ok,
        verdict: decided(result, ok),
        sandbox: layers.map(Digest::of_json),
        recalled: result.get("recalled").is_some(),
    }
}

fn decided(result: &Value, ok: bool) -> Decided {
    let error = result.get("error");
    let rule = |value: Option<&Value>| serde_json::from_value::<RuleRef>(value?.clone()).ok();
    let first = rule(result.get("rules").and_then(|rules| rules.get(0)));
    let kind = error.and_then(|error| error.get("kind")).and_then(Value::as_str).map(ErrorKind::parse);
    let decision = match kind {
        Some(ErrorKind::ApprovalRequired) => "ask",
        Some(ErrorKind::Denied | ErrorKind::Unplanned) => "deny",
        Some(ErrorKind::Budget) => "budget",
        _ if ok || first.is_some() => "allow",
        _ => "none",
    };
    Decided { decision: decision.to_owned(), rule: rule(error.and_then(|error| error.get("rule"))).or(first) }
}
