//! The frames of joining: MAC commands, beacons, and the Transport-Key command.
use crate::aps;
use crate::mac::{self, Address, Kind, PanId, ShortAddress};
use crate::mmo;
use crate::nwk;
use crate::security::{Aux, Key, KeyId, SecurityError};
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;
use gbcs::Eui64;

/// A MAC command of joining; the poll is [`mac::Frame::data_request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacCommand {
    /// Let me in; the octet tells what the device can.
    AssociationRequest(u8),
    /// You are in under this address; or not, when the status is not 0.
    AssociationResponse(ShortAddress, u8),
    /// A poll.
    DataRequest,
    /// Who is there?
    BeaconRequest,
}

impl MacCommand {
    /// Reads the payload of a MAC command frame.
    ///
    /// # Errors
    /// Another command, or a payload that is not the command's.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "MAC command");
        let parsed = match r.u8()? {
            1 => Self::AssociationRequest(r.u8()?),
            2 => Self::AssociationResponse(ShortAddress(r.u16()?), r.u8()?),
            mac::DATA_REQUEST => Self::DataRequest,
            7 => Self::BeaconRequest,
            _ => return Err(ParseError::Unsupported("MAC command")),
        };
        r.finish(parsed)
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::AssociationRequest(_) => 2,
            Self::AssociationResponse(..) => 4,
            Self::DataRequest | Self::BeaconRequest => 1,
        }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::AssociationRequest(capabilities) => out.extend([1, *capabilities]),
            Self::AssociationResponse(short, status) => {
                out.push(2);
                out.extend(short.0.to_le_bytes());
                out.push(*status);
            }
            Self::DataRequest => out.push(mac::DATA_REQUEST),
            Self::BeaconRequest => out.push(7),
        }
    }

    /// The PSDU of the command between these two. `source_pan` of a device that is in no network yet is the broadcast PAN; within
    /// one network it is left out.
    pub(super) fn to_psdu(
        self,
        sequence: u8,
        destination: (PanId, Address),
        source: Option<(Option<PanId>, Address)>,
    ) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.encoded_len());
        self.encode(&mut payload);
        mac::Frame {
            kind: Kind::Command,
            frame_pending: false,
            ack_request: destination.0 != PanId::BROADCAST,
            version: 0,
            sequence,
            destination: Some(destination),
            source,
            payload: &payload,
        }
        .to_vec()
    }
}

/// A beacon of a ZigBee PRO network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beacon {
    /// The network.
    pub pan: PanId,
    /// Whose beacon.
    pub source: ShortAddress,
    /// Whether devices may join now.
    pub permits_joining: bool,
    /// The extended PAN ID: in GB the EUI-64 of the hub.
    pub extended_pan: Eui64,
}

impl Beacon {
    /// Beaconless: order 15 twice, final slot 15, from the coordinator.
    const SUPERFRAME: u16 = 0x4FFF;
    const PERMITS: u16 = 0x8000;
    /// ZigBee PRO (stack profile 2, protocol version 2); routers and end devices have room.
    const STACK: [u8; 3] = [0x00, 0x22, 0x84];
    /// No transmission offset, update 0.
    const TAIL: [u8; 4] = [0xFF, 0xFF, 0xFF, 0x00];

    /// Reads a beacon from a MAC frame.
    ///
    /// # Errors
    /// No beacon, or one of another kind of network.
    pub fn parse(frame: &mac::Frame<'_>) -> Result<Self, ParseError> {
        const OTHER: ParseError = ParseError::Unsupported("no ZigBee PRO beacon");
        let (Kind::Beacon, None, Some((Some(pan), Address::Short(source)))) =
            (frame.kind, frame.destination, frame.source)
        else {
            return Err(OTHER);
        };
        let mut r = Reader::new(frame.payload, "beacon");
        let superframe = r.u16()?;
        if superframe & 0x7FFF != Self::SUPERFRAME || r.array()? != [0, 0] || r.array()? != Self::STACK {
            return Err(OTHER);
        }
        let beacon = Self { pan, source, permits_joining: superframe & Self::PERMITS != 0, extended_pan: r.eui()? };
        if r.array()? != Self::TAIL {
            return Err(OTHER);
        }
        r.finish(beacon)
    }

