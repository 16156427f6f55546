//! What a reader sees: its ancestors, its channels, its loops.

use std::collections::BTreeMap;

use lgflow::model::Reduce;
use serde_json::{Value as Json, json};

use super::expression::{Fault, Valued, sum};
use super::run::{Execution, Own, Write};
use super::told::{Ended, Failure};

impl Execution<'_> {
    /// What the names of an expression mean at a node: its ancestors, its channels, its loops.
    pub(super) fn scope<'s>(
        &'s self,
        node: usize,
        item: Option<(usize, &'s Json)>,
        own: Own<'s>,
    ) -> impl Fn(&str, Option<&str>) -> Valued + 's {
        move |root, second| match (root, second) {
            ("state", Some(name)) => self.channel(node, name, own.map_or(&[], |(_, writes)| writes)),
            _ => self.named(node, item, own, root, second).ok_or(Fault::Missing),
        }
    }

    fn named(
        &self,
        node: usize,
        item: Option<(usize, &Json)>,
        own: Own<'_>,
        root: &str,
        second: Option<&str>,
    ) -> Option<Json> {
        match (root, second) {
            ("inputs", Some(name)) => self.inputs.get(name).cloned(),
            ("nodes", Some(name)) => {
                let at = self.reading.nodes.iter().position(|known| known.id == name)?;
                if at == node {
                    return own.map(|(ended, _)| ended.view());
                }
                self.ended[at].as_ref().filter(|_| self.reading.is_ancestor(at, node)).map(Ended::view)
            }
            ("loops", Some(name)) => {
                let around = self.reading.around(node);
                let named = |one: &&usize| self.reading.nodes[self.reading.loops[**one].target].id == name;
                around.iter().find(named).map(|one| json!({ "iteration": self.iteration[*one] }))
            }
            ("output", None) => own?.0.output.clone(),
            ("error", None) => own?.0.failure.as_ref().map(Failure::view),
            ("it", None) => item.map(|(_, item)| item.clone()),
            ("it_index", None) => item.map(|(index, _)| json!(index)),
            _ => None,
        }
    }

    pub(super) fn seen_at_the_end(&self, root: &str, second: Option<&str>) -> Valued {
        let found = match (root, second.ok_or(Fault::Missing)?) {
            ("inputs", name) => self.inputs.get(name).cloned(),
            ("nodes", name) => {
                let at = self.reading.nodes.iter().position(|known| known.id == name);
                at.and_then(|at| self.ended[at].as_ref().map(Ended::view))
            }
            ("state", name) => return self.at_the_end(name),
            _ => None,
        };
        found.ok_or(Fault::Missing)
    }

    /// Every write.
    fn at_the_end(&self, name: &str) -> Valued {
        let mut value = self.reading.channels[name].start.clone();
        for write in self.writes.iter().filter(|write| write.channel == name) {
            fold(self.reading.channels[name].reduce, &mut value, &write.value)?;
        }
        Ok(value)
    }

    /// The channels at the end, all of whose writers had their turn until some moment.
    pub(super) fn channels_until(&self, until: usize) -> BTreeMap<String, Json> {
        let settled = |name: &&String| {
            let nodes = self.reading.nodes.iter().zip(&self.began);
            let mut writers =
                nodes.filter(|(node, _)| node.update.iter().any(|(channel, _)| channel == *name));
            writers.all(|(_, began)| *began <= until)
        };
        let names = self.reading.channels.keys().filter(settled);
        names.filter_map(|name| Some((name.clone(), self.at_the_end(name).ok()?))).collect()
    }

    /// The start value with the writes of forward ancestors, and of earlier iterations of loops that contain both or have led here.
    pub(super) fn channel(&self, reader: usize, name: &str, own: &[(String, Json)]) -> Valued {
        let reduce = self.reading.channels[name].reduce;
        let mut value = self.reading.channels[name].start.clone();
        let seen = self.writes.iter().filter(|write| write.channel == name && self.is_seen(write, reader));
        let own = own.iter().filter(|(channel, _)| channel == name).map(|(_, value)| value);
        for write in seen.map(|write| &write.value).chain(own) {
            fold(reduce, &mut value, write)?;
        }
        Ok(value)
    }

    fn is_seen(&self, write: &Write, reader: usize) -> bool {
        let around = self.reading.around(reader);
        for one in self.reading.around(write.writer) {
            let target = self.reading.loops[one].target;
            if !around.contains(&one) && !self.reading.is_ancestor(target, reader) {
                break;
            }
            if write.iterations[&one] < self.iteration[one] {
                return true;
            }
        }
        self.reading.is_ancestor(write.writer, reader)
    }
}

fn fold(reduce: Reduce, value: &mut Json, write: &Json) -> Result<(), Fault> {
    match (reduce, &mut *value, write) {
        (Reduce::Append, Json::Array(list), write) => list.push(write.clone()),
        (Reduce::Extend, Json::Array(list), Json::Array(more)) => list.extend(more.iter().cloned()),
        (Reduce::Merge, Json::Object(object), Json::Object(more)) => object.extend(more.clone()),
        (Reduce::Sum, value, write) => *value = sum(value, write)?,
        (_, value, write) => *value = write.clone(),
    }
    Ok(())
}
