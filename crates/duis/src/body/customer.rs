//! SRV 3.1 to 3.4, 6.20: what a meter shows its customer or keeps from him, and whose supply it is (DUIS 8.8).
use gbcs::Time;

use crate::time::Execution;
use crate::xml::content::{choice, enumeration, sequence};
use crate::xml::value::{Printable, Words};
use crate::xml::{Text, Value};

sequence! {
    /// SRV 3.1: text for the customer.
    DisplayMessage {
        /// When the DCC sends it.
        execution: Execution,
        text: Printable<1, 116> = "SupplierMessage",
    }

    /// SRV 3.2: from when the household is another.
    RestrictAccess {
        /// When the DCC sends it.
        execution: Execution,
        since: Time = "RestrictionDateTime",
    }

    /// SRV 3.3: which log to clear; a GSME has one.
    ClearEventLog {
        log: Option<EsmeEventLog> = "ESMEEventLogType",
    }

    /// SRV 3.4: the supplier as the meter shows it.
    UpdateSupplierName {
        /// When the DCC sends it.
        execution: Execution,
        name: Printable<1, 15> = "SupplierName",
        telephone: Telephone = "SupplierTelephoneNumber",
    }

    /// SRV 6.20.1: the import supply numbers.
    SetImportMpxn {
        /// When the DCC sends it.
        execution: Execution,
        /// By fuel.
        numbers: ImportNumbers,
    }

    /// Import supply numbers of an ESME.
    ImportMpans {
        primary: Mpan = "ImportMPAN",
        secondary: Option<Mpan> = "SecondaryImportMPAN",
    }

    /// SRV 6.20.2: the export supply number.
    SetExportMpan {
        /// When the DCC sends it.
        execution: Execution,
        export: Mpan = "ExportMPAN",
    }
}

/// A Meter Point Administration Number.
pub type Mpan = Words<13, 13>;
/// A Meter Point Administration or Reference Number.
pub type Mpxn = Words<1, 13>;

choice! {
    /// Supply numbers by fuel.
    ImportNumbers {
        Electricity(ImportMpans) = "ImportMPANs",
        Gas(Words<1, 10>) = "ImportMPRN",
    }
}

enumeration! {
    /// A log of an ESME.
    EsmeEventLog {
        Esme = "ESME",
        Alcs = "ALCS",
    }
}

impl DisplayMessage {
    /// A message of 1..116 characters `0x20..0x7E`; `None` otherwise.
    pub fn new(text: impl Into<String>, execution: Execution) -> Option<Self> {
        Some(Self { execution, text: Printable::new(text)? })
    }
}

/// A telephone number: 1..18 digits and spaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Telephone(String);

impl Telephone {
    /// `None` when it is too short or too long, or holds something else.
    pub fn new(number: impl Into<String>) -> Option<Self> {
        let number = number.into();
        let sound = number.bytes().all(|b| b.is_ascii_digit() || b == b' ');
        (sound && (1..=18).contains(&number.len())).then_some(Self(number))
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for Telephone {
    const EXPECTED: &'static str = "1..18 digits and spaces";

    fn read(text: &str) -> Option<Self> {
        Self::new(text)
    }
}

impl Value for Telephone {
    fn form(&self) -> String {
        self.0.clone()
    }
}
