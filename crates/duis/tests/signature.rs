//! XML signatures: those of DCC Boxed, ours, and attacks on both.
mod common;

use std::collections::BTreeMap;
use std::process::Command;

use common::{files, has_program, shared, signer};
use duis::response::answer::{Connectivity, CspRegion};
use duis::xml::Document;
use duis::{
    Body, CommandVariant, Content, DeviceType, IssuerSerial, LocalCommand, Refusal, Request, Response, SignatureError,
    SignerRole, XmlSigner, certificate, signature,
};
use gbcs::crypto::{Crypto as _, RustCrypto};

const SUPPLIER: &str = "90-B3-D5-1F-30-01-00-00";

fn request() -> Request {
    let id = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000".parse().unwrap();
    Request::new(id, "2.5".parse().unwrap(), CommandVariant::Transform, Body::plain("ActivateEmergencyCredit").unwrap())
}

fn signed() -> (String, IssuerSerial, XmlSigner) {
    let (key, signer) = signer(SUPPLIER, SignerRole::XmlSign);
    (request().sign(&RustCrypto, &key).unwrap(), key.certificate, signer)
}

/// Accepts with our signer, found by the name of its certificate.
fn accept(text: &str) -> Result<Request, Refusal> {
    let (_, name, signer) = signed();
    Request::accept(&RustCrypto, text, |asked| (*asked == name).then_some(signer))
}

