//! A person at a terminal: lines are read when one is asked for. What was typed before the question was shown is thrown
//! away, and what is typed once it stands there counts.

use std::io::{self, IsTerminal as _};
use std::sync::mpsc;
use std::thread;

use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::mpsc as channel;

/// A terminal that can be asked at.
#[derive(Debug)]
pub(super) struct Terminal {
    ask: mpsc::Sender<()>,
    typed: channel::UnboundedReceiver<Option<String>>,
}

/// Can somebody be asked: are both what is read and where questions stand a terminal?
pub fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

impl Terminal {
    /// The terminal, if somebody is there. A read can't be taken back, so it stands on a thread of its own.
    pub(super) fn open() -> Option<Self> {
        if !is_attended() {
            return None;
        }
        let (ask, asked) = mpsc::channel::<()>();
        let (tell, typed) = channel::unbounded_channel();
        let life = move || {
            while asked.recv().is_ok() {
                if tell.send(read_answer()).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("terminal".to_owned()).spawn(life).ok()?;
        Some(Self { ask, typed })
    }

    /// Throws away what was typed so far and asks for a line. The question is shown after this, never before: an answer
    /// to it must not be thrown away.
    pub(super) fn ask(&self) {
        discard_typed();
        // a thread that is gone answers nothing, and the run stays suspended
        let _ = self.ask.send(());
    }

    /// The line that was asked for; none at the end of the input.
    pub(super) async fn typed(&mut self) -> Option<String> {
        match self.typed.recv().await {
            Some(line) => line,
            None => std::future::pending().await,
        }
    }
}

/// Throws away what was typed so far: it is no answer to a question that nobody had seen.
pub fn discard_typed() {
    // input that cannot be flushed is no terminal, and then nobody is asked
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
}

/// One line from the terminal.
pub fn read_answer() -> Option<String> {
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}
