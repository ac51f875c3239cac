//! Markdown as HTML, the way annotations are shown.
//!
//! Chosen: HTML in it is escaped, all of it. Buildkite lets some elements through and takes others out, by a list that
//! is not published; and nothing that a test's data says may run in the browser of whoever looks at the page.
//! Not modelled: emoji by name (`:rocket:` stays as it is), embedded terminal output.

#![expect(clippy::wildcard_enum_match_arm, reason = "the parser's own enum")]

use std::borrow::Cow;

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Schemes that a link may have; without one it leads to somewhere near.
const SCHEMES: &[&str] = &["http", "https", "mailto", "artifact"];

/// As `body_html` has it: block elements, and a newline at the end.
pub(crate) fn for_api(markdown: &str) -> String {
    let events = events(markdown).map(|event| match event {
        Event::Start(Tag::Image {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Image {
            link_type,
            dest_url: harmless(dest_url),
            title,
            id,
        }),
        event => event,
    });
    write(events, markdown.len())
}

/// For a page of the fake's own, which loads nothing from anywhere and has headings of its own: pictures are their
/// descriptions, and headings begin at the third level. `artifact` says where the one with a path is, for links to
/// `artifact://` and a path.
pub(crate) fn for_page(markdown: &str, artifact: impl Fn(&str) -> Option<String>) -> String {
    let markdown = legible(markdown);
    let events = events(&markdown).filter_map(|event| match event {
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => {
            let dest_url = match dest_url.strip_prefix("artifact://") {
                Some(path) => artifact(path).unwrap_or_default().into(),
                None => dest_url,
            };
            Some(Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }))
        }
        Event::Start(Tag::Heading {
            level,
            id,
            classes,
            attrs,
        }) => Some(Event::Start(Tag::Heading {
            level: lower(level),
            id,
            classes,
            attrs,
        })),
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(lower(level)))),
        event => Some(event),
    });
    write(events, markdown.len())
}

fn events(markdown: &str) -> impl Iterator<Item = Event<'_>> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    Parser::new_ext(markdown, options).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Link {
            link_type,
            dest_url: harmless(dest_url),
            title,
            id,
        }),
        event => event,
    })
}

fn write<'e>(events: impl Iterator<Item = Event<'e>>, length: usize) -> String {
    let mut out = String::with_capacity(length + length / 2);
    html::push_html(&mut out, events);
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// An address that runs nothing, or none.
fn harmless(url: CowStr<'_>) -> CowStr<'_> {
    let scheme = url
        .split(['/', '?', '#'])
        .next()
        .and_then(|start| start.split_once(':'))
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme {
        Some(scheme) if !SCHEMES.contains(&scheme.as_str()) => CowStr::Borrowed(""),
        Some(_) | None => url,
    }
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

/// Without what is invisible and turns around what stands behind it.
fn legible(text: &str) -> Cow<'_, str> {
    let is_odd = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\r' | '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    if text.contains(is_odd) {
        Cow::Owned(text.replace(is_odd, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_block_elements() {
        let table = [
            ("**You've** run", "<p><strong>You've</strong> run</p>\n"),
            ("# A\n\n- b", "<h1>A</h1>\n<ul>\n<li>b</li>\n</ul>\n"),
            ("~~a~~", "<p><del>a</del></p>\n"),
            (
                "[a](https://a.test/?b&c \"d\")",
                "<p><a href=\"https://a.test/?b&amp;c\" title=\"d\">a</a></p>\n",
            ),
            (
                "![a](artifact://b.png)",
                "<p><img src=\"artifact://b.png\" alt=\"a\" /></p>\n",
            ),
            ("", ""),
        ];
        for (markdown, html) in table {
            assert_eq!(for_api(markdown), html);
        }
    }

    #[test]
    fn nothing_in_it_runs() {
        let table = [
            (
                "<script>alert(1)</script>",
                "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n",
            ),
            (
                "a <img src=x onerror=alert(1)> b",
                "<p>a &lt;img src=x onerror=alert(1)&gt; b</p>\n",
            ),
            ("[a](javascript:alert(1))", "<p><a href=\"\">a</a></p>\n"),
            (
                "[a](JavaScript&colon;alert(1))",
                "<p><a href=\"\">a</a></p>\n",
            ),
            (
                "<data:text/html,a>",
                "<p><a href=\"\">data:text/html,a</a></p>\n",
            ),
            ("[a](b/c:d)", "<p><a href=\"b/c:d\">a</a></p>\n"),
        ];
        for (markdown, html) in table {
            assert_eq!(for_api(markdown), html);
            assert_eq!(for_page(markdown, |_| None), html);
        }
    }

    #[test]
    fn a_page_loads_no_picture_and_keeps_its_headings() {
        assert_eq!(
            for_page("# A\n\n![b *c*](https://d.test/e.png)\u{202e}", |_| None),
            "<h3>A</h3>\n<p>b <em>c</em>\u{fffd}</p>\n"
        );
    }

    #[test]
    fn a_link_to_an_artifact_leads_there() {
        let place = |path: &str| (path == "a/b.html").then(|| "/c".to_owned());
        let text = "[x](artifact://a/b.html) [y](artifact://d)";
        assert_eq!(
            for_page(text, place),
            "<p><a href=\"/c\">x</a> <a href=\"\">y</a></p>\n"
        );
        assert_eq!(
            for_api(text),
            "<p><a href=\"artifact://a/b.html\">x</a> <a href=\"artifact://d\">y</a></p>\n"
        );
    }
}
