//! Types of values, in the notation of the catalogue.
use crate::objects::{Objects, obis};
use crate::text::{Parsed, inside, list, number, one, split_all, split_outside};

/// Types that stand for longer ones.
fn shorthand(word: &str) -> Option<&'static str> {
    Some(match word {
        "SU" => "{scale:int,unit:enum(27=W,28=VA,29=var,30=Wh,32=varh,33=A,35=V,254=other,255=count)}",
        "SPD" => "A[{index:longU,date:date,day:uns}]",
        "SCHED" => {
            "A[{index:longU,enabled:bool,script:obis,selector:longU,switch_time:tod,validity_window:longU,weekdays:bits,\
             special_days:bits,begin:date,end:date}]"
        }
        "SEASON" => "A[{name:text,start:TS,week:oct}]",
        "WEEK" => "A[{name:oct,monday:uns,tuesday:uns,wednesday:uns,thursday:uns,friday:uns,saturday:uns,sunday:uns}]",
        "DAY" => "A[{day:uns,schedule:A[{start:tod,script:obis,selector:longU}]}]",
        "PAIRS" => "A[{credit:obis,charge:obis,collection:bits}]",
        "EXEC" => "A[{time:tod,date:date}]",
        "REGISTERS" => {
            "either(log{timestamp:dlongU'time,active_import:dlongU'Wh,tou:A[dlongU'Wh],block_1_tou:A[dlongU'Wh],\
             block_2_tou:A[dlongU'Wh],block_3_tou:A[dlongU'Wh],block_4_tou:A[dlongU'Wh]},\
             log{timestamp:dlongU'time,active_import:dlongU'Wh,secondary_active_import:dlongU'Wh,tou:A[dlongU'Wh],\
             secondary_tou:A[dlongU'Wh],block_1_tou:A[dlongU'Wh],block_2_tou:A[dlongU'Wh],block_3_tou:A[dlongU'Wh],\
             block_4_tou:A[dlongU'Wh]})"
        }
        "PREPAYMENT" => {
            "log{timestamp:dlongU'time,emergency_credit_balance:dlong'GBP-5,meter_balance:dlong'GBP-5,\
             payment_debt:dlong'GBP-5,time_debt_1:dlong'GBP-5,time_debt_2:dlong'GBP-5,accumulated_debt:dlong'GBP-5}"
        }
        "FINANCIAL" => {
            "either(log{timestamp:dlongU'time,active_import:dlongU'Wh,tou:A[dlongU'Wh],block_1_tou:A[dlongU'Wh],\
             block_2_tou:A[dlongU'Wh],block_3_tou:A[dlongU'Wh],block_4_tou:A[dlongU'Wh],\
             emergency_credit_balance:dlong'GBP-5,meter_balance:dlong'GBP-5,payment_debt:dlong'GBP-5,\
             time_debt_1:dlong'GBP-5,time_debt_2:dlong'GBP-5,accumulated_debt:dlong'GBP-5},\
             log{timestamp:dlongU'time,active_import:dlongU'Wh,secondary_active_import:dlongU'Wh,tou:A[dlongU'Wh],\
             secondary_tou:A[dlongU'Wh],block_1_tou:A[dlongU'Wh],block_2_tou:A[dlongU'Wh],block_3_tou:A[dlongU'Wh],\
             block_4_tou:A[dlongU'Wh],emergency_credit_balance:dlong'GBP-5,meter_balance:dlong'GBP-5,\
             payment_debt:dlong'GBP-5,time_debt_1:dlong'GBP-5,time_debt_2:dlong'GBP-5,accumulated_debt:dlong'GBP-5})"
        }
        "SUBGHZ" => {
            "{page_28_mask:bits,page_29_mask:bits,page_30_mask:bits,page_31_mask:bits,\
             normal_limited_duty_cycle_threshold:longU,limited_critical_duty_cycle_threshold:longU,maximum_channel_changes_per_week:uns,\
             gsme_curfew:longU,channel_quieter_threshold:uns'dB,channel_noisier_threshold:uns'dB,\
             poor_communications_percentage:longU,poor_communications_periods:uns,\
             noise_measurement_period:longU,failure_percentage:longU,retry_percentage:longU}"
        }
        "PROTECTION" => {
            "A[{kind:enum,parameters:{transaction:pack(mode:n1,counter:n8),originator:oct8'eui,recipient:oct8'eui,\
             other:oct,key:{kind:enum,agreed:{method:oct,ciphered:oct}}}}]"
        }
        _ => return None,
    })
}

const DLMS: &[(&str, &str)] = &[
    ("null", "Null"),
    ("bool", "Boolean"),
    ("bits", "BitString"),
    ("dlong", "DoubleLong"),
    ("dlongU", "DoubleLongUnsigned"),
    ("oct", "OctetString"),
    ("vis", "VisibleString"),
    ("utf", "Utf8String"),
    ("int", "Integer"),
    ("long", "Long"),
    ("uns", "Unsigned"),
    ("longU", "LongUnsigned"),
    ("enum", "Enum"),
    ("TS", "DateTime"),
];

/// `name: type`, as a `Field`.
pub fn field(text: &str, objects: &Objects) -> Parsed<String> {
    let (name, of) = split_outside(text, ':').unwrap_or(("", text));
    named_field(name.trim(), of.trim(), objects)
}

/// A `Field` of this name and type.
pub fn named_field(name: &str, text: &str, objects: &Objects) -> Parsed<String> {
    let (of, meaning) = shape(text, objects)?;
    Ok(format!("Field {{ name: {name:?}, of: {of}, meaning: {meaning} }}"))
}

