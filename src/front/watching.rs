//! What a user wants to be told of a run beside its story, and where: how much our processes say of their work, what is
//! counted, how far the run has come, and who is sent spans.
#![expect(
    clippy::disallowed_methods,
    reason = "where spans go is said by variables that all programs of this kind have"
)]

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use crate::config::Settings;
use crate::logging::{Form, Level};
use crate::witness::AnchorPlace;

/// What is told beside a run's story. Nothing, unless it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watching {
    /// What our processes say of their work.
    pub log: Option<LogTo>,
    /// The file that what is counted is added to.
    pub metrics: Option<PathBuf>,
    /// Where it is anchored how far the run has come.
    pub anchor: Option<AnchorPlace>,
    /// Who is sent spans.
    pub spans: Option<SpansTo>,
}

/// How much is said, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogTo {
    /// How much.
    pub level: Level,
    /// Of a line.
    pub form: Form,
}

/// A collector of spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpansTo {
    /// The whole address that takes them.
    pub address: String,
    /// Sent with each request. A value may be a key.
    pub headers: BTreeMap<String, String>,
    /// Is it lgflow that was told of it, and not every program?
    pub ours: bool,
}

impl Watching {
    /// What the settings say, and the variables that all programs have.
    pub fn of(settings: &Settings) -> Self {
        let form = if settings.log_format() == "json" { Form::Json } else { Form::Human };
        Self {
            log: Level::parse(settings.log()).map(|level| LogTo { level, form }),
            metrics: settings.metrics().map(PathBuf::from),
            // what is no place was refused with the settings
            anchor: settings.anchor().and_then(|place| place.parse().ok()),
            spans: SpansTo::of(settings.otlp_endpoint(), |name| {
                env::var(name).ok().filter(|value| !value.is_empty())
            }),
        }
    }
}

impl SpansTo {
    /// The setting is stronger than the variables; `variable` gives those that are not empty.
    fn of(endpoint: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let says =
            |name: &str, word: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
            return None;
        }
        let beneath = |endpoint: &str| format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let address = endpoint
            .map(beneath)
            .or_else(|| variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
            .or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT").map(|endpoint| beneath(&endpoint)))?;
        let headers = variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS")
            .or_else(|| variable("OTEL_EXPORTER_OTLP_HEADERS"))
            .unwrap_or_default();
        Some(Self { address, headers: pairs(&headers), ours: endpoint.is_some() })
    }
}

/// `name=value,name=value`; a value may be written with `%XX`.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_ascii_lowercase(), decoded(value.trim()))).collect()
}

fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped =
            digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(endpoint: Option<&str>, set: &[(&str, &str)]) -> Option<SpansTo> {
        SpansTo::of(endpoint, |name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_setting_is_stronger_than_the_variables_of_all_programs() {
        let all = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:4318/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x=1%"),
        ];
        let address = |told: Option<SpansTo>| told.map(|told| (told.address, told.ours));
        let is = |address: &str, ours| Some((address.to_owned(), ours));
        assert_eq!(address(told(Some("http://a:4318"), &all)), is("http://a:4318/v1/traces", true));
        assert_eq!(address(told(None, &all)), is("http://b:4318/v1/traces", false));
        let exact = [all[0], ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/x")];
        assert_eq!(address(told(None, &exact)), is("http://c/x", false));
        let headers = told(None, &all).unwrap().headers;
        assert_eq!((headers["api-key"].as_str(), headers["x"].as_str()), ("a b", "1%"));
    }

    #[test]
    fn it_is_off_where_nobody_asked_or_somebody_asked_for_that() {
        assert_eq!(told(None, &[]), None);
        assert_eq!(told(Some("http://a"), &[("OTEL_SDK_DISABLED", "TRUE")]), None);
        assert_eq!(told(Some("http://a"), &[("OTEL_TRACES_EXPORTER", "none")]), None);
    }
}
