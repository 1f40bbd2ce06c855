//! Which messages are stored already: an author's id stands for one message for ever.

use std::collections::HashMap;

use aws_lc_rs::digest;

use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;

use super::entry::{Author, Entry, Message, Role};
use super::event::NewMessage;

/// 128 bits of a SHA-256: enough that no two messages of a conversation ever share them.
type Digest = [u8; 16];

/// The messages of one conversation by author and id. It costs some 64 bytes a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Recorded(HashMap<Digest, Place>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    sequence: Sequence,
    at: UnixTime,
    content: Digest,
}

/// What is known of an author's id.
pub(super) enum Known {
    /// Not used yet.
    No,
    /// Used for the very same content.
    Same { sequence: Sequence, at: UnixTime },
    /// Used for something else.
    Other,
}

impl Recorded {
    pub(super) fn find(&self, message: &NewMessage) -> Known {
        match self.0.get(&key(&message.author, message.id.as_str())) {
            None => Known::No,
            Some(place)
                if place.content
                    == content(&message.author, message.text.as_str(), message.name.as_deref()) =>
            {
                Known::Same { sequence: place.sequence, at: place.at }
            }
            Some(_) => Known::Other,
        }
    }

    pub(super) fn insert(&mut self, entry: &Entry, message: &Message) {
        let content = content(&message.author, message.text.as_str(), message.name.as_deref());
        let place = Place { sequence: entry.sequence, at: entry.at, content };
        self.0.insert(key(&message.author, message.id.as_str()), place);
    }
}

/// Customers' ids are apart from consumers', and each consumer's from the others'.
fn key(author: &Author, id: &str) -> Digest {
    let client = match author {
        Author::Customer => "",
        Author::Consumer { client, .. } => client.as_str(),
    };
    digest_of(&[client, id])
}

fn content(author: &Author, text: &str, name: Option<&str>) -> Digest {
    let role = match author {
        Author::Customer => "customer",
        Author::Consumer { role: Role::Agent, .. } => "agent",
        Author::Consumer { role: Role::Bot, .. } => "bot",
        Author::Consumer { role: Role::System, .. } => "system",
    };
    match name {
        None => digest_of(&[role, text]),
        Some(name) => digest_of(&[role, text, name]),
    }
}

/// Each part goes in behind its length, so that no two lists of parts read the same.
fn digest_of(parts: &[&str]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let whole = context.finish();
    let mut short = Digest::default();
    short.copy_from_slice(&whole.as_ref()[..16]);
    short
}
