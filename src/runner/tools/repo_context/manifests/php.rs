//! `composer.json`

use crate::document::Syntax;

use super::document::Doc;
use super::found::{Fault, Manifest};
use super::package::package;

const TABLES: [(&str, &str); 2] = [("require", "normal"), ("require-dev", "dev")];

pub(super) fn read(text: &str) -> Result<Manifest, Fault> {
    let doc = Doc::table(text, Syntax::Json)?;
    Ok(package(&doc, &TABLES, "composer"))
}
