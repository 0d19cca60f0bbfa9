//! A PPMID and a meter: the meter checks and counts as a real one does, the PPMID passes everything on.
use super::dcc::now;
use super::{
    ACB_AGREEMENT, ESME_AGREEMENT, ESME_SIGNING, PPMID, PPMID_KEY, SUPPLIER_AGREEMENT, SUPPLIER_SIGNING, WARRANT, key,
};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::dlms::{AccessRequest, AccessResponse, Answer as RowAnswer, Data, DataAccessResult};
use gbcs::{Counter, GroupingHeader, Message, MessageView, Time, protect};
use handover::{Answer, Checks, DeliveryId, Hello, MAX_COMMAND, Nonce, NonceStanding, Reason, Receipt, Release, Stage};
use link::{Backoff, Carrier, CarrierConfig, CarrierEvent, ClientTls};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// The electricity meter.
#[derive(Debug, Default)]
pub struct Meter {
    highest: Counter,
    /// Counters of the Commands it executed, in order.
    pub executed: Vec<u64>,
    /// Commands that reached it, executed or not.
    pub received: usize,
    /// The result it gives to the second row and on (DLMS), if not success.
    pub result: u8,
}

impl Meter {
    /// What it answers; nothing to what it does not accept (GBCS messages 8.1).
    pub fn execute(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        self.received += 1;
        let view = MessageView::parse(octets).ok()?;
        let acb = AwsLc.agree(&key(ESME_AGREEMENT), key(ACB_AGREEMENT).public()).unwrap();
        protect::verify_mac(&AwsLc, &acb, &view).ok()?;
        let critical = view.signature().is_some();
        if critical {
            protect::verify_signature(&AwsLc, key(SUPPLIER_SIGNING).public(), &view).ok()?;
        }
        if view.id().counter <= self.highest {
            return None;
        }
        self.highest = view.id().counter;
        self.executed.push(view.id().counter.0);
        let request = AccessRequest::parse(view.payload()).ok()?;
        let answers: Vec<RowAnswer> = request
            .rows
            .iter()
            .map(|row| RowAnswer {
                choice: row.access.choice(),
                result: DataAccessResult(self.result),
                data: Data::Null,
            })
            .collect();
        let payload = AccessResponse { invoke: request.invoke, answers }.encode();
        let header = GroupingHeader::new(view.id().answer(), view.message_code());
        let plain = Message::plain(header, payload).encode();
        Some(if critical {
            protect::sign(&AwsLc, &key(ESME_SIGNING), &plain).unwrap()
        } else {
            let z = AwsLc.agree(&key(ESME_AGREEMENT), key(SUPPLIER_AGREEMENT).public()).unwrap();
            protect::add_mac(&AwsLc, &z, &plain).unwrap()
        })
    }
}

/// What becomes of an answer on its way: none, one or several.
pub type OnTheWay = fn(Vec<u8>) -> Vec<Vec<u8>>;

/// What the PPMID does with a Release.
#[derive(Clone)]
pub struct Behaviour {
    /// Refuse so many Releases with this reason.
    pub refuse: Option<(Reason, usize)>,
    /// Whether the meter's answer comes back through the home.
    pub answers: bool,
    /// What becomes of an answer on its way.
    pub on_the_way: OnTheWay,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { refuse: None, answers: true, on_the_way: |octets| vec![octets] }
    }
}

/// A running PPMID.
pub struct Ppmid {
    pub carrier: Carrier,
    pub meter: Arc<Mutex<Meter>>,
}

struct Core {
    carrier: Carrier,
    meter: Arc<Mutex<Meter>>,
    behaviour: Behaviour,
    /// Answers by delivery: what it has is not asked of the meter again, but passed on again.
    answers: BTreeMap<DeliveryId, Option<Vec<u8>>>,
    nonces: u64,
    /// Issued and not used.
    fresh: Vec<Nonce>,
}

