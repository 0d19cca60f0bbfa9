//! `gbcs use-cases`: the catalogue.
use super::{Failure, Outcome};
use clap::Args;
use gbcs::catalogue::{self, Arguments, ComponentTemplate, Protection, RowTemplate, UseCase};
use gbcs::{Cra, MessageCode};
use serde_json::{Value, json};
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
    format!(
        "{choice:<6} {:>4} {}{to} #{}  {} -> {}{optional}",
        row.class, row.obis, row.index, row.request, row.response
    )
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
    let texts = |items: &[RowTemplate]| items.iter().map(row_text).collect::<Vec<_>>();
    let components = |items: &[ComponentTemplate]| items.iter().map(component_text).collect::<Vec<_>>();
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
        "rows": texts(use_case.rows),
        "components": components(use_case.components),
        "answers": components(use_case.answers),
    })
}
