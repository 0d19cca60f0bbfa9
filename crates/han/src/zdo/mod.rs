//! The ZigBee Device Profile, profile 0x0000 at endpoint 0: which device is there, with which endpoints, and at which of them a
//! cluster is (han.md 1.4, 8.5). Its frames are under the network key only.
mod finder;

pub use finder::Finder;

use crate::mac::ShortAddress;
use crate::wire::{ParseError, Reader, open_enum};
use alloc::vec::Vec;
use gbcs::Eui64;

/// The profile.
pub const PROFILE: u16 = 0x0000;
/// The endpoint of every device at which the profile is.
pub const ENDPOINT: u8 = 0;
/// Set in the cluster of an answer.
const RESPONSE: u16 = 0x8000;

const ADDRESS: u16 = 0x0000;
const SIMPLE_DESCRIPTOR: u16 = 0x0004;
const ACTIVE_ENDPOINTS: u16 = 0x0005;
const MATCH_DESCRIPTOR: u16 = 0x0006;
const DEVICE_ANNOUNCE: u16 = 0x0013;
const ADDRESS_ANSWER: u16 = ADDRESS | RESPONSE;
const SIMPLE_DESCRIPTOR_ANSWER: u16 = SIMPLE_DESCRIPTOR | RESPONSE;
const ACTIVE_ENDPOINTS_ANSWER: u16 = ACTIVE_ENDPOINTS | RESPONSE;
const MATCH_DESCRIPTOR_ANSWER: u16 = MATCH_DESCRIPTOR | RESPONSE;

open_enum! {
    /// How a request went.
    Status: u8 {
        /// Done.
        Success = 0x00,
        /// The request is not for this device, or makes no sense.
        InvalidRequestType = 0x80,
        /// The device asked about is not this one, and not known to it.
        DeviceNotFound = 0x81,
        /// No such endpoint number.
        InvalidEndpoint = 0x82,
        /// The endpoint has no descriptor.
        NotActive = 0x83,
        /// No endpoint matches.
        NoMatch = 0x86,
    }
}

/// What one endpoint of a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimpleDescriptor {
    /// The endpoint.
    pub endpoint: u8,
    /// Its profile.
    pub profile: u16,
    /// Its device identifier (Smart Energy: 0x0501 metering device and so on).
    pub device: u16,
    /// Version of that device, 4 bits.
    pub version: u8,
    /// Clusters of which it is the server.
    pub inputs: Vec<u16>,
    /// Clusters of which it is a client.
    pub outputs: Vec<u16>,
}

impl SimpleDescriptor {
    /// A Smart Energy endpoint.
    pub fn smart_energy(endpoint: u8, device: u16, inputs: impl Into<Vec<u16>>, outputs: impl Into<Vec<u16>>) -> Self {
        let (inputs, outputs) = (inputs.into(), outputs.into());
        Self { endpoint, profile: crate::SMART_ENERGY, device, version: 0, inputs, outputs }
    }

    /// Whether it has one of these clusters on the side asked for.
    fn matches(&self, profile: u16, inputs: &[u16], outputs: &[u16]) -> bool {
        self.profile == profile
            && (inputs.iter().any(|cluster| self.inputs.contains(cluster))
                || outputs.iter().any(|cluster| self.outputs.contains(cluster)))
    }

    const fn encoded_len(&self) -> usize {
        8 + 2 * (self.inputs.len() + self.outputs.len())
    }

    fn parse(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        let (endpoint, profile, device, version) = (r.u8()?, r.u16()?, r.u16()?, r.u8()?);
        if version > 0x0F {
            return Err(ParseError::Unsupported("reserved bits of a simple descriptor"));
        }
        Ok(Self { endpoint, profile, device, version, inputs: clusters(r)?, outputs: clusters(r)? })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.endpoint);
        out.extend(self.profile.to_le_bytes());
        out.extend(self.device.to_le_bytes());
        out.push(self.version);
        encode_clusters(&self.inputs, out);
        encode_clusters(&self.outputs, out);
    }
}

