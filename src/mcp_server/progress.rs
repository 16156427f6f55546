//! What a client that asked for it hears while a call is being made: that it still is, and for how long.

use std::convert::Infallible;
use std::time::Duration;

use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::{Peer, RoleServer};
use tokio::time::{MissedTickBehavior, interval};

/// How often it is said.
const PULSE: Duration = Duration::from_secs(1);

/// Says so, again and again; without a token, never. It has no end of its own.
pub(super) async fn tell(tool: &str, token: Option<ProgressToken>, peer: &Peer<RoleServer>) -> Infallible {
    let Some(token) = token else { return std::future::pending().await };
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seconds = 0_u32;
    loop {
        pulse.tick().await;
        let message = format!("`{tool}` has been running for {seconds} s");
        let told = ProgressNotificationParam::new(token.clone(), f64::from(seconds)).with_message(message);
        // a client that is gone is noticed where its messages are read
        let _ = peer.notify_progress(told).await;
        seconds += 1;
    }
}
