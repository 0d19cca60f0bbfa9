//! `[property]` of `home.toml`: the house, as the Smart Metering Inventory and the coverage of the WAN are asked about it.
use duis::body::customer::{Mpan, Mpxn};
use duis::body::dcc::{Address, Uprn};
use duis::xml::value::Words;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The house; what is not said is not known to the DCC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Property {
    /// Unique Property Reference Number.
    #[serde(with = "uprn", skip_serializing_if = "Option::is_none")]
    pub uprn: Option<Uprn>,
    /// Post code.
    #[serde(with = "words", skip_serializing_if = "Option::is_none")]
    pub post_code: Option<Words<6, 8>>,
    /// What tells it apart there, such as its number and street.
    #[serde(with = "words", skip_serializing_if = "Option::is_none")]
    pub address: Option<Words<0, 30>>,
    /// Supply number of the electricity meter.
    #[serde(with = "words", skip_serializing_if = "Option::is_none")]
    pub mpan: Option<Mpan>,
    /// Supply number of the gas meter.
    #[serde(with = "words", skip_serializing_if = "Option::is_none")]
    pub mprn: Option<Words<1, 10>>,
}

impl Property {
    /// A house in a street of the examples.
    pub fn example() -> Self {
        Self {
            uprn: Uprn::new(100_000_000_001),
            post_code: Words::new("ZZ1 1ZZ"),
            address: Words::new("1 Example Street"),
            mpan: Words::new("1234567890123"),
            mprn: Words::new("1234567890"),
        }
    }

    /// As the inventory has it.
    pub fn of_the_inventory(&self) -> dcc::inventory::Property {
        let unsaid = || Words::new("").expect("may be empty");
        let address = self.post_code.clone().map(|post_code| {
            let identifier = self.address.clone().unwrap_or_else(unsaid);
            Address { post_code, identifier }
        });
        dcc::inventory::Property { uprn: self.uprn, address }
    }

    /// The supply number of the electricity meter, as the inventory has it.
    pub fn electricity(&self) -> Option<Mpxn> {
        Words::new(self.mpan.as_ref()?.as_str())
    }

    /// That of the gas meter.
    pub fn gas(&self) -> Option<Mpxn> {
        Words::new(self.mprn.as_ref()?.as_str())
    }
}

/// Texts of the schema's lengths.
mod words {
    use super::{Deserialize, Deserializer, Serializer, Words, de};

    pub fn serialize<S: Serializer, const LEAST: usize, const MOST: usize>(
        words: &Option<Words<LEAST, MOST>>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match words {
            Some(words) => out.serialize_str(words.as_str()),
            None => out.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>, const LEAST: usize, const MOST: usize>(
        from: D,
    ) -> Result<Option<Words<LEAST, MOST>>, D::Error> {
        let text = String::deserialize(from)?;
        let fault = || de::Error::custom(format!("{text:?} has not {LEAST} to {MOST} characters"));
        Words::new(&text).ok_or_else(fault).map(Some)
    }
}

/// A number of at most twelve digits.
pub(super) mod uprn {
    use super::{Deserialize, Deserializer, Serializer, Uprn, de};

    pub fn serialize<S: Serializer>(uprn: &Option<Uprn>, out: S) -> Result<S::Ok, S::Error> {
        match uprn {
            Some(uprn) => out.serialize_u64(uprn.get()),
            None => out.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Uprn>, D::Error> {
        let number = u64::deserialize(from)?;
        let fault = || de::Error::custom(format!("{number} is no number from 1 to 999999999999"));
        Uprn::new(number).ok_or_else(fault).map(Some)
    }
}
