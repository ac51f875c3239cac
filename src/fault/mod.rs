//! Rule and verdict: what may go wrong at the edge, for whom, when, and how often it has.
//!
//! A rule belongs to the world, with its counters: going back takes both along. Chance is drawn from the fake's seed,
//! in a lane of its own for each rule, so that one rule never changes what another one draws.
//!
//! Elsewhere: which build and job a request is about and what is said in place of an answer (`http::faults`), how an
//! answer is spoiled on its way out (`http::wreck`), what a test writes (`fake::fault`).

mod verdict;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::journal::RequestRecord;
use crate::persistent::List;
use crate::vocabulary::ids::{self, BuildId, JobId, Kind};
use crate::vocabulary::route::Route;
use crate::vocabulary::span::instant;

pub(crate) use verdict::{Effect, Verdict};

/// What a test asks of a request in its own words.
pub(crate) type Predicate = Arc<dyn Fn(&RequestRecord) -> bool + Send + Sync>;

/// What a request is about, as far as rules ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) route: Option<Route>,
    /// If there is such a build, or such a job in one.
    pub(crate) build: Option<BuildId>,
    pub(crate) job: Option<JobId>,
}

/// Whom a rule is for.
#[derive(Clone, Default)]
pub(crate) struct Whom {
    /// Any but pages, if none is named.
    pub(crate) route: Option<Route>,
    pub(crate) subject: Option<Subject>,
    pub(crate) predicate: Option<Predicate>,
}

/// The one thing that requests have to be about; with its name.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Build(BuildId, Arc<str>),
    Job(JobId, Arc<str>),
}

/// Which of the requests that match. All of it has to hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct When {
    /// So many go by first.
    pub(crate) skip: u64,
    /// So many come into question; with a probability, so many are hit at most.
    pub(crate) take: Option<u64>,
    pub(crate) during: Option<Range<DateTime<Utc>>>,
    pub(crate) probability: Option<f64>,
}

/// Who ordered a fault.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ordered {
    /// This line of a test.
    At(&'static Location<'static>),
    /// A test in another language.
    #[cfg(feature = "cli")]
    ByLever,
}

impl fmt::Display for Ordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(place) => write!(f, "ordered at {}:{}", place.file(), place.line()),
            #[cfg(feature = "cli")]
            Self::ByLever => f.write_str("ordered by a lever"),
        }
    }
}

/// A fault as it was ordered.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) whom: Whom,
    pub(crate) when: When,
    pub(crate) verdict: Verdict,
    pub(crate) effect: Effect,
    pub(crate) ordered: Ordered,
}

/// A plan, and how far it got.
#[derive(Debug, Clone)]
struct Rule {
    plan: Arc<Plan>,
    /// Requests that matched.
    seen: u64,
    hits: u64,
    is_lifted: bool,
}

/// All rules, in the order in which they were ordered. Persistent, so that a clone is a snapshot and costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Faults(List<Rule>);

impl Default for Faults {
    fn default() -> Self {
        Self(List::new())
    }
}

impl Faults {
    /// Orders a fault; returns its number.
    pub(crate) fn order(&mut self, plan: Plan) -> usize {
        self.0.push(Rule {
            plan: Arc::new(plan),
            seen: 0,
            hits: 0,
            is_lifted: false,
        });
        self.0.len() - 1
    }

    /// Whether no request needs to be looked at.
    pub(crate) fn are_none(&self) -> bool {
        self.0.iter().all(Rule::is_over)
    }

    /// Those that want to look at this request in the test's own words.
    pub(crate) fn curious(&self, asked: &Asked) -> Vec<(usize, Predicate)> {
        let open = self.0.iter().enumerate();
        let open = open.filter(|(_, rule)| !rule.is_over() && rule.plan.whom.is_for(asked));
        open.filter_map(|(number, rule)| Some((number, rule.plan.whom.predicate.clone()?)))
            .collect()
    }

