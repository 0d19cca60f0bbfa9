//! `lastmetre home new`: fresh identities, keys and certificates.
use super::HomeError;
use super::dcc::{Dcc, TLS_FOLDER, TlsFiles};
use super::file::{
    EsmeVariant, Gsme, Han, HeadEnd, HomeFile, Hub, IdentitiesTable, Meters, PaymentMode, Profile, RadioNode, Wan,
};
use super::infrastructure::{self, Issuers, key_to_pem};
use super::keys::{HanKeys, Secrets};
use super::property::Property;
use gbcs::certificate::{KeyUsage, Role};
use gbcs::crypto::{AwsLc, Crypto, CryptoError, PrivateKey, PublicKey};
use gbcs::keystore::{KeyName, Keystore};
use gbcs::{Eui64, Time};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SerialNumber,
};
use smki::{Organisation, Serial, SmkiError};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// Who lives in a home. The defaults are the fictitious identities of the public reference data, so that its service requests fit.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // each field is the device or party it is named after
pub struct Identities {
    pub supplier: Eui64,
    pub acb: Eui64,
    pub chf: Eui64,
    pub gpf: Eui64,
    pub ppmid: Eui64,
    pub esme: Eui64,
    pub gsme: Eui64,
    pub hht: Eui64,
    pub network_operator: Eui64,
    pub load_controller: Eui64,
    pub transitional_cos: Eui64,
    pub recovery: Eui64,
    pub wan_provider: Eui64,
}

impl Default for Identities {
    fn default() -> Self {
        let device = |n: u64| Eui64::from_u64(0x00DB_1234_5678_9000 | n);
        let party = |n: u64| Eui64::from_u64(0x90B3_D51F_3000_0000 | n);
        Self {
            supplier: party(0x1_0000),
            acb: party(0x0002),
            network_operator: party(0x2_0000),
            load_controller: party(0x1_0008),
            transitional_cos: party(0x0004),
            recovery: party(0x0001),
            wan_provider: party(0x0007),
            hht: device(0xA7),
            esme: device(0xA0),
            gsme: device(0xA1),
            chf: device(0xA2),
            gpf: device(0xA3),
            ppmid: device(0xA4),
        }
    }
}

/// What a new home shall be like.
#[derive(Clone, Debug)]
pub struct NewHome {
    /// Its folder: absent or empty.
    pub dir: PathBuf,
    /// Who lives there.
    pub identities: Identities,
    /// The hub's profile.
    pub profile: Profile,
    /// The WAN at the start.
    pub wan: Wan,
    /// How its customer pays before a Command says otherwise.
    pub payment_mode: PaymentMode,
    /// Whether DCC and supplier speak HTTPS.
    pub dcc_tls: bool,
    /// Elements and phases of its electricity meter.
    pub esme_variant: EsmeVariant,
    /// Ports that are free now, and loopback addresses of its own for the radios: so that homes can run side by side.
    pub apart: bool,
}

impl NewHome {
    /// A home with every default.
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            identities: Identities::default(),
            profile: Profile::Assured,
            wan: Wan::Down,
            payment_mode: PaymentMode::Prepayment,
            dcc_tls: false,
            esme_variant: EsmeVariant::default(),
            apart: false,
        }
    }
}

/// Make the folder with everything in it.
pub fn create(new: &NewHome) -> Result<(), HomeError> {
    let dir = &new.dir;
    match std::fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(HomeError::Occupied(dir.clone()));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(HomeError::io(dir)(error)),
    }
    for folder in [dir.clone(), dir.join("smki"), dir.join("tls"), dir.join("xml-sign")] {
        std::fs::create_dir_all(&folder).map_err(HomeError::io(&folder))?;
    }
    write(&dir.join("home.toml"), &home_toml(new)?, false)?;
    let path = dir.join("keys.json");
    // Made before it is written, so that nobody else may ever read it.
    write(&path, "", true)?;
    let now = crate::process::now();
    let issuers = infrastructure::create(dir, now)?;
    gbcs_keys(&new.identities, &issuers, now)?.save(&path).map_err(|e| HomeError::content(&path, e))?;
    write(&dir.join("secrets.toml"), &secrets()?, true)?;
    xml_sign(dir, &new.identities, &issuers, now)?;
    if new.dcc_tls {
        dcc_tls(dir, &new.identities)?;
    }
    tls(dir, &new.identities)
}

