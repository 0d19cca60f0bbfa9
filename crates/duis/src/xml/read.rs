//! Reading: limits, a cursor over children, text as types.
use std::borrow::Cow;

use bergshamra_c14n::C14nMode;
use bergshamra_xml::{Document as Dom, NodeId, NodeKind, NodeSet};
use gbcs::{Eui64, Time};
use uppsala::{Parser, XmlError as ParserError};

use super::{NS_DUIS, NS_XSI, XmlError, XmlErrorKind};

/// Bounds on what is read from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the document. 512 KiB by default: a request without firmware is below 32 KiB, a busy response below 100 KiB.
    pub octets: usize,
    /// Nesting of elements; DUIS 5.4 needs 12.
    pub depth: u32,
}

impl Limits {
    /// Of a request that brings firmware (SRV 11.1, 11.4): 10,240,000 octets in base64, in lines or not, and 50,000 devices.
    pub const FIRMWARE: Self = Self { octets: 16 << 20, depth: 32 };
}

impl Default for Limits {
    fn default() -> Self {
        Self { octets: 512 * 1024, depth: 32 }
    }
}

/// The longest name of a namespace in what is carried without being read; those of DUIS and its signatures have up to 50 octets.
pub const MAX_NAMESPACE: usize = 128;

/// A parsed document: well-formed, namespace-aware, without DTD.
pub struct Document<'a> {
    pub(crate) dom: Dom<'a>,
}

impl<'a> Document<'a> {
    /// Parses `text` within the default [`Limits`].
    pub fn parse(text: &'a str) -> Result<Self, XmlError> {
        Self::parse_within(text, Limits::default())
    }

    /// Parses `text` within `limits`. A DTD is refused, and with it every entity but the five of XML itself.
    pub fn parse_within(text: &'a str, limits: Limits) -> Result<Self, XmlError> {
        if text.len() > limits.octets {
            return Err(XmlError::new(XmlErrorKind::TooLong { found: text.len(), limit: limits.octets }));
        }
        let dom = Parser::new()
            .with_forbid_dtd(true)
            .with_forbid_entities(true)
            .with_max_depth(limits.depth)
            .parse(text)
            .map_err(|e| XmlError {
                // The only error of the parser that does not say where.
                line: if matches!(e, ParserError::UnexpectedEof) { text.lines().count() } else { 0 },
                ..XmlError::new(XmlErrorKind::NotXml(e.to_string()))
            })?;
        Ok(Self { dom })
    }

    /// The document element.
    pub fn root(&self) -> Element<'_> {
        let id = self.dom.document_element().unwrap_or_else(|| self.dom.root());
        Element { dom: &self.dom, id }
    }

    /// The document element, which must be `name` of the DUIS namespace.
    pub fn root_named(&self, name: &'static str) -> Result<Element<'_>, XmlError> {
        let root = self.root();
        if root.is(NS_DUIS, name) {
            return Ok(root);
        }
        Err(root.error(XmlErrorKind::Root { expected: name, found: root.name().to_owned() }))
    }
}

impl std::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({})", self.root().name())
    }
}

/// An element of a [`Document`].
#[derive(Clone, Copy)]
pub struct Element<'d> {
    pub(crate) dom: &'d Dom<'d>,
    pub(crate) id: NodeId,
}

