//! The Smart Metering Inventory: the devices the DCC knows, where each is in its life, and how it gets there.
use duis::DeviceType;
use duis::body::customer::{Mpan, Mpxn};
use duis::body::dcc::{Address, DeviceDetails, Uprn};
use gbcs::crypto::PublicKey;
use gbcs::{Eui64, Time};

/// A device of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its identifier.
    pub eui: Eui64,
    /// What it is, and the version of GBCS it follows.
    pub kind: duis::transform::Device,
    /// Where it is in its life.
    pub status: DeviceStatus,
    /// The supplier whose credentials it holds; of a device that is not installed, who notified it.
    pub supplier: Option<Eui64>,
    /// The network operator whose credentials it holds.
    pub network_operator: Option<Eui64>,
    /// The Communications Hub of its home; a hub names itself.
    pub hub: Option<Eui64>,
    /// The Gas Proxy Function in the same housing, of a hub.
    pub gas_proxy: Option<Eui64>,
    /// Who made it, and what it runs.
    pub details: DeviceDetails,
    /// Supply numbers, of a meter.
    pub numbers: Numbers,
    /// Where it is.
    pub property: Property,
    /// Since when it is commissioned.
    pub commissioned: Option<Time>,
    /// Devices it is joined with.
    pub joined: Vec<Eui64>,
}

/// Supply numbers of a meter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// MPAN or MPRN of what is taken.
    pub import: Option<Mpxn>,
    /// MPAN of a twin element meter's second element.
    pub secondary_import: Option<Mpan>,
    /// MPAN of what is given back.
    pub export: Option<Mpan>,
}

/// A property.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Property {
    /// Unique Property Reference Number.
    pub uprn: Option<Uprn>,
    /// Post code and what tells it apart there.
    pub address: Option<Address>,
}

/// What the SMKI knows of a device: the keys in its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceKeys {
    /// Its key agreement key, for the MAC of Commands.
    pub key_agreement: PublicKey,
    /// Its digital signature key, to check critical Responses.
    pub digital_signature: PublicKey,
    /// The key agreement certificate, DER: a join by method C carries it.
    pub agreement_certificate: Option<Vec<u8>>,
}

impl DeviceKeys {
    /// Keys whose certificates are not at hand.
    pub const fn new(key_agreement: PublicKey, digital_signature: PublicKey) -> Self {
        Self { key_agreement, digital_signature, agreement_certificate: None }
    }
}

impl Device {
    /// A device that was notified and is nowhere yet.
    pub fn new(eui: Eui64, kind: duis::transform::Device) -> Self {
        Self {
            eui,
            kind,
            status: DeviceStatus::Pending,
            supplier: None,
            network_operator: None,
            hub: (kind.kind == DeviceType::Chf).then_some(eui),
            gas_proxy: None,
            details: DeviceDetails { manufacturer: None, model: None, version: None, firmware: None, variant: None },
            numbers: Numbers::default(),
            property: Property::default(),
            commissioned: None,
            joined: Vec::new(),
        }
    }

    /// A commissioned device of a home.
    pub fn commissioned(eui: Eui64, kind: duis::transform::Device, supplier: Eui64, hub: Eui64) -> Self {
        let status = DeviceStatus::Commissioned;
        Self { status, supplier: Some(supplier), hub: Some(hub), ..Self::new(eui, kind) }
    }

    /// Whether it meters a supply.
    pub fn is_meter(&self) -> bool {
        matches!(self.kind.kind, DeviceType::Esme | DeviceType::Gsme)
    }

    /// What it is changes what is made of requests for it: phases and elements go with the variant.
    pub fn set_details(&mut self, details: DeviceDetails) {
        if let Some(variant) = details.variant {
            self.kind.twin_element = variant.is_twin_element();
            self.kind.poly_phase = variant.is_poly_phase();
        }
        let old = std::mem::replace(&mut self.details, details);
        let new = &mut self.details;
        new.manufacturer = new.manufacturer.take().or(old.manufacturer);
        new.model = new.model.take().or(old.model);
        new.version = new.version.take().or(old.version);
        new.firmware = new.firmware.take().or(old.firmware);
        new.variant = new.variant.or(old.variant);
    }
}

