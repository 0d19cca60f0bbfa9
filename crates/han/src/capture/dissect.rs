//! What the frames of a capture say, once keys open them and fragments are one again.
use crate::airtime::Traffic;
use crate::aps::{self, Endpoints};
use crate::interpan;
use crate::join::{Beacon, MacCommand, TransportKey};
use crate::key_command::{self, KeyCommand};
use crate::mac::{self, Address, ShortAddress};
use crate::mmo;
use crate::node::MAX_DATAGRAM;
use crate::nwk;
use crate::security::{Key, KeyId};
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};

/// How long a datagram's repetitions are recognised, and its fragments waited for.
const MEMORY: Duration = Duration::from_secs(60);
/// Datagrams remembered, and half of one waited for, at most.
const MAX_REMEMBERED: usize = 256;
/// Keys that transported ones are added to, at most.
const MAX_KEYS: usize = 64;

/// Who said something, or to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Station {
    /// Known by its short address; [`Dissector::eui`] may know more.
    Short(ShortAddress),
    /// Known by its EUI-64 only.
    Extended(Eui64),
    /// Everybody.
    All,
}

impl From<Address> for Station {
    fn from(address: Address) -> Self {
        match address {
            Address::Short(short) if short.0 >= 0xFFF8 => Self::All,
            Address::Short(short) => Self::Short(short),
            Address::Extended(eui) => Self::Extended(eui),
        }
    }
}

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A datagram of an application or of the device profile, whole.
    Datagram {
        /// Endpoints, cluster, profile.
        ends: Endpoints,
        /// Its payload.
        payload: Vec<u8>,
        /// Under which of the keys given, when it was under a link key.
        key: Option<usize>,
    },
    /// An inter-PAN frame.
    InterPan {
        /// The cluster.
        cluster: u16,
        /// Its payload; none when it is under a key that is not known.
        payload: Option<Vec<u8>>,
    },
    /// A beacon.
    Beacon(Beacon),
    /// A MAC command of joining. Polls are not told.
    Mac(MacCommand),
    /// The network key on its way.
    TransportKey(Eui64),
    /// A link key is asked for by the sender, to share with this device.
    RequestKey(Eui64),
    /// A link key is brought to the receiver, to share with this device.
    LinkKey(Eui64),
}

/// Something said, at the time its last frame was on the air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Time,
    /// By whom.
    pub from: Station,
    /// To whom.
    pub to: Station,
    /// What.
    pub what: What,
}

/// What the frames of a capture came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames, and their time on the air.
    pub traffic: Traffic,
    /// No frames, or frames of no use: noise.
    pub noise: u64,
    /// Frames that no key opened.
    pub locked: u64,
}

/// Reads a capture frame by frame. Memory is bounded whatever is in it.
pub struct Dissector {
    keys: Vec<Key>,
    given: usize,
    names: Vec<(ShortAddress, Eui64)>,
    /// Sender, MAC sequence number and check of the last frame of each sender: the same again is a repetition.
    last: Vec<(Station, u8, u16)>,
    heard: Vec<Heard>,
    partial: Vec<Partial>,
    tally: Tally,
}

/// What tells datagrams apart: from whom, to whom, between which endpoints, and the sender's counter for that receiver.
type Identity = (ShortAddress, ShortAddress, Endpoints, u8);

struct Heard {
    identity: Identity,
    at: Time,
}

struct Partial {
    identity: Identity,
    blocks: u8,
    payload: Vec<u8>,
    next: u8,
    at: Time,
}

/// A frame with its two layers of protection taken off.
struct Opened {
    nwk_source: ShortAddress,
    nwk_destination: ShortAddress,
    /// The APS frame; `clear` is its payload, and `key` the link key it was under.
    aps: Vec<u8>,
    clear: Vec<u8>,
    key: Option<usize>,
}

impl Dissector {
    /// With these network and link keys; network and link keys that come by under one of them are learnt.
    pub fn new(keys: impl Into<Vec<Key>>) -> Self {
        let keys = keys.into();
        let given = keys.len();
        let (names, last, heard, partial) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { keys, given, names, last, heard, partial, tally: Tally::default() }
    }

