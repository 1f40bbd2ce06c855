//! How an entry is written down. These shapes are what journals on disks hold: they change only together with the
//! journal's format number, and `record/tests.rs` holds what each fact looks like.
//!
//! Each shape stands for a type of the domain (serde's *remote* derive): when that one changes, this no longer
//! compiles, and somebody decides what becomes of the entries already stored.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::context::{
    ContextReport, Primitive, RejectedVariable, RejectionReason, Source, Value, Variable, Variables,
};
use crate::domain::conversation::{
    Assignment, Authenticated, Authentication, AuthenticationRequest, Author, ContextChange, DowngradeReason,
    Downgraded, Ended, EndedBy, Entry, Fact, Message, MessageId, MessageText, Read, Reader, Role,
    SignInReason, SignedIn, Started,
};
use crate::domain::id::{ClientId, Sequence};
use crate::domain::keys::Fingerprint;
use crate::domain::time::UnixTime;
use crate::domain::token::{AuthenticationEnd, Identity};

mod field;
#[cfg(test)]
mod tests;

/// The fact's name in the column `type`.
pub(super) const fn type_of(fact: &Fact) -> &'static str {
    match fact {
        Fact::Started(_) => "started",
        Fact::Authenticated(_) => "authenticated",
        Fact::Downgraded(_) => "downgraded",
        Fact::Context(_) => "context",
        Fact::Message(_) => "message",
        Fact::Read(_) => "read",
        Fact::AuthenticationRequested(_) => "authentication_requested",
        Fact::Assigned(_) => "assigned",
        Fact::Ended(_) => "ended",
    }
}

/// Writes everything of an entry but its sequence and time, which stand in columns.
pub(super) fn encode(entry: &Entry) -> String {
    let mut body = Vec::with_capacity(256);
    EntryShape::serialize(entry, &mut serde_json::Serializer::new(&mut body))
        .expect("writing to memory can't fail, and every shape has text for its keys");
    String::from_utf8(body).expect("serde_json writes UTF-8")
}

/// Reads an entry back.
pub(super) fn decode(sequence: Sequence, at: UnixTime, body: &str) -> Result<Entry, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(body);
    let entry = EntryShape::deserialize(&mut reader)?;
    reader.end()?;
    Ok(Entry { sequence, at, ..entry })
}

/// Any value by a shape, for columns of their own.
macro_rules! column {
    ($write:ident, $read:ident, $type:ty, $shape:literal) => {
        pub(super) fn $write(value: &$type) -> String {
            #[derive(Serialize)]
            struct Column<'a>(#[serde(with = $shape)] &'a $type);
            serde_json::to_string(&Column(value)).expect("every shape has text for its keys")
        }

        pub(super) fn $read(text: &str) -> Result<$type, serde_json::Error> {
            #[derive(Deserialize)]
            struct Column(#[serde(with = $shape)] $type);
            serde_json::from_str::<Column>(text).map(|column| column.0)
        }
    };
}

column!(encode_authentication, decode_authentication, Authentication, "AuthenticationShape");
column!(encode_variables, decode_variables, Variables, "field::variables");
column!(encode_ended, decode_ended, Ended, "EndedShape");

