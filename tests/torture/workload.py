"""Concurrent writers through the signed API: records, and everything that administrators change."""

import base64
import json
import random
import re
import threading
import time

from client import Broken, Refused
from ledger import Ledger, payload

GROUPS = ("plain", "sealed")
# Of one key: KMS's quota.
MOST_ALIASES = 50
ASSUMED = re.compile(r"<AccessKeyId>(\w+)<.*<SecretAccessKey>([^<]+)<", re.S)


def policy(number: int) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {
        "Sid": f"v{number}", "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}})


def key_policy(number: int) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {
        "Sid": f"v{number}", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}})


def create_group(client, name, key=None, agent="torture"):
    online = {"EnableOnlineStore": True}
    if key:
        online["SecurityConfig"] = {"KmsKeyId": key}
    client.json("sagemaker", "CreateFeatureGroup", agent, FeatureGroupName=name,
                RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
                FeatureDefinitions=[
                    {"FeatureName": "id", "FeatureType": "String"},
                    {"FeatureName": "at", "FeatureType": "Fractional"},
                    {"FeatureName": "first", "FeatureType": "String"},
                    {"FeatureName": "number", "FeatureType": "Integral"},
                    {"FeatureName": "last", "FeatureType": "String"}],
                OnlineStoreConfig=online)


def set_up(client, ledger: Ledger):
    """The groups, the key of one of them, and a user who may do nothing."""
    own = ledger.register("key/groups")
    metadata = ledger.step(own, "Enabled", lambda agent: client.kms("CreateKey", agent))
    own.facts["id"] = metadata["KeyMetadata"]["KeyId"]
    for name, key in zip(GROUPS, (None, own.facts["id"])):
        ledger.step(ledger.register(f"group/{name}"), "there",
                    lambda agent, name=name, key=key: create_group(client, name, key, agent))
    nobody = ledger.register("user/nobody")
    ledger.step(nobody, "there", lambda agent: client.iam("CreateUser", agent, UserName="nobody"))
    access = ledger.register("access/nobody")
    answer = ledger.step(access, "Active", lambda agent: client.iam(
        "CreateAccessKey", agent, UserName="nobody"))
    access.facts["key"] = ASSUMED.search(answer).groups()


