//! The server of the Tunneling cluster: it grants tunnels to the devices it may, and takes data from their owners only
//! (han.md 1.3).
use super::front::{Front, Incoming, overflows};
use super::lane::{Lane, Transfer};
use super::{CloseReason, Output, Remote, TransferFailure, TransferId, admit_all};
use crate::zcl::attributes::{ReadAttributes, ReadAttributesResponse, Value};
use crate::zcl::tunneling::{
    CLOSE_TUNNEL_TIMEOUT, GB_HRGP, MAX_TRANSFER, NO_MANUFACTURER, NO_TUNNEL, Protocol, RequestTunnel, ToClient,
    ToServer, TransferDataStatus, TunnelStatus, to_client,
};
use crate::zcl::{Direction, Frame, Status, global};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};

/// The one protocol carried.
const PROTOCOL: Protocol = Protocol { manufacturer: NO_MANUFACTURER, id: GB_HRGP };
/// Attribute ClusterRevision.
const CLUSTER_REVISION: u16 = 0xFFFD;

/// Timers and limits of a server; the defaults are those of han.md 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Our endpoint.
    pub endpoint: u8,
    /// Tunnels at one time.
    pub max_tunnels: usize,
    /// CloseTunnelTimeout: seconds without traffic after which a tunnel is freed.
    pub close_timeout: u16,
    /// How long the Default Response to a TransferData may take.
    pub transfer_wait: Duration,
    /// Data waiting for one client.
    pub max_waiting: usize,
}

impl ServerConfig {
    /// The defaults at this endpoint.
    pub const fn at(endpoint: u8) -> Self {
        Self {
            endpoint,
            max_tunnels: 16,
            close_timeout: 0xFFFF,
            transfer_wait: Duration::from_secs(60),
            max_waiting: 64,
        }
    }
}

/// The server of the cluster, for the clients it allows.
pub struct Server {
    config: ServerConfig,
    allowed: Vec<Allowed>,
    tunnels: Vec<Tunnel>,
    busy: bool,
    next_tunnel: u16,
    front: Front,
}

struct Allowed {
    peer: Eui64,
    notify: bool,
}

struct Tunnel {
    id: u16,
    owner: Remote,
    /// The longest Data the client takes.
    max: u16,
    expires: Time,
    /// Data was sent since the tunnel was last granted: an error about data sent before is no news of this tunnel.
    used: bool,
    lane: Lane,
}

impl Server {
    /// A server that allows nobody.
    pub const fn new(config: ServerConfig) -> Self {
        Self {
            config,
            allowed: Vec::new(),
            tunnels: Vec::new(),
            busy: false,
            next_tunnel: 0,
            front: Front::at(config.endpoint),
        }
    }

    /// Allows a device (of the Device Log, say) to open tunnels. `notify`: tell it when its tunnel is closed for want of
    /// traffic; not for a sleepy one, which would not hear it.
    pub fn allow(&mut self, peer: Eui64, notify: bool) {
        self.allowed.retain(|allowed| allowed.peer != peer);
        self.allowed.push(Allowed { peer, notify });
    }

    /// No longer allows a device; its tunnels are freed.
    pub fn deny(&mut self, _now: Time, peer: Eui64) {
        self.allowed.retain(|allowed| allowed.peer != peer);
        self.free(CloseReason::Removed, |tunnel| tunnel.owner.peer == peer);
    }

    /// A device left or joined again: its tunnels are void, and it may open new ones.
    pub fn reset(&mut self, _now: Time, peer: Eui64) {
        self.free(CloseReason::Forgotten, |tunnel| tunnel.owner.peer == peer);
    }

    /// While set, a RequestTunnel is answered Busy.
    pub const fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// Sends data to a client, after what waits for it. `Accepted` or `Failed` follows.
    pub fn send(&mut self, now: Time, peer: Eui64, data: Vec<u8>) -> TransferId {
        let (tunnels, max_waiting) = (&mut self.tunnels, self.config.max_waiting);
        let transfer = self.front.transfer(peer, |id| {
            // The newest tunnel of the client, should it have opened one from each of several endpoints.
            let newest = tunnels.iter_mut().rev().find(|tunnel| tunnel.owner.peer == peer);
            let tunnel = newest.ok_or(TransferFailure::NoTunnel)?;
            if data.len() > tunnel.max as usize {
                return Err(TransferFailure::TooLong);
            }
            tunnel.lane.push(Transfer { id, data, queued: now }, max_waiting)
        });
        self.run(now);
        transfer
    }

