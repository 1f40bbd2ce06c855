//! `usher webhook`: what the running gateway's endpoints are up to, and letting go on what is parked.
//!
//! The journal belongs to the process that runs, so it is asked, on its operations listener.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::config::Vars;
use crate::domain::id::{ConversationId, WebhookId};

use super::Exit;
use super::check::load_or_report;
use super::reach::reachable;

/// How long the gateway may take to answer; releasing very many conversations takes its time.
const ANSWER_WITHIN: Duration = Duration::from_mins(5);
/// How long it may take to be reached.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What `usher webhook list` is asked.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The configuration's file: it tells where the gateway's operations listener is.
    #[arg(long, value_name = "FILE", default_value = "usher.toml")]
    pub config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `usher webhook replay` is asked.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The configuration's file: it tells where the gateway's operations listener is.
    #[arg(long, value_name = "FILE", default_value = "usher.toml")]
    pub config: PathBuf,
    /// The endpoint, as `usher webhook list` names it.
    #[arg(long, value_name = "ID")]
    pub endpoint: WebhookId,
    /// The conversation that is parked.
    #[arg(long, value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub conversation: Option<ConversationId>,
    /// Every conversation that is parked.
    #[arg(long)]
    pub all: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Prints the endpoints and what is parked for each.
///
/// # Errors
/// Where `out` can't be written.
pub fn list(args: &ListArgs, vars: &dyn Vars, out: &mut impl Write) -> io::Result<Exit> {
    let ops = match load_or_report(&args.config, vars, &mut io::stderr()) {
        Ok(config) => config.listen.ops,
        Err(exit) => return Ok(exit),
    };
    let answer = match ask(ops, "/webhooks", None) {
        Ok(answer) => answer,
        Err(why) => return refused(&why),
    };
    if args.json {
        writeln!(out, "{answer}")?;
        return Ok(Exit::Done);
    }
    out.write_all(shown(&answer).as_bytes())?;
    Ok(Exit::Done)
}

/// Lets what is parked be delivered again.
///
/// # Errors
/// Where `out` can't be written.
pub fn replay(args: &ReplayArgs, vars: &dyn Vars, out: &mut impl Write) -> io::Result<Exit> {
    let ops = match load_or_report(&args.config, vars, &mut io::stderr()) {
        Ok(config) => config.listen.ops,
        Err(exit) => return Ok(exit),
    };
    let wanted = match &args.conversation {
        Some(conversation) => json!({ "conversation": conversation.to_string() }),
        None => json!({ "all": true }),
    };
    let path = format!("/webhooks/{}/replay", args.endpoint);
    let answer = match ask(ops, &path, Some(wanted.to_string())) {
        Ok(answer) => answer,
        Err(why) => return refused(&why),
    };
    if args.json {
        writeln!(out, "{answer}")?;
    } else {
        let count = answer["replayed"].as_u64().unwrap_or_default();
        let s = if count == 1 { "" } else { "s" };
        writeln!(out, "{count} conversation{s} of {} will be delivered again", args.endpoint)?;
    }
    Ok(Exit::Done)
}

fn refused(why: &str) -> io::Result<Exit> {
    writeln!(io::stderr(), "usher: {why}")?;
    Ok(Exit::Found)
}

/// Asks the operations listener; the error is for a person.
fn ask(ops: SocketAddr, path: &str, body: Option<String>) -> Result<Value, String> {
    let at = reachable(ops);
    let not_there = |why: &dyn std::fmt::Display| {
        format!(
            "no gateway answers at {at}, its [listen] ops: {why}. Is `usher serve` running with this configuration, on \
             this machine?"
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        // Nothing here speaks TLS: the roots of a machine without any must not stand in the way.
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .tls_certs_only([])
            .build()
            .map_err(|error| error.to_string())?;
        let url = format!("http://{at}{path}");
        let request = match body {
            None => client.get(url),
            Some(body) => client.post(url).header("content-type", "application/json").body(body),
        };
        let response = request.send().await.map_err(|error| not_there(&root(&error)))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| not_there(&root(&error)))?;
        let answer: Option<Value> = serde_json::from_str(&text).ok();
        match answer {
            Some(answer) if status.is_success() => Ok(answer),
            Some(answer) if answer["message"].is_string() => {
                Err(answer["message"].as_str().unwrap_or_default().to_owned())
            }
            _ => Err(not_there(&format!("what does answers {status}, and is no usher that has webhooks"))),
        }
    })
}

fn root(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// The endpoints for a person.
fn shown(answer: &Value) -> String {
    let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return "no webhook is configured\n".to_owned();
    }
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes whatever is written");
    for item in items {
        let part = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        line(format!(
            "{}  {}  {} parked, {} retrying, {:.0} s behind",
            part("id"),
            part("url"),
            item["parked"],
            item["retrying"],
            item["lag_seconds"].as_f64().unwrap_or_default()
        ));
        let parked = item["parked_conversations"].as_array().map_or(&[][..], Vec::as_slice);
        for one in parked {
            let part = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            line(format!(
                "  {} from event {} on, parked {}: {}",
                part("conversation"),
                one["sequence"],
                part("parked_at"),
                part("failure")
            ));
        }
        if (parked.len() as u64) < item["parked"].as_u64().unwrap_or_default() {
            line("  …".to_owned());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_shown_with_what_is_parked() {
        let parked = json!({ "conversation": "0198", "sequence": 7, "parked_at": "2026-01-01T00:00:00.000Z",
            "failure": "timeout" });
        let item = json!({ "id": "crm", "url": "https://crm.test", "parked": 2, "retrying": 3, "lag_seconds": 61.4,
            "parked_conversations": [parked] });
        assert_eq!(
            shown(&json!({ "items": [item] })),
            "crm  https://crm.test  2 parked, 3 retrying, 61 s behind\n  \
             0198 from event 7 on, parked 2026-01-01T00:00:00.000Z: timeout\n  …\n"
        );
        assert_eq!(shown(&json!({ "items": [] })), "no webhook is configured\n");
    }
}
