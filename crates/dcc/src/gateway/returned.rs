//! SRV 8.13: the Response to a Command that was delivered locally.
use super::{Gateway, Made, internal, refused};
use crate::access::{Allowed, Failure, codes};
use crate::store::{Acceptance, Stage};
use duis::body::LocalCommandResponse;
use duis::{Content, ResponseCode};
use gbcs::{Cra, MessageView, Time};

impl Gateway {
    /// SRV 8.13: the Response to a Command that was delivered locally.
    pub(super) fn returned(
        &self,
        allowed: &Allowed<'_>,
        returned: &LocalCommandResponse,
        now: Time,
    ) -> Result<Made, Failure> {
        let request = &allowed.request;
        let invalid = |reason: String| refused(request, codes::response_invalid(), reason);
        let view = MessageView::parse(&returned.response).map_err(|e| invalid(e.to_string()))?;
        let known = match returned.original {
            Some(original) => self.store.by_request(original),
            None => self.store.by_message(&view.id().answer()),
        };
        // Nobody answers for another.
        let by = request.header.id.originator;
        let known = known?.filter(|known| known.local && known.id.originator == by);
        let known = known.ok_or_else(|| {
            refused(request, codes::original_unknown(), "no local Command was made of the original request".into())
        })?;
        let command = MessageView::parse(&known.command).map_err(internal)?;
        let fits = view.cra() == Cra::Response
            && view.id() == command.id().answer()
            && view.message_code() == command.message_code();
        if !fits {
            let reason =
                format!("the Response is {} {}, the Command was {}", view.id(), view.message_code(), command.id());
            return Err(refused(request, codes::response_mismatch(), reason));
        }
        self.verify_answer(&known.command, &view).map_err(invalid)?;
        let acceptance = Acceptance::new(request, Stage::Request, now);
        let acceptance = Acceptance { returned: Some((known.id, &returned.response)), ..acceptance };
        self.store_once(request, &acceptance, |transaction| {
            self.conclude(transaction, &known, &view, now)?;
            self.learn(transaction, &known, &view, now)
        })?;
        Ok(Made { code: ResponseCode::I0, content: Content::Acknowledgement })
    }
}
