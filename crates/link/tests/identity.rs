//! Who may connect at all: the TLS side of both ends.
mod common;

use common::{Ca, DEVICE, HeadEnd, VERSIONS, expect_event, raw, soon, start};
use link::{Carrier, CarrierEvent, ClientTls, Ended, LinkEvent, MqttVersion, ServerTls, TlsError};
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt;

/// What the endpoint tells a client with this configuration: the TLS alert, read after the client's own handshake.
async fn alert(head_end: &HeadEnd, config: ClientConfig) -> AlertDescription {
    let error = match raw::tls(head_end.addr(), config).await {
        // TLS 1.3 lets the client finish before the server has looked at its certificate.
        Ok(mut stream) => soon("the alert", stream.read_u8()).await.unwrap_err(),
        Err(error) => error,
    };
    match error.into_inner().unwrap().downcast::<rustls::Error>().map(|error| *error) {
        Ok(rustls::Error::AlertReceived(alert)) => alert,
        other => panic!("{other:?} instead of an alert"),
    }
}

/// A good device still gets in, and no event came before it.
async fn expect_untroubled(mut head_end: HeadEnd) {
    let _carrier = start(head_end.carrier_config(MqttVersion::V5)).await;
    expect_event!(head_end.events, LinkEvent::Connected { device: DEVICE });
}

#[tokio::test]
async fn a_device_without_a_certificate_is_refused() {
    let head_end = HeadEnd::start().await;
    let mut roots = RootCertStore::empty();
    roots.add(head_end.ca.certificate()).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    assert_eq!(alert(&head_end, config).await, AlertDescription::CertificateRequired);
    expect_untroubled(head_end).await;
}

#[tokio::test]
async fn a_device_of_another_authority_is_refused() {
    let head_end = HeadEnd::start().await;
    // An authority we never heard of, and one that only calls itself like ours.
    for (authority, expected) in
        [(Ca::named("elsewhere"), AlertDescription::UnknownCA), (Ca::new(), AlertDescription::DecryptError)]
    {
        let tls = ClientTls { server_ca: vec![head_end.ca.certificate()], ..authority.client_tls(DEVICE) };
        assert_eq!(alert(&head_end, tls.into_config().unwrap()).await, expected);
    }
    expect_untroubled(head_end).await;
}

#[tokio::test]
async fn a_certificate_that_names_no_device_is_refused() {
    let head_end = HeadEnd::start().await;
    for name in ["meter", "00-DB-12-34-56-78-90-A0", "00DB1234567890A"] {
        let (cert_chain, key) = head_end.ca.issue(name, &[]);
        let tls = ClientTls { cert_chain, key, server_ca: vec![head_end.ca.certificate()] };
        assert_eq!(alert(&head_end, tls.into_config().unwrap()).await, AlertDescription::AccessDenied, "{name}");
    }
    expect_untroubled(head_end).await;
}

#[tokio::test]
async fn a_carrier_tells_why_the_head_end_refused_it() {
    let head_end = HeadEnd::start().await;
    for version in VERSIONS {
        let mut config = head_end.carrier_config(version);
        config.tls =
            ClientTls { server_ca: vec![head_end.ca.certificate()], ..Ca::named("elsewhere").client_tls(DEVICE) };
        let (_carrier, mut events) = Carrier::start(config).unwrap();
        let reason = expect_event!(events, CarrierEvent::Disconnected { reason, .. } => reason);
        assert_eq!(reason, Ended::Tls(rustls::Error::AlertReceived(AlertDescription::UnknownCA)));
    }
}

#[tokio::test]
async fn a_carrier_refuses_a_head_end_of_another_authority_or_name() {
    let head_end = HeadEnd::start().await;
    let mut stranger = head_end.carrier_config(MqttVersion::V5);
    stranger.tls.server_ca = vec![Ca::new().certificate()];
    let mut misnamed = head_end.carrier_config(MqttVersion::V5);
    misnamed.server_name = "elsewhere".into();
    for config in [stranger, misnamed] {
        let (_carrier, mut events) = Carrier::start(config).unwrap();
        let reason = expect_event!(events, CarrierEvent::Disconnected { reason, .. } => reason);
        assert!(matches!(reason, Ended::Tls(rustls::Error::InvalidCertificate(_))), "{reason:?}");
    }
    expect_untroubled(head_end).await;
}

#[test]
fn a_carrier_needs_a_certificate_that_names_a_device() {
    let ca = Ca::new();
    let (cert_chain, key) = ca.issue("meter", &[]);
    let config =
        link::CarrierConfig::new("localhost", 1, ClientTls { cert_chain, key, server_ca: vec![ca.certificate()] });
    assert!(matches!(Carrier::start(config), Err(TlsError::Identity(_))));
}

#[test]
fn pem_files_make_both_ends_and_bad_ones_are_named() {
    let ca = Ca::new();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = ca.issue_pem("00DB1234567890A0", &["localhost"]);
    let (_, other_key) = ca.issue_pem("00DB1234567890A1", &[]);
    let ca_file = write("ca.pem", &ca.pem());
    let cert_file = write("device.pem", &certificate);
    let key_file = write("device.key", &key);
    ServerTls::from_pem_files(&cert_file, &key_file, &ca_file).unwrap().into_config().unwrap();
    ClientTls::from_pem_files(&cert_file, &key_file, &ca_file).unwrap().into_config().unwrap();

    let message = |cert: &std::path::Path, key: &std::path::Path| {
        ClientTls::from_pem_files(cert, key, &ca_file).and_then(ClientTls::into_config).unwrap_err().to_string()
    };
    let absent = message(&folder.path().join("absent.pem"), &key_file);
    assert!(absent.contains("absent.pem") && absent.contains("No such file"), "{absent}");
    let swapped = message(&key_file, &cert_file);
    assert!(swapped.contains("device.key: no CERTIFICATE section"), "{swapped}");
    let keyless = message(&cert_file, &cert_file);
    assert!(keyless.contains("device.pem: no private key"), "{keyless}");
    let cut = message(&write("cut.pem", &certificate[..certificate.len() / 2]), &key_file);
    assert!(cut.contains("cut.pem: not PEM: a section has no END line"), "{cut}");
    let garbled = message(&write("garbled.pem", &certificate.replace('M', "*")), &key_file);
    assert!(garbled.contains("garbled.pem"), "{garbled}");
    let mismatch = message(&cert_file, &write("other.key", &other_key));
    assert!(mismatch.contains("certificate and private key"), "{mismatch}");
}
