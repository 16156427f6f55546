//! Each wall taken away from outside: strict starts nothing and names what is missing. And what a wall kept from happening
//! happens without it, where a policy is content with what can be had: so its case can fail.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use lgflow::policy::{NetworkAccess, WorkspaceMode};
use lgflow::sandbox::{End, HELPER_ARGUMENT, Helper, Ran, RunError};

use super::forbidding::{
    OlderLandlock, Refusal, always, forbid, forbid_as_root, with, with_bits, with_pointer,
};
use super::walls::{Bench, Call, Who, as_one, as_one_after, everybody, helper_program, strict};

fn in_force(ran: &Ran, name: &str) -> bool {
    ran.layers.iter().any(|layer| layer.name == name && layer.in_force)
}

/// What strict names as missing where these calls are forbidden; and best effort still runs the command.
fn missing_without(who: Who, refusals: &[Refusal]) -> Vec<String> {
    let mut named = Vec::new();
    as_one(who, |bench| {
        bench.write("a", "a\n");
        bench.write(".env", "SECRET\n");
        forbid(refusals);
        named = missing(bench);
        let ran = best_effort(bench, |call| call.stack.view = WorkspaceMode::Copy).sh("cat a").unwrap();
        assert_eq!(ran.stdout.text(), "a\n", "best effort: {}", ran.stderr.text());
        for name in &named {
            if name != "workspace_overlay" && name != "read_masks" {
                assert!(!in_force(&ran, name), "{name} is said to be in force");
            }
        }
    });
    named
}

/// What strict names as missing.
fn missing(bench: &Bench) -> Vec<String> {
    let mut call = bench.call();
    call.stack.mask = vec![PathBuf::from(".env")];
    match call.sh("echo STARTED > /dev/null") {
        Err(RunError::Missing { missing, .. }) => missing,
        other => panic!("strict did not refuse: {other:?}"),
    }
}

/// A call that demands nothing.
fn best_effort(bench: &Bench, with: impl FnOnce(&mut Call)) -> Call {
    let mut call = bench.call();
    call.confined.demanded.clear();
    with(&mut call);
    call
}

fn new_kind(flag: i32) -> [Refusal; 2] {
    [with_bits(libc::SYS_clone, 0, flag), with_bits(libc::SYS_unshare, 0, flag)]
}

#[test]
fn each_namespace_that_is_taken_away_is_named() {
    let beneath = ["private_root", "read_masks", "workspace_overlay"];
    for &who in everybody() {
        let without = |flag: i32| missing_without(who, &new_kind(flag));
        if who == Who::Self_ && rustix::process::geteuid().is_root() {
            assert_eq!(without(libc::CLONE_NEWUSER), ["user_namespace"]);
        } else {
            let all =
                ["user", "mount", "pid", "network", "ipc", "uts"].map(|kind| format!("{kind}_namespace"));
            let wanted: Vec<String> = all.into_iter().chain(beneath.map(str::to_owned)).collect();
            assert_eq!(without(libc::CLONE_NEWUSER), wanted);
        }
        let mount: Vec<&str> = ["mount_namespace"].into_iter().chain(beneath).collect();
        assert_eq!(without(libc::CLONE_NEWNS), mount);
        assert_eq!(without(libc::CLONE_NEWPID), ["pid_namespace"]);
        assert_eq!(without(libc::CLONE_NEWNET), ["network_namespace"]);
        assert_eq!(without(libc::CLONE_NEWIPC), ["ipc_namespace"]);
        assert_eq!(without(libc::CLONE_NEWUTS), ["uts_namespace"]);
    }
}

#[test]
fn each_other_wall_that_is_taken_away_is_named() {
    let beneath = ["private_root", "read_masks", "workspace_overlay"];
    for &who in everybody() {
        let without = |call: i64| missing_without(who, &[always(call)]);
        assert_eq!(without(libc::SYS_fsopen), beneath);
        assert_eq!(without(libc::SYS_mount), beneath);
        assert_eq!(without(libc::SYS_pivot_root), ["private_root"]);
        assert_eq!(without(libc::SYS_mknodat), ["read_masks"]);
        assert_eq!(without(libc::SYS_landlock_create_ruleset), ["landlock_fs"]);
        assert_eq!(without(libc::SYS_landlock_restrict_self), ["landlock_fs"]);
        assert_eq!(without(libc::SYS_seccomp), ["seccomp"]);
        assert_eq!(without(libc::SYS_capset), ["no_capabilities"]);
        assert_eq!(without(libc::SYS_setsid), ["new_session"]);
        assert_eq!(without(libc::SYS_close_range), ["closed_descriptors"]);
    }
}

