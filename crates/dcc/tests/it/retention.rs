//! What the store forgets, and what it never does.
use crate::common::desk::*;
use crate::common::*;
use dcc::limits::Limits;
use dcc::store::Swept;
use duis::{Body, CommandVariant, Execution};

fn everything(desk: &Desk) -> usize {
    let mut rows = 0;
    loop {
        let Swept { rows: more, .. } = desk.gateway.store.sweep(desk.now(), &Limits::default(), HOUR).unwrap();
        rows += more;
        if more == 0 {
            return rows;
        }
    }
}

#[test]
fn payloads_go_first_and_names_long_after_and_neither_may_be_used_again() {
    let desk = Desk::new();
    for counter in [5, 7] {
        desk.ask(&read_balance(counter));
        desk.brought(&answer(&desk.sent_one(), true));
    }
    let store = &desk.gateway.store;
    desk.pass(89 * DAY);
    assert!(store.by_request(id(ESME, 5)).unwrap().is_some());
    desk.pass(2 * DAY);
    assert!(store.by_request(id(ESME, 5)).unwrap().is_none());
    assert_eq!(desk.code(&read_balance(5)), "E57");
    desk.pass(310 * DAY);
    for counter in [5, 6, 7] {
        assert_eq!(desk.code(&read_balance(counter)), "E57", "{counter}: the device would not take it either");
    }
    assert_eq!(desk.code(&read_balance(8)), "I99");
    let highest = store.highest_counter(SUPPLIER, ESME).unwrap();
    assert_eq!(highest.0, 8);
    // Another device, and the series of top-ups, are not touched.
    let gas = request(GSME, 1, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    assert_eq!(desk.code(&gas), "I99");
    let utrn = duis::body::Utrn::new("73946144332040217315").unwrap();
    let top_up = Body::TopUpDevice(duis::body::TopUpDevice { utrn });
    assert_eq!(desk.code(&request(ESME, 3 << 32, "2.2", CommandVariant::Send, top_up)), "I99");
}

#[test]
fn what_waits_or_was_not_told_is_never_forgotten() {
    let desk = Desk::new();
    // On its way; answered, but nobody takes the answer; in quarantine.
    desk.ask(&read_balance(1));
    desk.ask(&read_balance(2));
    let sent = desk.sent();
    desk.brought(&answer(&sent[1], true));
    let one_an_hour = r#"{"dcc": [{"service": "4.18", "period_seconds": 1, "quarantine": 0}]}"#;
    desk.gateway.set_thresholds(one_an_hour).unwrap();
    desk.ask(&read_balance(3));
    desk.jump(START + 1000 * DAY);
    desk.tick();
    everything(&desk);
    let store = &desk.gateway.store;
    assert!(store.by_request(id(ESME, 1)).unwrap().is_some());
    assert_eq!(store.quarantined().unwrap().len(), 1);
    assert_eq!(desk.told().len(), 2, "an answer and an alert");
    desk.brought(&answer(&sent[0], true));
    assert_eq!(desk.told_one().request_id, Some(id(ESME, 1)));
}

#[test]
fn the_store_grows_with_a_period_and_not_with_all_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dcc.sqlite");
    let desk = Desk::with(config(None), Some(&path));
    desk.gateway.set_thresholds(r#"{"dcc": [{"service": "4.18", "period_seconds": 3600, "warning": 1000}]}"#).unwrap();
    let rows = |table: &str| -> i64 {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let tables =
        ["request", "outbound", "callback", "heard", "held", "ending", "measured", "dated", "instruction", "scheduled"];
    let mut counter = 0;
    let mut most = Vec::new();
    for year in 0..4 {
        for _ in 0..20 {
            counter += 2;
            desk.ask(&read_balance(counter));
            desk.ask(&read_balance_at(counter + 1, Execution::At(desk.now() + DAY)));
            desk.pass(DAY);
            for command in desk.sent() {
                desk.brought(&answer(&command, true));
            }
            for callback in desk.gateway.store.undelivered(SUPPLIER, 0).unwrap() {
                desk.gateway.store.mark_delivered(callback.row, desk.now()).unwrap();
            }
        }
        desk.jump(desk.now() + 500 * DAY);
        everything(&desk);
        most.push(tables.map(rows));
        if year == 0 {
            assert!(most[0].iter().all(|rows| *rows <= 2), "{most:?}");
        }
    }
    assert!(most.iter().all(|rows| *rows == most[0]), "{most:?}");
    assert_eq!(rows("floor"), 1);
}
