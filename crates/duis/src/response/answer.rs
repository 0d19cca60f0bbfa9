//! What the DCC itself answers with: inventory, schedules, coverage, certificates, warnings (SRV 5.x, 8.2, 8.6, 9.1, 11.1, 11.4, 12.1).
use std::fmt;

use gbcs::Eui64;

use super::AlertCode;
use crate::body::credentials::Certificate;
use crate::body::customer::{Mpan, Mpxn};
use crate::body::dcc::{Address, CreateSchedule, DeviceIds, EsmeVariant, FirmwareVersion, ScheduleId, Uprn, WanMatrix};
use crate::xml::content::{enumeration, sequence};
use crate::xml::value::{Day, Words};
use crate::xml::{Content, Element, List, Text, Value, Writer, XmlError, XmlErrorKind};
use crate::{DeviceType, ResponseCode};

sequence! {
    /// A Command for local delivery.
    LocalCommand {
        /// The Command, complete.
        payload: Vec<u8> = "GBCSPayload",
    }

    /// A Command to be signed.
    PreCommand {
        /// Version of GBCS it was made for.
        gbcs_version: String = "GBCSVersion",
        /// Grouping header and payload; a zero-length signature may follow.
        payload: Vec<u8> = "GBCSPayload",
    }

    /// What a device did at a date inside a Command.
    FutureDatedAlert {
        /// Whether it did what it should.
        outcome: FutureDatedOutcome = "FutureDatedAlertCode",
        /// The GBCS Alert.
        payload: Vec<u8> = "GBCSPayload",
        /// Which instruction of the Command, from 1.
        instruction: u16 = "InstructionNumber",
        /// How many dated instructions the Command had.
        instructions: u16 = "TotalCommandInstructions",
    }

    /// SRV 9.1: a meter's answer, and the number it shows.
    CustomerNumber {
        /// The GBCS Response.
        payload: Vec<u8> = "GBCSPayload",
        number: Cin = "CustomerIdentificationNumber",
    }

    /// What a device answered to a Command of a schedule.
    ScheduledMessage {
        /// The GBCS Response.
        payload: Vec<u8> = "GBCSPayload",
        schedule: ScheduleId = "DSPScheduleID",
    }

    /// SRV 8.2: the devices found.
    Inventory {
        devices: List<InventoryDevice, 1, 17> = "Device",
    }

    /// What the inventory knows of a device.
    InventoryDevice {
        device: Eui64 = "DeviceID",
        kind: DeviceType = "DeviceType",
        status: Option<DeviceStatus> = "DeviceStatus",
        manufacturer: Words<0, 30> = "DeviceManufacturer",
        model: Words<0, 30> = "DeviceModel",
        version: Option<Words<1, 20>> = "SMETSCHTSVersion",
        firmware: Option<FirmwareVersion> = "DeviceFirmwareVersion",
        firmware_status: Option<ListStatus> = "DeviceFirmwareVersionStatus",
        list_status: Option<ListStatus> = "CPLStatus",
        commissioned: Option<Day> = "DateCommissioned",
        import: Option<Mpxn> = "ImportMPxN",
        secondary_import: Option<Mpan> = "SecondaryImportMPAN",
        export: Option<Mpan> = "ExportMPAN",
        variant: Option<EsmeVariant> = "ESMEVariant",
        uprn: Option<Uprn> = "UPRN",
        property: Option<Address> = "PropertyFilter",
        region: Option<CspRegion> = "CSPRegion",
        gbcs_version: Option<String> = "DeviceGBCSVersion",
        han_variant: Option<String> = "HANVariant",
        s1sp: Option<String> = "S1SP",
        connectivity: Option<Connectivity> = "Connectivity",
    }

    /// SRV 8.6: the certificates the device must be given.
    OptIn {
        device: Eui64 = "DeviceID",
        signing: Option<Certificate> = "DSPBrokerSecurityCredentialsDigitalSigning",
        agreement: Certificate = "DSPBrokerSecurityCredentialsKeyAgreement",
    }

    /// SRV 5.2: the schedules found.
    Schedules {
        schedules: List<Schedule, 1, 99> = "DSPSchedules",
    }

    /// A schedule and its number.
    Schedule {
        id: ScheduleId = "DSPScheduleID",
        /// As it was asked for.
        details: CreateSchedule = "DSPScheduleDetails",
    }

    /// SRV 11.1, 11.4: devices that will not get the image, by reason.
    FirmwareWarning {
        invalid: Option<DeviceIds> = "InvalidDeviceIDList",
        not_commissioned: Option<DeviceIds> = "NotCommissionedDeviceIDList",
        not_applicable: Option<DeviceIds> = "NotApplicableFirmwareDeviceIDList",
        in_progress: Option<DeviceIds> = "OtherRequestInProgressList",
        gbcs_version: Option<DeviceIds> = "InvalidGBCSVersionList",
    }

    /// SRV 12.1: coverage of a place.
    WanCoverage {
        /// The place, as it was asked for.
        place: WanMatrix = "Request",
        regions: List<RegionCoverage, 1, { usize::MAX }> = "DSPWANMatrixResponse",
    }

    /// Coverage in one region.
    RegionCoverage {
        region: CspRegion = "CSPRegion",
        code: ResponseCode = "CSPRegionResponseCode",
        /// What is known.
        coverage: Option<Coverage>,
    }

    /// How a hub would reach the WAN.
    Coverage {
        available: bool = "CoverageAvailability",
        anticipated: Option<Day> = "AnticipatedCoverageDate",
        technology: Words<1, 30> = "WANTechnology",
        likelihood: Likelihood = "ConnectivityLikelihood",
        auxiliary_equipment: Option<Words<0, 50>> = "AuxiliaryEquipmentRequired",
        more: Option<Words<0, 250>> = "AdditionalInformation",
    }
}

