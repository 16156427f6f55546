//! A value at the place that takes it: what it is made from, and whether it fits.

use crate::compile::draft::Draft;
use crate::diag::{Code, Diagnostics, codes};
use crate::expr::{Doubt, Expression, Finding, Subject, ValueTemplate};
use crate::model::Uses;
use crate::plan::{Plan, PlanChannel};
use crate::source::Span;
use crate::types::{Misfit, Step, Type, misfit};

use super::places::{Facts, Place, Places};
use super::{report, writes};

/// What an expression gives.
pub(super) struct Given {
    pub(super) ty: Type,
    /// The value that it does nothing but name.
    pub(super) subject: Option<Subject>,
}

/// What takes a value.
pub(super) struct Receiver {
    code: Code,
    /// In words.
    what: String,
    /// Where it is declared.
    declared: Option<Span>,
    /// The parts that the value stands in.
    path: Vec<Step>,
}

impl Receiver {
    pub(super) fn parameter(uses: Uses, name: Option<&str>) -> Self {
        let path = name.map(|name| Step::Field(name.to_owned()));
        let what = format!("`{}`", uses.as_str());
        Self { code: codes::WRONG_TYPE, what, declared: None, path: path.into_iter().collect() }
    }

    pub(super) fn graph(plan: &Plan) -> Self {
        let what = format!("the graph `{}`", plan.name);
        Self { code: codes::WRONG_INPUT, what, declared: None, path: Vec::new() }
    }

    /// The prompts of a node, which see what it is given as `vars`.
    pub(super) fn prompts() -> Self {
        Self {
            code: codes::UNKNOWN_VARIABLE,
            what: "the prompt".to_owned(),
            declared: None,
            path: Vec::new(),
        }
    }

    pub(super) fn channel(draft: &Draft<'_>, channel: &PlanChannel) -> Self {
        let declared = draft.graph.state.iter().find(|known| known.name.value == channel.name);
        Self {
            code: codes::WRONG_WRITE,
            what: format!("the channel `{}` (`{}`)", channel.name, reduce(channel)),
            declared: declared.map(|channel| channel.name.span),
            path: Vec::new(),
        }
    }

    pub(super) fn output(name: &str) -> Self {
        Self {
            code: codes::MAY_BE_NULL,
            what: format!("the output `{name}`"),
            declared: None,
            path: Vec::new(),
        }
    }

    pub(super) fn items(node: &str) -> Self {
        Self {
            code: codes::WRONG_OPERAND,
            what: format!("`for_each` of `{node}`"),
            declared: None,
            path: Vec::new(),
        }
    }

    fn within(&self, step: Step) -> Self {
        let path = self.path.iter().cloned().chain([step]).collect();
        Self { code: self.code, what: self.what.clone(), declared: self.declared, path }
    }

    /// What it is called in a message.
    fn name(&self) -> String {
        if self.path.is_empty() {
            return self.what.clone();
        }
        let path = report::spelled(&self.path);
        match self.code {
            codes::WRONG_TYPE => format!("the parameter `{path}` of {}", self.what),
            codes::WRONG_INPUT => format!("the input `{path}` of {}", self.what),
            _ => format!("`{path}` of {}", self.what),
        }
    }
}

fn reduce(channel: &PlanChannel) -> &'static str {
    use crate::model::Reduce;
    match channel.reduce {
        Reduce::Replace => "replace",
        Reduce::Append => "append",
        Reduce::Extend => "extend",
        Reduce::Merge => "merge",
        Reduce::Sum => "sum",
    }
}

