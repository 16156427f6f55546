//! One request and its answer, read part by part by whoever asked.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::runtime::{Builder, Runtime};

use crate::effect::WebAddress;
use crate::runner::Cancel;

use super::NetFault;
use super::connect::connect;
use super::patience::{Begin, Patience};

/// Bytes of all headers of an answer.
const HEAD: usize = 64 << 10;
/// Headers of an answer.
const HEADERS: usize = 200;

/// What is sent.
#[derive(Debug)]
pub(in crate::runner) struct Outgoing<'a> {
    pub(in crate::runner) method: &'a str,
    pub(in crate::runner) address: &'a WebAddress,
    /// Names in small letters; what frames a message is not among them.
    pub(in crate::runner) headers: Vec<(String, Vec<u8>)>,
    pub(in crate::runner) body: Vec<u8>,
}

/// How it may go.
#[derive(Debug, Clone, Copy)]
pub(in crate::runner) struct Terms {
    /// May the origin lie at an address that is not public?
    pub(in crate::runner) private: bool,
    /// Until the connection stands.
    pub(in crate::runner) connect: Duration,
    /// Until the answer begins.
    pub(in crate::runner) first: Duration,
    /// What `total` counts from.
    pub(in crate::runner) since: Begin,
    /// Until it has ended.
    pub(in crate::runner) total: Duration,
    /// The most bytes of its body.
    pub(in crate::runner) most: u64,
}

/// An answer that has begun.
#[derive(Debug)]
pub(in crate::runner) struct Exchange {
    pub(in crate::runner) status: u16,
    pub(in crate::runner) headers: HeaderMap,
    /// Ends before the runtime does.
    body: Incoming,
    patience: Patience,
    most: u64,
    read: u64,
    runtime: Option<Runtime>,
}

impl Outgoing<'_> {
    /// About as many bytes as it is on the wire.
    pub(in crate::runner) fn bytes(&self) -> u64 {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let line = self.method.len() + self.address.path_and_query().len() + self.address.host.len() + 32;
        (line + headers + self.body.len()) as u64
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, NetFault> {
        let unsayable = |what: String| NetFault::Unsayable(what);
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| unsayable(format!("`{}` is no method", self.method)))?;
        let mut request = Request::new(Full::new(Bytes::from(self.body.clone())));
        *request.method_mut() = method;
        *request.uri_mut() = self
            .address
            .path_and_query()
            .parse()
            .map_err(|_| unsayable(format!("`{}` is no path of a request", self.address.path)))?;
        let headers = request.headers_mut();
        let host = HeaderValue::from_str(&self.address.authority());
        headers.insert(HOST, host.map_err(|error| unsayable(error.to_string()))?);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &self.headers {
            let known = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| unsayable(format!("`{name}` is no name of a header")))?;
            let mut value = HeaderValue::from_bytes(value)
                .map_err(|_| unsayable(format!("the header `{name}` holds what no header can")))?;
            value.set_sensitive(true);
            headers.insert(known, value);
        }
        Ok(request)
    }
}

impl Exchange {
    /// Sends a request and waits until its answer begins.
    pub(in crate::runner) fn begin(
        request: &Outgoing<'_>,
        terms: Terms,
        cancel: &Cancel,
    ) -> Result<Self, NetFault> {
        let sent = request.request()?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| NetFault::System(error.to_string()))?;
        let patience = Patience::new(request.address.origin(), terms.since, terms.total, cancel);
        let answer = runtime.block_on(answer(request.address, sent, terms, &patience));
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => {
                // a name that is still looked up is not waited for
                runtime.shutdown_background();
                return Err(fault);
            }
        };
        let (head, body) = answer.into_parts();
        let exchange = Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            patience,
            most: terms.most,
            read: 0,
            runtime: Some(runtime),
        };
        exchange.demand_plain()?;
        Ok(exchange)
    }

    /// The next part of the body; none behind the last. `limit` counts from the begin of the request.
    pub(in crate::runner) fn part(
        &mut self,
        what: &str,
        limit: Option<Duration>,
    ) -> Result<Option<Bytes>, NetFault> {
        let origin = self.patience.origin();
        let Some(runtime) = &self.runtime else { return Ok(None) };
        loop {
            let frame = runtime.block_on(self.patience.within(what, limit, self.body.frame()))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| NetFault::Broken(origin.clone(), told(&error)))?;
            // what is no data is said behind the body, and nobody asked for it
            let Ok(bytes) = frame.into_data() else { continue };
            self.read += bytes.len() as u64;
            if self.read > self.most {
                return Err(NetFault::TooLarge { origin, limit: self.most });
            }
            return Ok(Some(bytes));
        }
    }

    /// The whole body.
    pub(in crate::runner) fn rest(&mut self) -> Result<Vec<u8>, NetFault> {
        let mut all = Vec::new();
        while let Some(part) = self.part("the answer", None)? {
            all.extend_from_slice(&part);
        }
        Ok(all)
    }

    /// A header as text; what is no text is not there.
    pub(in crate::runner) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A few bytes that unfold to many are not unfolded here: it was said that they are not wanted.
    fn demand_plain(&self) -> Result<(), NetFault> {
        match self.headers.get(CONTENT_ENCODING) {
            Some(coding) if coding != "identity" => Err(NetFault::Broken(
                self.patience.origin(),
                "it is compressed, and was asked not to be".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn answer(
    address: &WebAddress,
    request: Request<Full<Bytes>>,
    terms: Terms,
    patience: &Patience,
) -> Result<Response<Incoming>, NetFault> {
    let broken = |error: hyper::Error| NetFault::Broken(address.origin(), told(&error));
    let connected = patience.within("a connection", Some(terms.connect), connect(address, terms.private));
    let stream = connected.await??;
    let mut plain = http1::Builder::new();
    plain.max_buf_size(HEAD).max_headers(HEADERS);
    let (mut sender, connection) = plain.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // how it ends shows in the body
    tokio::spawn(connection);
    let answered = patience.within("a first word", Some(terms.first), sender.send_request(request));
    answered.await?.map_err(broken)
}

/// An error with what is behind it, which says more.
fn told(error: &hyper::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
