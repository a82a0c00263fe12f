//! The price calculator: what any price comes to for any usage. It reads no table and stores nothing.
//!
//! What is sent is in [`request`]; how prices look in the document is in [`document`].

mod document;
mod request;

pub(crate) use document::Price;

use crate::{
    auth::Caller,
    body::{Json, exact_text},
    openapi::ComputeRefusals,
    problem::Problem,
    routes::lines::{Floor, Step, SubLine},
};
use domain::{
    Violation,
    catalog::{self, Charge},
    invoice::TRUE_UP_SUFFIX,
    rating::{self, Rated, RatingError},
};
use request::{NewEstimate, Question};
use serde::Serialize;
use utoipa::ToSchema;

/// What a price comes to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Estimate {
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// What is to be paid now: the sum of what is due of the lines, in minor units.
    #[schema(example = 1250)]
    total_minor: i64,
    /// As an invoice would have them.
    lines: Vec<EstimateLine>,
}

/// A line of an estimate.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EstimateLine {
    /// `fee`, `seats`, `usage`, or `trueUp` for what the first line lacks to its minimum or commitment.
    #[schema(example = "usage")]
    kind: &'static str,
    /// The price's key, and `.true-up` behind it for a true-up.
    #[schema(example = "traffic")]
    key: String,
    /// The price's name.
    description: String,
    /// What was used in the period: units, value, amounts, or seats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1203")]
    quantity: Option<String>,
    /// What of it was billed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0")]
    billed_quantity: Option<String>,
    /// What of it is charged: converted, less the included units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "203")]
    billable: Option<String>,
    /// What the model charges, part by part.
    sub_lines: Vec<SubLine>,
    /// What each modifier did, in order.
    steps: Vec<Step>,
    /// Of a true-up, what is charged at least for a whole period.
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<Floor>,
    /// The amount in major units before its one rounding.
    #[schema(example = "12.4956")]
    exact: String,
    /// The same rounded once, half away from zero, in minor units.
    #[schema(example = 1250)]
    amount_minor: i64,
    /// What of it is to be paid now: less what was billed before; negative if that was more.
    #[schema(example = 1250)]
    due_minor: i64,
}

/// Estimate a price
///
/// It tells what a price comes to for a period, with the arithmetic, as an invoice would have it. Nothing is stored.
#[utoipa::path(
    post, path = "/v1/prices/estimate", operation_id = "estimatePrice", tag = "Plans", security(("tenantKey" = []), ("platformKey" = [])),
    request_body = NewEstimate,
    responses((status = 200, body = Estimate, description = "What it comes to."), ComputeRefusals)
)]
pub(crate) async fn estimate(_: Caller, Json(new): Json<NewEstimate>) -> Result<axum::Json<Estimate>, Problem> {
    let Question { price, usage, period } = new.decide()?;
    let rated = rating::rate(&price, &usage, &period).map_err(|error| refusal(&error))?;
    let total = rated.total_due().map_err(|error| refusal(&error))?;
    Ok(axum::Json(Estimate {
        currency: total.currency.to_string(),
        total_minor: total.amount_minor,
        lines: lines(&price, &rated),
    }))
}

fn lines(price: &catalog::Price, rated: &Rated) -> Vec<EstimateLine> {
    let kind = match price.charge() {
        Charge::Flat { .. } | Charge::OneTime { .. } => "fee",
        Charge::Seats { .. } => "seats",
        Charge::Usage(_) => "usage",
    };
    let line = EstimateLine {
        kind,
        key: price.key().to_string(),
        description: price.name().to_owned(),
        quantity: Some(exact_text(rated.quantity)),
        billed_quantity: Some(exact_text(rated.billed_quantity)),
        billable: Some(exact_text(rated.billable)),
        sub_lines: rated.sub_lines.iter().map(SubLine::from).collect(),
        steps: rated.steps.iter().map(Step::from).collect(),
        floor: None,
        exact: exact_text(rated.exact),
        amount_minor: rated.amount.amount_minor,
        due_minor: rated.due.amount_minor,
    };
    let true_up = rated.true_up.as_ref().map(|true_up| EstimateLine {
        kind: "trueUp",
        key: format!("{}{}", price.key(), TRUE_UP_SUFFIX),
        description: price.name().to_owned(),
        floor: Some(Floor::from(true_up.floor)),
        exact: exact_text(true_up.exact),
        amount_minor: true_up.amount.amount_minor,
        due_minor: true_up.due.amount_minor,
        ..EstimateLine::default()
    });
    std::iter::once(line).chain(true_up).collect()
}

/// The price is right by now, so it is the usage that cannot be rated.
fn refusal(error: &RatingError) -> Problem {
    let violation = match error {
        RatingError::OutOfRange(_) => Violation::new("", "amount_out_of_range", "ask for less: no invoice is so large"),
        RatingError::WrongUsage { needs, .. } => {
            let message = format!("the price needs {needs}");
            Violation::new("/eventValues", "required", message)
        }
        RatingError::TooManyDays | RatingError::TooManyWindows | RatingError::MixedCurrencies => {
            return Problem::internal(error.to_string());
        }
    };
    violation.into()
}
