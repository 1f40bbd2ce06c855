//! The questions that the projection answers.

use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use crate::domain::conversation::{Assignment, Authenticated, Authentication, Place};
use crate::domain::id::{ConversationId, InvalidId, Sequence, TenantId, WidgetId};
use crate::domain::time::UnixTime;
use crate::domain::token::Identity;

use super::super::error::{Cause, JournalError};
use super::super::record;
use super::apply::change_named;
use super::summary::{Cursor, Filter, OpenCounts, Summary};

/// Where a page of a list ends, besides its count of rows: 4 MiB of variables.
const LIST_BYTES_MAX: usize = 4 << 20;

const COLUMNS: &str = "id, tenant, widget, authentication, changed_by, changed_at, issuer, subject, variables, \
                       queue, agent, sequence, started_at, updated_at, ended, ended_at, \
                       open AND connected";

/// Answered by an index alone, as is the next: both are asked often.
const OPEN_COUNTS: &str = "SELECT coalesce(sum(authenticated), 0), count(*) \
                           FROM conversation INDEXED BY conversation_open WHERE open";

const NEWEST_OPEN: &str = "SELECT id FROM conversation INDEXED BY conversation_subject WHERE open AND tenant = ?1 \
                           AND widget = ?2 AND issuer = ?3 AND subject = ?4 ORDER BY id DESC LIMIT 1";

fn unavailable(error: impl Into<Cause>) -> JournalError {
    JournalError::Unavailable(error.into())
}

fn slug<T: std::str::FromStr<Err = InvalidId>>(row: &Row<'_>, column: usize) -> Result<T, Cause> {
    Ok(row.get_ref(column)?.as_str()?.parse()?)
}

fn time(row: &Row<'_>, column: usize) -> Result<Option<UnixTime>, Cause> {
    Ok(row.get::<_, Option<i64>>(column)?.map(UnixTime::from_millis))
}

fn summarize(row: &Row<'_>) -> Result<Summary, Cause> {
    let id = ConversationId::from_bytes(row.get(0)?);
    let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str_or_null()?));
    let changed_by = text(4)?.and_then(change_named);
    let owner = |column| text(column).map(|found| found.map(Arc::<str>::from));
    let queue = row.get_ref(9)?.as_str()?.into();
    Ok(Summary {
        place: Place { id, tenant: slug(row, 1)?, widget: slug(row, 2)? },
        authentication: record::decode_authentication(row.get_ref(3)?.as_str()?)?,
        changed: changed_by.zip(time(row, 5)?),
        identity: owner(6)?.zip(owner(7)?).map(|(issuer, subject)| Identity { issuer, subject }),
        variables: record::decode_variables(row.get_ref(8)?.as_str()?)?,
        assignment: Assignment::to(queue, row.get(10)?),
        sequence: Sequence::new(u64::try_from(row.get::<_, i64>(11)?)?),
        started_at: UnixTime::from_millis(row.get(12)?),
        updated_at: UnixTime::from_millis(row.get(13)?),
        ended: text(14)?.map(record::decode_ended).transpose()?,
        ended_at: time(row, 15)?,
        connected: row.get(16)?,
    })
}

