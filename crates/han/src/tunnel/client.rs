//! The client of the Tunneling cluster: it asks each server for one tunnel and keeps it (han.md 1.4, 3.1, 3.2).
use super::front::{Front, Incoming, overflows};
use super::lane::{Lane, Transfer};
use super::{CloseReason, Output, Remote, TransferFailure, TransferId, admit_all};
use crate::zcl::tunneling::{
    MAX_TRANSFER, RequestTunnel, ToClient, ToServer, TransferDataStatus, TunnelStatus, to_server,
};
use crate::zcl::{DefaultResponse, Direction, Frame, Status};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};

/// TunnelIDs remembered per server because they may still be open there.
const MAX_FORMER: usize = 4;

/// Timers and limits of a client; the defaults are those of han.md 12 and 6.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Our endpoint.
    pub endpoint: u8,
    /// How long a RequestTunnelResponse may take, and the answers to CloseTunnel.
    pub answer_wait: Duration,
    /// After a Busy, and after a status that does not pass by itself.
    pub busy_retry: Duration,
    /// After no answer.
    pub reopen_wait: Duration,
    /// From a RequestTunnelResponse to the next RequestTunnel.
    pub renewal: Duration,
    /// How long the Default Response to a TransferData may take.
    pub transfer_wait: Duration,
    /// Refusals other than Busy, or silences, after which a client with nothing to send stops asking.
    pub max_failures: u32,
    /// Data is given up only after this many failed attempts...
    pub give_up_attempts: u32,
    /// ...and only when it has waited so long.
    pub give_up_after: Duration,
    /// Data waiting for one server.
    pub max_waiting: usize,
}

impl ClientConfig {
    /// The defaults at this endpoint.
    pub const fn at(endpoint: u8) -> Self {
        Self {
            endpoint,
            answer_wait: Duration::from_secs(5),
            busy_retry: Duration::from_secs(180),
            reopen_wait: Duration::from_secs(10),
            renewal: Duration::from_secs(0xFFFF),
            transfer_wait: Duration::from_secs(60),
            max_failures: 10,
            give_up_attempts: 3,
            give_up_after: Duration::from_secs(600),
            max_waiting: 64,
        }
    }
}

/// The client of the cluster, towards any number of servers.
pub struct Client {
    config: ClientConfig,
    servers: Vec<Association>,
    front: Front,
}

struct Association {
    peer: Eui64,
    endpoint: u8,
    tunnel: Option<Tunnel>,
    request: Request,
    /// Attempts that failed since the last that did not.
    failures: u32,
    /// The server said NoMoreTunnelIDs and all we could close is closed.
    exhausted: bool,
    former: VecDeque<u16>,
    lane: Lane,
}

#[derive(Clone, Copy)]
struct Tunnel {
    id: u16,
    max: u16,
    renew: Time,
}

enum Request {
    Idle,
    Due(Time),
    Sent {
        tsn: u8,
        deadline: Time,
    },
    /// CloseTunnel was sent under these transaction numbers; RequestTunnel follows when all are answered.
    Closing {
        unanswered: Vec<u8>,
        until: Time,
    },
}

impl Client {
    /// A client without associations.
    pub const fn new(config: ClientConfig) -> Self {
        Self { config, servers: Vec::new(), front: Front::at(config.endpoint) }
    }

    /// Asks a server at this endpoint for a tunnel, and keeps it open from now on. Call it at power-on, and when CBKE with
    /// the device has completed or it joined again: what is known of an older tunnel is then void.
    pub fn open(&mut self, now: Time, peer: Eui64, endpoint: u8) {
        let at = self.index(peer).unwrap_or_else(|| {
            self.servers.push(Association {
                peer,
                endpoint,
                tunnel: None,
                request: Request::Idle,
                failures: 0,
                exhausted: false,
                former: VecDeque::new(),
                lane: Lane::default(),
            });
            self.servers.len() - 1
        });
        let server = &mut self.servers[at];
        server.endpoint = endpoint;
        server.failures = 0;
        server.forget_tunnel(true);
        server.request = Request::Due(now);
        self.run(now);
    }

