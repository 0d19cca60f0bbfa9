//! Alerts of Communications Hubs.
use gbcs::{Eui64, MessageCode, Time};

use super::AlertCode;
use crate::body::dcc::FirmwareVersion;
use crate::body::han::{Channel, SubGhzConfiguration};
use crate::xml::content::{choice, enumeration, sequence};
use crate::{DeviceType, RequestId};

sequence! {
    /// An alert of a hub.
    HubAlert {
        hub: Eui64 = "CommsHubDeviceID",
        code: AlertCode = "AlertCode",
        at: Option<Time> = "TimeStamp",
        transfer: Option<FirmwareTransfer> = "FirmwareTransferAlert",
    }

    /// What became of an image on its way from a hub to a device.
    FirmwareTransfer {
        request: Option<RequestId> = "UpdateFirmwareRequestID",
        device: Eui64 = "OtherDeviceID",
        version: FirmwareVersion = "FirmwareVersion",
        result: TransferResult = "TransferResponseCode",
    }

    /// An alert of a dual band hub.
    DualBandHubAlert {
        hub: Eui64 = "CHFDeviceID",
        code: AlertCode = "DeviceAlertCode",
        message: Option<MessageCode> = "GBCSHexadecimalMessageCode",
        /// What happened in the sub-GHz band.
        event: Option<SubGhzEvent>,
    }

    /// A device that is silenced for the time it takes on the air.
    DutyCycleAction {
        device: Eui64 = "DeviceIDToSuspend",
    }

    /// The band moved to another channel.
    ChannelChange {
        channel: OperatingChannel = "OperatingSubGHzChannel",
        trigger: ScanTrigger = "ScanTrigger",
    }

    /// What the hub makes of a request to scan.
    ScanAssessment {
        status: ScanStatus = "StatusCode",
        trigger: ScanTrigger = "ScanTrigger",
    }

    /// A message that was not sent on.
    DiscardedMessage {
        request: RequestId = "RequestID",
        cra: CraFlag = "CRAFlag",
    }

    /// A device for which there was no room.
    DeviceNotJoined {
        device: Eui64 = "DeviceID",
        kind: Option<DeviceType> = "DeviceType",
    }
}

choice! {
    /// What happened in the sub-GHz band.
    #[allow(clippy::large_enum_variant, reason = "an alert holds one event")]
    SubGhzEvent {
        DutyCycleAction(DutyCycleAction) = "LimitedDutyCycleActionTaken",
        ChannelChange(ChannelChange) = "SubGHzChannelChanged",
        ScanAssessment(ScanAssessment) = "SubGHzChannelScanRequestAssessmentOutcome",
        ConfigurationChange(SubGhzConfiguration) = "SubGHzConfigurationChanged",
        Discarded(DiscardedMessage) = "MessageDiscardedDueToDutyCycleManagement",
        NoCapacity(DeviceNotJoined) = "NoMoreSubGHzDeviceCapacity",
    }

    /// A channel of one of the two sub-GHz bands.
    OperatingChannel {
        Lower(Channel<61>) = "OperatingLowerBandSubGHzChannel",
        Upper(Channel<26>) = "OperatingUpperBandSubGHzChannel",
    }
}

enumeration! {
    /// What became of an image.
    TransferResult {
        Success = "FileTransferSuccess",
        Discarded = "FirmwareImageDiscarded",
        HardwareMismatch = "HardwareVersionMismatch",
        Failure = "FileTransferFailure",
    }

    /// Why a hub scans its channels.
    ScanTrigger {
        RemotePartyCommand = "RemotePartyCommand",
        GsmeRequest = "GSMERequest",
        GsmeMissedCurfew = "GSMEMissedItsCurfew",
        GsmeMissing = "GSMEMissingForTheLastDay",
        MessageFailures = "CHDetectedMessageFailureProblems",
        MessageRetries = "CHDetectedMessageRetryProblems",
        OtherDeviceRequest = "SubGHzNon-GSMEDeviceRequest",
        Formation = "SMHANFormation",
    }

    /// Whether a hub scans.
    ScanStatus {
        Accepted = "ScanRequestAccepted",
        HhtConnected = "HHTConnected",
        DutyCycle = "DutyCycleUsageIsTooHigh",
        Joining = "JoiningIsCurrentlyPermitted",
        Distribution = "GSMEOTADistributionUnderway",
        ScansToday = "TooManyScansToday",
        CommandsToday = "TooManyCommandsToday",
        ScansThisWeek = "TooManyScansThisWeek",
    }

    /// Kinds of GBCS messages.
    CraFlag {
        Command = "Command",
        Response = "Response",
        Alert = "Alert",
    }
}
