//! Tests of graphs against the plan of the graph that they test: each name exists there, each scripted result is one
//! that the tool could give, each expected call one that it could be asked, and no two scripts speak of the same call.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::diag::{Code, Diagnostic, Diagnostics, codes, suggestion};
use crate::digest::Digest;
use crate::document::Tree;
use crate::effect::{APPROVE, ErrorKind};
use crate::files::RelPath;
use crate::model::Uses;
use crate::model::graph_test::{
    Expectations, ExpectedCall, GraphCase, GraphTests, Reply, Scripted, ScriptedAnswer, ScriptedOutcome,
    Which,
};
use crate::plan::{Action, Plan, PlanNode};
use crate::schema::{self, validate_value};
use crate::source::{FileId, Located, Span};

use super::kinds;

/// A file of graph tests with the graph that it tests.
#[derive(Debug, Clone)]
pub struct CheckedTests {
    /// The file of the tests.
    pub file: FileId,
    /// What it says; scripted outputs have every field that the tool's output has.
    pub tests: GraphTests,
    /// The graph's path, beneath the folder that all files of one call share.
    pub graph: RelPath,
    /// The graph.
    pub plan: Arc<Plan>,
}

/// Checks tests against their plan, and completes their scripted outputs.
pub(super) fn check(tests: &mut GraphTests, plan: &Plan, diagnostics: &mut Diagnostics) {
    let mut names = BTreeSet::new();
    for case in &mut tests.cases {
        if !names.insert(case.name.value.clone()) {
            let message = format!("two cases are called `{}`", case.name.value);
            let found = Diagnostic::new(codes::BAD_VALUE, case.name.span, message);
            diagnostics.push(found.help("give each case a name of its own"));
        }
        Check { plan, diagnostics }.case(case);
    }
}

struct Check<'c> {
    plan: &'c Plan,
    diagnostics: &'c mut Diagnostics,
}

