//! Requests for the DCC itself: schedules, inventory, hubs, firmware, coverage (SRV 5.x, 8.2 to 8.6, 8.14, 11.1, 11.4, 12.x).
use gbcs::{Eui64, Time};

use super::customer::{Mpan, Mpxn};
use crate::RequestId;
use crate::catalogue::DeviceType;
use crate::xml::content::{choice, enumeration, sequence};
use crate::xml::value::{Day, TimeOfDay, Within, Words};
use crate::xml::{Text, Value};

/// Number of a DCC schedule.
pub type ScheduleId = Within<0, 1_000_000_000_000>;
/// Unique Property Reference Number.
pub type Uprn = Within<1, 999_999_999_999>;
/// Days from the day a schedule runs, up to 400 back, without their sign.
type DaysBack = NotAfter<400>;

sequence! {
    /// SRV 5.1: a read that the DCC repeats.
    CreateSchedule {
        frequency: Frequency = "ScheduleFrequency",
        start: Day = "ScheduleStartDate",
        end: Option<Day> = "ScheduleEndDate",
        start_time: Option<TimeOfDay> = "ScheduleExecutionStartTime",
        credentials: Option<Vec<u8>> = "KAPublicSecurityCredential",
        reference: ScheduledReference = "DSPScheduledServiceReference",
        srv: ScheduledVariant = "DSPScheduledServiceReferenceVariant",
        device: Eui64 = "DeviceID",
        /// What it reads.
        read: ScheduledRead,
    }

    /// Between when a scheduled read reads, from the day it runs.
    ReadLogPeriodOffset {
        start_days: DaysBack = "StartDateOffset",
        start_time: TimeOfDay = "StartTime",
        end_days: DaysBack = "EndDateOffset",
        end_time: TimeOfDay = "EndTime",
    }

    /// SRV 8.3: a device leaves the inventory.
    DecommissionDevice {
        device: Eui64 = "DeviceID",
    }

    /// SRV 8.4: what the inventory says of a device.
    UpdateInventory {
        device: Eui64 = "DeviceID",
        /// What.
        update: InventoryUpdate,
    }

    /// What a device is.
    DeviceDetails {
        manufacturer: Option<Words<0, 30>> = "DeviceManufacturer",
        model: Option<Words<0, 30>> = "DeviceModel",
        version: Option<Words<1, 20>> = "SMETSCHTSVersion",
        firmware: Option<FirmwareVersion> = "FirmwareVersion",
        variant: Option<EsmeVariant> = "ESMEVariant",
    }

    /// SRV 8.6: a device comes to the DCC.
    ServiceOptIn {
        device: Eui64 = "DeviceID",
        kind: DeviceType = "DeviceType",
        numbers: MeterMpxns = "MPxNs",
        date: Day = "OptInDate",
    }

    /// Supply numbers of a meter.
    MeterMpxns {
        import: Mpxn = "ImportMPxN",
        secondary_import: Option<Mpan> = "SecondaryImportMPAN",
        export: Option<Mpan> = "ExportMPAN",
    }

    /// Where a property is.
    Address {
        post_code: Words<6, 8> = "PostCode",
        identifier: Words<0, 30> = "AddressIdentifier",
    }

    /// SRV 8.13: what a device answered to a Command that was delivered locally.
    LocalCommandResponse {
        /// The request the Command came from.
        original: Option<RequestId> = "OriginalRequestID",
        /// The GBCS Response as received.
        response: Vec<u8> = "DeviceGBCSResponse",
    }

    /// SRV 8.14.1: a hub was installed.
    HubInstalled {
        device: Eui64 = "DeviceID",
        kind: HubInstallType = "CHFInstallType",
        when: Option<Time> = "InstallDateTime",
        user_reference: Option<Words<0, 25>> = "UserRefID",
        mpxn: Mpxn = "MPxN",
        gis_data: Option<Words<0, 25>> = "GISData",
        aerial: bool = "AerialInstall",
        location: HubLocation = "CHFLocation",
        more: Option<Words<0, 200>> = "AdditionalInformation",
    }

    /// SRV 8.14.2: a hub was installed where no SM WAN was found.
    HubInstalledWithoutWan {
        device: Eui64 = "DeviceID",
        kind: HubInstallType = "CHFInstallType",
        when: Option<Time> = "InstallDateTime",
        user_reference: Option<Words<0, 25>> = "UserRefID",
        mpxn: Mpxn = "MPxN",
        gis_data: Option<Words<0, 25>> = "GISData",
        aerial: bool = "AerialInstall",
        location: HubLocation = "CHFLocation",
        premises: PremiseType = "PremiseType",
        metal: bool = "MetalObstructionCheck",
        connectivity: bool = "ConnectivityObstructionCheck",
        shared: bool = "SharedObstructionCheck",
        more: Option<Words<0, 200>> = "AdditionalInformation",
    }

    /// SRV 8.14.3: a hub goes back for a fault.
    HubFault {
        device: Eui64 = "DeviceID",
        kind: HubFaultType = "CHFFaultReturnType",
        when: Option<Time> = "UserRefDateTime",
        user_reference: Option<Words<0, 25>> = "UserRefID",
        other_device: Eui64 = "OtherDeviceID",
        incident: Option<Words<0, 15>> = "IncidentReference",
        connection: HubConnection = "CHFConnectionMethod",
        reason: HubFaultReason = "CHFFaultReason",
        more: Option<Words<0, 200>> = "AdditionalInformation",
    }

    /// SRV 8.14.4: a hub goes back without a fault.
    HubReturn {
        device: Eui64 = "DeviceID",
        kind: HubReturnType = "CHFNoFaultReturnType",
        when: Option<Time> = "UserRefDateTime",
        user_reference: Option<Words<0, 25>> = "UserRefID",
        incident: Option<Words<0, 15>> = "IncidentReference",
        more: Option<Words<0, 200>> = "AdditionalInformation",
    }

    /// SRV 11.1, 11.4: an image for devices to store.
    UpdateFirmware {
        image: FirmwareImage = "FirmwareImage",
        version: FirmwareVersion = "FirmwareVersion",
        devices: DeviceIds = "DeviceIDList",
    }

    /// SRV 12.2: a device that will be installed.
    DevicePrenotification {
        device: Eui64 = "DeviceID",
        manufacturer: Words<0, 30> = "DeviceManufacturer",
        model: Words<0, 30> = "DeviceModel",
        kind: DeviceType = "DeviceType",
        version: Option<Words<1, 20>> = "SMETSCHTSVersion",
        firmware: Option<FirmwareVersion> = "FirmwareVersion",
        variant: Option<EsmeVariant> = "ESMEVariant",
        gpf: Option<Eui64> = "AssociatedGPFDeviceID",
    }
}

