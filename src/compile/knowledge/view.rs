//! What a reader sees of a `replace` channel, as far as one doubt goes.

use super::written::Moment;

/// Good writes on a way that are kept in mind.
pub(super) const RECENT: usize = 4;

/// What a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct View {
    /// The last moment at which the doubt may have begun that stands; 0: none.
    pub(super) bad: Moment,
    /// No doubt that began up to then is left, by whichever node: a write that was surely made, and is seen.
    pub(super) since: Moment,
    /// The last moment at which a doubt may have begun that stood anywhere before.
    pub(super) ever: Moment,
    /// Good writes on the ways here, the last first.
    pub(super) recent: [Moment; RECENT],
}

impl View {
    pub(super) fn doubted(self, at: Moment) -> Self {
        Self { bad: at, ever: self.ever.max(at), ..self }
    }

    /// What is seen is asked about: that tells nothing of what others have written, also before.
    pub(super) fn asked(self) -> Self {
        Self { bad: 0, ..self }
    }

    /// One of the writes up to then was surely made, and none that leaves a doubt is seen behind it.
    pub(super) fn settled(self, since: Moment) -> Self {
        Self { bad: 0, since: since.max(self.since), ..self }
    }

    pub(super) fn written(self, at: Moment) -> Self {
        let mut recent = [at; RECENT];
        recent[1..].copy_from_slice(&self.recent[..RECENT - 1]);
        Self { recent, ..self.settled(at) }
    }

    /// Either of them.
    pub(super) fn or(self, other: Self) -> Self {
        let since = self.since.min(other.since);
        Self { bad: self.bad.max(other.bad), since, ..self.with(other) }
    }

    /// Both of them: what one has surely written later than the doubt of the other began settles it.
    pub(super) fn and(self, other: Self) -> Self {
        let since = self.since.max(other.since);
        let bad = self.bad.max(other.bad);
        Self { bad: if since >= bad { 0 } else { bad }, since, ..self.with(other) }
    }

    fn with(self, other: Self) -> Self {
        let mut all = Self { ever: self.ever.max(other.ever), ..self };
        if self.recent != other.recent {
            let mut recent = [self.recent, other.recent].concat();
            recent.sort_unstable_by(|a, b| b.cmp(a));
            recent.dedup();
            recent.resize(RECENT, 0);
            all.recent.copy_from_slice(&recent);
        }
        all
    }
}
