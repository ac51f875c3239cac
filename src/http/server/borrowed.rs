//! The edge on the runtime of a test, with that test's clock paused: time jumps by hours, and nobody loses a connection.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::http::reply::Reply;
use crate::http::request::Request;

const HOUR: Duration = Duration::from_secs(3_600);

/// The path, a space, and the body.
fn echo(request: Request) -> Reply {
    let Request { path, body, .. } = request;
    let mut reply = Reply::new(200);
    reply.body = [path.as_bytes(), b" ", &body].concat().into();
    reply
}

fn serve() -> Server {
    Server::start_on(
        Handle::current(),
        FREE_PORT,
        Limits::default(),
        Arc::new(|request| echo(Arc::unwrap_or_clone(request)).into()),
        None,
    )
    .expect("a port")
}

async fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).await;
    stream.expect("the port is open")
}

async fn send(stream: &mut (impl Stream + ?Sized), text: &str) {
    stream.write_all(text.as_bytes()).await.expect("open");
}

/// Reads until what came ends so.
async fn read_to(stream: &mut (impl Stream + ?Sized), end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let byte = stream.read_u8().await;
        all.push(byte.unwrap_or_else(|error| panic!("{error}: {}", all.escape_ascii())));
    }
    String::from_utf8(all).expect("text")
}

#[tokio::test(start_paused = true)]
async fn a_client_may_take_hours_over_one_request() {
    let server = serve();
    let mut client = connect(&server).await;
    sleep(10 * HOUR).await; // longer than an unused connection is kept
    for part in [
        "POST /a HT",
        "TP/1.1\r\ncontent-length: 4\r\n",
        "\r\n",
        "bo",
        "dy",
    ] {
        send(&mut client, part).await;
        sleep(HOUR).await; // longer than a head, or a body, may take
    }
    read_to(&mut client, "/a body").await;
    sleep(10 * HOUR).await;
    send(&mut client, "GET /b HTTP/1.1\r\n\r\n").await;
    read_to(&mut client, "/b ").await;
}

#[tokio::test(start_paused = true)]
async fn no_time_passes_while_requests_are_on_their_way() {
    let server = serve();
    let start = Instant::now();
    let mut memory = server.connect();
    let mut socket = connect(&server).await;
    for n in 0..500 {
        for client in [&mut memory as &mut dyn Stream, &mut socket] {
            // Beside a timer that is only too ready to fire.
            let trip = async {
                send(client, &format!("GET /{n} HTTP/1.1\r\n\r\n")).await;
                read_to(client, &format!("/{n} ")).await;
            };
            let in_time = timeout(Duration::from_millis(1), trip).await;
            in_time.expect("an answer before any time has passed");
        }
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn stopping_takes_no_time_and_leaves_nobody_connected() {
    let mut server = serve();
    let start = Instant::now();
    let mut unused = connect(&server).await;
    let mut halfway = connect(&server).await;
    send(
        &mut halfway,
        "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc",
    )
    .await;
    // Refused, and the client does not close.
    let mut refused = connect(&server).await;
    send(&mut refused, "nonsense\r\n\r\n").await;
    read_to(&mut refused, "\r\n\r\n").await;
    let mut memory = server.connect();
    send(&mut memory, "GET /m HTTP/1.1\r\n\r\n").await;
    read_to(&mut memory, "/m ").await;
    let address = server.address();
    server.stop();
    server.stop();
    #[cfg(target_os = "linux")]
    std::net::TcpStream::connect(address).expect_err("the port is closed before anybody yields");
    for client in [
        &mut unused as &mut dyn Stream,
        &mut halfway,
        &mut refused,
        &mut memory,
    ] {
        let mut rest = Vec::new();
        // A reset is a close, too.
        let _ = client.read_to_end(&mut rest).await;
        assert_eq!(rest.escape_ascii().to_string(), "");
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    TcpStream::connect(address)
        .await
        .expect_err("the port is closed");
    assert_eq!(server.connect().read(&mut [0]).await.expect("closed"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_check_is_done_once_and_before_the_first_socket_is_served() {
    let (checked, mut seen) = watch::channel(0);
    let check = Box::pin(async move {
        yield_now().await;
        checked.send_modify(|times| *times += 1);
    });
    let answer = {
        let seen = seen.clone();
        move |_| Reply::json(200, format!("checked: {} ", *seen.borrow())).into()
    };
    let server = Server::start_on(
        Handle::current(),
        FREE_PORT,
        Limits::default(),
        Arc::new(answer),
        Some(check),
    )
    .expect("a port");
    let ask = async |client: &mut dyn Stream, expected: &str| {
        send(client, "GET / HTTP/1.1\r\n\r\n").await;
        read_to(client, expected).await;
    };
    // Connections in memory need none.
    ask(&mut server.connect(), "checked: 0 ").await;
    ask(&mut connect(&server).await, "checked: 1 ").await;
    ask(&mut connect(&server).await, "checked: 1 ").await;
    assert!(seen.changed().await.is_ok());
}

#[test]
fn a_server_that_lost_its_runtime_stops_like_any_other() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (unheard, served) = (
        runtime.block_on(async { serve() }),
        runtime.block_on(async {
            let server = serve();
            let mut client = connect(&server).await;
            send(&mut client, "GET /a HTTP/1.1\r\n\r\n").await;
            read_to(&mut client, "/a ").await;
            server
        }),
    );
    drop(runtime);
    for mut server in [unheard, served] {
        std::net::TcpStream::connect(server.address()).expect_err("the port is closed");
        drop(server.connect());
        server.stop();
    }
}
