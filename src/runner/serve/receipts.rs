//! The runner's receipts, as it writes them: what it was asked, what it began, what that came to, what it answered. On a chain of
//! its own, with a key that the interpreter cannot read, in a place that it cannot open.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};

use crate::digest::{Digest, hex};
use crate::effect::{ErrorKind, ReplyBody, RequestBody, SandboxLayer, ToolCall, ToolError, ToolResult};
use crate::ledger::{KeptResult, Ledger, ReceiptFile, moment};
use crate::receipt::{
    ReceiptChain, ResultFact, Used, What, begun, calls_of, check, key_name, results_of, used,
};
use crate::redact::Redaction;
use crate::trace::{CallOrder, order_data, redact_data, redact_result, result_data, results_data};

/// The receipts of one session.
#[derive(Debug)]
pub(super) struct Receipts {
    /// None where there is no run, or nowhere to write.
    book: Option<Mutex<Book>>,
    /// What the interpreter takes out of what it records.
    patterns: Redaction,
    policy: Digest,
    /// What began in earlier sessions, by key.
    earlier: BTreeSet<String>,
    /// What was kept of them.
    kept: BTreeMap<String, Value>,
    /// Why something could not be put on record. No call is answered from then on: what it came to has no receipt.
    broken: OnceLock<String>,
}

#[derive(Debug)]
struct Book {
    file: ReceiptFile,
    chain: ReceiptChain,
    ledger: Ledger,
    run: String,
}

/// A request that was received, until it is answered.
#[derive(Debug)]
pub(super) struct Ticket {
    /// The number of its receipt; 0 where none are written.
    request: u64,
    /// The first of its calls, for an answer that cannot be given.
    tool: String,
    list: bool,
}

impl Receipts {
    /// Goes on with the receipts of `run`, and says what it has used up by them.
    ///
    /// # Errors
    /// Receipts that do not hold, or that another process writes.
    pub(super) fn open(
        run: &str,
        ledger: Option<&Ledger>,
        (policy, walls): (Digest, &[SandboxLayer]),
        patterns: Redaction,
    ) -> Result<(Self, Used), String> {
        let place =
            ledger.map(|ledger| ledger.receipts(run)).transpose().map_err(|error| error.to_string())?;
        let (Some(ledger), Some((file, text))) = (ledger, place.flatten()) else {
            let (earlier, kept) = (BTreeSet::new(), BTreeMap::new());
            let broken = OnceLock::new();
            return Ok((Self { book: None, patterns, policy, earlier, kept, broken }, Used::default()));
        };
        let checked = check(&text, Some(run), Some(ledger.key()));
        if let Some(fault) = &checked.fault {
            return Err(format!("{fault}; a run whose receipts were altered is not gone on with"));
        }
        let mut session = [0; 16];
        getrandom::fill(&mut session).map_err(|error| error.to_string())?;
        let chain = ReceiptChain::after(&checked, run, &hex(&session), ledger.key().clone());
        let mut book = Book { file, chain, ledger: ledger.clone(), run: run.to_owned() };
        book.write(
            What::Opened {
                policy,
                sandbox: Digest::of_json(&json!(walls)),
                key: key_name(ledger.key()),
                version: env!("CARGO_PKG_VERSION").into(),
            },
            false,
        )?;
        let (spent, earlier) = (used(&checked.receipts), begun(&checked.receipts));
        let kept = ledger.kept_results(run).map_err(|error| error.to_string())?;
        let kept = kept.into_iter().map(|kept| (kept.key, kept.result)).collect();
        let (book, broken) = (Some(Mutex::new(book)), OnceLock::new());
        Ok((Self { book, patterns, policy, earlier, kept, broken }, spent))
    }

    /// A request has arrived. None where it asks for no call. Refused where it could not be answered any more: nothing is done
    /// whose end nobody would hear.
    pub(super) fn received(&self, body: &RequestBody) -> Result<Option<Ticket>, String> {
        let told = |call: &ToolCall| ToolCall { provenance: None, ..call.clone() };
        let order = match body {
            RequestBody::Execute { call } | RequestBody::Stream { call } => CallOrder::Single(told(call)),
            RequestBody::Prepare { call } => CallOrder::Prepare(told(call)),
            RequestBody::Batch { calls } => CallOrder::Batch(calls.iter().map(told).collect()),
            RequestBody::Capabilities | RequestBody::Explain { .. } | RequestBody::Cancel { .. } => {
                return Ok(None);
            }
        };
        if let Some(why) = self.broken.get() {
            return Err(why.clone());
        }
        let tool = order.calls().first().map(|call| call.tool.clone()).unwrap_or_default();
        let list = matches!(order, CallOrder::Batch(_));
        let request = match &self.book {
            None => 0,
            Some(book) => {
                let mut data = order_data(&order);
                redact_data("call.started", &mut data, &self.patterns);
                let calls = calls_of(data);
                self.put(locked(book).write(What::Received { calls }, false))?
            }
        };
        Ok(Some(Ticket { request, tool, list }))
    }

