//! A template in its parts.

use super::StackError;
use super::yaml;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A template. Nothing in it is resolved.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) conditions: BTreeMap<String, Value>,
    pub(super) mappings: Value,
    /// What all functions share.
    pub(super) function_globals: Value,
    pub(super) resources: BTreeMap<String, Resource>,
}

/// A resource of a template.
#[derive(Debug)]
pub(super) struct Resource {
    /// `AWS::SQS::Queue`.
    pub(super) kind: String,
    pub(super) condition: Option<String>,
    pub(super) properties: Value,
}

impl Template {
    pub(super) fn read(text: &str) -> Result<Self, StackError> {
        let template = yaml::read(text)?;
        let section = |name: &str| template.get(name).cloned().unwrap_or_default();
        let mut resources = BTreeMap::new();
        for (name, resource) in members(section("Resources")) {
            let kind = resource.get("Type").and_then(Value::as_str);
            let kind = kind.ok_or_else(|| StackError::template(&name, "the resource has no type"))?.to_owned();
            let condition = resource.get("Condition").and_then(Value::as_str).map(str::to_owned);
            let properties = resource.get("Properties").cloned().unwrap_or_else(|| Value::Object(Map::new()));
            resources.insert(name, Resource { kind, condition, properties });
        }
        if resources.is_empty() {
            return Err(StackError::template("Resources", "there are none"));
        }
        Ok(Self {
            parameters: members(section("Parameters")).collect(),
            conditions: members(section("Conditions")).collect(),
            mappings: section("Mappings"),
            function_globals: section("Globals").get("Function").cloned().unwrap_or_default(),
            resources,
        })
    }
}

fn members(section: Value) -> impl Iterator<Item = (String, Value)> {
    let members = match section {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    members.into_iter()
}
