//! What an electricity meter says to the displays of its home, what a customer may do there, and whom it refuses.
use crate::home::*;
use crate::year::{DAY_RATE, NIGHT_RATE, STANDING, tariff};
use gbcs::crypto::RustCrypto;
use gbcs::gbz::zcl::{self, Body, CLUSTER_SPECIFIC, ClusterCommand, Command, FROM_SERVER, ZclString};
use gbcs::utrn::Credit;
use gbcs::{Cra, Eui64, MessageCode, MessageView, Time};
use han::mac::{PanId, ShortAddress};
use han::node::{FrameCounters, Peer, Role, Timing};
use han::zcl::attributes::{ReadAttributes, ReadAttributesResponse, ReportAttributes};
use han::zcl::display::{LocalChangeSupply, MessageConfirmation, ask, cluster, credit_status, metering, prepayment};
use han::zcl::{Direction, Frame, Status, global};
use han::{Datagram, Key, Node, NodeConfig, SMART_ENERGY};
use meter::{Energy, Event, Kind, Meter, Output, RadioConfig};
use proptest::prelude::*;
use std::time::Duration;

const HUB: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A2);
const IHD: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A8);
/// Shares a link key with the meter, and never joined it.
const NOBODY: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A9);

const CLUSTERS: [u16; 5] =
    [cluster::PRICE, cluster::METERING, cluster::MESSAGING, cluster::PREPAYMENT, cluster::CALENDAR];

fn peer(eui: Eui64) -> Peer {
    let short = if eui == HUB { 0 } else { 0x0A00 | u16::from(eui.octets()[7]) };
    Peer { eui, short: ShortAddress(short), link_key: Some(Key::new([eui.octets()[7]; 16])), sleepy_child: false }
}

fn node(eui: Eui64, peers: Vec<Peer>) -> NodeConfig {
    NodeConfig {
        eui,
        short: peer(eui).short,
        pan: PanId(0x1A62),
        role: Role::Router,
        network_key: Key::new([0x11; 16]),
        network_key_sequence: 0,
        peers,
        endpoints: vec![1],
        timing: Timing::default(),
        counters: FrameCounters::default(),
    }
}

/// An electricity meter and three devices that share a link key with it.
struct Air {
    home: Home,
    meter: Meter<RustCrypto>,
    displays: Vec<(Eui64, Node)>,
    heard: Vec<(Eui64, u16, Vec<u8>)>,
    events: Vec<Event>,
    counter: u64,
    now: Time,
}

impl Air {
    fn new() -> Self {
        let home = Home::default();
        let mut config = home.config(Kind::Esme);
        config.joined = vec![(PPMID, 5), (IHD, 6), (HCALCS, 4)];
        let listed = [HUB, PPMID, IHD, NOBODY, HCALCS];
        config.radio = Some(RadioConfig::new(node(ESME, listed.map(peer).to_vec()), HUB));
        let link = |eui| {
            // The link key is that of the pair: the display's number.
            let esme = Peer { eui: ESME, short: peer(ESME).short, ..peer(eui) };
            (eui, Node::new(node(eui, vec![esme])))
        };
        let meter = Meter::new(config, RustCrypto, None).unwrap();
        let displays = [PPMID, IHD, NOBODY, HCALCS].map(link).into();
        let mut air = Self { home, meter, displays, heard: vec![], events: vec![], counter: 0, now: NOW };
        air.meter.handle_timeout(NOW);
        air.run_for(1);
        air
    }

