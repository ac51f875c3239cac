//! Agents in the hands of a test.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::agent::{Agent, AgentKey};
use crate::engine::commands::{AgentMove, MoveAgent, PauseAgent};
use crate::fake::choices::listed;
use crate::fake::{FakeBuildkite, Home, IllegalAgentMove, JobHandle, Tie};
use crate::vocabulary::ids::AgentId;
use crate::vocabulary::slip::{slip, slip_unless};
use crate::vocabulary::states::AgentState;

/// An agent of the fake. Cheap to clone; reads live state, also when the agent has gone.
///
/// ```
/// use fake_buildkite::{AgentState, Agents, FakeBuildkite, JobState, agent, seconds};
///
/// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("a"), agent("b")])).start();
/// let build = fake.pipeline("app").steps("steps: [{command: make, key: x}, {command: make, key: y}]").create_build();
/// fake.advance(seconds(5));
/// let a = build.job("x").agent().unwrap();
/// assert_eq!(a.name(), "a");
/// a.stop_gracefully(); // the program under test does this at .../agents/{id}/stop
/// assert_eq!(a.state(), AgentState::Stopping);
/// fake.advance(seconds(10));
/// assert_eq!(build.job("x").state(), JobState::Passed);
/// assert_eq!(a.state(), AgentState::Stopped);
///
/// // What it says of itself
/// let (mac, tags) = (agent("mac").hostname("mac.local").version("3.115.0"), ["queue=ios", "os=mac"]);
/// let fake = FakeBuildkite::builder().agents(Agents::fleet([mac.tags(tags)])).start();
/// let mac = fake.agent("mac");
/// assert_eq!(mac.id(), fake.agents()[0].id());
/// assert_eq!((mac.queue(), mac.tags()), ("ios".to_owned(), tags.map(str::to_owned).to_vec()));
/// assert_eq!((mac.hostname(), mac.version()), ("mac.local".to_owned(), "3.115.0".to_owned()));
/// assert_eq!((mac.organization(), mac.connected_at()), ("acme".to_owned(), fake.clock().now()));
/// assert!(mac.is_connected() && mac.job().is_none());
/// ```
///
/// Source: Buildkite docs, "Agents API", section "Agent data model".
#[derive(Clone)]
pub struct AgentHandle {
    pub(super) tie: Tie,
    home: Home,
    key: AgentKey,
}

impl FakeBuildkite {
    /// An agent by its name. One that is here comes before one that has gone, and of those that have gone the last.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("mac").tags(["os=mac"])])).start();
    /// assert_eq!(fake.agent("mac").tags(), ["os=mac"]);
    /// ```
    ///
    /// # Panics
    ///
    /// If none is called so, or several are and are here. The message names the choices.
    #[must_use]
    #[track_caller]
    pub fn agent(&self, name: &str) -> AgentHandle {
        let found = self.driver.read(|engine| {
            let called = |(_, agent): &(AgentKey, &Agent)| &*agent.name == name;
            let is_here = |(_, agent): &(AgentKey, &Agent)| agent.state.is_here();
            let mut here = engine.agents().filter(called).filter(is_here);
            match (here.next(), here.next()) {
                (Some((key, _)), None) => Ok(key),
                (Some(_), Some(_)) => Err(format!(
                    "several agents are called `{name}`: look among `agents()`"
                )),
                (None, _) => {
                    let gone = engine.agents().filter(called).last();
                    gone.map(|(key, _)| key).ok_or_else(|| {
                        let known = listed(engine.agents().map(|(_, agent)| &agent.name));
                        let hint = match engine.agents().next() {
                            None => ": those of the simulated fleet connect with their first job",
                            Some(_) => "",
                        };
                        format!("no agent `{name}`; this fake has {known}{hint}")
                    })
                }
            }
        });
        match found {
            Ok(key) => AgentHandle::new(self.tie(), self.home, key),
            Err(why) => slip!("{why}"),
        }
    }

