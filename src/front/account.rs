//! The home folder that the system has on record for the user, whatever the variables say.
#![expect(clippy::disallowed_methods, reason = "the system's list of users is no file of a workspace")]

use std::fs;
use std::path::PathBuf;

/// The system's list of users.
const USERS: &str = "/etc/passwd";

/// The home folder of this user; none where the list does not have the user.
pub(super) fn account_home() -> Option<PathBuf> {
    home_in(&fs::read_to_string(USERS).ok()?, rustix::process::geteuid().as_raw())
}

fn home_in(users: &str, user: u32) -> Option<PathBuf> {
    let user = user.to_string();
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.get(2) == Some(&user.as_str()))?;
    found.get(5).map(PathBuf::from).filter(|home| home.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_that_of_the_line_with_the_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nodd\nci:x:1000:1000::/home/ci:/bin/sh\nnone:x:7:7:::\n";
        assert_eq!(home_in(users, 0), Some("/root".into()));
        assert_eq!(home_in(users, 1000), Some("/home/ci".into()));
        assert_eq!((home_in(users, 7), home_in(users, 100), home_in("", 0)), (None, None, None));
    }
}
