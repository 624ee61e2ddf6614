//! Cloud Monitoring: what it has measured of subscriptions. (Cloud Monitoring API reference,
//! `projects.timeSeries.list`; "Google Cloud metrics", `pubsub`.)

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use domain::Instant;
use serde_json::Value;

use super::{Refusal, Service, Services};

/// How far back the newest value may lie: it is measured every minute, and seen after four.
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// A measure of subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// How old the oldest message is that nobody has acknowledged, in seconds.
    OldestAge,
    /// How many messages nobody has acknowledged.
    Undelivered,
}

impl Services {
    /// The newest value of `measure` of each of `subscriptions` that has one. One call.
    pub(crate) async fn measured(
        &self,
        measure: Measure,
        subscriptions: &[String],
        now: Instant,
    ) -> Result<BTreeMap<String, i64>, Refusal> {
        let metric = match measure {
            Measure::OldestAge => "oldest_unacked_message_age",
            Measure::Undelivered => "num_undelivered_messages",
        };
        let quoted: Vec<String> = subscriptions.iter().map(|it| format!("\"{it}\"")).collect();
        let filter = format!(
            "metric.type = \"pubsub.googleapis.com/subscription/{metric}\" AND \
             resource.type = \"pubsub_subscription\" AND \
             resource.labels.subscription_id = one_of({})",
            quoted.join(", ")
        );
        let since = Instant::from_unix_millis(
            now.unix_millis() - i64::try_from(WINDOW.as_millis()).unwrap_or_default(),
        );
        let path = format!(
            "/v3/projects/{}/timeSeries?filter={}&interval.startTime={}&interval.endTime={}",
            self.project,
            encode(&filter),
            encode(&since.to_millis_text()),
            encode(&now.to_millis_text()),
        );
        let answer = self.ask(Service::Monitoring, &path, None).await?;
        let series = answer["timeSeries"].as_array().into_iter().flatten();
        Ok(series.filter_map(newest).filter(|(name, _)| subscriptions.contains(name)).collect())
    }
}

/// Points come newest first. A number of 64 bits is a text in JSON.
fn newest(series: &Value) -> Option<(String, i64)> {
    let name = series["resource"]["labels"]["subscription_id"].as_str()?;
    let value = &series["points"].as_array()?.first()?["value"]["int64Value"];
    let value = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    Some((name.to_owned(), value))
}

/// `text` as the value of a query. (RFC 3986, section 2.3.)
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
    }
    encoded
}
