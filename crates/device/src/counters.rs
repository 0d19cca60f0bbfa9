//! Protection against replay (GBCS 4.3.1.5): what a device remembers of the counters it has seen.
use crate::anchors::Role;
use alloc::collections::{BTreeMap, VecDeque};
use gbcs::{Counter, MessageCode, Time};
use minicbor::{Decode, Encode};

/// How many accepted top-ups a meter remembers at least.
pub const UTRN_CACHE: usize = 100;

/// Which counter a Command is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The use case needs no protection: answered as often as it comes.
    None,
    /// One counter for all ordinary Commands of a role.
    Execution,
    /// One counter per role and use case, of those that can be future dated.
    FutureDated,
    /// The cache of accepted UTRNs.
    TopUp,
}

/// All counters of a device. Persistent: whoever could turn it back could replay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Counters {
    /// Highest accepted counter per role.
    #[n(0)]
    execution: BTreeMap<u8, u64>,
    /// Highest accepted counter per role and message code.
    #[n(1)]
    future_dated: BTreeMap<(u8, u16), u64>,
    /// Accepted UTRNs, of a meter.
    #[n(2)]
    pub utrns: UtrnCache,
    /// The last counter this device used for a message of its own.
    #[n(3)]
    own: u64,
    /// From which its future-dated counters start, per role whose credentials were replaced.
    #[n(4)]
    floors: BTreeMap<u8, u64>,
}

/// The counter is not above the one last accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The highest accepted so far.
    pub stored: Counter,
}

impl Counters {
    /// Whether a Command under `counter` is new by `rule`.
    pub fn check(&self, rule: Rule, role: Role, code: MessageCode, counter: Counter) -> Result<(), Replayed> {
        let stored = match rule {
            Rule::None => return Ok(()),
            Rule::Execution => self.execution.get(&(role as u8)),
            Rule::FutureDated => {
                self.future_dated.get(&(role as u8, code.0)).or_else(|| self.floors.get(&(role as u8)))
            }
            Rule::TopUp => return self.utrns.check_command(counter),
        };
        match stored {
            Some(&stored) if counter.0 <= stored => Err(Replayed { stored: Counter(stored) }),
            _ => Ok(()),
        }
    }

    /// Remember an accepted counter. That of a top-up is remembered with its UTRN instead.
    pub fn record(&mut self, rule: Rule, role: Role, code: MessageCode, counter: Counter) {
        match rule {
            Rule::None | Rule::TopUp => {}
            Rule::Execution => {
                self.execution.insert(role as u8, counter.0);
            }
            Rule::FutureDated => {
                self.future_dated.insert((role as u8, code.0), counter.0);
            }
        }
    }

    /// The credentials of a role were replaced: all its counters start from `floor` (GBCS 13.3.5).
    pub fn restart(&mut self, role: Role, floor: Counter) {
        self.execution.insert(role as u8, floor.0);
        self.future_dated.retain(|(of, _), _| *of != role as u8);
        // Of use cases that were never seen there is no counter to set; the floor holds for them too.
        self.floors.insert(role as u8, floor.0);
    }

    /// Counters of the device's own start above this one.
    pub fn begin_own(&mut self, floor: Counter) {
        self.own = self.own.max(floor.0);
    }

    /// The next counter for a message of the device's own; used once, whatever becomes of the message. Never below the clock
    /// in milliseconds, so that a device that lost its state repeats none either.
    pub fn next_own(&mut self, now: Time) -> Counter {
        self.own = self.own.saturating_add(1).max(now.0);
        Counter(self.own)
    }
}

/// An accepted UTRN: the high half of its counter, and whether a Command brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Seen {
    #[n(0)]
    high: u32,
    #[n(1)]
    by_command: bool,
}

/// The last accepted UTRN counters (GBCS 14): in any order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct UtrnCache {
    #[n(0)]
    seen: VecDeque<Seen>,
    /// Counters at and below this are too old to tell.
    #[n(1)]
    floor: Option<u32>,
}

impl UtrnCache {
    /// Whether a UTRN under this high half was accepted, or is too old to tell.
    pub fn spent(&self, high: u32) -> bool {
        self.floor.is_some_and(|floor| high <= floor) || self.seen.iter().any(|s| s.high == high)
    }

