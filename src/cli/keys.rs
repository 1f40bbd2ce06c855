//! `usher keys inspect`: what a key document holds, as the gateway reads it.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::clock::Clock;
use crate::domain::keys::{self, DocumentRefused, KeyDocument, KeyFault};
use crate::domain::time::UnixTime;

use super::Exit;
use super::source::{self, NetworkArgs, NoDocument};

/// What `usher keys inspect` is asked.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The document: a file, or the URL of a key endpoint.
    #[arg(value_name = "FILE|URL")]
    pub source: String,
    /// The largest modulus in bits, the tenant's `max_key_bits`.
    #[arg(long, value_name = "BITS", default_value_t = 4096)]
    #[arg(value_parser = clap::value_parser!(u32).range(4096..=8192))]
    pub max_key_bits: u32,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take the comment for the help's heading")]
    pub network: NetworkArgs,
    /// Write JSON.
    #[arg(long)]
    pub json: bool,
}

/// Prints the document's form, its keys and what is wrong with it. [`Exit::Found`] where no key of it can be used.
///
/// # Errors
///
/// Where `out` can't be written.
pub fn inspect(args: &InspectArgs, out: &mut impl Write, err: &mut impl Write) -> io::Result<Exit> {
    let body = match source::read(&args.source, &args.network) {
        Ok(body) => body,
        Err(NoDocument::Unreadable(why)) => {
            writeln!(err, "usher: {why}")?;
            return Ok(Exit::Usage);
        }
        Err(NoDocument::NotFetched(message, action)) => {
            let report = Report { error: Some(Problem { message, action }), ..Report::default() };
            return report.write(args.json, out);
        }
    };
    match keys::parse(&body, args.max_key_bits) {
        Ok(document) => Report::of(&document, Clock::system().now()).write(args.json, out),
        Err(refused) => Report::refused(&refused).write(args.json, out),
    }
}

#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
    keys: Vec<Key>,
    faults: Vec<Unusable>,
    passed_over: Vec<Unusable>,
}

#[derive(Debug, Serialize)]
struct Problem {
    message: String,
    action: String,
}

#[derive(Debug, Serialize)]
struct Key {
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    bits: u32,
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<String>,
    expired: bool,
}

#[derive(Debug, Serialize)]
struct Unusable {
    entry: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    message: String,
    action: String,
}

impl From<&KeyFault> for Unusable {
    fn from(fault: &KeyFault) -> Self {
        Self {
            entry: fault.entry,
            kid: fault.kid.clone(),
            message: fault.fault.message.to_string(),
            action: fault.fault.action.to_string(),
        }
    }
}

impl Report {
    fn of(document: &KeyDocument, now: UnixTime) -> Self {
        let key = |key: &keys::PublicKey| Key {
            kid: key.kid().map(ToString::to_string),
            bits: key.bits(),
            fingerprint: key.fingerprint().to_string(),
            expiry: key.expiry().map(|expiry| expiry.to_string()),
            expired: key.expiry().is_some_and(|expiry| now >= expiry),
        };
        Self {
            form: Some(document.form.name()),
            error: None,
            keys: document.keys.iter().map(key).collect(),
            faults: document.faults.iter().map(Unusable::from).collect(),
            passed_over: document.passed_over.iter().map(Unusable::from).collect(),
        }
    }

    fn refused(refused: &DocumentRefused) -> Self {
        let problem =
            Problem { message: refused.fault.message.to_string(), action: refused.fault.action.to_string() };
        Self {
            error: Some(problem),
            faults: refused.entries.iter().map(Unusable::from).collect(),
            ..Self::default()
        }
    }

    fn write(&self, json: bool, out: &mut impl Write) -> io::Result<Exit> {
        if json {
            serde_json::to_writer_pretty(&mut *out, self)?;
            writeln!(out)?;
        } else {
            self.write_text(out)?;
        }
        Ok(if self.error.is_some() { Exit::Found } else { Exit::Done })
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let usable = self.keys.len();
        let form = match self.form {
            Some("pem") => "One PEM: its key stands for every token, whatever the token's kid.".to_owned(),
            Some("key_set") => format!("A key set, {usable} of its keys can be used."),
            Some(_) => format!("A JWK Set, {usable} of its keys can be used."),
            None => "No key document that can be used.".to_owned(),
        };
        writeln!(out, "{form}")?;
        if let Some(Problem { message, action }) = &self.error {
            writeln!(out, "  fault        {message}\n  what to do   {action}")?;
        }
        for key in &self.keys {
            if let Some(kid) = &key.kid {
                writeln!(out, "\nkey \"{}\"", kid.escape_debug())?;
            }
            writeln!(out, "  bits         {}\n  fingerprint  {}", key.bits, key.fingerprint)?;
            let past = if key.expired { ", past: its tokens are key_expired" } else { "" };
            writeln!(out, "  expiry       {}{past}", key.expiry.as_deref().unwrap_or("none"))?;
        }
        for (entries, word) in [(&self.faults, "can't be used"), (&self.passed_over, "is passed over")] {
            for Unusable { entry, kid, message, action } in entries {
                let kid = kid.as_ref().map(|kid| format!(" \"{}\"", kid.escape_debug())).unwrap_or_default();
                writeln!(
                    out,
                    "\nentry {entry}{kid} {word}\n  fault        {message}\n  what to do   {action}"
                )?;
            }
        }
        Ok(())
    }
}
