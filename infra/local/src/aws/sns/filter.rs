//! Filter policies: which messages a subscription gets.
//!
//! A policy is a set of keys, each with a list of rules. Every key must match; a key matches if any of its rules
//! matches any of the values found there. Keys are attribute names, or paths into the message if the subscription
//! says so (`FilterPolicyScope`). Rules: exact string, number, boolean and null, `prefix`, `suffix`,
//! `equals-ignore-case`, `anything-but`, `numeric`, `exists`. What is not known here (`$or`, `cidr`, `wildcard`) is
//! refused when the policy is set, so that no policy of the template is silently read in another way than AWS does.

use super::super::sqs::Attributes;
use rust_decimal::Decimal;
use serde_json::Value;

/// Keys of a policy, as AWS limits them.
const KEYS_MAX: usize = 5;
/// Product of the numbers of rules of all keys, as AWS limits it.
const COMBINATIONS_MAX: usize = 150;

/// A policy ready to be matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    scope: Scope,
    keys: Vec<Key>,
}

/// Where a policy looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Attributes,
    Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    path: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Exactly(Scalar),
    Prefix(String),
    Suffix(String),
    EqualsIgnoreCase(String),
    AnythingBut(Vec<Rule>),
    Numeric(Vec<(Comparison, Decimal)>),
    Exists(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    Greater,
}

/// A value that a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scalar {
    Null,
    Flag(bool),
    Number(Decimal),
    Text(String),
}

impl Policy {
    /// Reads a policy. The message says what is wrong with it.
    pub(super) fn read(policy: &str, scope: Scope) -> Result<Self, String> {
        let policy: Value = serde_json::from_str(policy).map_err(|error| format!("failed to parse JSON. {error}"))?;
        let mut keys = Vec::new();
        collect_keys(&policy, &mut Vec::new(), scope, &mut keys)?;
        let combinations = keys.iter().try_fold(1_usize, |product, key| product.checked_mul(key.rules.len()));
        if keys.len() > KEYS_MAX || combinations.is_none_or(|combinations| combinations > COMBINATIONS_MAX) {
            return Err("Filter policy is too complex".to_owned());
        }
        Ok(Self { scope, keys })
    }

    /// Whether a message is one for the subscription.
    pub(super) fn matches(&self, message: &str, attributes: &Attributes) -> bool {
        match self.scope {
            Scope::Attributes => {
                self.keys.iter().all(|key| key.matches(&attribute_values(attributes, key.path.first())))
            }
            Scope::Body => serde_json::from_str::<Value>(message)
                .is_ok_and(|body| self.keys.iter().all(|key| key.matches(&body_values(&body, &key.path)))),
        }
    }
}

impl Key {
    fn matches(&self, values: &[Scalar]) -> bool {
        self.rules.iter().any(|rule| match rule {
            Rule::Exists(exists) => *exists != values.is_empty(),
            other => values.iter().any(|value| other.matches(value)),
        })
    }
}

impl Rule {
    fn matches(&self, value: &Scalar) -> bool {
        match (self, value) {
            (Self::Exactly(expected), _) => expected == value,
            (Self::Prefix(prefix), Scalar::Text(text)) => text.starts_with(prefix),
            (Self::Suffix(suffix), Scalar::Text(text)) => text.ends_with(suffix),
            (Self::EqualsIgnoreCase(expected), Scalar::Text(text)) => text.to_lowercase() == expected.to_lowercase(),
            (Self::AnythingBut(rules), _) => !rules.iter().any(|rule| rule.matches(value)),
            (Self::Numeric(comparisons), Scalar::Number(number)) => {
                comparisons.iter().all(|(comparison, bound)| comparison.holds(*number, *bound))
            }
            (Self::Exists(exists), _) => *exists,
            (Self::Prefix(_) | Self::Suffix(_) | Self::EqualsIgnoreCase(_) | Self::Numeric(_), _) => false,
        }
    }
}

impl Comparison {
    fn read(operator: &Value) -> Option<Self> {
        match operator.as_str()? {
            "<" => Some(Self::Less),
            "<=" => Some(Self::AtMost),
            "=" => Some(Self::Equal),
            ">=" => Some(Self::AtLeast),
            ">" => Some(Self::Greater),
            _ => None,
        }
    }

