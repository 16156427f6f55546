//! What the processes of a run say of their work, brought together where the terminal is: our own records, and those that
//! the interpreter and the runner write into their pipes. What is in a pipe is read as something from elsewhere is.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::net::unix::pipe::Receiver;

use crate::logging::{Kept, LONGEST, Level, Record, begin_here, pipe};

use super::{LogTo, Narrator};

/// So often a pipe is read before something else comes.
const AT_ONCE: usize = 16;

/// All that is said of a run.
#[derive(Debug)]
pub(super) struct Logs {
    to: Option<LogTo>,
    kept: Option<Arc<Kept>>,
    children: Vec<Child>,
}

/// What one process says.
#[derive(Debug)]
struct Child {
    process: &'static str,
    /// None once it has ended.
    file: Option<File>,
    /// The same, to wait for; none before there is somebody to wait with, and once it has ended.
    watched: Option<Receiver>,
    /// The beginning of a line.
    part: Vec<u8>,
}

impl Logs {
    /// Listens to this process from now on, if anything is to be said.
    pub(super) fn begin(to: Option<LogTo>) -> Self {
        Self { to, kept: to.map(|to| begin_here(to.level)), children: Vec::new() }
    }

    /// How much is said, and where a process of ours says it; none where nothing is.
    pub(super) fn of_child(&mut self, process: &'static str) -> io::Result<Option<(Level, OwnedFd)>> {
        let Some(to) = self.to else { return Ok(None) };
        let pipe = pipe()?;
        let file = Some(File::from(pipe.reader));
        self.children.push(Child { process, file, watched: None, part: Vec::new() });
        Ok(Some((to.level, pipe.writer)))
    }

    /// Waits with the runtime from now on. Must be called inside of one.
    pub(super) fn watch(&mut self) -> io::Result<()> {
        for child in &mut self.children {
            let same = child.file.as_ref().map(File::try_clone).transpose()?;
            child.watched = same.map(|file| Receiver::from_owned_fd(OwnedFd::from(file))).transpose()?;
        }
        Ok(())
    }

    /// Waits until there is something in a pipe; for ever where there is none.
    pub(super) async fn said(&mut self) {
        let [first, second] = &mut self.children[..] else {
            return std::future::pending().await;
        };
        tokio::select! {
            () = first.readable() => {}
            () = second.readable() => {}
        }
    }

    /// Tells all that was said until now, in the order of time.
    pub(super) fn tell(&mut self, narrator: &mut Narrator) {
        let Some(to) = self.to else { return };
        let own = self.kept.iter().flat_map(|kept| kept.take()).map(|record| ("front", record));
        let mut all: Vec<(&'static str, Record)> = own.collect();
        for child in &mut self.children {
            all.extend(child.take().into_iter().map(|record| (child.process, record)));
        }
        all.sort_by(|(_, one), (_, other)| one.ts.cmp(&other.ts));
        for (process, record) in all {
            narrator.say(&record.shown(process, to.form));
        }
    }
}

impl Child {
    /// Waits until something was said, and takes what there is of it.
    async fn readable(&mut self) {
        let mut bytes = [0; LONGEST];
        while let Some(watched) = &self.watched {
            let read = match watched.readable().await {
                Ok(()) => watched.try_read(&mut bytes),
                Err(error) => Err(error),
            };
            match read {
                Ok(count) if count > 0 => return self.part.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => self.watched = None,
            }
        }
        std::future::pending::<()>().await;
    }

    /// The records that are in the pipe.
    fn take(&mut self) -> Vec<Record> {
        let mut ended = false;
        let mut bytes = vec![0; 64 << 10];
        // who writes on and on does not hold up the run
        for _ in 0..AT_ONCE {
            let Some(file) = &mut self.file else { break };
            match file.read(&mut bytes) {
                Ok(0) => ended = true,
                Ok(count) => {
                    self.part.extend_from_slice(&bytes[..count]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => ended = error.kind() != ErrorKind::WouldBlock,
            }
            break;
        }
        if ended {
            self.file = None;
        }
        self.lines()
    }

    fn lines(&mut self) -> Vec<Record> {
        let Some(end) = self.part.iter().rposition(|byte| *byte == b'\n') else {
            // longer than any record is
            self.part.truncate(LONGEST);
            return Vec::new();
        };
        let rest = self.part.split_off(end + 1);
        let whole = String::from_utf8_lossy(&std::mem::replace(&mut self.part, rest)).into_owned();
        let mut records = Vec::new();
        for line in whole.lines() {
            match Record::parse(line) {
                Some(record) => records.push(record),
                // said here, with the time that it was noticed
                None => tracing::warn!(
                    child = self.process,
                    bytes = line.len(),
                    "a process said what is no record"
                ),
            }
        }
        records
    }
}
