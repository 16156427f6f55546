//! A real terminal: a window of tmux with a shell in it, typed into and looked at.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Workspace;

/// A terminal with a shell in it, of its own server.
pub struct Terminal {
    server: String,
    pub workspace: Workspace,
}

impl Terminal {
    /// A shell in `workspace`, in a window of 30 lines; `more` are further variables of it, as a shell takes them.
    pub fn open(workspace: Workspace, columns: u32, more: &str) -> Self {
        let server =
            format!("lgflow-{}-{}", std::process::id(), workspace.outside().file_name().unwrap().display());
        let terminal = Self { server, workspace };
        let program = terminal.workspace.command(&[]);
        let variables: Vec<String> = program
            .get_envs()
            .filter_map(|(name, value)| Some(format!("{}={}", name.display(), value?.display())))
            .collect();
        let shell = format!("env -i TERM=screen-256color {} {more} PS1='$ ' sh", variables.join(" "));
        let size = [columns.to_string(), "30".to_owned()];
        let arguments =
            ["-f", "/dev/null", "new-session", "-d", "-s", "a", "-x", &size[0], "-y", &size[1], &shell];
        terminal.tmux(&arguments);
        terminal
    }

    pub fn tmux(&self, arguments: &[&str]) -> String {
        let done = Command::new("tmux")
            .args(["-u", "-L", &self.server])
            .args(arguments)
            .current_dir(self.workspace.path())
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .output()
            .expect("this test needs `tmux` in the PATH");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    pub fn type_line(&self, line: &str) {
        self.tmux(&["send-keys", "-t", "a", "-l", line]);
        self.tmux(&["send-keys", "-t", "a", "Enter"]);
    }

    pub fn interrupt(&self) {
        self.tmux(&["send-keys", "-t", "a", "C-c"]);
    }

    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "a"])
    }

    /// The screen once `shows` holds; the bound is generous and only ends a broken test.
    #[track_caller]
    pub fn once(&self, shows: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + Duration::from_mins(2);
        loop {
            let screen = self.screen();
            if shows(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "the screen never shows it:\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.server, "kill-server"]).output();
    }
}
