//! The enveloped XML signature, exactly as DUIS has it (DUIS 2.4).
//!
//! One shape and no other: a single `Reference` to the whole document, digest over inclusive Canonical XML 1.0 of the document
//! without the signature, `SignedInfo` in exclusive form, ECDSA P-256 with SHA-256 as raw `r || s`, the key named by issuer and
//! serial number. Nothing in a document can select another algorithm, another part of the document or a key of its own, so
//! there is nothing to wrap. [`verify`] takes the signature out of the tree: what is left, and only that, is what was signed.
use bergshamra_c14n::C14nMode;
use gbcs::Eui64;
use gbcs::crypto::{Crypto, PrivateKey, PublicKey, Signature};

use crate::certificate::{IssuerSerial, SignerRole};
use crate::request::Request;
use crate::xml::{Children, Document, Element, NS_DSIG, XmlError, XmlErrorKind};

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// Who signs XML: a User or the DCC, by the certificate that names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmlSigner {
    /// Checks the signature.
    pub key: PublicKey,
    /// The id in the certificate's subject.
    pub eui: Eui64,
    /// What the certificate is for.
    pub role: SignerRole,
}

/// A key to sign XML with, and the certificate verifiers will look up.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// The key; of the role XML sign, never the key that signs GBCS messages.
    pub key: PrivateKey,
    /// Its certificate.
    pub certificate: IssuerSerial,
}

/// A document whose signature holds.
#[derive(Debug)]
pub struct Verified<'a> {
    document: Document<'a>,
    signer: XmlSigner,
}

impl<'a> Verified<'a> {
    /// What was signed: the tree without the signature.
    pub fn document(&self) -> &Document<'a> {
        &self.document
    }

    /// Whose key it was.
    pub fn signer(&self) -> &XmlSigner {
        &self.signer
    }
}

/// Why a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The document carries none.
    #[error("the document is not signed")]
    Missing,
    /// It is not the last child of the root, or not of the one shape DUIS has.
    #[error("the signature has not the shape of DUIS: {0}")]
    Shape(XmlError),
    /// Nobody known has this certificate.
    #[error("no certificate known with {0}")]
    UnknownSigner(IssuerSerial),
    /// The document is not the one that was signed.
    #[error("the digest is not that of the document: it was changed after signing")]
    Digest,
    /// The signature is not by the named key.
    #[error("the signature does not verify with the key of {0}")]
    Value(IssuerSerial),
    /// The certificate belongs to somebody else, or is for something else.
    #[error("signed by {eui} with a certificate for {role}, who may not sign this")]
    Signer {
        /// Id in the certificate.
        eui: Eui64,
        /// What the certificate is for.
        role: SignerRole,
    },
    /// Canonicalisation or the cryptographic library failed.
    #[error("signing failed: {0}")]
    Failed(String),
}

/// Whether the root's last child is a signature.
pub fn is_signed(document: &Document<'_>) -> bool {
    signature_of(document).is_some()
}

/// Checks the signature of `document`; `lookup` gives the signer whose certificate has an issuer and serial number.
///
/// The caller decides whether that signer may say what the document says.
pub fn verify<'a, C: Crypto>(
    crypto: &C,
    mut document: Document<'a>,
    lookup: impl FnOnce(&IssuerSerial) -> Option<XmlSigner>,
) -> Result<Verified<'a>, SignatureError> {
    let signature = signature_of(&document).ok_or(SignatureError::Missing)?;
    let parts = Parts::read(signature).map_err(SignatureError::Shape)?;
    let signature_id = signature.id;
    let signer = lookup(&parts.certificate).ok_or_else(|| SignatureError::UnknownSigner(parts.certificate.clone()))?;
    // The signature first: nothing is hashed for a stranger.
    crypto
        .verify(&signer.key, &parts.signed_info, &Signature(parts.value))
        .map_err(|_| SignatureError::Value(parts.certificate.clone()))?;
    document.dom.detach(signature_id);
    if digest(crypto, &document)? != parts.digest {
        return Err(SignatureError::Digest);
    }
    Ok(Verified { document, signer })
}

/// Signs `xml`, replacing a signature it may carry; every other octet stays.
pub fn sign<C: Crypto>(crypto: &C, xml: &str, key: &SigningKey) -> Result<String, SignatureError> {
    let unsigned = without_signature(xml)?;
    let document = Document::parse_within(&unsigned, Request::limits(&unsigned)).map_err(SignatureError::Shape)?;
    let root = document.root();
    // Between the last octet of content and the root's end tag.
    let place = document
        .dom
        .node_source(root.id)
        .and_then(|source| source.rfind("</"))
        .and_then(|at| Some(document.dom.node_range(root.id)?.start + at))
        .filter(|&at| unsigned[at..].trim_start_matches("</").starts_with(|c: char| c.is_alphabetic() || c == '_'))
        .ok_or_else(|| {
            SignatureError::Shape(root.error(XmlErrorKind::Expected { expected: "Body", found: "the end".into() }))
        })?;
    let digest = base64(&digest(crypto, &document)?);
    let signed_info = SIGNED_INFO.replace("{}", &digest);
    let value = crypto.sign(&key.key, signed_info.as_bytes()).map_err(|e| SignatureError::Failed(e.to_string()))?;
    let mut issuer = String::new();
    for c in key.certificate.issuer().chars() {
        match c {
            '&' => issuer.push_str("&amp;"),
            '<' => issuer.push_str("&lt;"),
            c => issuer.push(c),
        }
    }
    let (value, serial) = (base64(&value.0), key.certificate.serial());
    let (before, after) = unsigned.split_at(place);
    Ok(format!(
        "{before}<ds:Signature xmlns:ds=\"{NS_DSIG}\">{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo>\
         <ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>{issuer}</ds:X509IssuerName>\
         <ds:X509SerialNumber>{serial}</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo></ds:Signature>{after}"
    ))
}

