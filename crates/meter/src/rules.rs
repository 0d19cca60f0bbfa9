//! What the use case catalogue says, as a meter needs it.
use crate::config::{Kind, Role};
use crate::counters::Rule;
use crate::esme::{self, Attribute};
use crate::gsme::{self, ResponseForm};
use gbcs::catalogue::{self, Arguments, Category, DeviceType, Family, Originator, RowTemplate, Type, UseCase};
use gbcs::dlms::{AccessRequest, BitString, Choice, Data, DateTime};
use gbcs::gbz::zcl::READ_ATTRIBUTES_RESPONSE;
use gbcs::gbz::{self, Component};
use gbcs::{MessageCode, Octets};

/// Use cases whose Responses carry the meter's time in their header (gbcs-messages 4.4): future-datable ones, top-ups,
/// register reads.
const WITH_DATE_TIME: [u16; 31] = [
    0x0007, 0x0012, 0x0019, 0x001A, 0x001B, 0x001F, 0x0026, 0x0027, 0x0028, 0x0029, 0x002A, 0x002B, 0x002C, 0x002D,
    0x0039, 0x0043, 0x0054, 0x006B, 0x006C, 0x006D, 0x006F, 0x0074, 0x0075, 0x0097, 0x00A2, 0x00A3, 0x00B6, 0x00B7,
    0x00B8, 0x00BC, 0x00C7,
];
/// The same, of later message codes.
const WITH_DATE_TIME_LATER: [u16; 3] = [0x00DE, 0x011A, 0x012A];

/// One use case, as the checks and the execution of a Command need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub code: MessageCode,
    pub name: &'static str,
    pub title: &'static str,
    /// Signed, and answered by a signature.
    pub critical: bool,
    /// Between PPMID and gas meter.
    pub han_only: bool,
    pub replay: Rule,
    /// Whether the Response carries the time.
    pub date_time: bool,
    /// Whether this meter executes it.
    pub modelled: bool,
    pub use_case: &'static UseCase,
}

impl Rules {
    /// The rules of a Command for this kind of meter; `None` when the catalogue has no such Command.
    pub fn of(kind: Kind, code: MessageCode) -> Option<Self> {
        let use_case = catalogue::find(code)?;
        let (device, family) = match kind {
            Kind::Esme => (DeviceType::Esme, Family::Dlms),
            Kind::Gsme => (DeviceType::Gsme, Family::Gbz),
        };
        let is_command = matches!(
            use_case.category,
            Category::Critical
                | Category::NonCritical
                | Category::NonCriticalTopUp
                | Category::ByRequester
                | Category::PpmidGsme
        );
        if !is_command || !use_case.is_for(device) {
            return None;
        }
        let critical = use_case.category == Category::Critical;
        let replay = match (use_case.category, use_case.replay_protected, use_case.future_dated) {
            (Category::NonCriticalTopUp, ..) => Rule::TopUp,
            (_, false, _) => Rule::None,
            (_, true, true) => Rule::FutureDated,
            (_, true, false) => Rule::Execution,
        };
        Some(Self {
            code,
            name: use_case.id,
            title: use_case.title,
            critical,
            han_only: use_case.category == Category::PpmidGsme,
            replay,
            date_time: WITH_DATE_TIME.contains(&code.0) || WITH_DATE_TIME_LATER.contains(&code.0),
            modelled: use_case.family == family && models(use_case),
            use_case,
        })
    }

    /// Whether a sender of this role may send it.
    pub fn allows(&self, role: Role) -> bool {
        self.use_case.allows(match role {
            Role::Recovery => Originator::Recovery,
            Role::Supplier => Originator::Supplier,
            Role::NetworkOperator => Originator::NetworkOperator,
            Role::AccessControlBroker => Originator::AccessControlBroker,
            Role::TransitionalCos => Originator::TransitionalCos,
            Role::WanProvider => Originator::WanProvider,
            Role::LoadController => Originator::LoadController,
            Role::Ppmid => Originator::Ppmid,
        })
    }

    /// Whether the rows are those of the use case.
    pub fn matches_rows(&self, request: &AccessRequest, strict: bool) -> bool {
        if strict { self.use_case.matches(request) } else { !request.rows.is_empty() }
    }

