//! The folder of traces that a site is made of, and the folder that its pages go to: both named by the user.
#![expect(clippy::disallowed_methods, reason = "the user names a folder, and all its traces are meant")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The most traces that one site shows.
const MOST: usize = 10_000;

/// The traces in a folder, by name: plain files that are called `run-….jsonl`.
pub fn traces_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type()?.is_file() && name.starts_with("run-") && name.ends_with(".jsonl") {
            found.push(entry.path());
        }
        if found.len() > MOST {
            return Err(io::Error::other(format!("there are more than {MOST} traces in it")));
        }
    }
    found.sort();
    Ok(found)
}

/// Makes the folder that pages go to, and those around it, if they are not there.
pub fn make_output_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
