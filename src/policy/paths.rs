//! Path rules: asked of the resolved path of each file, at the moment when it is opened. Knows no disk.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::effect::RuleRef;

use super::change::{Action, Change, keys};
use super::{Decision, Protected, Reason, Verdict};

/// The path rules of all layers for one kind of access.
#[derive(Debug, Clone, Default)]
pub struct PathRules {
    layers: Vec<PathRule>,
    protected: Option<Protected>,
    /// Has a person answered what these rules ask?
    answered: bool,
}

impl PathRules {
    /// The rules of some layers; without any, everything is denied.
    pub fn new(layers: Vec<PathRule>) -> Self {
        Self { layers, protected: None, answered: false }
    }

    /// The same rules below what no layer can lift.
    #[must_use]
    pub fn protecting(self, protected: Protected) -> Self {
        Self { protected: Some(protected), ..self }
    }

    /// The same rules for a call that a person has approved: what asks is allowed, what denies is denied.
    #[must_use]
    pub(super) fn answered(self) -> Self {
        Self { answered: true, ..self }
    }

    /// The verdict on a path relative to the root, `/`-separated, without `.` and `..`; the root itself is `.`.
    pub fn check(&self, path: &str) -> Verdict {
        let protected = self.protected.as_ref().and_then(|protected| protected.check(path));
        let layers = self.layers.iter().map(|layer| {
            let reason = layer.check(path);
            Reason { decision: self.after_answer(reason.decision), ..reason }
        });
        Verdict::of(protected.into_iter().chain(layers).collect())
    }

    /// The decision alone, for long lists of paths: no text is made.
    pub fn decision(&self, path: &str) -> Decision {
        if self.protected.as_ref().is_some_and(|protected| protected.holds(path)) {
            return Decision::Deny;
        }
        let strictest = self.layers.iter().map(|layer| layer.decision(path)).max();
        self.after_answer(strictest.unwrap_or(Decision::Deny))
    }

    fn after_answer(&self, decision: Decision) -> Decision {
        if self.answered && decision == Decision::Ask { Decision::Allow } else { decision }
    }

    /// Goes the access to this path ahead without a question?
    pub fn allows(&self, path: &str) -> bool {
        self.decision(path) == Decision::Allow
    }

    /// Is there a path, so far as can be told, that no layer denies? Each has a pattern that allows or asks.
    pub fn open_anything(&self) -> bool {
        let opens = |layer: &PathRule| !layer.allow.rules.is_empty() || !layer.ask.rules.is_empty();
        !self.layers.is_empty() && self.layers.iter().all(opens)
    }

    /// Does a layer deny this path, or ask about it, by a pattern for itself? It is in lower case, and nothing holds
    /// for a folder above it: for a walk that has asked about those.
    pub fn hides(&self, path: &str) -> bool {
        self.protected.as_ref().is_some_and(|protected| protected.holds(path))
            || self.layers.iter().any(|layer| layer.deny.set.is_match(path) || layer.ask.set.is_match(path))
    }

    /// Why a layer denies this path, or asks about it, by a pattern of its own; that none lists it is no such reason.
    pub fn named_against(&self, path: &str) -> Option<Reason> {
        let named = |layer: &&PathRule| layer.deny.holds(path) || layer.ask.holds(path);
        self.layers.iter().find(named).map(|layer| layer.check(path))
    }

    /// Does every layer allow all that is beneath this folder, also what is not there yet? The root is `.`. What is
    /// denied beneath it is another question.
    pub fn opens_beneath(&self, folder: &str) -> bool {
        !self.layers.is_empty() && self.layers.iter().all(|layer| layer.opens_beneath(folder))
    }

    /// Every pattern that denies, of all layers, as written: what a command may not see.
    pub fn denied_globs(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().flat_map(|layer| layer.deny.globs())
    }
}

/// One layer's rules for one kind of access: deny beats ask beats allow; what no list names is denied.
#[derive(Debug, Clone)]
pub struct PathRule {
    deny: Patterns,
    ask: Patterns,
    allow: Patterns,
    /// The folders beneath which all is allowed.
    open: Patterns,
    silence: RuleRef,
    /// The file that an addition belongs into.
    file: String,
}

impl PathRule {
    /// A layer's lists; `silence` is named where no pattern matches. A pattern that denies or asks holds for all
    /// that lies beneath what it matches, and without regard to ASCII case; one that allows is exact.
    ///
    /// # Errors
    /// A pattern that is no glob.
    pub fn new(lists: [&[(String, RuleRef)]; 3], silence: RuleRef) -> Result<Self, globset::Error> {
        let [allow, ask, deny] = lists;
        Ok(Self {
            deny: Patterns::new(deny, Reach::Beneath)?,
            ask: Patterns::new(ask, Reach::Beneath)?,
            allow: Patterns::new(allow, Reach::Exact)?,
            open: Patterns::new(&open_folders(allow), Reach::Exact)?,
            file: silence.file.clone(),
            silence,
        })
    }

