//! What a `merge` channel holds, by what is ever written to it: nothing but a graph's own nodes, and its start, gives it keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::expr::ValueTemplate;
use crate::model::Reduce;
use crate::plan::{ChannelIx, Plan};
use crate::types::{Chance, Field, Fields, ObjectOf, Objects, Type};

/// The type of a channel, of which `ty` is what its schema says.
pub(super) fn of(plan: &Plan, at: ChannelIx, ty: Type) -> Type {
    let channel = &plan.channels[at.0 as usize];
    let written = if channel.reduce == Reduce::Merge { keys(plan, at) } else { None };
    let Some(written) = written else { return ty };
    let begins = |name: &str| channel.start.get(name).is_some();
    let shape = |shape: &ObjectOf| {
        let declared = shape.fields.iter().map(|(name, field)| {
            let missing = if begins(name) {
                Chance::Never
            } else if written.contains(name.as_str()) {
                field.missing
            } else {
                // nothing brings it
                Chance::Known
            };
            (name.clone(), Field { ty: field.ty.clone(), missing })
        });
        let mut fields: Fields = declared.collect();
        for name in written.iter().filter(|_| !shape.rest.is_never()) {
            let missing = if begins(name) { Chance::Never } else { Chance::Perhaps };
            fields.entry((*name).to_owned()).or_insert_with(|| Field { ty: shape.rest.clone(), missing });
        }
        Arc::new(ObjectOf { fields, rest: Type::NEVER })
    };
    let open = [Arc::new(ObjectOf { fields: Fields::new(), rest: Type::ANY })];
    let shapes = match &ty.objects {
        Objects::None => return ty,
        Objects::Any => &open[..],
        Objects::Of(shapes) => shapes,
    };
    Type { objects: Objects::Of(shapes.iter().map(|one| shape(one)).collect()), ..ty }
}

/// Every key that is ever there; `None` where some write computes its keys.
fn keys(plan: &Plan, at: ChannelIx) -> Option<BTreeSet<&str>> {
    let mut keys: BTreeSet<&str> = BTreeSet::new();
    keys.extend(plan.channels[at.0 as usize].start.as_object()?.keys().map(String::as_str));
    let writes = plan.nodes.iter().flat_map(|node| &node.update).filter(|(channel, _)| *channel == at);
    for (_, value) in writes {
        match value {
            ValueTemplate::Literal(value) => keys.extend(value.as_object()?.keys().map(String::as_str)),
            ValueTemplate::Object(entries) => keys.extend(entries.iter().map(|(name, _)| name.as_str())),
            ValueTemplate::Expression(_) | ValueTemplate::Text(_) | ValueTemplate::List(_) => return None,
        }
    }
    Some(keys)
}
