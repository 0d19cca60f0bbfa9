//! What a PPMID keeps as a GBCS device: its place in the network, its device log, the counters of Commands to it, Responses that wait.
use crate::config::{Config, Gas};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use gbcs::Eui64;
use gbcs::asn1::DeviceKind;
use gbcs::catalogue::Originator;
use gbcs::crypto::{Crypto, PublicKey};
use han::join::Membership;
use han::partner::Partners;
use han::{Key, PanId, ShortAddress};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

/// Devices in the log (GBCS 13.7).
pub(crate) const MAX_JOINED: usize = 16;
/// Responses that wait for a tunnel; the oldest makes room.
const MAX_OUTBOX: usize = 8;

/// The part of the record that is about the device itself.
#[derive(Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Own {
    /// Where it is since it joined by its install code.
    #[n(1)]
    place: Option<Place>,
    /// The device log, once it is no longer that of installation.
    #[n(2)]
    joined: Option<Vec<Joined>>,
    /// The highest accepted counter by role.
    #[n(3)]
    counters: BTreeMap<u8, u64>,
    /// Responses that the hub does not have.
    #[n(4)]
    outbox: VecDeque<ByteVec>,
    /// With whom it shares a link key.
    #[n(5)]
    pub(crate) partners: Partners,
}

/// A network, and what the PPMID is in it.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Place {
    #[n(1)]
    pan: u16,
    #[n(2)]
    short: u16,
    #[cbor(n(3), with = "handover::cbor::eui64")]
    hub: Eui64,
    #[n(4)]
    network_key: ByteArray<16>,
    #[n(5)]
    network_key_sequence: u8,
    #[n(6)]
    link_key: ByteArray<16>,
}

/// A device of the log; of a gas meter by Method C also its key agreement key.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Joined {
    #[cbor(n(1), with = "handover::cbor::eui64")]
    pub(crate) device: Eui64,
    /// As join messages number it.
    #[n(2)]
    kind: u8,
    #[n(3)]
    point: Option<ByteArray<64>>,
}

impl Joined {
    pub(crate) fn new(device: Eui64, kind: DeviceKind, key: Option<&PublicKey>) -> Self {
        Self { device, kind: kind.number(), point: key.map(|key| ByteArray::from(*key.point())) }
    }

    pub(crate) const fn kind(&self) -> DeviceKind {
        DeviceKind::from_number(self.kind)
    }
}

impl Own {
    /// The PPMID has joined a network: this is its link key with the hub.
    pub(crate) fn settle(&mut self, membership: &Membership, link_key: &Key) {
        let Membership { pan, short, coordinator, network_key, network_key_sequence } = membership;
        self.place = Some(Place {
            pan: pan.0,
            short: short.0,
            hub: *coordinator,
            network_key: ByteArray::from(*network_key.octets()),
            network_key_sequence: *network_key_sequence,
            link_key: ByteArray::from(*link_key.octets()),
        });
    }

    /// The network that it joined by its install code, and its link key with the hub.
    pub(crate) fn membership(&self) -> Option<(Membership, Key)> {
        let place = self.place.as_ref()?;
        let membership = Membership {
            pan: PanId(place.pan),
            short: ShortAddress(place.short),
            coordinator: place.hub,
            network_key: Key::new(*place.network_key),
            network_key_sequence: place.network_key_sequence,
        };
        Some((membership, Key::new(*place.link_key)))
    }

    /// The device log.
    pub(crate) fn log(&self, config: &Config) -> Vec<Joined> {
        self.joined.clone().unwrap_or_else(|| {
            let electricity = config.electricity.map(|device| Joined::new(device, DeviceKind::Esme, None));
            let gas = config.gas.as_ref().map(|gas| Joined::new(gas.meter, DeviceKind::Gsme, Some(&gas.key)));
            electricity.into_iter().chain(gas).collect()
        })
    }

    /// The device log is this one now.
    pub(crate) fn set_log(&mut self, log: Vec<Joined>) {
        self.joined = Some(log);
    }

    /// The electricity meter that the display shows: the first of the log.
    pub(crate) fn electricity(&self, config: &Config) -> Option<Eui64> {
        self.log(config).iter().find(|joined| joined.kind() == DeviceKind::Esme).map(|joined| joined.device)
    }

    /// The gas meter that the customer can ask: the first of the log.
    pub(crate) fn gas<C: Crypto>(&self, crypto: &C, config: &Config) -> Option<Gas> {
        let own = config.identity.as_ref().map(|identity| &identity.key_agreement);
        let own = own.or(config.gas.as_ref().map(|gas| &gas.own))?.clone();
        let log = self.log(config);
        let joined = log.iter().find(|joined| joined.kind() == DeviceKind::Gsme)?;
        let key = crypto.public_key(joined.point.as_deref()?).ok()?;
        Some(Gas { meter: joined.device, key, own })
    }

    /// The highest accepted counter of a role; none before its first Command.
    pub(crate) fn counter(&self, role: Originator) -> Option<u64> {
        self.counters.get(&(role as u8)).copied()
    }

    /// A Command of this role under this counter was accepted.
    pub(crate) fn accept(&mut self, role: Originator, counter: u64) {
        self.counters.insert(role as u8, counter);
    }

    /// A Response that the hub is to have.
    pub(crate) fn post(&mut self, response: Vec<u8>) {
        if self.outbox.len() == MAX_OUTBOX {
            self.outbox.pop_front();
        }
        self.outbox.push_back(response.into());
    }

    /// The oldest Response that the hub does not have.
    pub(crate) fn waiting(&self) -> Option<&[u8]> {
        self.outbox.front().map(|response| &response[..])
    }

    /// The hub has this one, if it still waits.
    pub(crate) fn taken(&mut self, response: &[u8]) {
        self.outbox.retain(|waiting| &waiting[..] != response);
    }
}