    fn run_for(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            let mut due: Vec<Time> = Vec::new();
            let mut frames = Vec::new();
            loop {
                match self.meter.poll() {
                    Output::Timeout(at) => break due.extend(at),
                    Output::Transmit(frame) => frames.push(frame),
                    Output::Event(event) => self.events.push(event),
                    Output::Persist(_) => {}
                }
            }
            let mut answers = Vec::new();
            for (eui, node) in &mut self.displays {
                frames.iter().for_each(|frame| node.handle_frame(self.now, frame));
                loop {
                    match node.poll() {
                        han::node::Output::Timeout(at) => break due.extend(at),
                        han::node::Output::Transmit(frame) => answers.push(frame),
                        han::node::Output::Received(d) => self.heard.push((*eui, d.cluster, d.payload)),
                        _ => {}
                    }
                }
            }
            answers.iter().for_each(|frame| self.meter.handle_frame(self.now, frame));
            if !frames.is_empty() || !answers.is_empty() {
                continue;
            }
            match due.into_iter().min().filter(|due| *due <= end) {
                Some(due) => self.now = due.max(self.now),
                None => break,
            }
            self.meter.handle_timeout(self.now);
            self.displays.iter_mut().for_each(|(_, node)| node.handle_timeout(self.now));
        }
        self.now = end;
    }

    /// Send a frame to the meter; what came back to the sender.
    fn say(&mut self, from: Eui64, cluster: u16, frame: &Frame<'_>) -> Vec<Vec<u8>> {
        self.heard.clear();
        let datagram = Datagram {
            peer: ESME,
            profile: SMART_ENERGY,
            cluster,
            src_endpoint: 1,
            dst_endpoint: 1,
            payload: frame.to_vec(),
        };
        let (_, node) = self.displays.iter_mut().find(|(eui, _)| *eui == from).unwrap();
        node.send(self.now, datagram);
        self.run_for(1);
        let answers = self.heard.iter().filter(|(eui, of, zcl)| (*eui, *of, zcl[1]) == (from, cluster, frame.tsn));
        answers.map(|(_, _, zcl)| zcl.clone()).collect()
    }

    fn ask(&mut self, from: Eui64, cluster: u16, command: u8, payload: &[u8]) -> Vec<Vec<u8>> {
        self.say(from, cluster, &question(true, command, payload))
    }

    /// The status of the Default Response to a command.
    fn status(&mut self, from: Eui64, cluster: u16, command: u8, payload: &[u8]) -> Status {
        let answers = self.ask(from, cluster, command, payload);
        let answer = Frame::parse(answers.first().expect("an answer")).unwrap().as_default_response().unwrap();
        assert_eq!((answers.len(), answer.command), (1, command));
        answer.status
    }

    /// The commands that answer one.
    fn published(&mut self, from: Eui64, cluster: u16, command: u8, payload: &[u8]) -> Vec<Command> {
        self.ask(from, cluster, command, payload).iter().map(|zcl| command_of(cluster, zcl)).collect()
    }

    fn read(&mut self, from: Eui64, cluster: u16, ids: &[u16]) -> Vec<Option<i64>> {
        let mut payload = Vec::new();
        ReadAttributes(ids.to_vec()).encode(&mut payload);
        let answers = self.say(from, cluster, &question(false, global::READ_ATTRIBUTES, &payload));
        let frame = Frame::parse(&answers[0]).unwrap();
        assert_eq!(frame.command, global::READ_ATTRIBUTES_RESPONSE);
        let ReadAttributesResponse(records) = ReadAttributesResponse::parse(frame.payload).unwrap();
        assert_eq!(records.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
        let number = |octets: &[u8]| octets.iter().rev().fold(0, |n, octet| n << 8 | i64::from(*octet));
        records.iter().map(|(_, value)| value.ok().map(|value| number(value.octets()))).collect()
    }

    fn supplier(&mut self, code: u16, rows: impl Into<Vec<gbcs::dlms::Row>>) {
        self.counter += 1;
        let command = self.home.dlms(code, self.counter, rows);
        self.meter.handle_message(self.now, &command).expect("a Response");
        self.heard.clear();
        self.run_for(1);
    }

    /// What a display was told unasked since the last time.
    fn told(&mut self, to: Eui64) -> Vec<(u16, Vec<u8>)> {
        std::mem::take(&mut self.heard).into_iter().filter(|h| h.0 == to).map(|h| (h.1, h.2)).collect()
    }

    fn lines(&self, code: u16) -> usize {
        let logs = self.meter.event_log().iter().chain(self.meter.security_log().iter());
        logs.filter(|entry| entry.code == code).count()
    }
}

