//! Who calls, and may they? An API key of the form `{id}.{secret}`, or an access token that was got with one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{constant_time, digest};
use axum::http::{HeaderMap, HeaderValue, header};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Client, Scope};
use crate::conversations::random;
use crate::domain::rate::Rate;
use crate::metrics::Metrics;

use super::ConsumerLimits;
use super::access_token::{AccessTokens, Held, Lease, SecretMark, Unfit, is_access_token};
use super::problem::{Code, Problem};
use super::rates::{Requests, WrongKeys, seconds};

/// Secrets in force at once: two while one is replaced.
const SECRETS_MAX: usize = 2;
/// The setting that bounds a client's requests, as it is counted.
const REQUESTS_LIMIT: &str = "consumer_requests_per_minute";
/// The setting that bounds an address's wrong keys, as it is counted.
const WRONG_KEYS_LIMIT: &str = "wrong_keys_per_address_per_minute";

/// The programs that may call, by their ids.
#[derive(Debug)]
pub(super) struct Clients {
    by_id: HashMap<Box<str>, Arc<Known>>,
    /// Compared where there is no hash to compare, so that an unknown id costs what a known one does. Nobody knows
    /// what it is a hash of.
    decoy: [u8; 32],
    tokens: AccessTokens,
    clock: Clock,
    metrics: Arc<Metrics>,
    requests: Option<Rate>,
    wrong_keys: WrongKeys,
}

/// A client with what is left of its rate.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) client: Arc<Client>,
    requests: Requests,
    /// To be cancelled by whoever puts other rights in this client's place: the streams that stand on it end.
    rights: CancellationToken,
}

/// Somebody who calls.
#[derive(Debug)]
pub(super) struct Caller {
    known: Arc<Known>,
    /// There where the call is made with a token and not with the client's own key.
    token: Option<Arc<Held>>,
    tokens: AccessTokens,
}

/// Somebody over a limit, who has to wait so long.
#[derive(Debug)]
pub(super) struct NotNow(pub(super) Duration);

impl Clients {
    pub(super) fn new(
        clients: Vec<Client>,
        tokens: AccessTokens,
        limits: ConsumerLimits,
        (clock, metrics): (Clock, Arc<Metrics>),
    ) -> Self {
        let known = |client| Known {
            client: Arc::new(client),
            requests: Requests::default(),
            rights: CancellationToken::new(),
        };
        let by_id = clients.into_iter().map(|client| (client.id.as_str().into(), Arc::new(known(client))));
        Self {
            by_id: by_id.collect(),
            decoy: random(),
            tokens,
            clock,
            metrics,
            requests: Rate::per_minute(limits.requests_per_minute),
            wrong_keys: WrongKeys::new(limits.wrong_keys_per_address_per_minute),
        }
    }

    /// Who calls, which must have `scope`.
    pub(super) async fn authorise(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        scope: Scope,
    ) -> Result<Caller, Problem> {
        let caller = self.authenticate(headers, peer).await?;
        self.count_request(&caller.known).map_err(too_many_requests)?;
        caller.may(scope)?;
        Ok(caller)
    }

    async fn authenticate(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Caller, Problem> {
        let Some(credentials) = bearer(headers) else {
            let detail = "An API key or an access token is needed: send one header Authorization: Bearer, with \
                          {id}.{secret} or with a token from POST /oauth/token.";
            return Err(unauthorized(detail, "Bearer realm=\"usher\""));
        };
        let found = if is_access_token(credentials) {
            self.by_token(credentials, peer).await?
        } else {
            let (id, secret) = credentials.split_once('.').unwrap_or((credentials, ""));
            self.by_secret(id, secret).map(|(known, _)| (known, None)).ok_or(KEY_INVALID)
        };
        match found {
            Ok((known, token)) => Ok(Caller { known, token, tokens: self.tokens.clone() }),
            Err(detail) => {
                self.count_wrong_key(peer).map_err(too_many_wrong_keys)?;
                Err(invalid_token(detail))
            }
        }
    }

    /// The client with this id and secret, and which of its secrets that is.
    pub(super) fn by_secret(&self, id: &str, secret: &str) -> Option<(Arc<Known>, SecretMark)> {
        let known = self.by_id.get(id);
        let hashes = known.map_or(&[][..], |known| &known.client.secrets);
        let presented: [u8; 32] =
            digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().try_into().ok()?;
        let mut holds = false;
        for slot in 0..SECRETS_MAX.max(hashes.len()) {
            let (hash, is_real) = hashes.get(slot).map_or((&self.decoy, false), |hash| (hash, true));
            // `&` and `|` rather than `&&` and `||`: each hash is compared whatever the one before it gave.
            holds |= constant_time::verify_slices_are_equal(hash, &presented).is_ok() & is_real;
        }
        known.filter(|_| holds).map(|known| (Arc::clone(known), SecretMark::of(&presented)))
    }

    /// Who has this token, or what is wrong with it. An address with too many wrong keys doesn't make usher read the
    /// journal for more of them.
    async fn by_token(
        &self,
        token: &str,
        peer: Option<IpAddr>,
    ) -> Result<Result<(Arc<Known>, Option<Arc<Held>>), &'static str>, Problem> {
        let may_read = self.wrong_keys.look(peer, self.clock.elapsed());
        let Some(held) = self.tokens.find(token, may_read).await? else { return Ok(Err(TOKEN_UNKNOWN)) };
        let Some(known) = self.by_id.get(held.grant.client.as_str()) else { return Ok(Err(TOKEN_UNKNOWN)) };
        Ok(match self.tokens.take_up(&held, &known.client) {
            Ok(()) => Ok((Arc::clone(known), Some(held))),
            Err(Unfit::Expired) => Err(TOKEN_EXPIRED),
            Err(Unfit::Idle) => Err(TOKEN_IDLE),
            Err(Unfit::SecretReplaced) => Err(TOKEN_OF_FORMER_SECRET),
        })
    }

