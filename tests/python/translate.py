"""Writes what CloudFormation makes of template.yaml, once per stage of samconfig.toml: <folder>/<stage>.json.

It is the SAM transform of `aws-sam-translator`, without an account. `sam validate --lint` passes templates that this and
cfn-lint refuse. Arguments: the template, samconfig.toml, the folder.
"""

import copy
import json
import os
import pathlib
import sys
import tomllib

REGION = "eu-central-1"
os.environ["AWS_DEFAULT_REGION"] = REGION

from samtranslator.parser.parser import Parser  # noqa: E402 (the translator reads the region when it is imported)
from samtranslator.translator.translator import Translator  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class Session:
    """As much of a boto3 session as the translator asks for."""

    region_name = REGION


def main(template_file: str, stages_file: str, folder: str) -> None:
    with open(template_file, encoding="utf-8") as file:
        template = yaml_parse(file)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # Where `sam package` would have put the code.
            resource["Properties"]["CodeUri"] = "s3://meterline-code/function.zip"
    stages = tomllib.loads(pathlib.Path(stages_file).read_text(encoding="utf-8"))
    del stages["version"]
    for stage, commands in stages.items():
        overrides = commands["deploy"]["parameters"]["parameter_overrides"]
        parameters = dict(override.replace('"', "").split("=", 1) for override in overrides)
        if parameters["Stage"] != stage:
            sys.exit(f"samconfig.toml deploys the stage {parameters['Stage']} as {stage}")
        if unknown := parameters.keys() - template["Parameters"].keys():
            sys.exit(f"samconfig.toml sets parameters that the template does not have: {unknown}")
        translator = Translator({}, Parser(), boto_session=Session())
        translated = translator.translate(copy.deepcopy(template), parameter_values=parameters)
        # Written aside and moved, for tests in other processes may be reading.
        aside = pathlib.Path(folder, f"{stage}.{os.getpid()}")
        aside.write_text(json.dumps(translated, indent=1), encoding="utf-8")
        aside.replace(pathlib.Path(folder, f"{stage}.json"))


main(*sys.argv[1:])
