//! `lgflow explain`: what a diagnostic code means, why it exists, and how the fault is mended.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use crate::diag::{ALL_CODES, CodeInfo, Severity};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::schema::unknown;

/// Arguments of `lgflow explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow explain                 all codes\n  lgflow explain duplicate-key   one of them, with an example and its fix"
)]
pub struct ExplainArgs {
    /// The code, as a diagnostic shows it; without one, all are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

pub(super) fn run(args: &ExplainArgs, output: Output) -> Result<Exit, Problem> {
    let Some(code) = &args.code else {
        return Ok(output.either(list, || json!({ "schema": "lgflow.codes/v1", "codes": rows() })));
    };
    let Some(info) = ALL_CODES.iter().find(|info| info.code.as_str() == code) else {
        return Err(unknown("code", code, ALL_CODES.iter().map(|info| info.code.as_str())));
    };
    Ok(output.either(|| info.page.to_owned(), || document(info)))
}

fn list() -> String {
    let longest = ALL_CODES.iter().map(|info| info.code.as_str().len()).max().unwrap_or(0);
    let mut text = String::new();
    for info in ALL_CODES {
        // writing to a string can't fail
        let _ = writeln!(text, "{:longest$}  {:7}  {}", info.code.as_str(), severity(info), info.title);
    }
    text
}

fn rows() -> Vec<Value> {
    let row = |info: &CodeInfo| json!({ "code": info.code.as_str(), "severity": severity(info), "title": info.title });
    ALL_CODES.iter().map(row).collect()
}

fn document(info: &CodeInfo) -> Value {
    json!({
        "schema": "lgflow.code/v1",
        "code": info.code.as_str(),
        "severity": severity(info),
        "title": info.title,
        "page": info.page,
    })
}

fn severity(info: &CodeInfo) -> &'static str {
    match info.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
