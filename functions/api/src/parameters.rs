//! Query parameters: a route takes those that its OpenAPI document names, each once, and refuses all others by name.
//!
//! The document is the list, so that what is documented and what is taken cannot drift apart.

use crate::problem::Problem;
use axum::{
    extract::{MatchedPath, Query, Request, State},
    middleware::Next,
    response::Response,
};
use http::{Method, Uri};
use std::{
    collections::{HashMap, HashSet},
    str::FromStr,
    sync::Arc,
};
use utoipa::openapi::{OpenApi, PathItem, RefOr, path::ParameterIn};

/// Names of the query parameters of each route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Documented(Arc<HashMap<(Method, String), HashSet<String>>>);

impl Documented {
    /// What `document` names.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut names = HashMap::new();
        for (path, item) in &document.paths.paths {
            for (method, operation) in operations(item) {
                let parameters = operation.parameters.iter().flatten();
                let query = parameters.filter_map(|parameter| match parameter {
                    RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.clone()),
                    // Every parameter is written out where it is taken.
                    RefOr::T(_) | RefOr::Ref(_) => None,
                });
                names.insert((method, path.clone()), query.collect());
            }
        }
        Self(Arc::new(names))
    }
}

fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &utoipa::openapi::path::Operation)> {
    let all = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PATCH, &item.patch),
        (Method::PUT, &item.put),
        (Method::DELETE, &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
}

/// Refuses a request with a query parameter that its route does not document, or with one sent twice.
pub(crate) async fn refuse_unknown(
    State(documented): State<Documented>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    if let Some(path) = request.extensions().get::<MatchedPath>() {
        let names = documented.0.get(&(method, path.as_str().to_owned()));
        check(&pairs(request.uri())?, |name| names.is_some_and(|names| names.contains(name)))?;
    }
    Ok(next.run(request).await)
}

fn check(pairs: &[(String, String)], documented: impl Fn(&str) -> bool) -> Result<(), Problem> {
    for (position, (name, _)) in pairs.iter().enumerate() {
        if !documented(name) {
            return Err(Problem::bad_request("unknown_parameter", format!("there is no parameter {name:?} here")));
        }
        if pairs[..position].iter().any(|(earlier, _)| earlier == name) {
            return Err(invalid(name, "send it once"));
        }
    }
    Ok(())
}

/// The parameter `name`, if it was sent.
pub(crate) fn get(uri: &Uri, name: &str) -> Result<Option<String>, Problem> {
    Ok(pairs(uri)?.into_iter().find(|(sent, _)| sent == name).map(|(_, value)| value))
}

/// The parameter `name`, read as a `T`; `expected` says what that is.
pub(crate) fn parse<T: FromStr>(uri: &Uri, name: &str, expected: &str) -> Result<Option<T>, Problem> {
    let value = get(uri, name)?;
    value.map(|value| value.parse().map_err(|_| invalid(name, expected))).transpose()
}

/// The refusal of the parameter `name`.
pub(crate) fn invalid(name: &str, expected: &str) -> Problem {
    Problem::bad_request("invalid_parameter", format!("parameter {name}: {expected}"))
}

fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    if uri.query().is_none() {
        return Ok(Vec::new());
    }
    let malformed = |_| Problem::bad_request("invalid_parameter", "the query is not URL-encoded UTF-8");
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::none("/", None)]
    #[case::documented("/?limit=1&cursor=ab", None)]
    #[case::unknown("/?limit=1&size=2", Some("unknown_parameter"))]
    #[case::twice("/?limit=1&limit=1", Some("invalid_parameter"))]
    #[case::other_case("/?Limit=1", Some("unknown_parameter"))]
    fn only_documented_parameters_are_taken_once_each(#[case] uri: Uri, #[case] code: Option<&str>) {
        let refusal = check(&pairs(&uri).unwrap(), |name| ["limit", "cursor"].contains(&name)).err();
        assert_eq!(refusal.map(|problem| problem.code), code);
    }

    #[rstest]
    #[case::absent("/", Ok(None))]
    #[case::decoded("/?name=a%20b", Ok(Some("a b")))]
    #[case::plus_is_a_blank("/?name=a+b", Ok(Some("a b")))]
    #[case::empty("/?name=", Ok(Some("")))]
    fn a_parameter_is_decoded(#[case] uri: Uri, #[case] expect: Result<Option<&str>, ()>) {
        assert_eq!(get(&uri, "name").map_err(drop), expect.map(|value| value.map(str::to_owned)));
    }
}
