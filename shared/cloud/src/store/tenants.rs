//! The table `tenants`: profiles, slugs, and the list of all.
//!
//! A profile is replaced only as it was read: a late write must not bring back a layout of the usage log that was changed
//! meanwhile, as events would be looked for in other lanes than they lie in; nor when usage is refused, which
//! changes with the tenant's subscriptions.

use super::{
    TenantStore,
    dynamo::{self, Transacted},
    item::{self, Item, Stored},
    key::Key,
    refused_usage::{self, RefusedSpanV1},
};
use crate::{Fault, World};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    TimeZone, Timestamp,
    id::TenantId,
    invoice::{NumberFormat, TaxTreatment},
    locale::Locale,
    place::Place,
    tenant::{TaxProfile, Tenant},
    text::Slug,
    usage::{Layout, Layouts},
};
use serde::{Deserialize, Serialize};

/// What became of a creation whose id the caller chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateOutcome {
    /// It was created.
    Created,
    /// It had been created before, under the same id: this is a repeat.
    Repeated,
    /// Something else has that name.
    NameTaken,
}

#[derive(Serialize, Deserialize)]
struct TenantV1 {
    id: TenantId,
    slug: String,
    name: String,
    email: Option<String>,
    address: Vec<String>,
    tax_id: Option<String>,
    time_zone: String,
    created_at: Timestamp,
    /// Absent as long as nothing has changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    usage_log: Vec<LayoutV1>,
    /// Where and how it is taxed; absent where there is nothing to say, as before there were taxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tax_treatment: Option<UntaxedV1>,
    /// The language of its invoices; absent for English, as before there were others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<LocaleV1>,
    /// Absent for whoever is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    low_balance_minor: Option<i64>,
    /// Absent as long as nothing was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invoice_number: Option<NumberV1>,
    /// Absent as long as nothing was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_term_days: Option<u16>,
    /// Absent as long as no subscription ever refuses usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused_usage: Option<Vec<RefusedSpanV1>>,
    /// Absent of whoever is a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    canceled_at: Option<Timestamp>,
    /// Grows with every replacement and with every change of a subscription's terms; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

/// How invoices are numbered.
#[derive(Serialize, Deserialize)]
struct NumberV1 {
    template: String,
    prefix: Option<String>,
}

/// How the usage log is laid out from an instant on.
#[derive(Serialize, Deserialize)]
struct LayoutV1 {
    from: Timestamp,
    shards: u16,
    bucket_minutes: u8,
}

/// Why a tenant pays no tax.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum UntaxedV1 {
    Exempt,
    ReverseCharge,
}

/// A language other than English.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum LocaleV1 {
    De,
    Fr,
    Ja,
    Zh,
}

impl Stored for TenantV1 {
    const VERSION: u32 = 1;
}

impl World {
    /// Creates `tenant` unless its id or slug is taken.
    pub async fn create_tenant(&self, tenant: &Tenant) -> Result<CreateOutcome, Fault> {
        let table = &self.settings().tenants_table;
        let pointer = |key: &Key<'_>| -> Item {
            let mut item = key.attributes();
            item.insert("tenantId".to_owned(), AttributeValue::S(tenant.id.to_string()));
            item
        };
        let actions = vec![
            dynamo::put(table, item::write(&Key::Tenant(tenant.id), &shape(tenant, None))?, true)?,
            dynamo::put(table, pointer(&Key::TenantSlug(&tenant.slug)), true)?,
            dynamo::put(table, pointer(&Key::TenantListed(tenant.id)), false)?,
        ];
        match self.transact(actions).await? {
            Transacted::Committed => Ok(CreateOutcome::Created),
            Transacted::Refused(refused) if refused.contains(&0) => Ok(CreateOutcome::Repeated),
            Transacted::Refused(_) => Ok(CreateOutcome::NameTaken),
        }
    }
}

