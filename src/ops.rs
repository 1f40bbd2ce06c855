//! Health, readiness and metrics for the operator, on a listener of their own.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::watch;

use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

/// The Prometheus text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What decides whether this node should be sent new connections.
#[derive(Debug, Clone)]
pub struct Readiness {
    lifecycle: Lifecycle,
    started: watch::Receiver<bool>,
    journal_writable: watch::Receiver<bool>,
    projection_writable: watch::Receiver<bool>,
}

/// Why a node is not ready. There may be several reasons at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unready {
    /// It has not finished starting.
    Starting,
    /// It drains and takes no new connections.
    Draining,
    /// Its journal takes no entries, so that nothing could be acknowledged.
    JournalUnwritable,
    /// Its projection falls behind, and with it the downgrades that are due.
    ProjectionUnwritable,
}

impl Unready {
    /// A line for the operator: a fixed word, what is wrong, and what to do.
    #[must_use]
    pub const fn as_line(self) -> &'static str {
        match self {
            Self::Starting => "starting: the journal is being read; ask again in a moment",
            Self::Draining => "draining: this node is stopping; send new connections to another one",
            Self::JournalUnwritable => {
                "journal_unwritable: the journal takes no entries; the log has the cause, \
                 a full or read-only disk is the usual one"
            }
            Self::ProjectionUnwritable => {
                "projection_unwritable: the file beside the journal that lists and downgrades are read from can't \
                 be written; the log has the cause, a full disk is the usual one"
            }
        }
    }
}

impl Readiness {
    /// `started` turns true once the start is complete. The other two belong to the writers of the journal and of its
    /// projection: they are false while writing fails, and a writer that is gone can't write either.
    #[must_use]
    pub const fn new(
        lifecycle: Lifecycle,
        started: watch::Receiver<bool>,
        journal_writable: watch::Receiver<bool>,
        projection_writable: watch::Receiver<bool>,
    ) -> Self {
        Self { lifecycle, started, journal_writable, projection_writable }
    }

    /// What keeps the node from being ready; empty where it is.
    #[must_use]
    pub fn reasons(&self) -> Vec<Unready> {
        // `has_changed` fails once the sender is gone; the last value it sent would still say `true`.
        let holds = |writable: &watch::Receiver<bool>| writable.has_changed().is_ok() && *writable.borrow();
        let reasons = [
            (!*self.started.borrow(), Unready::Starting),
            (self.lifecycle.is_draining(), Unready::Draining),
            (!holds(&self.journal_writable), Unready::JournalUnwritable),
            (!holds(&self.projection_writable), Unready::ProjectionUnwritable),
        ];
        reasons.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)).collect()
    }
}

/// What the operations listener tells about.
#[derive(Debug, Clone)]
pub struct OpsState {
    /// Behind `/readyz`.
    pub readiness: Readiness,
    /// Behind `/metrics`.
    pub metrics: Arc<Metrics>,
}

/// The routes of the operations listener. It asks for no key: it is bound where only the operator reaches it.
pub fn router(state: OpsState) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(async || {
            (
                StatusCode::NOT_FOUND,
                "not found: this listener has /healthz, /readyz, /metrics and /webhooks\n",
            )
        })
        .with_state(state)
}

async fn readyz(State(state): State<OpsState>) -> (StatusCode, String) {
    let reasons = state.readiness.reasons();
    if reasons.is_empty() {
        return (StatusCode::OK, "ready".to_owned());
    }
    let lines: Vec<_> = reasons.into_iter().map(Unready::as_line).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines.join("\n"))
}

