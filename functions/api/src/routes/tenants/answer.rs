//! A tenant as it is answered, and the settings that are sent as they are answered.

use super::status::TenantStatus;
use domain::{Timestamp, id::TenantId, invoice, usage::Layout};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A customer of the platform.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tenant {
    /// Who it is.
    #[schema(value_type = String, example = "ten_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: TenantId,
    /// Short unique name, usable wherever the id is.
    #[schema(example = "acme")]
    slug: String,
    /// Whether it is a customer.
    status: TenantStatus,
    /// Since when it is none any more.
    canceled_at: Option<Timestamp>,
    /// Name as printed on invoices.
    #[schema(example = "Acme GmbH")]
    name: String,
    /// Where invoices go.
    #[schema(example = "billing@acme.example")]
    email: Option<String>,
    /// Postal address as printed, country last.
    address: Vec<String>,
    /// VAT, GST or similar number as printed.
    #[schema(example = "DE123456789")]
    tax_id: Option<String>,
    /// ISO 3166-1 code of where it is taxed.
    #[schema(example = "US")]
    country: Option<String>,
    /// The part of ISO 3166-2 behind the hyphen.
    #[schema(example = "CA")]
    region: Option<String>,
    /// Whether it pays tax.
    tax_treatment: TaxTreatment,
    /// The language of its invoices.
    #[schema(example = "de")]
    locale: &'static str,
    /// The balance of its credits, in minor units of any currency, below which `credit.balance_low.v1` is sent.
    low_balance_threshold_minor: Option<i64>,
    /// IANA name of the zone in which its days and months begin.
    #[schema(example = "Europe/Berlin")]
    pub(super) time_zone: String,
    /// How its invoices are numbered.
    invoice_number: NumberFormat,
    /// How many days it has to pay; `null` for what the operator chose.
    #[schema(example = 30)]
    payment_term_days: Option<u16>,
    /// How its usage log is laid out: first as it is now, then as it will be.
    usage_log: Vec<UsageLayout>,
    /// When it was created.
    created_at: Timestamp,
}

/// Whether a tenant pays tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TaxTreatment {
    /// As the rates of its place say.
    Taxed,
    /// None.
    Exempt,
    /// It owes the tax itself, under its own tax number, and its invoices say so.
    ReverseCharge,
}

impl From<invoice::TaxTreatment> for TaxTreatment {
    fn from(treatment: invoice::TaxTreatment) -> Self {
        match treatment {
            invoice::TaxTreatment::Taxed => Self::Taxed,
            invoice::TaxTreatment::Exempt => Self::Exempt,
            invoice::TaxTreatment::ReverseCharge => Self::ReverseCharge,
        }
    }
}

impl From<TaxTreatment> for invoice::TaxTreatment {
    fn from(treatment: TaxTreatment) -> Self {
        match treatment {
            TaxTreatment::Taxed => Self::Taxed,
            TaxTreatment::Exempt => Self::Exempt,
            TaxTreatment::ReverseCharge => Self::ReverseCharge,
        }
    }
}

/// How invoices are numbered, from the next one on; the sequence goes on, so that no number comes twice.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = InvoiceNumberFormat)]
pub(crate) struct NumberFormat {
    /// Text with `{prefix}`, `{year}`, `{month}`, and at its end `{seq}`, or `{seq:6}` to fill it up to six digits.
    #[schema(example = "{prefix}-{year}-{seq:6}")]
    pub(super) template: String,
    /// What stands for `{prefix}`: the slug in capitals, unless it is sent.
    #[schema(example = "ACME")]
    pub(super) prefix: Option<String>,
}

impl From<&invoice::NumberFormat> for NumberFormat {
    fn from(format: &invoice::NumberFormat) -> Self {
        Self { template: format.template().to_owned(), prefix: format.prefix().map(str::to_owned) }
    }
}

/// How a usage log is laid out from an instant on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageLayout {
    /// The first hour for which it holds, and, for events without a time of their own, the first month that starts then or
    /// later; `null` if it always did.
    from: Option<Timestamp>,
    /// How many lanes the events of a bucket are spread over, each of which commits one batch after the other.
    #[schema(example = 1)]
    shards: u16,
    /// How many minutes wide the stretch is within which an event's id is unique.
    #[schema(example = 60)]
    bucket_minutes: u8,
}

impl Tenant {
    pub(super) fn at(now: Timestamp, tenant: domain::tenant::Tenant) -> Self {
        let layout = |(from, Layout { shards, bucket_minutes })| UsageLayout { from, shards, bucket_minutes };
        Self {
            status: TenantStatus::of(&tenant),
            canceled_at: tenant.canceled_at,
            usage_log: tenant.usage_log.current_and_coming(now).into_iter().map(layout).collect(),
            id: tenant.id,
            slug: tenant.slug.to_string(),
            name: tenant.name,
            email: tenant.email,
            address: tenant.address,
            tax_id: tenant.tax_id,
            country: tenant.tax.place.country,
            region: tenant.tax.place.region,
            tax_treatment: tenant.tax.treatment.into(),
            locale: tenant.locale.tag(),
            low_balance_threshold_minor: tenant.low_balance_minor,
            invoice_number: NumberFormat::from(&tenant.invoice_number),
            payment_term_days: tenant.payment_term_days,
            time_zone: tenant.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            created_at: tenant.created_at,
        }
    }
}
