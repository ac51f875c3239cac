//! What a condition may know of a build, while it is being created and later.
//!
//! Elsewhere: the language (`crate::pipeline::conditional`).
//! Source: Buildkite docs, "Using conditionals", section "Variable and syntax reference"; "Environment variables".

use crate::engine::Engine;
use crate::engine::build::{BuildKey, Head};
use crate::engine::pipeline::PipelineKey;
use crate::pipeline::{BlockedState, Fact, Facts};
use crate::vocabulary::ids::BuildId;
use crate::vocabulary::states::BuildState;

/// A build, as far as conditions can ask about it.
pub(crate) struct BuildFacts<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) pipeline: PipelineKey,
    pub(crate) id: BuildId,
    pub(crate) number: u64,
    pub(crate) head: &'e Head,
    pub(crate) state: BuildState,
}

impl Engine {
    /// What a condition may know of a build that is there.
    pub(crate) fn facts_of(&self, key: BuildKey) -> BuildFacts<'_> {
        let build = self.builds.get(key);
        BuildFacts {
            engine: self,
            pipeline: build.pipeline,
            id: build.id,
            number: build.number,
            head: &build.head,
            state: build.state,
        }
    }
}

impl BuildFacts<'_> {
    /// The slugs of the teams whoever made the build is in. Chosen: of the secret ones, too.
    fn creator_teams(&self) -> Vec<String> {
        let organization = self.engine.pipeline(self.pipeline).organization;
        let creator = self.head.creator.into_iter();
        creator
            .flat_map(|user| self.engine.teams_with(organization, user))
            .map(|team| team.slug.clone())
            .collect()
    }
}

impl Facts for BuildFacts<'_> {
    fn variable(&self, name: &str) -> Fact {
        let head = self.head;
        let pipeline = self.engine.pipeline(self.pipeline);
        let organization = self.engine.organization(pipeline.organization);
        let creator = head.creator.map(|key| self.engine.user(key));
        let pull_request = head.pull_request.as_ref();
        match name {
            "build.id" => text(&self.id.to_string()),
            "build.number" => Fact::Number(i64::try_from(self.number).unwrap_or(i64::MAX)),
            "build.commit" => text(&head.commit),
            "build.branch" => text(&head.branch),
            "build.message" => maybe(head.message.as_deref()),
            "build.tag" => maybe(head.tag.as_deref()),
            "build.state" => text(self.state.as_str()),
            "build.source" => text(head.source.as_str()),
            "build.creator.id" => maybe(creator.map(|user| user.id.to_string()).as_deref()),
            "build.creator.name" => maybe(creator.map(|user| user.name.as_str())),
            "build.creator.email" => maybe(creator.map(|user| user.email.as_str())),
            "build.creator.teams" if creator.is_some() => Fact::Strings(self.creator_teams()),
            "build.creator.verified" if creator.is_some() => Fact::Bool(true),
            "build.author.name" => maybe(
                head.author
                    .as_ref()
                    .and_then(|author| author.name.as_deref()),
            ),
            "build.author.email" => maybe(
                head.author
                    .as_ref()
                    .and_then(|author| author.email.as_deref()),
            ),
            // Chosen: an author is a name and an address, and no user of Buildkite's.
            "build.author.teams" if head.author.is_some() => Fact::Strings(Vec::new()),
            "build.pull_request.id" => maybe(pull_request.map(|request| request.id.as_str())),
            "build.pull_request.base_branch" => {
                maybe(pull_request.and_then(|request| request.base.as_deref()))
            }
            "build.pull_request.repository" => {
                maybe(pull_request.and_then(|request| request.repository.as_deref()))
            }
            "build.pull_request.labels" => {
                pull_request.map_or(Fact::Null, |request| Fact::Strings(request.labels.clone()))
            }
            "build.pull_request.draft" | "build.pull_request.repository.fork"
                if pull_request.is_some() =>
            {
                Fact::Bool(false)
            }
            "pipeline.id" => text(&pipeline.id.to_string()),
            "pipeline.slug" => text(&pipeline.slug),
            "pipeline.default_branch" => text(&pipeline.settings.default_branch),
            "pipeline.repository" => text(&pipeline.settings.repository),
            "build.blocked_state" => maybe(self.blocked_state().map(BlockedState::word)),
            "build.fixed" | "pipeline.started_passing" => Fact::Bool(
                self.state == BuildState::Passed && self.before() == Some(BuildState::Failed),
            ),
            "pipeline.started_failing" => Fact::Bool(
                self.state == BuildState::Failed && self.before() == Some(BuildState::Passed),
            ),
            "pipeline.next_finished_build_exists" => {
                Fact::Bool(self.outcomes().any(|(number, _)| number > self.number))
            }
            "organization.id" => text(&organization.id.to_string()),
            "organization.slug" => text(&organization.slug),
            _ => Fact::Null,
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        self.builtin(name).or_else(|| {
            let pipeline = self.engine.pipeline(self.pipeline);
            let of_pipeline = pipeline.env.iter().flatten();
            let mut known = of_pipeline
                .chain(&self.head.env)
                .filter(|(known, _)| known == name);
            known.next_back().map(|(_, value)| value.clone())
        })
    }
}

