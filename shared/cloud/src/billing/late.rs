//! Usage that came, or was corrected, after the invoice of its period was issued: the adjustments that a run takes.
//!
//! The days of such usage are marked before it is published. A run looks again at the earlier periods that hold a day which
//! was marked since the run before it, and at no other, so that a run without late usage costs one short query more.
//! Invariant: what the invoices of a period and all adjustments of it charge is what the period comes to as it was
//! counted then; a void invoice charges nothing, and the one in its place stands for it. An invoice is one item, so that
//! adjustments for which it has no room wait for the next run, which looks again at whatever a full one may have left.
//! After the last run of a subscription nobody looks again.

use super::{Shelf, impossible, lines};
use crate::{
    Fault, TenantStore, World,
    store::{ADJUSTMENT_BYTES_MAX, LATE_MARK_MARGIN, LINES_BYTES_MAX, LateDay, line_bytes},
};
use domain::{
    Timestamp,
    calendar::BillingPeriod,
    id::InvoiceId,
    invoice::{Adjustable, Invoice, Line, LineDetail, Statement},
    subscription::{self, Subscription},
};
use jiff::{SignedDuration, civil::Date};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// Periods that one run adjusts: the newest ones that hold a marked day.
const ADJUSTED_PERIODS_MAX: usize = 24;
/// Runs since a period whose invoices are read to adjust it: those of a year of days. What lies longer back stays as billed.
const RUNS_SINCE_MAX: u32 = 400;
/// Invoices in a row that may have been void and written anew.
const REGENERATIONS_MAX: usize = 16;

/// The adjustments that `run`, whose own lines are `own`, takes for the periods before it.
pub(super) async fn adjustments(
    world: &World,
    shelf: &Shelf,
    subscription: &Subscription,
    run: u32,
    own: &[Line],
) -> Result<Vec<Line>, Fault> {
    let store = world.store(subscription.tenant_id);
    let mut books = Books { store, subscription, run, read: BTreeMap::new() };
    let Some(closed) = closed_by(subscription, run)? else { return Ok(Vec::new()) };
    let mut taken = Taken::beside(own);
    if run < subscription.next_run {
        // Written anew: what later invoices had adjusted of the void one is in its own lines now.
        let ids = books.of(run).await?.ids.clone();
        if let Some(id) = ids.last() {
            // What is made good for the void one must be on this one.
            taken.all(books.adjustments(*id, &closed, run, own, own).await?);
        }
    }
    let marked = books.store.late_days(closed.first_day).await?;
    if marked.is_empty() {
        return Ok(taken.lines);
    }
    let since = books.looked_at(world.settings().invoice_grace).await?;
    for n in periods(subscription, &marked, since)? {
        let Some(period) = subscription.period(n).map_err(impossible)? else { continue };
        let billed = books.of(n + 1).await?;
        let Some(standing) = billed.standing.clone() else { continue };
        let now = lines(world, shelf, subscription, n + 1).await?;
        let found = books.adjustments(standing.id, &period, n + 1, &standing.lines, &now).await?;
        if !taken.as_far_as_there_is_room(found) {
            break;
        }
    }
    Ok(taken.lines)
}

/// The adjustments that an invoice takes.
struct Taken {
    lines: Vec<Line>,
    /// What all lines of the invoice weigh so far.
    bytes: usize,
}

impl Taken {
    fn beside(own: &[Line]) -> Self {
        Self { lines: Vec::new(), bytes: bytes_of(own) }
    }

    fn all(&mut self, lines: Vec<Line>) {
        self.bytes = self.bytes.saturating_add(bytes_of(&lines));
        self.lines.extend(lines);
    }

    /// Takes `lines` up to the first for which there is no room; answers whether it took all.
    fn as_far_as_there_is_room(&mut self, lines: Vec<Line>) -> bool {
        for line in lines {
            let bytes = self.bytes.saturating_add(line_bytes(&line));
            if bytes > LINES_BYTES_MAX {
                return false;
            }
            self.bytes = bytes;
            self.lines.push(line);
        }
        true
    }
}

fn bytes_of(lines: &[Line]) -> usize {
    lines.iter().map(line_bytes).fold(0, usize::saturating_add)
}

/// Whether an invoice with these lines may have left an adjustment to the next one.
fn is_full(lines: &[Line]) -> bool {
    bytes_of(lines).saturating_add(ADJUSTMENT_BYTES_MAX) > LINES_BYTES_MAX
}

/// The periods that hold a day which was marked since then, the newest first.
fn periods(subscription: &Subscription, marked: &[LateDay], since: Timestamp) -> Result<Vec<u32>, Fault> {
    let mut periods = BTreeSet::new();
    for LateDay { day, .. } in marked.iter().filter(|marked| marked.marked_at >= since) {
        if let Some((n, _)) = subscription.period_on(*day).map_err(impossible)? {
            periods.insert(n);
        }
    }
    Ok(periods.into_iter().rev().take(ADJUSTED_PERIODS_MAX).collect())
}

