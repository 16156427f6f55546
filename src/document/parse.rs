//! The one entry of the room: a text of any syntax becomes a tree, or findings say why not.

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::source::{FileId, Sources, Span};

use super::damage::Draft;
use super::limits::Limit;
use super::{Damage, Limits, Syntax, Tree, json, toml, yaml};

/// A tree, and what of its file is missing in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What could be read.
    pub tree: Tree,
    /// What could not. Where it is not empty, [`Damage::lost`] tells real findings from follow-on noise.
    pub damage: Damage,
    /// What it was written in.
    pub syntax: Syntax,
}

/// Reads a file of `sources`. Each fault goes into `diagnostics`, all of them and not only the first; where a
/// syntax error can be stepped over, the rest of the file is still returned. `None` where nothing usable is left
/// or a limit is exceeded; an error was pushed then.
pub fn parse(
    sources: &Sources,
    file: FileId,
    syntax: Syntax,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Option<Parsed> {
    let text = sources.get(file).text();
    if text.len() > limits.bytes {
        diagnostics.push(Limit::Bytes.exceeded(limits, Span::whole(file)));
        return None;
    }
    let mut found = Diagnostics::default();
    let mut draft = Draft::new(file, text);
    replace_controls(&mut draft, file, &mut found);
    let parsed = match syntax {
        Syntax::Yaml => yaml::read(file, &mut draft, limits, &mut found),
        Syntax::Toml => toml::read(file, &mut draft, limits, &mut found),
        Syntax::Json => json::read(file, &draft, limits, &mut found),
    };
    hand_over(found, file, limits, diagnostics);
    let (tree, unread) = parsed?;
    Some(Parsed { tree, damage: Damage::new(text, unread, syntax), syntax })
}

/// The first findings of a file up to the limit; nobody reads the thousandth duplicate.
fn hand_over(mut found: Diagnostics, file: FileId, limits: &Limits, diagnostics: &mut Diagnostics) {
    found.sort();
    found.iter().take(limits.findings).cloned().for_each(|found| diagnostics.push(found));
    if found.len() > limits.findings {
        diagnostics.push(Limit::Findings.exceeded(limits, Span::whole(file)));
    }
}

/// Names each control character that no syntax allows, and reads on as if it were a space.
fn replace_controls(draft: &mut Draft, file: FileId, diagnostics: &mut Diagnostics) {
    const SHOWN: usize = 20;
    let bytes = draft.text().as_bytes();
    let stray = |at: usize| match bytes[at] {
        b'\t' | b'\n' => false,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        byte => byte.is_ascii_control(),
    };
    let found: Vec<usize> = (0..bytes.len()).filter(|&at| stray(at)).collect();
    for (count, at) in found.into_iter().enumerate() {
        let byte = draft.text().as_bytes()[at];
        if count < SHOWN {
            let message = match byte {
                b'\r' => "a carriage return without a line feed".to_owned(),
                _ => format!("the control character U+{byte:04X} is not allowed in a text file"),
            };
            let help = "remove it, or write it as an escape in a quoted string";
            diagnostics
                .push(Diagnostic::new(codes::ENCODING, Span::new(file, at, at + 1), message).help(help));
        }
        draft.replace_byte(at, if byte == b'\r' { "\n" } else { " " });
    }
}
