//! The password in a store's address: where it can stand, so that it is shown and kept nowhere. What is not known to be
//! harmless goes with it.

use std::ops::Range;

/// How addresses of PostgreSQL begin.
pub(super) const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Parameters that are no secret. Any other one may be a password whose name was mistyped.
const HARMLESS: [&str; 16] = [
    "user",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "application_name",
    "sslmode",
    "sslnegotiation",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
];

/// What stands for what is not shown.
const HIDDEN: &str = "…";

/// An address as it may be shown and kept.
pub fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        // no store is named by words and values, and whoever tries may have written a password among them
        let is_word = address.chars().all(|c| c.is_ascii_alphanumeric());
        return if is_word { address.to_owned() } else { HIDDEN.to_owned() };
    };
    // the driver takes whatever stands before the first `@`
    let (user, rest) = match rest.split_once('@') {
        None => (String::new(), rest),
        Some((who, rest)) => {
            let user = who.split([':', '/', '?']).next().unwrap_or_default();
            if who.contains('?') {
                return format!("{scheme}://{user}@{HIDDEN}");
            }
            (format!("{user}@"), rest)
        }
    };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let kept: Vec<&str> = parameters.split('&').filter(|parameter| is_harmless(parameter)).collect();
    let asks = if kept.is_empty() { "" } else { "?" };
    // an `@` that was not escaped is one of a password
    let place = hosts(place.rsplit('@').next().unwrap_or_default());
    format!("{scheme}://{user}{place}{asks}{}", kept.join("&"))
}

/// Hosts and database: what stands for a port and is none may be the password of who has forgotten the host.
fn hosts(place: &str) -> String {
    let (hosts, database) = place.split_at(place.find('/').unwrap_or(place.len()));
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = |chunk: &str| match chunk.split_once(':') {
        Some((host, port)) if !chunk.starts_with('[') && !is_port(port) => format!("{host}:{HIDDEN}"),
        _ => chunk.to_owned(),
    };
    hosts.split(',').map(host).collect::<Vec<_>>().join(",") + database
}

/// The driver reads the name of a parameter with its escapes undone.
fn is_harmless(parameter: &str) -> bool {
    let name = parameter.split_once('=').map(|(name, _)| unescaped(name));
    name.is_some_and(|name| HARMLESS.iter().any(|known| known.as_bytes() == name))
}

fn unescaped(text: &str) -> Vec<u8> {
    let (bytes, mut found, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        let digits = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        found.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    found
}

/// Where passwords of addresses stand in the text of a file, with what stands around them there.
pub fn passwords_in(text: &str) -> Vec<Range<usize>> {
    let until = |from: usize, ends: &[char]| text[from..].find(ends).map_or(text.len(), |at| from + at);
    let mut found = Vec::new();
    for scheme in SCHEMES {
        for (at, _) in text.match_indices(scheme) {
            let end = until(at, &['"', '\'', '\n', '\r']);
            if without_password(&text[at..end]) != text[at..end] {
                found.push(at + scheme.len()..end);
            }
        }
    }
    for (at, name) in text.match_indices("password") {
        let behind = text[at + name.len()..].trim_start_matches([' ', '\t', '"', '\'']);
        if behind.starts_with('=') {
            let from = text.len() - behind.len() + 1;
            found.push(from..until(from, &['\n', '\r']));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every form in which the driver takes a password, and some that people write in their place.
    const WITH: [(&str, &str); 14] = [
        ("postgres://me:s3cret@host/db", "postgres://me@host/db"),
        ("postgresql://me:s3cret@host:5433/db", "postgresql://me@host:5433/db"),
        ("postgres://me:s3%40cret@host/db", "postgres://me@host/db"),
        ("postgres://me:s3/cret@host/db?sslmode=disable", "postgres://me@host/db?sslmode=disable"),
        ("postgres://:s3cret@host/db", "postgres://@host/db"),
        ("postgres://me@host/db?password=s3cret", "postgres://me@host/db"),
        ("postgres://host/db?user=me&password=s3cret", "postgres://host/db?user=me"),
        (
            "postgres://me@host/db?password=s3cret&application_name=a",
            "postgres://me@host/db?application_name=a",
        ),
        ("postgres://me@host/db?%70assword=s3cret", "postgres://me@host/db"),
        ("postgres://me@host/db?p%61ssw%6Frd=s3%26cret", "postgres://me@host/db"),
        ("postgres:///db?host=/run/pg&password=s3cret", "postgres:///db?host=/run/pg"),
        ("postgres://me:s3cret@a:1,b:2/db", "postgres://me@a:1,b:2/db"),
        ("postgres://me:a:b:s3cret@host?password=s3cret", "postgres://me@host"),
        ("postgres://me@host/db?user=you&password=s3%3Dcret", "postgres://me@host/db?user=you"),
    ];

    #[test]
    fn no_form_of_a_password_is_shown() {
        for (address, shown) in WITH {
            assert_eq!(without_password(address), shown, "{address}");
            assert_eq!(without_password(shown), shown);
        }
        for (address, shown) in [
            ("postgres://me:s3@cret@host/db", "postgres://me@host/db"),
            ("postgres://me:s3cret/db", "postgres://me:…/db"),
            ("postgres://host/db?user=me&password=s3@cret", "postgres://host@…"),
            ("postgres://me@host/db?pasword=s3cret", "postgres://me@host/db"),
            ("postgres://me@host/db?options=-c%20token%3Ds3cret", "postgres://me@host/db"),
            ("host=h user=me password=s3cret", "…"),
        ] {
            assert_eq!(without_password(address), shown, "{address}");
        }
        for plain in ["", "local", "postgres://me@[::1]:5432/db", "postgres://h:1,i/db?port=1&user=m%20e"] {
            assert_eq!(without_password(plain), plain);
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn each_is_a_form_that_the_driver_takes() {
        for (address, _) in WITH {
            let taken = address.parse::<tokio_postgres::Config>().unwrap();
            let password = String::from_utf8(taken.get_password().unwrap().to_vec()).unwrap();
            assert!(password.contains("cret"), "{address}");
        }
    }

    #[test]
    fn passwords_in_a_file_are_found_where_they_stand() {
        let text = "store = \"postgres://me:s3cret@h/d\" # old: postgres://h/d\nx = 'password = s3cret'\npasswords = 1\n";
        let mut covered = text.to_owned();
        for range in passwords_in(text) {
            covered.replace_range(range.clone(), &"*".repeat(range.len()));
        }
        assert!(!covered.contains("s3cret") && covered.len() == text.len(), "{covered}");
        assert!(covered.contains("# old: postgres://h/d") && covered.contains("passwords = 1"), "{covered}");
    }
}
