"""Uploads the history of a scenario as a writer does, and reads back what came of it.

Reads one JSON object a line: `{"name", "file"}` uploads a record and is answered with its
generation, `{"read": prefix}` is answered with every live object below it.
"""

import base64
import json
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

os.environ["STORAGE_EMULATOR_HOST"] = os.environ["EMULATOR_URL"]
client = storage.Client(project="clients", credentials=AnonymousCredentials())
bucket = client.bucket(os.environ["BUCKET"])


def answer(asked):
    """Does what was asked."""
    if "read" in asked:
        return [read(blob) for blob in client.list_blobs(bucket, prefix=asked["read"])]
    blob = bucket.blob(asked["name"])
    blob.upload_from_filename(asked["file"], content_type="application/json", if_generation_match=0)
    return {"generation": str(blob.generation)}


def read(blob):
    """An object with its content."""
    body = base64.b64encode(blob.download_as_bytes()).decode()
    return {"name": blob.name, "generation": str(blob.generation), "body": body,
            "metadata": blob.metadata or {}}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
