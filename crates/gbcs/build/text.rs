//! Reading words, numbers and lists out of a line.

/// What was read, or what is wrong with it.
pub type Parsed<T> = Result<T, String>;

/// The value that `names` gives `text`.
pub fn one<'a>(text: &str, names: &[(&str, &'a str)]) -> Parsed<&'a str> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| format!("{text:?} is none of {:?}", names.iter().map(|n| n.0)))
}

/// A slice of what stands between commas; `-` is none.
pub fn list(text: &str, item: impl Fn(&str) -> Parsed<String>) -> Parsed<String> {
    if text == "-" {
        return Ok("&[]".into());
    }
    Ok(format!("&[{}]", text.split(',').map(item).collect::<Parsed<Vec<_>>>()?.join(", ")))
}

pub fn number<T: std::str::FromStr>(text: &str) -> Parsed<T> {
    text.parse().map_err(|_| format!("no number: {text:?}"))
}

pub fn hex(text: &str) -> Parsed<u16> {
    u16::from_str_radix(text, 16).map_err(|_| format!("no hex number: {text:?}"))
}

/// The columns of a line.
pub fn columns<const N: usize>(line: &str) -> Parsed<[&str; N]> {
    let columns: Vec<_> = line.split('\t').collect();
    let found = columns.len();
    columns.try_into().map_err(|_| format!("{found} columns, {N} expected"))
}

/// What stands before and behind the first `mark` outside brackets.
pub fn split_outside(text: &str, mark: char) -> Option<(&str, &str)> {
    let mut depth = 0;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ if c == mark && depth == 0 => return Some((&text[..at], &text[at + c.len_utf8()..])),
            _ => {}
        }
        None
    })
}

/// What stands between `mark`s outside brackets.
pub fn split_all(mut text: &str, mark: char) -> Vec<&str> {
    let mut parts = Vec::new();
    while let Some((part, rest)) = split_outside(text, mark) {
        parts.push(part);
        text = rest;
    }
    parts.push(text);
    parts
}

/// What stands in `open .. close` behind `word`, where `text` is just that.
pub fn inside<'a>(text: &'a str, word: &str, close: char) -> Option<&'a str> {
    text.strip_prefix(word)?.strip_suffix(close)
}
