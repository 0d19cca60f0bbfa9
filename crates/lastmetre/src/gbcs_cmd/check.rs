//! `gbcs check`: whole files, a summary at the end.
use super::input::{Line, for_each_line};
use super::{Failure, KeyArgs, Outcome};
use clap::Args;
use gbcs::crypto::AwsLc;
use gbcs::keystore::Keyring;
use gbcs::verify::{Status, verify};
use gbcs::{MessageView, Payload};
use serde::Serialize;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// One JSON object per line: each fault, then the summary
    #[arg(long)]
    json: bool,
    /// Messages, one a line: hex, base64, or JSON with a "hex" field; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    messages: usize,
    parsed: usize,
    reencoded: usize,
    signatures: Count,
    macs: Count,
    encrypted: Encrypted,
}

#[derive(Debug, Default, Serialize)]
struct Count {
    present: usize,
    verified: usize,
    failed: usize,
    unknown_key: usize,
}

/// Attributes, not messages: one message may hold several.
#[derive(Debug, Default, Serialize)]
struct Encrypted {
    present: usize,
    decrypted: usize,
    failed: usize,
    unknown_key: usize,
}

impl Count {
    fn add(&mut self, status: &Status) {
        self.present += usize::from(status.is_present());
        match status {
            Status::Absent => {}
            Status::Verified { .. } => self.verified += 1,
            Status::Failed { .. } => self.failed += 1,
            Status::UnknownKey { .. } => self.unknown_key += 1,
        }
    }
}

impl Summary {
    fn is_sound(&self) -> bool {
        self.parsed == self.messages
            && self.reencoded == self.messages
            && [self.signatures.failed, self.macs.failed, self.encrypted.failed] == [0; 3]
    }
}

pub(super) fn check(args: &CheckArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    let store = args.keys.load_some()?;
    let ring = Keyring::new(AwsLc, &store);
    let mut summary = Summary::default();
    for_each_line(&args.files, |line| {
        for fault in check_line(&line, &ring, &mut summary) {
            let Fault { name, what, message } = fault;
            if args.json {
                let place = json!({ "file": line.file, "line": line.number, "name": name });
                writeln!(out, "{}", json!({ "fault": what, "message": message, "at": place }))?;
            } else {
                let name = name.map(|name| format!(" {name}")).unwrap_or_default();
                writeln!(out, "{}{name}: {what}: {message}", line.place())?;
            }
        }
        Ok(())
    })?;
    if summary.messages == 0 {
        return Err(Failure::misuse("no message in the files given"));
    }
    if args.json {
        serde_json::to_writer(&mut *out, &summary).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        write_summary(&summary, out)?;
    }
    Ok(Outcome::of(summary.is_sound()))
}

struct Fault {
    name: Option<String>,
    what: &'static str,
    message: String,
}

fn check_line(line: &Line, ring: &Keyring<'_, AwsLc>, summary: &mut Summary) -> Vec<Fault> {
    summary.messages += 1;
    let mut faults = Vec::new();
    let entry = match line.entry() {
        Ok(entry) => entry,
        Err(fault) => return vec![Fault { name: None, what: "does not read", message: fault.to_string() }],
    };
    let mut fault = |what, message| faults.push(Fault { name: entry.name.clone(), what, message });
    let read = MessageView::parse(&entry.octets).and_then(|view| Ok((view, Payload::of(&view)?)));
    let (view, payload) = match read {
        Ok(read) => read,
        Err(error) => {
            fault("does not read", error.to_string());
            return faults;
        }
    };
    summary.parsed += 1;
    // The payload octets are dropped first: what is compared is built from the meaning alone.
    let mut message = view.to_message();
    message.payload.clear();
    let rebuilt = message.with_payload(&payload).encode();
    if rebuilt == entry.octets {
        summary.reencoded += 1;
    } else {
        let at = rebuilt.iter().zip(&entry.octets).take_while(|(a, b)| a == b).count();
        fault("is not rebuilt", format!("octets differ from offset {at} on"));
    }
    let report = verify(ring.crypto(), ring, &view, &payload);
    summary.signatures.add(&report.signature);
    summary.macs.add(&report.mac);
    for (what, status) in [("signature", &report.signature), ("MAC", &report.mac)] {
        if let Some(message) = complaint(status) {
            fault(what, message);
        }
    }
    for part in &report.encrypted {
        summary.encrypted.present += 1;
        match part.status {
            Status::Verified { .. } => summary.encrypted.decrypted += 1,
            Status::Failed { .. } => summary.encrypted.failed += 1,
            Status::UnknownKey { .. } | Status::Absent => summary.encrypted.unknown_key += 1,
        }
        if let Some(message) = complaint(&part.status) {
            fault("encrypted attribute", message);
        }
    }
    faults
}

/// What is not as it should be, in words.
fn complaint(status: &Status) -> Option<String> {
    match status {
        Status::Absent | Status::Verified { .. } => None,
        Status::Failed { by } => Some(format!("does not verify with the keys of {by}")),
        Status::UnknownKey { who } => Some(format!("not checked, no key of {who}")),
    }
}

fn write_summary(summary: &Summary, out: &mut impl Write) -> Result<(), Failure> {
    let Summary { messages, parsed, reencoded, signatures, macs, encrypted } = summary;
    writeln!(out, "messages    {messages}, {parsed} parsed, {reencoded} rebuilt octet for octet")?;
    for (what, count) in [("signatures", signatures), ("MACs", macs)] {
        let Count { present, verified, failed, unknown_key } = count;
        writeln!(out, "{what:<11} {present}, {verified} verified, {failed} failed, {unknown_key} without a key")?;
    }
    let Encrypted { present, decrypted, failed, unknown_key } = encrypted;
    writeln!(out, "encrypted   {present}, {decrypted} decrypted, {failed} failed, {unknown_key} without a key")?;
    Ok(())
}
