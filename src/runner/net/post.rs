//! A request of our own, on the user's word: no effect of a workflow, so no grant comes with it, and nobody but the user's
//! settings says where it goes.

use std::time::Duration;

use crate::effect::WebAddress;
use crate::runner::Cancel;

use super::{Begin, Exchange, Outgoing, Terms};

/// The most bytes of an answer, which nobody reads.
const ANSWER: u64 = 64 << 10;

/// What is sent.
#[derive(Debug)]
pub struct Post<'a> {
    /// Where to; it may lie in a private network.
    pub address: &'a WebAddress,
    /// Names in small letters.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it may take.
    pub within: Duration,
}

/// Sends it; gives the status of the answer, or why there is none.
pub fn post(request: Post<'_>) -> Result<u16, String> {
    let Post { address, headers, body, within } = request;
    let outgoing = Outgoing { method: "POST", address, headers, body };
    let since = Begin::now();
    let terms = Terms { private: true, connect: within, first: within, since, total: within, most: ANSWER };
    let answer = Exchange::begin(&outgoing, terms, &Cancel::default()).map_err(|fault| fault.to_string())?;
    Ok(answer.status)
}
