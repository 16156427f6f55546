//! `lgflow runs gc`: old runs are removed, and what only they named with them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::diag::Diagnostics;
use crate::front::{
    OldGuest, OldGuests, Origin, PastRun, Place, Removed, anchored_in, bytes_beside, bytes_cached,
    old_guests, past_runs, remove_guests, remove_left, remove_run, settings,
};
use crate::ledger::Ledger;
use crate::model::{parse_duration, parse_size};
use crate::source::Sources;
use crate::store::{Removable, Retention, RunId, Store, StoreError};
use crate::view::{counted, escaped};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::run::profile_flag;
use super::trace::{Named, open};
use super::verification::wrong_with;

/// Arguments of `lgflow runs gc`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow runs gc --older-than 30d --dry-run    show what would go\n  lgflow runs gc --keep 200 --max-size 2GiB\n\nWithout a bound, those of the configuration (`retention.age`, `retention.count`, `retention.size`), under the profile that each run was begun with. A run that is executed, waits in the queue, or can be gone on with is kept, and one that another was forked from, or that took back a run that is kept; so is one that does not verify, and each that another installation has started. Where a removed run was anchored, its removal is noted there; where that can't be, it is kept. Sessions of other programs, and runs of elsewhere whose calls were made here, go by the same bounds and are counted by themselves; those that are open, or wait for an answer, stay."
)]
pub(super) struct GcArgs {
    /// Remove runs to which nothing was added for so long
    #[arg(long, value_name = "DURATION", value_parser = age)]
    older_than: Option<Duration>,
    /// Keep so many of the latest runs
    #[arg(long, value_name = "N")]
    keep: Option<u64>,
    /// Remove the oldest until the rest takes no more than that
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Remove nothing, and say what would be
    #[arg(long)]
    dry_run: bool,
}

fn age(word: &str) -> Result<Duration, String> {
    parse_duration(word).ok_or_else(|| "a duration is a number and a unit: `12h`, `30d`".to_owned())
}

fn size(word: &str) -> Result<u64, String> {
    parse_size(word).ok_or_else(|| "a size is a number and a unit: `500MiB`, `2GiB`".to_owned())
}

