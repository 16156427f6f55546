//! What a plan showed of a run: the state of the world that it was made for, and the calls that may come. The runner is
//! given it with the frozen layers, where a run is held to a plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::digest::Digest;

use super::{ToolCall, WorkTree};

/// What the runner holds a run to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldPlan {
    /// The checksum of the plan's document.
    pub checksum: Digest,
    /// The calls that it showed.
    pub calls: Vec<PlannedCall>,
    /// The programs that it saw.
    pub programs: Vec<PlannedProgram>,
}

/// A call that a plan showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCall {
    /// The node; within a subgraph behind the node that runs it.
    pub node: String,
    /// The tool.
    pub tool: String,
    /// Its parameters.
    pub input: Shape,
}

/// What is known of a value before the run: what was written as it stands, and where something comes from the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// This value.
    Exact(Value),
    /// Any value.
    Any,
    /// Any text.
    Text,
    /// A list of exactly these.
    List(Vec<Shape>),
    /// An object with exactly these members.
    Object(BTreeMap<String, Shape>),
}

/// A program that a call of a plan may run, as it stood when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedProgram {
    /// As commands name it.
    pub name: String,
    /// Where it was found; none where there was no such program.
    pub path: Option<String>,
    /// Of its content.
    pub digest: Option<Digest>,
}

/// A toolchain of the policy, as it stood when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedToolchain {
    /// Its name in the policy.
    pub name: String,
    /// Its own folders; none where it is the system's.
    pub folders: Vec<String>,
    /// Of the names, sizes and times of all that lies in them.
    pub digest: Digest,
}

/// The workspace, as it stood when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedWorkspace {
    /// The commit that it stood on; none outside of a repository, where every file counts as a difference.
    pub revision: Option<String>,
    /// How it differed from it.
    pub tree: WorkTree,
}

/// What a plan was made for. A run that is held to the plan demands the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanBindings {
    /// The version of lgflow: another one may show calls in another way.
    pub lgflow: String,
    /// Of the compiled graph, its order and limits counted.
    pub graph: Digest,
    /// Of what the layers say together.
    pub policy: Digest,
    /// Of the declarations of secrets: names, places and uses, and never a value.
    pub secrets: Digest,
    /// Of the declarations of models and of private origins.
    pub models: Digest,
    /// The programs that its calls may run, by name.
    pub programs: Vec<PlannedProgram>,
    /// The toolchains that the layers have in common.
    pub toolchains: Vec<PlannedToolchain>,
    /// The workspace.
    pub workspace: PlannedWorkspace,
    /// Of the inputs, where the plan was given some.
    pub inputs: Option<Digest>,
}

impl HeldPlan {
    /// Did the plan show this call?
    pub fn shows(&self, call: &ToolCall) -> bool {
        let same = |shown: &&PlannedCall| shown.node == call.node && shown.tool == call.tool;
        self.calls.iter().filter(same).any(|shown| shown.input.admits(&call.input))
    }

    /// What it showed at the node of a call, for a message: the tools, each once.
    pub fn tools_at(&self, node: &str) -> Vec<&str> {
        let mut tools: Vec<&str> =
            self.calls.iter().filter(|shown| shown.node == node).map(|shown| shown.tool.as_str()).collect();
        tools.sort_unstable();
        tools.dedup();
        tools
    }
}

impl Shape {
    /// Can this value come of it?
    pub fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Shape::Any, _) | (Shape::Text, Value::String(_)) => true,
            (Shape::Exact(shown), value) => same(shown, value),
            (Shape::List(shown), Value::Array(items)) => {
                shown.len() == items.len() && shown.iter().zip(items).all(|(shown, item)| shown.admits(item))
            }
            (Shape::Object(shown), Value::Object(members)) => {
                let held = |(name, shown): (&String, &Shape)| {
                    members.get(name).is_some_and(|member| shown.admits(member))
                };
                shown.len() == members.len() && shown.iter().all(held)
            }
            (Shape::Text | Shape::List(_) | Shape::Object(_), _) => false,
        }
    }
}

