//! The catalogue: every message code, object, attribute and value, from one table (`data/catalogue.tsv`).
//!
//! Decode, encode, the meters' object models and access rights, the command line and the docs all read it.
mod objects;
mod types;
mod zcl;

pub use objects::{Member, Object, member, member_by_name, object, objects, words};
pub use types::{Field, Index, Meaning, PackedField, PackedForm, ProtectedAttribute, Scale, Type, Unit, protection};
pub use zcl::{
    ZclAttribute, ZclCommand, ZclField, alert_meaning, zcl_attribute, zcl_attributes, zcl_command, zcl_commands,
};

use crate::dlms::{Access, AccessRequest, Answer, Choice, Data, Obis, Row};
use crate::gbz::zcl::{Body, Status};
use crate::gbz::{self, Component, Content};
use crate::ids::{Cra, MessageCode};
use alloc::vec::Vec;
use core::fmt;
use objects::is_between;

/// One message code.
#[derive(Debug)]
pub struct UseCase {
    /// The message code.
    pub code: MessageCode,
    /// The use case it belongs to, as `ECS04a`; the code's digits where it has none. Not unique: CS02b has ten codes.
    pub id: &'static str,
    /// What it does, in words.
    pub title: &'static str,
    /// What the payload is made of.
    pub family: Family,
    /// Service references of DUIS that lead to it.
    pub services: &'static [&'static str],
    /// Which devices take the Command (or raise the Alert).
    pub targets: &'static [DeviceType],
    /// Who may ask; of an Alert, who is told.
    pub roles: &'static [Originator],
    /// What is at stake, which says how messages are protected.
    pub category: Category,
    /// Whether the Command may name a later moment.
    pub future_dated: bool,
    /// Whether a device refuses a Command whose counter has not grown.
    pub replay_protected: bool,
    protection: [Option<Protection>; 3],
    /// The rows of the Command, of a DLMS use case.
    pub rows: &'static [RowTemplate],
    /// What a DLMS Alert tells besides its code and time.
    pub further: &'static [Field],
    /// The components of the Command, of a GBZ use case.
    pub components: &'static [ComponentTemplate],
    /// The components of a Response that says success, of a GBZ use case.
    pub answers: &'static [ComponentTemplate],
}

/// What a payload is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// DLMS.
    Dlms,
    /// ZCL frames.
    Gbz,
    /// ASN.1.
    Der,
    /// DLMS or ZCL, by the device: the generic Alerts.
    Any,
    /// There is no such message: the code stands in event logs only.
    None,
}

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceType {
    /// Electricity meter.
    Esme,
    /// Gas meter.
    Gsme,
    /// Communications Hub Function.
    Chf,
    /// Gas Proxy Function.
    Gpf,
    /// Prepayment interface of the customer.
    Ppmid,
    /// Load control switch.
    Hcalcs,
    /// Standalone auxiliary proportional controller.
    Sapc,
}

/// Whose Commands a use case takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Originator {
    /// Recovery.
    Recovery,
    /// Supplier.
    Supplier,
    /// Network operator.
    NetworkOperator,
    /// The DCC's Access Control Broker, for itself or for a party the device does not know.
    AccessControlBroker,
    /// Transitional change of supplier party.
    TransitionalCos,
    /// WAN provider.
    WanProvider,
    /// Load controller.
    LoadController,
    /// Holder of the contingency key.
    Contingency,
    /// A PPMID of the same home.
    Ppmid,
}

/// What is at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// Supply, money or safety: signed by the originator (SME.C.C).
    Critical,
    /// Closed by a MAC only (SME.C.NC).
    NonCritical,
    /// Closed by a MAC, with a UTRN inside that has an authenticity of its own.
    NonCriticalTopUp,
    /// Credentials: protected as the requester's role says (section 4.2 of the message specification).
    ByRequester,
    /// An Alert, signed (SME.A.C).
    CriticalAlert,
    /// An Alert, closed by a MAC (SME.A.NC).
    NonCriticalAlert,
    /// Between PPMID and GSME, on the HAN only.
    PpmidGsme,
    /// Plain ZigBee; the code stands in event logs only.
    ZigBee,
}

/// How a message is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protection {
    /// MAC, empty signature field.
    Mac,
    /// Signature, no MAC.
    Signature,
    /// Signature and MAC.
    SignatureAndMac,
    /// MAC when the ACB is the requester, else signature.
    MacOrSignature,
}

