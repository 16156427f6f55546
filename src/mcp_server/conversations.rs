//! Conversations of a session and the calls that are under way in each: one that is ended takes its calls with it, whether anybody
//! still waits for them or not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// So long the end of a conversation waits for its calls.
const ENDING: Duration = Duration::from_secs(30);

/// By their names, each with what tells its calls that it has ended.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    with_calls: Mutex<BTreeMap<String, watch::Sender<bool>>>,
}

/// What a call is a part of; without a name, of nothing that could end.
#[derive(Debug)]
pub(super) struct Part(Option<watch::Receiver<bool>>);

impl Conversations {
    /// A call begins in the conversation with this name.
    pub(super) fn join(&self, name: Option<&str>) -> Part {
        Part(name.map(|name| {
            let mut all = self.all();
            // one whose calls have all ended is as good as unknown
            all.retain(|_, ended| ended.receiver_count() > 0);
            all.entry(name.to_owned()).or_insert_with(|| watch::Sender::new(false)).subscribe()
        }))
    }

    /// A conversation has ended. Waits until its calls have, with everything that they started.
    pub(super) async fn end(&self, name: &str) {
        let Some(ended) = self.all().remove(name) else { return };
        ended.send_replace(true);
        // a call that does not end by then is ended by its own limits
        let _ = tokio::time::timeout(ENDING, ended.closed()).await;
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<bool>>> {
        // each entry is whole by itself
        self.with_calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Waits until its conversation is ended.
    pub(super) async fn ended(&mut self) {
        if let Some(ended) = &mut self.0
            && ended.wait_for(|ended| *ended).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn the_end_of_a_conversation_is_told_to_its_calls_and_waits_for_them() {
        let all = Arc::<Conversations>::default();
        let (mut one, mut other, mut nobodys) = (all.join(Some("a")), all.join(Some("b")), all.join(None));
        let ending = tokio::spawn({
            let all = Arc::clone(&all);
            async move { all.end("a").await }
        });
        one.ended().await;
        assert!(!ending.is_finished());
        drop(one);
        ending.await.unwrap();
        all.end("a").await;
        all.end("unknown").await;
        for part in [&mut other, &mut nobodys] {
            tokio::select! {
                biased;
                () = part.ended() => panic!("it is another one's"),
                () = std::future::ready(()) => {}
            }
        }
        drop(other);
        drop(all.join(Some("c")));
        assert_eq!(all.all().keys().collect::<Vec<_>>(), ["c"]);
    }
}
