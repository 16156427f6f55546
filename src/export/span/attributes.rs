//! What a span is called and what is told with it, by the semantic conventions for processes, HTTP and generative AI; what
//! these have no name for begins with `lgflow.`. Inputs, outputs, contents and queries of addresses are not told: they may
//! be large, and are nobody's business who only watches.

use serde_json::Value;

use crate::export::{CallTold, End, Piece, QuestionTold, Recorded, Story, What};

use super::{AttributeValue, SpanKind};

/// The status of an answer.
const STATUS: &str = "http.response.status_code";

type Attributes = Vec<(&'static str, AttributeValue)>;

pub(super) struct Named {
    pub(super) name: String,
    pub(super) kind: SpanKind,
    pub(super) attributes: Attributes,
}

/// What all spans of a run have in common: the program, and the revision that it worked on.
pub fn resource(story: &Story) -> Attributes {
    let mut all = vec![("service.name", text("lgflow"))];
    let version = story.facts.get("lgflow").and_then(Value::as_str);
    all.extend(version.map(|version| ("service.version", text(version))));
    all.extend(story.revision.as_deref().map(|revision| ("vcs.ref.head.revision", text(revision))));
    all
}

pub(super) fn of(story: &Story, recorded: &Recorded, piece: &Piece) -> Named {
    let internal = |name: String, attributes| Named { name, kind: SpanKind::Internal, attributes };
    let mut named = match &piece.what {
        What::Run => internal(format!("run {}", story.graph), of_run(story, recorded)),
        What::Node(node) => {
            let mut all = vec![("lgflow.node", text(&node.id))];
            all.extend((!node.path.is_empty()).then(|| ("lgflow.path", text(&node.path))));
            all.extend((!node.uses.is_empty()).then(|| ("lgflow.uses", text(&node.uses))));
            let iteration: Vec<i64> = node.iteration.iter().copied().map(i64::from).collect();
            all.extend(
                (!iteration.is_empty()).then_some(("lgflow.iteration", AttributeValue::Numbers(iteration))),
            );
            internal(format!("node {}", node.id), all)
        }
        What::Item { index } => internal(format!("item {index}"), vec![("lgflow.index", number(*index))]),
        What::Attempt { number: at } => {
            internal(format!("attempt {at}"), vec![("lgflow.attempt", number(*at))])
        }
        What::Call(call) => of_call(call),
        What::Question(question) => internal("approval".to_owned(), of_question(question)),
        What::Wait { reason } => internal(format!("wait {reason}"), vec![("lgflow.wait", text(reason))]),
        What::Suspended => internal("suspended".to_owned(), Vec::new()),
        What::Interrupted => internal("interrupted".to_owned(), Vec::new()),
    };
    let common = [("lgflow.run", text(&story.run)), ("lgflow.piece", text(piece.what.word()))];
    named.attributes.extend(common);
    match &piece.end {
        End::Failed(kind, _) => match refusing_status(&named.attributes) {
            // a status says what went wrong in words that everybody has
            Some(status) => {
                let both = [("error.type", text(&status.to_string())), ("lgflow.error.kind", text(kind))];
                named.attributes.extend(both);
            }
            None => named.attributes.push(("error.type", text(kind))),
        },
        End::Cancelled => named.attributes.push(("error.type", text("cancelled"))),
        End::Open => named.attributes.push(("lgflow.open", AttributeValue::Truth(true))),
        End::Done => {}
    }
    named
}

/// The status of an answer that refuses.
fn refusing_status(attributes: &Attributes) -> Option<i64> {
    attributes.iter().find_map(|(name, value)| match value {
        AttributeValue::Number(status) if *name == STATUS && *status >= 400 => Some(*status),
        _ => None,
    })
}

fn of_run(story: &Story, recorded: &Recorded) -> Attributes {
    let fact = |name: &str| story.facts.get(name).and_then(Value::as_str);
    let mut all = vec![
        ("lgflow.graph", text(&story.graph)),
        ("lgflow.status", text(&story.status)),
        ("lgflow.used.tool_calls", number(story.used.tool_calls)),
        ("lgflow.used.llm_tokens", number(story.used.llm_tokens)),
        ("lgflow.used.patch_bytes", number(story.used.patch_bytes)),
        ("lgflow.redacted", number(story.redacted)),
    ];
    all.extend(fact("graph_digest").map(|digest| ("lgflow.graph.digest", text(digest))));
    all.extend(fact("policy_digest").map(|digest| ("lgflow.policy.digest", text(digest))));
    all.extend(recorded.digest().map(|digest| ("lgflow.trace.digest", text(&digest.to_string()))));
    all
}

fn of_question(question: &QuestionTold) -> Attributes {
    let mut all = vec![("lgflow.question.policy", AttributeValue::Truth(question.policy))];
    all.extend(question.granted.map(|granted| ("lgflow.question.granted", AttributeValue::Truth(granted))));
    all.extend((!question.by.is_empty()).then(|| ("lgflow.question.by", text(&question.by))));
    all
}

fn of_call(call: &CallTold) -> Named {
    let (name, kind, mut attributes) = match call.tool.as_str() {
        "exec" => of_process(call),
        "http" => of_http(call),
        "llm" => of_model(call),
        "batch" => ("batch".to_owned(), SpanKind::Internal, Vec::new()),
        tool => {
            let name = format!("execute_tool {tool}");
            (
                name,
                SpanKind::Internal,
                vec![
                    ("gen_ai.operation.name", text("execute_tool")),
                    ("gen_ai.tool.name", text(tool)),
                    ("gen_ai.tool.call.id", text(&call.key)),
                ],
            )
        }
    };
    attributes.push(("lgflow.tool", text(&call.tool)));
    attributes.push(("lgflow.call", number(call.number)));
    attributes.extend((!call.key.is_empty()).then(|| ("lgflow.key", text(&call.key))));
    attributes.extend(call.prepared.then_some(("lgflow.prepared", AttributeValue::Truth(true))));
    attributes.extend(call.rule().map(|rule| ("lgflow.policy.rule", text(&rule))));
    if let Some((from, run)) = call.recalled() {
        attributes.extend([("lgflow.recalled.from", text(from)), ("lgflow.recalled.run", text(run))]);
    }
    let redacted = call.result.get("redacted").and_then(Value::as_u64);
    attributes.extend(redacted.map(|count| ("lgflow.redacted", number(count))));
    Named { name, kind, attributes }
}

/// A command: a process that we start and wait for. Its number is not recorded; it means nothing once it has ended.
fn of_process(call: &CallTold) -> (String, SpanKind, Attributes) {
    let argv: Vec<String> = call.input.get("argv").and_then(Value::as_array).map_or_else(Vec::new, |all| {
        all.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    });
    let program = argv.first().cloned().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let used = |part: &str| call.result.get("program").and_then(|program| program.get(part)?.as_str());
    let mut all = vec![("process.executable.name", text(&name))];
    all.extend(used("path").map(|path| ("process.executable.path", text(path))));
    all.extend(used("digest").map(|digest| ("lgflow.program.digest", text(digest))));
    // how many, and not which: they quote what a run works on
    all.push(("process.args_count", number(argv.len() as u64)));
    let code = call.result.get("exit_code").and_then(Value::as_i64);
    all.extend(code.map(|code| ("process.exit.code", AttributeValue::Number(code))));
    let start = call.result.get("start_us").and_then(Value::as_u64);
    all.extend(start.map(|start| ("lgflow.sandbox.start_us", number(start))));
    (if name.is_empty() { "exec".to_owned() } else { name }, SpanKind::Client, all)
}

/// A request. The query and the user of its address are left out: secrets stand there.
fn of_http(call: &CallTold) -> (String, SpanKind, Attributes) {
    let part = |name: &str| call.input.get(name).and_then(Value::as_str).unwrap_or_default();
    let method = if part("method").is_empty() { "GET" } else { part("method") };
    let mut all = vec![("http.request.method", text(method))];
    if let Some(address) = Address::of(part("url")) {
        all.push(("url.full", text(&address.full)));
        all.push(("server.address", text(&address.host)));
        all.extend(address.port.map(|port| ("server.port", AttributeValue::Number(port))));
    }
    // what an answer said that was not taken stands with the error
    let output = |result: &Value| result.get("output").and_then(|output| output.get("status")?.as_i64());
    let status = output(&call.result).or_else(|| output(call.result.get("error")?));
    all.extend(status.map(|status| (STATUS, AttributeValue::Number(status))));
    (method.to_owned(), SpanKind::Client, all)
}

/// A call of a model: which was asked, which answered, and what it counted.
fn of_model(call: &CallTold) -> (String, SpanKind, Attributes) {
    let declared = call.input.get("model");
    let declared = declared.and_then(|model| model.as_str().or_else(|| model.get("use")?.as_str()));
    let used = |part: &str| call.result.get("model").and_then(|model| model.get(part));
    let named = |part: &str| used(part).and_then(Value::as_str);
    // what the graph calls it, where nothing says what its provider does
    let model = named("name").or(declared);
    let format =
        if call.input.get("output_schema").is_some_and(|schema| !schema.is_null()) { "json" } else { "text" };
    let mut all = vec![("gen_ai.operation.name", text("chat")), ("gen_ai.output.type", text(format))];
    all.extend(model.map(|model| ("gen_ai.request.model", text(model))));
    all.extend(declared.map(|declared| ("lgflow.model", text(declared))));
    for (name, part) in [("gen_ai.provider.name", "provider"), ("gen_ai.response.model", "name")] {
        all.extend(named(part).map(|told| (name, text(told))));
    }
    let params = call.input.get("params");
    for (name, part) in [("gen_ai.request.max_tokens", "max_tokens"), ("gen_ai.request.seed", "seed")] {
        let set = params.and_then(|params| params.get(part)?.as_i64());
        all.extend(set.map(|set| (name, AttributeValue::Number(set))));
    }
    all.extend(
        finish(call)
            .map(|reason| ("gen_ai.response.finish_reasons", AttributeValue::Texts(vec![reason.to_owned()]))),
    );
    for (name, part) in
        [("gen_ai.usage.input_tokens", "input_tokens"), ("gen_ai.usage.output_tokens", "output_tokens")]
    {
        all.extend(used(part).and_then(Value::as_u64).map(|count| (name, number(count))));
    }
    let tokens = call.result.get("llm_tokens").and_then(Value::as_u64);
    all.extend(tokens.map(|tokens| ("lgflow.llm_tokens", number(tokens))));
    (format!("chat {}", model.unwrap_or_default()).trim_end().to_owned(), SpanKind::Client, all)
}

/// Why an answer ended.
fn finish(call: &CallTold) -> Option<&'static str> {
    let asks = call.result.get("tool_calls").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let limit = call.result.get("error").and_then(|error| error.get("limit")?.as_str());
    match (call.result.get("ok")?.as_bool()?, limit) {
        (true, _) if asks => Some("tool_calls"),
        (true, _) => Some("stop"),
        (false, Some("max_tokens")) => Some("length"),
        (false, _) => None,
    }
}

/// The parts of an address that may be told.
struct Address {
    full: String,
    host: String,
    port: Option<i64>,
}

impl Address {
    fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let place = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
            _ => (place, None),
        };
        let usual = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let query = if url.contains('?') { "?REDACTED" } else { "" };
        let full = format!("{scheme}://{place}{path}{query}");
        Some(Self { full, host: host.trim_matches(['[', ']']).to_owned(), port: port.or(usual) })
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_user_and_query() {
        let told = |url: &str| Address::of(url).map(|address| (address.full, address.host, address.port));
        let of = |full: &str, host: &str, port| Some((full.to_owned(), host.to_owned(), port));
        assert_eq!(
            told("https://me:secret@example.org/a?token=x#y"),
            of("https://example.org/a?REDACTED", "example.org", Some(443))
        );
        assert_eq!(told("http://[::1]:8080"), of("http://[::1]:8080", "::1", Some(8080)));
        assert_eq!(told("http://a?b@c"), of("http://a?REDACTED", "a", Some(80)));
        assert_eq!(told("no address"), None);
    }
}
