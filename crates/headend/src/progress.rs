//! What happens to deliveries, for whoever watches.
use delivery::{DeliveryId, State};
use gbcs::Time;

/// One committed event of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Number of the event in the database.
    pub sequence: i64,
    /// When.
    pub at: Time,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// What happened: the name of a [`delivery::Input`], or an event of the head end's own.
    pub event: String,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// More about it, for people.
    pub detail: Option<String>,
}
