//! Revocations: made, listed and lifted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::TenantId;
use crate::domain::time::UnixTime;
use crate::domain::token::Revocation;
use crate::revocations::{Kept, NotRevoked};

use super::answer::{Created, NoContent, Page, Written};
use super::call::Call;
use super::conversations::bad_cursor;
use super::member::{CURSOR, LIMIT, Member, TENANT};
use super::problem::{Code, Problem};
use super::revocation_body;

/// What the list is asked by.
pub(super) const LIST: &[Member] = &[TENANT, LIMIT, CURSOR];

/// `POST /v1/revocations`
pub(super) async fn revoke(mut call: Call) -> Result<Created<Made<'static>>, Problem> {
    let body = call.body().await?;
    let Call { shared, client, .. } = call;
    let order = revocation_body::read(&shared, &client, &body).await?;
    let revocations = shared.revocations.clone();
    // Run to its end whether or not the caller waits, as every command is.
    let revoking = shared.lifecycle.spawn(async move { revocations.revoke(order).await });
    let kept = revoking.await.map_err(|_| Problem::internal("a revocation panicked"))??;
    Ok(Created(Written::as_if(&Made { id: &kept.id, matched: kept.matched })))
}

/// `GET /v1/revocations`
pub(super) async fn list(call: Call) -> Result<Page<Item<'static>>, Problem> {
    let tenant = call.tenant()?;
    let Call { shared, client, query, .. } = call;
    query.only(LIST)?;
    let limit = query.limit()?;
    let before = query.get("cursor").map(|text| read_cursor(text).ok_or_else(bad_cursor)).transpose()?;
    let admit = |of: &TenantId| client.tenants.admit(of) && tenant.as_ref().is_none_or(|tenant| tenant == of);
    // One more than asked for is read: whether it is there says whether there is another page.
    let mut found = shared.revocations.list(&admit, before.as_ref(), limit + 1);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| write_cursor(last));
    let items = found.iter().map(|kept| item(kept, shared.revocations.until(kept)));
    Ok(Page::of(items, next))
}

/// `DELETE /v1/revocations/{id}`
pub(super) async fn lift(call: Call) -> Result<NoContent, Problem> {
    let Call { shared, client, parameter, .. } = call;
    let unknown = || {
        let detail = "There is no such revocation for this client: give an id from the list, unchanged. One that was \
                      lifted, or that no token can be touched by any more, is gone.";
        Problem::new(Code::UnknownRevocation, detail)
    };
    let id = parameter.filter(|id| is_id(id)).ok_or_else(unknown)?;
    let revocations = shared.revocations.clone();
    let lifting = shared
        .lifecycle
        .spawn(async move { revocations.lift(&id, |tenant| client.tenants.admit(tenant)).await });
    let lifted = lifting.await.map_err(|_| Problem::internal("a lifting panicked"))??;
    if lifted { Ok(NoContent) } else { Err(unknown()) }
}

impl From<NotRevoked> for Problem {
    fn from(why: NotRevoked) -> Self {
        match why {
            NotRevoked::Command(error) => error.into(),
            NotRevoked::IdConflict => Self::new(
                Code::IdConflict,
                "This client has used the id for another revocation: give each an id of its own, and repeat one only \
                 unchanged.",
            ),
            NotRevoked::TooMany => Self::new(
                Code::TooManyRevocations,
                format!(
                    "{why}, and no more are taken: lift some, or revoke everyone's tokens at once instead."
                ),
            ),
        }
    }
}

/// A revocation that is in force.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RevocationMade")]
pub(super) struct Made<'a> {
    /// usher's own id for it, to lift it by.
    id: &'a str,
    /// How many conversations were authenticated by such tokens when it was stored.
    matched: u64,
}

/// A revocation as the list has it, with its one target.
#[derive(Debug, Serialize, JsonSchema, Default)]
#[schemars(rename = "Revocation")]
pub(super) struct Item<'a> {
    id: &'a str,
    tenant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    everyone: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    matched: u64,
    client: &'a str,
}

fn item(kept: &Kept, until: Option<UnixTime>) -> Written<Item<'static>> {
    let mut item = Item {
        id: &kept.id,
        tenant: kept.tenant.as_str(),
        issued_before: kept.revocation.issued_before().map(|instant| instant.to_string()),
        created_at: kept.created_at.to_string(),
        until: until.map(|until| until.to_string()),
        matched: kept.matched,
        client: kept.client.as_str(),
        ..Item::default()
    };
    match &kept.revocation {
        Revocation::Identity { identity, .. } => {
            item.subject = Some(&identity.subject);
            item.issuer = Some(&identity.issuer);
        }
        Revocation::Everyone { .. } => item.everyone = Some(true),
        Revocation::Kid(kid) => item.kid = Some(kid),
        Revocation::Key(fingerprint) => item.fingerprint = Some(fingerprint.to_string()),
        Revocation::Conversation(conversation) => item.conversation = Some(conversation.to_string()),
    }
    Written::as_if(&item)
}

/// As usher makes them: 128 bits in lower-case hex.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn write_cursor(last: &Kept) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}", last.created_at.millis(), last.id))
}

fn read_cursor(text: &str) -> Option<(UnixTime, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (millis, id) = text.split_once('/')?;
    let at = UnixTime::from_millis(millis.parse().ok()?);
    is_id(id).then(|| (at, id.to_owned()))
}
