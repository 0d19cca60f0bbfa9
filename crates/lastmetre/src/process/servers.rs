//! The servers of a home, started from its folder: the same in one process and in several.
use crate::failure::Failure;
use crate::home::{self, Home};
use dcc::{Dcc, DccConfig, DccKeys, Device, DeviceStatus, KnownCertificate, Tls, User};
use duis::{DeviceType, Role};
use gbcs::keystore::KeyName;
use headend::config::{Deadlines, DeviceConfig, Token};
use headend::{DccTls, DeviceKeys, HeadEnd, HeadEndConfig, HeadEndHandle, HeadEndKeys};
use link::{Carrier, CarrierConfig, CarrierEvent, ClientTls, ServerTls};
use std::time::Duration;
use tokio::sync::mpsc;

/// Start the DCC stand-in of a home.
pub async fn start_dcc(home: &Home) -> Result<Dcc, Failure> {
    let who = &home.file.identities;
    let keys = &home.keys;
    let (property, wan) = (&home.file.property, &home.file.dcc.wan);
    let hub = Device { gas_proxy: Some(who.gpf), ..Device::new(who.chf, duis::Device::new(DeviceType::Chf)) };
    let device = |device: Device| Device {
        status: DeviceStatus::Commissioned,
        supplier: Some(who.supplier),
        network_operator: Some(who.network_operator),
        hub: Some(who.chf),
        property: property.of_the_inventory(),
        region: wan.region.as_deref().map(|name| home::schema_region(Some(name))),
        ..device
    };
    let numbers = |import| dcc::inventory::Numbers { import, ..Default::default() };
    let known = |eui| -> Result<_, Failure> {
        let signature = keys.public(KeyName::signing(eui))?;
        Ok((eui, dcc::DeviceKeys::new(keys.public(KeyName::agreement(eui))?, signature)))
    };
    let supplier = User {
        receive_url: Some(home.receive_url()),
        ..User::new(
            who.supplier,
            vec![Role::Is, Role::Gs],
            keys.supplier_xml.signer.clone(),
            keys.public(KeyName::signing(who.supplier))?,
        )
    };
    let new = |eui, kind| Device::new(eui, duis::Device::new(kind));
    // A home from before the transitional party had keys does without it.
    let transitional_cos = keys.private(KeyName::signing(who.transitional_cos)).ok();
    let config = DccConfig {
        listen: home.file.dcc.listen,
        wan_listen: home.file.dcc.wan_listen,
        store: Some(home.state("dcc.sqlite")?),
        wan: wan.config(who.chf),
        throttle: Default::default(),
        limits: Default::default(),
        users: vec![supplier],
        inventory: [
            hub,
            new(who.gpf, DeviceType::Gpf),
            Device {
                numbers: numbers(property.electricity()),
                ..Device::new(who.esme, home.file.meters.esme.device())
            },
            Device { numbers: numbers(property.gas()), ..new(who.gsme, DeviceType::Gsme) },
            new(who.ppmid, DeviceType::Ppmid),
        ]
        .map(device)
        .into(),
        smki: [who.chf, who.gpf, who.esme, who.gsme, who.ppmid].map(known).into_iter().collect::<Result<_, _>>()?,
        certificates: keys
            .certificates()
            .map(|octets| KnownCertificate::parse(octets).map_err(Failure::input))
            .collect::<Result<_, _>>()?,
        authority: keys.infrastructure.devices.clone(),
        registrations: Vec::new(),
        coverage: home::places(&home.file),
        thresholds: home.file.dcc.anomaly.read(&home.dir)?,
        keys: DccKeys {
            acb: who.acb,
            acb_key_agreement: keys.private(KeyName::agreement(who.acb))?,
            acb_signature: keys.private(KeyName::signing(who.acb))?,
            transitional_cos: transitional_cos.map(|key| (who.transitional_cos, key)),
            xml: keys.dcc_xml.key.clone(),
        },
    };
    let tls = home.dcc_tls().map_err(tls_fault)?.map(|(services, callbacks)| Tls { services, callbacks });
    let started = Dcc::start_with(config, tls, home.file.dcc.limits.into()).await;
    started.map_err(|e| Failure::input(e).hint("addresses and certificates are in home.toml, [dcc]"))
}

/// Start the head end of a home.
pub async fn start_headend(home: &Home, deadlines: Deadlines) -> Result<HeadEndHandle, Failure> {
    let who = &home.file.identities;
    let keys = &home.keys;
    let tls = home.dir.join("tls");
    let device = |eui| -> Result<_, Failure> {
        let signing = keys.public(KeyName::signing(eui))?;
        Ok((eui, DeviceKeys { signing, agreement: keys.public(KeyName::agreement(eui))? }))
    };
    let mut dcc = headend::config::DccConfig::new(home.dcc_url(), who.acb);
    dcc.retry_first = Duration::from_millis(200);
    let token = Token::new(&*keys.api_token);
    let mut config = HeadEndConfig::new(home.state("headend.sqlite")?, who.supplier, who.supplier, token, dcc);
    config.api.listen = home.file.headend.listen;
    config.receive_listen = home.file.headend.receive;
    config.mqtt_listen = home.file.headend.mqtt;
    let esme = home.file.meters.esme.device();
    config.devices = vec![
        DeviceConfig {
            twin_element: esme.twin_element,
            poly_phase: esme.poly_phase,
            ..DeviceConfig::new(who.esme, esme.kind, Some(who.ppmid))
        },
        DeviceConfig::new(who.gsme, DeviceType::Gsme, Some(who.ppmid)),
    ];
    config.deadlines = deadlines;
    let mqtt = ServerTls::from_pem_files(tls.join("headend.pem"), tls.join("headend.key"), tls.join("ca.pem"));
    let keys = HeadEndKeys {
        xml: keys.supplier_xml.key.clone(),
        gbcs_signing: keys.private(KeyName::signing(who.supplier))?,
        key_agreement: keys.private(KeyName::agreement(who.supplier))?,
        warrant: keys.warrant.clone(),
        dcc: [keys.dcc_xml.signer.clone()].into(),
        devices: [device(who.esme)?, device(who.gsme)?].into(),
        ppmids: [(who.ppmid, keys.public(KeyName::signing(who.ppmid))?)].into(),
    };
    let mqtt = mqtt.map_err(Failure::input)?;
    let dcc_tls = home.supplier_tls().map_err(tls_fault)?.map(|(receive, client)| DccTls { client, receive });
    HeadEnd::start_with(config, keys, mqtt, dcc_tls)
        .await
        .map_err(|e| Failure::input(e).hint("addresses are in home.toml, [headend]"))
}

fn tls_fault(error: link::TlsError) -> Failure {
    Failure::input(error).hint("`lastmetre home new --dcc-tls` makes these files; home.toml, [dcc.tls], names them")
}

/// Start the PPMID's link to the head end.
pub fn start_carrier(home: &Home) -> Result<(Carrier, mpsc::Receiver<CarrierEvent>), Failure> {
    let tls = home.dir.join("tls");
    let tls = ClientTls::from_pem_files(tls.join("ppmid.pem"), tls.join("ppmid.key"), tls.join("ca.pem"));
    let mqtt = home.file.headend.mqtt;
    let mut config = CarrierConfig::new(mqtt.ip().to_string(), mqtt.port(), tls.map_err(Failure::input)?);
    // One display and its head end on one machine: no town comes back in step after an outage.
    config.backoff.first = Duration::from_millis(100);
    config.backoff.max = Duration::from_secs(1);
    Carrier::start(config).map_err(Failure::input)
}
