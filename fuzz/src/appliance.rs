//! A meter whose Remote Parties and hub keep to no rule.
use crate::lenient::{Lenient, SIGNATURE, key};
use crate::stations::{HUB, START, Spins, Station, check_psdu, drain};
use crate::{Step, script, within};
use gbcs::catalogue::{self, Category, UseCase};
use gbcs::envelope::SignatureField;
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageId, MessageView, Time};
use han::node::{self, MAX_DATAGRAM};
use han::zcl::tunneling::CLUSTER;
use han::{Datagram, Node, SMART_ENERGY};
use meter::{
    DeviceKeys, FactorySettings, Kind, Meter, MeterConfig, Output, Place, RadioConfig, Role, TrustAnchor, Usage,
};
use std::collections::VecDeque;
use std::time::Duration;

/// Who sends Commands, in the order in which scripts name them: supplier, network operator, ACB, PPMID.
pub const PARTIES: [Eui64; 4] = [
    Eui64::from_u64(0x90B3_D51F_3001_0000),
    Eui64::from_u64(0x90B3_D51F_3002_0000),
    Eui64::from_u64(0x90B3_D51F_3000_0002),
    Station::new(0xA4, false).eui,
];
/// Logs, outbox, and what is stored of pending Commands.
const STATE_MAX: usize = 256 * 1024;
/// Messages that wait for the hub.
const OUTBOX_MAX: usize = 32;

/// The meter of this kind.
pub const fn station(kind: Kind) -> Station {
    match kind {
        Kind::Esme => Station::new(0xA0, false),
        Kind::Gsme => Station::new(0xA1, true),
    }
}

/// A whole meter: it never panics, spins or grows past its limits, and transmits nothing but frames; a Response is a message
/// from this meter to the sender under the Command's counter and code; what is protected against replay is answered and executed
/// once, after a loss of power too; and a meter that starts with what was stored is the meter that stored it.
///
/// The first octet: bit 0 gas, bit 1 rows need not be those of the use case, bit 2 prepayment. Steps: 0 octets as a message;
/// 1 a Command: use case, party, counter in two octets, payload; 2 time passes; 3 power is lost; 4 consumption; 5 the customer;
/// 6 the gas meter calls on its hub; 7 a frame on the air; 8 a ZCL frame of the hub, its cluster in two octets.
pub fn meter(input: &[u8]) {
    let Some((&mode, input)) = input.split_first() else { return };
    within(input.len() + STATE_MAX, 16, || {
        let mut home = Home::new(mode);
        script(input).for_each(|step| home.step(&step));
        home.pass(Duration::from_secs(24 * 3600));
        home.restart();
        let _ = (home.meter.registers(), home.meter.event_log(), home.meter.security_log());
    });
}

struct Home {
    meter: Meter<Lenient>,
    config: MeterConfig,
    stored: Option<Vec<u8>>,
    hub: Node,
    air: VecDeque<Vec<u8>>,
    now: Time,
    due: Option<Time>,
    spins: Spins,
}

impl Home {
    fn new(mode: u8) -> Self {
        let kind = if mode & 1 == 0 { Kind::Esme } else { Kind::Gsme };
        let anchor = |role, usage, prepayment, party: usize, n| TrustAnchor {
            role,
            usage,
            prepayment,
            eui: PARTIES[party],
            key: *key(n).public(),
            key_id: [n; 8],
        };
        let anchors = vec![
            anchor(Role::Supplier, Usage::DigitalSignature, false, 0, 1),
            anchor(Role::Supplier, Usage::KeyAgreement, false, 0, 2),
            anchor(Role::Supplier, Usage::KeyAgreement, true, 0, 3),
            anchor(Role::NetworkOperator, Usage::DigitalSignature, false, 1, 4),
            anchor(Role::NetworkOperator, Usage::KeyAgreement, false, 1, 5),
            anchor(Role::AccessControlBroker, Usage::DigitalSignature, false, 2, 6),
            anchor(Role::AccessControlBroker, Usage::KeyAgreement, false, 2, 7),
        ];
        let keys = DeviceKeys { digital_signature: key(8), key_agreement: key(9) };
        let device = station(kind);
        let mut config = MeterConfig::new(kind, device.eui, keys, PARTIES[2], anchors);
        config.ppmid = (kind == Kind::Gsme).then(|| (PARTIES[3], *key(10).public()));
        config.radio = Some(RadioConfig::new(device.config(&[HUB], &[1]), HUB.eui));
        // The hub's node stands for the home's display too: it asks, and tops up.
        config.joined = vec![(HUB.eui, 5)];
        config.strict_rows = mode & 2 == 0;
        config.factory = FactorySettings { prepayment: mode & 4 != 0, ..FactorySettings::default() };
        let meter = Meter::new(config.clone(), Lenient, None).expect("no state is sound");
        let hub = Node::new(HUB.config(&[device], &[1, 2, 3]));
        let (air, spins) = (VecDeque::new(), Spins::default());
        let mut home = Self { meter, config, stored: None, hub, air, now: START, due: None, spins };
        home.settle();
        home
    }

