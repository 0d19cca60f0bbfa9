//! Time on the air, as the nodes themselves count it.
use crate::air::*;
use han::airtime::of_frame;
use std::time::Duration;

#[test]
fn a_node_accounts_for_every_frame_it_sends_and_with_whom() {
    let mut air = Air::pair();
    air.send(1, HUB, vec![0x5A; 400]);
    air.pass(Duration::from_secs(5));
    let all: Duration = air.log.iter().map(|(_, psdu)| of_frame(psdu.len())).sum();
    let total = |at: usize| air.nodes[at].airtime().total();
    assert_eq!(total(0).time + total(1).time, all);
    assert_eq!((total(0).frames + total(1).frames) as usize, air.log.len());
    let (hub, ppmid) = (air.nodes[0].exchanged_with(PPMID.eui).unwrap(), air.nodes[1].exchanged_with(HUB.eui).unwrap());
    assert_eq!(hub.sent, total(0), "it talks to nobody else");
    assert_eq!(ppmid.sent, total(1));
    // Acknowledgements of the MAC name no sender, so what is heard of a peer is the rest.
    assert!(hub.heard.frames >= 7 && hub.heard.time < ppmid.sent.time);
    let hour = air.nodes[1].airtime().within_the_hour(air.now);
    assert_eq!(hour, total(1).time);
    assert_eq!(air.nodes[1].airtime().duty(air.now), (hour.as_micros() / 3600) as u32);
    assert!(air.nodes[0].exchanged_with(GSME.eui).is_none());
}
