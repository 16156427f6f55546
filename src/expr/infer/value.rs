//! The type of each kind of expression.

use crate::diag::codes;
use crate::expr::filters::{Filter, Test};
use crate::expr::ir::{Condition, Keep, Kind, LoopField, Node};
use crate::types::{Chance, Field, Fields, Kind as ValueKind, ObjectOf, Step, Type};

use super::call::Call;
use super::{Base, Inference, Seen};

/// Lists that are written out and known item by item.
const LONGEST: usize = 64;

impl Inference<'_> {
    /// What a part gives, and whether it can be missing.
    pub(super) fn value(&mut self, node: &Node) -> Seen {
        match &node.kind {
            Kind::Const(value) => Seen::sure(Type::of_value(value)),
            Kind::Slot(at) => self.slot(*at),
            Kind::Local(at) => self.local(*at),
            Kind::Loop(_, LoopField::First | LoopField::Last) => Seen::sure(Type::BOOL),
            Kind::Loop(..) => Seen::sure(Type::WHOLE),
            Kind::Field(of, name) => self.field(of, name, node.at),
            Kind::Item(of, key) => self.item(of, key),
            Kind::Slice(of, from, to) => self.slice(of, from.as_deref(), to.as_deref()),
            Kind::Not(of) => {
                let missing = self.condition(of);
                Seen { missing, ..Seen::sure(Type::BOOL) }
            }
            Kind::Negate(of) => self.negate(of),
            Kind::And(a, b) => self.both(a, b, true),
            Kind::Or(a, b) => self.both(a, b, false),
            Kind::Compare(first, rest) => self.compare(first, rest),
            Kind::Arithmetic(operation, a, b) => self.arithmetic(*operation, a, b),
            Kind::Concat(a, b) => {
                let missing = self.spliced(a).max(self.spliced(b));
                Seen { missing, ..Seen::sure(Type::TEXT) }
            }
            Kind::If(parts) => self.choice(parts),
            Kind::List(items) => self.list(items),
            Kind::Object(entries) => self.object(entries),
            Kind::Range(bounds) => self.range(bounds),
            Kind::FirstOf(choices) => self.first_of(choices),
            Kind::Default(of, otherwise) => self.default(of, otherwise),
            Kind::Defined(of) => {
                self.guarded(of);
                Seen::sure(Type::BOOL)
            }
            Kind::Filter(filter, of, args) => self.filter(filter, node, of, args),
            Kind::Test(test, of, args) => self.test(test, node, of, args),
            Kind::Each(filter, list, args) => self.each(filter, node, list, args),
            Kind::Keep(keep) => self.keep(keep),
            Kind::Unread(parts) => {
                // what is wrong in them is told, and not what they have to do with it
                for part in parts {
                    self.guarded(part);
                }
                Seen::sure(Type::ANY)
            }
        }
    }

    /// What a part gives where something around takes that it is missing.
    pub(super) fn guarded(&mut self, node: &Node) -> Seen {
        self.guards += 1;
        let seen = self.value(node);
        self.guards -= 1;
        seen
    }

    fn both(&mut self, a: &Node, b: &Node, needed: bool) -> Seen {
        let (first, faulty) = self.asked(a);
        let before = (self.slots.clone(), self.locals.clone());
        let second = self.where_asked(a, needed, faulty, |of| of.condition(b)).unwrap_or(Chance::Never);
        (self.slots, self.locals) = before;
        Seen { missing: first.max(second), ..Seen::sure(Type::BOOL) }
    }

    fn choice(&mut self, parts: &[Node; 3]) -> Seen {
        let [condition, then, otherwise] = parts;
        let (missing, faulty) = self.asked(condition);
        let before = (self.slots.clone(), self.locals.clone());
        let mut seen = Seen { missing, ..Seen::sure(Type::NEVER) };
        for (part, truth) in [(then, true), (otherwise, false)] {
            if let Some(branch) = self.where_asked(condition, truth, faulty, |of| of.needed(part)) {
                let missing = seen.missing.max(branch.missing);
                seen = Seen { ty: seen.ty.or(&branch.ty), missing, path: None };
            }
            (self.slots, self.locals) = before.clone();
        }
        seen
    }

    /// A condition, and whether something is wrong with it.
    pub(super) fn asked(&mut self, condition: &Node) -> (Chance, bool) {
        let before = self.faults;
        (self.condition(condition), self.faults > before)
    }

    /// What is come to where a condition has come to `truth`: nothing is, where it never does. Where that is so by a
    /// fault of the condition, it is looked at all the same.
    pub(super) fn where_asked<T>(
        &mut self,
        condition: &Node,
        truth: bool,
        faulty: bool,
        judge: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let possible = self.assume_quietly(condition, truth);
        (possible || faulty).then(|| self.deciding(!possible, judge))
    }

    pub(super) fn assume_quietly(&mut self, condition: &Node, truth: bool) -> bool {
        self.quiet += 1;
        let possible = self.assume(condition, truth);
        self.quiet -= 1;
        possible
    }

    fn list(&mut self, items: &[Node]) -> Seen {
        let seen: Vec<Seen> = items.iter().map(|item| self.needed(item)).collect();
        let missing = chance(&seen);
        let types: Vec<Type> = seen.into_iter().map(|seen| seen.ty).collect();
        let ty = if types.len() <= LONGEST { Type::tuple(types) } else { Type::list(Type::any_of(&types)) };
        Seen { missing, ..Seen::sure(ty) }
    }

    fn object(&mut self, entries: &[(Node, Node)]) -> Seen {
        let mut made = ObjectOf { fields: Fields::new(), rest: Type::NEVER };
        let mut missing = Chance::Never;
        for (key, value) in entries {
            let (key_seen, value) = (self.needed(key), self.needed(value));
            missing = missing.max(key_seen.missing).max(value.missing);
            if let Kind::Const(serde_json::Value::String(name)) = &key.kind {
                made.fields.insert(name.clone(), Field::sure(value.ty));
                continue;
            }
            self.takes(key, &key_seen, &[ValueKind::Text], "a key is a string");
            // a computed key may be any, also one that is written
            made.rest = made.rest.or(&value.ty);
            made.fields.iter_mut().for_each(|(_, field)| field.ty = field.ty.or(&value.ty));
        }
        Seen { missing, ..Seen::sure(Type::object(made)) }
    }

    fn range(&mut self, bounds: &[Node]) -> Seen {
        let mut missing = Chance::Never;
        for bound in bounds {
            let seen = self.needed(bound);
            missing = missing.max(seen.missing);
            self.takes(bound, &seen, &[ValueKind::Number], "`range` takes whole numbers");
        }
        Seen { missing, ..Seen::sure(Type::list(Type::WHOLE)) }
    }

    fn first_of(&mut self, choices: &[Node]) -> Seen {
        let before = (self.slots.clone(), self.locals.clone());
        let mut seen = Seen { missing: Chance::Known, ..Seen::sure(Type::NEVER) };
        for choice in choices {
            let next = self.guarded(choice);
            let ty = if seen.missing == Chance::Never { seen.ty } else { seen.ty.or(&next.ty) };
            seen = Seen { ty, missing: seen.missing.min(next.missing), path: None };
            // the next is asked where nothing was there before it
            self.is_missing(choice);
        }
        (self.slots, self.locals) = before;
        seen
    }

    fn default(&mut self, of: &Node, otherwise: &Node) -> Seen {
        let seen = self.guarded(of);
        let before = (self.slots.clone(), self.locals.clone());
        let other = self.is_missing(of).then(|| self.needed(otherwise));
        (self.slots, self.locals) = before;
        // what would stand in is never come to
        let Some(other) = other else { return Seen { path: None, ..seen } };
        if seen.missing == Chance::Never {
            return Seen { path: None, ..seen };
        }
        Seen { ty: seen.ty.or(&other.ty), missing: other.missing, path: None }
    }

    fn slice(&mut self, of: &Node, from: Option<&Node>, to: Option<&Node>) -> Seen {
        let seen = self.needed(of);
        let mut missing = seen.missing;
        for bound in from.into_iter().chain(to) {
            let seen = self.needed(bound);
            missing = missing.max(seen.missing);
            self.takes(bound, &seen, &[ValueKind::Number], "a part is taken by whole numbers");
        }
        let ty = self.takes(
            of,
            &seen,
            &[ValueKind::Text, ValueKind::List],
            "parts are taken of lists and strings",
        );
        Seen { missing, ..Seen::sure(part_of(&ty)) }
    }

    fn filter(&mut self, filter: &'static Filter, node: &Node, of: &Node, args: &[Option<Node>]) -> Seen {
        let seen = self.needed(of);
        let (given, missing) = self.arguments(args);
        let outer = seen.missing.max(missing);
        let mut call = Call {
            inference: self,
            name: filter.name,
            is_test: false,
            node,
            of,
            seen: &seen,
            args,
            given: &given,
        };
        let Field { ty, missing } = (filter.gives)(&mut call);
        Seen { ty, missing: missing.max(outer), path: None }
    }

    fn test(&mut self, test: &'static Test, node: &Node, of: &Node, args: &[Option<Node>]) -> Seen {
        let seen = self.needed(of);
        let (given, missing) = self.arguments(args);
        let missing = seen.missing.max(missing);
        let mut call = Call {
            inference: self,
            name: test.name,
            is_test: true,
            node,
            of,
            seen: &seen,
            args,
            given: &given,
        };
        (test.asks)(&mut call);
        Seen { missing, ..Seen::sure(Type::BOOL) }
    }

    fn arguments(&mut self, args: &[Option<Node>]) -> (Vec<Option<Seen>>, Chance) {
        let given: Vec<Option<Seen>> =
            args.iter().map(|arg| arg.as_ref().map(|arg| self.needed(arg))).collect();
        let missing = given.iter().flatten().map(|seen| seen.missing).max().unwrap_or(Chance::Never);
        (given, missing)
    }

    /// `map('filter', …)`
    fn each(&mut self, filter: &'static Filter, node: &Node, list: &Node, args: &[Option<Node>]) -> Seen {
        let seen = self.needed(list);
        let ty = self.takes(list, &seen, &[ValueKind::List], "`map` takes a list");
        let (given, missing) = self.arguments(args);
        let outer = seen.missing.max(missing);
        let item = Seen::sure(item_of(&ty));
        let mut call = Call {
            inference: self,
            name: filter.name,
            is_test: false,
            node,
            of: list,
            seen: &item,
            args,
            given: &given,
        };
        let made = (filter.gives)(&mut call);
        Seen { missing: outer.max(made.missing.min(Chance::Perhaps)), ..Seen::sure(Type::list(made.ty)) }
    }

    /// `select`, `reject` and their like.
    fn keep(&mut self, keep: &Keep) -> Seen {
        let seen = self.needed(&keep.list);
        let ty = self.takes(&keep.list, &seen, &[ValueKind::List], "it chooses from a list");
        let mut missing = seen.missing;
        let item = item_of(&ty);
        let looked_at = match &keep.attribute {
            Some(attribute) => {
                missing = missing.max(self.needed(attribute).missing);
                let takes_none = usize::from(matches!(keep.condition, Condition::Defined));
                self.guards += takes_none;
                let field = self.attribute(&item, attribute, "an item");
                self.guards -= takes_none;
                field
            }
            None => Field::sure(item.clone()),
        };
        match &keep.condition {
            Condition::Defined => {}
            Condition::True => {
                let seen = Seen::sure(looked_at.ty);
                self.takes(
                    &keep.list,
                    &seen,
                    &[ValueKind::Bool],
                    "without a test, it asks whether an item is true",
                );
            }
            Condition::Test(test, args) => {
                let (given, unknown) = self.arguments(args);
                missing = missing.max(unknown);
                let asked = Seen::sure(looked_at.ty);
                let of = keep.attribute.as_ref().unwrap_or(&keep.list);
                self.attribute = keep.attribute.as_ref().map(|attribute| attribute.at);
                let mut call = Call {
                    inference: self,
                    name: test.name,
                    is_test: true,
                    node: of,
                    of,
                    seen: &asked,
                    args,
                    given: &given,
                };
                (test.asks)(&mut call);
                self.attribute = None;
                self.never_kept(keep, &seen, test.name, args);
            }
        }
        let kept = self.kept(keep, &item);
        Seen { missing, ..Seen::sure(Type::list(kept)) }
    }

    /// Words of a test that no item has, as the list is declared.
    fn never_kept(&mut self, keep: &Keep, list: &Seen, test: &str, args: &[Option<Node>]) {
        let constants: Vec<&Node> = match (test, args.first()) {
            ("eq" | "ne", Some(Some(one))) => vec![one],
            ("in", Some(Some(Node { kind: Kind::List(all), .. }))) => all.iter().collect(),
            _ => return,
        };
        let Some(declared) = self.declared_at(list) else { return };
        let (item, of) = (item_of(&declared.ty), keep.attribute.as_ref());
        let looked_at = match of.map(|attribute| &attribute.kind) {
            None => Some(item),
            Some(Kind::Const(serde_json::Value::String(path))) => {
                path.split('.').try_fold(item, |ty, name| Some(ty.field(name)?.ty))
            }
            Some(_) => None,
        };
        let Some(looked_at) = looked_at else { return };
        for constant in constants {
            // a word of another kind is told as that
            let Kind::Const(value) = &constant.kind else { continue };
            let alike = Type::of_value(value).kinds().all(|kind| looked_at.has(kind));
            if alike {
                self.never_is(of.unwrap_or(&keep.list), &looked_at, constant);
            }
        }
    }

    /// The items that are left, as far as the condition tells.
    fn kept(&mut self, keep: &Keep, item: &Type) -> Type {
        let path: Option<Vec<Step>> = match &keep.attribute {
            None => Some(Vec::new()),
            Some(Node { kind: Kind::Const(serde_json::Value::String(path)), .. }) => {
                let names = path.split('.').map(|name| match name.parse::<u32>() {
                    Ok(_) => None,
                    Err(_) => Some(Step::Field(name.to_owned())),
                });
                names.collect()
            }
            Some(_) => None,
        };
        let Some(path) = path else { return item.clone() };
        let other = match &keep.condition {
            Condition::Test(_, args) => match args.first() {
                Some(Some(arg)) => {
                    self.quiet += 1;
                    let seen = self.value(arg);
                    self.quiet -= 1;
                    Some(seen.ty)
                }
                _ => None,
            },
            _ => None,
        };
        let known = |ty: &Type| match (&keep.condition, keep.satisfied) {
            (Condition::Test(test, _), truth) => super::assume::tested(test.name, ty, other.as_ref(), truth),
            (Condition::True, truth) => ty.and(&Type::of_value(&truth.into())),
            (Condition::Defined, _) => ty.clone(),
        };
        if !keep.satisfied && !path.is_empty() && matches!(keep.condition, Condition::Defined) {
            return item.clone();
        }
        let narrowed = Field::sure(item.clone()).narrowed(&path, &known);
        // no item has what is asked for
        let none = keep.satisfied && matches!(keep.condition, Condition::Defined);
        narrowed.map_or_else(|| if none { Type::NEVER } else { item.clone() }, |field| field.ty)
    }

    /// Takes the variables of a `for`: one item, or its parts.
    pub(super) fn bind(&mut self, targets: &[usize], item: &Type) {
        if let [local] = targets {
            self.set(*local, item.clone());
            return;
        }
        for (at, local) in targets.iter().enumerate() {
            let part = Field::sure(item.clone()).at(&[Step::item(at)]);
            self.set(*local, part.map_or(Type::ANY, |part| part.ty));
        }
    }

    pub(super) fn set(&mut self, local: usize, ty: Type) {
        if let Some(field) = self.locals.get_mut(local) {
            *field = Field::sure(ty);
        }
    }

    /// A condition: true or false, and nothing else counts as one of them.
    pub(super) fn condition(&mut self, node: &Node) -> Chance {
        let seen = self.needed(node);
        let ty = &seen.ty;
        self.leave(ty.without(ValueKind::Null).kinds().eq([ValueKind::Bool]));
        if ty.is_any() || ty.is_never() {
            return seen.missing;
        }
        if ty.has(ValueKind::Bool) {
            self.without_null(node, &seen, "a condition is true or false");
        } else {
            let message = format!("{} is {ty}, and a condition is true or false", self.shown(node.at));
            let shown = self.shown(node.at);
            let shown = shown.trim_matches('`');
            let help = condition_help(ty, &if binds(node) { shown.to_owned() } else { format!("({shown})") });
            self.report(codes::NOT_A_CONDITION, node.at, node, message, Some(help));
        }
        seen.missing
    }

    pub(super) fn base_type(&mut self, base: Base) -> Option<&mut Field> {
        match base {
            Base::Slot(slot) => self.slots.get_mut(slot),
            Base::Local(local) => self.locals.get_mut(local),
        }
    }
}

