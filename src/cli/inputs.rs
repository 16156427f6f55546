//! Inputs as they are typed: `KEY=VALUE`, or a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use crate::diag::{Diagnostic, Diagnostics, codes, nearest};
use crate::document::{Limits, Syntax, parse};
use crate::files::read_given;
use crate::interpret::bind_inputs;
use crate::plan::Plan;
use crate::source::{Sources, Span};
use crate::types::{Kind, Numbers, Type};
use crate::view::escaped;

use super::output::Output;
use super::problem::Problem;

/// Bytes of a file of inputs.
const LIMIT: u64 = 16 << 20;
/// What each graph file says, up to the version.
const GRAPH_ID: &str = "lgflow.graph/v";

/// What a run is given.
#[derive(Debug, Args)]
pub(super) struct InputArgs {
    /// What is wanted: the graph's input `request`
    #[arg(value_name = "REQUEST")]
    request: Option<String>,
    /// An input; a value that the input's schema does not want as text is read as JSON
    #[arg(short, long = "input", value_name = "KEY=VALUE")]
    inputs: Vec<String>,
    /// A JSON, YAML or TOML file with inputs; `-i` is stronger
    #[arg(long = "inputs", value_name = "FILE")]
    inputs_file: Option<PathBuf>,
}

impl InputArgs {
    /// Was nothing given at all?
    pub(super) fn is_empty(&self) -> bool {
        self.request.is_none() && self.inputs.is_empty() && self.inputs_file.is_none()
    }

    /// Is the request meant as one? The name of a file is most likely a graph that `command` was to have.
    pub(super) fn is_meant(&self, command: &str, output: Output) -> Result<(), Problem> {
        let Some(request) = self.request.as_deref().filter(|request| Syntax::of_path(request).is_some())
        else {
            return Ok(());
        };
        if Path::new(request).is_file() {
            return Err(Problem::usage(file_for_request(command, request)));
        }
        if !request.contains(char::is_whitespace) {
            output.note(&format!(
                "`{request}` is taken for the request, in words: there is no such file; `-g FILE` names a graph\n"
            ));
        }
        Ok(())
    }

    /// The inputs of `plan`, defaults put in; `name` is how the graph is shown.
    pub(super) fn bind(&self, plan: &Plan, name: &str) -> Result<Value, Problem> {
        let kept = match &self.inputs_file {
            Some(path) => file(path)?,
            None => Map::new(),
        };
        let (mut given, typed) = GivenInputs { inputs: &self.inputs, kept }.read(plan)?;
        if let Some(request) = &self.request {
            if typed.contains("request") {
                let twice = "the input `request` is given twice, as it stands and with `-i`; give it once";
                return Err(Problem::usage(twice));
            }
            given.insert("request".to_owned(), Value::from(request.as_str()));
        }
        bound(plan, given, name)
    }
}

/// What is said where a file stands for the request: elsewhere that is how a graph is named.
fn file_for_request(command: &str, request: &str) -> String {
    let file = escaped(request);
    let is_graph = read_given(Path::new(request), LIMIT).is_ok_and(|text| text.contains(GRAPH_ID));
    let (what, instead) = if is_graph {
        ("a graph", format!("write `lgflow {command} -g {file}` for this graph"))
    } else {
        ("a file", format!("write `--inputs {file}` for the inputs that it holds"))
    };
    format!(
        "`{file}` is {what}, and what stands here is the request, in words; {instead}, or `-i request={file}` if just this is \
         the request"
    )
}

/// Inputs that are there already, and typed ones, which are stronger.
pub(super) struct GivenInputs<'a> {
    pub(super) inputs: &'a [String],
    pub(super) kept: Map<String, Value>,
}

impl GivenInputs<'_> {
    /// The inputs of `plan`, defaults put in; `name` is how the graph is shown.
    pub(super) fn bind(self, plan: &Plan, name: &str) -> Result<Value, Problem> {
        bound(plan, self.read(plan)?.0, name)
    }

    /// All of them, and the names of those that were typed.
    fn read(self, plan: &Plan) -> Result<(Map<String, Value>, BTreeSet<String>), Problem> {
        let (mut given, mut typed) = (self.kept, BTreeSet::new());
        for one in self.inputs {
            let (name, value) = pair(one, plan)?;
            if !typed.insert(name.clone()) {
                return Err(Problem::usage(format!(
                    "the input `{name}` is given twice with `-i`; give it once"
                )));
            }
            given.insert(name, value);
        }
        Ok((given, typed))
    }
}

fn bound(plan: &Plan, given: Map<String, Value>, name: &str) -> Result<Value, Problem> {
    bind_inputs(plan, given).map_err(|problems| {
        let said: Vec<String> = problems.iter().map(|problem| escaped(&problem.message)).collect();
        Problem::usage(format!("`{name}`: {}", said.join("; ")))
    })
}

