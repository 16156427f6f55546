//! A run as an in-toto statement (version 1): the files that it changed, and under which graph, policy, approvals and calls;
//! in an envelope (DSSE 1) that a key signs. Verifiers that know nothing of lgflow check both.

use serde_json::{Value, json};

use crate::digest::{Digest, SecretKey, base64, canonical_json};

use super::{End, Recorded, Story, What};

/// What the envelope holds.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// What the statement says of its subjects.
const PREDICATE_TYPE: &str = "https://lgflow.dev/attestation/run/v1";

/// The statement. `verification` is what was found when the trace was verified.
pub fn statement(story: &Story, recorded: &Recorded, verification: &Value) -> Value {
    let trace = format!("run-{}.jsonl", story.run);
    let (mut subjects, mut removed, mut withheld) = (Vec::new(), Vec::new(), Vec::new());
    for (path, after) in story.changed() {
        match after.as_deref().map(|after| after.strip_prefix("sha256:")) {
            Some(Some(hex)) => subjects.push(json!({ "name": path, "digest": { "sha256": hex } })),
            // something was taken out of the result, and the digest with it
            Some(None) => withheld.push(path),
            None => removed.push(path),
        }
    }
    // where a run changed nothing there still is something that the statement is about
    subjects.push(json!({ "name": trace, "digest": { "sha256": recorded.bytes.hex() } }));
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate(story, recorded, (&removed, &withheld), verification),
    })
}

fn predicate(
    story: &Story,
    recorded: &Recorded,
    (removed, withheld): (&[String], &[String]),
    verification: &Value,
) -> Value {
    let fact = |name: &str| story.facts.get(name).cloned().unwrap_or_default();
    json!({
        "run": story.run,
        "status": story.status,
        "complete": story.complete,
        "began": story.began().text(),
        "ended": story.ended().text(),
        "lgflow": fact("lgflow"),
        "runner": fact("runner"),
        "revision": story.revision,
        "workTree": fact("work_tree"),
        "graph": { "name": story.graph, "digest": fact("graph_digest") },
        "policy": { "digest": fact("policy_digest"), "layers": fact("layers"), "from": fact("policy_from") },
        "inputs": fact("inputs_digest"),
        "sandbox": fact("sandbox"),
        "trace": { "events": recorded.events.len(), "digest": recorded.digest() },
        "removed": removed,
        "withheld": withheld,
        "takenOver": story.taken_over(),
        "approvals": approvals(story),
        "calls": calls(story),
        "verification": verification,
    })
}

fn approvals(story: &Story) -> Vec<Value> {
    let told = story.questions().map(|(piece, question)| {
        let signed = !question.approval.is_null();
        json!({
            "question": question.number,
            "piece": piece.key,
            "policy": question.policy,
            "shown": Digest::of_json(&question.show),
            "granted": question.granted,
            "by": question.by,
            "approval": signed.then(|| Digest::of_json(&question.approval)),
            "asked": piece.from.text(),
            "answered": question.granted.map(|_| piece.to.text()),
            "withdrawn": (question.granted.is_none() && piece.end == End::Cancelled).then(|| piece.to.text()),
        })
    });
    told.collect()
}

/// Each call with digests in place of what was asked and answered; a list of calls is the calls in it.
fn calls(story: &Story) -> Vec<Value> {
    let told = story.calls().filter(|(_, call)| call.tool != "batch");
    told.map(|(piece, call)| {
        let result = &call.result;
        let part = |name: &str| result.get(name).cloned().unwrap_or_default();
        json!({
            "call": call.number,
            "key": call.key,
            "node": node_of(story, piece.parent),
            "tool": call.tool,
            "input": Digest::of_json(&call.input),
            "ok": part("ok"),
            "exitCode": part("exit_code"),
            "program": part("program"),
            "error": result.get("error").and_then(|error| error.get("kind")),
            "rules": part("rules"),
            "recalled": part("recalled"),
            "result": (!result.is_null()).then(|| Digest::of_json(result)),
            "began": piece.from.text(),
            "ended": piece.to.text(),
        })
    })
    .collect()
}

/// The node that a piece is of, with the execution that it is in.
fn node_of(story: &Story, mut within: Option<usize>) -> Option<String> {
    while let Some(at) = within {
        let piece = &story.pieces[at];
        if let What::Node(_) = piece.what {
            return Some(piece.key.clone());
        }
        within = piece.parent;
    }
    None
}

/// An envelope around a statement, signed with `key`.
pub fn envelope(statement: &Value, key: &SecretKey) -> Value {
    let payload = canonical_json(statement);
    let signature = key.sign(&pre_authentication(payload.as_bytes()));
    json!({
        "payloadType": PAYLOAD_TYPE,
        "payload": base64(payload.as_bytes()),
        "signatures": [{ "keyid": key.public().to_string(), "sig": signature }],
    })
}

/// The bytes that are signed: type and payload, each behind its length.
fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}
