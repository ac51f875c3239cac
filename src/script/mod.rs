//! Scripts: what the commands of jobs will do, told before they run.
//!
//! A rule names jobs (by key, label or command, with `*`, or by a closure) and lists attempts; the last rule that
//! matches a job decides, so a test can override what its set-up said. Attempts count along retries and rebuilds; the
//! last one of a rule repeats.
//!
//! The map: `matcher` says which jobs a rule is for; `annotation`, `artifact` and `upload` are what a job can leave.
//!
//! Elsewhere: when a script takes effect and who asks for it (`engine::attempts`), the methods a test calls (`fake`).

mod annotation;
mod artifact;
mod matcher;
mod upload;

use std::sync::Arc;

use chrono::TimeDelta;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use crate::persistent::List;
use crate::script::matcher::Matcher;
use crate::vocabulary::exit::Exit;

pub use annotation::Annotation;
pub(crate) use artifact::ArtifactFile;
pub use matcher::JobView;
pub(crate) use matcher::{Predicate, is_meant};
pub use upload::PipelineUpload;

/// How long a job waits for the default fleet: 1 second.
const DEFAULT_PICK_UP: TimeDelta = TimeDelta::seconds(1);

/// How long a command runs when no script says otherwise: 10 seconds.
const DEFAULT_DURATION: TimeDelta = TimeDelta::seconds(10);

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
    UploadArtifact(ArtifactFile),
    Annotate(Annotation),
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
    /// How long this attempt runs; `None` if it hangs, or until when is not a matter of time. `lane` belongs to the job
    /// alone, so that a draw for one job never moves another's.
    pub(crate) fn duration(&self, lane: u64) -> Option<TimeDelta> {
        match self.takes {
            Takes::Exactly(duration) => Some(duration),
            Takes::Between(least, most) => {
                let span = (most - least).num_milliseconds();
                let drawn = Xoshiro256PlusPlus::seed_from_u64(lane).random_range(0..=span.max(0));
                Some(least + TimeDelta::milliseconds(drawn))
            }
            Takes::Forever | Takes::Polls(_) => None,
        }
    }
}

/// One rule: which jobs, and what their attempts do.
#[derive(Debug, Clone)]
struct Rule {
    matcher: Matcher,
    attempts: Vec<Attempt>,
    /// Whether the test wants each of its attempts to have run.
    must_run: bool,
    /// How many of its attempts, from the first, have run.
    ran: usize,
}

/// Names a rule among the scripts of its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleKey(usize);

impl RuleKey {
    /// No rule comes before it.
    pub(crate) const FIRST: Self = Self(0);
}

