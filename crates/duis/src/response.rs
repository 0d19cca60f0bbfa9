//! `sr:Response`: what the DCC answers or reports (DUIS 2.3).
use std::borrow::Cow;

use gbcs::crypto::Crypto;
use gbcs::{Eui64, Time};

use crate::certificate::{IssuerSerial, SignerRole};
use crate::request::{Refusal, SchemaVersion, schema_version};
use crate::signature::{self, SignatureError, SigningKey, XmlSigner};
use crate::xml::{Document, Element, NS_DSIG, Text, Writer, XmlError, XmlErrorKind};
use crate::{RequestId, ResponseCode, Srv, time};

/// A response or a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Version of the schema it claims.
    pub version: SchemaVersion,
    /// The request it answers; absent in reports nobody asked for.
    pub request_id: Option<RequestId>,
    /// Name of a device's answer or alert: ids swapped.
    pub response_id: Option<RequestId>,
    /// How it went.
    pub code: ResponseCode,
    /// When it was made.
    pub date_time: Time,
    /// What it says.
    pub body: ResponseBody,
}

/// Body of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseBody {
    /// Answer to a request.
    Message {
        /// The service asked for.
        srv: Srv,
        /// What came of it.
        content: Content,
    },
    /// An alert of a device.
    DeviceAlert(DeviceAlert),
    /// An alert of the DCC.
    DccAlert(DccAlert),
    /// A body that has no type here.
    Other(OtherContent),
}

/// Content of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing: an acknowledgement or an error.
    Acknowledgement,
    /// A Command for local delivery, complete.
    LocalCommand(Vec<u8>),
    /// A Command to be signed.
    PreCommand {
        /// Version of GBCS it was made for.
        gbcs_version: String,
        /// Grouping header and payload; a zero-length signature may follow.
        payload: Vec<u8>,
    },
    /// The GBCS message of a device.
    DeviceResponse(Vec<u8>),
    /// What a device did at the date inside a Command.
    FutureDatedAlert {
        /// Whether it did what it should: 8F66 or 8F67.
        done: bool,
        /// The GBCS Alert.
        payload: Vec<u8>,
        /// Which instruction of the Command, from 1.
        instruction: u16,
        /// How many dated instructions the Command had.
        instructions: u16,
    },
    /// Content that has no type here.
    Other(OtherContent),
}

/// Content that has no type here; only its name was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherContent {
    /// Local name of the element.
    pub element: String,
    /// The element in exclusive canonical form, to be written back.
    pub xml: String,
}

/// An alert of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAlert {
    /// Alert code.
    pub code: u16,
    /// Sequence number of a collapsed run of repeats.
    pub throttled_sequence: Option<u32>,
    /// How many repeats were collapsed.
    pub throttled_count: Option<u32>,
    /// The GBCS Alert.
    pub payload: Vec<u8>,
}

/// An alert of the DCC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DccAlert {
    /// Such as `N12`; what happened is told by the content, not by this.
    pub code: Cow<'static, str>,
    /// Sequence number of a collapsed run of repeats.
    pub throttled_sequence: Option<u32>,
    /// How many repeats were collapsed.
    pub throttled_count: Option<u32>,
    /// What happened.
    pub event: DccEvent,
}

/// What happened at the DCC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DccEvent {
    /// A Command could not be delivered or was not answered.
    CommandFailure {
        /// The request it came from.
        request: RequestId,
        /// The schedule it came from.
        schedule: Option<String>,
        /// The device.
        device: Eui64,
    },
    /// An event that has no type here.
    Other(OtherContent),
}

impl Response {
    /// An answer to `request`, made at `now`, without a `ResponseID`.
    pub fn answer(request: RequestId, srv: Srv, code: ResponseCode, now: Time, content: Content) -> Self {
        let body = ResponseBody::Message { srv, content };
        Self {
            version: SchemaVersion::CURRENT,
            request_id: Some(request),
            response_id: None,
            code,
            date_time: now,
            body,
        }
    }

    /// As [`Self::answer`], for what a device sent: with the `ResponseID`.
    pub fn device_answer(request: RequestId, srv: Srv, code: ResponseCode, now: Time, content: Content) -> Self {
        Self { response_id: Some(request.answer()), ..Self::answer(request, srv, code, now, content) }
    }