    /// The same lists; what is added to them is written into `file`.
    #[must_use]
    pub(super) fn added_to(self, file: &str) -> Self {
        Self { file: file.to_owned(), ..self }
    }

    /// A layer that lists nothing, and so denies everything.
    pub fn nothing(silence: RuleRef) -> Self {
        let file = silence.file.clone();
        Self {
            deny: Patterns::nothing(),
            ask: Patterns::nothing(),
            allow: Patterns::nothing(),
            open: Patterns::nothing(),
            silence,
            file,
        }
    }

    fn lists(&self) -> [(Decision, &Patterns); 3] {
        [(Decision::Deny, &self.deny), (Decision::Ask, &self.ask), (Decision::Allow, &self.allow)]
    }

    fn opens_beneath(&self, folder: &str) -> bool {
        with_folders(folder).any(|folder| self.open.holds(folder))
    }

    fn decision(&self, path: &str) -> Decision {
        let found = self.lists().into_iter().find(|(_, patterns)| patterns.holds(path));
        found.map_or(Decision::Deny, |(decision, _)| decision)
    }

    fn check(&self, path: &str) -> Reason {
        let found =
            self.lists().into_iter().find_map(|(decision, patterns)| Some((decision, patterns.first(path)?)));
        match found {
            Some((decision, (glob, rule))) => {
                let change = Change::of_rule(rule, keys(&rule.rule), Action::Remove(glob.into()));
                Reason::new(decision, rule.clone(), path_message(decision, glob, path, rule))
                    .altered_by(change)
            }
            None => self.unlisted(path),
        }
    }

    fn unlisted(&self, path: &str) -> Reason {
        let message = format!(
            "no pattern of `{0}` matches `{path}`, and what is not listed is denied; to allow it, add it to `{0}.allow`",
            self.silence.rule
        );
        let list = keys(&format!("{}.allow", self.silence.rule));
        let change = Change::edit(&self.file, 0, list, Action::Append(only(path).into()));
        Reason::new(Decision::Deny, self.silence.clone(), message).altered_by(change)
    }
}

/// The glob that matches this path, and, but for the root, nothing else.
pub(super) fn only(path: &str) -> String {
    let mut glob = String::new();
    for c in path.chars() {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' => glob.extend(['[', c, ']']),
            '\\' => glob.push_str("\\\\"),
            c => glob.push(c),
        }
    }
    if glob == "." { "**".to_owned() } else { glob }
}

/// Of patterns that allow all beneath some folders, those folders; of the root, every path.
fn open_folders(allow: &[(String, RuleRef)]) -> Vec<(String, RuleRef)> {
    let folder = |glob: &str| match glob.strip_suffix("/*").unwrap_or(glob) {
        "**" => Some("**".to_owned()),
        glob => glob.strip_suffix("/**").map(str::to_owned),
    };
    allow.iter().filter_map(|(glob, rule)| Some((folder(glob)?, rule.clone()))).collect()
}

fn path_message(decision: Decision, glob: &str, path: &str, rule: &RuleRef) -> String {
    match decision {
        Decision::Allow => format!("`{glob}` allows `{path}`"),
        Decision::Ask => format!("`{glob}` asks before `{path}`; to alter that, change `{}`", rule.rule),
        Decision::Deny => format!("`{glob}` denies `{path}`; to alter that, narrow it in `{}`", rule.rule),
    }
}

/// How far a pattern reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Exact,
    Beneath,
}

/// Globs with the rule that each came from.
#[derive(Debug, Clone)]
struct Patterns {
    set: GlobSet,
    /// By index in `set`.
    rules: Vec<(String, RuleRef)>,
    reach: Reach,
}

impl Patterns {
    fn new(globs: &[(String, RuleRef)], reach: Reach) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for (glob, _) in globs {
            match reach {
                Reach::Exact => set.add(path_glob(glob)?),
                Reach::Beneath => set.add(path_glob(&glob.trim_end_matches('/').to_ascii_lowercase())?),
            };
        }
        Ok(Self { set: set.build()?, rules: globs.to_vec(), reach })
    }

    fn nothing() -> Self {
        Self { set: GlobSet::empty(), rules: Vec::new(), reach: Reach::Exact }
    }

    fn holds(&self, path: &str) -> bool {
        match self.reach {
            Reach::Exact => self.set.is_match(path),
            Reach::Beneath if self.rules.is_empty() => false,
            Reach::Beneath => with_folders(&path.to_ascii_lowercase()).any(|path| self.set.is_match(path)),
        }
    }

    fn first(&self, path: &str) -> Option<(&str, &RuleRef)> {
        let at = match self.reach {
            Reach::Exact => self.set.matches(path).into_iter().min(),
            Reach::Beneath => {
                with_folders(&path.to_ascii_lowercase()).flat_map(|path| self.set.matches(path)).min()
            }
        };
        self.rules.get(at?).map(|(glob, rule)| (glob.as_str(), rule))
    }

    fn globs(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|(glob, _)| glob.as_str())
    }
}

