//! Where a command works: the workspace, and the folders of the user that belong to it. Knows nothing of what is done
//! there.
#![expect(
    clippy::disallowed_methods,
    reason = "the current folder and the user's folders come from the environment"
)]

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::{config_folder, state_folder, usual_state_folders};
use crate::diag::Diagnostics;
use crate::ledger::{BaseRevision, RunRecord};
use crate::packs::RevisionFolder;
use crate::source::Sources;
use crate::store::{AddressError, Store, StoreAddress, StoreError, without_password};

use super::account::account_home;
use super::enclosed::{self, EnclosedError, Home};
use super::settings;

/// The workspace and the user's folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The workspace: the nearest folder from the current one upwards that has `.lg` or `.git`, else the current one.
    /// A real path.
    pub root: PathBuf,
    /// `LGFLOW_STATE_DIR`, else `$XDG_STATE_HOME/lgflow`, else `~/.local/state/lgflow`.
    pub state: PathBuf,
    /// `$XDG_CONFIG_HOME/lgflow`, else `~/.config/lgflow`.
    pub config: PathBuf,
    /// Where the `.lg` of a revision was put, if that decides in place of the workspace's.
    pub base: Option<Base>,
    /// Where the user keeps runs.
    pub store: StoreAddress,
}

/// The `.lg` of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The folder that has it.
    pub folder: PathBuf,
    /// Which revision it is.
    pub revision: BaseRevision,
}

