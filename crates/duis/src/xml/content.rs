//! Elements as types: what an element holds, how it stands among its siblings, and the macros that make both of a list of
//! names. Schema order, occurrence and limits are in the types; reading and writing follow from them.
use std::collections::BTreeMap;
use std::ops::Deref;

use super::{Children, Element, Text, Writer, XmlError, XmlErrorKind};

/// What an element holds.
pub trait Content: Sized {
    /// Reads the content of `element`, which may carry `attributes` that others read.
    fn read_content(element: Element<'_>, attributes: &[&str]) -> Result<Self, XmlError>;

    /// Writes the content alone.
    fn write_content(&self, w: &mut Writer);

    /// Writes an element `name` with it.
    fn write_element(&self, w: &mut Writer, name: &str) {
        w.element(name, |w| self.write_content(w));
    }
}

/// Something that stands among child elements under a name of its own: once, perhaps, or several times.
pub trait Particle: Sized {
    /// Reads all elements `name` that come next.
    fn read_named(children: &mut Children<'_>, name: &'static str) -> Result<Self, XmlError>;

    /// Writes them.
    fn write_named(&self, w: &mut Writer, name: &str);
}

/// Child elements that bring their own names.
pub trait Group: Sized {
    /// Reads them.
    fn read_group(children: &mut Children<'_>) -> Result<Self, XmlError>;

    /// Writes them.
    fn write_group(&self, w: &mut Writer);
}

/// Text that is written as it is read.
pub trait Value: Text {
    /// The lexical form.
    fn form(&self) -> String;
}

impl<T: Value> Content for T {
    fn read_content(element: Element<'_>, attributes: &[&str]) -> Result<Self, XmlError> {
        element.only_attributes(attributes)?;
        element.value_beside_attributes()
    }

    fn write_content(&self, w: &mut Writer) {
        w.text(&self.form());
    }
}

/// Nothing at all.
impl Content for () {
    fn read_content(element: Element<'_>, attributes: &[&str]) -> Result<Self, XmlError> {
        element.children_beside(attributes)?.end()
    }

    fn write_content(&self, _: &mut Writer) {}
}

impl<T: Content> Particle for T {
    fn read_named(children: &mut Children<'_>, name: &'static str) -> Result<Self, XmlError> {
        T::read_content(children.expect(name)?, &[])
    }

    fn write_named(&self, w: &mut Writer, name: &str) {
        self.write_element(w, name);
    }
}

impl<T: Content> Particle for Option<T> {
    fn read_named(children: &mut Children<'_>, name: &'static str) -> Result<Self, XmlError> {
        children.optional(name).map(|element| T::read_content(element, &[])).transpose()
    }

    fn write_named(&self, w: &mut Writer, name: &str) {
        if let Some(content) = self {
            content.write_named(w, name);
        }
    }
}

/// A group at the end of its parent that may be absent.
impl<G: Group> Group for Option<G> {
    fn read_group(children: &mut Children<'_>) -> Result<Self, XmlError> {
        (!children.is_at_end()).then(|| G::read_group(children)).transpose()
    }

    fn write_group(&self, w: &mut Writer) {
        if let Some(group) = self {
            group.write_group(w);
        }
    }
}

/// An empty element that says something by standing there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Particle for Flag {
    fn read_named(children: &mut Children<'_>, name: &'static str) -> Result<Self, XmlError> {
        Option::<()>::read_named(children, name).map(|found| Self(found.is_some()))
    }

    fn write_named(&self, w: &mut Writer, name: &str) {
        if self.0 {
            w.empty(name);
        }
    }
}

/// `LEAST` to `MOST` elements of one name, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T, const LEAST: usize, const MOST: usize>(Vec<T>);

impl<T, const LEAST: usize, const MOST: usize> List<T, LEAST, MOST> {
    /// `None` when there are too few or too many.
    pub fn new(elements: impl Into<Vec<T>>) -> Option<Self> {
        let elements = elements.into();
        (LEAST..=MOST).contains(&elements.len()).then_some(Self(elements))
    }
}

impl<T, const LEAST: usize, const MOST: usize> Deref for List<T, LEAST, MOST> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Content, const LEAST: usize, const MOST: usize> Particle for List<T, LEAST, MOST> {
    fn read_named(children: &mut Children<'_>, name: &'static str) -> Result<Self, XmlError> {
        let mut elements = Vec::new();
        while elements.len() < MOST {
            let Some(element) = next_of(children, name, elements.len() < LEAST)? else { break };
            elements.push(T::read_content(element, &[])?);
        }
        Ok(Self(elements))
    }

