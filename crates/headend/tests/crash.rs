//! Crash safety: the head end's process is aborted right before and right after every commit it makes, and started again.
//! Whatever the moment, the deliveries end the same and the meter executes each Command exactly once.
mod common;

use common::api::{Client, id_of, try_send};
use common::dcc::FakeDcc;
use common::home::{Behaviour, Ppmid};
use common::{ESME, OTHER_ESME, emergency_credit, read_supply_status, soon};
use headend::HeadEnd;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set for the process that is to be a head end: its folder, the DCC's URL, the ports of API and MQTT.
const CHILD: &str = "LASTMETRE_TEST_HEAD_END";

/// Not a test of its own: the process that the test below kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the crash test runs it as a process of its own"]
async fn head_end_process() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let text = std::env::var(CHILD).expect("run by the crash test only");
    let [folder, dcc, api, mqtt, receive]: [&str; 5] = text.split('|').collect::<Vec<_>>().try_into().unwrap();
    let at = |port: &str| SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
    let folder = Path::new(folder);
    let mut config = common::config(folder, dcc.to_owned());
    config.api.listen = at(api);
    config.mqtt_listen = at(mqtt);
    config.receive_listen = at(receive);
    let _handle = HeadEnd::start(config, common::keys(), common::server_tls(folder)).await.unwrap();
    std::future::pending::<()>().await;
}

struct Head {
    folder: PathBuf,
    setting: String,
    process: Child,
    crashes: usize,
}

impl Head {
    fn start(folder: &Path, dcc: &FakeDcc, ports: [u16; 3], crash_at: Option<&str>) -> Self {
        let [api, mqtt, receive] = ports;
        let setting = format!("{}|{}|{api}|{mqtt}|{receive}", folder.display(), dcc.url());
        let process = spawn(folder, &setting, crash_at);
        Self { folder: folder.to_owned(), setting, process, crashes: 0 }
    }

    /// Start it again if it died.
    fn tend(&mut self) {
        if let Some(status) = self.process.try_wait().unwrap() {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(log.contains("dying as LASTMETRE_CRASH_AT says"), "it died of something else: {status}\n{log}");
            self.crashes += 1;
            assert_eq!(self.crashes, 1, "it died twice");
            self.process = spawn(&self.folder, &self.setting, None);
        }
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &Path, setting: &str, crash_at: Option<&str>) -> Child {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "head_end_process", "--ignored", "--nocapture"]).env(CHILD, setting);
    match crash_at {
        Some(at) => command.env("LASTMETRE_CRASH_AT", at),
        None => command.env_remove("LASTMETRE_CRASH_AT"),
    };
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Ports that were free a moment ago, told to a process that is started more than once.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// The story every run tells: a critical Command and one that is not through the home, and both kinds over the WAN.
async fn story(crash_at: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    common::make_certificates(folder.path());
    let dcc = FakeDcc::start().await;
    let ports @ [api, mqtt, receive] = free_ports();
    dcc.deliver_to(format!("http://127.0.0.1:{receive}/dcc/receive-response"));
    let wan_meter = dcc.connect_wan();
    let mut head = Head::start(folder.path(), &dcc, ports, crash_at);
    let client = Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, api)));
    let ppmid = Ppmid::start(common::client_tls(folder.path()), mqtt, Behaviour::default());

    let mut ids = vec![];
    let orders = [
        (emergency_credit(ESME), "local"),
        (read_supply_status(ESME), "local"),
        (emergency_credit(OTHER_ESME), "wan"),
        (read_supply_status(OTHER_ESME), "wan"),
    ];
    for (n, (request, via)) in orders.into_iter().enumerate() {
        // Whether the first try was stored, nobody knows: the key makes the second one harmless.
        let order = serde_json::json!({ "request": request, "via": via }).to_string();
        let id = until("the order to be taken", &mut head, async || {
            let post = client.post("/v1/deliveries").header("Idempotency-Key", format!("order {n}"));
            let answer = try_send(post.header("Content-Type", "application/json").body(order.clone())).await;
            answer.ok().filter(|(status, _)| *status < 300).map(|(_, body)| id_of(&body))
        })
        .await;
        ids.push(id);
    }
    for id in &ids {
        let what = format!("the end of delivery {id} after a crash at {crash_at:?}");
        let state = until(&what, &mut head, async || {
            let shown = try_send(client.get(&format!("/v1/deliveries/{id}"))).await;
            let (_, body) = shown.ok().filter(|(status, _)| *status == 200)?;
            let returned = body["via"] == "wan" || body["events"].to_string().contains("\"Returned\"");
            let state = body["state"].as_str()?.to_owned();
            let ended = delivery::Kind::from_name(&state)?.is_terminal();
            (ended && (returned || state != "Confirmed")).then_some(state)
        })
        .await;
        assert_eq!(state, "Confirmed", "crash at {crash_at:?}: {:#}", client.show(*id).await);
    }
    // A meter's answer may overtake the DCC's acknowledgement: then the delivery is never said to be accepted.
    let mut events = String::new();
    for id in &ids {
        events.push_str(&client.show(*id).await["events"].to_string());
    }
    let passed = |at: &str| at.split(':').nth(1).is_some_and(|event| events.contains(&format!("\"{event}\"")));
    if let Some(at) = crash_at
        && passed(at)
    {
        // The last events may be seen before the process is gone.
        soon(&format!("the crash at {crash_at:?}"), async {
            while head.crashes == 0 {
                head.tend();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
    for (way, executed) in [("home", ppmid.executed()), ("WAN", wan_meter.lock().unwrap().executed.clone())] {
        assert_eq!(executed.len(), 2, "crash at {crash_at:?}, {way}: {executed:?}");
        assert!(executed[0] < executed[1]);
    }
}

/// Look again and again until there is something to see, and keep the head end alive meanwhile.
async fn until<T>(what: &str, head: &mut Head, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let log = head.folder.join("log");
    let found = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            head.tend();
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let found = found.await;
    found.unwrap_or_else(|_| panic!("waited in vain for {what}\n{}", std::fs::read_to_string(log).unwrap_or_default()))
}

/// Every event of the story, and how often it happens in it without a crash.
const EVENTS: [(&str, u32); 11] = [
    ("Accepted", 4),
    ("PreCommandReceived", 2),
    ("CommandReceived", 2),
    ("HandedToWan", 2),
    ("WanAccepted", 1),
    ("ReleaseSent", 2),
    ("ReceiptHeld", 2),
    ("ReceiptOnHan", 2),
    ("AnswerReceived", 4),
    ("Verified", 4),
    ("Returned", 2),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_around_any_commit_changes_neither_the_end_nor_what_the_meters_did() {
    story(None).await;
    for (event, times) in EVENTS {
        for occurrence in 1..=times {
            for side in ["before", "after"] {
                story(Some(&format!("{side}:{event}:{occurrence}"))).await;
            }
        }
    }
}
