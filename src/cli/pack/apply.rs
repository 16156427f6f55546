//! What `add` and `update` share: judge, ask what has to be asked, and only then change anything.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::output::Output;
use crate::cli::problem::Problem;
use crate::cli::{Exit, Format};
use crate::digest::Digest;
use crate::front::Place;
use crate::model::PackName;
use crate::packs::{
    Candidate, LockPlace, Locked, Memory, Opened, PackError, Resolution, ResolveRules, Shelf, Source,
    VerdictChange, commit, installed_packs, read_folder, resolve, verdict_change,
};
use crate::view::escaped;

use super::ask::confirmed;

/// What a person may say beforehand, where no question can be asked.
#[derive(Debug, Args)]
pub(super) struct Said {
    /// Remember that the publisher publishes there
    #[arg(long)]
    trust_source: bool,
    /// Take a version that is lower than one that was seen on this machine
    #[arg(long)]
    pub(super) allow_lower: bool,
    /// Take a version that allows more, if its tree has this digest
    #[arg(long, value_name = "DIGEST")]
    accept: Option<String>,
}

/// Where a command works on packs.
pub(super) struct Work<'a> {
    pub(super) place: &'a Place,
    pub(super) lock: &'a LockPlace,
    pub(super) shelf: &'a Shelf,
    pub(super) said: &'a Said,
    pub(super) output: Output,
}

/// A pack that is in the lock now.
pub(super) struct Applied {
    name: PackName,
    locked: Locked,
    change: Option<VerdictChange>,
    warnings: Vec<String>,
}

impl Work<'_> {
    /// Judges a pack that was found, asks, installs it with what it requires, and locks it.
    pub(super) fn apply(&self, candidate: Candidate, opened: &Opened) -> Result<Vec<Applied>, Problem> {
        let state = &self.place.state;
        let lock = self.lock.read()?;
        let mut memory = Memory::read(state)?;
        let rules = ResolveRules { allow_lower: self.said.allow_lower };
        let resolved = resolve(candidate, opened, &lock, state, &memory, rules)?;
        for warning in &resolved.warnings {
            self.output.note(&format!("warning: {}\n", escaped(warning)));
        }
        for (publisher, source) in &resolved.unknown {
            self.know(publisher, source, &memory)?;
        }
        let mut changes = self.changes(&resolved)?;
        for (name, change) in &changes {
            self.accept(name, &resolved.chosen[name], change)?;
        }
        commit(&resolved.chosen, self.lock, lock, self.shelf, (&mut memory, state))?;
        let Resolution { chosen, warnings, .. } = resolved;
        let applied = chosen.into_iter().map(|(name, candidate)| Applied {
            change: changes.remove(&name),
            locked: candidate.locked,
            warnings: warnings.clone(),
            name,
        });
        Ok(applied.collect())
    }

    /// A publisher's source is learnt once, from a person.
    pub(super) fn know(&self, publisher: &str, source: &Source, memory: &Memory) -> Result<(), Problem> {
        if memory.knows(publisher, source) || self.said.trust_source {
            return Ok(());
        }
        let known = memory.sources(publisher);
        let so_far = if known.is_empty() {
            "it has not been seen on this machine".to_owned()
        } else {
            format!("so far it publishes at {}", known.join(" and "))
        };
        let question = format!("Does `{publisher}` publish at {source}? ({so_far})");
        match confirmed(&escaped(&question), self.output) {
            Some(true) => Ok(()),
            _ => Err(Problem::from(PackError::UnknownSource {
                publisher: publisher.to_owned(),
                source_text: source.to_string(),
                known,
            })),
        }
    }

    fn changes(&self, resolved: &Resolution) -> Result<BTreeMap<PackName, VerdictChange>, Problem> {
        let state = &self.place.state;
        let lock = self.lock.read()?;
        let old_packs = installed_packs(self.lock, state)?;
        let mut changes = BTreeMap::new();
        for (name, candidate) in &resolved.chosen {
            let Some(old) = lock.packs.get(name).filter(|old| old.tree != candidate.digest()) else {
                continue;
            };
            let old_tree = read_folder(&Shelf::place(state, old.tree))?;
            let new = (&candidate.tree, &resolved.packs);
            let change = verdict_change(name, (&old_tree, &old_packs), new)?;
            changes.insert(name.clone(), change);
        }
        Ok(changes)
    }

    fn accept(&self, name: &PackName, candidate: &Candidate, change: &VerdictChange) -> Result<(), Problem> {
        if self.output.format == Format::Human {
            self.output.note(&told(name, change));
        }
        if change.widens.is_empty() {
            return Ok(());
        }
        let digest = candidate.digest();
        if let Some(said) = &self.said.accept {
            let said: Digest = said
                .parse()
                .map_err(|error| Problem::usage(format!("`--accept {}`: {error}", escaped(said))))?;
            if said == digest {
                return Ok(());
            }
        }
        let version = &candidate.locked.version;
        if confirmed(&format!("`{name}` {version} allows more. Take it?"), self.output) == Some(true) {
            return Ok(());
        }
        // a person has been told above; a program reads the problem alone
        let widens: String = match self.output.format {
            Format::Human => ", as listed".to_owned(),
            _ => change.widens.iter().fold(String::new(), |all, fact| all + "\n  " + &escaped(fact)),
        };
        Err(Problem::with(
            Exit::Denied,
            "denied until a person says yes",
            format!(
                "`{name}` {version} allows more than the locked version{widens}\nread it, then run the same command with `--accept {digest}`, or at a terminal; nothing was changed"
            ),
        ))
    }
}

