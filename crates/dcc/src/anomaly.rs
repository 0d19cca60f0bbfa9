//! Anomaly detection (DUIS 5.3): how many requests of a kind a User may make in a period and how large their values may be,
//! before a request is set aside for somebody to look at.
//!
//! The thresholds are a JSON document, [`Thresholds`]; what becomes of requests in quarantine is another, [`Decision`]. Both
//! stand for the files that Users exchange with the real DCC, whose layout no public text gives.
use duis::body::{BalanceChange, ElectricityPriceMatrix, GasPriceMatrix, Prices};
use duis::{Body, Srv};
use gbcs::{Eui64, Time, utrn::Utrn};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// All thresholds and limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Set by Users, each for his own requests.
    pub users: Vec<UserThreshold>,
    /// Set by the DCC, for the requests of any one User.
    pub dcc: Vec<Threshold>,
    /// Between what a value may be, whoever asks.
    pub limits: Vec<Limit>,
}

/// A User's threshold for his requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserThreshold {
    /// Whose requests.
    #[serde(with = "text")]
    pub user: Eui64,
    /// How many.
    #[serde(flatten)]
    pub threshold: Threshold,
}

/// How many requests for a service in a sliding period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// The Service Reference Variant, such as 2.2.
    #[serde(with = "text")]
    pub service: Srv,
    /// Length of the period.
    pub period_seconds: u32,
    /// More than this many are worth a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<u64>,
    /// More than this many are set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<u64>,
}

/// Between what a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The Service Reference Variant.
    #[serde(with = "text")]
    pub service: Srv,
    /// Which of its values.
    pub attribute: Attribute,
    /// Not less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<i64>,
    /// Not more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<i64>,
}

/// A value of a request. All are money in 10^-5 of the currency unit (DUIS 8); a fraction of that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attribute {
    /// What the UTRN of SRV 2.2 is worth.
    TopUp,
    /// What SRV 1.5 adds to the balance.
    BalanceAdjustment,
    /// Each price of a kWh in SRV 1.1.1, 1.1.2, 1.2.1, 1.2.2.
    Price,
    /// The standing charge of SRV 1.1.1, 1.2.1.
    StandingCharge,
    /// Each debt register of SRV 2.3.
    Debt,
}

/// What a request carries that has limits.
pub type Values = Vec<(Attribute, i64)>;

/// Which threshold was exceeded: the three bodies of the DCC alert (DUIS 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breach {
    /// The User's own.
    User,
    /// The DCC's.
    Dcc,
    /// A limit of a value.
    AttributeLimits,
}

impl Breach {
    /// As the store keeps it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Dcc => "dcc",
            Self::AttributeLimits => "attribute-limits",
        }
    }
}

/// What becomes of requests in quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decision {
    /// Quarantine event references of requests to process.
    pub release: Vec<u64>,
    /// Of those to drop.
    pub delete: Vec<u64>,
}

/// A file that is not one of these.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// Not the JSON document that is expected.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// No service has this reference.
    #[error("there is no service {0}")]
    UnknownService(Srv),
    /// A period of no length.
    #[error("the period for {0} has no length")]
    NoPeriod(Srv),
    /// Warned after it is set aside.
    #[error("for {0} the warning comes after the quarantine")]
    WarningAfterQuarantine(Srv),
    /// A reference that is to be released and deleted.
    #[error("{0} is to be released and deleted")]
    Both(u64),
}

impl Thresholds {
    /// Read and check a file.
    pub fn parse(json: &str) -> Result<Self, FileFault> {
        let file: Self = serde_json::from_str(json)?;
        for threshold in file.users.iter().map(|user| &user.threshold).chain(&file.dcc) {
            let service = known(threshold.service)?;
            if threshold.period_seconds == 0 {
                return Err(FileFault::NoPeriod(service));
            }
            if let (Some(warning), Some(quarantine)) = (threshold.warning, threshold.quarantine)
                && warning > quarantine
            {
                return Err(FileFault::WarningAfterQuarantine(service));
            }
        }
        file.limits.iter().try_for_each(|limit| known(limit.service).map(drop))?;
        Ok(file)
    }

    /// The file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("has no map with other keys than texts")
    }

    /// Thresholds for a User's requests for a service.
    pub fn of(&self, user: Eui64, service: Srv) -> impl Iterator<Item = (Breach, &Threshold)> {
        let own = self.users.iter().filter(move |own| own.user == user).map(|own| (Breach::User, &own.threshold));
        let dcc = self.dcc.iter().map(|threshold| (Breach::Dcc, threshold));
        own.chain(dcc).filter(move |(_, threshold)| threshold.service == service)
    }

    /// The longest period of all: what happened before it does not count.
    pub fn longest(&self) -> Duration {
        let all = self.users.iter().map(|user| &user.threshold).chain(&self.dcc);
        Duration::from_secs(all.map(|threshold| u64::from(threshold.period_seconds)).max().unwrap_or(0))
    }

    /// The first value outside its limits.
    pub fn beyond(&self, service: Srv, values: &[(Attribute, i64)]) -> Option<(Attribute, i64)> {
        values.iter().copied().find(|(attribute, value)| {
            self.limits
                .iter()
                .filter(|limit| limit.service == service && limit.attribute == *attribute)
                .any(|limit| limit.least.is_some_and(|l| *value < l) || limit.most.is_some_and(|m| *value > m))
        })
    }

    /// Whether values of a service have limits.
    pub fn limits_of(&self, service: Srv) -> bool {
        self.limits.iter().any(|limit| limit.service == service)
    }
}

