//! What an answer holds, by the names of the GBCS catalogue: one tree for DLMS and ZCL.
use gbcs::catalogue::{Field, Meaning, Type};
use gbcs::dlms::{BitString, Data};
use gbcs::gbz::zcl::{AttributeValue, Command};
use serde_json::Value as Json;

use super::element::Element;

/// A value, or several with their names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Number(i64),
    Bool(bool),
    Octets(Vec<u8>),
    Bits(BitString),
    List(Vec<Node>),
    Struct(Struct),
    /// What a form made of a value: text of an element.
    Text(String),
    /// What a form made of a value: elements.
    Elements(Vec<Element>),
}

/// Values with names, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Struct(Vec<(String, Node)>);

impl Struct {
    pub fn of<const N: usize>(fields: [(&str, Node); N]) -> Self {
        Self(fields.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
    }

    pub fn field(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|(of, _)| of == name).map(|(_, node)| node)
    }

    /// Adds a value; where the name is taken the first stays.
    pub fn add(&mut self, name: impl Into<String>, node: Node) {
        let name = name.into();
        if self.field(&name).is_none() {
            self.0.push((name, node));
        }
    }

    /// The structure of this name, made where there is none; `None` where the name is something else's.
    pub fn member(&mut self, name: &str) -> Option<&mut Self> {
        if self.field(name).is_none() {
            self.0.push((name.to_owned(), Node::Struct(Self::default())));
        }
        match self.0.iter_mut().find(|(of, _)| of == name) {
            Some((_, Node::Struct(found))) => Some(found),
            _ => None,
        }
    }

    /// One more element of the list of this name.
    pub fn push(&mut self, name: &str, element: Node) {
        match self.0.iter_mut().find(|(of, _)| of == name) {
            Some((_, Node::List(list))) => list.push(element),
            Some(_) => {}
            None => self.0.push((name.to_owned(), Node::List(vec![element]))),
        }
    }

    pub fn into_fields(self) -> Vec<(String, Node)> {
        self.0
    }
}

impl Node {
    /// What stands at this path below it: names and, in lists, places from 0.
    pub fn at(&self, path: &str) -> Option<&Self> {
        let mut node = self;
        for part in path.split('.') {
            node = match node {
                Self::Struct(fields) => fields.field(part)?,
                Self::List(list) => list.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(node)
    }

    /// DLMS data, named as the field says.
    pub fn of_data(field: &'static Field, data: &Data) -> Option<Self> {
        let field = field.fitting(data);
        Some(match (&field.of, data) {
            (_, Data::Null) => return None,
            (Type::Structure(fields), Data::Structure(elements)) if fields.len() == elements.len() => {
                let named = fields.iter().zip(elements);
                let named = named.filter_map(|(f, e)| Some((f.name.to_owned(), Self::of_data(f, e)?)));
                Self::Struct(Struct(named.collect()))
            }
            (Type::Array(of), Data::Array(elements)) => Self::of_elements(of, elements),
            (Type::CompactArray(of), Data::CompactArray(array)) => Self::of_elements(of, array.values()),
            (_, Data::OctetString(octets)) => match field.meaning {
                Meaning::Packed(fields) => {
                    let mut rest: &[u8] = octets;
                    let mut named = Struct::default();
                    for f in fields {
                        let (octets, behind) = rest.split_at_checked(f.octets.into())?;
                        rest = behind;
                        named.add(f.name, Self::Octets(octets.to_vec()));
                    }
                    Self::Struct(named)
                }
                _ => Self::Octets(octets.to_vec()),
            },
            (_, Data::VisibleString(octets) | Data::Utf8String(octets)) => Self::Octets(octets.to_vec()),
            (_, Data::Boolean(truth)) => Self::Bool(truth.is_true()),
            (_, Data::BitString(bits)) => Self::Bits(bits.clone()),
            (_, data) => Self::Number(data.as_i64()?),
        })
    }

    fn of_elements(field: &'static Field, elements: &[Data]) -> Self {
        Self::List(elements.iter().filter_map(|element| Self::of_data(field, element)).collect())
    }

    /// The value of a ZCL attribute.
    pub fn of_attribute(value: &AttributeValue) -> Option<Self> {
        match serde_json::to_value(value).ok()? {
            Json::Object(map) => map.into_iter().next().and_then(|(_, json)| Self::of_json(json)),
            _ => None,
        }
    }

    /// The fields of a ZCL command.
    pub fn of_command(command: &Command) -> Self {
        let fields = command.fields().into_iter();
        Self::Struct(Struct(fields.filter_map(|(name, json)| Some((name.to_owned(), Self::of_json(json)?))).collect()))
    }

    /// Of the plain JSON of ZCL fields: numbers, lists, structures, and strings as text or in hex.
    fn of_json(json: Json) -> Option<Self> {
        Some(match json {
            Json::Number(n) => Self::Number(n.as_i64()?),
            Json::Bool(b) => Self::Bool(b),
            Json::String(text) => Self::Octets(text.into_bytes()),
            Json::Array(list) => Self::List(list.into_iter().filter_map(Self::of_json).collect()),
            Json::Object(map) => match map.get("hex").and_then(Json::as_str) {
                Some(digits) if map.len() == 1 => Self::Octets(from_hex(digits)?),
                _ => {
                    let fields = map.into_iter().filter_map(|(name, json)| Some((name, Self::of_json(json)?)));
                    Self::Struct(Struct(fields.collect()))
                }
            },
            Json::Null => return None,
        })
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}
