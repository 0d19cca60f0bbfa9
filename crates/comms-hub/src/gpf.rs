//! What the Gas Proxy Function shows besides the mirror: tariff, calendar and messages that a gas meter took, tapped from its Commands
//! when it answers them (GBCS 10.3.4.2; han.md 5.3), and asked for by displays over the clusters Price, Messaging and Calendar.
//!
//! What a Command tells a gas meter is, component by component, what its proxy would publish: the ZCL payload is kept as it came and
//! handed out as it is.
use alloc::vec::Vec;
use gas::tables::{self, Tables};
use gbcs::asn1::DeviceKind;
use gbcs::block::{Limits, Progress, Reassembler};
use gbcs::envelope::RouteForm;
use gbcs::gbz::zcl::{Body, CLUSTER_SPECIFIC, Command};
use gbcs::gbz::{Alert, AlertData, Component, Content, Payload};
use gbcs::{Cra, Eui64, MessageView, Route, Time};
use han::zcl::{Frame, display};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

pub use han::zcl::display::cluster::{CALENDAR, MESSAGING, PRICE};

/// Alert: a future-dated Command was actioned.
const ACTIONED: u16 = 0x8F66;
/// In a ZCL frame control: sent by the server.
const FROM_SERVER: u8 = 0x08;
/// Kinds of things shown, and things that wait for their time, at most.
const MAX_SHOWN: usize = 64;

/// Why a tapped Command and its Response do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TapFault {
    /// The Command is not whole, or it or its Response is not GBZ.
    #[error("Command or Response does not read")]
    Unreadable,
    /// Another number of components, another order, cluster or direction.
    #[error("Command and Response do not fit each other")]
    Mismatch,
    /// The meter did not take the component with this number.
    #[error("the meter refused component {0}")]
    Refused(u8),
}

/// What is shown, and what waits for its time.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Gpf {
    #[n(0)]
    shown: Vec<Shown>,
    #[n(1)]
    pending: Vec<Pending>,
    /// Calendars and billing period, as Commands read them.
    #[n(2)]
    tables: Tables,
    /// Changes of tenancy: the last in force, and the one to come; seconds since 2000.
    #[n(3)]
    tenancies: (u32, u32),
    /// The GPF Device Log.
    #[n(4)]
    devices: Vec<JoinedDevice>,
    /// It changed, and the ACB was not told yet.
    #[n(5)]
    pub(crate) devices_changed: bool,
}

/// An entry of the GPF Device Log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct JoinedDevice {
    #[n(0)]
    eui: u64,
    #[n(1)]
    kind: u8,
}

impl JoinedDevice {
    /// A device that joined with the GPF.
    pub fn new(eui: Eui64, kind: DeviceKind) -> Self {
        Self { eui: eui.to_u64(), kind: kind.number() }
    }

    /// Which.
    pub fn eui(&self) -> Eui64 {
        Eui64::from_u64(self.eui)
    }

    /// What it is.
    pub fn kind(&self) -> DeviceKind {
        DeviceKind::from_number(self.kind)
    }
}

/// The latest of one kind.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Shown {
    #[n(0)]
    gsme: u64,
    #[n(1)]
    cluster: u16,
    #[n(2)]
    command: u8,
    /// ZCL payloads: several, where a Command brings several of a kind.
    #[n(3)]
    payloads: Vec<ByteVec>,
}

/// Waits for the Alert that says it was actioned.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Pending {
    #[n(0)]
    code: u16,
    #[n(1)]
    counter: u64,
    #[n(2)]
    shown: Shown,
}

