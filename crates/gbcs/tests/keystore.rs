//! Key stores on disk.
#![cfg(feature = "std")]
use gbcs::Eui64;
use gbcs::certificate::{KeyUsage, Role};
use gbcs::crypto::RustCrypto;
use gbcs::keystore::{KeyFault, KeyName, Keystore, KeystoreError};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of its own for one test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gbcs-keystore-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn eui(n: u64) -> Eui64 {
    Eui64::from_u64(n)
}

fn fault(result: Result<Keystore, KeystoreError>) -> KeyFault {
    match result {
        Err(KeystoreError::Key { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_saved_is_loaded_again() {
    let folder = Folder::new("saved");
    let store = Keystore::load(&RustCrypto, &data("keys.json")).unwrap();
    let path = folder.0.join("again.json");
    store.save(&path).unwrap();
    let again = Keystore::load(&RustCrypto, &path).unwrap();
    assert!(store.names().eq(again.names()));
    for name in store.names() {
        assert_eq!(store.public_keys(name), again.public_keys(name));
        assert_eq!(store.private_keys(name).len(), again.private_keys(name).len());
        assert_eq!(store.role(name.owner), again.role(name.owner));
    }
    assert_eq!(again.with_role(Role::AccessControlBroker).count(), 1);
}

#[test]
fn a_folder_of_pem_files_tells_whose_each_key_is_by_its_certificate() {
    let store = Keystore::load(&RustCrypto, &data("pem")).unwrap();
    let supplier = eui(0xA1B2_C3D4_E5F6_0001);
    let meter = eui(0xA1B2_C3D4_E5F7_00A0);
    let expected = [
        KeyName::signing(supplier),
        KeyName::agreement(supplier),
        KeyName::prepayment(supplier),
        KeyName::agreement(meter),
    ];
    assert_eq!(store.names().collect::<Vec<_>>(), expected);
    // One key in SEC 1, one in PKCS #8, one in the file of its certificate; the meter's is nobody's business.
    for (name, private) in expected.into_iter().zip([1, 1, 1, 0]) {
        assert_eq!((store.public_keys(name).len(), store.private_keys(name).len()), (1, private), "{name:?}");
    }
    assert_eq!(store.role(supplier), Some(Role::Supplier));
    assert_eq!(store.role(meter), None);
    let json = Keystore::load(&RustCrypto, &data("keys.json")).unwrap();
    for name in expected {
        assert_eq!(store.public_keys(name), json.public_keys(name));
    }
}

#[test]
fn a_private_key_without_its_certificate_is_refused() {
    let folder = Folder::new("orphan");
    fs::copy(data("pem/supplier-signing.key.pem"), folder.0.join("orphan.pem")).unwrap();
    assert_eq!(fault(Keystore::load(&RustCrypto, &folder.0)), KeyFault::NoCertificate);
}

#[test]
fn a_pem_file_of_something_else_is_refused() {
    let folder = Folder::new("else");
    let text = "-----BEGIN SECRET-----\nAAAA\n-----END SECRET-----\n";
    folder.file("else.pem", text);
    assert_eq!(fault(Keystore::load(&RustCrypto, &folder.0)), KeyFault::Pem);
    folder.file("else.pem", &text.replace("AAAA", "not base64!"));
    assert_eq!(fault(Keystore::load(&RustCrypto, &folder.0)), KeyFault::Pem);
}

#[test]
fn an_entry_that_is_no_key_is_refused_for_its_reason() {
    let folder = Folder::new("json");
    let scalar = "07".repeat(32);
    let point = format!("04{}", "07".repeat(64));
    for (key, expected) in [
        (String::new(), KeyFault::NotOneKey),
        (format!(r#", "private_scalar": "{scalar}", "public_key": "{point}""#), KeyFault::NotOneKey),
        (r#", "private_scalar": "07""#.into(), KeyFault::Encoding),
        (format!(r#", "private_scalar": "{}""#, "00".repeat(32)), gbcs::crypto::CryptoError::BadPrivateKey.into()),
        (format!(r#", "public_key": "{point}""#), gbcs::crypto::CryptoError::BadPublicKey.into()),
        (r#", "certificate_der": "****""#.into(), KeyFault::Encoding),
    ] {
        let text = format!(r#"[{{ "eui64": "0000000000000001", "usage": "key-agreement"{key} }}]"#);
        assert_eq!(fault(Keystore::load(&RustCrypto, &folder.file("k.json", &text))), expected, "{text}");
    }
    let unknown = r#"[{ "eui64": "0000000000000001", "usage": "key-agreement", "colour": "red" }]"#;
    let error = Keystore::load(&RustCrypto, &folder.file("k.json", unknown)).unwrap_err();
    assert!(error.to_string().contains("colour"), "{error}");
    assert!(matches!(Keystore::load(&RustCrypto, &folder.0.join("none")), Err(KeystoreError::Io { .. })));
}

#[test]
fn a_private_key_is_not_printed() {
    let store = Keystore::load(&RustCrypto, &data("keys.json")).unwrap();
    let name = KeyName { owner: eui(0xA1B2_C3D4_E5F6_0001), usage: KeyUsage::KeyAgreement, prepayment: true };
    let scalar = hex::encode(store.private_keys(name)[0].expose().unwrap());
    assert!(!format!("{store:?}").contains(&scalar[..8]));
}