/// The period that `run` closes.
fn closed_by(subscription: &Subscription, run: u32) -> Result<Option<BillingPeriod>, Fault> {
    let Some(n) = run.checked_sub(1) else { return Ok(None) };
    subscription.period(n).map_err(impossible)
}

/// The invoices of a subscription as one run sees them: each read once, and its own left out.
struct Books<'a> {
    store: TenantStore<'a>,
    subscription: &'a Subscription,
    run: u32,
    read: BTreeMap<u32, Billed>,
}

/// What became of a run's invoice.
#[derive(Clone, Debug, Default)]
struct Billed {
    /// The invoice, and those that were written in its place.
    ids: Vec<InvoiceId>,
    /// When the first was issued.
    issued_at: Option<Timestamp>,
    /// What the one that is not void says.
    standing: Option<Statement>,
}

impl Books<'_> {
    async fn of(&mut self, run: u32) -> Result<&Billed, Fault> {
        Ok(match self.read.entry(run) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(new) => new.insert(billed(&self.store, self.subscription, run).await?),
        })
    }

    /// The instant such that the runs before this one have looked at all that was marked before it.
    async fn looked_at(&mut self, grace: SignedDuration) -> Result<Timestamp, Fault> {
        let earliest = self.run.saturating_sub(RUNS_SINCE_MAX).max(1);
        for run in (earliest..self.run).rev() {
            let Some(closed) = closed_by(self.subscription, run)? else { break };
            let over_at = closed.period.end();
            let grace_ends_at = over_at.saturating_add(grace).unwrap_or(Timestamp::MAX);
            let billed = self.of(run).await?;
            // What a void invoice had adjusted has to be found again.
            if billed.standing.is_none() && !billed.ids.is_empty() {
                continue;
            }
            if billed.standing.as_ref().is_some_and(|standing| is_full(&standing.lines)) {
                continue;
            }
            // Issued after the grace it has all usage of the grace; before, that of its period, which may come later.
            let complete = if billed.issued_at.is_some_and(|at| at >= grace_ends_at) { grace_ends_at } else { over_at };
            return Ok(complete.saturating_sub(LATE_MARK_MARGIN).unwrap_or(Timestamp::MIN));
        }
        Ok(Timestamp::MIN)
    }

    /// What differs between `billed`, with all that was adjusted of it, and `now`, for the `period` that `closing` closed.
    async fn adjustments(
        &mut self,
        of: InvoiceId,
        period: &BillingPeriod,
        closing: u32,
        billed: &[Line],
        now: &[Line],
    ) -> Result<Vec<Line>, Fault> {
        let made = self.subscription.next_run.max(self.run);
        if made - closing > RUNS_SINCE_MAX {
            return Ok(Vec::new());
        }
        let ids = self.of(closing).await?.ids.clone();
        let (mut earlier, own) = (Vec::new(), self.run);
        // An invoice that was written anew may itself hold what makes good the adjustments of the void one.
        for run in (closing..made).filter(|run| *run != own) {
            let standing = self.of(run).await?.standing.iter();
            let lines = standing.flat_map(|statement| &statement.lines);
            earlier.extend(lines.filter(|line| adjusts_one_of(line, &ids)).cloned());
        }
        let days: (Date, Date) = (period.first_day, period.end_day.yesterday().map_err(impossible)?);
        let earlier: Vec<&Line> = earlier.iter().collect();
        Adjustable { of, days, billed, earlier: &earlier, now }.lines().map_err(impossible)
    }
}

fn adjusts_one_of(line: &Line, ids: &[InvoiceId]) -> bool {
    match &line.detail {
        LineDetail::Adjustment { of, .. } => ids.contains(of),
        LineDetail::Fee { .. }
        | LineDetail::Usage { .. }
        | LineDetail::Seats { .. }
        | LineDetail::OneOff { .. }
        | LineDetail::TrueUp { .. } => false,
    }
}

async fn billed(store: &TenantStore<'_>, subscription: &Subscription, run: u32) -> Result<Billed, Fault> {
    let mut billed = Billed::default();
    let mut id = subscription::run_invoice_id(subscription.id, run);
    for _ in 0..REGENERATIONS_MAX {
        let Some(stored) = store.invoice(id).await? else { break };
        let Some(open) = stored.invoice.issued() else { break };
        billed.ids.push(id);
        billed.issued_at = billed.issued_at.or(Some(open.finalized_at));
        match &stored.invoice {
            Invoice::Void(_) => id = subscription::regenerated_invoice_id(id),
            Invoice::Draft(_) | Invoice::Open(_) | Invoice::Paid(_) | Invoice::Uncollectible(_) => {
                billed.standing = Some(open.statement.clone());
                break;
            }
        }
    }
    Ok(billed)
}
