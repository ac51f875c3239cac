//! Each fault, as four clients see it.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use fake_buildkite::{FakeBuildkite, Fault, FaultBuilder, Route, millis};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A time-out where nothing else ends a request; any would do.
const SHORT: Duration = Duration::from_millis(150);

/// Only guards against hanging.
const GENEROUS: Duration = Duration::from_secs(20);

/// Status and body, or what kind of failure it was.
type Seen = Result<(u16, String), &'static str>;

/// What is asked, and by whom.
#[derive(Clone)]
struct Question {
    url: String,
    token: String,
    patience: Duration,
}

impl Question {
    fn of(fake: &FakeBuildkite, patience: Duration) -> Self {
        Self {
            url: format!("{}user", fake.api_url()),
            token: fake.token().to_owned(),
            patience,
        }
    }

    fn by_blocking_reqwest(&self) -> Seen {
        let http = reqwest::blocking::Client::builder().timeout(self.patience);
        let http = http.build().expect("a client");
        let answer = http.get(&self.url).bearer_auth(&self.token).send();
        let answer = answer.map_err(|error| kind(&error))?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().map_err(|error| kind(&error))?))
    }

    async fn by_reqwest(&self) -> Seen {
        let http = reqwest::Client::builder().timeout(self.patience);
        let http = http.build().expect("a client");
        let answer = http.get(&self.url).bearer_auth(&self.token).send().await;
        let answer = answer.map_err(|error| kind(&error))?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.map_err(|error| kind(&error))?))
    }

    async fn by_hyper(&self) -> Seen {
        let asked = tokio::time::timeout(self.patience, self.by_patient_hyper());
        asked.await.unwrap_or(Err("timed out"))
    }

    async fn by_patient_hyper(&self) -> Seen {
        let uri: hyper::Uri = self.url.parse().expect("a URL");
        let address = uri.authority().expect("a host").as_str();
        let stream = tokio::net::TcpStream::connect(address).await;
        let stream = TokioIo::new(stream.expect("the port is open"));
        let (mut client, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .expect("no words are exchanged");
        tokio::spawn(connection);
        let request = hyper::Request::get(uri.path())
            .header("host", address)
            .header("authorization", format!("Bearer {}", self.token))
            .body(Empty::<Bytes>::new())
            .expect("a request");
        let answer = client.send_request(request).await;
        let answer = answer.map_err(|error| kind(&error))?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await;
        let body = body.map_err(|error| kind(&error))?.to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).expect("text")))
    }

    fn by_ureq(&self) -> Seen {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(self.patience))
            .http_status_as_error(false)
            .build()
            .into();
        let request = agent.get(&self.url);
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let mut answer = request.call().map_err(|error| ureq_kind(&error))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string();
        Ok((status, body.map_err(|error| ureq_kind(&error))?))
    }
}

/// What a failure was, from what caused it.
fn kind(error: &(dyn Error + 'static)) -> &'static str {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return io_kind(error);
        }
        if let Some(error) = error.downcast_ref::<reqwest::Error>() {
            if error.is_timeout() {
                return "timed out";
            }
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_incomplete_message() {
                return "ended early";
            }
            if error.is_parse() {
                return "no HTTP";
            }
        }
        cause = error.source();
    }
    panic!("nobody expects this: {error:?}")
}

fn io_kind(error: &std::io::Error) -> &'static str {
    let known = [
        (ErrorKind::ConnectionReset, "reset"),
        (ErrorKind::UnexpectedEof, "ended early"),
        (ErrorKind::TimedOut, "timed out"),
    ];
    let found = known.iter().find(|(kind, _)| *kind == error.kind());
    found.map_or_else(
        || panic!("nobody expects this: {error:?}"),
        |(_, name)| name,
    )
}

