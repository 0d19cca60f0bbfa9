//! A home whose parts are processes, and the supplier's system that orders deliveries from its head end.
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// One pound of credit on the electricity meter.
pub const CREDIT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4"><sr:Header>
<sr:RequestID>90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:0</sr:RequestID><sr:CommandVariant>4</sr:CommandVariant>
<sr:ServiceReference>1.5</sr:ServiceReference><sr:ServiceReferenceVariant>1.5</sr:ServiceReferenceVariant></sr:Header><sr:Body>
<sr:UpdateMeterBalance><sr:PrepaymentMode><sr:AdjustMeterBalance>100000</sr:AdjustMeterBalance></sr:PrepaymentMode>
</sr:UpdateMeterBalance></sr:Body></sr:Request>"#;

/// What [`CREDIT`] adds, in thousandths of a penny.
pub const CREDIT_AMOUNT: i64 = 100_000;

/// The balance of the electricity meter.
const READ_BALANCE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4"><sr:Header>
<sr:RequestID>90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:0</sr:RequestID><sr:CommandVariant>2</sr:CommandVariant>
<sr:ServiceReference>4.18</sr:ServiceReference><sr:ServiceReferenceVariant>4.18</sr:ServiceReferenceVariant></sr:Header><sr:Body>
<sr:ReadMeterBalance/></sr:Body></sr:Request>"#;

/// A part of a home that can be a process.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Dcc,
    HeadEnd,
    Hub,
    Ppmid,
    Esme,
    Gsme,
}

/// A running process; killed when dropped, as `kill -9` does.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a child can be asked").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A home folder and who asks its head end.
pub struct Household {
    _folder: tempfile::TempDir,
    dir: PathBuf,
    api: String,
    token: String,
    client: reqwest::Client,
}

impl Household {
    /// A new home with ports of its own.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("home");
        let made = lastmetre().args(["home", "new", "--apart"]).arg(&dir).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // What takes a while in a street is short on one machine; nothing in these tests depends on how short.
        let file = dir.join("home.toml");
        let deadlines = "\n[headend.deadlines]\nreceipt = \"500ms\"\nheld = \"500ms\"\nretry_first = \"50ms\"\nretry_max = \"200ms\"\n";
        let text = std::fs::read_to_string(&file).unwrap() + deadlines;
        std::fs::write(&file, text).unwrap();
        let home: toml::Table = std::fs::read_to_string(dir.join("home.toml")).unwrap().parse().unwrap();
        let secrets: toml::Table = std::fs::read_to_string(dir.join("secrets.toml")).unwrap().parse().unwrap();
        let api = format!("http://{}/v1/deliveries", home["headend"]["listen"].as_str().unwrap());
        let token = secrets["api_token"].as_str().unwrap().to_owned();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        Self { _folder: folder, dir, api, token, client }
    }

    /// Start a part; its log goes to a file in the home.
    pub fn spawn(&self, part: Part, environment: &[(&str, &str)]) -> Running {
        let words: &[&str] = match part {
            Part::Dcc => &["dcc"],
            Part::HeadEnd => &["headend"],
            Part::Hub => &["hub"],
            Part::Ppmid => &["ppmid"],
            Part::Esme => &["meter", "run", "--meter", "esme"],
            Part::Gsme => &["meter", "run", "--meter", "gsme"],
        };
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.join(format!("{part:?}.log")));
        let child = lastmetre()
            .args(words)
            .arg("--home")
            .arg(&self.dir)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn();
        Running(child.unwrap())
    }

    /// Order a delivery under its reference as key: again is harmless. `None` while the head end is away.
    pub async fn order(&self, reference: &str, request: &str) -> Option<Value> {
        let order = json!({ "request": request, "via": "local", "reference": reference });
        let post =
            self.client.post(&self.api).bearer_auth(&self.token).header("Idempotency-Key", reference).json(&order);
        let answer = post.send().await.ok()?;
        let status = answer.status();
        let body: Value = answer.json().await.ok()?;
        assert!(status.is_success(), "{reference}: {status}: {body}");
        Some(body)
    }

    /// What the head end shows of a delivery. `None` while it is away or has none.
    pub async fn show(&self, reference: &str) -> Option<Value> {
        let all: Value = self.get(&self.api).await?;
        let listed = all["deliveries"].as_array()?.iter().find(|delivery| delivery["reference"] == reference)?.clone();
        self.get(&format!("{}/{}", self.api, listed["id"].as_str()?)).await
    }

    async fn get(&self, url: &str) -> Option<Value> {
        self.client.get(url).bearer_auth(&self.token).send().await.ok()?.json().await.ok()
    }

    /// The electricity meter's balance by its own proved Response, in thousandths of a penny.
    pub async fn balance(&self, reference: &str, patience: Duration) -> i64 {
        let deadline = Instant::now() + patience;
        loop {
            assert!(
                Instant::now() < deadline,
                "the balance was not read in time: {:?}\n{}",
                self.show(reference).await,
                self.logs()
            );
            if self.order(reference, READ_BALANCE).await.is_some()
                && let Some(delivery) = self.show(reference).await.filter(|delivery| delivery["state"] == "Confirmed")
            {
                let response =
                    hex::decode(delivery["evidence"]["response"]["hex"].as_str().expect("a Response")).expect("hex");
                let view = gbcs::MessageView::parse(&response).expect("a message");
                // DA 20 counter[3] 00 00 01 | 05 balance[4] | ...
                let amount = view.payload()[9..13].try_into().expect("a double-long");
                return i32::from_be_bytes(amount).into();
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The ends of all logs, for a test that failed.
    pub fn logs(&self) -> String {
        let mut all = String::new();
        for entry in std::fs::read_dir(&self.dir).unwrap().flatten() {
            if entry.path().extension().is_some_and(|e| e == "log") {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let tail: Vec<_> = text.lines().rev().take(15).collect();
                all += &format!("== {}\n", entry.path().display());
                tail.iter().rev().for_each(|line| all += &format!("{line}\n"));
            }
        }
        all
    }
}

fn lastmetre() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lastmetre"))
}
