//! `usher token verify`: the verdict that the gateway would give, step by step.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Exit;
use crate::cli::source::{self, NetworkArgs, NoDocument};
use crate::clock::Clock;
use crate::config;
use crate::domain::keys::{self, KeyDocument};
use crate::domain::time::UnixTime;
use crate::domain::token::{Presented, Refusal, Revocations, TokenPolicy, VerifiedCustomer};

use super::report::Report;

/// What `usher token verify` is asked.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The tenant's key document: a file, or the URL of its key endpoint.
    #[arg(long, value_name = "FILE|URL")]
    pub keys: String,
    /// The tenant's file, or one with its `[authentication]` table alone.
    #[arg(long, value_name = "FILE")]
    pub tenant_policy: Option<PathBuf>,
    /// The instant at which to judge, RFC 3339 or Unix seconds; now by default.
    #[arg(long, value_name = "RFC3339|unix", value_parser = instant)]
    pub now: Option<UnixTime>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take the comment for the help's heading")]
    pub network: NetworkArgs,
    /// Write JSON.
    #[arg(long)]
    pub json: bool,
    /// The token; - or nothing reads it from standard input.
    #[arg(value_name = "TOKEN|-")]
    pub token: Option<String>,
}

/// A token on standard input is read up to here: more is too much under every policy.
pub(in crate::cli) const MAX_INPUT_BYTES: u64 = 1024 * 1024;

pub(in crate::cli) fn instant(text: &str) -> Result<UnixTime, String> {
    let seconds =
        text.parse::<i64>().ok().filter(|&seconds| (0..=UnixTime::MAX.seconds()).contains(&seconds));
    seconds
        .map(UnixTime::from_seconds)
        .or_else(|| UnixTime::parse_rfc3339(text))
        .ok_or_else(|| "neither RFC 3339 (2025-10-09T08:53:20Z) nor seconds since 1970".to_owned())
}

/// Judges the token and prints the verdict. [`Exit::Found`] where it is refused.
///
/// # Errors
///
/// Where `out` can't be written, or standard input can't be read.
pub fn verify(
    args: &VerifyArgs,
    input: impl io::Read,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Exit> {
    let policy = match policy(args.tenant_policy.as_deref()) {
        Ok(policy) => policy,
        Err(faults) => {
            for fault in faults {
                writeln!(err, "usher: {fault}")?;
            }
            return Ok(Exit::Usage);
        }
    };
    let token = match args.token.as_deref() {
        Some(token) if token != "-" => token.to_owned(),
        _ => {
            let mut bytes = Vec::new();
            input.take(MAX_INPUT_BYTES).read_to_end(&mut bytes)?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    let now = args.now.unwrap_or_else(|| Clock::system().now());
    let judged = match judge(&token, &policy, now, || source::read(&args.keys, &args.network)) {
        Ok(judged) => judged,
        Err(why) => {
            writeln!(err, "usher: {why}")?;
            return Ok(Exit::Usage);
        }
    };
    Report::new(&token, &judged, now).write(args.json, out)?;
    Ok(if judged.verdict.is_ok() { Exit::Done } else { Exit::Found })
}

/// The verdict and what it was reached with.
pub(in crate::cli) struct Judged {
    pub(in crate::cli) verdict: Result<VerifiedCustomer, Refusal>,
    /// The document, where the verdict got so far as to ask for one.
    pub(super) document: Option<KeyDocument>,
    /// The `kid` of the header, where that has the right form.
    pub(super) kid: Option<String>,
}

/// The verdict by the key document that `read` gets. `Err`: the question makes no sense.
pub(in crate::cli) fn judge(
    token: &str,
    policy: &TokenPolicy,
    now: UnixTime,
    read: impl FnOnce() -> Result<Vec<u8>, NoDocument>,
) -> Result<Judged, String> {
    let presented = match Presented::parse(token, policy) {
        Ok(presented) => presented,
        Err(refusal) => return Ok(Judged { verdict: Err(refusal), document: None, kid: None }),
    };
    let kid = presented.kid().map(str::to_owned);
    let unavailable = |message: String, action: String| {
        let refusal = Refusal::keys_unavailable(None).in_words(message, action);
        Ok(Judged { verdict: Err(refusal), document: None, kid: kid.clone() })
    };
    let body = match read() {
        Ok(body) => body,
        Err(NoDocument::Unreadable(why)) => return Err(why),
        Err(NoDocument::NotFetched(message, action)) => return unavailable(message, action),
    };
    let document = match keys::parse(&body, policy.max_key_bits) {
        Ok(document) => document,
        Err(refused) => {
            let message = format!("the key document can't be used: {}", refused.fault.message);
            return unavailable(message, refused.fault.action.into_owned());
        }
    };
    let verdict = presented.verify(&document.keys, &Revocations::default(), policy, now);
    Ok(Judged { verdict, document: Some(document), kid })
}

fn policy(path: Option<&Path>) -> Result<TokenPolicy, Vec<String>> {
    let Some(path) = path else { return Ok(TokenPolicy::default()) };
    let text = fs::read_to_string(path)
        .map_err(|error| vec![format!("{} can't be read: {error}", path.display())])?;
    config::read_tenant_policy(path, &text).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}
