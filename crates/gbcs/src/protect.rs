//! Protection: key derivation, signature, MAC, encryption of sensitive attributes (GBCS 4.3, 7.2.8, 7.2.9).
use crate::crypto::{Crypto, CryptoError, Key128, PrivateKey, PublicKey, SharedSecret};
use crate::envelope::{
    MAC_LEN, Mac, MessageView, ParseError, SECURITY_HEADER, SignatureField, Supplementary, encode_mac_header,
    mac_header_len,
};
use crate::ids::{Counter, Cra, Eui64, MessageId};
use alloc::vec::Vec;

/// The algorithm identifier for AES-128-GCM in the KDF: the body of its DER object identifier.
const ALGORITHM_ID: [u8; 7] = [0x60, 0x85, 0x74, 0x06, 0x08, 0x03, 0x00];
/// In front of the grouping header in the AAD of a MAC: security control and the five empty fields of the MAC header.
const AAD_PREFIX: [u8; 6] = [SECURITY_HEADER[0], 0, 0, 0, 0, 0];
/// Security control of an encrypted attribute, which is all of its AAD: suite 1, authenticated and encrypted.
const ENCRYPTED: u8 = 0x31;
/// Octets around the ciphertext of an encrypted attribute: `31 00000000` in front, the tag behind.
const BLOB_OVERHEAD: usize = 5 + 12;

/// What a derived key is for: the mode octet of the KDF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The MAC of a message of this kind.
    Mac(Cra),
    /// The MAC inside a UTRN.
    Utrn,
    /// Encryption of sensitive attributes.
    Encryption,
}

impl Mode {
    fn octet(self) -> u8 {
        match self {
            Self::Mac(cra) => cra as u8,
            Self::Utrn => 1,
            Self::Encryption => 4,
        }
    }
}

/// One key for one message in one direction: the first 16 octets of SHA-256 over the secret and the identifiers (GBCS 4.3.3).
pub fn derive<C: Crypto>(
    crypto: &C,
    z: &SharedSecret,
    mode: Mode,
    originator: Eui64,
    counter: Counter,
    target: Eui64,
) -> Key128 {
    let hash = crypto.sha256(&[
        &[0, 0, 0, 1],
        z.expose(),
        &ALGORITHM_ID,
        &originator.0,
        &[9, mode.octet()],
        &counter.octets(),
        &target.0,
    ]);
    Key128::new(*hash.first_chunk().expect("16 of 32 octets"))
}

/// The initialisation vector of a message: who made it, then four zero octets. Safe only because a key serves one message.
pub fn initialisation_vector(originator: Eui64) -> [u8; 12] {
    let mut iv = [0; 12];
    iv[..8].copy_from_slice(&originator.0);
    iv
}

