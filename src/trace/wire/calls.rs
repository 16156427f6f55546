//! What an event tells of the calls that it orders and of the answer to them: the same members for the interpreter, which
//! records them, and for the runner, which vouches for them.

use serde_json::{Map, Value, json};

use crate::effect::{AfterCrash, ToolResult};
use crate::trace::CallOrder;

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
        }
        CallOrder::Batch(calls) => {
            put("tool", "batch".into());
            put("calls", json!(calls));
        }
    }
    data
}

/// The member that tells of the answer to one call.
pub fn result_data(result: &ToolResult) -> Map<String, Value> {
    Map::from_iter([("result".to_owned(), json!(result))])
}

/// The member that tells of the answer to a list of calls.
pub fn results_data(results: &[ToolResult]) -> Map<String, Value> {
    Map::from_iter([("results".to_owned(), json!(results))])
}
