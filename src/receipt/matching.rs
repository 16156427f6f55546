//! Receipts against events, one to one and both ways: what was asked in the order in which it was asked, what was answered
//! in the order in which it was answered. A session that broke off may have given answers that nobody heard; the next one
//! may be asked again for what was open.

use std::collections::BTreeMap;

use super::discord::{Discord, Wrong};
use super::told::{Ending, Started, Told};
use super::{CallFact, Receipt, ResultFact, What};

/// A request that the runner received.
struct Asked<'a> {
    n: u64,
    session: usize,
    calls: &'a [CallFact],
}

/// An answer that the runner gave.
struct Answer<'a> {
    n: u64,
    session: usize,
    /// The place of its request among those received.
    asked: usize,
    results: &'a [ResultFact],
}

/// The first place where receipts and events do not say the same.
pub fn compare(told: &Told, receipts: &[Receipt]) -> Option<Discord> {
    if receipts.is_empty() {
        return Some(Discord { event: None, receipt: None, what: Wrong::NoReceipts });
    }
    let (asked, answers) = sides(receipts);
    let (started_of, calls) = match_calls(told, &asked);
    let results = match_results(told, &answers, &started_of);
    // of two faults the one that the earlier event shows; a call comes before its result
    let earlier = |a: Discord, b: Discord| if b.event < a.event { b } else { a };
    let found = match (calls, results) {
        (Some(call), Some(result)) => Some(earlier(call, result)),
        (call, result) => call.or(result),
    };
    conditions(told, receipts).or(found)
}

/// The policy and the walls that the first event names are those of the first session.
fn conditions(told: &Told, receipts: &[Receipt]) -> Option<Discord> {
    let first = receipts.first()?;
    let What::Opened { policy, sandbox, .. } = &first.what else { return None };
    let differs = |what| Some(Discord { event: Some(1), receipt: Some(first.n), what });
    if told.policy.is_some_and(|told| told != *policy) {
        return differs(Wrong::OtherPolicy);
    }
    if told.sandbox.is_some_and(|told| told != *sandbox) {
        return differs(Wrong::OtherSandbox);
    }
    None
}

