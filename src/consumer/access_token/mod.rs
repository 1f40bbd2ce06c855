//! Access tokens: opaque, 256 random bits, kept as a hash in the journal, so that they outlive a restart and hold on
//! every node.
//!
//! Every node holds all of them in memory and follows the journal: a request with a token that was seen before reads
//! nothing. What a token is good for is judged at each use by the client as it is configured then (`rules`), so one
//! carries never more than its client has.
//!
//! The last use counts to the millisecond on the node where it happened. It is stored when the stored one lags by a
//! tenth of the client's `idle_timeout`, so after a restart, and on another node, a token may stop working by up to a
//! tenth earlier than `idle_timeout` after its last use; it never works longer.

mod book;
mod follow;
mod lease;
mod rules;
mod stored;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Clock;
use crate::config::{Client, Scopes};
use crate::conversations::random;
use crate::domain::time::UnixTime;
use crate::journal::{Journal, JournalError, Revision, Written};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

use book::Book;
use stored::Hash;

pub(super) use book::Held;
pub(super) use lease::Lease;
pub(super) use rules::Unfit;
pub(super) use stored::{Grant, SecretMark};

/// What every access token begins with. An API key has a dot in it, and no token has.
const TOKEN_PREFIX: &str = "usher_at_";
/// Characters after the prefix: 256 bits in base64url.
const TOKEN_CHARACTERS: usize = 43;
/// Tokens of one client at one time. Who asks for one more loses the one that was issued first: a program that gets a
/// token for each request goes on, and what it forgot makes room.
pub const TOKENS_PER_CLIENT_MAX: usize = 1000;

/// The handle to all access tokens; cheap to clone.
#[derive(Debug, Clone)]
pub struct AccessTokens(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    journal: Journal,
    clock: Clock,
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
    book: Mutex<Book>,
}

/// A token as it is given out, once.
pub(super) struct Issued {
    pub(super) token: String,
    /// How long it lives.
    pub(super) lifetime: Duration,
}

/// The journal didn't answer, so nobody knows whether the token is stored; nobody was told of it either.
#[derive(Debug)]
pub(super) struct NotIssued;

/// Whether a bearer's credentials have the form of an access token.
pub(super) fn is_access_token(credentials: &str) -> bool {
    let random = credentials.strip_prefix(TOKEN_PREFIX);
    random.is_some_and(|random| random.len() == TOKEN_CHARACTERS && !random.contains('.'))
}

fn hash_of(token: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

impl AccessTokens {
    /// None is known yet: [`AccessTokens::run`] reads all, and until then each is looked for in the journal.
    #[must_use]
    pub fn new(journal: Journal, clock: Clock, metrics: Arc<Metrics>, lifecycle: Lifecycle) -> Self {
        Self(Arc::new(Shared { journal, clock, metrics, lifecycle, book: Mutex::default() }))
    }

    /// Makes a token, durable when this returns. Where the client has [`TOKENS_PER_CLIENT_MAX`], those issued first go.
    pub(super) async fn issue(
        &self,
        client: &Client,
        scopes: Scopes,
        secret: SecretMark,
    ) -> Result<Issued, NotIssued> {
        let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()));
        let (hash, now) = (hash_of(&token), self.0.clock.now());
        // Whole seconds, for that is how the answer tells them.
        let lifetime = Duration::from_secs(client.token_lifetime.as_secs());
        let expires_at = now.plus(lifetime);
        let grant = Grant { client: client.id.clone(), scopes, secret, issued_at: now, expires_at };
        let created = self.0.journal.create(&stored::key(&hash), stored::encode(&grant, now)).await;
        let Written::Stored(revision) = created else { return Err(NotIssued) };
        let beyond = {
            let mut book = self.book();
            book.take(hash, (grant, now), revision);
            book.beyond(&client.id, TOKENS_PER_CLIENT_MAX)
        };
        for hash in beyond {
            self.delete(hash).await;
        }
        self.count();
        Ok(Issued { token, lifetime })
    }

    /// The token, where there is one, without a look at whether it is still good. One that this node doesn't know is
    /// looked for in the journal, where `may_read`: another node may just have issued it.
    pub(super) async fn find(&self, token: &str, may_read: bool) -> Result<Option<Arc<Held>>, JournalError> {
        let hash = hash_of(token);
        let held = self.book().get(&hash).cloned();
        if held.is_some() || !may_read {
            return Ok(held);
        }
        let key = stored::key(&hash);
        let Some(item) = self.0.journal.get(&key).await? else { return Ok(None) };
        Ok(self.adopt(&key, &item.value, item.revision))
    }

    /// Whether a token of this client is good now; if so, this is a use of it.
    pub(super) fn take_up(&self, held: &Arc<Held>, client: &Client) -> Result<(), Unfit> {
        rules::judge(&held.grant, client, held.last_use(), self.0.clock.now())?;
        self.note_use(held, client.idle_timeout);
        Ok(())
    }

    /// Notes that a token is in use, and stores it where that is due. Nobody waits for it: a use that can't be stored
    /// now is stored with a later one.
    fn note_use(&self, held: &Arc<Held>, idle_timeout: Option<Duration>) {
        let now = self.0.clock.now();
        held.note_use(now);
        let due = idle_timeout.and_then(|idle| held.begin_write(now, rules::stored_every(idle)));
        if let Some(revision) = due {
            let (this, held) = (self.clone(), held.clone());
            self.0.lifecycle.spawn(async move { this.store_use(&held, revision).await });
        }
    }

    async fn store_use(&self, held: &Held, revision: Revision) {
        let (key, used_at) = (stored::key(&held.hash), held.used_at());
        match self.0.journal.put(&key, stored::encode(&held.grant, used_at), revision).await {
            Written::Stored(revision) => held.written(Some((revision, used_at))),
            Written::Unknown => held.written(None),
            // Another node has stored a use, or the token is gone.
            Written::Conflict => {
                match self.0.journal.get(&key).await {
                    Ok(Some(item)) => drop(self.adopt(&key, &item.value, item.revision)),
                    Ok(None) => self.book().remove(&held.hash, None),
                    Err(_) => {}
                }
                held.written(None);
            }
        }
    }

    /// Deletes the tokens whose lifetime is over. What can't be deleted now is deleted in a minute.
    pub(super) async fn sweep(&self) {
        let expired = self.book().expired(self.0.clock.now());
        for hash in expired {
            self.delete(hash).await;
        }
        self.count();
    }

    async fn delete(&self, hash: Hash) {
        if let Written::Stored(_) = self.0.journal.delete(&stored::key(&hash), None).await {
            self.book().remove(&hash, None);
        }
    }

    /// Takes what the journal says of a token; nothing where this version doesn't understand it.
    fn adopt(&self, key: &str, value: &[u8], revision: Revision) -> Option<Arc<Held>> {
        let token = stored::hash(key).zip(stored::decode(value));
        let Some((hash, stored)) = token else {
            tracing::warn!(
                "an access token in the journal is not understood, and not taken: run the same version on every node"
            );
            return None;
        };
        Some(self.book().take(hash, stored, revision))
    }

    fn count(&self) {
        let many = self.book().len();
        self.0.metrics.access_tokens.set(i64::try_from(many).unwrap_or(i64::MAX));
    }

    fn now(&self) -> UnixTime {
        self.0.clock.now()
    }

    /// Locked for a lookup or a change only, never across an await: a panic can't leave it half-changed.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
