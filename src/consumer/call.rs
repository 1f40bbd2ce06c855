//! What every call begins with, in the order of the refusals: who asks and may they, about what, with which body.

use std::sync::Arc;

use axum::RequestExt as _;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request};
use axum::http::HeaderMap;

use crate::config::{Client, Scope};
use crate::conversations::Live;
use crate::domain::id::{ConversationId, TenantId};

use super::auth::Caller;
use super::problem::Problem;
use super::query::Query;
use super::{Peer, Shared, body};

/// A request of a client that has the scope for it. Nothing else about it is judged yet.
#[derive(Debug)]
pub(super) struct Call {
    /// What the listener works with.
    pub(super) shared: Arc<Shared>,
    /// Who calls.
    pub(super) client: Arc<Client>,
    /// By which right.
    pub(super) caller: Caller,
    /// The header fields as they came.
    pub(super) headers: HeaderMap,
    /// The query as it came.
    pub(super) query: Query,
    /// The one parameter in the path; none where the path has none, or it is no text.
    pub(super) parameter: Option<String>,
    body: Body,
}

impl Call {
    /// The one place where a request becomes a client's.
    pub(super) async fn begin(
        shared: Arc<Shared>,
        scope: Scope,
        mut request: Request,
    ) -> Result<Self, Problem> {
        let peer = request.extensions().get::<Peer>().map(|Peer(address)| *address);
        let caller = shared.clients.authorise(request.headers(), peer, scope).await?;
        let client = caller.client().clone();
        let parameter = request.extract_parts::<Path<String>>().await.ok().map(|Path(text)| text);
        let (parts, body) = request.into_parts();
        let query = Query::of(parts.uri.query());
        Ok(Self { shared, client, caller, headers: parts.headers, query, parameter, body })
    }

    /// The tenant that the query asks for, if any.
    pub(super) fn tenant(&self) -> Result<Option<TenantId>, Problem> {
        let named = self.query.all("tenant").map(|name| self.shared.tenant(&self.client, name));
        Ok(named.collect::<Result<Vec<_>, _>>()?.into_iter().next())
    }

    /// The tenant in the path.
    pub(super) fn tenant_in_path(&self) -> Result<TenantId, Problem> {
        self.shared.tenant(&self.client, self.parameter.as_deref().unwrap_or_default())
    }

    /// The id of the conversation in the path.
    pub(super) fn conversation_id(&self) -> Result<ConversationId, Problem> {
        let id = self.parameter.as_deref().and_then(|id| id.parse().ok());
        id.ok_or_else(Problem::unknown_conversation)
    }

    /// The conversation in the path. One that isn't, and one that is not the client's, are answered alike.
    // Exclusive, for a body that is not read yet can't be shared between threads.
    pub(super) async fn conversation(&mut self) -> Result<Arc<Live>, Problem> {
        let live = self.shared.conversations.get(self.conversation_id()?);
        self.shared.place(&self.client, &live).await?;
        Ok(live)
    }

    /// The whole body, at most once; an empty one is `{}`.
    pub(super) async fn body(&mut self) -> Result<Bytes, Problem> {
        body::read(&self.headers, std::mem::take(&mut self.body)).await
    }

    /// The conversation in the path, and then the body: what a command needs.
    pub(super) async fn command(&mut self) -> Result<(Arc<Live>, Bytes), Problem> {
        let live = self.conversation().await?;
        Ok((live, self.body().await?))
    }
}