impl TenantStore<'_> {
    /// The tenant's profile.
    pub async fn tenant(&self) -> Result<Option<Tenant>, Fault> {
        Ok(self.stored_tenant().await?.map(|(_, tenant)| tenant))
    }

    /// The tenant's profile with the revision of its item, which is 0 until it is replaced.
    pub async fn stored_tenant(&self) -> Result<Option<(u64, Tenant)>, Fault> {
        let table = &self.world.settings().tenants_table;
        let item = self.world.get_item(table, &Key::Tenant(self.tenant_id)).await?;
        item.map(read_revised).transpose()
    }

    /// Replaces the profile if it still is of `revision`; answers whether it was. Slug, time zone and creation stay what
    /// they were, by the caller's care.
    pub async fn replace_tenant(&self, revision: u64, tenant: &Tenant) -> Result<bool, Fault> {
        let table = &self.world.settings().tenants_table;
        let item = item::write(&Key::Tenant(self.tenant_id), &shape(tenant, Some(revision + 1)))?;
        let request = self.world.dynamo().put_item().table_name(table).set_item(Some(item));
        let request = match revision {
            0 => request.condition_expression("attribute_exists(pk) AND attribute_not_exists(revision)"),
            _ => request
                .condition_expression("revision = :revision")
                .expression_attribute_values(":revision", AttributeValue::N(revision.to_string())),
        };
        dynamo::put_on_condition(request).await
    }
}

pub(super) fn read(item: Item) -> Result<Tenant, Fault> {
    Ok(read_revised(item)?.1)
}

fn read_revised(item: Item) -> Result<(u64, Tenant), Fault> {
    let stored: TenantV1 = item::read(item)?;
    let tenant = Tenant {
        id: stored.id,
        slug: Slug::parse(&stored.slug).map_err(|error| Fault::permanent("decode item", error))?,
        name: stored.name,
        email: stored.email,
        address: stored.address,
        tax_id: stored.tax_id,
        tax: TaxProfile {
            place: Place { country: stored.country, region: stored.region },
            treatment: match stored.tax_treatment {
                None => TaxTreatment::Taxed,
                Some(UntaxedV1::Exempt) => TaxTreatment::Exempt,
                Some(UntaxedV1::ReverseCharge) => TaxTreatment::ReverseCharge,
            },
        },
        locale: stored.locale.map_or(Locale::En, read_locale),
        low_balance_minor: stored.low_balance_minor,
        time_zone: read_time_zone(&stored.time_zone)?,
        invoice_number: read_number(stored.invoice_number)?,
        payment_term_days: stored.payment_term_days,
        usage_log: read_layouts(&stored.usage_log),
        refused_usage: stored.refused_usage.map(refused_usage::read),
        canceled_at: stored.canceled_at,
        created_at: stored.created_at,
    };
    Ok((stored.revision.unwrap_or_default(), tenant))
}

fn read_number(stored: Option<NumberV1>) -> Result<NumberFormat, Fault> {
    let Some(NumberV1 { template, prefix }) = stored else { return Ok(NumberFormat::default()) };
    NumberFormat::parse(&template, prefix.as_deref()).map_err(|error| Fault::permanent("decode item", error))
}

fn number(format: &NumberFormat) -> Option<NumberV1> {
    let chosen = NumberV1 { template: format.template().to_owned(), prefix: format.prefix().map(str::to_owned) };
    (*format != NumberFormat::default()).then_some(chosen)
}

fn read_layouts(stored: &[LayoutV1]) -> Layouts {
    let layout = |&LayoutV1 { from, shards, bucket_minutes }: &LayoutV1| (from, Layout { shards, bucket_minutes });
    Layouts::new(stored.iter().map(layout).collect())
}

