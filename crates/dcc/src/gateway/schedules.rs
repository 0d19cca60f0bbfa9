//! SRV 5.1, 5.2, 5.3, and the runs of schedules (DUIS 4.7). A run is a request that the DCC makes for the User, under the counter
//! above all that the User has used for the device; who originates its Command is decided as for any request (DUIS 4.5).
use super::gates::{dcc_alert, schedule_id};
use super::{Gateway, Made, refused};
use crate::access::{self, Allowed, Failure, Origin, Refused, Run, codes};
use crate::inventory::DeviceStatus;
use crate::schedule::{self, ScheduleFault};
use crate::store::Transaction;
use crate::store::{Acceptance, Schedule, Stage, schedules};
use duis::body::dcc::{CreateSchedule, WhichSchedule};
use duis::response::alert::{CommandFailure, ScheduleRemoval};
use duis::response::answer;
use duis::xml::{Document, List};
use duis::{Body, CommandVariant, Content, DccEvent, Request, RequestId, ResponseCode, Service};
use gbcs::{Counter, Eui64, Time};
use tracing::{info, warn};

/// DCC alert codes for a schedule that is dropped: no public text gives their numbers, and the body says what happened.
mod alerts {
    pub(super) const DEVICE_GONE: u16 = 4;
    pub(super) const NOT_RESPONSIBLE: u16 = 5;
    /// A Command failed before it was sent.
    pub(super) const NOT_MADE: u16 = 7;
}

impl Gateway {
    /// SRV 5.1: everything that a run would be checked for is checked now too.
    pub(super) fn create_schedule(
        &self,
        allowed: &Allowed<'_>,
        wanted: &CreateSchedule,
        now: Time,
    ) -> Result<Made, Failure> {
        let request = &allowed.request;
        let id = request.header.id;
        let faulty = |fault: ScheduleFault| refused(request, fault.response_code(), fault.to_string());
        schedule::check(wanted).map_err(faulty)?;
        let next = schedule::next_run(wanted, now).ok_or(ScheduleFault::Over).map_err(faulty)?;
        let run = self.run_request(id.originator, wanted, next, Counter(id.counter.0));
        let run = run.ok_or(ScheduleFault::Period).map_err(faulty)?;
        // Refused as the run would be, but it is this request that is answered.
        let readdressed = |failure| match failure {
            Failure::Refused(Refused { code, reason, .. }) => refused(request, code, reason),
            internal => internal,
        };
        let trial = access::admit(
            &self.config,
            &self.store,
            Service::SendCommand,
            "",
            run,
            Origin::Schedule(Run { schedule: 0, due: next, next: None }),
            now,
        )
        .map_err(readdressed)?;
        self.transformed(&trial, now).map_err(readdressed)?;
        let made = Made { code: ResponseCode::I0, content: Content::Acknowledgement };
        let number = self.settle(allowed, &Acceptance::new(request, Stage::Request, now), &made, |transaction| {
            let most = self.config.limits.schedules;
            if schedules::schedules(transaction, wanted.device, Some(id.originator))?.len() >= most {
                return Err(faulty(ScheduleFault::TooMany(most)));
            }
            Ok(schedules::create(transaction, id, wanted.device, next, allowed.document)?)
        })?;
        info!(request = %id, schedule = number, device = %wanted.device, %next, "a schedule");
        self.changed.notify_one();
        Ok(Made { content: Content::Schedule(schedule_id(number)?), ..made })
    }

