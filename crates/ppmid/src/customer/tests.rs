use super::*;
use gbcs::crypto::{PrivateKey, RustCrypto};
use gbcs::gbz::zcl;

const PPMID: Eui64 = Eui64::from_u64(0xA4);
const GSME: Eui64 = Eui64::from_u64(0xA1);
const NOW: Time = Time(1_800_000_000_000);
const WAIT: Duration = Duration::from_secs(25 * 3600);

fn key(n: u8) -> PrivateKey {
    RustCrypto.private_key(&[n; 32]).unwrap()
}

fn customer() -> Customer {
    Customer::new(PPMID, Some(Gas { meter: GSME, key: *key(2).public(), own: key(1) }), WAIT)
}

fn begun(till: &mut Till, now: Time) -> RequestId {
    customer().ask_gas(now, &RustCrypto, till, &Action::EmergencyCredit(Fuel::Gas)).unwrap()
}

/// The gas meter's answer to the last request, under a key, with some of it changed.
fn answer(till: &Till, n: u8, change: impl FnOnce(&mut MessageId, &mut MessageCode)) -> Vec<u8> {
    let mut id = MessageId { originator: GSME, target: PPMID, cra: Cra::Response, counter: Counter(till.counter) };
    let mut code = PCS02;
    change(&mut id, &mut code);
    let done = Component::new(0, EMERGENCY_CREDIT).default_response(zcl::Status::SUCCESS);
    let plain = envelope::Message::plain(GroupingHeader::new(id, code), Payload::new([done]).encode()).encode();
    let z = RustCrypto.agree(&key(n), key(1).public()).unwrap();
    protect::add_mac(&RustCrypto, &z, &plain).unwrap()
}

#[test]
fn only_the_gas_meters_own_answer_to_a_request_is_believed() {
    let (customer, mut till) = (customer(), Till::default());
    let id = begun(&mut till, NOW);
    let hear = |octets: &[u8]| customer.hear_gas(&RustCrypto, &till, octets);
    type Change = fn(&mut MessageId, &mut MessageCode);
    let changes: [Change; 5] = [
        |id, _| id.originator = Eui64::from_u64(0xA0),
        |id, _| id.target = Eui64::from_u64(0xA5),
        |id, _| id.counter = Counter(1),
        |id, _| id.cra = Cra::Alert,
        |_, code| *code = MessageCode(0x0070),
    ];
    for change in changes {
        assert_eq!(hear(&answer(&till, 2, change)), None);
    }
    assert_eq!(hear(&answer(&till, 3, |_, _| ())), None, "another's key");
    let mut forged = answer(&till, 2, |_, _| ());
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(hear(&forged), None);
    for octets in [&[][..], &[0xDD; 40]] {
        assert_eq!(hear(octets), None);
    }
    let done = Heard::Done(Done::default());
    assert_eq!(hear(&answer(&till, 2, |_, _| ())), Some((id, Wish::EmergencyCredit, done)));
}

#[test]
fn a_hub_that_never_takes_it_ends_a_request_and_one_that_was_silent_leaves_it_in_doubt() {
    let mut customer = customer();
    let (mut refused, mut silent) = (Till::default(), Till::default());
    for (till, outcome) in [(&mut refused, Outcome::NotSent), (&mut silent, Outcome::Silence)] {
        let id = begun(till, NOW);
        assert_eq!(till.due(NOW).unwrap().0, id);
        assert_eq!(Customer::settle(NOW, till, id, outcome), None);
        assert!(till.due(NOW).is_none(), "not at once");
        assert_eq!(till.timeout(true, None, WAIT), Some(NOW + RETRY_WAIT));
        assert!(till.due(NOW + RETRY_WAIT).is_some());
    }
    let end = NOW + HUB_WAIT;
    let heard = |event: Option<Event>| match event {
        Some(Event::Customer { heard, .. }) => Some(heard),
        _ => None,
    };
    assert_eq!(heard(customer.expired(end, &mut refused, None)), Some(Heard::Unreachable));
    assert_eq!(customer.expired(end, &mut silent, None), None, "the hub may have it");
    assert!(silent.due(end).is_none(), "it is not offered again");
    assert_eq!(heard(customer.expired(NOW + WAIT, &mut silent, None)), Some(Heard::NoAnswer));
    assert!(refused.gas.is_empty() && silent.gas.is_empty());
}

