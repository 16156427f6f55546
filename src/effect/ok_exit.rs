//! Which exit codes of a command are a success: `ok_exit` of `exec`.

use serde_json::Value;

/// Which exit codes are a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OkExit {
    /// 0 alone.
    Zero,
    /// Each.
    Any,
    /// These.
    These(Vec<i64>),
}

impl OkExit {
    /// What stands under `ok_exit`, if anything does; `None` where it is neither `any` nor a list of exit codes.
    pub fn read(value: Option<&Value>) -> Option<Self> {
        match value {
            None => Some(OkExit::Zero),
            Some(Value::String(word)) if word == "any" => Some(OkExit::Any),
            Some(Value::Array(codes)) => {
                codes.iter().map(Value::as_i64).collect::<Option<_>>().map(OkExit::These)
            }
            Some(_) => None,
        }
    }

    /// Is this one a success?
    pub fn takes(&self, code: i64) -> bool {
        match self {
            OkExit::Zero => code == 0,
            OkExit::Any => true,
            OkExit::These(codes) => codes.contains(&code),
        }
    }
}
