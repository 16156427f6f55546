//! Attacks on the runner's walls, each with the harmless thing next to it. A case is a file of `cases/CLASS/`; every
//! one is tried as root and as an ordinary user, with canaries outside of the workspace: after each attack the canary is
//! as it was, no secret stands in any output or record, no process is left, and the workspace has no file more or less.
//!
//! What has to be tried is in `docs/threats.md`; `docs/security.md` has the tables that the cases make, and
//! `LGFLOW_BLESS=1` writes them. A case whose attack no file can express names the test that makes it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test makes its own files and processes, and says and stops where it is wrong"
)]

mod case;
mod catalogue;
mod elsewhere;
mod judge;
mod race;
mod results;
mod table;
mod world;

use case::classes;
use world::User;

/// Tries every case of a class as a user, and says of all that failed at once.
fn hold(class: &str, user: User) {
    if !user.can_be_played() {
        // a developer who is not root sees half of it; a machine that promises to check everything must be root
        assert!(std::env::var_os("CI").is_none(), "{class}: only root can play {user:?}");
        eprintln!("NOT TRIED: {class} as {user:?}: run the tests as root for it");
        return;
    }
    let results = results::of(class, user);
    assert!(results.failures.is_empty(), "\n{}", results.failures.join("\n\n"));
}

/// Two tests for a class: as root, and as an ordinary user.
macro_rules! classes {
    ($($class:ident),* $(,)?) => {
        $(mod $class {
            use super::{User, hold};

            #[test]
            fn hold_as_root() {
                hold(stringify!($class), User::Root);
            }

            #[test]
            fn hold_as_an_ordinary_user() {
                hold(stringify!($class), User::Ordinary);
            }
        })*

        #[test]
        fn every_class_is_tried() {
            assert_eq!(classes(), [$(stringify!($class)),*]);
        }
    };
}

classes!(
    approvals,
    arguments,
    environment,
    files_of_ours,
    interpreter,
    kernel,
    network,
    patches,
    paths,
    policy,
    resources,
    runs,
    secrets,
    service,
    special_files,
    templates,
    terminal,
    trace,
    trust,
    verification,
);

#[test]
fn the_page_has_the_tables_of_these_cases() {
    table::hold();
}
