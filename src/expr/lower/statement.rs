//! Templates: text, `{{ … }}`, and the statements `for`, `if` and `set`.

use minijinja::machinery::ast::{Expr, ForLoop, IfCond, Set, Stmt};

use crate::diag::codes;
use crate::expr::ir::{At, For, Kind, Node, Step};

use super::context::Scope;
use super::{Lowering, Names};

/// Names that a template may not make its own.
const ROOTS: &[&str] =
    &["inputs", "nodes", "state", "loops", "run", "output", "error", "null", "loop", "first_of", "range"];

/// Filters whose result is a list or an object.
const MAKE_LISTS: &[&str] = &[
    "flatten", "groupby", "items", "keys", "lines", "map", "product", "reverse", "sort", "split", "unique",
    "values", "zip",
];

impl<'s> Lowering<'s> {
    pub(in crate::expr) fn template(&mut self, stmt: &Stmt<'s>) -> Vec<Step> {
        match stmt {
            Stmt::Template(template) => self.steps(&template.children),
            other => self.steps(std::slice::from_ref(other)),
        }
    }

    fn steps(&mut self, stmts: &[Stmt<'s>]) -> Vec<Step> {
        stmts.iter().filter_map(|stmt| self.step(stmt)).collect()
    }

    fn step(&mut self, stmt: &Stmt<'s>) -> Option<Step> {
        match stmt {
            Stmt::EmitRaw(raw) => Some(Step::Text(raw.raw.into())),
            Stmt::EmitExpr(emit) => {
                let node = self.expression(&emit.expr);
                self.check_text(&node);
                Some(Step::Emit(node))
            }
            Stmt::ForLoop(repeat) => self.repeat(repeat),
            Stmt::IfCond(condition) => Some(self.condition_step(condition)),
            Stmt::Set(set) => self.set(set),
            // The scan has refused these by their keyword, but for `{% set x %}…{% endset %}`, whose end it refuses.
            Stmt::Template(_)
            | Stmt::WithBlock(_)
            | Stmt::SetBlock(_)
            | Stmt::AutoEscape(_)
            | Stmt::FilterBlock(_)
            | Stmt::Do(_) => {
                let at = At::new(0, self.source.len());
                self.fault(
                    codes::TEMPLATE_STATEMENT,
                    at,
                    "templates have no such statement",
                    "use `for`, `if` or `set`",
                );
                None
            }
        }
    }

    /// A list, an object or null in a text is a mistake that shows before the run, where it is written so.
    fn check_text(&mut self, node: &Node) {
        let (what, help) = match &node.kind {
            Kind::List(_) | Kind::Slice(..) | Kind::Range(_) | Kind::Each(..) | Kind::Keep(_) => {
                if matches!(node.kind, Kind::Slice(..)) {
                    return;
                }
                ("a list", "write `… | join(', ')` or `… | tojson`")
            }
            Kind::Filter(filter, ..) if MAKE_LISTS.contains(&filter.name) && filter.name != "reverse" => {
                ("a list", "write `… | join(', ')` or `… | tojson`")
            }
            Kind::Object(_) => ("an object", "write `… | tojson`"),
            Kind::Const(serde_json::Value::Null) => ("null", "remove it"),
            _ => return,
        };
        self.fault(codes::NOT_TEXT, node.at, format!("{what} can't become a part of a text"), help);
    }

    fn condition_step(&mut self, condition: &IfCond<'s>) -> Step {
        let mut branches = Vec::new();
        let mut present = condition;
        self.conditions(1);
        let otherwise = loop {
            let test = self.expression(&present.expr);
            let body = self.steps(&present.true_body);
            branches.push((test, body));
            match &present.false_body[..] {
                [Stmt::IfCond(next)] => present = next,
                rest => break self.steps(rest),
            }
        };
        self.conditions(-1);
        Step::If(branches, otherwise)
    }

    fn conditions(&mut self, by: isize) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.conditions = scope.conditions.saturating_add_signed(by);
        }
    }

    fn repeat(&mut self, repeat: &ForLoop<'s>) -> Option<Step> {
        let list = self.expression(&repeat.iter);
        if repeat.recursive {
            let message = "a `for` can't call itself";
            self.fault(codes::TEMPLATE_STATEMENT, list.at, message, "remove `recursive`");
        }
        let turn = self.frame.loops;
        self.frame.loops += 1;
        self.scopes.push(Scope::default());
        let targets = self.targets(&repeat.target);
        // `loop` counts the items that are left, so the condition does not see it.
        let condition = repeat.filter_expr.as_ref().map(|expr| self.expression(expr));
        if let Some(scope) = self.scopes.last_mut() {
            scope.turn = Some(turn);
        }
        let body = self.steps(&repeat.body);
        self.scopes.pop();
        self.conditions(1);
        let otherwise = self.steps(&repeat.else_body);
        self.conditions(-1);
        Some(Step::For(Box::new(For { list, targets: targets?, condition, frame: turn, body, otherwise })))
    }

    fn targets(&mut self, target: &Expr<'s>) -> Option<Vec<usize>> {
        match target {
            Expr::Var(var) => Some(vec![self.target(var.id)]),
            Expr::List(list) => list
                .items
                .iter()
                .map(|item| if let Expr::Var(var) = item { Some(self.target(var.id)) } else { None })
                .collect(),
            _ => None,
        }
    }

    fn target(&mut self, name: &'s str) -> usize {
        // a name that is taken is known from here on all the same: what reads it is not to blame as well
        self.check_free(name);
        self.new_local(name)
    }

    fn check_free(&mut self, name: &'s str) {
        let taken = match self.names {
            Names::Graph => ROOTS.contains(&name),
            Names::Prompt => matches!(name, "null" | "loop" | "first_of" | "range"),
        };
        if taken {
            let at = self.at_name(name);
            let message = format!("`{name}` is a word of the language, and no name for a variable");
            self.fault(codes::RESERVED_NAME, at, message, "choose another name");
        }
    }

    fn set(&mut self, set: &Set<'s>) -> Option<Step> {
        let value = self.expression(&set.expr);
        let Expr::Var(var) = &set.target else {
            let at = At { start: value.at.start, end: value.at.end };
            self.fault(
                codes::SET_SCOPE,
                at,
                "`set` gives one variable its value",
                "write one `set` for each variable",
            );
            return None;
        };
        let name = var.id;
        self.check_free(name);
        let place = self.set_place(name)?;
        Some(Step::Set(place, value))
    }

    /// Where a `set` writes. A variable belongs to the template or to one turn of a `for`; a `set` that would
    /// be forgotten, or that may not have happened when the variable is read, is refused.
    fn set_place(&mut self, name: &'s str) -> Option<usize> {
        let at = self.at_name(name);
        let scope = self.scopes.last()?;
        let conditional = scope.conditions > 0;
        if let Some(&(_, place)) = scope.names.iter().rev().find(|(known, _)| *known == name) {
            return Some(place);
        }
        if self.find_local(name).is_some() {
            let message = format!(
                "`{name}` belongs to what is around this `for`, and would be forgotten after this turn"
            );
            self.fault(codes::SET_SCOPE, at, message, "give it another name, or compute it with filters");
            return None;
        }
        if conditional {
            let message = format!("`{name}` would have no value where this branch is not taken");
            self.fault(
                codes::SET_SCOPE,
                at,
                message,
                format!("write `{{% set {name} = … %}}` before the statement around"),
            );
            // known from here on: what reads it is not to blame as well
        }
        Some(self.new_local(name))
    }
}
