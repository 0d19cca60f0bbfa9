//! Writing: elements in the order of the calls, text escaped.
use std::fmt::{Display, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::NS_DUIS;

/// Writes one compact document whose elements are all of the DUIS namespace, prefix `sr`.
#[derive(Debug)]
pub struct Writer {
    out: String,
}

impl Writer {
    /// A document whose root is `root`, with `schemaVersion`, and whose content `content` writes.
    pub fn document(root: &str, schema_version: impl Display, content: impl FnOnce(&mut Self)) -> String {
        let mut out = String::with_capacity(1024);
        // A `String` takes every write; nothing below can fail.
        let _ = write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<sr:{root} xmlns:sr=\"{NS_DUIS}\" schemaVersion=\"{schema_version}\">"
        );
        let mut writer = Self { out };
        content(&mut writer);
        let _ = write!(writer.out, "</sr:{root}>");
        writer.out
    }

    /// An element and its content.
    pub fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        let _ = write!(self.out, "<sr:{name}>");
        self.content_of(name, content);
    }

    /// An element with an attribute, whose value has nothing to escape, and its content.
    pub(crate) fn element_with(
        &mut self,
        name: &str,
        attribute: &str,
        value: impl Display,
        content: impl FnOnce(&mut Self),
    ) {
        let _ = write!(self.out, "<sr:{name} {attribute}=\"{value}\">");
        self.content_of(name, content);
    }

    /// What stands behind a start tag, and the end tag; without content the start tag becomes that of an empty element.
    fn content_of(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        content(self);
        if self.out.len() == start {
            self.out.pop();
            self.out.push_str("/>");
        } else {
            let _ = write!(self.out, "</sr:{name}>");
        }
    }

    /// An element without content.
    pub fn empty(&mut self, name: &str) {
        let _ = write!(self.out, "<sr:{name}/>");
    }

    /// An element with text.
    pub fn value(&mut self, name: &str, value: impl Display) {
        self.element(name, |w| w.text(&value.to_string()));
    }

    /// An element with text, if there is a value.
    pub fn optional_value(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    /// An element with octets as base64.
    pub fn octets(&mut self, name: &str, octets: &[u8]) {
        self.element(name, |w| STANDARD.encode_string(octets, &mut w.out));
    }

    /// Character data.
    pub fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                // A bare CR would come back as LF.
                '\r' => self.out.push_str("&#13;"),
                c => self.out.push(c),
            }
        }
    }

    /// A canonical fragment of another document, which declares its own namespaces.
    pub(crate) fn raw(&mut self, xml: &str) {
        self.out.push_str(xml);
    }
}