    /// A call is about to be done; one that changes something is on record, on the disk, before it is.
    pub(super) fn begun(&self, call: &ToolCall, approval: Option<String>) -> Result<(), String> {
        let what = || What::Begun {
            key: call.idempotency_key.clone(),
            tool: call.tool.clone(),
            patch_bytes: call.patch_bytes(),
            approval,
        };
        self.add(what, call.changes())
    }

    /// A call is about to be answered with what is known of it, and not done.
    pub(super) fn recalled(&self, call: &ToolCall, result: &ToolResult) -> Result<(), String> {
        let Some(recalled) = &result.recalled else { return Err("it names no earlier call".to_owned()) };
        let what = || What::Recalled {
            key: call.idempotency_key.clone(),
            tool: call.tool.clone(),
            patch_bytes: call.patch_bytes(),
            recalled: (**recalled).clone(),
        };
        self.add(what, call.changes())
    }

    /// A request is about to go out.
    pub(super) fn sent(&self, rules: Vec<String>, bytes: u64) -> Result<(), String> {
        self.add(|| What::Sent { rules, bytes }, false)
    }

    /// Had the call begun in an earlier session of its run?
    pub(super) fn had_begun(&self, call: &ToolCall) -> bool {
        call.changes() && self.earlier.contains(&call.idempotency_key)
    }

    /// What was kept of a call that had ended in an earlier session.
    pub(super) fn kept(&self, call: &ToolCall) -> Option<ToolResult> {
        serde_json::from_value(self.kept.get(&call.idempotency_key)?.clone()).ok()
    }

    /// A call has come to an end; of one that a crash may cut off, `result` is kept until the run is over. A change of the
    /// workspace keeps its own in its history.
    pub(super) fn ended(&self, call: &ToolCall, result: &ToolResult) -> Result<(), String> {
        if !call.changes() {
            return Ok(());
        }
        if let Some(book) = self.book.as_ref().filter(|_| call.may_be_cut_off()) {
            let book = locked(book);
            let kept = KeptResult { key: call.idempotency_key.clone(), result: json!(result) };
            self.put(book.ledger.keep_result(&book.run, &kept).map_err(|error| error.to_string()))?;
        }
        self.add(|| What::Ended { key: call.idempotency_key.clone(), ok: result.ok }, false)
    }

    /// A call that had begun was not made after all.
    pub(super) fn withdrawn(&self, call: &ToolCall) -> Result<(), String> {
        self.add(|| What::Withdrawn { key: call.idempotency_key.clone() }, false)
    }

    /// What the receipt of an answer will say, as the interpreter records it; nothing where it answers no call, or none are
    /// written.
    pub(super) fn facts(&self, body: &ReplyBody) -> Vec<ResultFact> {
        let clean = |result| {
            if self.patterns.is_empty() {
                return Cow::Borrowed(result);
            }
            let mut result: ToolResult = ToolResult::clone(result);
            redact_result(&mut result, &self.patterns);
            Cow::Owned(result)
        };
        let data = match body {
            _ if self.book.is_none() => return Vec::new(),
            ReplyBody::Result { result } => result_data(&clean(result)),
            ReplyBody::Results { results } => {
                let results: Vec<ToolResult> =
                    results.iter().map(|result| clean(result).into_owned()).collect();
                results_data(&results)
            }
            ReplyBody::Capabilities { .. }
            | ReplyBody::Piece { .. }
            | ReplyBody::Cancelled { .. }
            | ReplyBody::Problem { .. } => return Vec::new(),
        };
        results_of(&data)
    }

    /// An answer is about to be sent. To be called in the order in which answers are.
    pub(super) fn answered(&self, ticket: &Ticket, results: Vec<ResultFact>) -> Result<(), String> {
        if let Some(why) = self.broken.get() {
            return Err(why.clone());
        }
        self.add(|| What::Answered { request: ticket.request, policy: self.policy, results }, false)
    }

    fn add(&self, what: impl FnOnce() -> What, durable: bool) -> Result<(), String> {
        let Some(book) = &self.book else { return Ok(()) };
        let what = what();
        self.put(locked(book).write(what, durable)).map(drop)
    }

    /// What came of putting something on record.
    fn put<T>(&self, put: Result<T, String>) -> Result<T, String> {
        // of several faults the first is told
        put.inspect_err(|why| drop(self.broken.set(why.clone())))
    }
}

impl Book {
    fn write(&mut self, what: What, durable: bool) -> Result<u64, String> {
        let (line, n) = self.chain.append(moment().millis, what);
        self.file.add(&line, durable).map_err(|error| error.to_string())?;
        Ok(n)
    }
}

impl Ticket {
    /// The answer where none can be given: it says why.
    pub(super) fn failed(&self, message: &str) -> ReplyBody {
        let error = ToolError::new(ErrorKind::Internal, message);
        let result = ToolResult::failure(self.tool.clone(), error);
        if self.list {
            ReplyBody::Results { results: vec![result] }
        } else {
            ReplyBody::Result { result: Box::new(result) }
        }
    }
}

fn locked(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    // a line is written whole or the file is marked as broken
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
