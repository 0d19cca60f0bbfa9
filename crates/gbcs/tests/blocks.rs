//! General Block Transfer: whatever order, loss and repetition, the message comes out whole and once, or not at all.
use gbcs::block::{
    Block, BlockError, KeepLimits, Kept, Limits, MAX_BLOCK_LEN, Progress, Reassembler, SegmentError, Segments, parts,
};
use gbcs::envelope::SignatureField;
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId, MessageView, Route, Time};
use proptest::collection::vec;
use proptest::prelude::*;

const ID: MessageId = MessageId {
    originator: Eui64::from_u64(0xA1B2_C3D4_E5F6_0001),
    target: Eui64::from_u64(0xA1B2_C3D4_E5F7_00A0),
    cra: Cra::Command,
    counter: Counter(1000),
};
const CODE: MessageCode = MessageCode(0x0102);
const NOW: Time = Time(1_000_000);

fn message_of(id: MessageId, payload: Vec<u8>) -> Vec<u8> {
    let message = Message::plain(GroupingHeader::new(id, CODE), payload);
    Message { signature: SignatureField::Empty, mac: Some([7; 12]), ..message }.encode()
}

fn message(payload: usize) -> Vec<u8> {
    message_of(ID, (0..payload).map(|n| n as u8).collect())
}

fn blocks(message: &[u8], most: usize) -> Vec<Vec<u8>> {
    Segments::new(message, most).unwrap().behind(0).collect()
}

fn receive(receiver: &mut Reassembler, blocks: &[Vec<u8>]) -> Vec<Result<Progress, BlockError>> {
    blocks.iter().map(|block| receiver.receive(NOW, block)).collect()
}

#[test]
fn the_longest_command_known_goes_in_four_blocks() {
    let message = message(3885);
    let blocks = blocks(&message, MAX_BLOCK_LEN);
    // A header of 51 octets in front of 1149 of the 3949.
    assert_eq!(blocks.iter().map(Vec::len).collect::<Vec<_>>(), [1200, 1200, 1200, 51 + 3949 - 3 * 1149]);
    let mut receiver = Reassembler::new(Limits::default());
    let progress = receive(&mut receiver, &blocks);
    assert_eq!(progress[..3], [Ok(Progress::Incomplete), Ok(Progress::Incomplete), Ok(Progress::Incomplete)]);
    assert_eq!(progress[3], Ok(Progress::Complete(message)));
    assert_eq!(receiver.held(), 0);
    assert_eq!(receive(&mut receiver, &blocks[1..2]), [Ok(Progress::Duplicate)]);
}

#[test]
fn a_block_tells_what_a_hub_routes_by() {
    for (n, octets) in blocks(&message(300), 100).iter().enumerate() {
        let (block, route) = (Block::parse(octets).unwrap(), Route::parse(octets).unwrap());
        assert_eq!((block.id, block.other.code, usize::from(block.number)), (ID, CODE, n + 1));
        assert_eq!((route.id, route.code), (ID, CODE));
        assert_eq!(block.encode(), *octets);
        assert!(block.streaming && block.window == 63 && block.security == [0; 5]);
        for at in 0..octets.len() {
            assert!(Block::parse(&octets[..at]).is_err());
        }
    }
}

#[test]
fn lost_blocks_are_asked_for_so_often_and_no_more() {
    let message = message(500);
    let segments = Segments::new(&message, 100).unwrap();
    let blocks: Vec<_> = segments.behind(0).collect();
    let mut receiver = Reassembler::new(Limits { rounds: 2, ..Limits::default() });
    let last = blocks.len() - 1;
    receive(&mut receiver, &blocks[..3]);
    for round in 0..2 {
        let Ok(Progress::Missing { acknowledged: 3, request }) = receiver.receive(NOW, &blocks[last]) else {
            panic!("round {round}")
        };
        let request = Block::parse(&request).unwrap();
        assert_eq!((request.id, request.other.code, request.acknowledged), (ID.answer(), CODE, 3));
        // What the other side makes of it.
        let heard = Reassembler::new(Limits::default()).receive(NOW, &request.encode());
        assert_eq!(heard, Ok(Progress::Acknowledged { id: ID, number: 3 }));
        assert_eq!(segments.behind(request.acknowledged).collect::<Vec<_>>(), blocks[3..]);
    }
    let error = receiver.receive(NOW, &blocks[last]);
    assert_eq!(error, Err(BlockError::GivenUp { acknowledged: 3, rounds: 2 }));
    assert_eq!((receiver.held(), receiver.deadline()), (0, None));
}