    fn step(&mut self, step: &Step<'_>) {
        let now = self.now;
        match step.kind % 9 {
            0 => self.take(step.data),
            1 => {
                let use_cases = catalogue::all();
                let use_case = &use_cases[usize::from(step.octet(0)) % use_cases.len()];
                let counter = Counter(u64::from(u16::from_be_bytes([step.octet(2), step.octet(3)])));
                let party = PARTIES[usize::from(step.octet(1)) % PARTIES.len()];
                self.take(&command(use_case, party, self.config.eui, counter, step.behind(4).to_vec()));
            }
            2 => self.pass(Duration::from_secs(60 * u64::from(u16::from_le_bytes([step.octet(0), step.octet(1)])))),
            3 => self.restart(),
            4 => self.meter.consume(now, i32::from_le_bytes([0, step.octet(0), step.octet(1), step.octet(2)])),
            5 => {
                let place = if step.octet(1) & 1 == 0 { Place::Keypad } else { Place::Ppmid };
                match step.octet(0) % 3 {
                    0 => _ = self.meter.enable_supply_locally(now, place),
                    1 => _ = self.meter.activate_emergency_locally(now, place),
                    _ => _ = self.meter.enter_utrn(now, place, step.behind(2)),
                }
            }
            6 => self.meter.wake_now(now),
            7 => self.meter.handle_frame(now, step.data),
            _ => {
                let payload = step.behind(2);
                let cluster = match u16::from_be_bytes([step.octet(0), step.octet(1)]) {
                    0 => CLUSTER,
                    cluster => cluster,
                };
                let datagram = Datagram {
                    peer: self.config.eui,
                    profile: SMART_ENERGY,
                    cluster,
                    src_endpoint: if cluster == CLUSTER { 3 } else { 2 },
                    dst_endpoint: 1,
                    payload: payload[..payload.len().min(MAX_DATAGRAM)].to_vec(),
                };
                self.hub.send(now, datagram);
            }
        }
        self.settle();
    }

    fn take(&mut self, message: &[u8]) {
        let Some(response) = self.meter.handle_message(self.now, message) else { return };
        let command = MessageView::parse(message).expect("what is answered is a message");
        let answer = MessageView::parse(&response).expect("our own message");
        assert_eq!(answer.to_message().encode(), response);
        assert_eq!(answer.id(), command.id().answer());
        assert_eq!((command.cra(), answer.message_code()), (Cra::Command, command.message_code()));
        self.settle();
        let use_case = catalogue::find(command.message_code()).expect("what is answered is a use case");
        if !use_case.replay_protected {
            return;
        }
        let registers = self.meter.registers();
        for _ in 0..2 {
            // A top-up that was refused may come again, and is refused again: its counter is kept with the UTRN.
            let again = self.meter.handle_message(self.now, message);
            assert!(again.is_none() || use_case.id.starts_with("CS01"), "{} answered twice", use_case.id);
            assert_eq!(self.meter.registers(), registers, "{} executed twice", use_case.id);
            self.restart();
        }
    }

    fn restart(&mut self) {
        self.settle();
        let restarted = Meter::new(self.config.clone(), Lenient, self.stored.as_deref());
        self.meter = restarted.expect("what the meter asked to have stored");
        self.settle();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..256 {
            let Some(due) = self.due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.meter.handle_timeout(self.now);
            self.hub.handle_timeout(self.now);
            self.settle();
            self.spins.check(self.now, self.due);
        }
        self.now = end;
        self.meter.handle_timeout(end);
        self.hub.handle_timeout(end);
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            self.drain_meter();
            let mut to_meter = Vec::new();
            let hub = &mut self.hub;
            let poll = || match hub.poll() {
                node::Output::Timeout(due) => Err(due),
                output => Ok(output),
            };
            drain(poll, |output| {
                if let node::Output::Transmit(psdu) = output {
                    to_meter.push(psdu);
                }
            });
            if to_meter.is_empty() && self.air.is_empty() {
                assert!(self.meter.outbox_len() <= OUTBOX_MAX);
                return;
            }
            for psdu in to_meter {
                self.meter.handle_frame(self.now, &psdu);
                self.drain_meter();
            }
            for psdu in std::mem::take(&mut self.air) {
                self.hub.handle_frame(self.now, &psdu);
            }
        }
    }

    fn drain_meter(&mut self) {
        let Self { meter, stored, air, .. } = self;
        let poll = || match meter.poll() {
            Output::Timeout(due) => Err(due),
            output => Ok(output),
        };
        let mut last = None;
        self.due = drain(poll, |output| match output {
            Output::Transmit(psdu) => {
                check_psdu(&psdu);
                air.push_back(psdu);
            }
            Output::Persist(octets) => last = Some(octets),
            Output::Event(event) => _ = format!("{event:?}"),
            Output::Timeout(_) => {}
        });
        if let Some(octets) = last {
            assert!(octets.len() <= STATE_MAX, "a state of {} octets", octets.len());
            let again = Meter::new(self.config.clone(), Lenient, Some(&octets)).expect("what it asked to have stored");
            assert_eq!(again.state(), octets);
            *stored = Some(octets);
        }
    }
}

/// A Command of this use case, protected as [`Lenient`] has it.
pub fn command(use_case: &UseCase, party: Eui64, target: Eui64, counter: Counter, payload: Vec<u8>) -> Vec<u8> {
    let id = MessageId { originator: party, target, cra: Cra::Command, counter };
    let signature = if use_case.category == Category::Critical {
        SignatureField::Present(SIGNATURE)
    } else {
        SignatureField::Empty
    };
    Message { header: GroupingHeader::new(id, use_case.code), payload, signature, mac: Some([0; 12]) }.encode()
}