    /// Takes the next frame; what it completes.
    pub fn push(&mut self, at: Time, psdu: &[u8]) -> Option<Said> {
        self.tally.traffic.count(psdu.len());
        let Ok(frame) = mac::Frame::parse(psdu) else {
            self.tally.noise += 1;
            return None;
        };
        let from = frame.source.map(|(_, source)| Station::from(source));
        let to = frame.destination.map_or(Station::All, |(_, destination)| Station::from(destination));
        if frame.kind == mac::Kind::Ack || self.is_repetition(from, &frame, psdu) {
            return None;
        }
        let said = |what| Said { at, from: from.unwrap_or(Station::All), to, what };
        match frame.kind {
            mac::Kind::Beacon => Beacon::parse(&frame).ok().map(|beacon| said(What::Beacon(beacon))),
            mac::Kind::Command => match MacCommand::parse(frame.payload) {
                Ok(MacCommand::DataRequest) => None,
                Ok(command) => Some(said(What::Mac(command))),
                Err(_) => {
                    self.tally.noise += 1;
                    None
                }
            },
            mac::Kind::Data => match interpan::Frame::parse(&frame) {
                Ok(inter_pan) => {
                    let payload = self.open_inter_pan(&inter_pan);
                    Some(said(What::InterPan { cluster: inter_pan.cluster, payload }))
                }
                Err(_) => self.push_nwk(at, frame.payload),
            },
            mac::Kind::Ack => None,
        }
    }

    /// The frame as it would be without NWK and APS security, for tools that have no keys; as it is where no key opens it.
    pub fn cleared(&mut self, psdu: &[u8]) -> Vec<u8> {
        let mut cleared = || {
            let frame = mac::Frame::parse(psdu).ok().filter(|frame| frame.kind == mac::Kind::Data)?;
            let nwk = nwk::Frame::parse(frame.payload).ok()?;
            let opened = self.open(frame.payload)?;
            let aps = aps::Frame::parse(&opened.aps).ok()?;
            let aps = aps::Frame { security: None, payload: &opened.clear, ..aps }.to_vec();
            let nwk = nwk::Frame { security: None, payload: &aps, ..nwk }.to_vec();
            Some(mac::Frame { payload: &nwk, ..frame }.to_vec())
        };
        cleared().unwrap_or_else(|| psdu.to_vec())
    }

    /// The EUI-64 of a device, if the capture tells.
    pub fn eui(&self, station: Station) -> Option<Eui64> {
        match station {
            Station::Extended(eui) => Some(eui),
            Station::Short(short) => self.names.iter().find(|(s, _)| *s == short).map(|(_, eui)| *eui),
            Station::All => None,
        }
    }

    /// The short address of a device, if the capture tells.
    pub fn short(&self, eui: Eui64) -> Option<ShortAddress> {
        self.names.iter().find(|(_, e)| *e == eui).map(|(short, _)| *short)
    }

    /// The keys that came by so far, besides those given, in their order.
    pub fn learnt(&self) -> &[Key] {
        &self.keys[self.given..]
    }

