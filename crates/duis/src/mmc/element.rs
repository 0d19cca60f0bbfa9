//! A document while it is made: elements of the MMC namespace, and their text.
use std::fmt::Write as _;

/// Namespace of the MMC schema.
pub const NS_MMC: &str = "http://www.dccinterface.co.uk/ResponseAndAlert";

/// An element of the MMC namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub name: &'static str,
    pub attributes: Vec<(&'static str, String)>,
    pub content: Content,
}

/// What stands in an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(String),
    Elements(Vec<Element>),
}

impl Element {
    pub fn new(name: &'static str, elements: impl Into<Vec<Element>>) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Elements(elements.into()) }
    }

    pub fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Text(text.into()) }
    }

    pub fn empty(name: &'static str) -> Self {
        Self::new(name, [])
    }

    pub fn with(mut self, attribute: &'static str, value: impl ToString) -> Self {
        self.attributes.push((attribute, value.to_string()));
        self
    }

    /// The document of this root.
    pub fn to_document(&self) -> String {
        let mut out = String::with_capacity(1024);
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out, true);
        out
    }

    fn write(&self, out: &mut String, root: bool) {
        // A `String` takes every write; nothing below can fail.
        let _ = write!(out, "<ra:{}", self.name);
        if root {
            let _ = write!(out, " xmlns:ra=\"{NS_MMC}\"");
        }
        for (name, value) in &self.attributes {
            let _ = write!(out, " {name}=\"");
            escape(value, out);
            out.push('"');
        }
        match &self.content {
            Content::Elements(elements) if elements.is_empty() => out.push_str("/>"),
            Content::Elements(elements) => {
                out.push('>');
                elements.iter().for_each(|element| element.write(out, false));
                let _ = write!(out, "</ra:{}>", self.name);
            }
            Content::Text(text) => {
                out.push('>');
                escape(text, out);
                let _ = write!(out, "</ra:{}>", self.name);
            }
        }
    }
}

/// Text as XML can carry it: a device may send octets that XML has no characters for.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_carry_is_replaced_and_what_it_escapes_is_escaped() {
        let element = Element::text("A", "<&>\"\u{1}\r").with("b", "\"");
        let text = element.to_document();
        let expected = format!("<ra:A xmlns:ra=\"{NS_MMC}\" b=\"&quot;\">&lt;&amp;&gt;&quot;\u{FFFD}&#13;</ra:A>");
        assert_eq!(text.lines().nth(1), Some(expected.as_str()));
    }
}
