//! A place to die on purpose: proof of crash safety needs crashes exactly around commits.
//!
//! `LASTMETRE_CRASH_AT=before:ReleaseSent` aborts the process right before the commit that holds the first event of that name,
//! `after:ReleaseSent:2` right after the one that holds the second, before anything that follows from it is done. Unset,
//! nothing happens.
use std::cell::Cell;

/// Which commit to die at, if any.
#[derive(Debug, Default)]
pub(crate) struct Failpoint {
    armed: Option<Armed>,
    seen: Cell<u32>,
    /// The event is in the present batch.
    due: Cell<bool>,
}

#[derive(Debug, PartialEq, Eq)]
struct Armed {
    side: Side,
    event: String,
    occurrence: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

impl Failpoint {
    /// As the environment says.
    pub(crate) fn from_environment() -> Self {
        let armed = std::env::var("LASTMETRE_CRASH_AT").ok().and_then(|text| parse(&text));
        Self { armed, ..Self::default() }
    }

    /// Whether this process is to die.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// An event is about to be written.
    pub(crate) fn event(&self, name: &str) {
        if let Some(armed) = self.armed.as_ref().filter(|armed| armed.event == name) {
            self.seen.set(self.seen.get() + 1);
            self.due.set(self.due.get() || self.seen.get() == armed.occurrence);
        }
    }

    /// The batch is about to be committed.
    pub(crate) fn before_commit(&self) {
        self.die_at(Side::Before);
    }

    /// It was committed.
    pub(crate) fn after_commit(&self) {
        self.die_at(Side::After);
    }

    fn die_at(&self, here: Side) {
        if self.due.get() && self.armed.as_ref().is_some_and(|armed| armed.side == here) {
            tracing::error!(armed = ?self.armed, "dying as LASTMETRE_CRASH_AT says");
            std::process::abort();
        }
    }
}

fn parse(text: &str) -> Option<Armed> {
    let (side, rest) = text.split_once(':')?;
    let side = match side {
        "before" => Side::Before,
        "after" => Side::After,
        _ => return None,
    };
    let (event, occurrence) = match rest.split_once(':') {
        Some((event, occurrence)) => (event, occurrence.parse().ok()?),
        None => (rest, 1),
    };
    Some(Armed { side, event: event.to_owned(), occurrence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_named_by_side_event_and_occurrence() {
        let armed = |side, event: &str, occurrence| Some(Armed { side, event: event.to_owned(), occurrence });
        assert_eq!(parse("before:ReleaseSent"), armed(Side::Before, "ReleaseSent", 1));
        assert_eq!(parse("after:Verified:2"), armed(Side::After, "Verified", 2));
        for text in ["", "before", "within:Verified", "after:Verified:x"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
