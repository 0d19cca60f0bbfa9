//! What devices and the DCC report unasked (DUIS 6).
use gbcs::{Eui64, Time};

use super::hub::{DualBandHubAlert, HubAlert, SubGhzEvent};
use super::s1sp::S1spAlertAtDcc;
use super::{AlertCode, DccAlertCode};
use crate::body::credentials::{Floor, RemotePartyRole};
use crate::body::customer::Mpxn;
use crate::body::dcc::{DeviceIds, EsmeVariant, FirmwareVersion, MeterMpxns, ScheduleId};
use crate::certificate::Serial;
use crate::xml::content::{choice, content_of_group, enumeration, sequence};
use crate::xml::value::{Day, Integer, Words};
use crate::xml::{Children, Group, List, Particle as _, Writer, XmlError};
use crate::{DeviceType, RequestId};

sequence! {
    /// An alert of a device.
    DeviceAlert {
        code: AlertCode = "AlertCode",
        /// Sequence number of a collapsed run of repeats.
        throttled_sequence: Option<u32> = "ThrottledAlertSequenceId",
        /// How many repeats were collapsed.
        throttled_count: Option<u32> = "ThrottledAlertCount",
        /// The GBCS Alert.
        payload: Vec<u8> = "GBCSPayload",
    }

    /// An alert of the DCC.
    DccAlert {
        /// Such as `N12`; what happened is told by the event, not by this.
        code: DccAlertCode = "DCCAlertCode",
        /// Sequence number of a collapsed run of repeats.
        throttled_sequence: Option<u32> = "ThrottledAlertSequenceId",
        /// How many repeats were collapsed.
        throttled_count: Option<u32> = "ThrottledAlertCount",
        event: DccEvent = "DCCAlert",
    }

    /// A hub lost its power.
    PowerOutage {
        hub: Eui64 = "CommsHubDeviceID",
        since: Time = "StartDateTime",
        mpxn: Mpxn = "MPxN",
    }

    /// A device is something else to the inventory now.
    DeviceStatusChange {
        device: Eui64 = "DeviceID",
        change: StatusChange = "DeviceStatusChange",
    }

    /// Whose supply a meter measures.
    MeterIdentity {
        numbers: MeterMpxns = "MeterMPxNs",
        variant: Option<EsmeVariant> = "ESMEVariant",
    }

    /// A meter that left, and what depends on it.
    MeterGone {
        numbers: MeterMpxns = "MeterDecommissionOrWithdrawal",
        associated: List<AssociatedDevice, 0, 7> = "AssociatedType1Device",
    }

    /// A device of a home whose meter left.
    AssociatedDevice {
        device: Eui64 = "DeviceID",
        kind: DeviceType = "DeviceType",
    }

    /// After a recovery: which credentials are those of the Access Control Broker now.
    RecoveredCredentials {
        supplier: List<KeyUse, 1, 3> = "SupplierCertificateType",
        network_operator: List<OperatorKeyUse, 0, 2> = "NetworkOperatorCertificateType",
    }

    /// The DCC dropped a schedule.
    ScheduleRemoval {
        device: Eui64 = "DeviceID",
        schedule: ScheduleId = "DSPScheduleID",
    }

    /// A Command could not be delivered or was not answered.
    CommandFailure {
        /// The request it came from.
        request: RequestId = "CommandRequestID",
        /// The schedule it came from.
        schedule: Option<ScheduleId> = "DSPScheduleID",
        device: Eui64 = "DeviceID",
    }

    /// An image did not reach some devices.
    FirmwareDistributionFailure {
        request: RequestId = "UpdateFirmwareRequestID",
        meters: DeviceIds = "MeterIDs",
    }

    /// What became of a request to change a hub's device log is told by the alert's code.
    HanDeviceLogResult {
        request: RequestId = "UpdateHANDeviceLogServiceRequestID",
    }

    /// A device whose supplier changed.
    SuppliedDevice {
        device: Eui64 = "DeviceID",
        kind: DeviceType = "DeviceType",
        numbers: MeterMpxns = "MPxNs",
    }

    /// A device log was restored on another hub.
    DeviceLogRestored {
        date: Day = "RestoredDate",
        /// Which log.
        log: RestoredLog,
    }

    /// The hubs of a restored device log.
    ReplacedHub {
        old_chf: Eui64 = "OldCHFDeviceID",
        new_chf: Eui64 = "NewCHFDeviceID",
        old_gpf: Eui64 = "OldGPFDeviceID",
        new_gpf: Eui64 = "NewGPFDeviceID",
    }

    /// An alert of a PPMID.
    PpmidAlert {
        device: Eui64 = "DeviceID",
        code: AlertCode = "DeviceAlertCode",
        at: Option<Time> = "Timestamp",
        firmware: Option<PpmidFirmwareUpgrade> = "PPMIDFirmwareUpgradeAlert",
    }

    /// What became of an image on a PPMID.
    PpmidFirmwareUpgrade {
        version: FirmwareVersion = "FirmwareVersion",
        result: ActivationResult = "ActivateImageResultCode",
    }

    /// A device holds other certificates now.
    CredentialsUpdated {
        device: Eui64 = "DeviceID",
        role: RemotePartyRole = "RemotePartyRole",
        floors: Option<FloorChange> = "RemotePartySeqNumberChange",
        certificates: List<CertificateHash, 1, 3> = "Certificates",
    }

    /// From where a party's counters go on.
    FloorChange {
        floor: Floor = "RemotePartyFloorSeqNumber",
        top_up_floor: Option<Floor> = "RemotePartyPrepaymentTopUpFloorSeqNumber",
    }

    /// A certificate by its hash.
    CertificateHash {
        key_use: KeyUse = "CertificateType",
        /// SHA-1.
        hash: Vec<u8> = "CertificateHash",
    }

    /// A PPMID left its home.
    PpmidRemoval {
        ppmid: Eui64 = "PPMIDDeviceID",
        chf: Eui64 = "CHFDeviceID",
    }

    /// A request that exceeded a threshold.
    Breach {
        request: RequestId = "RequestID",
        /// By which the quarantine is asked about.
        reference: Integer<20> = "QuarantineEventRef",
    }

    /// The inventory and a device disagree.
    FirmwareVersionMismatch {
        device: Eui64 = "DeviceID",
        kind: DeviceType = "DeviceType",
        inventory: FirmwareVersion = "FirmwareVersionSMI",
        found: FirmwareVersion = "FirmwareVersionDevice",
    }

    /// A SMETS1 hub and its firmware.
    Smets1HubFirmware {
        device: Eui64 = "DeviceID",
        version: FirmwareVersion = "FirmwareVersion",
        status: Smets1UpdateStatus = "FirmwareVersionUpdateStatus",
    }

    /// The switches of a meter are others now.
    SwitchConfigurationChange {
        esme: Eui64 = "ESMEDeviceID",
        variant: Option<EsmeVariant> = "ESMEVariant",
        gbcs_version: Option<String> = "DeviceGBCSVersion",
    }

    /// Somebody asked for an image for these devices.
    FirmwareUpgradeRequested {
        kind: DeviceType = "DeviceType",
        version: FirmwareVersion = "FirmwareVersion",
        devices: DeviceIds = "DeviceList",
    }

    /// How far the WAN provider got with an image.
    FirmwareDelivery {
        request: RequestId = "UpdateFirmwareRequestID",
        hub: Eui64 = "CommsHubDeviceID",
        target: Eui64 = "TargetDeviceID",
        version: FirmwareVersion = "FirmwareVersion",
        at: Time = "TimeStamp",
        status: TransferStatus = "CommsHubTransferStatus",
    }

    /// An alert of the enduring change of supplier party.
    EcosAlert {
        id: RequestId = "AlertID",
        request: Option<RequestId> = "RequestID",
        code: String = "ECoSAlertCode",
        device: Eui64 = "DeviceID",
        more: Option<String> = "AdditionalInformation",
    }

    /// A hub runs other firmware.
    HubFirmwareActivation {
        device: Eui64 = "DeviceID",
        version: FirmwareVersion = "FirmwareVersion",
    }

    /// A device's certificate of the change of supplier party.
    CosCertificateAlert {
        device: Eui64 = "DeviceID",
        serial: Option<Serial> = "CertificateSerialNumber",
    }

    /// Something that the User's version of DUIS cannot say.
    VersionMismatch {
        /// What.
        what: Unsayable,
        user_version: String = "ServiceUserDUISVersion",
    }

    /// An alert of a newer version.
    NewerAlert {
        code: String = "DCCAlertCode",
        device: Option<Eui64> = "DeviceID",
        request: Option<RequestId> = "RequestID",
    }

    /// A response of a newer version.
    NewerResponse {
        request: RequestId = "RequestID",
        reference: String = "ServiceReference",
        srv: String = "ServiceReferenceVariant",
        request_version: String = "ServiceRequestDUISVersion",
    }
}