    /// What comes to this request, if anything does: the first rule that wants it. Every rule that it matches counts
    /// it.
    pub(crate) fn meet(
        &mut self,
        seed: u64,
        now: DateTime<Utc>,
        asked: &Asked,
        judged: &BTreeMap<usize, bool>,
    ) -> Option<Arc<Plan>> {
        let mut met = None;
        for number in 0..self.0.len() {
            let rule = &self.0[number];
            let is_matched = match rule.plan.whom.predicate {
                // One that came while this request was looked at does not concern it yet.
                Some(_) => judged.get(&number).copied().unwrap_or(false),
                None => true,
            };
            let is_concerned = is_matched
                && !rule.is_over()
                && rule.plan.whom.is_for(asked)
                && rule.plan.when.is_in_time(now);
            if !is_concerned {
                continue;
            }
            let mut rule = rule.clone();
            rule.seen += 1;
            if met.is_none() && rule.wants_this(seed, number) {
                rule.hits += 1;
                met = Some(Arc::clone(&rule.plan));
            }
            self.0[number] = rule;
        }
        met
    }

    /// How often a fault has come. 0 for one that was ordered later than this world was.
    pub(crate) fn hits(&self, number: usize) -> u64 {
        self.0.get(number).map_or(0, |rule| rule.hits)
    }

    /// Nothing more of it.
    pub(crate) fn lift(&mut self, number: usize) {
        if let Some(mut rule) = self.0.get(number).cloned() {
            rule.is_lifted = true;
            self.0[number] = rule;
        }
    }

    /// Those that were planned and have not all come, in sentences.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        self.0.iter().filter_map(Rule::complaint).collect()
    }
}

impl Rule {
    /// Nothing can come of it any more.
    fn is_over(&self) -> bool {
        let When {
            skip,
            take,
            probability,
            ..
        } = self.plan.when;
        self.is_lifted
            || take.is_some_and(|take| match probability {
                None => self.seen >= skip.saturating_add(take),
                Some(_) => self.hits >= take,
            })
    }

    /// Whether it comes to the request that was just counted.
    fn wants_this(&self, seed: u64, number: usize) -> bool {
        if self.seen <= self.plan.when.skip {
            return false;
        }
        let drawn = || ids::chance(seed, Kind::Fault, number as u64, self.seen);
        self.plan
            .when
            .probability
            .is_none_or(|probability| drawn() < probability)
    }

    /// A plan says how often; chance promises nothing.
    fn complaint(&self) -> Option<String> {
        let planned = self.plan.when.take?;
        let is_settled = self.is_lifted || self.hits >= planned;
        if is_settled || self.plan.when.probability.is_some() {
            return None;
        }
        let how_often = match self.hits {
            0 => "never happened".to_owned(),
            hits => format!("happened {hits} of {planned} times"),
        };
        let came = match self.seen {
            0 => "no such request came".to_owned(),
            1 => "1 such request came".to_owned(),
            seen => format!("{seen} such requests came"),
        };
        let Plan { ordered, .. } = &*self.plan;
        Some(format!(
            "the fault {ordered} {how_often}: {}; {came}",
            self.plan
        ))
    }
}

impl Whom {
    fn is_for(&self, asked: &Asked) -> bool {
        let is_route = match self.route {
            Some(route) => asked.route == Some(route),
            None => !asked.route.is_some_and(Route::is_page),
        };
        is_route
            && match &self.subject {
                Some(Subject::Build(build, _)) => asked.build == Some(*build),
                Some(Subject::Job(job, _)) => asked.job == Some(*job),
                None => true,
            }
    }
}

impl When {
    fn is_in_time(&self, now: DateTime<Utc>) -> bool {
        self.during.as_ref().is_none_or(|time| time.contains(&now))
    }
}

impl Plan {
    /// What happened to a request, for the record.
    pub(crate) fn note(&self) -> String {
        match self.effect {
            Effect::Before => format!("fault: {}, before its effect", self.verdict),
            Effect::After => format!("fault: {}, after its effect", self.verdict),
        }
    }

    /// Whether it keeps a request from what it asks for, however long that waits.
    pub(crate) fn keeps_away(&self) -> bool {
        self.effect == Effect::Before && self.delay().is_none()
    }

    /// By how much it makes a request late.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self.verdict {
            Verdict::Delay(by) => Some(by),
            Verdict::Status(_)
            | Verdict::Answer { .. }
            | Verdict::RateLimited { .. }
            | Verdict::Reset
            | Verdict::HalfClose
            | Verdict::Stall
            | Verdict::Garbage
            | Verdict::Truncate { .. }
            | Verdict::WrongLength { .. }
            | Verdict::Slow { .. } => None,
        }
    }
}