impl Gpf {
    /// A gas meter answered a Command that concerns the GPF: show what it took. The Command comes in parts when it was a block
    /// transfer.
    ///
    /// # Errors
    /// They do not fit, or the meter refused a component: what it took is shown nevertheless.
    pub fn tap(&mut self, now: Time, gsme: Eui64, command: &[Vec<u8>], response: &[u8]) -> Result<usize, TapFault> {
        let command = whole(now, command).ok_or(TapFault::Unreadable)?;
        let asked = MessageView::parse(&command).map_err(|_| TapFault::Unreadable)?;
        let answered = MessageView::parse(response).map_err(|_| TapFault::Unreadable)?;
        let (asked_for, answers) = (components(&asked)?, components(&answered)?);
        if asked_for.len() != answers.len() {
            return Err(TapFault::Mismatch);
        }
        let mut fault = None;
        let mut taken: Vec<(u32, Shown)> = Vec::new();
        for (n, (part, answer)) in asked_for.iter().zip(&answers).enumerate() {
            let opposite = part.frame_control & FROM_SERVER != answer.frame_control & FROM_SERVER;
            if part.sequence != answer.sequence || part.cluster != answer.cluster || !opposite {
                return Err(TapFault::Mismatch);
            }
            match answer.body() {
                Some(Body::DefaultResponse { status, .. }) if status.is_success() => {}
                _ => {
                    fault = fault.or(Some(TapFault::Refused(n as u8)));
                    continue;
                }
            }
            let Some(payload) = part.body().map(octets) else { continue };
            let start = part.from_date_time.unwrap_or_else(|| part.body().map_or(0, start));
            let of_kind = |(at, shown): &&mut (u32, Shown)| {
                (*at, shown.cluster, shown.command) == (start, part.cluster, part.command)
            };
            match taken.iter_mut().find(of_kind) {
                Some((_, shown)) => shown.payloads.push(payload.into()),
                None => {
                    let (gsme, payloads) = (gsme.to_u64(), alloc::vec![payload.into()]);
                    let shown = Shown { gsme, cluster: part.cluster, command: part.command, payloads };
                    taken.push((start, shown));
                }
            }
        }
        let count = taken.len();
        let (code, counter) = (asked.message_code().0, asked.id().counter.0);
        for (start, shown) in taken {
            if start > now.zigbee() && start != u32::MAX {
                if self.pending.len() == MAX_SHOWN {
                    self.pending.remove(0);
                }
                self.pending.push(Pending { code, counter, shown });
            } else {
                self.show(shown);
            }
        }
        fault.map_or(Ok(count), Err)
    }

    /// A gas meter raised an Alert: what it actioned is shown from now on. Whether anything changed.
    pub fn notice(&mut self, alert: &[u8]) -> bool {
        let Some(view) = MessageView::parse(alert).ok().filter(|view| view.cra() == Cra::Alert) else { return false };
        let Ok(alert) = Alert::parse(view.payload()) else { return false };
        let AlertData::FutureDated { message_code, counter, cluster, command, .. } = alert.data else { return false };
        if alert.code != ACTIONED {
            return false;
        }
        let gsme = view.id().originator.to_u64();
        let due = |pending: &mut Pending| {
            (pending.code, pending.counter) == (message_code.0, counter.0)
                && (pending.shown.gsme, pending.shown.cluster, pending.shown.command) == (gsme, cluster, command)
        };
        let due: Vec<Pending> = self.pending.extract_if(.., due).collect();
        let any = !due.is_empty();
        due.into_iter().for_each(|pending| self.show(pending.shown));
        any
    }

    /// Answer what a display asks about a gas meter; nothing when the frame does not ask for anything that is kept here.
    pub fn answer(&self, gsme: Eui64, cluster: u16, frame: &Frame<'_>) -> Option<Vec<Vec<u8>>> {
        let command = display::answer_to(cluster, frame)?;
        Some(display::answers(frame, command, self.payloads(gsme, cluster, command)))
    }

    /// What is shown of a kind: the ZCL payloads of this command of the cluster's server.
    pub fn payloads(&self, gsme: Eui64, cluster: u16, command: u8) -> Vec<&[u8]> {
        let of_kind = |s: &&Shown| (s.gsme, s.cluster, s.command) == (gsme.to_u64(), cluster, command);
        self.shown.iter().find(of_kind).map_or_else(Vec::new, |s| s.payloads.iter().map(|p| &p[..]).collect())
    }

    /// Calendars and billing period that the gas meter took.
    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// A tenancy begins at `start`, or began.
    pub(crate) fn set_tenancy(&mut self, now: Time, start: u32) {
        // Until it begins the one before it counts; it takes the place of one that waits.
        self.tenancies = (self.tenancy(now), start);
    }

    /// Since when the present tenancy is, seconds since 2000: what is older is not shown.
    pub fn tenancy(&self, now: Time) -> u32 {
        let (last, next) = self.tenancies;
        if next <= now.zigbee() { last.max(next) } else { last }
    }

    /// The GPF Device Log.
    pub fn devices(&self) -> &[JoinedDevice] {
        &self.devices
    }

    pub(crate) fn set_devices(&mut self, devices: Vec<JoinedDevice>) {
        self.devices_changed |= devices != self.devices;
        self.devices = devices;
    }

