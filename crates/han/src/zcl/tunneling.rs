//! The Tunneling cluster 0x0704 (han.md 1): all commands, both ways.
use super::{Direction, Frame};
use crate::wire::{ParseError, Reader, open_enum};
use alloc::vec::Vec;

/// The cluster's identifier.
pub const CLUSTER: u16 = 0x0704;
/// Attribute CloseTunnelTimeout, uint16, seconds.
pub const CLOSE_TUNNEL_TIMEOUT: u16 = 0x0000;
/// ProtocolID of GB-HRGP, the protocol of every GBCS tunnel.
pub const GB_HRGP: u8 = 6;
/// ManufacturerCode "not used".
pub const NO_MANUFACTURER: u16 = 0xFFFF;
/// MaximumIncomingTransferSize of every GBCS tunnel, and the longest Data taken.
pub const MAX_TRANSFER: u16 = 1500;
/// The TunnelID sent where there is none.
pub const NO_TUNNEL: u16 = 0xFFFF;

/// Identifiers of the commands from client to server.
pub mod to_server {
    #![allow(missing_docs)]
    pub const REQUEST_TUNNEL: u8 = 0x00;
    pub const CLOSE_TUNNEL: u8 = 0x01;
    pub const TRANSFER_DATA: u8 = 0x02;
    pub const TRANSFER_DATA_ERROR: u8 = 0x03;
    pub const ACK_TRANSFER_DATA: u8 = 0x04;
    pub const READY_DATA: u8 = 0x05;
    pub const GET_SUPPORTED_TUNNEL_PROTOCOLS: u8 = 0x06;
}

/// Identifiers of the commands from server to client: not the same numbers.
pub mod to_client {
    #![allow(missing_docs)]
    pub const REQUEST_TUNNEL_RESPONSE: u8 = 0x00;
    pub const TRANSFER_DATA: u8 = 0x01;
    pub const TRANSFER_DATA_ERROR: u8 = 0x02;
    pub const ACK_TRANSFER_DATA: u8 = 0x03;
    pub const READY_DATA: u8 = 0x04;
    pub const SUPPORTED_TUNNEL_PROTOCOLS_RESPONSE: u8 = 0x05;
    pub const TUNNEL_CLOSURE_NOTIFICATION: u8 = 0x06;
}

open_enum! {
    /// The answer to a RequestTunnel.
    TunnelStatus: u8 {
        /// The tunnel is open.
        Success = 0,
        /// Not now; ask again in three minutes.
        Busy = 1,
        /// The server's table is full.
        NoMoreTunnelIds = 2,
        /// Not this protocol, or not for this requester.
        ProtocolNotSupported = 3,
        /// GBCS tunnels have no flow control.
        FlowControlNotSupported = 4,
    }
}

open_enum! {
    /// Why Data was not taken.
    TransferDataStatus: u8 {
        /// No tunnel has this TunnelID.
        NoSuchTunnel = 0,
        /// The tunnel is another device's.
        WrongDevice = 1,
        /// Longer than the receiver's MaximumIncomingTransferSize.
        DataOverflow = 2,
    }
}

/// A protocol that a server carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocol {
    /// Manufacturer, or [`NO_MANUFACTURER`].
    pub manufacturer: u16,
    /// ProtocolID.
    pub id: u8,
}

/// Payload of a RequestTunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestTunnel {
    /// Protocol asked for.
    pub protocol: Protocol,
    /// Whether the requester wants flow control.
    pub flow_control: bool,
    /// The longest Data the requester takes.
    pub max_incoming: u16,
}

impl RequestTunnel {
    /// The only RequestTunnel that GBCS knows.
    pub const GBCS: Self = Self {
        protocol: Protocol { manufacturer: NO_MANUFACTURER, id: GB_HRGP },
        flow_control: false,
        max_incoming: MAX_TRANSFER,
    };
}

/// A command from client to server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToServer<'a> {
    /// Open a tunnel.
    RequestTunnel(RequestTunnel),
    /// Close the tunnel.
    CloseTunnel(u16),
    /// Data for the tunnel's other end.
    TransferData(u16, &'a [u8]),
    /// Data of the server was not taken.
    TransferDataError(u16, TransferDataStatus),
    /// Flow control, octets left: never used by GBCS.
    AckTransferData(u16, u16),
    /// Flow control, octets left: never used by GBCS.
    ReadyData(u16, u16),
    /// Which protocols, from this place of the list on.
    GetSupportedTunnelProtocols(u8),
}

