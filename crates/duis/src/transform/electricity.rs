//! Commands to an ESME: DLMS access requests whose rows stand in the order of the use case (GBCS messages 15.1, 17).
use gbcs::MessageId;
use gbcs::dlms::{AccessRequest, BitString, Data, DateTime, Obis, Row, When};

use super::{Device, Fault, Payload};
use crate::body::{
    BalanceChange, Blocks, DebtRecovery, ElectricityDebtRecovery, ElectricityPrices, ElectricityTariff, Period, Prices,
    TouPrices, UpdateDebt, UpdatePaymentModeTo,
};
use crate::{Body, Execution};

// Interface classes.
const DATA: u16 = 1;
const SCRIPT_TABLE: u16 = 9;
const SCHEDULE: u16 = 10;
const SPECIAL_DAYS: u16 = 11;
const REGISTER_MONITOR: u16 = 21;
const DATA_PROTECTION: u16 = 30;
const DISCONNECT_CONTROL: u16 = 70;
const ACCOUNT: u16 = 111;
const CREDIT: u16 = 112;
const CHARGE: u16 = 113;
const TOKEN_GATEWAY: u16 = 115;
const EXTENDED_DATA: u16 = 9000;

// Objects.
const ACCOUNT_STATUS: Obis = obis(19, 0, 0);
/// The account as it is set; it is read as [`ACCOUNT_STATUS`].
const ACCOUNT_SETTINGS: Obis = Obis([0, 1, 19, 0, 0, 255]);
const METER_CREDIT: Obis = credit(0);
const EMERGENCY_CREDIT: Obis = credit(1);
const TARIFF_CHARGE: Obis = charge(0);
const TIME_DEBT: [Obis; 2] = [charge(1), charge(2)];
const PAYMENT_DEBT: Obis = charge(3);
const STANDING_CHARGE: Obis = charge(4);
const DISABLEMENT_THRESHOLD: Obis = Obis([0, 0, 94, 44, 128, 22]);

const fn obis(c: u8, d: u8, e: u8) -> Obis {
    Obis([0, 0, c, d, e, 255])
}

const fn credit(e: u8) -> Obis {
    obis(19, 10, e)
}

const fn charge(e: u8) -> Obis {
    obis(19, 20, e)
}

/// The payload for `body`, or `None` where the use case is not supported yet.
pub(super) fn command(body: &Body, device: &Device, id: &MessageId) -> Result<Option<Payload>, Fault> {
    let (use_case, rows) = match body {
        Body::UpdatePrice(update) => match &update.prices {
            Prices::Electricity(prices) => ("ECS01b", set_price(prices, update.execution)),
            Prices::Gas(_) => return Err(Fault::Fuel),
        },
        Body::UpdateMeterBalance(balance) => match balance.change {
            BalanceChange::Adjust(amount) => ("ECS04a", vec![Row::action(CREDIT, METER_CREDIT, 1, amount)]),
            BalanceChange::Reset => ("ECS04b", (0..3).map(|e| Row::action(CREDIT, credit(e), 2, 0i32)).collect()),
        },
        Body::UpdatePaymentMode(update) => match update.to {
            UpdatePaymentModeTo::Credit => ("ECS02", credit_mode(device, update.execution)),
            UpdatePaymentModeTo::Prepayment {
                suspend_debt_disabled,
                suspend_debt_emergency,
                disablement_threshold,
            } => {
                let pairs = prepayment_pairs(device, suspend_debt_disabled, suspend_debt_emergency);
                ("ECS03", prepayment_mode(disablement_threshold, pairs, update.execution))
            }
        },
        Body::TopUpDevice(utrn) => {
            ("CS01a", vec![Row::action(TOKEN_GATEWAY, obis(19, 40, 0), 1, Data::octets(utrn.digits().as_bytes()))])
        }
        Body::UpdateDebt(debt) => match &debt.recovery {
            DebtRecovery::Electricity(recovery) => ("ECS07", manage_debt(debt, recovery)),
            DebtRecovery::Gas(_) => return Err(Fault::Fuel),
        },
        Body::DisplayMessage(message) => {
            let text = Data::octets(message.text().as_bytes());
            ("ECS10", vec![Row::set(DATA, Obis([0, 2, 96, 13, 1, 255]), 2, text)])
        }
        Body::Plain { element, .. } => match plain(element, id) {
            Some(found) => found,
            None => return Ok(None),
        },
        Body::ReturnLocalCommandResponse(_) | Body::SignedPreCommand(_) | Body::Other(_) => return Ok(None),
    };
    let octets = AccessRequest::new(id.counter, rows).encode();
    Ok(Some(Payload { use_case, octets, clock_fields: Vec::new() }))
}

