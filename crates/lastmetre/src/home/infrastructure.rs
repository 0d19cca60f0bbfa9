//! The key infrastructure of a home: an SMKI in small, whose roots sign their issuing authorities and are forgotten.
use super::HomeError;
use super::create::{private_key, random, write};
use super::keys::key_from_pem;
use gbcs::Time;
use gbcs::certificate::Certificate;
use gbcs::crypto::PrivateKey;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use smki::{Authority, Branch, SmkiError};
use std::path::Path;

/// Files of certificates in the folder `smki`, less their extension; a private key is beside the issuing authorities'.
const AUTHORITIES: [&str; 4] = ["organisation-root", "organisation-issuing", "device-root", "device-issuing"];

/// The issuing authorities of a new home.
pub(super) struct Issuers {
    pub organisations: Authority,
    pub devices: Authority,
}

/// What a home has of its infrastructure; one from before homes had it has nothing.
#[derive(Debug, Default)]
pub struct Infrastructure {
    /// Certifies devices.
    pub devices: Option<Authority>,
    /// Certificates of the authorities, and of the XML signatures: DER.
    pub certificates: Vec<Vec<u8>>,
}

/// Make it.
pub(super) fn create(dir: &Path, now: Time) -> Result<Issuers, HomeError> {
    let folder = dir.join("smki");
    let branch = |branch, names: [&str; 2], files: [&str; 2]| {
        let (root, certificate) = Authority::root(branch, names[0], &private_key()?, serial()?, now).map_err(keys)?;
        write(&folder.join(files[0]).with_extension("pem"), &smki::to_pem(&certificate), false)?;
        let key = private_key()?;
        let (issuing, certificate) = root.issuing(branch, names[1], &key, serial()?, now).map_err(keys)?;
        write(&folder.join(files[1]).with_extension("pem"), &smki::to_pem(&certificate), false)?;
        write(&folder.join(files[1]).with_extension("key"), &key_to_pem(&key)?, true)?;
        Ok::<_, HomeError>(issuing)
    };
    let [organisation_root, organisation, device_root, device] = AUTHORITIES;
    Ok(Issuers {
        organisations: branch(Branch::Organisation, ["LM-ROOT", "LM"], [organisation_root, organisation])?,
        devices: branch(Branch::Device, ["LM-DEVICE-ROOT", "LM-DEVICE"], [device_root, device])?,
    })
}

impl Infrastructure {
    pub(super) fn read(dir: &Path) -> Result<Self, HomeError> {
        let folder = dir.join("smki");
        if !folder.exists() {
            return Ok(Self::default());
        }
        let files = AUTHORITIES.map(|name| folder.join(name).with_extension("pem"));
        let signatures = ["supplier", "dcc"].map(|name| dir.join("xml-sign").join(name).with_extension("pem"));
        let certificates = files.iter().chain(&signatures).map(|path| certificate(path));
        let certificates = certificates.collect::<Result<Vec<_>, _>>()?;
        let [_, _, _, device] = AUTHORITIES;
        let file = folder.join(device).with_extension("key");
        let authority = Authority::restore(&certificates[3], &key_from_pem(&file)?);
        Ok(Self { devices: Some(authority.map_err(|e| HomeError::content(&file, e))?), certificates })
    }
}

/// One certificate in PEM that reads.
fn certificate(path: &Path) -> Result<Vec<u8>, HomeError> {
    let text = std::fs::read_to_string(path).map_err(HomeError::io(path))?;
    let octets = smki::from_pem(&text).ok_or_else(|| HomeError::content(path, "not a certificate in PEM"))?;
    Certificate::parse(&octets).map_err(|e| HomeError::content(path, e))?;
    Ok(octets)
}

/// A private key in PEM (PKCS #8).
pub(super) fn key_to_pem(key: &PrivateKey) -> Result<String, HomeError> {
    let scalar = key.expose().ok_or_else(|| keys(SmkiError::KeyElsewhere))?;
    let key = p256::SecretKey::from_slice(scalar).map_err(keys)?;
    Ok(key.to_pkcs8_pem(LineEnding::LF).map_err(keys)?.as_str().to_owned())
}

fn serial() -> Result<smki::Serial, HomeError> {
    Ok(smki::Serial::Long(random()?))
}

fn keys(error: impl std::fmt::Display) -> HomeError {
    HomeError::Keys(error.to_string())
}
