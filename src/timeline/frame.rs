//! What all pages have: the document around them, and how states and instants look in a text.

use std::fmt::{self, Write};

use chrono::{DateTime, Utc};

use crate::timeline::marks::Mark;
use crate::timeline::markup::text;
use crate::timeline::scale::instant_in_words;
use crate::vocabulary::span::instant;
use crate::vocabulary::states::BuildState;

const STYLE: &str = include_str!("page.css");

/// A document around what is in it. `title` is not markup yet.
pub(super) fn document(title: &str, mark: Option<Mark>, body: &str) -> String {
    let fill = mark
        .map_or("#8b97a5", |mark| mark.tone.fill())
        .replace('#', "%23");
    let title = text(title);
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='{fill}'/%3E%3C/svg%3E\">\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// What is said where something is not. `choices` are a name and a path each.
pub(crate) fn not_found(what: &str, choices: &[(String, String)]) -> String {
    let mut body = String::from("<main>\n<h1>Not found</h1>\n");
    let write = |body: &mut String| -> fmt::Result {
        writeln!(body, "<p>{}</p>", text(what))?;
        if !choices.is_empty() {
            writeln!(body, "<ul>")?;
            for (name, path) in choices {
                writeln!(
                    body,
                    "<li><a href=\"{}\">{}</a></li>",
                    text(path),
                    text(name)
                )?;
            }
            writeln!(body, "</ul>")?;
        }
        writeln!(body, "</main>")
    };
    write(&mut body).expect("a String takes everything");
    document("Not found", None, &body)
}

/// `not run`
pub(super) fn in_words(state: BuildState) -> String {
    state.as_str().replace('_', " ")
}

/// A mark as a picture in a text.
pub(super) fn icon(mark: Mark) -> String {
    format!(
        "<svg class=\"icon\" width=\"16\" height=\"16\" viewBox=\"-8 -8 16 16\" aria-hidden=\"true\">{mark}</svg>"
    )
}

/// A state with its mark, so that nobody has to tell colours apart.
pub(super) fn badge(state: BuildState) -> String {
    let mark = Mark::of_build(state);
    let tone = mark.tone.word();
    format!(
        "<span class=\"badge {tone}\">{}{}</span>",
        icon(mark),
        in_words(state)
    )
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    format!(
        "<time datetime=\"{}\">{}</time>",
        instant(at),
        instant_in_words(at)
    )
}

/// The time of an instant, and its day if that is another one than a build began on.
pub(super) fn time_of_day(at: DateTime<Utc>, begins: DateTime<Utc>) -> String {
    let words = instant_in_words(at);
    let words = words.trim_end_matches(" UTC");
    let short = match words.split_once(' ') {
        Some((_, time)) if at.date_naive() == begins.date_naive() => time,
        Some(_) | None => words,
    };
    nowrap(format!("<time datetime=\"{}\">{short}</time>", instant(at)))
}

pub(super) fn nowrap(text: impl fmt::Display) -> String {
    format!("<span class=\"nowrap\">{text}</span>")
}
