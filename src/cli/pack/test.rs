//! `lgflow pack test`: a pack's own folder, as everybody who adds it would get it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::output::Output;
use crate::cli::problem::Problem;
use crate::cli::validate::packs_here;
use crate::cli::{Exit, Format, terminal};
use crate::packs::check_own_pack;
use crate::view::{diagnostics, escaped};

/// Arguments of `lgflow pack test`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow pack test\n  lgflow pack test packs/base\n\nThe packs that it requires are those of this workspace's lock. Exit code 3 where a file has errors, 7 where its tree is refused, 1 where a case comes out otherwise."
)]
pub(super) struct TestArgs {
    /// The pack's folder; without one, the current folder
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(args: &TestArgs, output: Output) -> Result<Exit, Problem> {
    let (pack, tree, checked) = check_own_pack(&args.folder, packs_here()?)?;
    let errors = checked.errors();
    let passed = checked.cases - checked.failures.len();
    let name = &pack.name.value;
    if output.format == Format::Json {
        output.document(&json!({
            "schema": "lgflow.pack_tested/v1",
            "name": name.as_str(),
            "version": pack.version.value.to_string(),
            "tree": tree.to_string(),
            "graphs": checked.graphs,
            "policies": checked.policies,
            "passed": passed,
            "failures": checked.failures,
            "diagnostics": diagnostics::json(&checked.sources, &checked.found)["diagnostics"],
        }));
    } else {
        output.data(&diagnostics::human(&checked.sources, &checked.found, terminal::style()));
        for failure in &checked.failures {
            output.data(&format!("FAILED {}\n", escaped(failure)));
        }
        let number =
            |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
        output.data(&format!(
            "{name} {}: {}, {}, {passed} of {} as expected, {tree}\n",
            pack.version.value,
            number(checked.graphs, "graph", "graphs"),
            number(checked.policies, "policy", "policies"),
            number(checked.cases, "case", "cases")
        ));
    }
    Ok(match (errors, checked.failures.len()) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Failed,
        _ => Exit::Invalid,
    })
}
