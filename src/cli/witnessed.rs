//! What others know of a trace: what `lgflow trace verify` is told to hold it against beside what this installation knows.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::digest::{Digest, PublicKey};
use crate::files::{FileError, Links, RelPath, Root, read_given, write_given, write_within};
use crate::front::read_anchors;
use crate::trace::Envelope;
use crate::view::escaped;
use crate::witness::{AnchorPlace, Anchored, Signed, anchored, signed};

use super::Exit;
use super::problem::Problem;
use super::trace::Found;

/// The most that is read of a file of signatures or of a key.
const LIMIT: u64 = 16 * 1024 * 1024;

/// What a trace is held against.
#[derive(Debug, Default)]
pub(super) struct Witnesses<'a> {
    /// The public key that must have signed it.
    pub(super) key: Option<&'a str>,
    /// Where its signatures stand; beside the trace where this is not said.
    pub(super) signature: Option<&'a Path>,
    /// Where it was anchored.
    pub(super) anchor: Option<&'a AnchorPlace>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Witnessed {
    signed: Option<(PublicKey, Signed)>,
    anchored: Option<(AnchorPlace, Anchored)>,
}

impl Witnesses<'_> {
    pub(super) fn hold(&self, found: &Found) -> Result<Witnessed, Problem> {
        let (run, hashes) = hashes(&found.text);
        let signed = self.key.map(|key| -> Result<_, Problem> {
            let key = public_key(key)?;
            let file = self.signature.map_or_else(|| SignatureFile::of(found), SignatureFile::named);
            Ok((key, signed(&file.lines()?, &key, &run, &hashes)))
        });
        let anchored = self.anchor.map(|place| -> Result<_, Problem> {
            let commit = commit_of(&found.text);
            let lines = read_anchors(place, &root(found), commit.as_deref()).map_err(|error| {
                let detail = format!("cannot read the anchors: {error}");
                Problem::with(Exit::Unverified, "not verified", detail)
            })?;
            Ok((place.clone(), anchored(&lines, &run, &hashes, found.receipts.as_deref())))
        });
        Ok(Witnessed { signed: signed.transpose()?, anchored: anchored.transpose()? })
    }
}

impl Witnessed {
    /// What is wrong, as phrases.
    pub(super) fn wrong(&self) -> Vec<String> {
        let signature = self.signed.as_ref().and_then(|(key, signed)| match signed {
            Signed::Whole | Signed::Part(_) => None,
            Signed::Broken(events) => {
                Some(format!("{key} has signed another trace of this run, as far as event {events}"))
            }
            Signed::Forged => Some(format!("a signature that bears the name {key} was not made by it")),
            Signed::Missing => Some(format!("{key} has not signed it")),
        });
        let anchor = self.anchored.as_ref().and_then(|(place, anchored)| {
            let place = escaped(&place.to_string());
            match anchored {
                Anchored::UpTo(_) => None,
                Anchored::Broken(events) => Some(format!(
                    "it is not the trace that was anchored in {place}: up to event {events} something was cut or written anew"
                )),
                Anchored::OtherReceipts(events, discord) => Some(format!(
                    "the receipts are not those that were anchored in {place} with event {events}: {discord}"
                )),
                Anchored::Missing => Some(format!("there is no anchor of it in {place}")),
            }
        });
        [signature, anchor].into_iter().flatten().collect()
    }

    pub(super) fn is_whole(&self) -> bool {
        self.wrong().is_empty()
    }

    /// The verdicts, where nothing is wrong.
    pub(super) fn verdicts(&self) -> Vec<String> {
        let signature = self.signed.as_ref().and_then(|(key, signed)| match signed {
            Signed::Whole => Some(format!("signed by {key}")),
            Signed::Part(events) => Some(format!("signed by {key} up to event {events}")),
            Signed::Broken(_) | Signed::Forged | Signed::Missing => None,
        });
        let anchor = match &self.anchored {
            Some((_, Anchored::UpTo(events))) => format!("complete up to anchor {events}"),
            _ => "unanchored".to_owned(),
        };
        signature.into_iter().chain([anchor]).collect()
    }

    pub(super) fn signature_document(&self) -> Option<Value> {
        let (key, signed) = self.signed.as_ref()?;
        let (word, events) = match signed {
            Signed::Whole => ("whole", None),
            Signed::Part(events) => ("part", Some(*events)),
            Signed::Broken(events) => ("broken", Some(*events)),
            Signed::Forged => ("forged", None),
            Signed::Missing => ("missing", None),
        };
        Some(json!({ "key": key.to_string(), "signed": word, "events": events }))
    }

