//! Escapes in strings.
//!
//! Source: buildkite/conditional at af63d27, internal/shell.

/// Reads the escape that begins with the backslash at `start`: its bytes and where it ends. Between single quotes only
/// a backslash and the quote itself can be escaped; between other quotes and without any, the same escapes are known.
pub(super) fn unescape(
    raw: &str,
    start: usize,
    quote: Option<u8>,
) -> Result<(Vec<u8>, usize), String> {
    let behind = &raw[start + 1..];
    let Some(next) = behind.chars().next() else {
        return Err("unterminated shell string escape".to_owned());
    };
    let end = start + 1 + next.len_utf8();
    let one = |byte: u8| Ok((vec![byte], end));
    if quote == Some(b'\'') {
        let kept = if matches!(next, '\\' | '\'') {
            start + 1
        } else {
            start
        };
        return Ok((raw[kept..end].into(), end));
    }
    match next {
        'n' => one(b'\n'),
        's' => one(b' '),
        'r' => one(b'\r'),
        't' => one(b'\t'),
        'v' => one(0x0b),
        'f' => one(0x0c),
        'b' => one(0x08),
        'a' => one(0x07),
        'e' => one(0x1b),
        'x' => {
            let digits = behind.get(1..3).unwrap_or_default();
            match u8::from_str_radix(digits, 16) {
                // A sign would count as a number.
                Ok(byte) if !digits.starts_with('+') => Ok((vec![byte], end + 2)),
                _ => one(b'x'),
            }
        }
        '0'..='7' => {
            let digits = behind.bytes().take(3);
            let digits = digits.take_while(|byte| matches!(byte, b'0'..=b'7'));
            let digits = &behind[..digits.count()];
            match u8::from_str_radix(digits, 8) {
                Ok(byte) => Ok((vec![byte], start + 1 + digits.len())),
                Err(_) => Err(format!("octal escape out of range: \\{digits}")),
            }
        }
        _ => Ok((raw[start + 1..end].into(), end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_between_double_quotes_and_between_single_ones() {
        for (raw, double, single) in [
            (r"\n", "\n", r"\n"),
            (r"\s", " ", r"\s"),
            (r"\r", "\r", r"\r"),
            (r"\t", "\t", r"\t"),
            (r"\v", "\u{b}", r"\v"),
            (r"\f", "\u{c}", r"\f"),
            (r"\b", "\u{8}", r"\b"),
            (r"\a", "\u{7}", r"\a"),
            (r"\e", "\u{1b}", r"\e"),
            (r"\\", r"\", r"\"),
            (r"\'", "'", "'"),
            (r#"\""#, "\"", r#"\""#),
            (r"\$", "$", r"\$"),
            (r"\q", "q", r"\q"),
            (r"\é", "é", r"\é"),
            (r"\x41", "A", r"\x"),
            (r"\x4", "x", r"\x"),
            (r"\x+1", "x", r"\x"),
            (r"\xé", "x", r"\x"),
            (r"\141b", "a", r"\1"),
            (r"\7", "\u{7}", r"\7"),
            (r"\08", "\u{0}", r"\0"),
        ] {
            for (quote, expected) in [(Some(b'"'), double), (None, double), (Some(b'\''), single)] {
                let (found, end) = unescape(raw, 0, quote).expect("it is fine");
                assert_eq!(found, expected.as_bytes(), "for {raw}");
                assert!(raw.is_char_boundary(end), "for {raw}");
            }
        }
    }

    #[test]
    fn bytes_need_not_be_text() {
        assert_eq!(unescape(r"\xff", 0, None), Ok((vec![0xff], 4)));
        assert_eq!(unescape(r"a\377", 1, None), Ok((vec![0xff], 5)));
    }

    #[test]
    fn escapes_that_are_none() {
        let unterminated = Err("unterminated shell string escape".to_owned());
        for quote in [None, Some(b'\'')] {
            assert_eq!(unescape(r"\", 0, quote), unterminated);
        }
        let out_of_range = Err(r"octal escape out of range: \400".to_owned());
        assert_eq!(unescape(r"\400", 0, None), out_of_range);
    }
}
