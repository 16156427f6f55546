//! What a condition makes known of the values that it looks at. What a condition says in a way that is not understood
//! makes nothing known, and takes away doubt about what it mentions: who asks about a value knows of it.

use std::sync::Arc;

use crate::expr::Root;
use crate::expr::ir::{Comparison, Kind, Node};
use crate::types::{Chance, Field, Kind as ValueKind, Lists, Numbers, ObjectOf, Objects, Step, Texts, Type};

use super::path::visit;
use super::{Base, Inference, Path, Subject};

impl Inference<'_> {
    /// The condition has come to `truth`. `false`: it never does.
    pub(super) fn assume(&mut self, node: &Node, truth: bool) -> bool {
        match &node.kind {
            Kind::Not(of) => self.assume(of, !truth),
            Kind::And(a, b) if truth => self.assume(a, true) & self.assume(b, true),
            Kind::Or(a, b) if !truth => self.assume(a, false) & self.assume(b, false),
            // one of the two, and which is not known: the first, or the second where the first did not decide
            Kind::And(a, b) | Kind::Or(a, b) => self.either((a, truth), (b, truth)),
            Kind::Defined(of) => self.defined(of, truth),
            Kind::Compare(first, rest) => match &rest[..] {
                [(comparison, second)] => self.compared(first, *comparison, second, truth),
                _ => self.mentioned(node),
            },
            Kind::Test(test, of, args) => self.tested(node, test.name, of, args, truth),
            _ => match path_of(node) {
                Some(path) => self.narrow(&path, &|ty| ty.and(&Type::of_value(&truth.into()))),
                None => self.mentioned(node),
            },
        }
    }

    fn either(&mut self, (a, a_truth): (&Node, bool), (b, b_truth): (&Node, bool)) -> bool {
        let before = (self.slots.clone(), self.locals.clone());
        let by_first = self.assume(a, a_truth);
        let first = (std::mem::take(&mut self.slots), std::mem::take(&mut self.locals));
        (self.slots, self.locals) = before;
        let by_second = self.assume(a, !a_truth) & self.assume(b, b_truth);
        match (by_first, by_second) {
            (true, false) => {
                (self.slots, self.locals) = first;
                return true;
            }
            (false, true) => return true,
            _ => {}
        }
        let join = |ours: &mut Vec<Field>, theirs: Vec<Field>| {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours = ours.or(&theirs));
        };
        join(&mut self.slots, first.0);
        join(&mut self.locals, first.1);
        by_first
    }

    fn defined(&mut self, of: &Node, truth: bool) -> bool {
        match path_of(of) {
            Some(path) if truth => self.narrow(&path, &Type::clone),
            Some(path) => self.lack(&path),
            None => self.mentioned(of),
        }
    }

    /// A part has no value, for something in it is missing: what is behind `default`, and the next of `first_of`, is come to
    /// where that is so. `false`: it surely has one.
    pub(super) fn is_missing(&mut self, node: &Node) -> bool {
        match &node.kind {
            Kind::Default(of, otherwise) => self.is_missing(of) & self.is_missing(otherwise),
            Kind::FirstOf(choices) => choices.iter().fold(true, |all, choice| all & self.is_missing(choice)),
            _ => path_of(node).is_none_or(|path| self.lack(&path)),
        }
    }

    /// Nothing is there. `false`: something surely is. Of results more is said than is known: where a way is long, they are
    /// taken to be there.
    fn lack(&mut self, path: &Path) -> bool {
        let of_node = match path.base {
            Base::Slot(slot) => {
                matches!(self.roots.get(slot), Some(Root::Node(_) | Root::Output | Root::Error) | None)
            }
            Base::Local(_) => false,
        };
        let vague = of_node || self.vague.contains(&path.base);
        let Some(field) = self.base_type(path.base) else { return true };
        match field.lacking(&path.steps) {
            Some(lacking) => *field = lacking,
            None => return vague,
        }
        true
    }

    fn compared(&mut self, a: &Node, comparison: Comparison, b: &Node, truth: bool) -> bool {
        let name = match comparison {
            Comparison::Equal => "eq",
            Comparison::NotEqual => "ne",
            Comparison::In => "in",
            Comparison::NotIn => "not in",
            _ => "lt",
        };
        let has_key = self.has_key(a, comparison, b, truth);
        let (mut understood, mut possible) = (has_key.is_some(), has_key.unwrap_or(true));
        if let (Some(one), Some(other)) = (self.number(a), self.number(b)) {
            possible &= holds(comparison, one, other).is_none_or(|holds| holds == truth);
        }
        for (one, other, turned) in [(a, b, false), (b, a, true)] {
            let Some(path) = path_of(one) else { continue };
            if turned && matches!(name, "in" | "not in") {
                continue;
            }
            let other = self.value(other);
            understood = true;
            possible &= self.narrow(&path, &|ty| tested(name, ty, Some(&other.ty), truth));
        }
        if !understood {
            self.mentioned(a);
            self.mentioned(b);
        }
        possible
    }

    /// The one whole number that a part can give: a constant, a value that is named, its length.
    fn number(&mut self, node: &Node) -> Option<i64> {
        let of = match &node.kind {
            Kind::Filter(filter, of, _) if filter.name == "length" => of,
            _ => node,
        };
        if !matches!(of.kind, Kind::Const(_)) && path_of(of).is_none() {
            return None;
        }
        match self.value(node).ty.values().as_deref() {
            Some([serde_json::Value::Number(number)]) => number.as_i64(),
            _ => None,
        }
    }

    /// `'a' in o`, and `'a' in (o | keys)`: an object that has a key has what stands under it, and one that has not, has not.
    /// `None`: it asks for something else.
    fn has_key(&mut self, key: &Node, comparison: Comparison, of: &Node, truth: bool) -> Option<bool> {
        let holds = truth == matches!(comparison, Comparison::In);
        let Kind::Const(serde_json::Value::String(name)) = &key.kind else { return None };
        if !matches!(comparison, Comparison::In | Comparison::NotIn) {
            return None;
        }
        let of = match &of.kind {
            Kind::Filter(filter, whole, _) if filter.name == "keys" => &**whole,
            _ => of,
        };
        let mut path = path_of(of)?;
        // in a text and in a list it asks for something else
        let whole = self.base_type(path.base).and_then(|field| field.at(&path.steps));
        if !whole.is_some_and(|field| field.ty.without(ValueKind::Null).kinds().eq([ValueKind::Object])) {
            return None;
        }
        path.steps.push(Step::Field(name.clone()));
        Some(if holds { self.narrow(&path, &Type::clone) } else { self.lack(&path) })
    }

    fn tested(&mut self, node: &Node, name: &str, of: &Node, args: &[Option<Node>], truth: bool) -> bool {
        let Some(path) = path_of(of) else { return self.mentioned(node) };
        let other = match args.first() {
            Some(Some(arg)) => Some(self.value(arg).ty),
            _ => None,
        };
        self.narrow(&path, &|ty| tested(name, ty, other.as_ref(), truth))
    }

    /// `false`: there is no such value.
    fn narrow(&mut self, path: &Path, known: &dyn Fn(&Type) -> Type) -> bool {
        let vague = self.vague.contains(&path.base);
        let Some(field) = self.base_type(path.base) else { return true };
        // a value that can't be is left as it was: what is wrong with it has been said
        match field.narrowed(&path.steps, known) {
            Some(narrowed) => *field = narrowed,
            None => return vague,
        }
        true
    }

    /// Takes away doubt about each value that a part mentions. Whether it is there, and what it is, is not known by that.
    fn mentioned(&mut self, node: &Node) -> bool {
        let mut paths: Vec<Path> = Vec::new();
        let mut computed: Vec<Path> = Vec::new();
        visit(node, &mut |part| {
            paths.extend(path_of(part));
            match &part.kind {
                Kind::Item(of, key) if !matches!(key.kind, Kind::Const(_)) => computed.extend(path_of(of)),
                Kind::Filter(_, of, _) => computed.extend(path_of(of).filter(|_| of_items(part))),
                _ => {}
            }
        });
        paths.sort_by_key(|path| path.steps.len());
        let undoubted = |ty: &Type| Type { null: ty.null.min(Chance::Perhaps), ..ty.clone() };
        let any = |_: &Type| Type::ANY;
        let of_paths = paths.into_iter().map(|path| (path, &undoubted as &dyn Fn(&Type) -> Type));
        let of_computed = computed.into_iter().map(|path| (path, &any as &dyn Fn(&Type) -> Type));
        for (path, known) in of_paths.chain(of_computed) {
            if let Some(field) = self.base_type(path.base)
                && let Some(mentioned) = field.undoubted(&path.steps, known)
            {
                *field = mentioned;
            }
            // what is around it was taken to be an object that has it
            if !path.steps.is_empty() && !self.vague.contains(&path.base) {
                self.vague.push(path.base);
            }
        }
        true
    }
}

