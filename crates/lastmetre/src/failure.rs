//! What a command says when it cannot do what it was asked, and with which exit code.
use std::fmt::Display;
use std::process::ExitCode;

/// A command that ends early: misuse or bad input (exit 2), or something that did not hold (exit 1).
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Misuse or bad input: what, and where.
    pub fn input(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string(), hint: None }
    }

    /// The thing asked for did not hold.
    pub fn did_not_hold(message: impl Display) -> Self {
        Self { code: 1, message: message.to_string(), hint: None }
    }

    /// And the next step.
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// One line on stderr, and one with the hint.
    pub fn report(&self) -> ExitCode {
        eprintln!("error: {}", self.message);
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
        ExitCode::from(self.code)
    }
}

impl From<crate::home::HomeError> for Failure {
    fn from(error: crate::home::HomeError) -> Self {
        let occupied = matches!(error, crate::home::HomeError::Occupied(_));
        let failure = Self::input(error);
        if occupied { failure } else { failure.hint("`lastmetre home new DIR` makes a complete home") }
    }
}
