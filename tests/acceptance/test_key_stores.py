"""Custom key stores: a token of SoftHSM, and a proxy of AWS's published API, as boto3 sees them."""

import json
import math
import socket
import subprocess
import threading
import time
import urllib.request

import botocore.exceptions
import issuer
import pytest

from conftest import ACCOUNT, Server, free_port
from outside import DAYS, ENDPOINT, PATH, PIN, Proxy, SoftHsm, credential

DEADLINE = 60
# The server looks after the proxy's health of its own accord, over the same connections.
HEALTH_IS_LEFT_ALONE = "health_seconds = 3600\n"


class Relay:
    """What is between the server and a proxy, and forgets connections without a word when it is told to."""

    def __init__(self, port: int):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.changed = threading.Condition()
        # How many connections there were, how many of the first are forgotten, and how many there must be before
        # anything is passed on.
        self.accepted, self.forgotten, self.wanted = 0, 0, 0
        self.ends, self.threads = [], []
        self.run(self.accept)

    def run(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            with self.changed:
                self.accepted += 1
                number = self.accepted
                self.ends += [near, far]
                self.changed.notify_all()
            self.run(self.pass_on, number, near, far)
            self.run(self.pass_on, number, far, near)

    def pass_on(self, number: int, source: socket.socket, target: socket.socket):
        try:
            while data := source.recv(65536):
                with self.changed:
                    self.changed.wait_for(lambda: self.accepted >= self.wanted, timeout=DEADLINE)
                    passes = number > self.forgotten
                if passes:
                    target.sendall(data)
        except OSError:
            pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(timeout=DEADLINE)
        for end in self.ends:
            end.close()


class Stores:
    """A server with a token and a proxy, and what its administrator does there."""

    def __init__(self, directory, limits: str = "", timeout: int = 30000, flags: tuple = (), relayed: bool = False):
        self.hsm = SoftHsm(directory)
        self.proxy = Proxy(self.hsm)
        config = directory / "strongroom.toml"
        settings = self.proxy.settings(timeout)
        self.relay = Relay(self.proxy.port) if relayed else None
        if self.relay:
            settings = settings.replace(f"127.0.0.1:{self.proxy.port}", f"127.0.0.1:{self.relay.port}")
        config.write_text(self.hsm.settings() + settings + limits)
        self.server = Server(directory, "--config", str(config), *flags, env=self.hsm.env)
        self.kms = self.server.client("kms")

    def state(self, store: str) -> tuple:
        [entry] = self.kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"]
        return entry["ConnectionState"], entry.get("ConnectionErrorCode")

    def settled(self, store: str) -> tuple:
        """The state of the store's connection once it is neither one nor the other."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            state = self.state(store)
            if state[0] not in ("CONNECTING", "DISCONNECTING"):
                return state
            time.sleep(0.2)
        raise AssertionError(f"{store} is still {state}")

    def connected(self, **parameters) -> str:
        store = self.kms.create_custom_key_store(**parameters)["CustomKeyStoreId"]
        assert self.state(store) == ("DISCONNECTED", None)
        self.connect(store)
        return store

    def connect(self, store: str):
        self.kms.connect_custom_key_store(CustomKeyStoreId=store)
        assert self.settled(store) == ("CONNECTED", None)

    def disconnect(self, store: str):
        self.kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        assert self.settled(store) == ("DISCONNECTED", None)

    def token_key(self, store: str) -> str:
        made = self.kms.create_key(CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")
        return made["KeyMetadata"]["Arn"]

    def proxy_key(self, store: str, external: str = "one") -> str:
        made = self.kms.create_key(CustomKeyStoreId=store, Origin="EXTERNAL_KEY_STORE", XksKeyId=external)
        return made["KeyMetadata"]["Arn"]

    def group(self, name: str, key: str):
        self.server.client("sagemaker").create_feature_group(
            FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": it, "FeatureType": "String"} for it in ("id", "at")],
            OnlineStoreConfig={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key}})
        self.put(name)

    def put(self, name: str):
        runtime = self.server.client("sagemaker-featurestore-runtime")
        runtime.put_record(FeatureGroupName=name, Record=[
            {"FeatureName": "id", "ValueAsString": "a"},
            {"FeatureName": "at", "ValueAsString": "2026-01-01T00:00:00Z"}])

    def get(self, name: str):
        runtime = self.server.client("sagemaker-featurestore-runtime")
        return runtime.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="a")["Record"]

    def stop(self):
        if self.server.process.poll() is None:
            self.server.kill()
        if self.relay:
            self.relay.stop()
        self.proxy.stop()

    def restart(self):
        self.server.start()
        self.kms = self.server.client("kms")


@pytest.fixture
def stores(tmp_path):
    made = Stores(tmp_path)
    yield made
    made.stop()


def code(call, **parameters) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**parameters)
    return refused.value.response["Error"]["Code"]


def test_keys_on_a_token_and_in_a_key_manager_survive_a_restart(stores):
    token = stores.connected(**stores.hsm.store("token"))
    proxy = stores.connected(**stores.proxy.store("proxy"))
    keys = [stores.token_key(token), stores.proxy_key(proxy)]
    context = {"tenant": "one"}
    made = [stores.kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context) for key in keys]
    assert stores.server.stop() == 0
    stores.server.start()
    stores.kms = stores.server.client("kms")
    for key, data_key in zip(keys, made):
        opened = stores.kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=context)
        assert opened["Plaintext"] == data_key["Plaintext"] and opened["KeyId"] == key
        blob = stores.kms.encrypt(KeyId=key, Plaintext=b"x" * 4096)["CiphertextBlob"]
        assert len(blob) <= 6144
        assert stores.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x" * 4096
    moved = stores.kms.re_encrypt(
        CiphertextBlob=made[0]["CiphertextBlob"], SourceEncryptionContext=context, DestinationKeyId=keys[1])
    assert stores.kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == made[0]["Plaintext"]
    role = stores.server.client("iam").get_role(RoleName="AWSServiceRoleForKeyManagementServiceCustomKeyStores")
    assert role["Role"]["Path"] == "/aws-service-role/cks.kms.amazonaws.com/"
    described = [stores.kms.describe_key(KeyId=key)["KeyMetadata"] for key in keys]
    assert [it["Origin"] for it in described] == ["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"]
    assert described[1]["XksKeyConfiguration"] == {"Id": "one"}
    assert len(stores.kms.generate_random(NumberOfBytes=32, CustomKeyStoreId=token)["Plaintext"]) == 32
    last = stores.proxy.asked()[-1]["requestMetadata"]
    assert last["kmsOperation"] == "Decrypt" and last["kmsKeyArn"] == keys[1]
    assert last["awsPrincipalArn"] == f"arn:aws:iam::{ACCOUNT}:user/Administrator"


def test_records_under_a_key_outside_end_with_the_connection(stores):
    token = stores.connected(**stores.hsm.store("token"))
    proxy = stores.connected(**stores.proxy.store("proxy"))
    stores.group("on-token", stores.token_key(token))
    stores.group("external", stores.proxy_key(proxy))
    for group, store in (("on-token", token), ("external", proxy)):
        assert stores.get(group)
        stores.kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        runtime = stores.server.client("sagemaker-featurestore-runtime")
        refused = code(runtime.get_record, FeatureGroupName=group, RecordIdentifierValueAsString="a")
        assert refused == "AccessForbidden"
        assert stores.settled(store) == ("DISCONNECTED", None)
        stores.connect(store)
        assert stores.get(group)


def test_what_is_taken_away_outside_counts_at_once_where_nothing_is_kept(tmp_path):
    stores = Stores(tmp_path, limits="[limits]\noutside_key_seconds = 0\n")
    try:
        store = stores.connected(**stores.proxy.store("proxy"))
        stores.group("external", stores.proxy_key(store))
        assert stores.get("external")
        stores.proxy.behave(keys={"one": "DISABLED"})
        runtime = stores.server.client("sagemaker-featurestore-runtime")
        read = {"FeatureGroupName": "external", "RecordIdentifierValueAsString": "a"}
        assert code(runtime.get_record, **read) == "AccessForbidden"
        stores.proxy.behave()
        assert stores.get("external")
    finally:
        stores.stop()


def test_the_wire_to_a_proxy_is_signed_and_bounded(stores):
    store = stores.connected(**stores.proxy.store("proxy"))
    key = stores.proxy_key(store)
    blob = stores.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for mode in ("garbage", "long", {"redirect": f"https://127.0.0.1:{stores.proxy.port}/"},
                 {"fail": "InternalException"}, "alter_ciphertext"):
        stores.proxy.behave(mode=mode)
        assert code(stores.kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException", mode
    # Whoever signs with another secret is refused by the proxy.
    stores.proxy.behave(accepted=[credential("A") | {"RawSecretAccessKey": "x" * 43}])
    assert code(stores.kms.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException"
    fresh = credential("B")
    stores.proxy.behave(accepted=[stores.proxy.credential, fresh])
    stores.kms.update_custom_key_store(CustomKeyStoreId=store, XksProxyAuthenticationCredential=fresh)
    stores.proxy.behave(accepted=[fresh])
    assert stores.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    stores.proxy.stop()
    assert code(stores.kms.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException"
    stores.disconnect(store)
    stores.kms.connect_custom_key_store(CustomKeyStoreId=store)
    assert stores.settled(store) == ("FAILED", "XKS_PROXY_NOT_REACHABLE")


def test_a_slow_proxy_is_given_up(tmp_path):
    stores = Stores(tmp_path, timeout=10000)
    try:
        store = stores.connected(**stores.proxy.store("proxy"))
        key = stores.proxy_key(store)
        stores.proxy.behave(mode={"slow": 60000})
        assert code(stores.kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
        stores.disconnect(store)
        stores.kms.connect_custom_key_store(CustomKeyStoreId=store)
        assert stores.settled(store) == ("FAILED", "XKS_PROXY_TIMED_OUT")
    finally:
        stores.stop()


def test_a_proxy_that_accepts_and_says_nothing_is_given_up(tmp_path):
    """The time of a call counts from the first packet: here it ends within the handshake."""
    hsm = SoftHsm(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = tmp_path / "strongroom.toml"
        config.write_text(f'[[external_key_stores]]\nendpoint = "{ENDPOINT}"\naccount = "{ACCOUNT}"\n'
                          f'address = "127.0.0.1:{silent.getsockname()[1]}"\nca_file = "{hsm.ca}"\n')
        server = Server(tmp_path, "--config", str(config))
        try:
            store = {"CustomKeyStoreName": "proxy", "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
                     "XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": ENDPOINT,
                     "XksProxyUriPath": PATH, "XksProxyAuthenticationCredential": credential("A")}
            refused = code(server.client("kms").create_custom_key_store, **store)
            assert refused == "XksProxyUriUnreachableException"
        finally:
            server.kill()


def test_connections_are_kept_and_one_that_was_closed_costs_nothing(tmp_path):
    stores = Stores(tmp_path, limits=HEALTH_IS_LEFT_ALONE)
    try:
        connections_are_kept(stores)
    finally:
        stores.stop()


def connections_are_kept(stores):
    store = stores.connected(**stores.proxy.store("proxy"))
    key = stores.proxy_key(store)
    made = [stores.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"] for _ in range(5)]
    assert len({it["connection"] for it in stores.proxy.asked()[-5:]}) == 1
    # From now on it hangs up on whoever comes again; each call then goes over a new connection.
    stores.proxy.behave(mode="hang_up")
    for blob in made:
        assert stores.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    served = [it["connection"] for it in stores.proxy.asked()]
    assert len(set(served)) >= 5


def test_connections_that_are_forgotten_without_a_word_cost_one_call(tmp_path):
    """As behind a firewall that drops idle connections and tells neither end."""
    stores = Stores(tmp_path, timeout=8000, relayed=True, limits=HEALTH_IS_LEFT_ALONE)
    try:
        store = stores.connected(**stores.proxy.store("proxy"))
        key = stores.proxy_key(store)
        stores.kms.encrypt(KeyId=key, Plaintext=b"x")
        # Three calls at a time, and as many connections.
        relay = stores.relay
        with relay.changed:
            relay.wanted = relay.accepted + 2
        calls = [threading.Thread(target=stores.server.client("kms").encrypt,
                                  kwargs={"KeyId": key, "Plaintext": b"x"}) for _ in range(3)]
        for call in calls:
            call.start()
        for call in calls:
            call.join(timeout=DEADLINE)
        with relay.changed:
            assert relay.accepted >= relay.wanted
            relay.forgotten = relay.accepted
        assert code(stores.kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
        blob = stores.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert stores.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    finally:
        stores.stop()


def test_keys_on_a_token_that_is_gone_are_unavailable_until_it_is_back(stores):
    store = stores.connected(**stores.hsm.store("token"))
    key = stores.token_key(store)
    stores.group("kept", key)
    blob = stores.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    tokens = stores.hsm.directory / "tokens"
    away = tokens.with_name("away")
    assert stores.server.stop() == 0
    tokens.rename(away)
    tokens.mkdir()
    stores.restart()
    calls = [(stores.kms.decrypt, {"CiphertextBlob": blob}), (stores.kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
             (stores.kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"})]
    for call, parameters in calls:
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call(**parameters)
        said = refused.value.response
        assert said["Error"]["Code"] == "KeyUnavailableException", said
        assert said["ResponseMetadata"]["HTTPStatusCode"] == 500
    # Nothing is said of the key or its store by that, and records are for later.
    assert stores.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert stores.state(store) == ("CONNECTED", None)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stores.get("kept")
    assert refused.value.response["Error"]["Code"] == "ServiceUnavailable", refused.value
    assert stores.server.stop() == 0
    tokens.rmdir()
    away.rename(tokens)
    stores.restart()
    assert stores.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert stores.get("kept")


def test_a_proxy_may_ask_for_a_certificate(tmp_path):
    hsm = SoftHsm(tmp_path)
    (tmp_path / "other").mkdir()
    authority, certificate, key = issuer.certificate(tmp_path / "other", "strongroom.example.com")
    proxy = Proxy(hsm, client_ca=authority)
    config = tmp_path / "strongroom.toml"
    config.write_text(proxy.settings())
    server = Server(tmp_path, "--config", str(config))
    try:
        # Without one, and with one of another authority.
        refused = code(server.client("kms").create_custom_key_store, **proxy.store("proxy"))
        assert refused == "XksProxyUriUnreachableException"
        shown = 'client_certificate = "{}"\nclient_key = "{}"\n'
        hsm.key.chmod(0o600)
        config.write_text(proxy.settings() + shown.format(hsm.certificate, hsm.key))
        assert server.stop() == 0
        server.start()
        refused = code(server.client("kms").create_custom_key_store, **proxy.store("proxy"))
        assert refused == "XksProxyUriUnreachableException"
        assert not proxy.log.exists()
        key.chmod(0o600)
        config.write_text(proxy.settings() + shown.format(certificate, key))
        assert server.stop() == 0
        server.start()
        made = server.client("kms").create_custom_key_store(**proxy.store("proxy"))
        assert made["CustomKeyStoreId"]
        # Its private key is nobody else's to read.
        assert server.stop() == 0
        key.chmod(0o644)
        with pytest.raises(AssertionError, match="did not start"):
            server.start()
        assert "can be read by others" in server.log_text()
    finally:
        server.kill()
        proxy.stop()


def test_health_and_calls_of_a_proxy_are_measured(tmp_path):
    metrics = free_port()
    stores = Stores(tmp_path, limits=f'health_seconds = 1\n[metrics]\nlisten = "127.0.0.1:{metrics}"\n')

    def value(name: str, **labels: str) -> float | None:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=DEADLINE) as answer:
            lines = answer.read().decode().splitlines()
        wanted = [f'{key}="{text}"' for key, text in labels.items()]
        found = [line for line in lines if line.startswith(name + "{") and all(it in line for it in wanted)]
        return float(found[0].rsplit(" ", 1)[1]) if found else None

    def until(condition):
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.1)

    try:
        store = stores.connected(**stores.proxy.store("proxy"))
        key = stores.proxy_key(store)
        stores.kms.encrypt(KeyId=key, Plaintext=b"x")
        assert value("strongroom_xks_requests_total", store=store, operation="Encrypt") == 1
        assert value("strongroom_xks_request_seconds_bucket", store=store, operation="Encrypt", le="+Inf") == 1
        assert value("strongroom_xks_errors_total", store=store, operation="Encrypt") is None
        until(lambda: value("strongroom_xks_key_managers", store=store, state="active") == 1)
        until(lambda: value("strongroom_xks_unhealthy", store=store) == 0)
        until(lambda: value("strongroom_xks_certificate_days_to_expire", store=store) == DAYS)
        stores.proxy.behave(managers=["DEGRADED", "UNAVAILABLE"])
        until(lambda: value("strongroom_xks_key_managers", store=store, state="degraded") == 1)
        assert value("strongroom_xks_unhealthy", store=store) == 0
        stores.proxy.behave(mode={"fail": "InternalException"})
        until(lambda: value("strongroom_xks_unhealthy", store=store) == 1)
        # As at AWS the connection stays, and calls have the proxy's failure.
        assert stores.state(store) == ("CONNECTED", None)
        assert code(stores.kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
        assert value("strongroom_xks_errors_total", store=store, operation="Encrypt", error="Internal") == 1
        stores.proxy.behave()
        until(lambda: value("strongroom_xks_unhealthy", store=store) == 0)
        assert {"awsPrincipalArn"} & set(stores.proxy.asked(health=True)[-1]["requestMetadata"]) == set()
        log = stores.server.log_text()
        assert "the proxy of an external key store is out of order" in log
        assert "the proxy of an external key store is in order again" in log
        stores.disconnect(store)
        until(lambda: math.isnan(value("strongroom_xks_certificate_days_to_expire", store=store)))
    finally:
        stores.stop()


def test_a_proxy_that_nobody_vouches_for_is_not_spoken_to(tmp_path):
    hsm = SoftHsm(tmp_path)
    (tmp_path / "other").mkdir()
    other = SoftHsm(tmp_path / "other")
    proxy = Proxy(hsm)
    config = tmp_path / "strongroom.toml"
    config.write_text(proxy.settings(ca=other.ca))
    server = Server(tmp_path, "--config", str(config))
    try:
        kms = server.client("kms")
        refused = code(kms.create_custom_key_store, **proxy.store("proxy"))
        assert refused == "XksProxyUriUnreachableException"
        assert not proxy.log.exists()
        elsewhere = proxy.store("proxy") | {"XksProxyUriEndpoint": "https://localhost"}
        refused = code(kms.create_custom_key_store, **elsewhere)
        assert refused == "XksProxyUriUnreachableException"
        refused = code(kms.create_custom_key_store, **hsm.store("token"))
        assert refused == "CloudHsmClusterNotFoundException"
    finally:
        assert server.stop() == 0
        proxy.stop()


def test_credentials_of_key_stores_are_in_no_log_file_or_answer(stores):
    token = stores.connected(**stores.hsm.store("token"))
    proxy = stores.connected(**stores.proxy.store("proxy"))
    stores.token_key(token)
    stores.proxy_key(proxy)
    shown = json.dumps(stores.kms.describe_custom_key_stores(), default=str)
    trail = json.dumps(stores.server.client("cloudtrail").lookup_events(), default=str)
    assert stores.server.stop() == 0
    secrets = [PIN, stores.proxy.credential["RawSecretAccessKey"]]
    files = [path for path in stores.server.data.rglob("*") if path.is_file()]
    for secret in secrets:
        assert secret not in shown and secret not in trail and secret not in stores.server.log_text()
        found = subprocess.run(["grep", "-lF", secret, *map(str, files)], capture_output=True, text=True)
        assert found.stdout == ""
    assert ENDPOINT in shown


def test_events_tell_which_store_and_external_key(stores):
    proxy = stores.connected(**stores.proxy.store("proxy"))
    key = stores.proxy_key(proxy)
    blob = stores.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    stores.kms.decrypt(CiphertextBlob=blob)
    cloudtrail = stores.server.client("cloudtrail")

    def event(name: str) -> dict:
        found = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
        return json.loads(found["Events"][0]["CloudTrailEvent"])

    assert event("CreateCustomKeyStore")["responseElements"] == {"customKeyStoreId": proxy}
    connected = event("ConnectCustomKeyStore")
    assert connected["requestParameters"] == {"customKeyStoreId": proxy}
    assert connected["additionalEventData"]["customKeyStoreName"] == "proxy"
    decrypted = event("Decrypt")["additionalEventData"]
    assert decrypted["customKeyStoreId"] == proxy and decrypted["xksKeyId"] == "one"
