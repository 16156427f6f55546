//! Other names of what may not be read: a hard link to a denied file is that file, whatever its own name allows.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::effect::{ErrorKind, ToolError};
use crate::files::{EntryKind, Facts, RelPath, Root};

use super::list_files::MAX_ENTRIES;

/// A file on its file system: device and inode.
type Identity = (u64, u64);

/// The files of a workspace that may not be read and have more than one name; looked for once a file with several
/// names is met, because almost none is.
#[derive(Debug, Default)]
pub(super) struct Twins {
    hidden: OnceCell<Option<BTreeSet<Identity>>>,
}

impl Twins {
    /// Refuses a file one of whose other names in the workspace may not be read. Which one that is stays untold: it may
    /// not even be listed.
    pub(super) fn refuse(
        &self,
        root: &Root,
        (path, facts): (&RelPath, &Facts),
        allows: &dyn Fn(&RelPath) -> bool,
    ) -> Result<(), ToolError> {
        if facts.links < 2 {
            return Ok(());
        }
        let message = match self.hidden.get_or_init(|| hidden(root, allows)) {
            Some(hidden) if !hidden.contains(&(facts.device, facts.inode)) => return Ok(()),
            Some(_) => format!("`{path}` may not be read: it is another name of a file that may not"),
            None => format!(
                "`{path}` may not be read: it has other names, and the workspace has more than {MAX_ENTRIES} entries \
                 to look for them"
            ),
        };
        Err(ToolError::new(ErrorKind::Denied, message))
    }
}

/// `None` where not everything could be looked at. Git directories are looked into as well: what lies there can have a
/// second name like everything else.
fn hidden(root: &Root, allows: &dyn Fn(&RelPath) -> bool) -> Option<BTreeSet<Identity>> {
    let (mut found, mut ahead, mut seen) = (BTreeSet::new(), vec![RelPath::root()], 0);
    while let Some(folder) = ahead.pop() {
        // a folder that the system closes to us has no file that we could open by another name but with its own rights
        let Ok((entries, unnamed)) = root.entries(&folder) else { continue };
        seen += entries.len();
        if unnamed > 0 {
            // no call can name it, so no rule can be asked about it: nobody may read it by another name either
            found.extend(root.linked_without_names(&folder, MAX_ENTRIES).ok()??);
        }
        if seen > MAX_ENTRIES {
            return None;
        }
        for entry in entries {
            match entry.kind {
                EntryKind::Folder => ahead.push(entry.path),
                EntryKind::File if !allows(&entry.path) => {
                    let facts = root.facts(&entry.path).ok().filter(|facts| facts.links > 1);
                    found.extend(facts.map(|facts| (facts.device, facts.inode)));
                }
                _ => {}
            }
        }
    }
    Some(found)
}
