//! Numbers as `xs:decimal` and `xs:integer` write them.

/// `n` times ten to the power, where that is whole.
pub(super) fn whole(n: i64, power: i64) -> Option<i64> {
    let ten = 10i64.checked_pow(u32::try_from(power.unsigned_abs()).ok()?)?;
    if power >= 0 { n.checked_mul(ten) } else { (n % ten == 0).then(|| n / ten) }
}

/// `n` times ten to the power, without an exponent.
pub(super) fn decimal(n: i64, power: i8) -> String {
    let digits = n.unsigned_abs().to_string();
    let sign = if n < 0 { "-" } else { "" };
    match usize::from(power.unsigned_abs()) {
        0 => format!("{sign}{digits}"),
        zeros if power > 0 && n != 0 => format!("{sign}{digits}{:0<zeros$}", ""),
        places if power < 0 => {
            let digits = format!("{digits:0>width$}", width = places + 1);
            let (whole, rest) = digits.split_at(digits.len() - places);
            format!("{sign}{whole}.{rest}")
        }
        _ => "0".into(),
    }
}

/// `n * times / by`, to a millionth where it does not come out even.
pub(super) fn ratio(n: i64, times: i64, by: i64) -> Option<String> {
    if by <= 0 {
        return None;
    }
    if let Some(places) = (0..=9).find(|places| 10i64.pow(*places) == by) {
        return Some(decimal(n.checked_mul(times)?, -(places as i8)));
    }
    let millionths = i128::from(n) * i128::from(times) * 1_000_000 / i128::from(by);
    let text = decimal(i64::try_from(millionths).ok()?, -6);
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_no_exponent() {
        for (n, power, expected) in
            [(12_345, -3, "12.345"), (-5, -3, "-0.005"), (7, 2, "700"), (0, 5, "0"), (0, -2, "0.00"), (3, 0, "3")]
        {
            assert_eq!(decimal(n, power), expected);
        }
        assert_eq!(ratio(1, 1, 3).as_deref(), Some("0.333333"));
        assert_eq!(ratio(10, 1, 4).as_deref(), Some("2.5"));
        assert_eq!(ratio(1, 1, 0), None);
    }
}
