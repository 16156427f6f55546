//! Answers to what calls ask that a runner elsewhere serves: people are shown what that runner put, and what they sign is
//! brought to it. It takes what counts under its policy, and nothing for having been brought.

use std::io;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::approval::{Refusal, Signer, add_signature, request_digest, shows_what_it_binds};
use crate::client::{RemoteError, RunnerUrl, fetch, post};
use crate::effect::{AnswerTaken, ApprovalRequest, OpenRequest, OpenRequests, Rejection, SecretDeclaration};
use crate::ledger::{ClockThere, moment};

use super::answering::{AnswerError, signed};
use super::keep_out::refuse_said;
use super::{Asked, Elsewhere, Word};

/// A runner elsewhere, as people answer it.
#[derive(Debug)]
pub struct Carrying {
    there: Elsewhere,
    signer: Signer,
    clock: ClockThere,
    runtime: Runtime,
    secrets: Vec<SecretDeclaration>,
}

/// A question there.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedThere {
    /// The question.
    pub asked: Asked,
    /// The name of the token whose call asks.
    pub token: String,
    /// The keys that have approved it.
    pub signed: Vec<String>,
}

/// An answer that was not brought.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The runner cannot be spoken with, or does not take it.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// What it said is none of its documents.
    #[error("the runner at {0} was not understood: {1}")]
    Foreign(RunnerUrl, String),
    /// The key refuses.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The machine refused.
    #[error("cannot begin: {0}")]
    Io(#[from] io::Error),
}

impl Carrying {
    /// Asks the runner what waits; `secrets` are those whose values are not brought there. What does not show what would be signed is no question.
    pub fn open(
        there: Elsewhere,
        signer: Signer,
        secrets: Vec<SecretDeclaration>,
    ) -> Result<(Self, Vec<AskedThere>), CarryError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let said = runtime.block_on(fetch(&there.url, there.caller(), "/v1/approvals"))?;
        let open: OpenRequests = understood(&there, said)?;
        let clock = ClockThere::heard(&open.clock, &moment());
        let fit = open.requests.into_iter().filter(|one| shows_what_it_binds(&one.request));
        let asked = fit.enumerate().map(|(at, OpenRequest { token, signed, request })| AskedThere {
            asked: Asked::of_session(at + 1, request),
            token,
            signed,
        });
        let asked = asked.collect();
        Ok((Self { there, signer, clock, runtime, secrets }, asked))
    }

    /// Brings what a person said of a request that was shown to them.
    pub fn say(&self, request: &ApprovalRequest, word: &Word) -> Result<AnswerTaken, CarryError> {
        refuse_said(&self.secrets, word).map_err(AnswerError::from)?;
        if !word.granted {
            let no = Rejection {
                schema: "lgflow.rejection/v1".into(),
                nonce: request.binding.nonce.clone(),
                request: request_digest(request),
                comment: word.comment.clone(),
            };
            return self.bring("/v1/rejections", &json!(no));
        }
        let signature = signed(&self.signer, request, Some(&self.clock))?;
        let refused = |refusal: Refusal| CarryError::Answer(refusal.into());
        let approval = add_signature(None, request, signature).map_err(refused)?;
        self.bring("/v1/approvals", &json!(approval))
    }

    fn bring(&self, path: &str, answer: &Value) -> Result<AnswerTaken, CarryError> {
        let there = &self.there;
        let said = self.runtime.block_on(post(&there.url, there.caller(), path, answer))?;
        understood(&self.there, said)
    }
}

fn understood<T: DeserializeOwned>(there: &Elsewhere, said: Value) -> Result<T, CarryError> {
    serde_json::from_value(said).map_err(|error| CarryError::Foreign(there.url.clone(), error.to_string()))
}