/// The value behind a root that a part does nothing but name.
pub(in crate::expr) fn subject_of(node: &Node, roots: &[Root]) -> Option<Subject> {
    let Path { base: Base::Slot(slot), steps } = path_of(node)? else { return None };
    Some(Subject { root: roots.get(slot)?.clone(), path: steps })
}

/// The value that a part does nothing but name.
pub(super) fn path_of(node: &Node) -> Option<Path> {
    match &node.kind {
        Kind::Slot(slot) => Some(Path { base: Base::Slot(*slot), steps: Vec::new() }),
        Kind::Local(local) => Some(Path { base: Base::Local(*local), steps: Vec::new() }),
        Kind::Field(of, name) => {
            let mut path = path_of(of)?;
            path.steps.push(Step::Field(name.to_string()));
            Some(path)
        }
        Kind::Item(of, key) => {
            let Kind::Const(value) = &key.kind else { return None };
            let at = value.as_i64()?;
            let mut path = path_of(of)?;
            path.steps.push(Step::Item(at));
            Some(path)
        }
        _ => None,
    }
}

/// Does a filter give an item of what stands before it?
fn of_items(node: &Node) -> bool {
    matches!(&node.kind, Kind::Filter(filter, ..) if matches!(filter.name, "first" | "last" | "min" | "max"))
}

