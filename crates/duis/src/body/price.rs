//! SRV 1.2.1 Update Price (DUIS 8.1, 8.2).
use std::collections::BTreeMap;

use crate::time::Execution;
use crate::xml::{Children, Element, Text, Writer, XmlError, XmlErrorKind};

/// New prices; the switching table stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatePrice {
    /// When they start.
    pub execution: Execution,
    /// For the meter's fuel.
    pub prices: Prices,
}

/// `PriceElements`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prices {
    /// For an ESME.
    Electricity(ElectricityPrices),
    /// For a GSME.
    Gas(GasPrices),
}

/// Prices of the primary element, each with a power-of-ten scale of the currency unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectricityPrices {
    /// A day.
    pub standing_charge: i16,
    /// Power of ten of the standing charge.
    pub standing_charge_scale: i8,
    /// Power of ten of the prices.
    pub price_scale: i8,
    /// A kWh.
    pub tariff: ElectricityTariff,
}

/// Time-of-use prices by rate 1..48.
pub type TouPrices = BTreeMap<u8, i16>;
/// Block prices by time-of-use tariff 1..8 and block 1..4.
pub type Blocks = BTreeMap<u8, BTreeMap<u8, i16>>;

/// Electricity prices a kWh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElectricityTariff {
    /// By time of use.
    Tou(TouPrices),
    /// By consumption.
    Block(Blocks),
    /// Some tariffs by time of use, some by consumption.
    Hybrid {
        /// Those by consumption.
        blocks: Blocks,
        /// Those by time of use.
        tou: TouPrices,
    },
}

/// Gas prices in 10^-5 of the currency unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GasPrices {
    /// Of all amounts.
    pub currency: Currency,
    /// A day.
    pub standing_charge: u32,
    /// A kWh.
    pub tariff: GasTariff,
}

/// Gas prices a kWh, by rate or block 1..4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GasTariff {
    /// By time of use.
    Tou(BTreeMap<u8, u32>),
    /// By consumption.
    Block {
        /// By block.
        prices: BTreeMap<u8, u32>,
        /// 1..3.
        thresholds: u8,
    },
}

/// Currency of a gas tariff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Currency {
    /// Pounds.
    Gbp,
    /// Euros, `ECB` in DUIS.
    Ecb,
}

impl Text for Currency {
    const EXPECTED: &'static str = "GBP or ECB";

    fn read(text: &str) -> Option<Self> {
        match text {
            "GBP" => Some(Self::Gbp),
            "ECB" => Some(Self::Ecb),
            _ => None,
        }
    }
}

impl UpdatePrice {
    pub(super) fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let execution = Execution::read(&mut children)?;
        let mut elements = children.expect("PriceElements")?.children()?;
        children.end()?;
        let choice = elements.any("ElectricityPriceElements or GasPriceElements")?;
        elements.end()?;
        let prices = match choice.name() {
            "ElectricityPriceElements" => Prices::Electricity(ElectricityPrices::read(choice)?),
            "GasPriceElements" => Prices::Gas(GasPrices::read(choice)?),
            other => return Err(choice.error(XmlErrorKind::Unexpected(other.to_owned()))),
        };
        Ok(Self { execution, prices })
    }

    pub(super) fn write(&self, w: &mut Writer) {
        self.execution.write(w);
        w.element("PriceElements", |w| match &self.prices {
            Prices::Electricity(prices) => w.element("ElectricityPriceElements", |w| prices.write(w)),
            Prices::Gas(prices) => w.element("GasPriceElements", |w| prices.write(w)),
        });
    }
}

