//! The policies of the packs that a lock names, by the names that layers call them by. What is here was verified
//! before: no byte is read from a disk, and none from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, codes};
use crate::document::Syntax;
use crate::files::RelPath;
use crate::model::{PACK_PREFIX, PackName, PackRef};
use crate::source::Span;

use super::PolicyText;

/// Whose lock it is: it says which command mends what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockOwner {
    /// The workspace's: `.lg/lg.lock`.
    #[default]
    Workspace,
    /// The user's own, beside the user's configuration.
    User,
}

/// The packs that a lock names.
#[derive(Debug, Clone, Default)]
pub struct Packs {
    owner: LockOwner,
    packs: BTreeMap<PackName, LockedPack>,
}

/// What there is of a locked pack.
#[derive(Debug, Clone)]
pub enum LockedPack {
    /// It is installed, and its content is what the lock says.
    Verified(PackTexts),
    /// It is not installed on this machine.
    NotInstalled,
}

/// The texts of a verified pack.
#[derive(Debug, Clone, Default)]
pub struct PackTexts {
    /// The packs that its policies may name.
    pub requires: BTreeSet<PackName>,
    /// Its files that are text, by path.
    pub files: BTreeMap<RelPath, String>,
}

/// Why a pack's policy cannot be had: its author, or whoever runs it, can mend that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackLack {
    code: Code,
    message: String,
    help: String,
}

impl PackLack {
    /// What is wrong, as a phrase.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The command or the edit that mends it.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// As a finding at the place that names the pack.
    pub fn at(self, span: Span) -> Diagnostic {
        Diagnostic::new(self.code, span, self.message).help(self.help)
    }
}

impl Packs {
    /// The packs of a lock.
    pub fn new(owner: LockOwner, packs: BTreeMap<PackName, LockedPack>) -> Self {
        Self { owner, packs }
    }

    /// These packs, and this one in the place of any other of its name.
    #[must_use]
    pub fn with(mut self, name: PackName, pack: LockedPack) -> Self {
        self.packs.insert(name, pack);
        self
    }

    /// Is this the name of a pack's policy, whether or not there is one?
    pub fn is_named(layer: &str) -> bool {
        layer.starts_with(PACK_PREFIX)
    }

    /// The policy that `layer` means where the file `naming` names it: `pack:publisher/name` everywhere, and a path
    /// beneath the pack in a file of a pack.
    ///
    /// # Errors
    /// There is no such policy, with the command or the edit that mends it.
    pub fn policy(&self, naming: &str, layer: &str) -> Result<PolicyText, PackLack> {
        let from = PackRef::parse(naming);
        let named = match &from {
            Some(from) if !Self::is_named(layer) => within(from, layer)?,
            _ => PackRef::parse(layer).ok_or_else(|| no_name(layer))?,
        };
        if let Some(from) = from.filter(|from| from.pack != named.pack) {
            self.demand_requirement(&from.pack, &named.pack)?;
        }
        let texts = self.texts(&named.pack)?;
        let text = texts.files.get(&named.file).ok_or_else(|| no_file(&named))?;
        let syntax = Syntax::of_path(named.file.as_str()).unwrap_or(Syntax::Yaml);
        Ok(PolicyText { name: named.to_string(), text: text.clone(), syntax })
    }

    fn texts(&self, pack: &PackName) -> Result<&PackTexts, PackLack> {
        let flag = if self.owner == LockOwner::User { " --user" } else { "" };
        let missing = |message: String, help: String| PackLack { code: codes::MISSING_PACK, message, help };
        match self.packs.get(pack) {
            Some(LockedPack::Verified(texts)) => Ok(texts),
            Some(LockedPack::NotInstalled) => Err(missing(
                format!("the pack `{pack}` is locked, and not installed on this machine"),
                format!("run `lgflow pack add{flag}`, which installs what the lock names"),
            )),
            None => Err(missing(
                format!("the pack `{pack}` is not in the lock"),
                format!("run `lgflow pack add {pack} --from SOURCE{flag}`"),
            )),
        }
    }

