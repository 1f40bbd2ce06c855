//! What the HTTP client's error means: it lies somewhere in a chain of causes.

use std::error::Error;
use std::io;

use super::failure::{FailureKind, FetchError};

/// Tells what happened to the connection to `host`.
#[must_use]
pub fn explain(host: &str, error: &reqwest::Error) -> FetchError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref::<FetchError>() {
            return own.clone();
        }
        if let Some(tls) = find_tls(error) {
            return untrusted(host, tls);
        }
        cause = error.source();
    }
    let new = |kind, message, remedy| FetchError::new(kind, message, remedy);
    if error.is_timeout() {
        let message = format!("{host} was not connected to in time.");
        return new(FailureKind::Timeout, message, "Check that usher's network reaches the key endpoint.");
    }
    if error.is_connect() {
        let message = format!("{host} took no connection: {}.", root(error));
        return new(FailureKind::Connect, message, "Check that usher's network reaches the key endpoint.");
    }
    let message = format!("{host} sent no whole HTTP answer: {}.", root(error));
    new(FailureKind::Http, message, "Let the endpoint answer a plain GET with HTTP/1.1.")
}

/// An `io::Error` hides what it wraps from `source`, so it has to be asked.
fn find_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    let wrapped: &'a (dyn Error + 'static) = error.downcast_ref::<io::Error>()?.get_ref()?;
    find_tls(wrapped)
}

fn untrusted(host: &str, error: &rustls::Error) -> FetchError {
    let remedy = match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "Let a public authority certify the endpoint, or add its authority to the system's \
             certificates (SSL_CERT_FILE); a system without ca-certificates trusts none."
        }
        rustls::Error::InvalidCertificate(_) => "Renew or replace the key endpoint's certificate.",
        _ => "Let the key endpoint offer TLS 1.2 or 1.3.",
    };
    let message = format!("{host} has no TLS session that can be trusted: {error}.");
    FetchError::new(FailureKind::Tls, message, remedy)
}

fn root(error: &reqwest::Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}
