//! Who executes a run: a process, told apart from every other by the machine's start, the process' own number and its
//! start. Whether it still lives can be asked of the machine that it runs on, at once.
#![expect(clippy::disallowed_methods, reason = "whether a process lives stands in /proc")]

use std::fs;

/// A process that holds runs, as it is written in the store: `boot/namespace/pid/start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    boot: String,
    /// Process numbers mean something within their namespace alone.
    namespace: String,
    pid: u32,
    start: String,
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
        Self { boot: boot(), namespace: namespace(), pid, start: start_of(pid).unwrap_or_default() }
    }

    pub(super) fn text(&self) -> String {
        format!("{}/{}/{}/{}", self.boot, self.namespace, self.pid, self.start)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let mut next = || parts.next().map(str::to_owned);
        let (boot, namespace, pid, start) = (next()?, next()?, next()?, next()?);
        Some(Self { boot, namespace, pid: pid.parse().ok()?, start })
    }

    /// Does the process with this text still live, as far as this one can see? A store that is not `shared` belongs to
    /// this machine alone: who held it before the machine was started is gone.
    pub(super) fn life(text: &str, shared: bool) -> Life {
        let own = Self::own();
        let Some(holder) = Self::parse(text) else { return Life::Dead };
        match (holder.boot == own.boot, holder.namespace == own.namespace) {
            (true, true) if start_of(holder.pid).is_some_and(|start| start == holder.start) => Life::Alive,
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
}
