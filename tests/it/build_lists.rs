//! Lists of builds against a plain scan: in random worlds, whatever filters and page somebody asks for, they are shown
//! what fits among all builds ever made, looked at one by one.
//!
//! World `n` of a run has the seed `FAKE_BUILDKITE_SEED + n`; `FAKE_BUILDKITE_WORLDS` says how many a run has.
//!
//! Elsewhere: each filter by itself, with its meaning (`lists`).

use std::time::Duration;

use chrono::{DateTime, Utc};
use fake_buildkite::{
    Access, Agents, BuildHandle, BuildState, ClusterHandle, FakeBuildkite, JobHandle, JobType,
    MemberRole, Move, PipelineHandle, QueueHandle, Scope, UserHandle,
};

use crate::random_requests::{Random, number};
use crate::support::{Client, Json, client};

/// How many worlds a run has unless `FAKE_BUILDKITE_WORLDS` says otherwise, and how much happens in each and is asked.
const WORLDS: u64 = 3;
const ACTIONS: usize = 150;
const LISTS: usize = 120;

const STEPS: &str = "steps: [{command: a, key: a}, {block: Go, key: go, fields: [{text: Where, key: b}]}, \
    {command: c, key: c}]";

const BRANCHES: [&str; 4] = ["main", "main/a", "feature/b", "x"];
const COMMITS: [&str; 3] = ["HEAD", "abc", "abd"];
const VALUES: [&str; 3] = ["1", "2", "3"];

#[test]
fn a_list_shows_what_a_plain_scan_finds_whatever_is_asked_for() {
    let seed = number("FAKE_BUILDKITE_SEED", 0);
    let worlds = number("FAKE_BUILDKITE_WORLDS", WORLDS);
    let (mut lists, mut entries) = (0, 0);
    for seed in seed..seed + worlds {
        let mut world = World::new(seed);
        for _ in 0..3 {
            for _ in 0..ACTIONS / 3 {
                world.act();
            }
            for _ in 0..LISTS / 3 {
                world.check_list();
            }
        }
        lists += LISTS;
        entries += world.entries;
    }
    // Otherwise they are about empty pages.
    assert!(entries > lists, "{entries} entries in {lists} lists");
}

#[test]
fn a_page_far_from_the_newest_of_several_pipelines_is_the_one_that_was_asked_for() {
    let mut world = World::new(1);
    for n in 0..700 {
        let place = if n % 5 == 0 { n % 3 } else { 0 };
        world.create(place);
        world.tick();
    }
    for page in [1, 2, 40, 90, 99, 100, 101, 102, 200] {
        for query in [
            "",
            "state[]=scheduled&state[]=passed&",
            "branch=*&",
            "branch[]=main&branch[]=x&",
        ] {
            let mut asked = Asked::default();
            for pair in query.split('&').filter(|pair| !pair.is_empty()) {
                let (key, value) = pair.split_once('=').expect("a pair");
                asked.set(key.trim_end_matches("[]"), value.to_owned());
            }
            asked.page = Some(page);
            asked.per_page = Some(7);
            for scope in 0..5 {
                world.check(0, scope, &asked);
            }
        }
    }
}

/// Where pipelines are: the organization and the slug. The last may be made anew.
const PLACES: [(&str, &str); 4] = [
    ("acme", "app"),
    ("acme", "web"),
    ("other", "lib"),
    ("acme", "gone"),
];

/// Somebody who asks.
struct Reader {
    user: UserHandle,
    client: Client,
}

/// A build, and what no handle says of it.
struct Row {
    build: BuildHandle,
    place: usize,
    creator: String,
}

struct World {
    seed: u64,
    random: Random,
    fake: FakeBuildkite,
    queue: QueueHandle,
    cluster: ClusterHandle,
    readers: Vec<Reader>,
    pipelines: Vec<PipelineHandle>,
    /// Every build there is, in the order in which they were made.
    rows: Vec<Row>,
    entries: usize,
}

/// What a list is asked for, as text.
#[derive(Debug, Default, Clone)]
struct Asked {
    filters: Vec<(&'static str, String)>,
    page: Option<usize>,
    per_page: Option<usize>,
}

impl Asked {
    fn set(&mut self, key: &str, value: String) {
        let keys = [
            "branch",
            "commit",
            "creator",
            "state",
            "created_from",
            "created_to",
            "finished_from",
            "include_paused",
            "meta_data[a]",
            "meta_data[b]",
        ];
        let key = keys
            .into_iter()
            .find(|known| *known == key)
            .expect("a filter");
        self.filters.push((key, value));
    }

