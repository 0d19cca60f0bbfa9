//! When a DCC schedule runs and what it then asks (SRV 5.1; DUIS 4.7): a function of the schedule and of a time, no clock.
use duis::body::ReadLogPeriod;
use duis::body::dcc::{CreateSchedule, Frequency, ReadLogPeriodOffset, ScheduledRead};
use duis::catalogue::{self, BodyShape, Entry};
use duis::xml::value::{Day, TimeOfDay};
use duis::{Body, Execution, ResponseCode, Srv};
use gbcs::Time;
use gbcs::time::Civil;
use std::time::Duration;

const DAY: u64 = 86_400_000;

/// What is wrong with a schedule. The schema has ten codes for SRV 5.1 and no public text says which is which: the
/// assignment is the stand-in's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleFault {
    /// The two references, or the service and what is to be read, do not belong together.
    #[error("the service references and what is to be read do not belong together")]
    Service,
    /// It would never run: no occurrence is left before its end.
    #[error("no run is left before its end")]
    Over,
    /// It reads from a time to an earlier one.
    #[error("what it reads ends before it starts")]
    Period,
    /// The service takes no certificate.
    #[error("this service takes no certificate")]
    Certificate,
    /// The User has as many schedules for this device as he may.
    #[error("the User has {0} schedules for this device, which is all he may have")]
    TooMany(usize),
}

impl ScheduleFault {
    /// What the User is told.
    pub fn response_code(self) -> ResponseCode {
        let text = match self {
            Self::Service => "E050101",
            Self::Over => "E050102",
            Self::Period => "E050103",
            Self::Certificate => "E050105",
            Self::TooMany(_) => "E050107",
        };
        duis::xml::Text::read(text).expect("a code of the schema")
    }
}

/// Check what the schema cannot; the row of the service that is to be asked for.
pub fn check(schedule: &CreateSchedule) -> Result<&'static Entry, ScheduleFault> {
    let srv = service(schedule)?;
    let fits = schedule.reference.as_str().parse() == Ok(srv.reference()) && srv == service_of(&schedule.read);
    let entry = catalogue::by_srv(srv).filter(|_| fits).ok_or(ScheduleFault::Service)?;
    if schedule.credentials.is_some() && entry.shape != BodyShape::LogWithCredentials {
        return Err(ScheduleFault::Certificate);
    }
    let midnight = Time(400 * DAY);
    if offset(&schedule.read).and_then(|offset| period(offset, midnight)).is_some_and(|p| p.end < p.start) {
        return Err(ScheduleFault::Period);
    }
    Ok(entry)
}

/// The first run after a time; `None` when the schedule is over.
pub fn next_run(schedule: &CreateSchedule, after: Time) -> Option<Time> {
    let first = midnight(schedule.start)? + time_of_day(schedule.start_time.unwrap_or_default());
    // One before the run that a division finds: months differ in length.
    let guess = match step(schedule.frequency) {
        Step::Days(days) => after.0.saturating_sub(first.0) / (u64::from(days) * DAY),
        Step::Months(months) => {
            let (from, to) = (first.civil(), after.civil());
            let between =
                (i64::from(to.year) - i64::from(from.year)) * 12 + i64::from(to.month) - i64::from(from.month);
            u64::try_from(between).unwrap_or(0) / u64::from(months)
        }
    };
    let runs = (guess.saturating_sub(1)..).take(4).map(|n| run(schedule, first, n));
    let next = runs.flatten().find(|run| *run > after)?;
    let last = schedule.end.map(|end| midnight(end).map_or(Time(u64::MAX), |end| Time(end.0 + DAY - 1)));
    (last.is_none_or(|last| next <= last)).then_some(next)
}

/// What a run asks: a period is counted from the day the run was due, however late it is.
pub fn body(schedule: &CreateSchedule, due: Time) -> Option<Body> {
    let entry = catalogue::by_srv(service(schedule).ok()?)?;
    let Some(offset) = offset(&schedule.read) else { return Body::plain(entry.body) };
    Some(Body::ReadLog(duis::body::ReadLog {
        element: entry.body,
        execution: Execution::Immediate,
        period: period(offset, Time(due.0 / DAY * DAY))?,
        credentials: schedule.credentials.clone(),
    }))
}