/// One row of a DLMS Command, and of the Response.
#[derive(Clone, Copy, Debug)]
pub struct RowTemplate {
    /// Get, set or action.
    pub choice: Choice,
    /// Interface class.
    pub class: u16,
    /// The object.
    pub obis: Obis,
    /// The same, or the highest code where a group may take several values.
    pub obis_to: Obis,
    /// Attribute, or method of an action.
    pub index: u8,
    /// Whether the row may be absent.
    pub optional: bool,
    /// What the attribute or method is called.
    pub member: Member,
    /// The data of the Command.
    pub request: Field,
    /// The data of a Response that says success; of a protected read the plaintext.
    pub response: Field,
}

/// One component of a GBZ payload, or several alike.
#[derive(Clone, Copy, Debug)]
pub struct ComponentTemplate {
    /// The cluster.
    pub cluster: u16,
    /// ZCL frame control.
    pub frame_control: u8,
    /// ZCL command.
    pub command: u8,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether it has a From-Date-Time.
    pub from_date_time: bool,
    /// How many of them there are at least.
    pub least: u8,
    /// And at most.
    pub most: u8,
    /// What the use case fixes of the ZCL payload.
    pub arguments: Arguments,
}

/// What a use case fixes of a ZCL payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// Nothing.
    None,
    /// The attributes read.
    Attributes(&'static [u16]),
    /// What a Default Response says.
    DefaultResponse {
        /// The command answered.
        command: u8,
        /// How it went.
        status: Status,
    },
}

static USE_CASES: &[UseCase] = include!(concat!(env!("OUT_DIR"), "/use_cases.rs"));

/// Every message code, in rising order.
pub fn all() -> &'static [UseCase] {
    USE_CASES
}

/// The use case of a message code.
pub fn find(code: MessageCode) -> Option<&'static UseCase> {
    let at = USE_CASES.binary_search_by_key(&code, |use_case| use_case.code).ok()?;
    Some(&USE_CASES[at])
}

/// The message codes of a use case, by its id.
pub fn find_by_id(id: &str) -> impl Iterator<Item = &'static UseCase> {
    USE_CASES.iter().filter(move |use_case| use_case.id == id)
}

impl UseCase {
    /// How messages of this kind are protected; `None` where there are none.
    pub fn protection(&self, cra: Cra) -> Option<Protection> {
        self.protection[cra as usize - 1]
    }

    /// Whether devices of this kind take the Command.
    pub fn is_for(&self, device: DeviceType) -> bool {
        self.targets.contains(&device)
    }

    /// Whether this originator may ask.
    pub fn allows(&self, originator: Originator) -> bool {
        self.roles.contains(&originator)
    }

    /// The shape of what the answer to a row holds once it is opened; of an Alert what it holds.
    pub fn plaintext(&self, cra: Cra, row: usize) -> Option<&'static Field> {
        /// What an Alert of the billing log is a read of, that nobody asked for.
        const PUSHED: Obis = Obis([0, 0, 43, 2, 11, 255]);
        match cra {
            Cra::Alert => member(30, PUSHED, Index::Method(1)).map(|member| &member.returns),
            _ => self.rows.get(row).filter(|row| matches!(row.request.of, Type::Protected(_))).map(|row| &row.response),
        }
    }

    /// Whether messages may say who is asking by a PPMID's key alone: never routed over the WAN.
    pub fn is_han_only(&self) -> bool {
        matches!(self.category, Category::PpmidGsme | Category::ZigBee)
    }

    /// The row templates that the rows of `request` fill, one for each row; `None` unless they are exactly those of the use case, in
    /// order and type (step 11 of a device's checks).
    pub fn match_rows(&self, request: &AccessRequest) -> Option<Vec<&'static RowTemplate>> {
        let mut templates = self.rows.iter();
        let mut matched = Vec::with_capacity(request.rows.len());
        for row in &request.rows {
            matched.push(templates.by_ref().find_map(|template| match template.fits(row) {
                true => Some(Some(template)),
                false if template.optional => None,
                false => Some(None),
            })??);
        }
        let complete = templates.all(|template| template.optional) && !matched.is_empty();
        complete.then_some(matched)
    }

    /// The rows that so many answers of a Response stand for: those of the Command, where none of them may be absent.
    pub fn answered_rows(&self, answers: usize) -> Option<&'static [RowTemplate]> {
        (self.rows.len() == answers).then_some(self.rows)
    }

    /// Whether `request` has exactly the rows of the use case, in order and type.
    pub fn matches(&self, request: &AccessRequest) -> bool {
        self.match_rows(request).is_some()
    }

    /// Whether `payload`, of a Command, has exactly the components of the use case, in order, with rising sequence numbers and ZCL
    /// payloads that read.
    pub fn matches_components(&self, payload: &gbz::Payload) -> bool {
        let mut components = payload.components.iter().enumerate().peekable();
        let in_order = self.components.iter().all(|template| {
            let mut n = 0;
            while n < template.most
                && components.next_if(|(i, c)| usize::from(c.sequence) == *i && template.fits(c)).is_some()
            {
                n += 1;
            }
            n >= template.least
        });
        in_order && !self.components.is_empty() && components.next().is_none()
    }
}

