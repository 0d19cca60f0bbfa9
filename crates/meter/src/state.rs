//! All that a meter must not forget, as one record: counters, effects, and the Responses not handed over yet.
use crate::books::Books;
use crate::config::{FactorySettings, Kind};
use crate::credentials::Credentials;
use crate::local::Attempts;
use crate::prepayment::Account;
use crate::register::Register;
use crate::work::Pending;
use crate::zse::Notice;
use crate::{esme, gsme};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use device::counters::Counters;
use gbcs::Eui64;
use han::node::{FrameCounters, PeerCounters};
use han::partner::Partners;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// Of the layout below; a record of another version is refused.
const VERSION: u8 = 4;

/// A stored state cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The octets are no state of a meter.
    #[error("not a stored meter state")]
    Malformed,
    /// Written by another version of the program.
    #[error("a meter state of version {0}, not {VERSION}")]
    Version(u8),
    /// That of the other kind of meter.
    #[error("the stored state is that of another kind of meter")]
    OtherKind,
}

/// The objects of one kind of meter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Model {
    #[n(0)]
    Esme(#[n(0)] esme::Store),
    #[n(1)]
    Gsme(#[n(0)] gsme::Store),
}

/// The persistent state of a meter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct State {
    #[n(0)]
    version: u8,
    #[n(1)]
    pub counters: Counters,
    #[n(2)]
    pub books: Books,
    #[n(3)]
    pub model: Model,
    #[n(4)]
    pub pending: Vec<Pending>,
    /// Responses and Alerts that the hub has not taken yet, oldest first.
    #[n(5)]
    pub outbox: VecDeque<ByteVec>,
    #[n(6)]
    frames: Frames,
    /// The tunnel the hub has with an electricity meter: void after a restart, and the hub is to be told.
    #[n(7)]
    pub tunnel: Option<u16>,
    /// Bad UTRNs entered by hand.
    #[n(8)]
    pub attempts: Attempts,
    /// What Commands replaced of keys, cells and joins.
    #[n(9)]
    pub credentials: Credentials,
    /// The message on an electricity meter, and whether the customer has seen it.
    #[n(10)]
    pub notice: Notice,
    /// Whom the meter shares link keys with.
    #[cbor(n(20), default)]
    pub partners: Partners,
}

/// Frame counters of the radio; the han crate's type, as this record writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
struct Frames {
    #[n(0)]
    network: u32,
    /// Peer; outgoing link counter; floors of network and link.
    #[n(1)]
    peers: Vec<(u64, u32, u32, u32)>,
}

impl State {
    /// A meter fresh from the factory.
    pub fn new(kind: Kind, factory: &FactorySettings) -> Self {
        Self {
            version: VERSION,
            counters: Counters::default(),
            books: Books::new(Account { billed: kind == Kind::Gsme, ..Account::new(factory) }),
            model: match kind {
                Kind::Esme => Model::Esme(esme::Store::default()),
                Kind::Gsme => Model::Gsme(gsme::Store::default()),
            },
            pending: Vec::new(),
            outbox: VecDeque::new(),
            frames: Frames::default(),
            tunnel: None,
            attempts: Attempts::default(),
            credentials: Credentials::default(),
            notice: Notice::default(),
            partners: Partners::default(),
        }
    }

    /// Read a stored record.
    pub fn parse(kind: Kind, octets: &[u8]) -> Result<Self, StateError> {
        /// Just the version, whatever else the record holds.
        #[derive(Decode)]
        struct Head {
            #[n(0)]
            version: u8,
        }
        let head: Head = minicbor::decode(octets).map_err(|_| StateError::Malformed)?;
        if head.version != VERSION {
            return Err(StateError::Version(head.version));
        }
        let state: Self = minicbor::decode(octets).map_err(|_| StateError::Malformed)?;
        match (kind, &state.model) {
            (Kind::Esme, Model::Esme(_)) | (Kind::Gsme, Model::Gsme(_)) => Ok(state),
            _ => Err(StateError::OtherKind),
        }
    }

    /// The record to store.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to a Vec cannot fail, and no field refuses to be written.
        let written = minicbor::encode(self, &mut out);
        debug_assert!(written.is_ok());
        out
    }

    pub fn registers(&self) -> Vec<Register> {
        match &self.model {
            Model::Esme(store) => esme::registers(store, &self.books),
            Model::Gsme(store) => gsme::registers(store, &self.books),
        }
    }

    pub fn frame_counters(&self) -> FrameCounters {
        let peer = |&(peer, link, network_floor, link_floor): &(u64, u32, u32, u32)| PeerCounters {
            peer: Eui64::from_u64(peer),
            link,
            network_floor,
            link_floor,
        };
        FrameCounters { network: self.frames.network, peers: self.frames.peers.iter().map(peer).collect() }
    }

    pub fn set_frame_counters(&mut self, counters: &FrameCounters) {
        let peers = counters.peers.iter().map(|c| (c.peer.to_u64(), c.link, c.network_floor, c.link_floor)).collect();
        self.frames = Frames { network: counters.network, peers };
    }
}
