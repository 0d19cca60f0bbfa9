//! The inventory: what Users ask of it, and how the answers and alerts of devices change it.
use crate::common::house::*;
use crate::common::*;
use dcc::{Device, DeviceStatus};
use duis::body::credentials::{ChangeOfSupplier, PartyCertificates, PathCertificates};
use duis::body::customer::{ImportMpans, ImportNumbers, SetImportMpxn};
use duis::body::dcc as services;
use duis::body::dcc::{InventoryUpdate, ReadInventory};
use duis::body::han::{RestoreGpfDeviceLog, RestoreHanDeviceLog};
use duis::body::settings::SynchroniseClock;
use duis::response::alert::{ChangeOfSupplier as Changed, DccEvent, RestoredLog, StatusChange};
use duis::xml::List;
use duis::xml::value::{Within, Words};
use duis::{Body, CommandVariant, Content, DeviceType, Execution, Response, ResponseBody};
use gbcs::asn1::{
    ActivationOutcome, ActivationStatus, CellOutcome, CellStatus, Content as Asn1, DeviceKind, DeviceLogAlert,
    FirmwareVersion, JoinStatus, KeyIdentifier, LogEntry, UnjoinStatus, UpdateAlert, UpdateOutcome,
};
use gbcs::certificate::KeyUsage;
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::dlms::{Apdu, Data, DataAccessResult};
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId, MessageView, Payload, protect};
use std::time::Duration;

fn inventory_update(device: Eui64, update: InventoryUpdate) -> Body {
    Body::UpdateInventory(services::UpdateInventory { device, update })
}

fn codes(alerts: &[(Eui64, duis::DccAlert)]) -> Vec<(Eui64, String)> {
    alerts.iter().map(|(user, alert)| (*user, alert.code.to_string())).collect()
}

#[test]
fn a_ppmid_is_notified_listed_joined_and_removed() {
    let house = House::new();
    assert_eq!(house.service(SUPPLIER, "12.2", notification(NEW_PPMID, DeviceType::Ppmid, None)), "I99");
    assert_eq!(house.status(NEW_PPMID), "Pending");
    // The hub takes it into its log: CCS01 says what it is.
    let (asked, command) = house.command(SUPPLIER, CHF, "8.11", add_to_log(NEW_PPMID));
    let view = MessageView::parse(&command).unwrap();
    assert_eq!((view.message_code(), view.id().originator), (MessageCode(0x0001), ACB));
    let Payload::Dlms(Apdu::Request(rows)) = Payload::of(&view).unwrap() else { panic!() };
    assert_eq!(rows.rows[0].data.as_structure().unwrap()[3], Data::Enum(132));
    house.brought(&done(&command));
    assert_eq!((house.status(NEW_PPMID), house.device(NEW_PPMID).hub), ("Whitelisted", Some(CHF)));
    let told = house.told();
    let answers: Vec<_> = told.iter().filter_map(|(user, response)| Some((*user, response.request_id?))).collect();
    assert_eq!((answers, told.len()), (vec![(SUPPLIER, asked.header.id)], 2), "the hub's answer, and N24");
    // It joins the network, as the hub tells.
    house.brought(&house.hub_log(CHF, &[(ESME, true), (GSME, true), (PPMID, true), (NEW_PPMID, false)]));
    assert_eq!(house.status(NEW_PPMID), "Whitelisted");
    house.brought(&house.hub_log(CHF, &[(ESME, true), (GSME, true), (PPMID, true), (NEW_PPMID, true)]));
    assert_eq!(house.status(NEW_PPMID), "InstalledNotCommissioned");
    // It is joined to the meter, and the meter to it.
    let command = house.critical(SUPPLIER, ESME, "8.7.1", Body::JoinCritical(other(NEW_PPMID)));
    house.brought(&response(&command, Some(Asn1::Joined(JoinStatus::Success)), DataAccessResult::SUCCESS));
    assert_eq!(house.device(ESME).joined, [NEW_PPMID]);
    let (_, command) = house.command(SUPPLIER, NEW_PPMID, "8.7.2", Body::JoinNonCritical(other(ESME)));
    let view = MessageView::parse(&command).unwrap();
    assert_eq!(view.id().originator, ACB);
    assert!(view.signature().is_some(), "the broker signs what is critical for the device (DUIS 4.5)");
    protect::verify_signature(&AwsLc, key(22).public(), &view).unwrap();
    house.brought(&response(&command, Some(Asn1::Joined(JoinStatus::Success)), DataAccessResult::SUCCESS));
    assert_eq!((house.status(NEW_PPMID), house.device(NEW_PPMID).joined), ("Commissioned", vec![ESME]));
    assert!(house.device(NEW_PPMID).commissioned.is_some());
    // Unjoined from all it is installed; off the log it is nowhere.
    let (_, command) = house.command(SUPPLIER, NEW_PPMID, "8.8.2", Body::UnjoinNonCritical(other(ESME)));
    house.brought(&response(&command, Some(Asn1::Unjoined(UnjoinStatus::Success)), DataAccessResult::SUCCESS));
    assert_eq!(house.status(NEW_PPMID), "InstalledNotCommissioned");
    house.told();
    let (_, command) = house.command(SOMEBODY, CHF, "8.11", remove_from_log(NEW_PPMID));
    assert_eq!(MessageView::parse(&command).unwrap().message_code(), MessageCode(0x0002));
    house.brought(&done(&command));
    assert_eq!((house.status(NEW_PPMID), house.device(NEW_PPMID).hub), ("Pending", None));
    let mut told = codes(&house.alerts());
    told.sort();
    assert_eq!(told, [(SUPPLIER, "N43".to_owned()), (SOMEBODY, "N24".to_owned())]);
}

