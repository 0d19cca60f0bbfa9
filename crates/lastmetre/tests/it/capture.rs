//! What the demo wrote of its air, as tshark reads it with the keys beside it.
use crate::common::{run, tshark};
use std::path::PathBuf;

const BAD: &str = "_ws.malformed || _ws.expert.severity >= 6291456";

const HUB: &str = "0x0000";
const PPMID: &str = "0x0001";
const ESME: &str = "0x0002";
const GSME: &str = "0x0003";

/// The air of a demo run, and its keys.
struct Air {
    _folder: tempfile::TempDir,
    capture: PathBuf,
    keys: String,
}

impl Air {
    fn of_demo(args: &[&str], code: i32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let capture = folder.path().join("air.pcap");
        run(["demo", "--json", "--pcap", capture.to_str().unwrap()].iter().chain(args)).ends(code);
        let keys = std::fs::read_to_string(folder.path().join("air.pcap.keys")).unwrap();
        assert_eq!(
            keys.lines().count(),
            5,
            "a network key, three link keys with the hub, one of PPMID and meter: {keys}"
        );
        Self { _folder: folder, capture, keys }
    }

    fn show(&self, filter: &str, fields: &[&str]) -> Option<Vec<Vec<String>>> {
        let lines = tshark(&self.capture, &self.keys, filter, fields)?;
        Some(lines.iter().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    /// Each GBCS message in the order of the air: from, to, Command or Response, message code.
    fn messages(&self) -> Option<Vec<[String; 4]>> {
        let fields = ["zbee_nwk.src", "zbee_nwk.dst", CRA, CODE];
        let rows = self.show("gbcs_message", &fields)?;
        Some(rows.into_iter().map(|row| row.try_into().expect("four fields")).collect())
    }
}

const CRA: &str = "gbcs_message.grouping_header.cra_flag";
const CODE: &str = "gbcs_message.grouping_header.message_code";

const ALERT: &str = "0x03";
/// What the electricity meter tells its supplier by WAN when the mode of payment changes: ECS68.
const BILLING_DATA_LOG: [&str; 4] = [ESME, HUB, ALERT, "0x0061"];

#[test]
fn tshark_finds_nothing_wrong_and_lists_each_command_and_response_on_each_hop() {
    let air = Air::of_demo(&[], 0);
    let Some(bad) = air.show(BAD, &["frame.number", "_ws.expert"]) else { return };
    assert_eq!(bad, Vec::<Vec<String>>::new());

    let (alerts, messages): (Vec<_>, Vec<_>) = air.messages().unwrap().into_iter().partition(|m| m[2] == ALERT);
    assert_eq!(alerts, [BILLING_DATA_LOG]);
    let codes = [("0x00a2", ESME), ("0x001c", ESME), ("0x001e", ESME), ("0x001b", ESME), ("0x0086", GSME)];
    for (code, meter) in codes {
        let hops: Vec<_> = messages.iter().filter(|m| m[3] == code).map(|m| [0, 1, 2].map(|n| m[n].as_str())).collect();
        let there_and_back = [[PPMID, HUB, "0x01"], [HUB, meter, "0x01"], [meter, HUB, "0x02"], [HUB, PPMID, "0x02"]];
        assert_eq!(hops, there_and_back, "{code}");
    }
    assert_eq!(messages.len(), 4 * codes.len());

    // The gas meter's own protocol in its tunnel: GET, then GET-RESPONSE with the Command, then PUT with the Response.
    let tunnel =
        air.show("gbcs_tunnel.command", &["zbee_nwk.src", "zbee_nwk.dst", "gbcs_tunnel.command", CRA]).unwrap();
    let wanted = [[GSME, HUB, "0x01", ""], [HUB, GSME, "0x02", "0x01"], [GSME, HUB, "0x03", "0x02"]];
    assert_eq!(tunnel, wanted);
}

#[test]
fn without_the_keys_nothing_of_a_command_is_to_be_seen() {
    let mut air = Air::of_demo(&[], 0);
    air.keys.clear();
    let Some(frames) = air.show("zbee_nwk.security == 1", &["frame.number"]) else { return };
    assert!(frames.len() > 100, "{}", frames.len());
    assert_eq!(air.messages().unwrap(), Vec::<[String; 4]>::new());
}

#[test]
fn what_a_hub_of_today_refuses_goes_to_it_and_not_past_it() {
    let air = Air::of_demo(&["--profile", "today"], 1);
    let Some(messages) = air.messages() else { return };
    assert!(!messages.is_empty());
    assert!(messages.iter().all(|m| [&m[0], &m[1], &m[2]] == [PPMID, HUB, "0x01"]), "{messages:?}");
}

#[test]
fn what_goes_by_wan_never_meets_the_ppmid() {
    let air = Air::of_demo(&["--route", "wan", "--wan", "up"], 0);
    let Some(messages) = air.messages() else { return };
    let alerts: Vec<_> = messages.iter().filter(|m| m[2] == ALERT).collect();
    assert_eq!(alerts, [&BILLING_DATA_LOG]);
    assert_eq!(messages.len() - alerts.len(), 10, "{messages:?}");
    assert!(messages.iter().all(|m| m[0] != PPMID && m[1] != PPMID), "{messages:?}");
}
