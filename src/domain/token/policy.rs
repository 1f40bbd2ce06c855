//! A tenant's policy for tokens: what the verdict depends on besides the token, the keys and the time.

use std::time::Duration;

use crate::domain::context::ContextPolicy;

/// One tenant's policy. The defaults are the specification's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPolicy {
    /// Accepted values of `iss`; empty: any. A bare host name is compared case-insensitively, all else exactly.
    pub issuers: Vec<String>,
    /// Accepted values of `aud`; empty: any, or none.
    pub audiences: Vec<String>,
    /// How far the issuer's clock may be ahead: `iat` and `nbf` may lie this much in the future.
    pub clock_skew: Duration,
    /// How long after `exp` a token still holds, and with it the authentication.
    pub expiry_grace: Duration,
    /// The longest `exp` − `iat`.
    pub max_token_lifetime: Duration,
    /// What becomes of tokens signed by a key past its `expiry`.
    pub key_expiry: KeyExpiry,
    /// Whether a faulty `lwicontexts` refuses the token.
    pub strict_context: bool,
    /// The largest RSA modulus in bits, 4096 to 8192.
    pub max_key_bits: u32,
    /// The longest token in bytes, after trimming; at most 65536.
    pub max_token_bytes: usize,
    /// How `lwicontexts` and the widget's variables are read.
    pub context: ContextPolicy,
}

/// What becomes of tokens signed by a key past its `expiry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyExpiry {
    /// Refused as `key_expired`; the key's expiry ends authentications too.
    Enforce,
    /// Accepted, and said in the log.
    Warn,
    /// Accepted.
    Ignore,
}

impl Default for TokenPolicy {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            clock_skew: Duration::from_mins(1),
            expiry_grace: Duration::ZERO,
            max_token_lifetime: Duration::from_hours(24),
            key_expiry: KeyExpiry::Enforce,
            strict_context: false,
            max_key_bits: 4096,
            max_token_bytes: 16 * 1024,
            context: ContextPolicy::default(),
        }
    }
}