    fn all(&self, key: &str) -> Vec<&str> {
        let named = self.filters.iter().filter(|(known, _)| *known == key);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The last one counts.
    fn instant(&self, key: &str) -> Option<DateTime<Utc>> {
        let text = self.all(key).pop()?.parse();
        Some(text.expect("an instant"))
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let fake = FakeBuildkite::builder().agents(Agents::none()).start();
        let cluster = fake.cluster("Linux").create();
        let other = fake.add_organization("other");
        let ada = fake.add_user("Ada", "ada@example.com");
        let bob = fake.add_user("Bob", "bob@example.com");
        other.add_member(&ada, MemberRole::Member);
        let admin = client(&fake);
        let reader = |user: UserHandle| {
            let token = fake.token_for(&user, Scope::ALL.iter().copied());
            let client = admin.with_token(&token);
            Reader { user, client }
        };
        let readers = vec![reader(fake.user()), reader(ada.clone()), reader(bob)];
        let pipelines: Vec<_> = PLACES
            .iter()
            .map(|(organization, slug)| match *organization {
                "acme" => fake.pipeline(*slug).steps(STEPS).cluster(&cluster).create(),
                _ => other.pipeline(*slug).steps(STEPS).create(),
            })
            .collect();
        // Ada sees some of it, and Bob nothing.
        let team = fake.team("Platform").create();
        team.add_member(&ada);
        team.add_pipeline(&pipelines[0], Access::BuildAndRead);
        fake.enable_teams();
        let queue = cluster.queue("default");
        Self {
            seed,
            random: Random::new(seed),
            fake,
            queue,
            cluster,
            readers,
            pipelines,
            rows: Vec::new(),
            entries: 0,
        }
    }

    fn tick(&mut self) {
        let seconds = [0, 0, 1, 7];
        let seconds = self.random.pick(&seconds);
        self.fake.advance(Duration::from_secs(seconds));
    }

    fn act(&mut self) {
        self.tick();
        match self.random.below(20) {
            0..8 => {
                let place = self.random.below(PLACES.len());
                self.create(place);
            }
            8 => self.rebuild(),
            9 => {
                if let Some(row) = self.any_row() {
                    let build = &self.rows[row].build;
                    if !build.is_finished() {
                        build.cancel();
                    }
                }
            }
            10 if self.random.once_in(4) => self.make_anew(),
            11 if self.queue.is_paused() => self.queue.resume(),
            11 => self.queue.pause(),
            _ => self.move_job(),
        }
    }

    fn any_row(&mut self) -> Option<usize> {
        let count = self.rows.len();
        (count > 0).then(|| self.random.below(count))
    }

    /// By somebody who may.
    fn create(&mut self, place: usize) {
        let (organization, slug) = PLACES[place];
        let who = usize::from(self.random.once_in(3) && matches!(place, 0 | 2));
        let mut meta_data = Vec::new();
        for name in ["a", "b"] {
            if self.random.once_in(2) {
                meta_data.push(format!("\"{name}\":\"{}\"", self.random.pick(&VALUES)));
            }
        }
        let meta_data = meta_data.join(",");
        let body = format!(
            r#"{{"commit":"{}","branch":"{}","meta_data":{{{meta_data}}}}}"#,
            self.random.pick(&COMMITS),
            self.random.pick(&BRANCHES),
        );
        let path = format!("/organizations/{organization}/pipelines/{slug}/builds");
        self.readers[who].client.post(&path, &body).expect(201);
        self.note(place, who);
    }

    fn note(&mut self, place: usize, who: usize) {
        self.rows.push(Row {
            build: self.pipelines[place].latest_build(),
            place,
            creator: self.readers[who].user.id().to_string(),
        });
    }

    fn rebuild(&mut self) {
        let Some(row) = self.any_row() else { return };
        let Row { build, place, .. } = &self.rows[row];
        let place = *place;
        let (organization, slug) = PLACES[place];
        let path = format!(
            "/organizations/{organization}/pipelines/{slug}/builds/{}/rebuild",
            build.number()
        );
        self.readers[0].client.put(&path).expect(200);
        self.note(place, 0);
    }

    /// A pipeline goes with all of its builds, and another comes in its place.
    fn make_anew(&mut self) {
        let gone = PLACES.len() - 1;
        let (organization, slug) = PLACES[gone];
        let path = format!("/organizations/{organization}/pipelines/{slug}");
        let answer = self.readers[0].client.delete(&path);
        assert_eq!(answer.status, 204, "{}", answer.text);
        self.rows.retain(|row| row.place != gone);
        let pipeline = self.fake.pipeline(slug).steps(STEPS);
        self.pipelines[gone] = pipeline.cluster(&self.cluster).create();
    }

    fn move_job(&mut self) {
        let Some(row) = self.any_row() else { return };
        let key = self.random.pick(&["a", "go", "c"]);
        let job: JobHandle = self.rows[row].build.job(key);
        if job.job_type() == JobType::Manual {
            if job.state() == fake_buildkite::JobState::Blocked {
                job.unblock_with([("b", self.random.pick(&VALUES))]);
            }
            return;
        }
        let exit_status = i32::from(self.random.once_in(3));
        let moves = [
            Move::Start,
            Move::Finish { exit_status },
            Move::Finish { exit_status },
            Move::Cancel,
            Move::Retry,
        ];
        // Whether it is possible or not.
        let wanted = self.random.pick(&moves);
        let _ = job.try_move(wanted);
    }

    fn any_asked(&mut self) -> Asked {
        let mut asked = Asked::default();
        // Mostly one or two filters, some of them with several values.
        for _ in 0..self.random.pick(&[0, 1, 1, 1, 2, 2, 3, 5]) {
            let (key, value) = self.any_filter();
            asked.set(key, value);
        }
        if self.random.once_in(3) {
            asked.page = Some(self.random.pick(&[1, 2, 3, 5, 9, 17, 1000]));
        }
        if !self.random.once_in(6) {
            asked.per_page = Some(self.random.pick(&[1, 2, 3, 7, 100]));
        }
        asked
    }

    fn any_filter(&mut self) -> (&'static str, String) {
        let random = &mut self.random;
        match random.below(12) {
            0 | 1 => (
                "branch",
                random
                    .pick(&["main", "main/a", "x", "nowhere", "*", "main*", "*a*"])
                    .to_owned(),
            ),
            2 => (
                "commit",
                random.pick(&["HEAD", "abc", "ab", "abd"]).to_owned(),
            ),
            3 => {
                let ids = self
                    .readers
                    .iter()
                    .map(|reader| reader.user.id().to_string());
                let mut ids: Vec<_> = ids.collect();
                ids.push("nobody".to_owned());
                ids.push(random.pick(&ids).to_uppercase());
                ("creator", random.pick(&ids))
            }
            4 | 5 => {
                let words = BuildState::ALL.iter().map(|state| state.as_str());
                let words: Vec<_> = words
                    .chain(["finished", "finished", "unknown", "Passed"])
                    .collect();
                ("state", random.pick(&words).to_owned())
            }
            6 => ("meta_data[a]", random.pick(&["1", "2", "4"]).to_owned()),
            7 => ("meta_data[b]", random.pick(&VALUES).to_owned()),
            8 => ("created_from", self.any_instant()),
            9 => ("created_to", self.any_instant()),
            10 => ("finished_from", self.any_instant()),
            _ => (
                "include_paused",
                random.pick(&["true", "false", "false", "maybe"]).to_owned(),
            ),
        }
    }

    fn any_instant(&mut self) -> String {
        let row = self.any_row();
        let row = row.map(|row| &self.rows[row].build);
        let at = match row {
            Some(build) => build
                .finished_at()
                .filter(|_| self.random.once_in(2))
                .unwrap_or_else(|| build.created_at()),
            None => self.fake.clock().now(),
        };
        at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    fn check_list(&mut self) {
        let reader = self.random.pick(&[0, 0, 0, 1, 1, 2]);
        let scope = self.random.below(2 + PLACES.len());
        let asked = self.any_asked();
        self.check(reader, scope, &asked);
    }

    /// A list of everything, of an organization, or of a pipeline.
    fn check(&mut self, reader: usize, scope: usize, asked: &Asked) {
        let Reader { user, client } = &self.readers[reader];
        let path = match scope {
            0 => "/builds".to_owned(),
            1 => "/organizations/acme/builds".to_owned(),
            place => {
                let (organization, slug) = PLACES[place - 2];
                format!("/organizations/{organization}/pipelines/{slug}/builds")
            }
        };
        let is_there = match scope {
            0 => true,
            1 => user.access_to(&self.pipelines[0]).is_some() || reader == 2,
            place => user.access_to(&self.pipelines[place - 2]).is_some(),
        };
        let pairs = asked.filters.iter().map(|(key, value)| match *key {
            "branch" | "commit" | "creator" | "state" => (format!("{key}[]"), value.clone()),
            key => (key.to_owned(), value.clone()),
        });
        let mut query: Vec<_> = pairs
            .map(|(key, value)| format!("{key}={}", value.replace('+', "%2B")))
            .collect();
        query.extend(asked.page.map(|page| format!("page={page}")));
        query.extend(asked.per_page.map(|count| format!("per_page={count}")));
        query.push("exclude_jobs=true".to_owned());
        let path = format!("{path}?{}", query.join("&"));
        let what = format!("seed {}, {}: {path}", self.seed, user.email());
        let answer = client.get(&path);
        if !is_there {
            assert_eq!(answer.status, 404, "{what}");
            return;
        }
        let is_in_scope = |row: &Row| match scope {
            0 => true,
            1 => PLACES[row.place].0 == "acme",
            place => row.place == place - 2,
        };
        let rows = self.rows.iter().rev().filter(|row| {
            is_in_scope(row)
                && user.access_to(&self.pipelines[row.place]).is_some()
                && self.fits(row, asked)
        });
        let rows: Vec<_> = rows.collect();
        let (page, count) = (asked.page.unwrap_or(1), asked.per_page.unwrap_or(30));
        let shown = rows.iter().skip((page - 1) * count).take(count);
        let expected: Vec<_> = shown.map(|row| entry(client, row)).collect();
        assert_eq!(answer.expect(200), Json::Array(expected.clone()), "{what}");
        self.entries += expected.len();
        let last = rows.len().div_ceil(count).max(1);
        let mut links = Vec::new();
        if page > 1 {
            links.extend([(1, "first"), ((page - 1).min(last), "prev")]);
        }
        if page < last {
            links.extend([(page + 1, "next"), (last, "last")]);
        }
        assert_eq!(
            links_of(answer.header("link").unwrap_or("")),
            links,
            "{what}"
        );
    }

    fn fits(&self, row: &Row, asked: &Asked) -> bool {
        let build = &row.build;
        let any = |key: &str, fits: &dyn Fn(&str) -> bool| {
            let asked = asked.all(key);
            asked.is_empty() || asked.into_iter().any(fits)
        };
        let all = |key: &str, fits: &dyn Fn(&str) -> bool| asked.all(key).into_iter().all(fits);
        let state = build.state();
        let finished = [
            BuildState::Passed,
            BuildState::Failed,
            BuildState::Blocked,
            BuildState::Canceled,
        ];
        let is_kept = asked.all("include_paused").pop() != Some("false") || !self.is_paused(row);
        any("branch", &|pattern| {
            is_like(pattern.as_bytes(), build.branch().as_bytes())
        }) && any("commit", &|commit| build.commit() == commit)
            && any("creator", &|id| row.creator.eq_ignore_ascii_case(id))
            && any("state", &|word| {
                state.as_str() == word || word == "finished" && finished.contains(&state)
            })
            && all("meta_data[a]", &|value| {
                build.meta_data("a").as_deref() == Some(value)
            })
            && all("meta_data[b]", &|value| {
                build.meta_data("b").as_deref() == Some(value)
            })
            && asked
                .instant("created_from")
                .is_none_or(|from| build.created_at() >= from)
            && asked
                .instant("created_to")
                .is_none_or(|to| build.created_at() < to)
            && asked
                .instant("finished_from")
                .is_none_or(|from| build.finished_at().is_some_and(|at| at >= from))
            && is_kept
    }

    /// All of its commands are on the one queue there is.
    fn is_paused(&self, row: &Row) -> bool {
        PLACES[row.place].0 == "acme" && self.queue.is_paused()
    }
}

/// What a list shows of a build, as this reader sees it.
fn entry(client: &Client, row: &Row) -> Json {
    let (organization, slug) = PLACES[row.place];
    let number = row.build.number();
    let path =
        format!("/organizations/{organization}/pipelines/{slug}/builds/{number}?exclude_jobs=true");
    let one = client.get(&path).expect(200);
    let mut entries = one.entries().to_vec();
    entries.retain(|(key, _)| key != "job_state_counts");
    Json::Object(entries)
}

/// A star stands for anything.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            is_like(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(_, text)| is_like(pattern, text))
        }
        ([a, pattern @ ..], [b, text @ ..]) => a == b && is_like(pattern, text),
        ([], [_, ..]) | ([_, ..], []) => false,
    }
}

/// The page and the name of each link.
fn links_of(header: &str) -> Vec<(usize, &str)> {
    let links = header.split(", ").filter(|link| !link.is_empty());
    let read = |link| -> Option<(usize, &str)> {
        let (url, name) = str::split_once(link, ">; rel=\"")?;
        let page = url
            .split(['?', '&'])
            .find_map(|pair| pair.strip_prefix("page="))?;
        Some((page.parse().ok()?, name.trim_end_matches('"')))
    };
    links.map(|link| read(link).expect("a link")).collect()
}
