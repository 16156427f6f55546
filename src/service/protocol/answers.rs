//! What calls ask, and the answers that people bring to it. A token may carry an answer and not give one: what counts are the
//! signatures, which are checked here so that who brings one hears of it, and by the runner before anything is done.

use std::sync::{Arc, PoisonError};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::de::DeserializeOwned;

use crate::approval::{Expected, Refusal as NotCounted, Terms, add_signature, request_digest, verify};
use crate::effect::{
    AnswerOutcome, AnswerTaken, Approval, ApprovalRequest, OpenRequest, OpenRequests, Rejection,
};
use crate::ledger::{Answered, LedgerError, moment};
use crate::service::answer::document;
use crate::service::{Body, Token, read_json};

use super::Protocol;
use super::state::Refusal;

/// The schema id of a rejection.
const REJECTION: &str = "lgflow.rejection/v1";
/// Characters of a remark.
const REMARK: usize = 2000;

/// `GET /v1/approvals`
pub(super) async fn open(State(protocol): State<Arc<Protocol>>) -> Response {
    let sessions = protocol.sessions().await;
    let found = aside(move || protocol.open_requests(&sessions)).await;
    match found {
        Ok(requests) => document(&requests),
        Err(refusal) => refusal.response(),
    }
}

/// `POST /v1/approvals`
pub(super) async fn approve(State(protocol): State<Arc<Protocol>>, request: Request) -> Response {
    let (_, approval) = match said::<Approval>(&protocol, request, "an approval (`lgflow.approval/v1`)").await
    {
        Ok(said) => said,
        Err(response) => return response,
    };
    let sessions = protocol.sessions().await;
    taken(aside(move || protocol.take_approval(&sessions, approval)).await)
}

/// `POST /v1/rejections`
pub(super) async fn reject(State(protocol): State<Arc<Protocol>>, request: Request) -> Response {
    let (token, rejection) =
        match said::<Rejection>(&protocol, request, "a rejection (`lgflow.rejection/v1`)").await {
            Ok(said) => said,
            Err(response) => return response,
        };
    let by = format!("token:{}", token.as_ref().map_or("", |token| &token.name));
    let sessions = protocol.sessions().await;
    taken(aside(move || protocol.take_rejection(&sessions, rejection, by)).await)
}

fn taken(taken: Result<AnswerTaken, Refusal>) -> Response {
    match taken {
        Ok(taken) => document(&taken),
        Err(refusal) => refusal.response(),
    }
}

/// Who says it, and what.
async fn said<T: DeserializeOwned>(
    protocol: &Protocol,
    request: Request,
    what: &str,
) -> Result<(Option<Arc<Token>>, T), Response> {
    let Body { token, value } = read_json(request, &protocol.limits).await?;
    match serde_json::from_value(value) {
        Ok(said) => Ok((token, said)),
        Err(error) => {
            let detail = format!("this is not {what}: {error}");
            Err(Refusal::new(StatusCode::BAD_REQUEST, detail).response())
        }
    }
}

