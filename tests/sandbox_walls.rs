//! The walls around a command, each attacked from inside and each taken away from outside: as root and as an ordinary
//! user. Without one of the layers that it demands, strict starts nothing and says which one is missing.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    unsafe_code,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    clippy::print_stderr,
    reason = "a test makes its own files and processes, attacks by raw calls, and stops where it is wrong"
)]

#[path = "walls/attacks.rs"]
mod attacks;
#[path = "walls/forbidding.rs"]
mod forbidding;
#[path = "walls/nursery.rs"]
mod nursery;
#[path = "walls/taken_away.rs"]
mod taken_away;
#[path = "walls/mod.rs"]
mod walls;

use std::collections::BTreeMap;
use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lgflow::policy::{NetworkAccess, WorkspaceMode};
use lgflow::sandbox::{Cache, CacheStart, End, Opaque, RunError, UpperChanges};
use walls::{NOBODY, Who, as_each, as_one, everybody, strict};

/// Runs inside of the sandbox, where an attack is named; outside it does nothing.
#[test]
fn plays_the_attacker() {
    if let Ok(name) = std::env::var("LGFLOW_TEST_ATTACK") {
        println!("\nATTACK: {}", attacks::play(&name));
    }
}

fn in_force(ran: &lgflow::sandbox::Ran, name: &str) -> bool {
    ran.layers.iter().any(|layer| layer.name == name && layer.in_force)
}

#[test]
fn every_strict_layer_is_in_force_and_an_ordinary_command_works() {
    as_each(|bench| {
        bench.write("src/a.txt", "one\n");
        let ran = bench.sh("cat src/a.txt; echo two >> src/a.txt; echo new > b.txt; rm -f none; pwd; echo $HOME $TMPDIR; id -un >/dev/null; ls /usr/bin | grep -c '^env$'");
        let work = fs::canonicalize(bench.work("")).unwrap();
        assert_eq!(
            ran.stdout.text(),
            format!("one\n{}\n/home/lgflow /tmp\n1\n", work.display()),
            "{}",
            ran.stderr.text()
        );
        for name in strict() {
            assert!(in_force(&ran, &name), "{name}: {:?}", ran.layers);
        }
        assert!(in_force(&ran, "workspace:overlay"));
        assert_eq!(fs::read_to_string(bench.work("src/a.txt")).unwrap(), "one\n");
        assert!(!bench.work("b.txt").exists());
        let changes = ran.changes.unwrap();
        let files: BTreeMap<String, &str> = changes
            .files
            .iter()
            .map(|file| (file.path.to_string(), std::str::from_utf8(&file.bytes).unwrap()))
            .collect();
        assert_eq!(files, BTreeMap::from([("b.txt".into(), "new\n"), ("src/a.txt".into(), "one\ntwo\n")]));
        assert!(!changes.is_clean);
        let ran = bench.sh("cat src/a.txt > /dev/null; echo x > /tmp/x; echo x > ~/x; touch /dev/shm/x");
        assert_eq!(ran.exit_code, 0, "{}", ran.stderr.text());
        assert_eq!(ran.changes, Some(UpperChanges { is_clean: true, ..UpperChanges::default() }));
    });
}

#[test]
fn exit_codes_and_signals_are_those_of_the_command() {
    as_each(|bench| {
        let ran = bench.sh("exit 3");
        assert_eq!((ran.exit_code, ran.signal, ran.end), (3, None, End::Itself));
        let ran = bench.sh("kill -TERM $$");
        assert_eq!((ran.exit_code, ran.signal), (143, Some(15)));
        // what ignores a broken pipe would never end
        let ran = bench.sh("yes | head -n 1");
        assert_eq!(ran.stdout.text(), "y\n");
    });
}

