//! Expressions and templates, for the part of the language that the generator writes: a reader that goes by the
//! letter and looks everything up anew. Knows no graph; what names mean is told by a scope.

use serde_json::{Value as Json, json};

/// Why an expression has no value.
#[derive(Debug)]
#[expect(dead_code, reason = "the text is for whoever looks for a disagreement")]
pub enum Fault {
    /// Something in it is missing: `default` and `is defined` forgive that.
    Missing,
    /// More than a number can be: nothing forgives that.
    TooLarge,
    /// Anything else: nothing forgives that.
    Wrong(String),
}

pub type Valued = Result<Json, Fault>;

/// What a name means: a root, and behind `nodes`, `inputs`, `state` and `loops` the name after it.
pub type Scope<'s> = &'s dyn Fn(&str, Option<&str>) -> Valued;

/// The value of a bare expression.
pub fn evaluate(source: &str, scope: Scope<'_>) -> Valued {
    let mut reader = Reader { rest: source, scope };
    let value = reader.either();
    reader.space();
    assert!(reader.rest.is_empty(), "`{source}`: what is `{}`?", reader.rest);
    value
}

/// A condition: a boolean and nothing else.
pub fn holds(source: &str, scope: Scope<'_>) -> Result<bool, Fault> {
    evaluate(source, scope)?.as_bool().ok_or_else(|| Fault::Wrong(format!("`{source}` is no condition")))
}

/// The value of a tree of templates.
pub fn fill(tree: &Json, scope: Scope<'_>) -> Valued {
    match tree {
        Json::String(text) => template(text, scope),
        Json::Array(items) => items.iter().map(|item| fill(item, scope)).collect(),
        Json::Object(entries) => {
            entries.iter().map(|(key, value)| Ok((key.clone(), fill(value, scope)?))).collect()
        }
        other => Ok(other.clone()),
    }
}

/// Exactly one `{{ … }}` gives the expression's own value, anything else a text.
fn template(text: &str, scope: Scope<'_>) -> Valued {
    let whole = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(inner) = whole.filter(|inner| !inner.contains("{{")) {
        return evaluate(inner.trim(), scope);
    }
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inner, after) = after.split_once("}}").expect("a template is closed");
        made.push_str(before);
        match evaluate(inner.trim(), scope)? {
            Json::String(part) => made.push_str(&part),
            part @ (Json::Number(_) | Json::Bool(_)) => made.push_str(&part.to_string()),
            other => return Err(Fault::Wrong(format!("{other} is no text"))),
        }
        rest = after;
    }
    made.push_str(rest);
    Ok(Json::String(made))
}

/// Reads and evaluates at once: what has no value is read on to its end, for something around it may forgive that.
struct Reader<'t, 's> {
    rest: &'t str,
    scope: Scope<'s>,
}

