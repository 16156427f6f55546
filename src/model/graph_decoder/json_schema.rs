//! JSON Schemas that authors write: a misspelt keyword is an error here, where a validator would be silent.

use crate::diag::{Diagnostic, Diagnostics, codes, nearest, suggestion};
use crate::document::{Damage, Entry, Tree, Value};
use crate::model::decode::{Decoder, Slot};
use crate::model::{JsonSchema, SchemaSource};
use crate::source::{Located, Span};

use super::Reader;

/// The types of JSON Schema.
pub(super) const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];

/// Schemas deeper than this are refused before anything recurses over them.
const MAX_DEPTH: usize = 48;

/// What stands under a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Schema,
    Schemas,
    NamedSchemas,
    NamedStrings,
    Type,
    Any,
    List,
    Strings,
    Text,
    Pattern,
    Reference,
    Count,
    Number,
    PositiveNumber,
    Flag,
}

/// The keywords of draft 2020-12 that a graph may use: those of the core that move the base of references, and
/// those of content, are left out.
const KEYWORDS: [(&str, Keyword); 47] = [
    ("$schema", Keyword::Text),
    ("$ref", Keyword::Reference),
    ("$defs", Keyword::NamedSchemas),
    ("$comment", Keyword::Text),
    ("title", Keyword::Text),
    ("description", Keyword::Text),
    ("default", Keyword::Any),
    ("examples", Keyword::List),
    ("deprecated", Keyword::Flag),
    ("readOnly", Keyword::Flag),
    ("writeOnly", Keyword::Flag),
    ("type", Keyword::Type),
    ("enum", Keyword::List),
    ("const", Keyword::Any),
    ("multipleOf", Keyword::PositiveNumber),
    ("maximum", Keyword::Number),
    ("exclusiveMaximum", Keyword::Number),
    ("minimum", Keyword::Number),
    ("exclusiveMinimum", Keyword::Number),
    ("maxLength", Keyword::Count),
    ("minLength", Keyword::Count),
    ("pattern", Keyword::Pattern),
    ("format", Keyword::Text),
    ("maxItems", Keyword::Count),
    ("minItems", Keyword::Count),
    ("uniqueItems", Keyword::Flag),
    ("maxContains", Keyword::Count),
    ("minContains", Keyword::Count),
    ("maxProperties", Keyword::Count),
    ("minProperties", Keyword::Count),
    ("required", Keyword::Strings),
    ("dependentRequired", Keyword::NamedStrings),
    ("properties", Keyword::NamedSchemas),
    ("patternProperties", Keyword::NamedSchemas),
    ("additionalProperties", Keyword::Schema),
    ("propertyNames", Keyword::Schema),
    ("dependentSchemas", Keyword::NamedSchemas),
    ("unevaluatedProperties", Keyword::Schema),
    ("prefixItems", Keyword::Schemas),
    ("items", Keyword::Schema),
    ("contains", Keyword::Schema),
    ("unevaluatedItems", Keyword::Schema),
    ("allOf", Keyword::Schemas),
    ("anyOf", Keyword::Schemas),
    ("oneOf", Keyword::Schemas),
    ("not", Keyword::Schema),
    ("if", Keyword::Schema),
];

/// `then` and `else` mean something beside `if` alone, and are kept apart from the table for that.
const BRANCHES: [&str; 2] = ["then", "else"];

/// Reads a JSON Schema that an author wrote, for example a file that `output_schema` names. Misspelt keywords are
/// reported, and stand under the right one in the result. `None` if it is no schema at all.
pub fn decode_schema(tree: &Tree, damage: &Damage, diagnostics: &mut Diagnostics) -> Option<JsonSchema> {
    let mut decoder = Decoder::new(diagnostics, damage);
    let slot = Slot { key: "a JSON Schema", key_span: tree.span, value: tree };
    decoder.json_schema(slot, &[])
}

impl Reader<'_, '_> {
    /// A schema that stands in the graph, with further keys that are not the schema's.
    pub(super) fn schema(&mut self, slot: Slot<'_>, further: &[&str]) -> Option<JsonSchema> {
        self.decoder.json_schema(slot, further)
    }

