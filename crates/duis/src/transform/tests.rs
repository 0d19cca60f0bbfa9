use super::*;
use crate::body::{BalanceChange, MeterBalance};
use crate::xml::Document;
use crate::xml::sample::Draw;
use crate::{CommandVariant, Execution, catalogue as services};
use gbcs::catalogue::Originator;
use gbcs::dlms::Apdu;
use gbcs::{Counter, MessageView};

const BROKER: Party = Party { id: Eui64::from_u64(0xB0), counter: Counter(77) };

fn request(srv: &str, variant: CommandVariant, body: Body) -> Request {
    let id = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000".parse().unwrap();
    Request::new(id, srv.parse().unwrap(), variant, body)
}

/// A request whose body is this XML, within `sr:` of its element.
fn written(srv: &str, variant: CommandVariant, body: &str) -> Request {
    let text = request(srv, variant, Body::plain("EnableSupply").unwrap()).to_xml();
    let text = text.replace("<sr:EnableSupply/>", body);
    Request::parse(&Document::parse(&text).unwrap()).unwrap()
}

fn plain(srv: &str, element: &str) -> Request {
    let variant = services::by_srv(srv.parse().unwrap()).unwrap().variants[0];
    request(srv, variant, Body::plain(element).unwrap())
}

fn ctx(kind: DeviceType) -> TransformContext {
    let mut ctx = TransformContext::new(Device::new(kind), Time::from_zigbee(0x1C37_4A80));
    ctx.broker = Some(BROKER);
    ctx
}

#[test]
fn what_is_no_request_for_this_device_is_refused_with_its_response_code() {
    let adjust = Body::UpdateMeterBalance(MeterBalance::Credit(BalanceChange::Adjust(1)));
    let code = |request: &Request, kind| transform(request, &ctx(kind)).unwrap_err().response_code();
    let balance = request("1.5", CommandVariant::Transform, adjust);
    assert_eq!(code(&balance, DeviceType::Ppmid), Some(ResponseCode::E11));
    let enable = plain("7.1", "EnableSupply");
    assert_eq!(code(&enable, DeviceType::Gsme), Some(ResponseCode::E11));
    let wrong_variant = request("7.1", CommandVariant::Send, Body::plain("EnableSupply").unwrap());
    assert_eq!(code(&wrong_variant, DeviceType::Esme), Some(ResponseCode::E12));
    let inventory = "<sr:ReadInventory><sr:MPxN>1</sr:MPxN></sr:ReadInventory>";
    let inventory = written("8.2", CommandVariant::NonDevice, inventory);
    assert_eq!(code(&inventory, DeviceType::Esme), Some(ResponseCode::E12));
}

#[test]
fn values_for_the_other_fuel_are_refused() {
    let prices = "<sr:UpdatePricePrimaryElement><sr:PriceElements><sr:ElectricityPriceElements>\
        <sr:StandingCharge>1</sr:StandingCharge><sr:StandingChargeScale>-5</sr:StandingChargeScale><sr:PriceScale>-5</sr:PriceScale>\
        <sr:TOUTariff><sr:TOUPrice index=\"1\">100</sr:TOUPrice></sr:TOUTariff>\
        </sr:ElectricityPriceElements></sr:PriceElements></sr:UpdatePricePrimaryElement>";
    let request = written("1.2.1", CommandVariant::Transform, prices);
    assert!(transform(&request, &ctx(DeviceType::Esme)).is_ok());
    let error = transform(&request, &ctx(DeviceType::Gsme)).unwrap_err();
    assert_eq!(error.response_code(), Some(ResponseCode::E11));
    let log = "<sr:ClearEventLog><sr:ESMEEventLogType>ALCS</sr:ESMEEventLogType></sr:ClearEventLog>";
    let log = written("3.3", CommandVariant::Send, log);
    assert_eq!(transform(&log, &ctx(DeviceType::Esme)).unwrap().use_case.name, "ECS15c");
    assert!(matches!(transform(&log, &ctx(DeviceType::Gsme)), Err(TransformError::Device { .. })));
}