    /// The PSDU.
    pub fn to_psdu(&self, sequence: u8) -> Vec<u8> {
        let superframe = Self::SUPERFRAME | if self.permits_joining { Self::PERMITS } else { 0 };
        let mut payload = Vec::with_capacity(19);
        payload.extend(superframe.to_le_bytes());
        payload.extend([0, 0]);
        payload.extend(Self::STACK);
        payload.extend(self.extended_pan.to_le());
        payload.extend(Self::TAIL);
        mac::Frame {
            kind: Kind::Beacon,
            frame_pending: false,
            ack_request: false,
            version: 0,
            sequence,
            destination: None,
            source: Some((Some(self.pan), Address::Short(self.source))),
            payload: &payload,
        }
        .to_vec()
    }
}

/// The APS command that brings the network key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportKey {
    /// The network key.
    pub key: Key,
    /// Its sequence number.
    pub sequence: u8,
    /// For whom.
    pub destination: Eui64,
    /// The Trust Centre.
    pub source: Eui64,
}

impl TransportKey {
    /// APS command identifier and type of a standard network key.
    const PREFIX: [u8; 2] = [0x05, 0x01];

    /// Reads the clear payload of an APS command.
    ///
    /// # Errors
    /// Another command or key type, or a payload that is not the command's.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "Transport-Key");
        if r.array()? != Self::PREFIX {
            return Err(ParseError::Unsupported("APS command or type of key"));
        }
        let parsed = Self { key: Key::new(r.array()?), sequence: r.u8()?, destination: r.eui()?, source: r.eui()? };
        r.finish(parsed)
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        35
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(Self::PREFIX);
        out.extend(self.key.octets());
        out.push(self.sequence);
        out.extend(self.destination.to_le());
        out.extend(self.source.to_le());
    }

    /// The NWK frame that brings it: not under the network key, which the receiver has not got, but under the key-transport key of
    /// its link key. `counter` must rise with every frame under that key.
    ///
    /// # Errors
    /// None that these lengths lead to.
    pub fn seal(&self, link_key: &Key, counter: u32, sequence: u8, to: ShortAddress) -> Result<Vec<u8>, SecurityError> {
        let mut payload = Vec::with_capacity(self.encoded_len());
        self.encode(&mut payload);
        let aps = aps::Frame {
            kind: aps::Kind::Command,
            broadcast: false,
            ack_request: false,
            endpoints: None,
            counter: sequence,
            block: None,
            security: Some(Aux { key: KeyId::Transport, counter, source: Some(self.source) }),
            payload: &payload,
        }
        .seal(&mmo::key_transport_key(link_key), self.source)?;
        Ok(nwk::Frame {
            kind: nwk::Kind::Data,
            route_discovery: 0,
            end_device_initiator: false,
            destination: to,
            source: ShortAddress::COORDINATOR,
            radius: 30,
            sequence,
            destination_ieee: None,
            source_ieee: None,
            security: None,
            payload: &aps,
        }
        .to_vec())
    }

    /// Opens such a NWK frame.
    pub fn open(octets: &[u8], link_key: &Key) -> Option<Self> {
        let nwk = nwk::Frame::parse(octets).ok().filter(|frame| frame.security.is_none())?;
        let aps = aps::Frame::parse(nwk.payload).ok()?;
        let aux = aps.security.filter(|aux| aux.key == KeyId::Transport)?;
        let payload = aps.open(&mmo::key_transport_key(link_key), aux.source?).ok()?;
        Self::parse(&payload).ok().filter(|transport| Some(transport.source) == aux.source)
    }
}
