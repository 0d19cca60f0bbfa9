//! The device cores of a home, each with what it is given at manufacture and installation.
use super::{Home, HomeError, PaymentMode};
use comms_hub::{DeviceEntry, DeviceKind, FunctionKeys, Hub, HubConfig, Settings};
use gbcs::asn1::FirmwareVersion;
use gbcs::catalogue::Originator;
use gbcs::crypto::RustCrypto;
use gbcs::keystore::KeyName;
use gbcs::{Counter, Eui64, Time};
use han::node::{FrameCounters, Peer, Role, Timing};
use han::{Key, NodeConfig, PanId, ShortAddress};
use meter::{DeviceKeys, Kind, Meter, MeterConfig, TrustAnchor, Usage};
use ppmid::Ppmid;
use std::time::Duration;

/// The file of what gas meters told the hub.
pub const GAS_RECORD: &str = "hub-gas";

/// Devices sign deterministically, as firmware without a good source of randomness must.
pub type DeviceCrypto = RustCrypto;

impl Home {
    /// The Communications Hub, from its factory or from its record, with what its gas meter told it last.
    pub fn hub(&self, now: Time, record: Option<&[u8]>) -> Result<Hub<DeviceCrypto>, HomeError> {
        let (who, han, keys) = (&self.file.identities, &self.file.han, &self.keys.han);
        let peers = vec![
            peer(who.ppmid, han.ppmid.short, &keys.ppmid, false),
            peer(who.esme, han.esme.short, &keys.esme, false),
            peer(who.gsme, han.gsme.short, &keys.gsme, true),
        ];
        let entry = |eui, kind, short, sleepy| DeviceEntry { eui, kind, short, sleepy };
        let config = HubConfig {
            chf: who.chf,
            gpf: who.gpf,
            profile: self.file.hub.profile.into(),
            node: self.node(who.chf, han.hub.short, Role::Coordinator, peers, HUB_ENDPOINTS.to_vec()),
            devices: vec![
                entry(who.ppmid, DeviceKind::Ppmid, han.ppmid.short, false),
                entry(who.esme, DeviceKind::Esme, han.esme.short, false),
                entry(who.gsme, DeviceKind::Gsme, han.gsme.short, true),
            ],
            chf_keys: self.function_keys(who.chf, now),
            gpf_keys: self.function_keys(who.gpf, now),
            settings: Settings::default(),
        };
        let damaged = |name: &str, e: &dyn std::fmt::Display| HomeError::content(self.dir.join("state").join(name), e);
        let mut hub = Hub::new(now, config, RustCrypto, record).map_err(|e| damaged("hub", &e))?;
        if record.is_some()
            && let Some(gas) = self.load_state(GAS_RECORD)?
        {
            hub.restore_gas(&gas).map_err(|e| damaged(GAS_RECORD, &e))?;
        }
        Ok(hub)
    }

    /// What a function of the hub is as a device; `None` for a home from before it had keys. Suppliers and network operators are
    /// parties of the GPF alone.
    fn function_keys(&self, eui: Eui64, now: Time) -> Option<FunctionKeys> {
        use device::Role;
        let who = &self.file.identities;
        let parties = [(Role::Supplier, who.supplier), (Role::NetworkOperator, who.network_operator)];
        let parties = parties.into_iter().filter(|_| eui == who.gpf);
        let agree = parties.chain([(Role::AccessControlBroker, who.acb)]);
        let agree = agree.flat_map(|(role, party)| {
            [
                (role, Usage::DigitalSignature, KeyName::signing(party)),
                (role, Usage::KeyAgreement, KeyName::agreement(party)),
            ]
        });
        let sign = [
            (Role::TransitionalCos, who.transitional_cos),
            (Role::Recovery, who.recovery),
            (Role::WanProvider, who.wan_provider),
        ];
        let sign = sign.map(|(role, party)| (role, Usage::DigitalSignature, KeyName::signing(party)));
        // A handover replaces this cell on a GPF as it does on a meter, though nobody tops up a GPF.
        let top_up = (Role::Supplier, Usage::KeyAgreement, KeyName::prepayment(who.supplier));
        let top_up = (eui == who.gpf).then_some(top_up);
        // A home from before some of these had keys does without them.
        let anchors =
            agree.chain(top_up).chain(sign).filter_map(|(role, usage, name)| self.anchor(role, usage, name).ok());
        Some(FunctionKeys {
            acb: who.acb,
            digital_signature: self.keys.private(KeyName::signing(eui)).ok()?,
            key_agreement: self.keys.private(KeyName::agreement(eui)).ok()?,
            anchors: anchors.collect(),
            counter_floor: Counter(now.0),
        })
    }

