//! `DebugInfo`: how each part of an answer went, where not all of it went well.
use gbcs::catalogue;
use gbcs::dlms::Choice;
use gbcs::gbz::zcl::Status;

use super::answer::Part;
use super::element::Element;

/// The element for these parts; none where there are none.
pub(super) fn info(parts: &[Part]) -> Option<Element> {
    let rows: Vec<_> = parts.iter().enumerate().filter_map(row).collect();
    if !rows.is_empty() {
        return Some(Element::new("DebugInfo", [Element::new("COSEMDebug", rows)]));
    }
    // One element for each run of parts of a cluster.
    let mut clusters: Vec<(u16, Vec<Element>)> = Vec::new();
    for (cluster, element) in parts.iter().filter_map(component) {
        match clusters.last_mut().filter(|(last, _)| *last == cluster) {
            Some((_, elements)) => elements.push(element),
            None => clusters.push((cluster, vec![element])),
        }
    }
    let of_cluster = |(cluster, elements): (u16, Vec<Element>)| {
        let name = Element::text("ClusterName", cluster_name(cluster)).with("id", format!("{cluster:04X}"));
        Element::new("ZIGBEEClusterResponse", [vec![name], elements].concat())
    };
    let clusters: Vec<_> = clusters.into_iter().map(of_cluster).collect();
    (!clusters.is_empty()).then(|| Element::new("DebugInfo", [Element::new("ZIGBEEDebug", clusters)]))
}

fn row((place, part): (usize, &Part)) -> Option<Element> {
    let Part::Row { choice, result } = part else { return None };
    /// What the schema calls a method's result otherwise than an attribute's, and what only one of them can be.
    const ACTION: [(u8, &str); 2] = [(15, "long-action-aborted"), (16, "no-long-action-in-progress")];
    let known = result.name();
    let (element, name) = match choice {
        Choice::Action => {
            let of_action = ACTION.iter().find(|(number, _)| *number == result.0).map(|(_, name)| *name);
            ("ActionResult", of_action.or(known.filter(|_| result.0 <= 14 || result.0 == 250)))
        }
        Choice::Get | Choice::GetSelective | Choice::Set => ("DataAccessResult", known),
    };
    let status = Element::text(element, name.unwrap_or("response-code-not-known"));
    let response = Element::new("COSEMResponse", [status]);
    Some(response.with("ResponseCode", result.0).with("Position", place + 1))
}

fn component(part: &Part) -> Option<(u16, Element)> {
    match part {
        Part::Row { .. } => None,
        Part::Command { cluster, command, status } => {
            let id = Element::text("CommandID", format!("{command:02X}"));
            Some((*cluster, Element::new("ZIGBEECommandResponse", [id, status_element(*status)])))
        }
        Part::Attribute { cluster, attribute, status } => {
            let name = catalogue::zcl_attribute(*cluster, *attribute).map(|known| catalogue::words(known.name));
            let id = match name {
                Some(name) => format!("{attribute:04X} {name}"),
                None => format!("{attribute:04X}"),
            };
            let id = Element::text("AttributeID", id);
            Some((*cluster, Element::new("ZIGBEEDataResponse", [id, status_element(*status)])))
        }
    }
}

fn status_element(status: Status) -> Element {
    let name = Element::text("ZCLStatus", status.name().unwrap_or("RESPONSE_CODE_NOT_KNOWN"));
    Element::new("Status", [name]).with("ResponseCode", format!("{:02X}", status.0))
}

/// What Smart Energy calls a cluster.
fn cluster_name(cluster: u16) -> &'static str {
    match cluster {
        0x0000 => "Basic",
        0x0700 => "Price",
        0x0702 => "Metering",
        0x0703 => "Messaging",
        0x0705 => "Prepayment",
        0x0707 => "Calendar",
        0x0708 => "Device Management",
        0x0709 => "Events",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::dlms::DataAccessResult;

    #[test]
    fn a_row_says_its_place_and_result_and_a_method_has_names_of_its_own() {
        let part = |choice, number| Part::Row { choice, result: DataAccessResult(number) };
        let text =
            info(&[part(Choice::Set, 0), part(Choice::Action, 15), part(Choice::Action, 17), part(Choice::Get, 99)]);
        let text = text.unwrap().to_document();
        for expected in [
            r#"ResponseCode="0" Position="1"><ra:DataAccessResult>success<"#,
            r#"ResponseCode="15" Position="2"><ra:ActionResult>long-action-aborted<"#,
            r#"ResponseCode="17" Position="3"><ra:ActionResult>response-code-not-known<"#,
            r#"ResponseCode="99" Position="4"><ra:DataAccessResult>response-code-not-known<"#,
        ] {
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn parts_of_one_cluster_stand_together() {
        let command = |cluster| Part::Command { cluster, command: 0xFF, status: Status::FAILURE };
        let attribute = Part::Attribute { cluster: 0x0700, attribute: 0x0617, status: Status::HARDWARE_FAILURE };
        let text = info(&[attribute, command(0x0700), command(0x0705)]).unwrap().to_document();
        assert_eq!(text.matches("<ra:ZIGBEEClusterResponse>").count(), 2, "{text}");
        assert!(text.contains(r#"<ra:ClusterName id="0700">Price<"#), "{text}");
        assert!(text.contains(r#"<ra:AttributeID>0617 price trailing digit<"#), "{text}");
    }
}
