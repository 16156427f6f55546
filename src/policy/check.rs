//! What a policy must hold beyond its types: patterns that are patterns, and examples that their own rule matches.

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Policy;
use crate::model::policy::{CommandRule, PathLists};
use crate::source::Located;

use super::check_rules::{check_approvers, check_flow, glob_flaw};
use super::grammar::Grammar;
use super::paths::path_glob;
use super::{Guard, Protected};

/// How a glob is written.
const GLOB_HELP: &str =
    "write `*` for a part of a name, `**` for any folders, and a `\\` before a literal bracket";

/// Bytes of a compiled regular expression.
pub(super) const PATTERN_SIZE: usize = 1 << 20;

/// Checks a policy whose types are right. Each finding points at the rule.
pub fn check_policy(policy: &Policy, diagnostics: &mut Diagnostics) {
    let lists =
        policy.paths.iter().flat_map(|paths| paths.read.iter().chain(&paths.write).chain(&paths.binary));
    lists.flat_map(globs_of).for_each(|glob| check_glob(glob, diagnostics));
    for rule in policy.network.iter().flat_map(|section| &section.rules) {
        rule.paths.iter().for_each(|glob| check_glob(glob, diagnostics));
    }
    for rule in policy.redact.iter().flat_map(|section| &section.rules) {
        check_regex(&rule.pattern, diagnostics);
    }
    for rule in policy.flows.iter().flat_map(|section| &section.rules) {
        check_flow(rule, diagnostics);
    }
    check_approvers(policy, diagnostics);
    for rule in policy.commands.iter().flat_map(|section| &section.rules) {
        check_command(rule, diagnostics);
    }
    let of_commands = policy.commands.iter().flat_map(|section| &section.rules).map(|rule| &rule.sandbox);
    for folder in of_commands.chain(&policy.sandbox).flat_map(|rule| rule.unsafe_write.iter().flatten()) {
        check_really_written(folder, diagnostics);
    }
}

/// Nothing stands before a folder that a command really writes, so it is none that nothing may write.
fn check_really_written(folder: &Located<String>, diagnostics: &mut Diagnostics) {
    if let Some(reason) = Protected::new(Guard::Names, &[]).check(&folder.value) {
        let message = format!("no command may really write it: {}", reason.message);
        let found = Diagnostic::new(codes::BAD_VALUE, folder.span, message);
        diagnostics.push(found.help("remove it; git directories and `.lg` are written by nobody's command"));
    }
}

fn globs_of(lists: &PathLists) -> impl Iterator<Item = &Located<String>> {
    lists.allow.iter().flatten().chain(&lists.ask).chain(&lists.deny)
}

pub(super) fn check_glob(glob: &Located<String>, diagnostics: &mut Diagnostics) {
    if let Some((flaw, help)) = glob_flaw(&glob.value) {
        let message = format!("`{}` is not the glob that it seems to be: {flaw}", glob.value);
        diagnostics.push(Diagnostic::new(codes::BAD_PATTERN, glob.span, message).help(help));
    } else if let Err(error) = path_glob(&glob.value) {
        let message = format!("`{}` is no glob: {}", glob.value, error.kind());
        let found = Diagnostic::new(codes::BAD_PATTERN, glob.span, message);
        diagnostics.push(found.help(GLOB_HELP));
    }
}

fn check_regex(pattern: &Located<String>, diagnostics: &mut Diagnostics) {
    let built = regex::RegexBuilder::new(&pattern.value).size_limit(PATTERN_SIZE).build();
    let problem = match built {
        Err(regex::Error::CompiledTooBig(_)) => "it compiles to more than 1 MiB".to_owned(),
        Err(error) => {
            error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
        Ok(regex) if regex.is_match("") => "it matches the empty text".to_owned(),
        Ok(_) => return,
    };
    let message = format!("`{}` cannot be used as a regular expression: {problem}", pattern.value);
    let found = Diagnostic::new(codes::BAD_PATTERN, pattern.span, message);
    diagnostics.push(found.help("write a pattern that matches exactly what must not leave"));
}

fn check_command(rule: &CommandRule, diagnostics: &mut Diagnostics) {
    let mut sound = true;
    for element in rule.args.iter().flat_map(|pattern| &pattern.elements) {
        if let Err(error) = path_glob(&element.value).map(|_| ()) {
            let message = format!("`{}` is no glob: {}", element.value, error.kind());
            diagnostics.push(Diagnostic::new(codes::BAD_PATTERN, element.span, message).help(GLOB_HELP));
            sound = false;
        }
    }
    if let (true, Ok(grammar)) = (sound, Grammar::new(rule)) {
        check_examples(rule, &grammar, diagnostics);
    }
}

fn check_examples(rule: &CommandRule, grammar: &Grammar, diagnostics: &mut Diagnostics) {
    for example in &rule.examples.matching {
        if let Err(problem) = try_example(rule, grammar, &example.value) {
            let message = format!(
                "`{}` should match `{}`, and does not: {problem}",
                example.value.join(" "),
                rule.name.value
            );
            let found = Diagnostic::new(codes::EXAMPLE, example.span, message);
            diagnostics.push(
                found
                    .label(rule.name.span, "the rule")
                    .help("change `args` or `flags`, or move it to `not_match`"),
            );
        }
    }
    for example in &rule.examples.not_matching {
        if try_example(rule, grammar, &example.value).is_ok() {
            let message =
                format!("`{}` should not match `{}`, and does", example.value.join(" "), rule.name.value);
            let found = Diagnostic::new(codes::EXAMPLE, example.span, message);
            diagnostics.push(
                found
                    .label(rule.name.span, "the rule")
                    .help("narrow `args` or `flags`, or move it to `match`"),
            );
        }
    }
}

fn try_example(rule: &CommandRule, grammar: &Grammar, words: &[String]) -> Result<(), String> {
    let Some((program, args)) = words.split_first() else { return Err("it is empty".to_owned()) };
    if *program != rule.program.value {
        return Err(format!("its program is not `{}`", rule.program.value));
    }
    grammar.matches(args).map(|_| ()).map_err(|mismatch| mismatch.flaw.to_string())
}

/// Reports that what a policy includes did not come with it.
pub(super) fn include_missing(policy: &Policy, layer: &str, diagnostics: &mut Diagnostics) {
    let span = policy.include.first().map_or(policy.span, |name| name.span);
    let message = format!("not every layer that `{layer}` includes could be read");
    diagnostics.push(
        Diagnostic::new(codes::UNKNOWN_POLICY, span, message)
            .help("name builtins and files that exist, at most 8 deep"),
    );
}
