//! A home to test a meter in: parties with keys, Commands they send, and Responses they check.
use gbcs::crypto::{Crypto, PrivateKey, RustCrypto};
use gbcs::dlms::{AccessRequest, AccessResponse, Data, Obis, Row};
use gbcs::envelope::{GroupingHeader, Message};
use gbcs::utrn::{Credit, Utrn};
use gbcs::{Counter, Cra, Eui64, MessageCode, MessageId, MessageView, Time, gbz, protect};
use meter::{DeviceKeys, Event, FactorySettings, Kind, Meter, MeterConfig, Output, Role, TrustAnchor, Usage};

pub const ESME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
pub const GSME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A1);
pub const PPMID: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A4);
pub const GPF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A3);
pub const HCALCS: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A5);
pub const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
pub const NETWORK: Eui64 = Eui64::from_u64(0x90B3_D51F_3002_0000);
pub const ACB: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);
pub const LOAD: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0008);
pub const TRANSITIONAL: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0004);
pub const RECOVERY: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0001);
/// A party no meter knows.
pub const STRANGER: Eui64 = Eui64::from_u64(0x90B3_D51F_3099_0000);

/// 2026-01-01T00:00:00Z.
pub const NOW: Time = Time(1_767_225_600_000);

/// Private keys of everybody.
pub struct Home {
    pub supplier: PrivateKey,
    pub supplier_agreement: PrivateKey,
    pub supplier_prepayment: PrivateKey,
    pub network: PrivateKey,
    pub network_agreement: PrivateKey,
    pub acb: PrivateKey,
    pub acb_agreement: PrivateKey,
    pub load: PrivateKey,
    pub load_agreement: PrivateKey,
    pub transitional: PrivateKey,
    pub recovery: PrivateKey,
    pub device: PrivateKey,
    pub device_agreement: PrivateKey,
    pub ppmid_agreement: PrivateKey,
    pub factory: FactorySettings,
}

pub fn key(n: u8) -> PrivateKey {
    RustCrypto.private_key(&[n; 32]).unwrap()
}

impl Default for Home {
    fn default() -> Self {
        Self {
            supplier: key(1),
            supplier_agreement: key(2),
            supplier_prepayment: key(3),
            network: key(4),
            network_agreement: key(5),
            acb: key(6),
            acb_agreement: key(7),
            load: key(11),
            load_agreement: key(12),
            transitional: key(13),
            recovery: key(14),
            device: key(8),
            device_agreement: key(9),
            ppmid_agreement: key(10),
            factory: FactorySettings { prepayment: true, ..FactorySettings::default() },
        }
    }
}

impl Home {
    pub fn config(&self, kind: Kind) -> MeterConfig {
        use Usage::{DigitalSignature, KeyAgreement};
        let anchor = |role, usage, prepayment, eui, key: &PrivateKey| TrustAnchor {
            role,
            usage,
            prepayment,
            eui,
            key: *key.public(),
            key_id: [role as u8, usage as u8, 0, 0, 0, 0, 0, 0],
        };
        let anchors = vec![
            anchor(Role::Supplier, DigitalSignature, false, SUPPLIER, &self.supplier),
            anchor(Role::Supplier, KeyAgreement, false, SUPPLIER, &self.supplier_agreement),
            anchor(Role::Supplier, KeyAgreement, true, SUPPLIER, &self.supplier_prepayment),
            anchor(Role::NetworkOperator, DigitalSignature, false, NETWORK, &self.network),
            anchor(Role::NetworkOperator, KeyAgreement, false, NETWORK, &self.network_agreement),
            anchor(Role::AccessControlBroker, DigitalSignature, false, ACB, &self.acb),
            anchor(Role::AccessControlBroker, KeyAgreement, false, ACB, &self.acb_agreement),
            anchor(Role::LoadController, DigitalSignature, false, LOAD, &self.load),
            anchor(Role::LoadController, KeyAgreement, false, LOAD, &self.load_agreement),
            anchor(Role::TransitionalCos, DigitalSignature, false, TRANSITIONAL, &self.transitional),
            anchor(Role::Recovery, DigitalSignature, false, RECOVERY, &self.recovery),
        ];
        let keys = DeviceKeys { digital_signature: self.device.clone(), key_agreement: self.device_agreement.clone() };
        let mut config = MeterConfig::new(kind, eui(kind), keys, ACB, anchors);
        config.factory = self.factory;
        config.joined = match kind {
            Kind::Esme => vec![(HCALCS, 4), (PPMID, 5)],
            Kind::Gsme => vec![(GPF, 3), (PPMID, 5)],
        };
        config.ppmid = (kind == Kind::Gsme).then(|| (PPMID, *self.ppmid_agreement.public()));
        config
    }

    pub fn meter(&self, kind: Kind) -> Meter<RustCrypto> {
        Meter::new(self.config(kind), RustCrypto, None).unwrap()
    }

    /// Header and payload of a Command, without protection.
    pub fn plain(&self, kind: Kind, originator: Eui64, code: u16, counter: u64, payload: Vec<u8>) -> Vec<u8> {
        let id = MessageId { originator, target: eui(kind), cra: Cra::Command, counter: Counter(counter) };
        Message::plain(GroupingHeader::new(id, MessageCode(code)), payload).encode()
    }

    /// A critical Command of the supplier: signed, then the ACB's MAC.
    pub fn critical(&self, kind: Kind, code: u16, counter: u64, payload: Vec<u8>) -> Vec<u8> {
        self.mac(
            &protect::sign(&RustCrypto, &self.supplier, &self.plain(kind, SUPPLIER, code, counter, payload)).unwrap(),
        )
    }

