//! Answers to the open questions of a run: recorded ones, and those of a person at the terminal. What a person is shown
//! comes from the runner; what the workflow says of itself is shown as its own.

use serde_json::Value;

use crate::approval::{Approver, LOCAL, Refusal, Signer, add_signature, shows_what_it_binds};
use crate::effect::{ApprovalRequest, ApprovalSignature, PersonsAnswer, SecretDeclaration, approves};
use crate::ledger::{Answered, ClockThere, Ledger, LedgerError, Reply, moment};
use crate::schema::validate_value;
use crate::view::{approval_text, question_text};

use super::keep_out::{KeepOutError, refuse_said};

/// Whoever answers: the ledger, and the key.
#[derive(Debug)]
pub struct Answering {
    /// Where answers are recorded.
    pub ledger: Ledger,
    /// The key that agrees.
    pub signer: Signer,
    /// The run.
    pub run: String,
    /// The declared secrets: an answer carries none of their values.
    pub secrets: Vec<SecretDeclaration>,
}

/// A question of a run, from whatever its front knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Its number in the run.
    pub id: u32,
    /// Who asks.
    pub node: String,
    /// The workflow's own text.
    pub show: Value,
    /// The choices.
    pub options: Vec<String>,
    /// JSON Schema of a further answer.
    pub response: Option<Value>,
    /// Does the policy ask?
    pub policy: bool,
    /// The runner's request that it stands for.
    pub request: Option<ApprovalRequest>,
}

/// The questions of a session of calls: nothing of them is used up.
#[derive(Debug, Default)]
pub struct SessionQuestions {
    /// They wait for an answer.
    pub open: Vec<Asked>,
    /// They have one, which counts when the call is made again.
    pub answered: Vec<Asked>,
}

/// What a person says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Word {
    /// Yes?
    pub granted: bool,
    /// One of the options.
    pub choice: Option<String>,
    /// The further answer.
    pub response: Option<Value>,
    /// A remark.
    pub comment: String,
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The run can be told.
    Answer(Box<PersonsAnswer>),
    /// More keys have to sign.
    Short {
        /// That have.
        have: usize,
        /// That must.
        want: u32,
    },
}

/// An answer that could not be given.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It would carry a secret.
    #[error(transparent)]
    KeepOut(#[from] KeepOutError),
    /// The key refuses.
    #[error("it cannot be approved: {0}")]
    Refused(#[from] Refusal),
    /// The key is nobody's who may.
    #[error("the key `{0}` is not among those that the policy lets approve: {1}")]
    NotAnApprover(String, String),
    /// The key of this installation, where another one's is meant.
    #[error(
        "the key `{0}` is this installation's, and `local` is that of the runner's, which is another; approve with a key of \
         your own (`signing_key`) that the policy there lets approve"
    )]
    OtherInstallation(String),
    /// A choice that is none.
    #[error("`{0}` is none of the choices: {1}")]
    Choice(String, String),
    /// A no, where there are choices.
    #[error(
        "with choices there is nothing to reject: each of them lets the node succeed; take one with `lgflow approve … \
         --choice NAME` ({0}), or leave it open"
    )]
    NoRejection(String),
    /// The further answer does not fit.
    #[error("the response {0}")]
    Response(String),
    /// No runner of this installation asked.
    #[error(
        "what the runner asked is not on record any more, or was altered, so nothing can be approved; `lgflow reject` \
         refuses the call and lets the run go on without it, or start a new run"
    )]
    NoRequest,
}

impl Asked {
    /// What a person is to see.
    pub fn text(&self, color: bool) -> String {
        let response = self.response.as_ref();
        match &self.request {
            Some(request) if self.policy => approval_text(request, color),
            Some(request) => {
                question_text(&self.node, &Value::Null, (&self.options, response), color)
                    + &approval_text(request, color)
            }
            None => question_text(&self.node, &self.show, (&self.options, response), color),
        }
    }

    /// What stands before the answer.
    pub fn prompt(&self) -> String {
        if self.options.is_empty() {
            "Approve? [y/N] ".to_owned()
        } else {
            format!("Your choice ({}; nothing leaves it open): ", self.options.join(", "))
        }
    }

    /// The question of a session that the runner put as `request`.
    pub(super) fn of_session(id: usize, request: ApprovalRequest) -> Self {
        let tool = request.shown.first().map(|shown| shown.tool.clone()).unwrap_or_default();
        let request = Some(request);
        Self {
            id: u32::try_from(id).unwrap_or(u32::MAX),
            node: tool,
            show: Value::Null,
            options: Vec::new(),
            response: None,
            policy: true,
            request,
        }
    }

    /// Is it what `name` names: its number, who asks, or the runner's nonce?
    pub fn is_called(&self, name: &str) -> bool {
        let nonce = self.request.as_ref().map(|request| request.binding.nonce.as_str());
        self.id.to_string() == name || self.node == name || nonce == Some(name)
    }