pub(super) fn run(args: &GcArgs, place: &Place, output: Output) -> Result<Exit, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot remove runs", error);
    let store = place.runs().map_err(|error| failed(&error))?;
    let known = known(place, &store)?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let bounds = bounds(args, place, &known, (&mut sources, &mut found), output);
    if found.has_errors() {
        super::validate::print_instead(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    // what cannot be measured takes nothing
    let cached = bytes_cached(place, &store).unwrap_or_default();
    let beside = |run: &RunId| {
        let cached = cached.get(run.as_str()).copied().unwrap_or_default();
        cached + bytes_beside(place, &store, run).unwrap_or_default()
    };
    let (bounds, mut old) = (bounds?, Vec::new());
    // whoever made calls here named no profile, and its bounds come first
    let usual = bounds.first().map(|bounds| bounds.retention);
    let mut guests = old_guests(place, &store, &usual.unwrap_or_default()).map_err(|error| failed(&error))?;
    for Bounds { retention, others } in bounds {
        let kept = known.needed.union(&others).cloned().collect();
        old.extend(
            store.removable(&retention, (&known.own, &kept), &beside).map_err(|error| failed(&error))?,
        );
    }
    old.sort_by(|one, other| one.run.cmp(&other.run));
    let (old, unsound) = sound(&store, old).map_err(|error| failed(&error))?;
    let old = known.without_undoes(old);
    let mut done = if args.dry_run { foreseen(place, old) } else { remove(place, &store, &known, old)? };
    done.kept.extend(unsound);
    if !args.dry_run {
        remove_guests(place, &store, &mut guests).map_err(|error| failed(&error))?;
        let left = remove_left(place, &store).map_err(|error| failed(&error))?;
        if left.removed > 0 {
            let runs = counted(left.removed as usize, "run");
            output.note(&format!("removed what was left of {runs} without events\n"));
        }
        done.kept.extend(left.odd.into_iter().map(|(run, why)| (run.to_string(), why)));
    }
    done.with(guests, &known);
    Ok(output.either(|| text(&done, args.dry_run), || document(&done, args.dry_run)))
}

/// How long runs are kept, but for the others.
struct Bounds {
    retention: Retention,
    others: BTreeSet<RunId>,
}

/// Those of the command line, where it names any; else those of the configuration, under the profile that each run was begun
/// with: what is kept for an audit is kept whoever clears up.
fn bounds(
    args: &GcArgs,
    place: &Place,
    known: &Known,
    (sources, found): (&mut Sources, &mut Diagnostics),
    output: Output,
) -> Result<Vec<Bounds>, Problem> {
    let named = Retention { older_than: args.older_than, keep: args.keep, max_size: args.max_size };
    let mut read = |profile: Option<&str>, found: &mut Diagnostics| {
        let settings = settings(place, profile_flag(profile), sources, found);
        settings.map_err(|error| Problem::failed("cannot remove runs", &error))
    };
    let own = read(None, found)?;
    if named != Retention::default() || found.has_errors() {
        return Ok(vec![Bounds { retention: named, others: BTreeSet::new() }]);
    }
    let profiles: BTreeSet<Option<&str>> =
        known.profiles.values().map(Option::as_deref).chain([None]).collect();
    let mut bounds = Vec::new();
    for profile in profiles {
        let mut odd = Diagnostics::default();
        let settings = if profile.is_some() { read(profile, &mut odd)? } else { own.clone() };
        if odd.has_errors() {
            let name = escaped(profile.unwrap_or_default());
            output.note(&format!("runs of the profile `{name}`, which is not there any more, are kept\n"));
            continue;
        }
        let set = settings.retention();
        let retention = Retention { older_than: set.age, keep: set.count, max_size: set.size };
        let others = known.profiles.iter().filter(|(_, own)| own.as_deref() != profile);
        let others = others.map(|(run, _)| run.clone()).collect();
        bounds.push(Bounds { retention, others });
    }
    if bounds.iter().all(|bounds| bounds.retention == Retention::default()) {
        return Err(Problem::usage(
            "nothing says which runs are old; name `--older-than`, `--keep` or `--max-size`, or set `retention.age`, \
             `retention.count` or `retention.size` in the configuration",
        ));
    }
    Ok(bounds)
}

/// One that stays, and why.
type Kept = (String, String);

/// What does not verify may have to be looked into, as what is damaged: those that do, and of the others why they stay.
fn sound(store: &Store, old: Vec<Removable>) -> Result<(Vec<Removable>, Vec<Kept>), StoreError> {
    let (mut holds, mut odd) = (Vec::new(), Vec::new());
    for run in old {
        let wrong = open(&Named::of(run.run.as_str())).and_then(|found| wrong_with(&found));
        let why = match wrong {
            Ok(None) => {
                holds.push(run);
                continue;
            }
            Ok(Some(wrong)) => wrong,
            Err(problem) => problem.detail().to_owned(),
        };
        // another process may have removed it meanwhile
        if store.knows(&run.run)? {
            odd.push((run.run.to_string(), format!("it does not verify ({why})")));
        }
    }
    Ok((holds, odd))
}

/// What is known of the runs that there are.
struct Known {
    /// All that were looked at.
    all: BTreeSet<RunId>,
    /// Those that this installation has started: the others are left to whoever has.
    own: BTreeSet<RunId>,
    /// How many others there are.
    others: usize,
    /// Those that are never removed.
    needed: BTreeSet<RunId>,
    /// The profile that each was begun with.
    profiles: BTreeMap<RunId, Option<String>>,
    /// Which run each has taken back: as long as that one is there, so is the word that its changes are not.
    undoes: BTreeMap<RunId, RunId>,
    /// Those that are damaged, and how: what is left of one somebody may have to look into.
    damaged: Vec<(RunId, String)>,
}

impl Known {
    /// Those that may go, without those that have taken back a run that stays.
    fn without_undoes(&self, old: Vec<Removable>) -> Vec<Removable> {
        let mut going: BTreeSet<RunId> = old.iter().map(|run| run.run.clone()).collect();
        // what takes a run back is younger than that run, so what stays because of it comes later
        for (undo, of) in &self.undoes {
            if !going.contains(of) {
                going.remove(undo);
            }
        }
        old.into_iter().filter(|run| going.contains(&run.run)).collect()
    }
}

/// What can be gone on with is no rubbish, nor is a run that another was forked from: it holds how the results that were taken
/// over came to be, and who approved them. What is to be taken back is still needed, and what is damaged may be.
fn known(place: &Place, store: &Store) -> Result<Known, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot remove runs", error);
    let ledger = Ledger::open(&place.state, &store.id()).map_err(|error| failed(&error))?;
    let executed = store.executed().map_err(|error| failed(&error))?;
    // a process that is out of sight may be dead, and what it executed can be gone on with
    let own = executed.into_iter().filter(|run| ledger.knows(run.as_str())).collect();
    store.still_executed(own).map_err(|error| failed(&error))?;
    let mut known = Known {
        all: BTreeSet::new(),
        own: BTreeSet::new(),
        others: 0,
        needed: BTreeSet::new(),
        profiles: BTreeMap::new(),
        undoes: BTreeMap::new(),
        damaged: Vec::new(),
    };
    for PastRun { run, damage, resumable, status, .. } in
        past_runs(place).map_err(|error| super::runs::problem(&error))?
    {
        known.all.insert(run.clone());
        // a record that cannot be believed is damage
        let record = ledger.begun(run.as_str());
        if matches!(record, Ok(None)) {
            known.others += 1;
            continue;
        }
        let Origin { undoes, forked } = Origin::of(store, &ledger, &run);
        let profile = record.ok().flatten().and_then(|record| record.profile);
        known.own.insert(run.clone());
        known.profiles.insert(run.clone(), profile);
        known.needed.extend(forked);
        // what is not over may come to wait in the next moment
        if resumable || damage.is_some() || ["queued", "running"].contains(&status.as_str()) {
            known.needed.extend(undoes.clone());
            known.needed.insert(run.clone());
        }
        known.damaged.extend(damage.map(|how| (run.clone(), how)));
        known.undoes.extend(undoes.map(|of| (run, of)));
    }
    let there = &known.profiles;
    known.undoes.retain(|_, of| there.contains_key(of));
    Ok(known)
}

