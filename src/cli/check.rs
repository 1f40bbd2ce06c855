//! `usher check`: everything that is wrong with a configuration, at once, before it is used.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use futures_util::stream::{self, StreamExt as _};

use crate::config::{self, Config, Fault, KeysConfig, Severity, Tenant, Vars};

use super::Exit;

/// Key endpoints that are asked at one time.
const FETCHES_AT_ONCE: usize = 8;

/// What `usher check` is asked.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration's file.
    #[arg(long, value_name = "FILE", default_value = "usher.toml")]
    pub config: PathBuf,
    /// Fetch each tenant's keys too.
    #[arg(long)]
    pub online: bool,
}

/// What a tenant's endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysFound {
    /// How many keys can be used.
    pub usable: usize,
    /// What is wrong with the other entries, one sentence each.
    pub faults: Vec<String>,
}

/// Why a tenant's keys were not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysNotHad {
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Reads the configuration and prints what is wrong with it; with `--online`, asks `fetch` for each tenant's keys.
///
/// # Errors
///
/// Where `out` can't be written.
pub fn run<F>(
    args: &CheckArgs,
    vars: &dyn Vars,
    fetch: impl Fn(Arc<Tenant>, KeysConfig) -> F,
    out: &mut impl Write,
) -> io::Result<Exit>
where
    F: Future<Output = Result<KeysFound, KeysNotHad>>,
{
    let config = match config::load(&args.config, vars) {
        Ok(config) => config,
        Err(faults) => return report(&faults, out),
    };
    report(&config.warnings, out)?;
    let count = config.tenants.len();
    let s = if count == 1 { "" } else { "s" };
    writeln!(out, "{}: no fault; {count} tenant{s}", args.config.display())?;
    if args.online { online(&config, fetch, out) } else { Ok(Exit::Done) }
}

/// Reads the configuration for a command that needs it; where it can't be used, says why on `err`.
///
/// # Errors
///
/// Exit code 64, all faults having been written.
pub fn load_or_report(path: &Path, vars: &dyn Vars, err: &mut impl Write) -> Result<Config, Exit> {
    let faults = match config::load(path, vars) {
        Ok(config) => {
            for warning in &config.warnings {
                tracing::warn!(place = %warning.place, setting = %warning.setting, "{}", warning.message);
            }
            return Ok(config);
        }
        Err(faults) => faults,
    };
    // Where even the faults can't be written, the exit code tells that there are some.
    let _ = report(&faults, err);
    Err(Exit::Unusable)
}

/// Writes each fault and how many there are; the exit code is the worst one's.
fn report(faults: &[Fault], out: &mut impl Write) -> io::Result<Exit> {
    for fault in faults {
        writeln!(out, "{fault}")?;
    }
    let count = faults.iter().filter(|fault| fault.severity != Severity::Warning).count();
    match count {
        0 => return Ok(Exit::Done),
        1 => writeln!(out, "1 fault")?,
        _ => writeln!(out, "{count} faults")?,
    }
    let unavailable = faults.iter().any(|fault| fault.severity == Severity::Unavailable);
    Ok(if unavailable { Exit::Unusable } else { Exit::Found })
}

fn online<F>(
    config: &Config,
    fetch: impl Fn(Arc<Tenant>, KeysConfig) -> F,
    out: &mut impl Write,
) -> io::Result<Exit>
where
    F: Future<Output = Result<KeysFound, KeysNotHad>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tenants: Vec<_> = config.tenants.values().filter(|tenant| tenant.public_key_url.is_some()).collect();
    let asked = tenants.iter().map(|tenant| fetch(Arc::clone(tenant), config.keys.clone()));
    let answers: Vec<_> = runtime.block_on(stream::iter(asked).buffered(FETCHES_AT_ONCE).collect());
    let mut exit = Exit::Done;
    for (tenant, answer) in tenants.iter().zip(answers) {
        match answer {
            Ok(found) => {
                let s = if found.usable == 1 { "" } else { "s" };
                writeln!(out, "tenant {}: {} usable key{s}", tenant.id, found.usable)?;
                for fault in &found.faults {
                    exit = Exit::Found;
                    writeln!(out, "tenant {}: {fault}", tenant.id)?;
                }
            }
            Err(KeysNotHad { message, remedy }) => {
                exit = Exit::Found;
                writeln!(out, "tenant {}: {message}. {remedy}.", tenant.id)?;
            }
        }
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn example(answer: &Result<KeysFound, KeysNotHad>) -> (Exit, String) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/usher.toml");
        let args = CheckArgs { config: path.into(), online: true };
        let nothing: BTreeMap<&str, &str> = BTreeMap::new();
        let fetch = |tenant: Arc<Tenant>, _| {
            assert_eq!(tenant.id.as_str(), "contoso");
            std::future::ready(answer.clone())
        };
        let mut out = Vec::new();
        let exit = run(&args, &nothing, fetch, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        (exit, said.strip_prefix(&format!("{path}: no fault; 1 tenant\n")).unwrap().to_owned())
    }

    #[test]
    fn online_says_how_many_keys_each_tenant_has() {
        let (exit, said) = example(&Ok(KeysFound { usable: 2, faults: Vec::new() }));
        assert_eq!((exit, said.as_str()), (Exit::Done, "tenant contoso: 2 usable keys\n"));
    }

    #[test]
    fn online_an_entry_that_can_not_be_used_is_a_fault() {
        let (exit, said) =
            example(&Ok(KeysFound { usable: 1, faults: vec!["entry 2 is broken".to_owned()] }));
        assert_eq!(exit, Exit::Found);
        assert_eq!(said, "tenant contoso: 1 usable key\ntenant contoso: entry 2 is broken\n");
    }

    #[test]
    fn online_keys_that_are_not_to_be_had_are_a_fault() {
        let not_had =
            KeysNotHad { message: "the endpoint is down".to_owned(), remedy: "Start it".to_owned() };
        let (exit, said) = example(&Err(not_had));
        assert_eq!((exit, said.as_str()), (Exit::Found, "tenant contoso: the endpoint is down. Start it.\n"));
    }

    #[test]
    fn a_command_that_needs_the_configuration_ends_with_64_where_it_is_faulty() {
        let nothing: BTreeMap<&str, &str> = BTreeMap::new();
        let mut err = Vec::new();
        let refused = load_or_report(Path::new("/nowhere/usher.toml"), &nothing, &mut err);
        assert_eq!(refused.err(), Some(Exit::Unusable));
        let said = String::from_utf8(err).unwrap();
        assert!(
            said.starts_with("/nowhere/usher.toml: can't be read: ") && said.ends_with("1 fault\n"),
            "{said}"
        );
    }
}
