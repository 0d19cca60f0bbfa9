//! Colour, where a person looks.
use std::borrow::Cow;
use std::env;
use std::io::IsTerminal;

/// When output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether to colour.
#[derive(Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    /// For standard output.
    pub fn stdout(when: When) -> Self {
        Self(match when {
            When::Always => true,
            When::Never => false,
            When::Auto => std::io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
        })
    }

    /// Nothing is coloured.
    pub const PLAIN: Self = Self(false);

    fn code<'a>(self, code: &str, text: &'a str) -> Cow<'a, str> {
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m").into() } else { text.into() }
    }

    pub fn title<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.code("1", text)
    }

    pub fn section<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.code("1;36", text)
    }

    pub fn name<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.code("36", text)
    }

    pub fn behind<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.code("2", text)
    }

    pub fn good<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.code("32", text)
    }

    pub fn bad<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.code("1;31", text)
    }

    pub fn doubtful<'a>(self, text: &'a str) -> Cow<'a, str> {
        self.code("33", text)
    }
}
