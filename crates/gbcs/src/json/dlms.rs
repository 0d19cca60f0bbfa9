//! DLMS payloads: rows by the names of the catalogue.
//!
//! A row has its class, object and number, and its name; any of the two is enough to read it. Its value is that of the catalogue's
//! type (`value`), or carries DLMS types (`data`) where it has another.
use super::form::{At, Fields, FormError};
use super::row::RowReader;
use super::says::says;
use super::value::{from_json, to_json, typed};
use crate::catalogue::{self, Field, Index, Meaning, Member, RowTemplate, Type, UseCase};
use crate::dlms::{
    Access, AccessRequest, AccessResponse, Answer, Apdu, Choice, Data, DataAccessResult, DataNotification, DateTime,
    InvokeId, Row,
};
use crate::ids::Counter;
use serde_json::{Map, Value as Json, json};
use std::string::String;
use std::vec::Vec;

pub(super) static ANYTHING: Field = Field::plain(Type::Null);
pub(super) static CLOCK_SECONDS: Field = Field { name: "", of: Type::DoubleLongUnsigned, meaning: Meaning::Time };

pub(super) fn to_json_apdu(use_case: Option<&'static UseCase>, counter: Counter, apdu: &Apdu) -> Json {
    let with_invoke = |invoke: InvokeId, mut map: Map<String, Json>| {
        // Every message of GBCS has the one that goes with its counter.
        if invoke != InvokeId::of(counter) {
            map.insert("invoke".into(), json!(invoke));
        }
        Json::Object(map)
    };
    match apdu {
        Apdu::Request(request) => {
            let templates = use_case.and_then(|use_case| use_case.match_rows(request));
            let template = |i: usize| templates.as_ref().map(|templates| templates[i]);
            let rows = request.rows.iter().enumerate().map(|(i, row)| row_json(template(i), row)).collect();
            json!({ "request": with_invoke(request.invoke, Map::from_iter([("rows".into(), rows)])) })
        }
        Apdu::Response(response) => {
            let templates = use_case.and_then(|use_case| use_case.answered_rows(response.answers.len()));
            let answers = response.answers.iter().enumerate();
            let answers = answers.map(|(i, a)| answer_json(templates.map(|rows| &rows[i]), a)).collect();
            json!({ "response": with_invoke(response.invoke, Map::from_iter([("answers".into(), answers)])) })
        }
        Apdu::Notification(alert) => {
            let mut map = Map::new();
            map.insert("code".into(), json!(std::format!("0x{:04X}", alert.code)));
            if let Some(meaning) = catalogue::alert_meaning(alert.code) {
                map.insert("meaning".into(), json!(meaning));
            }
            map.insert("time".into(), json!(alert.time));
            match use_case.map(|use_case| use_case.further) {
                Some(fields) if !fields.is_empty() && fields.len() == alert.further.len() => {
                    map.extend(fields.iter().zip(&alert.further).map(|(f, data)| (f.name.into(), to_json(f, data))));
                }
                _ if alert.further.is_empty() => {}
                _ => {
                    map.insert("further".into(), alert.further.iter().map(typed).collect());
                }
            }
            json!({ "notification": with_invoke(alert.invoke, map) })
        }
    }
}

fn row_json(template: Option<&'static RowTemplate>, row: &Row) -> Json {
    let mut map = Map::new();
    let index = Index::of(row.access.choice(), row.index);
    let known = || catalogue::member(row.class, row.obis, index);
    let member = template.map(|template| &template.member).or_else(known);
    if let Some(member) = member {
        map.insert("name".into(), json!(member.full_name()));
    }
    map.insert("access".into(), json!(row.access.choice()));
    map.insert("class".into(), json!(row.class));
    map.insert("obis".into(), json!(row.obis));
    map.insert(index_name(row.access.choice()).into(), json!(row.index));
    if let Access::GetSelective { selector, parameters } = &row.access {
        match range_of(row) {
            Some((from, to)) => {
                let time = |n: u32| to_json(&CLOCK_SECONDS, &n.into());
                map.insert("range".into(), json!({ "from": time(from), "to": time(to) }));
            }
            None => {
                map.insert("selector".into(), json!(selector));
                map.insert("parameters".into(), typed(parameters));
            }
        }
    }
    if !row.data.is_null() {
        insert_value(&mut map, row_field(template, row.access.choice(), known()), &row.data);
    }
    map.into()
}

