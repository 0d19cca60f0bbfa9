//! The DCC as far as a head end sees it: transforms, closes with a MAC, refuses a replay, sends by a WAN of sorts.
use super::home::Meter;
use super::{
    ACB, ACB_AGREEMENT, ESME_AGREEMENT, SUPPLIER, SUPPLIER_SIGNING, XML_DCC, XML_USER, certificate, key, xml_key,
    xml_signer,
};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use duis::body::Body;
use duis::transform::TransformContext;
use duis::{
    CommandVariant, Content, Device, DeviceType, LocalCommand, PreCommand, Request, RequestId, Response, ResponseCode,
    SignerRole, Srv,
};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{MessageView, Time, protect};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// How the DCC behaves.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// HTTP 503 to everything.
    pub away: bool,
    /// This code to everything.
    pub refuse: Option<&'static str>,
    /// Take a request in, then lose the answer: so often.
    pub lose_answers: usize,
    /// Another octet in what is handed out, at this offset from the end.
    pub falsify: Option<usize>,
    /// Answers signed by somebody else.
    pub sign_with: Option<u8>,
}

#[derive(Default)]
struct Inner {
    behaviour: Behaviour,
    seen: BTreeSet<(RequestId, bool)>,
    documents: Vec<(String, CommandVariant, RequestId)>,
    wan: Vec<(RequestId, Srv, Vec<u8>)>,
    returned: Vec<Vec<u8>>,
    receive_url: Option<String>,
    wan_meter: Option<Arc<Mutex<Meter>>>,
}

