//! Bytes on a connection in memory, on a runtime whose clock jumps: hours of silence cost nothing.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::fuzzing::world::World;
use crate::http::connection::{Edge, Limits, Timers, serve_connection};
use crate::http::failures::Failures;

const GOOD: &[u8] = b"GET /v2/organizations/acme/pipelines/app HTTP/1.1\r\nhost: fake.test\r\nconnection: close\r\n";

/// The first byte says how the others are sent: in pieces of so many bytes, and whether the client then closes its side
/// or waits. Whatever they are, the connection ends, with nothing on it but answers; and the next client gets its own.
pub fn edge(data: &[u8]) {
    let Some((how, sent)) = data.split_first() else {
        return;
    };
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let edge = Arc::new(edge_of(Mutex::new(World::new())));
        let (_stop, stopping) = watch::channel(());
        let closes = how & 1 == 1;
        let piece = match how >> 1 {
            0 => usize::MAX,
            piece => usize::from(piece),
        };
        let answers = exchange(&edge, &stopping, sent, piece, closes).await;
        check(&answers);
        let mut good = GOOD.to_vec();
        let token = World::token(0);
        good.extend_from_slice(format!("authorization: Bearer {token}\r\n\r\n").as_bytes());
        let answer = exchange(&edge, &stopping, &good, usize::MAX, false).await;
        // Whatever was asked for before may have taken it away.
        let is_answered = answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.1 4");
        assert!(is_answered, "{}", String::from_utf8_lossy(&answer));
        assert_eq!(edge.failures.texts(), Vec::<String>::new());
    });
}

fn edge_of(world: Mutex<World>) -> Edge {
    let limits = Limits {
        body_bytes: 2_000,
        discard_bytes: 4_000,
        ..Limits::default()
    };
    Edge::new(
        limits,
        Timers::Own,
        Arc::new(move |request| world.lock().answer(&request).into()),
        Arc::new(Failures::default()),
        None,
    )
}

/// Everything that came back until the end.
async fn exchange(
    edge: &Arc<Edge>,
    stopping: &watch::Receiver<()>,
    sent: &[u8],
    piece: usize,
    closes: bool,
) -> Vec<u8> {
    // Longer than anything is waited for.
    const AGES: Duration = Duration::from_secs(100_000);
    let (client, far) = duplex(1 << 10);
    let served = serve_connection(Box::new(far), Arc::clone(edge), stopping.clone());
    let (mut incoming, mut writer) = tokio::io::split(client);
    let writing = async {
        for piece in sent.chunks(piece.min(sent.len().max(1))) {
            // The other side may have had enough.
            if writer.write_all(piece).await.is_err() {
                return;
            }
        }
        if closes {
            let _ = writer.shutdown().await;
        }
    };
    let reading = async {
        let mut all = Vec::new();
        let _ = incoming.read_to_end(&mut all).await;
        all
    };
    let all = timeout(AGES, async { tokio::join!(served, writing, reading) });
    let ((), (), all) = all.await.expect("a connection comes to its end");
    all
}

/// Nothing, or answers.
fn check(answers: &[u8]) {
    if answers.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(answers);
    let status = text
        .strip_prefix("HTTP/1.1 ")
        .or(text.strip_prefix("HTTP/1.0 "));
    let status = status.and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
    let status = status.unwrap_or_else(|| panic!("no answer: {text}"));
    assert!(status < 500 || status == 501 || status == 505, "{text}");
}
