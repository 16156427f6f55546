//! The open questions of a suspended run, from its log alone: no plan is needed to see what a run waits for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest::Digest;
use crate::trace::Envelope;

/// A question that a suspended run waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenQuestion {
    /// Its number.
    pub id: u32,
    /// `outer/inner`: the node that asks.
    pub node: String,
    /// What the run says of it: the workflow's own text.
    pub show: Value,
    /// The choices; empty: approve or reject.
    pub options: Vec<String>,
    /// JSON Schema of a further answer.
    pub response: Option<Value>,
    /// Does the policy ask, before a call?
    pub policy: bool,
}

impl OpenQuestion {
    /// The nonce of the runner's request that it stands for, if it does.
    pub fn nonce(&self) -> Option<&str> {
        self.show.get("request").or_else(|| self.show.get("call")?.get("request"))?.as_str()
    }
}

/// The questions that were open when a run was suspended last; none, if it is not suspended.
pub fn open_questions(log: &str, blob: &dyn Fn(&Digest) -> Option<Vec<u8>>) -> Vec<OpenQuestion> {
    let mut asked = BTreeMap::new();
    let mut waiting = Vec::new();
    for line in log.lines() {
        let Some((mut event, _)) = Envelope::parse(line) else { return Vec::new() };
        waiting.clear();
        let kind = event.kind.clone();
        match kind.as_str() {
            "approval.requested" if event.move_in(blob).is_ok() => {
                if let Some(question) = question(&event) {
                    asked.insert(question.id, question);
                }
            }
            "run.suspended" => {
                let ids = event.data.get("waiting").and_then(Value::as_array).into_iter().flatten();
                waiting.extend(ids.filter_map(|id| u32::try_from(id.as_u64()?).ok()));
            }
            _ => {}
        }
    }
    waiting.into_iter().filter_map(|id| asked.remove(&id)).collect()
}

fn question(event: &Envelope) -> Option<OpenQuestion> {
    let data = &event.data;
    let id = event.node.as_deref()?;
    Some(OpenQuestion {
        id: u32::try_from(data.get("question")?.as_u64()?).ok()?,
        node: format!("{}{id}", around(event.path.as_deref().unwrap_or_default())),
        show: data.get("show")?.clone(),
        options: serde_json::from_value(data.get("options")?.clone()).ok()?,
        response: data.get("response").filter(|schema| !schema.is_null()).cloned(),
        policy: data.get("policy")?.as_bool()?,
    })
}

/// `outer#2[3]!1` → `outer/`: the ids alone.
fn around(address: &str) -> String {
    let id = |part: &str| format!("{}/", part.split(['#', '[', '!']).next().unwrap_or_default());
    address.split('/').filter(|part| !part.is_empty()).map(id).collect()
}