/// A command of the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Which short address has this device? Answered by the device, or by the coordinator for it; of one device only, not also
    /// of its children.
    AddressRequest {
        /// Which device.
        eui: Eui64,
    },
    /// The answer to an address request.
    AddressResponse {
        /// How it went.
        status: Status,
        /// Which device.
        eui: Eui64,
        /// Its short address, on success.
        short: ShortAddress,
    },
    /// A device is there, broadcast after it joined.
    DeviceAnnounce {
        /// Its short address.
        short: ShortAddress,
        /// Its EUI-64.
        eui: Eui64,
        /// Its MAC capabilities: 0x8E for a router, 0x80 for a sleepy end device.
        capabilities: u8,
    },
    /// What is this endpoint?
    SimpleDescriptorRequest {
        /// Of which device.
        of: ShortAddress,
        /// Which endpoint.
        endpoint: u8,
    },
    /// Which endpoints are there?
    ActiveEndpointsRequest {
        /// Of which device.
        of: ShortAddress,
    },
    /// Which endpoints have one of these clusters?
    MatchDescriptorRequest {
        /// Of which device.
        of: ShortAddress,
        /// In which profile.
        profile: u16,
        /// Clusters of which it must be the server.
        inputs: Vec<u16>,
        /// Clusters of which it must be a client.
        outputs: Vec<u16>,
    },
    /// The answer to a simple descriptor request.
    SimpleDescriptorResponse {
        /// How it went.
        status: Status,
        /// Of which device.
        of: ShortAddress,
        /// The descriptor, on success.
        descriptor: Option<SimpleDescriptor>,
    },
    /// The answer to an active endpoints request.
    ActiveEndpointsResponse {
        /// How it went.
        status: Status,
        /// Of which device.
        of: ShortAddress,
        /// The endpoints.
        endpoints: Vec<u8>,
    },
    /// The answer to a match descriptor request.
    MatchDescriptorResponse {
        /// How it went.
        status: Status,
        /// Of which device.
        of: ShortAddress,
        /// The endpoints that match.
        endpoints: Vec<u8>,
    },
}

/// A frame of the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Transaction sequence number, echoed by an answer.
    pub tsn: u8,
    /// The command.
    pub command: Command,
}

impl Frame {
    /// Reads the payload of a datagram of this cluster.
    ///
    /// # Errors
    /// An unknown cluster, or a payload that is not the command's.
    pub fn parse(cluster: u16, octets: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(octets, "ZDO frame");
        let tsn = r.u8()?;
        let command = match cluster {
            ADDRESS => {
                let eui = r.eui()?;
                if r.array()? != SINGLE_DEVICE {
                    return Err(ParseError::Unsupported("extended address request"));
                }
                Command::AddressRequest { eui }
            }
            ADDRESS_ANSWER => {
                Command::AddressResponse { status: r.u8()?.into(), eui: r.eui()?, short: ShortAddress(r.u16()?) }
            }
            DEVICE_ANNOUNCE => {
                Command::DeviceAnnounce { short: ShortAddress(r.u16()?), eui: r.eui()?, capabilities: r.u8()? }
            }
            SIMPLE_DESCRIPTOR => Command::SimpleDescriptorRequest { of: ShortAddress(r.u16()?), endpoint: r.u8()? },
            ACTIVE_ENDPOINTS => Command::ActiveEndpointsRequest { of: ShortAddress(r.u16()?) },
            MATCH_DESCRIPTOR => Command::MatchDescriptorRequest {
                of: ShortAddress(r.u16()?),
                profile: r.u16()?,
                inputs: clusters(&mut r)?,
                outputs: clusters(&mut r)?,
            },
            SIMPLE_DESCRIPTOR_ANSWER => {
                let (status, of, len) = (r.u8()?.into(), ShortAddress(r.u16()?), r.u8()?);
                let mut inner = Reader::new(r.take(len as usize)?, "simple descriptor");
                let descriptor = if len == 0 {
                    None
                } else {
                    let descriptor = SimpleDescriptor::parse(&mut inner)?;
                    Some(inner.finish(descriptor)?)
                };
                Command::SimpleDescriptorResponse { status, of, descriptor }
            }
            ACTIVE_ENDPOINTS_ANSWER => Command::ActiveEndpointsResponse {
                status: r.u8()?.into(),
                of: ShortAddress(r.u16()?),
                endpoints: endpoints(&mut r)?,
            },
            MATCH_DESCRIPTOR_ANSWER => Command::MatchDescriptorResponse {
                status: r.u8()?.into(),
                of: ShortAddress(r.u16()?),
                endpoints: endpoints(&mut r)?,
            },
            _ => return Err(ParseError::Unsupported("ZDO command")),
        };
        r.finish(Self { tsn, command })
    }