impl<'a> ToServer<'a> {
    /// Reads the payload of the command with this identifier.
    ///
    /// # Errors
    /// An unknown identifier, or a payload that is not the command's.
    pub fn parse(command: u8, payload: &'a [u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "Tunneling command");
        let parsed = match command {
            to_server::REQUEST_TUNNEL => {
                let id = r.u8()?;
                let protocol = Protocol { manufacturer: r.u16()?, id };
                Self::RequestTunnel(RequestTunnel { protocol, flow_control: r.bool()?, max_incoming: r.u16()? })
            }
            to_server::CLOSE_TUNNEL => Self::CloseTunnel(r.u16()?),
            to_server::TRANSFER_DATA => return Ok(Self::TransferData(r.u16()?, r.rest())),
            to_server::TRANSFER_DATA_ERROR => Self::TransferDataError(r.u16()?, r.u8()?.into()),
            to_server::ACK_TRANSFER_DATA => Self::AckTransferData(r.u16()?, r.u16()?),
            to_server::READY_DATA => Self::ReadyData(r.u16()?, r.u16()?),
            to_server::GET_SUPPORTED_TUNNEL_PROTOCOLS => Self::GetSupportedTunnelProtocols(r.u8()?),
            _ => return Err(ParseError::Unsupported("Tunneling command to the server")),
        };
        r.finish(parsed)
    }

    /// The command's identifier.
    pub const fn command(&self) -> u8 {
        match self {
            Self::RequestTunnel(_) => to_server::REQUEST_TUNNEL,
            Self::CloseTunnel(_) => to_server::CLOSE_TUNNEL,
            Self::TransferData(..) => to_server::TRANSFER_DATA,
            Self::TransferDataError(..) => to_server::TRANSFER_DATA_ERROR,
            Self::AckTransferData(..) => to_server::ACK_TRANSFER_DATA,
            Self::ReadyData(..) => to_server::READY_DATA,
            Self::GetSupportedTunnelProtocols(_) => to_server::GET_SUPPORTED_TUNNEL_PROTOCOLS,
        }
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::RequestTunnel(_) => 6,
            Self::CloseTunnel(_) => 2,
            Self::TransferData(_, data) => 2 + data.len(),
            Self::TransferDataError(..) => 3,
            Self::AckTransferData(..) | Self::ReadyData(..) => 4,
            Self::GetSupportedTunnelProtocols(_) => 1,
        }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::RequestTunnel(request) => {
                out.push(request.protocol.id);
                out.extend(request.protocol.manufacturer.to_le_bytes());
                out.push(request.flow_control as u8);
                out.extend(request.max_incoming.to_le_bytes());
            }
            Self::CloseTunnel(tunnel) => out.extend(tunnel.to_le_bytes()),
            Self::TransferData(tunnel, data) => encode_transfer(*tunnel, data, out),
            Self::TransferDataError(tunnel, status) => encode_error(*tunnel, *status, out),
            Self::AckTransferData(tunnel, left) | Self::ReadyData(tunnel, left) => encode_flow(*tunnel, *left, out),
            Self::GetSupportedTunnelProtocols(offset) => out.push(*offset),
        }
    }

    /// The whole ZCL frame of the command.
    pub fn to_zcl(&self, tsn: u8, disable_default_response: bool) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.encoded_len());
        self.encode(&mut payload);
        zcl(Direction::ToServer, disable_default_response, tsn, self.command(), &payload)
    }
}

/// A command from server to client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToClient<'a> {
    /// The answer to a RequestTunnel.
    RequestTunnelResponse {
        /// The tunnel, when `status` is success.
        tunnel: u16,
        /// How it went.
        status: TunnelStatus,
        /// The longest Data the server takes.
        max_incoming: u16,
    },
    /// Data for the tunnel's other end.
    TransferData(u16, &'a [u8]),
    /// Data of the client was not taken.
    TransferDataError(u16, TransferDataStatus),
    /// Flow control, octets left: never used by GBCS.
    AckTransferData(u16, u16),
    /// Flow control, octets left: never used by GBCS.
    ReadyData(u16, u16),
    /// The protocols carried; at most 255 of them.
    SupportedTunnelProtocolsResponse {
        /// There are no more than these.
        complete: bool,
        /// The protocols.
        protocols: Vec<Protocol>,
    },
    /// The server closed the tunnel.
    TunnelClosureNotification(u16),
}