class Session:
    """Writers that run until told to stop or until the server is gone."""

    def __init__(self, server, ledger: Ledger, seed: str, number: int, writers=8, managers=3,
                 large=0):
        self.server, self.ledger, self.number = server, ledger, number
        self.stopping = threading.Event()
        # From here on a connection that breaks was broken by the rig, a refusal is its doing.
        self.ending = threading.Event()
        self.refusals: list[Refused] = []
        jobs = [(self.write_records, f"writer{n}") for n in range(writers)]
        jobs += [(self.write_large, f"large{n}") for n in range(large)]
        jobs += [(self.manage, f"manager{n}") for n in range(managers)]
        self.threads = [
            threading.Thread(target=self.guarded, args=(
                job, name, random.Random(f"{seed}/{number}/{name}")), name=name)
            for job, name in jobs]
        for thread in self.threads:
            thread.start()

    def guarded(self, job, name, chance):
        client = self.server.client()
        try:
            while not self.stopping.is_set():
                job(client, name, chance)
        except Broken as broken:
            if not self.ending.is_set():
                self.ledger.surprises.append(f"{name}: {broken}")
        except Refused as refused:
            if self.ending.is_set():
                self.refusals.append(refused)
            else:
                self.ledger.surprises.append(f"{name}: {refused}")
        finally:
            client.close()

    def finish(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def write_records(self, client, _name, chance):
        self.write_one(client, chance, chance.choice(GROUPS), f"r{chance.randrange(40)}")

    def write_large(self, client, _name, chance):
        self.write_one(client, chance, "plain", f"big{chance.randrange(12)}")
        time.sleep(0.01)

    def write_one(self, client, chance, group, identifier):
        write = self.ledger.begin(group, identifier, chance)
        at = write.event_time
        if write.deletes:
            client.delete_record(group, identifier, str(at))
        else:
            client.put_record(group, payload(group, identifier, at))
        write.done = self.ledger.position()

    def manage(self, client, name, chance):
        chance.choice([self.switch_key, self.switch_key, self.set_key_policy, self.user_policy,
                       self.user_policy, self.access_key, self.group, self.alias, self.encrypt,
                       self.denied, self.look])(client, name, chance)
        time.sleep(chance.choice([0, 0.005]))

    def mine(self, kind: str, name: str, chance):
        """A register of this manager whose state is known, or a new one."""
        own = [one for one in list(self.ledger.registers.values())
               if one.name.startswith(f"{kind}/{name}-") and one.settled()]
        if own and (len(own) >= 6 or chance.random() < 0.8):
            return chance.choice(own)
        return None

    def fresh(self, kind: str, name: str):
        prefix = f"{kind}/{name}-"
        count = sum(one.startswith(prefix) for one in list(self.ledger.registers))
        return self.ledger.register(f"{prefix}{self.number}-{count}")

    def key(self, client, name, chance):
        found = self.mine("key", name, chance)
        if found:
            return found
        found = self.fresh("key", name)
        answer = self.ledger.step(found, "Enabled", lambda agent: client.kms("CreateKey", agent))
        found.facts["id"] = answer["KeyMetadata"]["KeyId"]
        return found

    def switch_key(self, client, name, chance):
        key = self.key(client, name, chance)
        operation, state = (("DisableKey", "Disabled") if key.value() == "Enabled"
                            else ("EnableKey", "Enabled"))
        self.ledger.step(key, state, lambda agent: client.kms(
            operation, agent, KeyId=key.facts["id"]))

    def set_key_policy(self, client, name, chance):
        key = self.key(client, name, chance)
        held = self.ledger.register("policy-of-" + key.name, id=key.facts["id"])
        if held.settled():
            number = len(held.steps) + 1
            self.ledger.step(held, f"v{number}", lambda agent: client.kms(
                "PutKeyPolicy", agent, KeyId=key.facts["id"], PolicyName="default",
                Policy=key_policy(number)))

    def user(self, client, name, chance) -> str:
        found = self.mine("user", name, chance)
        if not found:
            found = self.fresh("user", name)
            user = found.name.split("/")[1]
            self.ledger.step(found, "there", lambda agent: client.iam(
                "CreateUser", agent, UserName=user))
        return found.name.split("/")[1]

    def user_policy(self, client, name, chance):
        user = self.user(client, name, chance)
        held = self.ledger.register("inline/" + user)
        if not held.settled():
            return
        number = len(held.steps) + 1
        if held.value() and chance.random() < 0.5:
            self.ledger.step(held, None, lambda agent: client.iam(
                "DeleteUserPolicy", agent, UserName=user, PolicyName="inline"))
        else:
            self.ledger.step(held, f"v{number}", lambda agent: client.iam(
                "PutUserPolicy", agent, UserName=user, PolicyName="inline",
                PolicyDocument=policy(number)))

    def access_key(self, client, name, chance):
        user = self.user(client, name, chance)
        held = self.ledger.register("access/" + user)
        if not held.settled():
            return
        if held.value() is None:
            answer = self.ledger.step(held, "Active", lambda agent: client.iam(
                "CreateAccessKey", agent, UserName=user))
            held.facts["key"] = ASSUMED.search(answer).groups()
            return
        identifier = held.facts["key"][0]
        if chance.random() < 0.3:
            self.ledger.step(held, None, lambda agent: client.iam(
                "DeleteAccessKey", agent, UserName=user, AccessKeyId=identifier))
            return
        state = "Inactive" if held.value() == "Active" else "Active"
        self.ledger.step(held, state, lambda agent: client.iam(
            "UpdateAccessKey", agent, UserName=user, AccessKeyId=identifier, Status=state))

    def group(self, client, name, chance):
        group = self.mine("group", name, chance) or self.fresh("group", name)
        called = group.name.split("/")[1]
        if group.value() is None:
            self.ledger.step(group, "there", lambda agent: create_group(client, called, None, agent))
        else:
            self.ledger.step(group, None, lambda agent: client.json(
                "sagemaker", "DeleteFeatureGroup", agent, FeatureGroupName=called))

    def alias(self, client, name, chance):
        key = self.key(client, name, chance)
        if key.facts.get("aliases", 0) == MOST_ALIASES:
            return
        key.facts["aliases"] = key.facts.get("aliases", 0) + 1
        alias = self.fresh("alias", name)
        alias.facts["id"] = key.facts["id"]
        self.ledger.step(alias, key.facts["id"], lambda agent: client.kms(
            "CreateAlias", agent, AliasName=alias.name, TargetKeyId=key.facts["id"]))

    def encrypt(self, client, name, chance):
        """A call whose record alone must be durable before the answer."""
        key = self.key(client, name, chance)
        if key.value() == "Enabled":
            plain = base64.b64encode(chance.randbytes(24)).decode()
            marker = f"call/{name}-{self.number}-{len(self.ledger.calls)}"
            answer = client.kms("Encrypt", marker, KeyId=key.facts["id"], Plaintext=plain)
            done = self.ledger.position()
            self.ledger.calls[marker] = done
            self.ledger.sealed.append((key.facts["id"], answer["CiphertextBlob"], plain, done))

    def look(self, client, name, _chance):
        marker = f"call/{name}-{self.number}-{len(self.ledger.calls)}"
        client.kms("ListAliases", marker)
        self.ledger.calls[marker] = self.ledger.position()

    def denied(self, _client, name, chance):
        # Few enough that none is counted together with another (ten a second are recorded).
        if chance.random() > 0.1:
            return
        client = self.server.client(tuple(self.ledger.registers["access/nobody"].facts["key"]))
        marker = f"call/{name}-{self.number}-{len(self.ledger.calls)}"
        try:
            client.kms("CreateKey", marker)
            self.ledger.surprises.append("a user without rights made a key")
        except Refused as refused:
            if "AccessDenied" not in refused.code:
                raise
            self.ledger.calls[marker] = self.ledger.position()
        finally:
            client.close()
