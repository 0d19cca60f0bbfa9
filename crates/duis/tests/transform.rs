//! Service requests to GBCS octets: against the reference data, and against vectors of our own.
mod common;

use std::collections::HashMap;

use common::{files, shared};
use duis::xml::Document;
use duis::{Device, DeviceType, GbcsVersion, Request, TransformContext, TransformError, transform};
use gbcs::{MessageView, Time};

/// The clock of the reference data: 2015-01-01T00:00:00Z.
const CLOCK: Time = Time::from_seconds(1_420_070_400);

fn read(text: &str) -> Request {
    Request::parse(&Document::parse(text).unwrap()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// What the inventory of the reference data says (GBCS messages 0.1); the name of a template tells twin element meters, and
/// which version of GBCS a gas meter that reads a balance follows.
fn context(name: &str, request: &Request) -> TransformContext {
    let kind = match request.header.id.target.0[7] {
        0xA0 => DeviceType::Esme,
        0xA1 => DeviceType::Gsme,
        0xA2 => DeviceType::Chf,
        0xA3 => DeviceType::Gpf,
        0xA4 => DeviceType::Ppmid,
        0xA5 => DeviceType::Hcalcs,
        _ => DeviceType::Sapc,
    };
    let mut device = Device::new(kind);
    device.twin_element = name.contains("_TWIN_");
    if name.starts_with("GCS60_") {
        device.gbcs_version = GbcsVersion { major: 3, minor: 2 };
    }
    TransformContext { device, now: CLOCK }
}

#[test]
fn templates_of_the_reference_data_become_its_commands_to_the_octet() {
    let (Some(templates), Some(rtds)) = (shared("duis/templates"), shared("rtds")) else { return };
    let messages: HashMap<String, Vec<u8>> = std::fs::read_to_string(rtds.join("messages.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|m| (m["name"].as_str().unwrap().to_owned(), hex(m["hex"].as_str().unwrap())))
        .collect();
    let mut done = Vec::new();
    let mut wrong = Vec::new();
    for (file, text) in files(&templates, "xml") {
        let name = file.trim_end_matches("_REQUEST_DUIS.XML");
        let request = read(&text);
        let ctx = context(name, &request);
        let Some(command) = messages.get(&format!("{name}_COMMAND")) else { continue };
        match transform(&request, &ctx) {
            Ok(made) => {
                let view = MessageView::parse(command).unwrap();
                let expected = view.plain_octets();
                if made.octets != expected || !name.starts_with(made.use_case.name) {
                    wrong.push(format!(
                        "{name} as {}:\n  {:02x?}\n  {:02x?}",
                        made.use_case.name, made.octets, expected
                    ));
                }
                assert_eq!(made.is_critical(), view.signature().is_some(), "{name}");
                done.push(name.to_owned());
            }
            Err(TransformError::NotSupported { .. }) => {}
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let services =
        ["1.2.1", "1.5", "1.6", "2.2", "2.3", "2.5", "3.1", "4.3", "4.13", "4.18", "6.2.9", "7.1", "7.2", "7.3", "7.4"];
    for service in services {
        assert!(done.iter().any(|name| name.contains(&format!("_{service}_"))), "{service} in {done:?}");
    }
    eprintln!("{} templates became their commands", done.len());
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// `tests/data/NAME.xml` and the octets it becomes, `NAME.hex`: one row or component a line, `#` starts a comment.
#[test]
fn our_own_requests_become_the_octets_we_reckoned_by_hand() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/requests");
    let requests = files(&folder, "xml");
    assert!(requests.len() >= 8, "{}", requests.len());
    for (file, text) in requests {
        let expected = std::fs::read_to_string(folder.join(file.replace(".xml", ".hex"))).unwrap();
        let expected: String =
            expected.lines().filter_map(|l| l.split('#').next()).flat_map(str::split_whitespace).collect();
        let request = read(&text);
        let name = file.trim_end_matches(".xml");
        let kind = if name.contains("gas") { DeviceType::Gsme } else { DeviceType::Esme };
        let mut ctx = TransformContext { device: Device::new(kind), now: Time::from_zigbee(0x3000_0001) };
        ctx.device.twin_element = name.contains("twin");
        let made = transform(&request, &ctx).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(made.octets, hex(&expected), "{name} as {}: {:02x?}", made.use_case.name, made.octets);
        for at in made.clock_fields {
            assert_eq!(made.octets[at..at + 4], [0x01, 0x00, 0x00, 0x30], "{name}");
        }
    }
}
