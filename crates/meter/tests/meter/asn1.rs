//! Credentials, the meter's own keys and firmware: what ASN.1 Commands do, with certificates made here.
use crate::home::*;
use gbcs::asn1::*;
use gbcs::certificate::{KeyUsage, Role as AnyRole};
use gbcs::crypto::{Crypto, PrivateKey, RustCrypto, Signature};
use gbcs::utrn::{Credit, Utrn};
use gbcs::{Counter, Cra, Eui64, MessageCode, MessageView, Time, protect};
use meter::{Image, Kind, Meter, Place, Role, TrustAnchor, Usage};

const OTHER_SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3003_0000);

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        n @ 0..0x80 => out.push(n as u8),
        n @ 0x80..0x100 => out.extend([0x81, n as u8]),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(content);
    out
}

/// Whom a certificate names.
#[derive(Clone, Copy)]
pub enum Subject {
    Organisation(Eui64, u8),
    Device(Eui64),
}

/// A certificate in DER as the smart metering PKI makes them, signed by `issuer`.
pub fn certificate(subject: Subject, usage: KeyUsage, key: &PrivateKey, issuer: &PrivateKey) -> CertificateDer {
    const ECDSA: [u8; 12] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
    const EC_KEY: [u8; 21] = [
        0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D,
        0x03, 0x01, 0x07,
    ];
    let attribute = |oid: u8, value: Vec<u8>| der(0x31, &[&der(0x30, &[&[0x06, 0x03, 0x55, 0x04, oid], &value])]);
    let extension = |oid: u8, value: Vec<u8>| der(0x30, &[&[0x06, 0x03, 0x55, 0x1D, oid], &der(0x04, &[&value])]);
    let bits = match usage {
        KeyUsage::DigitalSignature => [7, 0x80],
        KeyUsage::KeyAgreement => [3, 0x08],
        KeyUsage::KeyCertSign => [2, 0x04],
    };
    let key_id = &RustCrypto.sha256(&[key.public().point()])[..8];
    let mut extensions = vec![extension(0x0F, der(0x03, &[&bits])), extension(0x0E, der(0x04, &[key_id]))];
    let name = match subject {
        Subject::Organisation(eui, role) => {
            let unit = attribute(11, der(0x0C, &[format!("{role:02X}").as_bytes()]));
            der(0x30, &[&unit, &attribute(45, der(0x03, &[&[0], &eui.0]))])
        }
        Subject::Device(eui) => {
            let module = der(0x30, &[&[0x06, 0x03, 0x2A, 0x03, 0x04], &der(0x04, &[&eui.0])]);
            let other = [0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04];
            extensions.push(extension(0x11, der(0x30, &[&der(0xA0, &[&other, &der(0xA0, &[&module])])])));
            der(0x30, &[])
        }
    };
    let validity = der(0x30, &[&der(0x17, &[b"260101000000Z"]), &der(0x17, &[b"460101000000Z"])]);
    let public = der(0x30, &[&EC_KEY, &der(0x03, &[&[0], &key.public().sec1()])]);
    let issuer_name = der(0x30, &[&attribute(3, der(0x0C, &[b"CA"]))]);
    let signed = der(
        0x30,
        &[
            &[0xA0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01],
            &ECDSA,
            &issuer_name,
            &validity,
            &name,
            &public,
            &der(0xA3, &[&der(0x30, &[&extensions.concat()])]),
        ],
    );
    let Signature(signature) = RustCrypto.sign(issuer, &signed).unwrap();
    let integer = |octets: &[u8]| {
        let start = octets.iter().position(|octet| *octet != 0).unwrap();
        let padding: &[u8] = if octets[start] & 0x80 != 0 { &[0] } else { &[] };
        der(0x02, &[padding, &octets[start..]])
    };
    let signature = der(0x30, &[&integer(&signature[..32]), &integer(&signature[32..])]);
    CertificateDer::new(der(0x30, &[&signed, &ECDSA, &der(0x03, &[&[0], &signature])])).unwrap()
}

fn command(home: &Home, kind: Kind, code: u16, counter: u64, content: Content) -> Vec<u8> {
    home.command(kind, code, counter, Payload::from(content).encode())
}

fn answer(home: &Home, response: &[u8]) -> Content {
    let payload = home.verify(response);
    let code = MessageView::parse(response).unwrap().message_code();
    Payload::parse(code, Cra::Response, &payload).unwrap().into_content()
}

