//! Random documents from a schema, and random changes to them. Most documents satisfy the schema they come from;
//! which do is for the schema to say.

use std::collections::BTreeMap;

use lgflow::schema::Validator;
use serde_json::{Map, Value, json};

/// A small generator of numbers: the same seed gives the same documents everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Makes documents of one schema.
pub struct Generator<'s> {
    root: &'s Value,
    /// Validators of conditions, by their text.
    conditions: BTreeMap<String, Validator>,
    /// Values for strings with a pattern, by pattern.
    samples: BTreeMap<&'static str, &'static [&'static str]>,
}

const NAMES: [&str; 6] = ["a", "plan", "test_1", "b2", "files", "report"];
const TEXTS: [&str; 6] = ["a", "two words", "{{ inputs.a }}", "x: {{ nodes.a.output }}", "ünï", "a.md"];
/// Nothing is generated below this depth that need not be.
const DEEP: usize = 9;

impl<'s> Generator<'s> {
    pub fn new(root: &'s Value, samples: &[(&'static str, &'static [&'static str])]) -> Self {
        Self { root, conditions: BTreeMap::new(), samples: samples.iter().copied().collect() }
    }

    pub fn document(&mut self, random: &mut Random) -> Value {
        self.value(self.root, random, 0)
    }

    fn target(&self, reference: &str) -> &'s Value {
        self.root.pointer(reference.strip_prefix('#').unwrap()).unwrap()
    }

    /// The schema and all that it takes over: `$ref` and the plain members of `allOf`.
    fn facets(&self, schema: &'s Value, found: &mut Vec<&'s Value>) {
        found.push(schema);
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            self.facets(self.target(reference), found);
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.facets(part, found);
        }
    }

    fn value(&mut self, schema: &'s Value, random: &mut Random, depth: usize) -> Value {
        let mut facets = Vec::new();
        self.facets(schema, &mut facets);
        if let Some(branches) = first(&facets, "anyOf").and_then(Value::as_array)
            && first(&facets, "type").is_none()
        {
            return self.value(random.pick(branches), random, depth);
        }
        if let Some(value) = first(&facets, "const") {
            return value.clone();
        }
        if let Some(options) = first(&facets, "enum").and_then(Value::as_array) {
            return random.pick(options).clone();
        }
        let mut types: Vec<&str> = match first(&facets, "type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => vec!["string", "boolean", "integer", "object", "array"],
        };
        if depth > DEEP && types.len() > 1 {
            types.retain(|kind| !matches!(*kind, "object" | "array"));
        }
        let value = match *random.pick(&types) {
            "null" => Value::Null,
            "boolean" => json!(random.one_in(2)),
            "integer" => Self::integer(&facets, random),
            "number" => number(&facets, random),
            "array" => self.array(&facets, random, depth),
            "object" => self.object(&facets, random, depth),
            _ => self.string(&facets, random),
        };
        self.conditions(value, &facets, random, depth)
    }

    fn integer(facets: &[&'s Value], random: &mut Random) -> Value {
        let bound = |key: &str, default: i64| first(facets, key).and_then(Value::as_i64).unwrap_or(default);
        let (least, most) = (bound("minimum", -3), bound("maximum", 1000));
        let offset = [0, 1, 7, 90][random.below(4)];
        json!(least.saturating_add(offset).min(most))
    }

    fn string(&mut self, facets: &[&'s Value], random: &mut Random) -> Value {
        let Some(pattern) = first(facets, "pattern").and_then(Value::as_str) else {
            return json!(random.pick(&TEXTS));
        };
        let known = self.samples.get(pattern);
        let samples = known.unwrap_or_else(|| panic!("the test has no samples of the pattern `{pattern}`"));
        json!(random.pick(samples))
    }

    fn array(&mut self, facets: &[&'s Value], random: &mut Random, depth: usize) -> Value {
        let least = first(facets, "minItems").and_then(Value::as_u64).unwrap_or(0) as usize;
        let more = if depth > DEEP { 0 } else { random.below(3) };
        let Some(items) = first(facets, "items") else {
            return Value::Array(vec![json!("a"); least]);
        };
        let mut list: Vec<Value> = (0..least + more).map(|_| self.value(items, random, depth + 1)).collect();
        if first(facets, "uniqueItems").is_some() {
            let mut seen = Vec::new();
            list.retain(|item| {
                !seen.contains(item) && {
                    seen.push(item.clone());
                    true
                }
            });
        }
        Value::Array(list)
    }

    fn object(&mut self, facets: &[&'s Value], random: &mut Random, depth: usize) -> Value {
        let mut object = Map::new();
        let required: Vec<&str> = facets.iter().flat_map(|facet| names(facet, "required")).collect();
        let chosen = Self::choice(facets, random);
        for facet in facets {
            for (name, schema) in facet.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let wanted = required.contains(&name.as_str()) || chosen.contains(&name.as_str());
                // the keywords of JSON Schema are many, and nest
                let many =
                    facet.get("properties").and_then(Value::as_object).is_some_and(|all| all.len() > 20);
                let rare = if many { 24 } else { 4 };
                if wanted || (depth <= DEEP && schema != &json!(false) && random.one_in(rare)) {
                    object.insert(name.clone(), self.value(schema, random, depth + 1));
                }
            }
        }
        Self::exclude(facets, &chosen, &mut object);
        if facets.iter().any(|facet| facet.get("patternProperties").is_some()) && random.one_in(8) {
            object.insert("x-own".to_owned(), json!({ "any": null }));
        }
        if let Some(rest) = first(facets, "additionalProperties").filter(|rest| rest.is_object()) {
            let least = first(facets, "minProperties").and_then(Value::as_u64).unwrap_or(0) as usize;
            let more = if depth > DEEP { 0 } else { random.below(3) };
            for _ in 0..least + more {
                let name = *random.pick(&NAMES);
                object.insert(name.to_owned(), self.value(rest, random, depth + 1));
            }
        }
        Value::Object(object)
    }

    /// The keys of one branch of `oneOf` or `anyOf`.
    fn choice(facets: &[&'s Value], random: &mut Random) -> Vec<&'s str> {
        let branches = first(facets, "oneOf").or_else(|| first(facets, "anyOf")).and_then(Value::as_array);
        branches.map(|branches| names(random.pick(branches), "required").collect()).unwrap_or_default()
    }

    /// Takes out the keys of the branches that were not chosen.
    fn exclude(facets: &[&'s Value], chosen: &[&str], object: &mut Map<String, Value>) {
        for branch in first(facets, "oneOf").and_then(Value::as_array).into_iter().flatten() {
            for name in names(branch, "required").filter(|name| !chosen.contains(name)) {
                object.remove(name);
            }
        }
        let both: Vec<&str> =
            first(facets, "not").into_iter().flat_map(|not| names(not, "required")).collect();
        if both.len() > 1 && both.iter().all(|name| object.contains_key(*name)) {
            object.remove(both[0]);
        }
    }

    /// Makes the value fit the conditions that hold of it.
    fn conditions(
        &mut self,
        mut value: Value,
        facets: &[&'s Value],
        random: &mut Random,
        depth: usize,
    ) -> Value {
        for facet in facets {
            for (key, schema) in
                facet.get("dependentSchemas").and_then(Value::as_object).into_iter().flatten()
            {
                if value.get(key).is_some() {
                    value = self.impose(value, schema, random, depth);
                }
            }
            let Some(condition) = facet.get("if") else { continue };
            let branch = if self.holds(condition, &value) { "then" } else { "else" };
            if let Some(branch) = facet.get(branch) {
                value = self.impose(value, branch, random, depth);
            }
        }
        value
    }

    fn impose(&mut self, mut value: Value, schema: &'s Value, random: &mut Random, depth: usize) -> Value {
        if self.holds(schema, &value) {
            return value;
        }
        let mut facets = Vec::new();
        self.facets(schema, &mut facets);
        let declares = ["type", "enum", "const"].iter().any(|key| first(&facets, key).is_some());
        let Some(object) = value.as_object_mut().filter(|_| !declares) else {
            return self.value(schema, random, depth);
        };
        let mut known = Vec::new();
        for facet in &facets {
            for (name, part) in facet.get("properties").and_then(Value::as_object).into_iter().flatten() {
                known.push(name.as_str());
                if part == &json!(false) {
                    object.remove(name);
                } else if let Some(old) = object.remove(name) {
                    object.insert(name.clone(), self.impose(old, part, random, depth + 1));
                } else if facets.iter().any(|facet| names(facet, "required").any(|wanted| wanted == name)) {
                    let made = self.impose(filler(name), part, random, depth + 1);
                    object.insert(name.clone(), made);
                }
            }
            if let Some(rest) = facet.get("additionalProperties").filter(|rest| rest.is_object()) {
                for (_, entry) in object.iter_mut().filter(|(name, _)| !known.contains(&name.as_str())) {
                    *entry = self.impose(entry.take(), rest, random, depth + 1);
                }
            }
        }
        if first(&facets, "additionalProperties") == Some(&json!(false)) {
            object.retain(|name, _| known.contains(&name.as_str()));
        }
        let branch: Vec<&str> = first(&facets, "anyOf")
            .and_then(Value::as_array)
            .map(|branches| names(random.pick(branches), "required").collect())
            .unwrap_or_default();
        for name in facets.iter().flat_map(|facet| names(facet, "required")).chain(branch) {
            object.entry(name).or_insert_with(|| filler(name));
        }
        self.conditions(value, &facets, random, depth)
    }

    fn holds(&mut self, condition: &Value, value: &Value) -> bool {
        let root = self.root;
        let text = condition.to_string();
        let validator = self.conditions.entry(text).or_insert_with(|| {
            let whole = if condition.to_string().contains("$ref") {
                json!({ "$defs": root["$defs"], "allOf": [condition] })
            } else {
                condition.clone()
            };
            Validator::new(&whole).unwrap()
        });
        validator.accepts(value)
    }
}

fn first<'s>(facets: &[&'s Value], key: &str) -> Option<&'s Value> {
    facets.iter().find_map(|facet| facet.get(key))
}

fn names<'s>(schema: &'s Value, key: &str) -> impl Iterator<Item = &'s str> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// A value for a key that must be there, where its own schema stands elsewhere.
fn filler(name: &str) -> Value {
    match name {
        "model" | "prompt" | "graph" | "server" | "tool" => json!("a"),
        "tools" => json!(["exec"]),
        "max_calls" => json!(3),
        "messages" => json!([{ "role": "user", "prompt": "a" }]),
        "with" | "loop" => json!({}),
        _ => json!("{{ inputs.a }}"),
    }
}

fn number(facets: &[&Value], random: &mut Random) -> Value {
    let least = first(facets, "minimum").and_then(Value::as_f64).unwrap_or(1.0);
    match random.below(3) {
        0 => json!(least),
        1 => json!(least + 0.5),
        _ => json!(1),
    }
}

/// Changes one place of a document: most often for the worse.
pub fn mutate(value: &mut Value, random: &mut Random) {
    let mut places = Vec::new();
    collect(value, &mut Vec::new(), &mut places);
    let path = random.pick(&places).clone();
    let mut at = value;
    for step in &path {
        at = match at {
            Value::Object(map) => map.get_mut(step).unwrap(),
            Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
            _ => unreachable!(),
        };
    }
    change(at, random);
}

fn collect(value: &Value, path: &mut Vec<String>, places: &mut Vec<Vec<String>>) {
    places.push(path.clone());
    let mut go = |step: String, value: &Value| {
        path.push(step);
        collect(value, path, places);
        path.pop();
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| go(key.clone(), value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| go(at.to_string(), value)),
        _ => {}
    }
}

fn change(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(map) if !map.is_empty() && !random.one_in(4) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let key = random.pick(&keys).clone();
            let old = map.remove(&key).unwrap();
            match random.below(3) {
                0 => {}
                1 => {
                    map.insert(misspelt(&key, random), old);
                }
                _ => {
                    map.insert(key, old.clone());
                    map.insert((*random.pick(&NAMES)).to_owned(), old);
                }
            }
        }
        Value::Array(items) if !items.is_empty() && !random.one_in(4) => {
            let at = random.below(items.len());
            if random.one_in(2) {
                items.remove(at);
            } else {
                let item = items[at].clone();
                items.push(item);
            }
        }
        Value::String(text) if !random.one_in(3) => *text = misspelt(text, random),
        Value::Number(number) if !random.one_in(3) => {
            let changes = [json!(-1), json!(0), json!(1.5), json!(2.0), json!(4_294_967_296_u64), json!(1)];
            let _ = number;
            *value = random.pick(&changes).clone();
        }
        _ => {
            let others = [
                json!(true),
                json!(3),
                json!(1.5),
                json!("text"),
                json!([]),
                json!({}),
                json!(["a"]),
                json!({ "a": "b" }),
                json!(null),
                json!(""),
                json!("{{ a }}"),
            ];
            *value = random.pick(&others).clone();
        }
    }
}

fn misspelt(text: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = random.below(letters.len() + 1);
    match random.below(3) {
        0 if at < letters.len() => {
            letters.remove(at);
        }
        1 if at < letters.len() => letters[at] = *random.pick(&['q', 'Z', '-', '0']),
        _ => letters.insert(at, *random.pick(&['q', 'Z', ' ', '_'])),
    }
    letters.into_iter().collect()
}
