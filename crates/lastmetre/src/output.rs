//! Lines on standard output, for whoever still reads.
use std::fmt;
use std::io::{self, Write};
use std::process;

/// A line on standard output, as `println!` but that a reader who has had enough, as `head` has, stops nothing: what a command
/// keeps besides its words is kept.
macro_rules! say {
    ($($words:tt)*) => { $crate::output::line(format_args!($($words)*)) };
}

/// What `say!` calls.
pub fn line(words: fmt::Arguments<'_>) {
    match writeln!(io::stdout().lock(), "{words}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: standard output: {error}");
            process::exit(2)
        }
        _ => {}
    }
}
