//! What meters do of events, and the channels of the sub-GHz band: bits by number, as elements.
use std::ops::RangeInclusive;

use gbcs::dlms::BitString;

use super::element::Element;
use super::form::{Misfit, number};
use super::node::Node;

/// Alerts of this code in 256 bits: the last bit is that of code `xx00` (DUIS 7, 6.22).
fn is_set(bits: &BitString, code: u16) -> bool {
    bits.bit(0xFF - (code & 0xFF)) == Some(true)
}

/// Whether each of these alerts is told.
pub(super) fn alerts(bits: &BitString, codes: &[(u16, &'static str)]) -> Vec<Element> {
    let word = |set| if set { "Enable" } else { "Disable" };
    codes.iter().map(|&(code, name)| Element::text(name, word(is_set(bits, code)))).collect()
}

/// Whether any of these alerts is told.
pub(super) fn any_set(bits: &BitString, codes: &[(u16, &'static str)]) -> bool {
    codes.iter().any(|(code, _)| is_set(bits, *code))
}

/// What a GSME does of each event: into its log, told to WAN or HAN, an alarm. One that the schema does not name does not fit.
pub(super) fn behaviours(events: &Node, codes: &[(u16, &'static str)]) -> Result<Vec<Element>, Misfit> {
    const PARTS: [(&str, i64); 4] = [("WANAlert", 0x08), ("HANAlert", 0x10), ("EventLog", 0x03), ("Alarm", 0x40)];
    let Node::List(events) = events else { return Err(Misfit) };
    let mut known = Vec::new();
    for event in events {
        let field = |name| number(event.at(name).ok_or(Misfit)?);
        let (id, configuration) = (field("id")?, field("configuration")?);
        let at = codes.iter().position(|(code, _)| i64::from(*code) == id).ok_or(Misfit)?;
        known.push((at, configuration));
    }
    known.sort_by_key(|(at, _)| *at);
    known.dedup_by_key(|(at, _)| *at);
    let element = |(at, configuration): (usize, i64)| {
        let word = |bits| if configuration & bits == 0 { "Disable" } else { "Enable" };
        Element::new(codes[at].1, PARTS.map(|(name, bits)| Element::text(name, word(bits))))
    };
    Ok(known.into_iter().map(element).collect())
}

const CHANNELS: [&str; 62] = [
    "Channel0",
    "Channel1",
    "Channel2",
    "Channel3",
    "Channel4",
    "Channel5",
    "Channel6",
    "Channel7",
    "Channel8",
    "Channel9",
    "Channel10",
    "Channel11",
    "Channel12",
    "Channel13",
    "Channel14",
    "Channel15",
    "Channel16",
    "Channel17",
    "Channel18",
    "Channel19",
    "Channel20",
    "Channel21",
    "Channel22",
    "Channel23",
    "Channel24",
    "Channel25",
    "Channel26",
    "Channel27",
    "Channel28",
    "Channel29",
    "Channel30",
    "Channel31",
    "Channel32",
    "Channel33",
    "Channel34",
    "Channel35",
    "Channel36",
    "Channel37",
    "Channel38",
    "Channel39",
    "Channel40",
    "Channel41",
    "Channel42",
    "Channel43",
    "Channel44",
    "Channel45",
    "Channel46",
    "Channel47",
    "Channel48",
    "Channel49",
    "Channel50",
    "Channel51",
    "Channel52",
    "Channel53",
    "Channel54",
    "Channel55",
    "Channel56",
    "Channel57",
    "Channel58",
    "Channel59",
    "Channel60",
    "Channel61",
];

/// A mask: the page in the five highest bits, its channels below, the lowest its first.
fn mask(bits: &BitString) -> Result<(u8, u32), Misfit> {
    let octets: [u8; 4] = bits.octets().try_into().map_err(|_| Misfit)?;
    let mask = u32::from_be_bytes(octets);
    Ok(((mask >> 27) as u8, mask & 0x07FF_FFFF))
}

/// The channels of a mask of that page, which holds these.
pub(super) fn channels(bits: &BitString, page: u8, held: RangeInclusive<u8>) -> Result<Vec<Element>, Misfit> {
    let (found, channels) = mask(bits)?;
    let first = *held.start();
    if found != page || channels >> (held.end() - first + 1) != 0 {
        return Err(Misfit);
    }
    let set = held.filter(|channel| channels >> (channel - first) & 1 == 1);
    Ok(set.map(|channel| Element::empty(CHANNELS[usize::from(channel)])).collect())
}

/// The one channel of a mask of any page.
pub(super) fn channel(bits: &BitString) -> Result<Vec<Element>, Misfit> {
    /// Pages, and the channels that each holds.
    const PAGES: [(u8, &str, RangeInclusive<u8>); 4] = [
        (28, "OperatingLowerBandSubGHzChannel", 0..=26),
        (29, "OperatingLowerBandSubGHzChannel", 27..=34),
        (30, "OperatingLowerBandSubGHzChannel", 35..=61),
        (31, "OperatingUpperBandSubGHzChannel", 0..=26),
    ];
    let (page, _) = mask(bits)?;
    let (_, band, held) = PAGES.into_iter().find(|(of, ..)| *of == page).ok_or(Misfit)?;
    let channels = channels(bits, page, held)?;
    if channels.len() == 1 { Ok(vec![Element::new(band, channels)]) } else { Err(Misfit) }
}

#[cfg(test)]
mod tests {
    use super::super::node::Struct;
    use super::*;

    #[test]
    fn a_channel_is_known_by_its_page_and_bit() {
        let bits = |word: u32| BitString::new(32, word.to_be_bytes()).unwrap();
        let text = channel(&bits(29 << 27 | 1 << 3)).unwrap()[0].to_document();
        assert!(text.contains("OperatingLowerBandSubGHzChannel") && text.contains("<ra:Channel30/>"), "{text}");
        for word in [29 << 27, 29 << 27 | 3, 29 << 27 | 1 << 8, 3 << 27 | 1] {
            assert_eq!(channel(&bits(word)), Err(Misfit), "{word:08X}");
        }
    }

    #[test]
    fn behaviours_come_in_the_order_of_the_schema_and_unknown_events_do_not_fit() {
        let event = |id, configuration| {
            Node::Struct(Struct::of([("id", Node::Number(id)), ("configuration", Node::Number(configuration))]))
        };
        let codes = [(0x810D, "x810D"), (0x810E, "x810E")];
        let made = behaviours(&Node::List(vec![event(0x810E, 0x08), event(0x810D, 0x53)]), &codes).unwrap();
        assert_eq!(made.iter().map(|element| element.name).collect::<Vec<_>>(), ["x810D", "x810E"]);
        assert_eq!(made[1].to_document().matches("Enable").count(), 1);
        assert_eq!(behaviours(&Node::List(vec![event(1, 1)]), &codes), Err(Misfit));
    }
}
