//! What stands in each kind of certificate (gbcs-messages 0.1, and the certificates of the public reference data).
use gbcs::Eui64;
use gbcs::certificate::KeyUsage;
use sha1::{Digest, Sha1};
use x509_cert::TbsCertificate;
use x509_cert::builder::Result;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::der::Encode;
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::certpolicy::PolicyInformation;
use x509_cert::ext::pkix::name::{GeneralName, HardwareModuleName, OtherName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, KeyUsage as KeyUsageExtension, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::spki::SubjectPublicKeyInfoRef;

/// The policy that certificates of the reference data's devices name; the DCC's own is not ours to claim.
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.826.0.1.1800000.1.2.1.4");
/// The type of hardware that they name.
const HARDWARE_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.826.0.1.8641679.1.2.2.1");

/// The key identifier of the SMKI: four bits 0100 and the last 60 of SHA-1 over the point (RFC 5280 4.2.1.2, method 2).
pub fn key_identifier(point: &[u8; 64]) -> [u8; 8] {
    let hash = Sha1::new().chain_update([4]).chain_update(point).finalize();
    let mut id = [0; 8];
    id.copy_from_slice(&hash[12..]);
    id[0] = id[0] & 0x0F | 0x40;
    id
}

/// Everything in a certificate that its kind decides.
pub(crate) struct Profile {
    pub issuer: Name,
    pub subject: Name,
    pub usage: KeyUsage,
    /// Of the subject's key, and of the issuer's.
    pub key_ids: ([u8; 8], [u8; 8]),
    /// The device that it names.
    pub device: Option<Eui64>,
    /// Of an authority: how many authorities may follow.
    pub path: Option<u8>,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _subject: SubjectPublicKeyInfoRef<'_>,
        _issuer: SubjectPublicKeyInfoRef<'_>,
        _certificate: &TbsCertificate,
    ) -> Result<Vec<Extension>> {
        let (own, of_issuer) = self.key_ids;
        let usage = match self.usage {
            KeyUsage::DigitalSignature => KeyUsages::DigitalSignature,
            KeyUsage::KeyAgreement => KeyUsages::KeyAgreement,
            KeyUsage::KeyCertSign => KeyUsages::KeyCertSign,
        };
        let mut extensions = vec![
            extension(&KeyUsageExtension(usage.into()), true)?,
            extension(&SubjectKeyIdentifier(OctetString::new(own)?), false)?,
        ];
        if let Some(device) = self.device {
            extensions.push(extension(&SubjectAltName(vec![GeneralName::OtherName(module(device)?)]), true)?);
        }
        match self.path {
            Some(path) => {
                let constraints = BasicConstraints { ca: true, path_len_constraint: Some(path) };
                extensions.push(extension(&constraints, true)?);
            }
            None => {
                let policy = PolicyInformation { policy_identifier: POLICY, policy_qualifiers: None };
                extensions.push(extension(&CertificatePolicies(vec![policy]), true)?);
            }
        }
        let authority =
            AuthorityKeyIdentifier { key_identifier: Some(OctetString::new(of_issuer)?), ..Default::default() };
        extensions.push(extension(&authority, false)?);
        Ok(extensions)
    }
}

fn extension<T: Encode + AssociatedOid>(value: &T, critical: bool) -> Result<Extension> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

fn module(device: Eui64) -> Result<OtherName> {
    let module = HardwareModuleName { hw_type: HARDWARE_TYPE, hw_serial_num: OctetString::new(device.0)? };
    Ok(OtherName::try_from(&module)?)
}
