//! Rules that are well written and can never do what they say: globs that match no path that anybody means, flows to a
//! parameter that no tool has, approvals that no keys can give, caches that lie where no command sees anything.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::digest::PublicKey;
use crate::files::protected_name;
use crate::model::policy::{FlowRule, SandboxModeRule, SandboxRule, WorkspaceRule};
use crate::model::{Policy, Uses};
use crate::source::{Located, is_unsafe_to_show};

use super::check::check_glob;
use super::is_secret_name;
use super::paths::path_glob;

/// Why a glob matches no path that anybody means, and what to write.
pub(super) fn glob_flaw(glob: &str) -> Option<(&'static str, String)> {
    if glob.contains(is_unsafe_to_show) {
        let plain: String = glob.chars().filter(|c| !is_unsafe_to_show(*c)).collect();
        return Some(("it holds a character that is not seen", format!("write `{}`", plain.trim())));
    }
    if glob.trim() != glob {
        return Some((
            "the blank at its end or start is a part of the name",
            format!("write `{}`", glob.trim()),
        ));
    }
    if let Some(rest) = glob.strip_prefix('!') {
        let help =
            format!("write `{rest}` under `allow`, `ask` or `deny`, or `\\{glob}` for a name that begins so");
        return Some(("`!` negates nothing", help));
    }
    has_separating_backslash(glob)
        .then(|| ("`\\` separates no folders", format!("write `{}`", glob.replace('\\', "/"))))
}

/// Does a backslash stand where it makes nothing literal: before a plain character, or before `**`?
fn has_separating_backslash(glob: &str) -> bool {
    let mut rest = glob;
    while let Some((_, after)) = rest.split_once('\\') {
        let Some(next) = after.chars().next() else { return true };
        if after.starts_with("**") || !"*?[]{}!,-^\\".contains(next) {
            return true;
        }
        rest = &after[next.len_utf8()..];
    }
    false
}

/// A flow is from paths that there can be, and to a parameter that its tool has.
pub(super) fn check_flow(rule: &FlowRule, diagnostics: &mut Diagnostics) {
    if let Some(glob) = rule.from.value.strip_prefix("workspace:") {
        if glob.starts_with(['/', '~']) || glob.split('/').any(|part| matches!(part, "." | "..")) {
            let message = format!("`{glob}` can match no path: paths are relative to the workspace");
            let inner = glob.trim_start_matches(['/', '.', '~']);
            let help = format!("write `workspace:{}`", if inner.is_empty() { "**" } else { inner });
            diagnostics.push(Diagnostic::new(codes::BAD_PATTERN, rule.from.span, message).help(help));
        } else {
            check_glob(&Located::new(glob.to_owned(), rule.from.span), diagnostics);
        }
    }
    let Some((tool, parameter)) = rule.to.value.split_once('.') else { return };
    let Some(names) = Uses::parse(tool).and_then(|uses| uses.parameters().names) else { return };
    if !names.contains(&parameter) {
        let message = format!("`{tool}` has no parameter `{parameter}`: the rule would never hold");
        let places: Vec<String> = names.iter().map(|name| format!("{tool}.{name}")).collect();
        let help = suggestion(&rule.to.value, places.iter().map(String::as_str));
        diagnostics.push(Diagnostic::new(codes::BAD_VALUE, rule.to.span, message).maybe_help(help));
    }
}

/// Keys are keys. What does not begin like one was told already.
pub(super) fn check_approvers(policy: &Policy, diagnostics: &mut Diagnostics) {
    let keys = policy.approvals.iter().flat_map(|rules| rules.approvers.iter().flatten());
    for key in keys.filter(|key| key.value.strip_prefix("ed25519:").is_some_and(|rest| !rest.is_empty())) {
        if let Err(error) = PublicKey::parse(&key.value) {
            let message = format!("`{}` is no public key: nobody could approve with it", key.value);
            diagnostics.push(Diagnostic::new(codes::BAD_VALUE, key.span, message).help(error.to_string()));
        }
    }
}

/// Rules that could be in force and leave nothing to be done: for whoever writes a policy, before it is used. The gate
/// and the runner refuse what they are about as well.
pub fn check_purpose(policy: &Policy, diagnostics: &mut Diagnostics) {
    check_quorum(policy, diagnostics);
    check_sandbox(policy, diagnostics);
}

/// There are as many keys as must approve.
fn check_quorum(policy: &Policy, diagnostics: &mut Diagnostics) {
    let Some(rules) = &policy.approvals else { return };
    let (Some(quorum), Some(approvers)) = (&rules.quorum, &rules.approvers) else { return };
    let keys: BTreeSet<&str> = approvers.iter().map(|key| key.value.as_str()).collect();
    // what is included may name further keys
    let stands_alone = policy.include.iter().all(|name| name.value.starts_with("builtin:"));
    if stands_alone && !keys.is_empty() && keys.len() < quorum.value as usize {
        let message = format!(
            "`quorum` is {}, and `approvers` names {}: nothing could ever be approved",
            quorum.value,
            keys.len()
        );
        let help = format!("name {} different keys, or write a smaller `quorum`", quorum.value);
        diagnostics.push(Diagnostic::new(codes::BAD_VALUE, quorum.span, message).help(help));
    }
}