/// A supplier hands its meters over to another: three certificates, counters from nothing.
fn handover(counter: u64, keys: [&PrivateKey; 3], issuer: &PrivateKey, path: Vec<CertificateDer>) -> CredentialsUpdate {
    let cells = [
        Cell::new(AnyRole::Supplier, KeyUsage::DigitalSignature),
        Cell::new(AnyRole::Supplier, KeyUsage::KeyAgreement),
        Cell::PREPAYMENT_TOP_UP,
    ];
    let subject = Subject::Organisation(OTHER_SUPPLIER, 2);
    let replacements = cells.into_iter().zip(keys).map(|(cell, key)| Replacement {
        certificate: certificate(subject, cell.usage.usage().unwrap(), key, issuer),
        cell,
    });
    let authorising = Cell::new(AnyRole::Supplier, KeyUsage::DigitalSignature);
    let mut control = UpdateControl::new(ReplacementMode::SupplierBySupplier, authorising, Counter(counter));
    control.floor = Some(Counter(0));
    let floor = SpecialistFloor { specialist: Specialist::PrepaymentTopUp, floor: Counter(7 << 32) };
    control.specialist_floors = Some(vec![floor]);
    CredentialsUpdate::new(control, replacements.collect(), path)
}

#[test]
fn after_a_change_of_supplier_the_old_one_is_a_stranger_and_the_new_one_counts_from_its_floors() {
    let home = Home::default();
    let new = Home { supplier: key(21), supplier_agreement: key(22), supplier_prepayment: key(23), ..Home::default() };
    let mut meter = home.meter(Kind::Esme);
    assert!(meter.handle_message(NOW, &home.dlms(0x001C, 900, adjust_balance(5))).is_some());
    let keys = [&new.supplier, &new.supplier_agreement, &new.supplier_prepayment];
    let update = Content::UpdateCredentials(Box::new(handover(1_000, keys, &key(30), Vec::new())));
    let response = meter.handle_message(NOW, &command(&home, Kind::Esme, 0x0102, 1_000, update)).unwrap();
    let Content::CredentialsUpdated(outcome) = answer(&home, &response) else { panic!() };
    assert!(outcome.cells.iter().all(|cell| cell.status == CellStatus::Success), "{outcome:?}");
    assert!(outcome.cells.iter().all(|cell| (cell.old_subject, cell.new_subject) == (SUPPLIER, OTHER_SUPPLIER)));

    let record = meter.state();
    let mut meter = Meter::new(home.config(Kind::Esme), RustCrypto, Some(&record)).unwrap();
    assert_eq!(meter.handle_message(NOW, &home.dlms(0x001C, 1_001, adjust_balance(5))), None, "a stranger now");
    let by_new = |counter: u64| {
        let rows = gbcs::dlms::AccessRequest::new(Counter(counter), adjust_balance(7)).encode();
        let plain = new.plain(Kind::Esme, OTHER_SUPPLIER, 0x1C, counter, rows);
        new.mac(&protect::sign(&RustCrypto, &new.supplier, &plain).unwrap())
    };
    assert!(meter.handle_message(NOW, &by_new(1)).is_some(), "above the floor, below what the old one counted");
    assert!(meter.handle_message(NOW, &by_new(1)).is_none(), "once");
    // UTRNs of the old supplier are worth nothing; those of the new one count from its own floor.
    let old = home.utrn(Kind::Esme, 9, Credit::Pounds(1));
    assert!(meter.enter_utrn(NOW, Place::Keypad, old.as_bytes()).is_err());
    let secret = RustCrypto.agree(&new.supplier_prepayment, home.device_agreement.public()).unwrap();
    let utrn = |high: u64| {
        let counter = Counter(high << 32);
        Utrn::create(&RustCrypto, &secret, OTHER_SUPPLIER, ESME, counter, Credit::Pounds(1))
            .unwrap()
            .expose()
            .to_owned()
    };
    let spent = meter.enter_utrn(NOW, Place::Keypad, utrn(7).as_bytes());
    assert_eq!(spent, Err(meter::TopUpRefusal::Duplicate), "at the floor");
    assert_eq!(meter.enter_utrn(NOW, Place::Keypad, utrn(8).as_bytes()), Ok(100_000));
}

