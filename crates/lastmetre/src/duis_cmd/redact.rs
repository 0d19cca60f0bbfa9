//! What opens a top-up is shown to nobody who did not ask: UTRNs in what is printed, as digits, in hex, in base64.
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gbcs::utrn::Utrn;
use serde_json::Value;

/// What stands in place of one.
const HIDDEN: &str = "(UTRN; --show-secrets shows it)";
/// Digits of a UTRN.
const DIGITS: usize = 20;
/// Fields whose numbers may be as long, and are none.
const NUMBERS: [&str; 2] = ["request_id", "counter"];

/// Hide every UTRN in a value; a message that holds one is hidden whole, since octets that were changed are no message.
pub fn redact(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(hidden) = redacted(text) {
                *text = hidden;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(redact),
        Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(name, _)| !NUMBERS.contains(&name.as_str()))
                .for_each(|(_, value)| redact(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text without its UTRNs; `None` where it has none.
fn redacted(text: &str) -> Option<String> {
    let mut found = false;
    let words: Vec<_> = text
        .split_inclusive(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c))
        .map(|word| {
            let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '=');
            if !is_secret(bare) {
                return word.to_owned();
            }
            found = true;
            format!("{HIDDEN}{}", &word[bare.len()..])
        })
        .collect();
    found.then(|| words.concat())
}

fn is_secret(word: &str) -> bool {
    let holds = |octets: &[u8]| octets.windows(DIGITS).any(is_utrn);
    is_utrn(word.as_bytes())
        || hex::decode(word).is_ok_and(|octets| holds(&octets))
        || BASE64_STANDARD.decode(word).is_ok_and(|octets| holds(&octets))
}

fn is_utrn(digits: &[u8]) -> bool {
    let is_number = digits.len() == DIGITS && digits.iter().all(u8::is_ascii_digit);
    is_number && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<Utrn>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// GBP 10.00 (DUIS 8.6).
    const UTRN: &str = "73946144332040217315";

    #[test]
    fn a_utrn_is_hidden_however_it_is_written_and_nothing_else_is() {
        let octets = [b"\x01\x02".as_slice(), UTRN.as_bytes(), b"\x03"].concat();
        let mut line = json!({
            "request_id": format!("90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:{UTRN}"),
            "command": hex::encode_upper(&octets),
            "answer": { "GBCSPayload": BASE64_STANDARD.encode(&octets), "UTRN": UTRN },
            "text": format!("  code      \"{UTRN}\"\n  counter   1000\n"),
            "message": [{ "counter": 1000, "value": hex::encode(UTRN) }],
            "code": "I0",
            "other": "DF0901000000000000",
        });
        redact(&mut line);
        assert_eq!(
            line,
            json!({
                "request_id": format!("90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:{UTRN}"),
                "command": HIDDEN,
                "answer": { "GBCSPayload": HIDDEN, "UTRN": HIDDEN },
                "text": format!("  code      \"{HIDDEN}\"\n  counter   1000\n"),
                "message": [{ "counter": 1000, "value": HIDDEN }],
                "code": "I0",
                "other": "DF0901000000000000",
            })
        );
    }

    #[test]
    fn twenty_digits_that_are_no_utrn_stay() {
        let wrong = UTRN.replace("15", "16");
        assert_eq!(redacted(&wrong), None);
    }
}