impl Places<'_, '_> {
    /// The type of a value; what of it does not fit is reported, but for literals, which are judged by the schema.
    pub(super) fn value(
        &self,
        place: Place,
        facts: &Facts,
        value: &ValueTemplate,
        wanted: &Type,
        receiver: &Receiver,
        diagnostics: &mut Diagnostics,
    ) -> Type {
        match value {
            ValueTemplate::Literal(value) => Type::of_value(value),
            ValueTemplate::Expression(expression) => {
                let given = self.expression(place, facts, expression, diagnostics);
                self.fits(place, facts, expression, &given, wanted, receiver, diagnostics);
                given.ty
            }
            ValueTemplate::Text(text) => {
                report::not_before(self, place, text.references(), diagnostics);
                let inferred = self.judged(place, facts, text.roots(), &|known| text.infer(known));
                let whole = text.is_plain() && inferred.is_whole();
                self.notice(place, whole && !writes::may_overflow(self, text.roots()));
                report::findings(self, place, facts, text.span(), inferred.findings, diagnostics);
                if let Some(Misfit::Stranger(..)) = misfit(&Type::TEXT, wanted) {
                    let message = format!("this is a text, and {} takes {wanted}", receiver.name());
                    let help = "write one `{{ … }}` and nothing around it for its own value".to_owned();
                    let finding = fault(receiver.code, text.span(), message, Some(help));
                    diagnostics.push(report::finding(self, finding, receiver.declared));
                }
                Type::TEXT
            }
            ValueTemplate::List(items) => {
                let item = if wanted.is_any() { Type::ANY } else { wanted.item() };
                let items = items.iter().enumerate().map(|(at, value)| {
                    let receiver = receiver.within(Step::item(at));
                    self.value(place, facts, value, &item, &receiver, diagnostics)
                });
                Type::tuple(items.collect())
            }
            ValueTemplate::Object(fields) => {
                let fields: Vec<(&str, Type)> = fields
                    .iter()
                    .map(|(name, value)| {
                        let wanted = wanted.field(name).map_or(Type::ANY, |field| field.ty);
                        let receiver = receiver.within(Step::Field(name.clone()));
                        (name.as_str(), self.value(place, facts, value, &wanted, &receiver, diagnostics))
                    })
                    .collect();
                Type::record(fields)
            }
        }
    }

    /// Reports what an expression gives and its receiver does not take.
    #[expect(clippy::too_many_arguments, reason = "a place, a value, and what takes it")]
    pub(super) fn fits(
        &self,
        place: Place,
        facts: &Facts,
        expression: &Expression,
        given: &Given,
        wanted: &Type,
        receiver: &Receiver,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(found) = misfit(&given.ty, wanted) else { return };
        let shown = report::excerpt(expression.source());
        let part = |path: &[Step]| match path {
            [] => format!("`{shown}`"),
            path => format!("`{}` of `{shown}`", report::spelled(path)),
        };
        let name = receiver.name();
        let (code, message, help, doubted) = match &found {
            Misfit::Stranger(path, given, wanted) => {
                let message = format!("{} is {given}, and {name} takes {wanted}", part(path));
                let code =
                    if receiver.code == codes::UNKNOWN_VARIABLE { codes::WRONG_TYPE } else { receiver.code };
                (code, message, report::conversion(given, wanted), None)
            }
            Misfit::Null(path, wanted) => {
                let takes = if wanted.without(crate::types::Kind::Null).kinds().count() > 4 {
                    "a value".to_owned()
                } else {
                    wanted.to_string()
                };
                let message = format!("{} may be null, and {name} takes {takes}", part(path));
                let help = format!("write `{shown} if {shown} is not none else …`");
                (codes::MAY_BE_NULL, message, Some(help), Some((path, false)))
            }
            Misfit::Missing(path) => {
                let message = format!("`{shown}` may lack `{}`, which {name} needs", report::spelled(path));
                (receiver.code, message, None, Some((path, true)))
            }
            Misfit::Extra(path) => {
                let message =
                    format!("`{shown}` has `{}`, which {name} does not take", report::spelled(path));
                (receiver.code, message, None, None)
            }
        };
        let doubt = doubted.zip(given.subject.as_ref()).map(|((path, missing), subject)| {
            let path = subject.path.iter().chain(path).cloned().collect();
            Doubt { subjects: vec![Subject { root: subject.root.clone(), path }], missing }
        });
        let about = expression.roots().to_vec();
        let finding = Finding { about, ..fault(code, expression.span(), message, help) };
        let told = || report::finding(self, finding, receiver.declared);
        match doubt {
            Some(doubt) => self.report_doubt(place, facts, &doubt, told, diagnostics),
            None => diagnostics.push(told()),
        }
    }
}

fn fault(code: Code, span: Span, message: String, help: Option<String>) -> Finding {
    Finding { code, span, message, help, about: Vec::new(), doubt: None, decided: false }
}
