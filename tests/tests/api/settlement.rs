//! The end of an invoice's life through the API: payments, credit notes, void and write-off, and what tells of them.

use crate::{
    harness::{Api, Extra, PLATFORM_KEY},
    routes,
};
use axum::http::Method;
use domain::{
    catalog::Percent,
    id::{CouponId, SubscriptionId},
    invoice::{Discount, Draft, Invoice, InvoiceNumber, Line, Statement, Tax},
    money::Money,
    text::Slug,
};
use events::Header;
use jiff::SignedDuration;
use meterline::aws::Fault;
use serde_json::{Value, json};

/// Acme's books, with one invoice: 10.00 and 5.00, 1.00 off the first, and 19 % tax, which is 16.66.
pub(crate) struct Books {
    pub(crate) api: Api,
    pub(crate) subscription: SubscriptionId,
    coupon: CouponId,
    /// Path of the invoice.
    pub(crate) path: String,
}

impl Books {
    pub(crate) async fn open() -> Self {
        let api = Api::open().await.with_meters().await;
        api.post("/v1/plans", PLATFORM_KEY, &routes::plan("basic")).await.good();
        let new = json!({"plan": "basic"});
        let made = api.post("/v1/subscriptions?tenant=acme", PLATFORM_KEY, &new).await.good();
        let subscription = made.text("id").parse().unwrap();
        let coupon = json!({"code": "welcome", "name": "Welcome", "percentOff": "10", "duration": "forever"});
        let coupon = api.post("/v1/coupons", PLATFORM_KEY, &coupon).await.good().text("id").parse().unwrap();
        let given = json!({"coupon": "welcome"});
        api.post("/v1/tenants/acme/coupons", PLATFORM_KEY, &given).await.good();
        let id = routes::bill(&api, subscription, 0, invoice(&api, subscription, coupon, 0)).await;
        Self { api, subscription, coupon, path: format!("/v1/invoices/{id}") }
    }

    /// Another invoice, issued as the first was.
    pub(crate) async fn another(&mut self, period: u32) {
        let invoice = invoice(&self.api, self.subscription, self.coupon, period);
        let id = routes::bill(&self.api, self.subscription, period, invoice).await;
        self.path = format!("/v1/invoices/{id}");
    }

    pub(crate) async fn post(&self, what: &str, body: Value) -> crate::harness::Answer {
        self.api.post(&format!("{}/{what}?tenant=acme", self.path), PLATFORM_KEY, &body).await
    }

    async fn get(&self, what: &str) -> Value {
        self.api.get(&format!("{}{what}", self.path), &self.api.acme.key).await.good().body
    }

    /// Status, paid, credited by notes, and remaining.
    async fn state(&self) -> (String, i64, i64, i64) {
        let body = self.get("").await;
        let minor = |name: &str| body[name].as_i64().unwrap();
        let status = body["status"].as_str().unwrap().to_owned();
        (status, minor("paidMinor"), minor("creditedByNotesMinor"), minor("remainingMinor"))
    }

    /// The balances by account.
    pub(crate) async fn balances(&self) -> Vec<(String, i64)> {
        let body = self.api.get("/v1/ledger/balance", &self.api.acme.key).await.good().body;
        let balance = |row: &Value| (row["account"].as_str().unwrap().to_owned(), row["amountMinor"].as_i64().unwrap());
        body["balances"].as_array().unwrap().iter().map(balance).filter(|(_, minor)| *minor != 0).collect()
    }

    /// The types of the facts that were told, in order.
    pub(crate) async fn told(&self) -> Vec<String> {
        let queues = &self.api.platform.stack().event_sources;
        let queue = &queues.iter().find(|source| source.function == "webhook").unwrap().queue_url;
        let bodies = self.api.received(queue).await;
        let mut types: Vec<String> = bodies.iter().map(|body| Header::decode(body).unwrap().event_type).collect();
        types.sort();
        types
    }
}

