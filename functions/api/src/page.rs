//! Lists: `{data, nextCursor}`, with `?limit=` and `?cursor=`.
//!
//! A cursor is opaque and sealed: it holds where the next page begins and a digest that only this deployment can make,
//! over the route too, so that a made-up cursor or one of another list is refused and never reaches a table.

use crate::{
    parameters::{self, invalid},
    problem::Problem,
    state::Api,
};
use axum::extract::{FromRequestParts, MatchedPath};
use cloud::store::{Cursor, PAGE_ITEMS_MAX, Page};
use http::request::Parts;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// Items of a page, unless the client asks for another number.
const PAGE_ITEMS_DEFAULT: u8 = 20;
/// Hex digits of the seal: 128 bits.
const SEAL_DIGITS: usize = 32;

/// Which page of a list.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    /// How many items, from 1 to [`PAGE_ITEMS_MAX`].
    pub(crate) limit: u8,
    /// After which item.
    pub(crate) after: Option<Cursor>,
    seal: Seal,
}

/// The parameters of a list, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what Paging reads")]
pub(crate) struct PageParameters {
    /// How many items to answer.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u8>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<T> {
    /// The items.
    pub(crate) data: Vec<T>,
    /// Where the next page begins; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl FromRequestParts<Api> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let expected = "send a whole number from 1 to 100";
        let limit = parameters::parse::<u8>(&parts.uri, "limit", expected)?.unwrap_or(PAGE_ITEMS_DEFAULT);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            return Err(invalid("limit", expected));
        }
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let secret = api.world().settings().platform_key.map(|key| key.to_string()).unwrap_or_default();
        let seal = Seal { secret, route: route.to_owned() };
        let refused = || Problem::bad_request("invalid_cursor", "send the nextCursor of a page of this very list");
        let sent = parameters::get(&parts.uri, "cursor")?;
        let after = sent.map(|text| seal.open(&text).ok_or_else(refused)).transpose()?;
        Ok(Self { limit, after, seal })
    }
}

impl Paging {
    /// The text form of where the next page begins.
    pub(crate) fn next(&self, cursor: Option<&Cursor>) -> Option<String> {
        cursor.map(|cursor| self.seal.close(cursor))
    }

    /// The answer that shows each item of `page` as `show` does.
    pub(crate) fn answer<T, U>(&self, page: Page<T>, show: impl FnMut(T) -> U) -> axum::Json<List<U>> {
        let next_cursor = self.next(page.next.as_ref());
        axum::Json(List { data: page.items.into_iter().map(show).collect(), next_cursor })
    }
}

/// The answer of a list that always fits one page.
pub(crate) fn whole<T>(data: Vec<T>) -> axum::Json<List<T>> {
    axum::Json(List { data, next_cursor: None })
}

#[derive(Clone)]
struct Seal {
    secret: String,
    route: String,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    fn close(&self, cursor: &Cursor) -> String {
        let place = cursor.encode();
        format!("{}{place}", self.digits(&place))
    }

    fn open(&self, text: &str) -> Option<Cursor> {
        let (digits, place) = text.split_at_checked(SEAL_DIGITS)?;
        (digits == self.digits(place)).then(|| Cursor::decode(place))?
    }

    fn digits(&self, place: &str) -> String {
        let digest = domain::id::digest(&["cursor", &self.secret, &self.route, place]);
        domain::text::Hex(&digest[..SEAL_DIGITS / 2]).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(route: &str) -> Seal {
        Seal { secret: "s".to_owned(), route: route.to_owned() }
    }

    #[test]
    fn a_cursor_opens_where_it_was_closed() {
        let cursor = Cursor::decode("6b65792331").unwrap();
        let text = seal("/v1/tenants").close(&cursor);
        assert_eq!(seal("/v1/tenants").open(&text), Some(cursor));
        assert_eq!(seal("/v1/plans").open(&text), None);
        assert_eq!(Seal { secret: "t".to_owned(), ..seal("/v1/tenants") }.open(&text), None);
    }

    #[test]
    fn a_made_up_cursor_does_not_open() {
        let changed = seal("/").close(&Cursor::decode("6b31").unwrap()).replace("6b31", "6b32");
        for text in ["", "6b31", "zz", "ü", &"0".repeat(40), &changed] {
            assert_eq!(seal("/").open(text), None, "{text}");
        }
    }
}
