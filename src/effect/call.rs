//! One tool call and its result: protocol version 1.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;

use super::{AskedRef, ErrorKind, Provenance, Recalled};

/// The schema id of a call.
const CALL: &str = "lgflow.tool_call/v1";
/// The layer of what no policy lifts.
const INVARIANTS: &str = "builtin:invariants";
/// The tools that read the workspace and nothing else: not the history of a run, not git's objects.
const READING_TOOLS: [&str; 4] = ["read_file", "list_files", "search_files", "repo_context"];
/// The schema id of a result.
const RESULT: &str = "lgflow.tool_result/v1";

/// A call of one tool. It carries neither policy nor limits: a field that is not here is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// `lgflow.tool_call/v1`; may be absent.
    #[serde(default = "call_schema")]
    pub schema: String,
    /// The tool's name.
    pub tool: String,
    /// Its parameters.
    pub input: Value,
    /// The run.
    #[serde(default)]
    pub run: String,
    /// The node, with the path of subgraph nodes before it: `outer/inner`.
    #[serde(default)]
    pub node: String,
    /// Run, node, iteration, index and attempt: a repeated key gets the first result, not a second effect.
    #[serde(default)]
    pub idempotency_key: String,
    /// The most that it may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The digest of the policy that the caller expects to be in force; another one is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_digest: Option<Digest>,
    /// Where each parameter comes from; what is not told comes from everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Box<Provenance>>,
    /// A signed approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Value>,
    /// Of `exec`: does its result decide success? Then its build caches date from before any change of the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// Of a call that may change something: what becomes of it where a process died while it was done.
    #[serde(default, skip_serializing_if = "AfterCrash::is_ask")]
    pub on_crash: AfterCrash,
    /// Of a call that [can be recalled](Self::can_be_recalled): may its result be one of an earlier call, where that would come to
    /// the same?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cache: bool,
}

/// What becomes of a call that had begun when a process died, and of whose end nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterCrash {
    /// It is made again.
    Retry,
    /// It has failed.
    Fail,
    /// A person decides.
    #[default]
    Ask,
}

