//! When a line is safe.

/// When a line is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// On disk before an effect and after it: survives a power failure.
    Sync,
    /// On disk before an effect, and written after it: survives our death, and a power failure but for what came after the last
    /// call began.
    #[default]
    Batch,
    /// Kept in memory and written when the run ends: a run that dies leaves nothing, and none is gone on with.
    None,
}

impl Durability {
    /// The word of the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Durability::Sync => "sync",
            Durability::Batch => "batch",
            Durability::None => "none",
        }
    }

    /// The durability that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Sync, Self::Batch, Self::None].into_iter().find(|one| one.as_str() == word)
    }
}
