//! What every route shares: the world, and what this process remembers of it.
//!
//! Facts that never change are remembered: a tenant's id, slug and time zone, how its usage log is laid out up to now,
//! and the meters. A tenant is read again after [`TENANTS_KEPT`], which is sooner than a change of its layout can hold, so
//! that nobody places an event by an old one; that long its usage may be refused or taken as it was before a subscription
//! was changed through another process. A meter that another process has just created is seen at the latest
//! after [`METERS_KEPT`], and at once by an event that no known meter picks. A key that works is remembered for
//! [`KEYS_KEPT`], which is how long one that was revoked through another process may go on working; one that does not work
//! never is. The watermark is remembered, as what it has proven stays true: it may only be behind, and it is raised at most
//! once in [`WATERMARK_KEPT`]. That a day was marked as late is remembered as long as the mark counts for what comes after it.

use crate::problem::Problem;
use cloud::{
    Fault, TenantStore, World,
    store::{GroupDigest, StoredApiKey},
};
use domain::{
    Timestamp,
    api_key::KeyDigest,
    id::TenantId,
    subscription::RefusedUsage,
    tenant::Tenant,
    text::Slug,
    usage::{
        Meter,
        event::EVENT_AHEAD_MINUTES_MAX,
        layout::{LAYOUT_LEAD, Layouts},
        watermark::Watermark,
    },
};
use jiff::{SignedDuration, civil::Date, tz::TimeZone};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Names of tenants that are remembered at once; beyond that all are forgotten.
const TENANT_NAMES_MAX: usize = 20_000;
/// Months of tenants whose groups are remembered at once; beyond that all are forgotten.
const GROUP_MONTHS_MAX: usize = 2_000;
/// Keys that are remembered at once; beyond that all are forgotten.
const KEYS_MAX: usize = 20_000;
/// How long a key is remembered: a request a second is already asked for at a tenth of the price.
const KEYS_KEPT: SignedDuration = SignedDuration::from_secs(10);
/// How long a tenant is remembered: as long as a key, which is read with it.
const TENANTS_KEPT: SignedDuration = KEYS_KEPT;
/// How long a request may go on placing events by the tenant that it found: many times what a function may run, and
/// with it whatever clocks differ by.
const REQUEST_MINUTES_MAX: i64 = 55;
// An event is placed by what was known TENANTS_KEPT and a request ago, and its own time may be ahead. All of it ends
// before the first hour for which a change holds.
const _: () = assert!(
    TENANTS_KEPT.as_secs() + 60 * (REQUEST_MINUTES_MAX + EVENT_AHEAD_MINUTES_MAX) <= LAYOUT_LEAD.as_secs(),
    "a tenant must be forgotten before a change of its layout may hold"
);
/// Late days of tenants that are remembered at once; beyond that all are forgotten.
const LATE_DAYS_MAX: usize = 20_000;
/// How long the meters are remembered.
const METERS_KEPT: SignedDuration = SignedDuration::from_secs(10);
/// How long the queues are not asked again how much is not counted yet.
const WATERMARK_KEPT: SignedDuration = SignedDuration::from_secs(2);

/// What every route shares. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api(Arc<Parts>);

struct Parts {
    world: World,
    keys: Mutex<HashMap<KeyDigest, RememberedKey>>,
    tenants: Mutex<HashMap<String, RememberedTenant>>,
    meters: Mutex<Option<Arc<MeterIndex>>>,
    groups: Mutex<HashMap<(TenantId, Timestamp), HashSet<GroupDigest>>>,
    watermark: Mutex<Option<KnownWatermark>>,
    late_days: Mutex<HashMap<(TenantId, Date), Timestamp>>,
}

/// The watermark as this process has seen it.
#[derive(Clone, Copy)]
struct KnownWatermark {
    watermark: Watermark,
    read_at: Timestamp,
}

/// A key as this process has seen it.
#[derive(Clone)]
struct RememberedKey {
    key: StoredApiKey,
    read_at: Timestamp,
}

/// A tenant as this process has seen it.
#[derive(Clone)]
struct RememberedTenant {
    tenant: Arc<KnownTenant>,
    /// An instant before it was read.
    read_at: Timestamp,
}

