//! How it ended: what the meters hold against what was asked, and the evidence of each Response.
use super::Delivery;
use super::han::Readings;
use delivery::Kind;
use duis::body::{BalanceChange, DebtRecovery, ElectricityPriceMatrix, GasPriceMatrix, PaymentMode, Prices};
use duis::{Body, Request};
use meter::{Register, Value};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// What registers should hold when every request was executed.
pub struct Asked {
    /// Meter, register, value as it prints.
    rows: Vec<Row>,
}

struct Row {
    gas: bool,
    register: String,
    value: String,
}

impl Asked {
    /// From the requests, in their order, and what the meters held before.
    pub fn of<'a>(requests: impl Iterator<Item = &'a Request>, before: &Readings) -> Self {
        let mut expected: BTreeMap<(bool, String), Value> = BTreeMap::new();
        let mut order = Vec::new();
        for request in requests {
            let gas = is_gas(request, before);
            let held = |register: &str, expected: &BTreeMap<(bool, String), Value>| {
                let known = expected.get(&(gas, register.to_owned())).cloned();
                match known.or_else(|| value_of(registers(before, gas), register).cloned()) {
                    Some(Value::Money(amount)) => amount,
                    _ => 0,
                }
            };
            for (register, wish) in wishes(&request.body) {
                let value = match wish {
                    Wish::Add(amount) => Value::Money(held(&register, &expected) + amount),
                    Wish::Be(value) => value,
                };
                let key = (gas, register);
                if !order.contains(&key) {
                    order.push(key.clone());
                }
                expected.insert(key, value);
            }
        }
        let rows = order
            .into_iter()
            .filter_map(|key| {
                let value = expected.get(&key)?.to_string();
                Some(Row { gas: key.0, register: key.1, value })
            })
            .collect();
        Self { rows }
    }
}

enum Wish {
    Add(i64),
    Be(Value),
}

/// Which registers a request is about. Requests that change none that is shown (reads, messages) have no rows.
fn wishes(body: &Body) -> Vec<(String, Wish)> {
    let money = |register: &str, amount: i64| (register.to_owned(), Wish::Be(Value::Money(amount)));
    let text = |register: &str, text: &str| (register.to_owned(), Wish::Be(Value::Text(text.to_owned())));
    match body {
        Body::UpdateMeterBalance(balance) => match balance.change() {
            BalanceChange::Adjust(amount) => vec![("meter balance".to_owned(), Wish::Add((*amount).into()))],
            BalanceChange::Reset => vec![money("meter balance", 0)],
        },
        Body::UpdatePaymentMode(mode) => match &mode.to {
            PaymentMode::Credit => vec![text("payment mode", "credit")],
            PaymentMode::Prepayment(how) => vec![
                text("payment mode", "prepayment"),
                money("disablement threshold", how.disablement_threshold.into()),
            ],
        },
        Body::UpdateDebt(debt) => {
            let mut rows = vec![
                ("time debt 1".to_owned(), Wish::Add(debt.time_debt_1.into())),
                ("time debt 2".to_owned(), Wish::Add(debt.time_debt_2.into())),
                ("payment debt".to_owned(), Wish::Add(debt.payment_debt.into())),
            ];
            let recoveries = match &debt.recovery {
                DebtRecovery::Electricity(both) => both.each_ref().map(|r| (scaled(r.rate.into(), r.scale), r.period)),
                DebtRecovery::Gas(both) => both.each_ref().map(|r| (r.rate.into(), r.period)),
            };
            for (n, (rate, period)) in recoveries.into_iter().enumerate() {
                rows.push(money(&format!("time debt {} recovery", n + 1), rate));
                let period = Wish::Be(Value::Seconds(period.seconds()));
                rows.push((format!("time debt {} recovery period", n + 1), period));
            }
            rows
        }
        Body::UpdatePrice(update) => prices(&update.prices),
        Body::DisplayMessage(message) => vec![text("message", message.text.as_str())],
        Body::Plain { element: "EnableSupply", .. } => vec![text("supply", "enabled")],
        Body::Plain { element: "DisableSupply", .. } => vec![text("supply", "disabled")],
        Body::Plain { element: "ArmSupply", .. } => vec![text("supply", "armed")],
        Body::Plain { element: "ActivateEmergencyCredit", .. } => vec![text("emergency credit", "active")],
        _ => Vec::new(),
    }
}

fn prices(prices: &Prices) -> Vec<(String, Wish)> {
    let row = |register: String, amount: i64| (register, Wish::Be(Value::Money(amount)));
    let mut rows = Vec::new();
    match prices {
        Prices::Electricity(p) => {
            rows.push(row("standing charge".into(), scaled(p.standing_charge.into(), p.standing_charge_scale)));
            let scale = p.price_scale;
            let list = match &p.tariff {
                ElectricityPriceMatrix::Tou(tariff) => Some(&tariff.prices),
                ElectricityPriceMatrix::Hybrid(tariff) => Some(&tariff.tou),
                ElectricityPriceMatrix::Block(_) => None,
            };
            let prices = list.into_iter().flat_map(|list| list.entries());
            rows.extend(prices.map(|(n, price)| row(format!("price TOU {n}"), scaled((*price).into(), scale))));
        }
        Prices::Gas(p) => {
            rows.push(row("standing charge".into(), p.standing_charge.into()));
            if let GasPriceMatrix::Tou(tariff) = &p.tariff {
                rows.extend(tariff.prices.entries().map(|(n, price)| row(format!("price TOU {n}"), (*price).into())));
            }
        }
    }
    rows
}