pub(super) fn summary(connection: &Connection, id: ConversationId) -> Result<Option<Summary>, JournalError> {
    let sql = format!("SELECT {COLUMNS} FROM conversation WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let mut rows = statement.query([id.as_bytes()]).map_err(unavailable)?;
    rows.next().map_err(unavailable)?.map(|row| summarize(row).map_err(unavailable)).transpose()
}

/// The newest first: ids sort by the time of the beginning, so a page goes on where the last one ended, whatever
/// was written between.
pub(super) fn list(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Summary>, Option<Cursor>), JournalError> {
    let (sql, parameters) = select(filter, limit, after);
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let mut rows = statement.query(params_from_iter(parameters)).map_err(unavailable)?;
    let (mut found, mut bytes, mut has_more) = (Vec::new(), 0, false);
    while let Some(row) = rows.next().map_err(unavailable)? {
        // One more than asked for is read: whether it is there says whether there is another page.
        has_more = found.len() == limit || bytes >= LIST_BYTES_MAX;
        if has_more {
            break;
        }
        bytes += row.get_ref(8).and_then(|variables| Ok(variables.as_str()?.len())).map_err(unavailable)?;
        found.push(summarize(row).map_err(unavailable)?);
    }
    let cursor = found.last().filter(|_| has_more).map(|last| Cursor(last.place.id));
    Ok((found, cursor))
}

fn select(filter: &Filter, limit: usize, after: Option<Cursor>) -> (String, Vec<Value>) {
    let mut sql = format!("SELECT {COLUMNS} FROM conversation WHERE 1");
    let mut parameters = Vec::new();
    let mut restrict = |condition: &str, value: Value| {
        sql.push_str(condition);
        parameters.push(value);
    };
    if let Some(Cursor(id)) = after {
        restrict(" AND id < ?", id.as_bytes().to_vec().into());
    }
    if let Some(tenant) = &filter.tenant {
        restrict(" AND tenant = ?", tenant.to_string().into());
    }
    match (filter.authenticated, filter.as_of) {
        (None, _) => {}
        (Some(authenticated), None) => restrict(" AND authenticated = ?", i64::from(authenticated).into()),
        (Some(true), Some(now)) => {
            restrict(" AND authenticated AND (deadline IS NULL OR deadline > ?)", now.millis().into());
        }
        (Some(false), Some(now)) => {
            restrict(" AND (NOT authenticated OR deadline <= ?)", now.millis().into());
        }
    }
    if let Some(queue) = &filter.queue {
        restrict(" AND queue = ?", queue.clone().into());
    }
    if let Some(subject) = &filter.subject {
        restrict(" AND subject = ?", subject.clone().into());
    }
    if let Some(allowed) = &filter.allowed {
        // Slugs hold nothing that JSON has to escape.
        let names: Vec<String> = allowed.iter().map(|tenant| format!("\"{tenant}\"")).collect();
        let list = format!("[{}]", names.join(","));
        restrict(" AND tenant IN (SELECT value FROM json_each(?))", list.into());
    }
    match filter.open {
        // Word for word as in the index.
        Some(true) => sql.push_str(" AND open"),
        Some(false) => sql.push_str(" AND NOT open"),
        None => {}
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    parameters.push(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX).into());
    (sql, parameters)
}

/// What is due until `until`, the earliest first, after the one given.
pub(super) fn deadlines(
    connection: &Connection,
    until: UnixTime,
    after: Option<(UnixTime, ConversationId)>,
    limit: usize,
) -> rusqlite::Result<Vec<(UnixTime, ConversationId)>> {
    let sql = "SELECT deadline, id FROM conversation WHERE deadline IS NOT NULL AND deadline <= ?1 \
               AND (deadline, id) > (?2, ?3) ORDER BY deadline, id LIMIT ?4";
    instants(connection, sql, until, after, limit)
}

/// Open conversations in which nobody has said anything since `until`, the longest silent first.
pub(super) fn silent_since(
    connection: &Connection,
    until: UnixTime,
    after: Option<(UnixTime, ConversationId)>,
    limit: usize,
) -> rusqlite::Result<Vec<(UnixTime, ConversationId)>> {
    let sql = "SELECT active_at, id FROM conversation WHERE open AND active_at <= ?1 \
               AND (active_at, id) > (?2, ?3) ORDER BY active_at, id LIMIT ?4";
    instants(connection, sql, until, after, limit)
}

/// Authenticated ones whose customer was not heard of since `until`, the longest unheard first.
pub(super) fn unheard_since(
    connection: &Connection,
    until: UnixTime,
    after: Option<(UnixTime, ConversationId)>,
    limit: usize,
) -> rusqlite::Result<Vec<(UnixTime, ConversationId)>> {
    let sql = "SELECT heard_at, id FROM conversation WHERE open AND authenticated AND heard_at <= ?1 \
               AND (heard_at, id) > (?2, ?3) ORDER BY heard_at, id LIMIT ?4";
    instants(connection, sql, until, after, limit)
}

/// A page in the order of an instant, after the one given. The conditions are those of an index, word for word.
fn instants(
    connection: &Connection,
    sql: &str,
    until: UnixTime,
    after: Option<(UnixTime, ConversationId)>,
    limit: usize,
) -> rusqlite::Result<Vec<(UnixTime, ConversationId)>> {
    let (at, id) = after.map_or((-1, [0; 16]), |(at, id)| (at.millis(), *id.as_bytes()));
    connection
        .prepare_cached(sql)?
        .query_map(params![until.millis(), at, id, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((UnixTime::from_millis(row.get(0)?), ConversationId::from_bytes(row.get(1)?)))
        })?
        .collect()
}

/// Open conversations that are, or are not, connected, in the order of tenants and their ids, after the one given.
///
/// It is asked after a start, and where something was missed: the index of the open ones has to do, so that nothing is
/// written into another one with every beginning.
pub(super) fn connected(
    connection: &Connection,
    connected: bool,
    after: Option<&(TenantId, ConversationId)>,
    limit: usize,
) -> Result<Vec<(TenantId, ConversationId)>, JournalError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT tenant, id FROM conversation INDEXED BY conversation_open \
             WHERE open AND connected = ?1 AND (tenant, id) > (?2, ?3) ORDER BY tenant, id LIMIT ?4",
        )
        .map_err(unavailable)?;
    let (tenant, id) = after.map_or(("", [0; 16]), |(tenant, id)| (tenant.as_str(), *id.as_bytes()));
    let parameters = params![connected, tenant, id, i64::try_from(limit).unwrap_or(i64::MAX)];
    let mut rows = statement.query(parameters).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let id = row.get(1).map(ConversationId::from_bytes).map_err(unavailable)?;
        found.push((slug(row, 0).map_err(unavailable)?, id));
    }
    Ok(found)
}

pub(super) fn open_counts(connection: &Connection) -> rusqlite::Result<OpenCounts> {
    connection.prepare_cached(OPEN_COUNTS)?.query_row([], |row| {
        let count = |column| row.get(column).map(|count: i64| u64::try_from(count).unwrap_or(0));
        let (authenticated, open) = (count(0)?, count(1)?);
        Ok(OpenCounts { authenticated, anonymous: open.saturating_sub(authenticated) })
    })
}

