//! The limit on groups: what an event brings is looked up before the event is taken, so that a dimension with endless
//! values is a refusal to its sender, and not an hour whose counters grow without end.

use super::decide::Decided;
use crate::state::Api;
use cloud::{
    Fault,
    store::{GROUPS_MAX, GroupDigest},
};
use domain::{Timestamp, id::TenantId};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Tries to add groups while others do.
const TRIES_MAX: usize = 4;

/// Those groups of the accepted events that there is no room for.
pub(super) async fn refused(
    api: &Api,
    decided: &Decided,
) -> Result<HashSet<(TenantId, Timestamp, GroupDigest)>, Fault> {
    let mut unknown: BTreeMap<(TenantId, Timestamp), BTreeSet<GroupDigest>> = BTreeMap::new();
    for draft in &decided.drafts {
        for (month, group) in draft.accepted.iter().flat_map(|event| &event.groups) {
            if !api.knows_group(draft.tenant.id, *month, group) {
                unknown.entry((draft.tenant.id, *month)).or_default().insert(*group);
            }
        }
    }
    let mut refused = HashSet::new();
    for ((tenant_id, month), groups) in unknown {
        for group in admit(api, tenant_id, month, groups).await? {
            refused.insert((tenant_id, month, group));
        }
    }
    Ok(refused)
}

/// Adds groups to a tenant's month as far as there is room; answers the others.
pub(in crate::routes) async fn admit(
    api: &Api,
    tenant_id: TenantId,
    month: Timestamp,
    mut groups: BTreeSet<GroupDigest>,
) -> Result<BTreeSet<GroupDigest>, Fault> {
    let store = api.world().store(tenant_id);
    for _ in 0..TRIES_MAX {
        let there = store.groups(month).await?;
        groups.retain(|group| !there.contains(group));
        let room = GROUPS_MAX.saturating_sub(there.len());
        api.remember_groups(tenant_id, month, there);
        let new: Vec<GroupDigest> = groups.iter().take(room).copied().collect();
        if new.is_empty() {
            return Ok(groups);
        }
        if store.add_groups(month, &new).await? {
            groups.retain(|group| !new.contains(group));
            api.remember_groups(tenant_id, month, new);
            return Ok(groups);
        }
    }
    // Nothing is wrong with the events, as a conflict would say: the same request may succeed later.
    Err(Fault::Transient { operation: "add groups", cause: "others added groups each time".into() })
}
