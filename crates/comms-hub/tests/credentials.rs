//! The credentials of the hub's functions: what they hold of others (CS02a), its replacement (CS02b), at once and at its time.
mod common;
use common::*;
use comms_hub::{Event, Function, Hub, LocalRefusal, Output, Profile, Settings};
use device::check::Fault;
use device::{Role as Party, TrustAnchor, Usage};
use gbcs::asn1::*;
use gbcs::certificate::{KeyUsage, Role};
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::envelope::GroupingHeader;
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, MessageView, Time, gbz, protect};

fn plain(originator: Eui64, target: Eui64, code: u16, counter: u64, content: Content) -> Vec<u8> {
    let id = MessageId { originator, target, cra: Cra::Command, counter: Counter(counter) };
    Message::plain(GroupingHeader::new(id, MessageCode(code)), Payload::from(content).encode()).encode()
}

fn close(target: Eui64, message: &[u8]) -> Vec<u8> {
    let own = if target == CHF { chf_key() } else { gpf_key() };
    let z = RustCrypto.agree(&acb_key(), own.public()).unwrap();
    protect::add_mac(&RustCrypto, &z, message).unwrap()
}

/// The last message to the WAN, of this kind, as the function signed or closed it.
fn told(home: &Home, cra: Cra, code: u16, by: &gbcs::crypto::PrivateKey) -> Content {
    let view = MessageView::parse(home.wan.last().expect("something was said")).unwrap();
    assert_eq!((view.cra(), view.message_code()), (cra, MessageCode(code)));
    // Responses of use cases that can be dated carry the time (gbcs-messages 4.4).
    assert_eq!(view.date_time().is_some(), cra == Cra::Response && code != 0x0008);
    if view.signature().is_some() {
        protect::verify_signature(&RustCrypto, by.public(), &view).unwrap();
    } else {
        protect::verify_mac(&RustCrypto, &RustCrypto.agree(&acb_key(), by.public()).unwrap(), &view).unwrap();
    }
    Payload::parse(MessageCode(code), cra, view.payload()).unwrap().into_content()
}

/// A supplier replaces its own cell on the GPF, by something that is no certificate of his.
fn replacement(counter: u64, execution: Option<DateTime>) -> Vec<u8> {
    let cell = Cell::new(Role::Supplier, KeyUsage::KeyAgreement);
    let certificate = CertificateDer::new(vec![0x30, 7, 0x30, 0, 0x30, 0, 3, 1, 0]).unwrap();
    let authorising = Cell::new(Role::Supplier, KeyUsage::DigitalSignature);
    let control = UpdateControl::new(ReplacementMode::SupplierBySupplier, authorising, Counter(counter));
    let mut update = CredentialsUpdate::new(control, vec![Replacement { certificate, cell }], vec![]);
    update.execution = execution;
    let plain = plain(SUPPLIER, GPF, 0x0102, counter, Content::UpdateCredentials(Box::new(update)));
    close(GPF, &protect::sign(&RustCrypto, &supplier_signing_key(), &plain).unwrap())
}

#[test]
fn each_function_tells_the_broker_what_it_holds() {
    let mut home = Home::ready(Profile::Assured, true);
    for (function, key, supplier_cells) in [(CHF, chf_key(), 0), (GPF, gpf_key(), 2)] {
        let requester = Cell::new(Role::AccessControlBroker, KeyUsage::KeyAgreement);
        let request = CredentialsRequest { requester, roles: vec![Role::AccessControlBroker, Role::Supplier] };
        let command = plain(ACB, function, 0x0008, 1, Content::RequestCredentials(request));
        home.wan_brings(&close(function, &command));
        let Content::Credentials(roles) = told(&home, Cra::Response, 0x0008, &key) else { panic!() };
        let held: Vec<_> = roles.iter().map(|role| role.held.as_ref().map_or(0, |held| held.cells.len())).collect();
        assert_eq!(held, [1, supplier_cells]);
    }
}

