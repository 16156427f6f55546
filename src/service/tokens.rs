//! Who may speak to a service. A file of tokens holds what they are checked against, and not what they are.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, PublicKey, hex};

use super::{Binding, Role};

/// The schema id of a file of tokens.
const SCHEMA: &str = "lgflow.tokens/v1";
/// What a token of ours begins with, so that it is known for one where it turns up.
const PREFIX: &str = "lgflow_";
/// The name of a token that stands alone.
const ALONE: &str = "default";
/// The least characters of a token that somebody made up.
const LEAST: usize = 16;
/// The longest name.
const NAME: usize = 32;

/// A token, as a service knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Its name: what is counted and logged, and who waits for an answer.
    pub name: String,
    /// What it may be used for.
    pub role: Role,
    /// Of its text.
    pub hash: Digest,
    /// The key of whoever holds it: approvals by it do not count where `separate` is demanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Of one that calls: may it open runs? What a run's calls say of their origins is believed.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub runs: bool,
    /// What it is good for. One that stands alone is good for the service that is started with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Binding>,
}

/// The tokens of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenBook {
    schema: String,
    tokens: Vec<Arc<Token>>,
}

/// What is no file of tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not the JSON of one.
    #[error("it is no file of tokens: {0}")]
    Malformed(String),
    /// Of another version, or something else.
    #[error("its `schema` is `{0}`, and must be `{SCHEMA}`")]
    Schema(String),
    /// Nothing is in it.
    #[error("it holds no token")]
    Empty,
    /// A token is one word.
    #[error("a token is one word of printable characters, and nothing else may stand beside it")]
    NoWord,
    /// One that could be guessed.
    #[error(
        "a token has at least {LEAST} characters, drawn and not thought of: `openssl rand -hex 32` prints one, and `lgflow runner \
         token new` makes one for a file"
    )]
    Short,
    /// A name that would not be one in a log.
    #[error(
        "`{0}` is no name of a token; use up to {NAME} small letters, digits, `-` and `_`, beginning with a letter"
    )]
    Name(String),
    /// Two tokens have it.
    #[error("there is a token `{0}` already")]
    Twice(String),
    /// A token of a file that is bound to nothing.
    #[error(
        "the token `{0}` is bound to no workspace and no policy; take it out of the file and make it again with `lgflow \
         runner token new`"
    )]
    Unbound(String),
    /// No token has it.
    #[error("there is no token `{0}`")]
    NoSuch(String),
    /// A key that is none.
    #[error("the key of the token `{0}` is none; write `ed25519:…`, as `approvals.approvers` does")]
    Key(String),
    /// The machine has no randomness.
    #[error("no token can be drawn: {0}")]
    Random(String),
}

/// A token that was just made: the only time that its text is known.
#[derive(Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What its holder presents.
    pub text: String,
    /// What the file holds.
    pub token: Token,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewToken({})", self.token.name)
    }
}

impl NewToken {
    /// Draws one.
    pub fn draw(name: &str, role: Role, key: Option<String>, bound: Binding) -> Result<Self, TokenError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| TokenError::Random(error.to_string()))?;
        let text = format!("{PREFIX}{}", hex(&bytes));
        let (name, hash) = (name.to_owned(), Digest::of(&text));
        let token = Token { name, role, hash, key, runs: true, bound: Some(bound) };
        token.check()?;
        Ok(Self { text, token })
    }

    /// The same, for single calls alone.
    #[must_use]
    pub fn without_runs(self) -> Self {
        Self { token: Token { runs: false, ..self.token }, ..self }
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is how serde asks")]
fn is_yes(said: &bool) -> bool {
    *said
}

impl Token {
    fn check(&self) -> Result<(), TokenError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let begins = self.name.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || self.name.len() > NAME || !self.name.chars().all(plain) {
            return Err(TokenError::Name(self.name.clone()));
        }
        match self.key.as_deref().map(PublicKey::parse) {
            Some(Err(_)) => Err(TokenError::Key(self.name.clone())),
            _ => Ok(()),
        }
    }
}

impl TokenBook {
    /// Reads a file of tokens; one that holds a single word is that token, with the role `call`.
    pub fn read(text: &str) -> Result<Self, TokenError> {
        if !text.trim_start().starts_with('{') {
            return Self::alone(text);
        }
        let book: Self =
            serde_json::from_str(text).map_err(|error| TokenError::Malformed(error.to_string()))?;
        if book.schema != SCHEMA {
            return Err(TokenError::Schema(book.schema));
        }
        for (at, token) in book.tokens.iter().enumerate() {
            token.check()?;
            if token.bound.is_none() {
                return Err(TokenError::Unbound(token.name.clone()));
            }
            if book.tokens[..at].iter().any(|before| before.name == token.name) {
                return Err(TokenError::Twice(token.name.clone()));
            }
        }
        if book.tokens.is_empty() { Err(TokenError::Empty) } else { Ok(book) }
    }

