//! A meter: which events it picks, and the value it takes out of each.
//!
//! Invariant: a meter never changes once events were counted by it; another rule is another meter.

use super::{
    UsageEvent,
    data::{self, Path},
    event,
    quantity::{Quantity, QuantityError},
    scalar::Scalar,
    tally::Reading,
};
use crate::{
    Violation,
    id::MeterId,
    text::{self, Slug},
};
use rust_decimal::Decimal;
use std::fmt;

/// Most dimensions that a meter groups by.
pub const DIMENSIONS_MAX: usize = 5;
/// Most filters of a meter.
pub const FILTERS_MAX: usize = 5;
/// Most values of one filter.
pub const FILTER_VALUES_MAX: usize = 50;
/// Longest value of one dimension, in bytes.
pub const DIMENSION_VALUE_BYTES_MAX: usize = 128;

/// How the values of many events become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// The number of events.
    Count,
    /// The sum of the quantity at the path.
    Sum(Path),
    /// The smallest quantity at the path.
    Min(Path),
    /// The largest quantity at the path.
    Max(Path),
    /// The quantity at the path of the last event, by event time.
    Latest(Path),
    /// The mean of the quantities at the path.
    Average(Path),
    /// The level that the quantities at the path raise and lower, weighted by the time it stood, from zero at the start.
    WeightedSum(Path),
    /// The number of distinct values at the path.
    UniqueCount(Path),
}

impl Aggregation {
    /// Where the value is, unless events are only counted.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Count => None,
            Self::Sum(path)
            | Self::Min(path)
            | Self::Max(path)
            | Self::Latest(path)
            | Self::Average(path)
            | Self::WeightedSum(path)
            | Self::UniqueCount(path) => Some(path),
        }
    }

    /// Whether a quantity may be below zero: where each one is a change.
    #[must_use]
    pub fn takes_negatives(&self) -> bool {
        matches!(self, Self::Sum(_) | Self::WeightedSum(_))
    }
}

/// What an event must say to be picked: one of some values at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Where the value is.
    pub path: Path,
    /// The values of which it must be one, as text.
    pub any_of: Vec<String>,
}

/// A place in the data that a meter reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The value.
    Value,
    /// A dimension, by position.
    Dimension(usize),
    /// What a filter looks at, by position.
    Filter(usize),
}

/// A part of the payload that usage is broken down by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// How queries name it.
    pub name: Slug,
    /// Where its value is.
    pub path: Path,
}

/// A rule that turns events into a quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Who it is.
    pub id: MeterId,
    /// How prices and queries name it.
    pub slug: Slug,
    /// What people call it.
    pub name: String,
    /// The type of the events that it picks.
    pub event_type: String,
    /// What they must say besides; all of it.
    pub filters: Vec<Filter>,
    /// How their values become one.
    pub aggregation: Aggregation,
    /// What the value is broken down by.
    pub dimensions: Vec<Dimension>,
}

/// The values of a meter's dimensions, in order; empty for a meter without dimensions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey(pub Vec<String>);

/// What one event adds to one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measurement {
    /// Adds to a count or a sum.
    Add(Decimal),
    /// Raises a maximum.
    Max(Decimal),
    /// A member of a set of distinct values, as a digest.
    Member(ValueDigest),
}

/// 128 bits that stand for one value of a unique count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueDigest(pub [u8; 16]);

impl fmt::Display for ValueDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::Hex(&self.0).fmt(f)
    }
}

impl Meter {
    /// Checks what the types leave open: the name, the event type, and the number and names of the dimensions.
    pub fn check(&self) -> Result<(), Violation> {
        text::check_name(&self.name).map_err(|violation| violation.under("/name"))?;
        if self.event_type.is_empty() || self.event_type.len() > event::ID_LENGTH_MAX {
            let message = format!("use 1 to {} bytes", event::ID_LENGTH_MAX);
            return Err(Violation::new("/eventType", "invalid_event_type", message));
        }
        if self.dimensions.len() > DIMENSIONS_MAX {
            let message = format!("group by at most {DIMENSIONS_MAX} dimensions");
            return Err(Violation::new("/dimensions", "too_many_dimensions", message));
        }
        self.check_filters()?;
        for (index, dimension) in self.dimensions.iter().enumerate() {
            if self.dimensions[..index].iter().any(|earlier| earlier.name == dimension.name) {
                let pointer = format!("/dimensions/{index}/name");
                return Err(Violation::new(pointer, "duplicate_name", "name each dimension once"));
            }
        }
        Ok(())
    }

