//! What a mapping looks like where something else stands: an example of it that can be written as it is, in the file's own
//! syntax, with the value that was written where that is what was meant.

use crate::document::{Syntax, Tree};

use super::Shape;
use super::given::Given;

/// A part of an example.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// A text.
    Text(&'static str),
    /// A number.
    Number(u32),
    /// A mapping.
    Map(&'static [(&'static str, Part)]),
    /// A list.
    List(&'static [Part]),
    /// The value that was written where it is a number, else this one.
    GivenNumber(u32),
    /// The value that was written where it is a short text, else this one.
    GivenText(&'static str),
    /// That, without the braces of a template around it.
    GivenExpression(&'static str),
    /// The origin of the address that was written, else this one.
    GivenOrigin(&'static str),
    /// The words of the command line that was written, as a name.
    GivenName(&'static str),
    /// Its first word.
    GivenProgram(&'static str),
    /// Its other words; any where it has none.
    GivenArguments,
}

use Part::{
    GivenArguments, GivenExpression, GivenName, GivenNumber, GivenOrigin, GivenProgram, GivenText, List, Map,
    Number, Text,
};

const VALUES: Part = Map(&[("uses", Text("values")), ("with", Map(&[("text", Text("hello"))]))]);
const SCHEMA: Part = Map(&[("type", Text("string"))]);

/// What stands under a key, or is a thing of that name.
const EXAMPLES: &[(&str, Part)] = &[
    ("retry", Map(&[("attempts", GivenNumber(3))])),
    ("loop", Map(&[("max", GivenNumber(3))])),
    ("for_each", Map(&[("in", GivenExpression("inputs.items")), ("as", Text("item"))])),
    ("concurrency", Map(&[("max", GivenNumber(4))])),
    ("groups", Map(&[("slow", GivenNumber(2))])),
    ("budgets", Map(&[("wall", Text("30m"))])),
    ("defaults", Map(&[("exec", Map(&[("timeout", Text("10m"))]))])),
    ("a node's defaults", Map(&[("timeout", Text("10m"))])),
    ("a prompt", Map(&[("text", GivenText("…"))])),
    ("a model", Map(&[("use", GivenText("default"))])),
    ("a graph within a graph", Map(&[("file", GivenText("other.yaml"))])),
    (
        "a node",
        Map(&[("uses", Text("exec")), ("with", Map(&[("argv", List(&[Text("cargo"), Text("test")]))]))]),
    ),
    ("nodes", Map(&[("hello", VALUES)])),
    ("inputs", Map(&[("text", SCHEMA)])),
    ("state", Map(&[("count", Map(&[("type", Text("integer")), ("reduce", Text("sum"))]))])),
    ("prompts", Map(&[("ask", Map(&[("text", Text("…"))]))])),
    ("models", Map(&[("small", Map(&[("use", Text("default"))]))])),
    ("graphs", Map(&[("other", Map(&[("file", Text("other.yaml"))]))])),
    ("outputs", Map(&[("result", Text("{{ nodes.ID.output }}"))])),
    ("update", Map(&[("count", Number(1))])),
    (
        "a graph file",
        Map(&[
            ("schema", Text("lgflow.graph/v1")),
            ("name", Text("hello")),
            ("nodes", Map(&[("hello", VALUES)])),
        ]),
    ),
    (
        "a graph",
        Map(&[
            ("schema", Text("lgflow.graph/v1")),
            ("name", Text("hello")),
            ("nodes", Map(&[("hello", VALUES)])),
        ]),
    ),
    ("a policy", Map(&[("schema", Text("lgflow.policy/v1")), ("name", Text("mine"))])),
    ("tools", Map(&[("exec", Text("ask"))])),
    ("`paths`", Map(&[("write", Map(&[("allow", List(&[Text("src/**")]))]))])),
    ("the rules of an access", Map(&[("allow", List(&[GivenText("src/**")]))])),
    (
        "a command",
        Map(&[
            ("name", GivenName("cargo")),
            ("program", GivenProgram("cargo")),
            ("args", List(&[List(&[GivenArguments])])),
        ]),
    ),
    ("a network rule", Map(&[("origin", GivenOrigin("https://example.com:443"))])),
    ("requires", Map(&[("other", Text("1.0.0"))])),
];

/// The edit that writes what `shape` is, or what stands under `key`, in place of `value`.
pub(super) fn edit(key: &str, shape: Option<&Shape>, value: &Tree, syntax: Syntax) -> String {
    if shape.is_none() && syntax == Syntax::Yaml && is_list_of_named(value) {
        return "write each name without the `- ` before it".to_owned();
    }
    let named = |name: &str| EXAMPLES.iter().find(|(known, _)| *known == name).map(|(_, part)| *part);
    // what a thing is called says more than the key, which may be a name of the author's
    let known = match shape {
        Some(shape) => named(shape.what).or_else(|| named(shape.what.trim_matches('`'))),
        None => named(key),
    };
    let Some(part) = known else { return unknown(shape, syntax) };
    let given = Given { value, syntax };
    let word = if given.is_used(part) { "write" } else { "write it like" };
    format!("{word} `{}`", given.shown(part))
}

/// The keys of a shape that must be there, else the first, without a value.
fn unknown(shape: Option<&Shape>, syntax: Syntax) -> String {
    let keys: Vec<&str> = match shape {
        Some(shape) if shape.required.is_empty() => shape.keys.iter().copied().take(1).collect(),
        Some(shape) => shape.required.to_vec(),
        None => vec!["NAME"],
    };
    let entries: Vec<String> = keys.iter().map(|key| entry(key, "…", syntax)).collect();
    format!("write it like `{{ {} }}`", entries.join(", "))
}

/// `- name: …`, once or more often, where `name: …` belongs.
fn is_list_of_named(value: &Tree) -> bool {
    !value.items().is_empty() && value.items().iter().all(|item| !item.entries().is_empty())
}

fn entry(key: &str, value: &str, syntax: Syntax) -> String {
    match syntax {
        Syntax::Yaml => format!("{key}: {value}"),
        Syntax::Toml => format!("{key} = {value}"),
        Syntax::Json => format!("\"{key}\": {value}"),
    }
}

impl Given<'_> {
    /// Does the value that was written stand in the example?
    fn is_used(&self, part: Part) -> bool {
        match part {
            GivenNumber(_) => self.number().is_some(),
            GivenText(_) => self.text().is_some(),
            GivenExpression(_) => self.expression().is_some(),
            GivenOrigin(_) => self.origin().is_some(),
            GivenName(_) | GivenProgram(_) | GivenArguments => self.words().is_some(),
            Map(entries) => entries.iter().any(|(_, part)| self.is_used(*part)),
            List(items) => items.iter().any(|part| self.is_used(*part)),
            Text(_) | Number(_) => false,
        }
    }

    /// The examples are three mappings deep at most.
    fn shown(&self, part: Part) -> String {
        match part {
            Text(text) => self.quoted(text),
            Number(number) => number.to_string(),
            GivenNumber(other) => self.number().unwrap_or_else(|| i64::from(other)).to_string(),
            GivenText(other) => self.quoted(self.text().unwrap_or(other)),
            GivenExpression(other) => self.quoted(self.expression().unwrap_or(other)),
            GivenOrigin(other) => self.quoted(&self.origin().unwrap_or_else(|| other.to_owned())),
            GivenName(other) => self.quoted(&self.words().map_or(other.to_owned(), |words| words.join("-"))),
            GivenProgram(other) => {
                self.quoted(self.words().and_then(|words| words.first().copied()).unwrap_or(other))
            }
            GivenArguments => {
                let words = self.words().unwrap_or_default();
                let words = words.get(1..).filter(|rest| !rest.is_empty()).unwrap_or(&["..."]);
                words.iter().map(|word| self.argument(word)).collect::<Vec<_>>().join(", ")
            }
            List(items) => {
                let items: Vec<String> = items.iter().map(|item| self.shown(*item)).collect();
                format!("[{}]", items.join(", "))
            }
            Map(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|(key, part)| entry(key, &self.shown(*part), self.syntax)).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }

    /// `...` is always in quotes: it is no word of the command.
    fn argument(&self, text: &str) -> String {
        if text == "..." { "\"...\"".to_owned() } else { self.quoted(text) }
    }

    /// A text, in quotes where it would not be one without.
    fn quoted(&self, text: &str) -> String {
        let first = text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '/' | '.' | '_'));
        let plain = first
            && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n")
            && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | '*'));
        let alone = matches!(text, "…" | "30m" | "10m");
        if self.syntax == Syntax::Yaml && (plain || alone) {
            return text.to_owned();
        }
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Value;
    use crate::source::{FileId, Sources, Span};

    fn tree(value: Value) -> Tree {
        let file: FileId = Sources::default().add("x", "");
        Tree { value, span: Span::new(file, 0, 0) }
    }

    #[test]
    fn each_example_is_read_again_as_what_it_shows() {
        use crate::diag::Diagnostics;
        use crate::document::{Limits, parse};
        let nothing = tree(Value::Null);
        for (name, part) in EXAMPLES {
            for syntax in [Syntax::Yaml, Syntax::Toml, Syntax::Json] {
                let shown = Given { value: &nothing, syntax }.shown(*part);
                let text = match syntax {
                    Syntax::Yaml => format!("key: {shown}\n"),
                    Syntax::Toml => format!("key = {shown}\n"),
                    Syntax::Json => format!("{{\"key\": {shown}}}\n"),
                };
                let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
                let file = sources.add("x", text.as_str());
                let parsed = parse(&sources, file, syntax, &Limits::default(), &mut found).unwrap();
                assert!(found.is_empty(), "{name}: {text}");
                assert!(!parsed.tree.get("key").unwrap().entries().is_empty(), "{name}: {text}");
            }
        }
    }

    #[test]
    fn what_was_written_stands_in_its_place() {
        let three = tree(Value::Int(5));
        assert_eq!(edit("retry", None, &three, Syntax::Yaml), "write `{ attempts: 5 }`");
        assert_eq!(edit("retry", None, &three, Syntax::Toml), "write `{ attempts = 5 }`");
        assert_eq!(edit("retry", None, &three, Syntax::Json), "write `{ \"attempts\": 5 }`");
        let flag = tree(Value::Bool(true));
        assert_eq!(edit("loop", None, &flag, Syntax::Yaml), "write it like `{ max: 3 }`");
        assert_eq!(edit("else", None, &flag, Syntax::Toml), "write it like `{ NAME = … }`");
    }
}
