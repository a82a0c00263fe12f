//! The watermark: asks the usage queues for their depths, and what follows is kept by the billing tick.
//!
//! What follows is decided in [`domain::usage::watermark`]. Invariants: the dead letters are asked after the queues, so
//! that what moves there between two questions is found; an answer without a depth is a fault and never an empty queue;
//! only the billing tick writes the item ([`World::raise_watermark`]), and what it has proven never falls back.

use crate::{Fault, World};
use aws_sdk_sqs::types::QueueAttributeName;
use domain::{
    Timestamp,
    usage::watermark::{Depths, Watermark},
};

/// Tries at the item before a tick leaves it to the ticks that write it at the same time.
const RACES_MAX: usize = 5;
/// The states of a message: it is in one of them until it is deleted.
const STATES: [QueueAttributeName; 3] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
];

impl World {
    /// The instant before which everything that was accepted has been counted, as the last tick proved it: one read, and
    /// the queues are not asked.
    pub async fn complete_through(&self) -> Result<Option<Timestamp>, Fault> {
        Ok(self.proven_watermark().await?.complete_through())
    }

    /// The watermark as the last tick left it.
    pub async fn proven_watermark(&self) -> Result<Watermark, Fault> {
        Ok(self.stored_watermark().await?.1)
    }

    /// What is `known`, and what the queues say now. It is kept nowhere.
    pub async fn observed_watermark(&self, known: Watermark) -> Result<Watermark, Fault> {
        let now = self.now();
        Ok(known.observed(self.usage_depths().await?, now))
    }

    /// Asks the queues, and keeps what follows. For the billing tick only.
    pub async fn raise_watermark(&self) -> Result<Watermark, Fault> {
        let now = self.now();
        let depths = self.usage_depths().await?;
        for _ in 0..RACES_MAX {
            let (revision, known) = self.stored_watermark().await?;
            let watermark = known.observed(depths, now);
            if watermark == known || self.replace_watermark(revision, &watermark).await? {
                return Ok(watermark);
            }
        }
        self.proven_watermark().await
    }

    /// How many messages wait to be counted.
    async fn usage_depths(&self) -> Result<Depths, Fault> {
        let settings = self.settings();
        let (even, odd) = (&settings.usage_even_queue_url, &settings.usage_odd_queue_url);
        let (even, odd) = (self.depth(even).await?, self.depth(odd).await?);
        Ok(Depths { even, odd, dead_letters: self.depth(&settings.usage_dead_letter_queue_url).await? })
    }

    async fn depth(&self, queue_url: &str) -> Result<u64, Fault> {
        const OPERATION: &str = "sqs:GetQueueAttributes";
        let request = self.sqs().get_queue_attributes().queue_url(queue_url);
        let answer = request.set_attribute_names(Some(STATES.to_vec())).send().await;
        let attributes = answer.map_err(|error| Fault::of_call(OPERATION, error))?.attributes.unwrap_or_default();
        let count = |state: &QueueAttributeName| -> Result<u64, Fault> {
            let count = attributes.get(state).and_then(|count| count.parse().ok());
            count.ok_or_else(|| Fault::permanent(OPERATION, format!("the answer lacks {state}")))
        };
        STATES.iter().map(count).sum()
    }
}