    /// The content, if this answers a request.
    pub fn content(&self) -> Option<&Content> {
        match &self.body {
            ResponseBody::Message { content, .. } => Some(content),
            _ => None,
        }
    }

    /// Reads a response, whoever signed it; a signature may follow and is not looked at.
    pub fn parse(document: &Document<'_>) -> Result<Self, XmlError> {
        let root = document.root_named("Response")?;
        let version = schema_version(root)?;
        let mut children = root.children_beside(&["schemaVersion"])?;
        let mut header = children.expect("Header")?.children()?;
        let mut body = children.expect("Body")?.children()?;
        if !children.is_at_end() {
            children.expect_in(NS_DSIG, "Signature")?;
        }
        children.end()?;
        let request_id = header.optional_value("RequestID")?;
        let response_id = header.optional_value("ResponseID")?;
        let code = header.value("ResponseCode")?;
        let date_time = header.value("ResponseDateTime")?;
        header.end()?;
        let element = body.any("ResponseMessage or an alert")?;
        body.end()?;
        let body = ResponseBody::read(element)?;
        Ok(Self { version, request_id, response_id, code, date_time, body })
    }

    /// Reads a response that the DCC signed; acknowledgements and errors, which carry nothing, may be unsigned (DUIS 2.3).
    ///
    /// `lookup` gives the signer whose certificate has an issuer and serial number.
    pub fn accept<C: Crypto>(
        crypto: &C,
        text: &str,
        lookup: impl FnOnce(&IssuerSerial) -> Option<XmlSigner>,
    ) -> Result<Self, Refusal> {
        let document = Document::parse(text)?;
        if !signature::is_signed(&document) {
            let response = Self::parse(&document)?;
            return match response.content() {
                Some(Content::Acknowledgement) => Ok(response),
                _ => Err(SignatureError::Missing.into()),
            };
        }
        let verified = signature::verify(crypto, document, lookup)?;
        let &XmlSigner { eui, role, .. } = verified.signer();
        if role != SignerRole::DspXmlSign {
            return Err(SignatureError::Signer { eui, role }.into());
        }
        Ok(Self::parse(verified.document())?)
    }

    /// Writes the document, unsigned.
    pub fn to_xml(&self) -> String {
        Writer::document("Response", self.version, |w| {
            w.element("Header", |w| {
                w.optional_value("RequestID", self.request_id);
                w.optional_value("ResponseID", self.response_id);
                w.value("ResponseCode", &self.code);
                w.value("ResponseDateTime", time::format(self.date_time));
            });
            w.element("Body", |w| self.body.write(w));
        })
    }

    /// Writes the document, signed.
    pub fn sign<C: Crypto>(&self, crypto: &C, key: &SigningKey) -> Result<String, SignatureError> {
        signature::sign(crypto, &self.to_xml(), key)
    }
}

impl ResponseBody {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = match element.name() {
            "ResponseMessage" | "DeviceAlertMessage" | "DCCAlertMessage" => element.children()?,
            "SMETS1ResponseMessage" => return Ok(Self::Other(OtherContent::read(element)?)),
            other => return Err(element.error(XmlErrorKind::Unexpected(other.to_owned()))),
        };
        let body = match element.name() {
            "ResponseMessage" => {
                let reference: Srv = children.value("ServiceReference")?;
                let variant = children.expect("ServiceReferenceVariant")?;
                let srv: Srv = variant.value()?;
                if srv.reference() != reference {
                    return Err(
                        variant.error(XmlErrorKind::value("a variant of the service reference", &srv.to_string()))
                    );
                }
                let content = children.any_optional()?.map_or(Ok(Content::Acknowledgement), Content::read)?;
                Self::Message { srv, content }
            }
            "DeviceAlertMessage" => {
                let AlertCode(code) = children.value("AlertCode")?;
                Self::DeviceAlert(DeviceAlert {
                    code,
                    throttled_sequence: children.optional_value("ThrottledAlertSequenceId")?,
                    throttled_count: children.optional_value("ThrottledAlertCount")?,
                    payload: children.value("GBCSPayload")?,
                })
            }
            _ => {
                let code: String = children.value("DCCAlertCode")?;
                let throttled_sequence = children.optional_value("ThrottledAlertSequenceId")?;
                let throttled_count = children.optional_value("ThrottledAlertCount")?;
                let mut alert = children.expect("DCCAlert")?.children()?;
                let event = DccEvent::read(alert.any("an event")?)?;
                alert.end()?;
                Self::DccAlert(DccAlert { code: code.into(), throttled_sequence, throttled_count, event })
            }
        };
        children.end()?;
        Ok(body)
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Message { srv, content } => w.element("ResponseMessage", |w| {
                w.value("ServiceReference", srv.reference());
                w.value("ServiceReferenceVariant", srv);
                content.write(w);
            }),
            Self::DeviceAlert(alert) => w.element("DeviceAlertMessage", |w| {
                w.value("AlertCode", format_args!("{:04X}", alert.code));
                w.optional_value("ThrottledAlertSequenceId", alert.throttled_sequence);
                w.optional_value("ThrottledAlertCount", alert.throttled_count);
                w.octets("GBCSPayload", &alert.payload);
            }),
            Self::DccAlert(alert) => w.element("DCCAlertMessage", |w| {
                w.value("DCCAlertCode", &alert.code);
                w.optional_value("ThrottledAlertSequenceId", alert.throttled_sequence);
                w.optional_value("ThrottledAlertCount", alert.throttled_count);
                w.element("DCCAlert", |w| alert.event.write(w));
            }),
            Self::Other(other) => w.raw(&other.xml),
        }
    }
}

