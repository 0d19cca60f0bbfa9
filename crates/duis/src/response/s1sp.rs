//! The one report about SMETS1 meters that comes as an alert of the DCC: that of a SMETS1 service provider, with its own signature.
use gbcs::{Eui64, Time};

use crate::RequestId;
use crate::body::Utrn;
use crate::body::dcc::ScheduleId;
use crate::request::{SchemaVersion, schema_version};
use crate::xml::content::sequence;
use crate::xml::{Content, Element, Group as _, NS_DSIG, Writer, XmlError};

sequence! {
    /// An alert of a SMETS1 service provider, as the DCC passes it on.
    S1spAlertAtDcc {
        alert: S1spAlert = "S1SPAlert",
        schedule: Option<ScheduleId> = "DSPScheduleID",
    }

    /// What a SMETS1 service provider says.
    S1spEvent {
        request: Option<RequestId> = "RequestID",
        device: Option<Eui64> = "DeviceID",
        code: String = "S1SPAlertCode",
        more: Option<String> = "AdditionalInformation",
        utrn: Option<Utrn> = "UTRN",
        at: Time = "DateTime",
    }
}

/// An alert of a SMETS1 service provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S1spAlert {
    /// Version of the schema it claims.
    pub version: SchemaVersion,
    /// What it says.
    pub event: S1spEvent,
    /// The provider's signature, which is carried and not looked at: `ds:Signature` in exclusive canonical form.
    pub signature: String,
}

impl Content for S1spAlert {
    fn read_content(element: Element<'_>, _: &[&str]) -> Result<Self, XmlError> {
        let version = schema_version(element)?;
        let mut children = element.children_beside(&["schemaVersion"])?;
        let event = S1spEvent::read_group(&mut children)?;
        let signature = children.expect_in(NS_DSIG, "Signature")?.canonical()?;
        children.end()?;
        Ok(Self { version, event, signature })
    }

    fn write_content(&self, w: &mut Writer) {
        self.event.write_group(w);
        w.raw(&self.signature);
    }

    fn write_element(&self, w: &mut Writer, name: &str) {
        w.element_with(name, "schemaVersion", self.version, |w| self.write_content(w));
    }
}
