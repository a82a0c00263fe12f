//! S3: whole objects, conditional puts, listings.

use super::support::Aws;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;

async fn bucket(aws: &Aws) -> String {
    let bucket = aws.name("bucket");
    aws.s3.create_bucket().bucket(&bucket).send().await.unwrap();
    bucket
}

async fn put(aws: &Aws, bucket: &str, key: &str, body: &'static [u8]) {
    aws.s3.put_object().bucket(bucket).key(key).body(ByteStream::from_static(body)).send().await.unwrap();
}

async fn read(aws: &Aws, bucket: &str, key: &str) -> Vec<u8> {
    let object = aws.s3.get_object().bucket(bucket).key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let aws = Aws::connect().await;
    let bucket = bucket(&aws).await;
    let key = "invoices/t1/2026-\u{FC}ber & mehr+1.pdf";
    let request = aws.s3.put_object().bucket(&bucket).key(key).content_type("application/pdf");
    let request = request.content_disposition("attachment").metadata("digest", "abc").metadata("number", "17");
    let stored = request.body(ByteStream::from_static(b"%PDF-1.7")).send().await.unwrap();

    let object = aws.s3.get_object().bucket(&bucket).key(key).send().await.unwrap();
    assert_eq!(object.content_type(), Some("application/pdf"));
    assert_eq!(object.content_disposition(), Some("attachment"));
    assert_eq!(object.e_tag(), stored.e_tag());
    let metadata = object.metadata().unwrap();
    assert_eq!((metadata["digest"].as_str(), metadata["number"].as_str()), ("abc", "17"));
    assert_eq!(object.body.collect().await.unwrap().to_vec(), b"%PDF-1.7");

    let head = aws.s3.head_object().bucket(&bucket).key(key).send().await.unwrap();
    assert_eq!((head.content_length(), head.content_type()), (Some(8), Some("application/pdf")));
    assert_eq!(head.metadata().unwrap()["digest"], "abc");
}

#[tokio::test]
async fn a_streamed_body_is_stored_without_its_framing() {
    let aws = Aws::connect().await;
    let bucket = bucket(&aws).await;
    let file = std::env::temp_dir().join(aws.name("streamed"));
    let body: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&file, &body).unwrap();
    let stream = ByteStream::from_path(&file).await.unwrap();
    aws.s3.put_object().bucket(&bucket).key("streamed").body(stream).send().await.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(read(&aws, &bucket, "streamed").await == body, "the body differs");
}

#[tokio::test]
async fn the_first_of_two_conditional_puts_stands() {
    let aws = Aws::connect().await;
    let bucket = bucket(&aws).await;
    let put = |body: &'static [u8]| {
        let request = aws.s3.put_object().bucket(&bucket).key("first").if_none_match("*");
        request.body(ByteStream::from_static(body)).send()
    };
    put(b"one").await.unwrap();
    let refused = put(b"two").await.unwrap_err();
    assert_eq!(refused.code(), Some("PreconditionFailed"));
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 412);
    assert_eq!(read(&aws, &bucket, "first").await, b"one");
}

#[tokio::test]
async fn a_put_replaces_and_a_delete_removes() {
    let aws = Aws::connect().await;
    let bucket = bucket(&aws).await;
    put(&aws, &bucket, "key", b"old").await;
    put(&aws, &bucket, "key", b"new").await;
    assert_eq!(read(&aws, &bucket, "key").await, b"new");
    for _ in 0..2 {
        aws.s3.delete_object().bucket(&bucket).key("key").send().await.unwrap();
    }
    let missing = aws.s3.get_object().bucket(&bucket).key("key").send().await.unwrap_err();
    assert!(missing.into_service_error().is_no_such_key());
    let missing = aws.s3.head_object().bucket(&bucket).key("key").send().await.unwrap_err();
    assert!(missing.into_service_error().is_not_found());
}

#[tokio::test]
async fn a_listing_is_paged_in_the_order_of_keys() {
    let aws = Aws::connect().await;
    let bucket = bucket(&aws).await;
    for key in ["b/2", "a/1", "b/1", "b/3", "c/1"] {
        put(&aws, &bucket, key, b"x").await;
    }
    let first = aws.s3.list_objects_v2().bucket(&bucket).prefix("b/").max_keys(2).send().await.unwrap();
    let keys: Vec<_> = first.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!((keys, first.is_truncated()), (vec!["b/1", "b/2"], Some(true)));
    let request = aws.s3.list_objects_v2().bucket(&bucket).prefix("b/").max_keys(2);
    let second = request.set_continuation_token(first.next_continuation_token).send().await.unwrap();
    let keys: Vec<_> = second.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!((keys, second.is_truncated()), (vec!["b/3"], Some(false)));
    assert_eq!(second.contents()[0].size(), Some(1));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_of_its_own() {
    let aws = Aws::connect().await;
    let bucket = bucket(&aws).await;
    aws.s3.head_bucket().bucket(&bucket).send().await.unwrap();
    let missing = aws.s3.head_bucket().bucket(aws.name("never")).send().await.unwrap_err();
    assert!(missing.into_service_error().is_not_found());
    let body = ByteStream::from_static(b"x");
    let refused = aws.s3.put_object().bucket(aws.name("never")).key("k").body(body).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("NoSuchBucket"));
}
