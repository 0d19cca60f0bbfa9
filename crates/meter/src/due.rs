//! Future-dated parts of Commands whose time has come: executed, and each told by an Alert (GBCS 9.2.2.7).
use crate::alert::Further;
use crate::command::Toolbox;
use crate::config::Role;
use crate::esme::{self, Attribute};
use crate::event::Event;
use crate::meter::Meter;
use crate::register::changes;
use crate::state::Model;
use crate::work::{Origin, Pending, Work};
use crate::{asn1, gsme};
use alloc::vec::Vec;
use gbcs::catalogue::{self, Family};
use gbcs::crypto::Crypto;
use gbcs::dlms::Data;
use gbcs::gbz::{self, AlertData};
use gbcs::{Counter, Eui64, MessageCode, Time};

pub(crate) const ACTIONED: u16 = 0x8F66;
pub(crate) const NOT_ACTIONED: u16 = 0x8F67;
/// Message codes of the Alerts.
const DLMS_ALERT: MessageCode = MessageCode(0x00CC);
const GBZ_ALERT: MessageCode = MessageCode(0x00CD);

/// Execute what is due, in the order of its time.
pub(crate) fn execute<C: Crypto>(meter: &mut Meter<C>, now: Time) {
    let mut due: Vec<Pending> = meter.state.pending.extract_if(.., |pending| Time(pending.due) <= now).collect();
    if due.is_empty() {
        return;
    }
    due.sort_by_key(|pending| pending.due);
    for pending in due {
        one(meter, now, &pending);
    }
}

fn one<C: Crypto>(meter: &mut Meter<C>, now: Time, pending: &Pending) {
    let registers = meter.state.registers();
    let before = meter.state.books.account.clone();
    let (code, counter) = (MessageCode(pending.code), Counter(pending.counter));
    let originator = Eui64::from_u64(pending.originator);
    let is_asn1 = catalogue::find(code).is_some_and(|use_case| use_case.family == Family::Der);
    let (succeeded, alert_code, further) = if is_asn1 {
        let Some((succeeded, message, content)) = asn1::execute_due(meter, now, pending) else { return };
        (succeeded, message, Further::Asn1(content))
    } else {
        let Some((succeeded, further)) = activate(meter, now, pending) else { return };
        (succeeded, if let Further::Gbz(_) = further { GBZ_ALERT } else { DLMS_ALERT }, further)
    };
    let alert = if succeeded { ACTIONED } else { NOT_ACTIONED };
    meter.state.books.event_log.push(now, alert, code, counter);
    meter.raise(now, originator, alert_code, alert, further);
    meter.notice(now, &before, code, counter);
    let changes = changes(&registers, &meter.state.registers());
    meter.event(Event::Activated { code, counter, succeeded, changes });
}

/// Whether it succeeded, and what its Alert says; `None` when the record of it cannot be read.
fn activate<C: Crypto>(meter: &mut Meter<C>, now: Time, pending: &Pending) -> Option<(bool, Further)> {
    let state = &mut meter.state;
    match &mut state.model {
        Model::Esme(store) => {
            let trigger = pending.what.as_slice().try_into().ok()?;
            let activated =
                esme::activate(store, &mut state.books, &meter.config.sizes, now, Attribute::from_octets(trigger));
            let mut data = Vec::from(pending.code.to_be_bytes());
            data.extend_from_slice(&pending.counter.to_be_bytes());
            data.extend_from_slice(&pending.what);
            Some((activated.is_ok(), Further::Dlms(alloc::vec![Data::octets(data)])))
        }
        Model::Gsme(store) => {
            let payload = gbz::Payload::parse(&pending.what).ok()?;
            let component = payload.components.first()?;
            let (message_code, counter) = (MessageCode(pending.code), Counter(pending.counter));
            let mut toolbox = Toolbox {
                crypto: &meter.crypto,
                meter: meter.config.eui,
                supplier: None,
                utrns: &mut state.counters.utrns,
                command: None,
                encryption: None,
                refused_top_up: None,
            };
            let originator = Eui64::from_u64(pending.originator);
            let mut work = Work {
                now,
                device: meter.config.eui,
                origin: Origin {
                    originator,
                    role: Role::from_number(pending.role).unwrap_or(Role::Supplier),
                    code: message_code,
                    counter,
                },
                books: &mut state.books,
                sizes: meter.config.sizes,
                pending: &mut state.pending,
                tools: &mut toolbox,
            };
            let succeeded = gsme::execute_due(store, &mut work, component);
            let (cluster, command) = (component.cluster, component.command);
            let frame_control = component.frame_control;
            Some((
                succeeded,
                Further::Gbz(AlertData::FutureDated { message_code, counter, cluster, frame_control, command }),
            ))
        }
    }
}
