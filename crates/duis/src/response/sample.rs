//! Samples of responses, and of the parts that are written by hand.
use gbcs::MessageCode;

use super::alert::{ChangeOfSupplier, SuppliedDevice};
use super::answer::{Cin, FutureDatedOutcome};
use super::s1sp::{S1spAlert, S1spEvent};
use super::{AlertCode, Content, DccAlert, DccAlertCode, DccEvent, DeviceAlert, Response, ResponseBody};
use crate::ResponseCode;
use crate::body::han::Channel;
use crate::catalogue;
use crate::certificate::Serial;
use crate::request::SchemaVersion;
use crate::xml::NS_DSIG;
use crate::xml::sample::{Draw, Sample};

impl Response {
    /// A response of any kind there is, but those about SMETS1 meters.
    pub fn sample(draw: &mut Draw) -> Self {
        let body = match draw.number() % 4 {
            0 | 1 => message(Content::SAMPLES[draw.number() as usize % Content::SAMPLES.len()](draw)),
            2 => ResponseBody::DeviceAlert(DeviceAlert::sample(draw)),
            _ => ResponseBody::DccAlert(DccAlert::sample(draw)),
        };
        Self::sample_of(body, draw)
    }

    /// A response with each content and each event there is.
    pub fn sample_each(draw: &mut Draw) -> Vec<Self> {
        let mut bodies = vec![ResponseBody::DeviceAlert(DeviceAlert::sample(draw))];
        bodies.extend(Content::SAMPLES.iter().map(|of| message(of(draw))));
        let alert = |event, draw: &mut Draw| ResponseBody::DccAlert(DccAlert { event, ..DccAlert::sample(draw) });
        bodies.extend(DccEvent::SAMPLES.iter().map(|of| alert(of(draw), draw)));
        bodies.into_iter().map(|body| Self::sample_of(body, draw)).collect()
    }

    fn sample_of(body: ResponseBody, draw: &mut Draw) -> Self {
        Self {
            version: SchemaVersion::CURRENT,
            request_id: Sample::sample(draw),
            response_id: Sample::sample(draw),
            code: Sample::sample(draw),
            date_time: Sample::sample(draw),
            body,
        }
    }
}

fn message(content: Content) -> ResponseBody {
    ResponseBody::Message { srv: catalogue::entries()[0].srv, content }
}

impl Sample for ResponseCode {
    /// One of those the schema lists.
    fn sample(draw: &mut Draw) -> Self {
        let some = [Self::I0, Self::I99, Self::E1, Self::E4, Self::E17, Self::E20, Self::E30];
        some[(draw.number() % 7) as usize].clone()
    }
}

impl Sample for AlertCode {
    fn sample(draw: &mut Draw) -> Self {
        Self(Sample::sample(draw))
    }
}

impl Sample for MessageCode {
    fn sample(draw: &mut Draw) -> Self {
        Self(Sample::sample(draw))
    }
}

impl Sample for DccAlertCode {
    /// One of those the schema lists.
    fn sample(draw: &mut Draw) -> Self {
        match draw.within(0, 65) {
            0 => Self::Ad(1),
            32 => Self::N(999),
            n => Self::N(n as u16),
        }
    }
}

impl Sample for FutureDatedOutcome {
    fn sample(draw: &mut Draw) -> Self {
        if bool::sample(draw) { Self::Done } else { Self::NotDone }
    }
}

impl Sample for Cin {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(format!("{:04}", draw.within(0, 9999))).expect("four digits")
    }
}

impl Sample for Serial {
    /// Of at most 20 digits: libxml2 stops at 24, and it judges the samples.
    fn sample(draw: &mut Draw) -> Self {
        Self::from_octets(&draw.number().to_be_bytes()).expect("eight octets")
    }
}

impl<const LAST: u8> Sample for Channel<LAST> {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(draw.within(0, LAST.into()) as u8).expect("in range")
    }
}

impl Sample for ChangeOfSupplier {
    fn sample(draw: &mut Draw) -> Self {
        match bool::sample(draw) {
            true => Self::Device(SuppliedDevice::sample(draw)),
            false => Self::Request { request: Sample::sample(draw), error: Sample::sample(draw) },
        }
    }
}

impl Sample for S1spAlert {
    /// With a signature that has the right form and no meaning.
    fn sample(draw: &mut Draw) -> Self {
        let algorithm = |name: &str, uri: &str| format!("<ds:{name} Algorithm=\"{uri}\"></ds:{name}>");
        let signature = format!(
            "<ds:Signature xmlns:ds=\"{NS_DSIG}\"><ds:SignedInfo>{}{}<ds:Reference URI=\"\">{}<ds:DigestValue>AAAA</ds:DigestValue>\
             </ds:Reference></ds:SignedInfo><ds:SignatureValue>AAAA</ds:SignatureValue></ds:Signature>",
            algorithm("CanonicalizationMethod", "http://www.w3.org/2001/10/xml-exc-c14n#"),
            algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
            algorithm("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256"),
        );
        Self { version: SchemaVersion::CURRENT, event: S1spEvent::sample(draw), signature }
    }
}
