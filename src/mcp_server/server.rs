//! One served session: what a client may ask, and how a call goes to the runner, is waited for and is ended. What the
//! client says of itself, of its roots and of what it can do is not looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::client::{Link, Lost};
use crate::effect::{ErrorKind, ReplyBody, RequestBody, ToolCall, ToolError, ToolResult};
use crate::model::Uses;

use super::answer::{Asking, answer, unanswered};
use super::conversations::Conversations;
use super::offer::tool;
use super::progress::tell;

/// Calls at once: beyond that one is refused.
const CALLS_AT_ONCE: usize = 32;
/// So long a runner has to take up a call before it is asked again to end it.
const AGAIN: Duration = Duration::from_millis(50);
/// The header that names a conversation.
pub(super) const CONVERSATION: &str = "mcp-session-id";
/// What stands for the node of a call.
const NODE: &str = "mcp";
/// What a client may tell its model.
const INSTRUCTIONS: &str = "Tools for one workspace, fixed when this server was started; roots of the client are ignored. Paths are relative to \
    its root. A policy decides each call, and nothing that is sent here changes it. A refused call is a result that names the \
    rule; do not try to get around it, tell the user. `approval_required` means that a person must decide elsewhere: tell the \
    user what you asked for and the command that the result names, and make exactly the same call again once they have \
    approved it. Commands run without a network in a copy of the workspace: what they changed comes back as `patch`, which \
    `apply_patch` takes.";

/// Something for whoever started the server, in a line.
pub type Said = Arc<dyn Fn(&str) + Send + Sync>;

/// What is served.
#[derive(Clone)]
pub struct Hosted {
    /// The session's id.
    pub session: String,
    /// The workspace, to be shown.
    pub root: String,
    /// The tools that are listed. Another one is called all the same, and answered by the policy.
    pub tools: Vec<Uses>,
    /// Where words beside the protocol go.
    pub said: Said,
}

/// What answers a client. Its clones are of the same session.
#[derive(Clone)]
pub(super) struct Server {
    shared: Arc<Session>,
}

struct Session {
    hosted: Hosted,
    tools: Vec<Tool>,
    runner: Link,
    calls: AtomicU64,
    slots: Semaphore,
    conversations: Conversations,
}

impl Server {
    pub(super) fn new(hosted: Hosted, runner: Link) -> Self {
        let tools = hosted.tools.iter().filter_map(|&uses| tool(uses)).collect();
        let (calls, slots) = (AtomicU64::new(0), Semaphore::new(CALLS_AT_ONCE));
        let conversations = Conversations::default();
        Self { shared: Arc::new(Session { hosted, tools, runner, calls, slots, conversations }) }
    }

    /// A conversation has ended: so do its calls, and everything that they started is gone when this returns.
    pub(super) async fn end_conversation(&self, name: &str) {
        self.shared.conversations.end(name).await;
    }
}

impl Session {
    fn asking(&self) -> Asking<'_> {
        Asking { session: &self.hosted.session, root: &self.hosted.root }
    }

    /// The call, under a key that no other one has. Where its parameters come from is not told: a model may have written
    /// each, after reading anything.
    fn call(&self, tool: &str, input: Value) -> ToolCall {
        let (run, n) = (&self.hosted.session, self.calls.fetch_add(1, Ordering::Relaxed) + 1);
        // what stands behind the `+` tells calls apart that are the same question
        let idempotency_key = format!("{run}/{NODE}+{n}");
        ToolCall { run: run.clone(), node: NODE.to_owned(), idempotency_key, ..ToolCall::new(tool, input) }
    }

    /// Makes a call and waits for its end, which a client may bring about.
    async fn make(&self, call: ToolCall, context: &RequestContext<RoleServer>) -> CallToolResult {
        let (tool, key) = (call.tool.clone(), call.idempotency_key.clone());
        let mut part = self.conversations.join(conversation_of(context));
        let reply = self.runner.ask(RequestBody::Execute { call });
        tokio::pin!(reply);
        let came = tokio::select! {
            came = &mut reply => came,
            () = context.ct.cancelled() => self.end(&key, reply.as_mut()).await,
            () = part.ended() => self.end(&key, reply.as_mut()).await,
            never = tell(&tool, context.meta.get_progress_token(), &context.peer) => match never {},
        };
        match came {
            Ok(ReplyBody::Result { result }) => answer(&result, self.asking()),
            Ok(ReplyBody::Problem { message }) => unanswered(&tool, message, self.asking()),
            Ok(other) => unanswered(&tool, format!("the runner answered {other:?}"), self.asking()),
            Err(lost) => unanswered(&tool, lost.to_string(), self.asking()),
        }
    }

    /// Ends a call, and waits until everything that it started is gone. A call that the runner has not begun yet is not
    /// there to be ended, so it is asked again.
    async fn end(
        &self,
        key: &str,
        mut reply: std::pin::Pin<&mut impl Future<Output = Result<ReplyBody, Lost>>>,
    ) -> Result<ReplyBody, Lost> {
        loop {
            self.runner.ask(RequestBody::Cancel { key: key.to_owned() }).await?;
            if let Ok(came) = tokio::time::timeout(AGAIN, &mut reply).await {
                return came;
            }
        }
    }
}

/// The conversation that a request of HTTP belongs to.
fn conversation_of(context: &RequestContext<RoleServer>) -> Option<&str> {
    context.extensions.get::<Parts>()?.headers.get(CONVERSATION)?.to_str().ok()
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let us = Implementation::new("lgflow", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(us)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.shared.tools.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.as_ref();
        if !Uses::parse(name).is_some_and(Uses::is_tool) {
            return Err(ErrorData::invalid_params(format!("there is no tool `{name}`"), None));
        }
        let session = &self.shared;
        let Ok(_slot) = session.slots.try_acquire() else {
            let error = ToolError {
                limit: Some("calls_at_once".to_owned()),
                ..ToolError::new(ErrorKind::Limit, format!("more than {CALLS_AT_ONCE} calls at once"))
            };
            return Ok(answer(&ToolResult::failure(name, error), session.asking()).into());
        };
        let call = session.call(name, Value::Object(request.arguments.unwrap_or_default()));
        Ok(session.make(call, &context).await.into())
    }

    async fn on_roots_list_changed(&self, _context: NotificationContext<RoleServer>) {
        let hosted = &self.shared.hosted;
        (hosted.said)(&format!("the client's roots changed; the root stays {}", hosted.root));
    }
}
