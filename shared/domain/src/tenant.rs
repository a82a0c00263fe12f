//! A tenant: the platform's customer, the billed party.

use crate::{id::TenantId, text::Slug};
use jiff::{Timestamp, tz::TimeZone};

/// Most lines of a postal address.
pub const ADDRESS_LINES_MAX: usize = 6;

/// A customer of the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Who it is.
    pub id: TenantId,
    /// Short unique name, usable wherever the id is; upper-cased it starts the tenant's invoice numbers.
    pub slug: Slug,
    /// Legal or trading name, in any script, as printed on invoices.
    pub name: String,
    /// Where invoices go.
    pub email: Option<String>,
    /// Postal address as printed, country last.
    pub address: Vec<String>,
    /// VAT, GST or similar number as printed.
    pub tax_id: Option<String>,
    /// Where its civil days begin; fixed at creation, since hours already counted keep their bounds.
    pub time_zone: TimeZone,
    /// When it was created.
    pub created_at: Timestamp,
}
