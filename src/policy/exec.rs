//! The gate's decision about a command: every layer that speaks of commands must know it, and what they demand meets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::call::ExecCall;
use super::change::{Action, Change, Edit, Step, keys};
use super::command_change::{list_command, widen};
use super::gate::path_verdict;
use super::grammar::Matched;
use super::layer::{Command, Layer};
use super::machine::SYSTEM_FOLDERS;
use super::mismatch::Mismatch;
use super::outside::plain_path;
use super::reserved::is_kept_from_calls;
use super::terms::Terms;
use super::toolchain::Manifest;
use super::{
    CacheKeeping, Decision, ExecGrant, Gate, GitSight, Guard, NetworkAccess, Protected, Reason, SandboxMode,
    WorkspaceMode,
};
use crate::effect::{RuleRef, ToolCall};

/// A command that every layer knows.
struct Known {
    rule: RuleRef,
    runs_workspace_code: bool,
    terms: Terms,
    paths: Vec<String>,
    variables: Vec<VariableList>,
    allowed: Vec<Reason>,
}

/// Variables that a call may set, as one rule lists them; every list must have them.
#[derive(Debug, Clone)]
struct VariableList {
    rule: RuleRef,
    at: Vec<Step>,
    names: BTreeSet<String>,
    /// What its layer sets, which a call may say once more. Another layer's values excuse nothing: a ceiling that sets
    /// a variable lets no call through that was refused without it.
    set: BTreeMap<String, String>,
}

impl Gate {
    /// The grant for an `exec`, with what allows it; or every denial.
    pub(super) fn exec(&self, call: &ToolCall) -> Result<(ExecGrant, Vec<Reason>), Vec<Reason>> {
        let deny = |message: String| vec![Reason::new(Decision::Deny, RuleRef::builtin("commands"), message)];
        let exec = ExecCall::read(&call.input).map_err(deny)?;
        check_program(&exec.argv[0]).map_err(deny)?;
        let mut known = self.known(&exec)?;
        self.check_folder(&exec)?;
        let mut denied = self.check_paths(&known);
        denied.extend(self.check_terms(&exec, &known));
        if denied.is_empty() {
            self.hold_really_written(&mut known);
            let allowed = known.allowed.clone();
            return Ok((self.exec_grant(exec, known), allowed));
        }
        Err(denied)
    }

    /// Asks every layer for the rules that match, and lets their demands meet.
    fn known(&self, exec: &ExecCall) -> Result<Known, Vec<Reason>> {
        let mut denied = Vec::new();
        let mut found: Option<Known> = None;
        for layer in &self.set.layers {
            let Some(commands) = &layer.commands else {
                let change = list_command(layer, &exec.argv);
                denied.extend(layer.absence("commands", &format!("`{}`", exec.line()), change));
                continue;
            };
            match matching(layer, commands, exec) {
                Ok(known) => {
                    found = Some(match found {
                        Some(so_far) => so_far.meet(&known),
                        None => known,
                    });
                }
                Err(reason) => denied.push(reason),
            }
        }
        let mut known = found.filter(|_| denied.is_empty()).ok_or(denied)?;
        known.variables.extend(self.set.layers.iter().flat_map(VariableList::of_all));
        let bounds = self.set.layers.iter().map(bounds_of_all);
        Ok(Known { terms: bounds.fold(known.terms, Terms::meet), ..known })
    }

    fn check_folder(&self, exec: &ExecCall) -> Result<(), Vec<Reason>> {
        let Some(cwd) = &exec.cwd else { return Ok(()) };
        let deny = |message: String| vec![Reason::new(Decision::Deny, RuleRef::builtin("commands"), message)];
        let Some(folder) = plain_path(cwd) else {
            return Err(deny(format!("the folder `{cwd}` leads out of the workspace; name one beneath it")));
        };
        match Protected::new(Guard::Names, &self.machine.protected).check(&folder) {
            Some(reason) => Err(vec![reason]),
            None => Ok(()),
        }
    }

    /// Paths that flags name must be readable.
    fn check_paths(&self, known: &Known) -> Vec<Reason> {
        let reasons = known.paths.iter().flat_map(|path| path_verdict(self.read(), path, "paths.read"));
        reasons.filter(|reason| reason.decision != Decision::Allow).collect()
    }

