//! Where runs were anchored: who removes one has to say so there.

use crate::files::private::replace;

use super::records::seal;
use super::{Ledger, LedgerError};

impl Ledger {
    /// Records that a run is anchored in this place, before it is.
    pub fn note_anchor(&self, run: &str, place: &str) -> Result<(), LedgerError> {
        let mut places = self.anchored_in(run)?;
        let Some(path) = self.place("anchors", run).filter(|_| !places.iter().any(|known| known == place))
        else {
            return Ok(());
        };
        places.push(place.to_owned());
        Ok(replace(&path, &seal(self.key(), &format!("anchors/{run}"), &places))?)
    }

    /// The places in which a run was anchored.
    pub fn anchored_in(&self, run: &str) -> Result<Vec<String>, LedgerError> {
        Ok(self.record("anchors", run)?.unwrap_or_default())
    }

    /// The runs of which anything is on record.
    pub fn known_runs(&self) -> Result<Vec<String>, LedgerError> {
        let mut known = self.names("runs")?;
        known.extend(self.names("heads")?);
        known.extend(
            self.names("receipts")?.iter().filter_map(|name| name.strip_suffix(".jsonl")).map(str::to_owned),
        );
        known.extend(self.names("asked")?);
        known.sort();
        known.dedup();
        Ok(known)
    }

    /// The runs that were begun, or put into the queue, and not removed since.
    pub fn begun_runs(&self) -> Result<Vec<String>, LedgerError> {
        self.names("runs")
    }
}