    /// The cluster of the datagram.
    pub const fn cluster(&self) -> u16 {
        match self.command {
            Command::AddressRequest { .. } => ADDRESS,
            Command::AddressResponse { .. } => ADDRESS_ANSWER,
            Command::DeviceAnnounce { .. } => DEVICE_ANNOUNCE,
            Command::SimpleDescriptorRequest { .. } => SIMPLE_DESCRIPTOR,
            Command::ActiveEndpointsRequest { .. } => ACTIVE_ENDPOINTS,
            Command::MatchDescriptorRequest { .. } => MATCH_DESCRIPTOR,
            Command::SimpleDescriptorResponse { .. } => SIMPLE_DESCRIPTOR_ANSWER,
            Command::ActiveEndpointsResponse { .. } => ACTIVE_ENDPOINTS_ANSWER,
            Command::MatchDescriptorResponse { .. } => MATCH_DESCRIPTOR_ANSWER,
        }
    }

    /// Length of the payload. Lists hold at most 255 items.
    pub fn encoded_len(&self) -> usize {
        1 + match &self.command {
            Command::AddressRequest { .. } => 10,
            Command::AddressResponse { .. } => 11,
            Command::DeviceAnnounce { .. } => 11,
            Command::SimpleDescriptorRequest { .. } => 3,
            Command::ActiveEndpointsRequest { .. } => 2,
            Command::MatchDescriptorRequest { inputs, outputs, .. } => 6 + 2 * (inputs.len() + outputs.len()),
            Command::SimpleDescriptorResponse { descriptor, .. } => {
                4 + descriptor.as_ref().map_or(0, SimpleDescriptor::encoded_len)
            }
            Command::ActiveEndpointsResponse { endpoints, .. } | Command::MatchDescriptorResponse { endpoints, .. } => {
                4 + endpoints.len()
            }
        }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.tsn);
        match &self.command {
            Command::AddressRequest { eui } => {
                out.extend(eui.to_le());
                out.extend(SINGLE_DEVICE);
            }
            Command::AddressResponse { status, eui, short } => {
                out.push((*status).into());
                out.extend(eui.to_le());
                out.extend(short.0.to_le_bytes());
            }
            Command::DeviceAnnounce { short, eui, capabilities } => {
                out.extend(short.0.to_le_bytes());
                out.extend(eui.to_le());
                out.push(*capabilities);
            }
            Command::SimpleDescriptorRequest { of, endpoint } => {
                out.extend(of.0.to_le_bytes());
                out.push(*endpoint);
            }
            Command::ActiveEndpointsRequest { of } => out.extend(of.0.to_le_bytes()),
            Command::MatchDescriptorRequest { of, profile, inputs, outputs } => {
                out.extend(of.0.to_le_bytes());
                out.extend(profile.to_le_bytes());
                encode_clusters(inputs, out);
                encode_clusters(outputs, out);
            }
            Command::SimpleDescriptorResponse { status, of, descriptor } => {
                out.push((*status).into());
                out.extend(of.0.to_le_bytes());
                out.push(descriptor.as_ref().map_or(0, SimpleDescriptor::encoded_len) as u8);
                if let Some(descriptor) = descriptor {
                    descriptor.encode(out);
                }
            }
            Command::ActiveEndpointsResponse { status, of, endpoints }
            | Command::MatchDescriptorResponse { status, of, endpoints } => {
                out.push((*status).into());
                out.extend(of.0.to_le_bytes());
                out.push(endpoints.len() as u8);
                out.extend(endpoints);
            }
        }
    }

    /// The payload as octets of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }

    /// What the device at `own` with these endpoints answers, if the frame asks anything.
    pub fn answer(&self, own: ShortAddress, descriptors: &[SimpleDescriptor]) -> Option<Self> {
        let about_us = |of: ShortAddress| of == own;
        let command = match &self.command {
            Command::SimpleDescriptorRequest { of, endpoint } => {
                let descriptor = descriptors.iter().find(|d| d.endpoint == *endpoint && about_us(*of)).cloned();
                let status = match (about_us(*of), *endpoint, &descriptor) {
                    (false, ..) => Status::DeviceNotFound,
                    (true, 0 | 241.., _) => Status::InvalidEndpoint,
                    (true, _, None) => Status::NotActive,
                    (true, _, Some(_)) => Status::Success,
                };
                let descriptor = descriptor.filter(|_| status == Status::Success);
                Command::SimpleDescriptorResponse { status, of: *of, descriptor }
            }
            Command::ActiveEndpointsRequest { of } if about_us(*of) => {
                let endpoints = descriptors.iter().map(|d| d.endpoint).collect();
                Command::ActiveEndpointsResponse { status: Status::Success, of: *of, endpoints }
            }
            Command::ActiveEndpointsRequest { of } => {
                Command::ActiveEndpointsResponse { status: Status::DeviceNotFound, of: *of, endpoints: Vec::new() }
            }
            Command::MatchDescriptorRequest { of, profile, inputs, outputs } if about_us(*of) => {
                let matching = descriptors.iter().filter(|d| d.matches(*profile, inputs, outputs));
                let endpoints: Vec<u8> = matching.map(|d| d.endpoint).collect();
                Command::MatchDescriptorResponse { status: Status::Success, of: *of, endpoints }
            }
            Command::MatchDescriptorRequest { of, .. } => {
                Command::MatchDescriptorResponse { status: Status::DeviceNotFound, of: *of, endpoints: Vec::new() }
            }
            _ => return None,
        };
        Some(Self { tsn: self.tsn, command })
    }

    /// What is answered by who knows these addresses, if the frame asks for one.
    pub fn answer_address(&self, address_of: impl Fn(Eui64) -> Option<ShortAddress>) -> Option<Self> {
        let Command::AddressRequest { eui } = self.command else { return None };
        let (status, short) = match address_of(eui) {
            Some(short) => (Status::Success, short),
            None => (Status::DeviceNotFound, ShortAddress::BROADCAST),
        };
        Some(Self { tsn: self.tsn, command: Command::AddressResponse { status, eui, short } })
    }
}

/// Request type and start index of an address request about one device.
const SINGLE_DEVICE: [u8; 2] = [0, 0];

fn clusters(r: &mut Reader<'_>) -> Result<Vec<u16>, ParseError> {
    let count = r.u8()?;
    let octets = r.take(2 * count as usize)?;
    Ok(octets.as_chunks::<2>().0.iter().map(|cluster| u16::from_le_bytes(*cluster)).collect())
}

fn encode_clusters(clusters: &[u16], out: &mut Vec<u8>) {
    out.push(clusters.len() as u8);
    out.extend(clusters.iter().flat_map(|cluster| cluster.to_le_bytes()));
}

fn endpoints(r: &mut Reader<'_>) -> Result<Vec<u8>, ParseError> {
    let count = r.u8()?;
    Ok(r.take(count as usize)?.to_vec())
}
