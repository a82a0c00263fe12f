//! How the counters of a meter become the usage that a price is rated for, and which meter cannot feed which price.
//!
//! | model | aggregation of its meter | what it is given |
//! |---|---|---|
//! | `perUnit`, `graduated`, `volume`, `package` | any | the total |
//! | `percentage`, `graduatedPercentage` | `sum`, `average` | the sum of the values |
//! | `percentage` with a fee for each event | `average`, which keeps the sum and the number | both of them |
//! | `percentage` with free events or bounds | none: counters do not keep the value of each event | |
//! | `matrix` | `count`, `sum`: of others, the groups of a cell cannot be added up | the total of each group |
//! | `dynamic` | `sum` | the sum of the amounts |
//!
//! Invariant: what [`Feed::of`] lets through, [`rate`](super::rate) never refuses for its kind of usage.

use super::{GroupUsage, Usage};
use crate::{
    Violation,
    calendar::Period,
    catalog::{Matrix, Percentage, PriceModel, UsageCharge},
    money::Rate,
    usage::{
        Aggregation, GroupKey, Meter, TotalOutOfRange,
        window::{self, HourlyCounter},
    },
};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// What a price takes from the counters of its meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The total.
    Quantity,
    /// The sum of the values; nobody asks how many there were.
    Value,
    /// The sum of the values, and how many there were.
    ValueAndEvents,
    /// The total of each group.
    Groups,
    /// The sum of the amounts that came with the events.
    Amount,
}

impl Feed {
    /// What `charge` takes from `meter`, if that has it; a refusal's pointer is relative to the price.
    pub fn of(charge: &UsageCharge, meter: &Meter) -> Result<Self, Violation> {
        match charge.model() {
            PriceModel::PerUnit { .. }
            | PriceModel::Graduated { .. }
            | PriceModel::Volume { .. }
            | PriceModel::Package(_) => Ok(Self::Quantity),
            PriceModel::Percentage(percentage) => of_percentage(percentage, &meter.aggregation),
            PriceModel::GraduatedPercentage { .. } => of_value(&meter.aggregation),
            PriceModel::Matrix(matrix) => of_matrix(matrix, meter),
            PriceModel::Dynamic { .. } => match meter.aggregation {
                Aggregation::Sum(_) => Ok(Self::Amount),
                Aggregation::Count
                | Aggregation::Min(_)
                | Aggregation::Max(_)
                | Aggregation::Latest(_)
                | Aggregation::Average(_)
                | Aggregation::WeightedSum(_)
                | Aggregation::UniqueCount(_) => Err(unfit("name a meter that sums the amounts of the events")),
            },
        }
    }

    /// The usage of `spans`, of which `counters` are those of `meter`; together they are one usage.
    pub fn usage(
        self,
        meter: &Meter,
        counters: Vec<HourlyCounter>,
        spans: &[Period],
    ) -> Result<Usage, TotalOutOfRange> {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Err(TotalOutOfRange) };
        let period = Period::new(first.start(), last.end()).ok_or(TotalOutOfRange)?;
        Ok(match self {
            Self::Quantity if spans.len() > 1 && matches!(meter.aggregation, Aggregation::WeightedSum(_)) => {
                Usage::Quantity(weighted(&counters, spans)?)
            }
            Self::Quantity => Usage::Quantity(window::total(counters, period)?),
            Self::Value | Self::ValueAndEvents if matches!(meter.aggregation, Aggregation::Average(_)) => {
                let (value, events) = window::sum_and_count(counters)?;
                Usage::Value { value, events }
            }
            Self::Value | Self::ValueAndEvents => Usage::Value { value: window::total(counters, period)?, events: 0 },
            Self::Groups => {
                let totals = window::combine(counters, |counter| counter.group.clone(), |_| period)?;
                Usage::Groups(totals.into_iter().map(|(group, total)| of_group(meter, group, total)).collect())
            }
            Self::Amount => Usage::Amount(window::total(counters, period)?),
        })
    }
}

/// What stood for how long in each of `spans`: between them nothing is charged, however long it stood.
fn weighted(counters: &[HourlyCounter], spans: &[Period]) -> Result<Decimal, TotalOutOfRange> {
    let mut sum = Decimal::ZERO;
    for span in spans {
        let within = counters.iter().filter(|counter| span.contains(counter.hour)).cloned();
        sum = sum.checked_add(window::total(within, *span)?).ok_or(TotalOutOfRange)?;
    }
    Ok(sum)
}

fn of_group(meter: &Meter, group: GroupKey, quantity: Decimal) -> GroupUsage {
    let names = meter.dimensions.iter().map(|dimension| dimension.name.to_string());
    GroupUsage { values: names.zip(group.0).collect::<BTreeMap<_, _>>(), quantity }
}