/// Where the disk may be waited for.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let failed =
        |error: tokio::task::JoinError| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(failed(error)))
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl Protocol {
    /// The questions of these sessions that wait.
    fn open_requests(&self, sessions: &[(String, String)]) -> Result<OpenRequests, Refusal> {
        let (clock, mut requests) = (self.clock(), Vec::new());
        for (token, session) in sessions {
            for request in self.ledger.requests(session)? {
                let signed = match self.ledger.answered(&request.binding.nonce)? {
                    Some(answer) if answer.settles(request.terms.quorum, clock.millis) => continue,
                    Some(Answered::Approved { approval, .. }) => {
                        approval.signatures.into_iter().map(|one| one.key).collect()
                    }
                    _ => Vec::new(),
                };
                requests.push(OpenRequest { token: token.clone(), signed, request });
            }
        }
        Ok(OpenRequests { schema: "lgflow.open_requests/v1".into(), clock, requests })
    }

    /// The question of one of these sessions with this nonce, of which nothing is used.
    fn asked(&self, sessions: &[(String, String)], nonce: &str) -> Result<ApprovalRequest, Refusal> {
        let known = self.ledger.issued(nonce)?;
        let own = known.filter(|request| sessions.iter().any(|(_, id)| *id == request.binding.run));
        let none = || Refusal::new(StatusCode::NOT_FOUND, "no call of this service asks this");
        let request = own.ok_or_else(none)?;
        if self.ledger.is_spent(nonce) {
            return Err(Refusal::new(StatusCode::CONFLICT, "it was answered, and the call was made"));
        }
        Ok(request)
    }

    /// Records what people have signed, beside what was signed before.
    fn take_approval(
        &self,
        sessions: &[(String, String)],
        approval: Approval,
    ) -> Result<AnswerTaken, Refusal> {
        let nonce = approval.binding.nonce.clone();
        let request = self.asked(sessions, &nonce)?;
        self.holds(&approval, &request)?;
        let _one_at_a_time = self.answering.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = match self.ledger.answered(&nonce)? {
            Some(Answered::Approved { approval, .. }) => Some(*approval),
            _ => None,
        };
        for signature in approval.signatures {
            all = Some(add_signature(all, &request, signature).map_err(|why| not_counted(&why))?);
        }
        let Some(approval) = all else { return Err(not_counted(&NotCounted::Forged)) };
        let answer = Answered::Approved { approval: Box::new(approval), comment: String::new() };
        self.ledger.answer(&nonce, &answer)?;
        let whole = answer.settles(request.terms.quorum, moment().millis);
        let outcome = if whole { AnswerOutcome::Approved } else { AnswerOutcome::Waiting };
        Ok(answer_taken(&request, outcome, &answer))
    }

    /// Does each of its signatures count, whether there are enough of them or not?
    fn holds(&self, approval: &Approval, request: &ApprovalRequest) -> Result<(), Refusal> {
        if approval.signatures.is_empty() {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "nobody has signed it"));
        }
        let expected = Expected {
            issued: request,
            now: &request.binding,
            terms: &Terms::of(&request.terms),
            starter: &request.terms.starter,
            moment: &moment(),
            local: self.ledger.key(),
        };
        approval.signatures.iter().try_for_each(|signature| {
            let alone = Approval { signatures: vec![signature.clone()], ..approval.clone() };
            match verify(&alone, &expected) {
                Ok(_) | Err(NotCounted::Quorum { .. }) => Ok(()),
                Err(why) => Err(not_counted(&why)),
            }
        })
    }

    /// Records a no: of exactly the request that was shown, like a yes.
    fn take_rejection(
        &self,
        sessions: &[(String, String)],
        rejection: Rejection,
        by: String,
    ) -> Result<AnswerTaken, Refusal> {
        if rejection.schema != REJECTION {
            let detail =
                format!("a rejection of another version is not understood here; this is `{REJECTION}`");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, detail));
        }
        if rejection.comment.chars().count() > REMARK {
            let detail = format!("the remark has more than {REMARK} characters");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, detail));
        }
        if let Some(why) = (self.refuses)(&rejection.comment) {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, why));
        }
        let request = self.asked(sessions, &rejection.nonce)?;
        if request_digest(&request) != rejection.request {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "it is of another request than the one with this nonce",
            ));
        }
        let _one_at_a_time = self.answering.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = Answered::Rejected { by, comment: rejection.comment };
        self.ledger.answer(&rejection.nonce, &answer)?;
        Ok(answer_taken(&request, AnswerOutcome::Rejected, &answer))
    }
}

fn not_counted(why: &NotCounted) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, format!("the approval does not count: {why}"))
}

fn answer_taken(request: &ApprovalRequest, outcome: AnswerOutcome, answer: &Answered) -> AnswerTaken {
    let have = match answer {
        Answered::Approved { approval, .. } => approval.signatures.len(),
        Answered::Rejected { .. } => 0,
    };
    AnswerTaken {
        schema: "lgflow.answer_taken/v1".into(),
        nonce: request.binding.nonce.clone(),
        outcome,
        have: u32::try_from(have).unwrap_or(u32::MAX),
        want: request.terms.quorum,
    }
}
