//! What reaches a session from the front: interrupts, of which the first ends a run in order and the second at once,
//! a person's answers, and the front's end.

use tokio::sync::mpsc;

use crate::effect::PersonsAnswer;

/// One thing from the front.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    /// The user wants an end.
    Interrupt,
    /// A person has answered.
    Answer(Box<PersonsAnswer>),
    /// Nobody answers now.
    Leave,
    /// Nobody is there any more.
    FrontGone,
}

/// Where a session hears of interrupts.
#[derive(Debug)]
pub struct Interrupts {
    heard: mpsc::UnboundedReceiver<Heard>,
}

/// Where interrupts are told. Cloned freely.
#[derive(Debug, Clone)]
pub struct Interrupter {
    tell: mpsc::UnboundedSender<Heard>,
}

impl Interrupts {
    /// A session's end of it, and everybody else's.
    pub fn new() -> (Interrupter, Self) {
        let (tell, heard) = mpsc::unbounded_channel();
        (Interrupter { tell }, Self { heard })
    }

    /// The next thing; for ever, if nobody is left to send one.
    pub(super) async fn next(&mut self) -> Heard {
        match self.heard.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }
}

impl Interrupter {
    /// One more interrupt.
    pub fn interrupt(&self) {
        self.send(Heard::Interrupt);
    }

    /// A person's answer.
    pub fn answer(&self, answer: Box<PersonsAnswer>) {
        self.send(Heard::Answer(answer));
    }

    /// Nobody answers now: a suspended run is left as it is.
    pub fn leave(&self) {
        self.send(Heard::Leave);
    }

    /// The front has ended: the session stops where it is.
    pub fn front_gone(&self) {
        self.send(Heard::FrontGone);
    }

    fn send(&self, heard: Heard) {
        // a session that is over needs no interrupt
        let _ = self.tell.send(heard);
    }
}
