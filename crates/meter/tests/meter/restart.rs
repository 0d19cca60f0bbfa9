//! A power cut at any Persist: the old state or the new one, never an effect twice and never one lost.
use crate::home::*;
use gbcs::crypto::RustCrypto;
use gbcs::utrn::Credit;
use meter::{Kind, Meter, MeterConfig, StateError};

fn restart(config: MeterConfig, state: Option<&[u8]>) -> Meter<RustCrypto> {
    Meter::new(config, RustCrypto, state).unwrap()
}

#[test]
fn every_stored_state_is_a_meter_that_continues_where_it_was() {
    let home = Home::default();
    let config = home.config(Kind::Esme);
    let commands = [
        home.dlms(0x001C, 1, adjust_balance(100_000)),
        home.dlms(0x0007, 3 << 32, token(&home.utrn(Kind::Esme, 3, Credit::Pounds(1)))),
        home.dlms(0x0050, 2, script(52)),
        home.dlms(0x001C, 3, adjust_balance(300_000)),
    ];
    let balances = ["0.00", "1.00", "2.00", "2.00", "5.00"];
    let mut stored: Vec<Option<Vec<u8>>> = vec![None];
    let mut meter = restart(config.clone(), None);
    for command in &commands {
        meter.handle_message(NOW, command).expect("a Response");
        let (states, _) = drain(&mut meter);
        assert_eq!(states.len(), 1, "one record a Command");
        stored.extend(states.into_iter().map(Some));
    }
    // Power is cut after each record; whoever sent the Commands sends all of them again.
    for (n, state) in stored.iter().enumerate() {
        let mut meter = restart(config.clone(), state.as_deref());
        assert_eq!(register(&meter, "meter balance"), balances[n]);
        let answered = commands.iter().filter(|command| meter.handle_message(NOW, command).is_some()).count();
        assert_eq!(answered, commands.len() - n, "what was executed is not executed again");
        assert_eq!(register(&meter, "meter balance"), "5.00");
        assert_eq!(register(&meter, "supply"), "disabled");
    }
}

#[test]
fn what_waits_for_its_time_survives_and_own_counters_go_on() {
    let home = Home::default();
    let config = home.config(Kind::Esme);
    let mut meter = restart(config.clone(), None);
    meter.consume(NOW, 100);
    assert_eq!(meter.outbox_len(), 2, "two Alerts: credit is low, and exhausted");
    let (states, _) = drain(&mut meter);
    let mut meter = restart(config, states.last().map(Vec::as_slice));
    assert_eq!(meter.outbox_len(), 2, "they wait for the hub still");
    meter.handle_message(NOW, &home.dlms(0x001C, 1, adjust_balance(100_000)));
    let counters: Vec<u64> =
        meter.outbox().map(|alert| gbcs::MessageView::parse(alert).unwrap().id().counter.0).collect();
    assert_eq!(counters, [NOW.0, NOW.0 + 1, NOW.0 + 2], "a counter is never used twice");
}

#[test]
fn a_state_that_is_none_is_refused_by_name() {
    let home = Home::default();
    let error = |kind, octets: &[u8]| Meter::new(home.config(kind), RustCrypto, Some(octets)).err();
    assert_eq!(error(Kind::Esme, b""), Some(StateError::Malformed));
    assert_eq!(error(Kind::Esme, b"nonsense"), Some(StateError::Malformed));
    let gas = home.meter(Kind::Gsme).state();
    assert_eq!(error(Kind::Esme, &gas), Some(StateError::OtherKind));
    assert_eq!(error(Kind::Gsme, &gas), None);
    assert_eq!(error(Kind::Gsme, &gas[..gas.len() - 1]), Some(StateError::Malformed));
    let mut other = gas.clone();
    let version = other.iter().position(|octet| *octet == 4).unwrap();
    other[version] = 9;
    assert_eq!(error(Kind::Gsme, &other), Some(StateError::Version(9)));
}

#[test]
fn an_outbox_nobody_empties_stays_within_its_limit_and_says_so() {
    let home = Home::default();
    let mut meter = restart(home.config(Kind::Esme), None);
    let mut overflows = 0;
    for counter in 0..40u64 {
        // Out of credit, and back: an Alert or two each time.
        meter.handle_message(NOW, &home.dlms(0x001C, 2 * counter + 1, adjust_balance(-100))).unwrap();
        meter.handle_message(NOW, &home.dlms(0x001C, 2 * counter + 2, adjust_balance(100))).unwrap();
        let (_, events) = drain(&mut meter);
        overflows += events.iter().filter(|event| **event == meter::Event::OutboxOverflow).count();
        assert!(meter.outbox_len() <= 32);
    }
    assert!(overflows > 0);
    assert_eq!(meter.outbox_len(), 32);
}
