//! Random graphs, as JSON documents: everything that decides what a run comes to, in every combination that the
//! compiler lets through. A graph with `x-exact` leaves nothing to timing: each node waits for the one before it.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

#[path = "generate/loops.rs"]
mod loops;

/// Where the choices come from: a seed, or what a fuzzer made.
pub trait Draw {
    fn next(&mut self) -> u64;

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exec,
    Values,
    Each { collects: bool },
    Graph { child: usize },
    Batch,
    Approval,
    Fail { named: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Success,
    Otherwise,
    Catch,
    Always,
}

struct Link {
    from: usize,
    to: usize,
    class: Class,
    when: Option<String>,
    /// `max`, and does running out only mean that it is not taken?
    turns: Option<(u32, bool)>,
}

struct Maker<'r> {
    random: &'r mut dyn Draw,
    exact: bool,
    depth: u32,
    /// Do some of its writes add up to more than a number can be?
    large: bool,
    kinds: Vec<Kind>,
    timed: Vec<bool>,
    links: Vec<Link>,
    children: Vec<Json>,
}

/// A graph that is drawn.
pub fn graph(name: &str, random: &mut dyn Draw) -> Json {
    let exact = random.chance(35);
    let mut made = make(random, exact, 0);
    made["schema"] = json!("lgflow.graph/v1");
    made["name"] = json!(name);
    made
}

fn make(random: &mut dyn Draw, exact: bool, depth: u32) -> Json {
    let most = [10, 4, 2][depth as usize];
    let count = 2 + random.below(most) as usize;
    let large = random.chance(12);
    let mut maker = Maker {
        random,
        exact,
        depth,
        large,
        kinds: Vec::new(),
        timed: Vec::new(),
        links: Vec::new(),
        children: Vec::new(),
    };
    for at in 0..count {
        maker.node(at);
    }
    maker.forward();
    if maker.random.chance(30) {
        maker.nest();
    }
    maker.back();
    maker.tidy();
    maker.written()
}

fn pick<'a>(random: &mut dyn Draw, words: &[&'a str]) -> &'a str {
    words[random.below(words.len() as u64) as usize]
}

