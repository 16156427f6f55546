//! A call of a filter or a test, as its row in the table sees it: what it is given, and how it says that this does not
//! fit.

use crate::diag::codes;
use crate::expr::ir::{Kind, Node};
use crate::types::{Chance, Field, Kind as ValueKind, Type};

use super::value::item_of;
use super::{Inference, Seen};

/// One call, with the types of what it is given.
pub(in crate::expr) struct Call<'c, 'a> {
    pub(super) inference: &'c mut Inference<'a>,
    pub(super) name: &'static str,
    pub(super) is_test: bool,
    /// All of it.
    pub(super) node: &'c Node,
    /// What stands before it.
    pub(super) of: &'c Node,
    pub(super) seen: &'c Seen,
    pub(super) args: &'c [Option<Node>],
    pub(super) given: &'c [Option<Seen>],
}

impl Call<'_, '_> {
    fn rule(&self, what: &str) -> String {
        if self.is_test {
            format!("`is {}` asks {what}", self.name)
        } else {
            format!("`{}` takes {what}", self.name)
        }
    }

    /// What stands before it, of these kinds.
    pub(in crate::expr) fn takes(&mut self, kinds: &[ValueKind], what: &str) -> Type {
        let rule = self.rule(what);
        self.inference.takes(self.of, self.seen, kinds, &rule)
    }

    /// The items of a list before it.
    pub(in crate::expr) fn items(&mut self) -> Type {
        let list = self.takes(&[ValueKind::List], "a list");
        item_of(&list)
    }

    /// Items that have to be of these kinds, each as a whole or by its attribute.
    pub(in crate::expr) fn keys(
        &mut self,
        item: &Type,
        attribute: usize,
        kinds: &[ValueKind],
        what: &str,
    ) -> Type {
        let rule = self.rule(what);
        let looked_at = self.attribute(item, attribute);
        let Some(field) = looked_at else {
            return self.part(item, kinds, &rule);
        };
        if field.missing == Chance::Known && self.inference.guards == 0 {
            self.missing_attribute(attribute);
        }
        self.part(&field.ty, kinds, &rule)
    }

    /// Whether they have an order among each other shows when they are there.
    pub(in crate::expr) fn ordered(&mut self, keys: &Type) {
        self.inference.leave(keys.kinds().count() == 1);
    }

    /// A part of what stands before it.
    fn part(&mut self, ty: &Type, kinds: &[ValueKind], rule: &str) -> Type {
        self.inference.leave(
            !ty.is_any()
                && ty.null != Chance::Perhaps
                && ty.kinds().all(|kind| kind == ValueKind::Null || kinds.contains(&kind)),
        );
        if ty.is_any() || ty.is_never() {
            return Type::ANY;
        }
        let taken = ty.only(kinds);
        if taken.is_never() {
            let message = format!("an item of {} is {ty}, and {rule}", self.inference.shown(self.of.at));
            self.inference.report(codes::WRONG_OPERAND, self.node.at, self.of, message, item_hint(ty, kinds));
            return Type::ANY;
        }
        if ty.null == Chance::Known && !kinds.contains(&ValueKind::Null) {
            let message = format!("an item of {} may be null, and {rule}", self.inference.shown(self.of.at));
            let help = "write `… | reject('none')` first".to_owned();
            let about = self.inference.roots_of(&[self.of]);
            self.inference.push(codes::MAY_BE_NULL, self.node.at, message, Some(help), about, None);
        }
        taken
    }

    /// What the attribute that an argument names is of an item; nothing, without that argument.
    pub(in crate::expr) fn attribute(&mut self, item: &Type, at: usize) -> Option<Field> {
        let arg = self.args.get(at)?.as_ref()?;
        Some(self.inference.attribute(item, arg, "an item"))
    }

    /// The same where it may be missing.
    pub(in crate::expr) fn attribute_if_there(&mut self, item: &Type, at: usize) -> Option<Field> {
        self.inference.guards += 1;
        let field = self.attribute(item, at);
        self.inference.guards -= 1;
        field
    }

    /// An item may not have the attribute that is looked at.
    pub(in crate::expr) fn missing_attribute(&mut self, at: usize) {
        let Some(Some(arg)) = self.args.get(at) else { return };
        let message = format!(
            "an item of {} may have no {}",
            self.inference.shown(self.of.at),
            self.inference.shown(arg.at)
        );
        let help = "write `map(attribute=…, default=…)`, or `selectattr(…, 'defined')` first".to_owned();
        let about = self.inference.roots_of(&[self.of]);
        self.inference.push(codes::MAY_BE_MISSING, arg.at, message, Some(help), about, None);
    }

    /// Is something around that takes what is missing?
    pub(in crate::expr) fn is_guarded(&self) -> bool {
        self.inference.guards > 0
    }

    /// An argument's type.
    pub(in crate::expr) fn arg(&self, at: usize) -> Option<&Type> {
        self.given.get(at)?.as_ref().map(|seen| &seen.ty)
    }

    /// Is an argument left out, or this constant?
    pub(in crate::expr) fn is_zero_or_absent(&self, at: usize) -> bool {
        match self.args.get(at).and_then(Option::as_ref) {
            None => true,
            Some(node) => matches!(&node.kind, Kind::Const(value) if value.as_i64() == Some(0)),
        }
    }

    /// An argument, of these kinds.
    pub(in crate::expr) fn arg_takes(&mut self, at: usize, kinds: &[ValueKind], what: &str) -> Type {
        let (Some(Some(node)), Some(Some(seen))) = (self.args.get(at), self.given.get(at)) else {
            return Type::ANY;
        };
        let rule = format!("the argument of `{}` is {what}", self.name);
        self.inference.takes(node, seen, kinds, &rule)
    }

    /// `eq`, `ne`
    pub(in crate::expr) fn equal(&mut self) {
        if let (Some(Some(node)), Some(Some(seen))) = (self.args.first(), self.given.first()) {
            self.inference.equal(self.of, self.seen, node, seen);
        }
    }

    /// `lt` and its like
    pub(in crate::expr) fn order(&mut self) {
        if let (Some(Some(node)), Some(Some(seen))) = (self.args.first(), self.given.first()) {
            self.inference.order(self.of, self.seen, node, seen);
        }
    }

    /// `in`
    pub(in crate::expr) fn within(&mut self) {
        if let (Some(Some(node)), Some(Some(seen))) = (self.args.first(), self.given.first()) {
            self.inference.contains(node, seen, self.of, self.seen);
        }
    }

    /// Becomes a part of a text.
    pub(in crate::expr) fn splice(&mut self) {
        self.inference.splice(self.of, self.seen);
    }
}

/// The edit for the items of a list, where there is one. Where a text is made of them, their length is not what is meant.
fn item_hint(ty: &Type, kinds: &[ValueKind]) -> Option<String> {
    if kinds.contains(&ValueKind::Text) && ty.has(ValueKind::List) {
        return Some("write `… | flatten`, `… | map('join', ', ')` or `… | map('tojson')` first".to_owned());
    }
    if kinds.contains(&ValueKind::Text) && ty.has(ValueKind::Object) {
        return Some("name one of its fields as `attribute`, or write `… | map('tojson')` first".to_owned());
    }
    super::operator::hint(ty, kinds)
}
