//! What every route shares: the world, and what this process remembers of it.
//!
//! Only facts that never change are remembered: a tenant's id, slug and time zone, and the meters. A meter that another
//! process has just created is seen at the latest after [`METERS_KEPT`], and at once by an event that no known meter
//! picks. Keys are never remembered, so that a revoked one stops at once.

use cloud::{Fault, TenantStore, World};
use domain::{Timestamp, id::TenantId, text::Slug, usage::Meter};
use jiff::{SignedDuration, tz::TimeZone};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Names of tenants that are remembered at once; beyond that all are forgotten.
const TENANT_NAMES_MAX: usize = 20_000;
/// How long the meters are remembered.
const METERS_KEPT: SignedDuration = SignedDuration::from_secs(10);

/// What every route shares. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api(Arc<Parts>);

struct Parts {
    world: World,
    tenants: Mutex<HashMap<String, Arc<KnownTenant>>>,
    meters: Mutex<Option<Arc<MeterIndex>>>,
}

/// What never changes about a tenant.
#[derive(Debug, PartialEq)]
pub(crate) struct KnownTenant {
    pub(crate) id: TenantId,
    pub(crate) slug: Slug,
    pub(crate) time_zone: TimeZone,
}

impl KnownTenant {
    /// Whether `name` is this tenant's id or slug.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        name == self.slug.as_str() || name.parse() == Ok(self.id)
    }

    /// IANA name of its time zone.
    pub(crate) fn time_zone_name(&self) -> &str {
        self.time_zone.iana_name().unwrap_or("UTC")
    }
}

/// All meters, by the type of the events that they pick.
#[derive(Debug)]
pub(crate) struct MeterIndex {
    by_type: HashMap<String, Vec<Meter>>,
    read_at: Timestamp,
}

impl MeterIndex {
    pub(crate) fn new(meters: Vec<Meter>, read_at: Timestamp) -> Self {
        let mut by_type: HashMap<String, Vec<Meter>> = HashMap::new();
        for meter in meters {
            by_type.entry(meter.event_type.clone()).or_default().push(meter);
        }
        Self { by_type, read_at }
    }

    /// The meters that pick events of this type; none if it is empty.
    pub(crate) fn picking(&self, event_type: &str) -> &[Meter] {
        self.by_type.get(event_type).map_or(&[], Vec::as_slice)
    }
}

impl Api {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Parts { world, tenants: Mutex::default(), meters: Mutex::default() }))
    }

    pub(crate) fn world(&self) -> &World {
        &self.0.world
    }

    /// The data of one tenant.
    pub(crate) fn store(&self, tenant: &KnownTenant) -> TenantStore<'_> {
        self.world().store(tenant.id)
    }

    /// The tenant whose id or slug is `name`.
    pub(crate) async fn tenant(&self, name: &str) -> Result<Option<Arc<KnownTenant>>, Fault> {
        if let Some(known) = self.known_tenant(name) {
            return Ok(Some(known));
        }
        let id = match (name.parse::<TenantId>(), Slug::parse(name)) {
            (Ok(id), _) => Some(id),
            (Err(_), Ok(slug)) => self.world().tenant_by_slug(&slug).await?,
            (Err(_), Err(_)) => None,
        };
        let Some(id) = id else { return Ok(None) };
        let Some(tenant) = self.world().store(id).tenant().await? else { return Ok(None) };
        let known = Arc::new(KnownTenant { id, slug: tenant.slug, time_zone: tenant.time_zone });
        let mut tenants = lock(&self.0.tenants);
        if tenants.len() >= TENANT_NAMES_MAX {
            tenants.clear();
        }
        tenants.insert(name.to_owned(), Arc::clone(&known));
        Ok(Some(known))
    }

    /// The tenant whose id or slug is `name`, if this process remembers it.
    pub(crate) fn known_tenant(&self, name: &str) -> Option<Arc<KnownTenant>> {
        lock(&self.0.tenants).get(name).cloned()
    }

    /// The meters, as they were at most [`METERS_KEPT`] ago.
    pub(crate) async fn meters(&self, now: Timestamp) -> Result<Arc<MeterIndex>, Fault> {
        let remembered = lock(&self.0.meters).clone();
        match remembered {
            Some(meters) if now.duration_since(meters.read_at).abs() < METERS_KEPT => Ok(meters),
            _ => self.read_meters(now).await,
        }
    }

    /// The meters, as they are now.
    pub(crate) async fn read_meters(&self, now: Timestamp) -> Result<Arc<MeterIndex>, Fault> {
        let meters = Arc::new(MeterIndex::new(self.world().all_meters().await?, now));
        *lock(&self.0.meters) = Some(Arc::clone(&meters));
        Ok(meters)
    }

    /// Forgets the meters, because one was created.
    pub(crate) fn forget_meters(&self) {
        *lock(&self.0.meters) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
