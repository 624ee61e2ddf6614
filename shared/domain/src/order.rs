//! The one order of history records.

use crate::{Day, HistoryName, Instant, object_name};

/// What orders the records of one entity: the instant, then the record id, then the object name.
///
/// Never the generation, which Cloud Storage does not promise to increase, never the order of
/// arrival, never the timestamp in the name. Two records are never equal: names are unique.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderKey {
    /// `updated_at` of the record.
    pub updated_at: Instant,
    /// [`HistoryName::record_id`].
    record_id: String,
    /// The day in whose folder the record lies.
    pub day: Day,
    /// The file name.
    file: String,
}

impl OrderKey {
    /// The key of the record `name` that says it was made at `updated_at`.
    pub fn new(updated_at: Instant, name: &HistoryName) -> Self {
        let record_id = name.record_id().to_owned();
        Self { updated_at, record_id, day: name.day, file: name.file.clone() }
    }

    /// [`HistoryName::record_id`] of the record.
    pub fn record_id(&self) -> &str {
        &self.record_id
    }

    /// [`HistoryName::relative`] of the record.
    pub fn relative(&self) -> String {
        format!("{}/{}", self.day.folders(), self.file)
    }

    /// Reads a key back from `updated_at` and [`OrderKey::relative`].
    pub fn parse(updated_at: &str, relative: &str) -> Option<Self> {
        let updated_at = Instant::parse(updated_at)?;
        let [year, month, day, file] = *relative.split('/').collect::<Vec<_>>() else {
            return None;
        };
        let day = Day::from_folders(year, month, day)?;
        let record_id = object_name::record_id(file).to_owned();
        Some(Self { updated_at, record_id, day, file: file.to_owned() })
    }
}