choice! {
    /// What happened at the DCC.
    #[allow(clippy::large_enum_variant, reason = "an alert holds one event")]
    DccEvent {
        PowerOutage(PowerOutage) = "PowerOutageEvent",
        DeviceStatusChange(DeviceStatusChange) = "DeviceStatusChangeEvent",
        ScheduleRemoval(ScheduleRemoval) = "DSPScheduleRemoval",
        CommandFailure(CommandFailure) = "CommandFailure",
        FirmwareDistributionFailure(FirmwareDistributionFailure) = "FirmwareDistributionFailure",
        HanDeviceLogResult(HanDeviceLogResult) = "UpdateHANDeviceLogResult",
        ChangeOfSupplier(ChangeOfSupplier) = "ChangeOfSupplier",
        DeviceLogRestored(DeviceLogRestored) = "DeviceLogRestored",
        Ppmid(PpmidAlert) = "PPMIDAlert",
        CredentialsUpdated(CredentialsUpdated) = "SecurityCredentialsUpdated",
        PpmidRemoval(PpmidRemoval) = "PPMIDRemoval",
        Quarantined(Quarantined) = "QuarantinedRequest",
        FirmwareVersionMismatch(FirmwareVersionMismatch) = "FirmwareVersionMismatch",
        DualBandHub(DualBandHubAlert) = "DualBandCHAlert",
        S1sp(S1spAlertAtDcc) = "S1SPAlertDSP",
        Smets1HubFirmware(Smets1HubFirmware) = "SMETS1CHFirmwareNotification",
        SwitchConfigurationChange(SwitchConfigurationChange) = "ALCSHCALCSConfigurationChange",
        FirmwareUpgradeRequested(FirmwareUpgradeRequested) = "FirmwareUpgradeRequested",
        FirmwareDelivery(FirmwareDelivery) = "CSPFirmwareDeliveryStatus",
        Hub(HubAlert) = "CommsHubAlert",
        Ecos(EcosAlert) = "ECoSAlert",
        HubFirmwareActivation(HubFirmwareActivation) = "CommsHubFirmwareActivation",
        CosCertificate(CosCertificateAlert) = "CoSCertificateAlert",
        VersionMismatch(VersionMismatch) = "DUISVersionMismatch",
    }

    /// What a device is to the inventory now.
    StatusChange {
        Identity(MeterIdentity) = "MeterIdentity",
        MeterGone(MeterGone) = "MeterDecommissioningOrWithdrawal",
        Removed = "DeviceRemovedFromInventory",
        HubDecommissioned = "CHFDecommissioning",
        Suspended = "DeviceSuspended",
        Restored = "DeviceRestored",
        RecoveredCredentials(RecoveredCredentials) = "RecoveryCompleteACBCredentials",
        Recovered = "RecoveryComplete",
    }

    /// A restored log.
    RestoredLog {
        Chf(ReplacedHub) = "CHFDeviceLog",
        Gpf(ReplacedHub) = "GPFDeviceLog",
    }

    /// Whose threshold a request exceeded.
    Quarantined {
        User(Breach) = "ADUserThresholdBreach",
        Dcc(Breach) = "ADDCCThresholdBreach",
        Attribute(Breach) = "ADAttributeLimitsBreach",
    }

    /// What a newer version would say.
    Unsayable {
        Alert(NewerAlert) = "DCCAlertVersionMismatch",
        Response(NewerResponse) = "ServiceResponseVersionMismatch",
    }
}