impl AfterCrash {
    /// The word of the graph language.
    pub fn as_str(self) -> &'static str {
        match self {
            AfterCrash::Retry => "retry",
            AfterCrash::Fail => "fail",
            AfterCrash::Ask => "ask",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    fn is_ask(&self) -> bool {
        *self == AfterCrash::Ask
    }
}

fn call_schema() -> String {
    CALL.to_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

fn result_schema() -> String {
    RESULT.to_owned()
}

/// What a key begins with that is never repeated: it is there so that the call can be ended. What stands behind `+` is no
/// part of the place that a call has in its run.
const UNREPEATED: &str = "+once:";

/// Is it the key of a call that is never repeated? What such a call came to is not kept.
pub fn is_unrepeated(key: &str) -> bool {
    key.starts_with(UNREPEATED)
}

/// The key of a call that is never repeated: `drawn` is nobody else's.
pub fn unrepeated(drawn: &str) -> String {
    format!("{UNREPEATED}{drawn}")
}

impl ToolCall {
    /// A call of `tool` with `input`, on behalf of nobody yet.
    pub fn new(tool: impl Into<String>, input: Value) -> Self {
        Self {
            schema: call_schema(),
            tool: tool.into(),
            input,
            run: String::new(),
            node: String::new(),
            idempotency_key: String::new(),
            deadline_ms: None,
            policy_digest: None,
            provenance: None,
            approval: None,
            verify: false,
            on_crash: AfterCrash::default(),
            cache: false,
        }
    }

    /// Is it of a tool whose result is a function of its parameters, the policy and what it reads of the workspace?
    pub fn only_reads(&self) -> bool {
        READING_TOOLS.contains(&self.tool.as_str())
    }

    /// Can its result be one of an earlier call? That of a tool that only reads, of one question to a model, and of a request
    /// that changes nothing and says nobody's secret.
    pub fn can_be_recalled(&self) -> bool {
        let member = |name: &str| self.input.get(name);
        match self.tool.as_str() {
            // what it asks for is done each time
            "llm" => member("tools").and_then(Value::as_array).is_none_or(Vec::is_empty),
            "http" => {
                let secret = |value: &Value| value.get("$secret").is_some();
                let headers = member("headers").and_then(Value::as_object);
                member("method").is_none_or(|method| *method == "GET")
                    && !headers.is_some_and(|headers| headers.values().any(secret))
            }
            _ => self.only_reads(),
        }
    }

    /// May it change something? What is not known to only look may.
    pub fn changes(&self) -> bool {
        tool_changes(&self.tool)
    }

    /// Is it a request by a method that asks for something and changes nothing, wherever it leads?
    pub fn only_looks(&self) -> bool {
        let method = self.input.get("method").and_then(Value::as_str).unwrap_or("GET");
        self.tool == "http" && ["GET", "HEAD"].contains(&method)
    }

    /// Is it one of whose end nothing could be known, if a crash cut it off: a command, or what changes something elsewhere?
    pub fn may_be_cut_off(&self) -> bool {
        ["exec", "http", "mcp"].contains(&self.tool.as_str()) && !self.only_looks()
    }

    /// Bytes of the patch, or of the contents of the changes, that it asks to apply; 0 where it applies none, or only looks.
    pub fn patch_bytes(&self) -> u64 {
        if self.tool != "apply_patch" || self.input.get("dry_run") == Some(&Value::Bool(true)) {
            return 0;
        }
        let length = |value: Option<&Value>| value.and_then(Value::as_str).map_or(0, str::len);
        let changes = self.input.get("changes").and_then(Value::as_array).into_iter().flatten();
        let contents: usize = changes.map(|change| length(change.get("content"))).sum();
        (length(self.input.get("patch")) + contents) as u64
    }
}

/// May a call of `tool` change something?
pub fn tool_changes(tool: &str) -> bool {
    let looks = ["read_file", "list_files", "search_files", "repo_context", "workspace_diff", "llm"];
    !looks.contains(&tool)
}

/// What a call came to. A refused or failed call is a result as well, with `ok: false`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// `lgflow.tool_result/v1`
    #[serde(default = "result_schema")]
    pub schema: String,
    /// The tool's name.
    pub tool: String,
    /// Did it do what it was asked?
    pub ok: bool,
    /// Of `exec`: the exit code, 128 + signal.
    pub exit_code: Option<i32>,
    /// Of `exec`: its standard output; else the text of `output`.
    pub stdout: String,
    /// Of `exec`: its standard error.
    pub stderr: String,
    /// How long it took.
    pub timing_ms: u64,
    /// Files it wrote.
    pub artifacts: Vec<Artifact>,
    /// What `nodes.X.output` will be; null if it failed.
    #[serde(default)]
    pub output: Value,
    /// Why not, if `ok` is false.
    #[serde(default)]
    pub error: Option<ToolError>,
    /// Was anything cut to a limit?
    #[serde(default)]
    pub truncated: bool,
    /// Of `llm`: the tokens that it used up, counted by the model's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_tokens: Option<u64>,
    /// Of `llm`: the tools that the model asks for before it answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<AskedTool>,
    /// Of `llm`: the model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Box<ModelUsed>>,
    /// Of `exec`: the program that was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramUsed>,
    /// Of `exec`: from the order to the moment when the program ran behind its walls, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_us: Option<u64>,
    /// How much was taken out of it, because it must not leave the runner.
    #[serde(default, skip_serializing_if = "is_none")]
    pub redacted: u64,
    /// The layers of the sandbox, in force or not.
    #[serde(default)]
    pub sandbox: Vec<SandboxLayer>,
    /// The rules that allowed or refused it, strictest first.
    #[serde(default)]
    pub rules: Vec<RuleRef>,
    /// The call that it was made for, where that is an earlier one: then nothing was done for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<Box<Recalled>>,
    /// Why a result that was there already was not believed, and the call made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<String>,
}

impl ToolResult {
    /// A success with `output`.
    pub fn success(tool: impl Into<String>, output: Value) -> Self {
        Self {
            schema: result_schema(),
            tool: tool.into(),
            ok: true,
            exit_code: None,
            stdout: String::new(),
            stderr: String::new(),
            timing_ms: 0,
            artifacts: Vec::new(),
            output,
            error: None,
            truncated: false,
            llm_tokens: None,
            tool_calls: Vec::new(),
            model: None,
            program: None,
            start_us: None,
            redacted: 0,
            sandbox: Vec::new(),
            rules: Vec::new(),
            recalled: None,
            passed_over: None,
        }
    }

