//! What a meter holds of others and of itself that Commands may replace: trust anchor cells, its own keys and certificates, the
//! devices it joined (GBCS 12, 13).
use crate::config::{DeviceKeys, MeterConfig, TrustAnchor, Usage};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use device::StoredCell;
use gbcs::Eui64;
use gbcs::crypto::{Crypto, PrivateKey, PublicKey};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// Devices in the log of a meter (GBCS 13.7).
pub(crate) const MAX_JOINED: usize = 16;

/// A device that the meter joined; of a PPMID by Method C also its key agreement key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Joined {
    #[n(0)]
    pub device: u64,
    /// As join messages number it.
    #[n(1)]
    pub kind: u8,
    #[n(2)]
    point: ByteVec,
}

impl Joined {
    pub fn new(device: Eui64, kind: u8, key: Option<&PublicKey>) -> Self {
        Self { device: device.to_u64(), kind, point: key.map_or(Vec::new(), |key| key.point().to_vec()).into() }
    }
}

/// What Commands replaced of what the meter was manufactured and installed with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Credentials {
    /// All cells, once one was replaced.
    #[n(0)]
    cells: Option<Vec<StoredCell>>,
    /// The last counter of an update of credentials, by authorising role.
    #[n(1)]
    pub updates: BTreeMap<u8, u64>,
    /// Private keys by usage that came after those of manufacture, and those that wait for their certificate.
    #[n(2)]
    keys: BTreeMap<u8, Secret>,
    #[n(3)]
    waiting: BTreeMap<u8, Secret>,
    /// Certificates by usage that came after those of manufacture.
    #[n(4)]
    certificates: BTreeMap<u8, ByteVec>,
    /// The device log, once it changed.
    #[n(5)]
    joined: Option<Vec<Joined>>,
}

/// A private scalar in the record: not for logs.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
struct Secret(#[n(0)] ByteVec);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Credentials {
    /// Put what was replaced into effect; entries that no longer read are left out.
    pub fn apply<C: Crypto>(&self, crypto: &C, config: &mut MeterConfig) {
        if let Some(cells) = &self.cells {
            config.anchors = StoredCell::read(crypto, cells);
            config.acb = device::acb(&config.anchors).unwrap_or(config.acb);
        }
        for (usage, secret) in &self.keys {
            if let Some(key) = private(crypto, secret) {
                *own_key(&mut config.keys, Usage::from_number(*usage)) = key;
            }
        }
        for (usage, certificate) in &self.certificates {
            config.certificates.insert(Usage::from_number(*usage), certificate.to_vec());
        }
        if let Some(joined) = &self.joined {
            config.joined = joined.iter().map(|j| (Eui64::from_u64(j.device), j.kind)).collect();
            let ppmid = joined.iter().filter(|j| !j.point.is_empty()).find_map(|j| {
                Some((Eui64::from_u64(j.device), crypto.public_key(j.point.as_slice().try_into().ok()?).ok()?))
            });
            // One that was joined at installation goes only when it is unjoined.
            let stays = |(eui, _): &(Eui64, PublicKey)| config.joined.iter().any(|(device, _)| device == eui);
            config.ppmid = ppmid.or(config.ppmid.filter(stays));
        }
    }

    /// Keep the cells as they are now.
    pub fn keep_cells(&mut self, anchors: &[TrustAnchor]) {
        self.cells = Some(StoredCell::of(anchors));
    }

    /// A key pair of the meter's own that waits for its certificate; the one before it is forgotten.
    pub fn wait(&mut self, usage: Usage, scalar: &[u8; 32]) {
        self.waiting.insert(usage as u8, Secret(scalar.to_vec().into()));
    }

    pub fn waiting<C: Crypto>(&self, crypto: &C, usage: Usage) -> Option<PrivateKey> {
        private(crypto, self.waiting.get(&(usage as u8))?)
    }

    /// The key pair that waited is the meter's from now on.
    pub fn certified(&mut self, usage: Usage, certificate: &[u8]) {
        if let Some(secret) = self.waiting.remove(&(usage as u8)) {
            self.keys.insert(usage as u8, secret);
            self.certificates.insert(usage as u8, certificate.to_vec().into());
        }
    }

    /// Whether the device log is no longer that of installation.
    pub fn has_joined(&self) -> bool {
        self.joined.is_some()
    }

    /// The device log, that of installation at first.
    pub fn joined(&mut self, config: &MeterConfig) -> &mut Vec<Joined> {
        self.joined.get_or_insert_with(|| {
            let key = |eui: &Eui64| config.ppmid.filter(|(ppmid, _)| ppmid == eui).map(|(_, key)| key);
            config.joined.iter().map(|(eui, kind)| Joined::new(*eui, *kind, key(eui).as_ref())).collect()
        })
    }
}

fn private<C: Crypto>(crypto: &C, secret: &Secret) -> Option<PrivateKey> {
    crypto.private_key(secret.0.as_slice().try_into().ok()?).ok()
}

fn own_key(keys: &mut DeviceKeys, usage: Usage) -> &mut PrivateKey {
    match usage {
        Usage::DigitalSignature => &mut keys.digital_signature,
        Usage::KeyAgreement | Usage::CertificateSigning => &mut keys.key_agreement,
    }
}
