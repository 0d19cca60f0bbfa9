//! SRV 6.14, 7.5 to 7.13, 7.16: load control switches and proportional controllers.
use gbcs::dlms::{Data, Obis, Row};

use super::calendar::{ScheduleEntry, date, schedule, special_days, weekdays};
use super::draft::{Content, Draft, Fault, Rows, moment};
use crate::body::auxiliary::{
    ControllerLevel, ControllerScheduler, ControllerState, RandomisedOffsetLimit, Switch, SwitchAction,
    SwitchDescriptions, SwitchScheduler, SwitchType,
};
use crate::xml::{Number as _, Table};

/// Scripts of auxiliary controllers.
const CONTROLLER_SCRIPTS: Obis = Obis([0, 0, 10, 0, 103, 255]);
const SCRIPT_TABLE: u16 = 9;
const DATA: u16 = 1;

/// ECS46a: a row for each switch that is described.
pub(super) fn descriptions(descriptions: &SwitchDescriptions) -> Draft {
    let text = |n| descriptions.switches.at(n).map(|d| Data::VisibleString(d.text.as_str().as_bytes().into()));
    Draft::optional_rows("ECS46a", (1..=5).map(text).collect())
}

/// ECS46c: what each switch is (an ALCS has no identifier), special days, schedule.
pub(super) fn switch_scheduler(scheduler: &SwitchScheduler) -> Draft {
    let kind = |n| {
        scheduler.types.at(n).map(|kind| match kind {
            SwitchType::Alcs => Data::octets([0; 8]),
            SwitchType::Hcalcs(device) => Data::octets(device.0),
        })
    };
    let days = &scheduler.special_days.days;
    let highest = days.entries().last().map_or(0, |(n, _)| n);
    let entries = scheduler.schedule.iter().map(|s| {
        let script = match s.action.content {
            SwitchAction::Activate => 1,
            SwitchAction::Deactivate => 2,
        };
        ScheduleEntry {
            script_table: CONTROLLER_SCRIPTS,
            script: u16::from(s.action.number.number()) << 8 | script,
            at: s.dates.switch_time,
            weekdays: s.days_of_week.as_ref().map_or(0, weekdays),
            special_days: s.special_days.entries().map(|(n, ())| n).collect(),
            from: date(&s.dates.start),
            to: date(&s.dates.end),
        }
    });
    let mut values: Vec<_> = (1..=5).map(kind).collect();
    values.push(Some(special_days(days.entries().map(|(n, date)| (n.into(), date, n)))));
    values.push(Some(schedule(highest, entries)));
    Draft::optional_rows("ECS46c", values)
}

/// ECS46d: special days, schedule.
pub(super) fn controller_scheduler(scheduler: &ControllerScheduler) -> Draft {
    /// The level is that of a calendar.
    const BY_CALENDAR: u16 = 0x80;
    let days = &scheduler.special_days.days;
    let highest = days.entries().last().map_or(0, |(n, _)| n);
    let entries = scheduler.schedule.iter().map(|s| ScheduleEntry {
        script_table: CONTROLLER_SCRIPTS,
        script: level(s.action.number.number(), &s.action.content) | BY_CALENDAR,
        at: s.dates.switch_time,
        weekdays: s.days_of_week.as_ref().map_or(0, weekdays),
        special_days: s.special_days.entries().map(|(n, ())| n).collect(),
        from: date(&s.dates.start),
        to: date(&s.dates.end),
    });
    let days = special_days(days.entries().map(|(n, date)| (n.into(), date, n)));
    Draft::rows("ECS46d", [days, schedule(highest, entries)])
}

/// A script: whether the load's input is limited or the output set, the controller, percent.
fn level(controller: u8, level: &ControllerLevel) -> u16 {
    let direction = if level.input.0 { 0x2000 } else { 0x1000 };
    direction | u16::from(controller) << 8 | level.level.short()
}

/// What to do with a switch at once.
#[derive(Clone, Copy)]
pub(super) enum Now {
    /// Close it for these minutes.
    Activate(u16),
    /// Open it for these minutes.
    Deactivate(u16),
    /// Follow the schedule.
    Reset,
}

/// ECS47: how long, then the script of the switch.
pub(super) fn switch_now(switch: Switch, now: Now) -> Draft {
    let n = switch.number();
    let duration = |minutes: u16| Row::set(DATA, Obis([0, 0, 94, 44, 116 + n, 1]), 2, minutes);
    let run = |script: u16| Row::action(SCRIPT_TABLE, CONTROLLER_SCRIPTS, 1, u16::from(n) << 8 | script);
    let (use_case, rows) = match now {
        Now::Activate(minutes) => ("ECS47Activate", vec![duration(minutes), run(0x11)]),
        Now::Deactivate(minutes) => ("ECS47Deactivate", vec![duration(minutes), run(0x12)]),
        Now::Reset => ("ECS47Reset", vec![run(0x13)]),
    };
    // The catalogue has the first switch alone.
    Draft { use_case, content: Content::Rows(Rows { explicit: Some(rows), ..Rows::default() }) }
}

/// ECS47a, ECS47e: between when, then the script of the level.
pub(super) fn controller_state(use_case: &'static str, state: &ControllerState) -> Result<Draft, Fault> {
    let controller = state.controller.number();
    let during = &state.state;
    let values = [moment(during.start), moment(during.end), level(controller, &during.level).into()];
    Ok(Draft::rows(use_case, values).of_instance(controller))
}

/// ECS62: whether the boost button serves each of the switches; those that are not asked for are left.
pub(super) fn boost_button(use_case: &'static str, switches: &Table<Switch, bool, 5>, serve: bool) -> Draft {
    Draft::rows(use_case, switches.entries().map(|(_, asked)| Data::boolean(*asked == serve)))
}

pub(super) fn randomised_offset(limit: &RandomisedOffsetLimit) -> Draft {
    Draft::rows("ECS38", [limit.seconds.short()])
}
