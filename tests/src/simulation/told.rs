//! What a client learns from an answer.

use super::ledger::Outcome;
use super::workload::{Asks, Request};
use serde_json::Value;

/// What the answer says about each event; `None` for one that is in the request twice.
pub(super) fn told(request: &Request, status: u16, answer: &Value) -> Vec<Option<Outcome>> {
    if request.asks != Asks::Count {
        let outcome = match (status, answer["code"].as_str()) {
            (202, _) => Outcome::Accepted,
            // Not counted yet, or void already: nothing comes of it.
            (404, _) | (409, Some("already_voided")) => Outcome::Rejected,
            _ => Outcome::Unknown,
        };
        return vec![Some(outcome)];
    }
    let results = answer["results"].as_array();
    let outcome = |position: usize| {
        let status = results.and_then(|results| results.get(position)).and_then(|result| result["status"].as_str());
        match status {
            Some("accepted") => Some(Outcome::Accepted),
            Some("rejected") => Some(Outcome::Rejected),
            Some("duplicate") => None,
            _ => Some(Outcome::Unknown),
        }
    };
    (0..request.lines.len()).map(outcome).collect()
}
