//! What the authorities issue: in the shape of the reference data, read by `gbcs`, believed by openssl.
use gbcs::certificate::{Certificate, KeyUsage, Role};
use gbcs::crypto::{AwsLc, Crypto, PrivateKey};
use gbcs::{Eui64, Time};
use proptest::prelude::*;
use smki::{Authority, Branch, Organisation, Serial, SmkiError};
use std::process::Command;

const NOW: Time = Time::from_seconds(1_790_000_000);
const DEVICE: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);

fn key(n: u8) -> PrivateKey {
    AwsLc.private_key(&[n; 32]).unwrap()
}

fn serial(n: u8) -> Serial {
    Serial::Long([n; 16])
}

/// Root and issuing authority of a branch, and their certificates.
fn chain(branch: Branch) -> (Authority, Vec<u8>, Vec<u8>) {
    let (root, of_root) = Authority::root(branch, "ROOT", &key(1), serial(1), NOW).unwrap();
    let (issuing, of_issuing) = root.issuing(branch, "ISSUING", &key(2), serial(2), NOW).unwrap();
    (issuing, of_root, of_issuing)
}

fn organisation(usage: KeyUsage) -> Organisation<'static> {
    Organisation { name: "SUPPLIER", role: Role::Supplier, eui: SUPPLIER, usage }
}