#[test]
fn what_is_not_whole_in_time_is_dropped_and_told() {
    let limits = Limits::default();
    let mut receiver = Reassembler::new(limits);
    let blocks = blocks(&message(500), 100);
    receive(&mut receiver, &blocks[..2]);
    assert_eq!(receiver.deadline(), Some(NOW + limits.patience));
    let deadline = NOW + limits.lifetime;
    assert_eq!(receiver.poll(Time(deadline.0 - 1)), None);
    let expired = receiver.poll(deadline).unwrap();
    assert_eq!((expired.id, expired.code, expired.blocks), (ID, CODE, 2));
    assert_eq!((receiver.poll(deadline), receiver.deadline(), receiver.held()), (None, None, 0));
}

#[test]
fn a_last_block_that_never_came_is_asked_for_so_often_and_no_more() {
    let limits = Limits { rounds: 2, ..Limits::default() };
    let mut receiver = Reassembler::new(limits);
    let blocks = blocks(&message(500), 100);
    receive(&mut receiver, &blocks[..2]);
    let mut now = NOW;
    for _ in 0..2 {
        now = now + limits.patience;
        assert_eq!((receiver.ask(Time(now.0 - 1)), receiver.deadline()), (None, Some(now)));
        let request = receiver.ask(now).unwrap();
        let request = Block::parse(&request).unwrap();
        assert_eq!((request.id, request.other.code, request.acknowledged), (ID.answer(), CODE, 2));
        assert_eq!(receiver.ask(now), None);
    }
    assert_eq!((receiver.ask(now + limits.patience), receiver.deadline()), (None, Some(NOW + limits.lifetime)));
    let rest = receive(&mut receiver, &blocks[2..]);
    assert_eq!(rest.last(), Some(&Ok(Progress::Complete(message(500)))));
}

#[test]
fn what_went_out_is_kept_for_a_receiver_that_misses_some_of_it() {
    let limits = KeepLimits { messages: 2, octets: 2000, block: 100, rounds: 2, ..KeepLimits::default() };
    let mut kept = Kept::new(limits);
    let message = message(500);
    kept.keep(NOW, message.clone());
    let all = blocks(&message, 100);
    assert_eq!(parts(&message, 100).unwrap(), all);
    assert_eq!(kept.behind(NOW, &ID, 3), all[3..]);
    assert_eq!(kept.behind(NOW, &ID.answer(), 0), [] as [Vec<u8>; 0], "another message");
    assert_eq!(kept.behind(NOW, &ID, u16::MAX), [] as [Vec<u8>; 0]);
    assert_eq!(kept.behind(NOW, &ID, 0), [] as [Vec<u8>; 0], "asked for too often");
    let alert = MessageId { cra: Cra::Alert, ..ID };
    kept.keep(NOW, message_of(alert, vec![7; 300]));
    assert!(!kept.behind(NOW, &MessageId { cra: Cra::Response, ..ID }, 0).is_empty());
    kept.keep(NOW, message.clone());
    assert_eq!(kept.behind(NOW + limits.lifetime, &ID, 0), [] as [Vec<u8>; 0], "too late");
    // Bounded in number and octets; what is no message is not kept.
    kept.keep(NOW, vec![1, 2, 3]);
    for n in 0..1000 {
        kept.keep(NOW, message_of(MessageId { counter: Counter(n), ..ID }, vec![7; 1500]));
        assert!(kept.held() <= 2000);
    }
    assert_eq!(parts(&message, 1200), Ok(vec![message]));
}

#[test]
fn a_message_that_was_worth_nothing_is_taken_anew() {
    let mut receiver = Reassembler::new(Limits::default());
    let blocks = blocks(&message(500), 100);
    receive(&mut receiver, &blocks);
    assert_eq!(receive(&mut receiver, &blocks[..1]), [Ok(Progress::Duplicate)]);
    receiver.forget(&ID);
    assert_eq!(receive(&mut receiver, &blocks).last(), Some(&Ok(Progress::Complete(message(500)))));
}

#[test]
fn a_message_given_whole_is_forgotten_without_a_word() {
    let mut receiver = Reassembler::new(Limits::default());
    receive(&mut receiver, &blocks(&message(500), 100));
    let deadline = receiver.deadline().unwrap();
    assert_eq!((receiver.poll(deadline), receiver.deadline()), (None, None));
}

