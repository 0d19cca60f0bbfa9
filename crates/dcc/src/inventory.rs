//! The Smart Metering Inventory: the devices the DCC knows, where each is in its life, and how it gets there.
use duis::DeviceType;
use duis::body::customer::{Mpan, Mpxn};
use duis::body::dcc::{Address, DeviceDetails, Uprn};
pub use duis::response::answer::{CspRegion, DeviceStatus};
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
    /// The region of the SM WAN it is in.
    pub region: Option<CspRegion>,
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
            region: None,
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

/// What moves a device from one status to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The hub took it into its Device Log (CCS01, or an Alert of the log).
    Listed,
    /// The hub shares a link key with it.
    JoinedHan,
    /// Its Response to SRV 8.1.1, or to a join, came.
    Commissioned,
    /// It is joined with nothing any more, and no meter.
    Unjoined,
    /// The hub took it out of its Device Log (CCS02, or an Alert of the log).
    Unlisted,
    /// The same of a device that is no meter, whatever it was.
    Removed,
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

impl Happening {
    /// Where it leads a device of a status; `None` where it changes nothing.
    pub fn leads(self, from: DeviceStatus) -> Option<DeviceStatus> {
        use DeviceStatus::*;
        use Happening as H;
        let next = match (self, from) {
            (H::Listed, Pending | Decommissioned) => Whitelisted,
            (H::JoinedHan, Pending | Whitelisted) => InstalledNotCommissioned,
            (H::Commissioned, Pending | Whitelisted | InstalledNotCommissioned | Recovered) => Commissioned,
            (H::Unjoined, Commissioned) => InstalledNotCommissioned,
            // A commissioned meter stays what it is until somebody decommissions it (SRV 8.3).
            (H::Unlisted, Whitelisted | InstalledNotCommissioned) => Pending,
            (H::Removed, Whitelisted | InstalledNotCommissioned | Commissioned) => Pending,
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
            status = happening.leads(status).expect("leads on");
            life.push(status.as_str());
        }
        let expected =
            "Whitelisted InstalledNotCommissioned Commissioned Withdrawn Commissioned Decommissioned Pending";
        assert_eq!(life.join(" "), expected);
    }

    #[test]
    fn nothing_leads_out_of_suspension_but_decommissioning() {
        for happening in [Happening::Listed, Happening::JoinedHan, Happening::Commissioned, Happening::PutBack] {
            assert_eq!(happening.leads(DeviceStatus::Suspended), None);
        }
        assert_eq!(Happening::Decommissioned.leads(DeviceStatus::Suspended), Some(DeviceStatus::Decommissioned));
    }
}
