//! `lastmetre meter live`: days pass for the meters of a home, on virtual time; a household consumes and tops up.
use super::Which;
use crate::failure::Failure;
use crate::home::{DeviceCrypto, Home};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::keystore::KeyName;
use gbcs::utrn::{Credit, Utrn};
use gbcs::{Counter, Time};
use meter::prepayment::Supply;
use meter::{Kind, Meter, Output, Place};
use std::process::ExitCode;

const DAY: u64 = 86_400_000;

/// How the household lives.
#[derive(clap::Args)]
pub struct Life {
    /// How many days pass
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// What a top-up is worth, in whole pounds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=8191))]
    top_up: u16,
    /// The balance below which the household buys one, in whole pounds
    #[arg(long, default_value_t = 2)]
    below: u16,
}

pub fn live(home: &Home, meters: &[Which], life: &Life, begin: Time) -> Result<ExitCode, Failure> {
    for which in meters {
        let mut meter = which.living(home)?;
        let begin = meter.passed().unwrap_or(begin);
        meter.handle_timeout(begin);
        let mut last = drain(&mut meter);
        let mut top_ups = 0;
        for day in 1..=u64::from(life.days) {
            let now = Time(begin.0 + day * DAY);
            meter.handle_timeout(now);
            if meter.account().balance < i32::from(life.below) * 100_000 {
                top_up(home, &mut meter, now, life.top_up)?;
                top_ups += 1;
            }
            if meter.account().supply == Supply::Armed {
                meter.enable_supply_locally(now, Place::Keypad);
            }
            last = drain(&mut meter).or(last);
        }
        let account = meter.account();
        if account.held() != account.ledger.expected() {
            return Err(Failure::did_not_hold(format!("{}: money was lost or made", meter.eui())));
        }
        if let Some(record) = last {
            home.save_state(which.name(), &record)?;
        }
        say!("{}: {} days, {top_ups} top-ups", which.name(), life.days);
    }
    Ok(ExitCode::SUCCESS)
}

/// The supplier makes the UTRN after the last one that the meter took; the household enters it.
fn top_up(home: &Home, meter: &mut Meter<DeviceCrypto>, now: Time, pounds: u16) -> Result<(), Failure> {
    let supplier = home.file.identities.supplier;
    let key = home.keys.private(KeyName::prepayment(supplier))?;
    let device = home.keys.public(KeyName::agreement(meter.eui()))?;
    let secret = AwsLc.agree(&key, &device).map_err(|e| Failure::did_not_hold(e.to_string()))?;
    let counter = Counter(meter.last_utrn().0 + (1 << 32));
    let utrn = Utrn::create(&AwsLc, &secret, supplier, meter.eui(), counter, Credit::Pounds(pounds))
        .map_err(|e| Failure::did_not_hold(e.to_string()))?;
    let entered = meter.enter_utrn(now, Place::Keypad, utrn.expose().as_bytes());
    entered.map(|_| ()).map_err(|refusal| Failure::did_not_hold(format!("a top-up on {now}: {refusal}")))
}

/// Nothing but the record counts: there is no air. The last of it.
fn drain(meter: &mut Meter<DeviceCrypto>) -> Option<Vec<u8>> {
    let mut last = None;
    loop {
        match meter.poll() {
            Output::Persist(record) => last = Some(record),
            Output::Timeout(_) => return last,
            Output::Event(_) | Output::Transmit(_) => {}
        }
    }
}

/// The kind of a meter by its name.
pub fn kind(which: Which) -> Kind {
    match which {
        Which::Esme => Kind::Esme,
        Which::Gsme => Kind::Gsme,
    }
}