/// Old runs, with the places where they are anchored, and what is kept of others' calls.
#[derive(Default)]
struct Done {
    removed: Vec<(Removable, Vec<String>)>,
    /// Those that stay, and why: of others' calls as well.
    kept: Vec<Kept>,
    guests: Vec<OldGuest>,
    /// How many runs are left to other installations.
    others: usize,
}

impl Done {
    fn with(&mut self, OldGuests { old, odd }: OldGuests, known: &Known) {
        self.guests = old;
        self.others = known.others;
        self.kept.extend(odd);
        self.kept.extend(
            known.damaged.iter().map(|(run, how)| (run.to_string(), format!("it is damaged ({how})"))),
        );
    }

    fn keep(&mut self, run: &RunId, why: String) {
        self.kept.push((run.to_string(), why));
    }
}

fn foreseen(place: &Place, old: Vec<Removable>) -> Done {
    let mut done = Done::default();
    for run in old {
        match anchored_in(place, &run.run) {
            Ok(anchors) => done.removed.push((run, anchors)),
            Err(error) => done.keep(&run.run, error.to_string()),
        }
    }
    done
}

fn remove(place: &Place, store: &Store, known: &Known, old: Vec<Removable>) -> Result<Done, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot remove runs", error);
    let mut done = Done::default();
    let mut stays = BTreeSet::new();
    for run in old {
        if let Some(of) = known.undoes.get(&run.run).filter(|of| stays.contains(*of)) {
            done.keep(&run.run, format!("it took back the run {of}, which is kept"));
            stays.insert(run.run);
            continue;
        }
        let anchors = anchored_in(place, &run.run).unwrap_or_default();
        match remove_run(place, store, &run, &known.all).map_err(|error| failed(&error))? {
            Removed::Yes => done.removed.push((run, anchors)),
            Removed::InPart(error) => {
                done.keep(&run.run, format!("only in part: {error}; the next `lgflow runs gc` tries again"));
                done.removed.push((run, anchors));
            }
            Removed::TakenUp => {
                done.keep(&run.run, "it was taken up meanwhile".to_owned());
                stays.insert(run.run);
            }
            Removed::Needed(by) => {
                done.keep(&run.run, format!("the run {by}, which goes back to it, has begun meanwhile"));
                stays.insert(run.run);
            }
            Removed::Odd(error) => {
                done.keep(&run.run, error.to_string());
                stays.insert(run.run);
            }
            Removed::Kept(anchors, error) => {
                let why = format!("it is anchored in {anchors}, where its removal cannot be noted: {error}");
                done.keep(&run.run, why);
                stays.insert(run.run);
            }
        }
    }
    store.sweep().map_err(|error| failed(&error))?;
    Ok(done)
}

