//! Attacks on the runner's walls, each with the harmless thing next to it. A case is a file of `cases/CLASS/`; every
//! one is tried as root and as an ordinary user, with canaries outside of the workspace: after each attack the canary is
//! as it was, no secret stands in any output or record, no process is left, and the workspace has no file more or less.
//!
//! `docs/security.md` has the table that these cases make; `LGFLOW_BLESS=1` writes it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test makes its own files and processes, and says and stops where it is wrong"
)]

mod case;
mod judge;
mod race;
mod table;
mod world;

use case::{Case, classes};
use world::{User, World};

/// Tries every case of a class as a user, and says of all that failed at once.
fn hold(class: &str, user: User) {
    if !user.can_be_played() {
        // a developer who is not root sees half of it; a machine that promises to check everything must be root
        assert!(std::env::var_os("CI").is_none(), "{class}: only root can play {user:?}");
        eprintln!("NOT TRIED: {class} as {user:?}: run the tests as root for it");
        return;
    }
    let cases = Case::of_class(class);
    assert!(!cases.is_empty(), "the class `{class}` has no case");
    let failures: Vec<String> = cases.iter().filter_map(|case| try_case(case, user).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

fn try_case(case: &Case, user: User) -> Result<(), String> {
    let said = |what: &str, why: String| format!("{} as {user:?}, {what}: {why}", case.name);
    for (what, steps, is_attack) in [("attack", &case.attack, true), ("twin", &case.twin, false)] {
        let world = World::new(user, case);
        let before = world.workspace();
        let done = steps.iter().try_for_each(|step| judge::step(&world, step, is_attack));
        done.map_err(|why| said(what, why))?;
        world.is_unharmed().map_err(|why| said(what, why))?;
        if is_attack || !case.twin_writes {
            world.is_as(&before).map_err(|why| said(what, why))?;
        }
    }
    Ok(())
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
    arguments,
    environment,
    kernel,
    network,
    patches,
    paths,
    resources,
    secrets,
    special_files,
    templates,
    trust,
    verification,
);

#[test]
fn the_page_has_the_table_of_these_cases() {
    table::hold();
}
