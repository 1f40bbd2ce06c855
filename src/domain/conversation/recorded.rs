//! What authors stored already: an author's id stands for one message, or one request, for ever.

use std::collections::HashMap;

use crate::domain::digest;
use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;

use super::entry::{AuthenticationRequest, Author, Entry, Message, Role};
use super::event::NewMessage;

/// 128 bits of a SHA-256: enough that no two messages of a conversation ever share them.
type Digest = [u8; 16];

/// What was said and asked in one conversation, by author and id. It costs some 64 bytes a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Recorded(HashMap<Digest, Place>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    sequence: Sequence,
    at: UnixTime,
    content: Digest,
}

/// What is known of an author's id.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    /// Not used yet.
    No,
    /// Used for the very same content.
    Same { sequence: Sequence, at: UnixTime },
    /// Used for something else.
    Other,
}

impl Recorded {
    pub(super) fn find_message(&self, message: &NewMessage) -> Known {
        let content = content(&message.author, message.text.as_str(), message.name.as_deref());
        self.find(digest_of(&[client(&message.author), message.id.as_str()]), content)
    }

    pub(super) fn find_request(&self, request: &AuthenticationRequest) -> Known {
        self.find(digest_of(&[request.client.as_str(), request.id.as_str()]), content_of_request(request))
    }

    fn find(&self, key: Digest, content: Digest) -> Known {
        match self.0.get(&key) {
            None => Known::No,
            Some(place) if place.content == content => Known::Same { sequence: place.sequence, at: place.at },
            Some(_) => Known::Other,
        }
    }

    pub(super) fn insert_message(&mut self, entry: &Entry, message: &Message) {
        let content = content(&message.author, message.text.as_str(), message.name.as_deref());
        self.insert(entry, digest_of(&[client(&message.author), message.id.as_str()]), content);
    }

    pub(super) fn insert_request(&mut self, entry: &Entry, request: &AuthenticationRequest) {
        let key = digest_of(&[request.client.as_str(), request.id.as_str()]);
        self.insert(entry, key, content_of_request(request));
    }

    fn insert(&mut self, entry: &Entry, key: Digest, content: Digest) {
        self.0.insert(key, Place { sequence: entry.sequence, at: entry.at, content });
    }
}

/// Customers' ids are apart from consumers', and each consumer's from the others'.
fn client(author: &Author) -> &str {
    match author {
        Author::Customer => "",
        Author::Consumer { client, .. } => client.as_str(),
    }
}

/// No role of a message has this name.
fn content_of_request(request: &AuthenticationRequest) -> Digest {
    match &request.message {
        None => digest_of(&["authentication request"]),
        Some(message) => digest_of(&["authentication request", message]),
    }
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

fn digest_of(parts: &[&str]) -> Digest {
    let mut short = Digest::default();
    short.copy_from_slice(&digest::of_parts(parts)[..16]);
    short
}
