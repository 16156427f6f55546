//! Names and the steps behind them: `nodes.plan.output.steps[0]`.

use minijinja::machinery::ast::Expr;
use serde_json::Value;

use crate::diag::{codes, suggestion};
use crate::expr::ir::{At, Kind, LoopField, Node};
use crate::expr::scan::at;
use crate::expr::{Reference, Root, Segment};

use super::{Lowering, Names};

/// A step as the parser gives it.
struct Step<'t, 's> {
    key: Key<'t, 's>,
    /// Where the expression up to it ends.
    end: u32,
}

enum Key<'t, 's> {
    Name(&'s str),
    Item(&'t Expr<'s>),
}

/// Takes the steps apart, the first one first.
fn take_apart<'t, 's>(lowering: &Lowering<'s>, expr: &'t Expr<'s>) -> (&'t Expr<'s>, Vec<Step<'t, 's>>) {
    let mut steps = Vec::new();
    let mut base = expr;
    loop {
        match base {
            Expr::GetAttr(attr) => {
                steps.push(Step { key: Key::Name(attr.name), end: lowering.at_name(attr.name).end });
                base = &attr.expr;
            }
            Expr::GetItem(item) => {
                steps.push(Step { key: Key::Item(&item.subscript_expr), end: at(item.span()).end });
                base = &item.expr;
            }
            _ => break,
        }
    }
    steps.reverse();
    (base, steps)
}

impl<'s> Lowering<'s> {
    /// A name with its steps, or any other expression with steps.
    pub(super) fn path(&mut self, expr: &Expr<'s>) -> Node {
        let (base, steps) = take_apart(self, expr);
        let Expr::Var(var) = base else {
            let node = self.expression(base);
            return self.walk(node, &steps);
        };
        let (name, name_at) = (var.id, self.at_name(var.id));
        if let Some(place) = self.find_local(name) {
            return self.walk(Node { at: name_at, kind: Kind::Local(place) }, &steps);
        }
        match (name, self.names) {
            ("null", _) => self.walk(Node { at: name_at, kind: Kind::Const(Value::Null) }, &steps),
            ("loop", _) => self.loop_field(name_at, &steps),
            (_, Names::Prompt) => self.root(Root::Local(name.to_owned()), name_at, name_at, &steps),
            ("inputs", _) => self.named(Root::Input, "inputs", name_at, &steps),
            ("nodes", _) => self.named(Root::Node, "nodes", name_at, &steps),
            ("state", _) => self.named(Root::Channel, "state", name_at, &steps),
            ("loops", _) => self.named(Root::Loop, "loops", name_at, &steps),
            ("run", _) => self.root(Root::Run, name_at, name_at, &steps),
            ("output" | "error", _) if self.own.is_some() => self.own_part(name, name_at, &steps),
            ("output", _) => self.root(Root::Output, name_at, name_at, &steps),
            ("error", _) => self.root(Root::Error, name_at, name_at, &steps),
            (_, Names::Graph) => self.root(Root::Local(name.to_owned()), name_at, name_at, &steps),
        }
    }

    /// `nodes.NAME`, with a literal name: so what an expression needs is known before it is evaluated.
    fn named(&mut self, make: fn(String) -> Root, word: &str, word_at: At, steps: &[Step<'_, 's>]) -> Node {
        let Some((first, rest)) = steps.split_first() else {
            let message = format!("`{word}` is not a value: only what it holds can be used, by name");
            self.fault(codes::BARE_ROOT, word_at, message, format!("write `{word}.NAME`"));
            return Self::nothing(word_at);
        };
        match &first.key {
            Key::Name(name) => self.root(make((*name).to_owned()), word_at, self.at_name(name), rest),
            Key::Item(Expr::Const(constant)) if constant.value.as_str().is_some() => {
                let name = constant.value.as_str().unwrap_or_default().to_owned();
                let name_at = self.inside_quotes(at(constant.span()), &name);
                self.root(make(name), word_at, name_at, rest)
            }
            Key::Item(key) => {
                let key = self.expression(key);
                let message = format!("what stands behind `{word}` is a name, and can't be computed");
                self.fault(codes::DYNAMIC_KEY, key.at, message, format!("write `{word}.NAME`"));
                Self::nothing(At { start: word_at.start, end: first.end })
            }
        }
    }

