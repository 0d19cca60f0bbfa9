//! A certificate authority that issues what it is asked to.
use gbcs::Eui64;
use link::{ClientTls, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

pub struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Test CA");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, common_name: &str, edit: impl FnOnce(&mut CertificateParams)) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// What a server at localhost shows; clients are of this authority too.
    pub fn server(&self) -> ServerTls {
        self.server_that_is(|_| ())
    }

    /// The same with another certificate.
    pub fn server_that_is(&self, edit: impl FnOnce(&mut CertificateParams)) -> ServerTls {
        let (certificate, key) = self.sign("server", edit);
        let key = key.serialize_der().try_into().unwrap();
        ServerTls { cert_chain: vec![certificate.der().clone()], key, client_ca: vec![self.0.der().clone()] }
    }

    /// What this party shows as a client; servers are of this authority too.
    pub fn client(&self, party: Eui64) -> ClientTls {
        let (certificate, key) = self.sign(&format!("{party:#}"), |_| ());
        let key = key.serialize_der().try_into().unwrap();
        ClientTls { cert_chain: vec![certificate.der().clone()], key, server_ca: vec![self.0.der().clone()] }
    }
}