/// Does it stay together where something is asked of it? Operators and `if` want brackets.
fn binds(node: &Node) -> bool {
    !matches!(
        node.kind,
        Kind::Not(_)
            | Kind::Negate(_)
            | Kind::And(..)
            | Kind::Or(..)
            | Kind::Compare(..)
            | Kind::Arithmetic(..)
            | Kind::Concat(..)
            | Kind::If(_)
            | Kind::Test(..)
            | Kind::Defined(_)
    )
}

fn condition_help(ty: &Type, shown: &str) -> String {
    match ty.kinds().next() {
        Some(ValueKind::Number) => format!("write `{shown} != 0`"),
        Some(ValueKind::Text | ValueKind::List | ValueKind::Object) => {
            format!("write `{shown} is not empty`")
        }
        _ => format!("compare it with something: `{shown} == …`"),
    }
}

fn chance(seen: &[Seen]) -> Chance {
    seen.iter().map(|seen| seen.missing).max().unwrap_or(Chance::Never)
}

/// An item of lists, where there are some.
pub(in crate::expr) fn item_of(ty: &Type) -> Type {
    if ty.has(ValueKind::List) { ty.item() } else { Type::ANY }
}

/// A part of a list or a string.
pub(in crate::expr) fn part_of(ty: &Type) -> Type {
    let list = if ty.has(ValueKind::List) { Type::list(ty.item()) } else { Type::NEVER };
    let text = if ty.has(ValueKind::Text) { Type::TEXT } else { Type::NEVER };
    let part = list.or(&text);
    if part.is_never() { Type::ANY } else { part }
}
