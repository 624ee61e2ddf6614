//! A point in time, UTC, as records and names spell it.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};

/// A point in time with nanosecond resolution, always UTC.
///
/// Equality and order are those of the instant: `10:00Z` equals `12:00+02:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(DateTime<Utc>);

/// As headers name them.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Instant {
    /// Reads an RFC 3339 date and time; `None` for anything else, a bare date included, and for
    /// what is in no year from 0000 to 9999 in UTC: RFC 3339 cannot write that down again.
    pub fn parse(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
        (0..=9999).contains(&time.year()).then_some(Self(time))
    }

    /// Reads the header `Date` of an answer in the form that senders have to use: `Sun, 06 Nov 1994
    /// 08:49:37 GMT`. (RFC 9110, section 5.6.7.)
    pub fn parse_http(text: &str) -> Option<Self> {
        let [_, day, month, year, time, "GMT"] = text.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        let month = MONTHS.iter().position(|known| *known == month)? + 1;
        Self::parse(&format!("{year}-{month:02}-{day}T{time}Z"))
    }

    /// The instant `millis` milliseconds after 1970-01-01T00:00:00Z.
    /// Saturates at the ends of what the calendar can express.
    pub fn from_unix_millis(millis: i64) -> Self {
        Self(DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// The instant `micros` microseconds after 1970-01-01T00:00:00Z, saturating like
    /// [`Instant::from_unix_millis`].
    pub fn from_unix_micros(micros: i64) -> Self {
        Self(DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    pub fn unix_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// This instant and `delay`, saturating at the end of the calendar.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        let delay = TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
        Self(self.0.checked_add_signed(delay).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// RFC 3339 with exactly three decimals, the form in which we write time.
    pub fn to_millis_text(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// RFC 3339 with exactly six decimals, the form in which notifications write time.
    pub fn to_micros_text(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    /// What [`Instant::parse_http`] reads, to the second.
    pub fn to_http_text(self) -> String {
        self.0.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// The calendar day in UTC.
    pub fn day(self) -> Day {
        Day(self.0.date_naive())
    }

    /// The hour in UTC as `yyyy-mm-ddThh`.
    pub fn hour_text(self) -> String {
        self.0.format("%Y-%m-%dT%H").to_string()
    }
}

/// RFC 3339 in UTC with as many decimals as the value has: nothing is lost.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// A calendar day in UTC, between the years 0000 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(NaiveDate);

impl Day {
    /// The day that the three folders `yyyy`, `mm`, `dd` of a history record name.
    pub fn from_folders(year: &str, month: &str, day: &str) -> Option<Self> {
        let number = |text: &str, digits: usize| {
            let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| text.parse::<u32>().ok()).flatten()
        };
        let year = i32::try_from(number(year, 4)?).ok()?;
        NaiveDate::from_ymd_opt(year, number(month, 2)?, number(day, 2)?).map(Self)
    }

    /// Reads `yyyy-mm-dd`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        Self::from_folders(parts.next()?, parts.next()?, parts.next()?)
    }

    /// The day before, or the same day at the beginning of the calendar.
    #[must_use]
    pub fn before(self) -> Self {
        let before = self.0.checked_sub_days(Days::new(1));
        Self(before.filter(|day| *day >= NaiveDate::MIN).unwrap_or(self.0))
    }

    /// The instant at which this day begins.
    pub fn midnight(self) -> Instant {
        Instant(self.0.and_time(NaiveTime::MIN).and_utc())
    }

    /// The folders of this day: `yyyy/mm/dd`.
    pub fn folders(self) -> String {
        self.0.format("%Y/%m/%d").to_string()
    }
}

/// `yyyy-mm-dd`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}