fn question<'a>(cluster_specific: bool, command: u8, payload: &'a [u8]) -> Frame<'a> {
    Frame {
        cluster_specific,
        manufacturer: None,
        direction: Direction::ToServer,
        disable_default_response: false,
        tsn: 77,
        command,
        payload,
    }
}

fn command_of(cluster: u16, zcl: &[u8]) -> Command {
    let frame = Frame::parse(zcl).unwrap();
    match Body::parse(cluster, CLUSTER_SPECIFIC | FROM_SERVER, frame.command, frame.payload) {
        Body::Cluster(command) => command,
        other => panic!("{other:?}"),
    }
}

fn payload<C: ClusterCommand>(command: C) -> Vec<u8> {
    let mut octets = Vec::new();
    command.into().encode(&mut octets);
    octets
}

fn top_up(digits: &str) -> Vec<u8> {
    payload(zcl::ConsumerTopUp { originating_device: 2, code: ZclString::new(digits.as_bytes()).unwrap() })
}

fn emergency_credit() -> Vec<u8> {
    payload(zcl::SelectAvailableEmergencyCredit { issue_time: 0, originating_device: 2 })
}

fn message(text: &[u8]) -> [gbcs::dlms::Row; 1] {
    [gbcs::dlms::Row::set(1, gbcs::dlms::Obis([0, 2, 96, 13, 1, 255]), 2, gbcs::dlms::Data::octets(text))]
}

#[test]
fn a_display_reads_balance_mode_debt_supply_and_register() {
    let mut air = Air::new();
    air.supplier(0x001C, adjust_balance(250_000));
    air.meter.handle_energy(air.now, Energy::import(1_234));
    for display in [PPMID, IHD] {
        let ids = [
            prepayment::PAYMENT_CONTROL,
            prepayment::CREDIT_REMAINING,
            prepayment::EMERGENCY_CREDIT_REMAINING,
            prepayment::CREDIT_STATUS,
            prepayment::ACCUMULATED_DEBT,
            prepayment::DEBT_1,
            0x7777,
        ];
        let status = credit_status::CREDIT_OK | credit_status::EMERGENCY_ENABLED;
        let expected = [Some(0x0897), Some(250_000), Some(1_000_000), Some(status.into()), Some(0), Some(0), None];
        assert_eq!(air.read(display, cluster::PREPAYMENT, &ids), expected);
        let ids = [metering::SUMMATION, metering::SUPPLY_STATUS, metering::DIVISOR, metering::INSTANTANEOUS_DEMAND];
        assert_eq!(air.read(display, cluster::METERING, &ids), [Some(1_234), Some(2), Some(1_000), Some(0)]);
    }
    air.run_for(1_800);
    let demand = air.read(IHD, cluster::METERING, &[metering::INSTANTANEOUS_DEMAND, 0x0401]);
    assert_eq!(demand, [Some(2 * 1_234), Some(1_234)], "watts over the half hour, and the day so far");
    let too_many: Vec<u16> = (0..17).collect();
    let mut payload = Vec::new();
    ReadAttributes(too_many).encode(&mut payload);
    let answers = air.say(PPMID, cluster::PREPAYMENT, &question(false, global::READ_ATTRIBUTES, &payload));
    let frame = Frame::parse(&answers[0]).unwrap();
    assert_eq!(ReadAttributesResponse::parse(frame.payload).unwrap().0.len(), 16, "no more at a time");
}

