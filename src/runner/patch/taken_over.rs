//! Changes of an earlier run that a fork of it has taken over: they are part of what its own run changed, so they stand in its
//! history, marked, and what takes back or shows the changes of the run knows them.

use crate::effect::ReusableResult;

use super::PatchError;
use super::commit::Workshop;
use super::history::{History, Past};

/// The call of the fork that is answered with what an earlier run's came to.
#[derive(Debug)]
pub(crate) struct TakenOver<'a> {
    /// The fork.
    pub run: &'a str,
    /// The node.
    pub node: &'a str,
    /// The idempotency key of the call.
    pub key: &'a str,
    /// The earlier run.
    pub from: &'a str,
}

/// Puts the change of the earlier run's call into the history of the fork, with the bytes that stood there before; once, however
/// often it is asked. Is it there? The earlier run's history has none of a call that changed nothing.
pub(crate) fn take_over(shop: Workshop<'_>, call: &TakenOver<'_>) -> Result<bool, PatchError> {
    let _lock = shop.lock_state(&mut || Ok(()))?;
    let (theirs, ours) = (History::of(shop.state, call.from)?, History::of(shop.state, call.run)?);
    let of_theirs = |past: &Past| ReusableResult::key_of(call.from, &past.key);
    let of_ours = |past: &Past| ReusableResult::key_of(call.run, &past.key);
    let key = ReusableResult::key_of(call.run, call.key);
    let own = ours.all()?;
    if own.iter().any(|past| past.taken_from.is_some() && of_ours(past) == key) {
        return Ok(true);
    }
    let there = theirs.all()?;
    let Some(past) = there.iter().find(|past| of_theirs(past) == key) else { return Ok(false) };
    let before = past.files.iter().filter_map(|file| file.before);
    let contents = before.map(|content| theirs.content(content)).collect::<Result<Vec<_>, _>>()?;
    ours.keep(contents.iter())?;
    // what it took back has another number here
    let undone = there.iter().filter(|other| past.undoes.contains(&other.number)).map(of_theirs);
    let here = |key: String| own.iter().rev().find(|past| of_ours(past) == key).map(|past| past.number);
    let taken = Past {
        run: call.run.to_owned(),
        node: call.node.to_owned(),
        key: call.key.to_owned(),
        number: ours.next_number()?,
        undoes: undone.filter_map(here).collect(),
        result: None,
        taken_from: Some(call.from.to_owned()),
        ..past.clone()
    };
    ours.prepare(&taken)?;
    ours.add(&taken)?;
    // since when the workspace is changed is asked of it
    ours.dated_as(&taken, &theirs, past)?;
    Ok(true)
}
