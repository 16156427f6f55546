//! A graph that is suspended between two changes of its workspace.

/// A question between two patches.
pub const GATED: &str = r#"schema: lgflow.graph/v1
name: gated
nodes:
  one: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: "A\n" }] } }
  gate: { uses: approval, with: { show: "on?" } }
  two: { uses: apply_patch, with: { changes: [{ op: put, path: done.txt, content: "B\n" }] } }
edges: [one -> gate -> two]
"#;
