//! A tenant's file as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::raw::Span;

/// One tenant: `ID.toml` in the tenants' folder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawTenant {
    /// The name for people; left out: the id.
    pub(super) name: Option<String>,
    pub(super) authentication: RawAuthentication,
    pub(super) context: RawContext,
    /// The chat panels by their ids.
    pub(super) widgets: BTreeMap<String, RawWidget>,
    /// The queues: the first whose rule is true takes the conversation. Left out: `default`.
    pub(super) queue: Vec<RawQueue>,
}

/// Which tokens are taken.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawAuthentication {
    #[serde(rename = "type")]
    pub(super) _type: RawType,
    /// How far the issuer's clock may be ahead.
    pub(super) clock_skew: Span,
    /// How long a token holds after its `exp`.
    pub(super) expiry_grace: Span,
    /// The longest time from `iat` to `exp`.
    pub(super) max_token_lifetime: Span,
    /// What becomes of tokens signed by a key past its `expiry`.
    pub(super) key_expiry: RawKeyExpiry,
    /// Whether a faulty `lwicontexts` refuses the token.
    pub(super) strict_context: bool,
    /// The largest RSA key in bits.
    #[schemars(range(min = 2048, max = 8192))]
    pub(super) max_key_bits: u32,
    /// The longest token in bytes.
    #[schemars(range(min = 1024, max = 65_536))]
    pub(super) max_token_bytes: u32,
    /// Values of `aud` of which a token must have one; empty: not looked at.
    pub(super) audiences: Vec<String>,
    /// Where the tenant publishes its keys.
    pub(super) public_key_url: Option<String>,
    /// The function of the page that hands out the customer's token.
    pub(super) javascript_client_function: Option<String>,
    /// Values of `iss` that are taken; empty: any.
    pub(super) issuers: Vec<String>,
}

impl Default for RawAuthentication {
    fn default() -> Self {
        Self {
            _type: RawType::Jwt,
            clock_skew: "60s".into(),
            expiry_grace: "0s".into(),
            max_token_lifetime: "24h".into(),
            key_expiry: RawKeyExpiry::Enforce,
            strict_context: false,
            max_key_bits: 4096,
            max_token_bytes: 16_384,
            audiences: Vec::new(),
            public_key_url: None,
            javascript_client_function: None,
            issuers: Vec::new(),
        }
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawType {
    Jwt,
}

/// What becomes of tokens signed by a key past its `expiry`.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawKeyExpiry {
    Enforce,
    Warn,
    Ignore,
}

/// Which variables are taken.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawContext {
    /// What becomes of names that aren't declared.
    pub(super) undeclared: RawUndeclared,
    /// The declared names.
    pub(super) variables: BTreeMap<String, RawVariable>,
}

impl Default for RawContext {
    fn default() -> Self {
        Self { undeclared: RawUndeclared::Text, variables: BTreeMap::new() }
    }
}

/// What becomes of names that aren't declared.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawUndeclared {
    Text,
    Reject,
}

/// A declared variable: its type, or its type and whether it is taken from tokens only.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawVariable {
    Type(RawVariableType),
    Declared(RawDeclared),
}

/// A declared variable in full.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDeclared {
    #[serde(rename = "type")]
    #[schemars(required)]
    pub(super) kind: Option<RawVariableType>,
    /// Whether it is taken from tokens only.
    #[serde(default)]
    pub(super) signed: bool,
}

/// A variable's type.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawVariableType {
    Text,
    Number,
    Boolean,
}

/// A chat panel's settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWidget {
    /// Whether customers sign in.
    #[serde(default = "required")]
    pub(super) authentication: RawMode,
    /// What becomes of a customer whose token is not accepted.
    #[serde(default = "refuse")]
    pub(super) invalid_token: RawInvalidToken,
    /// The pages that may open the chat, as `scheme://host[:port]`; `[]` admits no browser, `["*"]` any.
    #[schemars(required)]
    pub(super) allowed_origins: Option<Vec<String>>,
    /// Whether a connection without `Origin` (not a browser) is refused.
    #[serde(default)]
    pub(super) require_origin: bool,
}

const fn required() -> RawMode {
    RawMode::Required
}

const fn refuse() -> RawInvalidToken {
    RawInvalidToken::Refuse
}

/// Whether customers sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawMode {
    Off,
    Optional,
    Required,
}

/// What becomes of a customer whose token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawInvalidToken {
    Refuse,
    Anonymous,
}

/// A queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQueue {
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// The rule in CEL that puts a conversation here; without one, the queue takes every conversation.
    #[schemars(example = "authenticated && vars.msdyn_isvip")]
    pub(super) when: Option<String>,
    /// Handed on with the conversations that its rule puts here; it means nothing to usher.
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub(super) priority: Option<i64>,
}