    /// The cell of a key.
    fn anchor(&self, role: device::Role, usage: Usage, name: KeyName) -> Result<TrustAnchor, HomeError> {
        let KeyName { owner: eui, prepayment, .. } = name;
        let key = self.keys.public(name)?;
        Ok(TrustAnchor { role, usage, prepayment, eui, key, key_id: smki::key_identifier(key.point()) })
    }

    /// The PPMID, from its factory or from its record; `refresh` says how often its display asks by itself.
    pub fn ppmid(
        &self,
        now: Time,
        record: Option<&[u8]>,
        refresh: Option<ppmid::Refresh>,
    ) -> Result<Ppmid<DeviceCrypto>, HomeError> {
        let (who, han) = (&self.file.identities, &self.file.han);
        let mut peers = vec![peer(who.chf, han.hub.short, &self.keys.han.ppmid, false)];
        let partner = self.keys.han.ppmid_esme.as_ref();
        peers.extend(partner.map(|key| peer(who.esme, han.esme.short, key, false)));
        let node = self.node(who.ppmid, han.ppmid.short, Role::Router, peers, vec![comms_hub::hub::DEVICE_ENDPOINT]);
        let key = self.keys.private(KeyName::signing(who.ppmid))?;
        let hub = (who.chf, comms_hub::hub::TUNNEL_ENDPOINT);
        let seed = ppmid::Seed(super::create::random()?);
        let mut config = ppmid::Config::new(key, hub, node, seed);
        config.head_ends = vec![(who.supplier, *self.keys.warrant.public())];
        config.meters = ppmid::Meters::Only(vec![who.esme, who.gsme]);
        config.electricity = partner.map(|_| who.esme);
        config.gas = Some(ppmid::Gas {
            meter: who.gsme,
            key: self.keys.public(KeyName::agreement(who.gsme))?,
            own: self.keys.private(KeyName::agreement(who.ppmid))?,
        });
        config.refresh = refresh;
        config.identity = self.ppmid_identity();
        Ppmid::new(now, RustCrypto, &config, record).map_err(|e| HomeError::content(self.dir.join("state/ppmid"), e))
    }

    /// What makes the PPMID a GBCS device, which knows the broker alone; `None` for a home from before it had keys.
    fn ppmid_identity(&self) -> Option<ppmid::Identity> {
        let who = &self.file.identities;
        let broker = ppmid::Party {
            eui: who.acb,
            role: Originator::AccessControlBroker,
            digital_signature: self.keys.public(KeyName::signing(who.acb)).ok()?,
            key_agreement: self.keys.public(KeyName::agreement(who.acb)).ok()?,
        };
        Some(ppmid::Identity {
            digital_signature: self.keys.private(KeyName::signing(who.ppmid)).ok()?,
            key_agreement: self.keys.private(KeyName::agreement(who.ppmid)).ok()?,
            acb: who.acb,
            parties: vec![broker],
            firmware: FIRMWARE,
        })
    }

    /// The electricity meter, from its factory or from its record.
    pub fn esme(&self, record: Option<&[u8]>) -> Result<Meter<DeviceCrypto>, HomeError> {
        self.meter(Kind::Esme, record)
    }

    /// The gas meter, from its factory or from its record.
    pub fn gsme(&self, record: Option<&[u8]>) -> Result<Meter<DeviceCrypto>, HomeError> {
        self.meter(Kind::Gsme, record)
    }