    /// Takes a ZCL frame of the cluster that `peer` sent as client; all data is admitted.
    pub fn handle_zcl(&mut self, now: Time, peer: Eui64, endpoint: u8, zcl: &[u8]) {
        self.handle_zcl_admitting(now, peer, endpoint, zcl, admit_all);
    }

    /// The same, but data is taken only when `admit` says success; its answer is the status of the Default Response.
    pub fn handle_zcl_admitting(
        &mut self,
        now: Time,
        peer: Eui64,
        endpoint: u8,
        zcl: &[u8],
        admit: impl FnOnce(Eui64, &[u8]) -> Status,
    ) {
        self.run(now);
        let from = Remote { peer, endpoint };
        match Incoming::parse(zcl, Direction::ToServer) {
            Some(Incoming::Answer(tsn, response)) if response.command == to_client::TRANSFER_DATA => {
                self.handle_transfer_answer(now, from, tsn, response.status);
            }
            Some(Incoming::Command(frame)) => self.handle_command(now, from, &frame, admit),
            Some(Incoming::Other(frame)) => self.handle_global(from, &frame),
            Some(Incoming::Answer(..)) | None => {}
        }
        self.run(now);
    }

    /// The node gave up a datagram of the cluster to this peer: what was on its way to it fails, its tunnel stays.
    pub fn handle_undelivered(&mut self, now: Time, peer: Eui64) {
        for tunnel in self.tunnels.iter_mut().filter(|tunnel| tunnel.owner.peer == peer) {
            if let Some(in_flight) = tunnel.lane.in_flight.take() {
                self.front.fail(peer, in_flight.transfer.id, TransferFailure::Unreachable);
            }
        }
        self.run(now);
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        self.run(now);
    }

    /// The next thing to do; drain it until `Timeout` after every call.
    pub fn poll(&mut self) -> Output {
        self.front.pop().unwrap_or_else(|| {
            let of = |tunnel: &Tunnel| tunnel.lane.timeout().map_or(tunnel.expires, |lane| lane.min(tunnel.expires));
            Output::Timeout(self.tunnels.iter().map(of).min())
        })
    }

    /// Whether this client has a tunnel open.
    pub fn is_open(&self, peer: Eui64) -> bool {
        self.tunnels.iter().any(|tunnel| tunnel.owner.peer == peer)
    }

    fn run(&mut self, now: Time) {
        let notify: Vec<_> = self
            .tunnels
            .iter()
            .filter(|tunnel| tunnel.expires <= now)
            .filter(|tunnel| self.allowed.iter().any(|allowed| allowed.peer == tunnel.owner.peer && allowed.notify))
            .map(|tunnel| (tunnel.owner, tunnel.id))
            .collect();
        for (to, id) in notify {
            let tsn = self.front.take_tsn();
            self.front.send(to, ToClient::TunnelClosureNotification(id).to_zcl(tsn, true));
        }
        self.free(CloseReason::Inactive, |tunnel| tunnel.expires <= now);
        for at in 0..self.tunnels.len() {
            let tunnel = &mut self.tunnels[at];
            let peer = tunnel.owner.peer;
            if let Some(transfer) = tunnel.lane.overdue(now) {
                self.front.fail(peer, transfer, TransferFailure::NoAnswer);
            }
            if !self.tunnels[at].lane.is_ready() {
                continue;
            }
            let (tsn, wait, expires) = (self.front.take_tsn(), self.config.transfer_wait, self.expiry(now));
            let tunnel = &mut self.tunnels[at];
            tunnel.expires = expires;
            tunnel.used = true;
            let (id, to) = (tunnel.id, tunnel.owner);
            if let Some(transfer) = tunnel.lane.start(now, tsn, wait) {
                let zcl = ToClient::TransferData(id, &transfer.data).to_zcl(tsn, false);
                self.front.send(to, zcl);
            }
        }
    }