/// The scripts of one pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Scripts {
    rules: List<Rule>,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self { rules: List::new() }
    }

    /// Adds a rule whose one attempt is the default script.
    pub(crate) fn add(&mut self, called: &str) -> RuleKey {
        self.add_rule(Matcher::Called(called.into()))
    }

    /// As [`add`](Self::add), for the jobs of which the test says so.
    pub(crate) fn add_when(&mut self, predicate: Predicate) -> RuleKey {
        self.add_rule(Matcher::When(predicate))
    }

    fn add_rule(&mut self, matcher: Matcher) -> RuleKey {
        self.rules.push(Rule {
            matcher,
            attempts: vec![Attempt::default()],
            must_run: false,
            ran: 0,
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

    /// Whether a rule is there: it is not, once its fake went back to before it was told.
    pub(crate) fn has(&self, rule: RuleKey) -> bool {
        rule.0 < self.rules.len()
    }

    fn attempts(&mut self, rule: RuleKey) -> &mut Vec<Attempt> {
        &mut self.rule_mut(rule).attempts
    }

    fn rule_mut(&mut self, rule: RuleKey) -> &mut Rule {
        let found = self.rules.get_mut(rule.0);
        found.expect("whoever writes asks whether it is there")
    }

    /// Every attempt that is told must run, or the test fails.
    pub(crate) fn must_run(&mut self, rule: RuleKey) {
        self.rule_mut(rule).must_run = true;
    }

    /// Whether the test wants the attempts of a rule to run.
    pub(crate) fn is_owed(&self, rule: RuleKey) -> bool {
        self.rule(rule).must_run
    }

    /// The `number`-th attempt (from 1) of a job that goes by this rule runs.
    pub(crate) fn runs(&mut self, rule: RuleKey, number: u32) {
        let rule = self.rule_mut(rule);
        rule.ran = rule.ran.max(rule.attempts.len().min(number as usize));
    }

    /// The rules whose attempts must run and did not all, in sentences.
    pub(crate) fn unmet(&self) -> impl Iterator<Item = String> {
        let owed = self.rules.iter().filter(|rule| rule.must_run);
        let unmet = owed.filter(|rule| rule.ran < rule.attempts.len());
        unmet.map(|rule| {
            let (ran, told) = (rule.ran, rule.attempts.len());
            let attempts = if told == 1 { "attempt" } else { "attempts" };
            format!(
                "{} must run, and {ran} of {told} {attempts} did",
                rule.matcher
            )
        })
    }

    /// Every upload the scripts tell of.
    pub(crate) fn uploads(&self) -> impl Iterator<Item = &PipelineUpload> {
        let attempts = self.rules.iter().flat_map(|rule| &rule.attempts);
        let acts = attempts.flat_map(|attempt| &attempt.acts);
        acts.filter_map(|(_, act)| match act {
            Act::Upload(upload) => Some(upload),
            Act::PromiseFailure(_)
            | Act::SetMetaData(..)
            | Act::UploadArtifact(_)
            | Act::Annotate(_) => None,
        })
    }

    /// Whether nothing was said about any job.
    pub(crate) fn are_default(&self) -> bool {
        self.rules.is_empty()
    }

    /// Which rule is for a job called so. `verdict` tells what is known of a rule that goes by a predicate; an error
    /// names the first one that has to be asked.
    pub(crate) fn rule_for(
        &self,
        names: &[&str],
        verdict: impl Fn(RuleKey) -> Option<bool>,
    ) -> Result<Option<RuleKey>, RuleKey> {
        for row in (0..self.rules.len()).rev() {
            let rule = RuleKey(row);
            let is_for = match &self.rule(rule).matcher {
                Matcher::Called(wanted) => is_meant(wanted, names),
                Matcher::When(_) => verdict(rule).ok_or(rule)?,
            };
            if is_for {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }

    /// What the `number`-th attempt (from 1) of a job does that goes by this rule, or by none.
    pub(crate) fn attempt(&self, rule: Option<RuleKey>, number: u32) -> Attempt {
        let Some(rule) = rule else {
            return Attempt::default();
        };
        let attempts = &self.rule(rule).attempts;
        let wanted = number.saturating_sub(1) as usize;
        attempts[wanted.min(attempts.len() - 1)].clone()
    }

    /// What a rule has to ask, if it goes by a predicate.
    pub(crate) fn predicate(&self, rule: RuleKey) -> Option<&Predicate> {
        match &self.rule(rule).matcher {
            Matcher::Called(_) => None,
            Matcher::When(predicate) => Some(predicate),
        }
    }

    fn rule(&self, rule: RuleKey) -> &Rule {
        self.rules.get(rule.0).expect("rules are never removed")
    }
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
        let ask_nobody = |_| panic!("every rule goes by a name");
        let ending = |names: &[&str], number| {
            let rule = scripts.rule_for(names, ask_nobody);
            let rule = rule.expect("nothing has to be asked");
            scripts.attempt(rule, number).ending
        };
        let status = |names: &[&str], number| match ending(names, number) {
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
    fn a_predicate_is_asked_when_no_later_rule_decides() {
        let mut scripts = Scripts::new();
        let first = scripts.add("*");
        let asked = scripts.add_when(Predicate::new(|_| true));
        let named = scripts.add("lint");
        let rule = |names: &[&str], known| scripts.rule_for(names, |_| known);
        assert_eq!(rule(&["lint"], None), Ok(Some(named)), "no need to ask");
        assert_eq!(rule(&["test"], None), Err(asked));
        assert_eq!(rule(&["test"], Some(true)), Ok(Some(asked)));
        assert_eq!(rule(&["test"], Some(false)), Ok(Some(first)));
        assert!(scripts.predicate(asked).is_some() && scripts.predicate(first).is_none());
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
