//! Asking a model: a request, its answer piece by piece, and another request where the provider wants one later.

use serde_json::{Value, json};

use crate::effect::{
    ErrorKind, KEY_HEADER, ModelDeclaration, ModelUsed, Provider, ToolCall, ToolError, ToolResult, WebAddress,
};
use crate::policy::{Granted, WebRequest};
use crate::runner::net::{Begin, Exchange, NetFault, Outgoing, Terms};
use crate::runner::tools::llm::asked::Asked;
use crate::runner::{Cancel, ToolWorld};
use crate::schema::validate_value;

use super::events::Events;
use super::pieces::{NoPiece, Pieces, message_of};
use super::request::body;
use super::said::Said;
use super::waiting::{LONGEST, asked as asked_wait, growing, wait};

/// The most bytes of an answer, its frame counted.
const MOST: u64 = 64 << 20;

/// One call of a model.
struct Asking<'a> {
    asked: &'a Asked<'a>,
    model: &'a ModelDeclaration,
    address: WebAddress,
    call: &'a Granted<ToolCall>,
    world: &'a ToolWorld,
    cancel: &'a Cancel,
    body: Vec<u8>,
}

/// What one request came to.
enum Came {
    Answer(Box<Pieces>),
    /// The provider wants to be asked later.
    Later(Box<ToolError>, Option<std::time::Duration>),
}

/// An answer of `model`.
pub(in crate::runner::tools::llm) fn answer(
    asked: &Asked<'_>,
    model: &ModelDeclaration,
    call: &Granted<ToolCall>,
    world: &ToolWorld,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let address = model.address().ok_or_else(|| {
        ToolError::new(ErrorKind::Internal, format!("`{}` is no address of a model", model.base_url))
    })?;
    let body = body(asked, model).to_string().into_bytes();
    let asking = Asking { asked, model, address, call, world, cancel, body };
    let mut tries = 0;
    loop {
        tries += 1;
        match asking.once()? {
            Came::Answer(pieces) => return Ok(asking.result(&pieces)),
            Came::Later(error, _) if tries > model.retries => return Err(*error),
            Came::Later(error, after) => {
                let pause = after.unwrap_or_else(|| growing(tries));
                if pause > LONGEST {
                    let message = format!(
                        "{}; it wants to be asked again in {} s, and more than {} s is not waited for",
                        error.message,
                        pause.as_secs(),
                        LONGEST.as_secs()
                    );
                    return Err(ToolError { message, ..*error });
                }
                wait(pause, cancel)?;
            }
        }
    }
}

