//! Bodies of service requests (DUIS section 8): every element that a request may carry, as types.
pub mod alerts;
pub mod auxiliary;
pub mod calendar;
pub mod credentials;
pub mod customer;
pub mod dcc;
pub mod han;
pub mod log;
pub mod prepay;
#[cfg(any(test, feature = "sample"))]
mod sample;
pub mod settings;
pub mod tariff;

pub use customer::DisplayMessage;
pub use dcc::LocalCommandResponse;
pub use log::{ReadLog, ReadLogPeriod};
pub use prepay::{
    BalanceChange, DebtRecovery, ElectricityDebtRecovery, GasDebtRecovery, MeterBalance, PaymentMode, Period,
    PrepaymentMode, TopUpDevice, UpdateDebt, UpdatePaymentMode, Utrn,
};
pub use tariff::{Currency, ElectricityPriceMatrix, ElectricityPrices, GasPriceMatrix, GasPrices, Prices, UpdatePrice};

use crate::catalogue::{self, BodyShape};
use crate::time::Execution;
use crate::xml::content::sequence;
use crate::xml::{Content as _, Element, Writer, XmlError, XmlErrorKind};

sequence! {
    /// A Pre-Command with the User's signature.
    SignedPreCommand {
        /// As in the request that was transformed.
        execution: Execution,
        /// Grouping header, payload, `40`, signature.
        payload: Vec<u8> = "GBCSPayload",
    }
}

/// Bodies with a type of their own: the variant, its type and element, and where it keeps its execution date.
macro_rules! bodies {
    ($($variant:ident($type:ty) = $element:literal $(dated $date:ident)?;)*) => {
        /// What a request asks for.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "a request holds one body")]
        pub enum Body {
            $(#[doc = concat!("`", $element, "`.")] $variant($type),)*
            /// A read of a log between two moments; the element says which.
            ReadLog(ReadLog),
            /// A body that is empty or holds only an execution date; the element says which service.
            Plain {
                /// Element of the catalogue with the shape [`BodyShape::Empty`] or [`BodyShape::Dated`].
                element: &'static str,
                /// Always [`Execution::Immediate`] for an empty one.
                execution: Execution,
            },
        }

        impl Body {
            /// Name of the body element.
            pub fn element(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $element,)*
                    Self::ReadLog(read) => read.element,
                    Self::Plain { element, .. } => element,
                }
            }

            /// When it shall take effect; at once where it takes no date.
            pub fn execution(&self) -> Execution {
                match self {
                    $($(Self::$variant(body) => body.$date,)?)*
                    Self::ReadLog(read) => read.execution,
                    Self::Plain { execution, .. } => *execution,
                    Self::OptOut(body) => Execution::of(body.when),
                    _ => Execution::Immediate,
                }
            }

            fn read_typed(element: Element<'_>) -> Result<Self, XmlError> {
                match element.name() {
                    $($element => <$type>::read_content(element, &[]).map(Self::$variant),)*
                    other => Err(element.error(XmlErrorKind::Unexpected(other.to_owned()))),
                }
            }

            #[cfg(any(test, feature = "sample"))]
            fn sample_typed(element: &str, draw: &mut crate::xml::sample::Draw) -> Option<Self> {
                Some(match element {
                    $($element => Self::$variant(crate::xml::sample::Sample::sample(draw)),)*
                    _ => return None,
                })
            }

            pub(crate) fn write(&self, w: &mut Writer) {
                let name = self.element();
                match self {
                    $(Self::$variant(body) => body.write_element(w, name),)*
                    Self::ReadLog(read) => w.element(name, |w| read.write(w)),
                    Self::Plain { execution, .. } => w.element(name, |w| execution.write(w)),
                }
            }
        }
    };
}

