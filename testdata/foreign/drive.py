"""Drives one client in Python for a Go test, as drive.js does for those in JavaScript: python3 drive.py NAME.

Each line of standard input is a call, {"call": name, "with": argument}; each is answered by one line, {"returned": value} or
{"threw": what the client says of the error}. NAME.py has the calls, and `told`, which makes plain values of the client's errors.
"""
import importlib
import json
import os
import sys

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

client = importlib.import_module(sys.argv[1])

for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer = {"returned": getattr(client, asked["call"])(asked.get("with"))}
    except Exception as error:
        answer = {"threw": client.told(error)}
    print(json.dumps(answer), flush=True)
