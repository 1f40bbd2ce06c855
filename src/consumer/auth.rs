//! Who calls, and may they? API keys of the form `{id}.{secret}`.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};
use axum::http::{HeaderMap, HeaderValue, header};

use crate::config::{Client, Scope};
use crate::conversations::random;

use super::problem::{Code, Problem};

/// Secrets in force at once: two while one is replaced.
const SECRETS_MAX: usize = 2;

/// The programs that may call, by their ids.
#[derive(Debug)]
pub(super) struct Clients {
    by_id: HashMap<Box<str>, Arc<Client>>,
    /// Compared where there is no hash to compare, so that an unknown id costs what a known one does. Nobody knows
    /// what it is a hash of.
    decoy: [u8; 32],
}

impl Clients {
    pub(super) fn new(clients: Vec<Client>) -> Self {
        let by_id = clients.into_iter().map(|client| (client.id.as_str().into(), Arc::new(client))).collect();
        Self { by_id, decoy: random() }
    }

    /// The client that calls, which must have `scope`.
    pub(super) fn authorise(&self, headers: &HeaderMap, scope: Scope) -> Result<Arc<Client>, Problem> {
        let Some(key) = bearer(headers) else {
            let detail = "An API key is needed: send one header Authorization: Bearer {id}.{secret}.";
            return Err(unauthorized(detail, "Bearer realm=\"usher\""));
        };
        let client = self.authenticate(key).ok_or_else(|| {
            let detail = "The API key is not valid: send {id}.{secret} as the operator gave it out, and ask for a new \
                          one where it was replaced.";
            unauthorized(detail, "Bearer realm=\"usher\", error=\"invalid_token\"")
        })?;
        if client.scopes.allow(scope) { Ok(Arc::clone(client)) } else { Err(insufficient(scope)) }
    }

    fn authenticate(&self, key: &str) -> Option<&Arc<Client>> {
        let (id, secret) = key.split_once('.').unwrap_or((key, ""));
        let client = self.by_id.get(id);
        let hashes = client.map_or(&[][..], |client| &client.secrets);
        let presented = digest::digest(&digest::SHA256, secret.as_bytes());
        let mut holds = false;
        for slot in 0..SECRETS_MAX.max(hashes.len()) {
            let (hash, is_real) = hashes.get(slot).map_or((&self.decoy, false), |hash| (hash, true));
            // `&` and `|` rather than `&&` and `||`: each hash is compared whatever the one before it gave.
            holds |= constant_time::verify_slices_are_equal(hash, presented.as_ref()).is_ok() & is_real;
        }
        client.filter(|_| holds)
    }
}

/// The credentials of the one `Authorization` header, where it is a bearer's (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return None };
    let (scheme, credentials) = one.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| credentials.trim_matches(' '))
}

fn unauthorized(detail: &'static str, challenge: &'static str) -> Problem {
    let challenge = HeaderValue::from_static(challenge);
    Problem::new(Code::Unauthorized, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn insufficient(scope: Scope) -> Problem {
    let scope = scope.as_str();
    let challenge = format!("Bearer realm=\"usher\", error=\"insufficient_scope\", scope=\"{scope}\"");
    let challenge = HeaderValue::from_str(&challenge).expect("a scope's name is made of letters and a colon");
    let detail = format!("The client lacks the scope {scope}: have the operator add it.");
    Problem::new(Code::InsufficientScope, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}
