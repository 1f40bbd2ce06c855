//! `resume_token`s: 256 bits that are derived and stored nowhere.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::id::ConversationId;

/// Derives and checks the `resume_token`s of one journal: HMAC-SHA-256 of its secret over conversation and
/// generation.
#[derive(Debug, Clone)]
pub struct ResumeTokens(hmac::Key);

impl ResumeTokens {
    /// From the journal's secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The token of a conversation's generation, base64url without padding (43 characters).
    #[must_use]
    pub fn derive(&self, conversation: ConversationId, generation: u32) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &message(conversation, generation)))
    }

    /// Whether `presented` is that token; compared in constant time.
    #[must_use]
    pub fn holds(&self, presented: &str, conversation: ConversationId, generation: u32) -> bool {
        URL_SAFE_NO_PAD
            .decode(presented)
            .is_ok_and(|tag| hmac::verify(&self.0, &message(conversation, generation), &tag).is_ok())
    }
}

fn message(conversation: ConversationId, generation: u32) -> [u8; 20] {
    let mut message = [0; 20];
    message[..16].copy_from_slice(conversation.as_bytes());
    message[16..].copy_from_slice(&generation.to_be_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_for_its_conversation_and_generation_alone() {
        let tokens = ResumeTokens::new(&[7; 32]);
        let (mine, other) = (ConversationId::from_bytes([1; 16]), ConversationId::from_bytes([2; 16]));
        let token = tokens.derive(mine, 1);
        assert_eq!(token.len(), 43);
        assert!(tokens.holds(&token, mine, 1));
        assert!(!tokens.holds(&token, mine, 2));
        assert!(!tokens.holds(&token, other, 1));
        assert!(!ResumeTokens::new(&[8; 32]).holds(&token, mine, 1));
        for spoilt in ["", &token[..42], &format!("{token}="), "é"] {
            assert!(!tokens.holds(spoilt, mine, 1), "{spoilt:?} was taken");
        }
    }
}
