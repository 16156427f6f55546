//! The operators: what they take, and what they give.

use crate::diag::{codes, nearest};
use crate::expr::ir::{Arithmetic, Comparison, Kind, Node};
use crate::types::{Chance, Field, Kind as ValueKind, ListOf, Lists, Numbers, Texts, Type};

use super::value::part_of;
use super::{Base, Inference, Seen};

/// Values that are listed where none is near.
const LISTED: usize = 12;

impl Inference<'_> {
    /// The values of the kinds that are taken; others are reported where there are no such, and null where it is one.
    pub(super) fn takes(&mut self, node: &Node, seen: &Seen, kinds: &[ValueKind], rule: &str) -> Type {
        self.leave(
            !seen.ty.is_never() && seen.ty.without(ValueKind::Null).kinds().all(|kind| kinds.contains(&kind)),
        );
        if seen.ty.is_any() || seen.ty.is_never() {
            return Type::ANY;
        }
        let taken = seen.ty.only(kinds);
        if taken.is_never() {
            let message = format!("{}, and {rule}", self.is(node.at, &seen.ty));
            self.report(codes::WRONG_OPERAND, node.at, node, message, hint(&seen.ty, kinds));
            return Type::ANY;
        }
        if !kinds.contains(&ValueKind::Null) {
            self.without_null(node, seen, rule);
        }
        taken
    }

    /// A part of a text.
    pub(super) fn spliced(&mut self, node: &Node) -> Chance {
        let seen = self.needed(node);
        self.splice(node, &seen);
        seen.missing
    }

    pub(super) fn splice(&mut self, node: &Node, seen: &Seen) {
        let ty = &seen.ty;
        let fits = [ValueKind::Bool, ValueKind::Number, ValueKind::Text];
        self.leave(!ty.is_never() && ty.without(ValueKind::Null).kinds().all(|kind| fits.contains(&kind)));
        if ty.is_any() || ty.is_never() {
            return;
        }
        if ty.only(&fits).is_never() {
            let help = match ty.kinds().next() {
                Some(ValueKind::List) if !ty.item().only(&fits).is_never() => {
                    "write `… | join(', ')` or `… | tojson`"
                }
                Some(ValueKind::Null) => "remove it",
                _ => "write `… | tojson`",
            };
            let message = format!("{} is {ty}, and can't become a part of a text", self.shown(node.at));
            self.report(codes::NOT_TEXT, node.at, node, message, Some(help.to_owned()));
        } else {
            self.without_null(node, seen, "null can't become a part of a text");
        }
    }

    pub(super) fn negate(&mut self, of: &Node) -> Seen {
        let seen = self.needed(of);
        let ty = self.takes(of, &seen, &[ValueKind::Number], "`-` goes with numbers");
        Seen { missing: seen.missing, ..Seen::sure(whole_or_not(&ty)) }
    }

    pub(super) fn arithmetic(&mut self, operation: Arithmetic, a: &Node, b: &Node) -> Seen {
        let (left, right) = (self.needed(a), self.needed(b));
        let missing = left.missing.max(right.missing);
        let (sign, joins) = sign(operation);
        let rule = if joins {
            "`+` goes with two numbers, two strings or two lists".to_owned()
        } else {
            format!("`{sign}` goes with two numbers")
        };
        let kinds: &[ValueKind] =
            if joins { &[ValueKind::Number, ValueKind::Text, ValueKind::List] } else { &[ValueKind::Number] };
        let (x, y) = (self.takes(a, &left, kinds, &rule), self.takes(b, &right, kinds, &rule));
        self.leave(alike(&x, &y));
        if x.is_any() || y.is_any() {
            let ty = if joins { Type::ANY } else { Type::NUMBER };
            return Seen { missing, ..Seen::sure(ty) };
        }
        let shared: Vec<ValueKind> =
            kinds.iter().copied().filter(|kind| x.has(*kind) && y.has(*kind)).collect();
        if shared.is_empty() {
            let message = format!("{} and {}: {rule}", self.is(a.at, &x), self.is(b.at, &y));
            let help = if joins && (x.has(ValueKind::Text) || y.has(ValueKind::Text)) {
                Some(format!(
                    "write `{} ~ {}` for a text",
                    self.shown(a.at).trim_matches('`'),
                    self.shown(b.at).trim_matches('`')
                ))
            } else {
                hint(&x, &[ValueKind::Number])
            };
            self.push(codes::WRONG_OPERAND, a.at.to(b.at), message, help, self.roots_of(&[a, b]), None);
            return Seen { missing, ..Seen::sure(Type::ANY) };
        }
        let ty = shared.into_iter().fold(Type::NEVER, |ty, kind| ty.or(&sum(operation, kind, &x, &y)));
        Seen { missing, ..Seen::sure(ty) }
    }

    pub(super) fn compare(&mut self, first: &Node, rest: &[(Comparison, Node)]) -> Seen {
        let mut left = (first, self.needed(first));
        let mut missing = left.1.missing;
        for (comparison, node) in rest {
            let right = self.needed(node);
            missing = missing.max(right.missing);
            match comparison {
                Comparison::Equal | Comparison::NotEqual => self.equal(left.0, &left.1, node, &right),
                Comparison::In | Comparison::NotIn => self.contains(node, &right, left.0, &left.1),
                _ => self.order(left.0, &left.1, node, &right),
            }
            left = (node, right);
        }
        Seen { missing, ..Seen::sure(Type::BOOL) }
    }

    /// `==`: of one kind, or one of them null.
    pub(super) fn equal(&mut self, a: &Node, left: &Seen, b: &Node, right: &Seen) {
        let (x, y) = (&left.ty, &right.ty);
        self.leave(alike(x, y) || [x, y].into_iter().any(|ty| ty.without(ValueKind::Null).is_never()));
        let unknown = |ty: &Type| ty.is_any() || ty.is_never();
        let only_null = |ty: &Type| ty.without(ValueKind::Null).is_never();
        if unknown(x) || unknown(y) || only_null(x) || only_null(y) {
            return;
        }
        let shared =
            ValueKind::ALL.into_iter().any(|kind| kind != ValueKind::Null && x.has(kind) && y.has(kind));
        if !shared {
            let message = format!("{} and {}: they are never equal", self.is(a.at, x), self.is(b.at, y));
            let help =
                comparable(x, y, self.shown(a.at).trim_matches('`'), self.shown(b.at).trim_matches('`'));
            self.push(codes::INCOMPARABLE, a.at.to(b.at), message, help, self.roots_of(&[a, b]), None);
            return;
        }
        self.unknown_value(a, left, b, right);
        self.unknown_value(b, right, a, left);
    }

    /// A constant that is none of the values that the other side can have as it is declared.
    fn unknown_value(&mut self, subject: &Node, seen: &Seen, constant: &Node, other: &Seen) {
        if other.ty.null == Chance::Known {
            return;
        }
        let Some(declared) = self.declared_at(seen) else { return };
        self.never_is(subject, &declared.ty, constant);
    }

    /// A part as it is declared, whatever is known of it here.
    pub(super) fn declared_at(&self, seen: &Seen) -> Option<Field> {
        let path = seen.path.as_ref()?;
        let Base::Slot(slot) = path.base else { return None };
        self.declared.get(slot)?.at(&path.steps)
    }

    /// A constant that is no value of what is declared as `declared`.
    pub(super) fn never_is(&mut self, subject: &Node, declared: &Type, constant: &Node) {
        let Kind::Const(value) = &constant.kind else { return };
        if declared.is_any() || declared.admits(value) {
            return;
        }
        let Some(values) = declared.values() else { return };
        let shown = self.shown(subject.at);
        let message = format!("{shown} is never {}: it is {declared}", self.shown(constant.at));
        let names: Vec<String> = values.iter().map(written).collect();
        // a word may be misspelt; of a number that is near another one that is no reason to mean it
        let near =
            value.is_string().then(|| nearest(&written(value), names.iter().map(String::as_str))).flatten();
        let help = match near {
            Some(name) => Some(format!("write `{name}`")),
            None if names.len() <= LISTED => {
                let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                Some(format!("use one of {}", list.join(", ")))
            }
            None => None,
        };
        let about = self.roots_of(&[subject]);
        self.deciding(true, |of| of.push(codes::UNKNOWN_VALUE, constant.at, message, help, about, None));
    }

    /// `<` and its like: two numbers or two strings.
    pub(super) fn order(&mut self, a: &Node, left: &Seen, b: &Node, right: &Seen) {
        const ORDERED: [ValueKind; 2] = [ValueKind::Number, ValueKind::Text];
        let rule = "two numbers or two strings have an order";
        let (x, y) = (self.takes(a, left, &ORDERED, rule), self.takes(b, right, &ORDERED, rule));
        self.leave(alike(&x, &y));
        if x.is_any() || y.is_any() || ORDERED.into_iter().any(|kind| x.has(kind) && y.has(kind)) {
            return;
        }
        let message = format!("{} and {}: they have no order", self.is(a.at, &x), self.is(b.at, &y));
        let help = comparable(&x, &y, self.shown(a.at).trim_matches('`'), self.shown(b.at).trim_matches('`'));
        self.push(codes::INCOMPARABLE, a.at.to(b.at), message, help, self.roots_of(&[a, b]), None);
    }

    /// `in`: an item of a list, a key of an object, a part of a string.
    pub(super) fn contains(&mut self, heap: &Node, within: &Seen, needle: &Node, what: &Seen) {
        let kinds = [ValueKind::Text, ValueKind::List, ValueKind::Object];
        let ty = self.takes(heap, within, &kinds, "`in` looks into a list, an object or a string");
        let by_name = ty.has(ValueKind::Text) || ty.has(ValueKind::Object);
        let inside =
            ty.kinds().eq([ValueKind::List]) && (alike(&ty.item(), &what.ty) || ty.item().is_never());
        self.leave(
            inside
                || (by_name
                    && !ty.has(ValueKind::List)
                    && what.ty.without(ValueKind::Null).kinds().eq([ValueKind::Text])),
        );
        if ty.is_any() || what.ty.is_any() || what.ty.is_never() {
            return;
        }
        let item = ty.item();
        let in_list = ty.has(ValueKind::List)
            && (item.is_any()
                || item.is_never()
                || item.null != Chance::Never
                || what.ty.null != Chance::Never
                || what.ty.kinds().any(|kind| item.has(kind)));
        let by_text = (ty.has(ValueKind::Text) || ty.has(ValueKind::Object)) && what.ty.has(ValueKind::Text);
        if let Kind::List(constants) = &heap.kind {
            for constant in constants.iter().filter(|node| matches!(node.kind, Kind::Const(_))) {
                self.unknown_value(needle, what, constant, within);
            }
        }
        if in_list || by_text {
            if !ty.has(ValueKind::List) {
                self.without_null(needle, what, "null is in no string and no object");
            }
            return;
        }
        let message = format!(
            "{} is {}, which is never in {}: that is {ty}",
            self.shown(needle.at),
            what.ty,
            self.shown(heap.at)
        );
        let help = "look for a value of the kind that is in it".to_owned();
        self.push(
            codes::INCOMPARABLE,
            needle.at.to(heap.at),
            message,
            Some(help),
            self.roots_of(&[needle, heap]),
            None,
        );
    }
}