#[test]
fn a_root_that_can_not_be_closed_off_is_named_and_nothing_is_started_in_it() {
    for &who in everybody() {
        as_one(who, |bench| {
            forbid(&[always(libc::SYS_umount2)]);
            assert_eq!(missing(bench), ["private_root"]);
            let done = best_effort(bench, |_| {}).sh("echo STARTED");
            assert!(matches!(done, Err(RunError::NotStarted(_))), "{done:?}");
        });
    }
}

#[test]
fn limits_that_are_taken_away_are_named_and_then_bound_nothing() {
    // asking how limits stand is left
    let refusals = [with_pointer(libc::SYS_prlimit64, 2), always(libc::SYS_setrlimit)];
    for &who in everybody() {
        assert_eq!(missing_without(who, &refusals), ["resource_limits"]);
        as_one(who, |bench| {
            let write = |call: &mut Call| {
                call.confined.file_bytes = Some(1000);
                call.sh("ulimit -n; exec head -c 100000 /dev/zero > big").unwrap()
            };
            let held = write(&mut bench.call());
            assert_eq!((held.signal, held.stdout.text().as_str()), (Some(25), "4096\n"));
            forbid(&refusals);
            let ran = write(&mut best_effort(bench, |_| {}));
            assert_eq!((ran.exit_code, ran.signal), (0, None), "{}", ran.stderr.text());
            assert_ne!(ran.stdout.text(), "4096\n");
            assert!(!in_force(&ran, "resource_limits"));
        });
    }
}

#[test]
fn gaining_privileges_can_not_be_given_up_without_the_call_for_it() {
    let refusals = [with(libc::SYS_prctl, 0, libc::PR_SET_NO_NEW_PRIVS)];
    // neither of the two is put up for somebody who may still gain privileges
    let wanted = ["no_new_privileges", "landlock_fs", "seccomp"];
    let status = "grep NoNewPrivs /proc/self/status";
    for &who in everybody() {
        as_one(who, |bench| assert_eq!(bench.sh(status).stdout.text(), "NoNewPrivs:\t1\n"));
        if rustix::process::geteuid().is_root() {
            as_one_after(
                who,
                || forbid_as_root(&refusals),
                |bench| {
                    assert_eq!(missing(bench), wanted);
                    let ran = best_effort(bench, |_| {}).sh(status).unwrap();
                    assert_eq!(ran.stdout.text(), "NoNewPrivs:\t0\n");
                    assert!(wanted.iter().all(|name| !in_force(&ran, name)), "{:?}", ran.layers);
                },
            );
        } else {
            // who is not root must give it up to forbid anything, and can't be without it any more
            as_one(who, |bench| {
                forbid(&refusals);
                assert_eq!(missing(bench), wanted);
                let ran = best_effort(bench, |_| {}).sh(status).unwrap();
                assert_eq!(ran.stdout.text(), "NoNewPrivs:\t1\n");
            });
        }
    }
}

#[test]
fn tcp_is_refused_by_landlock_alone_and_where_it_is_too_old_that_is_named() {
    // the other two that keep a command from TCP: one is taken away, the other is not looked at
    let others = || forbid(&[always(libc::SYS_seccomp)]);
    let bind = |bench: &Bench| best_effort(bench, |_| {}).attack("tcp");
    let demand = |call: &mut Call| call.confined.demanded.push("landlock_net".to_owned());
    for &who in everybody() {
        as_one(who, |bench| {
            let mut call = bench.call();
            demand(&mut call);
            call.sh("true").unwrap();
            others();
            assert_eq!(bind(bench), "bind=EACCES");
        });
        as_one(who, |bench| {
            // the oldest that is a wall for files
            let _older = OlderLandlock::of_version(3);
            let ran = bench.sh("true");
            assert!(in_force(&ran, "landlock_fs") && !in_force(&ran, "landlock_net"), "{:?}", ran.layers);
            let Err(RunError::Missing { missing, .. }) = best_effort(bench, demand).sh("true") else {
                panic!("it stood")
            };
            assert_eq!(missing, ["landlock_net"]);
            others();
            assert_eq!(bind(bench), "bind=DONE");
        });
    }
}

