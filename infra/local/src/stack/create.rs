//! Makes what a plan holds, through the SDK like any other program. What exists already is left as it is, except for
//! queues' attributes and topics' subscriptions, which are set to what the template says now.

use super::StackError;
use super::resources::{Key, Plan, Queue, Subscription, Table, Topic};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_sqs::types::QueueAttributeName;
use std::collections::BTreeMap;

/// Attributes of a subscription that say which one it is, and not how it is.
const IDENTITY: [&str; 4] = ["Endpoint", "Protocol", "SubscriptionArn", "TopicArn"];

type Cause = Box<dyn std::error::Error + Send + Sync>;

pub(super) async fn create(plan: &Plan, config: &SdkConfig) -> Result<(), StackError> {
    let dynamo = aws_sdk_dynamodb::Client::new(config);
    for table in &plan.tables {
        create_table(&dynamo, table).await.map_err(failed(&table.table_name))?;
    }
    let sqs = aws_sdk_sqs::Client::new(config);
    for queue in &plan.queues {
        sqs.create_queue().queue_name(&queue.name).send().await.map_err(|error| failed(&queue.name)(error.into()))?;
    }
    // Only now, when every dead-letter queue is there.
    for queue in &plan.queues {
        set_queue_attributes(&sqs, queue).await.map_err(failed(&queue.name))?;
    }
    let sns = aws_sdk_sns::Client::new(config);
    for topic in &plan.topics {
        create_topic(&sns, topic).await.map_err(failed(&topic.name))?;
    }
    for topic in &plan.topics {
        subscribe(&sns, topic, &plan.subscriptions).await.map_err(failed(&topic.name))?;
    }
    let s3 = aws_sdk_s3::Client::new(config);
    for bucket in &plan.buckets {
        s3.create_bucket().bucket(bucket).send().await.map_err(|error| failed(bucket)(error.into()))?;
    }
    Ok(())
}

fn failed(place: &str) -> impl Fn(Cause) -> StackError {
    move |source| StackError::Aws { place: place.to_owned(), source }
}

async fn create_table(dynamo: &aws_sdk_dynamodb::Client, table: &Table) -> Result<(), Cause> {
    let name = &table.table_name;
    let described = dynamo.describe_table().table_name(name).send().await;
    match described.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
        Ok(_) => return Ok(()),
        Err(error) if error.is_resource_not_found_exception() => {}
        Err(error) => return Err(error.into()),
    }
    let mut request =
        dynamo.create_table().table_name(name).billing_mode(BillingMode::from(table.billing_mode.as_str()));
    for attribute in &table.attribute_definitions {
        let definition = AttributeDefinition::builder().attribute_name(&attribute.attribute_name);
        let kind = ScalarAttributeType::from(attribute.attribute_type.as_str());
        request = request.attribute_definitions(definition.attribute_type(kind).build()?);
    }
    for element in key_schema(&table.key_schema)? {
        request = request.key_schema(element);
    }
    for index in &table.global_secondary_indexes {
        let projection = Projection::builder()
            .projection_type(ProjectionType::from(index.projection.projection_type.as_str()))
            .set_non_key_attributes(non_empty(&index.projection.non_key_attributes));
        let index = GlobalSecondaryIndex::builder()
            .index_name(&index.index_name)
            .set_key_schema(Some(key_schema(&index.key_schema)?))
            .projection(projection.build());
        request = request.global_secondary_indexes(index.build()?);
    }
    request.send().await?;
    if let Some(ttl) = &table.time_to_live_specification {
        let ttl =
            TimeToLiveSpecification::builder().attribute_name(&ttl.attribute_name).enabled(ttl.enabled).build()?;
        dynamo.update_time_to_live().table_name(name).time_to_live_specification(ttl).send().await?;
    }
    Ok(())
}

fn key_schema(keys: &[Key]) -> Result<Vec<KeySchemaElement>, Cause> {
    let element = |key: &Key| {
        let element = KeySchemaElement::builder().attribute_name(&key.attribute_name);
        Ok(element.key_type(KeyType::from(key.key_type.as_str())).build()?)
    };
    keys.iter().map(element).collect()
}

fn non_empty(names: &[String]) -> Option<Vec<String>> {
    (!names.is_empty()).then(|| names.to_vec())
}

async fn set_queue_attributes(sqs: &aws_sdk_sqs::Client, queue: &Queue) -> Result<(), Cause> {
    if queue.attributes.is_empty() {
        return Ok(());
    }
    let url = sqs.get_queue_url().queue_name(&queue.name).send().await?.queue_url.unwrap_or_default();
    let attributes =
        queue.attributes.iter().map(|(name, value)| (QueueAttributeName::from(name.as_str()), value.clone()));
    sqs.set_queue_attributes().queue_url(url).set_attributes(Some(attributes.collect())).send().await?;
    Ok(())
}

async fn create_topic(sns: &aws_sdk_sns::Client, topic: &Topic) -> Result<(), Cause> {
    let attributes = topic.attributes.clone().into_iter().collect();
    sns.create_topic().name(&topic.name).set_attributes(Some(attributes)).send().await?;
    Ok(())
}

/// Makes the subscriptions of a topic those of the template: one that is not there, or not like that, goes.
async fn subscribe(sns: &aws_sdk_sns::Client, topic: &Topic, wanted: &[Subscription]) -> Result<(), Cause> {
    let topic_arn = &topic.arn;
    let wanted: Vec<&Subscription> = wanted.iter().filter(|wanted| wanted.topic_arn == *topic_arn).collect();
    let listed = sns.list_subscriptions_by_topic().topic_arn(topic_arn).send().await?;
    for arn in listed.subscriptions().iter().filter_map(|found| found.subscription_arn()) {
        let found =
            sns.get_subscription_attributes().subscription_arn(arn).send().await?.attributes.unwrap_or_default();
        let same = |wanted: &&Subscription| {
            let set = found.iter().filter(|(name, _)| !IDENTITY.contains(&name.as_str()));
            found.get("Endpoint") == Some(&wanted.endpoint)
                && set.collect::<BTreeMap<_, _>>() == wanted.attributes.iter().collect()
        };
        if !wanted.iter().any(same) {
            sns.unsubscribe().subscription_arn(arn).send().await?;
        }
    }
    for subscription in wanted {
        let attributes = subscription.attributes.clone().into_iter().collect();
        let request = sns.subscribe().topic_arn(topic_arn).protocol("sqs").endpoint(&subscription.endpoint);
        request.set_attributes(Some(attributes)).send().await?;
    }
    Ok(())
}
