//! Places in the whole journal, opaque to whoever holds one.

use std::fmt;
use std::str::FromStr;

/// The name of the embedded engine in a position. Another engine has another one.
const ENGINE: &str = "e1";

/// A place in the whole journal: the entries after it are still to be read. To be compared for equality alone.
///
/// Its text names the engine and the incarnation of the journal, so that one of another journal is known as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    pub(super) incarnation: u64,
    pub(super) number: i64,
}

/// Why a position can't be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PositionRefused {
    /// It never was a position of this journal.
    #[error("no such position: give one that this gateway has handed out, unchanged")]
    Bad,
    /// It was one, or one of another journal; what follows it is no longer here.
    #[error("the position is gone: begin at the oldest one kept, {oldest}")]
    Gone {
        /// The oldest place that can be read from.
        oldest: Position,
    },
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ENGINE}-{:016x}-{}", self.incarnation, self.number)
    }
}

/// A position as written, before it is known whether it is of this journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Of this engine; of this journal only where the incarnation is the same.
    Ours(Position),
    /// Well formed, of another engine.
    Foreign,
}

impl FromStr for Written {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let mut parts = text.split('-');
        let (Some(engine), Some(incarnation), Some(number), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidText);
        };
        let is_engine = matches!(engine.as_bytes(), [b'a'..=b'z', b'0'..=b'9']);
        let is_hex =
            incarnation.len() == 16 && incarnation.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_number = number == "0" || number.bytes().next().is_some_and(|b| matches!(b, b'1'..=b'9'));
        if !(is_engine && is_hex && is_number) {
            return Err(InvalidText);
        }
        let incarnation = u64::from_str_radix(incarnation, 16).map_err(|_| InvalidText)?;
        let number = number.parse().map_err(|_| InvalidText)?;
        Ok(if engine == ENGINE { Self::Ours(Position { incarnation, number }) } else { Self::Foreign })
    }
}

/// Text that is no position of any engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidText;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let position = Position { incarnation: 0xab, number: 42 };
        assert_eq!(position.to_string(), "e1-00000000000000ab-42");
        assert_eq!(position.to_string().parse(), Ok(Written::Ours(position)));
        assert_eq!("n1-00000000000000ab-42".parse(), Ok(Written::Foreign));
    }

    #[test]
    fn rubbish_is_no_position() {
        for rubbish in [
            "",
            "42",
            "latest",
            "e1-ab-42",
            "e1-00000000000000ab-",
            "e1-00000000000000ab--1",
            "e1-00000000000000ab-+1",
            "e1-00000000000000ab-042",
            "e1-00000000000000AB-42",
            "e1-00000000000000ab-42-",
            "e1-00000000000000ab-99999999999999999999",
            "E1-00000000000000ab-42",
        ] {
            assert_eq!(rubbish.parse::<Written>(), Err(InvalidText), "{rubbish:?} was taken");
        }
    }
}