    /// A pack may name no other packs than those whose versions its manifest bounds.
    fn demand_requirement(&self, from: &PackName, to: &PackName) -> Result<(), PackLack> {
        if self.texts(from)?.requires.contains(to) {
            return Ok(());
        }
        Err(PackLack {
            code: codes::MISSING_PACK,
            message: format!("the pack `{from}` names a policy of `{to}`, and does not require it"),
            help: format!("its publisher adds `{to}` to `requires` in its `pack.yaml`"),
        })
    }
}

fn within(from: &PackRef, path: &str) -> Result<PackRef, PackLack> {
    match from.file.reference(path) {
        Ok(file) => Ok(PackRef { pack: from.pack.clone(), file }),
        Err(problem) => Err(PackLack {
            code: codes::FILE_OUTSIDE,
            message: format!("no policy is named by this path: {problem}"),
            help: "name a file of the pack, relative to this one".to_owned(),
        }),
    }
}

fn no_name(layer: &str) -> PackLack {
    PackLack {
        code: codes::UNKNOWN_POLICY,
        message: format!("`{layer}` is no name of a pack"),
        help: "write `pack:publisher/name`, or `pack:publisher/name/FILE` for another policy than its `policy.yaml`"
            .to_owned(),
    }
}

fn no_file(named: &PackRef) -> PackLack {
    PackLack {
        code: codes::UNKNOWN_POLICY,
        message: format!("the pack `{}` has no policy `{}`", named.pack, named.file),
        help: "name a file that the pack has; `lgflow pack list` says where it is installed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PackName {
        PackName::parse(text).unwrap()
    }

    fn packs() -> Packs {
        let file = |path: &str| (RelPath::parse(path).unwrap(), format!("text of {path}"));
        let base = PackTexts {
            requires: [name("acme/core"), name("acme/gone")].into(),
            files: [file("policy.yaml"), file("more/a.toml")].into(),
        };
        let core = PackTexts { requires: BTreeSet::new(), files: [file("policy.yaml")].into() };
        Packs::new(
            LockOwner::Workspace,
            [
                (name("acme/base"), LockedPack::Verified(base)),
                (name("acme/core"), LockedPack::Verified(core)),
                (name("acme/gone"), LockedPack::NotInstalled),
            ]
            .into(),
        )
    }

    #[test]
    fn a_pack_names_its_own_files_and_what_it_requires() {
        let packs = packs();
        let found = |naming: &str, layer: &str| packs.policy(naming, layer).map(|text| text.name);
        let base = "pack:acme/base/policy.yaml";
        assert_eq!(found(".lg/policy.yaml", "pack:acme/base").as_deref(), Ok(base));
        assert_eq!(found(base, "more/a.toml").as_deref(), Ok("pack:acme/base/more/a.toml"));
        assert_eq!(found("pack:acme/base/more/a.toml", "../policy.yaml").as_deref(), Ok(base));
        assert_eq!(found(base, "pack:acme/core").as_deref(), Ok("pack:acme/core/policy.yaml"));
        assert_eq!(packs.policy(base, "more/a.toml").unwrap().syntax, Syntax::Toml);
    }

    #[test]
    fn what_is_missing_comes_with_the_command_that_mends_it() {
        let packs = packs();
        let lack = |naming: &str, layer: &str| packs.policy(naming, layer).unwrap_err();
        let (base, core) = ("pack:acme/base/policy.yaml", "pack:acme/core/policy.yaml");
        for (naming, layer, code, words) in [
            ("x", "pack:acme/none", codes::MISSING_PACK, "`lgflow pack add acme/none --from SOURCE`"),
            ("x", "pack:acme/gone", codes::MISSING_PACK, "`lgflow pack add`"),
            ("x", "pack:Acme", codes::UNKNOWN_POLICY, "`pack:publisher/name`"),
            ("x", "pack:acme/base/b.yaml", codes::UNKNOWN_POLICY, "lgflow pack list"),
            (base, "../../x.yaml", codes::FILE_OUTSIDE, "name a file of the pack"),
            (core, "pack:acme/base", codes::MISSING_PACK, "`requires`"),
        ] {
            let lack = lack(naming, layer);
            assert!(lack.code == code && lack.help.contains(words), "{layer}: {lack:?}");
        }
    }
}