fn invoice(api: &Api, subscription: SubscriptionId, coupon_id: CouponId, period: u32) -> Invoice {
    let plain = routes::statement(api, subscription, period);
    let line = |key: &str, amount_minor| {
        let amount = Money { amount_minor, ..plain.total };
        Line { key: key.to_owned(), exact: amount.major(), amount, ..plain.lines[0].clone() }
    };
    let rate = Percent::parse("19").unwrap();
    let discount = Discount { coupon_id, name: "Welcome".to_owned(), off_lines_minor: vec![100, 0] };
    let tax = Tax { name: "VAT".to_owned(), rate, inclusive: false, net_minor: 1_400, of_lines_minor: vec![171, 95] };
    let lines = vec![line("base", 1_000), line("calls", 500)];
    let draft = Draft::new(Statement { lines, discounts: vec![discount], taxes: vec![tax], ..plain }).unwrap();
    let number = InvoiceNumber::new(&Slug::parse("acme").unwrap(), u64::from(period) + 1);
    draft.finalize(number, api.platform.world().now(), SignedDuration::from_hours(24 * 14)).unwrap()
}

fn accounts(expect: &[(&str, i64)]) -> Vec<(String, i64)> {
    expect.iter().map(|(account, minor)| ((*account).to_owned(), *minor)).collect()
}

#[tokio::test]
async fn an_invoice_is_paid_in_parts() {
    let books = Books::open().await;
    assert_eq!(books.state().await, ("open".to_owned(), 0, 0, 1_666));
    let part = json!({"amountMinor": 600, "reference": "transfer 1", "receivedAt": "2026-05-31T12:00:00Z"});
    let paid = books.post("payments", part).await.good();
    assert_eq!(
        (paid.status.as_u16(), &paid.body["amountMinor"], &paid.body["currency"]),
        (201, &json!(600), &json!("EUR"))
    );
    assert_eq!(books.state().await, ("open".to_owned(), 600, 0, 1_066));
    let rest = books.post("payments", json!({})).await.good();
    assert_eq!((&rest.body["amountMinor"], &rest.body["receivedAt"]), (&json!(1_066), &json!("2026-06-01T00:30:00Z")));
    assert_eq!(books.state().await, ("paid".to_owned(), 1_666, 0, 0));
    assert_eq!(books.get("/payments").await["data"], json!([paid.body, rest.body]));
    assert_eq!(books.balances().await, accounts(&[("revenue", -1_400), ("tax", -266), ("cash", 1_666)]));
    assert_eq!(books.told().await, ["invoice.paid.v1", "payment.recorded.v1", "payment.recorded.v1"]);
}

#[tokio::test]
async fn an_invoice_is_taken_back() {
    let books = Books::open().await;
    let void = books.post("void", json!({"reason": "wrong payer"})).await.good().body;
    assert_eq!((&void["status"], &void["endReason"]), (&json!("void"), &json!("wrong payer")));
    assert_eq!(books.state().await, ("void".to_owned(), 0, 0, 0));
    assert_eq!(books.balances().await, []);
    assert_eq!(books.told().await, ["invoice.voided.v1"]);
}

#[tokio::test]
async fn an_invoice_that_was_given_up_may_be_paid_after_all() {
    let books = Books::open().await;
    books.post("uncollectible", json!({"reason": "insolvent"})).await.good();
    assert_eq!(books.state().await, ("uncollectible".to_owned(), 0, 0, 1_666));
    let bad = accounts(&[("revenue", -1_400), ("tax", -266), ("badDebt", 1_666)]);
    assert_eq!(books.balances().await, bad);
    books.post("payments", json!({})).await.good();
    assert_eq!(books.state().await, ("paid".to_owned(), 1_666, 0, 0));
    assert_eq!(books.balances().await, accounts(&[("revenue", -1_400), ("tax", -266), ("cash", 1_666)]));
    assert_eq!(books.told().await, ["invoice.paid.v1", "invoice.uncollectible.v1", "payment.recorded.v1"]);
}