    fn handle_transfer_answer(&mut self, now: Time, from: Remote, tsn: u8, status: Status) {
        let expires = self.expiry(now);
        for tunnel in self.tunnels.iter_mut().filter(|tunnel| tunnel.owner == from) {
            if let Some(transfer) = tunnel.lane.answered(tsn) {
                tunnel.expires = expires;
                return self.front.settle(from.peer, transfer, status);
            }
        }
    }

    fn handle_command(
        &mut self,
        now: Time,
        from: Remote,
        frame: &Frame<'_>,
        admit: impl FnOnce(Eui64, &[u8]) -> Status,
    ) {
        match ToServer::parse(frame.command, frame.payload) {
            Ok(ToServer::RequestTunnel(request)) => self.handle_request(now, from, frame.tsn, request),
            Ok(ToServer::CloseTunnel(id)) => {
                let status = match self.owner(id, from) {
                    Ok(_) => Status::Success,
                    Err(TransferDataStatus::NoSuchTunnel) => Status::NotFound,
                    Err(_) => Status::NotAuthorized,
                };
                match status {
                    Status::Success => self.free(CloseReason::ByPeer, |tunnel| tunnel.id == id),
                    status => self.front.tell(Output::CloseRefused { peer: from.peer, status }),
                }
                self.front.answer(from, frame, status);
            }
            Ok(ToServer::TransferData(id, data)) => self.handle_data(now, from, frame, id, data, admit),
            Ok(ToServer::TransferDataError(id, status)) => self.handle_transfer_error(id, from, status),
            Ok(ToServer::GetSupportedTunnelProtocols(offset)) => {
                let protocols = if offset == 0 { vec![PROTOCOL] } else { Vec::new() };
                let response = ToClient::SupportedTunnelProtocolsResponse { complete: true, protocols };
                self.front.send(from, response.to_zcl(frame.tsn, true));
            }
            // Flow control is refused when a tunnel is asked for, so its commands have no place.
            Ok(ToServer::AckTransferData(..) | ToServer::ReadyData(..)) | Err(crate::ParseError::Unsupported(_)) => {
                self.front.answer(from, frame, Status::UnsupportedClusterCommand);
            }
            Err(_) => self.front.answer(from, frame, Status::MalformedCommand),
        }
    }

    fn handle_request(&mut self, now: Time, from: Remote, tsn: u8, request: RequestTunnel) {
        let granted = self.grant(now, from, request);
        let (tunnel, status) = match granted {
            Ok(tunnel) => (tunnel, TunnelStatus::Success),
            Err(status) => (NO_TUNNEL, status),
        };
        let response = ToClient::RequestTunnelResponse { tunnel, status, max_incoming: MAX_TRANSFER };
        self.front.send(from, response.to_zcl(tsn, true));
        self.front.tell(match granted {
            Ok(tunnel) => Output::Opened { peer: from.peer, tunnel },
            Err(status) => Output::Refused { peer: from.peer, status },
        });
    }

    /// The checks of han.md 1.3, in their order.
    fn grant(&mut self, now: Time, from: Remote, request: RequestTunnel) -> Result<u16, TunnelStatus> {
        if request.protocol != PROTOCOL || !self.allowed.iter().any(|allowed| allowed.peer == from.peer) {
            return Err(TunnelStatus::ProtocolNotSupported);
        }
        if request.flow_control {
            return Err(TunnelStatus::FlowControlNotSupported);
        }
        if self.busy {
            return Err(TunnelStatus::Busy);
        }
        let (expires, max) = (self.expiry(now), request.max_incoming.min(MAX_TRANSFER));
        if let Some(open) = self.tunnels.iter_mut().find(|open| open.owner == from) {
            open.expires = expires;
            open.max = max;
            open.used = false;
            return Ok(open.id);
        }
        if self.tunnels.len() >= self.config.max_tunnels {
            return Err(TunnelStatus::NoMoreTunnelIds);
        }
        while self.next_tunnel == NO_TUNNEL || self.tunnels.iter().any(|open| open.id == self.next_tunnel) {
            self.next_tunnel = self.next_tunnel.wrapping_add(1);
        }
        let id = self.next_tunnel;
        self.next_tunnel = id.wrapping_add(1);
        self.tunnels.push(Tunnel { id, owner: from, max, expires, used: false, lane: Lane::default() });
        Ok(id)
    }