impl<'d> Element<'d> {
    /// Local name.
    pub fn name(&self) -> &'d str {
        self.dom.element(self.id).map_or("", |e| &*e.name.local_name)
    }

    /// Whether this is `name` of `namespace`.
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.dom.element(self.id).is_some_and(|e| e.matches_name_ns(namespace, name))
    }

    /// Path from the root, by local names.
    pub fn path(&self) -> String {
        let mut names = vec![self.name()];
        let mut at = self.id;
        while let Some(parent) = self.dom.parent(at) {
            if let Some(e) = self.dom.element(parent) {
                names.push(&e.name.local_name);
            }
            at = parent;
        }
        names.reverse();
        names.join("/")
    }

    /// An error at this element.
    pub fn error(&self, kind: XmlErrorKind) -> XmlError {
        XmlError { kind, path: self.path(), line: self.dom.node_line(self.id) }
    }

    /// Value of the unqualified attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&'d str> {
        let attributes = &self.dom.element(self.id)?.attributes;
        attributes.iter().find(|a| a.name.matches(None, name)).map(|a| &*a.value)
    }

    /// A cursor over the child elements; this element may have no attributes and no text of its own.
    pub fn children(&self) -> Result<Children<'d>, XmlError> {
        self.children_beside(&[])
    }

    /// As [`Self::children`], with the unqualified attributes `allowed` permitted.
    pub fn children_beside(&self, allowed: &[&str]) -> Result<Children<'d>, XmlError> {
        self.only_attributes(allowed)?;
        let mut elements = Vec::new();
        for id in self.dom.children_iter(self.id) {
            match self.dom.node_kind(id) {
                Some(NodeKind::Element(_)) => elements.push(Element { dom: self.dom, id }),
                Some(NodeKind::Text(text) | NodeKind::CData(text)) if !text.trim_ascii().is_empty() => {
                    let text = text.trim_ascii().chars().take(60).collect();
                    return Err(self.error(XmlErrorKind::UnexpectedText(text)));
                }
                _ => {}
            }
        }
        elements.reverse();
        Ok(Children { parent: *self, rest: elements })
    }

    /// Refuses children, text and attributes.
    pub fn empty(&self) -> Result<(), XmlError> {
        self.children()?.end()
    }

    /// All character data; no child elements and no attributes may stand here.
    pub fn text(&self) -> Result<Cow<'d, str>, XmlError> {
        self.only_attributes(&[])?;
        self.text_beside_attributes()
    }

    /// As [`Self::text`], whatever the attributes.
    ///
    /// A comment may stand anywhere without touching the signature, so text is joined around it: reading only the first
    /// piece would let an attacker cut a signed value.
    pub fn text_beside_attributes(&self) -> Result<Cow<'d, str>, XmlError> {
        let mut all = Cow::Borrowed("");
        for id in self.dom.children_iter(self.id) {
            match self.dom.node_kind(id) {
                Some(NodeKind::Text(text) | NodeKind::CData(text)) if all.is_empty() => all = Cow::Borrowed(&**text),
                Some(NodeKind::Text(text) | NodeKind::CData(text)) => all.to_mut().push_str(text),
                Some(NodeKind::Comment(_)) => {}
                Some(NodeKind::Element(e)) => {
                    return Err(self.error(XmlErrorKind::Unexpected(e.name.local_name.to_string())));
                }
                _ => return Err(self.error(XmlErrorKind::UnexpectedText("processing instruction".into()))),
            }
        }
        Ok(all)
    }

    /// The text as a `T`.
    pub fn value<T: Text>(&self) -> Result<T, XmlError> {
        self.only_attributes(&[])?;
        self.value_beside_attributes()
    }

    /// As [`Self::value`], whatever the attributes (those of a list were read with [`Self::index`]).
    pub fn value_beside_attributes<T: Text>(&self) -> Result<T, XmlError> {
        let text = self.text_beside_attributes()?;
        T::read(&text).ok_or_else(|| self.error(XmlErrorKind::value(T::expected(), &text)))
    }

    /// The last child element.
    pub fn last_child(&self) -> Option<Self> {
        let last = self.dom.children_iter(self.id).rfind(|id| self.dom.element(*id).is_some());
        last.map(|id| Self { dom: self.dom, id })
    }

    /// This element in exclusive canonical form, comments left out: it stands alone, and equal elements are equal text.
    ///
    /// Each element and attribute outside the namespaces of its ancestors writes the name of its own anew, so a name longer
    /// than [`MAX_NAMESPACE`] is refused: 22 KB with one of 10 KB would become 20 MB.
    pub fn canonical(&self) -> Result<String, XmlError> {
        for element in
            core::iter::once(self.id).chain(self.dom.descendants(self.id)).filter_map(|id| self.dom.element(id))
        {
            let names = core::iter::once(&element.name).chain(element.attributes.iter().map(|a| &a.name));
            if let Some(long) = names.filter_map(|n| n.namespace_uri.as_deref()).find(|uri| uri.len() > MAX_NAMESPACE) {
                return Err(self.error(XmlErrorKind::NotXml(format!("a namespace of {} octets", long.len()))));
            }
        }
        let nodes = NodeSet::tree_without_comments(self.id, self.dom);
        let octets = bergshamra_c14n::canonicalize_doc::<&str>(self.dom, C14nMode::Exclusive, Some(&nodes), &[]);
        let failed = |e: String| self.error(XmlErrorKind::NotXml(e));
        String::from_utf8(octets.map_err(|e| failed(e.to_string()))?).map_err(|e| failed(e.to_string()))
    }

    pub(crate) fn only_attributes(&self, allowed: &[&str]) -> Result<(), XmlError> {
        let attributes = self.dom.element(self.id).map_or(&[][..], |e| &e.attributes);
        for a in attributes {
            let known = match a.name.namespace_uri.as_deref() {
                None => allowed.contains(&&*a.name.local_name),
                Some(NS_XSI) => matches!(&*a.name.local_name, "schemaLocation" | "noNamespaceSchemaLocation"),
                Some(_) => false,
            };
            if !known {
                return Err(self.error(XmlErrorKind::UnexpectedAttribute(a.name.prefixed_name().into_owned())));
            }
        }
        Ok(())
    }
}

/// A cursor over the children of an element, in document order.
pub struct Children<'d> {
    parent: Element<'d>,
    /// Those still to come, last first.
    rest: Vec<Element<'d>>,
}

