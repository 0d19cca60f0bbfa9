//! The head end dies before and after every commit of a delivery's life and is started again, with all parts as processes of
//! their own: the delivery ends Confirmed all the same, and the meter executed it exactly once.
use crate::common::{CREDIT, CREDIT_AMOUNT, Household, LONG, Part};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What is committed in the life of a delivery, one state after the other.
const EVENTS: [&str; 9] = [
    "Accepted",
    "PreCommandReceived",
    "CommandReceived",
    "ReleaseSent",
    "ReceiptHeld",
    "ReceiptOnHan",
    "AnswerReceived",
    "Verified",
    "Returned",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_head_end_that_dies_at_any_commit_loses_nothing_and_does_nothing_twice() {
    // A home for each event: the hub's budget for one meter is not made for so much traffic in so little time.
    for event in EVENTS {
        let home = Household::new();
        let _parts = [Part::Dcc, Part::Hub, Part::Esme, Part::Gsme, Part::Ppmid].map(|part| home.spawn(part, &[]));
        let before = {
            let _headend = home.spawn(Part::HeadEnd, &[]);
            home.balance("before").await
        };
        for side in ["before", "after"] {
            deliver_with_a_crash(&home, &format!("{side}:{event}")).await;
        }
        let _headend = home.spawn(Part::HeadEnd, &[]);
        let after = home.balance("after").await;
        assert_eq!(after - before, 2 * CREDIT_AMOUNT, "around {event}: {}", home.logs());
    }
}

/// One delivery, ordered from a head end that dies on the way.
async fn deliver_with_a_crash(home: &Household, at: &str) {
    let mut headend = home.spawn(Part::HeadEnd, &[("LASTMETRE_CRASH_AT", at)]);
    let deadline = Instant::now() + LONG;
    let (mut crashed, mut confirmed) = (false, false);
    while !(crashed && confirmed) {
        let in_time = Instant::now() < deadline;
        assert!(in_time, "{at}: crashed {crashed}: {:#?}\n{}", home.show(at).await, home.logs());
        if !crashed && headend.has_ended() {
            crashed = true;
            headend = home.spawn(Part::HeadEnd, &[]);
        }
        // The supplier's system repeats an order that was not answered, under the same key.
        if home.order(at, CREDIT).await.is_some() {
            confirmed = home.show(at).await.is_some_and(|delivery| delivery["state"] == "Confirmed");
        }
        sleep(Duration::from_millis(10)).await;
    }
}