impl BuildFacts<'_> {
    fn blocked_state(&self) -> Option<BlockedState> {
        let key = self.engine.build_by_number(self.pipeline, self.number)?;
        self.engine.blocked_state_of(key)
    }

    /// The builds of the branch that passed or failed, newest first.
    fn outcomes(&self) -> impl Iterator<Item = (u64, BuildState)> {
        let entries = self.engine.entries(self.pipeline);
        let of_branch = entries.and_then(|of| of.of_branch(&self.head.branch));
        let keys = of_branch
            .into_iter()
            .flat_map(|run| run.newest(0..run.len()));
        let of_branch = keys.map(|key| self.engine.build(key));
        of_branch
            .filter(|build| matches!(build.state, BuildState::Passed | BuildState::Failed))
            .map(|build| (build.number, build.state))
    }

    /// How the branch stood before this build.
    ///
    /// Chosen: of the same branch, and canceled builds do not count; the documentation speaks of a pipeline that was
    /// passing or failing.
    fn before(&self) -> Option<BuildState> {
        let older = self.outcomes().find(|(number, _)| *number < self.number);
        older.map(|(_, state)| state)
    }

    /// The variables Buildkite sets itself.
    pub(crate) fn builtin(&self, name: &str) -> Option<String> {
        let head = self.head;
        let pipeline = self.engine.pipeline(self.pipeline);
        let pull_request = head.pull_request.as_ref();
        let parent = head
            .triggered_from
            .and_then(|job| self.engine.find_job(job))
            .map(|job| self.engine.build(job.build));
        let original = head
            .rebuilt_from
            .and_then(|build| self.engine.find_build(build));
        let or_empty = |value: Option<String>| Some(value.unwrap_or_default());
        match name {
            "BUILDKITE_BRANCH" => Some(head.branch.clone()),
            "BUILDKITE_TAG" => or_empty(head.tag.clone()),
            "BUILDKITE_MESSAGE" => or_empty(head.message.clone()),
            "BUILDKITE_COMMIT" => Some(head.commit.clone()),
            "BUILDKITE_PIPELINE_SLUG" => Some(pipeline.slug.to_string()),
            "BUILDKITE_PIPELINE_NAME" => Some(pipeline.name.clone()),
            "BUILDKITE_PIPELINE_ID" => Some(pipeline.id.to_string()),
            "BUILDKITE_ORGANIZATION_SLUG" => Some(
                self.engine
                    .organization(pipeline.organization)
                    .slug
                    .to_string(),
            ),
            "BUILDKITE_REPO" => Some(pipeline.settings.repository.clone()),
            "BUILDKITE_SOURCE" => Some(head.source.as_str().to_owned()),
            "BUILDKITE_PULL_REQUEST" => {
                Some(pull_request.map_or_else(|| "false".to_owned(), |request| request.id.clone()))
            }
            "BUILDKITE_PULL_REQUEST_BASE_BRANCH" => {
                or_empty(pull_request.and_then(|request| request.base.clone()))
            }
            "BUILDKITE_PULL_REQUEST_REPO" => {
                or_empty(pull_request.and_then(|request| request.repository.clone()))
            }
            "BUILDKITE_TRIGGERED_FROM_BUILD_ID" => {
                or_empty(parent.map(|build| build.id.to_string()))
            }
            "BUILDKITE_TRIGGERED_FROM_BUILD_NUMBER" => {
                or_empty(parent.map(|build| build.number.to_string()))
            }
            "BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG" => {
                or_empty(parent.map(|build| self.engine.pipeline(build.pipeline).slug.to_string()))
            }
            "BUILDKITE_REBUILT_FROM_BUILD_ID" => {
                or_empty(original.map(|build| build.id.to_string()))
            }
            "BUILDKITE_REBUILT_FROM_BUILD_NUMBER" => {
                or_empty(original.map(|build| build.number.to_string()))
            }
            _ => None,
        }
    }
}

fn text(value: &str) -> Fact {
    Fact::String(value.to_owned())
}

fn maybe(value: Option<&str>) -> Fact {
    value.map_or(Fact::Null, text)
}
