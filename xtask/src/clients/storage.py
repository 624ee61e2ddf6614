"""Everything that a program does with Cloud Storage through Google's Python client."""

import base64
import gzip
import io
import os

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from steps import FOLDER, LARGE, LARGE_BYTES, SMALL, URL, holds, refused, run, same, step

PROJECT = "clients"
BUCKET = "python"
TOPIC = "changes"
CHUNK_BYTES = 8 * 1024 * 1024
ODD_NAME = "odd/a b+c%41!#$&'()*,:;=?@[]~ü東.txt"

# The storage emulator's variable is what users set; the client takes everything else from it.
os.environ["STORAGE_EMULATOR_HOST"] = URL
client = storage.Client(project=PROJECT, credentials=AnonymousCredentials())
bucket = client.bucket(BUCKET)
seen = {}


def put(name, data=SMALL, **options):
    """Uploads a small text."""
    blob = bucket.blob(name)
    blob.upload_from_string(data, content_type="text/plain", **options)
    return blob


def names(**options):
    """The names in a list."""
    return [blob.name for blob in client.list_blobs(BUCKET, **options)]


@step("create a bucket")
def _():
    bucket.versioning_enabled = True
    bucket.labels = {"team": "blue"}
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    client.create_bucket(bucket, location="europe-west1")
    same("name", bucket.name, BUCKET)
    same("id", bucket.id, BUCKET)
    same("location", bucket.location, "EUROPE-WEST1")
    same("versioning", bucket.versioning_enabled, True)
    same("labels", bucket.labels, {"team": "blue"})
    same("metageneration", bucket.metageneration, 1)
    same("storage class", bucket.storage_class, "STANDARD")
    holds("uniform access", bucket.iam_configuration.uniform_bucket_level_access_enabled)
    holds("times", bucket.time_created is not None and bucket.updated is not None)
    holds("project number", bucket.project_number)
    holds("etag", bucket.etag)


@step("create it again: 409")
def _():
    with refused(exceptions.Conflict):
        client.create_bucket(BUCKET)


@step("get buckets that are and are not there")
def _():
    same("name", client.get_bucket(BUCKET).name, BUCKET)
    same("missing", client.lookup_bucket("missing-bucket"), None)
    holds("exists", bucket.exists())
    with refused(exceptions.NotFound):
        client.get_bucket("missing-bucket")


@step("list buckets")
def _():
    same("all", [it.name for it in client.list_buckets()], [BUCKET])
    same("by prefix", [it.name for it in client.list_buckets(prefix="other")], [])


@step("patch a bucket")
def _():
    bucket.labels = {"team": "green"}
    bucket.add_lifecycle_delete_rule(number_of_newer_versions=3, is_live=False)
    bucket.patch(if_metageneration_match=1)
    bucket.reload()
    same("labels", bucket.labels, {"team": "green"})
    same("rules", len(list(bucket.lifecycle_rules)), 1)
    same("metageneration", bucket.metageneration, 2)
    with refused(exceptions.PreconditionFailed):
        bucket.patch(if_metageneration_match=1)


@step("read and write the IAM policy of a bucket")
def _():
    policy = bucket.get_iam_policy(requested_policy_version=3)
    holds("etag", policy.etag)
    policy.version = 3
    policy.bindings = [{"role": "roles/storage.objectViewer", "members": {"allUsers"}}]
    bucket.set_iam_policy(policy)
    roles = [it["role"] for it in bucket.get_iam_policy(requested_policy_version=3).bindings]
    holds("role", "roles/storage.objectViewer" in roles)


@step("ask for the service account of the project")
def _():
    holds("email", "@" in client.get_service_account_email())


