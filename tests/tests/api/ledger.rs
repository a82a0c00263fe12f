//! The books through the API: what is in them, by which filters it is found, and that a change of them is noticed.

use crate::{harness::PLATFORM_KEY, settlement::Books};
use aws_sdk_dynamodb::types::AttributeValue;
use meterline::ledger::{self, LedgerCheck, Outcome};
use serde_json::{Value, json};

impl Books {
    /// Sequences and kinds of the entries that a query finds.
    async fn entries(&self, query: &str) -> Vec<(u64, String)> {
        let body = self.api.get(&format!("/v1/ledger{query}"), &self.api.acme.key).await.good().body;
        let entry = |entry: &Value| (entry["sequence"].as_u64().unwrap(), entry["kind"].as_str().unwrap().to_owned());
        body["data"].as_array().unwrap().iter().map(entry).collect()
    }

    async fn verified(&self, query: &str) -> Value {
        self.api.get(&format!("/v1/ledger/verify{query}"), &self.api.acme.key).await.good().body
    }

    /// Two invoices, one of them paid and given back; five entries.
    async fn busy() -> Self {
        let mut books = Self::open().await;
        books.another(1).await;
        books.post("payments", json!({"reference": "transfer 1"})).await.good();
        books.post("credit-notes", json!({"refundMinor": 1_666, "reason": "cancelled"})).await.good();
        books
    }

    async fn item(&self, sort_key: &str) -> aws_sdk_dynamodb::operation::get_item::GetItemOutput {
        let request = self.tables().get_item().table_name(&self.api.platform.world().settings().invoices_table);
        let request = request.key("pk", AttributeValue::S(format!("TENANT#{}", self.api.acme.id)));
        request.key("sk", AttributeValue::S(sort_key.to_owned())).send().await.unwrap()
    }

    fn tables(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.api.platform.aws().sdk_config())
    }
}

#[tokio::test]
async fn entries_are_found_by_what_they_are_about() {
    let books = Books::busy().await;
    let all = [(5, "refund"), (4, "credit"), (3, "payment"), (2, "charge"), (1, "charge")];
    let of = |wanted: &[u64]| -> Vec<(u64, String)> {
        let wanted = all.iter().filter(|(sequence, _)| wanted.contains(sequence));
        wanted.map(|(sequence, kind)| (*sequence, (*kind).to_owned())).collect()
    };
    let invoice = books.path.rsplit('/').next().unwrap();
    let rows: [(String, &[u64]); 9] = [
        (String::new(), &[5, 4, 3, 2, 1]),
        ("?kind=charge".to_owned(), &[2, 1]),
        ("?account=cash".to_owned(), &[5, 3]),
        ("?account=badDebt".to_owned(), &[]),
        (format!("?subject={invoice}"), &[5, 4, 3, 2]),
        (format!("?subject={invoice}&kind=refund&account=credits"), &[5]),
        ("?from=2026-06-01T00:30:00Z".to_owned(), &[5, 4, 3, 2, 1]),
        ("?to=2026-06-01T00:30:00Z".to_owned(), &[]),
        ("?from=2026-06-01T00:30:01Z".to_owned(), &[]),
    ];
    for (query, expect) in rows {
        assert_eq!(books.entries(&query).await, of(expect), "{query}");
    }
    let page = books.api.get("/v1/ledger?limit=2", &books.api.acme.key).await.good();
    assert_eq!(books.entries(&format!("?limit=2&cursor={}", page.text("nextCursor"))).await, of(&[3, 2]));
    let last = books.api.get("/v1/ledger?limit=5", &books.api.acme.key).await.good().body;
    assert_eq!(last["nextCursor"], Value::Null);
    let charge = &last["data"][4];
    let posting = |account: &str, minor: i64| json!({"account": account, "amountMinor": minor});
    assert_eq!(
        charge["postings"],
        json!([posting("receivable", 1_666), posting("revenue", -1_400), posting("tax", -266)])
    );
    let invoices = books.api.get("/v1/invoices", &books.api.acme.key).await.good().body;
    let first = |invoice: &&Value| invoice["number"] == "ACME-0001";
    let invoice = invoices["data"].as_array().unwrap().iter().find(first).unwrap();
    assert_eq!(charge["memo"], format!("ACME-0001 {}", invoice["digest"].as_str().unwrap()));
    assert_eq!((&charge["about"], &charge["previousHash"]), (&invoice["id"], &json!("0".repeat(64))));
}

#[tokio::test]
async fn a_filter_that_means_nothing_is_refused() {
    let books = Books::open().await;
    let rows = [
        "?kind=CHARGE",
        "?account=bank",
        "?subject=acme",
        "?from=yesterday",
        "/verify?after=1",
        "/verify?hash=00",
        "/verify?after=1&hash=00",
    ];
    for query in rows {
        let answer = books.api.get(&format!("/v1/ledger{query}"), &books.api.acme.key).await;
        assert_eq!(answer.outcome(), (400, "invalid_parameter"), "{query}");
    }
}