    /// Takes from what a command really writes each folder that is not opened whole, to reading and to writing, by every
    /// layer: nothing would stand before what is in it. It is written in the overlay like all else. What is denied
    /// deeper in a folder is looked for before the command starts.
    fn hold_really_written(&self, known: &mut Known) {
        let (rule, allowed) = (&known.rule, &mut known.allowed);
        if let Some(folders) = &mut known.terms.unsafe_write {
            folders.retain(|folder| match self.keeps_from_writing(folder) {
                None => true,
                Some(why) => {
                    let message = format!("it does not really write `{folder}`, only its overlay: {why}");
                    allowed.push(Reason::new(Decision::Allow, rule.clone(), message));
                    false
                }
            });
        }
    }

    fn keeps_from_writing(&self, folder: &str) -> Option<String> {
        let protected = &self.machine.protected;
        let holds_ours = |ours: &String| ours.trim_matches('/').starts_with(&format!("{folder}/"));
        if Protected::new(Guard::Names, protected).holds(folder) || protected.iter().any(holds_ours) {
            return Some("it is protected, or holds what is".to_owned());
        }
        [(self.write(), "paths.write"), (self.read(), "paths.read")].into_iter().find_map(|(rules, section)| {
            if let Some(reason) = rules.named_against(folder) {
                return Some(reason.message);
            }
            let lacks = format!(
                "not every layer's `{section}` opens all of it; add `{folder}/**` to `{section}.allow` of each that \
                 does not"
            );
            (!rules.opens_beneath(folder)).then_some(lacks)
        })
    }

    fn check_terms(&self, exec: &ExecCall, known: &Known) -> Vec<Reason> {
        let deny = |message: String| Reason::new(Decision::Deny, known.rule.clone(), message);
        let conflicts = known.terms.conflicts.iter().map(|name| {
            let agree = format!("make the rules that set `{name}` agree, or leave one of them out");
            deny(format!("two rules set `{name}` to different values; make them agree"))
                .altered_by(Change::Elsewhere(agree))
        });
        let variables = exec.env.iter().flat_map(|(name, value)| {
            if is_kept_from_calls(name) || value.contains('\0') {
                return vec![deny(format!(
                    "the variable `{name}` is set by lgflow or can run other code; no call sets it"
                ))];
            }
            if known.terms.env_set.get(name).is_some_and(|set| set != value) {
                let leave = format!("leave `{name}` out of the call");
                let message = format!("a rule sets `{name}` to another value; {leave}");
                return vec![deny(message).altered_by(Change::Elsewhere(leave))];
            }
            let lists = known.variables.iter().filter(|list| !list.has(name, value));
            lists.map(|list| list.lacks(name)).collect()
        });
        conflicts.chain(variables).chain(self.check_walls(exec, known)).collect()
    }

    /// What strict requires must stand, and so must what a layer requires by name.
    fn check_walls(&self, exec: &ExecCall, known: &Known) -> Option<Reason> {
        let (mode, rule) = known.terms.mode.clone().unwrap_or((SandboxMode::Strict, known.rule.clone()));
        let missing: Vec<String> = match mode {
            SandboxMode::Strict => self.machine.missing_walls(&known.terms.require),
            SandboxMode::BestEffort => {
                let stands = |wall: &&String| {
                    !self.machine.walls.iter().any(|layer| layer.in_force && layer.name == **wall)
                };
                known.terms.require.iter().filter(stands).cloned().collect()
            }
        };
        if missing.is_empty() {
            return None;
        }
        let change = match mode {
            SandboxMode::BestEffort => "remove them from `sandbox.require`".to_owned(),
            SandboxMode::Strict if rule.file == super::builtin::CONTAINED => {
                "write `sandbox: {mode: best_effort}` in the policy, read it, and run `lgflow trust`"
                    .to_owned()
            }
            SandboxMode::Strict => format!("write `sandbox: {{mode: best_effort}}` in `{}`", rule.file),
        };
        let message = format!(
            "`{}` needs walls of the sandbox that do not stand here: {}; to run it with what there is, {change}",
            exec.line(),
            missing.join(", ")
        );
        let change =
            Change::Elsewhere(format!("make the walls stand (`lgflow doctor` says how), or {change}"));
        Some(Reason::new(Decision::Deny, rule, message).altered_by(change))
    }

