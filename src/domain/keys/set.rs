//! Keys that can be used, as a tenant has published them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::ParsedPublicKey;
use jsonwebtoken::DecodingKey;

use crate::domain::time::UnixTime;

use super::Fingerprint;

/// A published key that was read, checked and made ready to verify with.
#[derive(Clone)]
pub struct PublicKey {
    pub(super) kid: Option<Arc<str>>,
    pub(super) bits: u32,
    pub(super) fingerprint: Fingerprint,
    pub(super) expiry: Option<UnixTime>,
    pub(super) parsed: Arc<ParsedPublicKey>,
    pub(super) decoding: DecodingKey,
}

impl PublicKey {
    /// Its name in the set; none where the document is a single PEM.
    #[must_use]
    pub const fn kid(&self) -> Option<&Arc<str>> {
        self.kid.as_ref()
    }

    /// The size of its modulus in bits.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// SHA-256 of its `SubjectPublicKeyInfo`.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// It serves while now is earlier than this; none where it has no end.
    #[must_use]
    pub const fn expiry(&self) -> Option<UnixTime> {
        self.expiry
    }

    /// The key in the form that verifies, parsed once for all tokens.
    #[must_use]
    pub const fn parsed(&self) -> &Arc<ParsedPublicKey> {
        &self.parsed
    }

    /// The key's bytes in the form that `jsonwebtoken` asks for.
    #[must_use]
    pub const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// Equal where the same name, key and end were published.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.kid, self.fingerprint, self.expiry) == (&other.kid, other.fingerprint, other.expiry)
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("kid", &self.kid)
            .field("bits", &self.bits)
            .field("fingerprint", &self.fingerprint)
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}

/// All of a tenant's keys in force. Cloning shares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet(Arc<Keys>);

#[derive(Debug, PartialEq, Eq)]
enum Keys {
    Single(PublicKey),
    Named { slots: HashMap<Arc<str>, Slot>, order: Vec<PublicKey> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    Key(usize),
    Refused,
}

/// What a set has under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// One key.
    Key(&'a PublicKey),
    /// Different keys: none of them is used.
    Duplicate,
    /// Nothing.
    Absent,
}

impl KeySet {
    pub(super) fn single(key: PublicKey) -> Self {
        Self(Arc::new(Keys::Single(key)))
    }

    /// A set without keys, in which no token's `kid` is known.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::new(Keys::Named { slots: HashMap::new(), order: Vec::new() }))
    }

    /// The one key that stands for every token, where the document is a single PEM.
    #[must_use]
    pub fn as_single(&self) -> Option<&PublicKey> {
        match &*self.0 {
            Keys::Single(key) => Some(key),
            Keys::Named { .. } => None,
        }
    }

    /// The key with this name, compared byte for byte.
    #[must_use]
    pub fn find(&self, kid: &str) -> Found<'_> {
        let Keys::Named { slots, order } = &*self.0 else { return Found::Absent };
        match slots.get(kid) {
            Some(Slot::Key(at)) => Found::Key(&order[*at]),
            Some(Slot::Refused) => Found::Duplicate,
            None => Found::Absent,
        }
    }

    /// Every key that can be used, in the order published.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        match &*self.0 {
            Keys::Single(key) => std::slice::from_ref(key),
            Keys::Named { order, .. } => order,
        }
        .iter()
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether no key is left: every token is then `unknown_kid`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Named keys as they are read, one after the other.
#[derive(Default)]
pub(super) struct Collector {
    slots: HashMap<Arc<str>, Slot>,
    keys: Vec<Option<PublicKey>>,
}

impl Collector {
    /// Adds a named key. `false`: the name stands for another key already, and now for none.
    ///
    /// The same key twice under one name is one key, which serves until the earlier of the two ends.
    pub(super) fn add(&mut self, kid: Arc<str>, key: PublicKey) -> bool {
        match self.slots.entry(kid) {
            Entry::Vacant(slot) => {
                slot.insert(Slot::Key(self.keys.len()));
                self.keys.push(Some(key));
                true
            }
            Entry::Occupied(mut slot) => {
                let Slot::Key(at) = *slot.get() else { return false };
                match &mut self.keys[at] {
                    Some(first) if first.fingerprint == key.fingerprint => {
                        first.expiry = first.expiry.into_iter().chain(key.expiry).min();
                        true
                    }
                    other => {
                        *other = None;
                        slot.insert(Slot::Refused);
                        false
                    }
                }
            }
        }
    }

    pub(super) fn finish(self) -> KeySet {
        let mut slots = self.slots;
        let order: Vec<PublicKey> = self.keys.into_iter().flatten().collect();
        for (at, key) in order.iter().enumerate() {
            if let Some(slot) = key.kid.as_ref().and_then(|kid| slots.get_mut(kid)) {
                *slot = Slot::Key(at);
            }
        }
        KeySet(Arc::new(Keys::Named { slots, order }))
    }
}
