//! The repository of certificates: searched over HTTP, filled by what devices ask, and asked about what requests bring.
use crate::common::house::{House, Subject, certificate, config_of_the_house};
use crate::common::*;
use dcc::gateway::Gateway;
use dcc::repository::{CertificateStatus, IssueFault, Query};
use dcc::store::Store;
use dcc::{Dcc, DccConfig, KnownCertificate};
use duis::body::credentials::{
    KrpCertificates, KrpReplacements, PathCertificates, RemotePartyRole, UpdateDeviceCertificate, UpdateKrp,
};
use duis::certificate::Serial;
use duis::xml::List;
use duis::{CommandVariant, Execution};
use gbcs::asn1::{CertificateUpdateStatus, Content as Asn1};
use gbcs::certificate::{KeyUsage, Role as CertificateRole};
use gbcs::crypto::AwsLc;
use gbcs::{Eui64, GroupingHeader, Message, MessageView, Time, asn1, protect};
use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair, KeyUsagePurpose};
use smki::{Authority, Branch, Organisation};
use std::time::Duration;

const NOW: Time = Time::from_seconds(1_790_000_000);
/// A key of nobody yet.
const NEW: u8 = 70;

fn authorities() -> [(Authority, Vec<u8>); 2] {
    [Branch::Device, Branch::Organisation].map(|branch| {
        let (authority, certificate) =
            Authority::root(branch, "T", &key(60), smki::Serial::Long([1; 16]), NOW).unwrap();
        (authority, certificate)
    })
}

fn known(octets: Vec<u8>) -> KnownCertificate {
    KnownCertificate::parse(octets).unwrap()
}

/// The house, whose SMKI has certificates of its electricity meter and of its supplier.
fn certified_house() -> DccConfig {
    let [(devices, of_devices), (organisations, of_organisations)] = authorities();
    let device =
        |usage, n: u8| known(devices.device(ESME, usage, key(n).public(), smki::Serial::Long([n; 16]), NOW).unwrap());
    let supplier = |usage, n: u8| {
        let whose = Organisation { name: "S", role: CertificateRole::Supplier, eui: SUPPLIER, usage };
        known(organisations.organisation(whose, key(n).public(), smki::Serial::Long([n; 16]), NOW).unwrap())
    };
    DccConfig {
        certificates: vec![
            known(of_devices),
            known(of_organisations),
            device(KeyUsage::KeyAgreement, ESME_KA),
            device(KeyUsage::DigitalSignature, ESME_KA + 1),
            supplier(KeyUsage::DigitalSignature, SUPPLIER_GBCS),
        ],
        authority: Some(devices),
        ..config_of_the_house()
    }
}

/// A device's certification request, by a tool that is not ours.
fn request_for(device: Eui64, usage: KeyUsagePurpose, key: &KeyPair) -> Vec<u8> {
    let mut module = vec![0x30, 0x29, 0xA0, 0x27, 0x06, 8, 0x2B, 6, 1, 5, 5, 7, 8, 4, 0xA0, 0x1B, 0x30, 0x19, 0x06, 13];
    module.extend([0x2A, 0x86, 0x3A, 0x00, 0x01, 0x84, 0x8F, 0xB9, 0x0F, 1, 2, 2, 1, 0x04, 8]);
    module.extend(device.0);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.key_usages = vec![usage];
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], module)];
    params.serialize_request(key).unwrap().der().to_vec()
}

fn statuses(gateway: &Gateway, query: &Query) -> Vec<(KeyUsage, CertificateStatus)> {
    let found = gateway.store.certificates(query, NOW).unwrap().found;
    found.iter().map(|it| (it.certificate.read().usage, it.status)).collect()
}

fn of_esme() -> Query {
    Query { entity: Some(ESME), usage: Some(KeyUsage::DigitalSignature), ..Query::default() }
}

