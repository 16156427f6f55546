//! Layers → settings: the strongest layer that says something wins; a workspace can only lower limits.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::document::{Text, Tree, Value};
use crate::effect::{Declared, ModelDeclaration, SecretDeclaration, WebAddress};
use crate::model::{parse_duration, parse_size};
use crate::source::{FileId, Sources, Span};

use super::file::{FileSettings, Owner, Written, read};
use super::{Class, KEYS, KeyInfo, Kind, Origin, PROFILES, Profile, Setting, SettingValue, Settings};

/// All that settings come from. The files' texts are in the table of sources.
#[derive(Debug, Clone, Default)]
pub struct ConfigInput {
    /// `/etc/lgflow/config.toml`
    pub machine: Option<FileId>,
    /// `~/.config/lgflow/config.toml`
    pub user: Option<FileId>,
    /// `.lg/config.toml`
    pub workspace: Option<FileId>,
    /// The variables whose names begin with `LGFLOW_`.
    pub variables: Vec<(String, String)>,
    /// Flags that set a key: the key, the flag's name, the value.
    pub flags: Vec<(&'static str, String, String)>,
}

/// The settings in force. Every finding goes into `found`; what was found wrong is as if it were not said.
pub fn resolve(input: &ConfigInput, sources: &mut Sources, found: &mut Diagnostics) -> Settings {
    let file = |id: Option<FileId>, owner, found: &mut Diagnostics| {
        id.map(|id| read(sources, id, owner, found)).unwrap_or_default()
    };
    let machine = file(input.machine, Owner::User, found);
    let user = file(input.user, Owner::User, found);
    let workspace = file(input.workspace, Owner::Workspace, found);
    let mut layers = Layers { sources, found, settings: Settings::default() };
    layers.built_in();
    layers.values(&workspace.values, |file, line| Origin::Workspace { file, line });
    let lowered = layers.settings.clone();
    layers.values(&machine.values, |file, line| Origin::File { file, line });
    layers.values(&user.values, |file, line| Origin::File { file, line });
    let profile = Layers::profile(input);
    layers.of_profile(profile, &[&machine, &user]);
    layers.given(input);
    layers.lower(&lowered);
    layers.settings.declared = declared(&machine, &user, layers.found);
    layers.settings
}

/// What both files declare; where both declare one name, the user's declaration holds.
fn declared(machine: &FileSettings, user: &FileSettings, found: &mut Diagnostics) -> Declared {
    let secrets = machine.secrets.iter().chain(&user.secrets);
    let secrets: BTreeMap<&str, &SecretDeclaration> =
        secrets.map(|secret| (secret.name.as_str(), secret)).collect();
    let secrets: Vec<SecretDeclaration> = secrets.into_values().cloned().collect();
    let models = machine.models.iter().chain(&user.models);
    models.clone().for_each(|model| model.check_key(&secrets, found));
    let models: BTreeMap<&str, &ModelDeclaration> =
        models.map(|model| (model.declared.name.as_str(), &model.declared)).collect();
    let private: BTreeSet<&String> = machine.private.iter().chain(&user.private).collect();
    Declared {
        secrets,
        models: models.into_values().cloned().collect(),
        private: private.into_iter().cloned().collect(),
    }
}

/// Checks the settings of a workspace alone.
pub fn check_workspace(sources: &mut Sources, file: FileId, found: &mut Diagnostics) {
    let input = ConfigInput { workspace: Some(file), ..ConfigInput::default() };
    resolve(&input, sources, found);
}

struct Layers<'a> {
    sources: &'a mut Sources,
    found: &'a mut Diagnostics,
    settings: Settings,
}

