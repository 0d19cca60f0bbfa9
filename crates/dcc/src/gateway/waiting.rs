//! Requests that wait: gone on with when their time has come, cancelled, released, dropped. Time is an argument: [`Gateway::tick`]
//! does what is due and says when to come again.
use super::{Gateway, Made, internal, refused};
use crate::access::{self, Allowed, Failure, Origin, Refused, codes};
use crate::anomaly::Decision;
use crate::sequence::Ending;
use crate::store::Transaction;
use crate::store::{Acceptance, Held, Stage, Step, held};
use duis::xml::Document;
use duis::{Content, Request, Response, ResponseCode};
use gbcs::Time;
use std::time::Duration;
use tracing::{info, warn};

/// How often what nobody needs is looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// When to come again after the stand-in itself failed.
const RETRY: Duration = Duration::from_secs(1);

/// What a look at the clock did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// When to look again, if nothing is changed before.
    pub next: Time,
    /// Whether there may be something to send or to tell.
    pub acted: bool,
}

/// What became of a request in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is processed, or waits for something else now.
    Released,
    /// It is dropped, and the User told.
    Deleted,
    /// Nothing is in quarantine under this reference.
    Unknown,
}

impl Gateway {
    /// Do what is due at this time.
    pub fn tick(&self, now: Time) -> Result<Tick, Failure> {
        let mut acted = false;
        loop {
            let ready = self.store.ready(now)?;
            let schedules = self.store.due_schedules(now)?;
            let untold = self.store.untold(now)?;
            if ready.is_empty() && schedules.is_empty() && untold.is_empty() {
                break;
            }
            acted = true;
            for held in ready {
                self.resume_or_put_off(held, now)?;
            }
            for (id, srv) in untold {
                self.lose_date(id, srv, now)?;
            }
            // A schedule that cannot run keeps none of the others from it.
            let mut stuck = false;
            for schedule in schedules {
                if let Err(error) = self.run_schedule(&schedule, now) {
                    warn!(schedule = schedule.id, ?error, "a schedule could not run; again soon");
                    stuck = true;
                }
            }
            if stuck {
                return Ok(Tick { next: now + RETRY, acted });
            }
        }
        let collapsed = self.tell_collapsed(now)?;
        let next = [Some(self.sweep(now)?), self.store.next_due()?, collapsed].into_iter().flatten().min();
        Ok(Tick { next: next.unwrap_or(now).max(now), acted })
    }

    /// Decide about requests in quarantine, each on its own.
    pub fn decide(&self, decision: &Decision, now: Time) -> Result<Vec<(u64, Decided)>, Failure> {
        let release = decision.release.iter().map(|reference| (*reference, true));
        let delete = decision.delete.iter().map(|reference| (*reference, false));
        release
            .chain(delete)
            .map(|(reference, is_released)| Ok((reference, self.decide_one(reference, is_released, now)?)))
            .collect()
    }

    fn decide_one(&self, reference: u64, is_released: bool, now: Time) -> Result<Decided, Failure> {
        let held = i64::try_from(reference).ok().map(|row| self.store.held(row)).transpose()?.flatten();
        let Some(held) = held.filter(|held| held.step == Step::Quarantine) else { return Ok(Decided::Unknown) };
        info!(request = %held.id, reference, is_released, "a decision about a request in quarantine");
        if is_released {
            self.resume(held, now)?;
            return Ok(Decided::Released);
        }
        self.drop_held(&held, codes::deleted(), now)?;
        Ok(Decided::Deleted)
    }

    /// A request that says: forget what I asked of this service for this device and that waits for its date (DUIS 4.7).
    pub(super) fn cancel(&self, allowed: &Allowed<'_>, now: Time) -> Result<Made, Failure> {
        let request = &allowed.request;
        let (id, srv) = (request.header.id, request.header.srv);
        let made = Made { code: ResponseCode::I0, content: Content::Acknowledgement };
        let acceptance = Acceptance { local: false, ..Acceptance::new(request, Stage::Request, now) };
        self.settle(allowed, &acceptance, &made, |transaction| {
            let waiting = held::dated(transaction, id.originator, id.target, srv)?;
            if waiting.is_empty() {
                let reason = format!("no request for {srv} to {} waits for its date", id.target);
                return Err(refused(request, codes::nothing_to_cancel(), reason));
            }
            for held in waiting {
                held::let_go(transaction, held.row)?;
                self.fail(transaction, &held, codes::cancelled(), now)?;
            }
            Ok(held::end(transaction, id, Ending::Succeeded, now)?)
        })?;
        self.changed.notify_one();
        Ok(made)
    }

    fn resume_or_put_off(&self, held: Held, now: Time) -> Result<(), Failure> {
        let (id, row) = (held.id, held.row);
        match self.resume(held, now) {
            Err(Failure::Internal(error)) => {
                warn!(request = %id, error, "a request that waits could not be processed; again soon");
                Ok(self.store.put_off(row, now + RETRY)?)
            }
            done => done,
        }
    }

    /// Go on with a request behind its gate: everything is checked anew, as of now.
    fn resume(&self, held: Held, now: Time) -> Result<(), Failure> {
        let document = held.document.clone();
        let outcome = self.reread(&document).and_then(|request| {
            let service = request.header.variant.service().ok_or_else(|| internal("a request without a service"))?;
            let origin = Origin::Held(held.clone());
            let allowed = access::check(&self.config, &self.store, service, &document, origin, now)?;
            self.process(&allowed, now)
        });
        match outcome {
            Ok(made) => {
                info!(request = %held.id, code = made.code.as_str(), "a request that waited is processed");
                Ok(())
            }
            Err(Failure::Refused(Refused { code, reason, .. })) => {
                warn!(request = %held.id, code = code.as_str(), reason, "a request that waited is refused");
                self.drop_held(&held, code, now)
            }
            Err(internal) => Err(internal),
        }
    }

    fn reread(&self, document: &str) -> Result<Request, Failure> {
        Document::parse(document).and_then(|document| Request::parse(&document)).map_err(internal)
    }

    /// Nothing is made of a request that waited, and the User is told so.
    fn drop_held(&self, held: &Held, code: ResponseCode, now: Time) -> Result<(), Failure> {
        self.store.transact(|transaction| match held::let_go(transaction, held.row)? {
            true => self.fail(transaction, held, code, now),
            false => Ok(()),
        })?;
        self.changed.notify_one();
        Ok(())
    }

    fn fail(&self, transaction: &Transaction<'_>, held: &Held, code: ResponseCode, now: Time) -> Result<(), Failure> {
        held::end(transaction, held.id, Ending::Failed, now)?;
        let answer = Response::answer(held.id, held.srv, code, now, Content::Acknowledgement);
        self.tell(transaction, held.id.originator, &format!("{} answer", held.id), &answer, None)
    }

    /// Forget what nobody needs, now and then; when next.
    fn sweep(&self, now: Time) -> Result<Time, Failure> {
        let mut next = self.next_sweep.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *next <= now {
            let swept = self.store.sweep(now, &self.config.limits, self.thresholds().longest())?;
            if swept.rows > 0 {
                info!(rows = swept.rows, "forgot what nobody needs");
            }
            *next = if swept.more { now + RETRY } else { now + SWEEP };
        }
        Ok(*next)
    }
}
