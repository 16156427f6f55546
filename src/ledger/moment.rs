//! The time as approvals know it.
#![expect(
    clippy::disallowed_methods,
    reason = "an approval is given and spent at a time, in a boot of the machine"
)]

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::approval::Moment;

/// Where Linux names the boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Now, on this machine. Where the system does not name its boots, all of them are one.
pub fn moment() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let boot = fs::read_to_string(BOOT).map(|text| text.trim().to_owned()).unwrap_or_default();
    Moment { millis: u64::try_from(since.as_millis()).unwrap_or(u64::MAX), boot }
}
