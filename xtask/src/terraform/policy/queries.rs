//! Policies about BigQuery.

use serde_json::Value;

use super::{Case, Policy, lines, texts};
use crate::terraform::planned::Resource;

pub(super) const POLICIES: &[Policy] = &[
    Policy {
        name: "tables-have-columns",
        why: "types that are guessed drift with the data, and then queries fail",
        check: columns,
    },
    Policy {
        name: "tables-are-over-large-files",
        why: "BigQuery takes one star in a URI, and no generation",
        check: uris,
    },
    Policy {
        name: "views-read-what-is-there",
        why: "a view over a column that no document has always fails; a tombstone is no entity",
        check: views,
    },
    Policy {
        name: "queries-stay-in-one-place",
        why: "dataset, connection and bucket in different locations cannot be queried",
        check: places,
    },
];

fn tables<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Resource> {
    let external = |it: &&Resource| !it.each("/external_data_configuration").is_empty();
    case.planned.of("google_bigquery_table").filter(external)
}

/// The names of the columns of an external table.
fn names(table: &Resource) -> Vec<String> {
    let columns = serde_json::from_str::<Vec<Value>>(table.text("/schema")).unwrap_or_default();
    columns.iter().filter_map(|it| it["name"].as_str().map(str::to_owned)).collect()
}

fn columns(case: &Case<'_>) -> Vec<String> {
    lines(tables(case), |it| {
        let guessed = it.get("/external_data_configuration/0/autodetect");
        let fine = guessed == Some(&Value::Bool(false)) && !names(it).is_empty();
        if !it.text("/external_data_configuration/0/schema").is_empty() {
            // (Google provider, "google_bigquery_table", `connection_id`.)
            return Some("has its columns where a connection takes none".to_owned());
        }
        (!fine).then(|| "has its columns guessed".to_owned())
    })
}

fn uris(case: &Case<'_>) -> Vec<String> {
    lines(tables(case), |it| {
        let format = it.text("/external_data_configuration/0/source_format");
        let uris = texts(it, "/external_data_configuration/0/source_uris");
        let fine = |uri: &&str| {
            let star = uri.matches('*').count() <= 1 && !uri.contains('#');
            let own = format!("/env/{}/", case.env);
            let file = uri.ends_with(".ndjson") || uri.ends_with(".json");
            star && file && uri.contains(&own) && !uri.contains("/history/")
        };
        let wrong = uris.iter().find(|it| !fine(it));
        if format != "NEWLINE_DELIMITED_JSON" {
            Some(format!("reads {format:?}"))
        } else {
            wrong.map(|it| format!("reads {it}"))
        }
    })
}

fn views(case: &Case<'_>) -> Vec<String> {
    let views = case.planned.of("google_bigquery_table").filter(|it| !it.each("/view").is_empty());
    lines(views, |it| {
        let query = it.text("/view/0/query");
        let from = query.rsplit_once("FROM `").map_or("", |(_, rest)| rest);
        let from = from.split('`').next().unwrap_or_default();
        let table = from.rsplit('.').next().unwrap_or_default();
        let Some(table) = tables(case).find(|it| it.text("/table_id") == table) else {
            return Some(format!("reads {from:?}, which is no table"));
        };
        let there = names(table);
        let select = query.split("FROM `").next().unwrap_or_default();
        let read = select.split('`').skip(1).step_by(2);
        let unknown = read.map(str::to_owned).find(|it| !there.contains(it));
        if let Some(column) = unknown {
            return Some(format!("reads {column}, which {} does not have", table.address));
        }
        (!query.contains("WHERE op IS NULL")).then(|| "shows tombstones".to_owned())
    })
}

fn places(case: &Case<'_>) -> Vec<String> {
    let bucket = case.planned.of("google_storage_bucket").next();
    let Some(location) = bucket.map(|it| it.text("/location").to_lowercase()) else {
        return Vec::new();
    };
    let sorts = ["google_bigquery_dataset", "google_bigquery_connection"];
    let placed = case.planned.present().filter(|it| sorts.contains(&it.sort.as_str()));
    lines(placed, |it| {
        let own = it.text("/location").to_lowercase();
        (own != location).then(|| format!("is in {own}, the bucket in {location}"))
    })
}
