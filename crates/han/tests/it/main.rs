//! The crate from outside: golden frames, codecs, two stacks over a lossy air, tunnels, captures.
mod air;
mod airtime;
mod capture;
mod codecs;
mod golden;
mod home;
mod joining;
mod node;
mod partner;
mod read;
mod sleepy;
mod tunnel;
mod zdo;
