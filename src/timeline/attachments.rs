//! What belongs to a build besides its jobs: what was said of it, and the files it left.

use std::fmt::{self, Write};
use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::annotation::Annotation;
use crate::engine::build::BuildKey;
use crate::engine::job::JobKey;
use crate::engine::markdown;
use crate::timeline::markup::text;
use crate::timeline::row::Link;
use crate::vocabulary::ids::JobId;
use crate::vocabulary::states::{AnnotationStyle, ArtifactState};

/// How many files are listed; of the others it is said how many they are.
const FILES: usize = 1_000;

/// What was said of a build, or of one of its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    context: Arc<str>,
    style: Option<AnnotationStyle>,
    /// Markdown.
    body: Arc<str>,
    job: Option<Job>,
}

/// A file that a job uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    path: Arc<str>,
    bytes: usize,
    job: Job,
    state: ArtifactState,
    /// Where it is, from the origin of the fake.
    place: String,
}

/// A job as it is called in passing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    id: JobId,
    name: String,
}

impl Job {
    fn of(engine: &Engine, key: JobKey) -> Self {
        let job = engine.job_ref(key);
        Self {
            id: job.id,
            name: match job.attempt {
                1 => job.name.to_string(),
                attempt => format!("{} (attempt {attempt})", job.name),
            },
        }
    }

    fn link(&self) -> String {
        format!("<a href=\"#{}\">{}</a>", self.id, text(&self.name))
    }
}

/// Those of the highest priority first, the oldest first among them: as on Buildkite.
pub(super) fn notes(engine: &Engine, build: BuildKey) -> Vec<Note> {
    let mut all: Vec<&Annotation> = engine
        .annotations_in(build)
        .map(|(_, annotation)| annotation)
        .collect();
    all.sort_by_key(|annotation| std::cmp::Reverse(annotation.priority));
    let note = |annotation: &Annotation| Note {
        context: Arc::clone(&annotation.context),
        style: annotation.style,
        body: Arc::clone(&annotation.body),
        job: annotation.job.map(|job| Job::of(engine, job)),
    };
    all.into_iter().map(note).collect()
}

pub(super) fn files(engine: &Engine, build: BuildKey) -> Vec<File> {
    let page = Link::to_build(engine, build).map(|link| link.path);
    let page = page.unwrap_or_default();
    let all = engine.artifacts_of_build(build);
    all.map(|(_, artifact)| File {
        path: Arc::clone(&artifact.file.path),
        bytes: artifact.file.content.len(),
        job: Job::of(engine, artifact.job),
        state: artifact.state,
        place: format!("{page}/artifacts/{}", artifact.id),
    })
    .collect()
}

/// The section of a page; none if nothing was said.
pub(super) fn write_notes(out: &mut String, notes: &[Note], files: &[File]) -> fmt::Result {
    if notes.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section aria-labelledby=\"annotations\">\n<h2 id=\"annotations\">Annotations</h2>"
    )?;
    // The latest of several, as an agent that downloads it gets.
    let place = |path: &str| {
        let mut latest = files.iter().rev();
        latest
            .find(|file| *file.path == *path && file.state == ArtifactState::Finished)
            .map(|file| file.place.clone())
    };
    for note in notes {
        let style = note.style.map_or("plain", AnnotationStyle::as_str);
        let of_job = note.job.as_ref();
        let of_job = of_job.map_or(String::new(), |job| format!(" of {}", job.link()));
        // The style in words, too: not everybody sees a colour.
        let said = match note.style {
            Some(style) => format!(", {style}"),
            None => String::new(),
        };
        writeln!(
            out,
            "<article class=\"annotation {style}\"><p class=\"sub\">{}{of_job}{said}</p>\n{}</article>",
            text(&note.context),
            markdown::for_page(&note.body, place),
        )?;
    }
    writeln!(out, "</section>")
}

/// The section of a page; none if there are no files.
pub(super) fn write_files(out: &mut String, files: &[File]) -> fmt::Result {
    if files.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section aria-labelledby=\"artifacts\">\n<h2 id=\"artifacts\">Artifacts</h2>\n<ul class=\"artifacts\">"
    )?;
    for file in files.iter().take(FILES) {
        let path = text(&file.path);
        match file.state {
            ArtifactState::Finished => {
                write!(out, "<li><a href=\"{}\">{path}</a>", text(&file.place))?;
            }
            ArtifactState::New
            | ArtifactState::Error
            | ArtifactState::Deleted
            | ArtifactState::Expired => write!(out, "<li>{path} ({})", file.state)?,
        }
        let size = size_in_words(file.bytes);
        writeln!(
            out,
            " <span class=\"sub\">{size}, of {}</span></li>",
            file.job.link()
        )?;
    }
    let more = files.len().saturating_sub(FILES);
    if more > 0 {
        writeln!(out, "<li>{more} more</li>")?;
    }
    writeln!(out, "</ul>\n</section>")
}

/// `1 byte`, `1.5 KiB`
fn size_in_words(bytes: usize) -> String {
    const KIB: usize = 1 << 10;
    const MIB: usize = 1 << 20;
    let tenths = |unit: usize| {
        // In this order, so that nothing is lost before it has to be, and nothing overflows.
        let (whole, rest) = (bytes / unit, bytes % unit);
        format!("{whole}.{}", rest * 10 / unit)
    };
    match bytes {
        1 => "1 byte".to_owned(),
        0..KIB => format!("{bytes} bytes"),
        KIB..MIB => format!("{} KiB", tenths(KIB)),
        MIB.. => format!("{} MiB", tenths(MIB)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_said_in_the_unit_that_suits_it() {
        let table = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            ((5 << 20) - 1, "4.9 MiB"),
        ];
        for (bytes, expected) in table {
            assert_eq!(size_in_words(bytes), expected);
        }
    }
}
