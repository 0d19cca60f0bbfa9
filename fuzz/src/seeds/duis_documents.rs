//! Documents of the DCC User Interface: a request of every service there is, and the responses.
use super::{METERS, SUPPLIER, Seeds, command, response, rows};
use duis::body::{DisplayMessage, LocalCommandResponse, SignedPreCommand};
use duis::xml::sample::Draw;
use duis::{
    Body, CommandVariant, Content, Execution, LocalCommand, PreCommand, Request, RequestId, Response, ResponseBody,
    ResponseCode, catalogue,
};
use gbcs::{Counter, Time};

/// Seeds of `duis_xml`.
pub fn duis_xml() -> Seeds {
    let id = RequestId { originator: SUPPLIER, target: METERS[0], counter: Counter(1000) };
    let now = Time(1_800_000_000_000);
    let request = |srv: &str, variant, body| {
        Request::new(id, srv.parse().expect("a service"), variant, body).to_xml().into_bytes()
    };
    let answer = |content| {
        let code = ResponseCode::I0;
        Response::answer(id, "2.5".parse().expect("a service"), code, now, content).to_xml().into_bytes()
    };
    let text = DisplayMessage::new("a & b < c", Execution::At(now)).expect("short");
    let pre_command = SignedPreCommand { execution: Execution::Cancel, payload: vec![0xDF; 40] };
    let returned = LocalCommandResponse { original: Some(id), response: response(METERS[0], 1000) };
    let mut seeds = vec![
        ("message", request("3.1", CommandVariant::Local, Body::DisplayMessage(text))),
        ("signed-pre-command", request("1.5", CommandVariant::LocalSigned, Body::SignedPreCommand(pre_command))),
        ("returned", request("8.13", CommandVariant::Transform, Body::ReturnLocalCommandResponse(returned))),
        ("acknowledgement", answer(Content::Acknowledgement)),
        ("local-command", answer(Content::LocalCommand(LocalCommand { payload: command(METERS[0], 1000, rows()) }))),
        (
            "pre-command",
            answer(Content::PreCommand(PreCommand { gbcs_version: "4.1".into(), payload: vec![0xDF; 30] })),
        ),
    ];
    // Of each service the shortest of some: lists that hold something, and no more than they need.
    seeds.extend(catalogue::entries().iter().map(|entry| {
        let of = |seed| {
            let body = Body::sample(entry, &mut Draw::new(seed));
            Request::new(id, entry.srv, entry.variants[0], body).to_xml().into_bytes()
        };
        let shortest = (0..12).map(of).min_by_key(Vec::len).expect("twelve of them");
        (entry.body, shortest)
    }));
    // The same of each content and each event of a response.
    let drawn: Vec<_> = (0..12).map(|seed| Response::sample_each(&mut Draw::new(seed))).collect();
    seeds.extend((0..drawn[0].len()).map(|i| {
        let name = match &drawn[0][i].body {
            ResponseBody::Message { content, .. } => content.element().unwrap_or("ResponseMessage"),
            ResponseBody::DccAlert(alert) => alert.event.element(),
            ResponseBody::DeviceAlert(_) | ResponseBody::Other(_) => "DeviceAlertMessage",
        };
        let shortest = drawn.iter().map(|each| each[i].to_xml().into_bytes()).min_by_key(Vec::len);
        (name, shortest.expect("twelve of them"))
    }));
    seeds
}
