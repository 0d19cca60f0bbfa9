//! Whom a device knows: the trust anchor cells of the Remote Parties (GBCS 12.2), the Access Control Broker, a PPMID of its own home.
use alloc::vec::Vec;
use gbcs::Eui64;
use gbcs::catalogue::Originator;
use gbcs::certificate::{self, KeyUsage};
use gbcs::crypto::{Crypto, PublicKey};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// A Remote Party Role (GBCS 12), or the one HAN device that may command a gas meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Root: issues, and asks for nothing.
    Root = 0,
    /// Recovery.
    Recovery = 1,
    /// Supplier.
    Supplier = 2,
    /// Network operator.
    NetworkOperator = 3,
    /// Access Control Broker.
    AccessControlBroker = 4,
    /// Transitional change of supplier party.
    TransitionalCos = 5,
    /// WAN provider.
    WanProvider = 6,
    /// Load controller.
    LoadController = 8,
    /// A prepayment meter interface device: no Remote Party; HAN Only Messages (GBCS 10.2).
    Ppmid = 127,
}

impl Role {
    /// From the number of GBCS 12.4; `None` for one that has no slot on a meter.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Root,
            1 => Self::Recovery,
            2 => Self::Supplier,
            3 => Self::NetworkOperator,
            4 => Self::AccessControlBroker,
            5 => Self::TransitionalCos,
            6 => Self::WanProvider,
            8 => Self::LoadController,
            127 => Self::Ppmid,
            _ => return None,
        })
    }

    /// As the catalogue names who asks; the root asks for nothing.
    pub const fn originator(self) -> Option<Originator> {
        Some(match self {
            Self::Root => return None,
            Self::Recovery => Originator::Recovery,
            Self::Supplier => Originator::Supplier,
            Self::NetworkOperator => Originator::NetworkOperator,
            Self::AccessControlBroker => Originator::AccessControlBroker,
            Self::TransitionalCos => Originator::TransitionalCos,
            Self::WanProvider => Originator::WanProvider,
            Self::LoadController => Originator::LoadController,
            Self::Ppmid => Originator::Ppmid,
        })
    }
}

impl From<Role> for certificate::Role {
    fn from(role: Role) -> Self {
        Self::from_number(role as u8)
    }
}

/// What the key of a trust anchor cell may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Usage {
    /// Verify signatures.
    DigitalSignature,
    /// Agree MAC, encryption and UTRN keys.
    KeyAgreement,
    /// Verify certificates: the root's.
    CertificateSigning,
}

impl Usage {
    /// From its place above.
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::DigitalSignature,
            1 => Self::KeyAgreement,
            _ => Self::CertificateSigning,
        }
    }

    /// As certificates name it.
    pub const fn key_usage(self) -> KeyUsage {
        match self {
            Self::DigitalSignature => KeyUsage::DigitalSignature,
            Self::KeyAgreement => KeyUsage::KeyAgreement,
            Self::CertificateSigning => KeyUsage::KeyCertSign,
        }
    }
}

impl From<KeyUsage> for Usage {
    fn from(usage: KeyUsage) -> Self {
        match usage {
            KeyUsage::DigitalSignature => Self::DigitalSignature,
            KeyUsage::KeyAgreement => Self::KeyAgreement,
            KeyUsage::KeyCertSign => Self::CertificateSigning,
        }
    }
}

/// One trust anchor cell: the public key a meter holds for a Remote Party (GBCS 12.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustAnchor {
    /// Whose slot.
    pub role: Role,
    /// What the key may do.
    pub usage: Usage,
    /// The cell for prepayment top-up (cell usage 1): the supplier's key that authenticates UTRNs.
    pub prepayment: bool,
    /// The party that holds the private half.
    pub eui: Eui64,
    /// The key.
    pub key: PublicKey,
    /// The subject key identifier of its certificate.
    pub key_id: [u8; 8],
}

/// Whom a device knows, and who it is.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The device itself.
    pub device: Eui64,
    /// The Access Control Broker, whose MAC every Remote Party Command carries.
    pub acb: Eui64,
    /// The PPMID that a gas meter joined by Method C, and its key agreement key.
    pub ppmid: Option<(Eui64, PublicKey)>,
    /// The cells, in any order.
    pub anchors: &'a [TrustAnchor],
}

impl<'a> Known<'a> {
    /// The role of a sender: a cell, the ACB, or the PPMID.
    pub fn role_of(&self, eui: Eui64) -> Option<Role> {
        if eui == self.acb {
            return Some(Role::AccessControlBroker);
        }
        if self.ppmid.is_some_and(|(ppmid, _)| ppmid == eui) {
            return Some(Role::Ppmid);
        }
        self.anchors.iter().find(|a| a.eui == eui && a.role != Role::Root).map(|a| a.role)
    }

    /// The key of `eui` for `usage` in an ordinary (not prepayment) cell.
    pub fn anchor(&self, eui: Eui64, usage: Usage) -> Option<&'a TrustAnchor> {
        self.anchors.iter().find(|a| a.eui == eui && a.usage == usage && !a.prepayment)
    }

    /// The key that secrets with a party are agreed with.
    pub fn key_agreement(&self, party: Eui64) -> Option<&PublicKey> {
        let ppmid = self.ppmid.as_ref().filter(|(eui, _)| *eui == party).map(|(_, key)| key);
        ppmid.or_else(|| self.anchor(party, Usage::KeyAgreement).map(|anchor| &anchor.key))
    }
}

/// The Access Control Broker of these cells.
pub fn acb(anchors: &[TrustAnchor]) -> Option<Eui64> {
    anchors.iter().find(|anchor| anchor.role == Role::AccessControlBroker).map(|anchor| anchor.eui)
}

/// A trust anchor cell, as a device's record writes it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StoredCell {
    #[n(0)]
    role: u8,
    #[n(1)]
    usage: u8,
    #[n(2)]
    prepayment: bool,
    #[n(3)]
    eui: u64,
    #[n(4)]
    point: ByteVec,
    #[n(5)]
    key_id: ByteVec,
}

impl StoredCell {
    /// The cells as they are to be kept.
    pub fn of(anchors: &[TrustAnchor]) -> Vec<Self> {
        let stored = |anchor: &TrustAnchor| Self {
            role: anchor.role as u8,
            usage: anchor.usage as u8,
            prepayment: anchor.prepayment,
            eui: anchor.eui.to_u64(),
            point: anchor.key.point().to_vec().into(),
            key_id: anchor.key_id.to_vec().into(),
        };
        anchors.iter().map(stored).collect()
    }

    /// The cells that were kept; one that no longer reads is left out.
    pub fn read<C: Crypto>(crypto: &C, cells: &[Self]) -> Vec<TrustAnchor> {
        let anchor = |cell: &Self| {
            Some(TrustAnchor {
                role: Role::from_number(cell.role)?,
                usage: Usage::from_number(cell.usage),
                prepayment: cell.prepayment,
                eui: Eui64::from_u64(cell.eui),
                key: crypto.public_key(cell.point.as_slice().try_into().ok()?).ok()?,
                key_id: cell.key_id.as_slice().try_into().ok()?,
            })
        };
        cells.iter().filter_map(anchor).collect()
    }
}
