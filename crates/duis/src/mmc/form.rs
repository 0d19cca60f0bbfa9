//! What becomes of a value before it stands in an element: one form after the other, as the table names them.
//!
//! A form that a value has nothing to say in gives `None`; one that the value does not fit is a [`Misfit`], and the message itself
//! is shown besides.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gbcs::dlms::DateTime;
use gbcs::{Eui64, Time};

use super::auxiliary::{Controller, controller, level};
use super::calendar;
use super::charges::{block_prices, suspended};
use super::decimal::{decimal, ratio, whole};
use super::element::Element;
use super::events;
use super::fill::Scope;
use super::node::Node;

/// The value is not of the kind the form is for, or out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misfit;

pub(super) type Made = Result<Option<Node>, Misfit>;

macro_rules! forms {
    ($($(#[$doc:meta])* $word:literal $name:ident $(($($arg:ident: $type:ty),*))?;)*) => {
        /// A form.
        #[derive(Debug, PartialEq)]
        pub(super) enum Form {
            $($(#[$doc])* $name $(($($type),*))?,)*
        }

        impl Form {
            /// Reads `word(arguments)`.
            pub fn read(text: &'static str) -> Option<Self> {
                let (word, arguments) = text.strip_suffix(')')?.split_once('(')?;
                #[allow(unused_mut, unused_variables, reason = "not all forms have arguments")]
                let mut arguments = arguments.split(',').map(str::trim).filter(|a| !a.is_empty());
                let form = match word {
                    $($word => Self::$name $(($(<$type as Argument>::read(&mut arguments)?),*))?,)*
                    _ => return None,
                };
                arguments.next().is_none().then_some(form)
            }
        }
    };
}

/// An argument of a form.
trait Argument: Sized {
    fn read(arguments: &mut impl Iterator<Item = &'static str>) -> Option<Self>;
}

impl Argument for i64 {
    fn read(arguments: &mut impl Iterator<Item = &'static str>) -> Option<Self> {
        let text = arguments.next()?;
        text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |digits| i64::from_str_radix(digits, 16).ok())
    }
}

impl Argument for &'static str {
    fn read(arguments: &mut impl Iterator<Item = &'static str>) -> Option<Self> {
        arguments.next()
    }
}

/// All that are left.
impl Argument for Vec<i64> {
    fn read(arguments: &mut impl Iterator<Item = &'static str>) -> Option<Self> {
        let mut arguments = arguments.peekable();
        let mut numbers = Self::new();
        while arguments.peek().is_some() {
            numbers.push(i64::read(&mut arguments)?);
        }
        Some(numbers)
    }
}

/// All that are left: `0=Disabled, 1=Enabled`.
impl Argument for Vec<(i64, &'static str)> {
    fn read(arguments: &mut impl Iterator<Item = &'static str>) -> Option<Self> {
        let pair = |text: &'static str| {
            let (number, name) = text.split_once('=')?;
            Some((number.parse().ok()?, name))
        };
        arguments.map(pair).collect()
    }
}

/// All that are left: `x810D, x810E`, elements named by the code of an alert.
impl Argument for Vec<(u16, &'static str)> {
    fn read(arguments: &mut impl Iterator<Item = &'static str>) -> Option<Self> {
        let code = |name: &'static str| Some((u16::from_str_radix(name.strip_prefix('x')?, 16).ok()?, name));
        arguments.map(code).collect()
    }
}

forms! {
    /// Truth, also of a number.
    "bool" Bool;
    /// Seconds since 2000 or a date-time of twelve octets, as `xs:dateTime`; the special ones say nothing.
    "time" Moment;
    /// Text of so many characters at most.
    "text" Text(most: i64);
    /// So many octets from there as text; what pads them at the end is left out.
    "chars" Chars(from: i64, count: i64);
    /// As many octets as there are, in hex; nothing where there are none.
    "hex" Hex;
    /// So many octets at most; more do not fit.
    "atmost" AtMost(most: i64);
    /// A number as so many octets in hex.
    "octets" Octets(count: i64);
    /// Eight octets, from there to the end, as an EUI-64; nothing where there are none.
    "eui" Eui(from: i64);
    /// Octets as a number, the first the highest.
    "big" Big;
    /// A number by its name; one without a name does not fit.
    "names" Names(names: Vec<(i64, &'static str)>);
    /// The meaning of the code of an event.
    "event" Event;
    /// The use case of a message code in two octets.
    "usecase" UseCase;
    /// Nothing unless it is one of these.
    "one" OneOf(numbers: Vec<i64>);
    /// This text, whatever the value.
    "fixed" Fixed(text: &'static str);
    /// No content, whatever the value.
    "empty" Empty;
    /// Nothing, unless it is within these.
    "when" When(low: i64, high: i64);
    /// Within these; another does not fit.
    "within" Within(low: i64, high: i64);
    /// Within the first two or the others; another does not fit.
    "among" Among(low: i64, high: i64, others_low: i64, others_high: i64);
    /// The opposite number.
    "minus" Minus;
    /// Less by so much.
    "less" Less(by: i64);
    /// Nothing where it is this.
    "unless" Unless(not: i64);
    /// These bits of it, moved down.
    "bits" Bits(mask: i64);
    /// Times a power of ten.
    "ten" Ten(power: i64);
    /// Times ten to minus the high half octet of what stands at that path.
    "digits" Digits(path: &'static str);
    /// Times ten to the power at that path, where it comes out whole.
    "scaled" Scaled(path: &'static str);
    /// Times what stands at the first path, by what stands at the second.
    "ratio" Ratio(times: &'static str, by: &'static str);
    /// Thousandths.
    "milli" Milli;
    /// The moment of a sample by its place, and by the start and interval at the path.
    "sample" Sample(path: &'static str);
    /// A field of the JSON text of an auxiliary controller's state, as a number from 0 to 100.
    "level" Level(field: &'static str);
    /// Four octets as `xs:time`.
    "tod" TimeOfDay;
    /// Minutes since midnight as `xs:time`.
    "minutes" Minutes;
    /// Five octets, or the start of a date-time, as a date of the schema, each part perhaps not specified.
    "date" Date;
    /// The same as `xs:date`; a day or month that is any does not fit.
    "day" Day;
    /// A ZCL date.
    "zdate" ZclDate;
    /// Bits of weekdays, Monday first.
    "weekdays" Weekdays;
    /// Bits of special days, in elements as electricity's calendars have them.
    "specials" Specials;
    /// Bits as a list of truths.
    "flags" Flags;
    /// Nothing where it is not true.
    "true" IsTrue;
    /// The execution times of a billing calendar of electricity.
    "billing" Billing;
    /// The duration of a billing period of gas.
    "period" Period;
    /// Whether debt is suspended, `disabled` or in `emergency` credit, by pairs of credit and charge.
    "suspended" Suspended(when: &'static str);
    /// The clock status of electricity.
    "clock" Clock;
    /// What a load control switch is: zeros of an ALCS, the identifier of an HCALCS.
    "switch" Switch;
    /// What an auxiliary controller is, in a word.
    "controller" Controller;
    /// The identifier of an HCALCS, if it is one.
    "hcalcs" Hcalcs;
    /// Octets that nothing is known of; none say nothing.
    "lost" Lost;
    /// Elements for bits of alerts, by their codes.
    "alerts" Alerts(codes: Vec<(u16, &'static str)>);
    /// Nothing unless one of these alerts is set.
    "set" AnySet(codes: Vec<(u16, &'static str)>);
    /// Nothing if one of these alerts is set.
    "unset" NoneSet(codes: Vec<(u16, &'static str)>);
    /// Elements for the behaviours of a gas meter, by their codes.
    "behaviours" Behaviours(codes: Vec<(u16, &'static str)>);
    /// The channels of a page of the sub-GHz band, from the first on.
    "channels" Channels(page: i64, first: i64, last: i64);
    /// The channel in use.
    "channel" Channel;
    /// Prices of blocks, by the index of a charge.
    "blocks" BlockPrices;
}

impl Form {
    /// What becomes of the value.
    pub fn of(&self, node: Node, scope: &Scope<'_>) -> Made {
        let text = |text: String| Ok(Some(Node::Text(text)));
        match self {
            Self::Bool => match node {
                Node::Bool(_) => Ok(Some(node)),
                Node::Number(n) => Ok(Some(Node::Bool(n != 0))),
                _ => Err(Misfit),
            },
            Self::Moment => moment(&node).map(|time| time.map(|time| Node::Text(time.to_string()))),
            Self::Text(most) => text(characters(octets(&node)?, *most)?),
            Self::Chars(from, count) => {
                let octets = octets(&node)?;
                let from = (*from as usize).min(octets.len());
                let to = (from + *count as usize).min(octets.len());
                text(characters(&octets[from..to], *count)?)
            }
            Self::Hex => {
                let octets = octets(&node)?;
                Ok((!octets.is_empty()).then(|| Node::Text(hex(octets))))
            }
            Self::AtMost(most) => {
                let fits = octets(&node)?.len() <= *most as usize;
                fits.then_some(Some(node)).ok_or(Misfit)
            }
            Self::Octets(count) => {
                let n = number(&node)?;
                let all = n.to_be_bytes();
                let octets = all.get(all.len().saturating_sub(*count as usize)..).ok_or(Misfit)?;
                text(hex(octets))
            }
            Self::Eui(from) => {
                let octets = octets(&node)?.get(*from as usize..).unwrap_or_default();
                if octets.is_empty() {
                    return Ok(None);
                }
                text(Eui64(octets.try_into().map_err(|_| Misfit)?).to_string())
            }
            Self::Big => {
                let octets = octets(&node)?;
                if octets.len() > 8 {
                    return Err(Misfit);
                }
                let n = octets.iter().fold(0u64, |n, octet| n << 8 | u64::from(*octet));
                match i64::try_from(n) {
                    Ok(n) => Ok(Some(Node::Number(n))),
                    Err(_) => text(n.to_string()),
                }
            }
            Self::Names(names) => {
                let n = if let Node::Bool(truth) = node { i64::from(truth) } else { number(&node)? };
                let (_, name) = names.iter().find(|(of, _)| *of == n).ok_or(Misfit)?;
                text((*name).to_owned())
            }
            Self::Event => text(super::event_meaning(u16::try_from(number(&node)?).map_err(|_| Misfit)?)),
            Self::UseCase => {
                let octets = octets(&node)?;
                let Ok(code) = octets.try_into().map(u16::from_be_bytes) else { return Ok(None) };
                let known = gbcs::catalogue::find(gbcs::MessageCode(code));
                Ok(known.map(|use_case| Node::Text(format!("{}: {}", use_case.id, use_case.title))))
            }
            Self::OneOf(numbers) => Ok(numbers.contains(&number(&node)?).then_some(node)),
            Self::Fixed(fixed) => text((*fixed).to_owned()),
            Self::Empty => Ok(Some(Node::Elements(Vec::new()))),
            Self::When(low, high) => Ok((*low..=*high).contains(&number(&node)?).then_some(node)),
            Self::Within(low, high) => (*low..=*high).contains(&number(&node)?).then_some(Some(node)).ok_or(Misfit),
            Self::Among(low, high, others_low, others_high) => {
                let n = number(&node)?;
                let among = (*low..=*high).contains(&n) || (*others_low..=*others_high).contains(&n);
                among.then_some(Some(node)).ok_or(Misfit)
            }
            Self::Minus => Ok(Some(Node::Number(number(&node)?.saturating_neg()))),
            Self::Less(by) => Ok(Some(Node::Number(number(&node)?.saturating_sub(*by)))),
            Self::Unless(not) => Ok((number(&node)? != *not).then_some(node)),
            Self::Bits(mask) => Ok(Some(Node::Number((number(&node)? & mask) >> mask.trailing_zeros()))),
            Self::Ten(power) => text(decimal(number(&node)?, *power as i8)),
            Self::Digits(path) => {
                let digits = scope.number(path).unwrap_or(0) >> 4 & 0x0F;
                text(decimal(number(&node)?, -(digits as i8)))
            }
            Self::Scaled(path) => {
                let n = whole(number(&node)?, scope.number(path).unwrap_or(0));
                Ok(Some(Node::Number(n.ok_or(Misfit)?)))
            }
            Self::Ratio(times, by) => {
                let (times, by) = (scope.number(times).unwrap_or(1), scope.number(by).unwrap_or(1));
                text(ratio(number(&node)?, times, by).ok_or(Misfit)?)
            }
            Self::Milli => text(decimal(number(&node)?, -3)),
            Self::Sample(path) => {
                /// The interval of a log of days, whose seconds two octets cannot hold.
                const DAILY: i64 = 0xFFFF;
                let samples = scope.at(path).ok_or(Misfit)?;
                let field = |name| number(samples.at(name).ok_or(Misfit)?);
                let (start, interval) = (field("start")?, field("interval")?);
                let interval = if interval == DAILY { 86_400 } else { interval };
                let moment = moment(&Node::Number(start + interval * (scope.place() as i64 - 1)))?;
                Ok(moment.map(|time| Node::Text(time.to_string())))
            }
            Self::Level(field) => {
                let level = level(octets(&node)?, field);
                Ok(level.map(Node::Number))
            }
            Self::TimeOfDay => text(calendar::time_of_day(octets(&node)?)?),
            Self::Minutes => text(calendar::minutes(number(&node)?)?),
            Self::Date => Ok(Some(Node::Elements(calendar::date(octets(&node)?)?))),
            Self::Day => calendar::day(octets(&node)?).map(|day| day.map(Node::Text)),
            Self::ZclDate => Ok(Some(Node::Elements(calendar::zcl_date(&node)?))),
            Self::Weekdays => bits(&node).map(|bits| calendar::weekdays(bits).map(Node::Elements)),
            Self::Specials => bits(&node).map(|bits| calendar::special_days(bits).map(Node::Elements)),
            Self::Flags => {
                let bits = bits(&node)?;
                let flags = (0..bits.bits()).map(|n| Node::Bool(bits.bit(n) == Some(true)));
                Ok(Some(Node::List(flags.collect())))
            }
            Self::IsTrue => Ok((node == Node::Bool(true)).then_some(node)),
            Self::Billing => calendar::billing(&node).map(|elements| Some(Node::Elements(elements))),
            Self::Period => text(calendar::period(&node)?.to_owned()),
            Self::Suspended(when) => Ok(suspended(&node, when)?.map(Node::Bool)),
            Self::Clock => {
                /// Bits of the status: the time is invalid, or doubtful (DLMS clock status).
                const INVALID: i64 = 0x01;
                const DOUBTFUL: i64 = 0x02;
                text(match number(&node)? {
                    n if n & INVALID != 0 => "invalid".to_owned(),
                    n if n & DOUBTFUL != 0 => "unreliable".to_owned(),
                    _ => "reliable".to_owned(),
                })
            }
            Self::Switch => Ok(match controller(octets(&node)?)? {
                Controller::Alcs => Some(Node::Elements(vec![Element::empty("ALCS")])),
                Controller::Hcalcs(device) => Some(Node::Elements(vec![Element::text("HCALCS", device.to_string())])),
                Controller::Apc => return Err(Misfit),
                Controller::None => None,
            }),
            Self::Controller => text(match controller(octets(&node)?)? {
                Controller::Alcs => "ALCS".to_owned(),
                Controller::Hcalcs(_) => "HCALCS".to_owned(),
                Controller::Apc => "APC".to_owned(),
                Controller::None => "None".to_owned(),
            }),
            Self::Hcalcs => Ok(match controller(octets(&node)?)? {
                Controller::Hcalcs(device) => Some(Node::Text(device.to_string())),
                _ => None,
            }),
            Self::Lost => {
                if octets(&node)?.is_empty() {
                    Ok(None)
                } else {
                    Err(Misfit)
                }
            }
            Self::Alerts(codes) => Ok(Some(Node::Elements(events::alerts(bits(&node)?, codes)))),
            Self::AnySet(codes) => Ok(events::any_set(bits(&node)?, codes).then_some(node)),
            Self::NoneSet(codes) => Ok((!events::any_set(bits(&node)?, codes)).then_some(node)),
            Self::Behaviours(codes) => events::behaviours(&node, codes).map(|elements| Some(Node::Elements(elements))),
            Self::Channels(page, first, last) => {
                let elements = events::channels(bits(&node)?, *page as u8, *first as u8..=*last as u8)?;
                Ok((!elements.is_empty()).then_some(Node::Elements(elements)))
            }
            Self::Channel => events::channel(bits(&node)?).map(|elements| Some(Node::Elements(elements))),
            Self::BlockPrices => block_prices(&node).map(|elements| Some(Node::Elements(elements))),
        }
    }
}

pub(super) fn number(node: &Node) -> Result<i64, Misfit> {
    if let Node::Number(n) = node { Ok(*n) } else { Err(Misfit) }
}

pub(super) fn octets(node: &Node) -> Result<&[u8], Misfit> {
    if let Node::Octets(octets) = node { Ok(octets) } else { Err(Misfit) }
}

pub(super) fn bits(node: &Node) -> Result<&gbcs::dlms::BitString, Misfit> {
    if let Node::Bits(bits) = node { Ok(bits) } else { Err(Misfit) }
}

/// The moment of a value; special ones are none.
fn moment(node: &Node) -> Result<Option<Time>, Misfit> {
    match node {
        Node::Number(0 | 0xFFFF_FFFE | 0xFFFF_FFFF) => Ok(None),
        Node::Number(n) => u32::try_from(*n).map(|n| Some(Time::from_zigbee(n))).map_err(|_| Misfit),
        Node::Octets(octets) => {
            let date_time = DateTime(octets.as_slice().try_into().map_err(|_| Misfit)?);
            match date_time.when() {
                Some(gbcs::dlms::When::At(time)) if time.civil().year <= 9999 => Ok(Some(time)),
                Some(gbcs::dlms::When::At(_)) | None => Err(Misfit),
                Some(_) => Ok(None),
            }
        }
        _ => Err(Misfit),
    }
}

/// Text without what pads it at the end.
fn characters(octets: &[u8], most: i64) -> Result<String, Misfit> {
    let text = String::from_utf8_lossy(octets);
    let text = text.trim_end_matches(['\0', ' ']);
    if text.chars().count() > most as usize { Err(Misfit) } else { Ok(text.to_owned()) }
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

pub(super) fn base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(form: &'static str, node: Node) -> Made {
        let root = Node::List(Vec::new());
        Form::read(form).unwrap().of(node, &Scope::of(&root))
    }

    fn text(form: &'static str, node: Node) -> String {
        match made(form, node) {
            Ok(Some(Node::Text(text))) => text,
            other => panic!("{form}: {other:?}"),
        }
    }

    #[test]
    fn a_time_is_of_seconds_or_of_twelve_octets_and_special_ones_say_nothing() {
        assert_eq!(text("time()", Node::Number(473_385_600)), "2015-01-01T00:00:00Z");
        let octets = vec![0x07, 0xDF, 1, 1, 0xFF, 0, 0, 0, 0, 0x80, 0, 0xFF];
        assert_eq!(text("time()", Node::Octets(octets)), "2015-01-01T00:00:00Z");
        assert_eq!(made("time()", Node::Number(0xFFFF_FFFF)), Ok(None));
        assert_eq!(made("time()", Node::Octets(vec![1, 2])), Err(Misfit));
    }

    #[test]
    fn a_number_without_a_name_does_not_fit() {
        assert_eq!(text("names(0=Off, 1=On)", Node::Number(1)), "On");
        assert_eq!(made("names(0=Off, 1=On)", Node::Number(2)), Err(Misfit));
    }

    #[test]
    fn text_loses_its_padding_and_is_never_too_long() {
        assert_eq!(text("text(8)", Node::Octets(b"CSW \0".to_vec())), "CSW");
        assert_eq!(made("text(2)", Node::Octets(b"CSW".to_vec())), Err(Misfit));
        assert_eq!(text("chars(0,8)", Node::Octets(b"GFI     \0\xDB\x12\x34\x56\x78\x90\xA1".to_vec())), "GFI");
        assert_eq!(
            text("eui(8)", Node::Octets(b"GFI     \0\xDB\x12\x34\x56\x78\x90\xA1".to_vec())),
            "00-DB-12-34-56-78-90-A1"
        );
    }

    #[test]
    fn a_level_is_a_number_or_its_text() {
        let state = Node::Octets(br#"{"outputState": 100, "inputState": "7", "other-data": ""}"#.to_vec());
        assert_eq!(made("level(outputState)", state.clone()), Ok(Some(Node::Number(100))));
        assert_eq!(made("level(inputState)", state.clone()), Ok(Some(Node::Number(7))));
        assert_eq!(made("level(none)", state), Ok(None));
    }

    #[test]
    fn an_unknown_form_or_an_argument_too_many_is_refused() {
        for form in ["nothing()", "time(1)", "text()", "text(x)"] {
            assert_eq!(Form::read(form), None, "{form}");
        }
    }
}
