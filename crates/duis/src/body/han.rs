//! SRV 6.28, 8.7 to 8.12, 11.3: the hub, its sub-GHz band, who belongs to a home, firmware (DUIS 8.12).
use gbcs::Eui64;

use super::customer::{Mpan, Mpxn};
use crate::time::Execution;
use crate::xml::content::{enumeration, sequence};
use crate::xml::value::{Decimal, Hex, Within};
use crate::xml::{Children, Content, Element, Flag, Writer, XmlError, XmlErrorKind};

/// Percent with two digits behind the point, 1.00..100.00.
pub type Percent = Decimal<2, 100, 10_000>;

sequence! {
    /// SRV 6.28: how a dual band hub uses its sub-GHz band.
    SubGhzConfiguration {
        lower_0_to_26: Channels<0, 26> = "LowerBandSubGHzChannels0To26",
        lower_27_to_34: Channels<27, 34> = "LowerBandSubGHzChannels27To34",
        lower_35_to_61: Channels<35, 61> = "LowerBandSubGHzChannels35To61",
        upper_0_to_26: Channels<0, 26> = "UpperBandSubGHzChannels0To26",
        normal_limited_duty_cycle: Decimal<1, 5, 20> = "NormalLimitedDutyCycleThreshold",
        limited_critical_duty_cycle: Decimal<1, 16, 24> = "LimitedCriticalDutyCycleThreshold",
        channel_changes_per_week: Within<1, 7> = "MaximumSubGHzChannelChangesPerWeek",
        gsme_curfew: Within<2, 65_535> = "GSMECurfew",
        quieter: Within<1, 255> = "ChannelQuieterThreshold",
        noisier: Within<0, 20> = "ChannelNoisierThreshold",
        poor_communications: Percent = "NonGSMEPoorCommsPercentageThreshold",
        poor_communications_periods: Within<50, 150> = "NonGSMEPoorCommsMeasurementPeriods",
        noise_period: Within<61, 65_535> = "LocalCHNoiseMeasurementPeriod",
        failures: Percent = "LocalCHFailurePercentage",
        retries: Percent = "LocalCHRetryPercentage",
    }

    /// SRV 8.7.1, 8.7.2, 8.8.1, 8.8.2: the other device to join or unjoin.
    OtherDevice {
        device: Eui64 = "OtherDeviceID",
    }

    /// SRV 8.9: which devices a device knows.
    ReadDeviceLog {
        /// When the DCC sends it.
        execution: Execution,
        security_details: Flag = "ReadSecurityDetails",
    }

    /// SRV 8.11: a device may join the hub's network, or no longer.
    UpdateHanDeviceLog {
        /// When the DCC sends it.
        execution: Execution,
        device: Eui64 = "DeviceID",
        request: LogRequest = "RequestType",
        add: Option<Whitelisting> = "AddDeviceToCHFWhitelist",
    }

    /// How a device joins.
    Whitelisting {
        /// In seconds.
        join_time: Within<1, 3600> = "JoinTimePeriod",
        install_code: Hex<6, 16> = "InstallCode",
        import_mpxn: Option<Mpxn> = "ImportMPxN",
        secondary_import_mpan: Option<Mpan> = "SecondaryImportMPAN",
        export_mpan: Option<Mpan> = "ExportMPAN",
    }

    /// SRV 8.12.1: the hub whose log the new one takes over.
    RestoreHanDeviceLog {
        old: Eui64 = "OldCHFID",
    }

    /// SRV 8.12.2: the gas proxy whose log the new one takes over.
    RestoreGpfDeviceLog {
        old: Eui64 = "OldGPFID",
    }

    /// SRV 11.3: which image to run.
    ActivateFirmware {
        /// When.
        execution: Execution,
        hash: Hex<32, 32> = "FirmwareHash",
    }
}

enumeration! {
    /// What to do with a device log.
    LogRequest {
        Add = "Add",
        Remove = "Remove",
    }
}

/// One channel `0..=LAST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel<const LAST: u8>(u8);

impl<const LAST: u8> Channel<LAST> {
    /// `None` when there is no such channel.
    pub fn new(channel: u8) -> Option<Self> {
        (channel <= LAST).then_some(Self(channel))
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl<const LAST: u8> Content for Channel<LAST> {
    fn read_content(element: Element<'_>, attributes: &[&str]) -> Result<Self, XmlError> {
        let mut children = element.children_beside(attributes)?;
        let channel = children.any("a channel")?;
        channel.empty()?;
        children.end()?;
        let number = (0..=LAST).find(|n| channel.name().strip_prefix("Channel") == Some(n.to_string().as_str()));
        number.map(Self).ok_or_else(|| channel.error(XmlErrorKind::Unexpected(channel.name().to_owned())))
    }

    fn write_content(&self, w: &mut Writer) {
        w.empty(&format!("Channel{}", self.0));
    }
}

/// Channels `FIRST..=LAST` in use: bit 0 is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels<const FIRST: u8, const LAST: u8>(u32);

impl<const FIRST: u8, const LAST: u8> Channels<FIRST, LAST> {
    /// `None` when a channel is none of these.
    pub fn new(channels: impl IntoIterator<Item = u8>) -> Option<Self> {
        let bit = |channel: u8| (FIRST..=LAST).contains(&channel).then(|| 1 << (channel - FIRST));
        channels.into_iter().try_fold(0, |bits, channel| Some(bits | bit(channel)?)).map(Self)
    }

    /// Bit 0 is channel `FIRST`.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl<const FIRST: u8, const LAST: u8> Content for Channels<FIRST, LAST> {
    fn read_content(element: Element<'_>, attributes: &[&str]) -> Result<Self, XmlError> {
        let mut children: Children<'_> = element.children_beside(attributes)?;
        let mut bits = 0;
        for channel in FIRST..=LAST {
            if let Some(element) = children.optional(&format!("Channel{channel}")) {
                element.empty()?;
                bits |= 1 << (channel - FIRST);
            }
        }
        children.end()?;
        Ok(Self(bits))
    }

    fn write_content(&self, w: &mut Writer) {
        for channel in (FIRST..=LAST).filter(|channel| self.0 & 1 << (channel - FIRST) != 0) {
            w.empty(&format!("Channel{channel}"));
        }
    }
}
