//! Certificates and keys: from PEM files, and into TLS configurations of both ends.
//!
//! TLS 1.3 and 1.2 on aws-lc-rs. Sessions are never resumed, so every connection shows and proves its certificate anew.
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tracing::warn;

use crate::identity::{self, IdentityError};
use gbcs::Eui64;

/// What the head end needs for TLS.
#[derive(Debug)]
pub struct ServerTls {
    /// The server's certificate first, then its issuers up to but without the root.
    pub cert_chain: Vec<CertificateDer<'static>>,
    /// The private key of the first certificate.
    pub key: PrivateKeyDer<'static>,
    /// Who may issue device certificates.
    pub client_ca: Vec<CertificateDer<'static>>,
}

/// What a carrier needs for TLS.
#[derive(Debug)]
pub struct ClientTls {
    /// The device's certificate first, then its issuers up to but without the root.
    pub cert_chain: Vec<CertificateDer<'static>>,
    /// The private key of the first certificate.
    pub key: PrivateKeyDer<'static>,
    /// Who may issue the head end's certificate.
    pub server_ca: Vec<CertificateDer<'static>>,
}

/// Why there is no TLS configuration. Whoever wrote the configuration is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not PEM.
    #[error("{}: not PEM: {problem}", file.display())]
    Pem {
        /// Which file.
        file: PathBuf,
        /// Where it goes wrong.
        problem: PemProblem,
    },
    /// The file holds no certificate.
    #[error("{}: no CERTIFICATE section in this file", file.display())]
    NoCertificate {
        /// Which file.
        file: PathBuf,
    },
    /// The file holds no private key.
    #[error("{}: no private key in this file (PKCS #8, SEC 1 or PKCS #1, not encrypted)", file.display())]
    NoKey {
        /// Which file.
        file: PathBuf,
    },
    /// A certificate authority's certificate cannot be used.
    #[error("certificate {index} of the trusted authorities cannot be used: {source}")]
    BadAuthority {
        /// Counted from 0 in the order given.
        index: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// There is no authority to check the peer's certificate against.
    #[error("no trusted authority given")]
    NoAuthority,
    /// Certificate and key cannot be used, or do not belong together.
    #[error("certificate and private key: {0}")]
    CertificateAndKey(rustls::Error),
    /// Our own certificate names no device.
    #[error("own certificate: {0}")]
    Identity(#[from] IdentityError),
    /// The address in the server's certificate is not a name.
    #[error("{0:?} is neither a DNS name nor an IP address")]
    ServerName(String),
}

/// What is wrong with a PEM file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemProblem {
    /// A section begins and never ends.
    #[error("a section has no END line")]
    NoEnd,
    /// A BEGIN line is malformed.
    #[error("a BEGIN line is malformed")]
    BadBegin,
    /// A section is not base64.
    #[error("a section is not base64")]
    NotBase64,
    /// A section is absurdly large.
    #[error("a section is too large")]
    TooLarge,
}

impl ServerTls {
    /// From three PEM files: certificate chain, private key, and the authorities of the devices.
    pub fn from_pem_files(
        cert_chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
        client_ca: impl AsRef<Path>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            cert_chain: certificates(cert_chain.as_ref())?,
            key: private_key(key.as_ref())?,
            client_ca: certificates(client_ca.as_ref())?,
        })
    }

    /// The configuration that asks every client for a certificate of `client_ca` that names a device.
    pub fn into_config(self) -> Result<ServerConfig, TlsError> {
        self.into_config_for(|_| true)
    }

    /// The same, where not everyone who has a certificate is welcome: who is not is told so by a TLS alert.
    pub fn into_config_for(
        self,
        admits: impl Fn(Eui64) -> bool + Send + Sync + 'static,
    ) -> Result<ServerConfig, TlsError> {
        let provider = provider();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots(self.client_ca)?.into(), provider.clone())
            .build()
            .map_err(|error| match error {
                VerifierBuilderError::NoRootAnchors => TlsError::NoAuthority,
                _ => TlsError::CertificateAndKey(rustls::Error::General(error.to_string())),
            })?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::CertificateAndKey)?
            .with_client_cert_verifier(Arc::new(DeviceVerifier { certificates: verifier, admits: Box::new(admits) }))
            .with_single_cert(self.cert_chain, self.key)
            .map_err(TlsError::CertificateAndKey)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

impl ClientTls {
    /// From three PEM files: certificate chain, private key, and the authorities of the head end.
    pub fn from_pem_files(
        cert_chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
        server_ca: impl AsRef<Path>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            cert_chain: certificates(cert_chain.as_ref())?,
            key: private_key(key.as_ref())?,
            server_ca: certificates(server_ca.as_ref())?,
        })
    }

    /// The configuration that shows the device's certificate and checks the server's against `server_ca`.
    pub fn into_config(self) -> Result<ClientConfig, TlsError> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::CertificateAndKey)?
            .with_root_certificates(roots(self.server_ca)?)
            .with_client_auth_cert(self.cert_chain, self.key)
            .map_err(TlsError::CertificateAndKey)?;
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// All certificates of a PEM file, at least one.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| pem_error(file, error, |file| TlsError::NoCertificate { file }))?;
    if all.is_empty() { Err(TlsError::NoCertificate { file: file.to_owned() }) } else { Ok(all) }
}

/// The first private key of a PEM file.
pub fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| pem_error(file, error, |file| TlsError::NoKey { file }))
}

fn pem_error(file: &Path, error: pem::Error, none: impl FnOnce(PathBuf) -> TlsError) -> TlsError {
    let file = file.to_owned();
    let problem = match error {
        pem::Error::Io(source) => return TlsError::Read { file, source },
        pem::Error::NoItemsFound => return none(file),
        pem::Error::MissingSectionEnd { .. } => PemProblem::NoEnd,
        pem::Error::IllegalSectionStart { .. } => PemProblem::BadBegin,
        pem::Error::Base64Decode(_) => PemProblem::NotBase64,
        _ => PemProblem::TooLarge,
    };
    TlsError::Pem { file, problem }
}

fn roots(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, TlsError> {
    if certificates.is_empty() {
        return Err(TlsError::NoAuthority);
    }
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates.into_iter().enumerate() {
        store.add(certificate).map_err(|source| TlsError::BadAuthority { index, source })?;
    }
    Ok(store)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Checks as WebPKI does, and then that the certificate names a device: a peer that is nobody is told so by a TLS alert and
/// never reaches MQTT.
struct DeviceVerifier {
    certificates: Arc<dyn ClientCertVerifier>,
    admits: Box<dyn Fn(Eui64) -> bool + Send + Sync>,
}

impl fmt::Debug for DeviceVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceVerifier")
    }
}

impl ClientCertVerifier for DeviceVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.certificates.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.certificates.verify_client_cert(end_entity, intermediates, now)?;
        // The one certificate error that rustls turns into the alert access_denied: a valid certificate, but not for here
        // (RFC 8446 6.2). Why not is for our log, since the error carries no more.
        let eui = identity::device_of(end_entity).map_err(|reason| {
            warn!(%reason, "a valid certificate names no device");
            CertificateError::ApplicationVerificationFailure
        })?;
        if !(self.admits)(eui) {
            warn!(%eui, "a valid certificate of somebody who is not known here");
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.certificates.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.certificates.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.certificates.supported_verify_schemes()
    }
}
