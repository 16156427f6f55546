//! `lgflow schema`: the JSON Schemas of what lgflow reads and writes.

use clap::Args;
use serde_json::{Value, json};

use crate::diag::suggestion;
use crate::schema;

use super::output::Output;
use super::problem::Problem;
use super::{Exit, Format};

/// Arguments of `lgflow schema`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow schema                    the names\n  lgflow schema graph              the schema of a graph file\n  lgflow schema tool apply_patch   parameters and output of a tool"
)]
pub struct SchemaArgs {
    /// `graph`, `policy`, …, or `tool` and a tool's name; without one, the names are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The tool's name, after `tool`
    #[arg(value_name = "TOOL")]
    tool: Option<String>,
}

pub(super) fn run(args: &SchemaArgs, output: Output) -> Result<Exit, Problem> {
    match (args.name.as_deref(), args.tool.as_deref()) {
        (None, _) => Ok(list(output)),
        (Some("tool"), None) => Ok(list_tools(output)),
        (Some("tool"), Some(name)) => tool(name, output),
        (Some(_), Some(extra)) => Err(Problem::usage(format!("`{extra}` is one name too many"))),
        (Some(name), None) => document(name, output),
    }
}

fn list(output: Output) -> Exit {
    let names: Vec<&str> = schema::names().collect();
    let tools: Vec<&str> = schema::tool_names().collect();
    output.either(
        || format!("{}\ntool NAME, where NAME is one of: {}\n", names.join("\n"), tools.join(", ")),
        || json!({ "schema": "lgflow.schemas/v1", "names": names, "tools": tools }),
    )
}

fn list_tools(output: Output) -> Exit {
    let tools: Vec<&str> = schema::tool_names().collect();
    output.either(|| tools.join("\n") + "\n", || json!({ "schema": "lgflow.schemas/v1", "tools": tools }))
}

fn document(name: &str, output: Output) -> Result<Exit, Problem> {
    let Some(text) = schema::document(name) else {
        return Err(unknown("schema", name, schema::names().chain(["tool"])));
    };
    output.own(text);
    Ok(Exit::Done)
}

fn tool(name: &str, output: Output) -> Result<Exit, Problem> {
    let (Some(input), Some(result)) = (schema::tool_input(name), schema::tool_output(name)) else {
        return Err(unknown("tool", name, schema::tool_names()));
    };
    let parse =
        |text: &str| serde_json::from_str::<Value>(text).map_err(|error| Problem::bug(error.to_string()));
    let both = json!({ "schema": "lgflow.tool_schema/v1", "tool": name, "input": parse(input)?, "output": parse(result)? });
    if output.format == Format::Human {
        output.note("the parameters (`input`) and the result (`output`) of the tool:\n");
    }
    output.document(&both);
    Ok(Exit::Done)
}

/// The problem of a name that is none of `known`.
pub(super) fn unknown<'k>(what: &str, name: &str, known: impl IntoIterator<Item = &'k str>) -> Problem {
    let help = suggestion(name, known).map_or(String::new(), |help| format!("; {help}"));
    Problem::usage(format!("there is no {what} `{}`{help}", crate::view::escaped(name)))
}
