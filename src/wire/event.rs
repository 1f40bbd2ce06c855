//! The events that consumers read: CloudEvents 1.0 in the JSON format.

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::conversation::{
    Assignment, Authentication, AuthenticationRequest, ContextChange, Downgraded, Ended, Entry, Fact,
    Message, Place, Read, SignedIn, Started,
};
use crate::domain::conversation::{DowngradeReason, EndedBy, Reader, SignInReason};
use crate::domain::time::UnixTime;

use super::schema;
use super::views::{AuthenticationView, Rfc3339, VariablesView, role_name};

/// Every stored type's full name.
pub const EVENT_TYPES: [&str; 9] = [
    "usher.conversation.started",
    "usher.conversation.authenticated",
    "usher.conversation.downgraded",
    "usher.conversation.context",
    "usher.conversation.message",
    "usher.conversation.assigned",
    "usher.conversation.authentication_requested",
    "usher.conversation.read",
    "usher.conversation.ended",
];

/// The type of the one event that is never stored: it has neither sequence nor position.
pub const TYPING_TYPE: &str = "usher.conversation.typing";

/// The type of the event that a fact is.
#[must_use]
pub const fn event_type(fact: &Fact) -> &'static str {
    match fact {
        Fact::Started(_) => "usher.conversation.started",
        Fact::Authenticated(_) => "usher.conversation.authenticated",
        Fact::Downgraded(_) => "usher.conversation.downgraded",
        Fact::Context(_) => "usher.conversation.context",
        Fact::Message(_) => "usher.conversation.message",
        Fact::Read(_) => "usher.conversation.read",
        Fact::AuthenticationRequested(_) => "usher.conversation.authentication_requested",
        Fact::Assigned(_) => "usher.conversation.assigned",
        Fact::Ended(_) => "usher.conversation.ended",
    }
}

#[derive(Serialize, JsonSchema)]
struct CloudEvent<'a> {
    specversion: &'static str,
    /// `{conversation}/{sequence}`: an event that comes twice has the same one.
    id: String,
    /// `/tenants/{tenant}/widgets/{widget}`
    source: String,
    r#type: &'static str,
    /// The conversation's id.
    subject: String,
    /// When it was journaled.
    time: Rfc3339,
    datacontenttype: &'static str,
    tenant: &'a str,
    /// The place in the conversation, in digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    /// The place in the journal, opaque: where a reader goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<&'a str>,
    #[schemars(skip)]
    data: Data<'a>,
}

#[derive(Serialize, JsonSchema)]
struct Data<'a> {
    /// The place in the conversation: from 1, without gaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    /// The state of authentication after the event.
    authentication: AuthenticationView<'a>,
    #[serde(flatten)]
    #[schemars(skip)]
    fact: FactView<'a>,
}

/// What the types have besides; the title of each in the schema names its types.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum FactView<'a> {
    /// A conversation began.
    #[schemars(title = "usher.conversation.started")]
    Started {
        variables: VariablesView<'a>,
        queue: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        priority: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        locale: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        origin: Option<&'a str>,
    },
    /// The customer signed in, or brought a fresher token.
    #[schemars(title = "usher.conversation.authenticated")]
    Authenticated {
        #[schemars(schema_with = "schema::sign_in")]
        reason: &'static str,
        variables: VariablesView<'a>,
        changed: &'a [String],
    },
    /// The authentication ended; the conversation goes on.
    #[schemars(title = "usher.conversation.downgraded")]
    Downgraded {
        #[schemars(schema_with = "schema::downgrade")]
        reason: &'static str,
        /// The authentication that ended.
        previous: AuthenticationView<'a>,
        variables: VariablesView<'a>,
    },
    /// The page's variables changed.
    #[schemars(title = "usher.conversation.context")]
    Context { variables: VariablesView<'a>, changed: &'a [String] },
    /// Somebody said something.
    #[schemars(title = "usher.conversation.message")]
    Message {
        #[schemars(schema_with = "schema::role")]
        from: &'static str,
        text: &'a str,
        id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        authenticated: bool,
    },
    /// Queue or agent changed.
    #[schemars(title = "usher.conversation.assigned")]
    Assigned {
        queue: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        priority: Option<i64>,
    },
    /// Somebody has read up to a sequence.
    #[schemars(title = "usher.conversation.read")]
    Read {
        #[schemars(schema_with = "schema::reader")]
        by: &'static str,
        up_to: u64,
    },
    /// The customer was asked to sign in.
    #[schemars(title = "usher.conversation.authentication_requested")]
    AuthenticationRequested {
        #[schemars(schema_with = "schema::asker")]
        by: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    /// Somebody types. On the live stream alone: without sequence and position, and never stored.
    #[schemars(title = "usher.conversation.typing")]
    Typing {
        #[schemars(schema_with = "schema::role")]
        from: &'static str,
    },
    /// The conversation ended: nothing comes after it.
    #[schemars(title = "usher.conversation.ended")]
    Ended {
        #[schemars(schema_with = "schema::ender")]
        by: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
}

/// Each event's type and the schema of the whole event.
pub fn event_schemas(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
    let facts = schema::alternatives::<FactView<'_>>(generator, "/title");
    let types = facts.iter().flat_map(|(types, fact)| types.split(' ').map(move |name| (name, fact)));
    let types = types.map(|(name, fact)| (name.to_owned(), event_schema(generator, name, fact)));
    types.collect()
}

fn event_schema(generator: &mut SchemaGenerator, name: &str, fact: &Value) -> Value {
    let is_stored = name != TYPING_TYPE;
    let mut data = Data::json_schema(generator).to_value();
    schema::merge(&mut data, fact, "/properties");
    schema::merge(&mut data, fact, "/required");
    let mut event = CloudEvent::json_schema(generator).to_value();
    event["description"] = fact["description"].clone();
    let fixed = json!({
        "specversion": { "const": "1.0" },
        "type": { "const": name },
        "datacontenttype": { "const": "application/json" },
        "sequence": { "type": "string", "pattern": "^[1-9][0-9]*$" },
        "position": { "type": "string" },
    });
    for (member, schema) in fixed.as_object().into_iter().flatten() {
        for (key, value) in schema.as_object().into_iter().flatten() {
            event["properties"][member][key] = value.clone();
        }
    }
    for (schema, names) in [(&mut data, &["sequence"][..]), (&mut event, &["sequence", "position"])] {
        for name in names {
            if is_stored {
                schema::require(schema, name);
            } else {
                schema::forbid(schema, name);
            }
        }
    }
    event["properties"]["data"] = data;
    schema::require(&mut event, "data");
    event
}

/// One entry as an event, on one line.
#[must_use]
pub fn write_event(place: &Place, position: &str, entry: &Entry) -> String {
    let data = Data {
        sequence: Some(entry.sequence.get()),
        authentication: (&entry.authentication).into(),
        fact: fact_view(entry),
    };
    let id = format!("{}/{}", place.id, entry.sequence);
    let event = envelope(place, id, event_type(&entry.fact), entry.at, data);
    let event = CloudEvent { sequence: Some(entry.sequence.to_string()), position: Some(position), ..event };
    serde_json::to_string(&event).expect("an event has string keys and finite numbers only")
}

/// That somebody types, as an event on one line. `nonce` tells it from every other of the conversation.
#[must_use]
pub fn write_typing(
    place: &Place,
    nonce: &str,
    at: UnixTime,
    from: &'static str,
    authentication: &Authentication,
) -> String {
    let data =
        Data { sequence: None, authentication: authentication.into(), fact: FactView::Typing { from } };
    let event = envelope(place, format!("{}/typing/{nonce}", place.id), TYPING_TYPE, at, data);
    serde_json::to_string(&event).expect("an event has string keys and finite numbers only")
}

fn envelope<'a>(
    place: &'a Place,
    id: String,
    r#type: &'static str,
    at: UnixTime,
    data: Data<'a>,
) -> CloudEvent<'a> {
    CloudEvent {
        specversion: "1.0",
        id,
        source: format!("/tenants/{}/widgets/{}", place.tenant, place.widget),
        r#type,
        subject: place.id.to_string(),
        time: Rfc3339(at),
        datacontenttype: "application/json",
        tenant: place.tenant.as_str(),
        sequence: None,
        position: None,
        data,
    }
}

