//! The words of a message and its author's id for it, valid by construction.

use std::fmt;

/// The longest message id, in characters.
pub const MESSAGE_ID_CHARACTERS_MAX: usize = 64;

/// An id of the author's own: 1 to 64 characters. The same id from the same author is the same message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// Takes an id of 1 to [`MESSAGE_ID_CHARACTERS_MAX`] characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let characters = text.chars().take(MESSAGE_ID_CHARACTERS_MAX + 1).count();
        (1..=MESSAGE_ID_CHARACTERS_MAX).contains(&characters).then(|| Self(text.into()))
    }

    /// The id as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The words of a message: never empty, never only white space, never longer than the limit it was read under.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageText(Box<str>);

/// Why words are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextRefused {
    /// Nothing, or only white space.
    Blank,
    /// Over the limit.
    TooLong {
        /// How many characters it has.
        characters: usize,
    },
}

impl MessageText {
    /// Takes 1 to `characters_max` characters (Unicode scalar values), not only white space.
    ///
    /// # Errors
    /// What is wrong with the words.
    pub fn new(text: &str, characters_max: usize) -> Result<Self, TextRefused> {
        // A character has at least one byte: only a text that may be too long is counted.
        if text.len() > characters_max {
            let characters = text.chars().count();
            if characters > characters_max {
                return Err(TextRefused::TooLong { characters });
            }
        }
        if text.trim().is_empty() {
            return Err(TextRefused::Blank);
        }
        Ok(Self(text.into()))
    }

    /// From the journal, where it was valid when it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text.into_boxed_str())
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What people say is never printed by accident.
impl fmt::Debug for MessageText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageText({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_1_to_64_characters() {
        assert!(MessageId::new("").is_none());
        assert!(MessageId::new(&"ä".repeat(64)).is_some());
        assert!(MessageId::new(&"ä".repeat(65)).is_none());
    }

    #[test]
    fn a_text_is_counted_in_characters() {
        assert!(MessageText::new(&"ä".repeat(5), 6).is_ok());
        assert!(MessageText::new(&"ä".repeat(6), 6).is_ok());
        assert_eq!(MessageText::new(&"ä".repeat(7), 6), Err(TextRefused::TooLong { characters: 7 }));
    }

    #[test]
    fn white_space_alone_says_nothing() {
        for blank in ["", " ", "\n\t ", "\u{2003}"] {
            assert_eq!(MessageText::new(blank, 10), Err(TextRefused::Blank), "{blank:?}");
        }
    }
}