/// A hexBinary of two octets.
struct AlertCode(u16);

impl Text for AlertCode {
    const EXPECTED: &'static str = "four hex digits";

    fn read(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let fits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| u16::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl Content {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        match element.name() {
            "GBCSPayload" => return Ok(Self::DeviceResponse(element.value()?)),
            "LocalCommand" | "PreCommand" | "FutureDatedDeviceAlertMessage" => {}
            _ => return Ok(Self::Other(OtherContent::read(element)?)),
        }
        let mut children = element.children()?;
        let content = match element.name() {
            "LocalCommand" => Self::LocalCommand(children.value("GBCSPayload")?),
            "PreCommand" => Self::PreCommand {
                gbcs_version: children.value("GBCSVersion")?,
                payload: children.value("GBCSPayload")?,
            },
            _ => {
                let code = children.expect("FutureDatedAlertCode")?;
                let AlertCode(number) = code.value()?;
                let done = match number {
                    0x8F66 => true,
                    0x8F67 => false,
                    _ => return Err(code.error(XmlErrorKind::value("8F66 or 8F67", &format!("{number:04X}")))),
                };
                Self::FutureDatedAlert {
                    done,
                    payload: children.value("GBCSPayload")?,
                    instruction: children.value("InstructionNumber")?,
                    instructions: children.value("TotalCommandInstructions")?,
                }
            }
        };
        children.end()?;
        Ok(content)
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Acknowledgement => {}
            Self::LocalCommand(payload) => w.element("LocalCommand", |w| w.octets("GBCSPayload", payload)),
            Self::PreCommand { gbcs_version, payload } => w.element("PreCommand", |w| {
                w.value("GBCSVersion", gbcs_version);
                w.octets("GBCSPayload", payload);
            }),
            Self::DeviceResponse(payload) => w.octets("GBCSPayload", payload),
            Self::FutureDatedAlert { done, payload, instruction, instructions } => {
                w.element("FutureDatedDeviceAlertMessage", |w| {
                    w.value("FutureDatedAlertCode", if *done { "8F66" } else { "8F67" });
                    w.octets("GBCSPayload", payload);
                    w.value("InstructionNumber", instruction);
                    w.value("TotalCommandInstructions", instructions);
                });
            }
            Self::Other(other) => w.raw(&other.xml),
        }
    }
}

impl DccEvent {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        if element.name() != "CommandFailure" {
            return Ok(Self::Other(OtherContent::read(element)?));
        }
        let mut children = element.children()?;
        let event = Self::CommandFailure {
            request: children.value("CommandRequestID")?,
            schedule: children.optional_value("DSPScheduleID")?,
            device: children.value("DeviceID")?,
        };
        children.end()?;
        Ok(event)
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::CommandFailure { request, schedule, device } => w.element("CommandFailure", |w| {
                w.value("CommandRequestID", request);
                w.optional_value("DSPScheduleID", schedule.as_ref());
                w.value("DeviceID", device);
            }),
            Self::Other(other) => w.raw(&other.xml),
        }
    }
}

impl OtherContent {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        Ok(Self { element: element.name().to_owned(), xml: element.canonical()? })
    }
}