impl Layers<'_> {
    fn set(&mut self, info: &'static KeyInfo, value: SettingValue, origin: Origin) {
        self.settings.values.insert(info.key, Setting { key: info.key, value, origin });
    }

    fn built_in(&mut self) {
        for info in KEYS {
            if let Some(value) = info.default.and_then(|text| of_text(info, text).ok()) {
                self.set(info, value, Origin::BuiltIn);
            }
        }
    }

    fn values(&mut self, values: &[Written], origin: impl Fn(String, usize) -> Origin) {
        for written in values {
            let span = written.value.span;
            let file = self.sources.get(span.file);
            let origin = origin(file.name().to_owned(), file.position(span.start).line);
            match of_tree(written.info, &written.value) {
                Ok(value) => self.set(written.info, value, origin),
                Err(problem) => self.found.push(problem),
            }
        }
    }

    /// The profile that a flag or a variable names.
    fn profile(input: &ConfigInput) -> Option<(String, Origin)> {
        let flag = input.flags.iter().find(|(key, ..)| *key == "profile");
        let variable = input.variables.iter().find(|(name, _)| name == "LGFLOW_PROFILE");
        flag.map(|(_, flag, value)| (value.clone(), Origin::Flag(flag.clone())))
            .or_else(|| variable.map(|(name, value)| (value.clone(), Origin::Variable(name.clone()))))
    }

    fn of_profile(&mut self, profile: Option<(String, Origin)>, files: &[&FileSettings]) {
        let Some((name, origin)) = profile else { return };
        let written: Vec<_> =
            files.iter().flat_map(|file| &file.profiles).filter(|(written, _)| *written == name).collect();
        let built_in = Profile::find(&name);
        if written.is_empty() && built_in.is_none() {
            let file = self.sources.add(origin.to_string(), name.as_str());
            let span = Span::new(file, 0, name.len());
            let known = files.iter().flat_map(|file| file.profiles.iter().map(|(name, _)| name.as_str()));
            let known: BTreeSet<&str> = known.filter(|name| Profile::find(name).is_none()).collect();
            let help = suggestion(&name, known.into_iter().chain(PROFILES.map(|profile| profile.name)));
            let message = format!("there is no profile `{name}`");
            self.found.push(Diagnostic::new(codes::BAD_VALUE, span, message).maybe_help(help));
        }
        for (key, text) in built_in.map(|profile| profile.values).unwrap_or_default() {
            let Some(info) = KeyInfo::find(key) else { continue };
            if let (Some(profile), Ok(value)) = (built_in, of_text(info, text)) {
                self.set(info, value, Origin::BuiltInProfile(profile.name));
            }
        }
        for key in built_in.map(|profile| profile.unbounded).unwrap_or_default() {
            self.settings.values.remove(key);
        }
        for (name, values) in written {
            self.values(values, |file, line| Origin::Profile { profile: name.clone(), file, line });
        }
    }

    /// Variables, then flags. Variables that are no setting are for something else.
    fn given(&mut self, input: &ConfigInput) {
        for info in KEYS {
            let variable = info.variable();
            if let Some((_, value)) = input.variables.iter().find(|(name, _)| *name == variable) {
                self.one(info, value, Origin::Variable(variable));
            }
        }
        for (key, flag, value) in &input.flags {
            if let Some(info) = KeyInfo::find(key) {
                self.one(info, value, Origin::Flag(flag.clone()));
            }
        }
    }

    fn one(&mut self, info: &'static KeyInfo, text: &str, origin: Origin) {
        match of_text(info, text) {
            Ok(value) => self.set(info, value, origin),
            Err(problem) => {
                let file = self.sources.add(origin.to_string(), text);
                let span = Span::new(file, 0, text.len());
                self.found.push(bad(info, span, &problem));
            }
        }
    }

    /// What a workspace says of a limit holds where it is lower than what is in force.
    fn lower(&mut self, workspace: &Settings) {
        for info in KEYS.iter().filter(|info| info.class == Class::WorkspaceLowers) {
            let Some(theirs) = workspace.get(info.key) else { continue };
            let is_theirs = matches!(theirs.origin, Origin::Workspace { .. });
            let higher = self.settings.get(info.key).is_none_or(|ours| is_lower(&theirs.value, &ours.value));
            if is_theirs && higher {
                self.settings.values.insert(info.key, theirs.clone());
            }
        }
        self.never_raised();
    }

    /// A workspace's limit above the built-in one is no limit of ours.
    fn never_raised(&mut self) {
        for info in KEYS.iter().filter(|info| info.class == Class::WorkspaceLowers) {
            let Some(default) = info.default.and_then(|text| of_text(info, text).ok()) else { continue };
            let raised = self.settings.get(info.key).is_some_and(|setting| {
                matches!(setting.origin, Origin::Workspace { .. }) && is_lower(&default, &setting.value)
            });
            if raised {
                self.set(info, default, Origin::BuiltIn);
            }
        }
    }
}