/// One block made of another.
fn changed(octets: &[u8], change: impl Fn(&mut Block<'_>)) -> Vec<u8> {
    let mut block = Block::parse(octets).unwrap();
    change(&mut block);
    block.encode()
}

#[test]
fn every_contradiction_is_refused_by_its_name() {
    let blocks = blocks(&message(500), 100);
    let fresh = || Reassembler::new(Limits { blocks: 40, ..Limits::default() });
    let after = |before: &[Vec<u8>], block: Vec<u8>| {
        let mut receiver = fresh();
        receive(&mut receiver, before);
        receiver.receive(NOW, &block).unwrap_err()
    };
    for number in [0, 41] {
        let error = after(&[], changed(&blocks[0], |block| block.number = number));
        assert_eq!(error, BlockError::Number { number, most: 40 });
    }
    let last = blocks.len() as u16;
    let behind = changed(&blocks[0], |block| block.number = last + 1);
    assert_eq!(after(&blocks[last as usize - 1..], behind), BlockError::BehindLast { number: last + 1 });
    let no_last = changed(&blocks[last as usize - 1], |block| block.last = false);
    assert_eq!(after(&blocks[last as usize - 1..], no_last), BlockError::BehindLast { number: last });
    let early = changed(&blocks[1], |block| block.last = true);
    assert_eq!(after(&blocks[..4], early), BlockError::BehindLast { number: 2 });
    let conflict = changed(&blocks[1], |block| block.data = &[1]);
    assert_eq!(after(&blocks[..4], conflict), BlockError::Conflict { number: 2 });
    let code = changed(&blocks[1], |block| block.other.code = MessageCode(1));
    assert_eq!(after(&blocks[..1], code), BlockError::Code { expected: CODE, found: MessageCode(1) });
    assert!(matches!(after(&[], vec![0xDD, 9]), BlockError::Malformed(_)));
    let single = changed(&blocks[0], |block| block.last = true);
    assert!(matches!(after(&[], single), BlockError::NoMessage(_)));
}

#[test]
fn a_message_under_the_headers_of_another_is_refused_and_dropped() {
    let other = MessageId { counter: Counter(1001), ..ID };
    let mut receiver = Reassembler::new(Limits::default());
    let forged: Vec<_> =
        blocks(&message(500), 100).iter().map(|block| changed(block, |block| block.id = other)).collect();
    let error = receive(&mut receiver, &forged).pop().unwrap();
    assert_eq!(error, Err(BlockError::OtherMessage { expected: other, found: ID }));
    assert_eq!((receiver.held(), receiver.deadline()), (0, None));
    let code = MessageCode(0x0103);
    let forged: Vec<_> =
        blocks(&message(500), 100).iter().map(|block| changed(block, |block| block.other.code = code)).collect();
    let error = receive(&mut receiver, &forged).pop().unwrap();
    assert_eq!(error, Err(BlockError::Code { expected: code, found: CODE }));
    assert_eq!(receiver.deadline(), None);
}

#[test]
fn memory_is_bounded_by_the_limits() {
    let limits = Limits { transfers: 2, message: 1000, ..Limits::default() };
    let mut receiver = Reassembler::new(limits);
    let of = |n: u64| message_of(MessageId { counter: Counter(n), ..ID }, vec![7; 2000]);
    for n in [1, 2] {
        let progress = receive(&mut receiver, &blocks(&of(n), 300)[..2]);
        assert_eq!(progress, [Ok(Progress::Incomplete), Ok(Progress::Incomplete)]);
    }
    // Of the first nothing came for longer: it makes room, and that is told.
    let later = NOW + std::time::Duration::from_secs(1);
    assert_eq!(receiver.receive(later, &blocks(&of(1), 300)[2]), Ok(Progress::Incomplete));
    assert_eq!(receiver.receive(later, &blocks(&of(3), 300)[0]), Ok(Progress::Incomplete));
    let ousted = receiver.poll(later).map(|gone| (gone.id.counter.0, gone.blocks));
    assert_eq!((ousted, receiver.poll(later)), (Some((2, 2)), None));
    assert_eq!(
        Reassembler::new(Limits { transfers: 0, ..limits }).receive(NOW, &blocks(&of(3), 300)[0]),
        Err(BlockError::Closed)
    );
    let progress = receive(&mut receiver, &blocks(&of(1), 300));
    assert!(progress.contains(&Err(BlockError::TooLong { most: 1000 })), "{progress:?}");
    assert!(receiver.held() <= 2000);
    // One that was given makes room.
    let mut receiver = Reassembler::new(Limits { transfers: 1, ..Limits::default() });
    receive(&mut receiver, &blocks(&message(300), 100));
    assert_eq!(receiver.receive(NOW, &blocks(&of(2), 300)[0]), Ok(Progress::Incomplete));
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let message = message(500);
    let first = blocks(&message, 100).remove(0);
    let header = Block { data: &[], ..Block::parse(&first).unwrap() }.encoded_len();
    assert!(Segments::new(&message, header + 3).is_ok());
    let error = Segments::new(&message, header).unwrap_err();
    assert_eq!(error, SegmentError::NoRoom { most: header, header });
    assert_eq!(Segments::new(&message, header + 2).unwrap_err(), SegmentError::TooManyBlocks(282));
    assert!(matches!(Segments::new(&[1, 2, 3], 1200), Err(SegmentError::NoMessage(_))));
    let plain = Message::plain(GroupingHeader::new(ID, CODE), vec![1; 100]).encode();
    assert_eq!(Segments::new(&plain, 1200).unwrap_err(), SegmentError::Unprotected);
    let one = Segments::new(&message, 60_000).unwrap();
    assert_eq!((one.len(), one.block(0), one.block(2)), (1, None, None));
}

proptest! {
    #[test]
    fn blocks_in_any_order_and_number_make_the_message_once(
        payload in vec(any::<u8>(), 0..3000),
        most in 80usize..1300,
        shuffle in vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let message = message_of(ID, payload);
        let Ok(segments) = Segments::new(&message, most) else { return Ok(()) };
        let mut all: Vec<_> = segments.behind(0).collect();
        prop_assert_eq!(all.len(), usize::from(segments.len()));
        prop_assert!(all.iter().all(|block| block.len() <= most));
        // Each at least once, some again, in any order.
        let again: Vec<_> = shuffle.iter().map(|index| all[index.index(all.len())].clone()).collect();
        all.extend(again);
        for (at, index) in shuffle.iter().enumerate() {
            let last = all.len() - 1;
            all.swap(at.min(last), index.index(last + 1));
        }
        let mut receiver = Reassembler::new(Limits { rounds: u8::MAX, ..Limits::default() });
        let mut whole = Vec::new();
        for block in &all {
            match receiver.receive(NOW, block) {
                Ok(Progress::Complete(octets)) => whole.push(octets),
                Ok(_) => {}
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
        prop_assert_eq!(whole, [message]);
    }

    #[test]
    fn with_any_loss_what_is_asked_for_makes_the_message(payload in vec(any::<u8>(), 0..3000), most in 120usize..600, lost: u64) {
        let message = message_of(ID, payload);
        let segments = Segments::new(&message, most).unwrap();
        let mut receiver = Reassembler::new(Limits::default());
        // Some blocks get lost on the first way, the last one never: nobody would ask for it.
        let mut on_the_way: Vec<_> = segments.behind(0).collect();
        let last = on_the_way.len() - 1;
        on_the_way = on_the_way.into_iter().enumerate().filter(|(n, _)| *n == last || lost >> (n % 64) & 1 == 0).map(|(_, block)| block).collect();
        let mut whole = None;
        while let Some(block) = (!on_the_way.is_empty()).then(|| on_the_way.remove(0)) {
            match receiver.receive(NOW, &block).unwrap() {
                Progress::Complete(octets) => whole = Some(octets),
                Progress::Missing { acknowledged, .. } => on_the_way.extend(segments.behind(acknowledged)),
                _ => {}
            }
        }
        prop_assert_eq!(whole, Some(message));
    }

    #[test]
    fn damaged_blocks_are_refused_or_kept_within_bounds(
        payload in vec(any::<u8>(), 0..1500), changes in vec(any::<(prop::sample::Index, prop::sample::Index, u8)>(), 1..20),
    ) {
        let limits = Limits { transfers: 2, message: 2000, ..Limits::default() };
        let mut receiver = Reassembler::new(limits);
        let mut all = blocks(&message_of(ID, payload), 200);
        for (which, at, octet) in changes {
            let block = which.index(all.len());
            let at = at.index(all[block].len());
            all[block][at] = octet;
        }
        for block in &all {
            if let Ok(read) = Block::parse(block) {
                prop_assert_eq!(&read.encode(), block);
            }
            if let Ok(Progress::Complete(octets)) = receiver.receive(NOW, block) {
                prop_assert!(MessageView::parse(&octets).is_ok());
            }
            prop_assert!(receiver.held() <= limits.transfers * limits.message);
        }
    }
}