/// A firmware version as the product list writes it.
pub type FirmwareVersion = Words<1, 8>;

choice! {
    /// SRV 5.2, 5.3: one schedule, or those of a device.
    WhichSchedule {
        Schedule(ScheduleId) = "DSPScheduleID",
        Device(Eui64) = "DeviceID",
    }

    /// What a schedule reads.
    ScheduledRead {
        ImportDailyReadLog(ReadLogPeriodOffset) = "DSPRetrieveImportDailyReadLog",
        ExportDailyReadLog(ReadLogPeriodOffset) = "DSPRetrieveExportDailyReadLog",
        ActiveImportProfile(ReadLogPeriodOffset) = "DSPReadActiveImportProfileData",
        ReactiveImportProfile(ReadLogPeriodOffset) = "DSPReadReactiveImportProfileData",
        ExportProfile(ReadLogPeriodOffset) = "DSPReadExportProfileData",
        NetworkData(ReadLogPeriodOffset) = "DSPReadNetworkData",
        MaximumDemandImport = "DSPReadMaximumDemandImportRegisters",
        MaximumDemandExport = "DSPReadMaximumDemandExportRegisters",
        PrepaymentDailyReadLog(ReadLogPeriodOffset) = "DSPReadPrepaymentDailyReadLog",
        LoadLimit = "DSPReadLoadLimitData",
        ActivePowerImport = "DSPReadActivePowerImport",
        DailyConsumptionLog(ReadLogPeriodOffset) = "DSPRetrieveDailyConsumptionLog",
        RecordNetworkData = "DSPRecordNetworkDataGAS",
        ExportRegisters = "DSPReadInstantaneousExportRegisters",
    }

    /// SRV 8.2: whose devices.
    ReadInventory {
        Uprn(Uprn) = "UPRN",
        Device(Eui64) = "DeviceID",
        Mpxn(Mpxn) = "MPxN",
        Property(Address) = "PropertyFilter",
    }

    /// What changes in the inventory.
    InventoryUpdate {
        Status(DeviceStatus) = "UpdateDeviceStatusExceptCH",
        HubStatus(HubStatus) = "UpdateDeviceStatusCH",
        Details(DeviceDetails) = "UpdateDeviceDetails",
        Delete = "DeleteDevice",
        Numbers(MpxnUpdate) = "UpdateMPxN",
    }

    /// One supply number.
    MpxnUpdate {
        Import(Mpxn) = "ImportMPxN",
        SecondaryImport(Mpan) = "SecondaryImportMPAN",
        Export(Mpan) = "ExportMPAN",
    }

    /// SRV 12.1: where.
    WanMatrix {
        Uprn(Uprn) = "UPRN",
        Address(Address) = "PartialAddress",
    }
}

