//! SRV 1.1.1, 1.1.2, 1.2.1, 1.2.2: tariffs and prices (DUIS 8.1, 8.2).
use super::calendar::{Date, GasDate, GasSeasons};
use crate::time::Execution;
use crate::xml::content::{choice, enumeration, sequence};
use crate::xml::value::{TimeOfDay, Within, Words};
use crate::xml::{Index, List, Table};

enumeration! {
    /// Currency of a tariff.
    Currency {
        Gbp = "GBP",
        Ecb = "ECB",
    }
}

/// Time-of-use prices by rate 1..48.
pub type TouPrices = Table<Index<48>, i16, 1>;
/// Block prices by time-of-use tariff 1..8.
pub type Blocks = Table<Index<8>, BlockPrices, 1>;
/// Gas prices by rate or block 1..4, in 10^-5 of the currency unit.
pub type GasPriceTable = Table<Index<4>, u32, 1>;
/// Threshold 1..3 of a block.
pub type Thresholds<T> = Table<Index<3>, T, 1>;
/// 48 bits.
pub type GasThreshold = Within<0, 0xFFFF_FFFF_FFFF>;

sequence! {
    /// SRV 1.1.1: a new tariff of the primary element, with its prices.
    UpdateTariff {
        /// When it starts.
        execution: Execution,
        /// For the meter's fuel.
        tariff: Tariff,
        prices: Prices = "PriceElements",
    }

    /// SRV 1.1.2: a new tariff of the secondary element, with its prices.
    UpdateSecondaryTariff {
        /// When it starts.
        execution: Execution,
        switching: SecondarySwitchingTable = "SwitchingTable",
        special_days: SpecialDays = "SpecialDays",
        prices: SecondaryPrices = "PriceElements",
    }

    /// SRV 1.2.1: new prices; the switching table stays.
    UpdatePrice {
        /// When they start.
        execution: Execution,
        prices: Prices = "PriceElements",
    }

    /// SRV 1.2.2: new prices of the secondary element.
    UpdateSecondaryPrice {
        /// When they start.
        execution: Execution,
        prices: SecondaryPrices = "PriceElements",
    }

    /// What switches when, on an ESME.
    ElectricityTariff {
        currency: Currency = "CurrencyUnits",
        switching: SwitchingTable = "SwitchingTable",
        special_days: SpecialDays = "SpecialDays",
        thresholds: ThresholdMatrix = "ThresholdMatrix",
    }

    /// Day, week and season profiles.
    SwitchingTable {
        days: DayProfiles = "DayProfiles",
        weeks: WeekProfiles = "WeekProfiles",
        seasons: Seasons = "Seasons",
    }

    /// Day profiles.
    DayProfiles {
        days: List<DayProfile, 1, 16> = "DayProfile",
    }

    /// What starts when on a day.
    DayProfile {
        name: Within<1, 16> = "DayName",
        schedule: List<ProfileSchedule, 1, 48> = "ProfileSchedule",
    }

    /// What starts when.
    ProfileSchedule {
        start: TimeOfDay = "StartTime",
        /// What starts.
        action: TariffAction,
    }

    /// Week profiles.
    WeekProfiles {
        weeks: List<WeekProfile, 1, 4> = "WeekProfile",
    }

    /// A day profile for each day, Monday first.
    WeekProfile {
        name: Within<1, 4> = "WeekName",
        days: Table<Index<7>, Within<1, 16>, 7> = "ReferencedDayName",
    }

    /// Seasons.
    Seasons {
        seasons: List<Season, 1, 4> = "Season",
    }

    /// From when a week profile holds.
    Season {
        name: Words<0, 8> = "SeasonName",
        start: Date = "SeasonStartDate",
        week: Within<1, 4> = "ReferencedWeekName",
    }

    /// Days with profiles of their own.
    SpecialDays {
        days: List<SpecialDay, 0, 50> = "SpecialDay",
    }

    /// A day with a profile of its own.
    SpecialDay {
        date: Date = "Date",
        day: Within<1, 16> = "ReferencedDayName",
    }

    /// Thresholds of the blocks of each of the 8 time-of-use tariffs.
    ThresholdMatrix {
        thresholds: Table<Index<8>, BlockThresholds, 8> = "Thresholds",
    }

    /// Thresholds of blocks, in Wh; `4294967295` where no block follows.
    BlockThresholds {
        thresholds: Thresholds<u32> = "BlockThreshold",
    }

    /// Profiles of the secondary element.
    SecondarySwitchingTable {
        days: SecondaryDayProfiles = "DayProfiles",
        weeks: WeekProfiles = "WeekProfiles",
        seasons: Seasons = "Seasons",
    }

    /// Day profiles of the secondary element.
    SecondaryDayProfiles {
        days: List<SecondaryDayProfile, 1, 16> = "DayProfile",
    }

    /// What starts when on a day.
    SecondaryDayProfile {
        name: Within<1, 16> = "DayName",
        schedule: List<SecondaryProfileSchedule, 1, 48> = "ProfileSchedule",
    }

    /// What starts when.
    SecondaryProfileSchedule {
        start: TimeOfDay = "StartTime",
        rate: Within<1, 4> = "TOUTariffAction",
    }

    /// What switches when, on a GSME.
    GasTariff {
        switching: GasSwitchingTable = "SwitchingTable",
        special_days: GasSpecialDays = "SpecialDays",
        thresholds: GasThresholdMatrix = "ThresholdMatrix",
    }

    /// Day, week and season profiles.
    GasSwitchingTable {
        days: GasDayProfiles = "DayProfiles",
        weeks: GasWeekProfiles = "WeekProfiles",
        seasons: GasSeasons = "Seasons",
    }

    /// Day profiles.
    GasDayProfiles {
        days: List<GasDayProfile, 1, 4> = "DayProfile",
    }

    /// What holds on a day.
    GasDayProfile {
        name: Within<1, 4> = "DayName",
        /// What holds.
        action: GasTariffAction,
    }

    /// Week profiles.
    GasWeekProfiles {
        weeks: List<GasWeekProfile, 1, 2> = "WeekProfile",
    }

    /// A day profile for each day, Monday first.
    GasWeekProfile {
        name: Within<1, 2> = "WeekName",
        days: Table<Index<7>, Within<1, 4>, 7> = "ReferencedDayName",
    }

    /// Days with profiles of their own.
    GasSpecialDays {
        days: List<GasSpecialDay, 0, 20> = "SpecialDay",
    }

    /// A day with a profile of its own.
    GasSpecialDay {
        date: GasDate = "Date",
        day: Within<1, 4> = "ReferencedDayName",
    }

    /// Thresholds of the blocks.
    GasThresholdMatrix {
        thresholds: Thresholds<GasThreshold> = "BlockThreshold",
    }

    /// Prices of the primary element, each with a power-of-ten scale of the currency unit.
    ElectricityPrices {
        standing_charge: i16 = "StandingCharge",
        standing_charge_scale: i8 = "StandingChargeScale",
        price_scale: i8 = "PriceScale",
        /// A kWh.
        tariff: ElectricityPriceMatrix,
    }

    /// Prices of blocks.
    BlockPrices {
        prices: Table<Index<4>, i16, 1> = "BlockPrice",
    }

    /// Prices by time of use.
    TouTariff {
        prices: TouPrices = "TOUPrice",
    }

    /// Prices by consumption.
    BlockTariff {
        blocks: Blocks = "BlockPrices",
    }

    /// Some tariffs by consumption, some by time of use.
    HybridTariff {
        blocks: Blocks = "BlockPrices",
        tou: TouPrices = "TOUPrice",
    }

    /// Prices of the secondary element.
    SecondaryPrices {
        scale: i8 = "PriceScale",
        prices: Table<Index<4>, i16, 1> = "ElectricityPriceElement",
    }

    /// Gas prices in 10^-5 of the currency unit.
    GasPrices {
        currency: Currency = "CurrencyUnits",
        standing_charge: u32 = "StandingCharge",
        /// A kWh.
        tariff: GasPriceMatrix,
    }

    /// Gas prices by time of use.
    GasTouTariff {
        prices: GasPriceTable = "TOUPrice",
    }

    /// Gas prices by consumption.
    GasBlockTariff {
        prices: GasPriceTable = "BlockPrice",
        thresholds: Within<1, 3> = "NumberOfThresholds",
    }
}

choice! {
    /// A tariff by fuel.
    Tariff {
        Electricity(ElectricityTariff) = "ElecTariffElements",
        Gas(GasTariff) = "GasTariffElements",
    }

    /// Prices by fuel.
    Prices {
        Electricity(ElectricityPrices) = "ElectricityPriceElements",
        Gas(GasPrices) = "GasPriceElements",
    }

    /// What starts at a time of day.
    TariffAction {
        Tou(Within<1, 48>) = "TOUTariffAction",
        Block(Within<1, 8>) = "BlockTariffAction",
    }

    /// What holds on a day.
    GasTariffAction {
        Tou(Within<1, 4>) = "TOUTariffAction",
        Block = "BlockTariff",
    }

    /// Electricity prices a kWh.
    ElectricityPriceMatrix {
        Block(BlockTariff) = "BlockTariff",
        Tou(TouTariff) = "TOUTariff",
        Hybrid(HybridTariff) = "HybridTariff",
    }

    /// Gas prices a kWh.
    GasPriceMatrix {
        Block(GasBlockTariff) = "BlockTariff",
        Tou(GasTouTariff) = "TOUTariff",
    }
}
