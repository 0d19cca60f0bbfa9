//! GBZ payloads: what GSMEs and GPFs are asked, answer and tell (GBCS 7.2.4, 10.5).
//!
//! A Command or Response is a [`Payload`] of [`Component`]s, each a ZCL frame with a small header; an Alert is an [`Alert`].
//! Headers are big-endian; ZCL payloads are little-endian, and typed in [`zcl`].
#[cfg(feature = "alloc")]
mod alert;
#[cfg(feature = "alloc")]
pub mod zcl;

#[cfg(feature = "alloc")]
pub use alert::{Alert, AlertData};

use crate::envelope::ParseError;
#[cfg(feature = "alloc")]
use crate::octets::Octets;
use crate::reader::Reader;
#[cfg(feature = "alloc")]
use crate::view::gbz as view;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;
#[cfg(feature = "alloc")]
use zcl::{Body, ClusterCommand};

/// Profile identifier of Smart Energy, at the start of every GBZ payload.
pub const PROFILE: u16 = 0x0109;

pub(crate) const LAST: u8 = 0x01;
pub(crate) const ENCRYPTED: u8 = 0x02;
pub(crate) const FROM_DATE_TIME: u8 = 0x10;
/// ZCL frame control, sequence number, command.
#[cfg(feature = "alloc")]
const ZCL_HEADER: usize = 3;

/// The payload of a GBZ Command or Response.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// In the order of the use case; at least one.
    pub components: Vec<Component>,
}

/// One ZCL frame and how it is carried.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The cluster.
    pub cluster: u16,
    /// ZigBee UTCTime for commands whose ZCL payload has no time of its own: 0 is now, FFFFFFFF cancels.
    pub from_date_time: Option<u32>,
    /// ZCL frame control: bit 0 cluster specific, bit 3 from the server, bit 4 no default response wanted.
    pub frame_control: u8,
    /// ZCL transaction sequence number: 0 in the first component of a Command and one more in each; a Response repeats it.
    pub sequence: u8,
    /// ZCL command identifier.
    pub command: u8,
    /// The ZCL payload.
    pub content: Content,
}

/// The ZCL payload of a component, in the clear or not.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// In the clear.
    Plain(Body),
    /// Encrypted for its reader.
    Encrypted {
        /// 0 in the first encrypted component of a message, then one more in each.
        frame_counter: u8,
        /// `31 00000000 || ciphertext || tag` (see [`protect::decrypt`](crate::protect::decrypt)).
        blob: Vec<u8>,
    },
}

#[cfg(feature = "alloc")]
impl Payload {
    /// A payload of these components.
    pub fn new(components: impl Into<Vec<Component>>) -> Self {
        Self { components: components.into() }
    }

    /// Read exactly one payload of a Command or Response.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        read_profile(&mut reader)?;
        let count = reader.octet("component count")?;
        if count == 0 {
            return Err(reader.unexpected("component count", 0, "1 at least"));
        }
        let components = (1..=count).map(|n| Component::read(&mut reader, n == count)).collect::<Result<_, _>>()?;
        reader.finish("end of payload")?;
        Ok(Self { components })
    }

    /// Octets of the payload.
    pub fn encoded_len(&self) -> usize {
        3 + self.components.iter().map(Component::encoded_len).sum::<usize>()
    }

    /// The octets of the payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.extend_from_slice(&PROFILE.to_be_bytes());
        out.push(self.components.len() as u8);
        for (i, component) in self.components.iter().enumerate() {
            component.encode(i + 1 == self.components.len(), &mut out);
        }
        out
    }
}

#[cfg(feature = "alloc")]
impl Component {
    /// A component that carries this command, frame control as the command has it in most use cases.
    pub fn new<C: ClusterCommand>(sequence: u8, command: C) -> Self {
        Self {
            cluster: C::CLUSTER,
            from_date_time: None,
            frame_control: C::FRAME_CONTROL,
            sequence,
            command: C::ID,
            content: Content::Plain(command.into()),
        }
    }

    /// Read Attributes, for a server on the GSME or GPF. `frame_control` 00.
    pub fn read_attributes(sequence: u8, cluster: u16, attributes: impl Into<Vec<u16>>) -> Self {
        let content = Content::Plain(Body::ReadAttributes(attributes.into()));
        Self { cluster, from_date_time: None, frame_control: 0, sequence, command: zcl::READ_ATTRIBUTES, content }
    }

    /// The answer to this component: the same cluster and sequence number.
    fn answer(&self, frame_control: u8, command: u8, content: Content) -> Self {
        Self { cluster: self.cluster, from_date_time: None, frame_control, sequence: self.sequence, command, content }
    }