fn home_toml(new: &NewHome) -> Result<String, HomeError> {
    let Identities { supplier, acb, chf, gpf, ppmid, esme, gsme, hht, .. } = new.identities.clone();
    let Identities { network_operator, load_controller, transitional_cos, recovery, wan_provider, .. } = new.identities;
    let port = |n: u16| Ok(SocketAddr::from(([127, 0, 0, 1], if new.apart { free_port(&new.dir)? } else { n })));
    // One loopback address each, the same port: what Wireshark takes for ZEP.
    let [a, b] = if new.apart { random()? } else { [0, 0] };
    let radio = |short: u16| RadioNode { short, zep: SocketAddr::from(([127, a, b, 10 + short as u8], 17754)) };
    let file = HomeFile {
        identities: IdentitiesTable {
            supplier,
            acb,
            chf,
            gpf,
            ppmid,
            esme,
            gsme,
            hht,
            network_operator,
            load_controller,
            transitional_cos,
            recovery,
            wan_provider,
        },
        han: Han { pan: 0x1A62, hub: radio(0), ppmid: radio(1), esme: radio(2), gsme: radio(3) },
        hub: Hub { profile: new.profile },
        dcc: Dcc {
            listen: port(8079)?,
            wan_listen: port(8078)?,
            wan: new.wan.into(),
            anomaly: Default::default(),
            limits: Default::default(),
            tls: new.dcc_tls.then(TlsFiles::default),
            coverage: Vec::new(),
        },
        headend: HeadEnd {
            listen: port(8090)?,
            receive: port(8091)?,
            mqtt: port(8883)?,
            deadlines: Default::default(),
        },
        gsme: Gsme::default(),
        meters: Meters { esme: new.esme_variant, payment_mode: new.payment_mode, ..Meters::default() },
        property: Property::example(),
    };
    let text = toml::to_string(&file).map_err(|e| HomeError::content(&new.dir, e))?;
    Ok(format!("{HEAD}{text}\n{MORE}"))
}

const HEAD: &str = "# A home of lastmetre. Unknown fields are refused by name.
# hub.profile: today, secmp0038 or assured; dcc.wan: up, down or flaky, or the tables at the end of this file.
# meters.esme: single, twin, polyphase, or reference, which has the objects of all.

";

/// What there is to say about the DCC stand-in, as comments.
const MORE: &str = include_str!("dcc.toml");

/// A key pair for every party and device that signs or makes MACs, and its certificate.
fn gbcs_keys(who: &Identities, by: &Issuers, now: Time) -> Result<Keystore, HomeError> {
    let mut store = Keystore::new();
    let parties = [
        (who.supplier, Role::Supplier, "SUPPLIER"),
        (who.acb, Role::AccessControlBroker, "ACB"),
        (who.network_operator, Role::NetworkOperator, "NETWORK-OPERATOR"),
        (who.load_controller, Role::LoadController, "LOAD-CONTROLLER"),
        (who.transitional_cos, Role::TransitionalCos, "TRANSITIONAL-COS"),
        (who.recovery, Role::Recovery, "RECOVERY"),
        (who.wan_provider, Role::WanProvider, "WAN-PROVIDER"),
    ];
    for (eui, role, name) in parties {
        let prepayment = (role == Role::Supplier).then_some(KeyName::prepayment(eui));
        for of in [KeyName::signing(eui), KeyName::agreement(eui)].into_iter().chain(prepayment) {
            certified(&mut store, of, |key, serial| {
                let whose = Organisation { name, role, eui, usage: of.usage };
                by.organisations.organisation(whose, key, serial, now)
            })?;
        }
        store.set_role(eui, role);
    }
    for eui in [who.chf, who.gpf, who.ppmid, who.esme, who.gsme] {
        for of in [KeyName::signing(eui), KeyName::agreement(eui)] {
            certified(&mut store, of, |key, serial| by.devices.device(eui, of.usage, key, serial, now))?;
        }
    }
    // A tool of an engineer, of which the SMKI knows nothing.
    store.add_private(KeyName::signing(who.hht), private_key()?);
    store.add_private(KeyName::agreement(who.hht), private_key()?);
    Ok(store)
}

/// A new key pair of this name, and its certificate.
fn certified(
    store: &mut Keystore,
    name: KeyName,
    issue: impl FnOnce(&PublicKey, Serial) -> Result<Vec<u8>, SmkiError>,
) -> Result<(), HomeError> {
    let key = private_key()?;
    let certificate = issue(key.public(), Serial::Long(random()?)).map_err(keys)?;
    store.add_private(name, key);
    store.add_certificate(&AwsLc, &certificate, name.prepayment).map_err(keys).map(drop)
}

pub(super) fn private_key() -> Result<PrivateKey, HomeError> {
    // A random scalar is out of range about once in 2^32 tries.
    loop {
        match AwsLc.private_key(&random()?) {
            Ok(key) => return Ok(key),
            Err(CryptoError::BadPrivateKey) => continue,
            Err(error) => return Err(keys(error)),
        }
    }
}