fn is_lower(a: &SettingValue, b: &SettingValue) -> bool {
    match (a, b) {
        (SettingValue::Number(a), SettingValue::Number(b)) => a < b,
        (SettingValue::Time(a), SettingValue::Time(b)) => a < b,
        _ => false,
    }
}

fn of_tree(info: &KeyInfo, tree: &Tree) -> Result<SettingValue, Diagnostic> {
    let text = match (&tree.value, info.kind) {
        (Value::String(text), _) => Text::as_str(text).to_owned(),
        (Value::Int(number), Kind::Count(_) | Kind::Size) => number.to_string(),
        _ => {
            let message = format!("`{}` takes {}, not {}", info.key, wanted(info.kind), tree.kind());
            return Err(Diagnostic::new(codes::WRONG_TYPE, tree.span, message));
        }
    };
    of_text(info, &text).map_err(|problem| bad(info, tree.span, &problem))
}

/// A value that has the right type and still may not stand there.
struct Bad {
    message: String,
    help: Option<String>,
}

fn bad(info: &KeyInfo, span: Span, problem: &Bad) -> Diagnostic {
    let message = format!("`{}` cannot be {}", info.key, problem.message);
    Diagnostic::new(codes::BAD_VALUE, span, message).maybe_help(problem.help.clone())
}

fn of_text(info: &KeyInfo, text: &str) -> Result<SettingValue, Bad> {
    let refuse = |help: Option<String>| Err(Bad { message: format!("`{text}`"), help });
    match info.kind {
        Kind::Word(words) if words.contains(&text) => Ok(SettingValue::Text(text.to_owned())),
        Kind::Word(words) => refuse(suggestion(text, words.iter().copied())),
        Kind::Text if !text.is_empty() => Ok(SettingValue::Text(text.to_owned())),
        Kind::Path if is_beneath(text) => Ok(SettingValue::Text(text.to_owned())),
        Kind::Path => refuse(Some("write a path beneath the workspace".to_owned())),
        Kind::Count(least) => match text.parse().ok().filter(|count| *count >= least) {
            Some(count) => Ok(SettingValue::Number(count)),
            None => refuse(Some(format!("write a whole number, at least {least}"))),
        },
        Kind::Time => match parse_duration(text).filter(|time| !time.is_zero()) {
            Some(time) => Ok(SettingValue::Time(time)),
            None => refuse(Some("write it like `90s`, `10m` or `1h30m`".to_owned())),
        },
        Kind::Size => match parse_size(text).or_else(|| text.parse().ok()) {
            Some(size) => Ok(SettingValue::Number(size)),
            None => refuse(Some("write it like `200000` or `10MiB`".to_owned())),
        },
        Kind::Address if WebAddress::parse(text).is_some() => Ok(SettingValue::Text(text.to_owned())),
        Kind::Address => refuse(Some("write it like `http://127.0.0.1:4318`".to_owned())),
        Kind::Text => refuse(Some("write a text that is not empty, or leave it out".to_owned())),
        Kind::AnchorPlace if text == "git-note" || text.starts_with("file:/") => {
            Ok(SettingValue::Text(text.to_owned()))
        }
        Kind::AnchorPlace => refuse(Some("write `git-note`, or `file:` and an absolute path".to_owned())),
        Kind::Digest if text.parse::<crate::digest::Digest>().is_ok() => {
            Ok(SettingValue::Text(text.to_owned()))
        }
        Kind::Digest => refuse(Some(
            "write the digest that `lgflow trust --show --format json` tells, `sha256:…`, or leave it out"
                .to_owned(),
        )),
    }
}