impl Ppmid {
    pub fn start(tls: ClientTls, port: u16, behaviour: Behaviour) -> Self {
        let mut config = CarrierConfig::new("localhost", port, tls);
        config.host = "127.0.0.1".into();
        config.backoff =
            Backoff { first: Duration::from_millis(10), max: Duration::from_millis(50), ..Backoff::new(1) };
        let (carrier, events) = Carrier::start(config).unwrap();
        let meter = Arc::<Mutex<Meter>>::default();
        let core = Core {
            carrier: carrier.clone(),
            meter: meter.clone(),
            behaviour,
            answers: BTreeMap::new(),
            nonces: 0,
            fresh: vec![],
        };
        tokio::spawn(core.run(events));
        Self { carrier, meter }
    }

    pub fn executed(&self) -> Vec<u64> {
        self.meter.lock().unwrap().executed.clone()
    }
}

impl Core {
    async fn run(mut self, mut events: mpsc::Receiver<CarrierEvent>) {
        while let Some(event) = events.recv().await {
            match event {
                CarrierEvent::Connected => {
                    let open = self.answers.iter().filter(|(_, answer)| answer.is_none()).map(|(id, _)| *id).collect();
                    let nonce = self.nonce();
                    self.say(Hello { ppmid: PPMID, nonce, time: clock(), open });
                }
                CarrierEvent::Disconnected { .. } => {}
                CarrierEvent::Down { payload, ack } => {
                    ack.stored();
                    self.release(&payload);
                }
            }
        }
    }

    fn release(&mut self, payload: &[u8]) {
        let head_end = |_| Some(*key(WARRANT).public());
        let release = Release::open(payload, &AwsLc, head_end).expect("a Release of the head end");
        let issued = self.fresh.iter().position(|nonce| *nonce == release.warrant.nonce);
        let standing = if issued.is_some() { NonceStanding::Fresh } else { NonceStanding::Used };
        issued.map(|at| self.fresh.remove(at));
        let checks = Checks { ppmid: PPMID, now: clock(), nonce: standing, max_command: MAX_COMMAND };
        let mut checked = release.warrant.check(&release.command, &AwsLc, &checks).map(drop);
        if let Some((reason, times)) = &mut self.behaviour.refuse
            && *times > 0
        {
            *times -= 1;
            checked = Err(*reason);
        }
        if let Err(reason) = checked {
            return self.receipt(&release, Stage::Refused(reason));
        }
        let id = release.warrant.delivery;
        self.receipt(&release, Stage::Held);
        self.receipt(&release, Stage::OnHan);
        // The meter gets whatever was released: its own counter makes it work once.
        let answer = self.meter.lock().unwrap().execute(&release.command);
        let known = self.answers.entry(id).or_default();
        if answer.is_some() {
            *known = answer;
        }
        if let (true, Some(response)) = (self.behaviour.answers, known.clone()) {
            for response in (self.behaviour.on_the_way)(response) {
                let command_hash = release.warrant.command_hash;
                self.say(Answer { ppmid: PPMID, delivery: id, command_hash, response, time: clock() });
            }
        }
    }

    fn receipt(&mut self, release: &Release, stage: Stage) {
        let nonce = self.nonce();
        let handover::Warrant { delivery, attempt, command_hash, .. } = release.warrant;
        self.say(Receipt { ppmid: PPMID, delivery, attempt, command_hash, stage, at: clock(), time: clock(), nonce });
    }

    fn nonce(&mut self) -> Nonce {
        self.nonces += 1;
        let nonce = Nonce(u128::from(self.nonces).to_be_bytes());
        self.fresh.push(nonce);
        nonce
    }

    fn say(&self, message: impl Into<handover::Upward>) {
        let octets = message.into().seal(&AwsLc, &key(PPMID_KEY)).unwrap();
        // Sent again by the carrier until it is acknowledged, over as many connections as it takes.
        drop(self.carrier.publish(octets).unwrap());
    }
}

/// A clock of its own, far from ours.
fn clock() -> Time {
    Time(now().0 - 1_000_000_000)
}