enumeration! {
    /// A service reference that may be scheduled.
    ScheduledReference {
        S4_2 = "4.2", S4_6 = "4.6", S4_8 = "4.8", S4_10 = "4.10", S4_12 = "4.12", S4_14 = "4.14", S4_15 = "4.15",
        S4_16 = "4.16", S4_17 = "4.17", S14_1 = "14.1",
    }

    /// A service reference variant that may be scheduled.
    ScheduledVariant {
        S4_2 = "4.2", S4_6_1 = "4.6.1", S4_6_2 = "4.6.2", S4_8_1 = "4.8.1", S4_8_2 = "4.8.2", S4_8_3 = "4.8.3",
        S4_10 = "4.10", S4_12_1 = "4.12.1", S4_12_2 = "4.12.2", S4_14 = "4.14", S4_15 = "4.15", S4_16 = "4.16",
        S4_17 = "4.17", S14_1 = "14.1",
    }

    /// How often a schedule runs.
    Frequency {
        Daily = "Daily",
        Weekly = "Weekly",
        Monthly = "Monthly",
        Quarterly = "Quarterly",
        HalfYearly = "Half-Yearly",
        Yearly = "Yearly",
    }

    /// Statuses a User may give a device.
    DeviceStatus {
        Pending = "Pending",
        InstalledNotCommissioned = "InstalledNotCommissioned",
    }

    /// Statuses a User may give a hub.
    HubStatus {
        Commissioned = "Commissioned",
        Withdrawn = "Withdrawn",
        InstalledNotCommissioned = "InstalledNotCommissioned",
    }

    /// Variants of electricity meters, by the parts of SMETS they follow.
    EsmeVariant {
        A = "A", B = "B", C = "C", Ad = "AD", Bd = "BD", Cd = "CD", Ade = "ADE", Bde = "BDE", Cde = "CDE", Adf = "ADF",
        Bdf = "BDF", Cdf = "CDF", Adef = "ADEF", Bdef = "BDEF", Cdef = "CDEF", Adg = "ADG", Adeg = "ADEG", Af = "AF",
        Bf = "BF", Cf = "CF", Aef = "AEF", Bef = "BEF", Cef = "CEF", Ag = "AG", Aeg = "AEG",
    }

    /// Why a hub was installed.
    HubInstallType {
        New = "New CHF Install",
        Replacement = "Replacement CHF Install",
        NoWan = "CHF Install - no SM WAN",
    }

    /// Where a hub is.
    HubLocation {
        Outside = "Outside Premises",
        ExternalWall = "Indoors on external wall",
        DeepIndoors = "Deep indoors",
        Basement = "Basement or Cellar",
    }

    /// What premises are.
    PremiseType {
        Detached = "Detached / Semi Detached",
        Terraced = "Terraced",
        LowRise = "Low Rise Apartment (MDU <= 5 floors)",
        HighRise = "High Rise Apartment (MDU > 5 floors)",
    }

    /// When a fault was found.
    HubFaultType {
        Before = "Fault identified prior to installation",
        After = "Fault identified post installation",
    }

    /// How a hub is connected.
    HubConnection {
        HotShoe = "Hot-shoe",
        Cradle = "Cradle",
        Esme = "ESME",
    }

    /// What is wrong with a hub.
    HubFaultReason {
        Case = "Damaged case",
        Connector = "Damaged Connector",
        Seals = "Illegal interference or missing seals",
        Environment = "Environmental conditions exceeded",
        Wan = "SM WAN Fault",
        Han = "SMHAN Interface Fault",
        Led = "LED Fault",
        Aerial = "Aerial fault",
        Manufacturing = "Manufacturing defect",
    }

    /// Why a hub goes back without a fault.
    HubReturnType {
        General = "No Fault Return (general)",
        OptOut = "No Fault Return (non-dom opt out)",
        HanVariant = "No Fault Return (dual supplier HAN variant replacement)",
        WanVariant = "No Fault Return (SM WAN variant replacement requested by DCC)",
        Lost = "Lost or Stolen Hub",
    }
}

