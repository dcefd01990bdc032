"""Compares a running server with a ledger: what must be there, what may be, what must not."""

import json
import re

from client import Refused
from ledger import Ledger, payload


class Verdict:
    def __init__(self):
        self.missing: list[str] = []
        self.wrong: list[str] = []
        self.checked = 0

    def all(self) -> list[str]:
        return ([f"missing: {one}" for one in self.missing]
                + [f"wrong: {one}" for one in self.wrong])


def verify(server, ledger: Ledger, cut=float("inf")) -> Verdict:
    """Everything acknowledged before `cut` in the write log must be there, and nothing else but
    what was attempted by then, each with its record in the trail."""
    verdict, client = Verdict(), server.client()
    try:
        if ledger.key and server.key != tuple(ledger.key) and cut >= (ledger.ready or 0):
            verdict.missing.append("the first administrator's access key")
            return verdict
        trail = Trail(client.events(), verdict)
        registers = Registers(client, server, ledger, cut, trail, verdict)
        registers.check()
        for marker, done in list(ledger.calls.items()):
            if done <= cut:
                verdict.checked += 1
                if marker not in trail.calls:
                    verdict.missing.append(f"the record of {marker}")
        check_records(client, registers.groups, ledger, cut, verdict)
        check_sealed(client, ledger, cut, verdict)
    finally:
        client.close()
    return verdict


class Trail:
    """The records of the workload's calls, found by the user agent that each call carried."""

    def __init__(self, events: list[dict], verdict: Verdict):
        self.steps: dict[str, list[int]] = {}
        self.calls: set[str] = set()
        self.keys: set[str] = set()
        seen = set()
        for event in events:
            agent = event["userAgent"]
            if agent.startswith(("step/", "call/")):
                if agent in seen:
                    verdict.wrong.append(f"two records of {agent}")
                seen.add(agent)
            if agent.startswith("call/"):
                self.calls.add(agent)
            elif agent.startswith("step/") and "errorCode" not in event:
                name, number = agent.removeprefix("step/").rsplit("/", 1)
                self.steps.setdefault(name, []).append(int(number))
                if event["eventName"] == "CreateKey":
                    self.keys.add(event["responseElements"]["keyMetadata"]["keyId"])


