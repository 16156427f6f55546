//! What can go wrong with a request, and what kind of an error that is.

use std::net::IpAddr;

use crate::effect::{ErrorKind, ToolError};

/// A request that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::runner) enum NetFault {
    /// The address is nobody's but ours.
    #[error(
        "`{origin}` lies at {address}, which is no public address, and nothing was sent; to allow it, add \
         `{origin}` to `private` of `[network]` in your own configuration"
    )]
    Private {
        /// The origin.
        origin: String,
        /// What its name stands for.
        address: IpAddr,
    },
    /// Its name stands for nothing.
    #[error("the name `{0}` cannot be looked up: {1}")]
    Name(String, String),
    /// Nobody answers there.
    #[error("`{0}` cannot be reached: {1}")]
    Unreachable(String, String),
    /// It is not who it should be, or cannot be spoken with in private.
    #[error("`{0}` is not spoken with: {1}")]
    Tls(String, String),
    /// It took too long.
    #[error("`{origin}` took too long: {what}")]
    Timeout {
        /// The origin.
        origin: String,
        /// For what.
        what: String,
    },
    /// Somebody asked for its end.
    #[error("the request was cancelled")]
    Cancelled,
    /// It says more than may be read.
    #[error("the answer of `{origin}` has more than {limit} bytes, which is the most that is read")]
    TooLarge {
        /// The origin.
        origin: String,
        /// The bound.
        limit: u64,
    },
    /// It does not speak HTTP, or stopped in the middle.
    #[error("the answer of `{0}` broke off: {1}")]
    Broken(String, String),
    /// It cannot be said in a request.
    #[error("{0}")]
    Unsayable(String),
    /// The system refused.
    #[error("no request can be made: {0}")]
    System(String),
}

impl From<NetFault> for ToolError {
    fn from(fault: NetFault) -> Self {
        let kind = match &fault {
            NetFault::Private { .. } => ErrorKind::Denied,
            NetFault::Name(..) | NetFault::Unreachable(..) | NetFault::Tls(..) | NetFault::Broken(..) => {
                ErrorKind::Upstream
            }
            NetFault::Timeout { .. } => ErrorKind::Timeout,
            NetFault::Cancelled => ErrorKind::Cancelled,
            NetFault::TooLarge { .. } => ErrorKind::Limit,
            NetFault::Unsayable(_) => ErrorKind::InvalidInput,
            NetFault::System(_) => ErrorKind::Internal,
        };
        let limit = (kind == ErrorKind::Limit).then(|| "response_bytes".to_owned());
        Self { limit, ..Self::new(kind, fault.to_string()) }
    }
}
