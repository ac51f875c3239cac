//! Pipelines in the hands of a test.

use std::fmt;
use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::account::OrganizationKey;
use crate::engine::commands::{CreatePipeline, PipelineRefused};
use crate::engine::expand;
use crate::engine::graph;
use crate::engine::pipeline::{Pipeline, PipelineKey, Settings};
use crate::engine::recipe::Source;
use crate::fake::choices::{joined, listed, owner};
use crate::fake::{BuildBuilder, BuildHandle, Home, JobScript, PIPELINE_GONE, Tie};
use crate::pipeline::{Definition, DimensionOrder, Step};
use crate::script::{JobView, PipelineUpload, Predicate, is_meant};
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::PipelineId;
use crate::vocabulary::slip::{slip, slip_unless, wording};
use crate::vocabulary::states::JobType;
use crate::wire::View;

/// The steps of a pipeline whose test does not care.
const ONE_STEP: &str = "steps:\n  - command: \"true\"\n";

/// A pipeline to be; see [`FakeBuildkite::pipeline`](crate::FakeBuildkite::pipeline).
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// let app = fake
///     .pipeline("My App")
///     .slug("app")
///     .description("What everybody uses")
///     .repository("git@example.com:app.git")
///     .default_branch("trunk")
///     .steps("steps: [{command: make}]")
///     .create();
/// assert_eq!((app.slug(), app.name()), ("app".to_owned(), "My App".to_owned()));
/// assert_eq!(app.create_build().branch(), "trunk");
/// ```
///
/// Source: Buildkite docs, "Pipelines API", section "Create a YAML pipeline".
#[derive(Debug, Clone)]
#[must_use = "the pipeline is made by `create`"]
pub struct PipelineBuilder {
    pub(super) tie: Tie,
    home: Home,
    name: String,
    slug: Option<String>,
    yaml: String,
    pub(super) settings: Settings,
    pub(super) access: Access,
}

impl PipelineBuilder {
    pub(super) fn new(tie: Tie, home: Home, name: String) -> Self {
        let organization = tie
            .driver()
            .read(|engine| engine.organization(home.organization).slug.to_string());
        let slug = crate::engine::pipeline::slug_of(&name).unwrap_or_default();
        let settings =
            Settings::for_repository(format!("https://github.com/{organization}/{slug}.git"));
        Self {
            tie,
            home,
            name,
            slug: None,
            yaml: ONE_STEP.to_owned(),
            settings,
            access: Access::ManageBuildAndRead,
        }
    }

    /// The steps, as the YAML of a pipeline: a mapping with `steps`, or the list alone. One command step unless a test
    /// says otherwise.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("
    /// steps:
    ///   - command: make test
    ///     key: test
    ///   - wait
    ///   - block: Release?
    /// ").create();
    /// assert_eq!(app.create_build().all_jobs().len(), 3);
    /// ```
    pub fn steps(mut self, yaml: impl Into<String>) -> Self {
        self.yaml = yaml.into();
        self
    }

    /// The slug, instead of the one derived from the name.
    pub fn slug(mut self, slug: impl Into<String>) -> Self {
        self.slug = Some(slug.into());
        self
    }

    /// The repository; `https://github.com/<organization>/<slug>.git` unless a test says otherwise.
    pub fn repository(mut self, url: impl Into<String>) -> Self {
        self.settings.repository = url.into();
        self
    }

    /// The branch of builds that name none; `main` unless a test says otherwise.
    pub fn default_branch(mut self, branch: impl Into<String>) -> Self {
        self.settings.default_branch = branch.into();
        self
    }