fn fact_view(entry: &Entry) -> FactView<'_> {
    let authenticated = entry.authentication.is_authenticated();
    match &entry.fact {
        Fact::Started(Started { variables, queue, rule, priority, locale, origin, .. }) => {
            FactView::Started {
                variables: VariablesView { variables, authenticated },
                queue,
                rule: rule.as_deref(),
                priority: *priority,
                locale: locale.as_deref(),
                origin: origin.as_deref(),
            }
        }
        Fact::Authenticated(SignedIn { reason, variables, changed, .. }) => FactView::Authenticated {
            reason: sign_in_reason(*reason),
            variables: VariablesView { variables, authenticated },
            changed,
        },
        Fact::Downgraded(Downgraded { reason, previous, variables }) => FactView::Downgraded {
            reason: downgrade_reason(*reason),
            previous: previous.into(),
            variables: VariablesView { variables, authenticated },
        },
        Fact::Context(ContextChange { variables, changed }) => {
            FactView::Context { variables: VariablesView { variables, authenticated }, changed }
        }
        Fact::Read(Read { by, up_to }) => FactView::Read { by: reader_name(*by), up_to: up_to.get() },
        Fact::AuthenticationRequested(AuthenticationRequest { message, .. }) => {
            FactView::AuthenticationRequested { by: "agent", message: message.as_deref() }
        }
        Fact::Message(Message { author, id, text, name, authenticated }) => FactView::Message {
            from: role_name(author),
            text: text.as_str(),
            id: id.as_str(),
            name: name.as_deref(),
            authenticated: *authenticated,
        },
        Fact::Assigned(Assignment { queue, agent, rule, priority }) => {
            FactView::Assigned { queue, agent: agent.as_deref(), rule: rule.as_deref(), priority: *priority }
        }
        Fact::Ended(Ended { by, reason }) => FactView::Ended { by: ended_by(*by), reason: reason.as_deref() },
    }
}

/// The `reason` of a sign-in.
#[must_use]
pub const fn sign_in_reason(reason: SignInReason) -> &'static str {
    match reason {
        SignInReason::TokenPresented => "token_presented",
        SignInReason::TokenRefreshed => "token_refreshed",
    }
}

/// The `reason` of a downgrade.
#[must_use]
pub const fn downgrade_reason(reason: DowngradeReason) -> &'static str {
    match reason {
        DowngradeReason::TokenExpired => "token_expired",
        DowngradeReason::KeyExpired => "key_expired",
        DowngradeReason::Revoked => "revoked",
        DowngradeReason::SignedOut => "signed_out",
        DowngradeReason::Idle => "idle",
    }
}

/// The `by` of a reading.
#[must_use]
pub(super) const fn reader_name(by: Reader) -> &'static str {
    match by {
        Reader::Customer => "customer",
        Reader::Agent => "agent",
    }
}

/// The `by` of an end.
#[must_use]
pub const fn ended_by(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Customer => "customer",
        EndedBy::Agent => "agent",
        EndedBy::System => "system",
    }
}
