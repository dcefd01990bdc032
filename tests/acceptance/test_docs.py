"""The documentation: what a reader pastes into a shell works as the pages say."""

import json
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import textwrap
import threading

from conftest import Server, binary, free_port
from issuer import Issuer
from outside import Proxy, SoftHsm, credential

ROOT = pathlib.Path(__file__).resolve().parents[2]


def shell_blocks(page: str, prefix: str = "aws|as_bob|key=") -> list[str]:
    """The shell commands of a page that go to a running server."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.S | re.M)
    return [block for block in blocks if re.search(f"^({prefix})", block, re.M)]


def run(server, commands: str) -> subprocess.CompletedProcess:
    tools = pathlib.Path(sys.executable).parent
    environment = server.environment()
    environment["PATH"] = f"{tools}:{binary().parent}:{environment['PATH']}"
    return subprocess.run(["bash", "-c", commands], env=environment, capture_output=True, text=True, timeout=120)


def test_the_quick_start_works_as_it_stands(fresh_server):
    blocks = shell_blocks("docs/quick-start.md")
    assert len(blocks) == 6
    *steps, trail = blocks
    done = run(fresh_server, "\n".join([*steps, "echo TRAIL", trail]))
    codes = re.findall(r"An error occurred \((\w+)\)", done.stderr)
    assert codes == ["AccessDeniedException", "AccessForbidden", "AccessForbidden"], done.stderr
    denials = done.stderr.split("An error occurred")[1:]
    assert "because no identity-based policy allows the kms:Encrypt action" in denials[0]
    assert "not authorized to perform: kms:Decrypt" in denials[1]
    assert "DisabledException" in denials[2] and "is disabled" in denials[2]
    output, trail = done.stdout.split("TRAIL\n")
    assert output.count('"ValueAsString": "12.5"') == 1
    allowed, denied = (json.loads(event) for event in trail.strip().split("\t"))
    assert denied["errorCode"] == "AccessDenied" and denied["userIdentity"]["userName"] == "bob"
    assert "policy `work`" in json.dumps(allowed["additionalEventData"]["authorization"])
    assert allowed["resources"][0]["type"] == "AWS::KMS::Key"


def test_the_explanation_is_as_it_stands(fresh_server):
    [block] = shell_blocks("docs/explain.md")
    done = run(fresh_server, block)
    assert "An error occurred (AccessDenied)" in done.stderr, done.stderr
    page = (ROOT / "docs/explain.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"^```text\n(.*?)^```", page, re.S | re.M)

    def plain(text):
        return re.sub(r"request \S+,|at \S+Z:", "…", text[text.index("request "):])

    assert plain(done.stdout) == plain(shown)


def test_the_page_on_identity_providers_works_as_it_stands(tmp_path):
    page = "docs/operations/identity-providers.md"
    text = (ROOT / page).read_text(encoding="utf-8")
    by_file, by_address = re.findall(r"^```toml\n(.*?)^```", text, re.S | re.M)
    keys = tmp_path / "cluster.jwks"
    url = re.search(r'url = "(.*)"', by_file)[1]
    issuer = Issuer(url, keys)
    config = tmp_path / "strongroom.toml"
    config.write_text(by_file.replace("/etc/strongroom/cluster.jwks", str(keys)))
    (tmp_path / "token").write_text(issuer.token())
    server = Server(tmp_path, "--config", str(config))
    try:
        prepare, attempt = shell_blocks(page, prefix="cat|export")
        done = run(server, f"set -e\ncd {tmp_path}\n{prepare}\n{attempt}")
        assert done.returncode == 0, done.stderr
        assert ":assumed-role/trainer/" in done.stdout and '"FeatureGroupSummaries": []' in done.stdout
        assert issuer.url in by_address
    finally:
        assert server.stop() == 0


def test_the_page_on_tokens_works_as_it_stands(tmp_path):
    page = "docs/operations/token.md"
    text = (ROOT / page).read_text(encoding="utf-8")
    token, anchor = shell_blocks(page, prefix="apt-get|openssl")
    subprocess.run([str(ROOT / "scripts" / "debian-packages.sh"), "softhsm2"], check=True)
    setup = token.replace("apt-get install softhsm2\n", "") + anchor
    subprocess.run(["bash", "-ec", setup], cwd=tmp_path, check=True, capture_output=True)
    [toml] = re.findall(r"^```toml\n(.*?)^```", text, re.S | re.M)
    config = tmp_path / "strongroom.toml"
    config.write_text(toml.replace('"token/', f'"{tmp_path}/token/'))
    environment = {"SOFTHSM2_CONF": str(tmp_path / "token" / "softhsm2.conf")}
    server = Server(tmp_path, "--config", str(config), env=environment)
    try:
        [commands] = shell_blocks(page, prefix="store=")
        use = "aws kms encrypt --key-id $key --plaintext eA== --query KeyId --output text"
        done = run(server, f"set -e\ncd {tmp_path}\n{commands}\n{use}")
        assert done.returncode == 0, done.stderr
        assert "CONNECTED" in done.stdout and ":key/" in done.stdout
    finally:
        assert server.stop() == 0


def test_the_page_on_external_key_stores_works_as_it_stands(tmp_path):
    page = "docs/operations/external-key-store.md"
    text = (ROOT / page).read_text(encoding="utf-8")
    hsm = SoftHsm(tmp_path)
    proxy = Proxy(hsm, client_ca=hsm.ca)
    fresh = credential("B")
    proxy.behave(path="/hq/kms/xks/v1", accepted=[proxy.credential, fresh])
    toml = "".join(re.findall(r"^```toml\n(.*?)^```", text, re.S | re.M))
    hsm.key.chmod(0o600)
    for said, made in (("xks-client.crt", hsm.certificate), ("xks-client.key", hsm.key)):
        toml = toml.replace(f"/etc/strongroom/{said}", str(made))
    toml = toml.replace("10.0.0.5:8443", f"127.0.0.1:{proxy.port}").replace("/etc/strongroom/xks-ca.pem", str(hsm.ca))
    config = tmp_path / "strongroom.toml"
    config.write_text(toml + "timeout_ms = 30000\n")
    server = Server(tmp_path, "--config", str(config))
    try:
        create, rotate = shell_blocks(page, prefix="cat|aws kms update")
        given = "".join(f"{prefix}id={it['AccessKeyId']}\n{prefix}secret={it['RawSecretAccessKey']}\n"
                        for prefix, it in (("", proxy.credential), ("new_", fresh)))
        use = "aws kms encrypt --key-id $key --plaintext eA== --query KeyId --output text"
        done = run(server, f"set -e\ncd {tmp_path}\n{given}{create}\n{rotate}\n{use}")
        assert done.returncode == 0, done.stderr
        assert "CONNECTED" in done.stdout and ":key/" in done.stdout
    finally:
        assert server.stop() == 0
        proxy.stop()


def test_the_commands_of_the_readme_work_as_they_stand(server):
    done = run(server, "set -e\n" + "\n".join(shell_blocks("README.md")))
    assert done.returncode == 0, done.stderr
    assert "user/Administrator" in done.stdout and "my features" in done.stdout


def test_the_page_on_backups_works_as_it_stands(tmp_path):
    place = tmp_path / "backups"
    place.mkdir()
    page = (ROOT / "docs/operations/backup.md").read_text(encoding="utf-8").replace("/srv/backups", str(place))
    [settings] = re.findall(r"^```toml\n(.*?)^```", page, re.S | re.M)
    create, offline, restore, resume, listing = re.findall(r"^```sh\n(.*?)^```", page, re.S | re.M)
    verify = re.search(r"^\$ (strongroom backup verify .*)$", page, re.M)[1]
    config = tmp_path / "strongroom.toml"
    config.write_text(settings)
    server = Server(tmp_path, "--config", str(config))
    try:
        again = create.replace("11-27", "11-28")
        done = run(server, f"set -e\ncd {tmp_path}\n{create}\n{again}\n{verify}\n{listing}\n{restore.splitlines()[0]}")
        assert done.returncode == 0, done.stderr
        assert "\nwhole: commit " in done.stdout and "\nrestored commit " in done.stdout
        assert (tmp_path / "deleted-keys").read_text().startswith("# deleted keys as of commit ")
    finally:
        assert server.stop() == 0
    done = run(server, f"set -e\ncd {tmp_path}\n{offline}\nstrongroom recover --data restored --key-file data.key\n{resume}")
    assert done.returncode == 0 and "nothing is missing" in done.stdout, done.stderr


def test_the_pages_on_sealing_and_on_the_root_key_work_as_they_stand(tmp_path):
    page = (ROOT / "docs/operations/sealing.md").read_text(encoding="utf-8")
    page = page.replace("/media/usb/root.key", str(tmp_path / "usb.key"))
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.S | re.M)
    [first] = [block for block in blocks if "openssl" in block]
    [split] = [block for block in blocks if "seal split" in block]
    [rewrap] = [block for block in blocks if "seal rewrap" in block]
    [rotate] = [block for block in shell_blocks("docs/operations/root-rotation.md", "strongroom")]
    to_phrase, to_key = rewrap.splitlines()
    subprocess.run(["bash", "-c", first.splitlines()[0]], cwd=tmp_path, check=True, timeout=30)
    server = Server(tmp_path, "--passphrase-file", str(tmp_path / "phrase"))
    try:
        assert server.stop() == 0
        shares = run(server, f"set -e\ncd {tmp_path}\n{split}")
        assert len(re.findall(r"^srshare1-[0-9a-f]+$", shares.stdout, re.M)) == 5, shares.stderr
        server.start()
        moved = to_phrase.replace("data.key", "usb.key")
        turned = rotate.splitlines()[0].replace("--key-file data.key", "--passphrase-file phrase")
        done = run(server, f"set -e\ncd {tmp_path}\n{to_key}\n{moved}\n{turned}")
        assert done.returncode == 0, done.stderr
        assert "sealed with a key file" in done.stdout and "sealed with a passphrase" in done.stdout
        assert "the root key was replaced, for the 1. time" in done.stdout
    finally:
        assert server.stop() == 0


def blocks_of(page: str, language: str) -> list[str]:
    """The blocks of a page in a language, those within lists too."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.S | re.M)
    return [textwrap.dedent(block) for block in found]


