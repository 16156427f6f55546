//! Where the user's files are: from variables alone. Looks at no disk.

use std::path::{Path, PathBuf};

/// The state folder: `LGFLOW_STATE_DIR`, else `$XDG_STATE_HOME/lgflow`, else `~/.local/state/lgflow`. A relative
/// `XDG_STATE_HOME` counts as not set, as its specification has it. `None` where nothing says where home is.
pub fn state_folder(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(own) = variable("LGFLOW_STATE_DIR").filter(|own| !own.is_empty()) {
        return Some(PathBuf::from(own));
    }
    base(&variable, "XDG_STATE_HOME", ".local/state")
}

/// Where state lies if no variable of ours names another folder, the first choice first.
pub fn usual_state_folders(variable: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("HOME").map(|home| home.join(".local/state"));
    absolute("XDG_STATE_HOME").into_iter().chain(home).map(|folder| folder.join("lgflow")).collect()
}

/// The folder of the user's configuration: `$XDG_CONFIG_HOME/lgflow`, else `~/.config/lgflow`.
pub fn config_folder(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    base(&variable, "XDG_CONFIG_HOME", ".config")
}

/// The folder of the user's configuration, where nothing names another one.
pub fn config_beneath(home: &Path) -> PathBuf {
    home.join(".config").join("lgflow")
}

fn base(variable: &impl Fn(&str) -> Option<String>, xdg: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(xdg).or_else(|| absolute("HOME").map(|home| home.join(below_home)))?;
    Some(folder.join("lgflow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_set_wins() {
        let with = |set: &'static [(&str, &str)]| {
            let find = move |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            (state_folder(find), config_folder(find))
        };
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(with(&[]), (None, None));
        assert_eq!(with(&[("HOME", "/h")]), (path("/h/.local/state/lgflow"), path("/h/.config/lgflow")));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]).0, path("/s/lgflow"));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_STATE_HOME", "s")]).0, path("/h/.local/state/lgflow"));
        assert_eq!(with(&[("HOME", "/h"), ("LGFLOW_STATE_DIR", "here")]).0, path("here"));
    }
}