#[tokio::test]
async fn credit_notes_take_back_lines_and_money() {
    let books = Books::open().await;
    let new =
        json!({"lines": [{"key": "calls", "amountMinor": 119}], "reason": "a day without service", "memo": "Sorry."});
    let first = books.post("credit-notes", new).await.good().body;
    let tax = json!({
        "name": "VAT", "percent": "19", "inclusive": false, "netMinor": 100, "amountMinor": 19, "linesMinor": [19],
    });
    // 19 of 119 is tax, as 95 of 595 of the line is.
    for (name, expect) in [
        ("number", json!("ACME-CN-0001")),
        ("invoiceNumber", json!("ACME-0001")),
        ("totalMinor", json!(119)),
        ("taxMinor", json!(19)),
        ("taxes", json!([tax])),
        ("appliedMinor", json!(119)),
        ("balanceMinor", json!(0)),
        ("memo", json!("Sorry.")),
    ] {
        assert_eq!(first[name], expect, "{name}");
    }
    assert_eq!(books.state().await, ("open".to_owned(), 0, 119, 1_547));
    books.post("payments", json!({})).await.good();
    let all = json!({"refundMinor": 1_000, "reason": "cancelled"});
    let second = books.post("credit-notes", all).await.good().body;
    assert_eq!(
        [
            &second["number"],
            &second["totalMinor"],
            &second["taxMinor"],
            &second["refundMinor"],
            &second["balanceMinor"]
        ],
        [&json!("ACME-CN-0002"), &json!(1_547), &json!(247), &json!(1_000), &json!(547)]
    );
    assert_eq!(books.state().await, ("paid".to_owned(), 1_547, 1_666, 0));
    assert_eq!(books.balances().await, accounts(&[("cash", 547), ("credits", -547)]));
    assert_eq!(books.get("/credit-notes").await["data"], json!([first, second]));
    let path = format!("/v1/credit-notes/{}", second["id"].as_str().unwrap());
    assert_eq!(books.api.get(&path, &books.api.acme.key).await.good().body, second);
    let told = ["creditnote.issued.v1", "creditnote.issued.v1", "invoice.paid.v1", "payment.recorded.v1"];
    assert_eq!(books.told().await, told);
}

