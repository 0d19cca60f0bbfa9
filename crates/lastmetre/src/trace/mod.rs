//! `lastmetre hub trace FILE`: the dialogue of a capture as a sequence diagram in text.
mod diagram;
mod dialogue;

use crate::demo::keys_beside;
use crate::failure::Failure;
use dialogue::{Dialogue, Step};
use han::Key;
use han::capture::dissect::Dissector;
use han::capture::{keys, read};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to trace.
#[derive(clap::Args)]
pub struct Args {
    /// The capture: pcap or pcapng of IEEE 802.15.4 frames, or of ZEP in UDP
    file: PathBuf,
    /// Network and link keys, as `lastmetre demo --pcap` writes them beside its capture [default: FILE.keys, when it is there]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// One JSON object for each step
    #[arg(long)]
    json: bool,
}

/// Read the capture, print who said what to whom.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let in_file = |path: &Path, error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", path.display()));
    let octets = std::fs::read(&args.file).map_err(|error| in_file(&args.file, &error))?;
    let beside = args.keys.clone().or_else(|| Some(keys_beside(&args.file)).filter(|path| path.exists()));
    let known = match &beside {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| in_file(path, &error))?;
            keys::parse(&text).map_err(|error| in_file(path, &error))?
        }
        None => Vec::new(),
    };
    let (known, labels): (Vec<Key>, Vec<String>) = known.into_iter().unzip();
    let mut dissector = Dissector::new(known);
    let mut dialogue = Dialogue::new(labels);
    for frame in read::Frames::of(&octets).map_err(|error| in_file(&args.file, &error))? {
        let frame = frame.map_err(|error| in_file(&args.file, &error))?;
        if let Some(said) = dissector.push(frame.at, &frame.psdu) {
            dialogue.push(&said);
        }
    }
    dialogue.name_devices(&dissector);
    let tally = dissector.tally();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let written = if args.json {
        dialogue.steps().try_for_each(|step: Step<'_>| writeln!(out, "{}", step.to_json()))
    } else {
        diagram::print(&mut out, &dialogue, &tally)
    };
    match written.and_then(|()| out.flush()) {
        // Whoever reads it has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.map_err(Failure::input)?,
    }
    if tally.locked > 0 {
        eprintln!("{} frames are under keys that are not known", tally.locked);
        if beside.is_none() {
            eprintln!(
                "hint: put the keys beside the capture as {}, or name them by --keys",
                keys_beside(&args.file).display()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
