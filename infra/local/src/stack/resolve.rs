//! What the functions of a template (`Ref`, `Fn::Sub`, `Fn::If`, ...) come to, given parameters.
//!
//! Names and ARNs follow from the logical names alone, so that nothing has to exist before something else can refer
//! to it. A function that is not known here is an error where it is used, not where it is written: most of a template
//! is about things that are not made locally.

use super::StackError;
use super::template::{Resource, Template};
use crate::aws::{ACCOUNT, REGION};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The name of the local stack.
const STACK_NAME: &str = "meterline";
/// How deep references may lead to references.
const DEPTH_MAX: usize = 32;
/// What a reference to a secret looks like after its names were put in.
const SECRET_PREFIX: &str = "{{resolve:secretsmanager:";

/// A template with its parameters.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    pub(super) template: &'a Template,
    parameters: BTreeMap<&'a str, String>,
}

impl<'a> Resolver<'a> {
    /// Holds the parameters to what the template says of them.
    pub(super) fn new(template: &'a Template, given: &BTreeMap<String, String>) -> Result<Self, StackError> {
        if let Some(unknown) = given.keys().find(|name| !template.parameters.contains_key(*name)) {
            return Err(StackError::parameter(unknown, "there is no such parameter"));
        }
        let mut parameters = BTreeMap::new();
        for (name, rules) in &template.parameters {
            let value = given.get(name).cloned().or_else(|| rules.get("Default").and_then(plain));
            let value = value.ok_or_else(|| StackError::parameter(name, "it has no default and must be given"))?;
            check_parameter(name, &value, rules)?;
            parameters.insert(name.as_str(), value);
        }
        Ok(Self { template, parameters })
    }

    /// The resources that the conditions let be.
    pub(super) fn resources(&self) -> Result<Vec<(&'a str, &'a Resource)>, StackError> {
        let mut resources = Vec::new();
        for (name, resource) in &self.template.resources {
            let wanted = resource.condition.as_ref().map_or(Ok(true), |condition| self.condition(condition, 0))?;
            if wanted {
                resources.push((name.as_str(), resource));
            }
        }
        Ok(resources)
    }

    /// What a value comes to; `None` for `AWS::NoValue`.
    pub(super) fn value(&self, value: &Value) -> Result<Option<Value>, StackError> {
        self.value_at(value, 0)
    }

    /// What a value comes to, where it must be text, a number or a flag.
    pub(super) fn text(&self, value: &Value) -> Result<Option<String>, StackError> {
        let Some(value) = self.value(value)? else { return Ok(None) };
        let text = plain(&value).ok_or_else(|| StackError::template(value.to_string(), "text is wanted"))?;
        text.strip_prefix(SECRET_PREFIX).map_or(Ok(Some(text.clone())), |secret| self.secret(secret).map(Some))
    }

    /// What `Ref` of a resource answers.
    pub(super) fn reference(&self, name: &str, resource: &Resource) -> Result<String, StackError> {
        let physical = self.physical_name(name, resource)?;
        Ok(match resource.kind.as_str() {
            "AWS::SQS::Queue" => format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{physical}"),
            "AWS::SNS::Topic" => format!("arn:aws:sns:{REGION}:{ACCOUNT}:{physical}"),
            _ => physical,
        })
    }

    /// The name that a resource has at AWS: its own if the template gives one, else made from the logical name.
    pub(super) fn physical_name(&self, name: &str, resource: &Resource) -> Result<String, StackError> {
        let property = match resource.kind.as_str() {
            "AWS::DynamoDB::Table" => "TableName",
            "AWS::SQS::Queue" => "QueueName",
            "AWS::SNS::Topic" => "TopicName",
            "AWS::S3::Bucket" => "BucketName",
            _ => return Ok(format!("{STACK_NAME}-{name}")),
        };
        if let Some(own) = resource.properties.get(property)
            && let Some(own) = self.text(own)?
        {
            return Ok(own);
        }
        let made = format!("{STACK_NAME}-{name}");
        Ok(if property == "BucketName" { made.to_ascii_lowercase() } else { made })
    }

