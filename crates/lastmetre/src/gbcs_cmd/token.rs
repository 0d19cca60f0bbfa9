//! Keys in a PKCS#11 token, beside those of files.
use super::{Failure, KeyArgs};
use clap::Args;
use gbcs::crypto::{AwsLc, Crypto, Token, TokenKey};
use gbcs::keystore::Keystore;
use std::fs;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A token that holds private keys. It signs and agrees itself; no key leaves it.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Take private keys from a PKCS#11 token too: the module (a shared library) that speaks to it. A key is found by its label, as
    /// "A1B2C3D4E5F60001 digital-signature", "... key-agreement" or "... key-agreement prepayment", or by its CKA_ID, the EUI-64 in 8
    /// octets; a public key or certificate of the same CKA_ID must be there too
    #[arg(long, value_name = "MODULE", requires_all = ["token", "pin_file"])]
    pkcs11: Option<PathBuf>,
    /// The label of the token
    #[arg(long, value_name = "LABEL", requires = "pkcs11")]
    token: Option<String>,
    /// File that holds the PIN and nothing else
    #[arg(long, value_name = "FILE", requires = "pkcs11")]
    pin_file: Option<PathBuf>,
}

/// All keys at hand, and who does the cryptography with them.
pub(super) struct Hand {
    pub(super) store: Keystore,
    pub(super) crypto: Box<dyn Crypto>,
    /// What the token holds, in words; nothing without one.
    token: String,
}

impl Hand {
    /// Why a key is not here, with what the token has.
    pub(super) fn without(&self, key: impl std::fmt::Display) -> String {
        format!("no {key}{}", self.token)
    }
}

impl TokenArgs {
    /// The keys of files and token together.
    pub(super) fn with(&self, keys: &KeyArgs) -> Result<Hand, Failure> {
        let (Some(module), Some(label), Some(pin_file)) = (&self.pkcs11, &self.token, &self.pin_file) else {
            return Ok(Hand { store: keys.load_some()?, crypto: Box::new(AwsLc), token: String::new() });
        };
        let pin = fs::read_to_string(pin_file)
            .map_err(|e| Failure::misuse(format!("--pin-file {}: {e}", pin_file.display())))?;
        let pin = Zeroizing::new(pin);
        let token = Token::open(module, label, pin.trim_end_matches(['\r', '\n']), AwsLc)
            .map_err(|e| Failure::misuse(format!("--pkcs11: {e}")))?;
        let mut store = keys.load()?;
        token.add_to(&mut store);
        let words = format!("; token {label:?} holds {}", held(token.keys()));
        Ok(Hand { store, crypto: Box::new(token), token: words })
    }
}

fn held(keys: &[TokenKey]) -> String {
    let words = keys.iter().map(|key| match (&key.name, key.public) {
        (None, _) => format!("{:?} (neither label nor CKA_ID says whose)", key.label),
        (Some(name), None) => format!("{} {} (without its public half)", name.owner, name.usage),
        (Some(name), Some(_)) => {
            let prepayment = if name.prepayment { " prepayment" } else { "" };
            let forbidden = if key.permitted { "" } else { " (which the token does not let it do)" };
            format!("{} {}{prepayment}{forbidden}", name.owner, name.usage)
        }
    });
    let words: Vec<_> = words.collect();
    if words.is_empty() { "no private key".into() } else { words.join(", ") }
}
