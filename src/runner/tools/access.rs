//! Reading the workspace under a call's obligations: a path is opened first, and the path that was really opened is
//! what the rules are asked about, before a byte of it is read.

use crate::effect::{ErrorKind, RuleRef, ToolCall, ToolError};
use crate::files::{EntryKind, Facts, FileError, Links, OpenFile, RelPath, Root, Walk, Walked, walk_until};
use crate::policy::{Decision, Granted, Obligations, PathRules};
use crate::runner::{Cancel, Room, ToolWorld};

use super::twins::Twins;

/// What a call may read.
pub(in crate::runner) struct Reading<'a> {
    pub(super) root: &'a Root,
    rules: &'a PathRules,
    protected: &'a [RelPath],
    twins: Twins,
    /// The most bytes of one call.
    pub(super) limit: Option<u64>,
    pub(super) room: &'a Room,
}

impl<'a> Reading<'a> {
    /// The reading side of a granted call.
    pub(in crate::runner) fn of(call: &'a Granted<ToolCall>, world: &'a ToolWorld) -> Self {
        Self::under(call.obligations(), world)
    }

    /// The same through another holder of the workspace.
    pub(in crate::runner) fn through(self, root: &'a Root) -> Self {
        Self { root, ..self }
    }

    /// The reading side of what binds a call.
    pub(super) fn under(obligations: &'a Obligations, world: &'a ToolWorld) -> Self {
        Self {
            root: &world.root,
            rules: &obligations.read,
            protected: &world.protected,
            twins: Twins::default(),
            limit: obligations.limits.read_bytes,
            room: &world.room,
        }
    }

    /// Opens a file that may be read.
    pub(super) fn open(&self, path: &RelPath) -> Result<OpenFile, ToolError> {
        // asked before as well, so that a denial does not depend on what is there
        self.demand(path)?;
        let file = self.root.file(path, Links::Inside).map_err(|error| tool_error(&error))?;
        self.demand(file.path())?;
        self.refuse_twin(file.path(), file.facts())?;
        Ok(file)
    }

    /// Opens a file that a walk of this reading found: the rules have allowed its path, and no link is followed to
    /// another. One that has become a link since is refused.
    pub(super) fn open_found(&self, path: &RelPath) -> Result<OpenFile, ToolError> {
        let file = self.root.file(path, Links::Refuse).map_err(|error| tool_error(&error))?;
        self.refuse_twin(path, file.facts())?;
        Ok(file)
    }

    /// Refuses what was found under an allowed name and is a denied file.
    pub(super) fn refuse_twin(&self, path: &RelPath, facts: &Facts) -> Result<(), ToolError> {
        self.twins.refuse(self.root, (path, facts), &|path| self.allows(path))
    }

    /// Walks, as long as the call has time; what may not be read is not there.
    pub(super) fn walk(&self, options: &Walk, cancel: &Cancel) -> Result<Walked, ToolError> {
        let mut keep = |path: &RelPath, kind: EntryKind| match kind {
            EntryKind::Folder => !self.is_protected(path),
            _ => self.allows(path),
        };
        let walked = walk_until(self.root, options, &mut keep, &|| cancel.is_over());
        in_time(cancel)?;
        walked.map_err(|error| tool_error(&error))
    }

    /// May it be read?
    pub(super) fn allows(&self, path: &RelPath) -> bool {
        !self.is_protected(path) && self.rules.check(path.as_str()).decision == Decision::Allow
    }

    /// May it be read? If not, the error names rule, file and line.
    pub(super) fn demand(&self, path: &RelPath) -> Result<(), ToolError> {
        if let Some(folder) = self.protected.iter().find(|folder| path.is_within(folder)) {
            return Err(protected(path, folder));
        }
        let verdict = self.rules.check(path.as_str());
        match verdict.deciding() {
            _ if verdict.decision == Decision::Allow => Ok(()),
            Some(reason) => {
                let rule = &reason.rule;
                let (kind, verb) = match verdict.decision {
                    Decision::Ask => (ErrorKind::ApprovalRequired, "needs an approval to be read"),
                    _ => (ErrorKind::Denied, "may not be read"),
                };
                let message = format!("`{path}` {verb}: {} [{}]", reason.message, rule.place());
                Err(ToolError { rule: Some(rule.clone()), ..ToolError::new(kind, message) })
            }
            None => Err(ToolError::new(
                ErrorKind::Denied,
                format!("`{path}` may not be read: no layer of the policy has rules about reading"),
            )),
        }
    }

    fn is_protected(&self, path: &RelPath) -> bool {
        self.protected.iter().any(|folder| path.is_within(folder))
    }
}

fn protected(path: &RelPath, folder: &RelPath) -> ToolError {
    let rule = RuleRef::protection();
    let message = format!("`{path}` may not be read: `{folder}` is lgflow's own state or git's");
    ToolError { rule: Some(rule), ..ToolError::new(ErrorKind::Denied, message) }
}

/// Has a call that looks at many files still time, and does anybody want it?
pub(super) fn in_time(cancel: &Cancel) -> Result<(), ToolError> {
    if cancel.is_cancelled() {
        return Err(ToolError::new(ErrorKind::Cancelled, "the call was cancelled"));
    }
    if cancel.is_over() {
        let message = "the workspace was not looked through in the time of the call; name a folder or a `glob`, or give \
                       the node a longer `timeout`";
        return Err(ToolError::new(ErrorKind::Timeout, message));
    }
    Ok(())
}

/// A file's error as a tool's.
pub(in crate::runner) fn tool_error(error: &FileError) -> ToolError {
    let kind = match error {
        FileError::NotFound { .. } => ErrorKind::NotFound,
        FileError::Exists { .. } | FileError::Unstable { .. } | FileError::Apart { .. } => {
            ErrorKind::Conflict
        }
        FileError::Escapes { .. } | FileError::Link { .. } | FileError::Forbidden { .. } => ErrorKind::Denied,
        FileError::TooLarge { .. } => ErrorKind::Limit,
        FileError::Path(_)
        | FileError::Kind { .. }
        | FileError::TooManyLinks { .. }
        | FileError::HardLinks { .. }
        | FileError::NotText { .. } => ErrorKind::InvalidInput,
        FileError::Io { error, .. } if is_full(error) => ErrorKind::Limit,
        FileError::Io { .. } => ErrorKind::Internal,
    };
    let limit = match error {
        FileError::TooLarge { .. } => Some("read_bytes".to_owned()),
        FileError::Io { error, .. } => is_full(error).then(|| "disk".to_owned()),
        _ => None,
    };
    ToolError { limit, ..ToolError::new(kind, error.to_string()) }
}

/// Is there no room left, for anybody or for us?
fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_a_limit_and_no_bug() {
        use std::io::{Error, ErrorKind as Kind};
        let told = |kind: Kind| {
            let error = tool_error(&FileError::Io { path: "a".to_owned(), error: Error::from(kind) });
            (error.kind, error.limit)
        };
        for full in [Kind::StorageFull, Kind::QuotaExceeded] {
            assert_eq!(told(full), (ErrorKind::Limit, Some("disk".to_owned())), "{full}");
        }
        assert_eq!(told(Kind::BrokenPipe), (ErrorKind::Internal, None));
    }
}