#[test]
fn a_hub_that_cannot_list_a_device_changes_nothing_and_the_user_hears_n25() {
    let house = House::new();
    house.service(SUPPLIER, "12.2", notification(NEW_PPMID, DeviceType::Ppmid, None));
    let (asked, command) = house.command(SUPPLIER, CHF, "8.11", add_to_log(NEW_PPMID));
    house.brought(&response(&command, None, DataAccessResult::HARDWARE_FAULT));
    assert_eq!(house.status(NEW_PPMID), "Pending");
    let alerts = house.alerts();
    assert_eq!(codes(&alerts), [(SUPPLIER, "N25".to_owned())]);
    let DccEvent::HanDeviceLogResult(result) = &alerts[0].1.event else { panic!() };
    assert_eq!(result.request, asked.header.id);
}

#[test]
fn a_response_that_was_carried_by_hand_has_the_effect_of_one_that_came_by_wan() {
    let house = House::new();
    house.service(SUPPLIER, "12.2", notification(NEW_PPMID, DeviceType::Ppmid, None));
    let request = house.request(SUPPLIER, CHF, "8.11", CommandVariant::Local, add_to_log(NEW_PPMID));
    let Some(Content::LocalCommand(local)) = house.ask(&request).content().cloned() else { panic!() };
    let mut forged = done(&local.payload);
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(house.return_response(SUPPLIER, request.header.id, forged), "E081303", "the MAC is not the hub's");
    assert_eq!(house.return_response(OTHER_SUPPLIER, request.header.id, done(&local.payload)), "E081301");
    assert_eq!(house.status(NEW_PPMID), "Pending");
    assert_eq!(house.return_response(SUPPLIER, request.header.id, done(&local.payload)), "I0");
    assert_eq!(house.status(NEW_PPMID), "Whitelisted");
    assert_eq!(codes(&house.alerts()), [(SUPPLIER, "N24".to_owned())]);
    // The WAN brings it too: nothing happens twice.
    house.brought(&done(&local.payload));
    assert_eq!(house.alerts().len(), 0);
}

#[test]
fn a_meter_is_commissioned_by_its_answer() {
    let mut config = config_of_the_house();
    config.inventory[2].status = DeviceStatus::InstalledNotCommissioned;
    let house = House::with(config, None);
    let clock = SynchroniseClock { current: house.now(), tolerance: Within::new(10).unwrap() };
    let command = house.critical(SUPPLIER, ESME, "8.1.1", Body::CommissionClock(clock));
    house.brought(&response(&command, None, DataAccessResult::OTHER_REASON));
    assert_eq!(house.status(ESME), "InstalledNotCommissioned");
    let clock = SynchroniseClock { current: house.now(), tolerance: Within::new(10).unwrap() };
    let command = house.critical(SUPPLIER, ESME, "8.1.1", Body::CommissionClock(clock));
    house.told();
    house.brought(&done(&command));
    assert_eq!(house.status(ESME), "Commissioned");
    let alerts = house.alerts();
    assert_eq!(codes(&alerts), [(OPERATOR, "N16".to_owned())]);
    let DccEvent::DeviceStatusChange(change) = &alerts[0].1.event else { panic!() };
    let StatusChange::Identity(identity) = &change.change else { panic!() };
    assert_eq!((change.device, identity.numbers.import.as_str()), (ESME, MPAN));
}

