//! The servers of a home, started from its folder: the same in one process and in several.
use crate::failure::Failure;
use crate::home::{Home, Wan};
use dcc::{Dcc, DccConfig, DccKeys, Device, DeviceStatus, User, WanState};
use duis::{DeviceType, Role};
use gbcs::keystore::KeyName;
use headend::config::{Deadlines, DeviceConfig, Token};
use headend::{DeviceKeys, HeadEnd, HeadEndConfig, HeadEndHandle, HeadEndKeys};
use link::{Carrier, CarrierConfig, CarrierEvent, ClientTls, ServerTls};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the DCC tries the WAN before it tells the User E20 or E21.
const WAN_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Start the DCC stand-in of a home.
pub async fn start_dcc(home: &Home) -> Result<Dcc, Failure> {
    let who = &home.file.identities;
    let keys = &home.keys;
    let device = |eui, kind| -> Result<Device, Failure> {
        Ok(Device {
            eui,
            kind: duis::Device::new(kind),
            status: DeviceStatus::Commissioned,
            key_agreement: keys.public(KeyName::agreement(eui))?,
            digital_signature: keys.public(KeyName::signing(eui))?,
            supplier: who.supplier,
            hub: who.chf,
        })
    };
    let config = DccConfig {
        listen: home.file.dcc.listen,
        wan_listen: home.file.dcc.wan_listen,
        store: Some(home.state("dcc.sqlite")?),
        wan: if home.file.dcc.wan == Wan::Up { WanState::Up } else { WanState::Down },
        wan_patience: WAN_PATIENCE,
        users: vec![User {
            eui: who.supplier,
            roles: vec![Role::Is, Role::Gs],
            xml: keys.supplier_xml.signer.clone(),
            gbcs_signature: keys.public(KeyName::signing(who.supplier))?,
            receive_url: Some(format!("http://{}/dcc/receive-response", home.file.headend.receive)),
        }],
        inventory: vec![
            device(who.esme, DeviceType::Esme)?,
            device(who.gsme, DeviceType::Gsme)?,
            device(who.chf, DeviceType::Chf)?,
            device(who.gpf, DeviceType::Gpf)?,
            device(who.ppmid, DeviceType::Ppmid)?,
        ],
        keys: DccKeys {
            acb: who.acb,
            acb_key_agreement: keys.private(KeyName::agreement(who.acb))?,
            xml: keys.dcc_xml.key.clone(),
        },
    };
    Dcc::start(config).await.map_err(|e| Failure::input(e).hint("addresses are in home.toml, [dcc]"))
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
    let mut dcc = headend::config::DccConfig::new(format!("http://{}", home.file.dcc.listen), who.acb);
    dcc.retry_first = Duration::from_millis(200);
    let token = Token::new(&*keys.api_token);
    let mut config = HeadEndConfig::new(home.state("headend.sqlite")?, who.supplier, who.supplier, token, dcc);
    config.api.listen = home.file.headend.listen;
    config.receive_listen = home.file.headend.receive;
    config.mqtt_listen = home.file.headend.mqtt;
    config.devices = vec![
        DeviceConfig::new(who.esme, DeviceType::Esme, Some(who.ppmid)),
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
    HeadEnd::start(config, keys, mqtt)
        .await
        .map_err(|e| Failure::input(e).hint("addresses are in home.toml, [headend]"))
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

/// Let a flaky WAN come and go for as long as the process lives: three quarters of each minute it is away.
pub async fn weather(dcc: &Dcc, wan: Wan) -> Infallible {
    if wan != Wan::Flaky {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(Duration::from_secs(45)).await;
        dcc.set_wan(WanState::Up);
        tokio::time::sleep(Duration::from_secs(15)).await;
        dcc.set_wan(WanState::Down);
    }
}