bodies! {
    UpdateTariff(tariff::UpdateTariff) = "UpdateImportTariffPrimaryElement" dated execution;
    UpdateSecondaryTariff(tariff::UpdateSecondaryTariff) = "UpdateImportTariffSecondaryElement" dated execution;
    UpdatePrice(tariff::UpdatePrice) = "UpdatePricePrimaryElement" dated execution;
    UpdateSecondaryPrice(tariff::UpdateSecondaryPrice) = "UpdatePriceSecondaryElement" dated execution;
    UpdateMeterBalance(prepay::MeterBalance) = "UpdateMeterBalance";
    UpdatePaymentMode(prepay::UpdatePaymentMode) = "UpdatePaymentMode" dated execution;
    UpdatePrepayConfiguration(prepay::UpdatePrepayConfiguration) = "UpdatePrepayConfiguration" dated execution;
    TopUpDevice(prepay::TopUpDevice) = "TopUpDevice";
    UpdateDebt(prepay::UpdateDebt) = "UpdateDebt";
    DisplayMessage(customer::DisplayMessage) = "DisplayMessage" dated execution;
    RestrictAccess(customer::RestrictAccess) = "RestrictAccessForChangeOfTenancy" dated execution;
    ClearEventLog(customer::ClearEventLog) = "ClearEventLog";
    UpdateSupplierName(customer::UpdateSupplierName) = "UpdateSupplierName" dated execution;
    CreateSchedule(dcc::CreateSchedule) = "CreateSchedule";
    ReadSchedule(dcc::WhichSchedule) = "ReadSchedule";
    DeleteSchedule(dcc::WhichSchedule) = "DeleteSchedule";
    LoadLimiting(settings::LoadLimiting) = "UpdateDeviceConfigurationLoadLimitingGeneralSettings" dated execution;
    Voltage(settings::Voltage) = "UpdateDeviceConfigurationVoltage" dated execution;
    GasConversion(settings::GasConversion) = "UpdateDeviceConfigurationGasConversion";
    GasFlow(settings::GasFlow) = "UpdateDeviceConfigurationGasFlow";
    BillingCalendar(settings::BillingCalendar) = "UpdateDeviceConfigurationBillingCalendar";
    SynchroniseClock(settings::SynchroniseClock) = "SynchroniseClock";
    PowerThreshold(settings::PowerThreshold) = "UpdateDeviceConfigurationInstantaneousPowerThreshold" dated execution;
    ReadEventLog(log::ReadEventLog) = "ReadEventOrSecurityLog";
    SwitchDescriptions(auxiliary::SwitchDescriptions) = "UpdateDeviceConfigurationALCDescriptions";
    SwitchScheduler(auxiliary::SwitchScheduler) = "UpdateDeviceConfigurationALCScheduler" dated execution;
    ControllerScheduler(auxiliary::ControllerScheduler) = "UpdateDeviceConfigurationAuxiliaryControllerScheduler" dated execution;
    UpdateKrpCredentials(credentials::UpdateKrp) = "UpdateSecurityCredentialsKRP" dated execution;
    UpdateDeviceCertificate(credentials::UpdateDeviceCertificate) = "UpdateSecurityCredentialsDevice";
    IssueCredential(credentials::DeviceCredential) = "IssueSecurityCredentials";
    MaximumDemandPeriod(settings::MaximumDemandPeriod) = "SetMaximumDemandConfigurableTimePeriod" dated execution;
    ResetMaximumDemand(settings::ResetMaximumDemand) = "ResetMaximumDemandRegisters" dated execution;
    SetImportMpxn(customer::SetImportMpxn) = "SetDeviceConfigurationImportMPxN" dated execution;
    SetExportMpan(customer::SetExportMpan) = "SetDeviceConfigurationExportMPAN" dated execution;
    Handover(credentials::Handover) = "RequestHandoverOfDCCControlledDevice" dated execution;
    ConfigureAlerts(alerts::ConfigureAlerts) = "ConfigureAlertBehaviour";
    ChangeOfSupplier(credentials::ChangeOfSupplier) = "UpdateSecurityCredentialsCoS" dated execution;
    RetrieveKrpCredentials(credentials::RetrieveKrp) = "RetrieveDeviceSecurityCredentialsKRP";
    RetrieveDeviceCertificate(credentials::DeviceCredential) = "RetrieveDeviceSecurityCredentialsDevice";
    SupplyTamper(settings::SupplyTamper) = "SetElectricitySupplyTamperState";
    DailyReset(settings::DailyReset) = "UpdateDeviceConfigurationDailyResettingOfTariffBlockCounterMatrix";
    SubGhzConfiguration(han::SubGhzConfiguration) = "SetCHFSubGHzConfiguration";
    ActivateLoad(auxiliary::ActivateLoad) = "ActivateAuxiliaryLoad";
    DeactivateLoad(auxiliary::DeactivateLoad) = "DeactivateAuxiliaryLoad";
    ResetLoad(auxiliary::ResetLoad) = "ResetAuxiliaryLoad";
    AddToBoostButton(auxiliary::AddToBoostButton) = "AddAuxiliaryLoadToBoostButton" dated execution;
    RemoveFromBoostButton(auxiliary::RemoveFromBoostButton) = "RemoveAuxiliaryLoadFromBoostButton" dated execution;
    RandomisedOffsetLimit(auxiliary::RandomisedOffsetLimit) = "SetRandomisedOffsetLimit";
    AuxiliaryState(auxiliary::ControllerState) = "SetAuxiliaryControllerState";
    LimitLevel(auxiliary::ControllerState) = "LimitAPCLevel";
    CommissionClock(settings::SynchroniseClock) = "CommissionDeviceSynchroniseClock";
    ReadInventory(dcc::ReadInventory) = "ReadInventory";
    DecommissionDevice(dcc::DecommissionDevice) = "DecommissionDevice";
    UpdateInventory(dcc::UpdateInventory) = "UpdateInventory";
    OptOut(credentials::ServiceOptOut) = "ServiceOptOut";
    OptIn(dcc::ServiceOptIn) = "ServiceOptIn";
    JoinCritical(han::OtherDevice) = "JoinServiceCritical";
    JoinNonCritical(han::OtherDevice) = "JoinServiceNonCritical";
    UnjoinCritical(han::OtherDevice) = "UnjoinServiceCritical";
    UnjoinNonCritical(han::OtherDevice) = "UnjoinServiceNonCritical";
    ReadDeviceLog(han::ReadDeviceLog) = "ReadDeviceLog" dated execution;
    UpdateHanDeviceLog(han::UpdateHanDeviceLog) = "UpdateHANDeviceLog" dated execution;
    RestoreHanDeviceLog(han::RestoreHanDeviceLog) = "RestoreHANDeviceLog";
    RestoreGpfDeviceLog(han::RestoreGpfDeviceLog) = "RestoreGPFDeviceLog";
    ReturnLocalCommandResponse(dcc::LocalCommandResponse) = "ReturnLocalCommandResponse";
    HubInstalled(dcc::HubInstalled) = "CHFInstallSuccessSMWAN";
    HubInstalledWithoutWan(dcc::HubInstalledWithoutWan) = "CHFInstallSuccessNoSMWAN";
    HubFault(dcc::HubFault) = "CHFFaultReturn";
    HubReturn(dcc::HubReturn) = "CHFNoFaultReturn";
    UpdateFirmware(dcc::UpdateFirmware) = "UpdateFirmware";
    ActivateFirmware(han::ActivateFirmware) = "ActivateFirmware" dated execution;
    UpdatePpmidFirmware(dcc::UpdateFirmware) = "UpdatePPMIDFirmware";
    WanMatrix(dcc::WanMatrix) = "RequestWANMatrix";
    DevicePrenotification(dcc::DevicePrenotification) = "DevicePrenotification";
    SignedPreCommand(SignedPreCommand) = "SignedPreCommand" dated execution;
}

