//! General Block Transfer at both meters: Commands in blocks are executed once or not at all, Responses in blocks come out whole.
use crate::home::*;
use crate::radio::Air;
use gbcs::block::{Block, BlockError, MAX_BLOCK_LEN, Progress, Reassembler, parts};
use gbcs::crypto::RustCrypto;
use gbcs::dlms::{Data, Obis, Row};
use gbcs::gbz::{Component, zcl};
use gbcs::{Counter, MessageCode, MessageView, Time};
use meter::{Event, Kind, Load, Meter, Refusal};
use proptest::prelude::*;
use std::time::Duration;

/// A Command in so many blocks: a text for the display of the electricity meter, as long as it takes; credit for the gas meter, cut small,
/// because what is long for it needs certificates.
fn command(home: &Home, kind: Kind, counter: u64, blocks: usize) -> Vec<Vec<u8>> {
    let (message, most) = match kind {
        Kind::Esme => {
            let text = Data::octets(vec![b'x'; blocks * 1149 - 600]);
            (home.dlms(0x0021, counter, [Row::set(1, Obis([0, 2, 96, 13, 1, 255]), 2, text)]), MAX_BLOCK_LEN)
        }
        Kind::Gsme => {
            let adjust = zcl::CreditAdjustment { issuer_event: 1, start: 0, kind: 0, value: 100_000 };
            let message = home.gbz(0x0086, counter, [Component::new(0, adjust)]);
            let most = 49 + message.len().div_ceil(blocks);
            (message, most)
        }
    };
    let parts = parts(&message, most).unwrap();
    assert_eq!(parts.len(), blocks);
    parts
}

/// Long enough for what the hub has to reach the meter.
fn a_while(kind: Kind) -> u64 {
    if kind == Kind::Esme { 60 } else { 1860 }
}

fn is_request(octets: &[u8], behind: u16) -> bool {
    Block::parse(octets).is_ok_and(|block| block.is_acknowledgement() && block.acknowledged == behind)
}

#[test]
fn a_command_in_blocks_is_executed_when_the_last_is_here_and_only_then() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let blocks = command(&home, Kind::Esme, 1, 3);
    for block in &blocks[..2] {
        assert_eq!(meter.handle_message(NOW, block), None);
    }
    assert!(drain(&mut meter).1.is_empty());
    let response = meter.handle_message(NOW, &blocks[2]).unwrap();
    assert_eq!(home.results(&response), [0]);
    // What is repeated of it, or all of it, changes nothing and is not even a refusal.
    for block in &blocks {
        assert_eq!(meter.handle_message(NOW, block), None);
    }
    let (_, events) = drain(&mut meter);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Executed { .. })).count(), 1);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Refused { .. })).count(), 0);
    assert_eq!(meter.blocks_held(), 0);
}

#[test]
fn a_missing_block_is_asked_for_through_the_hub_and_the_command_executed_when_it_came() {
    for kind in [Kind::Esme, Kind::Gsme] {
        let mut air = Air::new(kind);
        let blocks = command(&air.home, kind, 1, 3);
        air.command(blocks[0].clone());
        air.command(blocks[2].clone());
        air.run_for(60);
        assert_eq!(air.executed(), 0);
        assert!(is_request(&air.hub.received.pop().unwrap(), 1), "{kind:?}");
        air.command(blocks[1].clone());
        air.run_for(a_while(kind));
        assert_eq!((air.executed(), air.hub.received.len()), (1, 1), "{kind:?}: {:?}", air.events);
        assert!(MessageView::parse(&air.hub.received[0]).is_ok());
    }
}

#[test]
fn a_last_block_that_is_lost_is_asked_for_when_it_is_overdue() {
    for kind in [Kind::Esme, Kind::Gsme] {
        let mut air = Air::new(kind);
        let blocks = command(&air.home, kind, 1, 2);
        air.command(blocks[0].clone());
        air.run_for(60);
        assert!(air.hub.received.is_empty());
        air.run_for(3 * 3600);
        assert!(is_request(&air.hub.received[0], 1), "{kind:?}");
        // It is asked for three times, and given up after a day.
        air.run_for(6 * 3600);
        assert_eq!(air.hub.received.len(), 3);
        air.run_for(86_400);
        assert!(air.events.iter().any(|event| matches!(event, Event::BlocksLost { blocks: 1, .. })));
        assert_eq!((air.executed(), air.meter.blocks_held()), (0, 0));
    }
}

