//! Where a pack comes from. A source is spelled in one way only, because publishers are remembered by it; and only
//! sources that vouch for what they send are taken: a folder, a repository on this machine, HTTPS, SSH.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::PackError;

/// Bytes of a URL.
const MAX_URL: usize = 1_000;

/// Where a pack comes from. Further kinds get further arms here and in the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder of this machine, by its real path.
    Directory(PathBuf),
    /// A git repository, by its URL.
    Git(String),
}

impl Source {
    /// What a person writes behind `--from`: a URL is a git repository; a path is a folder, or with a revision a git
    /// repository. Relative paths begin at `base`.
    pub fn parse(text: &str, with_revision: bool, base: &Path) -> Result<Self, PackError> {
        if text.contains("://") {
            return check_url(text).map(|()| Self::Git(text.trim_end_matches('/').to_owned()));
        }
        let path = base.join(text);
        let real = path.canonicalize().map_err(|error| {
            PackError::Usage(format!(
                "`{text}` is no folder that can be opened: {error}; a source is a folder, or a URL like `https://example.com/packs.git` or `ssh://git@example.com/packs.git`"
            ))
        })?;
        if !with_revision {
            return Ok(Self::Directory(real));
        }
        let real = real.to_str().ok_or_else(|| PackError::Usage(format!("`{text}` is not UTF-8")))?;
        let url = format!("file://{real}");
        check_url(&url).map(|()| Self::Git(url))
    }

    /// What it is remembered as.
    pub fn identity(&self) -> String {
        match self {
            Self::Directory(path) => format!("directory {}", path.display()),
            Self::Git(url) => format!("git {url}"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "`{}`", path.display()),
            Self::Git(url) => write!(f, "`{url}`"),
        }
    }
}

/// The protocol that git may use for a URL that was checked: this one and no other.
pub(super) fn protocol(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}

pub(super) fn check_url(url: &str) -> Result<(), PackError> {
    let refuse = |why: &str| Err(PackError::Usage(format!("`{url}` cannot be a source: {why}")));
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && url.len() <= MAX_URL;
    if !plain || url.contains(['?', '#', '\\', '"', '\'', '`', '<', '>']) {
        return refuse("a URL here has neither spaces, queries nor fragments, and at most 1000 bytes");
    }
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) =
        authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if path.split('/').any(|part| part == "..") {
        return refuse("it has `..` in it; write where it leads");
    }
    match scheme {
        "file" if authority.is_empty() => Ok(()),
        "file" => refuse("a `file` URL begins with `file:///`"),
        _ if host.is_empty() || host.starts_with('-') || path.is_empty() => {
            refuse("it names no host and path")
        }
        "https" | "http" | "git" if user.is_some() => {
            refuse("a user or a password would stand in the lock for everybody; use `ssh://` with a key")
        }
        "ssh" if user.is_some_and(|user| user.contains(':') || user.starts_with('-')) => {
            refuse("a password would stand in the lock for everybody; use a key")
        }
        "https" | "ssh" => Ok(()),
        "http" | "git" if is_loopback(host) => Ok(()),
        "http" | "git" => {
            refuse("nobody vouches for what comes over this protocol; use `https://` or `ssh://`")
        }
        _ => refuse("it is none of `https://`, `ssh://` and `file://`"),
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_that_vouch_for_what_they_send() {
        for good in [
            "https://example.com/acme/packs.git",
            "ssh://git@example.com:22/packs",
            "file:///srv/packs.git",
            "git://127.0.0.1:9418/packs.git",
            "http://[::1]:8080/packs.git",
            "http://localhost/packs.git",
        ] {
            assert!(check_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com/packs.git",
            "git://example.com/packs.git",
            "git://127.0.0.1.example.com/packs.git",
            "https://user:secret@example.com/packs.git",
            "https://token@example.com/packs.git",
            "ssh://git:secret@example.com/packs.git",
            "ssh://-oProxyCommand=x/packs",
            "ssh://-x@example.com/packs",
            "ext::sh://x",
            "ext://sh -c x",
            "file://host/packs",
            "https://example.com",
            "https://example.com/a/../b",
            "https://example.com/a?b",
            "https://example.com/a b",
        ] {
            assert!(matches!(check_url(bad), Err(PackError::Usage(_))), "{bad}");
        }
    }

    #[test]
    fn a_path_is_a_folder_and_with_a_revision_a_repository() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        assert_eq!(Source::parse(".", false, folder.path()).unwrap(), Source::Directory(real.clone()));
        let git = Source::parse(".", true, folder.path()).unwrap();
        assert_eq!(git, Source::Git(format!("file://{}", real.display())));
        assert!(Source::parse("none", false, folder.path()).is_err());
        let slash = Source::parse("https://example.com/packs.git/", false, folder.path()).unwrap();
        assert_eq!(slash.identity(), "git https://example.com/packs.git");
    }
}
