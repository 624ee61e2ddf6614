//! Spans of time as rules write them: `30d`, `12h`, `15m`, `2w`, and `-7d` for the time that has
//! passed.

use std::time::Duration;

use domain::{Day, Instant};

/// The longest span: a hundred years.
const MINUTES_MAX: u64 = 36_525 * 24 * 60;

/// A span ahead of now, or behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    behind: bool,
    length: Duration,
}

impl Span {
    /// Reads a sign where it lies behind, at most five digits, and one of `m`, `h`, `d`, `w`.
    pub fn parse(text: &str) -> Option<Self> {
        let (behind, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (unit, number) = [('m', 1), ('h', 60), ('d', 1440), ('w', 10_080)]
            .into_iter()
            .find_map(|(unit, minutes)| Some((minutes, rest.strip_suffix(unit)?)))?;
        if number.is_empty() || number.len() > 5 || !number.bytes().all(|it| it.is_ascii_digit()) {
            return None;
        }
        let minutes = number.parse::<u64>().ok()? * unit;
        let length = Duration::from_secs(minutes * 60);
        (minutes <= MINUTES_MAX).then_some(Self { behind, length })
    }

    /// A span that is not behind and has a length.
    pub fn parse_positive(text: &str) -> Option<Duration> {
        let span = Self::parse(text)?;
        (!span.behind && span.length > Duration::ZERO).then_some(span.length)
    }

    /// Whether `time` lies before now less this span.
    pub(crate) fn is_older(self, time: Time, now: Instant) -> bool {
        // Whatever is on the day belongs to it: it is old when it has ended.
        let before = |early: Instant, late: Instant| match time {
            Time::At(_) => early < late,
            Time::On(_) => early <= late,
        };
        match self.behind {
            false => before(time.end().after(self.length), now),
            true => before(time.end(), now.after(self.length)),
        }
    }

    /// Whether some of `time` lies between now and this span ahead of it, or behind it.
    pub(crate) fn has(self, time: Time, now: Instant) -> bool {
        let ends_after = |end: Instant, early: Instant| match time {
            Time::At(_) => end >= early,
            Time::On(_) => end > early,
        };
        match self.behind {
            false => time.start() <= now.after(self.length) && ends_after(time.end(), now),
            true => time.start() <= now && ends_after(time.end().after(self.length), now),
        }
    }
}

/// What a text says of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// A date and time.
    At(Instant),
    /// A date: the whole day in UTC.
    On(Day),
}

impl Time {
    /// Reads a date, or a date and time with an offset.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Day::parse(text).map(Self::On).or_else(|| Instant::parse(text).map(Self::At))
    }

    fn start(self) -> Instant {
        match self {
            Self::At(instant) => instant,
            Self::On(day) => day.midnight(),
        }
    }

    fn end(self) -> Instant {
        match self {
            Self::At(instant) => instant,
            Self::On(day) => day.midnight().after(Duration::from_secs(86_400)),
        }
    }
}
