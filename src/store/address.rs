//! Where the runs of a user are kept.

use std::fmt;
use std::str::FromStr;

use super::password::{SCHEMES, without_password};

/// Where the runs of a user are kept. Named by the user alone, and never by a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StoreAddress {
    /// A database for each workspace in the user's state folder.
    #[default]
    Local,
    /// A PostgreSQL database that several processes share: `postgres://user@host/name`.
    Postgres(String),
}

/// The text names no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another form.
    #[error("a store is `local`, or `postgres://USER@HOST/DATABASE`")]
    Form,
    /// Its driver is not in this program.
    #[error("this lgflow was built without PostgreSQL; build it with `--features postgres`, or use `local`")]
    NotBuilt,
}

impl StoreAddress {
    /// As it may be shown: without a password.
    pub fn shown(&self) -> String {
        match self {
            Self::Local => "local".to_owned(),
            Self::Postgres(url) => without_password(url),
        }
    }
}

impl FromStr for StoreAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" | "local" => Ok(Self::Local),
            url if SCHEMES.iter().any(|scheme| url.starts_with(scheme)) => {
                if cfg!(feature = "postgres") {
                    Ok(Self::Postgres(url.to_owned()))
                } else {
                    Err(AddressError::NotBuilt)
                }
            }
            _ => Err(AddressError::Form),
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let address = StoreAddress::Postgres("postgres://me:se:cr@et@host/db".into());
        assert_eq!(address.shown(), "postgres://me@host/db");
        assert_eq!("local".parse(), Ok(StoreAddress::Local));
        assert_eq!("/var/lib/runs".parse::<StoreAddress>(), Err(AddressError::Form));
    }
}
