//! Credit notes as PDF, from the event to the download, and the seller's logo on it.

use crate::settlement::Books;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::{Client, primitives::ByteStream};
use base64::{Engine, prelude::BASE64_STANDARD};
use cloud::{Metrics, Seller, Settings, World};
use lopdf::{Document, Object};
use rstest::rstest;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

/// A PNG of two by two grey pixels.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR42mMQUGAwcAAAAXYAofFYxIIAAAAASUVORK5CYII=";
const LOGO: &str = "seller/logo.png";

/// Acme's books with a credit note of 1.19 that waits to be printed, and the note's id.
async fn noted() -> (Books, String) {
    let books = Books::open().await;
    let new =
        json!({"lines": [{"key": "calls", "amountMinor": 119}], "reason": "a day without service", "memo": "Sorry."});
    let id = books.post("credit-notes", new).await.good().text("id");
    (books, id)
}

/// What waits for the function `invoice`.
async fn waiting(books: &Books) -> SqsEvent {
    let sources = &books.api.platform.stack().event_sources;
    let queue = &sources.iter().find(|source| source.function == "invoice").unwrap().queue_url;
    let mut event = SqsEvent::default();
    for body in books.api.received(queue).await {
        let mut message = SqsMessage::default();
        message.message_id = Some(event.records.len().to_string());
        message.body = Some(body);
        event.records.push(message);
    }
    assert_eq!(event.records.len(), 1);
    event
}

async fn print(world: &World, event: &SqsEvent) {
    let failed = invoice::handle(world, event.clone()).await.batch_item_failures;
    assert!(failed.is_empty(), "{failed:?}");
}

async fn get(books: &Books, path: &str) -> Value {
    books.api.get(path, &books.api.acme.key).await.good().body
}

fn bucket(books: &Books) -> (Client, &str) {
    let client = Client::new(&books.api.platform.aws().sdk_config());
    (client, &books.api.platform.world().settings().invoices_bucket)
}

/// The PDF, and the digest that is kept beside it.
async fn pdf(books: &Books, id: &str) -> (Vec<u8>, String) {
    let (client, bucket) = bucket(books);
    let object =
        client.get_object().bucket(bucket).key(format!("{}/{id}.pdf", books.api.acme.id)).send().await.unwrap();
    let digest = object.metadata().unwrap()["digest"].clone();
    (object.body.collect().await.unwrap().to_vec(), digest)
}

/// Deletes the marks of what was processed.
async fn forget(books: &Books) {
    let client = aws_sdk_dynamodb::Client::new(&books.api.platform.aws().sdk_config());
    let table = &books.api.platform.world().settings().processed_events_table;
    let marks = client.scan().table_name(table).send().await.unwrap().items.unwrap();
    let is_printers = |item: &HashMap<String, AttributeValue>| item["sk"].as_s().unwrap() == "BY#invoice";
    let marks: Vec<_> = marks.into_iter().filter(is_printers).collect();
    assert_eq!(marks.len(), 1);
    for mut mark in marks {
        mark.retain(|name, _| name == "pk" || name == "sk");
        client.delete_item().table_name(table).set_key(Some(mark)).send().await.unwrap();
    }
}

fn images(pdf: &[u8]) -> usize {
    let document = Document::load_mem(pdf).unwrap();
    let is_image = |object: &&Object| {
        let stream = object.as_stream().ok();
        stream.is_some_and(|stream| {
            stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image")
        })
    };
    document.objects.values().filter(is_image).count()
}

#[tokio::test]
async fn a_credit_note_is_printed_once_and_can_be_downloaded() {
    let (books, id) = noted().await;
    let path = format!("/v1/credit-notes/{id}");
    let early = books.api.get(&format!("{path}/pdf"), &books.api.acme.key).await;
    assert_eq!((early.outcome(), early.header("retry-after")), ((409, "pdf_not_ready"), Some("1")));
    assert_eq!(get(&books, &path).await["pdf"], Value::Null);

    let (event, world) = (waiting(&books).await, books.api.platform.world());
    print(world, &event).await;
    let note = get(&books, &path).await;
    assert_eq!(note["pdf"], json!({"readyAt": crate::harness::NOW}));
    let link = get(&books, &format!("{path}/pdf")).await;
    assert!(link["url"].as_str().unwrap().contains("ACME-CN-0001.pdf"), "{link:#}");

    let (printed, digest) = pdf(&books, &id).await;
    assert_eq!(digest, note["digest"].as_str().unwrap());
    let text = Document::load_mem(&printed).unwrap().extract_text(&[1]).unwrap();
    // 19 of 119 is tax; the invoice was not paid, so that all of it lowers what is due.
    for said in [
        "Credit note",
        "ACME-CN-0001",
        "ACME-0001",
        "EUR 1.19",
        "VAT 19 % on EUR 1.00",
        "EUR 0.19",
        "Of which set off against ACME-0001",
        "Reason: a day without service",
        "Sorry.",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    // A second delivery, and one that finds no mark of the first, change nothing.
    print(world, &event).await;
    forget(&books).await;
    print(world, &event).await;
    assert_eq!(get(&books, &path).await, note);
    assert_eq!(pdf(&books, &id).await.0, printed);
    assert_eq!(books.told().await, ["creditnote.issued.v1", "creditnote.ready.v1"]);
    let foreign = books.api.get(&format!("{path}/pdf"), &books.api.globex.key).await;
    assert_eq!(foreign.outcome(), (404, "not_found"));
}

/// A world like that of the platform, whose operator named a logo.
fn with_logo(books: &Books) -> World {
    let world = books.api.platform.world();
    let settings = world.settings().clone();
    let seller = Seller { logo: Some(LOGO.to_owned()), ..settings.seller.clone() };
    let metrics = Metrics::Memory(Arc::default());
    let config = books.api.platform.aws().sdk_config();
    World::new(&config, Settings { seller, ..settings }, world.clock().clone(), world.random().clone(), metrics)
}

#[rstest]
#[case::whole(Some(BASE64_STANDARD.decode(PNG).unwrap()), 1)]
#[case::broken(Some(b"\x89PNG\r\n\x1a\nand no more".to_vec()), 0)]
#[case::huge(Some(vec![0; 2 * 1024 * 1024]), 0)]
#[case::missing(None, 0)]
#[tokio::test]
async fn a_logo_is_printed_and_a_bad_one_holds_nothing_up(#[case] logo: Option<Vec<u8>>, #[case] expect: usize) {
    let (books, id) = noted().await;
    let (client, bucket) = bucket(&books);
    if let Some(bytes) = logo {
        client.put_object().bucket(bucket).key(LOGO).body(ByteStream::from(bytes)).send().await.unwrap();
    }
    print(&with_logo(&books), &waiting(&books).await).await;
    assert_eq!(images(&pdf(&books, &id).await.0), expect);
}
