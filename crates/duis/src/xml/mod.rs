//! One DOM for everything: the tree whose signature was verified is the tree values are read from (DUIS 2.4).
//!
//! [`Document::parse`] refuses DTDs and entities and bounds size and depth. [`Element`] and [`Children`] read strictly: what a
//! type does not expect (an element, an attribute, text) is an error that names the place. [`Writer`] writes schema order.
use std::borrow::Cow;

pub(crate) mod content;
mod read;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
pub mod value;
mod write;

pub use content::{Content, Flag, Group, Index, List, Number, Numbered, Particle, Table, Value};
pub use read::{Children, Document, Element, Limits, MAX_NAMESPACE, Text};
pub use write::Writer;

/// Namespace of requests and responses, the same in every DUIS 5.x.
pub const NS_DUIS: &str = "http://www.dccinterface.co.uk/ServiceUserGateway";
/// Namespace of XML signatures.
pub const NS_DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Namespace of schema instance attributes; its location hints are ignored wherever they stand.
pub const NS_XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A document that is not what its schema says, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", self.place())]
pub struct XmlError {
    /// What is wrong.
    pub kind: XmlErrorKind,
    /// Element path such as `Request/Header/RequestID`; empty where the text is no XML at all.
    pub path: String,
    /// Line in the text, from 1; 0 if unknown.
    pub line: usize,
}

impl XmlError {
    pub(crate) fn new(kind: XmlErrorKind) -> Self {
        Self { kind, path: String::new(), line: 0 }
    }

    fn place(&self) -> String {
        match (self.path.as_str(), self.line) {
            ("", 0) => String::new(),
            ("", line) => format!(" (line {line})"),
            (path, 0) => format!(" at {path}"),
            (path, line) => format!(" at {path} (line {line})"),
        }
    }
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlErrorKind {
    /// Longer than [`Limits::octets`].
    #[error("document of {found} octets: at most {limit} are read")]
    TooLong {
        /// Octets of the document.
        found: usize,
        /// The limit in force.
        limit: usize,
    },
    /// Not well-formed, too deep, or with a DTD.
    #[error("not acceptable XML: {0}")]
    NotXml(String),
    /// The root is another element than the one asked for.
    #[error("the root is `{found}`, not `{expected}`")]
    Root {
        /// The element asked for.
        expected: &'static str,
        /// The element found.
        found: String,
    },
    /// Another element, or the end, stands where this one must be.
    #[error("`{expected}` expected, found {found}")]
    Expected {
        /// The element that must be here.
        expected: &'static str,
        /// What is here.
        found: String,
    },
    /// An element that has no place here.
    #[error("unexpected element `{0}`")]
    Unexpected(String),
    /// An attribute that has no place here.
    #[error("unexpected attribute `{0}`")]
    UnexpectedAttribute(String),
    /// A required attribute is absent.
    #[error("attribute `{0}` missing")]
    MissingAttribute(&'static str),
    /// Character data between elements.
    #[error("unexpected text {0:?}")]
    UnexpectedText(String),
    /// The text is not of the element's type.
    #[error("{value:?} is not {expected}")]
    Value {
        /// What the type allows.
        expected: Cow<'static, str>,
        /// The text found, shortened.
        value: String,
    },
    /// Two elements of a list carry the same index.
    #[error("index {0} given twice")]
    RepeatedIndex(u8),
}

impl XmlErrorKind {
    pub(crate) fn value(expected: impl Into<Cow<'static, str>>, value: &str) -> Self {
        Self::Value { expected: expected.into(), value: value.chars().take(60).collect() }
    }
}

#[cfg(test)]
mod tests;
