//! The connection to a runner that is elsewhere: one HTTP request, with a token, which is answered with a document or is
//! upgraded to frames. The token goes over what is encrypted, or stays on this machine.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, UPGRADE as UPGRADE_HEADER};
use hyper::http::request;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::digest::{PublicKey, hex};
use crate::effect::{IDENTITY, Identity, UPGRADE};

use super::{FrameReader, FrameWriter};

/// So long it is tried to connect and to be let in.
const CONNECT: Duration = Duration::from_secs(20);
/// Bytes of a refusal that are read.
const REFUSAL: usize = 64 << 10;
/// Bytes of a document that are read.
const DOCUMENT: usize = 64 << 20;
/// Characters of a refusal that are told.
const DETAIL: usize = 500;
/// Where a run is opened.
const PATH: &str = "/v1/runs/open";

/// Where a runner is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunnerUrl {
    /// `https://…`, or `http://…` on this machine.
    Web {
        /// As it is written, without `/` at its end.
        text: String,
        /// Is it `https`?
        tls: bool,
        /// The host, without brackets.
        host: String,
        /// The port.
        port: u16,
        /// What stands before our own paths.
        path: String,
    },
    /// `unix:PATH`
    Unix(PathBuf),
}

/// What is no place of a runner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not one of the forms.
    #[error("`{0}` is no address of a runner; write `https://HOST`, `http://127.0.0.1:PORT` or `unix:PATH`")]
    Form(String),
    /// The token would go over the network as it is.
    #[error(
        "`{0}` would send the token, and all that the run reads, unencrypted to another machine; use `https://`"
    )]
    Open(String),
}

/// A runner that cannot be spoken with.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Nobody answers, or not as a runner does.
    #[error("cannot reach the runner at {0}: {1}")]
    Unreached(RunnerUrl, String),
    /// It is not the one that is meant.
    #[error("the runner at {0} has the key {1}, and not {2} (`--runner-key`): nothing was sent to it")]
    OtherKey(RunnerUrl, PublicKey, PublicKey),
    /// It does not show a key.
    #[error(
        "the runner at {0} did not show its key, which `--runner-key` demands ({1}): nothing was sent to it"
    )]
    Unproven(RunnerUrl, String),
    /// It does not let us in.
    #[error("the runner at {0} refuses ({1}): {2}")]
    Refused(RunnerUrl, u16, String),
}

impl FromStr for RunnerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let form = || UrlError::Form(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = Path::new(path.strip_prefix("//").unwrap_or(path));
            return if path.is_absolute() { Ok(Self::Unix(path.to_owned())) } else { Err(form()) };
        }
        let uri: Uri = text.parse().map_err(|_| form())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(form()) };
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(form()),
        };
        if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
            return Err(form());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(form());
        }
        if !tls && !is_here(&host) {
            return Err(UrlError::Open(text.to_owned()));
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self::Web { text: text.trim_end_matches('/').to_owned(), tls, host, port, path })
    }
}

impl fmt::Display for RunnerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web { text, .. } => f.write_str(text),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Who speaks with a runner, and whom that must be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller<'a> {
    /// What is presented to it.
    pub token: Option<&'a str>,
    /// The key that it must have: it shows it before anything is presented, or sent.
    pub key: Option<PublicKey>,
}

/// Both directions of a connection to a runner.
pub type RemoteFrames =
    (FrameReader<Box<dyn AsyncRead + Send + Unpin>>, FrameWriter<Box<dyn AsyncWrite + Send + Unpin>>);

/// Connects as `caller`, and has the connection upgraded. Must be called inside of a tokio runtime.
pub async fn connect(runner: &RunnerUrl, caller: Caller<'_>) -> Result<RemoteFrames, RemoteError> {
    let unreached = |why: String| RemoteError::Unreached(runner.clone(), why);
    let response = answered(runner, caller, Wanted::Frames).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(runner, response).await);
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(|error| unreached(error.to_string()))?;
    let (reader, writer) = split(TokioIo::new(upgraded));
    Ok((FrameReader::new(Box::new(reader)), FrameWriter::new(Box::new(writer))))
}

