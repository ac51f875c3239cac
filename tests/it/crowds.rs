//! Ten thousand that come and go away, and some that take their time: everybody else is served, and nothing is left.
#![cfg(target_os = "linux")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use fake_buildkite::FakeBuildkite;

use crate::support::{alone, client, descriptors, threads};

/// Only guards against hanging.
const GENEROUS: Duration = Duration::from_secs(20);

fn connect(fake: &FakeBuildkite) -> TcpStream {
    let stream = TcpStream::connect(fake.url().replace("http://", "")).expect("the port is open");
    stream
        .set_read_timeout(Some(GENEROUS))
        .expect("a live socket");
    stream.set_nodelay(true).expect("a live socket");
    stream
}

#[test]
fn ten_thousand_connections_that_are_abandoned_leave_nothing() {
    let name = "ten_thousand_connections_that_are_abandoned_leave_nothing";
    alone(module_path!(), name, 1024, || {
        let before = (descriptors(), threads());
        let fake = FakeBuildkite::start();
        let token = fake.token().to_owned();
        let whole =
            format!("GET /v2/builds HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
        let beginnings = [
            String::new(),
            "G".to_owned(),
            whole[..40].to_owned(),
            "POST /v2/user HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc".to_owned(),
            "POST /v2/user HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".to_owned(),
            whole.clone(),
            whole.repeat(3),
        ];
        // So many at once, and all of them away at once.
        for _ in 0..50 {
            let crowd: Vec<_> = (0..200)
                .map(|n| {
                    let mut stream = connect(&fake);
                    let beginning = &beginnings[n % beginnings.len()];
                    stream.write_all(beginning.as_bytes()).expect("open");
                    stream
                })
                .collect();
            drop(crowd);
            let mut served = connect(&fake);
            served.write_all(whole.as_bytes()).expect("open");
            let mut status = [0; 12];
            served.read_exact(&mut status).expect("an answer");
            assert_eq!(&status, b"HTTP/1.1 200");
        }
        assert_eq!(fake.failures(), [""; 0]);
        drop(fake);
        assert_eq!((descriptors(), threads()), before);
    });
}

#[test]
fn clients_that_write_byte_by_byte_and_do_not_read_hold_nobody_up() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    app.on_job("*").logs(&"x".repeat(8 << 20));
    let job = app.create_build().all_jobs()[0].id();
    fake.run_until_idle();
    let log = format!("/v2/organizations/acme/pipelines/app/builds/1/jobs/{job}/log");
    let head = format!("Host: a\r\nAuthorization: Bearer {}\r\n", fake.token());
    // Who asks for much and reads nothing of it
    let readers: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = connect(&fake);
            let text = format!("GET {log} HTTP/1.1\r\n{head}\r\n");
            stream.write_all(text.as_bytes()).expect("open");
            stream
        })
        .collect();
    let body = r#"{"commit":"HEAD","branch":"main"}"#;
    let length = body.len();
    let post = format!(
        "POST /v2/organizations/acme/pipelines/app/builds HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{body}"
    );
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut stream = connect(&fake);
                for byte in post.as_bytes() {
                    stream.write_all(&[*byte]).expect("open");
                }
                let mut status = [0; 12];
                stream.read_exact(&mut status).expect("an answer");
                assert_eq!(&status, b"HTTP/1.1 201");
            });
        }
        let others = client(&fake);
        for _ in 0..50 {
            others.get("/user").expect(200);
        }
    });
    assert_eq!(app.builds().len(), 17);
    // And whoever did not read finds all of it when they do.
    for mut reader in readers {
        let mut beginning = [0; 12];
        reader.read_exact(&mut beginning).expect("an answer");
        assert_eq!(&beginning, b"HTTP/1.1 200");
        let (mut count, mut piece) = (0, vec![0; 1 << 16]);
        while count < 8 << 20 {
            count += reader.read(&mut piece).expect("the rest");
        }
    }
    assert_eq!(fake.failures(), [""; 0]);
}
