//! A conversation at a glance, in the one shape that the list and the single call share.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::context::Variables;
use crate::domain::conversation::{
    Assignment, Authentication, AuthenticationChange, Conversation, Place, Status,
};
use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;
use crate::journal::projection::Summary;
use crate::wire::{
    AuthenticationView, Rfc3339, VariablesView, downgrade_reason, last_change, sign_in_reason,
};

use super::answer::Written;

/// Whether a conversation goes on.
const STATUS: [&str; 2] = ["open", "ended"];

/// A conversation at a glance.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Conversation")]
pub(super) struct SummaryView<'a> {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    tenant: &'a str,
    widget: &'a str,
    #[schemars(extend("enum" = STATUS))]
    status: &'static str,
    /// Whether the customer is signed in: what an agent's page shows as Yes or No.
    authenticated: bool,
    authentication: AuthenticationView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_changed: Option<ChangeView>,
    variables: VariablesView<'a>,
    queue: &'a str,
    agent: Option<&'a str>,
    /// Whether a widget is connected.
    connected: bool,
    /// The last entry's.
    sequence: u64,
    started_at: Rfc3339,
    updated_at: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Rfc3339>,
}

/// What last changed the authentication, and when.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuthenticationChange")]
struct ChangeView {
    #[schemars(schema_with = "last_change")]
    reason: &'static str,
    at: Rfc3339,
}

impl From<(AuthenticationChange, UnixTime)> for ChangeView {
    fn from((change, at): (AuthenticationChange, UnixTime)) -> Self {
        let reason = match change {
            AuthenticationChange::SignIn(reason) => sign_in_reason(reason),
            AuthenticationChange::Downgrade(reason) => downgrade_reason(reason),
        };
        Self { reason, at: Rfc3339(at) }
    }
}

/// What both sources of a summary know.
struct Facts<'a> {
    place: &'a Place,
    authentication: &'a Authentication,
    changed: Option<(AuthenticationChange, UnixTime)>,
    variables: &'a Variables,
    assignment: &'a Assignment,
    sequence: Sequence,
    started_at: UnixTime,
    updated_at: UnixTime,
    ended_at: Option<UnixTime>,
}

impl Facts<'_> {
    /// An open conversation is never shown as authenticated at or past the end of its authentication, be the
    /// downgrade stored yet or not; what changed it last is then not known. One that ended stays as it was then.
    fn write(&self, connected: bool, now: UnixTime) -> Written<SummaryView<'static>> {
        let has_run_out = match self.authentication {
            Authentication::Authenticated(held) => self.ended_at.is_none() && now >= held.expires_at,
            Authentication::Anonymous => false,
        };
        let authentication = if has_run_out { &Authentication::Anonymous } else { self.authentication };
        let authenticated = authentication.is_authenticated();
        let view = SummaryView {
            id: self.place.id.to_string(),
            tenant: self.place.tenant.as_str(),
            widget: self.place.widget.as_str(),
            status: STATUS[usize::from(self.ended_at.is_some())],
            authenticated,
            authentication: authentication.into(),
            authentication_changed: self.changed.filter(|_| !has_run_out).map(Into::into),
            variables: VariablesView { variables: self.variables, authenticated },
            queue: &self.assignment.queue,
            agent: self.assignment.agent.as_deref(),
            connected,
            sequence: self.sequence.get(),
            started_at: Rfc3339(self.started_at),
            updated_at: Rfc3339(self.updated_at),
            ended_at: self.ended_at.map(Rfc3339),
        };
        Written::as_if(&view)
    }
}

/// The summary of a conversation that is at hand.
pub(super) fn of_conversation(
    conversation: &Conversation,
    connected: bool,
    now: UnixTime,
) -> Written<SummaryView<'static>> {
    let is_over = matches!(conversation.status(), Status::Ended(_));
    Facts {
        place: conversation.place(),
        authentication: conversation.authentication(),
        changed: conversation.changed(),
        variables: conversation.variables(),
        assignment: conversation.assignment(),
        sequence: conversation.sequence(),
        started_at: conversation.started_at(),
        updated_at: conversation.last_at(),
        // Nothing comes after the end.
        ended_at: is_over.then(|| conversation.last_at()),
    }
    .write(connected, now)
}

/// The summary of a row of the projection.
pub(super) fn of_row(row: &Summary, connected: bool, now: UnixTime) -> Written<SummaryView<'static>> {
    Facts {
        place: &row.place,
        authentication: &row.authentication,
        changed: row.changed,
        variables: &row.variables,
        assignment: &row.assignment,
        sequence: row.sequence,
        started_at: row.started_at,
        updated_at: row.updated_at,
        ended_at: row.ended_at,
    }
    .write(connected, now)
}
