//! SRV 6.14, 7.5 to 7.16: auxiliary load control switches and auxiliary proportional controllers.
use gbcs::{Eui64, Time};

use super::calendar::{Date, DaysOfWeek, ScheduleDatesAndTime};
use crate::time::Execution;
use crate::xml::content::{choice, numbers, sequence};
use crate::xml::value::{Printable, Within};
use crate::xml::{Content, Element, Flag, Index, List, Number as _, Numbered, Table, Writer, XmlError};

numbers! {
    /// An auxiliary controller.
    Controller = "auxiliaryControllerN" 1..5;
    /// A special day of auxiliary controllers.
    SpecialDayId = "identifier" 1..20;
}

/// A load control switch.
pub type Switch = Index<5>;
/// Level in percent.
pub type Level = Within<0, 100>;

sequence! {
    /// SRV 6.14.1: what switches are called.
    SwitchDescriptions {
        switches: Table<Switch, SwitchDescription, 1> = "ALCSHCALCSDescription",
    }

    /// What a switch is called.
    SwitchDescription {
        text: Printable<1, 22> = "SwitchDescription",
    }

    /// SRV 6.14.2: when switches switch.
    SwitchScheduler {
        /// When the schedule starts to hold.
        execution: Execution,
        schedule: List<SwitchSchedule, 1, 48> = "ALCSHCALCSConnectionSchedule",
        special_days: SwitchSpecialDays = "ALCSHCALCSSpecialDays",
        types: Table<Switch, SwitchType, 0> = "SwitchTypeAndId",
    }

    /// When a switch switches.
    SwitchSchedule {
        action: Numbered<Switch, SwitchAction> = "ActivateDeactivateSwitch",
        special_days: Table<Index<20>, (), 0> = "SpecialDaysApplicability",
        days_of_week: Option<DaysOfWeek> = "DaysOfWeekApplicability",
        dates: ScheduleDatesAndTime = "ALCSScheduleDatesAndTime",
    }

    /// Special days of switches.
    SwitchSpecialDays {
        days: Table<Index<20>, Date, 0> = "ALCSHCALCSSpecialDay",
    }

    /// SRV 6.14.3: when controllers take which level.
    ControllerScheduler {
        /// When the schedule starts to hold.
        execution: Execution,
        schedule: List<ControllerSchedule, 0, 120> = "AuxiliaryControllerSchedule",
        special_days: ControllerSpecialDays = "AuxiliaryControllerSpecialDayDefinitions",
    }

    /// When a controller takes a level.
    ControllerSchedule {
        action: Numbered<Controller, ControllerLevel> = "AuxiliaryControllerAction",
        special_days: Table<SpecialDayId, (), 0> = "SpecialDaysApplicability",
        days_of_week: Option<DaysOfWeek> = "DaysOfWeekApplicability",
        dates: ScheduleDatesAndTime = "AuxiliaryControllerSchedulePeriodAndTime",
    }

    /// Special days of controllers.
    ControllerSpecialDays {
        days: Table<SpecialDayId, Date, 0> = "AuxiliaryControllerSpecialDayDefinition",
    }

    /// A level of a controller.
    ControllerLevel {
        level: Level = "CommandedStateLevel",
        input: Flag = "InputFromControlledLoad",
    }

    /// SRV 7.5: closes a switch for a while.
    ActivateLoad {
        switch: Numbered<Switch, SwitchDuration> = "ActivateALCSHCALCS",
    }

    /// SRV 7.6: opens a switch for a while.
    DeactivateLoad {
        switch: Numbered<Switch, SwitchDuration> = "DeactivateALCSHCALCS",
    }

    /// SRV 7.8: gives a switch back to its schedule.
    ResetLoad {
        switch: Numbered<Switch, ()> = "ResetALCSHCALCS",
    }

    /// How long.
    SwitchDuration {
        minutes: u16 = "Duration",
    }

    /// SRV 7.9: which switches the boost button serves from now on.
    AddToBoostButton {
        /// When the DCC sends it.
        execution: Execution,
        switches: Table<Switch, bool, 5> = "AddToBoostButton",
    }

    /// SRV 7.10: which switches it no longer serves.
    RemoveFromBoostButton {
        /// When the DCC sends it.
        execution: Execution,
        switches: Table<Switch, bool, 5> = "RemoveFromBoostButton",
    }

    /// SRV 7.12: how far switching times may wander.
    RandomisedOffsetLimit {
        seconds: Within<0, 1799> = "RandomisedOffsetLimit",
    }

    /// What a controller does for a time.
    LevelForATime {
        start: Time = "StartDateTime",
        end: Time = "EndDateTime",
        /// Which level.
        level: ControllerLevel,
    }
}

choice! {
    /// What a switch does.
    SwitchAction {
        Activate = "ActivateSwitch",
        Deactivate = "DeactivateSwitch",
    }

    /// What a switch is.
    SwitchType {
        Alcs = "ALCS",
        Hcalcs(Eui64) = "HCALCS",
    }
}

/// SRV 7.13, 7.16: which controller, what it does and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerState {
    /// Which.
    pub controller: Controller,
    /// What.
    pub state: LevelForATime,
}

impl Content for ControllerState {
    fn read_content(element: Element<'_>, _: &[&str]) -> Result<Self, XmlError> {
        let Numbered { number: controller, content: state } = Numbered::read_element(element)?;
        Ok(Self { controller, state })
    }

    fn write_content(&self, w: &mut Writer) {
        self.state.write_content(w);
    }

    /// The element's attribute is the controller.
    fn write_element(&self, w: &mut Writer, name: &str) {
        w.element_with(name, Controller::ATTRIBUTE, self.controller.number(), |w| self.write_content(w));
    }
}
