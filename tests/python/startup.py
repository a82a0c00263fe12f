"""Measures the start of the functions: binary and zip size, time from exec to the first runtime /next, and memory then.

    cargo build --release --bins && python3 tests/python/startup.py target/release

Plays the Lambda runtime API on loopback. No AWS is asked: a function builds its clients and waits for work.
"""

import http.server
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import zipfile

FUNCTIONS = ["api", "usage", "billing", "invoice", "webhook"]
RUNS = 21
START_SECONDS_MAX = 10
NAMES = [
    "STAGE", "TENANTS_TABLE", "API_KEYS_TABLE", "CATALOG_TABLE", "SUBSCRIPTIONS_TABLE", "PROCESSED_EVENTS_TABLE",
    "USAGE_TABLE", "INVOICES_TABLE", "WEBHOOKS_TABLE", "TOPIC_ARN", "WEBHOOK_QUEUE_URL",
    "WEBHOOK_DEAD_LETTER_QUEUE_URL", "INVOICES_BUCKET", "PLATFORM_KEY", "SELLER_NAME", "SELLER_ADDRESS",
]


class Runtime(http.server.BaseHTTPRequestHandler):
    """Notes when the first /next arrives, and never answers it: the function stays as it is when idle."""

    asked = threading.Event()
    asked_at = 0.0

    def do_GET(self):
        Runtime.asked_at = time.perf_counter()
        Runtime.asked.set()
        time.sleep(START_SECONDS_MAX)

    def log_message(self, *_):
        pass


def environment(port):
    values = {name: "value" for name in NAMES}
    return values | {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": "measured",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_LOG_GROUP_NAME": "group",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "PATH": os.environ["PATH"],
    }


def start(binary, port):
    """One start: milliseconds to the first /next, and resident KiB then."""
    Runtime.asked.clear()
    started_at = time.perf_counter()
    process = subprocess.Popen([binary], env=environment(port), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        if not Runtime.asked.wait(START_SECONDS_MAX):
            process.kill()
            sys.exit(f"{binary} did not ask for work: {process.stderr.read().decode()[-500:]}")
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.kill()
        process.wait()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return (Runtime.asked_at - started_at) * 1000, int(resident.split()[1])


def main():
    folder = pathlib.Path(sys.argv[1])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Runtime)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("| function | binary | zip | exec to /next, median (max) | resident |\n|---|---|---|---|---|")
    for function in FUNCTIONS:
        binary = folder / function
        archive = folder / f"{function}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.write(binary, "bootstrap")
        runs = [start(binary, server.server_address[1]) for _ in range(RUNS)]
        times = [milliseconds for milliseconds, _ in runs]
        resident = statistics.median(kib for _, kib in runs) / 1024
        sizes = [path.stat().st_size / 1_000_000 for path in (binary, archive)]
        print(
            f"| {function} | {sizes[0]:.1f} MB | {sizes[1]:.1f} MB "
            f"| {statistics.median(times):.1f} ms ({max(times):.1f}) | {resident:.1f} MiB |"
        )


if __name__ == "__main__":
    main()