impl Check<'_> {
    fn case(&mut self, case: &mut GraphCase) {
        let mut seen = BTreeSet::new();
        for result in &mut case.results {
            self.result(result);
            let which = (node_of(&result.which), tool_of(&result.which), number(result.call.as_ref()));
            if !seen.insert(which) {
                let message = "another result stands for the same calls";
                let found = Diagnostic::new(codes::BAD_VALUE, result.span, message);
                self.diagnostics.push(found.help("remove one of them, or give each the `call` it is for"));
            }
        }
        let mut asked = BTreeSet::new();
        for answer in &case.answers {
            self.answer(answer);
            if !asked.insert((answer.node.value.clone(), number(answer.question.as_ref()))) {
                let message = "another answer stands for the same question";
                let found = Diagnostic::new(codes::BAD_VALUE, answer.span, message);
                self.diagnostics
                    .push(found.help("remove one of them, or give each the `question` it is for"));
            }
        }
        self.inputs(&case.given);
        self.expectations(&case.expect);
        self.error_kind(case);
    }

    /// Which inputs are missing or do not fit is said when the case is run, as it would be to a user.
    fn inputs(&mut self, names: &[Located<String>]) {
        let known: Vec<&str> = self.plan.inputs.iter().map(|input| input.name.as_str()).collect();
        for name in names {
            self.known(codes::UNKNOWN_INPUT, "input", name, &known);
        }
    }

    /// One that nothing fails with: neither the engine nor a `fail` node.
    fn error_kind(&mut self, case: &GraphCase) {
        let Some(kind) = case.expect.error.as_ref().and_then(|error| error.kind.as_ref()) else { return };
        let engine = ErrorKind::ANY.into_iter().chain(ErrorKind::BY_NAME).chain(ErrorKind::NEVER);
        let own = kinds::of_plan(self.plan);
        let known: Vec<String> = own.into_iter().chain(engine.map(|kind| kind.as_str().to_owned())).collect();
        if !known.contains(&kind.value) {
            let message = format!("nothing in this graph fails with the kind `{}`", kind.value);
            let found = Diagnostic::new(codes::UNKNOWN_ERROR_KIND, kind.span, message);
            self.diagnostics
                .push(found.maybe_help(suggestion(&kind.value, known.iter().map(String::as_str))));
        }
    }

    fn result(&mut self, result: &mut Scripted) {
        self.which(&result.which);
        if let ScriptedOutcome::Error { kind, .. } = &result.outcome {
            return self.scripted_kind(&self.tools(&result.which), kind);
        }
        let by_node = result.which.node.as_ref().and_then(|node| find(self.plan, &node.value));
        let tool = match (&result.which.tool, by_node) {
            (Some(tool), _) => tool.value,
            (None, Some(node)) if node.uses.is_tool() => node.uses,
            _ => return,
        };
        if let ScriptedOutcome::Asks(asked) = &result.outcome {
            return self.asks(tool, by_node, asked.span);
        }
        let promised = match tool {
            // what a server says is not the tool's to promise
            Uses::Mcp | Uses::Http => false,
            // a model's answer is judged by the node's own schema where it has one, when the case is played
            Uses::Llm => match by_node {
                Some(node) => answers_in_text(node),
                None => all_nodes(self.plan).into_iter().all(answers_in_text),
            },
            _ => true,
        };
        if let ScriptedOutcome::Output(output) = &mut result.outcome
            && promised
        {
            self.output(tool, output, result.written.as_ref());
        }
    }

    /// The tools of which the calls are that are meant; none where a name is wrong, which is told by itself.
    fn tools(&self, which: &Which) -> Vec<Uses> {
        if let Some(tool) = &which.tool {
            return vec![tool.value];
        }
        match which.node.as_ref().and_then(|node| find(self.plan, &node.value)) {
            None => Vec::new(),
            Some(node) => made_by(node),
        }
    }

    /// What none of the calls that are meant can fail with.
    fn scripted_kind(&mut self, tools: &[Uses], kind: &Located<String>) {
        let parsed = ErrorKind::parse(&kind.value);
        if tools.is_empty() || tools.iter().any(|tool| kinds::ends_call(*tool, &parsed)) {
            return;
        }
        let word = &kind.value;
        let engine = || ErrorKind::ANY.into_iter().chain(ErrorKind::BY_NAME).chain(ErrorKind::NEVER);
        let by_a_call: Vec<ErrorKind> =
            engine().filter(|kind| tools.iter().any(|tool| kinds::ends_call(*tool, kind))).collect();
        let near = suggestion(word, by_a_call.iter().map(ErrorKind::as_str));
        let (message, help) = match &parsed {
            ErrorKind::Custom(_) => (
                format!(
                    "no call fails with the kind `{word}`: an author's own kinds are those of `fail` nodes"
                ),
                near,
            ),
            ErrorKind::Exit => (
                format!(
                    "`{}` never fails with `exit`: only a command ends with an exit code",
                    tools[0].as_str()
                ),
                None,
            ),
            _ => (
                format!("no call ends with the kind `{word}`: the run itself decides that"),
                Some("script what the tool does, and let the run come to it".to_owned()),
            ),
        };
        let listed = || {
            let words: Vec<&str> = by_a_call.iter().map(ErrorKind::as_str).collect();
            format!("write one of `{}`", words.join("`, `"))
        };
        let found = Diagnostic::new(codes::BAD_VALUE, kind.span, message);
        self.diagnostics.push(found.help(help.unwrap_or_else(listed)));
    }

    /// Parameters that no call can have: they would never be met, and never be missed.
    fn parameters(&mut self, call: &ExpectedCall) {
        let (Some(input), tools) = (&call.input, self.tools(&call.which)) else { return };
        // what a model is asked is no longer what the node says
        if tools.is_empty() || tools.contains(&Uses::Llm) {
            return;
        }
        let of = |tool: &Uses| schema::part_faults(tool.as_str(), &input.value);
        let found: Vec<_> = tools.iter().map(|tool| (tool, of(tool))).collect();
        if found.iter().any(|(_, faults)| faults.is_empty()) {
            return;
        }
        // of several tools the one that it fits best
        let Some((tool, faults)) = found.into_iter().min_by_key(|(_, faults)| faults.len()) else { return };
        for fault in faults {
            let message = format!("no call of `{}` is like this: {fault}", tool.as_str());
            let place = call.written.as_ref().map_or(input.span, |written| schema::spot(written, &fault));
            let listed = || format!("`lgflow schema tool {}` says what it takes", tool.as_str());
            let found = Diagnostic::new(codes::BAD_VALUE, place, message);
            self.diagnostics.push(found.help(fault.help.unwrap_or_else(listed)));
        }
    }

    /// A model can ask for tools where its node has given it some.
    fn asks(&mut self, tool: Uses, by_node: Option<&PlanNode>, span: Span) {
        let has_tools = |node: &&PlanNode| match &node.action {
            Action::Llm(conversation) => !conversation.tools.is_empty(),
            _ => false,
        };
        let (message, help) = if tool != Uses::Llm {
            (format!("`{}` asks for no tools: a model does", tool.as_str()), "write `output`, or `tool: llm`")
        } else if !all_nodes(self.plan).iter().any(has_tools) || by_node.is_some_and(|node| !has_tools(&node))
        {
            let message = match by_node {
                Some(node) => format!("the model of `{}` is given no tools, and asks for none", node.id),
                None => "no model of this graph is given tools".to_owned(),
            };
            (message, "give the node `tools: […]`, or write what the model answers as `output`")
        } else {
            return;
        };
        self.diagnostics.push(Diagnostic::new(codes::BAD_VALUE, span, message).help(help));
    }

    /// What is left out has the empty value of its type; what is there is what the tool could give.
    fn output(&mut self, tool: Uses, output: &mut Located<Value>, written: Option<&Tree>) {
        let schema = schema::tool_output(tool.as_str()).and_then(|text| serde_json::from_str(text).ok());
        let Some(schema) = schema else { return };
        complete(&schema, &mut output.value);
        for fault in validate_value(&schema, &output.value) {
            let message = format!("`{}` never gives this: {fault}", tool.as_str());
            let place = written.map_or(output.span, |written| schema::spot(written, &fault));
            let found = Diagnostic::new(codes::BAD_VALUE, place, message);
            let listed = || format!("`lgflow schema tool {}` says what it gives", tool.as_str());
            self.diagnostics.push(found.help(fault.help.unwrap_or_else(listed)));
        }
    }

    fn answer(&mut self, answer: &ScriptedAnswer) {
        let Some(node) = self.node(&answer.node) else { return };
        let given = match &answer.reply {
            Reply::Given(given) => given,
            Reply::Late(span) => return self.late(&node, *span),
        };
        let Action::Approval { options, .. } = &node.action else { return };
        let known: Vec<&str> = if options.is_empty() {
            vec![APPROVE, "reject"]
        } else {
            options.iter().map(String::as_str).collect()
        };
        if !known.contains(&given.choice.value.as_str()) {
            let message = format!("`{}` is no choice of `{}`", given.choice.value, answer.node.value);
            let found = Diagnostic::new(codes::BAD_VALUE, given.choice.span, message);
            self.diagnostics.push(found.help(format!("choose one of `{}`", known.join("`, `"))));
        }
    }

    /// Time that passes for an answer ends nothing where there is no end to it.
    fn late(&mut self, node: &PlanNode, span: Span) {
        let (message, help) = match (&node.action, node.timeout) {
            (Action::Approval { .. }, Some(_)) => return,
            (Action::Approval { .. }, None) => (
                format!("`{}` waits for an answer as long as it takes: it has no `timeout`", node.id),
                "give the node a `timeout`, or leave the answer out: the run is then `suspended`",
            ),
            _ => (
                format!(
                    "the policy's question about `{}` is answered in any time: that is no part of `timeout`",
                    node.id
                ),
                "leave the answer out: the run is then `suspended`",
            ),
        };
        self.diagnostics.push(Diagnostic::new(codes::BAD_VALUE, span, message).help(help));
    }

    fn expectations(&mut self, expect: &Expectations) {
        let channels: Vec<&str> = self.plan.channels.iter().map(|channel| channel.name.as_str()).collect();
        let outputs: Vec<&str> = self.plan.outputs.iter().map(|output| output.name.as_str()).collect();
        for (name, _) in &expect.channels {
            self.known(codes::UNKNOWN_CHANNEL, "channel", name, &channels);
        }
        for (name, _) in &expect.outputs {
            self.known(codes::UNKNOWN_FIELD, "output", name, &outputs);
        }
        let nodes: Vec<&str> = self.plan.nodes.iter().map(|node| node.id.as_str()).collect();
        for name in
            expect.nodes.iter().map(|(name, _)| name).chain(expect.iterations.iter().map(|(name, _)| name))
        {
            self.known(codes::UNKNOWN_NODE, "node", name, &nodes);
        }
        for name in &expect.named {
            self.node(name);
        }
        if let Some(node) = expect.error.as_ref().and_then(|error| error.node.as_ref()) {
            self.node(node);
        }
        for call in expect.calls.iter().chain(&expect.never) {
            self.which(&call.which);
            self.parameters(call);
        }
        for denial in &expect.denied {
            self.which(&denial.which);
        }
    }

    fn known(&mut self, code: Code, what: &str, name: &Located<String>, known: &[&str]) {
        if !known.contains(&name.value.as_str()) {
            let message = format!("the graph has no {what} `{}`", name.value);
            let help = suggestion(&name.value, known.iter().copied());
            self.diagnostics.push(Diagnostic::new(code, name.span, message).maybe_help(help));
        }
    }

    fn which(&mut self, which: &Which) {
        let Some(name) = &which.node else { return };
        let Some(node) = self.node(name) else { return };
        if !node.uses.is_tool() && node.uses != Uses::Batch {
            let message = format!("`{}` makes no calls: it is `{}`", name.value, node.uses.as_str());
            let found = Diagnostic::new(codes::BAD_VALUE, name.span, message);
            let help = match &node.action {
                Action::Graph { .. } => format!("name a node inside: `{}/…`", name.value),
                Action::Approval { .. } => "script its answer under `answers`".to_owned(),
                _ => "remove it; the interpreter computes it".to_owned(),
            };
            self.diagnostics.push(found.help(help));
        } else if let Some(tool) = &which.tool
            && !made_by(&node).contains(&tool.value)
        {
            let message = format!("`{}` makes no calls of `{}`", name.value, tool.value.as_str());
            let found = Diagnostic::new(codes::BAD_VALUE, tool.span, message);
            self.diagnostics.push(found.help("remove `tool`, or correct it"));
        }
    }

    /// The node with this path; that there is none is reported.
    fn node(&mut self, name: &Located<String>) -> Option<PlanNode> {
        let found = find(self.plan, &name.value).cloned();
        if found.is_none() {
            let all = paths(self.plan, "");
            let message = format!("the graph has no node `{}`", name.value);
            let help = suggestion(&name.value, all.iter().map(String::as_str));
            self.diagnostics.push(Diagnostic::new(codes::UNKNOWN_NODE, name.span, message).maybe_help(help));
        }
        found
    }
}