#[test]
fn a_device_is_named_in_its_alternative_name_and_never_expires() {
    let (issuing, _, of_issuing) = chain(Branch::Device);
    for usage in [KeyUsage::DigitalSignature, KeyUsage::KeyAgreement] {
        let octets = issuing.device(DEVICE, usage, key(3).public(), serial(3), NOW).unwrap();
        let read = Certificate::parse(&octets).unwrap();
        assert_eq!((read.entity, read.role, read.usage), (Some(DEVICE), None, usage));
        assert_eq!((read.point, &*read.issuer), (*key(3).public().point(), "CN=ISSUING"));
        assert_eq!(read.validity, (NOW, Time::from_seconds(253_402_300_799)));
        assert_eq!(read.key_identifier, smki::key_identifier(key(3).public().point()));
        assert_eq!(read.serial, [0x43, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
    }
    let read = Certificate::parse(&of_issuing).unwrap();
    assert_eq!((read.entity, read.usage, &*read.issuer), (None, KeyUsage::KeyCertSign, "CN=ROOT"));
}

#[test]
fn an_organisation_is_named_in_its_subject_with_its_role() {
    let (issuing, ..) = chain(Branch::Organisation);
    let octets = issuing.organisation(organisation(KeyUsage::KeyAgreement), key(3).public(), serial(3), NOW).unwrap();
    let read = Certificate::parse(&octets).unwrap();
    assert_eq!((read.entity, read.role, read.usage), (Some(SUPPLIER), Some(Role::Supplier), KeyUsage::KeyAgreement));
    assert_eq!((&*read.issuer, read.validity.0), ("CN=ISSUING,OU=07", NOW));
    assert!(read.validity.1 > NOW);
    let short = issuing
        .organisation(organisation(KeyUsage::KeyAgreement), key(3).public(), Serial::Short([0xFF; 8]), NOW)
        .unwrap();
    assert_eq!(Certificate::parse(&short).unwrap().serial, [0x7F, 255, 255, 255, 255, 255, 255, 255]);
}

#[test]
fn an_authority_is_restored_from_its_certificate_and_its_own_key_alone() {
    let (issuing, of_root, of_issuing) = chain(Branch::Device);
    let again = Authority::restore(&of_issuing, &key(2)).unwrap();
    let made = |by: &Authority| by.device(DEVICE, KeyUsage::KeyAgreement, key(3).public(), serial(3), NOW).unwrap();
    assert_eq!(made(&again), made(&issuing));
    assert!(matches!(Authority::restore(&of_issuing, &key(1)), Err(SmkiError::NotAuthority)));
    assert!(matches!(Authority::restore(&made(&issuing), &key(3)), Err(SmkiError::NotAuthority)));
    assert!(matches!(Authority::restore(b"\x30\x00", &key(2)), Err(SmkiError::Certificate(_))));
    Authority::restore(&of_root, &key(1)).unwrap();
}

/// The extensions of a device's certificate are those of the public reference data's, in their order; criticality too.
#[test]
fn a_device_certificate_has_the_extensions_of_the_reference_data() {
    use x509_cert::der::Decode;
    let Some(reference) = reference() else { return };
    let (issuing, ..) = chain(Branch::Device);
    let ours = issuing.device(DEVICE, KeyUsage::DigitalSignature, key(3).public(), serial(3), NOW).unwrap();
    let shape = |octets: &[u8]| {
        let certificate = x509_cert::Certificate::from_der(octets).unwrap();
        let tbs = certificate.tbs_certificate();
        let extensions = tbs.extensions().unwrap().iter().map(|it| (it.extn_id.to_string(), it.critical));
        // What the key does not decide stands there word for word.
        let same = tbs
            .extensions()
            .unwrap()
            .iter()
            .filter(|it| ["2.5.29.15", "2.5.29.17", "2.5.29.32"].contains(&&*it.extn_id.to_string()));
        let same = same.map(|it| it.extn_value.as_bytes().to_vec()).collect::<Vec<_>>();
        (extensions.collect::<Vec<_>>(), same, tbs.subject().is_empty(), tbs.validity().not_after)
    };
    assert_eq!(shape(&ours), shape(&reference));
}

/// The signing certificate of the electricity meter of the public reference data.
fn reference() -> Option<Vec<u8>> {
    use base64::Engine;
    let shared = std::env::var("LASTMETRE_SHARED").unwrap_or_else(|_| "../../../shared".into());
    let path = std::path::Path::new(&shared).join("rtds/keystore.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no reference data at {}", path.display());
        return None;
    };
    let keys: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let its = |it: &&serde_json::Value| it["eui64"] == "00DB1234567890A0" && it["usage"] == "digital-signature";
    let octets = keys.iter().find(its).unwrap()["certificate_der"].as_str().unwrap();
    Some(base64::engine::general_purpose::STANDARD.decode(octets).unwrap())
}

#[test]
fn openssl_finds_the_path_to_the_root_and_none_from_another() {
    let folder = tempfile::tempdir().unwrap();
    let verifies = |root: &[u8], issuing: &[u8], certificate: &[u8]| -> Option<bool> {
        for (name, octets) in [("root", root), ("issuing", issuing), ("certificate", certificate)] {
            std::fs::write(folder.path().join(name), smki::to_pem(octets)).unwrap();
        }
        let path = |name: &str| folder.path().join(name);
        let output = Command::new("openssl")
            .args(["verify", "-x509_strict", "-CAfile"])
            .arg(path("root"))
            .arg("-untrusted")
            .args([path("issuing"), path("certificate")])
            .output();
        match output {
            Ok(output) => Some(output.status.success()),
            Err(error) => {
                eprintln!("skipped: openssl: {error}");
                None
            }
        }
    };
    let (devices, device_root, of_devices) = chain(Branch::Device);
    let device = devices.device(DEVICE, KeyUsage::KeyAgreement, key(3).public(), serial(3), NOW).unwrap();
    let Some(verified) = verifies(&device_root, &of_devices, &device) else { return };
    assert!(verified);
    let (other, other_root) = Authority::root(Branch::Device, "ROOT", &key(9), serial(1), NOW).unwrap();
    assert_eq!(verifies(&other_root, &of_devices, &device), Some(false), "a root of the same name");
    let (_, of_other) = other.issuing(Branch::Device, "ISSUING", &key(2), serial(2), NOW).unwrap();
    assert_eq!(verifies(&device_root, &of_other, &device), Some(false), "an issuing authority of another root");
}

proptest! {
    #[test]
    fn whatever_is_certified_reads_as_that(
        eui: u64, scalar in 1u8..0xFF, number: [u8; 16], seconds in 0u64..4_000_000_000, role: u8, agrees: bool,
    ) {
        let (eui, key, serial) = (Eui64::from_u64(eui), key(scalar), Serial::Long(number));
        let from = Time::from_seconds(seconds);
        let usage = if agrees { KeyUsage::KeyAgreement } else { KeyUsage::DigitalSignature };
        let (authority, _) = Authority::root(Branch::Device, "R", &key, serial, NOW).unwrap();
        let device = authority.device(eui, usage, key.public(), serial, from).unwrap();
        let read = Certificate::parse(&device).unwrap();
        prop_assert_eq!((read.entity, read.role, read.usage, read.validity.0), (Some(eui), None, usage, from));
        let role = Role::from_number(role);
        let whose = Organisation { name: "X", role, eui, usage };
        let organisation = authority.organisation(whose, key.public(), serial, from).unwrap();
        let read = Certificate::parse(&organisation).unwrap();
        prop_assert_eq!((read.entity, read.role, read.point), (Some(eui), Some(role), *key.public().point()));
        prop_assert_eq!(smki::from_pem(&smki::to_pem(&device)), Some(device));
    }
}

#[test]
fn what_is_no_pem_of_a_certificate_is_none() {
    assert_eq!(smki::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), None);
    assert_eq!(smki::from_pem("AAAA"), None);
    assert_eq!(smki::from_pem(""), None);
}