/// Services whose body says nothing but which they are.
fn plain(element: &str, id: &MessageId) -> Option<(&'static str, Vec<Row>)> {
    let load_switch = |script: u16| vec![Row::action(SCRIPT_TABLE, obis(10, 0, 106), 1, script)];
    let read = |class, object, attribute| vec![Row::get(class, object, attribute)];
    Some(match element {
        "ResetTariffBlockCounterMatrix" => ("ECS05", vec![Row::action(SCRIPT_TABLE, obis(10, 0, 100), 1, 99u16)]),
        "ActivateEmergencyCredit" => ("ECS09", vec![Row::action(CREDIT, EMERGENCY_CREDIT, 3, 0i8)]),
        "EnableSupply" => ("ECS42", load_switch(51)),
        "DisableSupply" => ("ECS43", load_switch(52)),
        "ArmSupply" => ("ECS44", load_switch(54)),
        "ReadSupplyStatus" => ("ECS45", read(DISCONNECT_CONTROL, obis(96, 3, 10), 3)),
        "ReadMeterBalance" => ("ECS82", read(CREDIT, METER_CREDIT, 2)),
        "ReadDeviceConfigurationPaymentMode" => ("ECS26j", read(ACCOUNT, ACCOUNT_STATUS, 2)),
        "ReadPrepaymentConfiguration" => ("ECS26a", read_prepayment_configuration()),
        "ReadInstantaneousPrepayValues" => ("ECS19", vec![protected_read(obis(43, 2, 1), obis(94, 44, 34), 30, id)]),
        _ => return None,
    })
}

fn when(execution: Execution) -> DateTime {
    DateTime::from(match execution {
        Execution::Immediate => When::Immediate,
        Execution::At(at) => When::At(at),
        Execution::Cancel => When::Never,
    })
}

/// ECS01b: standing charge and prices, made ready and then given their start.
fn set_price(prices: &ElectricityPrices, execution: Execution) -> Vec<Row> {
    let (tou, blocks) = match &prices.tariff {
        ElectricityTariff::Tou(tou) => (Some(tou), None),
        ElectricityTariff::Block(blocks) => (None, Some(blocks)),
        ElectricityTariff::Hybrid { blocks, tou } => (Some(tou), Some(blocks)),
    };
    let standing =
        unit_charge(0, prices.standing_charge_scale, NO_COMMODITY, [charge_element(&[], prices.standing_charge)]);
    let prices = unit_charge(3, prices.price_scale, CONSUMPTION, price_matrix(tou, blocks));
    vec![
        Row::set(CHARGE, STANDING_CHARGE, 6, standing),
        Row::set(CHARGE, TARIFF_CHARGE, 6, prices),
        Row::set(CHARGE, STANDING_CHARGE, 7, when(execution)),
        Row::set(CHARGE, TARIFF_CHARGE, 7, when(execution)),
    ]
}

/// All 80 prices, those not given as zero: TOU rates 1..48 by their number, then block `a`..`d` of TOU 1..8.
fn price_matrix(tou: Option<&TouPrices>, blocks: Option<&Blocks>) -> Vec<Data> {
    let price_of_rate = |rate| tou.and_then(|t| t.get(&rate)).copied().unwrap_or(0);
    let price_of_block = |tou, block| blocks.and_then(|b| b.get(&tou)?.get(&block)).copied().unwrap_or(0);
    let rates = (1..=48).map(|rate| charge_element(&[rate], price_of_rate(rate)));
    let by_block = (1..=4).flat_map(|block| {
        (1..=8).map(move |tou| charge_element(&[(0x90 + 0x10 * block) | tou], price_of_block(tou, block)))
    });
    rates.chain(by_block).collect()
}

