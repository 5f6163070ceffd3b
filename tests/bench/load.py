"""wrk as the client, and what one measurement gives."""

import dataclasses
import json
import signal
import subprocess

from cases import MIB
from origin import FIELD, VALUE
from processes import Failed, prepare

GRACE = 60  # seconds beyond the time asked for
ERRORS = ("connect", "read", "write", "timeout", "status")

REPORT = """
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"us":%d,"bytes":%.0f,"p50_us":%d,"p99_us":%d,"errors":' ..
    '{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50),
    latency:percentile(99), errors.connect, errors.read, errors.write, errors.timeout,
    errors.status))
end
"""


@dataclasses.dataclass
class Measurement:
    proxy: str
    round: int
    cpu_us: float   # of the proxy, for one request
    requests: float
    per_second: float
    p50_us: int
    p99_us: int
    busy: float     # the share of its CPU that the proxy took
    errors: dict


def lua(case, brings_the_field):
    lines = []
    if case.upload:
        lines.append('wrk.method = "POST"')
        lines.append(f'wrk.body = string.rep("x", {case.upload})')
        lines.append('wrk.headers["Content-Type"] = "application/octet-stream"')
    if case.close:
        lines.append('wrk.headers["Connection"] = "close"')
    if not brings_the_field:
        lines.append(f'wrk.headers["{FIELD}"] = "{VALUE}"')
    return "\n".join(lines) + REPORT


def send(place, proxy, case, seconds):
    """Runs wrk for that long and returns what it says. wrk counts in whole seconds: it is asked for
    more, and to end by a signal."""
    script = place.folder / "wrk.lua"
    script.write_text(lua(case, proxy.brings_the_field))
    scheme = "https" if case.listener == "tls" else "http"
    url = f"{scheme}://127.0.0.1:{proxy.ports[case.listener]}{case.path}"
    command = ["wrk", "-t1", f"-c{case.connections}", f"-d{int(seconds) + GRACE}s",
               "--timeout", "30s", "-s", str(script), url]
    output = run_until(command, seconds, place.other_cpus)
    last = output.strip().rpartition("\n")[2]
    if not last.startswith("{"):
        raise Failed(f"wrk did not run: {' '.join(command)}\n{output}")
    return json.loads(last)


def run_until(command, seconds, cpus):
    """The output of a program that is told to end after that time."""
    client = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True, preexec_fn=prepare(cpus))
    try:
        try:
            client.wait(seconds)  # it ends by itself only if something is wrong
        except subprocess.TimeoutExpired:
            client.send_signal(signal.SIGINT)
        return client.communicate(timeout=GRACE)[0]
    except subprocess.TimeoutExpired:
        raise Failed(f"This did not end: {' '.join(command)}") from None
    finally:
        client.kill()
        client.wait()


def measure(place, proxy, case, seconds, number):
    """One measurement: the proxy's CPU time before and after, and wrk's count in between. It takes
    longer if not one request was through by then."""
    for patience in (1, 4, 16):
        before = proxy.program.cpu_ns()
        result = send(place, proxy, case, seconds * patience)
        cpu_us = (proxy.program.cpu_ns() - before) / 1000
        if result["requests"]:
            return measurement(proxy, case, number, cpu_us, result)
    raise Failed(f"{case.name}: no request went through {proxy.name}. Errors: {result['errors']}")


def measurement(proxy, case, number, cpu_us, result):
    count = result["requests"]
    if case.size >= MIB:  # few and long: those under way at the end count too
        count = max(count, result["bytes"] / case.size)
    return Measurement(proxy.name, number, cpu_us / count, count, count * 1e6 / result["us"],
                       result["p50_us"], result["p99_us"], cpu_us / result["us"],
                       result["errors"])