/// What of a tenant is asked for with every event. It never changes, but for when usage is refused and its end; of the layouts those
/// of the hours of which there can be events do not.
#[derive(Debug, PartialEq)]
pub(crate) struct KnownTenant {
    pub(crate) id: TenantId,
    pub(crate) slug: Slug,
    pub(crate) time_zone: TimeZone,
    /// How its lanes are laid out.
    pub(crate) layouts: Layouts,
    /// When its usage is refused, which changes with its subscriptions.
    pub(crate) refused_usage: RefusedUsage,
    /// Since when it is no customer any more.
    pub(crate) canceled_at: Option<Timestamp>,
}

impl RememberedTenant {
    /// Whether it is recent enough at `now`.
    fn is_of(&self, now: Timestamp) -> bool {
        now.duration_since(self.read_at).abs() < TENANTS_KEPT
    }
}

impl KnownTenant {
    /// Whether `name` is this tenant's id or slug.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        name == self.slug.as_str() || name.parse() == Ok(self.id)
    }

    /// Refuses what would charge something new to a tenant that was canceled.
    pub(crate) fn check_customer(&self) -> Result<(), Problem> {
        match self.canceled_at {
            None => Ok(()),
            Some(_) => Err(Problem::conflict("tenant_canceled", "the tenant is no customer any more")),
        }
    }

    /// IANA name of its time zone.
    pub(crate) fn time_zone_name(&self) -> &str {
        self.time_zone.iana_name().unwrap_or("UTC")
    }
}

/// All meters, and the types of the events that they pick.
#[derive(Debug)]
pub(crate) struct MeterIndex {
    meters: Vec<Meter>,
    types: HashSet<String>,
    read_at: Timestamp,
}

impl MeterIndex {
    pub(crate) fn new(meters: Vec<Meter>, read_at: Timestamp) -> Self {
        let types = meters.iter().map(|meter| meter.event_type.clone()).collect();
        Self { meters, types, read_at }
    }

    /// Whether a meter picks events of this type.
    pub(crate) fn is_picked(&self, event_type: &str) -> bool {
        self.types.contains(event_type)
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Meter] {
        &self.meters
    }
}

