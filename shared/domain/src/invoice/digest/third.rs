//! What only version 3 of the digest says: what lines come from and are for, and how they become a total.

use super::{LineDetail, say_detail_2, say_part};
use crate::{
    invoice::{Line, Statement, TaxTreatment},
    text::Hex,
};
use std::fmt::Display;

/// Whether an earlier version leaves out something of `statement`.
pub(super) fn is_needed(statement: &Statement) -> bool {
    let plain = statement.discounts.is_empty()
        && statement.taxes.is_empty()
        && statement.credits.is_empty()
        && statement.tax_treatment == TaxTreatment::Taxed
        && statement.notes.memo.is_none()
        && statement.notes.purchase_order.is_none();
    !plain || statement.subscription.is_none() || statement.lines.iter().any(says_more)
}

fn says_more(line: &Line) -> bool {
    line.days.is_some()
        || match &line.detail {
            LineDetail::Fee { .. } | LineDetail::TrueUp { .. } => false,
            LineDetail::Usage { evidence, .. } => evidence.is_some(),
            LineDetail::Seats { .. } | LineDetail::Adjustment { .. } | LineDetail::OneOff { .. } => true,
        }
}

/// Where a line comes from and how its amount came about.
pub(super) fn say_line(line: &Line, say: &mut impl FnMut(&str, &dyn Display)) {
    if let Some(source) = &line.source {
        say("linePlan", &source.plan.plan_id);
        say("linePlanVersion", &source.plan.version);
        if let Some(price) = &source.price {
            say("linePrice", price);
        }
    }
    if let Some((first, last)) = line.days {
        say("firstDay", &first);
        say("lastDay", &last);
    }
    say_detail(&line.detail, say);
}

fn say_detail(detail: &LineDetail, say: &mut impl FnMut(&str, &dyn Display)) {
    match detail {
        LineDetail::Fee { .. } | LineDetail::TrueUp { .. } => say_detail_2(detail, say),
        LineDetail::Usage { evidence, .. } => {
            say_detail_2(detail, say);
            if let Some(evidence) = evidence {
                say("logDigest", &Hex(&evidence.digest));
                say("logEvents", &evidence.events);
            }
        }
        LineDetail::Seats { quantity, sub_lines } => {
            say("seats", &quantity.normalize());
            for part in sub_lines {
                say_part(part, say);
            }
        }
        LineDetail::Adjustment { of, line, quantity_before, quantity_after } => {
            say("adjusts", of);
            say("adjustsLine", line);
            say("quantityBefore", &quantity_before.normalize());
            say("quantityAfter", &quantity_after.normalize());
        }
        LineDetail::OneOff { quantity, unit_price } => {
            say("quantity", &quantity.normalize());
            say("unitPrice", &unit_price.normalize());
        }
    }
}

/// What stands between the lines and the total.
pub(super) fn say_adjustments(statement: &Statement, say: &mut impl FnMut(&str, &dyn Display)) {
    for discount in &statement.discounts {
        say("coupon", &discount.coupon_id);
        say("couponName", &super::quoted(&discount.name));
        for off in &discount.off_lines_minor {
            say("off", off);
        }
    }
    let treatment = match statement.tax_treatment {
        TaxTreatment::Taxed => "taxed",
        TaxTreatment::Exempt => "exempt",
        TaxTreatment::ReverseCharge => "reverseCharge",
    };
    say("taxTreatment", &treatment);
    for tax in &statement.taxes {
        say("taxName", &super::quoted(&tax.name));
        say("taxRate", &tax.rate.value().normalize());
        say("taxInclusive", &tax.inclusive);
        say("taxNet", &tax.net_minor);
        for part in &tax.of_lines_minor {
            say("tax", part);
        }
    }
    for credit in &statement.credits {
        say("grant", &credit.grant_id);
        say("credit", &credit.amount_minor);
    }
    if let Some(memo) = &statement.notes.memo {
        say("memo", &super::quoted(memo));
    }
    if let Some(order) = &statement.notes.purchase_order {
        say("purchaseOrder", &super::quoted(order));
    }
}

#[cfg(test)]
mod tests;
