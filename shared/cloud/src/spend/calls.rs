//! Adds what each call of the SDK consumed to the current payer: one place for all stores, the bus, queues and blobs.
//!
//! DynamoDB is asked to report capacity units (`ReturnConsumedCapacity`), transactional ones as it reports them. What a
//! refused condition consumed it does not report: one unit is counted for a write, two for each action of a transaction,
//! the least that AWS charges. SNS and SQS requests count once for each started 64 KiB of payload. A call without an
//! answer counts as nothing: what came of it is not known here.

use super::{Amounts, add};
use aws_sdk_dynamodb::{
    operation as dynamo,
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeSerializationInterceptorContextMut, Error, FinalizerInterceptorContextRef, Input, Output},
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use std::collections::HashMap;

/// SNS and SQS bill a request once for every started chunk of this size.
const BILLED_CHUNK_BYTES: usize = 64 * 1024;
/// Write units of an action of a transaction that a condition refused, at least.
const REFUSED_ACTION_UNITS: u64 = 2;

/// Reads every call that a client makes.
#[derive(Debug)]
pub(crate) struct Calls;

/// What only the request tells.
#[derive(Clone, Copy, Debug, Default)]
struct Offered {
    /// Payload of a message or a batch of them.
    bytes: usize,
    /// Actions of a transaction.
    actions: u64,
}

impl Storable for Offered {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        ask_for_capacity(input);
        config.interceptor_state().store_put(offered(input));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(outcome), Some(metadata)) = (context.output_or_error(), config.load::<Metadata>()) else {
            return Ok(());
        };
        let offered = config.load::<Offered>().copied().unwrap_or_default();
        let consumed = match metadata.service() {
            "DynamoDB" => match outcome {
                Ok(output) => units(output),
                Err(error) => error.as_operation_error().and_then(|error| refused(error, offered)),
            },
            "SNS" => outcome.is_ok().then(|| Amounts {
                sns_requests: 1,
                sns_chunks: billed_chunks(offered.bytes),
                ..Amounts::default()
            }),
            "SQS" => {
                outcome.is_ok().then(|| Amounts { sqs_chunks: billed_chunks(offered.bytes), ..Amounts::default() })
            }
            // S3 bills what it refuses as well.
            "S3" => context.response().is_some().then(|| object_request(metadata.name())),
            _ => None,
        };
        if let Some(consumed) = consumed {
            add(&consumed);
        }
        Ok(())
    }
}

/// Runs `$change` on the operation's own type of `$erased`, for the operations that are named.
macro_rules! with_own_type {
    ($erased:expr, $downcast:ident, $($module:ident :: $own:ident)|+, |$value:ident| $change:expr) => {
        $(if let Some($value) = $erased.$downcast::<dynamo::$module::$own>() {
            return $change;
        })+
    };
}

fn ask_for_capacity(input: &mut Input) {
    with_own_type!(
        input,
        downcast_mut,
        get_item::GetItemInput
            | query::QueryInput
            | put_item::PutItemInput
            | update_item::UpdateItemInput
            | transact_write_items::TransactWriteItemsInput
            | delete_item::DeleteItemInput
            | batch_get_item::BatchGetItemInput
            | batch_write_item::BatchWriteItemInput
            | transact_get_items::TransactGetItemsInput
            | scan::ScanInput,
        |input| input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total)
    );
}

fn offered(input: &Input) -> Offered {
    if let Some(batch) = input.downcast_ref::<aws_sdk_sns::operation::publish_batch::PublishBatchInput>() {
        let entries = batch.publish_batch_request_entries.iter().flatten();
        let bytes = entries.map(|entry| entry.message().len() + attributes_bytes(entry.message_attributes())).sum();
        return Offered { bytes, ..Offered::default() };
    }
    if let Some(message) = input.downcast_ref::<aws_sdk_sqs::operation::send_message::SendMessageInput>() {
        return Offered { bytes: message.message_body().map_or(0, str::len), ..Offered::default() };
    }
    let transaction = input.downcast_ref::<dynamo::transact_write_items::TransactWriteItemsInput>();
    Offered { actions: transaction.map_or(0, |it| it.transact_items().len() as u64), ..Offered::default() }
}