@step("upload a small object")
def _():
    blob = bucket.blob("small.txt")
    blob.metadata = {"source": "a person", "Language": "français"}
    blob.cache_control = "no-store"
    blob.upload_from_string(SMALL, content_type="text/plain", checksum="crc32c")
    same("name", blob.name, "small.txt")
    same("size", blob.size, len(SMALL))
    same("content type", blob.content_type, "text/plain")
    same("cache control", blob.cache_control, "no-store")
    same("metadata", blob.metadata, {"source": "a person", "Language": "français"})
    same("metageneration", blob.metageneration, 1)
    same("storage class", blob.storage_class, "STANDARD")
    same("id", blob.id, f"{BUCKET}/small.txt/{blob.generation}")
    holds("checksums", blob.crc32c and blob.md5_hash)
    holds("etag", blob.etag)
    holds("links", blob.media_link.startswith(URL) and "/o/small.txt" in blob.self_link)
    holds("times", blob.time_created and blob.updated)
    seen["first"] = blob.generation


@step("upload with either checksum, an empty object, and an odd name")
def _():
    put("sums/md5.txt", checksum="md5")
    put("sums/none.txt", checksum=None)
    same("size", put("empty", b"").size, 0)
    same("empty", bucket.blob("empty").download_as_bytes(), b"")
    put(ODD_NAME)
    same("odd", bucket.blob(ODD_NAME).download_as_bytes(), SMALL)
    same("listed", names(prefix="odd/"), [ODD_NAME])


@step("upload with a wrong checksum: 400")
def _():
    blob = bucket.blob("sums/wrong.txt")
    blob.crc32c = "AAAAAA=="
    with refused(exceptions.BadRequest):
        blob.upload_from_string(SMALL, checksum=None)
    same("stored", bucket.get_blob("sums/wrong.txt"), None)


@step("upload 20 MB, resumable, in chunks")
def _():
    blob = bucket.blob("large.bin", chunk_size=CHUNK_BYTES)
    blob.upload_from_file(io.BytesIO(LARGE), size=LARGE_BYTES, checksum="crc32c")
    blob.reload()
    same("size", blob.size, LARGE_BYTES)
    holds("checksums", blob.crc32c and blob.md5_hash)


@step("upload 20 MB, resumable, at once")
def _():
    path = os.path.join(FOLDER, "large.bin")
    with open(path, "wb") as file:
        file.write(LARGE)
    blob = bucket.blob("at-once.bin")
    blob.upload_from_filename(path, checksum="md5")
    same("size", blob.size, LARGE_BYTES)


@step("write a stream of unknown length")
def _():
    blob = bucket.blob("stream.bin")
    with blob.open("wb", chunk_size=1024 * 1024) as stream:
        for begin in range(0, 2_500_000, 500_000):
            stream.write(LARGE[begin : begin + 500_000])
    blob.reload()
    same("size", blob.size, 2_500_000)


@step("begin a resumable upload that others go on with")
def _():
    url = bucket.blob("session.txt").create_resumable_upload_session(content_type="text/plain")
    holds("url", url.startswith(URL) and "upload_id=" in url)


@step("download a small object")
def _():
    blob = bucket.blob("small.txt")
    same("bytes", blob.download_as_bytes(checksum="crc32c"), SMALL)
    same("bytes", blob.download_as_bytes(checksum="md5"), SMALL)
    same("text", blob.download_as_text(), SMALL.decode())
    same("generation", blob.generation, seen["first"])


@step("download 20 MB, in chunks and at once")
def _():
    holds("at once", bucket.blob("large.bin").download_as_bytes(checksum="md5") == LARGE)
    chunked = bucket.blob("large.bin", chunk_size=CHUNK_BYTES)
    holds("chunked", chunked.download_as_bytes() == LARGE)
    path = os.path.join(FOLDER, "downloaded.bin")
    bucket.blob("at-once.bin").download_to_filename(path)
    with open(path, "rb") as file:
        holds("file", file.read() == LARGE)


@step("download ranges")
def _():
    blob = bucket.blob("large.bin")
    same("inside", blob.download_as_bytes(start=1000, end=1999), LARGE[1000:2000])
    same("to the end", blob.download_as_bytes(start=LARGE_BYTES - 7), LARGE[-7:])
    same("past the end", blob.download_as_bytes(start=LARGE_BYTES - 7, end=LARGE_BYTES), LARGE[-7:])
    with refused(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=LARGE_BYTES, end=LARGE_BYTES + 7)
    with blob.open("rb", chunk_size=256 * 1024) as stream:
        stream.seek(5_000_000)
        same("seek", stream.read(100), LARGE[5_000_000:5_000_100])


