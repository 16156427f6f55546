//! A web address as it is decided about and as it is gone to: both read it by this one function, so that no two readings of
//! one text can differ. Plain absolute URLs alone; nothing that needs decoding to be understood is taken.

use std::fmt;

/// The most bytes of an address.
const MOST: usize = 8 << 10;

/// A plain absolute URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress {
    /// Is it `https`?
    pub tls: bool,
    /// The host in small letters; an IPv6 address without its brackets.
    pub host: String,
    /// The port, also where it is the usual one.
    pub port: u16,
    /// The path, `/` at least, without the query.
    pub path: String,
    /// What stands behind `?`.
    pub query: Option<String>,
}

impl WebAddress {
    /// Reads a URL; `None` where it is not plain: another scheme, user information, a backslash, characters beyond ASCII, a
    /// path that leads upwards or hides how it does.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        if url.len() > MOST || !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return None;
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = authority_of(authority, if tls { 443 } else { 80 })?;
        let tail = tail.split('#').next().unwrap_or_default();
        let (path, query) = match tail.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (tail, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        is_plain_path(path).then(|| Self { tls, host, port, path: path.to_owned(), query })
    }

    /// `https://host:port`, in its one form.
    pub fn origin(&self) -> String {
        format!("{}://{}:{}", self.scheme(), self.bracketed(), self.port)
    }

    /// The host as an authority has it, without the port where that is the usual one.
    pub fn authority(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { self.bracketed() } else { format!("{}:{}", self.bracketed(), self.port) }
    }

    /// What stands in the first line of a request.
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Where a `Location` beside this address leads; `None` where that is no plain address.
    pub fn follow(&self, location: &str) -> Option<Self> {
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme()));
        }
        if location.starts_with('/') {
            return Self::parse(&format!("{}{location}", self.origin()));
        }
        let has_scheme = location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
        if has_scheme {
            return Self::parse(location);
        }
        let folder = &self.path[..=self.path.rfind('/').unwrap_or(0)];
        Self::parse(&format!("{}{folder}{location}", self.origin()))
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for WebAddress {
    /// Without the query, where secrets of others may stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.path)
    }
}

fn authority_of(authority: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok().filter(|port| *port > 0)?),
        _ => (authority, usual),
    };
    let host = host.to_ascii_lowercase();
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        let address: std::net::Ipv6Addr = inner.parse().ok()?;
        return Some((address.to_string(), port));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let whole = host.split('.').all(|label| !label.is_empty() && label.len() <= 63);
    (host.bytes().all(plain) && whole && host.len() <= 253).then_some((host, port))
}

/// No segment that leads upwards, and nothing encoded that a server could read as one.
fn is_plain_path(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    !path.split('/').any(|part| part == ".." || part == ".")
        && !lower.contains("%2e")
        && !lower.contains("%2f")
        && !lower.contains("%5c")
        && !lower.contains("%00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_plain_or_nothing() {
        let read =
            |url| WebAddress::parse(url).map(|web| format!("{} {}", web.origin(), web.path_and_query()));
        for (url, expected) in [
            ("https://API.example.com/v1/x?q=a%20b#part", "https://api.example.com:443 /v1/x?q=a%20b"),
            ("http://h:8080", "http://h:8080 /"),
            ("http://h?q", "http://h:80 /?q"),
            ("https://[::1]:8443/a", "https://[::1]:8443 /a"),
            ("https://[0:0::1]/", "https://[::1]:443 /"),
            ("https://h/a%20b", "https://h:443 /a%20b"),
        ] {
            assert_eq!(read(url).as_deref(), Some(expected), "{url}");
        }
        for url in [
            "ftp://h/",
            "https://u@h/",
            "https://u:p@h/",
            "https://h\\@x/",
            "https://h/a/../b",
            "https://h/./b",
            "https://h/%2e%2e/",
            "https://h/a%2Fb",
            "https://h/a b",
            "https://h/\u{e9}",
            "https://\u{e9}.example/",
            "https://h:0/",
            "https://h:99999/",
            "https://h..x/",
            "https://.h/",
            "https://[::1",
            "https://[::1]x/",
            "https://h\0x/",
            "HTTPS://h/",
            "h",
            "https:///",
            "https://",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
    }

    #[test]
    fn a_location_leads_from_where_it_was_said() {
        let from = WebAddress::parse("https://h:8443/a/b?q").unwrap();
        let to = |location: &str| {
            from.follow(location).map(|web| format!("{}{}", web.origin(), web.path_and_query()))
        };
        for (location, expected) in [
            ("/c?d", "https://h:8443/c?d"),
            ("c", "https://h:8443/a/c"),
            ("?x", "https://h:8443/a/?x"),
            ("//other/x", "https://other:443/x"),
            ("http://other:81/x#y", "http://other:81/x"),
        ] {
            assert_eq!(to(location).as_deref(), Some(expected), "{location}");
        }
        for location in ["../c", "file:///etc/passwd", "javascript:x", "http://u@h/", ""] {
            assert!(to(location).is_none_or(|to| to == "https://h:8443/a/"), "{location}");
        }
    }
}