impl Maker<'_> {
    /// What a node is. What is inside of a timed graph waits for one thing at a time: then what the time ends does
    /// not depend on timing.
    fn node(&mut self, at: usize) {
        let timed = self.random.chance(25);
        let kind = match self.random.below(20) {
            0 if at > 0 => Kind::Fail { named: self.random.chance(50) },
            1..=4 => Kind::Values,
            5..=7 => Kind::Each { collects: self.random.chance(50) },
            // several nodes may run one graph
            8..=10 if !timed && !self.children.is_empty() && self.random.chance(40) => {
                Kind::Graph { child: self.random.below(self.children.len() as u64) as usize }
            }
            8..=10 if self.depth < 2 => {
                let child = make(self.random, self.exact || timed, self.depth + 1);
                self.children.push(child);
                Kind::Graph { child: self.children.len() - 1 }
            }
            11 => Kind::Batch,
            12 => Kind::Approval,
            _ => Kind::Exec,
        };
        self.timed.push(timed && matches!(kind, Kind::Graph { .. } | Kind::Batch | Kind::Approval));
        self.kinds.push(kind);
    }

    fn id(&self, at: usize) -> String {
        format!("{}{at}", if self.timed[at] { "t" } else { "n" })
    }

    fn class(&mut self, from: usize) -> Class {
        let fails = matches!(self.kinds[from], Kind::Fail { .. });
        match self.random.below(14) {
            0..=1 => Class::Always,
            2..=4 => Class::Catch,
            _ if fails => Class::Catch,
            5 => Class::Otherwise,
            _ => Class::Success,
        }
    }

    fn forward(&mut self) {
        for to in 1..self.kinds.len() {
            if self.exact {
                self.link(to - 1, to);
            }
            let many = if self.random.chance(8) && !self.exact { 0 } else { 1 + self.random.below(3) };
            for _ in 0..many {
                // near sources are likelier: long chains, and still wide joins
                let near = self.random.chance(60);
                let from = if near { to - 1 } else { self.random.below(to as u64) as usize };
                self.link(from, to);
            }
        }
        for at in 0..self.kinds.len() {
            let connected = self.links.iter().any(|link| link.from == at || link.to == at);
            match at {
                _ if connected => {}
                0 => self.link(0, 1),
                at => self.link(at - 1, at),
            }
        }
    }

    fn link(&mut self, from: usize, to: usize) {
        let class = self.class(from);
        if !self.is_known(from, to, class) {
            let when = if class == Class::Otherwise { None } else { self.condition(from, class) };
            self.links.push(Link { from, to, class, when, turns: None });
        }
    }

    /// Two edges for one outcome would say the same.
    fn is_known(&self, from: usize, to: usize, class: Class) -> bool {
        let outcome = |class| if class == Class::Otherwise { Class::Success } else { class };
        let same = |link: &Link| (link.from, link.to, outcome(link.class)) == (from, to, outcome(class));
        self.links.iter().any(same)
    }

    fn condition(&mut self, from: usize, class: Class) -> Option<String> {
        let exec = self.kinds[from] == Kind::Exec;
        match self.random.below(10) {
            0..=2 if exec && class == Class::Success => {
                Some(format!("(output.exit_code | default(2)) < {}", 1 + self.random.below(5)))
            }
            // has no value where the text spells no number
            3 if exec && class == Class::Success => {
                Some("(output.stdout | default('x') | int) > 20".to_owned())
            }
            4 => Some("state.count % 2 == 0".to_owned()),
            5 if class == Class::Always => {
                let id = self.id(from);
                Some(match self.random.below(4) {
                    0 => format!("nodes.{id}.status != 'failed'"),
                    1 => format!("(nodes.{id}.error.kind | default('-')) == 'exit'"),
                    _ => format!("nodes.{id}.status == 'failed'"),
                })
            }
            5 if class == Class::Catch => Some("error.kind != 'timeout'".to_owned()),
            // has no value while the list is short
            6 if self.random.chance(40) => Some("state.list[1] != 3".to_owned()),
            7 => Some("(state.ext | length) < 4".to_owned()),
            _ => None,
        }
    }

    fn written(mut self) -> Json {
        let nodes: Map<String, Json> =
            (0..self.kinds.len()).map(|at| (self.id(at), self.written_node(at))).collect();
        let edges: Vec<Json> = (0..self.links.len()).map(|at| self.written_edge(at)).collect();
        let call = json!({ "tool": "exec", "input": { "argv": ["run"] } });
        let mut graph = json!({
            "inputs": {
                "n": { "type": "integer", "default": 3 },
                "calls": { "type": "array", "default": [call, call] },
            },
            "state": {
                "count": { "type": "integer", "reduce": "sum" },
                "list": { "type": "array", "items": { "type": "integer" }, "reduce": "append" },
                "ext": { "type": "array", "items": { "type": "integer" }, "reduce": "extend" },
                "facts": { "type": "object", "additionalProperties": { "type": "integer" }, "reduce": "merge" },
                "last": { "type": "integer", "default": 1, "reduce": "replace" },
            },
            "nodes": nodes,
            "edges": edges,
            "outputs": self.outputs(),
        });
        graph["x-exact"] = json!(self.exact);
        if self.random.chance(if self.depth == 0 { 30 } else { 60 }) {
            // the same name in each graph: it is another group
            graph["concurrency"] = json!({ "groups": { "g": 1 + self.random.below(3) } });
            if self.depth == 0 || self.random.chance(20) {
                graph["concurrency"]["max"] = json!(1 + self.random.below(3));
            }
            self.grouped(&mut graph["nodes"]);
        }
        if self.depth == 0 && self.random.chance(25) {
            graph["defaults"] = json!({ "exec": { "retry": { "attempts": 2, "kinds": ["exit"] } } });
        }
        // the shortest of all clocks
        graph["budgets"] = json!({ "grace": "1s" });
        // which of several calls is the last depends on timing
        if self.exact && self.random.chance(25) {
            graph["budgets"]["tool_calls"] = json!(1 + self.random.below(9));
        }
        if !self.children.is_empty() {
            let children = self.children.iter().enumerate();
            graph["graphs"] = children.map(|(at, child)| (format!("g{at}"), child.clone())).collect();
        }
        graph
    }

    fn grouped(&mut self, nodes: &mut Json) {
        let nodes = nodes.as_object_mut().expect("they are an object");
        for node in nodes.values_mut().filter(|node| node["uses"] == "exec") {
            if self.random.chance(if self.depth == 0 { 40 } else { 60 }) {
                node["group"] = json!("g");
            }
        }
    }

    fn outputs(&mut self) -> Json {
        let mut outputs = json!({
            "count": "{{ state.count }}",
            "list": "{{ state.list }}",
            "ext": "{{ state.ext }}",
            "facts": "{{ state.facts }}",
            "last": "{{ state.last }}",
        });
        if self.depth > 0 {
            return outputs;
        }
        for at in 0..self.kinds.len() {
            let id = self.id(at);
            outputs[format!("s_{id}")] = json!(format!("{{{{ nodes.{id}.status | default('-') }}}}"));
            outputs[format!("o_{id}")] = json!(format!("{{{{ {} }}}}", self.read(at)));
        }
        outputs
    }

    /// What others read of a node.
    fn read(&self, at: usize) -> String {
        let id = self.id(at);
        match self.kinds[at] {
            Kind::Exec => format!("nodes.{id}.output.stdout | default('none')"),
            Kind::Values => format!("nodes.{id}.output.c | default(0)"),
            Kind::Each { collects: true } => {
                format!("(nodes.{id}.output | default([])) | map(attribute='status')")
            }
            Kind::Each { collects: false } => format!("(nodes.{id}.output | default([])) | length"),
            Kind::Graph { .. } => format!("nodes.{id}.output.list | default([])"),
            Kind::Batch => format!("(nodes.{id}.output.results | default([])) | length"),
            Kind::Approval => format!("nodes.{id}.output.choice | default('none')"),
            Kind::Fail { .. } => format!("nodes.{id}.error.kind | default('none')"),
        }
    }

    fn ancestors(&self, of: usize) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let mut open = vec![of];
        while let Some(at) = open.pop() {
            let before = self.links.iter().filter(|link| link.turns.is_none() && link.to == at);
            open.extend(before.map(|link| link.from).filter(|from| seen.insert(*from)));
        }
        seen.into_iter().collect()
    }

    /// Something that the node may read, as an expression.
    fn seen(&mut self, at: usize) -> String {
        let ancestors = self.ancestors(at);
        match self.random.below(6) {
            0 => "state.list".to_owned(),
            1 => "state.count".to_owned(),
            2 => "state.facts".to_owned(),
            3 => "state.last + inputs.n".to_owned(),
            _ if ancestors.is_empty() => "state.ext".to_owned(),
            _ => {
                let other = ancestors[self.random.below(ancestors.len() as u64) as usize];
                if self.random.chance(30) {
                    format!("nodes.{}.status | default('-')", self.id(other))
                } else {
                    self.read(other)
                }
            }
        }
    }

    fn argv(&mut self, at: usize, item: bool) -> Json {
        let seen = self.seen(at);
        let mut argv =
            vec![json!("run"), json!(format!("{{{{ ({seen}) | tojson }}}}")), json!("c={{ state.count }}")];
        if item {
            argv.push(json!("{{ it | tojson }}/{{ it_index }}"));
        }
        json!(argv)
    }

    fn written_node(&mut self, at: usize) -> Json {
        let mut node = match self.kinds[at] {
            Kind::Exec => {
                json!({ "uses": "exec", "with": { "argv": self.argv(at, false), "ok_exit": "any" } })
            }
            Kind::Values => {
                let seen = self.seen(at);
                json!({ "uses": "values", "with": { "c": "{{ state.count }}", "x": format!("{{{{ {seen} }}}}") } })
            }
            Kind::Each { collects } => self.written_each(at, collects),
            Kind::Graph { child } => {
                let given =
                    if self.random.chance(50) { json!({ "n": "{{ state.count }}" }) } else { json!({}) };
                json!({ "uses": "graph", "with": { "graph": format!("g{child}"), "inputs": given } })
            }
            Kind::Batch => {
                let call = |argv| json!({ "tool": "exec", "input": { "argv": argv } });
                let calls = [call(self.argv(at, false)), call(self.argv(at, false))];
                // more than may be made can only be computed: written out, it is found before the run
                let (calls, most) =
                    if self.random.chance(10) { (json!("{{ inputs.calls }}"), 1) } else { (json!(calls), 2) };
                json!({ "uses": "batch", "with": { "calls": calls, "tools": ["exec"], "max_calls": most } })
            }
            Kind::Approval => {
                let mut with = json!({ "show": "n = {{ state.count }}" });
                if self.random.chance(60) {
                    with["options"] = json!(["yes", "no"]);
                }
                json!({ "uses": "approval", "with": with })
            }
            Kind::Fail { named } => {
                let mut with = json!({ "message": "at {{ state.count }}" });
                if named {
                    with["kind"] = json!("mine");
                }
                json!({ "uses": "fail", "with": with })
            }
        };
        self.modifiers(at, &mut node);
        node
    }

    fn written_each(&mut self, at: usize, collects: bool) -> Json {
        let list =
            pick(self.random, &["[]", "[1, 2, 3]", "range(4)", "range(inputs.n)", "state.list", "state.ext"]);
        let mut each = json!({ "in": list, "as": "it", "max": 3 + self.random.below(2) });
        if !self.exact {
            each["parallel"] = json!(1 + self.random.below(3));
        }
        if collects {
            each["on_error"] = json!("collect");
        }
        let graphs = self.children.len();
        if graphs > 0 && self.random.chance(30) {
            let child = self.random.below(graphs as u64);
            return json!({
                "uses": "graph",
                "with": { "graph": format!("g{child}"), "inputs": { "n": "{{ it_index }}" } },
                "for_each": each,
            });
        }
        json!({ "uses": "exec", "with": { "argv": self.argv(at, true), "ok_exit": "any" }, "for_each": each })
    }

    fn modifiers(&mut self, at: usize, node: &mut Json) {
        let kind = self.kinds[at];
        let each = matches!(kind, Kind::Each { .. });
        if self.random.chance(15) {
            node["join"] = json!("all");
        }
        if self.random.chance(12) {
            node["skip_when"] = match self.ancestors(at).first() {
                _ if each => json!(pick(self.random, &["it == 2", "it_index == 1", "state.count > 6"])),
                Some(first) if self.random.chance(50) => {
                    json!(format!("(nodes.{}.status | default('-')) == 'failed'", self.id(*first)))
                }
                _ => json!(pick(
                    self.random,
                    &["state.count > 4", "state.count % 3 == 1", "state.list[2] == 1"]
                )),
            };
        }
        if !matches!(kind, Kind::Approval | Kind::Fail { .. }) && self.random.chance(25) {
            let kinds = ["timeout", "exit", "conflict"];
            node["retry"] = json!({ "attempts": 2 + self.random.below(2), "kinds": kinds[..=self.random.below(3) as usize] });
            if self.random.chance(50) {
                node["retry"]["backoff"] = json!("1s");
            }
        }
        if self.timed[at] {
            node["timeout"] = json!(["100s", "60s", "5s"][self.depth as usize]);
        }
        if !matches!(kind, Kind::Fail { .. }) && self.random.chance(50) {
            node["update"] = self.update(at, each);
            // items at once may not all write one key
            if node["for_each"]["parallel"].as_u64().is_some_and(|parallel| parallel > 1) {
                node["update"].as_object_mut().expect("it is an object").remove("facts");
            }
        }
    }

    fn update(&mut self, at: usize, each: bool) -> Json {
        let mut update = json!({});
        let id = self.id(at);
        for channel in ["count", "list", "ext", "facts", "last"] {
            if !self.random.chance(35) {
                continue;
            }
            update[channel] = match channel {
                "count" if self.large => {
                    const LARGE: [&str; 4] = [
                        "{{ 9223372036854775807 + 9223372036854775807 + 1 }}",
                        "{{ 9223372036854775807 + 1 }}",
                        "{{ 9223372036854775807 }}",
                        "{{ 4611686018427387904 }}",
                    ];
                    match self.random.below(6) {
                        0 => json!(i64::MIN),
                        1 => json!(1 + self.random.below(3)),
                        at => json!(LARGE[at as usize - 2]),
                    }
                }
                "count" => json!(1 + self.random.below(3)),
                "list" if each => json!("{{ it_index + state.count }}"),
                // has no value while the list is short
                "list" if self.random.chance(10) => json!("{{ state.list[1] + 1 }}"),
                "list" => json!("{{ state.count + 1 }}"),
                "ext" => json!("{{ [state.count, inputs.n] }}"),
                "facts" if self.random.chance(30) => json!(format!("{{{{ {{'{id}': state.count}} }}}}")),
                "facts" => json!({ id.clone(): "{{ state.count }}" }),
                // concurrent writers of the last value would have no order
                _ if self.exact && !each => json!("{{ state.last + 1 }}"),
                _ => continue,
            };
        }
        update
    }

    fn written_edge(&mut self, at: usize) -> Json {
        let link = &self.links[at];
        let (from, to) = (self.id(link.from), self.id(link.to));
        let mut edge = json!({ "from": from, "to": to });
        if let Some(when) = &link.when {
            edge["when"] = json!(when);
        }
        if let Some((max, leave)) = link.turns {
            edge["loop"] =
                if leave { json!({ "max": max, "exhausted": "leave" }) } else { json!({ "max": max }) };
            // the edges of one loop agree on it, as they do on `max`
            if (max as usize + link.to).is_multiple_of(3) {
                edge["loop"]["delay"] = json!("1s");
            }
        }
        match link.class {
            Class::Success => {}
            Class::Otherwise => edge["otherwise"] = json!(true),
            Class::Always => edge["always"] = json!(true),
            Class::Catch => {
                let from = link.from;
                edge["catch"] = self.caught(from);
                // only kinds that it catches may be asked about
                let asks = edge["when"] == json!("error.kind != 'timeout'");
                let first = edge["catch"][0].as_str().filter(|first| *first != "any" && asks);
                if let Some(first) = first.map(|first| format!("error.kind != '{first}'")) {
                    edge["when"] = json!(first);
                }
            }
        }
        edge
    }

    fn caught(&mut self, from: usize) -> Json {
        let runs_out =
            self.links.iter().any(|link| link.from == from && link.turns.is_some_and(|(_, leave)| !leave));
        match self.kinds[from] {
            Kind::Fail { named: true } => json!(["mine"]),
            Kind::Fail { named: false } => json!(["failed"]),
            Kind::Approval if self.random.chance(50) => json!(["rejected", "timeout"]),
            _ if runs_out && self.random.chance(60) => json!(["exhausted"]),
            _ => match self.random.below(6) {
                0 => json!(["exit", "timeout"]),
                1 => json!(["expression"]),
                2 => json!(["denied", "conflict"]),
                3 => json!(["any", "expression"]),
                _ => json!(["any"]),
            },
        }
    }
}
