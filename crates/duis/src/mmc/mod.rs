//! A device's answer in the words of the MMC schema: `ra:GBCSResponse`, what "Parse and Correlate" software makes of a GBCS
//! Response or Alert and the service it answers (DUIS 8.13).
//!
//! One table, `data/mmc.txt`, says which element is filled from which value of the GBCS catalogue; `fill` reads it over the tree of
//! values that `answer` makes of DLMS and ZCL payloads alike. What has no element, could not be opened or does not fit the schema
//! stands in `GBCSData`, in its octets: nothing of a message is lost, and what is written is valid.
mod alert;
mod answer;
mod asn1;
mod auxiliary;
mod calendar;
mod charges;
mod debug;
mod decimal;
mod element;
mod events;
mod fill;
mod form;
mod node;
mod table;

pub use element::NS_MMC;

use gbcs::certificate::KeyUsage;
use gbcs::crypto::{PublicKey, RustCrypto, SharedSecret};
use gbcs::dlms::DateTime;
use gbcs::envelope::Supplementary;
use gbcs::verify::{EncryptedPart, Keys};
use gbcs::{Cra, Eui64, MessageView, ParseError, Payload, catalogue as gbcs_catalogue};

use crate::catalogue::{self, Entry};
use crate::{Content, Response, ResponseBody, Srv};
use answer::{Answer, Piece};
use element::Element;
use fill::Misfits;

/// Version of the schema that documents claim.
const SCHEMA_VERSION: &str = "5.4";

/// Opens the encrypted parts of a message's payload: with a User's keys, [`gbcs::verify::encrypted`].
pub type Opener<'a> = &'a dyn Fn(&MessageView<'_>, &Payload) -> Vec<EncryptedPart>;

/// What is known beside the message.
#[derive(Clone, Copy, Default)]
pub struct Context<'a> {
    /// The service that was asked for. Without it the message's use case says which, where it serves only one.
    pub srv: Option<Srv>,
    /// Access Control Brokers: an answer to one of them is of a service in which the DCC asks.
    pub brokers: &'a [Eui64],
    /// Opens encrypted parts; without it they stand in `GBCSData` as they are.
    pub opener: Option<Opener<'a>>,
}

/// A document, and what its parts came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mmc {
    /// The service in its header, if the message is about one.
    pub srv: Option<Srv>,
    /// Whether it has `SMETSData` or the content of an alert.
    pub typed: bool,
    /// How many `GBCSData` elements it has.
    pub pieces: usize,
    /// The document.
    pub xml: String,
}

/// Why a message has no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MmcError {
    /// The octets are no message, or its payload is none.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// A Command: the schema is for what devices say.
    #[error("a Command is nothing a device says; the schema is for Responses and Alerts")]
    Command,
    /// The service asked for leads to other use cases.
    #[error("service {srv} is not answered by message code {code}")]
    Service {
        /// The service.
        srv: Srv,
        /// The message's code.
        code: gbcs::MessageCode,
    },
}

/// The document of a Response or an Alert.
pub fn mmc(octets: &[u8], context: &Context<'_>) -> Result<Mmc, MmcError> {
    let view = MessageView::parse(octets)?;
    let payload = Payload::of(&view)?;
    let opened = match context.opener {
        Some(open) => open(&view, &payload),
        None => gbcs::verify::encrypted(&RustCrypto, &NoKeys, &view, &payload),
    };
    let answer = Answer::of(&view, &payload, &opened);
    let (service, body) = match view.cra() {
        Cra::Command => return Err(MmcError::Command),
        Cra::Response => {
            let service = service(&view, context)?;
            (service, response(&view, &payload, service, answer))
        }
        Cra::Alert => (None, alert::message(&view, &payload, answer)),
    };
    let srv = service.map(|entry| entry.srv);
    let body_element = Element::new("Body", [body.element]);
    let root = Element::new("GBCSResponse", [header(&view, srv), body_element]).with("schemaVersion", SCHEMA_VERSION);
    Ok(Mmc { srv, typed: body.typed, pieces: body.pieces, xml: root.to_document() })
}

/// Keys of nobody: encrypted parts are found, and stay closed.
struct NoKeys;

