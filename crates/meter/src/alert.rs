//! Alerts: what a meter tells its supplier unasked, under a counter of its own (gbcs-messages 9.7, 10.5).
use crate::config::Kind;
use crate::event::Event;
use crate::meter::Meter;
use crate::prepayment::{Account, notices};
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::asn1::{self, Content};
use gbcs::crypto::Crypto;
use gbcs::dlms::{Data, DataNotification, DateTime, InvokeId};
use gbcs::envelope::{GroupingHeader, Message};
use gbcs::gbz::{self, AlertData};
use gbcs::{Counter, Cra, Eui64, MessageCode, MessageId, Time, protect};

/// Message codes of generic Alerts, critical and not.
const CRITICAL: MessageCode = MessageCode(0x1000);
const NON_CRITICAL: MessageCode = MessageCode(0x1001);
/// Message code of ECS100: a Command is not supported.
const NOT_SUPPORTED: MessageCode = MessageCode(0x0120);
/// The alert code that goes with it.
const NOT_SUPPORTED_ALERT: u16 = 0x8F85;
/// An unusual number of refused Commands.
const UNUSUAL_NUMBER: u16 = 0x8F60;
/// So many refusals in an hour are unusual (gbcs-messages 8.1).
const UNUSUAL: u32 = 10;
const HOUR: Duration = Duration::from_secs(3600);

/// Event codes of [`notices`] that are Alerts to the supplier too; the others are for the event log and the home.
const ALERTED: [u16; 3] = [0x810D, 0x8F0F, 0x8F32];

/// What an Alert says besides its code and time.
pub(crate) enum Further {
    Nothing,
    /// Of an electricity meter.
    Dlms(Vec<Data>),
    /// Of a gas meter.
    Gbz(AlertData),
    /// A payload of its own.
    Asn1(Content),
}

impl<C: Crypto> Meter<C> {
    /// Raise an Alert that says its code and time alone: critical where the code is `8Fxx`, as in the samples. The caller persists.
    pub(crate) fn raise_generic(&mut self, now: Time, target: Eui64, alert: u16) {
        let code = if alert >> 8 == 0x8F { CRITICAL } else { NON_CRITICAL };
        self.raise(now, target, code, alert, Further::Nothing);
    }

    /// Protect an Alert and put it into the outbox. The caller persists.
    pub(crate) fn raise(&mut self, now: Time, target: Eui64, code: MessageCode, alert: u16, further: Further) {
        let counter = self.state.counters.next_own(now);
        self.raise_under(now, counter, target, code, alert, further);
    }

    /// The same under a counter that was drawn for it before.
    pub(crate) fn raise_under(
        &mut self,
        now: Time,
        counter: Counter,
        target: Eui64,
        code: MessageCode,
        alert: u16,
        further: Further,
    ) {
        let payload = self.alert_payload(now, counter, alert, further);
        let id = MessageId { originator: self.config.eui, target, cra: Cra::Alert, counter };
        let plain = Message::plain(GroupingHeader::new(id, code), payload).encode();
        let protected = if code == NON_CRITICAL {
            // A party without a key agreement key could not tell who sent it.
            let Some(secret) = self.secrets.with(&self.crypto, &self.config, target) else { return };
            protect::add_mac(&self.crypto, secret, &plain)
        } else {
            self.state.books.battery.sign();
            protect::sign(&self.crypto, &self.config.keys.digital_signature, &plain)
        };
        let Ok(protected) = protected else { return };
        self.post(protected);
        self.event(Event::Alert { alert, code, counter });
    }

    /// An Alert because of a refused Command: to the supplier, once an hour of a kind.
    pub(crate) fn raise_guarded(&mut self, now: Time, alert: u16, refused: MessageCode, counter: Counter) {
        let Some(supplier) = self.config.supplier() else { return };
        let raised = &mut self.vigil.raised;
        raised.retain(|(_, at)| *at + HOUR > now);
        if raised.iter().any(|(code, _)| *code == alert) {
            return;
        }
        raised.push((alert, now));
        match alert {
            NOT_SUPPORTED_ALERT => {
                let mut data = Vec::from(refused.0.to_be_bytes());
                data.extend_from_slice(&counter.octets());
                self.raise(now, supplier, NOT_SUPPORTED, alert, Further::Dlms(alloc::vec![Data::octets(data)]));
            }
            _ => self.raise_generic(now, supplier, alert),
        }
        self.persist();
    }

    /// One more refused Command; many in an hour are an Alert of their own.
    pub(crate) fn count_refusal(&mut self, now: Time) {
        let (since, count) = &mut self.vigil.refusals;
        if *since + HOUR <= now || *count == 0 {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count == UNUSUAL {
            self.state.books.security_log.push(now, UNUSUAL_NUMBER, MessageCode(0), Counter(0));
            self.raise_guarded(now, UNUSUAL_NUMBER, MessageCode(0), Counter(0));
        }
    }

    /// Log what crossed a line since `before`, raise what the supplier wants to know, and push what is new in the billing log. The
    /// caller persists.
    pub(crate) fn notice(&mut self, now: Time, before: &Account, code: MessageCode, counter: Counter) {
        for notice in notices(before, &self.state.books.account) {
            self.state.books.event_log.push(now, notice, code, counter);
            if ALERTED.contains(&notice)
                && let Some(supplier) = self.config.supplier()
            {
                self.raise_generic(now, supplier, notice);
            }
        }
        self.push_billing();
    }

    fn alert_payload(&self, now: Time, counter: Counter, code: u16, further: Further) -> Vec<u8> {
        match (self.config.kind, further) {
            (_, Further::Asn1(content)) => asn1::Payload::from(content).with_long_lengths().encode(),
            (Kind::Esme, further) => {
                let further = if let Further::Dlms(data) = further { data } else { Vec::new() };
                DataNotification { invoke: InvokeId::of(counter), code, time: DateTime::at(now), further }.encode()
            }
            (Kind::Gsme, further) => {
                let data = if let Further::Gbz(data) = further { data } else { AlertData::None };
                gbz::Alert { code, time: now.zigbee(), data }.encode()
            }
        }
    }
}
