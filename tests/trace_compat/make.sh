#!/usr/bin/env bash
# Makes the traces of a version once: `tests/trace_compat/make.sh PROGRAM FOLDER`, for a folder that is not there yet. What was
# made is never made again: that it can still be read is what is tested.
set -euo pipefail
BIN=$(realpath "$1"); OUT=$(realpath -m "$2"); GRAPHS=$(realpath "$(dirname "$0")/../../graphs")
[ ! -e "$OUT" ] || { echo "there is a $OUT already, and it stays as it is" >&2; exit 1; }
mkdir -p "$OUT"
work() { W=$(mktemp -d); mkdir -p "$W/work" "$W/home"; cd "$W/work"; printf '%s' "$POLICY" > policy.yaml; }
lg() { env -i PATH="$PATH" HOME="$W/home" LGFLOW_STATE_DIR="$W/state" "$BIN" "$@" < /dev/null; }
id_of() { # COMMAND …: the run that it made
  lg "$@" --format json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["run"])'
}
keep() { # CASE: the last copied trace with what belongs to it
  local d="$OUT/$1" f; f=$(ls artifacts/runs/run-*.jsonl | tail -1); [ -n "${2:-}" ] && f="artifacts/runs/run-$2.jsonl"
  mkdir -p "$d"; cp "$f" "$d/run.jsonl"; cp "${f%.jsonl}.receipts" "$d/run.receipts"; cp "${3:-graph.yaml}" "$d/graph.yaml"
  if [ -d artifacts/runs/blobs ]; then cp -r artifacts/runs/blobs "$d/blobs"; fi
}
POLICY='schema: lgflow.policy/v1
name: compat
tools: { read_file: allow, list_files: allow, apply_patch: allow, rollback: allow, exec: allow }
paths:
  read: { allow: ["**"] }
  write: { allow: ["**"], ask: ["asked.txt"] }
commands:
  - { name: sleep, program: sleep, args: [["*"]], sandbox: { workspace: direct } }
sandbox: { mode: best_effort }
'
work; for i in $(seq 900); do echo "large line $i"; done > big.txt; echo a > a.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: success
inputs: { file: { type: string, default: big.txt } }
nodes:
  look: { uses: read_file, with: { path: "{{ inputs.file }}" } }
  other: { uses: list_files, with: { path: "." } }
  sum: { uses: values, with: { bytes: "{{ nodes.look.output.content | length }}" } }
  aside: { uses: values, skip_when: "true" }
edges: [look -> sum, other -> sum, look -> aside]
outputs: { bytes: "{{ nodes.sum.output.bytes }}", text: "{{ nodes.look.output.content }}" }
G
lg validate graph.yaml >&2
lg run -g graph.yaml --policy policy.yaml --trace >/dev/null 2>&1; keep success
work
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: failure
nodes:
  gone: { uses: read_file, with: { path: gone.txt }, retry: { attempts: 2, backoff: 1ms, kinds: [not_found] } }
  after: { uses: values }
  always: { uses: values, with: { a: 1 } }
edges: [gone -> after, { from: gone, to: always, always: true }]
G
lg validate graph.yaml >&2
lg run -g graph.yaml --policy policy.yaml --trace >/dev/null 2>&1 || true; keep failure
work; echo a > a.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: loop
state: { seen: { type: array, reduce: append } }
graphs:
  inner:
    inputs: { n: { type: integer } }
    nodes: { deep: { uses: read_file, with: { path: a.txt } }, more: { uses: values, with: { n: "{{ inputs.n + 1 }}" } } }
    edges: [deep -> more]
    outputs: { n: "{{ nodes.more.output.n }}" }
nodes:
  turn: { uses: graph, with: { graph: inner, inputs: { n: "{{ loops.turn.iteration }}" } }, update: { seen: "{{ loops.turn.iteration }}" } }
  end: { uses: values, with: { seen: "{{ state.seen }}" } }
edges:
  - { from: turn, to: turn, when: "loops.turn.iteration < 3", loop: { max: 3, exhausted: leave } }
  - turn -> end
outputs: { seen: "{{ nodes.end.output.seen }}" }
G
lg validate graph.yaml >&2
lg run -g graph.yaml --policy policy.yaml --trace >/dev/null 2>&1; keep loop
work; echo a > a.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: map
nodes:
  each:
    uses: apply_patch
    with: { changes: [{ op: put, path: "out/{{ name }}.txt", content: "{{ name }}" }] }
    for_each: { in: "['x', 'y', 'z']", as: name, parallel: 1 }
outputs: { files: "{{ nodes.each.output | length }}" }
G
lg validate graph.yaml >&2
lg run -g graph.yaml --policy policy.yaml --trace >/dev/null 2>&1; keep map
work; echo one > asked.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: approval
nodes:
  asked: { uses: apply_patch, with: { changes: [{ op: put, path: asked.txt, content: "two\n" }] } }
  sure: { uses: approval, with: { show: "go on?", options: [go, stop] } }
