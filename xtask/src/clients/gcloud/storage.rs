//! The steps for `gcloud storage`.

use super::Expect::{Fails, Keeps, Prints, Same, Says, Success};
use super::{Expect, Step};

const fn step(name: &'static str, run: &'static str, expect: Expect) -> Step {
    Step { name, run, expect }
}

/// Everything that a person does with Cloud Storage from a terminal.
pub(crate) const STORAGE: &[Step] = &[
    // Buckets.
    step(
        "buckets create",
        "storage buckets create gs://gcloud --location=europe-west1 --uniform-bucket-level-access",
        Success,
    ),
    step("buckets create again: 409", "storage buckets create gs://gcloud", Fails("409")),
    step("buckets list", "storage buckets list --format=value(name)", Prints("gcloud")),
    step(
        "buckets update",
        "storage buckets update gs://gcloud --versioning --update-labels=team=blue",
        Success,
    ),
    step(
        "buckets describe",
        "storage buckets describe gs://gcloud --format=value(name,location,versioning_enabled,labels.team)",
        Prints("gcloud\tEUROPE-WEST1\tTrue\tblue"),
    ),
    step(
        "buckets describe, missing: 404",
        "storage buckets describe gs://missing-bucket",
        Fails("404"),
    ),
    step(
        "buckets add-iam-policy-binding",
        "storage buckets add-iam-policy-binding gs://gcloud --member=allUsers --role=roles/storage.objectViewer",
        Says(&["roles/storage.objectViewer"]),
    ),
    step(
        "buckets get-iam-policy",
        "storage buckets get-iam-policy gs://gcloud",
        Says(&["allUsers", "roles/storage.objectViewer"]),
    ),
    // Content.
    step("cp, small, up", "storage cp small.txt gs://gcloud/small.txt", Success),
    step("cat", "storage cat gs://gcloud/small.txt", Prints("what a person typed")),
    step("cat -r", "storage cat -r 5-12 gs://gcloud/small.txt", Prints("a person")),
    step("cp, 20 MB, up", "storage cp large.bin gs://gcloud/large.bin", Success),
    step(
        "cp, 20 MB, down",
        "storage cp gs://gcloud/large.bin down.bin",
        Same("large.bin", "down.bin"),
    ),
    step(
        "cp, small, down",
        "storage cp gs://gcloud/small.txt down.txt",
        Same("small.txt", "down.txt"),
    ),
    step("cp, missing", "storage cp gs://gcloud/missing.txt x.txt", Fails("matched no objects")),
    step(
        "cp with metadata",
        "storage cp small.txt gs://gcloud/described.txt --content-type=text/markdown --cache-control=no-store --custom-metadata=source=person",
        Success,
    ),
    step(
        "objects describe",
        "storage objects describe gs://gcloud/described.txt --format=value(name,bucket,size,content_type,cache_control,custom_fields.source,metageneration)",
        Prints("described.txt\tgcloud\t20\ttext/markdown\tno-store\tperson\t1"),
    ),
    step("cp -Z", "storage cp -Z small.txt gs://gcloud/zipped.txt", Success),
    step(
        "cp, gzip, down",
        "storage cp gs://gcloud/zipped.txt unzipped.txt",
        Same("small.txt", "unzipped.txt"),
    ),
    step("cp -r", "storage cp -r tree gs://gcloud/", Success),
    // Lists.
    step(
        "ls",
        "storage ls gs://gcloud/",
        Says(&["gs://gcloud/large.bin\n", "gs://gcloud/small.txt\n", "gs://gcloud/tree/\n"]),
    ),
    step("ls -l", "storage ls -l gs://gcloud/small.txt", Says(&["20 ", "TOTAL: 1 objects"])),
    step(
        "ls with a wildcard",
        "storage ls gs://gcloud/tree/**.txt",
        Prints("gs://gcloud/tree/a.txt\ngs://gcloud/tree/c/1.txt\ngs://gcloud/tree/c/2.txt"),
    ),
    step("ls -r", "storage ls -r gs://gcloud/tree/", Says(&["gs://gcloud/tree/c/:", "c/2.txt"])),
    step("ls, missing", "storage ls gs://gcloud/missing/", Fails("matched no objects")),
    step(
        "objects list",
        "storage objects list gs://gcloud/tree/** --format=value(name)",
        Prints("tree/a.txt\ntree/b.json\ntree/c/1.txt\ntree/c/2.txt"),
    ),
    step("du", "storage du -s gs://gcloud/tree", Says(&["49", "gs://gcloud/tree"])),
    step(
        "hash",
        "storage hash gs://gcloud/small.txt",
        Says(&["crc32c_hash: oZJX+A==", "md5_hash: l1/vKo8AFebCIYyJlI9qxg=="]),
    ),
    // Versions and preconditions.
    step(
        "generation",
        "storage objects describe gs://gcloud/small.txt --format=value(generation)",
        Keeps("first"),
    ),
    step("overwrite", "storage cp tree/a.txt gs://gcloud/small.txt", Success),
    step("ls -a", "storage ls -a gs://gcloud/small.txt", Says(&["small.txt#{first}"])),
    step(
        "cp of an old version",
        "storage cp gs://gcloud/small.txt#{first} old.txt",
        Same("small.txt", "old.txt"),
    ),
    step(
        "cp --if-generation-match: 412",
        "storage cp small.txt gs://gcloud/small.txt --if-generation-match=0",
        Fails("412"),
    ),
    step(
        "cp -n",
        "storage cp -n small.txt gs://gcloud/small.txt",
        Says(&["Skipping existing destination"]),
    ),
    step(
        "restore by cp",
        "storage cp gs://gcloud/small.txt#{first} gs://gcloud/small.txt",
        Success,
    ),
    step(
        "cat what was restored",
        "storage cat gs://gcloud/small.txt",
        Prints("what a person typed"),
    ),
    // Changes.
    step(
        "objects update",
        "storage objects update gs://gcloud/described.txt --content-type=text/plain --update-custom-metadata=team=blue",
        Success,
    ),
    step(
        "objects describe what was updated",
        "storage objects describe gs://gcloud/described.txt --format=value(content_type,custom_fields.source,custom_fields.team,metageneration)",
        Prints("text/plain\tperson\tblue\t2"),
    ),
    step(
        "objects update --if-metageneration-match: 412",
        "storage objects update gs://gcloud/described.txt --content-type=text/x --if-metageneration-match=1",
        Fails("412"),
    ),
    step(
        "objects compose",
        "storage objects compose gs://gcloud/tree/a.txt gs://gcloud/tree/b.json gs://gcloud/composed.txt",
        Success,
    ),
    step(
        "cat what was composed",
        "storage cat gs://gcloud/composed.txt",
        Prints("tree/a.txt\ntree/b.json"),
    ),
    step(
        "objects describe what was composed",
        "storage objects describe gs://gcloud/composed.txt --format=value(component_count,md5_hash)",
        Prints("2"),
    ),
    step(
        "cp within the bucket",
        "storage cp gs://gcloud/composed.txt gs://gcloud/copies/composed.txt",
        Success,
    ),
    step("cp -r within the bucket", "storage cp -r gs://gcloud/tree gs://gcloud/copies/", Success),
    step("mv", "storage mv gs://gcloud/copies/composed.txt gs://gcloud/copies/moved.txt", Success),
    step(
        "ls what was moved",
        "storage ls gs://gcloud/copies/*.txt",
        Prints("gs://gcloud/copies/moved.txt"),
    ),
    step("mv of a local file", "storage mv old.txt gs://gcloud/copies/local.txt", Success),
    // Whole folders.
    step("rsync, up", "storage rsync -r tree gs://gcloud/synced", Success),
    step("rsync again", "storage rsync -r tree gs://gcloud/synced", Success),
    step("rsync, down", "storage rsync -r gs://gcloud/synced down", Success),
    step(
        "rsync --delete-unmatched-destination-objects",
        "storage rsync -r --delete-unmatched-destination-objects tree/c gs://gcloud/synced",
        Success,
    ),
    step(
        "ls what was synchronized",
        "storage ls gs://gcloud/synced/**",
        Prints("gs://gcloud/synced/1.txt\ngs://gcloud/synced/2.txt"),
    ),
    // Notifications.
    step(
        "notifications create",
        "storage buckets notifications create gs://gcloud --topic=changes --skip-topic-setup --event-types=OBJECT_FINALIZE --object-prefix=tree/ --custom-attributes=team=blue",
        Success,
    ),
    step(
        "notifications list",
        "storage buckets notifications list gs://gcloud",
        Says(&["OBJECT_FINALIZE", "//pubsub.googleapis.com/projects/clients/topics/changes"]),
    ),
    step("notifications delete", "storage buckets notifications delete gs://gcloud", Success),
    // Deletes.
    step("rm", "storage rm gs://gcloud/described.txt", Success),
    step("rm, missing", "storage rm gs://gcloud/described.txt", Fails("matched no objects")),
    step("rm of an old version", "storage rm gs://gcloud/small.txt#{first}", Success),
    step("rm -r", "storage rm -r gs://gcloud/copies/", Success),
    step("buckets delete: 409", "storage buckets delete gs://gcloud", Fails("not empty")),
    step("rm -r of the bucket", "storage rm -r gs://gcloud", Success),
    step("buckets create another", "storage buckets create gs://gcloud-empty", Success),
    step("buckets delete", "storage buckets delete gs://gcloud-empty", Success),
    step("nothing is left", "storage buckets list --format=value(name)", Prints("")),
];
