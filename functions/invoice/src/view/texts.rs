//! Every text of an invoice or credit note that is not data, once for each language.
//!
//! Invariants: a language without a text does not compile; a text that takes figures is a function, so that none can be
//! left out; figures and dates arrive written.

pub(super) mod de;
pub(super) mod en;
pub(super) mod fr;
pub(super) mod ja;
#[cfg(test)]
mod tests;
pub(super) mod zh;

/// A text around one figure or name.
pub(super) type Around = fn(&str) -> String;
/// A text around two.
pub(super) type AroundTwo = fn(&str, &str) -> String;
/// A text around three.
pub(super) type AroundThree = fn(&str, &str, &str) -> String;

/// What stands around the table, and in its head.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) title: &'static str,
    pub(super) paid: &'static str,
    pub(super) from: &'static str,
    pub(super) bill_to: &'static str,
    /// Around the number.
    pub(super) tax_id: Around,
    pub(super) invoice_number: &'static str,
    pub(super) date_of_issue: &'static str,
    pub(super) date_due: &'static str,
    pub(super) billing_period: &'static str,
    pub(super) purchase_order: &'static str,
    /// Around the date; behind the large amount.
    pub(super) due: Around,
    /// Behind the large amount, where it is zero.
    pub(super) nothing_to_pay: &'static str,
    /// Behind the large amount, where it is given back.
    pub(super) credited: &'static str,
    pub(super) description: &'static str,
    pub(super) quantity: &'static str,
    pub(super) unit_price: &'static str,
    pub(super) amount: &'static str,
    pub(super) subtotal: &'static str,
    /// Around the tax's name, its percent, and what it is charged on.
    pub(super) tax: AroundThree,
    /// Around the tax's name and its percent.
    pub(super) tax_included: AroundTwo,
    pub(super) total: &'static str,
    pub(super) credits_applied: &'static str,
    pub(super) amount_due: &'static str,
    /// Instead of the amount due, where it is given back.
    pub(super) amount_credited: &'static str,
    pub(super) exempt: &'static str,
    pub(super) reverse_charge: &'static str,
    pub(super) nothing_is_due: &'static str,
    pub(super) in_your_favour: &'static str,
    /// Around the date and the invoice's number.
    pub(super) pay_by: AroundTwo,
    /// Around the seller's e-mail address.
    pub(super) questions: Around,
    /// With the places `{page}` and `{pages}`.
    pub(super) page: &'static str,
    pub(super) line: LineTexts,
    pub(super) credit_note: CreditNoteTexts,
}

/// What a credit note says otherwise than an invoice.
#[derive(Debug)]
pub(super) struct CreditNoteTexts {
    pub(super) title: &'static str,
    pub(super) number: &'static str,
    pub(super) date: &'static str,
    /// Of which invoice.
    pub(super) invoice: &'static str,
    pub(super) invoice_date: &'static str,
    /// Behind the large amount.
    pub(super) credited: &'static str,
    pub(super) total: &'static str,
    /// Around the number of the invoice whose unpaid part it went to.
    pub(super) applied: Around,
    pub(super) refunded: &'static str,
    /// What stays as credit.
    pub(super) kept: &'static str,
    /// Around what the seller gave as the reason.
    pub(super) reason: Around,
    /// Around the seller's e-mail address.
    pub(super) questions: Around,
}

/// What explains a line.
#[derive(Debug)]
pub(super) struct LineTexts {
    pub(super) base_fee: &'static str,
    pub(super) fee: &'static str,
    /// Instead of a fee that is given back.
    pub(super) credit: &'static str,
    pub(super) seats: &'static str,
    /// Around the fee, and how many of how many days it is for.
    pub(super) some_days: AroundThree,
    pub(super) missing_to_minimum: Around,
    pub(super) missing_to_commitment: Around,
    /// Around the quantity.
    pub(super) billed_so_far: Around,
    /// Around the number of the invoice that is adjusted.
    pub(super) adjusts: Around,
    pub(super) all_units: &'static str,
    pub(super) first_units: Around,
    pub(super) units_between: AroundTwo,
    pub(super) units_over: Around,
    pub(super) packages: Around,
    pub(super) all_other_units: &'static str,
    pub(super) value: &'static str,
    pub(super) events: &'static str,
    pub(super) events_at_minimum: &'static str,
    pub(super) events_at_maximum: &'static str,
    pub(super) amounts: &'static str,
    /// Around the tier and its flat fee.
    pub(super) plus_flat: AroundTwo,
    /// Around the units and how much one of them is.
    pub(super) rounded_up: AroundTwo,
    pub(super) rounded_down: AroundTwo,
    pub(super) rounded_nearest: AroundTwo,
    pub(super) included: Around,
    /// Around the percent.
    pub(super) discount: Around,
    pub(super) at_most: Around,
    /// Around the commitment and the factor beyond it.
    pub(super) beyond_commitment: AroundTwo,
}
