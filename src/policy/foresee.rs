//! What the gate will say of the calls of a plan, before it runs: exact where what it reads is literal, or follows from the
//! inputs that are known, and else what the answer depends on. Grants nothing.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::effect::{Provenance, Shape, Source, ToolCall};
use crate::expr::{Root, ValueTemplate};
use crate::model::Uses;
use crate::plan::{Action, Conversation, NodeSources, Plan, PlanNode, PlanSources};

use super::known_inputs::KnownInputs;
use super::written_before::written_before;
use super::{Decision, Gate, Reason, Verdict, WorkspaceMode};

/// A call that a run may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// The node; within a subgraph behind the node that runs it: `review/read`.
    pub node: String,
    /// The tool.
    pub tool: String,
    /// What is known of its parameters: a run that is held to the plan makes no other call.
    pub input: Shape,
    /// What the gate says as far as it can be told; where it is a denial, nothing that is still open changes it.
    pub verdict: Verdict,
    /// Where what it is made from comes from: `user`, `llm:NAME`, `workspace:PATH`, ….
    pub sources: Vec<String>,
    /// What else decides: `inputs.path`, `nodes.plan`, `what was written before`. Empty where the verdict is exact.
    pub depends_on: Vec<String>,
    /// Folders of the workspace that a command really writes, where its rule is known: `.` is all of it.
    pub writes: Vec<String>,
}

impl Gate {
    /// Every call of `plan` and of its subgraphs, in canonical order. A call that data or a model chooses comes once
    /// for each tool that it may choose. `inputs` are those of the run, defaults put in, where they are known.
    pub fn foresee(&self, plan: &Plan, inputs: Option<&Value>) -> Vec<Foreseen> {
        let sources = PlanSources::of(plan);
        let foresight = Foresight { gate: self, written: sources.written() };
        let mut found = Vec::new();
        let inputs = KnownInputs::of_run(inputs);
        let told = Told { sources: Some(sources), inputs, before: BTreeSet::new() };
        foresight.beneath("", plan, &told, &mut found);
        found
    }
}

/// The gate before a run, with what the run may write into its workspace.
struct Foresight<'g> {
    gate: &'g Gate,
    written: BTreeSet<Source>,
}