const SIGNED_PRE_COMMAND: &str = "SignedPreCommand";

impl Body {
    /// An empty or merely dated body, at once: `Body::plain("EnableSupply")`. `None` if the element is neither.
    pub fn plain(element: &str) -> Option<Self> {
        let entry = catalogue::by_body(element)?;
        matches!(entry.shape, BodyShape::Empty | BodyShape::Dated)
            .then_some(Self::Plain { element: entry.body, execution: Execution::Immediate })
    }

    /// The device that a join or unjoin names beside the target.
    pub fn other_device(&self) -> Option<gbcs::Eui64> {
        match self {
            Self::JoinCritical(b) | Self::JoinNonCritical(b) | Self::UnjoinCritical(b) | Self::UnjoinNonCritical(b) => {
                Some(b.device)
            }
            _ => None,
        }
    }

    /// Reads the one child of `sr:Body`.
    pub(crate) fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let name = element.name();
        if name == SIGNED_PRE_COMMAND {
            return Self::read_typed(element);
        }
        let Some(entry) = catalogue::by_body(name) else {
            return Err(element.error(XmlErrorKind::Unexpected(name.to_owned())));
        };
        match entry.shape {
            BodyShape::Typed => Self::read_typed(element),
            BodyShape::Empty => {
                element.empty()?;
                Ok(Self::Plain { element: entry.body, execution: Execution::Immediate })
            }
            BodyShape::Dated => {
                let mut children = element.children()?;
                let execution = Execution::read(&mut children)?;
                children.end()?;
                Ok(Self::Plain { element: entry.body, execution })
            }
            BodyShape::Log | BodyShape::LogOnDemand | BodyShape::LogWithCredentials => {
                ReadLog::read(element, entry.body, entry.shape).map(Self::ReadLog)
            }
        }
    }
}
