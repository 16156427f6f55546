//! The readers of a trace, and of receipts behind a line `%%%`: lines as they are, and chained as they should be, are verified,
//! replayed, folded and held against each other. Whatever they say, a run that can be gone on with goes on.

use std::sync::{Arc, LazyLock};

use lgflow::digest::Digest;
use lgflow::interpret::next;
use lgflow::plan::Plan;
use lgflow::receipt::{Told, begun, check, compare, used, vouch};
use lgflow::session::{fold, open_questions, replay};
use lgflow::trace::{Envelope, Redaction, Tampering, apply, verify};
use lgflow::view::event_text;

use super::files::{Files, plan_of};
use super::lines::{RUN, chained, key, receipts};

/// The graph that every trace is read against.
pub const GRAPH: &str = include_str!("trace.yaml");
/// Decisions after the last line.
const DECISIONS: usize = 500;

static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    let (checked, _, found) = Files::of(GRAPH).check();
    plan_of(&checked).unwrap_or_else(|| panic!("{found:#?}"))
});

/// Lines → what they are worth.
pub fn trace(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (events, done) = text.split_once("\n%%%\n").unwrap_or((&text, ""));
    read(events, done);
    let lines = chained(events);
    let log: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    let verified = verify(log.lines(), None);
    let told = verified.fault.map(|fault| fault.what);
    assert!(
        matches!(told, None | Some(Tampering::UnknownKind | Tampering::Added)),
        "chained lines, and then {told:?}"
    );
    read(&log, &receipts(done));
}

fn read(log: &str, done: &str) {
    let nothing = |_: &Digest| None;
    verify(log.lines(), Some(&nothing));
    log.lines().filter_map(Envelope::parse).for_each(|(event, _)| drop(event_text(&event)));
    open_questions(log, &nothing);
    replay(&PLAN, log.lines(), &nothing, Redaction::default());
    let checked = check(done, Some(RUN), Some(&key()));
    let told = Told::of_log(log, &nothing);
    compare(&told, &checked.receipts);
    vouch(&told, done, Some(RUN), Some(&key()));
    used(&checked.receipts);
    begun(&checked.receipts);
    let Ok(stored) = fold(RUN, &PLAN, log, &nothing, "2026-01-01T00:00:00Z") else { return };
    let mut state = stored.state;
    state.summary();
    for _ in 0..DECISIONS {
        let requests = next(&state);
        if requests.is_empty() {
            return;
        }
        for request in requests {
            apply(&mut state, &request.record).expect("it was decided here");
        }
    }
}