    /// Read Attributes Response to this component.
    pub fn read_attributes_response(&self, records: impl Into<Vec<zcl::AttributeRecord>>) -> Self {
        let body = Body::ReadAttributesResponse(records.into());
        self.answer(zcl::FROM_SERVER, zcl::READ_ATTRIBUTES_RESPONSE, Content::Plain(body))
    }

    /// Default Response to this component, in the opposite direction.
    pub fn default_response(&self, status: zcl::Status) -> Self {
        self.default_response_for(self.command, status)
    }

    /// Default Response that names another command: FF where an earlier component failed.
    pub fn default_response_for(&self, command: u8, status: zcl::Status) -> Self {
        let frame_control = !self.frame_control & zcl::FROM_SERVER;
        let body = Body::DefaultResponse { command, status };
        self.answer(frame_control, zcl::DEFAULT_RESPONSE, Content::Plain(body))
    }

    /// The response command to this component.
    pub fn response<C: ClusterCommand>(&self, command: C) -> Self {
        Self { sequence: self.sequence, ..Self::new(0, command) }
    }

    /// The same with another frame control.
    pub fn with_frame_control(self, frame_control: u8) -> Self {
        Self { frame_control, ..self }
    }

    /// The same with a From-Date-Time.
    pub fn with_from_date_time(self, from_date_time: u32) -> Self {
        Self { from_date_time: Some(from_date_time), ..self }
    }

    /// The ZCL payload, if it is in the clear.
    pub fn body(&self) -> Option<&Body> {
        if let Content::Plain(body) = &self.content { Some(body) } else { None }
    }

    /// What a decrypted `plain` payload of this component means.
    pub fn body_of(&self, plain: &[u8]) -> Body {
        Body::parse(self.cluster, self.frame_control, self.command, plain)
    }

    /// The command's name, where this crate knows it.
    pub fn command_name(&self) -> Option<&'static str> {
        zcl::command_name(self.cluster, self.frame_control, self.command)
    }

    pub(crate) fn read(reader: &mut Reader<'_>, last: bool) -> Result<Self, ParseError> {
        let view::Component { cluster, from_date_time, frame_control, sequence, command, content } =
            view::Component::read(reader, last)?;
        let content = match content {
            view::Content::Encrypted { frame_counter, blob } => {
                Content::Encrypted { frame_counter, blob: blob.to_vec() }
            }
            view::Content::Plain(octets) => Content::Plain(Body::parse(cluster, frame_control, command, octets)),
        };
        Ok(Self { cluster, from_date_time, frame_control, sequence, command, content })
    }

    pub(crate) fn encoded_len(&self) -> usize {
        5 + self.content_len()
    }

    /// What the length of the component counts.
    fn content_len(&self) -> usize {
        let time = if self.from_date_time.is_some() { 4 } else { 0 };
        time + ZCL_HEADER
            + match &self.content {
                Content::Plain(body) => body.encoded_len(),
                Content::Encrypted { blob, .. } => 2 + 2 + blob.len(),
            }
    }

    pub(crate) fn encode(&self, last: bool, out: &mut Vec<u8>) {
        let mut control = if last { LAST } else { 0 };
        if matches!(self.content, Content::Encrypted { .. }) {
            control |= ENCRYPTED;
        }
        if self.from_date_time.is_some() {
            control |= FROM_DATE_TIME;
        }
        out.push(control);
        out.extend_from_slice(&self.cluster.to_be_bytes());
        out.extend_from_slice(&(self.content_len() as u16).to_be_bytes());
        if let Content::Encrypted { frame_counter, .. } = &self.content {
            out.extend_from_slice(&[0, *frame_counter]);
        }
        if let Some(time) = self.from_date_time {
            out.extend_from_slice(&time.to_be_bytes());
        }
        out.extend_from_slice(&[self.frame_control, self.sequence, self.command]);
        match &self.content {
            Content::Plain(body) => body.encode(out),
            Content::Encrypted { blob, .. } => {
                out.extend_from_slice(&(blob.len() as u16).to_be_bytes());
                out.extend_from_slice(blob);
            }
        }
    }
}

pub(crate) fn read_profile(reader: &mut Reader<'_>) -> Result<(), ParseError> {
    reader.tag("profile", 0x01, "0x0109 (Smart Energy)")?;
    reader.tag("profile", 0x09, "0x0109 (Smart Energy)")
}

/// Octets that no type of this crate claims.
#[cfg(feature = "alloc")]
pub type Unknown = Octets;
