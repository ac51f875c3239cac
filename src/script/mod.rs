//! Scripts: what the commands of jobs will do, told before they run.
//!
//! A rule names jobs (by key, label or command, with `*`) and lists attempts; the last rule that matches a job decides, so
//! a test can override what its set-up said. Attempts count along retries and rebuilds; the last one of a rule repeats.
//!
//! Elsewhere: when a script takes effect and who asks for it (`engine::dispatch`), the methods a test calls (`fake`).

mod upload;

use std::sync::Arc;

use chrono::TimeDelta;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rpds::VectorSync;

use crate::vocabulary::exit::Exit;
use crate::vocabulary::wildcard;

pub use upload::PipelineUpload;

/// How long a job waits for the default fleet: 1 second.
pub(crate) const DEFAULT_PICK_UP: TimeDelta = TimeDelta::seconds(1);

/// How long a command runs when no script says otherwise: 10 seconds.
pub(crate) const DEFAULT_DURATION: TimeDelta = TimeDelta::seconds(10);

/// When an agent takes the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PickUp {
    After(TimeDelta),
    /// When its build was shown so often.
    AfterPolls(u32),
    Never,
}

/// How long the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Exactly(TimeDelta),
    /// Drawn from the seed, in a lane of the job's own; both ends included.
    Between(TimeDelta, TimeDelta),
    /// It hangs until something stops it.
    Forever,
    /// Until its build was shown so often.
    Polls(u32),
}

/// How the command ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Exits(Exit),
    /// It does not: its agent is not heard of from then on.
    AgentFallsSilent,
}

/// Something the command does while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Upload(PipelineUpload),
    /// Declares that it will end with this exit status.
    PromiseFailure(i32),
    SetMetaData(Arc<str>, Arc<str>),
}

/// When a command does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// This long after it started. Never, if it has ended by then.
    After(TimeDelta),
    /// As the last thing before it ends. Never, if it hangs.
    AtTheEnd,
}

/// What one attempt does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) pick_up: PickUp,
    pub(crate) takes: Takes,
    pub(crate) ending: Ending,
    /// In the order in which they were told.
    pub(crate) acts: Vec<(When, Act)>,
    /// Written line by line, spread evenly over the duration.
    pub(crate) log: Vec<Arc<str>>,
}

impl Default for Attempt {
    fn default() -> Self {
        Self {
            pick_up: PickUp::After(DEFAULT_PICK_UP),
            takes: Takes::Exactly(DEFAULT_DURATION),
            ending: Ending::Exits(Exit::status(0)),
            acts: Vec::new(),
            log: Vec::new(),
        }
    }
}

impl Attempt {
    /// How long this attempt runs; `None` if it hangs, or until when is not a matter of time. `lane` belongs to the job alone, so that a draw for one job never
    /// moves another's.
    pub(crate) fn duration(&self, lane: u64) -> Option<TimeDelta> {
        match self.takes {
            Takes::Exactly(duration) => Some(duration),
            Takes::Between(least, most) => {
                let span = (most - least).num_milliseconds();
                let drawn = ChaCha8Rng::seed_from_u64(lane).random_range(0..=span.max(0));
                Some(least + TimeDelta::milliseconds(drawn))
            }
            Takes::Forever | Takes::Polls(_) => None,
        }
    }
}

/// One rule: which jobs, and what their attempts do.
#[derive(Debug, Clone)]
struct Rule {
    matcher: Arc<str>,
    attempts: Vec<Attempt>,
}

/// Names a rule among the scripts of its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RuleKey(usize);

