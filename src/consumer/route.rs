//! A route with all that is known of it: what serves a request is made from the same value as what documents it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::SchemaGenerator;
use serde_json::Value;

use crate::config::Scope;

use super::Shared;
use super::answer::Answer;
use super::call::Call;
use super::docs::Document;
use super::member::Member;
use super::problem::{Code, Problem};

/// One method of one path.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// The scope that a client needs; none where anybody may call.
    pub(super) scope: Option<Scope>,
    pub(super) about: About,
    /// Every code that it may be refused with.
    pub(super) codes: Vec<Code>,
    pub(super) success: Success,
    pub(super) serve: MethodRouter<Arc<Shared>>,
}

/// What a route does, in words, and what it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// In a few words, and unique.
    pub(super) title: &'static str,
    /// In sentences.
    pub(super) text: &'static str,
    pub(super) query: &'static [Member],
    pub(super) headers: &'static [Member],
    pub(super) body: Option<&'static [Member]>,
    /// A body as it may be sent, in JSON.
    pub(super) example: Option<&'static str>,
    /// What the form of a request or an answer is besides, laid over the operation as it is documented.
    pub(super) besides: Option<fn(&mut SchemaGenerator) -> Value>,
    refusals: &'static [Code],
}

/// What a success is answered with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Success {
    pub(super) status: StatusCode,
    pub(super) about: &'static str,
    pub(super) content: fn(&mut SchemaGenerator) -> Option<Value>,
}

impl About {
    pub(super) const fn new(title: &'static str, text: &'static str) -> Self {
        Self {
            title,
            text,
            query: &[],
            headers: &[],
            body: None,
            example: None,
            besides: None,
            refusals: &[],
        }
    }

    /// The parameters of the query.
    pub(super) const fn query(self, query: &'static [Member]) -> Self {
        Self { query, ..self }
    }

    /// The header fields that matter.
    pub(super) const fn headers(self, headers: &'static [Member]) -> Self {
        Self { headers, ..self }
    }

    /// The members of the JSON body.
    pub(super) const fn body(self, members: &'static [Member]) -> Self {
        Self { body: Some(members), ..self }
    }

    /// A body as it may be sent, in JSON.
    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    /// What the document has besides.
    pub(super) const fn besides(self, besides: fn(&mut SchemaGenerator) -> Value) -> Self {
        Self { besides: Some(besides), ..self }
    }

    /// The refusals that don't follow from the rest.
    pub(super) const fn refused(self, refusals: &'static [Code]) -> Self {
        Self { refusals, ..self }
    }
}

impl Route {
    /// A call of clients that have `scope`.
    pub(super) fn scoped<H, F, A>(
        method: Method,
        path: &'static str,
        scope: Scope,
        about: About,
        handler: H,
    ) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<A, Problem>> + Send,
        A: Answer,
    {
        let codes = codes(path, &about);
        let known: Arc<[Code]> = codes.clone().into();
        let serve =
            on(filter(&method), move |State(shared): State<Arc<Shared>>, request: Request| async move {
                let answered = async { handler(Call::begin(shared, scope, request).await?).await }.await;
                debug_assert!(
                    answered.as_ref().err().is_none_or(|problem| known.contains(&problem.code())),
                    "{path} is not documented as refused with {:?}",
                    answered.err()
                );
                answered
            });
        let success = Success { status: A::STATUS, about: A::ABOUT, content: A::content };
        Self { method, path, scope: Some(scope), about, codes, success, serve }
    }

    /// A document that anybody may read.
    pub(super) fn document(path: &'static str, about: About, document: fn(&Shared) -> &Document) -> Self {
        let read = move |State(shared): State<Arc<Shared>>, headers: HeaderMap| async move {
            document(&shared).answer(&headers)
        };
        let success = Success { status: StatusCode::OK, about: "The document.", content: |_| None };
        Self::open(Method::GET, path, about, success, on(MethodFilter::GET, read))
    }

    /// A route that anybody may call, whose answers are its own.
    pub(super) fn open(
        method: Method,
        path: &'static str,
        about: About,
        success: Success,
        serve: MethodRouter<Arc<Shared>>,
    ) -> Self {
        Self { method, path, scope: None, about, codes: about.refusals.to_vec(), success, serve }
    }

    /// The parameter in the path, if there is one.
    pub(super) fn parameter(&self) -> Option<&'static str> {
        let (_, rest) = self.path.split_once('{')?;
        rest.split_once('}').map(|(name, _)| name)
    }
}

fn filter(method: &Method) -> MethodFilter {
    MethodFilter::try_from(method.clone()).expect("the methods of the table are HTTP's own")
}

/// What follows from how a call begins, and what the call itself has.
fn codes(path: &str, about: &About) -> Vec<Code> {
    let mut codes = vec![
        Code::Unauthorized,
        Code::InsufficientScope,
        Code::RateLimited,
        Code::Internal,
        Code::StorageUnavailable,
    ];
    if !about.query.is_empty() {
        codes.push(Code::InvalidRequest);
    }
    if about.query.iter().any(|member| member.name == "tenant") {
        codes.push(Code::TenantForbidden);
    }
    if path.starts_with("/v1/conversations/{") {
        codes.push(Code::UnknownConversation);
    }
    if about.body.is_some() {
        codes.extend([
            Code::InvalidRequest,
            Code::RequestTimeout,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ]);
    }
    codes.extend(about.refusals);
    codes.sort_unstable();
    codes.dedup();
    codes
}
