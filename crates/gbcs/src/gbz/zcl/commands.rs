//! The cluster commands of GBCS, field by field.
//!
//! Times are ZigBee UTCTimes. Provider id is always 0, issuer event id the current time. A start time of 0 is immediate and
//! FFFFFFFF cancels, but FFFFFFFE cancels a calendar, special days, block thresholds and a price matrix (GBCS 9.2.2).
use super::field::{BlockThresholds, Date, Field, U24, U48, ZclString, fields};
use super::{Body, ClusterCommand, FROM_SERVER, FieldResult};
use crate::octets::Octets;
use crate::reader::Reader;
use alloc::vec::Vec;

fields! {
    /// The price of a tier or a block.
    Price {
        tier_block: u8 = "Tier, or tier and block.",
        price: u32 = "In 10^-5 pounds where the tariff says 5 digits.",
    }
}

fields! {
    /// When a tier starts, or friendly credit starts or ends.
    DayEntry {
        minutes: u16 = "Since midnight, UTC.",
        tier: u8 = "The tier; for friendly credit 1 starts, 0 ends.",
    }
}

fields! {
    /// From when a week profile holds.
    Season {
        start: Date = "First day.",
        week: u8 = "Week profile.",
    }
}

fields! {
    /// A day with a profile of its own.
    SpecialDay {
        date: Date = "Which day.",
        day: u8 = "Day profile.",
    }
}

fields! {
    /// An accepted top-up.
    TopUp {
        code: ZclString = "The UTRN; keep it out of logs.",
        value: u32 = "Credit added.",
        time: u32 = "When.",
    }
}

fields! {
    /// A payment towards a debt.
    DebtRepayment {
        time: u32 = "When.",
        amount: u32 = "How much.",
        kind: u8 = "Which debt.",
        outstanding: u32 = "What is left of it.",
    }
}

fields! {
    /// How an event is treated.
    EventConfiguration {
        id: u16 = "The event.",
        configuration: u8 = "Whether logged, alerted, told to the HAN.",
    }
}

fields! {
    /// An entry of an event log.
    EventLogEntry {
        log: u8 = "Which log.",
        id: u16 = "The event.",
        time: u32 = "When.",
        data: ZclString = "What else is known.",
    }
}

/// cluster, frame control and command, then the name and the fields.
macro_rules! commands {
    ($($cluster:literal $frame_control:literal $id:literal $title:literal $name:ident {
        $($field:ident: $type:ty = $text:literal),* $(,)?
    })*) => {
        $(
            fields! {
                #[doc = concat!($title, ".")]
                $name { $($field: $type = $text),* }
            }

            impl ClusterCommand for $name {
                const CLUSTER: u16 = $cluster;
                const FRAME_CONTROL: u8 = $frame_control;
                const ID: u8 = $id;
                const NAME: &'static str = $title;
            }

            impl From<$name> for Body {
                fn from(command: $name) -> Self {
                    Self::Cluster(Command::$name(command))
                }
            }
        )*

        /// A command of a cluster.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Command {
            $(#[doc = concat!($title, ".")] $name($name),)*
        }

        impl Command {
            /// `None` when there is no such command here.
            pub(super) fn read(
                cluster: u16,
                from_server: bool,
                id: u8,
                reader: &mut Reader<'_>,
            ) -> Option<FieldResult<Self>> {
                $(if (cluster, from_server, id) == ($cluster, $frame_control & FROM_SERVER != 0, $id) {
                    return Some($name::read(reader, $title).map(Self::$name));
                })*
                None
            }

            pub(super) fn name_of(cluster: u16, from_server: bool, id: u8) -> Option<&'static str> {
                $(if (cluster, from_server, id) == ($cluster, $frame_control & FROM_SERVER != 0, $id) {
                    return Some($title);
                })*
                None
            }

            /// Its name in Smart Energy.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $title,)* }
            }

            /// Its fields by name, in the order of the wire.
            #[cfg(feature = "std")]
            pub fn fields(&self) -> Vec<(&'static str, serde_json::Value)> {
                match self {
                    $(Self::$name(command) => std::vec![$(
                        (stringify!($field), serde_json::to_value(&command.$field).expect("a field is plain JSON")),
                    )*],)*
                }
            }

            /// The command of these fields; `None` when there is no such command here.
            #[cfg(feature = "std")]
            pub fn from_fields(
                cluster: u16,
                from_server: bool,
                id: u8,
                fields: serde_json::Value,
            ) -> Option<Result<Self, serde_json::Error>> {
                $(if (cluster, from_server, id) == ($cluster, $frame_control & FROM_SERVER != 0, $id) {
                    return Some(serde_json::from_value(fields).map(Self::$name));
                })*
                None
            }

            /// Octets of the payload.
            pub fn encoded_len(&self) -> usize {
                match self { $(Self::$name(command) => command.field_len(),)* }
            }

            /// Append the payload.
            pub fn encode(&self, out: &mut Vec<u8>) {
                match self { $(Self::$name(command) => command.write(out),)* }
            }
        }
    };
}