/// A constant, as expressions spell it.
fn written(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("'{text}'"))
}

/// Are both, but for null, of the same one kind?
fn alike(x: &Type, y: &Type) -> bool {
    let only = |ty: &Type| {
        let mut kinds = ty.without(ValueKind::Null).kinds().collect::<Vec<_>>();
        kinds.pop().filter(|_| kinds.is_empty())
    };
    only(x).is_some_and(|kind| only(y) == Some(kind))
}

/// The edit for a value of the wrong kind, where there is one.
pub(super) fn hint(ty: &Type, kinds: &[ValueKind]) -> Option<String> {
    let wants = |kind| kinds.contains(&kind);
    let has = |kind| ty.has(kind);
    Some(
        match () {
            () if wants(ValueKind::Number) && has(ValueKind::Text) => "write `… | int` or `… | float`",
            () if wants(ValueKind::Number) && (has(ValueKind::List) || has(ValueKind::Object)) => {
                "write `… | length`"
            }
            () if wants(ValueKind::List) && has(ValueKind::Object) => {
                "write `… | items`, `… | keys` or `… | values`"
            }
            () if wants(ValueKind::List) && has(ValueKind::Text) => "write `… | lines`, `… | split` or `[…]`",
            () if wants(ValueKind::List) => "write `[…]` for a list of one",
            () if wants(ValueKind::Text) && has(ValueKind::List) => "write `… | join(', ')` or `… | tojson`",
            () if wants(ValueKind::Text) && has(ValueKind::Object) => "write `… | tojson`",
            () if wants(ValueKind::Text) && (has(ValueKind::Number) || has(ValueKind::Bool)) => {
                "write `… | string`"
            }
            () => return None,
        }
        .to_owned(),
    )
}

