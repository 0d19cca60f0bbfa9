//! `sr:Response`: what the DCC answers or reports (DUIS 2.3, 6).
pub mod alert;
pub mod answer;
mod code;
pub mod hub;
pub mod s1sp;
#[cfg(any(test, feature = "sample"))]
mod sample;

pub use alert::{CommandFailure, DccAlert, DccEvent, DeviceAlert};
pub use answer::{FutureDatedAlert, FutureDatedOutcome, LocalCommand, PreCommand};
pub use code::{AlertCode, DCC_ALERT_MEANINGS, DccAlertCode, DccAlertMeaning, NotADccAlertCode};

use gbcs::crypto::Crypto;
use gbcs::{Eui64, Time};

use crate::body::dcc::ScheduleId;
use crate::certificate::{IssuerSerial, SignerRole};
use crate::request::{Refusal, SchemaVersion, schema_version};
use crate::signature::{self, SignatureError, SigningKey, XmlSigner};
use crate::xml::{Content as _, Document, Element, NS_DSIG, Writer, XmlError, XmlErrorKind};
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
    /// `SMETS1ResponseMessage`: about meters that do not speak GBCS.
    Other(OtherContent),
}

/// Contents of answers: the variant, its type and element.
macro_rules! contents {
    ($($(#[$meta:meta])* $variant:ident($type:ty) = $element:literal;)*) => {
        /// Content of an answer.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "a response holds one content")]
        pub enum Content {
            /// Nothing: an acknowledgement or an error.
            Acknowledgement,
            $($(#[$meta])* #[doc = concat!("`", $element, "`.")] $variant($type),)*
        }

        impl Content {
            /// Names of the elements, in the order of the schema.
            pub const ELEMENTS: &'static [&'static str] = &[$($element,)*];

            /// Name of the element, if there is one.
            pub fn element(&self) -> Option<&'static str> {
                match self {
                    Self::Acknowledgement => None,
                    $(Self::$variant(_) => Some($element),)*
                }
            }

            fn read(element: Element<'_>) -> Result<Self, XmlError> {
                match element.name() {
                    $($element => <$type>::read_content(element, &[]).map(Self::$variant),)*
                    other => Err(element.error(XmlErrorKind::Unexpected(other.to_owned()))),
                }
            }

            fn write(&self, w: &mut Writer) {
                match self {
                    Self::Acknowledgement => {}
                    $(Self::$variant(content) => content.write_element(w, $element),)*
                }
            }

            /// What draws each content, none first.
            #[cfg(any(test, feature = "sample"))]
            pub const SAMPLES: &'static [fn(&mut crate::xml::sample::Draw) -> Self] = &[
                |_| Self::Acknowledgement,
                $(|draw| Self::$variant(crate::xml::sample::Sample::sample(draw)),)*
            ];
        }
    };
}

contents! {
    /// The answer to 9.1.
    CustomerNumber(answer::CustomerNumber) = "CINMessage";
    /// The answer to 8.2.
    Inventory(answer::Inventory) = "DSPInventory";
    /// The answer to 8.6.
    OptIn(answer::OptIn) = "DSPOptIn";
    /// The answer to 5.2.
    Schedules(answer::Schedules) = "DSPSchedulesRead";
    /// What came of a schedule.
    Scheduled(answer::ScheduledMessage) = "DSPScheduledMessage";
    /// The answer to 5.1.
    Schedule(ScheduleId) = "DSPScheduleID";
    /// The answer to 11.1 where some devices do not get the image.
    FirmwareWarning(answer::FirmwareWarning) = "DSPUpdateFirmwareWarning";
    /// The same to 11.4.
    PpmidFirmwareWarning(answer::FirmwareWarning) = "DSPUpdatePPMIDFirmwareWarning";
    /// The answer to 12.1.
    WanCoverage(answer::WanCoverage) = "DSPWANMatrix";
    /// What a device did at the date inside a Command.
    FutureDatedAlert(FutureDatedAlert) = "FutureDatedDeviceAlertMessage";
    /// The GBCS message of a device.
    DeviceResponse(Vec<u8>) = "GBCSPayload";
    /// A Command for local delivery.
    LocalCommand(LocalCommand) = "LocalCommand";
    /// A Command to be signed.
    PreCommand(PreCommand) = "PreCommand";
}

/// A body that has no type here; only its name was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherContent {
    /// Local name of the element.
    pub element: String,
    /// The element in exclusive canonical form, to be written back.
    pub xml: String,
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

    /// The request it answers or tells of, if it names one.
    pub fn about(&self) -> Option<RequestId> {
        self.request_id.or_else(|| match &self.body {
            ResponseBody::DccAlert(alert) => alert.event.request(),
            _ => None,
        })
    }

    /// The device it comes from or tells of, if it names one.
    pub fn device(&self) -> Option<Eui64> {
        match &self.body {
            ResponseBody::Message { .. } | ResponseBody::Other(_) => self.request_id.map(|id| id.target),
            ResponseBody::DeviceAlert(alert) => {
                let view = gbcs::MessageView::parse(&alert.payload).ok();
                view.map(|view| view.id().originator).or_else(|| self.response_id.map(|id| id.originator))
            }
            ResponseBody::DccAlert(alert) => alert.event.device(),
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
        match element.name() {
            "ResponseMessage" => {
                let mut children = element.children()?;
                let reference: Srv = children.value("ServiceReference")?;
                let variant = children.expect("ServiceReferenceVariant")?;
                let srv: Srv = variant.value()?;
                if srv.reference() != reference {
                    let expected = "a variant of the service reference";
                    return Err(variant.error(XmlErrorKind::value(expected, &srv.to_string())));
                }
                let content = children.any_optional()?.map_or(Ok(Content::Acknowledgement), Content::read)?;
                children.end()?;
                Ok(Self::Message { srv, content })
            }
            "DeviceAlertMessage" => DeviceAlert::read_content(element, &[]).map(Self::DeviceAlert),
            "DCCAlertMessage" => DccAlert::read_content(element, &[]).map(Self::DccAlert),
            "SMETS1ResponseMessage" => OtherContent::read(element).map(Self::Other),
            other => Err(element.error(XmlErrorKind::Unexpected(other.to_owned()))),
        }
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Message { srv, content } => w.element("ResponseMessage", |w| {
                w.value("ServiceReference", srv.reference());
                w.value("ServiceReferenceVariant", srv);
                content.write(w);
            }),
            Self::DeviceAlert(alert) => alert.write_element(w, "DeviceAlertMessage"),
            Self::DccAlert(alert) => alert.write_element(w, "DCCAlertMessage"),
            Self::Other(other) => w.raw(&other.xml),
        }
    }
}

impl OtherContent {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        Ok(Self { element: element.name().to_owned(), xml: element.canonical()? })
    }
}
