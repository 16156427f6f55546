//! Which commit is meant, and its objects: the revision that was asked for, the one of the lock, or the highest
//! version among the tags.

use crate::model::{PackName, PackVersion};
use crate::packs::{PackError, Revision, Shelf};

use super::command::Bare;
use super::objects::Commit;

/// What is fetched into.
const HERE: &str = "refs/lgflow/pack";

/// Which revision is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::packs) enum Asked {
    /// The tag of the highest version.
    Highest,
    /// A tag, a branch or a commit.
    Named(String),
    /// What a lock has of a pack: a tag must still mean it.
    Locked(PackName, Revision),
}

/// A commit with its tree.
#[derive(Debug)]
pub(in crate::packs) struct Fetched {
    pub(in crate::packs) revision: Revision,
    pub(in crate::packs) commit: Commit,
}

/// Fetches one commit from `url`, which was checked, on the shelf.
pub(in crate::packs) fn fetch(url: &str, asked: &Asked, shelf: &Shelf) -> Result<Fetched, PackError> {
    shelf.renew()?;
    let bare = Bare::new(shelf, url)?;
    let revision = meant(&bare, url, asked)?;
    bare.fit(&revision.commit)?;
    let wanted = match asked {
        // a branch moves on, and its old commit is still what the lock has
        Asked::Locked(..) => &revision.commit,
        _ => &revision.name,
    };
    bare.run(&[
        "fetch",
        "--quiet",
        "--no-tags",
        "--depth=1",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
        "--",
        url,
        &format!("{wanted}:{HERE}"),
    ])?;
    let commit = Commit::of(&bare.folder(), HERE).map_err(|problem| bare.problem(problem))?;
    let found = commit.id();
    if found != revision.commit {
        let problem = format!("`{}` moved from {} to {found} meanwhile", revision.name, revision.commit);
        return Err(bare.problem(problem));
    }
    Ok(Fetched { revision, commit })
}

/// Can this be the name of a revision, or of a ref, on git's command line?
pub(in crate::packs) fn is_plain_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._/+-".contains(&byte);
    !name.is_empty()
        && name.len() <= 200
        && name.bytes().all(letter)
        && !name.starts_with(['-', '/', '.', '+'])
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && !name.contains("//")
}

fn meant(bare: &Bare<'_>, url: &str, asked: &Asked) -> Result<Revision, PackError> {
    match asked {
        Asked::Highest => highest(&listed(bare, url, &["refs/tags/*"])?, url),
        Asked::Named(name) => named(bare, url, name),
        Asked::Locked(pack, revision) => {
            if revision.name.starts_with("refs/tags/") {
                still_there(&listed(bare, url, &patterns(&revision.name))?, url, pack, revision)?;
            }
            Ok(revision.clone())
        }
    }
}

fn named(bare: &Bare<'_>, url: &str, name: &str) -> Result<Revision, PackError> {
    let none = || PackError::NoRevision { of: format!("`{url}`"), revision: name.to_owned() };
    if !is_plain_name(name) {
        return Err(none());
    }
    if is_commit(name) {
        return Ok(Revision { name: name.to_owned(), commit: name.to_owned() });
    }
    let refs = if name.starts_with("refs/") {
        vec![name.to_owned()]
    } else {
        vec![format!("refs/tags/{name}"), format!("refs/heads/{name}")]
    };
    let asked: Vec<String> = refs.iter().flat_map(|name| patterns(name)).collect();
    let found = listed(bare, url, &asked)?;
    refs.iter().find_map(|name| commit_of(&found, name)).ok_or_else(none)
}

fn highest(found: &[(String, String)], url: &str) -> Result<Revision, PackError> {
    let version = |name: &str| {
        let tag = name.strip_prefix("refs/tags/")?;
        PackVersion::parse(tag.strip_prefix('v').unwrap_or(tag)).filter(|version| !version.is_unfinished())
    };
    let tags = found.iter().filter_map(|(name, _)| Some((version(name)?, name)));
    let tag = tags.max().map(|(_, name)| name.as_str());
    tag.and_then(|name| commit_of(found, name)).ok_or_else(|| PackError::NoRevision {
        of: format!("`{url}`"),
        revision: "v1.2.3 (any version)".to_owned(),
    })
}

fn still_there(
    found: &[(String, String)],
    url: &str,
    pack: &PackName,
    locked: &Revision,
) -> Result<(), PackError> {
    let now = commit_of(found, &locked.name)
        .ok_or_else(|| PackError::NoRevision { of: format!("`{url}`"), revision: locked.name.clone() })?;
    if now.commit == locked.commit {
        return Ok(());
    }
    Err(PackError::Moved {
        pack: pack.clone(),
        revision: locked.name.clone(),
        locked: locked.commit.clone(),
        found: now.commit,
    })
}

/// A ref, and what an annotated tag peels to.
fn patterns(name: &str) -> [String; 2] {
    [name.to_owned(), format!("{name}^{{}}")]
}

fn commit_of(found: &[(String, String)], name: &str) -> Option<Revision> {
    let peeled = format!("{name}^{{}}");
    let find = |wanted: &str| found.iter().find(|(name, _)| name == wanted).map(|(_, id)| id.clone());
    Some(Revision { name: name.to_owned(), commit: find(&peeled).or_else(|| find(name))? })
}

fn listed(
    bare: &Bare<'_>,
    url: &str,
    patterns: &[impl AsRef<str>],
) -> Result<Vec<(String, String)>, PackError> {
    let mut arguments = vec!["ls-remote", "--quiet", "--", url];
    arguments.extend(patterns.iter().map(AsRef::as_ref));
    let text = bare.run(&arguments)?;
    let line = |line: &str| {
        let (id, name) = line.split_once('\t')?;
        let plain = is_plain_name(name.strip_suffix("^{}").unwrap_or(name));
        (is_commit(id) && plain).then(|| (name.to_owned(), id.to_owned()))
    };
    Ok(text.lines().filter_map(line).collect())
}

/// Is it the whole id of a commit, of SHA-1 or of SHA-256?
pub(in crate::packs) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(refs: &[(&str, char)]) -> Vec<(String, String)> {
        refs.iter().map(|(name, id)| ((*name).to_owned(), id.to_string().repeat(40))).collect()
    }

    #[test]
    fn the_highest_finished_version_among_the_tags() {
        let tags = found(&[
            ("refs/tags/v1.9.0", '1'),
            ("refs/tags/v1.10.0", '2'),
            ("refs/tags/v1.10.0^{}", '3'),
            ("refs/tags/v2.0.0-rc.1", '4'),
            ("refs/tags/nightly", '5'),
        ]);
        let revision = highest(&tags, "x").unwrap();
        assert_eq!((revision.name.as_str(), revision.commit), ("refs/tags/v1.10.0", "3".repeat(40)));
        assert!(matches!(highest(&[], "x"), Err(PackError::NoRevision { .. })));
    }

    #[test]
    fn names_that_git_could_take_for_something_else_are_none() {
        for good in ["v1.2.0", "main", "refs/heads/release/1.x", "a+b"] {
            assert!(is_plain_name(good), "{good}");
        }
        for bad in
            ["", "-x", "--upload-pack=x", "a b", "a:b", "a..b", "a^{}", "/a", "a/", "+a", "a\nb", "a~1", "ü"]
        {
            assert!(!is_plain_name(bad), "{bad:?}");
        }
    }
}
