//! Reading `data/mmc.txt`: which element of the MMC schema is filled from which value of the GBCS catalogue. The file says how.
use std::collections::HashMap;
use std::sync::LazyLock;

use super::form::Form;

/// An element to be written, one line of the table.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub name: &'static str,
    /// Of an element with elements: it is written without any. Of another: without it the element around it is not written.
    pub required: bool,
    /// How often it may stand.
    pub most: usize,
    pub attributes: Vec<(&'static str, Source)>,
    /// One element for each of these.
    pub each: Option<Source>,
    /// Those of them for which this is something.
    pub only: Option<Source>,
    /// What it holds, where it holds no elements.
    pub value: Option<Source>,
    pub elements: Vec<Entry>,
}

/// A value, and what is made of it.
#[derive(Debug)]
pub(super) struct Source {
    pub of: Of,
    pub forms: Vec<Form>,
}

/// Where a value comes from.
#[derive(Debug)]
pub(super) enum Of {
    /// A path of names, from the nearest element of a list outwards; perhaps a part of the list there.
    Path(&'static str, Option<(usize, usize)>),
    /// The element of the list itself.
    Item,
    /// Its place in the list, from 1.
    Place,
    /// This text.
    Literal(&'static str),
}

static TABLE: LazyLock<HashMap<&'static str, Vec<Entry>>> = LazyLock::new(|| {
    let text = expanded(include_str!("../../data/mmc.txt"));
    // The file is part of the program, and a test reads every line of it.
    read(Box::leak(text.into_boxed_str())).unwrap_or_else(|fault| panic!("data/mmc.txt: {fault}"))
});

/// The elements that answers or alerts of a use case fill.
pub(super) fn of_use_case(id: &str) -> Option<&'static [Entry]> {
    TABLE.get(id).map(Vec::as_slice)
}

/// Lists of codes put in where `$NAME` stands, and lines that stand for several: one with `n=1..5`, and all that belongs to it, stands there for each number, which is put in for `{n}`.
fn expanded(text: &str) -> String {
    let mut out = String::new();
    let (lists, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('$'));
    let lists = lists.into_iter().filter_map(|list| list.split_once(' '));
    let mut lists: Vec<_> = lists.map(|(name, codes)| (name, codes.replace(' ', ", "))).collect();
    // A name may be the start of another.
    lists.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let range = line.split_whitespace().find_map(|word| word.strip_prefix("n=")?.split_once(".."));
        let Some((first, last)) = range else {
            out.push_str(line);
            out.push('\n');
            at += 1;
            continue;
        };
        let inside = lines[at + 1..].iter().take_while(|below| indent(below) > indent(line)).count();
        let block = &lines[at..=at + inside];
        for n in first.parse().unwrap_or(1)..=last.parse().unwrap_or(0u32) {
            for (i, line) in block.iter().enumerate() {
                let line = if i == 0 { line.replace(&format!(" n={first}..{last}"), "") } else { (*line).to_owned() };
                out.push_str(&line.replace("{n}", &n.to_string()));
                out.push('\n');
            }
        }
        at += 1 + inside;
    }
    lists.iter().fold(out, |out, (name, codes)| out.replace(name, codes))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

type Read<T> = Result<T, String>;

/// A section: what its first line names, the lines behind it.
type Section = (Vec<&'static str>, Vec<&'static str>);

fn sections(text: &'static str) -> Read<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(names) => sections.push((names.split_whitespace().collect(), Vec::new())),
            None => sections.last_mut().ok_or("a line in front of the first section")?.1.push(line),
        }
    }
    Ok(sections)
}

fn read(text: &'static str) -> Read<HashMap<&'static str, Vec<Entry>>> {
    let sections = sections(text)?;
    let groups: HashMap<_, _> =
        sections.iter().flat_map(|(names, lines)| names.iter().map(move |name| (*name, lines.as_slice()))).collect();
    let mut table = HashMap::new();
    for (names, lines) in &sections {
        for name in names.iter().filter(|name| !name.starts_with('+')) {
            let entries = entries(&mut lines.iter().copied().peekable(), 0, &groups)?;
            if table.insert(*name, entries).is_some() {
                return Err(format!("{name} stands there twice"));
            }
        }
    }
    Ok(table)
}

fn entries<I: Iterator<Item = &'static str>>(
    lines: &mut std::iter::Peekable<I>,
    depth: usize,
    groups: &HashMap<&'static str, &[&'static str]>,
) -> Read<Vec<Entry>> {
    let mut found = Vec::new();
    while let Some(line) = lines.next_if(|line| indent(line) >= depth) {
        let depth = indent(line);
        let line = line.trim();
        if line.starts_with('+') {
            let lines = groups.get(line).ok_or_else(|| format!("no group {line}"))?;
            found.append(&mut entries(&mut lines.iter().copied().peekable(), 0, groups)?);
            continue;
        }
        let mut entry = entry(line).map_err(|fault| format!("{line}: {fault}"))?;
        if lines.peek().is_some_and(|below| indent(below) > depth) {
            entry.elements = entries(lines, depth + 1, groups)?;
        }
        if entry.value.is_some() != entry.elements.is_empty() && !entry.required {
            return Err(format!("{line}: a value or elements, one of both"));
        }
        found.push(entry);
    }
    Ok(found)
}

