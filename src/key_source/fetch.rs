//! One GET of a key document: bounded in time and size, to checked addresses only, believing nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderMap, IF_NONE_MATCH, LOCATION};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::failure::{FailureKind, FetchError};
use super::guard::{Guard, GuardSettings};
use super::resolve::{GuardedResolver, Lookup, SystemLookup};
use super::transport::explain;

/// How documents are fetched.
#[derive(Debug, Clone)]
pub struct FetchSettings {
    /// What may be reached.
    pub guard: GuardSettings,
    /// How many redirects are followed, 0 to 3; each hop is checked as the first URL is, and must be https.
    pub redirects: u8,
    /// From the look-up of the name to the end of the TLS handshake.
    pub connect_timeout: Duration,
    /// From the look-up of the name to the last byte of the body, redirects included.
    pub fetch_timeout: Duration,
    /// The longest body that is read, in bytes.
    pub max_document_bytes: usize,
    /// Certificates (PEM) to trust beside the platform's roots. On Linux the platform's are those of the
    /// distribution, or of `SSL_CERT_FILE` and `SSL_CERT_DIR` where set.
    pub extra_roots: Vec<Vec<u8>>,
}

/// More hops than this are never followed, whatever the settings say.
pub const MAX_REDIRECTS: u8 = 3;
/// Header fields of an answer beyond this number fail the fetch.
const MAX_HEADERS: usize = 100;
/// A longer `ETag` is not kept: it would be sent with every request.
const MAX_ETAG_BYTES: usize = 256;

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            guard: GuardSettings::default(),
            redirects: 0,
            connect_timeout: Duration::from_secs(2),
            fetch_timeout: Duration::from_secs(5),
            max_document_bytes: 256 * 1024,
            extra_roots: Vec::new(),
        }
    }
}

/// What an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The document, or that it is still the one whose `ETag` was sent.
    pub content: Content,
    /// The answer's `ETag`, at most 256 bytes.
    pub etag: Option<String>,
    /// `Cache-Control: max-age`, as the endpoint gave it.
    pub max_age: Option<Duration>,
}

/// The body of an answer, or its absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// 304 to a conditional request.
    NotModified,
    /// 200 with this body.
    Body(Vec<u8>),
}

/// Whatever can fetch: the real one is [`HttpFetcher`].
pub trait Fetch: Send + Sync + fmt::Debug {
    /// Fetches a document, conditionally where an `ETag` is given.
    fn fetch<'a>(&'a self, url: &'a Url, etag: Option<&'a str>)
    -> BoxFuture<'a, Result<Fetched, FetchError>>;
}

/// Fetches over HTTPS.
#[derive(Debug, Clone)]
pub struct HttpFetcher {
    client: Client,
    guard: Arc<Guard>,
    redirects: u8,
    fetch_timeout: Duration,
    max_document_bytes: usize,
}

/// A fetcher that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the client for endpoints cannot be made: {0}")]
pub struct FetcherError(String);

impl HttpFetcher {
    /// A fetcher that asks the system's resolver.
    ///
    /// # Errors
    /// An extra root that is no certificate.
    pub fn new(settings: &FetchSettings) -> Result<Self, FetcherError> {
        Self::with_lookup(settings, Arc::new(SystemLookup::default()))
    }

    /// A fetcher that asks this resolver.
    ///
    /// # Errors
    /// An extra root that is no certificate.
    pub fn with_lookup(settings: &FetchSettings, lookup: Arc<dyn Lookup>) -> Result<Self, FetcherError> {
        let guard = Arc::new(Guard::new(&settings.guard));
        let resolver = Arc::new(GuardedResolver::new(Arc::clone(&guard), lookup));
        let client = client(settings, &resolver)?;
        Ok(Self {
            client,
            guard,
            redirects: settings.redirects.min(MAX_REDIRECTS),
            fetch_timeout: settings.fetch_timeout,
            max_document_bytes: settings.max_document_bytes,
        })
    }

    async fn follow(&self, url: &Url, etag: Option<&str>) -> Result<Fetched, FetchError> {
        self.guard.check_url(url)?;
        let mut url = url.clone();
        for followed in 0..=self.redirects {
            let response = self.get(&url, etag).await?;
            if !is_redirect(response.status()) {
                return self.read(&url, response, etag.is_some()).await;
            }
            let target = redirect_target(&url, response.headers())?;
            if followed == self.redirects {
                return Err(too_many_redirects(&url, &target, self.redirects));
            }
            if target.scheme() != "https" {
                let message = format!("{} redirects to a URL that is not https.", host(&url));
                return Err(FetchError::new(
                    FailureKind::Redirect,
                    message,
                    "Configure the final https URL.",
                ));
            }
            self.guard.check_url(&target)?;
            url = target;
        }
        unreachable!("the last round of the loop returns")
    }

    async fn get(&self, url: &Url, etag: Option<&str>) -> Result<Response, FetchError> {
        let mut request = self.client.get(url.clone());
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        request.send().await.map_err(|error| explain(host(url), &error))
    }