fn is_beneath(path: &str) -> bool {
    !path.is_empty() && !path.starts_with(['/', '~']) && path.split('/').all(|part| part != "..")
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Word(_) | Kind::Text | Kind::Path | Kind::Digest | Kind::AnchorPlace | Kind::Address => {
            "a string"
        }
        Kind::Count(_) => "an integer",
        Kind::Time => "a duration",
        Kind::Size => "a size",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case<'a> {
        machine: &'a str,
        user: &'a str,
        workspace: &'a str,
        variables: &'a [(&'a str, &'a str)],
        flags: &'a [(&'static str, &'a str)],
    }

    const NONE: Case<'static> = Case { machine: "", user: "", workspace: "", variables: &[], flags: &[] };

    fn run(case: &Case<'_>) -> (Settings, Vec<String>) {
        let mut sources = Sources::default();
        let input = ConfigInput {
            machine: Some(sources.add("/etc/lgflow/config.toml", case.machine)),
            user: Some(sources.add("config.toml", case.user)),
            workspace: Some(sources.add(".lg/config.toml", case.workspace)),
            variables: case.variables.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
            flags: case.flags.iter().map(|&(k, v)| (k, format!("--{k}"), v.to_owned())).collect(),
        };
        let mut found = Diagnostics::default();
        let settings = resolve(&input, &mut sources, &mut found);
        let shown = |found: &Diagnostic| {
            let file = sources.get(found.span().file);
            let at = file.position(found.span().start);
            format!("{}:{}:{} {}: {}", file.name(), at.line, at.column, found.code, found.message)
        };
        (settings, found.iter().map(shown).collect())
    }

    fn origin(settings: &Settings, key: &str) -> String {
        let setting = settings.get(key).unwrap();
        format!("{} from {}", setting.value, setting.origin)
    }

    #[test]
    fn the_strongest_layer_wins_and_says_where_it_stands() {
        let mut case = Case { machine: "durability = 'sync'\n", ..NONE };
        assert_eq!(origin(&run(&NONE).0, "durability"), "batch from built-in");
        assert_eq!(origin(&run(&case).0, "durability"), "sync from /etc/lgflow/config.toml:1");
        case.user = "\ndurability = 'none'\n[profile.prod]\ndurability = 'sync'\n";
        assert_eq!(origin(&run(&case).0, "durability"), "none from config.toml:2");
        case.variables = &[("LGFLOW_PROFILE", "prod")];
        assert_eq!(origin(&run(&case).0, "durability"), "sync from config.toml:4 (profile prod)");
        case.user = "\ndurability = 'none'\n";
        assert_eq!(origin(&run(&case).0, "durability"), "sync from built-in profile prod");
        case.variables = &[("LGFLOW_PROFILE", "prod"), ("LGFLOW_DURABILITY", "batch"), ("LGFLOW_BLESS", "1")];
        assert_eq!(origin(&run(&case).0, "durability"), "batch from LGFLOW_DURABILITY");
        case.flags = &[("durability", "none")];
        let (settings, found) = run(&case);
        assert_eq!((origin(&settings, "durability"), found.len()), ("none from --durability".to_owned(), 0));
        assert_eq!(settings.durability(), "none");
    }

    #[test]
    fn a_built_in_profile_stands_beneath_the_users_of_its_name() {
        let case = Case {
            user: "[retention]\nage = '30d'\n[profile.prod.retention]\nage = '900d'\n[profile.other]\nformat = 'json'\n",
            variables: &[("LGFLOW_PROFILE", "prod")],
            ..NONE
        };
        let (settings, found) = run(&case);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(origin(&settings, "retention.age"), "900d from config.toml:4 (profile prod)");
        assert_eq!(origin(&settings, "approvals.mutations"), "ask from built-in profile prod");
        assert!(settings.asks_about_mutations());
        let (settings, _) = run(&Case { variables: &[("LGFLOW_PROFILE", "other")], ..case });
        assert_eq!(origin(&settings, "retention.age"), "30d from config.toml:2");
        assert_eq!(origin(&settings, "approvals.mutations"), "policy from built-in");
        assert!(!settings.asks_about_mutations());
    }

    #[test]
    fn what_a_built_in_profile_sets_is_a_key_with_a_value_that_it_takes() {
        for profile in PROFILES {
            for (key, value) in profile.values {
                let info = KeyInfo::find(key).unwrap();
                assert!(of_text(info, value).is_ok(), "{} {key}", profile.name);
                assert_ne!(info.class, Class::OneRun, "{} {key}", profile.name);
            }
        }
    }

    #[test]
    fn a_workspace_sets_what_is_safe_below_the_user_and_lowers_limits_above_all() {
        let case = Case {
            workspace: "graph = '.lg/ci.yaml'\nformat = 'json'\n[limits]\nwall = '5m'\ntool_calls = 10\n[concurrency]\nmax = 99\n",
            user: "format = 'human'\n[limits]\nwall = '1m'\ntool_calls = 100\n",
            ..NONE
        };
        let (settings, found) = run(&case);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(settings.graph(), Some(".lg/ci.yaml"));
        assert_eq!(settings.format(), "human");
        assert_eq!(origin(&settings, "limits.wall"), "60s from config.toml:3");
        assert_eq!(origin(&settings, "limits.tool_calls"), "10 from .lg/config.toml:5");
        assert_eq!(origin(&settings, "concurrency.max"), "8 from built-in");
    }

    #[test]
    fn every_key_that_is_not_safe_is_an_error_in_a_workspace() {
        let unsafe_keys = KEYS
            .iter()
            .filter(|info| matches!(info.class, Class::User | Class::OneRun))
            .map(|info| info.key)
            .chain(crate::config::key::NEVER_IN_A_WORKSPACE);
        for key in unsafe_keys {
            for text in [format!("{key} = 'x'\n"), format!("[{key}]\nurl = 'x'\n")] {
                let (_, found) = run(&Case { workspace: &text, ..NONE });
                // a section that never stands there is refused whole
                let top = key.split('.').next().unwrap();
                let whole = crate::config::key::NEVER_IN_A_WORKSPACE.contains(&top);
                let expected = format!("not-here: `{}`", if whole { top } else { key });
                assert!(found.len() == 1 && found[0].contains(&expected), "{text}: {found:?}");
            }
        }
    }

    #[test]
    fn mistakes_are_found_at_their_places() {
        let user =
            "durabilty = 'sync'\nformat = 'jsn'\ngraph = '../x'\n[limits]\nwall = 5\ntool_calls = '-1'\n";
        let case =
            Case { user, variables: &[("LGFLOW_PROFILE", "porduction"), ("LGFLOW_FORMAT", "xml")], ..NONE };
        assert_eq!(
            run(&case).1,
            [
                "config.toml:1:1 unknown-key: unknown setting `durabilty`",
                "config.toml:2:10 bad-value: `format` cannot be `jsn`",
                "config.toml:3:9 bad-value: `graph` cannot be `../x`",
                "config.toml:5:8 wrong-type: `limits.wall` takes a duration, not an integer",
                "config.toml:6:14 bad-value: `limits.tool_calls` cannot be `-1`",
                "LGFLOW_PROFILE:1:1 bad-value: there is no profile `porduction`",
                "LGFLOW_FORMAT:1:1 bad-value: `format` cannot be `xml`",
            ]
        );
    }
}
