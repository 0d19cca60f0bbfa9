//! What an electricity meter says to the displays of its home over plain Smart Energy clusters, and what a customer may do there
//! (GBCS 10.2, PECS01 to PECS03): Price, Metering, Messaging, Prepayment, Calendar.
//!
//! Whom it serves is its device log: PPMIDs and Type 2 devices that joined it and share a link key with it. A Type 2 device reads;
//! only a PPMID may top up, activate Emergency Credit and turn armed supply on.
mod attributes;
mod news;
mod tariff;
mod top_up;

pub(crate) use attributes::{CONTROL_CREDIT, CONTROL_PREPAYMENT, of_account, supply_status};
pub(crate) use news::{Displays, Notice, news};
pub(crate) use top_up::top_up_response;

use crate::config::Kind;
use crate::event::Event;
use crate::local::Place;
use crate::meter::Meter;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::asn1::DeviceKind;
use gbcs::crypto::Crypto;
use gbcs::gbz::zcl::{self, Body, CLUSTER_SPECIFIC, ClusterCommand, Command};
use gbcs::{Counter, Eui64, MessageCode, Time};
use han::zcl::attributes::ReadAttributes;
use han::zcl::display::{self, LocalChangeSupply, MessageConfirmation, ask, cluster};
use han::zcl::{Direction, Frame, Status, global};

/// The clusters served.
pub(crate) const CLUSTERS: [u16; 5] =
    [cluster::PRICE, cluster::METERING, cluster::MESSAGING, cluster::PREPAYMENT, cluster::CALENDAR];

/// Attributes answered at one time: sixteen keep the answer below one datagram.
const MAX_READ: usize = 16;
/// Security log: somebody who is not trusted wanted something.
const NOT_TRUSTED: u16 = 0x8F3D;
/// Security log: who wanted it may not.
const NO_AUTHORITY: u16 = 0x8F30;
/// Between two lines about refused displays, which could otherwise fill the log at will.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(3600);
/// Messages of use cases that only logs name: what a PPMID asked for.
const TOP_UP: MessageCode = MessageCode(0x0116);
const EMERGENCY_CREDIT: MessageCode = MessageCode(0x0117);
const ENABLE_SUPPLY: MessageCode = MessageCode(0x0118);

/// What a device of the home is to the meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Not in the device log, or no display.
    Stranger,
    /// A Type 2 device: an in-home display, a consumer access device.
    Display,
    /// A prepayment meter interface device.
    Ppmid,
}

impl Standing {
    fn of<C>(meter: &Meter<C>, device: Eui64) -> Self {
        let joined = meter.config.joined.iter().find(|(eui, _)| *eui == device);
        match joined.map(|(_, kind)| DeviceKind::from_number(*kind)) {
            Some(DeviceKind::Ppmid) => Self::Ppmid,
            Some(DeviceKind::Type2) => Self::Display,
            _ => Self::Stranger,
        }
    }
}

/// The ZCL frames that answer a frame of a device; `None` when it is none of this meter's business.
pub(crate) fn serve<C: Crypto>(
    meter: &mut Meter<C>,
    now: Time,
    device: Eui64,
    cluster: u16,
    frame: &Frame<'_>,
) -> Option<Vec<Vec<u8>>> {
    if meter.config.kind != Kind::Esme || !CLUSTERS.contains(&cluster) || frame.direction != Direction::ToServer {
        return None;
    }
    let standing = Standing::of(meter, device);
    if standing == Standing::Stranger {
        return Some(refuse(meter, now, frame, NOT_TRUSTED, Status::NotAuthorized));
    }
    if !frame.cluster_specific {
        return Some(read(meter, cluster, frame));
    }
    let own_command = frame.manufacturer.is_none();
    Some(match (cluster, frame.command) {
        _ if !own_command => status(frame, Status::UnsupportedClusterCommand),
        (cluster::PREPAYMENT, ask::TOP_UP | ask::SELECT_EMERGENCY_CREDIT)
        | (cluster::METERING, ask::LOCAL_CHANGE_SUPPLY)
            if standing != Standing::Ppmid =>
        {
            refuse(meter, now, frame, NO_AUTHORITY, Status::NotAuthorized)
        }
        (cluster::METERING, ask::LOCAL_CHANGE_SUPPLY) => change_supply(meter, now, device, frame),
        (cluster::MESSAGING, ask::CONFIRM_MESSAGE) => match MessageConfirmation::parse(frame.payload) {
            Ok(confirmation) => status(frame, news::confirm(meter, now, &confirmation)),
            Err(_) => status(frame, Status::MalformedCommand),
        },
        (cluster::PREPAYMENT, _) => match Body::parse(cluster, CLUSTER_SPECIFIC, frame.command, frame.payload) {
            Body::Cluster(Command::ConsumerTopUp(top_up)) => enter(meter, now, device, frame, &top_up),
            Body::Cluster(Command::SelectAvailableEmergencyCredit(_)) => {
                let done = meter.activate_emergency_locally(now, Place::Ppmid).is_ok();
                meter.event(Event::Asked { by: device, code: EMERGENCY_CREDIT, done });
                status(frame, if done { Status::Success } else { Status::Failure })
            }
            _ if matches!(frame.command, ask::TOP_UP | ask::SELECT_EMERGENCY_CREDIT) => {
                status(frame, Status::MalformedCommand)
            }
            _ => status(frame, Status::UnsupportedClusterCommand),
        },
        _ => publish(meter, now, cluster, frame),
    })
}

