//! A command and its grant → exactly what will be executed. Pure: it opens nothing and starts nothing.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::policy::{ExecGrant, SandboxMode, is_kept_from_calls};

use super::layer::demanded;

/// A command as it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandSpec {
    /// Program and arguments; each element stays one.
    pub argv: Vec<String>,
    /// Variables that the call sets.
    pub env: BTreeMap<String, String>,
    /// What remains of the call's own deadline.
    pub deadline: Option<Duration>,
}

/// What the helper is told: a command from which everything that is not granted is taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confined {
    /// Program and arguments. The program itself is opened by the runner and passed as a descriptor.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Time on the clock.
    pub wall: Duration,
    /// Processor time of a process.
    pub cpu: Option<Duration>,
    /// Address space of a process, in bytes.
    pub memory: Option<u64>,
    /// Processes at once, counted by looking.
    pub processes: Option<u64>,
    /// Bytes of one file.
    pub file_bytes: Option<u64>,
    /// Bytes of each output stream that are kept.
    pub output: u64,
    /// Layers of the sandbox without which it is not started, by name.
    pub demanded: Vec<String>,
}

/// Why a command is not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing to run.
    #[error("`argv` is empty")]
    NoProgram,
    /// The call names another program than the rule.
    #[error("the program must be the name `{granted}`, as the rule has it, and is `{asked}`")]
    OtherProgram {
        /// As asked.
        asked: String,
        /// By the rule.
        granted: String,
    },
    /// A NUL can't be passed on.
    #[error("{0} holds a NUL, which no program can be given")]
    Nul(&'static str),
    /// A variable that no call may set.
    #[error("the variable `{0}` is set by lgflow and can't be set by a call")]
    Reserved(String),
    /// A variable that was not granted, or not with this value.
    #[error("the variable `{name}` was not granted to the call with the value that it has there")]
    NotGranted {
        /// Its name.
        name: String,
    },
}

/// Confines `spec` under `grant`. `passed` are the variables of the runner's own environment that `env_pass` names;
/// `home` and `tmp` the private folders of the call.
pub fn confine(
    spec: &CommandSpec,
    grant: &ExecGrant,
    passed: &BTreeMap<String, String>,
    home: &str,
    tmp: &str,
) -> Result<Confined, Refused> {
    let program = spec.argv.first().ok_or(Refused::NoProgram)?;
    if *program != grant.program {
        return Err(Refused::OtherProgram { asked: program.clone(), granted: grant.program.clone() });
    }
    if spec.argv.iter().any(|argument| argument.contains('\0')) {
        return Err(Refused::Nul("an argument"));
    }
    let mut env = environment(spec, grant, passed, home)?;
    env.insert("HOME".to_owned(), home.to_owned());
    for name in ["TMPDIR", "TMP", "TEMP"] {
        env.insert(name.to_owned(), tmp.to_owned());
    }
    let limits = &grant.limits;
    let wall = spec.deadline.map_or(limits.wall, |deadline| limits.wall.min(deadline));
    Ok(Confined {
        argv: spec.argv.clone(),
        env,
        wall,
        cpu: limits.cpu,
        memory: limits.memory,
        processes: limits.processes,
        file_bytes: limits.workspace_bytes,
        output: limits.output,
        demanded: demanded(grant.mode == SandboxMode::Strict, &grant.require, grant.network),
    })
}

/// Nothing of the runner's own environment but what is named; what we set ourselves comes last and wins.
fn environment(
    spec: &CommandSpec,
    grant: &ExecGrant,
    passed: &BTreeMap<String, String>,
    home: &str,
) -> Result<BTreeMap<String, String>, Refused> {
    let mut env: BTreeMap<String, String> = passed
        .iter()
        .filter(|(name, _)| grant.env_pass.contains(name))
        .map(|(name, value)| (name.clone(), chosen(name, value, grant, home)))
        .collect();
    env.extend(grant.env_set.clone());
    for (name, value) in &spec.env {
        if is_kept_from_calls(name) {
            return Err(Refused::Reserved(name.clone()));
        }
        if value.contains('\0') {
            return Err(Refused::Nul("a variable"));
        }
        // the gate has put what the call may set among what is set
        if grant.env_set.get(name) != Some(value) {
            return Err(Refused::NotGranted { name: name.clone() });
        }
    }
    let path: Vec<String> = grant.search.iter().map(|folder| folder.display().to_string()).collect();
    env.insert("PATH".to_owned(), path.join(":"));
    env.entry("LC_ALL".to_owned()).or_insert_with(|| "C.UTF-8".to_owned());
    Ok(env)
}