fn shape(tenant: &Tenant, revision: Option<u64>) -> TenantV1 {
    let layout =
        |&(from, Layout { shards, bucket_minutes }): &(Timestamp, Layout)| LayoutV1 { from, shards, bucket_minutes };
    TenantV1 {
        id: tenant.id,
        slug: tenant.slug.to_string(),
        name: tenant.name.clone(),
        email: tenant.email.clone(),
        address: tenant.address.clone(),
        tax_id: tenant.tax_id.clone(),
        time_zone: time_zone_name(&tenant.time_zone),
        created_at: tenant.created_at,
        usage_log: tenant.usage_log.changes().iter().map(layout).collect(),
        country: tenant.tax.place.country.clone(),
        region: tenant.tax.place.region.clone(),
        tax_treatment: match tenant.tax.treatment {
            TaxTreatment::Taxed => None,
            TaxTreatment::Exempt => Some(UntaxedV1::Exempt),
            TaxTreatment::ReverseCharge => Some(UntaxedV1::ReverseCharge),
        },
        locale: locale_shape(tenant.locale),
        low_balance_minor: tenant.low_balance_minor,
        invoice_number: number(&tenant.invoice_number),
        payment_term_days: tenant.payment_term_days,
        refused_usage: tenant.refused_usage.as_ref().map(refused_usage::shape),
        canceled_at: tenant.canceled_at,
        revision,
    }
}

fn read_locale(stored: LocaleV1) -> Locale {
    match stored {
        LocaleV1::De => Locale::De,
        LocaleV1::Fr => Locale::Fr,
        LocaleV1::Ja => Locale::Ja,
        LocaleV1::Zh => Locale::Zh,
    }
}

fn locale_shape(locale: Locale) -> Option<LocaleV1> {
    match locale {
        Locale::En => None,
        Locale::De => Some(LocaleV1::De),
        Locale::Fr => Some(LocaleV1::Fr),
        Locale::Ja => Some(LocaleV1::Ja),
        Locale::Zh => Some(LocaleV1::Zh),
    }
}

/// The IANA name of a zone; zones are only ever made from one.
pub(super) fn time_zone_name(time_zone: &TimeZone) -> String {
    time_zone.iana_name().unwrap_or("UTC").to_owned()
}