    pub(super) fn anchor_document(&self) -> Option<Value> {
        let (place, anchored) = self.anchored.as_ref()?;
        let (word, events) = match anchored {
            Anchored::UpTo(events) => ("up_to", Some(*events)),
            Anchored::Broken(events) => ("broken", Some(*events)),
            Anchored::OtherReceipts(events, _) => ("other_receipts", Some(*events)),
            Anchored::Missing => ("missing", None),
        };
        Some(json!({ "place": place.to_string(), "anchored": word, "events": events }))
    }
}

/// The run that a trace is of, and the hashes that its lines carry.
pub(super) fn hashes(text: &str) -> (String, Vec<Digest>) {
    let mut run = String::new();
    let hashes = text.lines().map_while(Envelope::parse).map(|(event, hash)| {
        if run.is_empty() {
            run = event.run;
        }
        hash
    });
    let hashes = hashes.collect();
    (run, hashes)
}

/// The commit that the workspace of a run stood on.
pub(super) fn commit_of(text: &str) -> Option<String> {
    let (first, _) = text.lines().next().and_then(Envelope::parse)?;
    Some(first.data.get("revision")?.as_str()?.to_owned())
}

/// The workspace around the current folder: its notes are meant.
pub(super) fn root(found: &Found) -> PathBuf {
    let here = super::trust::here().map(|place| place.root);
    let beside = || found.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(".")).to_owned();
    here.unwrap_or_else(|_| beside())
}

/// A file of signatures.
pub(super) struct SignatureFile {
    /// To name it by.
    pub(super) path: PathBuf,
    /// The folder that it is reached from through no link, and its path there, where nobody named it.
    within: Option<(PathBuf, String)>,
}

impl SignatureFile {
    /// One that the user named: links are followed.
    pub(super) fn named(path: &Path) -> Self {
        Self { path: path.to_owned(), within: None }
    }

    /// Where signatures of a trace stand if nobody says otherwise: beside the file, or where a copy of the run is put.
    pub(super) fn of(found: &Found) -> Self {
        let (folder, place) = match (&found.named_run, super::trust::here()) {
            (Some(run), Ok(here)) => (here.root, format!("artifacts/runs/run-{run}.sig")),
            _ => {
                let path = found.file.as_deref().unwrap_or(Path::new(&found.name)).with_extension("sig");
                let folder = path.parent().filter(|folder| *folder != Path::new(""));
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (folder.unwrap_or(Path::new(".")).to_owned(), name)
            }
        };
        Self { path: folder.join(&place), within: Some((folder, place)) }
    }

    /// Its lines; none where it is not there.
    pub(super) fn lines(&self) -> Result<String, Problem> {
        match self.read() {
            Ok(text) => Ok(text),
            Err(FileError::NotFound { .. }) => Ok(String::new()),
            Err(error) => {
                let detail = format!("cannot read the signatures: {error}");
                Err(Problem::with(Exit::Unverified, "not verified", detail))
            }
        }
    }

    fn read(&self) -> Result<String, FileError> {
        let Some((folder, place)) = &self.within else { return read_given(&self.path, LIMIT) };
        let place = RelPath::parse(place)?;
        let bytes = Root::open(folder)?.file(&place, Links::Refuse)?.read(LIMIT)?;
        // a line that is no text is no signature
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes it anew.
    pub(super) fn write(&self, lines: &str) -> Result<(), Problem> {
        let written = match &self.within {
            None => write_given(&self.path, lines),
            Some((folder, place)) => {
                Root::open(folder).and_then(|folder| write_within(&folder, place, lines))
            }
        };
        written.map_err(|error| Problem::failed(format!("cannot write `{}`", self.path.display()), &error))
    }
}

/// A public key as it is written, or the file that it stands in: as `ed25519:…`, or in PEM.
fn public_key(named: &str) -> Result<PublicKey, Problem> {
    if let Ok(key) = PublicKey::parse(named) {
        return Ok(key);
    }
    let wrong = |why: String| Problem::usage(format!("`--key {named}`: {why}"));
    let text = read_given(Path::new(named), LIMIT).map_err(|error| wrong(error.to_string()))?;
    PublicKey::parse(text.trim())
        .or_else(|_| PublicKey::from_pem(&text))
        .map_err(|error| wrong(error.to_string()))
}