    /// The description.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.settings.description = Some(text.into());
        self
    }

    /// A new build of a branch skips the older ones that have not started, as the setting "skip intermediate builds"
    /// does.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").skip_intermediate_builds().create();
    /// let (older, _newer) = (app.create_build(), app.create_build());
    /// assert_eq!(older.state(), fake_buildkite::BuildState::Skipped);
    /// ```
    pub fn skip_intermediate_builds(mut self) -> Self {
        self.settings.skip_queued.is_on = true;
        self
    }

    /// A new build of a branch that begins to run cancels the older ones that run or wait for a person, as the setting
    /// "cancel intermediate builds" does.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{block: Ship?}]").cancel_intermediate_builds().create();
    /// let older = app.create_build();
    /// let newer = app.create_build();
    /// newer.job("Ship?").unblock();
    /// fake.advance(minutes(1));
    /// assert_eq!(older.state(), BuildState::Canceled);
    /// ```
    pub fn cancel_intermediate_builds(mut self) -> Self {
        self.settings.cancel_running.is_on = true;
        self
    }

    /// Refuses rebuilds.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.pipeline("app").without_rebuilds().create_build();
    /// let url = format!("{}organizations/acme/pipelines/app/builds/1/rebuild", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().put(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(answer.status(), 422); // Rebuilds have been disabled for this pipeline
    /// ```
    pub fn without_rebuilds(mut self) -> Self {
        self.settings.allow_rebuilds = false;
        self
    }

    /// Makes the pipeline.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("My App").create();
    /// assert_eq!(app.slug(), "my-app");
    /// assert!(app.builds().is_empty());
    /// ```
    ///
    /// # Panics
    ///
    /// If Buildkite, or this fake, would not take it: the message says why, and where in the YAML.
    #[track_caller]
    pub fn create(self) -> PipelineHandle {
        let cluster = self.settings.cluster;
        let is_there =
            |engine: &Engine| cluster.is_none_or(|key| engine.find_cluster(key).is_some());
        slip_unless!(
            self.tie.driver().read(is_there),
            "the cluster of pipeline `{}` is gone: it was deleted, or the fake went back to before it was made",
            self.name
        );
        let command = CreatePipeline {
            organization: self.home.organization,
            name: self.name.clone(),
            slug: self.slug.clone(),
            settings: self.settings,
            steps: Source::Yaml(self.yaml),
            env: Vec::new(),
            access: self.access,
            teams: Vec::new(),
            created_by: Some(self.home.user),
        };
        let name = &self.name;
        match self.tie.driver().apply(command) {
            Ok(key) => PipelineHandle {
                tie: self.tie,
                home: self.home,
                key,
            },
            Err(PipelineRefused::Steps(refused)) => {
                slip!("the YAML of pipeline `{name}`: {refused}")
            }
            Err(PipelineRefused::FilterCondition(text)) => {
                slip!("the filter condition of pipeline `{name}`: {text}")
            }
            Err(PipelineRefused::NameTaken) => {
                slip!("the slug of pipeline `{name}` is taken by a pipeline that is there already")
            }
            Err(PipelineRefused::SlugTaken) => {
                let slug = self.slug.unwrap_or_default();
                slip!("there is a pipeline with the slug `{slug}` already")
            }
            Err(PipelineRefused::NameInvalid) => {
                slip!("no slug can be made of the name `{name}`")
            }
            Err(PipelineRefused::SlugInvalid) => {
                let slug = self.slug.unwrap_or_default();
                slip!("`{slug}` is no slug of a pipeline: letters, digits and hyphens")
            }
        }
    }

    /// Makes the pipeline and a first build of it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// assert_eq!((build.number(), fake.existing_pipeline("app").builds().len()), (1, 1));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`create`](Self::create).
    #[track_caller]
    pub fn create_build(self) -> BuildHandle {
        self.create().create_build()
    }
}

/// A pipeline of the fake. Cheap to clone; reads live state.
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").create();
/// app.create_build();
/// app.build().branch("feature").create();
/// assert_eq!(app.builds().len(), 2);
/// assert_eq!((app.build_number(1).branch(), app.latest_build().branch()), ("main".to_owned(), "feature".to_owned()));
/// assert_eq!((app.slug(), app.name()), ("app".to_owned(), "app".to_owned()));
/// assert_eq!(app.id(), fake.existing_pipeline("app").id());
/// ```
///
/// Source: Buildkite docs, "Pipelines API".
#[derive(Clone)]
pub struct PipelineHandle {
    pub(super) tie: Tie,
    pub(super) home: Home,
    pub(super) key: PipelineKey,
}

impl PipelineHandle {
    #[track_caller]
    pub(super) fn find(tie: &Tie, home: Home, slug: &str) -> Self {
        let driver = tie.driver();
        let found = driver.read(|engine| engine.pipeline_by_slug(home.organization, slug));
        if let Some(key) = found {
            Self {
                tie: tie.clone(),
                home,
                key,
            }
        } else {
            let (owner, known) = driver.read(|engine| {
                let owner = owner(engine, home.organization);
                (owner, slugs(engine, home.organization))
            });
            slip!("no pipeline `{slug}`; {owner} has {known}")
        }
    }

    /// Its slug.
    #[must_use]
    #[track_caller]
    pub fn slug(&self) -> String {
        self.read(|_, pipeline| pipeline.slug.to_string())
    }

    /// Its name.
    #[must_use]
    #[track_caller]
    pub fn name(&self) -> String {
        self.read(|_, pipeline| pipeline.name.clone())
    }