/// The values for which a test has come to `truth`.
pub(super) fn tested(name: &str, ty: &Type, other: Option<&Type>, truth: bool) -> Type {
    let kind = match name {
        "none" => Some(ValueKind::Null),
        "boolean" => Some(ValueKind::Bool),
        "number" => Some(ValueKind::Number),
        "string" => Some(ValueKind::Text),
        "list" => Some(ValueKind::List),
        "object" => Some(ValueKind::Object),
        _ => None,
    };
    if let Some(kind) = kind {
        return match (truth, kind) {
            (true, ValueKind::Null) if ty.null != Chance::Never => Type::NULL,
            (true, kind) => ty.only(&[kind]),
            (false, kind) => ty.without(kind),
        };
    }
    match (name, other, truth) {
        ("integer", _, true) => ty.and(&Type::WHOLE),
        ("eq", Some(other), true) | ("ne", Some(other), false) => of_both(ty, other),
        ("ne", Some(other), true) | ("eq", Some(other), false) => less(ty, other),
        ("in", Some(other), true) | ("not in", Some(other), false) if are_lists(other) => {
            of_both(ty, &other.item())
        }
        ("not in", Some(other), true) | ("in", Some(other), false) if are_lists(other) => {
            without_all(ty, other)
        }
        ("empty", _, false) => filled(&ty.without(ValueKind::Null)),
        ("empty", _, true) => emptied(&ty.without(ValueKind::Null)),
        // the order of null is none, and so it is no null
        ("lt" | "le" | "gt" | "ge" | "odd" | "even" | "divisibleby" | "startingwith" | "endingwith", ..) => {
            ty.without(ValueKind::Null)
        }
        _ => ty.clone(),
    }
}

