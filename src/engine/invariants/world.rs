//! What holds beyond builds: of agents and groups, clusters and teams, schedules and timers.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::engine::agent::{self, AgentKey, Fleet};
use crate::engine::cluster::Maintainer;
use crate::engine::concurrency::concurrency_of;
use crate::engine::job::State;
use crate::engine::schedule;
use crate::engine::timers::{Subject, Timer, TimerKey};
use crate::vocabulary::states::JobType;

impl Engine {
    /// Every index leads to what it should, and nothing names what is not there.
    pub(super) fn check_clusters(&self) {
        let tables = &self.clusters;
        for (key, cluster) in tables.all.iter() {
            let found = self.cluster_by_id(cluster.organization, cluster.id);
            assert_eq!(found, Some(key), "an id leads to its cluster");
            if let Some(queue) = cluster.default_queue {
                assert_eq!(self.cluster_queue(queue).cluster, key, "a default queue");
            }
        }
        assert_eq!(tables.ids.len(), tables.all.iter().count());
        for (key, queue) in tables.queues.iter() {
            assert_eq!(self.queue_by_id(queue.cluster, queue.id), Some(key));
            assert_eq!(self.queue_by_key(queue.cluster, &queue.key), Some(key));
            assert!(self.queues_of(queue.cluster).contains(&key));
            assert!(self.find_cluster(queue.cluster).is_some());
        }
        let count = tables.queues.iter().count();
        assert_eq!(tables.queue_ids.len(), count);
        assert_eq!(tables.queues_by_key.len(), count);
        assert_eq!(tables.queues_by_cluster.len(), count);
        for (key, token) in tables.tokens.iter() {
            assert_eq!(self.cluster_token_by_id(token.cluster, token.id), Some(key));
            assert!(self.tokens_of(token.cluster).contains(&key));
        }
        assert_eq!(tables.token_ids.len(), tables.tokens.iter().count());
        assert_eq!(tables.tokens_by_cluster.len(), tables.token_ids.len());
        for (key, maintenance) in tables.maintainers.iter() {
            assert!(self.maintainers_of(maintenance.cluster).contains(&key));
            let organization = self.cluster(maintenance.cluster).organization;
            let is_here = match maintenance.maintainer {
                Maintainer::User(user) => self.is_member(organization, user),
                Maintainer::Team(team) => {
                    let team = self.find_team(team);
                    team.is_some_and(|team| team.organization == organization)
                }
            };
            assert!(is_here, "{maintenance:?} is of somebody who is not there");
        }
        let count = tables.maintainers.iter().count();
        assert_eq!(tables.maintainers_by_cluster.len(), count);
        for (_, pipeline) in self.pipelines.iter() {
            if let Some(cluster) = pipeline.settings.cluster {
                let owner = self.cluster(cluster).organization;
                assert_eq!(owner, pipeline.organization, "the cluster of a pipeline");
            }
        }
        for agent in self.idle.all() {
            let queue = self.agents.get(agent).offer.queue;
            assert!(queue.is_none_or(|queue| self.find_cluster_queue(queue).is_some()));
        }
    }

    /// No member that is no user, and in no team somebody or something that is not of its organization.
    pub(super) fn check_teams(&self) {
        for (_, organization) in self.organizations.iter() {
            let mut members = organization.members.keys();
            assert!(members.all(|user| self.users.find(*user).is_some()));
        }
        for (_, token) in self.tokens.iter() {
            assert!(self.users.find(token.user).is_some(), "a token has a user");
        }
        assert_eq!(self.teams.all.iter().count(), self.teams.by_id.len());
        for (key, team) in self.teams.all.iter() {
            let name = &team.settings.name;
            assert_eq!(self.team_by_id(team.organization, team.id), Some(key));
            assert_eq!(self.team_by_slug(team.organization, &team.slug), Some(key));
            let mut users = team.members.keys();
            assert!(
                users.all(|user| self.is_member(team.organization, *user)),
                "somebody is in the team `{name}` and not in its organization"
            );
            let mut pipelines = team.pipelines.keys();
            assert!(
                pipelines.all(|key| {
                    let found = self.pipelines.find(*key);
                    found.is_some_and(|pipeline| pipeline.organization == team.organization)
                }),
                "the team `{name}` has a pipeline that is not there"
            );
        }
    }