fn secrets() -> Result<String, HomeError> {
    let warrant = private_key()?;
    let scalar = warrant.expose().ok_or_else(|| keys(CryptoError::HeldElsewhere))?;
    let secrets = Secrets {
        warrant_key: hex::encode(scalar),
        api_token: hex::encode(random::<16>()?),
        han: HanKeys {
            network: random()?,
            ppmid: random()?,
            esme: random()?,
            gsme: random()?,
            ppmid_esme: Some(random()?),
        },
    };
    toml::to_string(&secrets).map_err(keys)
}

/// The certificates of the XML signatures: the supplier's (role 0x87) and the DCC's (role 0x89).
fn xml_sign(dir: &Path, who: &Identities, by: &Issuers, now: Time) -> Result<(), HomeError> {
    let folder = dir.join("xml-sign");
    for (name, eui, role) in [("supplier", who.supplier, 0x87), ("dcc", who.acb, 0x89)] {
        let key = private_key()?;
        let whose = Organisation { name, role: Role::from_number(role), eui, usage: KeyUsage::DigitalSignature };
        let serial = Serial::Short(random()?);
        let certificate = by.organisations.organisation(whose, key.public(), serial, now).map_err(keys)?;
        write(&folder.join(name).with_extension("pem"), &smki::to_pem(&certificate), false)?;
        write(&folder.join(name).with_extension("key"), &key_to_pem(&key)?, true)?;
    }
    Ok(())
}

/// The certificates of the link between head end and PPMID: an authority, a server, a device whose common name is its identifier.
fn tls(dir: &Path, who: &Identities) -> Result<(), HomeError> {
    let folder = dir.join("tls");
    let authority = tls_authority(&folder, "lastmetre link authority")?;
    let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).map_err(keys)?;
    server.distinguished_name.push(DnType::CommonName, "lastmetre head end");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    issue(&folder, "headend", server, &authority)?;
    let mut device = CertificateParams::default();
    device.distinguished_name = DistinguishedName::new();
    device.distinguished_name.push(DnType::CommonName, format!("{:#}", who.ppmid));
    device.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    issue(&folder, "ppmid", device, &authority)
}

/// The certificates of HTTPS between DCC and supplier: each is a server and a client, and its common name is its identifier.
fn dcc_tls(dir: &Path, who: &Identities) -> Result<(), HomeError> {
    let folder = dir.join(TLS_FOLDER);
    std::fs::create_dir_all(&folder).map_err(HomeError::io(&folder))?;
    let authority = tls_authority(&folder, "lastmetre DCC authority")?;
    for (name, eui) in [("dcc", who.acb), ("supplier", who.supplier)] {
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).map_err(keys)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("{eui:#}"));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        issue(&folder, name, params, &authority)?;
    }
    Ok(())
}

fn tls_authority(folder: &Path, name: &str) -> Result<Issuer<'static, KeyPair>, HomeError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.serial_number = Some(SerialNumber::from_slice(&serial()?));
    let key = KeyPair::generate().map_err(keys)?;
    write(&folder.join("ca.pem"), &params.self_signed(&key).map_err(keys)?.pem(), false)?;
    Ok(Issuer::new(params, key))
}

fn issue(folder: &Path, name: &str, mut params: CertificateParams, by: &Issuer<'_, KeyPair>) -> Result<(), HomeError> {
    params.serial_number = Some(SerialNumber::from_slice(&serial()?));
    let key = KeyPair::generate().map_err(keys)?;
    let certificate = params.signed_by(&key, by).map_err(keys)?;
    write(&folder.join(name).with_extension("pem"), &certificate.pem(), false)?;
    write(&folder.join(name).with_extension("key"), &key.serialize_pem(), true)
}

fn keys(error: impl std::fmt::Display) -> HomeError {
    HomeError::Keys(error.to_string())
}

/// A positive serial number of 63 bits, which every validator of schema integers takes.
fn serial() -> Result<[u8; 8], HomeError> {
    let mut octets = random::<8>()?;
    octets[0] = octets[0] & 0x7F | 0x40;
    Ok(octets)
}

/// A port that is free now and is bound in earnest a moment later: below those that the system gives to whoever connects somewhere, which
/// come and go all the time.
fn free_port(dir: &Path) -> Result<u16, HomeError> {
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        let port = 10_000 + u16::from_be_bytes(random()?) % 22_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    let any = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
    any.map(|address| address.port()).map_err(HomeError::io(dir))
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], HomeError> {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| HomeError::Keys("the system gives no randomness".into()))?;
    Ok(octets)
}

pub(super) fn write(path: &Path, text: &str, secret: bool) -> Result<(), HomeError> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(HomeError::io(path))
}
