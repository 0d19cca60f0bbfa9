//! Who a peer is: the EUI-64 in the common name of its certificate's subject.
use gbcs::Eui64;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::name::DirectoryString;

/// `id-at-commonName` (X.520 6.2.2).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Why a certificate names no device. The certificate is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The octets are not a DER certificate.
    #[error("not an X.509 certificate")]
    Malformed,
    /// The subject has no common name.
    #[error("the certificate's subject has no common name")]
    NoCommonName,
    /// The subject has more than one common name, so which one counts is anyone's guess.
    #[error("the certificate's subject has several common names")]
    SeveralCommonNames,
    /// The common name is not an EUI-64.
    #[error("the certificate's common name is not an EUI-64 of 16 hex digits")]
    NotAnEui64,
}

/// The device a certificate (DER) was issued to: its subject's only common name, exactly 16 hex digits of either case.
pub fn device_of(certificate: &[u8]) -> Result<Eui64, IdentityError> {
    let certificate = Certificate::from_der(certificate).map_err(|_| IdentityError::Malformed)?;
    let mut names = certificate.tbs_certificate().subject().iter().filter(|attribute| attribute.oid == COMMON_NAME);
    let name = names.next().ok_or(IdentityError::NoCommonName)?;
    if names.next().is_some() {
        return Err(IdentityError::SeveralCommonNames);
    }
    let name: DirectoryString = name.value.decode_as().map_err(|_| IdentityError::NotAnEui64)?;
    let text = name.value();
    // The parser of EUIs also takes hyphens; a certificate has one spelling only.
    if text.len() != 16 {
        return Err(IdentityError::NotAnEui64);
    }
    text.parse().map_err(|_| IdentityError::NotAnEui64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};

    fn certificate(name: DistinguishedName) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn named(values: &[DnValue]) -> Vec<u8> {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, "00DB1234567890FF");
        for value in values {
            name.push(DnType::CommonName, value.clone());
        }
        certificate(name)
    }

    #[test]
    fn the_common_name_is_the_identity_in_either_string_type() {
        let device = "00DB1234567890A0".parse().unwrap();
        assert_eq!(device_of(&named(&[DnValue::Utf8String("00db1234567890A0".into())])), Ok(device));
        let printable = DnValue::PrintableString("00DB1234567890A0".try_into().unwrap());
        assert_eq!(device_of(&named(&[printable])), Ok(device));
    }

    #[test]
    fn other_names_of_the_subject_are_no_identity() {
        assert_eq!(device_of(&named(&[])), Err(IdentityError::NoCommonName));
        for text in ["meter", "00-DB-12-34-56-78-90-A0", "00DB1234567890A", "00DB1234567890A0A", "00DB1234567890G0", ""]
        {
            let named = named(&[DnValue::Utf8String(text.into())]);
            assert_eq!(device_of(&named), Err(IdentityError::NotAnEui64), "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_names_nobody() {
        assert_eq!(device_of(&[]), Err(IdentityError::Malformed));
        let mut octets = named(&[DnValue::Utf8String("00DB1234567890A0".into())]);
        octets.truncate(octets.len() / 2);
        assert_eq!(device_of(&octets), Err(IdentityError::Malformed));
    }

    proptest! {
        #[test]
        fn arbitrary_octets_never_panic(octets: Vec<u8>) {
            let _ = device_of(&octets);
        }
    }
}