@step("store gzip, and read it both ways")
def _():
    blob = bucket.blob("zipped.txt")
    blob.content_encoding = "gzip"
    stored = gzip.compress(SMALL * 50, mtime=0)
    blob.upload_from_string(stored, content_type="text/plain")
    same("decoded", bucket.blob("zipped.txt").download_as_bytes(), SMALL * 50)
    same("raw", bucket.blob("zipped.txt").download_as_bytes(raw_download=True), stored)


@step("stat objects that are and are not there")
def _():
    blob = bucket.get_blob("small.txt")
    same("size", blob.size, len(SMALL))
    same("language", blob.metadata["Language"], "français")
    same("missing", bucket.get_blob("missing.txt"), None)
    holds("exists", bucket.blob("small.txt").exists())
    holds("does not exist", not bucket.blob("missing.txt").exists())
    with refused(exceptions.NotFound):
        bucket.blob("missing.txt").download_as_bytes()
    with refused(exceptions.NotFound):
        client.bucket("missing-bucket").blob("a").download_as_bytes()
    with refused(exceptions.NotModified):
        bucket.blob("small.txt").reload(if_generation_not_match=blob.generation)
    with refused(exceptions.PreconditionFailed):
        bucket.blob("small.txt").reload(if_generation_match=1)


@step("overwrite, and read an old version")
def _():
    blob = put("small.txt", b"second\n")
    holds("generation", blob.generation != seen["first"])
    seen["second"] = blob.generation
    old = bucket.blob("small.txt", generation=seen["first"])
    same("old", old.download_as_bytes(), SMALL)
    same("stat", bucket.get_blob("small.txt", generation=seen["first"]).size, len(SMALL))
    same("live", bucket.blob("small.txt").download_as_bytes(), b"second\n")


@step("list by prefix, delimiter and glob")
def _():
    for name in ["tree/a.txt", "tree/b.json", "tree/c/1.txt", "tree/c/2.txt", "tree/d/"]:
        put(name)
    same("prefix", names(prefix="tree/c/"), ["tree/c/1.txt", "tree/c/2.txt"])
    found = client.list_blobs(BUCKET, prefix="tree/", delimiter="/")
    same("items", [blob.name for blob in found], ["tree/a.txt", "tree/b.json"])
    same("prefixes", sorted(found.prefixes), ["tree/c/", "tree/d/"])
    found = client.list_blobs(
        BUCKET, prefix="tree/", delimiter="/", include_trailing_delimiter=True
    )
    same("trailing", [blob.name for blob in found], ["tree/a.txt", "tree/b.json", "tree/d/"])
    same("glob", names(match_glob="tree/**.txt"), ["tree/a.txt", "tree/c/1.txt", "tree/c/2.txt"])
    same("glob of one level", names(match_glob="tree/*.{txt,json}"), ["tree/a.txt", "tree/b.json"])
    same("offsets", names(start_offset="tree/b", end_offset="tree/c/2"), ["tree/b.json", "tree/c/1.txt"])
    same("none", names(prefix="nothing/"), [])


@step("list in pages and with some fields")
def _():
    pages = client.list_blobs(BUCKET, prefix="tree/", page_size=2).pages
    same("pages", [[blob.name[5:] for blob in page] for page in pages],
         [["a.txt", "b.json"], ["c/1.txt", "c/2.txt"], ["d/"]])
    same("at most", len(names(prefix="tree/", max_results=3)), 3)
    found = list(client.list_blobs(BUCKET, prefix="tree/a", fields="items(name,size),nextPageToken"))
    same("selected", (found[0].name, found[0].size, found[0].etag), ("tree/a.txt", len(SMALL), None))


