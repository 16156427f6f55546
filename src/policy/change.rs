//! What would alter an opinion: an edit of a policy file, something outside of the policies, or nothing at all. An edit
//! can be carried out on what a layer says, so that what is advised can be tried. Knows no gate.

use std::fmt;

use serde_json::{Map, Value};

use crate::effect::{FrozenLayer, RuleRef};

use super::builtin::ASK_MUTATIONS;

/// What would alter an opinion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// No policy can alter it, whatever it says.
    Never,
    /// No line of a policy, but what a person would have to do, in the imperative.
    Elsewhere(String),
    /// Edits of policy files, all of them together.
    Edits(Vec<Edit>),
}

/// One edit of a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file, as its layer names it.
    pub file: String,
    /// The line that changes, from 1; 0 where one is added.
    pub line: usize,
    /// Where in the file.
    pub at: Vec<Step>,
    /// What is done there.
    pub action: Action,
}

/// A step from the top of a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// The item of a list whose `name` this is.
    Named(String),
}

/// The steps to a place that is written with dots: `paths.read.allow`.
pub(super) fn keys(place: &str) -> Vec<Step> {
    place.split('.').map(|key| Step::Key(key.to_owned())).collect()
}

/// What an edit does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// One more item at the end of a list.
    Append(Value),
    /// The value of a key.
    Set(String, Value),
    /// One item less.
    Remove(Value),
}

impl Change {
    /// One edit.
    pub(super) fn edit(file: &str, line: usize, at: Vec<Step>, action: Action) -> Self {
        Self::edits(vec![Edit { file: file.to_owned(), line, at, action }])
    }

    /// Several edits, all of one file.
    pub(super) fn edits(edits: Vec<Edit>) -> Self {
        Self::Edits(edits)
    }

    /// The edit of the line that a rule stands at.
    pub(super) fn of_rule(rule: &RuleRef, at: Vec<Step>, action: Action) -> Self {
        Self::edit(&rule.file, rule.line, at, action)
    }
}

/// What to do where the text that would have to change is part of the program.
pub(super) fn instead_of_builtin(edit: &Edit) -> String {
    let name = &edit.file;
    if name == ASK_MUTATIONS {
        return "set `approvals.mutations` to `policy`, where you set it to `ask`, or take another profile \
                (`lgflow config approvals.mutations` says where it is set)"
            .to_owned();
    }
    match &edit.action {
        Action::Remove(_) => format!(
            "`{name}` is part of the program and says so in every role: take it out of what includes it, or, where it \
             holds a workspace that nobody has trusted, read the workspace's policy and run `lgflow trust`"
        ),
        Action::Append(_) | Action::Set(..) => format!(
            "`{name}` is part of the program and says no more in any role: name a policy of your own in its place \
             (`lgflow init` writes one), or, where it holds a workspace that nobody has trusted, read the workspace's \
             policy and run `lgflow trust`"
        ),
    }
}

impl Edit {
    /// Is it of a text that is part of the program, and that nobody edits?
    pub(super) fn is_of_the_program(&self) -> bool {
        self.file.starts_with("builtin:")
    }

    /// What to do, without the file: `` add `docs/a.md` to `paths.read.allow` ``.
    pub fn instruction(&self) -> String {
        let place = self.place();
        match &self.action {
            Action::Append(value) => format!("add `{}` to `{place}`", shown(value)),
            Action::Remove(value) => format!("remove `{}` from `{place}`", shown(value)),
            Action::Set(key, value) if place.is_empty() => format!("write `{key}: {}`", shown(value)),
            Action::Set(key, value) => format!("write `{key}: {}` under `{place}`", shown(value)),
        }
    }

