//! Meters in a home of tests: what they refuse, what they execute, what they remember.
mod arbitrary;
mod asn1;
mod blocks;
mod displays;
mod electricity;
mod gas;
mod history;
mod home;
mod hub;
mod matrix;
mod radio;
mod reads;
mod refusals;
mod restart;
mod rtds;
mod top_ups;
mod year;
