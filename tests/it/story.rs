//! Builds told in shorthand: what their steps do, what a client sees meanwhile, and how they end.

use chrono::{DateTime, Utc};
use fake_buildkite::{
    Agents, BuildHandle, FakeBuildkite, FakeBuildkiteBuilder, PipelineHandle, minutes,
};

use crate::support::{Answer, Client, Json, client};

/// A fake with one pipeline, `app`, and one build of it that a client made and watches.
pub(crate) struct Story {
    pub(crate) fake: FakeBuildkite,
    pub(crate) app: PipelineHandle,
    pub(crate) build: BuildHandle,
    pub(crate) client: Client,
    /// The states the client saw, each once in a row.
    seen: Vec<String>,
}

impl Story {
    /// Steps in shorthand, with the keys `s1`, `s2` and so on:
    ///
    /// - `C(1)` is a command that exits with 1; `C(1,slow)` takes a minute instead of ten seconds, `C(hangs)` never
    ///   ends, `C(1,soft)` is forgiven, `C(hangs,limit)` may take a minute;
    /// - `W` waits, `Wc` continues on failure, `B` blocks, `I` is an input step.
    pub(crate) fn of(steps: &str) -> Self {
        Self::with(usual(), steps)
    }

    /// As [`of`](Self::of), and no agent ever comes.
    pub(crate) fn without_agents(steps: &str) -> Self {
        Self::with(usual().agents(Agents::none()), steps)
    }

    fn with(fake: FakeBuildkiteBuilder, steps: &str) -> Self {
        let words: Vec<_> = steps.split_whitespace().enumerate().collect();
        let yaml: String = words.iter().map(|(n, word)| yaml_of(*n, word)).collect();
        Self::begin(fake, &format!("steps:\n{yaml}"), |app| {
            for (n, word) in &words {
                write_script(app, *n, word);
            }
        })
    }

    /// Any steps, and whatever else the pipeline needs before its first build.
    pub(crate) fn told(yaml: &str, set_up: impl FnOnce(&PipelineHandle)) -> Self {
        Self::begin(usual(), yaml, set_up)
    }

    /// Any steps in any fake.
    pub(crate) fn begin(
        fake: FakeBuildkiteBuilder,
        yaml: &str,
        set_up: impl FnOnce(&PipelineHandle),
    ) -> Self {
        let fake = fake.start();
        let app = fake.pipeline("app").steps(yaml).create();
        set_up(&app);
        Self::of_first_build(fake, app)
    }

    /// The first build of a pipeline `app`, in a world that is made already.
    pub(crate) fn of_first_build(fake: FakeBuildkite, app: PipelineHandle) -> Self {
        let client = client(&fake);
        let created = client.create_build("app");
        let build = app.build_number(1);
        Self {
            seen: vec![seen_state(&created)],
            fake,
            app,
            build,
            client,
        }
    }

    /// What the client gets, retried jobs included.
    #[track_caller]
    pub(crate) fn look(&mut self) -> Json {
        let path = format!("{BUILD}?include_retried_jobs=true");
        let build = self.client.get(&path).expect(200);
        // Handles and REST tell the same story.
        assert_eq!(build["state"].str(), self.build.state().as_str());
        assert_eq!(build["blocked"].bool(), self.build.is_blocked());
        let state = seen_state(&build);
        if self.seen.last() != Some(&state) {
            self.seen.push(state);
        }
        build
    }

    /// Goes on until nothing moves by itself; the client looks after everything that happens.
    #[track_caller]
    pub(crate) fn run(&mut self) {
        self.look();
        while !self.fake.step().is_empty() {
            self.look();
        }
    }

    /// The job that the n-th step has now, by its key in shorthand.
    #[track_caller]
    pub(crate) fn job(&mut self, key: &str) -> Json {
        let build = self.look();
        let mut jobs = build["jobs"].items().iter().rev();
        let found = jobs.find(|job| {
            let known = job.get("step_key").is_some_and(|k| *k == text(key));
            known || job["id"].str() == self.build.job(key).id().to_string()
        });
        found
            .unwrap_or_else(|| panic!("no job of `{key}`: {build:?}"))
            .clone()
    }

    /// Asks for something of the build: `cancel`, `rebuild`.
    pub(crate) fn put(&self, what: &str) -> Answer {
        self.client.put(&format!("{BUILD}/{what}"))
    }

    /// Asks for something of the job that a step has now: `retry`, `unblock`.
    #[track_caller]
    pub(crate) fn put_job(&self, key: &str, what: &str) -> Answer {
        let id = self.build.job(key).id();
        self.client.put(&format!("{BUILD}/jobs/{id}/{what}"))
    }