    fn exec_grant(&self, exec: ExecCall, known: Known) -> ExecGrant {
        let (names, manifest) = self.toolchains();
        let mut env_set = manifest.env;
        let terms = known.terms;
        env_set.extend(terms.env_set);
        env_set.extend(exec.env);
        let env_pass = terms.env_pass.unwrap_or_default();
        let folders: Vec<String> = terms.cache_folders.unwrap_or_default().into_iter().collect();
        ExecGrant {
            rule: known.rule,
            program: exec.argv[0].clone(),
            search: manifest.search,
            toolchains: names,
            visible: manifest.visible,
            env_pass: env_pass.into_iter().filter(|name| !env_set.contains_key(name)).collect(),
            env_set,
            mode: terms.mode.map_or(SandboxMode::Strict, |(mode, _)| mode),
            require: terms.require.into_iter().collect(),
            workspace: terms.workspace.unwrap_or(WorkspaceMode::Overlay),
            network: terms.network.unwrap_or(NetworkAccess::Deny),
            git: terms.git.unwrap_or(GitSight::Hidden),
            unsafe_write: terms.unsafe_write.unwrap_or_default().into_iter().collect(),
            cache: (!folders.is_empty()).then(|| terms.cache.unwrap_or(CacheKeeping::Seed)),
            cache_folders: folders,
            runs_workspace_code: known.runs_workspace_code,
            limits: terms.bounds.limits(),
        }
    }

    /// The toolchains that every layer which names some names, and what they open, the system's folders last.
    pub(super) fn toolchains(&self) -> (Vec<String>, Manifest) {
        let mut names: Option<BTreeSet<&str>> = None;
        for layer in &self.set.layers {
            let listed = match &layer.toolchains {
                Some(listed) => listed.iter().map(String::as_str).collect(),
                None if layer.complete => BTreeSet::new(),
                None => continue,
            };
            names =
                Some(names.map_or(listed.clone(), |so_far| so_far.intersection(&listed).copied().collect()));
        }
        let names = names.unwrap_or_default();
        let mut all = Manifest::default();
        for name in &names {
            let manifest = Manifest::of(name, &self.machine.toolchains);
            all.search.extend(manifest.search);
            all.visible.extend(manifest.visible);
            all.env.extend(manifest.env);
        }
        all.search.extend(SYSTEM_FOLDERS.iter().map(PathBuf::from));
        (names.into_iter().map(str::to_owned).collect(), all)
    }
}

impl Known {
    fn meet(self, other: &Known) -> Self {
        Self {
            rule: self.rule,
            runs_workspace_code: self.runs_workspace_code || other.runs_workspace_code,
            terms: self.terms.meet(other.terms.clone()),
            paths: self.paths.into_iter().chain(other.paths.iter().cloned()).collect(),
            variables: self.variables.into_iter().chain(other.variables.iter().cloned()).collect(),
            allowed: self.allowed.into_iter().chain(other.allowed.iter().cloned()).collect(),
        }
    }
}

/// All rules of a layer that match, met; or why none does.
fn matching(layer: &Layer, commands: &[Command], exec: &ExecCall) -> Result<Known, Reason> {
    let mut found: Option<Known> = None;
    let mut nearest: Option<(&Command, Mismatch)> = None;
    for command in commands.iter().filter(|command| command.program == exec.argv[0]) {
        match command.grammar.matches(&exec.argv[1..]) {
            Ok(matched) => {
                let known = known_by(layer, command, matched, exec);
                found = Some(match found {
                    Some(so_far) => so_far.meet(&known),
                    None => known,
                });
            }
            Err(mismatch) if nearest.as_ref().is_none_or(|(_, best)| mismatch.reached > best.reached) => {
                nearest = Some((command, mismatch));
            }
            Err(_) => {}
        }
    }
    found.ok_or_else(|| unknown(layer, exec, nearest))
}

