//! Compiled expressions and templates, and their evaluation against values that the caller supplies.

use std::sync::Arc;

use serde_json::Value;

use super::{Reference, Root};

/// Supplies the value behind a root; `None` where there is none (a node that did not run): strict undefined.
/// Shared, so that a large output is not copied for each expression that looks at a part of it.
pub type Values<'a> = dyn FnMut(&Root) -> Option<Arc<Value>> + 'a;

/// Why an expression or a template has no value. A node that meets it fails with kind `expression`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What is wrong, with the source of the expression.
    pub message: String,
}

/// A bare expression: `when`, `skip_when`, `for_each.in`, or the only `{{ … }}` of a string.
#[derive(Debug, Clone)]
pub struct Expression {
    source: Arc<str>,
    references: Vec<Reference>,
}

/// A text with `{{ … }}` and `{% … %}`: a prompt, or a string that is more than one expression.
#[derive(Debug, Clone)]
pub struct Template {
    source: Arc<str>,
    references: Vec<Reference>,
}

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

impl Expression {
    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Every reference, in the order of the text.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }
}

impl Template {
    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Every reference, in the order of the text.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }
}