def test_the_seal_on_a_token_works_as_the_page_has_it(tmp_path):
    hsm = SoftHsm(tmp_path)
    [make] = [block for block in blocks_of("docs/operations/sealing.md", "sh") if "softhsm2-util" in block]
    [settings] = [block for block in blocks_of("docs/operations/sealing.md", "toml") if "[seal.token]" in block]
    [move] = [block for block in blocks_of("docs/operations/sealing.md", "sh") if "seal move" in block]
    (tmp_path / "with-kms.toml").write_text(settings)
    server = Server(tmp_path, env=hsm.env)
    key = server.client("kms").create_key()["KeyMetadata"]["KeyId"]
    assert server.stop() == 0
    done = run(server, f"set -e\ncd {tmp_path}\nexport SOFTHSM2_CONF={hsm.env['SOFTHSM2_CONF']}\n{make}\n{move}")
    assert done.returncode == 0 and "sealed with a PKCS#11 token" in done.stdout, done.stderr
    assert stat.S_IMODE((tmp_path / "pin").stat().st_mode) == 0o600
    # The page's PIN file is beside the configuration, where its reader starts the server.
    (tmp_path / "with-kms.toml").write_text(settings.replace('"pin"', f'"{tmp_path / "pin"}"'))
    server.flags = ("--config", str(tmp_path / "with-kms.toml"))
    server.start()
    try:
        assert server.client("kms").describe_key(KeyId=key)
        told = server.client("cloudtrail").lookup_events(LookupAttributes=[
            {"AttributeKey": "EventSource", "AttributeValue": "strongroom.amazonaws.com"}])["Events"]
        assert {"StartMoveSeal", "EndMoveSeal"} <= {event["EventName"] for event in told}
    finally:
        assert server.stop() == 0


