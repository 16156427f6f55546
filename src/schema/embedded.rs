//! The schemas of `schemas/`, as they are published. Knows no meaning of any of them.

/// The documents, by the name that `lgflow schema NAME` takes.
const DOCUMENTS: &[(&str, &str)] = &[
    ("graph", include_str!("../../schemas/graph.schema.json")),
    ("policy", include_str!("../../schemas/policy.schema.json")),
    ("test", include_str!("../../schemas/test.schema.json")),
    ("policy-test", include_str!("../../schemas/policy-test.schema.json")),
    ("pack", include_str!("../../schemas/pack.schema.json")),
    ("lock", include_str!("../../schemas/lock.schema.json")),
    ("plan", include_str!("../../schemas/plan.schema.json")),
    ("run", include_str!("../../schemas/run.schema.json")),
    ("runs", include_str!("../../schemas/runs.schema.json")),
    ("moment", include_str!("../../schemas/moment.schema.json")),
    ("comparison", include_str!("../../schemas/comparison.schema.json")),
    ("undo", include_str!("../../schemas/undo.schema.json")),
    ("event", include_str!("../../schemas/event.schema.json")),
    ("receipt", include_str!("../../schemas/receipt.schema.json")),
    ("verification", include_str!("../../schemas/verification.schema.json")),
    ("replay", include_str!("../../schemas/replay.schema.json")),
    ("tool-call", include_str!("../../schemas/tool-call.schema.json")),
    ("tool-result", include_str!("../../schemas/tool-result.schema.json")),
    ("batch", include_str!("../../schemas/batch.schema.json")),
    ("batch-result", include_str!("../../schemas/batch-result.schema.json")),
    ("cancelled", include_str!("../../schemas/cancelled.schema.json")),
    ("capabilities", include_str!("../../schemas/capabilities.schema.json")),
    ("identity", include_str!("../../schemas/identity.schema.json")),
    ("listening", include_str!("../../schemas/listening.schema.json")),
    ("tokens", include_str!("../../schemas/tokens.schema.json")),
    ("token", include_str!("../../schemas/token.schema.json")),
    ("token-bound", include_str!("../../schemas/token-bound.schema.json")),
    ("open-requests", include_str!("../../schemas/open-requests.schema.json")),
    ("rejection", include_str!("../../schemas/rejection.schema.json")),
    ("answer-taken", include_str!("../../schemas/answer-taken.schema.json")),
    ("approval-request", include_str!("../../schemas/approval-request.schema.json")),
    ("approval", include_str!("../../schemas/approval.schema.json")),
    ("verifier-report", include_str!("../../schemas/verifier-report.schema.json")),
    ("worked", include_str!("../../schemas/worked.schema.json")),
    ("diagnostics", include_str!("../../schemas/diagnostics.schema.json")),
    ("problem", include_str!("../../schemas/problem.schema.json")),
    ("queued", include_str!("../../schemas/queued.schema.json")),
    ("policy-check", include_str!("../../schemas/policy-check.schema.json")),
    ("plan-diff", include_str!("../../schemas/plan-diff.schema.json")),
    ("policy-diff", include_str!("../../schemas/policy-diff.schema.json")),
    ("policy-explanation", include_str!("../../schemas/policy-explanation.schema.json")),
    ("policy-tests", include_str!("../../schemas/policy-tests.schema.json")),
    ("tests", include_str!("../../schemas/tests.schema.json")),
    ("reload", include_str!("../../schemas/reload.schema.json")),
    ("removed-runs", include_str!("../../schemas/removed-runs.schema.json")),
    ("trusted", include_str!("../../schemas/trusted.schema.json")),
    ("trust", include_str!("../../schemas/trust.schema.json")),
    ("init", include_str!("../../schemas/init.schema.json")),
    ("config", include_str!("../../schemas/config.schema.json")),
    ("doctor", include_str!("../../schemas/doctor.schema.json")),
    ("tools", include_str!("../../schemas/tools.schema.json")),
    ("tool-schema", include_str!("../../schemas/tool-schema.schema.json")),
    ("schemas", include_str!("../../schemas/schemas.schema.json")),
    ("codes", include_str!("../../schemas/codes.schema.json")),
    ("code", include_str!("../../schemas/code.schema.json")),
    ("trace", include_str!("../../schemas/trace.schema.json")),
    ("anchor", include_str!("../../schemas/anchor.schema.json")),
    ("anchor-removal", include_str!("../../schemas/anchor-removal.schema.json")),
    ("trace-signature", include_str!("../../schemas/trace-signature.schema.json")),
    ("verifications", include_str!("../../schemas/verifications.schema.json")),
    ("trace-site", include_str!("../../schemas/trace-site.schema.json")),
    ("trace-export", include_str!("../../schemas/trace-export.schema.json")),
    ("packs", include_str!("../../schemas/packs.schema.json")),
    ("packs-changed", include_str!("../../schemas/packs-changed.schema.json")),
    ("packs-verified", include_str!("../../schemas/packs-verified.schema.json")),
    ("pack-new", include_str!("../../schemas/pack-new.schema.json")),
    ("pack-tested", include_str!("../../schemas/pack-tested.schema.json")),
];

/// What a call of `llm` takes.
const LLM_CALL: &str = include_str!("../../schemas/tools/llm.call.schema.json");

macro_rules! tools {
    ($($name:literal),* $(,)?) => {
        /// Parameters and output by node kind.
        const TOOLS: &[(&str, &str, &str)] = &[$((
            $name,
            include_str!(concat!("../../schemas/tools/", $name, ".input.schema.json")),
            include_str!(concat!("../../schemas/tools/", $name, ".output.schema.json")),
        )),*];
    };
}

tools!(
    "read_file",
    "list_files",
    "search_files",
    "repo_context",
    "workspace_diff",
    "apply_patch",
    "rollback",
    "exec",
    "http",
    "llm",
    "mcp",
    "batch",
    "graph",
    "approval",
    "render",
    "values",
    "parse_report",
    "fail",
);

/// The text of a published schema: `graph`, `policy`, `plan`, ….
pub fn document(name: &str) -> Option<&'static str> {
    DOCUMENTS.iter().find(|(known, _)| *known == name).map(|&(_, text)| text)
}

/// The names that [`document`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    DOCUMENTS.iter().map(|&(name, _)| name)
}

/// The text of the schema of a node kind's parameters.
pub fn tool_input(uses: &str) -> Option<&'static str> {
    TOOLS.iter().find(|(known, ..)| *known == uses).map(|&(_, input, _)| input)
}

/// The text of the schema of what a call of a tool takes: of `llm` that is another one than of its node, which names prompts.
pub fn call_input(tool: &str) -> Option<&'static str> {
    if tool == "llm" { Some(LLM_CALL) } else { tool_input(tool) }
}

/// The text of the schema of a node kind's output.
pub fn tool_output(uses: &str) -> Option<&'static str> {
    TOOLS.iter().find(|(known, ..)| *known == uses).map(|&(_, _, output)| output)
}

/// The node kinds that [`tool_input`] and [`tool_output`] know.
pub fn tool_names() -> impl Iterator<Item = &'static str> {
    TOOLS.iter().map(|&(name, ..)| name)
}