/// The document at a path of a runner. Must be called inside of a tokio runtime.
pub async fn fetch(runner: &RunnerUrl, caller: Caller<'_>, path: &str) -> Result<Value, RemoteError> {
    document(runner, answered(runner, caller, Wanted::Document(path)).await?).await
}

/// What a runner answers to a document that is sent to one of its paths. Must be called inside of a tokio runtime.
pub async fn post(
    runner: &RunnerUrl,
    caller: Caller<'_>,
    path: &str,
    body: &Value,
) -> Result<Value, RemoteError> {
    document(runner, answered(runner, caller, Wanted::Answer(path, body)).await?).await
}

/// What a runner is asked for.
enum Wanted<'a> {
    /// A connection for a run.
    Frames,
    /// A document.
    Document(&'a str),
    /// The answer to a document.
    Answer(&'a str, &'a Value),
}

impl Wanted<'_> {
    fn request(&self, before: &str) -> (request::Builder, Full<Bytes>) {
        match self {
            Self::Frames => {
                let head = Request::get(format!("{before}{PATH}")).header(CONNECTION, "upgrade");
                (head.header(UPGRADE_HEADER, UPGRADE), Full::default())
            }
            Self::Document(path) => (Request::get(format!("{before}{path}")), Full::default()),
            Self::Answer(path, body) => {
                let head = Request::post(format!("{before}{path}")).header(CONTENT_TYPE, "application/json");
                (head, Full::from(body.to_string()))
            }
        }
    }
}

async fn document(runner: &RunnerUrl, response: Response<Incoming>) -> Result<Value, RemoteError> {
    let unreached = |why: String| RemoteError::Unreached(runner.clone(), why);
    if response.status() != StatusCode::OK {
        return Err(refused(runner, response).await);
    }
    let body = tokio::time::timeout(CONNECT, Limited::new(response.into_body(), DOCUMENT).collect()).await;
    let body = body.map_err(|_| unreached("its answer did not come in time".to_owned()))?;
    let body = body.map_err(|error| unreached(format!("its answer broke off: {error}")))?;
    let read = serde_json::from_slice(&body.to_bytes());
    read.map_err(|error| unreached(format!("its answer is no JSON: {error}")))
}

async fn refused(runner: &RunnerUrl, response: Response<Incoming>) -> RemoteError {
    let status = response.status();
    let body = Limited::new(response.into_body(), REFUSAL).collect();
    let text = match tokio::time::timeout(CONNECT, body).await {
        Ok(Ok(body)) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        _ => String::new(),
    };
    RemoteError::Refused(runner.clone(), status.as_u16(), detail(&text))
}

/// The head of the answer, in time.
async fn answered(
    runner: &RunnerUrl,
    caller: Caller<'_>,
    wanted: Wanted<'_>,
) -> Result<Response<Incoming>, RemoteError> {
    let unreached = |why: String| RemoteError::Unreached(runner.clone(), why);
    let response = tokio::time::timeout(CONNECT, ask(runner, caller, wanted)).await;
    response.map_err(|_| unreached("it did not answer in time".to_owned()))?
}

/// One connection, on which the runner shows its key first where one is demanded.
async fn ask(
    runner: &RunnerUrl,
    caller: Caller<'_>,
    wanted: Wanted<'_>,
) -> Result<Response<Incoming>, RemoteError> {
    let unreached = |why: String| RemoteError::Unreached(runner.clone(), why);
    let (authority, before) = match runner {
        RunnerUrl::Web { text, path, .. } => {
            let authority = text.split("://").nth(1).and_then(|rest| rest.split('/').next());
            (authority.unwrap_or_default(), path.as_str())
        }
        RunnerUrl::Unix(_) => ("localhost", ""),
    };
    let mut sender = opened(runner).await.map_err(unreached)?;
    if let Some(key) = caller.key {
        prove(runner, &mut sender, (authority, before), key).await?;
    }
    let (head, body) = wanted.request(before);
    let head = head.header(HOST, authority);
    let head = match caller.token {
        Some(token) => head.header(AUTHORIZATION, format!("Bearer {token}")),
        None => head,
    };
    let request = head.body(body).map_err(|error| unreached(error.to_string()))?;
    sender.send_request(request).await.map_err(|error| unreached(error.to_string()))
}