fn sides(receipts: &[Receipt]) -> (Vec<Asked<'_>>, Vec<Answer<'_>>) {
    let (mut asked, mut answers) = (Vec::<Asked<'_>>::new(), Vec::new());
    let mut session = 0;
    for receipt in receipts {
        match &receipt.what {
            What::Opened { .. } => session += 1,
            What::Received { calls } => asked.push(Asked { n: receipt.n, session, calls }),
            What::Answered { request, results, .. } => {
                if let Ok(asked) = asked.binary_search_by_key(request, |asked| asked.n) {
                    answers.push(Answer { n: receipt.n, session, asked, results });
                }
            }
            What::Begun { .. }
            | What::Recalled { .. }
            | What::Sent { .. }
            | What::Ended { .. }
            | What::Withdrawn { .. } => {}
        }
    }
    (asked, answers)
}

/// For each request the call of the trace that it is, and the first that is none.
fn match_calls(told: &Told, asked: &[Asked<'_>]) -> (Vec<Option<usize>>, Option<Discord>) {
    let mut started_of = vec![None; asked.len()];
    let mut sessions = vec![0; told.started.len()];
    let mut next = 0;
    for (at, one) in asked.iter().enumerate() {
        let again = || {
            let open = |place: &usize| sessions[*place] < one.session && is(&told.started[*place], one);
            (0..next).rev().find(open)
        };
        let place = if told.started.get(next).is_some_and(|started| is(started, one)) {
            next += 1;
            Some(next - 1)
        } else if one.session > 1 {
            again()
        } else {
            None
        };
        let Some(place) = place else {
            return (started_of, Some(wrong_call(told, next, &asked[at..])));
        };
        sessions[place] = one.session;
        started_of[at] = Some(place);
    }
    let rest = told.started[next..].iter();
    let mut unasked = rest.filter(|started| started.finished || told.ending == Ending::Settled);
    let made_up = unasked.next().map(|started| Discord {
        event: Some(started.seq),
        receipt: None,
        what: Wrong::MadeUp,
    });
    (started_of, made_up)
}

/// What is wrong where the next call of the trace is not the first of these requests.
fn wrong_call(told: &Told, next: usize, asked: &[Asked<'_>]) -> Discord {
    let (Some(one), rest) = (asked.first(), asked.get(1..).unwrap_or_default()) else {
        return Discord { event: None, receipt: None, what: Wrong::NoReceipts };
    };
    let receipt = Some(one.n);
    let Some(started) = told.started.get(next) else {
        return Discord { event: Some(told.last + 1), receipt, what: Wrong::LeftOut };
    };
    let told_later = told.started[next + 1..].iter().any(|later| is(later, one));
    let asked_later = rest.iter().any(|later| is(started, later));
    let same_key = started.calls.as_ref().is_some_and(|calls| keys(calls).eq(keys(one.calls)));
    let (receipt, what) = match (told_later, asked_later) {
        _ if same_key => (receipt, Wrong::OtherCall),
        (true, true) => (receipt, Wrong::Order),
        (true, false) => (None, Wrong::MadeUp),
        (false, _) => (receipt, Wrong::LeftOut),
    };
    Discord { event: Some(started.seq), receipt, what }
}

fn keys(calls: &[CallFact]) -> impl Iterator<Item = &str> {
    calls.iter().map(|call| call.key.as_str())
}

/// Is it the call that was asked for? One whose payload is not at hand may be any.
fn is(started: &Started, asked: &Asked<'_>) -> bool {
    started.calls.as_ref().is_none_or(|calls| {
        calls.iter().map(|call| call.digest).eq(asked.calls.iter().map(|call| call.digest))
    })
}

/// The first result that is not told as it was given. Answers to requests that the trace does not have are their requests'
/// fault, and so is all that is told of calls that were never asked for.
fn match_results(told: &Told, answers: &[Answer<'_>], started_of: &[Option<usize>]) -> Option<Discord> {
    // what is asked for again was not answered before, as far as the trace knows
    let last: BTreeMap<usize, usize> =
        started_of.iter().enumerate().filter_map(|(asked, call)| Some(((*call)?, asked))).collect();
    let answers: Vec<(usize, &Answer<'_>)> =
        answers.iter().filter_map(|answer| Some((started_of[answer.asked]?, answer))).collect();
    let mut next = 0;
    for finished in &told.finished {
        let Some(call) = finished.started else {
            return Some(Discord { event: Some(finished.seq), receipt: None, what: Wrong::Unanswered });
        };
        if !last.contains_key(&call) {
            return None;
        }
        let mut broken_off = 0;
        let heard = answers[next..].iter().position(|(of, answer)| {
            let is = *of == call && last.get(of) == Some(&answer.asked) && answer.session > broken_off;
            if !is {
                // nobody heard it: then nobody heard what its session answered after it
                broken_off = answer.session;
            }
            is
        });
        let Some(skipped) = heard else {
            let known = answers.iter().any(|(of, _)| *of == call);
            let receipt = answers.get(next).map(|(_, answer)| answer.n).filter(|_| known);
            let what = if receipt.is_some() { Wrong::ResultOrder } else { Wrong::Unanswered };
            return Some(Discord { event: Some(finished.seq), receipt, what });
        };
        let (_, answer) = answers[next + skipped];
        next += skipped + 1;
        if let Some(what) = finished.results.as_ref().and_then(|told| wrong_results(told, answer.results)) {
            return Some(Discord { event: Some(finished.seq), receipt: Some(answer.n), what });
        }
    }
    let heard_all = told.ending == Ending::Settled;
    let (_, unheard) = answers[next..].iter().find(|(of, _)| heard_all || told.started[*of].finished)?;
    Some(Discord { event: Some(told.last + 1), receipt: Some(unheard.n), what: Wrong::Unheard })
}

fn wrong_results(told: &[ResultFact], given: &[ResultFact]) -> Option<Wrong> {
    if told.len() != given.len() {
        return Some(Wrong::OtherResult);
    }
    let (told, given) = told.iter().zip(given).find(|(told, given)| told.digest != given.digest)?;
    Some(if told.verdict == given.verdict { Wrong::OtherResult } else { Wrong::OtherVerdict })
}