    fn holds(self, number: Decimal, bound: Decimal) -> bool {
        match self {
            Self::Less => number < bound,
            Self::AtMost => number <= bound,
            Self::Equal => number == bound,
            Self::AtLeast => number >= bound,
            Self::Greater => number > bound,
        }
    }
}

fn collect_keys(policy: &Value, path: &mut Vec<String>, scope: Scope, keys: &mut Vec<Key>) -> Result<(), String> {
    let members = policy.as_object().ok_or("Filter policy must be an object")?;
    for (name, rules) in members {
        if name.starts_with('$') {
            return Err(format!("the embedded AWS does not know {name} in a filter policy"));
        }
        path.push(name.clone());
        match rules {
            Value::Array(rules) => {
                let rules: Vec<Rule> = rules.iter().map(read_rule).collect::<Result<_, _>>()?;
                if rules.is_empty() {
                    return Err(format!("Empty arrays are not allowed: {name}"));
                }
                keys.push(Key { path: path.clone(), rules });
            }
            Value::Object(_) if scope == Scope::Body => collect_keys(rules, path, scope, keys)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                return Err(format!("\"{name}\" must be an object or an array"));
            }
        }
        path.pop();
    }
    Ok(())
}

fn read_rule(rule: &Value) -> Result<Rule, String> {
    if let Some(scalar) = scalar(rule) {
        return Ok(Rule::Exactly(scalar));
    }
    let unknown = || format!("Unrecognized match type {rule}");
    let mut members = rule.as_object().ok_or_else(unknown)?.iter();
    let (Some((name, value)), None) = (members.next(), members.next()) else { return Err(unknown()) };
    let text = || value.as_str().map(str::to_owned).ok_or_else(unknown);
    match name.as_str() {
        "prefix" => text().map(Rule::Prefix),
        "suffix" => text().map(Rule::Suffix),
        "equals-ignore-case" => text().map(Rule::EqualsIgnoreCase),
        "exists" => value.as_bool().map(Rule::Exists).ok_or_else(unknown),
        "anything-but" => {
            let rules = match value {
                Value::Array(rules) => rules.iter().map(read_rule).collect::<Result<_, _>>()?,
                one => vec![read_rule(one)?],
            };
            Ok(Rule::AnythingBut(rules))
        }
        "numeric" => read_numeric(value).map(Rule::Numeric).ok_or_else(unknown),
        _ => Err(unknown()),
    }
}

/// `["=", 5]` or `[">", 0, "<=", 150]`.
fn read_numeric(value: &Value) -> Option<Vec<(Comparison, Decimal)>> {
    let parts = value.as_array().filter(|parts| matches!(parts.len(), 2 | 4))?;
    parts
        .chunks_exact(2)
        .map(|pair| {
            let Scalar::Number(bound) = scalar(&pair[1])? else { return None };
            Some((Comparison::read(&pair[0])?, bound))
        })
        .collect()
}

fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::Null => Some(Scalar::Null),
        Value::Bool(flag) => Some(Scalar::Flag(*flag)),
        Value::Number(number) => decimal(&number.to_string()).map(Scalar::Number),
        Value::String(text) => Some(Scalar::Text(text.clone())),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok()).map(|decimal: Decimal| decimal.normalize())
}

fn attribute_values(attributes: &Attributes, name: Option<&String>) -> Vec<Scalar> {
    let Some(attribute) = name.and_then(|name| attributes.get(name)) else { return Vec::new() };
    let Some(text) = &attribute.string_value else { return Vec::new() };
    match attribute.data_type.as_str() {
        "String.Array" => match serde_json::from_str(text) {
            Ok(Value::Array(values)) => values.iter().filter_map(scalar).collect(),
            Ok(value) => scalar(&value).into_iter().collect(),
            Err(_) => Vec::new(),
        },
        kind if kind.starts_with("Number") => decimal(text).map(Scalar::Number).into_iter().collect(),
        _ => vec![Scalar::Text(text.clone())],
    }
}