#[test]
fn counters_rise_when_the_clock_does_not_and_requests_are_few() {
    let mut till = Till::default();
    begun(&mut till, NOW);
    let first = till.counter;
    begun(&mut till, NOW);
    begun(&mut till, Time(0));
    assert_eq!(till.counter, first + 2);
    (3..MAX_REQUESTS).for_each(|_| _ = begun(&mut till, NOW));
    let more = customer().ask_gas(NOW, &RustCrypto, &mut till, &Action::EmergencyCredit(Fuel::Gas));
    assert_eq!(more, Err(NotBegun::Busy));
    assert_eq!(till.gas.len(), MAX_REQUESTS);
}

#[test]
fn the_record_reads_back_and_shows_no_utrn() {
    let digits = "7394156990786306048";
    let digits = alloc::format!("{digits}{}", gbcs::utrn::check_digit(digits.as_bytes()).unwrap());
    let top_up = Action::TopUp(Fuel::Gas, digits.parse().unwrap());
    let mut till = Till::default();
    customer().ask_gas(NOW, &RustCrypto, &mut till, &top_up).unwrap();
    let octets = handover::cbor::to_vec(&till);
    let back: Till = handover::cbor::from_slice(&octets).unwrap();
    assert_eq!(handover::cbor::to_vec(&back), octets);
    let shown = alloc::format!("{till:?} {top_up:?}");
    assert!(!shown.contains(&digits[..8]) && !shown.contains("message"), "{shown}");
}

#[test]
fn an_answer_of_the_electricity_meter_ends_the_request_it_answers_and_no_other() {
    let (mut customer, mut till) = (customer(), Till::default());
    let emergency = Action::EmergencyCredit(Fuel::Electricity);
    let asked = customer.ask_electricity(NOW, &mut till, 7, &emergency, None).unwrap();
    let frame = Frame::parse(&asked.zcl).unwrap();
    let refused = frame.default_response(Status::Failure);
    assert_eq!(customer.hear_electricity(cluster::METERING, &refused), None, "another cluster");
    let other = Frame { tsn: 8, ..frame }.default_response(Status::Failure);
    assert_eq!(customer.hear_electricity(cluster::PREPAYMENT, &other), None, "another question");
    let other = Frame { command: 9, ..frame }.default_response(Status::Failure);
    assert_eq!(customer.hear_electricity(cluster::PREPAYMENT, &other), None, "another command");
    assert_eq!(customer.hear_electricity(cluster::PREPAYMENT, &asked.zcl), None, "its own question");
    let heard = Heard::Refused(Status::Failure);
    let event = Event::Customer { id: asked.id, wish: Wish::EmergencyCredit, fuel: Fuel::Electricity, heard };
    assert_eq!(customer.hear_electricity(cluster::PREPAYMENT, &refused), Some(event));
    assert_eq!(customer.hear_electricity(cluster::PREPAYMENT, &refused), None, "once");
    let asked = customer.ask_electricity(NOW, &mut till, 9, &emergency, None).unwrap();
    assert_eq!(customer.timeout(), Some(NOW + ANSWER_WAIT));
    let heard = Heard::NoAnswer;
    let event = Event::Customer { id: asked.id, wish: Wish::EmergencyCredit, fuel: Fuel::Electricity, heard };
    assert_eq!(customer.expired(NOW + ANSWER_WAIT, &mut till, None), Some(event));
}
