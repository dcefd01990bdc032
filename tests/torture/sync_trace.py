"""Where there is no root or no loop device: a trace of the server's system calls shows that no
answer to a change leaves before the sync that makes the change durable.
"""

import pathlib
import re
import threading

from host import RigError, fresh, run, serving, spoiled_syncs, wait_until
from ledger import payload
from workload import GROUPS, create_group

CALLS = "read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,sendto,sendmsg,fdatasync,fsync"
LINE = re.compile(r"^(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*)$")
CLIENTS, ROUNDS = 4, 12


def workable() -> str | None:
    """What keeps the trace from running, if anything does."""
    try:
        run("strace", "-o", "/dev/null", "true")
    except (RigError, OSError) as error:
        return str(error)
    return None


def record(binary, scratch: pathlib.Path, spoil: str | None) -> pathlib.Path:
    """Traces a server under a few clients, with syncs spoiled from when it is ready."""
    fresh(scratch)
    trace = scratch / "trace"
    prefix = ["strace", "-D", "-f", "-y", "-q", "-s", "400", "-e", f"trace={CALLS}",
              "-e", "signal=none", "-o", str(trace)]
    trigger = None
    if spoil:
        environment, trigger = spoiled_syncs(scratch, spoil)
        for name, value in environment.items():
            prefix += ["-E", f"{name}={value}"]
    with serving(binary, scratch, scratch / "server.log", prefix=prefix) as server:
        client = server.client()
        for name in GROUPS:
            create_group(client, name)
        client.close()
        if trigger:
            trigger.touch()
        failed = []
        threads = [threading.Thread(target=calls, args=(server, n, failed)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise RigError(f"the traced server answered: {failed[0]}")
        server.kill()
    wait_until(lambda: not traced(trace), 120, "the trace is complete")
    return trace


def traced(trace: pathlib.Path) -> bool:
    """Whether a tracer still writes there: it ends by itself, after the server."""
    for command in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if bytes(trace) in command.read_bytes():
                return True
        except OSError:
            continue
    return False


def calls(server, number: int, failed: list):
    """Changes, a look and a denial: each has something that must be durable before its answer."""
    client = server.client()
    try:
        for turn in range(ROUNDS):
            agent = f"change/{number}-{turn}"
            identifier = f"r{number}"
            client.put_record(GROUPS[0], payload(GROUPS[0], identifier, 10 + turn))
            key = client.kms("CreateKey", agent)["KeyMetadata"]["KeyId"]
            client.kms("DisableKey", agent, KeyId=key)
            client.iam("CreateUser", agent, UserName=f"u{number}-{turn}")
            client.kms("ListAliases", agent)
            client.delete_record(GROUPS[0], identifier, str(11 + turn))
    except Exception as error:
        failed.append(error)
    finally:
        client.close()


class Call:
    """One system call: where in the trace it began and ended, on which file, with what."""

    def __init__(self, begun, name, text):
        self.begun, self.name, self.text = begun, name, text
        self.ended, self.result = None, None
        found = re.match(r"\d+<([^>]*)>", text)
        self.file = found[1] if found else ""


def parse(trace: pathlib.Path) -> list[Call]:
    done, open_calls = [], {}
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        found = LINE.match(line)
        if not found:
            continue
        thread, begun, resumed, rest = found.groups()
        if begun:
            call = Call(number, begun, rest)
        else:
            call = open_calls.pop(thread, None)
            if call is None:
                continue
            call.text += rest
        if rest.endswith("<unfinished ...>"):
            open_calls[thread] = call
            continue
        result = re.search(r"= (-?\d+)", rest.rsplit(")", 1)[-1])
        call.ended, call.result = number, int(result[1]) if result else None
        done.append(call)
    return sorted(done, key=lambda call: call.begun)


def examine(trace: pathlib.Path) -> tuple[int, list[str]]:
    """How many answers there were to what must be durable, and those that came too early."""
    writes, syncs, asked = [], [], {}
    answers, early = 0, []
    for call in parse(trace):
        if call.file.endswith(".jnl"):
            if "write" in call.name:
                writes.append(call)
            elif "sync" in call.name and call.result == 0:
                syncs.append(call)
        elif "socket:" in call.file or "TCP" in call.file:
            if call.name in ("read", "readv", "recvfrom", "recvmsg"):
                if re.search(r'"(POST|PUT|DELETE) /', call.text):
                    asked[call.file] = call
            elif "HTTP/1.1 " in call.text and call.file in asked:
                question = asked.pop(call.file)
                answers += 1
                if not durable(question, call, writes, syncs):
                    early.append(question.text[:160])
    return answers, early


def durable(question: Call, answer: Call, writes: list, syncs: list) -> bool:
    """Whether a journal write and then a whole sync of it lie between question and answer."""
    written = next((one for one in writes if one.begun > question.ended), None)
    return written is not None and any(
        one.begun > written.ended and one.ended < answer.begun and one.file == written.file
        for one in syncs)
