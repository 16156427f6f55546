//! Where a service listens: an address of TCP, or a socket in a folder of the user's alone.
#![expect(
    clippy::disallowed_methods,
    reason = "a service listens, and clears the socket away that it left behind"
)]

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::files::private::{PrivateError, make_folder};

use super::Hosts;

/// Connections that the system keeps until they are taken.
const BACKLOG: i32 = 4096;

/// Where to listen, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`; port 0 is one that is free.
    Tcp(String),
    /// `unix:PATH`
    Unix(PathBuf),
}

/// What is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address to listen at; write `HOST:PORT`, as in `127.0.0.1:8811`, or `unix:PATH`")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let none = || AddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(none()) } else { Ok(Self::Unix(PathBuf::from(path))) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(none)?;
        let is_host =
            !host.is_empty() && !host.contains('/') && (host.starts_with('[') == host.contains(':'));
        if !is_host || port.parse::<u16>().is_err() {
            return Err(none());
        }
        Ok(Self::Tcp(text.to_owned()))
    }
}

/// It cannot be listened there.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The system refused.
    #[error("cannot listen at `{0}`: {1}")]
    Io(String, #[source] io::Error),
    /// Others could reach it without encryption.
    #[error(
        "`{0}` can be reached from other machines, and nothing is encrypted here; listen at a loopback address or a Unix \
         socket, and, where a proxy in front of it speaks TLS, add `--insecure-behind-proxy`"
    )]
    Open(String),
    /// Its folder is not the user's alone.
    #[error("cannot listen at `{}`: {}", .0.display(), .1)]
    Folder(PathBuf, #[source] PrivateError),
    /// Others may enter its folder.
    #[error(
        "cannot listen at `{}`: others may enter the folder of the socket; use a folder of its own (`chmod 700 {}`)",
        .0.display(), .1.display()
    )]
    Entered(PathBuf, PathBuf),
    /// Somebody listens there already.
    #[error("cannot listen at `{}`: another process listens there", .0.display())]
    Taken(PathBuf),
}

/// A service's place, taken.
#[derive(Debug)]
pub struct Bound {
    pub(super) socket: Socket,
    url: String,
    hosts: Option<Hosts>,
}

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, Cleared),
}

/// The file of a socket, which goes with the service.
#[derive(Debug)]
pub(super) struct Cleared(PathBuf);

impl Drop for Cleared {
    fn drop(&mut self) {
        // one that is gone already is as well
        let _ = fs::remove_file(&self.0);
    }
}

impl Bound {
    /// What a client names: `http://127.0.0.1:8811`, `unix:/run/user/1000/lgflow/runner.sock`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The names that a client may call it by; none where no browser could be made to reach it.
    pub fn hosts(&self) -> Option<&Hosts> {
        self.hosts.as_ref()
    }
}

/// Takes a place. Off loopback only where a proxy is said to stand in front of it; `names` are what clients call it there.
pub fn bind(address: &Address, behind_proxy: bool, names: &[String]) -> Result<Bound, BindError> {
    match address {
        Address::Tcp(text) => bind_tcp(text, behind_proxy, names),
        Address::Unix(path) => bind_unix(path),
    }
}

fn bind_tcp(text: &str, behind_proxy: bool, names: &[String]) -> Result<Bound, BindError> {
    let failed = |error| BindError::Io(text.to_owned(), error);
    let addresses: Vec<SocketAddr> = text.to_socket_addrs().map_err(failed)?.collect();
    let is_open = |address: &SocketAddr| !address.ip().is_loopback();
    if !behind_proxy && addresses.iter().any(is_open) {
        return Err(BindError::Open(text.to_owned()));
    }
    let listener = TcpListener::bind(addresses.as_slice()).map_err(failed)?;
    rustix::net::listen(&listener, BACKLOG).map_err(|errno| failed(errno.into()))?;
    let local = listener.local_addr().map_err(failed)?;
    let given = text.rsplit_once(':').map_or(text, |(host, _)| host);
    let hosts = Hosts::new(
        [given, "localhost", "127.0.0.1", "[::1]"].into_iter().chain(names.iter().map(String::as_str)),
    );
    Ok(Bound { socket: Socket::Tcp(listener), url: format!("http://{local}"), hosts: Some(hosts) })
}

fn bind_unix(path: &Path) -> Result<Bound, BindError> {
    let failed = |error| BindError::Io(format!("unix:{}", path.display()), error);
    let path = std::path::absolute(path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folder(folder).map_err(|error| BindError::Folder(path.clone(), error))?;
    let mode = fs::symlink_metadata(folder).map_err(failed)?.mode();
    if mode & 0o077 != 0 {
        return Err(BindError::Entered(path.clone(), folder.to_owned()));
    }
    clear(&path)?;
    let listener = UnixListener::bind(&path).map_err(failed)?;
    rustix::net::listen(&listener, BACKLOG).map_err(|errno| failed(errno.into()))?;
    let url = format!("unix:{}", path.display());
    Ok(Bound { socket: Socket::Unix(listener, Cleared(path)), url, hosts: None })
}

/// Takes away the socket of a service that has died; one that lives keeps it.
fn clear(path: &Path) -> Result<(), BindError> {
    let failed = |error| BindError::Io(format!("unix:{}", path.display()), error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(found) if found.file_type().is_socket() => match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)
            }
            _ => Err(BindError::Taken(path.to_owned())),
        },
        Ok(_) => Err(failed(io::Error::from(ErrorKind::AlreadyExists))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_its_port_or_a_path() {
        let tcp = |text: &str| Ok(Address::Tcp(text.to_owned()));
        for text in ["127.0.0.1:0", "localhost:80", "[::1]:8811", "0.0.0.0:1"] {
            assert_eq!(text.parse(), tcp(text));
        }
        assert_eq!("unix:/a/b".parse(), Ok(Address::Unix("/a/b".into())));
        assert_eq!("unix:///a/b".parse(), Ok(Address::Unix("/a/b".into())));
        for text in
            ["", "127.0.0.1", ":80", "localhost:http", "localhost:65536", "::1:80", "unix:", "http://a:80"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_others_could_reach_is_said_to_be_so() {
        let open = bind(&"0.0.0.0:0".parse().unwrap(), false, &[]).unwrap_err();
        assert!(open.to_string().contains("--insecure-behind-proxy"), "{open}");
        let bound = bind(&"127.0.0.1:0".parse().unwrap(), false, &["runner.example".into()]).unwrap();
        assert!(bound.url().starts_with("http://127.0.0.1:"), "{}", bound.url());
        let hosts = bound.hosts().unwrap();
        assert!(hosts.has("localhost:1") && hosts.has("runner.example") && !hosts.has("example"));
    }

    #[test]
    fn a_socket_stands_in_a_folder_of_the_users_alone_and_goes_with_its_service() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("own/runner.sock"));
        let bound = bind(&address, false, &[]).unwrap();
        let path = folder.path().join("own/runner.sock");
        assert!(path.exists());
        assert!(matches!(bind(&address, false, &[]), Err(BindError::Taken(_))));
        drop(bound);
        assert!(!path.exists());
        // what a killed service has left
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(bind(&address, false, &[]).unwrap());
        std::fs::set_permissions(path.parent().unwrap(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        assert!(matches!(bind(&address, false, &[]), Err(BindError::Entered(..))));
        fs::write(folder.path().join("file"), "").unwrap();
    }
}
