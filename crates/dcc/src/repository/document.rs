//! How searches and what they find are written: the parameters of a URL, XML, JSON, PEM.
use super::{Answer, Found, Query};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use duis::xml::{Document, XmlError};
use gbcs::certificate::{KeyUsage, Role};
use serde_json::{Value, json};
use std::fmt::{Display, Write as _};

/// The namespace of the XML documents.
pub const NAMESPACE: &str = "urn:lastmetre:smki";

/// Parameters of a search and the elements that are the same.
const NAMES: [(&str, &str); 8] = [
    ("entity", "EntityID"),
    ("role", "Role"),
    ("usage", "KeyUsage"),
    ("status", "Status"),
    ("issuer", "IssuerName"),
    ("serial", "SerialNumber"),
    ("skip", "Skip"),
    ("limit", "Limit"),
];

/// Why a search cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum QueryFault {
    /// Not the XML of a search.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// No search has this parameter.
    #[error("a search has no `{0}`")]
    Unknown(String),
    /// A parameter twice.
    #[error("`{0}` stands twice")]
    Twice(&'static str),
    /// A value that is none of its kind.
    #[error("`{name}`: {reason}")]
    Value {
        /// Of which parameter.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl Query {
    /// From parameters by name.
    pub fn from_parameters<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, QueryFault> {
        let mut query = Self::default();
        for (name, value) in parameters {
            let known = NAMES.iter().find(|(known, _)| *known == name);
            let (name, _) = known.ok_or_else(|| QueryFault::Unknown(name.to_owned()))?;
            query.set(name, value)?;
        }
        Ok(query)
    }

    /// From a document: the root, and in it an element for each parameter, in any order.
    pub fn from_xml(text: &str, root: &'static str) -> Result<Self, QueryFault> {
        let document = Document::parse(text)?;
        let element = document.root();
        if !element.is(NAMESPACE, root) {
            let kind = duis::xml::XmlErrorKind::Root { expected: root, found: element.name().to_owned() };
            return Err(element.error(kind).into());
        }
        let mut children = element.children()?;
        let mut query = Self::default();
        while let Some(child) = children.any_optional_in(NAMESPACE)? {
            let known = NAMES.iter().find(|(_, known)| *known == child.name());
            let (name, _) = known.ok_or_else(|| QueryFault::Unknown(child.name().to_owned()))?;
            query.set(name, child.text()?.trim())?;
        }
        Ok(query)
    }

    /// The parameters, as [`from_parameters`](Self::from_parameters) reads them.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let values = [
            self.entity.map(|entity| entity.to_string()),
            self.role.map(|role| role.number().to_string()),
            self.usage.map(|usage| usage.name().to_owned()),
            self.status.map(|status| status.to_string()),
            self.issuer.clone(),
            self.serial.map(|serial| serial.to_string()),
            Some(self.skip.to_string()).filter(|_| self.skip > 0),
            self.limit.map(|limit| limit.to_string()),
        ];
        NAMES.iter().zip(values).filter_map(|((name, _), value)| Some((*name, value?))).collect()
    }

    fn set(&mut self, name: &'static str, value: &str) -> Result<(), QueryFault> {
        let fault = |reason: &dyn Display| QueryFault::Value { name, reason: reason.to_string() };
        fn once<T>(place: &mut Option<T>, value: T, name: &'static str) -> Result<(), QueryFault> {
            match place.replace(value) {
                None => Ok(()),
                Some(_) => Err(QueryFault::Twice(name)),
            }
        }
        match name {
            "entity" => once(&mut self.entity, value.parse().map_err(|e| fault(&e))?, name),
            "role" => once(&mut self.role, role(value).ok_or_else(|| fault(&"neither a role nor its number"))?, name),
            "usage" => {
                let usages = [KeyUsage::DigitalSignature, KeyUsage::KeyAgreement, KeyUsage::KeyCertSign];
                let usage = usages.into_iter().find(|usage| usage.name() == value);
                let expected = "not one of digital-signature, key-agreement, key-cert-sign";
                once(&mut self.usage, usage.ok_or_else(|| fault(&expected))?, name)
            }
            "status" => once(&mut self.status, value.parse().map_err(|e| fault(&e))?, name),
            "issuer" => {
                // As certificates are named: blanks around commas do not count.
                let issuer = value.split(',').map(str::trim).collect::<Vec<_>>().join(",");
                once(&mut self.issuer, issuer, name)
            }
            "serial" => once(&mut self.serial, value.parse().map_err(|e| fault(&e))?, name),
            "skip" if self.skip > 0 => Err(QueryFault::Twice(name)),
            "skip" => {
                self.skip = value.parse().map_err(|e| fault(&e))?;
                Ok(())
            }
            _ => match value.parse() {
                Ok(limit @ 1..=Self::MOST) => once(&mut self.limit, limit, name),
                _ => Err(fault(&format_args!("not a number from 1 to {}", Self::MOST))),
            },
        }
    }
}