/// `mantissa * 10^scale` pounds, in thousandths of a penny.
fn scaled(mantissa: i64, scale: i8) -> i64 {
    let exponent = i32::from(scale) + 5;
    match u32::try_from(exponent) {
        Ok(up) => mantissa.saturating_mul(10i64.saturating_pow(up)),
        Err(_) => mantissa / 10i64.saturating_pow(exponent.unsigned_abs()),
    }
}

fn is_gas(request: &Request, before: &Readings) -> bool {
    request.header.id.target == before.gas_meter
}

fn registers(readings: &Readings, gas: bool) -> &[Register] {
    if gas { &readings.gsme } else { &readings.esme }
}

fn value_of<'r>(registers: &'r [Register], name: &str) -> Option<&'r Value> {
    registers.iter().find(|register| register.name == name).map(|register| &register.value)
}

/// All that the demo has to tell at its end.
pub struct Report<'r> {
    /// What became of each.
    pub deliveries: &'r [Delivery],
    /// What registers should hold.
    pub asked: &'r Asked,
    /// What they hold.
    pub after: &'r Readings,
    /// What the head end shows for each.
    pub evidence: &'r [serde_json::Value],
    /// Messages that the hub refused, and by which rule.
    pub refused_by_hub: Vec<String>,
}

impl Report<'_> {
    /// Every delivery confirmed, and every register as asked.
    pub fn holds(&self) -> bool {
        self.deliveries.iter().all(|d| d.kind == Kind::Confirmed) && self.rows().all(|(_, _, fits)| fits)
    }

    fn rows(&self) -> impl Iterator<Item = (&Row, String, bool)> {
        self.asked.rows.iter().map(|row| {
            let register = registers(self.after, row.gas).iter().find(|register| register.name == row.register);
            let held = register.map_or("-".to_owned(), |register| register.value.to_string());
            let fits = held == row.value;
            (row, held, fits)
        })
    }

    /// To stdout.
    pub fn print(&self, as_json: bool, elapsed: Duration) {
        if as_json { self.print_json(elapsed) } else { self.print_text(elapsed) }
    }

    fn print_json(&self, elapsed: Duration) {
        for (delivery, evidence) in self.deliveries.iter().zip(self.evidence) {
            let line = json!({
                "request": delivery.name,
                "delivery": delivery.id.to_string(),
                "service": delivery.request.header.srv.to_string(),
                "device": delivery.request.header.id.target.to_string(),
                "state": delivery.state,
                "detail": delivery.detail,
                "elapsed_ms": delivery.elapsed().as_millis() as u64,
                "evidence": evidence,
            });
            say!("{line}");
        }
        let registers: Vec<_> = self
            .rows()
            .map(|(row, held, fits)| {
                json!({ "meter": meter(row.gas), "register": row.register, "asked": row.value, "holds": held, "as_asked": fits })
            })
            .collect();
        let line = json!({
            "deliveries": self.deliveries.len(),
            "holds": self.holds(),
            "elapsed_ms": elapsed.as_millis() as u64,
            "registers": registers,
            "refused_by_hub": self.refused_by_hub,
        });
        say!("{line}");
    }

    fn print_text(&self, elapsed: Duration) {
        say!("\nWhat the meters hold now");
        say!("  {:<12} {:<30} {:>14} {:>14}", "meter", "register", "asked", "holds");
        for (row, held, fits) in self.rows() {
            let mark = if fits { "" } else { "  differs" };
            say!("  {:<12} {:<30} {:>14} {:>14}{mark}", meter(row.gas), row.register, row.value, held);
        }
        say!("\nEvidence");
        for (delivery, evidence) in self.deliveries.iter().zip(self.evidence) {
            say!("  {:<26} {} after {:.3} s", delivery.name, delivery.state, delivery.elapsed().as_secs_f64());
            for line in evidence_lines(evidence) {
                say!("    {line}");
            }
            match delivery.kind {
                Kind::Confirmed => {}
                Kind::Unknown => say!("    the meter may have executed it, and nothing here can tell"),
                kind if kind.is_terminal() => say!("    {}", delivery.detail.as_deref().unwrap_or_default()),
                _ => say!("    waits {}", evidence["waiting"].as_str().unwrap_or_default()),
            }
        }
        for refusal in &self.refused_by_hub {
            say!("\n{refusal}");
        }
        let confirmed = self.deliveries.iter().filter(|d| d.kind == Kind::Confirmed).count();
        say!("\n{confirmed} of {} confirmed, in {:.1} s", self.deliveries.len(), elapsed.as_secs_f64());
    }
}

fn meter(gas: bool) -> &'static str {
    if gas { "gas" } else { "electricity" }
}

/// The words of the head end's evidence that fit on a line: what went, what came back, who vouches for it.
fn evidence_lines(delivery: &serde_json::Value) -> Vec<String> {
    let evidence = &delivery["evidence"];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for label in ["command", "response"] {
        let message = &evidence[label];
        if message.is_null() {
            continue;
        }
        let signed = text(&message["signed_by"]);
        let mut proof = if signed.is_empty() { String::new() } else { format!("signed by {signed}") };
        if message["mac"] == true {
            proof += if proof.is_empty() { "closed by a MAC" } else { ", closed by a MAC" };
        }
        let code = if label == "command" { text(&evidence["message_code"]) + " " } else { String::new() };
        let octets = message["octets"].as_u64().unwrap_or_default();
        let sha256 = text(&message["sha256"]);
        let digest = sha256.get(..16).unwrap_or(&sha256);
        let by = text(&message["brought_by"]);
        lines.push(format!("{label:<8} {code}{octets} octets, sha256 {digest}.., {proof}, brought by {by}"));
    }
    lines
}
