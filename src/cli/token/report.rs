//! A verdict, for a person or for a program.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::json::{self, Json};
use crate::domain::time::UnixTime;
use crate::domain::token::{Refusal, Step, VerifiedCustomer};
use crate::wire::VariablesView;

use super::verify::Judged;

pub(super) struct Report<'a> {
    judged: &'a Judged,
    claims: Option<Box<RawValue>>,
    now: UnixTime,
}

#[derive(Serialize)]
struct JsonReport<'a> {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<VariablesView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(token: &str, judged: &'a Judged, now: UnixTime) -> Self {
        Self { judged, claims: claims(token), now }
    }

    pub(super) fn write(&self, json: bool, out: &mut impl Write) -> io::Result<()> {
        if json {
            serde_json::to_writer_pretty(&mut *out, &self.as_json())?;
            return writeln!(out);
        }
        let failed = self.judged.verdict.as_ref().err();
        self.write_steps(failed, out)?;
        match &self.judged.verdict {
            Ok(customer) => self.write_customer(customer, out),
            Err(refusal) => {
                writeln!(out, "\nrefused: {}", refusal.reason)?;
                writeln!(out, "  what is wrong  {}\n  what to do     {}", refusal.message, refusal.action)?;
                self.write_claims(out)
            }
        }
    }

    fn as_json(&self) -> JsonReport<'_> {
        let (accepted, refused) = (self.judged.verdict.as_ref().ok(), self.judged.verdict.as_ref().err());
        JsonReport {
            verdict: if accepted.is_some() { "accepted" } else { "refused" },
            reason: refused.map(|refusal| refusal.reason.code()),
            message: refused.map(|refusal| refusal.message.as_ref()),
            action: refused.map(|refusal| refusal.action.as_ref()),
            claims: self.claims.as_deref(),
            kid: self.judged.kid.as_deref(),
            variables: accepted
                .map(|customer| VariablesView { variables: customer.variables(), authenticated: true }),
            expires_at: accepted.map(|customer| customer.expires_at().to_string()),
        }
    }

    fn write_steps(&self, failed: Option<&Refusal>, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "judged at {}", self.now)?;
        for step in Step::ALL {
            let (mark, end) = match failed {
                Some(refusal) if refusal.step == step => ("no", true),
                _ => ("ok", false),
            };
            writeln!(out, "  {mark}  {}{}", step.title(), self.detail(step))?;
            if end {
                break;
            }
        }
        Ok(())
    }

    /// What is worth knowing about a step.
    fn detail(&self, step: Step) -> String {
        let kid = || {
            self.judged
                .kid
                .as_ref()
                .map_or_else(|| "none".to_owned(), |kid| format!("\"{}\"", kid.escape_debug()))
        };
        match (step, &self.judged.document) {
            (Step::Algorithm, _) if self.judged.kid.is_some() || self.judged.document.is_some() => {
                ": RS256".to_owned()
            }
            (Step::Keys, Some(document)) => {
                let usable = document.keys.len();
                let faulty = document.faults.len();
                if faulty == 0 {
                    format!(": {usable} usable")
                } else {
                    format!(": {usable} usable, {faulty} faulty (usher keys inspect)")
                }
            }
            (Step::Kid, Some(document)) if document.keys.as_single().is_some() => {
                ": one PEM, so it doesn't matter".to_owned()
            }
            (Step::Kid, Some(_)) => format!(": {}", kid()),
            _ => String::new(),
        }
    }

    fn write_customer(&self, customer: &VerifiedCustomer, out: &mut impl Write) -> io::Result<()> {
        let identity = customer.identity();
        writeln!(out, "\naccepted")?;
        writeln!(out, "  issuer         {}", identity.issuer.escape_debug())?;
        writeln!(out, "  subject        {}", identity.subject.escape_debug())?;
        writeln!(out, "  issued at      {}", customer.issued_at())?;
        let left = customer.expires_at().since(self.now).as_secs();
        writeln!(out, "  expires at     {}, in {left} s", customer.expires_at())?;
        writeln!(out, "  signed by      {}", customer.fingerprint())?;
        if customer.key_past_expiry() {
            writeln!(out, "  note           that key is past its expiry; key_expiry = \"warn\" takes it")?;
        }
        for (name, variable) in customer.variables() {
            writeln!(
                out,
                "  variable       {} = {}",
                name.escape_debug(),
                variable.raw.as_text().escape_debug()
            )?;
        }
        for rejected in &customer.context().rejected {
            let (name, reason) = (rejected.name.escape_debug(), rejected.reason.code());
            writeln!(out, "  not taken      {name}: {reason}")?;
        }
        Ok(())
    }

    fn write_claims(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(claims) = &self.claims else { return Ok(()) };
        let Ok(Json::Object(object)) = json::parse(claims.get()) else { return Ok(()) };
        for name in ["iss", "sub", "iat", "nbf", "exp", "aud"] {
            let Some(value) = object.first(name) else { continue };
            writeln!(out, "  claim          {name} = {}", shown(value))?;
        }
        Ok(())
    }
}

/// A claim's value on one line of a terminal, a date with what it means.
fn shown(value: &Json<'_>) -> String {
    match value {
        Json::String(text) => {
            format!("\"{}\"", text.chars().take(200).flat_map(char::escape_debug).collect::<String>())
        }
        Json::Number(number) => {
            let text: String = number.text().chars().take(40).collect();
            match number.as_millis() {
                Ok((millis, _)) if millis <= UnixTime::MAX.millis() => {
                    format!("{text} ({})", UnixTime::from_millis(millis))
                }
                _ => text,
            }
        }
        other => other.kind().to_owned(),
    }
}

/// The payload, where it is one: this is the operator's own tool, so a claim may be seen before its signature holds.
fn claims(token: &str) -> Option<Box<RawValue>> {
    let payload = token.trim_ascii().split('.').nth(1)?;
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    matches!(json::parse(&text), Ok(Json::Object(_))).then(|| RawValue::from_string(text).ok()).flatten()
}
