//! Waiting for something that may never come, until the user has had enough.

use std::io;

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// What `work` comes to, on a thread of its own; nothing where the user interrupts before that.
///
/// # Errors
/// No thread, or no signal, can be had.
pub fn unless_interrupted<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let came = runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (done, heard) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || drop(done.send(work())));
        Ok(tokio::select! {
            came = heard => came.ok(),
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
        })
    });
    runtime.shutdown_background();
    came
}
