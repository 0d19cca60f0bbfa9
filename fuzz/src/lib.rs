//! What a stranger can send, sent: one target for each thing that takes octets from outside, and what must hold of it.
//!
//! | Module | Targets |
//! |---|---|
//! | [`codecs`] | `gbcs_message` `gbcs_json` `blocks` `dlms_apdu` `gbz_content` `der_tree` `asn1` `certificate` `texts` |
//! | [`frames`] | `han_frames` `capture` |
//! | [`stations`] | `han_node` |
//! | [`tunnels`] | `tunnel` |
//! | [`messages`] | `handover` |
//! | [`hub`] | `comms_hub` |
//! | [`carrier`] | `ppmid` |
//! | [`appliance`] | `meter` |
//! | [`documents`] | `duis_xml` `mmc` |
//!
//! A target is a function of octets that panics when a law is broken. libFuzzer calls it through `fuzz_targets/`; the test
//! `replay` calls it on stable with the seeds and mutations of them. A codec is given the octets as they are; a device core is
//! given them as a script of [`Step`]s, and by somebody who holds its neighbours' keys: what cryptography would stop is let
//! through ([`lenient`]), so that the code behind it is reached.

#![forbid(unsafe_code)]

pub mod appliance;
pub mod carrier;
pub mod codecs;
pub mod documents;
pub mod frames;
pub mod hub;
pub mod lenient;
pub mod messages;
pub mod seeds;
pub mod stations;
pub mod tunnels;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What is fuzzed.
#[derive(Clone, Copy)]
pub struct Target {
    /// Of the target, its `fuzz_targets` file and its folder of seeds.
    pub name: &'static str,
    /// Panics when a law is broken.
    pub run: fn(&[u8]),
    /// Inputs that reach far, made by the encoders of the crates.
    pub seeds: fn() -> Vec<(&'static str, Vec<u8>)>,
    /// Mutated inputs that the replay on stable tries: fewer where each takes long.
    pub mutations: usize,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "gbcs_message", run: codecs::gbcs_message, seeds: seeds::gbcs_message, mutations: 4000 },
    Target { name: "gbcs_json", run: codecs::gbcs_json, seeds: seeds::gbcs_json, mutations: 3000 },
    Target { name: "blocks", run: codecs::blocks, seeds: seeds::blocks, mutations: 2000 },
    Target { name: "dlms_apdu", run: codecs::dlms_apdu, seeds: seeds::dlms_apdu, mutations: 4000 },
    Target { name: "gbz_content", run: codecs::gbz_content, seeds: seeds::gbz_content, mutations: 4000 },
    Target { name: "der_tree", run: codecs::der_tree, seeds: seeds::der_tree, mutations: 4000 },
    Target { name: "asn1", run: codecs::asn1, seeds: seeds::asn1, mutations: 4000 },
    Target { name: "certificate", run: codecs::certificate, seeds: seeds::certificate, mutations: 4000 },
    Target { name: "texts", run: codecs::texts, seeds: seeds::texts, mutations: 4000 },
    Target { name: "han_frames", run: frames::han_frames, seeds: seeds::han_frames, mutations: 8000 },
    Target { name: "capture", run: frames::capture, seeds: seeds::capture, mutations: 3000 },
    Target { name: "han_node", run: stations::han_node, seeds: seeds::han_node, mutations: 2000 },
    Target { name: "tunnel", run: tunnels::tunnel, seeds: seeds::tunnel, mutations: 4000 },
    Target { name: "handover", run: messages::handover, seeds: seeds::handover, mutations: 4000 },
    Target { name: "comms_hub", run: hub::comms_hub, seeds: seeds::comms_hub, mutations: 300 },
    Target { name: "ppmid", run: carrier::ppmid, seeds: seeds::ppmid, mutations: 300 },
    Target { name: "meter", run: appliance::meter, seeds: seeds::meter, mutations: 300 },
    Target { name: "duis_xml", run: documents::duis_xml, seeds: seeds::duis_xml, mutations: 3000 },
    Target { name: "mmc", run: documents::mmc, seeds: seeds::mmc, mutations: 3000 },
];

/// Octets of memory that anything may use besides what its input calls for.
const SLACK: usize = 256 * 1024;

/// Run `work` and see that its memory never exceeds `factor` times `octets` by more than some slack.
pub(crate) fn within<R>(octets: usize, factor: usize, work: impl FnOnce() -> R) -> R {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = work();
    let used = MEMORY.peak_usage().saturating_sub(before);
    let limit = SLACK + factor * octets;
    assert!(used <= limit, "{octets} octets of input took {used} octets of memory, {limit} are allowed");
    result
}

/// One step of a script: what to do and with which octets.
pub struct Step<'a> {
    /// What to do; each target has its own list.
    pub kind: u8,
    /// With what.
    pub data: &'a [u8],
}

impl Step<'_> {
    /// The octet at `at`; 0 past the end.
    pub(crate) fn octet(&self, at: usize) -> u8 {
        self.data.get(at).copied().unwrap_or(0)
    }

    /// What follows the first `n` octets.
    pub(crate) fn behind(&self, n: usize) -> &[u8] {
        self.data.get(n..).unwrap_or(&[])
    }
}

/// Steps of one script; more than any seed has, and few enough for one run to stay short.
const MAX_STEPS: usize = 64;

/// Read a script: `kind len[2] data` again and again, little-endian; the last step takes what there is.
pub fn script(mut octets: &[u8]) -> impl Iterator<Item = Step<'_>> {
    core::iter::from_fn(move || {
        let (&[kind, low, high], rest) = octets.split_first_chunk()?;
        let (data, rest) = rest.split_at(usize::from(u16::from_le_bytes([low, high])).min(rest.len()));
        octets = rest;
        Some(Step { kind, data })
    })
    .take(MAX_STEPS)
}

/// Write a script.
pub fn to_script(steps: &[(u8, &[u8])]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (kind, data) in steps {
        octets.push(*kind);
        octets.extend((data.len() as u16).to_le_bytes());
        octets.extend_from_slice(data);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_comes_back_and_a_cut_one_ends() {
        let octets = to_script(&[(3, b"abc"), (4, b""), (5, b"de")]);
        let read = |octets: &[u8]| script(octets).map(|step| (step.kind, step.data.to_vec())).collect::<Vec<_>>();
        assert_eq!(read(&octets), [(3, b"abc".to_vec()), (4, vec![]), (5, b"de".to_vec())]);
        assert_eq!(read(&octets[..octets.len() - 1]).last(), Some(&(5, b"d".to_vec())));
        assert_eq!(read(&octets[..octets.len() - 3]).last(), Some(&(4, vec![])));
    }

    #[test]
    #[should_panic(expected = "octets of memory")]
    fn memory_past_the_limit_is_noticed() {
        within(1, 1, || std::hint::black_box(vec![1u8; SLACK + 1000]));
    }
}
