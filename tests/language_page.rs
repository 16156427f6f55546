//! `docs/language.md` and `docs/coming-from.md` run: every graph on the pages is compiled and run with what the block behind it
//! gives, and comes to what that block says; every broken one is refused with the code that it names.
//!
//! A `yaml`, `toml` or `json` block is a graph (`schema` and `name` may be left out) or, where its first line is `# NAME`, a file
//! that the next graph names. The `text` blocks behind a graph are its cases, a line for each thing:
//!
//! - `given {"n": 3}`: the inputs; `wrong PART`: they are refused, with that part of the message;
//! - `call NODE: exit, ok, {"exit_code": 1}`: what the calls of a node come to, all of which are made, one after the other: an error kind, success, or
//!   that output (of a command a failure, where `ok_exit` does not take its exit code); afterwards they succeed;
//! - `answer NODE: yes`, `answer NODE: yes {"why": 1}`: a person's choice (`approve`, `reject` or an option), and a further answer;
//! - `path a b c`: what runs, in canonical order;
//! - `ends succeeded`, `ends failed: NODE KIND`: how the run ends; `outputs {…}`: its outputs;
//! - `node NODE: skipped`: how a node ends; `why NODE: …`: a part of the reason;
//! - `refused CODE`: the graph does not compile.
//!
//! `python` and `yml` blocks are in the languages of other engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test stops where it is wrong"
)]

mod plans;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lgflow::compile::{CheckedRoot, FileRef, LoadProblem, Loaded, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::document::{Limits, Syntax, parse};
use lgflow::effect::{ErrorKind, OkExit, ToolCall, ToolError, ToolResult};
use lgflow::files::RelPath;
use lgflow::interpret::bind_inputs;
use lgflow::plan::Plan;
use lgflow::source::Sources;
use lgflow::trace::{Answer, EventBody, RunStatus, Status, Summary};
use serde_json::{Value, json};

use plans::drive::{Drive, Random};

/// A fenced block, with the line that it begins in.
struct Block {
    line: usize,
    language: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (line, text) in page.lines().enumerate() {
        match text.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                found.push(Block { line: line + 1, language: language.to_owned(), text: String::new() });
            }
            None if open => {
                let block = found.last_mut().expect("a block is open");
                block.text.push_str(text);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "the last block is not closed");
    found
}

/// What a graph compiles to: its plan, or what is wrong with it, each with its code.
type Compiled = Result<Arc<Plan>, Vec<String>>;

fn compile(block: &Block, files: &BTreeMap<String, String>) -> Compiled {
    let head =
        if block.text.contains("lgflow.graph/v1") { "" } else { "schema: lgflow.graph/v1\nname: example\n" };
    let name = format!("g.{}", block.language);
    let path = RelPath::parse(&name).unwrap();
    let root = Root { path, name, bytes: format!("{head}{}", block.text).into_bytes() };
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let mut load = |file: &FileRef| {
        let text = files.get(file.path.as_str());
        let text = text.ok_or_else(|| LoadProblem::new(format!("`{}` does not exist", file.path)))?;
        Ok(Loaded { name: file.path.to_string(), bytes: text.clone().into_bytes() })
    };
    let checked = check_files(vec![root], &mut load, &mut sources, &mut found);
    let codes = || found.iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect();
    match &checked.roots[0] {
        CheckedRoot::Graph(plan) => Ok(Arc::clone(plan)),
        _ => Err(codes()),
    }
}

/// The lines of a case, by their first word.
struct Case<'t> {
    lines: Vec<(&'t str, &'t str)>,
}

impl<'t> Case<'t> {
    fn of(text: &'t str) -> Self {
        let line = |line: &'t str| line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).map(line).collect();
        let known = ["given", "call", "answer", "path", "ends", "outputs", "node", "why", "refused", "wrong"];
        for (word, rest) in &lines {
            assert!(known.contains(word), "`{word} {rest}` is no line of a case");
        }
        Self { lines: lines.into_iter().map(|(word, rest)| (word, rest.trim())).collect() }
    }

    fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'t str> + 'a {
        self.lines.iter().filter(move |(known, _)| *known == word).map(|(_, rest)| *rest)
    }

    fn one(&self, word: &str) -> Option<&'t str> {
        let mut all = self.all(word);
        let first = all.next();
        assert!(all.next().is_none(), "`{word}` stands twice");
        first
    }

    /// `NODE: what`, by node.
    fn by_node(&self, word: &str) -> BTreeMap<String, String> {
        let pair = |line: &str| {
            let (node, rest) = line.split_once(": ").unwrap_or_else(|| panic!("`{line}` names no node"));
            (node.to_owned(), rest.to_owned())
        };
        let mut found = BTreeMap::new();
        for (node, rest) in self.all(word).map(pair) {
            assert!(found.insert(node.clone(), rest).is_none(), "`{word} {node}` stands twice");
        }
        found
    }
}