    fn check_filters(&self) -> Result<(), Violation> {
        if self.filters.len() > FILTERS_MAX {
            return Err(Violation::new("/filters", "too_many_filters", format!("use at most {FILTERS_MAX} filters")));
        }
        for (index, filter) in self.filters.iter().enumerate() {
            let pointer = format!("/filters/{index}/anyOf");
            if filter.any_of.is_empty() || filter.any_of.len() > FILTER_VALUES_MAX {
                return Err(Violation::new(pointer, "invalid_filter", format!("name 1 to {FILTER_VALUES_MAX} values")));
            }
            if filter.any_of.iter().any(|value| value.len() > DIMENSION_VALUE_BYTES_MAX) {
                let message = format!("use at most {DIMENSION_VALUE_BYTES_MAX} bytes a value");
                return Err(Violation::new(pointer, "too_long", message));
            }
        }
        Ok(())
    }

    /// Where `field` is in the data; `None` for the value of a count.
    #[must_use]
    pub fn path(&self, field: Field) -> Option<&Path> {
        match field {
            Field::Value => self.aggregation.path(),
            Field::Dimension(position) => self.dimensions.get(position).map(|dimension| &dimension.path),
            Field::Filter(position) => self.filters.get(position).map(|filter| &filter.path),
        }
    }