    /// SRV 5.2: a User's own schedules.
    pub(super) fn read_schedules(
        &self,
        allowed: &Allowed<'_>,
        which: &WhichSchedule,
        now: Time,
    ) -> Result<Made, Failure> {
        let request = &allowed.request;
        let made = Made { code: ResponseCode::I0, content: Content::Acknowledgement };
        let found = self.settle(allowed, &Acceptance::new(request, Stage::Request, now), &made, |transaction| {
            self.which(transaction, request, which, codes::no_schedule_to_read())
        })?;
        let listed: Vec<_> = found
            .iter()
            .take(99)
            .map(|schedule| Ok(answer::Schedule { id: schedule_id(schedule.id)?, details: details(schedule)? }))
            .collect::<Result<_, Failure>>()?;
        let schedules = List::new(listed).ok_or_else(|| Failure::Internal("no schedule found".into()))?;
        Ok(Made { content: Content::Schedules(answer::Schedules { schedules }), ..made })
    }

    /// SRV 5.3: one of a User's own schedules, or all of them for a device.
    pub(super) fn delete_schedules(
        &self,
        allowed: &Allowed<'_>,
        which: &WhichSchedule,
        now: Time,
    ) -> Result<Made, Failure> {
        let request = &allowed.request;
        let made = Made { code: ResponseCode::I99, content: Content::Acknowledgement };
        self.settle(allowed, &Acceptance::new(request, Stage::Request, now), &made, |transaction| {
            for schedule in self.which(transaction, request, which, codes::no_schedule_to_delete())? {
                schedules::remove(transaction, schedule.id)?;
            }
            Ok(())
        })?;
        Ok(made)
    }

    /// A User's own schedules that a request names; refused when there are none.
    fn which(
        &self,
        transaction: &Transaction<'_>,
        request: &Request,
        which: &WhichSchedule,
        none: ResponseCode,
    ) -> Result<Vec<Schedule>, Failure> {
        let user = request.header.id.originator;
        let (found, name) = match which {
            WhichSchedule::Schedule(id) => {
                let number = id.get();
                let one =
                    i64::try_from(number).ok().map(|id| schedules::schedule(transaction, id)).transpose()?.flatten();
                // Another User's schedule is as good as none.
                (one.filter(|schedule| schedule.user == user).into_iter().collect(), format!("schedule {number}"))
            }
            WhichSchedule::Device(device) => {
                (schedules::schedules(transaction, *device, Some(user))?, format!("schedule for device {device}"))
            }
        };
        if Vec::is_empty(&found) { Err(refused(request, none, format!("{user} has no {name}"))) } else { Ok(found) }
    }

    /// A run that is due. Its time is over when its request is accepted, or when it is known that nothing will come of it.
    pub(super) fn run_schedule(&self, schedule: &Schedule, now: Time) -> Result<(), Failure> {
        let Some(due) = schedule.next else { return Ok(()) };
        let wanted = details(schedule)?;
        let next = schedule::next_run(&wanted, due);
        let oldest = Time(now.0.saturating_sub(self.config.limits.catch_up.as_millis() as u64));
        if due < oldest {
            let next = schedule::next_run(&wanted, Time(oldest.0.saturating_sub(1)));
            warn!(schedule = schedule.id, %due, "runs were missed too long ago to make up for");
            self.store.transact(|transaction| schedules::advance(transaction, schedule.id, due, next))?;
            return Ok(());
        }
        let highest = self.store.highest_counter(schedule.user, schedule.device)?;
        let counter = Counter(highest.0.saturating_add(1));
        let id = RequestId { originator: schedule.user, target: schedule.device, counter };
        let outcome = self
            .run_request(schedule.user, &wanted, due, counter)
            .ok_or_else(|| Failure::Internal(format!("schedule {} asks for nothing", schedule.id)))
            .and_then(|request| {
                let origin = Origin::Schedule(Run { schedule: schedule.id, due, next });
                let (config, store) = (&self.config, &self.store);
                let allowed = access::admit(config, store, Service::SendCommand, "", request, origin, now)?;
                self.process(&allowed, now)
            });
        match outcome {
            Ok(_) => {
                info!(schedule = schedule.id, request = %id, %due, "a schedule ran");
                Ok(())
            }
            Err(Failure::Refused(refusal)) => self.run_refused(schedule, id, due, next, &refusal, now),
            Err(Failure::Internal(error)) => {
                // Another may have removed it meanwhile; otherwise it is tried again at the next look.
                match self.store.schedule(schedule.id)?.is_some_and(|now| now.next == Some(due)) {
                    true => Err(Failure::Internal(error)),
                    false => Ok(()),
                }
            }
        }
    }

