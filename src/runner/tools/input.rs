//! A call's parameters, taken out of JSON one by one. Wrong ones are `invalid_input`, with the parameter's name.

use serde_json::{Map, Value};

use crate::effect::{ErrorKind, ToolError};
use crate::files::RelPath;

/// The parameters of a call.
pub(super) struct Input<'a> {
    tool: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Input<'a> {
    /// The parameters of `tool`, which are an object with no other keys than `known`.
    pub(super) fn new(tool: &'a str, input: &'a Value, known: &[&str]) -> Result<Self, ToolError> {
        let map =
            input.as_object().ok_or_else(|| invalid(format!("the input of `{tool}` is not an object")))?;
        match map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(invalid(format!(
                "`{tool}` has no parameter `{key}`; it takes {}",
                known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ))),
            None => Ok(Self { tool, map }),
        }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, wanted: &str) -> ToolError {
        invalid(format!("`{key}` of `{}` is not {wanted}", self.tool))
    }

    /// The raw value.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.get(key)
    }

    /// A string.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, ToolError> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong(key, "a string"));
        self.get(key).map(text).transpose()
    }

    /// A string that must be there.
    pub(super) fn required_text(&self, key: &str) -> Result<&'a str, ToolError> {
        self.text(key)?.ok_or_else(|| invalid(format!("`{}` needs `{key}`", self.tool)))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, ToolError> {
        self.get(key)
            .map_or(Ok(default), |value| value.as_bool().ok_or_else(|| self.wrong(key, "true or false")))
    }

    /// A whole number in `range`.
    pub(super) fn number(
        &self,
        key: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, ToolError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        value.as_u64().filter(|number| range.contains(number)).ok_or_else(|| self.wrong(key, &wanted))
    }

    /// A path beneath the root, which must be there.
    pub(super) fn required_path(&self, key: &str) -> Result<RelPath, ToolError> {
        parse_path(self.required_text(key)?)
    }

    /// A path beneath the root.
    pub(super) fn path(&self, key: &str) -> Result<RelPath, ToolError> {
        self.text(key)?.map_or(Ok(RelPath::root()), parse_path)
    }

    /// A list of strings, or one string.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&'a str>, ToolError> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(many)) => many
                .iter()
                .map(|item| item.as_str().ok_or_else(|| self.wrong(key, "a list of strings")))
                .collect(),
            Some(_) => Err(self.wrong(key, "a string or a list of strings")),
        }
    }
}

/// `invalid_input`
pub(super) fn invalid(message: impl Into<String>) -> ToolError {
    ToolError::new(ErrorKind::InvalidInput, message)
}

fn parse_path(text: &str) -> Result<RelPath, ToolError> {
    RelPath::parse(text).map_err(|error| invalid(error.to_string()))
}