#[test]
fn a_date_a_gas_command_has_no_room_for_is_refused() {
    for (at, fits) in [
        (946_684_801, true),
        (946_684_800, false),
        (0, false),
        (5_241_652_093, true),
        (5_241_652_094, false),
        (5_300_000_000, false),
    ] {
        let start = zcl::start(Execution::At(Time::from_seconds(at)), 0);
        assert_eq!(start.is_ok(), fits, "{at}");
    }
    // The bounds of a log are not such a date: past the end of time is its end.
    assert_eq!(draft::seconds(Time::from_seconds(32_535_129_600)), 0xFFFF_FFFE);
    assert_eq!(draft::seconds(Time::from_seconds(0)), 0);
}

#[test]
fn the_version_and_the_phases_of_the_device_choose_the_use_case() {
    let made = |request: &Request, device: Device| {
        let ctx = TransformContext { device, ..ctx(device.kind) };
        transform(request, &ctx).unwrap().use_case.name
    };
    let read = plain("4.18", "ReadMeterBalance");
    let mut gas = Device::new(DeviceType::Gsme);
    assert_eq!(made(&read, gas), "GCS60a");
    gas.gbcs_version = "3.2".parse().unwrap();
    assert_eq!(made(&read, gas), "GCS60");
    let identity = plain("6.2.4", "ReadDeviceConfigurationIdentityExcMPxN");
    let mut hub = Device::new(DeviceType::Chf);
    assert_eq!(made(&identity, hub), "ECS26n");
    hub.gbcs_version = "1.1".parse().unwrap();
    assert_eq!(made(&identity, hub), "ECS26i");
    let voltage = plain("6.2.1", "ReadDeviceConfigurationVoltage");
    let mut meter = Device::new(DeviceType::Esme);
    assert_eq!(made(&voltage, meter), "ECS26b");
    meter.poly_phase = true;
    assert_eq!(made(&voltage, meter), "ECS26k");
    assert!("4".parse::<GbcsVersion>().is_err() && "+4.3".parse::<GbcsVersion>().is_err());
}

#[test]
fn the_role_of_the_user_chooses_among_use_cases() {
    let behaviours = plain("6.2.10", "ReadDeviceConfigurationEventAndAlertBehaviours");
    let mut ctx = ctx(DeviceType::Esme);
    assert_eq!(transform(&behaviours, &ctx).unwrap().use_case.name, "ECS25r1");
    ctx.requester = Requester::Known(Originator::NetworkOperator);
    assert_eq!(transform(&behaviours, &ctx).unwrap().use_case.name, "ECS25r2");
}

