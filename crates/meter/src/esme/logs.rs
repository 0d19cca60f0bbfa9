//! Logs and profiles of an electricity meter: what each captures, and reads of a range of it as a compact array (gbcs-messages 9.5).
use super::objects::Attribute;
use crate::books::Books;
use crate::metering::{BLOCK_RATES, BLOCKS, SECOND_TOU, TOU};
use crate::profiles::Snapshot;
use alloc::boxed::Box;
use alloc::vec::Vec;
use gbcs::Time;
use gbcs::dlms::{CompactArray, Data, TypeDescription};

/// Tags of the types that logs are made of (gbcs-messages 9.4).
mod tag {
    use gbcs::dlms::Data;
    pub const DOUBLE_LONG: u8 = Data::DoubleLong(0).tag();
    pub const DOUBLE_LONG_UNSIGNED: u8 = Data::DoubleLongUnsigned(0).tag();
    pub const LONG_UNSIGNED: u8 = Data::LongUnsigned(0).tag();
    pub const OCTET_STRING: u8 = 0x09;
    pub const ENUM: u8 = Data::Enum(0).tag();
}

/// Class of profiles.
pub(super) const PROFILE: u16 = 7;

/// Seconds since 2000, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub from: u32,
    pub to: u32,
}

impl Range {
    /// All there is.
    pub const ALL: Self = Self { from: 0, to: u32::MAX };

    /// Of a selective access: `{ restricting object, from, to, selected values }`.
    pub fn of(parameters: &Data) -> Option<Self> {
        match parameters.as_structure()? {
            [_, Data::DoubleLongUnsigned(from), Data::DoubleLongUnsigned(to), _] => Some(Self { from: *from, to: *to }),
            _ => None,
        }
    }

    /// Of a protected read: `{ from, to }` as date-times.
    pub fn between(from: Time, to: Time) -> Self {
        Self { from: from.zigbee(), to: to.zigbee() }
    }