    /// A non-critical Command of the supplier.
    pub fn non_critical(&self, kind: Kind, code: u16, counter: u64, payload: Vec<u8>) -> Vec<u8> {
        self.mac(&self.plain(kind, SUPPLIER, code, counter, payload))
    }

    /// Close with the ACB's MAC.
    pub fn mac(&self, inner: &[u8]) -> Vec<u8> {
        let secret = RustCrypto.agree(&self.acb_agreement, self.device_agreement.public()).unwrap();
        protect::add_mac(&RustCrypto, &secret, inner).unwrap()
    }

    /// A DLMS Command of the supplier, protected as its code asks.
    pub fn dlms(&self, code: u16, counter: u64, rows: impl Into<Vec<Row>>) -> Vec<u8> {
        let payload = AccessRequest::new(Counter(counter), rows).encode();
        self.command(Kind::Esme, code, counter, payload)
    }

    /// A GBZ Command of the supplier, protected as its code asks.
    pub fn gbz(&self, code: u16, counter: u64, components: impl Into<Vec<gbz::Component>>) -> Vec<u8> {
        self.command(Kind::Gsme, code, counter, gbz::Payload::new(components).encode())
    }

    /// A Command of the supplier, protected as its code asks.
    pub fn command(&self, kind: Kind, code: u16, counter: u64, payload: Vec<u8>) -> Vec<u8> {
        let use_case = gbcs::catalogue::find(MessageCode(code)).unwrap();
        if use_case.category == gbcs::catalogue::Category::Critical {
            self.critical(kind, code, counter, payload)
        } else {
            self.non_critical(kind, code, counter, payload)
        }
    }

    /// A HAN Only Message of the PPMID to the gas meter.
    pub fn ppmid(&self, code: u16, counter: u64, component: gbz::Component) -> Vec<u8> {
        let plain = self.plain(Kind::Gsme, PPMID, code, counter, gbz::Payload::new([component]).encode());
        let secret = RustCrypto.agree(&self.ppmid_agreement, self.device_agreement.public()).unwrap();
        protect::add_mac(&RustCrypto, &secret, &plain).unwrap()
    }

    /// A UTRN for a meter; the counter is its high half.
    pub fn utrn(&self, kind: Kind, high: u32, credit: Credit) -> String {
        let secret = RustCrypto.agree(&self.supplier_prepayment, self.device_agreement.public()).unwrap();
        let counter = Counter(u64::from(high) << 32);
        Utrn::create(&RustCrypto, &secret, SUPPLIER, eui(kind), counter, credit).unwrap().expose().to_owned()
    }

    /// Verify a Response or Alert as its target would; its payload.
    pub fn verify(&self, message: &[u8]) -> Vec<u8> {
        let view = MessageView::parse(message).unwrap();
        if view.signature().is_some() {
            assert!(view.mac().is_none());
            protect::verify_signature(&RustCrypto, self.device.public(), &view).unwrap();
        } else {
            let reader = match view.id().target {
                SUPPLIER => &self.supplier_agreement,
                NETWORK => &self.network_agreement,
                ACB => &self.acb_agreement,
                PPMID => &self.ppmid_agreement,
                LOAD => &self.load_agreement,
                other => panic!("who is {other}"),
            };
            let secret = RustCrypto.agree(reader, self.device_agreement.public()).unwrap();
            protect::verify_mac(&RustCrypto, &secret, &view).unwrap();
        }
        view.payload().to_vec()
    }

    /// Verify a DLMS Response; its results.
    pub fn results(&self, response: &[u8]) -> Vec<u8> {
        let response = AccessResponse::parse(&self.verify(response)).unwrap();
        response.answers.iter().map(|answer| answer.result.0).collect()
    }

    /// Verify a GBZ Response; its components.
    pub fn components(&self, response: &[u8]) -> Vec<gbz::Component> {
        gbz::Payload::parse(&self.verify(response)).unwrap().components
    }
}

pub fn eui(kind: Kind) -> Eui64 {
    match kind {
        Kind::Esme => ESME,
        Kind::Gsme => GSME,
    }
}

/// Drain a meter to its timeout: states to store, and events.
pub fn drain(meter: &mut Meter<RustCrypto>) -> (Vec<Vec<u8>>, Vec<Event>) {
    let (mut states, mut events) = (Vec::new(), Vec::new());
    loop {
        match meter.poll() {
            Output::Timeout(_) => return (states, events),
            Output::Persist(state) => states.push(state),
            Output::Event(event) => events.push(event),
            Output::Transmit(_) => {}
        }
    }
}

/// What a register holds, as printed.
pub fn register(meter: &Meter<RustCrypto>, name: &str) -> String {
    meter.registers().iter().find(|r| r.name == name).map(|r| r.value.to_string()).unwrap_or_default()
}

pub const fn obis(c: u8, d: u8, e: u8) -> Obis {
    Obis([0, 0, c, d, e, 255])
}

pub fn adjust_balance(by: i32) -> [Row; 1] {
    [Row::action(112, obis(19, 10, 0), 1, Data::DoubleLong(by))]
}

pub fn script(selector: u16) -> [Row; 1] {
    [Row::action(9, obis(10, 0, 106), 1, Data::LongUnsigned(selector))]
}

pub fn token(digits: &str) -> [Row; 1] {
    [Row::action(115, obis(19, 40, 0), 1, Data::octets(digits.as_bytes()))]
}
