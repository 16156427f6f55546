//! How a repository is opened: its own files and nothing else decide, and no object stands for another one.

/// Without the settings of the system, the user and the environment, and without replacements: an id means what was
/// hashed to it, whatever `refs/replace/` says.
pub fn git_options() -> gix::open::Options {
    gix::open::Options::isolated()
        .config_overrides(["core.useReplaceRefs=false", "gitoxide.objects.noReplace=true"])
}
