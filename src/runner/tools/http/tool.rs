//! The call: one request, and those that its answer leads to.

use std::time::Duration;

use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult, WebAddress};
use crate::policy::{Decision, Granted, WebRequest};
use crate::runner::net::{Begin, Exchange, Outgoing, Terms};
use crate::runner::{Cancel, Outside, ToolWorld};

use super::answer::{failure, read};
use super::asked::{Asked, HeaderValue};

/// Until the connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// Until the answer begins.
const FIRST: Duration = Duration::from_mins(1);
/// Until it has ended, with all that it leads to, where the call has no time of its own.
const TOTAL: Duration = Duration::from_mins(5);
/// Bytes of an answer, where the policy does not say less.
const MOST: u64 = 8 << 20;
/// So many times an answer may lead elsewhere.
const REDIRECTS: usize = 5;
/// What leads elsewhere.
const LEADS: [u16; 5] = [301, 302, 303, 307, 308];

/// `{url, method?, headers?, body?, ok_status?}` → `{status, headers, body}`.
pub(in crate::runner) fn http(
    call: &Granted<ToolCall>,
    world: &ToolWorld,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let asked = Asked::read(&call.request().input)?;
    let asking = Asking { asked, since: Begin::now(), call, world, cancel };
    let asked = &asking.asked;
    let (mut address, mut exchange) = (asked.address.clone(), asking.request(&asked.address)?);
    for _ in 0..REDIRECTS {
        let Some(next) = leads_to(asked, &address, &exchange)? else { break };
        exchange = asking.request(&next)?;
        address = next;
    }
    if leads_to(asked, &address, &exchange)?.is_some() {
        let message = format!("`{}` leads elsewhere more than {REDIRECTS} times", asked.address);
        return Err(ToolError::new(ErrorKind::Upstream, message));
    }
    let status = exchange.status;
    let output = read(&mut exchange, &address)?;
    if !asked.is_ok(status) {
        return Err(failure(status, &address, output));
    }
    let stdout = output["body"].as_str().map_or_else(|| output["body"].to_string(), str::to_owned);
    Ok(ToolResult { stdout, ..ToolResult::success("http", output) })
}

/// One call.
struct Asking<'a> {
    asked: Asked<'a>,
    since: Begin,
    call: &'a Granted<ToolCall>,
    world: &'a ToolWorld,
    cancel: &'a Cancel,
}

impl Asking<'_> {
    /// Makes one request, where the policy lets it go.
    fn request(&self, address: &WebAddress) -> Result<Exchange, ToolError> {
        let Self { asked, call, world, .. } = self;
        let Outside { declared, traffic, .. } = &world.outside;
        let elsewhere = address.origin() != asked.address.origin();
        let outgoing = Outgoing {
            method: asked.method,
            address,
            headers: headers(asked, address, elsewhere, &world.outside)?,
            body: asked.body.clone(),
        };
        let plain = asked.headers.iter().filter(|(_, value)| matches!(value, HeaderValue::Plain(_)));
        let names: Vec<String> = plain.filter(|_| !elsewhere).map(|(name, _)| name.clone()).collect();
        let facts = WebRequest { method: asked.method, address, headers: &names, model: false };
        let obligations = call.obligations();
        if *address != asked.address {
            judge(&facts, asked, call)?;
        }
        traffic.send(&obligations.network.bounds(&facts), outgoing.bytes())?;
        let terms = Terms {
            private: declared.names_private(&address.origin()),
            connect: CONNECT,
            first: FIRST,
            since: self.since,
            total: call.request().deadline_ms.map_or(TOTAL, Duration::from_millis),
            most: obligations.limits.read_bytes.unwrap_or(MOST).min(MOST),
        };
        Ok(Exchange::begin(&outgoing, terms, self.cancel)?)
    }
}

/// What the policy says of where an answer leads. Nobody was asked about another origin.
fn judge(facts: &WebRequest<'_>, asked: &Asked<'_>, call: &Granted<ToolCall>) -> Result<(), ToolError> {
    let verdict = call.obligations().network.verdict(facts);
    let approved = call.obligations().approved.is_some() && facts.address.origin() == asked.address.origin();
    let allowed = match verdict.decision {
        Decision::Allow => true,
        Decision::Ask => approved,
        Decision::Deny => false,
    };
    if allowed {
        return Ok(());
    }
    let deciding = verdict.deciding();
    let why = deciding.map_or_else(|| "no rule allows it".to_owned(), |reason| reason.message.clone());
    let message =
        format!("`{}` leads to `{}`, and there nothing was sent: {why}", asked.address, facts.address);
    let rule = deciding.map(|reason| reason.rule.clone());
    Err(ToolError { rule, ..ToolError::new(ErrorKind::Denied, message) })
}

/// The headers of a request. To another origin than was asked for go those alone that say nothing of who asks: a secret
/// would go where nobody declared it, and a cookie or a token is one as well.
fn headers(
    asked: &Asked<'_>,
    address: &WebAddress,
    elsewhere: bool,
    outside: &Outside,
) -> Result<Vec<(String, Vec<u8>)>, ToolError> {
    let mut headers = vec![
        ("user-agent".to_owned(), concat!("lgflow/", env!("CARGO_PKG_VERSION")).as_bytes().to_vec()),
        ("accept".to_owned(), b"*/*".to_vec()),
    ];
    for (name, value) in &asked.headers {
        let value = match value {
            HeaderValue::Plain(_) if elsewhere && !matches!(name.as_str(), "accept" | "accept-language") => {
                continue;
            }
            HeaderValue::Plain(text) => text.as_bytes().to_vec(),
            HeaderValue::Secret { .. } if elsewhere => continue,
            HeaderValue::Secret { name: secret, prefix } => {
                let declared = outside.declared.secret(secret);
                let declared = declared.filter(|secret| secret.is_for("http", &address.origin(), name));
                let undeclared = || {
                    let message = format!("the secret `{secret}` is not declared for `{}`", address.origin());
                    ToolError::new(ErrorKind::Denied, message)
                };
                let value = outside.keys.value(declared.ok_or_else(undeclared)?)?;
                [prefix.as_bytes(), value].concat()
            }
        };
        headers.retain(|(known, _)| known != name);
        headers.push((name.clone(), value));
    }
    Ok(headers)
}

/// Where an answer leads, if it does and may be followed.
fn leads_to(
    asked: &Asked<'_>,
    from: &WebAddress,
    exchange: &Exchange,
) -> Result<Option<WebAddress>, ToolError> {
    if !LEADS.contains(&exchange.status) || !asked.looks() || asked.is_ok(exchange.status) {
        return Ok(None);
    }
    let Some(location) = exchange.header("location") else { return Ok(None) };
    let next = from.follow(location).filter(|next| next.tls || !from.tls);
    next.map(Some).ok_or_else(|| {
        let message = format!(
            "`{from}` leads to what is no plain address, or from `https` to `http`; it was not followed"
        );
        ToolError::new(ErrorKind::Denied, message)
    })
}
