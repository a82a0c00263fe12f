//! A meter: which events it picks, and the value it takes out of each.
//!
//! Invariant: a meter never changes once events were counted by it; another rule is another meter.

use super::{
    data::Path,
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
}

fn pointer(path: &Path) -> String {
    path.to_string().replacen('$', "/data", 1).replace('.', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

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

    /// What the meter says to an event whose value and only dimension or filtered value are these.
    fn read<'v>(
        meter: &Meter,
        value: Option<Scalar<'v>>,
        other: Option<Scalar<'v>>,
    ) -> Result<Option<Reading>, Violation> {
        meter.read(|field| if field == Field::Value { value } else { other })
    }

    #[rstest]
    #[case::number(Some(Scalar::number("1.5")), Ok("1.5"))]
    #[case::zero(Some(Scalar::number("0")), Ok("0"))]
    #[case::negative_zero(Some(Scalar::number("-0")), Ok("0"))]
    #[case::a_change(Some(Scalar::number("-1")), Ok("-1"))]
    #[case::missing(None, Err("quantity_missing"))]
    #[case::words(Some(Scalar::Text("many")), Err("quantity_not_a_number"))]
    #[case::boolean(Some(Scalar::Boolean(true)), Err("quantity_not_a_number"))]
    #[case::too_large(Some(Scalar::number("1e20")), Err("quantity_out_of_range"))]
    fn a_sum_takes_a_quantity(#[case] value: Option<Scalar<'_>>, #[case] expect: Result<&str, &str>) {
        let reading = read(&meter(Aggregation::Sum(path("$.n")), &[]), value, None);
        let got = reading.map(|reading| match reading {
            Some(Reading::Quantity(value)) => value.to_string(),
            other => panic!("expected a quantity, got {other:?}"),
        });
        assert_eq!(got.map_err(|violation| violation.code), expect.map(str::to_owned));
    }

    #[rstest]
    #[case(Aggregation::Sum(path("$.n")), true)]
    #[case(Aggregation::WeightedSum(path("$.n")), true)]
    #[case(Aggregation::Min(path("$.n")), false)]
    #[case(Aggregation::Max(path("$.n")), false)]
    #[case(Aggregation::Latest(path("$.n")), false)]
    #[case(Aggregation::Average(path("$.n")), false)]
    fn only_a_change_may_be_negative(#[case] aggregation: Aggregation, #[case] allowed: bool) {
        let refusal = read(&meter(aggregation, &[]), Some(Scalar::number("-1")), None).err();
        assert_eq!(refusal.map(|violation| violation.code), (!allowed).then_some("quantity_negative"));
    }

    #[test]
    fn a_refusal_points_at_the_member() {
        let refusal = read(&meter(Aggregation::Max(path("$.a.n")), &[]), None, None).unwrap_err();
        assert_eq!(refusal.pointer, "/data/a/n");
    }

    #[rstest]
    #[case::string(Some(Scalar::Text("eu")), "eu")]
    #[case::number(Some(Scalar::number("7.0")), "7.0")]
    #[case::boolean(Some(Scalar::Boolean(true)), "true")]
    #[case::missing(None, "")]
    fn a_dimension_groups(#[case] value: Option<Scalar<'_>>, #[case] group: &str) {
        let meter = meter(Aggregation::Count, &["region"]);
        assert_eq!(meter.group_of(|_| value), Ok(GroupKey(vec![group.to_owned()])));
    }

    #[test]
    fn a_long_dimension_is_refused() {
        let long = "x".repeat(DIMENSION_VALUE_BYTES_MAX + 1);
        let refusal = meter(Aggregation::Count, &["region"]).group_of(|_| Some(Scalar::Text(&long))).unwrap_err();
        assert_eq!((refusal.pointer.as_str(), refusal.code), ("/data/region", "dimension_too_long"));
    }

    #[rstest]
    #[case::one_of_them(Some(Scalar::Text("PUT")), true)]
    #[case::another(Some(Scalar::Text("DELETE")), false)]
    #[case::a_number_as_text(Some(Scalar::number("7")), true)]
    #[case::missing(None, false)]
    fn a_filter_leaves_events_out(#[case] value: Option<Scalar<'_>>, #[case] picked: bool) {
        let mut meter = meter(Aggregation::Count, &[]);
        meter.filters.push(Filter { path: path("$.verb"), any_of: ["GET", "PUT", "7"].map(str::to_owned).to_vec() });
        assert_eq!(read(&meter, None, value), Ok(picked.then_some(Reading::Event)));
    }

    #[test]
    fn a_filter_comes_before_the_value() {
        let mut meter = meter(Aggregation::Sum(path("$.n")), &[]);
        meter.filters.push(Filter { path: path("$.verb"), any_of: vec!["GET".to_owned()] });
        assert_eq!(read(&meter, None, None), Ok(None));
    }

    #[test]
    fn equal_values_are_one_member() {
        let unique = meter(Aggregation::UniqueCount(path("$.ip")), &[]);
        let member = |value| read(&unique, Some(value), None).unwrap();
        assert_eq!(member(Scalar::Text("1")), member(Scalar::number("1")));
        assert_ne!(member(Scalar::Text("::1")), member(Scalar::Text("::2")));
        assert_eq!(read(&unique, None, None).unwrap_err().code, "value_missing");
    }

    #[test]
    fn a_dimension_is_named_once() {
        let twice = meter(Aggregation::Count, &["region", "region"]);
        assert_eq!(twice.check().unwrap_err().pointer, "/dimensions/1/name");
    }

    #[rstest]
    #[case(vec![], Some("/filters/0/anyOf"))]
    #[case(vec!["x".repeat(DIMENSION_VALUE_BYTES_MAX + 1)], Some("/filters/0/anyOf"))]
    #[case(vec![String::new()], None)]
    fn a_filter_names_its_values(#[case] any_of: Vec<String>, #[case] pointer: Option<&str>) {
        let mut meter = meter(Aggregation::Count, &[]);
        meter.filters.push(Filter { path: path("$.verb"), any_of });
        assert_eq!(meter.check().err().map(|violation| violation.pointer).as_deref(), pointer);
    }
}
