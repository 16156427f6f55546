//! A workspace whose user has a configuration, and calls that are made there.

use std::fs;

use serde_json::{Value, json};

use crate::program::Workspace;

/// The value of the secret in all of these tests.
pub const KEY: &str = "sk-canary-7f3a9b2c4d5e6f70";

pub struct Place {
    pub workspace: Workspace,
}

impl Place {
    /// A workspace whose user says this in their configuration.
    pub fn new(config: &str) -> Self {
        let workspace = Workspace::git();
        let folder = workspace.outside().join("home/.config/lgflow");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), config).unwrap();
        Self { workspace }
    }

    /// One call under a policy that allows the tool, with this in it besides.
    pub fn call(&self, tool: &str, policy: &str, input: &Value) -> (i32, Value) {
        self.call_with(tool, policy, input, &[])
    }

    pub fn call_with(
        &self,
        tool: &str,
        policy: &str,
        input: &Value,
        variables: &[(&str, &str)],
    ) -> (i32, Value) {
        let file = self.workspace.outside().join("policy.yaml");
        fs::write(
            &file,
            format!("schema: lgflow.policy/v1\nname: p\ntools: {{ {tool}: allow }}\n{policy}\n"),
        )
        .unwrap();
        let file = file.display().to_string();
        let mut command = self.workspace.command(&[
            "tool",
            "call",
            tool,
            &input.to_string(),
            "--policy",
            &file,
            "--format",
            "json",
        ]);
        command.env("API_KEY", KEY).envs(variables.iter().copied());
        let ran = crate::program::Ran::from(command.output().unwrap());
        assert!(
            !ran.stdout.contains(KEY) && !ran.stderr.contains(KEY),
            "the key is told:\n{}\n{}",
            ran.stdout,
            ran.stderr
        );
        let result: Value = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|_| panic!("no result:\n{}\n{}", ran.stdout, ran.stderr));
        (ran.code.unwrap(), result)
    }

    /// A request that must come to something.
    #[track_caller]
    pub fn fetch(&self, policy: &str, input: &Value) -> Value {
        let (code, result) = self.call("http", policy, input);
        assert_eq!(code, 0, "{input}: {result:#}");
        result["output"].clone()
    }

    /// A request that must not: the kind of its error, and its message.
    #[track_caller]
    pub fn refused(&self, policy: &str, input: &Value) -> (String, String) {
        let (code, result) = self.call("http", policy, input);
        assert_ne!(code, 0, "{input}: {result:#}");
        let error = &result["error"];
        (error["kind"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
    }
}

/// A rule for each origin.
pub fn network(origins: &[&str]) -> String {
    let rules: Vec<Value> = origins.iter().map(|origin| json!({ "origin": origin })).collect();
    format!("network: {}", Value::from(rules))
}

/// What names origins on loopback.
pub fn private(origins: &[&str]) -> String {
    format!("[network]\nprivate = {}\n", json!(origins))
}

/// A secret that is for `tool` at an origin.
pub fn secret(tool: &str, origin: &str) -> String {
    format!(
        "[secrets.API_KEY]\nenv = \"API_KEY\"\nfor = [{{ tool = \"{tool}\", origin = \"{origin}\", as = \"header Authorization\" }}]\n"
    )
}