impl Keys for NoKeys {
    fn public_keys(&self, _: Eui64, _: KeyUsage) -> &[PublicKey] {
        &[]
    }

    fn secrets(&self, _: Eui64, _: Eui64) -> Vec<SharedSecret> {
        Vec::new()
    }

    fn brokers(&self) -> &[Eui64] {
        &[]
    }
}

/// The message of a device that a Response of the DCC brings, and the service it answers; an Alert answers none.
pub fn message_of(response: &Response) -> Option<(&[u8], Option<Srv>)> {
    match &response.body {
        ResponseBody::Message { srv, content } => match content {
            Content::DeviceResponse(payload) => Some((payload, Some(*srv))),
            Content::CustomerNumber(number) => Some((&number.payload, Some(*srv))),
            Content::Scheduled(message) => Some((&message.payload, Some(*srv))),
            Content::FutureDatedAlert(alert) => Some((&alert.payload, None)),
            _ => None,
        },
        ResponseBody::DeviceAlert(alert) => Some((&alert.payload, None)),
        ResponseBody::DccAlert(_) | ResponseBody::Other(_) => None,
    }
}

/// What stands in `Body`.
struct Body {
    element: Element,
    typed: bool,
    pieces: usize,
}

/// Which service a Response answers.
fn service(view: &MessageView<'_>, context: &Context<'_>) -> Result<Option<&'static Entry>, MmcError> {
    let code = view.message_code();
    if let Some(srv) = context.srv {
        let entry = catalogue::by_srv(srv).filter(|entry| entry.has_code(code));
        return entry.map(Some).ok_or(MmcError::Service { srv, code });
    }
    // One use case may serve several services: those in which the broker asks for the User, and those in which he asks himself.
    let supplemented = !matches!(view.other_information().supplementary, Supplementary::None);
    let by_broker = supplemented || context.brokers.contains(&view.id().target);
    let suits = |entry: &&Entry| {
        let by = entry.originators;
        if by_broker { by.acb } else { by.user || by.transitional_cos }
    };
    Ok(catalogue::by_code(code).find(suits).or_else(|| catalogue::by_code(code).next()))
}

/// The element of a service's answers.
fn answer_element(entry: &Entry) -> Option<&'static str> {
    static NAMES: std::sync::LazyLock<Vec<(Srv, String)>> = std::sync::LazyLock::new(|| {
        let named = catalogue::entries().iter().filter(|entry| !entry.use_cases.is_empty());
        let name = |entry: &Entry| match entry.body {
            // The schema calls this one otherwise than requests do, and has none for the scheduler of auxiliary controllers.
            "ReadDeviceConfigurationBillingCalendar" => "ReadDeviceConfigurationDataBillingCalendarRsp".to_owned(),
            "UpdateDeviceConfigurationAuxiliaryControllerScheduler" => {
                "UpdateDeviceConfigurationALCSchedulerRsp".to_owned()
            }
            body => format!("{body}Rsp"),
        };
        named.map(|entry| (entry.srv, name(entry))).collect()
    });
    NAMES.iter().find(|(srv, _)| *srv == entry.srv).map(|(_, name)| name.as_str())
}

fn response(view: &MessageView<'_>, payload: &Payload, service: Option<&'static Entry>, answer: Answer) -> Body {
    let mut misfits = Misfits::default();
    let mut success = answer.is_success();
    let mut elements = None;
    match payload {
        Payload::Asn1(payload) => {
            if let Some(said) = asn1::answer(payload.content(), &mut misfits) {
                success = said.success;
                elements = Some(said.elements);
            }
        }
        Payload::Dlms(_) | Payload::Gbz(_) => {
            let id = gbcs_catalogue::find(view.message_code()).map_or("", |use_case| use_case.id);
            let entries = table::of_use_case(id).unwrap_or_default();
            elements = Some(fill::fill(entries, answer.values, &mut misfits));
        }
        Payload::GbzAlert(_) | Payload::Der(_) => {}
    }
    let name = service.and_then(answer_element);
    let data = elements.zip(name).map(|(elements, name)| {
        let answer = Element::new(name, elements).with("MessageSuccess", success);
        Element::new("SMETSData", [answer])
    });
    let typed = data.is_some();
    let mut pieces = answer.pieces;
    if !typed || !misfits.is_empty() {
        pieces.push(whole(view));
    }
    let debug = (!success).then(|| debug::info(&answer.parts)).flatten();
    let pieces = gbcs_data(view, pieces);
    let count = pieces.len();
    let inside = pieces.into_iter().chain(data).chain(debug).collect::<Vec<_>>();
    Body { element: Element::new("ResponseMessage", inside), typed, pieces: count }
}

