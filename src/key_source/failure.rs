//! Why a key document could not be had, in words for the operator and a label for the metrics.

use std::borrow::Cow;
use std::fmt;

use crate::domain::keys::KeyFault;

/// The kind of a failure: what the metrics count and what a customer may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The URL itself is refused: scheme, credentials, fragment.
    Url,
    /// An address that is not global, in the URL or in the answer of the resolver.
    BlockedAddress,
    /// The name has no address.
    Dns,
    /// No connection.
    Connect,
    /// No trustworthy TLS session.
    Tls,
    /// Not within the time allowed.
    Timeout,
    /// An answer that is no HTTP, or ended before its body was whole.
    Http,
    /// A status that is not 200, or 304 to a conditional request.
    HttpStatus,
    /// A redirect that is not allowed.
    Redirect,
    /// A content encoding, which was not asked for.
    ContentEncoding,
    /// A body over the limit.
    TooLarge,
    /// A body that holds no usable key.
    Parse,
    /// A fault of usher itself.
    Internal,
}

impl FailureKind {
    /// The value of the label `result` in `usher_key_fetches_total`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::BlockedAddress => "blocked_address",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Http => "http",
            Self::HttpStatus => "http_status",
            Self::Redirect => "redirect",
            Self::ContentEncoding => "content_encoding",
            Self::TooLarge => "too_large",
            Self::Parse => "parse",
            Self::Internal => "internal",
        }
    }

    /// Where an operator begins to look: the `lies_with` of the consumer API.
    #[must_use]
    pub const fn lies_with(self) -> &'static str {
        match self {
            Self::Url | Self::BlockedAddress => "configuration",
            Self::Dns | Self::Connect => "network",
            Self::Tls
            | Self::Timeout
            | Self::Http
            | Self::HttpStatus
            | Self::Redirect
            | Self::ContentEncoding
            | Self::TooLarge
            | Self::Parse => "endpoint",
            Self::Internal => "usher",
        }
    }

    /// What a customer may be told: whose fault it is, without names or addresses of the tenant's network.
    #[must_use]
    pub const fn public_reason(self) -> &'static str {
        match self {
            Self::Url | Self::BlockedAddress => {
                "usher's configuration does not let it reach the key endpoint"
            }
            Self::Dns => "the key endpoint's name was not resolved",
            Self::Connect => "the key endpoint took no connection",
            Self::Tls => "the key endpoint's certificate was not trusted",
            Self::Timeout => "the key endpoint did not answer in time",
            Self::Http => "the key endpoint's answer was not whole",
            Self::HttpStatus => "the key endpoint answered with an error",
            Self::Redirect => "the key endpoint redirects elsewhere",
            Self::ContentEncoding => "the key endpoint's answer is encoded, which was not asked for",
            Self::TooLarge => "the key endpoint's answer is too large",
            Self::Parse => "the key endpoint's answer holds no usable key",
            Self::Internal => "usher failed to fetch them",
        }
    }
}

/// A fetch that failed. The message names the host and never the path, the query or the body of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FetchError {
    /// What kind of failure.
    pub kind: FailureKind,
    /// One sentence: what happened, with the host.
    pub message: String,
    /// One sentence: what to do about it.
    pub remedy: Cow<'static, str>,
    /// Where it is a set of which nothing can be used: each of its entries and why. At most as many as a document may
    /// list.
    pub entries: Vec<KeyFault>,
}

impl FetchError {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>, remedy: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), remedy: remedy.into(), entries: Vec::new() }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.message, self.remedy)
    }
}
