//! What the tests share: the program, a home whose parts run, and tools of other people that look at what it says.
mod household;
mod oracle;
mod program;

pub use household::{CREDIT, CREDIT_AMOUNT, GAS_CREDIT, Household, LONG, Part, READ_BALANCE};
pub use oracle::{python, reference, schema, tshark, tshark_live, xmllint, xmlsec1};
pub use program::{Ran, examples, lastmetre, run, run_with};
