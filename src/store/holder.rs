//! Who executes a run: a process, told apart from every other by the machine's start, the process' own number and its
//! start. Whether it still lives can be asked of the machine that it runs on, at once.
#![expect(clippy::disallowed_methods, reason = "whether a process lives stands in /proc")]

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, PoisonError};

/// What this process holds at the moment, by number. A run that it could not give back, because the store could not be
/// written, is not held by it for ever: it can be taken up again, and first of all here.
static HELD: Mutex<Holds> = Mutex::new(Holds { last: 0, open: BTreeSet::new() });

struct Holds {
    last: u64,
    open: BTreeSet<u64>,
}

/// Something in the store that this process holds, until this is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    number: u64,
}

impl Hold {
    pub(super) fn take() -> Self {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.last += 1;
        let number = held.last;
        held.open.insert(number);
        Self { number }
    }

    /// As it is written in the store: this process, and the number.
    pub(super) fn text(&self) -> String {
        format!("{}/{}", Holder::own().text(), self.number)
    }

    fn is_open(number: u64) -> bool {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).open.contains(&number)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).open.remove(&self.number);
    }
}

/// A process that holds runs, as it is written in the store: `boot/namespace/pid/start/number`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    boot: String,
    /// Process numbers mean something within their namespace alone.
    namespace: String,
    pid: u32,
    start: String,
    /// Which of the things that it holds; nothing where it is named for itself.
    number: Option<u64>,
}

/// Does a holder still live?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Dead,
    /// It runs where nobody here can look.
    Unknown,
}

impl Holder {
    /// This process.
    pub(super) fn own() -> Self {
        let pid = std::process::id();
        let start = start_of(pid).unwrap_or_default();
        Self { boot: boot(), namespace: namespace(), pid, start, number: None }
    }

    pub(super) fn text(&self) -> String {
        format!("{}/{}/{}/{}", self.boot, self.namespace, self.pid, self.start)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let mut next = || parts.next().map(str::to_owned);
        let (boot, namespace, pid, start) = (next()?, next()?, next()?, next()?);
        let number = parts.next().and_then(|number| number.parse().ok());
        Some(Self { boot, namespace, pid: pid.parse().ok()?, start, number })
    }

    /// Does the process with this text still live, as far as this one can see? A store that is not `shared` belongs to
    /// this machine alone: who held it before the machine was started is gone.
    pub(super) fn life(text: &str, shared: bool) -> Life {
        let own = Self::own();
        let Some(holder) = Self::parse(text) else { return Life::Dead };
        match (holder.boot == own.boot, holder.namespace == own.namespace) {
            (true, true) if start_of(holder.pid).is_none_or(|start| start != holder.start) => Life::Dead,
            (true, true) if holder.pid != own.pid => Life::Alive,
            (true, true) if holder.number.is_none_or(Hold::is_open) => Life::Alive,
            (true, true) => Life::Dead,
            (false, _) if !shared => Life::Dead,
            _ => Life::Unknown,
        }
    }
}

/// This process, as a record outside of the store names it.
pub fn own_holder() -> String {
    Holder::own().text()
}

/// May the process with this text still live? Only of one that surely has ended it is said that it does not.
pub fn may_live(holder: &str) -> bool {
    Holder::life(holder, false) != Life::Dead
}

/// The same until the machine is started anew.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.display().to_string().chars().filter(char::is_ascii_digit).collect()
}

/// When a process began, in the machine's ticks; none where there is no such process, or it is dead and was not buried.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // behind the name, which may hold anything
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_until_it_has_ended_and_its_number_alone_says_nothing() {
        let own = Holder::own();
        assert_eq!(Holder::life(&own.text(), false), Life::Alive);
        let other = Holder { start: "1".into(), ..own.clone() };
        assert_eq!(Holder::life(&other.text(), true), Life::Dead);
        let before = Holder { boot: "0".into(), ..own.clone() };
        assert_eq!(Holder::life(&before.text(), false), Life::Dead);
        assert_eq!(Holder::life(&before.text(), true), Life::Unknown);
        let contained = Holder { namespace: "1".into(), ..own };
        assert_eq!(Holder::life(&contained.text(), false), Life::Unknown);
        assert_eq!(Holder::life("nobody", true), Life::Dead);
    }

    #[test]
    fn what_a_process_has_let_go_of_it_does_not_hold_whatever_is_written() {
        let (one, other) = (Hold::take(), Hold::take());
        let (written, kept) = (one.text(), other.text());
        assert_ne!(written, kept);
        assert_eq!(Holder::life(&written, true), Life::Alive);
        drop(one);
        assert_eq!(Holder::life(&written, true), Life::Dead);
        assert_eq!(Holder::life(&kept, true), Life::Alive);
    }
}
