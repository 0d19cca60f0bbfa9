//! A home whose parts are processes, and the supplier's system that orders deliveries from its head end.
use super::{lastmetre, run_with};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A service request in Command Variant 4 or 2; the head end puts in the counter and the variant it needs.
macro_rules! request {
    ($device:literal $variant:literal $srv:literal $body:literal) => {
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?><sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" "#,
            r#"schemaVersion="5.4"><sr:Header><sr:RequestID>90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-"#,
            $device,
            ":0</sr:RequestID><sr:CommandVariant>",
            $variant,
            "</sr:CommandVariant><sr:ServiceReference>",
            $srv,
            "</sr:ServiceReference><sr:ServiceReferenceVariant>",
            $srv,
            "</sr:ServiceReferenceVariant></sr:Header><sr:Body>",
            $body,
            "</sr:Body></sr:Request>"
        )
    };
}

/// One pound of credit on the electricity meter.
pub const CREDIT: &str = request!("A0" "4" "1.5" "<sr:UpdateMeterBalance><sr:PrepaymentMode><sr:AdjustMeterBalance>100000</sr:AdjustMeterBalance></sr:PrepaymentMode></sr:UpdateMeterBalance>");
/// One pound of credit on the gas meter.
pub const GAS_CREDIT: &str = request!("A1" "4" "1.5" "<sr:UpdateMeterBalance><sr:PrepaymentMode><sr:AdjustMeterBalance>100000</sr:AdjustMeterBalance></sr:PrepaymentMode></sr:UpdateMeterBalance>");
/// What [`CREDIT`] and [`GAS_CREDIT`] add, in thousandths of a penny.
pub const CREDIT_AMOUNT: i64 = 100_000;

/// What is left on the electricity meter.
pub const READ_BALANCE: &str = request!("A0" "2" "4.18" "<sr:ReadMeterBalance/>");
const READ_GAS_BALANCE: &str = request!("A1" "2" "4.18" "<sr:ReadMeterBalance/>");

/// Far more than anything here takes; only a fault waits so long.
pub const LONG: Duration = Duration::from_secs(60);

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

impl Part {
    pub const ALL: [Self; 6] = [Self::Dcc, Self::HeadEnd, Self::Hub, Self::Ppmid, Self::Esme, Self::Gsme];
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

/// A running PPMID, its keys and its screen.
#[derive(Debug)]
pub struct Display {
    _running: Running,
    keys: ChildStdin,
    lines: tokio::sync::mpsc::UnboundedReceiver<Value>,
}

impl Display {
    /// Type a line.
    pub fn types(&mut self, line: &str) {
        writeln!(self.keys, "{line}").expect("it listens");
    }

    /// The next line on the screen that is as it should be.
    pub async fn shows(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        let next = async {
            loop {
                let line = self.lines.recv().await.expect("it lives");
                if is(&line) {
                    return line;
                }
            }
        };
        tokio::time::timeout(LONG, next).await.expect("something to be shown")
    }
}

/// A home folder and who asks its head end.
pub struct Household {
    _folder: tempfile::TempDir,
    dir: PathBuf,
    api: String,
    dcc: String,
    token: String,
    client: reqwest::Client,
}

impl Household {
    /// A new home with ports of its own.
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// The same after a person edited `home.toml`.
    pub fn with(edit: impl FnOnce(&mut toml::Table)) -> Self {
        Self::made_with(&[], edit)
    }

    /// The same, made by `home new` with these options.
    pub fn made_with(options: &[&str], edit: impl FnOnce(&mut toml::Table)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("home");
        let made = lastmetre()
            .args(["home", "new", "--apart", "--payment-mode", "credit"])
            .args(options)
            .arg(&dir)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut home = read_toml(&dir.join("home.toml"));
        // What takes a while in a street is short on one machine; nothing in these tests depends on how short.
        let deadlines = [("receipt", "500ms"), ("held", "500ms"), ("retry_first", "50ms"), ("retry_max", "200ms")];
        let deadlines: toml::Table = deadlines.map(|(name, time)| (name.to_owned(), time.into())).into_iter().collect();
        home["headend"].as_table_mut().unwrap().insert("deadlines".into(), deadlines.into());
        home["gsme"]["wake_seconds"] = 1.into();
        edit(&mut home);
        std::fs::write(dir.join("home.toml"), toml::to_string(&home).unwrap()).unwrap();
        let api = format!("http://{}/v1/deliveries", home["headend"]["listen"].as_str().unwrap());
        let scheme = if home["dcc"].get("tls").is_some() { "https" } else { "http" };
        let dcc = format!("{scheme}://{}", home["dcc"]["listen"].as_str().unwrap());
        let token = read_toml(&dir.join("secrets.toml"))["api_token"].as_str().unwrap().to_owned();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        Self { _folder: folder, dir, api, dcc, token, client }
    }

