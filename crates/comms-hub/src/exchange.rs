//! Where messages are taken, decided about and put: everything of the hub above the radio.
use crate::alert;
use crate::blocks::{Blocks, Taken};
use crate::budget::Budgets;
use crate::chf;
use crate::config::{DeviceKind, Profile, Settings};
use crate::device_log::DeviceLog;
use crate::event::{Counters, Event, EventLog, LogEntry, MalformedWatch, Undelivered, log_code};
use crate::gas_log::GasLogs;
use crate::gpf::Gpf;
use crate::gpf_device;
use crate::identity::{Actioned, Identity};
use crate::letter::{Letter, Places};
use crate::mailbox::Mailbox;
use crate::memory::{Carried, Carriers, Taps};
use crate::mirror::Mirror;
use crate::record::Record;
use crate::routing::{Decision, Function, Reason, Router, Source, is_han_only};
use crate::store_forward::{Parcel, StoreForward};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::envelope::RouteForm;
use gbcs::{Cra, Eui64, MessageCode, Route, Time};
use han::tunnel::gsme::GsmeData;
use han::tunnel::{Side, TransferFailure, TransferId};
use han::zcl::Status;
use han::zcl::time::Clock;

/// A message (or the copy of one) on its way through the tunnel of a device that does not fetch.
pub(crate) struct Transit {
    pub peer: Eui64,
    pub letter: Letter,
    /// The transfer it is in; `None` while there is no tunnel, or after an attempt that failed.
    pub ticket: Option<(Side, TransferId)>,
}

impl Transit {
    /// Whether this is a carrier's copy of a message for somebody else.
    pub fn is_copy(&self) -> bool {
        self.letter.route.id.target != self.peer
    }
}

/// What is to be done at the radio.
pub(crate) enum Action {
    /// See what can be sent to this device.
    Dispatch(Eui64),
    /// Answer the GET of this gas meter.
    AnswerGet(Eui64),
    /// Let this listed device join.
    OpenJoining(Eui64),
    /// Take this device off the list and all that goes with it.
    Remove(Eui64),
}

pub(crate) struct Exchange<C> {
    pub chf: Eui64,
    pub gpf: Eui64,
    pub profile: Profile,
    pub settings: Settings,
    pub crypto: C,
    /// The hub's functions as devices.
    pub chf_identity: Option<Identity>,
    pub gpf_identity: Option<Identity>,
    pub log: DeviceLog,
    pub budgets: Budgets,
    pub mailboxes: Vec<(Eui64, Mailbox)>,
    pub transits: Vec<Transit>,
    pub wan: StoreForward,
    pub wan_up: bool,
    /// When it last was.
    pub wan_seen: Option<Time>,
    pub carriers: Carriers,
    pub taps: Taps,
    pub blocks: Blocks,
    /// What gas meters reported.
    pub mirror: Mirror,
    /// What the GPF shows.
    pub proxy: Gpf,
    /// What gas meters pushed of their logs.
    pub gas: GasLogs,
    pub event_log: EventLog,
    /// The GPF's event log and security log.
    pub gpf_log: EventLog,
    pub counters: Counters,
    pub malformed: MalformedWatch,
    /// Seconds that joining stays open, as CCS01 last said.
    pub join_timeout: u16,
    pub events: VecDeque<Event>,
    pub actions: VecDeque<Action>,
    /// The state changed in a way that must survive.
    pub dirty: bool,
    /// So did what gas meters told.
    pub gas_dirty: bool,
}

