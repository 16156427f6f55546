//! What a case says: read from its file, with nothing left over.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// An attack and its harmless twin.
#[derive(Debug)]
pub(crate) struct Case {
    /// `class/name`
    pub(crate) name: String,
    /// What it shows, in a sentence.
    pub(crate) shows: String,
    /// `deny`, `contain` or `limit`.
    pub(crate) answer: String,
    /// The name of a policy in `policies/`.
    pub(crate) policy: String,
    /// Python that stands before the setup and before each step outside.
    pub(crate) shared: String,
    /// Python, run as the user before the program, outside of every sandbox.
    pub(crate) setup: Option<String>,
    /// The rules of `docs/threats.md` that it shows, by number.
    pub(crate) rules: Vec<String>,
    /// The examples of `docs/threats.md` that it is one of, as `class/name`.
    pub(crate) threats: Vec<String>,
    /// Tests that stand elsewhere and show it: then there is no attack here.
    pub(crate) tests: Vec<String>,
    /// The world without the wall that holds here: the attack must be noticed in it.
    pub(crate) broken: Option<Broken>,
    pub(crate) attack: Vec<Step>,
    pub(crate) twin: Vec<Step>,
    /// Does the attack leave something in the workspace that is no harm?
    pub(crate) attack_writes: bool,
    /// Does the twin?
    pub(crate) twin_writes: bool,
}

/// How a world differs in which the wall is taken away.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) policy: Option<String>,
    /// Python, after the case's own setup.
    pub(crate) setup: Option<String>,
}

/// One thing that is done, and what has to come of it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) action: Action,
    /// The kind of the error; none wanted where there is none here.
    pub(crate) error: Option<Vec<String>>,
    /// Which limit.
    pub(crate) limit: Option<String>,
    /// The exit code of a `run`.
    pub(crate) exit: Option<i32>,
    /// Stands in what was printed.
    pub(crate) says: Vec<String>,
    /// Does not.
    pub(crate) never: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Action {
    /// Python inside the sandbox.
    Probe { script: String, program: Vec<String> },
    /// A tool call.
    Tool { tool: String, input: Value },
    /// The program with these arguments.
    Run(Vec<String>),
    /// Python outside, as the user.
    Outside(String),
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escapes/cases")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// `ESCAPE=name` tries one case alone while it is written.
fn filter() -> Option<String> {
    std::env::var("ESCAPE").ok()
}

/// Are some cases left out?
pub(crate) fn is_filtered() -> bool {
    filter().is_some()
}

/// The classes, by their folders.
pub(crate) fn classes() -> Vec<String> {
    names(&folder())
}

impl Case {
    /// The cases of a class, by name.
    pub(crate) fn of_class(class: &str) -> Vec<Self> {
        let files = names(&folder().join(class));
        let wanted = filter().unwrap_or_default();
        files.iter().filter(|file| file.contains(&wanted)).map(|file| Self::read(class, file)).collect()
    }

    fn read(class: &str, file: &str) -> Self {
        let path = folder().join(class).join(file);
        let text = fs::read_to_string(&path).unwrap();
        let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = format!("{class}/{}", file.strip_suffix(".toml").expect("cases are TOML files"));
        let mut keys = Keys { name: &name, table };
        let case = Self {
            shows: keys.text("shows").expect("`shows`"),
            answer: keys.text("answer").expect("`answer`"),
            policy: keys.text("policy").unwrap_or_else(|| "grant".to_owned()),
            shared: keys.text("shared").unwrap_or_default(),
            setup: keys.text("setup"),
            rules: keys.numbers("rules"),
            threats: keys.texts("threats").unwrap_or_default(),
            tests: keys.texts("tests").unwrap_or_default(),
            broken: keys.take("broken").map(|table| broken(&name, table)),
            attack: keys.steps("attack"),
            twin: keys.steps("twin"),
            attack_writes: keys.flag("attack_writes"),
            twin_writes: keys.flag("twin_writes"),
            name: name.clone(),
        };
        keys.end();
        let complete = !case.attack.is_empty() && !case.twin.is_empty();
        let elsewhere = !case.tests.is_empty() && case.attack.is_empty() && case.twin.is_empty();
        assert!(complete || elsewhere, "{name}: an attack and a twin, or tests that stand elsewhere");
        assert!(
            !case.rules.is_empty() || !case.threats.is_empty(),
            "{name}: what rule or example is this of?"
        );
        assert!(["deny", "contain", "limit"].contains(&case.answer.as_str()), "{name}: {}", case.answer);
        case
    }

    /// Its folder.
    pub(crate) fn class(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

fn broken(name: &str, table: toml::Value) -> Broken {
    let mut keys = Keys { name, table: table.try_into().unwrap() };
    let broken = Broken { policy: keys.text("policy"), setup: keys.text("setup") };
    keys.end();
    assert!(broken.policy.is_some() || broken.setup.is_some(), "{name}: how is it broken?");
    broken
}

struct Keys<'a> {
    name: &'a str,
    table: toml::Table,
}

impl Keys<'_> {
    fn take(&mut self, key: &str) -> Option<toml::Value> {
        self.table.remove(key)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        self.take(key)
            .map(|value| value.as_str().unwrap_or_else(|| panic!("{}: {key}", self.name)).to_owned())
    }

    fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let texts = |value: toml::Value| match value {
            toml::Value::String(one) => vec![one],
            value => value.try_into().unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name)),
        };
        self.table.remove(key).map(texts)
    }

    fn numbers(&mut self, key: &str) -> Vec<String> {
        let numbers: Option<Vec<u32>> = self.take(key).map(|value| value.try_into().unwrap());
        numbers.unwrap_or_default().iter().map(u32::to_string).collect()
    }

    fn flag(&mut self, key: &str) -> bool {
        self.take(key).is_some_and(|value| value.as_bool().unwrap())
    }

    fn steps(&mut self, key: &str) -> Vec<Step> {
        let steps: Vec<toml::Table> = self.take(key).map_or_else(Vec::new, |steps| steps.try_into().unwrap());
        steps.into_iter().map(|table| step(&mut Keys { name: self.name, table })).collect()
    }

    fn end(&self) {
        assert!(self.table.is_empty(), "{}: nothing reads {}", self.name, self.table);
    }
}

fn step(keys: &mut Keys<'_>) -> Step {
    let program = keys.texts("program");
    let action = if let Some(script) = keys.text("probe") {
        Action::Probe {
            script,
            program: program.unwrap_or_else(|| vec!["python3".into(), "probe.py".into()]),
        }
    } else if let Some(tool) = keys.text("tool") {
        let input = keys.take("input").unwrap_or_else(|| panic!("{}: `input`", keys.name));
        Action::Tool { tool, input: serde_json::to_value(input).unwrap() }
    } else if let Some(script) = keys.text("outside") {
        Action::Outside(script)
    } else {
        Action::Run(keys.texts("run").unwrap_or_else(|| panic!("{}: a step without an action", keys.name)))
    };
    let step = Step {
        action,
        error: keys.texts("error"),
        limit: keys.text("limit"),
        exit: keys.take("exit").map(|code| i32::try_from(code.as_integer().unwrap()).unwrap()),
        says: keys.texts("says").unwrap_or_default(),
        never: keys.texts("never").unwrap_or_default(),
    };
    keys.end();
    step
}