/// What is asked of an invoice, and with which body.
type Request = (&'static str, Value);
/// What was done before, what is refused, and its status, code and pointer.
type Row = (Vec<Request>, Request, (u16, &'static str, &'static str));

fn ended(how: &'static str) -> Request {
    (how, json!({"reason": "r"}))
}

fn pay(body: Value) -> Request {
    ("payments", body)
}

fn credit(mut body: Value) -> Request {
    body.as_object_mut().unwrap().entry("reason").or_insert(json!("r"));
    ("credit-notes", body)
}

fn refused_ends() -> Vec<Row> {
    let (void, give_up) = (ended("void"), ended("uncollectible"));
    let (all, part) = (pay(json!({})), pay(json!({"amountMinor": 1})));
    vec![
        (vec![], pay(json!({"amountMinor": 1_667})), (409, "overpaid", "/amountMinor")),
        (vec![], pay(json!({"amountMinor": 0})), (422, "not_positive", "/amountMinor")),
        (vec![], pay(json!({"amountMinor": 1.5})), (400, "invalid_body", "/amountMinor")),
        (vec![], pay(json!({"amount": 1})), (400, "unknown_field", "/amount")),
        (vec![], pay(json!({"receivedAt": "2026-06-01T00:30:01Z"})), (422, "in_future", "/receivedAt")),
        (vec![], pay(json!({"reference": ""})), (422, "invalid_name", "/reference")),
        (vec![all.clone()], all.clone(), (409, "not_payable", "")),
        (vec![void.clone()], all.clone(), (409, "not_payable", "")),
        (vec![void.clone()], void.clone(), (409, "already_void", "")),
        (vec![all.clone()], void.clone(), (409, "paid_invoice", "")),
        (vec![part], void.clone(), (409, "paid_invoice", "")),
        (vec![give_up.clone()], void, (409, "not_open", "")),
        (vec![], ("void", json!({"reason": " "})), (422, "empty", "/reason")),
        (vec![], ("void", json!({})), (400, "invalid_body", "")),
        (vec![give_up.clone()], give_up.clone(), (409, "already_uncollectible", "")),
        (vec![all], give_up, (409, "not_open", "")),
        (vec![], ("uncollectible", json!({"reason": ""})), (422, "empty", "/reason")),
    ]
}

fn refused_credits() -> Vec<Row> {
    let all = credit(json!({}));
    let lines = |lines: Value| credit(json!({"lines": lines}));
    vec![
        (vec![ended("void")], all.clone(), (409, "not_creditable", "")),
        (vec![ended("uncollectible")], all.clone(), (409, "not_creditable", "")),
        (vec![all.clone()], all, (409, "over_credited", "/amountMinor")),
        (vec![], credit(json!({"amountMinor": 1_667})), (409, "over_credited", "/amountMinor")),
        (vec![], credit(json!({"amountMinor": -1})), (422, "not_positive", "/amountMinor")),
        (vec![], credit(json!({"reason": ""})), (422, "empty", "/reason")),
        (vec![], credit(json!({"memo": " "})), (422, "invalid_memo", "/memo")),
        (vec![], credit(json!({"refundMinor": 1})), (409, "refund_too_large", "/refundMinor")),
        (vec![], credit(json!({"refundMinor": -1})), (422, "negative", "/refundMinor")),
        (vec![], credit(json!({"amountMinor": 1, "lines": []})), (422, "amount_and_lines", "/lines")),
        (vec![], lines(json!([])), (422, "empty", "/lines")),
        (vec![], lines(json!([{"key": "tax"}])), (422, "unknown_line", "/lines/0/key")),
        (vec![], lines(json!([{"key": "base"}, {"key": "base"}])), (422, "duplicate_line", "/lines/1/key")),
        (
            vec![],
            lines(json!([{"key": "base"}, {"key": "calls", "amountMinor": 596}])),
            (409, "over_credited", "/lines/1/amountMinor"),
        ),
        (vec![], lines(json!([{"key": "base", "amountMinor": 0}])), (422, "not_positive", "/lines/0/amountMinor")),
    ]
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut books = Books::open().await;
    let rows = refused_ends().into_iter().chain(refused_credits());
    for (period, (before, (what, body), (status, code, pointer))) in (1..).zip(rows) {
        books.another(period).await;
        for (what, body) in before {
            books.post(what, body).await.good();
        }
        let (state, balances) = (books.state().await, books.balances().await);
        let answer = books.post(what, body.clone()).await;
        let field = &answer.body["errors"][0];
        let said = answer.body["code"].as_str().unwrap();
        let said = if said == "invalid_request" { field["code"].as_str().unwrap() } else { said };
        let at = field["pointer"].as_str().unwrap_or_default();
        assert_eq!((answer.status.as_u16(), said, at), (status, code, pointer), "{what} {body}");
        assert_eq!((books.state().await, books.balances().await), (state, balances), "{what} {body}");
    }
}

#[tokio::test]
async fn a_repeat_with_its_key_changes_nothing_and_one_without_is_refused() {
    let mut books = Books::open().await;
    let once = async |books: &Books, what: &str, body: &Value| {
        let path = format!("{}/{what}?tenant=acme", books.path);
        books.api.post_once(&path, PLATFORM_KEY, &format!("{}-{what}", books.path.len()), body).await
    };
    let reason = json!({"reason": "r"});
    let rows = [
        ("payments", json!({}), "not_payable"),
        ("void", reason.clone(), "already_void"),
        ("uncollectible", reason.clone(), "already_uncollectible"),
        ("credit-notes", reason, "over_credited"),
    ];
    for (period, (what, body, code)) in (1..).zip(rows) {
        books.another(period).await;
        // The change is written, and its answer gets lost with the process.
        books
            .api
            .platform
            .aws()
            .faults()
            .fail_when(1, Fault::CrashAfter, |call| call.operation == "TransactWriteItems");
        assert_eq!(once(&books, what, &body).await.outcome(), (503, "unavailable"), "{what}");
        let (state, balances) = (books.state().await, books.balances().await);
        let done = once(&books, what, &body).await.good();
        assert_eq!(done.header("idempotent-replayed"), None, "{what} is done again, and finds what it has made");
        let again = once(&books, what, &body).await.good();
        assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &done.body), "{what}");
        assert_eq!((books.state().await, books.balances().await), (state, balances), "{what}");
        assert_eq!(books.post(what, body).await.outcome(), (409, code));
    }
}