    fn value_at(&self, value: &Value, depth: usize) -> Result<Option<Value>, StackError> {
        if depth > DEPTH_MAX {
            return Err(StackError::template(value.to_string(), "references go in a circle"));
        }
        match value {
            Value::Object(members) => match function(members) {
                Some((name, argument)) => self.call(name, argument, depth + 1),
                None => {
                    let mut resolved = Map::new();
                    for (name, member) in members {
                        if let Some(member) = self.value_at(member, depth + 1)? {
                            resolved.insert(name.clone(), member);
                        }
                    }
                    Ok(Some(Value::Object(resolved)))
                }
            },
            Value::Array(items) => {
                let items = items.iter().map(|item| self.value_at(item, depth + 1)).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(items.into_iter().flatten().collect()))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(Some(value.clone())),
        }
    }

    fn call(&self, name: &str, argument: &Value, depth: usize) -> Result<Option<Value>, StackError> {
        let wrong = |problem: &str| StackError::template(format!("{name} {argument}"), problem);
        match name {
            "Ref" => match argument.as_str().ok_or_else(|| wrong("a name is wanted"))? {
                "AWS::NoValue" => Ok(None),
                target => self.referred(target).map(|text| Some(text.into())),
            },
            "Fn::GetAtt" => {
                let path = argument.as_array().map(Vec::as_slice).unwrap_or_default();
                let [Value::String(target), Value::String(attribute)] = path else {
                    return Err(wrong("a resource and an attribute are wanted"));
                };
                self.attribute(target, attribute).map(|text| Some(text.into()))
            }
            "Fn::Sub" => self.substitute(argument, depth).map(|text| Some(text.into())),
            "Fn::If" => {
                let branches = argument.as_array().map(Vec::as_slice).unwrap_or_default();
                let [Value::String(condition), then, otherwise] = branches else {
                    return Err(wrong("a condition and two values are wanted"));
                };
                let chosen = if self.condition(condition, depth)? { then } else { otherwise };
                self.value_at(chosen, depth)
            }
            "Fn::Join" => {
                let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
                let [Value::String(separator), list] = parts else {
                    return Err(wrong("a separator and a list are wanted"));
                };
                let list = self.value_at(list, depth)?.unwrap_or_default();
                let texts: Option<Vec<String>> = list.as_array().and_then(|list| list.iter().map(plain).collect());
                Ok(Some(texts.ok_or_else(|| wrong("a list of texts is wanted"))?.join(separator).into()))
            }
            "Fn::FindInMap" => {
                let keys = self.value_at(argument, depth)?.unwrap_or_default();
                let keys = keys.as_array().cloned().unwrap_or_default();
                let found = keys.iter().try_fold(&self.template.mappings, |map, key| map.get(key.as_str()?));
                found.map(|found| Some(found.clone())).ok_or_else(|| wrong("there is no such entry"))
            }
            _ => Err(wrong("the local stack does not know this function")),
        }
    }