fn ureq_kind(error: &ureq::Error) -> &'static str {
    if matches!(error, ureq::Error::Timeout(_)) {
        return "timed out";
    }
    if matches!(error, ureq::Error::Protocol(_)) {
        return "no HTTP";
    }
    let ureq::Error::Io(error) = error else {
        panic!("nobody expects this: {error:?}")
    };
    match error.get_ref().and_then(|it| it.downcast_ref()) {
        Some(inner) => ureq_kind(inner),
        None => io_kind(error),
    }
}

/// A fault by its name, how it is ordered, and what it looks like from outside.
struct Case {
    name: &'static str,
    order: fn(FaultBuilder) -> Fault,
    seen: fn(&Seen, right: &str) -> bool,
}

const CASES: &[Case] = &[
    Case {
        name: "status",
        order: |fault| fault.status(502),
        seen: |seen, _| *seen == Ok((502, "{\"message\":\"Bad Gateway\"}\n".to_owned())),
    },
    Case {
        name: "answers",
        order: |fault| fault.answers(503, "<html>maintenance</html>"),
        seen: |seen, _| *seen == Ok((503, "<html>maintenance</html>".to_owned())),
    },
    Case {
        name: "rate_limited",
        order: FaultBuilder::rate_limited,
        seen: |seen, _| {
            let begin =
                "{\"message\":\"You have exceeded your API rate limit. Please wait 60 seconds";
            matches!(seen, Ok((429, body)) if body.starts_with(begin))
        },
    },
    Case {
        name: "reset",
        order: FaultBuilder::reset,
        seen: |seen, _| *seen == Err("reset"),
    },
    Case {
        name: "half_close",
        order: FaultBuilder::half_close,
        seen: |seen, _| *seen == Err("ended early"),
    },
    Case {
        name: "garbage",
        order: FaultBuilder::garbage,
        seen: |seen, _| *seen == Err("no HTTP"),
    },
    Case {
        name: "truncate_after",
        order: |fault| fault.truncate_after(10),
        seen: |seen, _| *seen == Err("ended early"),
    },
    Case {
        name: "truncate_after everything but one byte",
        order: |fault| fault.truncate_after(1_000_000),
        seen: |seen, _| *seen == Err("ended early"),
    },
    Case {
        name: "wrong_content_length, more than there is",
        order: |fault| fault.wrong_content_length(7),
        seen: |seen, _| *seen == Err("ended early"),
    },
    Case {
        name: "wrong_content_length, less than there is",
        order: |fault| fault.wrong_content_length(-7),
        seen: |seen, right| *seen == Ok((200, right[..right.len() - 7].to_owned())),
    },
    Case {
        name: "slow_body",
        order: |fault| fault.slow_body(5, millis(2)),
        seen: |seen, right| *seen == Ok((200, right.to_owned())),
    },
];

const STALL: Case = Case {
    name: "stall",
    order: FaultBuilder::stall,
    seen: |seen, _| *seen == Err("timed out"),
};

/// Orders each fault for one request, and asks twice: it comes, and it is over.
#[track_caller]
fn check(client: &str, fake: &FakeBuildkite, ask: impl Fn(Duration) -> Seen) {
    let right = ask(GENEROUS).expect("an answer").1;
    for case in CASES.iter().chain([&STALL]) {
        let patience = if case.name == "stall" {
            SHORT
        } else {
            GENEROUS
        };
        let fault = (case.order)(fake.fault(Route::GetUser).first(1));
        let seen = ask(patience);
        assert!(
            (case.seen)(&seen, &right),
            "{client}, {}: {seen:?}",
            case.name
        );
        assert_eq!(fault.hits(), 1, "{client}, {}", case.name);
        assert_eq!(
            ask(GENEROUS),
            Ok((200, right.clone())),
            "{client}, after {}",
            case.name
        );
    }
    assert_eq!(fake.failures(), [""; 0]);
}

#[test]
fn reqwest_sees_what_each_fault_claims() {
    let fake = FakeBuildkite::start();
    check("blocking reqwest", &fake, |patience| {
        Question::of(&fake, patience).by_blocking_reqwest()
    });
}

