//! Charges of electricity: prices by block, debt that is suspended.
use super::element::Element;
use super::form::{Misfit, bits, octets};
use super::node::Node;

/// Whether time-based debt is suspended; nothing where it is not collected at all, as in credit mode (GBCS messages 15.1).
pub(super) fn suspended(pairs: &Node, when: &str) -> Result<Option<bool>, Misfit> {
    /// Which credit and which charge: the fifth group of their objects.
    const WHICH: usize = 4;
    let Node::List(pairs) = pairs else { return Err(Misfit) };
    let mut all = Vec::new();
    for pair in pairs {
        let place = |name| octets(pair.at(name).ok_or(Misfit)?)?.get(WHICH).copied().ok_or(Misfit);
        let collection = pair.at("collection").ok_or(Misfit)?;
        all.push((place("credit")?, place("charge")?, bits(collection)?.bit(2) == Some(true)));
    }
    let (balance, emergency, time_debts) = (0, 2, 1..=2);
    let debts = || all.iter().filter(|(credit, charge, _)| *credit == balance && time_debts.contains(charge));
    if debts().next().is_none() {
        return Ok(None);
    }
    Ok(Some(match when {
        "disabled" => debts().all(|(_, _, always)| !always),
        _ => all.iter().any(|(credit, ..)| *credit == emergency),
    }))
}

/// Prices of the blocks of each time-of-use tariff: index `A1` to `D8`, the letter is the block.
pub(super) fn block_prices(node: &Node) -> Result<Vec<Element>, Misfit> {
    let Node::List(charges) = node else { return Err(Misfit) };
    let price = |index: u8| {
        charges.iter().find_map(|charge| {
            let (Node::Octets(of), Node::Number(price)) = (charge.at("index")?, charge.at("charge")?) else {
                return None;
            };
            (*of == [index]).then_some(*price)
        })
    };
    let tariff = |tou: u8| {
        let prices = (1..=4u8).filter_map(|block| {
            let price = price((0x9 + block) << 4 | tou)?;
            Some(Element::text("BlockPrice", price.to_string()).with("index", block))
        });
        let prices: Vec<_> = prices.collect();
        (!prices.is_empty()).then(|| Element::new("TariffBlockPrices", prices).with("index", tou))
    };
    Ok((1..=8).filter_map(tariff).collect())
}
