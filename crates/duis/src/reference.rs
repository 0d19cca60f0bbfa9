//! The fictitious home of the public reference data, which its service requests are addressed to: what the DCC's inventory would
//! know of it. Some of that stands in the names of the data alone: `USECASE_SERVICE_VARIANT...`.
use gbcs::catalogue::Originator;
use gbcs::{Counter, Eui64, Time};

use crate::catalogue::DeviceType;
use crate::transform::{
    Device, GbcsVersion, OtherDevice, Party, Requester, TransformContext, TransformError, Transformed, transform,
};
use crate::{Body, Request};

/// 2015-01-01T00:00:00Z, the time of its Commands.
pub const CLOCK: Time = Time::from_zigbee(0x1C37_4A80);
/// Its Access Control Broker.
pub const BROKER: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);
const TRANSITIONAL_COS: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0004);
/// Before the use cases that replaced others came.
const EARLIER_GBCS: GbcsVersion = GbcsVersion { major: 1, minor: 1 };

/// The type of a device of the home.
pub fn device_type(device: Eui64) -> Option<DeviceType> {
    use DeviceType::{Chf, Esme, Gpf, Gsme, Hcalcs, Ppmid, Sapc};
    let n = device.to_u64().checked_sub(0x00DB_1234_5678_9000)?;
    Some(match n {
        0x93 | 0xA0 => Esme,
        0xA1 => Gsme,
        0xA2 => Chf,
        0x9C | 0xA3 => Gpf,
        0x98 | 0xA4 => Ppmid,
        0x97 | 0x9A | 0xA5 => Hcalcs,
        0xA6 => Sapc,
        _ => return None,
    })
}

/// What devices of the home know of a User.
pub fn requester(user: Eui64) -> Requester {
    Requester::Known(match user.to_u64() {
        0x90B3_D51F_3001_0000 | 0x90B3_D51F_3003_0000 => Originator::Supplier,
        0x90B3_D51F_3002_0000 => Originator::NetworkOperator,
        0x90B3_D51F_3001_0008 => Originator::LoadController,
        0x90B3_D51F_3000_0002 => Originator::AccessControlBroker,
        _ => return Requester::Unknown,
    })
}

/// What the name of a request tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// In front, the use case the request becomes.
    pub use_case: String,
    /// Whether the meter is a twin element one.
    pub twin_element: bool,
}

impl Name {
    /// From a file's name.
    pub fn read(name: &str) -> Self {
        let mut parts = name.split('_');
        Self { use_case: parts.next().unwrap_or_default().to_owned(), twin_element: parts.any(|part| part == "TWIN") }
    }

    /// Whether the request comes from a User that the device does not know, though another like it would come from one it knows.
    fn is_of_a_stranger(&self) -> bool {
        matches!(self.use_case.as_str(), "GCS15d" | "ECS61d")
    }
}

/// Makes the Command of `request` for `target`, in the variant of the device that makes it the use case of its name, if one does.
///
/// `certificate` gives a device's key agreement certificate.
pub fn make(
    request: &Request,
    target: DeviceType,
    name: &Name,
    now: Time,
    certificate: impl Fn(Eui64) -> Option<Vec<u8>>,
) -> Result<Transformed, TransformError> {
    let mut first = None;
    for mut ctx in contexts(request, target, name, now) {
        if let (Some(other), Some(device)) = (&mut ctx.other, request.body.other_device()) {
            other.certificate = certificate(device);
        }
        let made = transform(request, &ctx);
        if made.as_ref().is_ok_and(|made| name.use_case.is_empty() || made.use_case.name == name.use_case) {
            return made;
        }
        first.get_or_insert(made);
    }
    first.expect("there is a context for every request")
}

/// Every way in which the inventory may describe the target and the device it joins.
fn contexts(request: &Request, target: DeviceType, name: &Name, now: Time) -> Vec<TransformContext> {
    let asked = request.header.id;
    let mut ctx = TransformContext::new(Device { twin_element: name.twin_element, ..Device::new(target) }, now);
    ctx.requester = if name.is_of_a_stranger() { Requester::Unknown } else { requester(asked.originator) };
    ctx.broker = Some(Party { id: BROKER, counter: broker_counter(request) });
    let changes = asked.counter.0 % 100;
    ctx.transitional_cos = Some(Party { id: TRANSITIONAL_COS, counter: Counter(5995 + changes) });
    ctx.customer_number = Some(*b"1234");
    let mut all = Vec::new();
    for version in [GbcsVersion::CURRENT, EARLIER_GBCS] {
        for poly_phase in [false, true] {
            ctx.device = Device { gbcs_version: version, poly_phase, ..ctx.device };
            match request.body.other_device() {
                None => all.push(ctx.clone()),
                Some(other) => all.extend(partners(other, target).into_iter().map(|kind| TransformContext {
                    other: Some(OtherDevice { kind, certificate: None }),
                    ..ctx.clone()
                })),
            }
        }
    }
    all
}

/// The counter of the broker's Command: 300 above that of a supplier's request, 100 above a network operator's. Where the User's
/// certificate goes with it, it is two less; where the broker asks for credentials, it is the one number.
fn broker_counter(request: &Request) -> Counter {
    let asked = request.header.id.counter.0;
    Counter(match &request.body {
        Body::RetrieveKrpCredentials(_) => 1302,
        Body::ReadLog(read) if read.credentials.is_some() => 1298 + asked % 100,
        _ => 1300 + asked % 100,
    })
}

/// What a device may be that `target` joins.
fn partners(device: Eui64, target: DeviceType) -> Vec<DeviceType> {
    use DeviceType::{Esme, Gpf, Gsme, Hcalcs, Ppmid};
    match (device_type(device), target) {
        (Some(kind), _) => vec![kind],
        (None, Esme) => vec![Hcalcs, Ppmid],
        (None, Gsme) => vec![Ppmid, Gpf],
        (None, Ppmid) => vec![Esme, Gsme],
        (None, _) => vec![Esme],
    }
}
