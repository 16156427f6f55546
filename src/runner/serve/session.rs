//! The runner's life: take the task, answer calls, end with everything it started when the front lets go.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde::Deserialize;
use serde_json::Value;

use crate::effect::{
    CallFrame, ControlFrame, FrameBuffer, FrameError, MAX_ANSWER, OutputStream, ReplyBody, ReplyFrame,
    RequestBody, Started, encode_frame, json_bytes,
};
use crate::runner::Hearing;
use crate::runner::answer_size::sendable;

use super::desk::Desk;
use super::handshake::{self, HandshakeError, Task};
use super::pieces::Pieces;
use super::receipts::Ticket;

/// More calls than this at once are refused: the interpreter's own limits are far below.
const CALLS_AT_ONCE: usize = 256;

/// What can be done where something cannot be put on record.
const ANEW: &str = "this session answers no more calls; once that can be written, begin another one";

/// The runner could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ServeError(String);

/// Serves one front over `control` until it lets go. Returns when every process that a call started is gone.
#[expect(clippy::needless_pass_by_value, reason = "the socket is closed when nothing is served any more")]
pub fn serve(control: UnixStream) -> Result<(), ServeError> {
    let task = match handshake::receive(&control) {
        Ok(task) => task,
        // nobody is there to be told
        Err(HandshakeError::FrontIsGone) => return Ok(()),
        Err(error) => return Err(refused(error)),
    };
    let mut answers = control.try_clone().map_err(failed)?;
    let asking = control.try_clone().map_err(failed)?;
    let (desk, calls, arrived) = match open_desk(task, asking) {
        Ok(opened) => opened,
        Err(message) => {
            let heard = send(&mut answers, &ControlFrame::Refused { message: message.clone() })?;
            return if heard { Err(ServeError(message)) } else { Ok(()) };
        }
    };
    let started = Started {
        schema: "lgflow.started/v1".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        policy_digest: desk.policy_digest(),
        revision: desk.revision(),
        work_tree: desk.work_tree(),
        sandbox: desk.walls(),
    };
    if !send(&mut answers, &ControlFrame::Started(started))? {
        return Ok(());
    }
    let desk = Arc::new(desk);
    let listening = calls.try_clone().map_err(failed)?;
    let answering = thread::spawn({
        let desk = Arc::clone(&desk);
        move || answer_calls(&desk, calls)
    });
    let ahead = Arc::clone(&desk);
    // nobody waits for it but the first command
    thread::spawn(move || ahead.look_ahead());
    await_end(&control, arrived);
    desk.cancel_all();
    // the interpreter may be gone already, and a thread that panicked has nobody left to tell
    let _ = listening.shutdown(Shutdown::Read);
    let _ = answering.join();
    Ok(())
}

fn open_desk(task: Task, front: UnixStream) -> Result<(Desk, UnixStream, FrameBuffer), String> {
    let Task { start, root, calls, arrived } = task;
    Ok((Desk::open(&start, root, front)?, calls, arrived))
}

/// Waits until the front says stop, or is gone.
fn await_end(control: &UnixStream, mut arrived: FrameBuffer) {
    let mut control = control;
    let mut part = [0; 1024];
    loop {
        match arrived.take::<ControlFrame>() {
            Ok(None) => {}
            Ok(Some(ControlFrame::Stop)) | Err(_) => return,
            Ok(Some(_)) => continue,
        }
        match control.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(count) => arrived.push(&part[..count]),
        }
    }
}

/// A frame as it arrives: what has no number can't be answered, and ends the conversation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbered {
    id: u64,
    body: Value,
}

/// Reads requests and answers each on a thread of its own; ends when the interpreter's side is closed and every
/// call has ended.
fn answer_calls(desk: &Arc<Desk>, calls: UnixStream) {
    let Ok(writer) = calls.try_clone() else { return };
    let writer = Arc::new(Mutex::new(writer));
    let mut reader = calls;
    let mut arrived = FrameBuffer::default();
    let mut running: Vec<thread::JoinHandle<()>> = Vec::new();
    let mut part = vec![0; 64 << 10];
    loop {
        match arrived.take::<Numbered>() {
            Ok(Some(Numbered { id, body })) => {
                running.retain(|call| !call.is_finished());
                running.extend(take_up(desk, &writer, (id, body), running.len()));
                continue;
            }
            Ok(None) => {}
            Err(_) => break,
        }
        match reader.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(count) => arrived.push(&part[..count]),
        }
    }
    desk.cancel_all();
    for call in running {
        // a call that panicked has been answered by `answer`
        let _ = call.join();
    }
    // who has sent what is no frame must not wait for an answer to it
    let _ = reader.shutdown(Shutdown::Both);
}