macro_rules! statuses {
    ($($status:ident)*) => {
        /// Status in the inventory (DUIS 5.2).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the words of the schema
        pub enum DeviceStatus {
            $($status,)*
        }

        impl DeviceStatus {
            /// Every status.
            pub const ALL: &[Self] = &[$(Self::$status,)*];

            /// The word of the schema.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$status => stringify!($status),)*
                }
            }
        }
    };
}
statuses! {
    Pending Whitelisted InstalledNotCommissioned Commissioned Decommissioned Withdrawn Suspended Recovery Recovered
}

impl std::fmt::Display for DeviceStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for DeviceStatus {
    type Err = NotAStatus;

    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        Self::ALL.iter().copied().find(|status| status.as_str() == text).ok_or(NotAStatus)
    }
}

/// A word is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a device status of the inventory")]
pub struct NotAStatus;

/// What moves a device from one status to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The hub took it into its Device Log (CCS01, or an Alert of the log).
    Listed,
    /// The hub shares a link key with it.
    JoinedHan,
    /// Its Response to SRV 8.1.1, or to a join, came.
    Commissioned,
    /// The hub took it out of its Device Log (CCS02, or an Alert of the log).
    Unlisted,
    /// SRV 8.3; or the home's hub goes back.
    Decommissioned,
    /// SRV 8.5, or the hub's by SRV 8.4.
    Withdrawn,
    /// SRV 8.6.
    OptedIn,
    /// SRV 8.4: will be used again.
    PutBack,
    /// SRV 8.4: is installed, whatever else is thought of it.
    Installed,
}

impl DeviceStatus {
    /// Where it leads; `None` where it changes nothing.
    pub fn after(self, happening: Happening) -> Option<Self> {
        use DeviceStatus::*;
        use Happening as H;
        let next = match (happening, self) {
            (H::Listed, Pending | Decommissioned) => Whitelisted,
            (H::JoinedHan, Pending | Whitelisted) => InstalledNotCommissioned,
            (H::Commissioned, Whitelisted | InstalledNotCommissioned | Recovered) => Commissioned,
            // Commissioned meters stay what they are until somebody decommissions them (SRV 8.3).
            (H::Unlisted, Whitelisted | InstalledNotCommissioned) => Pending,
            (H::Decommissioned, Pending | Decommissioned) => return None,
            (H::Decommissioned, _) => Decommissioned,
            (H::Withdrawn, InstalledNotCommissioned | Commissioned) => Withdrawn,
            (H::OptedIn, Withdrawn) => Commissioned,
            (H::PutBack, Whitelisted | InstalledNotCommissioned | Decommissioned | Withdrawn) => Pending,
            (H::Installed, Pending | Whitelisted | Withdrawn) => InstalledNotCommissioned,
            _ => return None,
        };
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_the_word_of_the_schema() {
        for status in DeviceStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
        assert_eq!("commissioned".parse::<DeviceStatus>(), Err(NotAStatus));
    }

    #[test]
    fn a_device_is_notified_listed_joined_commissioned_and_leaves() {
        let mut status = DeviceStatus::Pending;
        let mut life = Vec::new();
        for happening in [
            Happening::Listed,
            Happening::JoinedHan,
            Happening::Commissioned,
            Happening::Withdrawn,
            Happening::OptedIn,
            Happening::Decommissioned,
            Happening::PutBack,
        ] {
            status = status.after(happening).expect("leads on");
            life.push(status.as_str());
        }
        let expected =
            "Whitelisted InstalledNotCommissioned Commissioned Withdrawn Commissioned Decommissioned Pending";
        assert_eq!(life.join(" "), expected);
    }

    #[test]
    fn nothing_leads_out_of_suspension_but_decommissioning() {
        for happening in [Happening::Listed, Happening::JoinedHan, Happening::Commissioned, Happening::PutBack] {
            assert_eq!(DeviceStatus::Suspended.after(happening), None);
        }
        assert_eq!(DeviceStatus::Suspended.after(Happening::Decommissioned), Some(DeviceStatus::Decommissioned));
    }
}
