//! The inputs of a graph: defaults, and what is given against its schemas.

use serde_json::{Map, Value};

use crate::plan::Plan;
use crate::schema::validate_value;

/// What is wrong with one input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InputProblem {
    /// The input.
    pub name: String,
    /// What is wrong with it.
    pub message: String,
}

/// The inputs of a run of `plan`, defaults put in; or everything that is wrong with them.
pub fn bind_inputs(plan: &Plan, mut given: Map<String, Value>) -> Result<Value, Vec<InputProblem>> {
    let mut problems = Vec::new();
    let mut bound = Map::new();
    for input in &plan.inputs {
        let name = input.name.as_str();
        match given.remove(name).or_else(|| input.default.clone()) {
            Some(value) => {
                let errors = validate_value(&input.schema, &value);
                let wrong = errors.iter().map(|error| problem(name, format!("the input `{name}`: {error}")));
                problems.extend(wrong);
                bound.insert(name.to_owned(), value);
            }
            None => problems.push(problem(name, format!("the input `{name}` is missing"))),
        }
    }
    for (name, _) in given {
        let names: Vec<&str> = plan.inputs.iter().map(|input| input.name.as_str()).collect();
        let known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let hint =
            if names.is_empty() { "it has none".to_owned() } else { format!("its inputs are {known}") };
        problems.push(problem(&name, format!("the graph has no input `{name}`: {hint}")));
    }
    if problems.is_empty() { Ok(Value::Object(bound)) } else { Err(problems) }
}

fn problem(name: &str, message: String) -> InputProblem {
    InputProblem { name: name.to_owned(), message }
}