fn text(Done { removed, kept, guests, others: foreign }: &Done, dry: bool) -> String {
    let line = |(run, anchors): &(Removable, Vec<String>)| {
        let noted =
            if anchors.is_empty() { String::new() } else { format!(", noted in {}", anchors.join(", ")) };
        let why = run.why.as_str();
        format!("{}  {:>9}  beyond the bound of {why}{}\n", run.run, bytes(run.bytes), escaped(&noted))
    };
    let mut text: String = removed.iter().map(line).collect();
    text.extend(kept.iter().map(|(run, why)| format!("{}  kept: {}\n", escaped(run), escaped(why))));
    text.extend(guests.iter().map(|OldGuest { guest, bytes: taken, why }| {
        let (kind, why) = (guest.kind.as_str(), why.as_str());
        format!("{}  {:>9}  {kind}, beyond the bound of {why}\n", guest.id, bytes(*taken))
    }));
    let left = (*foreign > 0).then(|| counted(*foreign, "run"));
    text.extend(
        left.map(|runs| format!("{runs} that this installation did not start: left to whoever did\n")),
    );
    let total = removed.iter().map(|(run, _)| run.bytes).chain(guests.iter().map(|guest| guest.bytes));
    let what = if dry { "would be removed" } else { "removed" };
    let others = match guests.len() {
        0 => String::new(),
        count => format!(" and what was kept of {} of others", counted(count, "session")),
    };
    text + &format!("{}{others} {what}, {}\n", counted(removed.len(), "run"), bytes(total.sum()))
}

fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{} KiB", count / 1024),
        _ => format!("{} MiB", count / 1_048_576),
    }
}

fn document(Done { removed, kept, guests, others }: &Done, dry: bool) -> Value {
    let row = |(run, anchors): &(Removable, Vec<String>)| json!({ "run": run.run.as_str(), "bytes": run.bytes, "bound": run.why.as_str(), "anchored_in": anchors });
    let guest = |old: &OldGuest| json!({ "id": old.guest.id, "kind": old.guest.kind.as_str(), "bytes": old.bytes, "bound": old.why.as_str() });
    let stays = |(run, why): &(String, String)| json!({ "run": run, "why": why });
    json!({
        "schema": "lgflow.removed_runs/v1",
        "dry_run": dry,
        "runs": removed.iter().map(row).collect::<Vec<_>>(),
        "kept": kept.iter().map(stays).collect::<Vec<_>>(),
        "sessions": guests.iter().map(guest).collect::<Vec<_>>(),
        "left_to_others": others,
    })
}
