//! Interoperation with Eclipse Mosquitto's clients, where they are installed (Debian package `mosquitto-clients`).
mod common;

use std::process::Stdio;

use common::{DEVICE, HeadEnd, expect_event, raw, soon};
use link::{LinkEvent, Outcome};
use tokio::process::Command;

const VERSIONS: [&str; 2] = ["mqttv311", "mqttv5"];

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn of(head_end: &HeadEnd) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = head_end.ca.issue_pem("00DB1234567890A0", &[]);
        for (name, text) in [("ca.pem", head_end.ca.pem()), ("device.pem", certificate), ("device.key", key)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    /// A Mosquitto client with our certificate, or `None` (said aloud) where it is not installed.
    fn client(&self, program: &str, head_end: &HeadEnd, version: &str) -> Option<Command> {
        if std::process::Command::new(program).arg("--help").stdout(Stdio::null()).status().is_err() {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        let mut command = Command::new(program);
        let port = head_end.addr().port().to_string();
        command.args(["-h", "localhost", "-p", &port, "-V", version, "-q", "1"]);
        for (option, file) in [("--cafile", "ca.pem"), ("--cert", "device.pem"), ("--key", "device.key")] {
            command.arg(option).arg(self.folder.path().join(file));
        }
        command.kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
        Some(command)
    }
}

#[tokio::test]
async fn mosquitto_pub_reaches_the_head_end_and_gets_its_puback() {
    for version in VERSIONS {
        let mut head_end = HeadEnd::start().await;
        let files = Files::of(&head_end);
        let Some(mut client) = files.client("mosquitto_pub", &head_end, version) else { return };
        let mut child = client.args(["-t", raw::UP, "-m", "hello"]).spawn().unwrap();
        expect_event!(head_end.events, LinkEvent::Connected { device: DEVICE });
        let (payload, ack) = expect_event!(head_end.events, LinkEvent::Up { payload, ack, .. } => (payload, ack));
        assert_eq!(payload, b"hello");
        assert!(child.try_wait().unwrap().is_none(), "it waits for its PUBACK");
        ack.stored();
        assert!(soon("mosquitto_pub", child.wait()).await.unwrap().success());
        expect_event!(head_end.events, LinkEvent::Disconnected { .. });
    }
}

#[tokio::test]
async fn mosquitto_sub_receives_and_acknowledges() {
    for version in VERSIONS {
        let mut head_end = HeadEnd::start().await;
        let files = Files::of(&head_end);
        let Some(mut client) = files.client("mosquitto_sub", &head_end, version) else { return };
        let child = client.args(["-t", raw::DOWN, "-C", "2"]).spawn().unwrap();
        head_end.expect_subscribed().await;
        let sent = ["one", "two"].map(|text| head_end.endpoint.send(DEVICE, text.into()).unwrap());
        for one in sent {
            assert_eq!(soon("the PUBACK", one).await, Ok(Outcome::Acknowledged));
        }
        let output = soon("mosquitto_sub", child.wait_with_output()).await.unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "one\ntwo\n");
    }
}

#[tokio::test]
async fn mosquitto_is_refused_foreign_topics() {
    for version in VERSIONS {
        let mut head_end = HeadEnd::start().await;
        let files = Files::of(&head_end);
        let Some(mut client) = files.client("mosquitto_sub", &head_end, version) else { return };
        let child = client.args(["-t", "#"]).spawn().unwrap();
        let output = soon("mosquitto_sub", child.wait_with_output()).await.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() || stderr.contains("denied"), "{stderr}");
        expect_event!(head_end.events, LinkEvent::Connected { .. });
        expect_event!(head_end.events, LinkEvent::Disconnected { .. });
    }
}
