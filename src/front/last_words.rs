//! What the interpreter writes to its standard error, which is no terminal: kept up to a bound, and shown if it dies.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::process::ChildStderr;

use tokio::net::unix::pipe::Receiver;

/// The most bytes that are kept, from the end.
pub(super) const LAST_WORDS: usize = 4 << 10;

/// The last words of a process.
#[derive(Debug)]
pub(super) struct LastWords {
    said: Option<Receiver>,
    kept: Vec<u8>,
}

impl LastWords {
    /// Listens to `said`. Must be called inside of a tokio runtime.
    pub(super) fn of(said: Option<ChildStderr>) -> io::Result<Self> {
        let said = said.map(|said| Receiver::from_owned_fd(OwnedFd::from(said))).transpose()?;
        Ok(Self { said, kept: Vec::new() })
    }

    /// Takes what is said, for as long as it is waited for: it never ends by itself.
    pub(super) async fn listen(&mut self) -> Infallible {
        while let Some(said) = &self.said {
            if said.readable().await.is_err() || !self.take() {
                self.said = None;
            }
        }
        std::future::pending().await
    }

    /// The lines that were said, with what is still in the pipe.
    pub(super) fn lines(mut self) -> Vec<String> {
        self.take();
        String::from_utf8_lossy(&self.kept).lines().map(str::to_owned).collect()
    }

    /// Takes what is there. Will there be more?
    fn take(&mut self) -> bool {
        let mut part = [0; 1024];
        while let Some(said) = &self.said {
            match said.try_read(&mut part) {
                Ok(0) => return false,
                Ok(count) => self.kept.extend_from_slice(&part[..count]),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
            let over = self.kept.len().saturating_sub(LAST_WORDS);
            self.kept.drain(..over);
        }
        false
    }
}
