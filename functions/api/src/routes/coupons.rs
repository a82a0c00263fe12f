//! Coupons of the catalog: what is promised to whoever redeems them. Terms never change; a coupon is archived and another
//! one made. Who has been given one is in `redemptions`.

use crate::{
    auth::Platform,
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{List, PageParameters, Paging},
    problem::Problem,
    retry::until_not_raced,
    routes::money::Money,
    state::Api,
};
use axum::extract::{Path, State};
use cloud::store::CreateOutcome;
use domain::{
    Timestamp, Violation,
    catalog::{self, CouponOff, CouponOffer, CouponTargets, CouponTerms, Percent, PlanNamed, shape::Digits},
    id::CouponId,
    rating::coupon::Duration,
    text::Slug,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use utoipa::ToSchema;

/// A coupon.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Coupon {
    /// Who it is.
    #[schema(value_type = String, example = "cpn_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: CouponId,
    /// What it is redeemed by.
    #[schema(example = "welcome")]
    code: String,
    /// Its name, as printed.
    #[schema(example = "Welcome")]
    name: String,
    /// What it takes off, in percent; `null` if it is an amount.
    #[schema(example = "20")]
    percent_off: Option<String>,
    /// What it takes off; `null` if it is a percentage.
    amount_off: Option<Money>,
    /// What it reduces; `null` for everything.
    restriction: Option<CouponRestriction>,
    /// For how many periods.
    duration: CouponDuration,
    /// How often it may be redeemed; `null` for no bound.
    max_redemptions: Option<u32>,
    /// How often it was.
    redemptions: u32,
    /// From when on it may not be redeemed any more.
    redeem_by: Option<Timestamp>,
    /// When it was created.
    created_at: Timestamp,
    /// Since when nobody new gets it.
    archived_at: Option<Timestamp>,
}

/// What a coupon reduces: lines of some prices, or of some plans.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CouponRestriction {
    /// Keys of prices, 1 to 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<Vec<String>>,
    /// Slugs of plans, 1 to 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    plans: Option<Vec<String>>,
}

/// For how many periods a coupon lasts.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CouponDuration {
    /// One period; of an amount, until all of it is used.
    #[default]
    Once,
    /// So many periods in which it takes something off; an amount is taken off in each.
    Cycles(u32),
    /// All periods.
    Forever,
}

impl From<Duration> for CouponDuration {
    fn from(duration: Duration) -> Self {
        match duration {
            Duration::Once => Self::Once,
            Duration::Cycles(cycles) => Self::Cycles(cycles.get()),
            Duration::Forever => Self::Forever,
        }
    }
}

impl CouponDuration {
    fn decide(self) -> Result<Duration, Violation> {
        Ok(match self {
            Self::Once => Duration::Once,
            Self::Cycles(cycles) => {
                let zero = || Violation::new("/duration/cycles", "zero", "send 1 or more");
                Duration::Cycles(NonZeroU32::new(cycles).ok_or_else(zero)?)
            }
            Self::Forever => Duration::Forever,
        })
    }
}

impl From<CouponOffer> for Coupon {
    fn from(offer: CouponOffer) -> Self {
        let CouponTerms { id, code, name, off, targets, duration } = offer.terms;
        let (percent_off, amount_off) = match off {
            CouponOff::Percent(percent) => (Some(percent.value().to_string()), None),
            CouponOff::Amount(money) => (None, Some(money.into())),
        };
        let restriction = match targets {
            CouponTargets::All => None,
            CouponTargets::Prices(prices) => {
                let prices = prices.iter().map(Slug::to_string).collect();
                Some(CouponRestriction { prices: Some(prices), plans: None })
            }
            CouponTargets::Plans(plans) => {
                let plans = plans.iter().map(|plan| plan.slug.to_string()).collect();
                Some(CouponRestriction { prices: None, plans: Some(plans) })
            }
        };
        Self {
            id,
            code: code.to_string(),
            name,
            percent_off,
            amount_off,
            restriction,
            duration: duration.into(),
            max_redemptions: offer.redemptions_max.map(NonZeroU32::get),
            redemptions: offer.redemptions,
            redeem_by: offer.redeem_by,
            created_at: offer.created_at,
            archived_at: offer.archived_at,
        }
    }
}

/// A coupon to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewCoupon {
    /// What it is redeemed by: lower-case letters, digits, `-` and `_`.
    #[schema(example = "welcome")]
    code: String,
    /// Its name, as printed.
    #[schema(example = "Welcome")]
    name: String,
    /// What it takes off, in percent: more than 0, up to 100. Either this or `amountOff`.
    #[schema(value_type = Option<String>, example = "20")]
    percent_off: Option<Digits>,
    /// What it takes off.
    amount_off: Option<Money>,
    /// What it reduces; everything, unless it is sent.
    restriction: Option<CouponRestriction>,
    /// For how many periods; once, unless it is sent.
    #[serde(default)]
    duration: CouponDuration,
    /// How often it may be redeemed; without bound, unless it is sent.
    #[schema(value_type = Option<u32>, minimum = 1)]
    max_redemptions: Option<NonZeroU32>,
    /// From when on it may not be redeemed any more.
    redeem_by: Option<Timestamp>,
}

