//! Interrupts from outside: the first ends a run in order, the second at once.

use tokio::sync::mpsc;

/// Where a session hears of interrupts.
#[derive(Debug)]
pub struct Interrupts {
    heard: mpsc::UnboundedReceiver<()>,
}

/// Where interrupts are told. Cloned freely.
#[derive(Debug, Clone)]
pub struct Interrupter {
    tell: mpsc::UnboundedSender<()>,
}

impl Interrupts {
    /// A session's end of it, and everybody else's.
    pub fn new() -> (Interrupter, Self) {
        let (tell, heard) = mpsc::unbounded_channel();
        (Interrupter { tell }, Self { heard })
    }

    /// The next interrupt; for ever, if nobody is left to send one.
    pub(super) async fn next(&mut self) {
        if self.heard.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

impl Interrupter {
    /// One more interrupt.
    pub fn interrupt(&self) {
        // a session that is over needs no interrupt
        let _ = self.tell.send(());
    }
}