/// The service a schedule asks for.
pub fn service(schedule: &CreateSchedule) -> Result<Srv, ScheduleFault> {
    schedule.srv.as_str().parse().map_err(|_| ScheduleFault::Service)
}

enum Step {
    Days(u8),
    Months(u8),
}

fn step(frequency: Frequency) -> Step {
    match frequency {
        Frequency::Daily => Step::Days(1),
        Frequency::Weekly => Step::Days(7),
        Frequency::Monthly => Step::Months(1),
        Frequency::Quarterly => Step::Months(3),
        Frequency::HalfYearly => Step::Months(6),
        Frequency::Yearly => Step::Months(12),
    }
}

/// Run number `n`, counted from the first: a month without that day has its run on its last.
fn run(schedule: &CreateSchedule, first: Time, n: u64) -> Option<Time> {
    match step(schedule.frequency) {
        Step::Days(days) => n.checked_mul(u64::from(days) * DAY)?.checked_add(first.0).map(Time),
        Step::Months(months) => {
            let start = first.civil();
            let months = n.checked_mul(u64::from(months))?.checked_add(u64::from(start.month) - 1)?;
            let year = u16::try_from(months / 12 + u64::from(start.year)).ok()?;
            let month = (months % 12 + 1) as u8;
            (0..4).find_map(|less| Civil { year, month, day: start.day.checked_sub(less)?, ..start }.time())
        }
    }
}

fn midnight(day: Day) -> Option<Time> {
    Civil { year: day.year, month: day.month, day: day.day, hour: 0, minute: 0, second: 0 }.time()
}

fn time_of_day(time: TimeOfDay) -> Duration {
    Duration::from_secs(u64::from(time.minutes()) * 60 + u64::from(time.second))
}

fn period(offset: &ReadLogPeriodOffset, midnight: Time) -> Option<ReadLogPeriod> {
    let at = |days: u16, time| Some(Time(midnight.0.checked_sub(u64::from(days) * DAY)?) + time_of_day(time));
    Some(ReadLogPeriod {
        start: at(offset.start_days.days(), offset.start_time)?,
        end: at(offset.end_days.days(), offset.end_time)?,
    })
}

fn offset(read: &ScheduledRead) -> Option<&ReadLogPeriodOffset> {
    match read {
        ScheduledRead::ImportDailyReadLog(offset)
        | ScheduledRead::ExportDailyReadLog(offset)
        | ScheduledRead::ActiveImportProfile(offset)
        | ScheduledRead::ReactiveImportProfile(offset)
        | ScheduledRead::ExportProfile(offset)
        | ScheduledRead::NetworkData(offset)
        | ScheduledRead::PrepaymentDailyReadLog(offset)
        | ScheduledRead::DailyConsumptionLog(offset) => Some(offset),
        _ => None,
    }
}

