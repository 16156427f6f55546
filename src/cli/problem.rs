//! A command that could not do what it was asked, for a person and as `lgflow.problem/v1` (RFC 9457). Findings in
//! files are diagnostics and go another way.

use std::error::Error;
use std::fmt::Display;

use serde_json::{Value, json};

use crate::front::PrepareError;
use crate::packs::{Class, PackError, RevisionError};
use crate::store::StoreError;

use super::Exit;

/// Why a command ended before its work was done.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) exit: Exit,
    pub(super) title: &'static str,
    pub(super) detail: String,
}

impl Problem {
    /// The command was not called as it must be.
    pub(super) fn usage(detail: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, title: "wrong usage", detail: detail.into() }
    }

    /// The machine refused; `what` was being done.
    pub(super) fn failed(what: impl Display, error: &dyn Error) -> Self {
        let mut detail = format!("{what}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            let said = cause.to_string();
            // many messages end in their cause already
            if !detail.ends_with(&said) {
                detail.push_str(": ");
                detail.push_str(&said);
            }
            source = cause.source();
        }
        Self { exit: Exit::Failed, title: "failed", detail }
    }

    /// The same of the store. What is there and cannot be read does not hold.
    pub(super) fn store(what: impl Display, error: &StoreError) -> Self {
        let failed = Self::failed(what, error);
        if error.is_damage() {
            Self { exit: Exit::Unverified, title: "not verified", ..failed }
        } else {
            failed
        }
    }

    /// A pack was refused; nothing was changed.
    pub(super) fn pack(error: &PackError) -> Self {
        let (exit, title) = match error.class() {
            Class::Usage => (Exit::Usage, "wrong usage"),
            Class::Failed => (Exit::Failed, "failed"),
            Class::Invalid => (Exit::Invalid, "invalid pack or lock"),
            Class::Denied => (Exit::Denied, "denied until a person says yes"),
            Class::Unverified => (Exit::Unverified, "a pack failed verification"),
        };
        let lines = error.to_string();
        let lines: Vec<String> = lines.lines().map(crate::view::escaped).collect();
        Self { exit, title, detail: lines.join("\n") }
    }

    /// A revision cannot decide; nothing was begun. `instead` is what can be done without one.
    pub(super) fn revision(error: &RevisionError, instead: &str) -> Self {
        let detail = crate::view::escaped(&error.to_string());
        match error {
            RevisionError::NoRepository { .. }
            | RevisionError::NoRevision { .. }
            | RevisionError::NoFolder { .. } => Self::usage(format!("{detail}, or {instead}")),
            RevisionError::Refused { .. } => {
                Self { exit: Exit::Denied, title: "denied: the revision cannot decide", detail }
            }
            RevisionError::Failed { .. } | RevisionError::Private(_) => {
                Self { exit: Exit::Failed, title: "failed", detail }
            }
        }
    }

    /// What a run begins with could not be put together; `what` was being done.
    pub(super) fn prepare(what: impl Display, error: &PrepareError) -> Self {
        match error {
            PrepareError::Packs(error) => Self::pack(error),
            PrepareError::File(error) => super::validate::unreadable(error),
            PrepareError::NoGraphThere { .. } => Self::usage(crate::view::escaped(&error.to_string())),
            PrepareError::Hidden { .. } => {
                Self { exit: Exit::Denied, title: "denied by policy", detail: error.to_string() }
            }
            PrepareError::NoGraph(_) => Self::usage(error.to_string()),
            PrepareError::Trust(_) => Self::failed(what, error),
        }
    }

    /// A bug of ours.
    pub(super) fn bug(detail: impl Into<String>) -> Self {
        Self { exit: Exit::Bug, title: "a bug in lgflow", detail: detail.into() }
    }

    /// Another way to end, with its own exit code.
    pub(super) fn with(exit: Exit, title: &'static str, detail: impl Into<String>) -> Self {
        Self { exit, title, detail: detail.into() }
    }

    /// What, where and why.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// One paragraph for a person.
    pub(super) fn human(&self) -> String {
        format!("error: {}\n", self.detail)
    }

    /// The document.
    pub(super) fn json(&self) -> Value {
        json!({
            "schema": "lgflow.problem/v1",
            "type": "about:blank",
            "title": self.title,
            "detail": self.detail,
            "exit_code": self.exit.code(),
        })
    }
}

impl From<PackError> for Problem {
    fn from(error: PackError) -> Self {
        Self::pack(&error)
    }
}

#[cfg(test)]
mod tests {
    use crate::files::FileError;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let told = |error: &dyn Error| Problem::failed("cannot begin", error).human();
        let full = FileError::Io { path: "a".to_owned(), error: std::io::Error::other("no room") };
        assert_eq!(told(&full), "error: cannot begin: `a`: no room\n");
        let nested = crate::client::Lost::from(std::io::Error::other("no room"));
        assert!(told(&nested).ends_with("no room\n") && told(&nested).matches("no room").count() == 1);
    }
}