/// Answer a question about tariff, calendar or message.
fn publish<C: Crypto>(meter: &Meter<C>, now: Time, cluster: u16, frame: &Frame<'_>) -> Vec<Vec<u8>> {
    let Some(command) = display::answer_to(cluster, frame) else {
        return status(frame, Status::UnsupportedClusterCommand);
    };
    let bodies = match cluster {
        cluster::MESSAGING => Ok(news::message(meter).into_iter().map(Body::from).collect()),
        _ => tariff::published(meter, now, cluster, frame),
    };
    match bodies {
        Ok(bodies) => {
            let payloads: Vec<Vec<u8>> = bodies.iter().map(octets).collect();
            display::answers(frame, command, payloads.iter().map(Vec::as_slice))
        }
        Err(refusal) => status(frame, refusal),
    }
}

/// Answer a read of attributes.
fn read<C: Crypto>(meter: &Meter<C>, cluster: u16, frame: &Frame<'_>) -> Vec<Vec<u8>> {
    if frame.command != global::READ_ATTRIBUTES || frame.manufacturer.is_some() {
        return status(frame, Status::UnsupportedGeneralCommand);
    }
    let Ok(ReadAttributes(wanted)) = ReadAttributes::parse(frame.payload) else {
        return status(frame, Status::MalformedCommand);
    };
    let mut payload = Vec::new();
    for id in wanted.into_iter().take(MAX_READ) {
        payload.extend(id.to_le_bytes());
        match attributes::typed(meter, cluster, id) {
            Some(typed) => {
                payload.push(Status::Success.into());
                payload.extend(typed);
            }
            None => payload.push(Status::UnsupportedAttribute.into()),
        }
    }
    alloc::vec![to_client(frame.tsn, false, global::READ_ATTRIBUTES_RESPONSE, &payload)]
}

/// A customer enters a UTRN at a PPMID (PECS01).
fn enter<C: Crypto>(
    meter: &mut Meter<C>,
    now: Time,
    device: Eui64,
    frame: &Frame<'_>,
    top_up: &zcl::ConsumerTopUp,
) -> Vec<Vec<u8>> {
    meter.advance(now);
    let before = meter.account().supply;
    let entered = meter.enter_utrn(now, Place::Ppmid, top_up.code.octets());
    meter.event(Event::Asked { by: device, code: TOP_UP, done: entered.is_ok() });
    if let Err(refusal) = entered {
        meter.event(Event::TopUpRefused(refusal));
    }
    let response = top_up_response(entered, before, meter.account(), top_up.originating_device);
    alloc::vec![to_client(frame.tsn, true, zcl::ConsumerTopUpResponse::ID, &octets(&response.into()))]
}

/// A customer turns armed supply on at a PPMID (PECS03); nothing else may be asked for there.
fn change_supply<C: Crypto>(meter: &mut Meter<C>, now: Time, device: Eui64, frame: &Frame<'_>) -> Vec<Vec<u8>> {
    match LocalChangeSupply::parse(frame.payload) {
        Ok(LocalChangeSupply { status: LocalChangeSupply::ON }) => {
            let done = meter.enable_supply_locally(now, Place::Ppmid);
            meter.event(Event::Asked { by: device, code: ENABLE_SUPPLY, done });
            status(frame, if done { Status::Success } else { Status::Failure })
        }
        Ok(_) => status(frame, Status::InvalidField),
        Err(_) => status(frame, Status::MalformedCommand),
    }
}

/// Refuse a device, and tell the security log once in a while.
fn refuse<C: Crypto>(meter: &mut Meter<C>, now: Time, frame: &Frame<'_>, line: u16, with: Status) -> Vec<Vec<u8>> {
    if meter.displays.may_log(now, REFUSAL_INTERVAL) {
        meter.state.books.security_log.push(now, line, MessageCode(0), Counter(0));
        meter.persist();
    }
    status(frame, with)
}

fn status(frame: &Frame<'_>, status: Status) -> Vec<Vec<u8>> {
    if status == Status::Success && frame.disable_default_response {
        return Vec::new();
    }
    alloc::vec![frame.default_response(status)]
}

/// A frame of the meter's side to a display.
fn to_client(tsn: u8, cluster_specific: bool, command: u8, payload: &[u8]) -> Vec<u8> {
    Frame {
        cluster_specific,
        manufacturer: None,
        direction: Direction::ToClient,
        disable_default_response: true,
        tsn,
        command,
        payload,
    }
    .to_vec()
}

fn octets(body: &Body) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.encoded_len());
    body.encode(&mut out);
    out
}
