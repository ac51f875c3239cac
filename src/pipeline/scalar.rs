//! What a scalar means: `010` is eight, `yes` is text, `2020-01-01` is a date, and how each is written back.
//!
//! Elsewhere: the document around it (`yaml`). Not modelled: `!!binary`.
//! Source: resolution in gopkg.in/yaml.v3 and formatting in Go's `fmt`, as buildkite/go-pipeline uses them;
//! the tables in the tests were produced by running it.

use std::ops::Range;

use super::node::Value;

/// How a scalar is tagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag<'a> {
    /// Not at all, and unquoted: the text decides.
    Implicit,
    /// `!!name` of the YAML type repository.
    Core(&'a str),
    /// Quoted, or with a tag of somebody's own: text.
    Text,
}

/// The value of a scalar, or why it does not fit its tag.
pub(super) fn resolve(text: &str, tag: Tag<'_>) -> Result<Value, String> {
    let as_text = || Value::String(text.into());
    match tag {
        Tag::Implicit | Tag::Core("timestamp") if is_timestamp(text) => {
            Ok(Value::Timestamp(text.into()))
        }
        Tag::Implicit => Ok(implicit(text).unwrap_or_else(as_text)),
        Tag::Core(wanted @ ("null" | "bool" | "int" | "float" | "timestamp")) => {
            obey(wanted, text, implicit(text).unwrap_or_else(as_text))
        }
        Tag::Core(_) | Tag::Text => Ok(as_text()),
    }
}

fn obey(wanted: &str, text: &str, value: Value) -> Result<Value, String> {
    let found = core_name(&value);
    if found == wanted {
        return Ok(value);
    }
    if let (Value::Int(number), "float") = (&value, wanted) {
        #[expect(clippy::cast_precision_loss, reason = "as Go does")]
        return Ok(Value::Float(*number as f64));
    }
    Err(format!(
        "yaml: cannot decode !!{found} `{text}` as a !!{wanted}"
    ))
}

fn core_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::UInt(_) => "int",
        Value::Float(_) => "float",
        Value::Timestamp(_) => "timestamp",
        Value::String(_) | Value::Template(_) => "str",
        Value::Seq(_) => "seq",
        Value::Map(_) => "map",
    }
}

/// What unquoted text stands for, if for anything but itself and a date.
fn implicit(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Some(Value::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Some(Value::Float(f64::INFINITY));
        }
        "-.inf" | "-.Inf" | "-.INF" => return Some(Value::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    match text.as_bytes().first()? {
        b'.' if underscores_separate_digits(text) => float(&text.replace('_', "")),
        b'0'..=b'9' | b'+' | b'-' => {
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain))
        }
        _ => None,
    }
}

/// After a leading dot an underscore must stand between two digits; elsewhere it may stand anywhere.
fn underscores_separate_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (1..bytes.len()).all(|at| bytes[at] != b'_' || (digit(at - 1) && digit(at + 1)))
}

/// Decimal, `0x`, `0o`, `0b`, and octal by a leading zero alone.
fn integer(plain: &str) -> Option<Value> {
    let (sign, digits) = match plain.as_bytes().first()? {
        sign @ (b'+' | b'-') => (Some(*sign), &plain[1..]),
        _ => (None, plain),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The standard parser would take a second sign.
    if !digits.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        Some(b'-') => 0_i64.checked_sub_unsigned(magnitude).map(Value::Int),
        Some(_) => i64::try_from(magnitude).ok().map(Value::Int),
        None => Some(i64::try_from(magnitude).map_or(Value::UInt(magnitude), Value::Int)),
    }
}

/// A decimal float; one that is too large stays text.
fn float(plain: &str) -> Option<Value> {
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    // Not the names that `parse` has for what is no number or has no end. The rest it knows as well as YAML.
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let number: f64 = plain.parse().ok()?;
    number.is_finite().then_some(Value::Float(number))
}

/// A date, or a date and a time: with `T` and a zone, or with a space and none.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    date_and_time(text).is_some()
}

fn date_and_time(text: &str) -> Option<()> {
    let year: u32 = text.get(..4)?.parse().ok()?;
    let (month, rest) = number(text.get(5..)?)?;
    let (day, rest) = number(rest.strip_prefix('-')?)?;
    if !(1..=12).contains(&month) || day == 0 || day > days(year, month) {
        return None;
    }
    let zoned = match rest.as_bytes().first() {
        None => return Some(()),
        Some(b'T' | b't') => true,
        Some(b' ') => false,
        Some(_) => return None,
    };
    let (hour, rest) = number(&rest[1..])?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let (second, rest) = number(rest.strip_prefix(':')?)?;
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => {
            fraction.trim_start_matches(|c: char| c.is_ascii_digit())
        }
        Some(_) | None => rest,
    };
    (hour < 24 && minute < 60 && second < 60 && zone_fits(rest, zoned)).then_some(())
}