#[tokio::test]
async fn a_whole_ledger_is_verified_from_anywhere() {
    let books = Books::busy().await;
    let whole = books.verified("").await;
    assert_eq!((&whole["ok"], &whole["entries"], &whole["next"]), (&json!(true), &json!(5), &Value::Null));
    let balance = books.api.get("/v1/ledger/balance?tenant=acme", PLATFORM_KEY).await.good().body;
    assert_eq!((&balance["headHash"], &balance["entries"]), (&whole["headHash"], &json!(5)));
    let entries = books.api.get("/v1/ledger", &books.api.acme.key).await.good().body;
    let third = entries["data"][2]["hash"].as_str().unwrap();
    assert_eq!(books.verified(&format!("?after=3&hash={third}")).await, whole);
    let other = books.verified(&format!("?after=2&hash={third}")).await;
    assert_eq!((&other["ok"], &other["firstBreak"]["code"]), (&json!(false), &json!("previous")));
    let nobody = books.api.get("/v1/ledger/verify", &books.api.globex.key).await.good().body;
    assert_eq!((&nobody["ok"], &nobody["entries"]), (&json!(true), &json!(0)));
}

#[tokio::test]
async fn a_change_behind_the_books_is_noticed() {
    let rows: [(&str, &str, AttributeValue, u64, &str); 5] = [
        ("LEDGER#000000000003", "memo", AttributeValue::S("transfer 2".to_owned()), 3, "changed"),
        ("LEDGER#000000000003", "previous", AttributeValue::S("0".repeat(64)), 3, "previous"),
        ("LEDGER#000000000003", "kind", AttributeValue::S("gift".to_owned()), 3, "unreadable"),
        ("LEDGERHEAD", "hash", AttributeValue::S("0".repeat(64)), 5, "head"),
        ("LEDGERHEAD", "balances", AttributeValue::L(Vec::new()), 5, "balances"),
    ];
    let books = Books::busy().await;
    let table = &books.api.platform.world().settings().invoices_table;
    for (sort_key, attribute, value, sequence, code) in rows {
        let item = books.item(sort_key).await.item.unwrap();
        let put = async |item| {
            books.tables().put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
        };
        let mut changed = item.clone();
        assert!(changed.insert(attribute.to_owned(), value).is_some(), "{attribute}");
        put(changed).await;
        let broken = books.verified("").await;
        assert_eq!((&broken["ok"], &broken["firstBreak"]["sequence"]), (&json!(false), &json!(sequence)), "{code}");
        assert_eq!(broken["firstBreak"]["code"], code);
        put(item).await;
    }
    assert_eq!(books.verified("").await["ok"], true);
    let item = books.item("LEDGER#000000000003").await.item.unwrap();
    let delete = books.tables().delete_item().table_name(table);
    delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone()).send().await.unwrap();
    let broken = books.verified("").await;
    assert_eq!(
        broken["firstBreak"],
        json!({
            "sequence": 3, "code": "missing", "message": "the ledger is broken at entry 3: an entry is missing",
        })
    );
}

#[tokio::test]
async fn an_invoice_from_before_the_ledger_is_charged_with_its_first_payment_and_once() {
    let books = Books::open().await;
    let table = &books.api.platform.world().settings().invoices_table;
    // As it lies in a table of before: without the record beside it, and without any entry.
    let mut item = books.item(&format!("INVOICE#{}", books.path.rsplit('/').next().unwrap())).await.item.unwrap();
    assert!(item.remove("settlement").is_some());
    books.tables().put_item().table_name(table).set_item(Some(item.clone())).send().await.unwrap();
    for sort_key in ["LEDGERHEAD", "LEDGER#000000000001"] {
        let delete = books.tables().delete_item().table_name(table).key("pk", item["pk"].clone());
        delete.key("sk", AttributeValue::S(sort_key.to_owned())).send().await.unwrap();
    }
    assert_eq!(books.entries("").await, []);
    for _ in 0..2 {
        books.post("payments", json!({"amountMinor": 600})).await.good();
    }
    let expect = [(3, "payment"), (2, "payment"), (1, "charge")].map(|(n, kind)| (n, kind.to_owned()));
    assert_eq!(books.entries("").await, expect);
    assert_eq!(books.verified("").await["ok"], true);
}

#[tokio::test]
async fn the_program_reads_all_books_and_names_the_first_broken_entry() {
    let books = Books::busy().await;
    // More than one page.
    for _ in 0..100 {
        let grant = crate::credits::grant(100, json!({}));
        books.api.post(crate::credits::GRANTS, PLATFORM_KEY, &grant).await.good();
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = books.api.platform.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let check = async |key: &str| {
        let (tenant, key) = ("acme".to_owned(), Some(key.to_owned()));
        ledger::run(&LedgerCheck { tenant, url: url.clone(), key }, |_| ()).await
    };
    let good = check(PLATFORM_KEY).await.unwrap();
    let head = books.verified("").await["headHash"].as_str().unwrap().to_owned();
    assert_eq!(good, Outcome { entries: 105, head_hash: head, broken: None });
    let table = &books.api.platform.world().settings().invoices_table;
    let mut item = books.item("LEDGER#000000000003").await.item.unwrap();
    item.insert("memo".to_owned(), AttributeValue::S("transfer 2".to_owned()));
    books.tables().put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    let broken = check(PLATFORM_KEY).await.unwrap().broken;
    assert_eq!(
        broken.map(|broken| broken.to_string()).as_deref(),
        Some("the ledger is broken at entry 3: it was changed")
    );
    assert!(check("ml_live_wrong").await.is_err());
}