#[test]
fn a_user_the_device_knows_is_the_originator_and_else_the_broker_with_the_user_behind_it() {
    let header = |request: &Request, ctx: &TransformContext| {
        let made = transform(request, ctx).unwrap();
        let view = MessageView::parse(&made.octets).unwrap();
        (view.id().originator, view.id().counter, view.other_information().to_owned().supplementary, made.signer)
    };
    let asked = request("7.4", CommandVariant::Send, Body::plain("ReadSupplyStatus").unwrap());
    let (user, counter) = (asked.header.id.originator, asked.header.id.counter);
    let mut known = ctx(DeviceType::Esme);
    assert_eq!(header(&asked, &known), (user, counter, Supplementary::None, None));
    known.requester = Requester::Unknown;
    let behind = Supplementary::Request(user, counter);
    assert_eq!(header(&asked, &known), (BROKER.id, BROKER.counter, behind.clone(), None));
    // A hub and a PPMID know the broker alone.
    let hub = plain("6.31", "ReadCHFSubGHzChannel");
    assert_eq!(header(&hub, &ctx(DeviceType::Chf)).2, behind);
    let unjoin = "<sr:UnjoinServiceNonCritical><sr:OtherDeviceID>00-DB-12-34-56-78-90-93</sr:OtherDeviceID></sr:UnjoinServiceNonCritical>";
    let unjoin = written("8.8.2", CommandVariant::Send, unjoin);
    assert_eq!(header(&unjoin, &ctx(DeviceType::Ppmid)), (BROKER.id, BROKER.counter, behind, Some(BROKER.id)));
    // What the broker does for the DCC names no User.
    let credentials = "<sr:RetrieveDeviceSecurityCredentialsKRP><sr:RemotePartyRole>Supplier</sr:RemotePartyRole></sr:RetrieveDeviceSecurityCredentialsKRP>";
    let credentials = written("6.24.1", CommandVariant::Send, credentials);
    let by_broker = (BROKER.id, BROKER.counter, Supplementary::None, None);
    assert_eq!(header(&credentials, &ctx(DeviceType::Esme)), by_broker);
    let without = TransformContext::new(Device::new(DeviceType::Esme), Time(0));
    let error = transform(&credentials, &without).unwrap_err();
    assert_eq!(error.to_string(), "6.24.1 needs the access control broker and its counter, which is not known here");
    assert_eq!(error.response_code(), None);
}

#[test]
fn a_top_up_under_a_counter_no_utrn_has_is_refused() {
    let body = "<sr:TopUpDevice><sr:UTRN>73946144332040217315</sr:UTRN></sr:TopUpDevice>";
    let mut top_up = written("2.2", CommandVariant::Local, body);
    assert_eq!(transform(&top_up, &ctx(DeviceType::Esme)), Err(TransformError::TopUpCounter(Counter(1000))));
    top_up.header.id.counter = Counter(3 << 32);
    assert!(transform(&top_up, &ctx(DeviceType::Esme)).is_ok());
}

#[test]
fn what_no_command_can_carry_is_refused() {
    let refused = |srv: &str, body: &str, kind| {
        let variant = services::by_srv(srv.parse().unwrap()).unwrap().variants[0];
        transform(&written(srv, variant, body), &ctx(kind)).unwrap_err().to_string()
    };
    let add = "<sr:UpdateHANDeviceLog><sr:DeviceID>00-DB-12-34-56-78-90-A0</sr:DeviceID><sr:RequestType>Add</sr:RequestType></sr:UpdateHANDeviceLog>";
    assert_eq!(refused("8.11", add, DeviceType::Chf), "8.11: a device to add without how it joins cannot be sent");
    let certificate = "<sr:UpdateSecurityCredentialsDevice><sr:DeviceCertificate>AAAA</sr:DeviceCertificate></sr:UpdateSecurityCredentialsDevice>";
    assert_eq!(refused("6.15.2", certificate, DeviceType::Esme), "6.15.2: a certificate that is none cannot be sent");
    let join =
        "<sr:JoinServiceCritical><sr:OtherDeviceID>00-DB-12-34-56-78-90-9A</sr:OtherDeviceID></sr:JoinServiceCritical>";
    assert_eq!(
        refused("8.7.1", join, DeviceType::Esme),
        "8.7.1 needs what the other device is, which is not known here"
    );
    let log = "<sr:ReadEventOrSecurityLog><sr:ReadLogPeriod><sr:StartDateTime>2015-01-01T00:00:00Z</sr:StartDateTime>\
        <sr:EndDateTime>2015-01-02T00:00:00Z</sr:EndDateTime></sr:ReadLogPeriod><sr:LogToRead>PowerEvent</sr:LogToRead></sr:ReadEventOrSecurityLog>";
    assert_eq!(refused("6.13", log, DeviceType::Chf), "6.13 as asked does not apply to a device of type CHF");
}

