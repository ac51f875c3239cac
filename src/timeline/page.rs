//! The page of a build: for people, in any browser, without a script.
//!
//! The anchor of a job is its id, because that is what the job's `web_url` ends in.

use std::fmt::{self, Write};

use chrono::{DateTime, Utc};

use crate::timeline::attachments;
use crate::timeline::frame::{badge, document, icon, in_words, nowrap, time, time_of_day};
use crate::timeline::marks::Mark;
use crate::timeline::markup::text;
use crate::timeline::row::Row;
use crate::timeline::scale::span_in_words;
use crate::timeline::svg::{self, Place};
use crate::timeline::{Index, Timeline};
use crate::vocabulary::states::{BuildState, JobState, JobType};

/// How many names a cell has before it only says how many more there are.
const NAMES: usize = 6;

pub(super) fn of_build(timeline: &Timeline) -> String {
    let mut body = String::new();
    let page = Page {
        timeline,
        index: Index::of(timeline),
    };
    page.write(&mut body).expect("a String takes everything");
    let mark = Mark::of_build(timeline.state);
    let title = format!("{} {}", timeline.build, in_words(timeline.state));
    document(&title, Some(mark), &body)
}

struct Page<'t> {
    timeline: &'t Timeline,
    index: Index,
}

impl Page<'_> {
    fn write(&self, out: &mut String) -> fmt::Result {
        self.header(out)?;
        writeln!(out, "<main id=\"main\">")?;
        attachments::write_notes(out, &self.timeline.notes, &self.timeline.files)?;
        writeln!(
            out,
            "<section aria-labelledby=\"timeline\">\n<h2 id=\"timeline\">Timeline</h2>\n<div class=\"picture\">{}</div>\n</section>",
            svg::draw(self.timeline, Place::OnPage)
        )?;
        self.table(out)?;
        attachments::write_files(out, &self.timeline.files)?;
        self.logs(out)?;
        writeln!(
            out,
            "</main>\n<footer><p>Drawn by fake-buildkite when its clock stood at {}. The page does not change by itself: reload it after the clock has moved.</p></footer>",
            time(self.timeline.about.now)
        )
    }

    fn header(&self, out: &mut String) -> fmt::Result {
        let Timeline { build, about, .. } = self.timeline;
        let pipeline = format!("/{}/{}", about.organization, build.pipeline);
        writeln!(
            out,
            "<a class=\"skip\" href=\"#main\">Skip to the timeline</a>\n<header>\n<nav aria-label=\"Breadcrumb\"><ol><li>{}</li><li><a href=\"{}\">{}</a></li><li aria-current=\"page\">Build {}</li></ol></nav>",
            text(&about.organization),
            text(&pipeline),
            text(&about.pipeline_name),
            build.number,
        )?;
        writeln!(
            out,
            "<h1><span>{}</span> {}</h1>",
            text(&build.to_string()),
            badge(self.timeline.state)
        )?;
        if let Some(message) = &about.message {
            writeln!(out, "<p class=\"message\">{}</p>", text(message))?;
        }
        writeln!(out, "<dl class=\"facts\">")?;
        let mut fact = |word: &str, value: Option<String>| match value {
            Some(value) => writeln!(out, "<div><dt>{word}</dt><dd>{value}</dd></div>"),
            None => Ok(()),
        };
        let link = |link: &crate::timeline::row::Link| {
            format!("<a href=\"{}\">{}</a>", text(&link.path), text(&link.name))
        };
        let plain = |value: &str| text(value).to_string();
        fact("Branch", Some(plain(&self.timeline.branch)))?;
        fact(
            "Commit",
            Some(format!("<code>{}</code>", text(&about.commit))),
        )?;
        fact("Pull request", about.pull_request.as_deref().map(plain))?;
        fact("Created by", about.creator.as_deref().map(plain))?;
        fact("Source", Some(plain(&about.source.replace('_', " "))))?;
        fact("Triggered by", about.triggered_from.as_ref().map(link))?;
        fact("Rebuild of", about.rebuilt_from.as_ref().map(link))?;
        fact("Created", Some(time(self.timeline.begins)))?;
        fact("Started", about.started_at.map(time))?;
        let ended = if self.timeline.state == BuildState::Blocked {
            "Blocked"
        } else {
            "Finished"
        };
        fact(ended, about.finished_at.map(time))?;
        let until = self.timeline.until();
        let so_far = if self.timeline.is_finished() {
            ""
        } else {
            " so far"
        };
        let took = span_in_words(until - self.timeline.begins);
        fact("Took", Some(format!("{took}{so_far}")))?;
        writeln!(out, "</dl>\n</header>")
    }

    // --- Jobs --------------------------------------------------------------------------------------------------------

    fn table(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "<section aria-labelledby=\"jobs\">\n<h2 id=\"jobs\">Jobs</h2>"
        )?;
        if self.timeline.rows.is_empty() {
            return writeln!(out, "<p>This build has no jobs.</p>\n</section>");
        }
        // Roles by hand: a phone shows rows as blocks, and browsers take them for no table then.
        writeln!(
            out,
            "<table class=\"jobs\" role=\"table\" aria-labelledby=\"jobs\">\n<thead role=\"rowgroup\"><tr role=\"row\">"
        )?;
        for heading in HEADINGS {
            write!(
                out,
                "<th scope=\"col\" role=\"columnheader\">{heading}</th>"
            )?;
        }
        writeln!(out, "</tr></thead>\n<tbody role=\"rowgroup\">")?;
        for at in &self.index.in_chains {
            self.job(out, &self.timeline.rows[*at])?;
        }
        writeln!(out, "</tbody>\n</table>\n</section>")
    }

    fn job(&self, out: &mut String, row: &Row) -> fmt::Result {
        let mark = Mark::of_job(row);
        let state = svg::in_full(row);
        let now = self.timeline.about.now;
        write!(
            out,
            "<tr id=\"{}\" role=\"row\" class=\"{}\"><th scope=\"row\" role=\"rowheader\"><span class=\"name\">{}</span>",
            row.id,
            row.kind,
            text(&row.name)
        )?;
        if let Some(label) = &row.label {
            write!(out, "<span class=\"label\">{}</span>", text(label))?;
        }
        let group = row.group.as_ref();
        let group = group.map(|(_, group)| format!("in {}", text(group)));
        let what: Vec<_> = kind_in_words(row).into_iter().chain(group).collect();
        if !what.is_empty() {
            write!(out, "<span class=\"sub\">{}</span>", what.join(" "))?;
        }
        writeln!(out, "<code class=\"sub\">{}</code></th>", row.id)?;
        let ran = row.ran_for(self.timeline.until()).map(span_in_words);
        let queued = row.queued_for(now);
        let started = row.started_at.filter(|_| row.kind != JobType::Waiter);
        let exit = row.exit.as_ref().map(|exit| match &exit.signal {
            Some(signal) => format!("{} ({})", exit.status, text(signal)),
            None => exit.status.to_string(),
        });
        let cells = [
            Some(format!(
                "<span class=\"state {}\">{}{}</span>",
                mark.tone.word(),
                icon(mark),
                text(&short_state(row, &state))
            )),
            Some(row.attempt.to_string()).filter(|_| row.kind != JobType::Waiter),
            row.agent.as_ref().map(|agent| match agent.len() {
                0..=20 => nowrap(text(agent)),
                _ => text(agent).to_string(),
            }),
            queued.map(span_in_words).map(nowrap),
            started.map(|at| time_of_day(at, self.timeline.begins)),
            ran.map(nowrap),
            exit,
            self.dependencies(row),
            self.retries(row),
            notes(row, self.timeline.begins),
        ];
        for (heading, cell) in HEADINGS[1..].iter().zip(cells) {
            match cell {
                Some(cell) => writeln!(
                    out,
                    "<td role=\"cell\" data-of=\"{heading}\"><div>{cell}</div></td>"
                )?,
                None => writeln!(out, "<td role=\"cell\" class=\"none\"></td>")?,
            }
        }
        writeln!(out, "</tr>")
    }

    fn dependencies(&self, row: &Row) -> Option<String> {
        let name = |step: &usize| {
            let link = self.link(self.index.row_of_step(self.timeline, *step, None)?);
            let of_step = self.index.by_step.get(step)?.iter();
            let latest = of_step.filter(|at| self.timeline.rows[**at].retried.is_none());
            Some(match latest.count() {
                0 | 1 => link,
                several => format!("{link} ({several} jobs)"),
            })
        };
        let mut names: Vec<_> = row.depends_on.iter().filter_map(name).collect();
        if names.len() > NAMES {
            let more = names.len() - (NAMES - 1);
            names.truncate(NAMES - 1);
            names.push(format!("{more} more"));
        }
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn retries(&self, row: &Row) -> Option<String> {
        let link = |id| self.index.by_id.get(&id).map(|at| self.link(*at));
        let of = row
            .retry_of
            .and_then(|(old, how)| Some(format!("{how} retry of {}", link(old)?)));
        let into = row.retried.as_ref().and_then(|retried| {
            let by = retried.by.as_ref().map(|by| format!(" by {}", text(by)));
            Some(format!(
                "retried in {}{}",
                link(retried.into)?,
                by.unwrap_or_default()
            ))
        });
        let both: Vec<_> = of.into_iter().chain(into).collect();
        (!both.is_empty()).then(|| both.join("; "))
    }

    fn link(&self, at: usize) -> String {
        let row = &self.timeline.rows[at];
        format!("<a href=\"#{}\">{}</a>", row.id, text(&row.full_title()))
    }

    // --- Logs --------------------------------------------------------------------------------------------------------

    fn logs(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "<section aria-labelledby=\"logs\">\n<h2 id=\"logs\">Logs</h2>"
        )?;
        let mut is_empty = true;
        for at in &self.index.in_chains {
            let row = &self.timeline.rows[*at];
            let Some(log) = &row.log else { continue };
            is_empty = false;
            let lines = log.text.lines().count();
            let lines = format!("{lines} {}", if lines == 1 { "line" } else { "lines" });
            // The anchor is inside, so that going there opens it.
            write!(
                out,
                "<details><summary>{}{} <span class=\"sub\">{}, {lines}</span></summary><div class=\"log\" id=\"log-{}\">",
                icon(Mark::of_job(row)),
                text(&row.full_title()),
                svg::in_full(row),
                row.id,
            )?;
            if log.left_out > 0 {
                write!(out, "<p>The first {} bytes are left out.</p>", log.left_out)?;
            }
            writeln!(
                out,
                "<pre tabindex=\"0\" aria-label=\"Log of {}\">\n{}</pre></div></details>",
                text(&row.full_title()),
                text(&log.text)
            )?;
        }
        if is_empty {
            writeln!(out, "<p>No job has printed anything.</p>")?;
        }
        writeln!(out, "</section>")
    }
}