/// What a row's data is: that of its use case, else what may be written to an attribute or given to a method.
pub(super) fn row_field(
    template: Option<&'static RowTemplate>,
    choice: Choice,
    member: Option<&'static Member>,
) -> Option<&'static Field> {
    match (template, choice) {
        (Some(template), _) => Some(&template.request),
        (None, Choice::Get | Choice::GetSelective) => None,
        (None, Choice::Set | Choice::Action) => member.map(|member| &member.value),
    }
}

fn index_name(choice: Choice) -> &'static str {
    if choice == Choice::Action { "method" } else { "attribute" }
}

/// The moments of a read by range; `None` where it selects in another way.
pub fn range_of(row: &Row) -> Option<(u32, u32)> {
    let Access::GetSelective { parameters, .. } = &row.access else { return None };
    let [_, Data::DoubleLongUnsigned(from), Data::DoubleLongUnsigned(to), _] = parameters.as_structure()? else {
        return None;
    };
    let usual = Row { data: row.data.clone(), ..Row::get_range(row.class, row.obis, row.index, *from, *to) };
    (usual == *row).then_some((*from, *to))
}

/// By the names of the catalogue where there is a field, else with types.
fn insert_value(map: &mut Map<String, Json>, field: Option<&'static Field>, data: &Data) {
    match field {
        Some(field) => {
            map.insert("value".into(), to_json(field, data));
            if let Some(meaning) = says(field, data) {
                map.insert("meaning".into(), json!(meaning));
            }
        }
        None => {
            map.insert("data".into(), typed(data));
        }
    }
}

fn answer_json(template: Option<&'static RowTemplate>, answer: &Answer) -> Json {
    let mut map = Map::new();
    if let Some(template) = template {
        map.insert("name".into(), json!(template.member.full_name()));
    }
    map.insert("access".into(), json!(answer.choice));
    map.insert("result".into(), json!(answer.result));
    if !answer.data.is_null() {
        insert_value(&mut map, template.map(RowTemplate::answer), &answer.data);
    }
    map.into()
}

pub(super) fn from_json_apdu(
    use_case: Option<&'static UseCase>,
    counter: Counter,
    json: &Json,
    at: &At<'_>,
) -> Result<Apdu, FormError> {
    let mut kinds = Fields::of(json, at)?;
    let (request, response, alert) = (kinds.take("request"), kinds.take("response"), kinds.take("notification"));
    kinds.finish()?;
    match (request, response, alert) {
        (Some(json), None, None) => {
            let at = At::Field(at, "request");
            let mut map = Fields::of(json, &at)?;
            let invoke = map.read_some("invoke")?.unwrap_or(InvokeId::of(counter));
            let rows = list(map.take("rows"), &At::Field(&at, "rows"))?;
            map.finish()?;
            let mut reader = RowReader::new(use_case.map_or(&[][..], |use_case| use_case.rows));
            let place = At::Field(&at, "rows");
            let rows = rows.iter().enumerate().map(|(i, json)| reader.row(json, &At::Item(&place, i)));
            Ok(Apdu::Request(AccessRequest { invoke, rows: rows.collect::<Result<_, _>>()? }))
        }
        (None, Some(json), None) => {
            let at = At::Field(at, "response");
            let mut map = Fields::of(json, &at)?;
            let invoke = map.read_some("invoke")?.unwrap_or(InvokeId::of(counter));
            let answers = list(map.take("answers"), &At::Field(&at, "answers"))?;
            map.finish()?;
            let templates = use_case.and_then(|use_case| use_case.answered_rows(answers.len()));
            let place = At::Field(&at, "answers");
            let answers = answers
                .iter()
                .enumerate()
                .map(|(i, json)| answer_from(templates.map(|rows| &rows[i]), json, &At::Item(&place, i)));
            Ok(Apdu::Response(AccessResponse { invoke, answers: answers.collect::<Result<_, _>>()? }))
        }
        (None, None, Some(json)) => {
            notification_from(use_case, counter, json, &At::Field(at, "notification")).map(Apdu::Notification)
        }
        _ => Err(at.expected("just one of request, response, notification", json)),
    }
}

