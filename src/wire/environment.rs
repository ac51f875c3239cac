//! A job's environment, as JSON and as lines.

use std::fmt::Write as _;

use serde::Serialize;

use crate::engine::job::JobKey;
use crate::wire::{Pairs, View};

/// A job's environment, to be shown.
#[derive(Debug)]
pub(crate) struct Environment(Vec<(String, String)>);

/// `GET …/env`
#[derive(Debug, Serialize)]
pub(crate) struct EnvironmentJson<'a> {
    env: Pairs<'a>,
}

impl Environment {
    pub(crate) fn new(view: &View<'_>, key: JobKey) -> Self {
        let engine = view.engine;
        let mut all = engine.environment_of(key);
        // Nobody above the engine knows where the fake is reached, and the page is there.
        let url = all
            .iter_mut()
            .find(|(name, _)| name == "BUILDKITE_BUILD_URL");
        if let Some((_, value)) = url {
            *value = view.build_web_url(engine.job(key).build);
        }
        for (name, value) in &all {
            view.saw_text(name);
            view.saw_text(value);
        }
        Self(all)
    }

    pub(crate) fn json(&self) -> EnvironmentJson<'_> {
        EnvironmentJson {
            env: Pairs(&self.0),
        }
    }

    /// `KEY=VALUE`, a line each.
    /// Chosen: values as they are; one with several lines takes several.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        for (name, value) in &self.0 {
            writeln!(lines, "{name}={value}").expect("a String takes everything");
        }
        lines
    }
}
