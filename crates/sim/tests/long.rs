//! Messages too long to go whole, each over an air that loses nothing and 5 % of all receptions: credentials for a meter by its display, full
//! logs of both meters to the WAN (han.md 9.3; GBCS 7.2.11).
mod common;

use common::*;
use comms_hub::Profile;
use gbcs::asn1::Replacement;
use gbcs::asn1::{
    Cell, CellStatus, CertificateDer, Content, CredentialsUpdate, Payload, ReplacementMode, UpdateControl,
};
use gbcs::block::{Block, Limits, MAX_BLOCK_LEN, Progress, Reassembler};
use gbcs::certificate::{KeyUsage, Role};
use gbcs::dlms::{AccessRequest, AccessResponse, Data, DateTime, Row};
use gbcs::gbz::{self, Component, zcl};
use gbcs::{Counter, Cra, Eui64, MessageCode, MessageView, Time};
use handover::Stage;
use meter::Kind;
use smki::{Authority, Branch, Organisation, Serial};

const LOSSES: [u32; 2] = [0, 5];
/// Half hours of thirteen months.
const FULL: usize = 395 * 48;

fn plan(loss: u32, past: usize) -> Plan {
    Plan { loss, seed: 7 + u64::from(loss), past, ..Plan::new(Profile::Secmp0038) }
}

/// Whether the last that came is the last block of what a device says under this counter.
fn ends(world: &World, device: Eui64, counter: u64) -> bool {
    let is_end = |block: Block<'_>| block.last && (block.id.originator, block.id.counter) == (device, Counter(counter));
    world.wan.last().and_then(|octets| Block::parse(octets).ok()).is_some_and(is_end)
}

/// The DCC puts a Response together whose blocks came; the one of this number it never got. How many there were, and the Response.
fn response(world: &mut World, device: Eui64, counter: u64, lost: u16) -> (usize, Vec<u8>) {
    let of_it = |octets: &Vec<u8>| {
        assert!(octets.len() <= MAX_BLOCK_LEN, "nothing longer than a block comes");
        let block = Block::parse(octets).ok().filter(|block| !block.is_acknowledgement())?;
        ((block.id.originator, block.id.counter) == (device, Counter(counter))).then_some(block.number)
    };
    let mut reader = Reassembler::new(Limits { message: 300 * 1024, ..Limits::default() });
    let mut asked = None;
    let mut blocks = 0;
    for octets in world.wan.split_off(0) {
        let Some(number) = of_it(&octets) else { continue };
        blocks += 1;
        match (number == lost).then_some(Progress::Incomplete).map_or_else(|| reader.receive(world.now(), &octets), Ok)
        {
            Ok(Progress::Missing { request, acknowledged }) => {
                assert_eq!(acknowledged, lost - 1);
                asked = Some(request);
            }
            taken => assert_eq!(taken, Ok(Progress::Incomplete)),
        }
    }
    world.wan_brings(&asked.expect("a request for what is missing"));
    world.wait(2 * HOUR, "the block again", |world| world.wan.last().and_then(of_it) == Some(lost));
    let again = world.wan.pop().unwrap();
    match reader.receive(world.now(), &again) {
        Ok(Progress::Complete(message)) => (blocks, message),
        other => panic!("{other:?}"),
    }
}

/// CS02b: the supplier hands its meter over to another, by three certificates and what leads from them to their root.
fn change_of_supplier(counter: u64) -> Vec<u8> {
    const OTHER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0001);
    let (branch, serial) = (Branch::Organisation, |n: u8| Serial::Long([n; 16]));
    let (root, _) = Authority::root(branch, "ROOT", &key(50), serial(1), START).unwrap();
    let (issuing, issuer) = root.issuing(branch, "ISSUING", &key(51), serial(2), START).unwrap();
    let cells = [
        Cell::new(Role::Supplier, KeyUsage::DigitalSignature),
        Cell::new(Role::Supplier, KeyUsage::KeyAgreement),
        Cell::PREPAYMENT_TOP_UP,
    ];
    let replacements = (3..).zip(cells).map(|(n, cell)| {
        let whose =
            Organisation { name: "OTHER", role: Role::Supplier, eui: OTHER, usage: cell.usage.usage().unwrap() };
        let certificate = issuing.organisation(whose, key(50 + n).public(), serial(n), START).unwrap();
        Replacement { certificate: CertificateDer::new(certificate).unwrap(), cell }
    });
    let authorising = Cell::new(Role::Supplier, KeyUsage::DigitalSignature);
    let control = UpdateControl::new(ReplacementMode::SupplierBySupplier, authorising, Counter(counter));
    let path = vec![CertificateDer::new(issuer).unwrap()];
    let update = CredentialsUpdate::new(control, replacements.collect(), path);
    command(Kind::Esme, 0x0102, counter, Payload::from(Content::UpdateCredentials(Box::new(update))).encode())
}