#[test]
fn a_replacement_that_is_no_certificate_is_answered_signed_and_changes_nothing_and_none_is_taken_twice() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wan_brings(&replacement(5, None));
    let Content::CredentialsUpdated(outcome) = told(&home, Cra::Response, 0x0102, &gpf_key()) else { panic!() };
    let [cell] = &outcome.cells[..] else { panic!() };
    assert_eq!((cell.status, cell.old_subject, cell.new_subject), (CellStatus::BadCertificate, SUPPLIER, SUPPLIER));
    assert!(home.events.contains(&Event::GpfExecuted { code: MessageCode(0x0102), succeeded: false }));

    home.restart_hub();
    home.set_wan(true);
    home.wan.clear();
    home.events.clear();
    let replayed = Fault::Replayed { stored: Counter(5), found: Counter(5) };
    let mut forged = replacement(6, None);
    let at = forged.len() - 40;
    forged[at] ^= 1;
    let of_another = {
        let content = Payload::parse(
            MessageCode(0x0102),
            Cra::Command,
            MessageView::parse(&replacement(7, None)).unwrap().payload(),
        );
        let plain = plain(SUPPLIER, GPF, 0x0102, 8, content.unwrap().into_content());
        close(GPF, &protect::sign(&RustCrypto, &supplier_signing_key(), &plain).unwrap())
    };
    for (message, refusal) in [
        (replacement(5, None), LocalRefusal::from(replayed)),
        (forged, Fault::BadMac.into()),
        (of_another, LocalRefusal::WrongRows),
        // What was refused for its payload took its counter with it.
        (replacement(8, None), Fault::Replayed { stored: Counter(8), found: Counter(8) }.into()),
    ] {
        home.wan_brings(&message);
        assert!(home.events.contains(&Event::GpfRefused(refusal.clone())), "{refusal}: {:?}", home.events.last());
    }
    assert!(home.wan.is_empty(), "and none is answered");
    home.restart_hub();
    home.wan_brings(&replacement(8, None));
    assert!(home.events.contains(&Event::GpfRefused(Fault::Replayed { stored: Counter(8), found: Counter(8) }.into())));
}

#[test]
fn a_command_whose_answer_could_not_be_closed_for_its_reader_is_not_executed() {
    let mut config = config(Profile::Assured, Settings::default());
    let keys = config.gpf_keys.as_mut().unwrap();
    keys.anchors.retain(|anchor| (anchor.eui, anchor.usage) != (SUPPLIER, Usage::KeyAgreement));
    // GCS46, the MPRN.
    let id = MessageId { originator: SUPPLIER, target: GPF, cra: Cra::Command, counter: Counter(1) };
    let payload = gbz::Payload::new(vec![gbz::Component::read_attributes(0, 0x0702, [0x0307])]).encode();
    let read = Message::plain(GroupingHeader::new(id, MessageCode(0x0089)), payload).encode();
    let (said, events) = answered(config, &close(GPF, &read));
    assert_eq!((said, events), (None, vec![Event::GpfRefused(LocalRefusal::NoReaderKey(SUPPLIER))]));
}

