//! A proxy that speaks TLS in front of a runner.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::program::Workspace;
use crate::program::python::python;
use crate::served::Served;

pub struct Proxy {
    child: Child,
    folder: PathBuf,
    pub url: String,
}

impl Proxy {
    /// In front of `served`; its certificate lies beside the workspace `there`.
    pub fn before(served: &Served, there: &Workspace) -> Self {
        let folder = there.outside().join("tls");
        fs::create_dir(&folder).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/service/tls_proxy.py");
        let mut command = Command::new(python());
        let mut child =
            command.arg(script).arg(&folder).arg(served.host()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, folder, url: format!("https://localhost:{}", port.trim()) }
    }

    /// The variable with which its certificate is trusted.
    pub fn trusted(&self) -> (&'static str, String) {
        ("SSL_CERT_FILE", self.folder.join("cert.pem").display().to_string())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
