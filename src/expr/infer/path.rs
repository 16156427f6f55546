//! Names and the steps behind them: what is there, what may be missing, and what can't be.

use std::fmt::Display;

use crate::diag::{codes, suggestion};
use crate::expr::Root;
use crate::expr::ir::{At, Condition, Kind, Node};
use crate::types::{Chance, Field, Kind as ValueKind, ListOf, Lists, Numbers, Objects, Step, Type, place};

use super::assume::path_of;
use super::{Base, Doubt, Inference, Path, Seen};

impl Inference<'_> {
    /// A part whose value is needed: that it may be missing is reported, unless something around takes that.
    pub(super) fn needed(&mut self, node: &Node) -> Seen {
        let seen = self.value(node);
        if self.guards > 0 || seen.missing == Chance::Never {
            return seen;
        }
        self.open.missing |= seen.missing == Chance::Perhaps;
        if seen.missing == Chance::Known {
            let subjects = match &node.kind {
                Kind::FirstOf(choices) => self.paths_of(choices),
                _ => seen.path.iter().filter_map(|path| self.subject(path)).collect(),
            };
            let (message, help) = self.missing_words(node, &seen);
            let doubt = (!subjects.is_empty()).then_some(Doubt { subjects, missing: true });
            self.push(codes::MAY_BE_MISSING, node.at, message, Some(help), self.roots_of(&[node]), doubt);
        }
        Seen { missing: Chance::Never, ..seen }
    }

    fn missing_words(&self, node: &Node, seen: &Seen) -> (String, String) {
        let shown = self.shown(node.at);
        if matches!(node.kind, Kind::FirstOf(_)) {
            let help = "add a last argument that is always there";
            return (format!("each argument of {shown} may be missing at once"), help.to_owned());
        }
        let result = seen.path.as_ref().and_then(|path| match (path.base, &path.steps[..]) {
            (Base::Slot(slot), [Step::Field(field)]) => match self.roots.get(slot) {
                Some(Root::Node(id)) => Some((id, field.as_str())),
                _ => None,
            },
            _ => None,
        });
        let help =
            "write `… | default(…)`, or ask `… is defined` first, as a condition or with `if`".to_owned();
        match result {
            Some((id, "output")) => (
                format!("{shown} may be missing here: `{id}` has an output only where it succeeded"),
                format!(
                    "write `nodes.{id}.output… | default(…)`, `first_of(…)`, or lead every way here past the success of `{id}`"
                ),
            ),
            Some((id, "error")) => {
                (format!("{shown} may be missing here: `{id}` has an error only where it failed"), help)
            }
            _ => (format!("{shown} may be missing"), help),
        }
    }

    /// What may be missing in some parts, each by its name.
    fn paths_of(&mut self, nodes: &[Node]) -> Vec<super::Subject> {
        self.quiet += 1;
        self.guards += 1;
        let mut found = Vec::new();
        for node in nodes {
            self.lacking_in(node, &mut found);
        }
        self.guards -= 1;
        self.quiet -= 1;
        found
    }

    fn lacking_in(&mut self, node: &Node, found: &mut Vec<super::Subject>) {
        let mut named: Vec<Path> = Vec::new();
        visit(node, &mut |part| {
            if let Kind::Field(..) | Kind::Item(..) | Kind::Slot(_) = &part.kind {
                named.extend(path_of(part));
            }
        });
        // the whole of a path is met before its parts
        let mut whole: Vec<Path> = Vec::new();
        for path in named {
            if !whole.iter().any(|known| known.base == path.base && known.steps.starts_with(&path.steps)) {
                whole.push(path);
            }
        }
        for path in whole {
            let field = self.base_type(path.base).map(|field| field.at(&path.steps));
            let lacks = field.is_some_and(|field| field.is_none_or(|field| field.missing == Chance::Known));
            found.extend(self.subject(&path).filter(|_| lacks));
        }
    }

    /// Null that is not accepted: reported, and taken away.
    pub(super) fn without_null(&mut self, node: &Node, seen: &Seen, why: impl Display) -> Type {
        self.leave(seen.ty.null != Chance::Perhaps);
        if seen.ty.null == Chance::Known && !seen.ty.without(ValueKind::Null).is_never() {
            let subject = seen.path.as_ref().and_then(|path| self.subject(path));
            let doubt = subject.map(|subject| Doubt { subjects: vec![subject], missing: false });
            let message = format!("{} may be null, and {why}", self.shown(node.at));
            let help = "ask `… is not none` first, as a condition or with `if`";
            self.push(
                codes::MAY_BE_NULL,
                node.at,
                message,
                Some(help.to_owned()),
                self.roots_of(&[node]),
                doubt,
            );
        }
        seen.ty.without(ValueKind::Null)
    }

    pub(super) fn slot(&self, slot: usize) -> Seen {
        let Field { ty, missing } = self.slots.get(slot).cloned().unwrap_or(Field::ANY);
        Seen { ty, missing, path: Some(Path { base: Base::Slot(slot), steps: Vec::new() }) }
    }

    pub(super) fn local(&self, local: usize) -> Seen {
        let Field { ty, missing } = self.locals.get(local).cloned().unwrap_or(Field::ANY);
        Seen { ty, missing, path: Some(Path { base: Base::Local(local), steps: Vec::new() }) }
    }

    /// `of.name`
    pub(super) fn field(&mut self, of: &Node, name: &str, at: At) -> Seen {
        let seen = self.needed(of);
        let (ty, null) = self.stepped_into(of, &seen, format_args!("null has no `{name}`"));
        let only_null = self.is_only_null(&seen);
        let path = seen.path.map(|mut path| {
            path.steps.push(Step::Field(name.to_owned()));
            path
        });
        self.leave(ty.kinds().eq([ValueKind::Object]));
        if only_null {
            self.no_field(of, &seen.ty, name, at, path.as_ref());
            return Seen { ty: Type::ANY, missing: Chance::Perhaps, path };
        }
        if ty.is_never() || ty.is_any() {
            return Seen { ty: Type::ANY, missing: Chance::Perhaps.max(seen.missing).max(null), path };
        }
        let Some(field) = ty.field(name) else {
            self.no_field(of, &ty, name, at, path.as_ref());
            return Seen { ty: Type::ANY, missing: Chance::Perhaps, path };
        };
        let missing = field.missing.max(seen.missing).max(null);
        Seen { ty: field.ty, missing, path }
    }

    /// What is stepped into without its null, and whether null makes the step miss.
    fn stepped_into(&mut self, of: &Node, seen: &Seen, why: impl Display) -> (Type, Chance) {
        if self.guards > 0 {
            return (seen.ty.without(ValueKind::Null), seen.ty.null);
        }
        (self.without_null(of, seen, why), Chance::Never)
    }

    /// Is it null, and nothing else, where nothing around takes that? What is never come to is not even null.
    fn is_only_null(&self, seen: &Seen) -> bool {
        self.guards == 0 && seen.ty.null == Chance::Known && seen.ty.without(ValueKind::Null).is_never()
    }

    fn no_field(&mut self, of: &Node, ty: &Type, name: &str, at: At, path: Option<&Path>) {
        let shown = self.shown(of.at);
        let name_at = self.end_of(at, name);
        if ty.has(ValueKind::Object) {
            let names = field_names(ty);
            let help = suggestion(name, names.iter().map(String::as_str))
                .or_else(|| names.is_empty().then(|| format!("remove it: {shown} has no fields at all")));
            // what is missing then is taken by what is around
            let taken = self.guards > 0 && ty.kinds().eq([ValueKind::Object]);
            // one that only what is known here takes away is no mistake of its name
            if taken && path.is_some_and(|path| self.is_declared(path)) {
                return;
            }
            let message = format!("{shown} has no field `{name}`");
            self.deciding(taken, |inference| {
                inference.report(codes::UNKNOWN_FIELD, name_at, of, message, help);
            });
        } else if ty.kinds().eq([ValueKind::List]) {
            let message = format!("{shown} is a list, and has no field `{name}`");
            let help = format!("write `[0].{name}` or `| map(attribute='{name}')`");
            self.report(codes::UNKNOWN_FIELD, name_at, of, message, Some(help));
        } else {
            let message = format!("{shown} is {ty}, and has no field `{name}`");
            let help = format!("remove `.{name}`, or name another value before it");
            self.report(codes::UNKNOWN_FIELD, name_at, of, message, Some(help));
        }
    }

    fn is_declared(&self, path: &Path) -> bool {
        let Base::Slot(slot) = path.base else { return false };
        self.declared.get(slot).is_some_and(|field| field.at(&path.steps).is_some())
    }

    /// The name at the end of a part, where it is written so.
    fn end_of(&self, at: At, name: &str) -> At {
        let source = self.text.as_str();
        let part = source.get(at.start as usize..at.end as usize).unwrap_or_default();
        match part.rfind(name) {
            Some(from) if at.end as usize - (at.start as usize + from + name.len()) <= 2 => {
                At::new(at.start as usize + from, at.start as usize + from + name.len())
            }
            _ => at,
        }
    }

    /// `of[key]`
    pub(super) fn item(&mut self, of: &Node, key: &Node) -> Seen {
        let (seen, key_seen) = (self.needed(of), self.needed(key));
        let (ty, null) = self.stepped_into(of, &seen, "null has no items");
        let only_null = self.is_only_null(&seen);
        let outer = seen.missing.max(key_seen.missing).max(null);
        self.leave(
            // a number with a fraction is no place in a list
            (ty.kinds().eq([ValueKind::List])
                && matches!(key_seen.ty.numbers, Numbers::Few(_))
                && key_seen.ty.kinds().eq([ValueKind::Number]))
                || (ty.kinds().eq([ValueKind::Object]) && key_seen.ty.kinds().eq([ValueKind::Text])),
        );
        let index = match &key.kind {
            Kind::Const(value) => value.as_i64(),
            Kind::Negate(inner) => match &inner.kind {
                Kind::Const(value) => value.as_i64().map(|at| -at),
                _ => None,
            },
            _ => None,
        };
        let path = seen.path.zip(index).map(|(mut path, at)| {
            path.steps.push(Step::Item(at));
            path
        });
        if !only_null && (ty.is_never() || ty.is_any() || key_seen.ty.is_any()) {
            return Seen { ty: Type::ANY, missing: outer.max(Chance::Perhaps), path };
        }
        let ty = if only_null { seen.ty } else { ty };
        let fits = |kind, key| ty.has(kind) && key_seen.ty.has(key);
        if !fits(ValueKind::List, ValueKind::Number) && !fits(ValueKind::Object, ValueKind::Text) {
            let message = format!(
                "{} is {ty}, and can't be looked up with {}, which is {}",
                self.shown(of.at),
                self.shown(key.at),
                key_seen.ty
            );
            let help = "look up a list with a number, and an object with a string".to_owned();
            self.report(codes::WRONG_OPERAND, key.at, of, message, Some(help));
            return Seen { ty: Type::ANY, missing: outer, path };
        }
        let (found, missing) = self.looked_up(&ty, index, fits(ValueKind::Object, ValueKind::Text));
        Seen { ty: found, missing: missing.max(outer), path }
    }

    #[expect(clippy::unused_self, reason = "reads as its neighbours do")]
    fn looked_up(&self, ty: &Type, index: Option<i64>, by_name: bool) -> (Type, Chance) {
        let fields = if by_name { values_of(ty) } else { Type::NEVER };
        if let (Lists::Of(list), Some(at)) = (&ty.lists, index)
            && let ListOf::Tuple(items) = &**list
        {
            let item = place(at, items.len()).and_then(|at| items.get(at));
            let missing = match (item, by_name) {
                (Some(_), false) => Chance::Never,
                (None, false) => Chance::Known,
                _ => Chance::Perhaps,
            };
            return (item.map_or(Type::ANY, |item| item.or(&fields)), missing);
        }
        (ty.item().or(&fields), Chance::Perhaps)
    }

    /// What an attribute (`a.b.0`) of a value gives.
    pub(super) fn attribute(&mut self, item: &Type, attribute: &Node, whose: &str) -> Field {
        let Kind::Const(serde_json::Value::String(written)) = &attribute.kind else {
            self.open = super::Open { missing: true, kind: true };
            return Field::ANY;
        };
        let mut here = Field::sure(item.clone());
        let mut of = whose.to_owned();
        for name in written.split('.') {
            let steps = here.ty.without(ValueKind::Null).kinds().eq([ValueKind::Object]);
            self.leave(steps && here.ty.null == Chance::Never);
            if here.ty.is_any() || here.ty.is_never() {
                self.open.missing = true;
                // what it is in may be missing as well
                return Field { ty: Type::ANY, missing: here.missing.max(Chance::Perhaps) };
            }
            let index = name.parse::<u32>().ok().filter(|_| here.ty.has(ValueKind::List));
            let inner = match index {
                Some(_) => Some(Field { ty: here.ty.item(), missing: Chance::Perhaps }),
                None => here.ty.field(name),
            };
            let Some(inner) = inner else {
                let message = if here.ty.has(ValueKind::Object) {
                    format!("{of} has no field `{name}`")
                } else {
                    format!("{of} is {}, and has no field `{name}`", here.ty)
                };
                let names = field_names(&here.ty);
                let help = suggestion(name, names.iter().map(String::as_str));
                let objects = here.ty.without(ValueKind::Null).kinds().eq([ValueKind::Object]);
                self.deciding(self.guards > 0 && objects, |inference| {
                    inference.report(codes::UNKNOWN_FIELD, attribute.at, attribute, message, help);
                });
                return Field::ANY;
            };
            here = Field { ty: inner.ty, missing: inner.missing.max(here.missing).max(here.ty.null) };
            self.open.missing |= here.missing == Chance::Perhaps;
            of = format!("`{name}`");
        }
        here
    }

    /// The roots that some parts look at.
    pub(super) fn roots_of(&self, nodes: &[&Node]) -> Vec<Root> {
        let mut slots = Vec::new();
        for node in nodes {
            visit(node, &mut |node| {
                if let Kind::Slot(slot) = node.kind
                    && !slots.contains(&slot)
                {
                    slots.push(slot);
                }
            });
        }
        slots.into_iter().filter_map(|slot| self.roots.get(slot).cloned()).collect()
    }
}

