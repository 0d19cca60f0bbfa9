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
    fn a_second_common_name_makes_both_worthless() {
        // openssl req -x509 -subj /CN=00DB1234567890A0/CN=00DB1234567890A1
        let octets: Vec<u8> = TWO_COMMON_NAMES
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        assert_eq!(device_of(&octets), Err(IdentityError::SeveralCommonNames));
    }

    const TWO_COMMON_NAMES: &str = "\
308201c230820169a00302010202146d6d798f63ebfbb83c170c4f8d95d470c272ad79300a06082a8648ce3d04030230363119301706035504030c\
10303044423132333435363738393041303119301706035504030c10303044423132333435363738393041313020170d3236313132333034343535\
305a180f32313236313033303034343535305a30363119301706035504030c10303044423132333435363738393041303119301706035504030c10\
303044423132333435363738393041313059301306072a8648ce3d020106082a8648ce3d03010703420004fe721ee73d933eaa9b293425b2b7756a\
7bab9fd4ca49e9116a837583f69e8ac506a18652d6cd9ae540fc12187ea5376caf746bf7ead4131542054b7338caef8fa3533051301d0603551d0e\
041604149c2e16c340aa809091655aa39b2017cecf4b2326301f0603551d230418301680149c2e16c340aa809091655aa39b2017cecf4b2326300f\
0603551d130101ff040530030101ff300a06082a8648ce3d0403020347003044022077e3435ba660cce26f2d10ad31df41fac74d7e8e27414f2970\
c81e4f0ccbd87202206087039087f2352e5be9d2fbdabba11f15a1e11295204deb27603abec4258748";

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