/// An attribute weighs as much as its name, its type and its value.
fn attributes_bytes(attributes: Option<&HashMap<String, MessageAttributeValue>>) -> usize {
    let weight = |(name, value): (&String, &MessageAttributeValue)| {
        name.len() + value.data_type().len() + value.string_value().map_or(0, str::len)
    };
    attributes.into_iter().flatten().map(weight).sum()
}

fn units(output: &Output) -> Option<Amounts> {
    with_own_type!(output, downcast_ref, get_item::GetItemOutput | query::QueryOutput | scan::ScanOutput, |output| {
        Some(read(output.consumed_capacity()))
    });
    with_own_type!(
        output,
        downcast_ref,
        put_item::PutItemOutput | update_item::UpdateItemOutput | delete_item::DeleteItemOutput,
        |output| Some(written(output.consumed_capacity()))
    );
    with_own_type!(
        output,
        downcast_ref,
        transact_write_items::TransactWriteItemsOutput | batch_write_item::BatchWriteItemOutput,
        |output| Some(written(output.consumed_capacity()))
    );
    with_own_type!(
        output,
        downcast_ref,
        batch_get_item::BatchGetItemOutput | transact_get_items::TransactGetItemsOutput,
        |output| Some(read(output.consumed_capacity()))
    );
    None
}

fn read<'a>(reported: impl IntoIterator<Item = &'a ConsumedCapacity>) -> Amounts {
    Amounts { dynamo_requests: 1, read_half_units: half_units(reported), ..Amounts::default() }
}

fn written<'a>(reported: impl IntoIterator<Item = &'a ConsumedCapacity>) -> Amounts {
    Amounts { dynamo_requests: 1, write_units: half_units(reported).div_ceil(2), ..Amounts::default() }
}

/// Units as they are counted here. DynamoDB writes them as a decimal, but they are always whole halves.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic,
    reason = "the SDK speaks DynamoDB's floats; a request consumes far less than 2^52 half units, never less than 0"
)]
fn half_units<'a>(reported: impl IntoIterator<Item = &'a ConsumedCapacity>) -> u64 {
    reported.into_iter().filter_map(ConsumedCapacity::capacity_units).map(|units| (units * 2.0).round() as u64).sum()
}

/// A write that was worked on and refused.
fn refused(error: &Error, offered: Offered) -> Option<Amounts> {
    let one = Amounts { dynamo_requests: 1, write_units: 1, ..Amounts::default() };
    if let Some(error) = error.downcast_ref::<dynamo::put_item::PutItemError>() {
        return error.is_conditional_check_failed_exception().then_some(one);
    }
    if let Some(error) = error.downcast_ref::<dynamo::update_item::UpdateItemError>() {
        return error.is_conditional_check_failed_exception().then_some(one);
    }
    if let Some(error) = error.downcast_ref::<dynamo::delete_item::DeleteItemError>() {
        return error.is_conditional_check_failed_exception().then_some(one);
    }
    let error = error.downcast_ref::<dynamo::transact_write_items::TransactWriteItemsError>()?;
    let cancelled = error.is_transaction_canceled_exception();
    cancelled.then_some(Amounts { write_units: REFUSED_ACTION_UNITS * offered.actions, ..one })
}

fn object_request(operation: &str) -> Amounts {
    match operation {
        "GetObject" | "HeadObject" => Amounts { s3_gets: 1, ..Amounts::default() },
        // Deleting is free of charge.
        "DeleteObject" | "DeleteObjects" => Amounts::default(),
        _ => Amounts { s3_puts: 1, ..Amounts::default() },
    }
}

fn billed_chunks(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BILLED_CHUNK_BYTES).max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing(0, 1)]
    #[case::a_chunk(65_536, 1)]
    #[case::a_byte_more(65_537, 2)]
    #[case::the_largest(262_144, 4)]
    fn a_request_is_billed_once_per_started_chunk(#[case] bytes: usize, #[case] expect: u64) {
        assert_eq!(billed_chunks(bytes), expect);
    }

    #[rstest]
    #[case::none(&[], 0)]
    #[case::eventually_consistent(&[0.5], 1)]
    #[case::consistent(&[1.0, 2.5], 7)]
    fn units_are_counted_in_halves(#[case] reported: &[f64], #[case] expect: u64) {
        let reported: Vec<_> =
            reported.iter().map(|units| ConsumedCapacity::builder().capacity_units(*units).build()).collect();
        assert_eq!(half_units(&reported), expect);
        assert_eq!(written(&reported).write_units, expect.div_ceil(2));
    }
}
