//! Cron lines as a whole: what is refused, which lines mean the same, and when they are due by data found elsewhere.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

/// The line, a start, the five instants after it, and how they were found.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/schedules/cron.tsv");

/// `line | text`.
const REFUSED: &str = "
    nada | is invalid: minute, hour, day of month, month, day of week and, optionally, a time zone are expected, and it has 1 part
    0 0 * * | is invalid: minute, hour, day of month, month, day of week and, optionally, a time zone are expected, and it has 4 parts
    0 0 0 * * * UTC | is invalid: minute, hour, day of month, month, day of week and, optionally, a time zone are expected, and it has 7 parts
    every day at noon | is invalid: minute, hour, day of month, month, day of week and, optionally, a time zone are expected, and it has 4 parts
    @reboot | is invalid: `@reboot` is not one of @hourly, @daily, @midnight, @weekly, @monthly and @yearly
    @annually | is invalid: `@annually` is not one of @hourly, @daily, @midnight, @weekly, @monthly and @yearly
    @Daily | is invalid: `@Daily` is not one of @hourly, @daily, @midnight, @weekly, @monthly and @yearly
    @ | is invalid: `@` is not one of @hourly, @daily, @midnight, @weekly, @monthly and @yearly
    0 0 0 * * * | is invalid: a field for seconds is not supported
    0 0 0 * * MON-FRI | is invalid: a field for seconds is not supported
    0 ~ * * * | is invalid: `~` is not supported
    0 0 * * 1~5 | is invalid: `~` is not supported
    0 0 * * * Mars/Base | is invalid: `Mars/Base` is not a time zone; a name such as `Europe/Berlin` or an offset between -11:45 and +11:45 such as `+09:00` is
    @daily Z | is invalid: `Z` is not a time zone; a name such as `Europe/Berlin` or an offset between -11:45 and +11:45 such as `+09:00` is
    60 0 * * * | is invalid: `60` in the minute is not a number from 0 to 59
    -5 0 * * * | is invalid: `-5` in the minute is not a number from 0 to 59
    000 0 * * * | is invalid: `000` in the minute is not a number from 0 to 59
    +5 0 * * * | is invalid: `+5` in the minute is not a number from 0 to 59
    ５ 0 * * * | is invalid: `５` in the minute is not a number from 0 to 59
    , 0 * * * | is invalid: `,` in the minute is not a number from 0 to 59
    5- 0 * * * | is invalid: `5-` in the minute is not a range with an end
    é-5 0 * * * | is invalid: `é` in the minute is not a number from 0 to 59
    0& 0 * * * | is invalid: `0&` in the minute is not a number from 0 to 59
    0 25 * * * | is invalid: `25` in the hour is not a number from 0 to 23
    0 1-2-3 * * * | is invalid: `2-3` in the hour is not a number from 0 to 23
    0 *-5 * * * | is invalid: `*` in the hour is not a number from 0 to 23
    0 0 0 * * | is invalid: `0` in the day of month is not a number from 1 to 31, one from -1 to -31, or `L`
    0 0 32 * * | is invalid: `32` in the day of month is not a number from 1 to 31, one from -1 to -31, or `L`
    0 0 -32 * * | is invalid: `-32` in the day of month is not a number from 1 to 31, one from -1 to -31, or `L`
    0 0 -L * * | is invalid: `-L` in the day of month is not a number from 1 to 31, one from -1 to -31, or `L`
    0 0 L-3 * * | is invalid: `L-3` in the day of month is not counted from one end of the month
    0 0 -3-5 * * | is invalid: `-3-5` in the day of month is not counted from one end of the month
    0 0 L/2 * * | is invalid: `L/2` in the day of month is not counted from one end of the month
    0 0 1W * * | is invalid: `1W` in the day of month is not a number from 1 to 31, one from -1 to -31, or `L`
    0 0 ? * * | is invalid: `?` in the day of month is not a number from 1 to 31, one from -1 to -31, or `L`
    0 0 & * * | is invalid: `` in the day of month is not a number from 1 to 31, one from -1 to -31, or `L`
    0 0 * 0 * | is invalid: `0` in the month is not a number from 1 to 12 or a name such as `JAN`
    0 0 * 1-13 * | is invalid: `13` in the month is not a number from 1 to 12 or a name such as `JAN`
    0 0 * january * | is invalid: `january` in the month is not a number from 1 to 12 or a name such as `JAN`
    0 0 * * 8 | is invalid: `8` in the day of week is not a number from 0 to 7 or a name such as `MON`
    0 0 * * 01 | is invalid: `01` in the day of week is not a number from 0 to 7 or a name such as `MON`
    0 0 * * Monday | is invalid: `Monday` in the day of week is not a number from 0 to 7 or a name such as `MON`
    0 0 * * 5L | is invalid: `5L` in the day of week is not a number from 0 to 7 or a name such as `MON`
    0 0 * * 1-3#2 | is invalid: `1-3` in the day of week is not a number from 0 to 7 or a name such as `MON`
    0 0 * * *%2 | is invalid: `*` in the day of week is not a number from 0 to 7 or a name such as `MON`
    0 0 * * MON#0 | is invalid: `MON#0` in the day of week is not a day with `#1` to `#5`, `#-1` to `#-5` or `#L` behind it
    0 0 * * MON#6 | is invalid: `MON#6` in the day of week is not a day with `#1` to `#5`, `#-1` to `#-5` or `#L` behind it
    0 0 * * MON#1%2 | is invalid: `MON#1%2` in the day of week is not a day with `#1` to `#5`, `#-1` to `#-5` or `#L` behind it
    0 0 * * 0%0 | is invalid: `0%0` in the day of week is not a day with `%2`, or `%2+1`, behind it
    0 0 * * 0% | is invalid: `0%` in the day of week is not a day with `%2`, or `%2+1`, behind it
    0 0 * * 0%2-1 | is invalid: `0%2-1` in the day of week is not a day with `%2`, or `%2+1`, behind it
    0 0 * * 0%2+ | is invalid: `0%2+` in the day of week is not a day with `%2`, or `%2+1`, behind it
    0 0 * * 0%99999999999 | is invalid: `0%99999999999` in the day of week is not a day with `%2`, or `%2+1`, behind it
    */0 * * * * | is invalid: `*/0` in the minute is not stepped by a number from 1 to 99
    */100 * * * * | is invalid: `*/100` in the minute is not stepped by a number from 1 to 99
    */-1 * * * * | is invalid: `*/-1` in the minute is not stepped by a number from 1 to 99
    */ * * * * | is invalid: `*/` in the minute is not stepped by a number from 1 to 99
    1/2/3 * * * * | is invalid: `1/2/3` in the minute is not stepped by a number from 1 to 99
    0 0 * * */0 | is invalid: `*/0` in the day of week is not stepped by a number from 1 to 99
    0 0 30 2 * | is invalid: it never comes due
    0 0 30 2 MON | is invalid: it never comes due
    0 0 31 4,6,9,11 * | is invalid: it never comes due
    0 0 -31 2 * | is invalid: it never comes due
    0 0 * * 1%4000000000 | is invalid: it never comes due
    0 0 -31& 4 MON | is invalid: it never comes due
    0 0 1& * MON#2 | is invalid: it never comes due
    30 2 * 3 SUN#2 America/New_York | is invalid: it never comes due
    * * * * * | is too frequent: intervals under 10 minutes are not supported
    */9 * * * * | is too frequent: intervals under 10 minutes are not supported
    */11 * * * * | is too frequent: intervals under 10 minutes are not supported
    * 0 * * * | is too frequent: intervals under 10 minutes are not supported
    0,9 3 1 1 * | is too frequent: intervals under 10 minutes are not supported
    0,55 3-4 * * * | is too frequent: intervals under 10 minutes are not supported
    0,55 0,23 * * * | is too frequent: intervals under 10 minutes are not supported
    0,55 0,23 * * SAT,SUN | is too frequent: intervals under 10 minutes are not supported
    0,55 0,23 1,L * * | is too frequent: intervals under 10 minutes are not supported
    0,55 0,23 28,29 2 * | is too frequent: intervals under 10 minutes are not supported
    0,55 0,23 8 * MON#1 | is too frequent: intervals under 10 minutes are not supported
