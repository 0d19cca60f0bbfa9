//! Keys in a token sign and agree as the same keys in a file do. The token is SoftHSM2's, where it is at hand.
//!
//! SoftHSM reads where its tokens are from the environment when it starts, so the tests run in a process of their own each.
#![cfg(all(feature = "pkcs11", feature = "rustcrypto"))]
use gbcs::crypto::{Crypto, CryptoError, PrivateKey, RustCrypto, Token, TokenError};
use gbcs::keystore::{KeyName, Keyring, Keystore};
use gbcs::{Eui64, MessageView, protect, verify};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const PIN: &str = "1234";
const SUPPLIER: Eui64 = Eui64::from_u64(0xA1B2_C3D4_E5F6_0001);
const METER: Eui64 = Eui64::from_u64(0xA1B2_C3D4_E5F7_00A0);

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// SoftHSM's library, where Debian and others put it.
fn module() -> Option<PathBuf> {
    let named = env::var_os("LASTMETRE_PKCS11_MODULE").map(PathBuf::from);
    let usual = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    named.or_else(|| usual.iter().map(PathBuf::from).find(|path| path.exists()))
}

/// Runs the ignored test of this name with a new token labelled `lastmetre` that holds nothing.
fn with_token(test: &str) {
    let util = |folder: &Path, arguments: &[&str]| {
        let mut command = Command::new("softhsm2-util");
        command.env("SOFTHSM2_CONF", folder.join("conf")).args(arguments).output()
    };
    let (Some(_), Ok(_)) = (module(), util(Path::new("/"), &["--version"])) else {
        eprintln!("skipped: no SoftHSM2 (softhsm2-util and its library)");
        return;
    };
    let folder = env::temp_dir().join(format!("lastmetre-{test}-{}", std::process::id()));
    fs::create_dir_all(folder.join("tokens")).unwrap();
    let configuration = format!("directories.tokendir = {}\n", folder.join("tokens").display());
    fs::write(folder.join("conf"), configuration).unwrap();
    let made = util(&folder, &["--init-token", "--free", "--label", "lastmetre", "--pin", PIN, "--so-pin", "5678"]);
    assert!(made.unwrap().status.success());
    let output = Command::new(env::current_exe().unwrap())
        .env("SOFTHSM2_CONF", folder.join("conf"))
        .args(["--ignored", "--exact", test, "--nocapture"])
        .output()
        .unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_token_protects_messages_as_a_file_of_keys_does() {
    with_token("inside::protects");
}

#[test]
fn what_a_token_has_not_is_told_by_name() {
    with_token("inside::refuses");
}

/// Run by the tests above only.
mod inside {
    use super::*;
    use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
    use cryptoki::object::{Attribute, KeyType, ObjectClass};
    use cryptoki::session::UserType;
    use cryptoki::types::AuthPin;

    const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];

    /// Put a key pair into the token, as its owner's tools would.
    fn put(key: &PrivateKey, label: &str, id: &[u8], public: bool) {
        let library = Pkcs11::new(module().unwrap()).unwrap();
        let _ = library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        let slot = library.get_slots_with_initialized_token().unwrap()[0];
        let session = library.open_rw_session(slot).unwrap();
        let _ = session.login(UserType::User, Some(&AuthPin::new(PIN.into())));
        let common = |class| {
            vec![
                Attribute::Class(class),
                Attribute::KeyType(KeyType::EC),
                Attribute::Token(true),
                Attribute::Label(label.into()),
                Attribute::Id(id.to_vec()),
                Attribute::EcParams(P256.to_vec()),
            ]
        };
        let mut private = common(ObjectClass::PRIVATE_KEY);
        let signs = label.is_empty() || label.contains("signature");
        private.extend([
            Attribute::Value(key.expose().unwrap().to_vec()),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(signs),
            Attribute::Derive(!signs),
        ]);
        session.create_object(&private).unwrap();
        if public {
            let mut half = common(ObjectClass::PUBLIC_KEY);
            half.push(Attribute::EcPoint([&[4, 65][..], &key.public().sec1()].concat()));
            session.create_object(&half).unwrap();
        }
    }

    fn open() -> Token<RustCrypto> {
        Token::open(&module().unwrap(), "lastmetre", PIN, RustCrypto).unwrap()
    }

    fn messages(name: &str) -> Vec<u8> {
        let text = fs::read_to_string(data("messages.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let line = lines.into_iter().find(|line| line["name"] == name).unwrap();
        hex::decode(line["hex"].as_str().unwrap()).unwrap()
    }

    #[test]
    #[ignore = "wants a token of its own: run by another test"]
    fn protects() {
        let file = Keystore::load(&RustCrypto, &data("keys.json")).unwrap();
        let broker =
            Keyring::new(RustCrypto, &file).store().with_role(gbcs::certificate::Role::AccessControlBroker).next();
        let broker =
            broker.or_else(|| verify::Keys::brokers(&Keyring::new(RustCrypto, &file)).first().copied()).unwrap();
        let [signing, agreement] =
            [KeyName::signing(SUPPLIER), KeyName::agreement(broker)].map(|name| &file.private_keys(name)[0]);
        put(signing, &format!("{SUPPLIER} digital-signature"), &[1], true);
        put(agreement, &format!("{broker:#} key-agreement"), &[2], true);
        let token = open();
        assert_eq!((token.label(), token.keys().len()), ("lastmetre", 2));

        // The file's public halves, the token's private keys.
        let mut store = Keystore::new();
        token.add_to(&mut store);
        let held = store.private_keys(KeyName::signing(SUPPLIER))[0].clone();
        assert_eq!((held.public(), held.expose()), (signing.public(), None));
        assert_eq!(RustCrypto.sign(&held, b"any"), Err(CryptoError::HeldElsewhere));

        let signed = protect::sign(&token, &held, &messages("ECS04a Command Pre-Command")).unwrap();
        let view = MessageView::parse(&signed).unwrap();
        assert_eq!(protect::verify_signature(&RustCrypto, signing.public(), &view), Ok(()));

        store.add_public(KeyName::agreement(METER), file.public_keys(KeyName::agreement(METER))[0]);
        let ring = Keyring::new(&token, &store);
        let z = verify::Keys::secrets(&ring, broker, METER).remove(0);
        let plain = messages("ECS82 Command Pre-Command ending in 00");
        assert_eq!(protect::add_mac(&token, &z, &plain).unwrap(), messages("ECS82 Command"));
        // What is written of such a key is its public half.
        let path = env::temp_dir().join(format!("lastmetre-held-{}.json", std::process::id()));
        store.save(&path).unwrap();
        let read = Keystore::load(&RustCrypto, &path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(read.private_keys(KeyName::signing(SUPPLIER)).is_empty());
        assert_eq!(read.public_keys(KeyName::signing(SUPPLIER)), [*signing.public()]);
    }

    #[test]
    #[ignore = "wants a token of its own: run by another test"]
    fn refuses() {
        let module = module().unwrap();
        let error = |label: &str, pin: &str| Token::open(&module, label, pin, RustCrypto).unwrap_err();
        assert!(matches!(error("other", PIN), TokenError::NoToken { there, .. } if there == ["lastmetre"]));
        assert!(matches!(error("lastmetre", "0000"), TokenError::Pin { label, .. } if label == "lastmetre"));
        let nowhere = Token::open(Path::new("/nowhere.so"), "lastmetre", PIN, RustCrypto).unwrap_err();
        assert!(matches!(nowhere, TokenError::Module { .. }), "{nowhere}");

        let key = RustCrypto.private_key(&[7; 32]).unwrap();
        put(&key, "", &SUPPLIER.0, false);
        put(&RustCrypto.private_key(&[8; 32]).unwrap(), "somebody's signature", &[9], true);
        put(&RustCrypto.private_key(&[9; 32]).unwrap(), &format!("{SUPPLIER} key-agreement signature"), &[8], true);
        put(&RustCrypto.private_key(&[10; 32]).unwrap(), &format!("{METER} digital-signature"), &[7], true);
        let token = open();
        let names: Vec<_> = token.keys().iter().map(|key| (key.name, key.public.is_some())).collect();
        assert!(names.contains(&(Some(KeyName::signing(SUPPLIER)), false)), "{names:?}");
        assert!(names.contains(&(None, true)), "{names:?}");
        let mut store = Keystore::new();
        token.add_to(&mut store);
        let usable: Vec<_> = store.names().collect();
        assert_eq!(usable, [KeyName::signing(METER)], "the others are of no use");
        let stranger = PrivateKey::held_elsewhere(*key.public());
        assert_eq!(token.sign(&stranger, b"any"), Err(CryptoError::HeldElsewhere));
    }
}