    fn contains(&self, at: u32) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

/// The entries of a log in a range; `None` where there is no such log.
pub(super) fn read(books: &Books, log: Attribute, range: Range) -> Option<Data> {
    use gbcs::dlms::Data::{DoubleLongUnsigned as U32, LongUnsigned as U16};
    if (log.class, log.index) != (PROFILE, 2) {
        return None;
    }
    let (profiles, half_hours) = (&books.profiles, || books.profiles.half_hours.iter());
    let twin = books.variant.has_second_element();
    let one = |(at, value): &(u32, u32)| (*at, alloc::vec![U32(*value)]);
    let entries =
        |log: &crate::logs::Log, columns: &dyn Fn(&crate::logs::Entry) -> Vec<Data>| -> Vec<(u32, Vec<Data>)> {
            log.iter().map(|entry| (entry.at().zigbee(), columns(entry))).collect()
        };
    let time_and_u32 = || described([tag::DOUBLE_LONG_UNSIGNED; 2]);
    let [a, b, c, d, e, f] = log.obis.0;
    let (columns, rows): (_, Vec<(u32, Vec<Data>)>) = match (a, b, c, d, e, f) {
        // Billing periods; days; changes of tariff and payment mode.
        (0, 0, 98, 1, 0, 255) => (registers(twin), profiles.billing.iter().map(|s| register_row(s, twin)).collect()),
        (0, 0, 98, 1, 1, 255) => (money(), profiles.billing_prepayment.iter().map(money_row).collect()),
        (0, 0, 98, 1, 2, 255) => {
            let both = profiles.changes.iter().zip(profiles.changes_prepayment.iter());
            let rows = both.map(|(registers, account)| {
                let (at, mut row) = register_row(registers, twin);
                row.extend(money_row(account).1);
                (at, row)
            });
            (with_money(twin), rows.collect())
        }
        (0, 0, 98, 1, 4, 255) => {
            (time_and_u32(), profiles.debt_payments.iter().map(|p| (p.at, alloc::vec![U32(p.amount)])).collect())
        }
        (0, 0, 98, 1, 5, 255) => {
            (time_and_u32(), profiles.top_ups.iter().map(|p| (p.at, alloc::vec![U32(p.amount)])).collect())
        }
        (0, 0, 98, 1, 8, 255) => (money(), profiles.daily_prepayment.iter().map(money_row).collect()),
        (0, 0, 98, 1, 9, 255) => (registers(twin), profiles.daily.iter().map(|s| register_row(s, twin)).collect()),
        (0, 0, 98, 1, 10, 255) => (time_and_u32(), profiles.export.iter().map(one).collect()),
        (0, 0, 99, 1, 0, 255) if twin => {
            let both = half_hours().map(|(at, energy)| (at, alloc::vec![U32(energy.import), U32(energy.second)]));
            (described([tag::DOUBLE_LONG_UNSIGNED; 3]), both.collect())
        }
        (0, 0, 99, 1, 0, 255) => {
            (time_and_u32(), half_hours().map(|(at, energy)| (at, alloc::vec![U32(energy.import)])).collect())
        }
        (0, 0, 99, 1, 1, 255) => {
            let both = half_hours().map(|(at, e)| (at, alloc::vec![U32(e.export), U32(e.reactive_export)]));
            (described([tag::DOUBLE_LONG_UNSIGNED; 3]), both.collect())
        }
        (0, 0, 99, 1, 2, 255) => {
            (time_and_u32(), half_hours().map(|(at, e)| (at, alloc::vec![U32(e.reactive_import)])).collect())
        }
        (0, 0, 99, 1, 3, 255) => (time_and_u32(), profiles.days.iter().map(one).collect()),
        (1, 0, c, 24, 0, 255) => {
            let phase = super::voltage::phase(c)?;
            (time_and_u32(), profiles.voltage[phase].iter().map(one).collect())
        }
        (0, 0, 99, 98, 20, 255) => (time_and_u32(), profiles.boost.iter().map(one).collect()),
        (0, 0, 99, 98, 0, 255) => {
            let columns = [tag::DOUBLE_LONG_UNSIGNED, tag::LONG_UNSIGNED, tag::OCTET_STRING];
            // Of what concerns a Command its message code.
            let about = |code: u16| if code == 0 { Vec::new() } else { code.to_be_bytes().to_vec() };
            let row =
                |entry: &crate::logs::Entry| alloc::vec![U16(entry.code), Data::octets(about(entry.message_code().0))];
            (described(columns), entries(&books.event_log, &row))
        }
        (0, 0, 99, 98, 1, 255) => {
            let columns = [tag::DOUBLE_LONG_UNSIGNED, tag::LONG_UNSIGNED];
            (described(columns), entries(&books.security_log, &|entry| alloc::vec![U16(entry.code)]))
        }
        (0, 0, 99, 98, 4, 255) => {
            let columns = [tag::DOUBLE_LONG_UNSIGNED, tag::LONG_UNSIGNED, tag::DOUBLE_LONG_UNSIGNED];
            (described(columns), entries(&books.power_log, &|e| alloc::vec![U16(e.code), U32(e.detail())]))
        }
        (0, 17, 99, 98, 2, 255) => {
            let columns = [tag::DOUBLE_LONG_UNSIGNED, tag::LONG_UNSIGNED, tag::ENUM, tag::DOUBLE_LONG_UNSIGNED];
            // The high octet is the switch; what it was told stands in the low one.
            let row =
                |e: &crate::logs::Entry| alloc::vec![U16(e.code), Data::Enum((e.code >> 12) as u8), U32(e.detail())];
            (described(columns), entries(&books.switch_log, &row))
        }
        _ => return None,
    };
    compact(columns, rows.into_iter().filter(|(at, _)| range.contains(*at)))
}

/// The registers of the latest entry of the billing log of a moment and a cause, in the form of the log of billing periods: that of
/// the samples of ECS68.
pub(super) fn billed(books: &Books, at: u32, cause: u32) -> Option<Data> {
    let profiles = &books.profiles;
    let log = if cause == crate::books::cause::BILLING { &profiles.billing } else { &profiles.changes };
    let snapshot = log.iter().rev().find(|snapshot| (snapshot.at, snapshot.cause) == (at, cause))?;
    let twin = books.variant.has_second_element();
    compact(registers(twin), [register_row(snapshot, twin)])
}

/// Rows behind their times, as a compact array.
fn compact(columns: TypeDescription, rows: impl IntoIterator<Item = (u32, Vec<Data>)>) -> Option<Data> {
    let rows = rows.into_iter().map(|(at, mut row)| {
        row.insert(0, Data::DoubleLongUnsigned(at));
        Data::Structure(row)
    });
    CompactArray::new(columns, rows.collect()).map(|log| Data::CompactArray(log.into()))
}

fn described<const N: usize>(tags: [u8; N]) -> TypeDescription {
    TypeDescription::Structure(tags.map(TypeDescription::Simple).to_vec())
}

/// Time, import, registers by time of use, blocks of every rate; the second element's beside those of the first.
fn register_columns(twin: bool) -> Vec<TypeDescription> {
    let u32s =
        |n: usize| TypeDescription::Array(n as u16, Box::new(TypeDescription::Simple(tag::DOUBLE_LONG_UNSIGNED)));
    let mut columns = alloc::vec![TypeDescription::Simple(tag::DOUBLE_LONG_UNSIGNED); 2 + usize::from(twin)];
    columns.push(u32s(TOU));
    columns.extend(twin.then(|| u32s(SECOND_TOU)));
    columns.extend((0..BLOCKS).map(|_| u32s(BLOCK_RATES)));
    columns
}

fn registers(twin: bool) -> TypeDescription {
    TypeDescription::Structure(register_columns(twin))
}

fn money() -> TypeDescription {
    let mut columns = alloc::vec![TypeDescription::Simple(tag::DOUBLE_LONG_UNSIGNED)];
    columns.resize(1 + 6, TypeDescription::Simple(tag::DOUBLE_LONG));
    TypeDescription::Structure(columns)
}

fn with_money(twin: bool) -> TypeDescription {
    let mut columns = register_columns(twin);
    columns.resize(columns.len() + 6, TypeDescription::Simple(tag::DOUBLE_LONG));
    TypeDescription::Structure(columns)
}

fn register_row(snapshot: &Snapshot, twin: bool) -> (u32, Vec<Data>) {
    let value = |n| Data::DoubleLongUnsigned(snapshot.value(n));
    let list = |from: usize, n: usize| Data::array((from..from + n).map(value).collect::<Vec<_>>());
    let mut row = alloc::vec![value(0)];
    row.extend(twin.then(|| value(Snapshot::SECOND)));
    row.push(list(Snapshot::TOU, TOU));
    row.extend(twin.then(|| list(Snapshot::SECOND_TOU, SECOND_TOU)));
    row.extend((0..BLOCKS).map(|block| list(Snapshot::BLOCKS + block * BLOCK_RATES, BLOCK_RATES)));
    (snapshot.at, row)
}

/// Emergency Credit, balance, payment debt, time debts, accumulated debt: another order than that of the prepayment registers.
fn money_row(snapshot: &Snapshot) -> (u32, Vec<Data>) {
    (snapshot.at, [1, 0, 5, 3, 4, 2].map(|n| Data::DoubleLong(snapshot.value(n) as i32)).to_vec())
}