impl Asking<'_> {
    fn once(&self) -> Result<Came, ToolError> {
        let outgoing = self.outgoing()?;
        let facts = WebRequest { method: "POST", address: &self.address, headers: &[], model: true };
        let bounds = self.call.obligations().network.bounds(&facts);
        self.world.outside.traffic.send(&bounds, outgoing.bytes())?;
        let terms = Terms {
            private: self.world.outside.declared.names_private(&self.address.origin()),
            connect: self.model.connect,
            first: self.model.first_token,
            since: Begin::now(),
            total: self.model.total,
            most: MOST,
        };
        let exchange = match Exchange::begin(&outgoing, terms, self.cancel) {
            Ok(exchange) => exchange,
            // nothing of an answer has come
            Err(fault @ (NetFault::Unreachable(..) | NetFault::Broken(..))) => {
                return Ok(Came::Later(Box::new(fault.into()), None));
            }
            Err(fault) => return Err(fault.into()),
        };
        if (200..300).contains(&exchange.status) {
            self.read(exchange).map(|pieces| Came::Answer(Box::new(pieces)))
        } else {
            refusal(exchange, &self.address)
        }
    }

    fn outgoing(&self) -> Result<Outgoing<'_>, ToolError> {
        let mut headers = vec![
            ("user-agent".to_owned(), concat!("lgflow/", env!("CARGO_PKG_VERSION")).as_bytes().to_vec()),
            ("accept".to_owned(), b"text/event-stream, application/json".to_vec()),
            ("content-type".to_owned(), b"application/json".to_vec()),
        ];
        if let Some(key) = &self.model.key {
            let outside = &self.world.outside;
            let declared = outside.declared.secret(key);
            let declared = declared.filter(|secret| secret.is_for("llm", &self.address.origin(), KEY_HEADER));
            let undeclared = || {
                let message =
                    format!("the secret `{key}` is not declared for `llm` at `{}`", self.address.origin());
                ToolError::new(ErrorKind::Denied, message)
            };
            let value = outside.keys.value(declared.ok_or_else(undeclared)?)?;
            headers.push((KEY_HEADER.to_owned(), [b"Bearer ", value].concat()));
        }
        Ok(Outgoing { method: "POST", address: &self.address, headers, body: self.body.clone() })
    }

    /// Reads an answer to its end. One that broke off is none, and says what it cost.
    fn read(&self, mut exchange: Exchange) -> Result<Pieces, ToolError> {
        let mut pieces = Pieces::default();
        let whole = exchange.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let read = if whole {
            whole_answer(&mut exchange, &mut pieces)
        } else {
            self.stream(&mut exchange, &mut pieces)
        };
        let error = match read {
            Err(error) => error,
            Ok(()) if pieces.is_whole() => return Ok(pieces),
            Ok(()) => {
                let message = format!("the answer of `{}` broke off: it came to no end", self.address);
                ToolError::new(ErrorKind::Upstream, message)
            }
        };
        let output = (!pieces.text.is_empty()).then(|| json!({ "text": pieces.text }));
        Err(ToolError { output, ..error })
    }

    fn stream(&self, exchange: &mut Exchange, pieces: &mut Pieces) -> Result<(), ToolError> {
        let mut events = Events::default();
        let told = self.world.outside.teller.as_ref().filter(|_| self.asked.output_schema.is_none());
        let mut said = Said::new(told, &self.world.redaction, &self.call.request().node);
        while !pieces.done {
            let first = (pieces.text.is_empty() && pieces.first_tool().is_none() && !pieces.thinks)
                .then_some(self.model.first_token);
            let part = exchange.part("a first word", first)?;
            let complete = match &part {
                Some(bytes) => events.take(bytes),
                None => events.end(),
            };
            let complete =
                complete.map_err(|_| no_piece(NoPiece("the provider sent what are no events".to_owned())))?;
            complete.iter().try_for_each(|data| pieces.add(data)).map_err(no_piece)?;
            said.so_far(&pieces.text);
            if part.is_none() {
                break;
            }
        }
        said.end(&pieces.text);
        Ok(())
    }

    /// The answer as a result: a value of the schema, the tools that are asked for, or the text.
    fn result(&self, pieces: &Pieces) -> ToolResult {
        let usage = pieces.tokens(self.body.len());
        let llm_tokens = Some(usage.all());
        let model = Some(Box::new(self.used(pieces)));
        let made = self.demand_answer(pieces).and_then(|()| self.output(pieces));
        let result = match made {
            Ok(output) => ToolResult {
                stdout: pieces.text.clone(),
                tool_calls: pieces.calls(),
                ..ToolResult::success("llm", output)
            },
            Err(error) => ToolResult::failure("llm", error),
        };
        ToolResult { llm_tokens, model, ..result }
    }

    /// Who answered; tokens only where the provider counted them.
    fn used(&self, pieces: &Pieces) -> ModelUsed {
        let provider = match self.model.provider {
            Provider::Openai => "openai",
        };
        ModelUsed {
            provider: provider.to_owned(),
            name: self.model.model.clone(),
            input_tokens: pieces.usage.map(|usage| usage.input),
            output_tokens: pieces.usage.map(|usage| usage.output),
        }
    }

    /// The text, or the value of the schema that it is; beside tools that are asked for it is a text.
    fn output(&self, pieces: &Pieces) -> Result<Value, ToolError> {
        match self.asked.output_schema {
            Some(schema) if pieces.first_tool().is_none() => judged(schema, &pieces.text),
            _ => Ok(json!({ "text": pieces.text })),
        }
    }

    /// Is it an answer to what was asked? One that was cut or withheld is none, nor is one that asks for what nobody has
    /// offered, nor one that says nothing.
    fn demand_answer(&self, pieces: &Pieces) -> Result<(), ToolError> {
        let called = pieces.first_tool();
        let upstream =
            |what: &str| ToolError::new(ErrorKind::Upstream, format!("`{}` {what}", self.address.origin()));
        let error = match pieces.finish.as_deref() {
            Some("length") => ToolError {
                limit: Some("max_tokens".to_owned()),
                ..ToolError::new(
                    ErrorKind::Limit,
                    "the answer was cut at the most tokens that it may have; allow more by `max_tokens`",
                )
            },
            Some("content_filter") => upstream("withheld its answer (`content_filter`)"),
            Some("tool_calls" | "function_call") if called.is_none() => {
                upstream("ended its answer to ask for a tool, and names none")
            }
            finish => match called {
                Some(tool) if self.asked.tools.is_empty() => {
                    let name: String = tool.chars().take(100).collect();
                    upstream(&format!("asks for the tool `{name}`, and none was offered to it"))
                }
                None if pieces.text.is_empty() && !pieces.refusal.is_empty() => {
                    upstream(&format!("refused to answer: {}", pieces.refusal))
                }
                None if pieces.text.is_empty() && !self.may_be_silent(finish) => {
                    upstream("answered with nothing")
                }
                _ => return Ok(()),
            },
        };
        Err(ToolError { output: Some(json!({ "text": pieces.text })), ..error })
    }

    /// May an answer be empty? Who had tools may have done all with them; a value that is asked for goes back for a repair.
    fn may_be_silent(&self, finish: Option<&str>) -> bool {
        let after_tools = self.asked.messages.last().is_some_and(|message| message.role == "tool");
        finish == Some("stop") && (after_tools || self.asked.output_schema.is_some())
    }
}

