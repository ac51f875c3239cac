//! Large bodies, parts of them, and the other host that artifacts come from.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use fake_buildkite::{ArtifactState, FakeBuildkite, JobHandle, Route};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::logs::{Printing, raw};
use crate::support::{Client, client};

const LEAK: &str = "An artifact's bytes are fetched without an Authorization header: do not send the API access token to \
                    the host that a download redirects to";

fn running(fake: &FakeBuildkite) -> JobHandle {
    let steps = "steps: [{command: make, key: pack}]";
    let job = fake.pipeline("app").steps(steps).create_build().job("pack");
    job.start();
    job
}

fn download_path(job: &JobHandle) -> String {
    let (job, artifact) = (job.id(), job.artifacts()[0].id);
    format!("/organizations/acme/jobs/{job}/artifacts/{artifact}/download")
}

/// Where a download leads.
fn location(client: &Client, job: &JobHandle) -> String {
    let answer = client.without_redirects().get(&download_path(job));
    assert_eq!(answer.status, 302, "{}", answer.text);
    answer.header("location").expect("a location").to_owned()
}

/// A client that has sent a request and read the head of its answer, and reads on when it is told to.
struct Slow(TcpStream);

impl Slow {
    fn new(fake: &FakeBuildkite, path: &str, token: &str) -> Self {
        let address = fake.url().replace("http://", "");
        let mut stream = TcpStream::connect(address).expect("an open port");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a live socket");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{token}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it is read");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        Self(stream)
    }

    #[track_caller]
    fn reads(&mut self, expected: &[u8]) {
        let mut buffer = vec![0; 1 << 20];
        for wanted in expected.chunks(1 << 20) {
            let buffer = &mut buffer[..wanted.len()];
            self.0.read_exact(buffer).expect("the body goes on");
            assert!(buffer == wanted, "the bytes are those that were uploaded");
        }
    }

    #[track_caller]
    fn ends(&mut self) {
        assert_eq!(self.0.read(&mut [0]).expect("open"), 0);
    }
}

fn authorization(fake: &FakeBuildkite) -> String {
    format!("authorization: Bearer {}\r\n", fake.token())
}

// --- Large bodies ----------------------------------------------------------------------------------------------------

#[test]
fn sixteen_slow_clients_share_the_bytes_of_one_large_artifact() {
    let fake = FakeBuildkite::start();
    let job = running(&fake);
    let content: Vec<u8> = (0_u32..8 << 20).flat_map(u32::to_le_bytes).collect();
    job.upload_artifact("dist/large.bin", content);
    let api = client(&fake);
    let url = location(&api, &job);
    let path = &url[url.find("/_artifacts/").expect("a path")..];
    let content = job.artifacts()[0].content.clone();
    let holders = Arc::strong_count(&content);
    let half = content.len() / 2;
    let mut clients: Vec<_> = (0..16).map(|_| Slow::new(&fake, path, "")).collect();
    for client in &mut clients {
        client.reads(&content[..half]);
    }
    // An answer under way holds what was uploaded and nothing else; one may be with the system already, all of it.
    let held = Arc::strong_count(&content) - holders;
    assert!(
        (1..=clients.len()).contains(&held),
        "{held} answers share it"
    );
    // Nobody is kept waiting meanwhile, and what is deleted goes on to those who have begun.
    assert_eq!(api.build("app", 1)["number"].number(), 1);
    job.mark_artifact("dist/large.bin", ArtifactState::Deleted);
    for client in &mut clients {
        client.reads(&content[half..]);
        client.ends();
    }
    drop(clients);
    fake.stop();
    assert_eq!(Arc::strong_count(&content), 1, "the last has let go of it");
}

#[test]
fn a_reader_of_a_long_log_gets_the_log_of_the_instant_at_which_it_asked() {
    let world = Printing::new();
    let line = "x".repeat(99);
    let piece = format!("{line}\n").repeat(100);
    for _ in 0..2_000 {
        world.job.write_log(&piece);
    }
    let whole = world.job.raw_log();
    assert_eq!(whole.len(), raw(&[(0, &line)]).len() * 200_000);
    let path = format!("/v2{}.txt", world.paths[0]);
    let token = authorization(&world.fake);
    let half = whole.len() / 2;
    let mut clients: Vec<_> = (0..4)
        .map(|_| Slow::new(&world.fake, &path, &token))
        .collect();
    for client in &mut clients {
        client.reads(&whole.as_bytes()[..half]);
        world.job.write_log("more\n");
    }
    assert_eq!(world.client.delete(&world.paths[0]).status, 204);
    world.job.write_log("anew\n");
    for client in &mut clients {
        client.reads(&whole.as_bytes()[half..]);
        client.ends();
    }
    assert_eq!(world.text().text, raw(&[(0, "anew")]));
}