    fn meter(&self, kind: Kind, record: Option<&[u8]>) -> Result<Meter<DeviceCrypto>, HomeError> {
        let (who, han, links) = (&self.file.identities, &self.file.han, &self.keys.han);
        let (eui, node, link, role) = match kind {
            Kind::Esme => (who.esme, han.esme, &links.esme, Role::Router),
            Kind::Gsme => {
                (who.gsme, han.gsme, &links.gsme, Role::SleepyEndDevice { parent: ShortAddress(han.hub.short) })
            }
        };
        let keys = DeviceKeys {
            digital_signature: self.keys.private(KeyName::signing(eui))?,
            key_agreement: self.keys.private(KeyName::agreement(eui))?,
        };
        let anchor = |role, usage, name| self.anchor(role, usage, name);
        let (supplier, acb) = (meter::Role::Supplier, meter::Role::AccessControlBroker);
        let mut anchors = vec![
            anchor(supplier, Usage::DigitalSignature, KeyName::signing(who.supplier))?,
            anchor(supplier, Usage::KeyAgreement, KeyName::agreement(who.supplier))?,
            anchor(supplier, Usage::KeyAgreement, KeyName::prepayment(who.supplier))?,
            anchor(acb, Usage::DigitalSignature, KeyName::signing(who.acb))?,
            anchor(acb, Usage::KeyAgreement, KeyName::agreement(who.acb))?,
        ];
        // A home from before these had keys does without them.
        for (role, party) in [
            (meter::Role::NetworkOperator, who.network_operator),
            (meter::Role::LoadController, who.load_controller),
            (meter::Role::TransitionalCos, who.transitional_cos),
            (meter::Role::Recovery, who.recovery),
            (meter::Role::WanProvider, who.wan_provider),
        ] {
            // The last three sign, and share no keys with meters (gbcs-messages 0.1).
            let agrees = matches!(role, meter::Role::NetworkOperator | meter::Role::LoadController);
            anchors.extend(anchor(role, Usage::DigitalSignature, KeyName::signing(party)).ok());
            if agrees && kind == Kind::Esme || role == meter::Role::NetworkOperator {
                anchors.extend(anchor(role, Usage::KeyAgreement, KeyName::agreement(party)).ok());
            }
        }
        if kind == Kind::Gsme {
            anchors.retain(|anchor| anchor.role != meter::Role::LoadController);
        }
        let mut config = MeterConfig::new(kind, eui, keys, who.acb, anchors);
        for (usage, name) in
            [(Usage::DigitalSignature, KeyName::signing(eui)), (Usage::KeyAgreement, KeyName::agreement(eui))]
        {
            // A home from before devices were certified does without.
            let certificate = self.keys.store.certificates(name).first();
            config.certificates.extend(certificate.map(|octets| (usage, octets.clone())));
        }
        let meters = &self.file.meters;
        config.factory.prepayment = meters.payment_mode == PaymentMode::Prepayment;
        config.sizes.days = meters.days.into();
        config.variant = meters.esme.into();
        config.load = meters.consumption.then(|| load(kind));
        config.second_load = meters.consumption.then_some(meter::Load::SECOND_ELEMENT);
        config.grid = meters.consumption.then_some(meter::Grid::BRITISH);
        // Numbered as join messages number kinds of devices (gbcs-messages 11.3).
        config.joined = match kind {
            Kind::Esme => vec![(who.ppmid, 5)],
            Kind::Gsme => vec![(who.gpf, 3), (who.ppmid, 5)],
        };
        config.wake_interval = Duration::from_secs(self.file.gsme.wake_seconds.into());
        if kind == Kind::Gsme {
            config.ppmid = Some((who.ppmid, self.keys.public(KeyName::agreement(who.ppmid))?));
        }
        let mut peers = vec![peer(who.chf, han.hub.short, link, false)];
        if let (Kind::Esme, Some(key)) = (kind, &self.keys.han.ppmid_esme) {
            peers.push(peer(who.ppmid, han.ppmid.short, key, false));
        }
        let node = self.node(eui, node.short, role, peers, vec![comms_hub::hub::DEVICE_ENDPOINT]);
        config.radio = Some(meter::RadioConfig::new(node, who.chf));
        let name = if kind == Kind::Esme { "state/esme" } else { "state/gsme" };
        Meter::new(config, RustCrypto, record).map_err(|e| HomeError::content(self.dir.join(name), e))
    }

    fn node(&self, eui: Eui64, short: u16, role: Role, peers: Vec<Peer>, endpoints: Vec<u8>) -> NodeConfig {
        NodeConfig {
            eui,
            short: ShortAddress(short),
            pan: PanId(self.file.han.pan),
            role,
            network_key: Key::new(self.keys.han.network),
            network_key_sequence: 0,
            peers,
            endpoints,
            timing: Timing::default(),
            counters: FrameCounters::default(),
        }
    }
}

/// What a household of this home draws.
pub fn load(kind: Kind) -> meter::Load {
    match kind {
        Kind::Esme => meter::Load::ELECTRICITY,
        Kind::Gsme => meter::Load::GAS,
    }
}

/// What a PPMID of a home says that it runs: the version of this program, an octet for each part.
const FIRMWARE: FirmwareVersion = FirmwareVersion([0, 0, 1, 0]);

/// Gas ESI, gas mirror, tunnels (han.md 8.5).
const HUB_ENDPOINTS: [u8; 3] = [1, 2, 3];

fn peer(eui: Eui64, short: u16, link_key: &[u8; 16], sleepy_child: bool) -> Peer {
    Peer { eui, short: ShortAddress(short), link_key: Some(Key::new(*link_key)), sleepy_child }
}

impl From<super::Profile> for comms_hub::Profile {
    fn from(profile: super::Profile) -> Self {
        match profile {
            super::Profile::Today => Self::Today,
            super::Profile::Secmp0038 => Self::Secmp0038,
            super::Profile::Assured => Self::Assured,
        }
    }
}
