use super::*;

fn prepaying(balance: i32) -> Account {
    let mut account = Account::new(&FactorySettings { prepayment: true, ..FactorySettings::default() });
    account.balance = balance;
    account
}

#[test]
fn a_top_up_pays_debt_share_then_accumulated_debt_then_emergency_credit_then_balance() {
    let mut account = prepaying(0);
    account.payment_debt = 400_000;
    account.payment_share = 1_000;
    account.accumulated_debt = 100_000;
    account.emergency.active = true;
    account.emergency.remaining = 900_000;
    let split = account.top_up(1_000_000).unwrap();
    let expected = Split { payment_debt: 100_000, accumulated_debt: 100_000, emergency: 100_000, balance: 700_000 };
    assert_eq!(split, expected);
    assert_eq!((account.balance, account.payment_debt, account.accumulated_debt), (700_000, 300_000, 0));
    assert_eq!((account.emergency.remaining, account.emergency.active), (1_000_000, false));
}

#[test]
fn in_credit_mode_a_top_up_is_all_balance() {
    let mut account = prepaying(0);
    account.set_mode(PaymentMode::Credit);
    account.payment_debt = 400_000;
    account.payment_share = 10_000;
    assert_eq!(account.top_up(5).unwrap().balance, 5);
    assert_eq!(account.payment_debt, 400_000);
}

#[test]
fn a_refused_top_up_changes_nothing() {
    let mut account = prepaying(500);
    account.maximum_credit = 100;
    account.maximum_balance = 550;
    let before = account.clone();
    assert_eq!(account.top_up(101), Err(Denied::AboveMaximumCredit));
    assert_eq!(account.top_up(51), Err(Denied::AboveMaximumBalance));
    assert_eq!(account, before);
    assert!(account.top_up(50).is_ok());
}

#[test]
fn emergency_credit_is_lent_when_the_balance_is_low_and_only_in_prepayment_mode() {
    let mut account = prepaying(200_001);
    assert_eq!(account.activate_emergency(), Err(Denied::NoEmergencyCredit));
    account.balance = 200_000;
    assert_eq!(account.activate_emergency(), Ok(()));
    assert_eq!(account.activate_emergency(), Ok(()), "active already is active");
    let mut credit = prepaying(0);
    credit.set_mode(PaymentMode::Credit);
    assert_eq!(credit.activate_emergency(), Err(Denied::NoEmergencyCredit));
}

#[test]
fn supply_follows_credit_and_emergency_credit() {
    let mut account = prepaying(100);
    account.consume(101);
    assert_eq!(account.supply, Supply::Disabled);
    assert_eq!(account.enable(), Err(Denied::NoCredit));
    account.activate_emergency().unwrap();
    assert_eq!(account.supply, Supply::Armed, "lent money arms");
    assert!(account.enable_locally() && !account.enable_locally());
    account.consume(999_998);
    assert_eq!((account.supply, account.emergency.remaining), (Supply::Enabled, 2));
    account.consume(2);
    assert_eq!(account.supply, Supply::Disabled, "nothing left: {account:?}");
    account.top_up(2_000_000).unwrap();
    assert_eq!(account.supply, Supply::Armed);
    assert_eq!(account.emergency_owed(), 0);
}

#[test]
fn credit_does_not_undo_a_command_to_disable() {
    let mut account = prepaying(100);
    account.disable();
    account.top_up(100).unwrap();
    assert_eq!(account.supply, Supply::Disabled);
}

/// (from, command, result, to)
#[test]
fn the_supply_table_is_whole() {
    use Supply::{Armed, Disabled, Enabled};
    type Command = fn(&mut Account) -> Result<(), Denied>;
    let enable: Command = Account::enable;
    let arm: Command = Account::arm;
    let disable: Command = |a| {
        a.disable();
        Ok(())
    };
    for (from, command, result, to) in [
        (Disabled, enable, Ok(()), Enabled),
        (Armed, enable, Ok(()), Enabled),
        (Enabled, enable, Ok(()), Enabled),
        (Disabled, disable, Ok(()), Disabled),
        (Armed, disable, Ok(()), Disabled),
        (Enabled, disable, Ok(()), Disabled),
        (Disabled, arm, Ok(()), Armed),
        (Armed, arm, Ok(()), Armed),
        (Enabled, arm, Ok(()), Enabled),
    ] {
        let mut account = prepaying(100);
        account.supply = from;
        assert_eq!(command(&mut account), result, "{from:?}");
        assert_eq!(account.supply, to, "{from:?}");
    }
}

