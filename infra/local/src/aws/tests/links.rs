//! Signed links: the SDK signs, the embedded AWS checks.

use super::{at_noon, noon, turn};
use crate::aws::{EmbeddedAws, Refusal};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use http::Uri;
use std::time::{Duration, SystemTime};

const MOUNTED: &str = "http://127.0.0.1:8080/downloads";

async fn with_object() -> (EmbeddedAws, aws_sdk_s3::Client) {
    let aws = at_noon().with_endpoint(MOUNTED).unwrap();
    let s3 = aws_sdk_s3::Client::new(&aws.sdk_config());
    s3.create_bucket().bucket("invoices").send().await.unwrap();
    let request = s3.put_object().bucket("invoices").key("t1/\u{FC}ber 7.pdf").content_type("application/pdf");
    request.body(ByteStream::from_static(b"%PDF")).send().await.unwrap();
    (aws, s3)
}

async fn link(s3: &aws_sdk_s3::Client, key: &str) -> String {
    let config = PresigningConfig::builder().start_time(SystemTime::from(noon()));
    let config = config.expires_in(Duration::from_secs(300)).build().unwrap();
    let request = s3.get_object().bucket("invoices").key(key).response_content_disposition("attachment; a=\"b c\"");
    request.presigned(config).await.unwrap().uri().to_owned()
}

fn uri(link: &str) -> Uri {
    link.parse().unwrap()
}

#[tokio::test]
async fn a_good_link_leads_to_the_object() {
    let (aws, s3) = with_object().await;
    let link = link(&s3, "t1/\u{FC}ber 7.pdf").await;
    assert!(link.starts_with(MOUNTED), "{link}");
    let expected = Ok(("invoices".to_owned(), "t1/\u{FC}ber 7.pdf".to_owned()));
    assert_eq!(aws.verify_presigned(&uri(&link), noon()), expected);
    // As a server sees it: path and query only.
    let seen = uri(link.strip_prefix("http://127.0.0.1:8080").unwrap());
    assert_eq!(aws.verify_presigned(&seen, noon()), expected);

    let answer = aws.follow_link(&seen, noon());
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    assert_eq!(answer.headers()["content-disposition"], "attachment; a=\"b c\"");
    assert_eq!(answer.body().as_ref(), b"%PDF");
    let object = aws.object("invoices", "t1/\u{FC}ber 7.pdf").unwrap();
    assert_eq!((object.content_type(), object.modified_at), ("application/pdf", noon()));
}

#[tokio::test]
async fn a_link_is_good_until_it_expires() {
    let (aws, s3) = with_object().await;
    let link = uri(&link(&s3, "t1/\u{FC}ber 7.pdf").await);
    turn(&aws, 299);
    assert!(aws.verify_presigned(&link, aws.clock().now()).is_ok());
    turn(&aws, 1);
    assert_eq!(aws.verify_presigned(&link, aws.clock().now()), Err(Refusal::Expired));
    assert_eq!(aws.follow_link(&link, aws.clock().now()).status(), 403);
}

#[tokio::test]
async fn a_changed_link_is_refused() {
    let (aws, s3) = with_object().await;
    let link = link(&s3, "t1/1.pdf").await;
    let rows = [
        (link.replace("t1/1.pdf", "t2/1.pdf"), Refusal::Forged),
        (link.replace("X-Amz-Expires=300", "X-Amz-Expires=604800"), Refusal::Forged),
        (link.replace("20261121T120000Z", "20261121T120001Z"), Refusal::Forged),
        (link.replace("attachment", "inline"), Refusal::Forged),
        (link.replace("127.0.0.1:8080", "127.0.0.1:8081"), Refusal::Forged),
        (link.replace("X-Amz-Expires=300", "X-Amz-Expires=604801"), Refusal::Unsigned),
        (link.replace("EMBEDDEDACCESSKEY", "SOMEBODYELSE"), Refusal::Unsigned),
        (format!("{MOUNTED}/invoices/t1/1.pdf"), Refusal::Unsigned),
        (link.replace("us-east-1", "eu-west-1"), Refusal::Unsigned),
    ];
    for (changed, expected) in rows {
        assert_ne!(changed, link);
        assert_eq!(aws.verify_presigned(&uri(&changed), noon()), Err(expected), "{changed}");
    }
    assert_eq!(aws.follow_link(&uri(&link), noon()).status(), 404, "a good link to nothing");
}

#[test]
fn an_endpoint_has_an_ip_address_and_may_have_a_path() {
    let rows = [
        ("http://127.0.0.1:8080", true),
        ("http://127.0.0.1:8080/downloads/", true),
        ("http://[::1]:8080", true),
        ("http://localhost:8080", false),
        ("127.0.0.1:8080", false),
        ("http://127.0.0.1/?a=b", false),
    ];
    for (endpoint, good) in rows {
        assert_eq!(at_noon().with_endpoint(endpoint).is_ok(), good, "{endpoint}");
    }
}
