//! Text that is safe in HTML and in XML, wherever it came from.

use std::fmt::{self, Write as _};

/// What `markup::text` makes of a text: `Display` writes it escaped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t>(&'t str);

/// A text for the inside of an element, or of an attribute in double quotes.
///
/// `<`, `>`, `&` and both quotes become references. Control characters, which XML cannot hold in any form, become their
/// pictures (`␛`), and what is no character U+FFFD. Line ends and tabs stay.
pub(super) fn text(text: &str) -> Text<'_> {
    Text(text)
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                '\0'..='\u{1f}' => {
                    let picture = char::from_u32(0x2400 + u32::from(c));
                    f.write_char(picture.expect("control pictures are characters"))?;
                }
                '\u{7f}' => f.write_char('␡')?,
                // Legal, and invisible: a name must not turn around what stands behind it.
                '\u{80}'..='\u{9f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{fffe}'
                | '\u{ffff}' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The beginning of a text, with an ellipsis if that is not all: at most so many places wide, where most characters
/// take one and those of eastern scripts and emoji two.
pub(super) fn shortened(text: &str, places: usize) -> String {
    let width = |c: char| if c < '\u{1100}' { 1 } else { 2 };
    if text.chars().map(width).sum::<usize>() <= places {
        return text.to_owned();
    }
    let mut left = places.saturating_sub(1);
    let fits = |c: &char| {
        let place = left.checked_sub(width(*c));
        left = place.unwrap_or(0);
        place.is_some()
    };
    let beginning: String = text.chars().take_while(fits).collect();
    format!("{}…", beginning.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        let table = [
            ("a < b && c", "a &lt; b &amp;&amp; c"),
            (
                "<script>alert('x')</script>",
                "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;",
            ),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("]]>", "]]&gt;"),
            ("a\tb\nc\rd\u{1b}e\0f\u{7f}", "a\tb\nc␍d␛e␀f␡"),
            ("a\u{202e}b\u{ffff}c\u{85}", "a\u{fffd}b\u{fffd}c\u{fffd}"),
            ("größe 🚀", "größe 🚀"),
        ];
        for (given, expected) in table {
            assert_eq!(text(given).to_string(), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_where_it_no_longer_fits() {
        let table = [
            ("exactly", 7, "exactly"),
            ("one too many", 11, "one too ma…"),
            ("ends in  spaces", 9, "ends in…"),
            ("建置與測試", 10, "建置與測試"),
            ("建置與測試", 9, "建置與測…"),
            ("建置與測試", 8, "建置與…"),
        ];
        for (given, places, expected) in table {
            assert_eq!(shortened(given, places), expected);
        }
    }
}