    /// Remember an accepted UTRN; the smallest is forgotten, and becomes the floor, when there are too many.
    pub fn accept(&mut self, high: u32, by_command: bool) {
        self.seen.push_back(Seen { high, by_command });
        if self.seen.len() > UTRN_CACHE {
            let smallest = (0..self.seen.len()).min_by_key(|&i| self.seen[i].high).unwrap_or(0);
            if let Some(forgotten) = self.seen.remove(smallest) {
                self.floor = Some(self.floor.map_or(forgotten.high, |floor| floor.max(forgotten.high)));
            }
        }
    }

    /// A supplier's prepayment key was replaced: UTRNs of the new one start above `floor`.
    pub fn restart(&mut self, floor: Counter) {
        self.seen.clear();
        self.floor = match (floor.0 >> 32) as u32 {
            0 => None,
            high => Some(high),
        };
    }

    /// The counter of the highest accepted; zero where there is none.
    pub fn highest(&self) -> Counter {
        let high = self.seen.iter().map(|s| s.high).chain(self.floor).max();
        Counter(u64::from(high.unwrap_or(0)) << 32)
    }

    /// A Command that was executed already is a replay. A UTRN spent another way, the keypad say, is not: its Command is
    /// answered, with the refusal of a duplicate.
    fn check_command(&self, counter: Counter) -> Result<(), Replayed> {
        let high = (counter.0 >> 32) as u32;
        match self.seen.iter().find(|s| s.high == high) {
            Some(seen) if seen.by_command => Err(Replayed { stored: counter }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: MessageCode = MessageCode(0x1C);
    const OTHER: MessageCode = MessageCode(0x19);

    /// (rule, role, code, counter, accepted) in order, one set of counters for all.
    #[test]
    fn the_replay_matrix_holds() {
        use Role::{NetworkOperator, Supplier};
        use Rule::{Execution, FutureDated, None};
        let mut counters = Counters::default();
        for (rule, role, code, counter, accepted) in [
            (Execution, Supplier, CODE, 0, true),
            (Execution, Supplier, CODE, 0, false),
            (Execution, Supplier, CODE, 1000, true),
            (Execution, Supplier, CODE, 999, false),
            (Execution, Supplier, OTHER, 1000, false),
            (Execution, NetworkOperator, CODE, 1000, true),
            (FutureDated, Supplier, CODE, 5, true),
            (FutureDated, Supplier, CODE, 5, false),
            (FutureDated, Supplier, OTHER, 5, true),
            (FutureDated, NetworkOperator, OTHER, 5, true),
            (Execution, Supplier, CODE, 1001, true),
            (None, Supplier, CODE, 1, true),
            (None, Supplier, CODE, 1, true),
            (Execution, Supplier, CODE, u64::MAX, true),
            (Execution, Supplier, CODE, u64::MAX, false),
        ] {
            let found = counters.check(rule, role, code, Counter(counter));
            assert_eq!(found.is_ok(), accepted, "{rule:?} {role:?} {code} {counter}");
            if accepted {
                counters.record(rule, role, code, Counter(counter));
            }
        }
    }

    #[test]
    fn utrns_are_accepted_once_in_any_order_and_never_below_the_floor() {
        let mut cache = UtrnCache::default();
        for high in (1..=100).rev() {
            assert!(!cache.spent(high));
            cache.accept(high, false);
            assert!(cache.spent(high));
        }
        assert!(!cache.spent(0) && !cache.spent(101));
        cache.accept(101, false);
        assert!(cache.spent(1) && cache.spent(0), "the smallest was forgotten and is the floor");
        assert!(!cache.spent(200));
    }

    #[test]
    fn a_top_up_command_is_a_replay_only_after_a_command_spent_its_utrn() {
        let mut counters = Counters::default();
        let check = |c: &Counters, n: u64| c.check(Rule::TopUp, Role::Supplier, MessageCode(7), Counter(n << 32));
        counters.utrns.accept(3, false);
        counters.utrns.accept(4, true);
        assert!(check(&counters, 3).is_ok());
        assert!(check(&counters, 4).is_err());
        assert!(check(&counters, 5).is_ok());
    }

    #[test]
    fn own_counters_are_never_used_twice() {
        let mut counters = Counters::default();
        let used = [5, 5, 4, 9, 0].map(|now| counters.next_own(Time(now)).0);
        assert_eq!(used, [5, 6, 7, 9, 10]);
    }
}
