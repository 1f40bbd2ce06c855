//! `usher client list`: who may call, without a word of the secrets.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::check::load_or_report;
use crate::config::{AllowedTenants, Client, Scope, Vars};

use super::ListArgs;

#[derive(Serialize)]
struct Listed {
    id: String,
    scopes: Vec<&'static str>,
    tenants: Vec<String>,
    /// How many secrets are in force.
    secrets: usize,
    /// In seconds.
    token_lifetime: u64,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_timeout: Option<u64>,
}

impl From<&Client> for Listed {
    fn from(client: &Client) -> Self {
        let tenants = match &client.tenants {
            AllowedTenants::Any => vec!["*".to_owned()],
            AllowedTenants::Listed(listed) => listed.iter().map(ToString::to_string).collect(),
        };
        Self {
            id: client.id.to_string(),
            scopes: client.scopes.iter().map(Scope::as_str).collect(),
            tenants,
            secrets: client.secrets.len(),
            token_lifetime: client.token_lifetime.as_secs(),
            idle_timeout: client.idle_timeout.map(|timeout| timeout.as_secs()),
        }
    }
}

pub(super) fn run(
    args: &ListArgs,
    vars: &dyn Vars,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Exit> {
    let config = match load_or_report(&args.config, vars, err) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let clients: Vec<Listed> = config.clients.iter().map(Listed::from).collect();
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &clients)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    for Listed { id, scopes, tenants, secrets, token_lifetime, idle_timeout } in clients {
        writeln!(out, "{id}")?;
        writeln!(out, "  scopes          {}", scopes.join(", "))?;
        writeln!(out, "  tenants         {}", tenants.join(", "))?;
        writeln!(
            out,
            "  secrets         {secrets}{}",
            if secrets > 1 { ", one of them being replaced" } else { "" }
        )?;
        writeln!(out, "  token_lifetime  {token_lifetime} s")?;
        if let Some(timeout) = idle_timeout {
            writeln!(out, "  idle_timeout    {timeout} s")?;
        }
    }
    Ok(Exit::Done)
}
