//! Coupons in the table `catalog`: what is promised to whoever redeems them, and how often that was done.
//!
//! Invariant: the count of redemptions grows only with a redemption, in one transaction (`redemptions`).

use super::{
    coupon_shape::TermsV1,
    dynamo::Range,
    item::{self, Cursor, Item, Page, Stored},
    key::{self, Key},
    tenants::CreateOutcome,
};
use crate::{Fault, World};
use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue, TransactWriteItem, Update},
};
use domain::{Timestamp, catalog::CouponOffer, text::Slug};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

#[derive(Serialize, Deserialize)]
struct CouponV1 {
    terms: TermsV1,
    redemptions_max: Option<NonZeroU32>,
    redemptions: u32,
    redeem_by: Option<Timestamp>,
    created_at: Timestamp,
    /// Absent while it is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    archived_at: Option<Timestamp>,
}

impl Stored for CouponV1 {
    const VERSION: u32 = 1;
}

impl World {
    /// Creates a coupon unless its code is taken.
    pub async fn create_coupon(&self, coupon: &CouponOffer) -> Result<CreateOutcome, Fault> {
        let item = item::write(&Key::Coupon(&coupon.terms.code), &shape(coupon))?;
        if self.put_if_absent(&self.settings().catalog_table, item).await? {
            return Ok(CreateOutcome::Created);
        }
        let there = self.coupon(&coupon.terms.code).await?;
        let is_repeat = there.is_some_and(|there| there.terms.id == coupon.terms.id);
        Ok(if is_repeat { CreateOutcome::Repeated } else { CreateOutcome::NameTaken })
    }

    /// The coupon with this code.
    pub async fn coupon(&self, code: &Slug) -> Result<Option<CouponOffer>, Fault> {
        self.get_item(&self.settings().catalog_table, &Key::Coupon(code)).await?.map(read).transpose()
    }

    /// A page of the coupons, by code.
    pub async fn coupons(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<CouponOffer>, Fault> {
        let table = &self.settings().catalog_table;
        self.query_page(table, key::COUPONS, Range::All, false, limit, after).await?.try_map(read)
    }

    /// Offers the coupon no more; whoever has it keeps it. Answers it as it is then, `None` if there is none.
    pub async fn archive_coupon(&self, code: &Slug, now: Timestamp) -> Result<Option<CouponOffer>, Fault> {
        self.archive(&Key::Coupon(code), now).await?.map(read).transpose()
    }

    /// Archives an item of the catalog once: the first instant stays.
    pub(super) async fn archive(&self, key: &Key<'_>, now: Timestamp) -> Result<Option<Item>, Fault> {
        let request = self.dynamo().update_item().table_name(&self.settings().catalog_table);
        let sent = request
            .set_key(Some(key.attributes()))
            .update_expression("SET archived_at = if_not_exists(archived_at, :now)")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(answer.attributes),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(Fault::of_call("dynamodb:UpdateItem", error)),
        }
    }

    /// The action that counts one more redemption of a coupon that is offered and not used up.
    pub(super) fn count_redemption(&self, coupon: &CouponOffer) -> Result<TransactWriteItem, Fault> {
        let update = Update::builder()
            .table_name(&self.settings().catalog_table)
            .set_key(Some(Key::Coupon(&coupon.terms.code).attributes()))
            .update_expression("SET redemptions = redemptions + :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        let update = match coupon.redemptions_max {
            None => update.condition_expression("attribute_exists(pk) AND attribute_not_exists(archived_at)"),
            Some(most) => update
                .condition_expression("attribute_not_exists(archived_at) AND redemptions < :most")
                .expression_attribute_values(":most", AttributeValue::N(most.to_string())),
        };
        let update = update.build().map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

fn shape(coupon: &CouponOffer) -> CouponV1 {
    CouponV1 {
        terms: TermsV1::from(&coupon.terms),
        redemptions_max: coupon.redemptions_max,
        redemptions: coupon.redemptions,
        redeem_by: coupon.redeem_by,
        created_at: coupon.created_at,
        archived_at: coupon.archived_at,
    }
}

fn read(item: Item) -> Result<CouponOffer, Fault> {
    let stored: CouponV1 = item::read(item)?;
    Ok(CouponOffer {
        terms: stored.terms.try_into()?,
        redemptions_max: stored.redemptions_max,
        redemptions: stored.redemptions,
        redeem_by: stored.redeem_by,
        created_at: stored.created_at,
        archived_at: stored.archived_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};

    const V1: &str = include_str!("../../golden/coupon.1.json");

    #[test]
    fn a_coupon_is_written_as_it_is_read() {
        let coupon = read(golden(V1)).unwrap();
        assert_eq!((coupon.terms.code.as_str(), coupon.redemptions, coupon.archived_at), ("welcome", 3, None));
        assert_eq!(json(&shape(&coupon)), serde_json::from_str::<serde_json::Value>(V1).unwrap()["item"]);
    }
}
