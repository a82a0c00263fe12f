//! A tenant: the platform's customer, the billed party.

use crate::{
    Violation,
    grant::CREDIT_MINOR_MAX,
    id::TenantId,
    invoice::{NumberFormat, TaxTreatment},
    locale::Locale,
    place::Place,
    subscription::RefusedUsage,
    text::{self, Slug},
    usage::Layouts,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Most lines of a postal address.
pub const ADDRESS_LINES_MAX: usize = 6;
/// Longest e-mail address, in bytes (RFC 5321 allows no longer path).
pub const EMAIL_LENGTH_MAX: usize = 254;
/// Longest time to pay, in days.
pub const PAYMENT_TERM_DAYS_MAX: u16 = 365;

/// A customer of the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Who it is.
    pub id: TenantId,
    /// Short unique name, usable wherever the id is; upper-cased it starts the tenant's invoice numbers, unless it chose
    /// another prefix.
    pub slug: Slug,
    /// Legal or trading name, in any script, as printed on invoices.
    pub name: String,
    /// Where invoices go.
    pub email: Option<String>,
    /// Postal address as printed, country last.
    pub address: Vec<String>,
    /// VAT, GST or similar number as printed.
    pub tax_id: Option<String>,
    /// Where and how it is taxed.
    pub tax: TaxProfile,
    /// The language of its invoices.
    pub locale: Locale,
    /// The balance of its credits, in minor units of any currency, below which it is told; `None` for never.
    pub low_balance_minor: Option<i64>,
    /// Where its civil days begin; fixed at creation, since hours already counted keep their bounds.
    pub time_zone: TimeZone,
    /// How its invoices are numbered.
    pub invoice_number: NumberFormat,
    /// How many days it has to pay; what the operator chose, unless it has its own.
    pub payment_term_days: Option<u16>,
    /// How its usage log is laid out, which changes only for hours to come.
    pub usage_log: Layouts,
    /// When its usage is refused, as its subscriptions say; `None` if none of them ever refuses any.
    pub refused_usage: Option<RefusedUsage>,
    /// Since when it is no customer any more: nothing new is charged to it, and usage from then on is not taken.
    pub canceled_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Where and how a tenant is taxed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaxProfile {
    /// Where it is.
    pub place: Place,
    /// Whether it pays tax.
    pub treatment: TaxTreatment,
}

impl Tenant {
    /// Its time to pay; `operators`, unless it has its own.
    #[must_use]
    pub fn payment_term(&self, operators: SignedDuration) -> SignedDuration {
        self.payment_term_days.map_or(operators, |days| SignedDuration::from_hours(24 * i64::from(days)))
    }

    /// Checks what is printed: the name, the e-mail address, each line of the address, the time to pay, and the tax number;
    /// then where and how it is taxed, and when it is told of a low balance.
    pub fn check(&self) -> Result<(), Violation> {
        text::check_name(&self.name).map_err(|violation| violation.under("/name"))?;
        if self.email.as_deref().is_some_and(|email| !is_email(email)) {
            return Err(Violation::new("/email", "invalid_email", "send an address of the form name@example.com"));
        }
        if self.address.len() > ADDRESS_LINES_MAX {
            let message = format!("send at most {ADDRESS_LINES_MAX} lines");
            return Err(Violation::new("/address", "too_many_lines", message));
        }
        for (index, line) in self.address.iter().enumerate() {
            text::check_name(line).map_err(|violation| violation.under(&format!("/address/{index}")))?;
        }
        if self.payment_term_days.is_some_and(|days| days > PAYMENT_TERM_DAYS_MAX) {
            let message = format!("send 0 to {PAYMENT_TERM_DAYS_MAX} days");
            return Err(Violation::new("/paymentTermDays", "term_out_of_range", message));
        }
        self.tax_id.as_deref().map_or(Ok(()), text::check_name).map_err(|violation| violation.under("/taxId"))?;
        self.check_tax()?;
        if self.low_balance_minor.is_some_and(|minor| !(0..=CREDIT_MINOR_MAX).contains(&minor)) {
            let message = format!("send 0 to {CREDIT_MINOR_MAX}");
            return Err(Violation::new("/lowBalanceThresholdMinor", "amount_out_of_range", message));
        }
        Ok(())
    }

    /// A tax that the payer owes itself must be printed with the number under which it does.
    fn check_tax(&self) -> Result<(), Violation> {
        self.tax.place.check()?;
        match self.tax.treatment {
            TaxTreatment::ReverseCharge if self.tax_id.is_none() => {
                let message = "a reverse charge names the payer's tax number; send taxId";
                Err(Violation::new("/taxTreatment", "tax_id_required", message))
            }
            TaxTreatment::ReverseCharge | TaxTreatment::Taxed | TaxTreatment::Exempt => Ok(()),
        }
    }
}

/// Whether mail can be addressed to it; whether it arrives, only sending tells.
fn is_email(text: &str) -> bool {
    let plain = text.len() <= EMAIL_LENGTH_MAX && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let parts = text.rsplit_once('@');
    plain && parts.is_some_and(|(name, host)| !name.is_empty() && !name.contains('@') && host.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn tenant() -> Tenant {
        Tenant {
            id: TenantId::derived(&["acme"]),
            slug: Slug::parse("acme").unwrap(),
            name: "Acme".to_owned(),
            email: Some("billing@acme.example".to_owned()),
            address: vec!["Road 1".to_owned()],
            tax_id: Some("DE123456789".to_owned()),
            tax: TaxProfile::default(),
            locale: Locale::En,
            low_balance_minor: None,
            time_zone: TimeZone::UTC,
            invoice_number: NumberFormat::default(),
            payment_term_days: None,
            usage_log: Layouts::default(),
            refused_usage: None,
            canceled_at: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[rstest]
    #[case::good(tenant(), None)]
    #[case::bare(Tenant { email: None, address: Vec::new(), tax_id: None, ..tenant() }, None)]
    #[case::no_name(Tenant { name: String::new(), ..tenant() }, Some("/name"))]
    #[case::blank_line(Tenant { address: vec!["Road 1".to_owned(), " ".to_owned()], ..tenant() }, Some("/address/1"))]
    #[case::seven_lines(Tenant { address: vec!["Road".to_owned(); 7], ..tenant() }, Some("/address"))]
    #[case::longest_term(Tenant { payment_term_days: Some(365), ..tenant() }, None)]
    #[case::term(Tenant { payment_term_days: Some(366), ..tenant() }, Some("/paymentTermDays"))]
    #[case::tax_id(Tenant { tax_id: Some("\n".to_owned()), ..tenant() }, Some("/taxId"))]
    fn a_profile_is_refused_by_the_field(#[case] tenant: Tenant, #[case] pointer: Option<&str>) {
        assert_eq!(tenant.check().err().map(|violation| violation.pointer).as_deref(), pointer);
    }

    fn taxed(country: &str, region: &str, treatment: TaxTreatment) -> Tenant {
        let part = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let tax = TaxProfile { place: Place { country: part(country), region: part(region) }, treatment };
        Tenant { tax, ..tenant() }
    }

    #[rstest]
    #[case::country(taxed("DE", "", TaxTreatment::Taxed), None)]
    #[case::region(taxed("US", "CA", TaxTreatment::Exempt), None)]
    #[case::reverse_charge(taxed("DE", "", TaxTreatment::ReverseCharge), None)]
    #[case::no_number(
        Tenant { tax_id: None, ..taxed("DE", "", TaxTreatment::ReverseCharge) }, Some("tax_id_required")
    )]
    #[case::no_number_needed(Tenant { tax_id: None, ..taxed("DE", "", TaxTreatment::Exempt) }, None)]
    #[case::nowhere(taxed("", "CA", TaxTreatment::Taxed), Some("country_required"))]
    #[case::threshold(Tenant { low_balance_minor: Some(0), ..tenant() }, None)]
    #[case::below_zero(Tenant { low_balance_minor: Some(-1), ..tenant() }, Some("amount_out_of_range"))]
    fn a_tax_profile_is_refused_by_its_rule(#[case] tenant: Tenant, #[case] code: Option<&str>) {
        assert_eq!(tenant.check().err().map(|violation| violation.code), code);
    }

    #[rstest]
    #[case::the_operators(None, 14)]
    #[case::its_own(Some(30), 30)]
    #[case::at_once(Some(0), 0)]
    fn a_tenant_may_have_its_own_time_to_pay(#[case] own: Option<u16>, #[case] days: i64) {
        let term = Tenant { payment_term_days: own, ..tenant() }.payment_term(SignedDuration::from_hours(14 * 24));
        assert_eq!(term, SignedDuration::from_hours(days * 24));
    }

    #[rstest]
    #[case("a@b.example", true)]
    #[case("a+b@sub.b.example", true)]
    #[case("a@b", false)]
    #[case("@b.example", false)]
    #[case("a@", false)]
    #[case("a b@c.example", false)]
    #[case("a@b@c.example", false)]
    #[case("", false)]
    fn an_address_has_a_name_and_a_host(#[case] email: &str, #[case] good: bool) {
        let outcome = Tenant { email: Some(email.to_owned()), ..tenant() }.check();
        assert_eq!(outcome.is_ok(), good, "{email}");
    }
}
