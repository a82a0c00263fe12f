//! Message groups of standard topics and queues, which AWS takes and carries; not every endpoint shows them.

use super::{at_noon, noon, queue, send};
use crate::aws::{EmbeddedAws, Storage};
use aws_sdk_sns::types::{BatchResultErrorEntry, PublishBatchRequestEntry};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use cloud::Clock;
use rusqlite::Connection;

const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:q";

/// Body and group of every message in a queue.
async fn groups(sqs: &aws_sdk_sqs::Client, url: &str) -> Vec<(String, Option<String>)> {
    let request = sqs.receive_message().queue_url(url).max_number_of_messages(10);
    let request = request.message_system_attribute_names(MessageSystemAttributeName::MessageGroupId);
    let messages = request.send().await.unwrap().messages.unwrap_or_default();
    let group = |message: aws_sdk_sqs::types::Message| {
        let group = message.attributes.unwrap_or_default().remove(&MessageSystemAttributeName::MessageGroupId);
        (message.body.unwrap(), group)
    };
    messages.into_iter().map(group).collect()
}

fn group(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_topic_passes_the_group_on_to_its_queues() {
    let aws = at_noon();
    let (sns, sqs) = (aws_sdk_sns::Client::new(&aws.sdk_config()), aws_sdk_sqs::Client::new(&aws.sdk_config()));
    let topic = sns.create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
    let url = queue(&sqs, "q", &[]).await;
    let request = sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(ARN);
    request.attributes("RawMessageDelivery", "true").send().await.unwrap();
    sns.publish().topic_arn(&topic).message("one").message_group_id("ten_1").send().await.unwrap();
    let entry = |body: &str| PublishBatchRequestEntry::builder().id(body).message(body);
    let request = sns.publish_batch().topic_arn(&topic);
    let request = request.publish_batch_request_entries(entry("two").message_group_id("ten_2").build().unwrap());
    let request = request.publish_batch_request_entries(entry("none").build().unwrap());
    let request = request.publish_batch_request_entries(entry("bad").message_group_id("a b").build().unwrap());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.failed().iter().map(BatchResultErrorEntry::id).collect::<Vec<_>>(), ["bad"]);
    sqs.send_message().queue_url(&url).message_body("sent").message_group_id("ten_3").send().await.unwrap();
    let expect = [("one", group("ten_1")), ("two", group("ten_2")), ("none", None), ("sent", group("ten_3"))];
    assert_eq!(groups(&sqs, &url).await, expect.map(|(body, group)| (body.to_owned(), group)));
}

#[tokio::test]
async fn the_folder_of_a_program_without_groups_is_taken_over() {
    let folder = std::env::temp_dir().join(format!("meterline-groups-{}", std::process::id()));
    let open = || EmbeddedAws::open(Storage::Folder(folder.clone()), Clock::fixed(noon())).unwrap();
    let url = {
        let aws = open();
        let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
        let url = queue(&sqs, "q", &[("VisibilityTimeout", "0")]).await;
        send(&sqs, &url, "old").await;
        url
    };
    let file = Connection::open(folder.join("queues.sqlite")).unwrap();
    file.execute_batch("ALTER TABLE message DROP COLUMN message_group").unwrap();
    drop(file);
    {
        let sqs = aws_sdk_sqs::Client::new(&open().sdk_config());
        sqs.send_message().queue_url(&url).message_body("new").message_group_id("ten_1").send().await.unwrap();
    }
    let sqs = aws_sdk_sqs::Client::new(&open().sdk_config());
    assert_eq!(groups(&sqs, &url).await, [("old".to_owned(), None), ("new".to_owned(), group("ten_1"))]);
    std::fs::remove_dir_all(folder).unwrap();
}