enumeration! {
    /// Statuses of devices in the inventory.
    DeviceStatus {
        Pending = "Pending",
        Whitelisted = "Whitelisted",
        InstalledNotCommissioned = "InstalledNotCommissioned",
        Commissioned = "Commissioned",
        Decommissioned = "Decommissioned",
        Withdrawn = "Withdrawn",
        Suspended = "Suspended",
        Recovery = "Recovery",
        Recovered = "Recovered",
    }

    /// Where a device model or firmware version stands in the product list.
    ListStatus {
        Active = "Active",
        Cancelled = "Cancelled",
        Expired = "Expired",
        Withdrawn = "Withdrawn",
    }

    /// Regions of the SM WAN.
    CspRegion {
        North = "North",
        Central = "Central",
        South = "South",
        North4g = "4G North",
        Central4g = "4G Central",
        South4g = "4G South",
        Unknown = "Unknown",
        Smets1 = "SMETS1",
    }

    /// How a 4G hub is connected.
    Connectivity {
        Cellular = "Cellular",
        Virtual = "Virtual",
    }

    /// How likely a connection is.
    Likelihood {
        High = "High",
        Medium = "Medium",
        Low = "Low",
    }
}

/// Whether a dated instruction was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FutureDatedOutcome {
    /// `8F66`.
    Done,
    /// `8F67`.
    NotDone,
}

impl Text for FutureDatedOutcome {
    const EXPECTED: &'static str = "8F66 or 8F67";

    fn read(text: &str) -> Option<Self> {
        match AlertCode::read(text)?.0 {
            0x8F66 => Some(Self::Done),
            0x8F67 => Some(Self::NotDone),
            _ => None,
        }
    }
}

impl Value for FutureDatedOutcome {
    fn form(&self) -> String {
        match self {
            Self::Done => "8F66".into(),
            Self::NotDone => "8F67".into(),
        }
    }
}

/// A customer identification number: four digits that prove who stands at the meter.
#[derive(Clone, PartialEq, Eq)]
pub struct Cin(String);

impl Cin {
    /// `None` unless four digits.
    pub fn new(digits: impl Into<String>) -> Option<Self> {
        let digits = digits.into();
        (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(Self(digits))
    }

    /// The digits.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cin(..)")
    }
}

impl Content for Cin {
    /// Not as a `Value`: its error would print the digits.
    fn read_content(element: Element<'_>, attributes: &[&str]) -> Result<Self, XmlError> {
        element.only_attributes(attributes)?;
        let digits = element.text_beside_attributes()?;
        Self::new(digits).ok_or_else(|| element.error(XmlErrorKind::value("four digits", "(not shown)")))
    }

    fn write_content(&self, w: &mut Writer) {
        w.text(&self.0);
    }
}