#[test]
fn a_power_cut_between_two_blocks_begins_anew_and_executes_once() {
    for kind in [Kind::Esme, Kind::Gsme] {
        let mut air = Air::new(kind);
        let blocks = command(&air.home, kind, 1, 3);
        air.run_for(2);
        air.command(blocks[0].clone());
        air.command(blocks[1].clone());
        air.run_for(60);
        air.restart();
        air.run_for(300);
        air.command(blocks[2].clone());
        air.run_for(a_while(kind));
        assert!(is_request(&air.hub.received.pop().unwrap(), 0), "{kind:?}");
        blocks.iter().for_each(|block| air.command(block.clone()));
        air.run_for(a_while(kind));
        assert_eq!((air.executed(), air.hub.received.len()), (1, 1), "{kind:?}: {:?}", air.events);
    }
}

/// A meter that lived long enough to have a profile that fits into no tunnel, and a Command that reads it.
fn profile(air: &mut Air) -> Vec<u8> {
    air.meter.set_load(Some(if air.meter.kind() == Kind::Esme { Load::ELECTRICITY } else { Load::GAS }));
    let end = Time(NOW.0 + 11 * 86_400_000);
    air.meter.handle_timeout(end);
    air.run_for(11 * 86_400 + 1900);
    match air.meter.kind() {
        Kind::Esme => {
            let row = &gbcs::catalogue::find(MessageCode(0x0036)).unwrap().rows[0];
            let row = Row::get_range(row.class, row.obis, row.index, 0, u32::MAX);
            let payload = gbcs::dlms::AccessRequest::new(Counter(7), [row]).encode();
            air.home.mac(&air.home.plain(Kind::Esme, NETWORK, 0x0036, 7, payload))
        }
        Kind::Gsme => {
            let get = zcl::GetSampledData { sample: 1, from: 0, kind: 0, samples: 480 };
            air.home.gbz(0x0078, 7, [Component::new(0, get)])
        }
    }
}

#[test]
fn a_long_response_goes_in_blocks_and_what_got_lost_of_it_is_sent_again() {
    for kind in [Kind::Esme, Kind::Gsme] {
        let mut air = Air::new(kind);
        let command = profile(&mut air);
        air.hub.received.clear();
        air.command(command);
        air.run_for(1900);
        assert!(air.hub.received.len() > 1, "{kind:?}: {:?}", air.events.last());
        assert!(air.hub.received.iter().all(|block| block.len() <= MAX_BLOCK_LEN && Block::parse(block).is_ok()));
        assert_eq!(air.meter.outbox_len(), 0);
        // The first block got lost on its way to the supplier.
        let mut reader = Reassembler::new(Default::default());
        let mut request = None;
        for block in air.hub.received.split_off(0).iter().skip(1) {
            if let Progress::Missing { request: octets, acknowledged } = reader.receive(air.now, block).unwrap() {
                assert_eq!(acknowledged, 0);
                request = Some(octets);
            }
        }
        air.command(request.unwrap());
        air.run_for(1900);
        let whole = air.hub.received.iter().find_map(|block| match reader.receive(air.now, block) {
            Ok(Progress::Complete(message)) => Some(message),
            _ => None,
        });
        let whole = whole.expect("the Response");
        let reader = if kind == Kind::Esme { NETWORK } else { SUPPLIER };
        assert_eq!(MessageView::parse(&whole).unwrap().id().target, reader);
        air.home.verify(&whole);
    }
}

#[test]
fn a_power_cut_between_two_blocks_of_a_response_loses_none_of_it() {
    let mut air = Air::new(Kind::Esme);
    let command = profile(&mut air);
    air.hub.received.clear();
    air.command(command);
    air.records.clear();
    air.run_for(60);
    // The last record of before the hub had all of it.
    let cut = air.records.iter().rfind(|record| air.after(record).outbox_len() == 1).unwrap().clone();
    let sent = air.hub.received.len();
    air.hub.received.truncate(1);
    air.stored = Some(cut);
    air.restart();
    air.run_for(600);
    assert_eq!(air.hub.received.len(), 1 + sent);
    let mut reader = Reassembler::new(Default::default());
    let whole =
        air.hub.received.iter().filter(|block| matches!(reader.receive(air.now, block), Ok(Progress::Complete(_))));
    assert_eq!((whole.count(), air.executed()), (1, 1));
}

