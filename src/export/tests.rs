//! A trace may come from anywhere: whatever its events say, every export comes to an end and keeps its own laws.

use proptest::arbitrary::any;
use proptest::strategy::{Just, Strategy};
use proptest::{collection, option, prop_oneof, proptest};
use prost::Message as _;
use serde_json::{Map, Value, json};

use crate::digest::Digest;
use crate::trace::{Envelope, EventBody};

use super::{
    Checked, Listed, Recorded, Recording, Story, index_page, mermaid, otlp_json, otlp_protobuf, perfetto,
    run_page, spans, statement, trace_document,
};

const NAMES: [&str; 5] = ["a", "b", "</script><script>x", "c\u{202e}", ""];
const PATHS: [&str; 4] = ["a!1", "a#1[2]!3", "a!1/b!1", "//!"];

fn name() -> impl Strategy<Value = String> {
    (0..NAMES.len()).prop_map(|at| NAMES[at].to_owned())
}

fn plan() -> impl Strategy<Value = Value> {
    let loops = collection::vec(name(), 0..3);
    (collection::vec((name(), loops), 0..4), collection::vec((name(), name()), 0..4)).prop_map(
        |(nodes, edges)| {
            let inner =
                json!({ "graph": "inner", "nodes": { "b": { "uses": "values" } }, "order": ["b", "b", "x"] });
            let node =
                |loops: &Vec<String>| json!({ "uses": "graph", "loops": loops, "with": { "graph": inner } });
            let listed: Map<String, Value> =
                nodes.iter().map(|(id, loops)| (id.clone(), node(loops))).collect();
            let around: Map<String, Value> =
                nodes.iter().map(|(id, outer)| (id.clone(), json!({ "max": 2, "outer": outer }))).collect();
            let edges: Vec<Value> = edges
                .iter()
                .map(|(from, to)| json!({ "from": from, "to": to, "on": to, "loop": "a", "when": from }))
                .collect();
            json!({ "graph": "g", "nodes": listed, "loops": around, "edges": edges, "order": ["b", "a"] })
        },
    )
}

fn data() -> impl Strategy<Value = Map<String, Value>> {
    let number = prop_oneof![0..4_u64, Just(u64::MAX)];
    (number, option::of(0..3_u64), name(), plan(), any::<bool>()).prop_map(|(number, index, text, plan, ok)| {
        let result = json!({ "ok": ok, "timing_ms": number, "exit_code": 1, "llm_tokens": number,
            "error": { "kind": text, "message": text, "rule": { "layer": text } },
            "output": { "files": [{ "path": text, "op": "rename", "from": text, "after": text }], "inverse": text, "stdout": text } });
        let calls = json!([{ "tool": text, "input": { "argv": [text] } }, 1, { "tool": "exec" }]);
        let mut data = json!({
            "call": number, "question": number, "wait": number, "edge": number, "redacted": number, "status": text, "for": "backoff",
            "facts": { "plan": plan, "graph": text, "layers": [1], "sandbox": [{}] }, "inputs": text, "show": text, "tool": text,
            "input": { "url": text, "patch": text, "argv": [text, 1] }, "result": result, "error": { "kind": text }, "why": text,
        });
        if let Some(data) = data.as_object_mut() {
            if let Some(index) = index {
                data.insert("index".to_owned(), json!(index));
            }
            if ok {
                data.insert("calls".to_owned(), calls);
                data.insert("results".to_owned(), json!([result, null]));
                data.remove("input");
            }
        }
        data.as_object().cloned().unwrap_or_default()
    })
}

fn event() -> impl Strategy<Value = Envelope> {
    let path = option::of((0..PATHS.len()).prop_map(|at| PATHS[at].to_owned()));
    let time = prop_oneof![Just("2026-01-01T00:00:00Z"), Just("2020-01-01T00:00:00.5Z"), Just("no time")];
    let around = (path, option::of(name()), collection::vec(any::<u32>(), 0..2), option::of(any::<u32>()));
    ((0..EventBody::KINDS.len()), time, around, data()).prop_map(
        |(kind, ts, (path, node, iteration, attempt), data)| {
            let (kind, ts, run) = (EventBody::KINDS[kind].to_owned(), ts.to_owned(), "r".to_owned());
            Envelope { run, seq: 1, ts, kind, node, path, iteration, attempt, data, prev: None }
        },
    )
}

fn recorded(events: Vec<Envelope>) -> Recorded {
    let events = events.into_iter().map(|event| Recording { event, hash: Digest::of("x") }).collect();
    Recorded { events, bytes: Digest::of("x"), missing: 0 }
}

/// As much of a Perfetto packet as tells whether slices begin and end in order.
#[derive(Clone, PartialEq, prost::Message)]
struct Seen {
    #[prost(message, repeated, tag = "1")]
    packet: Vec<SeenPacket>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SeenPacket {
    #[prost(uint64, optional, tag = "8")]
    timestamp: Option<u64>,
    #[prost(message, optional, tag = "11")]
    track_event: Option<SeenEvent>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SeenEvent {
    #[prost(int32, optional, tag = "9")]
    kind: Option<i32>,
    #[prost(uint64, optional, tag = "11")]
    track: Option<u64>,
}

fn slices_nest(bytes: &[u8], count: usize) {
    let seen = Seen::decode(bytes).unwrap();
    let mut tracks: std::collections::BTreeMap<u64, (u64, i64)> = std::collections::BTreeMap::new();
    let mut begun = 0;
    for packet in seen.packet {
        let Some(event) = packet.track_event else { continue };
        let (last, open) = tracks.entry(event.track.unwrap()).or_default();
        assert!(packet.timestamp.unwrap() >= *last, "time goes back on a track");
        *last = packet.timestamp.unwrap();
        *open += if event.kind == Some(1) { 1 } else { -1 };
        begun += usize::from(event.kind == Some(1));
        assert!(*open >= 0, "a slice ends that has not begun");
    }
    assert_eq!(begun, count, "one slice for each piece");
    assert!(tracks.values().all(|(_, open)| *open == 0));
}

proptest! {
    #[test]
    fn whatever_events_say_exports_keep_their_laws(events in collection::vec(event(), 1..40)) {
        let recorded = recorded(events);
        let story = Story::of(&recorded);
        for (at, piece) in story.pieces.iter().enumerate() {
            assert!(piece.from <= piece.to, "{piece:?}");
            let Some(parent) = piece.parent else {
                assert_eq!(at, 0);
                continue;
            };
            assert!(parent < at, "a piece stands behind the one that it is within");
            let around = &story.pieces[parent];
            assert!(around.from <= piece.from && piece.to <= around.to, "{around:?} {piece:?}");
        }
        let spans = spans(&story, &recorded);
        assert_eq!(spans.len(), story.pieces.len());
        slices_nest(&perfetto(&story, &recorded), story.pieces.len());
        assert!(!otlp_protobuf(&story, &recorded).is_empty());
        assert_eq!(otlp_json(&story, &recorded).lines().count(), 1);
        assert!(mermaid(&story).starts_with("---\n"));
        assert_eq!(trace_document(&story, &recorded)["pieces"].as_array().map(Vec::len), Some(spans.len()));
        assert!(!statement(&story, &recorded, &Value::Null)["subject"].as_array().unwrap().is_empty());
        let checked = Checked { holds: false, said: NAMES[2].to_owned() };
        let pages = run_page(&story, &recorded, &checked, Some("index.html"))
            + &index_page(&[Listed::of(&story, "run.html", &checked)]);
        assert!(!pages.contains("<script") && !pages.contains('\u{202e}'), "{pages}");
    }
}