fn zone_fits(rest: &str, zoned: bool) -> bool {
    match (rest.as_bytes(), zoned) {
        ([], false) | ([b'Z'], true) => true,
        ([b'+' | b'-', hours @ .., b':', tens, ones], true) => {
            hours.len() == 2
                && [hours[0], hours[1], *tens, *ones]
                    .iter()
                    .all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// One or two digits, and what follows them.
fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

fn days(year: u32, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Value {
    /// The text of a scalar where a string is wanted, numbers in canonical form and null as nothing.
    /// None for what go-pipeline cannot make a string of.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(number) => Some(number.to_string()),
            Self::Float(number) => Some(shortest(*number, -4..6)),
            Self::String(text) | Self::Template(text) => Some(text.to_string()),
            Self::UInt(_) | Self::Timestamp(_) | Self::Seq(_) | Self::Map(_) => None,
        }
    }

    /// The text of a scalar as a mapping key, where floats are scientific and null has no text.
    pub(super) fn key_text(&self) -> Option<String> {
        match self {
            Self::Float(number) if number.is_finite() => {
                Some(with_two_digit_exponent(&format!("{number:.6e}")))
            }
            Self::UInt(number) => Some(number.to_string()),
            Self::Timestamp(text) => Some(text.to_string()),
            Self::Null | Self::Seq(_) | Self::Map(_) => None,
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::String(_) | Self::Template(_) => {
                self.text()
            }
        }
    }

    /// What go-pipeline calls this type in its errors.
    pub(super) fn go_type(&self) -> &'static str {
        match self {
            Self::Null => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::UInt(_) => "uint64",
            Self::Float(_) => "float64",
            Self::Timestamp(_) => "time.Time",
            Self::String(_) | Self::Template(_) => "string",
            Self::Seq(_) => "[]interface {}",
            Self::Map(_) => "*ordered.Map[string,interface {}]",
        }
    }

    /// The value as Go prints it in an error.
    /// Chosen: a mapping is shown as JSON, because Go prints its address.
    pub(super) fn go_text(&self) -> String {
        match self {
            Self::Null => "<nil>".to_owned(),
            Self::Seq(items) => {
                let items: Vec<String> = items.iter().map(|item| item.value.go_text()).collect();
                format!("[{}]", items.join(" "))
            }
            Self::Map(_) => self.json(),
            Self::UInt(number) => number.to_string(),
            Self::Timestamp(text) => text.to_string(),
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::String(_) | Self::Template(_) => {
                self.text().expect("these have a text")
            }
        }
    }
}

/// The fewest digits that read back as the same number; without an exponent if it is among `plain`.
pub(super) fn shortest(number: f64, plain: Range<i32>) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let exponent: i32 = match scientific.split_once('e') {
        Some((_, exponent)) => exponent.parse().expect("an exponent is a number"),
        None => 0,
    };
    if plain.contains(&exponent) {
        number.to_string()
    } else {
        with_two_digit_exponent(&scientific)
    }
}