    /// An agent has at most one job, and has nothing to do exactly if it could take another.
    pub(super) fn check_agents(&self) {
        let at_work = self
            .jobs
            .iter()
            .filter(|(_, job)| job.state.has_agent() && job.kind == JobType::Script)
            .map(|(key, job)| (job.agent.expect("a job on an agent names it"), key));
        let at_work: Vec<_> = at_work.collect();
        let count = at_work.len();
        let at_work: BTreeMap<_, _> = at_work.into_iter().collect();
        assert_eq!(at_work.len(), count, "an agent has two jobs");
        let known = self.roster.at_work.iter();
        let known: BTreeMap<_, _> = known.map(|(agent, job)| (*agent, *job)).collect();
        for (key, job) in self.jobs.iter() {
            let Some(agent) = job.agent else {
                continue;
            };
            let is_clustered = self.builds.get(job.build).cluster.is_some();
            assert_eq!(job.queue.is_some(), is_clustered, "{}", self.job_ref(key));
            let serves = self.agents.get(agent).offer.queue;
            assert_eq!(serves, job.queue, "the queue of {}", self.job_ref(key));
        }
        self.check_turns();
        assert_eq!(at_work, known, "who has which job");
        let mut idle = 0;
        for (key, agent) in self.agents.iter() {
            assert_eq!(self.roster.ids.find(agent.id), Some(key));
            let is_busy = at_work.contains_key(&key);
            let is_free = !is_busy && agent.silence.is_none();
            let takes_jobs = is_free && agent.state == agent::State::Connected;
            assert_eq!(
                self.idle.contains(&agent.offer, key),
                takes_jobs,
                "{agent:?}"
            );
            idle += usize::from(takes_jobs);
            if !agent.state.is_here() {
                assert!(is_free, "one that is gone: {agent:?}");
            }
            if agent.state == agent::State::Stopping {
                assert!(!is_free, "one that has nothing left to do: {agent:?}");
            }
            let went = match agent.state {
                agent::State::Connected | agent::State::Paused(_) | agent::State::Stopping => {
                    (false, false, false)
                }
                agent::State::Stopped => (true, true, false),
                agent::State::Disconnected => (true, false, false),
                agent::State::Lost => (false, false, true),
            };
            let times = (
                agent.disconnected_at.is_some(),
                agent.stopped_at.is_some(),
                agent.lost_at.is_some(),
            );
            assert_eq!(times, went, "{agent:?}");
        }
        assert_eq!(self.idle.all().count(), idle);
        for job in self.waiting_for_agent() {
            assert_eq!(
                self.jobs.get(job).state,
                State::Scheduled,
                "only scheduled jobs wait for an agent"
            );
            let more = self.fleet == Fleet::Fixed && self.more_come_to_wait();
            let waits = !self.is_takeable(job) || more;
            assert!(
                waits,
                "a job waits while an agent that fits has nothing to do"
            );
        }
    }

    /// In no group more jobs hold a slot than the largest limit among those that hold one.
    pub(super) fn check_groups(&self) {
        let mut holding: std::collections::BTreeMap<_, Vec<u32>> =
            std::collections::BTreeMap::new();
        for (key, job) in self.jobs.iter() {
            assert_ne!(
                job.state,
                State::Limiting,
                "a job was not told of its group"
            );
            let holds = job.state == State::Scheduled || job.state.has_agent();
            if let (true, Some(group), Some(concurrency)) =
                (holds, self.group_of(key), concurrency_of(job))
            {
                holding.entry(group).or_default().push(concurrency.limit);
            }
        }
        for (group, limits) in holding {
            let most = limits.iter().max().copied().unwrap_or(0) as usize;
            assert!(
                limits.len() <= most,
                "{} jobs hold a slot of {group:?}, of which {most} may",
                limits.len()
            );
        }
        for group in self.groups.keys() {
            let next = self.next_in(group);
            assert!(
                next.is_empty(),
                "{next:?} wait although {group:?} has a slot"
            );
        }
    }

