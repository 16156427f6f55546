//! The process that helpers come from: what it holds, and what becomes of commands when it ends.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use lgflow::sandbox::{Helper, RunError};
use rustix::process::{Pid, Signal, kill_process};

use super::walls::{Who, as_each, as_one, everybody, helper};

/// Children of a process, with what they were started as.
fn children(parent: u32) -> Vec<u32> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = after.split_whitespace();
        fields.next().is_some_and(|state| state != "Z") && fields.next() == Some(&parent.to_string())
    })
    .collect()
}

/// Starts the nursery of a helper, and finds it.
fn nursery_of(helper: &Helper) -> u32 {
    let before = children(std::process::id());
    helper.start_ahead();
    // others of this program start theirs meanwhile: of the new ones it is the one that belongs to this helper
    let id = helper.nursery_id().unwrap();
    assert!(!before.contains(&id) && children(std::process::id()).contains(&id));
    id
}

fn end(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn commands_of_one_helper_come_from_one_process_which_ends_with_it() {
    as_each(|bench| {
        let helper = helper();
        let nursery = nursery_of(&helper);
        for _ in 0..3 {
            assert_eq!(bench.call().sh_with(&helper, "echo ran").unwrap().stdout.text(), "ran\n");
            assert_eq!(helper.nursery_id(), Some(nursery));
        }
        wait_for("helpers that have ended are reaped", || children(nursery).is_empty());
        let folder = format!("/proc/{nursery}");
        let facts = fs::read_to_string(format!("{folder}/status")).unwrap();
        assert!(facts.contains("Threads:\t1\n"), "{facts}");
        drop(helper);
        assert!(!fs::exists(folder).unwrap());
    });
}

#[test]
fn one_that_is_gone_is_replaced_and_no_command_is_lost() {
    as_each(|bench| {
        let helper = helper();
        let first = nursery_of(&helper);
        end(first);
        assert_eq!(bench.call().sh_with(&helper, "echo ran").unwrap().stdout.text(), "ran\n");
        let second = helper.nursery_id().unwrap();
        assert_ne!(first, second);
        // a command that runs goes on, and its end is told
        std::thread::scope(|scope| {
            let waits = || bench.call().sh_with(&helper, "echo $PPID > started; sleep 1; echo ran");
            let running = scope.spawn(waits);
            wait_for("it runs", || !children(second).is_empty());
            end(second);
            assert_eq!(running.join().unwrap().unwrap().stdout.text(), "ran\n");
        });
        assert_eq!(bench.call().sh_with(&helper, "echo ran").unwrap().stdout.text(), "ran\n");
    });
}

#[test]
fn one_that_can_not_be_started_is_an_error_with_its_reason() {
    as_each(|bench| {
        for program in ["/bin/false", "/no/such/program"] {
            let helper = Helper::other(program.into(), Vec::new());
            helper.start_ahead();
            let done = bench.call().sh_with(&helper, "echo ran");
            assert!(matches!(&done, Err(RunError::Io(error)) if !error.to_string().is_empty()), "{done:?}");
        }
    });
}

#[test]
fn nothing_of_a_command_stays_in_it() {
    for &who in everybody() {
        let helper = helper();
        as_one(who, |_| helper.start_ahead());
        let nursery = helper.nursery_id().unwrap();
        let is_root = rustix::process::geteuid().is_root();
        let open = || fs::read_dir(format!("/proc/{nursery}/fd")).map(Iterator::count);
        // it can't be looked into by the user whose it is, and so not by a command without a sandbox either
        let may_look = who == Who::Self_ && is_root;
        as_one(who, |_| wait_for("it is closed to others", || open().is_ok() == may_look));
        // its standard ones, and its socket once more; a handle of each helper until it was heard that it has ended
        let own = is_root.then_some(4);
        wait_for("it has what it has", || open().ok() == own);
        let canary = format!("canary{:x}{nursery}", std::process::id());
        as_one(who, |bench| {
            bench.write("file", &format!("{canary}in\n"));
            let mut call = bench.call();
            call.confined.env.insert("CANARY".to_owned(), format!("{canary}env"));
            let ran =
                call.sh_with(&helper, &format!("cat file; echo {canary}out >&2; echo $CANARY")).unwrap();
            assert_eq!(ran.stdout.text(), format!("{canary}in\n{canary}env\n"));
        });
        wait_for("the helper has ended", || children(nursery).is_empty());
        wait_for("no descriptor is left", || open().ok() == own);
        if is_root {
            assert!(holds(nursery, b"__sandbox").unwrap(), "its memory is looked through");
            assert!(!holds(nursery, canary.as_bytes()).unwrap());
        } else {
            assert!(holds(nursery, b"__sandbox").is_err());
        }
    }
}

/// Is it in the memory of that process?
fn holds(pid: u32, text: &[u8]) -> std::io::Result<bool> {
    let memory = fs::File::open(format!("/proc/{pid}/mem"))?;
    for line in fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let bound = |text: &str| u64::from_str_radix(text, 16).unwrap();
        if !rest.starts_with("rw") {
            continue;
        }
        let mut part = vec![0; (bound(end) - bound(start)) as usize];
        // what is not there yet holds nothing
        if memory.read_exact_at(&mut part, bound(start)).is_ok()
            && part.windows(text.len()).any(|window| window == text)
        {
            return Ok(true);
        }
    }
    Ok(false)
}