/// `status 502 for request 3 to GET /v2/user`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for ", self.verdict)?;
        let When {
            skip,
            take,
            during,
            probability,
        } = &self.when;
        match (skip, take) {
            (0, None) => f.write_str("every request")?,
            (0, Some(1)) => f.write_str("the first request")?,
            (0, Some(take)) => write!(f, "the first {take} requests")?,
            (skip, None) => write!(f, "every request from number {} on", skip + 1)?,
            (skip, Some(1)) => write!(f, "request {}", skip + 1)?,
            (skip, Some(take)) => {
                write!(f, "requests {} to {}", skip + 1, skip.saturating_add(*take))?;
            }
        }
        if let Some(route) = self.whom.route {
            write!(f, " to {route}")?;
        }
        match &self.whom.subject {
            Some(Subject::Build(_, name) | Subject::Job(_, name)) => write!(f, " about {name}")?,
            None => {}
        }
        if self.whom.predicate.is_some() {
            f.write_str(" that a predicate picks")?;
        }
        if let Some(during) = during {
            let (from, to) = (instant(during.start), instant(during.end));
            write!(f, " from {from} to {to}")?;
        }
        match probability {
            Some(probability) => write!(f, ", with probability {probability}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(when: When) -> Plan {
        Plan {
            whom: Whom {
                route: Some(Route::GetUser),
                ..Whom::default()
            },
            when,
            verdict: Verdict::Status(502),
            effect: Effect::Before,
            ordered: Ordered::At(Location::caller()),
        }
    }

    /// Which of ten requests a rule hits, as a row of marks.
    fn row(seed: u64, when: When) -> String {
        let mut faults = Faults::default();
        faults.order(plan(when));
        let asked = Asked {
            route: Some(Route::GetUser),
            ..Asked::default()
        };
        let at = |n| DateTime::from_timestamp(n, 0).expect("an instant");
        let mut meet = |n| faults.meet(seed, at(n), &asked, &BTreeMap::new()).is_some();
        (1..=10).map(|n| if meet(n) { 'x' } else { '.' }).collect()
    }

    #[test]
    fn a_rule_wants_what_it_says() {
        let at = |n| DateTime::from_timestamp(n, 0).expect("an instant");
        let table = [
            ("xxxxxxxxxx", 0, None, None),
            ("..x.......", 2, Some(1), None),
            ("xxx.......", 0, Some(3), None),
            ("..xx......", 2, Some(2), None),
            ("...xxx....", 0, None, Some(at(4)..at(7))),
            (".....x....", 2, Some(1), Some(at(4)..at(9))),
        ];
        for (expected, skip, take, during) in table {
            let when = When {
                skip,
                take,
                during,
                probability: None,
            };
            assert_eq!(row(0, when.clone()), expected, "{}", plan(when));
        }
    }

    #[test]
    fn chance_comes_from_the_seed() {
        let likely = |seed, probability| {
            row(
                seed,
                When {
                    probability: Some(probability),
                    ..When::default()
                },
            )
        };
        assert_eq!(likely(1, 0.0), "..........");
        assert_eq!(likely(1, 1.0), "xxxxxxxxxx");
        let rows: Vec<_> = (0..20).map(|seed| likely(seed, 0.5)).collect();
        assert_eq!(
            rows,
            (0..20).map(|seed| likely(seed, 0.5)).collect::<Vec<_>>()
        );
        let hits = rows.concat().matches('x').count();
        assert!((70..130).contains(&hits), "{rows:?}");
        assert!(rows[1..].iter().any(|row| *row != rows[0]), "{rows:?}");
    }

    #[test]
    fn one_rule_does_not_change_what_another_one_draws() {
        let draws = |before: usize| {
            let mut faults = Faults::default();
            let even = When {
                probability: Some(0.5),
                ..When::default()
            };
            let number = faults.order(plan(even.clone()));
            for _ in 0..before {
                faults.order(plan(even.clone()));
            }
            let asked = Asked {
                route: Some(Route::GetUser),
                ..Asked::default()
            };
            let mut seen = Vec::new();
            for _ in 0..50 {
                faults.meet(3, DateTime::UNIX_EPOCH, &asked, &BTreeMap::new());
                seen.push(faults.hits(number));
            }
            seen
        };
        assert_eq!(draws(0), draws(5));
    }
}
