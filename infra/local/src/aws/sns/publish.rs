//! `Publish` and `PublishBatch`.

use super::super::faults::Fault;
use super::super::sqs::{self, BatchRefused, MESSAGE_BYTES_MAX};
use super::Context;
use super::form::{Refusal, element};
use super::topics::{self, Publication};

/// Largest message and largest batch, attributes included: the same 256 KiB as SQS.
const PUBLISH_BYTES_MAX: usize = MESSAGE_BYTES_MAX;
/// Longest subject.
const SUBJECT_CHARACTERS_MAX: usize = 100;

impl Context<'_> {
    pub(super) fn publish(&mut self) -> Result<String, Refusal> {
        let topic = self.topic()?;
        let publication = self.publication("");
        check(&publication)?;
        self.published_bytes = Some(bytes(&publication));
        topics::publish(self.messaging, &topic, &publication, self.now_ms);
        Ok(element("MessageId", &publication.id))
    }

    pub(super) fn publish_batch(&mut self) -> Result<String, Refusal> {
        let topic = self.topic()?;
        let entries: Vec<(String, Publication)> = self
            .form
            .members("PublishBatchRequestEntries")
            .iter()
            .map(|prefix| {
                let id = self.form.get(&format!("{prefix}Id")).unwrap_or_default().to_owned();
                (id, self.publication(prefix))
            })
            .collect();
        sqs::check_ids(entries.iter().map(|(id, _)| id.as_str())).map_err(batch_refusal)?;
        let total: usize = entries.iter().map(|(_, publication)| bytes(publication)).sum();
        if total > PUBLISH_BYTES_MAX {
            let message = "The length of all the messages put together is more than the limit.";
            return Err(Refusal::new(400, "BatchRequestTooLong", message));
        }
        Ok(self.publish_entries(&topic, &entries))
    }

    fn publish_entries(&mut self, topic: &str, entries: &[(String, Publication)]) -> String {
        let refused = self.refused(entries.len());
        let (mut successful, mut failed) = (String::new(), String::new());
        for (place, (id, publication)) in entries.iter().enumerate() {
            let id = element("Id", id);
            let checked = if refused.contains(&place) {
                Err((throttled(), false))
            } else {
                check(publication).map_err(|refusal| (refusal, true))
            };
            match checked {
                Ok(()) => {
                    topics::publish(self.messaging, topic, publication, self.now_ms);
                    // What is not taken is not billed.
                    *self.published_bytes.get_or_insert(0) += bytes(publication);
                    successful.push_str(&format!("<member>{id}{}</member>", element("MessageId", &publication.id)));
                }
                Err((refusal, sender_fault)) => {
                    let (code, message) = (element("Code", refusal.code), element("Message", &refusal.message));
                    let sender_fault = element("SenderFault", if sender_fault { "true" } else { "false" });
                    failed.push_str(&format!("<member>{id}{code}{message}{sender_fault}</member>"));
                }
            }
        }
        format!("<Successful>{successful}</Successful><Failed>{failed}</Failed>")
    }

    /// Places of the entries that are refused on purpose, in a batch of so many.
    fn refused(&self, count: usize) -> Vec<usize> {
        let Some(Fault::RefuseEntries(entries)) = self.fault else { return Vec::new() };
        let refused: Vec<usize> = (0..count).filter(|place| entries >> place & 1 == 1).collect();
        if refused.is_empty() { vec![0] } else { refused }
    }

    fn publication(&mut self, prefix: &str) -> Publication {
        Publication {
            id: self.messaging.ids.next(),
            message: self.form.get(&format!("{prefix}Message")).unwrap_or_default().to_owned(),
            subject: self.form.get(&format!("{prefix}Subject")).map(str::to_owned),
            attributes: self.form.message_attributes(prefix),
            group: self.form.get(&format!("{prefix}MessageGroupId")).map(str::to_owned),
        }
    }
}

/// How SNS throttles one entry of a batch.
fn throttled() -> Refusal {
    Refusal::new(400, "Throttled", "Rate exceeded")
}

fn bytes(publication: &Publication) -> usize {
    publication.message.len() + sqs::attributes_bytes(&publication.attributes)
}

fn check(publication: &Publication) -> Result<(), Refusal> {
    if publication.message.is_empty() {
        return Err(Refusal::invalid("Empty message"));
    }
    if bytes(publication) > PUBLISH_BYTES_MAX {
        return Err(Refusal::invalid("Message too long"));
    }
    if publication.subject.as_ref().is_some_and(|subject| subject.chars().count() > SUBJECT_CHARACTERS_MAX) {
        return Err(Refusal::invalid("Subject"));
    }
    if publication.group.as_deref().is_some_and(|group| !sqs::is_group(group)) {
        return Err(Refusal::invalid("MessageGroupId"));
    }
    sqs::check_attributes(&publication.attributes)
        .map_err(|message| Refusal::new(400, "ParameterValueInvalid", message))
}

fn batch_refusal(refused: BatchRefused) -> Refusal {
    let (code, message) = match refused {
        BatchRefused::Empty => ("EmptyBatchRequest", "The batch request doesn't contain any entries."),
        BatchRefused::TooMany => {
            ("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
        }
        BatchRefused::IdsNotDistinct => {
            ("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
        }
        BatchRefused::InvalidId => {
            ("InvalidBatchEntryId", "The Id of a batch entry in a batch request doesn't abide by the specification.")
        }
    };
    Refusal::new(400, code, message)
}
