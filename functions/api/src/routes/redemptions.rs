//! Coupons that tenants were given. A tenant, or one subscription of it, is given a coupon once and for all.

use crate::{
    auth::{Caller, Platform},
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{self, List},
    problem::Problem,
    retry::until_not_raced,
    routes::{self, tenants},
    state::Api,
};
use axum::extract::{Path, State};
use cloud::{
    Fault, TenantStore,
    store::{COUPONS_PER_INVOICE_MAX, RedeemOutcome},
};
use domain::{
    Timestamp, Violation,
    catalog::{CouponOffer, RedeemRefusal, Redemption},
    id::{CouponId, RedemptionId, SubscriptionId},
    text::Slug,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A coupon that a tenant was given.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedeemedCoupon {
    /// Who it is.
    #[schema(value_type = String, example = "red_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: RedemptionId,
    /// Which coupon.
    #[schema(value_type = String)]
    coupon_id: CouponId,
    /// Its code.
    #[schema(example = "welcome")]
    coupon: String,
    /// Its name, as printed.
    #[schema(example = "Welcome")]
    name: String,
    /// The subscription that it is for; `null` for all of the tenant's.
    #[schema(value_type = Option<String>)]
    subscription_id: Option<SubscriptionId>,
    /// `active`, `usedUp` or `ended`.
    #[schema(example = "active")]
    status: &'static str,
    /// In how many periods it took something off; of an amount for one period, 1 once all of it is used.
    used_cycles: u32,
    /// What of an amount for one period was used, in minor units.
    consumed_minor: i64,
    /// When it was given.
    redeemed_at: Timestamp,
    /// Since when it reduces nothing any more, because somebody ended it.
    ended_at: Option<Timestamp>,
}

impl From<Redemption> for RedeemedCoupon {
    fn from(redemption: Redemption) -> Self {
        let status = match (redemption.ended_at, redemption.is_live()) {
            (Some(_), _) => "ended",
            (None, true) => "active",
            (None, false) => "usedUp",
        };
        Self {
            id: redemption.id,
            coupon_id: redemption.terms.id,
            coupon: redemption.terms.code.to_string(),
            name: redemption.terms.name,
            subscription_id: redemption.subscription_id,
            status,
            used_cycles: redemption.used_cycles,
            consumed_minor: redemption.consumed_minor,
            redeemed_at: redemption.redeemed_at,
            ended_at: redemption.ended_at,
        }
    }
}

/// A coupon to be given to a tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CouponToRedeem {
    /// Its code.
    #[schema(example = "welcome")]
    coupon: String,
    /// The subscription that it is for; all of the tenant's, unless it is sent.
    subscription_id: Option<String>,
}

