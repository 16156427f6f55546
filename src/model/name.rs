//! Identities, parsed once.

use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The words that no name may be: those of the expression language, and the roots of its scope.
            pub const RESERVED: &'static [&'static str] = &[
                "and", "or", "not", "in", "is", "if", "else", "for", "true", "false", "none", "null", "inputs",
                "nodes", "state", "loops", "run", "output", "error",
            ];

            /// Parses `[a-z][a-z0-9_]*`, at most 64 long, no reserved word.
            pub fn parse(text: &str) -> Option<Self> {
                let shape = text.starts_with(|c: char| c.is_ascii_lowercase())
                    && text.len() <= 64
                    && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                (shape && !Self::RESERVED.contains(&text)).then(|| Self(text.into()))
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "`{}`", self.0)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The id of a node.
    NodeId
}

name! {
    /// The name of an input, a model, a prompt, a channel, a group, a subgraph or an output.
    Name
}
