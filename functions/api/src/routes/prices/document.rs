//! Prices as the OpenAPI document describes them: one shape for each model, where requests are read and answers are
//! written by `domain::catalog::PriceShape`, which has all fields of all models. A test holds the two against each other.

#![expect(dead_code, reason = "only the document knows them: values are of the catalog's own shape")]

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What is charged for one thing.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Price {
    /// Unique within the plan; names the invoice line.
    #[schema(example = "traffic")]
    key: String,
    /// How the invoice line is called.
    #[schema(example = "Traffic, per byte")]
    name: String,
    /// Slug of the meter that is charged for; usage has one, fees and seats have none.
    #[schema(example = "bytes-out")]
    meter: Option<String>,
    /// When a fee is billed, `inAdvance` or `inArrears`; in arrears, unless it is sent. A flat fee also `once`: whole, with the
    /// first day that is billed.
    #[schema(example = "inArrears")]
    timing: Option<String>,
    /// Units a period that cost nothing, taken off before the model; 0, unless it is sent.
    #[schema(example = "1000000")]
    included: Option<String>,
    /// What the rest costs.
    model: PriceModel,
    /// What changes the amount.
    modifiers: Option<PriceModifiers>,
}

/// How usage becomes money. Numbers are exact decimals as strings, or integers.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
enum PriceModel {
    /// A fee once a period.
    Flat {
        /// Of a whole period, in major units.
        #[schema(example = "19")]
        amount: String,
    },
    /// Quantity × unit price.
    PerUnit {
        /// Major units of the currency for one unit.
        #[serde(rename = "unitPrice")]
        #[schema(example = "0.0004")]
        unit_price: String,
    },
    /// Each unit at the price of its tier, plus the flat fee of every tier that was entered.
    Graduated {
        /// In ascending order; the last one has no upper bound.
        tiers: Vec<Tier>,
    },
    /// All units at the price of the tier that holds the total, plus its flat fee.
    Volume {
        /// In ascending order; the last one has no upper bound.
        tiers: Vec<Tier>,
    },
    /// Each started package.
    Package {
        /// Units of a package.
        #[schema(example = "100")]
        size: String,
        /// Major units for a package.
        #[serde(rename = "packagePrice")]
        #[schema(example = "5")]
        package_price: String,
        /// Units that cost nothing before the first package.
        #[serde(rename = "freeUnits")]
        #[schema(example = "50")]
        free_units: Option<String>,
    },
    /// A part of the value of events, and a fee for each.
    Percentage {
        /// The part, in percent.
        #[schema(example = "2.9")]
        percent: String,
        /// For each event, in major units.
        #[serde(rename = "fixedFee")]
        #[schema(example = "0.3")]
        fixed_fee: Option<String>,
        /// How many events are free, while `freeValue` lasts as well.
        #[serde(rename = "freeEvents")]
        free_events: Option<u64>,
        /// How much value is free, while `freeEvents` last as well.
        #[serde(rename = "freeValue")]
        free_value: Option<String>,
        /// What each event costs at least, in major units.
        #[serde(rename = "minimumPerEvent")]
        minimum_per_event: Option<String>,
        /// What each event costs at most, in major units.
        #[serde(rename = "maximumPerEvent")]
        maximum_per_event: Option<String>,
    },
    /// Each unit of value by the percentage of its tier.
    GraduatedPercentage {
        /// In ascending order; the last one has no upper bound.
        tiers: Vec<PercentTier>,
    },
    /// A unit price by the values of dimensions: the most specific cell that matches, else the default.
    Matrix {
        /// Names of the meter's dimensions, the most significant one first.
        dimensions: Vec<String>,
        /// The prices.
        cells: Vec<MatrixCell>,
        /// Of a unit that no cell matches, in major units.
        #[serde(rename = "defaultUnitPrice")]
        #[schema(example = "1")]
        default_unit_price: String,
    },
    /// The price arrives with the event: the meter sums amounts in major units.
    Dynamic {
        /// What the amounts are multiplied by.
        #[schema(example = "1.2")]
        multiplier: Option<String>,
    },
    /// Licensed seats, prorated by days.
    Seats {
        /// Major units for one seat of a whole period.
        #[serde(rename = "unitPrice")]
        #[schema(example = "12")]
        unit_price: String,
    },
}

/// One tier.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Tier {
    /// Last quantity inside; `null` for the last tier.
    #[schema(example = "1000")]
    up_to: Option<String>,
    /// Price of each unit in it, in major units.
    #[schema(example = "0.02")]
    unit_price: String,
    /// Charged once when the tier is entered, in major units.
    #[schema(required = false, default = "0", example = "0")]
    flat_fee: String,
}

/// One tier of value.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PercentTier {
    /// Last value inside; `null` for the last tier.
    #[schema(example = "1000")]
    up_to: Option<String>,
    /// The part of each unit of value in it, in percent.
    #[schema(example = "1.5")]
    percent: String,
    /// Charged once when the tier is entered, in major units.
    #[schema(required = false, default = "0", example = "0")]
    flat_fee: String,
}

/// One price of a matrix.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MatrixCell {
    /// The values that usage must have, by dimension; a dimension that is not named may have any.
    values: BTreeMap<String, String>,
    /// Major units for one unit.
    #[schema(example = "3")]
    unit_price: String,
}