/// The public reference data: the broker hands the GPF over to another supplier, and to another network operator (SRV 6.21), and asks a
/// CHF what it holds. The parties' private keys are published and the devices' are not, so a Command keeps its signature and gets the
/// ACB's MAC anew.
#[test]
fn the_hubs_functions_answer_the_references_commands_for_credentials_as_the_reference_does() {
    let folder = std::env::var_os("LASTMETRE_SHARED").map_or("../../../shared".into(), std::path::PathBuf::from);
    let text = |name: &str| std::fs::read_to_string(folder.join("rtds").join(name));
    let (Ok(keys), Ok(messages)) = (text("keystore.json"), text("messages.jsonl")) else {
        return eprintln!("skipped: no reference messages in {}", folder.display());
    };
    let keys: Vec<serde_json::Value> = serde_json::from_str(&keys).unwrap();
    let private = |usage: &str| {
        let of_broker = |entry: &&serde_json::Value| {
            entry["eui64"] == format!("{ACB:#}").as_str()
                && entry["usage"] == usage
                && entry.get("private_scalar").is_some()
        };
        let scalar = keys.iter().find(of_broker).unwrap()["private_scalar"].as_str().unwrap();
        RustCrypto.private_key(hex::decode(scalar).unwrap().as_slice().try_into().unwrap()).unwrap()
    };
    let (signs, broker) = (private("digital-signature"), private("key-agreement"));
    // Until it is handed over, the broker is in every party's cell.
    let cells = [Party::AccessControlBroker, Party::Supplier, Party::NetworkOperator].into_iter().flat_map(|role| {
        let agrees = anchor(role, Usage::KeyAgreement, ACB, &broker);
        let top_up = (role == Party::Supplier).then_some(TrustAnchor { prepayment: true, ..agrees });
        [anchor(role, Usage::DigitalSignature, ACB, &signs), agrees].into_iter().chain(top_up)
    });
    let mut config = config(Profile::Assured, Settings::default());
    let cells: Vec<TrustAnchor> = cells.collect();
    for keys in [&mut config.chf_keys, &mut config.gpf_keys] {
        keys.as_mut().unwrap().anchors = cells.clone();
    }

    let messages: Vec<serde_json::Value> = messages.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let octets = |name: &str| {
        let sample = messages.iter().find(|message| message["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        hex::decode(sample["hex"].as_str().unwrap()).unwrap()
    };
    for (name, own) in [
        ("CS02bSupplierBySupplierHandover_6.21_SUCCESS", gpf_key()),
        ("CS02bNOByNOHandover_6.21_SUCCESS", gpf_key()),
        ("CS02aSignature_NA_SUCCESS", chf_key()),
    ] {
        let (command, expected) = (octets(&format!("{name}_COMMAND")), octets(&format!("{name}_RESPONSE")));
        let z = RustCrypto.agree(&broker, own.public()).unwrap();
        let inner = MessageView::parse(&command).unwrap();
        let (said, events) =
            answered(config.clone(), &protect::add_mac(&RustCrypto, &z, inner.inner_octets()).unwrap());
        let said = said.unwrap_or_else(|| panic!("{name}: {events:?}"));
        let (ours, theirs) = (MessageView::parse(&said).unwrap(), MessageView::parse(&expected).unwrap());
        match ours.signature() {
            Some(_) => protect::verify_signature(&RustCrypto, own.public(), &ours).unwrap(),
            None => protect::verify_mac(&RustCrypto, &z, &ours).unwrap(),
        }
        let envelope = |view: &MessageView<'_>| {
            let dated = view.date_time().is_some();
            (view.id(), view.message_code(), dated, view.signature().is_some(), view.mac().is_some())
        };
        assert_eq!(envelope(&ours), envelope(&theirs), "{name}");
        assert_eq!(without_own_keys(&ours), without_own_keys(&theirs), "{name}");
    }
}

/// The payload of a Response, but for the keys that the device held before, which are its own.
fn without_own_keys(view: &MessageView<'_>) -> (bool, Content) {
    const NONE: KeyIdentifier = KeyIdentifier([0; 8]);
    let payload = Payload::parse(view.message_code(), Cra::Response, view.payload()).unwrap();
    let long_lengths = payload.has_long_lengths();
    let mut content = payload.into_content();
    match &mut content {
        Content::CredentialsUpdated(outcome) => outcome.cells.iter_mut().for_each(|cell| cell.old_key = NONE),
        Content::Credentials(roles) => {
            let cells = roles.iter_mut().filter_map(|role| role.held.as_mut()).flat_map(|held| &mut held.cells);
            cells.for_each(|cell| cell.key = NONE);
        }
        other => panic!("{other:?}"),
    }
    (long_lengths, content)
}

/// What a hub of its own says to the WAN of this message, and what befell its functions.
fn answered(config: comms_hub::HubConfig, message: &[u8]) -> (Option<Vec<u8>>, Vec<Event>) {
    let mut hub = Hub::new(START, config, RustCrypto, None).unwrap();
    hub.set_wan(START, true);
    hub.handle_wan(START, message);
    let (mut said, mut events) = (None, Vec::new());
    loop {
        match hub.poll() {
            Output::Wan(octets) => said = Some(octets),
            Output::Event(event @ (Event::GpfExecuted { .. } | Event::GpfRefused(_) | Event::ChfRefused(_))) => {
                events.push(event)
            }
            Output::Timeout(_) => return (said, events),
            _ => {}
        }
    }
}

#[test]
fn a_dated_replacement_is_executed_at_its_time_restarts_included_and_told_by_an_alert() {
    let mut home = Home::ready(Profile::Assured, true);
    let at = Time::from_seconds(home.now.seconds() + 3600);
    home.wan_brings(&replacement(5, Some(DateTime::new(at))));
    assert_eq!(told(&home, Cra::Response, 0x0102, &gpf_key()), Content::CredentialsUpdateAccepted);
    home.run_for(1800);
    home.restart_hub();
    home.set_wan(true);
    home.wan.clear();
    home.run_for(1801);
    let Content::CredentialsUpdateAlert(alert) = told(&home, Cra::Alert, 0x00CB, &gpf_key()) else { panic!() };
    assert_eq!((alert.code, alert.outcome.cells[0].status), (0x8F67, CellStatus::BadCertificate));
    let function = Function::Gpf;
    assert!(home.events.contains(&Event::Actioned { function, code: MessageCode(0x0102), succeeded: false }));

    home.wan.clear();
    let later = DateTime::new(Time::from_seconds(home.now.seconds() + 3600));
    home.wan_brings(&replacement(6, Some(later)));
    home.wan_brings(&replacement(7, Some(DateTime::NEVER)));
    home.wan.clear();
    home.run_for(7200);
    assert!(
        home.wan.iter().all(|message| MessageView::parse(message).unwrap().message_code() != MessageCode(0x00CB)),
        "taken back"
    );
}