impl ElectricityPrices {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let standing_charge = children.value("StandingCharge")?;
        let standing_charge_scale = children.value("StandingChargeScale")?;
        let price_scale = children.value("PriceScale")?;
        let choice = children.any("BlockTariff, TOUTariff or HybridTariff")?;
        children.end()?;
        let mut inner = choice.children()?;
        let tariff = match choice.name() {
            "BlockTariff" => ElectricityTariff::Block(read_blocks(&mut inner)?),
            "TOUTariff" => ElectricityTariff::Tou(read_list(&mut inner, "TOUPrice", 48)?),
            "HybridTariff" => {
                let blocks = read_blocks(&mut inner)?;
                ElectricityTariff::Hybrid { blocks, tou: read_list(&mut inner, "TOUPrice", 48)? }
            }
            other => return Err(choice.error(XmlErrorKind::Unexpected(other.to_owned()))),
        };
        inner.end()?;
        Ok(Self { standing_charge, standing_charge_scale, price_scale, tariff })
    }

    fn write(&self, w: &mut Writer) {
        w.value("StandingCharge", self.standing_charge);
        w.value("StandingChargeScale", self.standing_charge_scale);
        w.value("PriceScale", self.price_scale);
        match &self.tariff {
            ElectricityTariff::Block(blocks) => w.element("BlockTariff", |w| write_blocks(w, blocks)),
            ElectricityTariff::Tou(tou) => w.element("TOUTariff", |w| write_list(w, "TOUPrice", tou)),
            ElectricityTariff::Hybrid { blocks, tou } => w.element("HybridTariff", |w| {
                write_blocks(w, blocks);
                write_list(w, "TOUPrice", tou);
            }),
        }
    }
}

impl GasPrices {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let currency = children.value("CurrencyUnits")?;
        let standing_charge = children.value("StandingCharge")?;
        let choice = children.any("BlockTariff or TOUTariff")?;
        children.end()?;
        let mut inner = choice.children()?;
        let tariff = match choice.name() {
            "BlockTariff" => {
                let prices = read_list(&mut inner, "BlockPrice", 4)?;
                let element = inner.expect("NumberOfThresholds")?;
                let thresholds: u8 = element.value()?;
                if !(1..=3).contains(&thresholds) {
                    return Err(
                        element.error(XmlErrorKind::value("a number of thresholds 1..3", &thresholds.to_string()))
                    );
                }
                GasTariff::Block { prices, thresholds }
            }
            "TOUTariff" => GasTariff::Tou(read_list(&mut inner, "TOUPrice", 4)?),
            other => return Err(choice.error(XmlErrorKind::Unexpected(other.to_owned()))),
        };
        inner.end()?;
        Ok(Self { currency, standing_charge, tariff })
    }

    fn write(&self, w: &mut Writer) {
        w.value("CurrencyUnits", if self.currency == Currency::Gbp { "GBP" } else { "ECB" });
        w.value("StandingCharge", self.standing_charge);
        match &self.tariff {
            GasTariff::Block { prices, thresholds } => w.element("BlockTariff", |w| {
                write_list(w, "BlockPrice", prices);
                w.value("NumberOfThresholds", thresholds);
            }),
            GasTariff::Tou(prices) => w.element("TOUTariff", |w| write_list(w, "TOUPrice", prices)),
        }
    }
}

/// One or more elements `name` with distinct indexes 1..`max`.
fn read_list<T: Text>(children: &mut Children<'_>, name: &'static str, max: u8) -> Result<BTreeMap<u8, T>, XmlError> {
    let mut list = BTreeMap::new();
    let mut next = Some(children.expect(name)?);
    while let Some(element) = next {
        let index = element.index(1..=max)?;
        if list.insert(index, element.value_beside_attributes()?).is_some() {
            return Err(element.error(XmlErrorKind::RepeatedIndex(index)));
        }
        next = children.optional(name);
    }
    Ok(list)
}

fn write_list<T: std::fmt::Display>(w: &mut Writer, name: &str, list: &BTreeMap<u8, T>) {
    for (&index, value) in list {
        w.indexed(name, index, |w| w.text(&value.to_string()));
    }
}

fn read_blocks(children: &mut Children<'_>) -> Result<Blocks, XmlError> {
    let mut blocks = Blocks::new();
    let mut next = Some(children.expect("BlockPrices")?);
    while let Some(element) = next {
        let index = element.index(1..=8)?;
        let mut inner = element.children_beside(&["index"])?;
        let prices = read_list(&mut inner, "BlockPrice", 4)?;
        inner.end()?;
        if blocks.insert(index, prices).is_some() {
            return Err(element.error(XmlErrorKind::RepeatedIndex(index)));
        }
        next = children.optional("BlockPrices");
    }
    Ok(blocks)
}

fn write_blocks(w: &mut Writer, blocks: &Blocks) {
    for (&index, prices) in blocks {
        w.indexed("BlockPrices", index, |w| write_list(w, "BlockPrice", prices));
    }
}
