//! What an invoice says, and how its lines come to a total (RATING.md, *From lines to total*): lines, coupons, tax,
//! credits.
//!
//! Invariants: [`Statement::assemble`] is the only way from lines to a total, and pure; what a coupon takes off, what a
//! tax is, is kept for each line, so that a credit note of some lines can mirror it; the parts always equal the whole.

#[cfg(test)]
mod tests;

use super::Line;
use crate::{
    calendar::Period,
    catalog::{Percent, PlanRef},
    id::{CouponId, GrantId, InvoiceId, SubscriptionId, TenantId},
    money::{Currency, Money, MoneyError},
    rating::{
        AmountOutOfRange,
        coupon::{self, Coupon, DiscountableLine},
        credit::{self, Grant},
        tax::{self, TaxBehaviour, TaxableLine},
    },
};
use jiff::{Timestamp, civil::Date};

/// What an invoice says, whatever its state.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Who it is.
    pub id: InvoiceId,
    /// Who pays.
    pub tenant_id: TenantId,
    /// What for; `None` for a one-off invoice.
    pub subscription: Option<SubscriptionRun>,
    /// The billed period.
    pub period: Period,
    /// First to last billed civil day, as printed.
    pub days: (Date, Date),
    /// What is charged, in printed order.
    pub lines: Vec<Line>,
    /// What coupons took off, in the order in which they did.
    pub discounts: Vec<Discount>,
    /// How it is taxed.
    pub tax_treatment: TaxTreatment,
    /// Each tax.
    pub taxes: Vec<Tax>,
    /// What was paid by credit that had been granted before, in the order in which it was used.
    pub credits: Vec<AppliedCredit>,
    /// The lines, less discounts, with tax: what is paid by credits and then by money. Negative if more is given back.
    pub total: Money,
    /// What is printed on it beside.
    pub notes: Notes,
}

/// One billing run of one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionRun {
    /// Which subscription.
    pub id: SubscriptionId,
    /// The plan version at the end of the billed period.
    pub plan: PlanRef,
    /// Which run: 0 opens the first period, run n closes period n − 1. `None` on invoices that were written before it
    /// was kept.
    pub run: Option<u32>,
}

/// What a coupon took off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// Which coupon.
    pub coupon_id: CouponId,
    /// Its name, as printed.
    pub name: String,
    /// Off each line, in their order.
    pub off_lines_minor: Vec<i64>,
}

/// How an invoice is taxed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaxTreatment {
    /// As the rates say; without one, not at all.
    #[default]
    Taxed,
    /// The tenant pays no tax.
    Exempt,
    /// The tenant owes the tax itself, and the invoice must say so.
    ReverseCharge,
}

/// A tax of one rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tax {
    /// Its name, as printed, such as `VAT`.
    pub name: String,
    /// The rate.
    pub rate: Percent,
    /// Whether the lines have it inside.
    pub inclusive: bool,
    /// What it is charged on.
    pub net_minor: i64,
    /// Of each line, in their order.
    pub of_lines_minor: Vec<i64>,
}

/// Credit that paid a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedCredit {
    /// Of which grant.
    pub grant_id: GrantId,
    /// How much.
    pub amount_minor: i64,
}

/// What a person wrote on an invoice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// A text to the payer.
    pub memo: Option<String>,
    /// The payer's own order number.
    pub purchase_order: Option<String>,
}

/// A coupon as an invoice uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCoupon {
    /// Which.
    pub id: CouponId,
    /// Its name, as printed.
    pub name: String,
    /// What it takes off.
    pub coupon: Coupon,
}

/// A tax rate as an invoice uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRate {
    /// Its name, as printed.
    pub name: String,
    /// The rate.
    pub rate: Percent,
    /// Whether prices have it inside.
    pub inclusive: bool,
}

/// What turns lines into a total.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adjusters {
    /// Coupons in the order in which they were given.
    pub coupons: Vec<NamedCoupon>,
    /// The tax rate of the tenant, if there is one.
    pub rate: Option<NamedRate>,
    /// What of it applies.
    pub treatment: TaxTreatment,
    /// Credit that may be used.
    pub grants: Vec<Grant<GrantId>>,
}

impl Statement {
    /// The statement with discounts, taxes, credits and total as its lines and `adjusters` have them at `now`.
    pub fn assemble(self, adjusters: &Adjusters, now: Timestamp) -> Result<Self, AmountOutOfRange> {
        let currency = self.total.currency;
        let discounts = self.discounts(&adjusters.coupons, currency)?;
        let discounted = self.less(&discounts)?;
        let taxes = taxes(&discounted, adjusters)?;
        let statement =
            Self { discounts, tax_treatment: adjusters.treatment, taxes, credits: Vec::new(), ..self }.with_total()?;
        let burned = credit::burn_down(statement.total, &adjusters.grants, now);
        let used = burned.used.into_iter();
        let credits = used.map(|(grant_id, part)| AppliedCredit { grant_id, amount_minor: part.amount_minor });
        Ok(Self { credits: credits.collect(), ..statement })
    }

