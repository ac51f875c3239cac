//! What an answer costs, against a bare hyper server with the same bytes ("static"), one that serialises typed shapes for
//! each request ("typed"), and wiremock: a build of ten jobs that has not changed, one that has, a list of a hundred, and
//! many connections at once.
//!
//! `cargo bench --bench wire` prints medians and ratios; with `--profile dev` as tests are built. Latency is taken with
//! client and server on one processor. `FAKE_BUILDKITE_BENCH=short` takes a few seconds.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]

mod support;

use std::net::SocketAddr;
use std::time::Instant;

use fake_buildkite::{FakeBuildkite, JobHandle, PipelineHandle};
use support::client::{Captured, Client, get};
use support::measure::{
    self, Series, Subject, full_or_short, record, record_ratio, side_by_side, timed,
};
use support::mock::wiremock;
use support::process::{is_pinned, run_pinned};
use support::servers::{Answer, Bare};
use support::typed::{Build, Shape, serialiser};
use support::world::{address, build_path, finished, steps};

const CONNECTIONS: usize = 16;

fn main() {
    if is_pinned() {
        unchanged();
        differing();
        changed();
        list();
        by_jobs();
    } else {
        run_pinned();
        throughput();
    }
}

/// The fake's own answer, and those who give the same.
struct References {
    captured: Captured,
    fixed: Bare,
    typed: Bare,
}

impl References {
    fn of<T: Shape>(client: &mut Client, request: &[u8]) -> Self {
        let captured = client.capture(request);
        let fixed = Bare::start(Answer::fixed(&captured)).expect("a port");
        let typed = Answer::made(&captured, serialiser::<T>(&captured.body));
        let typed = Bare::start(typed).expect("a port");
        for server in [&fixed, &typed] {
            let same = Client::connect(server.address).capture(request);
            assert!(same.body == captured.body && same.headers == captured.headers);
        }
        Self {
            captured,
            fixed,
            typed,
        }
    }
}

/// wiremock with the same answer, on the runtime that it needs to start.
fn mock(like: &Captured, request: &[u8]) -> (tokio::runtime::Runtime, wiremock::MockServer) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let server = runtime.block_on(wiremock(like));
    let mut same = Client::connect(*server.address()).capture(request);
    // Its server writes one of its own where there is none.
    same.headers.remove("date");
    let mut expected = like.headers.clone();
    expected.remove("date");
    assert!(same.body == like.body && same.headers == expected);
    (runtime, server)
}

/// Asks the same again and again.
fn asking<'a>(name: &str, address: SocketAddr, request: &'a [u8]) -> Subject<'a> {
    let mut client = Client::connect(address);
    Subject::new(name, move || timed(|| client.ask(request)))
}

/// The same on ever other connections: how fast megabytes go over one is decided by what the system makes of its first
/// ones, and stays so.
fn asking_on_many<'a>(name: &str, address: SocketAddr, request: &'a [u8]) -> Subject<'a> {
    const EACH: usize = 4;
    let mut clients = std::iter::repeat_with(move || {
        let mut client = Client::connect(address);
        client.ask(request);
        client
    });
    let mut client = clients.next().expect("without end");
    let mut left = EACH;
    Subject::new(name, move || {
        if left == 0 {
            client = clients.next().expect("without end");
            left = EACH;
        }
        left -= 1;
        timed(|| client.ask(request))
    })
}

fn unchanged() {
    let (fake, _app) = finished(1, 10);
    let request = get(&build_path(1), fake.token());
    let refs = References::of::<Build>(&mut Client::connect(address(&fake)), &request);
    let (_runtime, mock) = mock(&refs.captured, &request);
    let mut subjects = [
        asking("static", refs.fixed.address, &request),
        asking("fake", address(&fake), &request),
        asking("typed", refs.typed.address, &request),
        asking("wiremock", *mock.address(), &request),
    ];
    let all = side_by_side(full_or_short(200, 20), &mut subjects);
    let bytes = refs.captured.body.len();
    let title = format!("GET a build of 10 jobs that has not changed ({bytes} bytes)");
    measure::table(&title, "unchanged", &subjects, &all);
    record_ratio("unchanged.over_static", all[1].over(&all[0]));
    record_ratio("unchanged.typed_over_fake", all[2].over(&all[1]));
    record("unchanged.bytes", bytes);
}