/// Create a coupon
#[utoipa::path(
    post, path = "/v1/coupons", operation_id = "createCoupon", tag = "Coupons", security(("platformKey" = [])),
    request_body = NewCoupon,
    responses((status = 201, body = Coupon, description = "The coupon."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    creation: Creation,
    Json(new): Json<NewCoupon>,
) -> Result<(StatusCode, axum::Json<Coupon>), Problem> {
    let now = api.world().now();
    let targets = targets(&api, new.restriction.as_ref()).await?;
    let offer = decide(new, targets, CouponId::new(creation.uuid(&api, now)), now)?;
    match until_not_raced(|| api.world().create_coupon(&offer)).await? {
        CreateOutcome::Created => Ok((StatusCode::CREATED, axum::Json(offer.into()))),
        CreateOutcome::Repeated => {
            Ok((StatusCode::CREATED, axum::Json(named(&api, offer.terms.code.as_str()).await?.into())))
        }
        CreateOutcome::NameTaken => {
            Err(Problem::conflict("code_taken", "another coupon has this code; choose another").at("/code"))
        }
    }
}

/// What the coupon is restricted to; plans must exist, as their ids are kept.
async fn targets(api: &Api, restriction: Option<&CouponRestriction>) -> Result<CouponTargets, Problem> {
    let Some(CouponRestriction { prices, plans }) = restriction else { return Ok(CouponTargets::All) };
    let slug = |field: &str, (index, text): (usize, &String)| {
        Slug::parse(text).map_err(|violation| violation.under(&format!("/restriction/{field}/{index}")))
    };
    match (prices, plans) {
        (Some(_), Some(_)) => {
            Err(Violation::new("/restriction/plans", "not_allowed", "name prices or plans, not both").into())
        }
        (None, None) => Err(Violation::new("/restriction", "required", "name prices or plans").into()),
        (Some(prices), None) => {
            let slugs = prices.iter().enumerate().map(|price| slug("prices", price));
            Ok(CouponTargets::Prices(slugs.collect::<Result<_, Violation>>()?))
        }
        (None, Some(plans)) => {
            let mut named = Vec::with_capacity(plans.len().min(catalog::COUPON_TARGETS_MAX));
            // One more than there may be, so that too many are refused without asking for each.
            for (index, text) in plans.iter().enumerate().take(catalog::COUPON_TARGETS_MAX + 1) {
                let slug = slug("plans", (index, text))?;
                let unknown = || {
                    let pointer = format!("/restriction/plans/{index}");
                    Problem::from(Violation::new(pointer, "unknown_plan", "name a published plan"))
                };
                let plan = api.world().plan(&slug).await?.ok_or_else(unknown)?;
                named.push(PlanNamed { id: plan.id, slug });
            }
            Ok(CouponTargets::Plans(named))
        }
    }
}

fn decide(new: NewCoupon, targets: CouponTargets, id: CouponId, now: Timestamp) -> Result<CouponOffer, Violation> {
    let off = match (&new.percent_off, new.amount_off) {
        (Some(_), Some(_)) => {
            return Err(Violation::new("/amountOff", "not_allowed", "send a percentage or an amount, not both"));
        }
        (None, None) => return Err(Violation::new("/percentOff", "required", "send percentOff or amountOff")),
        (Some(Digits(text)), None) => {
            CouponOff::Percent(Percent::parse(text).map_err(|violation| violation.under("/percentOff"))?)
        }
        (None, Some(money)) => CouponOff::Amount(money.decide().map_err(|violation| violation.under("/amountOff"))?),
    };
    if new.redeem_by.is_some_and(|by| by <= now) {
        return Err(Violation::new("/redeemBy", "expires_in_past", "send an instant to come"));
    }
    let terms = CouponTerms {
        id,
        code: Slug::parse(&new.code).map_err(|violation| violation.under("/code"))?,
        name: new.name,
        off,
        targets,
        duration: new.duration.decide()?,
    };
    terms.check()?;
    Ok(CouponOffer {
        terms,
        redemptions_max: new.max_redemptions,
        redemptions: 0,
        redeem_by: new.redeem_by,
        created_at: now,
        archived_at: None,
    })
}

/// List coupons, by code
#[utoipa::path(
    get, path = "/v1/coupons", operation_id = "listCoupons", tag = "Coupons", security(("platformKey" = [])),
    params(PageParameters),
    responses((status = 200, body = List<Coupon>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: Platform,
    paging: Paging,
) -> Result<axum::Json<List<Coupon>>, Problem> {
    let page = api.world().coupons(paging.limit, paging.after.as_ref()).await?;
    Ok(paging.answer(page, Coupon::from))
}

/// Get a coupon
#[utoipa::path(
    get, path = "/v1/coupons/{code}", operation_id = "getCoupon", tag = "Coupons", security(("platformKey" = [])),
    params(("code" = String, Path, description = "Which coupon.")),
    responses((status = 200, body = Coupon, description = "The coupon."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    _: Platform,
    Path(code): Path<String>,
) -> Result<axum::Json<Coupon>, Problem> {
    Ok(axum::Json(named(&api, &code).await?.into()))
}

/// Archive a coupon
///
/// Nobody new gets it. Whoever has it keeps it.
#[utoipa::path(
    post, path = "/v1/coupons/{code}/archive", operation_id = "archiveCoupon", tag = "Coupons", security(("platformKey" = [])),
    params(("code" = String, Path, description = "Which coupon.")),
    responses((status = 200, body = Coupon, description = "The coupon as it is now."), WriteRefusals)
)]
pub(crate) async fn archive(
    State(api): State<Api>,
    _: Platform,
    Path(code): Path<String>,
) -> Result<axum::Json<Coupon>, Problem> {
    let code = Slug::parse(&code).map_err(|_| Problem::not_found())?;
    let archived = api.world().archive_coupon(&code, api.world().now()).await?;
    Ok(axum::Json(archived.ok_or_else(Problem::not_found)?.into()))
}

/// The coupon with this code.
async fn named(api: &Api, code: &str) -> Result<CouponOffer, Problem> {
    let code = Slug::parse(code).map_err(|_| Problem::not_found())?;
    api.world().coupon(&code).await?.ok_or_else(Problem::not_found)
}
