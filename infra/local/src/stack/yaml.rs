//! YAML to plain JSON values: CloudFormation's short tags (`!Ref X`) become its long form (`{"Ref": "X"}`).
//!
//! Everything after this sees one shape only. YAML aliases and keys that are no strings are refused; CloudFormation
//! takes neither.

use super::StackError;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

/// Deepest nesting of a template.
const DEPTH_MAX: usize = 64;

/// Reads the one document of a template.
pub(super) fn read(text: &str) -> Result<Value, StackError> {
    let documents = Yaml::load_from_str(text).map_err(|error| StackError::Yaml(error.to_string()))?;
    match documents.as_slice() {
        [document] => value(document, 0),
        others => Err(StackError::Yaml(format!("one document is wanted, {} are there", others.len()))),
    }
}

fn value(yaml: &Yaml<'_>, depth: usize) -> Result<Value, StackError> {
    if depth > DEPTH_MAX {
        return Err(StackError::Yaml("it is nested too deeply".to_owned()));
    }
    match yaml {
        Yaml::Value(scalar) => Ok(self::scalar(scalar)),
        Yaml::Sequence(items) => items.iter().map(|item| value(item, depth + 1)).collect(),
        Yaml::Mapping(members) => {
            let mut object = Map::new();
            for (name, member) in members {
                let name = name.as_str().ok_or_else(|| StackError::Yaml(format!("{name:?} is no name")))?;
                object.insert(name.to_owned(), value(member, depth + 1)?);
            }
            Ok(Value::Object(object))
        }
        Yaml::Tagged(tag, tagged) => Ok(long_form(&tag.suffix, value(tagged, depth + 1)?)),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            Err(StackError::Yaml(format!("{yaml:?} is not understood")))
        }
    }
}

fn scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => (*flag).into(),
        Scalar::Integer(integer) => (*integer).into(),
        Scalar::FloatingPoint(number) => number.into_inner().into(),
        Scalar::String(text) => text.as_ref().into(),
    }
}

fn long_form(tag: &str, argument: Value) -> Value {
    let (name, argument) = match (tag, argument) {
        ("Ref" | "Condition", argument) => (tag.to_owned(), argument),
        // `!GetAtt Queue.Arn` is the one tag whose argument has a form of its own.
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
            ("Fn::GetAtt".to_owned(), Value::from(vec![resource, attribute]))
        }
        (_, argument) => (format!("Fn::{tag}"), argument),
    };
    Value::Object(Map::from_iter([(name, argument)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_tags_become_the_long_form() {
        let rows = [
            ("a: !Ref Topic", json!({"a": {"Ref": "Topic"}})),
            ("a: !GetAtt Queue.Arn", json!({"a": {"Fn::GetAtt": ["Queue", "Arn"]}})),
            ("a: !GetAtt [Queue, Arn]", json!({"a": {"Fn::GetAtt": ["Queue", "Arn"]}})),
            ("a: !Sub 'x-${Stage}'", json!({"a": {"Fn::Sub": "x-${Stage}"}})),
            (
                "a: !Not [!Equals [!Ref Stage, dev]]",
                json!({"a": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Stage"}, "dev"]}]}}),
            ),
            ("{a: [1, 'yes', true, ~, 1.5, '2012-10-17']}", json!({"a": [1, "yes", true, null, 1.5, "2012-10-17"]})),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["a: [", "", "a: 1\n---\nb: 2", "{1: a}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
