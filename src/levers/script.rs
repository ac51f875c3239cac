//! What jobs will do, told in JSON: what [`JobScript`] says in Rust.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

use crate::fake::{JobScript, PipelineHandle};
use crate::levers::Refusal;
use crate::levers::given::{self, ReasonName, Span, exit};
use crate::script::{Annotation, PipelineUpload, Scripts};
use crate::vocabulary::states::{AnnotationScope, AnnotationStyle};

/// A rule: which jobs, and what their attempts do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// A step key, a label or a command; `*` stands for any run of characters.
    job: String,
    /// Of the steps that jobs upload later.
    #[serde(default)]
    uploaded: bool,
    #[serde(default)]
    must_run: bool,
    /// The last one repeats.
    #[serde(default)]
    attempts: Vec<Attempt>,
}

/// What one attempt does. What is left out is as usual: picked up after a second, runs ten, exits with 0.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "words of a JSON object")]
struct Attempt {
    takes: Option<Takes>,
    takes_polls: Option<u32>,
    #[serde(default)]
    hangs: bool,
    picked_up_after: Option<Span>,
    picked_up_after_polls: Option<u32>,
    #[serde(default)]
    never_picked_up: bool,
    exits: Option<i32>,
    signal: Option<String>,
    signal_reason: Option<ReasonName>,
    #[serde(default)]
    loses_agent: bool,
    logs: Option<String>,
    #[serde(default)]
    meta_data: BTreeMap<String, String>,
    #[serde(default)]
    artifacts: Vec<ArtifactGiven>,
    #[serde(default)]
    annotations: Vec<AnnotationGiven>,
    #[serde(default)]
    uploads: Vec<UploadGiven>,
    promises_failure: Option<Promise>,
}

/// A span, or two of which something between is drawn from the seed.
#[derive(Debug, Clone, Copy)]
enum Takes {
    Between([Span; 2]),
    Exactly(Span),
}

impl<'de> Deserialize<'de> for Takes {
    /// By hand, because what serde says of untagged enums helps nobody.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(deserializer)?;
        let span = |given: &Value| Span::deserialize(given);
        let takes = match given.as_array().map(Vec::as_slice) {
            None => span(&given).map(Self::Exactly),
            Some([least, most]) => {
                span(least).and_then(|least| Ok(Self::Between([least, span(most)?])))
            }
            Some(_) => {
                let message = "`takes` is a span, or two of them: the least and the most";
                return Err(D::Error::custom(message));
            }
        };
        takes.map_err(|error| D::Error::custom(format!("`takes`: {error}")))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Promise {
    after: Span,
    exit_status: i32,
}

/// A file, as text or in base64.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtifactGiven {
    pub(super) path: String,
    content: Option<String>,
    content_base64: Option<String>,
}

impl ArtifactGiven {
    pub(super) fn content(&self) -> Result<Vec<u8>, Refusal> {
        match (&self.content, &self.content_base64) {
            (Some(text), None) => Ok(text.as_bytes().to_vec()),
            (None, Some(text)) => STANDARD.decode(text).map_err(|error| {
                Refusal::new(400, format!("`content_base64` of `{}`: {error}", self.path))
            }),
            (None, None) => Ok(Vec::new()),
            (Some(_), Some(_)) => Err(Refusal::new(
                400,
                "an artifact has `content` or `content_base64`, not both",
            )),
        }
    }
}

/// An annotation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnnotationGiven {
    body: String,
    context: Option<String>,
    #[serde(default, deserialize_with = "style")]
    style: Option<AnnotationStyle>,
    priority: Option<u8>,
    #[serde(default, deserialize_with = "scope")]
    scope: Option<AnnotationScope>,
    #[serde(default)]
    append: bool,
}

fn style<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AnnotationStyle>, D::Error> {
    given::named(deserializer, "style", AnnotationStyle::ALL).map(Some)
}

fn scope<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AnnotationScope>, D::Error> {
    given::named(deserializer, "scope", AnnotationScope::ALL).map(Some)
}

impl AnnotationGiven {
    pub(super) fn annotation(&self) -> Annotation {
        let mut annotation = Annotation::new(self.body.as_str());
        if let Some(context) = &self.context {
            annotation = annotation.context(context.as_str());
        }
        if let Some(style) = self.style {
            annotation = annotation.style(style);
        }
        if let Some(priority) = self.priority {
            annotation = annotation.priority(priority);
        }
        if let Some(scope) = self.scope {
            annotation = annotation.scope(scope);
        }
        if self.append {
            annotation = annotation.append();
        }
        annotation
    }
}

/// Steps that a job uploads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadGiven {
    #[serde(deserialize_with = "given::yaml")]
    steps: String,
    #[serde(default)]
    replace: bool,
    #[serde(default)]
    no_interpolation: bool,
    /// How long after the start; as the last thing before the end, if it is left out.
    pub(super) after: Option<Span>,
}