#[test]
fn ureq_sees_what_each_fault_claims() {
    let fake = FakeBuildkite::start();
    check("ureq", &fake, |patience| {
        Question::of(&fake, patience).by_ureq()
    });
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().expect("a runtime")
}

#[test]
fn async_clients_see_what_each_fault_claims() {
    let runtime = runtime();
    let fake = FakeBuildkite::start();
    check("reqwest", &fake, |patience| {
        runtime.block_on(Question::of(&fake, patience).by_reqwest())
    });
    check("hyper", &fake, |patience| {
        runtime.block_on(Question::of(&fake, patience).by_hyper())
    });
}

#[test]
fn faults_are_the_same_on_the_runtime_of_the_test() {
    let runtime = runtime();
    let fake = {
        let _entered = runtime.enter();
        FakeBuildkite::builder().on_current_runtime().start()
    };
    check("reqwest", &fake, |patience| {
        runtime.block_on(Question::of(&fake, patience).by_reqwest())
    });
    check("hyper", &fake, |patience| {
        runtime.block_on(Question::of(&fake, patience).by_hyper())
    });
}

#[test]
fn in_memory_a_reset_is_an_end() {
    let runtime = runtime();
    let fake = FakeBuildkite::start();
    fake.fault(Route::GetUser).first(1).reset();
    fake.fault(Route::GetUser).nth(2).truncate_after(3);
    let ask = || {
        runtime.block_on(async {
            let stream = TokioIo::new(fake.connect());
            let (mut client, connection) = hyper::client::conn::http1::handshake(stream).await?;
            tokio::spawn(connection);
            let request = hyper::Request::get("/v2/user")
                .header("host", "fake.test")
                .header("authorization", format!("Bearer {}", fake.token()))
                .body(Empty::<Bytes>::new());
            let answer = client.send_request(request.expect("a request")).await?;
            answer.into_body().collect().await.map(|_| ())
        })
    };
    for _ in 0..2 {
        assert_eq!(kind(&ask().expect_err("a fault")), "ended early");
    }
    ask().expect("no fault");
}

#[test]
fn an_answer_without_a_body_has_none_to_be_spoiled() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    fake.fault(Route::DeletePipeline)
        .first(1)
        .wrong_content_length(3);
    let url = format!("{}organizations/acme/pipelines/app", fake.api_url());
    let http = reqwest::blocking::Client::new();
    let answer = http.delete(url).bearer_auth(fake.token()).send();
    assert_eq!(answer.expect("an answer").status(), 204);
    drop(app);
    // And HEAD tells the length of a body that does not follow
    fake.fault(Route::GetUser).first(1).wrong_content_length(3);
    let url = format!("{}user", fake.api_url());
    let right = http.get(&url).bearer_auth(fake.token());
    let head = || http.head(&url).bearer_auth(fake.token()).send();
    let length = |answer: reqwest::blocking::Response| {
        let length = answer.headers()["content-length"].to_str().expect("ASCII");
        length.parse::<usize>().expect("a number")
    };
    let wrong = length(head().expect("an answer"));
    let right = right.send().expect("an answer").text().expect("a body");
    assert_eq!(wrong, right.len() + 3);
}

#[tokio::test]
async fn a_slow_body_comes_in_pieces() {
    let fake = FakeBuildkite::builder().on_current_runtime().start();
    fake.fault(Route::GetUser).first(1).slow_body(5, millis(1));
    let mut stream = fake.connect();
    let token = fake.token();
    let ask = format!("GET /v2/user HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.expect("open");
    let (mut all, mut pieces) = (String::new(), 0);
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.expect("open");
        if length == 0 {
            break;
        }
        pieces += 1;
        all += std::str::from_utf8(&piece[..length]).expect("text");
    }
    assert!(
        all.ends_with("}\n") && all.contains("connection: close"),
        "{all}"
    );
    assert!(pieces >= 5, "{pieces} pieces");
}
