//! From an address to a connection: its name is looked up once, what it stands for is judged, and that is what is connected
//! to. Nothing looks the name up a second time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::effect::WebAddress;

use super::NetFault;
use super::address::is_public;

/// So many of the addresses of a name are tried.
const TRIED: usize = 4;

/// Something that is read and written.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects; `private` says that addresses that are not public are meant.
pub(super) async fn connect(address: &WebAddress, private: bool) -> Result<Box<dyn Stream>, NetFault> {
    let found = looked_up(address).await?;
    if let Some(hidden) = found.iter().map(SocketAddr::ip).find(|ip| !private && !is_public(*ip)) {
        return Err(NetFault::Private { origin: address.origin(), address: hidden });
    }
    let stream = reach(address, &found).await?;
    if !address.tls {
        return Ok(Box::new(stream));
    }
    let not_spoken = |why: String| NetFault::Tls(address.origin(), why);
    let name = ServerName::try_from(address.host.clone()).map_err(|error| not_spoken(error.to_string()))?;
    let config = trust().map_err(not_spoken)?;
    let secured = TlsConnector::from(config).connect(name, stream).await;
    Ok(Box::new(secured.map_err(|error| not_spoken(error.to_string()))?))
}

async fn looked_up(address: &WebAddress) -> Result<Vec<SocketAddr>, NetFault> {
    if let Ok(literal) = address.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(literal, address.port)]);
    }
    let failed = |why: String| NetFault::Name(address.host.clone(), why);
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let found: Vec<SocketAddr> = found.map_err(|error| failed(error.to_string()))?.collect();
    if found.is_empty() { Err(failed("it stands for no address".to_owned())) } else { Ok(found) }
}

async fn reach(address: &WebAddress, found: &[SocketAddr]) -> Result<TcpStream, NetFault> {
    let mut last = io::Error::from(io::ErrorKind::NotConnected);
    for place in found.iter().take(TRIED) {
        match TcpStream::connect(place).await {
            Ok(stream) => {
                // an answer that comes in words is to be heard in words
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(NetFault::Unreachable(address.origin(), last.to_string()))
}

/// Who vouches for others: those that the system trusts.
fn trust() -> Result<Arc<ClientConfig>, String> {
    static TRUST: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    TRUST.get_or_init(made_trust).clone()
}

fn made_trust() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (known, _) = roots.add_parsable_certificates(found.certs);
    if known == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!("this system has no certificates to trust{why}; install `ca-certificates`"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
