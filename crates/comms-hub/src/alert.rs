//! Alert 0x8F84: a Remote Party Message could not be delivered to the electricity meter (han.md 6.7).
use crate::config::AlertKeys;
use alloc::vec::Vec;
use gbcs::crypto::Crypto;
use gbcs::envelope::GroupingHeader;
use gbcs::protect::{self, ProtectError};
use gbcs::time::Civil;
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, Time};

/// Alert code: failure to deliver Remote Party Message to ESME.
pub const NOT_DELIVERED_TO_ESME: u16 = 0x8F84;
/// The message code of that Alert.
pub const DELIVERY_FAILURE_ALERT: MessageCode = MessageCode(0x00D5);

/// The Alert about the message `undelivered`, closed by the CHF's MAC for the ACB.
pub fn not_delivered<C: Crypto>(
    crypto: &C,
    keys: &AlertKeys,
    chf: Eui64,
    counter: Counter,
    now: Time,
    undelivered: &MessageId,
) -> Result<Vec<u8>, ProtectError> {
    let id = MessageId { originator: chf, target: keys.acb, cra: Cra::Alert, counter };
    let header = GroupingHeader::new(id, DELIVERY_FAILURE_ALERT);
    let plain = Message::plain(header, payload(counter, now, undelivered)).encode();
    let z = crypto.agree(&keys.own, &keys.acb_key)?;
    protect::add_mac(crypto, &z, &plain)
}

/// DLMS data-notification: `0F | 20 ctr24 | 00 | 02 03 | 12 8F84 | 09 0C time | 09 19 originator target CRA counter`.
fn payload(counter: Counter, now: Time, undelivered: &MessageId) -> Vec<u8> {
    let mut out = Vec::with_capacity(51);
    out.extend([0x0F, 0x20]);
    out.extend(&counter.octets()[5..]);
    out.extend([0x00, 0x02, 0x03, 0x12]);
    out.extend(NOT_DELIVERED_TO_ESME.to_be_bytes());
    out.extend([0x09, 0x0C]);
    out.extend(date_time(now));
    out.extend([0x09, 0x19]);
    out.extend(undelivered.originator.octets());
    out.extend(undelivered.target.octets());
    out.push(undelivered.cra as u8);
    out.extend(undelivered.counter.octets());
    out
}

/// A DLMS date-time in UTC: weekday, deviation and status not specified.
fn date_time(now: Time) -> [u8; 12] {
    let Civil { year, month, day, hour, minute, second } = now.civil();
    let [high, low] = year.to_be_bytes();
    [high, low, month, day, 0xFF, hour, minute, second, 0, 0x80, 0x00, 0xFF]
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
        let alert = not_delivered(&RustCrypto, &keys, chf, Counter(0x0102_0304), now, &undelivered).unwrap();
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
