//! Who is let in: draining, room, tenant and widget, `Origin`, in this order.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, ORIGIN, RETRY_AFTER, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;

use crate::config::{Tenant, Widget};
use crate::domain::id::{TenantId, WidgetId};

use super::Gateway;

/// Where a widget connects: its tenant, its settings, and the page it is on.
#[derive(Debug, Clone)]
pub(super) struct Entrance {
    pub(super) tenant: Arc<Tenant>,
    pub(super) widget_id: WidgetId,
    pub(super) origin: Option<String>,
}

impl Entrance {
    /// The widget's settings.
    pub(super) fn widget(&self) -> &Widget {
        &self.tenant.widgets[&self.widget_id]
    }
}

/// A connection that counts towards `limits.connections` until it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Gateway>);

impl Permit {
    fn take(gateway: &Arc<Gateway>) -> Option<Self> {
        let max = gateway.limits.connections;
        let taken = gateway.connected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            (max == 0 || now < max).then_some(now + 1)
        });
        taken.is_ok().then(|| Self(gateway.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a request is not upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Draining,
    TooManyConnections,
    UnknownWidget,
    OriginNotAllowed,
    NotAnUpgrade,
    NotFound,
}

/// Judges a request before its upgrade.
pub(super) fn enter(
    gateway: &Arc<Gateway>,
    request: &Request<Incoming>,
) -> Result<(Entrance, Permit), Refused> {
    let Some(names) = request.uri().path().strip_prefix("/chat/") else {
        return Err(Refused::NotFound);
    };
    if gateway.lifecycle.is_draining() {
        return Err(Refused::Draining);
    }
    let permit = Permit::take(gateway).ok_or(Refused::TooManyConnections)?;
    let (tenant, widget_id) = find(gateway, names).ok_or(Refused::UnknownWidget)?;
    let origin = origin(request, &tenant.widgets[&widget_id])?;
    if request.method() != Method::GET || !request.headers().contains_key(UPGRADE) {
        return Err(Refused::NotAnUpgrade);
    }
    Ok((Entrance { tenant, widget_id, origin }, permit))
}

fn find(gateway: &Gateway, names: &str) -> Option<(Arc<Tenant>, WidgetId)> {
    let (tenant, widget) = names.split_once('/')?;
    let tenant = gateway.tenants.get(&tenant.parse::<TenantId>().ok()?)?;
    let widget: WidgetId = widget.parse().ok()?;
    tenant.widgets.contains_key(&widget).then(|| (tenant.clone(), widget))
}

/// A page's origin is one of the widget's, exactly. A browser always sends it; what is no browser may not.
fn origin(request: &Request<Incoming>, widget: &Widget) -> Result<Option<String>, Refused> {
    let mut origins = request.headers().get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) if widget.require_origin => Err(Refused::OriginNotAllowed),
        (None, _) => Ok(None),
        (Some(origin), None) => match origin.to_str() {
            Ok(origin) if widget.allowed_origins.admits(origin) => Ok(Some(origin.to_owned())),
            _ => Err(Refused::OriginNotAllowed),
        },
        (Some(_), Some(_)) => Err(Refused::OriginNotAllowed),
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    code: &'static str,
    correlation_id: &'a str,
}

impl Refused {
    /// The code, also the label of the metric.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::TooManyConnections => "too_many_connections",
            Self::UnknownWidget => "unknown_widget",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::NotAnUpgrade => "not_an_upgrade",
            Self::NotFound => "not_found",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyConnections => StatusCode::TOO_MANY_REQUESTS,
            Self::UnknownWidget | Self::NotFound => StatusCode::NOT_FOUND,
            Self::OriginNotAllowed => StatusCode::FORBIDDEN,
            Self::NotAnUpgrade => StatusCode::UPGRADE_REQUIRED,
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::Draining => "This node is about to stop; connect again, another one answers.",
            Self::TooManyConnections => "This node holds as many connections as it may; connect again later.",
            Self::UnknownWidget => "There is no such tenant or widget; the path is /chat/{tenant}/{widget}.",
            Self::OriginNotAllowed => {
                "The page's Origin is not among the widget's allowed_origins; the operator can add it, exactly."
            }
            Self::NotAnUpgrade => "Only a WebSocket handshake (RFC 6455, version 13) is answered here.",
            Self::NotFound => "There is nothing here; widgets connect at /chat/{tenant}/{widget}.",
        }
    }

    /// The answer, as problem details (RFC 9457).
    pub(super) fn response(self, correlation_id: &str) -> Response<String> {
        let status = self.status();
        let problem = Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            detail: self.detail(),
            code: self.code(),
            correlation_id,
        };
        let body = serde_json::to_string(&problem).expect("a problem has string keys only");
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // What follows a refused handshake on this connection may be frames: it is not read as a request.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        match self {
            Self::Draining | Self::TooManyConnections => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::NotAnUpgrade => {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
            }
            Self::UnknownWidget | Self::OriginNotAllowed | Self::NotFound => {}
        }
        response
    }
}
