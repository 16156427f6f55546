//! `lgflow trust`: the user's word for what a workspace's `.lg/` decides. Shows first, records then, outside of the
//! workspace.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::diag::Diagnostics;
use crate::effect::FrozenLayer;
use crate::front::{Place, workspace_packs};
use crate::policy::{Request, requests_beyond_contained};
use crate::session::workspace_layers;
use crate::source::Sources;
use crate::trust::{Deciding, Standing, TrustNow, forget, record, standing, what_decides};
use crate::view::escaped;

use super::output::Output;
use super::problem::Problem;
use super::validate::print_instead;
use super::{Exit, Format};

/// Arguments of `lgflow trust`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow trust --show     what trust would allow beyond `builtin:contained`; records nothing\n  lgflow trust            show it and record it\n  lgflow trust --forget   take it back\n\nA later change that allows more asks again."
)]
pub struct TrustArgs {
    /// Show what would be trusted, record nothing
    #[arg(long, conflicts_with = "forget")]
    show: bool,
    /// Take trust in this workspace back
    #[arg(long)]
    forget: bool,
}

/// What a workspace holds, and what it asks for.
struct Asked {
    deciding: Deciding,
    layers: Vec<FrozenLayer>,
    requests: Vec<Request>,
    standing: Standing,
}

pub(super) fn run(args: &TrustArgs, output: Output) -> Result<Exit, Problem> {
    let place = here()?;
    if args.forget {
        let was = forget(&place.state, &place.root)
            .map_err(|error| Problem::failed("cannot take trust back", &error))?;
        let text =
            if was { "this workspace is not trusted any more\n" } else { "this workspace was not trusted\n" };
        return Ok(
            output.either(|| text.to_owned(), || json!({ "schema": "lgflow.trusted/v1", "forgotten": was }))
        );
    }
    let Some(asked) = asked(&place, output)? else { return Ok(Exit::Invalid) };
    if asked.deciding.is_empty() {
        return Err(Problem::usage("there is no `.lg/` here, and so nothing to trust"));
    }
    if !args.show {
        record(&place.state, &place.root, &asked.deciding, &asked.layers)
            .map_err(|error| Problem::failed("cannot record trust", &error))?;
    }
    Ok(output.either(|| human(&asked, &place.root, !args.show), || document(&asked, &place.root, !args.show)))
}

/// Where the command works.
pub(super) fn here() -> Result<Place, Problem> {
    Place::here().map_err(|error| Problem::usage(error.to_string()))
}

/// Records trust in what the program itself has just written.
pub(super) fn trust_written() -> Result<(), Problem> {
    let place = here()?;
    let output = Output { format: Format::Human };
    let Some(asked) = asked(&place, output)? else {
        return Err(Problem::bug("what init wrote is not valid"));
    };
    record(&place.state, &place.root, &asked.deciding, &asked.layers)
        .map_err(|error| Problem::failed("cannot record trust in what was written", &error))
}

/// Reads the workspace; `None` where its policies are not valid, which was printed.
fn asked(place: &Place, output: Output) -> Result<Option<Asked>, Problem> {
    let cannot = |error| Problem::failed("cannot tell what this workspace decides", &error);
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let deciding = what_decides(&place.root).map_err(cannot)?;
    let packs = workspace_packs(place).map_err(|error| Problem::pack(&error))?;
    let layers = workspace_layers(&place.root, None, &packs, &mut sources, &mut found).map_err(|error| {
        let detail =
            format!("a policy of this workspace cannot be read: {error}; `lgflow validate` says where");
        Problem::with(Exit::Invalid, "invalid policy", detail)
    })?;
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(None);
    }
    let requests = requests_beyond_contained(&layers).map_err(|_| {
        Problem::with(
            Exit::Invalid,
            "invalid policy",
            "a policy of this workspace is not valid; run `lgflow validate`",
        )
    })?;
    let standing =
        standing(&place.state, &place.root, &deciding, &layers, TrustNow::AsRecorded).map_err(cannot)?;
    Ok(Some(Asked { deciding, layers, requests, standing }))
}

fn human(asked: &Asked, root: &Path, recorded: bool) -> String {
    let mut text = String::new();
    for path in asked.deciding.files.keys() {
        // writing to a string can't fail
        let _ = writeln!(text, "  {}", escaped(path));
    }
    if asked.requests.is_empty() {
        text.push_str("asks for nothing beyond `builtin:contained`\n");
    } else {
        text.push_str("asks for, beyond `builtin:contained`:\n");
    }
    for request in &asked.requests {
        let _ = writeln!(
            text,
            "  {} ({}:{}:{})",
            escaped(&request.what),
            escaped(&request.file),
            request.line,
            request.column
        );
    }
    let root = escaped(&root.display().to_string());
    let _ = match (recorded, &asked.standing) {
        (true, _) => writeln!(text, "trusted: {root} as {}", asked.deciding.digest()),
        (false, Standing::Trusted) => writeln!(text, "{root} is trusted"),
        (false, Standing::Untrusted { reason, .. }) => writeln!(text, "{root} is not trusted: {reason}"),
    };
    text
}

fn document(asked: &Asked, root: &Path, recorded: bool) -> Value {
    let requests: Vec<Value> = asked
        .requests
        .iter()
        .map(|request| json!({ "what": request.what, "file": request.file, "line": request.line, "column": request.column }))
        .collect();
    json!({
        "schema": "lgflow.trusted/v1",
        "workspace": root.display().to_string(),
        "digest": asked.deciding.digest().to_string(),
        "files": asked.deciding.files.keys().collect::<Vec<_>>(),
        "requests": requests,
        "trusted": recorded || asked.standing.is_trusted(),
    })
}
