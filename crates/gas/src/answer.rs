//! The form of an answer: what of it is encrypted, its frame control (gbcs-messages 7, 10).
use alloc::vec::Vec;
use gbcs::catalogue::{ComponentTemplate, UseCase};
use gbcs::gbz::zcl::{Body, CLUSTER_SPECIFIC, Command, READ_ATTRIBUTES_RESPONSE, Status};
use gbcs::gbz::{Component, Content, Payload};

/// How a use case answers a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseForm {
    /// The attributes are encrypted for the reader.
    pub encrypted: bool,
    /// The frame control of the answer, where the use case differs from the usual.
    pub frame_control: Option<u8>,
}

impl ResponseForm {
    /// How the use case answers the component at place `n` of `command` by `answer`: the answers to attribute reads stand in the order of
    /// the reads, others are told by their command.
    pub fn of(use_case: &UseCase, command: &Payload, n: usize, answer: &Component) -> Self {
        let of_template = |template: &ComponentTemplate| Self {
            encrypted: template.encrypted,
            frame_control: Some(template.frame_control),
        };
        if answer.frame_control & CLUSTER_SPECIFIC != 0 {
            let alike = |template: &&ComponentTemplate| {
                template.frame_control & CLUSTER_SPECIFIC != 0
                    && (template.cluster, template.command) == (answer.cluster, answer.command)
            };
            return use_case.answers.iter().find(alike).map_or(Self::default(), of_template);
        }
        let is_read = |component: &Component| matches!(component.body(), Some(Body::ReadAttributes(_)));
        if !command.components.get(n).is_some_and(is_read) {
            return Self::default();
        }
        let place = command.components[..n].iter().filter(|component| is_read(component)).count();
        let of_reads =
            |a: &&ComponentTemplate| a.frame_control & CLUSTER_SPECIFIC == 0 && a.command == READ_ATTRIBUTES_RESPONSE;
        use_case.answers.iter().filter(of_reads).nth(place).map_or(Self::default(), of_template)
    }

    /// Give an answer this form. Error and default responses are never encrypted; `frame_counter` counts those that are.
    /// Nothing when it is to be encrypted and `encrypt` cannot.
    pub fn give(
        self,
        answer: Component,
        frame_counter: &mut u8,
        encrypt: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<Component> {
        let failed = failure(&answer).is_some();
        let mut answer = match self.frame_control {
            Some(frame_control) if !matches!(answer.body(), Some(Body::DefaultResponse { .. })) => {
                answer.with_frame_control(frame_control)
            }
            _ => answer,
        };
        if self.encrypted && !failed {
            let Some(body) = answer.body().filter(|body| !matches!(body, Body::DefaultResponse { .. })) else {
                return Some(answer);
            };
            let mut plain = Vec::with_capacity(body.encoded_len());
            body.encode(&mut plain);
            answer.content = Content::Encrypted { frame_counter: *frame_counter, blob: encrypt(&plain)? };
            *frame_counter = frame_counter.wrapping_add(1);
        }
        Some(answer)
    }
}

/// The status of an answer that is a failure. A record without a value is one; a refused top-up is too. Nothing found is none.
pub fn failure(answer: &Component) -> Option<u8> {
    match answer.body()? {
        Body::DefaultResponse { status, .. } if !status.is_success() && *status != Status::NOT_FOUND => Some(status.0),
        Body::ReadAttributesResponse(records) => records.iter().find_map(|r| r.value.as_ref().err()).map(|s| s.0),
        Body::Cluster(Command::ConsumerTopUpResponse(top_up)) if top_up.value == -1 => Some(top_up.result),
        _ => None,
    }
}