fn of_percentage(percentage: &Percentage, aggregation: &Aggregation) -> Result<Feed, Violation> {
    for (pointer, is_sent) in [
        ("/model/freeEvents", percentage.free_events().is_some()),
        ("/model/minimumPerEvent", percentage.minimum().is_some()),
        ("/model/maximumPerEvent", percentage.maximum().is_some()),
    ] {
        if is_sent {
            let message = "meters do not keep the value of each event; leave it out";
            return Err(Violation::new(pointer, "needs_each_event", message));
        }
    }
    if percentage.fixed_fee() == Rate::ZERO {
        return of_value(aggregation);
    }
    match aggregation {
        Aggregation::Average(_) => Ok(Feed::ValueAndEvents),
        Aggregation::Count
        | Aggregation::Sum(_)
        | Aggregation::Min(_)
        | Aggregation::Max(_)
        | Aggregation::Latest(_)
        | Aggregation::WeightedSum(_)
        | Aggregation::UniqueCount(_) => {
            Err(unfit("name a meter of the aggregation average, which keeps the sum and the number of the values"))
        }
    }
}

fn of_value(aggregation: &Aggregation) -> Result<Feed, Violation> {
    match aggregation {
        Aggregation::Sum(_) | Aggregation::Average(_) => Ok(Feed::Value),
        Aggregation::Count
        | Aggregation::Min(_)
        | Aggregation::Max(_)
        | Aggregation::Latest(_)
        | Aggregation::WeightedSum(_)
        | Aggregation::UniqueCount(_) => Err(unfit("name a meter that sums the values of the events")),
    }
}

fn of_matrix(matrix: &Matrix, meter: &Meter) -> Result<Feed, Violation> {
    for (index, name) in matrix.dimensions().iter().enumerate() {
        if !meter.dimensions.iter().any(|dimension| dimension.name == *name) {
            let pointer = format!("/model/dimensions/{index}");
            return Err(Violation::new(pointer, "unknown_dimension", "name a dimension of the meter"));
        }
    }
    match meter.aggregation {
        Aggregation::Count | Aggregation::Sum(_) => Ok(Feed::Groups),
        Aggregation::Min(_)
        | Aggregation::Max(_)
        | Aggregation::Latest(_)
        | Aggregation::Average(_)
        | Aggregation::WeightedSum(_)
        | Aggregation::UniqueCount(_) => Err(unfit("name a meter that counts or sums, whose groups add up")),
    }
}

