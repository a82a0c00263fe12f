//! `webhook.due.v1`: a delivery's next attempt, which the webhook function sends to its own queue, delayed.

use crate::Event;
use domain::id::DeliveryId;
use serde::{Deserialize, Serialize};

/// One delivery is to be attempted once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WebhookDueV1 {
    /// Which delivery; the tenant is the envelope's `subject`.
    pub delivery_id: DeliveryId,
    /// Which attempt is asked for, counted from 1; one that was made is not made again.
    pub attempt: u32,
    /// Which message about this delivery it is, counted from 1: SQS delays by 15 minutes at most, so that a long wait
    /// takes several. A later one replaces it, so that a message that arrives twice has one successor.
    pub hop: u32,
}

impl Event for WebhookDueV1 {
    const TYPE: &'static str = "webhook.due.v1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_due_v1_is_frozen() {
        let data = WebhookDueV1 { delivery_id: DeliveryId::derived(&["delivery"]), attempt: 2, hop: 3 };
        crate::envelope::check_golden(include_str!("../golden/webhook.due.v1.json"), &["2"], data);
    }
}
