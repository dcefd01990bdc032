"""A program on the AWS SDK for Rust against the real binary."""

import os
import pathlib
import subprocess
import time

import pytest

from conftest import Server


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path)
    yield running
    assert running.stop() == 0


def group(server) -> str:
    """The name of a new feature group, under a customer managed key."""
    sagemaker = server.client("sagemaker")
    key = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    sagemaker.create_feature_group(
        FeatureGroupName="sdk-rust", RecordIdentifierFeatureName="id", EventTimeFeatureName="time",
        FeatureDefinitions=[{"FeatureName": name, "FeatureType": "String"} for name in ("id", "time")],
        OnlineStoreConfig={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key}})
    deadline = time.monotonic() + 60
    while True:
        status = sagemaker.describe_feature_group(FeatureGroupName="sdk-rust")["FeatureGroupStatus"]
        if status == "Created":
            return "sdk-rust"
        assert status == "Creating" and time.monotonic() < deadline, status
        time.sleep(0.1)


def test_every_answer_is_what_the_sdk_expects(server):
    key = server.session().get_credentials()
    program = pathlib.Path(os.environ["SDK_RUST_PROGRAM"])
    run = subprocess.run(
        [program], capture_output=True, text=True, timeout=300,
        env={"AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": key.access_key,
             "AWS_SECRET_ACCESS_KEY": key.secret_key, "FEATURE_GROUP": group(server)})
    assert (run.returncode, run.stdout, run.stderr) == (0, "ok\n", "")
