//! The catalogue of services against the published schema and the project's notes on it.
mod common;

use std::collections::BTreeMap;

use common::shared;
use duis::catalogue::{self, Criticality, Entry};
use duis::{DeviceType, Role, Srv};

/// The texts between `start` and the next `end` that stand in `value="..."` or `name="..."`.
fn quoted<'t>(schema: &'t str, start: &str, end: &str, attribute: &str) -> Vec<&'t str> {
    let from = schema.find(start).unwrap_or_else(|| panic!("{start} in the schema"));
    let part = &schema[from + start.len()..];
    let part = &part[..part.find(end).unwrap()];
    let mark = format!("{attribute}=\"");
    part.split(&mark).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn every_service_and_every_body_element_of_the_schema_is_there_and_no_other() {
    let Some(folder) = shared("duis") else { return };
    let schema = std::fs::read_to_string(folder.join("DUIS Schema V5.4.xsd")).unwrap();
    let start = "<xs:simpleType name=\"ServiceReferenceVariant\">";
    let mut listed: Vec<Srv> =
        quoted(&schema, start, "</xs:simpleType>", "value").into_iter().map(|srv| srv.parse().unwrap()).collect();
    let mut ours: Vec<Srv> = catalogue::entries().iter().map(|e| e.srv).collect();
    listed.sort();
    ours.sort();
    assert_eq!(ours, listed);
    let request = &schema[schema.find("<xs:complexType name=\"Request\">").unwrap()..];
    let mut listed = quoted(request, "<xs:element name=\"Body\">", "</xs:choice>", "name");
    let signed = listed.pop();
    assert_eq!(signed, Some("SignedPreCommand"));
    let ours: Vec<_> = catalogue::entries().iter().map(|e| e.body).collect();
    assert_eq!(ours, listed, "in the order of the schema");
}

/// What the notes say of a service, column by column: criticality, Command Variants, dates, roles, targets, use cases, originators.
fn told(e: &Entry) -> [String; 7] {
    let join = |list: Vec<String>, by: &str| if list.is_empty() { "-".to_owned() } else { list.join(by) };
    let criticality = match e.criticality {
        Criticality::Critical => "C",
        Criticality::NonCritical => "N",
        Criticality::NonDevice => "ND",
    };
    let numbers: Vec<u8> = e.variants.iter().map(|v| *v as u8).collect();
    let variants = match numbers[..] {
        [one] => one.to_string(),
        [first, last] => format!("{first},{last}"),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    };
    let mut dates = Vec::new();
    match (e.future_dating.dcc, e.future_dating.device) {
        (true, true) => dates.push("DSP+Device".to_owned()),
        (true, false) => dates.push("DSP".to_owned()),
        (false, true) => dates.push("Device".to_owned()),
        (false, false) => {}
    }
    if e.future_dating.scheduled {
        dates.push("sched".to_owned());
    }
    let role = |role: &Role| format!("{role:?}").to_uppercase();
    let roles = match e.roles.len() {
        7 => "all".to_owned(),
        _ => join(e.roles.iter().map(role).collect(), ","),
    };
    let targets = join(e.targets.iter().map(DeviceType::to_string).collect(), "/");
    let use_cases = join(e.use_cases.iter().map(|u| format!("{}({:04X})", u.name, u.code.0)).collect(), " ");
    let o = e.originators;
    let who = [(o.acb, "acb"), (o.user, "user"), (o.transitional_cos, "tcos")];
    let originators = join(who.into_iter().filter(|(is, _)| *is).map(|(_, name)| name.to_owned()).collect(), "+");
    [criticality.to_owned(), variants, join(dates, ", "), roles, targets, use_cases, originators]
}

#[test]
fn every_row_is_what_the_notes_say_of_the_service() {
    let Some(folder) = shared("spec") else { return };
    let notes = std::fs::read_to_string(folder.join("duis.md")).unwrap();
    let rows: BTreeMap<Srv, Vec<&str>> = notes
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
            let srv = cells.first()?.parse().ok()?;
            (cells.len() == 10 && catalogue::by_body(cells[1]).is_some()).then_some((srv, cells[1..9].to_vec()))
        })
        .collect();
    assert_eq!(rows.len(), catalogue::entries().len());
    for e in catalogue::entries() {
        let row = &rows[&e.srv];
        assert_eq!(row[0], e.body, "{}", e.srv);
        let noted = row[1..].iter().map(|cell| match *cell {
            // Services of the DCC for nobody's use, and of a role that DUIS has no name for.
            "(DCC)" | "(load controller)" | "DCC" => "-".to_owned(),
            other => other.replace('*', ""),
        });
        assert_eq!(told(e).to_vec(), noted.collect::<Vec<_>>(), "{}", e.srv);
    }
}
