//! What the hub remembers of Commands that passed: who carried them, and those whose effect the GPF mirrors.
use crate::letter::Letter;
use crate::routing::Source;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{MessageCode, MessageId, Route, Time};

/// Who carried which Command: for the copies of its Response. Bounded in number and time.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    /// Identifier, carrier, whether it is a PPMID, when; oldest first.
    entries: VecDeque<Carried>,
}

/// One Command and who carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The Command.
    pub command: MessageId,
    /// Who brought it.
    pub source: Source,
    /// The carrier is a PPMID: the first to be forgotten.
    pub by_ppmid: bool,
    /// When.
    pub at: Time,
}

impl Carriers {
    /// Remember one carrier of one Command, once; forget what is too old or too much.
    pub fn remember(&mut self, carried: Carried, max: usize, keep_for: Duration) {
        self.expire(carried.at, keep_for);
        self.entries.retain(|e| (e.command, e.source) != (carried.command, carried.source));
        if self.entries.len() >= max {
            // What PPMIDs carried is forgotten first, and never takes the place of what others did.
            match self.entries.iter().position(|e| e.by_ppmid) {
                Some(victim) => self.entries.remove(victim),
                None if carried.by_ppmid => return,
                None => self.entries.pop_front(),
            };
        }
        if max > 0 {
            self.entries.push_back(carried);
        }
    }

    /// Forget what is too old.
    pub fn expire(&mut self, now: Time, keep_for: Duration) {
        while self.entries.pop_front_if(|e| now >= e.at + keep_for).is_some() {}
    }

    /// Everyone who carried this Command.
    pub fn of(&self, command: &MessageId) -> Vec<Source> {
        self.entries.iter().filter(|e| e.command == *command).map(|e| e.source).collect()
    }

    /// Every entry, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Carried> {
        self.entries.iter()
    }
}

/// Commands whose effect the GPF must mirror (GBCS 10.3.4.2; han.md 5.3), CS11 among them because only what goes to a gas meter
/// passes here. GCS01a, GCS05, GCS07, CS11, GCS23, GCS25, GCS44, GCS01b, GCS25a.
pub const TAPPED: [MessageCode; 9] = [
    MessageCode(0x006B),
    MessageCode(0x006F),
    MessageCode(0x0071),
    MessageCode(0x0015),
    MessageCode(0x007C),
    MessageCode(0x007E),
    MessageCode(0x0088),
    MessageCode(0x00A3),
    MessageCode(0x00D8),
];
/// Commands kept until their Response, at most.
const TAPS: usize = 32;
/// Octets of one Command kept, its blocks together: twice the longest there is.
const TAP_OCTETS: usize = 8192;

/// Copies of Commands on their way to a gas meter, until its Response tells which of them worked.
#[derive(Clone, Debug, Default)]
pub struct Taps {
    /// One per Command; a block transfer in parts.
    taps: VecDeque<(MessageId, Vec<Vec<u8>>)>,
}

impl Taps {
    /// The copies that a hub before a restart kept; parts that are no message are left out.
    pub fn restored(taps: impl IntoIterator<Item = Vec<Vec<u8>>>) -> Self {
        let taps = taps.into_iter().filter_map(|parts| Some((Route::parse(parts.first()?).ok()?.id, parts)));
        Self { taps: taps.take(TAPS).collect() }
    }

    /// Keep a copy of a Command that enters a mailbox, whichever way it came.
    pub fn keep(&mut self, letter: &Letter) {
        if !TAPPED.contains(&letter.route.code) {
            return;
        }
        let id = letter.route.id;
        if let Some((_, parts)) = self.taps.iter_mut().find(|(command, _)| *command == id) {
            let block = matches!(letter.route.form, gbcs::envelope::RouteForm::Block { .. });
            let kept: usize = parts.iter().map(Vec::len).sum();
            if block && kept + letter.octets.len() <= TAP_OCTETS && !parts.contains(&letter.octets) {
                parts.push(letter.octets.clone());
            }
            return;
        }
        if self.taps.len() == TAPS {
            self.taps.pop_front();
        }
        self.taps.push_back((id, alloc::vec![letter.octets.clone()]));
    }

    /// Whether there is a Command that this Response answers.
    pub fn holds(&self, response: &MessageId) -> bool {
        let command = response.answer();
        self.taps.iter().any(|(id, _)| *id == command)
    }

    /// The Command (in parts, when it was a block transfer) that this Response answers; it is forgotten.
    pub fn answered(&mut self, response: &MessageId) -> Option<Vec<Vec<u8>>> {
        let command = response.answer();
        let at = self.taps.iter().position(|(id, _)| *id == command)?;
        self.taps.remove(at).map(|(_, parts)| parts)
    }

    /// The Command will get no Response: it never reached the meter.
    pub fn forget(&mut self, command: &MessageId) {
        self.taps.retain(|(id, _)| id != command);
    }