enumeration! {
    /// What the key of a certificate is for.
    KeyUse {
        Signing = "DigitalSigning",
        Agreement = "KeyAgreement",
        TopUp = "KeyAgreementTopUp",
    }

    /// The same, of a network operator.
    OperatorKeyUse {
        Signing = "DigitalSigning",
        Agreement = "KeyAgreement",
    }

    /// What became of an image.
    ActivationResult {
        Success = "ActivationSuccess",
        Failure = "ActivationFailure",
    }

    /// How far an update of a SMETS1 hub got.
    Smets1UpdateStatus {
        Requested = "UpdateRequested",
        Activated = "ActivationSuccessful",
    }

    /// Whether an image reached its hub.
    TransferStatus {
        Success = "Success",
        Failure = "Failure",
    }
}

impl DccEvent {
    /// The request it tells of, if it names one.
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::CommandFailure(failure) => Some(failure.request),
            Self::FirmwareDistributionFailure(failure) => Some(failure.request),
            Self::HanDeviceLogResult(result) => Some(result.request),
            Self::ChangeOfSupplier(ChangeOfSupplier::Request { request, .. }) => Some(*request),
            Self::Quarantined(Quarantined::User(b) | Quarantined::Dcc(b) | Quarantined::Attribute(b)) => {
                Some(b.request)
            }
            Self::FirmwareDelivery(delivery) => Some(delivery.request),
            Self::Hub(alert) => alert.transfer.as_ref()?.request,
            Self::DualBandHub(DualBandHubAlert { event: Some(SubGhzEvent::Discarded(m)), .. }) => Some(m.request),
            Self::Ecos(alert) => alert.request,
            Self::S1sp(alert) => alert.alert.event.request,
            Self::VersionMismatch(VersionMismatch { what, .. }) => match what {
                Unsayable::Alert(alert) => alert.request,
                Unsayable::Response(response) => Some(response.request),
            },
            _ => None,
        }
    }

    /// The device it tells of, if it names one; of a request that names no other, its target.
    pub fn device(&self) -> Option<Eui64> {
        let named = match self {
            Self::PowerOutage(outage) => Some(outage.hub),
            Self::DeviceStatusChange(change) => Some(change.device),
            Self::ScheduleRemoval(removal) => Some(removal.device),
            Self::CommandFailure(failure) => Some(failure.device),
            Self::ChangeOfSupplier(ChangeOfSupplier::Device(supplied)) => Some(supplied.device),
            Self::DeviceLogRestored(DeviceLogRestored { log, .. }) => Some(match log {
                RestoredLog::Chf(hub) => hub.new_chf,
                RestoredLog::Gpf(hub) => hub.new_gpf,
            }),
            Self::Ppmid(alert) => Some(alert.device),
            Self::CredentialsUpdated(update) => Some(update.device),
            Self::PpmidRemoval(removal) => Some(removal.ppmid),
            Self::FirmwareVersionMismatch(mismatch) => Some(mismatch.device),
            Self::DualBandHub(alert) => Some(alert.hub),
            Self::S1sp(alert) => alert.alert.event.device,
            Self::Smets1HubFirmware(firmware) => Some(firmware.device),
            Self::SwitchConfigurationChange(change) => Some(change.esme),
            Self::FirmwareDelivery(delivery) => Some(delivery.target),
            Self::Hub(alert) => Some(alert.hub),
            Self::Ecos(alert) => Some(alert.device),
            Self::HubFirmwareActivation(activation) => Some(activation.device),
            Self::CosCertificate(alert) => Some(alert.device),
            Self::VersionMismatch(VersionMismatch { what: Unsayable::Alert(alert), .. }) => alert.device,
            Self::FirmwareDistributionFailure(_)
            | Self::HanDeviceLogResult(_)
            | Self::ChangeOfSupplier(ChangeOfSupplier::Request { .. })
            | Self::Quarantined(_)
            | Self::FirmwareUpgradeRequested(_)
            | Self::VersionMismatch(_) => None,
        };
        named.or_else(|| self.request().map(|request| request.target))
    }
}

