//! SRV 6.22: what a meter does when something happens: alert, tell its home, sound, log.
use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::xml::content::{choice, enumeration, sequence};
use crate::xml::{Children, Content, Group, Particle, Writer, XmlError};

choice! {
    /// SRV 6.22: for whom, and which behaviour.
    ConfigureAlerts {
        ElectricitySupplierAlerts(ElectricitySupplierAlerts) = "ElectricitySupplierAlerts",
        ElectricitySupplierHan(ElectricitySupplierAlerts) = "ElectricitySupplierHANAlertSettings",
        ElectricitySupplierAlarm(ElectricitySupplierAlerts) = "ElectricitySupplierAlarmSettings",
        ElectricitySupplierLogging(ElectricitySupplierAlerts) = "ElectricitySupplierLoggingSettings",
        ElectricityOperatorAlerts(ElectricityOperatorAlerts) = "ElectricityNetworkOperatorAlerts",
        ElectricityOperatorLogging(ElectricityOperatorAlerts) = "ElectricityNetworkOperatorLoggingSettings",
        GasSupplierAlerts(Alerts<GsmeSupplier, Toggle>) = "GasSupplierAlerts",
        GasSupplierBehaviours(Alerts<GsmeSupplierEvents, GasBehaviour>) = "GasSupplierAlertEventSettings",
    }
}

sequence! {
    /// What an ESME does for its supplier.
    ElectricitySupplierAlerts {
        common: Option<Alerts<EsmeSupplier, Toggle>> = "SupplierESMECommon",
        poly_phase: Option<Alerts<EsmeSupplierPolyPhase, Toggle>> = "SupplierESMEPolyPhase",
    }

    /// What an ESME does for its network operator.
    ElectricityOperatorAlerts {
        common: Option<Alerts<EsmeOperator, Toggle>> = "NetworkOperatorESMECommon",
        /// Of one or three phases.
        phases: OperatorPhases,
    }

    /// What a GSME does of one event.
    GasBehaviour {
        wan_alert: Toggle = "WANAlert",
        han_alert: Toggle = "HANAlert",
        event_log: Toggle = "EventLog",
        alarm: Toggle = "Alarm",
    }
}

enumeration! {
    /// Whether to do it.
    Toggle {
        Disable = "Disable",
        Enable = "Enable",
    }
}

/// Alerts that an ESME has by its phases; either may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorPhases {
    /// Neither.
    None,
    /// `NetworkOperatorESMESinglePhase`.
    Single(Alerts<EsmeOperatorSinglePhase, Toggle>),
    /// `NetworkOperatorESMEPolyPhase`.
    Poly(Alerts<EsmeOperatorPolyPhase, Toggle>),
}

const SINGLE: &str = "NetworkOperatorESMESinglePhase";
const POLY: &str = "NetworkOperatorESMEPolyPhase";

impl Group for OperatorPhases {
    fn read_group(children: &mut Children<'_>) -> Result<Self, XmlError> {
        if children.next_is(SINGLE) {
            return Particle::read_named(children, SINGLE).map(Self::Single);
        }
        let poly = Option::read_named(children, POLY)?;
        Ok(poly.map_or(Self::None, Self::Poly))
    }

    fn write_group(&self, w: &mut Writer) {
        match self {
            Self::None => {}
            Self::Single(alerts) => alerts.write_named(w, SINGLE),
            Self::Poly(alerts) => alerts.write_named(w, POLY),
        }
    }
}

impl ElectricitySupplierAlerts {
    /// Codes and whether, codes rising.
    pub fn toggles(&self) -> BTreeMap<u16, Toggle> {
        let common = self.common.iter().flat_map(Alerts::entries);
        common.chain(self.poly_phase.iter().flat_map(Alerts::entries)).map(|(code, toggle)| (code, *toggle)).collect()
    }
}

impl ElectricityOperatorAlerts {
    /// Codes and whether, codes rising.
    pub fn toggles(&self) -> BTreeMap<u16, Toggle> {
        let mut all: BTreeMap<_, _> = self.common.iter().flat_map(Alerts::entries).map(|(c, t)| (c, *t)).collect();
        match &self.phases {
            OperatorPhases::None => {}
            OperatorPhases::Single(alerts) => all.extend(alerts.entries().map(|(c, t)| (c, *t))),
            OperatorPhases::Poly(alerts) => all.extend(alerts.entries().map(|(c, t)| (c, *t))),
        }
        all
    }
}

/// A set of alert codes that may be configured together.
pub trait AlertSet {
    /// In the order of the schema.
    const CODES: &'static [u16];
}

/// What to do of alerts of the set `S`; those not named stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts<S, T> {
    alerts: BTreeMap<u16, T>,
    set: PhantomData<S>,
}

impl<S: AlertSet, T> Alerts<S, T> {
    /// `None` when a code is not of the set.
    pub fn new(alerts: impl IntoIterator<Item = (u16, T)>) -> Option<Self> {
        let alerts: BTreeMap<_, _> = alerts.into_iter().collect();
        alerts.keys().all(|code| S::CODES.contains(code)).then_some(Self { alerts, set: PhantomData })
    }