#[test]
fn the_log_of_a_script_is_read_as_it_grows_and_after_somebody_wrote_between_its_lines() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    let lines: Vec<_> = (0..1_000).map(|n| format!("line {n}\n")).collect();
    app.on_job("test")
        .takes(fake_buildkite::seconds(1_000))
        .logs(&lines.concat());
    let job = app.create_build().job("test");
    let api = client(&fake);
    let path = format!("/organizations/acme/jobs/{}/log", job.id());
    fake.advance(fake_buildkite::seconds(500));
    // HEAD knows the size of what nobody has read yet.
    let head = api.send("HEAD", &path, &[], None);
    let text = api.get(&format!("{path}.txt")).text;
    assert_eq!(
        head.header("content-length"),
        Some(&*text.len().to_string())
    );
    assert!(text.ends_with("line 499\r\n"), "{text}");
    job.append_log("by hand, ");
    fake.advance(fake_buildkite::seconds(1));
    let text = api.get(&format!("{path}.txt")).text;
    assert!(text.ends_with("by hand, line 500\r\n"), "{text}");
    fake.run_until_idle();
    let text = api.get(&format!("{path}.txt")).text;
    assert_eq!(text, job.raw_log());
    assert_eq!(text.lines().count(), 1_000);
    let end = [("accept", "text/plain"), ("range", "bytes=-10")];
    assert_eq!(api.send("GET", &path, &end, None).text, "line 999\r\n");
}

#[test]
fn head_of_any_form_of_a_log_has_the_size_of_the_raw_one() {
    let world = Printing::new();
    world.job.write_log("<said>\n");
    let size = world.job.raw_log().len().to_string();
    for path in &world.paths {
        let head = world
            .client
            .send("HEAD", &format!("{path}.html"), &[], None);
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        assert_eq!(head.header("content-length"), Some(size.as_str()));
        assert_eq!(
            head.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(
            head.header("accept-ranges"),
            None,
            "there are no parts of it"
        );
    }
}

// --- Parts of an artifact --------------------------------------------------------------------------------------------

#[test]
fn one_part_of_an_artifact_can_be_fetched() {
    let fake = FakeBuildkite::start();
    let job = running(&fake);
    let sum = job.upload_artifact("notes.txt", "0123456789").sha1sum;
    let api = client(&fake);
    let url = location(&api, &job);
    let nobody = api.without_token();
    let get = |headers: &[(&str, &str)]| nobody.send("GET", &url, headers, None);
    for (range, text, shown) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-4", "4", "bytes 4-4/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
        ("bytes=3-", "3456789", "bytes 3-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=-20", "0123456789", "bytes 0-9/10"),
    ] {
        let part = get(&[("range", range)]);
        assert_eq!((part.status, part.text.as_str()), (206, text), "{range}");
        assert_eq!(part.header("content-range"), Some(shown));
        assert_eq!(
            part.header("content-length"),
            Some(&*text.len().to_string())
        );
        assert_eq!(part.header("content-type"), Some("text/plain"));
        assert_eq!(part.header("accept-ranges"), Some("bytes"));
    }
    for range in ["bytes=10-", "bytes=-0", "bytes=99-100"] {
        let refused = get(&[("range", range)]);
        assert_eq!(
            refused.message(416),
            "The requested range is not satisfiable"
        );
        assert_eq!(refused.header("content-range"), Some("bytes */10"));
    }
    for range in ["bytes=0-1,4-5", "bytes=4-2", "lines=1-2", "nonsense"] {
        let whole = get(&[("range", range)]);
        assert_eq!((whole.status, whole.text.as_str()), (200, "0123456789"));
        assert_eq!(whole.header("content-range"), None);
    }
    let tag = format!("\"{sum}\"");
    assert_eq!(get(&[]).header("etag"), Some(tag.as_str()));
    assert_eq!(get(&[]).header("accept-ranges"), Some("bytes"));
    for (known, status) in [(tag.as_str(), 206), ("\"another\"", 200)] {
        let headers = [("range", "bytes=5-"), ("if-range", known)];
        assert_eq!(get(&headers).status, status, "{known}");
    }
    let head = nobody.send("HEAD", &url, &[("range", "bytes=5-")], None);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), Some("10"));
    assert_eq!(head.header("accept-ranges"), Some("bytes"));
}

