//! The part of a patch that says what a file becomes where no lines can: git's `GIT binary patch`, with the names of both
//! contents, deflated, in base 85. Knows no disk, and not how git names a content.

mod base85;
mod deflate;
mod delta;
mod read;
mod write;

pub(super) use read::{Index, read_binary};

/// The most bytes of a file that is patched: more is not even unpacked.
pub(crate) const MOST_BYTES: u64 = 64 << 20;

/// How git's names of contents are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ObjectHash {
    /// 40 digits.
    #[default]
    Sha1,
    /// 64 digits.
    Sha256,
}

impl ObjectHash {
    /// The digits of a name.
    fn digits(self) -> usize {
        match self {
            ObjectHash::Sha1 => 40,
            ObjectHash::Sha256 => 64,
        }
    }
}

/// Git's names of a content before and after; none where there is no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlobNames {
    /// How they are made.
    pub hash: ObjectHash,
    /// In hex.
    pub before: Option<String>,
    /// In hex.
    pub after: Option<String>,
}

/// What a file becomes, and what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binary {
    /// Of what it was and of what it becomes.
    pub names: BlobNames,
    /// Makes what it becomes of what it was.
    forward: Part,
    /// Makes what it was of what it becomes.
    back: Option<Part>,
    /// The line of the patch that it begins on; 0 where there is no text.
    pub written_at: usize,
}

/// One way: a content, or what makes one of another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    form: Form,
    /// Of what was deflated, as it is announced.
    size: usize,
    deflated: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Literal,
    Delta,
}

/// Why a part makes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is not as git writes it.
    Damaged(&'static str),
    /// It would make so many bytes.
    TooLarge(u64),
}

impl Binary {
    /// What makes `new` of `old`, and the other way round. Nothing where they can't be deflated.
    pub(crate) fn between(names: BlobNames, old: &[u8], new: &[u8]) -> Option<Self> {
        let (forward, back) = (Part::between(old, new)?, Part::between(new, old)?);
        Some(Self { names, forward, back: Some(back), written_at: 0 })
    }

    /// One way alone, by a delta that was made by hand.
    #[cfg(test)]
    pub(crate) fn by_delta(names: BlobNames, delta: &[u8]) -> Option<Self> {
        let deflated = deflate::deflated(delta)?;
        let forward = Part { form: Form::Delta, size: delta.len(), deflated };
        Some(Self { names, forward, back: None, written_at: 0 })
    }

    /// What becomes of `old`, if that has no more than `most` bytes; the way back, where there is one, must lead to `old`.
    pub(crate) fn apply(&self, old: &[u8], most: usize) -> Result<Vec<u8>, Flaw> {
        let new = self.forward.apply(old, most)?;
        match &self.back {
            Some(back) if back.apply(&new, old.len()).ok().as_deref() != Some(old) => {
                Err(Flaw::Damaged("its second part does not lead back to what is there"))
            }
            _ => Ok(new),
        }
    }

    /// Is what it becomes told by what it was? Then that has a part in its size.
    pub(crate) fn is_delta(&self) -> bool {
        self.forward.form == Form::Delta
    }

    /// The bytes that have to be unpacked to apply it.
    pub(crate) fn unpacked(&self) -> u64 {
        (self.forward.size + self.back.as_ref().map_or(0, |back| back.size)) as u64
    }
}

impl Part {
    fn between(old: &[u8], new: &[u8]) -> Option<Self> {
        let of =
            |form, bytes: &[u8]| Some(Self { form, size: bytes.len(), deflated: deflate::deflated(bytes)? });
        let delta = delta::make(old, new);
        if delta.len() < 4 || old.is_empty() || delta.len() >= new.len() {
            return of(Form::Literal, new);
        }
        let delta = of(Form::Delta, &delta)?;
        // what is a fraction of it already is not weighed against it
        if delta.size < new.len() / 8 {
            return Some(delta);
        }
        let whole = of(Form::Literal, new)?;
        Some(if whole.deflated.len() <= delta.deflated.len() { whole } else { delta })
    }

    fn apply(&self, base: &[u8], most: usize) -> Result<Vec<u8>, Flaw> {
        if self.form == Form::Literal && self.size > most {
            return Err(Flaw::TooLarge(self.size as u64));
        }
        let bytes = deflate::inflated(&self.deflated, self.size)
            .ok_or(Flaw::Damaged("its bytes can't be inflated to what is announced"))?;
        match self.form {
            Form::Literal => Ok(bytes),
            Form::Delta => delta::apply(base, &bytes, most),
        }
    }
}