impl EsmeVariant {
    /// Whether it measures three phases (part C).
    pub fn is_poly_phase(self) -> bool {
        self.as_str().starts_with('C')
    }

    /// Whether it has two elements (part B).
    pub fn is_twin_element(self) -> bool {
        self.as_str().starts_with('B')
    }
}

/// `xs:nonPositiveInteger` down to `-MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAfter<const MOST: u16>(u16);

impl<const MOST: u16> NotAfter<MOST> {
    /// This many days before; `None` when they are too many.
    pub fn new(days: u16) -> Option<Self> {
        (days <= MOST).then_some(Self(days))
    }

    /// How many days before.
    pub const fn days(self) -> u16 {
        self.0
    }
}

impl<const MOST: u16> Text for NotAfter<MOST> {
    const EXPECTED: &'static str = "0, or a number of days with a minus sign, 400 at most";

    fn read(text: &str) -> Option<Self> {
        let n: i32 = text.trim_ascii().parse().ok()?;
        u16::try_from(n.checked_neg()?).ok().and_then(Self::new)
    }
}

impl<const MOST: u16> Value for NotAfter<MOST> {
    fn form(&self) -> String {
        (-i32::from(self.0)).to_string()
    }
}

/// A firmware image, 10,240,000 octets at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareImage(Vec<u8>);

impl FirmwareImage {
    /// `None` when it is too long.
    pub fn new(octets: impl Into<Vec<u8>>) -> Option<Self> {
        let octets = octets.into();
        (octets.len() <= 10_240_000).then_some(Self(octets))
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl Text for FirmwareImage {
    const EXPECTED: &'static str = "up to 10240000 octets in base64";

    fn read(text: &str) -> Option<Self> {
        Vec::read(text).and_then(Self::new)
    }
}

impl Value for FirmwareImage {
    fn form(&self) -> String {
        self.0.form()
    }
}

/// Devices with commas between, 50,000 at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceIds(Vec<Eui64>);

impl DeviceIds {
    /// `None` when there are none or too many.
    pub fn new(devices: impl Into<Vec<Eui64>>) -> Option<Self> {
        let devices = devices.into();
        (1..=50_000).contains(&devices.len()).then_some(Self(devices))
    }

    /// The devices.
    pub fn devices(&self) -> &[Eui64] {
        &self.0
    }
}

impl Text for DeviceIds {
    const EXPECTED: &'static str = "EUI-64s with commas between";

    fn read(text: &str) -> Option<Self> {
        Self::new(text.split(',').map(Eui64::read).collect::<Option<Vec<_>>>()?)
    }
}

impl Value for DeviceIds {
    fn form(&self) -> String {
        self.0.iter().map(Value::form).collect::<Vec<_>>().join(",")
    }
}
