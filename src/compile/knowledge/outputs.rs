//! The types of what nodes give, and of what channels hold.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::effect::APPROVE;
use crate::expr::ValueTemplate;
use crate::model::{OnItemError, Reduce, Uses};
use crate::plan::{Action, ForEachRule, PlanChannel, PlanNode};
use crate::schema;
use crate::types::{Chance, Field, Kind, Lists, ObjectOf, Objects, Step, Type};

use super::outcome::{Lacks, Remains, error_of};

static OUTPUTS: LazyLock<BTreeMap<Uses, Type>> = LazyLock::new(|| all(schema::tool_output));
static INPUTS: LazyLock<BTreeMap<Uses, Type>> = LazyLock::new(|| all(schema::tool_input));

fn all(text: impl Fn(&str) -> Option<&'static str>) -> BTreeMap<Uses, Type> {
    let read = |uses: Uses| {
        let schema = serde_json::from_str(text(uses.as_str())?).ok()?;
        Some((uses, Type::of_schema(&schema)))
    };
    Uses::ALL.into_iter().filter_map(read).collect()
}

/// What a kind of node takes.
pub(super) fn parameters(uses: Uses) -> Type {
    INPUTS.get(&uses).cloned().unwrap_or(Type::ANY)
}

fn of_tool(uses: Uses) -> Type {
    OUTPUTS.get(&uses).cloned().unwrap_or(Type::ANY)
}

/// What a node gives; of one item, where it runs once for each. `values` is what its values came to.
pub(super) fn of_one(node: &PlanNode, values: &Type) -> Type {
    match &node.action {
        Action::Values(_) => values.widened(),
        Action::Llm(conversation) => match &conversation.output_schema {
            Some(schema) => Type::of_schema(schema),
            None => of_tool(Uses::Llm),
        },
        Action::Batch { tools, .. } => {
            let outputs: Vec<Type> = tools.iter().map(|tool| of_tool(*tool)).collect();
            Type::record([("results", Type::list(Type::any_of(&outputs)))])
        }
        Action::Graph { plan, .. } => {
            // an output that is null fails the graph
            let outputs =
                plan.outputs.iter().map(|output| (output.name.as_str(), output.ty.without(Kind::Null)));
            Type::record(outputs)
        }
        Action::Approval { options, response, .. } => approval(options, response.as_ref()),
        Action::Fail { .. } => Type::ANY,
        Action::Call { with } if node.uses == Uses::Exec => of_command(with),
        Action::Call { .. } | Action::Render(_) | Action::ParseReport(_) => of_tool(node.uses),
    }
}

/// What a command gives whose end is a success: with another exit code it fails.
fn of_command(with: &ValueTemplate) -> Type {
    let whole = of_tool(Uses::Exec);
    let taken = match with {
        ValueTemplate::Literal(value) => value.get("ok_exit").cloned(),
        ValueTemplate::Object(fields) => match fields.iter().find(|(name, _)| name == "ok_exit") {
            Some((_, ValueTemplate::Literal(value))) => Some(Value::clone(value)),
            Some(_) => return whole,
            None => None,
        },
        _ => return whole,
    };
    let codes = match taken {
        None => vec![Value::from(0)],
        Some(Value::Array(codes)) => codes,
        Some(_) => return whole,
    };
    let ended = Type::any_of(&codes.iter().map(Type::of_value).collect::<Vec<Type>>());
    let narrowed =
        Field::sure(whole.clone()).narrowed(&[Step::Field("exit_code".to_owned())], &|_| ended.clone());
    narrowed.map_or(whole, |field| field.ty)
}

/// What a command had produced that ended badly: perhaps not all of it.
pub(super) fn of_failed(node: &PlanNode) -> Type {
    if node.uses != Uses::Exec || node.for_each.is_some() {
        return Type::ANY;
    }
    begun(&of_tool(Uses::Exec))
}

fn approval(options: &[String], response: Option<&serde_json::Value>) -> Type {
    let choice = match options {
        [] => Type::words([APPROVE]),
        options => Type::words(options.iter().map(String::as_str)),
    };
    let response = response.map(|schema| ("response", Type::of_schema(schema)));
    let fields = [("choice", choice), ("comment", Type::TEXT), ("by", Type::TEXT)];
    Type::record(fields.into_iter().chain(response))
}

/// What a node gives as a whole. `lacks`: what the error of one of its items may lack.
pub(super) fn whole(node: &PlanNode, one: &Type, lacks: Lacks) -> Type {
    match &node.for_each {
        None => one.clone(),
        Some(ForEachRule { on_error: OnItemError::Collect, .. }) => Type::list(collected(node, one, lacks)),
        Some(_) if node.skip_when.is_some() => Type::list(one.or(&Type::NULL)),
        Some(_) => Type::list(one.clone()),
    }
}

/// An item of what `on_error: collect` gives. One that is cancelled ends the node, and gives nothing.
fn collected(node: &PlanNode, one: &Type, lacks: Lacks) -> Type {
    let item = |status: &str, output: Type, error: Type| {
        Type::record([("status", Type::words([status])), ("output", output), ("error", error)])
    };
    // its number is that of the item's own part
    let remains = Remains { index: node.uses == Uses::Batch, lacks, ..Remains::of(node) };
    let ended = item("succeeded", one.clone(), Type::NULL).or(&item(
        "failed",
        Type::NULL,
        error_of(Type::TEXT, remains),
    ));
    match node.skip_when {
        Some(_) => ended.or(&item("skipped", Type::NULL, Type::NULL)),
        None => ended,
    }
}

/// What a channel holds.
pub(super) fn of_channel(channel: &PlanChannel) -> Type {
    let ty = Type::of_schema(&channel.schema);
    match channel.reduce {
        Reduce::Append | Reduce::Extend => Type::list(item(&ty)),
        Reduce::Merge => begun(&ty),
        Reduce::Sum => summed(&ty),
        Reduce::Replace => ty,
    }
}

/// What can be written to a channel.
pub(super) fn writable(channel: &PlanChannel) -> Type {
    let ty = Type::of_schema(&channel.schema);
    match channel.reduce {
        Reduce::Append => item(&ty),
        Reduce::Extend => ty.and(&Type::LIST),
        Reduce::Merge => ty.and(&Type::OBJECT),
        Reduce::Sum => ty.and(&Type::NUMBER),
        Reduce::Replace => ty,
    }
}

fn item(list: &Type) -> Type {
    if matches!(list.lists, Lists::Of(_)) { list.item() } else { Type::ANY }
}

fn summed(ty: &Type) -> Type {
    let whole = ty.has(Kind::Number) && ty.and(&Type::WHOLE).numbers == ty.numbers;
    Type { loose: true, ..if whole { Type::WHOLE } else { Type::NUMBER } }
}

/// An object that lacks fields yet: a merged one begins without those that each write has.
fn begun(ty: &Type) -> Type {
    let Objects::Of(shapes) = &ty.objects else { return Type::OBJECT };
    let begin = |shape: &Arc<ObjectOf>| {
        let field = |field: &Field| Field { missing: Chance::Perhaps, ..field.clone() };
        let fields = shape.fields.iter().map(|(name, known)| (name.clone(), field(known))).collect();
        Arc::new(ObjectOf { fields, rest: shape.rest.clone() })
    };
    Type { objects: Objects::Of(shapes.iter().map(begin).collect()), ..Type::NEVER }
}
