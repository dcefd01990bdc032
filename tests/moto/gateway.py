"""Stands between moto's tests and the real binary: carries requests, and begins anew when told.

moto's tests sign with made-up keys and count on an empty account 123456789012 before each case.
So every reset is a new server on an empty directory, and a request signed with a made-up key is
signed again with the administrator's. A request signed with a key that a server gave out goes on
as it came. Answers are passed on as they are, always.
"""

import http.client
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
REGIONS = ("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-central-1", "eu-west-1",
           "ap-east-1", "ap-northeast-1", "ap-south-1")
# Memory, where there is enough of it: the first start writes and syncs a whole new directory.
MEMORY = "/dev/shm"
SCRATCH = MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 1 << 30 else None
SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
# Headers of one connection only, and what signing writes anew.
OWN = {"connection", "keep-alive", "content-length", "transfer-encoding", "expect"}
SIGNING = {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}


class Server:
    """One strongroom on an empty directory, without an organization."""

    def __init__(self, binary: pathlib.Path):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-moto-", dir=SCRATCH))
        command = [binary, "serve", "--data", self.directory / "data", "--listen", "127.0.0.1:0",
                   "--account", ACCOUNT, "--kms-request-quota-factor", "10000",
                   "--calls-per-second", "100000",
                   *(f"--region={region}" for region in REGIONS)]
        self.log = open(self.directory / "log", "wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        exports = {}
        for line in self.process.stdout:
            if found := re.match(r"export (\w+)=(\S+)", line):
                exports[found[1]] = found[2]
            if len(exports) == 3:
                break
        else:
            raise RuntimeError((self.directory / "log").read_text())
        address = urllib.parse.urlparse(exports["AWS_ENDPOINT_URL"])
        self.host, self.port = address.hostname, address.port
        secrets = pathlib.Path(exports["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
        self.administrator = botocore.credentials.Credentials(
            re.search(r"aws_access_key_id = (\S+)", secrets)[1],
            re.search(r"aws_secret_access_key = (\S+)", secrets)[1])
        self.issued = {self.administrator.access_key}
        self.delete_organization()

    def delete_organization(self):
        """A deployment has an organization from its first start; moto's tests make theirs."""
        headers = {"X-Amz-Target": "AWSOrganizationsV20161128.DeleteOrganization",
                   "Content-Type": "application/x-amz-json-1.1", "Host": f"{self.host}:{self.port}"}
        headers = self.sign("POST", "/", headers, b"{}", "us-east-1", "organizations")
        status, _, body = self.exchange("POST", "/", headers, b"{}")
        if status != 200:
            raise RuntimeError(body.decode())

    def sign(self, method, path, headers, body, region, service) -> dict:
        kept = {name: value for name, value in headers.items() if name.lower() not in SIGNING}
        request = botocore.awsrequest.AWSRequest(
            method=method, url=f"http://{kept['Host']}{path}", data=body, headers=kept)
        botocore.auth.SigV4Auth(self.administrator, service, region).add_auth(request)
        return dict(request.headers.items())

    def exchange(self, method, path, headers, body) -> tuple:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def gives_out(self, body: bytes):
        """Notes the access keys in an answer."""
        self.issued.update(re.findall(r"\bA(?:KI|SI)A[A-Z2-7]{16}\b", body.decode(errors="replace")))

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.directory)


class Gateway(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, binary: pathlib.Path):
        super().__init__(("127.0.0.1", 0), Handler)
        self.binary = binary
        self.turn = threading.Lock()
        self.strongroom = Server(binary)
        self.used = False

    def reset(self):
        """Puts a new server in the place of one that was used."""
        if self.used:
            self.strongroom.end()
            self.strongroom = Server(self.binary)
            self.used = False

    def carry(self, method, path, headers, body) -> tuple:
        self.used = True
        scope = SCOPE.search(headers.get("Authorization", ""))
        if scope and scope[1] not in self.strongroom.issued:
            headers = self.strongroom.sign(method, path, headers, body, scope[2], scope[3])
        answer = self.strongroom.exchange(method, path, headers, body)
        self.strongroom.gives_out(answer[2])
        return answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
        with self.server.turn:
            if self.path == "/moto-api/reset":
                self.server.reset()
                self.answer(200, [], b"{}")
            elif self.path.startswith("/moto-api/"):
                self.answer(404, [], b"only moto's reset route exists here\n")
            else:
                self.answer(*self.server.carry(self.command, self.path, headers, body))

    do_GET = do_PUT = do_DELETE = do_POST

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in OWN:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    """Serves until standard input ends, so that nothing outlives who started it."""
    gateway = Gateway(pathlib.Path(sys.argv[1]))
    print(f"http://127.0.0.1:{gateway.server_port}", flush=True)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    sys.stdin.read()
    gateway.shutdown()
    with gateway.turn:
        gateway.strongroom.end()


if __name__ == "__main__":
    main()
