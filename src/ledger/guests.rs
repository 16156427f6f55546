//! What others have called here: sessions of their programs, and runs of elsewhere that were served. No store knows them.

use crate::effect::ApprovalRequest;
use crate::files::private::written;

use super::records::{Answered, SessionRecord};
use super::{Ledger, LedgerError};

/// Calls that others have made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The id of the session, or of the run.
    pub id: String,
    /// Which of the two it is.
    pub kind: GuestKind,
    /// When something was added to it last, in milliseconds since 1970.
    pub touched: u64,
    /// The process that holds it open, if that is on record.
    pub holder: Option<String>,
    /// Does it wait for an answer with which its calls would go on?
    pub waits: bool,
}

/// What a guest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestKind {
    /// Calls of a program, or of a token, one by one.
    Session,
    /// Calls of a run that is executed elsewhere.
    Served,
}

impl GuestKind {
    /// The part of the ledger that it is in.
    fn part(self) -> &'static str {
        match self {
            Self::Session => "sessions",
            Self::Served => "served",
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Served => "served run",
        }
    }
}

impl Ledger {
    /// The sessions that were opened here, and the runs of elsewhere that were served, but for those that this installation has
    /// begun itself: what is kept of them is theirs.
    pub fn guests(&self) -> Result<Vec<(String, GuestKind)>, LedgerError> {
        let mut guests = Vec::new();
        for kind in [GuestKind::Session, GuestKind::Served] {
            for id in self.names(kind.part())? {
                let own = ["runs", "heads"].into_iter().filter_map(|part| self.place(part, &id));
                if own.into_iter().any(|path| path.symlink_metadata().is_ok()) {
                    continue;
                }
                guests.push((id, kind));
            }
        }
        Ok(guests)
    }

    /// What is known of one of them; none where there is nothing of it.
    pub fn guest(&self, id: &str, kind: GuestKind) -> Result<Option<Guest>, LedgerError> {
        let Some(path) = self.place(kind.part(), id) else { return Ok(None) };
        let requests = self.all_requests(id)?;
        let times = [written(&path)?, written(&self.receipts_path(id))?];
        let asked = requests.iter().map(|request| request.issued);
        let touched = times.into_iter().flatten().chain(asked).max().unwrap_or_default();
        // a record that was altered says nothing of who holds it
        let record = if kind == GuestKind::Session { self.session(id).ok().flatten() } else { None };
        let holder = record.and_then(|SessionRecord { holder, .. }| holder);
        let waits = kind == GuestKind::Served && requests.iter().any(|request| self.is_open(request));
        Ok(Some(Guest { id: id.to_owned(), kind, touched, holder, waits }))
    }

    /// Can what was asked still be done?
    fn is_open(&self, request: &ApprovalRequest) -> bool {
        let nonce = &request.binding.nonce;
        let refused = matches!(self.answered(nonce), Ok(Some(Answered::Rejected { .. })));
        !refused && !self.is_spent(nonce)
    }
}
