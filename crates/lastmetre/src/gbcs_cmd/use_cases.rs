//! `gbcs use-cases`: the catalogue.
use super::{Failure, Outcome};
use clap::Args;
use gbcs::catalogue::{
    self, Arguments, ComponentTemplate, Field, Meaning, Protection, RowTemplate, Scale, Type, UseCase, ZclField,
};
use gbcs::dlms::Choice;
use gbcs::gbz::zcl::FROM_SERVER;
use gbcs::{Cra, MessageCode};
use serde_json::{Map, Value, json};
use std::io::Write;

#[derive(Debug, Args)]
pub(super) struct UseCasesArgs {
    /// One JSON object per message code, whole
    #[arg(long)]
    json: bool,
    /// Message codes (0x001C) or use cases (ECS04a) to show whole; none lists all
    #[arg(value_name = "CODE|ID")]
    which: Vec<String>,
}

pub(super) fn list(args: &UseCasesArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    let mut chosen: Vec<&UseCase> = Vec::new();
    for which in &args.which {
        let before = chosen.len();
        let code = which.strip_prefix("0x").and_then(|digits| u16::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => chosen.extend(catalogue::find(MessageCode(code))),
            None => chosen.extend(catalogue::all().iter().filter(|u| u.id.eq_ignore_ascii_case(which))),
        }
        if chosen.len() == before {
            return Err(
                Failure::misuse(format!("no use case {which}")).hint("a message code as 0x001C or an id as ECS04a")
            );
        }
    }
    let whole = !chosen.is_empty();
    if !whole {
        chosen.extend(catalogue::all());
    }
    for use_case in chosen {
        if args.json {
            writeln!(out, "{}", to_json(use_case))?;
        } else if whole {
            write_whole(use_case, out)?;
        } else {
            let UseCase { code, id, title, category, .. } = use_case;
            writeln!(out, "{code} {id:<8} {category:<22} {:<20} {title}", joined(use_case.targets))?;
        }
    }
    Ok(Outcome::Held)
}

fn joined(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn protection(use_case: &UseCase, cra: Cra) -> &'static str {
    match use_case.protection(cra) {
        None => "none",
        Some(Protection::Mac) => "MAC",
        Some(Protection::Signature) => "signature",
        Some(Protection::SignatureAndMac) => "signature and MAC",
        Some(Protection::MacOrSignature) => "MAC or signature",
    }
}

fn write_whole(use_case: &UseCase, out: &mut impl Write) -> Result<(), Failure> {
    let UseCase { code, id, title, family, services, targets, roles, category, .. } = use_case;
    let yes = |b| if b { "yes" } else { "no" };
    writeln!(out, "{code} {id} {title}")?;
    writeln!(out, "  family        {family:?}")?;
    writeln!(out, "  services      {}", joined(services))?;
    writeln!(out, "  devices       {}", joined(targets))?;
    writeln!(out, "  roles         {}", joined(roles))?;
    writeln!(out, "  category      {category}")?;
    writeln!(out, "  future dated  {}", yes(use_case.future_dated))?;
    writeln!(out, "  replay        {}", if use_case.replay_protected { "refused" } else { "answered again" })?;
    for (name, cra) in [("Command", Cra::Command), ("Response", Cra::Response), ("Alert", Cra::Alert)] {
        if use_case.protection(cra).is_some() {
            writeln!(out, "  {name:<13} {}", protection(use_case, cra))?;
        }
    }
    for (i, row) in use_case.rows.iter().enumerate() {
        writeln!(out, "  {:>2} {}", i + 1, row_text(row))?;
    }
    for field in use_case.further {
        writeln!(out, "   ! {field}")?;
    }
    for component in use_case.components {
        writeln!(out, "   > {}", component_text(component))?;
    }
    for component in use_case.answers {
        writeln!(out, "   < {}", component_text(component))?;
    }
    writeln!(out)?;
    Ok(())
}