const fn epoch() -> UnixTime {
    UnixTime::EPOCH
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Entry", deny_unknown_fields)]
struct EntryShape {
    #[serde(skip)]
    sequence: Sequence,
    #[serde(skip, default = "epoch")]
    at: UnixTime,
    #[serde(with = "AuthenticationShape")]
    authentication: Authentication,
    #[serde(with = "FactShape")]
    fact: Fact,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Authentication", rename_all = "snake_case")]
enum AuthenticationShape {
    Anonymous,
    Authenticated(#[serde(with = "AuthenticatedShape")] Authenticated),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Authenticated", deny_unknown_fields)]
struct AuthenticatedShape {
    #[serde(with = "IdentityShape")]
    identity: Identity,
    #[serde(with = "field::time")]
    issued_at: UnixTime,
    #[serde(with = "field::time")]
    expires_at: UnixTime,
    #[serde(with = "AuthenticationEndShape")]
    ends_by: AuthenticationEnd,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    kid: Option<Arc<str>>,
    #[serde(with = "field::fingerprint")]
    fingerprint: Fingerprint,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Identity", deny_unknown_fields)]
struct IdentityShape {
    issuer: Arc<str>,
    subject: Arc<str>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "AuthenticationEnd", rename_all = "snake_case")]
enum AuthenticationEndShape {
    TokenExpired,
    KeyExpired,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Fact", rename_all = "snake_case")]
enum FactShape {
    Started(#[serde(with = "StartedShape")] Started),
    Authenticated(#[serde(with = "SignedInShape")] SignedIn),
    Downgraded(#[serde(with = "DowngradedShape")] Downgraded),
    Context(#[serde(with = "ContextChangeShape")] ContextChange),
    Message(#[serde(with = "MessageShape")] Message),
    Read(#[serde(with = "ReadShape")] Read),
    AuthenticationRequested(#[serde(with = "AuthenticationRequestShape")] AuthenticationRequest),
    Assigned(#[serde(with = "AssignmentShape")] Assignment),
    Ended(#[serde(with = "EndedShape")] Ended),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Started", deny_unknown_fields)]
struct StartedShape {
    #[serde(with = "field::variables")]
    variables: Variables,
    #[serde(with = "ContextReportShape")]
    context: ContextReport,
    queue: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    rule: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    priority: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    origin: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SignedIn", deny_unknown_fields)]
struct SignedInShape {
    #[serde(with = "SignInReasonShape")]
    reason: SignInReason,
    #[serde(with = "field::variables")]
    variables: Variables,
    changed: Vec<String>,
    #[serde(with = "ContextReportShape")]
    context: ContextReport,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SignInReason", rename_all = "snake_case")]
enum SignInReasonShape {
    TokenPresented,
    TokenRefreshed,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Downgraded", deny_unknown_fields)]
struct DowngradedShape {
    #[serde(with = "DowngradeReasonShape")]
    reason: DowngradeReason,
    #[serde(with = "AuthenticatedShape")]
    previous: Authenticated,
    #[serde(with = "field::variables")]
    variables: Variables,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "DowngradeReason", rename_all = "snake_case")]
enum DowngradeReasonShape {
    TokenExpired,
    KeyExpired,
    Revoked,
    SignedOut,
    Idle,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ContextChange", deny_unknown_fields)]
struct ContextChangeShape {
    #[serde(with = "field::variables")]
    variables: Variables,
    changed: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Read", deny_unknown_fields)]
struct ReadShape {
    #[serde(with = "ReaderShape")]
    by: Reader,
    #[serde(with = "field::sequence")]
    up_to: Sequence,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Reader", rename_all = "snake_case")]
enum ReaderShape {
    Customer,
    Agent,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "AuthenticationRequest", deny_unknown_fields)]
struct AuthenticationRequestShape {
    #[serde(with = "field::client")]
    client: ClientId,
    #[serde(with = "field::message_id")]
    id: MessageId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    message: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Message", deny_unknown_fields)]
struct MessageShape {
    #[serde(with = "AuthorShape")]
    author: Author,
    #[serde(with = "field::message_id")]
    id: MessageId,
    #[serde(with = "field::message_text")]
    text: MessageText,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<String>,
    authenticated: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Author", rename_all = "snake_case")]
enum AuthorShape {
    Customer,
    Consumer {
        #[serde(with = "field::client")]
        client: ClientId,
        #[serde(with = "RoleShape")]
        role: Role,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Role", rename_all = "snake_case")]
enum RoleShape {
    Agent,
    Bot,
    System,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Assignment", deny_unknown_fields)]
struct AssignmentShape {
    queue: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    rule: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    priority: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Ended", deny_unknown_fields)]
struct EndedShape {
    #[serde(with = "EndedByShape")]
    by: EndedBy,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "EndedBy", rename_all = "snake_case")]
enum EndedByShape {
    Customer,
    Agent,
    System,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ContextReport", deny_unknown_fields)]
struct ContextReportShape {
    accepted: Vec<String>,
    #[serde(with = "field::rejected")]
    rejected: Vec<RejectedVariable>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RejectedVariable", deny_unknown_fields)]
struct RejectedVariableShape {
    name: String,
    #[serde(with = "RejectionReasonShape")]
    reason: RejectionReason,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RejectionReason", rename_all = "snake_case")]
enum RejectionReasonShape {
    Undeclared,
    WrongType,
    NameTooLong,
    ValueTooLong,
    TooMany,
    Duplicate,
    SignedWins,
    SignedOnly,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Variable", deny_unknown_fields)]
struct VariableShape {
    #[serde(with = "PrimitiveShape")]
    raw: Primitive,
    #[serde(with = "ValueShape")]
    value: Value,
    #[serde(with = "SourceShape")]
    source: Source,
    displayable: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Primitive", rename_all = "snake_case")]
enum PrimitiveShape {
    Text(String),
    Number(String),
    Boolean(bool),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Value", rename_all = "snake_case")]
enum ValueShape {
    Text(String),
    Number(#[serde(with = "field::double")] f64),
    Boolean(bool),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Source", rename_all = "snake_case")]
enum SourceShape {
    Token,
    Widget,
}
