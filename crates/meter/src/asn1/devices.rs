//! The device log: which devices of the home a meter talks to by itself (GBCS 13.7; CS03, CS04, CS07).
use crate::config::Kind;
use crate::credentials::{Joined, MAX_JOINED};
use crate::meter::Meter;
use gbcs::Eui64;
use gbcs::asn1::*;
use gbcs::crypto::Crypto;
use han::partner::Part;

/// Join a device: it is in the device log, which says who may talk to the meter. The radio sees to the link key of the two.
pub(super) fn join<C: Crypto>(meter: &mut Meter<C>, join: &Join) -> JoinStatus {
    let key = match (meter.config.kind, join.method, join.kind) {
        // A load control switch or a display, by either side's start.
        (
            Kind::Esme,
            JoinMethod::AInitiator | JoinMethod::AResponder,
            DeviceKind::Hcalcs | DeviceKind::Ppmid | DeviceKind::Type2,
        ) => None,
        (Kind::Gsme, JoinMethod::AInitiator | JoinMethod::AResponder, DeviceKind::Ppmid | DeviceKind::Hcalcs) => None,
        (Kind::Gsme, JoinMethod::B, DeviceKind::Gpf) => None,
        (Kind::Gsme, JoinMethod::C, DeviceKind::Ppmid) => match key_of(meter, join) {
            None => return JoinStatus::BadCertificate,
            some => some,
        },
        _ => return JoinStatus::MethodMismatch,
    };
    let log = meter.state.credentials.joined(&meter.config);
    let entry = Joined::new(join.device, join.kind.number(), key.as_ref());
    let full = log.len() >= MAX_JOINED;
    match log.iter_mut().find(|joined| joined.device == entry.device) {
        Some(joined) if joined.kind != entry.kind => return JoinStatus::ConflictingEntry,
        // Joined again, perhaps with another key.
        Some(joined) => *joined = entry,
        None if full => return JoinStatus::LogFull,
        None => log.push(entry),
    }
    if meter.config.kind == Kind::Esme {
        let part = if join.method == JoinMethod::AInitiator { Part::Initiator } else { Part::Responder };
        meter.state.partners.join(join.device, part);
    }
    apply(meter);
    JoinStatus::Success
}

/// The key of the other device, from a certificate that names it.
fn key_of<C: Crypto>(meter: &Meter<C>, join: &Join) -> Option<gbcs::crypto::PublicKey> {
    let certificate = join.certificate.as_ref()?.read().ok()?;
    let usage = gbcs::certificate::KeyUsage::KeyAgreement;
    (certificate.entity == Some(join.device) && certificate.usage == usage).then_some(())?;
    meter.crypto.public_key(&certificate.point).ok()
}

/// Part from a device.
pub(super) fn unjoin<C: Crypto>(meter: &mut Meter<C>, device: Eui64) -> UnjoinStatus {
    let log = meter.state.credentials.joined(&meter.config);
    let before = log.len();
    log.retain(|joined| joined.device != device.to_u64());
    if log.len() == before {
        return UnjoinStatus::NotInLog;
    }
    meter.state.partners.part(device);
    apply(meter);
    UnjoinStatus::Success
}

/// The device log.
pub(super) fn details<C: Crypto>(meter: &Meter<C>) -> JoinDetails {
    let entry = |(device, kind): &(Eui64, u8)| LogEntry { device: *device, kind: DeviceKind::from_number(*kind) };
    JoinDetails::of(meter.config.joined.iter().map(entry).collect::<alloc::vec::Vec<_>>())
}

fn apply<C: Crypto>(meter: &mut Meter<C>) {
    meter.state.credentials.apply(&meter.crypto, &mut meter.config);
    meter.secrets = Default::default();
}