/// A role by number or by name.
fn role(text: &str) -> Option<Role> {
    text.parse().ok().map(Role::from_number).or_else(|| Role::from_name(text))
}

impl Found {
    /// One object.
    pub fn to_json(&self) -> Value {
        let read = self.certificate.read();
        let (from, until) = read.validity;
        json!({
            "entity": read.entity.map(|entity| entity.to_string()),
            "kind": self.certificate.kind().as_str(),
            "role": read.role.map(Role::number),
            "usage": read.usage.name(),
            "status": self.status.as_str(),
            "issuer": self.certificate.name().issuer(),
            "serial": self.certificate.name().serial().to_string(),
            "not_before": from.to_string(),
            "not_after": until.to_string(),
            "certificate_der": STANDARD.encode(self.certificate.octets()),
        })
    }

    /// PEM.
    pub fn to_pem(&self) -> String {
        smki::to_pem(self.certificate.octets())
    }

    /// A document of its own.
    pub fn to_xml(&self) -> String {
        let mut out = String::from(PROLOG);
        self.write(&mut out, &format!(" xmlns=\"{NAMESPACE}\""));
        out
    }

    fn write(&self, out: &mut String, attributes: &str) {
        let read = self.certificate.read();
        let name = self.certificate.name();
        let _ = write!(out, "<Certificate{attributes}>");
        if let Some(entity) = read.entity {
            element(out, "EntityID", entity);
        }
        element(out, "Kind", self.certificate.kind());
        if let Some(role) = read.role {
            element(out, "Role", role.number());
        }
        element(out, "KeyUsage", read.usage);
        element(out, "Status", self.status);
        element(out, "IssuerName", name.issuer());
        element(out, "SerialNumber", name.serial());
        element(out, "NotBefore", read.validity.0);
        element(out, "NotAfter", read.validity.1);
        element(out, "Body", STANDARD.encode(self.certificate.octets()));
        out.push_str("</Certificate>");
    }
}

impl Answer {
    /// One object: the certificates, and whether there are more.
    pub fn to_json(&self) -> Value {
        json!({ "certificates": self.found.iter().map(Found::to_json).collect::<Vec<_>>(), "more": self.more })
    }

    /// All of them, one after the other.
    pub fn to_pem(&self) -> String {
        self.found.iter().map(Found::to_pem).collect()
    }

    /// A document.
    pub fn to_xml(&self) -> String {
        let more = self.more;
        let mut out = format!("{PROLOG}<CertificateSearchResult xmlns=\"{NAMESPACE}\" more=\"{more}\">");
        self.found.iter().for_each(|found| found.write(&mut out, ""));
        out.push_str("</CertificateSearchResult>");
        out
    }
}

const PROLOG: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

fn element(out: &mut String, name: &str, value: impl Display) {
    let text = value.to_string().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = write!(out, "<{name}>{text}</{name}>");
}