impl<'d> Children<'d> {
    /// The next child, which must be `name` of the DUIS namespace.
    pub fn expect(&mut self, name: &'static str) -> Result<Element<'d>, XmlError> {
        self.expect_in(NS_DUIS, name)
    }

    /// The next child, which must be `name` of `namespace`.
    pub fn expect_in(&mut self, namespace: &str, name: &'static str) -> Result<Element<'d>, XmlError> {
        match self.rest.last() {
            Some(next) if next.is(namespace, name) => Ok(self.rest.pop().expect("just seen")),
            next => {
                let found = next.map_or("the end".to_owned(), |e| format!("`{}`", e.name()));
                Err(next.unwrap_or(&self.parent).error(XmlErrorKind::Expected { expected: name, found }))
            }
        }
    }

    /// The next child if it is `name` of the DUIS namespace.
    pub fn optional(&mut self, name: &str) -> Option<Element<'d>> {
        self.rest.pop_if(|next| next.is(NS_DUIS, name))
    }

    /// The next child of the DUIS namespace, whatever its name; `expected` describes the choice.
    pub fn any(&mut self, expected: &'static str) -> Result<Element<'d>, XmlError> {
        if let Some(next) = self.any_optional()? {
            return Ok(next);
        }
        Err(self.parent.error(XmlErrorKind::Expected { expected, found: "the end".into() }))
    }

    /// The next child of the DUIS namespace, whatever its name, if there is one.
    pub fn any_optional(&mut self) -> Result<Option<Element<'d>>, XmlError> {
        self.any_optional_in(NS_DUIS)
    }

    /// The next child of `namespace`, whatever its name, if there is one.
    pub fn any_optional_in(&mut self, namespace: &str) -> Result<Option<Element<'d>>, XmlError> {
        let Some(next) = self.rest.pop() else { return Ok(None) };
        if next.is(namespace, next.name()) {
            return Ok(Some(next));
        }
        Err(next.error(XmlErrorKind::Unexpected(next.name().to_owned())))
    }

    /// The text of the next child, which must be `name`, as a `T`.
    pub fn value<T: Text>(&mut self, name: &'static str) -> Result<T, XmlError> {
        self.expect(name)?.value()
    }

    /// The text of the next child as a `T`, if it is `name`.
    pub fn optional_value<T: Text>(&mut self, name: &str) -> Result<Option<T>, XmlError> {
        self.optional(name).map(|e| e.value()).transpose()
    }

    /// Whether the next child is `name` of the DUIS namespace.
    pub fn next_is(&self, name: &str) -> bool {
        self.rest.last().is_some_and(|next| next.is(NS_DUIS, name))
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left.
    pub fn end(&mut self) -> Result<(), XmlError> {
        match self.rest.last() {
            None => Ok(()),
            Some(left) => Err(left.error(XmlErrorKind::Unexpected(left.name().to_owned()))),
        }
    }
}

/// A type of element text.
pub trait Text: Sized {
    /// What the type allows, for errors.
    const EXPECTED: &'static str;

    /// The same, of a type that says more with its limits.
    fn expected() -> Cow<'static, str> {
        Cow::Borrowed(Self::EXPECTED)
    }

    /// Reads the lexical form; white space around is collapsed where the schema type does so.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! integer {
    ($($type:ty: $expected:literal),*) => {$(
        impl Text for $type {
            const EXPECTED: &'static str = $expected;

            fn read(text: &str) -> Option<Self> {
                text.trim_ascii().parse().ok()
            }
        }
    )*};
}

integer! {
    u8: "a whole number 0..255", i8: "a whole number -128..127", u16: "a whole number 0..65535",
    i16: "a whole number -32768..32767", u32: "a whole number 0..4294967295", i32: "a whole number of 32 bits",
    u64: "a whole number 0..18446744073709551615"
}

impl Text for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(text: &str) -> Option<Self> {
        match text.trim_ascii() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }
}

impl Text for String {
    const EXPECTED: &'static str = "text";

    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Text for Eui64 {
    const EXPECTED: &'static str = "an EUI-64 as eight hex pairs joined by hyphens";

    fn read(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        // The schema wants the hyphens; `Eui64` alone would do without them.
        (text.len() == 23).then(|| text.parse().ok()).flatten()
    }
}

impl Text for Time {
    const EXPECTED: &'static str = "a date and time with a zone, such as 2030-01-15T09:00:00Z";

    fn read(text: &str) -> Option<Self> {
        crate::time::parse(text.trim_ascii())
    }
}

impl Text for Vec<u8> {
    const EXPECTED: &'static str = "base64";

    fn read(text: &str) -> Option<Self> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        if !text.contains(|c: char| c.is_ascii_whitespace()) {
            return STANDARD.decode(text).ok();
        }
        STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).ok()
    }
}
