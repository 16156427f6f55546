//! The profiles that exist without being written, and what each sets. A user's `[profile.NAME]` stands on top of one.

/// A built-in profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// What `--profile` calls it.
    pub name: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// Keys with their values, as a file would write them.
    pub values: &'static [(&'static str, &'static str)],
    /// Keys that have no bound under it, whatever the files say beside it.
    pub unbounded: &'static [&'static str],
}

/// All of them, the least strict first. Each sets only what it is there for: what it leaves out stays as the files say.
pub const PROFILES: [Profile; 3] = [
    Profile {
        name: "dev",
        about: "a person at work: records are kept for two weeks",
        values: &[("retention.age", "14d"), ("retention.count", "500"), ("retention.size", "2GiB")],
        unbounded: &[],
    },
    Profile {
        name: "stage",
        about: "a rehearsal of production that nobody has to attend: records are as safe, and the policy alone asks",
        values: &[("durability", "sync"), ("retention.age", "90d")],
        unbounded: &[],
    },
    Profile {
        name: "prod",
        about: "work that counts: records survive a power failure, every mutation is asked about, records are kept for an audit",
        values: &[("durability", "sync"), ("approvals.mutations", "ask"), ("retention.age", "400d")],
        // a bound of number or size would end what the time promises
        unbounded: &["retention.count", "retention.size"],
    },
];

impl Profile {
    /// The built-in profile of this name.
    pub fn find(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// What it sets a key to.
    pub fn value(&self, key: &str) -> Option<&'static str> {
        self.values.iter().find(|(own, _)| *own == key).map(|(_, value)| *value)
    }
}
