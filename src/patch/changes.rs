//! A list of changes, `[{op, path, content, …}]`: the form of a patch that needs no line numbers. Knows no disk.

use serde_json::{Map, Value};

use crate::files::RelPath;

use super::PatchError;
use super::model::Mode;
use super::path::checked;

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the keys of the entry")]
pub(crate) enum Change {
    /// The file must not be there.
    Add { path: RelPath, content: String, mode: Option<Mode> },
    /// The file must be there; its content is replaced whole.
    Update { path: RelPath, content: String, mode: Option<Mode> },
    /// Either of the two.
    Put { path: RelPath, content: String, mode: Option<Mode> },
    /// The file must be there.
    Delete { path: RelPath },
    /// `path` must be there and `to` must not.
    Rename { path: RelPath, to: RelPath, content: Option<String>, mode: Option<Mode> },
}

/// Reads the list; at least one entry.
pub(crate) fn read_changes(value: &Value) -> Result<Vec<Change>, PatchError> {
    let list = value
        .as_array()
        .filter(|list| !list.is_empty())
        .ok_or_else(|| bad(0, "`changes` is a list with at least one entry"))?;
    list.iter().enumerate().map(|(index, entry)| Entry::new(index, entry)?.read()).collect()
}

fn bad(index: usize, message: impl Into<String>) -> PatchError {
    PatchError::BadChange { index, message: message.into() }
}

struct Entry<'a> {
    index: usize,
    map: &'a Map<String, Value>,
}

impl<'a> Entry<'a> {
    fn new(index: usize, value: &'a Value) -> Result<Self, PatchError> {
        let map = value.as_object().ok_or_else(|| bad(index, "an entry is an object"))?;
        Ok(Self { index, map })
    }

    fn read(&self) -> Result<Change, PatchError> {
        let op = self.text("op")?.ok_or_else(|| bad(self.index, "`op` is missing"))?;
        let keys: &[&str] = match op {
            "add" | "update" | "put" => &["op", "path", "content", "mode"],
            "delete" => &["op", "path"],
            "rename" => &["op", "path", "to", "content", "mode"],
            _ => {
                return Err(bad(
                    self.index,
                    format!("`{op}` is no `op`; it is add, update, put, delete or rename"),
                ));
            }
        };
        if let Some(key) = self.map.keys().find(|key| !keys.contains(&key.as_str())) {
            return Err(bad(self.index, format!("`{op}` has no `{key}`; it takes {}", keys.join(", "))));
        }
        let (path, mode) = (self.path("path")?, self.mode()?);
        Ok(match op {
            "add" => Change::Add { path, content: self.content()?, mode },
            "update" => Change::Update { path, content: self.content()?, mode },
            "put" => Change::Put { path, content: self.content()?, mode },
            "delete" => Change::Delete { path },
            _ => {
                let to = self.path("to")?;
                if to == path {
                    return Err(bad(self.index, "`path` and `to` are one file"));
                }
                Change::Rename { path, to, content: self.optional_content()?, mode }
            }
        })
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, PatchError> {
        match self.map.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad(self.index, format!("`{key}` is not a string"))),
        }
    }

    fn path(&self, key: &str) -> Result<RelPath, PatchError> {
        checked(self.text(key)?.ok_or_else(|| bad(self.index, format!("`{key}` is missing")))?)
    }

    fn content(&self) -> Result<String, PatchError> {
        self.optional_content()?.ok_or_else(|| bad(self.index, "`content` is missing"))
    }

    fn optional_content(&self) -> Result<Option<String>, PatchError> {
        match self.text("content")? {
            Some(text) if text.contains('\0') => Err(bad(
                self.index,
                "`content` holds a NUL: the file is binary; write it as `patch`, as `git diff --binary` does",
            )),
            text => Ok(text.map(str::to_owned)),
        }
    }

    fn mode(&self) -> Result<Option<Mode>, PatchError> {
        match self.text("mode")? {
            None => Ok(None),
            Some("100644") => Ok(Some(Mode::Regular)),
            Some("100755") => Ok(Some(Mode::Executable)),
            Some(_) => Err(bad(self.index, "`mode` is \"100644\" or \"100755\"")),
        }
    }
}
