//! Requests to end that a worker hears while it works.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Was this process asked to end?
#[derive(Debug, Clone, Default)]
pub struct Stopping {
    asked: Arc<(Mutex<bool>, Condvar)>,
}

impl Stopping {
    /// Listens from now on, on a thread of its own.
    pub fn listen() -> io::Result<Self> {
        let stopping = Self::default();
        let told = stopping.clone();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let life = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            let (asked, changed) = &*told.asked;
            *asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
            changed.notify_all();
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(life)?;
        Ok(stopping)
    }

    /// Was it?
    pub fn asked(&self) -> bool {
        *self.asked.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until it is.
    pub fn wait(&self, most: Duration) {
        let (asked, changed) = &*self.asked;
        let guard = asked.lock().unwrap_or_else(PoisonError::into_inner);
        // whether it was, or the time has passed, is looked at by who waits
        drop(changed.wait_timeout_while(guard, most, |asked| !*asked));
    }
}
