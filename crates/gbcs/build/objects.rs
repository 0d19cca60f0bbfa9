//! The section `[objects]`.
use crate::text::{Parsed, columns, number, split_outside};
use crate::types::{named_field, protected_attributes};
use std::collections::HashMap;

const NOTHING: &str = "Field { name: \"\", of: Type::Null, meaning: Meaning::Plain }";

/// A member's class, lowest and highest OBIS code, whether it is a method, and its number.
type Key = (u16, [u8; 6], [u8; 6], bool, u8);

/// What the rows of use cases need to know of a member.
#[derive(Clone)]
pub struct Member {
    object: String,
    name: String,
    index: String,
    /// The attribute's value, or the method's parameter, as a `Field`.
    pub value: String,
    /// What the method returns, as a `Field`.
    pub returns: String,
}

/// Every member read so far.
#[derive(Default)]
pub struct Objects(HashMap<Key, Member>);

impl Objects {
    /// One line: an object, or several.
    pub fn add(&mut self, line: &str) -> Parsed<String> {
        let [class, codes, name, members] = columns(line)?;
        let class = number(class)?;
        let codes = obis(codes)?;
        if codes.len() > 1 && !name.contains('@') {
            return Err("no @ in a name of several objects".into());
        }
        let mut entries = Vec::new();
        for (i, (low, high)) in codes.into_iter().enumerate() {
            let object = name.replace('@', &(i + 1).to_string());
            let mut out = Vec::new();
            for text in members.split("; ") {
                let (key, member) = self.member(class, (low, high), &object, text)?;
                out.push(member.code());
                if self.0.insert(key, member).is_some() {
                    return Err(format!("{text:?} stands here twice"));
                }
            }
            entries.push(format!(
                "Object {{ class: {class}, obis: Obis({low:?}), obis_to: Obis({high:?}), name: {object:?}, \
                 members: &[{}] }}",
                out.join(", ")
            ));
        }
        Ok(entries.join(",\n    "))
    }

    /// `2 value dlong` or `!4 backup null -> oct`.
    fn member(&self, class: u16, codes: ([u8; 6], [u8; 6]), object: &str, text: &str) -> Parsed<(Key, Member)> {
        let (index, rest) = text.split_once(' ').ok_or("no name of a member")?;
        let (name, of) = rest.split_once(' ').ok_or("no type of a member")?;
        let (method, index) = match index.strip_prefix('!') {
            Some(index) => (true, number::<u8>(index)?),
            None => (false, number(index)?),
        };
        let (value, returns) = of.split_once(" -> ").unwrap_or((of, "null"));
        let returns = match value.strip_prefix("PROT(").and_then(|v| v.strip_suffix(')')) {
            Some(attributes) => self.plaintext(attributes)?,
            None => named_field("", returns, self)?,
        };
        let member = Member {
            object: object.into(),
            name: name.into(),
            index: format!("Index::{}({index})", if method { "Method" } else { "Attribute" }),
            value: named_field("", value, self)?,
            returns,
        };
        Ok(((class, codes.0, codes.1, method, index), member))
    }

    /// What a protected read of these attributes returns: a structure of their values.
    fn plaintext(&self, attributes: &str) -> Parsed<String> {
        let values = protected_attributes(attributes)?.into_iter().map(|(class, obis, index, _)| {
            let member = self.find(class, obis, obis, false, index)?;
            let end = "Field { name: \"\"".len();
            Ok(format!("Field {{ name: {:?}{}", member.object, &member.value[end..]))
        });
        let values = values.collect::<Parsed<Vec<_>>>()?;
        Ok(format!("Field {{ name: \"\", of: Type::Structure(&[{}]), meaning: Meaning::Plain }}", values.join(", ")))
    }

    /// The member of a row: of just these objects.
    pub fn find(&self, class: u16, low: [u8; 6], high: [u8; 6], method: bool, index: u8) -> Parsed<Member> {
        let member = self.0.get(&(class, low, high, method, index));
        member.cloned().ok_or_else(|| {
            let kind = if method { "method" } else { "attribute" };
            format!("no {kind} {index} of class {class}, object {low:?} to {high:?}, in [objects]")
        })
    }
}

impl Member {
    /// The same with a value of another type.
    pub fn with_value(self, value: String) -> Self {
        Self { value, ..self }
    }

    /// As a `Member`.
    pub fn code(&self) -> String {
        let Self { object, name, index, value, returns } = self;
        format!("Member {{ object: {object:?}, name: {name:?}, index: {index}, value: {value}, returns: {returns} }}")
    }

    /// What a row carries and is answered with, as two `Field`s.
    pub fn request_and_response(&self, action: bool, reads: bool) -> (String, String) {
        match (action, reads) {
            (true, _) => (self.value.clone(), self.returns.clone()),
            (false, true) => (NOTHING.into(), self.value.clone()),
            (false, false) => (self.value.clone(), NOTHING.into()),
        }
    }
}

/// The objects `A-B:C.D.E.F` stands for, each with the lowest and highest code it may have: `..` in the last group enumerates,
/// `~` in any is a range of one object.
pub fn obis(text: &str) -> Parsed<Vec<([u8; 6], [u8; 6])>> {
    let (ab, cdef) = split_outside(text, ':').unwrap_or(("0-0", text));
    let (a, b) = ab.split_once('-').ok_or_else(|| format!("no OBIS code: {text}"))?;
    let (cdef, last) = match cdef.split_once("..") {
        Some((cdef, last)) => (cdef, Some(number::<u8>(last)?)),
        None => (cdef, None),
    };
    let mut groups: Vec<&str> = [a, b].into_iter().chain(cdef.split('.')).collect();
    let enumerated = groups.len() - 1;
    if groups.len() == 5 {
        groups.push("255");
    }
    if groups.len() != 6 {
        return Err(format!("no OBIS code: {text}"));
    }
    let (mut low, mut high) = ([0u8; 6], [0u8; 6]);
    for (i, group) in groups.iter().enumerate() {
        let (from, to) = group.split_once('~').unwrap_or((group, group));
        (low[i], high[i]) = (number(from)?, number(to)?);
    }
    let last = last.unwrap_or(low[enumerated]);
    Ok((low[enumerated]..=last)
        .map(|n| {
            if last != low[enumerated] {
                (low[enumerated], high[enumerated]) = (n, n);
            }
            (low, high)
        })
        .collect())
}