/// Parts between commas that stand in no bracket.
fn parts(text: &str) -> Vec<String> {
    let mut depth = 0;
    let mut found = vec![String::new()];
    for c in text.chars() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().expect("one is there").push(c);
    }
    found.into_iter().map(|part| part.trim().to_owned()).collect()
}

/// The inputs of a case, or what is wrong with them.
fn inputs(plan: &Plan, case: &Case<'_>) -> Result<Value, Vec<String>> {
    let given: Value =
        case.one("given").map_or_else(|| json!({}), |text| serde_json::from_str(text).unwrap());
    bind_inputs(plan, given.as_object().unwrap().clone())
        .map_err(|wrong| wrong.into_iter().map(|problem| problem.message).collect())
}

fn run(plan: &Arc<Plan>, case: &Case<'_>) -> Summary {
    let inputs = inputs(plan, case).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let scripts: BTreeMap<String, Vec<String>> =
        case.by_node("call").into_iter().map(|(node, script)| (node, parts(&script))).collect();
    let made: RefCell<BTreeMap<String, usize>> = RefCell::default();
    let world = |call: &ToolCall| {
        let mut made = made.borrow_mut();
        let count = made.entry(call.node.clone()).or_default();
        *count += 1;
        let scripted = scripts.get(&call.node).and_then(|script| script.get(*count - 1));
        result(call, scripted.map_or("ok", String::as_str))
    };
    let mut answers = case.by_node("answer");
    let mut drive = Drive::new(plan, &world);
    drive.start(inputs);
    drive.finish(&mut Random(1));
    while let Some(event) = answered(&drive, &mut answers) {
        drive.record(event);
        drive.finish(&mut Random(1));
    }
    assert!(answers.is_empty(), "nobody is asked for these answers: {answers:?}");
    let made = made.borrow();
    for (node, script) in &scripts {
        let count = made.get(node).copied().unwrap_or_default();
        assert!(count >= script.len(), "`{node}` makes {count} of the calls that the case tells: {script:?}");
    }
    drive.state.summary()
}

fn result(call: &ToolCall, scripted: &str) -> ToolResult {
    let usual = || json!({ "exit_code": 0, "stdout": "", "stderr": "", "patch": "", "not_carried": [] });
    if scripted == "ok" {
        return ToolResult::success(&call.tool, usual());
    }
    match serde_json::from_str::<Value>(scripted) {
        Ok(output) => {
            let mut whole = usual();
            match output.as_object() {
                Some(fields) if call.tool == "exec" => whole.as_object_mut().unwrap().extend(fields.clone()),
                _ => whole = output,
            }
            let code = whole.get("exit_code").and_then(Value::as_i64).filter(|_| call.tool == "exec");
            let ok = OkExit::read(call.input.get("ok_exit")).unwrap();
            if code.is_some_and(|code| !ok.takes(code)) {
                let error = ToolError::new(ErrorKind::Exit, "as `ok_exit` says");
                return ToolResult::failure(&call.tool, ToolError { output: Some(whole), ..error });
            }
            ToolResult::success(&call.tool, whole)
        }
        Err(_) => {
            let mut error = ToolError::new(ErrorKind::parse(scripted), "as the page says");
            error.output = Some(json!({ "exit_code": 1, "stdout": "", "stderr": "why" }));
            ToolResult::failure(&call.tool, error)
        }
    }
}

/// The next answer of a person, where the run waits for one.
fn answered(drive: &Drive<'_>, answers: &mut BTreeMap<String, String>) -> Option<EventBody> {
    let mut questions = drive.state.open_questions();
    let (question, word) = questions
        .find_map(|question| Some((question, answers.remove(&drive.state.node_path(question.unit.at))?)))?;
    let (word, further) = match word.split_once(" {") {
        Some((word, rest)) => (word, Some(serde_json::from_str(&format!("{{{rest}")).unwrap())),
        None => (word.as_str(), None),
    };
    let choice = question.options.iter().find(|option| *option == word).cloned();
    let answer = Box::new(Answer { choice, response: further, by: "ada".into(), ..Answer::default() });
    let question = question.id;
    Some(match word {
        "reject" => EventBody::ApprovalRejected { question, answer },
        _ => EventBody::ApprovalGranted { question, answer },
    })
}

