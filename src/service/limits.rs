//! How much a service does at once, and how long it waits. Each has a reason, and none is the policy's.

use std::time::Duration;

/// The bounds of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; fewer where the system lets this process open fewer files.
    pub connections: usize,
    /// Requests at once.
    pub requests: usize,
    /// Calls that are made at once; further ones wait.
    pub calls: usize,
    /// Calls that wait at once; further ones are refused.
    pub waiting: usize,
    /// Requests of one token in a second, over some seconds.
    pub rate: u32,
    /// Bytes of a body.
    pub body: usize,
    /// Bytes of all answers that were not taken yet.
    pub answers: usize,
    /// Bytes of the results of a list.
    pub list: usize,
    /// For the head of a request, and between two of them.
    pub head: Duration,
    /// For a body.
    pub body_time: Duration,
    /// For a client that takes nothing of an answer.
    pub write: Duration,
    /// For a call until it is its turn.
    pub turn: Duration,
    /// For everything to end, where the service does.
    pub end: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8192,
            requests: 1024,
            calls: 64,
            waiting: 512,
            rate: 1000,
            body: 16 << 20,
            // half of it is enough for any two results
            answers: 256 << 20,
            list: 64 << 20,
            head: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            write: Duration::from_secs(30),
            turn: Duration::from_secs(30),
            end: Duration::from_secs(20),
        }
    }
}