#[test]
fn a_change_of_supplier_of_many_certificates_comes_by_the_ppmid_whole_and_is_executed_once() {
    for loss in LOSSES {
        let mut world = World::new(plan(loss, 0)).connected();
        let command = change_of_supplier(100);
        assert!(command.len() > MAX_BLOCK_LEN, "{} octets", command.len());
        let delivery = world.release(&command);
        world.wait(1800, "a Response", |world| !world.got_from(ESME, Cra::Response).is_empty());
        world.wait(900, "a receipt", |world| world.reached(delivery, Stage::OnHan));
        world.run_for(1800);
        assert_eq!((world.executions(ESME, 100), world.refusals(ESME, 100)), (1, 0), "{loss} %");
        assert_eq!(world.got_from(ESME, Cra::Response).len(), 1, "{loss} %");
        let is_it = |octets: &&Vec<u8>| MessageView::parse(octets).is_ok_and(|view| view.cra() == Cra::Response);
        let response = world.wan.iter().find(is_it).unwrap();
        assert!(world.verifies(Kind::Esme, response), "{loss} %");
        let view = MessageView::parse(response).unwrap();
        let payload = Payload::parse(MessageCode(0x0102), Cra::Response, view.payload()).unwrap();
        let Content::CredentialsUpdated(outcome) = payload.content() else { panic!("{payload:?}") };
        assert_eq!(outcome.cells.iter().map(|cell| cell.status).collect::<Vec<_>>(), [CellStatus::Success; 3]);
        // The old supplier is a stranger from now on.
        world.wan_brings(&electricity_credit(101, 10_000));
        world.run_for(600);
        assert_eq!(world.executions(ESME, 101), 0, "{loss} %");
        world.check_capture(&[]);
    }
}

/// ECS22b: a protected read of the profile of half hours, all there is.
fn profile_read(counter: u64) -> Vec<u8> {
    let mut transaction = vec![4];
    transaction.extend(Counter(counter).octets());
    let key = Data::structure([Data::Enum(2), Data::structure([Data::octets([2]), Data::octets([])])]);
    let [supplier, meter] = [SUPPLIER, ESME].map(|eui| Data::octets(eui.octets()));
    let inner = Data::structure([Data::octets(transaction), supplier, meter, Data::octets([]), key]);
    let all = Data::structure([Time(START.0 - 400 * 86_400_000), START].map(|time| Data::octets(DateTime::at(time).0)));
    let wanted = Data::structure([
        Data::LongUnsigned(7),
        Data::octets([0, 0, 99, 1, 0, 255]),
        Data::Integer(2),
        Data::LongUnsigned(0),
        Data::structure([Data::Enum(1), all]),
    ]);
    let request = Data::structure([Data::array([wanted]), Data::array([Data::structure([Data::Enum(2), inner])])]);
    let row = &gbcs::catalogue::find(MessageCode(0x0037)).unwrap().rows[0];
    let rows = [Row::action(row.class, row.obis, row.index, request)];
    command(Kind::Esme, 0x0037, counter, AccessRequest::new(Counter(counter), rows).encode())
}

#[test]
fn a_full_profile_of_the_electricity_meter_goes_to_the_wan_in_many_blocks_and_a_lost_one_is_sent_again() {
    for loss in LOSSES {
        let mut world = World::unobserved(plan(loss, FULL)).connected();
        world.release(&profile_read(100));
        let begin = world.now();
        world.wait(DAY, "a Response", |world| ends(world, ESME, 100));
        let took = world.now().since(begin).as_secs();
        let (blocks, whole) = response(&mut world, ESME, 100, 100);
        println!("{loss} %: {blocks} blocks, {} octets, {took} s", whole.len());
        assert!(blocks > 100 && world.verifies(Kind::Esme, &whole), "{loss} %: {blocks} blocks");
        let payload = MessageView::parse(&whole).unwrap().payload().to_vec();
        let answers = AccessResponse::parse(&payload).unwrap().answers;
        let [_, Data::OctetString(blob)] = answers[0].data.as_structure().unwrap() else { panic!() };
        let plain = world.decrypted(Kind::Esme, &whole, blob);
        let [Data::CompactArray(log)] = plain.as_structure().unwrap() else { panic!() };
        assert_eq!(log.values().len(), FULL, "{loss} %");
        assert_eq!(world.executions(ESME, 100), 1, "{loss} %");
        // Whoever comes behind is served.
        world.wait(900, "a nonce", |world| world.has_nonce());
        world.release(&electricity_credit(101, 10_000));
        world.wait(1800, "an execution", |world| world.executions(ESME, 101) == 1);
    }
}

#[test]
fn a_long_log_of_the_gas_meter_is_fetched_by_its_mailbox_and_put_in_blocks_and_a_lost_one_is_sent_again() {
    for loss in LOSSES {
        let mut world = World::unobserved(plan(loss, FULL)).connected();
        let get = zcl::GetSampledData { sample: 1, from: 0, kind: 0, samples: FULL as u16 };
        world.release(&command(Kind::Gsme, 0x0078, 100, gbz::Payload::new([Component::new(0, get)]).encode()));
        let begin = world.now();
        world.wait(2 * DAY, "a Response", |world| ends(world, GSME, 100));
        let took = world.now().since(begin).as_secs();
        let (blocks, whole) = response(&mut world, GSME, 100, 40);
        println!("{loss} %: {blocks} blocks, {} octets, {took} s", whole.len());
        assert!(blocks > 40 && world.verifies(Kind::Gsme, &whole), "{loss} %: {blocks} blocks");
        assert_eq!(world.executions(GSME, 100), 1, "{loss} %");
        world.wan_brings(&gas_credit(101, 10_000));
        world.wait(2 * HOUR, "an execution", |world| world.executions(GSME, 101) == 1);
    }
}