impl Reader<'_, '_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A word of the language, and not the begin of a longer one.
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let longer = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let found = self.rest.strip_prefix(word).filter(|rest| !rest.starts_with(longer));
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn name(&mut self) -> String {
        self.space();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name.to_owned()
    }

    /// `a or b`: the second is looked at only if it matters.
    fn either(&mut self) -> Valued {
        let mut left = self.both();
        while self.word("or") {
            let right = self.both();
            left = truth(left)
                .and_then(|first| if first { Ok(json!(true)) } else { truth(right).map(Json::from) });
        }
        left
    }

    fn both(&mut self) -> Valued {
        let mut left = self.negated();
        while self.word("and") {
            let right = self.negated();
            left = truth(left)
                .and_then(|first| if first { truth(right).map(Json::from) } else { Ok(json!(false)) });
        }
        left
    }

    fn negated(&mut self) -> Valued {
        if self.word("not") {
            let inner = self.negated();
            return truth(inner).map(|held| json!(!held));
        }
        self.compared()
    }

    fn compared(&mut self) -> Valued {
        let left = self.added();
        for sign in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.take(sign) {
                let right = self.added();
                return left.and_then(|left| compare(sign, &left, &right?));
            }
        }
        left
    }

    fn added(&mut self) -> Valued {
        let mut left = self.divided();
        while self.take("+") {
            let right = self.divided();
            left = left.and_then(|left| add(left, right?));
        }
        left
    }

    fn divided(&mut self) -> Valued {
        let mut left = self.filtered();
        while self.take("%") {
            let right = self.filtered();
            left = left.and_then(|left| number(whole(&left)?.rem_euclid(whole(&right?)?)));
        }
        left
    }

    fn filtered(&mut self) -> Valued {
        let mut value = self.single();
        loop {
            if self.take(".") {
                let field = self.name();
                value = value.and_then(|value| value.get(&field).cloned().ok_or(Fault::Missing));
            } else if self.take("[") {
                let index = self.either();
                assert!(self.take("]"), "an index is closed");
                value = value.and_then(|value| {
                    let at = usize::try_from(whole(&index?)?).unwrap_or(usize::MAX);
                    value.get(at).cloned().ok_or(Fault::Missing)
                });
            } else if self.take("|") {
                value = self.filter(value);
            } else {
                return value;
            }
        }
    }

    fn filter(&mut self, value: Valued) -> Valued {
        let filter = self.name();
        let argument = if self.take("(") { Some(self.argument()) } else { None };
        match (filter.as_str(), argument) {
            ("default", Some(other)) => match value {
                Err(Fault::Missing) => other,
                kept => kept,
            },
            ("length", None) => value.map(|value| json!(value.as_array().map_or(0, Vec::len))),
            ("tojson", None) => value.map(|value| json!(value.to_string())),
            ("int", None) => value.and_then(|value| match &value {
                Json::String(text) => {
                    let number = text.parse::<i64>();
                    number.map(Json::from).map_err(|_| Fault::Wrong(format!("{text} is no number")))
                }
                other => number(whole(other)?),
            }),
            ("map", Some(attribute)) => {
                let attribute = attribute?;
                let field = attribute.as_str().unwrap_or_default();
                value.and_then(|value| {
                    let items = value.as_array().into_iter().flatten();
                    items.map(|item| item.get(field).cloned().ok_or(Fault::Missing)).collect()
                })
            }
            (other, _) => panic!("the filter `{other}`"),
        }
    }

    /// One argument, with or without a name.
    fn argument(&mut self) -> Valued {
        let _ = self.take("attribute=");
        let value = self.either();
        assert!(self.take(")"), "arguments are closed");
        value
    }

    fn single(&mut self) -> Valued {
        self.space();
        if self.take("(") {
            let inner = self.either();
            assert!(self.take(")"), "a bracket is closed: {}", self.rest);
            return inner;
        }
        if self.take("[") {
            return self.list();
        }
        if self.take("{") {
            return self.object();
        }
        if self.take("'") {
            let (text, rest) = self.rest.split_once('\'').expect("a string is closed");
            self.rest = rest;
            return Ok(json!(text));
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let digits = self.name();
            return Ok(json!(digits.parse::<i64>().expect("a whole number")));
        }
        let name = self.name();
        self.named(&name)
    }

    fn list(&mut self) -> Valued {
        let mut items = Vec::new();
        while !self.take("]") {
            items.push(self.either());
            let _ = self.take(",");
        }
        items.into_iter().collect()
    }

    fn object(&mut self) -> Valued {
        let mut entries = serde_json::Map::new();
        let mut fault = None;
        while !self.take("}") {
            let key = self.single();
            assert!(self.take(":"), "a key has a value: {}", self.rest);
            match (key, self.either()) {
                (Ok(Json::String(key)), Ok(value)) => drop(entries.insert(key, value)),
                (Err(stop), _) | (_, Err(stop)) => fault = fault.or(Some(stop)),
                (Ok(key), _) => panic!("the key {key} is no text"),
            }
            let _ = self.take(",");
        }
        fault.map_or(Ok(Json::Object(entries)), Err)
    }

    fn named(&mut self, name: &str) -> Valued {
        let second = match name {
            "true" => return Ok(json!(true)),
            "false" => return Ok(json!(false)),
            "range" => {
                assert!(self.take("("), "range takes a number");
                let to = self.argument();
                return to.and_then(|to| numbers(whole(&to)?));
            }
            "nodes" | "inputs" | "state" | "loops" => {
                assert!(self.take("."), "`{name}` is no value");
                Some(self.name())
            }
            _ => None,
        };
        (self.scope)(name, second.as_deref())
    }
}

fn truth(value: Valued) -> Result<bool, Fault> {
    let value = value?;
    value.as_bool().ok_or_else(|| Fault::Wrong(format!("{value} is neither true nor false")))
}

/// A whole number is one of 64 bits, with a sign or without.
fn whole(value: &Json) -> Result<i128, Fault> {
    let known = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    known.ok_or_else(|| Fault::Wrong(format!("{value} is no whole number")))
}

fn number(whole: i128) -> Valued {
    let with_sign = i64::try_from(whole).map(|whole| json!(whole));
    with_sign.or_else(|_| u64::try_from(whole).map(|whole| json!(whole))).map_err(|_| Fault::TooLarge)
}

/// The numbers from 0; of a list that no expression may make there is none.
fn numbers(to: i128) -> Valued {
    if to > 100_000 {
        return Err(Fault::Wrong(format!("{to} items are too many")));
    }
    (0..to).map(number).collect()
}

fn add(left: Json, right: Json) -> Valued {
    match (left, right) {
        (Json::Array(mut left), Json::Array(right)) => {
            left.extend(right);
            Ok(Json::Array(left))
        }
        (left, right) => sum(&left, &right),
    }
}

/// `+` of two numbers, in expressions and in channels.
pub fn sum(left: &Json, right: &Json) -> Valued {
    number(whole(left)? + whole(right)?)
}

fn compare(sign: &str, left: &Json, right: &Json) -> Valued {
    if sign == "==" || sign == "!=" {
        let comparable = std::mem::discriminant(left) == std::mem::discriminant(right);
        let kinds = || Fault::Wrong(format!("{left} and {right} are not comparable"));
        return comparable.then(|| json!((left == right) == (sign == "=="))).ok_or_else(kinds);
    }
    let (left, right) = (whole(left)?, whole(right)?);
    Ok(json!(match sign {
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    }))
}
