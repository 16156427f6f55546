//! `lgflow dev`: what was written, checked at once, again and again. Runs nothing.
#![expect(clippy::disallowed_methods, reason = "each look says when it was made, and how long it took")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use time::{OffsetDateTime, UtcOffset};

use crate::compile::{CheckedRoot, FileKind};
use crate::diag::{Diagnostics, Severity, codes};
use crate::digest::Digest;
use crate::front::{Place, plan_changes};
use crate::plan::Plan;
use crate::session::{CheckedFolder, workspace_layers};
use crate::source::Sources;
use crate::trust::{Standing, TrustNow, standing, what_decides};
use crate::view::diagnostics::{human, json};
use crate::view::escaped;

use super::output::Output;
use super::problem::Problem;
use super::trust::here;
use super::validate::{check, packs_here, unreadable};
use super::watching::{Watched, files_of};
use super::{Exit, Format, terminal};

/// Arguments of `lgflow dev`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow dev                    all of .lg/\n  lgflow dev flows/fix.yaml     one graph and all that it names\n\nWatches graphs, policies, prompts, schemas and tests, and checks them at each change, however it is written: in place, by renaming, by a checkout. While a file is broken, the last version that was sound stays the one that is compared with. Nothing is run; `lgflow run --watch` and `lgflow test --watch` do that. A policy that was changed binds no run before `lgflow trust`. Ends with Ctrl-C."
)]
pub struct DevArgs {
    /// Graphs and policies; without one, all of `.lg/`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &DevArgs, output: Output) -> Result<Exit, Problem> {
    let place = here()?;
    // before there is a second thread, which this would not be safe with
    let offset = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
    let mut watched = Watched::new(&args.files, &place)?;
    let mut last = Last::default();
    loop {
        let begun = Instant::now();
        let look = look(args, &place);
        if last.seen.as_ref() != Some(&look.seen) {
            let at = OffsetDateTime::now_utc().to_offset(offset);
            let when = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
            tell(&look, &mut last, &when, begun.elapsed().as_millis(), output);
        }
        match watched.next()? {
            Some(next) => watched = next,
            None => return Ok(Exit::Interrupted),
        }
    }
}

/// What one look found.
struct Look {
    sources: Sources,
    found: Diagnostics,
    /// The files of ours, sound or not.
    names: BTreeSet<String>,
    /// Sound graphs, by the name of their file.
    graphs: BTreeMap<String, Arc<Plan>>,
    /// The digests of policies, by the name of their file.
    policies: BTreeMap<String, Digest>,
    /// Why the workspace's own files bind no run yet.
    untrusted: Option<String>,
    /// What was not even looked at.
    problem: Option<String>,
    /// The digest of everything that was read and of what was found: a change that changes nothing is none.
    seen: Digest,
}

/// What was found before.
#[derive(Default)]
struct Last {
    seen: Option<Digest>,
    /// The files of ours; those that were emptied are still there.
    names: Option<BTreeSet<String>>,
    /// The last sound version of each graph, with the time at which it was seen.
    sound: BTreeMap<String, (String, Arc<Plan>)>,
    policies: BTreeMap<String, Digest>,
    untrusted: Option<String>,
}

/// What came of the files since the look before.
struct News {
    new: Vec<String>,
    gone: Vec<String>,
    /// Changes of sound files since they were last seen sound, in words.
    changed: Vec<(String, Vec<String>)>,
}

impl News {
    fn of(look: &Look, last: &Last) -> Self {
        let changed = changed(look, last);
        // where nothing was looked at, nothing came and nothing went
        let Some(names) = last.names.as_ref().filter(|_| look.problem.is_none()) else {
            return Self { new: Vec::new(), gone: Vec::new(), changed };
        };
        let emptied = look.emptied();
        let gone = names.difference(&look.names).filter(|name| !emptied.contains(*name));
        Self { new: look.names.difference(names).cloned().collect(), gone: gone.cloned().collect(), changed }
    }
}

impl Look {
    fn is_sound(&self) -> bool {
        !self.found.has_errors() && self.problem.is_none()
    }

