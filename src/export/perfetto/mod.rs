//! A run in the protobuf form that the Perfetto trace viewer reads: one slice for each piece of time. What goes on at the
//! same time stands on tracks of its own.

mod messages;
mod tracks;

use prost::Message as _;

use super::{AttributeValue, Piece, Recorded, Span, SpanId, Story, spans};

use messages::{
    ClockSnapshot, ClockTime, DebugAnnotation, DebugValue, Packet, Trace, TrackDescriptor, TrackEvent,
};

/// The one sequence that all packets are of.
const SEQUENCE: u32 = 1;
/// The clocks of the format that are named: the time of day, and the one that traces are laid out by.
const REALTIME: u32 = 1;
const BOOTTIME: u32 = 6;

/// The run as a trace.
pub fn perfetto(story: &Story, recorded: &Recorded) -> Vec<u8> {
    let spans = spans(story, recorded);
    let tracks = tracks::lay_out(&story.pieces);
    let mut packet = vec![clocks(story)];
    packet.extend((0..tracks.count).map(|track| descriptor(story, track)));
    for step in &tracks.steps {
        packet.push(event(story, &spans, *step));
    }
    Trace { packet }.encode_to_vec()
}

/// The same moment on both clocks: a viewer then shows the time of day.
fn clocks(story: &Story) -> Packet {
    let now = |clock_id| ClockTime { clock_id: Some(clock_id), timestamp: Some(story.began().0) };
    let clocks = vec![now(REALTIME), now(BOOTTIME)];
    let snapshot = ClockSnapshot { clocks, primary_trace_clock: Some(BOOTTIME.cast_signed()) };
    Packet { clock_snapshot: Some(snapshot), sequence_flags: Some(1), ..Packet::of(SEQUENCE) }
}

fn descriptor(story: &Story, track: usize) -> Packet {
    let name = match track {
        0 => format!("run {} of {}", story.run, story.graph),
        more => format!("at the same time {more}"),
    };
    let parent = (track > 0).then(|| uuid(story, 0));
    let descriptor =
        TrackDescriptor { uuid: Some(uuid(story, track)), name: Some(name), parent_uuid: parent };
    Packet { track_descriptor: Some(descriptor), ..Packet::of(SEQUENCE) }
}

fn uuid(story: &Story, track: usize) -> u64 {
    u64::from_be_bytes(SpanId::of(&story.run, &format!("track {track}")).0)
}

fn event(story: &Story, spans: &[Span], step: tracks::Step) -> Packet {
    let (piece, span): (&Piece, &Span) = (&story.pieces[step.piece], &spans[step.piece]);
    let track_uuid = Some(uuid(story, step.track));
    let (at, event) = if step.begins {
        let event = TrackEvent {
            r#type: Some(messages::BEGIN),
            name: Some(span.name.clone()),
            categories: vec![piece.what.word().to_owned()],
            debug_annotations: annotations(piece, span),
            track_uuid,
        };
        (piece.from, event)
    } else {
        (piece.to, TrackEvent { r#type: Some(messages::END), track_uuid, ..TrackEvent::default() })
    };
    Packet { timestamp: Some(at.0), track_event: Some(event), ..Packet::of(SEQUENCE) }
}

fn annotations(piece: &Piece, span: &Span) -> Vec<DebugAnnotation> {
    let of = |name: &str, value| DebugAnnotation { name: Some(name.to_owned()), value: Some(value) };
    let mut all = vec![
        of("lgflow.key", DebugValue::Text(piece.key.clone())),
        of("lgflow.seq", DebugValue::Number(piece.seq.cast_signed())),
        of("lgflow.end", DebugValue::Text(piece.end.word().to_owned())),
    ];
    for (name, value) in span.attributes.iter().filter(|(name, _)| *name != "lgflow.key") {
        all.push(of(
            name,
            match value {
                AttributeValue::Text(text) => DebugValue::Text(text.clone()),
                AttributeValue::Number(number) => DebugValue::Number(*number),
                AttributeValue::Truth(truth) => DebugValue::Truth(*truth),
                AttributeValue::Texts(texts) => DebugValue::Text(texts.join(" ")),
                AttributeValue::Numbers(numbers) => {
                    DebugValue::Text(numbers.iter().map(i64::to_string).collect::<Vec<_>>().join("."))
                }
            },
        ));
    }
    all
}
