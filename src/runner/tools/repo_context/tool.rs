//! The call: its parameters, the parts that it asks for, and the document that they make.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::effect::{ToolCall, ToolError, ToolResult};
use crate::policy::Granted;
use crate::runner::Cancel;
use crate::runner::tools::access::Reading;
use crate::runner::tools::input::Input;

use super::budget::fit;
use super::connected::connected;
use super::facts;
use super::project::Project;
use super::scan::Scan;
use super::section::Section;
use super::symbols::ranked;

/// Bytes of the output, as compact JSON, where the call names none.
const DEFAULT_BUDGET: u64 = 256 << 10;

/// `{request?, budget?, what?}` → `{totals, languages, …, notes}`: every part is there, and empty where it was not
/// asked for. `request` ranks `symbols`, which are empty without one; `budget` bounds the bytes of the output.
pub(in crate::runner) fn repo_context(
    call: &Granted<ToolCall>,
    reading: &Reading<'_>,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let input = Input::new("repo_context", &call.request().input, &["request", "budget", "what"])?;
    let request = input.text("request")?.unwrap_or_default();
    let budget = input.number("budget", DEFAULT_BUDGET, 4096..=64 << 20)?;
    let wanted: BTreeSet<Section> = Section::named(&input.texts("what")?)?.into_iter().collect();
    let scan = Scan::of(reading, cancel)?;
    let project = Project::of(&scan, reading);
    let mut output = Map::new();
    output.insert("totals".to_owned(), facts::totals(&scan));
    for section in Section::ALL {
        let items =
            if wanted.contains(&section) { items(section, &scan, &project, request) } else { Vec::new() };
        output.insert(section.as_str().to_owned(), Value::Array(items));
    }
    let notes = [scan.notes.as_slice(), &project.notes].concat();
    output.insert("notes".to_owned(), notes.into());
    let cut = fit(&mut output, budget as usize);
    let output = Value::Object(output);
    Ok(ToolResult {
        stdout: output.to_string(),
        truncated: scan.truncated || cut,
        ..ToolResult::success("repo_context", output)
    })
}

fn items(section: Section, scan: &Scan, project: &Project, request: &str) -> Vec<Value> {
    match section {
        Section::Languages => facts::languages(scan),
        Section::Layout => facts::layout(scan),
        Section::Manifests => project.manifests(),
        Section::EntryPoints => project.entry_points(scan),
        Section::Build => project.commands(scan),
        Section::Tests => facts::tests(scan),
        Section::Readme => project.readme.clone(),
        Section::Licence => project.licences(),
        Section::Largest => facts::largest(scan),
        Section::Connected => connected(scan, &project.packages()),
        Section::Symbols => ranked(scan, request),
    }
}
