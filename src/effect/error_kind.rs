//! The kinds of errors that a node can fail with.

use std::fmt;

/// An error kind of the graph language.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the word of the graph language, spelled the Rust way")]
pub enum ErrorKind {
    Exit,
    Timeout,
    NotFound,
    Conflict,
    InvalidInput,
    InvalidOutput,
    RateLimited,
    Upstream,
    Limit,
    Denied,
    Rejected,
    Exhausted,
    Expression,
    Cancelled,
    Budget,
    Internal,
    /// The plan that the run is held to did not show the call.
    Unplanned,
    /// The runner wants an approval before it decides; never the kind of a node's error.
    ApprovalRequired,
    /// An author's own, from a `fail` node.
    Custom(String),
}

impl ErrorKind {
    /// What `catch: [any]` takes.
    pub const ANY: [ErrorKind; 9] = [
        ErrorKind::Exit,
        ErrorKind::Timeout,
        ErrorKind::NotFound,
        ErrorKind::Conflict,
        ErrorKind::InvalidInput,
        ErrorKind::InvalidOutput,
        ErrorKind::RateLimited,
        ErrorKind::Upstream,
        ErrorKind::Limit,
    ];

    /// What is caught by name alone.
    pub const BY_NAME: [ErrorKind; 4] =
        [ErrorKind::Denied, ErrorKind::Rejected, ErrorKind::Exhausted, ErrorKind::Expression];

    /// What is never caught.
    pub const NEVER: [ErrorKind; 4] =
        [ErrorKind::Cancelled, ErrorKind::Budget, ErrorKind::Internal, ErrorKind::Unplanned];

    /// What `retry` repeats unless it lists kinds.
    pub const RETRIED: [ErrorKind; 3] = [ErrorKind::RateLimited, ErrorKind::Upstream, ErrorKind::Timeout];

    /// The word of the graph language.
    pub fn as_str(&self) -> &str {
        match self {
            ErrorKind::Exit => "exit",
            ErrorKind::Timeout => "timeout",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict => "conflict",
            ErrorKind::InvalidInput => "invalid_input",
            ErrorKind::InvalidOutput => "invalid_output",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::Upstream => "upstream",
            ErrorKind::Limit => "limit",
            ErrorKind::Denied => "denied",
            ErrorKind::Rejected => "rejected",
            ErrorKind::Exhausted => "exhausted",
            ErrorKind::Expression => "expression",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Budget => "budget",
            ErrorKind::Internal => "internal",
            ErrorKind::Unplanned => "unplanned",
            ErrorKind::ApprovalRequired => "approval_required",
            ErrorKind::Custom(kind) => kind,
        }
    }

    /// The kind of a word; a word that is not ours is an author's own.
    pub fn parse(word: &str) -> Self {
        Self::ANY
            .into_iter()
            .chain(Self::BY_NAME)
            .chain(Self::NEVER)
            .chain([ErrorKind::ApprovalRequired])
            .find(|kind| kind.as_str() == word)
            .unwrap_or_else(|| ErrorKind::Custom(word.to_owned()))
    }

    /// Some kinds in an author's words: those that `any` stands for are one word where all of them are there.
    pub fn words(kinds: &[ErrorKind]) -> Vec<&str> {
        let is_any = Self::ANY.iter().all(|kind| kinds.contains(kind));
        let others = kinds.iter().filter(|kind| !is_any || !Self::ANY.contains(kind));
        is_any.then_some("any").into_iter().chain(others.map(ErrorKind::as_str)).collect()
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for ErrorKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for ErrorKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}