    /// Asks at once for the tunnel that is not open, whatever it was waiting for: for a sleepy device that just woke.
    pub fn retry(&mut self, now: Time, peer: Eui64) {
        if let Some(at) = self.index(peer) {
            let server = &mut self.servers[at];
            if server.tunnel.is_none() && matches!(server.request, Request::Idle | Request::Due(_)) {
                server.request = Request::Due(now);
            }
        }
        self.run(now);
    }

    /// Closes the tunnel with a device that is no longer to be spoken to, and forgets it.
    pub fn remove(&mut self, now: Time, peer: Eui64) {
        let Some(at) = self.index(peer) else { return };
        if let Some(tunnel) = self.servers[at].tunnel {
            let tsn = self.front.take_tsn();
            self.send_zcl(at, ToServer::CloseTunnel(tunnel.id).to_zcl(tsn, true));
            self.front.tell(Output::Closed { peer, reason: CloseReason::Removed });
        }
        let mut server = self.servers.swap_remove(at);
        server.lane.drain().for_each(|transfer| self.front.fail(peer, transfer, TransferFailure::Closed));
        self.run(now);
    }

    /// Sends data to a server, after what waits for it. `Accepted` or `Failed` follows.
    pub fn send(&mut self, now: Time, peer: Eui64, data: Vec<u8>) -> TransferId {
        let (servers, max_waiting) = (&mut self.servers, self.config.max_waiting);
        let transfer = self.front.transfer(peer, |id| {
            let server = servers.iter_mut().find(|server| server.peer == peer).ok_or(TransferFailure::NoTunnel)?;
            if data.len() > server.tunnel.map_or(MAX_TRANSFER, |tunnel| tunnel.max) as usize {
                return Err(TransferFailure::TooLong);
            }
            server.lane.push(Transfer { id, data, queued: now }, max_waiting)
        });
        self.run(now);
        transfer
    }