#[test]
fn a_device_that_asks_is_certified_once_and_what_it_never_took_is_forgotten() {
    let gateway = Gateway::new(certified_house(), Store::open(None).unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let request = request_for(ESME, KeyUsagePurpose::DigitalSignature, &key);
    let (first, is_new) = gateway.certify(&request, NOW).unwrap();
    assert!(is_new);
    assert_eq!((first.read().entity, first.read().usage), (Some(ESME), KeyUsage::DigitalSignature));
    assert_eq!(first.read().point, *<&[u8; 64]>::try_from(&key.public_key_raw()[1..]).unwrap());
    assert_eq!(gateway.certify(&request, NOW).unwrap(), (first.clone(), false), "the same request");
    let another = request_for(ESME, KeyUsagePurpose::DigitalSignature, &KeyPair::generate().unwrap());
    let (second, _) = gateway.certify(&another, NOW).unwrap();
    let expected = [CertificateStatus::InUse, CertificateStatus::Pending].map(|it| (KeyUsage::DigitalSignature, it));
    assert_eq!(statuses(&gateway, &of_esme()), expected, "the first was never taken");
    assert_ne!(first.name(), second.name());
}

#[test]
fn whom_nobody_knows_who_has_not_the_key_and_whose_key_is_taken_is_not_certified() {
    let gateway = Gateway::new(certified_house(), Store::open(None).unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let request = request_for(ESME, KeyUsagePurpose::DigitalSignature, &key);
    let stranger = Eui64::from_u64(7);
    let refused = |octets: &[u8]| gateway.certify(octets, NOW).unwrap_err();
    let asked = request_for(stranger, KeyUsagePurpose::DigitalSignature, &key);
    assert!(matches!(refused(&asked), IssueFault::UnknownDevice(eui) if eui == stranger));
    let at = request.windows(8).position(|window| window == ESME.0).unwrap();
    let mut forged = request.clone();
    forged[at..at + 8].copy_from_slice(&GSME.0);
    assert!(matches!(refused(&forged), IssueFault::Unproved));
    assert!(matches!(refused(b"nothing"), IssueFault::Request(_)));
    gateway.certify(&request, NOW).unwrap();
    for (device, usage) in [(ESME, KeyUsagePurpose::KeyAgreement), (GSME, KeyUsagePurpose::DigitalSignature)] {
        assert!(matches!(refused(&request_for(device, usage, &key)), IssueFault::KeyTaken(_)));
    }
    let without = DccConfig { authority: None, ..certified_house() };
    let gateway = Gateway::new(without, Store::open(None).unwrap()).unwrap();
    assert!(matches!(gateway.certify(&request, NOW), Err(IssueFault::NoAuthority)));
}

/// CS02d for a signing key by WAN, answered under the new key: from then on that is the device's, and over restarts.
#[test]
fn a_certificate_that_a_device_took_is_in_use_and_the_one_before_it_is_not() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let [(devices, _), _] = authorities();
    let new = devices
        .device(ESME, KeyUsage::DigitalSignature, key(NEW).public(), smki::Serial::Long([NEW; 16]), NOW)
        .unwrap();
    {
        let mut config = certified_house();
        config.certificates.push(known(new.clone()));
        let house = House::with(config, Some(file.path()));
        let body = duis::Body::UpdateDeviceCertificate(UpdateDeviceCertificate { certificate: new.clone() });
        // As it is seeded it is not in use, since another is: not to be brought to a device.
        let request = house.request(SUPPLIER, ESME, "6.15.2", CommandVariant::Transform, body.clone());
        assert_eq!(house.code(&request), "E061501");
        let name = known(new.clone()).name().clone();
        assert!(house.gateway.set_certificate_status(&name, CertificateStatus::Pending).unwrap());
        let command = house.critical(SUPPLIER, ESME, "6.15.2", body);
        let taken = Asn1::CertificateUpdated(CertificateUpdateStatus::Success);
        let view = MessageView::parse(&command).unwrap();
        let header = GroupingHeader::new(view.id().answer(), view.message_code());
        let plain = Message::plain(header, asn1::Payload::from(taken).encode()).encode();
        // Nobody else's signature counts.
        house.brought(&protect::sign(&AwsLc, &key(NEW + 1), &plain).unwrap());
        assert_eq!(
            house.gateway.store.device_keys(ESME).unwrap().unwrap().digital_signature,
            *key(ESME_KA + 1).public()
        );
        house.brought(&protect::sign(&AwsLc, &key(NEW), &plain).unwrap());
        assert_eq!(
            statuses(&house.gateway, &of_esme()).iter().map(|it| it.1).collect::<Vec<_>>(),
            [CertificateStatus::NotInUse, CertificateStatus::InUse]
        );
        let keys = house.gateway.store.device_keys(ESME).unwrap().unwrap();
        assert_eq!((keys.digital_signature, keys.key_agreement), (*key(NEW).public(), *key(ESME_KA).public()));
    }
    let gateway = Gateway::new(certified_house(), Store::open(Some(file.path())).unwrap()).unwrap();
    assert_eq!(gateway.store.device_keys(ESME).unwrap().unwrap().digital_signature, *key(NEW).public());
}

/// SRV 6.15.1: what a User brings to a device is known to the SMKI and in use, its path too.
#[test]
fn a_replacement_that_the_smki_does_not_vouch_for_is_refused() {
    let [_, (_, of_organisations)] = authorities();
    let config = certified_house();
    let its = |it: &&KnownCertificate| it.read().entity == Some(SUPPLIER);
    let own = config.certificates.iter().find(its).unwrap().clone();
    let house = House::with(config, None);
    let update = |signing: &[u8], path: &[u8]| {
        duis::Body::UpdateKrpCredentials(UpdateKrp {
            execution: Execution::Immediate,
            role: RemotePartyRole::Supplier,
            floor: None,
            top_up_floor: None,
            replacements: KrpReplacements {
                certificates: KrpCertificates { signing: Some(signing.to_vec()), agreement: None, top_up: None },
            },
            path: PathCertificates { certificates: List::new([path.to_vec()]).unwrap() },
            apply_time_checks: false,
        })
    };
    let code = |signing: &[u8], path: &[u8]| {
        house.code(&house.request(SUPPLIER, ESME, "6.15.1", CommandVariant::Transform, update(signing, path)))
    };
    let stranger = certificate(Subject::Organisation(SUPPLIER, 2), KeyUsage::DigitalSignature, key(77).public());
    assert_eq!(code(own.octets(), &of_organisations), "I0");
    assert_eq!(code(&stranger, &of_organisations), "E061501", "the SMKI never issued it");
    assert_eq!(code(own.octets(), &stranger), "E061501", "nor the path");
    let set = |status| assert!(house.gateway.set_certificate_status(own.name(), status).unwrap());
    set(CertificateStatus::Revoked);
    assert_eq!(code(own.octets(), &of_organisations), "E061501", "revoked");
    set(CertificateStatus::InUse);
    house.pass(Duration::from_secs(21 * 365 * 86_400));
    assert_eq!(code(own.octets(), &of_organisations), "E061501", "expired");
}

struct Web {
    dcc: Dcc,
    client: reqwest::Client,
}

impl Web {
    async fn start() -> Self {
        let dcc = Dcc::start(certified_house()).await.unwrap();
        Self { dcc, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.answer(self.client.get(format!("http://{}{path}", self.dcc.addr))).await
    }

    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        self.answer(self.client.post(format!("http://{}{path}", self.dcc.addr)).body(body)).await
    }

    async fn put(&self, path: &str, body: &'static str) -> (u16, String) {
        self.answer(self.client.put(format!("http://{}{path}", self.dcc.addr)).body(body)).await
    }
}

fn found(text: &str) -> Vec<serde_json::Value> {
    let answer: serde_json::Value = serde_json::from_str(text).unwrap();
    answer["certificates"].as_array().unwrap().clone()
}

#[tokio::test]
async fn certificates_are_found_by_whatever_is_known_of_them() {
    let web = Web::start().await;
    for (parameters, expected) in [
        ("entity=00-DB-12-34-56-78-90-A0", 2),
        ("entity=00DB1234567890A0&usage=key-agreement", 1),
        ("role=2", 1),
        ("role=supplier&usage=digital-signature&status=in-use", 1),
        ("role=supplier&status=revoked", 0),
        ("issuer=CN%3DT,%20OU%3D00", 2),
        ("usage=key-cert-sign", 2),
        ("entity=90-B3-D5-1F-30-01-00-00", 1),
        ("", 5),
        ("limit=3", 3),
        ("skip=3&limit=3", 2),
    ] {
        let (status, text) = web.get(&format!("/services/certificatesearch?{parameters}")).await;
        assert_eq!((status, found(&text).len()), (200, expected), "{parameters}: {text}");
    }
    let (_, text) = web.get("/services/certificatesearch?limit=3").await;
    assert!(text.contains("\"more\":true"), "{text}");
    let (_, text) = web.get("/services/certificatesearch?entity=00DB1234567890A0&usage=key-agreement").await;
    let one = found(&text).remove(0);
    assert_eq!((&one["kind"], &one["role"], &one["status"]), (&"device".into(), &().into(), &"in-use".into()));
    assert_eq!((&one["issuer"], &one["not_after"]), (&"CN=T".into(), &"9999-12-31T23:59:59Z".into()));

    // The same in XML, and the certificate by its number in every form.
    let search = "<CertificateSearch xmlns=\"urn:lastmetre:smki\"><KeyUsage>key-agreement</KeyUsage>\
                  <EntityID>00-DB-12-34-56-78-90-A0</EntityID></CertificateSearch>";
    let (status, xml) = web.post("/services/certificatesearch", search).await;
    let der = one["certificate_der"].as_str().unwrap();
    assert_eq!(status, 200);
    assert!(xml.contains("more=\"false\"") && xml.contains(&format!("<Body>{der}</Body>")), "{xml}");
    duis::xml::Document::parse(&xml).unwrap();
    let serial = one["serial"].as_str().unwrap();
    let (status, pem) = web.get(&format!("/services/retrievecertificate?serial={serial}&format=pem")).await;
    assert_eq!(status, 200);
    let octets = smki::from_pem(&pem).unwrap();
    assert_eq!(known(octets).read().entity, Some(ESME));
    let retrieval = format!(
        "<CertificateRetrieval xmlns=\"urn:lastmetre:smki\"><SerialNumber>{serial}</SerialNumber></CertificateRetrieval>"
    );
    let (status, xml) = web.post("/services/retrievecertificate", retrieval).await;
    assert!(status == 200 && xml.contains(der), "{status} {xml}");
}

#[tokio::test]
async fn what_is_no_search_is_refused_with_a_problem_that_says_why() {
    let web = Web::start().await;
    let search = |inner: &str| format!("<CertificateSearch xmlns=\"urn:lastmetre:smki\">{inner}</CertificateSearch>");
    for (parameters, why) in [
        ("colour=red", "colour"),
        ("entity=7", "entity"),
        ("role=kings", "role"),
        ("usage=both", "usage"),
        ("status=good", "status"),
        ("serial=0x1", "serial"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("role=2&role=3", "twice"),
        ("format=der", "format"),
    ] {
        let (status, text) = web.get(&format!("/services/certificatesearch?{parameters}")).await;
        assert!(status == 400 && text.contains(why), "{parameters}: {status} {text}");
    }
    for (document, why) in [
        ("nothing".to_owned(), "XML"),
        (search("<Colour/>"), "Colour"),
        (search("<Role>2</Role><Role>2</Role>"), "twice"),
        (search("<KeyUsage>both</KeyUsage>"), "usage"),
        ("<CertificateSearch/>".to_owned(), "CertificateSearch"),
        (format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{}", search("<Status>&a;</Status>")), ""),
    ] {
        let (status, text) = web.post("/services/certificatesearch", document.clone()).await;
        assert!(status == 400 && text.to_lowercase().contains(&why.to_lowercase()), "{document}: {status} {text}");
    }
    assert_eq!(web.get("/services/retrievecertificate").await.0, 400);
    assert_eq!(web.get("/services/retrievecertificate?serial=99").await.0, 404);
    let (status, text) = web.get(&format!("/services/retrievecertificate?serial={}", number([0x41; 1]))).await;
    assert_eq!(status, 409, "root of devices and of organisations have the same number: {text}");
    let by_issuer = format!("/services/retrievecertificate?serial={}&issuer=CN%3DT", number([0x41; 1]));
    assert_eq!(web.get(&by_issuer).await.0, 200);
    let large = vec![b' '; 100 * 1024];
    assert_eq!(web.post("/services/certificatesearch", large).await.0, 413);
}

/// The serial number that an authority makes of `[1; 16]`.
fn number(first: [u8; 1]) -> Serial {
    Serial::from_octets(&[&first[..], &[1; 15]].concat()).unwrap()
}

#[tokio::test]
async fn a_request_over_http_is_certified_and_refused_like_any_and_its_certificate_revoked_by_hand() {
    let web = Web::start().await;
    let key = KeyPair::generate().unwrap();
    let request = request_for(ESME, KeyUsagePurpose::KeyAgreement, &key);
    let path = "/services/certificaterequest";
    let (status, pem) = web.post(path, request.clone()).await;
    assert_eq!(status, 201);
    let made = known(smki::from_pem(&pem).unwrap());
    assert_eq!(made.read().usage, KeyUsage::KeyAgreement);
    let wrapped = smki::to_pem(&request).replace("CERTIFICATE", "CERTIFICATE REQUEST");
    assert_eq!(web.post(path, wrapped).await, (200, pem), "as PEM, again");
    assert_eq!(web.post(path, "AAAA").await.0, 400);
    let stranger = request_for(Eui64::from_u64(7), KeyUsagePurpose::KeyAgreement, &KeyPair::generate().unwrap());
    assert_eq!(web.post(path, stranger).await.0, 404);
    assert_eq!(web.post(path, request_for(GSME, KeyUsagePurpose::KeyAgreement, &key)).await.0, 409);

    let serial = made.name().serial();
    let admin = format!("/admin/certificates/{serial}");
    assert_eq!(web.put(&admin, "gone").await.0, 400);
    assert_eq!(web.put(&admin, "expired").await.0, 400);
    assert_eq!(web.put("/admin/certificates/99", "revoked").await.0, 404);
    assert_eq!(web.put(&admin, "revoked").await.0, 204);
    let (_, text) = web.get(&format!("/services/certificatesearch?serial={serial}")).await;
    assert_eq!(found(&text)[0]["status"], "revoked");
}

fn usages() -> impl Strategy<Value = KeyUsage> {
    prop_oneof![Just(KeyUsage::DigitalSignature), Just(KeyUsage::KeyAgreement), Just(KeyUsage::KeyCertSign)]
}

fn states() -> impl Strategy<Value = CertificateStatus> {
    use CertificateStatus::*;
    prop_oneof![Just(Pending), Just(InUse), Just(NotInUse), Just(Expired), Just(Revoked)]
}

fn queries() -> impl Strategy<Value = Query> {
    let whose = (proptest::option::of(any::<u64>()), proptest::option::of(any::<u8>()));
    let which = (proptest::option::of("[A-Z=&<>]{1,8}(,[A-Z=]{1,4})?"), proptest::option::of(any::<[u8; 20]>()));
    let page = (any::<u32>(), proptest::option::of(1..=Query::MOST));
    let state = (proptest::option::of(usages()), proptest::option::of(states()));
    (whose, state, which, page).prop_map(|((entity, role), (usage, status), (issuer, serial), (skip, limit))| Query {
        entity: entity.map(Eui64::from_u64),
        role: role.map(CertificateRole::from_number),
        usage,
        status,
        issuer,
        serial: serial.map(|octets| Serial::from_octets(&octets).unwrap()),
        skip,
        limit,
    })
}

proptest! {
    #[test]
    fn a_search_reads_as_it_was_written(query in queries()) {
        let parameters = query.parameters();
        let parameters = parameters.iter().map(|(name, value)| (*name, &**value));
        prop_assert_eq!(Query::from_parameters(parameters).unwrap(), query);
    }

    #[test]
    fn no_text_upsets_the_reader_of_searches(
        text in "(<CertificateSearch xmlns=\"urn:lastmetre:smki\">)?(<[A-Za-z]{0,12}>[ -~]{0,12}|</?Role>|\\PC{0,8}){0,6}(</CertificateSearch>)?",
        name in "[a-z]{0,8}",
    ) {
        if let Ok(query) = Query::from_xml(&text, "CertificateSearch") {
            prop_assert!(query.limit() <= Query::MOST);
        }
        let _ = Query::from_parameters([(&*name, &*text)]);
    }
}