#[test]
fn a_new_limit_keeps_what_is_owed() {
    let mut account = prepaying(0);
    account.emergency.remaining = 600_000;
    account.set_emergency_limit(500_000);
    assert_eq!((account.emergency_owed(), account.emergency.remaining), (400_000, 100_000));
}

#[test]
fn what_crosses_a_line_is_noticed_once() {
    let mut after = prepaying(300_000);
    after.low_credit = 250_000;
    let before = after.clone();
    after.consume(150_000);
    assert_eq!(notices(&before, &after), [0x810D, 0x8119]);
    assert!(notices(&after, &after).is_empty());
}

#[test]
fn suspended_debt_gathers_while_emergency_credit_is_in_use_and_rests_while_supply_is_off() {
    let mut account = prepaying(0);
    account.time_debts[0] = TimeDebt { remaining: 1_000, rate: 300, period: 3_600 };
    account.ledger.debts_changed = 1_000;
    account.activate_emergency().unwrap();
    assert_eq!(account.charge(Charge::TimeDebt(0), 300), 300);
    assert_eq!((account.emergency_owed(), account.accumulated_debt), (300, 0), "lent for the debt");
    account.suspend_emergency = true;
    account.charge(Charge::TimeDebt(0), 300);
    account.charge(Charge::Standing, 500);
    assert_eq!((account.emergency_owed(), account.accumulated_debt), (300, 800));
    account.disable();
    account.suspend_disabled = true;
    assert_eq!(account.charge(Charge::TimeDebt(0), 300), 0);
    account.suspend_disabled = false;
    assert_eq!(account.charge(Charge::TimeDebt(0), 900), 400, "no more than what is left");
    assert_eq!(account.held(), account.ledger.expected());
}

#[test]
fn a_cap_ends_the_recovery_of_payment_debt_until_its_period_ends() {
    let mut account = prepaying(0);
    account.change_debt(2, 100_000).unwrap();
    (account.payment_share, account.debt_cap, account.debt_cap_period) = (5_000, 30_000, 604_800);
    assert_eq!(account.top_up(40_000).unwrap().payment_debt, 20_000);
    assert_eq!(account.top_up(40_000).unwrap().payment_debt, 10_000);
    assert_eq!(account.top_up(40_000).unwrap().payment_debt, 0);
    account.renew_cap();
    assert_eq!(account.top_up(40_000).unwrap().payment_debt, 20_000);
    assert_eq!(account.held(), account.ledger.expected());
}

#[test]
fn a_non_disablement_period_keeps_supply_on_until_it_ends() {
    let mut account = prepaying(100);
    account.protect(true);
    let before = account.clone();
    account.consume(500);
    assert_eq!((account.supply, account.balance), (Supply::Enabled, -400));
    assert!(notices(&before, &account).contains(&0x8F83));
    account.protect(false);
    assert_eq!(account.supply, Supply::Disabled);
}

#[test]
fn in_credit_mode_gas_is_billed() {
    let mut account = prepaying(0);
    account.billed = true;
    account.set_mode(PaymentMode::Credit);
    account.consume(700);
    account.charge(Charge::Standing, 300);
    assert_eq!((account.balance, account.bill_to_date), (0, 1_000));
    assert_eq!(account.held(), account.ledger.expected());
}

#[test]
fn no_amount_panics() {
    for amount in [i32::MIN, -1, 0, 1, i32::MAX] {
        for balance in [i32::MIN, -1, 0, 1, i32::MAX] {
            let mut account = prepaying(balance);
            let _ = account.adjust_balance(amount);
            account.consume(amount);
            let _ = account.top_up(amount);
            account.set_emergency_limit(amount);
            let _ = account.top_up(amount);
            account.set_disablement_threshold(amount);
        }
    }
}