edges: [asked -> sure]
outputs: { choice: "{{ nodes.sure.output.choice }}" }
G
lg validate graph.yaml >&2
R=$(id_of run -g graph.yaml --policy policy.yaml --trace) || true
D=$(lg approve "$R" 2>&1 | grep -o 'sha256:[0-9a-f]*' | tail -1 || true)
lg approve "$R" --digest "$D" >/dev/null 2>&1; lg runs resume "$R" >/dev/null 2>&1 || true
lg approve "$R" sure --choice go >/dev/null 2>&1; lg runs resume "$R" >/dev/null 2>&1; keep approval "$R"
work
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: cancel
nodes:
  wait: { uses: exec, with: { argv: [sleep, "60"] } }
  after: { uses: values }
  always: { uses: values }
edges: [wait -> after, { from: wait, to: always, always: true }]
G
lg validate graph.yaml >&2
env -i PATH="$PATH" HOME="$W/home" LGFLOW_STATE_DIR="$W/state" "$BIN" run -g graph.yaml --policy policy.yaml --trace < /dev/null >/dev/null 2>&1 & P=$!
for i in $(seq 100); do grep -q call.started artifacts/runs/*.jsonl 2>/dev/null && break; sleep 0.2; done; sleep 0.5; kill -INT $P; wait $P || true; keep cancel
work; printf 'one\r\n' > a.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: patches
nodes:
  first: { uses: apply_patch, with: { patch: "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\r\n+two\r\n" } }
  tried: { uses: apply_patch, with: { changes: [{ op: add, path: b.txt, content: "b\n", mode: "100755" }] } }
  not_so: { uses: rollback, with: { to: tried } }
edges: [first -> tried -> not_so]
G
lg validate graph.yaml >&2
R1=$(id_of run -g graph.yaml --policy policy.yaml --trace); keep patches "$R1"
U=$(id_of runs undo "$R1" --trace); keep undo "$U" "$GRAPHS/undo.yaml"
work; echo a > a.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: known
inputs: { word: { type: string, default: one } }
nodes:
  look: { uses: read_file, with: { path: a.txt }, cache: true }
  write: { uses: apply_patch, with: { changes: [{ op: put, path: w.txt, content: "{{ inputs.word }}" }] } }
edges: [look -> write]
G
lg validate graph.yaml >&2
R1=$(id_of run -g graph.yaml --policy policy.yaml)
C=$(id_of run -g graph.yaml --policy policy.yaml --trace); keep cached "$C"
F=$(id_of runs fork "$R1" --from write -i word=two --trace); keep forked "$F"
work; echo a > a.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: rejected
nodes:
  both: { uses: values }
  first: { uses: approval, with: { show: "first?" } }
  second: { uses: approval, with: { show: "second?" } }
edges: [both -> first, both -> second]
G
lg validate graph.yaml >&2
R=$(id_of run -g graph.yaml --policy policy.yaml --trace) || true
lg reject "$R" first --comment no >/dev/null 2>&1; lg runs resume "$R" >/dev/null 2>&1 || true; keep rejected "$R"
work; echo a > a.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: withdrawn
nodes:
  both: { uses: values }
  asks: { uses: approval, with: { show: "first?" } }
  gone: { uses: read_file, with: { path: gone.txt } }
edges: [both -> asks, both -> gone]
G
lg validate graph.yaml >&2
lg run -g graph.yaml --policy policy.yaml --trace >/dev/null 2>&1 || true; keep withdrawn
work; echo a > a.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: bounded
budgets: { tool_calls: 2 }
nodes:
  inner: { uses: read_file, with: { path: a.txt } }
  outer: { uses: read_file, with: { path: a.txt } }
edges:
  - inner -> outer
  - { from: inner, to: inner, when: "loops.inner.iteration < 2", loop: { max: 2 } }
G
lg validate graph.yaml >&2
lg run -g graph.yaml --policy policy.yaml --trace >/dev/null 2>&1 || true; keep bounded
work; echo a > a.txt
cat > graph.yaml <<'G'
schema: lgflow.graph/v1
name: exhausted
nodes:
  outer: { uses: read_file, with: { path: a.txt } }
  inner: { uses: read_file, with: { path: a.txt } }
  last: { uses: values }
edges:
  - outer -> inner -> last
  - { from: inner, to: inner, when: "loops.inner.iteration < 2", loop: { max: 3 } }
  - { from: inner, to: outer, when: "loops.outer.iteration < 9", loop: { max: 2 } }
G
lg validate graph.yaml >&2
lg run -g graph.yaml --policy policy.yaml --trace >/dev/null 2>&1 || true; keep exhausted
ls "$OUT"