/// For so long after its WAN the hub's clock counts as in step with the network.
const CLOCK_TRUST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl<C: Crypto> Exchange<C> {
    /// What the hub tells of the time: it is in step with the network while there is a WAN, and for a while after.
    pub fn clock(&self, now: Time) -> Clock {
        let synchronised = self.wan_up || self.wan_seen.is_some_and(|seen| now < seen + CLOCK_TRUST);
        Clock { utc: now.zigbee(), synchronised }
    }

    /// Take Data from a tunnel whose peer is `peer`; the status its sender is told. Only an exhausted budget is told (han.md 6.6).
    pub fn take_data(&mut self, now: Time, peer: Eui64, data: &[u8]) -> Status {
        let source = Source::Device(peer);
        let kind = self.log.kind(peer);
        let taken = match kind {
            Some(DeviceKind::Gsme) => match GsmeData::parse(data) {
                Ok(GsmeData::Get) => {
                    self.actions.push_back(Action::AnswerGet(peer));
                    Ok(())
                }
                Ok(GsmeData::Put(message)) => self.take(now, source, message),
                Ok(GsmeData::GetResponse { .. }) | Err(_) => Err(self.discard(source, None, Reason::NoGsmeHeader)),
            },
            Some(DeviceKind::Ppmid) => match self.budgets.admit_frame(now, peer, &self.settings.ppmid_limits) {
                Ok(()) => self.take(now, source, data),
                Err(exhausted) => Err(self.discard(source, None, Reason::Budget(exhausted))),
            },
            // The others have no header in front; whether they may say anything the router knows.
            _ => self.take(now, source, data),
        };
        match taken {
            Err(Reason::Budget(_)) => Status::Failure,
            _ => Status::Success,
        }
    }

    /// Take a message from wherever, decide, and put it where it goes.
    pub fn take(&mut self, now: Time, source: Source, octets: &[u8]) -> Result<(), Reason> {
        let route = match Route::parse(octets) {
            Ok(route) => route,
            Err(error) => {
                self.watch_malformed(now, source);
                return Err(self.discard(source, None, Reason::Malformed(error)));
            }
        };
        self.carriers.expire(now, self.settings.remember_for);
        let decision = self.router().decide(source, &route, octets.len(), |command| self.carriers.of(command));
        let letter = Letter { route, octets: octets.to_vec(), source, taken: now };
        let put = match &decision {
            Decision::Discard(reason) => Err(*reason),
            Decision::ToDevice(device) => {
                self.admit(now, &letter, *device).map(|()| self.put_in_tunnel(*device, letter))
            }
            Decision::ToGsmeMailbox(gsme) => {
                self.admit(now, &letter, *gsme).map(|()| self.put_in_mailbox(*gsme, letter))
            }
            Decision::ToWan { copies } => {
                self.put_to_wan(now, letter, copies);
                Ok(())
            }
            Decision::Local(function) => {
                self.remember(&letter);
                self.take_local(now, *function, letter);
                Ok(())
            }
        };
        match put {
            Ok(()) => {
                self.counters.count("routed");
                self.events.push_back(Event::Routed { source, route, decision });
                Ok(())
            }
            Err(reason) => {
                if matches!(reason, Reason::MailboxFull | Reason::QueueFull) {
                    self.log_command(now, log_code::COMMAND_NOT_PASSED, &route);
                }
                Err(self.discard(source, Some(route), reason))
            }
        }
    }

    /// A message or block for a function of the hub: executed here, or told to whoever plays the function.
    fn take_local(&mut self, now: Time, function: Function, letter: Letter) {
        let Letter { route, source, octets, .. } = letter;
        let octets = match route.form {
            RouteForm::Block { .. } => match self.blocks.take(now, &octets) {
                Taken::Message(message) => message,
                Taken::Say(blocks) => {
                    // A discard is an event of its own.
                    blocks.iter().for_each(|block| _ = self.take(now, Source::Function(function), block));
                    return;
                }
                Taken::Refused => return self.counters.count("block_refused"),
            },
            _ => octets,
        };
        if function == Function::Chf && self.chf_identity.is_some() && chf::executes(route.code) {
            self.execute_chf(now, &octets);
        } else if function == Function::Gpf && self.gpf_identity.is_some() && gpf_device::executes(route.code) {
            self.execute_gpf(now, &octets);
        } else {
            self.events.push_back(Event::Local { function, source, octets });
        }
    }

    /// A Response or Alert of one of the hub's functions: whole, or in blocks where it is too long for that.
    pub fn say(&mut self, now: Time, function: Function, octets: &[u8]) {
        // What cannot be cut goes as it is: the router names what is wrong with it.
        let parts = self.blocks.cut(now, octets).unwrap_or_else(|_| alloc::vec![octets.to_vec()]);
        parts.iter().for_each(|part| _ = self.take(now, Source::Function(function), part));
    }

    pub fn router(&self) -> Router<'_> {
        Router { log: &self.log, chf: self.chf, gpf: self.gpf, profile: self.profile, settings: &self.settings }
    }

    /// A place in the queue, then the budgets: what is refused for want of a place costs nothing.
    fn admit(&mut self, now: Time, letter: &Letter, device: Eui64) -> Result<(), Reason> {
        let limits = &self.settings.ppmid_limits;
        let gsme = self.log.kind(device) == Some(DeviceKind::Gsme);
        if gsme {
            let waiting = self.mailbox(device).into_iter().flat_map(Mailbox::letters);
            let places = Places::new(self.settings.mailbox_depth, limits);
            places.admit(waiting, letter.source, &self.log, Reason::MailboxFull)?;
        } else {
            let waiting = self.transits.iter().filter(|t| t.peer == device && !t.is_copy()).map(|t| &t.letter);
            let places = Places::new(self.settings.tunnel_queue_depth, limits);
            places.admit(waiting, letter.source, &self.log, Reason::QueueFull)?;
        }
        match letter.source {
            Source::Device(ppmid)
                if self.profile == Profile::Assured
                    && self.log.kind(ppmid) == Some(DeviceKind::Ppmid)
                    && !is_han_only(letter.route.code) =>
            {
                let octets = letter.octets.len();
                let charged = self.budgets.charge(now, &self.settings.assured, ppmid, device, gsme, octets);
                charged.map_err(Reason::Budget)
            }
            _ => Ok(()),
        }
    }

    fn put_in_tunnel(&mut self, device: Eui64, letter: Letter) {
        self.remember(&letter);
        self.transits.push(Transit { peer: device, letter, ticket: None });
        self.actions.push_back(Action::Dispatch(device));
        self.dirty = true;
    }

    fn put_in_mailbox(&mut self, gsme: Eui64, letter: Letter) {
        self.remember(&letter);
        self.taps.keep(&letter);
        self.mailbox_mut(gsme).push(letter);
        self.dirty = true;
    }

    fn put_to_wan(&mut self, now: Time, letter: Letter, copies: &[Eui64]) {
        for &carrier in copies {
            let held = self.transits.iter().filter(|t| t.peer == carrier && t.is_copy()).count();
            if held >= self.settings.tunnel_queue_depth {
                self.counters.count("copy_lost");
                self.events.push_back(Event::CopyLost { carrier, reason: TransferFailure::QueueFull });
                continue;
            }
            self.transits.push(Transit { peer: carrier, letter: letter.clone(), ticket: None });
            self.actions.push_back(Action::Dispatch(carrier));
            self.dirty = true;
        }
        let of_ppmid = self.carrier_kind(letter.source) == Some(DeviceKind::Ppmid);
        if let Source::Device(gsme) = letter.source
            && self.log.kind(gsme) == Some(DeviceKind::Gsme)
            && letter.route.id.cra == Cra::Response
            && self.taps.holds(&letter.route.id)
            && let Some(response) = self.whole(now, &letter)
            && let Some(command) = self.taps.answered(&letter.route.id)
        {
            self.dirty = true;
            let told = self.proxy.tap(now, gsme, &command, &response);
            if told.is_err() {
                self.write_log(now, log_code::TAP_FAILED, Some(letter.route.code));
            }
            self.events.push_back(Event::Tapped { gsme, code: letter.route.code, told });
        }
        if let Source::Device(gsme) = letter.source
            && letter.route.id.cra == Cra::Alert
            && self.log.kind(gsme) == Some(DeviceKind::Gsme)
        {
            self.dirty |= self.proxy.notice(&letter.octets);
        }
        let dropped = self.wan.push(Parcel { id: letter.route.id, octets: letter.octets, of_ppmid });
        for parcel in dropped {
            self.counters.count("wan_overflow");
            self.events.push_back(Event::WanOverflow(parcel.id));
        }
        // The record has it before the link does.
        self.dirty = true;
    }

    /// The Response that a letter is, or completes.
    fn whole(&mut self, now: Time, letter: &Letter) -> Option<Vec<u8>> {
        match letter.route.form {
            RouteForm::Block { .. } => self.blocks.answer_of(now, &letter.octets),
            _ => Some(letter.octets.clone()),
        }
    }

    /// Remember a carrier whose Command's Response may be copied back.
    fn remember(&mut self, letter: &Letter) {
        let kind = self.carrier_kind(letter.source);
        if letter.route.id.cra != Cra::Command || is_han_only(letter.route.code) || kind.is_none() {
            return;
        }
        let carried = Carried {
            command: letter.route.id,
            source: letter.source,
            by_ppmid: kind == Some(DeviceKind::Ppmid),
            at: letter.taken,
        };
        self.carriers.remember(carried, self.settings.remember_messages, self.settings.remember_for);
        self.dirty = true;
    }

    fn carrier_kind(&self, source: Source) -> Option<DeviceKind> {
        match source {
            Source::Device(eui) => self.log.kind(eui),
            Source::Wan | Source::Function(_) => None,
        }
    }

    /// A device's stack has a message (not a copy).
    pub fn delivered(&mut self, now: Time, target: Eui64, letter: &Letter) {
        self.dirty = true;
        self.counters.count("delivered");
        self.log_command(now, log_code::COMMAND_PASSED, &letter.route);
        self.events.push_back(Event::Delivered { target, route: letter.route });
    }

    /// A message never reached its device (or a carrier its copy).
    pub fn undelivered(&mut self, now: Time, target: Eui64, letter: &Letter, reason: Undelivered) {
        self.dirty = true;
        let Route { id, .. } = letter.route;
        if id.target != target {
            self.counters.count("copy_lost");
            let reason = match reason {
                Undelivered::Tunnel(failure) => failure,
                _ => TransferFailure::Closed,
            };
            self.events.push_back(Event::CopyLost { carrier: target, reason });
            return;
        }
        self.counters.count("undelivered");
        let code = match reason {
            Undelivered::Expired => log_code::GSME_COMMAND_NOT_RETRIEVED,
            _ => log_code::COMMAND_NOT_PASSED,
        };
        self.log_command(now, code, &letter.route);
        self.taps.forget(&id);
        self.events.push_back(Event::Undelivered { target, route: letter.route, reason });
        if self.log.kind(target) == Some(DeviceKind::Esme) {
            // Whichever way the message came.
            self.raise(now, alert::Subject::not_delivered(&id));
        }
    }

    /// Raise an Alert of the CHF; it goes the way of every Alert.
    pub fn raise(&mut self, now: Time, subject: alert::Subject) {
        let Some(identity) = &mut self.chf_identity else { return };
        match subject.raise(&self.crypto, identity, now) {
            Some(alert) => {
                self.dirty = true;
                // A discard is an event of its own.
                let _ = self.take(now, Source::Function(Function::Chf), &alert);
            }
            None => self.counters.count("alert_failed"),
        }
    }

    fn discard(&mut self, source: Source, route: Option<Route>, reason: Reason) -> Reason {
        self.counters.count(reason.name());
        self.events.push_back(Event::Discarded { source, route, reason });
        reason
    }

    fn watch_malformed(&mut self, now: Time, source: Source) {
        let Source::Device(eui) = source else { return };
        let carrier = matches!(self.log.kind(eui), Some(DeviceKind::Ppmid | DeviceKind::Hht));
        if carrier && self.malformed.count(now, eui, self.settings.malformed_per_hour, &self.log) {
            self.write_log(now, log_code::UNUSUAL_NUMBER_OF_MALFORMED, None);
        }
    }

    /// Only Commands are logged by their passing (han.md 6.8).
    fn log_command(&mut self, now: Time, code: u16, route: &Route) {
        if route.id.cra == Cra::Command {
            self.write_log(now, code, Some(route.code));
        }
    }

    pub fn write_log(&mut self, now: Time, code: u16, message: Option<MessageCode>) {
        let entry = LogEntry { time: now, code, message };
        // What any device can provoke at will neither fills the log nor wears the storage out.
        if message.is_none() && self.event_log.has_recent(&entry) {
            return;
        }
        self.event_log.write(entry);
        self.events.push_back(Event::Logged(entry));
        self.dirty |= message.is_some();
    }

    /// Write into the GPF's own log.
    pub fn write_gpf_log(&mut self, now: Time, code: u16, message: Option<MessageCode>) {
        let entry = LogEntry { time: now, code, message };
        if message.is_none() && self.gpf_log.has_recent(&entry) {
            return;
        }
        self.gpf_log.write(entry);
        self.events.push_back(Event::GpfLogged(entry));
        self.dirty |= message.is_some();
    }

    /// Do what was for a time that has come, and drop what waited too long: in mailboxes, for tunnels that a device must open, and an
    /// HHT that fell silent (given back).
    pub fn expire(&mut self, now: Time) -> Option<Eui64> {
        let expiry = self.settings.mailbox_expiry;
        for at in 0..self.mailboxes.len() {
            let gsme = self.mailboxes[at].0;
            for letter in self.mailboxes[at].1.expire(now, expiry) {
                self.undelivered(now, gsme, &letter, Undelivered::Expired);
            }
        }
        let held = |t: &mut Transit| t.ticket.is_none() && now >= t.letter.taken + expiry;
        let expired: Vec<Transit> = self.transits.extract_if(.., held).collect();
        for transit in expired {
            let reason = Undelivered::Tunnel(TransferFailure::NoTunnel);
            self.undelivered(now, transit.peer, &transit.letter, reason);
        }
        self.execute_due(now);
        let hht = self.log.hht().filter(|hht| now >= hht.last_heard + self.settings.hht_idle);
        hht.map(|hht| hht.entry.eui)
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn next_expiry(&self) -> Option<Time> {
        let expiry = self.settings.mailbox_expiry;
        let mailboxes = self.mailboxes.iter().filter_map(|(_, mailbox)| mailbox.next_expiry(expiry));
        let held = self.transits.iter().filter(|t| t.ticket.is_none()).map(|t| t.letter.taken + expiry);
        let hht = self.log.hht().map(|hht| hht.last_heard + self.settings.hht_idle);
        let dated = [&self.chf_identity, &self.gpf_identity].into_iter().flatten().filter_map(Identity::next_due);
        mailboxes.chain(held).chain(hht).chain(dated).min()
    }

    /// Execute what Commands for the hub's functions said is for now.
    fn execute_due(&mut self, now: Time) {
        for function in [Function::Chf, Function::Gpf] {
            let identity = match function {
                Function::Chf => &mut self.chf_identity,
                Function::Gpf => &mut self.gpf_identity,
            };
            let actioned =
                identity.as_mut().map(|identity| identity.execute_due(&self.crypto, now)).unwrap_or_default();
            for Actioned { code, succeeded, alert } in actioned {
                self.dirty = true;
                let line = if succeeded { log_code::COMMAND_PASSED } else { log_code::COMMAND_NOT_PASSED };
                match function {
                    Function::Chf => self.write_log(now, line, Some(code)),
                    Function::Gpf => self.write_gpf_log(now, line, Some(code)),
                }
                self.events.push_back(Event::Actioned { function, code, succeeded });
                match alert {
                    Some(alert) => self.say(now, function, &alert),
                    None => self.counters.count("alert_failed"),
                }
            }
        }
    }

    /// What waits for a device that left goes with it.
    pub fn forget(&mut self, now: Time, eui: Eui64) {
        let lost: Vec<Transit> = self.transits.extract_if(.., |t| t.peer == eui).collect();
        let mailbox = self.mailboxes.iter().position(|(e, _)| *e == eui).map(|at| self.mailboxes.swap_remove(at).1);
        let fetched = mailbox.iter().flat_map(Mailbox::letters).cloned().map(|letter| (eui, letter));
        let lost: Vec<_> = lost.into_iter().map(|t| (t.peer, t.letter)).chain(fetched).collect();
        for (target, letter) in lost {
            self.undelivered(now, target, &letter, Undelivered::DeviceRemoved);
        }
        self.budgets.forget(eui);
        self.proxy.forget(eui);
        self.gas.forget(eui);
    }

    pub fn mailbox(&self, gsme: Eui64) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|(eui, _)| *eui == gsme).map(|(_, mailbox)| mailbox)
    }

    pub fn mailbox_mut(&mut self, gsme: Eui64) -> &mut Mailbox {
        let at = self.mailboxes.iter().position(|(eui, _)| *eui == gsme).unwrap_or_else(|| {
            self.mailboxes.push((gsme, Mailbox::default()));
            self.mailboxes.len() - 1
        });
        &mut self.mailboxes[at].1
    }

    /// Everything to keep but the frame counters.
    pub fn record(&self) -> Record {
        Record {
            frame_counters: Default::default(),
            devices: self.log.clone(),
            join_timeout: self.join_timeout,
            chf: self.chf_identity.as_ref().map(|identity| identity.record().clone()).unwrap_or_default(),
            gpf_identity: self.gpf_identity.as_ref().map(|identity| identity.record().clone()).unwrap_or_default(),
            wan: self.wan.iter().cloned().collect(),
            mailboxes: (self.mailboxes.iter())
                .flat_map(|(gsme, mailbox)| mailbox.letters().map(|letter| (*gsme, letter.clone())))
                .collect(),
            transits: self.transits.iter().map(|t| (t.peer, t.letter.clone())).collect(),
            carriers: self.carriers.iter().copied().collect(),
            taps: self.taps.iter().map(|(_, parts)| parts.clone()).collect(),
            gpf: self.proxy.clone(),
            log: self.event_log.iter().copied().collect(),
            gpf_log: self.gpf_log.iter().copied().collect(),
        }
    }

    /// Put back what a record kept; what is for a device no longer listed is lost, and told.
    pub fn restore(&mut self, now: Time, record: Record) {
        for (identity, record) in [(&mut self.chf_identity, record.chf), (&mut self.gpf_identity, record.gpf_identity)]
        {
            if let Some(identity) = identity {
                identity.restore(&self.crypto, record);
            }
        }
        self.join_timeout = record.join_timeout;
        for parcel in record.wan {
            self.wan.push(parcel);
        }
        for entry in record.log {
            self.event_log.write(entry);
        }
        record.gpf_log.into_iter().for_each(|entry| self.gpf_log.write(entry));
        for carried in record.carriers {
            self.carriers.remember(carried, self.settings.remember_messages, self.settings.remember_for);
        }
        self.taps = Taps::restored(record.taps);
        self.proxy = record.gpf;
        for (gsme, letter) in record.mailboxes {
            if self.log.kind(gsme) == Some(DeviceKind::Gsme) {
                self.mailbox_mut(gsme).push(letter);
            } else {
                self.undelivered(now, gsme, &letter, Undelivered::DeviceRemoved);
            }
        }
        for (peer, letter) in record.transits {
            if self.log.kind(peer).is_some() {
                self.transits.push(Transit { peer, letter, ticket: None });
                self.actions.push_back(Action::Dispatch(peer));
            } else {
                self.undelivered(now, peer, &letter, Undelivered::DeviceRemoved);
            }
        }
    }
}
