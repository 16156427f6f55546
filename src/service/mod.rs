//! HTTP for others: where it is listened, who may speak, how much at once and how long; and, in `protocol`, the endpoints of
//! the runner. The guards and the listening know nothing of what is served behind them. Starts no process.

mod address;
mod answer;
mod binding;
mod body;
mod guard;
mod hosts;
mod limits;
mod listen;
mod pace;
mod protocol;
mod role;
mod tokens;

pub use address::{Address, AddressError, BindError, Bound, bind};
pub use answer::problem;
pub use binding::{Binding, Elsewhere, Presented, Tokens};
pub use body::{Body, read_json};
pub use guard::{Guard, guarded};
pub use hosts::Hosts;
pub use limits::Limits;
pub use listen::serve;
pub use protocol::{Begun, GoesOn, OPEN, OpenError, Opener, Order, Protocol, Refuses, openapi, router};
pub use role::Role;
pub use tokens::{NewToken, Token, TokenBook, TokenError};