@step("list versions")
def _():
    found = list(client.list_blobs(BUCKET, prefix="small.txt", versions=True))
    same("generations", {it.generation for it in found}, {seen["first"], seen["second"]})
    same("deleted", {it.generation for it in found if it.time_deleted}, {seen["first"]})


@step("patch metadata")
def _():
    blob = bucket.get_blob("small.txt")
    blob.metadata = {"kept": "1", "gone": "2"}
    blob.content_type = "text/markdown"
    blob.cache_control = "max-age=60"
    blob.patch(if_metageneration_match=1)
    same("metageneration", blob.metageneration, 2)
    same("generation", blob.generation, seen["second"])
    blob.metadata = {"gone": None, "added": "3"}
    blob.patch()
    blob.reload()
    same("metadata", blob.metadata, {"kept": "1", "added": "3"})
    same("content type", blob.content_type, "text/markdown")
    same("cache control", blob.cache_control, "max-age=60")
    same("metageneration", blob.metageneration, 3)
    with refused(exceptions.PreconditionFailed):
        blob.patch(if_metageneration_match=1)
    with refused(exceptions.NotFound):
        bucket.blob("missing.txt").patch()


@step("replace metadata")
def _():
    blob = bucket.get_blob("small.txt")
    blob.metadata = {"only": "this"}
    blob.update()
    blob.reload()
    same("metadata", blob.metadata, {"only": "this"})


@step("compose")
def _():
    parts = [put("part-1", b"one "), put("part-2", b"two\n")]
    blob = bucket.blob("composed.txt")
    blob.content_type = "text/plain"
    blob.compose(
        parts,
        if_generation_match=0,
        if_source_generation_match=[parts[0].generation, parts[1].generation],
    )
    same("components", blob.component_count, 2)
    same("md5", blob.md5_hash, None)
    same("content type", blob.content_type, "text/plain")
    same("content", blob.download_as_bytes(), b"one two\n")
    with refused(exceptions.PreconditionFailed):
        blob.compose(parts, if_generation_match=0)
    with refused(exceptions.PreconditionFailed):
        blob.compose(parts[:1], if_source_generation_match=[1])
    with refused(exceptions.NotFound):
        blob.compose([bucket.blob("missing.txt")])


@step("rewrite")
def _():
    source = bucket.get_blob("large.bin")
    copy = bucket.blob("copies/large.bin")
    token, written, total = copy.rewrite(source)
    while token is not None:
        token, written, total = copy.rewrite(source, token=token)
    same("sizes", (written, total), (LARGE_BYTES, LARGE_BYTES))
    same("checksum", copy.crc32c, source.crc32c)
    with refused(exceptions.PreconditionFailed):
        copy.rewrite(source, if_generation_match=0)
    with refused(exceptions.NotFound):
        copy.rewrite(bucket.blob("missing.txt"))


@step("rewrite an old version with other metadata: restore")
def _():
    old = bucket.blob("small.txt", generation=seen["first"])
    restored = bucket.blob("restored.txt")
    restored.metadata = {"restored": "yes"}
    restored.content_type = "text/x-restored"
    restored.rewrite(old)
    same("content", restored.download_as_bytes(), SMALL)
    same("metadata", restored.metadata, {"restored": "yes"})
    same("content type", restored.content_type, "text/x-restored")


@step("change the storage class")
def _():
    blob = bucket.get_blob("restored.txt")
    blob.update_storage_class("NEARLINE")
    blob.reload()
    same("storage class", blob.storage_class, "NEARLINE")


@step("copy, rename and move")
def _():
    copied = bucket.copy_blob(bucket.get_blob("composed.txt"), bucket, "copies/composed.txt")
    same("copied", copied.download_as_bytes(), b"one two\n")
    old = bucket.copy_blob(
        bucket.blob("small.txt"), bucket, "copies/small.txt", source_generation=seen["first"]
    )
    same("copied version", old.download_as_bytes(), SMALL)
    bucket.rename_blob(copied, "copies/renamed.txt")
    same("renamed", names(prefix="copies/"),
         ["copies/large.bin", "copies/renamed.txt", "copies/small.txt"])
    bucket.move_blob(bucket.get_blob("copies/renamed.txt"), "copies/moved.txt")
    same("moved", names(prefix="copies/"),
         ["copies/large.bin", "copies/moved.txt", "copies/small.txt"])
    same("content", bucket.blob("copies/moved.txt").download_as_bytes(), b"one two\n")


