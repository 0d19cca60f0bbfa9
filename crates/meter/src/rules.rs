//! What the use case catalogue says, as a meter needs it.
use crate::config::Kind;
use crate::esme::Attribute;
use alloc::collections::BTreeSet;
use device::check;
use device::counters::Rule;
use gas::answer::ResponseForm;
use gbcs::catalogue::{self, Arguments, DeviceType, Family, Protection, RowTemplate, Type, UseCase};
use gbcs::dlms::{AccessRequest, BitString, Choice, Data, DateTime};
use gbcs::gbz::{self, Component};
use gbcs::{MessageCode, Octets};

/// One use case, as the checks and the execution of a Command need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub code: MessageCode,
    pub name: &'static str,
    pub title: &'static str,
    /// How the Response is protected.
    pub response: Protection,
    pub replay: Rule,
    /// Whether the Response carries the time.
    pub date_time: bool,
    pub use_case: &'static UseCase,
}

impl Rules {
    /// What the checks found out of the catalogue, and what the execution needs besides.
    pub fn new(checked: &check::Rules) -> Self {
        let check::Rules { command: _, response, replay, date_time, use_case } = *checked;
        Self { code: use_case.code, name: use_case.id, title: use_case.title, response, replay, date_time, use_case }
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

/// What this kind of meter executes: Commands of its family of which the catalogue says what they are made of.
pub(crate) fn abilities(kind: Kind) -> check::Abilities<'static> {
    match kind {
        Kind::Esme => check::Abilities { device: DeviceType::Esme, executes: &|rules| models(rules, Family::Dlms) },
        Kind::Gsme => check::Abilities { device: DeviceType::Gsme, executes: &|rules| models(rules, Family::Gbz) },
    }
}

fn models(rules: &check::Rules, own: Family) -> bool {
    let use_case = rules.use_case;
    match use_case.family {
        Family::Der => true,
        family if family != own => false,
        Family::Dlms => !use_case.rows.is_empty(),
        Family::Gbz => !use_case.components.is_empty(),
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
