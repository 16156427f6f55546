//! What a token is good for: one workspace, under one frozen policy. Presented anywhere else it is known, and refused.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

use super::{Token, TokenBook};

/// One workspace, under one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The id of the workspace, as the state folder has it.
    pub workspace: String,
    /// The digest of the layers, as capabilities tell it.
    pub policy: Digest,
}

/// How a token is bound elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Elsewhere {
    /// To another workspace.
    #[error("is bound to another workspace")]
    Workspace,
    /// To another policy of this workspace.
    #[error("is bound to another policy than the one that is in force here")]
    Policy,
}

/// The tokens of a file, where a workspace is served under a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    book: TokenBook,
    here: Binding,
}

/// Whose text was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// Of a token that is good here.
    Good(&'a Arc<Token>),
    /// Of one that is bound elsewhere.
    Bound(&'a Arc<Token>, Elsewhere),
    /// Nobody's.
    Unknown,
}

impl Tokens {
    /// The tokens of `book` where `here` is served.
    pub fn new(book: TokenBook, here: Binding) -> Self {
        Self { book, here }
    }

    /// Whose text this is.
    pub fn presented(&self, text: &str) -> Presented<'_> {
        match self.book.find(text) {
            None => Presented::Unknown,
            Some(token) => match self.elsewhere(token) {
                None => Presented::Good(token),
                Some(how) => Presented::Bound(token, how),
            },
        }
    }

    /// Those that are good here.
    pub fn good(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.book.tokens().iter().filter(|token| self.elsewhere(token).is_none())
    }

    /// Those that are not, and why.
    pub fn bound(&self) -> impl Iterator<Item = (&Arc<Token>, Elsewhere)> {
        self.book.tokens().iter().filter_map(|token| Some((token, self.elsewhere(token)?)))
    }

    /// A token that stands alone is bound by whoever starts the service with it.
    fn elsewhere(&self, token: &Token) -> Option<Elsewhere> {
        let bound = token.bound.as_ref()?;
        if bound.workspace != self.here.workspace {
            return Some(Elsewhere::Workspace);
        }
        (bound.policy != self.here.policy).then_some(Elsewhere::Policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{NewToken, Role};

    fn binding(workspace: &str, policy: &str) -> Binding {
        Binding { workspace: workspace.into(), policy: Digest::of(policy) }
    }

    #[test]
    fn a_token_is_good_in_its_workspace_under_its_policy_and_nowhere_else() {
        let ci = NewToken::draw("ci", Role::Call, None, binding("w", "p")).unwrap();
        let book = TokenBook::none().with(ci.token.clone()).unwrap();
        let at = |workspace, policy| Tokens::new(book.clone(), binding(workspace, policy));
        let good = at("w", "p");
        assert!(matches!(good.presented(&ci.text), Presented::Good(token) if token.name == "ci"));
        assert_eq!((good.good().count(), good.bound().count()), (1, 0));
        for (there, how) in [
            (at("v", "p"), Elsewhere::Workspace),
            (at("v", "q"), Elsewhere::Workspace),
            (at("w", "q"), Elsewhere::Policy),
        ] {
            assert!(matches!(there.presented(&ci.text), Presented::Bound(_, found) if found == how));
            assert_eq!((there.good().count(), there.bound().count()), (0, 1));
        }
        assert_eq!(good.presented("lgflow_x"), Presented::Unknown);
        let alone = Tokens::new(TokenBook::alone("a-word-of-16-or-more").unwrap(), binding("w", "p"));
        assert!(matches!(alone.presented("a-word-of-16-or-more"), Presented::Good(_)));
    }
}
