//! Alerts of the CHF: a message that did not reach the electricity meter (han.md 6.7), a changed Device Log (CS14).
use crate::identity::Identity;
use alloc::vec::Vec;
use gbcs::crypto::Crypto;
use gbcs::dlms::{Data, DataNotification, DateTime, InvokeId};
use gbcs::{MessageCode, MessageId, Time};

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

    /// The Alert, closed by the CHF's MAC for the ACB; `None` where there is no key of the ACB.
    pub(crate) fn raise<C: Crypto>(self, crypto: &C, chf: &mut Identity, now: Time) -> Option<Vec<u8>> {
        let Self { code, alert, further } = self;
        chf.alert(crypto, now, code, |counter| {
            let (invoke, time) = (InvokeId::of(counter), DateTime::at(now));
            DataNotification { invoke, code: alert, time, further: alloc::vec![further] }.encode()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FunctionKeys;
    use device::{Role, TrustAnchor, Usage};
    use gbcs::crypto::RustCrypto;
    use gbcs::{Counter, Cra, Eui64, MessageView, protect};

    #[test]
    fn the_alert_names_the_undelivered_message_and_verifies_at_the_acb() {
        let chf = Eui64::from_u64(0x00DB_1234_5678_90A2);
        let acb = RustCrypto.private_key(&[7; 32]).unwrap();
        let own = RustCrypto.private_key(&[9; 32]).unwrap();
        let eui = Eui64::from_u64(0x90B3_D51F_3000_0002);
        let (role, usage, prepayment, key_id) = (Role::AccessControlBroker, Usage::KeyAgreement, false, [0; 8]);
        let keys = FunctionKeys {
            acb: eui,
            digital_signature: own.clone(),
            key_agreement: own.clone(),
            anchors: alloc::vec![TrustAnchor { role, usage, prepayment, eui, key: *acb.public(), key_id }],
            // Above the clock, so that the counter is known.
            counter_floor: Counter(0x0102_0000_0102_0303),
        };
        let mut identity = Identity::new(chf, keys);
        let undelivered = MessageId {
            originator: Eui64::from_u64(0x90B3_D51F_3001_0000),
            target: Eui64::from_u64(0x00DB_1234_5678_90A0),
            cra: Cra::Command,
            counter: Counter(1000),
        };
        let now = Time::from_seconds(1_420_070_400);
        let subject = Subject::not_delivered(&undelivered);
        let alert = subject.raise(&RustCrypto, &mut identity, now).unwrap();
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