/// What a charge is reckoned by: class, object, attribute.
type Commodity = (u16, [u8; 6], i8);
/// A charge by time.
const NO_COMMODITY: Commodity = (0, [0; 6], 0);
/// A charge by active energy imported.
const CONSUMPTION: Commodity = (3, [1, 0, 1, 8, 0, 255], 2);

/// The unit charge of a Charge object.
fn unit_charge(
    commodity_scale: i8,
    price_scale: i8,
    (class, object, attribute): Commodity,
    table: impl Into<Vec<Data>>,
) -> Data {
    Data::structure([
        Data::structure([commodity_scale.into(), price_scale.into()]),
        Data::structure([class.into(), Data::octets(&object[..]), attribute.into()]),
        Data::array(table),
    ])
}

fn charge_element(index: &[u8], price: i16) -> Data {
    Data::structure([Data::octets(index), price.into()])
}

/// ECS02.
fn credit_mode(device: &Device, execution: Execution) -> Vec<Row> {
    let mut pairs = vec![pair(0, 0, ALL), pair(0, 4, ALL)];
    if device.twin_element {
        pairs.push(pair(0, 5, ALL));
    }
    vec![
        Row::set(ACCOUNT, ACCOUNT_SETTINGS, 2, Data::structure([Data::Enum(1), Data::Enum(1)])),
        Row::set(ACCOUNT, ACCOUNT_SETTINGS, 11, Data::array(pairs)),
        Row::set(ACCOUNT, ACCOUNT_SETTINGS, 13, when(execution)),
    ]
}

/// ECS03.
fn prepayment_mode(threshold: i32, pairs: Vec<Data>, execution: Execution) -> Vec<Row> {
    vec![
        Row::set(ACCOUNT, ACCOUNT_SETTINGS, 2, Data::structure([Data::Enum(2), Data::Enum(1)])),
        Row::set(EXTENDED_DATA, DISABLEMENT_THRESHOLD, 4, threshold),
        Row::set(ACCOUNT, ACCOUNT_SETTINGS, 11, Data::array(pairs)),
        Row::set(EXTENDED_DATA, DISABLEMENT_THRESHOLD, 6, when(execution)),
        Row::set(ACCOUNT, ACCOUNT_SETTINGS, 13, when(execution)),
    ]
}

/// Which charges are taken from which credits in prepayment mode.
///
/// Where time-based debt is suspended with the supply disabled, its pairs with the first two credits lack a bit. Where debt is
/// suspended in emergency credit, a third credit takes part.
fn prepayment_pairs(device: &Device, suspend_disabled: bool, suspend_emergency: bool) -> Vec<Data> {
    let time_debt = if suspend_disabled { NOT_WHEN_DISABLED } else { ALL };
    let bits = |h: u8| if matches!(h, 1 | 2) { time_debt } else { ALL };
    let mut pairs: Vec<_> = [(0, [0, 4, 1, 2, 3]), (1, [3, 0, 4, 1, 2])]
        .into_iter()
        .flat_map(|(credit, charges)| charges.map(|charge| pair(credit, charge, bits(charge))))
        .collect();
    if suspend_emergency {
        pairs.extend([4, 1, 2].map(|charge| pair(2, charge, ALL)));
    }
    if device.twin_element {
        pairs.extend([0, 1].map(|credit| pair(credit, 5, ALL)));
    }
    pairs
}

const ALL: u8 = 0b1110_0000;
const NOT_WHEN_DISABLED: u8 = 0b1100_0000;

