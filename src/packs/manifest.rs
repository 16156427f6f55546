//! A tree → its manifest, with every finding in it.

use crate::diag::Diagnostics;
use crate::document::{Limits, Syntax, decode, parse};
use crate::model::{Pack, decode_pack};
use crate::source::Sources;

use super::{PackError, Tree};

/// The manifest of a pack.
pub const MANIFEST: &str = "pack.yaml";

/// Reads the manifest of a tree; `of` says where the tree is from.
///
/// # Errors
/// There is none, or it has findings.
pub fn read_manifest(tree: &Tree, of: &str) -> Result<Pack, PackError> {
    let bytes = tree.file(MANIFEST).ok_or_else(|| PackError::NoPack(of.to_owned()))?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let limits = Limits::default();
    let file = decode(&mut sources, MANIFEST, bytes.to_vec(), &limits, &mut found);
    let parsed = file.and_then(|file| parse(&sources, file, Syntax::Yaml, &limits, &mut found));
    let pack = parsed.and_then(|parsed| decode_pack(&parsed.tree, &parsed.damage, &mut found));
    match pack {
        Some(pack) if !found.has_errors() => Ok(pack),
        _ => Err(PackError::Findings { of: of.to_owned(), findings: told(&sources, &found) }),
    }
}

/// Each finding on a line, with its place and its edit.
pub(super) fn told(sources: &Sources, found: &Diagnostics) -> Vec<String> {
    let line = |finding: &crate::diag::Diagnostic| {
        let file = sources.get(finding.span().file);
        let at = file.position(finding.span().start);
        let help = finding.help.as_ref().map(|help| format!(": {help}")).unwrap_or_default();
        format!("{}:{}:{}: {}{help}", file.name(), at.line, at.column, finding.message)
    };
    found.iter().map(line).collect()
}