def test_the_page_on_rotating_credentials_works_as_it_stands(fresh_server):
    first, delete, second, reset, *_ = blocks_of("docs/operations/rotation.md", "sh")
    server, place = fresh_server, fresh_server.directory
    done = run(server, f"set -e\ncd {place}\n{first}\n{delete}\n{second}")
    assert done.returncode == 0, done.stderr
    assert not (server.data / "credentials").exists()
    assert '"UserName": "alice"' in done.stdout and ":user/Administrator" in done.stdout
    assert server.stop() == 0
    done = run(server, f"set -e\ncd {place}\n{reset}")
    assert done.returncode == 0, done.stderr
    server.start()
    assert server.client("sts").get_caller_identity()["Arn"].endswith(":user/Administrator")
    assert len(server.client("iam").list_access_keys()["AccessKeyMetadata"]) == 1


def test_the_page_on_upgrades_works_as_it_stands(fresh_server):
    [block] = [block for block in blocks_of("docs/operations/upgrade.md", "sh") if "strongroom.new" in block]
    server, place = fresh_server, fresh_server.directory
    user = server.client("iam").create_user(UserName="kept")["User"]["UserName"]
    shutil.copy(binary(), place / "strongroom.new")
    (place / "bin").mkdir()
    port = free_port()
    block = (block.replace("/usr/local/bin/strongroom", f"{place}/bin/strongroom").replace("127.0.0.1:4700", f"127.0.0.1:{port}")
             .replace("data …", f"data --listen 127.0.0.1:{port}"))
    # Its parent is not this shell: a server that is stopped stays to be waited for.
    reaper = threading.Thread(target=server.process.wait)
    reaper.start()
    done = run(server, f"set -e\ncd {place}\npid={server.process.pid}\n{block}\nkill -TERM $!\nwait $!")
    reaper.join(timeout=60)
    assert done.returncode == 0 and "\nok\n" in done.stdout, done.stderr
    assert (place / "backup-before-upgrade").exists() and re.search(r"^strongroom \d", done.stdout, re.M)
    server.start()
    assert server.client("iam").get_user(UserName=user)