impl RowTemplate {
    /// What an answer carries: of a protected read the protection and the ciphertext.
    pub fn answer(&'static self) -> &'static Field {
        match self.request.of {
            Type::Protected(_) => protection::response(),
            _ => &self.response,
        }
    }

    /// Whether an answer is one to such a row: data of its shape on success, none on failure.
    pub fn answers(&'static self, answer: &Answer) -> bool {
        // Meters answer a read of part of an attribute as one of all of it, in the public samples; gbcs-messages.md 9.2 repeats the choice.
        let same = answer.choice == self.choice || (answer.choice, self.choice) == (Choice::Get, Choice::GetSelective);
        same && if answer.result.is_success() { self.answer().of.fits(&answer.data) } else { answer.data.is_null() }
    }

    /// Whether it is about this object.
    pub fn covers(&self, obis: Obis) -> bool {
        is_between(obis, self.obis, self.obis_to)
    }

    /// Whether the row is of this shape.
    pub fn fits(&self, row: &Row) -> bool {
        row.access.choice() == self.choice
            && row.class == self.class
            && row.index == self.index
            && self.covers(row.obis)
            && match &row.access {
                Access::GetSelective { selector, parameters } => {
                    *selector == 1 && row.data == Data::Null && is_range(parameters)
                }
                _ => self.request.of.fits(&row.data),
            }
    }
}

/// `{ { long-unsigned 1, the clock, integer 2, long-unsigned 0 }, double-long-unsigned, double-long-unsigned, array(0) }`
fn is_range(parameters: &Data) -> bool {
    let object = Row::get_range(0, Obis([0; 6]), 0, 0, 0).access;
    let Access::GetSelective { parameters: Data::Structure(pattern), .. } = &object else { return false };
    match parameters.as_structure() {
        Some([object, Data::DoubleLongUnsigned(_), Data::DoubleLongUnsigned(_), Data::Array(none)]) => {
            Some(object) == pattern.first() && none.is_empty()
        }
        _ => false,
    }
}

impl ComponentTemplate {
    /// Whether the component is of this shape.
    pub fn fits(&self, component: &Component) -> bool {
        let header = (component.cluster, component.frame_control, component.command);
        header == (self.cluster, self.frame_control, self.command)
            && component.from_date_time.is_some() == self.from_date_time
            && match (&component.content, self.arguments) {
                (Content::Encrypted { .. }, _) => self.encrypted,
                (Content::Plain(_), _) if self.encrypted => false,
                (Content::Plain(Body::ReadAttributes(ids)), Arguments::Attributes(wanted)) => ids == wanted,
                (Content::Plain(Body::DefaultResponse { command, status }), Arguments::DefaultResponse { .. }) => {
                    self.arguments == Arguments::DefaultResponse { command: *command, status: *status }
                }
                (Content::Plain(Body::Unknown(_)), _) => false,
                (Content::Plain(_), arguments) => arguments == Arguments::None,
            }
    }
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Esme => "ESME",
            Self::Gsme => "GSME",
            Self::Chf => "CHF",
            Self::Gpf => "GPF",
            Self::Ppmid => "PPMID",
            Self::Hcalcs => "HCALCS",
            Self::Sapc => "SAPC",
        })
    }
}

impl fmt::Display for Originator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Recovery => "recovery",
            Self::Supplier => "supplier",
            Self::NetworkOperator => "network operator",
            Self::AccessControlBroker => "access control broker",
            Self::TransitionalCos => "transitional change of supplier party",
            Self::WanProvider => "WAN provider",
            Self::LoadController => "load controller",
            Self::Contingency => "contingency",
            Self::Ppmid => "PPMID",
        })
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Critical => "critical",
            Self::NonCritical => "non-critical",
            Self::NonCriticalTopUp => "non-critical with UTRN",
            Self::ByRequester => "by requester",
            Self::CriticalAlert => "critical alert",
            Self::NonCriticalAlert => "non-critical alert",
            Self::PpmidGsme => "PPMID to GSME",
            Self::ZigBee => "ZigBee only",
        })
    }
}