#[test]
fn a_meter_that_holds_a_root_takes_only_certificates_with_a_path_to_it() {
    let home = Home::default();
    let (root, issuer) = (key(40), key(41));
    let mut config = home.config(Kind::Esme);
    config.anchors.push(TrustAnchor {
        role: Role::Root,
        usage: Usage::CertificateSigning,
        prepayment: false,
        eui: Eui64([0; 8]),
        key: *root.public(),
        key_id: [9; 8],
    });
    let issuing = certificate(Subject::Organisation(STRANGER, 7), KeyUsage::KeyCertSign, &issuer, &root);
    let forged = certificate(Subject::Organisation(STRANGER, 7), KeyUsage::KeyCertSign, &issuer, &key(42));
    let keys = [&key(21), &key(22), &key(23)];
    for (path, expected) in [
        (vec![], CellStatus::NoTrustAnchor),
        (vec![forged], CellStatus::NoTrustAnchor),
        (vec![issuing], CellStatus::Success),
    ] {
        let mut meter = Meter::new(config.clone(), RustCrypto, None).unwrap();
        let update = Content::UpdateCredentials(Box::new(handover(5, keys, &issuer, path)));
        let response = meter.handle_message(NOW, &command(&home, Kind::Esme, 0x0102, 5, update)).unwrap();
        let Content::CredentialsUpdated(outcome) = answer(&home, &response) else { panic!() };
        assert!(outcome.cells.iter().all(|cell| cell.status == expected), "{outcome:?}");
        let refused = outcome.cells.iter().all(|cell| cell.old_key == cell.new_key);
        assert_eq!(refused, expected != CellStatus::Success, "a refused cell shows what it still holds");
        let old = meter.handle_message(NOW, &home.dlms(0x001C, 6, adjust_balance(5)));
        assert_eq!(old.is_some(), expected != CellStatus::Success);
    }
}

#[test]
fn a_replacement_that_waits_is_made_at_its_time_and_told_or_cancelled() {
    let home = Home::default();
    let keys = [&key(21), &key(22), &key(23)];
    let due = Time(NOW.0 + 3_600_000);
    for cancelled in [false, true] {
        let mut meter = home.meter(Kind::Gsme);
        let update = |counter, at| {
            let update = handover(counter, keys, &key(30), Vec::new()).at(DateTime::new(at));
            command(&home, Kind::Gsme, 0x0102, counter, Content::UpdateCredentials(Box::new(update)))
        };
        let response = meter.handle_message(NOW, &update(5, due)).unwrap();
        assert_eq!(answer(&home, &response), Content::CredentialsUpdateAccepted);
        if cancelled {
            let response = meter.handle_message(NOW, &update(6, DateTime::NEVER.time())).unwrap();
            assert_eq!(answer(&home, &response), Content::CredentialsUpdateAccepted);
        }
        meter.handle_timeout(due);
        let alerts: Vec<_> = meter.outbox().map(<[u8]>::to_vec).collect();
        assert_eq!(alerts.len(), usize::from(!cancelled));
        if let Some(alert) = alerts.first() {
            let view = MessageView::parse(alert).unwrap();
            protect::verify_signature(&RustCrypto, home.device.public(), &view).unwrap();
            assert_eq!((view.message_code(), view.id().target), (MessageCode(0x00CB), SUPPLIER));
            let payload = Payload::parse(view.message_code(), Cra::Alert, view.payload()).unwrap();
            let Content::CredentialsUpdateAlert(told) = payload.content() else { panic!("{payload:?}") };
            assert_eq!((told.code, told.outcome.cells.len()), (0x8F66, 3));
        }
    }
}