async fn metrics(State(state): State<OpsState>) -> impl IntoResponse {
    state.metrics.draining.set(state.readiness.lifecycle.is_draining().into());
    ([(header::CONTENT_TYPE, METRICS_TYPE)], state.metrics.render())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use axum::response::Response;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    /// The listener's routes and everything that moves them.
    struct Node {
        router: Router,
        lifecycle: Lifecycle,
        started: watch::Sender<bool>,
        journal_writable: watch::Sender<bool>,
        projection_writable: watch::Sender<bool>,
    }

    impl Node {
        fn ready() -> Self {
            let lifecycle = Lifecycle::new();
            let (started, started_seen) = watch::channel(true);
            let (journal_writable, journal_seen) = watch::channel(true);
            let (projection_writable, projection_seen) = watch::channel(true);
            let readiness = Readiness::new(lifecycle.clone(), started_seen, journal_seen, projection_seen);
            let router = router(OpsState { readiness, metrics: Arc::new(Metrics::new()) });
            Self { router, lifecycle, started, journal_writable, projection_writable }
        }

        async fn response(&self, path: &str) -> Response {
            let request = Request::get(path).body(Body::empty()).unwrap();
            self.router.clone().oneshot(request).await.unwrap()
        }

        async fn get(&self, path: &str) -> (u16, String) {
            let response = self.response(path).await;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        }

        /// The status of `/readyz` and the fixed words of its reasons.
        async fn readyz(&self) -> (u16, Vec<String>) {
            let (status, text) = self.get("/readyz").await;
            (status, text.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect())
        }
    }

    #[tokio::test]
    async fn a_node_that_can_serve_is_healthy_and_ready() {
        let node = Node::ready();
        assert_eq!(node.get("/healthz").await, (200, "ok".to_owned()));
        assert_eq!(node.get("/readyz").await, (200, "ready".to_owned()));
    }

    #[tokio::test]
    async fn a_starting_node_is_unready_until_it_has_started() {
        let node = Node::ready();
        node.started.send_replace(false);
        assert_eq!(node.readyz().await, (503, vec!["starting".to_owned()]));
        node.started.send_replace(true);
        assert_eq!(node.readyz().await.0, 200);
    }

    #[tokio::test]
    async fn a_draining_node_is_unready_but_lives() {
        let node = Node::ready();
        node.lifecycle.drain();
        assert_eq!(node.readyz().await, (503, vec!["draining".to_owned()]));
        assert_eq!(node.get("/healthz").await.0, 200);
    }

    #[tokio::test]
    async fn a_journal_that_cannot_write_makes_the_node_unready_until_it_can() {
        let node = Node::ready();
        node.journal_writable.send_replace(false);
        assert_eq!(node.readyz().await, (503, vec!["journal_unwritable".to_owned()]));
        node.journal_writable.send_replace(true);
        assert_eq!(node.readyz().await.0, 200);
    }

    #[tokio::test]
    async fn a_projection_that_falls_behind_makes_the_node_unready_until_it_is_written_again() {
        let node = Node::ready();
        node.projection_writable.send_replace(false);
        assert_eq!(node.readyz().await, (503, vec!["projection_unwritable".to_owned()]));
        node.projection_writable.send_replace(true);
        assert_eq!(node.readyz().await.0, 200);
    }

    #[tokio::test]
    async fn a_journal_whose_writer_is_gone_makes_the_node_unready_whatever_it_said_last() {
        let mut node = Node::ready();
        node.journal_writable = watch::channel(true).0;
        assert_eq!(node.readyz().await, (503, vec!["journal_unwritable".to_owned()]));
    }

    #[tokio::test]
    async fn every_reason_is_told_at_once() {
        let node = Node::ready();
        node.started.send_replace(false);
        node.journal_writable.send_replace(false);
        node.lifecycle.drain();
        let expected = ["starting", "draining", "journal_unwritable"].map(str::to_owned).to_vec();
        assert_eq!(node.readyz().await, (503, expected));
    }

    #[tokio::test]
    async fn metrics_come_in_the_text_format_and_know_of_the_drain() {
        let node = Node::ready();
        let response = node.response("/metrics").await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], METRICS_TYPE);
        assert!(node.get("/metrics").await.1.contains("\nusher_draining 0\n"));
        node.lifecycle.drain();
        assert!(node.get("/metrics").await.1.contains("\nusher_draining 1\n"));
    }

    #[tokio::test]
    async fn any_other_path_is_not_found() {
        assert_eq!(Node::ready().get("/v1/events").await.0, 404);
    }
}
