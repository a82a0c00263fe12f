//! Coupons that a tenant was given, in the table `invoices`.
//!
//! Invariants: a redemption and the count of its coupon are one transaction; a coupon is given to a tenant, or to one
//! subscription of it, once and for all; what an invoice uses of it is written with the invoice, by version.

use super::{
    TenantStore,
    coupon_shape::TermsV1,
    dynamo::{self, Range, Transacted},
    item::{self, Item, Stored},
    key::{self, Key},
};
use crate::Fault;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::{
    Timestamp,
    catalog::{CouponOffer, Redemption},
    id::{RedemptionId, SubscriptionId},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
struct RedemptionV1 {
    id: RedemptionId,
    terms: TermsV1,
    subscription_id: Option<SubscriptionId>,
    used_cycles: u32,
    consumed_minor: i64,
    redeemed_at: Timestamp,
    /// Absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    /// Which request made it, so that a repeat of that is told from another.
    request: String,
    version: u64,
}

impl Stored for RedemptionV1 {
    const VERSION: u32 = 1;
}

/// What became of redeeming a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedeemOutcome {
    /// It was given.
    Redeemed,
    /// This very request had given it before, as this.
    Repeated(Box<Redemption>),
    /// It had been given before.
    AlreadyRedeemed,
    /// It is offered no more, or used up: load it and decide again.
    NotOffered,
}

impl TenantStore<'_> {
    /// Gives the coupon for `request`, which the caller chose, and counts it.
    pub async fn redeem(
        &self,
        coupon: &CouponOffer,
        redemption: &Redemption,
        request: Uuid,
    ) -> Result<RedeemOutcome, Fault> {
        let table = &self.world.settings().invoices_table;
        let key = Key::Redemption(self.tenant_id, redemption.id);
        let item = item::write(&key, &shape(redemption, request, 1))?;
        let actions = vec![dynamo::put(table, item, true)?, self.world.count_redemption(coupon)?];
        match self.world.transact(actions).await? {
            Transacted::Committed => Ok(RedeemOutcome::Redeemed),
            Transacted::Refused(refused) if refused.contains(&0) => {
                let there = self.world.get_item(table, &key).await?;
                let there = there.map(item::read::<RedemptionV1>).transpose()?;
                match there.filter(|there| there.request == request.to_string()) {
                    Some(there) => Ok(RedeemOutcome::Repeated(Box::new(redemption_of(there)?))),
                    None => Ok(RedeemOutcome::AlreadyRedeemed),
                }
            }
            Transacted::Refused(_) => Ok(RedeemOutcome::NotOffered),
        }
    }

    /// All coupons that the tenant was given, also those that are over, in the order in which they were.
    pub async fn redemptions(&self) -> Result<Vec<Redemption>, Fault> {
        let table = &self.world.settings().invoices_table;
        let range = Range::Prefix(key::REDEMPTIONS.to_owned());
        let items = self.world.query_all(table, &key::tenant_partition(self.tenant_id), range).await?;
        let versioned = items.into_iter().map(read).collect::<Result<Vec<_>, Fault>>()?;
        let mut redemptions: Vec<Redemption> = versioned.into_iter().map(|(_, redemption)| redemption).collect();
        redemptions.sort_by_key(given);
        Ok(redemptions)
    }

    /// Ends a redemption: it reduces nothing any more. A second time changes nothing; `false` if there is none.
    pub async fn end_redemption(&self, id: RedemptionId, now: Timestamp) -> Result<bool, Fault> {
        let table = &self.world.settings().invoices_table;
        let key = Key::Redemption(self.tenant_id, id);
        let Some(item) = self.world.get_item(table, &key).await? else { return Ok(false) };
        let (version, redemption) = read(item)?;
        if redemption.ended_at.is_some() {
            return Ok(true);
        }
        let ended_at = AttributeValue::S(now.to_string());
        let action = dynamo::change_version(table, &key, version, [("ended_at", ended_at)])?;
        match self.world.transact(vec![action]).await? {
            Transacted::Committed => Ok(true),
            Transacted::Refused(_) => Err(Fault::Conflict { operation: "end redemption" }),
        }
    }

    /// The action that writes how much of `redemption`, which has the version `before`, is used.
    pub(super) fn write_used(&self, before: u64, redemption: &Redemption) -> Result<TransactWriteItem, Fault> {
        let number = |n: i64| AttributeValue::N(n.to_string());
        let used = [
            ("used_cycles", number(redemption.used_cycles.into())),
            ("consumed_minor", number(redemption.consumed_minor)),
        ];
        let key = Key::Redemption(self.tenant_id, redemption.id);
        dynamo::change_version(&self.world.settings().invoices_table, &key, before, used)
    }
}

/// What redemptions are ordered by; an id settles what is equal.
pub(super) fn given(redemption: &Redemption) -> (Timestamp, RedemptionId) {
    (redemption.redeemed_at, redemption.id)
}

/// Whether `item`, one of the tenant's adjusters, is a redemption.
pub(super) fn is_redemption(item: &Item) -> Result<bool, Fault> {
    Ok(item::text(item, "sk")?.starts_with(key::REDEMPTIONS))
}

/// The version and the redemption in `item`.
pub(super) fn read(item: Item) -> Result<(u64, Redemption), Fault> {
    let stored: RedemptionV1 = item::read(item)?;
    Ok((stored.version, redemption_of(stored)?))
}

fn shape(redemption: &Redemption, request: Uuid, version: u64) -> RedemptionV1 {
    RedemptionV1 {
        id: redemption.id,
        terms: TermsV1::from(&redemption.terms),
        subscription_id: redemption.subscription_id,
        used_cycles: redemption.used_cycles,
        consumed_minor: redemption.consumed_minor,
        redeemed_at: redemption.redeemed_at,
        ended_at: redemption.ended_at,
        request: request.to_string(),
        version,
    }
}

fn redemption_of(stored: RedemptionV1) -> Result<Redemption, Fault> {
    Ok(Redemption {
        id: stored.id,
        terms: stored.terms.try_into()?,
        subscription_id: stored.subscription_id,
        used_cycles: stored.used_cycles,
        consumed_minor: stored.consumed_minor,
        redeemed_at: stored.redeemed_at,
        ended_at: stored.ended_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};

    const V1: &str = include_str!("../../golden/redemption.1.json");

    #[test]
    fn a_redemption_is_written_as_it_is_read() {
        let (version, redemption) = read(golden(V1)).unwrap();
        assert_eq!((version, redemption.used_cycles, redemption.consumed_minor), (4, 2, 0));
        let frozen = &serde_json::from_str::<serde_json::Value>(V1).unwrap()["item"];
        let request = frozen["request"].as_str().unwrap().parse().unwrap();
        assert_eq!(&json(&shape(&redemption, request, version)), frozen);
    }
}
