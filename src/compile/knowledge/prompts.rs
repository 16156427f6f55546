//! Prompts, each judged for every node that uses it. What only says that something is decided there is no fault where another
//! use decides it otherwise: a template may be written for several ways.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::{Finding, Readable, Root, Template, ValueTemplate};
use crate::plan::NodeIx;
use crate::source::Span;
use crate::types::{Field, Objects, Type};

use super::places::{Place, Places};
use super::report::SIDES;

/// Bytes of prompts that are judged, each node that uses one counted: beyond, they are left to the run.
const TEXT: usize = 16 << 20;

/// What has been judged so far.
#[derive(Debug)]
pub(super) struct Prompts {
    /// How much text may still be judged.
    left: usize,
    by_text: BTreeMap<*const Template, Judged>,
    /// What is a fault only where each use says so: by its place, what it is, and its text; in how many uses it was found.
    decided: BTreeMap<(Span, Code, *const Template), (usize, Diagnostic)>,
}

/// The uses of one prompt.
#[derive(Debug, Default)]
struct Judged {
    /// The variables that it was last judged for, as they are and as they are declared.
    last: Option<(Type, Type)>,
    /// Has all of it a value then?
    steady: bool,
    times: usize,
    /// Some uses were left to the run.
    left_out: bool,
}

impl Default for Prompts {
    fn default() -> Self {
        Self { left: TEXT, by_text: BTreeMap::new(), decided: BTreeMap::new() }
    }
}

impl Prompts {
    /// Is a prompt to be judged for these variables? Once for the same ones.
    fn is_new(&mut self, prompt: &Arc<Template>, vars: (&Type, &Type)) -> bool {
        let judged = self.by_text.entry(Arc::as_ptr(prompt)).or_default();
        if judged.last.as_ref().is_some_and(|(ty, declared)| (ty, declared) == vars) {
            return false;
        }
        let Some(left) = self.left.checked_sub(prompt.source().len()) else {
            judged.left_out = true;
            return false;
        };
        self.left = left;
        judged.last = Some((vars.0.clone(), vars.1.clone()));
        judged.times += 1;
        true
    }

    /// What is decided in every use.
    pub(super) fn report(&mut self, diagnostics: &mut Diagnostics) {
        for ((.., text), (times, found)) in std::mem::take(&mut self.decided) {
            if self.by_text.get(&text).is_some_and(|judged| judged.times == times && !judged.left_out) {
                diagnostics.push(found);
            }
        }
    }
}

/// A prompt, by the types of its variables; `value` is what they are made of.
pub(super) fn check(
    places: &Places<'_, '_>,
    at: NodeIx,
    prompt: &Arc<Template>,
    vars: &Type,
    value: &ValueTemplate,
    diagnostics: &mut Diagnostics,
) {
    let mut prompts = places.prompts.borrow_mut();
    let declared = as_declared(value, vars);
    if !prompts.is_new(prompt, (vars, &declared)) {
        let steady = prompts.by_text.get(&Arc::as_ptr(prompt)).is_none_or(|judged| judged.steady);
        return places.notice(Place::Node(at), steady);
    }
    let inferred = prompt.infer_declared(&mut variables(vars), &mut variables(&declared));
    let fails = |finding: &Finding| !finding.decided;
    let whole = !inferred.findings.iter().any(fails) && !inferred.open.missing && !inferred.open.kind;
    let steady = prompt.is_plain() && whole;
    if let Some(judged) = prompts.by_text.get_mut(&Arc::as_ptr(prompt)) {
        judged.steady = steady;
    }
    places.notice(Place::Node(at), steady);
    // what is wrong with a guard guards nothing
    let sure = prompt.readable() == Readable::Wholly;
    let mut counted = BTreeSet::new();
    for finding in inferred.findings.into_iter().filter(|finding| sure || finding.doubt.is_none()) {
        let (decided, code, span) = (finding.decided, finding.code, finding.span);
        let found = told(places, at, finding);
        if decided {
            let key = (span, code, Arc::as_ptr(prompt));
            let once = usize::from(counted.insert(key));
            prompts.decided.entry(key).or_insert((0, found)).0 += once;
        } else {
            diagnostics.push(found);
        }
    }
}

fn variables(vars: &Type) -> impl FnMut(&Root) -> Field + '_ {
    |root| match (root, &vars.objects) {
        (Root::Local(name), Objects::Of(_)) => vars.field(name).unwrap_or(Field::ANY),
        _ => Field::ANY,
    }
}

/// What is written down once is there to be changed: it has the type of its kind.
fn as_declared(value: &ValueTemplate, ty: &Type) -> Type {
    match value {
        ValueTemplate::Literal(_) => ty.widened(),
        ValueTemplate::Object(entries) => {
            let field = |name: &str| ty.field(name).map_or(Type::ANY, |field| field.ty);
            Type::record(entries.iter().map(|(name, value)| (&**name, as_declared(value, &field(name)))))
        }
        ValueTemplate::Expression(_) | ValueTemplate::Text(_) | ValueTemplate::List(_) => ty.clone(),
    }
}

/// A finding, with what the node gives.
fn told(places: &Places<'_, '_>, at: NodeIx, finding: Finding) -> Diagnostic {
    let node = &places.draft.nodes[at.0 as usize];
    let given = node.parameter("vars").map(|field| &field.value);
    let names = finding.about.iter().filter_map(|root| match root {
        Root::Local(name) => Some(name.as_str()),
        _ => None,
    });
    let sides = names.filter_map(|name| Some((given?.get(name)?.span, name))).take(SIDES);
    let mut found = Diagnostic::new(finding.code, finding.span, finding.message).maybe_help(finding.help);
    for (span, name) in sides {
        found = found.label(span, format!("`{}` gives `{name}` here", node.id()));
    }
    found
}