/// A name and its value. Where the input's schema wants text, the value is text as it stands; where it takes text
/// among others, what is none of the others; otherwise it is JSON.
fn pair(pair: &str, plan: &Plan) -> Result<(String, Value), Problem> {
    let Some((name, text)) = pair.split_once('=') else {
        return Err(Problem::usage(format!("`-i {pair}` has no `=`; write `-i KEY=VALUE`")));
    };
    let Some(input) = plan.inputs.iter().find(|input| input.name.as_str() == name) else {
        let near = nearest(name, plan.inputs.iter().map(|input| input.name.as_str()));
        let hint = near.map(|near| format!("; write `{near}`")).unwrap_or_default();
        return Err(Problem::usage(format!("the graph has no input `{name}`{hint}")));
    };
    let ty = Type::of_schema(&input.schema);
    if ty.kinds().eq([Kind::Text]) {
        return Ok((name.to_owned(), Value::from(text)));
    }
    let taken = match read(text) {
        // text of which no other kind can be meant
        Ok(value) if ty.has(Kind::Text) && !takes(&ty, &value) => Value::from(text),
        Ok(value) => value,
        // a list or an object with a bracket too few is none of both
        Err(found) if ty.has(Kind::Text) && !ty.is_any() && is_begun(&ty, text) => {
            return Err(Problem::usage(begun(name, text, &found)));
        }
        Err(_) if ty.has(Kind::Text) && !ty.is_any() => Value::from(text),
        // digits that would be lost
        Err(found) if found.code == codes::NUMBER => {
            return Err(Problem::usage(format!("the input `{name}`: {}", escaped(&found.message))));
        }
        // where anything is taken, text may stand for itself
        Err(_) if ty.is_any() => Value::from(text),
        Err(found) => return Err(Problem::usage(not_wanted(name, text, &input.schema["type"], &found))),
    };
    Ok((name.to_owned(), taken))
}

/// Is there a value of this kind? A whole number is also one with a fraction of zero.
fn takes(ty: &Type, value: &Value) -> bool {
    match value {
        Value::Null => ty.has(Kind::Null),
        Value::Bool(_) => ty.has(Kind::Bool),
        Value::Number(number) => {
            let whole = number.as_f64().is_none_or(|number| number.fract() == 0.0);
            ty.has(Kind::Number) && (whole || ty.numbers == Numbers::Any)
        }
        Value::String(_) => true,
        Value::Array(_) => ty.has(Kind::List),
        Value::Object(_) => ty.has(Kind::Object),
    }
}

/// Does a text begin like a list or an object, where such is taken?
fn is_begun(ty: &Type, text: &str) -> bool {
    let text = text.trim_start();
    (text.starts_with('[') && ty.has(Kind::List)) || (text.starts_with('{') && ty.has(Kind::Object))
}

fn begun(name: &str, text: &str, found: &Diagnostic) -> String {
    let shown = escaped(&text.chars().take(60).collect::<String>());
    let (message, quoted) = (escaped(&found.message), escaped(&Value::from(text).to_string()));
    format!(
        "the input `{name}`: `{shown}` begins as JSON, and is none ({message}); if it is text, write {quoted}, quoted for your shell"
    )
}

/// JSON, read as strictly as in a file: no digit is lost, and no key is given twice.
fn read(text: &str) -> Result<Value, Box<Diagnostic>> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add("-i", text);
    let parsed = parse(&sources, file, Syntax::Json, &Limits::default(), &mut found);
    match (found.iter().next(), parsed) {
        (None, Some(parsed)) => Ok(parsed.tree.to_json()),
        (Some(first), _) => Err(Box::new(first.clone())),
        (None, None) => Err(Box::new(Diagnostic::new(codes::SYNTAX, Span::whole(file), "there is nothing"))),
    }
}

/// What is wrong with `text` as an input of a type, and what to write.
fn not_wanted(name: &str, text: &str, wanted: &Value, found: &Diagnostic) -> String {
    let shown = escaped(&text.chars().take(60).collect::<String>());
    match wanted.as_str() {
        Some("integer") => format!("the input `{name}` takes an integer, and `{shown}` is none"),
        Some("number") => format!("the input `{name}` takes a number, and `{shown}` is none"),
        Some("boolean") => format!("the input `{name}` takes `true` or `false`, not `{shown}`"),
        _ => {
            let message = escaped(&found.message);
            format!(
                "the input `{name}` takes JSON, and `{shown}` is none ({message}); quote it for your shell"
            )
        }
    }
}

/// The inputs of a file: one object.
fn file(path: &Path) -> Result<Map<String, Value>, Problem> {
    let shown = path.display();
    let text = read_given(path, LIMIT).map_err(|error| Problem::usage(error.to_string()))?;
    let syntax = Syntax::of_path(&path.to_string_lossy()).unwrap_or(Syntax::Json);
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add(shown.to_string(), text);
    let parsed = parse(&sources, file, syntax, &Limits::default(), &mut found);
    if let Some(first) = found.iter().next() {
        let at = sources.get(file).position(first.span().start);
        return Err(Problem::usage(format!("{shown}:{}:{}: {}", at.line, at.column, first.message)));
    }
    match parsed.map(|parsed| parsed.tree.to_json()) {
        Some(Value::Object(inputs)) => Ok(inputs),
        _ => Err(Problem::usage(format!("`{shown}` holds no mapping of inputs"))),
    }
}
