//! What stands between a request that passed every check and the Command that is made of it: anomaly detection, the request that
//! precedes it, its date (DUIS 4.7, 4.8, 5.3). No MAC is given before the last of them is passed, and so nothing is handed out
//! for local delivery either.
use super::{Gateway, Made, refused};
use crate::access::{Allowed, Failure, Origin, Refused, codes};
use crate::anomaly::{Attribute, Breach, FileFault, Level, Thresholds};
use crate::sequence::{self, Turn};
use crate::store::Transaction;
use crate::store::{Acceptance, Gate, Stage, Step, held};
use duis::body::dcc::ScheduleId;
use duis::catalogue::Criticality;
use duis::response::alert::{self, Quarantined};
use duis::xml::value::Integer;
use duis::{Content, DccAlert, DccEvent, Execution, RequestId, Response, ResponseBody, ResponseCode, SchemaVersion};
use gbcs::Time;
use std::sync::Arc;
use tracing::{info, warn};

/// Under which name the thresholds are kept.
const THRESHOLDS: &str = "anomaly-thresholds";

/// Why thresholds are not taken.
#[derive(Debug, thiserror::Error)]
pub enum ThresholdFault {
    /// Not the file.
    #[error(transparent)]
    File(#[from] FileFault),
    /// They cannot be kept.
    #[error(transparent)]
    Store(#[from] rusqlite::Error),
}

impl Gateway {
    /// The gate that keeps a request from being processed now, of those it has not passed. `values` are what it carries that may
    /// have limits; `None` when the DCC cannot tell, because the User made the Pre-Command of a Signed one himself.
    pub(super) fn gate(
        &self,
        allowed: &Allowed<'_>,
        execution: Execution,
        values: Option<&[(Attribute, i64)]>,
        now: Time,
    ) -> Result<Option<Gate>, Failure> {
        let header = &allowed.request.header;
        let passed = match &allowed.origin {
            Origin::User => None,
            Origin::Held(held) => Some(held),
            // Made by the DCC, at its time.
            Origin::Schedule(_) => return Ok(None),
        };
        let waits_for_date = allowed.entry.future_dating.dcc && !allowed.entry.future_dating.device;
        if let (None, Execution::At(at)) = (passed, execution) {
            self.check_date(allowed, at, now)?;
        }
        if passed.is_none()
            && let Some(breach) = self.measure(allowed, values, now)?
        {
            return Ok(Some(Gate::Quarantine(breach)));
        }
        if let Some(preceding) = sequence::predecessor(header)?
            && passed.is_none_or(|held| held.step <= Step::Sequence)
            && let Turn::After(preceding) = sequence::turn(header, preceding, self.ending(preceding)?)?
        {
            let until = match passed.filter(|held| held.step == Step::Sequence).and_then(|held| held.due) {
                Some(until) if until <= now => {
                    let reason = format!("{preceding}, which precedes it, did not end in time");
                    return Err(refused(&allowed.request, codes::waited_too_long(), reason));
                }
                Some(until) => until,
                None => now + self.config.limits.sequence,
            };
            return Ok(Some(Gate::Sequence { preceding, until }));
        }
        match execution {
            Execution::At(at) if waits_for_date && at > now => Ok(Some(Gate::Date(at))),
            _ => Ok(None),
        }
    }

    /// Keep an accepted request at a gate. In quarantine the User is told by an alert, otherwise by nothing but the
    /// acknowledgement.
    pub(super) fn hold(&self, allowed: &Allowed<'_>, stage: Stage, gate: &Gate, now: Time) -> Result<Made, Failure> {
        let (id, srv) = (allowed.request.header.id, allowed.request.header.srv);
        let made = Made { code: ResponseCode::I99, content: Content::Acknowledgement };
        let document = (stage == Stage::Request).then_some(allowed.document);
        let acceptance = Acceptance { document, ..Acceptance::new(&allowed.request, stage, now) };
        self.settle(allowed, &acceptance, &made, |transaction| {
            let row = held::hold(transaction, id, srv, gate, allowed.document, now)?;
            match gate {
                Gate::Quarantine(breach) => self.tell_of_quarantine(transaction, id, row, *breach, now),
                _ => Ok(()),
            }
        })?;
        info!(request = %id, ?gate, "held");
        self.changed.notify_one();
        Ok(made)
    }

    /// Accept a request, or go on with one that was accepted before. What was made of it is the User's answer: of one that
    /// waited the answer is told later, where it is more than a word.
    pub(super) fn settle<T>(
        &self,
        allowed: &Allowed<'_>,
        acceptance: &Acceptance<'_>,
        made: &Made,
        effects: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let request = &allowed.request;
        match &allowed.origin {
            Origin::User => self.store_once(request, acceptance, effects),
            Origin::Held(held) => {
                let (id, srv) = (request.header.id, request.header.srv);
                let resumed = self.store.resume_with(held.row, acceptance, |transaction| {
                    if made.content != Content::Acknowledgement {
                        let answer = Response::answer(id, srv, made.code.clone(), acceptance.now, made.content.clone());
                        self.tell(transaction, id.originator, &format!("{id} answer"), &answer, None)?;
                    }
                    if held.step == Step::Date && acceptance.command.is_some() {
                        crate::store::dated::kept(transaction, id, srv)?;
                    }
                    effects(transaction)
                })?;
                resumed.ok_or_else(|| Failure::Internal(format!("{id} waits no longer")))
            }
            Origin::Schedule(run) => self.store_once(request, acceptance, |transaction| {
                let mine = crate::store::schedules::advance(transaction, run.schedule, run.due, run.next)?;
                if !mine {
                    return Err(Failure::Internal(format!("schedule {} does not run now", run.schedule)));
                }
                crate::store::schedules::link(transaction, request.header.id, run.schedule)?;
                effects(transaction)
            }),
        }
    }

    /// A service of the DCC alone is performed now or not at all: the request that precedes it has succeeded.
    pub(super) fn check_turn(&self, allowed: &Allowed<'_>) -> Result<(), Failure> {
        let header = &allowed.request.header;
        if let Some(preceding) = sequence::predecessor(header)? {
            sequence::turn(header, preceding, self.ending(preceding)?)?;
        }
        Ok(())
    }

    /// How a request ended, seen by one that comes after it. A service of the DCC alone is performed when it is accepted.
    fn ending(&self, id: RequestId) -> Result<Option<sequence::Ending>, Failure> {
        if let Some(ending) = self.store.ending(id)? {
            return Ok(Some(ending));
        }
        let entry = self.store.service_of(id)?.and_then(duis::catalogue::by_srv);
        Ok(entry.filter(|entry| entry.criticality == Criticality::NonDevice).map(|_| sequence::Ending::Succeeded))
    }

    /// A date is not far ahead, and not behind.
    fn check_date(&self, allowed: &Allowed<'_>, at: Time, now: Time) -> Result<(), Failure> {
        let limits = &self.config.limits;
        let reason = match () {
            () if at + limits.past < now => format!("{at} is in the past"),
            () if at > now + limits.future => format!("{at} is too far ahead"),
            () => return Ok(()),
        };
        Err(refused(&allowed.request, codes::bad_date(), reason))
    }

    /// Count a request, and look at its values: whether it is to be set aside.
    fn measure(
        &self,
        allowed: &Allowed<'_>,
        values: Option<&[(Attribute, i64)]>,
        now: Time,
    ) -> Result<Option<Breach>, Failure> {
        let thresholds = self.thresholds();
        let header = &allowed.request.header;
        let (user, srv) = (header.id.originator, header.srv);
        let all: Vec<_> = thresholds.of(user, srv).collect();
        let since: Vec<Time> = all.iter().map(|(_, threshold)| threshold.since(now)).collect();
        let counts = if all.is_empty() { Vec::new() } else { self.store.measure(header.id, srv, now, &since)? };
        let beyond = match values {
            Some(values) => thresholds.beyond(srv, values),
            None => thresholds.limits_of(srv).then_some((Attribute::Price, 0)),
        };
        if let Some((attribute, value)) = beyond {
            warn!(request = %header.id, %srv, ?attribute, value, known = values.is_some(), "a value is outside its limits");
            return Ok(Some(Breach::AttributeLimits));
        }
        let mut breach = None;
        for ((whose, threshold), count) in all.into_iter().zip(counts) {
            match threshold.judge(count) {
                Level::Normal => {}
                Level::Warning => {
                    warn!(%user, %srv, ?whose, count, period = threshold.period_seconds, "the warning threshold is exceeded");
                }
                Level::Quarantine => breach = breach.or(Some(whose)),
            }
        }
        Ok(breach)
    }

    /// The DCC alert about a request that is set aside.
    fn tell_of_quarantine(
        &self,
        transaction: &Transaction<'_>,
        id: RequestId,
        row: i64,
        breach: Breach,
        now: Time,
    ) -> Result<(), Failure> {
        let reference = Integer::new(i128::from(row)).ok_or_else(|| Failure::Internal(format!("reference {row}")))?;
        let body = alert::Breach { request: id, reference };
        let (number, body) = match breach {
            Breach::User => (46, Quarantined::User(body)),
            Breach::Dcc => (47, Quarantined::Dcc(body)),
            Breach::AttributeLimits => (48, Quarantined::Attribute(body)),
        };
        let event = DccEvent::Quarantined(body);
        self.tell_event(transaction, id.originator, &format!("quarantine {row}"), number, event, now)
    }

    /// A DCC alert for a User, with code N`number`.
    pub(super) fn tell_event(
        &self,
        transaction: &Transaction<'_>,
        user: gbcs::Eui64,
        key: &str,
        number: u16,
        event: DccEvent,
        now: Time,
    ) -> Result<(), Failure> {
        self.tell(transaction, user, key, &dcc_alert(number, event, now), None)
    }

    /// The thresholds of anomaly detection.
    pub fn thresholds(&self) -> Arc<Thresholds> {
        self.thresholds.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Other thresholds from now on, and after a restart: the JSON of [`Thresholds`].
    pub fn set_thresholds(&self, json: &str) -> Result<(), ThresholdFault> {
        let thresholds = Thresholds::parse(json)?;
        Self::store_thresholds(&self.store, &thresholds)?;
        *self.thresholds.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(thresholds);
        Ok(())
    }

    pub(super) fn store_thresholds(store: &crate::store::Store, thresholds: &Thresholds) -> rusqlite::Result<()> {
        store.set(THRESHOLDS, &thresholds.to_json())
    }

    /// The thresholds that were told last.
    pub(super) fn stored_thresholds(store: &crate::store::Store) -> rusqlite::Result<Thresholds> {
        let Some(json) = store.setting(THRESHOLDS)? else { return Ok(Thresholds::default()) };
        Thresholds::parse(&json)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
    }
}

/// A DCC alert with code N`number`.
pub(super) fn dcc_alert(number: u16, event: DccEvent, now: Time) -> Response {
    let code = duis::response::DccAlertCode::N(number);
    let alert = DccAlert { code, throttled_sequence: None, throttled_count: None, event };
    Response {
        version: SchemaVersion::CURRENT,
        request_id: None,
        response_id: None,
        code: ResponseCode::I0,
        date_time: now,
        body: ResponseBody::DccAlert(alert),
    }
}

/// A schedule's number as documents carry it.
pub(super) fn schedule_id(id: i64) -> Result<ScheduleId, Failure> {
    u64::try_from(id).ok().and_then(ScheduleId::new).ok_or_else(|| Failure::Internal(format!("schedule {id}")))
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}
