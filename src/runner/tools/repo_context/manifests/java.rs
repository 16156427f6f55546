//! `pom.xml` and `build.gradle`, as far as their lines show it: neither is run or fully parsed.

use super::found::{Command, Dependency, Manifest};

/// The content of an element that stands on one line.
fn element<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(content, _)| content.trim())
}

pub(super) fn maven(text: &str) -> Manifest {
    let mut manifest = Manifest { kind: "maven", ..Manifest::default() };
    let mut open: Option<Dependency> = None;
    let mut group = String::new();
    for (at, line) in text.lines().enumerate() {
        let number = at as u64 + 1;
        if line.contains("<dependency>") {
            open = Some(Dependency {
                name: String::new(),
                requirement: String::new(),
                scope: "normal".to_owned(),
                line: number,
            });
            group.clear();
        }
        let Some(dependency) = open.as_mut() else {
            if manifest.name.is_empty()
                && let Some(name) = element(line, "artifactId")
            {
                name.clone_into(&mut manifest.name);
                manifest.line = number;
            }
            if manifest.version.is_empty()
                && let Some(version) = element(line, "version")
            {
                version.clone_into(&mut manifest.version);
            }
            continue;
        };
        if let Some(id) = element(line, "groupId") {
            id.clone_into(&mut group);
        }
        if let Some(name) = element(line, "artifactId") {
            dependency.name = if group.is_empty() { name.to_owned() } else { format!("{group}:{name}") };
        }
        if let Some(version) = element(line, "version") {
            version.clone_into(&mut dependency.requirement);
        }
        if let Some(scope) = element(line, "scope") {
            scope.clone_into(&mut dependency.scope);
        }
        if line.contains("</dependency>") {
            manifest.dependencies.extend(open.take().filter(|dependency| !dependency.name.is_empty()));
        }
    }
    manifest.commands = ["package", "test"]
        .map(|goal| Command {
            purpose: if goal == "test" { "test" } else { "build" },
            command: format!("mvn {goal}"),
            line: 1,
        })
        .into();
    manifest
}

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

pub(super) fn gradle(text: &str) -> Manifest {
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
    Manifest {
        kind: "gradle",
        dependencies: dependencies.collect(),
        commands: commands.into(),
        ..Manifest::default()
    }
}
