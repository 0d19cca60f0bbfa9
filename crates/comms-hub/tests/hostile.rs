//! Whatever arrives: no panic, bounded memory, and the next honest Command still gets through.
mod common;

use common::*;
use comms_hub::Profile;
use gbcs::{Cra, Eui64};
use proptest::prelude::*;

const PARTIES: [Eui64; 9] = [ESME, GSME, PPMID, PPMID2, HHT, CHF, GPF, STRANGER, SUPPLIER];
/// Every queue full of the longest messages, with some room for headers: GSME mailbox twice 32, tunnels of five devices with
/// copies, WAN 256 KiB, 32 taps.
const RECORD_MAX: usize = (64 + 5 * 96 + 32) * 1600 + 256 * 1024 + 64 * 1024;

#[derive(Clone, Debug)]
struct Input {
    from: usize,
    octets: Vec<u8>,
    wait: u64,
}

fn party() -> impl Strategy<Value = Eui64> {
    prop::sample::select(PARTIES.to_vec())
}

fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    let cra = prop::sample::select(vec![Cra::Command, Cra::Response, Cra::Alert]);
    let code = prop::sample::select(vec![0x0071u16, 0x006B, 0x0090, 0x009B, 0x1000, 0xFFFF]);
    (party(), party(), cra, 0..4u64, code, 0..1300usize)
        .prop_map(|(originator, target, cra, counter, code, n)| message(originator, target, cra, counter, code, n))
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let mutated = (well_formed(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut octets, at, to)| {
        let at = at.index(octets.len());
        octets[at] = to;
        octets
    });
    let cut = (well_formed(), any::<prop::sample::Index>()).prop_map(|(mut octets, at)| {
        octets.truncate(at.index(octets.len()));
        octets
    });
    let put = well_formed().prop_map(|octets| [&[3], &octets[..]].concat());
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        well_formed(),
        mutated,
        cut,
        put,
        Just(vec![1]),
        Just(vec![2, 0]),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let input = (0..4usize, data(), prop::sample::select(vec![0, 1, 30, 700]));
    prop::collection::vec(input.prop_map(|(from, octets, wait)| Input { from, octets, wait }), 1..40)
}

fn profile() -> impl Strategy<Value = Profile> {
    prop::sample::select(Profile::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_data_through_any_tunnel_leaves_the_hub_bounded_and_the_tunnel_usable(
        inputs in inputs(),
        profile in profile(),
        wan in any::<bool>(),
    ) {
        let mut home = Home::ready(profile, wan);
        home.open(HHT);
        home.wake(GSME);
        home.run_for(1);
        for Input { from, octets, wait } in inputs {
            let from = [PPMID, GSME, HHT, ESME][from];
            home.send(from, octets.clone());
            home.wan_brings(&octets);
            home.run_for(wait);
        }
        home.run_for(700);
        prop_assert!(home.hub.waiting_for_gsme(GSME) <= 64);
        prop_assert!(home.hub.waiting_for_wan() <= 256);
        prop_assert!(home.record.as_ref().is_none_or(|record| record.len() <= RECORD_MAX));
        prop_assert!(home.hub.has_tunnel(PPMID) && home.hub.has_tunnel(ESME));
        // The hub starts again with whatever it asked to store.
        home.restart_hub();
        home.open(PPMID);
        home.run_for(10);
        home.send(PPMID, command(ESME, 1000));
        home.run_for(10);
        let arrived = home.device(ESME).data.contains(&command(ESME, 1000));
        prop_assert_eq!(arrived, profile != Profile::Today);
    }

    #[test]
    fn any_frame_on_the_air_is_survived(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..140), 0..40),
        zcl in prop::collection::vec((any::<u16>(), 0..5u8, prop::collection::vec(any::<u8>(), 0..80)), 0..40),
        tunneling in prop::collection::vec((any::<bool>(), 0..9u8, prop::collection::vec(any::<u8>(), 0..12)), 0..40),
    ) {
        let mut home = Home::ready(Profile::Assured, true);
        for frame in frames {
            home.hub.handle_frame(home.now, &frame);
            home.drain_hub();
        }
        for (cluster, endpoint, payload) in zcl {
            let cluster = [0x0000, 0x0702, 0x0704, 0x0705, cluster][usize::from(cluster % 5)];
            home.send_zcl(PPMID2, cluster, endpoint, payload);
            home.run_for(1);
        }
        for (to_client, command, payload) in tunneling {
            let control = if to_client { 0x09 } else { 0x01 };
            home.send_zcl(PPMID2, 0x0704, 3, [&[control, 7, command], &payload[..]].concat());
            home.run_for(1);
        }
        home.run_for(60);
        home.send(PPMID, command(ESME, 1000));
        home.run_for(10);
        prop_assert_eq!(home.device(ESME).data.clone(), vec![command(ESME, 1000)]);
    }
}
