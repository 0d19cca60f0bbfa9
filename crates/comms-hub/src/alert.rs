//! Alerts of the CHF: a message that did not reach the electricity meter (han.md 6.7), a changed Device Log (CS14).
use crate::config::AlertKeys;
use alloc::vec::Vec;
use gbcs::crypto::Crypto;
use gbcs::dlms::{Data, DataNotification, DateTime, InvokeId};
use gbcs::envelope::GroupingHeader;
use gbcs::protect::{self, ProtectError};
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, Time};

/// Alert code: failure to deliver Remote Party Message to ESME.
pub const NOT_DELIVERED_TO_ESME: u16 = 0x8F84;
/// The message code of that Alert.
pub const DELIVERY_FAILURE_ALERT: MessageCode = MessageCode(0x00D5);
/// Alert code: the CHF Device Log changed.
pub const DEVICE_LOG_CHANGED: u16 = 0x8F12;
/// The message code of that Alert, CS14.
pub const DEVICE_LOG_ALERT: MessageCode = MessageCode(0x0018);

/// What an Alert is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Message code.
    pub code: MessageCode,
    /// Alert code.
    pub alert: u16,
    /// What it tells besides code and time.
    pub further: Data,
}

impl Subject {
    /// This message could not be delivered: originator, target, CRA, counter.
    pub fn not_delivered(undelivered: &MessageId) -> Self {
        let mut id = Vec::with_capacity(25);
        id.extend(undelivered.originator.octets());
        id.extend(undelivered.target.octets());
        id.push(undelivered.cra as u8);
        id.extend(undelivered.counter.octets());
        Self { code: DELIVERY_FAILURE_ALERT, alert: NOT_DELIVERED_TO_ESME, further: Data::octets(id) }
    }

    /// The Device Log is this now: what the method backup_PAN gives.
    pub fn device_log_changed(backup: Data) -> Self {
        Self { code: DEVICE_LOG_ALERT, alert: DEVICE_LOG_CHANGED, further: backup }
    }

    /// The Alert under this counter, closed by the CHF's MAC for the ACB.
    pub fn raise<C: Crypto>(
        self,
        crypto: &C,
        keys: &AlertKeys,
        chf: Eui64,
        counter: Counter,
        now: Time,
    ) -> Result<Vec<u8>, ProtectError> {
        let id = MessageId { originator: chf, target: keys.acb, cra: Cra::Alert, counter };
        let notification = DataNotification {
            invoke: InvokeId::of(counter),
            code: self.alert,
            time: DateTime::at(now),
            further: alloc::vec![self.further],
        };
        let plain = Message::plain(GroupingHeader::new(id, self.code), notification.encode()).encode();
        let z = crypto.agree(&keys.own, &keys.acb_key)?;
        protect::add_mac(crypto, &z, &plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::MessageView;
    use gbcs::crypto::RustCrypto;

    #[test]
    fn the_alert_names_the_undelivered_message_and_verifies_at_the_acb() {
        let chf = Eui64::from_u64(0x00DB_1234_5678_90A2);
        let acb = RustCrypto.private_key(&[7; 32]).unwrap();
        let own = RustCrypto.private_key(&[9; 32]).unwrap();
        let keys = AlertKeys {
            acb: Eui64::from_u64(0x90B3_D51F_3000_0002),
            acb_key: *acb.public(),
            own: own.clone(),
            counter_floor: Counter(0),
        };
        let undelivered = MessageId {
            originator: Eui64::from_u64(0x90B3_D51F_3001_0000),
            target: Eui64::from_u64(0x00DB_1234_5678_90A0),
            cra: Cra::Command,
            counter: Counter(1000),
        };
        let now = Time::from_seconds(1_420_070_400);
        let subject = Subject::not_delivered(&undelivered);
        let alert = subject.raise(&RustCrypto, &keys, chf, Counter(0x0102_0304), now).unwrap();
        let view = MessageView::parse(&alert).unwrap();
        assert_eq!((view.cra(), view.message_code()), (Cra::Alert, MessageCode(0x00D5)));
        assert_eq!(
            view.payload(),
            [
                &[0x0F, 0x20, 0x02, 0x03, 0x04, 0x00, 0x02, 0x03, 0x12, 0x8F, 0x84, 0x09, 0x0C][..],
                &[0x07, 0xDF, 0x01, 0x01, 0xFF, 0, 0, 0, 0, 0x80, 0x00, 0xFF, 0x09, 0x19],
                &[0x90, 0xB3, 0xD5, 0x1F, 0x30, 0x01, 0x00, 0x00, 0x00, 0xDB, 0x12, 0x34, 0x56, 0x78, 0x90, 0xA0],
                &[0x01, 0, 0, 0, 0, 0, 0, 0x03, 0xE8],
            ]
            .concat()
        );
        let z = RustCrypto.agree(&acb, own.public()).unwrap();
        protect::verify_mac(&RustCrypto, &z, &view).unwrap();
    }
}
