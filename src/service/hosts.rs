//! The names that a service answers to: a page of elsewhere whose name was bound to this machine has another one.

/// A list of host names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    /// These names, without ports.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { names: names.into_iter().map(str::to_ascii_lowercase).collect() }
    }

    /// Is it one of them, with a port or without? A port tells nothing: a page of elsewhere has the right one.
    pub fn has(&self, host: &str) -> bool {
        let name = without_port(host);
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// `[::1]:80` → `[::1]`; what has no port is left as it is.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_with_any_port_and_in_any_case() {
        let hosts = Hosts::new(["127.0.0.1", "localhost", "[::1]", "Runner.Example"]);
        for host in ["127.0.0.1", "127.0.0.1:8811", "LOCALHOST:1", "[::1]", "[::1]:80", "runner.example:443"]
        {
            assert!(hosts.has(host), "{host}");
        }
        for host in
            ["", "evil.example", "127.0.0.1.evil.example", "localhost.:80x", "::1", "localhost@evil", ":80"]
        {
            assert!(!hosts.has(host), "{host}");
        }
    }
}