#[test]
fn there_is_no_part_of_an_empty_artifact() {
    let fake = FakeBuildkite::start();
    let job = running(&fake);
    job.upload_artifact("empty.txt", "");
    let api = client(&fake);
    let url = location(&api, &job);
    let nobody = api.without_token();
    let refused = nobody.send("GET", &url, &[("range", "bytes=0-")], None);
    assert_eq!(refused.status, 416);
    assert_eq!(refused.header("content-range"), Some("bytes */0"));
    let whole = nobody.get(&url);
    assert_eq!((whole.status, whole.text.as_str()), (200, ""));
    assert_eq!(whole.header("content-length"), Some("0"));
}

// --- The other host --------------------------------------------------------------------------------------------------

#[test]
fn reqwest_follows_a_download_to_its_bytes_and_leaves_its_token_behind() {
    let fake = FakeBuildkite::start();
    let job = running(&fake);
    job.upload_artifact("notes.txt", "said");
    let url = format!("{}/v2{}", fake.url(), download_path(&job));
    let http = reqwest::blocking::Client::new();
    let answer = http.get(url).bearer_auth(fake.token()).send();
    let answer = answer.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    let host = answer.url().host_str().map(str::to_owned);
    assert_ne!(host.as_deref(), Some("127.0.0.1"), "it went elsewhere");
    assert_eq!(answer.text().expect("a body"), "said");
    let fetched = fake.requests().to(Route::ArtifactContent).only();
    assert_eq!((fetched.status, fetched.note), (200, None));
}

/// As a client does that sets a header for all that it asks, and follows redirects by hand.
#[test]
fn a_client_that_takes_its_token_along_is_refused_and_the_journal_says_why() {
    let fake = FakeBuildkite::start();
    let job = running(&fake);
    job.upload_artifact("notes.txt", "said");
    let careless = client(&fake);
    for (method, host) in [
        ("GET", fake.url()),
        ("HEAD", fake.url()),
        ("GET", fake.url().replace("127.0.0.1", "localhost")),
    ] {
        let path = format!("{host}/v2{}", download_path(&job));
        let answer = careless.without_redirects().get(&path);
        let url = answer.header("location").expect("a location");
        let refused = careless.send(method, url, &[], None);
        assert_eq!(refused.status, 400, "{method} {url}");
        if method == "GET" {
            assert_eq!(refused.message(400), LEAK);
        }
        let told = fake.requests().last().expect("a request").clone();
        assert_eq!(
            (told.route, told.status),
            (Some(Route::ArtifactContent), 400)
        );
        assert_eq!(told.note.as_deref(), Some(LEAK));
        assert_eq!(told.header("authorization"), None, "secrets are not kept");
    }
}

/// No client can tell that it is led to another host, because it is not.
#[test]
fn where_there_is_no_other_host_a_token_may_come_along() {
    let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    let job = running(&fake);
    job.upload_artifact("notes.txt", "said");
    let api = client(&fake);
    let url = location(&api, &job);
    let here = url.replace("http://fake.test", &fake.url());
    assert_eq!(api.get(&here).text, "said");
    let told = fake.requests().last().expect("a request").to_string();
    assert!(told.contains("a token came along"), "{told}");
}

#[tokio::test]
async fn a_connection_in_memory_leads_nowhere_else_and_says_so() {
    let fake = FakeBuildkite::start();
    let job = running(&fake);
    job.upload_artifact("notes.txt", "said");
    for host in ["127.0.0.1:80", "localhost", "fake.test"] {
        let mut stream = fake.connect();
        let ask = |path: &str| {
            let authorization = authorization(&fake);
            format!(
                "GET {path} HTTP/1.1\r\nhost: {host}\r\n{authorization}connection: close\r\n\r\n"
            )
        };
        let request = ask(&format!("/v2{}", download_path(&job)));
        stream.write_all(request.as_bytes()).await.expect("open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let location = answer
            .lines()
            .find_map(|line| line.strip_prefix("location: "))
            .unwrap_or_else(|| panic!("{answer}"));
        let path = location
            .strip_prefix(&format!("http://{host}"))
            .unwrap_or_else(|| panic!("elsewhere: {location}"));
        let told = fake.requests().last().expect("a request").to_string();
        assert!(
            told.contains("a connection in memory leads nowhere else"),
            "{told}"
        );
        let mut stream = fake.connect();
        stream.write_all(ask(path).as_bytes()).await.expect("open");
        let mut bytes = String::new();
        stream.read_to_string(&mut bytes).await.expect("an answer");
        assert!(bytes.ends_with("\r\n\r\nsaid"), "{bytes}");
    }
}
