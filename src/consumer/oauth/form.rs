//! What is asked of the token endpoint: a form, and the client's credentials in it or in a header.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use url::form_urlencoded;

use super::Refused;

/// Bytes of a request's body.
pub(super) const FORM_BYTES_MAX: usize = 8192;
/// How long a body may take to arrive.
const FORM_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);
/// Parameters of a request.
const PARAMETERS_MAX: usize = 32;

/// A client's id and secret, as they were presented.
#[derive(PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) secret: String,
}

/// The parameters of a request, each at most once.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body, which must be a form.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Refused> {
        if !is_form(headers) {
            return Err(Refused::invalid_request(
                "the body must be a form: send it with Content-Type: application/x-www-form-urlencoded",
            ));
        }
        let reading = tokio::time::timeout(FORM_WITHIN, Limited::new(body, FORM_BYTES_MAX).collect());
        let Ok(read) = reading.await else {
            return Err(Refused::invalid_request(
                "the body did not arrive within 10 s: send it whole, at once",
            )
            .with_status(StatusCode::REQUEST_TIMEOUT));
        };
        match read {
            Ok(whole) => Self::parse(&whole.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(Refused::invalid_request("the body is over 8192 bytes: send a smaller one")
                    .with_status(StatusCode::PAYLOAD_TOO_LARGE))
            }
            Err(_) => Err(Refused::invalid_request("the body broke off: send it whole")),
        }
    }

    /// RFC 6749 §3.2: no parameter is there twice, unknown ones are ignored.
    pub(super) fn parse(bytes: &Bytes) -> Result<Self, Refused> {
        let pairs: Vec<_> = form_urlencoded::parse(bytes).into_owned().take(PARAMETERS_MAX + 1).collect();
        if pairs.len() > PARAMETERS_MAX {
            return Err(Refused::invalid_request("there are more than 32 parameters"));
        }
        let is_repeated = |at: usize| pairs[..at].iter().any(|(earlier, _)| *earlier == pairs[at].0);
        if (0..pairs.len()).any(is_repeated) {
            return Err(Refused::invalid_request("a parameter is given more than once: give each once"));
        }
        Ok(Self(pairs))
    }

    /// A parameter; one without a value counts as left out (RFC 6749 §3.2).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// The client's credentials: in the header or in the form, in one of them (RFC 6749 §2.3).
    pub(super) fn credentials(&self, headers: &HeaderMap) -> Result<Credentials, Refused> {
        let (id, secret) = (self.get("client_id"), self.get("client_secret"));
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        match (all.next(), all.next()) {
            (Some(_), Some(_)) => {
                Err(Refused::invalid_request("there is more than one Authorization header"))
            }
            (Some(_), None) if secret.is_some() => Err(Refused::invalid_request(
                "the client's credentials are in the header and in the form: send them once",
            )),
            (Some(one), None) => {
                let credentials = one.to_str().ok().and_then(basic).ok_or(Refused::INVALID_CLIENT)?;
                // To name itself once more is a client's right (RFC 6749 §3.2.1), as long as it is the same.
                if id.is_some_and(|id| id != credentials.id) {
                    return Err(Refused::invalid_request("client_id is another one than in the header"));
                }
                Ok(credentials)
            }
            (None, _) => match (id, secret) {
                (Some(id), Some(secret)) => Ok(Credentials { id: id.to_owned(), secret: secret.to_owned() }),
                _ => Err(Refused::INVALID_CLIENT),
            },
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return false };
    let essence = one.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Basic credentials, each half of them encoded as a form's value is (RFC 6749 §2.3.1, RFC 7617).
fn basic(header: &str) -> Option<Credentials> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim_matches(' ')).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some(Credentials { id: form_value(id), secret: form_value(secret) })
}