impl Threshold {
    /// From when requests count, at a time.
    pub fn since(&self, now: Time) -> Time {
        Time(now.0.saturating_sub(u64::from(self.period_seconds) * 1000))
    }

    /// What the last of `count` requests of the period deserves.
    pub fn judge(&self, count: u64) -> Level {
        match count {
            count if self.quarantine.is_some_and(|most| count > most) => Level::Quarantine,
            count if self.warning.is_some_and(|most| count > most) => Level::Warning,
            _ => Level::Normal,
        }
    }
}

/// What a number of requests deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Normal,
    /// To be told.
    Warning,
    /// To be set aside.
    Quarantine,
}

impl Decision {
    /// Read and check a file.
    pub fn parse(json: &str) -> Result<Self, FileFault> {
        let file: Self = serde_json::from_str(json)?;
        match file.release.iter().find(|reference| file.delete.contains(reference)) {
            Some(both) => Err(FileFault::Both(*both)),
            None => Ok(file),
        }
    }
}

/// The values of a request that may have limits.
pub fn values(body: &Body) -> Values {
    match body {
        Body::TopUpDevice(top_up) => {
            let utrn: Option<Utrn> = top_up.utrn.digits().parse().ok();
            utrn.map(|utrn| (Attribute::TopUp, i64::from(utrn.credit().value()))).into_iter().collect()
        }
        Body::UpdateMeterBalance(balance) => match balance.change() {
            BalanceChange::Adjust(by) => vec![(Attribute::BalanceAdjustment, i64::from(*by))],
            BalanceChange::Reset => Vec::new(),
        },
        Body::UpdateDebt(debt) => [debt.time_debt_1, debt.time_debt_2, debt.payment_debt]
            .map(|register| (Attribute::Debt, i64::from(register)))
            .to_vec(),
        Body::UpdatePrice(update) => prices(&update.prices),
        Body::UpdateTariff(update) => prices(&update.prices),
        Body::UpdateSecondaryPrice(update) => secondary(&update.prices),
        Body::UpdateSecondaryTariff(update) => secondary(&update.prices),
        _ => Vec::new(),
    }
}

fn prices(prices: &Prices) -> Values {
    match prices {
        Prices::Electricity(prices) => {
            let standing = scaled(prices.standing_charge, prices.standing_charge_scale);
            let mut values = vec![(Attribute::StandingCharge, standing)];
            let mut add = |price: i16| values.push((Attribute::Price, scaled(price, prices.price_scale)));
            let (blocks, tou) = match &prices.tariff {
                ElectricityPriceMatrix::Block(tariff) => (Some(&tariff.blocks), None),
                ElectricityPriceMatrix::Tou(tariff) => (None, Some(&tariff.prices)),
                ElectricityPriceMatrix::Hybrid(tariff) => (Some(&tariff.blocks), Some(&tariff.tou)),
            };
            tou.into_iter().flat_map(|table| table.entries()).for_each(|(_, price)| add(*price));
            let blocks = blocks.into_iter().flat_map(|table| table.entries());
            blocks.flat_map(|(_, block)| block.prices.entries()).for_each(|(_, price)| add(*price));
            values
        }
        Prices::Gas(prices) => {
            let table = match &prices.tariff {
                GasPriceMatrix::Block(tariff) => &tariff.prices,
                GasPriceMatrix::Tou(tariff) => &tariff.prices,
            };
            let standing = (Attribute::StandingCharge, i64::from(prices.standing_charge));
            let all = table.entries().map(|(_, price)| (Attribute::Price, i64::from(*price)));
            std::iter::once(standing).chain(all).collect()
        }
    }
}

fn secondary(prices: &duis::body::tariff::SecondaryPrices) -> Values {
    prices.prices.entries().map(|(_, price)| (Attribute::Price, scaled(*price, prices.scale))).collect()
}

/// A price with its power of ten, in 10^-5 of the unit; the largest number there is for what is larger.
fn scaled(price: i16, scale: i8) -> i64 {
    let power = i32::from(scale) + 5;
    let ten = 10i64.checked_pow(power.unsigned_abs());
    match (ten, power >= 0) {
        (Some(ten), true) => i64::from(price).saturating_mul(ten),
        (Some(ten), false) => i64::from(price) / ten,
        (None, true) => i64::MAX.saturating_mul(i64::from(price.signum())),
        (None, false) => 0,
    }
}

fn known(service: Srv) -> Result<Srv, FileFault> {
    duis::catalogue::by_srv(service).map(|entry| entry.srv).ok_or(FileFault::UnknownService(service))
}

