//! How far somebody has read: journaled at most once a second for each side, the newest last.

use crate::domain::conversation::{Event, InvalidTransition, Read, Reader};
use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;

use super::CommandError;
use super::live::Locked;

impl Locked<'_> {
    /// Journals how far somebody has read, now or as soon as a second has passed since the last time.
    ///
    /// # Errors
    /// The rules' refusal, or that the journal doesn't answer.
    pub async fn read(&mut self, by: Reader, up_to: Sequence) -> Result<(), CommandError> {
        let is_awaited = self.state().waiting.0[by as usize].is_some();
        if let Some(until) = self.read_newest(by, Some(up_to)).await?
            && !is_awaited
        {
            self.read_later(by, until);
        }
        Ok(())
    }

    /// Journals the newest reading of a side, be it this one or one that waits. Where it is too soon, it waits until
    /// the instant returned.
    async fn read_newest(
        &mut self,
        by: Reader,
        up_to: Option<Sequence>,
    ) -> Result<Option<UnixTime>, CommandError> {
        let Some(newest) = up_to.max(self.state().waiting.0[by as usize]) else { return Ok(None) };
        match self.execute(&Event::Read(Read { by, up_to: newest }), None).await {
            Ok(_) => {
                self.state_mut().waiting.0[by as usize] = None;
                Ok(None)
            }
            Err(CommandError::Refused(InvalidTransition::TooSoon { until })) => {
                self.state_mut().waiting.0[by as usize] = Some(newest);
                Ok(Some(until))
            }
            Err(error) => Err(error),
        }
    }

    fn read_later(&self, by: Reader, mut until: UnixTime) {
        let live = self.live.clone();
        let (clock, lifecycle) = (live.shared().clock, live.shared().lifecycle.clone());
        let stop = lifecycle.clone();
        lifecycle.spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(clock.until(until)) => {}
                    () = stop.stopped() => return,
                }
                let Ok(Some(mut locked)) = live.lock().await else { return };
                // It was judged when it came. By now the conversation may have ended, and nobody waits for it.
                match locked.read_newest(by, None).await {
                    Ok(Some(again)) => until = again,
                    Ok(None) | Err(_) => return,
                }
            }
        });
    }
}