";

/// `line = line`, mostly from Fugit's tests, which print a line in full.
const SAME: &str = "
    @hourly = 0 * * * *
    @daily = 0 0 * * *
    @midnight = 0 0 * * *
    @weekly = 0 0 * * 0
    @monthly = 0 0 1 * *
    @yearly = 0 0 1 1 *
    00 00 01 01 * = 0 0 1 1 *
    0 22 * * 7 = 0 22 * * 0
    0 23 * * 7-1 = 0 23 * * 0,1
    0 23 * * sat-mon = 0 23 * * 0,1,6
    0 22 * * 5-1 = 0 22 * * 0,1,5,6
    0 0 * * sun,Sun,0,7 = 0 0 * * 0,0,0,0
    0 0 * * sun,2-4 = 0 0 * * 0,2,3,4
    0 0 * * */2 = 0 0 * * 0,2,4,6
    0 0 * * /2 = 0 0 * * 0,2,4,6
    0 0 * * 1-5/2 = 0 0 * * 1,3,5
    0 0 * * 3/2 = 0 0 * * 3
    0 0 * * 5-1/2 = 0 0 * * 5,0
    0 0 * * *,1 = 0 0 * * 1
    0 0 * * mon#L,tue = 0 0 * * 1#-1,2
    0 0 * * mon#last = 0 0 * * 1#-1
    0 0 * * mon%2 = 0 0 * * 1%2+0
    23 0-23/2 * * * = 23 0,2,4,6,8,10,12,14,16,18,20,22 * * *
    14,24 8-12,14-19/2 * * * = 24,14 14,16,18,8,9,10,11,12 * * *
    */15 * * * * = 0,15,30,45 * * * *
    /15 /4 * * * = 0,15,30,45 0,4,8,12,16,20 * * *
    0/15 * * * * = 0,15,30,45 * * * *
    15/30 * * * * = 15,45 * * * *
    15-40/30 * * * * = 15 * * * *
    0 4/12 * * * = 0 4,16 * * *
    0 15/1 * * * = 0 15-23 * * *
    0 7-17/5 * * * = 0 7,12,17 * * *
    1 /1 * * * = 1 * * * *
    1 0-23/1 * * * = 1 * * * *
    0 */27 * * * = 0 0 * * *
    0 */23 * * * = 0 0,23 * * *
    0 0-24 * * * = 0 * * * *
    0 22-24 * * * = 0 22,23,0 * * *
    0 24 * * * = 0 0 * * *
    0 24-24 * * * = 0 0 * * *
    0 24-2 * * * = 0 0,1,2 * * *
    0 24-4/2 * * * = 0 0,1,3 * * *
    0 24/12 * * * = 0 0,11,23 * * *
    0 23-04 * * * = 0 23,0,1,2,3,4 * * *
    50-20/15 * * * * = 5,20,50 * * * *
    5-5 * * * * = 5 * * * *
    0 19 * 11-2 0 = 0 19 * 11,12,1,2 0
    0 19 * Nov-MAR 0 = 0 19 * 11,12,1,2,3 0
    0 19 * Jan-Aug/2 0 = 0 19 * 1,3,5,7 0
    0 23 30-3 * * = 0 23 30,31,1,2,3 * *
    0 0 -7--1/2 * * = 0 0 -7,-5,-3,-1 * *
    0 0 -1--27 * * = 0 0 -31,-30,-29,-28,-27,-1 * *
    0 0 -7-L * * = 0 0 -7,-6,-5,-4,-3,-2,-1 * *
    0 0 25-l * * = 0 0 25,26,27,28,29,30,31 * *
    0 0 29--3 * * = 0 0 29,30,31 * *
    0 0 last * * = 0 0 L * *
    0 0 1-31 * 1 = 0 0 * * 1
    0 0 1-L * 1 = 0 0 * * 1
    0 0 *,5 * 1 = 0 0 * * 1
    0 0 30,31 2,3 * = 0 0 30,31 3 *
    0 0 31 3,4 * = 0 0 31 3 *
    0 0 */2& * 1-5 = 0 0 */2 * 1-5&
    9,,19 * * * * = 9,19 * * * *
    ,,10,,20, * * * * = 10,20 * * * *
    0 0 * * * -0500 = 0 0 * * * -05:00
    0 0 * * * +00:00 = 0 0 * * *
