//! `build.gradle`, as far as its lines show it: a program, which is not run to ask it.

use super::found::{Command, Dependency, Manifest};

const CONFIGURATIONS: [(&str, &str); 8] = [
    ("implementation", "normal"),
    ("api", "normal"),
    ("compileOnly", "normal"),
    ("runtimeOnly", "normal"),
    ("kapt", "build"),
    ("annotationProcessor", "build"),
    ("testImplementation", "test"),
    ("testRuntimeOnly", "test"),
];

pub(super) fn read(text: &str) -> Manifest {
    let dependencies = text.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim();
        let (_, scope) = CONFIGURATIONS
            .iter()
            .find(|(word, _)| line.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '('])))?;
        let quoted = line.split(['"', '\'']).nth(1)?;
        let (name, requirement) = match quoted.match_indices(':').nth(1) {
            Some((at, _)) => (&quoted[..at], &quoted[at + 1..]),
            None => (quoted, ""),
        };
        Some(Dependency {
            name: name.to_owned(),
            requirement: requirement.to_owned(),
            scope: (*scope).to_owned(),
            line: at as u64 + 1,
        })
    });
    let commands =
        ["build", "test"].map(|task| Command { purpose: task, command: format!("gradle {task}"), line: 1 });
    Manifest { dependencies: dependencies.collect(), commands: commands.into(), ..Manifest::default() }
}
