//! Certificates of devices and organisations: issued, looked up, checked where a request has some.
use super::{Gateway, refused};
use crate::access::{Failure, codes};
use crate::repository::{CertificateStatus, IssueFault, KnownCertificate, Query, is_past};
use crate::store::certificates;
use duis::body::credentials::PartyCertificates;
use duis::{Body, IssuerSerial, Request};
use gbcs::certificate::{CertificationRequest, KeyUsage};
use gbcs::crypto::{AwsLc, Crypto, PublicKey};
use gbcs::{MessageView, Payload, Time, asn1, protect};
use tracing::info;

impl Gateway {
    /// A certificate for a device that asks (CS02c), and whether it is new: it is pending until the device has taken it (CS02d). The
    /// same request again gives the same certificate; what was issued before and never taken is forgotten.
    pub fn certify(&self, request: &[u8], now: Time) -> Result<(KnownCertificate, bool), IssueFault> {
        let authority = self.config.authority.as_ref().ok_or(IssueFault::NoAuthority)?;
        let request = CertificationRequest::parse(request)?;
        let key = request.verify(&AwsLc).map_err(|_| IssueFault::Unproved)?;
        let mut serial = [0; 16];
        aws_lc_rs::rand::fill(&mut serial).map_err(|error| IssueFault::Internal(error.to_string()))?;
        let (device, usage) = (request.entity, request.usage);
        self.store.transact(|transaction| {
            if !certificates::knows(transaction, device)? {
                return Err(IssueFault::UnknownDevice(device));
            }
            if let Some(known) = certificates::of_key(transaction, &request.point)? {
                let certificate = known.certificate;
                let is_same = certificate.read().entity == Some(device) && certificate.read().usage == usage;
                let is_open = matches!(known.status, CertificateStatus::Pending | CertificateStatus::InUse);
                return match is_same && is_open {
                    true => Ok((certificate, false)),
                    false => Err(IssueFault::KeyTaken(certificate.name().clone())),
                };
            }
            let octets = authority.device(device, usage, &key, smki::Serial::Long(serial), now)?;
            let certificate =
                KnownCertificate::parse(octets).map_err(|error| IssueFault::Internal(error.to_string()))?;
            certificates::forget_pending(transaction, device, usage)?;
            certificates::put(transaction, &certificate, CertificateStatus::Pending)?;
            info!(%device, %usage, serial = %certificate.name().serial(), "a device is certified");
            Ok((certificate, true))
        })
    }

    /// Say where a certificate is in its life; `false` where it is not known.
    pub fn set_certificate_status(&self, name: &IssuerSerial, status: CertificateStatus) -> rusqlite::Result<bool> {
        self.store.transact(|transaction| {
            let query =
                Query { issuer: Some(name.issuer().to_owned()), serial: Some(name.serial()), ..Query::default() };
            let Some(found) = certificates::find(transaction, &query, Time(0))?.found.pop() else { return Ok(false) };
            match status {
                CertificateStatus::InUse if found.certificate.read().role.is_none() => {
                    certificates::take_into_use(transaction, &found.certificate)?;
                }
                status => certificates::put(transaction, &found.certificate, status)?,
            }
            Ok(true)
        })
    }

    /// What the SMKI says against the certificates in a request. Where it has none of the kind nothing is said.
    pub(super) fn check_certificates(&self, request: &Request, now: Time) -> Result<(), Failure> {
        let (of_parties, of_device) = certificates_in(&request.body);
        if of_parties.is_empty() && of_device.is_none() {
            return Ok(());
        }
        let srv = request.header.srv;
        self.store.read(|connection| {
            let refuse = |reason: String| Err(refused(request, codes::bad_certificate(srv), reason));
            let check = |octets: &[u8], open: &[CertificateStatus]| {
                let certificate = match KnownCertificate::parse(octets) {
                    Ok(certificate) => certificate,
                    Err(error) => return refuse(format!("a certificate is none: {error}")),
                };
                let name = certificate.name();
                match certificates::status(connection, name)? {
                    None => refuse(format!("the SMKI has no certificate with {name}")),
                    Some(_) if is_past(certificate.read(), now) => refuse(format!("the one with {name} has expired")),
                    Some(status) if open.contains(&status) => Ok(()),
                    Some(status) => refuse(format!("the one with {name} is {status}")),
                }
            };
            if !of_parties.is_empty() && certificates::has_any(connection, false)? {
                of_parties.iter().try_for_each(|octets| check(octets, &[CertificateStatus::InUse]))?;
            }
            if let Some(octets) = of_device
                && certificates::has_any(connection, true)?
            {
                check(octets, &[CertificateStatus::Pending, CertificateStatus::InUse])?;
                let target = request.header.id.target;
                if KnownCertificate::parse(octets).is_ok_and(|it| it.read().entity != Some(target)) {
                    return refuse(format!("the certificate is not of device {target}"));
                }
            }
            Ok(())
        })
    }

    /// Whether a Response is the device's answer to this Command. A device that took a new signing certificate signs with its key.
    pub(super) fn verify_answer(&self, command: &[u8], response: &MessageView<'_>) -> Result<(), String> {
        let verified = self.verify(response);
        match new_signing_key(command) {
            Some(key) if verified.is_err() && response.signature().is_some() => {
                protect::verify_signature(&AwsLc, &key, response).map_err(|error| error.to_string())
            }
            _ => verified,
        }
    }
}

/// The key in the signing certificate that a Command brings to a device (CS02d).
fn new_signing_key(command: &[u8]) -> Option<PublicKey> {
    let view = MessageView::parse(command).ok()?;
    let Ok(Payload::Asn1(payload)) = Payload::of(&view) else { return None };
    let asn1::Content::Certificate(certificate) = payload.content() else { return None };
    let read = certificate.read().ok()?;
    let is_its = read.usage == KeyUsage::DigitalSignature && read.entity == Some(view.id().target);
    AwsLc.public_key(&read.point).ok().filter(|_| is_its)
}

/// The certificates in a request: of organisations and authorities, and of the device itself.
fn certificates_in(body: &Body) -> (Vec<&[u8]>, Option<&[u8]>) {
    fn party(it: &PartyCertificates) -> Vec<&Vec<u8>> {
        [Some(&it.signing), it.agreement.as_ref(), it.top_up.as_ref()].into_iter().flatten().collect()
    }
    let (named, path) = match body {
        Body::UpdateDeviceCertificate(update) => return (Vec::new(), Some(&update.certificate)),
        Body::UpdateKrpCredentials(update) => {
            let it = &update.replacements.certificates;
            let named = [&it.signing, &it.agreement, &it.top_up];
            (named.into_iter().flatten().collect(), &update.path)
        }
        Body::Handover(handover) => (party(&handover.replacements), &handover.path),
        Body::ChangeOfSupplier(change) => (party(&change.replacements), &change.path),
        Body::OptOut(out) => {
            let it = &out.replacements;
            (it.signing.iter().chain([&it.agreement]).collect(), &out.path)
        }
        Body::ReadLog(read) => return (read.credentials.iter().map(Vec::as_slice).collect(), None),
        _ => return (Vec::new(), None),
    };
    (named.into_iter().chain(&*path.certificates).map(Vec::as_slice).collect(), None)
}
