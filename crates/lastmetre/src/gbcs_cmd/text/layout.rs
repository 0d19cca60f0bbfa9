//! Trees of words on lines: names aligned, short lists together, what stands behind a value beside it.
use super::node::Node;
use super::paint::Paint;
use std::io::{self, Write};

/// Lines are at most about this wide.
const WIDTH: usize = 110;
/// Names are padded to this at most.
const NAMES: usize = 40;

/// Lines to be written together, so that their values stand in one column.
#[derive(Default)]
pub struct Block {
    lines: Vec<Line>,
}

struct Line {
    indent: usize,
    name: String,
    value: String,
    behind: String,
}

impl Block {
    /// A line as it is.
    pub fn line(
        &mut self,
        indent: usize,
        name: impl Into<String>,
        value: impl Into<String>,
        behind: impl Into<String>,
    ) {
        self.lines.push(Line { indent, name: name.into(), value: value.into(), behind: behind.into() });
    }

    /// A value and all that it is made of.
    pub fn node(&mut self, indent: usize, name: &str, node: &Node) {
        match node {
            Node::Leaf { value, behind } => self.line(indent, name, value, behind),
            Node::Tree(fields) => match short(node, 64) {
                Some(text) if fields.len() <= 3 && !name.is_empty() => self.line(indent, name, text, ""),
                _ => {
                    let indent = self.heading(indent, name, "");
                    fields.iter().for_each(|(name, node)| self.node(indent, name, node));
                }
            },
            Node::List(items) => self.list(indent, name, items),
        }
    }

    /// A name on a line of its own; how far what is under it is indented.
    fn heading(&mut self, indent: usize, name: &str, value: &str) -> usize {
        if name.is_empty() {
            return indent;
        }
        self.line(indent, name, value, "");
        indent + 2
    }

    fn list(&mut self, indent: usize, name: &str, items: &[Node]) {
        let inline: Option<Vec<_>> = items.iter().map(|item| short(item, 72)).collect();
        match inline {
            Some(texts) if texts.is_empty() => self.line(indent, name, "none", ""),
            Some(texts) if texts.iter().map(|text| text.len() + 2).sum::<usize>() <= 64 => {
                self.line(indent, name, texts.join(", "), "");
            }
            Some(texts) => {
                let indent = self.heading(indent, name, &format!("{} entries", texts.len()));
                let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0) + 3;
                let columns = ((WIDTH - indent.min(WIDTH / 2)) / width).max(1);
                for row in texts.chunks(columns) {
                    let text: String = row.iter().map(|text| format!("{text:<width$}")).collect();
                    self.line(indent, text.trim_end(), "", "");
                }
            }
            None => {
                let indent = self.heading(indent, name, &format!("{} entries", items.len()));
                for (i, item) in items.iter().enumerate() {
                    self.node(indent, &format!("[{}]", i + 1), item);
                }
            }
        }
    }

    /// Write all lines.
    pub fn write(&self, paint: Paint, out: &mut impl Write) -> io::Result<()> {
        let valued = self.lines.iter().filter(|line| !line.value.is_empty());
        let column = valued.map(|line| line.indent + line.name.chars().count()).max().unwrap_or(0).min(NAMES) + 2;
        for Line { indent, name, value, behind } in &self.lines {
            let pad = column.saturating_sub(indent + name.chars().count()).max(2);
            write!(out, "{:indent$}{}", "", paint.name(name))?;
            if !value.is_empty() {
                write!(out, "{:pad$}{value}", "")?;
            }
            if !behind.is_empty() {
                write!(out, "  {}", paint.behind(behind))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// The whole value on one line, where it fits `most` characters.
fn short(node: &Node, most: usize) -> Option<String> {
    let text = match node {
        Node::Leaf { value, .. } => value.clone(),
        Node::Tree(fields) => {
            let parts: Option<Vec<_>> = fields
                .iter()
                .map(|(name, node)| match node {
                    Node::Leaf { value, .. } => Some(format!("{name} {value}")),
                    Node::Tree(_) | Node::List(_) => None,
                })
                .collect();
            parts?.join(", ")
        }
        Node::List(items) => {
            let parts: Option<Vec<_>> = items.iter().map(|item| short(item, most)).collect();
            format!("[{}]", parts?.join(", "))
        }
    };
    (text.chars().count() <= most).then_some(text)
}