#[test]
fn a_display_asks_for_price_tariff_and_calendar() {
    let mut air = Air::new();
    assert_eq!(air.status(IHD, cluster::CALENDAR, ask::CALENDAR, &[]), Status::NotFound, "none yet");
    air.supplier(0x0019, tariff());
    // At midnight the night rate holds, which began at 23:00.
    let price = air.published(IHD, cluster::PRICE, ask::CURRENT_PRICE, &[1]);
    let Command::PublishPrice(price) = &price[0] else { panic!("{price:?}") };
    assert_eq!((price.price, price.price_digits_and_tier, price.currency), (NIGHT_RATE as u32, 0x52, 826));
    let information = air.published(IHD, cluster::PRICE, ask::TARIFF_INFORMATION, &[0; 10]);
    let Command::PublishTariffInformation(information) = &information[0] else { panic!() };
    assert_eq!((information.standing_charge, information.price_tiers), (STANDING as u32, 2));
    let matrix = air.published(IHD, cluster::PRICE, ask::PRICE_MATRIX, &[1, 0, 0, 0]);
    let [Command::PublishPriceMatrix(matrix)] = &matrix[..] else { panic!("{matrix:?}") };
    let prices: Vec<_> = matrix.prices.iter().map(|price| (price.tier_block, price.price)).collect();
    assert_eq!(prices, [(1, DAY_RATE as u32), (2, NIGHT_RATE as u32)]);
    let read = air.read(IHD, cluster::PRICE, &[0x0301, 0x0410, 0x0420, 0x0616]);
    assert_eq!(read, [STANDING, DAY_RATE, NIGHT_RATE, 826].map(|n| Some(i64::from(n))));
    assert_eq!(air.status(IHD, cluster::PRICE, ask::BLOCK_THRESHOLDS, &[1, 0, 0, 0]), Status::NotFound);

    let calendar = air.published(IHD, cluster::CALENDAR, ask::CALENDAR, &[]);
    let Command::PublishCalendar(calendar) = &calendar[0] else { panic!() };
    assert_eq!((calendar.seasons, calendar.weeks, calendar.days), (1, 1, 1));
    let id = calendar.calendar;
    let get = payload(zcl::GetDayProfiles { provider: 0, calendar: id, start: 1, count: 0 });
    let days = air.published(IHD, cluster::CALENDAR, ask::DAY_PROFILES, &get);
    let [Command::PublishDayProfile(day)] = &days[..] else { panic!("{days:?}") };
    let entries: Vec<_> = day.entries.iter().map(|entry| (entry.minutes, entry.tier)).collect();
    assert_eq!(entries, [(7 * 60, 1), (23 * 60, 2)]);
    let get = payload(zcl::GetWeekProfiles { provider: 0, calendar: id, start: 1, count: 0 });
    let weeks = air.published(IHD, cluster::CALENDAR, ask::WEEK_PROFILES, &get);
    assert!(matches!(&weeks[..], [Command::PublishWeekProfile(week)] if week.days == [1; 7]));
    let get = payload(zcl::GetSeasons { provider: 0, calendar: id });
    let seasons = air.published(IHD, cluster::CALENDAR, ask::SEASONS, &get);
    let [Command::PublishSeasons(seasons)] = &seasons[..] else { panic!() };
    let start = seasons.seasons[0].start;
    assert_eq!((start.year, start.month, start.day), (0xFF, 1, 1));
    let other = payload(zcl::GetSeasons { provider: 0, calendar: 99 });
    assert_eq!(air.status(IHD, cluster::CALENDAR, ask::SEASONS, &other), Status::NotFound);
    assert_eq!(air.status(IHD, cluster::CALENDAR, ask::SEASONS, &[1]), Status::MalformedCommand);
}