/// Has the runner sign what nobody could know before, under the name that it is asked by.
async fn prove(
    runner: &RunnerUrl,
    sender: &mut Sender,
    (authority, before): (&str, &str),
    wants: PublicKey,
) -> Result<(), RemoteError> {
    let unproven = |why: String| RemoteError::Unproven(runner.clone(), why);
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|error| unproven(error.to_string()))?;
    let nonce = hex(&nonce);
    let request = Request::get(format!("{before}{IDENTITY}?nonce={nonce}")).header(HOST, authority);
    let request = request.body(Full::default()).map_err(|error| unproven(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(|error| unproven(error.to_string()))?;
    if response.status() != StatusCode::OK {
        return Err(unproven(format!("it answers {}", response.status().as_u16())));
    }
    let body = Limited::new(response.into_body(), REFUSAL).collect().await;
    let body = body.map_err(|error| unproven(format!("its answer broke off: {error}")))?;
    let shown: Identity =
        serde_json::from_slice(&body.to_bytes()).map_err(|_| unproven("its answer shows none".to_owned()))?;
    let key = PublicKey::parse(&shown.key).map_err(|_| unproven("its answer shows none".to_owned()))?;
    if key != wants {
        return Err(RemoteError::OtherKey(runner.clone(), key, wants));
    }
    if !key.checks(&Identity::message(authority, &nonce), &shown.signature) {
        return Err(unproven(
            "what it signed is not what it was asked, by the name that it was asked under".to_owned(),
        ));
    }
    sender.ready().await.map_err(|error| unproven(format!("it closed the connection: {error}")))
}

type Sender = SendRequest<Full<Bytes>>;

async fn opened(runner: &RunnerUrl) -> Result<Sender, String> {
    match runner {
        RunnerUrl::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(|error| error.to_string())?;
            sender(stream).await
        }
        RunnerUrl::Web { tls, host, port, .. } => {
            let stream =
                TcpStream::connect((host.as_str(), *port)).await.map_err(|error| error.to_string())?;
            // a call is one write, and its answer is waited for
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            if !tls {
                return sender(stream).await;
            }
            let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string())?;
            let secured = TlsConnector::from(trust()?).connect(name, stream).await;
            sender(secured.map_err(|error| error.to_string())?).await
        }
    }
}

async fn sender(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Sender, String> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // it ends with the stream, and an error is the sender's as well
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

/// Who vouches for others: those that the system trusts.
fn trust() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let (known, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if known == 0 {
        return Err("this system has no certificates to trust; install `ca-certificates`".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// What a problem says; of anything else, its beginning.
fn detail(text: &str) -> String {
    let problem = serde_json::from_str::<serde_json::Value>(text).ok();
    let said = problem.as_ref().and_then(|problem| problem["detail"].as_str()).unwrap_or(text);
    said.trim().chars().take(DETAIL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_what_is_encrypted_or_stays_here() {
        for text in [
            "https://runner.example",
            "https://runner.example:8443/lgflow",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost:80",
            "unix:/run/r.sock",
        ] {
            assert_eq!(text.parse::<RunnerUrl>().unwrap().to_string(), text);
        }
        for text in ["http://runner.example", "http://127.0.0.1.example:1", "http://10.0.0.1:1"] {
            assert_eq!(text.parse::<RunnerUrl>(), Err(UrlError::Open(text.to_owned())));
        }
        for text in [
            "",
            "runner",
            "127.0.0.1:80",
            "ftp://x",
            "unix:r.sock",
            "https://me:secret@x",
            "https://x?a",
            "https://x#a",
            "https://",
        ] {
            assert_eq!(text.parse::<RunnerUrl>(), Err(UrlError::Form(text.to_owned())), "{text}");
        }
    }
}
