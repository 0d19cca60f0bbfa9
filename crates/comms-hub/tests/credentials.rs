//! The credentials of the hub's functions: what they hold of others (CS02a), its replacement (CS02b), at once and at its time.
mod common;
use common::*;
use comms_hub::{Event, Function, LocalRefusal, Profile};
use device::check::Fault;
use gbcs::asn1::*;
use gbcs::certificate::{KeyUsage, Role};
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::envelope::GroupingHeader;
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, MessageView, Time, protect};

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
    ] {
        home.wan_brings(&message);
        assert!(home.events.contains(&Event::GpfRefused(refusal.clone())), "{refusal}: {:?}", home.events.last());
    }
    assert!(home.wan.is_empty(), "and none is answered");
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
