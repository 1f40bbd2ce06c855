//! The command line: what usher can be asked to do, and the exit code that answers.

pub mod check;
pub mod client;
pub mod demo;
mod descriptors;
#[cfg(debug_assertions)]
mod echo;
pub mod keys;
mod online;
pub mod queue;
mod reach;
pub mod schema;
pub mod serve;
mod source;
pub mod token;
pub mod webhook;
pub mod widget;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ProcessVars;
use crate::telemetry;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Done,
    /// A refusal or a fault was found.
    Found,
    /// The command line makes no sense.
    Usage,
    /// The configuration can't be used.
    Unusable,
    /// A fault of usher itself.
    Internal,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Unusable => 64,
            Self::Internal => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The authenticated front door for website chat.
#[derive(Debug, Parser)]
#[command(name = "usher", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try everything on this machine: a shop with a chat, a gateway, and an agent's console. Nothing to configure.
    Demo(demo::DemoArgs),
    /// Serve widgets, consumers and operators until asked to stop.
    Serve(serve::ServeArgs),
    /// Read and validate the configuration, and print every fault with its file, line and remedy.
    ///
    /// Exit code 0 without a fault, 1 with one, 64 where the configuration is right but needs a part that this build
    /// doesn't have. Every setting can be replaced by an environment variable: USHER_ and the setting's path in
    /// capitals, as in `USHER_LIMITS_DRAIN_FOR` or `USHER_TENANTS_CONTOSO_AUTHENTICATION_ISSUERS`.
    Check(check::CheckArgs),
    /// About tokens: verify one, or mint one to try things with.
    #[command(subcommand)]
    Token(TokenCommand),
    /// About key documents.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// About queues and their rules.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// About the endpoints to which the running gateway posts events.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// About the programs that may call the consumer API: add one, replace its secret, list them.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// The lines that put a widget on a page, with the hash that pins what they load.
    ///
    /// Exit code 0 with the lines, 2 where there is no such widget, 64 where the configuration can't be used.
    Widget(widget::WidgetArgs),
    /// About the configuration's form.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Send back what comes, at `/echo`: for suites that test a WebSocket. Only development builds have it.
    #[cfg(debug_assertions)]
    #[command(hide = true)]
    WebsocketEcho(echo::EchoArgs),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// The verdict that the gateway would give on a token, step by step.
    ///
    /// Exit code 0 where it is accepted, 1 where it is refused.
    Verify(token::VerifyArgs),
    /// Sign a token to try things with.
    Mint(token::MintArgs),
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// What form a key document has, its keys, and each entry that can't be used with why.
    ///
    /// Exit code 0 where the gateway would take the document, 1 where it would not.
    Inspect(keys::InspectArgs),
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// Which queue takes a conversation that is begun with this token and these variables, and why not the others.
    ///
    /// The token is judged as the gateway would. Exit code 0 where a queue could be told, 1 where the token is refused,
    /// 64 where the configuration can't be used.
    Explain(queue::ExplainArgs),
}

#[derive(Debug, Subcommand)]
enum WebhookCommand {
    /// The endpoints, how far behind each is, and the conversations that are parked.
    ///
    /// Exit code 1 where no gateway answers.
    List(webhook::ListArgs),
    /// Deliver again what is parked: one conversation, or all of an endpoint.
    ///
    /// Exit code 1 where no gateway answers, or nothing of that name is parked.
    Replay(webhook::ReplayArgs),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the JSON Schema of the configuration.
    Schema(schema::SchemaArgs),
}

/// Runs the command line `args`, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, and go to standard output with 0. Where even this can't be
            // written, nobody is there to be told.
            let _ = error.print();
            return if error.exit_code() == 0 { Exit::Done } else { Exit::Usage };
        }
    };
    let vars = ProcessVars::read();
    telemetry::init(&vars);
    let mut out = io::stdout().lock();
    let done = match &cli.command {
        Command::Demo(args) => demo::run(args, &mut out),
        Command::Serve(args) => serve::run(args, &vars, &mut out),
        Command::Check(args) => check::run(args, &vars, online::fetch_keys, &mut out),
        Command::Token(TokenCommand::Verify(args)) => {
            token::verify(args, io::stdin(), &mut out, &mut io::stderr())
        }
        Command::Token(TokenCommand::Mint(args)) => token::mint(args, &mut out, &mut io::stderr()),
        Command::Keys(KeysCommand::Inspect(args)) => keys::inspect(args, &mut out, &mut io::stderr()),
        Command::Queue(QueueCommand::Explain(args)) => {
            queue::explain(args, &vars, io::stdin(), &mut out, &mut io::stderr())
        }
        Command::Webhook(WebhookCommand::List(args)) => webhook::list(args, &vars, &mut out),
        Command::Webhook(WebhookCommand::Replay(args)) => webhook::replay(args, &vars, &mut out),
        Command::Widget(args) => widget::run(args, &vars, &mut out, &mut io::stderr()),
        Command::Client(command) => client::run(command, &vars, &mut out, &mut io::stderr()),
        Command::Config(ConfigCommand::Schema(args)) => schema::run(args, &mut out),
        #[cfg(debug_assertions)]
        Command::WebsocketEcho(args) => echo::run(args, &mut out),
    };
    match done.and_then(|exit| out.flush().map(|()| exit)) {
        Ok(exit) => exit,
        // The reader of the output has left, as `head` does: nothing of ours is wrong.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            let _ = writeln!(io::stderr(), "usher: the output can't be written: {error}");
            Exit::Internal
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_unknown_command_is_a_fault_of_usage() {
        let refused = Cli::try_parse_from(["usher", "guard"]).unwrap_err();
        assert_eq!(refused.exit_code(), i32::from(Exit::Usage.code()));
    }
}
