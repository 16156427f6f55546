//! Who may ask what: nothing is served but to the roles that it was given to.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::MethodRouter;

use crate::service::{Role, Token, problem};

use super::Protocol;

/// Whoever has a token.
pub(super) const ANY: &[Role] = &Role::ALL;
/// Who makes calls.
pub(super) const CALL: &[Role] = &[Role::Call];
/// Who brings answers of people.
pub(super) const APPROVE: &[Role] = &[Role::Approve];

/// An endpoint for the tokens of these roles.
pub(super) fn to(
    roles: &'static [Role],
    endpoint: MethodRouter<Arc<Protocol>>,
) -> MethodRouter<Arc<Protocol>> {
    endpoint.route_layer(from_fn(move |request: Request, next: Next| admit(roles, request, next)))
}

async fn admit(roles: &'static [Role], request: Request, next: Next) -> Response {
    match refusal(request.extensions().get::<Arc<Token>>().map(AsRef::as_ref), roles) {
        None => next.run(request).await,
        Some(detail) => problem(StatusCode::FORBIDDEN, detail),
    }
}

/// Why a token is not let through. Behind a socket of the user's own there may be none: whoever reaches that may call, and
/// answers nothing over it.
fn refusal(token: Option<&Token>, roles: &[Role]) -> Option<String> {
    let words: Vec<String> = roles.iter().map(|role| format!("`{}`", role.as_str())).collect();
    let words = words.join(" or ");
    match token {
        Some(token) if !roles.contains(&token.role) => Some(format!(
            "the token `{}` is for `{}`; this needs one for {words}",
            token.name,
            token.role.as_str()
        )),
        None if !roles.contains(&Role::Call) => Some(format!(
            "this needs a token for {words}, and the service was started without any (`lgflow runner --token-file`)"
        )),
        _ => None,
    }
}