#[test]
fn a_price_that_changes_is_published_and_credit_and_supply_are_reported() {
    let mut air = Air::new();
    air.supplier(0x0019, tariff());
    for display in [PPMID, IHD] {
        let heard = air.heard.iter().filter(|(to, of, _)| (*to, *of) == (display, cluster::PRICE)).count();
        assert_eq!(heard, 1, "{display}");
    }
    assert!(air.told(HCALCS).is_empty(), "a switch is no display");
    // The day rate begins at 07:00.
    air.run_for(7 * 3600);
    let prices = air.told(PPMID).into_iter().filter(|(of, _)| *of == cluster::PRICE);
    let prices: Vec<_> = prices.map(|(of, zcl)| command_of(of, &zcl)).collect();
    assert!(matches!(&prices[..], [Command::PublishPrice(price)] if price.price == DAY_RATE as u32), "{prices:?}");

    air.run_for(120);
    air.supplier(0x001C, adjust_balance(250_000));
    let credit = |told: &[(u16, Vec<u8>)]| told.iter().filter(|(of, _)| *of == cluster::PREPAYMENT).count();
    let told = air.told(PPMID);
    assert_eq!(credit(&told), 1);
    let frame = Frame::parse(&told[0].1).unwrap();
    assert_eq!(frame.command, global::REPORT_ATTRIBUTES);
    let ReportAttributes(report) = ReportAttributes::parse(frame.payload).unwrap();
    let balance = report.iter().find(|(id, _)| *id == prepayment::CREDIT_REMAINING).unwrap().1;
    assert_eq!(balance.octets(), 250_000i32.to_le_bytes());
    air.supplier(0x001C, adjust_balance(1));
    assert_eq!(credit(&air.told(PPMID)), 0, "once a minute is enough");
    air.supplier(0x0050, script(52));
    let told = air.told(PPMID);
    assert!(told.iter().any(|(of, _)| *of == cluster::METERING), "supply is told at once: {told:?}");
}

#[test]
fn a_message_is_shown_on_arrival_and_its_confirmation_is_told_to_the_supplier_once() {
    let mut air = Air::new();
    assert_eq!(air.status(PPMID, cluster::MESSAGING, ask::LAST_MESSAGE, &[]), Status::NotFound);
    air.supplier(0x0021, message(b"Your engineer comes on Monday"));
    let told = air.told(IHD);
    let [(cluster::MESSAGING, zcl)] = &told[..] else { panic!("{told:?}") };
    let Command::DisplayMessage(shown) = command_of(cluster::MESSAGING, zcl) else { panic!() };
    assert_eq!(shown.text.octets(), b"Your engineer comes on Monday");
    assert_ne!(shown.control & 0x80, 0, "to be confirmed");
    let asked = air.published(PPMID, cluster::MESSAGING, ask::LAST_MESSAGE, &[]);
    assert_eq!(asked, [Command::DisplayMessage(shown.clone())]);

    let confirm = |message: u32| {
        let mut octets = Vec::new();
        MessageConfirmation { message, time: 1 }.encode(&mut octets);
        octets
    };
    let other = air.status(PPMID, cluster::MESSAGING, ask::CONFIRM_MESSAGE, &confirm(shown.message + 1));
    assert_eq!(other, Status::NotFound);
    assert_eq!(air.status(PPMID, cluster::MESSAGING, ask::CONFIRM_MESSAGE, &[1]), Status::MalformedCommand);
    for _ in 0..2 {
        let done = air.status(PPMID, cluster::MESSAGING, ask::CONFIRM_MESSAGE, &confirm(shown.message));
        assert_eq!(done, Status::Success);
    }
    let alerts = air.meter.outbox().filter(|octets| MessageView::parse(octets).is_ok_and(|v| v.cra() == Cra::Alert));
    assert_eq!((alerts.count(), air.lines(0x81A6)), (1, 1));
    // It stays confirmed when the meter's power fails, and another message is another one.
    let state = air.meter.state();
    air.meter = Meter::new(air.home.config(Kind::Esme), RustCrypto, Some(&state)).unwrap();
    assert_eq!(air.meter.state(), state);
}

