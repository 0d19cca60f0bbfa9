//! A Command before it has ids: its use case and the values that the use case leaves open.
//!
//! The catalogue of use cases says which rows and components there are, in which order, and which of them read; services only
//! bring values.
use gbcs::catalogue::{Arguments, RowTemplate, Type, UseCase};
use gbcs::dlms::{Access, AccessRequest, Choice, Data, DateTime, Obis, Row, When};
use gbcs::gbz::zcl::ClusterCommand;
use gbcs::gbz::{self, Component};
use gbcs::{Eui64, MessageId, Time, asn1};

use crate::Execution;
use crate::body::ReadLogPeriod;

/// A use case and what it leaves open.
pub(super) struct Draft {
    /// Its id in the catalogue of GBCS, or its name in that of DUIS where codes tell variants of one id apart.
    pub use_case: &'static str,
    pub content: Content,
}

pub(super) enum Content {
    /// Of an access request.
    Rows(Rows),
    /// ZCL commands, behind the reads of attributes that the use case has.
    Components(Vec<Component>),
    /// An ASN.1 payload, which may hold the counter.
    Asn1(Box<dyn Fn(&MessageId) -> asn1::Content>),
}

/// Values for the rows of a use case.
#[derive(Default)]
pub(super) struct Rows {
    /// For each row that sets or acts with a value, in order; `None` leaves out a row that may be absent.
    pub values: Vec<Option<Data>>,
    /// Which of several like objects (controllers 1 to 5).
    pub instance: Option<u8>,
    /// Which entries of logs are read.
    pub period: Option<ReadLogPeriod>,
    /// Rows that are not in the catalogue's form.
    pub explicit: Option<Vec<Row>>,
}