    /// The nonce in what the run shows.
    pub fn nonce_of(show: &Value) -> Option<&str> {
        show.get("request").or_else(|| show.get("call")?.get("request"))?.as_str()
    }
}

impl Answering {
    /// The runner's request behind what the run shows, from the ledger.
    pub fn request(&self, show: &Value) -> Option<ApprovalRequest> {
        let request = self.ledger.issued(Asked::nonce_of(show)?).ok().flatten()?;
        (request.binding.run == self.run && shows_what_it_binds(&request)).then_some(request)
    }

    /// The questions of a session, numbered in the order in which they were put.
    pub fn session_questions(&self) -> Result<SessionQuestions, LedgerError> {
        let mut questions = SessionQuestions::default();
        for (at, request) in self.ledger.all_requests(&self.run)?.into_iter().enumerate() {
            if self.ledger.is_spent(&request.binding.nonce) || !shows_what_it_binds(&request) {
                continue;
            }
            let asked = Asked::of_session(at + 1, request);
            if self.is_answered(&asked)? {
                questions.answered.push(asked);
            } else {
                questions.open.push(asked);
            }
        }
        Ok(questions)
    }

    /// Is there an answer that still counts?
    fn is_answered(&self, asked: &Asked) -> Result<bool, LedgerError> {
        let Some(request) = &asked.request else { return Ok(false) };
        let answer = self.ledger.answered(&request.binding.nonce)?;
        Ok(answer.is_some_and(|answer| answer.settles(request.terms.quorum, moment().millis)))
    }

    /// The answer that is on record, if it is whole.
    pub fn recorded(&self, asked: &Asked) -> Result<Option<PersonsAnswer>, LedgerError> {
        if let Some(reply) = self.ledger.replied(&self.run, asked.id)?.filter(|_| !asked.policy) {
            let approval = match &asked.request {
                Some(request) if reply.granted && approves(&asked.options, reply.choice.as_deref()) => {
                    self.approval_of(request)?
                }
                _ => None,
            };
            return Ok(Some(of_reply(asked.id, reply, approval)));
        }
        let Some(request) = asked.request.as_ref().filter(|_| asked.policy) else {
            // of a question whose request is gone a refusal counts: it lets nothing happen
            let refused = self.ledger.replied(&self.run, asked.id)?.filter(|reply| !reply.granted);
            return Ok(refused.filter(|_| asked.policy).map(|reply| of_reply(asked.id, reply, None)));
        };
        Ok(match self.ledger.answered(&request.binding.nonce)? {
            Some(Answered::Approved { approval, comment }) => {
                let keys: Vec<&str> = approval.signatures.iter().map(|one| one.key.as_str()).collect();
                let whole = keys.len() >= request.terms.quorum as usize;
                whole.then(|| PersonsAnswer {
                    question: asked.id,
                    granted: true,
                    comment,
                    by: keys.join(", "),
                    approval: serde_json::to_value(&*approval).ok(),
                    ..PersonsAnswer::default()
                })
            }
            Some(Answered::Rejected { by, comment }) => {
                Some(PersonsAnswer { question: asked.id, comment, by, ..PersonsAnswer::default() })
            }
            None => None,
        })
    }

    /// Why this key cannot approve it at all, where that is so.
    pub fn refusal(&self, request: &ApprovalRequest) -> Option<AnswerError> {
        match self.ledger.clock(&self.run) {
            Ok(clock) => cannot_sign(&self.signer, request, clock.as_ref()),
            Err(error) => Some(error.into()),
        }
    }

    /// Records what a person said of a question that was shown to them.
    pub fn say(&self, asked: &Asked, word: Word) -> Result<Outcome, AnswerError> {
        refuse_said(&self.secrets, &word)?;
        let by = self.signer.key();
        if asked.policy {
            let request = match &asked.request {
                Some(request) => request,
                None if word.granted => return Err(AnswerError::NoRequest),
                None => return self.refuse_unread(asked, word, by),
            };
            if word.granted {
                return self.agree(asked, request, word);
            }
            let answer = Answered::Rejected { by: by.clone(), comment: word.comment.clone() };
            self.ledger.answer(&request.binding.nonce, &answer)?;
            let answer =
                PersonsAnswer { question: asked.id, comment: word.comment, by, ..PersonsAnswer::default() };
            return Ok(Outcome::Answer(Box::new(answer)));
        }
        check_word(asked, &word)?;
        let approves = word.granted && approves(&asked.options, word.choice.as_deref());
        let approval = match &asked.request {
            Some(request) if approves => match self.agree(asked, request, word.clone())? {
                short @ Outcome::Short { .. } => return Ok(short),
                Outcome::Answer(answer) => answer.approval,
            },
            Some(request) => {
                // the call that is shown may be asked about again, and what was said of it before holds no more
                self.ledger.take_back(&request.binding.nonce)?;
                None
            }
            None => None,
        };
        let Word { granted, choice, response, comment } = word;
        let reply = Reply { granted, choice, response, comment, by };
        self.ledger.reply(&self.run, asked.id, &reply)?;
        Ok(Outcome::Answer(Box::new(of_reply(asked.id, reply, approval))))
    }