pub(super) fn newest_open(
    connection: &Connection,
    tenant: &TenantId,
    widget: &WidgetId,
    identity: &Identity,
) -> rusqlite::Result<Option<ConversationId>> {
    connection
        .prepare_cached(NEWEST_OPEN)?
        .query_row(params![tenant.as_str(), widget.as_str(), &*identity.issuer, &*identity.subject], |row| {
            row.get(0).map(ConversationId::from_bytes)
        })
        .optional()
}

/// By the index that leads to the fewest: a customer's own conversations, or the tenant's open ones.
pub(super) fn authenticated(
    connection: &Connection,
    tenant: &TenantId,
    identity: Option<&Identity>,
    after: Option<ConversationId>,
    limit: usize,
) -> Result<Vec<(ConversationId, Authenticated)>, JournalError> {
    let index = if identity.is_some() { "conversation_subject" } else { "conversation_open" };
    let whose = if identity.is_some() { "subject = ?4 AND issuer = ?5" } else { "?4 IS NULL AND ?5 IS NULL" };
    let sql = format!(
        "SELECT id, authentication FROM conversation INDEXED BY {index} \
         WHERE open AND authenticated AND tenant = ?1 AND id > ?2 AND {whose} ORDER BY id LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let after = after.map_or([0; 16], |id| *id.as_bytes());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (subject, issuer) = identity.map(|one| (&*one.subject, &*one.issuer)).unzip();
    let parameters = params![tenant.as_str(), after, limit, subject, issuer];
    let mut rows = statement.query(parameters).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let id = ConversationId::from_bytes(row.get(0).map_err(unavailable)?);
        let text = row.get_ref(1).and_then(|text| Ok(text.as_str()?)).map_err(unavailable)?;
        if let Authentication::Authenticated(held) =
            record::decode_authentication(text).map_err(unavailable)?
        {
            found.push((id, held));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::schema::TABLES;
    use super::*;

    fn tables() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection
    }

    fn id(number: u8) -> ConversationId {
        ConversationId::from_bytes([number; 16])
    }

    /// One of `owner`: its tenant, widget, issuer and subject.
    fn insert(connection: &Connection, number: u8, owner: [&str; 4], open: bool, authenticated: bool) {
        let [tenant, widget, issuer, subject] = owner;
        let sql = "INSERT INTO conversation (id, tenant, widget, issuer, subject, open, authenticated, \
                   authentication, variables, queue, sequence, started_at, updated_at, heard_at, active_at, connected) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '', '', '', 1, 0, 0, 0, 0, 1)";
        let id = id(number);
        let values = params![id.as_bytes(), tenant, widget, issuer, subject, open, authenticated];
        connection.execute(sql, values).unwrap();
    }

    const OWNER: [&str; 4] = ["contoso", "web", "contoso.example", "ada"];

    #[test]
    fn the_newest_open_one_is_that_of_the_same_tenant_widget_issuer_and_subject() {
        let connection = tables();
        insert(&connection, 1, OWNER, true, false);
        insert(&connection, 2, OWNER, true, true);
        insert(&connection, 3, OWNER, false, false);
        for (number, other) in (4..).zip(0..OWNER.len()) {
            let mut owner = OWNER;
            owner[other] = "other";
            insert(&connection, number, owner, true, true);
        }
        let identity = |subject: &str| Identity { issuer: OWNER[2].into(), subject: subject.into() };
        let newest = |subject| {
            let (tenant, widget) = (OWNER[0].parse().unwrap(), OWNER[1].parse().unwrap());
            newest_open(&connection, &tenant, &widget, &identity(subject)).unwrap()
        };
        assert_eq!(newest("ada"), Some(id(2)));
        assert_eq!(newest("other"), Some(id(7)));
        assert_eq!(newest("nobody"), None);
    }

    #[test]
    fn the_open_ones_are_counted_by_their_authentication() {
        let connection = tables();
        let counts = |authenticated, anonymous| OpenCounts { authenticated, anonymous };
        assert_eq!(open_counts(&connection).unwrap(), counts(0, 0));
        for (number, (open, authenticated)) in
            (1..).zip([(true, true), (true, false), (true, false), (false, true), (false, false)])
        {
            insert(&connection, number, OWNER, open, authenticated);
        }
        assert_eq!(open_counts(&connection).unwrap(), counts(1, 2));
    }

    #[test]
    fn what_is_asked_often_is_answered_by_an_index_alone() {
        let connection = tables();
        for (sql, values, index) in
            [(OPEN_COUNTS, 0, "conversation_open"), (NEWEST_OPEN, 4, "conversation_subject")]
        {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps: Vec<String> = plan
                .query_map(params_from_iter(OWNER.iter().take(values)), |row| row.get(3))
                .unwrap()
                .collect::<rusqlite::Result<_>>()
                .unwrap();
            let [step] = &steps[..] else { panic!("{steps:?}") };
            assert!(step.contains(&format!("USING COVERING INDEX {index}")), "{step}");
        }
    }
}