@step("preconditions: 412")
def _():
    with refused(exceptions.PreconditionFailed):
        put("small.txt", if_generation_match=0)
    with refused(exceptions.PreconditionFailed):
        put("small.txt", if_generation_match=seen["first"])
    created = put("created.txt", if_generation_match=0)
    again = put("created.txt", b"again", if_generation_match=created.generation)
    holds("generation", again.generation != created.generation)
    with refused(exceptions.PreconditionFailed):
        bucket.blob("created.txt").delete(if_generation_match=created.generation)
    with refused(exceptions.PreconditionFailed):
        blob = bucket.blob("created.txt", chunk_size=CHUNK_BYTES)
        blob.upload_from_file(io.BytesIO(LARGE), size=LARGE_BYTES, if_generation_match=0)
    with refused(exceptions.PreconditionFailed):
        bucket.blob("created.txt").download_as_bytes(if_generation_match=created.generation)


@step("delete")
def _():
    bucket.blob("created.txt").delete()
    with refused(exceptions.NotFound):
        bucket.blob("created.txt").delete()
    holds("gone", not bucket.blob("created.txt").exists())
    bucket.blob("small.txt", generation=seen["first"]).delete()
    found = client.list_blobs(BUCKET, prefix="small.txt", versions=True)
    same("versions", [it.generation for it in found], [seen["second"]])
    bucket.delete_blobs([bucket.blob("part-1"), bucket.blob("missing.txt")], on_error=lambda _: None)
    same("left", names(prefix="part-"), ["part-2"])


@step("batch")
def _():
    put("batch/1"), put("batch/2")
    with client.batch():
        bucket.blob("batch/1").delete()
        blob = bucket.blob("batch/2")
        blob.metadata = {"in": "a batch"}
        blob.patch()
    found = bucket.get_blob("batch/2")
    same("left", names(prefix="batch/"), ["batch/2"])
    same("metadata", found.metadata, {"in": "a batch"})
    with refused(exceptions.NotFound):
        with client.batch():
            bucket.blob("batch/2").delete()
            bucket.blob("batch/missing").delete()


@step("notifications: create, list, get, delete")
def _():
    same("none", list(bucket.list_notifications()), [])
    notification = bucket.notification(
        topic_name=TOPIC,
        topic_project=PROJECT,
        custom_attributes={"team": "green"},
        event_types=["OBJECT_FINALIZE", "OBJECT_DELETE"],
        blob_name_prefix="tree/",
        payload_format="JSON_API_V1",
    )
    notification.create()
    holds("id", notification.notification_id)
    holds("etag", notification.etag)
    [listed] = list(bucket.list_notifications())
    same("topic", (listed.topic_project, listed.topic_name), (PROJECT, TOPIC))
    found = bucket.get_notification(notification.notification_id)
    same("prefix", found.blob_name_prefix, "tree/")
    same("events", list(found.event_types), ["OBJECT_FINALIZE", "OBJECT_DELETE"])
    same("attributes", found.custom_attributes, {"team": "green"})
    same("format", found.payload_format, "JSON_API_V1")
    notification.delete()
    holds("gone", not notification.exists())
    with refused(exceptions.NotFound):
        bucket.get_notification("17")


@step("delete a bucket: 409 as long as something is in it")
def _():
    with refused(exceptions.Conflict):
        bucket.delete()
    for blob in list(client.list_blobs(BUCKET, versions=True)):
        blob.delete()
    bucket.delete()
    holds("gone", not bucket.exists())
    with refused(exceptions.NotFound):
        bucket.delete()


run()