    fn write_named(&self, w: &mut Writer, name: &str) {
        self.0.iter().for_each(|content| content.write_named(w, name));
    }
}

/// The next element if it is `name`; where it is `needed`, its absence is an error.
fn next_of<'d>(children: &mut Children<'d>, name: &'static str, needed: bool) -> Result<Option<Element<'d>>, XmlError> {
    if needed { children.expect(name).map(Some) } else { Ok(children.optional(name)) }
}

/// A number that an attribute gives an element.
pub trait Number: Copy + Ord {
    /// Name of the attribute.
    const ATTRIBUTE: &'static str;
    /// The highest; the lowest is 1.
    const MOST: u8;

    /// `None` unless 1 to [`Self::MOST`].
    fn new(number: u8) -> Option<Self>;

    /// The number.
    fn number(self) -> u8;

    /// The attribute of `element`, which may have no other.
    fn of(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[Self::ATTRIBUTE])?;
        let text = element
            .attribute(Self::ATTRIBUTE)
            .ok_or_else(|| element.error(XmlErrorKind::MissingAttribute(Self::ATTRIBUTE)))?;
        let number = u8::read(text).and_then(Self::new);
        number.ok_or_else(|| {
            let expected = format!("a number 1..{} in attribute {}", Self::MOST, Self::ATTRIBUTE);
            element.error(XmlErrorKind::value(expected, text))
        })
    }
}

/// Numbers in attributes: the type, its attribute, the highest.
macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident = $attribute:literal 1..$most:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u8);

        #[cfg(any(test, feature = "sample"))]
        impl $crate::xml::sample::Sample for $name {
            fn sample(draw: &mut $crate::xml::sample::Draw) -> Self {
                Self(draw.within(1, $most) as u8)
            }
        }

        impl $crate::xml::Number for $name {
            const ATTRIBUTE: &'static str = $attribute;
            const MOST: u8 = $most;

            fn new(number: u8) -> Option<Self> {
                (1..=$most).contains(&number).then_some(Self(number))
            }

            fn number(self) -> u8 {
                self.0
            }
        }
    )*};
}
pub(crate) use numbers;

/// An `index` of 1 to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index<const MOST: u8>(u8);

impl<const MOST: u8> Number for Index<MOST> {
    const ATTRIBUTE: &'static str = "index";
    const MOST: u8 = MOST;

    fn new(number: u8) -> Option<Self> {
        (1..=MOST).contains(&number).then_some(Self(number))
    }

    fn number(self) -> u8 {
        self.0
    }
}

/// Elements of one name told apart by a number, at least `LEAST` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<N, T, const LEAST: usize>(BTreeMap<N, T>);

impl<N: Number, T, const LEAST: usize> Table<N, T, LEAST> {
    /// `None` when a number is out of range or there are too few.
    pub fn new(entries: impl IntoIterator<Item = (u8, T)>) -> Option<Self> {
        let entries: BTreeMap<_, _> =
            entries.into_iter().map(|(n, content)| Some((N::new(n)?, content))).collect::<Option<_>>()?;
        (entries.len() >= LEAST).then_some(Self(entries))
    }

    /// The entry of `number`.
    pub fn at(&self, number: u8) -> Option<&T> {
        self.0.get(&N::new(number)?)
    }