#[test]
fn a_utrn_entered_at_a_ppmid_is_credited_once_and_logged() {
    let mut air = Air::new();
    let digits = air.home.utrn(Kind::Esme, 3, Credit::Pounds(10));
    let asked = air.published(PPMID, cluster::PREPAYMENT, ask::TOP_UP, &top_up(&digits));
    let answer = |result, value, credit_remaining| {
        Command::ConsumerTopUpResponse(zcl::ConsumerTopUpResponse { result, value, source: 2, credit_remaining })
    };
    assert_eq!(asked, [answer(0, 1_000_000, 1_000_000)]);
    assert_eq!(air.lines(0x8154), 1);
    assert_eq!(air.meter.event_log().iter().next().unwrap().message_code(), MessageCode(0x0116));
    assert!(air.events.contains(&Event::Asked { by: PPMID, code: MessageCode(0x0116), done: true }));
    let again = air.published(PPMID, cluster::PREPAYMENT, ask::TOP_UP, &top_up(&digits));
    assert_eq!(again, [answer(2, -1, -1)], "a duplicate");
    let wrong = air.published(PPMID, cluster::PREPAYMENT, ask::TOP_UP, &top_up("00000000000000000000"));
    assert_eq!(wrong, [answer(1, -1, -1)]);
    assert_eq!((air.lines(0x8155), register(&air.meter, "meter balance").as_str()), (2, "10.00"));
    assert_eq!(air.status(PPMID, cluster::PREPAYMENT, ask::TOP_UP, &[2, 20]), Status::MalformedCommand);
}

#[test]
fn emergency_credit_and_armed_supply_are_turned_on_at_a_ppmid() {
    let mut air = Air::new();
    let select =
        |air: &mut Air| air.status(PPMID, cluster::PREPAYMENT, ask::SELECT_EMERGENCY_CREDIT, &emergency_credit());
    let turn_on = |air: &mut Air, status| {
        let mut payload = Vec::new();
        LocalChangeSupply { status }.encode(&mut payload);
        air.status(PPMID, cluster::METERING, ask::LOCAL_CHANGE_SUPPLY, &payload)
    };
    assert_eq!(turn_on(&mut air, LocalChangeSupply::ON), Status::Failure, "it is on");
    air.meter.consume(air.now, 100);
    assert_eq!(select(&mut air), Status::Success);
    assert_eq!(select(&mut air), Status::Success, "active is active");
    let status = air.read(PPMID, cluster::METERING, &[metering::SUPPLY_STATUS]);
    assert_eq!(status, [Some(1)], "armed: supply comes back when somebody is there");
    for other in [0, 1, 3] {
        assert_eq!(turn_on(&mut air, other), Status::InvalidField, "only on: {other}");
    }
    assert_eq!(turn_on(&mut air, LocalChangeSupply::ON), Status::Success);
    assert_eq!(air.read(PPMID, cluster::METERING, &[metering::SUPPLY_STATUS]), [Some(2)]);
    assert_eq!((air.lines(0x8154), air.lines(0x8155)), (3, 1));
    air.supplier(0x001C, adjust_balance(5_000_000));
    assert_eq!(air.status(PPMID, cluster::METERING, ask::LOCAL_CHANGE_SUPPLY, &[]), Status::MalformedCommand);
}