    /// One token, whose text is known.
    pub fn alone(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(TokenError::NoWord);
        }
        if text.len() < LEAST {
            return Err(TokenError::Short);
        }
        let (name, hash) = (ALONE.to_owned(), Digest::of(text));
        let token = Token { name, role: Role::Call, hash, key: None, runs: true, bound: None };
        Ok(Self { schema: SCHEMA.to_owned(), tokens: vec![Arc::new(token)] })
    }

    /// No token at all, to begin a file with.
    pub fn none() -> Self {
        Self { schema: SCHEMA.to_owned(), tokens: Vec::new() }
    }

    /// The same with one more.
    pub fn with(mut self, token: Token) -> Result<Self, TokenError> {
        if self.tokens.iter().any(|known| known.name == token.name) {
            return Err(TokenError::Twice(token.name));
        }
        self.tokens.push(Arc::new(token));
        Ok(self)
    }

    /// The same, where the token with this name is good for `bound` from now on.
    pub fn bind(mut self, name: &str, bound: Binding) -> Result<Self, TokenError> {
        let token = self.tokens.iter_mut().find(|token| token.name == name);
        let token = token.ok_or_else(|| TokenError::NoSuch(name.to_owned()))?;
        *token = Arc::new(Token { bound: Some(bound), ..(**token).clone() });
        Ok(self)
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The token whose text this is. Every one is compared, to its last byte.
    pub fn find(&self, presented: &str) -> Option<&Arc<Token>> {
        let hash = Digest::of(presented);
        let mut found = None;
        for token in &self.tokens {
            let pairs = token.hash.as_bytes().iter().zip(hash.as_bytes());
            let differ = pairs.fold(0, |differ, (a, b)| differ | (a ^ b));
            if differ == 0 {
                found = Some(token);
            }
        }
        found
    }

    /// All of them.
    pub fn tokens(&self) -> &[Arc<Token>] {
        &self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Binding {
        Binding { workspace: "w".into(), policy: Digest::of("p") }
    }

    #[test]
    fn a_token_is_found_by_its_text_and_the_file_does_not_hold_it() {
        let ci = NewToken::draw("ci", Role::Call, None, here()).unwrap();
        let eye = NewToken::draw("eye", Role::Read, None, here()).unwrap();
        let agent = NewToken::draw("agent", Role::Call, None, here()).unwrap().without_runs();
        let book = TokenBook::none().with(ci.token.clone()).unwrap().with(eye.token.clone()).unwrap();
        let book = book.with(agent.token).unwrap();
        let text = book.text();
        assert!(!text.contains(&ci.text) && !format!("{ci:?}{book:?}").contains(&ci.text));
        let book = TokenBook::read(&text).unwrap();
        assert_eq!(book.find(&ci.text).map(|token| token.role), Some(Role::Call));
        assert_eq!(book.find(&eye.text).map(|token| token.name.as_str()), Some("eye"));
        assert_eq!(
            [&ci.text, &agent.text].map(|text| book.find(text).map(|token| token.runs)),
            [Some(true), Some(false)]
        );
        for other in ["", "lgflow_", &ci.text[1..], &ci.token.hash.to_string()] {
            assert!(book.find(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_single_word_is_a_token_that_calls() {
        let book = TokenBook::read("s3cret-word-drawn\n").unwrap();
        let token = book.find("s3cret-word-drawn").unwrap();
        assert_eq!((token.name.as_str(), token.role), ("default", Role::Call));
        assert!(book.find("s3cret-word-drawn\n").is_none());
        assert_eq!(TokenBook::read("s3cret-word-dra"), Err(TokenError::Short));
        for text in ["", " \n", "two words of a token", "two\nlines of a token", "üüüüüüüüüüüüüüüü"]
        {
            assert!(TokenBook::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_file_with_a_fault_is_none() {
        let token = |name: &str, more: &str| {
            let hash = Digest::of("x");
            let bound = format!(r#"{{"workspace":"w","policy":"{hash}"}}"#);
            format!(
                r#"{{"schema":"lgflow.tokens/v1","tokens":[{{"name":"{name}","role":"call","hash":"{hash}","bound":{bound}{more}}}]}}"#
            )
        };
        assert!(TokenBook::read(&token("ci", "")).is_ok());
        for text in [
            token("", ""),
            token("CI", ""),
            token("1", ""),
            token(&"a".repeat(33), ""),
            token("ci", r#","key":"local""#),
            token("ci", r#","secret":"x""#),
            token("ci", "").replace("\"call\"", "\"admin\""),
            token("ci", "").replace("\"workspace\"", "\"elsewhere\""),
            token("ci", "").replace("tokens/v1", "tokens/v2"),
            r#"{"schema":"lgflow.tokens/v1","tokens":[]}"#.to_owned(),
            "{".to_owned(),
        ] {
            assert!(TokenBook::read(&text).is_err(), "{text}");
        }
        let unbound = token("ci", "").split(",\"bound\"").next().unwrap_or_default().to_owned() + "}]}";
        assert_eq!(TokenBook::read(&unbound), Err(TokenError::Unbound("ci".into())));
        let ci = NewToken::draw("ci", Role::Call, None, here()).unwrap().token;
        assert_eq!(TokenBook::none().with(ci.clone()).unwrap().with(ci), Err(TokenError::Twice("ci".into())));
    }

    #[test]
    fn a_token_that_is_bound_anew_keeps_its_text() {
        let ci = NewToken::draw("ci", Role::Call, None, here()).unwrap();
        let book = TokenBook::none().with(ci.token).unwrap();
        let there = Binding { workspace: "v".into(), ..here() };
        let again = book.clone().bind("ci", there.clone()).unwrap();
        assert_eq!(again.find(&ci.text).unwrap().bound, Some(there));
        assert_eq!(book.bind("eye", here()), Err(TokenError::NoSuch("eye".into())));
    }
}
