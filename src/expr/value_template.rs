//! Values whose strings may be templates: what stands under `with`, `vars`, `update` and `outputs`.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diag::Diagnostics;
use crate::document::{Entry, Text, Tree, Value as TreeValue};

use super::fault;
use super::lower::{Lowering, Names};
use super::number::in_one_form;
use super::parse;
use super::{EvalError, Expression, Reference, Root, See, Template, Values};

/// The key that makes an object a reference to a secret, which only the runner resolves.
pub const SECRET_KEY: &str = "$secret";

/// A value whose strings may be templates. Literals are kept as they are; nothing is parsed twice.
#[derive(Debug, Clone)]
pub enum ValueTemplate {
    /// No template in it.
    Literal(Arc<Value>),
    /// A string that is exactly one `{{ … }}`: the expression's own value.
    Expression(Expression),
    /// Any other string with a template: a string.
    Text(Template),
    /// A list.
    List(Vec<ValueTemplate>),
    /// An object, in the order of the file.
    Object(Vec<(String, ValueTemplate)>),
}

impl ValueTemplate {
    /// What can be read of every string of `tree` that holds a template; reports what is wrong in any of them: that stands
    /// for any value. `see` is shown every reference. An object with the key `$secret` is kept as it is written.
    pub fn read(tree: &Tree, diagnostics: &mut Diagnostics, see: &mut See<'_>) -> Self {
        match &tree.value {
            TreeValue::String(text) => Self::read_text(text, diagnostics, see),
            TreeValue::List(items) => {
                Self::list(items.iter().map(|item| Self::read(item, diagnostics, see)).collect())
            }
            TreeValue::Map(entries) if tree.get(SECRET_KEY).is_none() => {
                let read =
                    |Entry { key, value }: &Entry| (key.value.clone(), Self::read(value, diagnostics, see));
                Self::object(entries.iter().map(read).collect())
            }
            _ => Self::literal(in_one_form(&tree.to_json())),
        }
    }

    fn read_text(text: &Text, diagnostics: &mut Diagnostics, see: &mut See<'_>) -> Self {
        if !has_template(text.as_str()) {
            return Self::literal(Value::from(text.as_str()));
        }
        let tree = match parse::template(text.as_str()) {
            Ok(tree) => tree,
            Err(faults) => {
                fault::report(faults, text, diagnostics);
                return Self::Expression(Expression::unread(text));
            }
        };
        let mut lowering = Lowering::new(text, Names::Graph);
        if let Some(expr) = parse::only_expression(&tree) {
            let node = lowering.expression(expr);
            lowering.references.iter().for_each(see);
            return Self::Expression(Expression::from_parts(lowering, node, diagnostics));
        }
        let steps = lowering.template(&tree);
        lowering.references.iter().for_each(see);
        Self::Text(Template::from_parts(lowering, steps, diagnostics))
    }

    /// A list; one without templates is a literal.
    pub fn list(items: Vec<Self>) -> Self {
        if items.iter().any(|item| !matches!(item, Self::Literal(_))) {
            return Self::List(items);
        }
        Self::literal(items.into_iter().filter_map(Self::into_literal).collect())
    }

    /// An object out of named values, as `with` and `vars` are; one without templates is a literal.
    pub fn object(entries: Vec<(String, Self)>) -> Self {
        if entries.iter().any(|(_, value)| !matches!(value, Self::Literal(_))) {
            return Self::Object(entries);
        }
        let fields = entries.into_iter().filter_map(|(name, value)| Some((name, value.into_literal()?)));
        Self::literal(Value::Object(fields.collect()))
    }

    fn into_literal(self) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(Arc::unwrap_or_clone(value)),
            Self::Expression(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// A value without templates.
    pub fn literal(value: Value) -> Self {
        Self::Literal(Arc::new(value))
    }

    /// Its value. Literals are copied, and nothing that an expression gives is looked at for templates again;
    /// an object that an expression gives is no reference to a secret, and an error where it looks like one.
    pub fn evaluate(&self, values: &mut Values<'_>) -> Result<Value, EvalError> {
        match self {
            Self::Literal(value) => Ok(Value::clone(value)),
            Self::Text(template) => template.render(values).map(Value::String),
            Self::Expression(expression) => {
                let value = expression.evaluate(values)?;
                if refers_to_secret(&value) {
                    let source = expression.source().trim();
                    let message = format!(
                        "`{source}` gives an object with the key `{SECRET_KEY}`, which only a graph may write"
                    );
                    return Err(EvalError { message });
                }
                Ok(value)
            }
            Self::List(items) => {
                items.iter().map(|item| item.evaluate(values)).collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Object(entries) => {
                let mut object = Map::new();
                for (name, value) in entries {
                    object.insert(name.clone(), value.evaluate(values)?);
                }
                Ok(Value::Object(object))
            }
        }
    }

    /// Every reference, in the order of the file.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        self.visit(&mut |part| match part {
            Self::Expression(expression) => found.extend(expression.references()),
            Self::Text(template) => found.extend(template.references()),
            Self::Literal(_) | Self::List(_) | Self::Object(_) => {}
        });
        found
    }

    /// What has to be known to evaluate it; a root that several parts need comes several times.
    pub fn roots(&self) -> Vec<&Root> {
        let mut found = Vec::new();
        self.visit(&mut |part| match part {
            Self::Expression(expression) => found.extend(expression.roots()),
            Self::Text(template) => found.extend(template.roots()),
            Self::Literal(_) | Self::List(_) | Self::Object(_) => {}
        });
        found
    }

    /// Has each expression in it a value wherever the values that it names are there and of the kinds that it takes?
    pub fn is_plain(&self) -> bool {
        let mut plain = true;
        self.visit(&mut |part| {
            plain &= match part {
                Self::Expression(expression) => expression.is_plain(),
                Self::Text(template) => template.is_plain(),
                Self::Literal(_) | Self::List(_) | Self::Object(_) => true,
            }
        });
        plain
    }

    fn visit<'v>(&'v self, see: &mut impl FnMut(&'v Self)) {
        see(self);
        match self {
            Self::List(items) => items.iter().for_each(|item| item.visit(see)),
            Self::Object(entries) => entries.iter().for_each(|(_, value)| value.visit(see)),
            Self::Literal(_) | Self::Expression(_) | Self::Text(_) => {}
        }
    }
}

fn has_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|opening| text.contains(opening))
}

fn refers_to_secret(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(refers_to_secret),
        Value::Object(fields) => fields.contains_key(SECRET_KEY) || fields.values().any(refers_to_secret),
        _ => false,
    }
}