fn whole_answer(exchange: &mut Exchange, pieces: &mut Pieces) -> Result<(), ToolError> {
    let bytes = exchange.rest()?;
    pieces.add_whole(&bytes).map_err(no_piece)
}

fn no_piece(no: NoPiece) -> ToolError {
    ToolError::new(ErrorKind::Upstream, no.0)
}

/// A status that is no answer: now or later?
fn refusal(mut exchange: Exchange, address: &WebAddress) -> Result<Came, ToolError> {
    let status = exchange.status;
    let after = asked_wait(exchange.header("retry-after"), exchange.header("date"));
    let said = exchange.rest().unwrap_or_default();
    let said: Value = serde_json::from_slice(&said).unwrap_or_default();
    let why = said.get("error").map(message_of).map(|why| format!(": {why}")).unwrap_or_default();
    let error = |kind, what: &str| ToolError::new(kind, format!("`{address}` {what} (status {status}){why}"));
    Ok(match status {
        429 => Came::Later(Box::new(error(ErrorKind::RateLimited, "wants fewer requests")), after),
        500.. => Came::Later(Box::new(error(ErrorKind::Upstream, "could not answer")), after),
        408 => Came::Later(Box::new(error(ErrorKind::Timeout, "took too long by its own word")), after),
        404 => return Err(error(ErrorKind::NotFound, "has no such model or interface")),
        401 | 403 => return Err(error(ErrorKind::InvalidInput, "does not take the key")),
        _ => return Err(error(ErrorKind::InvalidInput, "did not accept the request")),
    })
}

/// The value that the text is; what is none, or not of the schema, is told with what is wrong.
fn judged(schema: &Value, text: &str) -> Result<Value, ToolError> {
    let wrong = |output: Value, message: String| {
        Err(ToolError { output: Some(output), ..ToolError::new(ErrorKind::InvalidOutput, message) })
    };
    let value: Value = match serde_json::from_str(unfenced(text)) {
        Ok(value) => value,
        Err(error) => return wrong(text.into(), format!("the answer is no JSON: {error}")),
    };
    let faults: Vec<String> = validate_value(schema, &value).iter().map(ToString::to_string).collect();
    if faults.is_empty() { Ok(value) } else { wrong(value, faults.join("; ")) }
}

/// The text within the marks that models like to put around code.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inner.map_or(text, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_out_of_its_marks_and_held_to_the_schema() {
        let schema =
            json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "integer" } } });
        for text in ["{\"a\":1}", "  {\"a\":1}\n", "```json\n{\"a\":1}\n```", "```\n{\"a\":1}```"] {
            assert_eq!(judged(&schema, text), Ok(json!({ "a": 1 })), "{text}");
        }
        for (text, output) in [("{\"a\":\"1\"}", json!({ "a": "1" })), ("sure: {", json!("sure: {"))] {
            let error = judged(&schema, text).unwrap_err();
            assert_eq!((error.kind, error.output), (ErrorKind::InvalidOutput, Some(output)));
        }
    }
}
