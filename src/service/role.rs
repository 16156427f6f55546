//! What a token may be used for. It has one role, and no role holds another one: who calls approves nothing, and who
//! approves calls nothing.

use serde::{Deserialize, Serialize};

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Calls of tools, and runs.
    Call,
    /// To see what calls ask, and to bring the answers that people have signed.
    Approve,
    /// To look: what there is to be called, what was counted.
    Read,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Call, Self::Approve, Self::Read];

    /// The word of the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Call => "call",
            Role::Approve => "approve",
            Role::Read => "read",
        }
    }
}
