//! The user's collector: one request over HTTP, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::effect::WebAddress;
use crate::runner::{Post, post};

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How often one is made again where the collector says that it could not be taken now.
const TRIES: u32 = 3;
/// The wait before the second try.
const PAUSE: Duration = Duration::from_millis(100);
/// The answers after which the protocol has a request sent again.
const FOR_NOW: [u16; 4] = [429, 502, 503, 504];

/// Where spans go.
#[derive(Debug)]
pub struct Collector {
    address: WebAddress,
    headers: Vec<(String, Vec<u8>)>,
}

/// Why spans did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The address is none.
    #[error(
        "its address is none; write it like `http://127.0.0.1:4318`, and a user and a key in \
         `OTEL_EXPORTER_OTLP_HEADERS`"
    )]
    Address,
    /// No thread tells.
    #[error("nothing could be begun: {0}")]
    NotBegun(String),
    /// Nobody answered.
    #[error("the request came to nothing: {0}")]
    Unreachable(String),
    /// It did not take them.
    #[error("the collector answered with status {0}")]
    Refused(u16),
    /// It takes longer than a run waits.
    #[error("the collector did not take them in time")]
    Slow,
    /// More happened than the queue takes.
    #[error("more happened than could be sent meanwhile")]
    Lost,
}

impl Collector {
    /// The one that takes spans at exactly this address, with these headers.
    pub fn new(address: &str, headers: &BTreeMap<String, String>) -> Result<Self, NotSent> {
        let address = WebAddress::parse(address).ok_or(NotSent::Address)?;
        let mut all = vec![("content-type".to_owned(), b"application/x-protobuf".to_vec())];
        all.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        Ok(Self { address, headers: all })
    }

    /// Sends one request. Nothing is followed to anywhere else: headers are for whom the user has named.
    pub(super) fn send(&self, body: &[u8]) -> Result<(), NotSent> {
        let mut pause = PAUSE;
        for tried in 1.. {
            let request = Post {
                address: &self.address,
                headers: self.headers.clone(),
                body: body.to_vec(),
                within: TIMEOUT,
            };
            match post(request).map_err(NotSent::Unreachable)? {
                200..300 => return Ok(()),
                status if tried == TRIES || !FOR_NOW.contains(&status) => {
                    return Err(NotSent::Refused(status));
                }
                _ => std::thread::sleep(pause),
            }
            pause *= 2;
        }
        Err(NotSent::Slow)
    }
}