impl Foresight<'_> {
    fn beneath(&self, above: &str, plan: &Plan, known: &Told, found: &mut Vec<Foreseen>) {
        let written = if self.written.iter().any(Source::is_foreign) {
            written_before(plan, known.sources.as_ref(), &known.before)
        } else {
            Vec::new()
        };
        for &at in &plan.order {
            let node = plan.node(at);
            let before = written.get(at.0 as usize).unwrap_or(&known.before);
            let path = format!("{above}{}", node.id);
            if let Action::Graph { plan, inputs } = &node.action {
                let inside = Told {
                    sources: known.sources.as_ref().and_then(|sources| sources.inner(at)),
                    inputs: known.inputs.inside(plan, inputs),
                    before: before.clone(),
                };
                self.beneath(&format!("{path}/"), plan, &inside, found);
            } else {
                let told = known.sources.as_ref().and_then(|sources| sources.node(at)).unwrap_or_default();
                let place = Place { path: &path, told: &told, inputs: &known.inputs, before };
                found.extend(self.foresee_node(&place, node));
            }
        }
    }

    fn foresee_node(&self, path: &Place<'_>, node: &PlanNode) -> Vec<Foreseen> {
        match &node.action {
            Action::Call { with } => vec![self.foresee_call(path, node.uses, with)],
            Action::Llm(conversation) => {
                let input = json!({ "model": conversation.model, "messages": null });
                let shape = conversation_shape(conversation);
                let call = Foreseen { input: shape, ..self.exact(path, Uses::Llm.as_str(), input) };
                let answer = ["the model's answer".to_owned()];
                let asked = path.told.of_answer();
                let chosen = conversation.tools.iter().map(|&tool| self.chosen(path, tool, &answer, &asked));
                std::iter::once(call).chain(chosen).collect()
            }
            Action::Batch { calls, tools, .. } => {
                let given = path.inputs.put_into(calls);
                let sources = sources(&given);
                match (calls, &given) {
                    (ValueTemplate::Literal(calls), _) => self.literal_batch(path, calls),
                    // decided, and shown no further than it was written
                    (_, ValueTemplate::Literal(calls)) => {
                        let calls = self.literal_batch(path, calls).into_iter();
                        calls.map(|call| Foreseen { input: Shape::Any, ..call }).collect()
                    }
                    _ => {
                        let asked = path.told.provenance();
                        tools.iter().map(|&tool| self.chosen(path, tool, &sources, &asked)).collect()
                    }
                }
            }
            Action::Graph { .. }
            | Action::Approval { .. }
            | Action::Render(_)
            | Action::Values(_)
            | Action::ParseReport(_)
            | Action::Fail { .. } => Vec::new(),
        }
    }

    fn literal_batch(&self, path: &Place<'_>, calls: &Value) -> Vec<Foreseen> {
        let calls = calls.as_array().into_iter().flatten().filter_map(|call| {
            let tool = call.get("tool")?.as_str()?;
            Some(self.exact(path, tool, call.get("input").cloned().unwrap_or_default()))
        });
        calls.collect()
    }

    fn foresee_call(&self, path: &Place<'_>, tool: Uses, with: &ValueTemplate) -> Foreseen {
        let given = path.inputs.put_into(with);
        let open = open_sources(tool, &given);
        let foreseen = match tool {
            _ if open.is_empty() => self.exact(path, tool.as_str(), known(&given)),
            // what is left out names no path, so a denial of the rest stays one
            Uses::ReadFile | Uses::ApplyPatch => {
                Foreseen { depends_on: open, ..self.exact(path, tool.as_str(), known(&given)) }
            }
            _ => self.open(path, tool, &open),
        };
        let verdict = foreseen.verdict.with(self.flows(path, tool, &given));
        // a plan carries no value of an input: those are bound as a whole, by their digest
        Foreseen { input: shape(with), verdict, ..foreseen }.settled()
    }

    fn exact(&self, path: &Place<'_>, tool: &str, input: Value) -> Foreseen {
        let call =
            ToolCall { provenance: Some(Box::new(path.told.provenance())), ..ToolCall::new(tool, input) };
        let gate = self.gate.at(path.path);
        let (verdict, _) = gate.judge_in(&call, path.before);
        let is_command = tool == Uses::Exec.as_str();
        // of other calls the same is said whatever was written
        let depends = is_command && gate.judge_in(&call, &self.written).0.decision > verdict.decision;
        let depends_on = depends.then(|| WRITTEN_BEFORE.to_owned()).into_iter().collect();
        let writes = if is_command { really_written(&gate, &call) } else { Vec::new() };
        let (node, tool, sources) = (path.path.to_owned(), tool.to_owned(), path.sources());
        Foreseen { node, tool, input: Shape::Exact(call.input), verdict, sources, depends_on, writes }
    }

    /// What is said of where its parameters come from, which is the same whatever their values turn out to be.
    fn flows(&self, path: &Place<'_>, tool: Uses, given: &ValueTemplate) -> Vec<Reason> {
        let ValueTemplate::Object(fields) = given else { return Vec::new() };
        let input: Map<String, Value> =
            fields.iter().map(|(name, value)| (name.clone(), known(value))).collect();
        self.flows_into(path, tool, input, path.told.provenance())
    }

    fn flows_into(
        &self,
        path: &Place<'_>,
        tool: Uses,
        input: Map<String, Value>,
        provenance: Provenance,
    ) -> Vec<Reason> {
        let provenance = Some(Box::new(provenance));
        let call = ToolCall { provenance, ..ToolCall::new(tool.as_str(), Value::Object(input)) };
        self.gate.at(path.path).flow_reasons(&call, None, &self.written)
    }

    /// A call that data or a model chooses, made from `asked`: it has all that its tool cannot do without.
    fn chosen(&self, path: &Place<'_>, tool: Uses, on: &[String], asked: &Provenance) -> Foreseen {
        let into = |name: &&str| {
            self.flows_into(path, tool, Map::from_iter([((*name).to_owned(), Value::Null)]), asked.clone())
        };
        let flows = tool.parameters().required.iter().filter_map(|group| {
            // of several parameters it has one
            let each = group.iter().map(into);
            each.reduce(|all, one| all.into_iter().filter(|reason| one.contains(reason)).collect())
        });
        let foreseen = self.open(path, tool, on);
        Foreseen { verdict: foreseen.verdict.with(flows.flatten().collect()), ..foreseen }.settled()
    }

    fn open(&self, path: &Place<'_>, tool: Uses, on: &[String]) -> Foreseen {
        let verdict = self.gate.at(path.path).explain_tool(tool.as_str());
        let (node, tool) = (path.path.to_owned(), tool.as_str().to_owned());
        let (sources, depends_on) = (path.sources(), on.to_vec());
        Foreseen { node, tool, input: Shape::Any, verdict, sources, depends_on, writes: Vec::new() }
    }
}

/// The folders of the workspace that a command would not write in an overlay.
fn really_written(gate: &Gate, call: &ToolCall) -> Vec<String> {
    match gate.exec(call) {
        Ok((grant, _)) if grant.workspace == WorkspaceMode::Direct => vec![".".to_owned()],
        Ok((grant, _)) => grant.unsafe_write,
        Err(_) => Vec::new(),
    }
}

