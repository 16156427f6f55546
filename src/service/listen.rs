//! Connections: taken, timed, and ended. A client that is slow in sending or in taking loses its connection, and no other one.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use super::address::Socket;
use super::{Bound, Limits};

/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;
/// Lines of a request's head.
const HEAD_LINES: usize = 64;
/// Files that are kept for other things than connections.
const OTHER_FILES: u64 = 256;
/// So long nothing is taken where the system has no more files.
const BREATH: Duration = Duration::from_millis(50);

/// Serves until `end` is there, and then what is under way for as long as the limits let it. Must be called inside of a
/// tokio runtime.
pub async fn serve(
    bound: Bound,
    router: Router,
    limits: &Limits,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    let (ending, ended) = watch::channel(false);
    let room = Arc::new(Semaphore::new(files(limits.connections)?));
    let mut connections = JoinSet::new();
    let mut end = pin!(end);
    let taker = Taker::of(bound)?;
    loop {
        let taken = tokio::select! {
            () = &mut end => break,
            taken = taker.next() => taken,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let Ok(stream) = taken else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        // one too many is closed at once: those that are served keep what they have
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
        let (router, limits, ended) = (router.clone(), *limits, ended.clone());
        connections.spawn(async move {
            match stream {
                Stream::Tcp(stream) => speak(stream, router, &limits, ended).await,
                Stream::Unix(stream) => speak(stream, router, &limits, ended).await,
            }
            drop(permit);
        });
    }
    drop(taker);
    // nobody listens where no connection is left
    let _ = ending.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    // what does not end by then ends with the process
    let _ = tokio::time::timeout(limits.end, all).await;
    Ok(())
}

enum Taker {
    Tcp(TcpListener),
    Unix(
        UnixListener,
        #[expect(dead_code, reason = "takes the socket away when it is dropped")] super::address::Cleared,
    ),
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(UnixStream),
}

impl Taker {
    fn of(bound: Bound) -> io::Result<Self> {
        Ok(match bound.socket {
            Socket::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Self::Tcp(TcpListener::from_std(listener)?)
            }
            Socket::Unix(listener, cleared) => {
                listener.set_nonblocking(true)?;
                Self::Unix(UnixListener::from_std(listener)?, cleared)
            }
        })
    }

    async fn next(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // an answer is one write, and a piece of output is waited for
                stream.set_nodelay(true)?;
                notice_silence(&stream)?;
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener, _) => loop {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred()?;
                if peer.uid() == rustix::process::geteuid().as_raw() {
                    return Ok(Stream::Unix(stream));
                }
            },
        }
    }
}

/// A client whose machine is gone is noticed, also where nothing is sent to it.
fn notice_silence(stream: &tokio::net::TcpStream) -> io::Result<()> {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, Duration::from_secs(30))?;
    set_tcp_keepintvl(stream, Duration::from_secs(10))?;
    Ok(set_tcp_keepcnt(stream, 3)?)
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    router: Router,
    limits: &Limits,
    mut ended: watch::Receiver<bool>,
) {
    let mut timed = TimeoutStream::new(stream);
    timed.set_write_timeout(Some(limits.write));
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let response: Result<axum::response::Response, Infallible> =
                router.oneshot(request.map(Body::new)).await;
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES)
        .serve_connection(TokioIo::new(Box::pin(timed)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        // a client that broke off has nobody left to tell
        _ = connection.as_mut() => return,
        _ = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    // as above
    let _ = connection.await;
}

/// How many of `wanted` connections this process may have open, once it may open as many files as they are.
fn files(wanted: usize) -> io::Result<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let (most, now) = (limit.maximum.unwrap_or(u64::MAX), limit.current.unwrap_or(u64::MAX));
    let enough = (wanted as u64 + OTHER_FILES).min(most).max(now);
    if now < enough {
        setrlimit(Resource::Nofile, Rlimit { current: Some(enough), maximum: limit.maximum })?;
    }
    let left = usize::try_from(enough.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    Ok(wanted.min(left.max(16)))
}
