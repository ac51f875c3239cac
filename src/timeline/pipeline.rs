//! The page of a pipeline: its newest builds.

use std::fmt::{self, Write};

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::pipeline::PipelineKey;
use crate::timeline::frame::{badge, document, time};
use crate::timeline::markup::{shortened, text};
use crate::timeline::row::Link;
use crate::timeline::scale::span_in_words;

/// How many builds are listed: the newest 100.
const BUILDS: usize = 100;

/// The builds of a pipeline, newest first.
pub(crate) fn page(engine: &Engine, key: PipelineKey) -> String {
    let mut body = String::new();
    write(&mut body, engine, key).expect("a String takes everything");
    document(&engine.pipeline(key).name, None, &body)
}

fn write(out: &mut String, engine: &Engine, key: PipelineKey) -> fmt::Result {
    let pipeline = engine.pipeline(key);
    let organization = &engine.organization(pipeline.organization).slug;
    writeln!(
        out,
        "<header>\n<nav aria-label=\"Breadcrumb\"><ol><li>{}</li><li aria-current=\"page\">{}</li></ol></nav>\n<h1>{}</h1>",
        text(organization),
        text(&pipeline.name),
        text(&pipeline.name)
    )?;
    if let Some(description) = &pipeline.settings.description {
        writeln!(out, "<p class=\"message\">{}</p>", text(description))?;
    }
    writeln!(out, "<dl class=\"facts\">")?;
    let mut fact =
        |word: &str, value: String| writeln!(out, "<div><dt>{word}</dt><dd>{value}</dd></div>");
    fact("Slug", text(&pipeline.slug).to_string())?;
    fact(
        "Repository",
        text(&pipeline.settings.repository).to_string(),
    )?;
    fact(
        "Default branch",
        text(&pipeline.settings.default_branch).to_string(),
    )?;
    let builds = &engine.activity(key).builds;
    fact("Builds", builds.len().to_string())?;
    if let Some(archived) = pipeline.archived_at {
        fact("Archived", time(archived))?;
    }
    writeln!(
        out,
        "</dl>\n</header>\n<main id=\"main\">\n<section aria-labelledby=\"builds\">\n<h2 id=\"builds\">Builds</h2>"
    )?;
    let count = builds.len();
    if count == 0 {
        writeln!(out, "<p>There is no build yet.</p>")?;
    } else {
        table(
            out,
            engine,
            (0..count)
                .rev()
                .take(BUILDS)
                .filter_map(|n| builds.get(n).copied()),
        )?;
    }
    if count > BUILDS {
        let older = count - BUILDS;
        writeln!(
            out,
            "<p>{older} older {} not listed.</p>",
            if older == 1 { "build is" } else { "builds are" }
        )?;
    }
    writeln!(
        out,
        "</section>\n</main>\n<footer><p>Drawn by fake-buildkite when its clock stood at {}.</p></footer>",
        time(engine.now())
    )
}

const HEADINGS: [&str; 6] = ["Build", "State", "Branch", "Commit", "Created", "Took"];

fn table(out: &mut String, engine: &Engine, builds: impl Iterator<Item = BuildKey>) -> fmt::Result {
    writeln!(
        out,
        "<table class=\"builds\" role=\"table\" aria-labelledby=\"builds\">\n<thead role=\"rowgroup\"><tr role=\"row\">"
    )?;
    for heading in HEADINGS {
        write!(
            out,
            "<th scope=\"col\" role=\"columnheader\">{heading}</th>"
        )?;
    }
    writeln!(out, "</tr></thead>\n<tbody role=\"rowgroup\">")?;
    for key in builds {
        let build = engine.build(key);
        let path = Link::to_build(engine, key).map(|link| link.path);
        let message = build
            .head
            .message
            .as_deref()
            .and_then(|message| message.lines().next());
        write!(
            out,
            "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\"><a href=\"{}\">#{}</a>",
            text(&path.unwrap_or_default()),
            build.number
        )?;
        if let Some(message) = message {
            write!(
                out,
                " <span class=\"name\">{}</span>",
                text(&shortened(message, 120))
            )?;
        }
        writeln!(out, "</th>")?;
        let creator = build.head.creator.map(|user| &engine.user(user).name);
        let by = creator.map(|name| format!("<span class=\"sub\">by {}</span>", text(name)));
        let until = build.finished_at.unwrap_or(engine.now());
        let so_far = if build.finished_at.is_some() {
            ""
        } else {
            " so far"
        };
        let cells = [
            badge(build.state),
            text(&build.head.branch).to_string(),
            format!("<code>{}</code>", text(&shortened(&build.head.commit, 12))),
            format!("{}{}", time(build.created_at), by.unwrap_or_default()),
            format!("{}{so_far}", span_in_words(until - build.created_at)),
        ];
        for (heading, cell) in HEADINGS[1..].iter().zip(cells) {
            writeln!(
                out,
                "<td role=\"cell\" data-of=\"{heading}\"><div>{cell}</div></td>"
            )?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody>\n</table>")
}
