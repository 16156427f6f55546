//! Debian's Chromium without a screen, asked through a pipe: what a page is to whoever opens it. It must be installed.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A browser with one page.
pub struct Browser {
    folder: tempfile::TempDir,
    child: Child,
    to: File,
    from: File,
    read: Vec<u8>,
    session: String,
    last: u64,
    /// What it has told without being asked.
    told: VecDeque<Value>,
}

impl Browser {
    /// Starts it. The two pipes are handed over by a shell as descriptors 3 and 4, as Chromium wants them.
    pub fn start() -> Self {
        let found = Command::new("bash").args(["-c", "command -v chromium"]).output().unwrap();
        assert!(found.status.success(), "pages are tried in Debian's `chromium`, which is not installed");
        let folder = tempfile::tempdir().unwrap();
        let pipes = [folder.path().join("to"), folder.path().join("from")];
        let made = Command::new("mkfifo").args(&pipes).status().unwrap();
        assert!(made.success(), "mkfifo");
        let script = "exec chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars \
             --disable-background-networking --disable-component-update --disable-sync --disable-extensions \
             --disable-default-apps --user-data-dir=\"$3\" --remote-debugging-pipe about:blank 3<\"$1\" 4>\"$2\"";
        let child = Command::new("bash")
            .args(["-c", script, "browser"])
            .args(&pipes)
            .arg(folder.path().join("profile"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // in the order in which the shell opens them
        let to = OpenOptions::new().write(true).open(&pipes[0]).unwrap();
        let from = File::open(&pipes[1]).unwrap();
        let (read, session, told) = (Vec::new(), String::new(), VecDeque::new());
        let mut browser = Self { folder, child, to, from, read, session, last: 0, told };
        let targets = browser.ask("Target.getTargets", json!({}));
        let pages = targets["targetInfos"].as_array().unwrap();
        let page = pages.iter().find(|target| target["type"] == "page").unwrap()["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({ "targetId": page, "flatten": true }));
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Asks for something and waits for the answer.
    pub fn ask(&mut self, method: &str, parameters: impl Into<Value>) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters.into() });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        let mut text = message.to_string().into_bytes();
        text.push(0);
        self.to.write_all(&text).unwrap();
        loop {
            let answer = self.next();
            if answer["id"] == self.last {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.told.push_back(answer);
        }
    }

    fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == 0) {
                let rest = self.read.split_off(end + 1);
                let message = std::mem::replace(&mut self.read, rest);
                return serde_json::from_slice(&message[..end]).unwrap();
            }
            let mut part = [0; 8192];
            let count = self.from.read(&mut part).unwrap();
            assert!(count > 0, "the browser has ended: {:?}", self.child.try_wait());
            self.read.extend(&part[..count]);
        }
    }

    /// Opens a file in a window of this width and waits until it is there.
    pub fn open(&mut self, file: &Path, width: u32) {
        let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", metrics);
        self.told.clear();
        self.ask("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        let loaded = |told: &Value| told["method"] == "Page.loadEventFired";
        while !self.told.iter().any(loaded) {
            let next = self.next();
            self.told.push_back(next);
        }
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.ask("Runtime.evaluate", asked);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            _ => (0, key),
        };
        let event = |kind: &str| json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text, "unmodifiedText": text });
        self.ask("Input.dispatchKeyEvent", event("keyDown"));
        self.ask("Input.dispatchKeyEvent", event("keyUp"));
    }

    /// Clicks on a place of the window.
    pub fn click(&mut self, x: f64, y: f64) {
        for kind in ["mousePressed", "mouseReleased"] {
            self.ask(
                "Input.dispatchMouseEvent",
                json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 }),
            );
        }
    }

    /// What a console would show since the page was opened: its own words, faults, and what its policy has refused.
    pub fn complaints(&self) -> Vec<String> {
        let of = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
        self.told
            .iter()
            .filter(|told| of.iter().any(|one| told["method"] == *one))
            .map(Value::to_string)
            .collect()
    }

    /// The addresses that were asked for since the page was opened.
    pub fn requests(&self) -> Vec<String> {
        let sent = self.told.iter().filter(|told| told["method"] == "Network.requestWillBeSent");
        sent.map(|told| told["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // its own child alone; the folder goes after it has ended
        drop(self.child.kill());
        drop(self.child.wait());
        let _ = &self.folder;
    }
}
