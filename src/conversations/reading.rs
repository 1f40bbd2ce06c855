//! How far somebody has read: journaled at most once a second for each side, the newest last.

use crate::domain::conversation::{Event, InvalidTransition, Read, Reader};
use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;

use super::CommandError;
use super::live::Locked;

/// The newest reading of each side that waits for its second.
#[derive(Debug, Default)]
pub(super) struct Waiting([Option<Sequence>; 2]);

impl Locked<'_> {
    /// Journals how far somebody has read, now or as soon as a second has passed since the last time.
    ///
    /// # Errors
    /// The rules' refusal, or that the journal doesn't answer.
    pub async fn read(&mut self, by: Reader, up_to: Sequence) -> Result<(), CommandError> {
        match self.execute(&Event::Read(Read { by, up_to }), None).await {
            Ok(_) => Ok(()),
            Err(CommandError::Refused(InvalidTransition::TooSoon { until })) => {
                self.read_later(by, up_to, until);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn read_later(&mut self, by: Reader, up_to: Sequence, until: UnixTime) {
        let waiting = &mut self.state_mut().waiting.0[by as usize];
        let is_first = waiting.is_none();
        *waiting = (*waiting).max(Some(up_to));
        if !is_first {
            return;
        }
        let live = self.live.clone();
        let (clock, lifecycle) = (live.shared().clock, live.shared().lifecycle.clone());
        let stop = lifecycle.clone();
        lifecycle.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(clock.until(until)) => {}
                () = stop.stopped() => {}
            }
            if let Ok(Some(mut locked)) = live.lock().await {
                let waited = locked.state_mut().waiting.0[by as usize].take();
                if let Some(up_to) = waited {
                    // It was judged when it came. By now the conversation may have ended, and nobody waits for it.
                    let _ = locked.execute(&Event::Read(Read { by, up_to }), None).await;
                }
            }
        });
    }
}
