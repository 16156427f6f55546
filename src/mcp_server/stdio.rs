//! Served over standard input and output: one client, until it closes them or the process is told to end. Nothing but the
//! protocol is written to standard output.

use std::io;
use std::os::unix::net::UnixStream;

use rmcp::serve_server;
use rmcp::service::{QuitReason, ServerInitializeError};
use tokio::signal::unix::{SignalKind, signal};

use crate::client::Link;

use super::lines::Lines;
use super::server::{Hosted, Server};

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client closed its end.
    Closed,
    /// The process was told to end.
    Told,
    /// The user interrupted it.
    Interrupted,
}

/// Nothing could be served, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came first is no MCP.
    #[error("the client does not speak MCP: {0}")]
    Client(String),
    /// The server's own task failed.
    #[error("a bug of lgflow, please report it: {0}")]
    Task(String),
}

/// Serves one client over standard input and output; `calls` leads to the session's runner.
pub fn serve_stdio(hosted: Hosted, calls: UnixStream) -> Result<Ended, ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let server = Server::new(hosted, Link::new(calls)?);
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            ended = converse(server) => ended,
            _ = terminate.recv() => Ok(Ended::Told),
            _ = interrupt.recv() => Ok(Ended::Interrupted),
        }
    });
    // a thread may wait for the client's next word still
    runtime.shutdown_background();
    ended
}

async fn converse(server: Server) -> Result<Ended, ServeError> {
    let lines = Lines::new(tokio::io::stdin(), tokio::io::stdout());
    let running = match serve_server(server, lines).await {
        Ok(running) => running,
        // it came and went
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(Ended::Closed),
        Err(error) => return Err(ServeError::Client(error.to_string())),
    };
    match running.waiting().await {
        Ok(QuitReason::Closed | QuitReason::Cancelled) => Ok(Ended::Closed),
        Ok(QuitReason::JoinError(error)) | Err(error) => Err(ServeError::Task(error.to_string())),
        Ok(other) => Err(ServeError::Task(format!("{other:?}"))),
    }
}