    /// How many kinds of things wait for their time.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Forget a gas meter.
    pub fn forget(&mut self, gsme: Eui64) {
        self.shown.retain(|shown| shown.gsme != gsme.to_u64());
        self.pending.retain(|pending| pending.shown.gsme != gsme.to_u64());
    }

    fn show(&mut self, new: Shown) {
        for payload in &new.payloads {
            let (cluster, command) = (new.cluster, new.command);
            let body = Body::parse(cluster, CLUSTER_SPECIFIC | FROM_SERVER, command, payload);
            let Body::Cluster(published) = body.clone() else { continue };
            let (frame_control, content) = (CLUSTER_SPECIFIC | FROM_SERVER, Content::Plain(body));
            let part = Component { cluster, from_date_time: None, frame_control, sequence: 0, command, content };
            // What is no table is shown all the same.
            let _ = tables::publish(&mut self.tables, &part, &published);
        }
        self.shown.retain(|s| (s.gsme, s.cluster, s.command) != (new.gsme, new.cluster, new.command));
        if self.shown.len() == MAX_SHOWN {
            self.shown.remove(0);
        }
        self.shown.push(new);
    }
}

/// The Command that these parts are.
fn whole(now: Time, parts: &[Vec<u8>]) -> Option<Vec<u8>> {
    let [first, ..] = parts else { return None };
    if !matches!(Route::parse(first).ok()?.form, RouteForm::Block { .. }) {
        return Some(first.clone());
    }
    let mut reassembler = Reassembler::new(Limits::default());
    parts.iter().find_map(|part| match reassembler.receive(now, part) {
        Ok(Progress::Complete(message)) => Some(message),
        _ => None,
    })
}

fn components(view: &MessageView<'_>) -> Result<Vec<Component>, TapFault> {
    Payload::parse(view.payload()).map(|payload| payload.components).map_err(|_| TapFault::Unreadable)
}

fn octets(body: &Body) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.encoded_len());
    body.encode(&mut out);
    out
}