#[test]
fn a_new_key_pair_is_certified_and_signs_from_then_on() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let usage = KeyUsages::from(KeyUsage::DigitalSignature);
    let issue = command(&home, Kind::Esme, 0x000A, 1, Content::IssueCredentials(UsageRequest { usage }));
    let Content::CertificationRequest(request) = answer(&home, &meter.handle_message(NOW, &issue).unwrap()) else {
        panic!()
    };
    // The public key stands in the request, which its private half signed.
    let octets = request.octets();
    let at = octets.windows(4).position(|w| w == [0x03, 0x42, 0x00, 0x04]).unwrap() + 4;
    let public = RustCrypto.public_key(octets[at..at + 64].try_into().unwrap()).unwrap();
    assert!(octets.windows(8).any(|window| window == ESME.0), "it names the device");
    let certified = |subject, usage, public: &gbcs::crypto::PublicKey| {
        // A certificate over a key whose private half is the meter's alone.
        let mine = certificate(subject, usage, &key(55), &key(30));
        let octets = mine.octets().to_vec();
        let place = octets.windows(64).position(|window| window == key(55).public().point()).unwrap();
        let mut octets = octets;
        octets[place..place + 64].copy_from_slice(public.point());
        CertificateDer::new(octets).unwrap()
    };
    let device = Subject::Device(ESME);
    for (counter, certificate, expected) in [
        (
            2,
            certified(Subject::Device(GSME), KeyUsage::DigitalSignature, &public),
            CertificateUpdateStatus::OtherDevice,
        ),
        (3, certified(device, KeyUsage::KeyAgreement, &public), CertificateUpdateStatus::NoKeyPairWaiting),
        (4, certified(device, KeyUsage::DigitalSignature, key(56).public()), CertificateUpdateStatus::OtherPublicKey),
        (5, certified(device, KeyUsage::KeyCertSign, &public), CertificateUpdateStatus::BadKeyUsage),
        (6, certified(device, KeyUsage::DigitalSignature, &public), CertificateUpdateStatus::Success),
    ] {
        let message = command(&home, Kind::Esme, 0x000B, counter, Content::Certificate(certificate.clone()));
        let response = meter.handle_message(NOW, &message).unwrap();
        let view = MessageView::parse(&response).unwrap();
        let signer = if expected == CertificateUpdateStatus::Success { &public } else { home.device.public() };
        protect::verify_signature(&RustCrypto, signer, &view).unwrap();
        let payload = Payload::parse(MessageCode(0x000B), Cra::Response, view.payload()).unwrap();
        assert_eq!(payload.content(), &Content::CertificateUpdated(expected), "{counter}");
    }
    let record = meter.state();
    let mut meter = Meter::new(home.config(Kind::Esme), RustCrypto, Some(&record)).unwrap();
    let response = meter.handle_message(NOW, &home.dlms(0x001C, 7, adjust_balance(5))).unwrap();
    protect::verify_signature(&RustCrypto, &public, &MessageView::parse(&response).unwrap()).unwrap();
    let provide = command(&home, Kind::Esme, 0x000C, 8, Content::ProvideCertificate(UsageRequest { usage }));
    let response = meter.handle_message(NOW, &provide).unwrap();
    let view = MessageView::parse(&response).unwrap();
    let payload = Payload::parse(MessageCode(0x000C), Cra::Response, view.payload()).unwrap();
    let Content::Certificate(held) = payload.content() else { panic!("{payload:?}") };
    assert_eq!(held.read().unwrap().point, *public.point());
    let usage = KeyUsages::from(KeyUsage::KeyAgreement);
    let provide = command(&home, Kind::Esme, 0x000C, 9, Content::ProvideCertificate(UsageRequest { usage }));
    let response = meter.handle_message(NOW, &provide).unwrap();
    let view = MessageView::parse(&response).unwrap();
    let payload = Payload::parse(MessageCode(0x000C), Cra::Response, view.payload()).unwrap();
    assert_eq!(payload.content(), &Content::ProvideRefused(ProvideRefusal::NoneHeld));
}

#[test]
fn firmware_is_activated_by_its_hash_and_only_by_it() {
    let home = Home::default();
    let image = Image { octets: b"a new firmware", version: [2, 1, 0, 0] };
    let hash = RustCrypto.sha256(&[image.octets]);
    let activate = |counter: u64, hash: [u8; 32]| {
        let activate = ActivateFirmware { hash: ImageHash(hash), counter: Counter(counter), execution: None };
        command(&home, Kind::Esme, 0x0012, counter, Content::ActivateFirmware(activate))
    };
    let mut meter = home.meter(Kind::Esme);
    let mut take = |counter, hash, expected, version| {
        let response = meter.handle_message(NOW, &activate(counter, hash)).unwrap();
        let Content::FirmwareActivated(outcome) = answer(&home, &response) else { panic!() };
        assert_eq!((outcome.status, outcome.version), (expected, FirmwareVersion(version)));
        if counter == 1 {
            meter.receive_image(NOW, image);
        }
    };
    take(1, hash, ActivationStatus::NoImage, [1, 0, 0, 0]);
    take(2, [0; 32], ActivationStatus::HashMismatch, [1, 0, 0, 0]);
    take(3, hash, ActivationStatus::Success, [2, 1, 0, 0]);
    take(4, hash, ActivationStatus::NoImage, [2, 1, 0, 0]);
    let receipt = meter.outbox().next().expect("a receipt").to_vec();
    let told = gbcs::dlms::DataNotification::parse(&home.verify(&receipt)).unwrap();
    assert_eq!((told.code, told.further[0].as_octets()), (0x8F72, Some(&hash[..])));
    // A counter in the payload that is not the header's is refused.
    let other = ActivateFirmware { hash: ImageHash(hash), counter: Counter(9), execution: None };
    let message = command(&home, Kind::Esme, 0x0012, 10, Content::ActivateFirmware(other));
    assert_eq!(meter.handle_message(NOW, &message), None);
}