";

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// The rows of a table, trimmed.
fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().map(str::trim).filter(|row| !row.is_empty())
}

fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn good(line: &str) -> Cron {
    Cron::parse(line).unwrap_or_else(|error| panic!("Cronline {error}: {line}"))
}

#[test]
fn lines_are_due_when_the_data_says() {
    // The published package has no tests, and so none of their data.
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    if !std::path::Path::new(tests).exists() {
        return;
    }
    let data = std::fs::read_to_string(DATA).expect("the data");
    let rows: Vec<&str> = data.lines().filter(|row| !row.starts_with('#')).collect();
    for row in &rows {
        let [line, start, expected, _how] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four columns: {row}");
        };
        let cron = good(line);
        let mut now = instant(start);
        let found = [(); 5].map(|()| {
            now = cron.next_after(now).expect("it comes due");
            text(now)
        });
        assert_eq!(found.join(" "), expected, "{line} from {start}");
    }
    assert!(rows.len() > 150, "{} rows", rows.len());
}

#[test]
fn lines_are_refused() {
    for row in rows(REFUSED) {
        let (line, expected) = row.split_once(" | ").expect("two columns");
        let refused = Cron::parse(line).map_err(|error| error.to_string());
        assert_eq!(refused, Err(expected.to_owned()), "{line}");
    }
    for blank in ["", " \t ", "\n"] {
        assert_eq!(Cron::parse(blank), Err(CronError::Blank), "{blank:?}");
    }
}

