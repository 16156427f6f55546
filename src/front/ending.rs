//! How the front lets go of a run: what was recorded is written to its end, held against the runner's receipts, sealed and
//! anchored, and that as far as the store has it. Who was taken over meanwhile leaves the run to its new holder.

use crate::ledger::{Head, Ledger, LedgerError};
use crate::receipt::Told;
use crate::store::{RunId, RunLog, StoreError};
use crate::trace::Tip;
use crate::view::escaped;

use super::elsewhere::Word;
use super::vouching::{believed, sealed, sealed_unheard, unheard, vouched};
use super::witnessing::Witnessing;
use super::{Mark, Narrator, Stopped};

/// A run that this process lets go of.
#[derive(Debug)]
pub(super) struct Ending<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) run: &'a RunId,
    /// Held until everything is said.
    pub(super) log: RunLog,
    pub(super) told: &'a Told,
    pub(super) tip: Tip,
    /// Has the run come to its end?
    pub(super) over: bool,
    /// None where it is not anchored.
    pub(super) witnessing: Option<Witnessing>,
    /// What its runner elsewhere says that it vouches for; none where the runner was ours.
    pub(super) word: Option<Word>,
}

impl Ending<'_> {
    /// Ends it. `stopped` is why the run stopped early; given back is the first reason why it is not ended in order.
    pub(super) fn end(mut self, stopped: Option<Stopped>, narrator: &mut Narrator) -> Option<Stopped> {
        let unwritten = self.log.finish().err().map(Stopped::Store);
        let head = self.head();
        if self.is_taken_over([&stopped, &unwritten], head.as_ref()) {
            return Some(Stopped::Store(StoreError::TakenOver(self.run.to_string())));
        }
        let written = unwritten.is_none();
        let heard = self.hear(narrator).map_err(Stopped::Unsealed);
        let unsealed = heard.and_then(|heard| self.seal(head.as_ref(), written, heard)).err();
        if let Some(witnessing) = self.witnessing {
            witnessing.end(head.map(|head| (head.events, head.hash)), narrator);
        }
        // others may go on with it from here
        drop(self.log);
        stopped.or(unwritten).or(unsealed)
    }

    /// The last event that the store has: one that was told and could not be written is none.
    fn head(&self) -> Option<Head> {
        let (events, hash) = self.tip.last().filter(|(events, _)| *events <= self.log.events())?;
        Some(Head { events, hash, receipts: None, discord: None, unheard: None })
    }

    /// Has another process gone on with it? The store says so; and where that cannot be asked any more, a seal behind what was
    /// written here.
    fn is_taken_over(&self, stopped: [&Option<Stopped>; 2], head: Option<&Head>) -> bool {
        // a seal that cannot be read cannot be made either, and that is told then
        let sealed = || self.ledger.reached(self.run.as_str()).ok().flatten();
        let here = head.map_or(0, |head| head.events);
        stopped.into_iter().flatten().any(Stopped::is_taken_over)
            || sealed().is_some_and(|sealed| sealed.events > here)
    }

    /// What a runner elsewhere vouches for is kept beside our own records, and what can be said of it told. Was it heard?
    fn hear(&mut self, narrator: &mut Narrator) -> Result<bool, LedgerError> {
        match self.word.take() {
            None => Ok(true),
            Some(Word::Given { text, said }) => {
                self.ledger.take_receipts(self.run.as_str(), &text)?;
                narrator.line(Mark::Note, &escaped(&said));
                Ok(true)
            }
            Some(Word::None(why)) => {
                narrator.line(Mark::Failed, &escaped(&why));
                Ok(self.ledger.serves(self.run.as_str()))
            }
        }
    }

    /// Holds the receipts of a run against its trace, and seals how far it came. Those that were not heard can be later.
    fn seal(&self, head: Option<&Head>, written: bool, heard: bool) -> Result<(), Stopped> {
        let (ledger, run) = (self.ledger, self.run);
        if let Some(head) = head.filter(|_| !heard) {
            let sealed = sealed_unheard(ledger, run, head).map_err(Stopped::Unsealed)?;
            ledger.reach(run.as_str(), &sealed).map_err(Stopped::Unsealed)?;
            let unheard = unheard(ledger, run, head.events).map_err(Stopped::Unsealed)?;
            return unheard.map_or(Ok(()), |unheard| Err(Stopped::Unheard(unheard)));
        }
        let vouched = vouched(ledger, run, self.told).map_err(Stopped::Unsealed)?;
        if let Some(head) = head {
            ledger.reach(run.as_str(), &sealed(head, &vouched)).map_err(Stopped::Unsealed)?;
        }
        if self.over && written {
            ledger.forget_results(run.as_str()).map_err(Stopped::Unsealed)?;
        }
        believed(&vouched).map_err(Stopped::Discord)
    }
}