/// The names of all fields that are known.
pub(super) fn field_names(ty: &Type) -> Vec<String> {
    let Objects::Of(shapes) = &ty.objects else { return Vec::new() };
    let mut names: Vec<String> = Vec::new();
    for name in shapes.iter().flat_map(|shape| shape.fields.keys()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// What any field of an object holds.
pub(in crate::expr) fn values_of(ty: &Type) -> Type {
    match &ty.objects {
        Objects::None => Type::NEVER,
        Objects::Any => Type::ANY,
        Objects::Of(shapes) => shapes.iter().fold(Type::NEVER, |all, shape| {
            shape.fields.values().fold(all.or(&shape.rest), |all, field| all.or(&field.ty))
        }),
    }
}

/// Shows a node and all that is in it.
pub(in crate::expr) fn visit<'n>(node: &'n Node, see: &mut impl FnMut(&'n Node)) {
    see(node);
    let mut inner: Vec<&'n Node> = Vec::new();
    let given = |args: &'n [Option<Node>]| args.iter().flatten();
    match &node.kind {
        Kind::Const(_) | Kind::Slot(_) | Kind::Local(_) | Kind::Loop(..) => {}
        Kind::Field(of, _) | Kind::Not(of) | Kind::Negate(of) | Kind::Defined(of) => inner.push(of),
        Kind::Item(a, b)
        | Kind::And(a, b)
        | Kind::Or(a, b)
        | Kind::Arithmetic(_, a, b)
        | Kind::Concat(a, b)
        | Kind::Default(a, b) => inner.extend([&**a, &**b]),
        Kind::Slice(of, from, to) => {
            inner.push(of);
            inner.extend(from.iter().chain(to).map(|node| &**node));
        }
        Kind::Compare(first, rest) => {
            inner.push(first);
            inner.extend(rest.iter().map(|(_, node)| node));
        }
        Kind::If(parts) => inner.extend(parts.iter()),
        Kind::List(items) | Kind::Range(items) | Kind::FirstOf(items) | Kind::Unread(items) => {
            inner.extend(items);
        }
        Kind::Object(entries) => inner.extend(entries.iter().flat_map(|(key, value)| [key, value])),
        Kind::Filter(_, of, args) | Kind::Test(_, of, args) | Kind::Each(_, of, args) => {
            inner.push(of);
            inner.extend(given(args));
        }
        Kind::Keep(keep) => {
            inner.push(&keep.list);
            inner.extend(keep.attribute.iter());
            if let Condition::Test(_, args) = &keep.condition {
                inner.extend(given(args));
            }
        }
    }
    for node in inner {
        visit(node, see);
    }
}
