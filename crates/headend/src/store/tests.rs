//! What the database promises.
use super::*;
use delivery::{Attempts, Fault, MeterFault, Reason, Refusal, Via, Where};

const DEVICE: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
const NOW: Time = Time(1_800_000_000_000);

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("x.db")).unwrap();
    (folder, store)
}

fn delivery(n: u8) -> Delivery {
    Delivery {
        id: DeliveryId([n; 16]),
        via: Via::Both,
        critical: true,
        lane: Lane { originator: SUPPLIER, device: DEVICE, space: CounterSpace::Ordinary },
        counter: Counter(u64::MAX - u64::from(n)),
        carrier: Some(DEVICE),
        not_after: NOW + Duration::from_secs(1),
        state: State::Requested,
        since: NOW,
        deadline: Some(NOW + Duration::from_secs(1)),
        not_before: Some(NOW),
        asked: true,
        wan: true,
        local_closed: true,
        attempts: 3,
        in_doubt: Attempts::from_bits(0b110),
        refusals: 1,
        warrant_until: Some(NOW),
    }
}

fn request_id(counter: u64) -> RequestId {
    RequestId { originator: SUPPLIER, target: DEVICE, counter: Counter(counter) }
}

fn insert(store: &Store, delivery: &Delivery) {
    store
        .insert(&NewDelivery {
            delivery,
            accepted: NOW,
            reference: Some("r"),
            idempotency_key: None,
            order_digest: [1; 32],
            request: "<x/>",
            request_id: request_id(delivery.id.0[0].into()),
            srv: Srv::new(2, 5, 0),
        })
        .unwrap();
}

#[test]
fn a_delivery_comes_back_as_it_was_in_every_state() {
    let (_folder, store) = store();
    let mut one = delivery(1);
    insert(&store, &one);
    let terminal = [
        State::Confirmed,
        State::Refused(Refusal::Carrier(Reason::Other(999))),
        State::Refused(Refusal::Meter(MeterFault { instruction: 7, result: 250 })),
        State::Expired(Where::Lane),
        State::Superseded(Counter(u64::MAX)),
        State::Failed(Fault::Unresolved),
    ];
    for state in [State::Queued, State::OnHan, State::Unknown].into_iter().chain(terminal) {
        one.deadline = (!state.is_terminal()).then_some(NOW);
        one.state = state;
        store.save(&one).unwrap();
        assert_eq!(store.record(one.id).unwrap().unwrap().delivery, one);
        assert_eq!(store.open_deliveries().unwrap().len(), usize::from(one.deadline.is_some()));
    }
}

#[test]
fn what_was_not_committed_never_was() {
    let (folder, store) = store();
    store.begin().unwrap();
    insert(&store, &delivery(1));
    store.rollback();
    store.begin().unwrap();
    insert(&store, &delivery(2));
    store.commit().unwrap();
    store.begin().unwrap();
    insert(&store, &delivery(3));
    drop(store);
    let open = Store::open(&folder.path().join("x.db")).unwrap().open_deliveries().unwrap();
    assert_eq!(open, [delivery(2)]);
}

#[test]
fn events_are_appended_and_nothing_else() {
    let (_folder, store) = store();
    let one = delivery(1);
    insert(&store, &one);
    let event = NewEvent {
        delivery: one.id,
        at: NOW,
        event: "Accepted",
        from: &one.state,
        to: &one.state,
        outcome: &Outcome::Stay,
        detail: None,
        octets: Some(&[1]),
    };
    store.append(&event).unwrap();
    for sql in ["UPDATE events SET event = 'x'", "DELETE FROM events"] {
        let error = store.connection.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
}

#[test]
fn counters_follow_the_clock_and_never_repeat_even_when_it_goes_back() {
    let (folder, store) = store();
    let next = |store: &Store, now: u64| store.next_counter(SUPPLIER, Time(now)).unwrap().0;
    assert_eq!(
        [next(&store, 1000), next(&store, 1000), next(&store, 5000), next(&store, 10)],
        [1000, 1001, 5000, 5001]
    );
    drop(store);
    let store = Store::open(&folder.path().join("x.db")).unwrap();
    assert_eq!(next(&store, 10), 5002);
    assert_eq!(store.next_counter(DEVICE, Time(10)).unwrap(), Counter(10));
}

#[test]
fn the_highest_executed_counter_of_a_lane_only_rises() {
    let (_folder, store) = store();
    let lane = delivery(1).lane;
    // Beyond what an SQLite integer holds.
    for counter in [1 << 63, 5, u64::MAX - 1, 1] {
        store.executed(lane, Counter(counter)).unwrap();
    }
    assert_eq!(store.lanes().unwrap(), [(lane, Counter(u64::MAX - 1))]);
}

#[test]
fn a_document_waits_until_it_is_answered() {
    let (_folder, store) = store();
    insert(&store, &delivery(1));
    let mut letter = store.post(DeliveryId([1; 16]), Ask::Submit, "/s", request_id(1), "<d/>".into(), NOW).unwrap();
    letter.failures = 2;
    letter.last_error = Some("away".into());
    letter.next_try = NOW + Duration::from_secs(9);
    store.letter_failed(&letter).unwrap();
    let [found] = &store.letters().unwrap()[..] else { panic!("one letter") };
    assert_eq!((found.failures, found.next_try, found.document.as_str()), (2, letter.next_try, "<d/>"));
    let record = store.record(DeliveryId([1; 16])).unwrap().unwrap();
    assert_eq!(record.trouble, Some(("away".into(), letter.next_try)));
    store.letter_done(letter.sequence, NOW).unwrap();
    assert!(store.letters().unwrap().is_empty());
}

#[test]
fn an_alert_is_kept_once() {
    let (_folder, store) = store();
    let alert = Alert {
        at: NOW,
        source: AlertSource::Device,
        device: Some(DEVICE),
        delivery: None,
        code: Some(0x8F3F),
        name: None,
        octets: b"x".to_vec(),
    };
    assert!(store.keep_alert([1; 32], &alert).unwrap());
    assert!(!store.keep_alert([1; 32], &alert).unwrap());
}

#[test]
fn a_database_of_the_first_version_keeps_its_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let first = rusqlite::Connection::open(&path).unwrap();
    first.execute_batch(super::schema::MIGRATIONS[0]).unwrap();
    first.pragma_update(None, "user_version", 1).unwrap();
    let row = "INSERT INTO alerts VALUES (?1, ?2, ?3, ?4, ?5)";
    first.execute(row, rusqlite::params![&[1u8; 32][..], 5, &DEVICE.0[..], 0x8F3F, &b"x"[..]]).unwrap();
    drop(first);
    drop(Store::open(&path).unwrap());
    let reader = Reader::open(&path).unwrap();
    let [kept] = &reader.alerts(&AlertFilter { limit: 9, ..AlertFilter::default() }).unwrap()[..] else { panic!() };
    assert_eq!((kept.source, kept.device, kept.code), (AlertSource::Device, Some(DEVICE), Some(0x8F3F)));
    assert_eq!((&kept.name, kept.delivery, &kept.octets[..]), (&None, None, &b"x"[..]));
}

#[test]
fn a_database_of_a_later_version_is_left_alone() {
    let (folder, store) = store();
    store.connection.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    let error = Store::open(&folder.path().join("x.db")).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
}