    /// Takes one of the client's requests.
    pub(super) fn count_request(&self, known: &Known) -> Result<(), NotNow> {
        let taken = known.requests.take(self.requests, self.clock.elapsed());
        taken.map_err(|wait| self.over(REQUESTS_LIMIT, wait))
    }

    /// Takes one of the address's wrong keys.
    pub(super) fn count_wrong_key(&self, peer: Option<IpAddr>) -> Result<(), NotNow> {
        let taken = self.wrong_keys.take(peer, self.clock.elapsed());
        taken.map_err(|wait| self.over(WRONG_KEYS_LIMIT, wait))
    }

    fn over(&self, limit: &'static str, wait: Duration) -> NotNow {
        self.metrics.rate_limited(limit);
        NotNow(wait)
    }
}

impl Caller {
    /// The client, as it is configured.
    pub(super) fn client(&self) -> &Arc<Client> {
        &self.known.client
    }

    /// What a stream stands on that this caller opens.
    pub(super) fn lease(&self) -> Lease {
        let rights = self.known.rights.clone();
        match &self.token {
            None => Lease::of_key(rights),
            Some(held) => Lease::of_token(rights, &self.known.client, self.tokens.clone(), held.clone()),
        }
    }

    fn may(&self, scope: Scope) -> Result<(), Problem> {
        if !self.known.client.scopes.allow(scope) {
            return Err(insufficient(scope, "The client lacks the scope", "have the operator add it"));
        }
        if self.token.as_ref().is_some_and(|held| !held.grant.scopes.allow(scope)) {
            return Err(insufficient(
                scope,
                "The access token lacks the scope",
                "get one with it, or use the API key",
            ));
        }
        Ok(())
    }
}

const KEY_INVALID: &str = "The API key is not valid: send {id}.{secret} as the operator gave it out, and ask for a new \
                           one where it was replaced.";
const TOKEN_UNKNOWN: &str =
    "The access token is not known, or no longer: get a new one from POST /oauth/token.";
const TOKEN_EXPIRED: &str = "The access token has expired: get a new one from POST /oauth/token.";
const TOKEN_IDLE: &str =
    "The access token was not used for too long: get a new one from POST /oauth/token, or use it more often.";
const TOKEN_OF_FORMER_SECRET: &str = "The access token was got with a secret that was replaced: get a new one from \
                                      POST /oauth/token, with the client's secret in force.";

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

/// RFC 6750 §3.1. None of the descriptions has a quote or a backslash in it.
fn invalid_token(detail: &'static str) -> Problem {
    let challenge =
        format!("Bearer realm=\"usher\", error=\"invalid_token\", error_description=\"{detail}\"");
    let challenge = HeaderValue::from_str(&challenge).expect("what is wrong with a token is told in ASCII");
    Problem::new(Code::Unauthorized, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn too_many_requests(NotNow(wait): NotNow) -> Problem {
    let detail = "The client calls more often than limits.consumer_requests_per_minute lets it: wait as Retry-After \
                  says, and send the very same request again.";
    rate_limited(detail, wait)
}

fn too_many_wrong_keys(NotNow(wait): NotNow) -> Problem {
    let detail = "From this address came more wrong keys and tokens than limits.wrong_keys_per_address_per_minute \
                  takes, and this was one more: correct it, and wait as Retry-After says.";
    rate_limited(detail, wait)
}

fn rate_limited(detail: &'static str, wait: Duration) -> Problem {
    Problem::new(Code::RateLimited, detail).with_header(header::RETRY_AFTER, seconds(wait).into())
}

fn insufficient(scope: Scope, what: &str, remedy: &str) -> Problem {
    let scope = scope.as_str();
    let challenge = format!("Bearer realm=\"usher\", error=\"insufficient_scope\", scope=\"{scope}\"");
    let challenge = HeaderValue::from_str(&challenge).expect("a scope's name is made of letters and a colon");
    let detail = format!("{what} {scope}: {remedy}.");
    Problem::new(Code::InsufficientScope, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}
