//! One call without a run: a runner of its own, asked once.

use std::path::Path;

use crate::client::{Connection, Lost};
use crate::effect::{
    Declared, ErrorKind, FrozenLayer, ReplyBody, RequestBody, RunLimits, RunnerStart, ToolCall, ToolError,
    ToolResult,
};
use crate::files::Root;
use crate::store::RunId;

use super::execute::BeginError;
use super::{Place, RunnerProcess};

/// Asks a runner beneath `place`, bound by `layers`, for one call; `declared` is what the user or the machine declares, and
/// `undoes` is an earlier run whose changes the call may take back.
pub fn call_tool(
    place: &Place,
    layers: Vec<FrozenLayer>,
    declared: Declared,
    call: ToolCall,
    undoes: Option<&RunId>,
    program: &Path,
) -> Result<ToolResult, BeginError> {
    use std::os::fd::AsFd as _;
    let root = Root::open(&place.root)?;
    let store = place.runs()?;
    let start = RunnerStart {
        schema: "lgflow.runner_start/v1".into(),
        run: String::new(),
        root: place.root.display().to_string(),
        state: store.folder().display().to_string(),
        layers,
        protected: place.protected(),
        starter: None,
        ledger: None,
        declared,
        limits: RunLimits::default(),
        plan: None,
        undoes: undoes.map(RunId::to_string),
        live: false,
        reuse: None,
        counted_calls: 0,
        answers_on_record: false,
        keeps_records: true,
    };
    let (runner, calls) = RunnerProcess::start(program, start, root.as_fd())?;
    let tool = call.tool.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reply = runtime.block_on(async {
        let mut connection = Connection::new(calls)?;
        connection.ask(RequestBody::Execute { call }).await
    });
    runner.stop();
    Ok(match reply.map(|frame| frame.body) {
        Ok(ReplyBody::Result { result }) => *result,
        Ok(ReplyBody::Problem { message }) => internal(&tool, message),
        Ok(_) => internal(&tool, "the runner answered something else than it was asked".to_owned()),
        Err(lost @ (Lost::Closed | Lost::Io(_) | Lost::Frame(_))) => internal(&tool, lost.to_string()),
    })
}

fn internal(tool: &str, message: String) -> ToolResult {
    ToolResult::failure(tool, ToolError::new(ErrorKind::Internal, message))
}