/// Why something could not be protected or does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtectError {
    /// The octets are no message.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// The signature field or MAC to be made is there already.
    #[error("the message is protected already")]
    AlreadyProtected,
    /// There is no signature or MAC to verify.
    #[error("the message carries no {0}")]
    Missing(&'static str),
    /// It does not verify, or a key is unusable.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Sign a Pre-Command, or a Response or Alert still without protection: grouping header and payload, a trailing `00` dropped.
/// Gives the Signed Pre-Command (GBCS 4.3.2).
pub fn sign<C: Crypto>(crypto: &C, key: &PrivateKey, plain: &[u8]) -> Result<Vec<u8>, ProtectError> {
    let view = MessageView::parse(plain)?;
    if view.signature().is_some() || view.mac().is_some() {
        return Err(ProtectError::AlreadyProtected);
    }
    let signature = crypto.sign(key, view.signed_octets())?;
    let mut message = view.to_message();
    message.signature = SignatureField::Present(signature);
    Ok(message.encode())
}

/// Close a message with a MAC: a Signed Pre-Command, or a plain one, which gets an empty signature field.
/// `z` is the secret between the key agreement keys of the two parties of [`mac_parties`].
pub fn add_mac<C: Crypto>(crypto: &C, z: &SharedSecret, inner: &[u8]) -> Result<Vec<u8>, ProtectError> {
    let view = MessageView::parse(inner)?;
    if view.mac().is_some() {
        return Err(ProtectError::AlreadyProtected);
    }
    let mut inner = inner;
    let closed;
    if view.signature().is_none() && inner.len() == view.plain_octets().len() {
        closed = [inner, &[0]].concat();
        inner = &closed;
    }
    let mac = mac(crypto, z, view.id(), inner);
    let mut out = Vec::with_capacity(mac_header_len(inner.len()) + inner.len() + MAC_LEN);
    encode_mac_header(inner.len(), &mut out);
    out.extend_from_slice(inner);
    out.extend_from_slice(&mac);
    Ok(out)
}

fn mac<C: Crypto>(crypto: &C, z: &SharedSecret, id: MessageId, inner: &[u8]) -> Mac {
    let key = derive(crypto, z, Mode::Mac(id.cra), id.originator, id.counter, id.target);
    let aad = [&AAD_PREFIX, inner].concat();
    let tag = crypto.gmac(&key, &initialisation_vector(id.originator), &aad);
    *tag.first_chunk().expect("12 of 16 octets")
}

/// Whether the signature verifies under the digital signature key of the Business Originator.
pub fn verify_signature<C: Crypto>(crypto: &C, key: &PublicKey, view: &MessageView<'_>) -> Result<(), ProtectError> {
    let signature = view.signature().ok_or(ProtectError::Missing("signature"))?;
    Ok(crypto.verify(key, view.signed_octets(), &signature)?)
}

/// Whether the MAC verifies under the secret between the two parties of [`mac_parties`].
pub fn verify_mac<C: Crypto>(crypto: &C, z: &SharedSecret, view: &MessageView<'_>) -> Result<(), ProtectError> {
    use subtle::ConstantTimeEq;
    let found = view.mac().ok_or(ProtectError::Missing("MAC"))?;
    let expected = mac(crypto, z, view.id(), view.inner_octets());
    if bool::from(expected.ct_eq(found)) { Ok(()) } else { Err(CryptoError::BadTag.into()) }
}

/// The two parties whose key agreement keys make the MAC of a message: the ACB stands in for the originator of a Remote Party
/// Command; of anything else the originator and the target themselves. `han_only` is the pair PPMID and GSME.
pub fn mac_parties(id: &MessageId, acb: Eui64, han_only: bool) -> (Eui64, Eui64) {
    match id.cra {
        Cra::Command if !han_only => (acb, id.target),
        _ => (id.originator, id.target),
    }
}

/// The key for the encrypted attributes of a Response or Alert, and who reads them: the supplementary party where there is one.
/// `z` is the secret between the device and that reader.
pub fn encryption_key<C: Crypto>(crypto: &C, z: &SharedSecret, view: &MessageView<'_>) -> Key128 {
    let id = view.id();
    let (reader, counter) = encryption_reader(view);
    derive(crypto, z, Mode::Encryption, id.originator, counter, reader)
}

/// Who reads the encrypted attributes of a message, and the counter that goes into their key.
pub fn encryption_reader(view: &MessageView<'_>) -> (Eui64, Counter) {
    let id = view.id();
    match view.other_information().supplementary {
        Supplementary::Response(party, _, own) => (party, own),
        Supplementary::Request(party, _) | Supplementary::Certificate(party, ..) => (party, id.counter),
        Supplementary::None | Supplementary::Party(_) => (id.target, id.counter),
    }
}

/// Encrypt a sensitive attribute of a message that `device` makes: `31 00000000 || ciphertext || tag`.
pub fn encrypt<C: Crypto>(crypto: &C, key: &Key128, device: Eui64, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + BLOB_OVERHEAD);
    out.extend_from_slice(&[ENCRYPTED, 0, 0, 0, 0]);
    out.extend_from_slice(plain);
    let tag = crypto.seal(key, &initialisation_vector(device), &[ENCRYPTED], &mut out[5..]);
    out.extend_from_slice(&tag);
    out
}

/// Undo [`encrypt`].
pub fn decrypt<C: Crypto>(crypto: &C, key: &Key128, device: Eui64, blob: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let Some((body, tag)) = blob.split_last_chunk::<12>() else { return Err(CryptoError::BadTag) };
    let [ENCRYPTED, 0, 0, 0, 0, cipher @ ..] = body else { return Err(CryptoError::BadTag) };
    let mut text = cipher.to_vec();
    crypto.open(key, &initialisation_vector(device), &[ENCRYPTED], &mut text, tag)?;
    Ok(text)
}

#[cfg(all(test, feature = "rustcrypto"))]
mod tests {
    use super::*;
    use crate::crypto::RustCrypto;
    use crate::envelope::Form;

