//! Where in a TOML file something is: line, column and the path of the key, without the source line, which may hold a secret.
use toml::de::{DeTable, DeValue};

/// Line, column and key of an octet of the text.
pub fn describe(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let key = DeTable::parse(text).ok().and_then(|table| key_at(table.get_ref(), at));
    format!("line {line}, column {column}{}", key.map(|key| format!(", {key}")).unwrap_or_default())
}

/// Where the value of this key is.
pub fn of(text: &str, path: &[&str]) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let (last, tables) = path.split_last()?;
    let mut table = table.get_ref();
    for name in tables {
        let (_, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
        let DeValue::Table(inner) = value.get_ref() else { return None };
        table = inner;
    }
    let (key, _) = table.iter().find(|(key, _)| key.get_ref() == last)?;
    Some(key.span().start)
}

/// The innermost key whose name or value is there.
fn key_at(table: &DeTable<'_>, at: usize) -> Option<String> {
    let mut found = None;
    for (key, value) in table {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => key_at(inner, at),
            DeValue::Array(list) => list.iter().find_map(|item| match item.get_ref() {
                DeValue::Table(inner) => key_at(inner, at),
                _ => None,
            }),
            _ => None,
        };
        let name = key.get_ref();
        if let Some(inner) = inner {
            return Some(format!("{name}.{inner}"));
        }
        if key.span().contains(&at) || value.span().contains(&at) {
            found = Some(name.to_string());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1\n[b.c]\nd = { e = 2 }\n\n[[f]]\ng = 3\n";

    #[test]
    fn a_place_is_told_by_line_column_and_key() {
        let place = |of: &str| describe(TEXT, TEXT.find(of).unwrap());
        assert_eq!(place("1"), "line 1, column 5, a");
        assert_eq!(place("2"), "line 3, column 11, b.c.d.e");
        assert_eq!(place("3"), "line 6, column 5, f.g");
        assert_eq!(describe("a = ", 4), "line 1, column 5");
        assert_eq!(of(TEXT, &["b", "c", "d"]), TEXT.find("d = "));
        assert_eq!(of(TEXT, &["b", "x"]), None);
    }
}