impl Api {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Parts {
            world,
            keys: Mutex::default(),
            tenants: Mutex::default(),
            meters: Mutex::default(),
            groups: Mutex::default(),
            watermark: Mutex::default(),
            late_days: Mutex::default(),
        }))
    }

    pub(crate) fn world(&self) -> &World {
        &self.0.world
    }

    /// The data of one tenant.
    pub(crate) fn store(&self, tenant: &KnownTenant) -> TenantStore<'_> {
        self.world().store(tenant.id)
    }

    /// The key with this digest, if it works.
    pub(crate) async fn live_key(&self, digest: KeyDigest) -> Result<Option<StoredApiKey>, Fault> {
        let now = self.world().now();
        let remembered = lock(&self.0.keys).get(&digest).cloned();
        let fresh = remembered.filter(|remembered| now.duration_since(remembered.read_at).abs() < KEYS_KEPT);
        let key = match fresh {
            Some(remembered) => Some(remembered.key),
            None => self.world().api_key(digest).await?.inspect(|key| self.remember_key(digest, key, now)),
        };
        Ok(key.filter(|key| key.is_live(now)))
    }

    fn remember_key(&self, digest: KeyDigest, key: &StoredApiKey, read_at: Timestamp) {
        let mut keys = lock(&self.0.keys);
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        if key.is_live(read_at) {
            keys.insert(digest, RememberedKey { key: key.clone(), read_at });
        } else {
            keys.remove(&digest);
        }
    }

    /// Forgets the keys, because one was revoked.
    pub(crate) fn forget_keys(&self) {
        lock(&self.0.keys).clear();
    }

    /// The tenant whose id or slug is `name`.
    pub(crate) async fn tenant(&self, name: &str) -> Result<Option<Arc<KnownTenant>>, Fault> {
        let now = self.world().now();
        let remembered = lock(&self.0.tenants).get(name).cloned();
        let id = match remembered {
            Some(remembered) if remembered.is_of(now) => return Ok(Some(remembered.tenant)),
            // What it is called never becomes another's name.
            Some(remembered) => Some(remembered.tenant.id),
            None => self.tenant_id(name).await?,
        };
        let Some(id) = id else { return Ok(None) };
        let Some(tenant) = self.world().store(id).tenant().await? else { return Ok(None) };
        let Tenant { slug, time_zone, usage_log: layouts, refused_usage, canceled_at, .. } = tenant;
        let refused_usage = refused_usage.unwrap_or_default();
        let tenant = Arc::new(KnownTenant { id, slug, time_zone, layouts, refused_usage, canceled_at });
        let mut tenants = lock(&self.0.tenants);
        if tenants.len() >= TENANT_NAMES_MAX {
            tenants.clear();
        }
        tenants.insert(name.to_owned(), RememberedTenant { tenant: Arc::clone(&tenant), read_at: now });
        Ok(Some(tenant))
    }

    async fn tenant_id(&self, name: &str) -> Result<Option<TenantId>, Fault> {
        match (name.parse::<TenantId>(), Slug::parse(name)) {
            (Ok(id), _) => Ok(Some(id)),
            (Err(_), Ok(slug)) => self.world().tenant_by_slug(&slug).await,
            (Err(_), Err(_)) => Ok(None),
        }
    }

    /// The tenant whose id or slug is `name`, if this process remembers it.
    pub(crate) fn known_tenant(&self, name: &str) -> Option<Arc<KnownTenant>> {
        let now = self.world().now();
        let remembered = lock(&self.0.tenants).get(name).filter(|remembered| remembered.is_of(now)).cloned();
        remembered.map(|remembered| remembered.tenant)
    }

    /// Forgets a tenant, because one of its subscriptions was changed.
    pub(crate) fn forget_tenant(&self, id: TenantId) {
        lock(&self.0.tenants).retain(|_, remembered| remembered.tenant.id != id);
    }

    /// Whether a tenant's month is known to have a group.
    pub(crate) fn knows_group(&self, tenant_id: TenantId, month: Timestamp, group: &GroupDigest) -> bool {
        lock(&self.0.groups).get(&(tenant_id, month)).is_some_and(|groups| groups.contains(group))
    }

    /// Remembers groups of a tenant's month, which only ever gets more.
    pub(crate) fn remember_groups(
        &self,
        tenant_id: TenantId,
        month: Timestamp,
        groups: impl IntoIterator<Item = GroupDigest>,
    ) {
        let mut known = lock(&self.0.groups);
        if known.len() >= GROUP_MONTHS_MAX {
            known.clear();
        }
        known.entry((tenant_id, month)).or_default().extend(groups);
    }

    /// Whether this process has marked a tenant's day as late at most `kept` ago.
    pub(crate) fn knows_late_day(&self, tenant_id: TenantId, day: Date, now: Timestamp, kept: SignedDuration) -> bool {
        let marked_at = lock(&self.0.late_days).get(&(tenant_id, day)).copied();
        marked_at.is_some_and(|marked_at| now.duration_since(marked_at).abs() < kept)
    }

    /// Remembers that a tenant's day was marked as late.
    pub(crate) fn remember_late_day(&self, tenant_id: TenantId, day: Date, marked_at: Timestamp) {
        let mut days = lock(&self.0.late_days);
        if days.len() >= LATE_DAYS_MAX {
            days.clear();
        }
        days.insert((tenant_id, day), marked_at);
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

    /// The instant before which everything that was accepted has been counted. Ask it before reading counters: then they
    /// hold all of that.
    pub(crate) async fn complete_through(&self) -> Result<Option<Timestamp>, Fault> {
        let now = self.world().now();
        let known = *lock(&self.0.watermark);
        if let Some(known) = known.filter(|known| now.duration_since(known.read_at).abs() < WATERMARK_KEPT) {
            return Ok(known.watermark.complete_through());
        }
        let proven = self.world().proven_watermark().await?;
        // The tick asks the queues a few times an hour. What this process has seen in between goes on from there.
        let known = known.map_or(proven, |known| known.watermark.informed_by(&proven));
        let watermark = self.world().observed_watermark(known).await?;
        *lock(&self.0.watermark) = Some(KnownWatermark { watermark, read_at: now });
        Ok(watermark.complete_through())
    }

    /// Forgets the meters, because one was created.
    pub(crate) fn forget_meters(&self) {
        *lock(&self.0.meters) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
