//! Pipelines, what their jobs will do, and builds.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::fake::BuildHandle;
use crate::http::reply::Reply;
use crate::levers::given::{one_of, yaml};
use crate::levers::script::Script;
use crate::levers::shown::{build, pipeline};
use crate::levers::{Outcome, Pull, Refusal, done, shown};
use crate::vocabulary::states::BuildSource;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPipeline {
    name: String,
    slug: Option<String>,
    #[serde(default, deserialize_with = "steps")]
    steps: Option<String>,
    repository: Option<String>,
    default_branch: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBuild {
    branch: Option<String>,
    commit: Option<String>,
    message: Option<String>,
    tag: Option<String>,
    source: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    meta_data: BTreeMap<String, String>,
    changed_files: Option<Vec<String>>,
}

fn steps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    yaml(deserializer).map(Some)
}

impl Pull<'_> {
    pub(super) fn create_pipeline(&self) -> Outcome {
        let new: NewPipeline = self.body()?;
        let mut builder = self.fake.pipeline(new.name);
        if let Some(slug) = new.slug {
            builder = builder.slug(slug);
        }
        if let Some(steps) = new.steps {
            builder = builder.steps(steps);
        }
        if let Some(url) = new.repository {
            builder = builder.repository(url);
        }
        if let Some(branch) = new.default_branch {
            builder = builder.default_branch(branch);
        }
        if let Some(text) = new.description {
            builder = builder.description(text);
        }
        Ok(shown(201, &pipeline(&builder.create())))
    }

    pub(super) fn tell_script(&self) -> Outcome {
        let pipeline = self.pipeline()?;
        self.body::<Script>()?.tell(&pipeline)?;
        Ok(done())
    }

    pub(super) fn create_build(&self) -> Outcome {
        let pipeline = self.pipeline()?;
        let new: NewBuild = self.body()?;
        let mut builder = pipeline.build();
        if let Some(branch) = new.branch {
            builder = builder.branch(branch);
        }
        if let Some(commit) = new.commit {
            builder = builder.commit(commit);
        }
        if let Some(message) = new.message {
            builder = builder.message(message);
        }
        if let Some(tag) = new.tag {
            builder = builder.tag(tag);
        }
        if let Some(word) = new.source {
            let source = one_of("source", &word, BuildSource::ALL, |source| {
                source.as_str().to_owned()
            });
            builder = builder.source(source.map_err(|message| Refusal::new(400, message))?);
        }
        for (name, value) in new.env {
            builder = builder.env(name, value);
        }
        for (key, value) in new.meta_data {
            builder = builder.meta_data(key, value);
        }
        if let Some(files) = new.changed_files {
            builder = builder.changed_files(files);
        }
        Ok(shown(201, &build(&builder.create())))
    }

    pub(super) fn show_build(&self) -> Outcome {
        Ok(shown(200, &build(&self.build()?)))
    }

    pub(super) fn move_build(&self, make: impl FnOnce(&BuildHandle)) -> Outcome {
        let moved = self.build()?;
        self.nothing()?;
        make(&moved);
        Ok(shown(200, &build(&moved)))
    }

    pub(super) fn rebuild_build(&self) -> Outcome {
        let old = self.build()?;
        self.nothing()?;
        Ok(shown(201, &build(&old.rebuild())))
    }

    pub(super) fn show_timeline(&self) -> Outcome {
        let timeline = self.build()?.timeline();
        let (kind, text) = match self.query.last("as") {
            None | Some("text") => ("text/plain; charset=utf-8", timeline.to_string()),
            Some("svg") => ("image/svg+xml", timeline.svg()),
            Some("html") => ("text/html; charset=utf-8", timeline.html()),
            Some(other) => {
                let message =
                    format!("a timeline is shown as `text`, `svg` or `html`, not as `{other}`");
                return Err(Refusal::new(400, message));
            }
        };
        let mut reply = Reply::new(200).with_header("content-type", kind);
        reply.body = text.into();
        Ok(reply)
    }
}
