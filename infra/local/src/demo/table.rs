//! The table that the demo prints, and what it must say.

use super::{expect::Figures, log::TENANTS};
use serde::Serialize;

/// One tenant's row, as Meterline answered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The tenant's slug.
    pub tenant: String,
    /// Requests.
    pub requests: u64,
    /// Bytes of all answers.
    pub bytes: u64,
    /// Distinct addresses of clients.
    pub distinct_addresses: u64,
    /// Total of the invoice, in minor units.
    pub amount_minor: i64,
    /// Its currency.
    pub currency: String,
    /// Its number.
    pub invoice_number: String,
    /// `verified`, or what is wrong with the webhook call that announced it.
    pub webhook: String,
}

/// What differs between the rows and what the log holds; empty if nothing does.
pub(super) fn differences(rows: &[Row], expected: &[Figures]) -> Vec<String> {
    let mut differences = Vec::new();
    for (tenant, figures) in TENANTS.iter().zip(expected) {
        let Some(row) = rows.iter().find(|row| row.tenant == *tenant) else {
            differences.push(format!("{tenant}: no row"));
            continue;
        };
        let got = Figures {
            requests: row.requests,
            bytes: row.bytes,
            distinct_addresses: row.distinct_addresses,
            amount_minor: row.amount_minor,
        };
        if got != *figures {
            differences.push(format!("{tenant}: expected {figures:?}, got {got:?}"));
        }
        if row.webhook != "verified" {
            differences.push(format!("{tenant}: the webhook is {}", row.webhook));
        }
    }
    differences
}

/// The rows for people.
pub(super) fn render(rows: &[Row]) -> String {
    let headings = ["tenant", "requests", "bytes", "addresses", "amount", "invoice", "webhook"];
    let mut cells: Vec<[String; 7]> = vec![headings.map(str::to_owned)];
    for row in rows {
        cells.push([
            row.tenant.clone(),
            grouped(row.requests),
            grouped(row.bytes),
            grouped(row.distinct_addresses),
            // The demo's plan is in dollars: two decimals.
            format!("{}.{:02} {}", row.amount_minor / 100, row.amount_minor % 100, row.currency),
            row.invoice_number.clone(),
            row.webhook.clone(),
        ]);
    }
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let right = [false, true, true, true, true, false, false];
    let line = |row: &[String; 7]| {
        let cell = |(column, text): (usize, &String)| {
            let width = widths[column];
            if right[column] { format!("{text:>width$}") } else { format!("{text:<width$}") }
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("──");
    let mut lines: Vec<String> = cells.iter().map(line).collect();
    lines.insert(1, rule);
    lines.join("\n")
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tenant: &str) -> Row {
        Row {
            tenant: tenant.to_owned(),
            requests: 1_309,
            bytes: 0,
            distinct_addresses: 0,
            amount_minor: 1_905,
            currency: "USD".to_owned(),
            invoice_number: "BLOG-0001".to_owned(),
            webhook: "verified".to_owned(),
        }
    }

    #[test]
    fn a_difference_is_named() {
        let right = Figures { requests: 1_309, amount_minor: 1_905, ..Figures::default() };
        let expected = vec![right.clone(); TENANTS.len()];
        let rows: Vec<Row> = TENANTS.iter().map(|tenant| row(tenant)).collect();
        assert_eq!(differences(&rows, &expected), Vec::<String>::new());

        let mut wrong = rows.clone();
        wrong[1].requests = 1_308;
        wrong[2].webhook = "missing".to_owned();
        wrong.remove(6);
        let found = differences(&wrong, &expected);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("blog: expected") && found[2] == "site: no row");
    }

    #[test]
    fn the_table_lines_up() {
        let text = render(&[row("blog")]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2], "blog       1,309      0          0  19.05 USD  BLOG-0001  verified");
    }
}