    /// A schema, or the file that has it.
    pub(super) fn schema_source(&mut self, slot: Slot<'_>) -> Option<SchemaSource> {
        let Some(file) = slot.value.entries().iter().find(|entry| entry.key.value == "file") else {
            return self.schema(slot, &["file"]).map(SchemaSource::Inline);
        };
        for other in slot.value.entries() {
            if other.key.value != "file" {
                let key = &other.key;
                self.decoder.conflict(key.span, &key.value, file.key.span, "file", "a schema");
            }
        }
        self.decoder.filled_string(Slot::of(file)).map(SchemaSource::File)
    }
}

impl Decoder<'_> {
    fn json_schema(&mut self, slot: Slot<'_>, further: &[&str]) -> Option<JsonSchema> {
        let Value::Map(_) = slot.value.value else {
            self.wrong_type(slot.key, "a JSON Schema", slot.value);
            return None;
        };
        let mut walk = Walk { decoder: self, root: slot.value, further };
        let tree = walk.mapping(slot.value, 0);
        Some(JsonSchema { tree })
    }
}

struct Walk<'w, 'd> {
    decoder: &'w mut Decoder<'d>,
    root: &'w Tree,
    further: &'w [&'w str],
}

impl Walk<'_, '_> {
    /// A subschema: a mapping, `true` or `false`.
    fn schema(&mut self, key: &str, tree: &Tree, depth: usize) -> Tree {
        match &tree.value {
            Value::Bool(_) => tree.clone(),
            Value::Map(_) if depth >= MAX_DEPTH => {
                let message = format!("the schema is nested more than {MAX_DEPTH} deep");
                self.decoder.bad_value(tree.span, message, Some("use `$ref` and `$defs`".to_owned()));
                Tree { value: Value::Bool(true), span: tree.span }
            }
            Value::Map(_) => self.mapping(tree, depth),
            _ => {
                self.decoder.wrong_type(key, "a schema", tree);
                Tree { value: Value::Bool(true), span: tree.span }
            }
        }
    }

    fn mapping(&mut self, tree: &Tree, depth: usize) -> Tree {
        let mut entries = Vec::with_capacity(tree.entries().len());
        for entry in tree.entries() {
            let name = self.keyword_name(entry, tree, depth);
            let value = match kind_of(&name) {
                Some(kind) => self.value(kind, &name, &entry.value, depth),
                None => entry.value.clone(),
            };
            entries.push(Entry { key: Located::new(name, entry.key.span), value });
        }
        Tree { value: Value::Map(entries), span: tree.span }
    }

    /// The keyword that was written, or that was meant.
    fn keyword_name(&mut self, entry: &Entry, owner: &Tree, depth: usize) -> String {
        let written = entry.key.value.as_str();
        let further: &[&str] = if depth == 0 { self.further } else { &[] };
        if kind_of(written).is_some() || further.contains(&written) {
            return written.to_owned();
        }
        let known = || KEYWORDS.iter().map(|&(word, _)| word).chain(BRANCHES).chain(further.iter().copied());
        let meant = nearest(written, known().filter(|word| owner.get(word).is_none()));
        let help = match (written, meant) {
            ("$id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$vocabulary", _) => {
                Some("remove it; a schema here refers to its own `$defs` alone".to_owned())
            }
            ("definitions", _) => Some("write `$defs`".to_owned()),
            ("nullable", _) => Some("write `type: [string, \"null\"]`".to_owned()),
            ("optional" | "require", _) => Some("list the names under `required` of the object".to_owned()),
            (_, Some(word)) => Some(format!("write `{word}`")),
            (_, None) => None,
        };
        let message = format!("unknown keyword `{written}` in a JSON Schema");
        self.decoder.report(Diagnostic::new(codes::UNKNOWN_KEY, entry.key.span, message).maybe_help(help));
        meant.unwrap_or(written).to_owned()
    }

