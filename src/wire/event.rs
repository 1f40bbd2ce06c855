//! The events that consumers read: CloudEvents 1.0 in the JSON format.

use serde::Serialize;

use crate::domain::conversation::{
    Assignment, Authentication, AuthenticationRequest, ContextChange, Downgraded, Ended, Entry, Fact,
    Message, Place, Read, SignedIn, Started,
};
use crate::domain::conversation::{DowngradeReason, EndedBy, Reader, SignInReason};
use crate::domain::time::UnixTime;

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

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    r#type: &'static str,
    subject: String,
    time: Rfc3339,
    datacontenttype: &'static str,
    tenant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<&'a str>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    authentication: AuthenticationView<'a>,
    #[serde(flatten)]
    fact: FactView<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum FactView<'a> {
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
    Authenticated {
        reason: &'static str,
        variables: VariablesView<'a>,
        changed: &'a [String],
    },
    Downgraded {
        reason: &'static str,
        previous: AuthenticationView<'a>,
        variables: VariablesView<'a>,
    },
    Context {
        variables: VariablesView<'a>,
        changed: &'a [String],
    },
    Message {
        from: &'static str,
        text: &'a str,
        id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        authenticated: bool,
    },
    Assigned {
        queue: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        priority: Option<i64>,
    },
    Read {
        by: &'static str,
        up_to: u64,
    },
    AuthenticationRequested {
        by: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    Typing {
        from: &'static str,
    },
    Ended {
        by: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
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
