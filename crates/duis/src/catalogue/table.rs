//! The table of DUIS section 7, one row per Service Reference Variant, in the order of the schema.
use super::BodyShape::{Dated, Empty, Log, LogOnDemand, LogWithCredentials, Typed};
use super::Criticality::{Critical, NonCritical, NonDevice};
use super::DeviceType::{Chf, Esme, Gpf, Gsme, Hcalcs, Ppmid, Sapc};
use super::Role::{Ed, Es, Gs, Gt, Is, Ou, Rsa};
use super::{BodyShape, CommandVariant as Cv, DeviceType, Entry, FutureDating, Originators, Role, UseCase};
use crate::Srv;
use gbcs::MessageCode;

const V1: &[Cv] = &[Cv::Send];
const V123: &[Cv] = &[Cv::Send, Cv::Local, Cv::SendAndLocal];
const V45: &[Cv] = &[Cv::Transform, Cv::SendSigned];
const V4567: &[Cv] = &[Cv::Transform, Cv::SendSigned, Cv::LocalSigned, Cv::SendAndLocalSigned];
const V8: &[Cv] = &[Cv::NonDevice];
const ALL: &[Role] = &[Is, Es, Gs, Rsa, Ed, Gt, Ou];

const NEVER: FutureDating = FutureDating { dcc: false, device: false, scheduled: false };
const DEVICE: FutureDating = FutureDating { device: true, ..NEVER };
const DSP: FutureDating = FutureDating { dcc: true, ..NEVER };
const SCHED: FutureDating = FutureDating { scheduled: true, ..NEVER };
const DSP_SCHED: FutureDating = FutureDating { scheduled: true, ..DSP };
const DSP_DEVICE: FutureDating = FutureDating { device: true, ..DSP };

const NONE: Originators = Originators { user: false, acb: false, transitional_cos: false };
const USER: Originators = Originators { user: true, ..NONE };
const ACB: Originators = Originators { acb: true, ..NONE };
const ACB_USER: Originators = Originators { acb: true, ..USER };
const TCOS: Originators = Originators { transitional_cos: true, ..NONE };

const fn uc(name: &'static str, code: u16) -> UseCase {
    UseCase { name, code: MessageCode(code) }
}

#[expect(clippy::too_many_arguments, reason = "a row of the table, column by column")]
const fn entry(
    (service, reference, variant): (u8, u8, u8),
    body: &'static str,
    shape: BodyShape,
    variants: &'static [Cv],
    future_dating: FutureDating,
    roles: &'static [Role],
    targets: &'static [DeviceType],
    use_cases: &'static [UseCase],
    originators: Originators,
) -> Entry {
    let criticality = match variants[0] {
        Cv::Transform => Critical,
        Cv::NonDevice => NonDevice,
        _ => NonCritical,
    };
    let srv = Srv::new(service, reference, variant);
    Entry { srv, body, shape, criticality, variants, future_dating, roles, targets, use_cases, originators }
}