    fn handle_data(
        &mut self,
        now: Time,
        from: Remote,
        frame: &Frame<'_>,
        id: u16,
        data: &[u8],
        admit: impl FnOnce(Eui64, &[u8]) -> Status,
    ) {
        let owned = match self.owner(id, from) {
            Ok(_) if overflows(data) => Err(TransferDataStatus::DataOverflow),
            owned => owned,
        };
        match owned {
            Ok(at) => {
                self.tunnels[at].expires = self.expiry(now);
                self.front.take_data(from, frame, data, admit);
            }
            Err(error) => {
                self.front.send(from, ToClient::TransferDataError(id, error).to_zcl(frame.tsn, true));
            }
        }
    }

    fn handle_transfer_error(&mut self, id: u16, from: Remote, status: TransferDataStatus) {
        let Ok(at) = self.owner(id, from) else { return };
        let tunnel = &mut self.tunnels[at];
        if status == TransferDataStatus::DataOverflow {
            if let Some(in_flight) = tunnel.lane.in_flight.take() {
                self.front.fail(from.peer, in_flight.transfer.id, TransferFailure::TooLong);
            }
        } else if tunnel.used {
            // The client restarted; it will ask again.
            self.free(CloseReason::Forgotten, |tunnel| tunnel.id == id);
        } else {
            // It restarted and has asked again already: what was sent before that goes first on the tunnel it now has.
            tunnel.lane.give_back();
        }
    }

    fn handle_global(&mut self, from: Remote, frame: &Frame<'_>) {
        let wanted = (frame.command == global::READ_ATTRIBUTES && frame.manufacturer.is_none())
            .then(|| ReadAttributes::parse(frame.payload));
        let Some(wanted) = wanted else {
            return self.front.answer(from, frame, Status::UnsupportedGeneralCommand);
        };
        let Ok(wanted) = wanted else {
            return self.front.answer(from, frame, Status::MalformedCommand);
        };
        let timeout = self.config.close_timeout.to_le_bytes();
        let revision = 2u16.to_le_bytes();
        let read = |id: &u16| {
            let octets = match *id {
                CLOSE_TUNNEL_TIMEOUT => Some(&timeout),
                CLUSTER_REVISION => Some(&revision),
                _ => None,
            };
            (*id, octets.and_then(|octets| Value::new(0x21, octets)).ok_or(Status::UnsupportedAttribute))
        };
        let mut payload = Vec::new();
        // Two attributes exist; a longer list asks again for the same, or for nothing.
        ReadAttributesResponse(wanted.0.iter().take(16).map(read).collect()).encode(&mut payload);
        let zcl = Frame {
            direction: Direction::ToClient,
            disable_default_response: true,
            command: global::READ_ATTRIBUTES_RESPONSE,
            payload: &payload,
            ..*frame
        }
        .to_vec();
        self.front.send(from, zcl);
    }

    /// Where the tunnel with this TunnelID is, if it is this client's.
    fn owner(&self, id: u16, from: Remote) -> Result<usize, TransferDataStatus> {
        let at = self.tunnels.iter().position(|tunnel| tunnel.id == id).ok_or(TransferDataStatus::NoSuchTunnel)?;
        let tunnel = &self.tunnels[at];
        if tunnel.owner == from { Ok(at) } else { Err(TransferDataStatus::WrongDevice) }
    }

    fn free(&mut self, reason: CloseReason, which: impl Fn(&Tunnel) -> bool) {
        for mut tunnel in self.tunnels.extract_if(.., |tunnel| which(tunnel)) {
            let peer = tunnel.owner.peer;
            tunnel.lane.drain().for_each(|transfer| self.front.fail(peer, transfer, TransferFailure::Closed));
            self.front.tell(Output::Closed { peer, reason });
        }
    }

    fn expiry(&self, now: Time) -> Time {
        now + Duration::from_secs(self.config.close_timeout as u64)
    }
}