/// Equal, where a number may have lost its last digit on the way through a text.
fn same(shown: &Value, value: &Value) -> bool {
    match (shown, value) {
        (Value::Number(shown), Value::Number(value)) => shown == value || near(shown, value),
        (Value::Array(shown), Value::Array(items)) => {
            shown.len() == items.len() && shown.iter().zip(items).all(|(shown, item)| same(shown, item))
        }
        (Value::Object(shown), Value::Object(members)) => {
            let held = |(name, shown): (&String, &Value)| {
                members.get(name).is_some_and(|member| same(shown, member))
            };
            shown.len() == members.len() && shown.iter().all(held)
        }
        (shown, value) => shown == value,
    }
}

fn near(shown: &Number, value: &Number) -> bool {
    if !(shown.is_f64() && value.is_f64()) {
        return false;
    }
    let (Some(shown), Some(value)) = (shown.as_f64(), value.as_f64()) else { return false };
    (shown - value).abs() <= 2.0 * f64::EPSILON * shown.abs().max(value.abs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape(shape: Value) -> Shape {
        serde_json::from_value(shape).unwrap()
    }

    #[test]
    fn a_shape_admits_what_was_written_and_what_the_run_fills_in() {
        let argv = shape(json!({"object": {
            "argv": {"list": [{"exact": "cargo"}, {"exact": "test"}, "text"]},
            "env": "any",
        }}));
        let call = |argv: Value| json!({"argv": argv, "env": {"A": "1"}});
        assert!(argv.admits(&call(json!(["cargo", "test", "x"]))));
        for other in [
            json!(["cargo", "test"]),
            json!(["cargo", "test", "x", "y"]),
            json!(["cargo", "run", "x"]),
            json!(["cargo", "test", 1]),
            json!("cargo test x"),
        ] {
            assert!(!argv.admits(&call(other.clone())), "{other}");
        }
        assert!(!argv.admits(&json!({"argv": ["cargo", "test", "x"]})), "a member is missing");
        let more = json!({"argv": ["cargo", "test", "x"], "env": {}, "cwd": "a"});
        assert!(!argv.admits(&more), "a member that nobody wrote");
    }

    #[test]
    fn what_is_exact_is_exact_but_for_the_last_digit_of_a_fraction() {
        let exact = shape(json!({"exact": {"t": 0.1, "n": 1, "list": [true, null]}}));
        assert!(exact.admits(&json!({"t": 0.1 + f64::EPSILON / 16.0, "n": 1, "list": [true, null]})));
        for other in [
            json!({"t": 0.1001, "n": 1, "list": [true, null]}),
            json!({"t": 0.1, "n": 2, "list": [true, null]}),
            json!({"t": 0.1, "n": 1, "list": [true]}),
            json!({"t": 0.1, "n": 1}),
        ] {
            assert!(!exact.admits(&other), "{other}");
        }
    }

    #[test]
    fn a_call_is_shown_at_its_node_with_its_tool() {
        let plan = HeldPlan {
            checksum: Digest::of("x"),
            calls: vec![PlannedCall {
                node: "outer/read".into(),
                tool: "read_file".into(),
                input: shape(json!({"exact": {"path": "a"}})),
            }],
            programs: Vec::new(),
        };
        let call = |node: &str, tool: &str, path: &str| ToolCall {
            node: node.into(),
            ..ToolCall::new(tool, json!({"path": path}))
        };
        assert!(plan.shows(&call("outer/read", "read_file", "a")));
        assert!(!plan.shows(&call("read", "read_file", "a")));
        assert!(!plan.shows(&call("outer/read", "list_files", "a")));
        assert!(!plan.shows(&call("outer/read", "read_file", "b")));
        assert_eq!(plan.tools_at("outer/read"), ["read_file"]);
    }
}
