"""The security page of the Feature Store as a story: two keys, three roles, one audit trail.

A user creates a feature group whose two stores are each under a key of their own: the online key with the
page's example policy, so that the user has it through the Feature Store only; the offline key for the role
that writes there. The keys are disabled and enabled, an administrator sees the grant and revokes it, and
CloudTrail has every call of KMS.
"""

import collections
import json
import subprocess
import time

import boto3

GROUP, BUCKET = "airlines", "airlines-offline"
VIA = {"StringLike": {"kms:ViaService": "sagemaker.*.amazonaws.com"}}
# What the page's first statement lists.
FOR_USERS = ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant", "kms:RetireGrant",
             "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:ListAliases", "kms:ListGrants"]
READ_ONLY = ["kms:Describe*", "kms:Get*", "kms:List*"]
# What the story does with its keys; the audit trail must have all of it.
WANTED = {
    "online": {"CreateKey", "DescribeKey", "GenerateDataKey", "CreateGrant", "Decrypt", "ListGrants", "RevokeGrant",
               "DisableKey", "EnableKey"},
    "offline": {"CreateKey", "GenerateDataKey", "DisableKey", "EnableKey"},
}


def allow(*actions, principal=None, **more):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"} | more
    return statement | ({"Principal": principal} if principal else {})


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Story:
    """The people and the keys of the page."""

    def __init__(self, session, configs, rows):
        self.session, self.rows = session, rows
        self.config, patient = configs
        self.names = list(rows[0])
        self.iam, self.kms = (session.client(name, config=self.config) for name in ("iam", "kms"))
        self.trail = session.client("cloudtrail", config=patient)
        self.account = session.client("sts", config=self.config).get_caller_identity()["Account"]
        self.root = {"AWS": f"arn:aws:iam::{self.account}:root"}
        self.user = self.make_user()
        self.administrator = self.make_role("featurestore-admin", self.root)
        self.writer = self.make_role("featurestore-writer", {"Service": "sagemaker.amazonaws.com"})
        self.iam.put_role_policy(
            RoleName="featurestore-writer", PolicyName="offline-store",
            PolicyDocument=document(allow("s3:GetBucketAcl", "s3:PutObject", "s3:PutObjectAcl")))

    def make_user(self):
        arn = self.iam.create_user(UserName="featurestore-user")["User"]["Arn"]
        self.iam.put_user_policy(UserName="featurestore-user", PolicyName="feature-store",
                                 PolicyDocument=document(allow("sagemaker:*", "iam:PassRole")))
        key = self.iam.create_access_key(UserName="featurestore-user")["AccessKey"]
        session = boto3.Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
                                region_name=self.session.region_name)
        self.sagemaker, self.runtime, self.users_kms = (
            session.client(name, config=self.config)
            for name in ("sagemaker", "sagemaker-featurestore-runtime", "kms"))
        return arn

    def make_role(self, name, principal):
        trust = document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
        return self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    def make_keys(self):
        """The online key under the page's example policy, the offline key for the role that writes there."""
        administration = allow("kms:*", principal=self.root, Sid="Enable IAM User Permissions")
        self.online_key = self.make_key(
            "online store of the demo",
            # The role is named too: it is the condition alone that does not admit it.
            allow(*FOR_USERS, principal={"AWS": [self.user, self.writer]}, Condition=VIA,
                  Sid="Allow access through Feature Store"),
            allow(*READ_ONLY, "kms:RevokeGrant", principal={"AWS": self.administrator},
                  Sid="Allow administrators to view the CMK and revoke grants"),
            allow(*READ_ONLY, principal={"Service": ["sagemaker.amazonaws.com"]},
                  Sid="Allow Feature Store to get information about the CMK"),
            administration)
        self.offline_key = self.make_key(
            "offline store of the demo",
            allow("kms:GenerateDataKey", principal={"AWS": self.writer}, Sid="Allow the role that writes"),
            administration)

    def make_key(self, description, *statements):
        made = self.kms.create_key(Description=description, Policy=document(*statements))
        return made["KeyMetadata"]["Arn"]

    def create_group(self, offline_key):
        """Creates the group with its offline store under `offline_key`; returns its status."""
        self.sagemaker.create_feature_group(
            FeatureGroupName=GROUP, RecordIdentifierFeatureName=self.names[0], EventTimeFeatureName="seen",
            FeatureDefinitions=[{"FeatureName": name, "FeatureType": "String"} for name in [*self.names, "seen"]],
            OnlineStoreConfig={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": self.online_key}},
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{BUCKET}", "KmsKeyId": offline_key}},
            RoleArn=self.writer)
        while (status := self.described()["FeatureGroupStatus"]) == "Creating":
            time.sleep(0.1)
        return status

    def described(self):
        return self.sagemaker.describe_feature_group(FeatureGroupName=GROUP)

    def offline_status(self):
        status = self.described()["OfflineStoreStatus"]
        return status["Status"], status.get("BlockedReason", "")

    def write(self):
        for row in self.rows:
            record = row | {"seen": "2013-12-31T23:59:59Z"}
            self.runtime.put_record(FeatureGroupName=GROUP, Record=[
                {"FeatureName": name, "ValueAsString": value} for name, value in record.items() if value])

    def read(self):
        answer = self.runtime.get_record(
            FeatureGroupName=GROUP, RecordIdentifierValueAsString=self.rows[0][self.names[0]])
        values = {f["FeatureName"]: f["ValueAsString"] for f in answer["Record"]}
        return f"{values[self.names[0]]} is {values[self.names[1]]}"

    def as_administrator(self):
        sts = self.session.client("sts", config=self.config)
        got = sts.assume_role(RoleArn=self.administrator, RoleSessionName="demo")["Credentials"]
        session = boto3.Session(
            aws_access_key_id=got["AccessKeyId"], aws_secret_access_key=got["SecretAccessKey"],
            aws_session_token=got["SessionToken"], region_name=self.session.region_name)
        return session.client("kms", config=self.config)

    def calls(self, attribute, value):
        """What CloudTrail has of KMS with this attribute, oldest first."""
        pages = self.trail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": attribute, "AttributeValue": value}])
        newest_first = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
        calls = [call for call in reversed(newest_first) if call["eventSource"] == "kms.amazonaws.com"]
        # Those of the same second stay in the order in which they came.
        return sorted(calls, key=lambda call: call["eventTime"])


def tell(session, rows, strongroom, out):
    """Tells the story; `out` is the demo, with its `heading`, `say`, `check`, `refused` and configurations."""
    story = Story(session, (out.CONFIG, out.PATIENT), rows)
    two_keys(story, strongroom, out)
    keys_are_disabled(story, out)
    the_grant(story, out)
    out.heading("10. Every call of KMS for these two keys, oldest first")
    time.sleep(0.5)
    for store, key in (("online", story.online_key), ("offline", story.offline_key)):
        out.say(f"{store} key {shown(key)}:")
        calls = story.calls("ResourceName", key)
        tell_calls(calls, out)
        missing = WANTED[store] - {call["eventName"] for call in calls}
        out.check(not missing, f"the audit trail of the {store} key lacks {missing}")
    out.say("refused, so that the record names no key:")
    refused = [call for call in story.calls("EventName", "GenerateDataKey") if call.get("errorCode") == "AccessDenied"]
    tell_calls(refused, out)
    out.check(any(call["userIdentity"].get("arn") == story.user for call in refused), "a refused call has no record")


def two_keys(story, strongroom, out):
    out.heading("7. Two stores, a key for each")
    story.make_keys()
    out.say(f"online key  {shown(story.online_key)}: the example policy of AWS's page, for featurestore-user")
    out.say(f"{'':50}and featurestore-writer, through SageMaker only (kms:ViaService)")
    out.say(f"offline key {shown(story.offline_key)}: for the role featurestore-writer")
    subprocess.run([strongroom, "bucket", "create", BUCKET], check=True, stdout=subprocess.DEVNULL)
    out.say(f"bucket {BUCKET}, by `strongroom bucket create`")
    out.say("one key for both stores? For the offline store it is S3 that calls KMS, and not SageMaker:")
    out.refused(lambda: story.create_group(story.online_key))
    status = story.create_group(story.offline_key)
    out.check(status == "Created", f"feature group {GROUP} is {status}")
    story.write()
    out.say(f"with two keys featurestore-user made the group `{GROUP}`, and reads it: {story.read()}")
    out.say("the same user calls KMS itself:")
    out.refused(lambda: story.users_kms.generate_data_key(KeyId=story.online_key, KeySpec="AES_256"))


def keys_are_disabled(story, out):
    out.heading("8. The keys are disabled, and enabled")
    story.kms.disable_key(KeyId=story.online_key)
    out.say("online key disabled; the next read:")
    out.refused(story.read)
    story.kms.enable_key(KeyId=story.online_key)
    out.say(f"enabled again: {story.read()}")
    story.kms.disable_key(KeyId=story.offline_key)
    state, reason = story.offline_status()
    out.check(state == "Blocked", f"the offline store is {state} though its key is disabled")
    out.say(f"offline key disabled; OfflineStoreStatus: {state}: {reason}")
    out.say(f"the online store is under another key: {story.read()}")
    story.kms.enable_key(KeyId=story.offline_key)
    state, reason = story.offline_status()
    out.check(state == "Active", f"the offline store is {state}: {reason}")
    out.say(f"enabled again; OfflineStoreStatus: {state}")


def the_grant(story, out):
    out.heading("9. The grant that the Feature Store works with")
    administrator = story.as_administrator()
    (grant,) = administrator.list_grants(KeyId=story.online_key)["Grants"]
    out.say(f"{grant['Name']}")
    out.say(f"for {grant['GranteeServicePrincipal']}: {', '.join(grant['Operations'])}")
    administrator.revoke_grant(KeyId=story.online_key, GrantId=grant["GrantId"])
    out.check(administrator.list_grants(KeyId=story.online_key)["Grants"] == [], "the grant is still there")
    out.say(f"featurestore-admin revoked it; users with kms:Decrypt of their own go on: {story.read()}")
    state, reason = story.offline_status()
    out.check(state == "Blocked" and "kms:Decrypt" in reason, f"without the grant the offline store is {state}")
    out.say("what the service does in its own name stops, and nothing that waits for it is dropped:")
    out.say(f"OfflineStoreStatus: {state}: {reason}")


def tell_calls(calls, out):
    """Prints the calls, those that repeat each other in one line."""
    lines = collections.Counter(line_of(call) for call in calls)
    for line, count in lines.items():
        out.say("  " + line + (f"  ({count} times)" if count > 1 else ""))


def line_of(call):
    who = call["userIdentity"]
    name = who.get("arn", who.get("invokedBy", "?")).rpartition(":")[2]
    via = f"  via {who['invokedBy']}" if "arn" in who and "invokedBy" in who else ""
    return f"{call['eventName']:<20} {call.get('errorCode', 'ok'):<18} {name}{via}"


def shown(key):
    return key.rpartition("/")[2]