    /// Codes and what to do, codes rising.
    pub fn entries(&self) -> impl Iterator<Item = (u16, &T)> {
        self.alerts.iter().map(|(code, content)| (*code, content))
    }
}

impl<S: AlertSet, T: Content> Group for Alerts<S, T> {
    fn read_group(children: &mut Children<'_>) -> Result<Self, XmlError> {
        let mut alerts = BTreeMap::new();
        for &code in S::CODES {
            if let Some(element) = children.optional(&format!("x{code:04X}")) {
                alerts.insert(code, T::read_content(element, &[])?);
            }
        }
        Ok(Self { alerts, set: PhantomData })
    }

    fn write_group(&self, w: &mut Writer) {
        for code in S::CODES {
            if let Some(content) = self.alerts.get(code) {
                content.write_named(w, &format!("x{code:04X}"));
            }
        }
    }
}

impl<S: AlertSet, T: Content> Content for Alerts<S, T> {
    fn read_content(element: crate::xml::Element<'_>, attributes: &[&str]) -> Result<Self, XmlError> {
        crate::xml::content::read_alone(element, attributes)
    }

    fn write_content(&self, w: &mut Writer) {
        self.write_group(w);
    }
}

macro_rules! alert_sets {
    ($($name:ident $text:literal [$($code:literal),* $(,)?])*) => {$(
        #[doc = $text]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;

        impl AlertSet for $name {
            const CODES: &'static [u16] = &[$($code),*];
        }
    )*};
}

alert_sets! {
    EsmeSupplier "Of any ESME, for its supplier." [
        0x810D, 0x810E, 0x8119, 0x8145, 0x8154, 0x8155, 0x8161, 0x8162, 0x8168, 0x8183, 0x81A0, 0x81A1, 0x81A2,
        0x81A3, 0x81A4, 0x81A5, 0x81A6, 0x81A7, 0x81A8, 0x81A9, 0x81AA, 0x81AB, 0x81AC, 0x81AD, 0x81AE, 0x81AF,
        0x81B0, 0x81B1, 0x81B2, 0x81B3, 0x81B8, 0x81B9, 0x81BA, 0x81BB, 0x81BC, 0x81BD, 0x81BE, 0x81C0, 0x81C1,
        0x81C4, 0x81C5, 0x81C6,
    ]
    EsmeSupplierPolyPhase "Of a polyphase ESME, for its supplier." [
        0x81B7,
    ]
    EsmeOperator "Of any ESME, for its network operator." [
        0x8014, 0x8015,
    ]
    EsmeOperatorSinglePhase "Of a single phase ESME, for its network operator." [
        0x8002, 0x8006, 0x8020, 0x8024, 0x8028, 0x802C, 0x8085, 0x8089, 0x808D, 0x8091, 0x8095, 0x8099, 0x8010,
    ]
    EsmeOperatorPolyPhase "Of a polyphase ESME, for its network operator." [
        0x8003, 0x8004, 0x8005, 0x8007, 0x8008, 0x8009, 0x8021, 0x8022, 0x8023, 0x8025, 0x8026, 0x8027, 0x8029,
        0x802A, 0x802B, 0x802D, 0x802E, 0x802F, 0x8086, 0x8087, 0x8088, 0x808A, 0x808B, 0x808C, 0x808E, 0x808F,
        0x8090, 0x8092, 0x8093, 0x8094, 0x8096, 0x8097, 0x8098, 0x809A, 0x809B, 0x809C, 0x8011, 0x8016, 0x8013,
    ]
    GsmeSupplier "Of a GSME, alerts alone." [
        0x810D, 0x810E, 0x8119, 0x8145, 0x8154, 0x8155, 0x8168, 0x8183, 0x8184, 0x81A1, 0x81A4, 0x81A5, 0x81A6,
        0x81A7, 0x81A8, 0x81A9, 0x81AA, 0x81AB, 0x81AC, 0x81AD, 0x81AE, 0x81AF, 0x81B0, 0x81B1, 0x81B2, 0x81B3,
        0x81B4, 0x81B5, 0x81B6, 0x81B9, 0x81BA, 0x81BC, 0x81BD, 0x81BE, 0x81BF, 0x81C0, 0x81C2, 0x81C3, 0x81C4,
        0x81C5,
    ]
    GsmeSupplierEvents "Of a GSME, alerts and events." [
        0x810D, 0x810E, 0x8119, 0x8145, 0x8154, 0x8155, 0x8161, 0x8162, 0x8168, 0x8183, 0x8184, 0x81A0, 0x81A1,
        0x81A4, 0x81A5, 0x81A6, 0x81A7, 0x81A8, 0x81A9, 0x81AA, 0x81AB, 0x81AC, 0x81AD, 0x81AE, 0x81AF, 0x81B0,
        0x81B1, 0x81B2, 0x81B3, 0x81B4, 0x81B5, 0x81B6, 0x81B9, 0x81BA, 0x81BC, 0x81BD, 0x81BE, 0x81BF, 0x81C0,
        0x81C2, 0x81C3, 0x81C4, 0x81C5, 0x81C6,
    ]
}