    /// Where in the file, as rules are named: `commands[test].flags`.
    pub fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.at {
            match step {
                Step::Named(name) => place.extend(["[", name, "]"]),
                Step::Key(key) if place.is_empty() => place.push_str(key),
                Step::Key(key) => place.extend([".", key]),
            }
        }
        place
    }

    /// Carries it out on the layer or include of `layers` that has its file; is there one?
    pub(super) fn apply(
        &self,
        layers: &mut [FrozenLayer],
        read: &dyn Fn(&FrozenLayer) -> Option<Value>,
    ) -> bool {
        let mut done = false;
        for layer in layers {
            if layer.name == self.file
                && let Some(mut content) = read(layer)
                && self.alter(&mut content)
            {
                layer.text = content.to_string();
                "json".clone_into(&mut layer.syntax);
                done = true;
            }
            done |= self.apply(&mut layer.includes, read);
        }
        done
    }

    /// Carries it out on what a file says; false where that has no such place.
    fn alter(&self, content: &mut Value) -> bool {
        let mut value = content;
        for step in &self.at {
            let found = match step {
                Step::Key(key) => inner(value, key),
                Step::Named(name) => named(value, name),
            };
            let Some(found) = found else { return false };
            value = found;
        }
        match &self.action {
            Action::Append(item) => append(value, item),
            Action::Remove(item) => remove(value, item),
            Action::Set(key, item) => set(value, key, item),
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "in {}, {}", self.file, self.instruction())
        } else {
            write!(f, "in {}:{}, {}", self.file, self.line, self.instruction())
        }
    }
}

/// A value as it may be typed in any of the syntaxes: text bare, all else as JSON.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The value of a key, made where it is not there: what it will be is decided by what is put there.
fn inner<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Value> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    Some(value.as_object_mut()?.entry(key).or_insert(Value::Null))
}

fn named<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    value.as_array_mut()?.iter_mut().find(|item| item.get("name").and_then(Value::as_str) == Some(name))
}

fn append(value: &mut Value, item: &Value) -> bool {
    if value.is_null() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut().is_some_and(|items| {
        items.push(item.clone());
        true
    })
}

fn remove(value: &mut Value, item: &Value) -> bool {
    value.as_array_mut().is_some_and(|items| {
        let before = items.len();
        items.retain(|other| other != item);
        items.len() < before
    })
}

fn set(value: &mut Value, key: &str, item: &Value) -> bool {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().is_some_and(|entries| {
        entries.insert(key.to_owned(), item.clone());
        true
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edit(at: Vec<Step>, action: Action) -> Edit {
        Edit { file: "p.yaml".to_owned(), line: 0, at, action }
    }

    #[test]
    fn an_edit_says_what_it_does_and_does_it() {
        let named = [keys("commands"), vec![Step::Named("test".to_owned())]].concat();
        let flags = [named, keys("flags")].concat();
        let edits = [
            edit(keys("paths.read.allow"), Action::Append("a".into())),
            edit(flags, Action::Set("--x".to_owned(), "none".into())),
            edit(keys("paths.read.deny"), Action::Remove("b".into())),
        ];
        let said: Vec<String> = edits.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "in p.yaml, add `a` to `paths.read.allow`",
                "in p.yaml, write `--x: none` under `commands[test].flags`",
                "in p.yaml, remove `b` from `paths.read.deny`",
            ]
        );
        let mut content = json!({"commands": [{"name": "test"}], "paths": {"read": {"deny": ["b", "c"]}}});
        assert!(edits.iter().all(|edit| edit.alter(&mut content)));
        let expected = json!({
            "commands": [{"name": "test", "flags": {"--x": "none"}}],
            "paths": {"read": {"deny": ["c"], "allow": ["a"]}},
        });
        assert_eq!(content, expected);
        assert!(!edits[2].alter(&mut content), "what is not there cannot be removed");
    }

    #[test]
    fn what_is_part_of_the_program_is_edited_by_nobody() {
        let of_builtin = |action| Edit { file: "builtin:rust".to_owned(), ..edit(keys("tools"), action) };
        assert!(of_builtin(Action::Set("a".into(), "b".into())).is_of_the_program());
        assert!(!edit(keys("tools"), Action::Remove("b".into())).is_of_the_program());
        let said = instead_of_builtin(&of_builtin(Action::Remove("b".into())));
        assert!(said.contains("take it out of what includes it"), "{said}");
    }
}
