//! `usher token mint`: a token to try things with.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::cli::Exit;
use crate::clock::Clock;
use crate::domain::json::{self, Json};

/// What `usher token mint` is asked.
#[derive(Debug, Args)]
pub struct MintArgs {
    /// The private key (PEM, RSA) to sign with.
    #[arg(long, value_name = "PRIVATE.pem")]
    pub key: PathBuf,
    /// The name under which its public half is published, where that is in a set.
    #[arg(long, value_name = "K")]
    pub kid: Option<String>,
    /// The issuer.
    #[arg(long, value_name = "I")]
    pub iss: String,
    /// The subject: who the customer is.
    #[arg(long, value_name = "S")]
    pub sub: String,
    /// How long it lives: a number with s, m or h.
    #[arg(long, value_name = "SPAN", default_value = "15m", value_parser = span)]
    pub lifetime: Duration,
    /// The customer's variables, a JSON object.
    #[arg(long, value_name = "JSON", value_parser = context)]
    pub context: Option<String>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lwicontexts: Option<&'a str>,
}

fn span(text: &str) -> Result<Duration, String> {
    let refused = || "a whole number and a unit are expected, such as 90s, 15m or 1h".to_owned();
    let at = text.len().checked_sub(1).filter(|&at| text.is_char_boundary(at)).ok_or_else(refused)?;
    let (number, unit) = text.split_at(at);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(refused()),
    };
    let number: u32 = number.parse().map_err(|_| refused())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

fn context(text: &str) -> Result<String, String> {
    match json::parse(text) {
        Ok(Json::Object(_)) => Ok(text.to_owned()),
        Ok(other) => Err(format!("it is {}, where a JSON object is expected", other.kind())),
        Err(fault) => Err(format!("it is not JSON: {fault}")),
    }
}

/// Prints a token. [`Exit::Usage`] where the key can't sign one.
///
/// # Errors
///
/// Where `out` can't be written.
pub fn mint(args: &MintArgs, out: &mut impl Write, err: &mut impl Write) -> io::Result<Exit> {
    let now = Clock::system().now().seconds();
    match sign(args, now) {
        Ok(token) => {
            writeln!(out, "{token}")?;
            Ok(Exit::Done)
        }
        Err(why) => {
            writeln!(err, "usher: {why}")?;
            Ok(Exit::Usage)
        }
    }
}

fn sign(args: &MintArgs, now: i64) -> Result<String, String> {
    let path = args.key.display();
    let pem = fs::read(&args.key).map_err(|error| format!("{path} can't be read: {error}"))?;
    let refused = |_| {
        format!(
            "{path} is no RSA private key that can sign: make one with \
             openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem"
        )
    };
    let key = EncodingKey::from_rsa_pem(&pem).map_err(refused)?;
    let header = Header { kid: args.kid.clone(), ..Header::new(Algorithm::RS256) };
    let lifetime = i64::try_from(args.lifetime.as_secs()).unwrap_or(i64::MAX);
    let claims = Claims {
        iss: &args.iss,
        sub: &args.sub,
        iat: now,
        exp: now.saturating_add(lifetime),
        lwicontexts: args.context.as_deref(),
    };
    jsonwebtoken::encode(&header, &claims, &key).map_err(refused)
}