// SRV, body element, its shape, command variants (7.12..7.15 as templates and use cases have them, DUIS 3.2), who holds the date,
// roles, devices aimed at by the reference data, use cases, GBCS originators seen.
#[rustfmt::skip]
pub(super) static TABLE: &[Entry] = &[
    entry((1, 1, 1), "UpdateImportTariffPrimaryElement", Typed, V4567, DEVICE, &[Is, Gs], &[Esme, Gsme], &[uc("ECS01a", 0x0019), uc("GCS01a", 0x006B)], USER),
    entry((1, 1, 2), "UpdateImportTariffSecondaryElement", Typed, V4567, DEVICE, &[Is], &[Esme], &[uc("ECS01c", 0x00B7)], USER),
    entry((1, 2, 1), "UpdatePricePrimaryElement", Typed, V4567, DEVICE, &[Is, Gs], &[Esme, Gsme], &[uc("ECS01b", 0x00A2), uc("GCS01b", 0x00A3)], USER),
    entry((1, 2, 2), "UpdatePriceSecondaryElement", Typed, V4567, DEVICE, &[Is], &[Esme], &[uc("ECS01d", 0x00C7)], USER),
    entry((1, 5, 0), "UpdateMeterBalance", Typed, V4567, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("ECS04a", 0x001C), uc("ECS04b", 0x00B3), uc("GCS40a", 0x0086), uc("GCS40b", 0x00B4), uc("GCS40c", 0x00C0), uc("GCS40d", 0x00C2)], USER),
    entry((1, 6, 0), "UpdatePaymentMode", Typed, V4567, DEVICE, &[Is, Gs], &[Esme, Gsme], &[uc("ECS02", 0x001A), uc("ECS03", 0x001B), uc("GCS02", 0x006C), uc("GCS03", 0x006D)], USER),
    entry((1, 7, 0), "ResetTariffBlockCounterMatrix", Empty, V4567, NEVER, &[Is], &[Esme], &[uc("ECS05", 0x001D)], USER),
    entry((2, 1, 0), "UpdatePrepayConfiguration", Typed, V4567, DEVICE, &[Is, Gs], &[Esme, Gsme], &[uc("ECS08", 0x001F), uc("ECS08a", 0x00DE), uc("GCS05", 0x006F)], USER),
    entry((2, 2, 0), "TopUpDevice", Typed, V123, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("CS01a", 0x0007), uc("CS01b", 0x0097)], USER),
    entry((2, 3, 0), "UpdateDebt", Typed, V4567, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("ECS07", 0x001E), uc("GCS04", 0x006E)], USER),
    entry((2, 5, 0), "ActivateEmergencyCredit", Empty, V4567, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("ECS09", 0x0020), uc("GCS06", 0x0070)], USER),
    entry((3, 1, 0), "DisplayMessage", Typed, V123, DSP, &[Is, Gs], &[Esme, Gsme], &[uc("ECS10", 0x0021), uc("GCS07", 0x0071)], USER),
    entry((3, 2, 0), "RestrictAccessForChangeOfTenancy", Typed, V123, DSP, &[Is, Gs], &[Esme, Gpf], &[uc("ECS12", 0x0022), uc("GCS09", 0x0072)], USER),
    entry((3, 3, 0), "ClearEventLog", Typed, V123, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("CS11", 0x0015), uc("ECS15a", 0x0024), uc("ECS15c", 0x00C1)], USER),
    entry((3, 4, 0), "UpdateSupplierName", Typed, V123, DSP, &[Is, Gs], &[Esme, Gsme], &[uc("ECS16", 0x0025), uc("GCS44", 0x0088)], USER),
    entry((3, 5, 0), "DisablePrivacyPIN", Empty, V123, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("ECS14", 0x0023), uc("GCS11", 0x0073)], USER),
    entry((4, 1, 1), "ReadInstantaneousImportRegisters", Dated, V123, DSP, &[Is, Gs, Ed, Gt], &[Esme, Gpf, Gsme], &[uc("ECS17b", 0x0027), uc("GCS13a", 0x0074)], USER),
    entry((4, 1, 2), "ReadInstantaneousImportTOUMatrices", Dated, V123, DSP, &[Is, Gs, Ed, Gt], &[Esme, Gpf, Gsme], &[uc("ECS17d", 0x0029), uc("GCS13c", 0x00B6)], USER),
    entry((4, 1, 3), "ReadInstantaneousImportTOUWithBlocksMatrices", Dated, V123, DSP, &[Is, Ed], &[Esme], &[uc("ECS17e", 0x002A)], USER),
    entry((4, 1, 4), "ReadInstantaneousImportBlockCounters", Dated, V123, DSP, &[Gs], &[Gpf, Gsme], &[uc("GCS13b", 0x00B8)], USER),
    entry((4, 2, 0), "ReadInstantaneousExportRegisters", Dated, V123, DSP, &[Es, Ed], &[Esme], &[uc("ECS17a", 0x0026)], USER),
    entry((4, 3, 0), "ReadInstantaneousPrepayValues", Dated, V123, DSP, &[Is, Gs], &[Esme, Gpf, Gsme], &[uc("ECS19", 0x002D), uc("GCS14", 0x0075)], USER),
    entry((4, 4, 2), "RetrieveCoMOrTariffTriggeredBillingDataLog", LogWithCredentials, V123, DSP, &[Is, Gs], &[Esme, Gsme], &[uc("ECS20b", 0x002F), uc("GCS15b", 0x00C3)], USER),
    entry((4, 4, 3), "RetrieveBillingCalendarTriggeredBillingDataLog", LogWithCredentials, V123, DSP, &[Is, Gs], &[Esme, Gsme], &[uc("ECS20c", 0x0030), uc("GCS15c", 0x0076)], USER),
    entry((4, 4, 4), "RetrieveBillingDataLogDebtPayments", Log, V123, DSP, &[Gs, Is], &[Esme, Gsme], &[uc("ECS20a", 0x002E), uc("GCS15d", 0x00C4)], ACB_USER),
    entry((4, 4, 5), "RetrieveBillingDataLogPrepaymentCredits", Log, V123, DSP, &[Gs, Is], &[Esme, Gsme], &[uc("ECS20d", 0x00C9), uc("GCS15e", 0x00C5)], USER),
    entry((4, 6, 1), "RetrieveImportDailyReadLog", LogWithCredentials, V123, DSP_SCHED, &[Is, Gs], &[Esme, Gsme], &[uc("ECS21a", 0x0033), uc("GCS16a", 0x0077)], USER),
    entry((4, 6, 2), "RetrieveExportDailyReadLog", Log, V123, DSP_SCHED, &[Es], &[Esme], &[uc("ECS21c", 0x0035)], ACB),
    entry((4, 8, 1), "ReadActiveImportProfileData", LogWithCredentials, V123, DSP_SCHED, &[Is, Gs, Ed, Gt, Ou], &[Esme, Gsme], &[uc("ECS22b", 0x0037), uc("GCS17", 0x0078)], USER),
    entry((4, 8, 2), "ReadReactiveImportProfileData", Log, V123, DSP_SCHED, &[Is, Ed, Ou], &[Esme], &[uc("ECS22c", 0x0038)], USER),
    entry((4, 8, 3), "ReadExportProfileData", Log, V123, DSP_SCHED, &[Es, Ed, Ou], &[Esme], &[uc("ECS22a", 0x0036)], USER),
    entry((4, 10, 0), "ReadNetworkData", LogWithCredentials, V123, DSP_SCHED, &[Is, Gs, Ed, Gt], &[Esme, Gsme], &[uc("ECS23", 0x0039), uc("ECS23b", 0x00BC), uc("GCS18", 0x0079)], USER),
    entry((4, 11, 1), "ReadTariffPrimaryElement", Empty, V123, NEVER, &[Is, Gs, Ou], &[Esme, Gsme], &[uc("ECS24", 0x003A), uc("GCS21f", 0x009F)], USER),
    entry((4, 11, 2), "ReadTariffSecondaryElement", Empty, V123, NEVER, &[Is, Ou], &[Esme], &[uc("ECS24b", 0x00BD)], USER),
    entry((4, 12, 1), "ReadMaximumDemandImportRegisters", Dated, V123, DSP_SCHED, &[Is, Ed], &[Esme], &[uc("ECS18b", 0x002C)], USER),
    entry((4, 12, 2), "ReadMaximumDemandExportRegisters", Dated, V123, DSP_SCHED, &[Es, Ed], &[Esme], &[uc("ECS18a", 0x002B)], USER),
    entry((4, 13, 0), "ReadPrepaymentConfiguration", Dated, V123, DSP, &[Is, Gs], &[Esme, Gsme], &[uc("ECS26a", 0x003B), uc("GCS21b", 0x00B5)], USER),
    entry((4, 14, 0), "ReadPrepaymentDailyReadLog", LogWithCredentials, V123, DSP_SCHED, &[Is, Gs], &[Esme, Gpf, Gsme], &[uc("ECS21b", 0x0034), uc("GCS16b", 0x0096)], ACB_USER),
    entry((4, 15, 0), "ReadLoadLimitData", Dated, V123, DSP_SCHED, &[Is, Ed], &[Esme], &[uc("ECS27", 0x0042)], USER),
    entry((4, 16, 0), "ReadActivePowerImport", Empty, V123, SCHED, &[Is, Ed], &[Esme], &[uc("ECS17c", 0x0028)], USER),
    entry((4, 17, 0), "RetrieveDailyConsumptionLog", LogWithCredentials, V123, DSP_SCHED, &[Is, Gs, Ed, Gt, Ou], &[Esme, Gpf], &[uc("ECS66", 0x0060), uc("GCS61", 0x00A0)], ACB_USER),
    entry((4, 18, 0), "ReadMeterBalance", Dated, V123, DSP, &[Is, Gs], &[Esme, Gpf, Gsme], &[uc("ECS82", 0x0069), uc("GCS60", 0x008D), uc("GCS60a", 0x012A)], USER),
    entry((5, 1, 0), "CreateSchedule", Typed, V8, NEVER, &[Is, Es, Gs, Ed, Gt, Ou], &[], &[], NONE),
    entry((5, 2, 0), "ReadSchedule", Typed, V8, NEVER, &[Is, Es, Gs, Ed, Gt, Ou], &[], &[], NONE),
    entry((5, 3, 0), "DeleteSchedule", Typed, V8, NEVER, &[Is, Es, Gs, Ed, Gt, Ou], &[], &[], NONE),
    entry((6, 2, 1), "ReadDeviceConfigurationVoltage", Empty, V123, NEVER, &[Is, Rsa, Ed], &[Esme], &[uc("ECS26b", 0x003C), uc("ECS26k", 0x00C6)], USER),
    entry((6, 2, 2), "ReadDeviceConfigurationRandomisation", Empty, V123, NEVER, &[Is, Rsa, Ed], &[Esme], &[uc("ECS26c", 0x003D)], USER),
    entry((6, 2, 3), "ReadDeviceConfigurationBillingCalendar", Empty, V123, NEVER, &[Is, Rsa, Gs], &[Esme, Gsme], &[uc("ECS26d", 0x003E), uc("ECS26l", 0x00D9), uc("GCS21d", 0x009D), uc("GCS21k", 0x00DA)], USER),
    entry((6, 2, 4), "ReadDeviceConfigurationIdentityExcMPxN", Empty, V123, NEVER, ALL, &[Chf, Esme, Gsme], &[uc("ECS26e", 0x003F), uc("ECS26i", 0x0092), uc("ECS26m", 0x00F9), uc("ECS26n", 0x00FA), uc("GCS21e", 0x009E), uc("GCS21m", 0x00FB)], ACB_USER),
    entry((6, 2, 5), "ReadDeviceConfigurationInstantaneousPowerThresholds", Empty, V123, NEVER, &[Is, Rsa], &[Esme], &[uc("ECS26f", 0x0040)], USER),
    entry((6, 2, 7), "ReadDeviceConfigurationMPxN", Empty, V123, NEVER, ALL, &[Esme, Gsme], &[uc("ECS40", 0x004E), uc("GCS46", 0x0089)], USER),
    entry((6, 2, 8), "ReadDeviceConfigurationGas", Empty, V123, NEVER, &[Gs, Rsa, Gt], &[Gsme], &[uc("GCS21a", 0x007B)], USER),
    entry((6, 2, 9), "ReadDeviceConfigurationPaymentMode", Empty, V123, NEVER, &[Is, Gs, Rsa], &[Esme, Gsme], &[uc("ECS26j", 0x00BE), uc("GCS21j", 0x00BF)], USER),
    entry((6, 2, 10), "ReadDeviceConfigurationEventAndAlertBehaviours", Empty, V123, NEVER, &[Is, Gs, Ed], &[Esme, Gsme], &[uc("ECS25r1", 0x00EE), uc("ECS25r2", 0x00EF), uc("GCS20r", 0x00F1)], USER),
    entry((6, 4, 1), "UpdateDeviceConfigurationLoadLimitingGeneralSettings", Typed, V4567, DEVICE, &[Is], &[Esme], &[uc("ECS28a", 0x0043)], USER),
    entry((6, 4, 2), "UpdateDeviceConfigurationLoadLimitingCounterReset", Dated, V123, DSP, &[Is], &[Esme], &[uc("ECS28b", 0x0044)], USER),
    entry((6, 5, 0), "UpdateDeviceConfigurationVoltage", Typed, V123, DSP, &[Ed], &[Esme], &[uc("ECS29a", 0x0045), uc("ECS29b", 0x00AE), uc("ECS29c", 0x00D1), uc("ECS29d", 0x00D2)], USER),
    entry((6, 6, 0), "UpdateDeviceConfigurationGasConversion", Typed, V4567, NEVER, &[Gs], &[Gsme], &[uc("GCS23", 0x007C)], USER),
    entry((6, 7, 0), "UpdateDeviceConfigurationGasFlow", Typed, V4567, NEVER, &[Gs], &[Gsme], &[uc("GCS24", 0x007D), uc("GCS24a", 0x00FC)], USER),
    entry((6, 8, 0), "UpdateDeviceConfigurationBillingCalendar", Typed, V4567, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("ECS30", 0x0046), uc("ECS30a", 0x00D7), uc("GCS25", 0x007E), uc("GCS25a", 0x00D8)], USER),
    entry((6, 11, 0), "SynchroniseClock", Typed, V4567, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("ECS70", 0x0062), uc("GCS28", 0x007F)], USER),
    entry((6, 12, 0), "UpdateDeviceConfigurationInstantaneousPowerThreshold", Typed, V123, DSP, &[Is], &[Esme], &[uc("ECS34", 0x0047)], USER),
    entry((6, 13, 0), "ReadEventOrSecurityLog", Typed, V123, NEVER, &[Is, Gs, Ed, Gt, Rsa], &[Chf, Esme, Gsme], &[uc("CS10a", 0x0014), uc("CS10b", 0x00A1), uc("ECS35a", 0x0048), uc("ECS35b", 0x0049), uc("ECS35c", 0x0093), uc("ECS35d", 0x0094), uc("ECS35e", 0x00B9), uc("ECS35f", 0x00BA), uc("ECS35g", 0x00FD)], ACB_USER),
    entry((6, 14, 1), "UpdateDeviceConfigurationALCDescriptions", Typed, V4567, NEVER, &[Is], &[Esme], &[uc("ECS46a", 0x0053)], USER),
    entry((6, 14, 2), "UpdateDeviceConfigurationALCScheduler", Typed, V4567, DEVICE, &[Is], &[Esme], &[uc("ECS46c", 0x0054)], USER),
    entry((6, 14, 3), "UpdateDeviceConfigurationAuxiliaryControllerScheduler", Typed, V4567, DEVICE, &[Is], &[Esme, Sapc], &[uc("ECS46d", 0x011A)], USER),
    entry((6, 15, 1), "UpdateSecurityCredentialsKRP", Typed, V4567, DEVICE, &[Is, Gs, Ed, Gt], &[Esme], &[uc("CS02bNOByNO", 0x0103), uc("CS02bSupplierBySupplier", 0x0102), uc("CS02gLoadControllerBySupplier", 0x0126)], USER),
    entry((6, 15, 2), "UpdateSecurityCredentialsDevice", Typed, V4567, NEVER, &[Is, Gs], &[Esme], &[uc("CS02d", 0x000B)], USER),
    entry((6, 17, 0), "IssueSecurityCredentials", Typed, V4567, NEVER, &[Is, Gs], &[Esme], &[uc("CS02c", 0x000A)], USER),
    entry((6, 18, 1), "SetMaximumDemandConfigurableTimePeriod", Typed, V123, DSP, &[Ed], &[Esme], &[uc("ECS37", 0x004A)], USER),
    entry((6, 18, 2), "ResetMaximumDemandRegisters", Typed, V123, DSP, &[Ed], &[Esme], &[uc("ECS57", 0x005A)], USER),
    entry((6, 20, 1), "SetDeviceConfigurationImportMPxN", Typed, V123, DSP, &[Is, Gs], &[Esme, Gsme], &[uc("ECS39a", 0x004C), uc("GCS41", 0x0087)], USER),
    entry((6, 20, 2), "SetDeviceConfigurationExportMPAN", Typed, V123, DSP, &[Es], &[Esme], &[uc("ECS39b", 0x004D)], ACB),
    entry((6, 21, 0), "RequestHandoverOfDCCControlledDevice", Typed, V123, DSP, &[Is, Gs], &[Gpf], &[uc("CS02bNOByNOHandover", 0x0103), uc("CS02bSupplierBySupplierHandover", 0x0102)], ACB),
    entry((6, 22, 0), "ConfigureAlertBehaviour", Typed, V123, NEVER, &[Is, Gs, Ed], &[Esme, Gsme], &[uc("ECS25a1", 0x00EA), uc("ECS25a2", 0x00EB), uc("ECS25a3", 0x00EC), uc("ECS25a", 0x00AC), uc("ECS25b3", 0x00ED), uc("ECS25b", 0x00B0), uc("GCS20", 0x00AD)], USER),
    entry((6, 23, 0), "UpdateSecurityCredentialsCoS", Typed, V123, DSP_DEVICE, &[Is, Gs], &[Esme], &[uc("CS02bSupplierByTransCoS", 0x0107)], TCOS),
    entry((6, 24, 1), "RetrieveDeviceSecurityCredentialsKRP", Typed, V123, NEVER, &[Is, Gs, Ed, Gt], &[Esme], &[uc("CS02aMAC", 0x0008), uc("CS02fMAC", 0x011B)], ACB),
    entry((6, 24, 2), "RetrieveDeviceSecurityCredentialsDevice", Typed, V4567, NEVER, &[Is, Gs], &[Esme], &[uc("CS02e", 0x000C)], USER),
    entry((6, 25, 0), "SetElectricitySupplyTamperState", Typed, V4567, NEVER, &[Is], &[Esme], &[uc("ECS81", 0x0068)], USER),
    entry((6, 26, 0), "UpdateDeviceConfigurationDailyResettingOfTariffBlockCounterMatrix", Typed, V4567, NEVER, &[Is], &[Esme], &[uc("ECS48", 0x00DB)], USER),
    entry((6, 27, 0), "UpdateDeviceConfigurationRMSVoltageCounterReset", Dated, V123, DSP, &[Ed], &[Esme], &[uc("ECS29e", 0x00D3), uc("ECS29f", 0x00D4)], USER),
    entry((6, 28, 0), "SetCHFSubGHzConfiguration", Typed, V123, NEVER, &[Is, Gs], &[Chf], &[uc("DBCH04", 0x010D)], ACB),
    entry((6, 29, 0), "RequestCHFSubGHzChannelScan", Empty, V123, NEVER, &[Is, Gs], &[Chf], &[uc("DBCH05", 0x010E)], ACB),
    entry((6, 30, 0), "ReadCHFSubGHzConfiguration", Empty, V123, NEVER, &[Is, Gs, Rsa], &[Chf], &[uc("DBCH03", 0x010C)], ACB),
    entry((6, 31, 0), "ReadCHFSubGHzChannel", Empty, V123, NEVER, &[Is, Gs, Rsa], &[Chf], &[uc("DBCH01", 0x010A)], ACB),
    entry((6, 32, 0), "ReadCHFSubGHzChannelLog", LogOnDemand, V123, NEVER, &[Is, Gs, Rsa], &[Chf], &[uc("DBCH02", 0x010B)], ACB),
    entry((7, 1, 0), "EnableSupply", Empty, V4567, NEVER, &[Is], &[Esme], &[uc("ECS42", 0x004F)], USER),
    entry((7, 2, 0), "DisableSupply", Empty, V4567, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("ECS43", 0x0050), uc("GCS32", 0x0081)], USER),
    entry((7, 3, 0), "ArmSupply", Empty, V4567, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("ECS44", 0x0051), uc("GCS39", 0x0085)], USER),
    entry((7, 4, 0), "ReadSupplyStatus", Empty, V123, NEVER, &[Is, Es, Gs, Rsa, Ed, Gt], &[Esme, Gsme], &[uc("ECS45", 0x0052), uc("GCS33", 0x0082)], USER),
    entry((7, 5, 0), "ActivateAuxiliaryLoad", Typed, V4567, NEVER, &[Is], &[Esme], &[uc("ECS47Activate", 0x0055)], USER),
    entry((7, 6, 0), "DeactivateAuxiliaryLoad", Typed, V4567, NEVER, &[Is], &[Esme], &[uc("ECS47Deactivate", 0x0055)], USER),
    entry((7, 7, 0), "ReadALCSData", Dated, V123, DSP, &[Is, Ed, Ou], &[Esme], &[uc("ECS61a", 0x00BB)], USER),
    entry((7, 8, 0), "ResetAuxiliaryLoad", Typed, V4567, NEVER, &[Is], &[Esme], &[uc("ECS47Reset", 0x0055)], USER),
    entry((7, 9, 0), "AddAuxiliaryLoadToBoostButton", Typed, V123, DSP, &[Is], &[Esme], &[uc("ECS62Add", 0x005F)], USER),
    entry((7, 10, 0), "RemoveAuxiliaryLoadFromBoostButton", Typed, V123, DSP, &[Is], &[Esme], &[uc("ECS62Remove", 0x005F)], USER),
    entry((7, 11, 0), "ReadBoostButtonDetails", Log, V123, DSP, &[Is, Ou], &[Esme], &[uc("ECS61c", 0x005E)], USER),
    entry((7, 12, 0), "SetRandomisedOffsetLimit", Typed, V4567, NEVER, &[Is], &[Esme], &[uc("ECS38", 0x004B)], USER),
    entry((7, 13, 0), "SetAuxiliaryControllerState", Typed, V4567, NEVER, &[Is], &[Esme], &[uc("ECS47a", 0x011E)], USER),
    entry((7, 14, 0), "ReadAuxiliaryControllerConfigurationData", Dated, V123, DSP, &[Is, Ed, Ou], &[Esme], &[uc("ECS61d", 0x011C)], ACB),
    entry((7, 15, 0), "ReadAuxiliaryControllerOperationalData", Dated, V123, DSP, &[Is, Ed, Ou], &[Esme], &[uc("ECS61e", 0x011D)], USER),
    entry((7, 16, 0), "LimitAPCLevel", Typed, V4567, NEVER, &[], &[Esme], &[uc("ECS47e", 0x011F)], USER),
    entry((8, 1, 1), "CommissionDeviceSynchroniseClock", Typed, V45, NEVER, &[Is, Gs], &[Esme, Gsme], &[uc("ECS70Commission", 0x0062), uc("GCS28Commission", 0x007F)], USER),
    entry((8, 2, 0), "ReadInventory", Typed, V8, NEVER, ALL, &[], &[], NONE),
    entry((8, 3, 0), "DecommissionDevice", Typed, V8, NEVER, &[Is, Gs], &[], &[], NONE),
    entry((8, 4, 0), "UpdateInventory", Typed, V8, NEVER, ALL, &[], &[], NONE),
    entry((8, 5, 0), "ServiceOptOut", Typed, V1, DSP, &[], &[Esme], &[uc("CS02bACBByACB", 0x0104)], ACB),
    entry((8, 6, 0), "ServiceOptIn", Typed, V8, NEVER, &[], &[], &[], NONE),
    entry((8, 7, 1), "JoinServiceCritical", Typed, V4567, NEVER, &[Is, Gs], &[Esme, Gsme, Hcalcs], &[uc("CS03A1", 0x000D), uc("CS03A2Critical", 0x00AB), uc("CS03CCritical", 0x00AF)], USER),
    entry((8, 7, 2), "JoinServiceNonCritical", Typed, V123, NEVER, &[Is, Gs, Ou], &[Gsme, Ppmid], &[uc("CS03A2NonCritical", 0x00AB), uc("CS03B", 0x000E), uc("CS03CNonCritical", 0x00AF)], ACB_USER),
    entry((8, 8, 1), "UnjoinServiceCritical", Typed, V4567, NEVER, &[Is, Gs], &[Esme], &[uc("CS04ACCritical", 0x000F)], USER),
    entry((8, 8, 2), "UnjoinServiceNonCritical", Typed, V123, NEVER, &[Is, Gs, Ou], &[Gsme, Ppmid], &[uc("CS04ACNonCritical", 0x000F), uc("CS04B", 0x0010)], ACB_USER),
    entry((8, 9, 0), "ReadDeviceLog", Typed, V123, DSP, &[Is, Gs, Ou], &[Chf, Gsme], &[uc("CCS05CCS04", 0x0004), uc("CCS06", 0x010F), uc("CCS07", 0x00FE), uc("CS07", 0x0013)], ACB_USER),
    entry((8, 11, 0), "UpdateHANDeviceLog", Typed, V123, DSP, &[Is, Gs, Ou], &[Chf], &[uc("CCS01", 0x0001), uc("CCS02", 0x0002)], ACB),
    entry((8, 12, 1), "RestoreHANDeviceLog", Typed, V123, NEVER, &[Is, Gs], &[Chf], &[uc("CCS03", 0x0003)], ACB),
    entry((8, 12, 2), "RestoreGPFDeviceLog", Typed, V123, NEVER, &[Is, Gs], &[Gpf], &[uc("GCS59", 0x008C)], ACB),
    entry((8, 13, 0), "ReturnLocalCommandResponse", Typed, V8, NEVER, &[Is, Gs], &[], &[], NONE),
    entry((8, 14, 1), "CHFInstallSuccessSMWAN", Typed, V8, NEVER, &[Is, Gs], &[], &[], NONE),
    entry((8, 14, 2), "CHFInstallSuccessNoSMWAN", Typed, V8, NEVER, &[Is, Gs], &[], &[], NONE),
    entry((8, 14, 3), "CHFFaultReturn", Typed, V8, NEVER, &[Is, Gs], &[], &[], NONE),
    entry((8, 14, 4), "CHFNoFaultReturn", Typed, V8, NEVER, &[Is, Gs], &[], &[], NONE),
    entry((9, 1, 0), "RequestCustomerIdentificationNumber", Empty, V123, NEVER, &[Ou], &[Esme, Gsme], &[uc("ECS50", 0x0058), uc("GCS36", 0x0083)], ACB),
    entry((11, 1, 0), "UpdateFirmware", Typed, V8, NEVER, &[Is, Gs], &[], &[], NONE),
    entry((11, 2, 0), "ReadFirmwareVersion", Dated, V123, DSP, ALL, &[Esme, Gsme, Ppmid], &[uc("CS08", 0x0129), uc("ECS52", 0x0059), uc("GCS38", 0x0084)], ACB_USER),
    entry((11, 3, 0), "ActivateFirmware", Typed, V4567, DEVICE, &[Is, Gs], &[Esme], &[uc("CS06", 0x0012)], USER),
    entry((11, 4, 0), "UpdatePPMIDFirmware", Typed, V8, NEVER, &[Is, Gs], &[], &[], NONE),
    entry((12, 1, 0), "RequestWANMatrix", Typed, V8, NEVER, ALL, &[], &[], NONE),
    entry((12, 2, 0), "DevicePrenotification", Typed, V8, NEVER, ALL, &[], &[], NONE),
    entry((14, 1, 0), "RecordNetworkDataGAS", Empty, V123, SCHED, &[Gt], &[Gsme], &[uc("GCS31", 0x0080)], ACB),
];