/// What a command's verdict may depend on beside its parameters: whether others have written to the workspace by then.
const WRITTEN_BEFORE: &str = "what was written before";

/// What is known of one execution of a graph.
struct Told {
    sources: Option<PlanSources>,
    inputs: KnownInputs,
    /// What was surely written into the workspace before it began.
    before: BTreeSet<Source>,
}

/// A node, where what it is given comes from, and what is known of that.
struct Place<'p> {
    path: &'p str,
    told: &'p NodeSources,
    inputs: &'p KnownInputs,
    /// What was surely written into the workspace before it begins.
    before: &'p BTreeSet<Source>,
}

impl Place<'_> {
    fn sources(&self) -> Vec<String> {
        self.told.all().iter().map(ToString::to_string).collect()
    }
}

impl Foreseen {
    /// A denial depends on nothing more.
    fn settled(mut self) -> Self {
        if self.verdict.decision == Decision::Deny {
            self.depends_on.clear();
        }
        self
    }
}

/// The parameters that the gate reads.
fn deciding(tool: Uses) -> &'static [&'static str] {
    match tool {
        Uses::ReadFile => &["path"],
        Uses::ApplyPatch => &["changes", "patch"],
        Uses::Exec => &["argv", "cwd", "env"],
        Uses::Http => &["url", "method"],
        Uses::Mcp => &["server", "tool"],
        _ => &[],
    }
}

/// What the parameters that the gate reads are made from.
fn open_sources(tool: Uses, with: &ValueTemplate) -> Vec<String> {
    match with {
        ValueTemplate::Literal(_) => Vec::new(),
        ValueTemplate::Object(fields) => {
            let read = fields.iter().filter(|(name, _)| deciding(tool).contains(&name.as_str()));
            let all: BTreeSet<String> = read.flat_map(|(_, value)| sources(value)).collect();
            all.into_iter().collect()
        }
        _ => sources(with),
    }
}

/// The roots of a value's templates as their author writes them, each once; `an expression` where it has none.
fn sources(value: &ValueTemplate) -> Vec<String> {
    let found: BTreeSet<String> = value.roots().into_iter().map(named).collect();
    match value {
        ValueTemplate::Expression(_) | ValueTemplate::Text(_) if found.is_empty() => {
            vec!["an expression".to_owned()]
        }
        _ => found.into_iter().collect(),
    }
}

fn named(root: &Root) -> String {
    match root {
        Root::Input(name) => format!("inputs.{name}"),
        Root::Node(name) => format!("nodes.{name}"),
        Root::Channel(name) => format!("state.{name}"),
        Root::Loop(name) => format!("loops.{name}"),
        Root::Run => "run".to_owned(),
        Root::Output => "output".to_owned(),
        Root::Error => "error".to_owned(),
        Root::Local(name) => name.clone(),
    }
}

/// What is known of a value before the run.
fn shape(value: &ValueTemplate) -> Shape {
    match value {
        ValueTemplate::Literal(value) => Shape::Exact((**value).clone()),
        ValueTemplate::Expression(_) => Shape::Any,
        ValueTemplate::Text(_) => Shape::Text,
        ValueTemplate::List(items) => Shape::List(items.iter().map(shape).collect()),
        ValueTemplate::Object(fields) => {
            Shape::Object(fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect())
        }
    }
}

/// What is known of the call that asks a model: all but its messages, which a repair adds to.
fn conversation_shape(conversation: &Conversation) -> Shape {
    let exact = |name: &str, value: Value| (name.to_owned(), Shape::Exact(value));
    let mut members = vec![
        exact("model", json!(conversation.model)),
        exact("params", json!(conversation.params)),
        ("messages".to_owned(), Shape::Any),
    ];
    members.extend(conversation.output_schema.clone().map(|schema| exact("output_schema", schema)));
    if !conversation.tools.is_empty() {
        let tools: Vec<&str> = conversation.tools.iter().map(|tool| tool.as_str()).collect();
        members.push(exact("tools", json!(tools)));
        members.push(exact("max_rounds", conversation.max_rounds.into()));
        members.push(exact("max_calls", conversation.max_calls.into()));
    }
    Shape::Object(members.into_iter().collect())
}

/// The literal parts of a value; what holds a template is left out.
fn known(value: &ValueTemplate) -> Value {
    match value {
        ValueTemplate::Literal(value) => (**value).clone(),
        ValueTemplate::Expression(_) | ValueTemplate::Text(_) => Value::Null,
        ValueTemplate::List(items) => items.iter().map(known).collect(),
        ValueTemplate::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), known(value)));
            Value::Object(fields.filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
        }
    }
}