/// A supplier changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeOfSupplier {
    /// What became of a request for it.
    Request {
        /// The request.
        request: RequestId,
        /// Why not, in the terms of the change of supplier party.
        error: Option<Words<3, 3>>,
    },
    /// Told to the supplier who loses the device.
    Device(SuppliedDevice),
}

const COS_REQUEST: &str = "ChangeOfSupplierServiceRequestID";
const COS_ERROR: &str = "ECoSErrorCode";
const COS_DEVICE: &str = "DeviceChangeOfSupplier";

impl Group for ChangeOfSupplier {
    fn read_group(children: &mut Children<'_>) -> Result<Self, XmlError> {
        if children.next_is(COS_DEVICE) {
            return SuppliedDevice::read_named(children, COS_DEVICE).map(Self::Device);
        }
        let request = RequestId::read_named(children, COS_REQUEST)?;
        Ok(Self::Request { request, error: Option::read_named(children, COS_ERROR)? })
    }

    fn write_group(&self, w: &mut Writer) {
        match self {
            Self::Request { request, error } => {
                request.write_named(w, COS_REQUEST);
                error.write_named(w, COS_ERROR);
            }
            Self::Device(device) => device.write_named(w, COS_DEVICE),
        }
    }
}

content_of_group!(ChangeOfSupplier);