    /// Numbers and entries, numbers rising.
    pub fn entries(&self) -> impl Iterator<Item = (u8, &T)> {
        self.0.iter().map(|(n, content)| (n.number(), content))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Number, T: Content, const LEAST: usize> Particle for Table<N, T, LEAST> {
    fn read_named(children: &mut Children<'_>, name: &'static str) -> Result<Self, XmlError> {
        let mut entries = BTreeMap::new();
        while let Some(element) = next_of(children, name, entries.len() < LEAST)? {
            let number = N::of(element)?;
            if entries.insert(number, T::read_content(element, &[N::ATTRIBUTE])?).is_some() {
                return Err(element.error(XmlErrorKind::RepeatedIndex(number.number())));
            }
        }
        Ok(Self(entries))
    }

    fn write_named(&self, w: &mut Writer, name: &str) {
        for (number, content) in &self.0 {
            w.element_with(name, N::ATTRIBUTE, number.number(), |w| content.write_content(w));
        }
    }
}

/// One element with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered<N, T> {
    /// Its number.
    pub number: N,
    /// What it holds.
    pub content: T,
}

impl<N: Number, T: Content> Particle for Numbered<N, T> {
    fn read_named(children: &mut Children<'_>, name: &'static str) -> Result<Self, XmlError> {
        Self::read_element(children.expect(name)?)
    }

    fn write_named(&self, w: &mut Writer, name: &str) {
        w.element_with(name, N::ATTRIBUTE, self.number.number(), |w| self.content.write_content(w));
    }
}

impl<N: Number, T: Content> Numbered<N, T> {
    /// Reads the element.
    pub(crate) fn read_element(element: Element<'_>) -> Result<Self, XmlError> {
        let number = N::of(element)?;
        Ok(Self { number, content: T::read_content(element, &[N::ATTRIBUTE])? })
    }
}

/// A [`Group`] alone in an element.
pub(crate) fn read_alone<G: Group>(element: Element<'_>, attributes: &[&str]) -> Result<G, XmlError> {
    let mut children = element.children_beside(attributes)?;
    let group = G::read_group(&mut children)?;
    children.end()?;
    Ok(group)
}

/// Makes a [`Group`] the content of an element.
macro_rules! content_of_group {
    ($name:ident) => {
        impl $crate::xml::Content for $name {
            fn read_content(
                element: $crate::xml::Element<'_>,
                attributes: &[&str],
            ) -> Result<Self, $crate::xml::XmlError> {
                $crate::xml::content::read_alone(element, attributes)
            }

            fn write_content(&self, w: &mut $crate::xml::Writer) {
                $crate::xml::Group::write_group(self, w);
            }
        }
    };
}
pub(crate) use content_of_group;

/// `xs:sequence` as a structure: fields in schema order, each with its element; one without brings its own names.
macro_rules! sequence {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty $(= $element:literal)?),* $(,)?
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* $(#[doc = concat!("`", $element, "`.")])? pub $field: $type,)*
        }

        #[cfg(any(test, feature = "sample"))]
        impl $crate::xml::sample::Sample for $name {
            fn sample(draw: &mut $crate::xml::sample::Draw) -> Self {
                Self { $($field: $crate::xml::sample::Sample::sample(draw),)* }
            }
        }

        impl $crate::xml::Group for $name {
            fn read_group(children: &mut $crate::xml::Children<'_>) -> Result<Self, $crate::xml::XmlError> {
                Ok(Self { $($field: $crate::xml::content::read_field!(children, $type $(, $element)?),)* })
            }

            fn write_group(&self, w: &mut $crate::xml::Writer) {
                $($crate::xml::content::write_field!(w, self.$field $(, $element)?);)*
            }
        }

        $crate::xml::content::content_of_group!($name);
    )*};
}
pub(crate) use sequence;

macro_rules! read_field {
    ($children:ident, $type:ty) => {
        <$type as $crate::xml::Group>::read_group($children)?
    };
    ($children:ident, $type:ty, $element:literal) => {
        <$type as $crate::xml::Particle>::read_named($children, $element)?
    };
}
pub(crate) use read_field;

macro_rules! write_field {
    ($w:ident, $field:expr) => {
        $crate::xml::Group::write_group(&$field, $w)
    };
    ($w:ident, $field:expr, $element:literal) => {
        $crate::xml::Particle::write_named(&$field, $w, $element)
    };
}
pub(crate) use write_field;

