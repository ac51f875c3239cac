//! From what a client and the events saw to the edges that were taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use fake_buildkite::EventKind;

use crate::edges::Told;
use crate::support::{Json, client};

const BUILDS: &str = include_str!("../../../src/engine/build/transitions.md");
const AGENTS: &str = include_str!("../../../src/engine/agent/transitions.md");
const JOBS: &str = include_str!("../../../src/engine/job/transitions.md");

/// A row of a table, for one of the states it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: String,
    from: String,
    event: String,
    to: String,
    /// Of the diagram of builds: `B5`.
    pub(super) number: Option<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            from,
            event,
            to,
            ..
        } = self;
        write!(f, "{kind} {from} {event} -> {to}")
    }
}

/// Every row of the printed tables.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = rows_of("build", BUILDS);
    rows.extend(rows_of("agent", AGENTS));
    for section in JOBS.split("\n## ").skip(1) {
        let (kind, table) = section.split_once('\n').expect("a heading");
        rows.extend(rows_of(kind.trim(), table));
    }
    rows
}

fn rows_of(kind: &str, text: &str) -> Vec<Row> {
    let table = text.split("```").nth(1).expect("a table");
    let mut rows = Vec::new();
    for line in table.lines() {
        let Some((left, right)) = line.split_once("->") else {
            continue;
        };
        let (from, event) = left.trim().rsplit_once("  ").expect("states and an event");
        let mut right = right.split_whitespace();
        let to = right.next().expect("a state");
        let number = right.next();
        rows.extend(from.split_whitespace().map(|from| Row {
            kind: kind.to_owned(),
            from: from.to_owned(),
            event: event.to_owned(),
            to: to.to_owned(),
            number: number.map(ToOwned::to_owned),
        }));
    }
    rows
}

/// The edges that were taken. One that several events could have been is the one that fits how the job ended.
pub(super) fn taken(told: &Told, rows: &[Row]) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    for Move {
        kind,
        from,
        to,
        ending,
    } in moves(told)
    {
        let fitting: Vec<_> = rows
            .iter()
            .filter(|row| row.kind == kind && row.from == from && row.to == to)
            .collect();
        assert!(!fitting.is_empty(), "no row: {kind} {from} -> {to}");
        let is_sure = fitting.len() == 1;
        let sure = fitting
            .into_iter()
            .filter(|row| is_sure || row.event == ending);
        taken.extend(sure.map(ToString::to_string));
    }
    taken
}

/// A change of state, in the words of the tables.
struct Move {
    kind: String,
    from: String,
    to: String,
    /// The event its job ended with, as far as REST tells.
    ending: &'static str,
}

fn moves(told: &Told) -> Vec<Move> {
    let mut moves = Vec::new();
    let mut words: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in &told.fake.events() {
        match &event.kind {
            EventKind::Build {
                from: Some(from),
                to,
                ..
            } => moves.push(Move {
                kind: "build".to_owned(),
                from: from.to_string(),
                to: to.to_string(),
                ending: "",
            }),
            EventKind::Job { job, to, .. } => {
                let words = words.entry(job.id.to_string()).or_default();
                words.push(to.to_string());
            }
            EventKind::Build { .. } | _ => {}
        }
    }
    moves.extend(moves_of_agents(told));
    for (id, job) in jobs(told) {
        let states = states(told, &id, &job, &words[&id]);
        let ending = ending(told, &job);
        moves.extend(states.windows(2).map(|pair| Move {
            kind: type_of(&job),
            from: pair[0].clone(),
            to: pair[1].clone(),
            ending,
        }));
    }
    moves
}

/// An agent that is paused is `connected` in events; that it is paused is an event of its own.
fn moves_of_agents(told: &Told) -> Vec<Move> {
    let mut moves = Vec::new();
    let mut states: BTreeMap<String, String> = BTreeMap::new();
    for event in &told.fake.events() {
        let (agent, to) = match &event.kind {
            EventKind::Agent { agent, to, .. } => (agent, to.to_string()),
            EventKind::AgentPaused { agent } => (agent, "paused".to_owned()),
            EventKind::AgentResumed { agent } => (agent, "connected".to_owned()),
            EventKind::Build { .. } | _ => continue,
        };
        let was = states.insert(agent.id.to_string(), to.clone());
        let from = was.unwrap_or_else(|| "connected".to_owned());
        if from != to {
            moves.push(Move {
                kind: "agent".to_owned(),
                from,
                to,
                ending: "",
            });
        }
    }
    moves
}

/// Every job a client can see, by its id.
fn jobs(told: &Told) -> BTreeMap<String, Json> {
    let builds = client(&told.fake)
        .get("/builds?include_retried_jobs=true&per_page=100")
        .expect(200);
    let jobs = builds
        .items()
        .iter()
        .flat_map(|build| build["jobs"].items());
    jobs.map(|job| (job["id"].str().to_owned(), job.clone()))
        .collect()
}

fn type_of(job: &Json) -> String {
    job["type"].str().to_owned()
}

/// The states a job was in, as the tables call them.
///
/// Its first event names the state it came to from `pending`. REST says `scheduled` of commands that their concurrency
/// group holds back; `runnable_at` and the time a job waited tell them from those that wait for an agent.
fn states(told: &Told, id: &str, job: &Json, words: &[String]) -> Vec<String> {
    let mut states = vec!["pending"];
    for word in words {
        if word != "scheduled" || type_of(job) != "script" {
            states.push(word);
            continue;
        }
        let is_runnable = !job["runnable_at"].is_null();
        if !is_runnable || !job["concurrency_wait_time_ms"].is_null() {
            states.push("limiting");
        }
        if told.limited.iter().any(|limited| limited == id) {
            states.push("limited");
        }
        if is_runnable {
            states.push("scheduled");
        }
    }
    states.into_iter().map(ToOwned::to_owned).collect()
}

/// The event a job ended with, as far as REST tells: a lost agent leaves -1 without a reason, a command that had to be
/// stopped leaves one. A trigger step ends as its build did.
fn ending(told: &Told, job: &Json) -> &'static str {
    if let Some(build) = job.get("triggered_build").filter(|build| !build.is_null()) {
        let build = client(&told.fake).get(build["url"].str()).expect(200);
        return match build["state"].str() {
            "passed" | "not_run" => "succeed",
            _ => "fail",
        };
    }
    match job.get("exit_status") {
        None | Some(Json::Null) => "",
        Some(status) => match (status.number(), job["signal_reason"].is_null()) {
            (0, _) => "succeed",
            (-1, true) => "lose_agent",
            _ => "fail",
        },
    }
}