/// Bodies that nobody thought of: whatever the schema allows becomes a Command of one of the service's use cases, whose rows and
/// components are those of the catalogue, or is refused for a reason that lies in the request. Nothing is left to our mistakes.
#[test]
fn whatever_the_schema_allows_becomes_a_command_or_is_refused_for_what_it_says() {
    use crate::transform::TransformError as E;
    let kinds = [
        DeviceType::Esme,
        DeviceType::Gsme,
        DeviceType::Gpf,
        DeviceType::Chf,
        DeviceType::Hcalcs,
        DeviceType::Ppmid,
        DeviceType::Sapc,
    ];
    let (mut used, mut ours) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for entry in services::entries().iter().filter(|e| e.criticality != Criticality::NonDevice) {
        let mut made = 0;
        for seed in 0..250 {
            let mut draw = Draw::new(seed);
            let body = Body::sample(entry, &mut draw);
            let mut request = request(&entry.srv.to_string(), entry.variants[0], body);
            request.header.id.counter = Counter(seed << 32);
            for kind in kinds {
                let mut ctx = ctx(kind);
                ctx.device.poly_phase = draw.number() % 2 == 1;
                if draw.number().is_multiple_of(3) {
                    ctx.device.gbcs_version = GbcsVersion { major: 1, minor: 0 };
                }
                ctx.requester = match draw.number() % 4 {
                    0 | 1 => Requester::Known(Originator::Supplier),
                    2 => Requester::Known(Originator::NetworkOperator),
                    _ => Requester::Unknown,
                };
                ctx.transitional_cos = Some(BROKER);
                ctx.customer_number = Some(*b"0042");
                ctx.other = Some(OtherDevice { kind: kinds[draw.within(0, 6) as usize], certificate: None });
                ctx.backup = Some(match kind {
                    DeviceType::Chf => Backup::Hub { pan: [1; 8], devices: vec![(Eui64::from_u64(1), [2; 16])] },
                    _ => Backup::GasProxy(vec![(Eui64::from_u64(1), DeviceType::Gsme)]),
                });
                match transform(&request, &ctx) {
                    Ok(command) => {
                        assert!(entry.has_code(command.use_case.code));
                        let view = MessageView::parse(&command.octets).unwrap();
                        let known = catalogue::find(view.message_code()).unwrap();
                        let fits = match gbcs::Payload::parse(view.message_code(), view.cra(), view.payload()).unwrap()
                        {
                            gbcs::Payload::Dlms(Apdu::Request(rows)) => known.matches(&rows),
                            gbcs::Payload::Gbz(components) => known.matches_components(&components),
                            gbcs::Payload::Asn1(_) => true,
                            other => panic!("{other:?}"),
                        };
                        // The catalogue has these two as they were seen: four configurations, the first switch.
                        let seen = ["GCS20", "ECS47"].contains(&known.id);
                        assert!(fits || seen, "{}: {:?}", known.id, request.body);
                        used.insert(command.use_case.name);
                        made += 1;
                    }
                    Err(E::Device { .. } | E::Date(_) | E::NotOffered { .. } | E::TooMany { .. }) => {}
                    Err(E::Unknown { what, .. }) => assert!(what.contains("certificate"), "{what}"),
                    Err(error) => {
                        ours.insert(format!("{} for {kind}: {error}", entry.srv));
                    }
                }
            }
        }
        // Random octets are no certificates.
        let certificates = ["6.15.1", "6.15.2", "6.21", "6.23", "8.5"].contains(&entry.srv.to_string().as_str());
        assert!(made > 0 || certificates, "{} never became a Command", entry.srv);
    }
    assert!(ours.is_empty(), "{ours:#?}");
    let missing: Vec<_> = services::entries()
        .iter()
        .flat_map(|e| e.use_cases)
        .map(|u| u.name)
        .filter(|name| {
            !used.contains(name) && !name.starts_with("CS02b") && !name.starts_with("CS02g") && *name != "CS02d"
        })
        .collect();
    assert!(missing.iter().all(|name| name.starts_with("CS03C")), "never made: {missing:?}");
}