#[test]
fn nothing_of_the_machine_is_seen_but_the_system() {
    as_each(|bench| {
        let outside = bench.folder.path().join("secret");
        fs::write(&outside, "CANARY").unwrap_or_default();
        let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
        let ran = bench.sh(&format!(
            "ls -A / | sort | tr '\\n' ' '; echo; ls -A {} /sys {home} 2>&1; cat {} 2>&1; ls /proc | grep -v '^[0-9]' | tr '\\n' ' '; ls /run /var /home",
            bench.folder.path().display(),
            outside.display()
        ));
        let text = ran.stdout.text();
        assert!(!text.contains("CANARY") && !text.contains(".ssh") && !text.contains("meminfo"), "{text}");
        let first = text.lines().next().unwrap();
        for name in first.split(' ').filter(|name| !name.is_empty()) {
            let known = [
                "bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "nix", "gnu", "proc", "run",
                "sbin", "tmp", "usr", "var",
            ];
            let leads_to_work = bench.work("").starts_with(Path::new("/").join(name));
            let leads_to_test = std::env::current_exe().unwrap().starts_with(Path::new("/").join(name));
            assert!(known.contains(&name) || leads_to_work || leads_to_test, "{name}");
        }
        let told = bench.attack("reads");
        assert_eq!(told, "shadow=NotFound sys=NotFound kmsg=NotFound maps=NotFound usr=DONE");
    });
}

#[test]
fn masked_files_are_absent_whatever_leads_to_them_and_stay_outside() {
    as_each(|bench| {
        bench.write(".env", "SECRET\n");
        bench.write("a/b/.ENV", "SECRET\n");
        bench.write("a/plain", "plain\n");
        bench.write("keys/one", "SECRET\n");
        std::os::unix::fs::symlink(".env", bench.work("link")).unwrap();
        let folder = fs::metadata(bench.work("a/b")).unwrap();
        let mut call = bench.call();
        call.stack.mask = [".env", "a/b/.ENV", "keys", "none/there"].map(PathBuf::from).to_vec();
        let ran = call
            .sh("cat .env a/b/.ENV keys/one link; ls -A . a/b; cat a/plain; stat -c %a a/b; echo mine > .env; cat .env")
            .unwrap();
        let text = ran.stdout.text();
        assert!(!text.contains("SECRET"), "{text}");
        assert!(text.contains("plain\n") && text.ends_with("mine\n"), "{text}");
        assert!(text.contains(&format!("{:o}\n", folder.permissions().mode() & 0o777)), "{text}");
        assert_eq!(fs::read_to_string(bench.work(".env")).unwrap(), "SECRET\n");
        // a whiteout can neither be taken away nor seen through
        let ran = call.sh("rm .env; mv link x; setfattr -n user.overlay.opaque -v n . ; cat .env x").unwrap();
        assert!(!ran.stdout.text().contains("SECRET"));
    });
}

#[test]
fn emptied_folders_show_only_their_parts_also_of_what_comes_later() {
    as_each(|bench| {
        bench.write("src/lib.rs", "code\n");
        bench.write("src/.env", "SECRET\n");
        bench.write("Cargo.toml", "[package]\n");
        bench.write("notes/secret", "SECRET\n");
        bench.write(".git/config", "SECRET\n");
        let mut call = bench.call();
        call.stack.mask = vec![PathBuf::from("src/.env")];
        call.stack.opaque =
            vec![Opaque { folder: PathBuf::new(), shown: ["src", "Cargo.toml"].map(PathBuf::from).to_vec() }];
        let late = bench.work("late");
        let script = format!(
            "ls -A | tr '\\n' ' '; ls -A src; cat src/lib.rs Cargo.toml; echo more >> src/lib.rs; echo x >> Cargo.toml; echo y > made; cat src/.env notes/secret; ls {}",
            late.display()
        );
        let ran = call.sh(&script).unwrap();
        assert!(
            ran.stdout.text().starts_with("Cargo.toml src lib.rs\ncode\n[package]\n"),
            "{}",
            ran.stdout.text()
        );
        assert!(!ran.stdout.text().contains("SECRET"));
        let changes = ran.changes.unwrap();
        let paths: Vec<String> = changes.files.iter().map(|file| file.path.to_string()).collect();
        assert_eq!(paths, ["Cargo.toml", "made", "src/lib.rs"]);
        let mut call = bench.call();
        call.stack.opaque = vec![Opaque { folder: PathBuf::from(".git"), shown: Vec::new() }];
        let ran = call.sh("ls -A .git; cat .git/config; ls notes").unwrap();
        assert_eq!(ran.stdout.text(), "secret\n");
        assert_eq!(fs::read_to_string(bench.work("src/lib.rs")).unwrap(), "code\n");
    });
}