    async fn read(
        &self,
        url: &Url,
        mut response: Response,
        conditional: bool,
    ) -> Result<Fetched, FetchError> {
        let (etag, max_age) = (etag(response.headers()), max_age(response.headers()));
        match response.status() {
            StatusCode::NOT_MODIFIED if conditional => {
                return Ok(Fetched { content: Content::NotModified, etag, max_age });
            }
            StatusCode::OK => {}
            status => return Err(unexpected_status(url, status)),
        }
        if is_encoded(response.headers()) {
            let message = format!("{} sent a content encoding that was not asked for.", host(url));
            let remedy = "Let the endpoint send the document uncompressed where no Accept-Encoding is given.";
            return Err(FetchError::new(FailureKind::ContentEncoding, message, remedy));
        }
        let limit = self.max_document_bytes;
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large(url, limit));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| explain(host(url), &error))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large(url, limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { content: Content::Body(body), etag, max_age })
    }
}

impl Fetch for HttpFetcher {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
        etag: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move {
            let whole = tokio::time::timeout(self.fetch_timeout, self.follow(url, etag));
            whole.await.unwrap_or_else(|_elapsed| {
                let message =
                    format!("{} did not answer in full within {:?}.", host(url), self.fetch_timeout);
                Err(FetchError::new(FailureKind::Timeout, message, "Look into what delays the key endpoint."))
            })
        })
    }
}

/// A client that keeps no connection: each fetch connects anew, to an address that was checked for it.
///
/// # Errors
/// An extra root that is no certificate.
pub fn client(settings: &FetchSettings, resolver: &Arc<GuardedResolver>) -> Result<Client, FetcherError> {
    let refused = |error: reqwest::Error| FetcherError(error.to_string());
    let roots: Result<Vec<_>, _> =
        settings.extra_roots.iter().map(|pem| reqwest::Certificate::from_pem(pem)).collect();
    let roots = roots.map_err(refused)?;
    let builder = || {
        Client::builder()
            .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::clone(resolver))
    };
    // A machine without root certificates can still fetch from hosts that are allowed plain http; https then
    // fails with a message about the certificate.
    builder().tls_certs_merge(roots.clone()).build().or_else(|error| {
        tracing::warn!(error = %error, "no root certificates: https endpoints cannot be trusted");
        builder().tls_certs_only(roots).build().map_err(refused)
    })
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or("the key endpoint")
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn redirect_target(url: &Url, headers: &HeaderMap) -> Result<Url, FetchError> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    location.and_then(|location| url.join(location).ok()).ok_or_else(|| {
        let message = format!("{} redirects without a usable Location.", host(url));
        FetchError::new(FailureKind::Redirect, message, "Configure the final https URL.")
    })
}

fn too_many_redirects(url: &Url, target: &Url, allowed: u8) -> FetchError {
    let (from, to) = (host(url), target.host_str().unwrap_or(target.scheme()));
    let message = format!("{from} redirects to {to}; {allowed} redirects are allowed.");
    FetchError::new(
        FailureKind::Redirect,
        message,
        "Configure the final URL, or raise `[keys] redirects` (up to 3).",
    )
}

fn too_large(url: &Url, limit: usize) -> FetchError {
    let message = format!("{} sent more than {limit} bytes.", host(url));
    FetchError::new(FailureKind::TooLarge, message, "Is this the URL of a key document?")
}

fn unexpected_status(url: &Url, status: StatusCode) -> FetchError {
    let message = format!("{} answered with status {} where 200 is expected.", host(url), status.as_u16());
    let remedy = match status.as_u16() {
        401 | 403 => "Public keys are public: let the endpoint answer without credentials.",
        404 | 410 => "Check the path of the URL.",
        429 => "Let the endpoint take at least a few requests a minute.",
        500.. => "Look into the key endpoint's own log.",
        _ => "Let the endpoint answer a plain GET with 200 and the document.",
    };
    FetchError::new(FailureKind::HttpStatus, message, remedy)
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn etag(headers: &HeaderMap) -> Option<String> {
    let etag = headers.get(ETAG)?.to_str().ok()?;
    (!etag.is_empty() && etag.len() <= MAX_ETAG_BYTES).then(|| etag.to_owned())
}

/// The shortest `max-age` among the directives (RFC 9111 §5.2.2.1, §4.2.1).
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let ages = values.flat_map(|value| value.split(',')).filter_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        let seconds = seconds.trim().trim_matches('"');
        let digits = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than a u64 holds is "a very long time" (RFC 9111 §1.2.2), not nonsense.
        (name.trim().eq_ignore_ascii_case("max-age") && digits).then(|| seconds.parse().unwrap_or(u64::MAX))
    });
    ages.min().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (CACHE_CONTROL, value.parse().unwrap())).collect()
    }

    #[test]
    fn max_age_is_found_among_the_directives() {
        for (values, seconds) in [
            (&["max-age=60"][..], Some(60)),
            (&["public, MAX-AGE = \"61\" , must-revalidate"], Some(61)),
            (&["max-age=600", "max-age=30"], Some(30)),
            (&["max-age=99999999999999999999999"], Some(u64::MAX)),
            (&["s-maxage=5", "no-cache"], None),
            (&["max-age=-1"], None),
            (&["max-age=+1"], None),
            (&["max-age="], None),
            (&["max-age=1.5"], None),
            (&[], None),
        ] {
            assert_eq!(max_age(&headers(values)), seconds.map(Duration::from_secs), "{values:?}");
        }
    }

    #[test]
    fn an_etag_is_kept_up_to_its_limit() {
        for (length, kept) in [(0, false), (1, true), (256, true), (257, false)] {
            let headers = std::iter::once((ETAG, "x".repeat(length).parse().unwrap())).collect();
            assert_eq!(etag(&headers).is_some(), kept, "{length} bytes");
        }
    }
}
