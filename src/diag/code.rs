//! The table of codes. A code is stable: it is never renamed and never given another meaning. Each has a page
//! `docs/codes/<code>.md` (printed by `lgflow explain`) and a fixture `tests/diagnostics/<code>/`.

use std::fmt;

use super::Severity;

/// A diagnostic code, for example `unknown-node`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(&'static str);

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// Its severity, unless the user denies warnings.
    pub severity: Severity,
    /// What it means, in a line.
    pub title: &'static str,
}

impl Code {
    /// Its text.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Its row.
    pub fn info(self) -> Option<&'static CodeInfo> {
        ALL_CODES.iter().find(|info| info.code == self)
    }

    /// The severity in the table; a code that is missing there counts as an error.
    pub fn severity(self) -> Severity {
        self.info().map_or(Severity::Error, |info| info.severity)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal, $severity:ident, $title:literal;)*) => {
        /// Every code as a constant.
        pub mod codes {
            use super::Code;
            $(#[doc = $title] pub const $name: Code = Code($code);)*
        }

        /// Every code with its severity and title.
        pub const ALL_CODES: &[CodeInfo] = &[
            $(CodeInfo { code: codes::$name, severity: Severity::$severity, title: $title },)*
        ];
    };
}

codes! {
    // document: the text itself
    SYNTAX = "syntax", Error, "the text is not valid YAML, TOML or JSON";
    DUPLICATE_KEY = "duplicate-key", Error, "a mapping has one key twice";
    LIMIT = "limit", Error, "the file is larger or deeper than the limits allow";
    ENCODING = "encoding", Error, "the file is not UTF-8 text";
    // schema and model: keys, types, names within one file
    UNKNOWN_KEY = "unknown-key", Error, "a key that means nothing here";
    MISSING_KEY = "missing-key", Error, "a required key is missing";
    WRONG_TYPE = "wrong-type", Error, "a value of the wrong type";
    BAD_VALUE = "bad-value", Error, "a value outside of what is allowed here";
    UNKNOWN_SCHEMA = "unknown-schema", Error, "the file's `schema` id is not one that lgflow knows";
}
