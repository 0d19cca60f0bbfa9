//! What an electricity meter tells its displays unasked: a message on its arrival, a price when it changes, credit and supply when they
//! do; and the message's way until the customer has seen it.
use super::{Standing, attributes, octets, tariff, to_client};
use crate::esme;
use crate::meter::Meter;
use crate::state::Model;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::gbz::zcl::{ClusterCommand, DisplayMessage, PublishPrice, ZclString};
use gbcs::{Counter, Eui64, MessageCode, Time};
use han::zcl::display::{MessageConfirmation, cluster, metering, prepayment};
use han::zcl::{Status, global};
use minicbor::{Decode, Encode};

/// Event and Alert: the customer confirmed a message.
const CONFIRMED: u16 = 0x81A6;
/// Message control: the customer is asked to confirm.
const CONFIRMATION_WANTED: u8 = 0x80;
/// Minutes: until there is another message.
const UNTIL_CHANGED: u16 = 0xFFFF;
/// Between two reports of credit that only grew or shrank; mode and status are told at once.
const CREDIT_INTERVAL: Duration = Duration::from_secs(60);

/// The credit, its status and the mode.
const CREDIT: [u16; 5] = [
    prepayment::PAYMENT_CONTROL,
    prepayment::CREDIT_STATUS,
    prepayment::CREDIT_REMAINING,
    prepayment::EMERGENCY_CREDIT_REMAINING,
    prepayment::ACCUMULATED_DEBT,
];
/// Of these the first two, which are told at once: octets of their records, `id[2] type value[2]` and `id[2] type value`.
const AT_ONCE: usize = 9;
const SUPPLY: [u16; 1] = [metering::SUPPLY_STATUS];

/// The message on the meter, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Notice {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    text: Vec<u8>,
    /// When it came, seconds since 2000: what displays know it by.
    #[n(1)]
    id: u32,
    #[n(2)]
    confirmed: bool,
}

/// What displays were told last; a meter that starts knows of nothing that changed.
#[derive(Debug)]
pub(crate) struct Displays {
    /// Something may have changed since they were told.
    pub stale: bool,
    told: Option<Told>,
    tsn: u8,
    refusal_logged: Option<Time>,
}

#[derive(Debug)]
struct Told {
    price: Vec<u8>,
    credit: Vec<u8>,
    credit_at: Time,
    supply: Vec<u8>,
}

impl Displays {
    /// Of a meter that starts: it looks at once what there is.
    pub const fn new() -> Self {
        Self { stale: true, told: None, tsn: 0, refusal_logged: None }
    }

    /// Whether a line about a refused device may be written now.
    pub fn may_log(&mut self, now: Time, interval: Duration) -> bool {
        let may = self.refusal_logged.is_none_or(|at| at + interval <= now);
        if may {
            self.refusal_logged = Some(now);
        }
        may
    }
}

/// What is to be told to whom: device, cluster, ZCL frame.
pub(crate) fn news<C: Crypto>(meter: &mut Meter<C>, now: Time) -> Vec<(Eui64, u16, Vec<u8>)> {
    if !core::mem::take(&mut meter.displays.stale) {
        return Vec::new();
    }
    let Model::Esme(store) = &meter.state.model else { return Vec::new() };
    let mut frames: Vec<(u16, bool, u8, Vec<u8>)> = Vec::new();
    let text = esme::message(store).unwrap_or_default();
    if meter.state.notice.text != text {
        meter.state.notice = Notice { text, id: now.zigbee(), confirmed: false };
        meter.persist();
        meter.displays.stale = false;
        let told = message(meter).map(|message| octets(&message.into()));
        frames.extend(told.map(|payload| (cluster::MESSAGING, true, DisplayMessage::ID, payload)));
    }
    let listeners: Vec<Eui64> = meter.config.joined.iter().map(|(eui, _)| *eui).collect();
    let listeners: Vec<Eui64> =
        listeners.into_iter().filter(|eui| Standing::of(meter, *eui) != Standing::Stranger).collect();
    if listeners.is_empty() {
        return Vec::new();
    }
    changes(meter, now, &mut frames);
    let mut told = Vec::with_capacity(frames.len() * listeners.len());
    for (cluster, of_cluster, command, payload) in frames {
        meter.displays.tsn = meter.displays.tsn.wrapping_add(1);
        let frame = to_client(meter.displays.tsn, of_cluster, command, &payload);
        told.extend(listeners.iter().map(|eui| (*eui, cluster, frame.clone())));
    }
    told
}

/// Price, credit and supply, where they are not what displays know.
fn changes<C: Crypto>(meter: &mut Meter<C>, now: Time, frames: &mut Vec<(u16, bool, u8, Vec<u8>)>) {
    let price = |at: u32| octets(&PublishPrice { current_time: at, ..tariff::current(meter, now) }.into());
    let known = Told {
        price: price(0),
        credit: report(meter, cluster::PREPAYMENT, &CREDIT),
        credit_at: now,
        supply: report(meter, cluster::METERING, &SUPPLY),
    };
    let Some(told) = &meter.displays.told else {
        meter.displays.told = Some(known);
        return;
    };
    if told.price != known.price {
        frames.push((cluster::PRICE, true, PublishPrice::ID, price(now.zigbee())));
    }
    if told.supply != known.supply {
        frames.push((cluster::METERING, false, global::REPORT_ATTRIBUTES, known.supply.clone()));
    }
    let at_once = told.credit.get(..AT_ONCE) != known.credit.get(..AT_ONCE);
    let (credit, credit_at) = match told.credit != known.credit && (at_once || told.credit_at + CREDIT_INTERVAL <= now)
    {
        true => {
            frames.push((cluster::PREPAYMENT, false, global::REPORT_ATTRIBUTES, known.credit.clone()));
            (known.credit, now)
        }
        false => (told.credit.clone(), told.credit_at),
    };
    meter.displays.told = Some(Told { credit, credit_at, price: known.price, supply: known.supply });
}

/// Records as a Report Attributes has them.
fn report<C: Crypto>(meter: &Meter<C>, cluster: u16, ids: &[u16]) -> Vec<u8> {
    let mut records = Vec::new();
    for id in ids {
        if let Some(typed) = attributes::typed(meter, cluster, *id) {
            records.extend(id.to_le_bytes());
            records.extend(typed);
        }
    }
    records
}

/// The message on the meter, unless there is none.
pub(super) fn message<C: Crypto>(meter: &Meter<C>) -> Option<DisplayMessage> {
    let Notice { text, id, confirmed } = &meter.state.notice;
    if text.is_empty() {
        return None;
    }
    Some(DisplayMessage {
        message: *id,
        control: if *confirmed { 0 } else { CONFIRMATION_WANTED },
        start: *id,
        duration: UNTIL_CHANGED,
        // A ZCL string has 254 characters; GBCS allows a message 116.
        text: ZclString::new(&text[..text.len().min(254)])?,
        extended_control: None,
    })
}

/// The customer has seen a message; the supplier is told once.
pub(super) fn confirm<C: Crypto>(meter: &mut Meter<C>, now: Time, confirmation: &MessageConfirmation) -> Status {
    let notice = &mut meter.state.notice;
    if notice.text.is_empty() || notice.id != confirmation.message {
        return Status::NotFound;
    }
    if !core::mem::replace(&mut notice.confirmed, true) {
        meter.state.books.event_log.push(now, CONFIRMED, MessageCode(0), Counter(0));
        if let Some(supplier) = meter.config.supplier() {
            meter.raise_generic(now, supplier, CONFIRMED);
        }
        meter.persist();
    }
    Status::Success
}
