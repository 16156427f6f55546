//! Changing the workspace under a call's obligations: every path of a change is asked about before anything is read,
//! denials before questions, and what would be taken away must be readable as well.

use crate::effect::{ErrorKind, RuleRef, ToolError};
use crate::files::RelPath;
use crate::policy::{Decision, Obligations, PathRules, Verdict, is_secret_name};
use crate::redact::{Cut, Redaction};
use crate::runner::ToolWorld;
use crate::runner::patch::{PatchError, Side, is_protected, is_text};

/// What a call may change.
pub(super) struct Writing<'a> {
    obligations: &'a Obligations,
    protected: &'a [RelPath],
    redaction: &'a Redaction,
}

/// What a change does to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    /// Its content is taken over elsewhere.
    Read,
    /// It is made where nothing was.
    Write,
    /// What is there is changed or taken away, and the inverse tells what it was.
    ReadAndWrite,
    /// It is changed by what is no text, or what it was can be told in no other way.
    Binary,
}

impl<'a> Writing<'a> {
    /// The writing side of a granted call.
    pub(super) fn of(obligations: &'a Obligations, world: &'a ToolWorld) -> Self {
        Self { obligations, protected: &world.protected, redaction: &world.redaction }
    }

    /// May all of it happen? A denial is told before a question.
    pub(super) fn demand<'p>(
        &self,
        touched: impl Iterator<Item = (&'p RelPath, Touch)>,
    ) -> Result<(), ToolError> {
        let mut question = None;
        for (path, touch) in touched {
            match self.objection(path, touch) {
                Some(error) if error.kind == ErrorKind::ApprovalRequired => {
                    question.get_or_insert(error);
                }
                Some(error) => return Err(error),
                None => {}
            }
        }
        question.map_or(Ok(()), Err)
    }

    /// May a command's change of this path be carried over at all?
    pub(super) fn denies_write(&self, path: &RelPath) -> bool {
        self.invariant(path).is_some()
            || self.obligations.write.check(path.as_str()).decision == Decision::Deny
    }

    /// May what is no text be told of this path in a patch? Not where a layer forbids it, and not where it holds what must not
    /// leave: what is deflated, nobody finds that in later.
    pub(super) fn tells_binary(&self, path: &RelPath, side: &Side) -> bool {
        let clean = |bytes: &[u8]| self.redaction.text(bytes, Cut::default()).1 == 0;
        let mut contents = side.before.iter().chain(&side.after);
        self.obligations.binary.decision(path.as_str()) != Decision::Deny
            && (self.redaction.is_empty() || contents.all(|content| clean(&content.bytes)))
    }

    /// May a command's change of these contents be carried over: are they text, or may they be none?
    pub(super) fn carries(&self, path: &RelPath, side: &Side) -> bool {
        let mut contents = side.before.iter().chain(&side.after);
        contents.all(|content| is_text(&content.bytes)) || self.tells_binary(path, side)
    }

    /// May it be read?
    pub(super) fn allows_read(&self, path: &RelPath) -> bool {
        self.invariant(path).is_none()
            && self.obligations.read.check(path.as_str()).decision == Decision::Allow
    }

    /// May a command see it? Names that hold secrets it may not, whatever the rules say.
    pub(super) fn shows(&self, path: &RelPath) -> bool {
        self.allows_read(path) && !is_secret_name(path.as_str())
    }

    /// May a command see it and write it, with nothing before it and nobody who is asked?
    pub(super) fn may_be_written_unseen(&self, path: &RelPath) -> bool {
        self.shows(path) && self.obligations.write.check(path.as_str()).decision == Decision::Allow
    }

    fn objection(&self, path: &RelPath, touch: Touch) -> Option<ToolError> {
        let ask = |rules: &PathRules, what: &str| refusal(&rules.check(path.as_str()), path, what);
        self.invariant(path).or_else(|| match touch {
            Touch::Read => ask(&self.obligations.read, "read"),
            Touch::Binary => {
                ask(&self.obligations.binary, "changed by a binary patch, and what it holds is no text")
            }
            Touch::Write => ask(&self.obligations.write, "written"),
            Touch::ReadAndWrite => {
                ask(&self.obligations.write, "written").or_else(|| ask(&self.obligations.read, "read"))
            }
        })
    }

    fn invariant(&self, path: &RelPath) -> Option<ToolError> {
        let ours = self.protected.iter().any(|folder| path.is_within(folder));
        if !ours && !path.parts().any(is_protected) {
            return None;
        }
        Some(out_of_reach(format!(
            "`{path}` is never written: git folders, `.lg` and lgflow's own state are out of reach"
        )))
    }
}

/// The refusal of a change beneath a folder that git takes for a git directory, whatever its name is.
pub(super) fn git_folder(folder: &RelPath) -> ToolError {
    out_of_reach(format!(
        "nothing is written beneath `{folder}`: git takes a folder with `HEAD`, `objects` and `refs` in it for a git \
         directory, and runs its hooks"
    ))
}

/// What no layer can allow.
fn out_of_reach(message: String) -> ToolError {
    let rule = RuleRef::protection();
    ToolError { rule: Some(rule), ..ToolError::new(ErrorKind::Denied, message) }
}

/// The error that a verdict means, unless it allows.
fn refusal(verdict: &Verdict, path: &RelPath, what: &str) -> Option<ToolError> {
    let (kind, verb) = match verdict.decision {
        Decision::Allow => return None,
        Decision::Ask => (ErrorKind::ApprovalRequired, format!("needs an approval to be {what}")),
        Decision::Deny => (ErrorKind::Denied, format!("may not be {what}")),
    };
    let Some(reason) = verdict.deciding() else {
        let message = format!("`{path}` {verb}: no layer of the policy has rules about it");
        return Some(ToolError::new(kind, message));
    };
    let rule = &reason.rule;
    let message = format!("`{path}` {verb}: {} [{}]", reason.message, rule.place());
    Some(ToolError { rule: Some(rule.clone()), ..ToolError::new(kind, message) })
}

/// A patch's error as a tool's.
pub(in crate::runner) fn patch_error(error: &PatchError) -> ToolError {
    ToolError { limit: error.limit().map(str::to_owned), ..ToolError::new(error.kind(), error.in_full()) }
}
