//! The lines of a trace that say what an input wants them to say, each with the number, the run and the hash that belong to
//! its place: whoever writes a trace can do that as well. Receipts likewise.

use lgflow::digest::{Digest, MacKey};
use lgflow::receipt::{ReceiptChain, What, check};
use lgflow::trace::Envelope;
use serde_json::{Value, json};

/// The run of all of them.
pub const RUN: &str = "run";

/// Chains what of the lines is an object.
pub fn chained(text: &str) -> Vec<String> {
    let (mut lines, mut head) = (Vec::new(), None);
    for line in text.lines() {
        let Some((event, hash)) = event(line, lines.len() as u64 + 1, head) else { continue };
        head = Some(hash);
        lines.push(event);
    }
    lines
}

fn event(line: &str, seq: u64, head: Option<Digest>) -> Option<(String, Digest)> {
    let Ok(Value::Object(mut members)) = serde_json::from_str(line) else { return None };
    let empty = Digest::of("").to_string();
    for (name, value) in [
        ("schema", json!("lgflow.event/v1")),
        ("run", json!(RUN)),
        ("hash", json!(empty)),
        ("seq", json!(seq)),
        ("prev", json!(head.map(|head| head.to_string()))),
    ] {
        members.insert(name.to_owned(), value);
    }
    let (envelope, _) = Envelope::parse(&Value::Object(members).to_string())?;
    Some(envelope.line())
}

/// Chains what of the lines is a receipt.
pub fn receipts(text: &str) -> String {
    let mut chain = ReceiptChain::after(&check("", None, None), RUN, "session", key());
    let told = text.lines().filter_map(|line| serde_json::from_str::<What>(line).ok());
    told.map(|what| chain.append(1, what).0 + "\n").collect()
}

/// The key of all receipts.
pub fn key() -> MacKey {
    MacKey::new([7; 32])
}