    /// An enabled schedule has one timer, at the next instant at which its line is due; any other has none.
    pub(super) fn check_schedules(&self) {
        for (key, schedule) in self.schedules.iter() {
            assert_eq!(self.schedule_by_id(schedule.id), Some(key));
            assert!(self.schedules_of(schedule.pipeline).contains(&key));
            assert!(self.find_pipeline(schedule.pipeline).is_some());
            let armed = self
                .timers
                .iter()
                .filter(|(_, timer)| *timer == Timer::Slot(key));
            let armed: Vec<_> = armed.map(|(key, _)| key).collect();
            let expected = match schedule.state {
                schedule::State::Enabled(timer) => timer,
                schedule::State::Disabled | schedule::State::Failed { .. } => None,
            };
            assert_eq!(
                armed,
                expected.into_iter().collect::<Vec<_>>(),
                "{schedule:?}"
            );
            let due = expected.map(|timer| timer.due);
            assert_eq!(schedule.next_build_at(), due);
            if matches!(schedule.state, schedule::State::Enabled(_)) && due != Some(self.now) {
                let cronline = &schedule.cronline;
                assert_eq!(cronline.next_after(self.now), due, "{schedule:?}");
            }
            for build in schedule.builds.iter() {
                let of = self.builds.get(*build).pipeline;
                assert_eq!(
                    of, schedule.pipeline,
                    "a schedule makes builds of its pipeline"
                );
            }
        }
        assert_eq!(self.schedules.iter().count(), self.schedule_ids.len());
        assert_eq!(
            self.schedules.iter().count(),
            self.schedules_by_pipeline.len()
        );
        let ordered = self.ordered_failures.keys();
        assert!(
            ordered
                .copied()
                .all(|key| self.schedules.find(key).is_some())
        );
    }

    pub(super) fn check_timers(&self) {
        let mut armed = 0;
        for (key, timer) in self.timers.iter() {
            armed += usize::from(timer.is_progress());
            assert!(key.due >= self.now, "a due timer was passed over");
            let job = match timer.subject() {
                Subject::Job(job) => self.jobs.get(job),
                Subject::Schedule(schedule) => {
                    let known = self.schedules.get(schedule).timer();
                    assert_eq!(known, Some(key), "a timer its schedule does not know");
                    continue;
                }
                Subject::Agent(agent) => {
                    self.check_timer_of_agent(agent, key, timer);
                    continue;
                }
            };
            assert!(job.timers.contains(&key), "a timer its job does not know");
            let fits = match timer {
                Timer::PickUp(_) | Timer::Expire(_) => job.state == State::Scheduled,
                Timer::Act(_) | Timer::End(_) | Timer::TimeOut(_) => job.state == State::Running,
                Timer::GraceEnds(_) => matches!(job.state, State::Canceling | State::TimingOut),
                Timer::Slot(_) | Timer::LoseAgent(_) | Timer::Resume(_) => false,
            };
            assert!(
                fits,
                "{timer:?} is armed for a job in state {:?}",
                job.state
            );
        }
        assert_eq!(self.timers.progress(), armed);
        // However much a command does, its job does not carry along what was done.
        for (_, job) in self
            .jobs
            .iter()
            .filter(|(_, job)| job.state == State::Running)
        {
            let is_armed = |timer: &TimerKey| self.timers.get(*timer).is_some();
            assert!(job.timers.iter().all(is_armed), "a timer that fired stays");
        }
        let timers = self.agents.iter().flat_map(|(_, agent)| {
            let silence = agent.silence.map(|silence| silence.timer);
            let pause = agent.state.pause().map(|pause| pause.timer);
            silence.into_iter().chain(pause)
        });
        for timer in timers {
            assert!(
                self.timers.get(timer).is_some(),
                "an agent's timer is armed"
            );
        }
    }

    fn check_timer_of_agent(&self, agent: AgentKey, key: TimerKey, timer: Timer) {
        let agent = self.agents.get(agent);
        let known = match timer {
            Timer::Resume(_) => agent.state.pause().map(|pause| pause.timer),
            Timer::LoseAgent(_) => agent.silence.map(|silence| silence.timer),
            Timer::PickUp(_)
            | Timer::Act(_)
            | Timer::End(_)
            | Timer::TimeOut(_)
            | Timer::GraceEnds(_)
            | Timer::Expire(_)
            | Timer::Slot(_) => None,
        };
        assert_eq!(known, Some(key), "a timer its agent does not know");
    }
}
