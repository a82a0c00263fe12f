//! Time in queues, without anybody sleeping.

use super::{at_noon, bodies, noon, queue, receive, send, turn};
use crate::aws::{EmbeddedAws, QueueDepth, Storage};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use cloud::Clock;
use jiff::SignedDuration;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_delayed_message_comes_when_its_delay_is_over() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[]).await;
    sqs.send_message().queue_url(&url).message_body("later").delay_seconds(900).send().await.unwrap();
    turn(&aws, 899);
    assert!(receive(&sqs, &url).await.is_empty());
    let next_visible_at = Some(noon() + SignedDuration::from_secs(900));
    let expected = QueueDepth { queue: "q".to_owned(), visible: 0, in_flight: 0, delayed: 1, next_visible_at };
    assert_eq!(aws.queue_depths(), [expected]);
    turn(&aws, 1);
    assert_eq!(bodies(&receive(&sqs, &url).await), ["later"]);
}

#[tokio::test]
async fn a_held_message_comes_again_when_its_time_is_over() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[("VisibilityTimeout", "60")]).await;
    send(&sqs, &url, "work").await;
    receive(&sqs, &url).await;
    turn(&aws, 59);
    assert!(receive(&sqs, &url).await.is_empty());
    turn(&aws, 1);
    let again = receive(&sqs, &url).await;
    let attributes = again[0].attributes().unwrap();
    assert_eq!(attributes[&MessageSystemAttributeName::ApproximateReceiveCount], "2");
    // Noon in milliseconds: the first receipt stays the first.
    assert_eq!(attributes[&MessageSystemAttributeName::ApproximateFirstReceiveTimestamp], "1795262400000");
}

#[tokio::test]
async fn holding_for_longer_counts_from_now_and_ends_after_twelve_hours() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[("VisibilityTimeout", "60")]).await;
    send(&sqs, &url, "work").await;
    let held = receive(&sqs, &url).await;
    let hold = |seconds| {
        let request = sqs.change_message_visibility().queue_url(&url).visibility_timeout(seconds);
        request.receipt_handle(held[0].receipt_handle().unwrap()).send()
    };
    turn(&aws, 50);
    hold(100).await.unwrap();
    turn(&aws, 99);
    assert!(receive(&sqs, &url).await.is_empty());
    // 149 seconds after the hand-out: 43,200 - 149 = 43,051 are left of twelve hours.
    assert!(hold(43_052).await.is_err());
    hold(43_051).await.unwrap();
}

#[tokio::test]
async fn a_stale_receipt_neither_deletes_nor_holds() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[("VisibilityTimeout", "60")]).await;
    send(&sqs, &url, "work").await;
    let first = receive(&sqs, &url).await[0].receipt_handle().unwrap().to_owned();
    let hold = |handle: &str| {
        sqs.change_message_visibility().queue_url(&url).visibility_timeout(5).receipt_handle(handle).send()
    };
    let delete = |handle: &str| sqs.delete_message().queue_url(&url).receipt_handle(handle).send();
    turn(&aws, 60);
    let not_held = hold(&first).await.unwrap_err().into_service_error();
    assert!(not_held.is_message_not_inflight(), "{not_held:?}");
    let second = receive(&sqs, &url).await[0].receipt_handle().unwrap().to_owned();
    delete(&first).await.unwrap();
    assert!(hold(&first).await.is_err());
    assert_eq!(aws.queue_depths()[0].in_flight, 1);
    delete(&second).await.unwrap();
    assert_eq!(aws.queue_depths()[0].in_flight, 0);
}

#[tokio::test]
async fn the_latest_receipt_deletes_even_after_its_time() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[("VisibilityTimeout", "60")]).await;
    send(&sqs, &url, "work").await;
    let handle = receive(&sqs, &url).await[0].receipt_handle().unwrap().to_owned();
    turn(&aws, 61);
    sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    assert!(receive(&sqs, &url).await.is_empty());
}

#[tokio::test]
async fn a_message_is_gone_after_the_retention_also_in_the_dead_letter_queue() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let dead = queue(&sqs, "dead", &[("MessageRetentionPeriod", "3600")]).await;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let url = queue(&sqs, "work", &[("RedrivePolicy", policy), ("VisibilityTimeout", "0")]).await;
    send(&sqs, &url, "poison").await;
    turn(&aws, 3_000);
    assert_eq!(bodies(&receive(&sqs, &url).await), ["poison"]);
    assert!(receive(&sqs, &url).await.is_empty());
    let moved = &receive(&sqs, &dead).await[0];
    let attributes = moved.attributes().unwrap();
    // Received once from each queue; sent at noon, which its age goes by.
    assert_eq!(attributes[&MessageSystemAttributeName::ApproximateReceiveCount], "2");
    assert_eq!(attributes[&MessageSystemAttributeName::SentTimestamp], "1795262400000");
    let source = &attributes[&MessageSystemAttributeName::DeadLetterQueueSourceArn];
    assert_eq!(source, "arn:aws:sqs:us-east-1:000000000000:work");
    turn(&aws, 600);
    assert!(receive(&sqs, &dead).await.is_empty());
    assert_eq!(aws.queue_depths().iter().map(|depth| depth.visible + depth.in_flight).sum::<usize>(), 0);
}

#[tokio::test]
async fn a_waiting_receive_is_woken_by_a_message_and_by_a_turn_of_the_clock() {
    let aws = EmbeddedAws::open(Storage::Memory, Clock::turnable()).unwrap();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[]).await;
    let waiting = || sqs.receive_message().queue_url(&url).max_number_of_messages(10).wait_time_seconds(20).send();
    let started = Instant::now();
    let (received, ()) = tokio::join!(waiting(), async {
        tokio::task::yield_now().await;
        send(&sqs, &url, "sent").await;
    });
    assert_eq!(bodies(received.unwrap().messages()), ["sent"]);
    sqs.send_message().queue_url(&url).message_body("delayed").delay_seconds(900).send().await.unwrap();
    let (received, ()) = tokio::join!(waiting(), async {
        tokio::task::yield_now().await;
        turn(&aws, 900);
    });
    // The first one comes again: its thirty seconds are over as well.
    assert_eq!(bodies(received.unwrap().messages()), ["sent", "delayed"]);
    assert!(started.elapsed() < Duration::from_secs(10), "nobody waited for the end of the wait");
}

#[tokio::test]
async fn under_a_clock_that_stands_a_waiting_receive_is_answered_at_once() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[]).await;
    let started = Instant::now();
    sqs.receive_message().queue_url(&url).wait_time_seconds(20).send().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// Receives and deletes until nothing is left.
async fn consume(sqs: aws_sdk_sqs::Client, url: String) -> Vec<String> {
    let mut consumed = Vec::new();
    loop {
        let messages = receive(&sqs, &url).await;
        if messages.is_empty() {
            return consumed;
        }
        for message in messages {
            let request = sqs.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap());
            request.send().await.unwrap();
            consumed.extend(message.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_at_once_share_a_queue_without_loss_or_double() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[("VisibilityTimeout", "600")]).await;
    for number in 0..200 {
        send(&sqs, &url, &number.to_string()).await;
    }
    let consumers: Vec<_> = (0..4).map(|_| tokio::spawn(consume(sqs.clone(), url.clone()))).collect();
    let mut consumed = Vec::new();
    for consumer in consumers {
        consumed.extend(consumer.await.unwrap());
    }
    consumed.sort_by_key(|number| number.parse::<u32>().unwrap());
    assert_eq!(consumed, (0..200).map(|number| number.to_string()).collect::<Vec<_>>());
}