    /// How the jobs stand, in the order of the steps: `failed+soft`, `failed+retried`, `passed`.
    #[track_caller]
    pub(crate) fn jobs(&mut self) -> String {
        let build = self.look();
        let words: Vec<_> = build["jobs"].items().iter().map(word_of_job).collect();
        words.join(" ")
    }

    /// The states the client saw so far; a blocked build is `blocked:` and what it looks like.
    pub(crate) fn seen(&self) -> String {
        self.seen.join(" ")
    }

    /// The build's instants that are not null, in seconds since its creation: `started 1, finished 11`.
    #[track_caller]
    pub(crate) fn instants(&mut self) -> String {
        let build = self.look();
        instants_of(
            &build,
            &["started_at", "failing_at", "finished_at"],
            &build["created_at"],
        )
    }

    /// How the story ends: its jobs, the states the client saw, the build's instants.
    #[track_caller]
    pub(crate) fn check(&mut self, jobs: &str, seen: &str, instants: &str) {
        assert_eq!(self.jobs(), jobs, "{}", self.build.timeline());
        assert_eq!(self.seen(), seen, "{}", self.build.timeline());
        assert_eq!(self.instants(), instants, "{}", self.build.timeline());
    }
}

/// Where every story's build is.
pub(crate) const BUILD: &str = "/organizations/acme/pipelines/app/builds/1";

/// Those of these instants that are not null, in seconds since another: `started 1, finished 11`.
#[track_caller]
pub(crate) fn instants_of(of: &Json, keys: &[&str], since: &Json) -> String {
    let since = instant(since);
    let known = keys.iter().filter(|key| !of[**key].is_null());
    let words = known.map(|key| {
        let seconds = (instant(&of[*key]) - since).num_seconds();
        format!("{} {seconds}", key.trim_end_matches("_at"))
    });
    words.collect::<Vec<_>>().join(", ")
}

#[track_caller]
pub(crate) fn instant(json: &Json) -> DateTime<Utc> {
    json.str().parse().expect("an instant")
}

pub(crate) fn text(text: &str) -> Json {
    Json::String(text.to_owned())
}

/// The fake of a story that wants no other: wait steps show their state.
pub(crate) fn usual() -> FakeBuildkiteBuilder {
    FakeBuildkite::builder().waiters_with_state()
}

fn seen_state(build: &Json) -> String {
    let state = build["state"].str();
    if build["blocked"].bool() {
        format!("blocked:{state}")
    } else {
        state.to_owned()
    }
}

fn word_of_job(job: &Json) -> String {
    let has = |flag: &str| job.get(flag) == Some(&Json::Bool(true));
    let soft = if has("soft_failed") { "+soft" } else { "" };
    let retried = if has("retried") { "+retried" } else { "" };
    format!("{}{soft}{retried}", job["state"].str())
}

fn yaml_of(n: usize, word: &str) -> String {
    let key = format!("s{}", n + 1);
    let extra = |flag: &str, yaml: &'static str| if word.contains(flag) { yaml } else { "" };
    let body = match word {
        "W" => "wait: ~".to_owned(),
        "Wc" => "wait: ~, continue_on_failure: true".to_owned(),
        "B" => format!("block: Block {key}"),
        "I" => format!("input: Input {key}"),
        command => {
            assert!(command.starts_with("C("), "no step: `{command}`");
            let soft = extra("soft", ", soft_fail: true");
            let limit = extra("limit", ", timeout_in_minutes: 1");
            format!("command: make{soft}{limit}")
        }
    };
    format!("  - {{{body}, key: {key}}}\n")
}

fn write_script(app: &PipelineHandle, n: usize, word: &str) {
    let Some(does) = word
        .strip_prefix("C(")
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return;
    };
    let mut script = app.on_job(&format!("s{}", n + 1));
    for part in does.split(',') {
        script = match part {
            "slow" => script.takes(minutes(1)),
            "hangs" => script.hangs(),
            "soft" | "limit" => script,
            status => script.exits(status.parse().expect("an exit status")),
        };
    }
}

/// How every job of a build stands, in the order of its steps: `failed+soft`, `failed+retried`, `passed`.
#[track_caller]
pub(crate) fn states(build: &BuildHandle) -> String {
    let jobs = build.all_jobs();
    let words: Vec<_> = jobs
        .iter()
        .map(|job| {
            let soft = if job.soft_failed() { "+soft" } else { "" };
            let retried = job.retried_in().map_or("", |_| "+retried");
            format!("{}{soft}{retried}", job.state())
        })
        .collect();
    words.join(" ")
}

/// The names of a build's jobs, as REST shows them.
#[track_caller]
pub(crate) fn names(build: &Json) -> Vec<&str> {
    let jobs = build["jobs"].items().iter();
    jobs.map(|job| job["name"].str()).collect()
}
