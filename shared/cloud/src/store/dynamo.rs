//! The few calls of DynamoDB that the stores share: get, conditional put, query a page, get many, transact.

use super::{
    item::{Cursor, Item, PAGE_ITEMS_MAX, Page},
    key::Key,
};
use crate::{Fault, World};
use aws_sdk_dynamodb::{
    operation::{
        put_item::{PutItemError, builders::PutItemFluentBuilder},
        transact_write_items::TransactWriteItemsError,
    },
    types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem, Update},
};
use std::collections::HashMap;

/// Rounds of `BatchGetItem` before its unprocessed keys are a fault.
const BATCH_GET_ROUNDS_MAX: usize = 5;
/// Pages that a query of everything may take: 1 MiB each.
pub(crate) const QUERY_PAGES_MAX: usize = 1_000;

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transacted {
    /// All of it happened.
    Committed,
    /// None of it happened; these actions, by position, had their condition refused.
    Refused(Vec<usize>),
}

/// Which items of a partition.
#[derive(Clone, Debug)]
pub(crate) enum Range {
    /// Those whose sort key starts so.
    Prefix(String),
    /// Those from the first sort key to the second, both inclusive.
    Between(String, String),
    /// All.
    All,
}

impl World {
    /// The item under `key`, as of now.
    pub(crate) async fn get_item(&self, table: &str, key: &Key<'_>) -> Result<Option<Item>, Fault> {
        self.read_item(table, key, true).await
    }

    /// As [`Self::get_item`] for half the price, of what may be a second old.
    pub(crate) async fn get_item_maybe_old(&self, table: &str, key: &Key<'_>) -> Result<Option<Item>, Fault> {
        self.read_item(table, key, false).await
    }

    async fn read_item(&self, table: &str, key: &Key<'_>, consistent: bool) -> Result<Option<Item>, Fault> {
        let request = self.dynamo().get_item().table_name(table).set_key(Some(key.attributes()));
        let answer = request.consistent_read(consistent).send().await;
        Ok(answer.map_err(|error| Fault::of_call("dynamodb:GetItem", error))?.item)
    }

    /// Stores `item`, if there is none under its key yet; answers whether it did.
    pub(crate) async fn put_if_absent(&self, table: &str, item: Item) -> Result<bool, Fault> {
        let request = self.dynamo().put_item().table_name(table).set_item(Some(item));
        put_on_condition(request.condition_expression("attribute_not_exists(pk)")).await
    }

    /// Stores `item`, whatever was there.
    pub(crate) async fn put_item(&self, table: &str, item: Item) -> Result<(), Fault> {
        let sent = self.dynamo().put_item().table_name(table).set_item(Some(item)).send().await;
        sent.map(drop).map_err(|error| Fault::of_call("dynamodb:PutItem", error))
    }

