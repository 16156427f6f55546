//! What the layers of one run are called in the other. A policy is what it says; by which path it was named depends on the
//! folder in which the run was begun.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::trace::Envelope;

/// A layer, as the first event of a run tells of it.
struct Layer<'a> {
    name: &'a str,
    digest: &'a str,
}

/// The names that one run has for the layers of another, by the other's names.
#[derive(Debug, Default)]
pub(super) struct LayerNames(BTreeMap<String, String>);

impl LayerNames {
    /// What the layers of `other` are called in `own`: those of the same digest, in the same place where there are several.
    pub(super) fn of(own: &[Envelope], other: &[Envelope]) -> Self {
        let (own, other) = (layers(own), layers(other));
        let same = |(at, layer): (usize, &Layer<'_>)| {
            let place = own.get(at).filter(|known| known.digest == layer.digest);
            let known = place.or_else(|| own.iter().find(|known| known.digest == layer.digest))?;
            (known.name != layer.name).then(|| (layer.name.to_owned(), known.name.to_owned()))
        };
        Self(other.iter().enumerate().filter_map(same).collect())
    }

    /// Names the layers in the data of an event as the other run does: in its list of them, and where a rule stands.
    pub(super) fn rename(&self, data: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        for layer in data.pointer_mut("/facts/layers").and_then(Value::as_array_mut).into_iter().flatten() {
            self.rename_member(layer, "name");
        }
        // a stack of our own: values may be nested deeply
        let mut open = vec![data];
        while let Some(value) = open.pop() {
            if value.get("rule").is_some() && value.get("layer").is_some() {
                self.rename_rule(value);
            }
            match value {
                Value::Array(items) => open.extend(items),
                Value::Object(members) => open.extend(members.values_mut()),
                _ => {}
            }
        }
    }

    fn rename_rule(&self, rule: &mut Value) {
        let layer = rule["layer"].as_str().and_then(|layer| Some((layer.to_owned(), self.0.get(layer)?)));
        let Some((theirs, ours)) = layer else { return };
        // what a layer includes is named from where the layer lies
        let moved = |file: &str| {
            let (from, to) = (Path::new(&theirs).parent()?, Path::new(ours).parent()?);
            Some(to.join(Path::new(file).strip_prefix(from).ok()?).display().to_string())
        };
        if let Some(file) = rule.get("file").and_then(Value::as_str) {
            let file = if file == theirs { Some(ours.clone()) } else { moved(file) };
            if let Some(file) = file {
                rule["file"] = file.into();
            }
        }
        rule["layer"] = ours.as_str().into();
    }

    fn rename_member(&self, value: &mut Value, member: &str) {
        if let Some(name) = value.get(member).and_then(Value::as_str).and_then(|name| self.0.get(name)) {
            value[member] = name.as_str().into();
        }
    }
}

/// The names of a run's layers, in order.
pub(super) fn names(events: &[Envelope]) -> Vec<&str> {
    layers(events).into_iter().map(|layer| layer.name).collect()
}

fn layers(events: &[Envelope]) -> Vec<Layer<'_>> {
    let start = events.iter().find(|event| event.kind == "run.started");
    let told = start.and_then(|start| start.data.get("facts")?.get("layers")?.as_array());
    told.into_iter().flatten().filter_map(Layer::of).collect()
}

impl<'a> Layer<'a> {
    fn of(told: &'a Value) -> Option<Self> {
        Some(Self { name: told.get("name")?.as_str()?, digest: told.get("digest")?.as_str()? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn begun(layers: &Value) -> Vec<Envelope> {
        vec![Envelope {
            run: "r".into(),
            seq: 1,
            ts: String::new(),
            kind: "run.started".into(),
            node: None,
            path: None,
            iteration: Vec::new(),
            attempt: None,
            data: serde_json::from_value(json!({ "facts": { "layers": layers } })).unwrap(),
            prev: None,
        }]
    }

    #[test]
    fn a_layer_is_what_it_says_and_not_what_it_is_called() {
        let own = begun(&json!([
            { "name": "pol.yaml", "digest": "1" }, { "name": "a", "digest": "2" }, { "name": "b", "digest": "2" },
        ]));
        let other = begun(&json!([
            { "name": "../pol.yaml", "digest": "1" }, { "name": "c", "digest": "2" }, { "name": "d", "digest": "2" },
            { "name": "e", "digest": "3" },
        ]));
        let names = LayerNames::of(&own, &other);
        let rule =
            |layer: &str, file: &str| json!({ "rules": [{ "rule": "r", "layer": layer, "file": file }] });
        let renamed = |layer: &str, file: &str| {
            let mut data = rule(layer, file);
            names.rename(&mut data);
            data
        };
        assert_eq!(renamed("../pol.yaml", "../pol.yaml"), rule("pol.yaml", "pol.yaml"));
        assert_eq!(renamed("../pol.yaml", "../more/one.yaml"), rule("pol.yaml", "more/one.yaml"));
        assert_eq!(renamed("d", "d"), rule("b", "b"));
        assert_eq!(renamed("e", "e"), rule("e", "e"), "another policy keeps its name");
        let mut plain = json!({ "layer": "../pol.yaml", "text": "../pol.yaml" });
        names.rename(&mut plain);
        assert_eq!(plain["text"], "../pol.yaml", "what is no rule is left as it is");
    }
}
