//! A workspace that names a pack, folders to make packs in, and the comparison of everything before and after.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Ran, Workspace};

/// A ceiling that keeps one file from being read.
pub const CEILING: &str = "schema: lgflow.policy/v1\nname: base\npaths: { read: { deny: [secret.txt] } }\nlimits: { patch_files: 50 }\n";

/// A policy of a workspace whose ceiling is a pack.
const GRANT: &str = "schema: lgflow.policy/v1\nname: work\nceilings: [\"pack:acme/base\"]\ntools: { read_file: allow }\npaths: { read: { allow: [\"**\"] } }\n";
const GRAPH: &str = "schema: lgflow.graph/v1\nname: work\npolicy: [policy.yaml]\nnodes:\n  a: { uses: values, with: { x: 1 } }\n";

pub struct Bench {
    pub work: Workspace,
}

impl Bench {
    /// A workspace whose policy names `pack:acme/base`.
    pub fn new() -> Self {
        let work = Workspace::git();
        work.write(".lg/policy.yaml", GRANT).write(".lg/graph.yaml", GRAPH);
        work.write("secret.txt", "s").write("open.txt", "o");
        Self { work }
    }

    /// A folder beside the workspace.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.work.outside().join(name)
    }

    /// Writes a pack into a folder beside the workspace: `acme/<folder's name>`.
    pub fn pack(&self, folder: &str, version: &str, more: &str, policy: &str) -> PathBuf {
        let path = self.beside(folder);
        write_pack(&path, &format!("acme/{}", folder.rsplit('/').next().unwrap()), version, more, policy);
        path
    }

    pub fn lgflow(&self, arguments: &[&str]) -> Ran {
        self.work.lgflow(arguments)
    }

    /// Adds the pack in a folder, the publisher trusted.
    pub fn add(&self, name: &str, from: &Path) -> Ran {
        self.lgflow(&["pack", "add", name, "--from", from.to_str().unwrap(), "--trust-source"])
    }

    /// `lgflow tool call read_file`.
    pub fn read_file(&self, path: &str) -> Ran {
        self.lgflow(&["tool", "call", "read_file", &format!("{{\"path\": \"{path}\"}}")])
    }

    /// Runs a command that must be refused with this exit code, and holds that it changed nothing: not the workspace,
    /// not what is installed, not what is remembered.
    #[track_caller]
    pub fn refused(&self, code: i32, arguments: &[&str]) -> Ran {
        let before = self.everything();
        let ran = self.lgflow(arguments).ended(code);
        assert_eq!(before, self.everything(), "{arguments:?} changed something");
        ran
    }

    /// Every file of the workspace, and of the user's packs.
    pub fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.work.path(), &mut found);
        collect(&self.work.state().join("packs"), &mut found);
        // whom the lock file of the shelf was made by says nothing
        found.remove(&self.work.state().join("packs/busy"));
        found
    }

    /// The folders of the installed trees.
    pub fn trees(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.work.state().join("packs/trees")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

pub fn write_pack(path: &Path, name: &str, version: &str, more: &str, policy: &str) {
    fs::create_dir_all(path).unwrap();
    let manifest =
        format!("schema: lgflow.pack/v1\nname: {name}\nversion: {version}\ndescription: d\n{more}");
    fs::write(path.join("pack.yaml"), manifest).unwrap();
    fs::write(path.join("policy.yaml"), policy).unwrap();
}

fn collect(path: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            collect(&path, found);
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
}