class Registers:
    def __init__(self, client, server, ledger, cut, trail, verdict):
        self.client, self.server, self.ledger, self.cut = client, server, ledger, cut
        self.trail, self.verdict = trail, verdict

    def check(self):
        for name in self.trail.steps:
            if name not in self.ledger.registers:
                self.verdict.wrong.append(f"the trail knows {name}, which nobody made")
        listed = {key["KeyId"] for key in self.pages("kms", "ListKeys", "Keys", Limit=1000)}
        if listed - self.trail.keys:
            self.verdict.wrong.append(f"keys without a record: {listed - self.trail.keys}")
        if self.trail.keys - listed:
            self.verdict.wrong.append(f"records without a key: {self.trail.keys - listed}")
        self.groups = {one["FeatureGroupName"] for one in
                       self.pages("sagemaker", "ListFeatureGroups", "FeatureGroupSummaries")}
        self.aliases = {one["AliasName"]: one.get("TargetKeyId") for one in
                        self.pages("kms", "ListAliases", "Aliases")}
        for register in list(self.ledger.registers.values()):
            self.one(register)

    def pages(self, service, operation, member, **members):
        found, more = [], {}
        while True:
            page = self.client.json(service, operation, **members, **more)
            found += page[member]
            if page.get("NextMarker"):
                more = {"Marker": page["NextMarker"]}
            elif page.get("NextToken"):
                more = {"NextToken": page["NextToken"]}
            else:
                return found

    def one(self, register):
        least, most = register.acknowledged(self.cut), register.attempted(self.cut)
        if not most:
            if register.name in self.trail.steps:
                self.verdict.wrong.append(f"{register.name} comes from the future")
            return
        self.verdict.checked += least
        recorded = sorted(self.trail.steps.get(register.name, []))
        if len(recorded) < least:
            self.verdict.missing.append(
                f"{register.name}: {least} steps acknowledged, {len(recorded)} recorded")
            return
        if recorded != list(range(1, len(recorded) + 1)) or len(recorded) > most:
            self.verdict.wrong.append(f"{register.name}: the trail has steps {recorded} of {most}")
            return
        if not recorded and "id" not in register.facts and register.name.startswith("key/"):
            return
        value = register.steps[len(recorded) - 1].value if recorded else None
        kind = register.name.split("/")[0].replace("-", "_")
        stored = getattr(self, kind)(register, register.name.split("/", 1)[1])
        if stored is not NotTold and stored != value:
            self.verdict.wrong.append(
                f"{register.name}: stored {stored}, but the last record "
                f"(step {len(recorded)}) left {value}")

    def key(self, register, _name):
        if "id" not in register.facts:
            return NotTold  # found by its record alone
        try:
            metadata = self.client.kms("DescribeKey", KeyId=register.facts["id"])
        except Refused as refused:
            return self.absent(refused, "NotFoundException")
        state = metadata["KeyMetadata"]["KeyState"]
        try:
            self.client.kms("GenerateDataKey", KeyId=register.facts["id"], KeySpec="AES_256")
            works = True
        except Refused as refused:
            works = False
            if refused.code != "DisabledException":
                self.verdict.wrong.append(f"{register.name} is {state} but says {refused}")
        if works != (state == "Enabled"):
            self.verdict.wrong.append(f"{register.name} is {state}, but a call with it "
                                      f"{'works' if works else 'fails'}")
        return state

    def policy_of_key(self, register, _name):
        try:
            held = self.client.kms("GetKeyPolicy", KeyId=register.facts["id"], PolicyName="default")
        except Refused as refused:
            return self.absent(refused, "NotFoundException")
        number = re.search(r'"Sid": *"(v\d+)"', held["Policy"])
        return number and number[1]

    def user(self, _register, name):
        return self.there(lambda: self.client.iam("GetUser", UserName=name))

    def inline(self, register, name):
        try:
            held = self.client.iam("GetUserPolicy", UserName=name, PolicyName="inline")
        except Refused as refused:
            stored = self.absent(refused, "NoSuchEntity")
        else:
            number = re.search(r"Sid%22%3A%20%22(v\d+)|Sid%22%3A%22(v\d+)", held)
            stored = number and (number[1] or number[2])
        access = self.ledger.registers.get("access/" + name)
        if access and "key" in access.facts:
            self.enforced(register.name, access, stored is not None)
        return stored

    def enforced(self, name, access, allowed):
        """What the user may do is what is stored: a right taken away does not come back."""
        client = self.server.client(tuple(access.facts["key"]))
        try:
            client.kms("ListKeys")
            works = True
        except Refused as refused:
            works = False
            if "AccessDenied" not in refused.code:
                return  # the access key is inactive or gone: checked by itself
        finally:
            client.close()
        if works != allowed:
            self.verdict.wrong.append(f"{name}: the user {'may' if works else 'may not'} list keys")

    def access(self, register, name):
        try:
            listed = self.client.iam("ListAccessKeys", UserName=name)
        except Refused as refused:
            return self.absent(refused, "NoSuchEntity")
        states = re.findall(r"<Status>(\w+)</Status>", listed)
        if len(states) > 1:
            self.verdict.wrong.append(f"{register.name}: {len(states)} access keys")
        state = states[0] if states else None
        if "key" in register.facts and state != "Active":
            client = self.server.client(tuple(register.facts["key"]))
            try:
                client.iam("GetUser")
                self.verdict.wrong.append(f"{register.name} is {state} but opens")
            except Refused as refused:
                if refused.code != "InvalidClientTokenId":
                    self.verdict.wrong.append(f"{register.name} is {state} but says {refused}")
            finally:
                client.close()
        return state

    def group(self, _register, name):
        return "there" if name in self.groups else None

    def alias(self, register, _name):
        return self.aliases.get(register.name)

    def there(self, call):
        try:
            call()
        except Refused as refused:
            return self.absent(refused, "NoSuchEntity")
        return "there"

    @staticmethod
    def absent(refused: Refused, code: str):
        if code not in refused.code:
            raise refused
        return None


class NotTold:
    """The ledger does not know under which name to ask."""


def check_records(client, groups: set, ledger: Ledger, cut, verdict: Verdict):
    by_group: dict[str, list[str]] = {}
    for group, identifier in ledger.records:
        by_group.setdefault(group, []).append(identifier)
    for group, identifiers in by_group.items():
        if group not in groups:
            continue  # its register tells whether it should be there
        stored = client.batch_get(group, identifiers)
        for identifier in identifiers:
            check_record(group, identifier, stored.get(identifier), ledger, cut, verdict)


def check_record(group, identifier, stored, ledger: Ledger, cut, verdict: Verdict):
    writes = [one for one in ledger.records[group, identifier] if one.begun <= cut]
    done = [one for one in writes if one.done is not None and one.done <= cut]
    verdict.checked += len(done)
    newest = max(done, key=lambda one: one.event_time, default=None)
    least = newest.event_time if newest else 0
    name = f"record {group}/{identifier}"
    if stored is None:
        gone = any(one.deletes and one.event_time >= least for one in writes)
        if done and not gone:
            verdict.missing.append(f"{name}: nothing is there, {least} was acknowledged")
        return
    at = int(stored["at"])
    wrote = [one for one in writes if one.event_time == at and not one.deletes]
    if not wrote:
        verdict.wrong.append(f"{name}: {at} was never written by then")
    elif at < least:
        verdict.missing.append(f"{name}: {at} is there, {least} was acknowledged")
    if stored != payload(group, identifier, at):
        verdict.wrong.append(f"{name}: half of another write: {json.dumps(stored)[:300]}")


def check_sealed(client, ledger: Ledger, cut, verdict: Verdict):
    for key, ciphertext, plain, done in list(ledger.sealed):
        if done > cut:
            continue
        verdict.checked += 1
        try:
            opened = client.kms("Decrypt", KeyId=key, CiphertextBlob=ciphertext)
            if opened["Plaintext"] != plain:
                verdict.wrong.append(f"a ciphertext of {key} opens as something else")
        except Refused as refused:
            if refused.code != "DisabledException":
                verdict.missing.append(f"a ciphertext of {key}: {refused}")