    /// What the frames came to so far.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    fn push_nwk(&mut self, at: Time, octets: &[u8]) -> Option<Said> {
        let Some(opened) = self.open(octets) else {
            self.tally.locked += 1;
            return None;
        };
        let Opened { nwk_source, nwk_destination, aps, clear, key } = opened;
        let frame = aps::Frame::parse(&aps).ok()?;
        let (from, to) = (Address::Short(nwk_source).into(), Address::Short(nwk_destination).into());
        if let Some(transport) = TransportKey::parse(&clear).ok().filter(|_| frame.kind == aps::Kind::Command) {
            self.learn(nwk_destination, transport.destination);
            return Some(Said { at, from, to, what: What::TransportKey(transport.destination) });
        }
        if let Ok(command) = KeyCommand::parse(&clear)
            && frame.kind == aps::Kind::Command
        {
            let what = match command {
                KeyCommand::Request { partner } => What::RequestKey(partner),
                KeyCommand::Transport { partner, .. } => What::LinkKey(partner),
            };
            return Some(Said { at, from, to, what });
        }
        let ends = frame.endpoints.filter(|_| frame.kind == aps::Kind::Data)?;
        let payload = self.whole(at, (nwk_source, nwk_destination, ends, frame.counter), frame.block, clear)?;
        let key = key.filter(|key| *key < self.given);
        Some(Said { at, from, to, what: What::Datagram { ends, payload, key } })
    }

    /// The payload that this frame completes, once.
    fn whole(&mut self, at: Time, identity: Identity, block: Option<aps::Block>, clear: Vec<u8>) -> Option<Vec<u8>> {
        self.heard.retain(|heard| at < heard.at + MEMORY);
        self.partial.retain(|partial| at < partial.at + MEMORY);
        if self.heard.iter().any(|heard| heard.identity == identity) {
            return None;
        }
        let payload = match block {
            None => clear,
            Some(block) => {
                let index = if block.first { 0 } else { block.number };
                let is_ours = |partial: &Partial| partial.identity == identity;
                if block.first {
                    self.partial.retain(|partial| !is_ours(partial));
                    if self.partial.len() == MAX_REMEMBERED {
                        self.partial.remove(0);
                    }
                    let (blocks, payload) = (block.number, Vec::new());
                    self.partial.push(Partial { identity, blocks, payload, next: 0, at });
                }
                let place = self.partial.iter().position(is_ours)?;
                let partial = &mut self.partial[place];
                if index != partial.next || partial.payload.len() + clear.len() > MAX_DATAGRAM {
                    return None;
                }
                partial.payload.extend(clear);
                partial.next += 1;
                if partial.next < partial.blocks {
                    return None;
                }
                self.partial.swap_remove(place).payload
            }
        };
        if self.heard.len() == MAX_REMEMBERED {
            self.heard.remove(0);
        }
        self.heard.push(Heard { identity, at });
        Some(payload)
    }

    fn open(&mut self, octets: &[u8]) -> Option<Opened> {
        let nwk = nwk::Frame::parse(octets).ok()?;
        let aps = match nwk.security {
            None => nwk.payload.to_vec(),
            Some(_) => self.keys.iter().find_map(|key| nwk.open(key).ok())?,
        };
        let named = nwk.source_ieee.or(nwk.security.and_then(|aux| aux.source));
        if let Some(eui) = named {
            self.learn(nwk.source, eui);
        }
        let frame = aps::Frame::parse(&aps).ok()?;
        let (clear, key) = match frame.security {
            None => (frame.payload.to_vec(), None),
            Some(aux) => {
                let sender = aux.source.or(named).or_else(|| self.eui(Station::Short(nwk.source)))?;
                let open = |(at, key): (usize, &Key)| {
                    let key = match aux.key {
                        KeyId::Transport => mmo::key_transport_key(key),
                        other => key_command::of_link(key, other)?,
                    };
                    let clear = frame.open(&key, sender).ok()?;
                    Some((clear, Some(at)))
                };
                self.keys.iter().enumerate().find_map(open)?
            }
        };
        if frame.kind == aps::Kind::Command {
            self.learn_key(&clear);
        }
        Some(Opened { nwk_source: nwk.source, nwk_destination: nwk.destination, aps, clear, key })
    }

    fn open_inter_pan(&mut self, frame: &interpan::Frame<'_>) -> Option<Vec<u8>> {
        match frame.security {
            None => Some(frame.payload.to_vec()),
            Some(_) => {
                let opened = self.keys.iter().find_map(|key| frame.open(key).ok());
                self.tally.locked += u64::from(opened.is_none());
                opened
            }
        }
    }

    /// A command that brings a key: what follows may be under it.
    fn learn_key(&mut self, command: &[u8]) {
        let network = TransportKey::parse(command).ok().map(|transport| transport.key);
        let link = KeyCommand::parse(command).ok().and_then(|command| match command {
            KeyCommand::Transport { key, .. } => Some(key),
            KeyCommand::Request { .. } => None,
        });
        if let Some(key) = network.or(link).filter(|key| !self.keys.contains(key) && self.keys.len() < MAX_KEYS) {
            self.keys.push(key);
        }
    }

    fn learn(&mut self, short: ShortAddress, eui: Eui64) {
        self.names.retain(|(s, e)| *s != short && *e != eui);
        if self.names.len() == MAX_REMEMBERED {
            self.names.remove(0);
        }
        self.names.push((short, eui));
    }

    fn is_repetition(&mut self, from: Option<Station>, frame: &mac::Frame<'_>, psdu: &[u8]) -> bool {
        let Some(from) = from.filter(|_| frame.kind != mac::Kind::Beacon) else { return false };
        let this = (from, frame.sequence, mac::frame_check(psdu.split_last_chunk::<2>().map_or(psdu, |(f, _)| f)));
        let repeated = self.last.contains(&this);
        self.last.retain(|(station, ..)| *station != from);
        if self.last.len() == MAX_REMEMBERED {
            self.last.remove(0);
        }
        self.last.push(this);
        repeated
    }
}