/// Caches lie where a command sees them, and `direct` is not said beside `strict`.
fn check_sandbox(policy: &Policy, diagnostics: &mut Diagnostics) {
    let denied: Vec<&Located<String>> =
        policy.paths.iter().flat_map(|paths| &paths.read).flat_map(|read| &read.deny).collect();
    let commands = policy.commands.iter().flat_map(|section| section.rules.iter().map(|rule| &rule.sandbox));
    let mode = policy.sandbox.as_ref().and_then(|rule| rule.mode.as_ref());
    for rule in commands.chain(&policy.sandbox) {
        let cached = rule.cache.iter().flat_map(|cache| cache.folders.iter().flatten());
        for folder in cached.chain(rule.unsafe_write.iter().flatten()) {
            check_folder(folder, &denied, diagnostics);
        }
        let strict = mode.filter(|mode| mode.value == SandboxModeRule::Strict);
        if let (Some(strict), Some(direct)) = (strict, direct(rule)) {
            let message = "`workspace: direct` gives a command the workspace itself, which the strict sandbox keeps \
                           from every command: nothing would be run";
            let found = Diagnostic::new(codes::BAD_VALUE, direct.span, message);
            let help = "write `workspace: overlay`, or `sandbox: {mode: best_effort}`";
            diagnostics.push(found.label(strict.span, "strict").help(help));
        }
    }
}

fn direct(rule: &SandboxRule) -> Option<&Located<WorkspaceRule>> {
    rule.workspace.as_ref().filter(|workspace| workspace.value == WorkspaceRule::Direct)
}

fn check_folder(folder: &Located<String>, denied: &[&Located<String>], diagnostics: &mut Diagnostics) {
    let name = folder.value.as_str();
    let report = |message: String| Diagnostic::new(codes::BAD_VALUE, folder.span, message);
    if let Some(protected) = name.split('/').find_map(protected_name) {
        let message = format!("`{name}` lies in `{protected}`, which is protected: no command writes there");
        diagnostics.push(report(message).help("name a folder outside of it"));
    } else if is_secret_name(name) {
        let message = format!("`{name}` has the name of something secret, which no command sees");
        diagnostics.push(report(message).help("name another folder"));
    } else if let Some(glob) = denied.iter().find(|glob| covers(&glob.value, name)) {
        let message = format!("`{name}` lies where nothing may be read, so no command sees it");
        let help = "name a folder that may be read, or narrow `paths.read.deny`";
        diagnostics.push(report(message).label(glob.span, "denied here").help(help));
    }
}

/// Does a glob hold for the folder, or for one above it? Case does not count, as for all paths.
fn covers(glob: &str, folder: &str) -> bool {
    let Ok(glob) = path_glob(&glob.to_lowercase()) else { return false };
    let (matcher, folder) = (glob.compile_matcher(), folder.to_lowercase());
    // a name that no glob names, or any
    let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
    ends.into_iter()
        .any(|end| matcher.is_match(&folder[..end]) || matcher.is_match(format!("{}/\u{1}", &folder[..end])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_that_deceives_says_what_to_write() {
        for (glob, help) in [
            (" secrets/**", "write `secrets/**`"),
            ("secrets/** ", "write `secrets/**`"),
            ("se\u{200b}crets/**", "write `secrets/**`"),
            ("secrets/**\n", "write `secrets/**`"),
            ("src\\a.rs", "write `src/a.rs`"),
            ("src\\**", "write `src/**`"),
            ("src\\", "write `src/`"),
        ] {
            assert_eq!(glob_flaw(glob).map(|(_, help)| help).as_deref(), Some(help), "{glob:?}");
        }
        let (_, help) = glob_flaw("!src/**").unwrap();
        assert!(help.contains("`src/**`") && help.contains("`\\!src/**`"), "{help}");
        for sound in ["src/**", "a b/*", "\\!x", "\\[id\\].tsx", "a\\*b", "a\\\\b", "[!a]*"] {
            assert_eq!(glob_flaw(sound), None, "{sound}");
        }
    }

    #[test]
    fn a_denied_folder_covers_what_lies_beneath() {
        for (glob, folder, is_covered) in [
            ("private/**", "private/cache", true),
            ("private/**", "private", true),
            ("private", "private/a/b", true),
            ("Private", "private/a", true),
            ("private/*.txt", "private", false),
            ("**/*.pem", "target", false),
            ("**/x", "target", false),
            ("private", "privateer", false),
        ] {
            assert_eq!(covers(glob, folder), is_covered, "{glob} {folder}");
        }
    }
}
