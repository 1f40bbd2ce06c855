//! How often a widget may do something: by its conversation, and by its address before there is one.

use std::time::Duration;

use crate::config::Limits;
use crate::conversations::{Counted as InConversation, Live};
use crate::domain::rate::Rate;
use crate::wire::{ClientFrame, Close, FrameFault};

use super::addresses::Counted as OfAddress;
use super::refused::Refused;
use super::session::Session;

/// Refusals for the rate within a minute that close a connection: whoever goes on like that doesn't listen.
const REFUSALS_MAX: usize = 10;

/// The rates of a conversation.
#[derive(Debug, Clone, Copy)]
pub struct ConversationRates {
    frames: Option<Rate>,
    messages: Option<Rate>,
    authentications: Option<Rate>,
}

impl ConversationRates {
    /// As the configuration says.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            frames: Rate::per_minute(limits.frames_per_minute),
            messages: Rate::per_minute(limits.messages_per_minute),
            authentications: Rate::per_minute(limits.authentications_per_minute),
        }
    }

    const fn of(&self, counted: InConversation) -> Option<Rate> {
        match counted {
            InConversation::Frames => self.frames,
            InConversation::Messages => self.messages,
            InConversation::Authentications => self.authentications,
        }
    }
}

/// A setting of `[limits]` that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    /// The setting's name.
    pub(super) limit: &'static str,
    /// Whose share is used up.
    pub(super) whose: &'static str,
    /// How long until there is more.
    pub(super) wait: Duration,
}

impl Reached {
    /// The wait is rounded up to whole milliseconds, in which widgets are told it: what comes at that time is served.
    fn new(limit: &'static str, whose: &'static str, wait: Duration) -> Self {
        let wait =
            Duration::from_millis(u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX));
        Self { limit, whose, wait }
    }
}

impl Session {
    /// Counts a frame in a conversation, whatever is in it.
    pub(super) fn count_frame(
        &self,
        live: &Live,
        frame: &Result<ClientFrame<'_>, FrameFault>,
    ) -> Result<(), Refused> {
        let about = about(frame);
        self.count(live, InConversation::Frames, about)?;
        match frame {
            Ok(ClientFrame::Message { .. }) => self.count(live, InConversation::Messages, about),
            Ok(ClientFrame::Authenticate { .. }) => self.count_authentication(live, about),
            _ => Ok(()),
        }
    }

    /// Counts a ping of the widget's, or a pong that nobody asked for.
    pub(super) fn count_control(&self, live: &Live, kind: &'static str) -> Result<(), Refused> {
        self.count(live, InConversation::Frames, kind)
    }

    /// Counts a token that is presented in a conversation, or to come back to it.
    pub(super) fn count_authentication(&self, live: &Live, about: &str) -> Result<(), Refused> {
        self.count(live, InConversation::Authentications, about)
    }

    fn count(&self, live: &Live, counted: InConversation, about: &str) -> Result<(), Refused> {
        let Some(rate) = self.gateway.conversation_rates.of(counted) else { return Ok(()) };
        let taken = live.rates().take(counted, rate, self.gateway.clock.elapsed());
        let limit = match counted {
            InConversation::Frames => "frames_per_minute",
            InConversation::Messages => "messages_per_minute",
            InConversation::Authentications => "authentications_per_minute",
        };
        taken.map_err(|wait| Refused::rate_limited(Reached::new(limit, "this conversation", wait), about))
    }

    /// Counts a frame of a connection that is in no conversation yet.
    pub(super) fn count_first_frame(&self, about: &str) -> Result<(), Refused> {
        self.count_for_address(OfAddress::Frames, about)
    }

    /// Counts a conversation that is about to begin.
    pub(super) fn count_start(&self, about: &str) -> Result<(), Refused> {
        self.count_for_address(OfAddress::Starts, about)
    }

    /// Whether a token may be judged that comes before there is a conversation. Only those count that are refused:
    /// many customers may sign in from behind one address, and each conversation that they begin counts by itself.
    pub(super) fn may_present_token(&self, about: &str) -> Result<(), Refused> {
        let now = self.gateway.clock.elapsed();
        let looked = self.gateway.addresses.look(OfAddress::RefusedTokens, self.entrance.address, now);
        looked.map_err(|wait| reached_by_address(OfAddress::RefusedTokens, wait, about))
    }

    /// Counts a token that was refused before there is a conversation.
    pub(super) fn count_refused_token(&self) {
        // That it was the last one matters to the next.
        let _ = self.count_for_address(OfAddress::RefusedTokens, "");
    }

    fn count_for_address(&self, counted: OfAddress, about: &str) -> Result<(), Refused> {
        let now = self.gateway.clock.elapsed();
        let taken = self.gateway.addresses.take(counted, self.entrance.address, now);
        taken.map_err(|wait| reached_by_address(counted, wait, about))
    }

    /// Notes a refusal for the rate; the close that follows, where it was once too often.
    pub(super) fn note_rate_limited(&mut self, reached: Reached) -> Option<Close> {
        self.gateway.metrics.rate_limited(reached.limit);
        let now = self.gateway.clock.elapsed();
        let once_too_often = self.refusals_for_rate.reaches(REFUSALS_MAX, now);
        once_too_often.then_some(Close::RateLimited { retry_after: reached.wait })
    }
}

fn reached_by_address(counted: OfAddress, wait: Duration, about: &str) -> Refused {
    let limit = match counted {
        OfAddress::Starts => "starts_per_address_per_minute",
        OfAddress::Frames => "frames_per_minute",
        OfAddress::RefusedTokens => "authentications_per_minute",
    };
    Refused::rate_limited(Reached::new(limit, "your address", wait), about)
}

/// The message's `id`, else the frame's `type`.
pub(super) fn about<'a>(frame: &'a Result<ClientFrame<'_>, FrameFault>) -> &'a str {
    match frame {
        Ok(frame) => frame.about(),
        Err(fault) => fault.about(),
    }
}
