//! `usher queue explain`: what a tenant's queues say to a conversation that is begun with this token and these
//! variables.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::app::fetch_settings;
use crate::cli::Exit;
use crate::cli::check::load_or_report;
use crate::cli::source::{self, NetworkArgs, NoDocument};
use crate::cli::token::{MAX_INPUT_BYTES, instant, judge};
use crate::clock::Clock;
use crate::config::{KeysConfig, Tenant, Vars};
use crate::domain::context::{Merged, Offered, Variables, merge_unsigned};
use crate::domain::json::{self, Json};
use crate::domain::time::UnixTime;
use crate::domain::token::{Refusal, VerifiedCustomer};

use super::report::Report;

/// What `usher queue explain` is asked.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The tenant's id.
    #[arg(long, value_name = "ID")]
    pub tenant: String,
    /// The customer's token in a file, - for standard input; left out, nobody is signed in.
    #[arg(long, value_name = "FILE|-")]
    pub token: Option<PathBuf>,
    /// Variables of the page, which nobody has signed: a JSON object.
    #[arg(long, value_name = "JSON")]
    pub context: Option<String>,
    /// The configuration's file.
    #[arg(long, value_name = "FILE", default_value = "usher.toml")]
    pub config: PathBuf,
    /// The tenant's key document: a file or a URL; left out, the tenant's `public_key_url` is asked.
    #[arg(long, value_name = "FILE|URL")]
    pub keys: Option<String>,
    /// The instant at which to judge, RFC 3339 or Unix seconds; now by default.
    #[arg(long, value_name = "RFC3339|unix", value_parser = instant)]
    pub now: Option<UnixTime>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take the comment for the help's heading")]
    pub network: NetworkArgs,
    /// Write JSON.
    #[arg(long)]
    pub json: bool,
}

/// Prints which queue takes the conversation, and what became of the others. [`Exit::Found`] where the token is
/// refused.
///
/// # Errors
///
/// Where `out` can't be written.
pub fn explain(
    args: &ExplainArgs,
    vars: &dyn Vars,
    input: impl io::Read,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Exit> {
    let config = match load_or_report(&args.config, vars, err) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let known = config.tenants.values().find(|tenant| tenant.id.as_str() == args.tenant);
    let asked = known.ok_or_else(|| {
        format!("there is no tenant `{}`; its file would be named after it", args.tenant.escape_debug())
    });
    let explained = asked.and_then(|tenant| {
        let offered = args.context.as_deref().map(|text| offered(text, tenant)).transpose()?;
        let token = args.token.as_deref().map(|path| read_token(path, input)).transpose()?;
        let judged = token.map(|token| verify(&token, args, tenant, &config.keys)).transpose()?;
        Ok((tenant, offered, judged))
    });
    match explained {
        Err(why) => {
            writeln!(err, "usher: {why}")?;
            Ok(Exit::Usage)
        }
        Ok((_, _, Some(Err(refusal)))) => {
            super::report::write_refusal(&refusal, args.json, out)?;
            Ok(Exit::Found)
        }
        Ok((tenant, offered, judged)) => {
            let customer = judged.and_then(Result::ok);
            let signed = customer.as_ref().map(|customer| customer.variables().clone()).unwrap_or_default();
            let merged = merged(&signed, &offered.unwrap_or_default());
            Report { tenant, customer: customer.as_ref(), merged: &merged }.write(args.json, out)?;
            Ok(Exit::Done)
        }
    }
}

/// The page's variables beside the token's, as at a start.
fn merged(signed: &Variables, offered: &Offered) -> Merged {
    let names = signed.keys().cloned().collect();
    merge_unsigned(signed, offered, &names)
}

fn offered(text: &str, tenant: &Tenant) -> Result<Offered, String> {
    match json::parse(text) {
        Ok(Json::Object(object)) => Ok(Offered::read(&object, &tenant.policy.context)),
        _ => Err("--context is no JSON object, such as {\"page\": \"/cart\"}".to_owned()),
    }
}

fn read_token(path: &Path, input: impl io::Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        input.take(MAX_INPUT_BYTES).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_INPUT_BYTES).read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("{} can't be read: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The gateway's verdict. `Err`: the question makes no sense.
fn verify(
    token: &str,
    args: &ExplainArgs,
    tenant: &Arc<Tenant>,
    keys: &KeysConfig,
) -> Result<Result<VerifiedCustomer, Refusal>, String> {
    let read = || match (&args.keys, &tenant.public_key_url) {
        (Some(source), _) => source::read(source, &args.network),
        (None, Some(url)) => source::fetch(url, &fetch_settings(keys)),
        (None, None) => {
            let why = "the tenant has no public_key_url; name its key document with --keys";
            Err(NoDocument::Unreadable(why.to_owned()))
        }
    };
    let now = args.now.unwrap_or_else(|| Clock::system().now());
    judge(token, &tenant.policy, now, read).map(|judged| judged.verdict)
}