fn list<'a>(json: Option<&'a Json>, at: &At<'_>) -> Result<&'a Vec<Json>, FormError> {
    match json {
        Some(Json::Array(items)) => Ok(items),
        Some(other) => Err(at.expected("a list", other)),
        None => Err(at.missing("a list")),
    }
}

fn notification_from(
    use_case: Option<&'static UseCase>,
    counter: Counter,
    json: &Json,
    at: &At<'_>,
) -> Result<DataNotification, FormError> {
    let mut map = Fields::of(json, at)?;
    map.take("meaning");
    let invoke = map.read_some("invoke")?.unwrap_or(InvokeId::of(counter));
    let code = event_code(map.take("code"), &At::Field(at, "code"))?;
    let time: DateTime = map.read("time")?;
    let fields = use_case.map_or(&[][..], |use_case| use_case.further);
    let named: Vec<_> = fields.iter().map(|field| (field, map.take(field.name))).collect();
    let typed = map.take("further");
    map.finish()?;
    let further = if let Some(json) = typed {
        let at = At::Field(at, "further");
        let items = list(Some(json), &at)?.iter().enumerate();
        items.map(|(i, json)| from_json(&ANYTHING, json, &At::Item(&at, i))).collect::<Result<_, _>>()?
    } else if named.iter().all(|(_, json)| json.is_none()) {
        Vec::new()
    } else {
        let values = named.into_iter().map(|(field, json)| {
            let at = At::Field(at, field.name);
            from_json(field, json.ok_or_else(|| at.missing("a value"))?, &at)
        });
        values.collect::<Result<_, _>>()?
    };
    Ok(DataNotification { invoke, code, time, further })
}

/// An event or alert code, as `"0x8F66"`.
pub(super) fn event_code(json: Option<&Json>, at: &At<'_>) -> Result<u16, FormError> {
    let json = json.ok_or_else(|| at.missing("an event code as 0x8F66"))?;
    let code = json.as_str().and_then(|text| u16::from_str_radix(text.strip_prefix("0x")?, 16).ok());
    code.ok_or_else(|| at.expected("an event code as 0x8F66", json))
}

/// What `value` says in the shape of a field, or `data` with its types.
pub(super) fn value_from(
    (value, data): (Option<&Json>, Option<&Json>),
    field: Option<&'static Field>,
    json: &Json,
    at: &At<'_>,
) -> Result<Data, FormError> {
    match (value, data) {
        (None, None) => Ok(Data::Null),
        (None, Some(json)) => from_json(&ANYTHING, json, &At::Field(at, "data")),
        (Some(json), None) => from_json(field.unwrap_or(&ANYTHING), json, &At::Field(at, "value")),
        (Some(_), Some(_)) => Err(at.expected("a value or data, not both", json)),
    }
}

fn answer_from(template: Option<&'static RowTemplate>, json: &Json, at: &At<'_>) -> Result<Answer, FormError> {
    let mut map = Fields::of(json, at)?;
    map.take("meaning");
    let name: Option<String> = map.read_some("name")?;
    if let (Some(name), Some(template)) = (&name, template)
        && *name != template.member.full_name()
    {
        let expected = std::format!("{}, as the use case has it here,", template.member.full_name());
        return Err(At::Field(at, "name").expected(expected, &json!(name)));
    }
    let choice = match (map.read_some("access")?, template) {
        (Some(choice), _) => choice,
        (None, Some(template)) => template.choice,
        (None, None) => return Err(map.missing("access")),
    };
    let result = map.read_some("result")?.unwrap_or(DataAccessResult::SUCCESS);
    let said = (map.take("value"), map.take("data"));
    map.finish()?;
    let data = value_from(said, template.map(RowTemplate::answer), json, at)?;
    Ok(Answer { choice, result, data })
}
