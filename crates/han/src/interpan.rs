//! Inter-PAN frames: one hop between two devices that share no network, as HHT and hub before the HHT joins (han.md 7.3).
use crate::SMART_ENERGY;
use crate::mac::{self, Address, Kind, PanId};
use crate::security::{self, Aux, Key, KeyId, SecurityError};
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;
use gbcs::Eui64;

/// NWK frame control of the stub: frame type 3, protocol version 2.
const NWK_STUB: u16 = 0x000B;
/// APS frame control of a unicast stub.
const APS_STUB: u8 = 0x03;
/// Set in it when the payload is protected.
const SECURED: u8 = 0x20;

/// An inter-PAN frame of the Smart Energy profile. When `security` is set, `payload` is the ciphertext and its MIC in a frame as
/// parsed or encoded, and the clear payload in a frame to [`seal`](Frame::seal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The sender.
    pub source: Eui64,
    /// The receiver.
    pub destination: Eui64,
    /// The receiver's network.
    pub pan: PanId,
    /// MAC sequence number.
    pub sequence: u8,
    /// Cluster.
    pub cluster: u16,
    /// The auxiliary header of a frame under a link key.
    pub security: Option<Aux>,
    /// A ZCL frame.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads an inter-PAN frame from a MAC frame.
    ///
    /// # Errors
    /// A MAC frame of another kind or addressing, another stub, another profile.
    pub fn parse(frame: &mac::Frame<'a>) -> Result<Self, ParseError> {
        const OTHER: ParseError = ParseError::Unsupported("no inter-PAN frame");
        let (Some((pan, Address::Extended(destination))), Some((Some(PanId::BROADCAST), Address::Extended(source)))) =
            (frame.destination, frame.source)
        else {
            return Err(OTHER);
        };
        if frame.kind != Kind::Data || !frame.ack_request || frame.frame_pending || frame.version != 0 {
            return Err(OTHER);
        }
        let mut r = Reader::new(frame.payload, "inter-PAN frame");
        if r.u16()? != NWK_STUB {
            return Err(OTHER);
        }
        let secured = match r.u8()? {
            APS_STUB => false,
            control if control == APS_STUB | SECURED => true,
            _ => return Err(ParseError::Unsupported("inter-PAN APS frame control")),
        };
        let cluster = r.u16()?;
        if r.u16()? != SMART_ENERGY {
            return Err(ParseError::Unsupported("inter-PAN profile"));
        }
        let security = if secured { Some(Aux::parse(&mut r)?) } else { None };
        let sequence = frame.sequence;
        Ok(Self { source, destination, pan, sequence, cluster, security, payload: r.rest() })
    }

    /// Length of the PSDU.
    pub fn encoded_len(&self) -> usize {
        25 + self.stub_len() + self.payload.len()
    }

    /// The PSDU, nothing sealed.
    pub fn to_psdu(&self) -> Vec<u8> {
        let mut payload = self.stub();
        payload.extend(self.payload);
        self.in_mac(&payload)
    }

    /// The PSDU with the clear payload encrypted under the link key of the two.
    ///
    /// # Errors
    /// No auxiliary header, or with its MIC it is longer than a frame.
    pub fn seal(&self, key: &Key) -> Result<Vec<u8>, SecurityError> {
        let aux = self.security.as_ref().ok_or(SecurityError::Unprotected)?;
        let stub = self.stub();
        // The NWK stub is not part of what APS security covers.
        let (nwk, aps) = stub.split_at(2);
        let sealed = security::seal(key, aux.source.unwrap_or(self.source), aux, aps.to_vec(), self.payload)?;
        let psdu = self.in_mac(&[nwk, &sealed].concat());
        if psdu.len() > mac::MAX_PSDU { Err(SecurityError::TooLong) } else { Ok(psdu) }
    }

    /// The clear payload of a protected frame.
    ///
    /// # Errors
    /// No auxiliary header, or a MIC that does not match.
    pub fn open(&self, key: &Key) -> Result<Vec<u8>, SecurityError> {
        let aux = self.security.as_ref().ok_or(SecurityError::Unprotected)?;
        security::open(key, aux.source.unwrap_or(self.source), aux, &self.stub()[2..], self.payload)
    }

    /// The auxiliary header of a frame under a link key with this counter.
    pub const fn link_key_security(counter: u32) -> Aux {
        Aux { key: KeyId::Data, counter, source: None }
    }

    fn stub_len(&self) -> usize {
        7 + self.security.map_or(0, |aux| aux.encoded_len())
    }

    fn stub(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.stub_len() + self.payload.len() + security::MIC_LEN);
        out.extend(NWK_STUB.to_le_bytes());
        out.push(if self.security.is_some() { APS_STUB | SECURED } else { APS_STUB });
        out.extend(self.cluster.to_le_bytes());
        out.extend(SMART_ENERGY.to_le_bytes());
        if let Some(aux) = &self.security {
            aux.encode(&mut out);
        }
        out
    }

    fn in_mac(&self, payload: &[u8]) -> Vec<u8> {
        mac::Frame {
            kind: Kind::Data,
            frame_pending: false,
            ack_request: true,
            version: 0,
            sequence: self.sequence,
            destination: Some((self.pan, Address::Extended(self.destination))),
            source: Some((Some(PanId::BROADCAST), Address::Extended(self.source))),
            payload,
        }
        .to_vec()
    }
}
