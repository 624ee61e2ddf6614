"""Writes as docs/writers.md says, with the code of that page, which lies beside this as page.py.

Reads one JSON object a line, `{"do", "id", "record", …}`, and answers with the names that it wrote, or
with the error.
"""

import json
import os
import sys

import page
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

os.environ["STORAGE_EMULATOR_HOST"] = os.environ["EMULATOR_URL"]
client = storage.Client(project="clients", credentials=AnonymousCredentials())
bucket = client.bucket(os.environ["BUCKET"])
PLACE = ("dev", "ideas")
kept = {}


def answer(asked):
    """Does what was asked."""
    id, actor = asked["id"], "python"
    if asked["do"] == "read":
        kept[id] = page.read_snapshot(bucket, *PLACE, id)
        return {"etag": page.etag(kept[id])}
    snapshot = kept.get(id)
    record = {**asked["record"], "actor": actor, "origin": "writers.md"}
    name, body = page.compose(*PLACE, id, page.next_time(snapshot), record)
    if asked["do"] == "append":
        # The second time is as after an answer that was lost.
        page.append(bucket, name, body)
        page.append(bucket, name, body)
        return {"name": name, "written": name}
    if asked["do"] == "claim":
        # It dies when it has claimed.
        page_append, page.append = page.append, lambda *_: None
        try:
            written = page.append_if_current(bucket, *PLACE, id, snapshot, name, body, actor)
        finally:
            page.append = page_append
        return {"name": name, "written": written}
    written = page.append_if_current(bucket, *PLACE, id, snapshot, name, body, actor)
    return {"name": name, "written": written}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
