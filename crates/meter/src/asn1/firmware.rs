//! Firmware: an image that was distributed waits until a Command activates it by its hash (CS06, GBCS 11).
use crate::alert::Further;
use crate::config::Kind;
use crate::meter::Meter;
use gbcs::asn1::*;
use gbcs::crypto::Crypto;
use gbcs::dlms::Data;
use gbcs::gbz::AlertData;
use gbcs::{MessageCode, Time};
use minicbor::{Decode, Encode};

/// An image was received: the alert code, and its message codes.
const RECEIVED: u16 = 0x8F72;
const RECEIVED_BY_ESME: MessageCode = MessageCode(0x00CE);
const RECEIVED_BY_GSME: MessageCode = MessageCode(0x00CF);

/// A firmware image.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// Its octets.
    pub octets: &'a [u8],
    /// The version it makes of the meter.
    pub version: [u8; 4],
}

/// What runs, and what waits to run.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Firmware {
    #[n(0)]
    pub version: [u8; 4],
    /// Hash and version of the image that waits.
    #[n(1)]
    waiting: Option<([u8; 32], [u8; 4])>,
}

impl Default for Firmware {
    fn default() -> Self {
        Self { version: [1, 0, 0, 0], waiting: None }
    }
}

impl<C: Crypto> Meter<C> {
    /// Take an image that was distributed to the meter; an earlier one that waits is dropped. The supplier is told its hash.
    pub fn receive_image(&mut self, now: Time, image: Image<'_>) {
        let hash = self.crypto.sha256(&[image.octets]);
        self.state.books.firmware.waiting = Some((hash, image.version));
        if let Some(supplier) = self.config.supplier() {
            let (code, further) = match self.config.kind {
                Kind::Esme => (RECEIVED_BY_ESME, Further::Dlms(alloc::vec![Data::octets(hash)])),
                Kind::Gsme => (RECEIVED_BY_GSME, Further::Gbz(AlertData::FirmwareHash(hash))),
            };
            self.raise(now, supplier, code, RECEIVED, further);
        }
        self.persist();
        self.run(now);
    }
}

/// Activate the image that waits.
pub(super) fn activate<C: Crypto>(meter: &mut Meter<C>, activate: &ActivateFirmware) -> ActivationOutcome {
    let firmware = &mut meter.state.books.firmware;
    let status = match firmware.waiting {
        None => ActivationStatus::NoImage,
        Some((hash, _)) if hash != activate.hash.0 => ActivationStatus::HashMismatch,
        Some((_, version)) => {
            (firmware.version, firmware.waiting) = (version, None);
            ActivationStatus::Success
        }
    };
    ActivationOutcome { status, version: FirmwareVersion(firmware.version) }
}
