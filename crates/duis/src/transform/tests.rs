use super::*;
use crate::body::{BalanceChange, MeterBalance, PaymentMode};
use crate::{CommandVariant, Execution};

fn request(srv: &str, variant: CommandVariant, body: Body) -> Request {
    let id = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000".parse().unwrap();
    Request::new(id, srv.parse().unwrap(), variant, body)
}

fn ctx(kind: DeviceType) -> TransformContext {
    TransformContext { device: Device::new(kind), now: Time::from_zigbee(0x1C37_4A80) }
}

#[test]
fn what_is_no_request_for_this_device_is_refused_with_its_response_code() {
    let adjust = Body::UpdateMeterBalance(MeterBalance { mode: PaymentMode::Credit, change: BalanceChange::Adjust(1) });
    let code = |request: &Request, kind| transform(request, &ctx(kind)).unwrap_err().response_code();
    let balance = request("1.5", CommandVariant::Transform, adjust);
    assert_eq!(code(&balance, DeviceType::Ppmid), Some(ResponseCode::E11));
    let enable = request("7.1", CommandVariant::Transform, Body::plain("EnableSupply").unwrap());
    assert_eq!(code(&enable, DeviceType::Gsme), Some(ResponseCode::E11));
    let wrong_variant = request("7.1", CommandVariant::Send, Body::plain("EnableSupply").unwrap());
    assert_eq!(code(&wrong_variant, DeviceType::Esme), Some(ResponseCode::E12));
    let voltage = request("6.2.1", CommandVariant::Send, Body::plain("ReadDeviceConfigurationVoltage").unwrap());
    let error = transform(&voltage, &ctx(DeviceType::Esme)).unwrap_err();
    assert_eq!(error.response_code(), None);
    assert_eq!(error.to_string(), "6.2.1 ReadDeviceConfigurationVoltage for ESME is not supported yet");
}

#[test]
fn prices_of_the_other_fuel_are_refused() {
    use crate::body::{ElectricityPrices, ElectricityTariff, Prices, UpdatePrice};
    let tariff = ElectricityTariff::Tou([(1, 100)].into());
    let prices = ElectricityPrices { standing_charge: 1, standing_charge_scale: -5, price_scale: -5, tariff };
    let body = Body::UpdatePrice(UpdatePrice { execution: Execution::Immediate, prices: Prices::Electricity(prices) });
    let request = request("1.2.1", CommandVariant::Transform, body);
    assert!(transform(&request, &ctx(DeviceType::Esme)).is_ok());
    let error = transform(&request, &ctx(DeviceType::Gsme)).unwrap_err();
    assert_eq!(error.response_code(), Some(ResponseCode::E11));
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
        let start = gas::start(Execution::At(Time::from_seconds(at)), 0);
        assert_eq!(start.is_ok(), fits, "{at}");
    }
}

#[test]
fn the_version_of_the_device_chooses_the_use_case() {
    let read = request("4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    let mut old = ctx(DeviceType::Gsme);
    old.device.gbcs_version = "3.2".parse().unwrap();
    assert_eq!(transform(&read, &old).unwrap().use_case.name, "GCS60");
    assert_eq!(transform(&read, &ctx(DeviceType::Gsme)).unwrap().use_case.name, "GCS60a");
    assert!("4".parse::<GbcsVersion>().is_err() && "+4.3".parse::<GbcsVersion>().is_err());
}