/// When what a component says begins: of commands that have no time of their own, now.
fn start(body: &Body) -> u32 {
    match body {
        Body::Cluster(Command::PublishTariffInformation(c)) => c.start,
        Body::Cluster(Command::PublishPriceMatrix(c)) => c.start,
        Body::Cluster(Command::PublishBlockThresholds(c)) => c.start,
        Body::Cluster(Command::PublishCalendar(c)) => c.start,
        Body::Cluster(Command::PublishSpecialDays(c)) => c.start,
        Body::Cluster(Command::DisplayMessage(c)) => c.start,
        Body::Cluster(Command::PublishChangeOfTenancy(c)) => c.start,
        Body::Cluster(Command::PublishChangeOfSupplier(c)) => c.start,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::envelope::{GroupingHeader, SignatureField};
    use gbcs::gbz::zcl::{self, DisplayMessage, ZclString};
    use gbcs::{Counter, Message, MessageCode, MessageId};
    use han::zcl::{Direction, Status};

    const GSME: Eui64 = Eui64::from_u64(0xA1);
    const NOW: Time = Time(1_800_000_000_000);

    fn message(cra: Cra, code: u16, payload: Vec<u8>) -> Vec<u8> {
        let supplier = Eui64::from_u64(0x90B3);
        let (originator, target) = if cra == Cra::Command { (supplier, GSME) } else { (GSME, supplier) };
        let header = GroupingHeader::new(MessageId { originator, target, cra, counter: Counter(7) }, MessageCode(code));
        Message { header, payload, signature: SignatureField::Empty, mac: Some([0; 12]) }.encode()
    }

    fn display(sequence: u8, text: &[u8], start: u32) -> Component {
        let message = DisplayMessage {
            message: 9,
            control: 0,
            start,
            duration: 0xFFFF,
            text: ZclString::new(text).unwrap(),
            extended_control: None,
        };
        Component::new(sequence, message)
    }

    fn shown(gpf: &Gpf) -> usize {
        gpf.payloads(GSME, MESSAGING, 0).len()
    }

    fn tap(gpf: &mut Gpf, parts: &[Component], answers: &[Component]) -> Result<usize, TapFault> {
        let command = message(Cra::Command, 0x0071, Payload::new(parts).encode());
        let response = message(Cra::Response, 0x0071, Payload::new(answers).encode());
        gpf.tap(NOW, GSME, &[command], &response)
    }

    #[test]
    fn what_the_meter_took_is_shown_as_it_came_and_what_it_refused_is_not() {
        let mut gpf = Gpf::default();
        let part = display(0, b"price change", 0);
        assert_eq!(tap(&mut gpf, core::slice::from_ref(&part), &[part.default_response(zcl::Status::SUCCESS)]), Ok(1));
        assert_eq!(gpf.payloads(GSME, MESSAGING, 0), [octets(part.body().unwrap())]);
        let other = display(0, b"another", 0);
        let refused = other.default_response(zcl::Status::FAILURE);
        assert_eq!(tap(&mut gpf, &[other], &[refused]), Err(TapFault::Refused(0)));
        assert_eq!(gpf.payloads(GSME, MESSAGING, 0), [octets(part.body().unwrap())], "the old one stays");
        gpf.forget(GSME);
        assert_eq!(shown(&gpf), 0);
    }

    #[test]
    fn a_response_that_does_not_fit_its_command_changes_nothing() {
        let part = display(0, b"x", 0);
        let good = part.default_response(zcl::Status::SUCCESS);
        let mut gpf = Gpf::default();
        let table = [
            (alloc::vec![], TapFault::Unreadable),
            (alloc::vec![good.clone(), good.clone()], TapFault::Mismatch),
            (alloc::vec![Component { sequence: 1, ..good.clone() }], TapFault::Mismatch),
            (alloc::vec![Component { cluster: 0x0700, ..good.clone() }], TapFault::Mismatch),
            (alloc::vec![good.clone().with_frame_control(0x08)], TapFault::Mismatch),
        ];
        for (answers, fault) in table {
            let got = if answers.is_empty() {
                let command = message(Cra::Command, 0x0071, Payload::new([part.clone()]).encode());
                gpf.tap(NOW, GSME, &[command], &message(Cra::Response, 0x0071, alloc::vec![1, 2]))
            } else {
                tap(&mut gpf, core::slice::from_ref(&part), &answers)
            };
            assert_eq!(got, Err(fault));
        }
        assert_eq!(gpf, Gpf::default());
    }

    #[test]
    fn what_is_for_later_is_shown_when_the_meter_says_that_it_was_actioned() {
        let mut gpf = Gpf::default();
        let part = display(0, b"later", NOW.zigbee() + 60);
        assert_eq!(tap(&mut gpf, core::slice::from_ref(&part), &[part.default_response(zcl::Status::SUCCESS)]), Ok(1));
        assert_eq!((shown(&gpf), gpf.pending()), (0, 1));
        let alert = |code: u16, counter: u64| {
            let data = AlertData::FutureDated {
                message_code: MessageCode(0x0071),
                counter: Counter(counter),
                cluster: MESSAGING,
                frame_control: part.frame_control,
                command: part.command,
            };
            message(Cra::Alert, 0x00CD, Alert { code, time: NOW.zigbee(), data }.encode())
        };
        assert!(!gpf.notice(&alert(ACTIONED, 8)), "of another Command");
        assert!(!gpf.notice(&alert(0x8F67, 7)), "not actioned");
        assert!(gpf.notice(&alert(ACTIONED, 7)));
        assert_eq!((shown(&gpf), gpf.pending()), (1, 0));
    }

    #[test]
    fn a_display_gets_what_is_shown_or_hears_that_there_is_nothing() {
        let mut gpf = Gpf::default();
        let ask = |command| Frame {
            cluster_specific: true,
            manufacturer: None,
            direction: Direction::ToServer,
            disable_default_response: true,
            tsn: 5,
            command,
            payload: &[],
        };
        let nothing = gpf.answer(GSME, MESSAGING, &ask(0)).unwrap();
        assert_eq!(Frame::parse(&nothing[0]).unwrap().as_default_response().unwrap().status, Status::NotFound);
        let part = display(0, b"hello", 0);
        tap(&mut gpf, core::slice::from_ref(&part), &[part.default_response(zcl::Status::SUCCESS)]).unwrap();
        let answer = gpf.answer(GSME, MESSAGING, &ask(0)).unwrap();
        let frame = Frame::parse(&answer[0]).unwrap();
        assert_eq!((frame.tsn, frame.command, frame.direction), (5, 0, Direction::ToClient));
        assert_eq!(frame.payload, octets(part.body().unwrap()));
        assert_eq!(gpf.answer(GSME, MESSAGING, &ask(9)), None, "not kept here");
        let record = minicbor::to_vec(&gpf).unwrap();
        assert_eq!(minicbor::decode::<Gpf>(&record).unwrap(), gpf);
    }
}