#[derive(Clone)]
pub struct FakeDcc {
    addr: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl FakeDcc {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let dcc = Self { addr: listener.local_addr().unwrap(), inner: Arc::default() };
        let router = Router::new().fallback(serve).with_state(dcc.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        dcc
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.inner.lock().unwrap().behaviour = behaviour;
    }

    pub fn deliver_to(&self, url: String) {
        self.inner.lock().unwrap().receive_url = Some(url);
    }

    /// Path, Command Variant and id of every request that was accepted.
    pub fn documents(&self) -> Vec<(String, CommandVariant, RequestId)> {
        self.inner.lock().unwrap().documents.clone()
    }

    /// The Command Variants of those.
    pub fn variants(&self) -> Vec<u8> {
        self.documents().into_iter().map(|(_, variant, _)| variant as u8).collect()
    }

    /// Commands to be sent by WAN.
    pub fn wan(&self) -> Vec<(RequestId, Srv, Vec<u8>)> {
        self.inner.lock().unwrap().wan.clone()
    }

    /// Responses that the head end returned.
    pub fn returned(&self) -> Vec<Vec<u8>> {
        self.inner.lock().unwrap().returned.clone()
    }

    /// Deliver a device's message that came by WAN; gives the HTTP status.
    pub async fn report(&self, id: RequestId, srv: Srv, octets: Vec<u8>) -> u16 {
        let response = Response::device_answer(id, srv, ResponseCode::I0, now(), Content::DeviceResponse(octets));
        self.deliver(response.sign(&AwsLc, &xml_key(XML_DCC)).unwrap()).await
    }

    /// Deliver an error code about a Command that was to go by WAN.
    pub async fn give_up(&self, id: RequestId, srv: Srv, code: ResponseCode) -> u16 {
        let response = Response::answer(id, srv, code, now(), Content::Acknowledgement);
        self.deliver(response.sign(&AwsLc, &xml_key(XML_DCC)).unwrap()).await
    }

    pub async fn deliver(&self, document: String) -> u16 {
        let url = self.inner.lock().unwrap().receive_url.clone().expect("where to deliver");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client
            .post(url)
            .header("Content-Type", "application/xml")
            .body(document)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    /// Commands for the WAN reach a meter, whose answers are delivered until they are taken.
    pub fn connect_wan(&self) -> Arc<Mutex<Meter>> {
        let meter = Arc::<Mutex<Meter>>::default();
        self.inner.lock().unwrap().wan_meter = Some(meter.clone());
        meter
    }

    fn answer(&self, path: &str, text: &str) -> Option<Result<String, StatusCode>> {
        let mut inner = self.inner.lock().unwrap();
        let behaviour = inner.behaviour.clone();
        if behaviour.away {
            return Some(Err(StatusCode::SERVICE_UNAVAILABLE));
        }
        let user =
            |found: &_| (*found == certificate(XML_USER)).then(|| xml_signer(XML_USER, SUPPLIER, SignerRole::XmlSign));
        let request = Request::accept(&AwsLc, text, user).expect("a signed request");
        let (id, srv, variant) = (request.header.id, request.header.srv, request.header.variant);
        assert_eq!(variant.service().unwrap().path(), path, "the web service of CV {variant}");
        let is_new = inner.seen.insert((id, variant.is_signed()));
        let answer = if let Some(code) = behaviour.refuse {
            (self::code(code), Content::Acknowledgement)
        } else if !is_new {
            (self::code("E57"), Content::Acknowledgement)
        } else {
            inner.documents.push((path.to_owned(), variant, id));
            inner.make(&request)
        };
        if is_new && inner.behaviour.lose_answers > 0 {
            inner.behaviour.lose_answers -= 1;
            return None;
        }
        let response = Response::answer(id, srv, answer.0, now(), answer.1);
        let signer = behaviour.sign_with.unwrap_or(XML_DCC);
        Some(Ok(response.sign(&AwsLc, &xml_key(signer)).unwrap()))
    }
}

impl Inner {
    fn make(&mut self, request: &Request) -> (ResponseCode, Content) {
        let falsify = |mut octets: Vec<u8>| {
            if let Some(offset) = self.behaviour.falsify {
                let at = octets.len() - 1 - offset;
                octets[at] ^= 1;
            }
            octets
        };
        let plain = match &request.body {
            Body::ReturnLocalCommandResponse(returned) => {
                self.returned.push(returned.response.clone());
                return (ResponseCode::I0, Content::Acknowledgement);
            }
            Body::SignedPreCommand(signed) => {
                let view = MessageView::parse(&signed.payload).expect("a message");
                assert_eq!(view.id(), request.header.id.command(), "the ids of request and Signed Pre-Command");
                protect::verify_signature(&AwsLc, key(SUPPLIER_SIGNING).public(), &view).expect("signed by the User");
                signed.payload.clone()
            }
            _ => {
                let context = TransformContext::new(Device::new(DeviceType::Esme), now());
                duis::transform(request, &context).expect("a request that can be transformed").octets
            }
        };
        let variant = request.header.variant;
        if variant == CommandVariant::Transform {
            let content = Content::PreCommand(PreCommand { gbcs_version: "4.3".into(), payload: falsify(plain) });
            return (ResponseCode::I0, content);
        }
        let z = AwsLc.agree(&key(ACB_AGREEMENT), key(ESME_AGREEMENT).public()).unwrap();
        let command = protect::add_mac(&AwsLc, &z, &plain).unwrap();
        if variant.sends_command() {
            let (id, srv) = (request.header.id, request.header.srv);
            self.wan.push((id, srv, command.clone()));
            let answer = self.wan_meter.as_ref().and_then(|meter| meter.lock().unwrap().execute(&command));
            if let (Some(answer), Some(url)) = (answer, self.receive_url.clone()) {
                tokio::spawn(report_until_taken(url, id, srv, answer));
            }
        }
        if variant.returns_command() {
            (ResponseCode::I0, Content::LocalCommand(LocalCommand { payload: falsify(command) }))
        } else {
            (ResponseCode::I99, Content::Acknowledgement)
        }
    }
}

async fn serve(State(dcc): State<FakeDcc>, uri: Uri, body: String) -> Result<String, StatusCode> {
    match dcc.answer(uri.path(), &body) {
        Some(answer) => answer,
        // Taken in, and the answer lost on the way: what the head end sees is a gateway that failed.
        None => Err(StatusCode::BAD_GATEWAY),
    }
}

async fn report_until_taken(url: String, id: RequestId, srv: Srv, octets: Vec<u8>) {
    let response = Response::device_answer(id, srv, ResponseCode::I0, now(), Content::DeviceResponse(octets));
    let document = response.sign(&AwsLc, &xml_key(XML_DCC)).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    loop {
        let sent = client.post(&url).header("Content-Type", "application/xml").body(document.clone()).send().await;
        if sent.is_ok_and(|answer| answer.status() == 204) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

pub fn code(text: &str) -> ResponseCode {
    duis::xml::Text::read(text).unwrap()
}

pub fn now() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64)
}

/// The id under which non-device requests reach it.
pub const ID: gbcs::Eui64 = ACB;