/// The tools whose calls a node makes.
fn made_by(node: &PlanNode) -> Vec<Uses> {
    match &node.action {
        Action::Batch { tools, .. } => tools.clone(),
        Action::Llm(conversation) => {
            std::iter::once(Uses::Llm).chain(conversation.tools.iter().copied()).collect()
        }
        _ if node.uses.is_tool() => vec![node.uses],
        _ => Vec::new(),
    }
}

fn node_of(which: &Which) -> Option<String> {
    which.node.as_ref().map(|node| node.value.clone())
}

fn tool_of(which: &Which) -> Option<&'static str> {
    which.tool.as_ref().map(|tool| tool.value.as_str())
}

fn number(of: Option<&Located<u32>>) -> Option<u32> {
    of.map(|number| number.value)
}

/// `outer/inner`: a node inside of the subgraph of another one.
fn find<'p>(plan: &'p Plan, path: &str) -> Option<&'p PlanNode> {
    match path.split_once('/') {
        None => plan.find(path).map(|at| plan.node(at)),
        Some((outer, inner)) => match &plan.node(plan.find(outer)?).action {
            Action::Graph { plan, .. } => find(plan, inner),
            _ => None,
        },
    }
}

/// Does a model answer here in a text, and in nothing of a schema?
fn answers_in_text(node: &PlanNode) -> bool {
    !matches!(&node.action, Action::Llm(conversation) if conversation.output_schema.is_some())
}