    fn referred(&self, name: &str) -> Result<String, StackError> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        if let Some(resource) = self.template.resources.get(name) {
            return self.reference(name, resource);
        }
        match name {
            "AWS::Region" => Ok(REGION.to_owned()),
            "AWS::AccountId" => Ok(ACCOUNT.to_owned()),
            "AWS::Partition" => Ok("aws".to_owned()),
            "AWS::URLSuffix" => Ok("amazonaws.com".to_owned()),
            "AWS::StackName" => Ok(STACK_NAME.to_owned()),
            _ => Err(StackError::template(name, "there is no such parameter or resource")),
        }
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<String, StackError> {
        let place = format!("{name}.{attribute}");
        let resource = self.template.resources.get(name);
        let resource = resource.ok_or_else(|| StackError::template(&place, "there is no such resource"))?;
        let physical = self.physical_name(name, resource)?;
        match (resource.kind.as_str(), attribute) {
            ("AWS::SQS::Queue", "Arn") => Ok(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{physical}")),
            ("AWS::SQS::Queue", "QueueName") | ("AWS::SNS::Topic", "TopicName") => Ok(physical),
            ("AWS::SQS::Queue", "QueueUrl") | ("AWS::SNS::Topic", "TopicArn") => self.reference(name, resource),
            ("AWS::DynamoDB::Table", "Arn") => Ok(format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{physical}")),
            ("AWS::S3::Bucket", "Arn") => Ok(format!("arn:aws:s3:::{physical}")),
            ("AWS::Serverless::Function", "Arn") => {
                Ok(format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{physical}"))
            }
            _ => Err(StackError::template(place, "the local stack does not know this attribute")),
        }
    }

    /// `${Name}`, `${Name.Attribute}`, `${!literal}`; with names of its own in the form with a list.
    fn substitute(&self, argument: &Value, depth: usize) -> Result<String, StackError> {
        let wrong = |problem: &str| StackError::template(format!("Fn::Sub {argument}"), problem);
        let empty = Map::new();
        let (text, own) = match argument {
            Value::String(text) => (text.as_str(), &empty),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(text), Value::Object(own)] => (text.as_str(), own),
                _ => return Err(wrong("a text and names are wanted")),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                return Err(wrong("a text is wanted"));
            }
        };
        let mut substituted = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}').ok_or_else(|| wrong("a brace is not closed"))?;
            substituted.push_str(before);
            match (name.strip_prefix('!'), own.get(name), name.split_once('.')) {
                (Some(literal), ..) => substituted.push_str(&format!("${{{literal}}}")),
                (None, Some(own), _) => {
                    let own = self.value_at(own, depth)?.as_ref().and_then(plain);
                    substituted.push_str(&own.ok_or_else(|| wrong("a text is wanted"))?);
                }
                (None, None, Some((resource, attribute))) => {
                    substituted.push_str(&self.attribute(resource, attribute)?);
                }
                (None, None, None) => substituted.push_str(&self.referred(name)?),
            }
            rest = tail;
        }
        substituted.push_str(rest);
        Ok(substituted)
    }

    fn condition(&self, name: &str, depth: usize) -> Result<bool, StackError> {
        let condition = self.template.conditions.get(name);
        self.holds(condition.ok_or_else(|| StackError::template(name, "there is no such condition"))?, depth + 1)
    }

    fn holds(&self, condition: &Value, depth: usize) -> Result<bool, StackError> {
        let wrong = || StackError::template(condition.to_string(), "the local stack does not know this condition");
        if depth > DEPTH_MAX {
            return Err(wrong());
        }
        let (name, argument) = condition.as_object().and_then(function).ok_or_else(wrong)?;
        let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let each = || parts.iter().map(|part| self.holds(part, depth + 1)).collect::<Result<Vec<bool>, _>>();
        match (name, parts) {
            ("Fn::Equals", [left, right]) => Ok(self.text(left)? == self.text(right)?),
            ("Fn::Not", [negated]) => Ok(!self.holds(negated, depth + 1)?),
            ("Fn::And", _) => Ok(each()?.into_iter().all(|holds| holds)),
            ("Fn::Or", _) => Ok(each()?.into_iter().any(|holds| holds)),
            ("Condition", _) => self.condition(argument.as_str().ok_or_else(wrong)?, depth + 1),
            _ => Err(wrong()),
        }
    }

    /// The text of a secret of the template. One that AWS would generate has to be given here by a parameter.
    fn secret(&self, reference: &str) -> Result<String, StackError> {
        let place = reference.split(':').next().unwrap_or_default();
        for (name, resource) in &self.template.resources {
            if resource.kind == "AWS::SecretsManager::Secret" && self.physical_name(name, resource)? == place {
                let text = resource.properties.get("SecretString");
                let text = text.map_or(Ok(None), |text| self.text(text))?;
                let problem = "AWS would generate it; give the parameter that sets it";
                return text.ok_or_else(|| StackError::template(name, problem));
            }
        }
        Err(StackError::template(place, "there is no such secret"))
    }
}

/// The one member of an object that is a function call.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
    let called = name.starts_with("Fn::") || matches!(name.as_str(), "Ref" | "Condition");
    called.then_some((name.as_str(), argument))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn check_parameter(name: &str, value: &str, rules: &Value) -> Result<(), StackError> {
    let allowed = rules.get("AllowedValues").and_then(Value::as_array);
    if allowed.is_some_and(|allowed| !allowed.iter().filter_map(plain).any(|allowed| allowed == value)) {
        return Err(StackError::parameter(name, "the value is not one of those allowed"));
    }
    let least = rules.get("MinLength").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok());
    if least.is_some_and(|least| value.chars().count() < least) {
        return Err(StackError::parameter(name, "the value is too short"));
    }
    if rules.get("Type").and_then(Value::as_str) == Some("Number") {
        let number: Option<i64> = value.parse().ok();
        let in_range = number.is_some_and(|number| {
            rules.get("MinValue").and_then(Value::as_i64).is_none_or(|least| number >= least)
                && rules.get("MaxValue").and_then(Value::as_i64).is_none_or(|most| number <= most)
        });
        if !in_range {
            return Err(StackError::parameter(name, "the value is not a number in the allowed range"));
        }
    }
    Ok(())
}
