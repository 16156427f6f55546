//! What the front does while a run is suspended: answers that are on record are told; then, at a terminal, a person is
//! asked, one question after the other; and without one the run is left as it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::approval::shows_what_it_binds;
use crate::effect::{ApprovalRequest, PersonsAnswer};
use crate::trace::RunState;

use super::Task;
use super::answering::{AnswerError, Answering, Asked, Outcome, Word};
use super::terminal::Terminal;

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
    /// Tell the run.
    Answer(Box<PersonsAnswer>),
    /// Show this, and wait for a line.
    Ask(String),
    /// Say this, and look for the next question.
    Note(String),
    /// Nobody answers now.
    Leave,
}

/// The asking side of the front.
#[derive(Debug)]
pub(super) struct Asking {
    answering: Answering,
    /// By nonce, as the runner told them.
    requests: BTreeMap<String, ApprovalRequest>,
    /// Questions whose answer was told, and those that are left open.
    done: BTreeSet<u32>,
    /// Requests whose recorded answer was told: the same one is not told twice.
    told: BTreeSet<String>,
    terminal: Option<Terminal>,
    color: bool,
    current: Option<Current>,
}

/// A question that a person is looking at.
#[derive(Debug)]
struct Current {
    asked: Asked,
    /// Chosen already; a further answer is wanted.
    word: Option<Word>,
}

impl Asking {
    pub(super) fn new(answering: Answering, task: &Task<'_>) -> Self {
        Self {
            answering,
            requests: BTreeMap::new(),
            done: BTreeSet::new(),
            told: BTreeSet::new(),
            terminal: if task.attended { Terminal::open() } else { None },
            color: task.color,
            current: None,
        }
    }

    /// The runner asks.
    pub(super) fn heard(&mut self, request: ApprovalRequest) {
        self.requests.insert(request.binding.nonce.clone(), request);
    }

    /// The line that was asked for.
    pub(super) async fn typed(&mut self) -> Option<String> {
        match &mut self.terminal {
            Some(terminal) if self.current.is_some() => terminal.typed().await,
            _ => std::future::pending().await,
        }
    }

    /// The run is suspended.
    pub(super) fn next(&mut self, state: &RunState) -> Step {
        let open: Vec<Asked> = state.open_questions().map(|question| self.asked(state, question)).collect();
        for asked in &open {
            let nonce = asked.request.as_ref().map(|request| request.binding.nonce.clone());
            let fresh = !self.done.contains(&asked.id)
                && nonce.as_ref().is_none_or(|nonce| !asked.policy || !self.told.contains(nonce));
            let Ok(Some(answer)) = self.answering.recorded(asked) else { continue };
            if fresh {
                self.done.insert(asked.id);
                self.told.extend(nonce);
                return Step::Answer(Box::new(answer));
            }
        }
        let Some(terminal) = &self.terminal else { return Step::Leave };
        let Some(asked) = open.into_iter().find(|asked| !self.done.contains(&asked.id)) else {
            return Step::Leave;
        };
        if asked.policy && asked.request.is_none() {
            self.done.insert(asked.id);
            return Step::Note(format!("{}: {}; it is left open", asked.node, AnswerError::NoRequest));
        }
        if let Some(request) = &asked.request
            && let Some(refusal) = self.answering.refusal(request)
        {
            self.done.insert(asked.id);
            let keys = request.terms.approvers.join(", ");
            let another = match refusal {
                AnswerError::Refused(refusal) => format!(", and not by this one: {refusal}"),
                other @ AnswerError::OtherInstallation(_) => format!(": {other}"),
                _ => String::new(),
            };
            return Step::Note(format!("{}: waits for an approval by {keys}{another}", asked.node));
        }
        terminal.ask();
        let text = format!("{}{}", asked.text(self.color), asked.prompt());
        self.current = Some(Current { asked, word: None });
        Step::Ask(text)
    }

    /// A person has typed a line, or ended the input.
    pub(super) fn answer(&mut self, state: &RunState, line: Option<&str>) -> Step {
        let Some(Current { asked, word }) = self.current.take() else { return self.next(state) };
        let still = state.open_questions().any(|open| open.id.0 == asked.id);
        let Some(line) = line.filter(|_| still) else {
            self.done.insert(asked.id);
            return self.next(state);
        };
        let word = match read(&asked, word, line) {
            Ok(word) => word,
            Err(Unread::Open) => {
                self.done.insert(asked.id);
                return self.next(state);
            }
            Err(Unread::More(word, prompt)) => return self.again(asked, word, prompt),
        };
        self.done.insert(asked.id);
        match self.answering.say(&asked, word) {
            Ok(Outcome::Answer(answer)) => {
                self.told.extend(asked.request.map(|request| request.binding.nonce));
                Step::Answer(answer)
            }
            Ok(Outcome::Short { have, want }) => {
                Step::Note(format!("{}: {have} of {want} keys have approved", asked.node))
            }
            Err(error) => Step::Note(format!("{}: {error}", asked.node)),
        }
    }

    fn again(&mut self, asked: Asked, word: Option<Word>, prompt: String) -> Step {
        if let Some(terminal) = &self.terminal {
            terminal.ask();
        }
        self.current = Some(Current { asked, word });
        Step::Ask(prompt)
    }

    fn asked(&self, state: &RunState, question: &crate::trace::Question) -> Asked {
        let told = Asked::nonce_of(&question.show).and_then(|nonce| self.requests.get(nonce)).cloned();
        let request = told.filter(shows_what_it_binds).or_else(|| self.answering.request(&question.show));
        Asked {
            id: question.id.0,
            node: state.node_path(question.unit.at),
            show: (*question.show).clone(),
            options: question.options.clone(),
            response: question.response.as_deref().cloned(),
            policy: question.policy,
            request,
        }
    }
}

/// A line that is no answer yet.
enum Unread {
    /// It leaves the question open.
    Open,
    /// Something more is wanted.
    More(Option<Word>, String),
}

/// What a typed line means. Nothing but a plain yes is one.
fn read(asked: &Asked, chosen: Option<Word>, line: &str) -> Result<Word, Unread> {
    if let Some(word) = chosen {
        return match serde_json::from_str::<Value>(line) {
            Ok(response) => Ok(Word { response: Some(response), ..word }),
            Err(_) if line.is_empty() => Err(Unread::Open),
            Err(error) => Err(Unread::More(Some(word), format!("That is no JSON ({error}). Response: "))),
        };
    }
    let yes = matches!(line.to_ascii_lowercase().as_str(), "y" | "yes");
    let word = if asked.options.is_empty() {
        Word { granted: yes, ..Word::default() }
    } else if line.is_empty() {
        return Err(Unread::Open);
    } else if asked.options.iter().any(|option| option == line) {
        Word { granted: true, choice: Some(line.to_owned()), ..Word::default() }
    } else {
        return Err(Unread::More(None, format!("That is none of the choices. {}", asked.prompt())));
    };
    if word.granted && asked.response.is_some() {
        return Err(Unread::More(Some(word), "Response, as JSON: ".to_owned()));
    }
    Ok(word)
}
