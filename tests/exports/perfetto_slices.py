"""Decodes an exported run with the published messages of the format, follows every track like a viewer does, and prints the
slices. Argument: the file."""

import json
import sys

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as messages


def unknown(message):
    """Nothing may be in it that the published messages do not have."""
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    assert known.ByteSize() == message.ByteSize(), "it has fields that the published messages do not have"


def main():
    trace = messages.Trace()
    with open(sys.argv[1], "rb") as file:
        trace.ParseFromString(file.read())
    unknown(trace)
    tracks, open_slices, slices, last = {}, {}, [], {}
    for packet in trace.packet:
        if packet.HasField("track_descriptor"):
            described = packet.track_descriptor
            tracks[described.uuid] = {"name": described.name, "parent": described.parent_uuid}
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        assert event.track_uuid in tracks, "a slice on a track that is not described"
        assert packet.timestamp >= last.get(event.track_uuid, 0), "time goes back on a track"
        last[event.track_uuid] = packet.timestamp
        stack = open_slices.setdefault(event.track_uuid, [])
        if event.type == messages.TrackEvent.TYPE_SLICE_BEGIN:
            told = {a.name: a.string_value or a.int_value or a.bool_value for a in event.debug_annotations}
            stack.append(
                {
                    "name": event.name,
                    "category": list(event.categories),
                    "from": packet.timestamp,
                    "track": event.track_uuid,
                    "depth": len(stack),
                    "within": stack[-1]["told"]["lgflow.key"] if stack else None,
                    "told": told,
                }
            )
        elif event.type == messages.TrackEvent.TYPE_SLICE_END:
            slices.append({**stack.pop(), "to": packet.timestamp})
    assert not any(open_slices.values()), "a slice without an end"
    print(json.dumps({"slices": slices, "tracks": len(tracks)}))


main()