fn pair(of_credit: u8, of_charge: u8, bits: u8) -> Data {
    let bits = BitString::new(3, &[bits][..]).expect("three bits in one octet");
    Data::structure([Data::octets(credit(of_credit).0), Data::octets(charge(of_charge).0), bits.into()])
}

/// ECS07: rates, share and periods, then the old rates' end, then the debts.
fn manage_debt(debt: &UpdateDebt, recovery: &[ElectricityDebtRecovery; 2]) -> Vec<Row> {
    let each = || TIME_DEBT.into_iter().zip(recovery);
    let mut rows = Vec::with_capacity(10);
    rows.extend(each().map(|(object, r)| {
        Row::set(CHARGE, object, 6, unit_charge(0, r.scale, NO_COMMODITY, [charge_element(&[], r.rate)]))
    }));
    rows.push(Row::set(CHARGE, PAYMENT_DEBT, 13, debt.recovery_per_payment));
    rows.extend(each().map(|(object, r)| {
        let seconds = if r.period == Period::Hourly { 3_600u32 } else { 86_400 };
        Row::set(CHARGE, object, 8, seconds)
    }));
    rows.extend(TIME_DEBT.map(|object| Row::action(CHARGE, object, 2, 0i8)));
    let [first, second] = TIME_DEBT;
    rows.extend([
        Row::action(CHARGE, PAYMENT_DEBT, 4, debt.payment_debt),
        Row::action(CHARGE, first, 4, debt.time_debt_1),
        Row::action(CHARGE, second, 4, debt.time_debt_2),
    ]);
    rows
}

/// ECS26a.
fn read_prepayment_configuration() -> Vec<Row> {
    let [first, second] = TIME_DEBT;
    [
        (CHARGE, first, 5),
        (SPECIAL_DAYS, obis(11, 0, 2), 2),
        (CHARGE, first, 8),
        (CHARGE, first, 5),
        (CHARGE, second, 5),
        (CHARGE, second, 8),
        (CHARGE, second, 5),
        (CHARGE, PAYMENT_DEBT, 13),
        (EXTENDED_DATA, Obis([0, 0, 94, 44, 2, 10]), 2),
        (REGISTER_MONITOR, Obis([0, 0, 16, 0, 1, 255]), 2),
        (EXTENDED_DATA, Obis([0, 0, 94, 44, 2, 20]), 2),
        (ACCOUNT, ACCOUNT_STATUS, 16),
        (ACCOUNT, ACCOUNT_STATUS, 18),
        (ACCOUNT, ACCOUNT_STATUS, 19),
        (CREDIT, EMERGENCY_CREDIT, 9),
        (CREDIT, EMERGENCY_CREDIT, 10),
        (SCHEDULE, obis(12, 0, 1), 2),
        (ACCOUNT, ACCOUNT_STATUS, 11),
    ]
    .map(|(class, object, attribute)| Row::get(class, object, attribute))
    .into()
}

/// A read whose answer comes encrypted for the originator: method 1 of the protection object of the use case, on the sensitive
/// object `94.44.34.number`, keyed by the ids and counter of this very message.
fn protected_read(protection: Obis, sensitive: Obis, number: u8, id: &MessageId) -> Row {
    let mut object = sensitive;
    object.0[5] = number;
    let transaction: Vec<u8> = [0x04].into_iter().chain(id.counter.octets()).collect();
    let objects = Data::array([Data::structure([
        DATA.into(),
        Data::octets(object.0),
        Data::Integer(2),
        Data::LongUnsigned(0),
        Data::structure([Data::Enum(0), Data::Null]),
    ])]);
    let key = Data::structure([Data::Enum(2), Data::structure([Data::octets(&[2][..]), Data::octets(&[][..])])]);
    let options = Data::structure([
        Data::octets(transaction),
        Data::octets(id.originator.0),
        Data::octets(id.target.0),
        Data::octets(&[][..]),
        key,
    ]);
    let protections = Data::array([Data::structure([Data::Enum(2), options])]);
    Row::action(DATA_PROTECTION, protection, 1, Data::structure([objects, protections]))
}
