//! A batch of entries becomes one transaction: what many entries did to one conversation is written once.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::domain::conversation::{
    Assignment, Authentication, AuthenticationChange, DowngradeReason, Ended, Entry, Fact, Place,
    SignInReason,
};
use crate::domain::id::{ConversationId, Sequence};
use crate::domain::time::UnixTime;
use crate::domain::token::Identity;

use super::super::{Followed, record};

/// `heard_at` and `active_at` may stand earlier than true by less than this, in milliseconds.
const ACTIVITY_LAG_MS: i64 = 1000;

/// What a batch changes of one conversation.
struct Patch<'a> {
    place: &'a Place,
    sequence: Sequence,
    updated_at: UnixTime,
    heard_at: Option<UnixTime>,
    active_at: Option<UnixTime>,
    started_at: Option<UnixTime>,
    authentication: Option<(&'a Authentication, Option<AuthenticationChange>, UnixTime)>,
    identity: Option<&'a Identity>,
    variables: Option<String>,
    assignment: Option<Assignment>,
    ended: Option<(&'a Ended, UnixTime)>,
}

impl<'a> Patch<'a> {
    const fn of(place: &'a Place) -> Self {
        Self {
            place,
            sequence: Sequence::START,
            updated_at: UnixTime::EPOCH,
            heard_at: None,
            active_at: None,
            started_at: None,
            authentication: None,
            identity: None,
            variables: None,
            assignment: None,
            ended: None,
        }
    }

    fn note(&mut self, entry: &'a Entry) {
        self.sequence = entry.sequence;
        self.updated_at = entry.at;
        if entry.fact.is_by_customer() {
            self.heard_at = Some(entry.at);
        }
        if entry.fact.is_activity() {
            self.active_at = Some(entry.at);
        }
        match &entry.fact {
            Fact::Started(started) => {
                self.started_at = Some(entry.at);
                let is_signed = entry.authentication.is_authenticated();
                let change = AuthenticationChange::SignIn(SignInReason::TokenPresented);
                self.authenticate(entry, is_signed.then_some(change));
                self.variables = Some(record::encode_variables(&started.variables));
                self.assignment = Some(Assignment::to(started.queue.clone(), None));
            }
            Fact::Authenticated(signed_in) => {
                self.authenticate(entry, Some(AuthenticationChange::SignIn(signed_in.reason)));
                self.variables = Some(record::encode_variables(&signed_in.variables));
            }
            Fact::Downgraded(downgraded) => {
                self.authenticate(entry, Some(AuthenticationChange::Downgrade(downgraded.reason)));
                self.variables = Some(record::encode_variables(&downgraded.variables));
            }
            Fact::Context(change) => self.variables = Some(record::encode_variables(&change.variables)),
            Fact::Assigned(assignment) => self.assignment = Some(assignment.clone()),
            Fact::Ended(ended) => self.ended = Some((ended, entry.at)),
            Fact::Message(_) | Fact::Read(_) | Fact::AuthenticationRequested(_) => {}
        }
    }

    fn authenticate(&mut self, entry: &'a Entry, change: Option<AuthenticationChange>) {
        self.authentication = Some((&entry.authentication, change, entry.at));
        if let Authentication::Authenticated(now) = &entry.authentication {
            self.identity.get_or_insert(&now.identity);
        }
    }
}

/// Applies a batch and moves the place on, in one transaction. Returns the next deadline.
pub(super) fn apply(connection: &Connection, batch: &[Followed]) -> rusqlite::Result<Option<UnixTime>> {
    let mut patches: BTreeMap<ConversationId, Patch<'_>> = BTreeMap::new();
    for followed in batch {
        patches.entry(followed.place.id).or_insert_with(|| Patch::of(&followed.place)).note(&followed.entry);
    }
    let transaction = connection.unchecked_transaction()?;
    for patch in patches.values() {
        write(&transaction, patch)?;
    }
    if let Some(last) = batch.last() {
        transaction.prepare_cached("UPDATE place SET position = ?1")?.execute([last.position.number])?;
    }
    transaction.commit()?;
    next_deadline(connection)
}

pub(super) fn next_deadline(connection: &Connection) -> rusqlite::Result<Option<UnixTime>> {
    let next: Option<i64> = connection
        .prepare_cached("SELECT min(deadline) FROM conversation WHERE deadline IS NOT NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(next.map(UnixTime::from_millis))
}

fn write(connection: &Connection, patch: &Patch<'_>) -> rusqlite::Result<()> {
    match (patch.started_at, &patch.assignment, patch.authentication, &patch.variables) {
        (Some(started_at), Some(assignment), Some(authentication), Some(variables)) => {
            insert(connection, patch, &Begun { started_at, assignment, authentication, variables })
        }
        _ => update(connection, patch),
    }
}

/// What every conversation has from its first entry on.
struct Begun<'p> {
    started_at: UnixTime,
    assignment: &'p Assignment,
    authentication: (&'p Authentication, Option<AuthenticationChange>, UnixTime),
    variables: &'p str,
}

/// A conversation that began in this batch is written once, with all that happened since: each further statement would
/// change the same indexes again.
fn insert(connection: &Connection, patch: &Patch<'_>, begun: &Begun<'_>) -> rusqlite::Result<()> {
    let Begun { started_at, assignment, authentication: (authentication, change, changed_at), variables } =
        begun;
    connection
        .prepare_cached(
            "INSERT INTO conversation (id, tenant, widget, open, authenticated, authentication, deadline, \
             changed_by, changed_at, issuer, subject, variables, queue, agent, sequence, started_at, updated_at, \
             heard_at, active_at, ended, ended_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
        )?
        .execute(params![
            patch.place.id.as_bytes(),
            patch.place.tenant.as_str(),
            patch.place.widget.as_str(),
            patch.ended.is_none(),
            authentication.is_authenticated(),
            record::encode_authentication(authentication),
            deadline(authentication).filter(|_| patch.ended.is_none()),
            change.map(change_name),
            change.map(|_| changed_at.millis()),
            patch.identity.map(|identity| &*identity.issuer),
            patch.identity.map(|identity| &*identity.subject),
            variables,
            assignment.queue,
            assignment.agent,
            number(patch.sequence),
            started_at.millis(),
            patch.updated_at.millis(),
            patch.heard_at.unwrap_or(*started_at).millis(),
            patch.active_at.unwrap_or(*started_at).millis(),
            patch.ended.map(|(ended, _)| record::encode_ended(ended)),
            patch.ended.map(|(_, at)| at.millis()),
        ])
        .map(drop)
}

fn update(connection: &Connection, patch: &Patch<'_>) -> rusqlite::Result<()> {
    let id = patch.place.id.as_bytes();
    connection
        .prepare_cached("UPDATE conversation SET sequence = ?2, updated_at = ?3 WHERE id = ?1")?
        .execute(params![id, number(patch.sequence), patch.updated_at.millis()])?;
    write_activity(connection, patch)?;
    write_authentication(connection, patch)?;
    if let Some(variables) = &patch.variables {
        connection
            .prepare_cached("UPDATE conversation SET variables = ?2 WHERE id = ?1")?
            .execute(params![id, variables])?;
    }
    if let Some(assignment) = &patch.assignment {
        connection
            .prepare_cached("UPDATE conversation SET queue = ?2, agent = ?3 WHERE id = ?1")?
            .execute(params![id, assignment.queue, assignment.agent])?;
    }
    if let Some((ended, at)) = patch.ended {
        connection
            .prepare_cached(
                "UPDATE conversation SET open = 0, deadline = NULL, ended = ?2, ended_at = ?3 WHERE id = ?1",
            )?
            .execute(params![id, record::encode_ended(ended), at.millis()])?;
    }
    Ok(())
}

/// Both stand in indexes, which are dear to change with every message. What they lag by is nothing to those who look
/// for silence: the conversation itself tells the instant.
fn write_activity(connection: &Connection, patch: &Patch<'_>) -> rusqlite::Result<()> {
    let id = patch.place.id.as_bytes();
    for (sql, at) in [
        ("UPDATE conversation SET heard_at = ?2 WHERE id = ?1 AND heard_at <= ?2 - ?3", patch.heard_at),
        ("UPDATE conversation SET active_at = ?2 WHERE id = ?1 AND active_at <= ?2 - ?3", patch.active_at),
    ] {
        if let Some(at) = at {
            connection.prepare_cached(sql)?.execute(params![id, at.millis(), ACTIVITY_LAG_MS])?;
        }
    }
    Ok(())
}

fn write_authentication(connection: &Connection, patch: &Patch<'_>) -> rusqlite::Result<()> {
    let Some((authentication, change, at)) = patch.authentication else { return Ok(()) };
    connection
        .prepare_cached(
            "UPDATE conversation SET authenticated = ?2, authentication = ?3, deadline = ?4, \
             changed_by = coalesce(?5, changed_by), changed_at = coalesce(?6, changed_at), \
             issuer = coalesce(issuer, ?7), subject = coalesce(subject, ?8) WHERE id = ?1",
        )?
        .execute(params![
            patch.place.id.as_bytes(),
            authentication.is_authenticated(),
            record::encode_authentication(authentication),
            deadline(authentication),
            change.map(change_name),
            change.map(|_| at.millis()),
            patch.identity.map(|identity| &*identity.issuer),
            patch.identity.map(|identity| &*identity.subject),
        ])
        .map(drop)
}

const fn deadline(authentication: &Authentication) -> Option<i64> {
    match authentication {
        Authentication::Authenticated(now) => Some(now.expires_at.millis()),
        Authentication::Anonymous => None,
    }
}

fn number(sequence: Sequence) -> i64 {
    i64::try_from(sequence.get()).unwrap_or(i64::MAX)
}

pub(super) const fn change_name(change: AuthenticationChange) -> &'static str {
    match change {
        AuthenticationChange::SignIn(SignInReason::TokenPresented) => "token_presented",
        AuthenticationChange::SignIn(SignInReason::TokenRefreshed) => "token_refreshed",
        AuthenticationChange::Downgrade(DowngradeReason::TokenExpired) => "token_expired",
        AuthenticationChange::Downgrade(DowngradeReason::KeyExpired) => "key_expired",
        AuthenticationChange::Downgrade(DowngradeReason::Revoked) => "revoked",
        AuthenticationChange::Downgrade(DowngradeReason::SignedOut) => "signed_out",
        AuthenticationChange::Downgrade(DowngradeReason::Idle) => "idle",
    }
}

pub(super) fn change_named(name: &str) -> Option<AuthenticationChange> {
    Some(match name {
        "token_presented" => AuthenticationChange::SignIn(SignInReason::TokenPresented),
        "token_refreshed" => AuthenticationChange::SignIn(SignInReason::TokenRefreshed),
        "token_expired" => AuthenticationChange::Downgrade(DowngradeReason::TokenExpired),
        "key_expired" => AuthenticationChange::Downgrade(DowngradeReason::KeyExpired),
        "revoked" => AuthenticationChange::Downgrade(DowngradeReason::Revoked),
        "signed_out" => AuthenticationChange::Downgrade(DowngradeReason::SignedOut),
        "idle" => AuthenticationChange::Downgrade(DowngradeReason::Idle),
        _ => return None,
    })
}
