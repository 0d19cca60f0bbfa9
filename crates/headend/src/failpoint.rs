//! A place to die on purpose: proof of crash safety needs crashes exactly around commits.
//!
//! `LASTMETRE_CRASH_AT=before:17` aborts the process right before commit 17 of its life, `after:17` right after it and before
//! anything that follows from it is done. Unset, nothing happens.
use std::sync::atomic::{AtomicU64, Ordering};

/// Which commit to die at, if any.
#[derive(Debug, Default)]
pub(crate) struct Failpoint {
    armed: Option<(Side, u64)>,
    commits: AtomicU64,
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
        Self { armed, commits: AtomicU64::new(0) }
    }

    /// A commit is about to be made.
    pub(crate) fn before_commit(&self) {
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        self.die_if((Side::Before, number));
    }

    /// It was made.
    pub(crate) fn after_commit(&self) {
        self.die_if((Side::After, self.commits.load(Ordering::Relaxed)));
    }

    fn die_if(&self, here: (Side, u64)) {
        if self.armed == Some(here) {
            tracing::error!(?here, "LASTMETRE_CRASH_AT");
            std::process::abort();
        }
    }
}

fn parse(text: &str) -> Option<(Side, u64)> {
    let (side, number) = text.split_once(':')?;
    let side = match side {
        "before" => Side::Before,
        "after" => Side::After,
        _ => return None,
    };
    Some((side, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_named_by_side_and_number() {
        assert_eq!(parse("before:17"), Some((Side::Before, 17)));
        assert_eq!(parse("after:1"), Some((Side::After, 1)));
        for text in ["", "before", "before:", "within:1", "after:x"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
