//! The steps behind a name, as far as a schema closes the set of fields.

use serde_json::Value;

use crate::compile::scope::NodeFacts;
use crate::diag::{Diagnostic, codes, suggestion};
use crate::expr::Segment;

use super::names::field;

/// References in a schema that are followed, at most.
const HOPS: usize = 16;

/// `nodes.ID`: its fields are fixed, those of its output are in a schema.
pub(super) fn of_node(node: &NodeFacts, path: &[Segment], id: &str) -> Option<Diagnostic> {
    let (first, rest) = path.split_first()?;
    let (name, _) = field(first)?;
    match name {
        "output" => in_schema(node.output.as_deref(), rest, &format!("nodes.{id}.output")),
        "error" => of_error(rest),
        "status" => among(&[], rest, &format!("nodes.{id}.status")),
        _ => among(&["status", "output", "error"], path, &format!("nodes.{id}")),
    }
}

/// `error`: what a failure leaves.
pub(super) fn of_error(path: &[Segment]) -> Option<Diagnostic> {
    among(&["kind", "message", "output", "index", "limit", "path"], path, "error")
}

/// The first step is one of these fields.
pub(super) fn among(known: &[&str], path: &[Segment], of: &str) -> Option<Diagnostic> {
    let (name, span) = field(path.first()?)?;
    if known.contains(&name) {
        return None;
    }
    let found = Diagnostic::new(codes::UNKNOWN_FIELD, span, format!("`{of}` has no field `{name}`"));
    Some(found.maybe_help(suggestion(name, known.iter().copied())))
}

/// Each step against the schema of what it steps into, as long as the schema says which fields there are.
pub(super) fn in_schema(schema: Option<&Value>, path: &[Segment], of: &str) -> Option<Diagnostic> {
    let root = schema?;
    let mut schema = root;
    let mut of = of.to_owned();
    for segment in path {
        schema = followed(root, schema)?;
        match segment {
            Segment::Computed(_) => return None,
            Segment::Index(at, _) => {
                schema = schema.get("items").filter(|_| is_only(schema, "array"))?;
                of = format!("{of}[{at}]");
            }
            Segment::Field(name, span) => {
                if is_only(schema, "array") {
                    let message = format!("`{of}` is a list, and has no field `{name}`");
                    let found = Diagnostic::new(codes::UNKNOWN_FIELD, *span, message);
                    return Some(found.help(format!("write `[0].{name}` or `| map(attribute='{name}')`")));
                }
                let known = fields(schema)?;
                match known.get(name) {
                    Some(inner) => schema = inner,
                    None if is_closed(schema) => {
                        let message = format!("`{of}` has no field `{name}`");
                        let found = Diagnostic::new(codes::UNKNOWN_FIELD, *span, message);
                        let help = suggestion(name, known.keys().map(String::as_str));
                        let none =
                            || known.is_empty().then(|| format!("remove it: `{of}` has no fields at all"));
                        return Some(found.maybe_help(help.or_else(none)));
                    }
                    None => return None,
                }
                of = format!("{of}.{name}");
            }
        }
    }
    None
}

fn followed<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s Value> {
    let mut schema = schema;
    for _ in 0..HOPS {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(target) => schema = root.pointer(target.strip_prefix('#')?)?,
            None => return Some(schema),
        }
    }
    None
}

fn is_only(schema: &Value, kind: &str) -> bool {
    schema.get("type").and_then(Value::as_str) == Some(kind)
}

fn fields(schema: &Value) -> Option<&serde_json::Map<String, Value>> {
    schema.get("properties")?.as_object()
}

/// Are its properties all the fields that there are? Where other keywords add some, nothing is said.
fn is_closed(schema: &Value) -> bool {
    const ADD: [&str; 7] =
        ["patternProperties", "anyOf", "oneOf", "allOf", "if", "dependentSchemas", "$dynamicRef"];
    is_only(schema, "object")
        && schema.get("additionalProperties") == Some(&Value::Bool(false))
        && !ADD.iter().any(|word| schema.get(*word).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expr::Expression;

    fn found(schema: &Value, source: &str) -> Option<(String, Option<String>)> {
        let expression = Expression::from_source(source).unwrap();
        let path = &expression.references()[0].path;
        in_schema(Some(schema), path, "x").map(|found| (found.message, found.help))
    }

    #[test]
    fn only_closed_objects_are_judged() {
        let closed = json!({
            "type": "object", "additionalProperties": false,
            "properties": {"files": {"type": "array", "items": {"$ref": "#/$defs/file"}}, "any": {}},
            "$defs": {"file": {"type": "object", "additionalProperties": false, "properties": {"path": {"type": "string"}}}},
        });
        assert_eq!(found(&closed, "x.files[0].path"), None);
        assert_eq!(
            found(&closed, "x.files[0].pth"),
            Some(("`x.files[0]` has no field `pth`".into(), Some("write `path`".into())))
        );
        assert_eq!(found(&closed, "x.fils").unwrap().1.as_deref(), Some("write `files`"));
        assert_eq!(found(&closed, "x.files.path").unwrap().0, "`x.files` is a list, and has no field `path`");
        assert_eq!(found(&closed, "x.any.thing"), None);
        assert_eq!(found(&closed, "x[inputs.n].thing"), None);
        let open = json!({"type": "object", "properties": {"a": {}}});
        assert_eq!(found(&open, "x.b"), None);
        let endless = json!({"$ref": "#"});
        assert_eq!(found(&endless, "x.b"), None);
    }
}