    /// The files that are there, and in which there is no graph, policy or test any more.
    fn emptied(&self) -> BTreeSet<String> {
        let strays = self.found.iter().filter(|found| found.code == codes::STRAY_FILE);
        strays.map(|found| self.sources.get(found.span().file).name().to_owned()).collect()
    }
}

fn look(args: &DevArgs, place: &Place) -> Look {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let checked = check(&args.files, &mut sources, &mut found);
    found.sort();
    let told = |problem: &Problem| problem.human().trim_end().to_owned();
    let (folders, mut problem) = match checked {
        Ok(folders) => (folders, None),
        Err(problem) => (Vec::new(), Some(told(&problem))),
    };
    let mut reason = None;
    if args.files.is_empty() && !found.has_errors() && problem.is_none() {
        // what a run would be refused for is no silence here
        match untrusted(place) {
            Ok(untrusted) => reason = untrusted,
            Err(refused) => problem = Some(told(&refused)),
        }
    }
    let untrusted = reason;
    let seen = json!({
        "files": files_of(&folders, &sources),
        "problem": problem,
        "untrusted": untrusted,
        // a file that holds nothing is not read, and its going is seen by what is said of it
        "found": json(&sources, &found)["diagnostics"],
    });
    let roots = folders.iter().flat_map(|folder| &folder.roots);
    let names = roots.map(|(name, _)| name.display().to_string()).collect();
    let (graphs, policies) = (graphs_of(&folders), policies_of(&folders, &sources));
    Look { names, graphs, policies, seen: Digest::of_json(&seen), sources, found, untrusted, problem }
}

fn policies_of(folders: &[CheckedFolder], sources: &Sources) -> BTreeMap<String, Digest> {
    let read = folders.iter().flat_map(|folder| folder.files.values().map(|read| (read.file, read.kind)));
    let named = read.filter(|(_, kind)| *kind == FileKind::Policy).map(|(file, _)| file);
    let roots = folders.iter().flat_map(|folder| &folder.roots).filter_map(|(_, root)| match root {
        CheckedRoot::Policy(file) => Some(*file),
        _ => None,
    });
    let digest = |file| {
        let file = sources.get(file);
        (file.name().to_owned(), Digest::of(file.text().as_bytes()))
    };
    named.chain(roots).map(digest).collect()
}

fn graphs_of(folders: &[CheckedFolder]) -> BTreeMap<String, Arc<Plan>> {
    let roots = folders.iter().flat_map(|folder| &folder.roots);
    roots
        .filter_map(|(name, root)| match root {
            CheckedRoot::Graph(plan) => Some((name.display().to_string(), Arc::clone(plan))),
            _ => None,
        })
        .collect()
}

/// Why a run of the workspace's own graph would be bound by `builtin:contained`, or refused.
///
/// # Errors
/// It cannot be told, and no run would begin.
fn untrusted(place: &Place) -> Result<Option<String>, Problem> {
    let cannot = |error| Problem::failed("cannot tell what this workspace decides", &error);
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let packs = packs_here()?;
    let layers = workspace_layers(&place.root, None, &packs, &mut sources, &mut found);
    let layers = layers.map_err(|error| unreadable(&error))?;
    if layers.is_empty() {
        // there is nothing that could bind a run
        return Ok(None);
    }
    let deciding = what_decides(place.own()).map_err(cannot)?;
    match standing(&place.state, &place.root, &deciding, &layers, TrustNow::AsRecorded).map_err(cannot)? {
        Standing::Trusted => Ok(None),
        Standing::Untrusted { reason, .. } => Ok(Some(reason)),
    }
}

fn tell(look: &Look, last: &mut Last, when: &str, millis: u128, output: Output) {
    let news = News::of(look, last);
    if output.format == Format::Json {
        output.line(&document(look, &news));
    } else {
        output.data(&text(look, last, &news, when, millis));
    }
    for (name, plan) in &look.graphs {
        let same = last.sound.get(name).is_some_and(|(_, before)| before.digest == plan.digest);
        if !same {
            last.sound.insert(name.clone(), (when.to_owned(), Arc::clone(plan)));
        }
    }
    if look.problem.is_none() {
        let emptied = look.emptied();
        let is_left =
            |name: &String| emptied.contains(name) || (!look.is_sound() && look.names.contains(name));
        last.sound.retain(|name, _| look.graphs.contains_key(name) || is_left(name));
        let known = last.names.take().unwrap_or_default();
        last.names =
            Some(look.names.union(&known.intersection(&emptied).cloned().collect()).cloned().collect());
    }
    if look.is_sound() {
        last.untrusted.clone_from(&look.untrusted);
        last.policies.clone_from(&look.policies);
    }
    last.seen = Some(look.seen);
}

