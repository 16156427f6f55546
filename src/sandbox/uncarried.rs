//! What a command changed and no patch can hold, with the word for each reason. Knows no disk.

use crate::files::EntryKind;

/// Something that changed and can't be carried back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotCarried {
    /// Relative to the root.
    pub path: String,
    /// Why.
    pub kind: Uncarried,
}

/// Why a change can't be carried back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Uncarried {
    /// A symbolic link, made or taken away.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
    /// Nothing that we know.
    Other,
    /// It has a setuid or setgid bit.
    Setuid,
    /// It has extended attributes that the file did not have before.
    Xattr,
    /// It has a further name.
    HardLink,
    /// A folder took the place of one with more files than are listed as deleted.
    OpaqueFolder,
    /// Its name is not UTF-8, or holds control characters.
    Unnameable,
    /// Another file has the same name but for upper and lower case.
    Clash,
    /// The rules forbid reading or writing it.
    Denied,
    /// Ignore files of the workspace name it.
    Ignored,
    /// It is no text.
    Binary,
    /// It has more bytes than a file of a patch may have.
    TooLarge,
    /// It lies in more folders than are gone into.
    TooDeep,
    /// It can't be opened.
    Unreadable,
    /// Somebody else changed it while the command ran.
    Conflict,
    /// It is new, and meanwhile something stands there.
    Exists,
    /// The patch is as large as it may be.
    OverLimit,
}

/// All of them.
const ALL: [Uncarried; 20] = [
    Uncarried::Symlink,
    Uncarried::Fifo,
    Uncarried::Socket,
    Uncarried::Device,
    Uncarried::Other,
    Uncarried::Setuid,
    Uncarried::Xattr,
    Uncarried::HardLink,
    Uncarried::OpaqueFolder,
    Uncarried::Unnameable,
    Uncarried::Clash,
    Uncarried::Denied,
    Uncarried::Ignored,
    Uncarried::Binary,
    Uncarried::TooLarge,
    Uncarried::TooDeep,
    Uncarried::Unreadable,
    Uncarried::Conflict,
    Uncarried::Exists,
    Uncarried::OverLimit,
];

impl Uncarried {
    /// The word in results.
    pub fn word(self) -> &'static str {
        match self {
            Uncarried::Symlink => "symlink",
            Uncarried::Fifo => "fifo",
            Uncarried::Socket => "socket",
            Uncarried::Device => "device",
            Uncarried::Other => "other",
            Uncarried::Setuid => "setuid",
            Uncarried::Xattr => "xattr",
            Uncarried::HardLink => "hard_link",
            Uncarried::OpaqueFolder => "opaque_folder",
            Uncarried::Unnameable => "unnameable",
            Uncarried::Clash => "clash",
            Uncarried::Denied => "denied",
            Uncarried::Ignored => "ignored",
            Uncarried::Binary => "binary",
            Uncarried::TooLarge => "too_large",
            Uncarried::TooDeep => "too_deep",
            Uncarried::Unreadable => "unreadable",
            Uncarried::Conflict => "conflict",
            Uncarried::Exists => "exists",
            Uncarried::OverLimit => "limit",
        }
    }

    /// The reason with that word.
    pub fn named(word: &str) -> Option<Self> {
        ALL.into_iter().find(|reason| reason.word() == word)
    }

    /// The reason that lies in what an entry is.
    pub fn of(kind: EntryKind) -> Self {
        match kind {
            EntryKind::Link => Uncarried::Symlink,
            EntryKind::Fifo => Uncarried::Fifo,
            EntryKind::Socket => Uncarried::Socket,
            EntryKind::Device => Uncarried::Device,
            EntryKind::File | EntryKind::Folder | EntryKind::Other => Uncarried::Other,
        }
    }
}
