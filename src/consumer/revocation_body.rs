//! What is to be revoked, as a request says it: exactly one target.

use crate::config::Client;
use crate::domain::conversation::{MESSAGE_ID_CHARACTERS_MAX, MessageId};
use crate::domain::id::TenantId;
use crate::domain::json::Json;
use crate::domain::keys::MAX_KID_BYTES;
use crate::domain::time::UnixTime;
use crate::domain::token::{Identity, Revocation};
use crate::revocations::{Order, fingerprint_of};

use super::Shared;
use super::body::Members;
use super::member::{Form, Member};
use super::problem::Problem;

/// Characters of a token's `sub`.
const SUBJECT_CHARACTERS_MAX: usize = 256;
/// Characters of a token's `iss`.
const ISSUER_CHARACTERS_MAX: usize = 512;

/// The members of an order to revoke.
pub(super) const MEMBERS: &[Member] = &[
    Member::optional("tenant", Form::Tenant, "Whose tokens; left out with conversation."),
    Member::optional(
        "subject",
        Form::Label { most: SUBJECT_CHARACTERS_MAX },
        "With issuer: this identity's tokens.",
    ),
    Member::optional("issuer", Form::Label { most: ISSUER_CHARACTERS_MAX }, "With subject."),
    Member::optional(
        "kid",
        Form::Text { most: MAX_KID_BYTES },
        "The tokens that the key of this name signed.",
    ),
    Member::optional(
        "fingerprint",
        Form::Fingerprint,
        "The tokens that this key signed: SHA-256 of its SPKI.",
    ),
    Member::optional("conversation", Form::Uuid, "The authentication of this conversation."),
    Member::optional("everyone", Form::True, "All of the tenant's tokens."),
    Member::optional(
        "issued_before",
        Form::Instant,
        "With subject and issuer, or with everyone: only tokens issued before; now where it isn't given.",
    ),
    Member::optional(
        "id",
        Form::Id { most: MESSAGE_ID_CHARACTERS_MAX },
        "The caller's own id for this revocation: the same again gives the same answer.",
    ),
];
/// What must be there for each kind of target.
pub(super) const TARGETS: [&[&str]; 5] = [
    &["tenant", "subject", "issuer"],
    &["tenant", "kid"],
    &["tenant", "fingerprint"],
    &["conversation"],
    &["tenant", "everyone"],
];

/// Reads a body. Whose tenant and which conversation it is about is judged before anything else in it.
pub(super) async fn read(shared: &Shared, client: &Client, body: &[u8]) -> Result<Order, Problem> {
    let mut members = Members::parse(body, MEMBERS)?;
    let named = members.string("tenant");
    let tenant = named.map(|name| shared.tenant(client, &name)).transpose()?;
    let conversation = match members.string("conversation") {
        Some(id) => Some(shared.conversation_named(client, &id).await?),
        None => None,
    };
    let own_id = members.string("id");
    if own_id.as_deref().is_some_and(|id| MessageId::new(id).is_none()) {
        members.fault(format!("id must have 1 to {MESSAGE_ID_CHARACTERS_MAX} characters"));
    }
    let given = instant(&mut members);
    let issued_before = given.unwrap_or_else(|| shared.clock.now().ceil_to_second());
    let target = match one_kind(&mut members) {
        Some(Kind::Conversation) => {
            conversation.map(|place| (place.tenant, Revocation::Conversation(place.id)))
        }
        Some(kind) => tenant.zip(of_tenant(&mut members, kind, issued_before)),
        None => None,
    };
    let Some((tenant, revocation)) = target else { return Err(members.refused()) };
    members.finish()?;
    Ok(order(client, own_id, tenant, revocation, given.is_some()))
}

fn order(
    client: &Client,
    own_id: Option<String>,
    tenant: TenantId,
    revocation: Revocation,
    instant_given: bool,
) -> Order {
    Order { client: client.id.clone(), own_id, tenant, revocation, instant_given }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Identity,
    Kid,
    Fingerprint,
    Conversation,
    Everyone,
}

/// The one kind of target that the body has; what it lacks for that, or has too much, is noted.
fn one_kind(members: &mut Members<'_>) -> Option<Kind> {
    let kinds = [
        (Kind::Identity, members.has("subject") || members.has("issuer")),
        (Kind::Kid, members.has("kid")),
        (Kind::Fingerprint, members.has("fingerprint")),
        (Kind::Conversation, members.has("conversation")),
        (Kind::Everyone, members.has("everyone")),
    ];
    let mut there = kinds.into_iter().filter(|(_, is_there)| *is_there).map(|(kind, _)| kind);
    let (Some(kind), None) = (there.next(), there.next()) else {
        let takes = "subject with issuer, kid, fingerprint, conversation, or everyone";
        members.fault(format!("exactly one target must be there: {takes}"));
        return None;
    };
    if kind == Kind::Conversation {
        if members.has("tenant") {
            members.fault("tenant must be left out with conversation, which has its own");
        }
    } else if !members.has("tenant") {
        members.fault("tenant is missing");
    }
    if members.has("issued_before") && !matches!(kind, Kind::Identity | Kind::Everyone) {
        members.fault("issued_before goes with subject and issuer, or with everyone, alone");
    }
    Some(kind)
}

fn instant(members: &mut Members<'_>) -> Option<UnixTime> {
    let text = members.string("issued_before")?;
    let instant = UnixTime::parse_rfc3339(&text);
    if instant.is_none() {
        members
            .fault("issued_before must be a time of RFC 3339 with its offset, such as 2026-01-31T12:00:00Z");
    }
    instant
}

fn of_tenant(members: &mut Members<'_>, kind: Kind, issued_before: UnixTime) -> Option<Revocation> {
    match kind {
        Kind::Identity => {
            let mut claim = |name| {
                if !members.has(name) {
                    members.fault(format!("{name} is missing"));
                }
                members.label(name)
            };
            let subject = claim("subject");
            let issuer = claim("issuer");
            let identity = Identity { subject: subject?.into(), issuer: issuer?.into() };
            Some(Revocation::Identity { identity, issued_before })
        }
        Kind::Everyone => {
            if *members.get("everyone")? != Json::Bool(true) {
                members.fault("everyone must be true");
            }
            Some(Revocation::Everyone { issued_before })
        }
        Kind::Kid => {
            let name = members.string("kid")?;
            if !(1..=MAX_KID_BYTES).contains(&name.len()) {
                members.fault(format!("kid must have 1 to {MAX_KID_BYTES} bytes"));
            }
            Some(Revocation::Kid(name.into()))
        }
        Kind::Fingerprint => {
            let text = members.string("fingerprint")?;
            let fingerprint = fingerprint_of(&text);
            if fingerprint.is_none() {
                members
                    .fault("fingerprint must be 64 lower-case hexadecimal digits: the SHA-256 of the SPKI");
            }
            fingerprint.map(Revocation::Key)
        }
        Kind::Conversation => None,
    }
}
