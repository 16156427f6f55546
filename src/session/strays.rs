//! Files in a `.lg` folder that are neither checked nor named by anything that is: a slip in a `schema` line must not take
//! a graph, a policy or a test out of what is looked at.

use std::collections::BTreeMap;
use std::path::Path;

use crate::compile::ReadFile;
use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::document::{Limits, Syntax, Tree, parse};
use crate::files::RelPath;
use crate::schema;
use crate::source::{Sources, Span};

/// What an author writes in such a folder, by its id.
const IDS: [&str; 4] = ["lgflow.graph/v1", "lgflow.policy/v1", "lgflow.policy_test/v1", "lgflow.test/v1"];
/// What stands there, and is looked at elsewhere.
const OTHERS: [&str; 3] = ["lgflow.pack/v1", "lgflow.lock/v1", "lgflow.config/v1"];
/// What lgflow itself writes there.
const WRITTEN: [&str; 1] = ["runs"];

/// Reports the files of `unread` that are not among those that were read. `shown` is the folder's path as it is to be
/// shown.
pub(super) fn check(
    unread: Vec<(RelPath, Vec<u8>)>,
    read: &BTreeMap<RelPath, ReadFile>,
    shown: &Path,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) {
    // where something is wrong, it may be that what it names was not looked at
    let whole = !diagnostics.has_errors();
    for (path, bytes) in unread {
        let written = path.parts().next().is_some_and(|first| WRITTEN.contains(&first));
        if written || read.contains_key(&path) {
            continue;
        }
        let name = shown.join(path.as_str()).display().to_string();
        match id_of(&path, &bytes, &name, sources) {
            Id::Slip(found) => diagnostics.push(*found),
            Id::Other => {}
            Id::None if !whole => {}
            Id::None => {
                // nothing of a text that is not ours is shown
                let file = sources.add(name, "");
                let message = "nothing here names this file, and it has no `schema` line: nobody looks at it";
                let help = format!(
                    "begin it with `schema: {}` or another id of lgflow's, or move it out of `.lg`",
                    IDS[0]
                );
                diagnostics.push(Diagnostic::new(codes::STRAY_FILE, Span::whole(file), message).help(help));
            }
        }
    }
}

/// What the `schema` line of a file says.
enum Id {
    /// Almost an id of ours.
    Slip(Box<Diagnostic>),
    /// What is none of ours, or is looked at elsewhere.
    Other,
    /// Nothing.
    None,
}

fn id_of(path: &RelPath, bytes: &[u8], name: &str, sources: &mut Sources) -> Id {
    let Some(syntax) = Syntax::of_path(path.as_str()) else { return Id::Other };
    // a schema that is put there for editors
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
    if head.contains("\"$schema\"") && head.contains("json-schema.org") {
        return Id::Other;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Id::None };
    let mut apart = Sources::default();
    let file = apart.add(name, text);
    let parsed = parse(&apart, file, syntax, &Limits::default(), &mut Diagnostics::default());
    let written = parsed.as_ref().and_then(|parsed| parsed.tree.get("schema"));
    let Some(id) = written.and_then(Tree::as_str) else { return Id::None };
    if !id.trim().to_ascii_lowercase().starts_with("lgflow") {
        return Id::None;
    }
    // what lgflow prints is JSON, and may be kept anywhere
    let printed = || {
        syntax == Syntax::Json
            && schema::names().filter_map(schema::document).any(|text| text.contains(&format!("\"{id}\"")))
    };
    if OTHERS.contains(&id) || printed() {
        return Id::Other;
    }
    let file = sources.add(name, text);
    let span = written.map_or(Span::whole(file), |written| Span { file, ..written.span });
    let known = IDS.map(|id| format!("`{id}`")).join(", ");
    let message =
        format!("unknown schema `{id}`: this file is no graph, no policy and no test. There are {known}");
    let found = Diagnostic::new(codes::UNKNOWN_SCHEMA, span, message);
    Id::Slip(Box::new(found.maybe_help(suggestion(id, IDS))))
}
