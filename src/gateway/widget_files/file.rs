//! The files that pages load, in the forms that they are sent in, and what proves that they are the ones meant.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, SHA384, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    VARY,
};
use hyper::{Response, StatusCode};

use crate::domain::digest::hex;
use crate::wire::{Coding, is_known};

use super::{Answer, PREFIX};

/// Under the plain name stands what this release ships: five minutes after an upgrade at most every page has it. Older
/// than that it is not used without asking, which costs a 304.
const CACHE_PLAIN: HeaderValue = HeaderValue::from_static("public, max-age=300, must-revalidate");
/// Under the name with the hash never stands anything else.
const CACHE_IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Bytes of the hash in a path. It tells releases apart; what a page pins is the whole one, in `integrity`.
const HASH_BYTES: usize = 16;

/// The bytes of a file of `widget/dist` in the order of [`CODINGS`].
macro_rules! built {
    ($name:literal) => {
        [
            include_bytes!(concat!("../../../widget/dist/", $name)).as_slice(),
            include_bytes!(concat!("../../../widget/dist/", $name, ".gz")).as_slice(),
            include_bytes!(concat!("../../../widget/dist/", $name, ".br")).as_slice(),
        ]
    };
}

const CODINGS: [Coding; 3] = [Coding::Identity, Coding::Gzip, Coding::Brotli];
const SCRIPT_TYPE: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
/// No type is registered for TypeScript. By this one browsers show it, and what reads types goes by the name.
const TYPES_TYPE: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

static FILES: LazyLock<[WidgetFile; 3]> = LazyLock::new(|| {
    [
        WidgetFile::new("usher.js", SCRIPT_TYPE, built!("usher.js")),
        WidgetFile::new("usher.mjs", SCRIPT_TYPE, built!("usher.mjs")),
        WidgetFile::new("usher.d.ts", TYPES_TYPE, built!("usher.d.ts")),
    ]
});

/// A file of the widget, as this release ships it.
#[derive(Debug)]
pub struct WidgetFile {
    name: &'static str,
    media_type: HeaderValue,
    hash: String,
    integrity: String,
    forms: [Form; 3],
}

/// A file's bytes in one coding.
#[derive(Debug)]
struct Form {
    coding: Coding,
    etag: String,
    bytes: &'static [u8],
}

impl WidgetFile {
    /// The file of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.name == name)
    }

    /// The path under which every release serves its own.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    /// The path under which these very bytes are served, or nothing.
    #[must_use]
    pub fn immutable_path(&self) -> String {
        format!("{PREFIX}{}/{}", self.hash, self.name)
    }

    /// What `integrity` says of it on a page (Subresource Integrity): a SHA-384 in base64.
    #[must_use]
    pub fn integrity(&self) -> &str {
        &self.integrity
    }

    fn new(name: &'static str, media_type: HeaderValue, built: [&'static [u8]; 3]) -> Self {
        let whole = digest(&SHA384, built[0]);
        let hash = hex(&whole.as_ref()[..HASH_BYTES]);
        let integrity = format!("sha384-{}", STANDARD.encode(whole));
        let form = |(coding, bytes)| {
            // Of the bytes that are sent: forms in different codings are not the same (RFC 9110 §8.8.3.3).
            let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes)));
            Form { coding, etag, bytes }
        };
        let mut forms = CODINGS.into_iter().zip(built).map(form);
        let forms = std::array::from_fn(|_| forms.next().expect("there are as many codings as forms"));
        Self { name, media_type, hash, integrity, forms }
    }

    /// The file that is meant behind [`PREFIX`]: by its name, or by its hash and its name. And how long it is kept.
    pub(super) fn at(path: &str) -> Option<(&'static Self, HeaderValue)> {
        match path.split_once('/') {
            None => Some((Self::named(path)?, CACHE_PLAIN)),
            Some((hash, name)) => {
                Some((Self::named(name).filter(|file| file.hash == hash)?, CACHE_IMMUTABLE))
            }
        }
    }

    /// The file in the form that these headers of a request ask for, or that the client has it already.
    pub(super) fn answer(&self, asked: &HeaderMap, cache: HeaderValue) -> Answer {
        let lines = |name: &str| {
            let lines = asked.get_all(name).iter();
            lines.filter_map(|line| line.to_str().ok())
        };
        let coding = Coding::accepted(lines("accept-encoding"));
        let form = self.forms.iter().find(|form| form.coding == coding).unwrap_or(&self.forms[0]);
        let known = is_known(&form.etag, lines("if-none-match"));
        let mut response =
            Response::new(if known { Full::default() } else { Bytes::from_static(form.bytes).into() });
        let headers = response.headers_mut();
        headers.insert(ETAG, HeaderValue::from_str(&form.etag).expect("base64url is in ASCII"));
        headers.insert(CACHE_CONTROL, cache);
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        // It is the same for everybody and says nothing about anybody: pages of any kind may load it.
        headers.insert(CORP, HeaderValue::from_static("cross-origin"));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, self.media_type.clone());
        headers.insert(CONTENT_LENGTH, form.bytes.len().into());
        if let Some(name) = form.coding.name() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_name_and_by_its_hash_with_its_name_only() {
        let [script, module, _] = &*FILES;
        assert_eq!(script.path(), "/widget/v1/usher.js");
        assert_eq!(script.immutable_path(), format!("/widget/v1/{}/usher.js", script.hash));
        assert_eq!(script.hash.len(), 2 * HASH_BYTES);
        let found = |path: &str| WidgetFile::at(path).map(|(file, cache)| (file.name, cache));
        assert_eq!(found("usher.js"), Some(("usher.js", CACHE_PLAIN)));
        assert_eq!(found("usher.d.ts"), Some(("usher.d.ts", CACHE_PLAIN)));
        assert_eq!(found(&format!("{}/usher.js", script.hash)), Some(("usher.js", CACHE_IMMUTABLE)));
        assert_eq!(found(&format!("{}/usher.mjs", module.hash)), Some(("usher.mjs", CACHE_IMMUTABLE)));
        for path in [
            "",
            "/",
            "usher.js/",
            "/usher.js",
            "usher.JS",
            "usher.js.gz",
            "../v1/usher.js",
            &format!("{}/usher.mjs", script.hash),
            &format!("{}/usher.js", &script.hash[1..]),
            &format!("{}/usher.js", script.hash.to_ascii_uppercase().replace(char::is_numeric, "A")),
            &format!("{}/", script.hash),
            &format!("x/{}/usher.js", script.hash),
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn forms_of_one_file_have_tags_of_their_own() {
        let mut tags: Vec<_> = FILES.iter().flat_map(|file| &file.forms).map(|form| &form.etag).collect();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 9);
    }
}
