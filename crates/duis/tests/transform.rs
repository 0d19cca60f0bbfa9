//! Service requests to GBCS octets: against the reference data, and against vectors of our own.
mod common;

use std::collections::HashMap;

use common::{files, shared};
use duis::reference::{self, Name};
use duis::xml::Document;
use duis::{Device, DeviceType, Request, TransformContext, transform};
use gbcs::asn1::{self, Content};
use gbcs::envelope::Supplementary;
use gbcs::{Cra, MessageView, Time};

fn read(text: &str) -> Request {
    Request::parse(&Document::parse(text).unwrap()).unwrap_or_else(|e| panic!("{e}\n{text}"))
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
    let (mut done, mut others) = (0, 0);
    let mut wrong = Vec::new();
    for (file, text) in files(&templates, "xml") {
        let name = file.trim_end_matches("_REQUEST_DUIS.XML");
        let request = read(&text);
        let Some(command) = messages.get(&format!("{name}_COMMAND")) else { continue };
        let view = MessageView::parse(command).unwrap();
        let target = reference::device_type(request.header.id.target).unwrap();
        // The one certificate that a Command brings: the reference data's own.
        let certificate = |_| certificate_of(view.payload());
        match reference::make(&request, target, &Name::read(name), reference::CLOCK, certificate) {
            Ok(made) if made.octets == view.plain_octets() => {
                assert_eq!(made.signer.is_some(), view.signature().is_some(), "{name}");
                assert!(name.starts_with(made.use_case.name), "{name} as {}", made.use_case.name);
                done += 1;
            }
            Ok(made)
                if OTHER_TIMES.contains(&name)
                    || with_certificates_of(&view, &made.octets).is_some_and(|o| o == view.plain_octets()) =>
            {
                assert!(name.starts_with(made.use_case.name), "{name} as {}", made.use_case.name);
                others += 1;
            }
            Ok(made) => wrong.push(format!(
                "{name} as {}:\n  {:02x?}\n  {:02x?}",
                made.use_case.name,
                made.octets,
                view.plain_octets()
            )),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{done} templates became their commands, {others} but for what their requests say otherwise");
    assert!(done >= 200 && others >= 15, "{done}, {others}");
}

/// Requests of the reference data whose dates are not those of their Commands; use case and all else agree.
const OTHER_TIMES: [&str; 3] = ["GCS09_3.2_SUCCESS", "GCS15c_4.4.3_SUCCESS", "GCS61_4.17_SUCCESS"];

/// Requests were given renewed certificates; their Commands hold the first ones. Puts those of `theirs` into `ours`.
fn with_certificates_of(theirs: &MessageView<'_>, ours: &[u8]) -> Option<Vec<u8>> {
    let parse =
        |octets: &[u8]| asn1::Payload::parse(theirs.message_code(), Cra::Command, octets).map(|p| p.into_content());
    let mut message = MessageView::parse(ours).ok()?.to_message();
    if let (Supplementary::Certificate(.., certificate), Supplementary::Certificate(.., first)) =
        (&mut message.header.other.supplementary, theirs.other_information().supplementary)
    {
        *certificate = first.to_vec();
        return Some(message.encode());
    }
    let (Ok(Content::UpdateCredentials(mut update)), Ok(Content::UpdateCredentials(first))) =
        (parse(&message.payload), parse(theirs.payload()))
    else {
        return None;
    };
    update.replacements.iter_mut().zip(&first.replacements).for_each(|(r, f)| r.certificate = f.certificate.clone());
    update.path.iter_mut().zip(&first.path).for_each(|(r, f)| *r = f.clone());
    message.payload = asn1::Payload::from(Content::UpdateCredentials(update)).encode();
    Some(message.encode())
}

fn certificate_of(payload: &[u8]) -> Option<Vec<u8>> {
    let start = payload.windows(2).skip(1).position(|w| w == [0x30, 0x82])? + 1;
    Some(payload[start..].to_vec())
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
        let mut ctx = TransformContext::new(Device::new(kind), Time::from_zigbee(0x3000_0001));
        ctx.device.twin_element = name.contains("twin");
        let made = transform(&request, &ctx).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(made.octets, hex(&expected), "{name} as {}: {:02x?}", made.use_case.name, made.octets);
        for at in made.clock_fields {
            assert_eq!(made.octets[at..at + 4], [0x01, 0x00, 0x00, 0x30], "{name}");
        }
    }
}