/// The same, asked for in ever other words: with a header that nobody answers to.
fn differing() {
    let (fake, _app) = finished(1, 10);
    let request = get(&build_path(1), fake.token());
    let captured = Client::connect(address(&fake)).capture(&request);
    let fixed = Bare::start(Answer::fixed(&captured)).expect("a port");
    let head = request.strip_suffix(b"\r\n").expect("its end");
    let requests: Vec<_> = (0..64)
        .map(|n| [head, format!("x-request: {n}\r\n\r\n").as_bytes()].concat())
        .collect();
    let mut subjects =
        [("static", fixed.address), ("fake", address(&fake))].map(|(name, address)| {
            let mut client = Client::connect(address);
            let mut requests = requests.iter().cycle();
            Subject::new(name, move || {
                let request = requests.next().expect("again and again");
                timed(|| client.ask(request))
            })
        });
    let all = side_by_side(full_or_short(200, 20), &mut subjects);
    let title = "GET a build that has not changed, each request another one";
    measure::table(title, "differing", &subjects, &all);
    record_ratio("differing.over_static", all[1].over(&all[0]));
}

/// Builds of ten jobs whose jobs end one by one: before each request another one.
struct Changing {
    app: PipelineHandle,
    client: Client,
    token: String,
    request: Vec<u8>,
    running: Vec<JobHandle>,
}

impl Changing {
    fn start(fake: &FakeBuildkite) -> Self {
        let app = fake.pipeline("app").steps(steps(10)).create();
        let mut this = Self {
            app,
            client: Client::connect(address(fake)),
            token: fake.token().to_owned(),
            request: Vec::new(),
            running: Vec::new(),
        };
        this.next_build();
        this
    }

    fn next_build(&mut self) {
        let build = self.app.create_build();
        self.request = get(&build_path(build.number()), &self.token);
        self.running = build.all_jobs();
        for job in &self.running {
            job.start();
        }
        self.client.ask(&self.request);
    }

    fn change(&mut self) {
        if self.running.is_empty() {
            self.next_build();
        }
        self.running.pop().expect("a job").pass();
    }
}

fn changed() {
    let fake = FakeBuildkite::start();
    let mut changing = Changing::start(&fake);
    let request = changing.request.clone();
    let refs = References::of::<Build>(&mut changing.client, &request);
    let mut subjects = [
        asking("static", refs.fixed.address, &request),
        Subject::new("fake", || {
            changing.change();
            timed(|| changing.client.ask(&changing.request))
        }),
        asking("typed", refs.typed.address, &request),
    ];
    let all = side_by_side(full_or_short(200, 20), &mut subjects);
    let title = "GET a build of 10 jobs of which one has changed";
    measure::table(title, "changed", &subjects, &all);
    record_ratio("changed.typed_over_fake", all[2].over(&all[1]));
    without_transport("changed", &all);
}

fn list() {
    let (fake, _app) = finished(100, 10);
    let path = "/v2/organizations/acme/pipelines/app/builds?per_page=100";
    let request = get(path, fake.token());
    let refs = References::of::<Vec<Build>>(&mut Client::connect(address(&fake)), &request);
    let mut subjects = [
        asking_on_many("static", refs.fixed.address, &request),
        asking_on_many("fake", address(&fake), &request),
        asking_on_many("typed", refs.typed.address, &request),
    ];
    let all = side_by_side(full_or_short(40, 10), &mut subjects);
    let bytes = refs.captured.body.len();
    let title = format!("GET a list of 100 builds of 10 jobs ({bytes} bytes)");
    measure::table(&title, "list", &subjects, &all);
    without_transport("list", &all);
}