    /// The text between the quotes, where nothing is escaped in it.
    fn inside_quotes(&self, quoted: At, name: &str) -> At {
        let inner = At { start: quoted.start + 1, end: quoted.end.saturating_sub(1) };
        let same = self.source.get(inner.start as usize..inner.end as usize) == Some(name);
        if same { inner } else { quoted }
    }

    fn root(&mut self, root: Root, root_at: At, name_at: At, steps: &[Step<'_, 's>]) -> Node {
        let slot = self.slot(&root);
        let path = steps.iter().map(|step| self.segment(&step.key)).collect();
        let end = steps.last().map_or(name_at.end.max(root_at.end), |step| step.end);
        let reference = Reference {
            root,
            root_span: self.span(root_at),
            name_span: self.span(name_at),
            path,
            span: self.span(At { start: root_at.start, end }),
            guarded: self.guards > 0,
        };
        self.references.push(reference);
        let at = root_at.to(name_at);
        self.walk(Node { at, kind: Kind::Slot(slot) }, steps)
    }

    /// A part of the result of the node itself.
    fn own_part(&mut self, name: &str, name_at: At, steps: &[Step<'_, 's>]) -> Node {
        let slot = self.slot(&Root::Node(self.own.unwrap_or_default().to_owned()));
        let result = Node { at: name_at, kind: Kind::Slot(slot) };
        self.walk(Node { at: name_at, kind: Kind::Field(Box::new(result), name.into()) }, steps)
    }

    fn segment(&self, key: &Key<'_, 's>) -> Segment {
        match key {
            Key::Name(name) => Segment::Field((*name).to_owned(), self.span(self.at_name(name))),
            Key::Item(Expr::Const(constant)) => {
                let quoted = at(constant.span());
                if let Some(name) = constant.value.as_str() {
                    return Segment::Field(name.to_owned(), self.span(self.inside_quotes(quoted, name)));
                }
                match i64::try_from(constant.value.clone()) {
                    Ok(index) => Segment::Index(index, self.span(quoted)),
                    Err(_) => Segment::Computed(self.span(quoted)),
                }
            }
            Key::Item(key) => Segment::Computed(self.span(at(key.span()))),
        }
    }

    fn span(&self, at: At) -> crate::source::Span {
        self.text.part(at.start as usize, at.end as usize)
    }

    fn walk(&mut self, mut node: Node, steps: &[Step<'_, 's>]) -> Node {
        for step in steps {
            let at = At { start: node.at.start, end: step.end };
            let kind = match &step.key {
                Key::Name(name) => Kind::Field(Box::new(node), (*name).into()),
                Key::Item(key) => {
                    let key = self.expression(key);
                    match key.kind {
                        Kind::Const(Value::String(name)) => Kind::Field(Box::new(node), name.into()),
                        kind => Kind::Item(Box::new(node), Box::new(Node { at: key.at, kind })),
                    }
                }
            };
            node = Node { at, kind };
        }
        node
    }

    /// `loop.index` and its like, inside of a `{% for %}`.
    fn loop_field(&mut self, word_at: At, steps: &[Step<'_, 's>]) -> Node {
        let Some(turn) = self.scopes.iter().rev().find_map(|scope| scope.turn) else {
            let help = "write `loops.TARGET.iteration` for a loop of the graph";
            self.fault(
                codes::UNKNOWN_VARIABLE,
                word_at,
                "`loop` is known only inside of a `{% for %}`",
                help,
            );
            return Self::nothing(word_at);
        };
        let words = LoopField::ALL.iter().map(|(word, _)| *word);
        let Some((Step { key: Key::Name(name), end }, rest)) = steps.split_first() else {
            let help = format!(
                "use one of {}",
                words.map(|word| format!("`loop.{word}`")).collect::<Vec<_>>().join(", ")
            );
            self.fault(codes::BARE_ROOT, word_at, "`loop` is not a value: only its fields can be used", help);
            return Self::nothing(word_at);
        };
        let Some((_, field)) = LoopField::ALL.iter().find(|(word, _)| word == name) else {
            let fault = crate::expr::fault::Fault::new(
                codes::UNKNOWN_FIELD,
                self.at_name(name),
                format!("`loop` has no `{name}`"),
            );
            self.faults.push(fault.maybe_help(suggestion(name, words)));
            return Self::nothing(word_at);
        };
        let at = At { start: word_at.start, end: *end };
        self.walk(Node { at, kind: Kind::Loop(turn, *field) }, rest)
    }
}
