//! `usher config schema`: the configuration's JSON Schema, for editors and for generators.

use std::io::{self, Write};

use clap::Args;

use crate::config;

use super::Exit;

/// What `usher config schema` is asked.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The schema of a tenant's file alone, which otherwise stands under `$defs.tenant`.
    #[arg(long)]
    tenant: bool,
}

/// Prints the schema.
///
/// # Errors
///
/// Where `out` can't be written.
pub fn run(args: &SchemaArgs, out: &mut impl Write) -> io::Result<Exit> {
    let schema = if args.tenant { config::tenant_schema() } else { config::schema() };
    writeln!(out, "{schema:#}")?;
    Ok(Exit::Done)
}