/// Decodes one value; what separates pairs in a form stands for itself here.
fn form_value(text: &str) -> String {
    let alone = text.replace('&', "%26").replace('=', "%3D");
    let mut pairs = form_urlencoded::parse(alone.as_bytes());
    pairs.next().map(|(value, _)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn form(text: &'static str) -> Result<Form, Refused> {
        Form::parse(&Bytes::from_static(text.as_bytes()))
    }

    fn with_basic(pair: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(pair));
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap())])
    }

    /// Id and secret as they are understood.
    fn read(headers: &HeaderMap, text: &'static str) -> Result<(String, String), &'static str> {
        let credentials = form(text).ok().unwrap().credentials(headers);
        credentials.map(|both| (both.id, both.secret)).map_err(|refused| refused.error)
    }

    #[test]
    fn credentials_come_from_the_header_or_from_the_form() {
        let router = Ok(("router".to_owned(), "s3cr3t".to_owned()));
        let none = HeaderMap::new();
        assert_eq!(read(&with_basic("router:s3cr3t"), ""), router);
        assert_eq!(read(&with_basic("router:s3cr3t"), "client_id=router"), router);
        assert_eq!(read(&with_basic("router:s3cr3t"), "client_secret="), router, "no value, no parameter");
        assert_eq!(read(&none, "client_id=router&client_secret=s3cr3t"), router);
    }

    #[test]
    fn credentials_in_both_places_or_more_than_once_are_an_invalid_request() {
        let basic = with_basic("router:s3cr3t");
        for text in ["client_id=router&client_secret=s3cr3t", "client_secret=s3cr3t", "client_id=other"] {
            assert_eq!(read(&basic, text), Err("invalid_request"), "{text}");
        }
        let mut twice = basic.clone();
        twice.append(header::AUTHORIZATION, basic[header::AUTHORIZATION].clone());
        assert_eq!(read(&twice, ""), Err("invalid_request"));
    }

    #[test]
    fn missing_or_unreadable_credentials_are_an_invalid_client() {
        let none = HeaderMap::new();
        for text in ["", "client_id=router", "client_secret=s3cr3t", "client_id=&client_secret=s3cr3t"] {
            assert_eq!(read(&none, text), Err("invalid_client"), "{text}");
        }
        for value in ["Bearer router.s3cr3t", "Basic", "Basic !", "Basic cm91dGVy", "Basic /w==", ""] {
            let value = HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            assert_eq!(read(&headers, ""), Err("invalid_client"), "{headers:?}");
        }
    }

    #[test]
    fn both_halves_of_basic_credentials_are_form_encoded() {
        let cases = [
            ("a%3Ab:c+d%25%2B", "a:b", "c d%+"),
            ("a:b:c", "a", "b:c"),
            ("a:x&y=z", "a", "x&y=z"),
            ("a:%C3%BC", "a", "ü"),
            (":", "", ""),
            ("a:100%", "a", "100%"),
        ];
        for (pair, id, secret) in cases {
            let read = read(&with_basic(pair), "");
            assert_eq!(read, Ok((id.to_owned(), secret.to_owned())), "{pair}");
        }
    }

    #[test]
    fn a_parameter_stands_there_once_whether_it_is_known_or_not() {
        for text in ["scope=a&scope=a", "x=1&x=", "grant_type=a&scope=b&grant_type=a"] {
            assert_eq!(form(text).err().map(|refused| refused.error), Some("invalid_request"), "{text}");
        }
        assert!(form("x=1&y=1&scope=").is_ok());
        let many = |count: usize| (0..count).map(|at| format!("p{at}=1")).collect::<Vec<_>>().join("&");
        assert!(Form::parse(&many(PARAMETERS_MAX).into()).is_ok());
        assert!(Form::parse(&many(PARAMETERS_MAX + 1).into()).is_err());
    }

    #[test]
    fn only_one_content_type_is_a_form() {
        let is = |values: &[&'static str]| {
            let all = values.iter().map(|value| (header::CONTENT_TYPE, HeaderValue::from_static(value)));
            let mut headers = HeaderMap::new();
            for (name, value) in all {
                headers.append(name, value);
            }
            is_form(&headers)
        };
        assert!(is(&["application/x-www-form-urlencoded"]));
        assert!(is(&["Application/X-WWW-Form-Urlencoded; charset=UTF-8"]));
        for bad in
            [&[][..], &["application/json"], &["text/plain"], &["application/x-www-form-urlencoded"; 2]]
        {
            assert!(!is(bad), "{bad:?}");
        }
    }
}