/// The value of a variable that is passed on: the user's own, unless it names a place that is none of the toolchains'
/// and the system's. Then it names a place of the command's own.
fn chosen(name: &str, value: &str, grant: &ExecGrant, home: &str) -> String {
    let is_known = |part: &str| {
        let path = Path::new(part);
        let system = ["/usr", "/bin", "/lib", "/lib64", "/sbin"].map(Path::new);
        let plain = !path.components().any(|part| part == Component::ParentDir);
        let places = grant.visible.iter().map(PathBuf::as_path).chain(system);
        plain && places.into_iter().any(|place| path.starts_with(place))
    };
    let foreign = |part: &str| part.starts_with('~') || part.starts_with('/') && !is_known(part);
    if value.split([':', ' ', ',', '=']).any(foreign) { format!("{home}/{name}") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::RuleRef;
    use crate::policy::{ExecLimits, NetworkAccess, WorkspaceMode};

    fn grant(mode: SandboxMode) -> ExecGrant {
        ExecGrant {
            rule: RuleRef {
                layer: "p".into(),
                rule: "commands[x]".into(),
                file: "p".into(),
                line: 1,
                column: 1,
            },
            program: "cargo".into(),
            search: vec!["/usr/bin".into(), "/bin".into()],
            toolchains: Vec::new(),
            visible: Vec::new(),
            env_set: BTreeMap::from([("SET".into(), "by policy".into()), ("PATH".into(), "/evil".into())]),
            env_pass: vec!["RUST_LOG".into(), "LD_PRELOAD".into()],
            mode,
            require: Vec::new(),
            workspace: WorkspaceMode::Copy,
            network: NetworkAccess::Deny,
            unsafe_write: Vec::new(),
            git: crate::policy::GitSight::Hidden,
            cache: None,
            runs_workspace_code: true,
            cache_folders: Vec::new(),
            limits: ExecLimits {
                wall: Duration::from_secs(10),
                cpu: None,
                memory: None,
                processes: None,
                output: 1000,
                workspace_bytes: None,
            },
        }
    }

    fn spec(argv: &[&str], env: &[(&str, &str)]) -> CommandSpec {
        CommandSpec {
            argv: argv.iter().map(|&s| s.to_owned()).collect(),
            env: env.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
            deadline: Some(Duration::from_secs(3)),
        }
    }

    #[test]
    fn the_environment_is_what_policy_and_we_say_and_nothing_else() {
        let passed = BTreeMap::from([("RUST_LOG".into(), "info".into()), ("TOKEN".into(), "secret".into())]);
        let mut grant = grant(SandboxMode::BestEffort);
        grant.env_set.insert("OF_THE_CALL".into(), "x".into());
        let confined = confine(
            &spec(&["cargo", "a b", "$(x)"], &[("OF_THE_CALL", "x"), ("SET", "by policy")]),
            &grant,
            &passed,
            "/h",
            "/t",
        )
        .unwrap();
        let env: Vec<(&str, &str)> = confined.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            env,
            [
                ("HOME", "/h"),
                ("LC_ALL", "C.UTF-8"),
                ("OF_THE_CALL", "x"),
                ("PATH", "/usr/bin:/bin"),
                ("RUST_LOG", "info"),
                ("SET", "by policy"),
                ("TEMP", "/t"),
                ("TMP", "/t"),
                ("TMPDIR", "/t"),
            ]
        );
        assert_eq!(confined.argv, ["cargo", "a b", "$(x)"]);
        assert_eq!(confined.wall, Duration::from_secs(3));
    }

    #[test]
    fn a_passed_path_is_the_commands_own_unless_a_toolchain_or_the_system_has_it() {
        let mut grant = grant(SandboxMode::BestEffort);
        grant.visible = vec!["/home/u/.cargo/registry/src".into()];
        for (value, given) in [
            ("info", "info"),
            ("1", "1"),
            ("a/b", "a/b"),
            ("/home/u/.cargo", "/h/X"),
            ("/home/u/.cargo/registry/src/x", "/home/u/.cargo/registry/src/x"),
            ("/home/u/.cargo/registry/src/../../credentials.toml", "/h/X"),
            ("/usr/share/zoneinfo", "/usr/share/zoneinfo"),
            ("/usr/lib:/home/u/.secret", "/h/X"),
            ("~/.aws", "/h/X"),
            ("file=/home/u/x", "/h/X"),
        ] {
            assert_eq!(chosen("X", value, &grant, "/h"), given, "{value}");
        }
    }

    #[test]
    fn refusals() {
        let best = grant(SandboxMode::BestEffort);
        let none = BTreeMap::new();
        for (spec, wanted) in [
            (spec(&[], &[]), "`argv` is empty"),
            (
                spec(&["./cargo"], &[]),
                "the program must be the name `cargo`, as the rule has it, and is `./cargo`",
            ),
            (
                spec(&["/tmp/cargo"], &[]),
                "the program must be the name `cargo`, as the rule has it, and is `/tmp/cargo`",
            ),
            (spec(&["cargo", "a\0b"], &[]), "an argument holds a NUL, which no program can be given"),
            (
                spec(&["cargo"], &[("LD_PRELOAD", "x")]),
                "the variable `LD_PRELOAD` is set by lgflow and can't be set by a call",
            ),
            (
                spec(&["cargo"], &[("GIT_DIR", "x")]),
                "the variable `GIT_DIR` is set by lgflow and can't be set by a call",
            ),
            (
                spec(&["cargo"], &[("OTHER", "x")]),
                "the variable `OTHER` was not granted to the call with the value that it has there",
            ),
            (
                spec(&["cargo"], &[("RUST_LOG", "x")]),
                "the variable `RUST_LOG` was not granted to the call with the value that it has there",
            ),
            (
                spec(&["cargo"], &[("SET", "by the call")]),
                "the variable `SET` was not granted to the call with the value that it has there",
            ),
        ] {
            assert_eq!(confine(&spec, &best, &none, "/h", "/t").unwrap_err().to_string(), wanted);
        }
        assert_eq!(confine(&spec(&["cargo"], &[]), &best, &none, "/h", "/t").unwrap().demanded, [""; 0]);
        let strict = confine(&spec(&["cargo"], &[]), &grant(SandboxMode::Strict), &none, "/h", "/t").unwrap();
        assert!(strict.demanded.contains(&"seccomp".to_owned()), "{strict:?}");
    }
}
