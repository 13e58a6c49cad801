"""Load from outside: wrk, paced good clients, hostile ones."""

import http.client
import json
import re
import socket
import subprocess
import threading
import time

HEADERS = {"Content-Type": "application/json"}

SCRIPT = """
math.randomseed(7)
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function request()
  local id = function() return '"i' .. math.random(0, %d) .. '"' end
  return wrk.format(nil, nil, nil, %s)
end
"""

PACED = """
function delay()
  return %d
end
"""


def wrk(address, path, body, items, connections, seconds, folder, delay_ms=0):
    """Requests a second, latency in ms, and what failed; with a delay every connection pauses before its next request."""
    script = f"{folder}/wrk.lua"
    with open(script, "w") as file:
        file.write(SCRIPT % (items - 1, body) + (PACED % delay_ms if delay_ms else ""))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script, f"http://{address}{path}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}

    def latency(share):
        value, name = re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", text).groups()
        return float(value) * unit[name]

    def number(pattern):
        found = re.search(pattern, text)
        return int(found.group(1)) if found else 0

    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return {
        "requests_s": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
        "requests": number(r"(\d+) requests in"),
        "p50_ms": latency(50),
        "p99_ms": latency(99),
        "failed": number(r"Non-2xx or 3xx responses: (\d+)") + (sum(map(int, errors.groups())) if errors else 0),
    }


class Good(threading.Thread):
    """Asks for neighbours at a steady pace on a connection that stays open; notes how long each took."""

    def __init__(self, address, model, pace=0.02):
        super().__init__(daemon=True)
        self.address, self.path, self.pace = address, f"/v1/models/{model}/neighbors", pace
        self.took, self.failed, self.refused, self.unanswered = [], [], 0, 0
        self.stop = threading.Event()

    def run(self):
        connection, number = None, 0
        while not self.stop.is_set():
            number += 1
            fresh = connection is None
            try:
                if fresh:
                    connection = http.client.HTTPConnection(self.address, timeout=10)
                    connection.connect()
            except OSError:
                self.refused += 1
                connection = None
                time.sleep(self.pace)
                continue
            start = time.perf_counter()
            try:
                connection.request("POST", self.path, json.dumps({"id": f"i{number * 37 % 1000}"}), HEADERS)
                answer = connection.getresponse()
                answer.read()
                self.took.append(1e3 * (time.perf_counter() - start))
                if answer.status != 200:
                    self.failed.append(answer.status)
                if answer.getheader("Connection") == "close":
                    connection = None
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                # On a fresh connection a request was lost; on one that was idle the server may have closed it first,
                # which HTTP tells clients to expect (RFC 9112, section 9.3.1), and to try again.
                if fresh:
                    self.failed.append("lost")
                else:
                    self.unanswered += 1
                connection = None
            except OSError as error:
                self.failed.append(repr(error))
                connection = None
            time.sleep(max(0.0, self.pace - (time.perf_counter() - start)))

    def end(self):
        self.stop.set()
        self.join()
        return self


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def connect(address):
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def status_of(address, data, pieces=()):
    """Sends bytes, then pieces with a pause between; the status of the answer (0: closed without one), and the seconds it took."""
    start = time.perf_counter()
    with connect(address) as sock:
        try:
            sock.sendall(data)
            for piece, pause in pieces:
                time.sleep(pause)
                sock.sendall(piece)
        except OSError:
            pass
        try:
            answer = sock.recv(64)
        except OSError:
            answer = b""
    match = re.match(rb"HTTP/1.1 (\d+)", answer)
    return int(match.group(1)) if match else 0, time.perf_counter() - start


def post(model, body, kind="application/json", length=None):
    head = f"POST /v1/models/{model}/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return (head + f"Content-Length: {len(body) if length is None else length}\r\n\r\n").encode() + body


def hostile(address, model):
    """Kinds of bad requests, and which status each must get."""
    history = json.dumps({"history": ["i1"] * 1_000_000}).encode()
    chunked = f"POST /v1/models/{model}/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    piece = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    return {
        "a history of a million items": (post(model, history), (), {413}),
        "2 MB of brackets": (post(model, b"[" * 2_000_000), (), {413}),
        "500,000 brackets inside of each other": (post(model, b'{"filter":' + b"[" * 500_000), (), {400}),
        "NaN": (post(model, b'{"history": ["i1"], "diversity": NaN}'), (), {400}),
        "1e400": (post(model, b'{"history": ["i1"], "diversity": 1e400}'), (), {400}),
        "limit 2^63": (post(model, b'{"limit": 9223372036854775808}'), (), {422}),
        "bad UTF-8": (post(model, b'{"history": ["\xff\xfe"]}'), (), {400}),
        "the same key twice": (post(model, b'{"limit": 1, "limit": 2}'), (), {422}),
        "a body that stops": (post(model, b'{"history":', length=100), (), {408}),
        "chunks without end": (chunked, [(piece, 0.0)] * 200, {413}),
        "a head of 1 MB": (b"GET / HTTP/1.1\r\nX: " + b"y" * 1_000_000, (), {0, 400, 431}),
        "a head that drips": (b"GET / HTTP/1.1\r\n", [(b"X-A: b\r\n", 1.0)] * 14, {0, 408}),
        "no HTTP": (b"\x16\x03\x01\x02\x00" * 20 + b"\r\n\r\n", (), {0, 400}),
    }
