//! At which endpoint a device serves a cluster: asked once, and the first endpoint that answers counts (han.md 1.4).
use super::{Command, ENDPOINT, Frame, PROFILE};
use crate::mac::ShortAddress;
use crate::node::Datagram;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};

/// How long an answer may take; a device that gives none is taken to have the cluster at the usual endpoint.
const WAIT: Duration = Duration::from_secs(5);

/// Match descriptor requests under way.
#[derive(Debug)]
pub struct Finder {
    cluster: u16,
    asked: Vec<(Eui64, Time)>,
    tsn: u8,
}

impl Finder {
    /// One that looks for servers of a Smart Energy cluster.
    pub const fn of(cluster: u16) -> Self {
        Self { cluster, asked: Vec::new(), tsn: 0 }
    }

    /// The request to a device; its answer comes to [`answer`](Self::answer).
    pub fn ask(&mut self, now: Time, peer: Eui64, short: ShortAddress) -> Datagram {
        self.forget(peer);
        self.asked.push((peer, now + WAIT));
        self.tsn = self.tsn.wrapping_add(1);
        let command = Command::MatchDescriptorRequest {
            of: short,
            profile: crate::SMART_ENERGY,
            inputs: alloc::vec![self.cluster],
            outputs: Vec::new(),
        };
        let frame = Frame { tsn: self.tsn, command };
        Datagram {
            peer,
            profile: PROFILE,
            cluster: frame.cluster(),
            src_endpoint: ENDPOINT,
            dst_endpoint: ENDPOINT,
            payload: frame.to_vec(),
        }
    }

    /// The device that a datagram answers for, and the endpoint, when it has one.
    pub fn answer(&mut self, datagram: &Datagram) -> Option<(Eui64, Option<u8>)> {
        let frame = Some(datagram).filter(|d| d.profile == PROFILE)?;
        let frame = Frame::parse(frame.cluster, &frame.payload).ok()?;
        let Command::MatchDescriptorResponse { endpoints, .. } = frame.command else { return None };
        let at = self.asked.iter().position(|(peer, _)| *peer == datagram.peer)?;
        let (peer, _) = self.asked.swap_remove(at);
        Some((peer, endpoints.first().copied()))
    }

    /// A device that did not answer in time.
    pub fn overdue(&mut self, now: Time) -> Option<Eui64> {
        let at = self.asked.iter().position(|(_, until)| *until <= now)?;
        Some(self.asked.swap_remove(at).0)
    }

    /// Whether a device's answer is waited for.
    pub fn is_asking(&self, peer: Eui64) -> bool {
        self.asked.iter().any(|(asked, _)| *asked == peer)
    }

    /// No longer waits for a device's answer.
    pub fn forget(&mut self, peer: Eui64) {
        self.asked.retain(|(asked, _)| *asked != peer);
    }

    /// When [`overdue`](Self::overdue) has something to tell.
    pub fn timeout(&self) -> Option<Time> {
        self.asked.iter().map(|(_, until)| *until).min()
    }
}