commands! {
    0x0700 0x01 0x00 "Get Current Price" GetCurrentPrice {
        options: u8 = "Command options.",
    }
    0x0700 0x01 0x0B "Get Billing Period" GetBillingPeriod {
        start: u32 = "Earliest start time.",
        min_issuer_event: u32 = "Least issuer event id.",
        count: u8 = "How many periods.",
        tariff_type: u8 = "0 delivered.",
    }
    0x0700 0x19 0x00 "Publish Price" PublishPrice {
        provider: u32 = "Provider id.",
        rate_label: ZclString = "Label of the rate.",
        issuer_event: u32 = "Issuer event id.",
        current_time: u32 = "The device's time.",
        unit: u8 = "Unit of measure.",
        currency: u16 = "ISO 4217 number.",
        price_digits_and_tier: u8 = "Trailing digits and price tier.",
        tiers_and_register_tier: u8 = "Number of tiers and register tier.",
        start: u32 = "Start time.",
        duration: u16 = "Minutes.",
        price: u32 = "The price.",
        optional: Octets = "Optional fields, as they are.",
    }
    0x0700 0x09 0x01 "Publish Block Period" PublishBlockPeriod {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time.",
        duration: U24 = "In units of the duration type.",
        control: u8 = "Block period control.",
        duration_type: u8 = "Unit and start of the duration.",
        tariff_type: u8 = "0 delivered.",
        resolution: u8 = "Tariff resolution period.",
    }
    0x0700 0x09 0x02 "Publish Conversion Factor" PublishConversionFactor {
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time.",
        factor: u32 = "Conversion factor.",
        trailing_digit: u8 = "Digits behind the point, in the high half.",
    }
    0x0700 0x09 0x03 "Publish Calorific Value" PublishCalorificValue {
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time.",
        value: u32 = "Calorific value.",
        unit: u8 = "MJ per cubic metre or per kilogram.",
        trailing_digit: u8 = "Digits behind the point, in the high half.",
    }
    0x0700 0x09 0x04 "Publish Tariff Information" PublishTariffInformation {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        tariff: u32 = "Issuer tariff id, 1.",
        start: u32 = "Start time.",
        type_and_scheme: u8 = "00 time of use, 10 block.",
        label: ZclString = "Tariff label, empty.",
        price_tiers: u8 = "Number of price tiers in use.",
        block_thresholds: u8 = "Number of block thresholds in use.",
        unit: u8 = "Unit of measure, 00.",
        currency: u16 = "033A pounds, 03D2 euros (ISO 4217).",
        price_digits: u8 = "50: 5 digits behind the point.",
        standing_charge: u32 = "A day, in 10^-5 pounds.",
        tier_block_mode: u8 = "FF.",
        threshold_multiplier: U24 = "1.",
        threshold_divisor: U24 = "1000.",
    }
    0x0700 0x09 0x05 "Publish Price Matrix" PublishPriceMatrix {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time.",
        tariff: u32 = "Issuer tariff id, 1.",
        command_index: u8 = "0.",
        total_commands: u8 = "1.",
        sub_payload_control: u8 = "00 block, 01 time of use.",
        prices: Vec<Price> = "The matrix.",
    }
    0x0700 0x09 0x06 "Publish Block Thresholds" PublishBlockThresholds {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time.",
        tariff: u32 = "Issuer tariff id, 1.",
        command_index: u8 = "0.",
        total_commands: u8 = "1.",
        sub_payload_control: u8 = "01.",
        thresholds: Vec<BlockThresholds> = "The thresholds.",
    }
    0x0700 0x09 0x09 "Publish Billing Period" PublishBillingPeriod {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time.",
        duration: U24 = "In units of the duration type.",
        duration_type: u8 = "Unit and start of the duration.",
        tariff_type: u8 = "0 delivered.",
    }
    0x0702 0x01 0x06 "Get Snapshot" GetSnapshot {
        from: u32 = "Earliest start time.",
        to: u32 = "Latest end time.",
        offset: u8 = "Snapshot offset.",
        cause: u32 = "Which causes.",
    }
    0x0702 0x19 0x06 "Publish Snapshot" PublishSnapshot {
        id: u32 = "Snapshot id.",
        time: u32 = "Snapshot time.",
        found: u8 = "Snapshots that match.",
        command_index: u8 = "Which command of several.",
        total_commands: u8 = "Of how many.",
        cause: u32 = "Why it was taken.",
        payload_type: u8 = "6: tiers and blocks delivered.",
        total: U48 = "Total consumption.",
        tiers: u8 = "Number of tiers in use.",
        tier_totals: [U48; 4] = "Consumption of each tier.",
        tiers_and_blocks: u8 = "Number of tiers and block thresholds.",
        block_totals: [U48; 4] = "Consumption of each block.",
    }
    0x0702 0x01 0x07 "Start Sampling" StartSampling {
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time.",
        kind: u8 = "What is sampled.",
        interval: u16 = "Seconds between samples.",
        max_samples: u16 = "How many at most.",
    }
    0x0702 0x09 0x0D "Start Sampling Response" StartSamplingResponse {
        sample: u16 = "Sample id.",
    }
    0x0702 0x01 0x08 "Get Sampled Data" GetSampledData {
        sample: u16 = "Sample id.",
        from: u32 = "Earliest sample time.",
        kind: u8 = "What is sampled.",
        samples: u16 = "How many.",
    }
    0x0702 0x19 0x07 "Get Sampled Data Response" GetSampledDataResponse {
        sample: u16 = "Sample id.",
        start: u32 = "Time of the first sample.",
        kind: u8 = "What is sampled.",
        interval: u16 = "Seconds between samples.",
        count: u16 = "How many.",
        samples: Vec<U24> = "The samples.",
    }
    0x0702 0x01 0x0B "Change Supply" ChangeSupply {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        request_time: u32 = "0.",
        start: u32 = "Implementation time, 0.",
        status: u8 = "0 off, 1 armed, 2 on.",
        control: u8 = "01: acknowledgement wanted.",
    }
    0x0702 0x09 0x0C "Supply Status Response" SupplyStatusResponse {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Implementation time.",
        status: u8 = "0 off, 1 armed, 2 on.",
    }
    0x0702 0x01 0x0D "Set Supply Status" SetSupplyStatus {
        issuer_event: u32 = "Issuer event id.",
        tamper: u8 = "Supply state on tamper: 0 locked, 3 unchanged.",
        depletion: u8 = "Supply state on battery depletion: 0 locked, 3 unchanged.",
        uncontrolled_flow: u8 = "Supply state on uncontrolled flow: 0 off.",
        load_limit: u8 = "Supply state on load limit: 3 unchanged.",
    }
    0x0702 0x01 0x0E "Set Uncontrolled Flow Threshold" SetUncontrolledFlowThreshold {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        threshold: u16 = "Flow above which it is uncontrolled.",
        unit: u8 = "Unit of measure.",
        multiplier: u16 = "Multiplier.",
        divisor: u16 = "Divisor.",
        stabilisation: u8 = "Stabilisation period, tenths of a second.",
        measurement: u16 = "Measurement period, seconds.",
    }
    0x0703 0x09 0x00 "Display Message" DisplayMessage {
        message: u32 = "Message id: the current time.",
        control: u8 = "Message control, 0.",
        start: u32 = "Start time.",
        duration: u16 = "Minutes; FFFF until changed.",
        text: ZclString = "1 to 116 characters.",
        extended_control: Option<u8> = "Extended message control.",
    }
    0x0705 0x01 0x00 "Select Available Emergency Credit" SelectAvailableEmergencyCredit {
        issue_time: u32 = "Command issue time, 0.",
        originating_device: u8 = "0 supplier, 2 PPMID.",
    }
    0x0705 0x01 0x02 "Change Debt" ChangeDebt {
        issuer_event: u32 = "Issuer event id.",
        label: ZclString = "Debt label, empty.",
        amount: i32 = "In 10^-5 pounds; negative is less debt.",
        recovery_method: u8 = "0 by time, 1 by payment.",
        amount_type: u8 = "1 time debt 1, 3 time debt 2, 5 payment debt, all incremental.",
        start: u32 = "Recovery start time, 0.",
        collection_time: u16 = "Minutes since midnight, 0.",
        recovery_frequency: u8 = "0 hourly, 1 daily.",
        recovery_amount: i32 = "In 10^-5 pounds each time.",
        recovery_percentage: u16 = "Hundredths of a percent of a top-up; payment debt only.",
    }
    0x0705 0x01 0x03 "Emergency Credit Setup" EmergencyCreditSetup {
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time.",
        limit: u32 = "Emergency credit limit.",
        threshold: u32 = "Balance below which it may be chosen.",
    }
    0x0705 0x01 0x04 "Consumer Top Up" ConsumerTopUp {
        originating_device: u8 = "0 supplier, 2 PPMID.",
        code: ZclString = "The UTRN, 20 digits; keep it out of logs.",
    }
    0x0705 0x09 0x03 "Consumer Top Up Response" ConsumerTopUpResponse {
        result: u8 = "00 accepted, 01 invalid, 02 duplicate, 03 error, 04 maximum credit, 05 keypad lock, 06 too large; 10 supply enabled, 11 disabled, 12 armed.",
        value: i32 = "Credit added; -1 when refused.",
        source: u8 = "Originating device.",
        credit_remaining: i32 = "Balance; -1 when refused.",
    }
    0x0705 0x01 0x05 "Credit Adjustment" CreditAdjustment {
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time, 0.",
        kind: u8 = "0 prepayment incremental, 1 prepayment absolute, 2 credit mode absolute, 3 credit mode incremental.",
        value: i32 = "In 10^-5 pounds.",
    }
    0x0705 0x01 0x06 "Change Payment Mode" ChangePaymentMode {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Implementation time.",
        control: u16 = "0C94 credit; prepayment 0497, 0097, 0C97 or 0897 by which debts are suspended.",
        cut_off: i32 = "Disablement threshold; -1 leaves it.",
    }
    0x0705 0x19 0x02 "Change Payment Mode Response" ChangePaymentModeResponse {
        friendly_credit: u8 = "Whether there is a friendly credit period.",
        calendar: u32 = "Friendly credit calendar id.",
        emergency_limit: u32 = "Emergency credit limit.",
        emergency_threshold: u32 = "Emergency credit threshold.",
    }
    0x0705 0x01 0x07 "Get Prepay Snapshot" GetPrepaySnapshot {
        from: u32 = "Earliest start time.",
        to: u32 = "Latest end time.",
        offset: u8 = "Snapshot offset.",
        cause: u32 = "Which causes.",
    }
    0x0705 0x19 0x01 "Publish Prepay Snapshot" PublishPrepaySnapshot {
        id: u32 = "Snapshot id.",
        time: u32 = "Snapshot time.",
        found: u8 = "Snapshots that match.",
        command_index: u8 = "Which command of several.",
        total_commands: u8 = "Of how many.",
        cause: u32 = "Why it was taken.",
        payload_type: u8 = "0.",
        accumulated_debt: i32 = "Accumulated debt.",
        debt_1: i32 = "Time debt 1.",
        debt_2: i32 = "Time debt 2.",
        debt_3: i32 = "Payment debt.",
        emergency_credit_remaining: i32 = "Emergency credit remaining.",
        credit_remaining: i32 = "Meter balance.",
    }
    0x0705 0x01 0x08 "Get Top Up Log" GetTopUpLog {
        to: u32 = "Latest end time.",
        records: u8 = "How many.",
    }
    0x0705 0x19 0x05 "Publish Top Up Log" PublishTopUpLog {
        command_index: u8 = "Which command of several.",
        total_commands: u8 = "Of how many.",
        entries: Vec<TopUp> = "The top-ups.",
    }
    0x0705 0x01 0x09 "Set Low Credit Warning Level" SetLowCreditWarningLevel {
        level: u32 = "In 10^-5 pounds.",
    }
    0x0705 0x01 0x0A "Get Debt Repayment Log" GetDebtRepaymentLog {
        to: u32 = "Latest end time.",
        count: u8 = "How many.",
        kind: u8 = "Which debts.",
    }
    0x0705 0x19 0x06 "Publish Debt Log" PublishDebtLog {
        command_index: u8 = "Which command of several.",
        total_commands: u8 = "Of how many.",
        entries: Vec<DebtRepayment> = "The payments.",
    }
    0x0705 0x01 0x0B "Set Maximum Credit Limit" SetMaximumCreditLimit {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Implementation time.",
        max_level: u32 = "Highest balance.",
        max_per_top_up: u32 = "Highest top-up.",
    }
    0x0705 0x01 0x0C "Set Overall Debt Cap" SetOverallDebtCap {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Implementation time.",
        cap: i32 = "Most debt recovered in a period.",
    }
    0x0707 0x09 0x00 "Publish Calendar" PublishCalendar {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        calendar: u32 = "Issuer calendar id.",
        start: u32 = "Start time.",
        kind: u8 = "0 delivered, 3 friendly credit.",
        time_reference: u8 = "0 UTC.",
        name: ZclString = "Empty.",
        seasons: u8 = "Number of seasons.",
        weeks: u8 = "Number of week profiles.",
        days: u8 = "Number of day profiles.",
    }
    0x0707 0x09 0x01 "Publish Day Profile" PublishDayProfile {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        calendar: u32 = "Issuer calendar id.",
        day: u8 = "Day profile.",
        total_entries: u8 = "Entries in all.",
        command_index: u8 = "0.",
        total_commands: u8 = "1.",
        calendar_type: u8 = "0 delivered, 3 friendly credit.",
        entries: Vec<DayEntry> = "When tiers start.",
    }
    0x0707 0x09 0x02 "Publish Week Profile" PublishWeekProfile {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        calendar: u32 = "Issuer calendar id.",
        week: u8 = "Week profile.",
        days: [u8; 7] = "Day profiles, Monday first.",
    }
    0x0707 0x09 0x03 "Publish Seasons" PublishSeasons {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        calendar: u32 = "Issuer calendar id.",
        command_index: u8 = "0.",
        total_commands: u8 = "1.",
        seasons: Vec<Season> = "The seasons.",
    }
    0x0707 0x09 0x04 "Publish Special Days" PublishSpecialDays {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        calendar: u32 = "Issuer calendar id.",
        start: u32 = "Start time.",
        kind: u8 = "0 delivered, 3 friendly credit.",
        total: u8 = "Special days in all.",
        command_index: u8 = "0.",
        total_commands: u8 = "1.",
        days: Vec<SpecialDay> = "The special days.",
    }
    0x0707 0x01 0x01 "Get Day Profiles" GetDayProfiles {
        provider: u32 = "Provider id.",
        calendar: u32 = "Issuer calendar id; FFFFFFFE the current friendly credit one.",
        start: u8 = "First profile.",
        count: u8 = "How many.",
    }
    0x0707 0x01 0x02 "Get Week Profiles" GetWeekProfiles {
        provider: u32 = "Provider id.",
        calendar: u32 = "Issuer calendar id; FFFFFFFE the current friendly credit one.",
        start: u8 = "First profile.",
        count: u8 = "How many.",
    }
    0x0707 0x01 0x03 "Get Seasons" GetSeasons {
        provider: u32 = "Provider id.",
        calendar: u32 = "Issuer calendar id; FFFFFFFE the current friendly credit one.",
    }
    0x0707 0x01 0x04 "Get Special Days" GetSpecialDays {
        start: u32 = "Start time.",
        count: u8 = "How many calendars.",
        kind: u8 = "0 delivered, 3 friendly credit.",
        provider: u32 = "Provider id.",
        calendar: u32 = "Issuer calendar id; FFFFFFFE the current friendly credit one.",
    }
    0x0708 0x09 0x00 "Publish Change of Tenancy" PublishChangeOfTenancy {
        provider: u32 = "Provider id.",
        issuer_event: u32 = "Issuer event id.",
        kind: u8 = "Tariff type.",
        start: u32 = "Implementation time.",
        control: u32 = "Proposed tenancy change control.",
    }
    0x0708 0x09 0x01 "Publish Change of Supplier" PublishChangeOfSupplier {
        provider: u32 = "Current provider id.",
        issuer_event: u32 = "Issuer event id.",
        kind: u8 = "Tariff type.",
        proposed_provider: u32 = "Proposed provider id.",
        start: u32 = "Implementation time.",
        control: u32 = "Provider change control.",
        name: ZclString = "Proposed provider's name.",
        contact: ZclString = "Proposed provider's contact details.",
    }
    0x0708 0x09 0x02 "Request New Password Response" RequestNewPasswordResponse {
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Implementation time.",
        duration: u16 = "Minutes.",
        kind: u8 = "Password type.",
        password: ZclString = "The password.",
    }
    0x0708 0x09 0x03 "Update Site Id" UpdateSiteId {
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Site id time.",
        provider: u32 = "Provider id.",
        site: ZclString = "The MPRN.",
    }
    0x0708 0x09 0x06 "Update CIN" UpdateCin {
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Implementation time.",
        provider: u32 = "Provider id.",
        number: ZclString = "Customer identification number.",
    }
    0x0708 0x09 0x04 "Set Event Configuration" SetEventConfiguration {
        issuer_event: u32 = "Issuer event id.",
        start: u32 = "Start time.",
        configuration: u8 = "Event configuration.",
        control: u8 = "0: by list.",
        count: u8 = "How many events.",
        events: Vec<u16> = "The events.",
    }
    0x0708 0x09 0x05 "Get Event Configuration" GetEventConfiguration {
        event: u16 = "Which event.",
    }
    0x0708 0x01 0x04 "Report Event Configuration" ReportEventConfiguration {
        command_index: u8 = "0.",
        total_commands: u8 = "1.",
        events: Vec<EventConfiguration> = "How each event is treated.",
    }
    0x0709 0x01 0x00 "Get Event Log" GetEventLog {
        log: u8 = "Which log.",
        event: u16 = "Which event; 0 all.",
        from: u32 = "Start time.",
        to: u32 = "End time.",
        events: u8 = "How many; 0 all.",
        offset: u16 = "Event offset.",
    }
    0x0709 0x19 0x01 "Publish Event Log" PublishEventLog {
        total: u16 = "Events that match.",
        command_index: u8 = "0.",
        total_commands: u8 = "1.",
        count_and_control: u8 = "Events here, and log payload control.",
        entries: Vec<EventLogEntry> = "The events.",
    }
    0x0709 0x01 0x01 "Clear Event Log" ClearEventLog {
        log: u8 = "Which log.",
    }
    0x0709 0x09 0x02 "Clear Event Log Response" ClearEventLogResponse {
        cleared: u8 = "Which logs were cleared.",
    }
}
