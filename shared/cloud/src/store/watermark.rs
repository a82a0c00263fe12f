//! The watermark's item in the table `usage`: one for the deployment, replaced only as it was read.

use super::{
    dynamo,
    item::{self, Stored},
    key::Key,
};
use crate::{Fault, World};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Timestamp,
    usage::watermark::{Drain, Lap, Sighting, Watermark},
};
use serde::{Deserialize, Serialize};

/// Laps are numbers since the epoch.
#[derive(Serialize, Deserialize)]
struct WatermarkV1 {
    /// Grows with every replacement, from 1.
    revision: u64,
    even: DrainV1,
    odd: DrainV1,
}

#[derive(Serialize, Deserialize)]
struct DrainV1 {
    through: Option<i64>,
    sighting: Option<SightingV1>,
}

#[derive(Serialize, Deserialize)]
struct SightingV1 {
    lap: i64,
    at: Timestamp,
}

impl Stored for WatermarkV1 {
    const VERSION: u32 = 1;
}

impl From<Drain> for DrainV1 {
    fn from(drain: Drain) -> Self {
        let sighting = drain.sighting.map(|sighting| SightingV1 { lap: sighting.lap.0, at: sighting.at });
        Self { through: drain.through.map(|lap| lap.0), sighting }
    }
}

impl From<DrainV1> for Drain {
    fn from(drain: DrainV1) -> Self {
        let sighting = drain.sighting.map(|sighting| Sighting { lap: Lap(sighting.lap), at: sighting.at });
        Self { through: drain.through.map(Lap), sighting }
    }
}

impl World {
    /// The watermark and the revision of its item, which is 0 as long as there is none.
    pub(crate) async fn stored_watermark(&self) -> Result<(u64, Watermark), Fault> {
        let found = self.get_item(&self.settings().usage_table, &Key::Watermark).await?;
        let Some(found) = found else { return Ok((0, Watermark::default())) };
        let WatermarkV1 { revision, even, odd } = item::read(found)?;
        Ok((revision, Watermark { even: even.into(), odd: odd.into() }))
    }

    /// Replaces the item if it still is of `revision`; answers whether it was.
    pub(crate) async fn replace_watermark(&self, revision: u64, watermark: &Watermark) -> Result<bool, Fault> {
        let (even, odd) = (watermark.even.into(), watermark.odd.into());
        let item = item::write(&Key::Watermark, &WatermarkV1 { revision: revision + 1, even, odd })?;
        let request = self.dynamo().put_item().table_name(&self.settings().usage_table).set_item(Some(item));
        let request = match revision {
            0 => request.condition_expression("attribute_not_exists(pk)"),
            _ => request
                .condition_expression("revision = :revision")
                .expression_attribute_values(":revision", AttributeValue::N(revision.to_string())),
        };
        dynamo::put_on_condition(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watermark_v1_is_frozen() {
        let at: Timestamp = "2026-06-01T12:03:00Z".parse().unwrap();
        let drain = Drain { through: Some(Lap(5_934_814)), sighting: Some(Sighting { lap: Lap(5_934_816), at }) };
        let shape = WatermarkV1 { revision: 7, even: drain.into(), odd: Drain::default().into() };
        let item = item::write(&Key::Watermark, &shape).unwrap();
        let number = |number: &str| AttributeValue::N(number.to_owned());
        let map = |entries: &[(&str, AttributeValue)]| {
            AttributeValue::M(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
        };
        let null = AttributeValue::Null(true);
        let sighting = map(&[("lap", number("5934816")), ("at", AttributeValue::S("2026-06-01T12:03:00Z".to_owned()))]);
        assert_eq!(item["pk"], AttributeValue::S("WATERMARK".to_owned()));
        assert_eq!(item["sk"], AttributeValue::S("USAGE".to_owned()));
        assert_eq!((&item["v"], &item["revision"]), (&number("1"), &number("7")));
        assert_eq!(item["even"], map(&[("through", number("5934814")), ("sighting", sighting)]));
        assert_eq!(item["odd"], map(&[("through", null.clone()), ("sighting", null)]));
        let read: WatermarkV1 = item::read(item).unwrap();
        assert_eq!((Drain::from(read.even), Drain::from(read.odd)), (drain, Drain::default()));
    }
}
