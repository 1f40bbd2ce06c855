//! The names of things, each a type of its own so that none is taken for another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use super::time::UnixTime;

/// A name that cannot be one: what is wrong with it, in words for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(&'static str);

const SLUG_RULE: &str = "must be 1 to 63 of a-z, 0-9 and -, and not begin with -";

fn is_slug(text: &str) -> bool {
    let mut bytes = text.bytes();
    matches!(bytes.next(), Some(b'a'..=b'z' | b'0'..=b'9'))
        && bytes.all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && text.len() <= 63
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_slug(text) { Ok(Self(text.into())) } else { Err(InvalidId(SLUG_RULE)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

slug!(
    /// Whose website it is: `[a-z0-9][a-z0-9-]{0,62}`.
    TenantId
);
slug!(
    /// A chat panel of a tenant and its settings: `[a-z0-9][a-z0-9-]{0,62}`.
    WidgetId
);
slug!(
    /// A program that may call the consumer API: `[a-z0-9][a-z0-9-]{0,62}`.
    ClientId
);
slug!(
    /// An endpoint to which events are posted: `[a-z0-9][a-z0-9-]{0,62}`.
    WebhookId
);

/// A conversation: a `UUIDv7`, so that ids sort by the time of their beginning (RFC 9562 §5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(Uuid);

impl ConversationId {
    /// Builds an id from the instant of the beginning and 10 random bytes.
    #[must_use]
    pub fn new(now: UnixTime, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The id's 16 bytes, as stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl FromStr for ConversationId {
    type Err = InvalidId;

    /// Reads the hyphenated lower-case form alone: one conversation has one name.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refused = InvalidId("must be a conversation's id: a hyphenated lower-case UUID");
        let uuid = Uuid::try_parse(text).map_err(|_| refused.clone())?;
        let mut buffer = Uuid::encode_buffer();
        if uuid.hyphenated().encode_lower(&mut buffer) == text { Ok(Self(uuid)) } else { Err(refused) }
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A record's own id, minted once and kept over every retry of its append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId(Uuid);

impl RecordId {
    /// From 16 random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }

    /// The id's 16 bytes, as stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

/// A place in one conversation: its entries are numbered from 1 without gaps. 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(u64);

impl Sequence {
    /// Before the first entry.
    pub const START: Self = Self(0);

    /// The entry with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place before this one; before the first there is only [`Sequence::START`].
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_has_1_to_63_of_its_characters() {
        for good in ["a", "0", "contoso", "a-b", "0-", &"x".repeat(63)] {
            assert_eq!(good.parse::<TenantId>().map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "A", "a_b", "a.b", "ä", "a b", &"x".repeat(64)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_conversation_has_one_name() {
        let id = ConversationId::new(UnixTime::from_seconds(1_760_000_000), [7; 10]);
        let text = id.to_string();
        assert_eq!(text.as_bytes()[14], b'7', "{text} is no UUIDv7");
        assert_eq!(text.parse(), Ok(id));
        for other in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}")] {
            assert!(other.parse::<ConversationId>().is_err(), "{other} was taken");
        }
    }

    #[test]
    fn a_later_conversation_sorts_later() {
        let early = ConversationId::new(UnixTime::from_millis(1000), [255; 10]);
        let late = ConversationId::new(UnixTime::from_millis(1001), [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
    }
}