#[test]
fn a_file_made_while_the_command_runs_is_not_seen_in_an_emptied_folder() {
    as_each(|bench| {
        bench.write("src/lib.rs", "code\n");
        let mut call = bench.call();
        call.stack.opaque = vec![Opaque { folder: PathBuf::new(), shown: vec![PathBuf::from("src")] }];
        std::thread::scope(|scope| {
            let late = bench.work("late.env");
            scope.spawn(move || {
                for _ in 0..200 {
                    fs::write(&late, "LATE SECRET").unwrap();
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            let ran = call
                .sh("for i in 1 2 3 4 5 6 7 8; do cat late.env 2>/dev/null; sleep 0.1; done; ls")
                .unwrap();
            assert_eq!(ran.stdout.text(), "src\n");
        });
    });
}

#[test]
fn caches_start_as_told_and_only_a_kept_one_keeps_anything() {
    as_each(|bench| {
        bench.write("target/old", "the user's\n");
        bench.write("src/a", "a\n");
        let seed = bench.folder.path().join("seed");
        let kept = bench.folder.path().join("kept");
        for folder in [&seed, &kept, &kept.join("upper"), &kept.join("work")] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(seed.join("built"), "seed\n").unwrap();
        let open = |path: &Path| fs::File::open(path).unwrap().into();
        let script = "cat target/* 2>/dev/null; echo new > target/new; rm -f target/built; ls target";
        let mut call = bench.call();
        call.stack.caches = vec![Cache { folder: "target".into(), start: CacheStart::Empty }];
        let ran = call.sh(script).unwrap();
        assert_eq!(ran.stdout.text(), "new\n");
        assert!(ran.changes.unwrap().is_clean, "a cache is no change");
        call.stack.caches =
            vec![Cache { folder: "target".into(), start: CacheStart::Seed(vec![open(&seed)]) }];
        let ran = call.sh(script).unwrap();
        assert_eq!(ran.stdout.text(), "seed\nnew\n");
        call.stack.caches = vec![Cache {
            folder: "target".into(),
            start: CacheStart::Kept {
                lower: vec![open(&seed)],
                upper: open(&kept.join("upper")),
                work: open(&kept.join("work")),
            },
        }];
        assert_eq!(call.sh(script).unwrap().stdout.text(), "seed\nnew\n");
        assert_eq!(fs::read_to_string(kept.join("upper/new")).unwrap(), "new\n");
        assert_eq!(fs::read_dir(&seed).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(bench.work("target/old")).unwrap(), "the user's\n");
        assert_eq!(fs::read_dir(bench.work("target")).unwrap().count(), 1);
    });
}

#[test]
fn a_folder_that_became_a_link_is_not_followed() {
    as_each(|bench| {
        bench.write("src/a", "a\n");
        let mut call = bench.call();
        std::os::unix::fs::symlink("/etc", bench.work("build")).unwrap();
        call.stack.unsafe_write = vec![PathBuf::from("build")];
        let refused = call.sh("ls build").unwrap_err();
        assert!(
            matches!(&refused, RunError::Missing { missing, .. } if missing.contains(&"private_root".to_owned())),
            "{refused:?}"
        );
        // a cache in the place of a link hides it
        let mut call = bench.call();
        call.stack.caches = vec![Cache { folder: "build".into(), start: CacheStart::Empty }];
        let ran = call.sh("ls build; echo x > build/x; ls build").unwrap();
        assert_eq!(ran.stdout.text(), "x\n");
        assert!(!Path::new("/etc/x").exists());
        // the workspace itself was replaced by another folder since it was opened
        let call = bench.call();
        drop(call);
        let moved = bench.folder.path().join("moved");
        let mut call = bench.call();
        let who = bench.who;
        if who == Who::Self_ {
            fs::rename(bench.work(""), &moved).unwrap();
            std::os::unix::fs::symlink("/etc", bench.work("")).unwrap();
            let ran = call.sh("ls");
            // it is found where it is now, or nowhere
            assert!(ran.is_err() || ran.unwrap().stdout.text().contains("src"));
        }
    });
}

#[test]
fn unsafe_write_is_written_and_nothing_else() {
    as_each(|bench| {
        bench.write("out/old", "old\n");
        bench.write("src/a", "a\n");
        let mut call = bench.call();
        call.stack.unsafe_write = vec![PathBuf::from("out")];
        call.sh("echo new > out/new; echo b > src/b").unwrap();
        assert_eq!(fs::read_to_string(bench.work("out/new")).unwrap(), "new\n");
        assert!(!bench.work("src/b").exists());
    });
}

#[test]
fn a_copy_or_the_workspace_itself_stands_in_the_private_root_as_told() {
    as_each(|bench| {
        bench.write("a", "a\n");
        let mut call = bench.call();
        call.stack.view = WorkspaceMode::Copy;
        let ran = call.sh("cat a; echo b > b").unwrap();
        assert!(in_force(&ran, "workspace:copy") && in_force(&ran, "private_root"));
        assert!(!in_force(&ran, "workspace_overlay"));
        assert_eq!(fs::read_to_string(bench.work("b")).unwrap(), "b\n");
        call.stack.view = WorkspaceMode::Direct;
        let Err(RunError::Missing { missing, .. }) = call.sh("true") else { panic!("strict ran directly") };
        assert_eq!(missing, ["read_masks", "workspace_overlay"]);
        call.confined.demanded.clear();
        let ran = call.sh("cat b").unwrap();
        assert!(in_force(&ran, "workspace:direct") && in_force(&ran, "private_root"));
    });
}

#[test]
fn network_is_absent_in_every_family() {
    as_each(|bench| {
        assert_eq!(
            bench.attack("sockets"),
            "inet=EPERM udp=EPERM raw=EPERM netlink=EPERM packet=EPERM vsock=EPERM alg=EPERM unix=DONE pair=DONE"
        );
    });
    let name = std::os::unix::net::SocketAddr::from_abstract_name("lgflow-test-outside").unwrap();
    let _outside = std::os::unix::net::UnixListener::bind_addr(&name).unwrap();
    as_each(|bench| {
        let told = bench.attack("abstract");
        assert!(told == "ConnectionRefused" || told == "PermissionDenied", "{told}");
        // one that lies in the workspace, as a server of the developer leaves it
        let listener = std::os::unix::net::UnixListener::bind(bench.work("server.sock")).unwrap();
        fs::set_permissions(bench.work("server.sock"), fs::Permissions::from_mode(0o777)).unwrap();
        let ran = bench.sh("command -v python3 >/dev/null && python3 -c 'import socket; s=socket.socket(socket.AF_UNIX); s.connect(\"server.sock\"); print(\"CONNECTED\")'; true");
        assert!(!ran.stdout.text().contains("CONNECTED"), "{}", ran.stderr.text());
        drop(listener);
    });
}

#[test]
fn an_allowed_network_is_there_and_said_to_be() {
    as_each(|bench| {
        let mut call = bench.call();
        call.stack.network = NetworkAccess::Allow;
        let Err(RunError::Missing { missing, .. }) = call.sh("true") else {
            panic!("demanded and not there")
        };
        assert_eq!(missing, ["network_namespace"]);
        call.confined.demanded.retain(|name| name != "network_namespace");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = format!(
            "command -v bash >/dev/null && bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port} && echo CONNECTED'; true"
        );
        let ran = call.sh(&script).unwrap();
        let has_bash = Path::new("/usr/bin/bash").exists() || Path::new("/bin/bash").exists();
        assert_eq!(ran.stdout.text().contains("CONNECTED"), has_bash, "{}", ran.stderr.text());
        assert!(!in_force(&ran, "network_namespace"));
    });
}

#[test]
fn calls_that_no_command_needs_are_refused() {
    as_each(|bench| {
        let e = "EPERM";
        assert_eq!(
            bench.attack("namespaces"),
            format!("user={e} mount={e} time={e} high={e} clone={e} setns={e} clone3=ENOSYS")
        );
        assert_eq!(
            bench.attack("mounts"),
            format!(
                "mount={e} umount={e} fsopen={e} open_tree={e} open_tree_attr={e} pivot_root={e} chroot={e}"
            )
        );
        assert_eq!(
            bench.attack("kernel"),
            format!(
                "ptrace={e} vm_read={e} vm_write={e} keyctl={e} add_key={e} bpf={e} perf={e} userfaultfd={e} \
                 handle={e} io_uring=ENOSYS unknown=ENOSYS"
            )
        );
        assert_eq!(bench.attack("x32"), "ENOSYS");
        let foreign = bench.attack("foreign");
        assert!(foreign.starts_with("ended with 159"), "{foreign}");
        assert_eq!(bench.attack("terminal"), format!("sti={e} high={e} linux={e}"));
        assert_eq!(
            bench.attack("files"),
            format!("make=DONE setuid={e} mode=DONE create={e} device={e} fifo=DONE")
        );
    });
}

#[test]
fn the_first_process_can_neither_be_seen_into_nor_ended() {
    as_each(|bench| {
        let told = bench.attack("first");
        for part in told.split(' ') {
            let (name, outcome) = part.split_once('=').unwrap();
            assert!(
                ["NotFound", "PermissionDenied", "EPERM", "EACCES"].contains(&outcome),
                "{name}: {outcome}"
            );
        }
        let ran = bench.sh("kill -9 1; kill -STOP 1; kill -9 -1; echo still here");
        assert!(ran.exit_code == 0 || ran.signal == Some(9), "{ran:?}");
    });
}

#[test]
fn where_it_lies_in_the_control_groups_of_the_machine_is_not_seen() {
    as_each(|bench| {
        let mut call = bench.call();
        call.confined.memory = Some(256 << 20);
        call.confined.processes = Some(20);
        let ran = call.sh("cat /proc/self/cgroup").unwrap();
        let text = ran.stdout.text();
        assert!(text.lines().count() > 0 && text.lines().all(|line| line.ends_with(":/")), "{text}");
    });
}

#[test]
fn nothing_outside_is_written() {
    as_each(|bench| {
        let told = bench.attack("writes");
        let mut parts: BTreeMap<&str, &str> =
            told.split(' ').map(|part| part.split_once('=').unwrap()).collect();
        assert_eq!(parts.remove("tmp"), Some("DONE"));
        // its own memory is its own
        parts.remove("self");
        for (name, outcome) in parts {
            assert_ne!(outcome, "DONE", "{name}");
        }
    });
}

#[test]
fn capabilities_are_none_and_privileges_can_not_be_gained() {
    as_each(|bench| {
        let ran = bench.sh("grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid|Groups)' /proc/self/status");
        let text = ran.stdout.text();
        for line in text.lines().filter(|line| line.starts_with("Cap")) {
            assert!(line.ends_with("0000000000000000"), "{text}");
        }
        assert!(text.contains("NoNewPrivs:\t1") && text.contains("Seccomp:\t2"), "{text}");
        if bench.who == Who::Nobody {
            assert!(text.contains(&format!("Uid:\t{NOBODY}\t{NOBODY}")), "{text}");
        }
    });
}

#[test]
fn a_file_of_another_user_is_named_where_it_can_not_be_changed() {
    if !rustix::process::geteuid().is_root() {
        // nobody but root makes a file that is somebody else's
        return as_each(|bench| assert_eq!(bench.sh("true").hint, None));
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let theirs = folder.path().join("theirs");
    fs::write(&theirs, "x\n").unwrap();
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o666)).unwrap();
    chown(&theirs, Some(1234), Some(1234)).unwrap();
    as_one(Who::Nobody, move |bench| {
        let mut call = bench.call();
        call.stack.workspace = fs::File::open(folder.path()).unwrap().into();
        call.stack.path = fs::canonicalize(folder.path()).unwrap();
        let ran = call.sh("cat theirs; echo more >> theirs").unwrap();
        assert_eq!(ran.stdout.text(), "x\n");
        let hint = ran.hint.unwrap_or_else(|| panic!("{}", ran.stderr.text()));
        assert!(hint.contains("`theirs`") && hint.contains("chown"), "{hint}");
    });
}

#[test]
fn root_becomes_the_owner_of_the_workspace() {
    if !rustix::process::geteuid().is_root() {
        return as_each(|bench| {
            let own = rustix::process::geteuid().as_raw();
            assert_eq!(bench.sh("id -u").stdout.text(), format!("{own}\n"));
        });
    }
    as_one(Who::Self_, |bench| {
        assert_eq!(bench.sh("id -u").stdout.text(), "0\n");
        bench.write("mine", "m\n");
        chown(bench.work(""), Some(1001), Some(1002)).unwrap();
        chown(bench.work("mine"), Some(1001), Some(1002)).unwrap();
        bench.write("roots", "r\n");
        bench.write("locked/secret", "s\n");
        fs::set_permissions(bench.work("locked"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(bench.work("roots"), fs::Permissions::from_mode(0o640)).unwrap();
        let ran = bench.sh("id -u; id -g; echo more >> mine; chmod 600 mine; echo x > new; ln mine twin; cat roots; cat locked/secret; stat -c '%u %g' mine roots");
        assert_eq!(ran.stdout.text(), "1001\n1002\n1001 1002\n0 0\n", "{}", ran.stderr.text());
        assert!(!ran.stderr.text().contains("too large for defined"), "{}", ran.stderr.text());
        let files: Vec<String> =
            ran.changes.unwrap().files.iter().map(|file| file.path.to_string()).collect();
        assert_eq!(files, ["new"], "{:?}", ran.stderr.text());
    });
}

#[test]
fn what_forks_twice_and_holds_the_output_is_gone_at_the_end_and_at_the_timeout() {
    as_each(|bench| {
        let escape = "(setsid sh -c 'setsid sh -c \"exec sleep 1000\" &' &)";
        let start = Instant::now();
        let ran = bench.sh(&format!("{escape}; echo done"));
        assert_eq!(ran.stdout.text(), "done\n");
        let mut call = bench.call();
        call.confined.wall = Duration::from_millis(700);
        let ran = call.sh(&format!("{escape}; trap '' TERM INT HUP; echo before; sleep 1000")).unwrap();
        assert_eq!((ran.end, ran.stdout.text().as_str()), (End::Timeout, "before\n"));
        assert!(start.elapsed() < Duration::from_secs(30));
    });
}

#[test]
fn a_fork_bomb_a_memory_bomb_and_a_full_room_are_limits() {
    as_each(|bench| {
        let mut call = bench.call();
        call.confined.processes = Some(20);
        let many = "i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done; wait";
        assert_eq!(call.sh(many).unwrap().end, End::Processes);
        // one that leaves them behind and ends well has had them all the same
        let left = "i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done; exit 0";
        assert_eq!(call.sh(left).unwrap().end, End::Processes);
        let few = "i=0; while [ $i -lt 15 ]; do sleep 0.05 & i=$((i+1)); done; wait";
        assert_eq!(call.sh(few).unwrap().end, End::Itself);
        // one that is faster than any look runs into the wall behind the limit, whatever it makes of that
        call.confined.wall = Duration::from_secs(5);
        let start = Instant::now();
        let ran = call.sh("f() { f & f & f & }; f; sleep 1000").unwrap();
        assert!(start.elapsed() < Duration::from_mins(1) && ran.end != End::Cancelled, "{:?}", ran.end);

        let mut call = bench.call();
        call.confined.memory = Some(64 << 20);
        let ran = call
            .sh("head -c 50000000 /dev/zero > /tmp/a; head -c 50000000 /dev/zero > /tmp/b; exit 1")
            .unwrap();
        assert!(matches!(ran.end, End::Memory | End::Room), "{:?}", ran.end);
        let how = if in_force(&ran, "memory_cgroup") { "memory:cgroup" } else { "memory:sampled" };
        assert!(in_force(&ran, how), "{:?}", ran.layers);
        call.stack.upper.bytes = 1 << 30;
        // many processes that each stay below the limit of one
        let ran = call.sh("for i in 1 2 3 4 5 6; do (x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 1000) & done; wait; exit 1").unwrap();
        assert_eq!(ran.end, End::Memory, "{}", ran.stderr.text());

        let mut call = bench.call();
        call.stack.upper.bytes = 4 << 20;
        let ran = call.sh("mkdir -p build/deep; head -c 1000000 /dev/zero > small; head -c 10000000 /dev/zero > build/deep/big").unwrap();
        assert_eq!((ran.end, ran.exit_code), (End::Room, 1), "{}", ran.stderr.text());
        assert_eq!(ran.largest[0].0, "build/deep", "{:?}", ran.largest);
        assert!(ran.largest.iter().any(|(folder, _)| folder == "."), "{:?}", ran.largest);
        let mut call = bench.call();
        call.stack.upper.inodes = 100;
        let ran = call.sh("i=0; while [ $i -lt 5000 ]; do : > f$i || exit 1; i=$((i+1)); done").unwrap();
        assert_eq!(ran.end, End::Room, "{}", ran.stderr.text());
        let mut call = bench.call();
        call.confined.file_bytes = Some(1000);
        assert_eq!(call.sh("exec head -c 100000 /dev/zero > big").unwrap().signal, Some(25));
    });
}

#[test]
fn a_sparse_file_of_any_size_is_read_as_nothing() {
    as_each(|bench| {
        let start = Instant::now();
        let ran = bench.sh("truncate -s 10G sparse; echo x > file");
        assert_eq!(ran.exit_code, 0, "{}", ran.stderr.text());
        let changes = ran.changes.unwrap();
        assert_eq!(changes.files.len(), 1);
        assert!(changes.not_carried.iter().any(|one| one.path == "sparse"));
        assert!(start.elapsed() < Duration::from_secs(20));
    });
}

#[test]
fn a_required_control_group_is_there_or_refused_by_name() {
    for &who in everybody() {
        as_one(who, |bench| {
            let mut call = bench.call();
            call.confined
                .demanded
                .extend(["memory_cgroup", "pids_cgroup", "landlock_net"].map(str::to_owned));
            match call.sh("true") {
                Ok(ran) => assert!(in_force(&ran, "memory_cgroup") && in_force(&ran, "pids_cgroup")),
                Err(RunError::Missing { missing, .. }) => {
                    assert_eq!(missing, ["memory_cgroup", "pids_cgroup"]);
                    assert!(who == Who::Nobody || !rustix::process::geteuid().is_root());
                }
                Err(other) => panic!("{other:?}"),
            }
            call.confined.demanded.push("no_such_layer".to_owned());
            let Err(RunError::Missing { missing, .. }) = call.sh("true") else {
                panic!("an unknown layer stood")
            };
            assert!(missing.contains(&"no_such_layer".to_owned()));
        });
    }
}
