"""Speed of the server, requests lost in swaps and at the end, hostile clients. `run --help` says more."""

import argparse
import datetime
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import load
import model

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(HERE.parent))  # bench/common
from common import machine  # noqa: E402

SIZES, VALUES = (100_000, 1_000_000), 64
ITEMS = SIZES[0]
TOKEN = "bench-admin-token"

QUESTIONS = {
    "neighbours": ("neighbors", """'{"id":' .. id() .. ',"limit":10}'"""),
    "recommend, 5 items": ("recommend", """'{"history":[' .. id() .. ',' .. id() .. ',' .. id() .. ',' .. id() .. ',' .. id() .. '],"limit":10}'"""),
    "recommend with reasons": ("recommend", """'{"history":[' .. id() .. ',' .. id() .. ',' .. id() .. ',' .. id() .. ',' .. id() .. '],"limit":10,"explain":true}'"""),
}


class Server:
    def __init__(self, program, folder, *more):
        command = [program, "serve", str(folder / "a"), "--listen", "127.0.0.1:0", "--root", str(folder), "--json", *more]
        environment = {**os.environ, "VECINITY_ADMIN_TOKEN": TOKEN}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        answer = json.loads(self.process.stdout.readline())
        self.address, self.ready_s = answer["address"].removeprefix("http://"), answer["ready_s"]

    def put(self, path):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
        connection.request("PUT", "/v1/models/a", json.dumps({"path": path}), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def memory_mb(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) // 1024

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def speed(server, folder, items, seconds):
    """One and many connections, and many at half of the rate that they reach."""
    rows = {}
    for name, (route, body) in QUESTIONS.items():
        def ask(connections, delay_ms=0):
            return load.wrk(server.address, f"/v1/models/a/{route}", body, items, connections, seconds, folder, delay_ms)

        rows[f"{name}, 1 at once"] = ask(1)
        rows[f"{name}, 32 at once"] = many = ask(32)
        rows[f"{name}, half of that rate"] = ask(32, max(1, round(2 * 32_000 / many["requests_s"])))
    return rows


def size(program, folder, items, seconds):
    """Speed of a catalogue, by a look at every item and by an index; what an index takes and does without HTTP."""
    found = {}
    for way in ("exact", "index"):
        if way == "index":
            start = time.perf_counter()
            built = subprocess.run([program, "index", "build", str(folder / "a"), "--json", "--quiet"], check=True, stdout=subprocess.PIPE, text=True).stdout
            # The record names places inside of the model.
            built = built.replace(str(folder / "a") + "/", "")
            found["build_s"] = time.perf_counter() - start
            found["indexes"] = [json.loads(line) for line in built.splitlines()]
        server = Server(program, folder)
        found[way] = {"ready_s": server.ready_s, "speed": speed(server, folder, items, seconds), "memory_mb": server.memory_mb()}
        server.end()
    return found


def swaps(server, folder, count):
    path, body = QUESTIONS["recommend, 5 items"]
    found = {}
    seconds = max(10, count)
    load_thread = threading.Thread(target=lambda: found.update(
        load.wrk(server.address, f"/v1/models/a/{path}", body, ITEMS, 16, seconds, folder)))
    load_thread.start()
    statuses, start = [], time.perf_counter()
    for number in range(count):
        statuses.append(server.put("b" if number % 2 == 0 else "a"))
    took = time.perf_counter() - start
    within = took < seconds
    load_thread.join()
    return {"swaps": count, "accepted": statuses.count(200), "seconds": took, "all_under_load": within,
            "requests": found["requests"], "failed": found["failed"], "p99_ms": found["p99_ms"]}


def end_under_load(program, folder):
    server = Server(program, folder)
    clients = [load.Good(server.address, "a", pace=0.0) for _ in range(8)]
    for client in clients:
        client.start()
    time.sleep(2)
    start = time.perf_counter()
    code = server.end()
    took = time.perf_counter() - start
    clients = [client.end() for client in clients]
    return {"exit_code": code, "seconds": took, "answered": sum(len(client.took) for client in clients),
            "failed": sum(len(client.failed) for client in clients),
            "closed_while_idle": sum(client.unanswered for client in clients)}


def attacked(program, folder):
    server = Server(program, folder, "--timeout", "5")
    good = load.Good(server.address, "a")
    good.start()
    time.sleep(8)
    calm = list(good.took)
    idle = [load.connect(server.address) for _ in range(500)]
    results, stop = {}, threading.Event()

    def attack(name, data, pieces, expected):
        worst, seen, times = 0.0, set(), 0
        while not stop.is_set():
            status, took = load.status_of(server.address, data, pieces)
            seen.add(status)
            worst, times = max(worst, took), times + 1
            time.sleep(0.25)
        results[name] = {"statuses": sorted(seen), "as_expected": seen <= expected, "slowest_s": round(worst, 2), "times": times}

    before = len(good.took)
    threads = [threading.Thread(target=attack, args=(name, *kind), daemon=True) for name, kind in load.hostile(server.address, "a").items()]
    for thread in threads:
        thread.start()
    time.sleep(15)
    under = good.took[before:]
    stop.set()
    for thread in threads:
        thread.join()
    good.end()
    for sock in idle:
        sock.close()
    code = server.end()
    return {"calm_p99_ms": load.percentile(calm, 0.99), "attacked_p99_ms": load.percentile(under, 0.99),
            "calm_p50_ms": load.percentile(calm, 0.5), "attacked_p50_ms": load.percentile(under, 0.5),
            "good_requests": len(good.took), "good_failed": len(good.failed), "exit_code": code, "kinds": results}


def table(record):
    lines = [f"# The server, {record['date']}", "", f"{record['machine']}. Synthetic models with {VALUES} values, "
             "server and `wrk` on the same cores. `bench/server/run` measures it."]
    for items, found in record["sizes"].items():
        lines += ["", f"## {int(items):,} items", "", "| question | way | requests a second | half within, ms | 99 % within, ms | failed |", "|---|---|---|---|---|---|"]
        for name in found["exact"]["speed"]:
            for way in ("exact", "index"):
                row = found[way]["speed"][name]
                lines.append(f"| {name} | {way} | {row['requests_s']:,.0f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} | {row['failed']} |")
        lines.append("")
        for way in ("exact", "index"):
            lines.append(f"* {way}: ready in {found[way]['ready_s']:.2f} s, {found[way]['memory_mb']} MB.")
        for built in found["indexes"]:
            m = built["measured"]
            lines.append(f"* Index for {built['of']}: recall {m['recall']:.4f}; without HTTP half within {m['median_us'] / 1e3:.3f} ms, 99 % within {m['p99_us'] / 1e3:.3f} ms; {built['bytes'] / 1e6:.0f} MB.")
        lines.append(f"* Both were built in {found['build_s']:.0f} s.")
    lines += ["", "## Swaps, the end, and hostile clients"]
    s, e, a = record["swaps"], record["end"], record["attacked"]
    lines += ["", f"* {s['accepted']} of {s['swaps']} swaps in {s['seconds']:.1f} s {'all' if s['all_under_load'] else 'not all'} under load: {s['requests']:,} requests, {s['failed']} failed, 99 % within {s['p99_ms']:.1f} ms.",
              f"* SIGTERM under load of 8 clients: {e['answered']:,} answered, {e['failed']} failed, {e['closed_while_idle']} connections closed while idle (to be tried again), exit code {e['exit_code']} after {e['seconds']:.2f} s.",
              f"* A good client at 50 requests a second: 99 % within {a['calm_p99_ms']:.1f} ms alone, {a['attacked_p99_ms']:.1f} ms among 500 idle connections and the hostile clients below; {a['good_failed']} of {a['good_requests']:,} failed.",
              "", "| hostile | answered with (0: closed) | slowest, s |", "|---|---|---|"]
    lines += [f"| {name} | {', '.join(map(str, row['statuses']))} | {row['slowest_s']} |" for name, row in a["kinds"].items()]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=str(ROOT / "target/release/vecinity"))
    parser.add_argument("--seconds", type=int, default=5, help="of each wrk run")
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--part", choices=("speed", "rest"), help="measure a part; what the day's record has of the other stays")
    parser.add_argument("--items", type=int, action="append", help=f"items of a model; several times for several ({', '.join(map(str, SIZES))})")
    parser.add_argument("--record", action="store_true", help="writes bench/record/MACHINE/DATE-server.md and .json")
    asked = parser.parse_args()
    date = datetime.date.today().isoformat()
    facts = machine.describe()
    place = ROOT / "bench/record" / machine.slug(facts) / f"{date}-server.json"
    record = json.loads(place.read_text()) if asked.record and place.exists() else {}
    record |= {"date": date, "machine": f"{facts['cpu']}, {facts['cores']} cores"}
    if asked.part != "rest":
        for items in asked.items or SIZES:
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                made(asked.program, folder, "a", items, 1)
                record.setdefault("sizes", {})[str(items)] = size(asked.program, folder, items, asked.seconds)
    if asked.part != "speed":
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for name, seed in (("a", 1), ("b", 2)):
                made(asked.program, folder, name, ITEMS, seed)
            server = Server(asked.program, folder)
            record["swaps"] = swaps(server, folder, asked.swaps)
            server.end()
            record["end"] = end_under_load(asked.program, folder)
            record["attacked"] = attacked(asked.program, folder)
    if asked.record:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(record, indent=1) + "\n")
    if {"sizes", "swaps"} <= record.keys():
        text = table(record)
        print(text)
        if asked.record:
            place.with_suffix(".md").write_text(text)


def made(program, folder, name, items, seed):
    model.write(folder / f"{name}.bin", items, VALUES, seed)
    subprocess.run([program, "import", str(folder / f"{name}.bin"), "-o", str(folder / name), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    (folder / f"{name}.bin").unlink()


if __name__ == "__main__":
    main()