#[test]
fn an_in_home_display_reads_and_does_nothing_and_a_device_that_did_not_join_does_not_even_read() {
    let mut air = Air::new();
    let digits = air.home.utrn(Kind::Esme, 3, Credit::Pounds(10));
    let forbidden = [
        (cluster::PREPAYMENT, ask::TOP_UP, top_up(&digits)),
        (cluster::PREPAYMENT, ask::SELECT_EMERGENCY_CREDIT, emergency_credit()),
        (cluster::METERING, ask::LOCAL_CHANGE_SUPPLY, vec![LocalChangeSupply::ON]),
    ];
    for (cluster, command, payload) in &forbidden {
        assert_eq!(air.status(IHD, *cluster, *command, payload), Status::NotAuthorized);
    }
    assert_eq!(air.lines(0x8F30), 1, "told once an hour");
    air.run_for(3_600);
    for stranger in [NOBODY, HCALCS] {
        for (cluster, command, payload) in &forbidden {
            assert_eq!(air.status(stranger, *cluster, *command, payload), Status::NotAuthorized);
        }
        for (cluster, command) in [(cluster::PRICE, ask::CURRENT_PRICE), (cluster::MESSAGING, ask::LAST_MESSAGE)] {
            assert_eq!(air.status(stranger, cluster, command, &[]), Status::NotAuthorized);
        }
        let read = question(false, global::READ_ATTRIBUTES, &[1, 0]);
        let answers = air.say(stranger, cluster::PREPAYMENT, &read);
        let refused = Frame::parse(&answers[0]).unwrap().as_default_response().unwrap();
        assert_eq!(refused.status, Status::NotAuthorized);
    }
    assert_eq!((air.lines(0x8F3D), register(&air.meter, "meter balance").as_str()), (1, "0.00"));
    let asked = air.events.iter().filter(|event| matches!(event, Event::Asked { .. })).count();
    assert_eq!(asked, 0);
}

#[test]
fn what_the_clusters_do_not_have_is_refused_with_its_status() {
    let mut air = Air::new();
    let unsupported = Status::UnsupportedClusterCommand;
    for (cluster, command) in [
        (cluster::PREPAYMENT, 0x02),
        (cluster::PREPAYMENT, 0x7F),
        (cluster::PRICE, 0x7F),
        (cluster::METERING, 0x0B),
        (cluster::CALENDAR, 0x7F),
        (cluster::MESSAGING, 0x7F),
    ] {
        assert_eq!(air.status(PPMID, cluster, command, &[0; 4]), unsupported, "{cluster:04X} {command:02X}");
    }
    let foreign = Frame { manufacturer: Some(0x1234), ..question(true, ask::CURRENT_PRICE, &[]) };
    // Four octets with a manufacturer in front of the sequence number: found by what it answers.
    air.say(PPMID, cluster::PRICE, &foreign);
    let answered = air.heard.iter().any(|(_, _, zcl)| {
        let frame = Frame::parse(zcl).unwrap();
        frame.as_default_response().is_some_and(|response| response.status == unsupported)
    });
    assert!(answered);
    for (command, payload, expected) in [
        (global::REPORT_ATTRIBUTES, &[][..], Status::UnsupportedGeneralCommand),
        (global::READ_ATTRIBUTES, &[1][..], Status::MalformedCommand),
    ] {
        let answers = air.say(PPMID, cluster::METERING, &question(false, command, payload));
        assert_eq!(Frame::parse(&answers[0]).unwrap().as_default_response().unwrap().status, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_frame_of_a_ppmid_makes_money_or_stops_the_meter(
        frames in prop::collection::vec(
            (prop::sample::select(&CLUSTERS[..]), any::<bool>(), 0u8..16, prop::collection::vec(any::<u8>(), 0..60)), 1..12,
        ),
    ) {
        let mut air = Air::new();
        air.supplier(0x0019, tariff());
        for (cluster, of_cluster, command, payload) in &frames {
            for answer in air.say(PPMID, *cluster, &question(*of_cluster, *command, payload)) {
                prop_assert!(Frame::parse(&answer).is_ok());
            }
        }
        prop_assert_eq!(air.meter.account().ledger.topped_up, 0);
        prop_assert_eq!(register(&air.meter, "meter balance"), "0.00");
        prop_assert_eq!(air.read(PPMID, cluster::PREPAYMENT, &[prepayment::CREDIT_REMAINING]), [Some(0)]);
    }
}
