//! Which commands' patches are looked at by nothing: what such a command would change is never applied. Says nothing of
//! what a command does.

use crate::expr::{Expression, Reference, Root, Segment, ValueTemplate};

use super::{Action, NodeIx, Plan, PlanNode};

impl Plan {
    /// Does anything in this graph look at the `patch` of a node's output, or at the output as a whole?
    pub fn takes_patch(&self, at: NodeIx) -> bool {
        let id = self.node(at).id.as_str();
        let by_name = |reference: &&Reference| match &reference.root {
            Root::Node(name) if name == id => is_patch(&reference.path),
            _ => false,
        };
        // in its own `update` and edges, where it is `output`
        let own = |reference: &&Reference| match &reference.root {
            Root::Output => is_patch_of_output(&reference.path),
            _ => by_name(reference),
        };
        let node = self.node(at);
        let update = node.update.iter().flat_map(|(_, value)| value.references());
        let edges = node.outgoing.iter().filter_map(|&edge| self.edge(edge).when.as_ref());
        update.chain(edges.flat_map(Expression::references)).any(|reference| own(&reference))
            || self.references().any(|reference| by_name(&reference))
    }

    /// Every reference of the graph; what a prompt sees are its `vars`.
    fn references(&self) -> impl Iterator<Item = &Reference> {
        let of_nodes = self.nodes.iter().flat_map(references_of);
        let of_edges = self.edges.iter().filter_map(|edge| edge.when.as_ref());
        let of_outputs = self.outputs.iter().flat_map(|output| output.value.references());
        of_nodes.chain(of_edges.flat_map(Expression::references)).chain(of_outputs)
    }
}

fn references_of(node: &PlanNode) -> impl Iterator<Item = &Reference> {
    let conditions = node.skip_when.iter().chain(node.for_each.iter().map(|each| &each.items));
    let update = node.update.iter().map(|(_, value)| value);
    let values = std::iter::once(given(&node.action)).chain(update);
    conditions.flat_map(Expression::references).chain(values.flat_map(ValueTemplate::references))
}

/// What a node is given.
fn given(action: &Action) -> &ValueTemplate {
    match action {
        Action::Call { with } => with,
        Action::Llm(conversation) => &conversation.vars,
        Action::Batch { calls, .. } => calls,
        Action::Graph { inputs, .. } => inputs,
        Action::Approval { show, .. } => show,
        Action::Render(rendered) => &rendered.vars,
        Action::Values(values) | Action::ParseReport(values) => values,
        Action::Fail { message, .. } => message,
    }
}

/// Behind `nodes.ID`: its output, and of that the patch or all.
fn is_patch(path: &[Segment]) -> bool {
    match path.split_first() {
        None => true,
        Some((Segment::Field(name, _), rest)) => name == "output" && is_patch_of_output(rest),
        Some(_) => false,
    }
}

/// Of a `for_each` the output is a list: an item comes before the name.
fn is_patch_of_output(path: &[Segment]) -> bool {
    let named = path.iter().find_map(|segment| match segment {
        Segment::Field(name, _) => Some(name.as_str()),
        Segment::Index(..) | Segment::Computed(_) => None,
    });
    named.is_none_or(|name| name == "patch")
}
