//! The table `apiKeys`: from the digest of a key to whose it is, and each tenant's list of its keys.

use super::{
    TenantStore,
    dynamo::{self, Transacted},
    item::{self, Stored},
    key::{self, Key},
};
use crate::{Fault, World, store::dynamo::Range};
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::{
    Timestamp,
    api_key::KeyDigest,
    id::{ApiKeyId, TenantId},
};
use serde::{Deserialize, Serialize};

/// A key as it is kept: everything but the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredApiKey {
    /// Who it is.
    pub id: ApiKeyId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What its owner calls it.
    pub name: String,
    /// Its first characters.
    pub preview: String,
    /// SHA-256 of the key, in hex.
    pub digest: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Stored for StoredApiKey {
    const VERSION: u32 = 1;
}

impl StoredApiKey {
    /// Whether it works at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

impl World {
    /// The key with this digest.
    ///
    /// It is asked for all the time, so at half the price first: what is found may be a second old, which is how long a
    /// key may outlive its revocation. A key that is not found may be that young, and is looked for again.
    pub async fn api_key(&self, digest: KeyDigest) -> Result<Option<StoredApiKey>, Fault> {
        let (table, key) = (&self.settings().api_keys_table, Key::ApiKeyDigest(digest));
        let item = match self.get_item_maybe_old(table, &key).await? {
            Some(item) => Some(item),
            None => self.get_item(table, &key).await?,
        };
        item.map(item::read).transpose()
    }
}

impl TenantStore<'_> {
    /// Keeps a key; answers `false` if one of that id is kept already.
    pub async fn create_api_key(&self, stored: &StoredApiKey, digest: KeyDigest) -> Result<bool, Fault> {
        let table = &self.world.settings().api_keys_table;
        let listed = Key::ApiKeyListed(self.tenant_id, stored.id);
        let actions = vec![
            dynamo::put(table, item::write(&listed, stored)?, true)?,
            dynamo::put(table, item::write(&Key::ApiKeyDigest(digest), stored)?, true)?,
        ];
        Ok(self.world.transact(actions).await? == Transacted::Committed)
    }

    /// The key `id`.
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Option<StoredApiKey>, Fault> {
        let table = &self.world.settings().api_keys_table;
        let item = self.world.get_item(table, &Key::ApiKeyListed(self.tenant_id, id)).await?;
        item.map(item::read).transpose()
    }

    /// A page of the tenant's keys, oldest first.
    pub async fn api_keys(&self, limit: u8, after: Option<&item::Cursor>) -> Result<item::Page<StoredApiKey>, Fault> {
        let table = &self.world.settings().api_keys_table;
        let partition = key::tenant_partition(self.tenant_id);
        let range = Range::Prefix("KEY#".to_owned());
        self.world.query_page(table, &partition, range, false, limit, after).await?.try_map(item::read)
    }

    /// Revokes the key `id`, for good; answers whether there is one. A second time changes nothing.
    pub async fn revoke_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<bool, Fault> {
        let Some(stored) = self.api_key(id).await? else { return Ok(false) };
        if stored.revoked_at.is_some() {
            return Ok(true);
        }
        let table = &self.world.settings().api_keys_table;
        let digest: KeyDigest = item::parse(&stored.digest)?;
        let actions = vec![
            revoke(table, &Key::ApiKeyDigest(digest), now)?,
            revoke(table, &Key::ApiKeyListed(self.tenant_id, id), now)?,
        ];
        self.world.transact(actions).await.map(|_| true)
    }
}

fn revoke(table: &str, key: &Key<'_>, now: Timestamp) -> Result<TransactWriteItem, Fault> {
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(key.attributes()))
        .update_expression("SET revoked_at = :now")
        .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
        .build()
        .map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
    Ok(TransactWriteItem::builder().update(update).build())
}
