//! The command line of lastmetre: it wires the cores to sockets, files and the terminal; nothing clever lives here.
#![forbid(unsafe_code)]

#[macro_use]
mod output;

mod demo;
mod duis_cmd;
mod failure;
mod gbcs_cmd;
mod home;
mod input;
mod meter_cmd;
mod process;
mod smki_cmd;
mod trace;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Delivers GBCS Commands to smart meters that the mobile network does not reach, and proves what the meter answered.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A service request reaches a meter whose WAN is down, and its answer is proved: all parts in one process
    Demo(demo::Args),
    /// Decode, check, sign and make GBCS messages
    Gbcs(gbcs_cmd::GbcsArgs),
    /// Check, sign, transform and send DUIS documents
    #[command(subcommand)]
    Duis(duis_cmd::Command),
    /// Certificates of a DCC's SMKI: find them, and have a device certified
    #[command(subcommand)]
    Smki(smki_cmd::Command),
    /// Make a home: identities, keys, certificates, addresses
    #[command(subcommand)]
    Home(HomeCommand),
    /// The meters of a home: answer Commands offline, or run
    #[command(subcommand)]
    Meter(meter_cmd::Command),
    /// Run the DCC stand-in
    Dcc(HomeArg),
    /// Run the supplier's head end
    Headend(HomeArg),
    /// Run the Communications Hub, or trace the dialogue of a capture
    Hub(HubArgs),
    /// Run the PPMID, its display and its keys
    #[command(after_help = process::CUSTOMER_HELP)]
    Ppmid(PpmidArgs),
}

#[derive(Subcommand)]
enum HomeCommand {
    /// Make a new home in a folder that is absent or empty
    New(home::NewArgs),
}

/// `lastmetre hub`: run it, or one of its tools.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct HubArgs {
    #[command(subcommand)]
    command: Option<HubCommand>,
    #[command(flatten)]
    home: HomeArg,
}

#[derive(Subcommand)]
enum HubCommand {
    /// Print the dialogue of a capture as a sequence diagram in text
    Trace(trace::Args),
}

/// `lastmetre ppmid`.
#[derive(clap::Args)]
struct PpmidArgs {
    #[command(flatten)]
    home: HomeArg,
    #[command(flatten)]
    screen: process::Screen,
}

/// Which home.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct HomeArg {
    /// The home's folder, made by `lastmetre home new`
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// The `home.toml` in it
    #[arg(long, value_name = "FILE", value_parser = home_toml)]
    config: Option<PathBuf>,
}

impl HomeArg {
    /// The home's folder.
    fn dir(&self) -> PathBuf {
        let beside = |file: &PathBuf| match file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        self.home.clone().or_else(|| self.config.as_ref().map(beside)).unwrap_or_default()
    }
}

/// A home's other files are found beside this one, so it cannot have another name.
fn home_toml(path: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(path);
    if path.file_name().is_some_and(|name| name == "home.toml") { Ok(path) } else { Err("not a `home.toml`") }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Gbcs(args) => return gbcs_cmd::run(args),
        Command::Demo(args) => demo::run(&args),
        Command::Duis(command) => duis_cmd::run(&command),
        Command::Smki(command) => smki_cmd::run(&command),
        Command::Home(HomeCommand::New(args)) => home::new(&args),
        Command::Meter(command) => meter_cmd::run(&command),
        Command::Dcc(arg) => process::dcc(&arg.dir()),
        Command::Headend(arg) => process::headend(&arg.dir()),
        Command::Hub(HubArgs { command: Some(HubCommand::Trace(args)), .. }) => trace::run(&args),
        Command::Hub(HubArgs { home, .. }) => process::hub(&home.dir()),
        Command::Ppmid(args) => process::ppmid(&args.home.dir(), args.screen),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Logs go to stderr; `LASTMETRE_LOG` chooses what of them (as `RUST_LOG` elsewhere), `default` where it says nothing.
fn log_to_stderr(default: &str) {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_env("LASTMETRE_LOG").unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