fn with_two_digit_exponent(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    match exponent.strip_prefix('-') {
        Some(digits) => format!("{mantissa}e-{digits:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line: a plain scalar, then its text.
    fn check(table: &str) {
        for line in table.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let written = words.next().expect("a scalar");
            let value = resolve(written, Tag::Implicit).expect("a plain scalar has a value");
            let shown = value.text().unwrap_or_else(|| value.go_type().to_owned());
            assert_eq!(shown, words.next().unwrap_or(""), "for `{written}`");
        }
    }

    #[test]
    fn a_plain_scalar_where_a_string_is_wanted() {
        check(
            "
            1.50        1.5
            1e3         1000
            0x1F        31
            0X1F        31
            0o14        12
            0O17        15
            010         8
            0777        511
            -010        -8
            08          8
            -08         -8
            00          0
            0b11        3
            -0b11       -3
            0b2         0b2
            0o8         0o8
            -0x1f       -31
            +0x10       16
            0x          0x
            0x_1        1
            0_7         7
            1_000       1000
            1__0        10
            5_          5
            _1          _1
            -1_0.5      -10.5
            1_2_3.4_5   123.45
            1e_3        1000
            .5_0        0.5
            ._5         ._5
            .           .
            +5          5
            +           +
            -x          -x
            0-1         0-1
            -0          0
            -0.0        -0
            1.          1
            1.e5        100000
            +.5         0.5
            +inf        +inf
            nan         nan
            Infinity    Infinity
            1e          1e
            .e5         .e5
            .1e2        10
            1e5.5       1e5.5
            0x1p4       0x1p4
            21.0        21
            100000.0    100000
            1000000.0   1e+06
            999999.5    999999.5
            123456789.0 1.23456789e+08
            0.0001      0.0001
            0.00001     1e-05
            1e21        1e+21
            1e400       1e400
            0.1e-400    0
            .inf        +Inf
            +.INF       +Inf
            -.Inf       -Inf
            .nan        NaN
            ~
            null
            Null
            ~x          ~x
            True        true
            FALSE       false
            tRUE        tRUE
            yes         yes
            no          no
            on          on
            off         off
            <<          <<
            1:30        1:30
            24:00:00    24:00:00
            9223372036854775807     9223372036854775807
            -9223372036854775808    -9223372036854775808
            -9223372036854775809    -9.223372036854776e+18
            9223372036854775808     uint64
            99999999999999999999999 1e+23
            0xffffffffffffffffff    0xffffffffffffffffff
            2020-01-01                  time.Time
            2020-1-1                    time.Time
            2020-01-01t1:00:00.5Z       time.Time
            2020-01-01T1:1:1+01:00      time.Time
            2020-01-01T10:00:00         2020-01-01T10:00:00
            2020-01-01T23:59:60Z        2020-01-01T23:59:60Z
            2020-01-01T00:00:00Z_       2020-01-01T00:00:00Z_
            2020-13-01                  2020-13-01
            2020-02-30                  2020-02-30
            2000-02-29                  time.Time
            1900-02-29                  1900-02-29
            2020-001-1                  2020-001-1
            2020-1-1x                   2020-1-1x
            20-01-01                    20-01-01
            ",
        );
    }

    #[test]
    fn a_space_separated_time_has_no_zone() {
        for (text, is_time) in [
            ("2020-01-01 10:00:00", true),
            ("2020-01-01 1:1:1.5", true),
            ("2020-01-01 10:00:00 +1", false),
            ("2020-01-01 10:00:00Z", false),
            ("2020-01-01 24:00:00", false),
        ] {
            assert_eq!(is_timestamp(text), is_time, "{text}");
        }
    }

    #[test]
    fn a_tag_is_obeyed_or_refused() {
        let refused = |kind, text, wanted| {
            Err(format!(
                "yaml: cannot decode !!{kind} `{text}` as a !!{wanted}"
            ))
        };
        for (tag, text, expected) in [
            ("str", "5", Ok(Value::String("5".into()))),
            ("str", "2020-01-01", Ok(Value::String("2020-01-01".into()))),
            ("int", "5", Ok(Value::Int(5))),
            ("float", "5", Ok(Value::Float(5.0))),
            ("bool", "true", Ok(Value::Bool(true))),
            ("null", "", Ok(Value::Null)),
            ("set", "5", Ok(Value::String("5".into()))),
            (
                "timestamp",
                "2020-01-01",
                Ok(Value::Timestamp("2020-01-01".into())),
            ),
            ("int", "foo", refused("str", "foo", "int")),
            ("int", "5.5", refused("float", "5.5", "int")),
            ("bool", "yes", refused("str", "yes", "bool")),
            ("bool", "5", refused("int", "5", "bool")),
            ("null", "x", refused("str", "x", "null")),
            ("timestamp", "foo", refused("str", "foo", "timestamp")),
        ] {
            assert_eq!(resolve(text, Tag::Core(tag)), expected, "!!{tag} {text}");
        }
        assert_eq!(resolve("5", Tag::Text), Ok(Value::String("5".into())));
    }

    #[test]
    fn a_key_is_canonical() {
        for (written, key) in [
            ("1.5", Some("1.500000e+00")),
            ("1e3", Some("1.000000e+03")),
            ("08", Some("8.000000e+00")),
            ("-0.5", Some("-5.000000e-01")),
            ("123456789.125", Some("1.234568e+08")),
            ("0x10", Some("16")),
            ("9223372036854775808", Some("9223372036854775808")),
            ("99999999999999999999", Some("1.000000e+20")),
            (".inf", Some("+Inf")),
            (".nan", Some("NaN")),
            ("True", Some("true")),
            ("2020-01-01", Some("2020-01-01")),
            ("yes", Some("yes")),
            ("~", None),
        ] {
            let value = resolve(written, Tag::Implicit).expect("plain");
            assert_eq!(value.key_text().as_deref(), key, "{written}");
        }
    }
}