    /// Its page, for a browser: the newest hundred of its builds. It needs no token.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// assert_eq!(app.web_url(), format!("{}/acme/app", fake.url()));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn web_url(&self) -> String {
        let driver = self.tie.driver();
        self.read(|engine, _| View::new(engine, driver.origin()).pipeline_web_url(self.key))
    }

    /// Its id.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> PipelineId {
        self.read(|_, pipeline| pipeline.id)
    }

    /// Tells jobs what they will do: those whose step has this key, this label or this command (its first line), in
    /// which `*` stands for any run of characters; `*` alone means all. The rule made last decides and replaces earlier
    /// ones whole; without one a job is picked up after a second, runs ten, and passes. One job of a matrix or of a
    /// parallel step is called by the label or command it ends up with, and so is one whose label or command has a `$`
    /// expression.
    ///
    /// # Panics
    ///
    /// If no command step is called so, or can be once a build fills it in; the message names those there are.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{label: ':hammer: Build', command: make}]").create();
    /// app.on_job("*Build").takes(minutes(2)).exits(1);
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.job(":hammer: Build").state(), JobState::Failed);
    /// ```
    #[track_caller]
    pub fn on_job(&self, matcher: &str) -> JobScript {
        let unknown = self.read(|engine, pipeline| {
            let uploads = engine.scripts_of(self.key).uploads();
            why_unknown(pipeline, uploads, matcher)
        });
        if let Some(message) = unknown {
            slip!("{message}");
        }
        JobScript::new(self.tie.clone(), self.key, |scripts| scripts.add(matcher))
    }

    /// As [`on_job`](Self::on_job), for jobs that are not among the pipeline's own steps because the test will upload
    /// them by hand. The name is not checked. What scripts upload is known to [`on_job`](Self::on_job).
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create();
    /// app.on_uploaded_job("made").exits(1);
    /// let build = app.create_build();
    /// build.job("gen").start();
    /// build.job("gen").upload_pipeline("steps: [{command: make, key: made}]");
    /// build.job("gen").pass();
    /// fake.run_until_idle();
    /// assert_eq!(build.job("made").state(), JobState::Failed);
    /// ```
    #[track_caller]
    pub fn on_uploaded_job(&self, matcher: &str) -> JobScript {
        self.read(|_, _| ());
        JobScript::new(self.tie.clone(), self.key, |scripts| scripts.add(matcher))
    }

    /// As [`on_job`](Self::on_job), for the jobs of which this is true.
    ///
    /// It is asked once of each job, when that comes to wait for an agent and no later rule is for it. No lock is held
    /// meanwhile, and no time passes unless somebody else moves the clock; the answer should follow from the job alone,
    /// or runs will differ. It may use handles, and makes no requests: it often runs on the very thread that would
    /// answer them.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make deploy}]").create();
    /// app.on_job_when(|job| job.env("BUILDKITE_BRANCH") != Some("main")).exits(3);
    /// let main = app.create_build();
    /// let feature = app.build().branch("feature").create();
    /// fake.run_until_idle();
    /// assert_eq!(main.job("make deploy").exit_status(), Some(0));
    /// assert_eq!(feature.job("make deploy").exit_status(), Some(3));
    /// ```
    ///
    /// A panic in it goes to whoever made the job wait, and the fake answers nobody any more.
    #[track_caller]
    pub fn on_job_when(
        &self,
        holds: impl Fn(&JobView) -> bool + Send + Sync + 'static,
    ) -> JobScript {
        self.read(|_, _| ());
        let predicate = Predicate::new(holds);
        JobScript::new(self.tie.clone(), self.key, |scripts| {
            scripts.add_when(predicate)
        })
    }

    /// Begins a build by hand; `create` makes it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let build = app.build().branch("feature").message("Try this").env("DEBUG", "1").create();
    /// assert_eq!(build.number(), 1);
    /// ```
    #[track_caller]
    pub fn build(&self) -> BuildBuilder {
        let branch = self.read(|_, pipeline| pipeline.settings.default_branch.clone());
        BuildBuilder::new(self.tie.clone(), self.home, self.key, branch)
    }

    /// Makes a build of the default branch.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").default_branch("trunk").create();
    /// let (first, second) = (app.create_build(), app.create_build());
    /// assert_eq!((first.number(), second.number()), (1, 2));
    /// assert_eq!((first.branch(), first.commit()), ("trunk".to_owned(), "HEAD".to_owned()));
    /// ```
    #[track_caller]
    pub fn create_build(&self) -> BuildHandle {
        self.build().create()
    }

    /// The build with this number.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let (_first, second) = (app.create_build(), app.create_build());
    /// assert_eq!(app.build_number(2).id(), second.id());
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none; the message names those there are.
    #[must_use]
    #[track_caller]
    pub fn build_number(&self, number: u64) -> BuildHandle {
        let found = self
            .tie
            .driver()
            .read(|engine| engine.build_by_number(self.key, number));
        if let Some(key) = found {
            BuildHandle::new(self.tie.clone(), self.home, key)
        } else {
            let builds = self.builds();
            let known = joined(builds.iter().map(|build| build.number().to_string()));
            slip!(
                "no build {number} in pipeline `{}`; it has {known}",
                self.slug()
            )
        }
    }

    /// The newest build.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
    /// let create = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token());
    /// create.body(r#"{"commit":"HEAD","branch":"feature"}"#).send().unwrap(); // the program under test does this
    /// assert_eq!(app.latest_build().branch(), "feature");
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none yet.
    #[must_use]
    #[track_caller]
    pub fn latest_build(&self) -> BuildHandle {
        let newest = self.read(|engine, _| engine.activity(self.key).builds.last().copied());
        let Some(key) = newest else {
            slip!("pipeline `{}` has no build yet", self.slug())
        };
        BuildHandle::new(self.tie.clone(), self.home, key)
    }

    /// Every build, oldest first.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// app.create_build();
    /// app.build().branch("feature").create();
    /// let branches: Vec<_> = app.builds().iter().map(|build| build.branch()).collect();
    /// assert_eq!(branches, ["main", "feature"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn builds(&self) -> Vec<BuildHandle> {
        let keys: Vec<_> =
            self.read(|engine, _| engine.activity(self.key).builds.iter().copied().collect());
        keys.into_iter()
            .map(|key| BuildHandle::new(self.tie.clone(), self.home, key))
            .collect()
    }

    #[track_caller]
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&crate::engine::Engine, &crate::engine::pipeline::Pipeline) -> T,
    ) -> T {
        let found = self
            .tie
            .driver()
            .read(|engine| Some(look(engine, engine.find_pipeline(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!("{PIPELINE_GONE}"),
        }
    }
}

/// The slugs of an organization's pipelines, as a sentence lists them.
pub(super) fn slugs(engine: &Engine, organization: OrganizationKey) -> String {
    let all = engine.organization(organization).pipelines.iter();
    listed(all.map(|key| &engine.pipeline(*key).slug))
}

/// Why no job of the pipeline will ever be meant by `matcher`, in words for the test's author.
fn why_unknown<'u>(
    pipeline: &Pipeline,
    uploads: impl Iterator<Item = &'u PipelineUpload>,
    matcher: &str,
) -> Option<String> {
    // A matrix, parallelism and `$` expressions fill in names of their own.
    let can_be_meant = |step: &Arc<Step>| {
        let names = graph::names_of(step);
        is_meant(matcher, &names)
            || names.iter().any(|name| name.contains('$'))
            || expand::variants(step, DimensionOrder::Written)
                .iter()
                .any(|one| is_meant(matcher, &graph::names_of(&one.spec)))
    };
    let steps = || pipeline.steps.iter().map(|placed| &placed.step);
    let commands = || steps().filter(|step| graph::kind_of(step) == JobType::Script);
    if commands().any(can_be_meant)
        || uploads
            .flat_map(uploaded_commands)
            .any(|step| can_be_meant(&step))
    {
        return None;
    }
    let names = listed(commands().map(|step| graph::name_of(step)));
    let slug = &pipeline.slug;
    Some(
        if steps().any(|step| is_meant(matcher, &graph::names_of(step))) {
            format!(
                "`{matcher}` runs no command, so it takes no script; the command steps are {names}"
            )
        } else {
            format!(
                "no step of pipeline `{slug}` is called `{matcher}`; its command steps are {names}. If a job will upload \
                 such a step, {}",
                wording(
                    "tell its script first (`uploads(..)`), or use `on_uploaded_job`",
                    "tell the script of that job first (with `uploads`), or say `\"uploaded\": true`"
                )
            )
        },
    )
}

/// The command steps of an upload, as written.
fn uploaded_commands(upload: &PipelineUpload) -> Vec<Arc<Step>> {
    let definitions = Definition::load_all(&upload.yaml).into_iter().flatten();
    let steps = definitions
        .filter_map(|one| one.pipeline().ok())
        .flat_map(|pipeline| pipeline.steps);
    let placed = graph::place(steps.collect(), 0)
        .into_iter()
        .map(|placed| placed.step);
    placed
        .filter(|step| graph::kind_of(step) == JobType::Script)
        .collect()
}

/// `PipelineHandle(app)`.
impl fmt::Debug for PipelineHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slug = self.tie.alive().and_then(|driver| {
            driver.read(|engine| Some(engine.find_pipeline(self.key)?.slug.to_string()))
        });
        write!(f, "PipelineHandle({})", slug.as_deref().unwrap_or("gone"))
    }
}