    /// Every copy, for the record.
    pub fn iter(&self) -> impl Iterator<Item = &(MessageId, Vec<Vec<u8>>)> {
        self.taps.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::envelope::RouteForm;
    use gbcs::{Counter, Cra, Eui64};

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const HHT: Source = Source::Device(Eui64::from_u64(6));
    const PPMID: Source = Source::Device(Eui64::from_u64(4));

    fn id(n: u64) -> MessageId {
        MessageId { originator: Eui64::from_u64(1), target: Eui64::from_u64(2), cra: Cra::Command, counter: Counter(n) }
    }

    fn carried(n: u64, source: Source) -> Carried {
        Carried { command: id(n), source, by_ppmid: source == PPMID, at: Time(n) }
    }

    #[test]
    fn every_carrier_of_a_command_is_remembered_once_and_for_a_day() {
        let mut carriers = Carriers::default();
        for source in [PPMID, HHT, PPMID] {
            carriers.remember(carried(1, source), 8, DAY);
        }
        assert_eq!(carriers.of(&id(1)), [HHT, PPMID]);
        assert_eq!(carriers.of(&id(2)), []);
        carriers.expire(Time(0) + DAY, DAY);
        assert_eq!(carriers.of(&id(1)).len(), 2);
        carriers.expire(Time(1) + DAY, DAY);
        assert_eq!(carriers.of(&id(1)), []);
    }

    #[test]
    fn what_ppmids_carried_is_forgotten_first_and_displaces_nothing_else() {
        let mut carriers = Carriers::default();
        carriers.remember(carried(1, HHT), 2, DAY);
        carriers.remember(carried(2, PPMID), 2, DAY);
        carriers.remember(carried(3, PPMID), 2, DAY);
        assert_eq!(carriers.iter().map(|c| c.command.counter.0).collect::<Vec<_>>(), [1, 3]);
        carriers.remember(carried(4, HHT), 2, DAY);
        carriers.remember(carried(5, PPMID), 2, DAY);
        assert_eq!(carriers.iter().map(|c| c.command.counter.0).collect::<Vec<_>>(), [1, 4]);
        carriers.remember(carried(6, HHT), 2, DAY);
        assert_eq!(carriers.iter().map(|c| c.command.counter.0).collect::<Vec<_>>(), [4, 6]);
    }

    fn letter(n: u64, code: u16, form: RouteForm, octet: u8) -> Letter {
        let route = Route { id: id(n), code: MessageCode(code), form };
        Letter { route, octets: alloc::vec![octet], source: Source::Wan, taken: Time(0) }
    }

    #[test]
    fn only_commands_that_the_gpf_mirrors_are_kept_until_answered_or_lost() {
        let mut taps = Taps::default();
        for code in [0x006B, 0x006F, 0x0071, 0x0015, 0x007C, 0x007E, 0x0088, 0x00A3, 0x00D8] {
            taps.keep(&letter(code.into(), code, RouteForm::Maced, 1));
            assert_eq!(taps.answered(&id(code.into()).answer()), Some(alloc::vec![alloc::vec![1]]));
            assert_eq!(taps.answered(&id(code.into()).answer()), None);
        }
        taps.keep(&letter(1, 0x0062, RouteForm::Maced, 1));
        taps.keep(&letter(2, 0x0071, RouteForm::Maced, 1));
        taps.forget(&id(2));
        assert_eq!(taps.iter().count(), 0);
    }

    #[test]
    fn the_blocks_of_a_tapped_command_are_kept_in_order_and_repeated_ones_once() {
        let mut taps = Taps::default();
        for number in [1, 2, 2, 3] {
            let form = RouteForm::Block { number, last: number == 3 };
            taps.keep(&letter(1, 0x006B, form, number as u8));
        }
        assert_eq!(taps.answered(&id(1).answer()).unwrap(), [[1], [2], [3]]);
    }

    #[test]
    fn half_finished_block_transfers_by_the_thousand_keep_memory_flat() {
        let mut taps = Taps::default();
        for n in 0..1000 {
            for number in 1..=255 {
                let form = RouteForm::Block { number, last: false };
                let mut block = letter(n, 0x006B, form, number as u8);
                block.octets.resize(1200, 0);
                taps.keep(&block);
            }
        }
        let octets: usize = taps.iter().flat_map(|(_, parts)| parts).map(Vec::len).sum();
        assert!(octets <= TAPS * TAP_OCTETS, "{octets}");
        assert_eq!(taps.iter().count(), TAPS);
    }

    #[test]
    fn a_full_tap_forgets_the_oldest() {
        let mut taps = Taps::default();
        (0..33).for_each(|n| taps.keep(&letter(n, 0x0071, RouteForm::Maced, 0)));
        assert_eq!(taps.answered(&id(0).answer()), None);
        assert!(taps.answered(&id(1).answer()).is_some());
    }
}
