//! The identity of an issued invoice: one SHA-256 over everything that it charges.
//!
//! A PDF is not byte-identical each time it is printed; this digest, kept beside it, tells whether two say the same.
//! Invariant: the text under the digest is frozen; a new field of an invoice joins it as a new version.

use super::{Line, LineDetail, Open};
use std::fmt::Write;

/// Hex SHA-256 of the invoice as issued; its later states do not change it.
#[must_use]
pub fn digest(open: &Open) -> String {
    let mut text = String::from("meterline-invoice-v1\n");
    let statement = &open.statement;
    let mut say = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}={value}");
    };
    say("id", &statement.id);
    say("tenant", &statement.tenant_id);
    say("subscription", &statement.subscription_id);
    say("plan", &statement.plan.plan_id);
    say("planVersion", &statement.plan.version);
    say("start", &statement.period.start());
    say("end", &statement.period.end());
    say("number", &open.number);
    say("finalizedAt", &open.finalized_at);
    say("dueAt", &open.due_at);
    for line in &statement.lines {
        say_line(line, &mut say);
    }
    say("total", &statement.total);
    crate::text::Hex(&crate::id::digest(&[&text])).to_string()
}

fn say_line(line: &Line, say: &mut impl FnMut(&str, &dyn std::fmt::Display)) {
    say("line", &line.key);
    // JSON quoting keeps a line break in a description from looking like a field.
    say("description", &serde_json::Value::from(line.description.as_str()));
    say("exact", &line.exact.normalize());
    say("amount", &line.amount);
    match &line.detail {
        LineDetail::BaseFee { active_days, full_days } => {
            say("activeDays", active_days);
            say("fullDays", full_days);
        }
        LineDetail::Usage { meter, quantity, included, tiers } => {
            say("meter", meter);
            say("quantity", &quantity.normalize());
            say("included", &included.normalize());
            for tier in tiers {
                say("tierQuantity", &tier.quantity.normalize());
                say("tierAmount", &tier.amount.normalize());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Invoice, tests};
    use super::*;
    use jiff::SignedDuration;

    fn open(amounts: &[i64]) -> Open {
        let now = "2026-06-01T01:00:00Z".parse().unwrap();
        match tests::draft(amounts).finalize(tests::number(), now, SignedDuration::ZERO) {
            Invoice::Open(open) => open,
            other => panic!("not open: {}", other.status()),
        }
    }

    #[test]
    fn the_digest_says_what_is_charged() {
        assert_eq!(digest(&open(&[100, 2])), digest(&open(&[100, 2])));
        assert_ne!(digest(&open(&[100, 2])), digest(&open(&[2, 100])));
        let mut other = open(&[100, 2]);
        other.statement.lines[0].description = "Base fee\namount=0".to_owned();
        assert_ne!(digest(&other), digest(&open(&[100, 2])));
    }

    #[test]
    fn the_digest_is_frozen() {
        // Computed once; it may never change for invoices that were issued.
        assert_eq!(digest(&open(&[1050])), "7593f23f7c879faa2d5e7685848a0e5cdeaa847b09f042b60b2a0470c1c03d0b");
    }
}
