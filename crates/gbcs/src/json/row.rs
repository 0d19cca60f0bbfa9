//! Reading the rows of a DLMS Command: each is found by its name, or by its numbers, or by both.
use super::dlms::{ANYTHING, CLOCK_SECONDS, row_field, value_from};
use super::form::{At, Fields, FormError};
use super::value::from_json;
use crate::catalogue::{self, Index, Member, RowTemplate};
use crate::dlms::{Access, Choice, Data, Obis, Row};
use serde_json::{Value as Json, json};
use std::string::String;

/// Reads rows one after the other, each against the templates behind that of the row before.
pub(super) struct RowReader {
    templates: &'static [RowTemplate],
}

/// What a document says of which row it is.
struct Identity {
    name: Option<String>,
    choice: Option<Choice>,
    class: Option<u16>,
    obis: Option<Obis>,
    index: Option<Index>,
}

/// Which row it is.
struct Place {
    template: Option<&'static RowTemplate>,
    class: u16,
    obis: Obis,
    index: Index,
}

impl RowReader {
    pub(super) fn new(templates: &'static [RowTemplate]) -> Self {
        Self { templates }
    }

    pub(super) fn row(&mut self, json: &Json, at: &At<'_>) -> Result<Row, FormError> {
        let mut map = Fields::of(json, at)?;
        map.take("meaning");
        let identity = Identity::read(&mut map, json, at)?;
        let Place { template, class, obis, index } = self.place(&identity, json, at)?;
        let selection = (map.take("range"), map.read_some::<u8>("selector")?, map.take("parameters"));
        let said = (map.take("value"), map.take("data"));
        map.finish()?;
        let selects = selection.0.is_some() || selection.1.is_some();
        let choice = match (identity.choice.or(template.map(|template| template.choice)), index) {
            (Some(choice), _) => choice,
            (None, Index::Method(_)) => Choice::Action,
            (None, Index::Attribute(_)) if selects => Choice::GetSelective,
            (None, Index::Attribute(_)) if said != (None, None) => Choice::Set,
            (None, Index::Attribute(_)) => Choice::Get,
        };
        if matches!(index, Index::Method(_)) != (choice == Choice::Action) {
            return Err(at.expected("a method of an action, an attribute of all else", json));
        }
        let (Index::Attribute(number) | Index::Method(number)) = index;
        let access = match choice {
            Choice::Get => Access::Get,
            Choice::Set => Access::Set,
            Choice::Action => Access::Action,
            Choice::GetSelective => match selection {
                (Some(range), None, None) => {
                    let (from, to) = range_from(range, &At::Field(at, "range"))?;
                    Row::get_range(class, obis, number, from, to).access
                }
                (None, Some(selector), Some(json)) => {
                    let parameters = from_json(&ANYTHING, json, &At::Field(at, "parameters"))?;
                    Access::GetSelective { selector, parameters }
                }
                _ => return Err(at.expected("a range, or selector and parameters", json)),
            },
        };
        let field = row_field(template, choice, catalogue::member(class, obis, index));
        Ok(Row { access, class, obis, index: number, data: value_from(said, field, json, at)? })
    }

    /// Numbers that stand there, and for those that do not what the name says.
    fn place(&mut self, identity: &Identity, json: &Json, at: &At<'_>) -> Result<Place, FormError> {
        let Identity { name, class, obis, index, .. } = identity;
        let template = self.template(identity);
        let known: Option<(u16, Obis, Obis, Member)> = match name {
            None => None,
            Some(name) => match (template, catalogue::member_by_name(name)) {
                (Some(template), _) => Some((template.class, template.obis, template.obis_to, template.member)),
                (None, Some((object, member))) => Some((object.class, object.obis, object.obis_to, *member)),
                (None, None) => {
                    let at = At::Field(at, "name");
                    return Err(at.expected("a name of the catalogue as meter_balance.adjust", &json!(name)));
                }
            },
        };
        if let (Some(name), Some((of, low, high, member))) = (name, known) {
            let other = class.is_some_and(|class| class != of)
                || index.is_some_and(|index| index != member.index)
                || obis.is_some_and(|obis| !(low..=high).contains(&obis));
            if other {
                return Err(at.expected(std::format!("the class, object and number of {name}, or none,"), json));
            }
        }
        let class = class.or(known.map(|known| known.0));
        let class = class.ok_or_else(|| At::Field(at, "class").missing("a class, or a name of the catalogue,"))?;
        let obis = match (obis, known) {
            (Some(obis), _) => *obis,
            (None, Some((_, low, high, _))) if low == high => low,
            _ => return Err(At::Field(at, "obis").missing("an OBIS code, or the name of a single object,")),
        };
        let index = index.or(known.map(|known| known.3.index));
        let index = index.ok_or_else(|| at.expected("an attribute or a method, or a name of the catalogue", json))?;
        Ok(Place { template, class, obis, index })
    }

    /// The next template that is of this object and member; those before it are passed over.
    fn template(&mut self, identity: &Identity) -> Option<&'static RowTemplate> {
        let at = self.templates.iter().position(|template| identity.fits(template))?;
        let template = &self.templates[at];
        self.templates = &self.templates[at + 1..];
        Some(template)
    }
}

impl Identity {
    fn read(map: &mut Fields<'_>, json: &Json, at: &At<'_>) -> Result<Self, FormError> {
        let index = match (map.read_some("attribute")?, map.read_some("method")?) {
            (Some(_), Some(_)) => return Err(at.expected("an attribute or a method, not both", json)),
            (Some(n), None) => Some(Index::Attribute(n)),
            (None, Some(n)) => Some(Index::Method(n)),
            (None, None) => None,
        };
        let (name, choice) = (map.read_some("name")?, map.read_some("access")?);
        Ok(Self { name, choice, class: map.read_some("class")?, obis: map.read_some("obis")?, index })
    }

    fn fits(&self, template: &RowTemplate) -> bool {
        let Self { name, choice, class, obis, index } = self;
        let whole = name.is_some() || class.is_some() && obis.is_some() && index.is_some();
        whole
            && name.as_ref().is_none_or(|name| template.member.full_name() == *name)
            && choice.is_none_or(|choice| template.choice == choice)
            && class.is_none_or(|class| template.class == class)
            && obis.is_none_or(|obis| template.covers(obis))
            && index.is_none_or(|index| template.member.index == index)
    }
}

/// The moments of a read by range, in seconds since 2000.
fn range_from(json: &Json, at: &At<'_>) -> Result<(u32, u32), FormError> {
    let mut map = Fields::of(json, at)?;
    let mut moment = |name: &'static str| {
        let place = At::Field(at, name);
        let json = map.take(name).ok_or_else(|| place.missing("a time"))?;
        match from_json(&CLOCK_SECONDS, json, &place)? {
            Data::DoubleLongUnsigned(n) => Ok(n),
            _ => Err(place.expected("a time", json)),
        }
    };
    let moments = (moment("from")?, moment("to")?);
    map.finish()?;
    Ok(moments)
}
