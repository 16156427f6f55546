//! A git repository that publishes packs, and git's own daemon before it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::bench::write_pack;

pub struct Repository {
    tree: PathBuf,
    pub bare: PathBuf,
}

impl Repository {
    /// A bare repository beside a working tree.
    pub fn new(folder: &Path) -> Self {
        Self::of(folder, "sha1")
    }

    /// The same, with objects that are named by `hash`.
    pub fn of(folder: &Path, hash: &str) -> Self {
        let hash = format!("--object-format={hash}");
        let (tree, bare) = (folder.join("tree"), folder.join("served/packs.git"));
        fs::create_dir_all(folder.join("served")).unwrap();
        let repository = Self { tree, bare };
        let (tree, bare) = (repository.tree.to_str().unwrap(), repository.bare.to_str().unwrap());
        git(folder, &["init", "-q", &hash, "-b", "main", tree]);
        git(folder, &["init", "-q", &hash, "--bare", "-b", "main", bare]);
        repository
    }

    /// Commits a version of `acme/base` and moves a tag there.
    pub fn release(&self, version: &str, policy: &str) -> String {
        write_pack(&self.tree.join("base"), "acme/base", version, "", policy);
        self.commit(version);
        self.tag(&format!("v{version}"), "HEAD")
    }

    pub fn tree(&self) -> &Path {
        &self.tree
    }

    pub fn commit(&self, message: &str) {
        git(&self.tree, &["add", "-A"]);
        git(&self.tree, &["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Sets an annotated tag and publishes everything; gives the commit.
    pub fn tag(&self, name: &str, commit: &str) -> String {
        git(&self.tree, &["tag", "-f", "-a", "-m", name, name, commit]);
        self.publish();
        git(&self.tree, &["rev-parse", &format!("{commit}^{{commit}}")])
    }

    pub fn publish(&self) {
        git(&self.tree, &["push", "-q", "-f", "--mirror", self.bare.to_str().unwrap()]);
    }

    /// A commit whose tree is these bytes, whatever they say, under a tag.
    pub fn raw_tree(&self, bytes: &[u8], tag: &str) {
        let file = self.tree.join("../raw");
        fs::write(&file, bytes).unwrap();
        let tree =
            git(&self.tree, &["hash-object", "-t", "tree", "-w", "--literally", file.to_str().unwrap()]);
        let commit = git(&self.tree, &["commit-tree", "-m", "raw", &tree]);
        git(&self.tree, &["tag", "-f", tag, &commit]);
        self.publish();
    }

    /// An object's id as its 20 bytes.
    pub fn id_bytes(&self, revision: &str) -> Vec<u8> {
        let hex = git(&self.tree, &["rev-parse", revision]);
        (0..20).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
    }
}

/// Runs git with settings of the test alone.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git is needed for this test");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// `git daemon` on a free port of loopback, ended with the test.
pub struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    pub fn before(repository: &Repository) -> Self {
        let served = repository.bare.parent().unwrap();
        let programs = git(served, &["--exec-path"]);
        let program = Path::new(&programs).join("git-daemon");
        assert!(program.is_file(), "this test needs git-daemon: {} is not there", program.display());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(program)
            .args(["--listen=127.0.0.1", &format!("--port={port}"), "--export-all", "--reuseaddr"])
            .arg(format!("--base-path={}", served.display()))
            .arg(served)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "git-daemon ended before it listened");
            sleep(Duration::from_millis(10));
        }
        Self { child, port }
    }

    pub fn url(&self) -> String {
        format!("git://127.0.0.1:{}/packs.git", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A web server before a repository, as smart as a forge's: `/packs.git` is served by git's own program, `/moved`
/// leads there, and `/closed` asks who is there.
pub struct Web {
    child: Child,
    pub port: u16,
}

const WEB: &str = r#"
import http.server, os, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.0'
    def log_message(self, *words): pass
    def do_POST(self): self.do_GET()
    def do_GET(self):
        path, _, query = self.path.partition('?')
        if path.startswith('/moved'):
            self.send_response(302)
            self.send_header('Location', self.path.replace('/moved', '/packs.git'))
            return self.end_headers()
        if path.startswith('/closed'):
            self.send_response(401)
            self.send_header('WWW-Authenticate', 'Basic realm="x"')
            return self.end_headers()
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        env = dict(os.environ, GIT_PROJECT_ROOT=sys.argv[1], GIT_HTTP_EXPORT_ALL='1', PATH_INFO=path, QUERY_STRING=query,
            REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get('Content-Type', ''), CONTENT_LENGTH=str(len(body)),
            GIT_PROTOCOL=self.headers.get('Git-Protocol', ''), HTTP_CONTENT_ENCODING=self.headers.get('Content-Encoding', ''),
            GIT_CONFIG_NOSYSTEM='1', GIT_CONFIG_GLOBAL='/dev/null')
        said = subprocess.run(['git', 'http-backend'], input=body, env=env, stdout=subprocess.PIPE).stdout
        head, _, rest = said.partition(b'\r\n\r\n')
        lines = [line.decode().split(': ', 1) for line in head.split(b'\r\n')]
        status = next((int(value.split()[0]) for name, value in lines if name == 'Status'), 200)
        self.send_response(status)
        for name, value in lines:
            if name != 'Status': self.send_header(name, value)
        self.end_headers()
        self.wfile.write(rest)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

impl Web {
    pub fn before(repository: &Repository) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", WEB])
            .arg(repository.bare.parent().unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is needed for this test");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