    /// A failure or a refusal.
    pub fn failure(tool: impl Into<String>, error: ToolError) -> Self {
        Self { ok: false, error: Some(error), ..Self::success(tool, Value::Null) }
    }

    /// Does the call wait for a person? Nothing of it was done then.
    pub fn wants_approval(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind == ErrorKind::ApprovalRequired)
    }
}

/// A file that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Relative to the root.
    pub path: String,
    /// `sha256:…` of its content.
    pub digest: String,
}

/// A tool that a model asks for. Nothing of it has been done, or even read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedTool {
    /// What its answer is known by.
    pub id: String,
    /// The tool's name, by the model's word.
    pub tool: String,
    /// Its parameters, as the text that the model gave.
    pub arguments: String,
}

/// A program that was run: opened once, and what was opened is what was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramUsed {
    /// Where it was found.
    pub path: String,
    /// `sha256:…` of its content.
    pub digest: String,
}

/// A model that answered, and what it counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUsed {
    /// Who answered: `lgflow` for what is built in, else what the user's configuration calls it.
    pub provider: String,
    /// The model's name, as it was asked for: what an answer calls itself may be anything.
    pub name: String,
    /// Tokens that it read, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens that it wrote, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
}

/// Why a call did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolError {
    /// The kind.
    pub kind: ErrorKind,
    /// What, where, why, and what to do instead.
    pub message: String,
    /// The rule that refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleRef>,
    /// Which limit, for kind `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What was produced before it failed; `error.output` of the graph language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The findings of a policy that is not valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Value>,
    /// For kind `approval_required`: the request that a person is asked by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<AskedRef>,
}

impl ToolError {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            rule: None,
            limit: None,
            output: None,
            diagnostics: None,
            approval: None,
        }
    }
}

/// Names a rule: the layer, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RuleRef {
    /// The layer: `builtin:contained`, or the file as named.
    pub layer: String,
    /// The rule: `paths.write.deny`, `commands[test]`, …
    pub rule: String,
    /// The file.
    pub file: String,
    /// From 1; 0 where the rule is the absence of one.
    pub line: usize,
    /// From 1, in characters; 0 where the rule is the absence of one.
    #[serde(default)]
    pub column: usize,
}

impl RuleRef {
    /// Where it stands, for a person: `FILE:LINE:COLUMN (RULE)`; the file alone where what decides is that it has no such
    /// rule; and of what is part of the program and stands in no file, that it is.
    pub fn place(&self) -> String {
        let Self { rule, file, line, column, .. } = self;
        match line {
            0 if file.is_empty() || file == INVARIANTS => format!("built-in rule `{rule}`"),
            0 => format!("{file} ({rule})"),
            _ => format!("{file}:{line}:{column} ({rule})"),
        }
    }

    /// What protects git folders, `.lg` and our own state, and stands in no file.
    pub fn protection() -> Self {
        Self::builtin("protected")
    }

    /// Does no layer lift it?
    pub fn is_of_the_program(&self) -> bool {
        self.layer == INVARIANTS
    }

    /// What the program itself holds to, whatever the layers say: it stands in no file.
    pub fn builtin(rule: &str) -> Self {
        Self {
            layer: INVARIANTS.to_owned(),
            rule: rule.to_owned(),
            file: INVARIANTS.to_owned(),
            line: 0,
            column: 0,
        }
    }
}

/// A layer of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxLayer {
    /// `landlock`, `pid_namespace`, `workspace:copy`, …
    pub name: String,
    /// Was it in force?
    pub in_force: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_without_a_place_says_what_it_is() {
        let at = |line, file: &str| RuleRef {
            layer: file.into(),
            rule: "tools".into(),
            file: file.into(),
            line,
            column: line,
        };
        assert_eq!(at(3, "p.yaml").place(), "p.yaml:3:3 (tools)");
        assert_eq!(at(0, "p.yaml").place(), "p.yaml (tools)");
        assert_eq!(at(0, "").place(), "built-in rule `tools`");
        assert_eq!(RuleRef::protection().place(), "built-in rule `protected`");
    }
}