/// Holds a case to a run. Each thing that a line says is looked at.
fn hold(case: &Case<'_>, summary: &Summary) {
    if let Some(path) = case.one("path") {
        assert_eq!(summary.path.join(" "), path);
    }
    let ends = case.one("ends").expect("a case says how the run ends");
    let status = summary.status.map_or("-", RunStatus::as_str);
    let error = summary
        .error
        .as_ref()
        .map(|error| format!(": {} {}", error.node.as_deref().unwrap_or("-"), error.error.kind));
    assert_eq!(format!("{status}{}", error.unwrap_or_default()), ends);
    if let Some(outputs) = case.one("outputs") {
        let expected: Value = serde_json::from_str(outputs).unwrap();
        assert_eq!(summary.outputs.as_deref(), Some(&expected));
    }
    for (node, ended) in case.by_node("node") {
        assert_eq!(summary.nodes[&node].status.map_or("-", Status::as_str), ended, "the node `{node}`");
    }
    for (node, why) in case.by_node("why") {
        let reason = summary.nodes[&node].reason.clone().unwrap_or_default();
        assert!(reason.contains(&why), "the reason of `{node}` is: {reason}");
    }
}

/// Runs a page; gives how many graphs and cases it has.
fn hold_page(page: &str) -> (usize, usize) {
    let (mut graphs, mut cases) = (0, 0);
    let mut wrong = Vec::new();
    let mut files = BTreeMap::new();
    let mut current: Option<(Compiled, usize)> = None;
    for block in blocks(page) {
        match block.language.as_str() {
            "yaml" | "toml" | "json" => {
                let name = block.text.lines().next().and_then(|line| line.strip_prefix("# file: "));
                if let Some(name) = name {
                    files.insert(name.to_owned(), block.text.clone());
                    continue;
                }
                assert!(
                    current.as_ref().is_none_or(|(_, held)| *held > 0),
                    "line {}: the graph before has no case",
                    block.line
                );
                current = Some((compile(&block, &files), 0));
                graphs += 1;
                files.clear();
            }
            "text" => {
                let Some((compiled, held)) = current.as_mut() else {
                    panic!("line {}: no graph", block.line)
                };
                *held += 1;
                cases += 1;
                let case = Case::of(&block.text);
                let checked =
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&case, compiled)));
                if checked.is_err() {
                    wrong.push(block.line);
                }
            }
            // other engines' own
            "python" | "yml" => {}
            other => panic!("line {}: `{other}` is no language of the page", block.line),
        }
    }
    assert!(current.is_none_or(|(_, held)| held > 0), "the last graph has no case");
    assert!(wrong.is_empty(), "the cases in these lines do not hold: {wrong:?}");
    (graphs, cases)
}

fn check(case: &Case<'_>, compiled: &Compiled) {
    let alone = |word: &str, beside: usize| {
        assert!(
            case.one(word).is_none() || case.lines.len() == 1 + beside,
            "nothing is held to what stands by `{word}`"
        );
    };
    alone("refused", 0);
    alone("wrong", case.all("given").count());
    match (case.one("refused"), compiled) {
        (Some(code), Err(found)) => {
            let codes = |finding: &String| finding.split(':').next() == Some(code);
            assert!(found.iter().any(codes), "`{code}` is not among {found:#?}");
        }
        (Some(code), Ok(_)) => panic!("it compiles, and `{code}` was expected"),
        (None, Err(found)) => panic!("it does not compile: {found:#?}"),
        (None, Ok(plan)) => match case.one("wrong") {
            Some(part) => {
                let found = inputs(plan, case).expect_err("the inputs fit");
                assert!(found.iter().any(|message| message.contains(part)), "`{part}` is not in {found:?}");
            }
            None => hold(case, &run(plan, case)),
        },
    }
}

#[test]
fn every_graph_of_the_reference_does_what_the_page_says() {
    let (graphs, cases) = hold_page(include_str!("../docs/language.md"));
    assert!(graphs >= 70 && cases >= 100, "{graphs} graphs, {cases} cases");
}

/// The names of all properties in a schema, and the words of all enumerations.
fn named_in(schema: &Value, keys: &mut BTreeSet<String>, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(entries) => {
            let properties = entries.get("properties").and_then(Value::as_object);
            keys.extend(properties.into_iter().flatten().map(|(key, _)| key.clone()));
            let listed = entries.get("enum").and_then(Value::as_array);
            words.extend(listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            entries.values().for_each(|value| named_in(value, keys, words));
        }
        Value::Array(items) => items.iter().for_each(|item| named_in(item, keys, words)),
        _ => {}
    }
}