/// `SignedInfo` as exclusive canonicalisation writes it, the digest left out.
const SIGNED_INFO: &str = concat!(
    "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">",
    "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod>",
    "<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"></ds:SignatureMethod>",
    "<ds:Reference URI=\"\"><ds:Transforms>",
    "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform></ds:Transforms>",
    "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>",
    "<ds:DigestValue>{}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
);

fn base64(octets: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(octets)
}

/// SHA-256 over inclusive Canonical XML 1.0 of the whole document, comments left out.
fn digest<C: Crypto>(crypto: &C, document: &Document<'_>) -> Result<[u8; 32], SignatureError> {
    let canonical = bergshamra_c14n::canonicalize_doc::<&str>(&document.dom, C14nMode::Inclusive, None, &[])
        .map_err(|e| SignatureError::Failed(e.to_string()))?;
    Ok(crypto.sha256(&[&canonical]))
}

fn signature_of<'d>(document: &'d Document<'_>) -> Option<Element<'d>> {
    document.root().last_child().filter(|last| last.is(NS_DSIG, "Signature"))
}

fn without_signature(xml: &str) -> Result<String, SignatureError> {
    let document = Document::parse_within(xml, Request::limits(xml)).map_err(SignatureError::Shape)?;
    let range = signature_of(&document).and_then(|signature| document.dom.node_range(signature.id));
    Ok(match range {
        Some(range) => format!("{}{}", &xml[..range.start], &xml[range.end..]),
        None => xml.to_owned(),
    })
}

/// What a signature of the one shape says.
struct Parts {
    signed_info: Vec<u8>,
    digest: [u8; 32],
    value: [u8; 64],
    certificate: IssuerSerial,
}

impl Parts {
    fn read(signature: Element<'_>) -> Result<Self, XmlError> {
        let mut children = signature.children()?;
        let signed_info = expect(&mut children, "SignedInfo")?;
        let mut info = signed_info.children()?;
        algorithm(&mut info, "CanonicalizationMethod", EXCLUSIVE)?;
        algorithm(&mut info, "SignatureMethod", ECDSA_SHA256)?;
        let reference = expect(&mut info, "Reference")?;
        info.end()?;
        if reference.attribute("URI") != Some("") {
            let uri = reference.attribute("URI").unwrap_or("(none)");
            return Err(reference.error(XmlErrorKind::value("a reference to the whole document, URI=\"\"", uri)));
        }
        let mut of_reference = reference.children_beside(&["URI"])?;
        let mut transforms = expect(&mut of_reference, "Transforms")?.children()?;
        algorithm(&mut transforms, "Transform", ENVELOPED)?;
        transforms.end()?;
        algorithm(&mut of_reference, "DigestMethod", SHA256)?;
        let digest = octets(expect(&mut of_reference, "DigestValue")?, "32 octets in base64")?;
        of_reference.end()?;
        let value = octets(expect(&mut children, "SignatureValue")?, "r and s, 64 octets in base64")?;
        let mut key_info = expect(&mut children, "KeyInfo")?.children()?;
        children.end()?;
        let mut data = expect(&mut key_info, "X509Data")?.children()?;
        key_info.end()?;
        let mut names = expect(&mut data, "X509IssuerSerial")?.children()?;
        data.end()?;
        let issuer = expect(&mut names, "X509IssuerName")?.text()?;
        let serial = expect(&mut names, "X509SerialNumber")?.value()?;
        names.end()?;
        let certificate = IssuerSerial::new(&issuer, serial);
        Ok(Self { signed_info: signed_info.canonical()?.into_bytes(), digest, value, certificate })
    }
}

fn expect<'d>(children: &mut Children<'d>, name: &'static str) -> Result<Element<'d>, XmlError> {
    children.expect_in(NS_DSIG, name)
}

/// The next child, empty but for `Algorithm`, which must be `uri`.
fn algorithm(children: &mut Children<'_>, name: &'static str, uri: &'static str) -> Result<(), XmlError> {
    let element = expect(children, name)?;
    let found = element.attribute("Algorithm").unwrap_or("(none)");
    if found != uri {
        return Err(element.error(XmlErrorKind::value(uri, found)));
    }
    element.children_beside(&["Algorithm"])?.end()
}

fn octets<const N: usize>(element: Element<'_>, expected: &'static str) -> Result<[u8; N], XmlError> {
    let octets: Vec<u8> = element.value()?;
    octets.try_into().map_err(|_| element.error(XmlErrorKind::value(expected, "another length")))
}