/// Where a command works could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The current folder is not there any more, or must not be looked at.
    #[error("cannot find the current folder: {0}")]
    Here(#[source] io::Error),
    /// Neither a variable nor a home.
    #[error(
        "there is no home folder for state and configuration; set HOME, or set LGFLOW_STATE_DIR to an absolute path and \
         XDG_CONFIG_HOME to another"
    )]
    NoHome,
    /// The store that is named is none.
    #[error("the store (`--store`, LGFLOW_STORE or `store`): {0}")]
    Store(#[source] AddressError),
    /// A relative path means another folder for each current folder.
    #[error("LGFLOW_STATE_DIR is `{}`; it must be an absolute path", .0.display())]
    Relative(PathBuf),
    /// The state folder or the configuration lies in a repository, and may have come with it.
    #[error(transparent)]
    Enclosed(#[from] EnclosedError),
}

impl Place {
    /// Looks from the current folder.
    pub fn here() -> Result<Self, PlaceError> {
        let here = env::current_dir().and_then(|folder| folder.canonicalize()).map_err(PlaceError::Here)?;
        let (root, state) = (root_of(&here).to_owned(), state()?);
        let home = home();
        let config = config()?;
        enclosed::check(&root, &state, &home)?;
        enclosed::check_config(&root, &config, &home)?;
        Self { root, state, config, base: None, store: StoreAddress::Local }.with_store()
    }

    /// The same place, where a revision's `.lg` decides.
    #[must_use]
    pub fn decided_by(&self, revision: Option<&RevisionFolder>) -> Self {
        let base = revision.map(|held| Base {
            folder: held.folder().to_owned(),
            revision: BaseRevision { revision: held.revision().to_owned(), commit: held.commit().to_owned() },
        });
        Self { base, ..self.clone() }
    }

    /// The same place, with the store that the user names: with a flag, `LGFLOW_STORE`, or in the configuration.
    fn with_store(self) -> Result<Self, PlaceError> {
        let named = match settings::typed("store") {
            Some(named) => Some(named.to_owned()),
            // settings that cannot be read are said where all of them are
            None => settings(&self, Vec::new(), &mut Sources::default(), &mut Diagnostics::default())
                .ok()
                .and_then(|settings| settings.store().map(str::to_owned)),
        };
        let Some(named) = named else { return Ok(self) };
        let store = named.parse().map_err(PlaceError::Store)?;
        Ok(Self { store, ..self })
    }

    /// Is a run with this record in the store of this place? Which one that is, is told without a password.
    pub fn keeps(&self, record: &RunRecord) -> bool {
        record.store.as_deref().is_some_and(|store| without_password(store) == self.store.shown())
    }

    /// The runs of this workspace.
    pub fn runs(&self) -> Result<Store, StoreError> {
        Store::open_at(&self.store, &self.state, &self.root)
    }

    /// The folder whose `.lg` decides.
    pub fn own(&self) -> &Path {
        self.base.as_ref().map_or(&self.root, |base| &base.folder)
    }

    /// The graph that the settings of `.lg` name, as [`choose`](super::choose) takes it.
    pub fn configured(&self, graph: &str) -> PathBuf {
        match &self.base {
            Some(_) => PathBuf::from(graph),
            None => self.shown(&self.root.join(".lg").join(graph)),
        }
    }

    /// A path of the workspace as a person would type it: relative to the current folder, where it lies beneath.
    pub fn shown(&self, path: &Path) -> PathBuf {
        let here = env::current_dir().and_then(|folder| folder.canonicalize());
        let below = here.ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
        below.unwrap_or_else(|| path.to_path_buf())
    }

    /// Makes the folder of the user's configuration. One that would not be believed is refused.
    pub fn make_config(&self) -> Result<(), PlaceError> {
        Ok(enclosed::make_config(&self.root, &self.config, &home())?)
    }

    /// What is masked and unwritable beneath the root, relative to it: the state folder and the user's configuration, where
    /// they lie there, or what they lead to does, and what git keeps in a root that is itself a git directory.
    pub fn protected(&self) -> Vec<String> {
        let below =
            |path: &Path| enclosed::real(path).strip_prefix(&self.root).ok()?.to_str().map(str::to_owned);
        let mut own: Vec<String> = below(&self.state).into_iter().collect();
        let files = CONFIG_FILES.map(|name| self.config.join(name));
        for path in [&self.config].into_iter().chain(&files).filter_map(|path| below(path)) {
            // a workspace that is the configuration itself has its files
            if !path.is_empty() && !own.iter().any(|known| Path::new(&path).starts_with(known)) {
                own.push(path);
            }
        }
        let git = if is_git_directory(&self.root) { &GIT_NAMES[..] } else { &[] };
        own.into_iter().chain(git.iter().map(|&name| name.to_owned())).collect()
    }
}

/// The files of the user's configuration: each may be a link to elsewhere.
const CONFIG_FILES: [&str; 3] = ["config.toml", "policy.yaml", "lg.lock"];

/// What git reads and writes in a git directory: its settings, what it runs, its history, and what it notes.
const GIT_NAMES: [&str; 27] = [
    "AUTO_MERGE",
    "BISECT_LOG",
    "CHERRY_PICK_HEAD",
    "COMMIT_EDITMSG",
    "FETCH_HEAD",
    "HEAD",
    "MERGE_HEAD",
    "ORIG_HEAD",
    "REVERT_HEAD",
    "branches",
    "commondir",
    "config",
    "config.worktree",
    "description",
    "gitdir",
    "hooks",
    "index",
    "info",
    "logs",
    "modules",
    "objects",
    "packed-refs",
    "refs",
    "reftable",
    "remotes",
    "shallow",
    "worktrees",
];

/// Would git take this folder itself for a repository? It asks for the same.
fn is_git_directory(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).exists();
    has("HEAD") && (has("commondir") || (has("objects") && has("refs")))
}

fn root_of(here: &Path) -> &Path {
    let is_root = |folder: &&Path| folder.join(".lg").exists() || folder.join(".git").exists();
    here.ancestors().find(is_root).unwrap_or(here)
}

fn state() -> Result<PathBuf, PlaceError> {
    let folder = state_folder(variable).ok_or(PlaceError::NoHome)?;
    if folder.is_absolute() { Ok(folder) } else { Err(PlaceError::Relative(folder)) }
}

fn config() -> Result<PathBuf, PlaceError> {
    config_folder(variable).ok_or(PlaceError::NoHome)
}

fn home() -> Home {
    let named = variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    Home { account: account_home(), named, outside: usual_state_folders(variable) }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}