/// `xs:choice` as an enumeration: each variant one element, a variant without a type an empty one.
macro_rules! choice {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident $(($type:ty))? = $element:literal),* $(,)?
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* #[doc = concat!("`", $element, "`.")] $variant $(($type))?,)*
        }

        impl $name {
            /// Names of the elements, in the order of the variants.
            pub const ELEMENTS: &'static [&'static str] = &[$($element,)*];

            /// Name of the element.
            pub const fn element(&self) -> &'static str {
                match self {
                    $(Self::$variant $(($crate::xml::content::ignored!($type)))? => $element,)*
                }
            }
        }

        #[cfg(any(test, feature = "sample"))]
        impl $name {
            /// What draws each variant.
            pub const SAMPLES: &'static [fn(&mut $crate::xml::sample::Draw) -> Self] =
                &[$($crate::xml::content::sample_variant!(Self::$variant $(, $type)?),)*];
        }

        #[cfg(any(test, feature = "sample"))]
        impl $crate::xml::sample::Sample for $name {
            fn sample(draw: &mut $crate::xml::sample::Draw) -> Self {
                let n = draw.number() % Self::SAMPLES.len() as u64;
                Self::SAMPLES[n as usize](draw)
            }
        }

        impl $crate::xml::Group for $name {
            fn read_group(children: &mut $crate::xml::Children<'_>) -> Result<Self, $crate::xml::XmlError> {
                let element = children.any(concat!("one of" $(, " ", $element)*))?;
                match element.name() {
                    $($element => Ok($crate::xml::content::read_variant!(element, Self::$variant $(, $type)?)),)*
                    other => Err(element.error($crate::xml::XmlErrorKind::Unexpected(other.to_owned()))),
                }
            }

            fn write_group(&self, w: &mut $crate::xml::Writer) {
                match self {
                    $(Self::$variant $(($crate::xml::content::second!($type, content)))? => {
                        $crate::xml::content::write_variant!(w, $element $(, content, $type)?)
                    })*
                }
            }
        }

        $crate::xml::content::content_of_group!($name);
    )*};
}
pub(crate) use choice;

macro_rules! ignored {
    ($type:ty) => {
        _
    };
}
pub(crate) use ignored;

macro_rules! second {
    ($type:ty, $name:ident) => {
        $name
    };
}
pub(crate) use second;

macro_rules! read_variant {
    ($element:ident, $variant:path) => {{
        $element.empty()?;
        $variant
    }};
    ($element:ident, $variant:path, $type:ty) => {
        $variant(<$type as $crate::xml::Content>::read_content($element, &[])?)
    };
}
pub(crate) use read_variant;

#[cfg(any(test, feature = "sample"))]
macro_rules! sample_variant {
    ($variant:path) => {
        |_: &mut $crate::xml::sample::Draw| $variant
    };
    ($variant:path, $type:ty) => {
        |draw: &mut $crate::xml::sample::Draw| $variant($crate::xml::sample::Sample::sample(draw))
    };
}
#[cfg(any(test, feature = "sample"))]
pub(crate) use sample_variant;

macro_rules! write_variant {
    ($w:ident, $element:literal) => {
        $w.empty($element)
    };
    ($w:ident, $element:literal, $content:ident, $type:ty) => {
        $w.element($element, |w| <$type as $crate::xml::Content>::write_content($content, w))
    };
}
pub(crate) use write_variant;

/// `xs:enumeration` as an enumeration.
macro_rules! enumeration {
    ($($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`.")] $variant,)*
        }

        impl $name {
            /// The text of the schema.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        #[cfg(any(test, feature = "sample"))]
        impl $crate::xml::sample::Sample for $name {
            fn sample(draw: &mut $crate::xml::sample::Draw) -> Self {
                let all = [$(Self::$variant,)*];
                all[(draw.number() % all.len() as u64) as usize]
            }
        }

        impl $crate::xml::Text for $name {
            const EXPECTED: &'static str = concat!("one of" $(, " ", $text)*);

            fn read(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl $crate::xml::Value for $name {
            fn form(&self) -> String {
                self.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
pub(crate) use enumeration;