/// Give a tenant a coupon
///
/// From the next invoice on. A tenant has at most ten at a time.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/coupons", operation_id = "redeemCoupon", tag = "Coupons", security(("platformKey" = [])),
    params(("tenant" = String, Path, description = "Id or slug.")),
    request_body = CouponToRedeem,
    responses((status = 201, body = RedeemedCoupon, description = "The tenant has it."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    Path(name): Path<String>,
    creation: Creation,
    Json(new): Json<CouponToRedeem>,
) -> Result<(StatusCode, axum::Json<RedeemedCoupon>), Problem> {
    let now = api.world().now();
    let store = api.world().store(tenants::named(&api, Caller::Platform, &name).await?);
    let unknown = || Problem::from(Violation::new("/coupon", "unknown_coupon", "name a coupon of the catalog"));
    let code = Slug::parse(&new.coupon).map_err(|_| unknown())?;
    let coupon = api.world().coupon(&code).await?.ok_or_else(unknown)?;
    let subscription_id = subscription(&store, new.subscription_id.as_deref()).await?;
    let made = Redemption::new(coupon.terms.clone(), store.tenant_id(), subscription_id, now);
    let request = creation.uuid(&api, now);
    let there = store.redemptions().await?;
    // A repeat of this very request finds what it made, whatever has become of the coupon since.
    if there.iter().all(|there| there.id != made.id) {
        check(&coupon, &made, &there, now)?;
    }
    let redeemed = match until_not_raced(|| store.redeem(&coupon, &made, request)).await? {
        RedeemOutcome::Redeemed => made,
        RedeemOutcome::Repeated(there) => *there,
        RedeemOutcome::AlreadyRedeemed => return Err(already_redeemed()),
        // Somebody else took the last one, or it was archived, between the look and the write.
        RedeemOutcome::NotOffered => {
            let coupon = api.world().coupon(&code).await?.ok_or_else(unknown)?;
            let raced = || Problem::from(Fault::Conflict { operation: "redeem coupon" });
            return Err(coupon.check_redeemable(now).err().map_or_else(raced, refusal));
        }
    };
    Ok((StatusCode::CREATED, axum::Json(redeemed.into())))
}

/// The tenant's subscription that is asked for.
async fn subscription(store: &TenantStore<'_>, id: Option<&str>) -> Result<Option<SubscriptionId>, Problem> {
    let Some(text) = id else { return Ok(None) };
    let message = "name a subscription of the tenant";
    let unknown = || Problem::from(Violation::new("/subscriptionId", "unknown_subscription", message));
    let id = text.parse().map_err(|_| unknown())?;
    store.subscription(id).await?.ok_or_else(unknown)?;
    Ok(Some(id))
}

fn check(coupon: &CouponOffer, made: &Redemption, there: &[Redemption], now: Timestamp) -> Result<(), Problem> {
    if there.iter().any(|there| there.meets(made)) {
        return Err(already_redeemed());
    }
    coupon.check_redeemable(now).map_err(refusal)?;
    if there.iter().filter(|there| there.is_live()).count() >= COUPONS_PER_INVOICE_MAX {
        let detail = format!("a tenant has at most {COUPONS_PER_INVOICE_MAX} coupons at a time; end one first");
        return Err(Problem::conflict("too_many_coupons", detail));
    }
    Ok(())
}

fn already_redeemed() -> Problem {
    Problem::conflict("coupon_already_redeemed", "the tenant was given this coupon before; make another one")
}

fn refusal(refusal: RedeemRefusal) -> Problem {
    match refusal {
        RedeemRefusal::Archived => {
            Problem::conflict("coupon_archived", "the coupon is offered no more; name another one")
        }
        RedeemRefusal::Expired => Problem::conflict("coupon_expired", "the coupon's time is over; name another one"),
        RedeemRefusal::UsedUp => {
            Problem::conflict("coupon_used_up", "the coupon was redeemed as often as it may be; name another one")
        }
    }
}

/// List a tenant's coupons
///
/// All that it was ever given, oldest first. A tenant's key may read its own.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/coupons", operation_id = "listRedeemedCoupons", tag = "Coupons",
    security(("platformKey" = []), ("tenantKey" = [])),
    params(("tenant" = String, Path, description = "Id or slug.")),
    responses((status = 200, body = List<RedeemedCoupon>, description = "All of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<axum::Json<List<RedeemedCoupon>>, Problem> {
    let store = api.world().store(tenants::named(&api, caller, &name).await?);
    let redemptions = store.redemptions().await?;
    Ok(page::whole(redemptions.into_iter().map(RedeemedCoupon::from).collect()))
}

/// End a tenant's coupon
///
/// It reduces nothing any more, and is not given again.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenant}/coupons/{redemption}", operation_id = "endRedeemedCoupon", tag = "Coupons",
    security(("platformKey" = [])),
    params(
        ("tenant" = String, Path, description = "Id or slug."),
        ("redemption" = String, Path, description = "Id of the coupon as the tenant has it."),
    ),
    responses((status = 204, description = "It is over."), ReadRefusals)
)]
pub(crate) async fn end(
    State(api): State<Api>,
    _: Platform,
    Path((name, redemption)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let store = api.world().store(tenants::named(&api, Caller::Platform, &name).await?);
    let (id, now) = (routes::id::<RedemptionId>(&redemption)?, api.world().now());
    match until_not_raced(|| store.end_redemption(id, now)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}