fn holds(comparison: Comparison, one: i64, other: i64) -> Option<bool> {
    match comparison {
        Comparison::Equal => Some(one == other),
        Comparison::NotEqual => Some(one != other),
        Comparison::Less => Some(one < other),
        Comparison::LessOrEqual => Some(one <= other),
        Comparison::Greater => Some(one > other),
        Comparison::GreaterOrEqual => Some(one >= other),
        Comparison::In | Comparison::NotIn => None,
    }
}

/// Without lists and objects that surely hold something.
fn emptied(ty: &Type) -> Type {
    let lists =
        if ty.lists.length().is_some_and(|length| length > 0) { Lists::None } else { ty.lists.clone() };
    let Objects::Of(shapes) = &ty.objects else { return Type { lists, ..ty.clone() } };
    let may_be_empty =
        |shape: &&Arc<ObjectOf>| shape.fields.values().all(|field| field.missing != Chance::Never);
    let shapes: Vec<_> = shapes.iter().filter(may_be_empty).cloned().collect();
    let objects = if shapes.is_empty() { Objects::None } else { Objects::Of(shapes.into()) };
    Type { lists, objects, ..ty.clone() }
}

/// Without what is empty: an object that can have one field alone has it then.
fn filled(ty: &Type) -> Type {
    let lists = if ty.lists.length() == Some(0) { Lists::None } else { ty.lists.clone() };
    let ty = &Type { lists, ..ty.clone() };
    let Objects::Of(shapes) = &ty.objects else { return ty.clone() };
    let filled = shapes.iter().filter_map(|shape| match shape.fields.len() {
        0 if shape.rest.is_never() => None,
        1 if shape.rest.is_never() => {
            let sure = |(name, field): (&String, &Field)| (name.clone(), Field::sure(field.ty.clone()));
            let fields = shape.fields.iter().map(sure).collect();
            Some(Arc::new(ObjectOf { fields, rest: Type::NEVER }))
        }
        _ => Some(shape.clone()),
    });
    let filled: Vec<_> = filled.collect();
    let objects = if filled.is_empty() { Objects::None } else { Objects::Of(filled.into()) };
    Type { objects, ..ty.clone() }
}

/// Lists alone: in a string and in an object something else is looked for.
fn are_lists(ty: &Type) -> bool {
    ty.has(ValueKind::List) && !ty.has(ValueKind::Text) && !ty.has(ValueKind::Object)
}

fn of_both(ty: &Type, other: &Type) -> Type {
    let both = ty.and(other);
    // an equal null is known to be possible only where both sides know
    Type { null: both.null.min(ty.null), ..both }
}

/// Without the only value that there can be on the other side.
fn less(ty: &Type, other: &Type) -> Type {
    match other.values().as_deref() {
        Some([value]) => without_value(ty, value),
        _ => ty.clone(),
    }
}

fn without_all(ty: &Type, list: &Type) -> Type {
    use crate::types::ListOf;
    let Lists::Of(items) = &list.lists else { return ty.clone() };
    let ListOf::Tuple(items) = &**items else { return ty.clone() };
    items.iter().fold(ty.clone(), |ty, item| less(&ty, item))
}

fn without_value(ty: &Type, value: &serde_json::Value) -> Type {
    use serde_json::Value;
    let mut rest = ty.clone();
    match value {
        Value::Null => rest.null = Chance::Never,
        Value::Bool(value) => rest.bools[usize::from(*value)] = false,
        Value::String(text) => {
            if let Texts::Few(few) = &rest.texts {
                let fewer: Vec<&str> = few.iter().map(String::as_str).filter(|word| word != text).collect();
                rest.texts = Type::words(fewer).texts;
            }
        }
        Value::Number(number) => {
            if let (Numbers::Few(few), Some(whole)) = (&rest.numbers, number.as_i64()) {
                let fewer = few.iter().copied().filter(|known| *known != whole);
                let fewer = fewer.map(|whole| Type::of_value(&whole.into()));
                rest.numbers = fewer.fold(Type::NEVER, |all, one| all.or(&one)).numbers;
            }
        }
        Value::Array(_) | Value::Object(_) => {}
    }
    rest
}