fn body_values(body: &Value, path: &[String]) -> Vec<Scalar> {
    match (body, path) {
        (Value::Array(values), _) => values.iter().flat_map(|value| body_values(value, path)).collect(),
        (Value::Object(members), [name, rest @ ..]) => {
            members.get(name).map(|value| body_values(value, rest)).unwrap_or_default()
        }
        (value, []) => scalar(value).into_iter().collect(),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), [_, ..]) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sqs::Attribute;
    use super::*;

    fn check(policy: &str, attributes: &[(&str, &str, &str)], expected: bool) {
        let attributes: Attributes = attributes
            .iter()
            .map(|(name, kind, value)| {
                ((*name).to_owned(), Attribute { data_type: (*kind).to_owned(), ..Attribute::text(value) })
            })
            .collect();
        let matched = Policy::read(policy, Scope::Attributes).unwrap().matches("no JSON", &attributes);
        assert_eq!(matched, expected, "{policy} on {attributes:?}");
    }

    #[test]
    fn attribute_policies() {
        let invoice = [("type", "String", "invoice.ready.v1"), ("tenant", "String", "t1")];
        check(r#"{"type":["invoice.ready.v1"]}"#, &invoice, true);
        check(r#"{"type":["invoice.paid.v1","invoice.ready.v1"]}"#, &invoice, true);
        check(r#"{"type":["invoice.ready.v1"],"tenant":["t2"]}"#, &invoice, false);
        check(r#"{"type":["invoice.ready"]}"#, &invoice, false);
        check(r#"{"missing":["x"]}"#, &invoice, false);
        check(r#"{"type":[{"prefix":"invoice."}]}"#, &invoice, true);
        check(r#"{"type":[{"suffix":".v2"}]}"#, &invoice, false);
        check(r#"{"type":[{"equals-ignore-case":"INVOICE.ready.v1"}]}"#, &invoice, true);
        check(r#"{"type":[{"anything-but":"usage.recorded.v1"}]}"#, &invoice, true);
        check(r#"{"type":[{"anything-but":["usage.recorded.v1","invoice.ready.v1"]}]}"#, &invoice, false);
        check(r#"{"type":[{"anything-but":{"prefix":"invoice."}}]}"#, &invoice, false);
        check(r#"{"missing":[{"anything-but":["x"]}]}"#, &invoice, false);
        check(r#"{"type":[{"exists":true}],"missing":[{"exists":false}]}"#, &invoice, true);
        check(r#"{"type":[{"exists":false}]}"#, &invoice, false);
    }

    #[test]
    fn numbers_match_as_numbers_and_arrays_by_any_member() {
        let priced = [("price", "Number", "100.50"), ("tags", "String.Array", r#"["a",7,true,null]"#)];
        check(r#"{"price":[100.5]}"#, &priced, true);
        check(r#"{"price":[{"numeric":[">",100,"<=",150]}]}"#, &priced, true);
        check(r#"{"price":[{"numeric":["<",100]}]}"#, &priced, false);
        check(r#"{"price":["100.50"]}"#, &priced, false);
        check(r#"{"tags":["a"]}"#, &priced, true);
        check(r#"{"tags":[7]}"#, &priced, true);
        check(r#"{"tags":[true]}"#, &priced, true);
        check(r#"{"tags":["b"]}"#, &priced, false);
    }

    #[test]
    fn body_policies_look_into_the_message() {
        let body = r#"{"data":{"amount":5,"lines":[{"kind":"fee"},{"kind":"usage"}]}}"#;
        let rows = [
            (r#"{"data":{"amount":[{"numeric":[">=",5]}]}}"#, body, true),
            (r#"{"data":{"lines":{"kind":["usage"]}}}"#, body, true),
            (r#"{"data":{"lines":{"kind":["tax"]}}}"#, body, false),
            (r#"{"data":{"amount":[5]}}"#, "no JSON", false),
        ];
        for (policy, message, expected) in rows {
            let matched = Policy::read(policy, Scope::Body).unwrap().matches(message, &Attributes::new());
            assert_eq!(matched, expected, "{policy}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let rows = [
            "no JSON",
            "[]",
            r#"{"type":"invoice"}"#,
            r#"{"type":[]}"#,
            r#"{"type":[{"wildcard":"a*"}]}"#,
            r#"{"$or":[{"a":["x"]},{"b":["y"]}]}"#,
            r#"{"nested":{"type":["x"]}}"#,
            r#"{"a":["1"],"b":["1"],"c":["1"],"d":["1"],"e":["1"],"f":["1"]}"#,
        ];
        for policy in rows {
            assert!(Policy::read(policy, Scope::Attributes).is_err(), "{policy}");
        }
    }
}
