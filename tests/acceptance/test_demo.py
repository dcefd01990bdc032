"""The demo's story of the security page, told against a server of the tests.

`make demo` tells it too, after the main job on real data, which takes too long here.
"""

import re
import subprocess
import sys

from conftest import ROOT, binary

TELL = """
import sys
import boto3
import demo, protected
rows = [{"carrier": "9E", "name": "Endeavor Air Inc."}, {"carrier": "AA", "name": "American Airlines Inc."}]
protected.tell(boto3.Session(), rows, sys.argv[1], demo)
"""


def test_the_story_of_the_security_page_is_told(fresh_server):
    told = subprocess.run(
        [sys.executable, "-B", "-c", TELL, str(binary())], cwd=ROOT / "demo", env=fresh_server.environment(),
        capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stdout + told.stderr
    text = told.stdout
    # Each in its turn: two keys, the condition, both switched, the grant, the trail.
    turns = ["online key ", "kms:ViaService", "offline key ", "kms:GenerateDataKey on resource",
             "9E is Endeavor Air Inc.", "The keys are disabled", "DisabledException", "Blocked", "Active",
             "SageMakerFeatureStore-airlines-", "revoked it", "Every call of KMS", "GenerateDataKey", "CreateGrant",
             "RevokeGrant"]
    place = 0
    for turn in turns:
        place = text.find(turn, place)
        assert place >= 0, f"`{turn}` is not told, or not in its turn:\n{text}"
    # The trail names who asked, and through whom.
    assert re.search(r"Decrypt +ok +user/featurestore-user  via sagemaker.amazonaws.com", text), text
    writer = "assumed-role/featurestore-writer/SageMaker  via s3.amazonaws.com"
    assert re.search(rf"GenerateDataKey +ok +{writer}", text), text
    assert re.search(r"GenerateDataKey +AccessDenied +user/featurestore-user\n", text), text
