//! `meterline ledger`: reads all books of a tenant over HTTP, and checks them with no more than what it reads.
//!
//! The server verifies its own books (`/v1/ledger/verify`). Here nothing is believed: each entry's hash is computed anew, each
//! transaction must sum to zero, each entry must follow the one before, and the sum of all must be what the head says. Pages
//! come newest first, so the walk goes backward, and the last break that it meets is the first of the ledger.

use crate::{
    demo::{Api, ClientError},
    session::{self, SessionError},
};
use domain::{
    Timestamp,
    id::{InvoiceId, TransactionId},
    ledger::{Account, Balances, Break, BreakReason, Entry, Head, Heading, Transaction},
    money::{Currency, Money},
    text::Hex,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

/// Entries of a page: the most that the API gives.
const PAGE_ENTRIES: usize = 100;
/// Pages of one ledger: ten million entries.
const PAGES_MAX: usize = 100_000;
/// From one line of progress to the next, in pages.
const PAGES_TOLD: usize = 100;

/// Which books, and where.
#[derive(Clone, Debug)]
pub struct LedgerCheck {
    /// Whose: id or slug.
    pub tenant: String,
    /// Where the API answers.
    pub url: String,
    /// The platform key; asked of a local server unless it is sent.
    pub key: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Entries that the head says there are.
    pub entries: u64,
    /// The hash of the last one, as the head says it: keep it elsewhere.
    pub head_hash: String,
    /// Where the books are broken first.
    pub broken: Option<Break>,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no key.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A request failed.
    #[error("the server did not answer all entries")]
    Api(#[from] ClientError),
    /// The server answers something else than it documents.
    #[error("the server answered in another form than documented")]
    Answer(#[from] serde_json::Error),
    /// The head is in another form than documented.
    #[error("the server answered no head of the ledger: {0}")]
    Head(&'static str),
    /// It goes on and on.
    #[error("the ledger has more than {PAGES_MAX} pages")]
    Endless,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadBody {
    entries: u64,
    head_hash: String,
    balances: Vec<BalanceBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BalanceBody {
    account: String,
    currency: String,
    amount_minor: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageBody {
    data: Vec<Value>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryBody {
    sequence: u64,
    transaction_id: TransactionId,
    kind: String,
    about: String,
    invoice_id: Option<InvoiceId>,
    at: Timestamp,
    currency: String,
    memo: String,
    postings: Vec<PostingBody>,
    previous_hash: String,
    hash: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostingBody {
    account: String,
    amount_minor: i64,
}

/// Checks the whole ledger as its head is now; `say` gets a line now and then.
///
/// # Errors
/// If the server cannot be reached, refuses, or answers no ledger at all. Broken books are an outcome, and no error.
pub async fn run(options: &LedgerCheck, mut say: impl FnMut(String)) -> Result<Outcome, LedgerError> {
    let api = session::open(options.url.trim_end_matches('/'), options.key.as_deref()).await?;
    let tenant = utf8_percent_encode(&options.tenant, NON_ALPHANUMERIC).to_string();
    // Asked first: what is appended meanwhile lies behind it, and is left out.
    let head: HeadBody = serde_json::from_value(api.get(&format!("/v1/ledger/balance?tenant={tenant}")).await?)?;
    let mut walk = Walk::from(&head)?;
    walk.read_all(&api, &tenant, &mut say).await?;
    let broken = walk.end();
    say(match &broken {
        None => format!("entries: {}, all as they were written; head: {}", head.entries, head.head_hash),
        Some(broken) => broken.to_string(),
    });
    Ok(Outcome { entries: head.entries, head_hash: head.head_hash, broken })
}

/// A walk from the head of a ledger back to its beginning.
struct Walk {
    head: Head,
    said: Balances,
    sum: Balances,
    /// The entry that was read last, which is the one after the next: none as long as all was newer than the head.
    newer: Option<Entry>,
    /// The place of what was read last, which may have been unreadable.
    place: u64,
    broken: Option<Break>,
}

impl Walk {
    fn from(head: &HeadBody) -> Result<Self, LedgerError> {
        let hash = Hex::parse_32(&head.head_hash).ok_or(LedgerError::Head("its hash is malformed"))?;
        let balance = |body: &BalanceBody| {
            let currency: Currency = body.currency.parse().ok()?;
            Some((body.account.parse().ok()?, Money { amount_minor: body.amount_minor, currency }))
        };
        let said: Option<Vec<(Account, Money)>> = head.balances.iter().map(balance).collect();
        Ok(Self {
            head: Head { sequence: head.entries, hash },
            said: Balances::new(said.ok_or(LedgerError::Head("a balance is malformed"))?),
            sum: Balances::default(),
            newer: None,
            place: head.entries.saturating_add(1),
            broken: None,
        })
    }

    async fn read_all(&mut self, api: &Api, tenant: &str, say: &mut impl FnMut(String)) -> Result<(), LedgerError> {
        let mut cursor = String::new();
        for page in 1..=PAGES_MAX {
            let path = format!("/v1/ledger?tenant={tenant}&limit={PAGE_ENTRIES}{cursor}");
            let PageBody { data, next_cursor } = serde_json::from_value(api.get(&path).await?)?;
            for body in data {
                self.follow(body);
            }
            let Some(next) = next_cursor else { return Ok(()) };
            cursor = format!("&cursor={}", utf8_percent_encode(&next, NON_ALPHANUMERIC));
            if page % PAGES_TOLD == 0 {
                say(format!("down to entry {}", self.place));
            }
        }
        Err(LedgerError::Endless)
    }

    /// Looks at the next older entry.
    fn follow(&mut self, body: Value) {
        let sequence = body["sequence"].as_u64().unwrap_or(0);
        if self.newer.is_none() && sequence > self.head.sequence {
            return;
        }
        if sequence.saturating_add(1) < self.place {
            self.broken = Some(Break { sequence: sequence.saturating_add(1), why: BreakReason::Missing });
        }
        self.place = sequence;
        let Some(entry) = entry(body) else {
            self.broken = Some(Break { sequence, why: BreakReason::Unreadable });
            self.newer = None;
            return;
        };
        if let Err(broken) = self.fits(&entry) {
            self.broken = Some(broken);
        }
        match self.sum.clone().after(&entry.transaction) {
            Ok(sum) => self.sum = sum,
            Err(_) => self.broken = Some(Break { sequence, why: BreakReason::Balances }),
        }
        self.newer = Some(entry);
    }

    /// Whether an entry is as it was written, and the one after it follows it; the older of two breaks is answered.
    fn fits(&self, entry: &Entry) -> Result<(), Break> {
        Head { sequence: entry.sequence.saturating_sub(1), hash: entry.previous }.follow(entry)?;
        let end = Head { sequence: entry.sequence, hash: entry.hash };
        match &self.newer {
            Some(newer) if newer.sequence == entry.sequence.saturating_add(1) => end.follow(newer).map(drop),
            None if entry.sequence == self.head.sequence && end != self.head => {
                Err(Break { sequence: entry.sequence, why: BreakReason::Head })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What is broken first, now that all was read.
    fn end(mut self) -> Option<Break> {
        if self.place > 1 && self.head.sequence > 0 {
            self.broken = Some(Break { sequence: 1, why: BreakReason::Missing });
        } else if let Some(first) = self.newer.filter(|first| first.sequence == 1)
            && let Err(broken) = Head::EMPTY.follow(&first)
        {
            self.broken = Some(broken);
        }
        let unbalanced = Break { sequence: self.head.sequence, why: BreakReason::Balances };
        self.broken.or((self.sum != self.said).then_some(unbalanced))
    }
}

/// The entry in an answer; `None` for one that is malformed, or does not sum to zero.
fn entry(body: Value) -> Option<Entry> {
    let body: EntryBody = serde_json::from_value(body).ok()?;
    let heading = Heading {
        id: body.transaction_id,
        kind: body.kind.parse().ok()?,
        about: body.about.parse().ok()?,
        invoice_id: body.invoice_id,
        at: body.at,
        currency: body.currency.parse().ok()?,
        memo: body.memo,
    };
    let posting = |posting: &PostingBody| Some((posting.account.parse().ok()?, posting.amount_minor));
    let postings: Option<Vec<(Account, i64)>> = body.postings.iter().map(posting).collect();
    Some(Entry {
        sequence: body.sequence,
        transaction: Transaction::new(heading, &postings?).ok()?,
        previous: Hex::parse_32(&body.previous_hash)?,
        hash: Hex::parse_32(&body.hash)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{id::GrantId, ledger::TransactionKind};
    use serde_json::json;

    /// The answers of a server whose books have four grants of 1.00, 2.00, 3.00 and 4.00: the head, and the entries newest first.
    fn books() -> (Value, Vec<Value>) {
        let (mut head, mut entries) = (Head::EMPTY, Vec::new());
        for n in 1..=4_i64 {
            let amount = Money { amount_minor: 100 * n, currency: "USD".parse().unwrap() };
            let id = GrantId::derived(&[&n.to_string()]);
            let transaction = Transaction::paid_grant(id, amount, Timestamp::UNIX_EPOCH, "a \"grant\"").unwrap();
            let entry = head.entry(transaction);
            head = head.follow(&entry).unwrap();
            let heading = entry.transaction.heading();
            let posting = |account: &str, amount_minor: i64| json!({"account": account, "amountMinor": amount_minor});
            entries.push(json!({
                "sequence": n, "transactionId": heading.id.to_string(), "kind": TransactionKind::Credit.as_str(),
                "about": heading.about.to_string(), "invoiceId": null, "at": heading.at, "currency": "USD",
                "memo": heading.memo, "postings": [posting("cash", 100 * n), posting("credits", -100 * n)],
                "previousHash": Hex(&entry.previous).to_string(), "hash": Hex(&entry.hash).to_string(),
            }));
        }
        entries.reverse();
        let balance = |account: &str, amount_minor: i64| json!({"account": account, "currency": "USD", "amountMinor": amount_minor});
        let balances = [balance("cash", 1_000), balance("credits", -1_000)];
        (json!({"entries": 4, "headHash": Hex(&head.hash).to_string(), "balances": balances}), entries)
    }

    fn checked(head: Value, entries: Vec<Value>) -> Option<(u64, &'static str)> {
        let mut walk = Walk::from(&serde_json::from_value(head).unwrap()).unwrap();
        for entry in entries {
            walk.follow(entry);
        }
        walk.end().map(|broken| (broken.sequence, broken.why.as_str()))
    }

    /// What is done to the entries, of which the newest is the first; where the books are broken then.
    type Row = (fn(&mut Vec<Value>), Option<(u64, &'static str)>);

    #[test]
    fn the_first_break_is_told() {
        let rows: [Row; 11] = [
            (|_| {}, None),
            (|entries| entries[1]["memo"] = json!("a gift"), Some((3, "changed"))),
            (|entries| entries[3]["memo"] = json!("a gift"), Some((1, "changed"))),
            (
                |entries| {
                    entries[2]["postings"][0]["amountMinor"] = json!(900);
                    entries[2]["postings"][1]["amountMinor"] = json!(-900);
                },
                Some((2, "changed")),
            ),
            // Does not sum to zero.
            (|entries| entries[2]["postings"][0]["amountMinor"] = json!(900), Some((2, "unreadable"))),
            (|entries| entries[0]["previousHash"] = json!("0".repeat(64)), Some((4, "previous"))),
            (|entries| drop(entries.remove(1)), Some((3, "missing"))),
            (|entries| drop(entries.pop()), Some((1, "missing"))),
            (|entries| drop(entries.remove(0)), Some((4, "missing"))),
            (Vec::clear, Some((1, "missing"))),
            (
                |entries| {
                    entries[0]["memo"] = json!("a gift");
                    entries[2]["memo"] = json!("a gift");
                },
                Some((2, "changed")),
            ),
        ];
        for (row, (change, expect)) in rows.into_iter().enumerate() {
            let (head, mut entries) = books();
            change(&mut entries);
            assert_eq!(checked(head, entries), expect, "row {row}");
        }
    }

    #[test]
    fn an_entry_that_was_made_anew_with_its_hash_does_not_fit_the_next() {
        let (head, mut entries) = books();
        let mut forged = super::entry(entries[2].clone()).unwrap();
        let heading = Heading { memo: "a gift".to_owned(), ..forged.transaction.heading().clone() };
        let postings = [(Account::Cash, 200), (Account::Credits, -200)];
        forged = Head { sequence: 1, hash: forged.previous }.entry(Transaction::new(heading, &postings).unwrap());
        entries[2]["memo"] = json!("a gift");
        entries[2]["hash"] = json!(Hex(&forged.hash).to_string());
        assert_eq!(checked(head, entries), Some((3, "previous")));
    }

    #[test]
    fn the_head_must_be_that_of_the_entries() {
        let of_three = books().1[1]["hash"].clone();
        let balances = [("cash", 600), ("credits", -600)]
            .map(|(account, minor)| json!({"account": account, "currency": "USD", "amountMinor": minor}));
        let rows = [
            (json!({"headHash": "0".repeat(64)}), Some((4, "head"))),
            (json!({"balances": []}), Some((4, "balances"))),
            (json!({"entries": 3}), Some((3, "head"))),
            // What was appended since the head was read is left out.
            (json!({"entries": 3, "headHash": of_three, "balances": balances}), None),
        ];
        for (change, expect) in rows {
            let (mut head, entries) = books();
            head.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            assert_eq!(checked(head, entries), expect, "{change}");
        }
    }

    #[test]
    fn books_without_entries_are_good() {
        assert_eq!(checked(json!({"entries": 0, "headHash": "0".repeat(64), "balances": []}), Vec::new()), None);
    }
}
