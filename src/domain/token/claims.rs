//! The claims, once the signature holds: presence, then form, in an order that keeps the reason stable.

use crate::domain::json::{Json, Number, Object, OutOfRange};
use crate::domain::time::UnixTime;

use super::refusal::{Reason, Refusal, Step};
use super::{Identity, TokenPolicy};

/// The longest `iss` in characters.
const MAX_ISSUER_CHARACTERS: usize = 512;
/// The longest `sub` in characters.
const MAX_SUBJECT_CHARACTERS: usize = 256;

/// The claims that the verdict rests on, each found to be of its form.
pub(super) struct Claims {
    pub(super) identity: Identity,
    pub(super) iat: Date,
    pub(super) exp: Date,
    pub(super) nbf: Option<Date>,
}

/// A `NumericDate` (RFC 7519 §2) on usher's clock of milliseconds. One between two ticks is known by both: an instant
/// on the clock is before it exactly when it is before `ceil`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Date {
    pub(super) floor: UnixTime,
    pub(super) ceil: UnixTime,
}

/// Checks presence, then form, kinds and the tenant's lists.
pub(super) fn read(payload: &Object<'_>, policy: &TokenPolicy) -> Result<Claims, Refusal> {
    let [iss, sub, iat, exp] = [
        present(payload, "iss")?,
        present(payload, "sub")?,
        present(payload, "iat")?,
        present(payload, "exp")?,
    ];
    if !policy.audiences.is_empty() {
        present(payload, "aud")?;
    }
    let issuer = text("iss", iss, MAX_ISSUER_CHARACTERS)?;
    let subject = text("sub", sub, MAX_SUBJECT_CHARACTERS)?;
    let iat = date("iat", iat)?;
    let exp = date("exp", exp)?;
    let nbf = payload.first("nbf").map(|nbf| date("nbf", nbf)).transpose()?;
    lifetime(iat, exp, policy)?;
    issuer_listed(issuer, policy)?;
    audience(payload.first("aud"), policy)?;
    no_refresh_token(payload)?;
    Ok(Claims { identity: Identity { issuer: issuer.into(), subject: subject.into() }, iat, exp, nbf })
}

fn present<'p, 'a>(payload: &'p Object<'a>, claim: &'static str) -> Result<&'p Json<'a>, Refusal> {
    payload.first(claim).ok_or_else(|| {
        let message = format!("the token has no \"{claim}\"");
        let action = format!("the token service must add \"{claim}\" to what it signs");
        Refusal::new(Reason::MissingClaim, Step::ClaimsPresent, message, action)
    })
}

fn invalid(message: String, action: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Reason::InvalidClaim, Step::Claims, message, action)
}

fn text<'p>(claim: &'static str, value: &'p Json<'_>, most: usize) -> Result<&'p str, Refusal> {
    let action = format!("the token service must write a plain string of 1 to {most} characters");
    let Some(text) = value.as_str() else {
        return Err(invalid(
            format!("the token's \"{claim}\" is {}, where a string is expected", value.kind()),
            action,
        ));
    };
    let fault = if text.trim().is_empty() {
        "is blank"
    } else if text.chars().any(char::is_control) {
        "holds a control character"
    } else if text.len() > most && text.chars().count() > most {
        "is too long"
    } else {
        return Ok(text);
    };
    Err(invalid(format!("the token's \"{claim}\" {fault}"), action))
}

fn date(claim: &'static str, value: &Json<'_>) -> Result<Date, Refusal> {
    let seconds = "the token service must write seconds since 1970 as a JSON number";
    match value {
        Json::Number(number) => numeric_date(number).map_err(|fault| match fault {
            DateFault::Milliseconds => invalid(
                format!(
                    "the token's \"{claim}\" is too great for a date in seconds: it looks like milliseconds"
                ),
                "the token service must divide it by 1000",
            ),
            DateFault::TooGreat => {
                invalid(format!("the token's \"{claim}\" lies beyond the year 9999"), seconds)
            }
            DateFault::Negative => invalid(format!("the token's \"{claim}\" is negative"), seconds),
        }),
        other => {
            let message = format!("the token's \"{claim}\" is {}, where a number is expected", other.kind());
            Err(invalid(message, seconds))
        }
    }
}

