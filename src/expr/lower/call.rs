//! Filters, tests and functions: their names and their arguments against the closed table.

use minijinja::machinery::ast::{Call, CallArg, Expr, Filter, Test};

use crate::diag::{codes, suggestion};
use crate::expr::fault::Fault;
use crate::expr::filters::{
    FILTERS, MAP_ATTRIBUTE, Param, SPECIAL_FILTERS, SPECIAL_TESTS, TESTS, find_filter, find_test, other_name,
};
use crate::expr::filters::{Filter as FilterRow, Test as TestRow};
use crate::expr::ir::{At, Condition, Keep, Kind, Node};
use crate::expr::scan::{at, splat_fault};

use super::Lowering;

/// The functions.
pub(in crate::expr) const FUNCTIONS: &[&str] = &["first_of", "range"];

/// A filter with its arguments, before it is known what it is applied to.
enum Applied {
    Default(Node),
    Filter(&'static FilterRow, Vec<Option<Node>>),
    Each(&'static FilterRow, Vec<Option<Node>>),
    Keep { attribute: Option<Node>, condition: Condition, satisfied: bool },
}

impl Applied {
    fn to(self, of: Node) -> Kind {
        match self {
            Self::Default(otherwise) => Kind::Default(Box::new(of), Box::new(otherwise)),
            Self::Filter(filter, args) => Kind::Filter(filter, Box::new(of), args),
            Self::Each(filter, args) => Kind::Each(filter, Box::new(of), args),
            Self::Keep { attribute, condition, satisfied } => {
                Kind::Keep(Box::new(Keep { list: of, attribute, condition, satisfied }))
            }
        }
    }
}

impl<'s> Lowering<'s> {
    pub(super) fn filter(&mut self, filter: &Filter<'s>) -> Node {
        let name_at = self.at_name(filter.name);
        let guard = usize::from(filter.name == "default");
        self.guards += guard;
        let of = filter.expr.as_ref().map(|expr| self.expression(expr));
        self.guards -= guard;
        let Some(of) = of else { return Self::nothing(name_at) };
        let start = of.at.start;
        let applied = match filter.name {
            "default" => self.default(&filter.args, name_at),
            "map" => self.map(&filter.args, name_at),
            "select" | "reject" | "selectattr" | "rejectattr" => self.keep(filter, name_at),
            name => self.known_filter(name, name_at, &filter.args).and_then(|found| {
                Some(Applied::Filter(found, self.bind(name, found.params, &filter.args, name_at)?))
            }),
        };
        let end = self.end_of_call(name_at);
        let kind = match applied {
            Some(applied) => applied.to(of),
            None => Kind::Unread(vec![of]),
        };
        Node { at: At { start, end }, kind }
    }

    pub(super) fn test(&mut self, test: &Test<'s>) -> Node {
        let name_at = self.at_name(test.name);
        let special = SPECIAL_TESTS.contains(&test.name);
        self.guards += usize::from(special);
        let of = self.expression(&test.expr);
        self.guards -= usize::from(special);
        let node_at = At { start: of.at.start, end: self.end_of_call(name_at) };
        let asked = if special {
            self.bind(test.name, &[], &test.args, name_at).map(|_| Condition::Defined)
        } else {
            self.known_test(test.name, name_at, &test.args).and_then(|found| {
                Some(Condition::Test(found, self.bind(test.name, found.params, &test.args, name_at)?))
            })
        };
        let kind = match asked {
            Some(Condition::Defined) if test.name == "undefined" => {
                Kind::Not(Box::new(Node { at: node_at, kind: Kind::Defined(Box::new(of)) }))
            }
            Some(Condition::Defined) => Kind::Defined(Box::new(of)),
            Some(Condition::Test(found, args)) => Kind::Test(found, Box::new(of), args),
            Some(Condition::True) | None => Kind::Unread(vec![of]),
        };
        Node { at: node_at, kind }
    }

    pub(super) fn call(&mut self, call: &Call<'s>) -> Node {
        match &call.expr {
            Expr::Var(var) => self.function(var.id, &call.args),
            Expr::GetAttr(method) => {
                let name_at = self.at_name(method.name);
                let of = self.expression(&method.expr);
                self.arguments_alone(&call.args);
                let known = find_filter(method.name).is_some() || SPECIAL_FILTERS.contains(&method.name);
                let word = if known { Some(method.name) } else { other_name(method.name) };
                let help = match word {
                    Some(word) => format!("write `… | {word}`"),
                    None => "use a filter".to_owned(),
                };
                self.fault(
                    codes::METHOD_CALL,
                    name_at,
                    format!("values have no methods, and so no `{}()`", method.name),
                    help,
                );
                Self::nothing(of.at.to(name_at))
            }
            other => {
                let of = self.expression(other);
                self.arguments_alone(&call.args);
                self.fault(codes::METHOD_CALL, of.at, "a value can't be called", "remove the arguments");
                of
            }
        }
    }

    fn function(&mut self, name: &'s str, args: &[CallArg<'s>]) -> Node {
        let name_at = self.at_name(name);
        let guard = usize::from(name == "first_of");
        self.guards += guard;
        let given = self.positional(args);
        self.guards -= guard;
        let node_at = At { start: name_at.start, end: self.end_of_call(name_at) };
        let kind = match (name, given) {
            (_, None) => None,
            ("first_of", Some(choices)) if !choices.is_empty() => Some(Kind::FirstOf(choices)),
            ("first_of", Some(_)) => {
                self.fault(
                    codes::FILTER_ARGUMENT,
                    node_at,
                    "`first_of` needs at least one argument",
                    "write what it chooses from: `first_of(a, b)`",
                );
                None
            }
            ("range", Some(bounds)) if (1..=3).contains(&bounds.len()) => Some(Kind::Range(bounds)),
            ("range", Some(_)) => {
                self.fault(
                    codes::FILTER_ARGUMENT,
                    node_at,
                    "`range` takes one to three numbers",
                    "write `range(to)`, `range(from, to)` or `range(from, to, step)`",
                );
                None
            }
            (name, Some(_)) => {
                self.unknown_function(name, name_at);
                None
            }
        };
        kind.map_or_else(|| Self::nothing(node_at), |kind| Node { at: node_at, kind })
    }

    /// Where the call of the name ends: behind its arguments, where there are some.
    fn end_of_call(&self, name: At) -> u32 {
        let rest = &self.source[name.end as usize..];
        let open = rest.len() - rest.trim_start().len();
        if !rest[open..].starts_with('(') {
            return name.end;
        }
        let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
        for (at, c) in rest[open..].char_indices() {
            match (quote, c) {
                _ if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '(' | '[' | '{') => depth += 1,
                (None, ')' | ']' | '}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return name.end + (open + at + 1) as u32;
                    }
                }
                _ => {}
            }
        }
        name.end
    }

    fn default(&mut self, args: &[CallArg<'s>], name_at: At) -> Option<Applied> {
        const VALUE: &[Param] = &[Param { name: "value", required: true }];
        let args = self.bind("default", VALUE, args, name_at)?;
        args.into_iter().next().flatten().map(Applied::Default)
    }

    /// `map(attribute='a.b')` or `map('filter', …)`.
    fn map(&mut self, args: &[CallArg<'s>], name_at: At) -> Option<Applied> {
        let Some((CallArg::Pos(first), rest)) = args.split_first() else {
            let args = self.bind("map", MAP_ATTRIBUTE.params, args, name_at)?;
            return Some(Applied::Filter(&MAP_ATTRIBUTE, args));
        };
        let (name, name_at) = self.literal_name(first, "filter")?;
        let filter = self.known_filter(&name, name_at, rest)?;
        let args = self.bind(&name, filter.params, rest, name_at)?;
        Some(Applied::Each(filter, args))
    }

    fn keep(&mut self, filter: &Filter<'s>, name_at: At) -> Option<Applied> {
        let by_attribute = filter.name.ends_with("attr");
        let mut satisfied = filter.name.starts_with("select");
        let mut args = &filter.args[..];
        let mut attribute = None;
        if by_attribute {
            let Some((CallArg::Pos(first), rest)) = args.split_first() else {
                let message = format!("`{}` needs the name of an attribute", filter.name);
                self.fault(
                    codes::FILTER_ARGUMENT,
                    name_at,
                    message,
                    format!("write `{}('name')`", filter.name),
                );
                return None;
            };
            attribute = Some(self.expression(first));
            args = rest;
        }
        let condition = match args.split_first() {
            None => Condition::True,
            Some((CallArg::Pos(first), rest)) => {
                let (name, test_at) = self.literal_name(first, "test")?;
                satisfied ^= name == "undefined";
                self.condition(&name, rest, test_at)?
            }
            Some(_) => {
                self.bind(filter.name, &[], args, name_at);
                return None;
            }
        };
        Some(Applied::Keep { attribute, condition, satisfied })
    }

    fn condition(&mut self, name: &str, args: &[CallArg<'s>], name_at: At) -> Option<Condition> {
        if SPECIAL_TESTS.contains(&name) {
            return self.bind(name, &[], args, name_at).map(|_| Condition::Defined);
        }
        let test = self.known_test(name, name_at, args)?;
        self.bind(name, test.params, args, name_at).map(|args| Condition::Test(test, args))
    }

    /// The filter of that name, or a finding.
    fn known_filter(&mut self, name: &str, at: At, args: &[CallArg<'s>]) -> Option<&'static FilterRow> {
        let found = find_filter(name);
        if found.is_none() {
            self.unknown_filter(name, at);
            self.arguments_alone(args);
        }
        found
    }

    /// The test of that name, or a finding.
    fn known_test(&mut self, name: &str, at: At, args: &[CallArg<'s>]) -> Option<&'static TestRow> {
        let found = find_test(name);
        if found.is_none() {
            self.unknown_test(name, at);
            self.arguments_alone(args);
        }
        found
    }

    /// The name of a filter or a test, given as a string: a literal, so that it can be checked.
    fn literal_name(&mut self, expr: &Expr<'s>, what: &str) -> Option<(String, At)> {
        if let Expr::Const(constant) = expr
            && let Some(name) = constant.value.as_str()
        {
            let quoted = at(constant.span());
            return Some((
                name.to_owned(),
                At { start: quoted.start + 1, end: quoted.end.saturating_sub(1) },
            ));
        }
        let node = self.expression(expr);
        let message = format!("the name of a {what} is a literal string");
        self.fault(codes::FILTER_ARGUMENT, node.at, message, format!("write the name of a {what} in quotes"));
        None
    }

    /// Each argument at the place of its parameter.
    fn bind(
        &mut self,
        name: &str,
        params: &[Param],
        args: &[CallArg<'s>],
        name_at: At,
    ) -> Option<Vec<Option<Node>>> {
        let before = self.faults.len();
        let mut bound: Vec<Option<Node>> = params.iter().map(|_| None).collect();
        for (place, arg) in args.iter().enumerate() {
            match arg {
                CallArg::Pos(expr) => {
                    let node = self.expression(expr);
                    match bound.get_mut(place) {
                        Some(slot) => *slot = Some(node),
                        None => self.too_many(name, params, node.at),
                    }
                }
                CallArg::Kwarg(word, expr) => {
                    let node = self.expression(expr);
                    match params.iter().position(|param| param.name == *word) {
                        Some(at) if bound[at].is_none() => bound[at] = Some(node),
                        Some(_) => {
                            let at = self.at_name(word);
                            self.fault(
                                codes::FILTER_ARGUMENT,
                                at,
                                format!("`{word}` is given twice"),
                                "remove one of them",
                            );
                        }
                        None => self.unknown_argument(name, params, word),
                    }
                }
                CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
                    let node = self.expression(expr);
                    self.faults.push(splat_fault(node.at));
                }
            }
        }
        let missing = params.iter().zip(&bound).find(|(param, given)| param.required && given.is_none());
        if let Some((param, _)) = missing.filter(|_| self.faults.len() == before) {
            let message = format!("`{name}` needs an argument `{}`", param.name);
            let list: Vec<&str> =
                params.iter().filter(|param| param.required).map(|param| param.name).collect();
            self.fault(
                codes::FILTER_ARGUMENT,
                name_at,
                message,
                format!("write `{name}({})`", list.join(", ")),
            );
        }
        (self.faults.len() == before).then_some(bound)
    }

    fn too_many(&mut self, name: &str, params: &[Param], at: At) {
        let message = match params.len() {
            0 => format!("`{name}` takes no argument"),
            1 => format!("`{name}` takes one argument"),
            many => format!("`{name}` takes {many} arguments"),
        };
        self.fault(codes::FILTER_ARGUMENT, at, message, "remove this one");
    }

    fn unknown_argument(&mut self, name: &str, params: &[Param], word: &str) {
        let at = self.at_name(word);
        let help =
            suggestion(word, params.iter().map(|param| param.name)).unwrap_or_else(|| "remove it".to_owned());
        self.fault(codes::FILTER_ARGUMENT, at, format!("`{name}` has no argument `{word}`"), help);
    }

    fn positional(&mut self, args: &[CallArg<'s>]) -> Option<Vec<Node>> {
        let before = self.faults.len();
        let mut given = Vec::with_capacity(args.len());
        for arg in args {
            match arg {
                CallArg::Pos(expr) => given.push(self.expression(expr)),
                CallArg::Kwarg(word, expr) => {
                    self.expression(expr);
                    let at = self.at_name(word);
                    self.fault(
                        codes::FILTER_ARGUMENT,
                        at,
                        "functions take arguments by place",
                        format!("remove `{word}=`"),
                    );
                }
                CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
                    let node = self.expression(expr);
                    self.faults.push(splat_fault(node.at));
                }
            }
        }
        (self.faults.len() == before).then_some(given)
    }

    /// The arguments of what does not exist: their own faults and references count all the same.
    fn arguments_alone(&mut self, args: &[CallArg<'s>]) {
        for arg in args {
            match arg {
                CallArg::Pos(expr)
                | CallArg::Kwarg(_, expr)
                | CallArg::PosSplat(expr)
                | CallArg::KwargSplat(expr) => {
                    self.expression(expr);
                }
            }
        }
    }

    fn unknown_filter(&mut self, name: &str, at: At) {
        let known = SPECIAL_FILTERS.iter().copied().chain(FILTERS.iter().map(|filter| filter.name));
        let help =
            other_name(name).filter(|word| find_filter(word).is_some() || SPECIAL_FILTERS.contains(word));
        let help = help.map(|word| format!("write `{word}`")).or_else(|| suggestion(name, known));
        let all = || SPECIAL_FILTERS.iter().copied().chain(FILTERS.iter().map(|filter| filter.name));
        let help = help.unwrap_or_else(|| {
            let names: Vec<String> = all().map(|name| format!("`{name}`")).collect();
            format!("use one of {}", names.join(", "))
        });
        self.faults
            .push(Fault::new(codes::UNKNOWN_FILTER, at, format!("there is no filter `{name}`")).help(help));
    }

    fn unknown_test(&mut self, name: &str, at: At) {
        let known = SPECIAL_TESTS.iter().copied().chain(TESTS.iter().map(|test| test.name));
        let help = other_name(name).filter(|word| find_test(word).is_some());
        let help = help.map(|word| format!("write `{word}`")).or_else(|| suggestion(name, known));
        self.faults
            .push(Fault::new(codes::UNKNOWN_TEST, at, format!("there is no test `{name}`")).maybe_help(help));
    }

    fn unknown_function(&mut self, name: &str, at: At) {
        let help = match find_filter(name) {
            Some(_) => Some(format!("write it as a filter: `… | {name}`")),
            None => suggestion(name, FUNCTIONS.iter().copied()),
        };
        self.faults.push(
            Fault::new(codes::UNKNOWN_FUNCTION, at, format!("there is no function `{name}`"))
                .maybe_help(help),
        );
    }
}
