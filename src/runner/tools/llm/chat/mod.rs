//! A model over a network, in the form that `OpenAI` has made common: the request, the answer as it comes in pieces, and when a
//! request is made again.

mod ask;
mod events;
mod pieces;
mod request;
mod said;
mod waiting;

pub(super) use ask::answer;