    /// Refuses a call whose request is not there any more: nobody has to read what is not going to be done.
    fn refuse_unread(&self, asked: &Asked, word: Word, by: String) -> Result<Outcome, AnswerError> {
        let reply = Reply { comment: word.comment, by, ..Reply::default() };
        self.ledger.reply(&self.run, asked.id, &reply)?;
        Ok(Outcome::Answer(Box::new(of_reply(asked.id, reply, None))))
    }

    fn agree(&self, asked: &Asked, request: &ApprovalRequest, word: Word) -> Result<Outcome, AnswerError> {
        let clock = self.ledger.clock(&self.run)?;
        let nonce = &request.binding.nonce;
        let before = match self.ledger.answered(nonce)? {
            Some(Answered::Approved { approval, .. }) => Some(*approval),
            _ => None,
        };
        let signature = signed(&self.signer, request, clock.as_ref())?;
        let approval = add_signature(before, request, signature)?;
        let answer =
            Answered::Approved { approval: Box::new(approval.clone()), comment: word.comment.clone() };
        self.ledger.answer(nonce, &answer)?;
        let (have, want) = (approval.signatures.len(), request.terms.quorum);
        if have < want as usize {
            return Ok(Outcome::Short { have, want });
        }
        Ok(Outcome::Answer(Box::new(PersonsAnswer {
            question: asked.id,
            granted: true,
            comment: word.comment,
            by: self.signer.key(),
            approval: serde_json::to_value(&approval).ok(),
            ..PersonsAnswer::default()
        })))
    }

    fn approval_of(&self, request: &ApprovalRequest) -> Result<Option<Value>, LedgerError> {
        Ok(match self.ledger.answered(&request.binding.nonce)? {
            Some(Answered::Approved { approval, .. }) => serde_json::to_value(&*approval).ok(),
            _ => None,
        })
    }
}

/// Signs a request that was shown: for the runner's clock, where that is elsewhere.
pub(super) fn signed(
    signer: &Signer,
    request: &ApprovalRequest,
    clock: Option<&ClockThere>,
) -> Result<ApprovalSignature, AnswerError> {
    if let Some(refusal) = cannot_sign(signer, request, clock) {
        return Err(refusal);
    }
    let here = moment();
    let then = clock.map_or_else(|| here.clone(), |clock| clock.at(&here, request));
    Ok(signer.sign(request, &then)?)
}

/// Why a key cannot approve a request at all, where that is so.
fn cannot_sign(
    signer: &Signer,
    request: &ApprovalRequest,
    clock: Option<&ClockThere>,
) -> Option<AnswerError> {
    let (terms, key) = (&request.terms, signer.key());
    let name = match signer {
        Signer::Local(_) => LOCAL.to_owned(),
        Signer::Own(key) => Approver::Key(key.public()).name(),
    };
    if !terms.approvers.contains(&name) {
        return Some(AnswerError::NotAnApprover(key, terms.approvers.join(", ")));
    }
    if matches!(signer, Signer::Local(_)) && clock.is_some_and(|clock| clock.installation != key) {
        return Some(AnswerError::OtherInstallation(key));
    }
    (terms.separate && key == terms.starter).then_some(AnswerError::Refused(Refusal::Starter))
}

fn of_reply(question: u32, reply: Reply, approval: Option<Value>) -> PersonsAnswer {
    let Reply { granted, choice, response, comment, by } = reply;
    PersonsAnswer { question, granted, choice, response, comment, by, approval }
}

/// Is it an answer to this question?
fn check_word(asked: &Asked, word: &Word) -> Result<(), AnswerError> {
    if !word.granted {
        let choices = &asked.options;
        return if choices.is_empty() { Ok(()) } else { Err(AnswerError::NoRejection(choices.join(", "))) };
    }
    match &word.choice {
        Some(choice) if !asked.options.contains(choice) => {
            let known =
                if asked.options.is_empty() { "there are none".to_owned() } else { asked.options.join(", ") };
            return Err(AnswerError::Choice(choice.clone(), known));
        }
        None if !asked.options.is_empty() => {
            return Err(AnswerError::Choice(String::new(), asked.options.join(", ")));
        }
        _ => {}
    }
    if let Some(schema) = &asked.response {
        let given = word.response.clone().unwrap_or_default();
        if let Some(error) = validate_value(schema, &given).first() {
            return Err(AnswerError::Response(format!("does not fit its schema: {error}")));
        }
    } else if word.response.is_some() {
        return Err(AnswerError::Response("is not asked for".to_owned()));
    }
    Ok(())
}
