//! Responses of the Reference Test Data Set, where it is at hand, proved and judged as those of meters are.
use gbcs::crypto::AwsLc;
use gbcs::keystore::{KeyName, Keystore};
use gbcs::{Cra, MessageCode, MessageView};
use headend::{DeviceKeys, Verdict, verify_response};
use std::collections::HashMap;
use std::path::PathBuf;

fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("LASTMETRE_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")));
    let found = root.join("rtds/messages.jsonl").exists();
    if !found {
        eprintln!("skipped: no {}", root.join("rtds").display());
    }
    found.then_some(root)
}

#[test]
fn responses_to_suppliers_are_proved_and_their_errors_found() {
    let Some(shared) = shared() else { return };
    let keys = Keystore::load(&AwsLc, &shared.join("rtds/keystore.json")).unwrap();
    let text = std::fs::read_to_string(shared.join("rtds/messages.jsonl")).unwrap();
    let messages: HashMap<String, Vec<u8>> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|m| (m["name"].as_str().unwrap().to_owned(), hex::decode(m["hex"].as_str().unwrap()).unwrap()))
        .collect();
    let (mut proved, mut failures) = (0, 0);
    let mut wrong = vec![];
    for (name, response) in &messages {
        let Some(stem) = name.strip_suffix("_RESPONSE") else { continue };
        let Some(command) = messages.get(&format!("{stem}_COMMAND")) else { continue };
        let command = MessageView::parse(command).unwrap();
        let id = command.id();
        // Between a User of whom all keys are public and a device; what the ACB originates is not ours to prove.
        let (ours, signing, agreement) = (
            keys.private_keys(KeyName::agreement(id.originator)),
            keys.public_keys(KeyName::signing(id.target)),
            keys.public_keys(KeyName::agreement(id.target)),
        );
        let ([ours, ..], [signing, ..], [agreement, ..]) = (ours, signing, agreement) else { continue };
        if id.cra != Cra::Command || command.other_information().party().is_some() {
            continue;
        }
        let device = DeviceKeys { signing: *signing, agreement: *agreement };
        let critical = MessageView::parse(response).unwrap().mac().is_none();
        match verify_response(&command, critical, response, ours, &device) {
            Ok(verdict) => {
                proved += 1;
                failures += usize::from(verdict != Verdict::Success);
                // ASN.1 results are not typed yet, and say success whatever they hold.
                let is_der = !matches!(command.payload().first(), Some(0xD9 | 0x01));
                if (verdict != Verdict::Success) != name.contains("_ERROR_") && !is_der {
                    wrong.push(format!("{name}: {verdict:?}"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
        // Another device's Response proves nothing; that to CS02d may be proved by the certificate which the Command brought.
        let other = DeviceKeys { signing: device.agreement, agreement: device.signing };
        let brings_key = command.message_code() == MessageCode(0x000B);
        assert!(brings_key || verify_response(&command, critical, response, ours, &other).is_err(), "{name}");
    }
    wrong.sort();
    eprintln!("{proved} responses proved, {failures} of them report failures");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(proved > 200 && failures > 50, "{proved} {failures}");
}
