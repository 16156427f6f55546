//! What a validator found, in words for people. Knows no file and no span.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use crate::diag::{nearest, suggestion, type_edit};

/// A place where a value does not satisfy its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// JSON pointer into the value; empty for the whole of it.
    pub pointer: String,
    /// What is wrong.
    pub fault: Fault,
    /// The rest of the sentence that begins with the place: `takes a string, not a number`.
    pub message: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
    /// JSON pointer into the schema: the keyword that is not satisfied.
    pub keyword: String,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A key that the schema does not have.
    UnknownKey(String),
    /// A key that must be there.
    MissingKey(String),
    /// A value of another type.
    WrongType,
    /// The right type, and still not allowed.
    BadValue,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            write!(f, "the value {}", self.message)
        } else {
            write!(f, "`{}` {}", self.pointer, self.message)
        }
    }
}

/// One error of the library as ours: several where it names several keys.
pub(super) fn faults(error: &ValidationError<'_>, schema: &Value, found: &mut Vec<SchemaError>) {
    let at = |fault, message: String, help| SchemaError {
        pointer: error.instance_path().as_str().to_owned(),
        fault,
        message,
        help,
        keyword: error.schema_path().as_str().to_owned(),
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = properties_beside(schema, error.schema_path().as_str());
            for key in unexpected {
                let help = suggestion(key, known.iter().copied());
                found.push(at(Fault::UnknownKey(key.clone()), format!("has an unknown key `{key}`"), help));
            }
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default().to_owned();
            let help = Some(format!("add `{key}: …`"));
            found.push(at(Fault::MissingKey(key.clone()), format!("needs the key `{key}`"), help));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            match likeliest(context, error.instance_path().as_str()) {
                Some(branch) => branch.iter().for_each(|error| faults(error, schema, found)),
                None => found.push(at(Fault::BadValue, alternatives(context, schema), None)),
            }
        }
        ValidationErrorKind::PropertyNames { error: inner } => {
            let key = shown(inner.instance());
            found.push(at(
                Fault::BadValue,
                format!("cannot have the key {key}: it {}", sentence(inner)),
                None,
            ));
        }
        ValidationErrorKind::Type { kind } => {
            let help = words_of(kind).into_iter().find_map(|wanted| type_edit(wanted, error.instance()));
            let help = keys_of_object(error, schema).or_else(|| item_of_list(error, schema)).or(help);
            let command = error.instance().as_str().filter(|_| error.instance_path().as_str() == "/argv");
            found.push(at(Fault::WrongType, sentence(error), command.map(words_of_command).or(help)));
        }
        ValidationErrorKind::Enum { options } => {
            let words: Vec<&str> =
                options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let help = error.instance().as_str().and_then(|word| suggestion(word, words));
            found.push(at(Fault::BadValue, sentence(error), help));
        }
        ValidationErrorKind::Pattern { pattern } => {
            let help = only_word(pattern).map(|word| format!("write `{word}`"));
            found.push(at(Fault::BadValue, sentence(error), help));
        }
        ValidationErrorKind::Minimum { limit } | ValidationErrorKind::Maximum { limit } => {
            found.push(at(Fault::BadValue, sentence(error), Some(format!("write `{limit}`"))));
        }
        ValidationErrorKind::MinItems { limit: 1 } => {
            found.push(at(Fault::BadValue, sentence(error), Some("write an item".to_owned())));
        }
        ValidationErrorKind::UniqueItems => {
            found.push(at(Fault::BadValue, sentence(error), twice(error.instance())));
        }
        ValidationErrorKind::Constant { expected_value } => {
            let help = format!("write {}", shown(expected_value));
            found.push(at(Fault::BadValue, sentence(error), Some(help)));
        }
        _ => found.push(at(Fault::BadValue, sentence(error), None)),
    }
}

/// How a list is mended that has an item twice.
fn twice(list: &Value) -> Option<String> {
    let items = list.as_array()?;
    let again = items.iter().enumerate().find(|(at, item)| items[..*at].contains(item));
    again.map(|(_, item)| format!("remove the second {}", shown(item)))
}

/// An item that stands where a list of such items may.
fn item_of_list(error: &ValidationError<'_>, schema: &Value) -> Option<String> {
    let (owner, _) = error.schema_path().as_str().rsplit_once('/')?;
    let item = schema.pointer(owner)?.get("items")?.get("type")?.as_str()?;
    let (wanted, given) = (type_word(item), kind_of(error.instance()));
    (wanted == given || (wanted, given) == ("a number", "an integer"))
        .then(|| type_edit("a list", error.instance()))
        .flatten()
}

/// The keys of the object that is wanted.
fn keys_of_object(error: &ValidationError<'_>, schema: &Value) -> Option<String> {
    let ValidationErrorKind::Type { kind } = error.kind() else { return None };
    if words_of(kind) != ["an object"] {
        return None;
    }
    let (owner, _) = error.schema_path().as_str().rsplit_once('/')?;
    let required = schema.pointer(owner)?.get("required").and_then(Value::as_array);
    let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    let keys =
        if required.is_empty() { properties_beside(schema, error.schema_path().as_str()) } else { required };
    let shown: Vec<String> = keys.iter().take(8).map(|key| format!("`{key}`")).collect();
    Some(match shown[..] {
        [] => "write an object: names with their values".to_owned(),
        [ref only] => format!("write an object with the key {only}"),
        _ => format!("write an object with the keys {}", shown.join(", ")),
    })
}