/// The change of verdicts, for a person.
fn told(name: &PackName, change: &VerdictChange) -> String {
    let mut text = String::new();
    for (title, facts) in [
        ("allows, beyond the locked version", &change.widens),
        ("does not allow any more", &change.narrows),
        ("files that differ", &change.files),
    ] {
        if !facts.is_empty() {
            // writing to a string can't fail
            let _ = writeln!(text, "{name}: {title}:");
        }
        for fact in facts {
            let _ = writeln!(text, "  {}", escaped(fact));
        }
    }
    if change.widens.is_empty() && change.narrows.is_empty() {
        let _ = writeln!(text, "{name}: the verdicts are the same");
    }
    text
}

/// Prints what was locked.
pub(super) fn print(applied: &[Applied], lock: &LockPlace, output: Output) -> Exit {
    output.either(
        || {
            let line = |applied: &Applied| {
                let Applied { name, locked, .. } = applied;
                let revision = locked.revision.as_ref();
                let revision = revision.map(|revision| format!(" ({}, {})", revision.name, revision.commit));
                let text = format!(
                    "locked {name} {} from {}{}, {}",
                    locked.version,
                    locked.source,
                    revision.unwrap_or_default(),
                    locked.tree
                );
                escaped(&text) + "\n"
            };
            let lines: String = applied.iter().map(line).collect();
            if lines.is_empty() { "nothing to do: every pack is locked and installed\n".to_owned() } else { lines }
        },
        || {
            let mut warnings: Vec<&String> = applied.iter().flat_map(|applied| &applied.warnings).collect();
            warnings.sort();
            warnings.dedup();
            let rows: Vec<Value> = applied.iter().map(document).collect();
            json!({ "schema": "lgflow.packs_changed/v1", "lock": lock.shown(), "packs": rows, "warnings": warnings })
        },
    )
}

fn document(applied: &Applied) -> Value {
    let change = applied.change.as_ref();
    let change = change
        .map(|change| json!({ "widens": change.widens, "narrows": change.narrows, "files": change.files }));
    json!({
        "name": applied.name.as_str(),
        "version": applied.locked.version.to_string(),
        "source": applied.locked.source.identity(),
        "folder": applied.locked.folder.as_str(),
        "revision": applied.locked.revision,
        "tree": applied.locked.tree.to_string(),
        "change": change,
    })
}

impl Applied {
    /// A pack of the lock that was installed again.
    pub(super) fn again(name: &PackName, locked: &Locked) -> Self {
        Self { name: name.clone(), locked: locked.clone(), change: None, warnings: Vec::new() }
    }
}
