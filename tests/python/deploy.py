"""Packages the five binaries, creates the stack from template.yaml through CloudFormation, and prints what came out.

What `sam deploy` does in an account, against an endpoint that needs no account. Prints one JSON object:
{"api": <HTTP API id>, "functions": {"api": <physical name>, ...}, "queues": {"UsageQueue": <URL>, ...}}.
With --delete it takes the stack down. Everything else (talking to the stack) is left to the tests.
"""

import argparse
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import WaiterError

FUNCTIONS = ("api", "usage", "billing", "invoice", "webhook")
CREATE_SECONDS_MAX = 600

# What the template is given before it is created: (pattern, replacement, how often it has to match at least).
ADAPTATIONS = (
    # Code lies in a bucket. This is the change that `sam package` makes too.
    (r"CodeUri: functions/(\w+)", r"CodeUri: s3://CODE_BUCKET/\1.zip", len(FUNCTIONS)),
    # The endpoint speaks plain HTTP over loopback, so the statements that refuse plain HTTP cannot hold here.
    (r"aws:SecureTransport: 'false'", "aws:SecureTransport: 'not here'", 1),
    # AWS authorizes the batch form of an action under the name of the single form; the endpoint asks for its own name.
    (r"Action: (sns:Publish|sqs:SendMessage)\b", r"Action: \1*", 2),
)


def main() -> None:
    arguments = parse()
    client = clients(arguments.endpoint, arguments.region)
    if arguments.delete:
        client("cloudformation").delete_stack(StackName=arguments.stack)
        return
    bucket = f"{arguments.stack}-code"
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": arguments.region})
    for name in FUNCTIONS:
        client("s3").put_object(Bucket=bucket, Key=f"{name}.zip", Body=package(arguments.binaries / name))
    create(client("cloudformation"), arguments, adapted(arguments.template.read_text(encoding="utf-8"), bucket))
    json.dump(describe(client("cloudformation"), arguments.stack), sys.stdout)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--delete", action="store_true")
    parser.add_argument("--template", type=pathlib.Path)
    parser.add_argument("--binaries", type=pathlib.Path, help="folder that cargo built into")
    parser.add_argument("parameters", nargs="*", help="Name=value")
    return parser.parse_args()


def clients(endpoint: str, region: str):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    # A busy machine may take long over one call. Making it again would find half of its own work there.
    patient = Config(read_timeout=CREATE_SECONDS_MAX, retries={"total_max_attempts": 1})
    return lambda service: boto3.client(service, endpoint_url=endpoint, region_name=region, config=patient, **keys)


def package(binary: pathlib.Path) -> bytes:
    """A zip with the stripped binary, under the one name that Lambda starts."""
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, binary], check=True)
        code = pathlib.Path(stripped.name).read_bytes()
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compresslevel=1) as archive:
        archive.writestr(entry, code)
    return packed.getvalue()


def adapted(template: str, bucket: str) -> str:
    for pattern, replacement, count_min in ADAPTATIONS:
        template, count = re.subn(pattern, replacement.replace("CODE_BUCKET", bucket), template)
        if count < count_min:
            sys.exit(f"{pattern!r} matches {count} times in the template, expected at least {count_min}")
    return template


def create(cloudformation, arguments: argparse.Namespace, template: str) -> None:
    pairs = (parameter.split("=", 1) for parameter in arguments.parameters)
    cloudformation.create_stack(
        StackName=arguments.stack,
        TemplateBody=template,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in pairs],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    try:
        waiter.wait(StackName=arguments.stack, WaiterConfig={"Delay": 1, "MaxAttempts": CREATE_SECONDS_MAX})
    except WaiterError:
        events = cloudformation.describe_stack_events(StackName=arguments.stack)["StackEvents"]
        failed = [event for event in reversed(events) if event["ResourceStatus"].endswith("FAILED")]
        lines = (f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in failed)
        status = cloudformation.describe_stacks(StackName=arguments.stack)["Stacks"][0]["StackStatus"]
        sys.exit(f"the stack was not created: {status}\n" + "\n".join(lines))


def describe(cloudformation, stack: str) -> dict:
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]

    def of(kind: str) -> dict:
        return {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources if r["ResourceType"] == kind}

    functions = of("AWS::Lambda::Function")
    return {
        "api": of("AWS::ApiGatewayV2::Api")["HttpApi"],
        "functions": {name: functions[f"{name.capitalize()}Function"] for name in FUNCTIONS},
        "queues": of("AWS::SQS::Queue"),
    }


if __name__ == "__main__":
    main()