#[test]
fn ten_minutes_apart_is_not_too_frequent() {
    for line in [
        "*/10 * * * *",
        "*/50 * * * *",
        "0,50 * * * *",
        "5/10 * * * *",
        "9,59 */2 * * *",
        "0,55 */2 * * *",
        "0,55 0,23 * * MON",
        "0,55 0,23 1,15 * *",
        "0,55 0,23 31 1,3,5,7,8,10,12 *",
        "0,50 0,23 * * *",
        "0,55 0,23 * * SUN%2,MON%2+1",
        "0,55 0,23 31 12 MON#1",
    ] {
        good(line);
    }
}

#[test]
fn lines_that_mean_the_same() {
    for row in rows(SAME) {
        let (line, same) = row.split_once(" = ").expect("two columns");
        assert_eq!(good(line), good(same), "{line}");
    }
    let spaced = "  @yearly \t Asia/Kuala_Lumpur \n";
    assert_eq!(good(spaced), good("0 0 1 1 * Asia/Kuala_Lumpur"));
    assert_eq!(good("\t0  0\t* * *\n"), good("@daily"));
}

#[test]
fn the_next_instant_is_later_and_whole() {
    let hourly = good("@hourly");
    for (after, expected) in [
        ("2026-01-01T00:59:59.999999999Z", "2026-01-01T01:00:00Z"),
        ("2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"),
        ("2026-01-01T01:00:00.000000001Z", "2026-01-01T02:00:00Z"),
        ("1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
    ] {
        let next = hourly.next_after(instant(after)).expect("it comes due");
        assert_eq!(text(next), expected, "{after}");
    }
    // Until 1893, clocks in Berlin were 53 minutes and 28 seconds ahead.
    let berlin = good("0 * * * * Europe/Berlin");
    let next = berlin.next_after(instant("1880-01-01T00:00:00Z"));
    assert_eq!(next.map(text).as_deref(), Some("1880-01-01T00:06:32Z"));
}

#[test]
fn the_end_of_time_is_no_reason_to_panic() {
    for line in [
        "@hourly",
        "@yearly",
        "0 0 29& 2 mon",
        "0 0 * * * Pacific/Kiritimati",
        "0 0 * * 1%1000",
    ] {
        let cron = good(line);
        assert_eq!(cron.next_after(DateTime::<Utc>::MAX_UTC), None, "{line}");
        cron.next_after(DateTime::<Utc>::MIN_UTC);
        cron.next_after(DateTime::<Utc>::MAX_UTC - TimeDelta::days(1));
    }
}

#[test]
fn a_year_of_every_ten_minutes() {
    let cron = good("*/10 * * * * Europe/Berlin");
    let mut now = instant("2026-01-01T00:00:00Z");
    let end = now + TimeDelta::days(365);
    let mut count = 0;
    while now < end {
        let next = cron.next_after(now).expect("it comes due");
        assert_eq!(next - now, TimeDelta::minutes(10), "after {now}");
        now = next;
        count += 1;
    }
    assert_eq!(count, 52_560);
}

#[test]
fn a_cron_is_printed_without_the_history_of_its_zone() {
    let printed = format!("{:?}", good("0 0 * * * Europe/Berlin"));
    assert!(printed.contains("Place(Europe/Berlin)"), "{printed}");
    assert!(printed.len() < 500, "{printed}");
}

#[test]
fn random_text_never_panics() {
    const PIECES: &str =
        "0|1|7|24|31|59|99|*|/|-|,|#|%|+|&|~|@daily| | |\t|L|last|mon|JAN|é|Europe/Berlin";
    let pieces: Vec<&str> = PIECES.split('|').collect();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    for _ in 0..20_000 {
        let length = random.random_range(0..14);
        let line: String = (0..length)
            .map(|_| pieces[random.random_range(0..pieces.len())])
            .collect();
        if let Ok(cron) = parse::read(&line) {
            cron.next_after(DateTime::UNIX_EPOCH);
        }
    }
}