    /// Every agent that ever connected, of every organization, in the order in which they did. Agents of the simulated
    /// fleet connect with the first job of theirs.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// assert!(fake.agents().is_empty());
    /// fake.pipeline("app").create_build();
    /// fake.run_until_idle();
    /// assert_eq!(fake.agents()[0].name(), "fake-agent-1");
    /// ```
    #[must_use]
    pub fn agents(&self) -> Vec<AgentHandle> {
        let keys: Vec<_> = self
            .driver
            .read(|engine| engine.agents().map(|(key, _)| key).collect());
        let handle = |key| AgentHandle::new(self.tie(), self.home, key);
        keys.into_iter().map(handle).collect()
    }
}

impl JobHandle {
    /// The agent it runs or ran on.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// assert_eq!(build.job("test").agent().map(|agent| agent.name()), None, "none has come yet");
    /// build.job("test").start();
    /// assert_eq!(build.job("test").agent().unwrap().name(), "fake-agent-1");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn agent(&self) -> Option<AgentHandle> {
        let key = self.read(|_, job| job.agent)?;
        Some(AgentHandle::new(self.tie.clone(), self.home, key))
    }
}

impl AgentHandle {
    pub(super) fn new(tie: Tie, home: Home, key: AgentKey) -> Self {
        Self { tie, home, key }
    }

    /// Its name.
    #[must_use]
    #[track_caller]
    pub fn name(&self) -> String {
        self.read(|_, agent| agent.name.to_string())
    }

