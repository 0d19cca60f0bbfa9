//! Filling the elements of the table from the values of an answer.
use super::element::{Content, Element};
use super::node::{Node, Struct};
use super::table::{Entry, Of, Source};

/// Where values are looked up: the whole answer, or an element of a list in it.
pub(super) struct Scope<'a> {
    node: &'a Node,
    place: usize,
    around: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    /// The whole answer.
    pub fn of(node: &'a Node) -> Self {
        Self { node, place: 1, around: None }
    }

    /// What stands at a path, from here outwards.
    pub fn at(&self, path: &str) -> Option<&'a Node> {
        self.node.at(path).or_else(|| self.around?.at(path))
    }

    /// A number at a path.
    pub fn number(&self, path: &str) -> Option<i64> {
        if let Node::Number(n) = self.at(path)? { Some(*n) } else { None }
    }

    /// The place of the nearest element of a list, from 1.
    pub fn place(&self) -> usize {
        self.place
    }

    fn value(&self, source: &Source, misfits: &mut Misfits) -> Option<Node> {
        let mut node = match source.of {
            Of::Path(path, None) => self.at(path)?.clone(),
            Of::Path(path, Some((from, to))) => match self.at(path)? {
                Node::List(list) => Node::List(list.get(from..to.min(list.len()))?.to_vec()),
                _ => return misfits.note(path),
            },
            Of::Item => self.node.clone(),
            Of::Place => Node::Number(self.place as i64),
            Of::Literal(text) => Node::Text(text.to_owned()),
        };
        for form in &source.forms {
            match form.of(node, self) {
                Ok(made) => node = made?,
                Err(super::form::Misfit) => return misfits.note(&format!("{:?}", source.of)),
            }
        }
        Some(node)
    }
}

/// Values that the schema has no form for.
#[derive(Debug, Default)]
pub(super) struct Misfits(Vec<String>);

impl Misfits {
    pub fn note<T>(&mut self, what: &str) -> Option<T> {
        self.0.push(what.to_owned());
        None
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The elements of these entries.
pub(super) fn fill(entries: &[Entry], values: Struct, misfits: &mut Misfits) -> Vec<Element> {
    let node = Node::Struct(values);
    let scope = Scope::of(&node);
    let mut out = Vec::new();
    for entry in entries {
        // Nothing stands around these that could be left out in place of them.
        if write(entry, &scope, misfits, &mut out).is_err() {
            out.push(Element::empty(entry.name));
        }
    }
    out
}

/// An element that must be there is not.
struct Missing;

fn write(entry: &Entry, scope: &Scope<'_>, misfits: &mut Misfits, out: &mut Vec<Element>) -> Result<(), Missing> {
    let before = out.len();
    let is_left_out = |scope: &Scope<'_>, misfits: &mut Misfits| {
        entry.only.as_ref().is_some_and(|only| scope.value(only, misfits).is_none())
    };
    match &entry.each {
        None if is_left_out(scope, misfits) => {}
        None => out.extend(element(entry, scope, misfits)),
        Some(source) => {
            let list = match scope.value(source, misfits) {
                None => Vec::new(),
                Some(Node::List(list)) => list,
                Some(_) => misfits.note(entry.name).unwrap_or_default(),
            };
            let numbered = entry.attributes.iter().any(|(_, source)| matches!(source.of, Of::Place));
            for (i, node) in list.iter().enumerate() {
                let scope = Scope { node, place: i + 1, around: Some(scope) };
                if is_left_out(&scope, misfits) {
                    continue;
                }
                // Where earlier entries are left out, a number may be too high before there are too many.
                if out.len() - before == entry.most || numbered && i >= entry.most {
                    misfits.note::<()>(entry.name);
                    break;
                }
                match element(entry, &scope, misfits) {
                    Some(element) => out.push(element),
                    None if entry.required => return Err(Missing),
                    None => {}
                }
            }
        }
    }
    if entry.required && out.len() == before { Err(Missing) } else { Ok(()) }
}

fn element(entry: &Entry, scope: &Scope<'_>, misfits: &mut Misfits) -> Option<Element> {
    let content = match &entry.value {
        Some(source) => match scope.value(source, misfits)? {
            Node::Number(n) => Content::Text(n.to_string()),
            Node::Bool(truth) => Content::Text(truth.to_string()),
            Node::Text(text) => Content::Text(text),
            Node::Elements(elements) => Content::Elements(elements),
            _ => return misfits.note(entry.name),
        },
        None => {
            let mut elements = Vec::new();
            for entry in &entry.elements {
                if write(entry, scope, misfits, &mut elements).is_err() {
                    return if elements.is_empty() { None } else { misfits.note(entry.name) };
                }
            }
            if elements.is_empty() && !entry.required {
                return None;
            }
            Content::Elements(elements)
        }
    };
    let mut element = Element { name: entry.name, attributes: Vec::new(), content };
    for (name, source) in &entry.attributes {
        let value = match scope.value(source, misfits)? {
            Node::Number(n) => n.to_string(),
            Node::Text(text) => text,
            _ => return misfits.note(name),
        };
        element = element.with(name, value);
    }
    Some(element)
}
