//! A binary part as git writes it.

use std::fmt::Write as _;

use super::base85::encode;
use super::read::FIRST;
use super::{Binary, BlobNames, Form, Part};

impl Binary {
    /// The line `index` and all that follows it.
    pub(crate) fn write(&self, out: &mut String) {
        let BlobNames { hash, before, after } = &self.names;
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "0".repeat(hash.digits()));
        // writing to a String cannot fail, here and below
        let _ = write!(out, "index {}..{}\n{FIRST}", name(before), name(after));
        for part in std::iter::once(&self.forward).chain(&self.back) {
            part.write(out);
        }
    }
}

impl Part {
    fn write(&self, out: &mut String) {
        let word = match self.form {
            Form::Literal => "literal",
            Form::Delta => "delta",
        };
        let _ = writeln!(out, "{word} {}", self.size);
        encode(&self.deflated, out);
        out.push('\n');
    }
}
