//! A file server of a few lines on the same libraries: what the same work costs where nothing is decided, and nobody is kept
//! apart from anybody.

use std::fs;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::routing::post;

/// Serves a folder from threads of this process, and gives `HOST:PORT`.
pub fn serve(root: PathBuf) -> String {
    let (tell, host) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap().to_string()).unwrap();
            axum::serve(listener, router(&root)).await.unwrap();
        });
    });
    host.recv().unwrap()
}

fn router(root: &Path) -> Router {
    let aside = |root: &Path, work: fn(&Path) -> String| {
        let root = root.to_owned();
        post(move || {
            let root = root.clone();
            async move { tokio::task::spawn_blocking(move || work(&root)).await.unwrap() }
        })
    };
    Router::new()
        .route("/read", aside(root, |root| fs::read_to_string(root.join("a.txt")).unwrap()))
        .route("/list", aside(root, |root| list(root).join("\n")))
        .route("/search", aside(root, |root| search(root, "needle 77").join("\n")))
}

/// The files of a folder and those beneath it, but for what begins with a dot; sorted.
fn list(root: &Path) -> Vec<String> {
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path().strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    files.sort_unstable();
    files
}

/// The lines that hold a text.
fn search(root: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in list(root) {
        let content = fs::read_to_string(root.join(&path)).unwrap();
        let lines = content.lines().enumerate().filter(|(_, line)| line.contains(text));
        found.extend(lines.map(|(at, line)| format!("{path}:{}:{line}", at + 1)));
    }
    found
}
