//! What a loss of power takes from a database file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lgflow::store::Store;

use super::Bench;

/// Takes from a database file what was committed since it was flushed last, and says how many events those were. Flushed is what
/// a call, or a person, may know of: docs/store.md promises no more, so the test takes everything else.
pub(super) fn power_off(bench: &Bench) -> u64 {
    const KNOWN: [&str; 3] = ["call.started", "approval.requested", "run.suspended"];
    let folder = bench.stored().folder().to_owned();
    let Ok(log) = fs::read(folder.join("runs.db-wal")) else { return 0 };
    let copy = tempfile::tempdir().unwrap();
    let seen = |length: usize| lines_after(&folder, &log[..length], copy.path());
    let mut ends = vec![WAL_HEADER.min(log.len())];
    ends.extend(commits(&log));
    let whole = seen(log.len());
    let mut kept = ends.pop().unwrap();
    let mut lines = whole.clone();
    while let Some(before) = ends.pop() {
        let less = seen(before);
        if lines[less.len()..]
            .iter()
            .any(|line| KNOWN.iter().any(|kind| line.contains(&format!("\"kind\":\"{kind}\""))))
        {
            break;
        }
        (kept, lines) = (before, less);
    }
    let rest = vec![0; log.len() - kept];
    fs::write(folder.join("runs.db-wal"), [&log[..kept], &rest].concat()).unwrap();
    // what processes share of it in memory is gone with them
    let _ = fs::remove_file(folder.join("runs.db-shm"));
    (whole.len() - lines.len()) as u64
}

const WAL_HEADER: usize = 32;

/// Where the commits end of which a write-ahead log consists: <https://sqlite.org/fileformat2.html#walformat>.
fn commits(log: &[u8]) -> Vec<usize> {
    let Some(header) = log.get(..WAL_HEADER) else { return Vec::new() };
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let frame = 24 + number(&header[8..12]) as usize;
    let frames = log[WAL_HEADER..].chunks_exact(frame).enumerate();
    let frames = frames.take_while(|(_, frame)| frame[8..16] == header[16..24]);
    let ends = frames.filter(|(_, frame)| number(&frame[4..8]) != 0);
    ends.map(|(at, _)| WAL_HEADER + (at + 1) * frame).collect()
}

/// The lines of the run as they are with so much of the log.
fn lines_after(folder: &Path, log: &[u8], copy: &Path) -> Vec<String> {
    let id = folder.file_name().unwrap();
    let state = tempfile::tempdir_in(copy).unwrap();
    let there = Store::of_workspace(&"local".parse().unwrap(), state.path(), id.to_str().unwrap()).unwrap();
    fs::copy(folder.join("runs.db"), there.folder().join("runs.db")).unwrap();
    let wal = there.folder().join("runs.db-wal");
    fs::write(&wal, log).unwrap();
    fs::set_permissions(wal, fs::Permissions::from_mode(0o600)).unwrap();
    let Some(run) = there.runs().unwrap().pop() else { return Vec::new() };
    there.log(&run).unwrap().lines().map(str::to_owned).collect()
}
