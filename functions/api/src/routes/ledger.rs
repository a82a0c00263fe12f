//! The books of a tenant: entries, balances, and whether the chain holds.

use crate::{
    auth::TenantScope,
    openapi::ReadRefusals,
    page::{List, PageParameters, Paging},
    parameters::{self, invalid},
    problem::Problem,
    state::Api,
};
use axum::extract::{OriginalUri, State};
use cloud::store::LedgerFilter;
use domain::{
    Timestamp,
    id::{InvoiceId, TransactionId},
    ledger::{Account, Entry, Head, Subject, TransactionKind},
    money::Money,
    text::Hex,
};
use http::Uri;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// Which entries are asked for, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what filter() reads")]
pub(crate) struct LedgerParameters {
    /// Id or slug; the platform must send it.
    tenant: Option<String>,
    /// `charge`, `payment`, `credit`, `refund` or `adjustment`.
    kind: Option<String>,
    /// With a posting on `receivable`, `revenue`, `tax`, `cash`, `credits` or `badDebt`.
    account: Option<String>,
    /// Id of an invoice, credit note, payment or grant; of an invoice, all that belongs to it.
    subject: Option<String>,
    /// First instant.
    from: Option<Timestamp>,
    /// First instant after.
    to: Option<Timestamp>,
}

/// Where to go on verifying, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what from() reads")]
pub(crate) struct VerifyParameters {
    /// Id or slug; the platform must send it.
    tenant: Option<String>,
    /// The `next.after` of the answer before; from the first entry, unless it is sent.
    after: Option<u64>,
    /// The `next.hash` that belongs to it.
    hash: Option<String>,
}

/// A transaction at its place in the ledger; its postings sum to zero.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LedgerEntry {
    /// Its place, counted from 1.
    #[schema(example = 1)]
    sequence: u64,
    /// Who it is.
    #[schema(value_type = String, example = "ltx_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    transaction_id: TransactionId,
    /// `charge`, `payment`, `credit`, `refund` or `adjustment`.
    #[schema(example = "charge")]
    kind: &'static str,
    /// What it is about: an invoice, a credit note, a payment or a grant.
    #[schema(example = "inv_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    about: String,
    /// The invoice that it belongs to.
    #[schema(value_type = Option<String>)]
    invoice_id: Option<InvoiceId>,
    /// When it happened.
    at: Timestamp,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// What a person should know of it; of a charge, the number and the digest of its invoice. May be empty.
    #[schema(example = "ACME-CN-0001")]
    memo: String,
    /// Its amounts.
    postings: Vec<LedgerPosting>,
    /// Hash of the entry before, in hex.
    previous_hash: String,
    /// SHA-256 over this entry and the hash before, in hex.
    hash: String,
}

/// One amount on one account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LedgerPosting {
    /// `receivable`, `revenue`, `tax`, `cash`, `credits` or `badDebt`.
    #[schema(example = "receivable")]
    account: &'static str,
    /// A debit if it is positive, in minor units.
    #[schema(example = 14280)]
    amount_minor: i64,
}

/// What lies on the accounts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LedgerBalance {
    /// How many entries it is the sum of.
    entries: u64,
    /// Hash of the last of them, in hex; zeros while there is none.
    head_hash: String,
    /// Every account that was ever used, by currency.
    balances: Vec<AccountBalance>,
}

/// What lies on one account in one currency.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountBalance {
    /// `receivable`, `revenue`, `tax`, `cash`, `credits` or `badDebt`.
    #[schema(example = "receivable")]
    account: &'static str,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// A debit if it is positive, in minor units.
    #[schema(example = 14280)]
    amount_minor: i64,
}

/// Whether the chain holds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LedgerVerified {
    /// Whether no entry that was looked at was changed, taken out or moved.
    ok: bool,
    /// The last entry that was found good.
    entries: u64,
    /// Its hash, in hex: keep it elsewhere, and a later ledger must still have it.
    head_hash: String,
    /// Where the chain is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_break: Option<LedgerBreak>,
    /// Where to go on, if this was not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<VerifyNext>,
}

/// Where a chain is broken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LedgerBreak {
    /// At which entry.
    sequence: u64,
    /// `missing`, `previous`, `changed`, `unreadable`, `head` or `balances`.
    #[schema(example = "changed")]
    code: &'static str,
    /// What was noticed.
    message: String,
}

/// Where to go on verifying.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifyNext {
    /// After which entry.
    after: u64,
    /// Its hash, in hex.
    hash: String,
}

impl From<Entry> for LedgerEntry {
    fn from(entry: Entry) -> Self {
        let heading = entry.transaction.heading().clone();
        let postings = entry.transaction.postings().iter();
        Self {
            sequence: entry.sequence,
            transaction_id: heading.id,
            kind: heading.kind.as_str(),
            about: heading.about.to_string(),
            invoice_id: heading.invoice_id,
            at: heading.at,
            currency: heading.currency.to_string(),
            memo: heading.memo,
            postings: postings
                .map(|posting| LedgerPosting { account: posting.account.as_str(), amount_minor: posting.amount_minor })
                .collect(),
            previous_hash: Hex(&entry.previous).to_string(),
            hash: Hex(&entry.hash).to_string(),
        }
    }
}