/// The scripts of one pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Scripts {
    rules: VectorSync<Rule>,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            rules: VectorSync::new_sync(),
        }
    }

    /// Adds a rule whose one attempt is the default script.
    pub(crate) fn add(&mut self, matcher: &str) -> RuleKey {
        self.rules.push_back_mut(Rule {
            matcher: matcher.into(),
            attempts: vec![Attempt::default()],
        });
        RuleKey(self.rules.len() - 1)
    }

    /// The attempt that the author of the rule is describing: its last.
    pub(crate) fn last_attempt(&mut self, rule: RuleKey) -> &mut Attempt {
        self.attempts(rule)
            .last_mut()
            .expect("a rule has an attempt from the start")
    }

    /// Begins the description of the next attempt, as a copy of the default script.
    pub(crate) fn then(&mut self, rule: RuleKey) {
        self.attempts(rule).push(Attempt::default());
    }

    fn attempts(&mut self, rule: RuleKey) -> &mut Vec<Attempt> {
        &mut self
            .rules
            .get_mut(rule.0)
            .expect("rules are never removed")
            .attempts
    }

    /// Every upload the scripts tell of.
    pub(crate) fn uploads(&self) -> impl Iterator<Item = &PipelineUpload> {
        let attempts = self.rules.iter().flat_map(|rule| &rule.attempts);
        let acts = attempts.flat_map(|attempt| &attempt.acts);
        acts.filter_map(|(_, act)| match act {
            Act::Upload(upload) => Some(upload),
            Act::PromiseFailure(_) | Act::SetMetaData(..) => None,
        })
    }

    /// What the `number`-th attempt (from 1) of a job called so does.
    pub(crate) fn attempt(&self, names: &[&str], number: u32) -> Attempt {
        let is_meant = |rule: &&Rule| is_meant(&rule.matcher, names);
        let matching = (0..self.rules.len())
            .rev()
            .filter_map(|n| self.rules.get(n))
            .find(is_meant);
        match matching {
            None => Attempt::default(),
            Some(rule) => {
                let wanted = number.saturating_sub(1) as usize;
                rule.attempts[wanted.min(rule.attempts.len() - 1)].clone()
            }
        }
    }
}

/// Whether a job called so is what a matcher means: any of its names, in which `*` stands for anything.
pub(crate) fn is_meant(matcher: &str, names: &[&str]) -> bool {
    names.iter().any(|name| wildcard::matches(matcher, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_matching_rule_decides_and_its_last_attempt_repeats() {
        let mut scripts = Scripts::new();
        let all = scripts.add("*");
        scripts.last_attempt(all).ending = Ending::Exits(Exit::status(9));
        let test = scripts.add("test");
        scripts.last_attempt(test).ending = Ending::Exits(Exit::status(1));
        scripts.then(test);
        scripts.last_attempt(test).ending = Ending::Exits(Exit::status(2));
        let status = |names: &[&str], number| match scripts.attempt(names, number).ending {
            Ending::Exits(exit) => exit.status,
            Ending::AgentFallsSilent => panic!("no script said so"),
        };
        assert_eq!(status(&["test"], 1), 1);
        assert_eq!(status(&["test", ":hammer: Test"], 2), 2);
        assert_eq!(status(&["test"], 7), 2);
        assert_eq!(status(&["Lint"], 1), 9);
        assert_eq!(status(&[], 1), 0, "a rule is for somebody");
    }

    #[test]
    fn a_range_is_drawn_from_the_lane_and_stays_inside() {
        let range = |least, most| Attempt {
            takes: Takes::Between(TimeDelta::seconds(least), TimeDelta::seconds(most)),
            ..Attempt::default()
        };
        let drawn: Vec<_> = (0..50)
            .map(|lane| range(1, 3).duration(lane).expect("it ends"))
            .collect();
        assert!(
            drawn
                .iter()
                .all(|d| (1_000..=3_000).contains(&d.num_milliseconds())),
            "{drawn:?}"
        );
        assert_eq!(
            drawn,
            (0..50)
                .map(|lane| range(1, 3).duration(lane).expect("it ends"))
                .collect::<Vec<_>>()
        );
        assert!(drawn.iter().any(|d| d != &drawn[0]), "the lane matters");
        assert_eq!(range(2, 2).duration(1), Some(TimeDelta::seconds(2)));
    }
}
