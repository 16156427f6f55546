//! The connection of a run, as somebody speaks on it who is no `lgflow run`.

use std::io::{Read as _, Write as _};

use lgflow::effect::{
    ApprovalRequest, CallFrame, FrameBuffer, ReplyBody, ReplyFrame, RequestBody, RunFrame, RunLimits,
    RunOpen, RunWord, encode_frame,
};
use serde_json::Value;

use crate::served::{Served, Stream};

/// A connection that was upgraded, and what came on it.
pub struct Raw {
    stream: Box<dyn Stream>,
    arrived: FrameBuffer,
    next: u64,
}

impl Raw {
    /// Asks for the connection of a run; gives the head of the answer.
    pub fn asked(served: &Served, token: &str) -> (Box<dyn Stream>, String) {
        let mut stream = served.connect();
        let head = format!(
            "GET /v1/runs/open HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: upgrade\r\nUpgrade: lgflow-frames/1\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        (stream, String::from_utf8(answer).unwrap())
    }

    /// Asks to open a run; the answer is the next frame.
    pub fn open(served: &Served, token: &str, run: &str) -> Self {
        let (stream, answer) = Self::asked(served, token);
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        let open = RunOpen {
            schema: "lgflow.run_open/v1".into(),
            run: run.into(),
            nonce: "n".into(),
            ceilings: Vec::new(),
            limits: RunLimits::default(),
        };
        let mut raw = Self { stream, arrived: FrameBuffer::default(), next: 0 };
        raw.say(&RunWord::Open(open));
        raw
    }

    /// One that has opened its run.
    #[track_caller]
    pub fn opened(served: &Served, token: &str, run: &str) -> Self {
        let mut raw = Self::open(served, token, run);
        let answer = raw.next();
        assert!(matches!(answer, RunFrame::Opened(_)), "{answer:?}");
        raw
    }

    /// Why it was not opened.
    #[track_caller]
    pub fn refused(mut self) -> String {
        match self.next() {
            RunFrame::Refused { message } => message,
            other => panic!("{other:?}"),
        }
    }

    pub fn say(&mut self, word: &RunWord) {
        self.stream.write_all(&encode_frame(word).unwrap()).unwrap();
    }

    /// Makes a call; gives what was asked before it was answered, and its result.
    pub fn call(&mut self, call: &Value) -> (Option<ApprovalRequest>, Value) {
        self.next += 1;
        let call = serde_json::from_value(call.clone()).unwrap();
        self.say(&RunWord::Call(CallFrame { id: self.next, body: RequestBody::Execute { call } }));
        let mut asked = None;
        loop {
            match self.next() {
                RunFrame::Ask(request) => asked = Some(*request),
                RunFrame::Reply(ReplyFrame { body: ReplyBody::Result { result }, .. }) => {
                    return (asked, serde_json::to_value(result).unwrap());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn next(&mut self) -> RunFrame {
        loop {
            if let Some(frame) = self.arrived.take().unwrap() {
                return frame;
            }
            let mut part = [0; 4096];
            let count = self.stream.read(&mut part).unwrap();
            assert!(count > 0, "it was closed");
            self.arrived.push(&part[..count]);
        }
    }

    /// Is the connection still there? Says nothing on it, and loses what comes.
    pub fn is_open(&mut self) -> bool {
        self.stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0)
    }
}