    /// A run that is refused: the schedule goes where the User or the device has gone; otherwise this run alone fails.
    fn run_refused(
        &self,
        schedule: &Schedule,
        id: RequestId,
        due: Time,
        next: Option<Time>,
        refusal: &Refused,
        now: Time,
    ) -> Result<(), Failure> {
        warn!(schedule = schedule.id, code = refusal.code.as_str(), reason = refusal.reason, "a run is refused");
        let status = self.store.device(schedule.device)?.map(|device| device.status);
        let is_gone = status.is_none_or(|s| matches!(s, DeviceStatus::Decommissioned | DeviceStatus::Withdrawn));
        self.store.transact(|transaction| {
            if is_gone || refusal.code == ResponseCode::E4 {
                let number = if is_gone { alerts::DEVICE_GONE } else { alerts::NOT_RESPONSIBLE };
                return self.remove_schedule(transaction, schedule, number, now);
            }
            if schedules::advance(transaction, schedule.id, due, next)? {
                let number = Some(schedule_id(schedule.id)?);
                let failure = CommandFailure { request: id, schedule: number, device: schedule.device };
                let key = format!("schedule {} {}", schedule.id, due.0);
                let event = DccEvent::CommandFailure(failure);
                self.tell_event(transaction, schedule.user, &key, alerts::NOT_MADE, event, now)?;
            }
            Ok(())
        })
    }

    /// A device is gone, or its supplier is another: schedules for it go, and their Users are told. `of` alone, or all but
    /// those of Users who stay.
    pub(super) fn end_schedules(
        &self,
        transaction: &Transaction<'_>,
        device: Eui64,
        of: Option<Eui64>,
        now: Time,
    ) -> Result<(), Failure> {
        let number = if of.is_some() { alerts::NOT_RESPONSIBLE } else { alerts::DEVICE_GONE };
        for schedule in schedules::schedules(transaction, device, of)? {
            self.remove_schedule(transaction, &schedule, number, now)?;
        }
        Ok(())
    }

    fn remove_schedule(
        &self,
        transaction: &Transaction<'_>,
        schedule: &Schedule,
        number: u16,
        now: Time,
    ) -> Result<(), Failure> {
        if !schedules::remove(transaction, schedule.id)? {
            return Ok(());
        }
        info!(schedule = schedule.id, device = %schedule.device, "a schedule is removed");
        let removal = ScheduleRemoval { device: schedule.device, schedule: schedule_id(schedule.id)? };
        let alert = dcc_alert(number, DccEvent::ScheduleRemoval(removal), now);
        self.tell(transaction, schedule.user, &format!("schedule {} removed", schedule.id), &alert, None)
    }

    /// The request of a run.
    fn run_request(&self, user: Eui64, wanted: &CreateSchedule, due: Time, counter: Counter) -> Option<Request> {
        let id = RequestId { originator: user, target: wanted.device, counter };
        let srv = schedule::service(wanted).ok()?;
        Some(Request::new(id, srv, CommandVariant::Send, schedule::body(wanted, due)?))
    }
}

/// What the request of a schedule asked for.
fn details(schedule: &Schedule) -> Result<CreateSchedule, Failure> {
    let request = Document::parse(&schedule.document).and_then(|document| Request::parse(&document));
    match request.map(|request| request.body) {
        Ok(Body::CreateSchedule(wanted)) => Ok(wanted),
        Ok(_) => Err(Failure::Internal(format!("schedule {} was made by another service", schedule.id))),
        Err(error) => Err(super::internal(error)),
    }
}
