//! Tables and laws of the timeline. Here: a small catalog, days and lines as short texts.

mod add_ons;
mod changes;
mod charges;
mod corrections;
mod laws;
mod periods;
mod previews;
mod refused_usage;
mod room;
mod spans;

use super::*;
use crate::{
    Violation,
    calendar::{Interval, IntervalUnit},
    catalog::{Offer, OfferKey, PlanRef, Price, PriceShape},
    id::PlanId,
    invoice::Line,
    money::{Currency, Money},
    rating::Usage,
    text::Slug,
};
use rust_decimal::Decimal;
use std::{collections::BTreeMap, num::NonZeroU32};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

fn plan(name: &str) -> PlanRef {
    PlanRef { plan_id: PlanId::derived(&[name]), version: NonZeroU32::MIN }
}

fn every(unit: IntervalUnit, count: u8) -> Interval {
    Interval::new(unit, count).unwrap()
}

const MONTH: Interval = Interval::MONTH;

fn key_of(interval: Interval) -> OfferKey {
    OfferKey { interval, currency: usd() }
}

/// One price: `flat 20 inAdvance`, `flat 9 once`, `seats 50 inArrears`, `usage 2`, `trial-usage 2`, or `floor 100`, which is usage
/// with a minimum.
fn price(key: &str, what: &str) -> Price {
    let words: Vec<&str> = what.split(' ').collect();
    let rest = match words.as_slice() {
        ["flat", amount, timing] => {
            format!(r#""timing":"{timing}","model":{{"type":"flat","amount":"{amount}"}}"#)
        }
        ["seats", amount, timing] => {
            format!(r#""timing":"{timing}","model":{{"type":"seats","unitPrice":"{amount}"}}"#)
        }
        ["usage", rate] => format!(r#""meter":"m","model":{{"type":"perUnit","unitPrice":"{rate}"}}"#),
        ["trial-usage", rate] => {
            format!(r#""meter":"m","chargedInTrial":true,"model":{{"type":"perUnit","unitPrice":"{rate}"}}"#)
        }
        ["floor", amount] => format!(
            r#""meter":"m","model":{{"type":"perUnit","unitPrice":"1"}},"modifiers":{{"spendMinimum":"{amount}"}}"#
        ),
        _ => panic!("unknown price {what}"),
    };
    let shape: PriceShape = serde_json::from_str(&format!(r#"{{"key":"{key}","name":"{key}",{rest}}}"#)).unwrap();
    Price::try_from(shape).unwrap()
}

type Sold<'a> = (&'a str, Interval, i64, &'a [(&'a str, &'a str)]);

/// Offers of plans: name, interval, base fee in cents, prices.
fn offers(sold: &[Sold<'_>]) -> Offers {
    let mut offers = Offers::default();
    for (name, interval, base_minor, prices) in sold {
        let offer = Offer {
            interval: *interval,
            base_fee: Money { amount_minor: *base_minor, currency: usd() },
            prices: prices.iter().map(|(key, what)| price(key, what)).collect(),
        };
        offers.insert(plan(name), Offered { plan_name: (*name).to_owned(), offer });
    }
    offers
}

fn seats(list: &[(&str, u64)]) -> BTreeMap<Slug, u64> {
    list.iter().map(|(key, quantity)| (slug(key), *quantity)).collect()
}

fn start(name: &str, interval: Interval, starts_on: &str, licensed: &[(&str, u64)]) -> Start {
    Start {
        id: SubscriptionId::derived(&["sub"]),
        tenant_id: TenantId::derived(&["acme"]),
        anchor: Anchor::Calendar,
        starts_on: day(starts_on),
        time_zone: TimeZone::UTC,
        plan: plan(name),
        offer: key_of(interval),
        seats: seats(licensed),
        add_ons: BTreeMap::new(),
        trial: None,
    }
}

fn to_plan(name: &str, interval: Interval, when: When) -> Change {
    Change::Plan { to: plan(name), offer: key_of(interval), seats: BTreeMap::new(), when }
}

fn to_seats(price: &str, quantity: u64, when: When) -> Change {
    Change::Seats { add_on: None, price: slug(price), quantity, when }
}

const PAUSE: Change = Change::Pause { usage: PausedUsage::Free };

fn cancel_on(text: &str) -> Change {
    Change::Cancel { when: CancelWhen::On(day(text)) }
}

/// A subscription, its offers, and a day that moves on.
#[derive(Clone, Debug)]
struct Story {
    offers: Offers,
    subscription: Subscription,
}

impl Story {
    fn new(start: Start, sold: &[Sold<'_>]) -> Self {
        let offers = offers(sold);
        Self { subscription: Subscription::start(start, now(), &offers).unwrap(), offers }
    }

    /// After its first `count` runs.
    fn ran(mut self, count: u32) -> Self {
        while self.subscription.next_run < count {
            self.subscription = self.subscription.after_run().unwrap();
        }
        self
    }

    fn decide(&self, today: &str, change: &Change) -> Result<Changed, Violation> {
        self.subscription.change(change, day(today), now(), &self.offers)
    }

    fn then(mut self, today: &str, change: &Change) -> Self {
        self.subscription = self.decide(today, change).unwrap().after;
        self
    }

    /// The lines of `run`, where every usage that is wanted was `used` units.
    fn run(&self, run: u32, used: i64) -> Vec<Line> {
        let wanted = self.subscription.usage_wanted(run, &self.offers).unwrap();
        let counted = Counted { usage: Usage::Quantity(Decimal::from(used)), evidence: None };
        let usage = wanted.into_iter().map(|wanted| (wanted.key, counted.clone())).collect();
        self.subscription.lines(run, &self.offers, &usage).unwrap()
    }

    fn texts(&self, run: u32, used: i64) -> Vec<String> {
        self.run(run, used).iter().map(text).collect()
    }
}

/// A line as `key cents`, with its days where it has its own.
fn text(line: &Line) -> String {
    let days = line.days.map_or_else(String::new, |(first, last)| format!(" {first}..{last}"));
    format!("{} {}{days}", line.key, line.amount.amount_minor)
}
