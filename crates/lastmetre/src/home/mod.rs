//! A home: who is in it, where its parts listen, and the keys they hold; one folder that every command can start from.
//!
//! ```text
//! home.toml      identities, addresses, profile: edited by people, unknown fields are refused by name
//! keys.json      GBCS keys and their certificates in the key store format (`lastmetre gbcs check --keys` reads it too)
//! smki/          certificates of the authorities that issued them, and the issuing authorities' keys
//! secrets.toml   HAN keys, warrant key, API token
//! xml-sign/      certificates and keys of the XML signatures (supplier, DCC)
//! tls/           certificates and keys of the MQTT link (authority, head end, PPMID)
//! dcc-tls/       certificates and keys of HTTPS between DCC and supplier, where they were asked for
//! state/         what each part keeps over restarts
//! ```
mod coverage;
mod create;
mod dcc;
mod devices;
mod file;
mod infrastructure;
mod keys;
mod place;
mod property;

pub use coverage::{places, schema_region};
pub use create::{Identities, NewHome, create};
pub use devices::{DeviceCrypto, GAS_RECORD, load};
pub use file::{EsmeVariant, HomeFile, PaymentMode, Profile, RadioNode, Wan};
pub use keys::{Keys, xml_identity};

use crate::failure::Failure;
use gbcs::Eui64;
use link::{ClientTls, ServerTls, TlsError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `lastmetre home new`.
#[derive(clap::Args)]
pub struct NewArgs {
    /// Folder of the new home: absent or empty
    dir: PathBuf,
    /// Electricity meter (EUI-64: 16 hex digits, hyphens allowed, as all identifiers here)
    #[arg(long, value_name = "EUI")]
    esme: Option<Eui64>,
    /// Gas meter
    #[arg(long, value_name = "EUI")]
    gsme: Option<Eui64>,
    /// Communications Hub function
    #[arg(long, value_name = "EUI")]
    chf: Option<Eui64>,
    /// Gas proxy function
    #[arg(long, value_name = "EUI")]
    gpf: Option<Eui64>,
    /// Prepayment display
    #[arg(long, value_name = "EUI")]
    ppmid: Option<Eui64>,
    /// Supplier
    #[arg(long, value_name = "EUI")]
    supplier: Option<Eui64>,
    /// Hand held terminal of an engineer
    #[arg(long, value_name = "EUI")]
    hht: Option<Eui64>,
    /// Access Control Broker of the DCC
    #[arg(long, value_name = "EUI")]
    acb: Option<Eui64>,
    /// Network operator
    #[arg(long, value_name = "EUI")]
    network_operator: Option<Eui64>,
    /// What the Communications Hub takes from a PPMID, and where Responses go
    #[arg(long, value_enum, default_value = "assured")]
    profile: Profile,
    /// The WAN at the start
    #[arg(long, value_enum, default_value = "down")]
    wan: Wan,
    /// How the customer pays before a Command says otherwise
    #[arg(long, value_enum, default_value = "prepayment")]
    payment_mode: PaymentMode,
    /// Mutual TLS between the DCC and the supplier: makes certificates for both, and `[dcc.tls]`
    #[arg(long)]
    dcc_tls: bool,
    /// Elements and phases of the electricity meter; `reference` has the objects of all
    #[arg(long, value_enum, default_value = "reference")]
    esme_variant: EsmeVariant,
    /// Ports that are free now, and radio addresses of its own: so that homes can run side by side
    #[arg(long)]
    apart: bool,
}

/// Make a home and say what was made.
pub fn new(args: &NewArgs) -> Result<ExitCode, Failure> {
    let default = Identities::default();
    let identities = Identities {
        supplier: args.supplier.unwrap_or(default.supplier),
        acb: args.acb.unwrap_or(default.acb),
        chf: args.chf.unwrap_or(default.chf),
        gpf: args.gpf.unwrap_or(default.gpf),
        ppmid: args.ppmid.unwrap_or(default.ppmid),
        esme: args.esme.unwrap_or(default.esme),
        gsme: args.gsme.unwrap_or(default.gsme),
        hht: args.hht.unwrap_or(default.hht),
        network_operator: args.network_operator.unwrap_or(default.network_operator),
        ..default
    };
    let payment_mode = args.payment_mode;
    let new = NewHome {
        payment_mode,
        esme_variant: args.esme_variant,
        identities,
        profile: args.profile,
        wan: args.wan,
        dcc_tls: args.dcc_tls,
        apart: args.apart,
        ..NewHome::at(&args.dir)
    };
    create(&new)?;
    let home = Home::open(&args.dir)?;
    let dir = args.dir.display();
    say!("a home in {dir}: supplier {}", home.file.identities.supplier);
    say!("run its parts:");
    for part in ["dcc", "hub", "meter run --meter esme", "meter run --meter gsme", "ppmid", "headend"] {
        say!("  lastmetre {part} --home {dir}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Why a home cannot be made or read; says which file and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not say what it should.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// There is something at the place of the new home.
    #[error("{} exists and is not an empty folder; choose another folder for the new home", .0.display())]
    Occupied(PathBuf),
    /// A key or certificate could not be made.
    #[error("cannot make keys: {0}")]
    Keys(String),
}

impl HomeError {
    fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn content(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Content { path: path.into(), reason: reason.to_string() }
    }

    /// A fault in a TOML file, on one line. The source line is not shown: it may hold a secret.
    fn toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        Self::content(path, format!("{}: {}", place::describe(text, at), error.message()))
    }
}

/// A home read from its folder.
#[derive(Debug)]
pub struct Home {
    /// The folder.
    pub dir: PathBuf,
    /// `home.toml`.
    pub file: HomeFile,
    /// Everything secret.
    pub keys: Keys,
}

impl Home {
    /// Read a home folder, all of it, so that a fault is told before anything runs.
    pub fn open(dir: &Path) -> Result<Self, HomeError> {
        let file = HomeFile::read(&dir.join("home.toml"))?;
        let keys = Keys::read(dir)?;
        Ok(Self { dir: dir.to_owned(), file, keys })
    }

    /// Where the web services of the DCC are.
    pub fn dcc_url(&self) -> String {
        format!("{}://{}", self.scheme(), self.file.dcc.listen)
    }

    /// Where the head end's Receive Response Service is.
    pub fn receive_url(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.file.headend.receive, headend::RECEIVE_PATH)
    }

    fn scheme(&self) -> &'static str {
        if self.file.dcc.tls.is_some() { "https" } else { "http" }
    }

    /// What the DCC shows, as a server and as a client, and whom it trusts; `None` where `[dcc.tls]` is absent.
    pub fn dcc_tls(&self) -> Result<Option<(ServerTls, ClientTls)>, TlsError> {
        let Some(files) = &self.file.dcc.tls else { return Ok(None) };
        self.both_ends(&files.certificate, &files.key, &files.authority).map(Some)
    }

    /// The same of the supplier.
    pub fn supplier_tls(&self) -> Result<Option<(ServerTls, ClientTls)>, TlsError> {
        let Some(files) = &self.file.dcc.tls else { return Ok(None) };
        self.both_ends(&files.user_certificate, &files.user_key, &files.authority).map(Some)
    }

    fn both_ends(&self, certificate: &Path, key: &Path, authority: &Path) -> Result<(ServerTls, ClientTls), TlsError> {
        let [certificate, key, authority] = [certificate, key, authority].map(|file| self.dir.join(file));
        let server = ServerTls::from_pem_files(&certificate, &key, &authority)?;
        Ok((server, ClientTls::from_pem_files(certificate, key, authority)?))
    }

    /// What the DCC stand-in is told by `[dcc]`, a line for each thing.
    ///
    /// # Errors
    /// A file of thresholds cannot be read.
    pub fn in_force(&self) -> Result<Vec<String>, HomeError> {
        self.file.dcc.in_force(&self.dir, self.file.identities.chf)
    }

    /// A file in the folder for state, which is made when it is not there yet.
    pub fn state(&self, name: &str) -> Result<PathBuf, HomeError> {
        let folder = self.dir.join("state");
        std::fs::create_dir_all(&folder).map_err(HomeError::io(&folder))?;
        Ok(folder.join(name))
    }

    /// What a part kept at its last run, if it ever ran.
    pub fn load_state(&self, name: &str) -> Result<Option<Vec<u8>>, HomeError> {
        let path = self.state(name)?;
        match std::fs::read(&path) {
            Ok(octets) => Ok(Some(octets)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(HomeError::io(path)(error)),
        }
    }

    /// Keep state so that a power cut leaves the old or the new: written beside, synced, renamed.
    pub fn save_state(&self, name: &str, octets: &[u8]) -> Result<(), HomeError> {
        use std::io::Write;
        let path = self.state(name)?;
        let beside = path.with_extension("new");
        let write = || {
            let mut file = std::fs::File::create(&beside)?;
            file.write_all(octets)?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        };
        write().map_err(HomeError::io(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_home_opens_again_and_no_home_is_made_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("home");
        create(&NewHome::at(&path)).unwrap();
        let home = Home::open(&path).unwrap();
        assert_eq!(home.file.identities.esme.to_string(), "00-DB-12-34-56-78-90-A0");
        assert!(matches!(create(&NewHome::at(&path)), Err(HomeError::Occupied(_))));
        home.save_state("x", b"one").unwrap();
        home.save_state("x", b"two").unwrap();
        assert_eq!(home.load_state("x").unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(home.load_state("y").unwrap(), None);
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("home");
        create(&NewHome::at(&path)).unwrap();
        let file = path.join("home.toml");
        let text = std::fs::read_to_string(&file).unwrap().replace("profile", "profil");
        std::fs::write(&file, text).unwrap();
        let error = Home::open(&path).unwrap_err().to_string();
        assert!(error.contains("home.toml") && error.contains("profil"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("home");
        create(&NewHome::at(&path)).unwrap();
        for file in ["keys.json", "secrets.toml", "tls/ppmid.key", "xml-sign/supplier.key", "smki/device-issuing.key"] {
            let mode = std::fs::metadata(path.join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
        }
    }
}