impl<'a> ToClient<'a> {
    /// Reads the payload of the command with this identifier.
    ///
    /// # Errors
    /// An unknown identifier, or a payload that is not the command's.
    pub fn parse(command: u8, payload: &'a [u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "Tunneling command");
        let parsed = match command {
            to_client::REQUEST_TUNNEL_RESPONSE => {
                Self::RequestTunnelResponse { tunnel: r.u16()?, status: r.u8()?.into(), max_incoming: r.u16()? }
            }
            to_client::TRANSFER_DATA => return Ok(Self::TransferData(r.u16()?, r.rest())),
            to_client::TRANSFER_DATA_ERROR => Self::TransferDataError(r.u16()?, r.u8()?.into()),
            to_client::ACK_TRANSFER_DATA => Self::AckTransferData(r.u16()?, r.u16()?),
            to_client::READY_DATA => Self::ReadyData(r.u16()?, r.u16()?),
            to_client::SUPPORTED_TUNNEL_PROTOCOLS_RESPONSE => {
                let complete = r.bool()?;
                let count = r.u8()?;
                let mut protocols = Vec::with_capacity((payload.len() / 3).min(count as usize));
                for _ in 0..count {
                    protocols.push(Protocol { manufacturer: r.u16()?, id: r.u8()? });
                }
                Self::SupportedTunnelProtocolsResponse { complete, protocols }
            }
            to_client::TUNNEL_CLOSURE_NOTIFICATION => Self::TunnelClosureNotification(r.u16()?),
            _ => return Err(ParseError::Unsupported("Tunneling command to the client")),
        };
        r.finish(parsed)
    }

    /// The command's identifier.
    pub const fn command(&self) -> u8 {
        match self {
            Self::RequestTunnelResponse { .. } => to_client::REQUEST_TUNNEL_RESPONSE,
            Self::TransferData(..) => to_client::TRANSFER_DATA,
            Self::TransferDataError(..) => to_client::TRANSFER_DATA_ERROR,
            Self::AckTransferData(..) => to_client::ACK_TRANSFER_DATA,
            Self::ReadyData(..) => to_client::READY_DATA,
            Self::SupportedTunnelProtocolsResponse { .. } => to_client::SUPPORTED_TUNNEL_PROTOCOLS_RESPONSE,
            Self::TunnelClosureNotification(_) => to_client::TUNNEL_CLOSURE_NOTIFICATION,
        }
    }

    /// Length of the payload.
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::RequestTunnelResponse { .. } => 5,
            Self::TransferData(_, data) => 2 + data.len(),
            Self::TransferDataError(..) => 3,
            Self::AckTransferData(..) | Self::ReadyData(..) => 4,
            Self::SupportedTunnelProtocolsResponse { protocols, .. } => 2 + 3 * protocols.len().min(255),
            Self::TunnelClosureNotification(_) => 2,
        }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::RequestTunnelResponse { tunnel, status, max_incoming } => {
                out.extend(tunnel.to_le_bytes());
                out.push((*status).into());
                out.extend(max_incoming.to_le_bytes());
            }
            Self::TransferData(tunnel, data) => encode_transfer(*tunnel, data, out),
            Self::TransferDataError(tunnel, status) => encode_error(*tunnel, *status, out),
            Self::AckTransferData(tunnel, left) | Self::ReadyData(tunnel, left) => encode_flow(*tunnel, *left, out),
            Self::SupportedTunnelProtocolsResponse { complete, protocols } => {
                let protocols = &protocols[..protocols.len().min(255)];
                out.push(*complete as u8);
                out.push(protocols.len() as u8);
                for protocol in protocols {
                    out.extend(protocol.manufacturer.to_le_bytes());
                    out.push(protocol.id);
                }
            }
            Self::TunnelClosureNotification(tunnel) => out.extend(tunnel.to_le_bytes()),
        }
    }

    /// The whole ZCL frame of the command.
    pub fn to_zcl(&self, tsn: u8, disable_default_response: bool) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.encoded_len());
        self.encode(&mut payload);
        zcl(Direction::ToClient, disable_default_response, tsn, self.command(), &payload)
    }
}

fn zcl(direction: Direction, disable_default_response: bool, tsn: u8, command: u8, payload: &[u8]) -> Vec<u8> {
    Frame { cluster_specific: true, manufacturer: None, direction, disable_default_response, tsn, command, payload }
        .to_vec()
}

fn encode_transfer(tunnel: u16, data: &[u8], out: &mut Vec<u8>) {
    out.extend(tunnel.to_le_bytes());
    out.extend(data);
}

fn encode_error(tunnel: u16, status: TransferDataStatus, out: &mut Vec<u8>) {
    out.extend(tunnel.to_le_bytes());
    out.push(status.into());
}

fn encode_flow(tunnel: u16, left: u16, out: &mut Vec<u8>) {
    out.extend(tunnel.to_le_bytes());
    out.extend(left.to_le_bytes());
}