pub(super) fn read_time_zone(name: &str) -> Result<TimeZone, Fault> {
    TimeZone::get(name).map_err(|error| Fault::permanent("decode item", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::subscription::{RefusedSpan, RefusedUsage};

    fn acme() -> Tenant {
        Tenant {
            id: TenantId::derived(&["acme"]),
            slug: Slug::parse("acme").unwrap(),
            name: "Acme".to_owned(),
            email: None,
            address: vec!["Road 1".to_owned()],
            tax_id: Some("DE1".to_owned()),
            tax: TaxProfile::default(),
            locale: Locale::En,
            low_balance_minor: None,
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
            invoice_number: NumberFormat::default(),
            payment_term_days: None,
            usage_log: Layouts::default(),
            refused_usage: None,
            canceled_at: None,
            created_at: "2026-05-20T12:30:00Z".parse().unwrap(),
        }
    }

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    fn digits(number: &str) -> AttributeValue {
        AttributeValue::N(number.to_owned())
    }

    fn map(attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> Item {
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The item of [`acme`] as it has been written since the first release.
    fn frozen() -> Item {
        map([
            ("pk", text(&format!("TENANT#{}", acme().id))),
            ("sk", text("PROFILE")),
            ("v", digits("1")),
            ("id", text(&acme().id.to_string())),
            ("slug", text("acme")),
            ("name", text("Acme")),
            ("email", AttributeValue::Null(true)),
            ("address", AttributeValue::L(vec![text("Road 1")])),
            ("tax_id", text("DE1")),
            ("time_zone", text("Europe/Berlin")),
            ("created_at", text("2026-05-20T12:30:00Z")),
        ])
    }

    #[test]
    fn a_new_tenant_is_written_as_it_always_was() {
        assert_eq!(item::write(&Key::Tenant(acme().id), &shape(&acme(), None)).unwrap(), frozen());
        assert_eq!(read_revised(frozen()).unwrap(), (0, acme()));
    }

    #[test]
    fn a_changed_layout_and_a_revision_are_frozen_too() {
        let from = "2026-05-20T14:00:00Z".parse().unwrap();
        let usage_log = Layouts::new(vec![(from, Layout { shards: 4, bucket_minutes: 15 })]);
        let tenant = Tenant { usage_log, ..acme() };
        let written = item::write(&Key::Tenant(tenant.id), &shape(&tenant, Some(2))).unwrap();
        let layout =
            map([("from", text("2026-05-20T14:00:00Z")), ("shards", digits("4")), ("bucket_minutes", digits("15"))]);
        let usage_log = AttributeValue::L(vec![AttributeValue::M(layout)]);
        let mut expect = frozen();
        expect.extend(map([("usage_log", usage_log), ("revision", digits("2"))]));
        assert_eq!(written, expect);
        assert_eq!(read_revised(written).unwrap(), (2, tenant));
    }

    #[test]
    fn refused_usage_is_frozen_too() {
        let [from, until] = ["2026-05-20T00:00:00Z", "2026-05-21T00:00:00Z"].map(|instant| instant.parse().unwrap());
        let spans = vec![RefusedSpan { from, until: Some(until) }, RefusedSpan { from: until, until: None }];
        let tenant = Tenant { refused_usage: Some(RefusedUsage::new(spans)), ..acme() };
        let written = item::write(&Key::Tenant(tenant.id), &shape(&tenant, Some(1))).unwrap();
        let span = |from, until| AttributeValue::M(map([("from", text(from)), ("until", until)]));
        let refused = AttributeValue::L(vec![
            span("2026-05-20T00:00:00Z", text("2026-05-21T00:00:00Z")),
            span("2026-05-21T00:00:00Z", AttributeValue::Null(true)),
        ]);
        let mut expect = frozen();
        expect.extend(map([("refused_usage", refused), ("revision", digits("1"))]));
        assert_eq!(written, expect);
        assert_eq!(read_revised(written).unwrap(), (1, tenant));
    }

    #[test]
    fn an_end_is_frozen_too() {
        let tenant = Tenant { canceled_at: Some("2026-05-21T00:00:00Z".parse().unwrap()), ..acme() };
        let written = item::write(&Key::Tenant(tenant.id), &shape(&tenant, Some(1))).unwrap();
        let mut expect = frozen();
        expect.extend(map([("canceled_at", text("2026-05-21T00:00:00Z")), ("revision", digits("1"))]));
        assert_eq!(written, expect);
        assert_eq!(read_revised(written).unwrap(), (1, tenant));
    }

    #[test]
    fn a_tax_profile_is_frozen_too() {
        let place = Place { country: Some("US".to_owned()), region: Some("CA".to_owned()) };
        let tax = TaxProfile { place, treatment: TaxTreatment::ReverseCharge };
        let tenant = Tenant { tax, low_balance_minor: Some(1_000), ..acme() };
        let written = item::write(&Key::Tenant(tenant.id), &shape(&tenant, None)).unwrap();
        let mut expect = frozen();
        expect.extend(map([
            ("country", text("US")),
            ("region", text("CA")),
            ("tax_treatment", text("reverseCharge")),
            ("low_balance_minor", digits("1000")),
        ]));
        assert_eq!(written, expect);
        assert_eq!(read(written).unwrap(), tenant);
    }

    #[test]
    fn a_number_format_and_a_term_are_frozen_too() {
        let invoice_number = NumberFormat::parse("{prefix}/{year}-{seq:6}", Some("RG")).unwrap();
        let tenant = Tenant { invoice_number, payment_term_days: Some(30), ..acme() };
        let written = item::write(&Key::Tenant(tenant.id), &shape(&tenant, None)).unwrap();
        let number_format = map([("template", text("{prefix}/{year}-{seq:6}")), ("prefix", text("RG"))]);
        let mut expect = frozen();
        expect.extend(map([("invoice_number", AttributeValue::M(number_format)), ("payment_term_days", digits("30"))]));
        assert_eq!(written, expect);
        assert_eq!(read_revised(written).unwrap(), (0, tenant));
    }

    #[test]
    fn a_locale_is_frozen_too() {
        for (locale, stored) in [(Locale::De, "de"), (Locale::Fr, "fr"), (Locale::Ja, "ja"), (Locale::Zh, "zh")] {
            let tenant = Tenant { locale, ..acme() };
            let written = item::write(&Key::Tenant(tenant.id), &shape(&tenant, None)).unwrap();
            let mut expect = frozen();
            expect.extend(map([("locale", text(stored))]));
            assert_eq!(written, expect);
            assert_eq!(read_revised(written).unwrap(), (0, tenant));
        }
    }
}
