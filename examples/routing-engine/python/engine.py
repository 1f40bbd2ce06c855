#!/usr/bin/env python3
"""A routing engine for usher: follows the events, routes by verified variables, greets, and asks to sign in.

It keeps nothing but its place in the stream. After a crash, its own or usher's, it goes on there and does some things
again; every write is made so that doing it twice is doing it once.
"""

import base64
import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

USHER = os.environ.get("USHER_URL", "http://127.0.0.1:8081").rstrip("/")
PLACE = Path(os.environ.get("ENGINE_PLACE", "engine.place"))
AGENTS = {"vip": ["ada", "grace"], "general": ["alan", "barbara", "edsger"]}
# What nobody is told who has not signed in.
PRIVATE = ("order", "invoice", "refund")

ANSWER_WITHIN = 10.0  # seconds
SILENCE_MAX = 40.0  # seconds; usher gives a sign of life every 15
BACKOFF_FIRST, BACKOFF_MAX = 0.5, 20.0  # seconds

Data = dict[str, Any]
access: tuple[str, float] = ("", 0.0)  # an access token, and until when it is used


class Hopeless(Exception):
    """Trying again would change nothing."""


def authorization() -> str:
    """How this program says who it is: by an access token where it has a client's secret, else by an API key."""
    global access
    if key := os.environ.get("USHER_API_KEY"):
        return f"Bearer {key}"
    if time.monotonic() >= access[1]:
        client = f"{os.environ['USHER_CLIENT_ID']}:{os.environ['USHER_CLIENT_SECRET']}"
        basic = "Basic " + base64.b64encode(client.encode()).decode()
        body = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
        request = urllib.request.Request(f"{USHER}/oauth/token", body, {"Authorization": basic})
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN) as answer:
            token = json.load(answer)
        # A tenth before its end, so that none runs out on its way.
        access = token["access_token"], time.monotonic() + 0.9 * token["expires_in"]
    return f"Bearer {access[0]}"


def call(method: str, path: str, body: Data | None = None) -> Data:
    """Calls usher. A conversation that is over, or gone, needs nothing more: that is no fault."""
    headers = {"Authorization": authorization(), "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(USHER + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        problem = json.loads(error.read() or b"{}")
        if problem.get("code") in ("conversation_ended", "unknown_conversation"):
            return {}
        raise judged(error, problem) from error


def judged(error: urllib.error.HTTPError, problem: Data) -> Exception:
    """The fault itself where another try may help, else what is wrong with what was asked."""
    global access
    if error.code == 401 and access[0]:
        access = ("", 0.0)  # taken back before its time: the next try gets a new one
        return error
    temporary = error.code in (408, 429) or error.code >= 500
    return error if temporary else Hopeless(f"{error.code} {problem.get('code')}: {problem.get('detail')}")


def verified(variables: Data, name: str) -> Any:
    """A variable's value where a token that stands vouches for it. What a page says by itself decides nothing."""
    variable = variables.get(name, {})
    return variable["value"] if variable.get("verified") else None


def route(event: Data) -> None:
    """Puts the conversation where its verified variables say; a downgrade verifies none, so it leads back."""
    variables, conversation = event["data"]["variables"], event["subject"]
    vip = verified(variables, "msdyn_isvip") is True or (verified(variables, "msdyn_cartvalue") or 0) > 1000
    queue = "vip" if vip else "general"
    agent = AGENTS[queue][int(conversation[-4:], 16) % len(AGENTS[queue])]
    call("PUT", f"/v1/conversations/{conversation}/assignment", {"queue": queue, "agent": agent})
    print(f"{conversation}: {queue}, {agent}", flush=True)


def ask_to_sign_in(event: Data, why: str) -> None:
    body = {"id": f"ask:{event['id']}", "message": why}
    call("POST", f"/v1/conversations/{event['subject']}/authentication-request", body)


def downgraded(event: Data) -> None:
    route(event)
    if event["data"]["reason"] != "signed_out":  # who signs out wants to be out
        ask_to_sign_in(event, "Your sign-in has ended. Please sign in again.")


def message(event: Data) -> None:
    said, path = event["data"], f"/v1/conversations/{event['subject']}"
    if said["from"] != "customer":
        return
    # Asked of the journal, not of this program's memory, which does not outlive it.
    history = call("GET", f"{path}/events").get("items", [])
    first = next((one for one in history if one["data"].get("from") == "customer"), None)
    if first and first["id"] == event["id"]:
        # The event's id makes the answer's: the same again is the same answer, however often it is sent.
        text = "Hello! Somebody will be with you in a moment."
        call("POST", f"{path}/messages", {"id": f"greet:{event['id']}", "from": "bot", "text": text})
        print(f"{event['subject']}: greeted", flush=True)
    if not said["authenticated"] and any(word in said["text"].lower() for word in PRIVATE):
        ask_to_sign_in(event, "Please sign in, so that we may talk about your order.")


HANDLERS: dict[str, Callable[[Data], None]] = {
    "usher.conversation.started": route,
    "usher.conversation.authenticated": route,
    "usher.conversation.context": route,
    "usher.conversation.downgraded": downgraded,
    "usher.conversation.message": message,
}


def records() -> Iterator[tuple[str | None, Data | None]]:
    """The stream from the place that is kept, or from now on: each record's place, and its event where it has one."""
    headers = {"Authorization": authorization(), "Accept": "text/event-stream"}
    if PLACE.exists():
        headers["Last-Event-ID"] = PLACE.read_text()
    path = f"/v1/events?after=latest&types={','.join(HANDLERS)}"
    request = urllib.request.Request(USHER + path, headers=headers)
    try:
        stream = urllib.request.urlopen(request, timeout=SILENCE_MAX)
    except urllib.error.HTTPError as error:
        raise judged(error, json.loads(error.read() or b"{}")) from error
    with stream:
        record: dict[str, str] = {}
        for line in stream:
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            if name:
                record[name] = value
            else:  # an empty line ends a record; one that broke off has none, and is not taken
                yield record.get("id"), json.loads(record.get("data", "null"))
                record = {}


def keep(place: str) -> None:
    """Replaces the file as a whole: whoever reads it finds the old place or the new one."""
    written = PLACE.with_suffix(".new")
    with written.open("w") as file:
        file.write(place)
        file.flush()
        os.fsync(file.fileno())
    written.replace(PLACE)


def main() -> None:
    tries = 0
    while True:
        wait = 0.0
        try:
            for place, event in records():
                if event:
                    HANDLERS[event["type"]](event)
                if place:
                    keep(place)  # after the event was handled: a crash before repeats it, one after does not
                tries = 0
        except Hopeless as fault:
            sys.exit(f"engine: {fault}")
        except urllib.error.HTTPError as fault:
            wait = float(fault.headers.get("Retry-After") or 0)
            print(f"engine: {fault}", file=sys.stderr)
        except (OSError, http.client.HTTPException) as fault:
            print(f"engine: {fault!r}", file=sys.stderr)
        # Full jitter: of a thousand engines that lost the same gateway, no two come back at once.
        tries += 1
        time.sleep(wait + random.uniform(0, min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** min(tries, 10))))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