fn unfit(message: &str) -> Violation {
    Violation::new("/meter", "unfit_aggregation", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{Charge, Price, PriceShape},
        id::MeterId,
        rating::{PeriodState, rate},
        text::Slug,
        usage::{Dimension, Path, Quantity, Tally, window::CounterValue},
    };
    use rstest::rstest;

    fn meter(aggregation: &str) -> Meter {
        let path = || Path::parse("$.n").unwrap();
        let aggregation = match aggregation {
            "count" => Aggregation::Count,
            "sum" => Aggregation::Sum(path()),
            "min" => Aggregation::Min(path()),
            "max" => Aggregation::Max(path()),
            "latest" => Aggregation::Latest(path()),
            "average" => Aggregation::Average(path()),
            "weightedSum" => Aggregation::WeightedSum(path()),
            _ => Aggregation::UniqueCount(path()),
        };
        let slug = |text: &str| Slug::parse(text).unwrap();
        let dimension = |name: &str| Dimension { name: slug(name), path: path() };
        Meter {
            id: MeterId::derived(&["m"]),
            slug: slug("m"),
            name: "M".to_owned(),
            event_type: "m".to_owned(),
            filters: Vec::new(),
            aggregation,
            dimensions: vec![dimension("region"), dimension("size")],
        }
    }

    fn price(model: &str) -> Price {
        let json = format!(r#"{{"key":"k","name":"K","meter":"m","model":{model}}}"#);
        Price::try_from(serde_json::from_str::<PriceShape>(&json).unwrap()).unwrap()
    }

    fn feed(price: &Price, meter: &Meter) -> Result<Feed, (String, &'static str)> {
        let Charge::Usage(charge) = price.charge() else { panic!("not usage") };
        Feed::of(charge, meter).map_err(|violation| (violation.pointer, violation.code))
    }

    const PER_UNIT: &str = r#"{"type":"perUnit","unitPrice":"2"}"#;
    const PERCENT: &str = r#"{"type":"percentage","percent":"10"}"#;
    const FREE_VALUE: &str = r#"{"type":"percentage","percent":"10","freeValue":"5"}"#;
    const FEE: &str = r#"{"type":"percentage","percent":"10","fixedFee":"0.5"}"#;
    const FREE_EVENTS: &str = r#"{"type":"percentage","percent":"10","freeEvents":3}"#;
    const AT_LEAST: &str = r#"{"type":"percentage","percent":"10","minimumPerEvent":"1"}"#;
    const AT_MOST: &str = r#"{"type":"percentage","percent":"10","maximumPerEvent":"1"}"#;
    const GRADUATED: &str = r#"{"type":"graduatedPercentage","tiers":[{"upTo":"10","percent":"10"},{"percent":"5"}]}"#;
    const MATRIX: &str = r#"{"type":"matrix","dimensions":["size"],"cells":[{"values":{"size":"big"},"unitPrice":"3"}],"defaultUnitPrice":"1"}"#;
    const FOREIGN: &str = r#"{"type":"matrix","dimensions":["size","colour"],"cells":[{"values":{"size":"big"},"unitPrice":"3"}],"defaultUnitPrice":"1"}"#;
    const DYNAMIC: &str = r#"{"type":"dynamic"}"#;

    #[rstest]
    #[case(PER_UNIT, "sum count min max latest average weightedSum uniqueCount", Ok(Feed::Quantity))]
    #[case(PERCENT, "sum average", Ok(Feed::Value))]
    #[case(PERCENT, "count min max latest weightedSum uniqueCount", Err(("/meter", "unfit_aggregation")))]
    #[case(FREE_VALUE, "sum average", Ok(Feed::Value))]
    #[case(FEE, "average", Ok(Feed::ValueAndEvents))]
    #[case(FEE, "sum count min max latest weightedSum uniqueCount", Err(("/meter", "unfit_aggregation")))]
    #[case(FREE_EVENTS, "sum count average", Err(("/model/freeEvents", "needs_each_event")))]
    #[case(AT_LEAST, "sum average", Err(("/model/minimumPerEvent", "needs_each_event")))]
    #[case(AT_MOST, "sum average", Err(("/model/maximumPerEvent", "needs_each_event")))]
    #[case(GRADUATED, "sum average", Ok(Feed::Value))]
    #[case(GRADUATED, "count min max latest weightedSum uniqueCount", Err(("/meter", "unfit_aggregation")))]
    #[case(MATRIX, "sum count", Ok(Feed::Groups))]
    #[case(MATRIX, "min max latest average weightedSum uniqueCount", Err(("/meter", "unfit_aggregation")))]
    #[case(FOREIGN, "sum", Err(("/model/dimensions/1", "unknown_dimension")))]
    #[case(DYNAMIC, "sum", Ok(Feed::Amount))]
    #[case(DYNAMIC, "count min max latest average weightedSum uniqueCount", Err(("/meter", "unfit_aggregation")))]
    fn a_model_is_fed_by_what_fits(
        #[case] model: &str,
        #[case] aggregations: &str,
        #[case] expect: Result<Feed, (&str, &'static str)>,
    ) {
        for aggregation in aggregations.split(' ') {
            let expect = expect.map_err(|(pointer, code)| (pointer.to_owned(), code));
            assert_eq!(feed(&price(model), &meter(aggregation)), expect, "{aggregation}");
        }
    }

    fn counter(hour: u8, group: [&str; 2], tally: Tally) -> HourlyCounter {
        HourlyCounter {
            hour: format!("2026-05-01T{hour:02}:00:00Z").parse().unwrap(),
            group: GroupKey(group.map(str::to_owned).to_vec()),
            value: CounterValue::Tally(tally),
        }
    }

    // 2 in small and 3 + 4 in big, over two hours and two regions; as an average they are the values of three events.
    #[rstest]
    #[case::per_unit(PER_UNIT, "sum", "18")]
    // 10 % of 9, and of 9 − 5.
    #[case::percent(PERCENT, "sum", "0.9")]
    #[case::percent_of_an_average(PERCENT, "average", "0.9")]
    #[case::free_value(FREE_VALUE, "sum", "0.4")]
    // 10 % of 9 and 3 × 0.5.
    #[case::fee(FEE, "average", "2.4")]
    #[case::graduated(GRADUATED, "sum", "0.9")]
    // 7 × 3 and 2 × 1.
    #[case::matrix(MATRIX, "sum", "23")]
    #[case::dynamic(DYNAMIC, "sum", "9")]
    fn counters_are_rated(#[case] model: &str, #[case] aggregation: &str, #[case] expect: Decimal) {
        let (price, meter) = (price(model), meter(aggregation));
        let tally = |n: u64| match aggregation {
            "average" => Tally::Average { sum: Quantity::whole(n), count: 1 },
            _ => Tally::Sum(Quantity::whole(n)),
        };
        let groups = [["eu", "small"], ["eu", "big"], ["us", "big"]];
        let counters =
            vec![counter(1, groups[0], tally(2)), counter(1, groups[1], tally(3)), counter(2, groups[2], tally(4))];
        let day = |text: &str| text.parse().unwrap();
        let period = Period::new(day("2026-05-01T00:00:00Z"), day("2026-06-01T00:00:00Z")).unwrap();
        let feed = feed(&price, &meter).unwrap();
        let whole = PeriodState::whole("USD".parse().unwrap());
        let of = |counters| rate(&price, &feed.usage(&meter, counters, &[period]).unwrap(), &whole).unwrap().exact;
        assert_eq!(of(counters), expect);
        assert_eq!(of(Vec::new()), Decimal::ZERO);
    }
}