    /// How the use case answers a component: the answers to attribute reads stand in the order of the reads.
    pub fn response_form(&self, command: &gbz::Payload, n: usize) -> ResponseForm {
        let is_read = |component: &Component| matches!(component.body(), Some(gbz::zcl::Body::ReadAttributes(_)));
        let none = ResponseForm { encrypted: false, frame_control: None };
        if !command.components.get(n).is_some_and(is_read) {
            return none;
        }
        let place = command.components[..n].iter().filter(|component| is_read(component)).count();
        let mut answers = self
            .use_case
            .answers
            .iter()
            .filter(|a| a.frame_control & gbz::zcl::CLUSTER_SPECIFIC == 0 && a.command == READ_ATTRIBUTES_RESPONSE);
        answers.nth(place).map_or(none, |answer| ResponseForm {
            encrypted: answer.encrypted,
            frame_control: Some(answer.frame_control),
        })
    }
}

/// Whether every row or component is one that the object models know what to do with.
fn models(use_case: &UseCase) -> bool {
    match use_case.family {
        Family::Dlms => use_case.rows.iter().all(|row| {
            let whole = match row.request.of {
                Type::Protected(attributes) => attributes.iter().all(|attribute| !attribute.range),
                _ => true,
            };
            whole && readable(row) && esme::models(row.choice, of(row))
        }),
        Family::Gbz => use_case.components.iter().all(|component| match component.arguments {
            Arguments::Attributes(ids) => ids.iter().all(|&id| gsme::has(component.cluster, id)),
            _ => gsme::models(component.cluster, component.frame_control, component.command),
        }),
        _ => false,
    }
}

/// Logs come back as compact arrays; this meter keeps none of the metrology's.
fn readable(row: &RowTemplate) -> bool {
    row.choice != Choice::Get || !row.response.of.is_log()
}

/// The attribute or method a row template is about; the lowest where a group may vary.
fn of(row: &RowTemplate) -> Attribute {
    Attribute { class: row.class, obis: row.obis, index: row.index }
}

/// Whether a value may be written to an attribute: some use case writes such a one.
pub(crate) fn fits(attribute: Attribute, data: &Data) -> bool {
    rows().any(|row| row.choice == Choice::Set && covers(row, attribute) && row.request.of.fits(data))
}

/// What an attribute holds that was never written: nothing, in the shape in which a use case reads it.
pub(crate) fn unset_value(attribute: Attribute) -> Option<Data> {
    rows().find_map(|row| match (row.choice, row.request.of, row.response.of) {
        (Choice::Get, _, shape) if covers(row, attribute) => nothing(&shape),
        (Choice::Action, Type::Protected(wanted), Type::Structure(shapes)) => {
            let here = |w: &catalogue::ProtectedAttribute| {
                Attribute { class: w.class, obis: w.obis, index: w.index } == attribute
            };
            nothing(&shapes.get(wanted.iter().position(here)?)?.of)
        }
        _ => None,
    })
}

fn rows() -> impl Iterator<Item = &'static RowTemplate> {
    let of_esme = |use_case: &&UseCase| use_case.family == Family::Dlms && use_case.is_for(DeviceType::Esme);
    catalogue::all().iter().filter(of_esme).flat_map(|use_case| use_case.rows)
}

fn covers(row: &RowTemplate, attribute: Attribute) -> bool {
    let mut groups = row.obis.0.iter().zip(&row.obis_to.0).zip(&attribute.obis.0);
    row.class == attribute.class
        && row.index == attribute.index
        && groups.all(|((low, high), group)| (low..=high).contains(&group))
}

/// The empty value of a shape; `None` for shapes that have none.
fn nothing(shape: &Type) -> Option<Data> {
    Some(match shape {
        Type::Null | Type::CompactArray(_) | Type::Protected(_) => return None,
        Type::Either(shapes) => return nothing(&shapes.first()?.of),
        Type::Boolean => Data::boolean(false),
        Type::BitString => Data::BitString(BitString::new(0, Octets::new())?),
        Type::DoubleLong => Data::DoubleLong(0),
        Type::DoubleLongUnsigned => Data::DoubleLongUnsigned(0),
        Type::OctetString => Data::OctetString(Octets::new()),
        Type::DateTime => DateTime::NEVER.into(),
        Type::VisibleString => Data::VisibleString(Octets::new()),
        Type::Utf8String => Data::Utf8String(Octets::new()),
        Type::Integer => Data::Integer(0),
        Type::Long => Data::Long(0),
        Type::Unsigned => Data::Unsigned(0),
        Type::LongUnsigned => Data::LongUnsigned(0),
        Type::Enum => Data::Enum(0),
        Type::Array(_) => Data::array([]),
        Type::Structure(shapes) => {
            Data::Structure(shapes.iter().map(|field| nothing(&field.of)).collect::<Option<_>>()?)
        }
    })
}
