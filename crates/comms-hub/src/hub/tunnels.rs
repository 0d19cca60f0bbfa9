//! The hub's tunnels: what goes through them and what becomes of it.
use super::Hub;
use crate::config::{DeviceKind, TunnelInitiator};
use crate::event::{Event, Undelivered, log_code};
use crate::exchange::Action;
use gbcs::crypto::Crypto;
use gbcs::{Eui64, Time};
use han::ShortAddress;
use han::tunnel::gsme::GsmeData;
use han::tunnel::{self, Side, TransferFailure, TransferId};
use han::zcl::Status;

impl<C: Crypto> Hub<C> {
    /// True when this side of the cluster has nothing to say.
    pub(super) fn handle_tunnel(&mut self, now: Time, side: Side, output: tunnel::Output) -> bool {
        match output {
            tunnel::Output::Send(outbound) => {
                let peer = outbound.peer;
                let handle = self.node.send(now, outbound.datagram());
                self.in_air.push((handle, peer, side));
            }
            tunnel::Output::Opened { peer, tunnel } => {
                self.event(Event::TunnelOpened { peer, tunnel });
                let is_ppmid = self.exchange.log.kind(peer) == Some(DeviceKind::Ppmid);
                if side == Side::Server && is_ppmid && self.ppmid_tunnel_initiator == TunnelInitiator::Ppmid {
                    // The hub's own was to do until then; what waits for it goes this way.
                    self.client.remove(now, peer);
                }
                self.exchange.actions.push_back(Action::Dispatch(peer));
            }
            tunnel::Output::Refused { peer, status } => {
                self.exchange.counters.count("tunnel_refused");
                self.exchange.write_log(now, log_code::REQUEST_TUNNEL_REJECTED, None);
                if self.exchange.log.kind(peer).is_none() {
                    self.exchange.write_log(now, log_code::UNAUTHORISED_COMMUNICATION, None);
                }
                self.event(Event::TunnelRefused { peer, status });
            }
            tunnel::Output::CloseRefused { peer, status } => {
                self.exchange.counters.count("close_refused");
                self.exchange.write_log(now, log_code::CLOSE_TUNNEL_REJECTED, None);
                if status == Status::NotAuthorized {
                    self.exchange.write_log(now, log_code::UNAUTHORISED_COMMUNICATION, None);
                }
                self.event(Event::CloseRefused { peer, status });
            }
            tunnel::Output::Closed { peer, reason } => self.event(Event::TunnelClosed { peer, reason }),
            // Taken where it was admitted: see `receive`.
            tunnel::Output::Data { .. } => {}
            tunnel::Output::Accepted { peer, transfer } => self.settle(now, side, peer, transfer, Ok(())),
            tunnel::Output::Failed { peer, transfer, reason } => self.settle(now, side, peer, transfer, Err(reason)),
            tunnel::Output::Timeout(at) => {
                match side {
                    Side::Client => self.client_timeout = at,
                    Side::Server => self.server_timeout = at,
                }
                return true;
            }
        }
        false
    }

    /// Send what waits for a device through whichever tunnel there is.
    pub(super) fn dispatch(&mut self, now: Time, peer: Eui64) {
        let waits = self.exchange.transits.iter().any(|t| t.peer == peer && t.ticket.is_none());
        let side = match self.exchange.log.kind(peer) {
            _ if self.server.is_open(peer) => Side::Server,
            // A PPMID that has nothing to say does not notice that the hub lost its tunnel: the hub asks for one itself.
            Some(DeviceKind::Ppmid) if waits && !self.client.knows(peer) => return self.ask_for_tunnel(now, peer),
            // Its endpoint is being asked for, or it has not joined: the client takes the messages when that is done.
            _ if !self.client.knows(peer) => return,
            Some(DeviceKind::Esme | DeviceKind::Hcalcs) => Side::Client,
            Some(DeviceKind::Ppmid) => Side::Client,
            // Only the device can open a tunnel: it is waited for.
            _ => return,
        };
        for transit in self.exchange.transits.iter_mut().filter(|t| t.peer == peer && t.ticket.is_none()) {
            let octets = transit.letter.octets.clone();
            let transfer = match side {
                Side::Client => self.client.send(now, peer, octets),
                Side::Server => self.server.send(now, peer, octets),
            };
            transit.ticket = Some((side, transfer));
        }
    }

    /// Ask a device that has joined where its tunnels are, unless that is under way: the answer leads to a tunnel.
    fn ask_for_tunnel(&mut self, now: Time, peer: Eui64) {
        let listed = self.exchange.log.get(peer).filter(|listed| listed.link_key.is_some());
        if let Some(listed) = listed.filter(|_| !self.finder.is_asking(peer)) {
            let request = self.finder.ask(now, peer, ShortAddress(listed.entry.short));
            self.node.send(now, request);
        }
    }

    pub(super) fn answer_get(&mut self, now: Time, gsme: Eui64) {
        let server = &mut self.server;
        self.exchange.mailbox_mut(gsme).get(|offer| {
            let response = GsmeData::GetResponse { remaining: offer.remaining, message: offer.message };
            server.send(now, gsme, response.to_vec())
        });
    }

    /// A transfer ended. No answer after the stack's acknowledgement counts as delivered: the device has the octets.
    fn settle(
        &mut self,
        now: Time,
        side: Side,
        peer: Eui64,
        transfer: TransferId,
        outcome: Result<(), TransferFailure>,
    ) {
        let outcome = match outcome {
            Err(TransferFailure::NoAnswer) => Ok(()),
            other => other,
        };
        if side == Side::Server && self.exchange.log.kind(peer) == Some(DeviceKind::Gsme) {
            let offers = self.exchange.settings.mailbox_offers;
            let mailbox = self.exchange.mailbox_mut(peer);
            if outcome.is_ok() {
                if let Some(letter) = mailbox.delivered(transfer) {
                    self.exchange.delivered(now, peer, &letter);
                }
            } else if let Some(letter) = mailbox.not_delivered(transfer, offers) {
                self.exchange.undelivered(now, peer, &letter, Undelivered::NotAcknowledged);
            }
            return;
        }
        let Some(at) = self.exchange.transits.iter().position(|t| t.peer == peer && t.ticket == Some((side, transfer)))
        else {
            return;
        };
        // A device that opens its own tunnel, as a PPMID does where the hub's does not come about, is waited for: until it is heard
        // again, or the message expires.
        let waits =
            matches!(outcome, Err(TransferFailure::NoTunnel | TransferFailure::Closed | TransferFailure::Unreachable));
        let opens = side == Side::Server || self.exchange.log.kind(peer) == Some(DeviceKind::Ppmid);
        if opens && waits {
            self.exchange.transits[at].ticket = None;
            if side == Side::Client && self.server.is_open(peer) {
                self.exchange.actions.push_back(Action::Dispatch(peer));
            }
            return;
        }
        let transit = self.exchange.transits.remove(at);
        match outcome {
            Ok(()) if transit.is_copy() => self.exchange.dirty = true,
            Ok(()) => self.exchange.delivered(now, peer, &transit.letter),
            Err(reason) => self.exchange.undelivered(now, peer, &transit.letter, Undelivered::Tunnel(reason)),
        }
    }
}
