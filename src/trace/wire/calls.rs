//! What an event tells of the calls that it orders and of the answer to them: the same members for the interpreter, which
//! records them, and for the runner, which vouches for them.

use serde_json::{Map, Value, json};

use crate::effect::{AfterCrash, RecalledFrom, ToolResult};
use crate::trace::CallOrder;

/// Members of a result that stand beside it as well.
const BESIDE_RESULT: [&str; 2] = ["recalled", "passed_over"];

/// The members that tell of an order: a call as its tool and input, so that a reader finds them; the rest of the protocol's
/// message beside.
pub fn order_data(order: &CallOrder) -> Map<String, Value> {
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
    match order {
        CallOrder::Single(call) | CallOrder::Prepare(call) => {
            if matches!(order, CallOrder::Prepare(_)) {
                put("prepare", true.into());
            }
            put("tool", call.tool.as_str().into());
            put("input", call.input.clone());
            put("key", call.idempotency_key.as_str().into());
            put("call_node", call.node.as_str().into());
            if let Some(deadline) = call.deadline_ms {
                put("deadline_ms", deadline.into());
            }
            if let Some(approval) = &call.approval {
                put("approval", approval.clone());
            }
            if call.verify {
                put("verify", true.into());
            }
            if call.on_crash != AfterCrash::Ask {
                put("on_crash", call.on_crash.as_str().into());
            }
            if call.cache {
                put("cache", true.into());
            }
        }
        CallOrder::Batch(calls) => {
            put("tool", "batch".into());
            put("calls", json!(calls));
        }
    }
    data
}

/// The members that tell of the answer to one call. Whether it was made for this call stands beside the result, which may
/// lie in a blob.
pub fn result_data(result: &ToolResult) -> Map<String, Value> {
    let result = json!(result);
    let beside = BESIDE_RESULT.map(|name| Some((name.to_owned(), result.get(name)?.clone())));
    let mut data: Map<String, Value> = beside.into_iter().flatten().collect();
    if is_cached(&result) {
        data.insert("cached".to_owned(), true.into());
    }
    data.insert("result".to_owned(), result);
    data
}

/// Do the members that stand beside a result say what it says itself?
pub fn is_told_rightly(data: &Map<String, Value>) -> bool {
    let result = data.get("result");
    data.get("cached") == result.is_some_and(is_cached).then_some(&Value::Bool(true))
        && BESIDE_RESULT.iter().all(|name| data.get(*name) == result.and_then(|result| result.get(name)))
}

fn is_cached(result: &Value) -> bool {
    let from = result.get("recalled").and_then(|recalled| recalled.get("from"));
    from.and_then(Value::as_str) == Some(RecalledFrom::Cache.as_str())
}

/// The member that tells of the answer to a list of calls.
pub fn results_data(results: &[ToolResult]) -> Map<String, Value> {
    Map::from_iter([("results".to_owned(), json!(results))])
}
