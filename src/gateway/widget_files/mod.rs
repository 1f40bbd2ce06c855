//! What a page loads from the public listener before its widget connects: the script, the module and its types, and
//! what is set for the widget. Nothing of it is anybody's secret, and a node that drains answers as ever.

mod file;
mod settings;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONNECTION, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response};

use super::Gateway;
use super::entrance::Refused;

pub use file::WidgetFile;

type Answer = Response<Full<Bytes>>;

/// Where all of it stands; the number is that of the script's own interface.
pub(super) const PREFIX: &str = "/widget/v1/";
/// Behind it: where the settings stand, each under its tenant's and its own id.
const SETTINGS: &str = "settings/";

/// Answers a request for what stands at `path` behind [`PREFIX`].
pub(super) fn answer<B>(gateway: &Gateway, request: &Request<B>, path: &str) -> Result<Answer, Refused> {
    let asked = request.headers();
    let mut response = if let Some(names) = path.strip_prefix(SETTINGS) {
        only_reading(request.method())?;
        settings::answer(gateway, names, asked)?
    } else {
        let (file, cache) = WidgetFile::at(path).ok_or(Refused::NotFound)?;
        only_reading(request.method())?;
        let mut response = file.answer(asked, cache);
        // With `integrity` a script is read as of its page's origin, and has to allow that.
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        response
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A WebSocket begins on a connection of its own. One that stayed would be a stranger's that no limit counts.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

/// A refusal that pages may read, so that a widget can say what is wrong with it, and that no cache keeps: another node
/// of another release may have what this one hasn't.
pub(super) fn for_pages(mut refusal: Answer) -> Answer {
    let headers = refusal.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    refusal
}

const ANY: HeaderValue = HeaderValue::from_static("*");

fn only_reading(method: &Method) -> Result<(), Refused> {
    if matches!(*method, Method::GET | Method::HEAD) { Ok(()) } else { Err(Refused::MethodNotAllowed) }
}
