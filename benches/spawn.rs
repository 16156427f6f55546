//! What a command costs in the sandbox, beside a plain start of the same program and beside other sandboxes, where
//! they are found: medians of one run in which all take turns.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark starts processes, looks at the clock and prints"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lgflow::policy::{NetworkAccess, WorkspaceMode};
use lgflow::sandbox::{
    Beside, Confined, HELPER_ARGUMENT, Helper, Job, Layer, Program, Stack, UpperBounds, UpperSize, run,
};

/// How often each is started.
const TIMES: usize = 200;
const PROGRAM: &str = "/usr/bin/true";

fn main() {
    let workspace = tempfile::tempdir().unwrap();
    std::fs::write(workspace.path().join("file"), "text\n").unwrap();
    let mut contenders = vec![
        ("plain start", Contender::command(&[PROGRAM])),
        ("lgflow, strict", Contender::Sandbox { helper: Some(helper()), limits: false }),
        (
            "lgflow, strict, memory and processes bounded",
            Contender::Sandbox { helper: Some(helper()), limits: true },
        ),
        ("lgflow, strict, its first command", Contender::Sandbox { helper: None, limits: false }),
    ];
    contenders.extend(others(workspace.path()));
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); contenders.len()];
    for _ in 0..TIMES {
        for ((name, contender), times) in contenders.iter().zip(&mut times) {
            let start = Instant::now();
            assert!(contender.start(workspace.path()), "{name} failed");
            times.push(start.elapsed());
        }
    }
    println!("{:46} {:>9} {:>9} {:>9}", "start of `true`, milliseconds", "median", "quarter", "over");
    let plain = median(&mut times[0]);
    for ((name, _), times) in contenders.iter().zip(&mut times) {
        let (middle, quarter) = (median(times), times[TIMES / 4]);
        let shown = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{name:46} {:9.2} {:9.2} {:9.2}",
            shown(middle),
            shown(quarter),
            shown(middle.saturating_sub(plain))
        );
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

enum Contender {
    Command(Vec<String>),
    /// With a helper that is kept as a runner keeps it, or that is had for one command alone.
    Sandbox {
        helper: Option<Helper>,
        limits: bool,
    },
}

impl Contender {
    fn command(argv: &[&str]) -> Self {
        Contender::Command(argv.iter().map(|&argument| argument.to_owned()).collect())
    }

    fn start(&self, workspace: &Path) -> bool {
        match self {
            Contender::Command(argv) => Command::new(&argv[0])
                .args(&argv[1..])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success()),
            Contender::Sandbox { helper: Some(helper), limits } => sandboxed(helper, workspace, *limits),
            Contender::Sandbox { helper: None, limits } => sandboxed(&helper(), workspace, *limits),
        }
    }
}

fn helper() -> Helper {
    Helper::other(env!("CARGO_BIN_EXE_lgflow").into(), vec![HELPER_ARGUMENT.to_owned()])
}

fn sandboxed(helper: &Helper, workspace: &Path, limits: bool) -> bool {
    let stack = Stack {
        workspace: File::open(workspace).unwrap().into(),
        path: workspace.to_owned(),
        view: WorkspaceMode::Overlay,
        mask: vec![PathBuf::from(".env")],
        opaque: Vec::new(),
        caches: Vec::new(),
        binds: Vec::new(),
        unsafe_write: Vec::new(),
        upper: UpperSize::default(),
        network: NetworkAccess::Deny,
    };
    let strict = Layer::ALL.iter().filter(|layer| layer.is_strict());
    let confined = Confined {
        argv: vec!["true".to_owned()],
        env: BTreeMap::new(),
        wall: Duration::from_mins(1),
        cpu: None,
        memory: limits.then_some(1 << 30),
        processes: limits.then_some(100),
        file_bytes: None,
        output: 1000,
        demanded: strict.map(|layer| layer.name().to_owned()).collect(),
    };
    let program =
        Program { file: File::open(PROGRAM).unwrap().into(), path: PROGRAM.into(), is_script: false };
    let job = Job {
        program: &program,
        confined: &confined,
        stack: &stack,
        cwd: Path::new(""),
        stdin: None,
        bounds: UpperBounds { files: 100, file_bytes: 1 << 20, bytes: 1 << 20, binary: false },
    };
    run(helper, &job, Beside::NOBODY).is_ok_and(|ran| ran.exit_code == 0)
}

/// Other sandboxes with as much of the same as they have, where they are found and work.
fn others(workspace: &Path) -> Vec<(&'static str, Contender)> {
    let work = workspace.to_str().unwrap();
    let bwrap = [
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--ro-bind",
        "/usr",
        "/usr",
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
        "--symlink",
        "usr/bin",
        "/bin",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
        "--bind",
        work,
        work,
        "--chdir",
        work,
        PROGRAM,
    ];
    let nsjail = [
        "nsjail",
        "-Mo",
        "--really_quiet",
        "-R",
        "/usr",
        "-s",
        "usr/lib:/lib",
        "-s",
        "usr/lib64:/lib64",
        "-s",
        "usr/bin:/bin",
        "-T",
        "/tmp",
        "-B",
        work,
        "--cwd",
        work,
        "--",
        PROGRAM,
    ];
    let codex = ["codex", "sandbox", "--", PROGRAM];
    let all = [("bwrap", &bwrap[..]), ("nsjail", &nsjail[..]), ("codex sandbox", &codex[..])];
    let mut found = Vec::new();
    for (name, argv) in all {
        let contender = Contender::command(argv);
        if contender.start(workspace) {
            found.push((name, contender));
        } else {
            println!("{name}: not found, or it does not work here");
        }
    }
    found
}