/// A path and the folders above it, the outermost first.
pub(super) fn with_folders(path: &str) -> impl Iterator<Item = &str> {
    let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
    folders.chain(std::iter::once(path))
}

/// Why a text is no glob; none where it is one.
pub fn path_glob_flaw(text: &str) -> Option<String> {
    path_glob(text).err().map(|error| error.kind().to_string())
}

/// A glob over paths: `*` and `?` stay within a folder, `**` crosses.
///
/// # Errors
/// The text is no glob.
pub(super) fn path_glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str) -> RuleRef {
        RuleRef { layer: "l".into(), rule: name.into(), file: "f".into(), line: 1, column: 1 }
    }

    fn globs(list: &[&str], name: &str) -> Vec<(String, RuleRef)> {
        list.iter().map(|glob| ((*glob).to_owned(), rule(name))).collect()
    }

    fn rules(allow: &[&str], ask: &[&str], deny: &[&str]) -> PathRules {
        let lists = [&globs(allow, "r.allow")[..], &globs(ask, "r.ask")[..], &globs(deny, "r.deny")[..]];
        PathRules::new(vec![PathRule::new(lists, rule("r")).unwrap()])
    }

    #[test]
    fn deny_beats_ask_beats_allow_and_silence_denies() {
        let rules = rules(&["src/**", "*.toml"], &["Cargo.toml"], &["**/.env*", "src/secret"]);
        for (path, expected) in [
            ("src/a.rs", Decision::Allow),
            ("other.toml", Decision::Allow),
            ("sub/other.toml", Decision::Deny),
            ("Cargo.toml", Decision::Ask),
            ("CARGO.TOML", Decision::Ask),
            ("src/.env", Decision::Deny),
            ("src/.ENV.local", Decision::Deny),
            ("src/.env.d/inner", Decision::Deny),
            ("src/secret/deep/file", Decision::Deny),
            ("SRC/a.rs", Decision::Deny),
            ("README.md", Decision::Deny),
        ] {
            assert_eq!(rules.check(path).decision, expected, "{path}");
            assert_eq!(rules.decision(path), expected, "{path}");
        }
    }

    #[test]
    fn a_reason_names_the_pattern_and_its_rule() {
        let verdict = rules(&["**"], &[], &["**/*.pem"]).check("a/b.PEM");
        let reason = verdict.deciding().unwrap();
        assert_eq!(reason.rule.rule, "r.deny");
        assert!(reason.message.contains("`**/*.pem` denies `a/b.PEM`"), "{}", reason.message);
    }

    #[test]
    fn an_answer_settles_what_asks_and_nothing_that_denies() {
        let rules = rules(&["**"], &["Cargo.toml"], &["**/.env*"]).answered();
        for (path, expected) in
            [("Cargo.toml", Decision::Allow), (".env", Decision::Deny), ("a", Decision::Allow)]
        {
            assert_eq!((rules.check(path).decision, rules.decision(path)), (expected, expected), "{path}");
        }
    }

    #[test]
    fn without_a_layer_everything_is_denied() {
        assert_eq!(PathRules::default().check("a").decision, Decision::Deny);
        assert_eq!(PathRules::default().decision("."), Decision::Deny);
    }

    #[test]
    fn folders_of_which_all_is_allowed_are_told_from_those_seen_in_part() {
        for (allow, folder, open) in [
            ("**", ".", true),
            ("**/*", "a/b", true),
            ("src/**", "src", true),
            ("src/**", "src/deep", true),
            ("src/**/*", "src/deep", true),
            ("src/**", ".", false),
            ("src/**", "srcs", false),
            ("src/*", "src", false),
            ("*/src/**", "a/src/b", true),
            ("*/src/**", "a", false),
            ("**/*.rs", ".", false),
        ] {
            assert_eq!(rules(&[allow], &[], &[]).opens_beneath(folder), open, "{allow} {folder}");
        }
        assert!(!PathRules::default().opens_beneath("."));
        let hiding = rules(&["**"], &["ask"], &["**/.env*"]);
        assert!(hiding.hides("a/.env.local") && hiding.hides("ask") && !hiding.hides("a/.env.d/x"));
    }

    #[test]
    fn the_root_itself_is_matched_by_two_stars() {
        assert!(rules(&["**"], &[], &["**/.env*"]).allows("."));
    }
}