fn entry(line: &'static str) -> Read<Entry> {
    let mut words = words(line).into_iter().peekable();
    let name = words.next().ok_or("no name")?;
    let (name, most) = match name.split_once('*') {
        Some((name, most)) => (name, most.parse().map_err(|_| "a number behind *")?),
        None => (name, 1),
    };
    let mut entry = Entry { name: name.trim_end_matches('!'), required: name.ends_with('!'), most, ..Entry::default() };
    while let Some(word) = words.next() {
        if let Some((attribute, of)) = word.strip_prefix('@').and_then(|word| word.split_once('=')) {
            entry.attributes.push((attribute, source(of, &mut words)?));
        } else if word == "each" {
            entry.each = Some(source(words.next().ok_or("each what?")?, &mut words)?);
        } else if word == "only" {
            entry.only = Some(source(words.next().ok_or("only what?")?, &mut words)?);
        } else if entry.value.is_none() {
            entry.value = Some(source(word, &mut words)?);
        } else {
            return Err(format!("{word} behind the value"));
        }
    }
    Ok(entry)
}

/// A path, and the forms behind it.
fn source(of: &'static str, words: &mut std::iter::Peekable<impl Iterator<Item = &'static str>>) -> Read<Source> {
    let quoted = of.strip_prefix('\'').and_then(|of| of.strip_suffix('\''));
    let of = match (of, quoted, of.split_once('[')) {
        (_, Some(text), _) => Of::Literal(text),
        (".", ..) => Of::Item,
        ("#", ..) => Of::Place,
        (_, _, Some((path, range))) => {
            let (from, to) = range.trim_end_matches(']').split_once("..").ok_or("[from..to] expected")?;
            let number = |text: &str| text.parse().map_err(|_| format!("{text} is no place in a list"));
            Of::Path(path, Some((number(from)?, number(to)?)))
        }
        (path, ..) => Of::Path(path, None),
    };
    let mut forms = Vec::new();
    while let Some(word) = words.next_if(|word| word.ends_with(')')) {
        forms.push(Form::read(word).ok_or_else(|| format!("no form {word}"))?);
    }
    Ok(Source { of, forms })
}

/// Words, where what stands in parentheses is part of one.
fn words(line: &'static str) -> Vec<&'static str> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0u32);
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 => {
                if at > start {
                    found.push(&line[start..at]);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::catalogue;

    #[test]
    fn every_line_of_the_table_reads_and_every_section_is_a_use_case() {
        for id in TABLE.keys() {
            assert!(catalogue::find_by_id(id).next().is_some(), "{id}");
        }
    }

    /// Every path begins with a name that the use case's answers hold, so that a misspelt one does not stay empty for ever.
    #[test]
    fn every_path_of_the_table_is_of_the_catalogue() {
        let text = expanded(include_str!("../../data/mmc.txt"));
        for (names, _) in sections(Box::leak(text.into_boxed_str())).unwrap() {
            // Use cases of one section need not all have all of it.
            let known: Vec<_> = names.iter().flat_map(|id| known(id)).collect();
            for id in names.iter().filter(|name| !name.starts_with('+')) {
                of_use_case(id).unwrap().iter().for_each(|entry| check(entry, &known, id));
            }
        }
    }

    fn check(entry: &Entry, known: &[String], id: &str) {
        let sources = entry.attributes.iter().map(|(_, source)| source).chain(&entry.each).chain(&entry.only);
        for source in sources.chain(&entry.value) {
            if let Of::Path(path, _) = source.of {
                for part in path.split('.').filter(|part| part.parse::<usize>().is_err()) {
                    assert!(known.iter().any(|name| name == part), "{id}: {} from {path}: {part}", entry.name);
                }
            }
        }
        entry.elements.iter().for_each(|entry| check(entry, known, id));
    }

    /// All names of what messages of the use case hold.
    fn known(id: &str) -> Vec<String> {
        use catalogue::{Field, Type};
        fn of_field(field: &Field, known: &mut Vec<String>) {
            known.push(field.name.to_owned());
            if let catalogue::Meaning::Packed(fields) = field.meaning {
                known.extend(fields.iter().map(|f| f.name.to_owned()));
            }
            match field.of {
                Type::CompactArray(of) | Type::Array(of) => of_field(of, known),
                Type::Structure(fields) | Type::Either(fields) => fields.iter().for_each(|f| of_field(f, known)),
                _ => {}
            }
        }
        let mut names: Vec<String> = [
            "instruction",
            "message_code",
            "counter",
            "cluster",
            "frame_control",
            "command",
            "image_hash",
            "information",
        ]
        .map(String::from)
        .into();
        for use_case in catalogue::find_by_id(id) {
            for row in use_case.rows {
                names.extend([row.member.object.to_owned(), row.member.name.to_owned()]);
                of_field(&row.response, &mut names);
            }
            use_case.further.iter().for_each(|field| of_field(field, &mut names));
            if let Some(pushed) = use_case.plaintext(gbcs::Cra::Alert, 0) {
                of_field(pushed, &mut names);
            }
            for component in use_case.components.iter().chain(use_case.answers) {
                let attributes = catalogue::zcl_attributes().iter().filter(|a| a.cluster == component.cluster);
                names.extend(attributes.map(|a| a.name.to_owned()));
            }
        }
        fn of_zcl(fields: &[catalogue::ZclField], names: &mut Vec<String>) {
            for field in fields {
                names.push(field.name.to_owned());
                of_zcl(field.fields, names);
            }
        }
        for command in catalogue::zcl_commands() {
            names.push(super::super::answer::name_of(command.name));
            of_zcl(command.fields, &mut names);
        }
        names
    }
}
