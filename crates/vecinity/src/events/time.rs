//! Times as people write them, to milliseconds since 1970.

/// Units of plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds since 1970, or any other rising count: order is all that matters then.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
    /// Dates in words of ISO 8601.
    Iso,
}

impl Unit {
    /// The unit a number must be in, if it is a time between 1973 and 2286; small numbers are taken for seconds.
    #[must_use]
    pub fn of(number: i64) -> Self {
        match number.unsigned_abs() {
            0..100_000_000_000 => Self::Seconds,
            100_000_000_000..100_000_000_000_000 => Self::Milliseconds,
            100_000_000_000_000..100_000_000_000_000_000 => Self::Microseconds,
            _ => Self::Nanoseconds,
        }
    }

    /// A name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "epoch s",
            Self::Milliseconds => "epoch ms",
            Self::Microseconds => "epoch us",
            Self::Nanoseconds => "epoch ns",
            Self::Iso => "ISO 8601",
        }
    }
}

/// A number in the unit that its size tells, in milliseconds.
#[must_use]
pub(super) fn from_number(number: i64) -> i64 {
    match Unit::of(number) {
        Unit::Seconds | Unit::Iso => number.saturating_mul(1000),
        Unit::Milliseconds => number,
        Unit::Microseconds => number / 1000,
        Unit::Nanoseconds => number / 1_000_000,
    }
}

/// A time as people write it, in milliseconds since 1970: a number (see [`Unit::of`]) or a date of ISO 8601; `None` if it is
/// neither.
///
/// # Example
/// ```
/// use vecinity::events::milliseconds;
/// assert_eq!(milliseconds("2026-11-23T07:30:00Z"), milliseconds("1795419000"));
/// assert_eq!(milliseconds("yesterday"), None);
/// ```
#[must_use]
pub fn milliseconds(text: &str) -> Option<i64> {
    parse(text.as_bytes()).map(|(time, _)| time)
}

/// A time in milliseconds: a number (see [`Unit::of`]), or a date such as `2026-11-23`,
/// `2026-11-23 07:30`, `2026-11-23T07:30:00.25Z`, `2026-11-23T07:30:00+02:00`, `23/11/2026 07:30` is none.
#[must_use]
pub(super) fn parse(text: &[u8]) -> Option<(i64, Unit)> {
    let text = text.trim_ascii();
    if let Some(number) = integer(text) {
        return Some((from_number(number), Unit::of(number)));
    }
    if let [number @ .., b'm'] = text {
        return integer(number).map(|time| (time, Unit::Milliseconds));
    }
    if text.len() >= 10 && text[4] == b'-' {
        return iso(text).map(|time| (time, Unit::Iso));
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if !number.is_finite() || number.abs() >= 9e18 {
        return None;
    }
    let unit = Unit::of(number as i64);
    let time = if unit == Unit::Seconds { (number * 1000.0) as i64 } else { from_number(number as i64) };
    Some((time, unit))
}

/// Milliseconds since 1970, written so that [`parse`] cannot take them for seconds: `1795419000000m`.
#[cfg(feature = "parquet")]
pub(super) struct Exact(pub(super) i64);

#[cfg(feature = "parquet")]
impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}m", self.0)
    }
}

/// A plain decimal integer; `None` for anything else or an overflow.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0i64;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

/// A date and perhaps a time of day, in UTC if no offset is given.
fn iso(text: &[u8]) -> Option<i64> {
    let number = |from: usize, to: usize| integer(text.get(from..to)?).filter(|&n| n >= 0);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if text[7] != b'-' || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut milliseconds = days(year, month, day) * 86_400_000;
    let mut rest = &text[10..];
    if rest.is_empty() {
        return Some(milliseconds);
    }
    if !matches!(rest[0], b'T' | b' ' | b't') {
        return None;
    }
    let (hour, minute) = (number(11, 13)?, number(14, 16)?);
    if text[13] != b':' || hour > 24 || minute > 59 {
        return None;
    }
    milliseconds += (hour * 60 + minute) * 60_000;
    rest = &text[16..];
    if let [b':', tens, ones, more @ ..] = rest {
        let second = integer(&[*tens, *ones]).filter(|&s| (0..=60).contains(&s))?;
        milliseconds += second * 1000;
        rest = more;
        if let [b'.' | b',', fraction @ ..] = rest {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            let mut scale = 100;
            for digit in &fraction[..digits] {
                milliseconds += i64::from(digit - b'0') * scale;
                scale /= 10;
            }
            rest = &fraction[digits..];
        }
    }
    match rest.trim_ascii() {
        b"" | b"Z" | b"z" | b"UTC" => Some(milliseconds),
        [sign @ (b'+' | b'-'), offset @ ..] => {
            let two = |at: usize| integer(offset.get(at..at + 2)?).filter(|&n| n >= 0);
            let minutes = match offset.len() {
                2 => two(0)? * 60,
                4 => two(0)? * 60 + two(2)?,
                5 if offset[2] == b':' => two(0)? * 60 + two(3)?,
                _ => return None,
            };
            Some(if *sign == b'+' { milliseconds - minutes * 60_000 } else { milliseconds + minutes * 60_000 })
        }
        _ => None,
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar (Howard Hinnant, "chrono-compatible date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_instant_gives_the_same_one() {
        // 2026-11-23T07:30:00Z is 1,795,419,000 s after 1970 (GNU date).
        let expected = 1_795_419_000_000;
        for text in [
            "1795419000",
            "1795419000.0",
            "1795419000000",
            "1795419000000000",
            "1795419000000000000",
            "2026-11-23T07:30:00Z",
            "2026-11-23 07:30",
            " 2026-11-23T07:30:00.000 ",
            "2026-11-23T09:30:00+02:00",
            "2026-11-23T02:00:00-0530",
            "2026-11-23 07:30:00 UTC",
        ] {
            assert_eq!(parse(text.as_bytes()).map(|t| t.0), Some(expected), "{text}");
        }
        assert_eq!(parse(b"2026-11-23T07:30:00.25Z").unwrap().0, expected + 250);
        assert_eq!(parse(b"1970-01-01"), Some((0, Unit::Iso)));
        assert_eq!(parse(b"1969-12-31"), Some((-86_400_000, Unit::Iso)));
        assert_eq!(parse(b"2000-02-29").unwrap().0, 951_782_400_000);
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "x", "NaN", "inf", "1e400", "2026-13-01", "2026-11-23X", "2026-11-23T7:30", "23/11/2026 07:30"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