const HEADINGS: [&str; 11] = [
    "Job",
    "State",
    "Attempt",
    "Agent",
    "Queued",
    "Started",
    "Ran",
    "Exit status",
    "Depends on",
    "Retries",
    "Notes",
];

/// The exit status has a column of its own.
fn short_state(row: &Row, full: &str) -> String {
    match (row.state, row.soft_failed) {
        (JobState::Failed, true) => "soft failed".to_owned(),
        (JobState::Failed, false) => "failed".to_owned(),
        (_, _) => full.trim_end_matches(", retried").to_owned(),
    }
}

fn kind_in_words(row: &Row) -> Option<String> {
    let kind = match row.kind {
        JobType::Script => return None,
        JobType::Waiter => "wait step",
        JobType::Manual => "block step",
        JobType::Trigger => "trigger step",
    };
    Some(kind.to_owned())
}

/// Everything else there is to say of a job.
fn notes(row: &Row, begins: DateTime<Utc>) -> Option<String> {
    let mut notes = Vec::new();
    if let Some((link, state)) = &row.triggered {
        let (path, name) = (text(&link.path), text(&link.name));
        notes.push(format!(
            "made <a href=\"{path}\">{name}</a>, {}",
            in_words(*state)
        ));
    }
    if let (Some(by), Some(at)) = (&row.unblocked_by, row.unblocked_at) {
        notes.push(format!(
            "unblocked by {} at {}",
            text(by),
            time_of_day(at, begins)
        ));
    }
    if let Some((nth, of)) = row.parallel {
        notes.push(format!("parallel job {nth} of {of}"));
    }
    let matrix = row.matrix.iter();
    let matrix: Vec<_> = matrix
        .map(|(name, value)| match name.as_str() {
            "" => text(value).to_string(),
            name => format!("{} {}", text(name), text(value)),
        })
        .collect();
    if !matrix.is_empty() {
        notes.push(format!("matrix: {}", matrix.join(", ")));
    }
    if let Some(note) = row.note.as_ref().filter(|_| row.retried.is_none()) {
        notes.push(text(note).to_string());
    }
    if row.log.is_some() {
        let title = text(&row.name).to_string();
        notes.push(format!(
            "<a href=\"#log-{}\">Log<span class=\"hidden\"> of {title}</span></a>",
            row.id
        ));
    }
    (!notes.is_empty()).then(|| notes.join("<br>"))
}
