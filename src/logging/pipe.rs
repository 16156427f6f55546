//! The way of records from a process that has no terminal, and may open nothing, to the one that has it: a pipe that is
//! its standard output. Who writes never waits: where the pipe is full a record is lost, and counted. Each record is
//! written at once and no larger than a pipe takes whole.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI64, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use super::Level;
use super::layer::{LogLayer, Sink};
use super::record::{Field, Record};

/// Both ends.
#[derive(Debug)]
pub struct Pipe {
    /// For the one that has the terminal.
    pub reader: OwnedFd,
    /// For the other process: its standard output.
    pub writer: OwnedFd,
}

/// A pipe that neither end waits for.
pub fn pipe() -> io::Result<Pipe> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    Ok(Pipe { reader, writer })
}

/// Says what this process says to its standard output from now on, and keeps that from every process that it starts.
/// To be called before any thread.
pub fn begin_on_stdout(level: Level) -> io::Result<()> {
    let own = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    let nowhere = rustix::fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    let writer = Writer { pipe: File::from(own), lost: AtomicI64::new(0) };
    let layer = LogLayer::new(level, Sink::Pipe(writer));
    tracing::subscriber::set_global_default(registry().with(layer)).map_err(io::Error::other)
}

/// The end that is written to.
#[derive(Debug)]
pub(super) struct Writer {
    pipe: File,
    /// Since the last that was written.
    lost: AtomicI64,
}

impl Writer {
    pub(super) fn write(&self, mut record: Record) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            // where it is never left out
            record.fields.insert(0, ("lost", Field::Number(lost)));
        }
        if (&self.pipe).write(record.line().as_bytes()).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn record(count: i64) -> Record {
        Record {
            ts: "t".into(),
            level: Level::Trace,
            message: "said".into(),
            fields: vec![("count", Field::Number(count))],
        }
    }

    #[test]
    fn who_writes_never_waits_and_says_later_how_much_was_lost() {
        let Pipe { reader, writer } = pipe().unwrap();
        let writer = Writer { pipe: File::from(writer), lost: AtomicI64::new(0) };
        // far more than a pipe takes, and nobody reads
        (0..20_000).for_each(|count| writer.write(record(count)));
        let lost = writer.lost.load(Ordering::Relaxed);
        assert!(lost > 0);
        let mut reader = File::from(reader);
        let mut text = String::new();
        let end = reader.read_to_string(&mut text).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::WouldBlock);
        assert!(text.ends_with('\n'), "a record was cut");
        let whole = text.lines().map(Record::parse).collect::<Option<Vec<_>>>().unwrap();
        assert_eq!(i64::try_from(whole.len()).unwrap() + lost, 20_000);
        writer.write(record(0));
        let mut after = String::new();
        reader.read_to_string(&mut after).unwrap_err();
        assert!(after.contains(&format!("\"lost\":{lost}")), "{after}");
    }
}
