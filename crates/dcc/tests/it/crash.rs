//! Crash safety: the stand-in's process is killed at random moments and around named commits while several clients work, and
//! started again. Whatever the moment: no RequestID is accepted twice, no accepted request and no answer is lost.
use crate::common::desk::{answer, read_balance, read_balance_at, valid};
use crate::common::*;
use axum::Router;
use axum::routing::post;
use dcc::wan::{HubEvent, HubLink};
use dcc::{Dcc, DccConfig, WanState};
use duis::body::dcc::{CreateSchedule, Frequency, ScheduledRead, ScheduledReference, ScheduledVariant};
use duis::xml::value::{Day, TimeOfDay};
use duis::{
    Body, CommandVariant, Content, DccEvent, Execution, Request, RequestId, Response, ResponseBody, Service, SignerRole,
};
use gbcs::crypto::AwsLc;
use gbcs::{MessageView, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::time::sleep;

/// Set for the process that is to be a stand-in: its store, the User's URL, its two ports.
const CHILD: &str = "LASTMETRE_TEST_DCC";
const CLIENTS: u64 = 4;

/// Not a test of its own: the process that the tests below kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the crash tests run it as a process of its own"]
async fn dcc_process() {
    let text = std::env::var(CHILD).expect("run by the crash tests only");
    let [store, url, port, wan_port]: [&str; 4] = text.split('|').collect::<Vec<_>>().try_into().unwrap();
    let at = |port: &str| SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
    let config = DccConfig {
        store: Some(PathBuf::from(store)),
        listen: at(port),
        wan_listen: at(wan_port),
        wan: WanState::Up.into(),
        ..config(Some(url.to_owned()))
    };
    let _dcc = Dcc::start(config).await.unwrap();
    std::future::pending::<()>().await;
}

/// The process, started again whenever it is dead.
struct Process {
    setting: String,
    child: Mutex<Option<Child>>,
    deaths: Mutex<u32>,
}

impl Process {
    fn start(setting: String, crash_at: Option<&str>) -> Arc<Self> {
        let child = Mutex::new(Some(spawn(&setting, crash_at)));
        Arc::new(Self { setting, child, deaths: Mutex::new(0) })
    }

    fn tend(&self) {
        let mut child = self.child.lock().unwrap();
        if child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
            *self.deaths.lock().unwrap() += 1;
            *child = Some(spawn(&self.setting, None));
        }
    }

    fn kill(&self) {
        if let Some(child) = self.child.lock().unwrap().as_mut() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.tend();
    }

    fn deaths(&self) -> u32 {
        *self.deaths.lock().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = self.child.lock().unwrap().as_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(setting: &str, crash_at: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::dcc_process", "--ignored", "--nocapture"]).env(CHILD, setting);
    match crash_at {
        Some(at) => command.env("LASTMETRE_CRASH_AT", at),
        None => command.env_remove("LASTMETRE_CRASH_AT"),
    };
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// What the User was told, and how often the DCC said it.
type Told = Arc<Mutex<Vec<Response>>>;

async fn user() -> (String, Told, Arc<Mutex<Vec<String>>>) {
    let (told, documents) = (Told::default(), Arc::new(Mutex::new(Vec::new())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/receive", listener.local_addr().unwrap());
    let (keep, keep_document) = (told.clone(), documents.clone());
    let router = Router::new().route(
        "/receive",
        post(move |body: String| {
            let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
            let response = Response::accept(&AwsLc, &body, |c| (*c == certificate).then_some(dcc)).unwrap();
            keep.lock().unwrap().push(response);
            keep_document.lock().unwrap().push(body);
            async { axum::http::StatusCode::NO_CONTENT }
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, told, documents)
}

/// A hub whose meter answers every Command the same, however often it comes; what it was given.
fn hub(dcc: SocketAddr) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let given = Arc::new(Mutex::new(Vec::new()));
    let keep = given.clone();
    let (link, mut events) = HubLink::start(dcc, CHF);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let HubEvent::Received(command) = event {
                link.send(answer(&command, true));
                keep.lock().unwrap().push(command);
            }
        }
    });
    given
}

fn now() -> Time {
    Time(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64)
}

/// How a request was answered: its code, or nothing when the process died meanwhile.
async fn post_once(client: &reqwest::Client, port: u16, request: &Request) -> Option<String> {
    let service = request.header.variant.service().unwrap_or(Service::SendCommand);
    let url = format!("http://127.0.0.1:{port}{}", service.path());
    let answer = client.post(url).body(signed(request)).send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let text = answer.text().await.ok()?;
    let (_, rest) = text.split_once("<sr:ResponseCode>")?;
    rest.split_once('<').map(|(code, _)| code.to_owned())
}

/// Send a request until it is answered. It was accepted once: now, or by a process that died before it could say so.
async fn until_answered(client: &reqwest::Client, port: u16, process: &Process, request: &Request) -> String {
    let mut tries = 0;
    loop {
        if let Some(code) = post_once(client, port, request).await {
            match code.as_str() {
                "E57" if tries > 0 => return "accepted before".to_owned(),
                _ => return code,
            }
        }
        tries += 1;
        process.tend();
        sleep(Duration::from_millis(20)).await;
        assert!(tries < 1500, "no answer to {}", request.header.id);
    }
}

/// The requests of one client, each with what has to come of it.
fn requests(client: u64, base: u64) -> Vec<Request> {
    // Every other one: the run of a schedule takes the counter above the highest.
    let counter = |n: u64| base + client * 1000 + 2 * n;
    let mut all = Vec::new();
    // Immediate, dated, in a sequence, and of the service that anomaly detection dams.
    for n in 0..6 {
        all.push(read_balance(counter(n)));
    }
    for n in 6..9 {
        let date = Execution::At(now() + Duration::from_millis(300 * n));
        all.push(read_balance_at(counter(n), date));
    }
    for n in 9..12 {
        let mut request = read_balance(counter(n));
        request.header.first_in_sequence = Some(n == 9);
        request.header.preceding = (n > 9).then(|| id(ESME, counter(n - 1)));
        all.push(request);
    }
    for n in 12..15 {
        all.push(request(
            ESME,
            counter(n),
            "4.3",
            CommandVariant::Send,
            Body::plain("ReadInstantaneousPrepayValues").unwrap(),
        ));
    }
    all
}

/// A schedule whose first run is in a moment.
fn schedule(base: u64) -> Request {
    let first = (now() + Duration::from_secs(3)).civil();
    let wanted = CreateSchedule {
        frequency: Frequency::Daily,
        start: Day::new(first.year, first.month, first.day).unwrap(),
        end: None,
        start_time: Some(TimeOfDay { hour: first.hour, minute: first.minute, second: first.second, hundredths: 0 }),
        credentials: None,
        reference: ScheduledReference::S4_15,
        srv: ScheduledVariant::S4_15,
        device: ESME,
        read: ScheduledRead::LoadLimit,
    };
    request(ACB, base, "5.1", CommandVariant::NonDevice, Body::CreateSchedule(wanted))
}

/// Nothing of service 4.3 passes.
const THRESHOLDS: &str = r#"{"dcc": [{"service": "4.3", "period_seconds": 3600, "quarantine": 0}]}"#;

struct Story {
    port: u16,
    process: Arc<Process>,
    told: Told,
    documents: Arc<Mutex<Vec<String>>>,
    given: Arc<Mutex<Vec<Vec<u8>>>>,
    client: reqwest::Client,
    store: PathBuf,
    _folder: tempfile::TempDir,
}

impl Story {
    async fn start(crash_at: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("dcc.sqlite");
        let (url, told, documents) = user().await;
        let [port, wan_port] = free_ports();
        let setting = format!("{}|{url}|{port}|{wan_port}", store.display());
        let process = Process::start(setting, crash_at);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        let given = hub(SocketAddr::from((Ipv4Addr::LOCALHOST, wan_port)));
        Self { port, process, told, documents, given, client, store, _folder: folder }
    }

    /// Ask until it answers.
    async fn admin(&self, method: reqwest::Method, path: &str, body: &str) -> String {
        let started = Instant::now();
        loop {
            let url = format!("http://127.0.0.1:{}{path}", self.port);
            let answer = self.client.request(method.clone(), url).body(body.to_owned()).send().await;
            if let Ok(answer) = answer
                && answer.status().is_success()
            {
                return answer.text().await.unwrap_or_default();
            }
            assert!(started.elapsed() < Duration::from_secs(30), "no answer to {path}");
            self.process.tend();
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// All clients at once; what each request was answered.
    async fn clients(&self, base: u64) -> BTreeMap<RequestId, String> {
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let (client, process, port) = (self.client.clone(), self.process.clone(), self.port);
                tokio::spawn(async move {
                    let mut answers = Vec::new();
                    for request in requests(n, base) {
                        let code = until_answered(&client, port, &process, &request).await;
                        answers.push((request.header.id, code));
                    }
                    answers
                })
            })
            .collect();
        let mut all = BTreeMap::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        all
    }

    /// Everything that must come of the requests, whatever happened.
    async fn ends_well(&self, base: u64, answers: &BTreeMap<RequestId, String>) {
        let wanted: BTreeSet<RequestId> =
            (0..CLIENTS).flat_map(|n| requests(n, base)).map(|request| request.header.id).collect();
        assert_eq!(answers.keys().copied().collect::<BTreeSet<_>>(), wanted);
        for (id, code) in answers {
            assert!(code == "I99" || code == "accepted before", "{id}: {code}");
        }
        // What is set aside is released as soon as it is seen; what comes of everything is told.
        self.until("every answer", || self.answered().is_superset(&wanted), async || self.release().await).await;
        self.until("the run of the schedule", || self.scheduled() == 1, async || {}).await;
        // No Command but those of the requests, each the same octets however often it travelled.
        let mut commands = BTreeMap::new();
        for octets in self.given.lock().unwrap().iter() {
            let id = MessageView::parse(octets).unwrap().id();
            let other = commands.insert(id, octets.clone());
            assert!(other.is_none_or(|other| other == *octets), "two Commands have the name {id}");
        }
        assert_eq!(commands.len(), wanted.len() + 1, "one Command for each request, and one of the schedule");
        // Every one of them is now known, and refused.
        for id in &wanted {
            let mut again = read_balance(id.counter.0);
            again.header.id = *id;
            let code = until_answered(&self.client, self.port, &self.process, &again).await;
            assert!(code == "E57" || code == "accepted before", "{id} was accepted twice: {code}");
        }
        let alerts = self.told.lock().unwrap().iter().filter_map(quarantined).collect::<BTreeSet<_>>();
        assert_eq!(alerts.len() as u64, CLIENTS * 3, "of each request in quarantine the User was told");
        valid(&self.documents.lock().unwrap());
        let connection = rusqlite::Connection::open(&self.store).unwrap();
        let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        let left: i64 = connection.query_row("SELECT count(*) FROM held", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "nothing is left waiting");
    }

    async fn release(&self) {
        let listed = self.admin(reqwest::Method::GET, "/admin/quarantine", "").await;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap_or_default();
        let references: Vec<_> =
            listed.as_array().into_iter().flatten().map(|held| held["reference"].clone()).collect();
        if !references.is_empty() {
            let decision = serde_json::json!({ "release": references }).to_string();
            self.admin(reqwest::Method::POST, "/admin/quarantine", &decision).await;
        }
    }

    /// Requests whose device's Response the User has.
    fn answered(&self) -> BTreeSet<RequestId> {
        let told = self.told.lock().unwrap();
        let answers = told.iter().filter(|told| matches!(told.content(), Some(Content::DeviceResponse(_))));
        answers.filter_map(|told| told.request_id).collect()
    }

    /// Different answers to runs of the schedule.
    fn scheduled(&self) -> usize {
        let told = self.told.lock().unwrap();
        let runs = told.iter().filter(|told| matches!(told.content(), Some(Content::Scheduled(_))));
        runs.filter_map(|told| told.request_id).collect::<BTreeSet<_>>().len()
    }

    async fn until(&self, what: &str, done: impl Fn() -> bool, mut work: impl AsyncFnMut()) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < Duration::from_secs(40), "waited in vain for {what}: {:#?}", self.state());
            self.process.tend();
            work().await;
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn state(&self) -> (usize, usize, usize) {
        let told = self.told.lock().unwrap().len();
        (told, self.answered().len(), self.given.lock().unwrap().len())
    }
}

fn quarantined(response: &Response) -> Option<String> {
    match &response.body {
        ResponseBody::DccAlert(alert) => match &alert.event {
            DccEvent::Quarantined(event) => Some(format!("{event:?}")),
            _ => None,
        },
        _ => None,
    }
}

/// Ports that were free a moment ago, told to a process that is started more than once.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

async fn story(crash_at: Option<&str>) -> Story {
    let story = Story::start(crash_at).await;
    story.admin(reqwest::Method::PUT, "/admin/anomaly", THRESHOLDS).await;
    let base = now().0;
    let created = until_answered(&story.client, story.port, &story.process, &schedule(base)).await;
    assert!(created == "I0" || created == "accepted before", "{created}");
    let answers = story.clients(base).await;
    story.ends_well(base, &answers).await;
    story
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_random_accepts_nothing_twice_and_loses_nothing() {
    let mut seed = 0x2545_F491_4F6C_DD1Du64;
    let story = Story::start(None).await;
    story.admin(reqwest::Method::PUT, "/admin/anomaly", THRESHOLDS).await;
    let base = now().0;
    let created = until_answered(&story.client, story.port, &story.process, &schedule(base)).await;
    assert!(created == "I0" || created == "accepted before", "{created}");
    let process = story.process.clone();
    let killer = tokio::spawn(async move {
        for _ in 0..12 {
            // xorshift: the moments are the same at every run, as far as the machine's are.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            sleep(Duration::from_millis(100 + seed % 500)).await;
            let process = process.clone();
            tokio::task::spawn_blocking(move || process.kill()).await.unwrap();
        }
    });
    let answers = story.clients(base).await;
    killer.await.unwrap();
    story.ends_well(base, &answers).await;
    assert!(story.process.deaths() <= 12);
}

/// What transactions do, and the occurrences of it around which the process dies.
const EVENTS: [(&str, &[u32]); 7] = [
    ("accepted", &[1, 17, 40]),
    ("held", &[1, 9, 16]),
    ("resumed", &[1, 8]),
    ("ended", &[1, 15]),
    ("ran", &[1]),
    ("told", &[1, 20]),
    ("heard", &[1, 20]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_around_a_commit_accepts_nothing_twice_and_loses_nothing() {
    for (event, occurrences) in EVENTS {
        for (n, occurrence) in occurrences.iter().enumerate() {
            let side = if n % 2 == 0 { "before" } else { "after" };
            for side in [side, if occurrences.len() == 1 { "after" } else { side }].into_iter().collect::<BTreeSet<_>>()
            {
                let at = format!("{side}:{event}:{occurrence}");
                let story = story(Some(&at)).await;
                assert!(story.process.deaths() >= 1, "it did not die at {at}");
            }
        }
    }
}

/// Many clients at once, whose acceptances share their commits; each request comes twice, from two of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_while_many_share_a_commit_accepts_nothing_twice_and_loses_nothing() {
    const REQUESTS: u64 = 40;
    for crash_at in ["before:accepted:25", "after:accepted:25"] {
        let story = Story::start(Some(crash_at)).await;
        let base = now().0;
        let tasks: Vec<_> = (0..REQUESTS * 2)
            .map(|n| {
                let (client, process, port) = (story.client.clone(), story.process.clone(), story.port);
                let mut request = read_balance(base + n / 2);
                request.header.variant = CommandVariant::Local;
                tokio::spawn(
                    async move { (request.header.id, until_answered(&client, port, &process, &request).await) },
                )
            })
            .collect();
        let mut answers = BTreeMap::<RequestId, Vec<String>>::new();
        for task in tasks {
            let (id, code) = task.await.unwrap();
            answers.entry(id).or_default().push(code);
        }
        assert!(story.process.deaths() >= 1, "it did not die at {crash_at}");
        for (id, codes) in &answers {
            let accepted = codes.iter().filter(|code| *code == "I0").count();
            let refused = codes.iter().all(|code| ["I0", "E57", "accepted before"].contains(&code.as_str()));
            assert!(accepted <= 1 && refused, "{id}: {codes:?}");
        }
        let connection = rusqlite::Connection::open(&story.store).unwrap();
        let sql = "SELECT count(*), count(DISTINCT id), count(command) FROM request";
        let row: (i64, i64, i64) =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let all = REQUESTS as i64;
        assert_eq!(row, (all, all, all), "each was accepted, once, with its Command");
    }
}

/// The same request posted many times at once is accepted exactly once, over the sockets too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_duplicates_exactly_one_is_accepted() {
    let dcc = Dcc::start(config(None)).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut local = read_balance(1);
    local.header.variant = CommandVariant::Local;
    let dated = read_balance_at(2, Execution::At(now() + Duration::from_secs(3600)));
    let service = schedule(3);
    for request in [local, dated, service] {
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let (client, request, port) = (client.clone(), request.clone(), dcc.addr.port());
                tokio::spawn(async move { post_once(&client, port, &request).await.unwrap() })
            })
            .collect();
        let mut codes = BTreeMap::new();
        for task in tasks {
            *codes.entry(task.await.unwrap()).or_insert(0) += 1;
        }
        assert_eq!(codes.remove("E57"), Some(31), "{codes:?}");
        assert!(codes.len() == 1 && codes.keys().all(|code| code.starts_with('I')), "{codes:?}");
    }
}