/// The keys and the strings of a document.
fn said_in(value: &Value, said: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            said.extend(entries.keys().cloned());
            entries.values().for_each(|value| said_in(value, said));
        }
        Value::Array(items) => items.iter().for_each(|item| said_in(item, said)),
        Value::String(text) => drop(said.insert(text.clone())),
        _ => {}
    }
}

/// What the sound graphs of a page say.
fn said_on(page: &str) -> BTreeSet<String> {
    let (mut files, mut said) = (BTreeMap::new(), BTreeSet::new());
    for block in blocks(page) {
        let Some(syntax) = Syntax::of_path(&format!("g.{}", block.language)) else { continue };
        if let Some(name) = block.text.lines().next().and_then(|line| line.strip_prefix("# file: ")) {
            files.insert(name.to_owned(), block.text.clone());
            continue;
        }
        if compile(&block, &files).is_ok() {
            let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
            let file = sources.add("block", block.text.as_str());
            let parsed = parse(&sources, file, syntax, &Limits::default(), &mut found).unwrap();
            said_in(&parsed.tree.to_json(), &mut said);
        }
        files.clear();
    }
    said
}

#[test]
fn every_key_and_every_word_of_the_language_stands_in_a_graph_that_runs() {
    let schema: Value = serde_json::from_str(lgflow::schema::document("graph").unwrap()).unwrap();
    let (mut keys, mut words) = (BTreeSet::new(), BTreeSet::new());
    keys.extend(schema["properties"].as_object().unwrap().keys().cloned());
    // what a JSON Schema may say is not ours
    let foreign = ["keywords", "schema", "subschema", "requirements"];
    for (name, part) in schema["$defs"].as_object().unwrap() {
        let mut further = BTreeSet::new();
        // parameters have a page of their own, and a name may not be a word of expressions
        let apart = name.starts_with("with_") || name == "name";
        let told = if apart { &mut further } else { &mut words };
        if !foreign.contains(&name.as_str()) {
            named_in(part, &mut keys, told);
        }
    }
    // kinds that are never caught or tried again are listed as such
    words
        .retain(|word| !ErrorKind::NEVER.iter().chain(&ErrorKind::BY_NAME).any(|kind| kind.as_str() == word));
    // of what takes back another run, which no graph of an author's may
    keys.remove("run");
    assert!(keys.len() >= 90 && words.len() >= 25, "{} keys, {} words", keys.len(), words.len());
    let said = said_on(include_str!("../docs/language.md"));
    let missing: Vec<&String> = keys.union(&words).filter(|one| !said.contains(*one)).collect();
    assert!(missing.is_empty(), "no sound graph of docs/language.md says {missing:?}");
}

#[test]
fn a_page_that_is_wrong_is_found_out() {
    let page = |graph: &str, case: &str| format!("```yaml\n{graph}\n```\n\n```text\n{case}\n```\n");
    let graph = "nodes: { a: { uses: values, with: { x: 1 } } }\noutputs: { x: '{{ nodes.a.output.x }}' }";
    let holds = |case: &str| std::panic::catch_unwind(|| hold_page(&page(graph, case))).is_ok();
    assert!(holds("path a\nends succeeded\noutputs {\"x\": 1}\nnode a: succeeded"));
    for wrong in [
        "path b\nends succeeded",
        "ends failed: a exit",
        "path a",
        "ends succeeded\noutputs {\"x\": 2}",
        "ends succeeded\nnode a: skipped",
        "ends succeeded\nwhy a: it ran",
        "refused cycle",
        "ends succeeded\npaht a",
        "call a: exit\nends succeeded",
        "answer a: approve\nends succeeded",
        "node a: skipped\nnode a: succeeded\nends succeeded",
        "refused cycle\npath a",
        "wrong x\npath a",
    ] {
        assert!(!holds(wrong), "{wrong}");
    }
    assert!(
        std::panic::catch_unwind(|| hold_page("```yaml\nnodes: { a: { uses: values } }\n```\n")).is_err()
    );
}

#[test]
fn every_graph_for_those_who_come_from_elsewhere_does_what_the_page_says() {
    let (graphs, cases) = hold_page(include_str!("../docs/coming-from.md"));
    assert!(graphs >= 20 && cases >= 28, "{graphs} graphs, {cases} cases");
}

#[test]
fn each_workflow_stands_in_four_languages_with_what_is_refused_of_it() {
    let page = include_str!("../docs/coming-from.md");
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    assert_eq!(sections.len(), 6);
    for section in sections {
        let count = |language: &str| section.matches(&format!("\n```{language}\n")).count();
        assert_eq!((count("python"), count("yml")), (1, 2), "LangGraph, GitHub Actions, Argo: {section}");
        assert!(count("yaml") >= 2 && section.matches("\nrefused ").count() >= 2, "{section}");
    }
}