#[test]
fn joins_are_remembered_told_and_undone() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let other = Eui64::from_u64(0x00DB_0000_0000_0001);
    let join = |counter, kind, certificate: Option<CertificateDer>| {
        let mut join = Join::new(JoinMethod::C, other, kind);
        join.certificate = certificate;
        command(&home, Kind::Gsme, 0x00AF, counter, Content::Join(join))
    };
    let agreement = |subject| Some(certificate(subject, KeyUsage::KeyAgreement, &home.ppmid_agreement, &key(30)));
    for (counter, message, expected) in [
        (1, join(1, DeviceKind::Ppmid, None), JoinStatus::BadCertificate),
        (2, join(2, DeviceKind::Ppmid, agreement(Subject::Device(PPMID))), JoinStatus::BadCertificate),
        (3, join(3, DeviceKind::Hcalcs, agreement(Subject::Device(other))), JoinStatus::MethodMismatch),
        (4, join(4, DeviceKind::Ppmid, agreement(Subject::Device(other))), JoinStatus::Success),
    ] {
        let response = meter.handle_message(NOW, &message).unwrap();
        assert_eq!(answer(&home, &response), Content::Joined(expected), "{counter}");
    }
    let details = |meter: &mut Meter<RustCrypto>| {
        let response =
            meter.handle_message(NOW, &command(&home, Kind::Gsme, 0x0013, 1, Content::ReadJoinDetails)).unwrap();
        let Content::JoinDetails(details) = answer(&home, &response) else { panic!() };
        details.log.unwrap().into_iter().map(|entry| entry.device).collect::<Vec<_>>()
    };
    assert_eq!(details(&mut meter), [GPF, PPMID, other]);
    let unjoin = |counter| command(&home, Kind::Gsme, 0x000F, counter, Content::Unjoin(other));
    let response = meter.handle_message(NOW, &unjoin(5)).unwrap();
    assert_eq!(answer(&home, &response), Content::Unjoined(UnjoinStatus::Success));
    let response = meter.handle_message(NOW, &unjoin(6)).unwrap();
    assert_eq!(answer(&home, &response), Content::Unjoined(UnjoinStatus::NotInLog));
    assert_eq!(details(&mut meter), [GPF, PPMID]);
}

#[test]
fn a_gas_clock_set_outside_its_interval_is_unreliable_and_its_responses_say_so() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let set = |counter, from: u64, to: u64| {
        let set = SetClock { from: DateTime::new(Time(from)), to: DateTime::new(Time(to)) };
        command(&home, Kind::Gsme, 0x007F, counter, Content::SetClock(set))
    };
    let read = || {
        let read = [gbcs::gbz::Component::read_attributes(0, 0x0702, [0x0302, 0x0301, 0x0300, 0x0000])];
        home.gbz(0x0074, 1, read)
    };
    for (counter, from, to, status, octet) in [
        (1, NOW.0 - 3_600_000, NOW.0 - 1_000, ClockStatus::Unreliable, 0x02),
        (2, NOW.0 - 1_000, NOW.0 + 1_000, ClockStatus::Reliable, 0x00),
    ] {
        let response = meter.handle_message(NOW, &set(counter, from, to)).unwrap();
        assert_eq!(answer(&home, &response), Content::ClockReport(ClockReport { time: DateTime::new(NOW), status }));
        let response = meter.handle_message(NOW, &read()).unwrap();
        assert_eq!(MessageView::parse(&response).unwrap().date_time().unwrap()[11], octet);
    }
}