    /// The statement with the total that its lines, discounts and taxes come to.
    pub(super) fn with_total(self) -> Result<Self, AmountOutOfRange> {
        let exclusive = self.taxes.iter().filter(|tax| !tax.inclusive).map(Tax::amount_minor);
        let total_minor = self.subtotal_minor() - self.discount_minor() + exclusive.sum::<i128>();
        let amount_minor = i64::try_from(total_minor).map_err(|_| AmountOutOfRange)?;
        Ok(Self { total: Money { amount_minor, ..self.total }, ..self })
    }

    /// All lines together.
    #[must_use]
    pub fn subtotal_minor(&self) -> i128 {
        self.lines.iter().map(|line| i128::from(line.amount.amount_minor)).sum()
    }

    /// All discounts together.
    #[must_use]
    pub fn discount_minor(&self) -> i128 {
        self.discounts.iter().map(Discount::amount_minor).sum()
    }

    /// All taxes together, also those that the lines have inside.
    #[must_use]
    pub fn tax_minor(&self) -> i128 {
        self.taxes.iter().map(Tax::amount_minor).sum()
    }

    /// What credits have paid.
    pub fn credited(&self) -> Result<Money, MoneyError> {
        let currency = self.total.currency;
        let parts = self.credits.iter();
        Money::sum(currency, parts.map(|credit| Money { amount_minor: credit.amount_minor, currency }))
    }

    /// What stays to be paid by money; negative if more is given back.
    pub fn due(&self) -> Result<Money, MoneyError> {
        let credited = self.credited()?;
        self.total.checked_add(Money { amount_minor: -credited.amount_minor, ..credited })
    }

    fn discounts(&self, coupons: &[NamedCoupon], currency: Currency) -> Result<Vec<Discount>, AmountOutOfRange> {
        let line = |line: &Line| DiscountableLine {
            price: line.source.as_ref().and_then(|source| source.price.clone()),
            plan: line.source.as_ref().map(|source| source.plan.plan_id),
            amount_minor: line.amount.amount_minor,
        };
        let lines: Vec<DiscountableLine> = self.lines.iter().map(line).collect();
        let plain: Vec<Coupon> = coupons.iter().map(|named| named.coupon.clone()).collect();
        let taken = coupon::apply(&plain, &lines, currency)?;
        let discounts = coupons.iter().zip(taken.by_coupon).map(|(named, off_lines_minor)| Discount {
            coupon_id: named.id,
            name: named.name.clone(),
            off_lines_minor,
        });
        Ok(discounts.filter(|discount| discount.amount_minor() != 0).collect())
    }

    /// What is left of each line after `discounts`.
    fn less(&self, discounts: &[Discount]) -> Result<Vec<i64>, AmountOutOfRange> {
        let mut left: Vec<i64> = self.lines.iter().map(|line| line.amount.amount_minor).collect();
        for discount in discounts {
            for (left, off) in left.iter_mut().zip(&discount.off_lines_minor) {
                *left = left.checked_sub(*off).ok_or(AmountOutOfRange)?;
            }
        }
        Ok(left)
    }
}

/// The taxes on what is left of each line.
fn taxes(discounted: &[i64], adjusters: &Adjusters) -> Result<Vec<Tax>, AmountOutOfRange> {
    let (Some(named), TaxTreatment::Taxed) = (&adjusters.rate, adjusters.treatment) else { return Ok(Vec::new()) };
    let behaviour = if named.inclusive { TaxBehaviour::Inclusive } else { TaxBehaviour::Exclusive };
    let line = |amount_minor: &i64| TaxableLine { amount_minor: *amount_minor, rate: Some(named.rate), behaviour };
    let lines: Vec<TaxableLine> = discounted.iter().map(line).collect();
    let applied = tax::apply(&lines)?;
    let rows = applied.rates.iter().map(|row| Tax {
        name: named.name.clone(),
        rate: row.rate,
        inclusive: named.inclusive,
        net_minor: row.net_minor,
        of_lines_minor: applied.lines.iter().map(|line| line.tax_minor).collect(),
    });
    Ok(rows.collect())
}

impl Discount {
    /// What it took off all lines.
    #[must_use]
    pub fn amount_minor(&self) -> i128 {
        self.off_lines_minor.iter().map(|off| i128::from(*off)).sum()
    }
}

impl Tax {
    /// What it is for all lines.
    #[must_use]
    pub fn amount_minor(&self) -> i128 {
        self.of_lines_minor.iter().map(|part| i128::from(*part)).sum()
    }
}