fn row_text(row: &RowTemplate) -> String {
    let to = if row.obis == row.obis_to { String::new() } else { format!(" to {}", row.obis_to) };
    let optional = if row.optional { ", may be absent" } else { "" };
    let choice = format!("{:?}", row.choice);
    let RowTemplate { class, obis, index, request, response, .. } = row;
    let name = row.member.full_name();
    format!("{choice:<12} {name:<56} {class:>4} {obis}{to} #{index}  {request} -> {response}{optional}")
}

fn component_text(component: &ComponentTemplate) -> String {
    let ComponentTemplate { cluster, frame_control, command, least, most, .. } = component;
    let name = gbcs::gbz::zcl::command_name(*cluster, *frame_control, *command).unwrap_or("?");
    let mut text = format!("{cluster:04X}/{frame_control:02X}:{command:02X} {name}");
    match component.arguments {
        Arguments::None => {}
        Arguments::Attributes(ids) => {
            let ids: Vec<_> = ids.iter().map(|id| format!("{id:04X}")).collect();
            text.push_str(&format!(" ({})", ids.join(" ")));
        }
        Arguments::DefaultResponse { command, status } => text.push_str(&format!(" (to {command:02X}: {status})")),
    }
    match (least, most) {
        (1, 1) => {}
        (least, most) if least == most => text.push_str(&format!(" x {least}")),
        (least, most) => text.push_str(&format!(" x {least} to {most}")),
    }
    if component.encrypted {
        text.push_str(", encrypted");
    }
    if component.from_date_time {
        text.push_str(", with From-Date-Time");
    }
    text
}

fn to_json(use_case: &UseCase) -> Value {
    json!({
        "code": use_case.code,
        "id": use_case.id,
        "title": use_case.title,
        "family": format!("{:?}", use_case.family).to_lowercase(),
        "services": use_case.services,
        "targets": use_case.targets.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "roles": use_case.roles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "category": use_case.category.to_string(),
        "future_dated": use_case.future_dated,
        "replay_protected": use_case.replay_protected,
        "protection": {
            "command": protection(use_case, Cra::Command),
            "response": protection(use_case, Cra::Response),
            "alert": protection(use_case, Cra::Alert),
        },
        "rows": use_case.rows.iter().map(row_json).collect::<Vec<_>>(),
        "alert": use_case.further.iter().map(named_shape).collect::<Map<_, _>>(),
        "components": use_case.components.iter().map(component_json).collect::<Vec<_>>(),
        "answers": use_case.answers.iter().map(component_json).collect::<Vec<_>>(),
    })
}

fn row_json(row: &RowTemplate) -> Value {
    let mut map = Map::new();
    map.insert("name".into(), json!(row.member.full_name()));
    map.insert("meaning".into(), json!(row.member.words()));
    map.insert("access".into(), json!(row.choice));
    map.insert("class".into(), json!(row.class));
    map.insert("obis".into(), json!(row.obis));
    if row.obis_to != row.obis {
        map.insert("obis_to".into(), json!(row.obis_to));
    }
    map.insert(if row.choice == Choice::Action { "method" } else { "attribute" }.into(), json!(row.index));
    map.insert("optional".into(), json!(row.optional));
    map.insert("request".into(), shape(&row.request));
    map.insert("response".into(), shape(&row.response));
    map.into()
}

fn named_shape(field: &Field) -> (String, Value) {
    (field.name.into(), shape(field))
}

/// A type, as the names of DLMS, with the names, units and scales of what it is made of; null for nothing.
fn shape(field: &Field) -> Value {
    let mut map = Map::new();
    let of = match field.of {
        Type::Null => return Value::Null,
        Type::Array(element) => return json!({ "array": shape(element) }),
        Type::CompactArray(entry) => return json!({ "compact-array": shape(entry) }),
        Type::Structure(fields) => {
            return json!({ "structure": fields.iter().map(named_shape).collect::<Map<_, _>>() });
        }
        Type::Either(fields) => return json!({ "either": fields.iter().map(shape).collect::<Vec<_>>() }),
        Type::Protected(attributes) => {
            return json!({ "protected-read": attributes.iter().map(ToString::to_string).collect::<Vec<_>>() });
        }
        Type::Boolean => "boolean",
        Type::BitString => "bit-string",
        Type::DoubleLong => "double-long",
        Type::DoubleLongUnsigned => "double-long-unsigned",
        Type::OctetString | Type::DateTime => "octet-string",
        Type::VisibleString => "visible-string",
        Type::Utf8String => "utf8-string",
        Type::Integer => "integer",
        Type::Long => "long",
        Type::Unsigned => "unsigned",
        Type::LongUnsigned => "long-unsigned",
        Type::Enum => "enum",
    };
    map.insert("type".into(), json!(of));
    if field.of == Type::DateTime {
        map.insert("form".into(), json!("date-time"));
    }
    insert_meaning(&mut map, field.meaning);
    map.into()
}