/// List the entries of the ledger, newest first
///
/// With filters a page may hold fewer entries than asked for and not be the last: go on while there is a `nextCursor`.
#[utoipa::path(
    get, path = "/v1/ledger", operation_id = "listLedger", tag = "Ledger", security(("tenantKey" = []), ("platformKey" = [])),
    params(LedgerParameters, PageParameters),
    responses((status = 200, body = List<LedgerEntry>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    OriginalUri(uri): OriginalUri,
    paging: Paging,
) -> Result<axum::Json<List<LedgerEntry>>, Problem> {
    let filter = filter(&uri)?;
    let page = api.store(&tenant).ledger_page(paging.limit, paging.after.as_ref(), &filter).await?;
    Ok(paging.answer(page, LedgerEntry::from))
}

/// Read the balances of the ledger
///
/// The sum of all its entries. `receivable` is what is owed, `credits` the negative of what the tenant has in its favour.
#[utoipa::path(
    get, path = "/v1/ledger/balance", operation_id = "readLedgerBalance", tag = "Ledger", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it.")),
    responses((status = 200, body = LedgerBalance, description = "The balances."), ReadRefusals)
)]
pub(crate) async fn balance(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
) -> Result<axum::Json<LedgerBalance>, Problem> {
    let end = api.store(&tenant).ledger_head().await?;
    let balance = |(account, money): (Account, Money)| AccountBalance {
        account: account.as_str(),
        currency: money.currency.to_string(),
        amount_minor: money.amount_minor,
    };
    Ok(axum::Json(LedgerBalance {
        entries: end.head.sequence,
        head_hash: Hex(&end.head.hash).to_string(),
        balances: end.balances.iter().map(balance).collect(),
    }))
}

/// Verify the ledger
///
/// Follows the chain of hashes through 5,000 entries, and holds its end against the head and the balances. Where there are
/// more, `next` says how to go on: send its members as parameters.
#[utoipa::path(
    get, path = "/v1/ledger/verify", operation_id = "verifyLedger", tag = "Ledger", security(("tenantKey" = []), ("platformKey" = [])),
    params(VerifyParameters),
    responses((status = 200, body = LedgerVerified, description = "Whether it holds."), ReadRefusals)
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    OriginalUri(uri): OriginalUri,
) -> Result<axum::Json<LedgerVerified>, Problem> {
    let verified = api.store(&tenant).verify_ledger(from(&uri)?).await?;
    let (reached, hash) = (verified.reached, Hex(&verified.reached.hash).to_string());
    let goes_on = !verified.is_whole && verified.broken.is_none();
    if let Some(broken) = verified.broken {
        tracing::error!(sequence = broken.sequence, why = broken.why.as_str(), "a ledger is broken");
    }
    Ok(axum::Json(LedgerVerified {
        ok: verified.broken.is_none(),
        entries: reached.sequence,
        head_hash: hash.clone(),
        first_break: verified.broken.map(|broken| LedgerBreak {
            sequence: broken.sequence,
            code: broken.why.as_str(),
            message: broken.to_string(),
        }),
        next: goes_on.then_some(VerifyNext { after: reached.sequence, hash }),
    }))
}

fn filter(uri: &Uri) -> Result<LedgerFilter, Problem> {
    let instant = |name| parameters::parse(uri, name, "send an instant, such as 2026-06-01T00:00:00Z");
    Ok(LedgerFilter {
        kind: parameters::parse::<TransactionKind>(uri, "kind", "send charge, payment, credit, refund or adjustment")?,
        account: parameters::parse::<Account>(
            uri,
            "account",
            "send receivable, revenue, tax, cash, credits or badDebt",
        )?,
        subject: parameters::parse::<Subject>(
            uri,
            "subject",
            "send the id of an invoice, credit note, payment or grant",
        )?,
        from: instant("from")?,
        to: instant("to")?,
    })
}

/// The entry after which verifying goes on.
fn from(uri: &Uri) -> Result<Head, Problem> {
    let after = parameters::parse::<u64>(uri, "after", "send the next.after of an answer")?;
    let hash = parameters::get(uri, "hash")?;
    let expected = "send the next.after and the next.hash of an answer together";
    match (after, hash) {
        (None, None) => Ok(Head::EMPTY),
        (Some(sequence), Some(hash)) => {
            let hash = Hex::parse_32(&hash).ok_or_else(|| invalid("hash", expected))?;
            Ok(Head { sequence, hash })
        }
        (Some(_), None) => Err(invalid("hash", expected)),
        (None, Some(_)) => Err(invalid("after", expected)),
    }
}
