//! What a page is told of a widget before there is a conversation.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY,
};
use serde::Serialize;

use crate::config::{AuthenticationMode, Tenant};
use crate::domain::id::WidgetId;

use super::super::Gateway;
use super::super::entrance::{Refused, find, origin};
use super::Answer;

/// For a minute, and in the page's own browser alone: an answer names the origin that it is for, and there are caches
/// between that mind no `Vary` but that of `Accept-Encoding`.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=60");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[derive(Serialize)]
struct Settings<'a> {
    tenant: &'a str,
    widget: &'a str,
    name: &'a str,
    authentication: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    javascript_client_function: Option<&'a str>,
}

impl<'a> Settings<'a> {
    fn of(tenant: &'a Tenant, id: &'a WidgetId) -> Self {
        let mode = tenant.widgets[id].authentication;
        let function = tenant.javascript_client_function.as_deref();
        Self {
            tenant: tenant.id.as_str(),
            widget: id.as_str(),
            name: &tenant.name,
            authentication: match mode {
                AuthenticationMode::Off => "off",
                AuthenticationMode::Optional => "optional",
                AuthenticationMode::Required => "required",
            },
            // Where tokens are ignored none is to be fetched.
            javascript_client_function: function.filter(|_| mode != AuthenticationMode::Off),
        }
    }
}

/// The settings of the widget with these names, for pages that may open its chat.
pub(super) fn answer(gateway: &Gateway, names: &str, asked: &HeaderMap) -> Result<Answer, Refused> {
    let (tenant, id) = find(gateway, names).ok_or(Refused::UnknownWidget)?;
    let origin = match origin(asked, &tenant.widgets[&id]) {
        // With a GET to a page's own host browsers send no `Origin`, though what asks is one.
        Err(_) if is_same_origin(asked) => None,
        judged => judged?,
    };
    let body = serde_json::to_vec(&Settings::of(&tenant, &id)).expect("settings have string keys only");
    let mut response = Answer::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, CACHE);
    headers.insert(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(&origin).ok()) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    Ok(response)
}

/// Whether a browser says that the page is of the host that it asks, and so sends no `Origin`.
fn is_same_origin(asked: &HeaderMap) -> bool {
    let says_so = asked.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin");
    says_so && !asked.contains_key(hyper::header::ORIGIN)
}
