//! A data folder that is opened again.

use super::{bodies, noon, queue, receive, send, table};
use crate::aws::{EmbeddedAws, OpenError, Storage};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use cloud::Clock;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("meterline-restart-{}-{number}", std::process::id()));
        Self(folder)
    }

    fn open(&self, clock: &Clock) -> EmbeddedAws {
        open(&self.0, clock).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(folder: &Path, clock: &Clock) -> Result<EmbeddedAws, OpenError> {
    EmbeddedAws::open(Storage::Folder(folder.to_owned()), clock.clone())
}

#[tokio::test]
async fn queues_topics_and_what_is_in_them_survive() {
    let (folder, clock) = (Folder::new(), Clock::fixed(noon()));
    let handle = {
        let aws = folder.open(&clock);
        let (sns, sqs) = (aws_sdk_sns::Client::new(&aws.sdk_config()), aws_sdk_sqs::Client::new(&aws.sdk_config()));
        let topic = sns.create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
        let url = queue(&sqs, "q", &[("VisibilityTimeout", "60")]).await;
        let request =
            sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint("arn:aws:sqs:us-east-1:000000000000:q");
        let request = request.attributes("RawMessageDelivery", "true").attributes("FilterPolicy", r#"{"type":["a"]}"#);
        request.send().await.unwrap();
        for body in ["deleted", "held"] {
            send(&sqs, &url, body).await;
        }
        let received = receive(&sqs, &url).await;
        let handle = |number: usize| received[number].receipt_handle().unwrap().to_owned();
        sqs.delete_message().queue_url(&url).receipt_handle(handle(0)).send().await.unwrap();
        sqs.send_message().queue_url(&url).message_body("delayed").delay_seconds(90).send().await.unwrap();
        handle(1)
    };
    let aws = folder.open(&clock);
    let (sns, sqs) = (aws_sdk_sns::Client::new(&aws.sdk_config()), aws_sdk_sqs::Client::new(&aws.sdk_config()));
    let depth = &aws.queue_depths()[0];
    assert_eq!((depth.visible, depth.in_flight, depth.delayed), (0, 1, 1));
    let url = sqs.get_queue_url().queue_name("q").send().await.unwrap().queue_url.unwrap();
    let kind = |value: &str| {
        let value = aws_sdk_sns::types::MessageAttributeValue::builder().data_type("String").string_value(value);
        value.build().unwrap()
    };
    let topic = "arn:aws:sns:us-east-1:000000000000:t";
    for value in ["a", "b"] {
        sns.publish().topic_arn(topic).message(value).message_attributes("type", kind(value)).send().await.unwrap();
    }
    send(&sqs, &url, "late").await;
    super::turn(&aws, 90);
    let received = receive(&sqs, &url).await;
    assert_eq!(bodies(&received), ["held", "delayed", "a", "late"]);
    let ids: BTreeSet<_> = received.iter().map(|message| message.message_id()).collect();
    assert_eq!(ids.len(), 4, "an id is not given twice over a restart");
    // The receipt from before the restart is stale now, because the message was handed out again since.
    sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    assert_eq!(aws.queue_depths()[0].in_flight, 4);
}

#[tokio::test]
async fn tables_and_objects_survive() {
    let (folder, clock) = (Folder::new(), Clock::fixed(noon()));
    let text = |value: &str| AttributeValue::S(value.to_owned());
    {
        let config = folder.open(&clock).sdk_config();
        let dynamo = aws_sdk_dynamodb::Client::new(&config);
        table(&dynamo, "items").await;
        dynamo.put_item().table_name("items").item("pk", text("a")).item("sk", text("1")).send().await.unwrap();
        let s3 = aws_sdk_s3::Client::new(&config);
        s3.create_bucket().bucket("b").send().await.unwrap();
        let request = s3.put_object().bucket("b").key("k").metadata("digest", "abc");
        request.body(ByteStream::from_static(b"body")).send().await.unwrap();
    }
    let aws = folder.open(&clock);
    let dynamo = aws_sdk_dynamodb::Client::new(&aws.sdk_config());
    let read = dynamo.get_item().table_name("items").key("pk", text("a")).key("sk", text("1")).send().await.unwrap();
    assert!(read.item.is_some());
    let object = aws.object("b", "k").unwrap();
    assert_eq!(object.body.as_ref(), b"body");
    assert_eq!(object.metadata().collect::<Vec<_>>(), [("digest", "abc")]);
}

#[tokio::test]
async fn a_killed_program_loses_nothing_that_it_answered() {
    let (folder, killed, clock) = (Folder::new(), Folder::new(), Clock::fixed(noon()));
    let aws = folder.open(&clock);
    let config = aws.sdk_config();
    let (dynamo, sqs) = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let text = |value: &str| AttributeValue::S(value.to_owned());
    table(&dynamo, "items").await;
    dynamo.put_item().table_name("items").item("pk", text("a")).item("sk", text("1")).send().await.unwrap();
    let url = queue(&sqs, "q", &[]).await;
    send(&sqs, &url, "answered").await;
    let s3 = aws_sdk_s3::Client::new(&config);
    s3.create_bucket().bucket("b").send().await.unwrap();
    s3.put_object().bucket("b").key("k").body(ByteStream::from_static(b"body")).send().await.unwrap();

    // The files as they are while it runs are what a kill leaves behind.
    std::fs::create_dir_all(&killed.0).unwrap();
    for file in std::fs::read_dir(&folder.0).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), killed.0.join(file.file_name())).unwrap();
    }
    let aws = killed.open(&clock);
    let config = aws.sdk_config();
    let dynamo = aws_sdk_dynamodb::Client::new(&config);
    let read = dynamo.get_item().table_name("items").key("pk", text("a")).key("sk", text("1")).send().await.unwrap();
    assert!(read.item.is_some());
    assert_eq!(bodies(&receive(&aws_sdk_sqs::Client::new(&config), &url).await), ["answered"]);
    assert_eq!(aws.object("b", "k").unwrap().body.as_ref(), b"body");
}

#[test]
fn two_programs_do_not_share_a_folder() {
    let (folder, clock) = (Folder::new(), Clock::System);
    let first = folder.open(&clock);
    let second = open(&folder.0, &clock).unwrap_err();
    assert!(matches!(second, OpenError::Database { what: "queues", .. }), "{second:?}");
    drop(first);
    folder.open(&clock);
}
