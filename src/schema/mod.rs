//! The embedded JSON Schemas, and values against a schema. Knows no meaning beyond the schema.

mod embedded;
mod fault;
mod parameters;
mod spot;
mod validator;
mod weight;

pub use embedded::{call_input, document, names, tool_input, tool_names, tool_output};
pub use fault::{Fault, SchemaError};
pub use parameters::{call_faults, check_parameters, part_faults, tool_validator};
pub use spot::spot;
pub use validator::{BadSchema, Validator, validate_value};