    /// The published example (GBCS 18.4): ECS04b from a supplier to a device.
    const COMMAND: &str = "DD00000000000081A91100000000DF0901000000000000000108123456789ABCDEF008FFFFFFFFFFFFFFFE000200B335\
        D92000000100030300700000130A00FF020300700000130A01FF020300700000130A02FF02030500000000050000000005000000004059045AB0\
        F554622B0360340B9D87B5A23ED5723B41DE3F206E58CDD10F915B9FE2E12E2DA3632478A8DF678E418895869AC1E55318CCE04D120D2D6B44DC\
        167B5D832D15B57A56D620F198B3";

    fn hex(text: &str) -> Vec<u8> {
        hex::decode(text.replace(char::is_whitespace, "")).unwrap()
    }

    fn key(text: &str) -> PrivateKey {
        RustCrypto.private_key(hex(text).as_slice().try_into().unwrap()).unwrap()
    }

    fn secret() -> SharedSecret {
        let acb = key("E4A6CFB431471CFCAE491FD566D19C87082CF9FA7722D7FA24B2B3F5669DBEFB");
        let device = hex(
            "2DB45A3F21889438B42C8F464C75292BACF5FDDB5DA0B492501B299CBFE92D8FDB90FC8FF4026129838B1BCAD1402CAE47FE7D8084E409A41AFCE16D63579C5F",
        );
        let device = RustCrypto.public_key(device.as_slice().try_into().unwrap()).unwrap();
        RustCrypto.agree(&acb, &device).unwrap()
    }

    #[test]
    fn the_published_example_verifies() {
        let octets = hex(COMMAND);
        let view = MessageView::parse(&octets).unwrap();
        assert_eq!(view.form(), Form::Maced);
        assert_eq!(view.to_message().encode(), octets);
        let supplier = key("3A6B2EAA0D9F25A9E455983FEB5BB947528121911BF3B76BE5661C89DBF24B26");
        verify_signature(&RustCrypto, supplier.public(), &view).unwrap();
        verify_mac(&RustCrypto, &secret(), &view).unwrap();
        assert_eq!(add_mac(&RustCrypto, &secret(), view.inner_octets()).unwrap(), octets);
    }

    #[test]
    fn any_changed_octet_under_the_mac_is_noticed() {
        let octets = hex(COMMAND);
        for i in 14..octets.len() {
            let mut changed = octets.clone();
            changed[i] ^= 1;
            if let Ok(view) = MessageView::parse(&changed) {
                assert!(verify_mac(&RustCrypto, &secret(), &view).is_err(), "octet {i}");
            }
        }
    }

    #[test]
    fn what_is_signed_and_maced_comes_back_and_only_once() {
        let octets = hex(COMMAND);
        let view = MessageView::parse(&octets).unwrap();
        let supplier = key("3A6B2EAA0D9F25A9E455983FEB5BB947528121911BF3B76BE5661C89DBF24B26");
        let signed = sign(&RustCrypto, &supplier, view.plain_octets()).unwrap();
        let trailing = [view.plain_octets(), &[0]].concat();
        assert_eq!(sign(&RustCrypto, &supplier, &trailing).unwrap(), signed);
        assert_eq!(sign(&RustCrypto, &supplier, &signed), Err(ProtectError::AlreadyProtected));
        let command = add_mac(&RustCrypto, &secret(), &signed).unwrap();
        let view = MessageView::parse(&command).unwrap();
        verify_mac(&RustCrypto, &secret(), &view).unwrap();
        verify_signature(&RustCrypto, supplier.public(), &view).unwrap();
        assert_eq!(add_mac(&RustCrypto, &secret(), &command), Err(ProtectError::AlreadyProtected));
    }

    #[test]
    fn an_encrypted_attribute_comes_back_and_a_changed_one_does_not() {
        let device = Eui64::from_u64(0x00DB_1234_5678_90A0);
        let key = Key128::new([9; 16]);
        let mut blob = encrypt(&RustCrypto, &key, device, b"balance");
        assert_eq!(decrypt(&RustCrypto, &key, device, &blob).unwrap(), b"balance");
        blob[6] ^= 1;
        assert_eq!(decrypt(&RustCrypto, &key, device, &blob), Err(CryptoError::BadTag));
        assert_eq!(decrypt(&RustCrypto, &key, device, b""), Err(CryptoError::BadTag));
    }
}
