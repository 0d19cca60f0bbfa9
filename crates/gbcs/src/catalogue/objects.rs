//! The objects of electricity meters and Communications Hub Functions, and what their attributes and methods take and give.
use super::types::{Field, Index, Meaning, ProtectedAttribute, Scale, Type, Unit};
use crate::dlms::Obis;
use alloc::string::String;

/// An object, or several whose OBIS codes lie in a range.
#[derive(Debug)]
pub struct Object {
    /// Interface class; 9000 is the GB extended data class.
    pub class: u16,
    /// Which object.
    pub obis: Obis,
    /// The same, or the highest code where a group may take several values.
    pub obis_to: Obis,
    /// As `meter_balance`.
    pub name: &'static str,
    /// Its attributes, then its methods.
    pub members: &'static [Member],
}

/// An attribute or a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The object's name.
    pub object: &'static str,
    /// As `adjust`.
    pub name: &'static str,
    /// Which it is.
    pub index: Index,
    /// The attribute's value, or the method's parameter.
    pub value: Field,
    /// What the method returns; nothing of an attribute.
    pub returns: Field,
}

static OBJECTS: &[Object] = include!(concat!(env!("OUT_DIR"), "/objects.rs"));

/// Every object, by class.
pub fn objects() -> &'static [Object] {
    OBJECTS
}

/// The object of this class and code.
pub fn object(class: u16, obis: Obis) -> Option<&'static Object> {
    OBJECTS.iter().find(|object| object.class == class && is_between(obis, object.obis, object.obis_to))
}

/// The attribute or method of an object.
pub fn member(class: u16, obis: Obis, index: Index) -> Option<&'static Member> {
    object(class, obis)?.members.iter().find(|member| member.index == index)
}

/// The object and member of a name, as `meter_balance.adjust`. The first object, where several share the name.
pub fn member_by_name(name: &str) -> Option<(&'static Object, &'static Member)> {
    let (object, member) = name.split_once('.')?;
    let objects = OBJECTS.iter().filter(|o| o.name == object);
    objects.flat_map(|o| o.members.iter().map(move |m| (o, m))).find(|(_, m)| m.name == member)
}

pub(super) fn is_between(obis: Obis, low: Obis, high: Obis) -> bool {
    low.0.iter().zip(&high.0).zip(&obis.0).all(|((low, high), group)| (low..=high).contains(&group))
}

impl Member {
    /// As `meter_balance.adjust`.
    pub fn full_name(&self) -> String {
        [self.object, ".", self.name].concat()
    }

    /// As `meter balance, adjust`.
    pub fn words(&self) -> String {
        let object = self.object.replace('_', " ");
        match self.name {
            "value" | "entries" => object,
            name => [&object, ", ", &name.replace('_', " ")].concat(),
        }
    }
}

/// A name for people: as it stands, without underscores.
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}