    /// What an event of this meter's type says to it; `None` if a filter leaves it out.
    pub fn read<'v>(&self, scalar: impl Fn(Field) -> Option<Scalar<'v>>) -> Result<Option<Reading>, Violation> {
        for (position, filter) in self.filters.iter().enumerate() {
            let passes = scalar(Field::Filter(position)).is_some_and(|scalar| {
                let text = scalar.text();
                filter.any_of.iter().any(|value| *value == text)
            });
            if !passes {
                return Ok(None);
            }
        }
        Ok(Some(match &self.aggregation {
            Aggregation::Count => Reading::Event,
            Aggregation::UniqueCount(path) => Reading::Member(self.member(path, scalar(Field::Value))?),
            Aggregation::Sum(path)
            | Aggregation::Min(path)
            | Aggregation::Max(path)
            | Aggregation::Latest(path)
            | Aggregation::Average(path)
            | Aggregation::WeightedSum(path) => Reading::Quantity(self.quantity(path, scalar(Field::Value))?),
        }))
    }

    /// The group that an event belongs to. A missing dimension is a group of its own: the event still counts.
    pub fn group_of<'v>(&self, scalar: impl Fn(Field) -> Option<Scalar<'v>>) -> Result<GroupKey, Violation> {
        let mut values = Vec::with_capacity(self.dimensions.len());
        for (position, dimension) in self.dimensions.iter().enumerate() {
            let value = scalar(Field::Dimension(position)).map(Scalar::text).unwrap_or_default();
            if value.len() > DIMENSION_VALUE_BYTES_MAX {
                let message = format!("meter {}: send at most {DIMENSION_VALUE_BYTES_MAX} bytes", self.slug);
                return Err(Violation::new(pointer(&dimension.path), "dimension_too_long", message));
            }
            values.push(value.into_owned());
        }
        Ok(GroupKey(values))
    }

    fn quantity(&self, path: &Path, scalar: Option<Scalar<'_>>) -> Result<Quantity, Violation> {
        let refuse =
            |code, message: &str| Violation::new(pointer(path), code, format!("meter {}: {message}", self.slug));
        let scalar = scalar.ok_or_else(|| refuse("quantity_missing", "send the quantity"))?;
        let quantity = scalar.quantity().map_err(|error| match error {
            QuantityError::NotANumber => refuse("quantity_not_a_number", "send a number or a string that holds one"),
            QuantityError::OutOfRange => {
                refuse("quantity_out_of_range", "send at most 15 digits before and 9 after the point")
            }
        })?;
        if quantity < Quantity::ZERO && !self.aggregation.takes_negatives() {
            return Err(refuse("quantity_negative", "send zero or more; take usage back by voiding its event"));
        }
        Ok(quantity)
    }

    fn member(&self, path: &Path, scalar: Option<Scalar<'_>>) -> Result<ValueDigest, Violation> {
        let scalar = scalar.ok_or_else(|| {
            let message = format!("meter {}: send a string, number or boolean", self.slug);
            Violation::new(pointer(path), "value_missing", message)
        })?;
        Ok(ValueDigest(event::digest(&[&scalar.text()])))
    }

    /// What `event` adds, and to which group; `None` if this meter does not pick it.
    pub fn measure(&self, event: &UsageEvent) -> Result<Option<(GroupKey, Measurement)>, Violation> {
        if event.event_type != self.event_type {
            return Ok(None);
        }
        let measurement = match &self.aggregation {
            Aggregation::Count => Measurement::Add(Decimal::ONE),
            Aggregation::Sum(path) => Measurement::Add(self.quantity_at(event, path)?),
            Aggregation::Min(path)
            | Aggregation::Latest(path)
            | Aggregation::Average(path)
            | Aggregation::WeightedSum(path)
            | Aggregation::Max(path) => Measurement::Max(self.quantity_at(event, path)?),
            Aggregation::UniqueCount(path) => Measurement::Member(self.member_at(event, path)?),
        };
        Ok(Some((self.group(event)?, measurement)))
    }

    fn quantity_at(&self, event: &UsageEvent, path: &Path) -> Result<Decimal, Violation> {
        let refuse =
            |code, message: &str| Violation::new(pointer(path), code, format!("meter {}: {message}", self.slug));
        let member = event.data.at(path).ok_or_else(|| refuse("quantity_missing", "send the quantity"))?;
        let quantity = data::quantity(&member).map_err(|error| match error {
            QuantityError::NotANumber => refuse("quantity_not_a_number", "send a number or a string that holds one"),
            QuantityError::OutOfRange => {
                refuse("quantity_out_of_range", "send at most 15 digits before and 9 after the point")
            }
        })?;
        if quantity.is_sign_negative() && !quantity.is_zero() {
            return Err(refuse("quantity_negative", "send zero or more; take usage back by voiding its event"));
        }
        Ok(quantity)
    }

    fn member_at(&self, event: &UsageEvent, path: &Path) -> Result<ValueDigest, Violation> {
        let member = event.data.at(path);
        let value = member.as_deref().and_then(data::scalar).ok_or_else(|| {
            let message = format!("meter {}: send a string, number or boolean", self.slug);
            Violation::new(pointer(path), "value_missing", message)
        })?;
        Ok(ValueDigest(event::digest(&[&value])))
    }

    fn group(&self, event: &UsageEvent) -> Result<GroupKey, Violation> {
        let value_of = |dimension: &Dimension| {
            let member = event.data.at(&dimension.path);
            // A missing dimension is a group of its own: the event still counts in the total.
            let value = member.as_deref().and_then(data::scalar).unwrap_or_default().into_owned();
            if value.len() <= DIMENSION_VALUE_BYTES_MAX {
                return Ok(value);
            }
            let message = format!("meter {}: send at most {DIMENSION_VALUE_BYTES_MAX} bytes", self.slug);
            Err(Violation::new(pointer(&dimension.path), "dimension_too_long", message))
        };
        self.dimensions.iter().map(value_of).collect::<Result<_, _>>().map(GroupKey)
    }
}

