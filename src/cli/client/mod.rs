//! `usher client`: the programs that may call the consumer API, in `usher.toml`.

mod edit;
mod list;
mod secret;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::{self, Config, Scope, Vars};
use crate::domain::id::{ClientId, TenantId};

use super::Exit;
use edit::NotEdited;

/// What `usher client` is asked.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Add a client: its API key is shown once, and its table `[[client]]` is added to the configuration's file.
    ///
    /// The key, `{id}.{secret}`, is the only line on standard output; the file has the secret's hash. Exit code 1 where
    /// the file can't be changed, with why; it then stays as it was.
    Add(AddArgs),
    /// Replace a client's secret: the new one is in force beside the old one, until `--finish` drops the old one.
    Rotate(RotateArgs),
    /// List the clients with their scopes and tenants.
    List(ListArgs),
}

/// What `usher client add` is asked.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name, the first part of its API key.
    #[arg(long, value_name = "ID")]
    pub id: ClientId,
    /// What it may do, with commas between; `*` is everything.
    #[arg(long, value_name = "SCOPES", required = true, value_delimiter = ',', value_parser = scope)]
    pub scopes: Vec<String>,
    /// Whose conversations it may see, with commas between; `*` is every tenant's.
    #[arg(long, value_name = "TENANTS", required = true, value_delimiter = ',', value_parser = tenant)]
    pub tenants: Vec<String>,
    /// How long an access token lives, 5m to 48h; 1h where nothing is said.
    #[arg(long, value_name = "SPAN", value_parser = config::token_lifetime)]
    pub token_lifetime: Option<String>,
    /// After how long an unused access token stops working, 1s to 48h; never before its end where nothing is said.
    #[arg(long, value_name = "SPAN", value_parser = config::idle_timeout)]
    pub idle_timeout: Option<String>,
    /// The configuration's file.
    #[arg(long, value_name = "FILE", default_value = "usher.toml")]
    pub config: PathBuf,
}

/// What `usher client rotate` is asked.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Which client.
    #[arg(long, value_name = "ID")]
    pub id: ClientId,
    /// Drop the older of two secrets, and make none.
    #[arg(long)]
    pub finish: bool,
    /// The configuration's file.
    #[arg(long, value_name = "FILE", default_value = "usher.toml")]
    pub config: PathBuf,
}

/// What `usher client list` is asked.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The configuration's file.
    #[arg(long, value_name = "FILE", default_value = "usher.toml")]
    pub config: PathBuf,
    /// Write JSON.
    #[arg(long)]
    pub json: bool,
}

fn scope(name: &str) -> Result<String, String> {
    let is_known = name == "*" || Scope::ALL.into_iter().any(|scope| scope.as_str() == name);
    let names = || Scope::ALL.map(Scope::as_str).join(", ");
    if is_known { Ok(name.to_owned()) } else { Err(format!("write one of {}, or *", names())) }
}

fn tenant(name: &str) -> Result<String, String> {
    if name == "*" {
        return Ok(name.to_owned());
    }
    name.parse::<TenantId>().map(|id| id.to_string()).map_err(|error| error.to_string())
}

/// Runs what is asked.
///
/// # Errors
///
/// Where `out` or `err` can't be written.
pub fn run(
    command: &ClientCommand,
    vars: &dyn Vars,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Exit> {
    match command {
        ClientCommand::Add(args) => add(args, vars, out, err),
        ClientCommand::Rotate(args) => rotate(args, vars, out, err),
        ClientCommand::List(args) => list::run(args, vars, out, err),
    }
}

fn add(args: &AddArgs, vars: &dyn Vars, out: &mut impl Write, err: &mut impl Write) -> io::Result<Exit> {
    let secret = secret::make();
    let change = |text: &str| table::add(text, args, &secret::hash(&secret));
    match edit::edit(&args.config, vars, err, change, |config| secrets(config, &args.id) == Some(1)) {
        Ok(()) => {
            shown(&args.id, &secret, out, err)?;
            writeln!(err, "{}: the client {} was added. {RESTART}", args.config.display(), args.id)?;
            Ok(Exit::Done)
        }
        Err(why) => refused(why, err),
    }
}

fn rotate(
    args: &RotateArgs,
    vars: &dyn Vars,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Exit> {
    let (path, id) = (args.config.display(), &args.id);
    if args.finish {
        let change = |text: &str| table::drop_older(text, id);
        return match edit::edit(&args.config, vars, err, change, |config| secrets(config, id) == Some(1)) {
            Ok(()) => {
                writeln!(
                    err,
                    "{path}: the older secret of {id} was dropped; from the restart on it is not taken, nor are the \
                     access tokens that were got with it. {RESTART}"
                )?;
                Ok(Exit::Done)
            }
            Err(why) => refused(why, err),
        };
    }
    let secret = secret::make();
    let change = |text: &str| table::add_secret(text, id, &secret::hash(&secret));
    match edit::edit(&args.config, vars, err, change, |config| secrets(config, id) == Some(2)) {
        Ok(()) => {
            shown(id, &secret, out, err)?;
            writeln!(
                err,
                "{path}: {id} has a second secret, in force beside the first. {RESTART} When the program uses the new \
                 one, drop the older one: usher client rotate --id {id} --finish"
            )?;
            Ok(Exit::Done)
        }
        Err(why) => refused(why, err),
    }
}

/// How many secrets a client has in force.
fn secrets(config: &Config, id: &ClientId) -> Option<usize> {
    config.clients.iter().find(|client| client.id == *id).map(|client| client.secrets.len())
}

/// A running gateway reads its configuration at its start.
const RESTART: &str = "Restart usher for it to hold.";

fn shown(id: &ClientId, secret: &str, out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{id}.{secret}")?;
    out.flush()?;
    writeln!(
        err,
        "This is the API key, shown this once; for POST /oauth/token the secret is what follows the dot."
    )
}

fn refused(why: NotEdited, err: &mut impl Write) -> io::Result<Exit> {
    match why {
        NotEdited::Unusable => Ok(Exit::Unusable),
        NotEdited::Refused(why) => {
            writeln!(err, "usher: {why}")?;
            Ok(Exit::Found)
        }
    }
}