/// A command line as the list of its words; what a shell would read otherwise is left to the author.
fn words_of_command(line: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_./=:@,+".contains(c);
    if line.trim().is_empty() || !line.chars().all(plain) || line.len() > 200 {
        return "write each word as an element: `[\"program\", \"argument\"]`; nothing goes through a shell"
            .to_owned();
    }
    let words: Vec<String> = line.split_whitespace().map(|word| format!("\"{word}\"")).collect();
    format!("write `[{}]`", words.join(", "))
}

/// The one word that a pattern such as `^any$` matches.
fn only_word(pattern: &str) -> Option<&str> {
    let word = pattern.strip_prefix('^')?.strip_suffix('$')?;
    word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_').then_some(word)
}

/// A misspelt key is one fault: the key that is missing because of it is no second one.
pub(super) fn without_echoes(found: &mut Vec<SchemaError>) {
    let unknown: Vec<(String, String)> = found
        .iter()
        .filter_map(|error| match &error.fault {
            Fault::UnknownKey(key) => Some((error.pointer.clone(), key.clone())),
            _ => None,
        })
        .collect();
    found.retain(|error| {
        let Fault::MissingKey(missing) = &error.fault else { return true };
        let is_echo = |(pointer, key): &(String, String)| {
            *pointer == error.pointer && nearest(key, [missing.as_str()]).is_some()
        };
        !unknown.iter().any(is_echo)
    });
}

/// Of several alternatives, the one that was meant: the only one whose type fits.
fn likeliest<'e, 'a>(
    context: &'e [Vec<ValidationError<'a>>],
    place: &str,
) -> Option<&'e Vec<ValidationError<'a>>> {
    let fits = |branch: &&Vec<ValidationError<'a>>| {
        !branch.iter().any(|error| {
            error.instance_path().as_str() == place
                && matches!(
                    error.kind(),
                    ValidationErrorKind::Type { .. } | ValidationErrorKind::Constant { .. }
                )
        })
    };
    let mut fitting = context.iter().filter(fits);
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

fn alternatives(context: &[Vec<ValidationError<'_>>], schema: &Value) -> String {
    let mut reasons = Vec::new();
    for branch in context {
        let mut inner = Vec::new();
        if let Some(first) = branch.first() {
            faults(first, schema, &mut inner);
        }
        reasons.extend(inner.first().map(|error| error.message.clone()));
    }
    reasons.dedup();
    format!("fits none of {} alternatives: it {}", context.len(), reasons.join("; or it "))
}

fn sentence(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    let value = shown(error.instance());
    match error.kind() {
        Kind::Type { kind } => format!("takes {}, not {}", type_words(kind), kind_of(error.instance())),
        Kind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(shown).collect();
            format!("is {value}, and must be one of {}", options.join(", "))
        }
        Kind::Constant { expected_value } => format!("is {value}, and must be {}", shown(expected_value)),
        Kind::Pattern { pattern } => match only_word(pattern) {
            Some(word) => format!("is {value}, and must be `{word}`"),
            None => format!("is {value}, and must match `{pattern}`"),
        },
        Kind::Format { format } => format!("is {value}, which is no `{format}`"),
        Kind::Minimum { limit } => format!("is {value}, and must be at least {limit}"),
        Kind::Maximum { limit } => format!("is {value}, and must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("is {value}, and must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("is {value}, and must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("is {value}, and must be a multiple of {multiple_of}"),
        Kind::MinLength { limit: 1 } | Kind::MinItems { limit: 1 } | Kind::MinProperties { limit: 1 } => {
            "is empty".to_owned()
        }
        Kind::MinLength { limit } => format!("is shorter than {limit} characters"),
        Kind::MaxLength { limit } => format!("is longer than {limit} characters"),
        Kind::MinItems { limit } => format!("has fewer than {limit} items"),
        Kind::MaxItems { limit } => format!("has more than {limit} items"),
        Kind::AdditionalItems { limit } => format!("has more than {limit} items"),
        Kind::MinProperties { limit } => format!("has fewer than {limit} keys"),
        Kind::MaxProperties { limit } => format!("has more than {limit} keys"),
        Kind::UniqueItems => "has an item twice".to_owned(),
        Kind::Contains => "has no item of the kind that it needs".to_owned(),
        Kind::OneOfMultipleValid { .. } => "fits more than one of the alternatives".to_owned(),
        Kind::FalseSchema => "cannot stand here".to_owned(),
        Kind::Not { .. } => format!("is {value}, which is not allowed here"),
        _ => "does not satisfy the schema".to_owned(),
    }
}

fn type_words(kind: &TypeKind) -> String {
    words_of(kind).join(" or ")
}

fn words_of(kind: &TypeKind) -> Vec<&'static str> {
    match kind {
        TypeKind::Single(one) => vec![type_word(one.as_str())],
        TypeKind::Multiple(many) => many.iter().map(|one| type_word(one.as_str())).collect(),
    }
}

fn type_word(word: &str) -> &'static str {
    match word {
        "array" => "a list",
        "boolean" => "a boolean",
        "integer" => "an integer",
        "null" => "null",
        "number" => "a number",
        "object" => "an object",
        _ => "a string",
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value in backticks, cut to what fits a line.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => return kind_of(value).to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() > LONGEST {
        let head: String = text.chars().take(LONGEST).collect();
        return format!("`{head}…`");
    }
    format!("`{text}`")
}

/// The names of the properties that the schema around a keyword knows.
pub(super) fn properties_beside<'s>(schema: &'s Value, keyword: &str) -> Vec<&'s str> {
    let owner = keyword.rsplit_once('/').map_or("", |(owner, _)| owner);
    let properties = schema.pointer(owner).and_then(|owner| owner.get("properties"));
    properties.and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}