/// Identifiers and service references are texts in JSON.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
        D: Deserializer<'de>,
    {
        std::borrow::Cow::<'_, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use duis::body::tariff::{ElectricityPrices, TouTariff};
    use duis::body::{MeterBalance, TopUpDevice};

    const FILE: &str = r#"{
        "users": [{ "user": "90-B3-D5-1F-30-01-00-00", "service": "2.2", "period_seconds": 3600, "warning": 2, "quarantine": 3 }],
        "dcc": [{ "service": "2.2", "period_seconds": 86400, "quarantine": 1000 }],
        "limits": [{ "service": "2.2", "attribute": "top-up", "most": 20000000 }]
    }"#;
    const USER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);

    #[test]
    fn a_file_says_how_much_is_too_much() {
        let file = Thresholds::parse(FILE).unwrap();
        let srv = Srv::new(2, 2, 0);
        let breaches: Vec<_> = file.of(USER, srv).map(|(breach, _)| breach).collect();
        assert_eq!(breaches, [Breach::User, Breach::Dcc]);
        assert_eq!(file.of(Eui64::from_u64(1), srv).map(|(breach, _)| breach).collect::<Vec<_>>(), [Breach::Dcc]);
        assert_eq!(file.of(USER, Srv::new(1, 5, 0)).count(), 0);
        let levels: Vec<_> = (1..5).map(|count| file.users[0].threshold.judge(count)).collect();
        assert_eq!(levels, [Level::Normal, Level::Normal, Level::Warning, Level::Quarantine]);
        assert_eq!(file.longest(), Duration::from_secs(86_400));
        assert_eq!(Thresholds::parse(&file.to_json()).unwrap(), file);
    }

    #[test]
    fn a_file_that_is_none_is_refused_with_the_place() {
        let refused = |text: &str| Thresholds::parse(text).unwrap_err().to_string();
        assert!(refused("{\n  \"users\": 1\n}").ends_with("line 2 column 12"));
        assert!(refused(r#"{"thresholds": []}"#).contains("unknown field"));
        assert!(
            refused(&FILE.replace("\"2.2\", \"period_seconds\": 86400", "\"99.9\", \"period_seconds\": 1"))
                .contains("no service 99.9")
        );
        assert!(refused(&FILE.replace("3600", "0")).contains("no length"));
        assert!(refused(&FILE.replace("\"quarantine\": 3", "\"quarantine\": 1")).contains("warning comes after"));
        assert!(refused(&FILE.replace("90-B3", "9Z-B3")).contains("line 2"));
        assert!(
            Decision::parse(r#"{"release": [1, 2], "delete": [2]}"#).unwrap_err().to_string().contains("2 is to be")
        );
        assert_eq!(Decision::parse(r#"{"release": [7]}"#).unwrap(), Decision { release: vec![7], delete: vec![] });
    }

    #[test]
    fn what_a_request_is_worth_is_read_from_its_body() {
        // GBP 10.00 (DUIS 8.6).
        let utrn = duis::body::Utrn::new("73946144332040217315").unwrap();
        let body = Body::TopUpDevice(TopUpDevice { utrn });
        assert_eq!(values(&body), [(Attribute::TopUp, 1_000_000)]);
        let file = Thresholds::parse(&FILE.replace("20000000", "999999")).unwrap();
        assert_eq!(file.beyond(Srv::new(2, 2, 0), &values(&body)), Some((Attribute::TopUp, 1_000_000)));
        assert_eq!(Thresholds::parse(FILE).unwrap().beyond(Srv::new(2, 2, 0), &values(&body)), None);
        let adjust = MeterBalance::Prepayment(BalanceChange::Adjust(-5));
        assert_eq!(values(&Body::UpdateMeterBalance(adjust)), [(Attribute::BalanceAdjustment, -5)]);
    }

    #[test]
    fn prices_are_compared_in_one_unit() {
        let prices = Prices::Electricity(ElectricityPrices {
            standing_charge: 2,
            standing_charge_scale: -1,
            price_scale: -6,
            tariff: ElectricityPriceMatrix::Tou(TouTariff {
                prices: duis::xml::Table::new([(1, 212), (2, 32)]).unwrap(),
            }),
        });
        let values = super::prices(&prices);
        assert_eq!(values, [(Attribute::StandingCharge, 20_000), (Attribute::Price, 21), (Attribute::Price, 3)]);
    }

    #[test]
    fn no_scale_of_the_schema_overflows() {
        for scale in i8::MIN..=i8::MAX {
            for price in [i16::MIN, -1, 0, 1, i16::MAX] {
                let value = scaled(price, scale);
                assert!(value == 0 || value.signum() == i64::from(price.signum()), "{price} {scale}");
            }
        }
        assert_eq!((scaled(1, 127), scaled(-1, 127), scaled(9, -128)), (i64::MAX, -i64::MAX, 0));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC{0,80}|[\\[\\]{}\":,0-9a-z_.-]{0,120}") {
            if let Ok(file) = Thresholds::parse(&text) {
                proptest::prop_assert_eq!(Thresholds::parse(&file.to_json()).unwrap(), file);
            }
            let _ = Decision::parse(&text);
        }
    }
}