/// What changes the amount, in this order; each of them may be left out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PriceModifiers {
    /// Turns the quantity into whole other units.
    unit_conversion: Option<UnitConversion>,
    /// The part of the amount that is taken off, in percent.
    #[schema(example = "10")]
    usage_discount: Option<String>,
    /// Nothing above this is charged, in major units.
    #[schema(example = "500")]
    spend_maximum: Option<String>,
    /// At least this is charged for a whole period, in major units; not with a commitment.
    #[schema(example = "50")]
    spend_minimum: Option<String>,
    /// At least this is charged, and more beyond it.
    commitment: Option<Commitment>,
}

/// How a quantity becomes other units.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UnitConversion {
    /// How many metered units one billed unit has.
    #[schema(example = "1000")]
    divisor: String,
    /// What happens to the part of a unit: `up`, `down` or `nearest`.
    #[schema(example = "up")]
    rounding: String,
}

/// A promise to spend.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Commitment {
    /// What is promised for a whole period, in major units.
    #[schema(example = "100")]
    amount: String,
    /// What goes beyond is multiplied by this; 1, unless it is sent.
    #[schema(example = "1.5")]
    overage_factor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::catalog;
    use rstest::rstest;
    use serde_json::Value;
    use std::collections::BTreeSet;
    use utoipa::PartialSchema;

    fn schema<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).unwrap()
    }

    fn members(object: &Value) -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    }

    /// The price as the catalog writes it, with every field that it can have.
    fn written(rest: &str) -> Value {
        let shape =
            serde_json::from_str::<catalog::PriceShape>(&format!(r#"{{"key":"k","name":"K",{rest}}}"#)).unwrap();
        let price = catalog::Price::try_from(shape).unwrap();
        serde_json::to_value(catalog::PriceShape::from(&price)).unwrap()
    }

    #[rstest]
    #[case(r#""model":{"type":"flat","amount":"1"}"#)]
    #[case(r#""meter":"m","model":{"type":"perUnit","unitPrice":"1"}"#)]
    #[case(r#""meter":"m","model":{"type":"graduated","tiers":[{"unitPrice":"1"}]}"#)]
    #[case(r#""meter":"m","model":{"type":"volume","tiers":[{"unitPrice":"1"}]}"#)]
    #[case(r#""meter":"m","model":{"type":"package","size":"1","packagePrice":"1","freeUnits":"1"}"#)]
    #[case(r#""meter":"m","model":{"type":"percentage","percent":"1","fixedFee":"1","freeEvents":1,"freeValue":"1","minimumPerEvent":"1","maximumPerEvent":"2"}"#)]
    #[case(r#""meter":"m","model":{"type":"graduatedPercentage","tiers":[{"percent":"1"}]}"#)]
    #[case(r#""meter":"m","model":{"type":"matrix","dimensions":["a"],"cells":[{"values":{"a":"1"},"unitPrice":"1"}],"defaultUnitPrice":"1"}"#)]
    #[case(r#""meter":"m","model":{"type":"dynamic","multiplier":"2"}"#)]
    #[case(r#""model":{"type":"seats","unitPrice":"1"}"#)]
    fn the_document_has_the_fields_of_each_model(#[case] rest: &str) {
        let model = written(rest)["model"].clone();
        let models = schema::<PriceModel>();
        let documented = models["oneOf"].as_array().unwrap().iter();
        let mut same = documented.filter(|documented| documented["properties"]["type"]["enum"][0] == model["type"]);
        assert_eq!(members(&same.next().unwrap()["properties"]), members(&model));
        for (list, schema) in [("tiers", schema::<Tier>()), ("cells", schema::<MatrixCell>())] {
            if let Some(Value::Object(entry)) = model[list].get(0).filter(|entry| entry["percent"].is_null()) {
                assert_eq!(members(&schema["properties"]), entry.keys().cloned().collect());
            }
        }
    }

    #[test]
    fn the_document_has_the_fields_of_a_price_and_its_modifiers() {
        let flat = written(r#""timing":"inAdvance","model":{"type":"flat","amount":"1"}"#);
        let everything = |floor: &str| {
            written(&format!(
                r#""meter":"m","included":"1","model":{{"type":"perUnit","unitPrice":"1"}},"modifiers":{{"unitConversion":{{"divisor":"2","rounding":"up"}},"usageDiscount":"1","spendMaximum":"9",{floor}}}"#
            ))
        };
        let minimum = everything(r#""spendMinimum":"1""#);
        let commitment = everything(r#""commitment":{"amount":"1","overageFactor":"2"}"#);
        assert_eq!(members(&schema::<Price>()["properties"]), &members(&flat) | &members(&minimum));
        let modifiers = &members(&minimum["modifiers"]) | &members(&commitment["modifiers"]);
        assert_eq!(members(&schema::<PriceModifiers>()["properties"]), modifiers);
        let members_of = |name: &str| members(&commitment["modifiers"][name]);
        assert_eq!(members(&schema::<UnitConversion>()["properties"]), members_of("unitConversion"));
        assert_eq!(members(&schema::<Commitment>()["properties"]), members_of("commitment"));
        let tier = written(r#""meter":"m","model":{"type":"graduatedPercentage","tiers":[{"percent":"1"}]}"#);
        assert_eq!(members(&schema::<PercentTier>()["properties"]), members(&tier["model"]["tiers"][0]));
    }
}