fn known_by(layer: &Layer, command: &Command, matched: Matched, exec: &ExecCall) -> Known {
    let terms = Terms::stated(&command.sandbox, &command.rule);
    let terms = if layer.complete { terms.or_strictest() } else { terms };
    let message = format!("`{}` is a command of `{}`", exec.line(), command.rule.rule);
    Known {
        rule: command.rule.clone(),
        runs_workspace_code: command.runs_workspace_code,
        variables: VariableList::of_command(layer, command, &terms).into_iter().collect(),
        terms,
        paths: matched.paths,
        allowed: vec![Reason::new(Decision::Allow, command.rule.clone(), message)],
    }
}

fn unknown(layer: &Layer, exec: &ExecCall, nearest: Option<(&Command, Mismatch)>) -> Reason {
    let line = exec.line();
    let Some((command, mismatch)) = nearest else {
        let program = &exec.argv[0];
        let message = format!(
            "no command of `{}` runs `{program}`; to allow `{line}`, add a rule for `{program}` to `commands`",
            layer.name
        );
        let change = list_command(layer, &exec.argv);
        return Reason::new(Decision::Deny, layer.silence("commands"), message).altered_by(change);
    };
    let change = widen(command, layer, &exec.argv, &mismatch.flaw);
    let advice = match &change {
        Change::Edits(edits) if edits.iter().any(Edit::is_of_the_program) => {
            "to allow it, write a rule of your own for it".to_owned()
        }
        Change::Edits(edits) => {
            let edits: Vec<String> = edits.iter().map(Edit::instruction).collect();
            format!("to allow it, {}", edits.join(" and "))
        }
        Change::Never | Change::Elsewhere(_) => "no rule can allow it".to_owned(),
    };
    let message = format!("`{line}` does not match `{}`: {}; {advice}", command.rule.rule, mismatch.flaw);
    Reason::new(Decision::Deny, command.rule.clone(), message).altered_by(change)
}

impl VariableList {
    /// The lists of the rules that hold for all commands of a layer.
    fn of_all(layer: &Layer) -> impl Iterator<Item = Self> {
        layer.sandbox.iter().filter_map(|(rule, place)| {
            let names = Terms::stated(rule, place).env_pass?;
            let set = bounds_of_all(layer).env_set;
            Some(Self { rule: place.clone(), at: keys("sandbox.env.pass"), names, set })
        })
    }

    /// The list of a command; one that is not written is empty where silence is strict.
    fn of_command(layer: &Layer, command: &Command, terms: &Terms) -> Option<Self> {
        let mut at = keys("commands");
        at.push(Step::Named(command.source.name.value.clone()));
        at.extend(keys("sandbox.env.pass"));
        let mut set = bounds_of_all(layer).env_set;
        set.extend(terms.env_set.clone());
        Some(Self { rule: command.rule.clone(), at, names: terms.env_pass.clone()?, set })
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.names.contains(name) || self.set.get(name).is_some_and(|set| set == value)
    }

    fn lacks(&self, name: &str) -> Reason {
        let message = format!(
            "the call sets `{name}`, which the rule does not list; to allow it, add it to `env.pass`"
        );
        let change = Change::of_rule(&self.rule, self.at.clone(), Action::Append(name.into()));
        Reason::new(Decision::Deny, self.rule.clone(), message).altered_by(change)
    }
}

/// What a layer demands of all commands.
fn bounds_of_all(layer: &Layer) -> Terms {
    let stated = layer.sandbox.iter().map(|(rule, place)| Terms::stated(rule, place));
    let mut terms = stated.fold(Terms::default(), Terms::meet);
    if terms.mode.is_none() && layer.complete {
        terms.mode = Some((SandboxMode::Strict, layer.silence("sandbox")));
    }
    terms
}

/// A program is a bare name.
fn check_program(program: &str) -> Result<(), String> {
    if is_bare(program) {
        return Ok(());
    }
    if program.is_empty() {
        return Err("the program has no name".to_owned());
    }
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let help = if is_bare(name) { format!(": write `{name}`") } else { String::new() };
    Err(format!(
        "`{program}` is not a bare name; a program is looked up in toolchains and system folders, never in the \
         workspace{help}"
    ))
}

fn is_bare(program: &str) -> bool {
    !program.is_empty() && !program.contains(['/', '\\', '\0']) && !program.starts_with(['.', '-', '~'])
}