    /// A file in the home.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file of the home as TOML.
    pub fn toml(&self, name: &str) -> toml::Table {
        read_toml(&self.file(name))
    }

    /// Where the DCC's web services are.
    pub fn dcc(&self) -> &str {
        &self.dcc
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
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn();
        Running(child.unwrap())
    }

    /// Start the PPMID with a customer in front of it.
    pub fn spawn_display(&self) -> Display {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.join("Ppmid.log"));
        let mut child = lastmetre()
            .args(["ppmid", "--json", "--home"])
            .arg(&self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let (keys, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(screen).lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        Display { _running: Running(child), keys, lines }
    }

    /// The digits of a top-up of ten pounds for a meter of the home.
    pub fn utrn(&self, meter: &str) -> String {
        let keys = self.file("keys.json");
        let identities = &self.toml("home.toml")["identities"];
        let eui = |name: &str| identities[name].as_str().unwrap().to_owned();
        let (supplier, meter) = (eui("supplier"), eui(meter));
        let words = ["gbcs", "utrn", "create", "--json", "--pounds", "10", "--counter", "0x300000000"];
        let made = lastmetre()
            .args(words)
            .arg("--keys")
            .arg(keys)
            .args(["--supplier", &supplier, "--meter", &meter])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        made["utrn"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
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

    /// Order a delivery, again until the head end has it, and wait until it is shown as it should be.
    pub async fn until(&self, reference: &str, request: &str, is: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + LONG;
        let mut last = None;
        while Instant::now() < deadline {
            if self.order(reference, request).await.is_some() {
                match self.show(reference).await {
                    Some(delivery) if is(&delivery) => return delivery,
                    shown => last = shown.or(last),
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("{reference} did not come so far: {last:#?}\n{}", self.logs());
    }

    /// The same until it is in this state.
    pub async fn until_state(&self, reference: &str, request: &str, state: &str) -> Value {
        self.until(reference, request, |delivery| delivery["state"] == state).await
    }

    /// The electricity meter's balance by its own proved Response, in thousandths of a penny.
    pub async fn balance(&self, reference: &str) -> i64 {
        let response = self.response(reference, READ_BALANCE).await;
        let response = hex::decode(response).expect("hex");
        let view = gbcs::MessageView::parse(&response).expect("a message");
        // DA 20 counter[3] 00 00 01 | 05 balance[4] | ...
        let amount = view.payload()[9..13].try_into().expect("a double-long");
        i32::from_be_bytes(amount).into()
    }

    /// The gas meter's balance by its own proved Response, in thousandths of a penny.
    pub async fn gas_balance(&self, reference: &str) -> i64 {
        let response = self.response(reference, READ_GAS_BALANCE).await;
        let decoded = run_with(&response, ["gbcs", "decode", "--json"]).ends(0).json().remove(0);
        let components = decoded["payload"]["gbz"]["components"].as_array().expect("components");
        let prepayment = components.iter().find(|component| component["cluster"] == "0x0705").expect("prepayment");
        let balance = &prepayment["values"][0]["value"];
        balance.as_i64().unwrap_or_else(|| panic!("no balance: {decoded}"))
    }

    /// The Response that proves a delivery, in hex.
    async fn response(&self, reference: &str, request: &str) -> String {
        let delivery = self.until_state(reference, request, "Confirmed").await;
        delivery["evidence"]["response"]["hex"].as_str().expect("a Response").to_owned()
    }

    /// Wait until the DCC answers.
    pub async fn dcc_listens(&self) {
        let deadline = Instant::now() + LONG;
        let url = format!("{}/admin/wan", self.dcc);
        while self.client.get(&url).send().await.is_err() {
            assert!(Instant::now() < deadline, "the DCC does not listen\n{}", self.logs());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Let the WAN come or go.
    pub async fn set_wan(&self, state: &'static str) {
        let put = self.client.put(format!("{}/admin/wan", self.dcc)).body(state).send().await;
        assert!(put.expect("the DCC answers").status().is_success());
    }

    /// Send octets to a path of the DCC; the HTTP status and what it says.
    pub async fn post_to_dcc(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let post = self.client.post(format!("{}{path}", self.dcc)).header("Content-Type", "application/xml").body(body);
        let answer = post.send().await.expect("the DCC answers");
        (answer.status().as_u16(), answer.text().await.expect("text"))
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

fn read_toml(file: &Path) -> toml::Table {
    std::fs::read_to_string(file).unwrap().parse().unwrap()
}
