//! Who is let in: draining, the address's rate and room, the node's room, tenant and widget, `Origin`, in this order.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN, RETRY_AFTER, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;

use crate::config::{Tenant, Widget};
use crate::domain::address_block::AddressBlock;
use crate::domain::forwarded::{ForwardedHeaders, client_address};
use crate::domain::id::{TenantId, WidgetId};

use super::Gateway;
use super::addresses::NotNow;

/// How long to wait where nobody can say when there is room again.
const ROOM_RETRY: Duration = Duration::from_secs(5);

/// Where a widget connects: its tenant, its settings, the page it is on, and from where.
#[derive(Debug, Clone)]
pub(super) struct Entrance {
    pub(super) tenant: Arc<Tenant>,
    pub(super) widget_id: WidgetId,
    pub(super) origin: Option<String>,
    pub(super) address: AddressBlock,
}

impl Entrance {
    /// The widget's settings.
    pub(super) fn widget(&self) -> &Widget {
        &self.tenant.widgets[&self.widget_id]
    }
}

/// A connection that counts towards `limits.connections_per_address` and `limits.connections` until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    gateway: Arc<Gateway>,
    address: AddressBlock,
}

impl Permit {
    /// The address is judged before the node: one that asks too often is not told how full the node is.
    fn take(gateway: &Arc<Gateway>, address: AddressBlock) -> Result<Self, Refused> {
        gateway.addresses.connect(address, gateway.clock.elapsed()).map_err(|not_now| match not_now {
            NotNow::TooManyAttempts { wait } => Refused::TooManyAttempts { wait },
            NotNow::TooManyConnections => Refused::TooManyConnectionsOfAddress,
        })?;
        let max = gateway.limits.connections;
        let taken = gateway.connected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            (max == 0 || now < max).then_some(now + 1)
        });
        if taken.is_err() {
            gateway.addresses.disconnect(address);
            return Err(Refused::TooManyConnections);
        }
        Ok(Self { gateway: gateway.clone(), address })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gateway.connected.fetch_sub(1, Ordering::Relaxed);
        self.gateway.addresses.disconnect(self.address);
    }
}

/// Why a request is not upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Draining,
    TooManyAttempts { wait: Duration },
    TooManyConnectionsOfAddress,
    TooManyConnections,
    UnknownWidget,
    OriginNotAllowed,
    NotAnUpgrade,
    MethodNotAllowed,
    NotFound,
}

/// Judges a request before its upgrade.
pub(super) fn enter(
    gateway: &Arc<Gateway>,
    request: &Request<Incoming>,
    client: IpAddr,
) -> Result<(Entrance, Permit), Refused> {
    let Some(names) = request.uri().path().strip_prefix("/chat/") else {
        return Err(Refused::NotFound);
    };
    if gateway.lifecycle.is_draining() {
        return Err(Refused::Draining);
    }
    let address = AddressBlock::of(client);
    let permit = Permit::take(gateway, address)?;
    let (tenant, widget_id) = find(gateway, names).ok_or(Refused::UnknownWidget)?;
    let origin = origin(request.headers(), &tenant.widgets[&widget_id])?;
    if request.method() != Method::GET || !request.headers().contains_key(UPGRADE) {
        return Err(Refused::NotAnUpgrade);
    }
    Ok((Entrance { tenant, widget_id, origin, address }, permit))
}

/// Whose connection it is: the peer's, or behind trusted proxies the one that they name.
pub(super) fn client(gateway: &Gateway, request: &Request<Incoming>, peer: IpAddr) -> IpAddr {
    let trusted = &gateway.trusted_proxies;
    if trusted.is_empty() {
        return peer.to_canonical();
    }
    // A line that is no text names nobody, and counts as the proxy's that let it through.
    let lines = |name: &str| {
        let lines = request.headers().get_all(name).iter();
        lines.map(|line| line.to_str().unwrap_or_default()).collect()
    };
    let headers =
        ForwardedHeaders { x_forwarded_for: lines("x-forwarded-for"), forwarded: lines("forwarded") };
    client_address(peer, &headers, trusted)
}

/// The tenant and the widget of `tenant/widget`, their ids.
pub(super) fn find(gateway: &Gateway, names: &str) -> Option<(Arc<Tenant>, WidgetId)> {
    let (tenant, widget) = names.split_once('/')?;
    let tenant = gateway.tenants.get(&tenant.parse::<TenantId>().ok()?)?;
    let widget: WidgetId = widget.parse().ok()?;
    tenant.widgets.contains_key(&widget).then(|| (tenant.clone(), widget))
}

/// A page's origin is one of the widget's, exactly. A browser always sends it; what is no browser may not.
pub(super) fn origin(headers: &HeaderMap, widget: &Widget) -> Result<Option<String>, Refused> {
    let mut origins = headers.get_all(ORIGIN).iter();
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
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::TooManyConnectionsOfAddress => "too_many_connections_of_address",
            Self::TooManyConnections => "too_many_connections",
            Self::UnknownWidget => "unknown_widget",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::NotAnUpgrade => "not_an_upgrade",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound => "not_found",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyAttempts { .. } | Self::TooManyConnectionsOfAddress | Self::TooManyConnections => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::UnknownWidget | Self::NotFound => StatusCode::NOT_FOUND,
            Self::OriginNotAllowed => StatusCode::FORBIDDEN,
            Self::NotAnUpgrade => StatusCode::UPGRADE_REQUIRED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::Draining => "This node is about to stop; connect again, another one answers.",
            Self::TooManyAttempts { .. } => {
                "Your address connects more often than it may; connect again after the time in Retry-After."
            }
            Self::TooManyConnectionsOfAddress => {
                "Your address holds as many connections as it may; close one, or connect again later."
            }
            Self::TooManyConnections => "This node holds as many connections as it may; connect again later.",
            Self::UnknownWidget => {
                "There is no such tenant or widget; the path is /chat/{tenant}/{widget}, or \
                 /widget/v1/settings/{tenant}/{widget}."
            }
            Self::OriginNotAllowed => {
                "The page's Origin is not among the widget's allowed_origins; the operator can add it, exactly."
            }
            Self::NotAnUpgrade => "Only a WebSocket handshake (RFC 6455, version 13) is answered here.",
            Self::MethodNotAllowed => "This is read with GET or HEAD, and nothing else.",
            Self::NotFound => {
                "There is nothing here; widgets connect at /chat/{tenant}/{widget}, and pages load \
                 /widget/v1/usher.js. A path with a hash has what the release of that hash shipped."
            }
        }
    }

    const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts { wait } => Some(wait),
            Self::Draining | Self::TooManyConnectionsOfAddress | Self::TooManyConnections => Some(ROOM_RETRY),
            Self::UnknownWidget
            | Self::OriginNotAllowed
            | Self::NotAnUpgrade
            | Self::MethodNotAllowed
            | Self::NotFound => None,
        }
    }

    /// The answer, as problem details (RFC 9457).
    pub(super) fn response(self, correlation_id: &str) -> Response<Full<Bytes>> {
        let status = self.status();
        let problem = Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            detail: self.detail(),
            code: self.code(),
            correlation_id,
        };
        let body = serde_json::to_vec(&problem).expect("a problem has string keys only");
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // What follows a refused handshake on this connection may be frames: it is not read as a request.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if let Some(wait) = self.retry_after() {
            // In whole seconds (RFC 9110 §10.2.3), rounded up: who comes at that time is let in.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self == Self::MethodNotAllowed {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        if self == Self::NotAnUpgrade {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        }
        response
    }
}
