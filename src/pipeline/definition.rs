//! Definitions: a file that was read once, kept, and made into a pipeline whenever a build needs one.
//!
//! Elsewhere: YAML (`yaml`), what go-pipeline refuses (`agent`), the `$` in the text (`interpolate`), the server's
//! rules (`steps`).

use super::Pipeline;
use super::agent;
use super::error::PipelineError;
use super::interpolate::{self, Interpolation};
use super::node::{Entry, Node, Value};
use super::yaml;

/// A pipeline file as an agent can read it; the server's rules have not been asked yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    root: Node,
    /// Whether there is a `$` anywhere; if not, interpolation has nothing to do.
    has_dollars: bool,
}

impl Definition {
    /// Reads the first document of `text`: a mapping with `steps`, or the list of steps alone.
    pub(crate) fn load(text: &str) -> Result<Self, PipelineError> {
        Self::of(yaml::load(text)?)
    }

    /// Reads every document of `text`, each of which an agent uploads by itself; none is a list without items.
    /// Chosen: one bad document refuses them all, so that nothing is half uploaded.
    pub(crate) fn load_all(text: &str) -> Result<Vec<Self>, PipelineError> {
        yaml::load_all(text)?.into_iter().map(Self::of).collect()
    }

    pub(super) fn of(root: Node) -> Result<Self, PipelineError> {
        agent::check(&root)?;
        let has_dollars = interpolate::has_dollars(&root);
        Ok(Self { root, has_dollars })
    }

    /// Whether a build fills anything in.
    pub(crate) fn has_dollars(&self) -> bool {
        self.has_dollars
    }

    /// The pipeline as written, for showing. What still has a `$` where a number, a boolean or a choice belongs counts
    /// as not written.
    pub(crate) fn pipeline(&self) -> Result<Pipeline, PipelineError> {
        if !self.has_dollars {
            return Pipeline::read(&self.root);
        }
        Pipeline::read(&interpolate::templates(&self.root))
    }

    /// The pipeline a build gets.
    pub(crate) fn interpolated(&self, how: Interpolation<'_>) -> Result<Pipeline, PipelineError> {
        if !self.has_dollars {
            return Pipeline::read(&self.root);
        }
        Pipeline::read(&interpolate::interpolate(&self.root, how)?)
    }

    /// What an agent sends of it, with everything filled in.
    pub(crate) fn sent(&self, how: Interpolation<'_>) -> Result<Sent, PipelineError> {
        let root = if self.has_dollars {
            interpolate::interpolate(&self.root, how)?
        } else {
            self.root.clone()
        };
        Ok(Sent(root))
    }
}

/// A definition as an agent sent it. Shares what it can with the file, so keeping one costs little.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent(Node);

impl Sent {
    /// By the server's rules.
    pub(crate) fn pipeline(&self) -> Result<Pipeline, PipelineError> {
        Pipeline::read(&self.0)
    }

    /// How many bytes it has as the JSON it is sent as.
    ///
    /// Chosen: what the agent writes in another way than the file does, such as plugins, is counted and shown as in the
    /// file.
    pub(crate) fn size(&self) -> usize {
        self.whole().json().len()
    }

    /// Written as YAML again.
    pub(crate) fn yaml(&self) -> String {
        self.whole().yaml()
    }

    /// A list of steps alone is sent as a pipeline that has them.
    fn whole(&self) -> Value {
        let Node { value, at } = &self.0;
        if value.items().is_none() {
            return value.clone();
        }
        let steps = Entry {
            key: "steps".into(),
            at: *at,
            value: self.0.clone(),
        };
        Value::Map([steps].into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Step;
    use super::*;

    #[test]
    fn a_definition_can_be_kept_and_sent() {
        fn keepable<T: Send + Sync + 'static>() {}
        keepable::<Definition>();
        keepable::<Pipeline>();
    }

    #[test]
    fn a_file_is_read_once_and_shown_or_filled() {
        let text = "- {command: make, label: $BUILDKITE_BRANCH, parallelism: $N, key: 'a ${N?}', soft_fail: $S, retry: {automatic: {limit: $L, exit_status: $E}}}\n";
        let definition = Definition::load(text).expect("valid");
        let shown = definition.pipeline().expect("valid as written");
        let Some(Step::Command(step)) = shown.steps.first() else {
            panic!("a command step")
        };
        assert_eq!(step.label.as_deref(), Some("$BUILDKITE_BRANCH"));
        assert_eq!(step.common.key.as_deref(), Some("a ${N?}"));
        assert_eq!(step.parallelism, None);
        let as_text = definition
            .interpolated(Interpolation::None)
            .expect_err("text is no number");
        assert!(as_text.message().contains("`key` must be"), "{as_text}");
        let environment: BTreeMap<String, String> = [("N", "3"), ("BUILDKITE_BRANCH", "main")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let filled = Definition::load(&text.replace("a $", "a-$")).expect("valid");
        let filled = filled
            .interpolated(Interpolation::upload(&environment))
            .expect("valid");
        let Some(Step::Command(step)) = filled.steps.first() else {
            panic!("a command step")
        };
        assert_eq!(
            (step.parallelism, step.label.as_deref()),
            (Some(3), Some("main"))
        );
        assert_eq!(step.common.key.as_deref(), Some("a-3"));
    }

    #[test]
    fn streams() {
        let documents = Definition::load_all("- wait\n---\nsteps: [wait, block]\n").expect("valid");
        let counts: Vec<usize> = documents
            .iter()
            .map(|one| one.pipeline().expect("valid").steps.len())
            .collect();
        assert_eq!(counts, [1, 2]);
        assert!(Definition::load_all("- wait\n---\n5\n").is_err());
        assert_eq!(Definition::load_all("").expect("nothing"), []);
    }
}