fn insert_meaning(map: &mut Map<String, Value>, meaning: Meaning) {
    let form = match meaning {
        Meaning::Plain => return,
        Meaning::Quantity(unit) => {
            map.insert("unit".into(), json!(unit.symbol));
            let scale = match unit.scale {
                Scale::Fixed(power) => json!(power),
                Scale::Field(name) => json!(name),
            };
            map.insert("scale".into(), scale);
            return;
        }
        Meaning::Names(names) => {
            let names = names.iter().map(|(n, name)| (n.to_string(), json!(name)));
            map.insert("names".into(), names.collect::<Map<_, _>>().into());
            return;
        }
        Meaning::Packed(fields) => {
            let fields = fields.iter().map(|field| (field.name.to_string(), json!(field.octets)));
            map.insert("packed".into(), fields.collect::<Map<_, _>>().into());
            return;
        }
        Meaning::Time => "time",
        Meaning::Event => "event-code",
        Meaning::Text => "text",
        Meaning::Obis => "obis",
        Meaning::Eui64 => "eui-64",
        Meaning::Date => "date",
        Meaning::TimeOfDay => "time-of-day",
    };
    map.insert("form".into(), json!(form));
}

fn component_json(component: &ComponentTemplate) -> Value {
    let ComponentTemplate { cluster, frame_control, command, .. } = *component;
    let mut map = Map::new();
    if let Some(name) = gbcs::gbz::zcl::command_name(cluster, frame_control, command) {
        map.insert("name".into(), json!(name));
    }
    map.insert("cluster".into(), json!(format!("0x{cluster:04X}")));
    map.insert("frame_control".into(), json!(format!("0x{frame_control:02X}")));
    map.insert("command".into(), json!(format!("0x{command:02X}")));
    map.insert("least".into(), json!(component.least));
    map.insert("most".into(), json!(component.most));
    map.insert("encrypted".into(), json!(component.encrypted));
    map.insert("from_date_time".into(), json!(component.from_date_time));
    match component.arguments {
        Arguments::None => {
            let from_server = frame_control & FROM_SERVER != 0;
            if let Some(known) = catalogue::zcl_command(cluster, from_server, command) {
                map.insert("fields".into(), zcl_fields(known.fields).into());
            }
        }
        Arguments::Attributes(ids) => {
            let attributes = ids.iter().map(|&id| attribute_json(cluster, id));
            map.insert("attributes".into(), attributes.collect());
        }
        Arguments::DefaultResponse { command, status } => {
            let response = json!({ "command": format!("0x{command:02X}"), "status": status.to_string() });
            map.insert("default_response".into(), response);
        }
    }
    map.into()
}

fn zcl_fields(fields: &[ZclField]) -> Map<String, Value> {
    let fields = fields.iter().map(|field| {
        let mut map = Map::new();
        if field.list {
            map.insert("list".into(), json!(true));
        }
        if field.fields.is_empty() {
            map.insert("type".into(), json!(field.wire));
        } else {
            map.insert("fields".into(), zcl_fields(field.fields).into());
        }
        insert_meaning(&mut map, field.meaning);
        (field.name.to_string(), map.into())
    });
    fields.collect()
}

fn attribute_json(cluster: u16, id: u16) -> Value {
    let mut map = Map::new();
    map.insert("id".into(), json!(format!("0x{id:04X}")));
    if let Some(attribute) = catalogue::zcl_attribute(cluster, id) {
        map.insert("name".into(), json!(attribute.name));
        map.insert("type".into(), json!(attribute.wire));
        insert_meaning(&mut map, attribute.meaning);
    }
    map.into()
}