/// The message itself.
fn whole(view: &MessageView<'_>) -> Piece {
    Piece { name: "message".into(), kind: "gbcs", encrypted: false, octets: view.octets().to_vec() }
}

/// `GBCSData` of these pieces; the message itself where there are more than the schema has room for.
fn gbcs_data(view: &MessageView<'_>, mut pieces: Vec<Piece>) -> Vec<Element> {
    const MOST: usize = 100;
    if pieces.len() > MOST {
        pieces = vec![whole(view)];
    }
    let element = |(sequence, piece): (usize, Piece)| {
        Element::text("GBCSData", form::base64(&piece.octets))
            .with("format", if piece.encrypted { "encrypted" } else { "plain" })
            .with("sequence", sequence)
            .with("name", piece.name)
            .with("type", piece.kind)
    };
    pieces.into_iter().enumerate().map(element).collect()
}

fn header(view: &MessageView<'_>, srv: Option<Srv>) -> Element {
    let id = view.id();
    let mut elements = vec![
        Element::text("BusinessOriginatorID", id.originator.to_string()),
        Element::text("BusinessTargetID", id.target.to_string()),
        Element::text("OriginatorCounter", id.counter.0.to_string()),
    ];
    let (party, party_counter, own_counter) = match view.other_information().supplementary {
        Supplementary::None => (None, None, None),
        Supplementary::Party(party) => (Some(party), None, None),
        Supplementary::Request(party, counter) | Supplementary::Certificate(party, counter, _) => {
            (Some(party), Some(counter), None)
        }
        Supplementary::Response(party, counter, own) => (Some(party), Some(counter), Some(own)),
    };
    elements.extend(party.map(|party| Element::text("SupplementaryRemotePartyID", party.to_string())));
    let counter = |name| move |counter: gbcs::Counter| Element::text(name, counter.0.to_string());
    elements.extend(party_counter.map(counter("SupplementaryRemotePartyCounter")));
    elements.extend(own_counter.map(counter("SupplementaryOriginatorCounter")));
    elements.push(Element::text("GBCSHexadecimalMessageCode", format!("{:04X}", view.message_code().0)));
    if let Some(srv) = srv {
        elements.push(Element::text("ServiceReference", srv.reference().to_string()));
        elements.push(Element::text("ServiceReferenceVariant", srv.to_string()));
    }
    elements.extend(view.date_time().and_then(|octets| timestamp(DateTime(*octets))));
    Element::new("Header", elements)
}

/// The time of an answer; a clock status of FF says nothing (GBCS messages 4.5).
fn timestamp(date_time: DateTime) -> Option<Element> {
    const INVALID: u8 = 0x01;
    const DOUBTFUL: u8 = 0x02;
    const OTHER_CLOCK: u8 = 0x04;
    let time = date_time.time().filter(|time| time.civil().year <= 9999)?;
    let element = Element::text("Timestamp", time.to_string());
    let status = date_time.status();
    if status == 0xFF {
        return Some(element);
    }
    let word = match status {
        status if status & INVALID != 0 => "invalid",
        status if status & DOUBTFUL != 0 => "unreliable",
        _ => "reliable",
    };
    // A gas proxy passes on what a clock of another base, the gas meter's, said.
    Some(element.with("isFromGSME", status & OTHER_CLOCK != 0).with("ClockStatus", word))
}

/// What the catalogue says that an event or alert is.
fn event_meaning(code: u16) -> String {
    gbcs_catalogue::alert_meaning(code).map_or_else(|| format!("event {code:04X}"), str::to_owned)
}
