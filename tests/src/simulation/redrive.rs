//! What an operator does with dead letters once the cause is gone: moves them back to the queue that they came from.

use super::ground::Ground;
use aws_sdk_sqs::types::QueueAttributeName;
use std::collections::BTreeMap;

/// Messages of one `ReceiveMessage` (AWS limit).
const MESSAGES_A_REQUEST: i32 = 10;
/// Receives from one queue of dead letters before the operator looks again.
const RECEIVES_MAX: usize = 1_000;

/// Moves all dead letters back; answers how many those were.
///
/// # Errors
/// If SQS refuses, which is our mistake.
pub(super) async fn all(ground: &Ground) -> Result<usize, String> {
    let mut moved = 0;
    for (dead_letters, source) in targets(ground).await? {
        for _ in 0..RECEIVES_MAX {
            let some = some(ground, &dead_letters, &source).await?;
            if some == 0 {
                break;
            }
            moved += some;
        }
    }
    Ok(moved)
}

/// Queues of dead letters that hold any, by URL, each with a queue that they may go back to.
async fn targets(ground: &Ground) -> Result<BTreeMap<String, String>, String> {
    let depths = ground.aws.queue_depths();
    let holds_any = |name: &str| depths.iter().any(|depth| depth.queue == name && depth.visible > 0);
    let mut targets = BTreeMap::new();
    for source in &ground.sources {
        let request = ground.queues.get_queue_attributes().queue_url(&source.queue_url);
        let request = request.attribute_names(QueueAttributeName::RedrivePolicy);
        let attributes = request.send().await.map_err(|error| said(&error))?.attributes.unwrap_or_default();
        let policy = attributes.get(&QueueAttributeName::RedrivePolicy).cloned().unwrap_or_default();
        let policy: serde_json::Value = serde_json::from_str(&policy).unwrap_or_default();
        let name = policy["deadLetterTargetArn"].as_str().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default();
        if holds_any(name) {
            let base = source.queue_url.rsplit_once('/').map_or("", |(base, _)| base);
            targets.entry(format!("{base}/{name}")).or_insert_with(|| source.queue_url.clone());
        }
    }
    Ok(targets)
}

async fn some(ground: &Ground, dead_letters: &str, source: &str) -> Result<usize, String> {
    let queues = &ground.queues;
    let request = queues.receive_message().queue_url(dead_letters).max_number_of_messages(MESSAGES_A_REQUEST);
    let messages = request.send().await.map_err(|error| said(&error))?.messages.unwrap_or_default();
    for message in &messages {
        let body = message.body.clone().unwrap_or_default();
        queues.send_message().queue_url(source).message_body(body).send().await.map_err(|error| said(&error))?;
        let handle = message.receipt_handle.clone().unwrap_or_default();
        let request = queues.delete_message().queue_url(dead_letters).receipt_handle(handle);
        request.send().await.map_err(|error| said(&error))?;
    }
    Ok(messages.len())
}

fn said(error: &dyn std::error::Error) -> String {
    cloud::fault::chain(error)
}
