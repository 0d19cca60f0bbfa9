//! What the use case catalogue says, as a meter needs it.
use crate::config::{Kind, Role};
use crate::counters::Rule;
use crate::esme::Attribute;
use alloc::collections::BTreeSet;
use gas::answer::{self, ResponseForm};
use gbcs::catalogue::{self, Arguments, Category, DeviceType, Family, Protection, RowTemplate, Type, UseCase};
use gbcs::dlms::{AccessRequest, BitString, Choice, Data, DateTime};
use gbcs::gbz::{self, Component};
use gbcs::{Cra, MessageCode, Octets};

/// Reads of electricity registers whose Responses carry the meter's time in their header, as those of future-datable use cases and top-ups do
/// (gbcs-messages 4.4).
const WITH_DATE_TIME: [u16; 10] = [0x0026, 0x0027, 0x0028, 0x0029, 0x002A, 0x002B, 0x002C, 0x002D, 0x0039, 0x00BC];

/// One use case, as the checks and the execution of a Command need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub code: MessageCode,
    pub name: &'static str,
    pub title: &'static str,
    /// How the Command is protected, and its Response.
    pub command: Protection,
    pub response: Protection,
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
        let (command, response) = (use_case.protection(Cra::Command)?, use_case.protection(Cra::Response)?);
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
            command,
            response,
            han_only: use_case.category == Category::PpmidGsme,
            replay,
            date_time: use_case.future_dated
                || use_case.category == Category::NonCriticalTopUp
                || WITH_DATE_TIME.contains(&code.0)
                || answer::has_date_time(code),
            modelled: (use_case.family == family || use_case.family == Family::Der) && models(use_case),
            use_case,
        })
    }

    /// Whether a sender of this role may send it.
    pub fn allows(&self, role: Role) -> bool {
        role.originator().is_some_and(|originator| self.use_case.allows(originator))
    }

    /// Whether the rows are those of the use case.
    pub fn matches_rows(&self, request: &AccessRequest, strict: bool) -> bool {
        if strict { self.use_case.matches(request) } else { !request.rows.is_empty() }
    }

    /// How the use case answers a component by `answer`: the answers to attribute reads stand in the order of the reads, others
    /// are told by their command.
    pub fn response_form(&self, command: &gbz::Payload, n: usize, answer: &Component) -> ResponseForm {
        ResponseForm::of(self.use_case, command, n, answer)
    }
}

/// Attributes of a cluster that the Gas Proxy Function answers for the gas meter, by the use cases of both; with them whether supply
/// is on, and how the customer pays, which a display shows (GBCS 10.3).
pub(crate) fn mirrored(cluster: u16) -> BTreeSet<u16> {
    let both = |use_case: &&UseCase| use_case.is_for(DeviceType::Gsme) && use_case.is_for(DeviceType::Gpf);
    let components = catalogue::all().iter().filter(both).flat_map(|use_case| use_case.components);
    let read =
        components.filter(|component| component.cluster == cluster).flat_map(|component| match component.arguments {
            Arguments::Attributes(ids) => ids,
            _ => &[],
        });
    let shown = match cluster {
        0x0702 => Some(0x0014),
        0x0705 => Some(0x0000),
        _ => None,
    };
    read.copied().chain(shown).collect()
}

/// Whether the catalogue says what the Command is made of.
fn models(use_case: &UseCase) -> bool {
    match use_case.family {
        Family::Dlms => !use_case.rows.is_empty(),
        Family::Gbz => !use_case.components.is_empty(),
        Family::Der => true,
        _ => false,
    }
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
    (row.class, row.index) == (attribute.class, attribute.index) && row.covers(attribute.obis)
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
