//! `sr:Request`: what a User asks of the DCC (DUIS 2.2).
use std::fmt;

use gbcs::crypto::Crypto;

use crate::catalogue::{self, CommandVariant, Entry, Misfit, Service};
use crate::certificate::{IssuerSerial, SignerRole};
use crate::signature::{self, SignatureError, SigningKey, XmlSigner};
use crate::time::Execution;
use crate::xml::{Document, Element, Limits, NS_DSIG, Text, Writer, XmlError, XmlErrorKind};
use crate::{Body, RequestId, Srv};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Version of the schema it claims.
    pub version: SchemaVersion,
    /// Its header.
    pub header: RequestHeader,
    /// What it asks for.
    pub body: Body,
}

/// Header of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Its name.
    pub id: RequestId,
    /// Starts or does not start a sequence (DUIS 4.8); absent: is in none.
    pub first_in_sequence: Option<bool>,
    /// The request that must have succeeded before.
    pub preceding: Option<RequestId>,
    /// What to make of it.
    pub variant: CommandVariant,
    /// First two numbers of `srv`; whether they are is for [`Request::check`].
    pub reference: Srv,
    /// The service asked for.
    pub srv: Srv,
}

/// Version of the schema, such as 5.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaVersion {
    /// Before the point.
    pub major: u16,
    /// After it.
    pub minor: u16,
}

impl SchemaVersion {
    /// DUIS 5.4.
    pub const CURRENT: Self = Self { major: 5, minor: 4 };
}

