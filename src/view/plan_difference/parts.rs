//! What of a value became another, part by part. Knows nothing of what the values mean.

use serde_json::Value;

use crate::plan::as_written;

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It was not there.
    Added,
    /// It is there no more.
    Removed,
    /// It is another.
    Changed,
}

impl Change {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Changed => "changed",
        }
    }

    /// Of what was, or is, there.
    pub(super) fn of<T>(before: Option<&T>, after: Option<&T>) -> Self {
        match (before, after) {
            (None, _) => Change::Added,
            (Some(_), None) => Change::Removed,
            (Some(_), Some(_)) => Change::Changed,
        }
    }
}

/// A part that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Where it is: `with.argv[1]`.
    pub part: String,
    /// What was there.
    pub before: Option<Value>,
    /// What is there.
    pub after: Option<Value>,
}

impl Part {
    /// How it differs.
    pub fn change(&self) -> Change {
        Change::of(self.before.as_ref(), self.after.as_ref())
    }
}

/// The smallest parts that differ. Lists that are not equally long differ as a whole.
pub(super) fn parts(at: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Part>) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let added = after.keys().filter(|name| !before.contains_key(*name));
            for name in before.keys().chain(added) {
                let inner = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                parts(&inner, before.get(name), after.get(name), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) if before.len() == after.len() => {
            for (nth, (before, after)) in before.iter().zip(after).enumerate() {
                parts(&format!("{at}[{nth}]"), Some(before), Some(after), found);
            }
        }
        (None, None) => {}
        (before, after) => {
            found.push(Part {
                part: at.to_owned(),
                before: before.map(as_written),
                after: after.map(as_written),
            });
        }
    }
}
