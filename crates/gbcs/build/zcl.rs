//! The sections `[commands]`, `[attributes]` and `[alerts]`.
use crate::text::{Parsed, columns, hex, inside, split_all, split_outside};
use crate::types::meaning;

/// One line: a `ZclCommand`.
pub fn command(line: &str) -> Parsed<String> {
    let [head, name, fields_of] = columns(line)?;
    let (cluster, frame_control, id) = crate::use_cases::command(head)?;
    let fields = fields(inside(fields_of, "{", '}').ok_or("no { } around fields")?)?;
    Ok(format!(
        "ZclCommand {{ cluster: {cluster}, frame_control: {frame_control}, id: {id}, name: {name:?}, fields: {fields} }}"
    ))
}

fn fields(text: &str) -> Parsed<String> {
    let fields = split_all(text, ',').into_iter().map(|field| {
        let (name, of) = split_outside(field, ':').ok_or("no name of a field")?;
        let (of, list) = match inside(of, "A[", ']') {
            Some(of) => (of, true),
            None => (of.strip_suffix('?').unwrap_or(of), false),
        };
        let (wire, meant, made_of) = match inside(of, "{", '}') {
            Some(made_of) => ("{}", "Meaning::Plain".to_string(), fields(made_of)?),
            None => {
                let end = of.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(of.len());
                (&of[..end], meaning(&of[end..])?, "&[]".into())
            }
        };
        Ok(format!("ZclField {{ name: {name:?}, wire: {wire:?}, meaning: {meant}, list: {list}, fields: {made_of} }}"))
    });
    Ok(format!("&[{}]", fields.collect::<Parsed<Vec<_>>>()?.join(", ")))
}

/// One line: a `ZclAttribute`.
pub fn attribute(line: &str) -> Parsed<String> {
    let [cluster, id, name, of] = columns(line)?;
    let end = of.find(['\'', '(']).unwrap_or(of.len());
    Ok(format!(
        "ZclAttribute {{ cluster: {}, id: {}, name: {name:?}, wire: {:?}, meaning: {} }}",
        hex(cluster)?,
        hex(id)?,
        &of[..end],
        meaning(&of[end..])?
    ))
}

/// One line: a code and what it means.
pub fn alert(line: &str) -> Parsed<String> {
    let [code, meaning] = columns(line)?;
    Ok(format!("({}, {meaning:?})", hex(code)?))
}
