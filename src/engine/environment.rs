//! What a job's command finds in its environment, as far as Buildkite sets it: the pipeline's `env`, above it the
//! build's, above it the step's, above all Buildkite's own variables.
//!
//! Elsewhere: what an agent's hooks and the machine add, which no job here has.
//! Source: Buildkite docs, "Environment variables"; the names and their order from a recorded job of August 2023.
//!
//! Chosen: what that job does not have, because it was in no cluster, comes after what it has.

use crate::engine::Engine;
use crate::engine::build::put;
use crate::engine::job::JobKey;
use crate::pipeline::Step;
use crate::vocabulary::role::TeamPrivacy;

/// Buildkite's own variables, in the order in which a job shows them.
const STANDARD: &[&str] = &[
    "CI",
    "BUILDKITE",
    "BUILDKITE_ORGANIZATION_SLUG",
    "BUILDKITE_PIPELINE_SLUG",
    "BUILDKITE_PIPELINE_NAME",
    "BUILDKITE_PIPELINE_ID",
    "BUILDKITE_PIPELINE_PROVIDER",
    "BUILDKITE_PIPELINE_DEFAULT_BRANCH",
    "BUILDKITE_REPO",
    "BUILDKITE_BUILD_ID",
    "BUILDKITE_BUILD_NUMBER",
    "BUILDKITE_BUILD_URL",
    "BUILDKITE_BRANCH",
    "BUILDKITE_TAG",
    "BUILDKITE_COMMIT",
    "BUILDKITE_MESSAGE",
    "BUILDKITE_SOURCE",
    "BUILDKITE_BUILD_AUTHOR",
    "BUILDKITE_BUILD_AUTHOR_EMAIL",
    "BUILDKITE_BUILD_CREATOR",
    "BUILDKITE_BUILD_CREATOR_EMAIL",
    "BUILDKITE_BUILD_CREATOR_TEAMS",
    "BUILDKITE_REBUILT_FROM_BUILD_ID",
    "BUILDKITE_REBUILT_FROM_BUILD_NUMBER",
    "BUILDKITE_PULL_REQUEST",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "BUILDKITE_PULL_REQUEST_REPO",
    "BUILDKITE_TRIGGERED_FROM_BUILD_ID",
    "BUILDKITE_TRIGGERED_FROM_BUILD_NUMBER",
    "BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG",
    "BUILDKITE_JOB_ID",
    "BUILDKITE_LABEL",
    "BUILDKITE_COMMAND",
    "BUILDKITE_ARTIFACT_PATHS",
    "BUILDKITE_RETRY_COUNT",
    "BUILDKITE_TIMEOUT",
    "BUILDKITE_STEP_KEY",
    "BUILDKITE_STEP_ID",
    "BUILDKITE_PROJECT_SLUG",
    "BUILDKITE_PROJECT_PROVIDER",
    "BUILDKITE_SCRIPT_PATH",
    "BUILDKITE_CLEAN_CHECKOUT",
    "BUILDKITE_PARALLEL_JOB",
    "BUILDKITE_PARALLEL_JOB_COUNT",
    "BUILDKITE_GROUP_KEY",
    "BUILDKITE_GROUP_LABEL",
    "BUILDKITE_AGENT_ID",
    "BUILDKITE_AGENT_NAME",
    "BUILDKITE_CLUSTER_ID",
    "BUILDKITE_CLUSTER_NAME",
];

impl Engine {
    /// The environment of a command's job, each name once.
    pub(crate) fn environment_of(&self, key: JobKey) -> Vec<(String, String)> {
        let job = self.jobs.get(key);
        let build = self.builds.get(job.build);
        let pipeline = self.pipelines.get(build.pipeline);
        let of_step: &[_] = match &*job.spec {
            Step::Command(step) => &step.env,
            Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => {
                &[]
            }
        };
        let mut environment = Vec::new();
        let layers = pipeline
            .env
            .iter()
            .flatten()
            .chain(&build.head.env)
            .chain(of_step);
        for (name, value) in layers {
            put(&mut environment, name.clone(), value.clone());
        }
        for name in STANDARD {
            if let Some(value) = self.standard_variable(key, name) {
                put(&mut environment, (*name).to_owned(), value);
            }
        }
        for tag in self.agent_tags(key) {
            if let Some((name, value)) = tag.split_once('=') {
                let name = format!("BUILDKITE_AGENT_META_DATA_{}", shouted(name));
                put(&mut environment, name, value.to_owned());
            }
        }
        if let Step::Command(step) = &*job.spec {
            let key = step.common.key.clone().unwrap_or_default();
            put(
                &mut environment,
                "BUILDKITE_STEP_IDENTIFIER".to_owned(),
                key,
            );
        }
        environment
    }

    fn agent_tags(&self, key: JobKey) -> &[String] {
        let agent = self.jobs.get(key).agent;
        agent.map_or(&[], |agent| &self.agents.get(agent).offer.tags[..])
    }

