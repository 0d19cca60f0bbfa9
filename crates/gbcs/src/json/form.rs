//! Reading JSON by hand, with the place of what is wrong.
use serde_json::{Map, Value as Json};
use std::borrow::ToOwned;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// Where a document does not say what a message could, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {expected} expected{found}")]
pub struct FormError {
    /// As `payload.dlms.request.rows[2].value.price_scale`.
    pub path: String,
    /// What was expected.
    pub expected: String,
    found: String,
}

/// Where a value stands in its document.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    Root(&'static str),
    Field(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl At<'_> {
    fn path(&self) -> String {
        match self {
            Self::Root(name) => (*name).to_owned(),
            Self::Field(of, name) => format!("{}.{name}", of.path()),
            Self::Item(of, i) => format!("{}[{i}]", of.path()),
        }
    }

    pub(super) fn expected(&self, expected: impl Into<String>, found: &Json) -> FormError {
        let mut text = found.to_string();
        if text.chars().count() > 60 {
            text = text.chars().take(57).chain("...".chars()).collect();
        }
        FormError { path: self.path(), expected: expected.into(), found: format!(", found {text}") }
    }

    pub(super) fn missing(&self, expected: impl Into<String>) -> FormError {
        FormError { path: self.path(), expected: expected.into(), found: String::new() }
    }
}

/// The fields of an object; whoever reads them takes them, and nothing may be left.
pub(super) struct Fields<'a> {
    at: &'a At<'a>,
    map: &'a Map<String, Json>,
    taken: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(json: &'a Json, at: &'a At<'a>) -> Result<Self, FormError> {
        let map = json.as_object().ok_or_else(|| at.expected("an object", json))?;
        Ok(Self { at, map, taken: Vec::new() })
    }

    /// A field that may be absent.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a Json> {
        self.taken.push(name);
        self.map.get(name)
    }

    /// A field that has to be there, read as whatever serde can read it as.
    pub(super) fn read<T: serde::de::DeserializeOwned>(&mut self, name: &'static str) -> Result<T, FormError> {
        match self.take(name) {
            Some(json) => self.convert(name, json),
            None => Err(self.missing(name)),
        }
    }

    /// The same where it may be absent.
    pub(super) fn read_some<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, FormError> {
        self.take(name).map(|json| self.convert(name, json)).transpose()
    }

    fn convert<T: serde::de::DeserializeOwned>(&self, name: &str, json: &Json) -> Result<T, FormError> {
        read_as(json, &At::Field(self.at, name))
    }

    pub(super) fn missing(&self, name: &str) -> FormError {
        At::Field(self.at, name).missing("a value")
    }

    /// Nothing else may stand in the object.
    pub(super) fn finish(self) -> Result<(), FormError> {
        match self.map.keys().find(|key| !self.taken.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(At::Field(self.at, key).missing(format!("one of {}", self.taken.join(", ")))),
        }
    }
}

/// A value by way of serde; its words become part of the error.
pub(super) fn read_as<T: serde::de::DeserializeOwned>(json: &Json, at: &At<'_>) -> Result<T, FormError> {
    T::deserialize(json).map_err(|error: serde_json::Error| {
        let text = error.to_string();
        let expected = text.rsplit_once("expected ").map_or(text.as_str(), |(_, expected)| expected);
        at.expected(expected, json)
    })
}