    /// Its id.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> AgentId {
        self.read(|_, agent| agent.id)
    }

    /// The slug of the organization whose jobs it runs.
    #[must_use]
    #[track_caller]
    pub fn organization(&self) -> String {
        self.read(|engine, agent| {
            let organization = engine.organization(agent.offer.organization);
            organization.slug.to_string()
        })
    }

    /// Its state, as REST reports it in `connection_state`.
    #[must_use]
    #[track_caller]
    pub fn state(&self) -> AgentState {
        self.read(|_, agent| agent.state.reported())
    }

    /// Whether it is connected and was not told to stop.
    #[must_use]
    #[track_caller]
    pub fn is_connected(&self) -> bool {
        self.state() == AgentState::Connected
    }

    /// Whether it is paused: it finishes the job it has, and is given no other.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent, minutes};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// let worker = fake.agent("worker");
    /// worker.pause();
    /// assert!(worker.is_paused() && worker.is_connected());
    /// fake.advance(minutes(5));
    /// assert!(!worker.is_paused());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn is_paused(&self) -> bool {
        self.read(|_, agent| agent.state.pause().is_some())
    }

    /// Why it is paused, if somebody said so.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// let worker = fake.agent("worker");
    /// assert_eq!(worker.paused_note(), None);
    /// let url = format!("{}organizations/acme/agents/{}/pause", fake.api_url(), worker.id());
    /// let pause = reqwest::blocking::Client::new().put(url).bearer_auth(fake.token());
    /// pause.body(r#"{"note": "Out of disk space"}"#).send().unwrap();
    /// assert_eq!(worker.paused_note().as_deref(), Some("Out of disk space"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn paused_note(&self) -> Option<String> {
        self.read(|_, agent| Some(agent.state.pause()?.note.as_ref()?.to_string()))
    }

    /// When its pause is over, if it is paused.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent, minutes};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// let worker = fake.agent("worker");
    /// assert_eq!(worker.paused_until(), None);
    /// worker.pause();
    /// assert_eq!(worker.paused_until(), Some(fake.clock().now() + minutes(5)));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn paused_until(&self) -> Option<DateTime<Utc>> {
        self.read(|_, agent| Some(agent.state.pause()?.timer.due))
    }

    /// The job it works on.
    #[must_use]
    #[track_caller]
    pub fn job(&self) -> Option<JobHandle> {
        let key = self.read(|engine, _| engine.job_of_agent(self.key))?;
        Some(JobHandle::new(self.tie.clone(), self.home, key))
    }

    /// Its tags, each `key=value`.
    #[must_use]
    #[track_caller]
    pub fn tags(&self) -> Vec<String> {
        self.read(|_, agent| agent.offer.tags.to_vec())
    }

    /// The queue its tags name, or `default`.
    #[must_use]
    #[track_caller]
    pub fn queue(&self) -> String {
        self.read(|_, agent| agent.queue().to_owned())
    }

    /// The name of the machine it runs on.
    #[must_use]
    #[track_caller]
    pub fn hostname(&self) -> String {
        self.read(|_, agent| agent.machine.hostname.clone())
    }

    /// The version of the agent.
    #[must_use]
    #[track_caller]
    pub fn version(&self) -> String {
        self.read(|_, agent| agent.machine.version.clone())
    }

    /// When it connected.
    #[must_use]
    #[track_caller]
    pub fn connected_at(&self) -> DateTime<Utc> {
        self.read(|_, agent| agent.created_at)
    }

    /// Makes a move by hand.
    ///
    /// ```
    /// use fake_buildkite::{AgentMove, Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// let illegal = fake.agent("worker").try_move(AgentMove::Resume).unwrap_err();
    /// assert_eq!(illegal.to_string(), "\
    /// agent worker cannot make the move `resume()`: it is connected
    ///   possible now: stop(), stop_gracefully(), pause(), disconnect(), silence(), lose()");
    /// ```
    ///
    /// # Errors
    ///
    /// If the agent cannot make this move where it is; nothing has changed then.
    #[track_caller]
    pub fn try_move(&self, wanted: AgentMove) -> Result<(), IllegalAgentMove> {
        // Looked up first, so that an agent that is gone is said to be gone.
        let agent = self.read(|engine, _| engine.agent_ref(self.key));
        let made = self.tie.driver().apply(MoveAgent {
            agent: self.key,
            wanted,
            by: self.home.user,
        });
        made.map_err(|possible| IllegalAgentMove {
            agent,
            tried: wanted,
            state: self.state(),
            is_paused: self.is_paused(),
            possible,
        })
    }

    /// Somebody stops it: the build of the job it has is canceled, and when the command has ended, after 10 seconds
    /// unless a test has it end sooner, the agent goes. One without a job goes at once, and one that is
    /// [stopping](Self::stop_gracefully) does not finish its job.
    ///
    /// ```
    /// use fake_buildkite::{AgentState, Agents, BuildState, FakeBuildkite, agent, hours, minutes};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// let app = fake.pipeline("app").create();
    /// app.on_job("*").takes(hours(2));
    /// let (build, worker) = (app.create_build(), fake.agent("worker"));
    /// fake.advance(minutes(1));
    /// worker.stop_gracefully();
    /// fake.advance(minutes(30));
    /// assert_eq!(worker.state(), AgentState::Stopping); // it has its job still
    /// worker.stop();
    /// fake.advance(minutes(1));
    /// assert_eq!((worker.state(), build.state()), (AgentState::Stopped, BuildState::Canceled));
    /// ```
    ///
    /// # Panics
    ///
    /// If it is gone.
    #[track_caller]
    pub fn stop(&self) {
        self.must_move(AgentMove::Stop);
    }

    /// Somebody stops it, and lets it finish the job it has. One without a job goes at once.
    ///
    /// ```
    /// use fake_buildkite::{AgentState, Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// fake.agent("worker").stop_gracefully();
    /// assert_eq!(fake.agent("worker").state(), AgentState::Stopped, "it had no job to finish");
    /// ```
    ///
    /// # Panics
    ///
    /// If it is gone, or stopping already.
    #[track_caller]
    pub fn stop_gracefully(&self) {
        self.must_move(AgentMove::StopGracefully);
    }

    /// Somebody pauses it for 5 minutes, which is how long pauses last if nobody says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, JobState, agent, minutes};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// fake.agent("worker").pause();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let idle = fake.run_until_idle();
    /// assert_eq!(idle.waiting_on[0].to_string(), "app#1 test is scheduled: agent worker is paused");
    /// fake.advance(minutes(5));
    /// assert_eq!(build.job("test").state(), JobState::Running);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not connected, or paused already.
    #[track_caller]
    pub fn pause(&self) {
        self.must_move(AgentMove::Pause);
    }

    /// Somebody pauses it for so many minutes.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent, hours};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// let worker = fake.agent("worker");
    /// worker.pause_for(hours(1));
    /// assert_eq!(worker.paused_until(), Some(fake.clock().now() + hours(1)));
    /// fake.advance(hours(1));
    /// assert!(!worker.is_paused());
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not connected, or paused already, or if `span` is no whole number of minutes, or none.
    #[track_caller]
    pub fn pause_for(&self, span: Duration) {
        let minutes = u32::try_from(span.as_secs() / 60).unwrap_or(u32::MAX);
        slip_unless!(
            minutes > 0 && span == Duration::from_secs(u64::from(minutes) * 60),
            "a pause lasts whole minutes, one at least, and not {span:?}"
        );
        self.read(|_, _| ());
        let paused = self.tie.driver().apply(PauseAgent {
            agent: self.key,
            by: self.home.user,
            note: None,
            timeout_in_minutes: minutes,
        });
        if paused.is_err() {
            // The same move says why not.
            self.pause();
        }
    }

    /// Somebody ends its pause: it takes a job at once, if one waits for it.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, JobState, agent, seconds};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// fake.agent("worker").pause();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// fake.advance(seconds(5));
    /// assert_eq!(build.job("test").state(), JobState::Scheduled);
    /// fake.agent("worker").resume();
    /// assert_eq!(build.job("test").state(), JobState::Running);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not paused.
    #[track_caller]
    pub fn resume(&self) {
        self.must_move(AgentMove::Resume);
    }

    /// It goes by itself, at once, as when its machine is shut down: the command it runs ends with exit status -1,
    /// because its agent stopped.
    ///
    /// ```
    /// use fake_buildkite::{AgentState, FakeBuildkite, JobState, SignalReason};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let job = build.job("test");
    /// job.start();
    /// job.agent().unwrap().disconnect();
    /// assert_eq!((job.state(), job.exit_status()), (JobState::Failed, Some(-1)));
    /// assert_eq!(job.signal_reason(), Some(SignalReason::AgentStop));
    /// assert_eq!(job.agent().unwrap().state(), AgentState::Disconnected);
    /// ```
    ///
    /// # Panics
    ///
    /// If it has gone.
    #[track_caller]
    pub fn disconnect(&self) {
        self.must_move(AgentMove::Disconnect);
    }

    /// It is not heard of from now on: it is given no job, nothing its command does arrives, and 3 minutes later
    /// Buildkite takes it for lost.
    ///
    /// ```
    /// use fake_buildkite::{AgentState, Agents, FakeBuildkite, agent, minutes};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// let worker = fake.agent("worker");
    /// worker.silence();
    /// assert_eq!(worker.state(), AgentState::Connected, "nobody has noticed yet");
    /// fake.advance(minutes(3));
    /// assert_eq!(worker.state(), AgentState::Lost);
    /// ```
    ///
    /// # Panics
    ///
    /// If it has gone, or is silent already.
    #[track_caller]
    pub fn silence(&self) {
        self.must_move(AgentMove::Silence);
    }

    /// Buildkite takes it for lost: the job it has fails with exit status -1, and it takes no other.
    ///
    /// ```
    /// use fake_buildkite::{AgentState, Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// fake.agent("worker").lose();
    /// assert_eq!(fake.agent("worker").state(), AgentState::Lost);
    /// ```
    ///
    /// # Panics
    ///
    /// If it has gone.
    #[track_caller]
    pub fn lose(&self) {
        self.must_move(AgentMove::Lose);
    }

    #[track_caller]
    fn must_move(&self, wanted: AgentMove) {
        if let Err(illegal) = self.try_move(wanted) {
            slip!("{illegal}");
        }
    }

    #[track_caller]
    fn read<T>(&self, look: impl FnOnce(&Engine, &Agent) -> T) -> T {
        let found = self
            .tie
            .driver()
            .read(|engine| Some(look(engine, engine.find_agent(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!("this agent is gone: the fake went back to before it connected"),
        }
    }
}

/// `AgentHandle(worker connected)`.
impl fmt::Debug for AgentHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.tie.alive().and_then(|driver| {
            driver.read(|engine| {
                let agent = engine.find_agent(self.key)?;
                Some(format!("{} {}", agent.name, agent.state.reported()))
            })
        });
        write!(f, "AgentHandle({})", shown.as_deref().unwrap_or("gone"))
    }
}
