//! The hub's side of joining.
use super::{Beacon, MacCommand, TransportKey};
use crate::mac::{Address, Frame, Kind, PanId, ShortAddress};
use crate::security::Key;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::{Eui64, Time};

/// What a Trust Centre knows of its network.
#[derive(Clone, Debug)]
pub struct TrustCentreConfig {
    /// Its EUI-64, which is the extended PAN ID.
    pub eui: Eui64,
    /// The network.
    pub pan: PanId,
    /// The network key.
    pub network_key: Key,
    /// Its sequence number.
    pub network_key_sequence: u8,
}

/// A device that may join.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The device.
    pub eui: Eui64,
    /// The link key of its install code.
    pub link_key: Key,
    /// Until when.
    pub until: Time,
}

/// What a Trust Centre wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put this PSDU on the air.
    Transmit(Vec<u8>),
    /// A device has an address now and will have the network key: it is a peer without a link key, which is established next.
    Associated {
        /// The device.
        eui: Eui64,
        /// Its address.
        short: ShortAddress,
        /// Whether it will sleep.
        sleepy: bool,
    },
    /// A device asked to be let in and is not expected.
    Refused(Eui64),
    /// Nothing more now; call [`TrustCentre::handle_timeout`] at this time, if there is one.
    Timeout(Option<Time>),
}

/// The hub as the one who lets devices in.
pub struct TrustCentre {
    config: TrustCentreConfig,
    admitted: Vec<Admitted>,
    /// Counts frames under key-transport keys; starts with the time, so that it rises across restarts.
    counter: u32,
    outputs: VecDeque<Output>,
}

struct Admitted {
    admission: Admission,
    short: Option<ShortAddress>,
}

impl TrustCentre {
    /// One that lets nobody in.
    pub const fn new(config: TrustCentreConfig) -> Self {
        Self { config, admitted: Vec::new(), counter: 0, outputs: VecDeque::new() }
    }

    /// Let a device join; a second call for it is the one that counts.
    pub fn admit(&mut self, admission: Admission) {
        self.close(admission.eui);
        self.admitted.push(Admitted { admission, short: None });
    }

    /// No longer let a device join.
    pub fn close(&mut self, eui: Eui64) {
        self.admitted.retain(|admitted| admitted.admission.eui != eui);
    }

    /// Whether any device may join.
    pub const fn is_open(&self) -> bool {
        !self.admitted.is_empty()
    }

    /// Takes a PSDU that the radio heard. `sequence` gives MAC sequence numbers ([`Node::take_mac_sequence`]
    /// (crate::Node::take_mac_sequence)); `is_taken` says which short addresses are somebody's.
    pub fn handle_frame(
        &mut self,
        now: Time,
        psdu: &[u8],
        mut sequence: impl FnMut() -> u8,
        is_taken: impl Fn(ShortAddress) -> bool,
    ) {
        self.expire(now);
        let Ok(frame) = Frame::parse(psdu) else { return };
        let (Kind::Command, Ok(command)) = (frame.kind, MacCommand::parse(frame.payload)) else { return };
        let for_us = frame.destination == Some((self.config.pan, Address::Short(ShortAddress::COORDINATOR)));
        match (command, frame.source) {
            (MacCommand::BeaconRequest, None) => {
                let beacon = Beacon {
                    pan: self.config.pan,
                    source: ShortAddress::COORDINATOR,
                    permits_joining: self.is_open(),
                    extended_pan: self.config.eui,
                };
                self.outputs.push_back(Output::Transmit(beacon.to_psdu(sequence())));
            }
            (MacCommand::AssociationRequest(capabilities), Some((_, Address::Extended(eui)))) if for_us => {
                self.acknowledge(&frame);
                self.associate(eui, capabilities & 0x08 == 0, is_taken);
            }
            (MacCommand::DataRequest, Some((_, Address::Extended(eui)))) if for_us => {
                self.acknowledge(&frame);
                self.answer_association(eui, sequence());
            }
            // Acknowledged by the node, whose peer it is by now.
            (MacCommand::DataRequest, Some((_, Address::Short(short)))) if for_us => {
                self.send_key(now, short, &mut sequence);
            }
            _ => {}
        }
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        self.expire(now);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Output {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| Output::Timeout(self.admitted.iter().map(|admitted| admitted.admission.until).min()))
    }

    fn expire(&mut self, now: Time) {
        self.admitted.retain(|admitted| now < admitted.admission.until);
    }

    fn associate(&mut self, eui: Eui64, sleepy: bool, is_taken: impl Fn(ShortAddress) -> bool) {
        let others: Vec<_> = self.admitted.iter().filter_map(|a| a.short).collect();
        let Some(admitted) = self.admitted.iter_mut().find(|a| a.admission.eui == eui) else {
            return self.outputs.push_back(Output::Refused(eui));
        };
        if admitted.short.is_none() {
            // Any that is free; starting from the name makes it the same again for the same device.
            let [.., high, low] = eui.octets();
            let mut short = u16::from_be_bytes([high & 0x7F, low]).max(1);
            while is_taken(ShortAddress(short)) || others.contains(&ShortAddress(short)) {
                short = short % 0x7FFF + 1;
            }
            admitted.short = Some(ShortAddress(short));
            self.outputs.push_back(Output::Associated { eui, short: ShortAddress(short), sleepy });
        }
    }

    fn answer_association(&mut self, eui: Eui64, sequence: u8) {
        let admitted = self.admitted.iter().find(|a| a.admission.eui == eui);
        // 2: access denied, to whoever is not expected.
        let (short, status) = match admitted.map(|a| a.short) {
            Some(Some(short)) => (short, 0),
            Some(None) => return,
            None => (ShortAddress::BROADCAST, 2),
        };
        let response = MacCommand::AssociationResponse(short, status);
        let (to, from) = ((self.config.pan, Address::Extended(eui)), Some((None, Address::Extended(self.config.eui))));
        self.outputs.push_back(Output::Transmit(response.to_psdu(sequence, to, from)));
    }

    fn send_key(&mut self, now: Time, short: ShortAddress, sequence: &mut impl FnMut() -> u8) {
        let Some(admitted) = self.admitted.iter().find(|a| a.short == Some(short)) else { return };
        self.counter = self.counter.saturating_add(1).max(now.seconds() as u32);
        let transport = TransportKey {
            key: self.config.network_key.clone(),
            sequence: self.config.network_key_sequence,
            destination: admitted.admission.eui,
            source: self.config.eui,
        };
        let number = sequence();
        if let Ok(nwk) = transport.seal(&admitted.admission.link_key, self.counter, number, short) {
            let frame = Frame::data(self.config.pan, short, ShortAddress::COORDINATOR, number, &nwk);
            self.outputs.push_back(Output::Transmit(frame.to_vec()));
        }
    }

    fn acknowledge(&mut self, frame: &Frame<'_>) {
        if frame.ack_request {
            self.outputs.push_back(Output::Transmit(Frame::ack(frame.sequence, true).to_vec()));
        }
    }
}
