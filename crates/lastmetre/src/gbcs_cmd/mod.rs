//! `lastmetre gbcs`: reading, building, checking and protecting single messages, offline.
mod check;
pub(crate) mod decode;
pub(crate) mod input;
mod protect;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod use_cases;
mod utrn;

use clap::{Args, Subcommand};
use gbcs::crypto::AwsLc;
use gbcs::keystore::Keystore;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to do with messages.
#[derive(Debug, Args)]
pub struct GbcsArgs {
    #[command(subcommand)]
    command: GbcsCommand,
}

#[derive(Debug, Subcommand)]
enum GbcsCommand {
    /// Show what messages say
    Decode(decode::DecodeArgs),
    /// Build messages from the JSON of decode
    Encode(decode::EncodeArgs),
    /// Parse, rebuild and verify whole files of messages
    Check(check::CheckArgs),
    /// Sign Pre-Commands (or Responses and Alerts without protection)
    Sign(protect::SignArgs),
    /// Close messages with a MAC
    Mac(protect::MacArgs),
    /// Verify the signature and MAC of each message
    Verify(protect::VerifyArgs),
    /// Make and check the 20 digits of a top-up
    Utrn(utrn::UtrnArgs),
    /// List the use cases, or show some of them whole
    UseCases(use_cases::UseCasesArgs),
}

/// Keys to work with.
#[derive(Debug, Args)]
struct KeyArgs {
    /// JSON key store or folder of PEM files; may be given several times
    #[arg(long = "keys", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

impl KeyArgs {
    /// Read them all. Says on standard error which entries hold a certificate of somebody else.
    fn load(&self) -> Result<Keystore, Failure> {
        let mut store = Keystore::new();
        for path in &self.keys {
            store.add_path(&AwsLc, path).map_err(|e| Failure::misuse(format!("--keys {e}")))?;
        }
        for (entry, named) in store.mismatches() {
            eprintln!(
                "note: the {} entry of {} holds the {} certificate of {}; used as the entry says",
                entry.usage, entry.owner, named.usage, named.owner
            );
        }
        Ok(store)
    }

    /// The same where nothing works without keys.
    fn load_some(&self) -> Result<Keystore, Failure> {
        if self.keys.is_empty() {
            return Err(Failure::misuse("--keys is needed").hint("a JSON key store or a folder of PEM files"));
        }
        self.load()
    }
}

/// Why a command could not do its work; one that did it and found something wrong says so by its exit code alone.
#[derive(Debug)]
enum Failure {
    /// The arguments or files are wrong.
    Misuse { message: String, hint: Option<&'static str> },
    /// Standard output is gone or full.
    Output(io::Error),
}

impl Failure {
    fn misuse(message: impl Into<String>) -> Self {
        Self::Misuse { message: message.into(), hint: None }
    }

    fn hint(self, hint: &'static str) -> Self {
        match self {
            Self::Misuse { message, .. } => Self::Misuse { message, hint: Some(hint) },
            other => other,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Whether what was asked for held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Held,
    DidNotHold,
}

impl Outcome {
    fn of(held: bool) -> Self {
        if held { Self::Held } else { Self::DidNotHold }
    }
}

/// Run one command: exit code 0 when what was asked for held, 1 when it did not, 2 on misuse.
pub fn run(args: GbcsArgs) -> ExitCode {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match execute(&args.command, &mut out).and_then(|outcome| Ok(out.flush().map(|()| outcome)?)) {
        Ok(Outcome::Held) => ExitCode::SUCCESS,
        Ok(Outcome::DidNotHold) => ExitCode::from(1),
        // Whoever reads us has had enough, as `head` has.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => {
            eprintln!("error: standard output: {error}");
            ExitCode::from(2)
        }
        Err(Failure::Misuse { message, hint }) => {
            eprintln!("error: {message}");
            if let Some(hint) = hint {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(2)
        }
    }
}

fn execute(command: &GbcsCommand, out: &mut impl Write) -> Result<Outcome, Failure> {
    match command {
        GbcsCommand::Decode(args) => decode::decode(args, out),
        GbcsCommand::Encode(args) => decode::encode(args, out),
        GbcsCommand::Check(args) => check::check(args, out),
        GbcsCommand::Sign(args) => protect::sign(args, out),
        GbcsCommand::Mac(args) => protect::mac(args, out),
        GbcsCommand::Verify(args) => protect::verify(args, out),
        GbcsCommand::Utrn(args) => utrn::run(args, out),
        GbcsCommand::UseCases(args) => use_cases::list(args, out),
    }
}
