//! A setting with its value and the place that it came from.

use std::fmt;
use std::time::Duration;

/// Where a value came from, the weakest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of keys.
    BuiltIn,
    /// A profile that exists without being written.
    BuiltInProfile(&'static str),
    /// `.lg/config.toml`
    Workspace {
        /// The file, as named.
        file: String,
        /// From 1.
        line: usize,
    },
    /// The machine's or the user's file.
    File {
        /// The file, as named.
        file: String,
        /// From 1.
        line: usize,
    },
    /// A profile of the user's file.
    Profile {
        /// Its name.
        profile: String,
        /// The file, as named.
        file: String,
        /// From 1.
        line: usize,
    },
    /// A variable.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::BuiltIn => f.write_str("built-in"),
            Origin::BuiltInProfile(name) => write!(f, "built-in profile {name}"),
            Origin::Workspace { file, line } | Origin::File { file, line } => write!(f, "{file}:{line}"),
            Origin::Profile { profile, file, line } => write!(f, "{file}:{line} (profile {profile})"),
            Origin::Variable(name) | Origin::Flag(name) => f.write_str(name),
        }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingValue {
    /// A word, a text or a path.
    Text(String),
    /// A count, or bytes.
    Number(u64),
    /// A duration.
    Time(Duration),
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingValue::Text(text) => f.write_str(text),
            SettingValue::Number(number) => write!(f, "{number}"),
            SettingValue::Time(time) if is_days(*time) => write!(f, "{}d", time.as_secs() / DAY),
            SettingValue::Time(time) if time.subsec_millis() == 0 => write!(f, "{}s", time.as_secs()),
            SettingValue::Time(time) => write!(f, "{}ms", time.as_millis()),
        }
    }
}

/// The seconds of a day.
const DAY: u64 = 86_400;

fn is_days(time: Duration) -> bool {
    time.subsec_nanos() == 0 && !time.is_zero() && time.as_secs().is_multiple_of(DAY)
}

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: SettingValue,
    /// Where it came from.
    pub origin: Origin,
}