#[test]
fn a_tree_that_can_not_be_ended_is_named_and_then_outlives_its_command() {
    let ending = [always(libc::SYS_kill), always(libc::SYS_pidfd_send_signal)];
    for &who in everybody() {
        assert_eq!(missing_without(who, &ending), ["process_tree_killed"]);
        let token = format!("{}.{}", 1000 + std::process::id(), u8::from(who == Who::Nobody));
        as_one(who, |bench| {
            // without a PID namespace, which would end with its first process all the same
            let spaces = [libc::CLONE_NEWUSER, libc::CLONE_NEWPID, libc::CLONE_NEWNS].map(new_kind);
            let mut call = best_effort(bench, |call| call.stack.view = WorkspaceMode::Copy);
            let script = format!("sleep {token} & true");
            call.sh(&script).unwrap();
            assert_eq!(sleepers(&token), Vec::<i32>::new());
            forbid(&ending.iter().chain(spaces.as_flattened()).cloned().collect::<Vec<_>>());
            let done = call.sh(&script);
            assert!(matches!(done, Err(RunError::NotEnded(1))), "{done:?}");
        });
        let left = sleepers(&token);
        assert_eq!(left.len(), 1);
        let left = rustix::process::Pid::from_raw(left[0]).unwrap();
        rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
    }
}

/// Processes that sleep for that time.
fn sleepers(token: &str) -> Vec<i32> {
    let line = format!("sleep\0{token}\0");
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|found| found == line.as_bytes())
    })
    .collect()
}

/// The environment is data of ours: what a command is given is written by its order, and no call takes that away. What
/// can be taken away is that our own program starts without variables, which decide what is loaded into it.
#[test]
fn an_environment_that_is_not_clean_is_named_and_goes_no_further() {
    for &who in everybody() {
        as_one(who, |bench| {
            let variables = |ran: &Ran| {
                let mut names: Vec<String> = ran
                    .stdout
                    .text()
                    .lines()
                    .map(|line| line.split('=').next().unwrap().to_owned())
                    .collect();
                names.sort();
                names
            };
            let own = variables(&bench.call().run("/usr/bin/env".as_ref(), &["env"]).unwrap());
            assert_eq!(own, ["HOME", "PATH", "TEMP", "TMP", "TMPDIR"]);
            let soiled = Helper::other(
                "/usr/bin/env".into(),
                vec![
                    "LD_CANARY=x".to_owned(),
                    helper_program().display().to_string(),
                    HELPER_ARGUMENT.to_owned(),
                ],
            );
            let Err(RunError::Missing { missing, standing }) = bench.call().sh_with(&soiled, "true") else {
                panic!("it was not seen")
            };
            assert_eq!(missing, ["clean_environment"]);
            let why = standing.why_not(lgflow::sandbox::Layer::CleanEnvironment).unwrap();
            assert!(why.contains("`LD_CANARY`"), "{why}");
            let ran = best_effort(bench, |_| {}).sh_with(&soiled, "exec env").unwrap();
            assert!(
                !in_force(&ran, "clean_environment") && !variables(&ran).contains(&"LD_CANARY".to_owned())
            );
        });
    }
}

/// Time and output are bounded by the runner and its helpers themselves, which ask no call for it that could be taken
/// away alone: what they do is shown by what comes of it.
#[test]
fn time_and_output_are_bounded_whatever_is_demanded() {
    for &who in everybody() {
        as_one(who, |bench| {
            for demanded in [strict(), Vec::new()] {
                let mut call = bench.call();
                call.confined.demanded = demanded;
                call.stack.network = NetworkAccess::Deny;
                call.confined.wall = Duration::from_millis(300);
                call.confined.output = 1000;
                let ran = call.sh("head -c 100000 /dev/zero | tr '\\0' x; sleep 1000").unwrap();
                assert_eq!(ran.end, End::Timeout);
                assert_eq!(ran.stdout.dropped(), 99_000);
                assert!(in_force(&ran, "wall_limit") && in_force(&ran, "output_limit"));
            }
        });
    }
}
