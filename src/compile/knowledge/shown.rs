//! `show: { call: NODE }`: can the call be shown before it is made, and will it be the one that is made then?

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::effect::APPROVE;
use crate::expr::{Root, ValueTemplate};
use crate::plan::{Action, NodeIx, PlanNode};
use crate::source::Span;

use super::places::{Place, Places};
use super::search::{leads, may_see};

pub(super) fn check(places: &Places<'_, '_>, diagnostics: &mut Diagnostics) {
    for (at, node) in (0..).map(NodeIx).zip(&places.plan.nodes) {
        let Action::Approval { show, .. } = &node.action else { continue };
        let Some(name) = shown(show) else { continue };
        let Some(&of) = places.index.get(name.as_str()) else { continue };
        let Some((why, help)) = undecided(node).or_else(|| Shown { places, at, of }.trouble()) else {
            continue;
        };
        let message = format!("the call of `{name}` can't be shown to `{}`: {why}", node.id);
        let found = Diagnostic::new(codes::SHOWN_CALL, span(places, at), message);
        let declared = places.draft.nodes[of.0 as usize].node.id.span;
        diagnostics.push(found.label(declared, format!("`{name}`")).help(help));
    }
}

/// Which of the options approves the call has to be said.
fn undecided(asks: &PlanNode) -> Option<(String, String)> {
    let Action::Approval { options, .. } = &asks.action else { return None };
    if options.is_empty() || options.iter().any(|option| option == APPROVE) {
        return None;
    }
    let why = format!("none of its options is `{APPROVE}`, the one that approves the call");
    let help = format!(
        "call the option that approves it `{APPROVE}`, or write what is to be approved as a text; without options a \
         person approves or rejects"
    );
    Some((why, help))
}

/// The node whose call is shown.
fn shown(show: &ValueTemplate) -> Option<String> {
    match show {
        ValueTemplate::Literal(show) => show.get("call")?.as_str().map(str::to_owned),
        ValueTemplate::Object(entries) => match entries.iter().find(|(name, _)| name == "call")? {
            (_, ValueTemplate::Literal(name)) => name.as_str().map(str::to_owned),
            _ => None,
        },
        ValueTemplate::Expression(_) | ValueTemplate::Text(_) | ValueTemplate::List(_) => None,
    }
}

fn span(places: &Places<'_, '_>, at: NodeIx) -> Span {
    let node = &places.draft.nodes[at.0 as usize];
    let call = node.parameter("show").and_then(|field| field.value.get("call"));
    call.map_or(node.node.id.span, |call| call.span)
}

/// An approval and the node whose call it shows.
struct Shown<'s, 'a, 'd> {
    places: &'s Places<'a, 'd>,
    at: NodeIx,
    of: NodeIx,
}

impl Shown<'_, '_, '_> {
    /// Why not, and what helps.
    fn trouble(&self) -> Option<(String, String)> {
        let plan = self.places.plan;
        let (asks, makes) = (plan.node(self.at), plan.node(self.of));
        let (asks_id, id) = (&asks.id, &makes.id);
        let Action::Call { with } = &makes.action else {
            let why = format!("as a node of `{}` it makes no single call of its own", makes.uses.as_str());
            let help =
                "name a node that makes one call, or write what is to be approved as a text".to_owned();
            return Some((why, help));
        };
        if makes.for_each.is_some() {
            let why = "it makes one for each item".to_owned();
            return Some((why, "remove `for_each`, or write what is to be approved as a text".to_owned()));
        }
        if !self.places.flow.follows(self.of, self.at) {
            let why = format!(
                "it does not wait for the answer: not every way to `{id}` leads past the success of `{asks_id}`"
            );
            return Some((why, format!("lead to `{id}` from `{asks_id}` alone: `{asks_id} -> {id}`")));
        }
        if makes.loops != asks.loops {
            let why = format!(
                "`{asks_id}` and `{id}` are not in the same loops, so that what it shows is one call of several"
            );
            return Some((why, format!("move `{asks_id}` to where `{id}` is")));
        }
        self.unknown_then(with)
    }

    /// Something that the call is made of, and that is not known yet when the question is asked.
    fn unknown_then(&self, with: &ValueTemplate) -> Option<(String, String)> {
        let plan = self.places.plan;
        let asks_id = &plan.node(self.at).id;
        for root in with.roots() {
            match root {
                Root::Node(name) => {
                    let node = *self.places.index.get(name.as_str())?;
                    if node == self.at || self.places.outcomes(Place::Node(self.at), node).is_none() {
                        let why = format!("it reads `nodes.{name}`, which is not there before the answer");
                        let help = format!("read what is there before `{asks_id}`, or show something else");
                        return Some((why, help));
                    }
                }
                Root::Channel(name) => {
                    if let Some(writer) = self.written_between(name) {
                        let why = format!(
                            "it reads `state.{name}`, which `{writer}` writes after the question is asked"
                        );
                        return Some((
                            why,
                            format!("write the channel before `{asks_id}`, or show something else"),
                        ));
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn written_between(&self, channel: &str) -> Option<String> {
        let plan = self.places.plan;
        let writes = |at: NodeIx| {
            let mut written = plan.node(at).update.iter().map(|(to, _)| &plan.channels[to.0 as usize].name);
            written.any(|name| name.as_str() == channel)
        };
        let (first, last) = (plan.rank[self.at.0 as usize], plan.rank[self.of.0 as usize]);
        let mut between = plan.order[first as usize..last as usize].iter().copied();
        let found = between.find(|node| {
            let later = *node == self.at
                || leads(plan, self.at, *node) != Some(false)
                || leads(plan, *node, self.at) == Some(false);
            writes(*node) && later && may_see(plan, self.of, *node)
        });
        found.map(|node| plan.node(node).id.to_string())
    }
}
