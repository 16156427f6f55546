//! Where a value comes from: the sources that went into it. Told with a call; what is not told counts as everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A source of values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// What the user typed.
    User,
    /// Files of the workspace: one, or any.
    Workspace(Option<String>),
    /// What commands print and leave.
    Exec,
    /// What models say: one, or any.
    Llm(Option<String>),
    /// What origins answer: one, or any.
    Http(Option<String>),
    /// What servers of tools answer: one, or any.
    Mcp(Option<String>),
    /// Everything.
    Any,
}

impl Source {
    /// Reads `llm`, `llm:NAME`, …; what is not known is everything.
    pub fn read(text: &str) -> Self {
        let (kind, name) = match text.split_once(':') {
            Some((kind, name)) => (kind, Some(name.to_owned())),
            None => (text, None),
        };
        match (kind, name) {
            ("user", None) => Self::User,
            ("exec", None) => Self::Exec,
            ("workspace", name) => Self::Workspace(name),
            ("llm", name) => Self::Llm(name),
            ("http", name) => Self::Http(name),
            ("mcp", name) => Self::Mcp(name),
            _ => Self::Any,
        }
    }

    /// Did somebody outside decide what it says: a model, an origin, a server?
    pub fn is_foreign(&self) -> bool {
        match self {
            Self::Llm(_) | Self::Http(_) | Self::Mcp(_) | Self::Any => true,
            Self::User | Self::Workspace(_) | Self::Exec => false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::User => ("user", &None),
            Self::Workspace(path) => ("workspace", path),
            Self::Exec => ("exec", &None),
            Self::Llm(model) => ("llm", model),
            Self::Http(origin) => ("http", origin),
            Self::Mcp(server) => ("mcp", server),
            Self::Any => ("any", &None),
        };
        match name {
            Some(name) => write!(f, "{kind}:{name}"),
            None => f.write_str(kind),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::read(&String::deserialize(deserializer)?))
    }
}

/// The sources of each parameter of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provenance(BTreeMap<String, BTreeSet<Source>>);

/// The parameter that stands for all that are not named.
const REST: &str = "*";

impl Provenance {
    /// Every parameter comes from these.
    pub fn of_all(sources: BTreeSet<Source>) -> Self {
        Self(BTreeMap::from([(REST.to_owned(), sources)]))
    }

    /// Parameters by name, and what holds for all others.
    pub fn new(named: BTreeMap<String, BTreeSet<Source>>, rest: BTreeSet<Source>) -> Self {
        let mut all = named;
        all.insert(REST.to_owned(), rest);
        Self(all)
    }

    /// The sources of a parameter; `None` where they are not told.
    pub fn of(&self, parameter: &str) -> Option<&BTreeSet<Source>> {
        self.0.get(parameter).or_else(|| self.0.get(REST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_not_known_is_everything() {
        for text in [
            "user",
            "workspace",
            "workspace:src/a.rs",
            "exec",
            "llm:fast",
            "http:https://a:443",
            "mcp:docs",
            "any",
        ] {
            assert_eq!(Source::read(text).to_string(), text);
        }
        assert_eq!(Source::read("later"), Source::Any);
        assert_eq!(Source::read("user:x"), Source::Any);
    }

    #[test]
    fn a_parameter_that_is_not_named_has_what_is_told_of_all_others() {
        let user = BTreeSet::from([Source::User]);
        let told = Provenance::new(BTreeMap::from([("argv".to_owned(), BTreeSet::new())]), user.clone());
        assert_eq!((told.of("argv"), told.of("cwd")), (Some(&BTreeSet::new()), Some(&user)));
        assert_eq!(Provenance::default().of("argv"), None);
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(text, r#"{"*":["user"],"argv":[]}"#);
        assert_eq!(serde_json::from_str::<Provenance>(&text).unwrap(), told);
    }
}