/// An error of the parts, which know neither service nor device.
#[derive(Debug)]
pub(super) enum Fault {
    /// The values are for another fuel, or for another type of device.
    Fuel,
    /// No room for this date.
    Date(Time),
    /// The User may not ask for this.
    NotOffered(&'static str),
    /// The context lacks this.
    Missing(&'static str),
    /// A list is longer than the Command can hold.
    TooMany(&'static str),
    /// Values and catalogue disagree: our mistake.
    Catalogue,
}

impl Draft {
    /// A use case that only reads.
    pub fn read(use_case: &'static str) -> Self {
        Self { use_case, content: Content::Rows(Rows::default()) }
    }

    /// Values for its rows, in order.
    pub fn rows(use_case: &'static str, values: impl IntoIterator<Item = impl Into<Data>>) -> Self {
        let values = values.into_iter().map(|value| Some(value.into())).collect();
        Self { use_case, content: Content::Rows(Rows { values, ..Rows::default() }) }
    }

    /// Values for its rows, of which some may be absent.
    pub fn optional_rows(use_case: &'static str, values: Vec<Option<Data>>) -> Self {
        Self { use_case, content: Content::Rows(Rows { values, ..Rows::default() }) }
    }

    /// ZCL commands behind its reads.
    pub fn components(use_case: &'static str, components: Components) -> Self {
        Self { use_case, content: Content::Components(components.0) }
    }

    /// An ASN.1 payload.
    pub fn asn1(use_case: &'static str, payload: impl Fn(&MessageId) -> asn1::Content + 'static) -> Self {
        Self { use_case, content: Content::Asn1(Box::new(payload)) }
    }

    /// Of objects of which there are several, number `n`.
    pub fn of_instance(mut self, n: u8) -> Self {
        if let Content::Rows(rows) = &mut self.content {
            rows.instance = Some(n);
        }
        self
    }

    /// Entries of logs in this period.
    pub fn within(mut self, period: &ReadLogPeriod) -> Self {
        if let Content::Rows(rows) = &mut self.content {
            rows.period = Some(period.clone());
        }
        self
    }

    /// The payload, for the message `id` that `reader` has asked for.
    pub fn encode(
        self,
        use_case: &UseCase,
        id: &MessageId,
        reader: Eui64,
        execution: Execution,
    ) -> Result<Vec<u8>, Fault> {
        match self.content {
            Content::Rows(_) if !use_case.components.is_empty() => encode_components(use_case, Vec::new()),
            Content::Rows(rows) => encode_rows(use_case, rows, id, reader, execution),
            Content::Components(commands) => encode_components(use_case, commands),
            Content::Asn1(payload) => Ok(asn1::Payload::from(payload(id)).encode()),
        }
    }
}

fn encode_rows(
    use_case: &UseCase,
    rows: Rows,
    id: &MessageId,
    reader: Eui64,
    execution: Execution,
) -> Result<Vec<u8>, Fault> {
    if let Some(rows) = rows.explicit {
        return Ok(AccessRequest::new(id.counter, rows).encode());
    }
    let mut values = rows.values.into_iter();
    let mut made = Vec::with_capacity(use_case.rows.len());
    for template in use_case.rows {
        let RowTemplate { class, index, .. } = *template;
        let obis = object(template, rows.instance);
        let period = || rows.period.as_ref().ok_or(Fault::Catalogue);
        let data = match (template.choice, &template.request.of) {
            (Choice::Get, _) => {
                made.push(Row::get(class, obis, index));
                continue;
            }
            (Choice::GetSelective, _) => {
                let period = period()?;
                made.push(Row::get_range(class, obis, index, seconds(period.start), seconds(period.end)));
                continue;
            }
            (_, Type::Null) => Data::Null,
            (_, Type::DateTime) if use_case.future_dated => when(execution),
            (_, Type::Protected(attributes)) => {
                let selection = |range: bool| match range {
                    false => Ok(Data::structure([Data::Enum(0), Data::Null])),
                    true => period().map(|p| {
                        let range: [Data; 2] = [moment(p.start), moment(p.end)];
                        Data::structure([Data::Enum(1), Data::structure(range)])
                    }),
                };
                let objects = attributes.iter().map(|a| {
                    Ok(Data::structure([
                        a.class.into(),
                        Data::octets(a.obis.0),
                        Data::Integer(a.index as i8),
                        Data::LongUnsigned(0),
                        selection(a.range)?,
                    ]))
                });
                Data::structure([Data::array(objects.collect::<Result<Vec<_>, Fault>>()?), protection(id, reader)])
            }
            _ => match values.next().ok_or(Fault::Catalogue)? {
                Some(data) => data,
                None if template.optional => continue,
                None => return Err(Fault::Catalogue),
            },
        };
        let access = if template.choice == Choice::Action { Access::Action } else { Access::Set };
        made.push(Row { access, class, obis, index, data });
    }
    let request = AccessRequest::new(id.counter, made);
    if values.next().is_some() { Err(Fault::Catalogue) } else { Ok(request.encode()) }
}

/// The object of a row: of several like ones the one that is meant.
fn object(template: &RowTemplate, instance: Option<u8>) -> Obis {
    let mut obis = template.obis;
    for (group, most) in obis.0.iter_mut().zip(template.obis_to.0) {
        if *group != most {
            *group = (*group + instance.unwrap_or(1).saturating_sub(1)).min(most);
        }
    }
    obis
}

/// How an answer shall be encrypted: for `reader`, under the ids and counter of this very message (GBCS messages 7).
fn protection(id: &MessageId, reader: Eui64) -> Data {
    let transaction: Vec<u8> = [0x04].into_iter().chain(id.counter.octets()).collect();
    let key = Data::structure([Data::Enum(2), Data::structure([Data::octets(&[2][..]), Data::octets(&[][..])])]);
    let options = Data::structure([
        Data::octets(transaction),
        Data::octets(reader.0),
        Data::octets(id.target.0),
        Data::octets(&[][..]),
        key,
    ]);
    Data::array([Data::structure([Data::Enum(2), options])])
}

fn encode_components(use_case: &UseCase, commands: Vec<Component>) -> Result<Vec<u8>, Fault> {
    let reads = use_case.components.iter().filter_map(|template| match template.arguments {
        Arguments::Attributes(ids) => Some(Component::read_attributes(0, template.cluster, ids)),
        _ => None,
    });
    let mut components: Vec<_> = reads.chain(commands).collect();
    if components.len() > usize::from(u8::MAX) {
        return Err(Fault::TooMany("components"));
    }
    for (n, component) in components.iter_mut().enumerate() {
        component.sequence = n as u8;
    }
    Ok(gbz::Payload::new(components).encode())
}

/// ZCL commands in order.
#[derive(Default)]
pub(super) struct Components(Vec<Component>);

impl Components {
    pub fn and<C: ClusterCommand>(mut self, command: C) -> Self {
        self.0.push(Component::new(0, command));
        self
    }

    /// A command whose time stands in the header of its component.
    pub fn and_from<C: ClusterCommand>(mut self, from: u32, command: C) -> Self {
        self.0.push(Component { from_date_time: Some(from), ..Component::new(0, command) });
        self
    }

    pub fn and_all<C: ClusterCommand>(mut self, commands: impl IntoIterator<Item = C>) -> Self {
        self.0.extend(commands.into_iter().map(|command| Component::new(0, command)));
        self
    }
}

/// This one command.
pub(super) fn only<C: ClusterCommand>(command: C) -> Components {
    Components::default().and(command)
}

/// An activation time.
pub(super) fn when(execution: Execution) -> Data {
    let when = match execution {
        Execution::Immediate => When::Immediate,
        Execution::At(at) => When::At(at),
        Execution::Cancel => When::Never,
    };
    DateTime::from(when).into()
}

/// A moment in 12 octets.
pub(super) fn moment(time: Time) -> Data {
    DateTime::at(time).into()
}

/// Seconds since 2000: 0 before, and what 32 bits hold but the highest value, which means something else, at the end of time.
pub(super) fn seconds(time: Time) -> u32 {
    const END_OF_TIME: u32 = 0xFFFF_FFFE;
    let since = time.since(Time::from_zigbee(0)).as_secs();
    u32::try_from(since).unwrap_or(END_OF_TIME).min(END_OF_TIME)
}