fn service_of(read: &ScheduledRead) -> Srv {
    match read {
        ScheduledRead::ExportRegisters => Srv::new(4, 2, 0),
        ScheduledRead::ImportDailyReadLog(_) => Srv::new(4, 6, 1),
        ScheduledRead::ExportDailyReadLog(_) => Srv::new(4, 6, 2),
        ScheduledRead::ActiveImportProfile(_) => Srv::new(4, 8, 1),
        ScheduledRead::ReactiveImportProfile(_) => Srv::new(4, 8, 2),
        ScheduledRead::ExportProfile(_) => Srv::new(4, 8, 3),
        ScheduledRead::NetworkData(_) => Srv::new(4, 10, 0),
        ScheduledRead::MaximumDemandImport => Srv::new(4, 12, 1),
        ScheduledRead::MaximumDemandExport => Srv::new(4, 12, 2),
        ScheduledRead::PrepaymentDailyReadLog(_) => Srv::new(4, 14, 0),
        ScheduledRead::LoadLimit => Srv::new(4, 15, 0),
        ScheduledRead::ActivePowerImport => Srv::new(4, 16, 0),
        ScheduledRead::DailyConsumptionLog(_) => Srv::new(4, 17, 0),
        ScheduledRead::RecordNetworkData => Srv::new(14, 1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use duis::body::dcc::{NotAfter, ScheduledReference, ScheduledVariant};
    use proptest::prelude::*;

    fn schedule(frequency: Frequency, start: (u16, u8, u8)) -> CreateSchedule {
        CreateSchedule {
            frequency,
            start: Day::new(start.0, start.1, start.2).unwrap(),
            end: None,
            start_time: None,
            credentials: None,
            reference: ScheduledReference::S4_6,
            srv: ScheduledVariant::S4_6_1,
            device: gbcs::Eui64::from_u64(1),
            read: ScheduledRead::ImportDailyReadLog(ReadLogPeriodOffset {
                start_days: NotAfter::new(1).unwrap(),
                start_time: TimeOfDay::default(),
                end_days: NotAfter::new(0).unwrap(),
                end_time: TimeOfDay::default(),
            }),
        }
    }

    fn runs(schedule: &CreateSchedule, from: &str, count: usize) -> Vec<String> {
        let from = duis::time::parse(from).unwrap();
        std::iter::successors(next_run(schedule, from), |run| next_run(schedule, *run))
            .take(count)
            .map(|run| run.to_string())
            .collect()
    }

    #[test]
    fn a_schedule_starts_with_its_first_day_and_keeps_its_step() {
        let daily = schedule(Frequency::Daily, (2026, 2, 27));
        assert_eq!(
            runs(&daily, "2020-01-01T00:00:00Z", 3),
            ["2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"]
        );
        assert_eq!(runs(&daily, "2026-03-01T00:00:00Z", 1), ["2026-03-02T00:00:00Z"], "after, not at");
        let weekly = schedule(Frequency::Weekly, (2026, 12, 29));
        assert_eq!(runs(&weekly, "2027-01-01T12:00:00Z", 2), ["2027-01-05T00:00:00Z", "2027-01-12T00:00:00Z"]);
        let mut timed = schedule(Frequency::Yearly, (2026, 6, 1));
        timed.start_time = Some(TimeOfDay { hour: 3, minute: 30, second: 15, hundredths: 0 });
        assert_eq!(runs(&timed, "2026-06-01T03:30:15Z", 2), ["2027-06-01T03:30:15Z", "2028-06-01T03:30:15Z"]);
    }

    #[test]
    fn a_month_without_the_day_has_its_run_on_its_last() {
        let monthly = schedule(Frequency::Monthly, (2027, 12, 31));
        assert_eq!(
            runs(&monthly, "2027-12-31T00:00:00Z", 4),
            ["2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z", "2028-04-30T00:00:00Z"]
        );
        let quarterly = schedule(Frequency::Quarterly, (2026, 11, 30));
        assert_eq!(runs(&quarterly, "2027-02-20T00:00:00Z", 2), ["2027-02-28T00:00:00Z", "2027-05-30T00:00:00Z"]);
        let half = schedule(Frequency::HalfYearly, (2026, 8, 31));
        assert_eq!(runs(&half, "2026-09-01T00:00:00Z", 2), ["2027-02-28T00:00:00Z", "2027-08-31T00:00:00Z"]);
    }

    #[test]
    fn the_last_day_is_one_of_the_schedules() {
        let mut daily = schedule(Frequency::Daily, (2026, 1, 1));
        daily.end = Day::new(2026, 1, 3);
        daily.start_time = Some(TimeOfDay { hour: 23, ..TimeOfDay::default() });
        assert_eq!(runs(&daily, "2026-01-02T00:00:00Z", 9), ["2026-01-02T23:00:00Z", "2026-01-03T23:00:00Z"]);
        assert_eq!(next_run(&daily, duis::time::parse("2026-01-03T23:00:00Z").unwrap()), None);
    }

    #[test]
    fn what_is_read_is_counted_from_the_day_the_run_was_due() {
        let schedule = schedule(Frequency::Daily, (2026, 1, 1));
        let due = duis::time::parse("2026-05-01T04:00:00Z").unwrap();
        let Some(Body::ReadLog(read)) = body(&schedule, due) else { panic!() };
        assert_eq!(read.element, "RetrieveImportDailyReadLog");
        assert_eq!(read.period.start.to_string(), "2026-04-30T00:00:00Z");
        assert_eq!(read.period.end.to_string(), "2026-05-01T00:00:00Z");
    }

    #[test]
    fn every_read_of_the_schema_has_its_service_and_a_body() {
        let offset = |schedule: CreateSchedule| match schedule.read {
            ScheduledRead::ImportDailyReadLog(offset) => offset,
            _ => unreachable!(),
        };
        let o = || offset(schedule(Frequency::Daily, (2026, 1, 1)));
        use ScheduledRead as R;
        use ScheduledVariant as V;
        let all = [
            (R::ExportRegisters, V::S4_2, ScheduledReference::S4_2),
            (R::ImportDailyReadLog(o()), V::S4_6_1, ScheduledReference::S4_6),
            (R::ExportDailyReadLog(o()), V::S4_6_2, ScheduledReference::S4_6),
            (R::ActiveImportProfile(o()), V::S4_8_1, ScheduledReference::S4_8),
            (R::ReactiveImportProfile(o()), V::S4_8_2, ScheduledReference::S4_8),
            (R::ExportProfile(o()), V::S4_8_3, ScheduledReference::S4_8),
            (R::NetworkData(o()), V::S4_10, ScheduledReference::S4_10),
            (R::MaximumDemandImport, V::S4_12_1, ScheduledReference::S4_12),
            (R::MaximumDemandExport, V::S4_12_2, ScheduledReference::S4_12),
            (R::PrepaymentDailyReadLog(o()), V::S4_14, ScheduledReference::S4_14),
            (R::LoadLimit, V::S4_15, ScheduledReference::S4_15),
            (R::ActivePowerImport, V::S4_16, ScheduledReference::S4_16),
            (R::DailyConsumptionLog(o()), V::S4_17, ScheduledReference::S4_17),
            (R::RecordNetworkData, V::S14_1, ScheduledReference::S14_1),
        ];
        for (read, srv, reference) in all {
            let schedule = CreateSchedule { read, srv, reference, ..schedule(Frequency::Daily, (2026, 1, 1)) };
            let entry = check(&schedule).unwrap();
            assert_eq!(body(&schedule, Time(500 * DAY)).unwrap().element(), entry.body);
        }
    }

    #[test]
    fn a_schedule_whose_parts_do_not_fit_is_refused() {
        let good = schedule(Frequency::Daily, (2026, 1, 1));
        assert_eq!(check(&good).unwrap().srv, Srv::new(4, 6, 1));
        let other = CreateSchedule { srv: ScheduledVariant::S4_6_2, ..good.clone() };
        assert_eq!(check(&other), Err(ScheduleFault::Service));
        let other = CreateSchedule { reference: ScheduledReference::S4_8, ..good.clone() };
        assert_eq!(check(&other), Err(ScheduleFault::Service));
        let mut backwards = good.clone();
        if let ScheduledRead::ImportDailyReadLog(offset) = &mut backwards.read {
            offset.end_days = NotAfter::new(2).unwrap();
        }
        assert_eq!(check(&backwards), Err(ScheduleFault::Period));
        let sealed = CreateSchedule {
            credentials: Some(vec![0x30]),
            read: ScheduledRead::LoadLimit,
            srv: ScheduledVariant::S4_15,
            reference: ScheduledReference::S4_15,
            ..good
        };
        assert_eq!(check(&sealed), Err(ScheduleFault::Certificate));
    }

    proptest! {
        #[test]
        fn runs_follow_each_other_and_none_is_skipped(days in 0u64..40_000, frequency in 0usize..6, hour in 0u8..24) {
            let all = [Frequency::Daily, Frequency::Weekly, Frequency::Monthly, Frequency::Quarterly,
                Frequency::HalfYearly, Frequency::Yearly];
            let mut schedule = schedule(all[frequency], (2024, 1, 31));
            schedule.start_time = Some(TimeOfDay { hour, ..TimeOfDay::default() });
            let after = Time(days * DAY + 1);
            let next = next_run(&schedule, after).unwrap();
            prop_assert!(next > after);
            // Nothing lies between: asking from just before finds the same run.
            prop_assert_eq!(next_run(&schedule, Time(next.0 - 1)), Some(next));
            if next > next_run(&schedule, Time(0)).unwrap() {
                let longest = [1, 7, 31, 92, 184, 366][frequency] * DAY;
                prop_assert!(next.0 - after.0 <= longest);
            }
        }

        #[test]
        fn no_day_of_the_schema_makes_it_panic(year in 1u16.., month in 1u8..13, day in 1u8..29, at: u64) {
            let schedule = schedule(Frequency::Monthly, (year, month, day));
            if let Some(next) = next_run(&schedule, Time(at % 300_000_000_000_000)) {
                let _ = body(&schedule, next);
            }
        }
    }
}