fn all_nodes(plan: &Plan) -> Vec<&PlanNode> {
    let mut nodes: Vec<&PlanNode> = plan.nodes.iter().collect();
    for node in &plan.nodes {
        if let Action::Graph { plan, .. } = &node.action {
            nodes.extend(all_nodes(plan));
        }
    }
    nodes
}

fn paths(plan: &Plan, before: &str) -> Vec<String> {
    let of = |node: &PlanNode| {
        let path = format!("{before}{}", node.id);
        let inside = match &node.action {
            Action::Graph { plan, .. } => paths(plan, &format!("{path}/")),
            _ => Vec::new(),
        };
        std::iter::once(path).chain(inside).collect::<Vec<_>>()
    };
    plan.nodes.iter().flat_map(of).collect()
}

/// Adds what an object must have and does not: the empty value of its type.
fn complete(schema: &Value, value: &mut Value) {
    let Some(object) = value.as_object_mut() else { return };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if !object.contains_key(name) {
            object.insert(name.to_owned(), empty(&schema["properties"][name]));
        }
    }
}

fn empty(schema: &Value) -> Value {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if types.contains(&"null") {
        return Value::Null;
    }
    if let Some(first) = schema["enum"].as_array().and_then(|words| words.first()) {
        return first.clone();
    }
    let is_digest = schema["pattern"].as_str().is_some_and(|pattern| pattern.contains("sha256:"));
    match types.first() {
        Some(&"string") if is_digest => json!(Digest::of(b"").to_string()),
        Some(&"string") => json!(""),
        Some(&"integer" | &"number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(0)),
        Some(&"boolean") => json!(false),
        Some(&"array") => json!([]),
        Some(&"object") => {
            let mut object = json!({});
            complete(schema, &mut object);
            object
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_is_left_out_altogether_is_one_that_its_tool_could_give() {
        for tool in Uses::ALL.into_iter().filter(|uses| uses.is_tool()) {
            let schema: Value = serde_json::from_str(schema::tool_output(tool.as_str()).unwrap()).unwrap();
            let mut output = json!({});
            complete(&schema, &mut output);
            let faults = validate_value(&schema, &output);
            assert!(faults.is_empty(), "{}: {}: {output}", tool.as_str(), faults[0]);
        }
    }
}