/// Takes up a request while `running` calls are being answered: it has a receipt, in the order in which it came, before
/// anything is done for it.
fn take_up(
    desk: &Arc<Desk>,
    writer: &Arc<Mutex<UnixStream>>,
    (id, body): (u64, Value),
    running: usize,
) -> Option<thread::JoinHandle<()>> {
    let problem = |message: String| {
        reply(writer, id, ReplyBody::Problem { message });
        None
    };
    let body: RequestBody = match serde_json::from_value(body) {
        Ok(body) => body,
        Err(error) => return problem(format!("this is no request: {error}")),
    };
    match desk.receipts.received(&body) {
        Err(why) => {
            problem(format!("the runner could not write its receipt, so nothing was done: {why}; {ANEW}"))
        }
        Ok(Some(ticket)) if running >= CALLS_AT_ONCE => {
            let body = ticket.failed(&format!("more than {CALLS_AT_ONCE} calls at once"));
            settle(desk, writer, id, Some(&ticket), body);
            None
        }
        Ok(ticket) => Some(answer(desk, writer, CallFrame { id, body }, ticket)),
    }
}

/// Answers a request on a thread of its own.
fn answer(
    desk: &Arc<Desk>,
    writer: &Arc<Mutex<UnixStream>>,
    frame: CallFrame,
    ticket: Option<Ticket>,
) -> thread::JoinHandle<()> {
    let CallFrame { id, body } = frame;
    let task = {
        let (desk, writer) = (Arc::clone(desk), Arc::clone(writer));
        move || {
            let _until_it_was_sent = desk.make_room(&body);
            let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match body {
                RequestBody::Stream { .. } => answer_in_pieces(&desk, &writer, id, body),
                body => desk.answer(body),
            }));
            let body = answered.unwrap_or_else(|_| {
                failed_answer(
                    ticket.as_ref(),
                    "the tool failed in a way that is a bug of lgflow; its effects are unknown",
                )
            });
            settle(&desk, &writer, id, ticket.as_ref(), body);
        }
    };
    thread::spawn(task)
}

/// Answers with the output of the call as it comes, and then with its result.
fn answer_in_pieces(desk: &Desk, writer: &Arc<Mutex<UnixStream>>, id: u64, body: RequestBody) -> ReplyBody {
    let pieces = Arc::new(Pieces::new(desk.redaction()));
    let send = {
        let writer = Arc::clone(writer);
        move |from, text: String| {
            if !text.is_empty() {
                reply(&writer, id, ReplyBody::Piece { from, text });
            }
        }
    };
    let hearing = {
        let (pieces, send) = (Arc::clone(&pieces), send.clone());
        Hearing::new(move |from, part| send(from, pieces.hear(from, part)))
    };
    let answered = desk.answer_heard(body, hearing);
    for from in [OutputStream::Stdout, OutputStream::Stderr] {
        send(from, pieces.rest(from));
    }
    answered
}

fn failed_answer(ticket: Option<&Ticket>, message: &str) -> ReplyBody {
    ticket.map_or_else(|| ReplyBody::Problem { message: message.to_owned() }, |ticket| ticket.failed(message))
}

/// Writes the receipt of an answer and sends it, both before the next one: receipts and answers have one order.
fn settle(desk: &Desk, writer: &Mutex<UnixStream>, id: u64, ticket: Option<&Ticket>, body: ReplyBody) {
    let frame = |body: ReplyBody| (desk.receipts.facts(&body), encode_frame(&ReplyFrame { id, body }));
    // what is no answer to a call has no receipt
    let ticket = ticket.filter(|_| !matches!(body, ReplyBody::Problem { .. }));
    let body = if json_bytes(&body) > MAX_ANSWER { sendable(body) } else { body };
    let (facts, bytes) = match frame(body) {
        (facts, Ok(bytes)) => (facts, Ok(bytes)),
        // nothing could be left out of it
        (_, Err(error)) => frame(failed_answer(ticket, &error.to_string())),
    };
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    let written = ticket.map_or(Ok(()), |ticket| desk.receipts.answered(ticket, facts));
    let bytes = match written {
        Ok(()) => bytes,
        Err(why) => {
            let message = format!("what became of a call has no receipt: {why}; {ANEW}");
            frame(ReplyBody::Problem { message }).1
        }
    };
    if let Ok(bytes) = bytes {
        // an interpreter that is gone reads nothing: the control channel ends us
        let _ = writer.write_all(&bytes);
    }
}

/// Sends what has no receipt.
fn reply(writer: &Mutex<UnixStream>, id: u64, body: ReplyBody) {
    if let Ok(bytes) = encode_frame(&ReplyFrame { id, body }) {
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        // as above
        let _ = writer.write_all(&bytes);
    }
}

/// Tells the front; false where it is gone, and with it what we are there for.
fn send(control: &mut UnixStream, frame: &ControlFrame) -> Result<bool, ServeError> {
    let bytes = encode_frame(frame).map_err(|error: FrameError| ServeError(error.to_string()))?;
    match control.write_all(&bytes) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn refused(error: HandshakeError) -> ServeError {
    ServeError(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn failed(error: io::Error) -> ServeError {
    ServeError(format!("the front's socket failed: {error}"))
}