fn refusal(text: &str) -> SignatureError {
    match accept(text) {
        Err(Refusal::Signature(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_canonical_form_of_a_boxed_response_has_the_published_digest() {
    // DUIS 2.4, canonical test vector: these octets are their own canonical form.
    let canonical = include_str!("data/canonical-response.xml").trim_end();
    let digest = RustCrypto.sha256(&[canonical.as_bytes()]);
    assert_eq!(base64(&digest), "3sjiCzh+gO5Bd4e5kOZmyoduPFRbJ77w+Co/YIP4LNs=");
    let (key, _) = signer("90-B3-D5-1F-30-00-00-02", SignerRole::DspXmlSign);
    let ours = signature::sign(&RustCrypto, canonical, &key).unwrap();
    assert!(ours.contains("<ds:DigestValue>3sjiCzh+gO5Bd4e5kOZmyoduPFRbJ77w+Co/YIP4LNs=</ds:DigestValue>"), "{ours}");
}

fn base64(octets: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(octets)
}

#[test]
fn what_we_sign_is_accepted_and_reads_as_what_we_wrote() {
    assert_eq!(accept(&signed().0), Ok(request()));
}

#[test]
fn signing_again_replaces_the_signature_and_keeps_every_other_octet() {
    let (text, ..) = signed();
    let (key, _) = signer(SUPPLIER, SignerRole::XmlSign);
    let again = signature::sign(&RustCrypto, &text, &key).unwrap();
    let without = |t: &str| t[..t.find("<ds:Signature").unwrap()].to_owned();
    assert_eq!(without(&text), without(&again));
    assert_eq!(again.matches("<ds:Signature ").count(), 1);
    assert_eq!(accept(&again), Ok(request()));
}

#[test]
fn a_changed_value_breaks_the_digest() {
    let (text, ..) = signed();
    for (from, to) in
        [(":1000<", ":1001<"), ("ActivateEmergencyCredit", "ResetTariffBlockCounterMatrix"), ("\"5.4\"", "\"5.3\"")]
    {
        assert!(text.contains(from));
        assert_eq!(refusal(&text.replace(from, to)), SignatureError::Digest, "{to}");
    }
}

#[test]
fn white_space_between_elements_is_signed_too() {
    assert_eq!(refusal(&signed().0.replace("<sr:Body>", "<sr:Body> ")), SignatureError::Digest);
}

#[test]
fn a_comment_changes_neither_the_digest_nor_the_value_read() {
    let text = signed().0.replace(":1000</sr:RequestID>", ":10<!-- 7 -->00</sr:RequestID>");
    assert_eq!(accept(&text), Ok(request()));
}

#[test]
fn a_changed_signature_or_signed_info_is_refused() {
    let (text, name, _) = signed();
    let at = text.find("<ds:SignatureValue>").unwrap() + 25;
    let mut other = text.clone();
    let octet = if &text[at..=at] == "A" { "B" } else { "A" };
    other.replace_range(at..=at, octet);
    assert_eq!(refusal(&other), SignatureError::Value(name.clone()));
    let at = text.find("<ds:DigestValue>").unwrap() + 20;
    let mut other = text.clone();
    let octet = if &text[at..=at] == "A" { "B" } else { "A" };
    other.replace_range(at..=at, octet);
    assert_eq!(refusal(&other), SignatureError::Value(name));
}

#[test]
fn a_signature_of_another_shape_is_refused() {
    let (text, ..) = signed();
    let shapes = [
        ("URI=\"\"", "URI=\"#x\""),
        ("URI=\"\"", "URI=\"\" Id=\"x\""),
        ("2001/10/xml-exc-c14n#", "2001/10/xml-exc-c14n#WithComments"),
        ("xmldsig-more#ecdsa-sha256", "xmldsig-more#hmac-sha256"),
        ("2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1"),
        ("2000/09/xmldsig#enveloped-signature\"", "TR/1999/REC-xpath-19991116\""),
        ("</ds:Transforms>", "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms>"),
        ("<ds:X509IssuerSerial>", "<ds:X509Certificate>AAAA</ds:X509Certificate><ds:X509IssuerSerial>"),
        ("</ds:Signature>", "<ds:Object/></ds:Signature>"),
    ];
    for (from, to) in shapes {
        assert!(text.contains(from), "{from}");
        let error = refusal(&text.replace(from, to));
        assert!(matches!(error, SignatureError::Shape(_)), "{to}: {error}");
    }
}

#[test]
fn a_document_that_wraps_a_signed_one_is_refused() {
    let (text, ..) = signed();
    let inner = text.split_once('\n').unwrap().1;
    let forged = request().to_xml().replace("ActivateEmergencyCredit", "DisableSupply").replace("2.5", "7.2");
    // The signed request inside a forged one: as last child, in the place of the body, and its signature moved out.
    let as_child = forged.replace("</sr:Request>", &format!("{inner}</sr:Request>"));
    let in_body = forged.replace("<sr:DisableSupply/>", inner);
    let signature = &inner[inner.find("<ds:Signature ").unwrap()..inner.find("</sr:Request>").unwrap()];
    let moved = as_child
        .replace(signature, "")
        .replace("</sr:Request></sr:Request>", &format!("</sr:Request>{signature}</sr:Request>"));
    let as_object = forged.replace(
        "</sr:Request>",
        &format!(
            "{}</sr:Request>",
            signature.replace("</ds:Signature>", &format!("<ds:Object>{inner}</ds:Object></ds:Signature>"))
        ),
    );
    for text in [as_child, in_body, moved, as_object] {
        assert!(text.contains("DisableSupply") || text.contains("ActivateEmergencyCredit"));
        assert!(accept(&text).is_err(), "{text}");
    }
    // Beside another: two signatures.
    assert!(accept(&text.replace(signature, &format!("{signature}{signature}"))).is_err());
}

#[test]
fn an_unknown_certificate_is_refused_by_name() {
    let error = Request::accept(&RustCrypto, &signed().0, |_| None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no certificate known with issuer CN=Test,OU=07 and serial number 117636141832862931915946451229571981153"
    );
}

#[test]
fn only_the_originator_signs_a_request_and_only_the_dcc_a_response() {
    let (text, _, ours) = signed();
    let others = [
        XmlSigner { eui: "90-B3-D5-1F-30-03-00-00".parse().unwrap(), ..ours },
        XmlSigner { role: SignerRole::Other(2), ..ours },
        XmlSigner { role: SignerRole::DspXmlSign, ..ours },
    ];
    for other in others {
        let error = Request::accept(&RustCrypto, &text, |_| Some(other)).unwrap_err();
        assert_eq!(error, SignatureError::Signer { eui: other.eui, role: other.role }.into());
    }
    let (key, user) = signer(SUPPLIER, SignerRole::XmlSign);
    let answer = Response::answer(
        request().header.id,
        "2.5".parse().unwrap(),
        duis::ResponseCode::I0,
        gbcs::Time(0),
        Content::LocalCommand(LocalCommand { payload: vec![1, 2, 3] }),
    );
    let text = answer.sign(&RustCrypto, &key).unwrap();
    let error = Response::accept(&RustCrypto, &text, |_| Some(user)).unwrap_err();
    assert_eq!(error, SignatureError::Signer { eui: user.eui, role: user.role }.into());
    let dcc = XmlSigner { role: SignerRole::DspXmlSign, ..user };
    assert_eq!(Response::accept(&RustCrypto, &text, |_| Some(dcc)), Ok(answer));
}

/// Every file of the shared folder, and what must become of it.
#[test]
fn signed_documents_of_dcc_boxed_pass_and_altered_ones_fail() {
    let Some(folder) = shared("duis/signed") else { return };
    let signers: BTreeMap<IssuerSerial, XmlSigner> = files(&folder.join("keys"), "pem")
        .iter()
        .map(|(name, pem)| certificate::signer_from_pem(&RustCrypto, pem).unwrap_or_else(|e| panic!("{name}: {e}")))
        .collect();
    let mut seen = 0;
    for (name, text) in files(&folder, "xml") {
        seen += 1;
        let lookup = |asked: &IssuerSerial| signers.get(asked).copied();
        let response = || Response::accept(&RustCrypto, &text, lookup);
        let request = || Request::accept(&RustCrypto, &text, lookup);
        match name.as_str() {
            "read-inventory-response-4g.xml" | "read-inventory-response-5.4.xml" => {
                let response = response().unwrap_or_else(|e| panic!("{name}: {e}"));
                let Some(Content::Inventory(inventory)) = response.content() else { panic!("{name}") };
                let hub = &inventory.devices[0];
                assert_eq!((hub.kind, hub.region), (DeviceType::Chf, Some(CspRegion::Central4g)), "{name}");
                let connectivity = name.contains("5.4").then_some(Connectivity::Virtual);
                assert_eq!((hub.connectivity, hub.gbcs_version.as_deref()), (connectivity, Some("4.2")), "{name}");
            }
            "readfw-response.xml" | "readfw-response-resigned.xml" => {
                let response = response().unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(response.response_id, Some(response.request_id.unwrap().answer()));
                let Some(Content::DeviceResponse(octets)) = response.content() else { panic!("{name}") };
                // The DCC itself asked the device (DUIS 4.5): the User stands in the supplementary fields.
                let view = gbcs::MessageView::parse(octets).unwrap();
                assert_eq!(view.other_information().party(), Some(response.request_id.unwrap().originator));
            }
            "acknowledgement-error.xml" => assert_eq!(response().unwrap().code.as_str(), "E65"),
            "readfw-response-no-signature.xml" => assert_eq!(response(), Err(SignatureError::Missing.into())),
            "readfw-response-badsignature.xml" => {
                assert!(matches!(response(), Err(Refusal::Signature(SignatureError::Value(_)))), "{name}");
            }
            "readfw-response-nonexist-serial.xml" => {
                assert!(matches!(response(), Err(Refusal::Signature(SignatureError::UnknownSigner(_)))), "{name}");
            }
            "readfw-response-no-serial.xml" => {
                assert!(matches!(response(), Err(Refusal::Signature(SignatureError::Shape(_)))), "{name}");
            }
            "readfw-response-invalid.xml" | "duis-xxe.xml" => assert!(response().is_err(), "{name}"),
            // Requests as templates have them: unsigned, or with a placeholder.
            "ECS17b_4.1.1_SINGLE_SUCCESS_REQUEST_DUIS-invalid.XML" => {
                assert!(Request::parse(&Document::parse(&text).unwrap()).is_err(), "{name}");
            }
            _ => {
                Request::parse(&Document::parse(&text).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert!(matches!(request(), Err(Refusal::Signature(_))), "{name}");
            }
        }
    }
    assert!(seen >= 16, "{seen} files");
}

/// `xmlsec1 --verify --pubkey-pem KEY.pem FILE` is the second opinion the README shows.
#[test]
fn xmlsec1_accepts_our_signature_and_refuses_an_altered_document() {
    if !has_program("xmlsec1") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (text, _, signer) = signed();
    // SubjectPublicKeyInfo of a P-256 key: a fixed prefix and the point (RFC 5480).
    let prefix =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    let der = [&prefix[..], &signer.key.sec1()].concat();
    let key = folder.path().join("key.pem");
    std::fs::write(&key, format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der))).unwrap();
    let verify = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let output = Command::new("xmlsec1").arg("--verify").arg("--pubkey-pem").arg(&key).arg(&file).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (accepted, said) = verify("ours.xml", &text);
    assert!(accepted, "{said}");
    let (accepted, said) = verify("altered.xml", &text.replace(":1000<", ":1001<"));
    assert!(!accepted, "{said}");
}