#[test]
fn the_inventory_is_read_by_every_key() {
    let house = House::new();
    let all = [CHF, GPF, ESME, GSME, PPMID];
    let found = |read| house.inventory(read).iter().map(|device| device.device).collect::<Vec<_>>();
    assert_eq!(found(ReadInventory::Device(PPMID)), all, "a device brings its home, the hub first");
    assert_eq!(found(ReadInventory::Uprn(Within::new(123_456_789).unwrap())), all);
    assert_eq!(found(ReadInventory::Mpxn(Words::new(MPAN).unwrap())), [ESME]);
    assert_eq!(found(ReadInventory::Mpxn(Words::new(MPRN).unwrap())), [GSME]);
    let address = |identifier: &str| services::Address {
        post_code: Words::new("AB1 2CD").unwrap(),
        identifier: Words::new(identifier).unwrap(),
    };
    assert_eq!(found(ReadInventory::Property(address("1 High Street"))), all);
    let esme = &house.inventory(ReadInventory::Mpxn(Words::new(MPAN).unwrap()))[0];
    assert_eq!(esme.status.map(|status| status.as_str()), Some("Commissioned"));
    assert_eq!(esme.gbcs_version.as_deref(), Some("4.3"));
    // Nobody, and too many.
    let none = Body::ReadInventory(ReadInventory::Property(address("2 High Street")));
    assert_eq!(house.service(SUPPLIER, "8.2", none), "E080201");
    let mut config = config_of_the_house();
    for n in 0..13 {
        let eui = Eui64::from_u64(0x00DB_1234_5678_9100 + n);
        let kind = duis::transform::Device::new(DeviceType::Ppmid);
        config.inventory.push(Device::commissioned(eui, kind, SUPPLIER, CHF));
    }
    let crowded = House::with(config, None);
    assert_eq!(crowded.service(SUPPLIER, "8.2", Body::ReadInventory(ReadInventory::Device(CHF))), "E080202");
}

#[test]
fn the_inventory_is_updated_by_who_is_responsible() {
    let house = House::new();
    let status = |status| InventoryUpdate::Status(status);
    let ask = |user, device, update| house.service(user, "8.4", inventory_update(device, update));
    use services::{DeviceStatus as Wanted, HubStatus};
    assert_eq!(ask(SUPPLIER, NEW_PPMID, InventoryUpdate::Delete), "E19");
    assert_eq!(ask(OTHER_SUPPLIER, PPMID, status(Wanted::Pending)), "E4");
    assert_eq!(ask(SUPPLIER, CHF, status(Wanted::Pending)), "E11");
    assert_eq!(ask(SUPPLIER, ESME, InventoryUpdate::HubStatus(HubStatus::Commissioned)), "E11");
    assert_eq!(ask(SUPPLIER, ESME, status(Wanted::Pending)), "E5", "a commissioned meter is decommissioned first");
    assert_eq!(ask(SUPPLIER, ESME, InventoryUpdate::Delete), "E5");
    assert_eq!(
        ask(SUPPLIER, PPMID, InventoryUpdate::Numbers(services::MpxnUpdate::Export(Words::new(MPAN).unwrap()))),
        "E11"
    );
    // A notified device, its details, its statuses, its end.
    house.service(SUPPLIER, "12.2", notification(NEW_PPMID, DeviceType::Ppmid, None));
    let details = services::DeviceDetails {
        manufacturer: None,
        model: Words::new("other"),
        version: None,
        firmware: None,
        variant: None,
    };
    let variant = services::DeviceDetails { variant: Some(services::EsmeVariant::Bd), ..details.clone() };
    assert_eq!(ask(SUPPLIER, NEW_PPMID, InventoryUpdate::Details(variant.clone())), "E080405");
    assert_eq!(ask(SUPPLIER, NEW_PPMID, InventoryUpdate::Details(details)), "I99");
    let known = house.device(NEW_PPMID).details;
    assert_eq!((known.model, known.firmware), (Words::new("other"), Words::new("00009001")));
    assert_eq!(ask(OTHER_SUPPLIER, NEW_PPMID, InventoryUpdate::Delete), "E4", "somebody else notified it");
    assert_eq!(ask(SUPPLIER, NEW_PPMID, status(Wanted::InstalledNotCommissioned)), "I99");
    assert_eq!(ask(SUPPLIER, NEW_PPMID, status(Wanted::InstalledNotCommissioned)), "E5", "it is installed already");
    // The variant decides what is made of requests.
    assert_eq!(ask(SUPPLIER, ESME, InventoryUpdate::Details(variant)), "I99");
    assert!(house.device(ESME).kind.twin_element);
    house.told();
    let number = Words::new("3213213213213").unwrap();
    assert_eq!(ask(SUPPLIER, ESME, InventoryUpdate::Numbers(services::MpxnUpdate::Export(number.clone()))), "I99");
    assert_eq!(house.device(ESME).numbers.export, Some(number));
    assert_eq!(codes(&house.alerts()), [(OPERATOR, "N16".to_owned())]);
}