    fn value(&mut self, kind: Keyword, key: &str, tree: &Tree, depth: usize) -> Tree {
        match kind {
            Keyword::Schema => return self.schema(key, tree, depth + 1),
            Keyword::Schemas => return self.schemas(key, tree, depth),
            Keyword::NamedSchemas => return self.named_schemas(key, tree, depth),
            Keyword::NamedStrings => self.named_strings(key, tree),
            Keyword::Type => self.types(tree),
            Keyword::Any => {}
            Keyword::List => self.list(key, tree),
            Keyword::Strings => self.strings(key, tree),
            Keyword::Text => {
                self.decoder.text(slot(key, tree));
            }
            Keyword::Pattern => self.pattern(key, tree),
            Keyword::Reference => self.reference(tree),
            Keyword::Count => {
                self.decoder.integer(slot(key, tree), 0..=i64::MAX as u64);
            }
            Keyword::Number => self.decoder.number(slot(key, tree), f64::MIN, f64::MAX),
            Keyword::PositiveNumber => self.positive(key, tree),
            Keyword::Flag => {
                self.decoder.boolean(slot(key, tree));
            }
        }
        tree.clone()
    }

    fn schemas(&mut self, key: &str, tree: &Tree, depth: usize) -> Tree {
        let Value::List(items) = &tree.value else {
            self.decoder.wrong_type(key, "a list of schemas", tree);
            return Tree { value: Value::List(vec![anything(tree.span)]), span: tree.span };
        };
        if items.is_empty() {
            self.decoder.bad_value(tree.span, format!("`{key}` is empty"), Some(format!("remove `{key}`")));
        }
        let items = items.iter().map(|item| self.schema(key, item, depth + 1)).collect();
        Tree { value: Value::List(items), span: tree.span }
    }

    fn named_schemas(&mut self, key: &str, tree: &Tree, depth: usize) -> Tree {
        let Value::Map(entries) = &tree.value else {
            self.decoder.wrong_type(key, "a mapping of schemas", tree);
            return Tree { value: Value::Map(Vec::new()), span: tree.span };
        };
        let mut checked = Vec::with_capacity(entries.len());
        for entry in entries {
            if key == "patternProperties" {
                self.regex(&entry.key.value, entry.key.span);
            }
            let value = self.schema(&entry.key.value, &entry.value, depth + 1);
            checked.push(Entry { key: entry.key.clone(), value });
        }
        Tree { value: Value::Map(checked), span: tree.span }
    }

    fn named_strings(&mut self, key: &str, tree: &Tree) {
        if !matches!(tree.value, Value::Map(_)) {
            self.decoder.wrong_type(key, "a mapping of lists", tree);
        }
        for entry in tree.entries() {
            self.strings(&entry.key.value, &entry.value);
        }
    }

    fn list(&mut self, key: &str, tree: &Tree) {
        if !matches!(tree.value, Value::List(_)) {
            self.decoder.wrong_type(key, "a list", tree);
        } else if key == "enum" && tree.items().is_empty() {
            self.decoder.bad_value(tree.span, "`enum` is empty: nothing would satisfy it", None);
        }
    }

    fn strings(&mut self, key: &str, tree: &Tree) {
        let Some(strings) = self.decoder.strings(slot(key, tree)) else { return };
        for (at, string) in strings.iter().enumerate() {
            if strings[..at].contains(string) {
                let message = format!("`{}` stands twice in `{key}`", string.value);
                self.decoder.bad_value(string.span, message, Some("remove one".to_owned()));
            }
        }
    }

    fn types(&mut self, tree: &Tree) {
        match &tree.value {
            Value::String(_) => self.type_word(tree),
            Value::Null => {
                let diagnostic =
                    Diagnostic::new(codes::WRONG_TYPE, tree.span, "`type` takes a string, and this is null");
                self.decoder.report(diagnostic.help("write `\"null\"`"));
            }
            Value::List(items) => {
                if items.is_empty() {
                    self.decoder.bad_value(tree.span, "`type` is empty: nothing would satisfy it", None);
                }
                for (at, item) in items.iter().enumerate() {
                    if item.as_str().is_some()
                        && items[..at].iter().any(|other| other.as_str() == item.as_str())
                    {
                        self.decoder.bad_value(
                            item.span,
                            "the type stands twice",
                            Some("remove one".to_owned()),
                        );
                    }
                    match &item.value {
                        Value::List(_) => self.decoder.wrong_type("type", "a string", item),
                        _ => self.types(item),
                    }
                }
            }
            _ => self.decoder.wrong_type("type", "a string or a list of strings", tree),
        }
    }

