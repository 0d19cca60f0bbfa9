//! What the tests share: the folder of reference data, and keys of our own.
#![allow(dead_code, reason = "each test binary uses its part")]
use std::path::{Path, PathBuf};
use std::process::Command;

use duis::signature::{SigningKey, XmlSigner};
use duis::{IssuerSerial, SignerRole};
use gbcs::crypto::{Crypto, RustCrypto};

/// A folder of the shared reference data, or a note on stderr that it is absent.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("LASTMETRE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join(folder);
    if !path.is_dir() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// Whether a program can be run, or a note on stderr.
pub fn has_program(name: &str) -> bool {
    let found = Command::new(name).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {name} is absent");
    }
    found
}

/// The files of a folder with this ending (in any case), sorted, with their names and text.
pub fn files(folder: &Path, ending: &str) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending)))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// A signer of our own: a key from a fixed scalar, for the id it signs as.
pub fn signer(eui: &str, role: SignerRole) -> (SigningKey, XmlSigner) {
    let key = RustCrypto.private_key(&[0x11; 32]).unwrap();
    let public = *key.public();
    let certificate = IssuerSerial::new("CN=Test, OU=07", "117636141832862931915946451229571981153".parse().unwrap());
    (SigningKey { key, certificate }, XmlSigner { key: public, eui: eui.parse().unwrap(), role })
}
