//! The story of an event: where it is found, and that it tells all that was sent under the event's id.

use crate::usage_corrections::{
    EVENTS, TEN, arriving, call, open, send_and_count, story, story_of, total, turn_to, with_calls,
};
use serde_json::json;

#[tokio::test]
async fn the_story_tells_of_duplicates_and_conflicts() {
    let api = with_calls().await;
    turn_to(&api, "2026-06-01T00:31:00Z");
    send_and_count(&api, &[call("1", "10:00", "10", "ann")]).await;
    turn_to(&api, "2026-06-01T00:32:00Z");
    send_and_count(&api, &[call("1", "10:00", "10", "ann")]).await;
    send_and_count(&api, &[call("1", "10:05", "11", "ann")]).await;
    turn_to(&api, "2026-06-01T00:33:00Z");
    send_and_count(&api, &[call("1", "10:05", "11", "ann")]).await;
    send_and_count(&api, &[call("1", "10:00", "12", "ann")]).await;
    assert_eq!(
        story_of(&api, "1").await,
        json!({
            "id": "1", "source": "edge", "type": "call", "time": "2026-05-31T10:00:00Z", "timeIsArrival": false,
            "receivedAt": "2026-06-01T00:30:00Z", "data": {"bytes": "10", "user": "ann"}, "status": "counted",
            "seenAgainAt": "2026-06-01T00:31:00Z", "amendments": [], "voided": null,
            "conflicts": [
                {
                    "receivedAt": "2026-06-01T00:32:00Z", "time": "2026-05-31T10:05:00Z", "type": "call",
                    "data": {"bytes": "11", "user": "ann"},
                },
                {
                    "receivedAt": "2026-06-01T00:33:00Z", "time": "2026-05-31T10:00:00Z", "type": "call",
                    "data": {"bytes": "12", "user": "ann"},
                },
            ],
        })
    );
    assert_eq!(total(&api, "bytes", TEN).await, "80", "the first stands");
}

#[tokio::test]
async fn an_event_is_found_by_its_id_its_source_and_its_time() {
    let api = open().await;
    // Its time is 2026-05-31T21:59:59.5Z.
    let v7 = "019e800d-0d0c-7000-8000-000000000001";
    let odd = json!({"id": "a/b c%?ä", "source": "x/y", "type": "call", "data": {"bytes": 2, "user": "ann"}});
    send_and_count(&api, &[arriving(v7, 1, "ann"), odd, call("1", "10:00", "3", "ann")]).await;
    let found = [
        (v7.to_owned(), "1"),
        (format!("{v7}?time=2026-05-31T21:10:00Z"), "1"),
        ("a%2Fb%20c%25%3F%C3%A4?source=x%2Fy".to_owned(), "2"),
        // The time of the arrival, as the story has it.
        ("a%2Fb%20c%25%3F%C3%A4?source=x%2Fy&time=2026-06-01T00:30:00Z".to_owned(), "2"),
        ("1?source=edge&time=2026-05-31T12:59:59%2B02:00".to_owned(), "3"),
        ("1?source=edge&time=2026-05-31T10:00:00Z&tenant=acme".to_owned(), "3"),
    ];
    for (event, bytes) in found {
        let told = story(&api, &event).await;
        assert_eq!(told["data"]["bytes"].to_string().trim_matches('"'), bytes, "{event}");
    }
    let not_found = [
        "1",
        "1?source=edge",
        "1?time=2026-05-31T10:00:00Z",
        "1?source=edge&time=2026-05-31T11:00:00Z",
        "1?source=edge&time=2024-05-31T10:00:00Z",
        "1?source=edge&time=9999-05-31T10:00:00Z",
        "a%2Fb%20c%25%3F%C3%A4",
        "%FF",
        "a%00",
    ];
    for event in not_found {
        let answer = api.get(&format!("{EVENTS}/{event}"), &api.acme.key).await;
        assert_eq!(answer.outcome(), (404, "not_found"), "{event}");
        assert!(answer.text("detail").contains("its source"), "{answer:#?}");
    }
    let long = api.get(&format!("{EVENTS}/{}", "x".repeat(200)), &api.acme.key).await;
    assert_eq!(long.outcome(), (404, "not_found"));
    for query in ["time=yesterday", "source=edge&source=edge", "colour=red"] {
        let answer = api.get(&format!("{EVENTS}/1?{query}"), &api.acme.key).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}