#[test]
fn blocks_that_fit_nothing_are_refused_each_by_its_reason() {
    let home = Home::default();
    let blocks = command(&home, Kind::Esme, 5, 3);
    let refused = |first: &[Vec<u8>], octets: Vec<u8>| {
        let mut meter = home.meter(Kind::Esme);
        first.iter().for_each(|block| _ = meter.handle_message(NOW, block));
        assert_eq!(meter.handle_message(NOW, &octets), None);
        drain(&mut meter).1.into_iter().find_map(|event| match event {
            Event::Refused { refusal, .. } => Some(refusal),
            _ => None,
        })
    };
    let changed = |n: usize, change: &dyn Fn(&mut Block<'_>)| {
        let mut block = Block::parse(&blocks[n]).unwrap();
        change(&mut block);
        block.encode()
    };
    assert!(matches!(refused(&[], blocks[0][..60].to_vec()), Some(Refusal::Malformed(_))));
    assert_eq!(refused(&[], changed(0, &|block| block.id.target = GSME)), Some(Refusal::NotForUs(GSME)));
    let stranger = changed(0, &|block| block.id.originator = STRANGER);
    assert_eq!(refused(&[], stranger), Some(Refusal::UnknownOriginator(STRANGER)));
    let role = changed(0, &|block| block.id.originator = LOAD);
    assert!(matches!(refused(&[], role), Some(Refusal::Unauthorised { .. })));
    let conflict = changed(0, &|block| block.data = &[1, 2, 3]);
    let error = BlockError::Conflict { number: 1 };
    assert_eq!(refused(&blocks[..1], conflict), Some(Refusal::BadBlock(error)));
    let far = changed(0, &|block| block.number = 256);
    assert!(matches!(refused(&[], far), Some(Refusal::BadBlock(BlockError::Number { .. }))));
}

#[test]
fn a_wrong_block_slipped_in_costs_one_attempt_and_no_more() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let blocks = command(&home, Kind::Esme, 5, 2);
    let mut wrong = Block::parse(&blocks[0]).unwrap();
    let mut data = wrong.data.to_vec();
    *data.last_mut().unwrap() ^= 1;
    wrong.data = &data;
    let wrong = wrong.encode();
    for block in [&wrong, &blocks[0], &blocks[1]] {
        assert_eq!(meter.handle_message(NOW, block), None);
    }
    assert_eq!(meter.handle_message(NOW, &blocks[0]), None);
    assert!(meter.handle_message(NOW, &blocks[1]).is_some(), "the same Command again");
}

#[test]
fn half_finished_transfers_by_the_thousand_keep_memory_flat_and_leave_room_for_a_true_one() {
    for kind in [Kind::Esme, Kind::Gsme] {
        let home = Home::default();
        let mut meter = home.meter(kind);
        let hostile = command(&home, Kind::Esme, 1000, 7);
        for n in 0..2000 {
            let mut block = Block::parse(&hostile[n % hostile.len()]).unwrap();
            block.id.counter = Counter(1000 + n as u64 / 7);
            block.id.target = eui(kind);
            if kind == Kind::Gsme {
                block.other.code = MessageCode(0x0086);
            }
            meter.handle_message(Time(NOW.0 + n as u64), &block.encode());
            assert!(meter.blocks_held() < 40 * 1024, "{}", meter.blocks_held());
        }
        let (_, _) = drain(&mut meter);
        let responses: Vec<_> = command(&home, kind, 1, 3)
            .iter()
            .filter_map(|block| meter.handle_message(NOW + Duration::from_secs(10), block))
            .collect();
        assert_eq!(responses.len(), 1, "{kind:?}");
    }
}

proptest! {
    #[test]
    fn in_any_order_with_any_repetition_a_command_is_executed_at_most_once(
        order in prop::collection::vec(0..4_usize, 0..24),
    ) {
        let home = Home::default();
        let mut meter: Meter<RustCrypto> = home.meter(Kind::Esme);
        let blocks = command(&home, Kind::Esme, 1, 4);
        let responses = order.iter().filter_map(|n| meter.handle_message(NOW, &blocks[*n])).count();
        let all = (0..4).all(|n| order.contains(&n));
        // Whoever sends the last block again and again is asked three times what came before it.
        let patience = order.iter().filter(|n| **n == 3).count() < 4;
        prop_assert!(responses <= usize::from(all));
        prop_assert!(responses == usize::from(all) || !patience);
    }
}
