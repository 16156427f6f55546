//! `Gemfile`

use super::found::{Command, Dependency, Manifest};

pub(super) fn read(text: &str) -> Manifest {
    let dependencies = text.lines().enumerate().filter_map(|(at, line)| {
        let rest = line.trim().strip_prefix("gem ")?;
        let mut quoted = rest.split(['"', '\'']).skip(1).step_by(2);
        let name = quoted.next()?.to_owned();
        let requirement = quoted.next().unwrap_or_default().to_owned();
        Some(Dependency { name, requirement, scope: "normal".to_owned(), line: at as u64 + 1 })
    });
    let commands = vec![Command { purpose: "build", command: "bundle install".to_owned(), line: 1 }];
    Manifest { dependencies: dependencies.collect(), commands, ..Manifest::default() }
}
