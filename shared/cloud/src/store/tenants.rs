//! The table `tenants`: profiles, slugs, and the list of all.

use super::{
    TenantStore,
    dynamo::{self, Transacted},
    item::{self, Item, Stored},
    key::Key,
};
use crate::{Fault, World};
use domain::{TimeZone, id::TenantId, tenant::Tenant, text::Slug};
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
    created_at: domain::Timestamp,
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
            item.insert("tenantId".to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(tenant.id.to_string()));
            item
        };
        let actions = vec![
            dynamo::put(table, item::write(&Key::Tenant(tenant.id), &shape(tenant))?, true)?,
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
        let table = &self.world.settings().tenants_table;
        self.world.get_item(table, &Key::Tenant(self.tenant_id)).await?.map(read).transpose()
    }

    /// Replaces the profile; slug, time zone and creation stay what they were, by the caller's care.
    pub async fn update_tenant(&self, tenant: &Tenant) -> Result<(), Fault> {
        let table = &self.world.settings().tenants_table;
        let item = item::write(&Key::Tenant(self.tenant_id), &shape(tenant))?;
        let request = self.world.dynamo().put_item().table_name(table).set_item(Some(item));
        let sent = request.condition_expression("attribute_exists(pk)").send().await;
        sent.map(drop).map_err(|error| Fault::of_call("dynamodb:PutItem", error))
    }
}

pub(super) fn read(item: Item) -> Result<Tenant, Fault> {
    let stored: TenantV1 = item::read(item)?;
    Ok(Tenant {
        id: stored.id,
        slug: Slug::parse(&stored.slug).map_err(|error| Fault::permanent("decode item", error))?,
        name: stored.name,
        email: stored.email,
        address: stored.address,
        tax_id: stored.tax_id,
        time_zone: read_time_zone(&stored.time_zone)?,
        created_at: stored.created_at,
    })
}

fn shape(tenant: &Tenant) -> TenantV1 {
    TenantV1 {
        id: tenant.id,
        slug: tenant.slug.to_string(),
        name: tenant.name.clone(),
        email: tenant.email.clone(),
        address: tenant.address.clone(),
        tax_id: tenant.tax_id.clone(),
        time_zone: time_zone_name(&tenant.time_zone),
        created_at: tenant.created_at,
    }
}

/// The IANA name of a zone; zones are only ever made from one.
pub(super) fn time_zone_name(time_zone: &TimeZone) -> String {
    time_zone.iana_name().unwrap_or("UTC").to_owned()
}

pub(super) fn read_time_zone(name: &str) -> Result<TimeZone, Fault> {
    TimeZone::get(name).map_err(|error| Fault::permanent("decode item", error))
}
