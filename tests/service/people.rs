//! People who approve, each with a key of their own.

use std::fs;
use std::path::PathBuf;

use crate::program::keys::keys;
use crate::program::{Ran, Workspace, digest_in};

/// A person at the machine of a workspace.
pub struct Person<'a> {
    here: &'a Workspace,
    pub pem: PathBuf,
    /// What a policy calls them: `ed25519:…`.
    pub key: String,
}

impl<'a> Person<'a> {
    pub fn at(here: &'a Workspace, name: &str) -> Self {
        let (pem, public) = keys(&here.outside().join("home"), name);
        let text = fs::read_to_string(public).unwrap();
        let key: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        Self { here, pem, key: format!("ed25519:{key}") }
    }

    /// The program, with their key, and these variables.
    pub fn lgflow(&self, arguments: &[&str], variables: &[(&str, String)]) -> Ran {
        let mut command = self.here.command(arguments);
        command.env("LGFLOW_SIGNING_KEY", &self.pem).envs(variables.iter().cloned());
        Ran::from(command.output().unwrap())
    }

    /// Reads a question, and approves it by its digest; `question` are the arguments that name it. Gives what was shown.
    #[track_caller]
    pub fn approves(&self, question: &[&str], variables: &[(&str, String)]) -> String {
        let arguments = [&["approve"], question].concat();
        let shown = self.lgflow(&arguments, variables).ended(2).stderr;
        let digest = digest_in(&shown);
        self.lgflow(&[arguments.as_slice(), &["--digest", &digest]].concat(), variables).ended(0);
        shown
    }
}