fn pointer(path: &Path) -> String {
    path.to_string().replacen('$', "/data", 1).replace('.', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{EventData, TimeBasis};
    use jiff::Timestamp;
    use rstest::rstest;
    use serde_json::value::RawValue;

    fn meter(aggregation: Aggregation, dimensions: &[&str]) -> Meter {
        Meter {
            id: MeterId::derived(&["bytes"]),
            slug: Slug::parse("bytes").unwrap(),
            name: "Bytes".to_owned(),
            event_type: "request".to_owned(),
            filters: Vec::new(),
            aggregation,
            dimensions: dimensions
                .iter()
                .map(|name| Dimension { name: Slug::parse(name).unwrap(), path: path(&format!("$.{name}")) })
                .collect(),
        }
    }

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    fn event(data: &str) -> UsageEvent {
        UsageEvent {
            id: "1".to_owned(),
            source: "edge".to_owned(),
            event_type: "request".to_owned(),
            occurred_at: Timestamp::UNIX_EPOCH,
            time_basis: TimeBasis::Event,
            data: EventData::new(RawValue::from_string(data.to_owned()).unwrap()).unwrap(),
        }
    }

    #[rstest]
    #[case::number(r#"{"n":1.5}"#, Ok("1.5"))]
    #[case::zero(r#"{"n":0}"#, Ok("0"))]
    #[case::negative_zero(r#"{"n":-0}"#, Ok("0"))]
    #[case::missing("{}", Err("quantity_missing"))]
    #[case::words(r#"{"n":"many"}"#, Err("quantity_not_a_number"))]
    #[case::negative(r#"{"n":-1}"#, Err("quantity_negative"))]
    #[case::too_large(r#"{"n":1e20}"#, Err("quantity_out_of_range"))]
    fn a_sum_takes_a_quantity(#[case] data: &str, #[case] expect: Result<&str, &str>) {
        let measured = meter(Aggregation::Sum(path("$.n")), &[]).measure(&event(data));
        let got = measured.map(|measured| match measured {
            Some((_, Measurement::Add(value))) => value.to_string(),
            other => panic!("expected a sum, got {other:?}"),
        });
        assert_eq!(got.map_err(|violation| violation.code), expect.map(str::to_owned));
    }

    #[test]
    fn a_refusal_points_at_the_member() {
        let refusal = meter(Aggregation::Max(path("$.a.n")), &[]).measure(&event("{}")).unwrap_err();
        assert_eq!(refusal.pointer, "/data/a/n");
    }

    #[test]
    fn another_type_is_not_picked() {
        let other = UsageEvent { event_type: "login".to_owned(), ..event("{}") };
        assert_eq!(meter(Aggregation::Count, &[]).measure(&other), Ok(None));
    }

    #[rstest]
    #[case::string(r#"{"region":"eu"}"#, "eu")]
    #[case::number(r#"{"region":7}"#, "7")]
    #[case::missing("{}", "")]
    #[case::an_object_is_no_value(r#"{"region":{}}"#, "")]
    fn a_dimension_groups(#[case] data: &str, #[case] group: &str) {
        let (key, _) = meter(Aggregation::Count, &["region"]).measure(&event(data)).unwrap().unwrap();
        assert_eq!(key, GroupKey(vec![group.to_owned()]));
    }

    #[test]
    fn equal_values_are_one_member() {
        let unique = meter(Aggregation::UniqueCount(path("$.ip")), &[]);
        let member = |data: &str| unique.measure(&event(data)).unwrap().unwrap().1;
        assert_eq!(member(r#"{"ip":"::1"}"#), member(r#"{"ip":"\u003a:1"}"#));
        assert_ne!(member(r#"{"ip":"::1"}"#), member(r#"{"ip":"::2"}"#));
        assert_eq!(unique.measure(&event("{}")).unwrap_err().code, "value_missing");
    }

    #[test]
    fn a_dimension_is_named_once() {
        let twice = meter(Aggregation::Count, &["region", "region"]);
        assert_eq!(twice.check().unwrap_err().pointer, "/dimensions/1/name");
    }
}