impl Default for SchemaVersion {
    fn default() -> Self {
        Self::CURRENT
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Text for SchemaVersion {
    const EXPECTED: &'static str = "a schema version such as 5.4";

    fn read(text: &str) -> Option<Self> {
        let (major, minor) = text.trim_ascii().split_once('.')?;
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

/// Why a document is not accepted as a request or response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a document of the schema.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Not signed as it must be.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Request {
    /// How much of this text is read as a request: as much as firmware needs where the header asks for a service that brings it.
    ///
    /// The header is looked at before anything is parsed. A long text with more markup than such a request has is not taken for
    /// one, so that the tree stays a small multiple of the text.
    pub fn limits(text: &str) -> Limits {
        const FIRMWARE: [Srv; 2] = [Srv::new(11, 1, 0), Srv::new(11, 4, 0)];
        const MARKUP: usize = 1024;
        let usual = Limits::default();
        if text.len() <= usual.octets {
            return usual;
        }
        let srv = text.split_once("ServiceReferenceVariant>").and_then(|(_, rest)| rest.split_once('<'));
        let brings_firmware =
            srv.and_then(|(srv, _)| srv.trim_ascii().parse().ok()).is_some_and(|srv| FIRMWARE.contains(&srv));
        let markup = text.bytes().filter(|octet| matches!(octet, b'<' | b'=')).take(MARKUP + 1).count();
        if brings_firmware && markup <= MARKUP { Limits::FIRMWARE } else { usual }
    }

    /// A request in no sequence.
    pub fn new(id: RequestId, srv: Srv, variant: CommandVariant, body: Body) -> Self {
        let header =
            RequestHeader { id, first_in_sequence: None, preceding: None, variant, reference: srv.reference(), srv };
        Self { version: SchemaVersion::CURRENT, header, body }
    }

    /// Reads a request, whoever signed it; a signature may follow and is not looked at.
    pub fn parse(document: &Document<'_>) -> Result<Self, XmlError> {
        let root = document.root_named("Request")?;
        let version = schema_version(root)?;
        let mut children = root.children_beside(&["schemaVersion"])?;
        let header = RequestHeader::read(children.expect("Header")?)?;
        let mut body = children.expect("Body")?.children()?;
        if !children.is_at_end() {
            children.expect_in(NS_DSIG, "Signature")?;
        }
        children.end()?;
        let element = body.any("a service request or SignedPreCommand")?;
        body.end()?;
        Ok(Self { version, header, body: Body::read(element)? })
    }

    /// Reads a request that the User of its originator id signed with a certificate for XML.
    ///
    /// `lookup` gives the signer whose certificate has an issuer and serial number.
    pub fn accept<C: Crypto>(
        crypto: &C,
        text: &str,
        lookup: impl FnOnce(&IssuerSerial) -> Option<XmlSigner>,
    ) -> Result<Self, Refusal> {
        let verified = signature::verify(crypto, Document::parse_within(text, Self::limits(text))?, lookup)?;
        let request = Self::parse(verified.document())?;
        let (found, limit) = (text.len(), Limits::default().octets);
        if found > limit && !matches!(request.body, Body::UpdateFirmware(_) | Body::UpdatePpmidFirmware(_)) {
            return Err(XmlError::new(XmlErrorKind::TooLong { found, limit }).into());
        }
        let &XmlSigner { eui, role, .. } = verified.signer();
        if role != SignerRole::XmlSign || eui != request.header.id.originator {
            return Err(SignatureError::Signer { eui, role }.into());
        }
        Ok(request)
    }

    /// Writes the document, unsigned.
    pub fn to_xml(&self) -> String {
        Writer::document("Request", self.version, |w| {
            w.element("Header", |w| self.header.write(w));
            w.element("Body", |w| self.body.write(w));
        })
    }

    /// Writes the document, signed.
    pub fn sign<C: Crypto>(&self, crypto: &C, key: &SigningKey) -> Result<String, SignatureError> {
        signature::sign(crypto, &self.to_xml(), key)
    }

    /// Whether the parts fit each other: the references, the variant, the body, an execution date (DUIS 3, 7).
    pub fn check(&self) -> Result<&'static Entry, Misfit> {
        let RequestHeader { variant, reference, srv, .. } = self.header;
        let entry = catalogue::by_srv(srv).ok_or(Misfit::UnknownSrv(srv))?;
        if reference != srv.reference() {
            return Err(Misfit::Reference { reference, srv });
        }
        if !entry.variants.contains(&variant) {
            return Err(Misfit::Variant { srv, variant });
        }
        let fits = match &self.body {
            Body::SignedPreCommand(_) => variant.is_signed(),
            body => !variant.is_signed() && body.element() == entry.body,
        };
        if !fits {
            return Err(Misfit::Body { srv, variant });
        }
        // "On demand only": what comes back for local delivery carries no date (DUIS 3.4).
        let may_be_dated = (entry.future_dating.dcc || entry.future_dating.device) && !variant.returns_command();
        if self.body.execution() != Execution::Immediate && !may_be_dated {
            return Err(Misfit::ExecutionDate { srv, variant });
        }
        Ok(entry)
    }

    /// As [`Self::check`], and whether it came to the web service of its Command Variant.
    pub fn check_at(&self, service: Service) -> Result<&'static Entry, Misfit> {
        let variant = self.header.variant;
        if variant.service() != Some(service) {
            return Err(Misfit::WrongService { variant, service });
        }
        self.check()
    }
}

impl RequestHeader {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let header = Self {
            id: children.value("RequestID")?,
            first_in_sequence: children.optional_value("FirstInSequence")?,
            preceding: children.optional_value("PrecedingServiceRequestID")?,
            variant: children.value("CommandVariant")?,
            reference: children.value("ServiceReference")?,
            srv: children.value("ServiceReferenceVariant")?,
        };
        children.end()?;
        Ok(header)
    }

    fn write(&self, w: &mut Writer) {
        w.value("RequestID", self.id);
        w.optional_value("FirstInSequence", self.first_in_sequence);
        w.optional_value("PrecedingServiceRequestID", self.preceding);
        w.value("CommandVariant", self.variant);
        w.value("ServiceReference", self.reference);
        w.value("ServiceReferenceVariant", self.srv);
    }
}

pub(crate) fn schema_version(root: Element<'_>) -> Result<SchemaVersion, XmlError> {
    use crate::xml::XmlErrorKind;
    let text = root.attribute("schemaVersion");
    let text = text.ok_or_else(|| root.error(XmlErrorKind::MissingAttribute("schemaVersion")))?;
    SchemaVersion::read(text).ok_or_else(|| root.error(XmlErrorKind::value(SchemaVersion::EXPECTED, text)))
}
