//! Which origins may be spoken to, by which method, at which path, with which headers, and how much: what every layer says
//! of one request. Asked before a call is made, and again wherever a redirect leads.

use serde_json::json;

use crate::effect::{LayerRole, RuleRef, WebAddress};

use super::change::{Action, Change, keys};
use super::layer::{Layer, Origin};
use super::paths::only;
use super::{Decision, Reason, Verdict};

/// Headers that say nothing of who asks, so that no rule has to list them.
const ALWAYS: [&str; 8] = [
    "accept",
    "accept-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "range",
    "user-agent",
];

/// What all layers say of origins.
#[derive(Debug, Clone, Default)]
pub struct NetworkRules {
    layers: Vec<LayerNetwork>,
}

#[derive(Debug, Clone)]
struct LayerNetwork {
    name: String,
    file: String,
    role: LayerRole,
    complete: bool,
    silence: RuleRef,
    rules: Option<Vec<Origin>>,
}

/// A request, as far as rules speak of it.
#[derive(Debug, Clone, Copy)]
pub struct WebRequest<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Where it goes.
    pub address: &'a WebAddress,
    /// The names of its headers in small letters, less those that carry a secret: their declaration speaks of them.
    pub headers: &'a [String],
    /// Is it for a model that the user declares? Then a grant that lists no origins leaves it to the user's word.
    pub model: bool,
}

/// How much may go to an origin, by one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginBound {
    /// The rule: what is counted is counted for it.
    pub rule: RuleRef,
    /// Bytes that a run may send.
    pub max_out: Option<u64>,
    /// Requests of a run.
    pub max_requests: Option<u64>,
}

impl NetworkRules {
    pub(super) fn of(layers: &[Layer]) -> Self {
        let of_layer = |layer: &Layer| LayerNetwork {
            name: layer.name.clone(),
            file: layer.file.clone(),
            role: layer.role,
            complete: layer.complete,
            silence: layer.silence("network"),
            rules: layer.network.clone(),
        };
        Self { layers: layers.iter().map(of_layer).collect() }
    }

    /// What each layer says of a request.
    pub(super) fn reasons(&self, request: &WebRequest<'_>) -> Vec<Reason> {
        self.layers.iter().filter_map(|layer| layer.reason(request)).collect()
    }

    /// What they come to together.
    pub fn verdict(&self, request: &WebRequest<'_>) -> Verdict {
        Verdict::of(self.reasons(request))
    }

    /// The bounds of every rule that speaks of a request.
    pub fn bounds(&self, request: &WebRequest<'_>) -> Vec<OriginBound> {
        let rules = self.layers.iter().flat_map(|layer| layer.rules.iter().flatten());
        let bound = |rule: &Origin| OriginBound {
            rule: rule.rule.clone(),
            max_out: rule.max_out,
            max_requests: rule.max_requests,
        };
        rules.filter(|rule| rule.speaks_of(request)).map(bound).collect()
    }
}

impl LayerNetwork {
    fn reason(&self, request: &WebRequest<'_>) -> Option<Reason> {
        let WebRequest { method, address, .. } = *request;
        let origin = address.origin();
        let rule = json!({ "origin": origin, "methods": [method], "paths": [only(&address.path)] });
        let change = Change::edit(&self.file, 0, keys("network"), Action::Append(rule));
        let Some(rules) = &self.rules else { return self.absence(request, &origin, change) };
        let found: Vec<&Origin> = rules.iter().filter(|rule| rule.speaks_of(request)).collect();
        let Some(first) = found.first() else {
            let message = format!(
                "no rule of `network` in `{}` lists `{method} {origin}{}`; to allow it, add one",
                self.name, address.path
            );
            return Some(Reason::new(Decision::Deny, self.silence.clone(), message).altered_by(change));
        };
        let unlisted = request.headers.iter().find_map(|header| {
            let lists = |rule: &&&Origin| rule.headers.contains(header);
            let not = found.iter().find(|rule| !lists(rule)).filter(|_| !ALWAYS.contains(&header.as_str()));
            not.map(|rule| (header, rule))
        });
        if let Some((header, rule)) = unlisted {
            let message = format!(
                "the header `{header}` is not listed for `{origin}` in `{}`; to allow it, add it to `headers` of the rule",
                self.name
            );
            return Some(Reason::new(Decision::Deny, rule.rule.clone(), message));
        }
        Some(Reason::new(Decision::Allow, first.rule.clone(), format!("`{method} {address}` is listed")))
    }

    /// What a layer without the section says.
    fn absence(&self, request: &WebRequest<'_>, origin: &str, change: Change) -> Option<Reason> {
        let left_to_the_user = request.model && self.role == LayerRole::Grant;
        (self.complete && !left_to_the_user).then(|| {
            let message = format!(
                "`{}` has no `network`, and what is not listed is denied; to allow `{origin}`, add it to `network`",
                self.name
            );
            Reason::new(Decision::Deny, self.silence.clone(), message).altered_by(change)
        })
    }
}

impl Origin {
    /// Is the request one of those that the rule lists?
    fn speaks_of(&self, request: &WebRequest<'_>) -> bool {
        matches(&self.origin, &request.address.origin())
            && (self.methods.is_empty() || self.methods.iter().any(|listed| listed == request.method))
            && self.paths.as_ref().is_none_or(|paths| paths.is_match(&request.address.path))
    }
}

/// Is `origin` what `pattern` names? A `*` stands for one whole label, or a part of one.
fn matches(pattern: &str, origin: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == origin };
    let Some(behind) = origin.strip_prefix(head) else { return false };
    let label = behind.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-').count();
    (1..=label).any(|count| matches(rest, &behind[count..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_within_a_label() {
        let pattern = "https://*.example.com:443";
        assert!(matches(pattern, "https://api.example.com:443"));
        assert!(!matches(pattern, "https://a.b.example.com:443"));
        assert!(!matches(pattern, "https://.example.com:443"));
        assert!(!matches(pattern, "https://example.com:443"));
        assert!(!matches(pattern, "https://api.example.com:444"));
        assert!(!matches(pattern, "https://evil.com:443"));
        assert!(!matches(pattern, "https://x.example.com.evil.com:443"));
        assert!(matches("https://api-*.example.com:443", "https://api-7.example.com:443"));
        assert!(matches("https://h:443", "https://h:443") && !matches("https://h:443", "http://h:443"));
    }
}