#[tokio::test]
async fn two_payments_at_once_pay_no_more_than_remains() {
    let books = Books::open().await;
    let pay = || books.post("payments", json!({"amountMinor": 1_000}));
    let (first, second) = tokio::join!(pay(), pay());
    let mut outcomes = [first.outcome(), second.outcome()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(201, "-"), (409, "overpaid")]);
    assert_eq!(books.state().await, ("open".to_owned(), 1_000, 0, 666));
}

#[tokio::test]
async fn a_line_is_explained() {
    let books = Books::open().await;
    books.post("credit-notes", json!({"lines": [{"key": "base", "amountMinor": 71}], "reason": "r"})).await.good();
    let body = books.get("/lines/base/explain").await;
    let line = books.get("").await["lines"][0].clone();
    assert_eq!((&body["line"], &body["number"], &body["currency"]), (&line, &json!("ACME-0001"), &json!("EUR")));
    assert_eq!(body["discounts"][0]["amountMinor"], 100);
    let tax = json!({"name": "VAT", "percent": "19", "inclusive": false, "amountMinor": 171});
    assert_eq!(body["taxes"], json!([tax]));
    // 1000 − 100 + 171.
    assert_eq!((&body["chargedMinor"], &body["creditedByNotesMinor"]), (&json!(1_071), &json!(71)));
    let missing = books.api.get(&format!("{}/lines/none/explain", books.path), &books.api.acme.key).await;
    assert_eq!(missing.outcome(), (404, "not_found"));
}

#[tokio::test]
async fn a_tenant_chooses_its_numbers_and_its_time_to_pay() {
    let api = Api::open().await;
    let patch = async |body: Value| {
        let body = body.to_string();
        let extra = Extra { headers: &[("content-type", "application/json")], body: Some(&body) };
        api.call(Method::PATCH, "/v1/tenants/acme", Some(PLATFORM_KEY), extra).await
    };
    let default = json!({"template": "{prefix}-{seq:4}", "prefix": null});
    let found = api.get("/v1/tenants/acme", PLATFORM_KEY).await.good().body;
    assert_eq!((&found["invoiceNumber"], &found["paymentTermDays"]), (&default, &Value::Null));
    let chosen = json!({"template": "{prefix}-{year}-{seq:6}", "prefix": "RG"});
    patch(json!({"invoiceNumber": chosen, "paymentTermDays": 30})).await.good();
    let named = patch(json!({"name": "Acme"})).await.good().body;
    assert_eq!((&named["invoiceNumber"], &named["paymentTermDays"]), (&chosen, &json!(30)), "what is not sent stays");
    let cleared = patch(json!({"invoiceNumber": null, "paymentTermDays": null})).await.good().body;
    assert_eq!((&cleared["invoiceNumber"], &cleared["paymentTermDays"]), (&default, &Value::Null));
    let rows = [
        (json!({"invoiceNumber": {"template": "{year}"}}), 422, "template_without_seq", "/invoiceNumber/template"),
        (json!({"invoiceNumber": {"template": "{seq}-{year}"}}), 422, "seq_not_last", "/invoiceNumber/template"),
        (json!({"invoiceNumber": {"template": "{year}{seq}"}}), 422, "seq_after_digit", "/invoiceNumber/template"),
        (json!({"invoiceNumber": {"template": "{day}-{seq}"}}), 422, "invalid_template", "/invoiceNumber/template"),
        (
            json!({"invoiceNumber": {"template": "{seq}", "prefix": "a b"}}),
            422,
            "invalid_prefix",
            "/invoiceNumber/prefix",
        ),
        (json!({"invoiceNumber": {"prefix": "a"}}), 400, "invalid_body", "/invoiceNumber"),
        (json!({"paymentTermDays": 366}), 422, "term_out_of_range", "/paymentTermDays"),
        (json!({"paymentTermDays": -1}), 400, "invalid_body", "/paymentTermDays"),
    ];
    for (body, status, code, pointer) in rows {
        let answer = patch(body.clone()).await;
        let field = &answer.body["errors"][0];
        let said = (answer.status.as_u16(), field["code"].as_str().unwrap(), field["pointer"].as_str().unwrap());
        assert_eq!(said, (status, code, pointer), "{body}");
    }
}