    /// One of Buildkite's own variables; `None` if this job has none of this name.
    fn standard_variable(&self, key: JobKey, name: &str) -> Option<String> {
        let job = self.jobs.get(key);
        let Step::Command(step) = &*job.spec else {
            return None;
        };
        let facts = self.facts_of(job.build);
        let build = self.builds.get(job.build);
        let pipeline = self.pipelines.get(build.pipeline);
        let organization = self.organizations.get(build.organization);
        let run = self.step_of(job);
        let creator = build.head.creator.map(|user| self.users.get(user));
        let author = build.head.author.as_ref();
        let agent = job.agent.map(|agent| self.agents.get(agent));
        let or_empty = |value: Option<&str>| Some(value.unwrap_or_default().to_owned());
        let in_cluster = || Some(self.cluster_queue(self.queue_of(job)?).cluster);
        match name {
            "CI" | "BUILDKITE" => Some("true".to_owned()),
            "BUILDKITE_PIPELINE_PROVIDER" | "BUILDKITE_PROJECT_PROVIDER" => {
                Some(pipeline.provider.kind.word().to_owned())
            }
            "BUILDKITE_PIPELINE_DEFAULT_BRANCH" => Some(pipeline.settings.default_branch.clone()),
            "BUILDKITE_BUILD_ID" => Some(build.id.to_string()),
            "BUILDKITE_BUILD_NUMBER" => Some(build.number.to_string()),
            // Chosen: the service's own address, because no request is at hand that says under which name it is asked.
            "BUILDKITE_BUILD_URL" => Some(format!(
                "https://buildkite.com/{}/{}/builds/{}",
                organization.slug, pipeline.slug, build.number
            )),
            "BUILDKITE_BUILD_AUTHOR" => or_empty(author.and_then(|author| author.name.as_deref())),
            "BUILDKITE_BUILD_AUTHOR_EMAIL" => {
                or_empty(author.and_then(|author| author.email.as_deref()))
            }
            "BUILDKITE_BUILD_CREATOR" => or_empty(creator.map(|user| user.name.as_str())),
            "BUILDKITE_BUILD_CREATOR_EMAIL" => or_empty(creator.map(|user| user.email.as_str())),
            // Those that are not secret. Recorded: nothing for somebody in no team.
            "BUILDKITE_BUILD_CREATOR_TEAMS" => {
                let teams = self.teams_with(build.organization, build.head.creator?);
                let teams = teams.filter(|team| team.settings.privacy == TeamPrivacy::Visible);
                let slugs: Vec<_> = teams.map(|team| team.slug.as_str()).collect();
                (!slugs.is_empty()).then(|| slugs.join(":"))
            }
            "BUILDKITE_JOB_ID" => Some(job.id.to_string()),
            "BUILDKITE_LABEL" => or_empty(step.label.as_deref()),
            "BUILDKITE_PROJECT_SLUG" => Some(format!("{}/{}", organization.slug, pipeline.slug)),
            // Recorded: the command itself, whatever the name says.
            "BUILDKITE_COMMAND" | "BUILDKITE_SCRIPT_PATH" => or_empty(step.command.as_deref()),
            "BUILDKITE_ARTIFACT_PATHS" => or_empty(step.artifact_paths.as_deref()),
            "BUILDKITE_RETRY_COUNT" => Some((job.attempt - 1).to_string()),
            "BUILDKITE_TIMEOUT" => {
                let limit = self
                    .timeout_of(key)
                    .map(|limit| limit.num_minutes().to_string());
                Some(limit.unwrap_or_else(|| "false".to_owned()))
            }
            "BUILDKITE_STEP_KEY" => or_empty(step.common.key.as_deref()),
            "BUILDKITE_STEP_ID" => Some(run.id.to_string()),
            // Recorded: nothing if nobody asked for it.
            "BUILDKITE_CLEAN_CHECKOUT" => build.head.clean_checkout.then(|| "true".to_owned()),
            "BUILDKITE_PARALLEL_JOB" => job.parallel.map(|(index, _)| index.to_string()),
            "BUILDKITE_PARALLEL_JOB_COUNT" => job.parallel.map(|(_, count)| count.to_string()),
            "BUILDKITE_GROUP_KEY" => {
                run.group.as_ref()?;
                or_empty(run.group_key())
            }
            "BUILDKITE_GROUP_LABEL" => or_empty(run.group.as_ref()?.step.label.as_deref()),
            "BUILDKITE_AGENT_ID" => Some(agent?.id.to_string()),
            "BUILDKITE_AGENT_NAME" => Some(agent?.name.to_string()),
            // In clusters, and there only for a job that has a queue.
            "BUILDKITE_CLUSTER_ID" => Some(self.cluster(in_cluster()?).id.to_string()),
            "BUILDKITE_CLUSTER_NAME" => Some(self.cluster(in_cluster()?).settings.name.to_string()),
            other => facts.builtin(other),
        }
    }
}

/// The name of a tag as it stands in a variable's name: upper case, and `_` for what such a name cannot have.
fn shouted(name: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    name.chars().map(letter).collect()
}