#[test]
fn a_decommissioned_device_takes_nothing_and_may_be_deleted() {
    let house = House::new();
    let ask =
        |user, device| house.service(user, "8.3", Body::DecommissionDevice(services::DecommissionDevice { device }));
    assert_eq!(ask(SUPPLIER, NEW_PPMID), "E19");
    assert_eq!(ask(OTHER_SUPPLIER, ESME), "E4");
    assert_eq!(ask(SUPPLIER, GPF), "E11");
    assert_eq!(ask(SUPPLIER, ESME), "I99");
    assert_eq!(house.status(ESME), "Decommissioned");
    let alerts = house.alerts();
    assert_eq!(codes(&alerts), [(OPERATOR, "N1".to_owned())]);
    let DccEvent::DeviceStatusChange(change) = &alerts[0].1.event else { panic!() };
    assert!(matches!(&change.change, StatusChange::MeterGone(gone) if gone.numbers.import.as_str() == MPAN));
    let read = house.request(SUPPLIER, ESME, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    assert_eq!(house.code(&read), "E5");
    assert_eq!(ask(SUPPLIER, ESME), "E5");
    assert_eq!(house.service(SUPPLIER, "8.4", inventory_update(ESME, InventoryUpdate::Delete)), "I99");
    assert_eq!(house.gateway.store.device(ESME).unwrap(), None);
    // The hub takes its gas proxy with it; it was the supplier's own business.
    assert_eq!(ask(SUPPLIER, CHF), "I99");
    assert_eq!((house.status(CHF), house.status(GPF)), ("Decommissioned", "Decommissioned"));
    assert_eq!(codes(&house.alerts()), [(OPERATOR, "N2".to_owned())]);
}

#[test]
fn what_is_notified_must_make_sense() {
    let house = House::new();
    let ask = |device, kind, gpf| house.service(SUPPLIER, "12.2", notification(device, kind, gpf));
    assert_eq!(ask(ESME, DeviceType::Esme, None), "E120201");
    assert_eq!(ask(NEW_CHF, DeviceType::Chf, Some(GPF)), "E120201", "the gas proxy is another hub's");
    assert_eq!(ask(NEW_GPF, DeviceType::Gpf, None), "E11");
    assert_eq!(ask(NEW_CHF, DeviceType::Chf, None), "E120203");
    assert_eq!(ask(NEW_CHF, DeviceType::Chf, Some(NEW_CHF)), "E120203");
    assert_eq!(ask(NEW_PPMID, DeviceType::Ppmid, Some(NEW_GPF)), "E120203");
    let Body::DevicePrenotification(mut odd) = notification(NEW_PPMID, DeviceType::Ppmid, None) else { panic!() };
    odd.variant = Some(services::EsmeVariant::A);
    assert_eq!(house.service(SUPPLIER, "12.2", Body::DevicePrenotification(odd)), "E120204");
    assert_eq!(ask(NEW_CHF, DeviceType::Chf, Some(NEW_GPF)), "I99");
    assert_eq!((house.status(NEW_CHF), house.status(NEW_GPF)), ("Pending", "Pending"));
    assert_eq!(house.device(NEW_GPF).hub, Some(NEW_CHF));
}

fn installed(device: Eui64, kind: services::HubInstallType) -> Body {
    Body::HubInstalled(services::HubInstalled {
        device,
        kind,
        when: None,
        user_reference: None,
        mpxn: Words::new(MPAN).unwrap(),
        gis_data: None,
        aerial: false,
        location: services::HubLocation::Outside,
        more: None,
    })
}

fn installed_without_wan(device: Eui64, kind: services::HubInstallType) -> Body {
    Body::HubInstalledWithoutWan(services::HubInstalledWithoutWan {
        device,
        kind,
        when: None,
        user_reference: None,
        mpxn: Words::new(MPAN).unwrap(),
        gis_data: None,
        aerial: false,
        location: services::HubLocation::Basement,
        premises: services::PremiseType::Terraced,
        metal: true,
        connectivity: true,
        shared: true,
        more: None,
    })
}

#[test]
fn a_hub_is_installed_with_the_wan_or_without_and_goes_back() {
    use services::{HubInstallType as Kind, HubReturnType};
    let house = House::new();
    house.service(SUPPLIER, "12.2", notification(NEW_CHF, DeviceType::Chf, Some(NEW_GPF)));
    assert_eq!(house.service(SUPPLIER, "8.14.1", installed(NEW_CHF, Kind::NoWan)), "E081401");
    assert_eq!(house.service(SUPPLIER, "8.14.2", installed_without_wan(NEW_CHF, Kind::New)), "E081401");
    assert_eq!(house.service(SUPPLIER, "8.14.1", installed(ESME, Kind::New)), "E11");
    assert_eq!(house.service(SUPPLIER, "8.14.1", installed(NEW_PPMID, Kind::New)), "E19");
    assert_eq!(house.service(OTHER_SUPPLIER, "8.14.1", installed(NEW_CHF, Kind::New)), "E4");
    assert_eq!(house.service(SUPPLIER, "8.14.2", installed_without_wan(NEW_CHF, Kind::NoWan)), "I99");
    assert_eq!(
        (house.status(NEW_CHF), house.status(NEW_GPF)),
        ("InstalledNotCommissioned", "InstalledNotCommissioned")
    );
    assert_eq!(house.service(SUPPLIER, "8.14.2", installed_without_wan(NEW_CHF, Kind::NoWan)), "E5");
    // The WAN came later.
    assert_eq!(house.service(SUPPLIER, "8.14.1", installed(NEW_CHF, Kind::New)), "I99");
    assert_eq!(house.status(NEW_CHF), "Commissioned");
    let fault = |device, other_device| {
        Body::HubFault(services::HubFault {
            device,
            kind: services::HubFaultType::After,
            when: None,
            user_reference: None,
            other_device,
            incident: None,
            connection: services::HubConnection::HotShoe,
            reason: services::HubFaultReason::Wan,
            more: None,
        })
    };
    assert_eq!(house.service(SUPPLIER, "8.14.3", fault(NEW_CHF, NEW_PPMID)), "W081401");
    assert_eq!((house.status(NEW_CHF), house.status(NEW_GPF)), ("Decommissioned", "Decommissioned"));
    let back = Body::HubReturn(services::HubReturn {
        device: CHF,
        kind: HubReturnType::General,
        when: None,
        user_reference: None,
        incident: None,
        more: None,
    });
    assert_eq!(house.service(SUPPLIER, "8.14.4", back.clone()), "I99");
    assert_eq!(house.status(CHF), "Decommissioned");
    assert_eq!(house.service(SUPPLIER, "8.14.4", back), "E5", "it is back already");
}

fn certificates(of: Eui64) -> PartyCertificates {
    let certified = |usage, n| certificate(Subject::Organisation(of, 2), usage, key(n).public());
    PartyCertificates {
        signing: certified(KeyUsage::DigitalSignature, 60),
        agreement: Some(certified(KeyUsage::KeyAgreement, 61)),
        top_up: Some(certified(KeyUsage::KeyAgreement, 62)),
    }
}

fn change_of_supplier(execution: Execution) -> Body {
    let path = certificate(Subject::Organisation(ACB, 7), KeyUsage::KeyCertSign, key(63).public());
    Body::ChangeOfSupplier(ChangeOfSupplier {
        execution,
        floor: Within::new(5000).unwrap(),
        top_up_floor: None,
        replacements: certificates(OTHER_SUPPLIER),
        path: PathCertificates { certificates: List::new([path]).unwrap() },
        apply_time_checks: false,
        import_mpxn: Words::new(MPAN).unwrap(),
    })
}

fn replaced(command: &[u8], status: CellStatus) -> Vec<u8> {
    let Payload::Asn1(payload) = Payload::of(&MessageView::parse(command).unwrap()).unwrap() else { panic!() };
    let Asn1::UpdateCredentials(update) = payload.content() else { panic!() };
    let nobody = (Eui64::from_u64(0), KeyIdentifier([0; 8]));
    let cell = |replacement: &gbcs::asn1::Replacement| CellOutcome {
        status,
        cell: replacement.cell,
        old_subject: nobody.0,
        old_key: nobody.1,
        new_subject: nobody.0,
        new_key: nobody.1,
    };
    let cells = update.replacements.iter().map(cell).collect();
    let counter = MessageView::parse(command).unwrap().id().counter;
    let outcome = UpdateOutcome { counter, mode: update.control.mode, floors: Vec::new(), cells };
    response(command, Some(Asn1::CredentialsUpdated(outcome)), DataAccessResult::SUCCESS)
}

#[test]
fn a_change_of_supplier_is_signed_by_the_transitional_party_and_makes_the_gaining_supplier_responsible() {
    let mut config = config_of_the_house();
    let house = House::new();
    let since = house.now();
    config.registrations = vec![registered(SUPPLIER, gbcs::Time(0)), registered(OTHER_SUPPLIER, since)];
    let house = House::with(config, None);
    // The losing supplier is not responsible for the day; the gaining one is.
    let late = house.request(SUPPLIER, ESME, "6.23", CommandVariant::Send, change_of_supplier(Execution::Immediate));
    assert_eq!(house.code(&late), "E4");
    let (_, command) = house.command(OTHER_SUPPLIER, ESME, "6.23", change_of_supplier(Execution::Immediate));
    let view = MessageView::parse(&command).unwrap();
    assert_eq!((view.id().originator, view.message_code()), (COS, MessageCode(0x0107)));
    protect::verify_signature(&AwsLc, key(23).public(), &view).unwrap();
    let z = AwsLc.agree(&key(ESME_KA), key(ACB_KA).public()).unwrap();
    protect::verify_mac(&AwsLc, &z, &view).unwrap();
    house.brought(&replaced(&command, CellStatus::BadCertificate));
    assert_eq!(house.device(ESME).supplier, Some(SUPPLIER));
    assert_eq!(codes(&house.alerts()), [(OTHER_SUPPLIER, "N26".to_owned())]);
    let (_, command) = house.command(OTHER_SUPPLIER, ESME, "6.23", change_of_supplier(Execution::Immediate));
    house.brought(&replaced(&command, CellStatus::Success));
    assert_eq!(house.device(ESME).supplier, Some(OTHER_SUPPLIER));
    let mut alerts = house.alerts();
    alerts.sort_by_key(|(_, alert)| alert.code);
    assert_eq!(codes(&alerts), [(SUPPLIER, "N27".to_owned()), (OPERATOR, "N42".to_owned())]);
    assert!(matches!(&alerts[0].1.event, DccEvent::ChangeOfSupplier(Changed::Device(device)) if device.device == ESME));
    let DccEvent::CredentialsUpdated(updated) = &alerts[1].1.event else { panic!() };
    assert_eq!((updated.certificates.len(), updated.certificates[0].hash.len()), (3, 20));
    // The meter is theirs now: the new supplier reads it as its own originator, the old one not at all.
    let read = |user| house.request(user, ESME, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    assert_eq!(house.code(&read(SUPPLIER)), "E4");
    assert_eq!(house.code(&read(OTHER_SUPPLIER)), "I99");
    assert_eq!(MessageView::parse(&house.sent()).unwrap().id().originator, OTHER_SUPPLIER);
}

/// The same at a date: the Response only says that the meter keeps it, the Alert of that time what became of it.
#[test]
fn a_dated_change_of_supplier_takes_effect_with_the_alert_that_tells_of_it_and_once() {
    let mut config = config_of_the_house();
    let house = House::new();
    let since = house.now();
    config.registrations = vec![registered(SUPPLIER, gbcs::Time(0)), registered(OTHER_SUPPLIER, since)];
    let house = House::with(config, None);
    let at = gbcs::Time::from_seconds(house.now().seconds() + 3600);
    let (_, command) = house.command(OTHER_SUPPLIER, ESME, "6.23", change_of_supplier(Execution::At(at)));
    house.brought(&response(&command, Some(Asn1::CredentialsUpdateAccepted), DataAccessResult::SUCCESS));
    assert_eq!(house.device(ESME).supplier, Some(SUPPLIER), "not yet");
    let told = |status, counter: u64| {
        let view = MessageView::parse(&command).unwrap();
        let Payload::Asn1(answer) = Payload::of(&MessageView::parse(&replaced(&command, status)).unwrap()).unwrap()
        else {
            panic!()
        };
        let Asn1::CredentialsUpdated(outcome) = answer.content().clone() else { panic!() };
        let code = if status == CellStatus::Success { 0x8F66 } else { 0x8F67 };
        let content = Asn1::CredentialsUpdateAlert(UpdateAlert { code, time: gbcs::asn1::DateTime::new(at), outcome });
        let id =
            MessageId { originator: ESME, target: view.id().originator, cra: Cra::Alert, counter: Counter(counter) };
        let header = GroupingHeader::new(id, MessageCode(0x00CB));
        let plain = Message::plain(header, gbcs::asn1::Payload::from(content).encode()).encode();
        protect::sign(&AwsLc, &key(ESME_KA + 1), &plain).unwrap()
    };
    let alert = told(CellStatus::Success, 7_000);
    house.brought(&alert);
    assert_eq!(house.device(ESME).supplier, Some(OTHER_SUPPLIER));
    let codes = codes(&house.alerts());
    assert!(codes.contains(&(SUPPLIER, "N27".to_owned())), "{codes:?}");
    house.brought(&alert);
    house.brought(&told(CellStatus::BadCertificate, 7_001));
    assert_eq!(house.device(ESME).supplier, Some(OTHER_SUPPLIER), "its date has come already");
    assert!(house.alerts().is_empty());
}

#[test]
fn what_a_meter_says_that_it_runs_is_in_the_inventory_whether_the_activation_succeeded_or_not() {
    let house = House::new();
    let body = || {
        let hash = duis::xml::value::Hex::new([7; 32]).unwrap();
        Body::ActivateFirmware(duis::body::han::ActivateFirmware { execution: Execution::Immediate, hash })
    };
    for (status, version, shown) in
        [(ActivationStatus::Success, [1, 2, 3, 4], "01020304"), (ActivationStatus::Failed, [1, 2, 3, 5], "01020305")]
    {
        let command = house.critical(SUPPLIER, ESME, "11.3", body());
        let before = house.device(ESME).details.firmware;
        let outcome = ActivationOutcome { status, version: FirmwareVersion(version) };
        let response = response(&command, Some(Asn1::FirmwareActivated(outcome)), DataAccessResult::SUCCESS);
        assert_eq!(house.device(ESME).details.firmware, before, "nothing at acceptance alone");
        house.brought(&response);
        assert_eq!(house.device(ESME).details.firmware.unwrap().as_str(), shown);
    }
}

fn set_import(number: &str) -> Body {
    let numbers = ImportMpans { primary: Words::new(number).unwrap(), secondary: None };
    let numbers = ImportNumbers::Electricity(numbers);
    Body::SetImportMpxn(SetImportMpxn { execution: Execution::Immediate, numbers })
}

/// Carried by hand at first, it comes by WAN when another has been written since.
#[test]
fn a_late_copy_of_a_response_undoes_nothing_and_tells_nobody() {
    let house = House::new();
    let number = || house.device(ESME).numbers.import.unwrap();
    let request = house.request(SUPPLIER, ESME, "6.20.1", CommandVariant::Local, set_import("2000012345678"));
    let Some(Content::LocalCommand(local)) = house.ask(&request).content().cloned() else { panic!() };
    let carried = done(&local.payload);
    assert_eq!(house.return_response(SUPPLIER, request.header.id, carried.clone()), "I0");
    assert_eq!(number().as_str(), "2000012345678");
    let (_, command) = house.command(SUPPLIER, ESME, "6.20.1", set_import("2000012345687"));
    house.brought(&done(&command));
    assert_eq!(number().as_str(), "2000012345687");
    house.alerts();
    house.brought(&carried);
    assert_eq!(number().as_str(), "2000012345687");
    assert!(house.alerts().is_empty());
}

#[test]
fn supply_numbers_are_the_inventorys_when_the_meter_has_them() {
    let house = House::new();
    let body = || set_import("2000012345678");
    let before = house.device(ESME).numbers.import;
    for (result, changed) in [(DataAccessResult::HARDWARE_FAULT, false), (DataAccessResult::SUCCESS, true)] {
        let (_, command) = house.command(SUPPLIER, ESME, "6.20.1", body());
        assert_eq!(house.device(ESME).numbers.import, before);
        house.brought(&response(&command, None, result));
        assert_eq!(house.device(ESME).numbers.import != before, changed);
    }
    assert_eq!(house.device(ESME).numbers.import.unwrap().as_str(), "2000012345678");
}

#[test]
fn the_counters_of_the_dccs_own_parties_never_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dcc.sqlite");
    let mut counters = Vec::new();
    for (run, hours) in [24, 0].into_iter().enumerate() {
        // Another process, whose clock is a day behind that of the first.
        let house = House::with(config_of_the_house(), Some(&path));
        house.now.set(house.now() + Duration::from_secs(3600 * hours));
        house.counter.set(10_000 * (run as u64 + 1));
        for n in 0..2 {
            let target = Eui64::from_u64(0x00DB_1234_5678_9200 + hours * 16 + n);
            assert_eq!(house.service(SOMEBODY, "12.2", notification(target, DeviceType::Ppmid, None)), "I99");
            let (_, command) = house.command(SOMEBODY, CHF, "8.11", add_to_log(target));
            counters.push(MessageView::parse(&command).unwrap().id().counter);
        }
    }
    assert!(counters.is_sorted_by(|a, b| a < b), "{counters:?}");
}

#[test]
fn a_new_hub_takes_over_the_log_that_the_old_one_told() {
    let house = House::new();
    house.service(SUPPLIER, "12.2", notification(NEW_CHF, DeviceType::Chf, Some(NEW_GPF)));
    house.service(SUPPLIER, "8.14.1", installed(NEW_CHF, services::HubInstallType::Replacement));
    let restore = |old| Body::RestoreHanDeviceLog(RestoreHanDeviceLog { old });
    let ask = |old| house.request(SUPPLIER, NEW_CHF, "8.12.1", CommandVariant::Send, restore(old));
    assert_eq!(house.code(&ask(NEW_PPMID)), "E19");
    assert_eq!(house.code(&ask(ESME)), "E11");
    assert_eq!(house.code(&ask(CHF)), "E081202", "its log was never told");
    house.brought(&house.hub_log(CHF, &[(ESME, true), (GSME, true), (PPMID, false)]));
    let (_, command) = house.command(SUPPLIER, NEW_CHF, "8.12.1", restore(CHF));
    let view = MessageView::parse(&command).unwrap();
    assert_eq!(view.message_code(), MessageCode(0x0003));
    let Payload::Dlms(Apdu::Request(rows)) = Payload::of(&view).unwrap() else { panic!() };
    let [pan, Data::Array(devices)] = rows.rows[0].data.as_structure().unwrap() else { panic!() };
    assert_eq!((pan.as_octets(), devices.len()), (Some(&CHF.0[..]), 2), "what never joined has no key");
    house.told();
    house.brought(&done(&command));
    assert_eq!((house.status(CHF), house.status(GPF)), ("Decommissioned", "Decommissioned"));
    assert_eq!((house.device(ESME).hub, house.device(PPMID).hub), (Some(NEW_CHF), Some(NEW_CHF)));
    let alerts = house.alerts();
    assert_eq!(codes(&alerts), [(SUPPLIER, "N30".to_owned())]);
    let DccEvent::DeviceLogRestored(restored) = &alerts[0].1.event else { panic!() };
    let RestoredLog::Chf(replaced) = &restored.log else { panic!() };
    assert_eq!((replaced.old_chf, replaced.new_chf, replaced.new_gpf), (CHF, NEW_CHF, NEW_GPF));

    // The gas proxy tells its log too.
    let restore = |old| Body::RestoreGpfDeviceLog(RestoreGpfDeviceLog { old });
    let request = house.request(SUPPLIER, NEW_GPF, "8.12.2", CommandVariant::Send, restore(GPF));
    assert_eq!(house.code(&request), "E081221");
    let entries = vec![LogEntry { device: GSME, kind: DeviceKind::Gsme }];
    let time = gbcs::asn1::DateTime::new(house.now());
    let alert = Asn1::DeviceLogAlert(DeviceLogAlert { code: 0x8071, time, entries });
    let id = MessageId { originator: GPF, target: ACB, cra: Cra::Alert, counter: gbcs::Counter(77) };
    let header = GroupingHeader::new(id, MessageCode(0x00B2));
    let plain = Message::plain(header, gbcs::asn1::Payload::from(alert).encode()).encode();
    let z = AwsLc.agree(&key(38), key(ACB_KA).public()).unwrap();
    house.brought(&protect::add_mac(&AwsLc, &z, &plain).unwrap());
    let (_, command) = house.command(SUPPLIER, NEW_GPF, "8.12.2", restore(GPF));
    let view = MessageView::parse(&command).unwrap();
    assert_eq!((view.message_code(), view.id().originator), (MessageCode(0x008C), ACB));
}

#[test]
fn a_customer_identification_number_is_told_when_the_meter_has_it() {
    let house = House::new();
    let body = || Body::plain("RequestCustomerIdentificationNumber").unwrap();
    let (asked, command) = house.command(SOMEBODY, ESME, "9.1", body());
    assert!(house.told().is_empty());
    house.brought(&done(&command));
    let told = house.told();
    let [(SOMEBODY, Response { request_id, body: ResponseBody::Message { content, .. }, .. })] = &told[..] else {
        panic!("{told:#?}")
    };
    let Content::CustomerNumber(number) = content else { panic!("{content:?}") };
    assert_eq!(*request_id, Some(asked.header.id));
    let Payload::Dlms(Apdu::Request(rows)) = Payload::of(&MessageView::parse(&command).unwrap()).unwrap() else {
        panic!()
    };
    assert_eq!(rows.rows[0].data.as_octets(), Some(number.number.digits().as_bytes()));
}
