//! The link keys that a device shares with others of its home: its side of their exchange through the Trust Centre (GBCS 13.7
//! Method A; ZigBee PRO 4.4.9).
//!
//! Its device log says with whom; that is told by [`join`](Partners::join) and [`part`](Partners::part). The initiator asks the Trust
//! Centre at once, the responder only when no key has come for a while: the other one may have asked before this one was told. Who
//! is not in the log gets no key here, whatever the Trust Centre brings. A partner whose frames do not open has another key, so a new
//! one is asked for. The key that was counts until the new one is there.
use crate::key_command::KeyCommand;
use crate::mac::ShortAddress;
use crate::node::{Datagram, Node, Peer, Refusal};
use crate::security::Key;
use crate::wire::{ParseError, Reader};
use crate::zdo;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};

/// How long a responder waits for a key that the initiator asked for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Until the second request; each further one waits twice as long as the one before, up to [`LONGEST`].
const AGAIN: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(3600);
/// Between two requests because of frames that did not open: anybody in the network can send those.
const REKEY: Duration = Duration::from_secs(600);

/// The part that a device was given in the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It asks.
    Initiator,
    /// It is asked for.
    Responder,
}

/// What came of a command about link keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// This device and that one share a new key.
    Taken(Eui64),
    /// That device is not in the device log: its key was thrown away.
    NotJoined(Eui64),
    /// Not from the Trust Centre, or no key: thrown away.
    Ignored,
}

/// The partners of one device. A durable state: to be stored whenever [`take_changed`](Self::take_changed) says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partners {
    entries: Vec<Entry>,
    /// Those that the node is to forget.
    parted: Vec<Eui64>,
    tsn: u8,
    changed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    device: Eui64,
    part: Part,
    /// A key is to be asked for.
    wanted: bool,
    key: Option<Key>,
    short: Option<ShortAddress>,
    /// The node knows the key, and counts under it.
    in_use: bool,
    /// Its address is to be asked for.
    lost: bool,
    due: Option<Time>,
    tries: u32,
    asked: Option<Time>,
}