/// What changed in sound files since they were last seen sound, by file, in words.
fn changed(look: &Look, last: &Last) -> Vec<(String, Vec<String>)> {
    let graphs = look.graphs.iter().filter_map(|(name, plan)| {
        let (_, before) = last.sound.get(name)?;
        Some((name, plan_changes(before, plan)))
    });
    let sound = look.is_sound();
    let policies = look.policies.iter().filter_map(|(name, digest)| {
        let before = last.policies.get(name).filter(|_| sound)?;
        Some((name, if before == digest { Vec::new() } else { vec![OTHER_RULES.to_owned()] }))
    });
    let all = graphs.chain(policies).filter(|(_, changes)| !changes.is_empty());
    all.map(|(name, changes)| (name.clone(), changes)).collect()
}

/// What is said of a policy that changed: `lgflow policy diff` tells what.
const OTHER_RULES: &str = "its text is another; `lgflow policy diff` tells what that changes";

fn text(look: &Look, last: &Last, news: &News, when: &str, millis: u128) -> String {
    let mut text = String::new();
    let mut line = |words: &str| text.extend([when, "  ", words, "\n"]);
    let errors = look.found.count(Severity::Error);
    let warnings = look.found.count(Severity::Warning);
    let plural = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    if let Some(problem) = &look.problem {
        line(problem);
    } else if errors > 0 {
        line(&format!("broken: {}", plural(errors, "error")));
    } else {
        let graphs = plural(look.graphs.len(), "graph");
        let more = if warnings > 0 { format!(", {}", plural(warnings, "warning")) } else { String::new() };
        line(&format!("sound: {graphs}{more} ({millis} ms)"));
    }
    let emptied = look.emptied();
    // the others are sound, whatever is wrong beside them
    for (name, (since, _)) in last.sound.iter().filter(|(name, _)| !look.graphs.contains_key(*name)) {
        let shown = escaped(name);
        if emptied.contains(name) {
            line(&format!("{shown} holds no graph any more, and stays as it was at {since}"));
        } else if look.is_sound() && look.names.contains(name) {
            line(&format!("{shown} holds no graph any more"));
        } else if look.problem.is_some() || look.names.contains(name) {
            line(&format!("{shown} stays as it was at {since}"));
        }
    }
    for (names, what) in [(&news.gone, "gone"), (&news.new, "new")] {
        for name in names {
            line(&format!("{} is {what}", escaped(name)));
        }
    }
    for (name, changes) in &news.changed {
        for change in changes {
            line(&format!("{}: {}", escaped(name), escaped(change)));
        }
    }
    let other_policy = news.changed.iter().any(|(name, _)| look.policies.contains_key(name));
    let is_news = last.untrusted != look.untrusted || last.seen.is_none() || other_policy;
    if let Some(reason) = look.untrusted.as_ref().filter(|_| is_news) {
        line(&format!("its policy binds no run yet: {}; run `lgflow trust`", escaped(reason)));
    }
    text.push_str(&human(&look.sources, &look.found, terminal::style()));
    text
}

/// One line of JSON, `lgflow.reload/v1`.
fn document(look: &Look, news: &News) -> Value {
    let graphs = look.graphs.iter().map(|(name, plan)| json!({ "file": name, "digest": plan.digest }));
    let changes = news.changed.iter().map(|(name, changes)| json!({ "file": name, "changes": changes }));
    json!({
        "schema": "lgflow.reload/v1",
        "sound": look.is_sound(),
        "problem": look.problem,
        "graphs": graphs.collect::<Vec<_>>(),
        "new": news.new,
        "gone": news.gone,
        "changed": changes.collect::<Vec<_>>(),
        "untrusted": look.untrusted,
        "diagnostics": json(&look.sources, &look.found)["diagnostics"],
    })
}