    fn type_word(&mut self, tree: &Tree) {
        let written = tree.as_str().unwrap_or_default();
        if TYPES.contains(&written) {
            return;
        }
        let help = match written {
            "int" | "long" => Some("write `integer`".to_owned()),
            "bool" => Some("write `boolean`".to_owned()),
            "str" | "text" => Some("write `string`".to_owned()),
            "float" | "double" => Some("write `number`".to_owned()),
            "list" => Some("write `array`".to_owned()),
            "map" | "dict" => Some("write `object`".to_owned()),
            "none" => Some("write `\"null\"`".to_owned()),
            "any" => Some("remove `type`: then every value is accepted".to_owned()),
            _ => suggestion(written, TYPES),
        };
        self.decoder.bad_value(tree.span, format!("`{written}` is no type of JSON Schema"), help);
    }

    fn pattern(&mut self, key: &str, tree: &Tree) {
        if let Some(text) = self.decoder.text(slot(key, tree)) {
            self.regex(text.as_str(), text.span());
        }
    }

    /// A pattern must be a regular expression of linear time: no look-around, no references to groups.
    fn regex(&mut self, pattern: &str, span: Span) {
        let built = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
        if let Err(error) = built {
            let reason = match &error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                other => other.to_string().lines().last().unwrap_or_default().replace("error: ", ""),
            };
            let message = format!("`{pattern}` is no pattern that can be used here: {reason}");
            self.decoder.bad_value(span, message, None);
        }
    }

    /// `#`, `#/$defs/NAME` and further down: what is there, and a schema.
    fn reference(&mut self, tree: &Tree) {
        let Some(text) = self.decoder.text(slot("$ref", tree)) else { return };
        let written = text.as_str();
        // a misspelt `$defs` has been reported, and is meant
        let is_defs =
            |key: &str| key == "$defs" || (kind_of(key).is_none() && nearest(key, ["$defs"]).is_some());
        let defs = self.root.entries().iter().find(|entry| is_defs(&entry.key.value));
        let known = defs.map(|entry| entry.value.entries()).unwrap_or_default();
        let name = written.strip_prefix("#/$defs/").filter(|rest| !rest.contains('/'));
        if written == "#"
            || name.is_some_and(|name| known.iter().any(|entry| escaped(&entry.key.value) == name))
        {
            return;
        }
        let pointers: Vec<String> =
            known.iter().map(|entry| format!("#/$defs/{}", escaped(&entry.key.value))).collect();
        let help = suggestion(written, pointers.iter().map(String::as_str))
            .or_else(|| Some("put the schema under `$defs`, and write `#/$defs/NAME`".to_owned()));
        let message = if name.is_some() {
            format!("`{written}` names nothing in this schema")
        } else {
            format!("`{written}` is no local reference: a schema here refers to its own `$defs` alone")
        };
        self.decoder.bad_value(text.span(), message, help);
    }

    fn positive(&mut self, key: &str, tree: &Tree) {
        self.decoder.number(slot(key, tree), f64::MIN, f64::MAX);
        if matches!(tree.value, Value::Int(n) if n <= 0) || matches!(tree.value, Value::Float(n) if n <= 0.0)
        {
            self.decoder.bad_value(tree.span, format!("`{key}` must be more than 0"), None);
        }
    }
}

fn kind_of(word: &str) -> Option<Keyword> {
    if BRANCHES.contains(&word) {
        return Some(Keyword::Schema);
    }
    KEYWORDS.iter().find(|&&(keyword, _)| keyword == word).map(|&(_, kind)| kind)
}

fn slot<'t>(key: &'t str, tree: &'t Tree) -> Slot<'t> {
    Slot { key, key_span: tree.span, value: tree }
}

fn anything(span: Span) -> Tree {
    Tree { value: Value::Bool(true), span }
}

/// A name as a step of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