/// A slice of `Field`s.
fn fields(text: &str, objects: &Objects) -> Parsed<String> {
    let fields = split_all(text, ',').into_iter().map(|text| field(text, objects)).collect::<Parsed<Vec<_>>>()?;
    Ok(format!("&[{}]", fields.join(", ")))
}

/// The `Type` and the `Meaning` of a notation.
fn shape(text: &str, objects: &Objects) -> Parsed<(String, String)> {
    let plain = |of: String| Ok((of, "Meaning::Plain".to_string()));
    if let Some(long) = shorthand(text) {
        return shape(long, objects);
    }
    if let Some(element) = inside(text, "A[", ']') {
        return plain(format!("Type::Array(&{})", named_field("", element, objects)?));
    }
    if let Some(elements) = inside(text, "{", '}') {
        return plain(format!("Type::Structure({})", fields(elements, objects)?));
    }
    if let Some(entry) = text.strip_prefix("log") {
        return plain(format!("Type::CompactArray(&{})", named_field("", entry, objects)?));
    }
    if let Some(alternatives) = inside(text, "either(", ')') {
        return plain(format!("Type::Either({})", fields(alternatives, objects)?));
    }
    if let Some(attributes) = inside(text, "PROT(", ')') {
        return plain(format!("Type::Protected({})", protected(attributes)?));
    }
    if let Some(index) = inside(text, "UCHG(", ')') {
        let long = format!(
            "{{scaling:{{commodity_scale:int,price_scale:int}},commodity:{{class:longU,obis:obis,attribute:int}},\
             charges:A[{{index:{index},charge:long'GBP*price_scale}}]}}"
        );
        return shape(&long, objects);
    }
    if let Some(fields) = inside(text, "pack(", ')') {
        return Ok(("Type::OctetString".into(), format!("Meaning::Packed({})", list(fields, packed)?)));
    }
    let octets = [("text", "Text"), ("obis", "Obis"), ("date", "Date"), ("tod", "TimeOfDay")];
    if let Ok(meaning) = one(text, &octets) {
        return Ok(("Type::OctetString".into(), format!("Meaning::{meaning}")));
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (word, meant) = text.split_at(end);
    let of = one(word.trim_end_matches(|c: char| c.is_ascii_digit()), DLMS)?;
    Ok((format!("Type::{of}"), meaning(meant)?))
}

/// What stands behind a simple type.
pub fn meaning(text: &str) -> Parsed<String> {
    if let Some(names) = inside(text, "(", ')') {
        let names = list(names, |name| {
            let (number_of, name) = name.split_once('=').ok_or("no = between a number and its name")?;
            Ok(format!("({}, {name:?})", number::<u32>(number_of)?))
        })?;
        return Ok(format!("Meaning::Names({names})"));
    }
    Ok(match text.strip_prefix('\'') {
        None if text.is_empty() => "Meaning::Plain".into(),
        None => return Err(format!("{text:?} behind a type")),
        Some("time") => "Meaning::Time".into(),
        Some("event") => "Meaning::Event".into(),
        Some("eui") => "Meaning::Eui64".into(),
        Some(unit) => {
            let (symbol, scale) = match (unit.split_once('*'), unit.find(['-', '+'])) {
                (Some((symbol, field)), _) => (symbol, format!("Scale::Field({field:?})")),
                (None, Some(at)) => (&unit[..at], format!("Scale::Fixed({})", number::<i8>(&unit[at..])?)),
                (None, None) => (unit, "Scale::Fixed(0)".into()),
            };
            format!("Meaning::Quantity(Unit {{ symbol: {symbol:?}, scale: {scale} }})")
        }
    })
}

/// `name:n8`
fn packed(text: &str) -> Parsed<String> {
    let (name, form) = text.split_once(':').ok_or("no : in a packed field")?;
    let (form, octets) = form.split_at(form.len().min(1));
    let form = one(form, &[("n", "Number"), ("x", "Hex"), ("e", "Eui64"), ("o", "Obis")])?;
    let octets: u8 = number(octets)?;
    match (form, octets) {
        ("Eui64", 8) | ("Obis", 6) | ("Number" | "Hex", 1..=8) => {}
        _ => return Err(format!("{octets} octets of a packed {form}")),
    }
    Ok(format!("PackedField {{ name: {name:?}, octets: {octets}, form: PackedForm::{form} }}"))
}

/// Class, object, attribute, and whether a range of it is asked for.
pub type ProtectedAttribute = (u16, [u8; 6], u8, bool);

/// `1 94.44.34.10 #2, 7 98.1.0 #2 range`, taken apart.
pub fn protected_attributes(text: &str) -> Parsed<Vec<ProtectedAttribute>> {
    let attributes = text.split(',').map(|attribute| {
        let parts: Vec<_> = attribute.split_whitespace().collect();
        let ([class, object, index] | [class, object, index, "range"]) = parts[..] else {
            return Err(format!("no protected attribute: {attribute}"));
        };
        let index = number(index.strip_prefix('#').ok_or("no # in a protected attribute")?)?;
        let [(object, _)] = obis(object)?[..] else { return Err("a protected attribute is of one object".into()) };
        Ok((number(class)?, object, index, parts.len() == 4))
    });
    attributes.collect()
}

fn protected(text: &str) -> Parsed<String> {
    let attributes = protected_attributes(text)?.into_iter().map(|(class, obis, index, range)| {
        format!("ProtectedAttribute {{ class: {class}, obis: Obis({obis:?}), index: {index}, range: {range} }}")
    });
    Ok(format!("&[{}]", attributes.collect::<Vec<_>>().join(", ")))
}