impl Partners {
    /// Octets of one stored entry.
    const ENTRY_LEN: usize = 27;

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// Octets that end too early, flags that this version does not know, or that belie what follows them.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(octets, "partners");
        let mut entries = Vec::with_capacity(octets.len() / Self::ENTRY_LEN);
        while !r.is_empty() {
            let (device, flags, short, key) = (r.eui()?, r.u8()?, ShortAddress(r.u16()?), Key::new(r.array()?));
            let is = |bit: u8| flags & 1 << bit != 0;
            let absent = (!is(2) && key != Key::new([0; 16])) || (!is(3) && short.0 != 0);
            if flags >= 1 << 6 || is(4) && !(is(2) && is(3)) || absent {
                return Err(ParseError::Unsupported("flags of a partner"));
            }
            entries.push(Entry {
                part: if is(0) { Part::Initiator } else { Part::Responder },
                wanted: is(1),
                key: is(2).then_some(key),
                short: is(3).then_some(short),
                in_use: is(4),
                lost: is(5),
                ..Entry::new(device, Part::Responder)
            });
        }
        Ok(Self { entries, ..Self::default() })
    }

    /// Octets of the stored form.
    pub const fn encoded_len(&self) -> usize {
        Self::ENTRY_LEN * self.entries.len()
    }

    /// Appends a form to store: of each partner its EUI-64, flags, short address and key, absent ones zero.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for entry in &self.entries {
            let flags = [
                entry.part == Part::Initiator,
                entry.wanted,
                entry.key.is_some(),
                entry.short.is_some(),
                entry.in_use,
                entry.lost,
            ];
            out.extend(entry.device.to_le());
            out.push(flags.iter().enumerate().map(|(bit, flag)| u8::from(*flag) << bit).sum());
            out.extend(entry.short.map_or(0, |short| short.0).to_le_bytes());
            out.extend(entry.key.as_ref().map_or([0; 16], |key| *key.octets()));
        }
    }

    /// The stored form as octets of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }

    /// A device that shares a key with this one since their installation; one that is known already stays as it is.
    pub fn adopt(&mut self, peer: &Peer) {
        if let Some(key) = peer.link_key.clone().filter(|_| self.get_mut(peer.eui).is_none()) {
            let (key, short) = (Some(key), Some(peer.short));
            self.entries.push(Entry { key, short, in_use: true, ..Entry::new(peer.eui, Part::Responder) });
        }
    }

    /// The device log has this device now, or again: a key is asked for, in this part.
    pub fn join(&mut self, device: Eui64, part: Part) {
        let joined = Entry { part, wanted: true, ..Entry::new(device, part) };
        match self.get_mut(device) {
            Some(entry) => {
                let Entry { key, short, in_use, lost, .. } = entry.clone();
                *entry = Entry { key, short, in_use, lost, ..joined };
            }
            None => self.entries.push(joined),
        }
        self.parted.retain(|parted| *parted != device);
        self.changed = true;
    }

    /// The device log has this device no longer: its key is forgotten.
    pub fn part(&mut self, device: Eui64) {
        self.entries.retain(|entry| entry.device != device);
        self.parted.push(device);
        self.changed = true;
    }

    /// Takes a command about link keys that the node handed up.
    pub fn hear(&mut self, node: &mut Node, trust_centre: Eui64, from: Eui64, command: KeyCommand) -> Brought {
        let KeyCommand::Transport { key, partner, .. } = command else { return Brought::Ignored };
        if from != trust_centre {
            return Brought::Ignored;
        }
        let Some(entry) = self.get_mut(partner) else { return Brought::NotJoined(partner) };
        // The same key again starts no counters again.
        if entry.key.as_ref() != Some(&key) {
            (entry.key, entry.in_use) = (Some(key), false);
        }
        // It may have another address by now.
        (entry.wanted, entry.lost, entry.due, entry.tries) = (false, true, None, 0);
        entry.put_in_use(node);
        self.changed = true;
        Brought::Taken(partner)
    }

    /// Takes the answer to an address request; whether the datagram was one.
    pub fn answer(&mut self, node: &mut Node, trust_centre: Eui64, datagram: &Datagram) -> bool {
        let frame = Some(datagram).filter(|d| d.profile == zdo::PROFILE && d.peer == trust_centre);
        let frame = frame.and_then(|d| zdo::Frame::parse(d.cluster, &d.payload).ok());
        let Some(zdo::Command::AddressResponse { status, eui, short }) = frame.map(|frame| frame.command) else {
            return false;
        };
        if let Some(entry) = self.get_mut(eui).filter(|entry| entry.lost && status == zdo::Status::Success) {
            let moved = entry.short != Some(short);
            (entry.short, entry.lost) = (Some(short), false);
            if !entry.wanted {
                (entry.due, entry.tries) = (None, 0);
            }
            if moved && entry.in_use {
                node.set_peer(entry.peer(short));
            }
            entry.put_in_use(node);
            self.changed = true;
        }
        true
    }

    /// A frame from this address was refused: a partner that has another key, or none, needs a new one.
    pub fn refused(&mut self, now: Time, from: ShortAddress, refusal: Refusal) {
        let no_key = matches!(refusal, Refusal::Mic | Refusal::Unprotected);
        let entry = self.entries.iter_mut().find(|entry| entry.in_use && entry.short == Some(from));
        if let Some(entry) = entry.filter(|entry| no_key && !entry.wanted) {
            let due = entry.asked.map_or(now, |asked| now.max(asked + REKEY));
            (entry.wanted, entry.due) = (true, Some(due));
            self.changed = true;
        }
    }

    /// Does what is due; whether anything was.
    pub fn run(&mut self, now: Time, node: &mut Node, trust_centre: Eui64) -> bool {
        let mut any = !self.parted.is_empty();
        self.parted.drain(..).for_each(|device| node.remove_peer(device));
        for entry in &mut self.entries {
            let looks = entry.lost && entry.key.is_some();
            if !entry.wanted && !looks {
                continue;
            }
            let patience = if entry.part == Part::Responder && entry.wanted { PATIENCE } else { Duration::ZERO };
            let due = *entry.due.get_or_insert(now + patience);
            if now < due {
                continue;
            }
            any = true;
            entry.due = Some(now + LONGEST.min(AGAIN * (1 << entry.tries.min(9))));
            entry.tries += 1;
            if entry.wanted {
                entry.asked = Some(now);
                node.send_key(now, trust_centre, KeyCommand::Request { partner: entry.device });
            }
            if looks {
                self.tsn = self.tsn.wrapping_add(1);
                let command = zdo::Command::AddressRequest { eui: entry.device };
                let frame = zdo::Frame { tsn: self.tsn, command };
                node.send(
                    now,
                    Datagram {
                        peer: trust_centre,
                        profile: zdo::PROFILE,
                        cluster: frame.cluster(),
                        src_endpoint: zdo::ENDPOINT,
                        dst_endpoint: zdo::ENDPOINT,
                        payload: frame.to_vec(),
                    },
                );
            }
        }
        any
    }

    /// When something is due; long ago where [`run`](Self::run) is to decide.
    pub fn timeout(&self) -> Option<Time> {
        let waits = self.entries.iter().filter(|entry| entry.wanted || entry.lost && entry.key.is_some());
        waits.map(|entry| entry.due.unwrap_or(Time(0))).min()
    }

    /// Whether the state is another one than at the last call.
    pub const fn take_changed(&mut self) -> bool {
        core::mem::replace(&mut self.changed, false)
    }

    /// The peers that a node starts with.
    pub fn peers(&self) -> impl Iterator<Item = Peer> {
        self.entries.iter().filter(|entry| entry.in_use).filter_map(|entry| Some(entry.peer(entry.short?)))
    }

    /// The address of a partner with which a key is in use.
    pub fn address(&self, device: Eui64) -> Option<ShortAddress> {
        self.peers().find(|peer| peer.eui == device).map(|peer| peer.short)
    }

    /// Every key that is held, and with whom: for whoever opens a capture.
    pub fn keys(&self) -> impl Iterator<Item = (Eui64, &Key)> {
        self.entries.iter().filter_map(|entry| Some((entry.device, entry.key.as_ref()?)))
    }

    fn get_mut(&mut self, device: Eui64) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.device == device)
    }
}

impl Entry {
    const fn new(device: Eui64, part: Part) -> Self {
        let (wanted, key, short, in_use, lost) = (false, None, None, false, false);
        Self { device, part, wanted, key, short, in_use, lost, due: None, tries: 0, asked: None }
    }

    fn peer(&self, short: ShortAddress) -> Peer {
        Peer { eui: self.device, short, link_key: self.key.clone(), sleepy_child: false }
    }

    /// Gives the node a new key, once it is known where the partner is. Whatever counters the node had of this partner were
    /// those of another key.
    fn put_in_use(&mut self, node: &mut Node) {
        if let (Some(short), false, true) = (self.short, self.in_use, self.key.is_some()) {
            node.set_peer(Peer { link_key: None, ..self.peer(short) });
            node.set_peer(self.peer(short));
            self.in_use = true;
        }
    }
}

/// The stored form as a byte string: how every device keeps them in its record.
#[cfg(feature = "minicbor")]
impl<C> minicbor::Encode<C> for Partners {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.to_vec())?.ok()
    }
}

#[cfg(feature = "minicbor")]
impl<'b, C> minicbor::Decode<'b, C> for Partners {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(d.bytes()?).map_err(|_| minicbor::decode::Error::message("no partners"))
    }
}