enum DateFault {
    Negative,
    Milliseconds,
    TooGreat,
}

fn numeric_date(number: &Number<'_>) -> Result<Date, DateFault> {
    let max = UnixTime::MAX.millis();
    match number.as_millis() {
        Ok((millis, fraction)) if millis < max || (millis == max && !fraction) => Ok(Date {
            floor: UnixTime::from_millis(millis),
            ceil: UnixTime::from_millis(millis + i64::from(fraction)),
        }),
        Ok((millis, _)) if millis / 1000 <= max => Err(DateFault::Milliseconds),
        Ok(_) | Err(OutOfRange::TooGreat) => Err(DateFault::TooGreat),
        Err(OutOfRange::Negative) => Err(DateFault::Negative),
    }
}

fn lifetime(iat: Date, exp: Date, policy: &TokenPolicy) -> Result<(), Refusal> {
    if exp.ceil <= iat.ceil {
        let message = "the token's \"exp\" is not later than its \"iat\"".to_owned();
        return Err(invalid(message, "the token service must set exp to iat plus the lifetime"));
    }
    if exp.ceil.since(iat.ceil) > policy.max_token_lifetime {
        let most = policy.max_token_lifetime.as_secs();
        let message = format!("the token is made to live longer than the {most} s allowed (exp - iat)");
        return Err(invalid(
            message,
            "the token service must give it a shorter life, or the tenant a greater max_token_lifetime",
        ));
    }
    Ok(())
}

fn issuer_listed(issuer: &str, policy: &TokenPolicy) -> Result<(), Refusal> {
    let same = |listed: &String| {
        if is_bare_host(listed) { listed.eq_ignore_ascii_case(issuer) } else { listed == issuer }
    };
    if policy.issuers.is_empty() || policy.issuers.iter().any(same) {
        return Ok(());
    }
    let message = "the token's \"iss\" is not one of the issuers that the tenant lists".to_owned();
    Err(invalid(message, "send a token of a listed issuer, or add this one to issuers"))
}

/// A name with a dot and nothing but what host names are made of: `contosohelp.com`. Hosts don't heed case.
fn is_bare_host(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.contains('.') && name.split('.').all(label)
}

fn audience(aud: Option<&Json<'_>>, policy: &TokenPolicy) -> Result<(), Refusal> {
    let listed =
        |name: &str| policy.audiences.is_empty() || policy.audiences.iter().any(|audience| audience == name);
    let matches = match aud {
        None => return Ok(()),
        Some(Json::String(name)) => listed(name),
        Some(Json::Array(names)) if names.iter().all(|name| name.as_str().is_some()) => {
            policy.audiences.is_empty() || names.iter().filter_map(Json::as_str).any(listed)
        }
        Some(_) => {
            let message = "the token's \"aud\" is neither a string nor an array of strings".to_owned();
            return Err(invalid(message, "the token service must write one of the two"));
        }
    };
    if matches {
        return Ok(());
    }
    let message = "the token's \"aud\" names none of the audiences that the tenant lists".to_owned();
    Err(invalid(message, "send a token made for the chat, or add its audience to audiences"))
}

/// Refresh tokens of several vendors, which say so of themselves in one claim or another.
fn no_refresh_token(payload: &Object<'_>) -> Result<(), Refusal> {
    for claim in ["ctyp", "token_use", "usage", "typ", "token_type"] {
        let kind = payload.first(claim).and_then(Json::as_str).unwrap_or_default();
        if kind.eq_ignore_ascii_case("refresh") || kind.eq_ignore_ascii_case("refresh_token") {
            let message = format!("the token says of itself (\"{claim}\") that it is a refresh token");
            return Err(invalid(
                message,
                "send the access token: a refresh token is not one, and must not leave its service",
            ));
        }
    }
    Ok(())
}