impl UploadGiven {
    pub(super) fn upload(&self) -> PipelineUpload {
        let mut upload = PipelineUpload::yaml(self.steps.as_str());
        if self.replace {
            upload = upload.replacing();
        }
        if self.no_interpolation {
            upload = upload.without_interpolation();
        }
        upload
    }
}

/// A script that turns out to be wrong while it is told, which is attempt by attempt, leaves nothing behind.
struct Telling<'p> {
    pipeline: &'p PipelineHandle,
    before: Option<Scripts>,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            self.pipeline.forget_scripts_since(before);
        }
    }
}

impl Script {
    /// All of it, or nothing: what is wrong is a refusal, or the panic that a test in Rust would see.
    pub(super) fn tell(&self, pipeline: &PipelineHandle) -> Result<(), Refusal> {
        let mut telling = Telling {
            pipeline,
            before: Some(pipeline.scripts()),
        };
        self.tell_each(pipeline)?;
        telling.before = None;
        Ok(())
    }

    fn tell_each(&self, pipeline: &PipelineHandle) -> Result<(), Refusal> {
        if self.attempts.is_empty() {
            // It would hide an earlier script for the same job, and say nothing itself.
            let message = "a script says what each attempt does, and `attempts` is missing or empty: it is a list such as \
                           [{\"takes\": \"3m\", \"exits\": 1}, {}], of which {} is an attempt as usual, and the last one repeats";
            return Err(Refusal::new(422, message));
        }
        for attempt in &self.attempts {
            attempt.check()?;
        }
        let mut script = if self.uploaded {
            pipeline.on_uploaded_job(&self.job)
        } else {
            pipeline.on_job(&self.job)
        };
        for (number, attempt) in self.attempts.iter().enumerate() {
            if number > 0 {
                script = script.then();
            }
            script = attempt.tell(script)?;
        }
        if self.must_run {
            script.must_run();
        }
        Ok(())
    }
}

impl Attempt {
    fn check(&self) -> Result<(), Refusal> {
        let one_of = |ways: [bool; 3], names: &str| {
            if ways.iter().filter(|is_said| **is_said).count() > 1 {
                return Err(Refusal::new(400, format!("an attempt has one of {names}")));
            }
            Ok(())
        };
        one_of(
            [self.takes.is_some(), self.takes_polls.is_some(), self.hangs],
            "`takes`, `takes_polls` and `hangs`",
        )?;
        one_of(
            [
                self.picked_up_after.is_some(),
                self.picked_up_after_polls.is_some(),
                self.never_picked_up,
            ],
            "`picked_up_after`, `picked_up_after_polls` and `never_picked_up`",
        )?;
        if self.loses_agent && self.says_exit() {
            let message = "an attempt that loses its agent has no `exits`, `signal` or `signal_reason` of its own";
            return Err(Refusal::new(400, message));
        }
        if self.takes_polls == Some(0) {
            let message = "a command that takes no polls takes no time: that is `\"takes\": 0`";
            return Err(Refusal::new(400, message));
        }
        for artifact in &self.artifacts {
            artifact.content()?;
        }
        Ok(())
    }

    fn says_exit(&self) -> bool {
        self.exits.is_some() || self.signal.is_some() || self.signal_reason.is_some()
    }

    fn tell(&self, mut script: JobScript) -> Result<JobScript, Refusal> {
        if let Some(Span(wait)) = self.picked_up_after {
            script = script.picked_up_after(wait);
        }
        if let Some(polls) = self.picked_up_after_polls {
            script = script.picked_up_after_polls(polls);
        }
        if self.never_picked_up {
            script = script.never_picked_up();
        }
        match self.takes {
            Some(Takes::Exactly(Span(span))) => script = script.takes(span),
            Some(Takes::Between([Span(least), Span(most)])) => {
                script = script.takes_between(least, most);
            }
            None => {}
        }
        if let Some(polls) = self.takes_polls {
            script = script.takes_polls(polls);
        }
        if self.hangs {
            script = script.hangs();
        }
        if let Some(text) = &self.logs {
            script = script.logs(text);
        }
        for (key, value) in &self.meta_data {
            script = script.sets_meta_data(key, value);
        }
        for artifact in &self.artifacts {
            script = script.uploads_artifact(&artifact.path, artifact.content()?);
        }
        for annotation in &self.annotations {
            script = script.annotates(annotation.annotation());
        }
        for upload in &self.uploads {
            script = match upload.after {
                Some(Span(wait)) => script.uploads_after(wait, upload.upload()),
                None => script.uploads(upload.upload()),
            };
        }
        if let Some(promise) = &self.promises_failure {
            script = script.promises_failure_after(promise.after.0, promise.exit_status);
        }
        if self.says_exit() {
            let status = self.exits.unwrap_or_default();
            script = script.exits_with(exit(status, self.signal.as_deref(), self.signal_reason));
        }
        if self.loses_agent {
            script = script.loses_agent();
        }
        Ok(script)
    }
}
