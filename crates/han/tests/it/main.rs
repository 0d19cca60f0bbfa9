//! The crate from outside: golden frames, codecs, two stacks over a lossy air, tunnels, captures.
mod air;
mod capture;
mod codecs;
mod golden;
mod home;
mod node;
mod sleepy;
mod tunnel;