/// What is left for the fake and for "typed" when the transport is taken off, which is the bare server's.
fn without_transport(key: &str, all: &[Series]) {
    let [fake, typed] = [1, 2].map(|at| all[at].minus(&all[0]));
    let ratio = fake.median() / typed.median();
    let (fake, typed) = (fake.median_us(), typed.median_us());
    println!("  without the transport: fake {fake:.1} us, typed {typed:.1} us, {ratio:.3}");
    record(&format!("{key}.handler.fake_us"), format_args!("{fake:.1}"));
    record(
        &format!("{key}.handler.typed_us"),
        format_args!("{typed:.1}"),
    );
    record(
        &format!("{key}.handler.over_typed"),
        format_args!("{ratio:.4}"),
    );
}

/// The same request for larger and larger builds.
fn by_jobs() {
    println!("GET a build that has not changed, by jobs");
    for jobs in [1, 10, 100, 1_000, 5_000] {
        let (fake, _app) = finished(1, jobs);
        let request = get(&build_path(1), fake.token());
        let refs = References::of::<Build>(&mut Client::connect(address(&fake)), &request);
        let mut subjects = [
            asking("static", refs.fixed.address, &request),
            asking("fake", address(&fake), &request),
            asking("typed", refs.typed.address, &request),
        ];
        let all = side_by_side(full_or_short(30, 5), &mut subjects);
        measure::table(
            &format!(" {jobs} jobs"),
            &format!("by_jobs.{jobs}"),
            &subjects,
            &all,
        );
        record_ratio(&format!("by_jobs.{jobs}.over_static"), all[1].over(&all[0]));
    }
}

/// Sixteen connections, each with a request on its way at any time, kept busy by one thread.
struct Crowd {
    name: &'static str,
    clients: Vec<Client>,
    requests: usize,
}

impl Crowd {
    fn new(name: &'static str, address: SocketAddr) -> Self {
        let clients = (0..CONNECTIONS).map(|_| Client::connect(address)).collect();
        Self {
            name,
            clients,
            requests: CONNECTIONS,
        }
    }

    /// Requests a second.
    fn run(&mut self, request: &[u8]) -> f64 {
        let begun = Instant::now();
        for client in &mut self.clients {
            client.send(request);
        }
        let mut left = self.requests - CONNECTIONS;
        while left > 0 {
            for client in self.clients.iter_mut().take(left) {
                client.receive();
                client.send(request);
            }
            left = left.saturating_sub(CONNECTIONS);
        }
        for client in &mut self.clients {
            client.receive();
        }
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let requests = self.requests as f64;
        requests / begun.elapsed().as_secs_f64()
    }

    /// As many requests as take about so long.
    fn warm_up(&mut self, request: &[u8]) {
        self.requests = 4 * CONNECTIONS;
        let rate = self.run(request);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate"
        )]
        let fit = (rate * 0.02) as usize;
        self.requests = fit.clamp(2 * CONNECTIONS, 5_000);
    }
}

fn throughput() {
    let (fake, _app) = finished(1, 10);
    let request = get(&build_path(1), fake.token());
    let refs = References::of::<Build>(&mut Client::connect(address(&fake)), &request);
    let (_runtime, mock) = mock(&refs.captured, &request);
    let mut crowds = [
        Crowd::new("static", refs.fixed.address),
        Crowd::new("fake", address(&fake)),
        Crowd::new("typed", refs.typed.address),
        Crowd::new("wiremock", *mock.address()),
    ];
    for crowd in &mut crowds {
        crowd.warm_up(&request);
    }
    let mut rates = vec![Series(Vec::new()); crowds.len()];
    for round in 0..full_or_short(100, 10) {
        for turn in 0..crowds.len() {
            let at = (turn + round) % crowds.len();
            let rate = crowds[at].run(&request);
            rates[at].0.push(rate);
        }
    }
    println!("GET the same at {CONNECTIONS} connections, requests a second");
    for (crowd, rate) in crowds.iter().zip(&rates) {
        let a_second = rate.median();
        println!(
            "  {:<28} {a_second:>10.0}      {}",
            crowd.name,
            rate.over(&rates[0])
        );
        record(
            &format!("throughput.{}_a_second", crowd.name),
            format_args!("{a_second:.0}"),
        );
    }
    record_ratio("throughput.over_static", rates[1].over(&rates[0]));
    record_ratio("throughput.over_typed", rates[1].over(&rates[2]));
    record_ratio("throughput.over_wiremock", rates[1].over(&rates[3]));
}
