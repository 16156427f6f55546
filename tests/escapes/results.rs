//! What the cases came to: each class is tried once as each user, and whoever asks for it waits for the same result.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::case::{self, Case};
use super::world::{User, World};
use super::{elsewhere, judge};

/// Of one class, as one user.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// How many cases held.
    pub(crate) held: usize,
    /// One message for each that did not, and for each test elsewhere that is not there.
    pub(crate) failures: Vec<String>,
}

/// The results of a class as a user who can be played.
pub(crate) fn of(class: &str, user: User) -> Arc<Results> {
    type Known = BTreeMap<(String, User), Arc<OnceLock<Arc<Results>>>>;
    static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());
    let slot = KNOWN.lock().unwrap().entry((class.to_owned(), user)).or_default().clone();
    slot.get_or_init(|| Arc::new(try_class(class, user))).clone()
}

fn try_class(class: &str, user: User) -> Results {
    let mut results = Results::default();
    let cases = Case::of_class(class);
    assert!(!cases.is_empty() || case::is_filtered(), "the class `{class}` has no case");
    for case in cases {
        for test in &case.tests {
            let wrong = elsewhere::check(test).err().map(|why| format!("{}: {test}: {why}", case.name));
            results.failures.extend(wrong);
        }
        if case.tests.is_empty() {
            match try_case(&case, user) {
                Ok(()) => results.held += 1,
                Err(why) => results.failures.push(why),
            }
        }
    }
    results
}

fn try_case(case: &Case, user: User) -> Result<(), String> {
    let said = |what: &str, why: String| format!("{} as {user:?}, {what}: {why}", case.name);
    attack(case, &World::new(user, case, false)).map_err(|why| said("attack", why))?;
    twin(case, user).map_err(|why| said("twin", why))?;
    // where the wall is taken away the same attack must be seen to get through: else the case could not fail
    if case.broken.is_some() && attack(case, &World::new(user, case, true)).is_ok() {
        return Err(said("broken", "without the wall nothing is noticed".to_owned()));
    }
    Ok(())
}

fn attack(case: &Case, world: &World) -> Result<(), String> {
    let before = world.workspace();
    case.attack.iter().try_for_each(|step| judge::step(world, step, true))?;
    world.is_unharmed()?;
    if case.attack_writes { Ok(()) } else { world.is_as(&before) }
}

fn twin(case: &Case, user: User) -> Result<(), String> {
    let world = World::new(user, case, false);
    let before = world.workspace();
    case.twin.iter().try_for_each(|step| judge::step(&world, step, false))?;
    world.is_unharmed()?;
    if case.twin_writes { Ok(()) } else { world.is_as(&before) }
}
