//! lastmetre
fn main() {}
