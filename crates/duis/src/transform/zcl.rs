//! Writing GBZ payloads: components around ZCL commands (GBCS messages 10.1, 10.2).
use gbcs::Time;

use super::Fault;
use crate::Execution;

/// Smart Energy.
const PROFILE: [u8; 2] = [0x01, 0x09];

/// Clusters in use.
pub(super) mod cluster {
    pub const PRICE: u16 = 0x0700;
    pub const METERING: u16 = 0x0702;
    pub const MESSAGING: u16 = 0x0703;
    pub const PREPAYMENT: u16 = 0x0705;
    pub const CALENDAR: u16 = 0x0707;
}

/// Frame control of a command the GSME serves.
const TO_SERVER: u8 = 0x01;
/// Frame control of a command the GSME receives as a client.
const TO_CLIENT: u8 = 0x09;
/// Frame control of a general command.
const GENERAL: u8 = 0x00;

/// One component: a ZCL frame without its sequence number.
pub(super) struct Component {
    cluster: u16,
    frame_control: u8,
    command: u8,
    payload: Vec<u8>,
    /// Offsets in the payload of the DCC's clock.
    clock_fields: Vec<usize>,
}

impl Component {
    /// A command that the GSME serves.
    pub fn to_server(cluster: u16, command: u8) -> Self {
        Self { cluster, frame_control: TO_SERVER, command, payload: Vec::new(), clock_fields: Vec::new() }
    }

    /// A command that the GSME receives as a client: what is published to it.
    pub fn to_client(cluster: u16, command: u8) -> Self {
        Self { frame_control: TO_CLIENT, ..Self::to_server(cluster, command) }
    }

    /// Read Attributes.
    pub fn read(cluster: u16, attributes: &[u16]) -> Self {
        let mut component = Self { frame_control: GENERAL, ..Self::to_server(cluster, 0) };
        attributes.iter().for_each(|a| component.payload.extend(a.to_le_bytes()));
        component
    }

    pub fn u8(mut self, value: u8) -> Self {
        self.payload.push(value);
        self
    }

    pub fn u16(mut self, value: u16) -> Self {
        self.payload.extend(value.to_le_bytes());
        self
    }

    pub fn u24(mut self, value: u32) -> Self {
        self.payload.extend(&value.to_le_bytes()[..3]);
        self
    }

    pub fn u32(mut self, value: u32) -> Self {
        self.payload.extend(value.to_le_bytes());
        self
    }

    pub fn i32(mut self, value: i32) -> Self {
        self.payload.extend(value.to_le_bytes());
        self
    }

    /// A string behind its length octet.
    pub fn string(mut self, octets: &[u8]) -> Self {
        self.payload.push(octets.len() as u8);
        self.payload.extend(octets);
        self
    }

    /// An issuer event id or message id: the DCC's clock.
    pub fn clock(mut self, now: Time) -> Self {
        self.clock_fields.push(self.payload.len());
        self.u32(now.zigbee())
    }
}

/// The start time field; `cancel` is the value that cancels in this command.
pub(super) fn start(execution: Execution, cancel: u32) -> Result<u32, Fault> {
    match execution {
        Execution::Immediate => Ok(0),
        Execution::Cancel => Ok(cancel),
        Execution::At(at) => {
            let seconds = at.zigbee();
            let fits = Time::from_zigbee(seconds).seconds() == at.seconds() && (1..0xFFFF_FFFE).contains(&seconds);
            fits.then_some(seconds).ok_or(Fault::Date(at))
        }
    }
}

/// The payload of these components, and the offsets of its clock fields.
pub(super) fn encode(components: &[Component]) -> (Vec<u8>, Vec<usize>) {
    let mut out = PROFILE.to_vec();
    let mut clock_fields = Vec::new();
    out.push(components.len() as u8);
    for (sequence, component) in components.iter().enumerate() {
        out.push(u8::from(sequence + 1 == components.len()));
        out.extend(component.cluster.to_be_bytes());
        out.extend((component.payload.len() as u16 + 3).to_be_bytes());
        out.extend([component.frame_control, sequence as u8, component.command]);
        clock_fields.extend(component.clock_fields.iter().map(|at| at + out.len()));
        out.extend(&component.payload);
    }
    (out, clock_fields)
}
