"""Runs the Autobahn test suite's fuzzing client against usher's WebSocket: `make autobahn`.

The suite needs Python 2.7. It is found as $PYTHON27, on the PATH or among pyenv's versions; everything else is
installed under target/tools. The report is target/autobahn/<part>/index.html.
"""

import collections
import glob
import json
import os
import shutil
import subprocess
import sys

TOOLS = "target/tools"
VIRTUALENV = "20.15.1"
SUITE = "0.8.2"
ENVIRONMENT = f"{TOOLS}/autobahn-{SUITE}"
OUT = "target/autobahn"
USHER = "target/debug/usher"
# What the suite may take for all its cases, in seconds; it needs about a tenth of it.
TIME_MAX = 600
GOOD = {"OK", "INFORMATIONAL", "NON-STRICT"}
# Part: its cases, and the longest message in bytes (none: the widgets' own limit). Parts 12 and 13 are about
# compression, which usher doesn't have on purpose; 8 and 11 are empty.
PARTS = {
    "protocol": (["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"], None),
    "limits": (["9.*"], 16 * 1024 * 1024),
}


def python27():
    pyenv = os.path.join(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"), "versions/2.7*/bin/python2.7")
    for candidate in [os.environ.get("PYTHON27"), shutil.which("python2.7"), *sorted(glob.glob(pyenv))]:
        if candidate and subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
            return candidate
    sys.exit("autobahn: there is no Python 2.7, which the suite needs; name one with PYTHON27=/path/to/python2.7")


def install():
    wstest = f"{ENVIRONMENT}/bin/wstest"
    if os.path.exists(wstest):
        return wstest
    print(f"== installing autobahntestsuite {SUITE} under {TOOLS}", flush=True)
    python, virtualenv = python27(), f"{TOOLS}/virtualenv-{VIRTUALENV}"
    quiet = ["-qq", "--disable-pip-version-check"]
    pip = [python, "-m", "pip", "install", *quiet, "--target", virtualenv, f"virtualenv=={VIRTUALENV}"]
    subprocess.run(pip, check=True)
    path = {**os.environ, "PYTHONPATH": virtualenv}
    subprocess.run([python, "-m", "virtualenv", "--quiet", ENVIRONMENT], check=True, env=path)
    suite = [f"{ENVIRONMENT}/bin/pip", "install", *quiet, f"autobahntestsuite=={SUITE}"]
    subprocess.run(suite, check=True)
    return wstest


def run(wstest, part, cases, message_bytes):
    limit = [] if message_bytes is None else ["--message-bytes", str(message_bytes)]
    folder = f"{OUT}/{part}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    echo = subprocess.Popen([USHER, "websocket-echo", *limit], stdout=subprocess.PIPE, text=True)
    try:
        url = f"ws://{echo.stdout.readline().split()[1]}/echo"
        spec = {
            "outdir": folder,
            "servers": [{"agent": "usher", "url": url}],
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        with open(f"{folder}/spec.json", "w") as file:
            json.dump(spec, file)
        with open(f"{folder}/log", "w") as log:
            client = [wstest, "--mode", "fuzzingclient", "--spec", f"{folder}/spec.json"]
            subprocess.run(client, check=True, stdout=log, stderr=log, timeout=TIME_MAX)
    finally:
        echo.kill()
        echo.wait()
    with open(f"{folder}/index.json") as file:
        return json.load(file)["usher"]


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    wstest = install()
    failed = []
    for part, (cases, message_bytes) in PARTS.items():
        verdicts = run(wstest, part, cases, message_bytes)
        for what in ["behavior", "behaviorClose"]:
            counts = collections.Counter(verdict[what] for verdict in verdicts.values())
            told = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
            print(f"{part}, {what}: {len(verdicts)} cases: {told}")
            bad = [f"{case} {what} {verdict[what]}" for case, verdict in verdicts.items() if verdict[what] not in GOOD]
            failed.extend(bad)
        if not verdicts:
            failed.append(f"{part}: no case was run")
    if failed:
        sys.exit("autobahn: failed (report: {}/*/index.html)\n{}".format(OUT, "\n".join(failed)))


main()
