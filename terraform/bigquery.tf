# SQL over what is derived, of every kind: external tables over shards and exports, which are few
# large objects, and views that leave out what is gone and cast times. A view reads every schema
# version, since the columns are those of all of them. Nothing is copied unless a schedule says so.

locals {
  bigquery = var.bigquery ? local.kinds : {}
  uri      = "gs://${local.bucket}/env/${var.environment}"

  # By table: where its lines are, and its columns.
  tables = merge(
    { for segment, it in local.bigquery : "${segment}_listing_lines" => {
      uri     = "${local.uri}/manifests/${segment}/_index_shard=*.ndjson"
      columns = it.listing
    } },
    { for segment, it in local.bigquery : "${segment}_export_lines" => {
      uri     = "${local.uri}/manifests/${segment}/export/part-*.ndjson"
      columns = it.document
    } },
    { for segment, it in local.bigquery : "${segment}_snapshot_lines" => {
      uri     = "${local.uri}/snapshots/${segment}/*.json"
      columns = it.document
    } if var.bigquery_snapshots },
  )

  # By view: the table it reads.
  views = merge(
    { for segment in keys(local.bigquery) : "${segment}_listing" => "${segment}_listing_lines" },
    { for segment in keys(local.bigquery) : segment => "${segment}_export_lines" },
    { for segment in keys(local.bigquery) : "${segment}_now" => "${segment}_snapshot_lines" if var.bigquery_snapshots },
  )
}

resource "google_bigquery_dataset" "this" {
  count = var.bigquery ? 1 : 0

  dataset_id  = "strata_${var.environment}"
  location    = var.region
  description = "Entities of ${var.environment}: one view for each kind."

  depends_on = [google_project_service.this]
}

# Who queries needs no rights on the bucket: the connection reads for them.
resource "google_bigquery_connection" "this" {
  count = var.bigquery ? 1 : 0

  connection_id = "strata-${var.environment}"
  location      = var.region
  description   = "Reads listings and exports of ${var.environment}."
  cloud_resource {}

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "bigquery_list" {
  count = var.bigquery ? 1 : 0

  bucket = local.bucket
  role   = local.role["list"]
  member = "serviceAccount:${google_bigquery_connection.this[0].cloud_resource[0].service_account_id}"

  depends_on = [google_storage_bucket.this]
}

resource "google_storage_bucket_iam_member" "bigquery" {
  count = var.bigquery ? 1 : 0

  bucket = local.bucket
  role   = local.role["read"]
  member = "serviceAccount:${google_bigquery_connection.this[0].cloud_resource[0].service_account_id}"

  condition {
    title = "bigquery-read"
    # Shards, exports, and snapshots where tables are over them.
    expression = join(" || ", [
      for prefix in concat(["manifests/"], var.bigquery_snapshots ? ["snapshots/"] : []) : "resource.name.startsWith(\"${local.objects}${prefix}\")"
    ])
  }

  depends_on = [google_storage_bucket.this]
}

resource "google_bigquery_table" "lines" {
  for_each = local.tables

  dataset_id          = google_bigquery_dataset.this[0].dataset_id
  table_id            = each.key
  deletion_protection = var.deletion_protection

  # Up here, because the table has a connection.
  schema = jsonencode([
    for it in each.value.columns : { for field, value in it : field => value if field != "cast" }
  ])

  external_data_configuration {
    # Types that are guessed drift with the data.
    autodetect            = false
    source_format         = "NEWLINE_DELIMITED_JSON"
    source_uris           = [each.value.uri]
    connection_id         = google_bigquery_connection.this[0].name
    ignore_unknown_values = true
  }

  depends_on = [google_storage_bucket_iam_member.bigquery, google_storage_bucket_iam_member.bigquery_list]
}

resource "google_bigquery_table" "view" {
  for_each = local.views

  dataset_id          = google_bigquery_dataset.this[0].dataset_id
  table_id            = each.key
  deletion_protection = var.deletion_protection

  view {
    use_legacy_sql = false
    query = join("\n", [
      "SELECT",
      join(",\n", [
        for it in local.tables[each.value].columns : lookup(it, "cast", null) == null ? "  `${it.name}`" : "  SAFE_CAST(`${it.name}` AS ${it.cast}) AS `${it.name}`" if it.name != "op"
      ]),
      "FROM `${var.project_id}.${google_bigquery_dataset.this[0].dataset_id}.${google_bigquery_table.lines[each.value].table_id}`",
      # A tombstone stands for an entity that is gone.
      "WHERE op IS NULL",
    ])
  }
}

# Copies, for queries that come so often that reading the lines each time costs more.
locals {
  loads = var.bigquery && var.bigquery_load_schedule != null
}

resource "google_service_account" "load" {
  count = local.loads ? 1 : 0

  account_id   = "${var.environment}-load"
  display_name = "copies documents into tables in ${var.environment}"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "load" {
  count = local.loads ? 1 : 0

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.load[0].member
}

resource "google_bigquery_dataset_iam_member" "load" {
  count = local.loads ? 1 : 0

  dataset_id = google_bigquery_dataset.this[0].dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.load[0].member
}

resource "google_bigquery_data_transfer_config" "load" {
  for_each = local.loads ? local.bigquery : {}

  display_name           = "strata ${var.environment} ${each.key}"
  location               = var.region
  data_source_id         = "scheduled_query"
  destination_dataset_id = google_bigquery_dataset.this[0].dataset_id
  schedule               = var.bigquery_load_schedule
  service_account_name   = google_service_account.load[0].email

  params = {
    query                           = "SELECT * FROM `${var.project_id}.${google_bigquery_dataset.this[0].dataset_id}.${google_bigquery_table.view[each.key].table_id}`"
    destination_table_name_template = "${each.key}_loaded"
    write_disposition               = "WRITE_TRUNCATE"
  }

  depends_on = [google_project_iam_member.load, google_bigquery_dataset_iam_member.load]
}
