//! A log as a page fragment: what a terminal would show of it, with classes for colours.
//!
//! Classes and escaping are those of buildkite/terminal-to-html, which is what Buildkite shows logs with. No crate writes
//! these classes, and none that reads escape sequences knows that an agent's end with BEL.
//!
//! Not modelled: moves between lines (what would be overwritten there stays), images, links.
//! Source: buildkite/terminal-to-html, README and tests.

use std::fmt::{self, Display, Write};
use std::iter::Peekable;
use std::str::Chars;

/// How far beyond its end a line can be continued: 500 columns.
/// Chosen: it keeps a few bytes from becoming a gigabyte of spaces.
const LEAP: usize = 500;

/// The text in a `pre`.
/// Chosen: the element, because line breaks count; terminal-to-html itself writes only what is inside.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    out.push_str("<pre class=\"term-container\">");
    let mut line = Line::default();
    let mut chars = text.chars().peekable();
    let mut is_first = true;
    while chars.peek().is_some() {
        if !is_first {
            out.push('\n');
        }
        is_first = false;
        line.read(&mut chars);
        line.write(&mut out).expect("a String takes everything");
        line.clear();
    }
    out.push_str("</pre>\n");
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Color {
    #[default]
    Default,
    /// One of the sixteen, by its number in the sequence.
    Named(u16),
    /// One of 256.
    Indexed(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Weight {
    #[default]
    Normal,
    Bold,
    Faint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    text: Color,
    background: Color,
    weight: Weight,
    italic: bool,
    underline: bool,
    strike: bool,
}

/// One line as it stands, and where the next character goes. The style outlives the line.
#[derive(Debug, Default)]
struct Line {
    cells: Vec<(char, Style)>,
    column: usize,
    style: Style,
}

const BLANK: (char, Style) = (
    ' ',
    Style {
        text: Color::Default,
        background: Color::Default,
        weight: Weight::Normal,
        italic: false,
        underline: false,
        strike: false,
    },
);

impl Line {
    fn clear(&mut self) {
        self.cells.clear();
        self.column = 0;
    }

    /// Up to the end of the line, which is taken and not kept.
    fn read(&mut self, chars: &mut Peekable<Chars<'_>>) {
        while let Some(c) = chars.next() {
            match c {
                '\n' => return,
                '\u{1b}' => self.escape(chars),
                c => self.put(c),
            }
        }
    }

    fn put(&mut self, c: char) {
        match c {
            '\r' => self.column = 0,
            '\u{8}' => self.column = self.column.saturating_sub(1),
            c if c.is_control() && c != '\t' => {}
            c => {
                if self.cells.len() <= self.column {
                    self.cells.resize(self.column + 1, BLANK);
                }
                self.cells[self.column] = (c, self.style);
                self.column += 1;
            }
        }
    }

    /// A sequence, of which ESC is taken. What is none stays, without it.
    fn escape(&mut self, chars: &mut Peekable<Chars<'_>>) {
        match chars.peek() {
            Some('[') => {
                let mut ahead = chars.clone();
                ahead.next();
                let mut parameters = String::new();
                while let Some(c) = ahead.next_if(|c| ('0'..='?').contains(c)) {
                    parameters.push(c);
                }
                if let Some(last) = ahead.next_if(|c| ('@'..='~').contains(c)) {
                    *chars = ahead;
                    self.control(&parameters, last);
                }
            }
            // Strings, a time stamp among them: to BEL or to `ESC \`, and on one line.
            Some('_' | ']' | 'P' | '^') => {
                let mut ahead = chars.clone();
                while ahead
                    .next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n'))
                    .is_some()
                {}
                let end = ahead.next();
                let is_ended =
                    end == Some('\u{7}') || end == Some('\u{1b}') && ahead.next() == Some('\\');
                if is_ended {
                    *chars = ahead;
                }
            }
            Some('7' | '8' | '=' | '>' | 'c' | 'M') => {
                chars.next();
            }
            Some(_) | None => {}
        }
    }

    fn control(&mut self, parameters: &str, last: char) {
        let first = parameters.split(';').next().unwrap_or_default();
        let count = || first.parse().unwrap_or(1).max(1);
        let limit = self.cells.len() + LEAP;
        match last {
            'm' => self.style = self.style.after(parameters),
            'C' => self.column = self.column.saturating_add(count()).min(limit),
            'D' => self.column = self.column.saturating_sub(count()),
            'G' => self.column = (count() - 1).min(limit),
            'K' => match first {
                "1" | "2" => {
                    let end = match first {
                        "1" => self.cells.len().min(self.column + 1),
                        _ => self.cells.len(),
                    };
                    self.cells[..end].fill(BLANK);
                }
                _ => self.cells.truncate(self.column),
            },
            _ => {}
        }
    }

    fn write(&mut self, out: &mut String) -> fmt::Result {
        while self.cells.last().is_some_and(|cell| *cell == BLANK) {
            self.cells.pop();
        }
        if self.cells.is_empty() {
            return out.write_str("&nbsp;");
        }
        let mut current = Style::default();
        for (c, style) in &self.cells {
            if *style != current {
                if current != Style::default() {
                    out.write_str("</span>")?;
                }
                if *style != Style::default() {
                    write!(out, "<span class=\"{style}\">")?;
                }
                current = *style;
            }
            match c {
                '&' => out.write_str("&amp;")?,
                '\'' => out.write_str("&#39;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '/' => out.write_str("&#47;")?,
                c => out.write_char(*c)?,
            }
        }
        if current != Style::default() {
            out.write_str("</span>")?;
        }
        Ok(())
    }
}

impl Style {
    /// The style after a sequence with these parameters.
    fn after(mut self, parameters: &str) -> Self {
        let mut numbers = parameters.split(';');
        while let Some(number) = numbers.next() {
            // An empty parameter is 0; what is no number is nothing.
            let number = if number.is_empty() {
                Ok(0)
            } else {
                number.parse()
            };
            match number {
                Ok(0) => self = Self::default(),
                Ok(1) => self.weight = Weight::Bold,
                Ok(2) => self.weight = Weight::Faint,
                Ok(3) => self.italic = true,
                Ok(4) => self.underline = true,
                Ok(9) => self.strike = true,
                Ok(21 | 22) => self.weight = Weight::Normal,
                Ok(23) => self.italic = false,
                Ok(24) => self.underline = false,
                Ok(29) => self.strike = false,
                Ok(39) => self.text = Color::Default,
                Ok(49) => self.background = Color::Default,
                Ok(which @ (38 | 48)) => {
                    let color = match numbers.next() {
                        Some("5") => numbers.next().and_then(|index| index.parse::<u8>().ok()),
                        Some("2") => {
                            // There is no class for a colour by its parts.
                            numbers.by_ref().take(3).for_each(drop);
                            None
                        }
                        Some(_) | None => None,
                    };
                    let color = color.map(|index| Color::Indexed(index.into()));
                    match (color, which) {
                        (Some(color), 38) => self.text = color,
                        (Some(color), _) => self.background = color,
                        (None, _) => {}
                    }
                }
                Ok(color @ (30..=37 | 90..=97)) => self.text = Color::Named(color),
                Ok(color @ (40..=47 | 100..=107)) => self.background = Color::Named(color),
                Ok(_) | Err(_) => {}
            }
        }
        self
    }
}

/// The classes of a style, none for the default.
impl Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        let mut class = |class: &dyn Display| {
            write!(f, "{gap}term-{class}")?;
            gap = " ";
            Ok(())
        };
        match self.text {
            Color::Default => {}
            Color::Named(color @ ..=37) => class(&format_args!("fg{color}"))?,
            Color::Named(color) => class(&format_args!("fgi{color}"))?,
            Color::Indexed(color) => class(&format_args!("fgx{color}"))?,
        }
        match self.background {
            Color::Default => {}
            Color::Named(color @ ..=47) => class(&format_args!("bg{color}"))?,
            Color::Named(color) => class(&format_args!("bgi{color}"))?,
            Color::Indexed(color) => class(&format_args!("bgx{color}"))?,
        }
        match self.weight {
            Weight::Normal => {}
            Weight::Bold => class(&"fg1")?,
            Weight::Faint => class(&"fg2")?,
        }
        let others = [(self.italic, 3), (self.underline, 4), (self.strike, 9)];
        for (_, number) in others.into_iter().filter(|(is_set, _)| *is_set) {
            class(&format_args!("fg{number}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_as_terminal_to_html_shows_them() {
        let table = [
            ("", ""),
            ("hello\n", "hello"),
            ("hello\r\n\r\nfriend", "hello\n&nbsp;\nfriend"),
            ("he\u{1b}[32mllo", r#"he<span class="term-fg32">llo</span>"#),
            ("€€€\u{8}\u{8}aa", "€aa"),
            ("hi\u{8}\u{8}\u{8}\u{8}bye", "bye"),
            (
                "\u{1b}[36mcolor\u{1b}[39mnormal",
                r#"<span class="term-fg36">color</span>normal"#,
            ),
            ("hello\rb", "bello"),
            (
                "\u{1b}[32mhello\n\nfriend\u{1b}[0m",
                "<span class=\"term-fg32\">hello</span>\n&nbsp;\n<span class=\"term-fg32\">friend</span>",
            ),
            ("this is\u{1b}[4Cgood", "this is    good"),
            ("this is good\u{1b}[4Dbad ", "this is bad"),
            ("hello\u{1b}[1Kfriend!", "     friend!"),
            ("hello friend\u{1b}[2K!", "            !"),
            ("hello friend\u{1b}[Gbye\u{1b}[K!", "bye!"),
            ("0% (0/2)\u{1b}[K\r1% (1/2)", "1% (1&#47;2)"),
            (
                "\u{1b}[33mhello\u{1b}[0m\u{1b}[33m\u{1b}[44m\u{1b}[0Ggoodbye",
                r#"<span class="term-fg33 term-bg44">goodbye</span>"#,
            ),
            ("hello \u{1b}[0mfriend", "hello friend"),
            (
                "\u{1b}[90m.\u{1b}[90m.\u{1b}[0m",
                r#"<span class="term-fgi90">..</span>"#,
            ),
            (
                "\u{1b}[101;97m!\u{1b}[31m?",
                r#"<span class="term-fgi97 term-bgi101">!</span><span class="term-fg31 term-bgi101">?</span>"#,
            ),
            (
                "<a href='b'>\"&\"</a>",
                "&lt;a href=&#39;b&#39;&gt;&quot;&amp;&quot;&lt;&#47;a&gt;",
            ),
            ("hello \u{1b}[\"hellomfriend", "hello [&quot;hellomfriend"),
            (
                "\u{1b}[38;5;169mhello\u{1b}[0m \u{1b}[48;5;179mgoodbye",
                r#"<span class="term-fgx169">hello</span> <span class="term-bgx179">goodbye</span>"#,
            ),
            ("\u{1b}[38;2;1;2;3mplain", "plain"),
            ("hi \u{1b}[12 nom", "hi [12 nom"),
            (
                "\u{1b}[0;10;4m\u{1b}[1m\u{1b}[34mgood\u{1b}[0;10m news",
                r#"<span class="term-fg34 term-fg1 term-fg4">good</span> news"#,
            ),
            (
                "\u{1b}[2;3;9ma\u{1b}[22;23mb\u{1b}[29mc",
                r#"<span class="term-fg2 term-fg3 term-fg9">a</span><span class="term-fg9">b</span>c"#,
            ),
            ("\u{1b}_bk;t=123\u{7}a\u{1b}]8;;x\u{1b}\\b\u{7}", "ab"),
            ("\u{1b}_never ended\nb", "_never ended\nb"),
            ("a\u{1b}", "a"),
            ("a\u{1b}\nb\u{0}\u{1b}7", "a\nb"),
        ];
        for (text, expected) in table {
            let expected = format!("<pre class=\"term-container\">{expected}</pre>\n");
            assert_eq!(html(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_leap_is_not_a_gigabyte() {
        let text = "\u{1b}[4000000000C\u{1b}[999999999999999999999999Gx\u{1b}[999999G";
        assert!(html(text).len() < 2 * LEAP + 100);
        let text = "\u{1b}[4000000000Cx".repeat(10);
        assert!(html(&text).len() < 11 * LEAP);
    }
}