/// How two values of two kinds could be compared.
fn comparable(x: &Type, y: &Type, a: &str, b: &str) -> Option<String> {
    let pair = |one, other| x.has(one) && y.has(other);
    if pair(ValueKind::Number, ValueKind::Text) {
        let bare = b.trim_matches(['\'', '"']);
        let number = bare != b && bare.parse::<f64>().is_ok();
        return Some(if number {
            format!("write `{bare}` without quotes")
        } else {
            format!("write `{a} | string`, or `{b} | int`")
        });
    }
    if pair(ValueKind::Text, ValueKind::Number) {
        return Some(format!("write `'{b}'` in quotes, or `{a} | int`"));
    }
    if pair(ValueKind::List, ValueKind::Number) || pair(ValueKind::Object, ValueKind::Number) {
        return Some(format!("write `{a} | length`"));
    }
    if pair(ValueKind::Bool, ValueKind::Text) {
        let bare = b.trim_matches(['\'', '"']);
        return matches!(bare, "true" | "false").then(|| format!("write `{bare}` without quotes"));
    }
    Some("compare values of one kind".to_owned())
}

fn sign(operation: Arithmetic) -> (&'static str, bool) {
    match operation {
        Arithmetic::Add => ("+", true),
        Arithmetic::Subtract => ("-", false),
        Arithmetic::Multiply => ("*", false),
        Arithmetic::Divide => ("/", false),
        Arithmetic::FloorDivide => ("//", false),
        Arithmetic::Remainder => ("%", false),
    }
}

fn sum(operation: Arithmetic, kind: ValueKind, x: &Type, y: &Type) -> Type {
    match kind {
        ValueKind::Number => {
            let whole = [x, y].into_iter().all(|ty| !matches!(ty.numbers, Numbers::Any));
            if whole && operation != Arithmetic::Divide { Type::WHOLE } else { Type::NUMBER }
        }
        ValueKind::Text => Type { texts: Texts::Any, ..Type::NEVER },
        _ => joined(x, y),
    }
}

fn joined(x: &Type, y: &Type) -> Type {
    if let (Lists::Of(a), Lists::Of(b)) = (&x.lists, &y.lists)
        && let (ListOf::Tuple(a), ListOf::Tuple(b)) = (&**a, &**b)
        && a.len() + b.len() <= 64
    {
        return Type::tuple(a.iter().chain(b).cloned().collect());
    }
    part_of(&Type::list(x.item().or(&y.item())))
}

/// Whole numbers stay whole; which ones is not kept.
pub(in crate::expr) fn whole_or_not(ty: &Type) -> Type {
    if matches!(ty.numbers, Numbers::Few(_) | Numbers::Whole) && !ty.is_any() {
        Type::WHOLE
    } else {
        Type::NUMBER
    }
}
