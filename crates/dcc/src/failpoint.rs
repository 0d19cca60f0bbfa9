//! A place to die on purpose: proof of crash safety needs crashes exactly around commits.
//!
//! `LASTMETRE_CRASH_AT=before:held` aborts the process right before the commit that holds the first event of that name,
//! `after:accepted:7` right after the one that holds the seventh, before anything that follows from it is done. Unset, nothing
//! happens. Events belong to the transaction in which they are named; transactions follow each other.
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

struct Failpoint {
    armed: Option<Armed>,
    seen: AtomicU32,
    /// The event is in the present transaction.
    due: AtomicBool,
}

#[derive(Debug, PartialEq, Eq)]
struct Armed {
    side: Side,
    event: String,
    occurrence: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

fn failpoint() -> &'static Failpoint {
    static FAILPOINT: OnceLock<Failpoint> = OnceLock::new();
    FAILPOINT.get_or_init(|| Failpoint {
        armed: std::env::var("LASTMETRE_CRASH_AT").ok().and_then(|text| parse(&text)),
        seen: AtomicU32::new(0),
        due: AtomicBool::new(false),
    })
}

/// A transaction does this.
pub(crate) fn event(name: &str) {
    let failpoint = failpoint();
    if let Some(armed) = failpoint.armed.as_ref().filter(|armed| armed.event == name)
        && failpoint.seen.fetch_add(1, Ordering::Relaxed) + 1 == armed.occurrence
    {
        failpoint.due.store(true, Ordering::Relaxed);
    }
}

/// A transaction is about to be committed, or was.
pub(crate) fn commit(here: Side) {
    let failpoint = failpoint();
    if failpoint.due.load(Ordering::Relaxed) && failpoint.armed.as_ref().is_some_and(|armed| armed.side == here) {
        tracing::error!(armed = ?failpoint.armed, "dying as LASTMETRE_CRASH_AT says");
        std::process::abort();
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
        assert_eq!(parse("before:held"), armed(Side::Before, "held", 1));
        assert_eq!(parse("after:told:2"), armed(Side::After, "told", 2));
        for text in ["", "before", "within:held", "after:held:x"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