    /// Stores `item` if what is there has the version `before`, or, if that is 0, nothing is; answers whether it did.
    pub(crate) async fn put_if_version(&self, table: &str, item: Item, before: u64) -> Result<bool, Fault> {
        let request = self.dynamo().put_item().table_name(table).set_item(Some(item));
        let request = if before == 0 {
            request.condition_expression("attribute_not_exists(pk)")
        } else {
            request
                .condition_expression("#version = :before")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":before", AttributeValue::N(before.to_string()))
        };
        put_on_condition(request).await
    }

    /// One page of a partition in the order of sort keys; the newest first if `backward`.
    pub(crate) async fn query_page(
        &self,
        table: &str,
        partition: &str,
        range: Range,
        backward: bool,
        limit: u8,
        after: Option<&Cursor>,
    ) -> Result<Page<Item>, Fault> {
        let mut request = self.query(table, partition, range).scan_index_forward(!backward);
        request = request.limit(i32::from(limit.clamp(1, PAGE_ITEMS_MAX)));
        if let Some(Cursor(sk)) = after {
            request = request
                .exclusive_start_key("pk", AttributeValue::S(partition.to_owned()))
                .exclusive_start_key("sk", AttributeValue::S(sk.clone()));
        }
        let answer = request.send().await.map_err(|error| Fault::of_call("dynamodb:Query", error))?;
        let last = answer.last_evaluated_key.and_then(|mut key| key.remove("sk"));
        let next = last.and_then(|sk| sk.as_s().ok().cloned()).map(Cursor);
        Ok(Page { items: answer.items.unwrap_or_default(), next })
    }

    /// All items of a range, up to [`QUERY_PAGES_MAX`] pages.
    pub(crate) async fn query_all(&self, table: &str, partition: &str, range: Range) -> Result<Vec<Item>, Fault> {
        let mut items = Vec::new();
        let mut from = None;
        for _ in 0..QUERY_PAGES_MAX {
            let request = self.query(table, partition, range.clone()).set_exclusive_start_key(from);
            let answer = request.send().await.map_err(|error| Fault::of_call("dynamodb:Query", error))?;
            items.extend(answer.items.unwrap_or_default());
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
        Err(Fault::permanent("dynamodb:Query", format!("the range has more than {QUERY_PAGES_MAX} pages")))
    }

    fn query(
        &self,
        table: &str,
        partition: &str,
        range: Range,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        let request = self.dynamo().query().table_name(table).consistent_read(true);
        let request = request.expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()));
        match range {
            Range::All => request.key_condition_expression("pk = :pk"),
            Range::Prefix(prefix) => request
                .key_condition_expression("pk = :pk AND begins_with(sk, :from)")
                .expression_attribute_values(":from", AttributeValue::S(prefix)),
            Range::Between(from, to) => request
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":from", AttributeValue::S(from))
                .expression_attribute_values(":to", AttributeValue::S(to)),
        }
    }

    /// The items under at most [`PAGE_ITEMS_MAX`] keys, in the order of the keys; missing ones are left out.
    pub(crate) async fn get_items(&self, table: &str, keys: &[Key<'_>]) -> Result<Vec<Item>, Fault> {
        let mut found: HashMap<(String, String), Item> = HashMap::new();
        let mut wanted: Vec<Item> = keys.iter().map(Key::attributes).collect();
        for _ in 0..BATCH_GET_ROUNDS_MAX {
            if wanted.is_empty() {
                break;
            }
            let request = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
            let request = request.map_err(|error| Fault::permanent("dynamodb:BatchGetItem", error))?;
            let answer = self.dynamo().batch_get_item().request_items(table, request).send().await;
            let answer = answer.map_err(|error| Fault::of_call("dynamodb:BatchGetItem", error))?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                found.insert(
                    (super::item::text(&item, "pk")?.to_owned(), super::item::text(&item, "sk")?.to_owned()),
                    item,
                );
            }
            wanted = answer.unprocessed_keys.unwrap_or_default().into_values().flat_map(|rest| rest.keys).collect();
        }
        if !wanted.is_empty() {
            let cause = "some keys were not processed".into();
            return Err(Fault::Transient { operation: "dynamodb:BatchGetItem", cause });
        }
        Ok(keys.iter().filter_map(|key| found.remove(&key.parts())).collect())
    }

    /// Writes all `actions` or none, and says whose condition was refused.
    ///
    /// A conflict with another transaction is a fault to try again, not an answer: the reasons are read one by one,
    /// and a refused condition beside a conflict is not trusted.
    pub(crate) async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<Transacted, Fault> {
        const OPERATION: &str = "dynamodb:TransactWriteItems";
        let sent = self.dynamo().transact_write_items().set_transact_items(Some(actions)).send().await;
        let Err(error) = sent else { return Ok(Transacted::Committed) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(Fault::of_call(OPERATION, error));
        };
        let codes: Vec<&str> =
            cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect();
        if codes
            .iter()
            .any(|code| matches!(*code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
        {
            return Err(Fault::Conflict { operation: OPERATION });
        }
        let refused: Vec<usize> = (0..codes.len()).filter(|&at| codes[at] == "ConditionalCheckFailed").collect();
        if refused.is_empty() {
            return Err(Fault::of_call(OPERATION, error));
        }
        Ok(Transacted::Refused(refused))
    }
}

/// Sends a put that has a condition; answers whether that held.
pub(super) async fn put_on_condition(request: PutItemFluentBuilder) -> Result<bool, Fault> {
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
            Ok(false)
        }
        Err(error) => Err(Fault::of_call("dynamodb:PutItem", error)),
    }
}

/// The action that stores `item`, on the condition that there is none under its key if `absent`.
pub(crate) fn put(table: &str, item: Item, absent: bool) -> Result<TransactWriteItem, Fault> {
    let put = Put::builder().table_name(table).set_item(Some(item));
    let put = if absent { put.condition_expression("attribute_not_exists(pk)") } else { put };
    let put = put.build().map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// The action that changes attributes of an item of which the version is `before`, which becomes the next one.
pub(crate) fn change_version(
    table: &str,
    key: &Key<'_>,
    before: u64,
    set: impl IntoIterator<Item = (&'static str, AttributeValue)>,
) -> Result<TransactWriteItem, Fault> {
    let number = |n: u64| AttributeValue::N(n.to_string());
    let mut update = Update::builder()
        .table_name(table)
        .set_key(Some(key.attributes()))
        .condition_expression("#version = :before")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":before", number(before))
        .expression_attribute_values(":next", number(before + 1));
    let mut expression = "SET #version = :next".to_owned();
    for (name, value) in set {
        expression.push_str(&format!(", #{name} = :{name}"));
        update = update
            .expression_attribute_names(format!("#{name}"), name)
            .expression_attribute_values(format!(":{name}"), value);
    }
    let update = update.update_expression(expression).build();
    let update = update.map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// The action of [`World::put_if_version`].
pub(crate) fn put_version(table: &str, item: Item, before: u64) -> Result<TransactWriteItem, Fault> {
    if before == 0 {
        return put(table, item, true);
    }
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("#version = :before")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":before", AttributeValue::N(before.to_string()))
        .build()
        .map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}