    /// Takes a ZCL frame of the cluster that `peer` sent as server; all data is admitted.
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
        let Some(incoming) = Incoming::parse(zcl, Direction::ToClient) else { return };
        // A server not asked for anything gets no answer but that there is no tunnel.
        let known = self.index(peer).filter(|at| self.servers[*at].endpoint == endpoint);
        match (incoming, known) {
            (Incoming::Answer(tsn, response), Some(at)) => self.handle_default_response(now, at, tsn, response),
            (Incoming::Command(frame), at) => match (ToClient::parse(frame.command, frame.payload), at) {
                (Ok(ToClient::TransferData(tunnel, data)), at) => {
                    self.handle_data(Remote { peer, endpoint }, at, &frame, tunnel, data, admit);
                }
                (command, Some(at)) => self.handle_command(now, at, &frame, command),
                (_, None) => {}
            },
            _ => {}
        }
        self.run(now);
    }

    /// The node gave up a datagram of the cluster to this peer.
    pub fn handle_undelivered(&mut self, now: Time, peer: Eui64) {
        if let Some(at) = self.index(peer) {
            let server = &mut self.servers[at];
            if matches!(server.request, Request::Sent { .. }) || server.lane.in_flight.is_some() {
                self.attempt_failed(now, at, self.config.reopen_wait, true);
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
        self.front.pop().unwrap_or_else(|| Output::Timeout(self.timeout()))
    }

    /// Whether it was told to [`open`](Self::open) a tunnel with this server.
    pub fn knows(&self, peer: Eui64) -> bool {
        self.index(peer).is_some()
    }

    /// Whether a tunnel with this server is open.
    pub fn is_open(&self, peer: Eui64) -> bool {
        self.index(peer).is_some_and(|at| self.servers[at].tunnel.is_some())
    }

    /// Whether anything is asked for or under way: not the moment to sleep.
    pub fn is_busy(&self) -> bool {
        self.servers.iter().any(|server| {
            !server.lane.is_empty() || matches!(server.request, Request::Sent { .. } | Request::Closing { .. })
        })
    }

    fn run(&mut self, now: Time) {
        for at in 0..self.servers.len() {
            self.run_lane(now, at);
        }
        for at in 0..self.servers.len() {
            self.run_request(now, at);
        }
    }

    fn run_lane(&mut self, now: Time, at: usize) {
        let config = self.config;
        let server = &mut self.servers[at];
        let peer = server.peer;
        if let Some(transfer) = server.lane.overdue(now) {
            self.front.fail(peer, transfer, TransferFailure::NoAnswer);
        }
        if server.failures >= config.give_up_attempts {
            while server.lane.waiting.front().is_some_and(|transfer| transfer.queued + config.give_up_after <= now) {
                if let Some(given_up) = server.lane.waiting.pop_front() {
                    self.front.fail(peer, given_up.id, TransferFailure::Unreachable);
                }
            }
        }
        let Some(tunnel) = server.tunnel.filter(|_| server.lane.is_ready()) else { return };
        let tsn = self.front.take_tsn();
        if let Some(transfer) = self.servers[at].lane.start(now, tsn, config.transfer_wait) {
            let zcl = ToServer::TransferData(tunnel.id, &transfer.data).to_zcl(tsn, false);
            self.send_zcl(at, zcl);
        }
    }

    fn run_request(&mut self, now: Time, at: usize) {
        let server = &mut self.servers[at];
        match &server.request {
            Request::Sent { deadline, .. } if *deadline <= now => {
                self.attempt_failed(now, at, self.config.reopen_wait, true);
            }
            Request::Closing { unanswered, until } if unanswered.is_empty() || *until <= now => {
                server.request = Request::Due(now);
            }
            Request::Idle if server.tunnel.is_some_and(|tunnel| tunnel.renew <= now) => {
                server.request = Request::Due(now);
            }
            Request::Idle if server.tunnel.is_none() && server.lane.is_ready() => {
                server.request = Request::Due(now);
            }
            _ => {}
        }
        // One RequestTunnel at a time, over all servers.
        let others = self.servers.iter().any(|server| matches!(server.request, Request::Sent { .. }));
        if matches!(self.servers[at].request, Request::Due(due) if due <= now) && !others {
            let tsn = self.front.take_tsn();
            self.servers[at].request = Request::Sent { tsn, deadline: now + self.config.answer_wait };
            self.send_zcl(at, ToServer::RequestTunnel(RequestTunnel::GBCS).to_zcl(tsn, true));
        }
    }

    fn timeout(&self) -> Option<Time> {
        let requesting = self.servers.iter().any(|server| matches!(server.request, Request::Sent { .. }));
        let of = |server: &Association| {
            let request = match &server.request {
                Request::Idle => server.tunnel.map(|tunnel| tunnel.renew),
                // While another request is in the air, its end is what this one waits for.
                Request::Due(due) => Some(*due).filter(|_| !requesting),
                Request::Sent { deadline, .. } => Some(*deadline),
                Request::Closing { until, .. } => Some(*until),
            };
            let given_up = (server.failures >= self.config.give_up_attempts)
                .then(|| server.lane.waiting.front().map(|transfer| transfer.queued + self.config.give_up_after))
                .flatten();
            [request, given_up, server.lane.timeout()].into_iter().flatten().min()
        };
        self.servers.iter().filter_map(of).min()
    }

    fn handle_default_response(&mut self, now: Time, at: usize, tsn: u8, response: DefaultResponse) {
        let server = &mut self.servers[at];
        let peer = server.peer;
        match (response.command, &mut server.request) {
            (to_server::TRANSFER_DATA, _) => {
                if let Some(transfer) = server.lane.answered(tsn) {
                    server.failures = 0;
                    self.front.settle(peer, transfer, response.status);
                }
            }
            (to_server::CLOSE_TUNNEL, Request::Closing { unanswered, .. }) => unanswered.retain(|open| *open != tsn),
            (to_server::REQUEST_TUNNEL, Request::Sent { tsn: sent, .. })
                if *sent == tsn && response.status != Status::Success =>
            {
                self.attempt_failed(now, at, self.config.busy_retry, true);
            }
            _ => {}
        }
    }

    fn handle_command(
        &mut self,
        now: Time,
        at: usize,
        frame: &Frame<'_>,
        command: Result<ToClient<'_>, crate::ParseError>,
    ) {
        let ours = self.servers[at].tunnel.map(|tunnel| tunnel.id);
        match command {
            Ok(ToClient::RequestTunnelResponse { tunnel, status, max_incoming }) => {
                if matches!(self.servers[at].request, Request::Sent { tsn, .. } if tsn == frame.tsn) {
                    self.handle_answer(now, at, tunnel, status, max_incoming);
                }
            }
            Ok(ToClient::TransferDataError(tunnel, TransferDataStatus::DataOverflow)) if ours == Some(tunnel) => {
                let server = &mut self.servers[at];
                if let Some(in_flight) = server.lane.in_flight.take() {
                    let (peer, transfer) = (server.peer, in_flight.transfer.id);
                    self.front.fail(peer, transfer, TransferFailure::TooLong);
                }
            }
            Ok(ToClient::TransferDataError(tunnel, _)) if ours == Some(tunnel) => {
                // Not known there, or another's by now: either way not ours. What provoked this goes first on the next.
                self.close(at, CloseReason::Forgotten, false);
                let server = &mut self.servers[at];
                server.failures += 1;
                let wait = if server.failures > 1 { self.config.reopen_wait } else { Duration::ZERO };
                server.request = Request::Due(now + wait);
            }
            Ok(ToClient::TunnelClosureNotification(tunnel)) if ours == Some(tunnel) => {
                // The server's inactivity timer ends as ours of renewal does, or a little earlier: reopen when ours ends, or
                // at the periodic check (han.md 3.2).
                let due = now + self.config.reopen_wait;
                let renew = self.servers[at].tunnel.map_or(due, |tunnel| tunnel.renew.clamp(now, due));
                self.close(at, CloseReason::ByPeer, false);
                if matches!(self.servers[at].request, Request::Idle) {
                    self.servers[at].request = Request::Due(renew);
                }
            }
            Ok(_) => {}
            Err(error) => self.refuse(at, frame, error),
        }
    }

    fn refuse(&mut self, at: usize, frame: &Frame<'_>, error: crate::ParseError) {
        let status = match error {
            crate::ParseError::Unsupported(_) => Status::UnsupportedClusterCommand,
            _ => Status::MalformedCommand,
        };
        self.send_zcl(at, frame.default_response(status));
    }

    fn handle_answer(&mut self, now: Time, at: usize, tunnel: u16, status: TunnelStatus, max_incoming: u16) {
        let peer = self.servers[at].peer;
        match status {
            TunnelStatus::Success => {
                let server = &mut self.servers[at];
                if let Some(old) = server.tunnel.filter(|old| old.id != tunnel) {
                    server.lane.give_back();
                    server.remember(old.id);
                }
                let max = max_incoming.min(MAX_TRANSFER);
                server.former.retain(|id| *id != tunnel);
                server.tunnel = Some(Tunnel { id: tunnel, max, renew: now + self.config.renewal });
                server.request = Request::Idle;
                server.exhausted = false;
                if server.lane.is_empty() {
                    server.failures = 0;
                }
                self.front.tell(Output::Opened { peer, tunnel });
                for transfer in self.servers[at].lane.take_longer_than(max as usize) {
                    self.front.fail(peer, transfer, TransferFailure::TooLong);
                }
                self.run_lane(now, at);
            }
            TunnelStatus::NoMoreTunnelIds if !self.servers[at].exhausted => {
                self.front.tell(Output::Refused { peer, status });
                self.close(at, CloseReason::Unreachable, true);
                self.servers[at].exhausted = true;
                let former = core::mem::take(&mut self.servers[at].former);
                let mut unanswered = Vec::with_capacity(former.len());
                for id in former {
                    let tsn = self.front.take_tsn();
                    unanswered.push(tsn);
                    self.send_zcl(at, ToServer::CloseTunnel(id).to_zcl(tsn, false));
                }
                let until = now + self.config.answer_wait;
                // With nothing of ours to close, only waiting is left.
                self.servers[at].request =
                    if unanswered.is_empty() { Request::Due(until) } else { Request::Closing { unanswered, until } };
            }
            _ => {
                self.front.tell(Output::Refused { peer, status });
                self.servers[at].exhausted = false;
                // A server that is busy will not stay so: it does not count towards giving up asking.
                self.attempt_failed(now, at, self.config.busy_retry, status != TunnelStatus::Busy);
            }
        }
    }

    /// A RequestTunnel or a TransferData came to nothing: no tunnel, and another attempt after `wait`.
    fn attempt_failed(&mut self, now: Time, at: usize, wait: Duration, may_stop: bool) {
        self.close(at, CloseReason::Unreachable, true);
        let server = &mut self.servers[at];
        let asked = matches!(server.request, Request::Sent { .. });
        server.failures += 1;
        let tired = may_stop && server.failures >= self.config.max_failures && server.lane.is_empty();
        server.request = match (tired, asked) {
            (true, _) => Request::Idle,
            (false, true) => Request::Due(now + wait),
            // The first lost transfer asks for a new tunnel at once, and goes first on it.
            (false, false) if server.failures == 1 => Request::Due(now),
            (false, false) => Request::Due(now + wait),
        };
    }

    fn close(&mut self, at: usize, reason: CloseReason, may_be_open: bool) {
        let server = &mut self.servers[at];
        if server.tunnel.is_some() {
            server.forget_tunnel(may_be_open);
            self.front.tell(Output::Closed { peer: server.peer, reason });
        }
    }

    fn handle_data(
        &mut self,
        from: Remote,
        at: Option<usize>,
        frame: &Frame<'_>,
        tunnel: u16,
        data: &[u8],
        admit: impl FnOnce(Eui64, &[u8]) -> Status,
    ) {
        let open = at.and_then(|at| self.servers[at].tunnel).is_some_and(|open| open.id == tunnel);
        let error = match open {
            false => TransferDataStatus::NoSuchTunnel,
            true if overflows(data) => TransferDataStatus::DataOverflow,
            true => return self.front.take_data(from, frame, data, admit),
        };
        self.front.send(from, ToServer::TransferDataError(tunnel, error).to_zcl(frame.tsn, true));
    }

    fn send_zcl(&mut self, at: usize, zcl: Vec<u8>) {
        let Association { peer, endpoint, .. } = self.servers[at];
        self.front.send(Remote { peer, endpoint }, zcl);
    }

    fn index(&self, peer: Eui64) -> Option<usize> {
        self.servers.iter().position(|server| server.peer == peer)
    }
}

impl Association {
    /// Drops the tunnel; what was in flight on it waits again, at the head.
    fn forget_tunnel(&mut self, may_be_open: bool) {
        self.lane.give_back();
        if let Some(tunnel) = self.tunnel.take()
            && may_be_open
        {
            self.remember(tunnel.id);
        }
    }

    fn remember(&mut self, tunnel: u16) {
        self.former.retain(|id| *id != tunnel);
        if self.former.len() == MAX_FORMER {
            self.former.pop_front();
        }
        self.former.push_back(tunnel);
    }
}
