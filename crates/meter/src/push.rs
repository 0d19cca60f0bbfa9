//! The Billing Data Log pushed to the supplier when it has a new entry, of a billing period that ended or a change of tariff, payment
//! mode or tenancy: the registers of that moment, encrypted for him inside a signed Alert (ECS68, GCS53; gbcs-messages 7, 9.7, 10.5).
use crate::alert::Further;
use crate::meter::Meter;
use crate::state::Model;
use crate::{esme, gsme};
use alloc::vec::Vec;
use gbcs::crypto::Crypto;
use gbcs::dlms::Data;
use gbcs::gbz::{AlertData, Content};
use gbcs::protect::{self, Mode};
use gbcs::{Counter, Eui64, MessageCode, Time};

/// Billing data log updated.
const UPDATED: u16 = 0x8F0A;
const ESME_ALERT: MessageCode = MessageCode(0x0061);
const GSME_ALERT: MessageCode = MessageCode(0x008B);
/// The mode of the key, in front of its counter (gbcs-messages 6).
const PAYLOAD_ENCRYPTION: u8 = 4;

impl<C: Crypto> Meter<C> {
    /// Tell the supplier what is new in the Billing Data Log. One without a key agreement key is told nothing: nobody could read it.
    /// The caller persists.
    pub(crate) fn push_billing(&mut self) {
        for (at, cause) in core::mem::take(&mut self.state.books.unpushed) {
            if let Some(supplier) = self.config.supplier() {
                self.push_entry(supplier, at, cause);
            }
        }
    }

    fn push_entry(&mut self, supplier: Eui64, entry: u32, cause: u32) {
        let at = Time::from_zigbee(entry);
        let counter = self.state.counters.next_own(at);
        let device = self.config.eui;
        let Some(secret) = self.secrets.with(&self.crypto, &self.config, supplier) else { return };
        let key = protect::derive(&self.crypto, secret, Mode::Encryption, device, counter, supplier);
        let encrypt = |plain: &[u8]| protect::encrypt(&self.crypto, &key, device, plain);
        let (code, further) = match &self.state.model {
            Model::Esme(_) => {
                let Some(log) = esme::billing_entry(&self.state.books, entry, cause) else { return };
                let mut plain = Vec::new();
                Data::structure([log]).encode(&mut plain);
                let data = [protection(device, counter, supplier), Data::octets(encrypt(&plain))];
                (ESME_ALERT, Further::Dlms(data.to_vec()))
            }
            Model::Gsme(_) => {
                let Some(mut component) = gsme::billing_entry(&self.state.books, entry, cause) else { return };
                let Some(body) = component.body() else { return };
                let mut plain = Vec::with_capacity(body.encoded_len());
                body.encode(&mut plain);
                component.content = Content::Encrypted { frame_counter: 0, blob: encrypt(&plain) };
                (GSME_ALERT, Further::Gbz(AlertData::Component(component)))
            }
        };
        self.raise_under(at, counter, supplier, code, UPDATED, further);
    }
}

/// `array { { enum 2, { 04 || counter, originator, recipient, empty, { enum 2, { 02, empty } } } } }`, as in protected reads.
fn protection(device: Eui64, counter: Counter, recipient: Eui64) -> Data {
    let mut transaction = alloc::vec![PAYLOAD_ENCRYPTION];
    transaction.extend_from_slice(&counter.octets());
    let key = Data::structure([Data::Enum(2), Data::structure([Data::octets([2]), Data::octets([])])]);
    let [originator, recipient] = [device, recipient].map(|eui| Data::octets(eui.0));
    let inner = Data::structure([Data::octets(transaction), originator, recipient, Data::octets([]), key]);
    Data::array([Data::structure([Data::Enum(2), inner])])
}
